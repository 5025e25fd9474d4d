//! What one reading, or one response, costs the task's thread: decode, state, windows or scores, alerts, ledger, undo,
//! changelog, output rows; without a broker.
//!
//! `cargo run --release -p aftercare-runtime --example task_cost readings|responses [PATIENTS] [EACH]`

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use aftercare_core::documents::SHIPPED;
use aftercare_runtime::config::{TaskConfig, Ticks};
use aftercare_runtime::stats::TaskStats;
use aftercare_runtime::task::Task;
use aftercare_runtime::topics::{self, CONTRACTS, CONTROL, TASK_STATE, WEARABLE_READINGS};
use aftercare_schemas::{codec, wire};
use aftercare_stream::log::{Batch, LogError, Outgoing, RecordRef, TaskLog};
use aftercare_stream::position::{Offset, Positions, ResumeAt, TopicId};
use serde::Serialize;

const START: i64 = 1_735_689_600_000;
const SECOND: i64 = 1_000;
const DAY: i64 = 86_400_000;
const BATCH: usize = 1024;

/// Records in one piece of memory, as a fetch brings them.
#[derive(Default)]
struct Records {
    bytes: Vec<u8>,
    /// Of each, the topic and where it ends.
    ends: Vec<(TopicId, usize)>,
}

impl Records {
    fn push<T: Serialize>(&mut self, topic: TopicId, record: &T) {
        codec::encode(topics::name(topic), record, &mut self.bytes).expect("it fits its schema");
        self.ends.push((topic, self.bytes.len()));
    }

    fn tick(&mut self, at: i64) {
        self.push(CONTROL, &wire::Control { kind: wire::ControlKind::Tick, at, id: None, body: None });
    }
}

/// Hands out the records, the first, a tick, alone; counts what is sent and keeps nothing.
struct Replay {
    records: Arc<Records>,
    at: usize,
    reading: bool,
}

thread_local!(
    /// Rows that were written, and their bytes.
    static ROWS: std::cell::Cell<(usize, usize)> = const { std::cell::Cell::new((0, 0)) }
);

struct Slice {
    records: Arc<Records>,
    from: usize,
    len: usize,
}

impl Batch for Slice {
    fn len(&self) -> usize {
        self.len
    }
    fn get(&self, i: usize) -> RecordRef<'_> {
        let n = self.from + i;
        let from = n.checked_sub(1).map_or(0, |before| self.records.ends[before].1);
        let (topic, end) = self.records.ends[n];
        let offset = Offset(i64::try_from(n).unwrap_or(0));
        RecordRef { topic, offset, produced_at: 0, key: None, value: Some(&self.records.bytes[from..end]) }
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
        let left = self.records.ends.len() - self.at;
        let len = left.min(if self.reading { BATCH } else { 1 });
        let from = self.at;
        self.at += len;
        Ok(Slice { records: Arc::clone(&self.records), from, len })
    }
    fn send(&mut self, record: &Outgoing<'_>) -> Result<(), LogError> {
        if record.topic != TASK_STATE {
            ROWS.set((ROWS.get().0 + 1, ROWS.get().1 + record.value.map_or(0, <[u8]>::len)));
        }
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

/// The shipped documents, and the patients, treated 200 days ago.
fn enrolled(patients: u32) -> Records {
    let mut records = Records::default();
    records.tick(START);
    for (kind, id, body) in SHIPPED {
        let document = wire::Document { kind, id, version: 1, format: "toml", body, published_at: 0 };
        records.push(CONTRACTS, &document);
    }
    for patient in 0..patients {
        let (id, treated_at) = (format!("bench-{patient:08}"), START - 200 * DAY);
        records.push(
            topic("enrolments"),
            &wire::Enrolment {
                id: &id,
                status: wire::RecordStatus::Final,
                source: wire::Source::Simulated,
                patient_id: &id,
                episode_id: &id,
                recorded_at: treated_at,
                effective_at: treated_at,
                procedure: Some("coronary-stent"),
                treated_at: Some(treated_at),
                birth_year: Some(1960),
                organisation: Some("bench"),
                plan: Some("coronary-stent"),
                time_zone: Some("Asia/Shanghai"),
                ..wire::Enrolment::default()
            },
        );
    }
    records
}

fn topic(name: &str) -> TopicId {
    topics::by_name(name).expect("it is one of ours").id
}

/// A heart rate every ten seconds of each patient; so is the tick.
fn readings(records: &mut Records, patients: u32, each: u32) {
    for nth in 0..each {
        let measured_at = START + i64::from(nth) * 10 * SECOND;
        records.tick(measured_at);
        for patient in 0..patients {
            let upload = wire::WearableUpload {
                patient_id: &format!("bench-{patient:08}"),
                device_id: "watch",
                source: wire::Source::Simulated,
                readings: vec![wire::Reading {
                    metric: wire::Metric::HeartRate,
                    value: f64::from(50 + (patient * 7 + nth * 13) % 60),
                    unit: "/min",
                    measured_at,
                }],
            };
            records.push(WEARABLE_READINGS, &upload);
        }
    }
}

/// The forms of the stent's plan, in the order in which they are answered; the first ten days before the treatment.
fn responses(records: &mut Records, patients: u32, each: u32) {
    for number in 0..patients * each {
        let (nth, id) = (number / patients, format!("{number:012}"));
        let answered_at = START - 210 * DAY + i64::from(nth) * (200 * DAY / i64::from(each));
        let form = |instrument, items: &[&'static str], levels: u32, from: u32| {
            let code = |i: u32| i32::try_from((number * 31 + i * 17) % levels + from).ok();
            let answers = items.iter().zip(0..).map(|(item, i)| wire::Answer { item, code: code(i) });
            wire::Form { instrument, instrument_version: None, answers: answers.collect() }
        };
        let upload = wire::PromResponse {
            id: &id,
            revision: 1,
            status: wire::RecordStatus::Final,
            source: wire::Source::Simulated,
            patient_id: &format!("bench-{:08}", number % patients),
            episode_id: None,
            answered_at,
            uploaded_at: answered_at,
            respondent: "patient",
            forms: vec![
                form("saq-7", &["pl_a", "pl_b", "pl_c", "af_2", "af_3", "ql_4", "ql_5"], 5, 1),
                form("eq-5d-5l", &["mo", "sc", "ua", "pd", "ad"], 5, 1),
                form("phq-2", &["phq2_1", "phq2_2"], 4, 0),
                form("rose-dyspnea", &["rose_1", "rose_2", "rose_3", "rose_4"], 2, 0),
            ],
        };
        records.push(topic("prom-responses"), &upload);
    }
}

fn thread_cpu() -> Duration {
    Duration::try_from(rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime)).unwrap_or_default()
}

