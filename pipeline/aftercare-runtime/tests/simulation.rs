//! The patient task in memory, driven by a seed: whatever the order, the duplicates, the aborted transactions and the
//! crashes, the final scores, windows and receipts are those of the batch computation over the same records.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[path = "support/late.rs"]
mod late;

use std::cell::Cell;
use std::collections::BTreeSet;
use std::sync::Arc;

use aftercare_core::documents::{Library, SHIPPED};
use aftercare_core::time::Instant;
use aftercare_runtime::config::{self, TaskConfig, Ticks};
use aftercare_runtime::stats::TaskStats;
use aftercare_runtime::task::Task;
use aftercare_runtime::topics::{
    self, CONTRACTS, CONTROL, CURVE_CONTRIBUTIONS, SESSION_VERDICTS, TASK_STATE,
};
use aftercare_schemas::{codec, wire};
use aftercare_sim::actual::Actual;
use aftercare_sim::invariants;
use aftercare_sim::memory_log::{Faults, LogSettings, MemoryBroker, MemoryLog, Stored};
use aftercare_sim::reference::{Limits, Reference};
use aftercare_sim::rng::Rng;
use aftercare_sim::world::{Settings, SimRecord, World};
use aftercare_stream::changelog::RoundPolicy;
use aftercare_stream::partitioner::partition_of;
use aftercare_stream::position::TopicId;

const PARTITIONS: i32 = 2;
const START: Instant = Instant(1_735_689_600_000);
/// At which steps the last ticks come: hours and days are issued after the windows that they are made of.
const LAST_TICKS: [u64; 3] = [3000, 3300, 3600];

fn settings(seed: u64) -> Settings {
    Settings {
        seed,
        patients: 6,
        start: START,
        days: 200,
        wearers_permille: 500,
        wear_days: 1,
        bad_records: 1,
        sessions: true,
        ..Settings::default()
    }
}

/// Ticks of a run lie between the world's end and this; nothing is judged at a later one.
fn last_tick() -> Instant {
    Instant(settings(0).end().0 + 10_000)
}

fn stored(key: &[u8], value: Vec<u8>) -> Stored {
    Stored { key: Some(key.to_vec()), value: Some(value), headers: Vec::new() }
}

fn tick(at: i64) -> Stored {
    let mut value = Vec::new();
    let control = wire::Control { kind: wire::ControlKind::Tick, at, id: None, body: None };
    codec::encode("control", &control, &mut value).unwrap();
    Stored { value: Some(value), ..Stored::default() }
}

/// A broker with the shipped documents and these records, each in the partition of its key.
fn broker(records: &[SimRecord]) -> MemoryBroker {
    let broker = MemoryBroker::default();
    for (kind, id, body) in SHIPPED {
        let document = wire::Document { kind, id, version: 1, format: "toml", body, published_at: 0 };
        let mut value = Vec::new();
        codec::encode("contracts", &document, &mut value).unwrap();
        broker.append(CONTRACTS, 0, stored(id.as_bytes(), value));
    }
    for partition in 0..PARTITIONS {
        broker.append(CONTROL, partition, tick(settings(0).end().0));
    }
    for record in records {
        let topic = topics::by_name(record.topic).unwrap().id;
        // A client that hashes in another way: those records are sent on.
        let elsewhere = record.topic == "clinician-activity" && record.value.len() % 5 == 0;
        let partition = (partition_of(&record.key, PARTITIONS) + i32::from(elsewhere)) % PARTITIONS;
        broker.append(topic, partition, stored(&record.key, record.value.clone()));
    }
    broker
}

/// The topics that have one partition.
fn one_partition() -> Vec<TopicId> {
    topics::TOPICS.iter().filter(|topic| topic.role.has_one_partition()).map(|topic| topic.id).collect()
}

