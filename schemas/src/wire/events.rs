//! Events: what happened around a patient besides answers and readings.

use super::symbols::symbols;
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

symbols! {
    /// What kind of clinical event.
    ClinicalKind {
        1 Measurement "measurement",
        2 Rejection "rejection",
        3 GraftFailure "graft_failure",
        4 Stay "stay",
        5 Visit "visit",
        6 Surgery "surgery",
        7 ConversionSurgery "conversion_surgery",
        8 Infusion "infusion",
        9 TreatmentStart "treatment_start",
        10 TreatmentEnd "treatment_end",
        11 StageEntry "stage_entry",
        12 SymptomOnset "symptom_onset",
        13 TimedTreatment "timed_treatment",
        14 Indication "indication",
        15 Complication "complication",
        16 InfectionStatus "infection_status",
        17 ExtendedTherapy "extended_therapy",
        18 Assessment "assessment",
        19 Progression "progression",
        20 Relapse "relapse",
        21 Remission "remission",
        22 WalkingStatus "walking_status",
        23 Death "death",
        24 Cost "cost",
        25 ScreeningTest "screening_test",
        26 Cure "cure",
        27 Programme "programme",
        28 Social "social",
        else 0 Unknown "unknown",
    }
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

symbols! {
    /// What kind of commerce event.
    CommerceKind {
        1 Purchase "purchase",
        2 IntakeVerdict "intake_verdict",
        3 ItemReceipt "item_receipt",
        4 Confirmation "confirmation",
        5 Dispatch "dispatch",
        6 RefundRequest "refund_request",
        7 RefundAgreement "refund_agreement",
        8 VipUpgrade "vip_upgrade",
        9 PolicyRenewal "policy_renewal",
        10 PointsRedeemed "points_redeemed",
        11 FreeMonitoring "free_monitoring",
        12 OverspendDecision "overspend_decision",
        else 0 Unknown "unknown",
    }
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

symbols! {
    /// Whether a session was service.
    Verdict {
        1 Service "service",
        2 Superficial "superficial",
        else 0 Unknown "unknown",
    }
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

symbols! {
    /// What was done about an alert.
    AlertActionKind {
        1 Acknowledge "acknowledge",
        2 Assign "assign",
        3 Snooze "snooze",
        4 Escalate "escalate",
        5 Resolve "resolve",
        else 0 Unknown "unknown",
    }
}
