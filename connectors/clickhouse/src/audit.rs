//! What can be proven about the tables.
//!
//! **Complete.** Each task numbers what it writes to an output partition from 1 without a gap, and a coverage row exists
//! only for records whose insert was acknowledged. So when the union of the runs of a partition is 1..=n, each of its
//! first n records was inserted at some time ([`PartitionCoverage::is_gapless`]), provided that n is what the task has
//! written; that is known to Kafka only (the sequence in the partition's last record).
//!
//! **Still there.** A row replaced by a newer one of its id is gone, so rows cannot be counted against coverage.
//! What must hold at any time is, per partition:
//! - no row has a version outside the runs ([`TableCheck::uncovered`] = 0; while a sink is at work, its last inserts may
//!   be ahead of their coverage rows);
//! - the row with the highest version is there, since nothing can have replaced it
//!   ([`TableCheck::max_version`] = [`PartitionCoverage::last_version`]), and no two rows have one version
//!   ([`TableCheck::rows`] = [`TableCheck::versions`]);
//! - there are no more rows than records covered; for dead letters, whose ids a task never writes twice, just as many.
//!
//! Two exceptions. Every task judges the documents, so a dead letter of one is written by all and is one row: these are
//! left out of the check of the table, and its highest version may then be below that of the coverage. And whoever
//! deletes rows (an erasure, a retention) may delete the newest.
//!
//! That an older row is missing although nothing replaced it cannot be seen here. Only a comparison with the records
//! themselves shows it, as the kill test does.
//!
//! **Accounted for.** Per input topic, records in = copies in receipts + dead letters without a receipt + forwarded
//! ([`TopicTotals`]).

use clickhouse::Row;
use serde::Deserialize;

use crate::{OutputTable, Store, StoreError};

/// At most so many gaps are listed per partition.
const GAPS_MAX: usize = 100;

/// Sequences that no run covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    /// First sequence, inclusive.
    pub first: u64,
    /// Last sequence, inclusive.
    pub last: u64,
}

/// The union of the runs of one output partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionCoverage {
    /// Output topic, without the prefix of the application.
    pub topic: String,
    /// Partition.
    pub partition: i32,
    /// The highest sequence covered.
    pub last_sequence: u64,
    /// The version that goes with it.
    pub last_version: u64,
    /// Sequences from 1 to the highest that no run covers, count.
    pub missing: u64,
    /// Where they are, 100 of them at most, in their order.
    pub gaps: Vec<Gap>,
    /// Runs that cannot be: more or fewer records than sequences, or the same sequences as another run with another
    /// incarnation or checksum. Count.
    pub contradictions: u64,
    /// When the last run was written, ms since 1970-01-01 UTC.
    pub written_at: i64,
}

impl PartitionCoverage {
    /// Whether it covers 1 to its highest sequence, and nothing contradicts it.
    pub fn is_gapless(&self) -> bool {
        self.missing == 0 && self.contradictions == 0
    }
}

/// What one table holds of one output partition.
#[derive(Clone, Debug, PartialEq, Eq, Row, Deserialize)]
pub struct TableCheck {
    /// Partition of the output topic, from the patient (a session's receipt: from the clinician; a dead letter: of the
    /// record).
    pub partition: i32,
    /// Rows, each id once.
    pub rows: u64,
    /// Versions among them, each once.
    pub versions: u64,
    /// The highest version.
    pub max_version: u64,
    /// The sum of the rows' versions modulo 2^64: with the number of rows, what a comparison with the records needs.
    pub version_sum: u64,
    /// Rows as stored, replaced ones among them, whose version is in no run. Count.
    pub uncovered: u64,
}

/// What became of the records of an input topic.
#[derive(Clone, Debug, Default, PartialEq, Eq, Row, Deserialize)]
pub struct TopicTotals {
    /// Input topic, without the prefix of the application.
    pub topic: String,
    /// Receipts, count; for wearable readings: receipts by patient, device, day, outcome and reason.
    pub receipts: u64,
    /// Records that receipts account for, count: for wearable readings the sum of `records`, else of `copies`.
    pub copies: u64,
    /// Of those, further copies with the same content, count; 0 for wearable readings.
    pub duplicates: u64,
    /// Of those, further copies with other content, count; 0 for wearable readings.
    pub conflicts: u64,
    /// Dead letters, count.
    pub dead_letters: u64,
    /// Of those, without a receipt, count.
    pub undecodable: u64,
}

