//! Which output stream goes to which table.

use aftercare_schemas::wire::{
    Alert, CurveEdition, DeadLetter, LateReading, LedgerRow, ReadingReceipt, Receipt, Review, Score,
    VitalScore, Window,
};

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
    /// Alerts.
    Alerts,
    /// What vital signs add up to.
    VitalScores,
    /// Sessions of clinicians as proof of service.
    Reviews,
    /// Editions of expected outcome curves.
    CurveEditions,
    /// Amounts.
    Ledger,
}

impl OutputTable {
    /// All of them.
    pub const ALL: [OutputTable; 11] = [
        OutputTable::Scores,
        OutputTable::Receipts,
        OutputTable::ReadingReceipts,
        OutputTable::Windows,
        OutputTable::LateReadings,
        OutputTable::DeadLetters,
        OutputTable::Alerts,
        OutputTable::VitalScores,
        OutputTable::Reviews,
        OutputTable::CurveEditions,
        OutputTable::Ledger,
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
            OutputTable::Alerts => "alerts",
            OutputTable::VitalScores => "vital-scores",
            OutputTable::Reviews => "reviews",
            OutputTable::CurveEditions => "curve-editions",
            OutputTable::Ledger => "ledger",
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
            OutputTable::Alerts => "alerts",
            OutputTable::VitalScores => "vital_scores",
            OutputTable::Reviews => "reviews",
            OutputTable::CurveEditions => "curve_editions",
            OutputTable::Ledger => "ledger",
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

versioned!(Score Receipt ReadingReceipt Window LateReading DeadLetter Alert VitalScore Review CurveEdition LedgerRow);
