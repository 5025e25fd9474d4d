//! Shared contracts: CAR-T, refund of a drug, co-insurance, dynamic top-ups, lifestyle work.

use crate::world::*;

const CAR_T: &str = "car-t-example";

fn car_t(cd19: f64, ecog: f64) -> World {
    let mut world = World::new(CAR_T);
    let device = enrolment(CAR_T, "2024-03-10").says(|said| said.manufacturer = Some("m-alpha"));
    world.tell(&device, "2024-03-01");
    world.tell(&event("cd19", "2024-03-01", "measurement").code("cd19").value(cd19, "%"), "2024-03-01");
    world.tell(&event("free", "2024-03-02", "infection_status").result("none"), "2024-03-02");
    world.tell(&event("ecog", "2024-03-03", "measurement").code("ecog").value(ecog, "{score}"), "2024-03-03");
    world.tell(&event("inf", "2024-03-10", "infusion"), "2024-03-10");
    world
}

fn assessed(id: &str, on: &str, result: &str) -> Fact {
    event(id, on, "assessment").result(result)
}

#[test]
fn sixty_percent_are_due_when_all_three_fit() {
    let world = car_t(20.000_001, 1.0);
    // 60 % of 1,200,000 = 720,000 = 504,000 (70 %) + 144,000 (20 %) + 72,000 (10 %)
    assert_eq!(
        world.lines(),
        owed(&[
            ("first_instalment", "insurer-example", "m-alpha", "144000.00"),
            ("first_instalment", "nhsa", "m-alpha", "504000.00"),
            ("first_instalment", "patient", "m-alpha", "72000.00"),
        ])
    );
    let first = world.entry("e-1/first_instalment/first_instalment/nhsa");
    assert_eq!(
        (first.service_period.to_string().as_str(), first.triggered_at),
        ("2024-03", at("2024-03-03T00:00"))
    );
    // the other 40 %, 480,000, is suspended
    assert_eq!(
        [world.balance("treatment-suspended"), world.balance("treatment-payable")],
        ["-480000.00", "-720000.00"]
    );
    // CD19 of exactly 20 % is not over 20 %, ECOG 2 is not 0 or 1
    assert_eq!((car_t(20.0, 1.0).lines(), car_t(80.0, 2.0).lines()), (owed(&[]), owed(&[])));
    assert_eq!(car_t(80.0, 0.0).total("first_instalment"), "720000.00");
}

#[test]
fn an_active_infection_waits_for_its_end() {
    let mut world = World::new(CAR_T);
    world
        .tell(&enrolment(CAR_T, "2024-03-10").says(|said| said.manufacturer = Some("m-alpha")), "2024-03-01");
    world.tell(&event("cd19", "2024-03-01", "measurement").code("cd19").value(80.0, "%"), "2024-03-01");
    world.tell(&event("ecog", "2024-03-01", "measurement").code("ecog").value(0.0, "{score}"), "2024-03-01");
    world.tell(&event("ill", "2024-03-02", "infection_status").result("active"), "2024-03-02");
    assert_eq!(world.lines(), owed(&[]));
    world.tell(&event("well", "2024-03-08", "infection_status").result("none"), "2024-03-08");
    assert_eq!(
        world.entry("e-1/first_instalment/first_instalment/nhsa").triggered_at,
        at("2024-03-08T00:00")
    );
}

#[test]
fn the_last_assessment_within_three_months_decides() {
    let mut world = car_t(80.0, 1.0);
    world.tell(&assessed("a-1", "2024-04-10", "partial_remission"), "2024-04-10");
    // the three-month day, 2024-06-10, belongs to it
    world.tell(&assessed("a-2", "2024-06-10", "complete_remission"), "2024-06-10");
    world.tick("2024-06-10");
    assert_eq!(world.total("second_instalment"), "480000.00");
    assert_eq!(world.balance("treatment-suspended"), "0.00");
    // twelve months after its first assessment: 10 % of the whole, 120,000
    world.tick("2025-06-09");
    assert_eq!(world.total("sustained_bonus"), "0.00");
    world.tick("2025-06-10");
    assert_eq!(world.total("sustained_bonus"), "120000.00");
    assert_eq!(world.entry("e-1/sustained_bonus/sustained_bonus/nhsa").service_period.to_string(), "2025-06");
    // in all 720,000 + 480,000 + 120,000
    assert_eq!(world.balance("treatment-payable"), "-1320000.00");
    assert_eq!(world.balance("treatment-expense"), "1320000.00");
}

