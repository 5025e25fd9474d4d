//! Stage payment and risk-adjusted payment.

use crate::world::*;

fn entered(contract: &str, stage: &str) -> World {
    let mut world = World::treated(contract, "2024-01-15");
    world.tell(&event("entry", "2024-01-31", "stage_entry").code(stage), "2024-01-31");
    world
}

fn marker(id: &str, on: &str, code: &str, result: &str) -> Fact {
    event(id, on, "measurement").code(code).result(result)
}

fn early() -> World {
    entered("lung-early-example", "lung-early")
}

#[test]
fn early_lung_cancer_is_paid_on_entry() {
    let mut world = early();
    assert_eq!(world.held("stage"), Some("no_biomarker"));
    world.tell(&marker("egfr", "2024-01-20", "egfr", "mutated"), "2024-02-03");
    assert_eq!(world.lines(), owed(&[("stage_payment", "insurer-example", "org-east", "200000.00")]));
    assert_eq!(
        (world.held("stage"), world.entry("e-1/stage/stage_payment").triggered_at),
        (None, at("2024-01-31T00:00"))
    );
    // a second entry is nothing
    world.tell(&event("again", "2025-01-31", "stage_entry").code("lung-early"), "2025-01-31");
    assert_eq!(world.total("stage_payment"), "200000.00");
    let mut wild = early();
    wild.tell(&marker("egfr", "2024-01-20", "egfr", "wild_type"), "2024-02-03");
    assert_eq!((wild.lines(), wild.held("stage")), (owed(&[]), None));
}

#[test]
fn a_late_biomarker_counts_within_sixty_days() {
    // [31 January, 31 January + 60 days) ends with 30 March
    for (on, total) in [("2024-03-30", "200000.00"), ("2024-03-31", "0.00")] {
        let mut world = early();
        world.tell(&marker("egfr", on, "egfr", "mutated"), on);
        assert_eq!(world.total("stage_payment"), total, "{on}");
        if total != "0.00" {
            assert_eq!(world.entry("e-1/stage/stage_payment").service_period.to_string(), "2024-03");
        }
    }
}

#[test]
fn a_clean_test_after_a_year_is_worth_more() {
    // months [12, 15) after 31 January 2024: 31 January to 29 April 2025 (30 April is month 15)
    for (on, result, total) in [
        ("2025-01-30", "negative", "0.00"),
        ("2025-01-31", "negative", "20000.00"),
        ("2025-04-29", "negative", "20000.00"),
        ("2025-04-30", "negative", "0.00"),
        ("2025-02-01", "positive", "0.00"),
    ] {
        let mut world = early();
        world.tell(&marker("egfr", "2024-01-20", "egfr", "mutated"), "2024-02-03");
        world.tell(&marker("mrd", on, "mrd", result), on);
        assert_eq!(world.total("mrd_bonus"), total, "{on} {result}");
    }
    // the first one in the window decides
    let mut world = early();
    world.tell(&marker("egfr", "2024-01-20", "egfr", "mutated"), "2024-02-03");
    world.tell(&marker("mrd-1", "2025-02-01", "mrd", "positive"), "2025-02-01");
    world.tell(&marker("mrd-2", "2025-03-01", "mrd", "negative"), "2025-03-01");
    assert_eq!(world.total("mrd_bonus"), "0.00");
}

fn third(pd_l1: f64) -> World {
    let mut world = entered("lung-stage-3-example", "lung-stage-3");
    world.tell(&event("pd", "2024-01-31", "measurement").code("pd-l1").value(pd_l1, "%"), "2024-01-31");
    world
}

#[test]
fn stage_three_is_paid_from_one_percent_on() {
    assert_eq!(third(1.0).total("stage_payment"), "250000.00");
    assert_eq!(third(0.99).total("stage_payment"), "0.00");
}

