//! How much goes through, beside what a bare consumer drains from the same topic.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use aftercare_gateway::metrics::Metrics;
use aftercare_kafka::Cluster;
use aftercare_kafka::drain::{Assigned, BATCH_RECORDS_MAX, Drain};
use aftercare_runtime::topics;
use aftercare_stream::log::Batch;
use aftercare_stream::position::TopicId;
use anyhow::ensure;

use super::{Args, load};
use crate::commands::migrate;
use crate::config::Config;
use crate::wiring::tasks::{self, RunningTasks};
use crate::wiring::{documents, print, say, wall_clock};

pub(super) const HEADER: &str = "\
| load | records/s bare | records/s exactly once | ratio | readings or responses/s | CPU s per million, bare | exactly once |
| --- | --- | --- | --- | --- | --- | --- |";

/// One measurement.
pub(super) struct Run {
    name: &'static str,
    topic: &'static str,
    readings: u64,
    batch: u64,
    every_ms: i64,
    patients: u64,
}

/// What came out.
#[derive(Clone, Copy)]
pub(super) struct Throughput {
    /// Records per second through the pipeline.
    pub(super) records_per_s: f64,
}

impl Run {
    /// `batch` readings in each upload; more readings in all when they are batched.
    pub(super) fn readings(args: &Args, every_s: u32, batch: u64) -> Self {
        let readings = if batch == 1 { args.readings } else { args.readings * 3 };
        let (every_ms, patients) = (i64::from(every_s) * 1000, args.patients);
        Self { name: "readings", topic: "wearable-readings", readings, batch, every_ms, patients }
    }

    pub(super) fn responses(args: &Args) -> Self {
        let (readings, patients) = (args.responses, args.patients.min(args.responses / 10).max(1));
        Self { name: "responses", topic: "prom-responses", readings, batch: 1, every_ms: 0, patients }
    }

    fn records(&self) -> u64 {
        self.readings / self.batch
    }
}

/// Topics and documents of an application of its own, so that runs don't see each other.
pub(super) fn fresh(config: &Config, name: &str) -> anyhow::Result<Config> {
    let mut config = config.clone();
    config.kafka.app = format!("bench-{}-{}-{name}", std::process::id(), wall_clock());
    let cluster = config.cluster();
    aftercare_kafka::topics::migrate(
        &cluster,
        &migrate::specs(config.kafka.partitions),
        config.kafka.replication,
        true,
    )?;
    documents::publish(&cluster, &documents::missing(&cluster)?, wall_clock())?;
    Ok(config)
}

/// The patient tasks of this process, running.
pub(super) struct Tasks {
    pub(super) running: RunningTasks,
    stop: Arc<AtomicBool>,
    thread: std::thread::JoinHandle<anyhow::Result<()>>,
}

impl Tasks {
    pub(super) fn start(config: &Config) -> Self {
        let running: RunningTasks = Arc::new(Mutex::default());
        let stop = Arc::new(AtomicBool::new(false));
        let (config, shared, stopped) = (config.clone(), Arc::clone(&running), Arc::clone(&stop));
        let thread = std::thread::spawn(move || {
            tasks::run(&config.cluster(), &|p| config.task(p), &Metrics::new(), &shared, &stopped)
        });
        Self { running, stop, thread }
    }

    /// Records of the topic that were taken so far.
    pub(super) fn taken(&self, topic: &str) -> u64 {
        let at = topics::by_name(topic).map_or(0, |t| topics::index(t.id));
        let running = self.running.lock().expect("no holder panics");
        running.values().map(|stats| stats.records_in[at].load(Relaxed)).sum()
    }

    /// Stops and commits.
    pub(super) fn stop(self) -> anyhow::Result<()> {
        self.stop.store(true, Relaxed);
        self.thread.join().map_err(|_panic| anyhow::anyhow!("the tasks' thread panicked"))?
    }
}

/// A load that is not measured.
pub(super) fn warm_up(config: &Config, args: &Args, stop: &AtomicBool) -> anyhow::Result<()> {
    let run = Run { readings: args.readings / 3, ..Run::readings(args, 60, 1) };
    let config = fresh(config, "warm-up")?;
    write(&config.cluster(), &run)?;
    pipeline(&config, &run, stop).map(drop)
}

