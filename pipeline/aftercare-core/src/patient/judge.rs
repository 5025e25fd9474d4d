//! The score rows of one upload for one episode.

use std::sync::Arc;

use smallvec::SmallVec;

use super::Patient;
use super::course::{Course, Track};
use super::forms::{self, FormHead, FormState};
use super::names::Sym;
use super::record::{Issued, Record, Upload};
use super::rows::{ScoreChange, ScoreStatus, Scratch};
use super::series::Series;
use crate::curve::COMPOSITE;
use crate::documents::{InstrumentDocument, PlanDocument};
use crate::rolling::{
    Point, SETTLING_DAYS, change_in_errors, days_between, mean_28d, slope_56d, trend_in_errors,
};
use crate::time::Millis;

/// An upload judged for an episode.
pub(super) struct Case<'r, 'a> {
    pub(super) record: &'r Record<'r>,
    pub(super) upload: &'r Upload<'r>,
    pub(super) upload_id: &'r Arc<str>,
    pub(super) episode: Sym,
    /// The episode, with this upload fed last; `None`: the upload counts for it no more.
    pub(super) course: Option<&'r Course<'a>>,
    /// What was issued.
    pub(super) had: Option<Issued>,
}

/// What the rows of one patient are made with.
pub(super) struct Tools<'a> {
    pub(super) patient: &'a Patient,
    /// Where the uploads are.
    uploads: &'a [usize],
    pub(super) scratch: &'a mut Scratch,
    /// The id of the upload that rows named last as their baseline.
    baseline_id: Option<(u32, Arc<str>)>,
}

impl<'a> Tools<'a> {
    pub(super) fn new(patient: &'a Patient, uploads: &'a [usize], scratch: &'a mut Scratch) -> Tools<'a> {
        Tools { patient, uploads, scratch, baseline_id: None }
    }

    fn text(&mut self, sym: Sym) -> Arc<str> {
        self.scratch.shared.text(self.patient.names.text(sym))
    }

    fn upload_id(&mut self, ordinal: u32) -> Option<Arc<str>> {
        let known = self.baseline_id.as_ref().filter(|(known, _)| *known == ordinal);
        if let Some((_, id)) = known {
            return Some(id.clone());
        }
        let at = *self.uploads.get(usize::try_from(ordinal).ok()?)?;
        let id = self.patient.store.view(at)?.id.shared();
        self.baseline_id = Some((ordinal, id.clone()));
        Some(id)
    }
}

/// Adds the rows of `case`: one for each form, then the composite. Answers whether a composite is, or was ever, issued.
pub(super) fn rows_of(case: &Case<'_, '_>, tools: &mut Tools<'_>, out: &mut Vec<ScoreChange>) -> bool {
    let template = template(case, tools);
    let mut values = std::mem::take(&mut tools.scratch.values);
    let mut has_part = false;
    for form in forms::read(case.upload.forms) {
        let removed = form.head.state == FormState::Removed;
        if removed && case.had.is_none() {
            continue;
        }
        has_part |= !removed && case.course.is_some_and(|course| course.is_part(form.head.instrument));
        form.values(&mut values);
        out.push(form_row(case, tools, &template, form.head, &values));
    }
    tools.scratch.values = values;
    let had_composite = case.had.is_some_and(|had| had.composite);
    match case.course.filter(|_| has_part).and_then(|course| Some((course, course.plan?))) {
        Some((course, plan)) => out.push(composite_row(tools, &template, course, plan)),
        None if had_composite => {
            let mut row = template.clone();
            row.instrument = tools.scratch.shared.text(COMPOSITE);
            row.status = ScoreStatus::Withdrawn;
            row.reason = withdrawal(case).or(Some("composite_removed"));
            out.push(row);
        }
        None => {}
    }
    has_part || had_composite
}

/// What the rows have in common; unscored until a score is filled in.
fn template(case: &Case<'_, '_>, tools: &mut Tools<'_>) -> ScoreChange {
    let (patient, record) = (tools.patient, case.record);
    let treated_at = case.course.and_then(|course| course.treated_at);
    let attribution = patient.attribution_syms(case.episode, record.event_at);
    let nothing = tools.scratch.shared.text("");
    ScoreChange {
        episode_id: tools.text(case.episode),
        upload_id: case.upload_id.clone(),
        upload_revision: record.revision,
        instrument: nothing.clone(),
        instrument_version: 0,
        value_set: nothing,
        status: ScoreStatus::Unscored,
        reason: None,
        answered_at: record.event_at,
        uploaded_at: case.upload.uploaded_at,
        stored_at: record.stored_at,
        days_since_treatment: treated_at.map(|treated| days_between(treated, record.event_at)),
        respondent: tools.text(case.upload.respondent),
        score: None,
        scales: Vec::new(),
        baseline: None,
        baseline_upload_id: None,
        index: None,
        index_rule: None,
        expected: None,
        expected_sd: None,
        expected_n: None,
        forecast: None,
        forecast_sd: None,
        cohort: None,
        curve_edition: None,
        change_mcid: None,
        level: None,
        change_errors: None,
        trend_errors: None,
        ewma: None,
        mean_28d: None,
        slope_56d: None,
        uploads_done: 0,
        uploads_due: 0,
        attribution: patient.owned(attribution, &mut tools.scratch.shared),
        source: record.source,
    }
}

/// Why no row of the case stands; `None` where they do.
fn withdrawal(case: &Case<'_, '_>) -> Option<&'static str> {
    match (case.upload.withdrawn, case.course) {
        (true, _) => Some("entered_in_error"),
        (false, None) => Some("episode_removed"),
        (false, Some(_)) => None,
    }
}

