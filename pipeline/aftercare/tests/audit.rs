//! `aftercare audit` on a world with bad and misplaced records: it adds up, and it sees damage.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

#[path = "support/sql.rs"]
mod sql;
#[allow(dead_code, reason = "each test uses its part")]
mod support;

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aftercare_core::documents::Library;
use aftercare_core::time::Instant;
use aftercare_schemas::codec;
use aftercare_schemas::wire::{PromResponse, WearableUpload};
use aftercare_sim::reference::Reference;
use aftercare_sim::world::{Settings, SimRecord, World};
use aftercare_stream::partitioner::partition_of;
use serde_json::Value;

use sql::sql;
use support::{Stack, wait_until};

const PARTITIONS: i32 = 2;
const DAY_MS: i64 = 86_400_000;
/// Every so manieth record is written to the partition where it does not belong.
const MISPLACED: usize = 7;

fn world() -> Vec<SimRecord> {
    let now = i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap();
    let days = 120;
    // It ends long enough ago that every session can be judged at once.
    let start = Instant(now - i64::from(days) * DAY_MS - 600_000);
    let (seed, patients, bad_records) = (11, 20, 2);
    let mut world: Vec<SimRecord> = World::new(Settings {
        seed,
        patients,
        start,
        days,
        wearers_permille: 100,
        wear_days: 1,
        bad_records,
        sessions: true,
        ..Settings::default()
    })
    .collect();
    let late = late_upload(&world);
    world.push(late);
    world
}

/// The first good upload of readings again, with moments that were over for long when all others came.
fn late_upload(world: &[SimRecord]) -> SimRecord {
    let uploads = world.iter().filter(|record| record.topic == "wearable-readings" && has_home(record));
    let first = uploads.min_by_key(|record| record.at).unwrap();
    let mut upload: WearableUpload<'_> = codec::decode(first.topic, Some(&first.value), None).unwrap();
    upload.readings.iter_mut().for_each(|reading| reading.measured_at -= DAY_MS);
    let mut value = Vec::new();
    codec::encode(first.topic, &upload, &mut value).unwrap();
    SimRecord { value, key: first.key.clone(), ..*first }
}

/// Whether a task can tell whose the record is; what it can't it refuses where it lies.
fn has_home(record: &SimRecord) -> bool {
    let value = Some(&*record.value);
    match record.topic {
        "prom-responses" => {
            codec::decode::<PromResponse<'_>>(record.topic, value, None).is_ok_and(|r| !r.id.is_empty())
        }
        "wearable-readings" => codec::decode::<WearableUpload<'_>>(record.topic, value, None)
            .is_ok_and(|upload| !upload.readings.is_empty()),
        _ => true,
    }
}

/// Writes the records; how many of each topic, and how many of those to the wrong partition.
fn write(stack: &Stack, records: &[SimRecord]) -> BTreeMap<&'static str, (u64, u64)> {
    let writer = stack.cluster().writer().unwrap();
    let mut counts: BTreeMap<_, (u64, u64)> = BTreeMap::new();
    for (i, record) in records.iter().enumerate() {
        let misplaced = i % MISPLACED == 0 && has_home(record);
        let home = partition_of(&record.key, PARTITIONS);
        let partition = if misplaced { 1 - home } else { home };
        writer.write_to(record.topic, partition, Some(&record.key), Some(&record.value), &[]).unwrap();
        let (all, wrong) = counts.entry(record.topic).or_default();
        *all += 1;
        *wrong += u64::from(misplaced);
    }
    writer.flush().unwrap();
    counts
}

/// Runs the audit; its exit code, and its report.
fn audit(stack: &Stack, more: &[&str]) -> (i32, Value) {
    let out = stack.run(&[&["audit", "--json"], more].concat());
    let text = String::from_utf8_lossy(&out.stdout);
    let said = String::from_utf8_lossy(&out.stderr);
    let report = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text} {said}"));
    (out.status.code().unwrap(), report)
}

