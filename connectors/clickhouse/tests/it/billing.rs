//! Months of the ledger: their sums, whether they add up, what is settled.

use std::collections::BTreeMap;

use aftercare_clickhouse::{AccountSum, ContractMonth, LedgerFault, OutputTable, PartySum, Settled, Store};
use aftercare_schemas::wire::{LedgerEntry, LedgerEvidence, LedgerKind};

use crate::support::{NEW_YEAR, client, framed, migrated, receipt, run, score, slices, version};

const DAY: i64 = 86_400_000;
/// Tasks.
const PARTITIONS: u32 = 1;

fn entry(n: u64, kind: LedgerKind, entry_id: &str) -> LedgerEntry<'_> {
    LedgerEntry {
        version: version(1, n),
        entry_id,
        kind,
        closing_id: None,
        contract: Some("c"),
        contract_version: Some(1),
        clause: None,
        component: Some("fee"),
        component_id: entry_id.rsplitn(3, '/').nth(2),
        case_id: Some("e1"),
        patient_id: Some("p1"),
        episode_id: Some("e1"),
        payer: Some("m-alpha"),
        payer_role: Some("manufacturer"),
        payee: Some("c1"),
        payee_role: Some("clinician"),
        debit_account: None,
        credit_account: None,
        amount_minor: 6_400,
        currency: "CNY",
        triggered_at: Some(NEW_YEAR),
        service_period: Some("2026-01"),
        booking_period: Some("2026-01"),
        reason: None,
        reverses: None,
        evidence: Vec::new(),
        said: Vec::new(),
        stored_at: NEW_YEAR,
        organisation: None,
        care_team: None,
        clinician_id: None,
        manufacturer: Some("m-alpha"),
        procedure: None,
        source: "live",
    }
}

fn rests_on(upload: &str) -> Vec<LedgerEvidence<'_>> {
    let evidence = LedgerEvidence {
        name: "index",
        value: "120",
        unit: "%",
        record_id: Some(upload),
        record_revision: Some(1),
    };
    let nothing =
        LedgerEvidence { name: "clause", record_id: None, record_revision: None, ..evidence.clone() };
    vec![nothing, evidence.clone(), evidence]
}

/// Slot 1 is billed in January (u1), taken back and issued higher in February, together with a late line of January (u2);
/// u3 is held, u4 is of another episode, u5 was refused, u6 has a second revision, u7 nobody knows of.
async fn january(store: &Store) {
    let booked = |month, entry| LedgerEntry { booking_period: Some(month), ..entry };
    let line = |n, id, upload| LedgerEntry { evidence: rests_on(upload), ..entry(n, LedgerKind::Line, id) };
    let posting = |n, id, amount_minor, debit_account, credit_account| LedgerEntry {
        component: Some("accrual"),
        amount_minor,
        debit_account: Some(debit_account),
        credit_account: Some(credit_account),
        ..entry(n, LedgerKind::Posting, id)
    };
    let entries = [
        line(1, "c/e1/slot-01/fee/m-alpha/0", "u1"),
        LedgerEntry {
            payer: Some("patient"),
            amount_minor: 1_600,
            ..line(2, "c/e1/slot-01/fee/patient/0", "u1")
        },
        LedgerEntry {
            component_id: Some("c/e1/u3/held"),
            amount_minor: 0,
            reason: Some("awaiting_review"),
            evidence: rests_on("u3"),
            ..entry(3, LedgerKind::Held, "c/e1/u3/held/0")
        },
        posting(4, "c/e1/start/accrual/m-alpha/0", 116_480, "expense", "provision"),
        posting(5, "c/e1/slot-01/claim/m-alpha/0", 6_400, "provision", "payable"),
        booked(
            "2026-02",
            LedgerEntry {
                amount_minor: -6_400,
                reason: Some("corrected"),
                reverses: Some("c/e1/slot-01/fee/m-alpha/0"),
                ..entry(6, LedgerKind::Line, "c/e1/slot-01/fee/m-alpha/1")
            },
        ),
        booked("2026-02", LedgerEntry { amount_minor: 7_680, ..line(7, "c/e1/slot-01/fee/m-alpha/2", "u1") }),
        booked("2026-02", line(8, "c/e1/slot-02/fee/m-alpha/0", "u2")),
    ];
    let records = entries.map(|entry| framed("ledger", &entry));
    assert!(store.insert(OutputTable::Ledger, &slices(&records)).await.is_ok());

    let mut receipts = Vec::new();
    for (n, upload) in (1_u64..).zip(["u1", "u2", "u3", "u4", "u5", "u6", "u6", "u7"]) {
        let mut row = receipt(version(1, n), "prom-responses", upload, "p1");
        match n {
            1 => (row.copies, row.duplicates) = (2, 1),
            5 => (row.outcome, row.reason) = ("rejected", Some("no_forms")),
            7 => row.revision = 2,
            _ => {}
        }
        // u2 came in on the first day of February
        row.stored_at = NEW_YEAR + if n == 2 { 31 * DAY } else { DAY };
        receipts.push(framed("receipts", &row));
    }
    assert!(store.insert(OutputTable::Receipts, &slices(&receipts)).await.is_ok());
    let scores = [("s6", "u6"), ("s7", "u7")].map(|(score_id, upload_id)| {
        let n = if upload_id == "u6" { 1 } else { 2 };
        framed(
            "scores",
            &aftercare_schemas::wire::Score { upload_id, ..score(version(1, n), score_id, "p1") },
        )
    });
    assert!(store.insert(OutputTable::Scores, &slices(&scores)).await.is_ok());
}