fn task(broker: &MemoryBroker, partition: i32, seed: u64, faults: Faults) -> Task<MemoryLog> {
    let settings =
        LogSettings { partition, changelog: TASK_STATE, broadcast: one_partition(), batch_max: 40, faults };
    let config = TaskConfig {
        ticks: Ticks::External,
        changelog_record_bytes: 2_000,
        // Small, so that the changelog is cut many times within a test.
        rounds: RoundPolicy { changes_bytes_min: 50_000, changes_per_state: 1, bytes_per_commit_min: 4_000 },
        // Any order means that a session may come months after later ones.
        limits: config::Limits {
            session_age_ms_max: i64::MAX,
            long_windows_ms: 1,
            ..config::Limits::default()
        },
        ..TaskConfig::new(partition, PARTITIONS)
    };
    Task::new(broker.log(settings, seed), config, Arc::new(TaskStats::default()), clock)
}

/// A clock that only knows that time passes.
fn clock() -> i64 {
    thread_local!(static CALLS: Cell<i64> = const { Cell::new(0) });
    CALLS.replace(CALLS.get() + 1)
}

/// Runs all tasks side by side until everything is taken, then a last tick. With `crashes`, a task is dropped now and
/// then in mid-transaction and a new one takes over.
fn run(broker: &MemoryBroker, seed: u64, faults: Faults, crashes: bool) {
    let mut rng = Rng::new(seed, &[1]);
    let started = |partition, seed| {
        let mut task = task(broker, partition, seed, faults);
        task.start().unwrap();
        task
    };
    let mut tasks: Vec<_> = (0..PARTITIONS).map(|partition| started(partition, seed)).collect();
    let mut ticks = settings(0).end().0..last_tick().0;
    for step in 0..4000u64 {
        for (partition, current) in (0..).zip(&mut tasks) {
            let left = LAST_TICKS.iter().position(|at| *at == step).map(|n| LAST_TICKS.len() - 1 - n);
            let tick_at = match left {
                Some(left) => Some(last_tick().0 - i64::try_from(left).unwrap() * 100),
                None => ticks.next().filter(|_| step < 3000 && rng.permille(10)),
            };
            if let Some(at) = tick_at {
                broker.append(CONTROL, partition, tick(at));
            }
            current.step().unwrap();
            if crashes && step < 2900 && rng.permille(20) {
                *current = started(partition, seed ^ step);
            }
        }
    }
}

/// Everything that came out.
fn actual(broker: &MemoryBroker) -> Actual {
    let mut actual = Actual::of_all_topics();
    let mut add = |topic, value: Option<&[u8]>| actual.add(topic, value).unwrap();
    for (_, record) in broker.records(CURVE_CONTRIBUTIONS, 0) {
        add("curve-contributions", record.value.as_deref());
    }
    for partition in 0..PARTITIONS {
        for topic in topics::with_role(topics::Role::Output) {
            for (_, record) in broker.records(topic.id, partition) {
                // A dead letter's value is the refused record; its row is in a header.
                let row = record.headers.iter().find(|(name, _)| name == "aftercare.dead-letter");
                add(topic.name, row.map(|(_, row)| &**row).or(record.value.as_deref()));
            }
        }
    }
    for partition in 0..PARTITIONS {
        late::compute_again(broker, partition, &Library::builtin(), &mut actual);
    }
    // What is said of moments and days needs ticks in time, and here they come at the end.
    actual.vitals = None;
    actual
}

/// Fails with the first violations of what the batch computation over the same records says.
fn assert_as_the_reference_says(records: &[SimRecord], broker: &MemoryBroker, seed: u64) {
    let mut reference = Reference::new(Limits { last_tick: last_tick(), ..Limits::default() });
    for record in records {
        reference.add(record.topic, &record.key, Some(&record.value), None);
    }
    // The tasks' own records to each other are inputs like any other, whatever the order in which they were written.
    for partition in 0..PARTITIONS {
        for (_, record) in broker.records(SESSION_VERDICTS, partition) {
            let key = record.key.as_deref().unwrap();
            reference.add("session-verdicts", key, record.value.as_deref(), None);
        }
    }
    let expected = reference.finish(&Library::builtin());
    assert!(expected.reviews.len() > 50, "seed {seed}: only {} reviews", expected.reviews.len());
    assert!(expected.scores.len() > 50, "seed {seed}: only {} scores", expected.scores.len());
    let violations = invariants::check_all(&expected, &actual(broker));
    let first: Vec<_> = violations.iter().take(3).map(|v| format!("{v:#}")).collect();
    assert!(violations.is_empty(), "seed {seed}: {} violations, the first: {first:#?}", violations.len());
}