/// The names of the statements that do not hold.
fn violated((code, report): (i32, Value)) -> Vec<String> {
    let statements = report["statements"].as_array().unwrap();
    let broken = statements.iter().filter(|statement| statement["holds"] == false);
    let names: Vec<String> = broken.map(|s| s["name"].as_str().unwrap().to_owned()).collect();
    assert_eq!(code, if names.is_empty() { 0 } else { 4 }, "{report:#}");
    for statement in statements {
        assert_eq!(statement["holds"] == false, !statement["places"].as_array().unwrap().is_empty());
    }
    names
}

/// Damages a table that was copied before, and puts the copy back.
fn damaged(stack: &Stack, table: &str, condition: &str, more: &[&str]) -> Vec<String> {
    sql(stack, &format!("CREATE TABLE kept AS {table}"));
    sql(stack, &format!("INSERT INTO kept SELECT * FROM {table}"));
    let rows = |table: &str| sql(stack, &format!("SELECT count() FROM {table}"));
    let before = rows(table);
    sql(stack, &format!("ALTER TABLE {table} DELETE WHERE {condition} SETTINGS mutations_sync = 2"));
    assert_ne!(rows(table), before, "nothing was damaged");
    let found = violated(audit(stack, more));
    sql(stack, &format!("TRUNCATE TABLE {table}"));
    sql(stack, &format!("INSERT INTO {table} SELECT * FROM kept"));
    sql(stack, "DROP TABLE kept SYNC");
    assert_eq!(violated(audit(stack, &["--deep"])), [""; 0], "the damage is repaired");
    found
}

#[test]
fn an_audit_adds_up_and_sees_damage() {
    let stack = Stack::start(PARTITIONS, "");
    let world = world();
    let counts = write(&stack, &world);
    let mut serve = stack.serve("serve", &[]);
    let reviews = reviews(&world);
    wait_until("the reviews", Duration::from_secs(60), || {
        (sql(&stack, "SELECT count() FROM reviews FINAL") == reviews).then_some(())
    });
    let (code, report) = audit(&stack, &["--wait", "90", "--deep"]);
    assert_eq!(code, 0, "{report:#}\n{}", serve.log_tail());
    assert!(serve.stop(Duration::from_secs(15)).success(), "{}", serve.log_tail());

    it_counts_what_was_written(&report, &counts);
    it_says_so_in_words(&stack);
    what_nobody_took_is_no_loss(&stack, &counts);
    it_sees_damage(&stack);
}

/// How many sessions are judged, of patients who are enrolled.
fn reviews(world: &[SimRecord]) -> String {
    let mut reference = Reference::default();
    for record in world {
        reference.add(record.topic, &record.key, Some(&record.value), None);
    }
    reference.finish(&Library::builtin()).reviews.len().to_string()
}

fn it_counts_what_was_written(report: &Value, counts: &BTreeMap<&'static str, (u64, u64)>) {
    let mut held = 0;
    for input in report["inputs"].as_array().unwrap() {
        let topic = input["topic"].as_str().unwrap();
        let (mut all, wrong) = counts.get(topic).copied().unwrap_or_default();
        let figure = |name: &str| input[name].as_u64().unwrap();
        if topic == "session-verdicts" {
            // The tasks wrote them.
            all = figure("taken");
            assert!(all >= counts["clinician-activity"].0 / 2, "{input}");
        }
        assert_eq!(figure("taken"), all + wrong, "{input}");
        assert_eq!(figure("forwarded"), wrong, "{input}");
        assert_eq!(figure("in_receipts") + figure("undecodable"), all, "{input}");
        assert_eq!(figure("not_yet_taken"), 0, "{input}");
        held += figure("held");
    }
    for topic in ["prom-responses", "wearable-readings", "clinician-activity"] {
        assert!(counts[topic].1 > 0, "{counts:?}");
    }
    assert!(held > 0, "the uploads of patients whom nobody enrols wait");
    let outputs = report["outputs"].as_array().unwrap();
    assert!(outputs.iter().all(|output| output["committed"] == output["covered"]), "{outputs:?}");
}

