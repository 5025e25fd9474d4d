//! What rules say about uploads: their judged scores, and single answers that can't wait.

use super::fall::{Of, below_level, together};
use super::levels::{above, beyond, under};
use super::life::Cause;
use super::series::{Level, Point, Series};
use super::words::{AlertChange, CauseKind, Evidence, hash};
use super::{AlertBook, Now, Place, Work};
use crate::documents::{Direction, Fall, Library, RuleKind};
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
            // What can't be compared ends a row, whatever came before it.
            let level =
                if rule.kind.in_a_row().is_some() && !scores.are_comparable() { Level::Clear } else { level };
            judge_upload(&mut series, &work, id, level);
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

/// Writes what the rule says about the upload; where it asks for several in a row, what that says about those after it.
fn judge_upload(series: &mut Series, work: &Work<'_>, id: u64, level: Level) {
    let position = series.position(id);
    let Some(responses) = work.rule.kind.in_a_row() else {
        if let Some(position) = position {
            // That nothing is known needs no room where nothing lasts.
            let level = if series.may_last(work.key, position) { level } else { level.or_clear() };
            series.judge(work.key, position, level);
        }
        return;
    };
    let each = !work.key;
    if let Some(position) = position {
        series.judge(each, position, level);
    }
    // One that is gone may have stood between any two.
    for position in position.unwrap_or(0)..series.points().len() {
        let level = series.in_a_row(each, position, responses);
        series.judge(work.key, position, level);
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

    /// Whether the upload can be held against anything.
    fn are_comparable(&self) -> bool {
        self.judged().and_then(percent_of_expected).is_some()
            || self.rows.iter().any(|row| row.change_errors.is_some())
    }

    /// What the rule says; `None`: it does not look at scores.
    fn level(&self, kind: &RuleKind) -> Option<Level> {
        let is_after = |row: &&ScoreChange| row.days_since_treatment.is_some_and(|days| days >= 0.0);
        match kind {
            RuleKind::BelowExpected { percent, trending_down, forecast_sds, fall, .. } => {
                let judged = self.judged().filter(is_after);
                let of_percent = percent.map(|(below, clear)| {
                    let percent = judged.and_then(percent_of_expected);
                    percent.map_or(Level::Between, |percent| under(percent, below, clear))
                });
                let of_forecast = forecast_sds.map(|sds| {
                    let below = judged.and_then(below_forecast);
                    // Where nothing is forecast, the other measures decide.
                    let unknown = if percent.or(fall.map(|_| (0.0, 0.0))).is_some() {
                        Level::Met
                    } else {
                        Level::Between
                    };
                    below.map_or(unknown, |below| above(below, sds, f64::MIN_POSITIVE))
                });
                let of_fall = fall.map(|fall| self.fallen(&fall, &[], |row| row.change_errors));
                let levels = [of_percent, of_forecast, of_fall];
                let least = levels.into_iter().flatten().min_by_key(|level| match level {
                    Level::Clear => 0,
                    Level::Between => 1,
                    Level::Met => 2,
                });
                Some(match least {
                    Some(Level::Met) if *trending_down && !judged.is_some_and(|row| self.goes_down(row)) => {
                        Level::Between
                    }
                    least => least.unwrap_or(Level::Between),
                })
            }
            RuleKind::RapidDecline { instruments, fall } => {
                Some(self.fallen(fall, instruments, |row| row.trend_errors))
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

    /// Rows of these instruments, of all where none is named.
    fn watched(&self, instruments: &'s [std::sync::Arc<str>]) -> impl Iterator<Item = &'s ScoreChange> + 's {
        let watched =
            move |row: &&ScoreChange| instruments.is_empty() || instruments.contains(&row.instrument);
        self.rows.iter().filter(watched)
    }

    /// Whether the patient fell by what `of` says.
    fn fallen(&self, fall: &Fall, instruments: &'s [std::sync::Arc<str>], of: Of) -> Level {
        let below = |row| below_level(self.library, self.place.plan, row);
        let matters = self.watched(instruments).filter_map(below).any(|below| below >= fall.mcid);
        fall.level(together(self.watched(instruments), of), matters)
    }

    /// What says that the patient fell, instrument by instrument.
    fn fall_evidence(&self, kind: &'s RuleKind) -> Vec<Evidence> {
        let (name, instruments, of): (_, &[std::sync::Arc<str>], Of) = match kind {
            RuleKind::RapidDecline { instruments, .. } => {
                ("trend_errors", instruments, |row| row.trend_errors)
            }
            RuleKind::BelowExpected { fall: Some(_), .. } => ("change_errors", &[], |row| row.change_errors),
            _ => return Vec::new(),
        };
        let together = together(self.watched(instruments), of);
        let mut evidence: Vec<Evidence> =
            together.map(|errors| Evidence::number(name, errors, "{error}")).into_iter().collect();
        for row in self.watched(instruments).filter(|row| row.level.is_some()) {
            let (id, at) = (&*row.upload_id, row.answered_at);
            evidence.push(Evidence::text("instrument", &row.instrument).of(id));
            evidence.extend(row.score.map(|score| Evidence::number("score", score, "{score}").of(id).at(at)));
            evidence.extend(row.level.map(|level| Evidence::number("level", level, "{score}").of(id)));
        }
        evidence
    }

    fn cause(&self, kind: &'s RuleKind) -> Cause {
        let Some(first) = self.rows.first() else { return Cause::nothing() };
        let mut cause = Cause::of_upload(first);
        let id = &*first.upload_id;
        match kind {
            RuleKind::RapidDecline { .. } | RuleKind::BelowExpected { .. } => {
                cause.evidence.extend(self.fall_evidence(kind));
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

/// How many standard deviations the index lies below what the patient's own earlier responses let expect; without any,
/// below what comparable patients report. `None`: nothing is expected.
fn below_forecast(row: &ScoreChange) -> Option<f64> {
    let (mean, sd) = row.forecast.zip(row.forecast_sd).or(row.expected.zip(row.expected_sd))?;
    (sd > 0.0).then_some(())?;
    Some((mean - row.index?) / sd)
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
        ("forecast", row.forecast, "%", edition),
        ("forecast_sd", row.forecast_sd, "%", edition),
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
