//! Transplant cover: income, points, premium, prognosis.

use crate::world::*;

const CONTRACT: &str = "transplant-cover-example";
const INSURER: &str = "insurer-example";

fn world() -> World {
    World::treated(CONTRACT, "2025-01-15")
}

fn salary(id: &str, on: &str, amount: &str) -> Fact {
    event(id, on, "social").code("base_salary").amount(amount)
}

fn inability(from: &str, until: &str) -> Fact {
    let span = event("ia-1", &format!("{from}T00:00"), "social").code("inability_to_work");
    span.until(&format!("{until}T00:00"))
}

fn text(one: &str, other: &str) -> (String, String) {
    (one.to_owned(), other.to_owned())
}

#[test]
fn income_is_half_the_salary_at_most_10_000() {
    for (amount, paid) in [
        ("8000.00", "4000.00"),
        ("20000.00", "10000.00"),
        ("20000.02", "10000.00"),
        ("30000.00", "10000.00"),
        // 4,000.005
        ("8000.01", "4000.01"),
    ] {
        let mut world = world();
        world.tell(&salary("sa-1", "2025-01-01", amount), "2025-01-15");
        world.tell(&inability("2025-02-15", "2025-02-16"), "2025-02-20");
        let line = ("income_benefit", INSURER, "patient", paid);
        assert_eq!(world.lines(), owed(&[line, ("premium", "patient", INSURER, "6000.00")]));
        assert_eq!(world.by_month("income_benefit"), [text("2025-02", paid)]);
    }
}

#[test]
fn the_first_day_of_each_policy_month_decides_and_the_salary_then() {
    let mut world = world();
    world.tell(&salary("sa-1", "2025-01-01", "8000.00"), "2025-01-15");
    world.tell(&salary("sa-2", "2025-04-15", "9000.00"), "2025-01-15");
    // 2025-02-15 not yet, 03-15, 04-15, not 05-15: the end is excluded
    world.tell(&inability("2025-02-16", "2025-05-15"), "2025-02-16");
    world.tick("2025-03-14");
    assert_eq!(world.total("income_benefit"), "0.00");
    assert_eq!(world.next_due(), Some(at("2025-03-15T00:00")));
    world.tick("2025-06-01");
    assert_eq!(world.by_month("income_benefit"), [text("2025-03", "4000.00"), text("2025-04", "4500.00")]);
}

#[test]
fn income_ends_with_the_first_year_and_with_death() {
    let mut world = world();
    world.tell(&salary("sa-1", "2025-01-01", "8000.00"), "2025-01-15");
    world.tell(&event("ia-1", "2025-01-10", "social").code("inability_to_work"), "2025-01-15");
    world.tick("2027-01-01");
    // 12 x 4,000
    assert_eq!(world.total("income_benefit"), "48000.00");
    world.tell(&event("died", "2025-04-15", "death"), "2027-01-02");
    // 2025-01-15, 02-15, 03-15
    assert_eq!(world.total("income_benefit"), "12000.00");
}

#[test]
fn income_is_held_while_the_salary_is_unknown() {
    let mut world = world();
    world.tell(&inability("2025-02-15", "2025-03-15"), "2025-02-20");
    assert_eq!(world.held("income-02"), Some("salary_unknown"));
    assert_eq!((world.held("income-01"), world.held("income-03")), (None, None));
    world.close("2025-02");
    let told = booked(world.tell(&salary("sa-1", "2025-02-01", "8000.00"), "2025-03-20"));
    assert_eq!(told.len(), 1);
    assert_eq!(
        (told[0].0.as_str(), told[0].1.as_str(), told[0].5.as_str()),
        ("2025-02", "2025-03", "late_fact")
    );
    assert_eq!(world.held("income-02"), None);
    // a salary that begins later is not in force on that day
    world.tell(&salary("sa-1", "2025-02-16", "8000.00").revision(2), "2025-03-21");
    assert_eq!(
        (world.held("income-02"), world.total("income_benefit")),
        (Some("salary_unknown"), "0.00".into())
    );
}

/// Adherence in per cent by month, from 2025-01 on; negative: no doses were due.
fn adherent(world: &mut World, by_month: &[f64]) {
    for (number, value) in by_month.iter().enumerate().filter(|(_, value)| **value >= 0.0) {
        let month = format!("{}-{:02}", 2025 + number / 12, number % 12 + 1);
        world.hear(&month_event(&month, "month-adherence", *value, "%"), "2026-06-01");
    }
    world.tick("2026-06-01");
}

fn earned(by_month: &[f64]) -> Vec<String> {
    let mut world = world();
    adherent(&mut world, by_month);
    let notices = world.notices().into_iter().filter(|(_, reason)| reason == "points_earned");
    notices.map(|(cause, _)| cause).collect()
}

