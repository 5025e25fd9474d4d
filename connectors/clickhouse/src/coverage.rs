//! Which sequences are in the tables: the row that proves an insert.

use clickhouse::Row;
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use crate::OutputTable;

/// Bits of a version that hold the sequence.
const SEQUENCE_BITS: u32 = 48;

/// A run of sequences, without a gap, written by one incarnation of a task and now in the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// Incarnation of the task.
    pub incarnation: u16,
    /// First sequence, inclusive.
    pub first_sequence: u64,
    /// Last sequence, inclusive.
    pub last_sequence: u64,
    /// Records, count.
    pub rows: u64,
    /// Sum modulo 2^64 of XXH3-64 over the value of each record as it was read. The same run gives the same sum in any
    /// build, so two sinks that covered it can be compared.
    pub checksum: u64,
}

/// The proof that a batch is in its table. Only [`Store::insert`](crate::Store::insert) makes one.
#[must_use = "an insert that has no coverage row does not count"]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inserted {
    output: OutputTable,
    runs: Vec<Run>,
}

impl Inserted {
    pub(crate) fn new(output: OutputTable, records: impl Iterator<Item = (u64, u64)>) -> Inserted {
        Inserted { output, runs: runs(records) }
    }

    /// The table.
    pub fn output(&self) -> OutputTable {
        self.output
    }

    /// Its records as unbroken runs, in the order of the batch: one, unless the batch crosses a takeover or has a gap.
    pub fn runs(&self) -> &[Run] {
        &self.runs
    }

    /// Its records, count.
    pub fn rows(&self) -> u64 {
        self.runs.iter().map(|run| run.rows).sum()
    }

    /// The coverage rows that it earned, for the partition of the output topic that the batch was read from.
    /// `written_at`: ms since 1970-01-01 UTC.
    pub fn coverage(&self, partition: i32, written_at: i64) -> Vec<CoverageRow> {
        let row = |run: &Run| CoverageRow {
            topic: self.output.topic().to_owned(),
            partition,
            incarnation: run.incarnation,
            first_sequence: run.first_sequence,
            last_sequence: run.last_sequence,
            rows: run.rows,
            checksum: run.checksum,
            written_at,
        };
        self.runs.iter().map(row).collect()
    }
}

/// As [`Inserted`], for records of several partitions. Only [`Store::insert_partitions`](crate::Store::insert_partitions)
/// makes one.
#[must_use = "an insert that has no coverage row does not count"]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InsertedPartitions {
    parts: Vec<(i32, Inserted)>,
}

impl InsertedPartitions {
    /// From (partition, version, digest), where the records of a partition stand together.
    pub(crate) fn new(output: OutputTable, records: &[(i32, u64, u64)]) -> InsertedPartitions {
        let part = |records: &[(i32, u64, u64)]| {
            let (partition, ..) = *records.first()?;
            let records = records.iter().map(|(_, version, digest)| (*version, *digest));
            Some((partition, Inserted::new(output, records)))
        };
        InsertedPartitions { parts: records.chunk_by(|a, b| a.0 == b.0).filter_map(part).collect() }
    }

    /// Its records, count.
    pub fn rows(&self) -> u64 {
        self.parts.iter().map(|(_, inserted)| inserted.rows()).sum()
    }

    /// The coverage rows that it earned. `written_at`: ms since 1970-01-01 UTC.
    pub fn coverage(&self, written_at: i64) -> Vec<CoverageRow> {
        self.parts
            .iter()
            .flat_map(|(partition, inserted)| inserted.coverage(*partition, written_at))
            .collect()
    }
}

/// One row of the table `coverage`.
#[derive(Clone, Debug, PartialEq, Eq, Row, Serialize, Deserialize)]
pub struct CoverageRow {
    /// Output topic, without the prefix of the application.
    pub topic: String,
    /// Partition of the output topic.
    pub partition: i32,
    /// Incarnation of the task that wrote the records.
    pub incarnation: u16,
    /// First sequence, inclusive.
    pub first_sequence: u64,
    /// Last sequence, inclusive.
    pub last_sequence: u64,
    /// Records, count.
    pub rows: u64,
    /// As [`Run::checksum`].
    pub checksum: u64,
    /// When their insert had been acknowledged, ms since 1970-01-01 UTC.
    pub written_at: i64,
}

/// The digest of one record's value.
pub(crate) fn digest(value: &[u8]) -> u64 {
    xxh3_64(value)
}

/// Groups (version, digest) into unbroken runs.
fn runs(records: impl Iterator<Item = (u64, u64)>) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    for (version, digest) in records {
        let (incarnation, sequence) = split(version);
        match runs.last_mut() {
            Some(run)
                if run.incarnation == incarnation && run.last_sequence.checked_add(1) == Some(sequence) =>
            {
                run.last_sequence = sequence;
                run.rows += 1;
                run.checksum = run.checksum.wrapping_add(digest);
            }
            _ => runs.push(Run {
                incarnation,
                first_sequence: sequence,
                last_sequence: sequence,
                rows: 1,
                checksum: digest,
            }),
        }
    }
    runs
}

fn split(version: u64) -> (u16, u64) {
    let incarnation = u16::try_from(version >> SEQUENCE_BITS).expect("64 - 48 bits are 16");
    (incarnation, version & ((1 << SEQUENCE_BITS) - 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(incarnation: u64, sequence: u64) -> u64 {
        incarnation << SEQUENCE_BITS | sequence
    }

    fn shape(versions: &[u64]) -> Vec<(u16, u64, u64, u64)> {
        runs(versions.iter().map(|v| (*v, 1)))
            .iter()
            .map(|run| (run.incarnation, run.first_sequence, run.last_sequence, run.checksum))
            .collect()
    }

    #[test]
    fn an_unbroken_batch_is_one_run() {
        assert_eq!(shape(&[version(3, 7), version(3, 8), version(3, 9)]), [(3, 7, 9, 3)]);
        assert_eq!(shape(&[]), []);
    }

    #[test]
    fn a_gap_a_step_back_a_repetition_and_a_takeover_end_a_run() {
        assert_eq!(shape(&[version(1, 1), version(1, 3)]), [(1, 1, 1, 1), (1, 3, 3, 1)]);
        assert_eq!(shape(&[version(1, 2), version(1, 1)]), [(1, 2, 2, 1), (1, 1, 1, 1)]);
        assert_eq!(shape(&[version(1, 2), version(1, 2)]), [(1, 2, 2, 1), (1, 2, 2, 1)]);
        assert_eq!(shape(&[version(1, 2), version(2, 3)]), [(1, 2, 2, 1), (2, 3, 3, 1)]);
    }
}
