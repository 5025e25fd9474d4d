//! What the pages of one patient and one clinician show, each list bounded. Rows come by the names of their columns, as
//! whatever type the caller reads them by; times are ms since 1970-01-01 UTC.

use clickhouse::Row;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::{Store, StoreError};

/// Who follows a patient by the newest row that says so.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct PatientOwner {
    /// Care team.
    pub care_team: Option<String>,
    /// Clinician.
    pub clinician_id: Option<String>,
}

/// `{id}` of a statement is the patient or clinician.
const OWNER: &str = "SELECT care_team, clinician_id FROM (\
     SELECT answered_at AS at, care_team, clinician_id FROM scores WHERE patient_id = {id: String} UNION ALL \
     SELECT caused_at, care_team, clinician_id FROM alerts WHERE patient_id = {id: String} UNION ALL \
     SELECT stored_at, care_team, clinician_id FROM vital_scores WHERE patient_id = {id: String} UNION ALL \
     SELECT stored_at, care_team, clinician_id FROM windows WHERE patient_id = {id: String}) \
     ORDER BY at DESC LIMIT 1";

const SCORES: &str = "SELECT episode_id, upload_id, instrument, status, reason, \
     toUnixTimestamp64Milli(answered_at) AS answered_at, toUnixTimestamp64Milli(uploaded_at) AS uploaded_at, \
     days_since_treatment, respondent, score, scales, baseline, `index`, change_mcid, expected, expected_sd, \
     expected_n, curve_edition, forecast, forecast_sd, uploads_done, uploads_due, procedure, manufacturer, care_team, \
     clinician_id \
     FROM scores_current AS s WHERE patient_id = {id: String} \
     ORDER BY s.answered_at DESC, upload_id DESC, instrument LIMIT 2000";

/// Days as they were summed up, for a metric without any the windows of five minutes by UTC day; 90 days back from the
/// newest.
const VITALS: &str = "SELECT metric, any(unit) AS unit, toUnixTimestamp64Milli(day) AS day_start, \
     sum(w.readings) AS readings, sum(w.mean * w.readings) / sum(w.readings) AS mean, min(w.min) AS min, \
     max(w.max) AS max FROM (\
     SELECT metric, unit, length_s >= 82800 AS is_day, max(is_day) OVER (PARTITION BY metric) AS has_days, \
     if(is_day, window_start, toDateTime64(toStartOfDay(window_start), 3, 'UTC')) AS day, readings, mean, min, max \
     FROM windows_current WHERE patient_id = {id: String} AND (length_s >= 82800 OR length_s = 300) \
     AND readings > 0 AND window_start > \
     (SELECT max(window_start) FROM windows WHERE patient_id = {id: String}) - INTERVAL 90 DAY) AS w \
     WHERE is_day = has_days GROUP BY metric, day ORDER BY metric, day DESC";

const VITAL_SCORES: &str = "SELECT kind, metric, toUnixTimestamp64Milli(measured_at) AS measured_at, value, unit, band, \
     median, robust_z, parts FROM vital_scores_current AS v WHERE patient_id = {id: String} \
     AND (kind != 'baseline' OR abs(robust_z) >= 3.5) ORDER BY v.measured_at DESC LIMIT 14 BY kind";

const ALERTS: &str = "SELECT version, alert_id, revision, status, rule, policy, severity, audience, routed_to, patient_id, \
     episode_id, cause_kind, cause_id, toUnixTimestamp64Milli(caused_at) AS caused_at, \
     toUnixTimestamp64Milli(uploaded_at) AS uploaded_at, toUnixTimestamp64Milli(raised_at) AS raised_at, historic, vip, \
     toUnixTimestamp64Milli(answer_due_at) AS answer_due_at, escalations, assignee_id, \
     toUnixTimestamp64Milli(acknowledged_at) AS acknowledged_at, \
     toUnixTimestamp64Milli(snoozed_until) AS snoozed_until, toUnixTimestamp64Milli(resolved_at) AS resolved_at, outcome, \
     CAST(arrayMap(e -> (e.1, e.2, e.3, e.4, e.5, toUnixTimestamp64Milli(e.6)), evidence) \
     AS Array(Tuple(name String, value Nullable(Float64), text Nullable(String), unit String, \
     record_id Nullable(String), at Nullable(Int64)))) AS evidence, \
     care_team, clinician_id, manufacturer, procedure, source \
     FROM alerts AS a FINAL WHERE patient_id = {id: String} AND status != 'withdrawn' \
     ORDER BY a.raised_at DESC LIMIT 200";

