//! The process that becomes ClickHouse in this crate's tests; they name it as the server's program.

use std::ffi::OsString;
use std::process::ExitCode;

use aftercare_embedded::{CLICKHOUSE_CHILD, clickhouse_child};

fn main() -> ExitCode {
    let args: Vec<OsString> = std::env::args_os().skip(1).collect();
    match args.split_first() {
        Some((first, rest)) if first == CLICKHOUSE_CHILD => clickhouse_child(rest),
        _ => ExitCode::FAILURE,
    }
}
