//! `aftercare demo`: real engines, a small world through them, and a report of what came out.

mod alerts;
mod chart;
pub(crate) mod heart;
mod invoice;
mod latency;
mod play;
mod report;
mod run;
mod text;
mod ticker;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};

use crate::Outcome;
use crate::config::Config;
use crate::wiring::engines::{self, EngineArgs, Load};
use crate::wiring::{say, stop_flag, wall_clock};
use run::Steps;

/// Where the files lie beside a checkout.
const NHS_FILE: &str = "../shared/data/nhs_proms_eq5d3l.csv";
const HEART_FILE: &str = "../shared/data/heart_rate_fitbit.csv.gz";

/// Starts a real Kafka and a real ClickHouse, runs the pipeline on them, writes a seeded world of patients after
/// four treatments (and two real files, when they are at hand), waits until all of it is in ClickHouse, and prints what
/// became of it. Everything is stopped and removed at the end.
///
/// With servers or a folder of your own (--kafka, --clickhouse, --data-dir) it works under names of its own, which end
/// with the time, and leaves them there; it tells them at the end.
#[derive(clap::Args, Clone, Debug)]
pub(crate) struct Args {
    #[command(flatten)]
    engines: EngineArgs,
    /// Another seed, another world.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Patients of the world.
    #[arg(long, default_value_t = 300)]
    patients: u32,
    /// Length of the world, days; it ends now.
    #[arg(long, default_value_t = 365)]
    days: u32,
    /// How many bad records of each kind are strewn in.
    #[arg(long, default_value_t = 2)]
    bad_records: u32,
    /// The NHS PROMs file to import [default: ../shared/data/nhs_proms_eq5d3l.csv, if it is there].
    #[arg(long, value_name = "FILE", env = "AFTERCARE_NHS_FILE")]
    nhs: Option<PathBuf>,
    /// The file of real heart rates to play before the world [default: ../shared/data/heart_rate_fitbit.csv.gz, if it is
    /// there].
    #[arg(long, value_name = "FILE", env = "AFTERCARE_HEART_FILE")]
    heart: Option<PathBuf>,
    /// Questionnaires of the latency measurement, 20 a second.
    #[arg(long, default_value_t = 200)]
    probes: u32,
    /// Stay up after the report, and let the world go on by the wall, until Ctrl-C.
    #[arg(long)]
    keep: bool,
    /// The report as JSON.
    #[arg(long)]
    json: bool,
}

impl Args {
    fn files(&self) -> anyhow::Result<Files> {
        Ok(Files {
            nhs: file("--nhs", self.nhs.as_ref(), NHS_FILE)?,
            heart: file("--heart", self.heart.as_ref(), HEART_FILE)?,
        })
    }

    /// Whether what the demo writes outlives it.
    fn leaves_data(&self) -> bool {
        let EngineArgs { kafka, clickhouse, data_dir } = &self.engines;
        kafka.is_some() || clickhouse.is_some() || data_dir.is_some()
    }
}

/// Real data; `None` where a file was not named and is not at hand.
struct Files {
    nhs: Option<PathBuf>,
    heart: Option<PathBuf>,
}

fn file(option: &str, named: Option<&PathBuf>, beside: &str) -> anyhow::Result<Option<PathBuf>> {
    if let Some(file) = named {
        ensure!(file.is_file(), "{option} {}: there is no such file", file.display());
        return Ok(Some(file.clone()));
    }
    let file = PathBuf::from(beside);
    if !file.is_file() {
        say(format_args!("{beside} is not there; {option} FILE takes it from elsewhere."));
    }
    Ok(Some(file).filter(|file| file.is_file()))
}

pub(crate) fn run(mut config: Config, args: &Args) -> anyhow::Result<Outcome> {
    let files = args.files()?;
    let stop = stop_flag()?;
    tell_when_stopped(&stop);
    config.http.listen = ([127, 0, 0, 1], 0).into();
    // The world has a time of its own, which ends now; from there on a ticker goes by the wall.
    config.task.ticks = "external".into();
    if args.leaves_data() {
        // The world ends now, so that no two runs write the same records under the same ids.
        let at = wall_clock() / 1000;
        config.kafka.app = format!("{}-demo-{at}", config.kafka.app);
        config.clickhouse.database = format!("{}_demo_{at}", config.clickhouse.database);
    }
    let steps = Steps { began: Instant::now(), stop: &stop };
    let what = match (&args.engines.kafka, &args.engines.clickhouse) {
        (None, None) => "start Kafka and ClickHouse",
        (None, Some(_)) => "start Kafka",
        (Some(_), None) => "start ClickHouse",
        (Some(_), Some(_)) => "use Kafka and ClickHouse as given",
    };
    let running = steps.run(what, || engines::start(&mut config, &args.engines, Load::Light, &stop));
    let done = running.and_then(|running| {
        let done = run::demonstrate(&config, args, &files, &running, &steps);
        running.stop();
        done
    });
    match done {
        // In the stay at the end the signal is the way to end it.
        Ok(outcome) if args.keep => Ok(outcome),
        _ if stop.load(Relaxed) => Ok(Outcome::Interrupted),
        other if args.leaves_data() => {
            other.context("the demo could not be finished; aftercare check looks at the servers")
        }
        other => other.context("the demo could not be finished"),
    }
}

/// A step that can't be broken off takes seconds; whoever pressed Ctrl-C should know that it was heard.
fn tell_when_stopped(stop: &Arc<AtomicBool>) {
    let stop = Arc::clone(stop);
    std::thread::spawn(move || {
        while !stop.load(Relaxed) {
            std::thread::sleep(Duration::from_millis(50));
        }
        say(format_args!("\nstopping (a second signal ends it at once, and leaves its files behind)"));
    });
}
