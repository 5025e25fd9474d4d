//! What people ask about care: alerts, curves.

use clickhouse::Row;
use serde::{Deserialize, Serialize};

use crate::{Store, StoreError};

/// One alert as it stands; withdrawn ones are left out.
#[derive(Clone, Debug, PartialEq, Eq, Row, Deserialize, Serialize)]
pub struct AlertState {
    /// Id of the alert.
    pub alert_id: String,
    /// Rule that raised it.
    pub rule: String,
    /// critical, warning or info.
    pub severity: String,
    /// patient_care or service.
    pub audience: String,
    /// open, acknowledged, snoozed or resolved.
    pub status: String,
    /// Patient, pseudonymous.
    pub patient_id: String,
    /// Event time of the cause, ms since 1970-01-01 UTC.
    pub caused_at: i64,
    /// Tick at which it was raised, ms since 1970-01-01 UTC.
    pub raised_at: i64,
    /// Tick or time at which a person acknowledged it, ms since 1970-01-01 UTC.
    pub acknowledged_at: Option<i64>,
    /// How often it was escalated, count.
    pub escalations: i32,
    /// It notifies no one.
    pub historic: bool,
}

/// The newest edition of one cohort's curve.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Curve {
    /// Edition.
    pub edition: String,
    /// Cohort.
    pub cohort: String,
    /// By time since treatment.
    pub points: Vec<CurvePoint>,
}

/// The responses of one stretch of time since treatment.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CurvePoint {
    /// First day, inclusive.
    pub from_day: i32,
    /// Last day, exclusive.
    pub to_day: i32,
    /// Responses, count.
    pub n: i64,
    /// Mean health index, percent of the baseline.
    pub mean: f64,
    /// Its quantiles 5, 25, 50, 75 and 95 %, percent of the baseline; empty where there are too few responses.
    pub quantiles: Vec<f64>,
}

impl Store {
    /// Every alert that stands, by id.
    ///
    /// # Errors
    /// What the server said.
    pub async fn alerts(&self) -> Result<Vec<AlertState>, StoreError> {
        let query = self.client.query_raw(
            "SELECT alert_id, toString(rule) AS rule, toString(severity) AS severity, \
             toString(audience) AS audience, toString(status) AS status, patient_id, caused_at, raised_at, \
             acknowledged_at, escalations, historic \
             FROM alerts FINAL WHERE status != 'withdrawn' ORDER BY alert_id",
        );
        self.timed("read the alerts", query.fetch_all::<AlertState>()).await
    }

    /// The newest edition of a cohort's curve, of an instrument or `composite`; `None` while there is none.
    ///
    /// # Errors
    /// What the server said.
    pub async fn newest_curve(&self, cohort: &str, instrument: &str) -> Result<Option<Curve>, StoreError> {
        let query = self
            .client
            .query_raw(
                "SELECT edition, bin.from_day AS from_day, bin.to_day AS to_day, bin.n AS n, \
                 bin.sum_hundredths / bin.n / 100 AS mean, \
                 arrayMap(q -> q / 100, bin.quantiles_hundredths) AS quantiles \
                 FROM (SELECT toString(edition) AS edition, bins FROM curve_editions_current \
                 WHERE cohort = {cohort: String} AND instrument = {instrument: String} \
                 ORDER BY effective_from DESC LIMIT 1) \
                 ARRAY JOIN bins AS bin WHERE bin.n > 0 ORDER BY from_day",
            )
            .param("cohort", cohort)
            .param("instrument", instrument);
        let rows = self.timed("read a curve", query.fetch_all::<CurveRow>()).await?;
        let edition = rows.first().map(|row| row.edition.clone());
        let points = rows.into_iter().map(CurveRow::into_point).collect();
        Ok(edition.map(|edition| Curve { edition, cohort: cohort.to_owned(), points }))
    }
}

#[derive(Row, Deserialize)]
struct CurveRow {
    edition: String,
    from_day: i32,
    to_day: i32,
    n: i64,
    mean: f64,
    quantiles: Vec<f64>,
}

impl CurveRow {
    fn into_point(self) -> CurvePoint {
        let Self { edition: _, from_day, to_day, n, mean, quantiles } = self;
        CurvePoint { from_day, to_day, n, mean, quantiles }
    }
}
