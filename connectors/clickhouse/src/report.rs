//! What people ask first.

use clickhouse::Row;
use serde::{Deserialize, Serialize};

use crate::{OutputTable, Store, StoreError};

/// The scores of one instrument, withdrawn ones left out.
#[derive(Clone, Debug, PartialEq, Row, Deserialize, Serialize)]
pub struct InstrumentScores {
    /// Instrument, or `composite`.
    pub instrument: String,
    /// Rows, count.
    pub scores: u64,
    /// Of those with status `scored`, count.
    pub scored: u64,
    /// Of those with status `unscored`, count.
    pub unscored: u64,
    /// Mean score, in the points of the instrument; a composite has none.
    pub mean_score: Option<f64>,
    /// Mean health index, percent of the baseline.
    pub mean_index: Option<f64>,
}

/// Records of one topic with one outcome.
#[derive(Clone, Debug, PartialEq, Eq, Row, Deserialize, Serialize)]
pub struct Outcomes {
    /// Input topic, without the prefix of the application.
    pub topic: String,
    /// Outcome.
    pub outcome: String,
    /// Its reason, a stable code; empty when there is none.
    pub reason: String,
    /// Receipts, count; for wearable readings: readings.
    pub count: u64,
    /// Further copies of them, count.
    pub further_copies: u64,
}

/// Dead letters of one topic for one reason.
#[derive(Clone, Debug, PartialEq, Eq, Row, Deserialize, Serialize)]
pub struct DeadLetterReason {
    /// Input topic, without the prefix of the application.
    pub topic: String,
    /// Reason, a stable code.
    pub reason: String,
    /// Dead letters, count.
    pub count: u64,
    /// Of those without a receipt, count.
    pub undecodable: u64,
}

/// A patient and how many indices there are of it.
#[derive(Clone, Debug, PartialEq, Eq, Row, Deserialize)]
pub struct PatientIndices {
    /// Patient, pseudonymous.
    pub patient_id: String,
    /// Scores with an index, count.
    pub count: u64,
}

/// One health index of a patient.
#[derive(Clone, Debug, PartialEq, Row, Deserialize, Serialize)]
pub struct IndexPoint {
    /// Episode of care.
    pub episode_id: String,
    /// When the patient answered, ms since 1970-01-01 UTC.
    pub answered_at: i64,
    /// Days since treatment, negative before it.
    pub days_since_treatment: Option<f64>,
    /// Health index, percent of the baseline.
    pub index: f64,
    /// Expected health index, percent of the baseline.
    pub expected: Option<f64>,
    /// Its standard deviation among comparable patients, percent of the baseline.
    pub expected_sd: Option<f64>,
}

/// How fresh a table is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Freshness {
    /// The table.
    pub output: OutputTable,
    /// The newest `stored_at` (ticks), ms since 1970-01-01 UTC; `None` while the table is empty.
    pub stored_at: Option<i64>,
    /// When a sink last had an insert acknowledged (its clock), ms since 1970-01-01 UTC.
    pub written_at: Option<i64>,
}

impl Store {
    /// Scores by instrument.
    ///
    /// # Errors
    /// What the server said.
    pub async fn scores_by_instrument(&self) -> Result<Vec<InstrumentScores>, StoreError> {
        let query = self.client.query_raw(
            "SELECT toString(instrument) AS instrument, count() AS scores, countIf(status = 'scored') AS scored, \
             countIf(status = 'unscored') AS unscored, avg(score) AS mean_score, avg(index) AS mean_index \
             FROM scores FINAL WHERE status != 'withdrawn' GROUP BY instrument ORDER BY instrument",
        );
        self.timed("sum up the scores", query.fetch_all::<InstrumentScores>()).await
    }

    /// What became of the records, by topic, outcome and reason; for wearable readings, of the readings.
    ///
    /// # Errors
    /// What the server said.
    pub async fn outcomes(&self) -> Result<Vec<Outcomes>, StoreError> {
        let query = self.client.query_raw(
            "SELECT * FROM (\
             SELECT toString(topic) AS topic, toString(outcome) AS outcome, ifNull(toString(reason), '') AS reason, \
             count() AS count, sum(toUInt64(duplicates) + conflicts) AS further_copies \
             FROM receipts FINAL GROUP BY topic, outcome, reason \
             UNION ALL \
             SELECT 'wearable-readings', toString(outcome), toString(reason), sum(readings), 0 \
             FROM reading_receipts FINAL GROUP BY outcome, reason\
             ) ORDER BY topic, outcome, reason",
        );
        self.timed("sum up the outcomes", query.fetch_all::<Outcomes>()).await
    }

