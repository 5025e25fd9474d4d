//! `aftercare dlq`: refused records are found, replayed once what they lacked is there, or discarded; the sum still holds.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

#[path = "support/sql.rs"]
mod sql;
#[allow(dead_code, reason = "each test uses its part")]
mod support;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aftercare_schemas::codec;
use aftercare_schemas::wire::{Answer, Document, Enrolment, Form, PromResponse, RecordStatus, Source};
use serde::Serialize;
use serde_json::Value;

use sql::sql;
use support::{Stack, wait_until};

const PATIENT: &str = "somebody";
const LIMIT: Duration = Duration::from_secs(60);
const SLEEP: &str = r#"
id = "sleep-quality"
version = 1
title = "Sleep quality"
source = "made for a test"
direction = "up"
range = [0, 10]
assumptions = ["It exists in this test only."]

[[items]]
codes = ["sq_1"]
min = 0
max = 10

[score]
kind = "sum"
"#;

fn now() -> i64 {
    i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap()
}

fn framed<T: Serialize>(topic: &'static str, record: &T) -> Vec<u8> {
    let mut value = Vec::new();
    codec::encode(topic, record, &mut value).unwrap();
    value
}

fn enrolment(at: i64) -> Vec<u8> {
    let enrolment = Enrolment {
        id: "enrolment-1",
        status: RecordStatus::Final,
        source: Source::Live,
        patient_id: PATIENT,
        episode_id: "episode-1",
        recorded_at: at,
        effective_at: at,
        procedure: Some("coronary-stent"),
        treated_at: Some(at),
        plan: Some("coronary-stent"),
        episode_status: Some("active"),
        ..Enrolment::default()
    };
    framed("enrolments", &enrolment)
}

fn upload(id: &str, instrument: &str, item: &str, at: i64) -> Vec<u8> {
    let answers = vec![Answer { item, code: Some(7) }];
    let upload = PromResponse {
        id,
        revision: 1,
        status: RecordStatus::Final,
        source: Source::Live,
        patient_id: PATIENT,
        episode_id: None,
        answered_at: at,
        uploaded_at: at,
        respondent: "patient",
        forms: vec![Form { instrument, instrument_version: None, answers }],
    };
    framed("prom-responses", &upload)
}

