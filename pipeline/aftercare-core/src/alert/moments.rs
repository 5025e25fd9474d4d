//! What rules say about moments: early warning scores and surges of blood pressure, and that one of them is said no more.

use super::vital_rules::{ANY_THREE, Fact, POINTS_MAX, Removed};
use super::words::{AlertChange, CauseKind, Evidence, hash, stamp};
use super::{AlertBook, Now, Place};
use crate::documents::{AlertRule, RuleKind};
use crate::facts::Source;
use crate::time::Instant;
use crate::vital::{Moment, VitalFact};

impl AlertBook {
    pub(super) fn take_moment(
        &mut self,
        now: &Now<'_>,
        fact: &VitalFact,
        source: Source,
        out: &mut Vec<AlertChange>,
    ) {
        match fact {
            VitalFact::News2 { slot_start, at, score, any_three, parts } => {
                let Some(place) = now.place_at(None, *slot_start) else { return };
                let evidence = |_: &RuleKind| {
                    let parts = parts.iter().filter(|(_, points)| *points > 0);
                    let parts = parts
                        .map(|(name, points)| Evidence::number(name, f64::from(*points), "{score}").at(*at));
                    let total = Evidence::number("news2", f64::from(*score), "{score}").at(*at);
                    std::iter::once(total).chain(parts).collect()
                };
                let fact = Fact {
                    series: SCORES.into(),
                    at: *at,
                    id: id_of(Moment::News2, *slot_start),
                    label: if *any_three { ANY_THREE } else { "" },
                    value: f64::from(*score),
                    kind: CauseKind::Window,
                    source,
                    most: POINTS_MAX,
                    evidence: &evidence,
                };
                self.take_fact(now, place, &fact, &is_score, out);
            }
            VitalFact::Surge { slot_start, at, from, to, minutes } => {
                let Some(place) = now.place_at(None, *slot_start) else { return };
                let evidence = |_: &RuleKind| {
                    vec![
                        Evidence::number("from", *from, "mm[Hg]"),
                        Evidence::number("to", *to, "mm[Hg]").at(*at),
                        Evidence::number("within", f64::from(*minutes), "min"),
                    ]
                };
                for rule in &place.policy.rules {
                    let RuleKind::PressureSurge { rise, to_at_least, .. } = &rule.kind else { continue };
                    // What is less than the rule asks for is no surge to it, whatever it was before.
                    if to - from < *rise || to < to_at_least {
                        self.drop_surge(now, place, rule, *slot_start, source, out);
                        continue;
                    }
                    let fact = Fact {
                        series: surges_of(rule),
                        at: *at,
                        id: id_of(Moment::Surge, *slot_start),
                        label: "",
                        value: *to,
                        kind: CauseKind::Window,
                        source,
                        most: POINTS_MAX,
                        evidence: &evidence,
                    };
                    self.take_fact(now, place, &fact, &|kind| *kind == rule.kind, out);
                }
            }
            VitalFact::Gone { moment: Moment::News2, slot_start } => {
                let Some(place) = now.place_at(None, *slot_start) else { return };
                let gone = removed(SCORES, Moment::News2, *slot_start, source);
                self.drop_point(now, place, &gone, &is_score, POINTS_MAX, out);
            }
            VitalFact::Gone { moment: Moment::Surge, slot_start } => {
                let Some(place) = now.place_at(None, *slot_start) else { return };
                for rule in place.policy.rules.iter().filter(|rule| is_surge(&rule.kind)) {
                    self.drop_surge(now, place, rule, *slot_start, source, out);
                }
            }
            _ => {}
        }
    }

    fn drop_surge(
        &mut self,
        now: &Now<'_>,
        place: Place<'_>,
        rule: &AlertRule,
        slot_start: Instant,
        source: Source,
        out: &mut Vec<AlertChange>,
    ) {
        let gone = removed(&surges_of(rule), Moment::Surge, slot_start, source);
        self.drop_point(now, place, &gone, &|kind| *kind == rule.kind, POINTS_MAX, out);
    }
}

/// The series of early warning scores.
const SCORES: &str = "news2";

/// The series of the surges that are one to the rule.
fn surges_of(rule: &AlertRule) -> String {
    format!("surge/{}", rule.id)
}

/// What tells a moment from others: its 5-minute window, for when in it was measured a late reading may change.
fn id_of(moment: Moment, slot_start: Instant) -> String {
    let name = match moment {
        Moment::News2 => "news2",
        Moment::Surge => "surge",
    };
    format!("{name}@{}", stamp(slot_start))
}

fn removed(series: &str, moment: Moment, slot_start: Instant, source: Source) -> Removed {
    Removed { key: hash(series), id: hash(&id_of(moment, slot_start)), kind: CauseKind::Window, source }
}

fn is_score(kind: &RuleKind) -> bool {
    matches!(kind, RuleKind::News2 { .. })
}

fn is_surge(kind: &RuleKind) -> bool {
    matches!(kind, RuleKind::PressureSurge { .. })
}
