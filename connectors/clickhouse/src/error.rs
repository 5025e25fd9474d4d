//! What can go wrong, whose fault it is, and what to do.

use aftercare_schemas::codec::WireError;
use clickhouse::error::Error as ClientError;

/// Whose fault it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// A record.
    Data,
    /// The server, the network, or how they are set up.
    Dependency,
    /// This program.
    Bug,
}

/// Whether the same call can succeed later. Every call of this crate may be repeated: rows replace themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// Yes, after a pause.
    Later,
    /// Only when a person has changed something: rights, tables, configuration. Ask again with long pauses.
    AfterRepair,
    /// Never.
    Never,
}

/// An error of the store. No text of it holds a secret or a value of a record.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The configuration is wrong.
    #[error("ClickHouse configuration: {0}")]
    Config(String),
    /// A record of a batch is not what its topic holds. Nothing of the batch was sent.
    #[error("decode record {index} of {records} for {table}: {source}")]
    Record {
        /// Its place in the batch, from 0.
        index: usize,
        /// Records in the batch.
        records: usize,
        /// The table.
        table: &'static str,
        /// What is wrong with it.
        source: WireError,
    },
    /// The server was not reached, or the connection broke. Whether a statement under way took effect is not known.
    #[error("{action}: no answer from ClickHouse: {message}")]
    Unreachable {
        /// What we were doing, in the present tense.
        action: String,
        /// What the network said.
        message: String,
    },
    /// There was no answer in time. Whether it took effect is not known.
    #[error("{action}: no answer from ClickHouse within {limit_ms} ms")]
    TimedOut {
        /// What we were doing, in the present tense.
        action: String,
        /// The limit, ms.
        limit_ms: u128,
    },
    /// The server refused.
    #[error("{action}: ClickHouse refused, code {code}: {message}")]
    Refused {
        /// What we were doing, in the present tense.
        action: String,
        /// ClickHouse's error code, 0 where it gave none.
        code: i32,
        /// What it said, cut short.
        message: String,
    },
    /// A table is not as this build writes or reads it.
    #[error("{action}: the table differs from this build: {message}; see `aftercare migrate`")]
    Mismatch {
        /// What we were doing, in the present tense.
        action: String,
        /// What differs.
        message: String,
    },
    /// The ledger has entries that a bill may not leave out and that this build does not know.
    #[error(
        "the ledger has entries of kinds that this version does not know: {0}; use the version that wrote them"
    )]
    UnknownKinds(String),
    /// A migration that the database has seen was changed in this build.
    #[error("migrations edited after they were applied: {}", .0.join(", "))]
    Edited(Vec<String>),
    /// Something that cannot be.
    #[error("{action}: {message}")]
    Bug {
        /// What we were doing, in the present tense.
        action: String,
        /// What happened.
        message: String,
    },
}

impl StoreError {
    /// Whose fault it is.
    pub fn fault(&self) -> Fault {
        match self {
            StoreError::Record { .. } => Fault::Data,
            StoreError::Refused { code, .. } if is_bug(*code) => Fault::Bug,
            StoreError::Config(_)
            | StoreError::Unreachable { .. }
            | StoreError::TimedOut { .. }
            | StoreError::Refused { .. }
            | StoreError::Mismatch { .. }
            | StoreError::UnknownKinds(_)
            | StoreError::Edited(_) => Fault::Dependency,
            StoreError::Bug { .. } => Fault::Bug,
        }
    }

    /// Whether the same call can succeed later.
    pub fn retry(&self) -> Retry {
        match self {
            StoreError::Unreachable { .. } | StoreError::TimedOut { .. } => Retry::Later,
            StoreError::Refused { code, .. } if is_bug(*code) => Retry::Never,
            StoreError::Refused { code, .. } if is_passing(*code) => Retry::Later,
            StoreError::Config(_)
            | StoreError::Refused { .. }
            | StoreError::Mismatch { .. }
            | StoreError::UnknownKinds(_)
            | StoreError::Edited(_) => Retry::AfterRepair,
            StoreError::Record { .. } | StoreError::Bug { .. } => Retry::Never,
        }
    }

    /// ClickHouse's error code, where it gave one.
    pub(crate) fn code(&self) -> Option<i32> {
        match self {
            StoreError::Refused { code, .. } => Some(*code),
            _ => None,
        }
    }

    pub(crate) fn client(action: impl Into<String>, error: ClientError) -> StoreError {
        let action = action.into();
        match error {
            ClientError::Network(source) => {
                StoreError::Unreachable { action, message: with_causes(source.as_ref()) }
            }
            ClientError::TimedOut => StoreError::Unreachable { action, message: "time-out".to_owned() },
            ClientError::BadResponse(text) => refused(action, &text),
            ClientError::SchemaMismatch(text) => StoreError::Mismatch { action, message: shorten(&text) },
            ClientError::NotEnoughData
            | ClientError::Decompression(_)
            | ClientError::InvalidColumnsHeader(_) => {
                StoreError::Unreachable { action, message: "the reply broke off".to_owned() }
            }
            other => StoreError::Bug { action, message: shorten(&other.to_string()) },
        }
    }
}

/// hyper says "client error (Connect)"; why is in its causes.
fn with_causes(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text = format!("{text}: {cause}");
        next = cause.source();
    }
    text
}

