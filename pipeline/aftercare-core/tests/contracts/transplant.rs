//! Transplant cover: sums by stage, the year's deductible, rates, the second transplant, changes of a fact.

use aftercare_core::facts::Source;

use crate::world::*;

const CONTRACT: &str = "transplant-cover-example";
const INSURER: &str = "insurer-example";

/// Surgery on 2025-01-15: acute until 2025-04-15, consolidation until 2026-01-15 (those days not).
fn world() -> World {
    World::treated(CONTRACT, "2025-01-15")
}

fn cost(id: &str, on: &str, amount: &str) -> Fact {
    event(id, on, "cost").amount(amount).category("inpatient")
}

/// What is paid of a cost, from the extra sum and from stage and year.
fn paid(world: &World, id: &str) -> (String, String) {
    (world.of_cause(&format!("{id}/extra"), "benefit"), world.of_cause(&format!("{id}/stage"), "benefit"))
}

fn from_stage(world: &World, id: &str) -> String {
    let (extra, stage) = paid(world, id);
    assert_eq!(extra, "0.00");
    stage
}

#[test]
fn stages_pay_up_to_200_000_and_150_000_and_150_000_in_each_later_year() {
    let mut world = world();
    // each is far above: (1,000,000 - 10,000) x 0.9 = 891,000, or 900,000 where the deductible is used up
    for (id, on, caps) in [
        ("c-1", "2025-01-15", "200000.00"),
        ("c-2", "2025-04-14", "0.00"),
        ("c-3", "2025-04-15", "150000.00"),
        ("c-4", "2026-01-14", "0.00"),
        ("c-5", "2026-01-15", "150000.00"),
        ("c-6", "2027-01-14", "0.00"),
        ("c-7", "2027-01-15", "150000.00"),
        ("c-8", "2028-03-01", "150000.00"),
    ] {
        world.tell(&cost(id, on, "1000000.00"), on);
        assert_eq!(from_stage(&world, id), caps, "{id}");
    }
    let line = world.entry("e-1/c-1/stage/benefit");
    assert_eq!((line.payer.as_deref(), line.payee.as_deref()), (Some(INSURER), Some("patient")));
    for (name, value) in [
        ("stage", "acute"),
        ("policy_year", "1"),
        ("deducted", "10000.00"),
        ("rate", "0.9"),
        ("payable", "891000.00"),
        ("stage_left", "200000.00"),
        ("from_stage", "200000.00"),
    ] {
        assert_eq!(evidence(line, name), value, "{name}");
    }
    assert!(line.said.iter().any(|said| said.contains("990000.00 x 0.9 = 891000.00")), "{:?}", line.said);
}

#[test]
fn what_a_stage_leaves_does_not_move() {
    let mut world = world();
    world.tell(&cost("c-1", "2025-02-01", "110000.00"), "2025-02-01");
    world.tell(&cost("c-2", "2025-05-01", "1000000.00"), "2025-05-01");
    // (110,000 - 10,000) x 0.9 = 90,000 of 200,000; then 150,000 and no more
    assert_eq!(
        (from_stage(&world, "c-1"), from_stage(&world, "c-2")),
        ("90000.00".into(), "150000.00".into())
    );
}

#[test]
fn the_deductible_is_10_000_a_year_after_public_insurance() {
    let mut world = world();
    let first = cost("c-1", "2025-02-01", "12000.00");
    let first = first.part("public_insurance", "nhsa", "4000.00").part("patient", "", "8000.00");
    world.tell(&first, "2025-02-01");
    world.tell(&cost("c-2", "2025-03-01", "5000.00"), "2025-03-01");
    // 12,000 - 4,000 = 8,000, all deducted; 2,000 are left: (5,000 - 2,000) x 0.9 = 2,700
    assert_eq!((from_stage(&world, "c-1"), from_stage(&world, "c-2")), ("0.00".into(), "2700.00".into()));
    // public insurance pays more than the cost: nothing
    let public = cost("c-3", "2025-03-02", "5000.00").part("public_insurance", "nhsa", "6000.00");
    world.tell(&public, "2025-03-02");
    assert_eq!(from_stage(&world, "c-3"), "0.00");
    // the next policy year has its own
    world.tell(&cost("c-4", "2026-01-15", "10000.00"), "2026-01-15");
    world.tell(&cost("c-5", "2026-01-16", "100.00"), "2026-01-16");
    assert_eq!((from_stage(&world, "c-4"), from_stage(&world, "c-5")), ("0.00".into(), "90.00".into()));
}