#[test]
fn without_remission_it_stays_suspended() {
    for last in ["partial_remission", "no_remission"] {
        let mut world = car_t(80.0, 1.0);
        world.tell(&assessed("a-1", "2024-04-10", "complete_remission"), "2024-04-10");
        world.tell(&assessed("a-2", "2024-05-10", last), "2024-05-10");
        world.tick("2025-12-01");
        assert_eq!(
            (world.total("second_instalment"), world.total("sustained_bonus")),
            ("0.00".into(), "0.00".into()),
            "{last}"
        );
        assert_eq!(world.balance("treatment-suspended"), "-480000.00");
    }
    for setback in ["relapse", "death"] {
        let mut world = car_t(80.0, 1.0);
        world.tell(&assessed("a-1", "2024-04-10", "complete_remission"), "2024-04-10");
        world.tell(&event("s", "2024-06-10", setback), "2024-06-10");
        world.tick("2025-12-01");
        assert_eq!(world.total("second_instalment"), "0.00", "{setback}");
    }
}

#[test]
fn a_missing_assessment_holds_and_a_later_one_does_not_count() {
    let mut world = car_t(80.0, 1.0);
    world.tick("2024-06-09");
    assert_eq!(world.held("second_instalment"), None);
    world.tick("2024-06-10");
    assert_eq!(world.held("second_instalment"), Some("no_assessment"));
    world.tell(&assessed("a-1", "2024-06-11", "complete_remission"), "2024-06-11");
    assert_eq!(
        (world.held("second_instalment"), world.total("second_instalment")),
        (Some("no_assessment"), "0.00".into())
    );
}

#[test]
fn what_is_returned_goes_to_those_who_paid() {
    let mut world = World::new(CAR_T);
    world.publish(
        2,
        &[
            ("in_force_from = \"2020-01-01\"", "in_force_from = \"2020-01-02\""),
            ("returned_part = \"0\"", "returned_part = \"0.25\""),
        ],
    );
    world
        .tell(&enrolment(CAR_T, "2024-03-10").says(|said| said.manufacturer = Some("m-alpha")), "2024-03-01");
    world.hear(&event("cd19", "2024-03-01", "measurement").code("cd19").value(80.0, "%"), "2024-03-01");
    world.hear(&event("free", "2024-03-02", "infection_status").result("none"), "2024-03-02");
    world.hear(&event("ecog", "2024-03-03", "measurement").code("ecog").value(1.0, "{score}"), "2024-03-03");
    world.hear(&event("inf", "2024-03-10", "infusion"), "2024-03-10");
    world.hear(&assessed("a-1", "2024-05-10", "no_remission"), "2024-05-10");
    world.tick("2024-06-10");
    // 25 % of 720,000 = 180,000, of which 126,000 / 36,000 / 18,000
    let back = ["nhsa", "insurer-example", "patient"].map(|payer| world.owes(payer));
    // 504,000 - 126,000; 144,000 - 36,000; 72,000 - 18,000
    assert_eq!(back, ["378000.00", "108000.00", "54000.00"]);
}

fn refund(pd_l1: f64, progression: &str) -> World {
    let mut world = World::new("drug-refund-example");
    world.tell(
        &enrolment("drug-refund-example", "2024-01-31").says(|said| said.manufacturer = Some("m-drug")),
        "2024-01-31",
    );
    world.tell(&event("start", "2024-01-31", "treatment_start"), "2024-01-31");
    world.tell(&event("pd", "2024-01-31", "measurement").code("pd-l1").value(pd_l1, "%"), "2024-01-31");
    for (id, on, amount, public, own) in [
        ("i-1", "2024-01-31", "1000.01", "700.01", "300.00"),
        ("i-2", "2024-03-30", "500.00", "350.00", "150.00"),
    ] {
        let invoice = event(id, on, "cost").category("drug").amount(amount);
        let invoice = invoice.part("public_insurance", "nhsa", public).part("patient", "", own);
        world.tell(&invoice, on);
    }
    world.tell(&event("prog", progression, "progression"), progression);
    world
}

#[test]
fn half_of_the_invoices_up_to_an_early_progression_goes_back() {
    // two months after 31 January is 31 March; the progression of 30 March takes both invoices along
    // i-1: 1,000.01 / 2 = 500.005, half away from zero 500.01: by 700.01 : 300.00 350.01 (350.0105..) and 150.00
    // i-2: 250.00 = 175.00 + 75.00
    let world = refund(50.0, "2024-03-30");
    assert_eq!(
        world.lines(),
        owed(&[("refund", "nhsa", "m-drug", "-525.01"), ("refund", "patient", "m-drug", "-225.00"),])
    );
    assert_eq!(refund(50.0, "2024-03-31").total("refund"), "-750.01");
    // invoices after the progression stay paid
    assert_eq!(refund(50.0, "2024-03-29").total("refund"), "-500.01");
    // too late, on the day of the start, or PD-L1 below 50 %
    for (pd_l1, progression) in [(50.0, "2024-04-01"), (50.0, "2024-01-31"), (49.9, "2024-03-30")] {
        assert_eq!(refund(pd_l1, progression).total("refund"), "0.00", "{pd_l1} {progression}");
    }
}