/// Sequences of every score partition are 1, 2, 3 ... without a gap.
fn assert_gapless(broker: &MemoryBroker) {
    for partition in 0..PARTITIONS {
        for (expected, (_, record)) in (1..).zip(broker.records(topics::SCORES, partition)) {
            let score: wire::Score<'_> = codec::decode("scores", record.value.as_deref(), None).unwrap();
            assert_eq!(score.version, 1 << 48 | expected, "partition {partition}");
        }
    }
}

fn shuffled(mut records: Vec<SimRecord>, rng: &mut Rng) -> Vec<SimRecord> {
    for i in (1..records.len()).rev() {
        let j = usize::try_from(rng.between(0, i64::try_from(i).unwrap() + 1)).unwrap();
        records.swap(i, j);
    }
    records
}

/// Three clinicians who do in an hour what they should do in a week: sessions still open, closed, corrected, withdrawn.
fn hasty_sessions(records: &[SimRecord], rng: &mut Rng) -> Vec<SimRecord> {
    let patients: BTreeSet<&[u8]> =
        records.iter().filter(|r| r.topic == "enrolments").map(|r| &*r.key).collect();
    // some of nobody who is enrolled
    let patients: Vec<&str> =
        patients.into_iter().map(|id| std::str::from_utf8(id).unwrap()).chain(["nobody", "no-one"]).collect();
    let began_at = settings(0).end().0 - 10 * 86_400_000;
    let mut sessions = Vec::new();
    for n in 0..120 {
        let mut below = |most| rng.between(0, most);
        let (id, clinician_id) = (format!("hasty-{n}"), format!("hasty-doctor-{}", n % 3));
        let patient = usize::try_from(below(i64::try_from(patients.len()).unwrap())).unwrap();
        let revisions = 1 + i32::try_from(below(3)).unwrap();
        for revision in 1..=revisions {
            let happened_at = began_at + below(3_600_000);
            let session = wire::ClinicianActivity {
                id: &id,
                revision,
                status: match below(8) {
                    0 => wire::RecordStatus::EnteredInError,
                    _ => wire::RecordStatus::Amended,
                },
                source: wire::Source::Simulated,
                patient_id: patients[patient],
                happened_at,
                clinician_id: &clinician_id,
                episode_id: None,
                upload_id: Some("u-1"),
                ended_at: Some(happened_at + below(90_000)).filter(|_| revision > 1 || below(3) > 0),
                interactions: i32::try_from(below(9)).unwrap(),
                sections_read: ["answers", "plan", "answers"][..usize::try_from(below(4)).unwrap()].to_vec(),
                messages: 0,
                consults: 0,
            };
            let mut value = Vec::new();
            codec::encode("clinician-activity", &session, &mut value).unwrap();
            let key = clinician_id.clone().into_bytes();
            sessions.push(SimRecord { at: happened_at, topic: "clinician-activity", key, value });
        }
    }
    sessions
}

#[test]
fn aborts_and_crashes_change_nothing() {
    for seed in 0..24 {
        let mut records: Vec<_> = World::new(settings(seed)).collect();
        records.extend(hasty_sessions(&records, &mut Rng::new(seed, &[3])));
        let broker = broker(&records);
        run(&broker, seed + 100, Faults { abort_permille: 100, send_permille: 2 }, true);
        assert_gapless(&broker);
        assert_as_the_reference_says(&records, &broker, seed);
    }
}

#[test]
fn any_order_and_duplicates_give_the_same_scores() {
    for seed in 100..116 {
        let settings = Settings { bad_records: 0, ..settings(seed) };
        let mut records: Vec<_> = World::new(settings).filter(|r| r.topic != "wearable-readings").collect();
        let mut rng = Rng::new(seed, &[2]);
        records.extend(hasty_sessions(&records, &mut rng));
        let copies: Vec<_> = records.iter().filter(|_| rng.permille(200)).cloned().collect();
        records.extend(copies);
        let records = shuffled(records, &mut rng);
        let broker = broker(&records);
        run(&broker, seed, Faults { abort_permille: 20, send_permille: 0 }, true);
        assert_as_the_reference_says(&records, &broker, seed);
    }
}
