//! What a record says, in the words of the domain. The edges own the wire and convert into these.

use serde::{Deserialize, Serialize};

use crate::documents::Library;
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
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Source {
    /// An app, a device or an interface, as it happened.
    #[default]
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
    /// A session of a clinician in a patient's record.
    ClinicianActivity,
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
            InputKind::ClinicianActivity => "clinician-activity",
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
    /// Something that happened to the patient's health, or what it cost.
    Clinical(ClinicalFact<'a>),
    /// Something that was bought, used, refunded or chosen.
    Commerce(CommerceFact<'a>),
    /// What a person did about an alert.
    Action(ActionFact<'a>),
    /// Whether a clinician's session was service.
    Verdict(VerdictFact<'a>),
    /// Anything whose content is not read here.
    Event,
}

impl Body<'_> {
    /// The episode that the record names.
    pub fn episode_id(&self) -> Option<&str> {
        match self {
            Body::Enrolment(fact) => Some(fact.episode_id),
            Body::Upload(fact) => fact.episode_id,
            Body::Clinical(fact) => fact.episode_id,
            Body::Commerce(fact) => fact.episode_id,
            Body::Verdict(fact) => fact.episode_id,
            Body::Action(_) | Body::Event => None,
        }
    }
}

/// A clinical event. When it happened is its record's event time; the words are those of the schema `clinical-events`.
#[derive(Clone, Debug, Default)]
pub struct ClinicalFact<'a> {
    /// The episode it belongs to; `None`: the patient's, whatever the episode.
    pub episode_id: Option<&'a str>,
    /// The end of what lasts, excluded.
    pub ended_at: Option<Instant>,
    /// measurement, rejection, stay, complication, extended_therapy, cost and so on.
    pub kind: &'a str,
    /// Code system of `code`.
    pub coding: Option<&'a str>,
    /// What exactly.
    pub code: Option<&'a str>,
    /// The result in words.
    pub result: Option<&'a str>,
    /// The result as a number, in `unit`.
    pub value: Option<f64>,
    /// UCUM.
    pub unit: Option<&'a str>,
    /// <, <=, >= or > where `value` is a limit of detection.
    pub comparator: Option<&'a str>,
    /// The event that this one belongs to.
    pub related_id: Option<&'a str>,
    /// Where it happened.
    pub provider: Option<&'a str>,
    /// Total, minor units of `currency`.
    pub amount_minor: Option<i64>,
    /// ISO 4217.
    pub currency: Option<&'a str>,
    /// By what a contract pays.
    pub cost_category: Option<&'a str>,
    /// direct_medical, indirect or social.
    pub cost_nature: Option<&'a str>,
    /// What each payer carries of the amount.
    pub payers: Vec<PayerPart<'a>>,
}

impl ClinicalFact<'_> {
    /// The unit, where one is named.
    pub fn named_unit(&self) -> Option<&str> {
        self.unit.filter(|unit| !unit.is_empty())
    }

    /// Whether rules that look at the laboratory value can read its unit. What names no unit is taken to be in theirs.
    pub fn is_judgeable(&self, library: &Library) -> bool {
        let measured = self.value.and(self.code).filter(|_| self.kind == "measurement");
        measured.zip(self.named_unit()).is_none_or(|(code, unit)| library.takes_unit(code, unit))
    }
}

/// What one payer carries of an amount.
#[derive(Clone, Copy, Debug)]
pub struct PayerPart<'a> {
    /// patient, manufacturer, public_insurance and so on.
    pub payer_kind: &'a str,
    /// Which one; `None` for the patient.
    pub payer: Option<&'a str>,
    /// Minor units of the amount's currency.
    pub amount_minor: i64,
}

/// A commerce event; the words are those of the schema `commerce-events`.
#[derive(Clone, Debug, Default)]
pub struct CommerceFact<'a> {
    /// The episode it belongs to; `None`: the patient's, whatever the episode.
    pub episode_id: Option<&'a str>,
    /// purchase, item_receipt, free_monitoring and so on.
    pub kind: &'a str,
    /// The purchase that it belongs to.
    pub purchase_id: Option<&'a str>,
    /// Contract document.
    pub contract: Option<&'a str>,
    /// Package or policy.
    pub product: Option<&'a str>,
    /// Version of the package's content.
    pub product_version: Option<i32>,
    /// Item of the package.
    pub item: Option<&'a str>,
    /// How many of the item.
    pub quantity: Option<i32>,
    /// Who bought; `None`: the patient.
    pub buyer_id: Option<&'a str>,
    /// Who acts: patient, provider, staff or payer.
    pub side: Option<&'a str>,
    /// The person who acts, where it is not the patient.
    pub actor_id: Option<&'a str>,
    /// Outcome of a verdict, choice or decision.
    pub decision: Option<&'a str>,
    /// Stable code of the recorded reason.
    pub reason: Option<&'a str>,
    /// Minor units of `currency`.
    pub amount_minor: Option<i64>,
    /// ISO 4217.
    pub currency: Option<&'a str>,
    /// Points redeemed.
    pub points: Option<i64>,
}

/// What a person did about an alert. The person's note is no part of it: it is personal and decides nothing.
#[derive(Clone, Copy, Debug)]
pub struct ActionFact<'a> {
    /// The alert.
    pub alert_id: &'a str,
    /// acknowledge, assign, snooze, escalate or resolve.
    pub kind: &'a str,
    /// Who acted.
    pub actor_id: &'a str,
    /// care_manager, clinician or local_doctor.
    pub actor_role: &'a str,
    /// assign, escalate: who has it now.
    pub assignee_id: Option<&'a str>,
    /// snooze: when it shows again.
    pub snoozed_until: Option<Instant>,
    /// resolve: the code.
    pub outcome: Option<&'a str>,
}

/// Whether a clinician's session was service. When it began is its record's event time.
#[derive(Clone, Debug)]
pub struct VerdictFact<'a> {
    /// Whose session.
    pub clinician_id: &'a str,
    /// Revision of the session that was judged.
    pub session_revision: i32,
    /// The episode that was looked at.
    pub episode_id: Option<&'a str>,
    /// The upload that was reviewed; `None`: none, so that nothing can be billed.
    pub upload_id: Option<&'a str>,
    /// The session's end; a review belongs to its day and month.
    pub ended_at: Instant,
    /// Whether it counts as service.
    pub service: bool,
    /// Why not: too_short, too_few_sections, too_few_interactions, burst.
    pub reasons: Vec<&'a str>,
    /// Length of the session, ms.
    pub duration_ms: i64,
    /// Taps, scrolls and entries.
    pub interactions: i32,
    /// Distinct sections read.
    pub sections_read: i32,
    /// Most patients whose sessions of this clinician began within five minutes around this one's start.
    pub burst_patients: i32,
    /// Document and version of the rule that judged.
    pub rule: &'a str,
}

/// One session of a clinician: a patient's record was opened. When it began is its record's event time.
#[derive(Clone, Copy, Debug)]
pub struct SessionFact<'a> {
    /// Whose record was opened.
    pub patient_id: &'a str,
    /// The episode that was looked at.
    pub episode_id: Option<&'a str>,
    /// The upload that was opened.
    pub upload_id: Option<&'a str>,
    /// The session's end; `None` while it is open.
    pub ended_at: Option<Instant>,
    /// Taps, scrolls and entries.
    pub interactions: i32,
    /// Distinct sections read.
    pub sections_read: i32,
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
