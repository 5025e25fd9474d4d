//! Sessions of clinicians, judged all at once.

use std::collections::{BTreeMap, BTreeSet};

use aftercare_core::documents::{Library, ReviewRule};
use aftercare_core::time::Instant;
use aftercare_schemas::wire::{ClinicianActivity, Source};

use super::enrolments::Episodes;
use super::expected::ExpectedReview;
use super::intake::{Fate, by_id, receipt, reread};
use super::{Copy, Expected, Limits, Records};

/// The stream.
pub(super) const SESSIONS: &str = "clinician-activity";

/// Reviews by patient and session, without who they belong to.
pub(super) type Reviews = BTreeMap<String, BTreeMap<String, ExpectedReview>>;

/// A record of a session, and its clinician.
pub(super) fn copy(r: &ClinicianActivity, canonical: Vec<u8>) -> Copy {
    let ends_at = r.ended_at.map_or(r.happened_at, |ended_at| ended_at.max(r.happened_at));
    Copy::new(canonical, ends_at, r.status)
}

/// Judges all sessions of one clinician: writes their receipts, and what the patients' reviews are.
pub(super) fn judge(
    clinician_id: &str,
    records: &Records,
    library: &Library,
    limits: &Limits,
    expected: &mut Expected,
    reviews: &mut Reviews,
) {
    let mut in_force: Vec<ClinicianActivity> = Vec::new();
    let entries: Vec<_> = records.iter().collect();
    for revisions in by_id(&entries) {
        let taken = |copies: &Vec<Copy>| !limits.lies_ahead(copies[0].event_at);
        let newest = revisions.iter().rposition(|(_, copies)| taken(copies));
        for (n, ((topic, id, revision), copies)) in revisions.iter().enumerate() {
            let fate = if taken(copies) { Fate::Taken { copy: 0, unscored: None } } else { Fate::Waits };
            let session: ClinicianActivity = reread(topic, &copies[0]);
            let key = (session.patient_id.to_owned(), (*topic).to_owned(), id.clone(), *revision);
            expected.receipts.insert(key, receipt(copies, fate, newest.is_some_and(|newest| n < newest)));
            if newest == Some(n) && !copies[0].withdrawn {
                in_force.push(session);
            }
        }
    }
    for session in &in_force {
        let Some(ended_at) = session.ended_at else { continue };
        let Some(rule) = library.review_rule(Instant(ended_at)) else { continue };
        if session.happened_at + rule.burst_length.0 > limits.last_tick.0 {
            continue;
        }
        let review = review(clinician_id, session, ended_at, &in_force, rule);
        let of_patient = reviews.entry(session.patient_id.to_owned()).or_default();
        of_patient.insert(session.id.to_owned(), review);
    }
}

fn review(
    clinician_id: &str,
    session: &ClinicianActivity,
    ended_at: i64,
    all: &[ClinicianActivity],
    rule: &ReviewRule,
) -> ExpectedReview {
    let sections = session.sections_read.iter().collect::<BTreeSet<_>>().len();
    let burst_patients = burst_patients(session.happened_at, all, rule.burst_length.0);
    let failed = [
        ("too_short", ended_at - session.happened_at < rule.length_min.0),
        ("too_few_sections", number(sections) < rule.sections_min),
        ("too_few_interactions", session.interactions < rule.interactions_min),
        ("burst", burst_patients > rule.burst_patients_max),
    ];
    let reasons: Vec<String> =
        failed.into_iter().filter(|(_, failed)| *failed).map(|(code, _)| code.to_owned()).collect();
    let source = match session.source {
        Source::Live => "live",
        Source::Import => "import",
        Source::Simulated => "simulated",
    };
    ExpectedReview {
        status: "final".to_owned(),
        reviewer_id: clinician_id.to_owned(),
        episode_id: session.episode_id.map(str::to_owned),
        upload_id: session.upload_id.map(str::to_owned),
        began_at: session.happened_at,
        ended_at,
        duration_ms: ended_at - session.happened_at,
        interactions: session.interactions,
        sections_read: number(sections),
        burst_patients,
        verdict: if reasons.is_empty() { "service" } else { "superficial" }.to_owned(),
        reasons,
        rule: rule.name.to_string(),
        source: source.to_owned(),
        attribution: Default::default(),
    }
}

/// Most patients of a span that ends with a start and holds this one.
fn burst_patients(at: i64, all: &[ClinicianActivity], length: i64) -> i32 {
    let lasts = all.iter().map(|last| last.happened_at).filter(|last| (at..at + length).contains(last));
    let patients = |last: i64| {
        let within = all.iter().filter(|s| (last - length + 1..=last).contains(&s.happened_at));
        within.map(|s| s.patient_id).collect::<BTreeSet<_>>().len()
    };
    number(lasts.map(patients).max().unwrap_or(0))
}

/// Who the reviews of a patient belong to; there are none of somebody who is not enrolled.
pub(super) fn attribute(
    patient_id: &str,
    reviews: BTreeMap<String, ExpectedReview>,
    episodes: &Episodes,
    expected: &mut Expected,
) {
    for (id, mut review) in reviews.into_iter().filter(|_| episodes.knows(None)) {
        let named = review.episode_id.as_deref().filter(|id| episodes.knows(Some(id)));
        let episode = named.or_else(|| episodes.at(review.began_at));
        review.attribution = episode.map(|id| episodes.attribution(id, review.began_at)).unwrap_or_default();
        expected.reviews.insert((patient_id.to_owned(), id), review);
    }
}

fn number(n: usize) -> i32 {
    i32::try_from(n).unwrap_or(i32::MAX)
}
