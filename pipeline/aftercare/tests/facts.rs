//! What happened to a patient is in ClickHouse with its content, once, as the task took it: through conflicts, corrections,
//! withdrawals, a wrong partition, and a death between any two steps.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

#[path = "support/sql.rs"]
mod sql;
#[allow(dead_code, reason = "each test uses its part")]
mod support;

use std::os::unix::process::ExitStatusExt;
use std::time::Duration;

use aftercare_schemas::wire::{ClinicalEvent, ClinicalKind, Enrolment, RecordStatus, Source};
use aftercare_schemas::{codec, wire};
use aftercare_stream::partitioner::partition_of;

use sql::sql;
use support::{Stack, wait_until};

const PATIENT: &str = "p-facts";
/// 2026-02-01 00:00 UTC, ms.
const THEN: i64 = 1_769_904_000_000;
const PATIENCE: Duration = Duration::from_secs(90);
/// What counts, by id.
const STANDING: &str = "SELECT groupArray((id, revision, amount_minor)) FROM \
                        (SELECT id, revision, assumeNotNull(amount_minor) AS amount_minor FROM clinical_events_current ORDER BY id)";

fn cost(id: &'static str, revision: i32, minor: i64) -> ClinicalEvent<'static> {
    let status = if revision > 1 { RecordStatus::Amended } else { RecordStatus::Final };
    ClinicalEvent {
        id,
        revision,
        status,
        source: Source::Live,
        patient_id: PATIENT,
        happened_at: THEN,
        episode_id: None,
        ended_at: None,
        kind: ClinicalKind::Cost,
        coding: None,
        code: None,
        result: None,
        value: None,
        unit: None,
        comparator: None,
        related_id: None,
        provider: None,
        amount_minor: Some(minor),
        currency: Some("CNY"),
        cost_category: None,
        cost_nature: None,
        payers: vec![wire::PayerPart { payer_kind: "patient", payer: None, amount_minor: minor }],
    }
}

fn write(stack: &Stack, topic: &'static str, partition: i32, record: &impl serde::Serialize) {
    let mut value = Vec::new();
    codec::encode(topic, record, &mut value).unwrap();
    let writer = stack.cluster().writer().unwrap();
    writer.write_to(topic, partition, Some(PATIENT.as_bytes()), Some(&value), &[]).unwrap();
    writer.flush().unwrap();
}

#[test]
fn what_happened_is_kept_as_it_was_taken() {
    let stack = Stack::start(2, "[sink]\nflush_ms = 50");
    let mut serve = stack.serve("serve", &[]);
    let home = partition_of(PATIENT.as_bytes(), 2);
    let waits = |want: &str| {
        wait_until(want, PATIENCE, || (sql(&stack, STANDING) == want).then_some(()));
    };
    let event = |partition, event| write(&stack, "clinical-events", partition, &event);
    let enrolment = Enrolment {
        id: "n-facts",
        revision: 1,
        status: RecordStatus::Final,
        source: Source::Live,
        patient_id: PATIENT,
        episode_id: "e-facts",
        recorded_at: THEN,
        effective_at: THEN,
        ..Enrolment::default()
    };
    // It waits for its enrolment, is repeated meanwhile, and contradicted.
    event(home, cost("a", 1, 100));
    event(home, cost("a", 1, 100));
    event(home, cost("a", 1, 999));
    let held = "SELECT count() FROM receipts FINAL WHERE outcome = 'held'";
    wait_until("a held receipt", PATIENCE, || (sql(&stack, held) == "1").then_some(()));
    assert_eq!(sql(&stack, STANDING), "[]");
    write(&stack, "enrolments", home, &enrolment);
    waits("[('a',1,100)]");
    event(home, cost("b", 2, 201));
    event(home, cost("b", 1, 200));
    event(1 - home, cost("c", 1, 300));
    event(home, cost("d", 1, 400));
    event(home, ClinicalEvent { status: RecordStatus::EnteredInError, ..cost("d", 2, 400) });
    waits("[('a',1,100),('b',2,201),('c',1,300)]");
    assert!(serve.stop(Duration::from_secs(15)).success(), "{}", serve.log_tail());

    let mut standing = "('a',1,100),('b',2,201),('c',1,300)".to_owned();
    for (point, id) in [("facts.inserting", "e"), ("facts.inserted", "f")] {
        let mut dying = stack.serve("dying", &[("AFTERCARE_KILL_POINT", point)]);
        event(home, cost(id, 1, 500));
        let ended = wait_until(point, PATIENCE, || dying.ended());
        assert_eq!(ended.signal(), Some(9), "{point}: {}", dying.log_tail());
        let mut serve = stack.serve("serve", &[]);
        standing += &format!(",('{id}',1,500)");
        waits(&format!("[{standing}]"));
        assert!(serve.stop(Duration::from_secs(15)).success(), "{}", serve.log_tail());
    }
    // Every copy once, however often it was inserted: three of a, two each of b and d, and the others.
    assert_eq!(sql(&stack, "SELECT count() FROM clinical_events FINAL"), "10");
    let audit = stack.run(&["audit", "--wait", "60", "--deep"]);
    let found = String::from_utf8_lossy(&audit.stdout);
    assert!(audit.status.success(), "{found}");
    assert!(found.contains("7 enrolments and events"), "enrolment, a, b, c, d's withdrawal, e, f: {found}");
}