impl TopicTotals {
    /// Records accounted for; records in are as many and those forwarded to another partition.
    pub fn accounted(&self) -> u64 {
        self.copies + self.undecodable
    }
}

/// The rows of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RowCount {
    /// The table.
    pub output: OutputTable,
    /// Rows, each id once, withdrawn ones among them. Count.
    pub rows: u64,
}

impl Store {
    /// The union of the runs, by topic and partition.
    ///
    /// # Errors
    /// What the server said.
    pub async fn coverage(&self) -> Result<Vec<PartitionCoverage>, StoreError> {
        let query = self.client.query_raw(include_str!("sql/coverage.sql")).param("gaps_max", GAPS_MAX);
        let rows = self.timed("read the coverage", query.fetch_all::<CoverageSum>()).await?;
        Ok(rows.into_iter().map(PartitionCoverage::from).collect())
    }

    /// What a table holds, by partition of the output topic, of which there are `partitions`.
    ///
    /// # Errors
    /// What the server said.
    pub async fn check_table(
        &self,
        output: OutputTable,
        partitions: u32,
    ) -> Result<Vec<TableCheck>, StoreError> {
        // as Kafka's partitioner does it; a dead letter has the partition of its record, except that every task judges
        // the documents
        let (partition, belongs) = match output {
            OutputTable::DeadLetters => ("partition", "topic != 'contracts'"),
            // a session is the clinician's, who stands in its receipt
            OutputTable::Receipts => (
                "toInt32(kafkaMurmurHash(if(topic = 'clinician-activity', ifNull(toString(clinician_id), ''), \
                 patient_id)) % {partitions: UInt32})",
                "1",
            ),
            OutputTable::CurveEditions => ("toInt32(0)", "1"),
            // the id of a marker ends with its partition; what is about a population is keyed by it
            OutputTable::Ledger => (
                "if(kind = 'marker', toInt32OrZero(splitByChar('/', entry_id)[-1]), \
                 toInt32(kafkaMurmurHash(ifNull(patient_id, concat('pool:', ifNull(contract, ''), '/', ifNull(case_id, '')))) % {partitions: UInt32}))",
                "1",
            ),
            _ => ("toInt32(kafkaMurmurHash(patient_id) % {partitions: UInt32})", "1"),
        };
        let sql = include_str!("sql/check_table.sql")
            .replace("{partition_of_row}", partition)
            .replace("{belongs}", belongs)
            .replace("{table}", output.table());
        let query = self
            .client
            .query_raw(&sql)
            .param("partitions", partitions)
            .param("topic", output.topic())
            .fetch_all::<TableCheck>();
        self.timed(format!("check table {}", output.table()), query).await
    }

    /// What became of the records, by input topic.
    ///
    /// # Errors
    /// What the server said.
    pub async fn totals(&self) -> Result<Vec<TopicTotals>, StoreError> {
        let query = self.client.query_raw(include_str!("sql/totals.sql")).fetch_all::<TopicTotals>();
        self.timed("sum up the receipts", query).await
    }

    /// The rows of each table.
    ///
    /// # Errors
    /// What the server said.
    pub async fn row_counts(&self) -> Result<Vec<RowCount>, StoreError> {
        let mut counts = Vec::with_capacity(OutputTable::ALL.len());
        for output in OutputTable::ALL {
            let sql = format!("SELECT count() FROM {} FINAL", output.table());
            let query = self.client.query_raw(&sql).fetch_one::<u64>();
            let rows = self.timed(format!("count {}", output.table()), query).await?;
            counts.push(RowCount { output, rows });
        }
        Ok(counts)
    }
}

#[derive(Row, Deserialize)]
struct CoverageSum {
    topic: String,
    partition: i32,
    highest: u64,
    highest_version: u64,
    missing: u64,
    gaps: Vec<(u64, u64)>,
    contradictions: u64,
    written_at: i64,
}

impl From<CoverageSum> for PartitionCoverage {
    fn from(sum: CoverageSum) -> PartitionCoverage {
        PartitionCoverage {
            topic: sum.topic,
            partition: sum.partition,
            last_sequence: sum.highest,
            last_version: sum.highest_version,
            missing: sum.missing,
            gaps: sum.gaps.into_iter().map(|(first, last)| Gap { first, last }).collect(),
            contradictions: sum.contradictions,
            written_at: sum.written_at,
        }
    }
}
