//! What rules say about vital signs, laboratory values and clinicians' sessions.

use super::levels::{band_at, levels};
use super::life::Cause;
use super::series::{Point, Series};
use super::words::{AlertChange, CauseKind, Evidence, hash, stamp};
use super::{AlertBook, Now, Place, Work};
use crate::documents::{AlertRule, Library, RuleKind, Side};
use crate::facts::{ClinicalFact, RecordHead, RecordStatus, Source, VerdictFact};
use crate::metric::Metric;
use crate::time::{Instant, MS_PER_DAY, Millis};
use crate::vital::VitalFact;
use crate::window::WINDOW_MS;

/// Points of a series of vital signs that are kept: three hours of windows, some weeks of days.
pub(super) const POINTS_MAX: usize = 36;
/// Laboratory values of one code that are kept.
const VALUES_MAX: usize = 40;
/// Clinicians' sessions that were no service and are kept.
const SESSIONS_MAX: usize = 24;
/// Days of doses that are kept.
const DOSES_MAX: usize = 35;

/// How far behind a point what left the series may have changed what the rule says about it.
pub(super) fn horizon(kind: &RuleKind) -> Millis {
    match kind {
        RuleKind::SustainedVital { minutes, .. } => Millis::seconds(i64::from(*minutes) * 60),
        RuleKind::LaboratoryRise { .. }
        | RuleKind::LaboratoryHeld { .. }
        | RuleKind::LaboratoryIncrease { .. } => Millis(i64::MAX),
        _ => Millis(0),
    }
}

/// A fact as a point, and what is known about it as a cause.
pub(super) struct Fact<'f> {
    /// What it belongs to.
    pub(super) series: String,
    pub(super) at: Instant,
    /// Unique in the series; the cause's id.
    pub(super) id: String,
    /// What is kept of it beside time and value.
    pub(super) label: &'f str,
    pub(super) value: f64,
    pub(super) kind: CauseKind,
    pub(super) source: Source,
    pub(super) most: usize,
    pub(super) evidence: &'f dyn Fn(&RuleKind) -> Vec<Evidence>,
}

impl AlertBook {
    /// Whether the fact could change anything, whatever the patient's plan; far less work than [`AlertBook::concerns`],
    /// which says it more exactly.
    pub fn may_concern(&self, library: &Library, fact: &VitalFact) -> bool {
        let VitalFact::Window { metric, device, start, mean, .. } = fact else { return true };
        let watched = library.watched_windows();
        watched.is_beyond(*metric, *mean)
            || watched.hears_devices() && self.is_heard_anew(device, start.saturating_add(Millis(WINDOW_MS)))
            || watched.has_limit(*metric) && self.follows_windows(*metric)
    }

    /// Whether windows of the metric were beyond a limit lately.
    fn follows_windows(&self, metric: Metric) -> bool {
        let key = || hash(&windows_of(metric));
        !self.series.is_empty() && self.series.binary_search_by_key(&key(), |(own, _)| *own).is_ok()
    }

    /// Whether the fact could change anything; else the book need not be touched. Most windows can't: they are well,
    /// and so were those before them.
    pub fn concerns(&self, now: &Now<'_>, fact: &VitalFact) -> bool {
        let VitalFact::Window { metric, device, start, mean, .. } = fact else { return true };
        let Some(place) = now.place_at(None, *start) else { return false };
        let (mut rules, follows) = (sustained(place, *metric), self.follows_windows(*metric));
        let beyond = |(side, clear): (Side, f64)| side.holds(*mean, clear);
        self.hears_anew(place, device, start.saturating_add(Millis(WINDOW_MS)))
            || rules.any(|rule| follows || beyond(rule))
    }

