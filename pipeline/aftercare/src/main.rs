//! The `aftercare` binary: commands, configuration, wiring. Rules and flow live in the crates it puts together.

mod commands;
mod config;
mod facts_file;
mod import;
mod score;
mod wiring;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Exit code: a finding, not a failure (refused lines, differences, an audit that does not add up).
const FOUND: u8 = 4;
/// Exit code: a signal ended it before it was done.
const INTERRUPTED: u8 = 130;
/// Exit code: the configuration can't be used.
const CONFIGURATION: u8 = 3;

/// Stream processing for patient aftercare: questionnaires and wearable readings become scores, windows and receipts,
/// exactly once, from Kafka to ClickHouse.
#[derive(Parser)]
#[command(
    name = "aftercare",
    version,
    after_help = "Exit codes: 0 done; 1 failed; 2 wrong usage; 3 the configuration can't be used; 4 done, and something \
                  was found that a person should look at (refused lines, differences, an audit that does not add up); \
                  130 a signal came before it was done.\n\
                  Every setting of the configuration can be given by the environment: AFTERCARE__KAFKA__BOOTSTRAP sets \
                  bootstrap in [kafka]."
)]
struct Cli {
    /// Configuration file (TOML); without one, the defaults.
    #[arg(long, short, global = true, env = "AFTERCARE_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// What goes to stderr: error, warn, info, debug, or a filter such as aftercare_kafka=debug.
    /// [default: info; demo: warn]
    #[arg(long, global = true, env = "AFTERCARE_LOG", value_name = "LEVEL")]
    log: Option<String>,
    /// Log lines as JSON.
    #[arg(long, global = true)]
    log_json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the pipeline: patient tasks, the ClickHouse sink, notices of alerts, HTTP (registry, health, metrics).
    Serve(commands::serve::Args),
    /// See it work: starts a real Kafka and a real ClickHouse, runs a small simulated world through, reports.
    Demo(commands::demo::Args),
    /// Read a CSV file into the input topics.
    Import(commands::import::Args),
    /// Score a CSV file of answers by an instrument.
    Score(commands::score::Args),
    /// List the instruments, show one.
    Instruments(commands::instruments::Args),
    /// Create topics, tables and documents; name every difference in what is there.
    Migrate(commands::migrate::Args),
    /// Check the configuration and the servers; list all problems at once.
    Check(commands::check::Args),
    /// Write a seeded world of patients to the input topics or to files.
    Simulate(commands::simulate::Args),
    /// Prove that nothing is lost and nothing is double: coverage, counts, every record's outcome.
    Audit(commands::audit::Args),
    /// Look at dead letters, replay or discard them.
    Dlq(commands::dlq::Args),
    /// A clerk's month: what it comes to, whether it adds up, its closing, its documents, each entry explained.
    Bill(commands::bill::Args),
    /// Look at contracts: check documents, read them in words, compare versions, try them on facts.
    Contracts(commands::contracts::Args),
    /// What is expected of patients, from a registry's history: fit a curve, ask it, calibrate it.
    Curve(commands::curve::Args),
    /// See whose patients do worse, or better, than expected of them, beyond chance.
    Monitor(commands::monitor::Args),
    /// Look at the documents of a running system, publish new versions.
    Document(commands::document::Args),
    /// Measure: readings and responses per second beside a bare consumer, and latency.
    Bench(commands::bench::Args),
    /// ClickHouse's own process; started by the embedded engines.
    #[command(hide = true)]
    ClickhouseChild {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<std::ffi::OsString>,
    },
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    // Before anything else starts threads: this process becomes ClickHouse.
    if let Command::ClickhouseChild { args } = &cli.command {
        return aftercare_embedded::clickhouse_child(args);
    }
    // The demo's report is for people, who would not find it among the log's lines.
    let quiet = if matches!(cli.command, Command::Demo(_)) { "warn" } else { "info" };
    if let Err(error) = wiring::logging::start(cli.log.as_deref().unwrap_or(quiet), cli.log_json) {
        return fail(&error, CONFIGURATION);
    }
    let config = match config::Config::load(cli.config.as_deref()) {
        Ok(config) => config,
        Err(problems) => {
            for problem in &problems {
                wiring::say(format_args!("configuration: {problem}"));
            }
            return ExitCode::from(CONFIGURATION);
        }
    };
    let done = match cli.command {
        Command::Serve(args) => commands::serve::run(&config, &args),
        Command::Demo(args) => commands::demo::run(config, &args),
        Command::Import(args) => commands::import::run(&config, &args),
        Command::Score(args) => commands::score::run(&args),
        Command::Instruments(args) => commands::instruments::run(&args),
        Command::Migrate(args) => commands::migrate::run(&config, &args),
        Command::Check(args) => commands::check::run(&config, &args),
        Command::Simulate(args) => commands::simulate::run(&config, &args),
        Command::Audit(args) => commands::audit::run(&config, &args),
        Command::Dlq(args) => commands::dlq::run(&config, &args),
        Command::Bill(args) => commands::bill::run(&config, &args),
        Command::Contracts(args) => commands::contracts::run(&args),
        Command::Curve(args) => commands::curve::run(&config, &args),
        Command::Monitor(args) => commands::monitor::run(&config, &args),
        Command::Document(args) => commands::document::run(&config, &args),
        Command::Bench(args) => commands::bench::run(config, &args),
        Command::ClickhouseChild { .. } => unreachable!("handled above"),
    };
    match done {
        Ok(Outcome::Done) => ExitCode::SUCCESS,
        Ok(Outcome::Found) => ExitCode::from(FOUND),
        Ok(Outcome::Interrupted) => ExitCode::from(INTERRUPTED),
        Err(error) => fail(&error, 1),
    }
}

/// How a command ended that did not fail.
pub(crate) enum Outcome {
    /// As it should be.
    Done,
    /// Done, and a person should look at what it said.
    Found,
    /// SIGINT or SIGTERM came first; everything that was started is stopped.
    Interrupted,
}

fn fail(error: &anyhow::Error, code: u8) -> ExitCode {
    wiring::say(format_args!("aftercare: {error:#}"));
    ExitCode::from(code)
}
