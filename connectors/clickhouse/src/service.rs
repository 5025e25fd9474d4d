//! Which uploads of a month were really reviewed: what a care lead looks at. As the pages of [`crate::console`].

use serde::de::DeserializeOwned;

use crate::{Store, StoreError};

/// At most so many uploads are listed.
const UPLOADS_MAX: usize = 5_000;

const COUNTS: &str = "SELECT clinician_id, verdict, count() AS uploads, countIf(billed) AS billed FROM judged \
     GROUP BY clinician_id, verdict ORDER BY clinician_id, verdict";

const UPLOADS: &str = "SELECT clinician_id, patient_id, upload_id, answered_at, uploaded_at, verdict, billed, \
     nullIf(held, '') AS held, reviews, best.1 AS reviewer_id, best.2 AS ended_at, best.3 AS duration_ms, \
     best.4 AS sections_read, best.5 AS interactions, best.6 AS burst_patients, best.8 AS reasons FROM judged \
     ORDER BY verdict = 'counted', clinician_id, uploaded_at DESC, upload_id LIMIT {max}";

/// Sessions that fell into a burst, by who had them.
const BURSTS: &str = "SELECT reviewer_id AS clinician_id, count() AS sessions, max(burst_patients) AS patients_max \
     FROM reviews_current AS r WHERE has(reasons, 'burst') \
     AND r.ended_at >= toDateTime64({from: String}, 3, 'UTC') \
     AND r.ended_at < addMonths(toDateTime64({from: String}, 3, 'UTC'), 1) \
     AND ({all_teams: Bool} OR has({teams: Array(String)}, ifNull(toString(care_team), ''))) \
     GROUP BY reviewer_id ORDER BY reviewer_id";

const MONTHS: &str = "SELECT DISTINCT formatDateTime(uploaded_at, '%Y-%m', 'UTC') AS month FROM scores \
     WHERE days_since_treatment >= 0 AND source != 'import' \
     AND ({all_teams: Bool} OR has({teams: Array(String)}, ifNull(toString(care_team), ''))) \
     ORDER BY month DESC LIMIT 120";

/// Whose uploads of which month.
#[derive(Clone, Copy, Debug)]
pub struct ServiceOf<'a> {
    /// The month, by arrival in UTC, as `2026-01`.
    pub month: &'a str,
    /// Care teams at the time of the answer; `None`: all.
    pub teams: Option<&'a [String]>,
}

impl Store {
    /// Months in which uploads of these teams arrived, newest first.
    ///
    /// # Errors
    /// What the server said.
    pub async fn service_months(&self, teams: Option<&[String]>) -> Result<Vec<String>, StoreError> {
        let query = self.client.query_raw(MONTHS).param("all_teams", teams.is_none());
        let query = query.param("teams", teams.unwrap_or_default());
        self.timed("list months of service", query.fetch_all::<String>()).await
    }

    /// How many uploads came to which verdict, and how many of them were billed, by clinician.
    ///
    /// # Errors
    /// What the server said, or a row that is no `T`.
    pub async fn service_counts<T: DeserializeOwned>(&self, of: ServiceOf<'_>) -> Result<Vec<T>, StoreError> {
        self.service("count verdicts on uploads", &judged(COUNTS), of).await
    }

    /// The uploads with their verdicts, those that did not count first; bounded.
    ///
    /// # Errors
    /// What the server said, or a row that is no `T`.
    pub async fn service_uploads<T: DeserializeOwned>(
        &self,
        of: ServiceOf<'_>,
    ) -> Result<Vec<T>, StoreError> {
        let select = UPLOADS.replace("{max}", &UPLOADS_MAX.to_string());
        self.service("list verdicts on uploads", &judged(&select), of).await
    }

    /// Sessions of the month that were among too many within five minutes, by clinician.
    ///
    /// # Errors
    /// What the server said, or a row that is no `T`.
    pub async fn service_bursts<T: DeserializeOwned>(&self, of: ServiceOf<'_>) -> Result<Vec<T>, StoreError> {
        self.service("count bursts", BURSTS, of).await
    }

    async fn service<T: DeserializeOwned>(
        &self,
        action: &'static str,
        sql: &str,
        of: ServiceOf<'_>,
    ) -> Result<Vec<T>, StoreError> {
        let query = self
            .client
            .query_raw(sql)
            .param("from", format!("{}-01 00:00:00", of.month))
            .param("all_teams", of.teams.is_none())
            .param("teams", of.teams.unwrap_or_default());
        self.json_rows(action, query).await
    }
}

fn judged(select: &str) -> String {
    include_str!("sql/service.sql").replace("{select}", select)
}
