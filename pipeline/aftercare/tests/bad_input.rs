//! Bad input of every kind on real engines: each has a defined outcome and a metric, none stops the pipeline, none is
//! lost, and nothing of a record is in the logs or the metrics.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

#[path = "bad_input/case.rs"]
mod case;
#[path = "bad_input/cases.rs"]
mod cases;
#[path = "bad_input/letters.rs"]
mod letters;
#[path = "bad_input/records.rs"]
mod records;
#[path = "support/sql.rs"]
mod sql;
#[allow(dead_code, reason = "each test uses its part")]
mod support;
#[path = "bad_input/unreadable.rs"]
mod unreadable;

use std::collections::BTreeMap;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use aftercare_kafka::writer::RecordWriter;
use aftercare_schemas::wire::{Control, ControlKind};
use aftercare_stream::partitioner::partition_of;

use case::{Case, Receipt, Sent};
use records::{MARK, READING_MARK, framed};
use sql::sql;
use support::{Instance, Stack, wait_until};

const PARTITIONS: i32 = 2;
const LIMIT: Duration = Duration::from_secs(60);
/// Between two looks.
const PAUSE: Duration = Duration::from_millis(10);
/// The waits, in the time of ticks, which this test writes.
const FUTURE_WAIT_MS: i64 = 60_000;
const HOLD_MS: i64 = 120_000;
/// The metrics that every case says in full: what it does not name must not move.
const WATCHED: [&str; 5] = [
    "aftercare_records_total",
    "aftercare_receipts_total",
    "aftercare_readings_total",
    "aftercare_dead_letters_total",
    "aftercare_forwarded_records_total",
];

struct World<'s> {
    stack: &'s Stack,
    serve: &'s Instance,
    writer: RecordWriter,
    /// The watched metrics as they must be now.
    metrics: BTreeMap<String, u64>,
    sent: Vec<Sent>,
    /// (stage, reason) of the dead letters to be found.
    letters: Vec<(&'static str, &'static str)>,
}

impl<'s> World<'s> {
    fn new(stack: &'s Stack, serve: &'s Instance, writer: RecordWriter) -> Self {
        Self { stack, serve, writer, metrics: BTreeMap::new(), sent: Vec::new(), letters: Vec::new() }
    }

    fn tick(&self, at: i64) {
        let tick = Control { kind: ControlKind::Tick, at, id: None, body: None };
        for partition in 0..PARTITIONS {
            self.writer.write_to("control", partition, None, Some(&framed("control", &tick)), &[]).unwrap();
        }
    }

    fn send(&mut self, sent: Sent) {
        let home = partition_of(sent.patient.as_bytes(), PARTITIONS);
        let partition = if sent.misplaced { 1 - home } else { home };
        let headers: Vec<(&str, &[u8])> =
            sent.headers.iter().map(|(name, value)| (*name, &**value)).collect();
        let (key, value) = (sent.key.as_deref(), sent.value.as_deref());
        self.writer.write_to(sent.topic, partition, key, value, &headers).unwrap();
        self.sent.push(sent);
    }

    /// Does what the case says and waits until its outcome is in the metrics and in ClickHouse.
    fn play(&mut self, case: Case) {
        let name = case.name;
        for sent in case.sent {
            self.send(sent);
        }
        if let Some(at) = case.tick {
            self.tick(at);
        }
        self.writer.flush().unwrap();
        for (metric, n) in case.metrics {
            *self.metrics.entry(metric).or_default() += n;
        }
        self.letters.extend(case.letters);
        let mut seen = watched(self.serve);
        let deadline = Instant::now() + LIMIT;
        while seen != self.metrics {
            let differs = difference(&self.metrics, &seen);
            assert!(Instant::now() < deadline, "{name}: {differs:#?}\n{}", self.serve.log_tail());
            std::thread::sleep(PAUSE);
            seen = watched(self.serve);
        }
        for receipt in case.receipts {
            self.stands(name, &receipt.question(), &receipt.answer());
        }
        for (upload, answer) in case.scores {
            let question = format!(
                "SELECT status, reason, score FROM scores FINAL WHERE upload_id = '{upload}' AND instrument = 'phq-2' \
                 FORMAT CSV"
            );
            self.stands(name, &question, answer);
        }
    }