fn refused(action: String, text: &str) -> StoreError {
    let code = text
        .split_once("Code: ")
        .and_then(|(_, rest)| rest.split(|c: char| !c.is_ascii_digit()).next())
        .and_then(|digits| digits.parse().ok())
        .unwrap_or(0);
    let message = text.split_once("DB::Exception: ").map_or(text, |(_, message)| message);
    StoreError::Refused { action, code, message: shorten(message) }
}

/// The first line, at most 400 characters, without what the server appends about itself, and without values: it quotes
/// the row when a constraint fails, and the statement with its parameters filled in when a name is unknown.
fn shorten(text: &str) -> String {
    const MARKS: [&str; 4] = ["(version ", "Column values:", "Stack trace:", " in scope "];
    let line = text.lines().next().unwrap_or_default();
    let end = MARKS.iter().filter_map(|mark| line.find(mark)).min().unwrap_or(line.len());
    let kept = line.get(..end).unwrap_or_default().trim_end();
    // what stands between single quotes may be a value; names stand between backticks
    let outside = kept.split('\'').step_by(2).collect::<Vec<_>>().join("'?'");
    outside.chars().take(400).collect()
}

/// Codes that go away by themselves: overload, limits, shutdown, replication, network between servers.
fn is_passing(code: i32) -> bool {
    const PASSING: [i32; 26] = [
        3,   // UNEXPECTED_END_OF_FILE: the connection broke while it read
        23,  // CANNOT_READ_FROM_ISTREAM
        24,  // CANNOT_WRITE_TO_OSTREAM
        159, // TIMEOUT_EXCEEDED
        160, // TOO_SLOW
        198, // DNS_ERROR
        202, // TOO_MANY_SIMULTANEOUS_QUERIES
        203, // NO_FREE_CONNECTION
        209, // SOCKET_TIMEOUT
        210, // NETWORK_ERROR
        225, // NO_ZOOKEEPER
        236, // ABORTED
        241, // MEMORY_LIMIT_EXCEEDED
        242, // TABLE_IS_READ_ONLY: a replica that lost its keeper
        243, // NOT_ENOUGH_SPACE
        252, // TOO_MANY_PARTS
        254, // NO_ACTIVE_REPLICAS
        279, // ALL_CONNECTION_TRIES_FAILED
        285, // TOO_FEW_LIVE_REPLICAS
        286, // UNSATISFIED_QUORUM_FOR_PREVIOUS_WRITE
        319, // UNKNOWN_STATUS_OF_INSERT
        394, // QUERY_WAS_CANCELLED
        425, // SYSTEM_ERROR
        439, // CANNOT_SCHEDULE_TASK
        473, // DEADLOCK_AVOIDED
        999, // KEEPER_EXCEPTION
    ];
    // behind a proxy there may be no code at all: 502, 503 and the like
    code == 0 || PASSING.contains(&code)
}

/// Codes that say that our statement is wrong, whatever the state of the server.
fn is_bug(code: i32) -> bool {
    const OURS: [i32; 5] = [
        27,  // CANNOT_PARSE_INPUT_ASSERTION_FAILED
        42,  // NUMBER_OF_ARGUMENTS_DOESNT_MATCH
        43,  // ILLEGAL_TYPE_OF_ARGUMENT
        62,  // SYNTAX_ERROR
        456, // UNKNOWN_QUERY_PARAMETER
    ];
    OURS.contains(&code)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from_server(text: &str) -> StoreError {
        StoreError::client("insert into scores", ClientError::BadResponse(text.to_owned()))
    }

    #[test]
    fn codes_decide_whose_fault_and_what_to_do() {
        let table = [
            (
                "Code: 252. DB::Exception: Too many parts (3000). (TOO_MANY_PARTS)",
                Fault::Dependency,
                Retry::Later,
            ),
            (
                "Code: 60. DB::Exception: Table x does not exist. (UNKNOWN_TABLE)",
                Fault::Dependency,
                Retry::AfterRepair,
            ),
            ("Code: 516. DB::Exception: Authentication failed", Fault::Dependency, Retry::AfterRepair),
            ("Code: 62. DB::Exception: Syntax error", Fault::Bug, Retry::Never),
            ("503 Service Unavailable", Fault::Dependency, Retry::Later),
        ];
        for (text, fault, retry) in table {
            let error = from_server(text);
            assert_eq!((error.fault(), error.retry()), (fault, retry), "{text}");
        }
    }

    #[test]
    fn values_that_the_server_quotes_are_cut_off() {
        let error = from_server(
            "Code: 469. DB::Exception: Constraint `c` is violated at row 1. Column values: patient_id = 'p'. (X) (version 1)",
        );
        assert_eq!(
            error.to_string(),
            "insert into scores: ClickHouse refused, code 469: Constraint `c` is violated at row 1."
        );
    }

    #[test]
    fn parameters_that_the_server_fills_in_are_cut_off() {
        let error =
            from_server("Code: 47. DB::Exception: Unknown `x` in scope SELECT x WHERE patient_id = 'p'. (X)");
        assert_eq!(error.to_string(), "insert into scores: ClickHouse refused, code 47: Unknown `x`");
        let error = from_server("Code: 41. DB::Exception: Cannot read 'p', of 'it''s' in `c`");
        assert_eq!(
            error.to_string(),
            "insert into scores: ClickHouse refused, code 41: Cannot read '?', of '?''?' in `c`"
        );
    }
}
