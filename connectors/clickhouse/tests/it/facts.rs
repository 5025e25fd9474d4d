//! Enrolments and events: every copy is kept, and which of them count.

use aftercare_clickhouse::{ClinicalEventRow, CommerceEventRow, EnrolmentRow, FactCheck, OutputTable, Place};
use aftercare_schemas::codec;
use aftercare_schemas::wire::{self, ClinicalEvent, CommerceEvent, Enrolment};

use crate::support::{all, client, examples, framed, migrated, one, slices, version};

/// A cost of so much.
fn cost(id: &'static str, revision: i32, minor: i64) -> ClinicalEvent<'static> {
    ClinicalEvent {
        id,
        revision,
        status: wire::RecordStatus::Final,
        source: wire::Source::Live,
        patient_id: "p1",
        happened_at: 1_769_875_200_000,
        episode_id: None,
        ended_at: None,
        kind: wire::ClinicalKind::Cost,
        coding: None,
        code: None,
        result: None,
        value: None,
        unit: None,
        comparator: None,
        related_id: None,
        provider: None,
        amount_minor: Some(minor),
        currency: Some("CNY"),
        cost_category: Some("drug"),
        cost_nature: Some("direct_medical"),
        payers: vec![wire::PayerPart { payer_kind: "patient", payer: None, amount_minor: minor }],
    }
}

fn receipt(
    n: u64,
    id: &'static str,
    revision: i32,
    outcome: &'static str,
    reason: Option<&'static str>,
) -> Vec<u8> {
    framed(
        "receipts",
        &wire::Receipt {
            version: version(1, n),
            topic: "clinical-events",
            id,
            revision,
            patient_id: "p1",
            outcome,
            reason,
            copies: 1,
            duplicates: 0,
            conflicts: 0,
            stored_at: 1_769_875_300_000,
            organisation: Some("org-1"),
            care_team: None,
            clinician_id: None,
            manufacturer: None,
            procedure: Some("pci-des"),
            source: "live",
        },
    )
}

#[tokio::test]
async fn of_the_copies_of_a_record_the_one_counts_that_was_taken() {
    let store = migrated("facts").await;
    let at = |offset| Place { partition: 0, offset };
    let copies = [
        // Refused at first, then sent again with the mistake mended, then once more as it was.
        (cost("refused-first", 1, 100), 1),
        (cost("refused-first", 1, 200), 2),
        (cost("refused-first", 1, 300), 3),
        // A later copy says something else.
        (cost("conflict", 1, 1), 4),
        (cost("conflict", 1, 9), 5),
        (cost("amended", 1, 10), 6),
        (ClinicalEvent { status: wire::RecordStatus::Amended, ..cost("amended", 2, 11) }, 7),
        (cost("withdrawn", 1, 10), 8),
        (ClinicalEvent { status: wire::RecordStatus::EnteredInError, ..cost("withdrawn", 2, 10) }, 9),
        (cost("held", 1, 10), 10),
        (cost("no-receipt-yet", 1, 10), 11),
        (cost("unscored", 1, 12), 12),
    ];
    let rows: Vec<_> =
        copies.into_iter().map(|(event, offset)| ClinicalEventRow::new(event, at(offset))).collect();
    store.insert_clinical_events(&rows[5..]).await.unwrap();
    store.insert_clinical_events(&rows).await.unwrap();
    let receipts = [
        receipt(1, "refused-first", 1, "accepted", None),
        receipt(2, "conflict", 1, "accepted", None),
        receipt(3, "amended", 1, "accepted", Some("superseded")),
        receipt(4, "amended", 2, "accepted", None),
        receipt(5, "withdrawn", 1, "accepted", Some("superseded")),
        receipt(6, "withdrawn", 2, "accepted", None),
        receipt(7, "held", 1, "held", None),
        receipt(8, "unscored", 1, "unscored", Some("unsupported_unit")),
        receipt(9, "lost", 1, "accepted", None),
    ];
    drop(store.insert(OutputTable::Receipts, &slices(&receipts)).await.unwrap());
    let client = client("facts");
    for (n, offset) in [(1, 1), (2, 3), (3, 5)] {
        let sql = format!(
            "INSERT INTO dead_letters (version, topic, partition, offset) VALUES ({n}, 'clinical-events', 0, {offset})"
        );
        crate::support::run(&client, &sql).await;
    }
    let sql = "SELECT id, assumeNotNull(amount_minor), assumeNotNull(organisation), payers.amount_minor[1] \
               FROM clinical_events_current ORDER BY id";
    let found = all::<(String, i64, String, i64)>(&client, sql).await;
    let row = |id: &str, minor| (id.to_owned(), minor, "org-1".to_owned(), minor);
    let expected = [row("amended", 11), row("conflict", 1), row("refused-first", 200), row("unscored", 12)];
    assert_eq!(found, expected);
    let check = FactCheck { topic: "clinical-events".into(), facts: 5, missing: 1 };
    assert_eq!(store.check_facts().await.unwrap(), [check], "one was lost");
    assert_eq!(one::<u64>(&client, "SELECT count() FROM clinical_events FINAL").await, 12);
}

/// The golden examples are what people send.
#[tokio::test]
async fn every_golden_example_has_a_row_that_says_the_same() {
    let store = migrated("fact_examples").await;
    let place = |offset: usize| Place { partition: 3, offset: i64::try_from(offset).unwrap() };
    let (enrolments, clinical, commerce) =
        (examples("enrolments"), examples("clinical-events"), examples("commerce-events"));
    let rows: Vec<_> = (0..)
        .zip(&enrolments)
        .map(|(n, bytes)| {
            codec::decode::<Enrolment<'_>>("enrolments", Some(bytes), None)
                .map(|e| EnrolmentRow::new(e, place(n)))
        })
        .collect::<Result<_, _>>()
        .unwrap();
    store.insert_enrolments(&rows).await.unwrap();
    let rows: Vec<_> = (0..)
        .zip(&clinical)
        .map(|(n, bytes)| {
            codec::decode::<ClinicalEvent<'_>>("clinical-events", Some(bytes), None)
                .map(|e| ClinicalEventRow::new(e, place(n)))
        })
        .collect::<Result<_, _>>()
        .unwrap();
    store.insert_clinical_events(&rows).await.unwrap();
    let client = client("fact_examples");
    let told: Vec<(Option<f64>, Option<i64>, u64)> =
        rows.iter().map(|row| (row.value, row.amount_minor, row.payers.len() as u64)).collect();
    let sql = "SELECT value, amount_minor, length(payers) FROM clinical_events FINAL ORDER BY offset";
    assert_eq!(all::<(Option<f64>, Option<i64>, u64)>(&client, sql).await, told);
    let rows: Vec<_> = (0..)
        .zip(&commerce)
        .map(|(n, bytes)| {
            codec::decode::<CommerceEvent<'_>>("commerce-events", Some(bytes), None)
                .map(|e| CommerceEventRow::new(e, place(n)))
        })
        .collect::<Result<_, _>>()
        .unwrap();
    store.insert_commerce_events(&rows).await.unwrap();
    for (table, rows) in [("enrolments", &enrolments), ("commerce_events", &commerce)] {
        let found = one::<u64>(&client, &format!("SELECT count() FROM {table} FINAL")).await;
        assert_eq!(found, rows.len() as u64, "{table}");
    }
}
