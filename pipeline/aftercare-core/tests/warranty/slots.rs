//! One slot: its upload, the step, the review, the month.

use aftercare_core::facts::{EnrolmentFact, Source, VerdictFact};
use aftercare_core::time::Instant;

use crate::world::*;

/// Index and expected value, and what they cost.
fn priced(index: f64, expected: f64) -> World {
    let mut world = World::covered();
    world.billed(index, expected);
    world
}

#[test]
fn within_the_expected_the_fee_is_80() {
    // 80 = 20 % + 80 % = 16.00 + 64.00
    let world = priced(118.0, 120.0);
    assert_eq!(world.lines(), owed(&[("fee", "m-alpha", "64.00"), ("fee", "patient", "16.00")]));
    let line = world
        .entries
        .iter()
        .find(|entry| entry.payer.as_deref() == Some("m-alpha") && &*entry.component == "fee");
    let line = line.unwrap();
    assert_eq!(line.entry_id, "warranty-example/e-1/slot-01/fee/m-alpha/0");
    assert_eq!((line.payee.as_deref(), &*line.currency, line.reason.as_deref()), (Some("c-1"), "CNY", None));
    assert_eq!(line.attribution.care_team.as_deref(), Some("team-1"));
    let evidence: Vec<(&str, &str)> = line.evidence.iter().map(|e| (&*e.name, e.value.as_str())).collect();
    for expected in [
        ("treated_on", "2025-01-01"),
        ("device", "stent-a"),
        ("slot", "1"),
        ("slot_from", "2025-01-08"),
        ("slot_to", "2025-01-21"),
        ("answered_on", "2025-01-15"),
        ("index", "118"),
        ("expected", "120"),
        ("n", "212"),
        ("edition", "coronary-stent/2025-01"),
        // 118 / 120 = 0.98333...
        ("ratio", "0.983333"),
        ("step", "within"),
        ("factor", "1"),
        ("verdict", "service"),
        ("reviewed_on", "2025-01-17"),
        ("duration", "30"),
        ("fee", "80.00"),
        ("component", "80.00"),
        ("share", "0.8"),
    ] {
        assert!(evidence.contains(&expected), "{expected:?} in {evidence:?}");
    }
}

#[test]
fn above_it_is_96_and_below_it_is_64() {
    // 96 = 80 + 16; 19.20 = 16.00 + 3.20; 76.80 = 64.00 + 12.80
    let above = priced(140.0, 120.0);
    assert_eq!((above.owes("patient"), above.owes("m-alpha")), ("19.20".into(), "76.80".into()));
    assert_eq!(
        above.lines(),
        owed(&[
            ("adjustment", "m-alpha", "12.80"),
            ("adjustment", "patient", "3.20"),
            ("fee", "m-alpha", "64.00"),
            ("fee", "patient", "16.00"),
        ])
    );
    // 64 = 80 - 16; 12.80 = 16.00 - 3.20; 51.20 = 64.00 - 12.80
    let below = priced(100.0, 120.0);
    assert_eq!((below.owes("patient"), below.owes("m-alpha")), ("12.80".into(), "51.20".into()));
}

#[test]
fn both_edges_belong_to_the_middle_step() {
    for (index, factor) in [
        // 108 / 120 = 0.90 and 132 / 120 = 1.10
        (108.0, "80.00"),
        (132.0, "80.00"),
        // 107.99988 / 120 = 0.899999; 132.00012 / 120 = 1.100001
        (107.999_88, "64.00"),
        (132.000_12, "96.00"),
        // 107.99999 / 120 = 0.8999999..., to six places 0.900000; 132.00001 / 120 = 1.1000000833 likewise
        (107.999_99, "80.00"),
        (132.000_01, "80.00"),
    ] {
        let world = priced(index, 120.0);
        let total: i64 = world.net().iter().filter(|(key, _)| key.3 == "c-1").map(|(_, amount)| amount).sum();
        assert_eq!(aftercare_core::money::Minor(total).text(2), factor, "{index}");
    }
}