#[test]
fn it_is_5_000_for_who_is_in_the_programme_on_the_day_of_the_years_first_cost() {
    for (from, until, deductible) in [
        ("2025-02-01", None, "5000.00"),
        ("2025-01-20", Some("2025-02-02"), "5000.00"),
        // ended on the day, begun the day after
        ("2025-01-20", Some("2025-02-01"), "10000.00"),
        ("2025-02-02", None, "10000.00"),
    ] {
        let mut world = world();
        let programme = event("pr-1", &format!("{from}T00:00"), "programme");
        let programme = match until {
            Some(until) => programme.until(&format!("{until}T00:00")),
            None => programme,
        };
        world.tell(&programme, from);
        // the first cost pays nothing: public insurance bears it
        let first = cost("c-1", "2025-02-01", "1000.00").part("public_insurance", "nhsa", "1000.00");
        world.tell(&first, "2025-02-01");
        world.tell(&cost("c-2", "2025-06-01", "20000.00"), "2025-06-01");
        // (20,000 - 5,000) x 0.9 = 13,500; (20,000 - 10,000) x 0.9 = 9,000
        let paid = if deductible == "5000.00" { "13500.00" } else { "9000.00" };
        assert_eq!(from_stage(&world, "c-2"), paid, "{from}");
        assert_eq!(evidence(world.entry("e-1/c-2/stage/benefit"), "deductible"), deductible);
    }
}

#[test]
fn costs_are_taken_by_the_day_of_service_then_by_id() {
    let mut world = world();
    world.tell(&cost("c-b", "2025-02-01T08:00", "10000.00"), "2025-02-01");
    assert_eq!(from_stage(&world, "c-b"), "0.00");
    world.tell(&cost("c-a", "2025-02-01T15:00", "10000.00"), "2025-02-01T16:00");
    // c-a takes the deductible, c-b is paid: 9,000
    assert_eq!((from_stage(&world, "c-a"), from_stage(&world, "c-b")), ("0.00".into(), "9000.00".into()));
}

#[test]
fn a_benefit_is_rounded_once_half_away_from_zero() {
    let mut world = world();
    world.tell(&cost("c-1", "2025-02-01", "10000.00"), "2025-02-01");
    // 0.05 x 0.9 = 0.045
    world.tell(&cost("c-2", "2025-02-02", "0.05"), "2025-02-02");
    // 33.33 x 0.9 = 29.997
    world.tell(&cost("c-3", "2025-02-03", "33.33"), "2025-02-03");
    assert_eq!((from_stage(&world, "c-2"), from_stage(&world, "c-3")), ("0.05".into(), "30.00".into()));
}

#[test]
fn each_category_has_its_rate_and_the_version_is_that_of_the_surgery() {
    let drug = "category = \"drug\"\nrate = { decimal = \"0.90\" }";
    let better = "category = \"drug\"\nrate = { decimal = \"1.00\" }";
    let from = ("in_force_from = \"2020-01-01\"", "in_force_from = \"2025-01-01\"");
    for (treated, paid) in [("2024-12-31", "900.00"), ("2025-01-01", "1000.00")] {
        let mut world = World::new(CONTRACT);
        world.publish(2, &[from, (drug, better)]);
        world.tell(&enrolment(CONTRACT, treated), treated);
        for (id, category) in [("c-1", "inpatient"), ("c-2", "drug"), ("c-3", "unlisted")] {
            let amount = if id == "c-1" { "10000.00" } else { "1000.00" };
            world.tell(&event(id, "2025-02-01", "cost").amount(amount).category(category), "2025-02-01");
        }
        assert_eq!((from_stage(&world, "c-2"), from_stage(&world, "c-3")), (paid.into(), "900.00".into()));
    }
}

