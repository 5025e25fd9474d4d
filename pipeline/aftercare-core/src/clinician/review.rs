//! The sessions in one patient's record, as what was verdict of each: the proof of service, on the side of the patient.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use crate::facts::{RecordHead, RecordStatus, Source, VerdictFact};
use crate::patient::{Attribution, Patient};
use crate::time::Instant;

/// The reviews of one patient, each by its newest verdict. Serialises for the changelog; the layout is part of the
/// state's version.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReviewBook {
    /// By the session's id.
    reviews: BTreeMap<Box<str>, Review>,
}

/// One session as its newest verdict says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Review {
    /// The verdict's revision.
    pub revision: i32,
    /// It was entered in error.
    pub withdrawn: bool,
    /// Where the session came from.
    pub source: Source,
    /// Clinician of the session.
    pub reviewer_id: Box<str>,
    /// The episode that was looked at.
    pub episode_id: Option<Box<str>>,
    /// The upload that was reviewed.
    pub upload_id: Option<Box<str>>,
    /// Begin of the session.
    pub began_at: Instant,
    /// End of the session.
    pub ended_at: Instant,
    /// Length of the session, ms.
    pub duration_ms: i64,
    /// Taps, scrolls and entries.
    pub interactions: i32,
    /// Distinct sections read.
    pub sections_read: i32,
    /// Most patients whose sessions of this clinician began within minutes around this one's start.
    pub burst_patients: i32,
    /// Whether it counts as service.
    pub service: bool,
    /// Why not.
    pub reasons: Vec<Box<str>>,
    /// Document and version of the rule that judged.
    pub rule: Box<str>,
    /// The tick at which this verdict was first accepted.
    pub stored_at: Instant,
    /// Digest of who it was issued for.
    issued_for: u64,
}

impl ReviewBook {
    /// Takes an accepted verdict; the row of its session is to be issued, see [`ReviewBook::get`].
    pub fn take(
        &mut self,
        head: &RecordHead<'_>,
        fact: &VerdictFact<'_>,
        stored_at: Instant,
        patient: &Patient,
    ) {
        let who = patient.attribution_for(fact.episode_id, head.event_at);
        let review = Review {
            revision: head.revision,
            withdrawn: head.status == RecordStatus::EnteredInError,
            source: head.source,
            reviewer_id: fact.clinician_id.into(),
            episode_id: fact.episode_id.map(Box::from),
            upload_id: fact.upload_id.map(Box::from),
            began_at: head.event_at,
            ended_at: fact.ended_at,
            duration_ms: fact.duration_ms,
            interactions: fact.interactions,
            sections_read: fact.sections_read,
            burst_patients: fact.burst_patients,
            service: fact.service,
            reasons: fact.reasons.iter().map(|reason| Box::from(*reason)).collect(),
            rule: fact.rule.into(),
            stored_at,
            issued_for: digest(&who),
        };
        self.reviews.insert(head.id.into(), review);
    }

    /// Whether the session of this id is another clinician's. Each clinician numbers sessions without knowing of the others:
    /// of two with one id in the record of one patient, the one that is known first keeps it, and every revision of the
    /// other's is a conflict.
    pub fn is_of_other(&self, id: &str, clinician_id: &str) -> bool {
        self.reviews.get(id).is_some_and(|review| *review.reviewer_id != *clinician_id)
    }

    /// What was known about the patient's episodes changed: the sessions whose rows belong to others now, by id. They
    /// are to be issued.
    pub fn reattribute(&mut self, patient: &Patient) -> Vec<Box<str>> {
        let mut changed = Vec::new();
        for (id, review) in &mut self.reviews {
            let now = digest(&patient.attribution_for(review.episode_id.as_deref(), review.began_at));
            if std::mem::replace(&mut review.issued_for, now) != now {
                changed.push(id.clone());
            }
        }
        changed
    }

    /// The session of this id.
    pub fn get(&self, id: &str) -> Option<&Review> {
        self.reviews.get(id)
    }
}

fn digest(who: &Attribution<'_>) -> u64 {
    let Attribution { organisation, care_team, clinician_id, manufacturer, procedure } = *who;
    let mut bytes = Vec::with_capacity(64);
    for text in [organisation, care_team, clinician_id, manufacturer, procedure] {
        bytes.push(u8::from(text.is_some()));
        bytes.extend_from_slice(text.unwrap_or_default().as_bytes());
        // no byte of a text
        bytes.push(0xff);
    }
    xxh3_64(&bytes)
}
