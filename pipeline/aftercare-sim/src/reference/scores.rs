//! Scores of all uploads of a patient, each from its definition.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use aftercare_core::documents::{
    Direction, InstrumentDocument, Library, MissingPart, PlanDocument, PlanInstrument,
};
use aftercare_core::score::ScoreOutcome;
use aftercare_schemas::wire::Form;

use super::curves::comparison;
use super::enrolments::Episodes;
use super::intake::{Upload, answers};
use super::rolling::{self, as_f64};
use super::{Expected, ExpectedScore};

const DAY_MS: i64 = 86_400_000;

/// Adds every score that stands.
pub(super) fn rows(
    patient_id: &str,
    episodes: &Episodes,
    uploads: &[Upload],
    library: &Library,
    expected: &mut Expected,
) {
    for episode in episodes.ids() {
        let counts = |u: &&Upload| u.response.episode_id.is_none_or(|own| own == episode);
        let uploads: Vec<&Upload> = uploads.iter().filter(counts).collect();
        let mut courses = BTreeMap::new();
        for n in 0..uploads.len() {
            // The plan of that day judges the whole course up to there.
            let plan_id = episodes.dated(episode, uploads[n].response.answered_at, |s| s.plan);
            let plan = plan_id.and_then(|id| library.plan(id));
            if let Some((plan, rules)) = plan.and_then(|plan| Some((plan, plan.curve.as_ref()?))) {
                let instruments = plan.instruments.iter().map(|part| (part.id.to_string(), None));
                let composite = ("composite".to_owned(), Some(plan.id.to_string()));
                let curves = instruments.chain([composite]);
                expected.curve_rules.extend(curves.map(|curve| (curve, rules.clone())));
            }
            let course = courses
                .entry(plan_id)
                .or_insert_with(|| Course::new(episode, episodes, &uploads, plan, library));
            for (instrument, mut score) in course.rows(n) {
                score.patient_id = patient_id.to_owned();
                let id = format!("{episode}/{}/{instrument}", uploads[n].response.id);
                if let Some(plan) = plan.filter(|_| score.index.is_some()) {
                    let at = score.answered_at;
                    let before = course.before(n, &instrument);
                    let comparison = comparison(episode, episodes, plan, &instrument, at, &before);
                    expected.comparisons.extend(comparison.map(|comparison| (id.clone(), comparison)));
                }
                expected.scores.insert(id, score);
            }
        }
    }
}

/// An episode under one plan.
struct Course<'a> {
    episode: &'a str,
    episodes: &'a Episodes<'a>,
    uploads: &'a [&'a Upload<'a>],
    plan: Option<&'a Arc<PlanDocument>>,
    library: &'a Library,
    /// The scores of each instrument, by time of the answer.
    points: BTreeMap<&'a str, Vec<Point>>,
    composites: Vec<Point>,
}

/// A scored form: the upload's number, when it was answered, the score.
#[derive(Clone, Copy)]
struct Point {
    upload: usize,
    at: i64,
    value: f64,
}

impl<'a> Course<'a> {
    fn new(
        episode: &'a str,
        episodes: &'a Episodes<'a>,
        uploads: &'a [&'a Upload<'a>],
        plan: Option<&'a Arc<PlanDocument>>,
        library: &'a Library,
    ) -> Self {
        let (points, composites) = (BTreeMap::new(), Vec::new());
        let mut course = Self { episode, episodes, uploads, plan, library, points, composites };
        for form in uploads.iter().flat_map(|u| &u.response.forms) {
            if !course.points.contains_key(form.instrument) {
                course.points.insert(form.instrument, course.score_all(form.instrument));
            }
        }
        if let Some((plan, rule)) = plan.and_then(|plan| Some((plan, plan.composite?))) {
            let composite = |upload: usize| {
                let value = course.composite(upload, plan, rule)?;
                Some(Point { upload, at: uploads[upload].response.answered_at, value })
            };
            course.composites = (0..uploads.len()).filter_map(composite).collect();
        }
        course
    }