/// Each call is a millisecond later: a transaction has as many polls on every machine.
fn clock() -> i64 {
    thread_local!(static CALLS: std::cell::Cell<i64> = const { std::cell::Cell::new(0) });
    CALLS.replace(CALLS.get() + 1)
}

fn main() {
    let mut args = std::env::args().skip(1);
    let load = args.next().unwrap_or_else(|| "readings".into());
    let mut number = |default| args.next().map_or(default, |arg| arg.parse().expect("a number"));
    let are_readings = load == "readings";
    let patients = number(if are_readings { 10_000 } else { 5_000 });
    let each = number(if are_readings { 200 } else { 10 });
    let mut records = enrolled(patients);
    if are_readings {
        readings(&mut records, patients, each);
    } else {
        responses(&mut records, patients, each);
    }
    let log = Replay { records: Arc::new(records), at: 0, reading: false };
    // Of a thousand responses hardly two are of one patient, of a million readings a hundred are.
    let commit_ms_busy = if are_readings { 20 } else { 1 };
    let config = TaskConfig { ticks: Ticks::External, commit_ms_busy, ..TaskConfig::new(0, 1) };
    let stats = Arc::new(TaskStats::default());
    let mut task = Task::new(log, config, Arc::clone(&stats), clock);
    task.start().expect("nothing can fail here");
    let taken = |topic: TopicId| stats.records_in[topics::index(topic)].load(Relaxed);
    while taken(topic("enrolments")) < u64::from(patients) {
        task.step().expect("nothing can fail here");
    }
    let of = if are_readings { WEARABLE_READINGS } else { topic("prom-responses") };
    let (began, first, rows, changelog) =
        (thread_cpu(), taken(of), ROWS.get(), stats.changelog_bytes.load(Relaxed));
    while taken(of) < u64::from(patients) * u64::from(each) {
        task.step().expect("nothing can fail here");
    }
    let spent = thread_cpu() - began;
    #[allow(clippy::cast_precision_loss, reason = "counts far below 2^53")]
    let per_record = |n: u64| n as f64 / (taken(of) - first) as f64;
    let (count, bytes) = (ROWS.get().0 - rows.0, ROWS.get().1 - rows.1);
    #[allow(clippy::print_stdout, reason = "it is what the example is for")]
    {
        println!("{load}: {patients} patients, {each} each");
        println!(
            "{:.0} ns CPU of the task's thread",
            per_record(u64::try_from(spent.as_nanos()).unwrap_or(0))
        );
        println!("{:.0} bytes of changelog", per_record(stats.changelog_bytes.load(Relaxed) - changelog));
        println!("{:.3} rows of {:.0} bytes", per_record(count as u64), bytes as f64 / count.max(1) as f64);
        println!("{} transactions in all", stats.committed.load(Relaxed));
    }
}
