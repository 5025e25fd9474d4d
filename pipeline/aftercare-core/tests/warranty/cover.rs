//! Who bears a slot: the warranty, the patient, nobody.

use crate::world::*;

/// Enrolled; the device is not known yet. An upload of slot 1 was reviewed.
fn unknown_device() -> World {
    let mut world = World::new();
    world.tell(&enrolment(), day(0));
    world.billed(120.0, 120.0);
    world
}

#[test]
fn what_is_stored_on_day_30_still_counts() {
    let mut world = unknown_device();
    assert_eq!((world.held("u-1"), world.owes("m-alpha")), (Some("cover_unknown"), "0.00".into()));
    world.tick(day(30));
    assert_eq!(world.held("u-1"), Some("cover_unknown"));
    world.tell(&device(), day(30));
    assert_eq!((world.held("u-1"), world.owes("m-alpha")), (None, "64.00".into()));
    // in the month of the review, which is not closed
    assert!(
        world
            .entries
            .iter()
            .filter(|e| &*e.component == "fee")
            .all(|e| e.booking_period.to_string() == "2025-01")
    );
}

#[test]
fn what_is_not_stored_by_then_is_not_covered() {
    let mut world = unknown_device();
    world.tell(&consent("enr-3", 0, true), day(20));
    assert_eq!(world.book.next_due(), Some(midnight(31)));
    world.tick(midnight(31));
    // the patient pays 80 alone
    assert_eq!(world.lines(), owed(&[("fee", "patient", "80.00")]));
    // stored later: what was billed is reversed, and issued by the warranty's shares
    world.tell(&device(), day(40));
    assert_eq!(world.lines(), owed(&[("fee", "m-alpha", "64.00"), ("fee", "patient", "16.00")]));
    let ids: Vec<_> = world.entries.iter().filter(|e| e.payer.as_deref() == Some("patient")).collect();
    let told: Vec<_> =
        ids.iter().map(|e| (e.entry_id.as_str(), e.amount.text(2), e.reverses.as_deref())).collect();
    let id = |n: u32| format!("warranty-example/e-1/slot-01/fee/patient/{n}");
    assert_eq!(
        told,
        [
            (&*id(0), "80.00".to_owned(), None),
            (&*id(1), "-80.00".to_owned(), Some(&*id(0))),
            (&*id(2), "16.00".to_owned(), None),
        ]
    );
}

#[test]
fn a_known_device_is_known_by_any_revision_that_said_it() {
    use aftercare_core::facts::{Body, EnrolmentFact, InputKind, RecordHead, RecordStatus, Source};
    use aftercare_core::patient::Verdict;
    let mut world = World::new();
    world.tell(&enrolment(), day(0));
    let said = EnrolmentFact { device: Some("stent-a"), manufacturer: Some("m-alpha"), ..statement(-5) };
    let head = |revision| RecordHead {
        kind: InputKind::Enrolment,
        id: "enr-2",
        revision,
        status: RecordStatus::Amended,
        source: Source::Live,
        event_at: day(-5),
        digest: 0,
        retry: false,
    };
    let body = Body::Enrolment(said);
    // the second revision was taken first; the first says that it was known on day 5
    assert!(world.book.take(&head(2), &body, &Verdict::Accepted, day(9)));
    assert!(world.book.take(&head(1), &body, &Verdict::Superseded, day(5)));
    assert!(!world.book.take(&head(1), &body, &Verdict::Duplicate, day(1)));
    let accrual = world.tick(day(10)).iter().find(|entry| &*entry.component == "accrual").unwrap();
    assert_eq!(accrual.triggered_at, midnight(5));
}

#[test]
fn consent_and_free_monitoring_are_judged_on_the_day_of_each_answer() {
    let mut world = World::new();
    world.tell(&enrolment(), day(0));
    world.tick(day(31));
    world.tell(&consent("yes", 44, true), day(31));
    world.tell(&consent("no", 58, false), day(31));
    world.tell(&Fact::Choice("free", day(70), "chosen"), day(31));
    world.tell(&Fact::Choice("over", day(84), "ended"), day(31));
    for (id, on, held, owed) in [
        ("u-1", 42, Some("not_covered_no_consent"), "0.00"),
        ("u-2", 57, None, "80.00"),
        ("u-3", 69, Some("not_covered_no_consent"), "80.00"),
        ("u-4", 83, Some("free_monitoring"), "80.00"),
        ("u-5", 97, Some("not_covered_no_consent"), "80.00"),
    ] {
        world.tell(&upload(id, on, 120.0, 120.0), day(on));
        world.tell(&review(id, on), day(on));
        assert_eq!((world.held(id), world.owes("patient").as_str()), (held, owed), "{id}");
    }
}

#[test]
fn after_the_26th_slot_the_patient_pays_by_consent() {
    let mut world = World::covered();
    world.tell(&consent("yes", 380, true), day(0));
    for (id, on, held) in [
        // slot 26 is [T + 357, T + 371), slot 27 begins on T + 371
        ("last", 370, None),
        ("after", 371, Some("beyond_warranty_no_consent")),
        ("self", 385, None),
    ] {
        world.tell(&upload(id, on, 140.0, 120.0), day(on));
        world.tell(&review(id, on), day(on));
        assert_eq!(world.held(id), held, "{id}");
    }
    // slot 26: 19.20 of the patient, 76.80 of the manufacturer; slot 28: the patient has fee and adjustment, 96.00
    assert_eq!((world.owes("patient"), world.owes("m-alpha")), ("115.20".into(), "76.80".into()));
}
