//! Inputs of the patient task.

use super::symbols::symbols;
use serde::{Deserialize, Serialize};

symbols! {
    /// What a revision of a record says about the ones before it.
    RecordStatus {
        0 Final "final",
        1 Amended "amended",
        2 EnteredInError "entered_in_error",
    }
}

symbols! {
    /// Where a record comes from.
    Source {
        0 Live "live",
        1 Import "import",
        2 Simulated "simulated",
    }
}

symbols! {
    /// What a reading measures.
    Metric {
        1 HeartRate "heart_rate",
        2 SystolicPressure "systolic_pressure",
        3 DiastolicPressure "diastolic_pressure",
        4 OxygenSaturation "oxygen_saturation",
        5 RespirationRate "respiration_rate",
        6 BodyTemperature "body_temperature",
        7 BodyWeight "body_weight",
        8 BloodGlucose "blood_glucose",
        9 Steps "steps",
        10 SleepDuration "sleep_duration",
        11 SupplementalOxygen "supplemental_oxygen",
        12 Consciousness "consciousness",
        13 DosesTaken "doses_taken",
        14 DosesDue "doses_due",
        else 0 Unknown "unknown",
    }
}

/// Stream `enrolments`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Enrolment<'a> {
    pub id: &'a str,
    pub revision: i32,
    pub status: RecordStatus,
    pub source: Source,
    pub patient_id: &'a str,
    pub episode_id: &'a str,
    pub recorded_at: i64,
    pub effective_at: i64,
    #[serde(borrow)]
    pub procedure: Option<&'a str>,
    pub treated_at: Option<i64>,
    #[serde(borrow)]
    pub device: Option<&'a str>,
    #[serde(borrow)]
    pub manufacturer: Option<&'a str>,
    pub birth_year: Option<i32>,
    #[serde(borrow)]
    pub sex: Option<&'a str>,
    #[serde(borrow)]
    pub comorbidities: Option<Vec<&'a str>>,
    #[serde(borrow)]
    pub organisation: Option<&'a str>,
    #[serde(borrow)]
    pub care_team: Option<&'a str>,
    #[serde(borrow)]
    pub clinician_id: Option<&'a str>,
    #[serde(borrow)]
    pub plan: Option<&'a str>,
    #[serde(borrow)]
    pub contract: Option<&'a str>,
    pub vip: Option<bool>,
    pub self_pay_consent: Option<bool>,
    pub spo2_scale: Option<i32>,
    #[serde(borrow)]
    pub time_zone: Option<&'a str>,
    #[serde(borrow)]
    pub episode_status: Option<&'a str>,
}

impl Default for Enrolment<'_> {
    /// Revision 1, final and live, that says nothing yet.
    fn default() -> Self {
        Self {
            id: "",
            revision: 1,
            status: RecordStatus::Final,
            source: Source::Live,
            patient_id: "",
            episode_id: "",
            recorded_at: 0,
            effective_at: 0,
            procedure: None,
            treated_at: None,
            device: None,
            manufacturer: None,
            birth_year: None,
            sex: None,
            comorbidities: None,
            organisation: None,
            care_team: None,
            clinician_id: None,
            plan: None,
            contract: None,
            vip: None,
            self_pay_consent: None,
            spo2_scale: None,
            time_zone: None,
            episode_status: None,
        }
    }
}

/// Stream `prom-responses`: one upload.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PromResponse<'a> {
    pub id: &'a str,
    pub revision: i32,
    pub status: RecordStatus,
    pub source: Source,
    pub patient_id: &'a str,
    #[serde(borrow)]
    pub episode_id: Option<&'a str>,
    pub answered_at: i64,
    pub uploaded_at: i64,
    pub respondent: &'a str,
    #[serde(borrow)]
    pub forms: Vec<Form<'a>>,
}

/// One questionnaire of an upload.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Form<'a> {
    pub instrument: &'a str,
    pub instrument_version: Option<i32>,
    #[serde(borrow)]
    pub answers: Vec<Answer<'a>>,
}

/// One answered item of a form.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Answer<'a> {
    pub item: &'a str,
    pub code: Option<i32>,
}

/// Stream `wearable-readings`: one upload.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WearableUpload<'a> {
    pub patient_id: &'a str,
    pub device_id: &'a str,
    pub source: Source,
    #[serde(borrow)]
    pub readings: Vec<Reading<'a>>,
}

/// One measured value.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Reading<'a> {
    pub metric: Metric,
    pub value: f64,
    pub unit: &'a str,
    pub measured_at: i64,
}

/// A [`WearableUpload`] without its readings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WearableHead<'a> {
    pub patient_id: &'a str,
    pub device_id: &'a str,
    pub source: Source,
}

/// Stream `contracts`: one version of a document.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Document<'a> {
    pub kind: &'a str,
    pub id: &'a str,
    pub version: i32,
    pub format: &'a str,
    pub body: &'a str,
    pub published_at: i64,
}

symbols! {
    /// What a control record says.
    ControlKind {
        1 Tick "tick",
        2 Closing "closing",
        3 Settlement "settlement",
        else 0 Unknown "unknown",
    }
}

/// Stream `control`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Control<'a> {
    pub kind: ControlKind,
    pub at: i64,
    #[serde(borrow)]
    pub id: Option<&'a str>,
    #[serde(borrow)]
    pub body: Option<&'a str>,
}

/// Stream `dead-letter-decisions`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DeadLetterDecision<'a> {
    pub partition: i32,
    pub offset: i64,
    pub action: &'a str,
    pub decided_at: i64,
    #[serde(borrow)]
    pub note: Option<&'a str>,
}
