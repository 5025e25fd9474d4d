//! The patient task in memory, driven by a seed: whatever the order, the duplicates, the aborted transactions and the
//! crashes, the final scores, windows and receipts are those of the batch computation over the same records.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::Arc;

use aftercare_core::documents::{Library, SHIPPED};
use aftercare_core::time::Instant;
use aftercare_runtime::config::{TaskConfig, Ticks};
use aftercare_runtime::stats::TaskStats;
use aftercare_runtime::task::Task;
use aftercare_runtime::topics::{self, CONTRACTS, CONTROL, TASK_STATE};
use aftercare_schemas::{codec, wire};
use aftercare_sim::memory_log::{Faults, LogSettings, MemoryBroker, MemoryLog, Stored};
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

type Rows = BTreeMap<String, String>;

/// The final rows of every output by id, without versions, ticks and what only arrival decides.
fn rows(broker: &MemoryBroker) -> Rows {
    let mut rows: BTreeMap<String, (u64, String)> = BTreeMap::new();
    let mut keep = |id: String, version: u64, text: String| {
        let row = rows.entry(id).or_default();
        if version > row.0 {
            *row = (version, text);
        }
    };
    for partition in 0..PARTITIONS {
        for (_, record) in broker.records(topics::SCORES, partition) {
            let mut score: wire::Score<'_> = codec::decode("scores", record.value.as_deref(), None).unwrap();
            let (id, version) = (format!("score {}", score.score_id), score.version);
            (score.version, score.stored_at) = (0, 0);
            keep(id, version, format!("{score:?}"));
        }
        for (_, record) in broker.records(topics::WINDOWS, partition) {
            let mut w: wire::Window<'_> = codec::decode("windows", record.value.as_deref(), None).unwrap();
            let id = format!("window {} {} {} {}", w.patient_id, w.device_id, w.metric, w.window_start);
            let version = w.version;
            (w.version, w.stored_at) = (0, 0);
            // A window that ended for good before the enrolment was read does not know whom it belongs to.
            (w.organisation, w.care_team, w.clinician_id, w.manufacturer, w.procedure) = Default::default();
            keep(id, version, format!("{w:?}"));
        }
        for (_, record) in broker.records(topics::RECEIPTS, partition) {
            let mut r: wire::Receipt<'_> = codec::decode("receipts", record.value.as_deref(), None).unwrap();
            let (id, version) = (format!("receipt {} {} {}", r.topic, r.id, r.revision), r.version);
            (r.version, r.stored_at) = (0, 0);
            keep(id, version, format!("{r:?}"));
        }
    }
    rows.into_iter().map(|(id, (_, text))| (id, text)).collect()
}

/// Sequences of every output are 1, 2, 3 ... without a gap.
fn assert_gapless(broker: &MemoryBroker) {
    for partition in 0..PARTITIONS {
        for (expected, (_, record)) in (1..).zip(broker.records(topics::SCORES, partition)) {
            let score: wire::Score<'_> = codec::decode("scores", record.value.as_deref(), None).unwrap();
            assert_eq!(score.version, 1 << 48 | expected, "partition {partition}");
        }
    }
}

/// Records in = copies in receipts + records in reading receipts + undecodable dead letters + forwarded.
fn assert_accounted(broker: &MemoryBroker, records: usize) {
    let (mut copies, mut counted, mut undecodable) = (0, 0, 0);
    let mut receipts = BTreeMap::new();
    let mut readings = BTreeMap::new();
    for partition in 0..PARTITIONS {
        for (_, record) in broker.records(topics::RECEIPTS, partition) {
            let r: wire::Receipt<'_> = codec::decode("receipts", record.value.as_deref(), None).unwrap();
            receipts
                .insert((r.topic.to_owned(), r.id.to_owned(), r.revision, r.patient_id.to_owned()), r.copies);
        }
        for (_, record) in broker.records(topics::READING_RECEIPTS, partition) {
            let r: wire::ReadingReceipt<'_> =
                codec::decode("reading-receipts", record.value.as_deref(), None).unwrap();
            let id = [r.patient_id, r.device_id, r.outcome, r.reason].map(str::to_owned);
            readings.insert((id, r.day), r.records);
        }
        for (_, record) in broker.records(topics::DEAD_LETTERS, partition) {
            let header = record.headers.iter().find(|(name, _)| name == "aftercare.dead-letter").unwrap();
            let letter: wire::DeadLetter<'_> = codec::decode("dead-letters", Some(&header.1), None).unwrap();
            undecodable += usize::from(!letter.receipt);
        }
    }
    copies += receipts.values().map(|c| *c as usize).sum::<usize>();
    counted += readings.values().map(|c| usize::try_from(*c).unwrap()).sum::<usize>();
    assert_eq!(copies + counted + undecodable, records, "{copies} + {counted} + {undecodable}");
}

