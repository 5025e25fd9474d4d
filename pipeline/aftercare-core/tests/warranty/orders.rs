//! Any order of the same facts: the same money.

use std::collections::BTreeMap;

use aftercare_core::contract::{EntryKind, LedgerBook};
use aftercare_core::facts::{EnrolmentFact, VerdictFact};
use aftercare_core::time::Instant;
use proptest::prelude::*;

use crate::world::*;

/// The facts of a patient with something of everything, each with the tick at which it is stored.
fn facts() -> Vec<(Fact, Instant)> {
    let mut facts = vec![
        (enrolment(), day(0)),
        (device(), day(12)),
        (Fact::Enrolment("enr-3", EnrolmentFact { clinician_id: Some("c-2"), ..statement(60) }), day(61)),
        (consent("enr-4", 380, true), day(30)),
        (Fact::Choice("free", day(400), "chosen"), day(401)),
        (Fact::Therapy("ev-1", day(45), Some(day(66))), day(70)),
    ];
    for slot in (1..=28).filter(|slot| slot % 5 != 0) {
        let (id, on) = (format!("u-{slot}"), 14 * slot);
        facts.push((
            upload(&id, on, [70.0, 118.0, 140.0][usize::try_from(slot % 3).unwrap()], 120.0),
            day(on),
        ));
        if slot % 4 != 0 {
            let clinician_id = if on + 2 < 60 { "c-1" } else { "c-2" };
            let said = VerdictFact { clinician_id, ..verdict(&id, day(on + 2)) };
            facts.push((Fact::Review(format!("se-{slot}"), said), day(on + 2)));
        }
    }
    facts.push((upload("again", 45, 120.0, 120.0), day(45)));
    facts
}

/// All facts in this order, `now` never going back; at the end the same tick.
fn told(order: &[usize], each: bool) -> World {
    let (facts, mut world) = (facts(), World::new());
    let mut now = day(0);
    for place in order {
        let (fact, stored_at) = &facts[*place];
        now = now.max(*stored_at);
        world.hear(fact, *stored_at);
        if each {
            world.tick(now);
        }
    }
    world.tick(day(600));
    world
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn every_order_comes_to_the_same_money(order in Just((0..facts().len()).collect::<Vec<_>>()).prop_shuffle()) {
        let batch = told(&(0..facts().len()).collect::<Vec<_>>(), false);
        let world = told(&order, true);
        prop_assert_eq!(world.net(), batch.net());
        // the journal balances: what is set aside is released, what is payable is what the lines say
        prop_assert_eq!(world.balance("warranty-provision").0, 0);
        let owed: i64 = world.entries.iter()
            .filter(|e| e.kind == EntryKind::Line && &*e.component != "compensation" && e.payer.as_deref() == Some("m-alpha"))
            .map(|e| e.amount.0)
            .sum();
        prop_assert_eq!(world.balance("warranty-payable").0, -owed);
        prop_assert_eq!(world.balance("warranty-expense").0, owed);
        // what is held in the end is held for the same reasons
        let held = |world: &World| -> BTreeMap<String, Option<String>> {
            let ids = (1..=28).map(|slot| format!("u-{slot}")).chain(["again".to_owned()]);
            ids.map(|id| (id.clone(), world.held(&id).map(str::to_owned))).collect()
        };
        prop_assert_eq!(held(&world), held(&batch));
    }
}

#[test]
fn every_entry_has_an_id_of_its_own_and_every_reversal_its_entry() {
    let all: Vec<usize> = (0..facts().len()).collect();
    let mut world = told(&all, true);
    let before = world.entries.len();
    for index in [60.0, 130.0, 120.0] {
        world.tell(&upload("u-1", 14, index, 120.0), day(600));
        world.tell(&upload("u-2", 28, index, 120.0), day(600));
    }
    let mut known = BTreeMap::new();
    for entry in &world.entries {
        if let Some(reversed) = &entry.reverses {
            let amount: i64 = *known.get(reversed).unwrap();
            assert_eq!(amount + entry.amount.0, 0, "{reversed}");
        }
        assert!(known.insert(entry.entry_id.clone(), entry.amount.0).is_none(), "{}", entry.entry_id);
    }
    // u-1 is within, below, within, within; u-2 above, below, within, within. Adjustments of two payers are reversed
    // once for u-1 and twice for u-2, variances twice for each: 2 + 4 + 4
    let reversals =
        world.entries[before..].iter().filter(|entry| entry.reverses.is_some() && entry.amount.0 != 0);
    assert_eq!(reversals.count(), 10);
}

#[test]
fn a_book_that_was_kept_goes_on_as_one_that_was_not() {
    let all: Vec<usize> = (0..facts().len()).collect();
    let mut world = told(&all, true);
    let bytes = postcard::to_allocvec(&world.book).unwrap();
    assert!(bytes.len() < 7_000, "a year takes {} bytes", bytes.len());
    world.book = postcard::from_bytes::<LedgerBook>(&bytes).unwrap();
    assert!(world.tick(day(600)).is_empty());
    assert!(world.tell(&facts()[0].0, day(600)).is_empty());
}
