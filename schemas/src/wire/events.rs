//! Events: what happened around a patient besides answers and readings.

use super::{RecordStatus, Source};
use serde::{Deserialize, Serialize};

/// What the event streams have in common; reads a record of any of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EventEnvelope<'a> {
    pub id: &'a str,
    pub revision: i32,
    pub status: RecordStatus,
    pub source: Source,
    pub patient_id: &'a str,
    pub happened_at: i64,
}

/// Stream `clinical-events`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClinicalEvent<'a> {
    pub id: &'a str,
    pub revision: i32,
    pub status: RecordStatus,
    pub source: Source,
    pub patient_id: &'a str,
    pub happened_at: i64,
    #[serde(borrow)]
    pub episode_id: Option<&'a str>,
    pub ended_at: Option<i64>,
    pub kind: ClinicalKind,
    #[serde(borrow)]
    pub coding: Option<&'a str>,
    #[serde(borrow)]
    pub code: Option<&'a str>,
    #[serde(borrow)]
    pub result: Option<&'a str>,
    pub value: Option<f64>,
    #[serde(borrow)]
    pub unit: Option<&'a str>,
    #[serde(borrow)]
    pub comparator: Option<&'a str>,
    #[serde(borrow)]
    pub related_id: Option<&'a str>,
    #[serde(borrow)]
    pub provider: Option<&'a str>,
    pub amount_minor: Option<i64>,
    #[serde(borrow)]
    pub currency: Option<&'a str>,
    #[serde(borrow)]
    pub cost_category: Option<&'a str>,
    #[serde(borrow)]
    pub cost_nature: Option<&'a str>,
    #[serde(borrow)]
    pub payers: Vec<PayerPart<'a>>,
}

/// What one payer carries of an amount.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PayerPart<'a> {
    pub payer_kind: &'a str,
    #[serde(borrow)]
    pub payer: Option<&'a str>,
    pub amount_minor: i64,
}

/// What kind of clinical event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClinicalKind {
    Measurement,
    Rejection,
    GraftFailure,
    Stay,
    Visit,
    Surgery,
    ConversionSurgery,
    Infusion,
    TreatmentStart,
    TreatmentEnd,
    StageEntry,
    SymptomOnset,
    TimedTreatment,
    Indication,
    Complication,
    InfectionStatus,
    ExtendedTherapy,
    Assessment,
    Progression,
    Relapse,
    Remission,
    WalkingStatus,
    Death,
    Cost,
    ScreeningTest,
    Cure,
    Programme,
    Social,
    #[serde(other)]
    Unknown,
}

/// Stream `commerce-events`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CommerceEvent<'a> {
    pub id: &'a str,
    pub revision: i32,
    pub status: RecordStatus,
    pub source: Source,
    pub patient_id: &'a str,
    pub happened_at: i64,
    #[serde(borrow)]
    pub episode_id: Option<&'a str>,
    pub kind: CommerceKind,
    #[serde(borrow)]
    pub purchase_id: Option<&'a str>,
    #[serde(borrow)]
    pub contract: Option<&'a str>,
    #[serde(borrow)]
    pub product: Option<&'a str>,
    pub product_version: Option<i32>,
    #[serde(borrow)]
    pub item: Option<&'a str>,
    pub quantity: Option<i32>,
    #[serde(borrow)]
    pub buyer_id: Option<&'a str>,
    #[serde(borrow)]
    pub side: Option<&'a str>,
    #[serde(borrow)]
    pub actor_id: Option<&'a str>,
    #[serde(borrow)]
    pub decision: Option<&'a str>,
    #[serde(borrow)]
    pub reason: Option<&'a str>,
    pub amount_minor: Option<i64>,
    #[serde(borrow)]
    pub currency: Option<&'a str>,
    pub points: Option<i64>,
}

/// What kind of commerce event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CommerceKind {
    Purchase,
    IntakeVerdict,
    ItemReceipt,
    Confirmation,
    Dispatch,
    RefundRequest,
    RefundAgreement,
    VipUpgrade,
    PolicyRenewal,
    PointsRedeemed,
    FreeMonitoring,
    OverspendDecision,
    #[serde(other)]
    Unknown,
}

/// Stream `clinician-activity`, keyed by clinician: one session.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClinicianActivity<'a> {
    pub id: &'a str,
    pub revision: i32,
    pub status: RecordStatus,
    pub source: Source,
    pub patient_id: &'a str,
    pub happened_at: i64,
    pub clinician_id: &'a str,
    #[serde(borrow)]
    pub episode_id: Option<&'a str>,
    #[serde(borrow)]
    pub upload_id: Option<&'a str>,
    pub ended_at: Option<i64>,
    pub interactions: i32,
    #[serde(borrow)]
    pub sections_read: Vec<&'a str>,
    pub messages: i32,
    pub consults: i32,
}

/// Stream `session-verdicts`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SessionVerdict<'a> {
    pub id: &'a str,
    pub revision: i32,
    pub status: RecordStatus,
    pub source: Source,
    pub patient_id: &'a str,
    pub happened_at: i64,
    pub clinician_id: &'a str,
    pub session_revision: i32,
    #[serde(borrow)]
    pub episode_id: Option<&'a str>,
    #[serde(borrow)]
    pub upload_id: Option<&'a str>,
    pub ended_at: i64,
    pub verdict: Verdict,
    #[serde(borrow)]
    pub reasons: Vec<&'a str>,
    pub duration_ms: i64,
    pub interactions: i32,
    pub sections_read: i32,
    pub burst_patients: i32,
    pub rule: &'a str,
}

/// Whether a session was service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    Service,
    Superficial,
    #[serde(other)]
    Unknown,
}

/// Stream `alert-actions`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AlertAction<'a> {
    pub id: &'a str,
    pub revision: i32,
    pub status: RecordStatus,
    pub source: Source,
    pub patient_id: &'a str,
    pub happened_at: i64,
    pub alert_id: &'a str,
    pub kind: AlertActionKind,
    pub actor_id: &'a str,
    pub actor_role: &'a str,
    #[serde(borrow)]
    pub assignee_id: Option<&'a str>,
    pub snoozed_until: Option<i64>,
    #[serde(borrow)]
    pub outcome: Option<&'a str>,
    #[serde(borrow)]
    pub note: Option<&'a str>,
}

/// What was done about an alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AlertActionKind {
    Acknowledge,
    Assign,
    Snooze,
    Escalate,
    Resolve,
    #[serde(other)]
    Unknown,
}
