//! What several tests need: apache-avro's view of a record, and each stream's wire type.

use aftercare_schemas::codec::{WireError, decode, encode};
use aftercare_schemas::wire::*;
use apache_avro::Schema;
use apache_avro::reader::datum::GenericDatumReader;
use apache_avro::types::Value;
use apache_avro::writer::datum::GenericDatumWriter;
use serde::{Deserialize, Serialize};

/// What apache-avro makes of a whole body.
pub(crate) fn authority_reads(schema: &Schema, mut body: &[u8]) -> Option<Value> {
    let value = GenericDatumReader::builder(schema).build().unwrap().read_value(&mut body).ok()?;
    body.is_empty().then_some(value)
}

/// What apache-avro writes.
pub(crate) fn authority_writes(schema: &Schema, value: Value) -> Result<Vec<u8>, apache_avro::Error> {
    GenericDatumWriter::builder(schema).build()?.write_value_to_vec(value)
}

/// The value that JSON text means under a schema.
pub(crate) fn authority_value(schema: &Schema, json: serde_json::Value) -> Result<Value, apache_avro::Error> {
    Value::try_from(json)?.resolve(schema)
}

fn rewrite<'a, T: Deserialize<'a> + Serialize>(
    subject: &'static str,
    framed: &'a [u8],
) -> Result<Vec<u8>, WireError> {
    let value: T = decode(subject, Some(framed), None)?;
    let mut bytes = Vec::new();
    encode(subject, &value, &mut bytes).expect("what could be read can be written");
    Ok(bytes)
}

fn from_json<'a, T: Deserialize<'a> + Serialize>(
    subject: &'static str,
    json: &'a serde_json::Value,
) -> Vec<u8> {
    let value = T::deserialize(json).expect("the example fits the wire type");
    let mut bytes = Vec::new();
    encode(subject, &value, &mut bytes).expect("the wire type fits the schema");
    bytes
}

/// A stream that has a wire type: reads and writes through it.
pub(crate) struct Typed {
    pub(crate) subject: &'static str,
    pub(crate) rewrite: fn(&[u8]) -> Result<Vec<u8>, WireError>,
    pub(crate) from_json: fn(&serde_json::Value) -> Vec<u8>,
}

macro_rules! typed {
    ($($subject:literal $type:ident),* $(,)?) => {
        [$(Typed {
            subject: $subject,
            rewrite: |framed| rewrite::<$type<'_>>($subject, framed),
            from_json: |json| from_json::<$type<'_>>($subject, json),
        }),*]
    };
}

/// Every stream that has a wire type.
pub(crate) const TYPED: [Typed; 23] = typed![
    "enrolments" Enrolment,
    "prom-responses" PromResponse,
    "wearable-readings" WearableUpload,
    "clinical-events" ClinicalEvent,
    "commerce-events" CommerceEvent,
    "clinician-activity" ClinicianActivity,
    "session-verdicts" SessionVerdict,
    "alert-actions" AlertAction,
    "contracts" Document,
    "control" Control,
    "receipts" Receipt,
    "reading-receipts" ReadingReceipt,
    "scores" Score,
    "windows" Window,
    "late-readings" LateReading,
    "dead-letters" DeadLetter,
    "dead-letter-decisions" DeadLetterDecision,
    "alerts" Alert,
    "vital-scores" VitalScore,
    "reviews" Review,
    "curve-contributions" CurveContribution,
    "curve-editions" CurveEdition,
    "ledger" LedgerEntry,
];

/// The wire type of a stream.
pub(crate) fn typed(subject: &str) -> Option<&'static Typed> {
    TYPED.iter().find(|typed| typed.subject == subject)
}
