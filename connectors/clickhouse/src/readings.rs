//! Raw readings, and windows computed again from them.

use aftercare_schemas::wire::Window;
use clickhouse::Row;
use serde::{Deserialize, Serialize};

use crate::{Store, StoreError};

/// One raw reading. Times are ms since 1970-01-01 UTC.
#[derive(Clone, Debug, PartialEq, Row, Serialize, Deserialize)]
pub struct ReadingRow<'a> {
    /// See [`ReadingRow::version_of`].
    pub version: u64,
    /// Whose.
    pub patient_id: &'a str,
    /// Which device.
    pub device_id: &'a str,
    /// What was measured.
    pub metric: &'a str,
    /// Unit of the value, UCUM.
    pub unit: &'a str,
    /// The value, in the unit.
    pub value: f64,
    /// When it was measured.
    pub measured_at: i64,
    /// Partition of the topic of uploads.
    pub partition: i32,
    /// Offset of its upload there.
    pub offset: i64,
    /// live, import or simulated.
    pub source: &'a str,
}

impl ReadingRow<'_> {
    /// Of several copies in one partition the first one wins, whichever is written last.
    #[must_use]
    pub fn version_of(offset: i64) -> u64 {
        u64::MAX - offset.max(0).unsigned_abs()
    }
}

/// When a reading was measured, ms since 1970-01-01 UTC, and its value.
#[derive(Clone, Copy, Debug, PartialEq, Row, Serialize, Deserialize)]
pub struct RawReading {
    /// When.
    pub measured_at: i64,
    /// In the metric's unit.
    pub value: f64,
}

impl Store {
    /// Writes raw readings. Repeating it, in whole or in part, changes nothing.
    ///
    /// # Errors
    /// What the server or the network said; then the caller repeats it.
    pub async fn insert_readings(&self, rows: &[ReadingRow<'_>]) -> Result<(), StoreError> {
        self.insert_rows::<ReadingRow<'static>>("readings", rows).await
    }

    /// The readings of one metric of one device in those spans [start, start + `length_ms`) that begin at `starts`, each
    /// once, by time.
    ///
    /// # Errors
    /// What the server said.
    pub async fn raw_readings(
        &self,
        (patient_id, metric, device_id): (&str, &str, &str),
        starts: &[i64],
        length_ms: i64,
    ) -> Result<Vec<RawReading>, StoreError> {
        let Some((first, last)) = starts.iter().min().zip(starts.iter().max()) else { return Ok(Vec::new()) };
        let query = self
            .client
            .query_raw(include_str!("sql/raw_readings.sql"))
            .param("patient_id", patient_id)
            .param("metric", metric)
            .param("device_id", device_id)
            .param("starts", starts)
            .param("first", first)
            .param("end", last.saturating_add(length_ms))
            .param("length_ms", length_ms);
        self.timed("read raw readings", query.fetch_all::<RawReading>()).await
    }

    /// Writes windows that were computed again. Of the rows of one window the highest version stands.
    ///
    /// # Errors
    /// What the server or the network said; then the caller repeats it.
    pub async fn insert_late_windows(&self, rows: &[Window<'_>]) -> Result<(), StoreError> {
        self.insert_rows::<Window<'static>>("late_windows", rows).await
    }
}
