//! In which way a value cannot be read or written.

/// A record's value that is not what its stream carries. The data's fault: repeating changes nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// The record has no value at all.
    #[error("the record has no value")]
    NoValue,
    /// The bytes end inside the framing or inside a field.
    #[error("the bytes end inside a field")]
    Truncated,
    /// Neither framed nor with a schema header.
    #[error("the value does not begin with the framing byte 0x00, and no header names its schema")]
    NotFramed,
    /// Framed with an id that is no released schema.
    #[error("schema id {0} is not a released schema")]
    UnknownSchema(u32),
    /// A header with a GUID that is no released schema.
    #[error("the GUID in the schema header is not a released schema")]
    UnknownGuid,
    /// Written with a released schema of another stream.
    #[error("written with a schema of {found}, expected {expected}")]
    WrongSchema {
        /// The stream that the record was read from.
        expected: &'static str,
        /// The stream that its schema belongs to.
        found: &'static str,
    },
    /// A whole datum, and more bytes after it.
    #[error("bytes follow after the end of the value")]
    TrailingBytes,
    /// Bytes that the schema does not allow.
    #[error("{0}")]
    Invalid(&'static str),
}

impl WireError {
    /// The stable code for receipts, dead letters and metrics.
    #[must_use]
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::NoValue => "no_value",
            Self::Truncated => "truncated_avro",
            Self::UnknownSchema(_) | Self::UnknownGuid => "unknown_schema",
            Self::NotFramed | Self::WrongSchema { .. } | Self::TrailingBytes | Self::Invalid(_) => {
                "foreign_avro"
            }
        }
    }
}

/// A value that cannot be written: a defect of this program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EncodeError {
    /// No released schema has this subject.
    #[error("no released schema for {0}")]
    UnknownSubject(&'static str),
    /// The value does not fit the newest schema of its subject.
    #[error("the value does not fit the schema of {0}")]
    Unfit(&'static str),
}