#[test]
fn three_whole_months_in_a_row_earn_points_on_the_thirds_last_day() {
    // January began before the surgery
    assert_eq!(earned(&[100.0, 95.0, 96.0, 100.0]), ["points-2025-04"]);
    assert_eq!(earned(&[100.0, 95.0, 96.0]), [""; 0]);
    assert_eq!(earned(&[100.0, 95.0, 94.999_999, 100.0, 100.0, 100.0]), ["points-2025-06"]);
    // runs do not overlap
    assert_eq!(earned(&[100.0; 8]), ["points-2025-04", "points-2025-07"]);
    assert_eq!(earned(&[100.0; 6]), ["points-2025-04"]);
    // a month without due doses breaks a run
    assert_eq!(earned(&[100.0, 100.0, 100.0, -1.0, 100.0, 100.0, 100.0]), ["points-2025-07"]);
    // across the year
    assert_eq!(
        earned(&[0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 99.0, 99.0, 99.0]),
        ["points-2026-01"]
    );
    let mut world = world();
    adherent(&mut world, &[0.0, 95.0, 95.0, 95.0]);
    let notice = world.entry("e-1/points-2025-04/notice");
    assert_eq!((notice.amount.0, evidence(notice, "points")), (0, "100"));
    assert_eq!(notice.triggered_at, at("2025-04-30T00:00"));
}

fn redeemed(id: &str, on: &str, points: i64, item: &str) -> Fact {
    trade(id, on, "points_redeemed").points(points).item(item)
}

#[test]
fn points_are_worth_a_tenth_and_pay_rewards_or_premium() {
    let mut world = world();
    adherent(&mut world, &[100.0; 7]);
    world.tell(&redeemed("r-1", "2025-05-01", 60, "check_up"), "2026-06-02");
    world.tell(&redeemed("r-2", "2025-05-02", 15, "rehabilitation"), "2026-06-02");
    world.tell(&redeemed("r-3", "2025-05-03", 25, "premium"), "2026-06-02");
    // 60 x 0.10 + 15 x 0.10 = 7.50; 25 x 0.10 = 2.50 off the premium
    assert_eq!(
        (world.total("points_redeemed"), world.total("premium_points")),
        ("7.50".into(), "-2.50".into())
    );
    let line = world.entry("e-1/r-3/premium_points");
    assert_eq!((line.payer.as_deref(), line.payee.as_deref()), (Some("patient"), Some(INSURER)));
    // 100 earned, 100 redeemed
    world.tell(&redeemed("r-4", "2025-07-30", 1, "premium"), "2026-06-02");
    assert!(world.notices().contains(&text("r-4", "redemption_refused")));
    // the next run's points come on 2025-07-31
    world.tell(&redeemed("r-5", "2025-07-31", 100, "premium"), "2026-06-02");
    assert_eq!(world.total("premium_points"), "-12.50");
}

#[test]
fn more_than_the_balance_is_refused_and_uses_nothing_up() {
    let mut world = world();
    adherent(&mut world, &[0.0, 95.0, 95.0, 95.0]);
    world.tell(&redeemed("r-1", "2025-04-29", 100, "check_up"), "2026-06-02");
    world.tell(&redeemed("r-2", "2025-04-30", 101, "check_up"), "2026-06-02");
    world.tell(&redeemed("r-3", "2025-04-30T11:00", 100, "check_up"), "2026-06-02");
    assert_eq!(
        (world.of_cause("r-3", "points_redeemed"), world.total("points_redeemed")),
        ("10.00".into(), "10.00".into())
    );
    for id in ["r-1", "r-2"] {
        assert!(world.notices().contains(&text(id, "redemption_refused")), "{id}");
    }
    let refused = world.entry("e-1/r-2/notice");
    assert!(
        refused.said.iter().any(|said| said == "Redeeming 101 is more than that: refused."),
        "{:?}",
        refused.said
    );
    // the readings of March are corrected: there never were points
    let march = month_event("2025-03", "month-adherence", 90.0, "%").revision(2);
    world.tell(&march, "2026-06-03");
    assert_eq!(world.total("points_redeemed"), "0.00");
    assert!(world.notices().contains(&text("r-3", "redemption_refused")));
}

#[test]
fn a_redemption_for_what_is_not_listed_is_held() {
    let mut world = world();
    adherent(&mut world, &[0.0, 95.0, 95.0, 95.0]);
    world.tell(&redeemed("r-1", "2025-05-01", 100, "holiday"), "2026-06-02");
    world.tell(&trade("r-2", "2025-05-01", "points_redeemed").item("premium"), "2026-06-02");
    assert_eq!((world.held("r-1"), world.held("r-2")), (Some("reward_unknown"), Some("points_unknown")));
    // what is held is not redeemed
    world.tell(&redeemed("r-3", "2025-05-02", 100, "premium"), "2026-06-02");
    assert_eq!(world.total("premium_points"), "-10.00");
}

