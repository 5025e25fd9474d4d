//! Why a record was not taken as it came: stable codes, the same in receipts, dead letters and metrics.

use serde::{Deserialize, Serialize};

/// A stable reason. [`Reason::code`] is what outputs carry.
///
/// The state keeps reasons by their position here: append, never reorder or remove.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[expect(missing_docs, reason = "each variant is documented by its code")]
#[repr(u8)]
pub enum Reason {
    TruncatedAvro,
    ForeignAvro,
    UnknownSchema,
    UnknownInstrument,
    UnknownItem,
    AnswerOutOfRange,
    MissingAnswers,
    NoForms,
    FarFuture,
    UnknownPatient,
    WrongPartitionLoop,
    RecordTooLarge,
    EmptyUpload,
    UnsupportedUnit,
    UnknownMetric,
    ImplausibleValue,
    MissingId,
    NoValue,
    ConflictingContent,
    UnknownTimeZone,
    TextTooLong,
    SessionTooOld,
    UnreadableBatch,
}

impl Reason {
    /// Every reason, in the order in which the state numbers them.
    pub const ALL: [Reason; 23] = [
        Reason::TruncatedAvro,
        Reason::ForeignAvro,
        Reason::UnknownSchema,
        Reason::UnknownInstrument,
        Reason::UnknownItem,
        Reason::AnswerOutOfRange,
        Reason::MissingAnswers,
        Reason::NoForms,
        Reason::FarFuture,
        Reason::UnknownPatient,
        Reason::WrongPartitionLoop,
        Reason::RecordTooLarge,
        Reason::EmptyUpload,
        Reason::UnsupportedUnit,
        Reason::UnknownMetric,
        Reason::ImplausibleValue,
        Reason::MissingId,
        Reason::NoValue,
        Reason::ConflictingContent,
        Reason::UnknownTimeZone,
        Reason::TextTooLong,
        Reason::SessionTooOld,
        Reason::UnreadableBatch,
    ];

    /// The stable snake_case code.
    pub const fn code(self) -> &'static str {
        match self {
            Reason::TruncatedAvro => "truncated_avro",
            Reason::ForeignAvro => "foreign_avro",
            Reason::UnknownSchema => "unknown_schema",
            Reason::UnknownInstrument => "unknown_instrument",
            Reason::UnknownItem => "unknown_item",
            Reason::AnswerOutOfRange => "answer_out_of_range",
            Reason::MissingAnswers => "missing_answers",
            Reason::NoForms => "no_forms",
            Reason::FarFuture => "far_future",
            Reason::UnknownPatient => "unknown_patient",
            Reason::WrongPartitionLoop => "wrong_partition_loop",
            Reason::RecordTooLarge => "record_too_large",
            Reason::EmptyUpload => "empty_upload",
            Reason::UnsupportedUnit => "unsupported_unit",
            Reason::UnknownMetric => "unknown_metric",
            Reason::ImplausibleValue => "implausible_value",
            Reason::MissingId => "missing_id",
            Reason::NoValue => "no_value",
            Reason::ConflictingContent => "conflicting_content",
            Reason::UnknownTimeZone => "unknown_time_zone",
            Reason::TextTooLong => "text_too_long",
            Reason::SessionTooOld => "session_too_old",
            Reason::UnreadableBatch => "unreadable_batch",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Reason;

    #[test]
    fn the_list_is_complete_and_in_order() {
        for (position, reason) in Reason::ALL.into_iter().enumerate() {
            assert_eq!(reason as usize, position, "{}", reason.code());
        }
    }
}