    fn stands(&self, case: &str, question: &str, answer: &str) {
        let mut found = sql(self.stack, question);
        let deadline = Instant::now() + LIMIT;
        while found != answer {
            assert!(Instant::now() < deadline, "{case}: {question}: {found}, expected {answer}");
            std::thread::sleep(PAUSE);
            found = sql(self.stack, question);
        }
    }
}

/// The watched metrics that are not zero.
fn watched(serve: &Instance) -> BTreeMap<String, u64> {
    let (_, page) = wait_until("/metrics", LIMIT, || serve.get("/metrics"));
    let lines = page.lines().filter(|line| WATCHED.iter().any(|name| line.starts_with(name)));
    let counts = lines.map(|line| {
        let (name, value) = line.rsplit_once(' ').unwrap();
        (name.to_owned(), value.parse().unwrap())
    });
    counts.filter(|(_, n)| *n > 0).collect()
}

/// (expected, found) where they differ.
fn difference(
    expected: &BTreeMap<String, u64>,
    found: &BTreeMap<String, u64>,
) -> BTreeMap<String, (u64, u64)> {
    let of = |map: &BTreeMap<String, u64>, name: &String| map.get(name).copied().unwrap_or_default();
    let names = expected.keys().chain(found.keys());
    let both = names.map(|name| (name.clone(), (of(expected, name), of(found, name))));
    both.filter(|(_, (expected, found))| expected != found).collect()
}

fn serve(stack: &Stack) -> Instance {
    let (future_wait, hold) = (FUTURE_WAIT_MS.to_string(), HOLD_MS.to_string());
    stack.serve(
        "serve",
        &[
            ("AFTERCARE__TASK__TICKS", "external"),
            ("AFTERCARE__TASK__FUTURE_WAIT_MS_MAX", &future_wait),
            ("AFTERCARE__TASK__HOLD_MS_MAX", &hold),
            ("AFTERCARE__SINK__FLUSH_MS", "20"),
            ("AFTERCARE_LOG", "info,aftercare=debug"),
        ],
    )
}

fn now() -> i64 {
    i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap()
}

#[test]
fn bad_input_has_its_outcome_and_stops_nothing() {
    let stack = Stack::start(PARTITIONS, "");
    let mut instance = serve(&stack);
    let start = now();
    let (sent, letters) = {
        let mut world = World::new(&stack, &instance, stack.cluster().writer().unwrap());
        world.tick(start);
        for case in cases::all(start) {
            world.play(case);
        }
        (world.sent, world.letters)
    };
    let page = instance.get("/metrics").unwrap().1;
    letters::check(&stack, &sent, letters);

    // What all of that left in the state can be restored.
    assert!(instance.stop(Duration::from_secs(15)).success(), "{}", instance.log_tail());
    let mut instance = serve(&stack);
    it_still_scores(&stack, &instance, start);
    let audit = stack.run(&["audit", "--wait", "60", "--deep"]);
    assert!(audit.status.success(), "{}", String::from_utf8_lossy(&audit.stdout));
    assert!(instance.stop(Duration::from_secs(15)).success(), "{}", instance.log_tail());

    assert!(!page.contains("aftercare_metric_samples_refused_total"), "{page}");
    nothing_personal("the metrics", &page);
    let log = std::fs::read_to_string(stack.folder().join("serve.log")).unwrap();
    assert!(log.contains("state restored"), "the log is the one that was meant");
    nothing_personal("the log", &log);
}

/// A good upload, after everything.
fn it_still_scores(stack: &Stack, serve: &Instance, start: i64) {
    let mut world = World::new(stack, serve, stack.cluster().writer().unwrap());
    for sent in cases::at_last(start) {
        world.send(sent);
    }
    world.writer.flush().unwrap();
    for n in 0..PARTITIONS {
        world.stands("at last", &Receipt::of(&cases::last_upload(n)).question(), "\"accepted\",\\N,1,0,0");
    }
}

fn nothing_personal(place: &str, text: &str) {
    for mark in [MARK, READING_MARK] {
        if let Some(line) = text.lines().find(|line| line.contains(mark)) {
            panic!("{place}: {line}");
        }
    }
}