const REVIEWS: &str = "SELECT review_id, patient_id, upload_id, reviewer_id, toUnixTimestamp64Milli(ended_at) AS ended_at, \
     duration_ms, interactions, sections_read, burst_patients, verdict, reasons FROM reviews_current AS r \
     WHERE {column: Identifier} = {id: String} ORDER BY r.ended_at DESC LIMIT 500";

const ENTRIES: &str = "SELECT entry_id, kind, component, component_id, patient_id, payer, payee, amount_minor, currency, \
     toUnixTimestamp64Milli(triggered_at) AS triggered_at, service_period, booking_period, reason, reverses, \
     CAST(arrayMap(e -> (e.1, e.2, e.3, e.4), evidence) \
     AS Array(Tuple(name String, value String, unit String, record_id Nullable(String)))) AS evidence \
     FROM ledger AS l FINAL WHERE {column: Identifier} = {id: String} AND kind IN ('line', 'held') \
     ORDER BY l.triggered_at DESC, entry_id LIMIT 5000";

/// The composite, where an episode has one, is what its patient is judged by.
const PATIENTS: &str = "SELECT s.patient_id AS patient_id, s.procedure AS procedure, s.answered AS answered_at, \
     s.judged.1 AS `index`, s.judged.2 AS expected, s.judged.3 AS change_mcid, a.open AS open_alerts, \
     a.critical AS critical_alerts FROM (\
     SELECT patient_id, any(procedure) AS procedure, toUnixTimestamp64Milli(max(answered_at)) AS answered, \
     argMax(tuple(`index`, expected, change_mcid), \
     (answered_at, instrument = 'composite', expected IS NOT NULL, instrument)) AS judged, \
     argMax(clinician_id, answered_at) AS clinician FROM scores_current \
     WHERE status = 'scored' AND scores_current.index IS NOT NULL AND patient_id IN \
     (SELECT patient_id FROM scores WHERE clinician_id = {id: String}) GROUP BY patient_id) AS s \
     LEFT JOIN (SELECT patient_id, count() AS open, countIf(severity = 'critical') AS critical FROM alerts FINAL \
     WHERE clinician_id = {id: String} AND status IN ('open', 'acknowledged', 'snoozed') AND NOT historic AND audience = 'patient_care' \
     GROUP BY patient_id) AS a ON a.patient_id = s.patient_id \
     WHERE s.clinician = {id: String} ORDER BY s.patient_id LIMIT 2000";

const UPLOADS: &str = "SELECT patient_id, upload_id, toUnixTimestamp64Milli(max(u.answered_at)) AS answered_at, \
     judged.1 AS `index`, judged.2 AS expected, argMax(tuple(u.index, u.expected), \
     (u.instrument = 'composite', u.expected IS NOT NULL, u.index IS NOT NULL, u.instrument)) AS judged \
     FROM scores_current AS u WHERE clinician_id = {id: String} AND days_since_treatment >= 0 \
     GROUP BY patient_id, upload_id ORDER BY answered_at DESC, patient_id, upload_id LIMIT 300";

/// A request for a page about one person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Row, Serialize)]
pub struct PageView<'a> {
    /// When it was asked for, ms since 1970-01-01 UTC.
    pub viewed_at: i64,
    /// Who asked.
    pub actor_id: &'a str,
    /// Role of who asked.
    pub role: &'a str,
    /// patient or clinician.
    pub page: &'a str,
    /// Whose page.
    pub subject_id: &'a str,
    /// Whether it was shown.
    pub shown: bool,
}

impl Store {
    /// Notes who looked at whom; done when it is stored.
    ///
    /// # Errors
    /// What the server or the network said.
    pub async fn insert_page_view(&self, view: &PageView<'_>) -> Result<(), StoreError> {
        self.insert_rows::<PageView<'static>>("page_views", &[*view]).await
    }

    /// Who follows the patient; `None` when nothing is known of such a patient.
    ///
    /// # Errors
    /// What the server said.
    pub async fn patient_owner(&self, patient_id: &str) -> Result<Option<PatientOwner>, StoreError> {
        Ok(self.rows_of::<PatientOwner>("ask who follows a patient", OWNER, None, patient_id).await?.pop())
    }

    /// Scores of a patient, newest first.
    ///
    /// # Errors
    /// What the server said, or a row that is no `T`.
    pub async fn patient_scores<T: DeserializeOwned>(&self, patient_id: &str) -> Result<Vec<T>, StoreError> {
        self.rows_of("read a patient's scores", SCORES, None, patient_id).await
    }

