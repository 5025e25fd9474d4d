//! What one reading costs the task's thread: decode, state, window, undo, changelog, output rows; without a broker.
//!
//! `cargo run --release -p aftercare-runtime --example reading_cost [PATIENTS] [MINUTES]`

use std::sync::Arc;
use std::time::Duration;

use aftercare_runtime::config::{TaskConfig, Ticks};
use aftercare_runtime::stats::TaskStats;
use aftercare_runtime::task::Task;
use aftercare_runtime::topics::{CONTROL, WEARABLE_READINGS};
use aftercare_schemas::{codec, wire};
use aftercare_stream::log::{Batch, LogError, Outgoing, RecordRef, TaskLog};
use aftercare_stream::position::{Offset, Positions, ResumeAt, TopicId};

const START: i64 = 1_735_689_600_000;
const MINUTE: i64 = 60_000;
const BATCH: usize = 4096;

/// Records in one piece of memory, as a fetch brings them.
#[derive(Default)]
struct Records {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

/// Hands out a tick, then the records; counts what is sent and keeps nothing.
struct Replay {
    records: Arc<Records>,
    tick: Vec<u8>,
    at: usize,
    reading: bool,
    ticked: bool,
    sent: u64,
    sent_bytes: u64,
}

struct Slice {
    records: Arc<Records>,
    tick: Option<Vec<u8>>,
    from: usize,
    len: usize,
}

impl Batch for Slice {
    fn len(&self) -> usize {
        self.len
    }
    fn get(&self, i: usize) -> RecordRef<'_> {
        let (topic, offset, value) = match &self.tick {
            Some(tick) => (CONTROL, 0, &**tick),
            None => {
                let n = self.from + i;
                let from = if n == 0 { 0 } else { self.records.ends[n - 1] };
                (WEARABLE_READINGS, n, &self.records.bytes[from..self.records.ends[n]])
            }
        };
        let offset = Offset(i64::try_from(offset).unwrap_or(0));
        RecordRef { topic, offset, produced_at: 0, key: None, value: Some(value) }
    }
    fn headers(&self, _: usize) -> Vec<(String, Vec<u8>)> {
        Vec::new()
    }
    fn header(&self, _: usize, _: &str) -> Option<Vec<u8>> {
        None
    }
}

impl TaskLog for Replay {
    type Batch = Slice;
    fn take_over(&mut self) -> Result<(), LogError> {
        Ok(())
    }
    fn read_changelog(&mut self, _: &mut dyn FnMut(&[u8])) -> Result<(), LogError> {
        Ok(())
    }
    fn read_broadcast(
        &mut self,
        _: TopicId,
        _: Option<ResumeAt>,
        _: &mut dyn FnMut(RecordRef<'_>),
    ) -> Result<ResumeAt, LogError> {
        Ok(ResumeAt(0))
    }
    fn resume(&mut self, from: &Positions) -> Result<(), LogError> {
        self.reading = from.iter().any(|(topic, _)| topic == WEARABLE_READINGS);
        Ok(())
    }
    fn poll(&mut self, _: Duration) -> Result<Slice, LogError> {
        let tick = (!std::mem::replace(&mut self.ticked, true)).then(|| self.tick.clone());
        let left = self.records.ends.len() - self.at;
        let len = if tick.is_some() { 1 } else { left.min(BATCH) * usize::from(self.reading) };
        let from = self.at;
        self.at += if tick.is_some() { 0 } else { len };
        Ok(Slice { records: Arc::clone(&self.records), tick, from, len })
    }
    fn send(&mut self, record: &Outgoing<'_>) -> Result<(), LogError> {
        self.sent += 1;
        self.sent_bytes += record.value.map_or(0, |v| v.len() as u64);
        Ok(())
    }
    fn commit(&mut self, _: &Positions) -> Result<(), LogError> {
        Ok(())
    }
    fn abort(&mut self) -> Result<(), LogError> {
        Ok(())
    }
    fn changelog_end(&mut self) -> Result<Offset, LogError> {
        Ok(Offset(0))
    }
    fn truncate_changelog(&mut self, _: Offset) -> Result<(), LogError> {
        Ok(())
    }
}

fn records(patients: u32, minutes: u32) -> Records {
    let mut records = Records::default();
    for minute in 0..minutes {
        for patient in 0..patients {
            let upload = wire::WearableUpload {
                patient_id: &format!("bench-{patient:08}"),
                device_id: "watch",
                source: wire::Source::Simulated,
                readings: vec![wire::Reading {
                    metric: wire::Metric::HeartRate,
                    value: f64::from(50 + (patient * 7 + minute * 13) % 60),
                    unit: "/min",
                    measured_at: START + i64::from(minute) * MINUTE,
                }],
            };
            codec::encode("wearable-readings", &upload, &mut records.bytes).expect("it fits its schema");
            records.ends.push(records.bytes.len());
        }
    }
    records
}

fn thread_cpu() -> Duration {
    Duration::try_from(rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime)).unwrap_or_default()
}

/// A transaction of about 100 polls, whatever the machine does.
fn clock() -> i64 {
    thread_local!(static CALLS: std::cell::Cell<i64> = const { std::cell::Cell::new(0) });
    CALLS.replace(CALLS.get() + 1)
}

fn main() {
    let mut args = std::env::args().skip(1).map(|arg| arg.parse().expect("a number"));
    let (patients, minutes) = (args.next().unwrap_or(10_000), args.next().unwrap_or(200));
    let mut tick = Vec::new();
    let at = START + i64::from(minutes) * MINUTE;
    let control = wire::Control { kind: wire::ControlKind::Tick, at, id: None, body: None };
    codec::encode("control", &control, &mut tick).expect("it fits its schema");
    let records = Arc::new(records(patients, minutes));
    let log = Replay { records, tick, at: 0, reading: false, ticked: false, sent: 0, sent_bytes: 0 };
    let config = TaskConfig { ticks: Ticks::External, commit_ms_busy: 20, ..TaskConfig::new(0, 1) };
    let stats = Arc::new(TaskStats::default());
    let mut task = Task::new(log, config, Arc::clone(&stats), clock);
    task.start().expect("nothing can fail here");
    let began = thread_cpu();
    let readings = f64::from(patients) * f64::from(minutes);
    #[allow(clippy::cast_precision_loss, reason = "counts far below 2^53")]
    let taken = || {
        stats.records_in[usize::from(WEARABLE_READINGS.0)].load(std::sync::atomic::Ordering::Relaxed) as f64
    };
    while taken() < readings {
        task.step().expect("nothing can fail here");
    }
    let cost = (thread_cpu() - began).as_secs_f64() / readings * 1e9;
    let committed = stats.committed.load(std::sync::atomic::Ordering::Relaxed);
    let changelog = stats.changelog_bytes.load(std::sync::atomic::Ordering::Relaxed);
    #[allow(clippy::print_stdout, reason = "it is what the example is for")]
    {
        println!("{patients} patients, {minutes} minutes: {cost:.0} ns CPU a reading");
        println!("{committed} transactions, {changelog} bytes of changelog");
    }
}
