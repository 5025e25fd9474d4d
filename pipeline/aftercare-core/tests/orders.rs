//! The same facts in any order, with copies and crashes, end with the same scores and the same receipts.
#![allow(clippy::unwrap_used, reason = "tests")]

mod kit;

use std::collections::BTreeMap;

use aftercare_core::facts::{EnrolmentFact, FormFact, RecordStatus};
use aftercare_core::patient::{ReceiptChange, ScoreChange};
use aftercare_core::time::Instant;
use kit::*;
use proptest::prelude::*;
use proptest::sample::{Index, select};

const EPISODES: [&str; 3] = ["e", "f", "g"];

fn status() -> impl Strategy<Value = RecordStatus> {
    prop_oneof![6 => Just(RecordStatus::Amended), 1 => Just(RecordStatus::EnteredInError)]
}

fn maybe<T: Clone + std::fmt::Debug + 'static>(values: &[T]) -> impl Strategy<Value = Option<T>> + use<T> {
    prop::option::of(select(values.to_vec()))
}

fn statements() -> impl Strategy<Value = EnrolmentFact<'static>> {
    let whole = (maybe(&[-20i64, 0, 30]), maybe(&["maker", "other"]), maybe(&["stent", "bypass"]));
    let person = (maybe(&[1950, 1960]), maybe(&["female", "male", "other"]), maybe(&[vec![], vec!["E11.9"]]));
    let dated = (
        maybe(&["coronary-stent", "nhs-eq5d", "no-such-plan"]),
        maybe(&["Asia/Shanghai", "America/New_York", "Nowhere/Land"]),
        maybe(&["doctor", "other"]),
    );
    (select(EPISODES.to_vec()), -30i64..10, -30i64..60, whole, person, dated).prop_map(
        |(episode_id, recorded, effective, whole, person, (plan, time_zone, clinician_id))| EnrolmentFact {
            episode_id,
            recorded_at: day(recorded),
            effective_at: day(effective),
            treated_at: whole.0.map(day),
            manufacturer: whole.1,
            procedure: whole.2,
            birth_year: person.0,
            sex: person.1,
            comorbidities: person.2,
            plan,
            time_zone,
            clinician_id,
            ..EnrolmentFact::default()
        },
    )
}

fn forms() -> impl Strategy<Value = Vec<FormFact<'static>>> {
    let one = prop_oneof![
        8 => (1i32..=5).prop_map(saq_7),
        8 => (1i32..=5).prop_map(|level| eq_5d("eq-5d-5l", level)),
        4 => (1i32..=3).prop_map(|level| eq_5d("eq-5d-3l", level)),
        8 => (0i32..=3).prop_map(phq_2),
        8 => (0i32..=4).prop_map(rose),
        4 => (0i32..=100).prop_map(vas),
        2 => Just(form("phq-9", &[])),
        1 => Just(form("phq-2", &[("phq2_1", 9)])),
        1 => Just(form("unheard-of", &[])),
    ];
    prop_oneof![
        3 => prop::collection::vec(one, 0..4),
        2 => (1i32..=5).prop_map(stent_forms),
    ]
}

fn enrolments() -> impl Strategy<Value = BTreeMap<(usize, i32), Record>> {
    let one = (statements(), status()).prop_map(|(fact, status)| Record { status, ..enrolment_of("", fact) });
    prop::collection::btree_map((0..4usize, 1..=2i32), one, 1..6)
}

fn uploads() -> impl Strategy<Value = BTreeMap<(usize, i32), Record>> {
    let one = (maybe(&EPISODES), -60i64..120, 0i64..3, forms(), status());
    let one = one.prop_map(|(episode, on, tie, forms, status)| {
        // a few share their time of answer
        let on = if tie == 0 { 5 } else { on };
        Record { status, ..upload_of("", episode, on, forms) }
    });
    prop::collection::btree_map((0..7usize, 1..=3i32), one, 1..14)
}