fn month(month: &str, from_day: i64, to_day: i64) -> ContractMonth {
    let (from, to) = (NEW_YEAR + from_day * DAY, NEW_YEAR + to_day * DAY);
    ContractMonth { contract: "c".to_owned(), month: month.to_owned(), from, to }
}

#[tokio::test]
async fn every_upload_has_a_fate() {
    let store = migrated("billing_fates").await;
    january(&store).await;
    let fates = |of: ContractMonth| {
        let store = store.clone();
        async move {
            let fates = store.reconciliation(&of, PARTITIONS).await.unwrap().fates;
            let text = fates.iter().map(|fate| {
                let (records, copies) = (fate.records, fate.further_copies);
                format!("{} {} {records}+{copies} {}", fate.fate, fate.why, fate.examples.join(" "))
            });
            text.collect::<Vec<_>>()
        }
    };
    let january = fates(month("2026-01", 0, 31)).await;
    assert_eq!(
        january,
        [
            "billed  1+1 ",
            "elsewhere  1+0 ",
            "held awaiting_review 1+0 ",
            "refused no_forms 1+0 ",
            "superseded  1+0 ",
            "unnamed  2+0 u6 u7",
        ]
    );
    // as of February the slot of u1 is billed in February; that of u2 too
    assert_eq!(fates(month("2026-02", 31, 59)).await, ["billed  1+0 "]);
    assert!(fates(month("2025-12", -31, 0)).await.is_empty());
}

#[tokio::test]
async fn what_is_booked_is_what_stands_anew_and_books_balance() {
    let store = migrated("billing_sums").await;
    january(&store).await;
    let january = store.reconciliation(&month("2026-01", 0, 31), PARTITIONS).await.unwrap();
    assert!(january.faults.is_empty(), "{:?}", january.faults);
    let party = |payer: &str, lines, booked_minor| PartySum {
        payer: payer.to_owned(),
        currency: "CNY".to_owned(),
        lines,
        booked_minor,
        stood_minor: booked_minor,
        reversed_minor: 0,
        late_minor: 0,
    };
    assert_eq!(january.parties, [party("m-alpha", 1, 6_400), party("patient", 1, 1_600)]);
    let account = |account: &str, opening_minor, debit_minor, credit_minor| AccountSum {
        party: "m-alpha".to_owned(),
        currency: "CNY".to_owned(),
        account: account.to_owned(),
        opening_minor,
        debit_minor,
        credit_minor,
    };
    assert_eq!(
        january.accounts,
        [
            account("expense", 0, 116_480, 0),
            account("payable", 0, 0, 6_400),
            account("provision", 0, 6_400, 116_480)
        ]
    );
    let february = store.reconciliation(&month("2026-02", 31, 59), PARTITIONS).await.unwrap();
    // -64.00 + 76.80 + 64.00, of which -64.00 reverses and 76.80 + 64.00 are of January
    let expected = PartySum { reversed_minor: -6_400, late_minor: 14_080, ..party("m-alpha", 3, 7_680) };
    assert_eq!(february.parties, [expected]);
    assert_eq!(february.accounts[2], account("provision", -110_080, 0, 0));

    let sums = store.month_sums("2026-02", Some("c")).await.unwrap();
    assert_eq!((sums.len(), sums[0].entries, sums[0].amount_minor), (1, 3, 7_680));
    assert!(store.month_sums("2026-02", Some("another")).await.unwrap().is_empty());
    let held = store.held_sums("2026-01", None, Some("m-alpha")).await.unwrap();
    assert_eq!(held, [("awaiting_review".to_owned(), 1)]);
    assert!(store.held_sums("2026-01", None, Some("m-beta")).await.unwrap().is_empty());
    let months = store.booked_months().await.unwrap();
    assert_eq!((&*months[0].first, &*months[0].last, months.len()), ("2026-01", "2026-02", 1));
}

