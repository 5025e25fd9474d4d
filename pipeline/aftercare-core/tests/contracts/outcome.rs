//! Long-term outcome: colon cancer, type 2 diabetes, spinal muscular atrophy.

use crate::world::*;

const COLON: &str = "ltop-colon-example";

/// Patients treated on 29 February 2024: free of relapse, relapsed, unknown. Their 36-month day is 28 February 2027.
fn treated(free: usize, relapsed: usize, unknown: usize) -> World {
    let mut world = World::new(COLON);
    for number in 0..free + relapsed + unknown {
        let (person, episode) = (format!("p-{number:02}"), format!("e-{number:02}"));
        world.of(&person).hear(&enrolment(COLON, "2024-02-29").episode(&episode), "2024-02-29");
        if number < free {
            world.hear(&event("seen", "2027-02-28", "assessment").result("relapse_free"), "2027-03-01");
        } else if number < free + relapsed {
            world.hear(&event("rel", "2027-02-28", "relapse"), "2027-03-01");
        }
    }
    world.tick("2027-12-31");
    world
}

#[test]
fn everyone_whose_state_is_known_is_settled_by_the_rate() {
    let settled = |free, relapsed, unknown| {
        let mut world = treated(free, relapsed, unknown);
        world.settle("2027-12-31");
        assert_eq!(world.total("outcome_bonus"), "0.00", "not before 1 January 2028");
        world.tick("2028-01-01");
        [world.total("start_payment"), world.total("outcome_bonus"), world.total("outcome_deduction")]
    };
    // 9 of 10, exactly 90 %: 50,000 for each of the ten, relapsed or not; 12 x 150,000 prepaid
    assert_eq!(settled(9, 1, 2), ["1800000.00", "500000.00", "0.00"]);
    // 7 of 10, exactly 70 %, and 8 of 9: between
    assert_eq!(settled(7, 3, 0)[1..], ["0.00", "0.00"]);
    assert_eq!(settled(8, 1, 0)[1..], ["0.00", "0.00"]);
    // 2 of 3: below 70 %, 30,000 back for each
    assert_eq!(settled(2, 1, 0)[1..], ["0.00", "-90000.00"]);
}

#[test]
fn a_state_that_becomes_known_later_changes_everyone_s_line() {
    let mut world = treated(9, 1, 1);
    world.settle("2028-01-01");
    assert_eq!(
        (world.total("outcome_bonus"), world.held("outcome")),
        ("500000.00".into(), Some("state_unknown"))
    );
    world.close("2028-01");
    // the eleventh is found to have died in time: 9 of 11 is 81.8 %
    world.of("p-10").tell(&event("dead", "2026-01-01", "death"), "2028-02-10");
    let had = world.entries.len();
    world.settle("2028-02-10");
    assert_eq!(world.total("outcome_bonus"), "0.00");
    // the ten that were billed in January are corrected in February; the eleventh's, of the old rate, never left it
    let mut reasons: Vec<_> =
        booked(&world.entries[had..]).into_iter().map(|line| (line.0, line.1, line.5)).collect();
    reasons.sort();
    let line = |reason: &str| ("2028-01".to_owned(), "2028-02".to_owned(), reason.to_owned());
    assert_eq!((&reasons[..10], &reasons[10..]), (&*vec![line("corrected"); 10], &[line("recomputed")][..]));
}

#[test]
fn the_36_month_day_counts() {
    // a relapse the day after shows that the patient was free until then
    for (kind, on, free) in
        [("relapse", "2027-02-28", 0), ("death", "2027-02-28", 0), ("relapse", "2027-03-01", 1)]
    {
        let mut world = World::treated(COLON, "2024-02-29");
        world.tell(&event("x", on, kind), "2027-03-02");
        let measures = world.measures();
        assert_eq!(
            (measures["2024"]["known"], measures["2024"].get("free").copied().unwrap_or(0)),
            (1, free),
            "{kind} {on}"
        );
    }
    let mut early = World::treated(COLON, "2024-02-29");
    early.tell(&event("seen", "2027-02-27", "assessment").result("relapse_free"), "2027-03-02");
    assert!(early.measures().is_empty());
}

fn diabetes(facts: &[Fact], until: &str) -> World {
    let mut world = World::treated("ltop-diabetes-example", "2024-02-29");
    for fact in facts {
        world.hear(fact, "2024-02-29");
    }
    world.tick(until);
    world
}