    /// The indices of the eight uploads before, with when they were answered.
    fn before(&self, n: usize, instrument: &str) -> Vec<(i64, f64)> {
        let of_last = |point: &&Point| (n.saturating_sub(8)..n).contains(&point.upload);
        if instrument == "composite" {
            return self.composites.iter().filter(of_last).map(|point| (point.at, point.value)).collect();
        }
        let Some(document) = self.library.instrument(instrument, None) else { return Vec::new() };
        let points = self.points(instrument);
        let index = |point: &Point| {
            let (index, _) = self.index(instrument, document, self.baseline(points), point.value)?;
            Some((point.at, index))
        };
        points.iter().filter(of_last).filter_map(index).collect()
    }

    fn points(&self, instrument: &str) -> &[Point] {
        self.points.get(instrument).map_or(&[], Vec::as_slice)
    }

    fn rows(&self, n: usize) -> Vec<(String, ExpectedScore)> {
        let response = &self.uploads[n].response;
        let mut rows: Vec<(String, ExpectedScore)> =
            response.forms.iter().map(|form| (form.instrument.to_owned(), self.form_row(n, form))).collect();
        let weighs = |form: &Form| self.part(form.instrument).is_some_and(|part| part.weight > 0);
        if let Some((plan, rule)) = self.plan.and_then(|plan| Some((plan, plan.composite?)))
            && response.forms.iter().any(weighs)
        {
            rows.push(("composite".to_owned(), self.composite_row(n, plan, rule)));
        }
        rows
    }

    fn part(&self, instrument: &str) -> Option<&PlanInstrument> {
        self.plan?.instruments.iter().find(|part| *part.id == *instrument)
    }

    /// What every row of an upload says.
    fn blank(&self, n: usize) -> ExpectedScore {
        let response = &self.uploads[n].response;
        let at = response.answered_at;
        let treated_at = self.episodes.treated_at(self.episode);
        ExpectedScore {
            upload_revision: response.revision,
            status: "unscored".to_owned(),
            answered_at: at,
            days_since_treatment: treated_at.map(|treated| as_f64(at - treated) / as_f64(DAY_MS)),
            attribution: self.episodes.attribution(self.episode, at),
            ..ExpectedScore::default()
        }
    }

    fn form_row(&self, n: usize, form: &Form) -> ExpectedScore {
        let mut row = self.blank(n);
        let Some(document) = self.library.instrument(form.instrument, form.instrument_version) else {
            return row;
        };
        let part = self.part(form.instrument);
        let points = self.points(form.instrument);
        if part.is_some() {
            (row.uploads_done, row.uploads_due) = self.slots(n, points);
        }
        let baseline = self.baseline(points);
        row.baseline = baseline.map(|point| point.value);
        row.baseline_upload_id = baseline.map(|point| self.uploads[point.upload].response.id.to_owned());
        let stated_set = part.and_then(|part| part.value_set.as_deref());
        let set = document.value_set(stated_set).and_then(|set| document.value_set_id(set));
        row.value_set = set.map(|id| id.to_string()).unwrap_or_default();
        match document.score(&answers(form), stated_set) {
            ScoreOutcome::Unscored(reason) => row.reason = Some(reason.code().to_owned()),
            ScoreOutcome::Rejected(_) => row.reason = Some("unknown_value_set".to_owned()),
            ScoreOutcome::Scored { score, scales } => {
                row.status = "scored".to_owned();
                row.score = Some(score);
                row.scales = scales.into_iter().map(|(name, value)| (name.to_string(), value)).collect();
                if let Some((index, rule)) = self.index(form.instrument, document, baseline, score) {
                    (row.index, row.index_rule) = (Some(index), Some(rule.to_owned()));
                }
                let so_far = up_to(n, points);
                row.change_mcid = change(so_far, document, part);
                self.stray(n, so_far, document, part, &mut row);
                self.roll(so_far, &mut row);
            }
        }
        row
    }

