//! Outputs about care: alerts, vital signs, reviews. Which are ClickHouse rows as well (feature `clickhouse`).

use super::nested::nested;
use serde::{Deserialize, Serialize};

use super::Scale;

/// Stream `alerts`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "clickhouse", derive(clickhouse::Row))]
pub struct Alert<'a> {
    pub version: u64,
    pub alert_id: &'a str,
    pub revision: i32,
    pub status: &'a str,
    pub rule: &'a str,
    pub policy: &'a str,
    pub severity: &'a str,
    pub audience: &'a str,
    #[serde(borrow)]
    pub routed_to: Vec<&'a str>,
    pub patient_id: &'a str,
    #[serde(borrow)]
    pub episode_id: Option<&'a str>,
    pub cause_kind: &'a str,
    pub cause_id: &'a str,
    pub caused_at: i64,
    pub uploaded_at: Option<i64>,
    pub raised_at: i64,
    pub historic: bool,
    pub vip: bool,
    pub answer_due_at: Option<i64>,
    pub escalations: i32,
    #[serde(borrow)]
    pub assignee_id: Option<&'a str>,
    pub acknowledged_at: Option<i64>,
    pub snoozed_until: Option<i64>,
    pub resolved_at: Option<i64>,
    #[serde(borrow)]
    pub outcome: Option<&'a str>,
    #[serde(borrow, with = "super::nested")]
    pub evidence: Vec<AlertEvidence<'a>>,
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

nested! {
    /// One fact that the rule of an [`Alert`] looked at.
    AlertEvidence <'a> {
        name: &'a str,
        value: Option<f64>,
        #[serde(borrow)]
        text: Option<&'a str>,
        unit: &'a str,
        #[serde(borrow)]
        record_id: Option<&'a str>,
        at: Option<i64>,
    }
}

/// Stream `vital-scores`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "clickhouse", derive(clickhouse::Row))]
pub struct VitalScore<'a> {
    pub version: u64,
    pub vital_id: &'a str,
    pub patient_id: &'a str,
    pub kind: &'a str,
    #[serde(borrow)]
    pub metric: Option<&'a str>,
    pub measured_at: i64,
    pub value: Option<f64>,
    pub unit: &'a str,
    #[serde(borrow)]
    pub band: Option<&'a str>,
    pub median: Option<f64>,
    pub robust_z: Option<f64>,
    #[serde(borrow, with = "super::map")]
    pub parts: Vec<Scale<'a>>,
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

/// Stream `reviews`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "clickhouse", derive(clickhouse::Row))]
pub struct Review<'a> {
    pub version: u64,
    pub review_id: &'a str,
    pub revision: i32,
    pub status: &'a str,
    pub patient_id: &'a str,
    #[serde(borrow)]
    pub episode_id: Option<&'a str>,
    #[serde(borrow)]
    pub upload_id: Option<&'a str>,
    pub reviewer_id: &'a str,
    pub began_at: i64,
    pub ended_at: i64,
    pub duration_ms: i64,
    pub interactions: i32,
    pub sections_read: i32,
    pub burst_patients: i32,
    pub verdict: &'a str,
    #[serde(borrow)]
    pub reasons: Vec<&'a str>,
    pub rule: &'a str,
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