fn hba1c(id: &str, on: &str, value: f64) -> Fact {
    event(id, on, "measurement").code("hba1c").value(value, "%")
}

fn stay(id: &str, on: &str, code: &str) -> Fact {
    event(id, on, "stay").code(code)
}

#[test]
fn diabetes_is_paid_on_each_year_s_first_day() {
    // years begin on 29 February 2024 and on 28 February 2025, 2026, 2027 and 29 February 2028
    assert_eq!(diabetes(&[], "2028-02-28").total("year_payment"), "12000.00");
    assert_eq!(diabetes(&[], "2030-01-01").total("year_payment"), "15000.00");
    assert_eq!(diabetes(&[event("d", "2025-02-28", "death")], "2030-01-01").total("year_payment"), "3000.00");
    assert_eq!(diabetes(&[event("d", "2025-03-01", "death")], "2030-01-01").total("year_payment"), "6000.00");
}

#[test]
fn a_good_year_is_worth_300_and_a_bad_one_costs_600() {
    let first_year = |facts: &[Fact]| {
        let world = diabetes(facts, "2025-02-28");
        (
            world.total("outcome_bonus"),
            world.total("outcome_deduction"),
            world.held("year-1").map(str::to_owned),
        )
    };
    let good = || hba1c("h", "2024-06-01", 6.9);
    let bonus = |world: (String, String, Option<String>)| (world.0, world.1);
    assert_eq!(bonus(first_year(&[good()])), ("300.00".into(), "0.00".into()));
    // a mean of exactly 7: (6.9 + 7.1) / 2
    assert_eq!(bonus(first_year(&[good(), hba1c("i", "2024-07-01", 7.1)])), ("0.00".into(), "0.00".into()));
    assert_eq!(first_year(&[]).2.as_deref(), Some("no_hba1c"));
    // one admission of any cause still, two no more
    assert_eq!(bonus(first_year(&[good(), stay("s", "2024-05-01", "J18")])).0, "300.00");
    assert_eq!(
        bonus(first_year(&[good(), stay("s", "2024-05-01", "J18"), stay("t", "2024-05-09", "J18")])).0,
        "0.00"
    );
    // three for diabetes, once
    let three: Vec<Fact> =
        [1, 2, 3].map(|n| stay(&format!("s-{n}"), &format!("2024-0{n}-29"), "E11.9")).into();
    let mut with = vec![good(), stay("s-4", "2024-08-01", "E11.9")];
    with.extend(three);
    assert_eq!(bonus(first_year(&with)), ("0.00".into(), "-600.00".into()));
    // a nephropathy before the start deducts too, in its year and every later one
    let ill = diabetes(&[good(), event("n", "2023-01-01", "complication").code("N08.3")], "2026-02-28");
    assert_eq!(
        (ill.total("outcome_bonus"), ill.total("outcome_deduction")),
        ("0.00".into(), "-1200.00".into())
    );
    // no outcome for the year of death
    assert_eq!(
        bonus(first_year(&[good(), event("d", "2025-02-27", "death")])),
        ("0.00".into(), "0.00".into())
    );
}

#[test]
fn walking_after_ten_years_decides() {
    let walked = |facts: &[Fact]| {
        let mut world = World::treated("ltop-sma-example", "2020-06-30");
        for fact in facts {
            world.hear(fact, "2030-07-01");
        }
        world.tick("2030-07-01");
        let held = world.held("final").map(str::to_owned);
        (world.sum(|_| true), held)
    };
    let status = |on: &str, result: &str| event(&format!("w-{on}"), on, "walking_status").result(result);
    // 10 x 150,000, and by the last status on or before 30 June 2030
    assert_eq!(walked(&[status("2030-06-30", "walks_alone")]), ("2000000.00".into(), None));
    assert_eq!(
        walked(&[status("2026-01-01", "walks_alone"), status("2030-06-30", "wheelchair")]).0,
        "1200000.00"
    );
    assert_eq!(
        walked(&[status("2030-06-30", "with_aid"), status("2030-07-01", "wheelchair")]),
        ("1500000.00".into(), None)
    );
    assert_eq!(walked(&[]), ("1500000.00".into(), Some("walking_unknown".into())));
    assert_eq!(
        walked(&[event("d", "2030-06-30", "death"), status("2030-01-01", "wheelchair")]),
        ("1500000.00".into(), None)
    );
    // who dies on the tenth year's first day is not alive on it
    assert_eq!(walked(&[event("d", "2029-06-30", "death")]).0, "1350000.00");
}
