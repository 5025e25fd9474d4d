//! The score rows of one upload for one episode.

use std::sync::Arc;

use super::Patient;
use super::course::{Course, Series, Track};
use super::forms::{FormHead, FormState};
use super::names::Sym;
use super::record::{Issued, Record, Upload};
use super::rows::{ScoreChange, ScoreStatus};
use crate::documents::PlanDocument;
use crate::rolling::{Point, days_between, mean_28d, slope_56d};

/// The instrument of a composite's row.
const COMPOSITE: &str = "composite";

/// An upload judged for an episode.
pub(super) struct Case<'r, 'a> {
    pub(super) record: &'a Record,
    pub(super) upload: &'a Upload,
    /// The upload's position in the timeline.
    pub(super) position: usize,
    pub(super) episode: Sym,
    /// The episode; `None`: the upload counts for it no more.
    pub(super) course: Option<&'r Course<'a>>,
    /// What was issued.
    pub(super) had: Option<Issued>,
}

/// What the rows of one patient share.
pub(super) struct Tools<'a> {
    patient: &'a Patient,
    /// Ids of uploads that rows name, by position in the timeline.
    upload_ids: Vec<(usize, Arc<str>)>,
    composite: Arc<str>,
    no_value_set: Arc<str>,
    slopes: Vec<f64>,
    values: Vec<f64>,
}

