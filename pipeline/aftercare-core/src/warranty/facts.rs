//! Facts as the ledger keeps them: only what money rests on, texts by number.

use serde::{Deserialize, Serialize};

use crate::facts::{EnrolmentFact, RecordHead, Source, VerdictFact};
use crate::patient::ScoreChange;
use crate::patient::names::{Names, Sym};
use crate::time::Instant;

/// What an enrolment says that money rests on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Statement {
    pub(super) id: Sym,
    pub(super) episode: Sym,
    pub(super) source: Source,
    pub(super) recorded_at: Instant,
    pub(super) effective_at: Instant,
    pub(super) treated_at: Option<Instant>,
    pub(super) device: Option<Known>,
    pub(super) manufacturer: Option<Known>,
    pub(super) procedure: Option<Sym>,
    pub(super) contract: Option<Sym>,
    pub(super) clinician: Option<Sym>,
    pub(super) consent: Option<bool>,
    pub(super) organisation: Option<Sym>,
    pub(super) care_team: Option<Sym>,
}

/// A value, and when a record that says it was first stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Known {
    pub(super) value: Sym,
    pub(super) since: Instant,
}

impl Statement {
    pub(super) fn new(
        head: &RecordHead<'_>,
        fact: &EnrolmentFact<'_>,
        stored_at: Instant,
        names: &mut Names,
    ) -> Statement {
        let (id, episode) = (names.intern(head.id), names.intern(fact.episode_id));
        let mut intern = |text: Option<&str>| text.map(|text| names.intern(text));
        let known = |value: Option<Sym>| value.map(|value| Known { value, since: stored_at });
        Statement {
            id,
            episode,
            source: head.source,
            recorded_at: fact.recorded_at,
            effective_at: fact.effective_at,
            treated_at: fact.treated_at,
            device: known(intern(fact.device)),
            manufacturer: known(intern(fact.manufacturer)),
            procedure: intern(fact.procedure),
            contract: intern(fact.contract),
            clinician: intern(fact.clinician_id),
            consent: fact.self_pay_consent,
            organisation: intern(fact.organisation),
            care_team: intern(fact.care_team),
        }
    }

    /// Another revision of the same record said it too, perhaps earlier.
    pub(super) fn known_from(&mut self, other: &Statement) {
        for (own, other) in [(&mut self.device, other.device), (&mut self.manufacturer, other.manufacturer)] {
            if let Some((own, other)) = own.as_mut().zip(other) {
                own.since = own.since.min(other.since);
            }
        }
    }
}

/// An upload as it was judged for an episode.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Upload {
    pub(super) episode: Sym,
    pub(super) id: Sym,
    pub(super) revision: i32,
    pub(super) source: Source,
    pub(super) answered_at: Instant,
    pub(super) uploaded_at: Instant,
    pub(super) score: Option<f64>,
    pub(super) baseline: Option<f64>,
    pub(super) index: Option<f64>,
    /// Why there is no index.
    pub(super) missing: Option<Sym>,
    pub(super) expected: Option<f64>,
    pub(super) expected_n: Option<u32>,
    pub(super) edition: Option<Sym>,
}

impl Upload {
    pub(super) fn new(row: &ScoreChange, names: &mut Names) -> Upload {
        let missing = if row.index.is_some() { None } else { Some(row.reason.unwrap_or("no_baseline")) };
        Upload {
            episode: names.intern(&row.episode_id),
            id: names.intern(&row.upload_id),
            revision: row.upload_revision,
            source: row.source,
            answered_at: row.answered_at,
            uploaded_at: row.uploaded_at,
            score: row.score,
            baseline: row.baseline,
            index: row.index,
            missing: missing.map(|reason| names.intern(reason)),
            expected: row.expected,
            expected_n: row.expected_n,
            edition: row.curve_edition.as_deref().map(|edition| names.intern(edition)),
        }
    }
}

/// A review of an upload, with its verdict.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Review {
    pub(super) id: Sym,
    pub(super) revision: i32,
    pub(super) clinician: Sym,
    pub(super) upload: Sym,
    pub(super) ended_at: Instant,
    pub(super) service: bool,
    /// Why it is no service.
    pub(super) reason: Option<Sym>,
    pub(super) duration_ms: i64,
    pub(super) interactions: i32,
    pub(super) sections: i32,
    pub(super) burst_patients: i32,
    pub(super) rule: Sym,
}

impl Review {
    /// `None` for a session that looked at no upload.
    pub(super) fn new(head: &RecordHead<'_>, fact: &VerdictFact<'_>, names: &mut Names) -> Option<Review> {
        Some(Review {
            upload: names.intern(fact.upload_id?),
            id: names.intern(head.id),
            revision: head.revision,
            clinician: names.intern(fact.clinician_id),
            ended_at: fact.ended_at,
            service: fact.service,
            reason: fact.reasons.first().map(|reason| names.intern(reason)),
            duration_ms: fact.duration_ms,
            interactions: fact.interactions,
            sections: fact.sections_read,
            burst_patients: fact.burst_patients,
            rule: names.intern(fact.rule),
        })
    }
}

/// Whether the clinician chose free monitoring, from a moment on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Choice {
    pub(super) id: Sym,
    pub(super) episode: Option<Sym>,
    pub(super) at: Instant,
    pub(super) chosen: bool,
}

/// An extended therapy.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Therapy {
    pub(super) id: Sym,
    pub(super) revision: i32,
    pub(super) source: Source,
    pub(super) episode: Option<Sym>,
    pub(super) began_at: Instant,
    /// Excluded; `None`: it is not recorded yet.
    pub(super) ended_at: Option<Instant>,
}