    /// How far the newest score strays from the patient's own, by the error of measurement that the plan states.
    fn stray(
        &self,
        n: usize,
        so_far: &[Point],
        document: &InstrumentDocument,
        part: Option<&PlanInstrument>,
        row: &mut ExpectedScore,
    ) {
        let error = part.and_then(|part| part.error);
        let Some((error, treated_at)) = error.zip(self.episodes.treated_at(self.episode)) else { return };
        let near = |point: &&Point| point.at >= treated_at + 7 * DAY_MS && point.upload + 8 >= n;
        let points: Vec<&Point> = so_far.iter().filter(near).collect();
        let Some((now, before)) = points.split_last().filter(|(now, _)| now.upload == n) else { return };
        let values: Vec<f64> = before.iter().rev().take(4).map(|point| point.value).collect();
        let count = f64::from(u32::try_from(values.len()).unwrap_or(u32::MAX));
        if count > 0.0 {
            let level = values.iter().sum::<f64>() / count;
            let moved = up(document, now.value) - up(document, level);
            row.level = Some(level);
            row.change_errors = Some(moved / error / ((count + 1.0) / count).sqrt());
        }
        let recent: Vec<(f64, f64)> = points
            .iter()
            .filter(|point| point.at > now.at - 84 * DAY_MS)
            .map(|point| (as_f64(point.at - treated_at) / as_f64(DAY_MS), up(document, point.value)))
            .collect();
        row.trend_errors = rolling::slope_in_errors(&recent, error);
    }

    fn score_all(&self, instrument: &str) -> Vec<Point> {
        let set = self.part(instrument).and_then(|part| part.value_set.as_deref());
        let mut points = Vec::new();
        for (upload, at, form) in self.forms().filter(|(.., form)| form.instrument == instrument) {
            let document = self.library.instrument(instrument, form.instrument_version);
            if let Some(ScoreOutcome::Scored { score: value, .. }) =
                document.map(|d| d.score(&answers(form), set))
            {
                points.push(Point { upload, at, value });
            }
        }
        points
    }

    fn forms(&self) -> impl Iterator<Item = (usize, i64, &Form<'_>)> {
        let uploads = self.uploads.iter().enumerate();
        uploads.flat_map(|(n, u)| u.response.forms.iter().map(move |form| (n, u.response.answered_at, form)))
    }

    /// The last score before the treatment, within the plan's window.
    fn baseline(&self, points: &[Point]) -> Option<Point> {
        let treated_at = self.episodes.treated_at(self.episode)?;
        let opens_at = treated_at - i64::from(self.plan?.baseline_window_days) * DAY_MS;
        points.iter().copied().rfind(|point| point.at >= opens_at && point.at < treated_at)
    }

    fn index(
        &self,
        instrument: &str,
        document: &InstrumentDocument,
        baseline: Option<Point>,
        score: f64,
    ) -> Option<(f64, &'static str)> {
        let floor = self.part(instrument)?.baseline_floor;
        let (now, before) = (up(document, score), up(document, baseline?.value));
        Some(if before >= floor {
            (now / before * 100.0, "percent")
        } else {
            ((now - before) / floor * 100.0 + 100.0, "points")
        })
    }

    /// Slots with a score up to this upload, and slots begun by its day.
    fn slots(&self, n: usize, points: &[Point]) -> (u32, u32) {
        let (Some(plan), Some(treated_at)) = (self.plan, self.episodes.treated_at(self.episode)) else {
            return (0, 0);
        };
        let (every, slots) = (i64::from(plan.schedule.every_days), i64::from(plan.schedule.slots));
        let treated_day = self.episodes.day(self.episode, treated_at);
        // Slot k begins half a slot before the k-th due day; 0 is before the first.
        let slot = |at: i64| {
            let day = self.episodes.day(self.episode, at)? - treated_day?;
            Some((day + every / 2).div_euclid(every))
        };
        let done: BTreeSet<i64> = points
            .iter()
            .filter(|point| point.upload <= n)
            .filter_map(|point| slot(point.at))
            .filter(|slot| (1..=slots).contains(slot))
            .collect();
        let due = slot(self.uploads[n].response.answered_at).unwrap_or(0).clamp(0, slots);
        (u32::try_from(done.len()).unwrap_or(u32::MAX), u32::try_from(due).unwrap_or(0))
    }

