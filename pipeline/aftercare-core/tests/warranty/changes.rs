//! Facts that change what was issued, before and after a closing.

use aftercare_core::contract::{Entry, EntryKind};
use aftercare_core::facts::{EnrolmentFact, RecordStatus};

use crate::world::*;

fn lines(entries: &[Entry]) -> Vec<(&str, String, String, String, Option<&str>)> {
    let lines = entries.iter().filter(|entry| entry.kind == EntryKind::Line);
    lines
        .map(|entry| {
            let (service, booking) = (entry.service_period.to_string(), entry.booking_period.to_string());
            let id = entry.entry_id.strip_prefix("warranty-example/e-1/slot-01/").unwrap();
            (id, entry.amount.text(2), service, booking, entry.reason.as_deref())
        })
        .collect()
}

fn line<'a>(
    id: &'a str,
    amount: &str,
    booking: &str,
    reason: Option<&'a str>,
) -> (&'a str, String, String, String, Option<&'a str>) {
    (id, amount.to_owned(), "2025-01".to_owned(), booking.to_owned(), reason)
}

#[test]
fn before_the_closing_a_line_is_recomputed_in_its_month() {
    let mut world = World::covered();
    world.billed(118.0, 120.0);
    let corrected = world.tell(&upload("u-1", 14, 140.0, 120.0), day(20));
    assert_eq!(
        lines(corrected),
        [
            // the fees are unchanged and stay
            line("adjustment/patient/0", "3.20", "2025-01", None),
            line("adjustment/m-alpha/0", "12.80", "2025-01", None),
        ]
    );
    let back = world.tell(&upload("u-1", 14, 118.0, 120.0), day(21));
    assert_eq!(
        lines(back),
        [
            line("adjustment/m-alpha/1", "-12.80", "2025-01", Some("recomputed")),
            line("adjustment/patient/1", "-3.20", "2025-01", Some("recomputed")),
        ]
    );
}

#[test]
fn after_the_closing_it_is_reversed_and_issued_again_in_the_open_month() {
    let mut world = World::covered();
    world.billed(140.0, 120.0);
    world.close("2025-01");
    let below = world.tell(&upload("u-1", 14, 100.0, 120.0), day(40));
    assert_eq!(
        lines(below),
        [
            line("adjustment/patient/1", "-3.20", "2025-02", Some("corrected")),
            line("adjustment/patient/2", "-3.20", "2025-02", Some("late_fact")),
            line("adjustment/m-alpha/1", "-12.80", "2025-02", Some("corrected")),
            line("adjustment/m-alpha/2", "-12.80", "2025-02", Some("late_fact")),
        ]
    );
    // 96 - 32 = 64: 12.80 and 51.20
    assert_eq!((world.owes("patient"), world.owes("m-alpha")), ("12.80".into(), "51.20".into()));
}

#[test]
fn a_line_first_known_after_its_month_closed_is_booked_in_the_open_one() {
    let mut world = World::covered();
    world.tell(&upload("u-1", 14, 120.0, 120.0), day(14));
    world.close("2025-01");
    world.close("2025-02");
    let late = world.tell(&review("u-1", 16), day(70));
    assert_eq!(
        lines(late),
        [
            line("fee/patient/0", "16.00", "2025-03", Some("late_fact")),
            line("fee/m-alpha/0", "64.00", "2025-03", Some("late_fact")),
        ]
    );
}

#[test]
fn a_withdrawn_upload_takes_its_lines_back_and_frees_the_slot() {
    let mut world = World::covered();
    world.billed(120.0, 120.0);
    world.tell(&upload("u-2", 18, 120.0, 120.0), day(18));
    assert_eq!(world.held("u-2"), Some("not_first_in_slot"));
    let mut gone = score("u-1", 14, Some(120.0), Some(120.0));
    gone.status = aftercare_core::patient::ScoreStatus::Withdrawn;
    world.tell(&Fact::Score(Box::new(gone)), day(19));
    assert_eq!((world.held("u-2"), world.owes("m-alpha")), (Some("awaiting_review"), "0.00".into()));
    world.tell(&review("u-2", 19), day(19));
    assert_eq!((world.held("u-2"), world.owes("m-alpha")), (None, "64.00".into()));
}

#[test]
fn another_manufacturer_takes_over_lines_and_books() {
    let mut world = World::covered();
    world.billed(120.0, 120.0);
    let said = EnrolmentFact { manufacturer: Some("m-beta"), ..statement(1) };
    world.tell(&Fact::Enrolment("enr-3", said), day(20));
    assert_eq!((world.owes("m-alpha"), world.owes("m-beta")), ("0.00".into(), "64.00".into()));
    let books = |payer: &str| -> i64 {
        let own = world.entries.iter().filter(|e| e.kind == EntryKind::Posting);
        own.filter(|e| e.payer.as_deref() == Some(payer)).map(|e| e.amount.0).sum()
    };
    // 1,164.80 accrued, 44.80 claimed, 19.20 variance
    assert_eq!((books("m-alpha"), books("m-beta")), (0, 116_480 + 4_480 + 1_920));
}

#[test]
fn a_withdrawn_enrolment_takes_everything_back() {
    let mut world = World::covered();
    world.billed(120.0, 120.0);
    world.hear_as(&enrolment(), day(20), RecordStatus::EnteredInError);
    world.tick(day(20));
    assert!(world.net().is_empty(), "{:?}", world.net());
}

#[test]
fn a_reason_replaces_the_one_before_and_nothing_is_said_twice() {
    let mut world = World::covered();
    world.tell(&upload("u-1", 14, 120.0, 120.0), day(14));
    assert!(world.tick(day(15)).is_empty());
    world.tick(day(21));
    world.tell(&review("u-1", 20), day(22));
    let held = world.entries.iter().filter(|entry| entry.kind == EntryKind::Held);
    let told: Vec<_> =
        held.map(|e| (e.entry_id.as_str(), e.reason.as_deref(), e.reverses.as_deref())).collect();
    let id = |n: u32| format!("warranty-example/e-1/u-1/held/{n}");
    assert_eq!(
        told,
        [
            (&*id(0), Some("awaiting_review"), None),
            (&*id(1), Some("no_review"), Some(&*id(0))),
            (&*id(2), Some("settled"), Some(&*id(1))),
        ]
    );
}