#[test]
fn conversion_is_paid_when_two_years_have_held() {
    // 24 months after 31 January 2024 is 31 January 2026; due the day after, or on conversion if later
    let bonus = |surgery: &str, setback: Option<(&str, &str)>, until: &str| {
        let mut world = third(1.0);
        world.hear(&event("conv", surgery, "conversion_surgery"), surgery);
        if let Some((kind, on)) = setback {
            world.hear(&event("bad", on, kind), on);
        }
        world.tick(until);
        let due = (world.total("conversion_bonus") != "0.00")
            .then(|| world.entry("e-1/conversion/conversion_bonus").triggered_at);
        (world.total("conversion_bonus"), due)
    };
    assert_eq!(bonus("2024-06-01", None, "2026-01-31").0, "0.00");
    assert_eq!(bonus("2024-06-01", None, "2026-02-01"), ("30000.00".into(), Some(at("2026-02-01T00:00"))));
    assert_eq!(bonus("2026-03-05", None, "2026-03-05"), ("30000.00".into(), Some(at("2026-03-05T00:00"))));
    for (kind, on, total) in [
        ("progression", "2026-01-31", "0.00"),
        ("death", "2026-01-31", "0.00"),
        ("progression", "2026-02-01", "30000.00"),
        // progression counts from the day after entry
        ("progression", "2024-01-31", "30000.00"),
    ] {
        assert_eq!(bonus("2024-06-01", Some((kind, on)), "2026-02-02").0, total, "{kind} {on}");
    }
}

fn fourth(facts: &[Fact], until: &str) -> World {
    let mut world = entered("lung-stage-4-example", "lung-stage-4");
    world.hear(&marker("egfr", "2024-01-31", "egfr", "mutated"), "2024-01-31");
    for fact in facts {
        world.hear(fact, "2024-01-31");
    }
    world.tick(until);
    world
}

#[test]
fn stage_four_is_paid_by_the_month_from_entry() {
    // months begin on 31 January, 29 February, 31 March (the entry's day, or the month's last)
    let world = fourth(&[], "2024-03-31");
    assert_eq!(world.total("month"), "36000.00");
    let days: Vec<_> =
        ["001", "002", "003"].map(|n| world.entry(&format!("e-1/month-{n}/month")).triggered_at).into();
    assert_eq!(days, [at("2024-01-31T00:00"), at("2024-02-29T00:00"), at("2024-03-31T00:00")]);
    // who dies, or ends the treatment, on a due day is not paid for it
    for kind in ["death", "treatment_end"] {
        assert_eq!(
            fourth(&[event("end", "2024-02-29", kind)], "2024-12-01").total("month"),
            "12000.00",
            "{kind}"
        );
        assert_eq!(
            fourth(&[event("end", "2024-03-01", kind)], "2024-12-01").total("month"),
            "24000.00",
            "{kind}"
        );
    }
    // without a biomarker by the entry the months begun before it are due on its day
    let mut late = entered("lung-stage-4-example", "lung-stage-4");
    late.tick("2024-03-01");
    assert_eq!((late.total("month"), late.held("wait")), ("0.00".into(), Some("no_biomarker")));
    late.tell(&marker("egfr", "2024-03-15", "egfr", "mutated"), "2024-03-15");
    assert_eq!(late.total("month"), "24000.00");
    assert_eq!(late.entry("e-1/month-001/month").triggered_at, at("2024-03-15T00:00"));
}

#[test]
fn quiet_months_cost_less() {
    // month 26 begins 25 months after 31 January 2024, on 28 February 2026; month 31 on 31 July, month 32 on 31 August
    let clean = marker("c", "2025-01-01", "ctdna", "negative");
    let year = |facts: &[Fact]| {
        let world = fourth(facts, "2026-08-31");
        let amount = |n: i32| world.sum(|entry| entry.entry_id.contains(&format!("/month-{n:03}/")));
        [25, 26, 31, 32].map(amount)
    };
    assert_eq!(year(std::slice::from_ref(&clean)), ["12000.00", "8000.00", "8000.00", "12000.00"]);
    // no test at all, a positive one, a progression
    assert_eq!(year(&[])[1..3], ["12000.00", "12000.00"]);
    assert_eq!(
        year(&[clean.clone(), marker("d", "2026-05-01", "ctdna", "positive")])[1..3],
        ["8000.00", "12000.00"]
    );
    assert_eq!(
        year(&[clean.clone(), event("p", "2026-02-28", "progression")])[1..3],
        ["12000.00", "12000.00"]
    );
    assert_eq!(year(&[clean, event("p", "2024-01-31", "progression")])[1..3], ["8000.00", "8000.00"]);
}