fn shuffled(mut records: Vec<SimRecord>, rng: &mut Rng) -> Vec<SimRecord> {
    for i in (1..records.len()).rev() {
        let j = usize::try_from(rng.between(0, i64::try_from(i).unwrap() + 1)).unwrap();
        records.swap(i, j);
    }
    records
}

fn assert_same(differences: &[String], seed: u64) {
    let first: Vec<_> = differences.iter().take(3).collect();
    assert!(differences.is_empty(), "seed {seed}: {} differences, the first: {first:#?}", differences.len());
}

fn difference(left: &Rows, right: &Rows) -> Vec<String> {
    let ids: std::collections::BTreeSet<_> = left.keys().chain(right.keys()).collect();
    ids.into_iter()
        .filter(|id| left.get(*id) != right.get(*id))
        .map(|id| format!("{id}\n  {:?}\n  {:?}", left.get(id), right.get(id)))
        .collect()
}

#[test]
fn aborts_and_crashes_change_nothing() {
    for seed in 0..12 {
        let records: Vec<_> = World::new(settings(seed)).collect();
        let calm = broker(&records);
        run(&calm, 1, Faults::default(), false);
        assert_accounted(&calm, records.len());
        let stormy = broker(&records);
        run(&stormy, seed + 100, Faults { abort_permille: 100, send_permille: 2 }, true);
        assert_accounted(&stormy, records.len());
        assert_gapless(&stormy);
        let (calm, stormy) = (rows(&calm), rows(&stormy));
        assert!(calm.len() > 100, "only {} rows", calm.len());
        let scores = |rows: &Rows| {
            rows.iter()
                .filter(|(id, _)| !id.starts_with("receipt"))
                .map(|(a, b)| (a.clone(), b.clone()))
                .collect()
        };
        assert_same(&difference(&scores(&calm), &scores(&stormy)), seed);
    }
}

#[test]
fn any_order_and_duplicates_give_the_same_scores() {
    for seed in 10..18 {
        let settings = Settings { bad_records: 0, ..settings(seed) };
        let records: Vec<_> = World::new(settings).filter(|r| r.topic != "wearable-readings").collect();
        let in_order = broker(&records);
        run(&in_order, 1, Faults::default(), false);
        let mut rng = Rng::new(seed, &[2]);
        let mut mixed = records.clone();
        mixed.extend(records.iter().filter(|_| rng.permille(200)).cloned());
        let mixed = shuffled(mixed, &mut rng);
        let any_order = broker(&mixed);
        run(&any_order, seed, Faults { abort_permille: 20, send_permille: 0 }, true);
        assert_accounted(&any_order, mixed.len());
        let scores = |broker: &MemoryBroker| -> Rows {
            rows(broker).into_iter().filter(|(id, _)| id.starts_with("score")).collect()
        };
        let (left, right) = (scores(&in_order), scores(&any_order));
        assert!(left.len() > 50);
        // A score that was issued and withdrawn in one order may never have been issued in another.
        let withdrawn = |row: Option<&String>| row.is_none_or(|text| text.contains("status: \"withdrawn\""));
        let unequal: Vec<_> = difference(&left, &right)
            .into_iter()
            .filter(|d| {
                let id = d.lines().next().unwrap();
                !(withdrawn(left.get(id)) && withdrawn(right.get(id)))
            })
            .collect();
        assert_same(&unequal, seed);
    }
}

#[test]
fn the_library_in_the_log_is_the_shipped_one() {
    assert!(Library::builtin().check().is_empty());
}