#[tokio::test]
async fn what_cannot_be_is_found() {
    let store = migrated("billing_faults").await;
    january(&store).await;
    let client = client("billing_faults");
    let faults = || async {
        let found = store.reconciliation(&month("2026-01", 0, 31), PARTITIONS).await.unwrap().faults;
        let text = |fault: &LedgerFault| format!("{} {} {}", fault.fault, fault.entries, fault.examples[0]);
        found.iter().map(text).collect::<Vec<_>>()
    };
    let (line, reversal) = ("c/e1/slot-01/fee/m-alpha/0", "c/e1/slot-01/fee/m-alpha/1");
    let answered = "'closing/c/2026-01/0' AS entry_id, 'marker' AS kind, 'closing/c/2026-01' AS closing_id, NULL AS contract";
    for (changes, of, expected) in [
        ("'x' AS entry_id, 'y' AS reverses", reversal, "reverses_nothing 1 x"),
        (
            "'x' AS entry_id, 'c/e1/slot-02/fee/m-alpha/0' AS reverses, toInt64(-1) AS amount_minor",
            reversal,
            "reverses_wrongly 1 x",
        ),
        ("'x' AS entry_id", reversal, "reversed_twice 1 c/e1/slot-01/fee/m-alpha/0"),
        (
            "'2025-12' AS booking_period, version + 100 AS version",
            reversal,
            "reverses_before_it_was_booked 1 c/e1/slot-01/fee/m-alpha/1",
        ),
        (
            "'x' AS entry_id, 'other' AS component_id, debit_account AS credit_account",
            "c/e1/slot-01/claim/m-alpha/0",
            "posted_without_two_accounts 1 x",
        ),
        ("'x' AS entry_id", "c/e1/slot-01/fee/patient/0", "stands_twice 2 c/e1/slot-01/fee/patient/0"),
        // after the five of January; after three of them
        (&format!("{answered}, version + 4 AS version"), line, ""),
        (
            &format!("{answered}, version + 2 AS version"),
            line,
            "booked_after_the_closing 2 c/e1/slot-01/claim/m-alpha/0",
        ),
    ] {
        let copy = format!("SELECT * REPLACE ({changes}) FROM ledger AS l FINAL WHERE l.entry_id = '{of}'");
        run(&client, &format!("INSERT INTO ledger {copy}")).await;
        assert_eq!(faults().await.join("\n"), expected, "{changes}");
        for table in ["ledger", "receipts", "scores"] {
            run(&client, &format!("TRUNCATE TABLE {table}")).await;
        }
        january(&store).await;
    }
}

#[tokio::test]
async fn measures_are_summed_by_pool_and_the_answers_to_a_settlement_are_counted() {
    let store = migrated("billing_measures").await;
    let measure = |n, entry_id, pool, amount_minor, month| LedgerEntry {
        component: Some("known"),
        payer: Some(pool),
        amount_minor,
        booking_period: Some(month),
        ..entry(n, LedgerKind::Measure, entry_id)
    };
    let marker = |n, entry_id, sum| LedgerEntry {
        contract: None,
        patient_id: None,
        closing_id: Some("settlement/c/2025"),
        evidence: vec![LedgerEvidence {
            name: "known",
            value: sum,
            unit: "",
            record_id: None,
            record_revision: None,
        }],
        ..entry(n, LedgerKind::Marker, entry_id)
    };
    let records = [
        measure(1, "c/e1/x/known/2025/0", "2025", 1, "2026-01"),
        measure(2, "c/e2/x/known/2025/0", "2025", 1, "2026-01"),
        measure(3, "c/e2/x/known/2025/1", "2025", -1, "2026-02"),
        measure(4, "c/e3/x/known/2024/0", "2024", 5, "2026-01"),
        marker(5, "settlement/c/2025/1/0", "2"),
        marker(6, "settlement/c/2025/1/1", "2"),
        marker(7, "settlement/c/2025/2/0", "1"),
        marker(8, "closing/c/2026-01/0", "0"),
    ];
    let records = records.map(|entry| framed("ledger", &entry));
    assert!(store.insert(OutputTable::Ledger, &slices(&records)).await.is_ok());
    let known = |sum: i64| BTreeMap::from([("known".to_owned(), sum)]);
    let january = store.measure_sums("c", "2026-01").await.unwrap();
    assert_eq!(january, BTreeMap::from([("2024".to_owned(), known(5)), ("2025".to_owned(), known(2))]));
    assert_eq!(store.measure_sums("c", "2026-02").await.unwrap()["2025"], known(1));
    let settled = store.settlements("c").await.unwrap();
    let last = Settled { revision: 2, answers: 1, measures: Some(known(1)) };
    assert_eq!(settled, BTreeMap::from([("2025".to_owned(), last)]));
    // measures are no money
    assert!(store.month_sums("2026-01", None).await.unwrap().is_empty());
}
