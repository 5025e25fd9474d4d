//! What rules say about uploads: their judged scores, and single answers that can't wait.

use super::levels::{beyond, under};
use super::life::Cause;
use super::series::{Level, Point, Series};
use super::words::{AlertChange, CauseKind, Evidence, hash};
use super::{AlertBook, Now, Place, Work};
use crate::documents::{Direction, Library, RuleKind};
use crate::facts::{RecordHead, RecordStatus, UploadFact};
use crate::patient::{ScoreChange, ScoreStatus};
use crate::time::Instant;

/// Uploads of an episode that are kept: more than two years of one each fortnight.
const UPLOADS_MAX: usize = 60;

/// The instrument of a composite's row.
const COMPOSITE: &str = "composite";

pub(super) fn uploads_of(episode_id: &str) -> u64 {
    hash(&format!("uploads/{episode_id}"))
}

impl AlertBook {
    /// Scores that were issued: rows of one upload and episode follow each other.
    pub fn take_scores(&mut self, now: &Now<'_>, rows: &[ScoreChange], out: &mut Vec<AlertChange>) {
        let same = |one: &ScoreChange, other: &ScoreChange| {
            one.upload_id == other.upload_id && one.episode_id == other.episode_id
        };
        for rows in rows.chunk_by(same) {
            if let Some(place) = rows.first().and_then(|row| now.place(&row.episode_id)) {
                self.take_upload(now, place, rows, out);
            }
        }
        self.finish(now.tick);
    }

    fn take_upload(
        &mut self,
        now: &Now<'_>,
        place: Place<'_>,
        rows: &[ScoreChange],
        out: &mut Vec<AlertChange>,
    ) {
        let Some(first) = rows.first() else { return };
        let (key, id) = (uploads_of(&first.episode_id), hash(&first.upload_id));
        let mut series = self.open_series(key);
        let stands = rows.iter().any(|row| row.status != ScoreStatus::Withdrawn);
        if !stands {
            series.remove(id);
        } else if !series.put(Point::new(first.answered_at, id, "", None)) {
            return self.keep(key, series, UPLOADS_MAX);
        }
        for rule in &place.policy.rules {
            let scores = Scores { library: now.library, place, rows };
            let Some(level) = scores.level(&rule.kind) else { continue };
            let work = Work::new(now, place, rule, key);
            if let Some(position) = series.position(id) {
                // That nothing is known needs no room where nothing lasts.
                let level = if series.may_last(work.key, position) { level } else { level.or_clear() };
                series.judge(work.key, position, level);
            }
            self.weigh(&work, &mut series, id, &|_| scores.cause(&rule.kind), out);
        }
        if !stands {
            self.weigh_answers(now, place, (key, id), &mut series, &|_| Cause::of_upload(first), out);
        } else {
            self.heard(place, first.answered_at, now.tick, out);
        }
        self.keep(key, series, UPLOADS_MAX);
    }

    /// The answers of an upload that was accepted, whether or not they could be scored.
    pub fn take_answers(
        &mut self,
        now: &Now<'_>,
        head: &RecordHead<'_>,
        fact: &UploadFact<'_>,
        out: &mut Vec<AlertChange>,
    ) {
        let Some(place) = now.place_at(fact.episode_id, fact.answered_at) else { return };
        let watched = |kind: &RuleKind| matches!(kind, RuleKind::SingleAnswer { .. });
        if !place.policy.rules.iter().any(|rule| watched(&rule.kind)) {
            return;
        }
        let (key, id) = (uploads_of(place.episode.id), hash(head.id));
        let mut series = self.open_series(key);
        let withdrawn = head.status == RecordStatus::EnteredInError;
        if withdrawn {
            series.remove(id);
        } else {
            series.put(Point::new(fact.answered_at, id, "", None));
        }
        for rule in &place.policy.rules {
            let RuleKind::SingleAnswer { instrument, item, code_at_least } = &rule.kind else { continue };
            let answers = fact.forms.iter().filter(|form| *form.instrument == **instrument);
            let mut answers = answers.flat_map(|form| &form.answers).filter(|answer| *answer.item == **item);
            let code = answers.find_map(|answer| answer.code).filter(|code| code >= code_at_least);
            let work = Work::new(now, place, rule, key);
            if let Some(position) = series.position(id) {
                series.judge(work.key, position, if code.is_some() { Level::Met } else { Level::Clear });
            }
            let cause = |_: &Point| Cause {
                kind: CauseKind::Answer,
                id: head.id.into(),
                at: fact.answered_at,
                uploaded_at: Some(fact.uploaded_at),
                source: head.source,
                evidence: vec![
                    Evidence::number("answer", f64::from(code.unwrap_or(0)), "")
                        .of(head.id)
                        .at(fact.answered_at),
                    Evidence::text("item", item).of(head.id),
                    Evidence::text("instrument", instrument).of(head.id),
                    Evidence::text("respondent", fact.respondent).of(head.id),
                ],
            };
            self.weigh(&work, &mut series, id, &cause, out);
        }
        self.keep(key, series, UPLOADS_MAX);
        self.finish(now.tick);
    }

