//! What a score is compared with, and what it adds to the curves that others are compared with.

use std::sync::Arc;

use smallvec::SmallVec;

use super::Patient;
use super::course::Course;
use super::own::{Entry, Group};
use super::rows::{Changes, Judges, ScoreChange, ScoreStatus};
use crate::curve::personal::{Coherence, given};
use crate::curve::{COMPOSITE, Cohort, Contribution, Own, Question, hundredths};
use crate::rolling::{Point, days_between};
use crate::time::Instant;

/// What the scores of one upload and episode say to curves.
#[derive(Debug)]
pub(super) struct Said {
    pub(super) group: Group,
    episode_id: Arc<str>,
    upload_id: Arc<str>,
    answered_at: Instant,
    stored_at: Instant,
    cohort: Option<Arc<Cohort>>,
    bin: u16,
    indices: Vec<Index>,
}

#[derive(Debug)]
struct Index {
    instrument: Arc<str>,
    /// Of a composite.
    plan: Option<Arc<str>>,
    hundredths: i64,
}

impl Said {
    pub(super) fn is_empty(&self) -> bool {
        self.indices.is_empty()
    }
}

/// Fills in what comparable patients report beside each index of the plan since the treatment, and what the patient's
/// own earlier responses let expect of it.
pub(super) fn compare(
    patient: &Patient,
    course: &Course<'_>,
    judges: &Judges<'_>,
    own: &[Entry],
    rows: &mut [ScoreChange],
) {
    let (Some(cohort), Some(treated_at)) = (&course.cohort, course.treated_at) else { return };
    let personal = course.plan.and_then(|plan| plan.curve.as_ref()?.personal);
    for row in rows.iter_mut().filter(|row| row.status == ScoreStatus::Scored && row.index.is_some()) {
        if row.answered_at < treated_at {
            return;
        }
        let plan = course.plan.filter(|_| *row.instrument == *COMPOSITE).map(|plan| &*plan.id);
        let question = Question {
            cohort,
            instrument: &row.instrument,
            plan,
            answered_at: row.answered_at,
            since_treatment: row.answered_at.since(treated_at),
            partition: judges.partition,
        };
        let own: SmallVec<[Own<'_>; 32]> =
            patient.own.to_curve(&patient.names, own, &row.instrument, plan).collect();
        if let Some(expected) = judges.curves.expected(&question, own.iter().copied()) {
            row.expected = Some(expected.index);
            row.expected_sd = expected.sd;
            let forecast = personal.zip(expected.sd).and_then(|(personal, sd)| {
                forecast(course, judges, &question, &own, &personal, (expected.index, sd))
            });
            (row.forecast, row.forecast_sd) = forecast.unzip();
            row.expected_n = Some(expected.n);
            row.cohort = Some(expected.cohort);
            row.curve_edition = Some(expected.edition);
        }
    }
}

/// The index, and its standard deviation, that the patient's responses of the last uploads let expect where comparable
/// patients report `(mean, sd)`. All are compared with the edition that judges the response in question. `None`: there
/// are none that could be compared.
fn forecast(
    course: &Course<'_>,
    judges: &Judges<'_>,
    question: &Question<'_>,
    own: &[Own<'_>],
    personal: &Coherence,
    (mean, sd): (f64, f64),
) -> Option<(f64, f64)> {
    let treated_at = course.treated_at?;
    let days = |at: Instant| days_between(treated_at, at);
    let deviation = |point: Point| {
        let since_treatment = point.at.since(treated_at);
        let there =
            judges.curves.expected(&Question { since_treatment, ..*question }, own.iter().copied())?;
        let sd = there.sd.filter(|sd| *sd > 0.0)?;
        Some((days(point.at), (point.value - there.index) / sd))
    };
    let earlier = course.earlier_indices(question.instrument).filter(|point| point.at >= treated_at);
    let earlier: SmallVec<[(f64, f64); 8]> = earlier.filter_map(deviation).collect();
    if earlier.is_empty() {
        return None;
    }
    let given = given(personal, &earlier, days(question.answered_at));
    Some((mean + sd * given.mean, sd * given.sd))
}

/// What the rows of one upload and episode say to curves; `None`: there are no rows. Those of an episode that no plan
/// with a curve follows, or that were answered outside its bins, say nothing.
pub(super) fn said(course: Option<&Course<'_>>, group: Group, rows: &[ScoreChange]) -> Option<Said> {
    let first = rows.first()?;
    let mut said = Said {
        group,
        episode_id: first.episode_id.clone(),
        upload_id: first.upload_id.clone(),
        answered_at: first.answered_at,
        stored_at: first.stored_at,
        cohort: None,
        bin: 0,
        indices: Vec::new(),
    };
    let place = || {
        let course = course?;
        let plan = course.plan?;
        let since = first.answered_at.since(course.treated_at?);
        Some((plan, course.cohort.as_ref()?, plan.curve.as_ref()?.bin_of(since)?))
    };
    let Some((plan, cohort, bin)) = place() else { return Some(said) };
    (said.cohort, said.bin) = (Some(Arc::clone(cohort)), bin);
    said.indices.reserve_exact(rows.len());
    for row in rows.iter().filter(|row| row.status == ScoreStatus::Scored) {
        if let Some(hundredths) = row.index.and_then(hundredths) {
            let plan = (*row.instrument == *COMPOSITE).then(|| plan.id.clone());
            said.indices.push(Index { instrument: row.instrument.clone(), plan, hundredths });
        }
    }
    Some(said)
}

impl Patient {
    /// Contributes what `said` says and no longer what its group said before. `entries` are all contributions.
    pub(super) fn contribute(
        &mut self,
        said: &Said,
        last_sequence: &mut u64,
        entries: &mut Vec<Entry>,
        out: &mut Changes,
    ) {
        let mut wanted: Vec<(u32, &Index)> = Vec::with_capacity(said.indices.len());
        for index in &said.indices {
            let Some(cohort) = &said.cohort else { continue };
            let key = self.own.key(&mut self.names, cohort, &index.instrument, index.plan.as_deref());
            wanted.push((key, index));
        }
        for position in 0..entries.len() {
            let Some(entry) = entries.get(position).copied() else { break };
            if entry.group != said.group || !entry.stands() {
                continue;
            }
            let says = |(key, index): &(u32, &Index)| {
                (*key, said.bin, index.hundredths) == (entry.key, entry.bin, entry.index_hundredths)
            };
            if let Some(same) = wanted.iter().position(says) {
                wanted.remove(same);
                continue;
            }
            *last_sequence += 1;
            self.own.take(entries, *last_sequence, position);
            out.contributions.extend(self.taken(said, &entry, *last_sequence));
        }
        let added: SmallVec<[(u32, i64); 8]> =
            wanted.iter().map(|(key, index)| (*key, index.hundredths)).collect();
        self.own.add(entries, *last_sequence + 1, (said.group, said.bin), &added);
        for (_, index) in wanted {
            *last_sequence += 1;
            out.contributions.extend(said.added(index, *last_sequence));
        }
    }

    fn taken(&self, said: &Said, entry: &Entry, sequence: u64) -> Option<Contribution> {
        let (cohort, instrument, plan) = self.own.named(&self.names, entry.key)?;
        Some(Contribution {
            sequence,
            take: true,
            cohort: Arc::new(cohort.clone()),
            instrument: instrument.into(),
            plan: plan.map(Arc::from),
            bin: entry.bin,
            index_hundredths: entry.index_hundredths,
            answered_at: said.answered_at,
            episode_id: said.episode_id.clone(),
            upload_id: said.upload_id.clone(),
            stored_at: said.stored_at,
        })
    }
}

impl Said {
    fn added(&self, index: &Index, sequence: u64) -> Option<Contribution> {
        Some(Contribution {
            sequence,
            take: false,
            cohort: self.cohort.clone()?,
            instrument: index.instrument.clone(),
            plan: index.plan.clone(),
            bin: self.bin,
            index_hundredths: index.hundredths,
            answered_at: self.answered_at,
            episode_id: self.episode_id.clone(),
            upload_id: self.upload_id.clone(),
            stored_at: self.stored_at,
        })
    }
}
