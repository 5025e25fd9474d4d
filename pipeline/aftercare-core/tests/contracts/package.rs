//! The service package: 12 follow-ups of 50, 2 visits of 150, 4 drugs of 75 and a watch of 300 are 1,500.

use crate::world::*;

const PACKAGE: &str = "service-package-example";

fn bought() -> World {
    let mut world = World::new(PACKAGE);
    world.tell(
        &trade("buy", "2024-01-31", "purchase").contract(PACKAGE).product("stent-follow-up", 1),
        "2024-01-31",
    );
    world
}

fn told(id: &str, on: &str, kind: &str) -> Fact {
    trade(id, on, kind).purchase("buy")
}

fn receipt(id: &str, on: &str, item: &str, quantity: i32) -> Fact {
    told(id, on, "item_receipt").item(item).quantity(quantity)
}

fn agreed(id: &str, on: &str, amount: &str) -> Fact {
    told(id, on, "refund_agreement").side("staff").reason("moved_away").amount(amount)
}

#[test]
fn the_price_is_counts_times_unit_values() {
    let world = bought();
    assert_eq!(world.lines(), owed(&[("price", "patient", "group-example", "1500.00")]));
    let mut relative = World::new(PACKAGE);
    relative.tell(
        &trade("buy", "2024-01-31", "purchase").contract(PACKAGE).buyer("b-7").amount("1500.00"),
        "2024-01-31",
    );
    assert_eq!(relative.lines(), owed(&[("price", "b-7", "group-example", "1500.00")]));
    let mut other = World::new(PACKAGE);
    other.tell(&trade("buy", "2024-01-31", "purchase").contract(PACKAGE).amount("1400.00"), "2024-01-31");
    assert_eq!((other.lines(), other.held("price")), (owed(&[]), Some("price_differs")));
}

#[test]
fn a_new_price_is_for_later_purchases() {
    let mut world = bought();
    let dearer = ("unit_value = { money = \"50.00\" }", "unit_value = { money = \"60.00\" }");
    world.publish(2, &[("in_force_from = \"2020-01-01\"", "in_force_from = \"2024-02-01\""), dearer]);
    world.tell(&trade("buy-2", "2024-02-01", "purchase").contract(PACKAGE), "2024-02-01");
    // 1,500 and 1,500 + 12 x 10
    assert_eq!(world.total("price"), "3120.00");
}

#[test]
fn a_package_that_is_not_on_sale_is_held() {
    let mut world = World::new(PACKAGE);
    world.publish(
        2,
        &[
            ("in_force_from = \"2020-01-01\"", "in_force_from = \"2024-01-01\""),
            ("state = \"on_sale\"", "state = \"withdrawn\""),
        ],
    );
    world.tell(&trade("buy", "2024-01-31", "purchase").contract(PACKAGE), "2024-01-31");
    assert_eq!((world.lines(), world.held("price")), (owed(&[]), Some("not_on_sale")));
}

#[test]
fn an_unsuitable_patient_has_the_whole_price_back() {
    let mut world = bought();
    world.tell(&told("in", "2024-02-02", "intake_verdict").decision("unsuitable"), "2024-02-02");
    assert_eq!((world.total("intake_refund"), world.owes("patient")), ("-1500.00".into(), "0.00".into()));
    let mut suitable = bought();
    suitable.tell(&told("in", "2024-02-02", "intake_verdict").decision("suitable"), "2024-02-02");
    assert_eq!(suitable.owes("patient"), "1500.00");
}

#[test]
fn before_the_first_service_the_price_comes_back_without_staff() {
    let ask = || told("ask", "2024-02-10", "refund_request").side("patient");
    let mut world = bought();
    // filing is no service
    world.hear(&receipt("file", "2024-02-01", "filing", 1), "2024-02-01");
    world.tell(&ask(), "2024-02-10");
    assert_eq!(world.owes("patient"), "0.00");
    // a receipt, a dispatched device, or what both sides confirmed is
    let both = [
        told("c-1", "2024-02-01", "confirmation").item("visit").side("patient"),
        told("c-2", "2024-02-02", "confirmation").item("visit").side("provider"),
    ];
    for facts in [
        vec![receipt("r", "2024-02-01", "follow_up", 1)],
        vec![told("d", "2024-02-01", "dispatch").item("watch")],
        both.to_vec(),
    ] {
        let mut served = bought();
        facts.iter().for_each(|fact| served.hear(fact, "2024-02-02"));
        served.tell(&ask(), "2024-02-10");
        assert_eq!(served.owes("patient"), "1500.00");
    }
    // confirmed by one side alone it is not
    let mut one = bought();
    one.hear(&both[0], "2024-02-01");
    one.tell(&ask(), "2024-02-10");
    assert_eq!(one.owes("patient"), "0.00");
}