    /// An upload went: so did its single answers.
    fn weigh_answers(
        &mut self,
        now: &Now<'_>,
        place: Place<'_>,
        (key, id): (u64, u64),
        series: &mut Series,
        cause: &dyn Fn(&Point) -> Cause,
        out: &mut Vec<AlertChange>,
    ) {
        for rule in
            place.policy.rules.iter().filter(|rule| matches!(rule.kind, RuleKind::SingleAnswer { .. }))
        {
            self.weigh(&Work::new(now, place, rule, key), series, id, cause, out);
        }
    }
}

impl Cause {
    fn of_upload(row: &ScoreChange) -> Cause {
        Cause {
            kind: CauseKind::Score,
            id: (&*row.upload_id).into(),
            at: row.answered_at,
            uploaded_at: Some(row.uploaded_at),
            source: row.source,
            evidence: Vec::new(),
        }
    }
}

/// The rows of one upload and episode.
struct Scores<'s> {
    library: &'s Library,
    place: Place<'s>,
    rows: &'s [ScoreChange],
}

impl<'s> Scores<'s> {
    fn of(&self, instrument: &str) -> Option<&'s ScoreChange> {
        self.rows.iter().find(|row| *row.instrument == *instrument && row.status == ScoreStatus::Scored)
    }

    /// The row by which the upload is judged: the composite's where the plan has one, else the plan's first instrument's.
    fn judged(&self) -> Option<&'s ScoreChange> {
        let first = || self.place.plan.instruments.first().map(|first| &*first.id);
        self.of(self.place.plan.composite.map(|_| COMPOSITE).or_else(first)?)
    }

    /// What the rule says; `None`: it does not look at scores.
    fn level(&self, kind: &RuleKind) -> Option<Level> {
        let is_after = |row: &&ScoreChange| row.days_since_treatment.is_some_and(|days| days >= 0.0);
        match kind {
            RuleKind::BelowExpected { below_percent, clear_percent, trending_down } => {
                let judged = self.judged().filter(is_after);
                let Some((row, percent)) = judged.and_then(|row| Some((row, percent_of_expected(row)?)))
                else {
                    return Some(Level::Between);
                };
                Some(match under(percent, *below_percent, *clear_percent) {
                    Level::Met if *trending_down && !self.goes_down(row) => Level::Between,
                    level => level,
                })
            }
            RuleKind::RapidDecline { .. } => {
                Some(if self.declined(kind).is_empty() { Level::Clear } else { Level::Met })
            }
            RuleKind::SevereScore { instrument, side, limit, clear } => {
                let score = self.of(instrument).and_then(|row| row.score);
                Some(score.map_or(Level::Between, |score| beyond(*side, score, *limit, *clear)))
            }
            _ => None,
        }
    }

    /// Whether the judged index, or score, falls over the last weeks.
    fn goes_down(&self, row: &ScoreChange) -> bool {
        let direction = self.library.instrument(&row.instrument, None).map(|known| known.direction);
        let up = direction != Some(Direction::Down);
        row.slope_56d.is_some_and(|slope| if up { slope < 0.0 } else { slope > 0.0 })
    }

    /// The rows that say that the patient fell, each with what says it.
    fn declined(&self, kind: &RuleKind) -> Vec<(&'s ScoreChange, Evidence)> {
        let RuleKind::RapidDecline { instruments, mcid, slope_points_28d } = kind else { return Vec::new() };
        let after = self.rows.iter().filter(|row| row.days_since_treatment.is_some_and(|days| days >= 0.0));
        let watched = |row: &&ScoreChange| instruments.is_empty() || instruments.contains(&row.instrument);
        let fell = after.clone().filter(watched).filter_map(|row| {
            let change = row.change_mcid.filter(|change| *change <= -mcid)?;
            Some((row, Evidence::number("change_mcid", change, "{mcid}")))
        });
        let slides = after.filter(|row| *row.instrument == *COMPOSITE).filter_map(|row| {
            let (slope, limit) = (row.slope_56d?, (*slope_points_28d)?);
            (slope * 28.0 <= -limit).then(|| (row, Evidence::number("slope_56d", slope, "%/d")))
        });
        fell.chain(slides).collect()
    }

    fn cause(&self, kind: &RuleKind) -> Cause {
        let Some(first) = self.rows.first() else { return Cause::nothing() };
        let mut cause = Cause::of_upload(first);
        let (id, at) = (&*first.upload_id, first.answered_at);
        match kind {
            RuleKind::RapidDecline { .. } => {
                for (row, what) in self.declined(kind) {
                    cause.evidence.push(what.of(id).at(at));
                    cause.evidence.push(Evidence::text("instrument", &row.instrument).of(id));
                    cause.evidence.extend(score_evidence(row));
                }
            }
            RuleKind::SevereScore { instrument, limit, .. } => {
                cause.evidence.extend(self.of(instrument).into_iter().flat_map(score_evidence));
                cause.evidence.push(Evidence::text("instrument", instrument).of(id));
                cause.evidence.push(Evidence::number("limit", *limit, "{score}"));
            }
            _ => {}
        }
        if let Some(row) = self.judged().filter(|_| !matches!(kind, RuleKind::SevereScore { .. })) {
            cause.evidence.extend(judged_evidence(row));
        }
        cause
    }
}

