//! One struct per stream.
//!
//! Field names are the Avro field names and the ClickHouse column names, in the order of both. What a
//! field means, its unit and an example are in the schema (`avro/{subject}`), not repeated here.
//!
//! These types are the edge: they carry personal data, so they belong in no log line, and the domain has
//! types of its own.

#![allow(missing_docs, reason = "each field is documented in its Avro schema, which a test demands")]

mod care;
mod curves;
mod events;
mod inputs;
mod ledger;
mod map;
mod nested;
mod outputs;
mod symbols;

pub use care::{Alert, AlertEvidence, Review, VitalScore};
pub use curves::{ContributionKind, CurveBin, CurveContribution, CurveEdition, EditionSource};
pub use events::{
    AlertAction, AlertActionKind, ClinicalEvent, ClinicalKind, ClinicianActivity, CommerceEvent,
    CommerceKind, EventEnvelope, PayerPart, SessionVerdict, Verdict,
};
pub use inputs::{
    Answer, Control, ControlKind, DeadLetterDecision, Document, Enrolment, Form, Metric, PromResponse,
    Reading, RecordStatus, Source, WearableHead, WearableUpload,
};
#[cfg(feature = "clickhouse")]
pub use ledger::LedgerRow;
pub use ledger::{LedgerEntry, LedgerEvidence, LedgerKind};
pub use outputs::{DeadLetter, LateReading, ReadingReceipt, Receipt, Scale, Score, Window};
