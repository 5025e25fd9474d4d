//! The patient task in memory, driven by a seed: whatever the order, the duplicates, the aborted transactions and the
//! crashes, the final scores, windows and receipts are those of the batch computation over the same records.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::cell::Cell;
use std::sync::Arc;

use aftercare_core::documents::{Library, SHIPPED};
use aftercare_core::time::Instant;
use aftercare_runtime::config::{TaskConfig, Ticks};
use aftercare_runtime::stats::TaskStats;
use aftercare_runtime::task::Task;
use aftercare_runtime::topics::{self, CONTRACTS, CONTROL, TASK_STATE};
use aftercare_schemas::{codec, wire};
use aftercare_sim::actual::Actual;
use aftercare_sim::invariants;
use aftercare_sim::memory_log::{Faults, LogSettings, MemoryBroker, MemoryLog, Stored};
use aftercare_sim::reference::{Limits, Reference};
use aftercare_sim::rng::Rng;
use aftercare_sim::world::{Settings, SimRecord, World};
use aftercare_stream::changelog::RoundPolicy;
use aftercare_stream::partitioner::partition_of;

const PARTITIONS: i32 = 2;
const START: Instant = Instant(1_735_689_600_000);

fn settings(seed: u64) -> Settings {
    Settings {
        seed,
        patients: 6,
        start: START,
        days: 200,
        wearers_permille: 500,
        wear_days: 1,
        bad_records: 1,
        ..Settings::default()
    }
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
        let partition = partition_of(&record.key, PARTITIONS);
        broker.append(topic, partition, stored(&record.key, record.value.clone()));
    }
    broker
}

fn task(broker: &MemoryBroker, partition: i32, seed: u64, faults: Faults) -> Task<MemoryLog> {
    let settings =
        LogSettings { partition, changelog: TASK_STATE, broadcast: vec![CONTRACTS], batch_max: 40, faults };
    let config = TaskConfig {
        ticks: Ticks::External,
        changelog_record_bytes: 2_000,
        // Small, so that the changelog is cut many times within a test.
        rounds: RoundPolicy { changes_bytes_min: 50_000, changes_per_state: 1, bytes_per_commit_min: 4_000 },
        ..TaskConfig::new(partition, PARTITIONS)
    };
    Task::new(broker.log(settings, seed), config, Arc::new(TaskStats::default()), clock)
}

/// A clock that only knows that time passes.
fn clock() -> i64 {
    thread_local!(static CALLS: Cell<i64> = const { Cell::new(0) });
    CALLS.replace(CALLS.get() + 1)
}

/// Runs all tasks until everything is taken, then a last tick. With `crashes`, a task is dropped now and then in
/// mid-transaction and a new one takes over.
fn run(broker: &MemoryBroker, seed: u64, faults: Faults, crashes: bool) {
    let mut rng = Rng::new(seed, &[1]);
    for partition in 0..PARTITIONS {
        let mut current = task(broker, partition, seed, faults);
        current.start().unwrap();
        for step in 0..4000u64 {
            if step == 3000 {
                broker.append(CONTROL, partition, tick(settings(0).end().0 + 1));
            }
            current.step().unwrap();
            if crashes && step < 2900 && rng.permille(20) {
                current = task(broker, partition, seed ^ step, faults);
                current.start().unwrap();
            }
        }
    }
}

/// Everything that came out.
fn actual(broker: &MemoryBroker) -> Actual {
    let mut actual = Actual::default();
    let mut add = |topic, value: Option<&[u8]>| actual.add(topic, value).unwrap();
    for partition in 0..PARTITIONS {
        for topic in topics::with_role(topics::Role::Output) {
            for (_, record) in broker.records(topic.id, partition) {
                // A dead letter's value is the refused record; its row is in a header.
                let row = record.headers.iter().find(|(name, _)| name == "aftercare.dead-letter");
                add(topic.name, row.map(|(_, row)| &**row).or(record.value.as_deref()));
            }
        }
    }
    actual
}

/// Fails with the first violations of what the batch computation over the same records says.
fn assert_as_the_reference_says(records: &[SimRecord], broker: &MemoryBroker, seed: u64) {
    let last_tick = Instant(settings(0).end().0 + 1);
    let mut reference = Reference::new(Limits { last_tick, ..Limits::default() });
    for record in records {
        reference.add(record.topic, &record.key, Some(&record.value), None);
    }
    let expected = reference.finish(&Library::builtin());
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

#[test]
fn aborts_and_crashes_change_nothing() {
    for seed in 0..24 {
        let records: Vec<_> = World::new(settings(seed)).collect();
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
        let copies: Vec<_> = records.iter().filter(|_| rng.permille(200)).cloned().collect();
        records.extend(copies);
        let records = shuffled(records, &mut rng);
        let broker = broker(&records);
        run(&broker, seed, Faults { abort_permille: 20, send_permille: 0 }, true);
        assert_as_the_reference_says(&records, &broker, seed);
    }
}
