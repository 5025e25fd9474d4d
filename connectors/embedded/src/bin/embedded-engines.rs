//! Runs both engines in a folder until its standard input ends: for this crate's own tests, and for trying something
//! by hand. `embedded-engines FOLDER` prints where the servers are, one fact a line.

use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use aftercare_embedded::{
    CLICKHOUSE_CHILD, ClickHouseOptions, ClickHouseServer, Engines, KafkaOptions, KafkaServer,
    clickhouse_child,
};

fn main() -> ExitCode {
    let args: Vec<OsString> = std::env::args_os().skip(1).collect();
    let result = match args.split_first() {
        Some((first, rest)) if first == CLICKHOUSE_CHILD => return clickhouse_child(rest),
        Some((folder, [])) => run(&PathBuf::from(folder)),
        _ => Err("usage: embedded-engines FOLDER".into()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            drop(writeln!(io::stderr(), "embedded-engines: {error}"));
            ExitCode::FAILURE
        }
    }
}

fn run(folder: &std::path::Path) -> Result<(), Box<dyn std::error::Error>> {
    let engines = Engines::find()?;
    let kafka = KafkaServer::start(&engines, KafkaOptions::new(folder.join("kafka")))?;
    let clickhouse = ClickHouseServer::start(&engines, ClickHouseOptions::new(folder.join("clickhouse")))?;
    let mut out = io::stdout();
    writeln!(out, "kafka {} pid {}", kafka.bootstrap(), kafka.pid())?;
    writeln!(out, "clickhouse {} pid {}", clickhouse.http_url(), clickhouse.pid())?;
    writeln!(out, "user {} {}", clickhouse.user(), clickhouse.password())?;
    writeln!(out, "reader {} {}", clickhouse.reader_user(), clickhouse.reader_password())?;
    out.flush()?;
    io::stdin().read_to_end(&mut Vec::new())?;
    clickhouse.stop();
    kafka.stop();
    Ok(())
}