/// Premiums by month of service, on 2032-02-01.
fn premiums(complications: &[&str]) -> Vec<(String, String)> {
    let mut world = world();
    for (number, on) in complications.iter().enumerate() {
        world.hear(&event(&format!("co-{number}"), on, "complication").code("N17"), on);
    }
    world.tick("2032-02-01");
    world.by_month("premium")
}

#[test]
fn the_premium_is_due_on_each_anniversary_and_a_tenth_less_after_60_good_months() {
    let full = |year: i32| text(&format!("{year}-01"), "6000.00");
    let less = |year: i32| text(&format!("{year}-01"), "5400.00");
    let first_five: Vec<_> = (2025..2030).map(full).collect();
    let with = |rest: [(String, String); 3]| [first_five.clone(), rest.to_vec()].concat();
    // 6,000 x 0.9, each time of the whole
    assert_eq!(premiums(&[]), with([less(2030), less(2031), less(2032)]));
    // on the first of the 60 months' days: counts at the fifth, not at the sixth
    assert_eq!(premiums(&["2025-01-15"]), with([full(2030), less(2031), less(2032)]));
    assert_eq!(premiums(&["2030-01-14"]), with([full(2030), full(2031), full(2032)]));
    // on the anniversary itself: not at that one
    assert_eq!(premiums(&["2030-01-15"]), with([less(2030), full(2031), full(2032)]));
    assert_eq!(premiums(&["2026-01-14"]), with([full(2030), less(2031), less(2032)]));
}

#[test]
fn a_late_complication_takes_the_rebate_back() {
    let mut world = world();
    world.tick("2030-01-15");
    world.close("2030-01");
    let changed = booked(world.tell(&event("co-1", "2029-12-01", "complication"), "2030-02-10"));
    let told: Vec<_> =
        changed.iter().map(|line| (line.1.as_str(), line.4.as_str(), line.5.as_str())).collect();
    assert_eq!(told, [("2030-02", "-5400.00", "corrected"), ("2030-02", "6000.00", "late_fact")]);
}

#[test]
fn who_died_owes_no_premium_from_that_day_on() {
    let mut world = world();
    world.tell(&event("died", "2027-01-15", "death"), "2027-01-15");
    world.tick("2030-01-15");
    assert_eq!(world.by_month("premium"), [text("2025-01", "6000.00"), text("2026-01", "6000.00")]);
}

#[test]
fn an_anniversary_of_a_leap_day_is_the_last_of_february() {
    let mut world = World::treated(CONTRACT, "2024-02-29");
    world.tick("2025-02-27");
    assert_eq!(world.total("premium"), "6000.00");
    world.tick("2025-02-28");
    assert_eq!(world.total("premium"), "12000.00");
}

fn part(id: &str, on: &str, code: &str, value: f64) -> Fact {
    event(id, on, "measurement").coding("aftercare").code(&format!("prognosis/{code}")).value(value, "1")
}

#[test]
fn the_prognosis_index_is_the_mean_of_its_parts_and_steers_service() {
    let mut world = world();
    world.hear(&part("a", "2025-02-01", "physical", 60.0), "2025-02-01");
    world.hear(&part("b", "2025-02-01", "psychological", 49.9), "2025-02-01");
    world.hear(&part("c-0", "2025-02-01", "social", 10.0), "2025-02-01");
    world.hear(&part("c", "2025-04-14", "social", 70.0), "2025-04-14");
    let glucose = |id: &str, on: &str, value: f64| {
        event(id, on, "measurement").coding("loinc").code("14749-6").value(value, "mmol/L")
    };
    world.hear(&glucose("g", "2025-04-01", 7.1), "2025-04-01");
    world.tick("2025-04-14");
    assert!(world.notices().is_empty());
    world.tick("2025-04-15");
    // (60 + 49.9 + 70) / 3
    assert_eq!(evidence(world.entry("e-1/prognosis-01/notice"), "index"), "59.966667");
    assert_eq!(
        world.notices(),
        [
            text("prognosis-01", "prognosis_index"),
            text("counselling-01", "counselling_more_often"),
            text("dietitian-01", "dietitian_more_often"),
        ]
    );
    // limits belong to what is normal; the last value of the quarter counts
    world.hear(&glucose("g-2", "2025-04-02", 7.0), "2025-04-16");
    world.tell(&part("b", "2025-02-01", "psychological", 50.0).revision(2), "2025-04-16");
    assert_eq!(world.notices(), [text("prognosis-01", "prognosis_index")]);
    world.tell(&glucose("g-3", "2025-04-03", 3.8), "2025-04-17");
    assert!(world.notices().contains(&text("dietitian-01", "dietitian_more_often")));
    // the next quarter has no social part yet
    world.hear(&part("a-2", "2025-05-01", "physical", 60.0), "2025-05-01");
    world.hear(&part("b-2", "2025-05-01", "psychological", 60.0), "2025-05-01");
    world.tick("2025-07-15");
    assert_eq!(world.held("prognosis-02"), Some("social_part_missing"));
}
