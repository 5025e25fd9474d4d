//! Compensation for extended therapy after a bad outcome.

use crate::world::*;

fn paid(index: f64, from: i64, to: i64) -> World {
    let mut world = World::covered();
    world.tell(&upload("u-1", 14, index, 120.0), day(14));
    world.tell(&Fact::Therapy("ev-1", day(from), Some(day(to))), day(14));
    world.tick(day(600));
    world
}

fn owed_for(world: &World) -> i64 {
    world.net().iter().filter(|(key, _)| key.1 == "compensation").map(|(_, amount)| amount / 100).sum()
}

#[test]
fn each_completed_week_is_1000() {
    // 84 / 120 = 0.70, the edge; [20, 41) has three weeks
    let world = paid(84.0, 20, 41);
    assert_eq!(owed_for(&world), 3_000);
    let weeks: Vec<_> = world.entries.iter().filter(|e| &*e.component == "compensation").collect();
    assert_eq!(weeks[0].entry_id, "warranty-example/e-1/ev-1/week-01/compensation/m-alpha/0");
    assert_eq!(weeks[0].payee.as_deref(), Some("patient"));
    // dated on the week's last day: T + 26, T + 33, T + 40, i.e. 27 January, 3 and 10 February
    let dates: Vec<_> = weeks.iter().map(|e| (e.triggered_at, e.service_period.to_string())).collect();
    assert_eq!(
        dates,
        [
            (midnight(26), "2025-01".to_owned()),
            (midnight(33), "2025-02".to_owned()),
            (midnight(40), "2025-02".to_owned()),
        ]
    );
    // it is not accrued
    assert_eq!(world.balance("warranty-payable").0, 0);
}

#[test]
fn a_week_that_is_not_full_or_an_outcome_above_the_edge_is_nothing() {
    assert_eq!(owed_for(&paid(84.0, 20, 40)), 2_000);
    assert_eq!(owed_for(&paid(84.0, 20, 26)), 0);
    // 84.00012 / 120 = 0.700001
    assert_eq!(owed_for(&paid(84.000_12, 20, 41)), 0);
    // answered on the day on which the first week begins: it does not judge that week, but the second
    assert_eq!(owed_for(&paid(84.0, 14, 28)), 1_000);
}

#[test]
fn weeks_that_begin_from_day_371_on_are_nothing() {
    assert_eq!(owed_for(&paid(84.0, 370, 391)), 1_000);
    assert_eq!(owed_for(&paid(84.0, 371, 391)), 0);
}

#[test]
fn absurd_times_end_too() {
    use aftercare_core::time::Instant;
    let mut world = World::covered();
    world.tell(&upload("u-1", 14, 60.0, 120.0), day(14));
    for (id, from, to) in [
        ("ev-1", Instant::MIN, Instant::MAX),
        ("ev-2", Instant::MAX, Instant::MIN),
        ("ev-3", day(10), Instant::MAX),
    ] {
        world.tell(&Fact::Therapy(id, from, Some(to)), day(40));
    }
    // ev-1: weeks of seven days that begin in [T + 15, T + 371) and end by T + 40; ev-3: [T + 17, T + 38)
    let weeks = world.entries.iter().filter(|entry| &*entry.component == "compensation");
    assert!((5..=6).contains(&weeks.count()));
    world.tell(&Fact::Score(Box::new(score("u-2", 14, Some(f64::MAX), Some(1e-300)))), Instant::MAX);
    assert_eq!(world.book.next_due(), None);
}

#[test]
fn weeks_count_once_the_end_is_recorded() {
    let mut world = World::covered();
    world.tell(&upload("u-1", 14, 60.0, 120.0), day(14));
    world.tell(&Fact::Therapy("ev-1", day(20), None), day(50));
    assert_eq!(owed_for(&world), 0);
    world.tell(&Fact::Therapy("ev-1", day(20), Some(day(34))), day(60));
    assert_eq!(owed_for(&world), 2_000);
}

#[test]
fn the_last_index_before_the_week_judges_billed_or_not() {
    let mut world = World::covered();
    world.tell(&upload("u-1", 14, 60.0, 120.0), day(14));
    // the second of its slot is not billed; it is good, so that the weeks after it are not compensated
    world.tell(&upload("u-2", 18, 118.0, 120.0), day(18));
    world.tell(&Fact::Therapy("ev-1", day(16), Some(day(37))), day(40));
    assert_eq!(world.held("u-2"), Some("not_first_in_slot"));
    assert_eq!(owed_for(&world), 1_000);
    // no curve: nothing
    let mut world = World::covered();
    world.tell(&Fact::Score(Box::new(score("u-1", 14, Some(10.0), None))), day(14));
    world.tell(&Fact::Therapy("ev-1", day(20), Some(day(34))), day(40));
    assert_eq!(owed_for(&world), 0);
}

#[test]
fn it_waits_for_the_device() {
    let mut world = World::new();
    world.tell(&enrolment(), day(0));
    world.tell(&upload("u-1", 8, 60.0, 120.0), day(8));
    world.tell(&Fact::Therapy("ev-1", day(10), Some(day(17))), day(20));
    assert_eq!((world.held("ev-1/week-01"), owed_for(&world)), (Some("cover_unknown"), 0));
    world.tell(&device(), day(21));
    assert_eq!((world.held("ev-1/week-01"), owed_for(&world)), (None, 1_000));
}