/// Runs `aftercare dlq ARGS`, which must succeed; what it printed.
fn dlq(stack: &Stack, args: &[&str]) -> String {
    let out = stack.run(&[&["dlq"], args].concat());
    assert!(out.status.success(), "{args:?}: {}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stdout).unwrap()
}

fn list(stack: &Stack, more: &[&str]) -> Vec<Value> {
    serde_json::from_str(&dlq(stack, &[&["list", "--json"], more].concat())).unwrap()
}

/// The place of the only open dead letter with this reason.
fn place(stack: &Stack, reason: &str) -> String {
    let found = list(stack, &["--reason", reason]);
    assert_eq!(found.len(), 1, "{found:?}");
    found[0]["place"].as_str().unwrap().to_owned()
}

/// Outcome and copies of an upload's receipt.
fn receipt(stack: &Stack, id: &str) -> String {
    sql(stack, &format!("SELECT outcome, copies FROM receipts FINAL WHERE id = '{id}' FORMAT CSV"))
}

#[test]
fn refused_records_are_found_replayed_or_discarded() {
    let stack = Stack::start(2, "");
    let at = now() - 3_600_000;
    let refused = upload("upload-1", "sleep-quality", "sq_1", at);
    let writer = stack.cluster().writer().unwrap();
    let write = |topic: &str, value: &[u8], headers: &[(&str, &[u8])]| {
        writer.write(topic, PATIENT.as_bytes(), value, headers).unwrap();
    };
    write("enrolments", &enrolment(at), &[]);
    write("prom-responses", &refused, &[("trace", b"on")]);
    write("prom-responses", &refused[..20], &[]);
    write("prom-responses", &upload("upload-2", "phq-2", "phq2_9", at), &[]);
    writer.flush().unwrap();
    let mut serve = stack.serve("serve", &[]);
    wait_until("three dead letters", LIMIT, || (list(&stack, &[]).len() == 3).then_some(()));

    it_lists_and_shows(&stack, &refused);
    it_replays(&stack);
    it_discards(&stack);

    let audit = stack.run(&["audit", "--wait", "60", "--deep"]);
    assert!(audit.status.success(), "{}", String::from_utf8_lossy(&audit.stdout));
    assert!(serve.stop(Duration::from_secs(15)).success(), "{}", serve.log_tail());
}

fn it_lists_and_shows(stack: &Stack, refused: &[u8]) {
    let mut reasons: Vec<String> =
        list(stack, &[]).iter().map(|letter| letter["reason"].as_str().unwrap().to_owned()).collect();
    reasons.sort();
    assert_eq!(reasons, ["truncated_avro", "unknown_instrument", "unknown_item"]);
    assert_eq!(list(stack, &["--topic", "enrolments"]).len(), 0);
    assert_eq!(list(stack, &["--limit", "2"]).len(), 2);
    let text = dlq(stack, &["list", "--all"]);
    assert!(text.contains("unknown_item") && !text.contains(PATIENT), "{text}");

    let file = stack.folder().join("record.bin");
    let place = place(stack, "unknown_instrument");
    let text = dlq(stack, &["show", &place, "--bytes-to", file.to_str().unwrap()]);
    for part in ["unknown_instrument", "VALIDATE", "trace (2 bytes)", &format!("{} bytes", refused.len())] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(!text.contains(PATIENT), "{text}");
    assert_eq!(std::fs::read(&file).unwrap(), refused);
    let again = stack.run(&["dlq", "show", &place, "--bytes-to", file.to_str().unwrap()]);
    assert_eq!(again.status.code(), Some(1), "it overwrites no file");
    assert_eq!(stack.run(&["dlq", "show", "1:999999"]).status.code(), Some(1));
}

fn it_replays(stack: &Stack) {
    let place = place(stack, "unknown_instrument");
    let document = Document {
        kind: "instrument",
        id: "sleep-quality",
        version: 1,
        format: "toml",
        body: SLEEP,
        published_at: now(),
    };
    let writer = stack.cluster().writer().unwrap();
    let value = framed("contracts", &document);
    writer.write_to("contracts", 0, Some(b"instrument/sleep-quality/1"), Some(&value), &[]).unwrap();
    writer.flush().unwrap();
    assert!(dlq(stack, &["replay", &place, "--dry-run"]).contains("would replay"));
    assert_eq!(list(stack, &[]).len(), 3, "a dry run decides nothing");

    // The document may reach the task after the record, which is then refused once more.
    let mut copies = 1;
    wait_until("the replayed record", LIMIT, || {
        dlq(stack, &["replay", "--reason", "unknown_instrument"]);
        copies += 1;
        let judged = format!(",{copies}");
        let receipt = wait_until("its receipt", LIMIT, || {
            Some(receipt(stack, "upload-1")).filter(|r| r.ends_with(&judged))
        });
        receipt.contains("accepted").then_some(())
    });
    let score = "SELECT status, score FROM scores FINAL WHERE instrument = 'sleep-quality' FORMAT CSV";
    wait_until("its score", LIMIT, || (sql(stack, score) == "\"scored\",7").then_some(()));
    assert_eq!(list(stack, &["--reason", "unknown_instrument"]).len(), 0, "what was replayed is not open");

    let refused = stack.run(&["dlq", "replay", &place]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("--again"));
    dlq(stack, &["replay", &place, "--again"]);
    let judged = format!("\"accepted\",{}", copies + 1);
    wait_until("one more copy", LIMIT, || (receipt(stack, "upload-1") == judged).then_some(()));
}

fn it_discards(stack: &Stack) {
    let place = place(stack, "truncated_avro");
    assert_eq!(stack.run(&["dlq", "discard", &place]).status.code(), Some(2), "without a note");
    dlq(stack, &["discard", &place, "--note", "a test device"]);
    assert_eq!(list(stack, &["--reason", "truncated_avro"]).len(), 0);
    let all = list(stack, &["--reason", "truncated_avro", "--all"]);
    assert_eq!(
        (&all[0]["decision"]["action"], &all[0]["decision"]["note"]),
        (&"discarded".into(), &"a test device".into())
    );
    assert_eq!(dlq(stack, &["replay", "--topic", "prom-responses", "--dry-run"]).lines().count(), 1);
    assert_eq!(list(stack, &[]).len(), 1, "the unknown item is left");
}