    /// Something that the vitals say.
    pub fn take_vital(
        &mut self,
        now: &Now<'_>,
        fact: &VitalFact,
        source: Source,
        out: &mut Vec<AlertChange>,
    ) {
        match fact {
            VitalFact::Window { metric, device, start, readings, mean, min, max } => {
                let end = start.saturating_add(Millis(WINDOW_MS));
                let Some(place) = now.place_at(None, end) else { return };
                self.hear(now, place, device, end, source, out);
                let unit = metric.unit();
                let evidence = |kind: &RuleKind| {
                    let mut evidence = vec![
                        Evidence::number("mean", *mean, unit).of(device).at(*start),
                        Evidence::number("min", *min, unit).of(device).at(*start),
                        Evidence::number("max", *max, unit).of(device).at(*start),
                        Evidence::number("readings", f64::from(*readings), "").of(device).at(*start),
                    ];
                    if let RuleKind::SustainedVital { limit, minutes, .. } = kind {
                        evidence.push(Evidence::number("limit", *limit, unit));
                        evidence.push(Evidence::number("sustained", f64::from(*minutes), "min"));
                    }
                    evidence.insert(0, Evidence::text("metric", metric.name()));
                    evidence
                };
                let fact = Fact {
                    series: windows_of(*metric),
                    at: *start,
                    id: format!("{}@{}@{device}", metric.name(), stamp(*start)),
                    label: "",
                    value: *mean,
                    kind: CauseKind::Window,
                    source,
                    most: POINTS_MAX,
                    evidence: &evidence,
                };
                let watches = |kind: &RuleKind| matches!(kind, RuleKind::SustainedVital { metric: own, .. } if own == metric);
                self.take_fact(now, place, &fact, &watches, out);
            }
            VitalFact::News2 { .. } | VitalFact::Surge { .. } | VitalFact::Gone { .. } => {
                self.take_moment(now, fact, source, out);
            }
            _ => self.take_daily(now, fact, source, out),
        }
        self.finish(now.tick);
    }

    fn take_daily(&mut self, now: &Now<'_>, fact: &VitalFact, source: Source, out: &mut Vec<AlertChange>) {
        match fact {
            VitalFact::Deviation { metric, at, value, median, robust_z } => {
                let Some(place) = now.place_at(None, *at) else { return };
                let unit = metric.unit();
                let evidence = |_: &RuleKind| {
                    vec![
                        Evidence::text("metric", metric.name()),
                        Evidence::number("value", *value, unit).at(*at),
                        Evidence::number("median_28d", *median, unit),
                        Evidence::number("robust_z", *robust_z, "").at(*at),
                    ]
                };
                let fact = Fact {
                    series: format!("deviation/{}", metric.name()),
                    at: *at,
                    id: format!("{}@{}", metric.name(), stamp(*at)),
                    label: "",
                    value: *robust_z,
                    kind: CauseKind::Window,
                    source,
                    most: POINTS_MAX,
                    evidence: &evidence,
                };
                let watches = |kind: &RuleKind| matches!(kind, RuleKind::OwnBaseline { metric: own, .. } if own == metric);
                self.take_fact(now, place, &fact, &watches, out);
            }
            VitalFact::Adherence { day_start, taken, due } => {
                self.take_doses(now, (*day_start, *taken, *due), source, out);
            }
            _ => {}
        }
    }

    fn take_doses(
        &mut self,
        now: &Now<'_>,
        day: (Instant, u32, u32),
        source: Source,
        out: &mut Vec<AlertChange>,
    ) {
        self.doses.retain(|(start, _, _)| *start != day.0);
        let place = self.doses.partition_point(|(start, _, _)| *start < day.0);
        self.doses.insert(place, day);
        let excess = self.doses.len().saturating_sub(DOSES_MAX);
        self.doses.drain(..excess);
        // A day that came late counts with the newest.
        let Some((newest, _, _)) = self.doses.last().copied() else { return };
        let Some(place) = now.place_at(None, newest) else { return };
        for rule in &place.policy.rules {
            let RuleKind::Adherence { below_percent, days, due_min, .. } = &rule.kind else { continue };
            // half a day of room for days of 23 and 25 hours
            let length = Millis(i64::from(*days) * MS_PER_DAY - MS_PER_DAY / 2);
            let within = self.doses.iter().filter(|(start, _, _)| newest.since(*start) < length);
            let sums = within.fold((0u32, 0u32), |(taken, due), day| {
                (taken.saturating_add(day.1), due.saturating_add(day.2))
            });
            if i64::from(sums.1) < i64::from(*due_min) {
                continue;
            }
            let share = 100.0 * f64::from(sums.0) / f64::from(sums.1);
            let evidence = |_: &RuleKind| {
                vec![
                    Evidence::number("adherence", share, "%").at(newest),
                    Evidence::number("limit", *below_percent, "%"),
                    Evidence::number("doses_taken", f64::from(sums.0), "{dose}"),
                    Evidence::number("doses_due", f64::from(sums.1), "{dose}"),
                    Evidence::number("days", f64::from(*days), "d"),
                ]
            };
            let fact = Fact {
                series: format!("adherence/{}", rule.id),
                at: newest,
                id: format!("adherence@{}", stamp(newest)),
                label: "",
                value: share,
                kind: CauseKind::Window,
                source,
                most: POINTS_MAX,
                evidence: &evidence,
            };
            self.take_fact(now, place, &fact, &|kind| *kind == rule.kind, out);
        }
    }