    /// Vitals of a patient by metric and UTC day, newest first.
    ///
    /// # Errors
    /// What the server said, or a row that is no `T`.
    pub async fn patient_vitals<T: DeserializeOwned>(&self, patient_id: &str) -> Result<Vec<T>, StoreError> {
        self.rows_of("read a patient's vitals", VITALS, None, patient_id).await
    }

    /// What the vitals of a patient add up to, of each kind the newest 14, newest first.
    ///
    /// # Errors
    /// What the server said, or a row that is no `T`.
    pub async fn patient_vital_scores<T: DeserializeOwned>(
        &self,
        patient_id: &str,
    ) -> Result<Vec<T>, StoreError> {
        self.rows_of("read a patient's vital scores", VITAL_SCORES, None, patient_id).await
    }

    /// Alerts of a patient, newest first.
    ///
    /// # Errors
    /// What the server said, or a row that is no `T`.
    pub async fn patient_alerts<T: DeserializeOwned>(&self, patient_id: &str) -> Result<Vec<T>, StoreError> {
        self.rows_of("read a patient's alerts", ALERTS, None, patient_id).await
    }

    /// Reviews of a patient's uploads, newest first.
    ///
    /// # Errors
    /// What the server said, or a row that is no `T`.
    pub async fn patient_reviews<T: DeserializeOwned>(&self, patient_id: &str) -> Result<Vec<T>, StoreError> {
        self.rows_of("read a patient's reviews", REVIEWS, Some("patient_id"), patient_id).await
    }

    /// Money lines and held lines of a patient, newest first.
    ///
    /// # Errors
    /// What the server said, or a row that is no `T`.
    pub async fn patient_entries<T: DeserializeOwned>(&self, patient_id: &str) -> Result<Vec<T>, StoreError> {
        self.rows_of("read a patient's ledger", ENTRIES, Some("patient_id"), patient_id).await
    }

    /// The patients that a clinician follows now, each with the newest index.
    ///
    /// # Errors
    /// What the server said, or a row that is no `T`.
    pub async fn clinician_patients<T: DeserializeOwned>(
        &self,
        clinician_id: &str,
    ) -> Result<Vec<T>, StoreError> {
        self.rows_of("read a clinician's patients", PATIENTS, None, clinician_id).await
    }

    /// The uploads of the patients whom the clinician followed then, newest first.
    ///
    /// # Errors
    /// What the server said, or a row that is no `T`.
    pub async fn clinician_uploads<T: DeserializeOwned>(
        &self,
        clinician_id: &str,
    ) -> Result<Vec<T>, StoreError> {
        self.rows_of("read a clinician's uploads", UPLOADS, None, clinician_id).await
    }

    /// The clinician's own sessions, newest first.
    ///
    /// # Errors
    /// What the server said, or a row that is no `T`.
    pub async fn clinician_reviews<T: DeserializeOwned>(
        &self,
        clinician_id: &str,
    ) -> Result<Vec<T>, StoreError> {
        self.rows_of("read a clinician's reviews", REVIEWS, Some("reviewer_id"), clinician_id).await
    }

    /// Money lines and held lines of what the clinician did, newest first.
    ///
    /// # Errors
    /// What the server said, or a row that is no `T`.
    pub async fn clinician_entries<T: DeserializeOwned>(
        &self,
        clinician_id: &str,
    ) -> Result<Vec<T>, StoreError> {
        self.rows_of("read a clinician's ledger", ENTRIES, Some("clinician_id"), clinician_id).await
    }

    async fn rows_of<T: DeserializeOwned>(
        &self,
        action: &'static str,
        sql: &str,
        column: Option<&str>,
        id: &str,
    ) -> Result<Vec<T>, StoreError> {
        let mut query = self.client.query_raw(sql).param("id", id);
        if let Some(column) = column {
            query = query.param("column", column);
        }
        self.json_rows(action, query).await
    }

    /// Rows by the names of their columns.
    pub(crate) async fn json_rows<T: DeserializeOwned>(
        &self,
        action: &'static str,
        query: clickhouse::query::Query,
    ) -> Result<Vec<T>, StoreError> {
        let query = query
            .with_setting("output_format_json_quote_64bit_integers", "0")
            .with_setting("output_format_json_named_tuples_as_objects", "1");
        let work = async { query.fetch_bytes("JSONEachRow")?.collect().await };
        let text = self.timed(action, work).await?;
        let rows = serde_json::Deserializer::from_slice(&text).into_iter::<T>();
        rows.collect::<Result<_, _>>().map_err(|error| StoreError::Mismatch {
            action: action.to_owned(),
            // never the row itself
            message: format!("a row is not as expected, {:?}", error.classify()),
        })
    }
}