#[test]
fn a_second_transplant_adds_100_000_once_used_first_for_twelve_months() {
    let mut world = world();
    world.tell(&cost("c-1", "2025-02-01", "10000.00"), "2025-02-01");
    world.tell(&event("gf-1", "2025-06-01", "graft_failure"), "2025-06-01");
    world.tell(&event("su-2", "2025-07-01", "surgery"), "2025-07-01");
    for (id, on, amount, extra, stage) in [
        ("c-2", "2025-06-30", "1000.00", "0.00", "900.00"),
        // 200,000 x 0.9 = 180,000 = 100,000 + 80,000
        ("c-3", "2025-07-01", "200000.00", "100000.00", "80000.00"),
        // 90,000; of 150,000 the stage has 150,000 - 900 - 80,000 = 69,100 left
        ("c-4", "2025-08-01", "100000.00", "0.00", "69100.00"),
    ] {
        world.tell(&cost(id, on, amount), on);
        assert_eq!(paid(&world, id), (extra.into(), stage.into()), "{id}");
    }
    // a third transplant brings no other sum
    world.tell(&event("gf-2", "2025-09-01", "graft_failure"), "2025-09-01");
    world.tell(&event("su-3", "2025-09-02", "surgery"), "2025-09-02");
    world.tell(&cost("c-5", "2025-09-03", "1000.00"), "2025-09-03");
    assert_eq!(paid(&world, "c-5"), ("0.00".into(), "0.00".into()));
}

#[test]
fn the_extra_sum_serves_costs_before_the_day_twelve_months_later() {
    let mut world = world();
    world.tell(&event("gf-1", "2025-06-01", "graft_failure"), "2025-06-01");
    world.tell(&event("su-2", "2025-07-01", "surgery"), "2025-07-01");
    world.tell(&cost("c-1", "2026-06-30", "30000.00"), "2026-06-30");
    world.tell(&cost("c-2", "2026-07-01", "10000.00"), "2026-07-01");
    // the second policy year's deductible first: (30,000 - 10,000) x 0.9 = 18,000
    assert_eq!(paid(&world, "c-1"), ("18000.00".into(), "0.00".into()));
    assert_eq!(paid(&world, "c-2"), ("0.00".into(), "9000.00".into()));
}

#[test]
fn a_surgery_without_a_graft_failure_before_it_is_no_second_transplant() {
    let mut world = world();
    world.tell(&event("su-2", "2025-07-01", "surgery"), "2025-07-01");
    world.tell(&event("gf-1", "2025-07-02", "graft_failure"), "2025-07-02");
    world.tell(&cost("c-1", "2025-07-03", "20000.00"), "2025-07-03");
    assert_eq!(paid(&world, "c-1"), ("0.00".into(), "9000.00".into()));
}

#[test]
fn a_late_graft_failure_moves_what_was_paid_to_the_extra_sum() {
    let mut world = world();
    world.tell(&event("su-2", "2025-07-01", "surgery"), "2025-07-01");
    world.tell(&cost("c-1", "2025-07-03", "20000.00"), "2025-07-03");
    world.close("2025-07");
    world.tell(&event("gf-1", "2025-06-01", "graft_failure"), "2025-08-05");
    assert_eq!(paid(&world, "c-1"), ("9000.00".into(), "0.00".into()));
    let booked: Vec<_> = booked(&world.entries).into_iter().filter(|line| line.2 == "benefit").collect();
    let line = |booking: &str, amount: &str, reason: &str| {
        let text = |text: &str| text.to_owned();
        (text("2025-07"), text(booking), text("benefit"), text(INSURER), text(amount), text(reason))
    };
    assert_eq!(booked.len(), 3);
    assert_eq!(booked[0], line("2025-07", "9000.00", ""));
    assert!(booked.contains(&line("2025-08", "-9000.00", "corrected")), "{booked:?}");
    assert!(booked.contains(&line("2025-08", "9000.00", "late_fact")), "{booked:?}");
}

#[test]
fn a_cost_without_an_amount_is_held_until_it_comes_and_uses_nothing_up() {
    let mut world = world();
    world.tell(&event("c-1", "2025-02-01", "cost").category("inpatient"), "2025-02-01");
    world.tell(&cost("c-2", "2025-02-02", "20000.00"), "2025-02-02");
    assert_eq!(world.held("c-1"), Some("no_amount"));
    assert_eq!(from_stage(&world, "c-2"), "9000.00");
    world.tell(&cost("c-1", "2025-02-01", "30000.00").revision(2), "2025-02-10");
    // c-1 takes the deductible: (30,000 - 10,000) x 0.9; c-2 is paid in full: 18,000
    assert_eq!(world.held("c-1"), None);
    assert_eq!(
        (from_stage(&world, "c-1"), from_stage(&world, "c-2")),
        ("18000.00".into(), "18000.00".into())
    );
}

