//! Inputs of the patient task.

use serde::{Deserialize, Serialize};

/// What a revision of a record says about the ones before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecordStatus {
    Final,
    Amended,
    EnteredInError,
}

/// Where a record comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    Live,
    Import,
    Simulated,
}

impl Source {
    /// The word for it on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Import => "import",
            Self::Simulated => "simulated",
        }
    }
}

/// What a reading measures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Metric {
    HeartRate,
    SystolicPressure,
    DiastolicPressure,
    OxygenSaturation,
    RespirationRate,
    BodyTemperature,
    BodyWeight,
    BloodGlucose,
    Steps,
    SleepDuration,
    SupplementalOxygen,
    Consciousness,
    DosesTaken,
    DosesDue,
    #[serde(other)]
    Unknown,
}

impl Metric {
    /// Every metric, in the order of its symbols on the wire.
    pub const ALL: [Self; 15] = [
        Self::Unknown,
        Self::HeartRate,
        Self::SystolicPressure,
        Self::DiastolicPressure,
        Self::OxygenSaturation,
        Self::RespirationRate,
        Self::BodyTemperature,
        Self::BodyWeight,
        Self::BloodGlucose,
        Self::Steps,
        Self::SleepDuration,
        Self::SupplementalOxygen,
        Self::Consciousness,
        Self::DosesTaken,
        Self::DosesDue,
    ];

    /// The word for it on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::HeartRate => "heart_rate",
            Self::SystolicPressure => "systolic_pressure",
            Self::DiastolicPressure => "diastolic_pressure",
            Self::OxygenSaturation => "oxygen_saturation",
            Self::RespirationRate => "respiration_rate",
            Self::BodyTemperature => "body_temperature",
            Self::BodyWeight => "body_weight",
            Self::BloodGlucose => "blood_glucose",
            Self::Steps => "steps",
            Self::SleepDuration => "sleep_duration",
            Self::SupplementalOxygen => "supplemental_oxygen",
            Self::Consciousness => "consciousness",
            Self::DosesTaken => "doses_taken",
            Self::DosesDue => "doses_due",
        }
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

/// What a control record says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ControlKind {
    Tick,
    Closing,
    Settlement,
    #[serde(other)]
    Unknown,
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
