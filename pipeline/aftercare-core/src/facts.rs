//! What a record says, in the words of the domain. The edges own the wire and convert into these.

use serde::{Deserialize, Serialize};

use crate::time::Instant;

/// What a record is to the earlier revisions of the same id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum RecordStatus {
    /// The first complete version.
    Final,
    /// A correction of an earlier revision.
    Amended,
    /// The record should never have been: it withdraws every earlier revision.
    EnteredInError,
}

/// Where a record came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Source {
    /// An app, a device or an interface, as it happened.
    Live,
    /// A file of the past.
    Import,
    /// A simulated patient.
    Simulated,
}

impl Source {
    /// The word that outputs carry.
    pub const fn as_str(self) -> &'static str {
        match self {
            Source::Live => "live",
            Source::Import => "import",
            Source::Simulated => "simulated",
        }
    }
}

/// The streams whose records have receipts and belong to a patient.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum InputKind {
    /// What is known about an episode of care.
    Enrolment,
    /// One upload of one or more answered forms.
    PromResponse,
    /// Laboratory values, stays, costs, deaths.
    ClinicalEvent,
    /// Purchases, refunds, upgrades.
    CommerceEvent,
    /// What a care manager did to an alert.
    AlertAction,
    /// Whether a clinician's session was service.
    SessionVerdict,
}

impl InputKind {
    /// The topic's name, without the application's prefix.
    pub const fn topic(self) -> &'static str {
        match self {
            InputKind::Enrolment => "enrolments",
            InputKind::PromResponse => "prom-responses",
            InputKind::ClinicalEvent => "clinical-events",
            InputKind::CommerceEvent => "commerce-events",
            InputKind::AlertAction => "alert-actions",
            InputKind::SessionVerdict => "session-verdicts",
        }
    }
}

/// What every record carries beside its content.
#[derive(Clone, Copy, Debug)]
pub struct RecordHead<'a> {
    /// The stream.
    pub kind: InputKind,
    /// The record's id, unique in its stream and patient.
    pub id: &'a str,
    /// Its revision; the highest wins.
    pub revision: i32,
    /// What it is to earlier revisions.
    pub status: RecordStatus,
    /// Where it came from.
    pub source: Source,
    /// When it happened (an upload: answered; an enrolment: effective).
    pub event_at: Instant,
    /// A stable digest of its content, to tell a copy from a conflict.
    pub digest: u64,
    /// A held record is offered again: it is no new copy.
    pub retry: bool,
}

/// The content of a record.
#[derive(Clone, Debug)]
pub enum Body<'a> {
    /// What is known about an episode.
    Enrolment(EnrolmentFact<'a>),
    /// Answered forms.
    Upload(UploadFact<'a>),
    /// Anything whose content is not read here.
    Event,
}

/// One statement about one episode; `None` everywhere means "this record does not say".
#[derive(Clone, Debug, Default)]
pub struct EnrolmentFact<'a> {
    /// The episode it speaks of.
    pub episode_id: &'a str,
    /// When it was written down: decides between statements about the whole episode.
    pub recorded_at: Instant,
    /// From when on its dated fields hold.
    pub effective_at: Instant,
    /// The treatment, as a code of the organisation (whole episode).
    pub procedure: Option<&'a str>,
    /// When the treatment took place (whole episode).
    pub treated_at: Option<Instant>,
    /// The implanted device (whole episode).
    pub device: Option<&'a str>,
    /// Who made the device (whole episode).
    pub manufacturer: Option<&'a str>,
    /// Year of birth (whole episode).
    pub birth_year: Option<i32>,
    /// female, male, other, unknown (whole episode).
    pub sex: Option<&'a str>,
    /// ICD-10 codes (whole episode).
    pub comorbidities: Option<Vec<&'a str>>,
    /// Who treats (dated).
    pub organisation: Option<&'a str>,
    /// Who answers alerts (dated).
    pub care_team: Option<&'a str>,
    /// Who follows the patient and is paid (dated).
    pub clinician_id: Option<&'a str>,
    /// The plan's id (dated).
    pub plan: Option<&'a str>,
    /// The contract's id (dated).
    pub contract: Option<&'a str>,
    /// Tighter schedule, first in the list (dated).
    pub vip: Option<bool>,
    /// Consent to pay what nobody covers (dated).
    pub self_pay_consent: Option<bool>,
    /// NEWS2's oxygen scale, 1 or 2 (dated).
    pub spo2_scale: Option<i32>,
    /// IANA time zone of the patient (dated).
    pub time_zone: Option<&'a str>,
    /// active, ended, erased (dated).
    pub episode_status: Option<&'a str>,
}

/// One upload of answered forms.
#[derive(Clone, Debug)]
pub struct UploadFact<'a> {
    /// The episode it belongs to; `None`: it counts for each of the patient's episodes.
    pub episode_id: Option<&'a str>,
    /// When the patient answered.
    pub answered_at: Instant,
    /// When the phone delivered it.
    pub uploaded_at: Instant,
    /// patient or proxy.
    pub respondent: &'a str,
    /// The forms; each instrument at most once.
    pub forms: Vec<FormFact<'a>>,
}

/// One answered form.
#[derive(Clone, Debug)]
pub struct FormFact<'a> {
    /// The instrument's id.
    pub instrument: &'a str,
    /// Its version; `None`: the newest known.
    pub instrument_version: Option<i32>,
    /// Answers by item code, in any order.
    pub answers: Vec<Answer<'a>>,
}

/// One answer; an absent code is an answer not given.
#[derive(Clone, Copy, Debug)]
pub struct Answer<'a> {
    /// The item's code.
    pub item: &'a str,
    /// The answer's code.
    pub code: Option<i32>,
}
