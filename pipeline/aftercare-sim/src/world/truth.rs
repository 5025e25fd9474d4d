//! What really happened, which no record says: against it alerts are measured.

use aftercare_core::time::Instant;

use super::profile::Profile;

/// One simulated patient's truth.
#[derive(Clone, Debug, PartialEq)]
pub struct Truth {
    /// The patient.
    pub patient_id: String,
    /// The episode of the first treatment.
    pub episode_id: String,
    /// The treatment.
    pub procedure: &'static str,
    /// When it took place.
    pub treated_at: Instant,
    /// Whether it helped.
    pub benefit: bool,
    /// What goes badly afterwards, if anything; it may lie after the end of the world.
    pub event: Option<AdverseEvent>,
}

/// A hidden adverse event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AdverseEvent {
    /// Which, in a word.
    pub kind: &'static str,
    /// When it strikes.
    pub onset_at: Instant,
    /// Whether answers get worse before it.
    pub in_answers: bool,
    /// Whether vital signs turn before it.
    pub in_vitals: bool,
    /// Whether the hospital's record of it comes in afterwards.
    pub recorded: bool,
}

impl Truth {
    pub(super) fn of(profile: &Profile) -> Self {
        let event = profile.course.adverse.zip(profile.onset_at()).map(|(adverse, onset_at)| AdverseEvent {
            kind: adverse.kind.name,
            onset_at: Instant(onset_at),
            in_answers: adverse.in_answers,
            in_vitals: adverse.in_vitals,
            recorded: adverse.recorded,
        });
        Self {
            patient_id: profile.patient_id.clone(),
            episode_id: profile.episode_id(1),
            procedure: profile.treatment.facts().procedure,
            treated_at: Instant(profile.treated_at),
            benefit: profile.course.benefit,
            event,
        }
    }
}
