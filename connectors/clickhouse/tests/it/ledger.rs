//! What of the ledger is money, and what a bill may not pass over.

use aftercare_clickhouse::{OutputTable, StoreError};
use aftercare_schemas::{codec, wire};

use crate::support::{client, examples, framed, migrated, one, run, slices, version};

#[tokio::test]
async fn only_lines_and_postings_are_booked_and_older_entries_have_no_sentences() {
    let store = migrated("ledger_kinds").await;
    let records = examples("ledger");
    assert!(store.insert(OutputTable::Ledger, &slices(&records)).await.is_ok());
    let booked = store.booked("2026-01", None).await.unwrap();
    let of: Vec<(&str, i64, Option<&str>, usize)> = booked
        .iter()
        .map(|entry| (&*entry.kind, entry.amount_minor, entry.payer_role.as_deref(), entry.said.len()))
        .collect();
    // of the examples: the adjustment of version 2, the fee of version 1; neither what is shown nor what is counted
    assert_eq!(of, [("line", 1_280, Some("manufacturer"), 2), ("line", 6_400, None, 0)]);
    let counted = "capitation-example/e-000017-1/year-2026/enrolled_days/org-east/2026/0";
    let counted = store.ledger_entry(counted).await.unwrap().unwrap();
    assert_eq!((&*counted.kind, counted.amount_minor), ("measure", 365));
    assert_eq!(counted.case_id.as_deref(), Some("e-000017-1"));
    assert_eq!(counted.said, ["Enrolled on 365 days of 2026."]);
}

#[tokio::test]
async fn no_bill_is_made_beside_an_entry_of_an_unknown_kind() {
    let store = migrated("ledger_unknown").await;
    let records = examples("ledger");
    assert!(store.insert(OutputTable::Ledger, &slices(&records)).await.is_ok());
    let client = client("ledger_unknown");
    // a later version's symbol, as a reader of today takes it, and one that somebody wrote past it
    for kind in ["unknown", "credit-note"] {
        let sql =
            format!("INSERT INTO ledger (version, entry_id, kind) VALUES ({}, 'x', '{kind}')", version(1, 1));
        run(&client, &sql).await;
        let refused = store.booked("2026-01", None).await.unwrap_err();
        assert!(
            matches!(&refused, StoreError::UnknownKinds(kinds) if kinds == &format!("1 of the kind {kind}"))
        );
        run(&client, "DELETE FROM ledger WHERE entry_id = 'x'").await;
    }
    assert!(store.booked("2026-01", None).await.is_ok());
}

#[tokio::test]
async fn what_is_about_a_population_belongs_to_the_partition_of_its_key() {
    let store = migrated("ledger_partition").await;
    let of_a_case = examples("ledger").remove(0);
    let entry: wire::LedgerEntry<'_> = codec::decode("ledger", Some(&of_a_case), None).unwrap();
    let entry = wire::LedgerEntry {
        version: version(1, 1),
        patient_id: None,
        episode_id: None,
        case_id: Some("org-west/2026"),
        ..entry
    };
    assert!(store.insert(OutputTable::Ledger, &[&framed("ledger", &entry)]).await.is_ok());
    let pool = format!("pool:{}/org-west/2026", entry.contract.unwrap());
    let sql = format!("SELECT toInt32(kafkaMurmurHash('{pool}') % 7)");
    let partition: i32 = one(&client("ledger_partition"), &sql).await;
    assert_ne!(partition, 0, "another key would show more");
    let checks = store.check_table(OutputTable::Ledger, 7).await.unwrap();
    // nothing covers it yet
    assert_eq!(
        checks.iter().map(|check| (check.partition, check.rows)).collect::<Vec<_>>(),
        [(partition, 1)]
    );
}