/// Tests of one provider in 2024, of which some detect and some are cured.
fn screened(tests: usize, detected: usize, cured: usize) -> World {
    let mut world = World::new("screening-example");
    for number in 0..tests {
        let person = format!("p-{number}");
        let episode = format!("e-{number}");
        world.of(&person).hear(&enrolment("screening-example", "2024-01-01").episode(&episode), "2024-01-01");
        let result = if number < detected { "detected" } else { "not_detected" };
        let test =
            event(&format!("t-{number}"), "2024-05-05", "screening_test").result(result).amount("100.01");
        world.hear(&test.provider("org-1"), "2024-05-05");
        if number < cured {
            let cure = event(&format!("cure-{number}"), "2024-12-01", "cure").related(&format!("t-{number}"));
            world.hear(&cure, "2025-03-30");
        }
    }
    world.tick("2024-12-31");
    world
}

#[test]
fn screening_is_paid_more_where_it_finds_and_cures() {
    // 90 days after 1 January 2025 is 1 April
    let rates = |tests, detected, cured| {
        let mut world = screened(tests, detected, cured);
        let fees = world.total("test_fee");
        world.tick("2025-03-31");
        world.settle("2025-03-31");
        assert_eq!(world.total("test_bonus"), "0.00");
        world.tick("2025-04-01");
        (fees, world.total("test_bonus"))
    };
    // 20 x 100.01; detection 3 / 20 = 15 %, cure 3 / 3: 20 x 20.00 (20.002 rounded)
    assert_eq!(rates(20, 3, 3), ("2000.20".into(), "400.00".into()));
    // detection of exactly 10 %, cure 100 %; cure 1 / 2 = 50 %; detection 1 / 20 = 5 %
    assert_eq!(rates(20, 2, 2).1, "400.00");
    assert_eq!(rates(20, 2, 1).1, "0.00");
    assert_eq!(rates(20, 1, 1).1, "0.00");
    // cure of exactly 85 %: 17 of 20
    assert_eq!(rates(40, 20, 17).1, "800.00");
    assert_eq!(rates(40, 20, 16).1, "0.00");
}

#[test]
fn what_is_stored_on_the_settlement_day_does_not_count() {
    let mut world = screened(20, 2, 1);
    let cure = event("late", "2024-12-02", "cure").related("t-1");
    world.of("p-1").hear(&cure, "2025-04-01");
    world.settle("2025-04-01");
    assert_eq!(world.total("test_bonus"), "0.00");
}

#[test]
fn a_stroke_is_paid_inside_of_its_window() {
    let treated = |code: &str, time: &str, indicated: bool| {
        let mut world = World::treated("time-critical-example", "2024-05-05");
        world.hear(&event("onset", "2024-05-05T08:00", "symptom_onset"), "2024-05-05");
        if indicated {
            world
                .hear(&event("ind", "2024-05-05T09:00", "indication").code("thrombectomy_24h"), "2024-05-05");
        }
        world.hear(
            &event("t", time, "timed_treatment").code(code).related("onset").provider("org-1"),
            "2024-05-06",
        );
        world.tick("2024-05-07");
        world.total("treatment_payment")
    };
    for (code, time, indicated, total) in [
        ("thrombolysis", "2024-05-05T12:29", false, "10000.00"),
        // the limit itself, 4.5 and 6 hours, is outside
        ("thrombolysis", "2024-05-05T12:30", false, "0.00"),
        ("thrombectomy", "2024-05-05T13:59", false, "60000.00"),
        ("thrombectomy", "2024-05-05T14:00", false, "0.00"),
        ("thrombectomy", "2024-05-06T07:59", true, "60000.00"),
        ("thrombectomy", "2024-05-06T08:00", true, "0.00"),
    ] {
        assert_eq!(treated(code, time, indicated), total, "{code} {time}");
    }
    let mut without = World::treated("time-critical-example", "2024-05-05");
    without.tell(
        &event("t", "2024-05-05", "timed_treatment").code("thrombolysis").provider("org-1"),
        "2024-05-05",
    );
    assert_eq!(without.held("t"), Some("no_onset"));
}

