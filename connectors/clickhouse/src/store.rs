//! The connection: health, inserts.

use std::future::Future;
use std::time::Duration;

use aftercare_schemas::codec;
use aftercare_schemas::wire::{
    Alert, CurveEdition, DeadLetter, LateReading, LedgerEntry, LedgerRow, ReadingReceipt, Receipt, Review,
    Score, VitalScore, Window,
};
use clickhouse::{Client, Row, RowRead, RowWrite};
use serde::Deserialize;

use crate::coverage::digest;
use crate::output::Versioned;
use crate::{Config, CoverageRow, Inserted, InsertedPartitions, OutputTable, StoreError};

/// A database of a ClickHouse server. Cheap to clone; clones share their connections.
#[derive(Clone, Debug)]
pub struct Store {
    pub(crate) client: Client,
    pub(crate) config: Config,
}

impl Store {
    /// Prepares a connection. Nothing is sent yet: [`ping`](Self::ping) tells whether the server is there.
    pub fn connect(config: Config) -> Store {
        Store { client: config.client().with_database(config.database()), config }
    }

    /// What it was made from.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Asks the server whether it is there and knows us. The database need not exist.
    ///
    /// # Errors
    /// When it doesn't answer, or refuses us.
    pub async fn ping(&self) -> Result<(), StoreError> {
        self.server_version().await.map(drop)
    }

    /// The version of the server, such as `26.7.3.1`. The database need not exist.
    ///
    /// # Errors
    /// When it doesn't answer, or refuses us.
    pub async fn server_version(&self) -> Result<String, StoreError> {
        let query = self.config.client().query_raw("SELECT version()");
        self.timed("ask for the version", query.fetch_one::<String>()).await
    }

    /// Writes records of one partition of an output topic, framed Avro values (for dead letters: the header
    /// `aftercare.dead-letter`), in their order, to its table by one INSERT.
    ///
    /// On `Ok` the rows are in the table and the result earns the coverage rows. On an error it may be that none of
    /// them is there, or some, or all: the caller repeats the call, now or after a restart, or another sink does.
    /// Nothing rests on an insert being one piece; still it is, where the table has no partition key or all rows fall
    /// into one partition, because the server gets them as one block.
    ///
    /// # Errors
    /// [`StoreError::Record`] when a record is not what the topic holds, and then nothing was sent; else what the
    /// server or the network said.
    pub async fn insert(&self, output: OutputTable, records: &[&[u8]]) -> Result<Inserted, StoreError> {
        let versions = self.insert_output(output, records).await?;
        let digests = records.iter().map(|value| digest(value));
        Ok(Inserted::new(output, versions.into_iter().zip(digests)))
    }

    /// As [`insert`](Self::insert), for records (partition, value) of several partitions of the topic, still by one
    /// INSERT: a table takes few large inserts better than many small ones. The records of a partition stand together.
    ///
    /// # Errors
    /// As [`insert`](Self::insert); the index is that of all records.
    pub async fn insert_partitions(
        &self,
        output: OutputTable,
        records: &[(i32, &[u8])],
    ) -> Result<InsertedPartitions, StoreError> {
        let values: Vec<&[u8]> = records.iter().map(|(_, value)| *value).collect();
        let versions = self.insert_output(output, &values).await?;
        let proof =
            |((partition, value), version): (&(i32, &[u8]), u64)| (*partition, version, digest(value));
        let proofs: Vec<(i32, u64, u64)> = records.iter().zip(versions).map(proof).collect();
        Ok(InsertedPartitions::new(output, &proofs))
    }

    /// Writes coverage rows, after the inserts that they prove.
    ///
    /// # Errors
    /// What the server or the network said; then the caller repeats it.
    pub async fn insert_coverage(&self, rows: &[CoverageRow]) -> Result<(), StoreError> {
        self.insert_rows::<CoverageRow>("coverage", rows).await
    }

