//! `aftercare simulate`: the world in a file, in Kafka with its own time, and as it goes on.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

#[path = "support/sql.rs"]
mod sql;
#[allow(dead_code, reason = "each test uses its part")]
mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::process::Stdio;
use std::time::Duration;

use aftercare_core::time::Instant;
use aftercare_kafka::drain::{Assigned, Drain};
use aftercare_schemas::codec;
use aftercare_schemas::wire::{ClinicalEvent, Control};
use aftercare_sim::world::{Settings, World};
use aftercare_stream::position::TopicId;
use rustix::process::{Pid, Signal, kill_process};

use sql::sql;
use support::{Stack, wait_until};

const PARTITIONS: i32 = 2;
const START: &str = "2025-01-01T00:00:00Z";
const ARGS: [&str; 10] = [
    "simulate",
    "--patients=30",
    "--days=60",
    "--wearers-permille=200",
    "--bad-records=1",
    "--start",
    START,
    "--ticks",
    "--tick-minutes",
    "1440",
];

fn settings() -> Settings {
    Settings {
        patients: 30,
        days: 60,
        start: Instant(1_735_689_600_000),
        wearers_permille: 200,
        bad_records: 1,
        sessions: true,
        tick_minutes: 1440,
        ..Settings::default()
    }
}

type KeyValue = (Vec<u8>, Vec<u8>);

/// Every record of a topic, by partition.
fn records(stack: &Stack, topic: &str) -> Vec<Vec<KeyValue>> {
    let cluster = stack.cluster();
    let mut drain = Drain::open_for_ranges(&cluster).unwrap();
    let read = |partition| {
        let mut found = Vec::new();
        let from = Assigned { id: TopicId(0), topic: cluster.topic(topic), partition, from: 0 };
        let mut keep = |record: aftercare_stream::log::RecordRef<'_>| {
            found.push((record.key.unwrap_or_default().to_vec(), record.value.unwrap_or_default().to_vec()));
        };
        drain.read_through(from, None, &mut keep).unwrap();
        found
    };
    (0..PARTITIONS).map(read).collect()
}

fn ticks(stack: &Stack) -> Vec<Vec<i64>> {
    let at = |value: &[u8]| codec::decode::<Control<'_>>("control", Some(value), None).unwrap().at;
    let partitions = records(stack, "control");
    partitions.iter().map(|records| records.iter().map(|(_, value)| at(value)).collect()).collect()
}

#[test]
fn the_world_goes_through_the_pipeline_in_its_own_time_and_on() {
    let stack = Stack::start(PARTITIONS, "ticks = \"external\"");
    it_writes_the_same_world_to_a_file_and_the_truth_beside_it(&stack);
    let mut serve = stack.serve("serve", &[]);
    let out = stack.run(&[&ARGS[..], &["--in-step"]].concat());
    assert!(out.status.success(), "{}\n{}", String::from_utf8_lossy(&out.stderr), serve.log_tail());
    every_record_is_where_it_belongs_in_its_order(&stack);
    let audit = stack.run(&["audit", "--wait", "90"]);
    let (said, log) = (String::from_utf8_lossy(&audit.stdout), serve.log_tail());
    assert!(audit.status.success(), "{said}\n{log}");
    tasks_lived_through_the_world(&stack);
    it_goes_on_until_it_is_stopped(&stack);
    assert!(serve.stop(Duration::from_secs(15)).success(), "{}", serve.log_tail());
}

fn it_writes_the_same_world_to_a_file_and_the_truth_beside_it(stack: &Stack) {
    let (out, truth) = (stack.folder().join("world.txt"), stack.folder().join("truth.csv"));
    let files = ["--out", out.to_str().unwrap(), "--truth", truth.to_str().unwrap()];
    let ended = stack.run(&[&ARGS[..], &files].concat());
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let text = std::fs::read_to_string(out).unwrap();
    let mut lines = text.lines();
    for record in World::new(settings()) {
        let expected = format!("{} {} {} {} ", record.at, record.topic, hex(&record.key), hex(&record.value));
        assert_eq!(lines.next(), Some(&*expected));
    }
    assert_eq!(lines.next(), None);
    let text = std::fs::read_to_string(truth).unwrap();
    let told: Vec<&str> = text.lines().skip(1).map(|line| line.split(',').next().unwrap()).collect();
    let world = World::new(settings());
    assert!(told.iter().copied().eq(world.truth().map(|one| one.patient_id).collect::<Vec<_>>()));
    assert!(text.lines().all(|line| line.split(',').count() == 10), "{text}");
}

