//! Rows as they stand, read back to be compared with what should be there.

use aftercare_schemas::codec::{self, EncodeError};
use aftercare_schemas::wire::{
    Alert, CurveEdition, DeadLetter, LateReading, LedgerEntry, LedgerRow, ReadingReceipt, Receipt, Review,
    Score, VitalScore, Window,
};
use clickhouse::{Row, RowRead};
use serde::Serialize;

use crate::{CoverageRow, OutputTable, Store, StoreError};

impl Store {
    /// Every row of a table, each id once, as a framed record of its output topic (for dead letters: what the header
    /// `aftercare.dead-letter` holds). The whole table is held in memory: for tests and small databases.
    ///
    /// # Errors
    /// What the server said.
    pub async fn read_back(&self, output: OutputTable) -> Result<Vec<Vec<u8>>, StoreError> {
        match output {
            OutputTable::Scores => self.read_as::<Score<'static>>(output).await,
            OutputTable::Receipts => self.read_as::<Receipt<'static>>(output).await,
            OutputTable::ReadingReceipts => self.read_as::<ReadingReceipt<'static>>(output).await,
            OutputTable::Windows => self.read_as::<Window<'static>>(output).await,
            OutputTable::LateReadings => self.read_as::<LateReading<'static>>(output).await,
            OutputTable::DeadLetters => self.read_as::<DeadLetter<'static>>(output).await,
            OutputTable::Alerts => self.read_as::<Alert<'static>>(output).await,
            OutputTable::VitalScores => self.read_as::<VitalScore<'static>>(output).await,
            OutputTable::Reviews => self.read_as::<Review<'static>>(output).await,
            OutputTable::CurveEditions => self.read_as::<CurveEdition<'static>>(output).await,
            OutputTable::Ledger => {
                let encode = |row: &LedgerRow<'_>, record: &mut Vec<u8>| {
                    codec::encode(output.topic(), &LedgerEntry::from(row.clone()), record)
                };
                self.read_with::<LedgerRow<'static>>(output, encode).await
            }
        }
    }

    /// Every row of the table `coverage`.
    ///
    /// # Errors
    /// What the server said.
    pub async fn read_back_coverage(&self) -> Result<Vec<CoverageRow>, StoreError> {
        let query = self.client.query("SELECT ?fields FROM coverage FINAL");
        self.timed("read the coverage", query.fetch_all::<CoverageRow>()).await
    }

    async fn read_as<R>(&self, output: OutputTable) -> Result<Vec<Vec<u8>>, StoreError>
    where
        R: RowRead,
        for<'a> <R as Row>::Value<'a>: Serialize,
    {
        let encode = |row: &R::Value<'_>, record: &mut Vec<u8>| codec::encode(output.topic(), row, record);
        self.read_with::<R>(output, encode).await
    }

    async fn read_with<R: RowRead>(
        &self,
        output: OutputTable,
        encode: impl Fn(&R::Value<'_>, &mut Vec<u8>) -> Result<(), EncodeError>,
    ) -> Result<Vec<Vec<u8>>, StoreError> {
        let sql = format!("SELECT ?fields FROM {} FINAL", output.table());
        let read = async {
            let (mut rows, mut records) = (self.client.query(&sql).fetch::<R>()?, Vec::new());
            while let Some(row) = rows.next().await? {
                let mut record = Vec::new();
                encode(&row, &mut record)
                    .map_err(|error| clickhouse::error::Error::Custom(error.to_string()))?;
                records.push(record);
            }
            Ok(records)
        };
        self.timed(format!("read table {}", output.table()), read).await
    }
}