    /// The versions of the rows, in their order.
    async fn insert_output(&self, output: OutputTable, records: &[&[u8]]) -> Result<Vec<u64>, StoreError> {
        match output {
            OutputTable::Scores => self.insert_as::<Score<'static>>(output, records).await,
            OutputTable::Receipts => self.insert_as::<Receipt<'static>>(output, records).await,
            OutputTable::ReadingReceipts => self.insert_as::<ReadingReceipt<'static>>(output, records).await,
            OutputTable::Windows => self.insert_as::<Window<'static>>(output, records).await,
            OutputTable::LateReadings => self.insert_as::<LateReading<'static>>(output, records).await,
            OutputTable::DeadLetters => self.insert_as::<DeadLetter<'static>>(output, records).await,
            OutputTable::Alerts => self.insert_as::<Alert<'static>>(output, records).await,
            OutputTable::VitalScores => self.insert_as::<VitalScore<'static>>(output, records).await,
            OutputTable::Reviews => self.insert_as::<Review<'static>>(output, records).await,
            OutputTable::CurveEditions => self.insert_as::<CurveEdition<'static>>(output, records).await,
            OutputTable::Ledger => {
                let entries = decode::<LedgerEntry<'_>>(output, records)?;
                let rows: Vec<LedgerRow<'_>> = entries.into_iter().map(LedgerRow::from).collect();
                self.insert_all::<LedgerRow<'static>>(output, &rows).await
            }
        }
    }

    async fn insert_as<R>(&self, output: OutputTable, records: &[&[u8]]) -> Result<Vec<u64>, StoreError>
    where
        R: RowRead + RowWrite,
        for<'a> <R as Row>::Value<'a>: Versioned + Send + Sync,
    {
        let rows = decode::<R::Value<'_>>(output, records)?;
        self.insert_all::<R>(output, &rows).await
    }

    async fn insert_all<R>(&self, output: OutputTable, rows: &[R::Value<'_>]) -> Result<Vec<u64>, StoreError>
    where
        R: RowWrite,
        for<'a> <R as Row>::Value<'a>: Versioned + Send + Sync,
    {
        self.insert_rows::<R>(output.table(), rows).await?;
        Ok(rows.iter().map(Versioned::version).collect())
    }

    pub(crate) async fn insert_rows<R>(
        &self,
        table: &'static str,
        rows: &[R::Value<'_>],
    ) -> Result<(), StoreError>
    where
        R: RowWrite,
        for<'a> <R as Row>::Value<'a>: Send + Sync,
    {
        if rows.is_empty() {
            return Ok(());
        }
        let limit = self.config.insert_timeout;
        let insert = async {
            let mut insert = self.client.insert::<R>(table).await?.with_timeouts(Some(limit), Some(limit));
            for (name, value) in INSERT_SETTINGS {
                insert = insert.with_setting(*name, *value);
            }
            for row in rows {
                insert.write(row).await?;
            }
            insert.end().await
        };
        let result = timed(limit, format!("insert into {table}"), insert).await;
        if matches!(result, Err(StoreError::Mismatch { .. } | StoreError::Refused { .. })) {
            // it remembers how the table was; a person may repair it while we go on
            self.client.clear_cached_metadata().await;
        }
        result
    }

    /// Runs a query or statement within its limit.
    pub(crate) async fn timed<T>(
        &self,
        action: impl Into<String>,
        work: impl Future<Output = clickhouse::error::Result<T>>,
    ) -> Result<T, StoreError> {
        timed(self.config.query_timeout, action.into(), work).await
    }
}

/// All of them, before the first byte is sent: a bad one must not leave half a batch behind.
fn decode<'a, T: Deserialize<'a>>(output: OutputTable, records: &[&'a [u8]]) -> Result<Vec<T>, StoreError> {
    let one = |(index, value): (usize, &&'a [u8])| {
        codec::decode(output.topic(), Some(value), None).map_err(|source| StoreError::Record {
            index,
            records: records.len(),
            table: output.table(),
            source,
        })
    };
    records.iter().enumerate().map(one).collect()
}

async fn timed<T>(
    limit: Duration,
    action: String,
    work: impl Future<Output = clickhouse::error::Result<T>>,
) -> Result<T, StoreError> {
    match tokio::time::timeout(limit, work).await {
        Ok(result) => result.map_err(|error| StoreError::client(action, error)),
        Err(_elapsed) => Err(StoreError::TimedOut { action, limit_ms: limit.as_millis() }),
    }
}

/// What every insert says, whatever the profile of the user or the default of the server's version.
const INSERT_SETTINGS: &[(&str, &str)] = &[
    // one block, so that rows of one partition are written in one piece; a block is cut at the first limit it meets
    ("max_insert_block_size", "4294967295"),
    ("min_insert_block_size_rows", "4294967295"),
    ("min_insert_block_size_bytes", "4294967295"),
    // acknowledged means written, not queued
    ("async_insert", "0"),
    ("wait_for_async_insert", "1"),
    // a repeated insert must be written again: after a crash the server may remember a block whose rows are gone
    ("insert_deduplicate", "0"),
    // a device with a wild clock must not make a batch impossible
    ("max_partitions_per_insert_block", "0"),
];
