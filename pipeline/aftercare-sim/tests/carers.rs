//! What care managers do.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::collections::BTreeMap;

use aftercare_core::time::Instant;
use aftercare_schemas::codec;
use aftercare_schemas::wire::{AlertAction, AlertActionKind};
use aftercare_sim::carers::{SeenAlert, answers};
use aftercare_sim::world::SimRecord;

const RAISED: i64 = 1_750_000_000_000;
const LIMIT_MS: i64 = 600_000;

fn alert<'a>(id: &'a str, severity: &'a str) -> SeenAlert<'a> {
    SeenAlert {
        alert_id: id,
        patient_id: "p1",
        severity,
        raised_at: Instant(RAISED),
        answer_due_at: (severity != "info").then_some(Instant(RAISED + LIMIT_MS)),
    }
}

fn decoded(records: &[SimRecord]) -> Vec<AlertAction<'_>> {
    records.iter().map(|r| codec::decode(r.topic, Some(&r.value), None).unwrap()).collect()
}

#[test]
fn the_same_alert_and_seed_are_answered_alike() {
    let (one, other) = (alert("e/rule/u1", "warning"), alert("e/rule/u2", "warning"));
    assert_eq!(answers(&one, 1), answers(&one, 1));
    assert!((0..20).any(|seed| answers(&one, seed) != answers(&one, seed + 1)));
    assert!((0..20).any(|seed| answers(&one, seed) != answers(&other, seed)));
}

#[test]
fn most_are_acknowledged_in_time_then_resolved_with_a_code() {
    for (severity, least_in_time) in [("critical", 850), ("warning", 720), ("info", 500)] {
        let (mut in_time, mut late, mut resolved, mut never) = (0, 0, 0, 0);
        let mut kinds: BTreeMap<AlertActionKind, u32> = BTreeMap::new();
        for n in 0..1000 {
            let id = format!("e{n}/rule/u");
            let records = answers(&alert(&id, severity), 7);
            assert!(records.is_sorted_by_key(|r| r.at));
            let actions = decoded(&records);
            never += i32::from(actions.is_empty());
            for (action, record) in actions.iter().zip(&records) {
                assert_eq!((action.alert_id, &*record.key), (&*id, b"p1".as_slice()));
                assert!(action.happened_at > RAISED && record.at > action.happened_at);
                *kinds.entry(action.kind).or_default() += 1;
            }
            let Some(first) = actions.first() else { continue };
            assert_eq!(first.kind, AlertActionKind::Acknowledge);
            if severity == "info" || first.happened_at <= RAISED + LIMIT_MS {
                in_time += 1;
            } else {
                late += 1;
            }
            let end = actions.iter().find(|action| action.kind == AlertActionKind::Resolve);
            resolved += i32::from(end.is_some_and(|action| action.outcome.is_some()));
        }
        assert!(
            in_time > least_in_time && never > 5 && resolved > 500,
            "{severity}: {in_time} {never} {resolved}"
        );
        assert!(severity == "info" || late > 20, "{late}");
        let (snoozed, escalated) = (AlertActionKind::Snooze, AlertActionKind::Escalate);
        assert!(kinds.contains_key(&AlertActionKind::Assign));
        assert_eq!(kinds.contains_key(&snoozed), severity != "critical");
        assert_eq!(kinds.contains_key(&escalated), severity == "critical");
    }
}