#[test]
fn staff_agree_at_most_what_is_unused() {
    let mut world = bought();
    world.hear(&receipt("r", "2024-02-01", "follow_up", 2), "2024-02-01");
    world.hear(&told("d", "2024-02-01", "dispatch").item("watch"), "2024-02-01");
    // 1,500 less 2 x 50 and 300 is 1,100
    world.tell(&agreed("a-1", "2024-03-01", "1100.01"), "2024-03-01");
    assert_eq!((world.total("refund"), world.held("a-1")), ("0.00".into(), Some("refund_over_limit")));
    // of the item: 10 unused follow-ups are 500
    world.tell(&agreed("a-2", "2024-03-02", "500.01").item("follow_up"), "2024-03-02");
    assert_eq!(world.held("a-2"), Some("refund_over_limit"));
    world.tell(&agreed("a-3", "2024-03-03", "300.00").item("follow_up"), "2024-03-03");
    world.tell(&agreed("a-4", "2024-03-04", "200.01").item("follow_up"), "2024-03-04");
    assert_eq!((world.total("refund"), world.held("a-4")), ("-300.00".into(), Some("refund_over_limit")));
    // for all: 1,100 less 300
    world.tell(&agreed("a-5", "2024-03-05", "800.00"), "2024-03-05");
    assert_eq!(world.total("refund"), "-1100.00");
    // never more than the limit for all, though the visits are unused
    world.tell(&agreed("a-6", "2024-03-06", "0.01").item("visit"), "2024-03-06");
    assert_eq!((world.total("refund"), world.held("a-6")), ("-1100.00".into(), Some("refund_over_limit")));
}

#[test]
fn an_item_is_used_up_no_more_than_its_count() {
    let mut world = bought();
    world.hear(&receipt("r", "2024-02-01", "visit", 9), "2024-02-01");
    // 2 visits, 300
    world.tell(&agreed("a", "2024-03-01", "1200.00"), "2024-03-01");
    assert_eq!(world.total("refund"), "-1200.00");
}

#[test]
fn after_the_term_nothing_is_refundable() {
    // twelve months after 31 January 2024 is 31 January 2025
    for (on, total) in [("2025-01-30", "-100.00"), ("2025-01-31", "0.00")] {
        let mut world = bought();
        world.hear(&receipt("r", "2024-02-01", "visit", 1), "2024-02-01");
        world.tell(&agreed("a", on, "100.00"), on);
        assert_eq!(world.total("refund"), total, "{on}");
    }
}

#[test]
fn an_agreement_needs_a_reason_and_an_upgrade_may_cost() {
    let mut world = bought();
    world.hear(&receipt("r", "2024-02-01", "visit", 1), "2024-02-01");
    world.tell(&told("a", "2024-03-01", "refund_agreement").amount("10.00"), "2024-03-01");
    assert_eq!(world.held("a"), Some("no_reason"));
    world.tell(&told("v", "2024-03-02", "vip_upgrade").side("patient").amount("88.00"), "2024-03-02");
    assert_eq!(world.total("vip_charge"), "88.00");
}

#[test]
fn a_late_receipt_takes_a_refund_back_in_the_open_month() {
    let mut world = bought();
    world.hear(&receipt("r", "2024-02-01", "visit", 1), "2024-02-01");
    world.tell(&agreed("a", "2024-03-01", "1350.00"), "2024-03-01");
    assert_eq!(world.total("refund"), "-1350.00");
    world.close("2024-03");
    let corrected = world.tell(&receipt("late", "2024-02-20", "visit", 1), "2024-04-05").to_vec();
    // now 300 are used up and the limit is 1,200: what was agreed is more and refused
    let line = |service: &str, booking: &str, amount: &str, reason: &str| {
        [service, booking, "refund", "patient", amount, reason].map(str::to_owned)
    };
    let found: Vec<[String; 6]> =
        booked(&corrected).into_iter().map(|(a, b, c, d, e, f)| [a, b, c, d, e, f]).collect();
    assert_eq!(found, [line("2024-03", "2024-04", "1350.00", "corrected")]);
    assert_eq!(world.held("a"), Some("refund_over_limit"));
}