#[test]
fn the_cap_and_the_bonus_are_parameters() {
    let mut world = World::new("time-critical-example");
    let from = ("in_force_from = \"2020-01-01\"", "in_force_from = \"2020-01-02\"");
    world.publish(2, &[from, ("cap = \"0\"", "cap = \"4000\""), ("\nbonus = \"0\"", "\nbonus = \"500\"")]);
    world.hear(&enrolment("time-critical-example", "2024-05-05"), "2024-05-05");
    for (id, onset, time) in [("a", "08:00", "09:59"), ("b", "08:00", "10:00"), ("c", "01:00", "10:00")] {
        world
            .hear(&event(&format!("on-{id}"), &format!("2024-05-05T{onset}"), "symptom_onset"), "2024-05-05");
        let treatment = event(id, &format!("2024-05-05T{time}"), "timed_treatment").code("thrombolysis");
        world.hear(&treatment.related(&format!("on-{id}")).provider("org-1"), "2024-05-05");
    }
    world.tick("2024-05-06");
    // a and b inside: 20,000; c outside: min(10,000, 4,000). In [0, 2 h) only a.
    assert_eq!([world.total("treatment_payment"), world.total("early_bonus")], ["24000.00", "500.00"]);
}

fn stemi(minutes: f64, complication: Option<(&str, &str)>) -> World {
    let mut world = World::treated("drap-stemi-example", "2024-05-05");
    world.hear(
        &event("stay", "2024-05-05", "stay").code("I21.0").until("2024-05-12").provider("org-1"),
        "2024-05-12",
    );
    world.hear(
        &event("d2b", "2024-05-05", "timed_treatment").code("door_to_balloon").value(minutes, "min"),
        "2024-05-12",
    );
    if let Some((code, on)) = complication {
        world.hear(&event("comp", on, "complication").code(code), "2024-05-12");
    }
    world.tick("2024-05-12");
    world
}

#[test]
fn a_heart_attack_is_paid_by_the_worse_of_timing_and_complication() {
    let (mild, severe) = (("I48.9", "2024-05-06"), ("R57.0", "2024-05-06"));
    for (minutes, complication, payment, bonus) in [
        (59.0, None, "50000.00", "5000.00"),
        (59.99, Some(severe), "75000.00", "5000.00"),
        (60.0, None, "50000.00", "0.00"),
        (89.99, None, "50000.00", "0.00"),
        (90.0, None, "60000.00", "0.00"),
        (180.0, None, "60000.00", "0.00"),
        (180.01, None, "75000.00", "0.00"),
        (70.0, Some(mild), "60000.00", "0.00"),
        (70.0, Some(severe), "75000.00", "0.00"),
        (181.0, Some(mild), "75000.00", "0.00"),
        // admission and discharge belong to the stay, the day after does not; an unlisted code does not count
        (70.0, Some(("R57.0", "2024-05-05")), "75000.00", "0.00"),
        (70.0, Some(("R57.0", "2024-05-12")), "75000.00", "0.00"),
        (70.0, Some(("R57.0", "2024-05-13")), "50000.00", "0.00"),
        (70.0, Some(("Z99.9", "2024-05-06")), "50000.00", "0.00"),
    ] {
        let world = stemi(minutes, complication);
        let found = [world.total("treatment_payment"), world.total("speed_bonus")];
        assert_eq!(found, [payment, bonus], "{minutes} {complication:?}");
    }
}

#[test]
fn without_minutes_it_is_held_and_before_discharge_nothing() {
    let mut world = World::treated("drap-stemi-example", "2024-05-05");
    world.tell(&event("stay", "2024-05-05", "stay").code("I21.0").provider("org-1"), "2024-05-05");
    assert_eq!((world.held("stay"), world.lines()), (None, owed(&[])));
    let ended =
        event("stay", "2024-05-05", "stay").code("I21.0").provider("org-1").until("2024-05-12").revision(2);
    world.tell(&ended, "2024-05-12");
    assert_eq!(world.held("stay"), Some("no_minutes"));
}