fn form_row(
    case: &Case<'_, '_>,
    tools: &mut Tools<'_>,
    template: &ScoreChange,
    head: FormHead,
    values: &[f64],
) -> ScoreChange {
    let mut row = template.clone();
    (row.instrument, row.instrument_version) = (tools.text(head.instrument), head.version);
    let standing = case.course.filter(|_| head.state != FormState::Removed);
    let Some(course) = standing else {
        row.status = ScoreStatus::Withdrawn;
        row.reason = withdrawal(case).or(Some("form_removed"));
        return row;
    };
    let unscored = match head.state {
        FormState::Unscored(reason) => Some(reason.code()),
        FormState::Scored | FormState::Removed => None,
    };
    let Some(track) = course.track(head.instrument) else {
        row.reason = unscored.or(Some("unknown_instrument"));
        return row;
    };
    if track.part.is_some() {
        (row.uploads_done, row.uploads_due) = (track.series.done(), course.slots_begun);
    }
    if let Some(baseline) = track.baseline {
        row.baseline = Some(baseline.score);
        row.baseline_upload_id = tools.upload_id(baseline.ordinal);
    }
    let route = course.route(head.instrument, head.version);
    let document = route.and_then(|route| route.document);
    let value_set = route.and_then(|route| route.value_set);
    if let Some(id) = document.zip(value_set).and_then(|(document, set)| document.value_set_id(set)) {
        row.value_set = id.clone();
    }
    match (unscored, document.zip(track.series.current)) {
        (None, Some((document, score))) => {
            fill_score(&mut row, track, document, score);
            fill_own(&mut row, course, track, document);
            fill_rolling(&mut row, &track.series, &mut tools.scratch.slopes);
            row.scales = document.scales_of(score, values);
        }
        (reason, _) => row.reason = reason.or(Some("unknown_value_set")),
    }
    row
}

fn fill_score(row: &mut ScoreChange, track: &Track<'_>, document: &InstrumentDocument, score: f64) {
    row.status = ScoreStatus::Scored;
    row.score = Some(score);
    if let Some((index, rule)) = track.index(score) {
        row.index = Some(index);
        row.index_rule = Some(rule.as_str());
    }
    row.change_mcid = track.change_mcid(document);
}

/// The score beside the patient's own last ones, where the plan says how far scores stray.
fn fill_own(row: &mut ScoreChange, course: &Course<'_>, track: &Track<'_>, document: &InstrumentDocument) {
    let Some(error) = track.part.and_then(|part| part.error) else { return };
    let settled = course.treated_at.map(|treated| treated.saturating_add(Millis::days(SETTLING_DAYS)));
    let mut points: SmallVec<[Point; 9]> = course.earlier(track).collect();
    let from = settled.map_or(points.len(), |settled| points.partition_point(|point| point.at < settled));
    points.drain(..from);
    let Some(score) = row.score.filter(|_| settled.is_some_and(|settled| row.answered_at >= settled)) else {
        return;
    };
    for point in &mut points {
        point.value = document.oriented(point.value);
    }
    let value = document.oriented(score);
    if let Some((level, change)) = change_in_errors(&points, value, error) {
        // orienting twice turns back
        (row.level, row.change_errors) = (Some(document.oriented(level)), Some(change));
    }
    points.push(Point { at: row.answered_at, value });
    row.trend_errors = trend_in_errors(&points, error);
}

fn fill_rolling(row: &mut ScoreChange, series: &Series, slopes: &mut Vec<f64>) {
    row.ewma = series.ewma();
    row.mean_28d = mean_28d(series.recent());
    row.slope_56d = slope_56d(series.recent(), slopes);
}

/// The composite has no score of its own: its index is the weighted mean of its parts' indices, and its rolling values
/// are those of the index.
fn composite_row(
    tools: &mut Tools<'_>,
    template: &ScoreChange,
    course: &Course<'_>,
    plan: &PlanDocument,
) -> ScoreChange {
    let mut row = template.clone();
    (row.instrument, row.instrument_version) = (tools.scratch.shared.text(COMPOSITE), plan.version);
    (row.uploads_done, row.uploads_due) = (course.composite.done(), course.slots_begun);
    match course.composite.current {
        Some(index) => {
            row.status = ScoreStatus::Scored;
            row.index = Some(index);
            fill_rolling(&mut row, &course.composite, &mut tools.scratch.slopes);
        }
        None if course.has_parts() => row.reason = Some("no_baseline"),
        None => row.reason = Some("missing_parts"),
    }
    row
}