    /// A clinical event that was accepted; laboratory values are looked at, in the unit of the rule. One in a unit from
    /// which the rule does not convert counts as none.
    pub fn take_clinical(
        &mut self,
        now: &Now<'_>,
        head: &RecordHead<'_>,
        fact: &ClinicalFact<'_>,
        out: &mut Vec<AlertChange>,
    ) {
        let Some(place) = now.place_at(fact.episode_id, head.event_at) else { return };
        let code =
            fact.code.filter(|_| fact.kind == "measurement" && head.status != RecordStatus::EnteredInError);
        let of_code = |code| place.policy.rules.iter().find(|rule| rule.kind.has_code(code));
        let known = code.and_then(of_code).and_then(|rule| rule.unit.as_ref());
        let named = fact.named_unit();
        let factor = known.zip(named).map_or(Some(1.0), |(known, named)| known.factor(named));
        let taken = code.zip(fact.value).zip(factor).map(|((code, value), factor)| (code, value * factor));
        if head.revision > 1 || taken.is_none() {
            self.drop_value(now, place, head.id, taken.map(|(code, _)| code), out);
        }
        let Some((code, value)) = taken else { return self.finish(now.tick) };
        let unit = known.map_or(named.unwrap_or(""), |known| &known.code);
        let evidence = |kind: &RuleKind| {
            let mut evidence = vec![Evidence::number("value", value, unit).of(head.id).at(head.event_at)];
            match named {
                Some(named) if named != unit => {
                    evidence
                        .push(Evidence::number("reported", fact.value.unwrap_or(value), named).of(head.id));
                }
                None if known.is_some() => evidence.push(Evidence::text("assumed_unit", unit).of(head.id)),
                _ => {}
            }
            evidence.push(Evidence::text("code", code).of(head.id));
            if let RuleKind::LaboratoryLimits { hours_since_dose, bands, .. } = kind {
                if let Some(band) = band_at(bands, place.episode.treated_at, head.event_at) {
                    evidence.push(Evidence::number("lowest", band.at_least, unit));
                    evidence.push(Evidence::number("highest", band.at_most, unit));
                }
                evidence.push(Evidence::number(
                    "assumed_hours_since_dose",
                    f64::from(*hours_since_dose),
                    "h",
                ));
            }
            evidence
        };
        let fact = Fact {
            series: values_of(code),
            at: head.event_at,
            id: head.id.into(),
            label: head.id,
            value,
            kind: CauseKind::Event,
            source: head.source,
            most: VALUES_MAX,
            evidence: &evidence,
        };
        self.take_fact(now, place, &fact, &|kind| kind.has_code(code), out);
        self.finish(now.tick);
    }

    /// A laboratory value was withdrawn, or has another code now.
    fn drop_value(
        &mut self,
        now: &Now<'_>,
        place: Place<'_>,
        id: &str,
        code: Option<&str>,
        out: &mut Vec<AlertChange>,
    ) {
        let stays = code.map(|code| hash(&values_of(code)));
        let codes = place.policy.rules.iter().flat_map(|rule| rule.kind.codes());
        for key in codes.map(|code| hash(&values_of(code))).filter(|key| Some(*key) != stays) {
            let watches = |kind: &RuleKind| kind.codes().iter().any(|own| hash(&values_of(own)) == key);
            let gone = Removed { key, id: hash(id), kind: CauseKind::Event, source: Source::Live };
            self.drop_point(now, place, &gone, &watches, VALUES_MAX, out);
        }
    }

