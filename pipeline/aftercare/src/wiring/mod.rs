//! Putting the crates together: threads, signals, metrics.

pub(crate) mod desk;
pub(crate) mod documents;
pub(crate) mod engines;
pub(crate) mod facts;
pub(crate) mod faults;
pub(crate) mod flow;
pub(crate) mod late;
pub(crate) mod logging;
pub(crate) mod metrics;
pub(crate) mod notify;
pub(crate) mod readings;
pub(crate) mod sink;
pub(crate) mod tasks;
pub(crate) mod ticks;
pub(crate) mod watch;

use std::fmt;
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{SystemTime, UNIX_EPOCH};

/// The wall clock: ms since 1970 UTC.
pub(crate) fn wall_clock() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// A line for the person at the terminal: stderr, never part of a command's output.
pub(crate) fn say(line: fmt::Arguments<'_>) {
    let mut stderr = std::io::stderr().lock();
    // Nobody is there to be told that nobody is there.
    drop(writeln!(stderr, "{line}"));
}

/// A line of a command's output: stdout. A closed pipe ends the program quietly, as it does other tools.
pub(crate) fn print(line: fmt::Arguments<'_>) {
    if writeln!(std::io::stdout().lock(), "{line}").is_err() {
        std::process::exit(0);
    }
}

/// A flag that SIGINT and SIGTERM set; a second signal ends the process at once.
pub(crate) fn stop_flag() -> anyhow::Result<Arc<AtomicBool>> {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        signal_hook::flag::register_conditional_shutdown(signal, 130, Arc::clone(&stop))?;
        signal_hook::flag::register(signal, Arc::clone(&stop))?;
    }
    Ok(stop)
}
