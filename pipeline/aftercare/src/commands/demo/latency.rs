//! How long an upload takes from Kafka's acknowledgement until its score can be read in ClickHouse.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

use aftercare_kafka::writer::RecordWriter;
use anyhow::ensure;
use serde::Serialize;

use super::run::Pipeline;
use crate::commands::bench::load;
use crate::wiring::wall_clock;

const PATIENTS: u64 = 20;
/// Between two uploads.
const PACE: Duration = Duration::from_millis(50);
/// Between two looks into the table.
const LOOK: Duration = Duration::from_millis(2);

/// Times of single uploads, each from Kafka's acknowledgement until a SELECT sees its score.
#[derive(Debug, Serialize)]
pub(super) struct Latency {
    pub(super) uploads: usize,
    pub(super) p50_ms: f64,
    pub(super) p99_ms: f64,
    pub(super) max_ms: f64,
    /// How often the table was looked at; a time is at most this too long.
    pub(super) look_every_ms: f64,
    /// How long the sink gathers rows; part of each time.
    pub(super) sink_flush_ms: u64,
}

/// Writes uploads of patients of its own at a steady pace, and looks for their scores all the while.
pub(super) fn measure(pipeline: &Pipeline<'_>, uploads: u32) -> anyhow::Result<Latency> {
    let mut cluster = pipeline.config.cluster();
    // An app waits for no others.
    cluster.extra.push(("linger.ms".into(), "0".into()));
    let (writer, now) = (cluster.writer()?, wall_clock());
    let before = pipeline.taken("enrolments");
    load::enrol(&writer, PATIENTS, now)?;
    pipeline.wait(Duration::from_secs(30), "the enrolments to be taken", || {
        Ok(pipeline.taken("enrolments") >= before + PATIENTS)
    })?;
    let (finished, mut looks, began) = (AtomicBool::new(false), 0u32, Instant::now());
    let mut seen: BTreeMap<u64, Instant> = BTreeMap::new();
    let acknowledged = std::thread::scope(|scope| {
        let writer = scope.spawn(|| write(&writer, uploads, now, &finished));
        let looked = look(pipeline, uploads, &mut seen, &mut looks);
        finished.store(true, Relaxed);
        let acknowledged = writer.join().map_err(|_panic| anyhow::anyhow!("the writer panicked"))?;
        looked.and(acknowledged)
    })?;
    let took = began.elapsed();
    let mut ms: Vec<f64> = acknowledged
        .iter()
        .filter_map(|(number, at)| seen.get(number).map(|seen| seen.saturating_duration_since(*at)))
        .map(|latency| latency.as_secs_f64() * 1e3)
        .collect();
    ms.sort_by(f64::total_cmp);
    Ok(Latency {
        uploads: ms.len(),
        p50_ms: quantile(&ms, 50),
        p99_ms: quantile(&ms, 99),
        max_ms: quantile(&ms, 100),
        look_every_ms: took.as_secs_f64() * 1e3 / f64::from(looks.max(1)),
        sink_flush_ms: pipeline.config.sink.flush_ms,
    })
}

/// Writes them one by one; when each was acknowledged.
fn write(
    writer: &RecordWriter,
    uploads: u32,
    now: i64,
    finished: &AtomicBool,
) -> anyhow::Result<BTreeMap<u64, Instant>> {
    let (began, mut value, mut acknowledged) = (Instant::now(), Vec::new(), BTreeMap::new());
    for number in 0..uploads {
        std::thread::sleep((began + PACE * number).saturating_duration_since(Instant::now()));
        if finished.load(Relaxed) {
            break;
        }
        load::respond(writer, PATIENTS, u64::from(number), now, &mut value)?;
        writer.flush()?;
        acknowledged.insert(u64::from(number), Instant::now());
    }
    Ok(acknowledged)
}

/// Looks again and again until all are seen; when each was seen first.
fn look(
    pipeline: &Pipeline<'_>,
    uploads: u32,
    seen: &mut BTreeMap<u64, Instant>,
    looks: &mut u32,
) -> anyhow::Result<()> {
    let (patient, limit) = (load::patient(0), PACE * uploads + Duration::from_secs(30));
    let began = Instant::now();
    while seen.len() < uploads as usize {
        pipeline.goes_on()?;
        ensure!(began.elapsed() < limit, "{} of {uploads} uploads had scores", seen.len());
        let found = pipeline.store.uploads_with_scores(patient.trim_end_matches('0'));
        let found = pipeline.runtime.block_on(found)?;
        let at = Instant::now();
        *looks += 1;
        for upload in found {
            seen.entry(upload.parse()?).or_insert(at);
        }
        std::thread::sleep(LOOK);
    }
    Ok(())
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