#[test]
fn co_insurance_is_the_larger_of_two() {
    let year = |days: f64, systolic: f64, last: f64| {
        let mut world = World::treated("co-insurance-example", "2024-01-01");
        for month in 1..=12 {
            let month = format!("2024-{month:02}");
            let systolic = if month == "2024-12" { last } else { systolic };
            world.hear(&month_event(&month, "month-days/systolic_pressure", days, "d"), "2025-01-01");
            world.hear(&month_event(&month, "month-days/diastolic_pressure", 3.0, "d"), "2025-01-01");
            world
                .hear(&month_event(&month, "month-mean/systolic_pressure", systolic, "mm[Hg]"), "2025-01-01");
            world.hear(&month_event(&month, "month-mean/diastolic_pressure", 89.9, "mm[Hg]"), "2025-01-01");
        }
        world.tick("2025-01-01");
        let notices = world.notices();
        assert!(notices.len() < 2);
        notices.first().map(|_| evidence(world.entry("e-1/year-2024/notice"), "points").to_owned())
    };
    assert_eq!(year(3.0, 139.9, 139.9).as_deref(), Some("-10"));
    // a month's mean of exactly 140 is not below 140
    assert_eq!(year(3.0, 139.9, 140.0).as_deref(), Some("-5"));
    // in control with two days a month
    assert_eq!(year(2.0, 120.0, 120.0).as_deref(), Some("-10"));
    assert_eq!(year(2.0, 120.0, 150.0), None);
}

fn dynamic(before: f64, after: f64) -> World {
    let mut world = World::treated("dynamic-example", "2024-01-31");
    for (id, on) in [("f-0", "2024-02-10"), ("f-1", "2024-02-29"), ("f-2", "2024-03-01")] {
        world.hear(
            &event(id, on, "cost").category("follow_on_treatment").amount("1000.00").provider("org-1"),
            on,
        );
    }
    world.hear(&event("c-0", "2024-01-31", "measurement").code("ctdna").value(before, "1"), "2024-01-31");
    // one month after 31 January is 29 February
    world.hear(&event("c-1", "2024-02-29", "measurement").code("ctdna").value(after, "1"), "2024-02-29");
    world.tick("2024-03-02");
    world
}

#[test]
fn follow_on_fees_follow_ctdna() {
    let owes =
        |world: &World| (world.total("top_up_fee"), world.total("top_up_adjustment"), world.notices().len());
    // fees up to the judgement day as they are, 2,000.00; the one after it by the marker
    for (before, after, adjustment) in [
        (10.0, 4.9, "200.00"), // down by 51 %: x 1.2
        (10.0, 5.0, "0.00"),   // down by exactly half
        (10.0, 10.0, "0.00"),  // not up
        (0.0, 0.0, "0.00"),    // from 0, not up is x 1.0
    ] {
        let found = owes(&dynamic(before, after));
        assert_eq!(found, ("3000.00".into(), adjustment.into(), 0), "{before} {after}");
    }
    // up: payment stops and a review opens
    assert_eq!(owes(&dynamic(10.0, 10.1)), ("2000.00".into(), "0.00".into(), 1));
    let mut alone = World::treated("dynamic-example", "2024-01-31");
    alone.hear(
        &event("f", "2024-03-01", "cost").category("follow_on_treatment").amount("1000.00").provider("org-1"),
        "2024-03-01",
    );
    alone.tick("2024-03-02");
    assert_eq!(alone.held("f"), Some("no_ctdna_pair"));
}

#[test]
fn lifestyle_work_is_paid_by_hba1c() {
    let judged = |value: f64, on: &str| {
        let mut world = World::treated("lifestyle-example", "2024-11-30");
        world.hear(
            &event("f", "2024-12-10", "cost").category("lifestyle").amount("1000.00").provider("org-1"),
            "2024-12-10",
        );
        world.hear(&event("h", on, "measurement").code("hba1c").value(value, "%"), on);
        world.tick("2025-04-01");
        let held = world.held("f").map(str::to_owned);
        (world.sum(|_| true), world.notices().len(), held)
    };
    // three months after 30 November is 28 February: 14 to 14 March
    assert_eq!(judged(6.9, "2025-02-14"), ("1200.00".into(), 0, None));
    assert_eq!(judged(7.0, "2025-03-14"), ("800.00".into(), 1, None));
    for on in ["2025-02-13", "2025-03-15"] {
        assert_eq!(judged(6.0, on), ("0.00".into(), 0, Some("no_hba1c".into())), "{on}");
    }
}
