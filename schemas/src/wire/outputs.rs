//! Outputs of the patient task, which are ClickHouse rows as well (feature `clickhouse`).

use serde::{Deserialize, Serialize};

/// Stream `receipts`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "clickhouse", derive(clickhouse::Row))]
pub struct Receipt<'a> {
    pub version: u64,
    pub topic: &'a str,
    pub id: &'a str,
    pub revision: i32,
    pub patient_id: &'a str,
    pub outcome: &'a str,
    #[serde(borrow)]
    pub reason: Option<&'a str>,
    pub copies: u32,
    pub duplicates: u32,
    pub conflicts: u32,
    pub stored_at: i64,
    #[serde(borrow)]
    pub organisation: Option<&'a str>,
    #[serde(borrow)]
    pub care_team: Option<&'a str>,
    #[serde(borrow)]
    pub clinician_id: Option<&'a str>,
    #[serde(borrow)]
    pub manufacturer: Option<&'a str>,
    #[serde(borrow)]
    pub procedure: Option<&'a str>,
    pub source: &'a str,
}

/// Stream `reading-receipts`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "clickhouse", derive(clickhouse::Row))]
pub struct ReadingReceipt<'a> {
    pub version: u64,
    pub patient_id: &'a str,
    pub device_id: &'a str,
    pub day: i32,
    pub outcome: &'a str,
    pub reason: &'a str,
    pub records: u64,
    pub readings: u64,
    pub stored_at: i64,
    #[serde(borrow)]
    pub organisation: Option<&'a str>,
    #[serde(borrow)]
    pub care_team: Option<&'a str>,
    #[serde(borrow)]
    pub clinician_id: Option<&'a str>,
    #[serde(borrow)]
    pub manufacturer: Option<&'a str>,
    #[serde(borrow)]
    pub procedure: Option<&'a str>,
    pub source: &'a str,
}

/// Stream `scores`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "clickhouse", derive(clickhouse::Row))]
pub struct Score<'a> {
    pub version: u64,
    pub score_id: &'a str,
    pub episode_id: &'a str,
    pub patient_id: &'a str,
    pub upload_id: &'a str,
    pub upload_revision: i32,
    pub instrument: &'a str,
    pub instrument_version: i32,
    pub value_set: &'a str,
    pub status: &'a str,
    #[serde(borrow)]
    pub reason: Option<&'a str>,
    pub answered_at: i64,
    pub uploaded_at: i64,
    pub stored_at: i64,
    pub days_since_treatment: Option<f64>,
    pub respondent: &'a str,
    pub score: Option<f64>,
    #[serde(borrow, with = "super::map")]
    pub scales: Vec<Scale<'a>>,
    pub baseline: Option<f64>,
    #[serde(borrow)]
    pub baseline_upload_id: Option<&'a str>,
    pub index: Option<f64>,
    #[serde(borrow)]
    pub index_rule: Option<&'a str>,
    pub change_mcid: Option<f64>,
    pub ewma: Option<f64>,
    pub mean_28d: Option<f64>,
    pub slope_56d: Option<f64>,
    pub uploads_done: u32,
    pub uploads_due: u32,
    pub expected: Option<f64>,
    #[serde(borrow)]
    pub curve_edition: Option<&'a str>,
    #[serde(borrow)]
    pub organisation: Option<&'a str>,
    #[serde(borrow)]
    pub care_team: Option<&'a str>,
    #[serde(borrow)]
    pub clinician_id: Option<&'a str>,
    #[serde(borrow)]
    pub manufacturer: Option<&'a str>,
    #[serde(borrow)]
    pub procedure: Option<&'a str>,
    pub source: &'a str,
    pub expected_sd: Option<f64>,
    pub expected_n: Option<u32>,
    #[serde(borrow)]
    pub cohort: Option<&'a str>,
    #[serde(default)]
    pub forecast: Option<f64>,
    #[serde(default)]
    pub forecast_sd: Option<f64>,
    #[serde(default)]
    pub level: Option<f64>,
    #[serde(default)]
    pub change_errors: Option<f64>,
    #[serde(default)]
    pub trend_errors: Option<f64>,
}

/// One subscale of a [`Score`]; the vector is a map from name to value on the wire and in the table.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scale<'a> {
    pub name: &'a str,
    pub value: f64,
}

/// Stream `windows`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "clickhouse", derive(clickhouse::Row))]
pub struct Window<'a> {
    pub version: u64,
    pub patient_id: &'a str,
    pub device_id: &'a str,
    pub metric: &'a str,
    pub unit: &'a str,
    pub window_start: i64,
    pub length_s: u32,
    pub readings: u32,
    pub mean: f64,
    pub sd: Option<f64>,
    pub min: f64,
    pub max: f64,
    pub stored_at: i64,
    #[serde(borrow)]
    pub organisation: Option<&'a str>,
    #[serde(borrow)]
    pub care_team: Option<&'a str>,
    #[serde(borrow)]
    pub clinician_id: Option<&'a str>,
    #[serde(borrow)]
    pub manufacturer: Option<&'a str>,
    #[serde(borrow)]
    pub procedure: Option<&'a str>,
    pub source: &'a str,
    pub p10: Option<f64>,
    pub p50: Option<f64>,
    pub p90: Option<f64>,
    pub coverage: Option<f64>,
    pub in_range: Option<f64>,
}

/// Stream `late-readings`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "clickhouse", derive(clickhouse::Row))]
pub struct LateReading<'a> {
    pub version: u64,
    pub patient_id: &'a str,
    pub device_id: &'a str,
    pub metric: &'a str,
    pub unit: &'a str,
    pub value: f64,
    pub measured_at: i64,
    pub stored_at: i64,
    pub source: &'a str,
    #[serde(borrow)]
    pub organisation: Option<&'a str>,
    #[serde(borrow)]
    pub care_team: Option<&'a str>,
    #[serde(borrow)]
    pub clinician_id: Option<&'a str>,
    #[serde(borrow)]
    pub manufacturer: Option<&'a str>,
    #[serde(borrow)]
    pub procedure: Option<&'a str>,
    #[serde(borrow)]
    pub time_zone: Option<&'a str>,
    #[serde(default)]
    pub day_from: Option<i64>,
    #[serde(default)]
    pub day_until: Option<i64>,
    #[serde(default)]
    pub elsewhere_hours: Vec<i64>,
    #[serde(default)]
    pub taken_before: Option<i64>,
}

/// Header `aftercare.dead-letter` of stream `dead-letters`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "clickhouse", derive(clickhouse::Row))]
pub struct DeadLetter<'a> {
    pub version: u64,
    pub topic: &'a str,
    pub partition: i32,
    pub offset: i64,
    pub record_at: i64,
    pub stage: &'a str,
    pub reason: &'a str,
    pub message: &'a str,
    pub receipt: bool,
    pub key_bytes: u32,
    pub value_bytes: u32,
    pub stored_at: i64,
}