#[test]
fn without_a_curve_the_fee_stays_and_says_so() {
    let mut world = World::covered();
    world.tell(&Fact::Score(Box::new(score("u-1", 14, Some(50.0), None))), day(14));
    world.tell(&review("u-1", 14), day(14));
    assert_eq!(world.owes("m-alpha"), "64.00");
    let fee = world.entries.iter().find(|entry| &*entry.component == "fee").unwrap();
    assert!(fee.evidence.iter().any(|e| (&*e.name, e.value.as_str()) == ("step", "no_curve")));
}

#[test]
fn a_slot_is_fourteen_days_and_its_first_index_counts() {
    let mut world = World::covered();
    for (id, on) in [("early", 6), ("first", 7), ("second", 20), ("next", 21)] {
        world.tell(&upload(id, on, 120.0, 120.0), day(on));
        world.tell(&review(id, on), day(on));
    }
    assert_eq!(world.held("early"), Some("before_first_slot"));
    assert_eq!(world.held("first"), None);
    assert_eq!(world.held("second"), Some("not_first_in_slot"));
    assert_eq!(world.held("next"), None);
    // two slots
    assert_eq!(world.owes("m-alpha"), "128.00");
}

#[test]
fn an_upload_without_an_index_takes_no_slot_and_neither_does_history() {
    let mut world = World::covered();
    world.tell(&Fact::Score(Box::new(score("u-0", 13, None, None))), day(13));
    let mut history = score("u-old", 13, Some(120.0), Some(120.0));
    history.source = Source::Import;
    world.tell(&Fact::Score(Box::new(history)), day(13));
    world.billed(120.0, 120.0);
    assert_eq!(world.held("u-0"), Some("no_baseline"));
    assert_eq!(world.held("u-old"), Some("imported"));
    assert_eq!(world.owes("m-alpha"), "64.00");
}