fn every_record_is_where_it_belongs_in_its_order(stack: &Stack) {
    let mut expected: BTreeMap<&str, Vec<KeyValue>> = BTreeMap::new();
    for record in World::new(settings()) {
        expected.entry(record.topic).or_default().push((record.key, record.value));
    }
    let control = expected.remove("control").unwrap();
    for written in records(stack, "control") {
        assert_eq!((written.len(), &written[..control.len()]), (control.len() + 1, &*control));
    }
    for (topic, world) in expected {
        let written = records(stack, topic);
        assert_eq!(written.iter().map(Vec::len).sum::<usize>(), world.len(), "{topic}");
        for partition in written {
            let mut rest = world.iter();
            assert!(partition.iter().all(|record| rest.any(|next| next == record)), "{topic}: in order");
        }
    }
}

fn tasks_lived_through_the_world(stack: &Stack) {
    let accepted = sql(stack, "SELECT count() FROM receipts FINAL WHERE outcome = 'accepted'");
    assert!(accepted.parse::<u64>().unwrap() > 100, "{accepted}");
    // In step: each record was taken at the first tick after it arrived.
    let stored: BTreeMap<String, i64> = sql(
        stack,
        "SELECT id, min(toUnixTimestamp64Milli(stored_at)) FROM receipts WHERE revision = 1 GROUP BY id",
    )
    .lines()
    .map(|line| line.split_once('\t').map(|(id, at)| (id.to_owned(), at.parse().unwrap())).unwrap())
    .collect();
    let day = 86_400_000;
    let (mut compared, mut seen, mut enrolled) = (0, BTreeSet::new(), BTreeSet::new());
    for record in World::new(settings()) {
        match record.topic {
            "enrolments" => _ = enrolled.insert(record.key),
            "clinical-events" => {
                let event: ClinicalEvent<'_> =
                    codec::decode(record.topic, Some(&record.value), None).unwrap();
                if event.revision == 1 && enrolled.contains(&record.key) && seen.insert(event.id.to_owned()) {
                    let passed = (record.at - settings().start.0) / day;
                    let tick = settings().start.0 + (passed + 1) * day;
                    assert_eq!(stored.get(event.id), Some(&tick), "{}", event.id);
                    compared += 1;
                }
            }
            _ => {}
        }
    }
    assert!(compared > 20, "{compared}");
    // Nothing lay ahead of the newest tick but the record that is meant to.
    let ahead =
        sql(stack, "SELECT count() FROM receipts FINAL WHERE outcome = 'held' AND id NOT LIKE '%-bad-%'");
    let enrolled_too_late = sql(
        stack,
        "SELECT count() FROM receipts FINAL WHERE outcome = 'held' AND id NOT LIKE '%-bad-%' \
         AND patient_id NOT IN (SELECT patient_id FROM receipts FINAL WHERE topic = 'enrolments')",
    );
    assert_eq!(ahead, enrolled_too_late);
}

fn it_goes_on_until_it_is_stopped(stack: &Stack) {
    let before = ticks(stack);
    let follow = [&ARGS[..], &["--follow", "--speed", "40000"]].concat();
    let mut command = stack.command(&follow);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // The history once more, then five days of world for each ten seconds of ours.
    let end = settings().end().0;
    let history = before[0].len();
    wait_until("time to go on", Duration::from_secs(60), || {
        let newest = ticks(stack)[1].get(history..)?.iter().copied().max()?;
        (newest > end + 86_400_000).then_some(())
    });
    kill_process(Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap(), Signal::TERM).unwrap();
    assert!(child.wait().unwrap().success());
    for partition in ticks(stack) {
        assert!(partition[history..].is_sorted(), "{:?}", &partition[history..]);
    }
    let written: usize = records(stack, "prom-responses").iter().map(Vec::len).sum();
    let of_history = World::new(settings()).filter(|r| r.topic == "prom-responses").count();
    assert!(written >= 2 * of_history, "{written} of {of_history}");
}

#[test]
fn speed_needs_ticks_and_following() {
    let run = |args: &[&str]| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_aftercare"));
        let out = command.arg("simulate").args(args).output().unwrap();
        (out.status.success(), String::from_utf8_lossy(&out.stderr).into_owned())
    };
    for args in [&["--follow", "--speed", "10"][..], &["--speed", "10"], &["--follow", "--out", "x"]] {
        let (done, said) = run(args);
        assert!(!done && said.contains("--"), "{args:?}: {said}");
    }
}
