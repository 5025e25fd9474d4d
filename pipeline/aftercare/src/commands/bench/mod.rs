//! `aftercare bench`: the pipeline through a real Kafka, beside what a bare consumer drains from the same topic in the
//! same run.

mod billing;
mod latency;
pub(super) mod load;
mod throughput;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use anyhow::ensure;

use crate::Outcome;
use crate::config::Config;
use crate::wiring::engines::{self, EngineArgs, Load};
use crate::wiring::{print, say, stop_flag};

/// Measures readings and responses per second, exactly once and with changelog, next to a bare librdkafka consumer of
/// the same topic, and the latency from append to output at half of the measured load. Prints a table.
#[derive(clap::Args, Clone, Debug)]
pub(crate) struct Args {
    #[command(flatten)]
    engines: EngineArgs,
    /// Readings of each throughput run.
    #[arg(long, default_value_t = 3_000_000)]
    readings: u64,
    /// Questionnaire uploads of the response run.
    #[arg(long, default_value_t = 100_000)]
    responses: u64,
    /// Patients that the load is spread over.
    #[arg(long, default_value_t = 10_000)]
    patients: u64,
    /// Partitions, one task each.
    #[arg(long, default_value_t = 2)]
    partitions: i32,
    /// Seconds of each latency run.
    #[arg(long, default_value_t = 15)]
    seconds: u64,
    /// Uploads of the month that is billed.
    #[arg(long, default_value_t = 1_000_000)]
    uploads: u64,
    /// Only these parts: single, batched, responses, latency; or billing, a month in ClickHouse, alone.
    #[arg(long, value_delimiter = ',', default_values_t = ["single", "batched", "responses", "latency"].map(String::from))]
    only: Vec<String>,
}

impl Args {
    fn wants(&self, part: &str) -> bool {
        self.only.iter().any(|p| p == part)
    }
}

pub(crate) fn run(mut config: Config, args: &Args) -> anyhow::Result<Outcome> {
    let stop = stop_flag()?;
    config.kafka.partitions = args.partitions;
    let billing = args.wants("billing");
    ensure!(!billing || args.only.len() == 1, "billing is measured alone, on engines of its own");
    say(format_args!("starting Kafka{}", if billing { " and ClickHouse" } else { "" }));
    let load = if billing { Load::Light } else { Load::KafkaBench };
    let running = match engines::start(&mut config, &args.engines, load, &stop) {
        Err(_) if stop.load(Relaxed) => return Ok(Outcome::Interrupted),
        running => running?,
    };
    let done = if billing {
        billing::measure(&config, args, &running, &stop)
    } else {
        measure(&config, args, &stop)
    };
    running.stop();
    done.map(|()| Outcome::Done)
}

fn measure(config: &Config, args: &Args, stop: &Arc<AtomicBool>) -> anyhow::Result<()> {
    let cores = std::thread::available_parallelism()?.get();
    print(format_args!(
        "{cores} cores shared with the broker, {} partitions, {} patients, one run\n",
        args.partitions, args.patients
    ));
    // The broker compiles its hot paths while it works: the first load is not measured.
    throughput::warm_up(config, args, stop)?;
    print(format_args!("{}", throughput::HEADER));
    let mut single = None;
    if args.wants("single") {
        // What a real wearer's heart rate file has, and the slowest that is of use: the rarer the readings, the more
        // windows there are to write for each.
        single = Some(throughput::measure(config, &throughput::Run::readings(args, 10, 1), stop)?);
        throughput::measure(config, &throughput::Run::readings(args, 60, 1), stop)?;
    }
    if args.wants("batched") {
        for batch in [10, 100, 1000] {
            throughput::measure(config, &throughput::Run::readings(args, 10, batch), stop)?;
        }
    }
    if args.wants("responses") {
        throughput::measure(config, &throughput::Run::responses(args), stop)?;
    }
    if args.wants("latency") {
        latency::measure(config, args, single, stop)?;
    }
    Ok(())
}
