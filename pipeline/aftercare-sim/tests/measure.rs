//! Alerts against a truth that is written out here.

#![allow(clippy::unwrap_used, clippy::float_cmp, reason = "a test of exact figures")]

use aftercare_core::time::Instant;
use aftercare_sim::measure::{Measured, RaisedAlert, measure};
use aftercare_sim::world::{AdverseEvent, Truth};

const DAY_MS: i64 = 86_400_000;

fn day(day: i64) -> Instant {
    Instant(day * DAY_MS)
}

/// A patient treated on day 0; an event on some day, with signs or without.
fn patient(id: &str, benefit: bool, event: Option<(i64, bool)>) -> Truth {
    let event = event.map(|(onset, signs)| AdverseEvent {
        kind: if signs { "seen" } else { "silent" },
        onset_at: day(onset),
        in_answers: signs,
        in_vitals: false,
        recorded: true,
    });
    Truth {
        patient_id: id.into(),
        episode_id: format!("{id}-e1"),
        procedure: "pci-des",
        treated_at: day(0),
        benefit,
        event,
    }
}

fn alert(patient: &str, rule: &str, raised: i64) -> RaisedAlert {
    RaisedAlert {
        patient_id: patient.into(),
        rule: rule.into(),
        severity: "warning".into(),
        raised_at: day(raised),
    }
}

fn measured(alerts: &[RaisedAlert]) -> Measured {
    let truth = [
        patient("a", true, Some((100, true))),
        patient("b", true, Some((200, false))),
        patient("c", false, None),
        patient("d", true, None),
        patient("e", true, Some((400, true))),
    ];
    measure(alerts, &truth, day(300))
}

#[test]
fn an_alert_is_true_from_sixty_days_before_to_thirty_days_after() {
    for (raised, foretell, accompany) in
        [(39, 0, 0), (40, 1, 0), (99, 1, 0), (100, 0, 1), (130, 0, 1), (131, 0, 0)]
    {
        let all = measured(&[alert("a", "r", raised)]).all;
        assert_eq!((all.alerts, all.foretell, all.accompany, all.no_benefit), (1, foretell, accompany, 0));
    }
}

#[test]
fn rules_are_told_apart_and_patients_without_benefit_counted_apart() {
    let alerts = [
        alert("a", "decline", 90),
        alert("a", "decline", 95),
        alert("c", "decline", 90),
        alert("d", "quiet", 90),
        alert("nobody", "quiet", 90),
        // After the end, and about what comes after the end.
        alert("a", "quiet", 301),
        alert("e", "quiet", 290),
    ];
    let measured = measured(&alerts);
    let of = |rule: &str| measured.by_rule[&(rule.to_owned(), "warning".to_owned())].clone();
    assert_eq!((of("decline").alerts, of("decline").no_benefit), (3, 1));
    assert_eq!(of("decline").share(), Some(2.0 / 3.0));
    assert_eq!((of("quiet").alerts, of("quiet").share()), (2, Some(0.0)));
    assert_eq!(measured.all.alerts, 5);
}

#[test]
fn recall_counts_what_struck_and_leads_are_of_the_first_alert() {
    let none = measured(&[]);
    assert_eq!((none.events.events, none.events.with_signs, none.events.share()), (2, 1, Some(0.0)));
    assert_eq!((none.all.share(), none.events.lead_quantile(0.5)), (None, None));
    let found = measured(&[alert("a", "r", 95), alert("a", "s", 80), alert("b", "r", 210)]);
    assert_eq!((found.events.share(), found.events.share_with_signs()), (Some(0.5), Some(1.0)));
    assert_eq!((found.by_event["silent"].foretold, found.by_event["silent"].accompanied), (0, 1));
    assert_eq!(found.by_event["seen"].lead_days, [20.0]);
    assert_eq!(found.events.lead_quantile(0.9), Some(20.0));
    let of = |rule: &str| found.by_rule[&(rule.to_owned(), "warning".to_owned())].lead_days.clone();
    assert_eq!((of("r"), of("s"), &found.all.lead_days), (vec![5.0], vec![20.0], &vec![20.0]));
    // Near: 60 + 30 days of a and of b; all: 300 days of five patients.
    assert_eq!(found.chance, Some(180.0 / 1500.0));
}
