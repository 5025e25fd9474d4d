//! Curves: what responses add to them, and their editions.

use super::nested::nested;
use super::symbols::symbols;
use serde::{Deserialize, Serialize};

symbols! {
    /// What a contribution does.
    ContributionKind {
        1 Add "add",
        2 Take "take",
        3 Boundary "boundary",
        else 0 Unknown "unknown",
    }
}

/// Stream `curve-contributions`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CurveContribution<'a> {
    pub version: u64,
    pub source_partition: i32,
    pub kind: ContributionKind,
    pub period_end: Option<i64>,
    pub procedure: &'a str,
    #[serde(borrow)]
    pub instrument: Option<&'a str>,
    #[serde(borrow)]
    pub plan: Option<&'a str>,
    #[serde(borrow)]
    pub age_band: Option<&'a str>,
    #[serde(borrow)]
    pub sex: Option<&'a str>,
    #[serde(borrow)]
    pub comorbidity: Option<&'a str>,
    #[serde(borrow, default)]
    pub cohort: Option<&'a str>,
    pub bin: Option<i32>,
    pub index_hundredths: Option<i64>,
    pub answered_at: Option<i64>,
    #[serde(borrow)]
    pub score_id: Option<&'a str>,
    pub stored_at: i64,
}

/// Stream `curve-editions`, a ClickHouse row as well.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "clickhouse", derive(clickhouse::Row))]
pub struct CurveEdition<'a> {
    pub version: u64,
    pub edition: &'a str,
    pub cohort: &'a str,
    #[serde(borrow)]
    pub parent: Option<&'a str>,
    pub procedure: &'a str,
    pub instrument: &'a str,
    #[serde(borrow)]
    pub plan: Option<&'a str>,
    pub effective_from: i64,
    pub period_end: i64,
    pub published_at: i64,
    pub prior_n: i32,
    #[serde(with = "super::nested")]
    pub bins: Vec<CurveBin>,
    #[serde(with = "super::nested")]
    pub sources: Vec<EditionSource>,
}

nested! {
    /// The responses of one bin of time since treatment.
    CurveBin {
        bin: i32,
        from_day: i32,
        to_day: i32,
        n: i64,
        sum_hundredths: i64,
        sum_squares: i64,
        quantiles_hundredths: Vec<i64>,
    }
}

nested! {
    /// What an edition holds of one source partition.
    EditionSource {
        partition: i32,
        last_sequence: i64,
    }
}