fn named(ids: &[&'static str], records: BTreeMap<(usize, i32), Record>) -> Vec<Record> {
    records.into_iter().map(|((id, revision), record)| Record { id: ids[id], revision, ..record }).collect()
}

fn facts() -> impl Strategy<Value = Vec<Record>> {
    (enrolments(), uploads(), prop::bool::ANY).prop_map(|(enrolments, uploads, happens)| {
        let mut records = named(&["n0", "n1", "n2", "n3"], enrolments);
        records.extend(named(&["u0", "u1", "u2", "u3", "u4", "u5", "u6"], uploads));
        records.extend(happens.then(|| event("c")));
        records
    })
}

/// Facts, an order of them, and which of them come again where.
fn arrivals() -> impl Strategy<Value = (Vec<Record>, Vec<Record>)> {
    facts().prop_flat_map(|facts| {
        let shuffled = Just(facts.clone()).prop_shuffle();
        let copies = prop::collection::vec((any::<Index>(), any::<Index>()), 0..6);
        (Just(facts), shuffled, copies).prop_map(|(facts, mut arrivals, copies)| {
            for (of, to) in copies {
                let copy = of.get(&facts).clone();
                arrivals.insert(to.index(arrivals.len() + 1), copy);
            }
            (facts, arrivals)
        })
    })
}

/// Receipts without what depends on arrival.
fn receipts(desk: &Desk) -> BTreeMap<ReceiptKey, ReceiptChange> {
    let plain = |row: &ReceiptChange| ReceiptChange {
        stored_at: Instant(0),
        copies: 0,
        duplicates: 0,
        ..row.clone()
    };
    desk.receipts.iter().map(|(key, row)| (key.clone(), plain(row))).collect()
}

fn copies(desk: &Desk) -> usize {
    desk.receipts.values().map(|receipt| usize::try_from(receipt.copies).unwrap()).sum()
}

fn bits(rows: &BTreeMap<String, ScoreChange>) -> Vec<(String, Vec<Option<u64>>)> {
    let of = |row: &ScoreChange| {
        let numbers =
            [row.score, row.index, row.ewma, row.mean_28d, row.slope_56d, row.change_mcid, row.baseline];
        numbers.map(|number| number.map(f64::to_bits)).to_vec()
    };
    rows.iter().map(|(id, row)| (id.clone(), of(row))).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_order_with_copies_ends_the_same((facts, arrivals) in arrivals()) {
        let in_order = Desk::with(&facts);
        let shuffled = Desk::with(&arrivals);
        prop_assert_eq!(in_order.standing(), shuffled.standing());
        prop_assert_eq!(bits(&in_order.standing()), bits(&shuffled.standing()));
        prop_assert_eq!(receipts(&in_order), receipts(&shuffled));
        prop_assert_eq!(in_order.net(), shuffled.net());
        prop_assert_eq!(copies(&shuffled), arrivals.len());
    }

    #[test]
    fn issuing_at_once_or_after_each_record_ends_the_same((facts, arrivals) in arrivals()) {
        let each = Desk::with(&arrivals);
        let mut at_once = Desk::new();
        for record in &arrivals {
            at_once.offer_only(record);
        }
        at_once.issue();
        prop_assert_eq!(each.standing(), at_once.standing());
        prop_assert_eq!(receipts(&each), receipts(&at_once));
        prop_assert_eq!(each.net(), at_once.net());
        prop_assert_eq!(copies(&at_once) >= facts.len(), true);
    }

    #[test]
    fn encoding_the_state_between_records_changes_nothing((_, arrivals) in arrivals()) {
        let straight = Desk::with(&arrivals);
        let mut restored = Desk::new();
        for record in &arrivals {
            let bytes = postcard::to_allocvec(&restored.patient).unwrap();
            restored.patient = postcard::from_bytes(&bytes).unwrap();
            restored.offer(record);
        }
        prop_assert_eq!(&straight.scores, &restored.scores);
        prop_assert_eq!(&straight.receipts, &restored.receipts);
        prop_assert_eq!(&straight.contributions, &restored.contributions);
    }

    #[test]
    fn what_was_issued_is_not_issued_again((_, arrivals) in arrivals()) {
        let mut desk = Desk::with(&arrivals);
        prop_assert_eq!(desk.issue(), (0, 0));
        // a copy re-issues its receipt alone
        let last = arrivals.last().unwrap();
        let rejected = desk.receipt(last).outcome == "rejected";
        desk.offer(last);
        prop_assert_eq!((desk.changes().receipts.len(), desk.changes().scores.len()), (1, 0));
        prop_assert_eq!(desk.receipt(last).outcome == "rejected", rejected);
    }

    #[test]
    fn withdrawing_everything_leaves_nothing((facts, _) in arrivals()) {
        let mut desk = Desk::with(&facts);
        for record in &facts {
            desk.offer(&record.clone().withdrawn(9));
        }
        prop_assert_eq!(desk.standing().len(), 0);
        prop_assert_eq!(desk.net().len(), 0);
        prop_assert!(desk.patient.episodes(day(0)).is_empty());
    }
}