fn it_says_so_in_words(stack: &Stack) {
    let out = stack.run(&["audit", "--deep"]);
    let text = String::from_utf8_lossy(&out.stdout);
    for name in [
        "CommittedImpliesWritten",
        "CoverageIsGapless",
        "TablesHoldWhatIsCovered",
        "EveryRecordHasOneOutcome",
        "ReadingsAreKeptRaw",
        "LateReadingsReachTheirWindows",
        "FactsAreKept",
        "RowsEqualRecords",
    ] {
        assert!(text.lines().any(|line| line.starts_with("ok") && line.contains(name)), "{name}: {text}");
    }
}

fn what_nobody_took_is_no_loss(stack: &Stack, counts: &BTreeMap<&'static str, (u64, u64)>) {
    let (record, again) = (world(), 3);
    let record = record.iter().find(|record| record.topic == "prom-responses").unwrap();
    let writer = stack.cluster().writer().unwrap();
    for _ in 0..again {
        writer.write(record.topic, &record.key, &record.value, &[]).unwrap();
    }
    writer.flush().unwrap();
    let (code, report) = audit(stack, &[]);
    let inputs = report["inputs"].as_array().unwrap();
    let input = inputs.iter().find(|input| input["topic"] == record.topic).unwrap();
    let (all, wrong) = counts[record.topic];
    assert_eq!(
        (code, input["not_yet_taken"].as_u64(), input["taken"].as_u64()),
        (0, Some(again), Some(all + wrong))
    );
}

fn it_sees_damage(stack: &Stack) {
    let damage = |table: &str, condition: &str, more: &[&str]| damaged(stack, table, condition, more);
    let of_records = "EveryRecordHasOneOutcome";
    let (of_rows, of_ids) = ("TablesHoldWhatIsCovered", "RowsEqualRecords");

    let oldest = "version = (SELECT min(version) FROM receipts FINAL)";
    assert_eq!(damage("receipts", oldest, &["--deep"]), [of_records, of_ids]);
    let newest = "version = (SELECT max(version) FROM windows FINAL)";
    assert_eq!(damage("windows", newest, &[]), [of_rows]);
    let letter = "version = (SELECT min(version) FROM dead_letters WHERE NOT receipt)";
    assert_eq!(damage("dead_letters", letter, &[]), [of_rows, of_records]);
    // An old score that nothing counts: only the records themselves show it.
    let score = "version = (SELECT min(version) FROM scores FINAL)";
    assert_eq!(damage("scores", score, &["--deep"]), [of_ids]);

    let first = "topic = 'receipts' AND partition = 1 AND first_sequence = 1";
    let gap = damage("coverage", first, &[]);
    assert!(
        gap.iter().any(|name| matches!(&**name, "CoverageIsGapless" | "CommittedImpliesWritten")),
        "{gap:?}"
    );
    assert_eq!(gap.last().map(String::as_str), Some(of_rows));
    let all = damage("coverage", "topic = 'scores' AND partition = 0", &[]);
    assert_eq!(all, ["CommittedImpliesWritten", of_rows]);

    for table in ["enrolments", "clinical_events"] {
        let one = format!("(patient_id, id) = (SELECT min((patient_id, id)) FROM {table}_current)");
        assert_eq!(damage(table, &one, &[]), ["FactsAreKept"], "{table}");
    }

    let (of_raw, of_late) = ("ReadingsAreKeptRaw", "LateReadingsReachTheirWindows");
    let reading = "version = (SELECT min(version) FROM readings)";
    assert_eq!(damage("readings", reading, &["--deep"])[0], of_raw);
    for length in [300, 3_600, 86_400] {
        let window = format!(
            "length_s = {length} AND window_start = (SELECT min(window_start) FROM late_windows WHERE length_s = {length})"
        );
        assert!(damage("late_windows", &window, &[]).contains(&of_late.to_owned()), "{length}");
    }
}