#[test]
fn imported_costs_are_history_and_costs_before_the_surgery_are_not_covered() {
    let mut world = world();
    world.tell(&cost("c-0", "2025-01-14", "50000.00"), "2025-01-15");
    world.tell(&cost("c-1", "2025-02-01", "50000.00").source(Source::Import), "2025-02-01");
    assert_eq!((world.held("c-0"), world.held("c-1")), (None, Some("imported")));
    world.tell(&cost("c-2", "2025-02-02", "20000.00"), "2025-02-02");
    assert_eq!((world.total("benefit"), from_stage(&world, "c-2")), ("9000.00".into(), "9000.00".into()));
}

#[test]
fn a_withdrawn_cost_gives_back_what_it_used_up() {
    let mut world = world();
    world.tell(&cost("c-1", "2025-02-01", "232222.23"), "2025-02-01");
    world.tell(&cost("c-2", "2025-02-02", "20000.00"), "2025-02-02");
    // (232,222.23 - 10,000) x 0.9 = 200,000.007, the acute part is used up
    assert_eq!((from_stage(&world, "c-1"), from_stage(&world, "c-2")), ("200000.00".into(), "0.00".into()));
    world.close("2025-02");
    let changed = world.tell(&cost("c-1", "2025-02-01", "232222.23").withdrawn(2), "2025-03-05");
    let text = |text: &str| text.to_owned();
    let line = |amount: &str, reason: &str| {
        (text("2025-02"), text("2025-03"), text("benefit"), text(INSURER), text(amount), text(reason))
    };
    // now c-2 bears the deductible: 9,000
    assert_eq!(booked(changed), [line("9000.00", "late_fact"), line("-200000.00", "corrected")]);
}

#[test]
fn an_amended_cost_is_recomputed_before_the_closing_and_reversed_after_it() {
    let mut world = world();
    world.tell(&cost("c-1", "2025-02-01", "20000.00"), "2025-02-01");
    let before = booked(world.tell(&cost("c-1", "2025-02-01", "21000.00").revision(2), "2025-02-20"));
    world.close("2025-02");
    let after = booked(world.tell(&cost("c-1", "2025-02-01", "22000.00").revision(3), "2025-03-20"));
    let told = |lines: Vec<(String, String, String, String, String, String)>| -> Vec<[String; 4]> {
        let service = |line: &(String, String, String, String, String, String)| line.0.clone();
        assert!(lines.iter().all(|line| service(line) == "2025-02"));
        lines.into_iter().map(|line| [line.1, line.2, line.4, line.5]).collect()
    };
    let line =
        |booking: &str, amount: &str, reason: &str| [booking, "benefit", amount, reason].map(str::to_owned);
    // 9,000, then 9,900, then 10,800
    assert_eq!(told(before), [line("2025-02", "-9000.00", "recomputed"), line("2025-02", "9900.00", "")]);
    assert_eq!(
        told(after),
        [line("2025-03", "-9900.00", "corrected"), line("2025-03", "10800.00", "late_fact")]
    );
}

#[test]
fn the_order_of_arrival_changes_nothing() {
    let facts = [
        cost("c-1", "2025-02-01", "12000.00").part("public_insurance", "nhsa", "4000.00"),
        cost("c-2", "2025-03-01", "150000.00"),
        cost("c-3", "2025-05-01", "5000.00"),
        cost("c-4", "2025-07-10", "180000.00"),
        event("gf-1", "2025-06-01", "graft_failure"),
        event("su-2", "2025-07-01", "surgery"),
        event("pr-1", "2025-01-20", "programme").until("2025-03-20"),
        cost("c-2", "2025-03-01", "140000.00").revision(2),
    ];
    let net = |order: &[usize]| {
        let mut world = world();
        for at in order {
            world.tell(&facts[*at], "2025-08-01");
        }
        world.net()
    };
    let usual = net(&[0, 1, 2, 3, 4, 5, 6, 7]);
    // 8,000 - 5,000 = 3,000 x 0.9 = 2,700; 126,000; 4,500; 162,000 = 100,000 + 62,000; and a premium of 6,000
    assert_eq!(usual.values().sum::<i64>(), minor("301200.00"));
    for order in [
        [7, 6, 5, 4, 3, 2, 1, 0],
        [3, 1, 5, 7, 0, 2, 4, 6],
        [6, 0, 7, 2, 5, 1, 3, 4],
        [4, 5, 3, 7, 6, 1, 0, 2],
    ] {
        assert_eq!(net(&order), usual, "{order:?}");
    }
}
