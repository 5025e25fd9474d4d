//! How long it takes from the append of an upload with an answer that can't wait until its alert can be read,
//! committed: as consoles and notifiers read it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use aftercare_kafka::drain::{Assigned, BATCH_RECORDS_MAX, Drain};
use aftercare_schemas::{codec, wire};
use aftercare_stream::log::Batch;
use aftercare_stream::position::TopicId;
use anyhow::ensure;

use super::throughput::{Tasks, Throughput, as_f64, fresh};
use super::{Args, load};
use crate::config::Config;
use crate::wiring::{print, say, wall_clock};

const UPLOADS_PER_S: u64 = 200;

/// When each upload was handed to the producer, by its number.
type Sent = Arc<Mutex<BTreeMap<u64, Instant>>>;

/// Uploads at a steady pace: alone, then beside readings at an eighth and at half of what `single` measured.
pub(super) fn measure(
    config: &Config,
    args: &Args,
    single: Option<Throughput>,
    stop: &AtomicBool,
) -> anyhow::Result<()> {
    print(format_args!(
        "\n| load | uploads | p50 ms | p99 ms | p99.9 ms | max ms |\n| --- | --- | --- | --- | --- | --- |"
    ));
    one(config, args, 0, "idle", stop)?;
    if let Some(single) = single {
        // The writer of the load takes its part of the same cores: half is more than half of what is left.
        for part in [8.0, 2.0] {
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a rate of records")]
            let rate = (single.records_per_s / part) as u64;
            one(config, args, rate, &format!("1/{part} of the measured: {rate} readings/s"), stop)?;
        }
    }
    Ok(())
}

fn one(config: &Config, args: &Args, rate: u64, name: &str, stop: &AtomicBool) -> anyhow::Result<()> {
    let config = fresh(config, "latency")?;
    let cluster = config.cluster();
    let writer = cluster.writer()?;
    load::enrol(&writer, &load::MANY, args.patients, wall_clock())?;
    let probes = UPLOADS_PER_S * args.seconds;
    load::enrol(&writer, &load::PROBES, probes, wall_clock())?;
    let tasks = Tasks::start(&config);
    while tasks.taken("enrolments") < args.patients + probes {
        ensure!(!stop.load(Relaxed), "stopped");
        std::thread::sleep(Duration::from_millis(20));
    }
    say(format_args!("latency: {name}, {} s", args.seconds));
    let sent: Sent = Arc::default();
    let finished = AtomicBool::new(false);
    let latencies = std::thread::scope(|scope| {
        let reader = scope.spawn(|| read(&config, &sent, &finished));
        let readings = scope.spawn(|| write_readings(&config, args, rate));
        let uploads = write_uploads(&config, args, &sent);
        let readings = readings.join().map_err(|_panic| anyhow::anyhow!("the writer panicked"))?;
        std::thread::sleep(Duration::from_secs(2));
        finished.store(true, Relaxed);
        let latencies = reader.join().map_err(|_panic| anyhow::anyhow!("the reader panicked"))??;
        uploads.and(readings).map(|()| latencies)
    })?;
    tasks.stop()?;
    print_row(name, latencies, sent.lock().expect("no holder panics").len())
}

fn print_row(name: &str, mut ms: Vec<f64>, sent: usize) -> anyhow::Result<()> {
    ensure!(ms.len() == sent, "{sent} uploads were sent, {} raised an alert", ms.len());
    ms.sort_by(f64::total_cmp);
    let at = |q: f64| {
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a place in the list")]
        let i = ((as_f64(ms.len() as u64) * q).ceil() as usize).clamp(1, ms.len()) - 1;
        ms[i]
    };
    print(format_args!(
        "| {name} | {} | {:.1} | {:.1} | {:.1} | {:.1} |",
        ms.len(),
        at(0.5),
        at(0.99),
        at(0.999),
        at(1.0)
    ));
    Ok(())
}

/// Calls `write` `rate` times a second, for the time of the run.
fn paced(args: &Args, rate: u64, mut write: impl FnMut(u64) -> anyhow::Result<()>) -> anyhow::Result<()> {
    let (began, mut done) = (Instant::now(), 0);
    loop {
        let elapsed = began.elapsed();
        if elapsed.as_secs() >= args.seconds {
            return Ok(());
        }
        let due = u64::try_from(elapsed.as_micros()).unwrap_or(0) * rate / 1_000_000;
        while done < due {
            write(done)?;
            done += 1;
        }
        std::thread::sleep(Duration::from_micros(500));
    }
}

fn write_readings(config: &Config, args: &Args, rate: u64) -> anyhow::Result<()> {
    let writer = config.cluster().writer()?;
    let mut readings = load::Readings::new(args.patients, 1, rate * args.seconds, 10_000, wall_clock());
    paced(args, rate, |upload| readings.write(&writer, upload).map(drop))?;
    writer.flush()?;
    Ok(())
}

fn write_uploads(config: &Config, args: &Args, sent: &Sent) -> anyhow::Result<()> {
    let mut cluster = config.cluster();
    // An app waits for no others.
    cluster.extra.push(("linger.ms".into(), "0".into()));
    let (writer, mut value) = (cluster.writer()?, Vec::new());
    paced(args, UPLOADS_PER_S, |number| {
        sent.lock().expect("no holder panics").insert(number, Instant::now());
        load::crisis(&writer, number, wall_clock(), &mut value)
    })?;
    writer.flush()?;
    Ok(())
}

/// Reads alerts as they are committed; the time of each upload's first.
fn read(config: &Config, sent: &Sent, finished: &AtomicBool) -> anyhow::Result<Vec<f64>> {
    let cluster = config.cluster();
    let mut drain = Drain::open(&cluster, &[])?;
    let topic = cluster.topic("alerts");
    drain.assign(&Assigned::whole(TopicId(0), &topic, config.kafka.partitions))?;
    let (mut seen, mut latencies) = (std::collections::BTreeSet::new(), Vec::new());
    while !finished.load(Relaxed) {
        let batch = drain.poll(Duration::from_millis(100), BATCH_RECORDS_MAX)?;
        let now = Instant::now();
        for i in 0..batch.len() {
            let alert: wire::Alert<'_> = codec::decode("alerts", batch.get(i).value, None)?;
            let Some(number) = load::probe_of(&alert) else { continue };
            if seen.insert(number)
                && let Some(at) = sent.lock().expect("no holder panics").get(&number)
            {
                latencies.push(now.duration_since(*at).as_secs_f64() * 1e3);
            }
        }
    }
    Ok(latencies)
}