/// What becomes of an upload of day 14 with this session.
fn reviewed(ended_at: Instant, change: impl FnOnce(&mut VerdictFact<'static>)) -> World {
    let mut world = World::covered();
    world.tell(&upload("u-1", 14, 120.0, 120.0), day(14));
    let mut said = verdict("u-1", ended_at);
    change(&mut said);
    world.tell(&Fact::Review("se-1".to_owned(), said), ended_at);
    world.tick(day(30));
    world
}

#[test]
fn a_review_ends_within_seven_days_of_the_upload() {
    // the last moment of day U + 6 and the first of U + 7
    let last = Instant(midnight(21).0 - 1);
    assert_eq!(reviewed(last, |_| {}).owes("m-alpha"), "64.00");
    let world = reviewed(midnight(21), |_| {});
    assert_eq!((world.owes("m-alpha"), world.held("u-1")), ("0.00".into(), Some("review_too_late")));
}

#[test]
fn a_review_is_real_service_by_the_clinician_of_the_day() {
    let six = |said: &mut VerdictFact<'static>| said.burst_patients = 6;
    for (change, held) in [
        (
            Box::new(|said: &mut VerdictFact<'static>| said.burst_patients = 5) as Box<dyn FnOnce(&mut _)>,
            None,
        ),
        (Box::new(six), Some("review_burst")),
        (Box::new(|said: &mut VerdictFact<'static>| said.duration_ms = 29_999), Some("review_too_short")),
        (Box::new(|said: &mut VerdictFact<'static>| said.sections_read = 1), Some("review_too_few_sections")),
        (
            Box::new(|said: &mut VerdictFact<'static>| said.interactions = 2),
            Some("review_too_few_interactions"),
        ),
        (Box::new(|said: &mut VerdictFact<'static>| said.clinician_id = "c-2"), Some("review_by_other")),
        (
            Box::new(|said: &mut VerdictFact<'static>| {
                (said.service, said.reasons) = (false, vec!["burst", "too_short"]);
            }),
            Some("review_burst"),
        ),
    ] {
        let world = reviewed(day(15), change);
        assert_eq!(world.held("u-1"), held);
        assert_eq!(world.owes("m-alpha"), if held.is_none() { "64.00" } else { "0.00" });
    }
}

#[test]
fn the_clinician_is_the_one_of_the_review_s_day() {
    let mut world = World::covered();
    let moved = EnrolmentFact { clinician_id: Some("c-2"), ..statement(16) };
    world.tell(&Fact::Enrolment("enr-3", moved), day(1));
    world.tell(&upload("u-1", 14, 120.0, 120.0), day(14));
    world.tell(&Fact::Review("by-1".into(), verdict("u-1", day(16))), day(16));
    assert_eq!(world.held("u-1"), Some("awaiting_review"));
    let second = VerdictFact { clinician_id: "c-2", ..verdict("u-1", day(17)) };
    world.tell(&Fact::Review("by-2".into(), second), day(17));
    assert_eq!((world.held("u-1"), world.owes("m-alpha")), (None, "64.00".into()));
    assert!(world.entries.iter().any(|entry| entry.payee.as_deref() == Some("c-2")));
}

#[test]
fn the_first_review_that_qualifies_counts() {
    let mut world = World::covered();
    world.tell(&upload("u-1", 28, 120.0, 120.0), day(28));
    // day 32 is 2 February, day 30 is 31 January
    world.tell(&Fact::Review("later".into(), verdict("u-1", day(32))), day(33));
    let short = VerdictFact { duration_ms: 1, ..verdict("u-1", day(29)) };
    world.tell(&Fact::Review("short".into(), short), day(33));
    world.tell(&Fact::Review("first".into(), verdict("u-1", day(30))), day(33));
    let fees: Vec<_> = world.net().into_keys().filter(|key| key.1 == "fee").map(|key| key.0).collect();
    assert_eq!(fees, ["2025-01", "2025-01"]);
}

#[test]
fn the_month_is_that_of_the_review_s_end_in_the_contract_s_zone() {
    // day 30 is 31 January; midnight in Shanghai is 16:00 UTC of the same day
    for (ended_at, month) in [(Instant(midnight(31).0 - 1), "2025-01"), (midnight(31), "2025-02")] {
        let mut world = World::covered();
        world.tell(&upload("u-1", 28, 120.0, 120.0), day(28));
        world.tell(&Fact::Review("se-1".into(), verdict("u-1", ended_at)), day(31));
        let fee = world.entries.iter().find(|entry| &*entry.component == "fee").unwrap();
        assert_eq!((fee.service_period.to_string().as_str(), fee.triggered_at), (month, ended_at));
    }
}

#[test]
fn the_29th_of_february_is_a_day_like_any_other() {
    let mut world = World::new();
    // 2024-02-15 is 321 days before 2025-01-01
    let said = EnrolmentFact {
        treated_at: Some(day(-321)),
        contract: Some(CONTRACT),
        clinician_id: Some("c-1"),
        ..statement(-330)
    };
    world.tell(&Fact::Enrolment("enr-1", said), day(-321));
    world.tell(&device(), day(-321));
    // slot 1 is [T + 7, T + 21): 2024-02-22 to 2024-03-06; day T + 14 is 2024-02-29
    world.tell(&upload("u-1", -307, 120.0, 120.0), day(-307));
    world.tell(&review("u-1", -307), day(-307));
    let fee = world.entries.iter().find(|entry| &*entry.component == "fee").unwrap();
    assert_eq!(fee.service_period.to_string(), "2024-02");
    let value = |name: &str| fee.evidence.iter().find(|e| &*e.name == name).unwrap().value.clone();
    assert_eq!((value("slot_from"), value("slot_to")), ("2024-02-22".into(), "2024-03-06".into()));
    assert_eq!(value("reviewed_on"), "2024-02-29");
}