impl Cause {
    fn nothing() -> Cause {
        Cause {
            kind: CauseKind::Score,
            id: "".into(),
            at: Instant(0),
            uploaded_at: None,
            source: crate::facts::Source::Import,
            evidence: Vec::new(),
        }
    }
}

/// The index in percent of what is expected. `None`: without either, or where nothing above 0 is expected.
fn percent_of_expected(row: &ScoreChange) -> Option<f64> {
    let (index, expected) = (row.index?, row.expected?);
    (expected > 0.0).then(|| 100.0 * index / expected)
}

fn score_evidence(row: &ScoreChange) -> Vec<Evidence> {
    let (id, at) = (&*row.upload_id, row.answered_at);
    let score = row.score.map(|score| Evidence::number("score", score, "{score}").of(id).at(at));
    let baseline = row.baseline.map(|baseline| {
        let from = row.baseline_upload_id.as_deref().unwrap_or("");
        Evidence::number("baseline", baseline, "{score}").of(from)
    });
    score.into_iter().chain(baseline).collect()
}

/// What the judged row rests on.
fn judged_evidence(row: &ScoreChange) -> Vec<Evidence> {
    let (id, at) = (&*row.upload_id, row.answered_at);
    let edition = row.curve_edition.as_deref().unwrap_or("");
    let numbers = [
        ("index", row.index, "%", id),
        ("expected", row.expected, "%", edition),
        ("of_expected", percent_of_expected(row), "%", id),
        ("expected_sd", row.expected_sd, "%", edition),
        ("expected_n", row.expected_n.map(f64::from), "", edition),
        ("slope_56d", row.slope_56d, "%/d", id),
    ];
    let numbers = numbers.into_iter().filter_map(|(name, value, unit, from)| {
        let evidence = Evidence::number(name, value?, unit).of(from);
        Some(if from == id { evidence.at(at) } else { evidence })
    });
    let texts = [("cohort", &row.cohort), ("curve_edition", &row.curve_edition)];
    let texts = texts.into_iter().filter_map(|(name, text)| Some(Evidence::text(name, text.as_deref()?)));
    numbers.chain(texts).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::documents::Side;

    #[test]
    fn limits_belong_to_the_side_that_the_policy_says() {
        assert_eq!(
            [89.9, 90.0, 92.9, 93.0].map(|index| under(index, 90.0, 93.0)),
            [Level::Met, Level::Between, Level::Between, Level::Clear]
        );
        assert_eq!(
            [19.0, 20.0, 17.0, 16.0].map(|score| beyond(Side::Above, score, 20.0, 17.0)),
            [Level::Between, Level::Met, Level::Between, Level::Clear]
        );
        assert_eq!(
            [88.0, 88.1, 91.0, 91.1].map(|value| beyond(Side::Below, value, 88.0, 91.0)),
            [Level::Met, Level::Between, Level::Between, Level::Clear]
        );
    }
}