    /// Takes a point out of its series and lets the rules that `watches` names look at what is left.
    pub(super) fn drop_point(
        &mut self,
        now: &Now<'_>,
        place: Place<'_>,
        gone: &Removed,
        watches: &dyn Fn(&RuleKind) -> bool,
        most: usize,
        out: &mut Vec<AlertChange>,
    ) {
        let mut series = self.open_series(gone.key);
        if series.remove(gone.id).is_some() {
            self.judge_all(now, place, &mut series, gone, watches, out);
        }
        if gone.kind == CauseKind::Window {
            series.drop_clear();
        }
        self.keep(gone.key, series, most);
    }

    /// Whether a clinician's session was service.
    pub fn take_verdict(
        &mut self,
        now: &Now<'_>,
        head: &RecordHead<'_>,
        fact: &VerdictFact<'_>,
        out: &mut Vec<AlertChange>,
    ) {
        let Some(place) = now.place_at(fact.episode_id, head.event_at) else { return };
        let cause_id = match fact.upload_id {
            Some(upload) => format!("{}/{upload}", fact.clinician_id),
            None => format!("{}/{}", fact.clinician_id, head.id),
        };
        let (key, id) = (hash("sessions"), hash(&cause_id));
        let service = fact.service || head.status == RecordStatus::EnteredInError;
        let mut series = self.open_series(key);
        let known = series.position(id).and_then(|position| series.points().get(position));
        // The newest session of the clinician on this upload is the one that counts.
        let is_older = known.is_some_and(|known| known.at > head.event_at);
        if is_older || (known.is_none() && service) {
            return self.keep(key, series, SESSIONS_MAX);
        }
        let level = if service { super::series::Level::Clear } else { super::series::Level::Met };
        series.put(Point::new(head.event_at, id, "", None));
        let cause = |_: &Point| Cause {
            kind: CauseKind::Session,
            id: (&*cause_id).into(),
            at: head.event_at,
            uploaded_at: None,
            source: head.source,
            evidence: session_evidence(head, fact),
        };
        for rule in place.policy.rules.iter().filter(|rule| rule.kind == RuleKind::SuperficialUse) {
            let work = Work::new(now, place, rule, key);
            if let Some(position) = series.position(id) {
                series.judge(work.key, position, level);
            }
            self.weigh(&work, &mut series, id, &cause, out);
        }
        self.keep(key, series, SESSIONS_MAX);
        self.finish(now.tick);
    }

    /// Puts a fact into its series and lets the rules that `watches` names look at it.
    pub(super) fn take_fact(
        &mut self,
        now: &Now<'_>,
        place: Place<'_>,
        fact: &Fact<'_>,
        watches: &dyn Fn(&RuleKind) -> bool,
        out: &mut Vec<AlertChange>,
    ) {
        if !place.policy.rules.iter().any(|rule| watches(&rule.kind)) {
            return;
        }
        let key = hash(&fact.series);
        let mut series = self.open_series(key);
        let id = hash(&fact.id);
        if series.put(Point::new(fact.at, id, fact.label, Some(fact.value))) {
            self.judge_all(now, place, &mut series, &Arrived { key, id, fact }, watches, out);
        }
        if fact.kind == CauseKind::Window {
            series.trim(fact.most);
            series.drop_clear();
        }
        self.keep(key, series, fact.most);
    }