    fn composite_row(&self, n: usize, plan: &PlanDocument, rule: MissingPart) -> ExpectedScore {
        let mut row = self.blank(n);
        (row.uploads_done, row.uploads_due) = self.slots(n, &self.composites);
        let so_far = up_to(n, &self.composites);
        match so_far.last().filter(|last| last.upload == n) {
            Some(own) => {
                row.status = "scored".to_owned();
                row.index = Some(own.value);
                self.roll(so_far, &mut row);
            }
            None => {
                let scored = |part: &&PlanInstrument| self.points(&part.id).iter().any(|p| p.upload == n);
                let weighing = plan.instruments.iter().filter(|part| part.weight > 0);
                let (with, all) = (weighing.clone().filter(scored).count(), weighing.count());
                let enough = if rule == MissingPart::Absent { with == all } else { with > 0 };
                row.reason = Some(if enough { "no_baseline" } else { "missing_parts" }.to_owned());
            }
        }
        row
    }

    /// The weighted mean of the indices of an upload's parts.
    fn composite(&self, upload: usize, plan: &PlanDocument, rule: MissingPart) -> Option<f64> {
        let mut indices = BTreeMap::new();
        for part in plan.instruments.iter().filter(|part| part.weight > 0) {
            let points = self.points(&part.id);
            let own = points.iter().find(|point| point.upload == upload);
            let form = self.uploads[upload].response.forms.iter().find(|form| *form.instrument == *part.id);
            let document = form.and_then(|form| self.library.instrument(&part.id, form.instrument_version));
            let index = document
                .zip(own)
                .and_then(|(document, own)| self.index(&part.id, document, self.baseline(points), own.value));
            match (index, rule) {
                (Some((index, _)), _) => drop(indices.insert(&part.id, (as_f64(part.weight), index))),
                (None, MissingPart::Absent) => return None,
                (None, MissingPart::Renormalise) => {}
            }
        }
        let weights: f64 = indices.values().map(|(weight, _)| weight).sum();
        let weighted: f64 = indices.values().map(|(weight, index)| weight * index).sum();
        (!indices.is_empty()).then(|| weighted / weights)
    }

    fn roll(&self, so_far: &[Point], row: &mut ExpectedScore) {
        let points: Vec<(i64, f64)> = so_far.iter().map(|point| (point.at, point.value)).collect();
        row.ewma = self.plan.and_then(|plan| rolling::ewma(&points, plan.ewma_half_life_days));
        row.mean_28d = rolling::mean_28d(&points);
        row.slope_56d = rolling::slope_56d(&points);
    }
}

/// The points of the first uploads, up to and with number `n`.
fn up_to(n: usize, points: &[Point]) -> &[Point] {
    &points[..points.partition_point(|point| point.upload <= n)]
}

/// Higher is better.
fn up(document: &InstrumentDocument, score: f64) -> f64 {
    match document.direction {
        Direction::Up => score,
        Direction::Down => document.range.1.to_f64() - score,
    }
}

fn change(so_far: &[Point], document: &InstrumentDocument, part: Option<&PlanInstrument>) -> Option<f64> {
    let [.., before, now] = so_far else { return None };
    let own = document.mcid.as_ref().map(|mcid| mcid.value.to_f64());
    let mcid = part.and_then(|part| part.mcid).or(own)?;
    Some((up(document, now.value) - up(document, before.value)) / mcid)
}
