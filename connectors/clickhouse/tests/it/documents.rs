//! A month of the ledger, party by party.

use aftercare_clickhouse::{BilledContract, OutputTable, Reserve, Side, Store};
use aftercare_schemas::{codec, wire};

use crate::support::{examples, framed, migrated, version};

/// A line of 16.00 that a manufacturer owes a clinician in January, changed by `change`.
async fn write(store: &Store, sequence: u64, change: impl FnOnce(&mut wire::LedgerEntry<'_>)) {
    let records = examples("ledger");
    let of_a_line = |record: &&Vec<u8>| {
        let entry: wire::LedgerEntry<'_> = codec::decode("ledger", Some(record), None).unwrap();
        entry.kind == wire::LedgerKind::Line && entry.reverses.is_none()
    };
    let record = records.iter().find(of_a_line).unwrap();
    let mut entry: wire::LedgerEntry<'_> = codec::decode("ledger", Some(record), None).unwrap();
    let entry_id = format!("entry-{sequence:02}");
    (entry.version, entry.amount_minor, entry.currency) = (version(1, sequence), 1_600, "CNY");
    (entry.service_period, entry.booking_period) = (Some("2026-01"), Some("2026-01"));
    (entry.patient_id, entry.payer, entry.payer_role) = (Some("p-2"), Some("m-alpha"), Some("manufacturer"));
    (entry.payee, entry.payee_role) = (Some("c-1"), Some("clinician"));
    change(&mut entry);
    let entry = wire::LedgerEntry { entry_id: &entry_id, ..entry };
    assert!(store.insert(OutputTable::Ledger, &[&framed("ledger", &entry)]).await.is_ok());
}

/// Party, role, id, amount of every line.
async fn listed(store: &Store, side: Side, party: Option<&str>) -> Vec<(String, String, String, i64)> {
    let mut lines = store.document_lines("2026-01", side, party).await.unwrap();
    let mut out = Vec::new();
    while let Some(line) = lines.next().await.unwrap() {
        assert!(
            line.evidence.iter().any(|(name, value, ..)| (*name, *value) == ("index", "129.8")),
            "{line:?}"
        );
        out.push((line.party.to_owned(), line.role.to_owned(), line.entry_id.to_owned(), line.amount_minor));
    }
    out
}

fn row(party: &str, role: &str, entry: &str, amount: i64) -> (String, String, String, i64) {
    (party.to_owned(), role.to_owned(), entry.to_owned(), amount)
}

#[tokio::test]
async fn each_side_has_its_lines_in_the_order_of_its_parties() {
    let store = migrated("documents_sides").await;
    write(&store, 1, |_| {}).await;
    write(&store, 2, |entry| entry.patient_id = Some("p-1")).await;
    // the patient owes a part; the manufacturer owes the patient; an insurer's part is shown only
    write(&store, 3, |entry| (entry.payer, entry.payer_role) = (Some("patient"), Some("patient"))).await;
    write(&store, 4, |entry| (entry.payee, entry.payee_role) = (Some("patient"), Some("patient"))).await;
    write(&store, 5, |entry| {
        (entry.kind, entry.payer) = (wire::LedgerKind::Shown, Some("insurer"));
        entry.payer_role = Some("commercial_insurance");
    })
    .await;
    // neither another month nor what is no money belongs to it
    write(&store, 6, |entry| entry.booking_period = Some("2026-02")).await;
    write(&store, 7, |entry| entry.kind = wire::LedgerKind::Measure).await;
    // version 1 says no role: it follows from the device's manufacturer and from the episode's clinician
    write(&store, 8, |entry| {
        (entry.payer_role, entry.payee_role) = (None, None);
        (entry.manufacturer, entry.clinician_id) = (Some("m-alpha"), Some("c-1"));
    })
    .await;
    let payers = [
        row("insurer", "commercial_insurance", "entry-05", 1_600),
        row("m-alpha", "manufacturer", "entry-02", 1_600),
        row("m-alpha", "manufacturer", "entry-01", 1_600),
        row("m-alpha", "manufacturer", "entry-04", 1_600),
        row("m-alpha", "manufacturer", "entry-08", 1_600),
    ];
    assert_eq!(listed(&store, Side::Payers, None).await, payers);
    assert_eq!(listed(&store, Side::Payers, Some("insurer")).await, payers[..1]);
    let of_clinician =
        ["02", "01", "03", "05", "08"].map(|n| row("c-1", "clinician", &format!("entry-{n}"), 1_600));
    assert_eq!(listed(&store, Side::Payees, None).await, of_clinician);
    let of_patients = ["03", "04"].map(|n| row("p-2", "patient", &format!("entry-{n}"), 1_600));
    assert_eq!(listed(&store, Side::Patients, None).await, of_patients);
}

#[tokio::test]
async fn provisions_go_on_from_month_to_month() {
    let store = migrated("documents_reserves").await;
    let posting =
        |month: &'static str, component: &'static str, accounts: (&'static str, &'static str), amount| {
            move |entry: &mut wire::LedgerEntry<'_>| {
                (entry.kind, entry.component, entry.amount_minor) =
                    (wire::LedgerKind::Posting, Some(component), amount);
                (entry.debit_account, entry.credit_account) = (Some(accounts.0), Some(accounts.1));
                (entry.contract, entry.booking_period) = (Some("warranty-example"), Some(month));
            }
        };
    let (expense, provision, payable) = ("warranty-expense", "warranty-provision", "warranty-payable");
    write(&store, 1, posting("2025-12", "accrual", (expense, provision), 116_480)).await;
    write(&store, 2, posting("2025-12", "claim", (provision, payable), 4_480)).await;
    write(&store, 3, posting("2026-01", "claim", (provision, payable), 4_480)).await;
    write(&store, 4, posting("2026-01", "variance", (expense, payable), 1_920)).await;
    write(&store, 5, posting("2026-01", "lapse", (provision, expense), 4_480)).await;
    write(&store, 6, posting("2026-01", "suspension", (expense, "instalment-suspended"), 700)).await;
    // takes the lapse back; and a month that is yet to come
    write(&store, 7, posting("2026-01", "lapse", (provision, expense), -4_480)).await;
    write(&store, 8, posting("2026-02", "claim", (provision, payable), 4_480)).await;
    let expected = [Reserve {
        party: "m-alpha".to_owned(),
        contract: "warranty-example".to_owned(),
        currency: "CNY".to_owned(),
        opening: 112_000,
        accrued: 0,
        released: 4_480,
        variance: 1_920,
        suspended: 700,
        closing: 107_520,
    }];
    assert_eq!(store.reserves("2026-01", None).await.unwrap(), expected);
    assert_eq!(store.reserves("2026-01", Some("m-alpha")).await.unwrap(), expected);
    assert_eq!(store.reserves("2026-01", Some("m-beta")).await.unwrap(), []);
    assert_eq!(listed(&store, Side::Books, None).await.len(), 5);
}

#[tokio::test]
async fn a_month_is_closed_contract_by_contract() {
    let store = migrated("documents_closed").await;
    write(&store, 1, |entry| entry.contract = Some("warranty-example")).await;
    write(&store, 2, |entry| (entry.contract, entry.currency) = (Some("other"), "EUR")).await;
    for task in [3, 4] {
        write(&store, task, |entry| {
            entry.kind = wire::LedgerKind::Marker;
            (entry.closing_id, entry.booking_period) = (Some("closing/warranty-example/2026-01"), None);
            entry.stored_at = 1_770_768_000_000 + i64::try_from(task).unwrap();
        })
        .await;
    }
    let contract = |contract: &str, currency: &str, answers, answered_at| BilledContract {
        contract: contract.to_owned(),
        currencies: vec![currency.to_owned()],
        answers,
        answered_at,
    };
    let expected =
        [contract("other", "EUR", 0, 0), contract("warranty-example", "CNY", 2, 1_770_768_000_004)];
    assert_eq!(store.billed_contracts("2026-01").await.unwrap(), expected);
}