    /// Dead letters by topic and reason.
    ///
    /// # Errors
    /// What the server said.
    pub async fn dead_letters_by_reason(&self) -> Result<Vec<DeadLetterReason>, StoreError> {
        let query = self.client.query_raw(
            "SELECT toString(topic) AS topic, toString(reason) AS reason, count() AS count, \
             countIf(NOT receipt) AS undecodable \
             FROM dead_letters FINAL GROUP BY topic, reason ORDER BY topic, reason",
        );
        self.timed("sum up the dead letters", query.fetch_all::<DeadLetterReason>()).await
    }

    /// The patients with the most indices of an instrument (or `composite`), for a report that shows one of them.
    ///
    /// # Errors
    /// What the server said.
    pub async fn patients_with_most(
        &self,
        instrument: &str,
        limit: u32,
    ) -> Result<Vec<PatientIndices>, StoreError> {
        let query = self
            .client
            .query_raw(
                "SELECT patient_id, count() AS count FROM scores FINAL \
                 WHERE instrument = {instrument: String} AND status = 'scored' AND index IS NOT NULL \
                 GROUP BY patient_id ORDER BY count DESC, patient_id LIMIT {limit: UInt32}",
            )
            .param("instrument", instrument)
            .param("limit", limit);
        self.timed("look for patients with scores", query.fetch_all::<PatientIndices>()).await
    }

    /// The health index of one patient over time, of an instrument or `composite`.
    ///
    /// # Errors
    /// What the server said.
    pub async fn index_over_time(
        &self,
        patient_id: &str,
        instrument: &str,
    ) -> Result<Vec<IndexPoint>, StoreError> {
        let query = self
            .client
            .query_raw(
                "SELECT episode_id, answered_at, days_since_treatment, assumeNotNull(index) AS index, expected, \
                 expected_sd \
                 FROM scores FINAL WHERE patient_id = {patient: String} AND instrument = {instrument: String} \
                 AND status = 'scored' AND scores.index IS NOT NULL ORDER BY episode_id, answered_at, upload_id",
            )
            .param("patient", patient_id)
            .param("instrument", instrument);
        self.timed("read the index over time", query.fetch_all::<IndexPoint>()).await
    }

    /// The uploads that have a row in the scores, of patients whose id begins so: what a reader sees at this moment.
    ///
    /// # Errors
    /// What the server said.
    pub async fn uploads_with_scores(&self, patients: &str) -> Result<Vec<String>, StoreError> {
        let query = self
            .client
            .query_raw(
                "SELECT DISTINCT upload_id FROM scores WHERE startsWith(patient_id, {patients: String})",
            )
            .param("patients", patients);
        self.timed("look for scores", query.fetch_all::<String>()).await
    }

    /// How fresh each table is.
    ///
    /// # Errors
    /// What the server said.
    pub async fn freshness(&self) -> Result<Vec<Freshness>, StoreError> {
        let written = "SELECT toString(topic) AS topic, max(written_at) AS at FROM coverage GROUP BY topic";
        let written = self.client.query_raw(written).fetch_all::<Newest>();
        let written = self.timed("read when the sink last wrote", written).await?;
        let mut all = Vec::with_capacity(OutputTable::ALL.len());
        for output in OutputTable::ALL {
            let at = if output == OutputTable::CurveEditions { "published_at" } else { "stored_at" };
            let sql = format!("SELECT maxOrNull({at}) FROM {}", output.table());
            let query = self.client.query_raw(&sql).fetch_one::<Option<i64>>();
            let stored_at = self.timed(format!("read how fresh {} is", output.table()), query).await?;
            let written_at = written.iter().find(|row| row.topic == output.topic()).map(|row| row.at);
            all.push(Freshness { output, stored_at, written_at });
        }
        Ok(all)
    }
}

#[derive(Row, Deserialize)]
struct Newest {
    topic: String,
    at: i64,
}