impl<'a> Tools<'a> {
    pub(super) fn new(patient: &'a Patient) -> Tools<'a> {
        Tools {
            patient,
            upload_ids: Vec::new(),
            composite: Arc::from(COMPOSITE),
            no_value_set: Arc::from(""),
            slopes: Vec::new(),
            values: Vec::new(),
        }
    }

    fn text(&self, sym: Sym) -> Arc<str> {
        self.patient.names.shared(sym).unwrap_or(&self.no_value_set).clone()
    }

    /// The id of the upload at `position` of the timeline.
    fn upload_id(&mut self, position: usize) -> Option<Arc<str>> {
        if let Some((_, known)) = self.upload_ids.iter().find(|(at, _)| *at == position) {
            return Some(known.clone());
        }
        let id: Arc<str> = self.patient.in_order().nth(position)?.id.as_ref().into();
        self.upload_ids.push((position, id.clone()));
        Some(id)
    }
}

/// Adds the rows of `case`: one for each form, then the composite. Answers whether a composite is, or was ever, issued.
pub(super) fn rows_of(case: &Case<'_, '_>, tools: &mut Tools<'_>, out: &mut Vec<ScoreChange>) -> bool {
    let template = template(case, tools);
    let mut values = std::mem::take(&mut tools.values);
    let mut has_part = false;
    let mut rest = case.upload.forms.read();
    while let Some(head) = rest.next_head() {
        rest.values(&mut values);
        let removed = head.state == FormState::Removed;
        if removed && case.had.is_none() {
            continue;
        }
        let instrument = tools.patient.names.text(head.instrument);
        has_part |= !removed && case.course.is_some_and(|course| course.is_part(instrument));
        out.push(form_row(case, tools, &template, head, &values));
    }
    tools.values = values;
    let had_composite = case.had.is_some_and(|had| had.composite);
    match case.course.filter(|_| has_part).and_then(|course| Some((course, course.plan?))) {
        Some((course, plan)) => out.push(composite_row(case, tools, &template, course, plan)),
        None if had_composite => {
            let reason = withdrawal(case).unwrap_or("composite_removed");
            let instrument = tools.composite.clone();
            out.push(ScoreChange { instrument, ..withdrawn(&template, reason) });
        }
        None => {}
    }
    has_part || had_composite
}

/// What the rows have in common; unscored until a score is filled in.
fn template(case: &Case<'_, '_>, tools: &mut Tools<'_>) -> ScoreChange {
    let patient = tools.patient;
    let record = case.record;
    let treated_at = case.course.and_then(|course| course.treated_at);
    ScoreChange {
        episode_id: tools.text(case.episode),
        upload_id: tools.upload_id(case.position).unwrap_or_else(|| record.id.as_ref().into()),
        upload_revision: record.revision,
        instrument: tools.no_value_set.clone(),
        instrument_version: 0,
        value_set: tools.no_value_set.clone(),
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
        change_mcid: None,
        ewma: None,
        mean_28d: None,
        slope_56d: None,
        uploads_done: 0,
        uploads_due: 0,
        attribution: patient.owned(patient.attribution_syms(case.episode, record.event_at)),
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

fn withdrawn(template: &ScoreChange, reason: &'static str) -> ScoreChange {
    ScoreChange { status: ScoreStatus::Withdrawn, reason: Some(reason), ..template.clone() }
}

fn form_row(
    case: &Case<'_, '_>,
    tools: &mut Tools<'_>,
    template: &ScoreChange,
    head: FormHead,
    values: &[f64],
) -> ScoreChange {
    let (instrument, instrument_version) = (tools.text(head.instrument), head.version);
    let named = |row: ScoreChange| ScoreChange { instrument, instrument_version, ..row };
    let Some(course) = case.course else {
        return named(withdrawn(template, withdrawal(case).unwrap_or("episode_removed")));
    };
    let unscored = match head.state {
        FormState::Removed => return named(withdrawn(template, "form_removed")),
        FormState::Unscored(reason) => Some(reason.code()),
        FormState::Scored => None,
    };
    let mut row = named(template.clone());
    let Some(track) = course.track(head.instrument) else {
        row.reason = unscored.or(Some("unknown_instrument"));
        return row;
    };
    fill_series(&mut row, case, course, &track.series, track.part.is_some());
    if let Some(baseline) = track.baseline {
        row.baseline = Some(baseline.score);
        row.baseline_upload_id = tools.upload_id(baseline.position);
    }
    let route = course.route(head.instrument, head.version);
    let document = route.and_then(|route| route.document);
    let value_set = route.and_then(|route| route.value_set);
    if let Some(id) = document.zip(value_set).and_then(|(document, set)| document.value_set_id(set)) {
        row.value_set = id.clone();
    }
    match (unscored, track.series.up_to(case.position)) {
        (None, Some(points)) => {
            fill_score(&mut row, course.plan, track, points, &mut tools.slopes);
            let scales = document.zip(row.score).map(|(document, score)| document.scales_of(score, values));
            row.scales = scales.unwrap_or_default();
        }
        (reason, _) => row.reason = reason.or(Some("unknown_value_set")),
    }
    row
}

fn fill_score(
    row: &mut ScoreChange,
    plan: Option<&PlanDocument>,
    track: &Track<'_>,
    points: &[Point],
    slopes: &mut Vec<f64>,
) {
    let Some(last) = points.last() else { return };
    row.status = ScoreStatus::Scored;
    row.score = Some(last.value);
    if let Some((index, rule)) = track.index(last.value) {
        row.index = Some(index);
        row.index_rule = Some(rule.as_str());
    }
    row.change_mcid = track.change_mcid(points);
    fill_rolling(row, plan, points, slopes);
}

fn fill_rolling(row: &mut ScoreChange, plan: Option<&PlanDocument>, points: &[Point], slopes: &mut Vec<f64>) {
    row.ewma = plan.and_then(|plan| plan.decay.mean(points));
    row.mean_28d = mean_28d(points);
    row.slope_56d = slope_56d(points, slopes);
}

fn fill_series(
    row: &mut ScoreChange,
    case: &Case<'_, '_>,
    course: &Course<'_>,
    series: &Series,
    in_plan: bool,
) {
    if in_plan {
        row.uploads_done = series.done(case.position);
        row.uploads_due = course.slots_begun(case.position);
    }
}

/// The composite has no score of its own: its index is the weighted mean of its parts' indices, and its rolling values
/// are those of the index.
fn composite_row(
    case: &Case<'_, '_>,
    tools: &mut Tools<'_>,
    template: &ScoreChange,
    course: &Course<'_>,
    plan: &PlanDocument,
) -> ScoreChange {
    let instrument = tools.composite.clone();
    let mut row = ScoreChange { instrument, instrument_version: plan.version, ..template.clone() };
    fill_series(&mut row, case, course, &course.composite, true);
    match course.composite.up_to(case.position) {
        Some(points) => {
            row.status = ScoreStatus::Scored;
            row.index = points.last().map(|point| point.value);
            fill_rolling(&mut row, Some(plan), points, &mut tools.slopes);
        }
        None if course.has_parts(case.position) => row.reason = Some("no_baseline"),
        None => row.reason = Some("missing_parts"),
    }
    row
}
