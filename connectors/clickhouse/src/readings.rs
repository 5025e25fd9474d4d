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

/// Windows of one length, and how many of them are as the raw readings say.
#[derive(Clone, Debug, PartialEq, Eq, Row, Serialize, Deserialize)]
pub struct WindowsOfLength {
    /// Their length, s.
    pub length_s: u32,
    /// Windows issued, or missing though there are readings.
    pub windows: u64,
    /// Windows whose every number is that of the raw readings.
    pub equal: u64,
}

impl WindowsOfLength {
    /// Whether all are.
    #[must_use]
    pub fn is_equal(&self) -> bool {
        self.windows == self.equal
    }
}

/// The 5-minute windows that stand, beside the raw readings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Row, Deserialize)]
pub struct RawCheck {
    /// Windows with a reading, count.
    pub windows: u64,
    /// Raw readings, each once, count.
    pub readings: u64,
    /// Windows that count more readings than there are raw ones in them, count.
    pub short: u64,
}

/// The windows that late readings belong to, beside those that were computed again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Row, Deserialize)]
pub struct LateCheck {
    /// Windows, hours and days that late readings belong to, count.
    pub windows: u64,
    /// Of those, not computed again since the newest late reading of theirs, count.
    pub missing: u64,
    /// Windows and hours computed again that do not count the raw readings there are. Count.
    pub wrong: u64,
}

/// The raw readings of one partition of the topic of uploads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Row, Deserialize)]
pub struct RawStanding {
    /// Readings, each once, count.
    pub rows: u64,
    /// The sum of their versions modulo 2^64.
    pub version_sum: u64,
}

impl Store {
    /// Writes raw readings. Repeating it, in whole or in part, changes nothing.
    ///
    /// # Errors
    /// What the server or the network said; then the caller repeats it.
    pub async fn insert_readings(&self, rows: &[ReadingRow<'_>]) -> Result<(), StoreError> {
        self.insert_rows::<ReadingRow<'static>>("readings", rows).await
    }

    /// The readings of one metric of one device within these spans (from, until exclusive; ms since 1970-01-01 UTC), each
    /// once, by time.
    ///
    /// # Errors
    /// What the server said.
    pub async fn raw_readings(
        &self,
        (patient_id, metric, device_id): (&str, &str, &str),
        spans: &[(i64, i64)],
    ) -> Result<Vec<RawReading>, StoreError> {
        let (from, until): (Vec<i64>, Vec<i64>) = spans.iter().copied().unzip();
        let Some((first, end)) = from.iter().min().zip(until.iter().max()) else { return Ok(Vec::new()) };
        let query = self
            .client
            .query_raw(include_str!("sql/raw_readings.sql"))
            .param("patient_id", patient_id)
            .param("metric", metric)
            .param("device_id", device_id)
            .param("from", &from)
            .param("until", &until)
            .param("first", first)
            .param("end", end);
        self.timed("read raw readings", query.fetch_all::<RawReading>()).await
    }

    /// Writes windows that were computed again. Of the rows of one window the highest version stands.
    ///
    /// # Errors
    /// What the server or the network said; then the caller repeats it.
    pub async fn insert_late_windows(&self, rows: &[Window<'_>]) -> Result<(), StoreError> {
        self.insert_rows::<Window<'static>>("late_windows", rows).await
    }

    /// Raw readings of patients whose id begins so, each once.
    ///
    /// # Errors
    /// What the server said.
    pub async fn count_readings(&self, patients: &str) -> Result<u64, StoreError> {
        let sql = "SELECT count() FROM readings FINAL WHERE startsWith(patient_id, {patients: String})";
        let query = self.client.query_raw(sql).param("patients", patients);
        self.timed("count raw readings", query.fetch_one::<u64>()).await
    }

    /// The windows of patients whose id begins so, who live in UTC, against what the server itself computes from their
    /// raw readings: counts, extremes, means and deviations equal, percentiles within 1 %.
    ///
    /// # Errors
    /// What the server said.
    pub async fn windows_against_readings(&self, patients: &str) -> Result<Vec<WindowsOfLength>, StoreError> {
        let sql = include_str!("sql/windows_against_readings.sql");
        let query = self.client.query_raw(sql).param("patients", patients);
        self.timed("compute windows again", query.fetch_all::<WindowsOfLength>()).await
    }

    /// Compares the 5-minute windows that stand with the raw readings.
    ///
    /// # Errors
    /// What the server said.
    pub async fn check_raw(&self) -> Result<RawCheck, StoreError> {
        let query = self.client.query_raw(include_str!("sql/check_raw.sql")).fetch_one::<RawCheck>();
        self.timed("compare windows with raw readings", query).await
    }

    /// Compares the windows that late readings belong to with those that were computed again.
    ///
    /// # Errors
    /// What the server said.
    pub async fn check_late(&self) -> Result<LateCheck, StoreError> {
        let query = self.client.query_raw(include_str!("sql/check_late.sql")).fetch_one::<LateCheck>();
        self.timed("compare late readings with their windows", query).await
    }

    /// What the raw readings of one partition of the topic of uploads come to, of uploads before an offset.
    ///
    /// # Errors
    /// What the server said.
    pub async fn raw_standing(&self, partition: i32, before: i64) -> Result<RawStanding, StoreError> {
        let query = self.client.query_raw(include_str!("sql/raw_standing.sql"));
        let query = query.param("partition", partition).param("before", before).fetch_one::<RawStanding>();
        self.timed("sum up the raw readings", query).await
    }
}
