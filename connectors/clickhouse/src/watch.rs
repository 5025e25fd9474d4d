//! What a running installation asks about itself, often and so cheaply.

use clickhouse::Row;
use serde::Deserialize;

use crate::{Store, StoreError};

/// A name and how many there are of it.
#[derive(Clone, Debug, PartialEq, Eq, Row, Deserialize)]
pub struct Named {
    /// The name.
    pub name: String,
    /// How many.
    pub count: u64,
}

impl Store {
    /// By output topic: records that are not covered although later ones are, as far as coverage of the last hour tells.
    /// (Since the beginning: [`Store::coverage`].)
    ///
    /// # Errors
    /// What the server said.
    pub async fn coverage_missing(&self) -> Result<Vec<Named>, StoreError> {
        let sql = "SELECT toString(topic) AS name, sum(hole) AS count FROM (
                SELECT topic, row_number() OVER place AS number, max(last_sequence) OVER before AS reached,
                    if(number > 1 AND first_sequence > reached + 1, toUInt64(first_sequence - 1 - reached), 0) AS hole
                FROM coverage WHERE written_at > now64(3) - INTERVAL 1 HOUR
                WINDOW place AS (PARTITION BY topic, partition ORDER BY first_sequence, last_sequence),
                    before AS (PARTITION BY topic, partition ORDER BY first_sequence, last_sequence
                        ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
            ) GROUP BY name ORDER BY name";
        self.timed("look for holes in the coverage", self.client.query_raw(sql).fetch_all::<Named>()).await
    }

    /// By severity: alerts of the last week that are open although somebody should have answered by `now`, ms since
    /// 1970-01-01 UTC.
    ///
    /// # Errors
    /// What the server said.
    pub async fn overdue_alerts(&self, now: i64) -> Result<Vec<Named>, StoreError> {
        let sql = "SELECT severity AS name, countIf(newest = 'open' AND due < at AND due > at - INTERVAL 7 DAY) AS count
            FROM (
                SELECT toString(argMax(severity, version)) AS severity, argMax(status, version) AS newest,
                    argMax(tuple(answer_due_at), version).1 AS due, fromUnixTimestamp64Milli({now: Int64}) AS at
                FROM alerts WHERE NOT historic AND raised_at > fromUnixTimestamp64Milli({now: Int64}) - INTERVAL 30 DAY
                GROUP BY patient_id, alert_id
            ) GROUP BY name ORDER BY name";
        let query = self.client.query_raw(sql).param("now", now);
        self.timed("look for overdue alerts", query.fetch_all::<Named>()).await
    }
}
