//! Which output stream goes to which table.

use aftercare_schemas::wire::{DeadLetter, LateReading, ReadingReceipt, Receipt, Score, Window};

/// A table that an output stream fills.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OutputTable {
    /// Scores of PROM uploads.
    Scores,
    /// What became of each record.
    Receipts,
    /// What became of readings, counted.
    ReadingReceipts,
    /// Tumbling windows of readings.
    Windows,
    /// Readings that came too late for their window.
    LateReadings,
    /// Records that could not be used.
    DeadLetters,
}

impl OutputTable {
    /// All of them.
    pub const ALL: [OutputTable; 6] = [
        OutputTable::Scores,
        OutputTable::Receipts,
        OutputTable::ReadingReceipts,
        OutputTable::Windows,
        OutputTable::LateReadings,
        OutputTable::DeadLetters,
    ];

    /// The output topic, without the prefix of the application; also the subject of its schema.
    pub fn topic(self) -> &'static str {
        match self {
            OutputTable::Scores => "scores",
            OutputTable::Receipts => "receipts",
            OutputTable::ReadingReceipts => "reading-receipts",
            OutputTable::Windows => "windows",
            OutputTable::LateReadings => "late-readings",
            OutputTable::DeadLetters => "dead-letters",
        }
    }

    /// The name of the table.
    pub fn table(self) -> &'static str {
        match self {
            OutputTable::Scores => "scores",
            OutputTable::Receipts => "receipts",
            OutputTable::ReadingReceipts => "reading_receipts",
            OutputTable::Windows => "windows",
            OutputTable::LateReadings => "late_readings",
            OutputTable::DeadLetters => "dead_letters",
        }
    }

    /// The table of a topic (without the prefix of the application), if it has one.
    pub fn from_topic(topic: &str) -> Option<OutputTable> {
        OutputTable::ALL.into_iter().find(|output| output.topic() == topic)
    }
}

/// Every output row carries its version.
pub(crate) trait Versioned {
    fn version(&self) -> u64;
}

macro_rules! versioned {
    ($($row:ident)*) => { $(
        impl Versioned for $row<'_> {
            fn version(&self) -> u64 {
                self.version
            }
        }
    )* };
}

versioned!(Score Receipt ReadingReceipt Window LateReading DeadLetter);
