//! What monitoring asks: of each patient one answer beside what was expected of it.

use clickhouse::Row;
use serde::{Deserialize, Serialize};

use crate::{Store, StoreError};

/// One patient's answer beside what was expected of it.
#[derive(Clone, Debug, PartialEq, Row, Deserialize, Serialize)]
pub struct Judged {
    /// Clinician, care team, organisation or manufacturer that the answer belongs to.
    pub group: String,
    /// The health index, percent of the baseline.
    pub index: f64,
    /// What was expected, percent of the baseline.
    pub expected: f64,
    /// Its standard deviation, percent of the baseline; absent where fewer than two responses spoke.
    pub expected_sd: Option<f64>,
}

/// Whose answers are asked for.
#[derive(Clone, Copy, Debug)]
pub struct Monitored<'m> {
    /// Column of the group: `clinician_id`, `care_team`, `organisation` or `manufacturer`.
    pub by: &'static str,
    /// Procedure.
    pub procedure: &'m str,
    /// Instrument, or composite.
    pub instrument: &'m str,
    /// Of each patient the first judged answer so many days after the treatment or later.
    pub from_day: u32,
    /// Answered from here on, ms since 1970-01-01 UTC.
    pub from: i64,
    /// Answered before, ms since 1970-01-01 UTC.
    pub to: i64,
}

impl Store {
    /// Of each patient one answer, in the order in which they were given; those that belong to no group are left out.
    ///
    /// # Errors
    /// What the server said.
    pub async fn judged(&self, asked: &Monitored<'_>) -> Result<Vec<Judged>, StoreError> {
        let query = self.client.query_raw(&format!(
            "SELECT assumeNotNull(first.1) AS `group`, assumeNotNull(first.2) AS `index`, \
             assumeNotNull(first.3) AS expected, first.4 AS expected_sd \
             FROM (SELECT patient_id, min((answered_at, upload_id)) AS place, \
             argMin(tuple({by}, `index`, expected, expected_sd), (answered_at, upload_id)) AS first \
             FROM scores FINAL WHERE status = 'scored' AND `index` IS NOT NULL AND expected IS NOT NULL \
             AND procedure = {{procedure: String}} AND instrument = {{instrument: String}} \
             AND days_since_treatment >= {{from_day: UInt32}} \
             AND answered_at >= fromUnixTimestamp64Milli({{from: Int64}}) \
             AND answered_at < fromUnixTimestamp64Milli({{to: Int64}}) GROUP BY patient_id) \
             WHERE first.1 IS NOT NULL ORDER BY place, patient_id",
            by = asked.by
        ));
        let query = query
            .param("procedure", asked.procedure)
            .param("instrument", asked.instrument)
            .param("from_day", asked.from_day)
            .param("from", asked.from)
            .param("to", asked.to);
        self.timed("read answers beside what was expected", query.fetch_all::<Judged>()).await
    }
}
