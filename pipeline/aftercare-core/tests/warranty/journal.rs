//! Accrual and release: double entry that balances.

use aftercare_core::documents::CONTRACT as KIND;
use aftercare_core::money::Minor;

use crate::world::*;

const PROVISION: &str = "warranty-provision";
const EXPENSE: &str = "warranty-expense";
const PAYABLE: &str = "warranty-payable";

fn total(world: &World, component: &str) -> String {
    let own = world.entries.iter().filter(|entry| &*entry.component == component);
    own.map(|entry| entry.amount).sum::<Minor>().text(2)
}

#[test]
fn a_nominal_year_is_2080_of_which_the_manufacturer_pays_1664() {
    let mut world = World::covered();
    // 26 x 80 x 1.0 x 0.7 x 0.8 = 1,164.80, all set aside at first
    assert_eq!(world.balance(PROVISION), Minor(-116_480));
    for slot in 1..=26 {
        let (id, on) = (format!("u-{slot}"), 14 * slot);
        world.tell(&upload(&id, on, 120.0, 120.0), day(on));
        world.tell(&review(&id, on + 1), day(on + 1));
    }
    world.tick(day(500));
    // 26 x 80 = 2,080; 26 x 64 = 1,664; 26 x 16 = 416
    assert_eq!((world.owes("m-alpha"), world.owes("patient")), ("1664.00".into(), "416.00".into()));
    // each slot releases 1,164.80 / 26 = 44.80 and costs 64.00: a variance of 19.20, 26 x 19.20 = 499.20
    assert_eq!(total(&world, "claim"), "1164.80");
    assert_eq!(total(&world, "variance"), "499.20");
    assert_eq!(total(&world, "lapse"), "0.00");
    // the provision is used up; what is payable is what the lines say; the expense is the same
    assert_eq!(world.balance(PROVISION), Minor(0));
    assert_eq!(world.balance(PAYABLE), Minor(-166_400));
    assert_eq!(world.balance(EXPENSE), Minor(166_400));
}

#[test]
fn without_uploads_every_slot_lapses_seven_days_after_its_end() {
    let mut world = World::covered();
    // slot 1 is [T + 7, T + 21), so its part lapses on T + 28
    assert_eq!(world.book.next_due(), Some(midnight(28)));
    assert_eq!(world.tick(Instant(midnight(28).0 - 1)).len(), 0);
    let lapse = &world.tick(midnight(28))[0];
    assert_eq!((&*lapse.component, lapse.amount, lapse.triggered_at), ("lapse", Minor(4_480), midnight(28)));
    world.tick(day(500));
    assert_eq!(total(&world, "lapse"), "1164.80");
    assert_eq!((world.balance(PROVISION), world.balance(EXPENSE)), (Minor(0), Minor(0)));
    assert_eq!(world.book.next_due(), None);
}

#[test]
fn a_slot_lapses_when_the_review_s_deadline_has_passed() {
    let mut world = World::covered();
    world.tell(&upload("u-1", 8, 120.0, 120.0), day(8));
    assert_eq!(world.book.next_due(), Some(midnight(15)));
    let lapsed = world.tick(midnight(15)).iter().any(|entry| &*entry.component == "lapse");
    assert!(lapsed);
    assert_eq!(world.held("u-1"), Some("no_review"));
    // the session ended in time, but its verdict comes late: what was released is taken back
    world.tell(&review("u-1", 10), day(20));
    assert_eq!((total(&world, "lapse"), total(&world, "claim")), ("0.00".into(), "44.80".into()));
    assert_eq!(world.balance(PAYABLE), Minor(-6_400));
}

#[test]
fn the_last_slot_takes_the_rest() {
    let mut world = World::new();
    let (text, id) = (world.library.text(KIND, CONTRACT, None).unwrap().to_owned(), CONTRACT);
    let second = text.replace("version = 1\n", "version = 2\n").replace("fee = \"80\"", "fee = \"79.99\"");
    world.library.add(KIND, id, 2, &second).unwrap();
    world.tell(&enrolment(), day(0));
    world.tell(&device(), day(0));
    world.tick(day(500));
    // 26 x 79.99 x 0.7 x 0.8 = 1,164.6544, rounded 1,164.65; / 26 = 44.79.., 25 x 44.79 = 1,119.75, rest 44.90
    assert_eq!(total(&world, "accrual"), "1164.65");
    let lapses: Vec<i64> =
        world.entries.iter().filter(|e| &*e.component == "lapse").map(|e| e.amount.0).collect();
    assert_eq!((lapses.len(), lapses[0], lapses[24], lapses[25]), (26, 4_479, 4_479, 4_490));
    assert_eq!(world.balance(PROVISION), Minor(0));
}

#[test]
fn no_release_is_dated_before_the_accrual() {
    let mut world = World::new();
    world.tell(&enrolment(), day(0));
    world.billed(120.0, 120.0);
    assert_eq!(world.balance(PROVISION), Minor(0), "nothing is set aside for a device that is not known");
    world.tell(&device(), day(29));
    for component in ["accrual", "claim", "variance", "lapse"] {
        let own: Vec<_> = world.entries.iter().filter(|entry| &*entry.component == component).collect();
        assert!(own.iter().all(|entry| entry.triggered_at == midnight(29)), "{component}");
        // slot 1 is claimed; nothing else has lapsed by day 29
        assert_eq!(own.len(), usize::from(component != "lapse"), "{component}");
    }
}

#[test]
fn the_version_in_force_at_enrolment_prices() {
    let mut world = World::new();
    let text = world.library.text(KIND, CONTRACT, None).unwrap().to_owned();
    let second = text
        .replace("version = 1\n", "version = 2\n")
        .replace("amount = \"80\"", "amount = \"100\"")
        .replace("2020-01-01", "2025-01-02");
    world.library.add(KIND, CONTRACT, 2, &second).unwrap();
    world.tell(&enrolment(), day(0));
    world.tell(&device(), day(0));
    world.billed(120.0, 120.0);
    assert_eq!(world.owes("m-alpha"), "64.00");
    assert!(world.entries.iter().all(|entry| entry.contract_version == 1));
}

use aftercare_core::time::Instant;