    fn judge_all(
        &mut self,
        now: &Now<'_>,
        place: Place<'_>,
        series: &mut Series,
        what: &dyn Happened,
        watches: &dyn Fn(&RuleKind) -> bool,
        out: &mut Vec<AlertChange>,
    ) {
        for rule in place.policy.rules.iter().filter(|rule| watches(&rule.kind)) {
            let work = Work::new(now, place, rule, what.series());
            let levels = levels(&rule.kind, series.points(), place.episode.treated_at);
            let horizon = horizon(&rule.kind);
            for (position, level) in levels.into_iter().enumerate() {
                if !series.rests_on_what_left(position, horizon)
                    || series.position(what.id()) == Some(position)
                {
                    series.judge(work.key, position, level);
                }
            }
            self.weigh(&work, series, what.id(), &|point| what.cause(rule, point), out);
        }
    }
}

/// What made a series change.
trait Happened {
    fn series(&self) -> u64;
    fn id(&self) -> u64;
    /// What a point of the series is as a cause. Of points that came before, little is known.
    fn cause(&self, rule: &AlertRule, point: &Point) -> Cause;
}

struct Arrived<'f> {
    key: u64,
    id: u64,
    fact: &'f Fact<'f>,
}

impl Happened for Arrived<'_> {
    fn series(&self) -> u64 {
        self.key
    }

    fn id(&self) -> u64 {
        self.id
    }

    fn cause(&self, rule: &AlertRule, point: &Point) -> Cause {
        let fact = self.fact;
        if point.id != self.id {
            return earlier(point, fact.kind, fact.source);
        }
        Cause {
            kind: fact.kind,
            id: (&*fact.id).into(),
            at: fact.at,
            uploaded_at: None,
            source: fact.source,
            evidence: (fact.evidence)(&rule.kind),
        }
    }
}

/// A point that is there no more.
pub(super) struct Removed {
    /// The series.
    pub(super) key: u64,
    pub(super) id: u64,
    pub(super) kind: CauseKind,
    pub(super) source: Source,
}

impl Happened for Removed {
    fn series(&self) -> u64 {
        self.key
    }

    fn id(&self) -> u64 {
        self.id
    }

    fn cause(&self, _: &AlertRule, point: &Point) -> Cause {
        earlier(point, self.kind, self.source)
    }
}

/// A point that came before is a cause only now: of a laboratory value, because of another one that came late; of a
/// window, because windows before it did.
fn earlier(point: &Point, kind: CauseKind, source: Source) -> Cause {
    let (id, from) = match kind {
        CauseKind::Event => (point.label.clone(), &*point.label),
        _ => (stamp(point.at).into(), ""),
    };
    let value = Evidence::number("value", point.value.unwrap_or(0.0), "").of(from).at(point.at);
    Cause { kind, id, at: point.at, uploaded_at: None, source, evidence: vec![value] }
}

/// Kept with an early warning score of which a single vital has three points.
pub(super) const ANY_THREE: &str = "3";

fn windows_of(metric: Metric) -> String {
    format!("windows/{}", metric.name())
}

fn values_of(code: &str) -> String {
    format!("values/{code}")
}

/// On which side of which limit windows of the metric are not over.
fn sustained(place: Place<'_>, metric: Metric) -> impl Iterator<Item = (Side, f64)> {
    place.policy.rules.iter().filter_map(move |rule| match &rule.kind {
        RuleKind::SustainedVital { metric: own, side, clear, .. } if *own == metric => Some((*side, *clear)),
        _ => None,
    })
}

fn session_evidence(head: &RecordHead<'_>, fact: &VerdictFact<'_>) -> Vec<Evidence> {
    let seconds = Millis(fact.duration_ms).0.div_euclid(1_000);
    let seconds = f64::from(i32::try_from(seconds).unwrap_or(i32::MAX));
    let numbers = [
        ("duration", seconds, "s"),
        ("interactions", f64::from(fact.interactions), ""),
        ("sections_read", f64::from(fact.sections_read), ""),
        ("burst_patients", f64::from(fact.burst_patients), ""),
    ];
    let texts =
        [("clinician", fact.clinician_id), ("upload", fact.upload_id.unwrap_or("")), ("rule", fact.rule)];
    let reasons = fact.reasons.iter().map(|reason| ("reason", *reason));
    let texts = reasons.chain(texts).map(|(name, text)| Evidence::text(name, text).of(head.id));
    texts.chain(numbers.map(|(name, value, unit)| Evidence::number(name, value, unit).of(head.id))).collect()
}
