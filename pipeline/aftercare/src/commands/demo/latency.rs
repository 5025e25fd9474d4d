//! How long an upload with an answer that can't wait takes from Kafka's acknowledgement until its alert can be read, and
//! until its score can be read in ClickHouse.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

use aftercare_kafka::drain::{Assigned, BATCH_RECORDS_MAX, Drain};
use aftercare_kafka::writer::RecordWriter;
use aftercare_runtime::topics::{self, ALERTS};
use aftercare_schemas::{codec, wire};
use aftercare_stream::log::Batch;
use anyhow::ensure;
use serde::Serialize;

use super::run::Pipeline;
use crate::commands::bench::load::{self, PROBES};
use crate::wiring::wall_clock;

/// Between two uploads.
const PACE: Duration = Duration::from_millis(50);
/// Between two looks into the table.
const LOOK: Duration = Duration::from_millis(2);
/// After the last upload, everything should be seen long before this is over.
const LAST_MAX: Duration = Duration::from_secs(30);

/// Times of single uploads, each from Kafka's acknowledgement.
#[derive(Debug, Serialize)]
pub(super) struct Latency {
    /// Until a reader of the topic has the alert, as consoles and notifiers do.
    pub(super) alert: Times,
    /// Until a SELECT sees the score.
    pub(super) score: Times,
    /// How often the table was looked at; a time is at most this too long.
    pub(super) look_every_ms: f64,
    /// How long the sink gathers rows; part of each score's time.
    pub(super) sink_flush_ms: u64,
}

/// What single uploads took.
#[derive(Debug, Serialize)]
pub(super) struct Times {
    pub(super) uploads: usize,
    pub(super) p50_ms: f64,
    pub(super) p99_ms: f64,
    pub(super) max_ms: f64,
}

/// When each upload was there, by its number.
type At = BTreeMap<u64, Instant>;

/// Writes uploads of patients of its own at a steady pace, and looks for their alerts and scores all the while; then it
/// resolves the alerts.
pub(super) fn measure(pipeline: &Pipeline<'_>, uploads: u32) -> anyhow::Result<Latency> {
    let mut cluster = pipeline.config.cluster();
    // An app waits for no others.
    cluster.extra.push(("linger.ms".into(), "0".into()));
    let writer = cluster.writer()?;
    let before = pipeline.taken("enrolments");
    load::enrol(&writer, &PROBES, u64::from(uploads), wall_clock())?;
    pipeline.wait(Duration::from_secs(30), "the enrolments to be taken", || {
        Ok(pipeline.taken("enrolments") >= before + u64::from(uploads))
    })?;
    let (finished, began) = (AtomicBool::new(false), Instant::now());
    let (acknowledged, alerts, scores) = std::thread::scope(|scope| {
        let written = scope.spawn(|| write(&writer, uploads, &finished));
        let alerts = scope.spawn(|| read_alerts(pipeline, uploads, &writer, &finished));
        let scores = look(pipeline, uploads);
        // Whoever waits for what will not come ends too.
        finished.store(scores.is_err(), Relaxed);
        let panicked = |_panic| anyhow::anyhow!("a thread of the measurement panicked");
        anyhow::Ok((written.join().map_err(panicked)??, alerts.join().map_err(panicked)??, scores?))
    })?;
    let looks = scores.1;
    Ok(Latency {
        alert: times(&acknowledged, &alerts),
        score: times(&acknowledged, &scores.0),
        look_every_ms: began.elapsed().as_secs_f64() * 1e3 / f64::from(looks.max(1)),
        sink_flush_ms: pipeline.config.sink.flush_ms,
    })
}

fn times(from: &At, to: &At) -> Times {
    let took = |(number, at): (&u64, &Instant)| Some(to.get(number)?.saturating_duration_since(*at));
    let mut ms: Vec<f64> = from.iter().filter_map(took).map(|took| took.as_secs_f64() * 1e3).collect();
    ms.sort_by(f64::total_cmp);
    let (p50_ms, p99_ms, max_ms) = (quantile(&ms, 50), quantile(&ms, 99), quantile(&ms, 100));
    Times { uploads: ms.len(), p50_ms, p99_ms, max_ms }
}

/// Writes them one by one; when each was acknowledged.
fn write(writer: &RecordWriter, uploads: u32, finished: &AtomicBool) -> anyhow::Result<At> {
    let (began, mut value, mut acknowledged) = (Instant::now(), Vec::new(), At::new());
    for number in 0..uploads {
        std::thread::sleep((began + PACE * number).saturating_duration_since(Instant::now()));
        if finished.load(Relaxed) {
            break;
        }
        load::crisis(writer, u64::from(number), wall_clock(), &mut value)?;
        writer.flush()?;
        acknowledged.insert(u64::from(number), Instant::now());
    }
    Ok(acknowledged)
}

/// Reads the alerts as they are committed, and resolves those of the probes: nobody has to care for them.
fn read_alerts(
    pipeline: &Pipeline<'_>,
    uploads: u32,
    writer: &RecordWriter,
    finished: &AtomicBool,
) -> anyhow::Result<At> {
    let cluster = pipeline.config.cluster();
    let mut drain = Drain::open(&cluster, &[])?;
    let topic = cluster.topic(topics::name(ALERTS));
    drain.assign(&Assigned::whole(ALERTS, &topic, pipeline.config.kafka.partitions))?;
    let (mut seen, began, limit) = (At::new(), Instant::now(), PACE * uploads + LAST_MAX);
    while seen.len() < uploads as usize && !finished.load(Relaxed) {
        ensure!(began.elapsed() < limit, "{} of {uploads} uploads raised an alert", seen.len());
        let batch = drain.poll(Duration::from_millis(50), BATCH_RECORDS_MAX)?;
        let at = Instant::now();
        for i in 0..batch.len() {
            let alert: wire::Alert<'_> = codec::decode(topics::name(ALERTS), batch.get(i).value, None)?;
            if let Some(number) = load::probe_of(&alert).filter(|_| alert.revision == 1) {
                seen.entry(number).or_insert(at);
                load::resolve(writer, &alert, wall_clock())?;
            }
        }
    }
    Ok(seen)
}

/// Looks into the table again and again until all scores are there; when each was seen first, and after how many looks.
fn look(pipeline: &Pipeline<'_>, uploads: u32) -> anyhow::Result<(At, u32)> {
    let (mut seen, mut looks) = (At::new(), 0u32);
    let (began, limit) = (Instant::now(), PACE * uploads + LAST_MAX);
    while seen.len() < uploads as usize {
        pipeline.goes_on()?;
        ensure!(began.elapsed() < limit, "{} of {uploads} uploads had scores", seen.len());
        let found = pipeline.runtime.block_on(pipeline.store.uploads_with_scores(PROBES.prefix))?;
        let at = Instant::now();
        looks += 1;
        for upload in found {
            seen.entry(upload.parse()?).or_insert(at);
        }
        std::thread::sleep(LOOK);
    }
    Ok((seen, looks))
}

/// The smallest value that so many percent of the sorted values do not exceed.
fn quantile(sorted: &[f64], percent: usize) -> f64 {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).copied().unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::quantile;

    #[test]
    fn quantiles_are_values_that_were_measured() {
        let hundred: Vec<f64> = (1..=100).map(f64::from).collect();
        let of = |percent| quantile(&hundred, percent).to_string();
        assert_eq!((of(50), of(99), of(100)), ("50".to_owned(), "99".to_owned(), "100".to_owned()));
        assert_eq!(quantile(&[7.0], 99).to_string(), "7");
        assert_eq!(quantile(&[], 50).to_string(), "0");
    }
}