/// Runs one measurement: bare, exactly once, bare again.
pub(super) fn measure(config: &Config, run: &Run, stop: &AtomicBool) -> anyhow::Result<Throughput> {
    let config = fresh(config, run.topic)?;
    let cluster = config.cluster();
    say(format_args!("writing {} records to {}", run.records(), cluster.topic(run.topic)));
    write(&cluster, run)?;
    let before = drain(&cluster, run, config.kafka.partitions)?;
    let through = pipeline(&config, run, stop)?;
    let after = drain(&cluster, run, config.kafka.partitions)?;
    let records = as_f64(run.records());
    let bare = 2.0 * records / (before.0 + after.0);
    let records_per_s = records / through.0;
    let load = match (run.every_ms, run.batch) {
        (0, _) => run.name.to_owned(),
        (ms, 1) => format!("{}, one every {} s, single", run.name, ms / 1000),
        (ms, batch) => format!("{}, one every {} s, {batch} a record", run.name, ms / 1000),
    };
    print(format_args!(
        "| {load} | {bare:.0} | {records_per_s:.0} | {:.2} | {:.0} | {:.2} | {:.2} |",
        records_per_s / bare,
        as_f64(run.readings) / through.0,
        (before.1 + after.1) / 2.0 / records * 1e6,
        through.1 / records * 1e6,
    ));
    Ok(Throughput { records_per_s })
}

fn write(cluster: &Cluster, run: &Run) -> anyhow::Result<()> {
    let writer = cluster.writer()?;
    let now = wall_clock();
    load::enrol(&writer, &load::MANY, run.patients, now)?;
    if run.topic == "prom-responses" {
        let mut value = Vec::new();
        for number in 0..run.records() {
            load::respond(&writer, run.patients, number, now, &mut value)?;
        }
    } else {
        let mut readings = load::Readings::new(run.patients, run.batch, run.readings, run.every_ms, now);
        for upload in 0..run.records() {
            readings.write(&writer, upload)?;
        }
    }
    writer.flush()?;
    Ok(())
}

/// Seconds and CPU seconds that a bare consumer takes for the topic: it counts records and looks at nothing.
fn drain(cluster: &Cluster, run: &Run, partitions: i32) -> anyhow::Result<(f64, f64)> {
    let mut drain = Drain::open(cluster, &[])?;
    let topic = cluster.topic(run.topic);
    drain.assign(&Assigned::whole(TopicId(0), &topic, partitions))?;
    let (mut records, mut began, cpu) = (0u64, None, cpu_seconds());
    while records < run.records() {
        let batch = drain.poll(Duration::from_secs(10), BATCH_RECORDS_MAX)?;
        ensure!(!batch.is_empty() || !batch.ends.is_empty(), "the topic ended early");
        if !batch.is_empty() {
            began.get_or_insert_with(Instant::now);
        }
        records += batch.len() as u64;
    }
    Ok((began.map_or(0.0, |at| at.elapsed().as_secs_f64()), cpu_seconds() - cpu))
}

/// Seconds and CPU seconds from the first record taken until all are committed.
fn pipeline(config: &Config, run: &Run, stop: &AtomicBool) -> anyhow::Result<(f64, f64)> {
    let tasks = Tasks::start(config);
    let (mut began, mut last) = (None, (0, Instant::now()));
    loop {
        let taken = tasks.taken(run.topic);
        if taken > 0 && began.is_none() {
            began = Some((Instant::now(), cpu_seconds()));
        }
        if taken >= run.records() {
            break;
        }
        if taken > last.0 {
            last = (taken, Instant::now());
        }
        ensure!(last.1.elapsed() < Duration::from_secs(60), "no progress for 60 s at {taken} records");
        ensure!(!stop.load(Relaxed), "stopped");
        std::thread::sleep(Duration::from_millis(1));
    }
    let (wall, cpu) = began.unwrap_or_else(|| (Instant::now(), cpu_seconds()));
    tasks.stop()?;
    Ok((wall.elapsed().as_secs_f64(), cpu_seconds() - cpu))
}

/// CPU seconds that this process has used: user and system, all threads.
fn cpu_seconds() -> f64 {
    let clock = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::try_from(clock).map_or(0.0, |d| d.as_secs_f64())
}

#[allow(clippy::cast_precision_loss, reason = "counts far below 2^53")]
pub(super) fn as_f64(n: u64) -> f64 {
    n as f64
}
