//! Which uploads count as real service, by their reviews and by the ledger, and for whom.

use std::collections::BTreeMap;

use aftercare_clickhouse::{OutputTable, ServiceOf, Store};
use aftercare_schemas::{codec, wire};
use serde_json::Value;

use crate::support::{NEW_YEAR, examples, framed, migrated, score, slices, version};

const DAY_MS: i64 = 86_400_000;
const TEAM: [&str; 1] = ["team-1"];

/// Scores of uploads `u1`..; the last is of another team, the one before of another month.
async fn uploads(store: &Store) {
    let ids: Vec<String> = (1..=10).map(|n| format!("u{n}")).collect();
    let rows = ids.iter().zip(1_u64..).map(|(id, n)| {
        let mut row = score(version(1, n), id, "p1");
        (row.upload_id, row.days_since_treatment, row.care_team) = (id, Some(20.0), Some("team-1"));
        row.uploaded_at = NEW_YEAR + if n == 9 { 40 * DAY_MS } else { DAY_MS };
        if n == 10 {
            (row.care_team, row.clinician_id) = (Some("team-2"), Some("c2"));
        }
        framed("scores", &row)
    });
    let rows: Vec<Vec<u8>> = rows.collect();
    assert!(store.insert(OutputTable::Scores, &slices(&rows)).await.is_ok());
}

async fn reviews(store: &Store) {
    let of = |upload, n, verdict, reasons| wire::Review {
        version: version(1, n),
        review_id: upload,
        revision: 1,
        status: "final",
        patient_id: "p1",
        episode_id: Some("e1"),
        upload_id: Some(upload),
        reviewer_id: "c1",
        began_at: NEW_YEAR + 2 * DAY_MS - 45_000,
        ended_at: NEW_YEAR + 2 * DAY_MS,
        duration_ms: 45_000,
        interactions: 5,
        sections_read: 3,
        burst_patients: if verdict == "service" { 1 } else { 7 },
        verdict,
        reasons,
        rule: "default@1",
        stored_at: NEW_YEAR + 2 * DAY_MS,
        organisation: None,
        care_team: Some("team-1"),
        clinician_id: Some("c1"),
        manufacturer: None,
        procedure: None,
        source: "live",
    };
    let rows = [
        of("u1", 1, "service", vec![]),
        of("u2", 2, "superficial", vec!["too_short"]),
        of("u3", 3, "superficial", vec!["too_short", "burst"]),
        of("u5", 5, "service", vec![]),
        of("u6", 6, "service", vec![]),
        of("u7", 7, "superficial", vec!["too_few_sections"]),
    ];
    let rows: Vec<Vec<u8>> = rows.iter().map(|row| framed("reviews", row)).collect();
    assert!(store.insert(OutputTable::Reviews, &slices(&rows)).await.is_ok());
}

/// Entry, kind, payee, reason, what it reverses, the upload that it rests on.
type Entry<'a> = (&'a str, wire::LedgerKind, Option<&'a str>, Option<&'a str>, Option<&'a str>, &'a str);

async fn ledger(store: &Store) {
    use wire::LedgerKind::{Held, Line};
    let entries: [Entry<'_>; 11] = [
        ("fee/0", Line, Some("c1"), None, None, "u1"),
        ("u2/held/0", Held, None, Some("awaiting_review"), None, "u2"),
        ("u2/held/1", Held, None, Some("review_too_short"), Some("u2/held/0"), "u2"),
        ("u4/held/0", Held, None, Some("no_review"), None, "u4"),
        // the patient is compensated for what the upload says; that is nobody's service
        ("compensation/0", Line, Some("patient"), None, None, "u4"),
        // billed, then taken back: the review remains one
        ("fee/1", Line, Some("c1"), None, None, "u5"),
        ("fee/2", Line, Some("c1"), Some("recomputed"), Some("fee/1"), "u5"),
        ("u6/held/0", Held, None, Some("review_too_late"), None, "u6"),
        ("u8/held/0", Held, None, Some("awaiting_review"), None, "u8"),
        ("u1/held/0", Held, None, Some("awaiting_review"), None, "u1"),
        ("u1/held/1", Held, None, Some("settled"), Some("u1/held/0"), "u1"),
    ];
    let golden = examples("ledger").remove(0);
    let golden: wire::LedgerEntry<'_> = codec::decode("ledger", Some(&golden), None).unwrap();
    let fact = |upload| wire::LedgerEvidence {
        name: "index",
        value: "129.8",
        unit: "%",
        record_id: Some(upload),
        record_revision: Some(1),
    };
    let rows = entries.iter().zip(1_u64..).map(|((entry_id, kind, payee, reason, reverses, upload), n)| {
        let entry = wire::LedgerEntry {
            version: version(1, n),
            entry_id,
            kind: *kind,
            patient_id: Some("p1"),
            payee: *payee,
            reason: *reason,
            reverses: *reverses,
            service_period: Some("2026-01"),
            evidence: vec![fact(upload)],
            ..golden.clone()
        };
        framed("ledger", &entry)
    });
    let rows: Vec<Vec<u8>> = rows.collect();
    assert!(store.insert(OutputTable::Ledger, &slices(&rows)).await.is_ok());
}

#[tokio::test]
async fn an_upload_counts_by_its_review_and_the_reason_is_said() {
    let store = migrated("service").await;
    uploads(&store).await;
    reviews(&store).await;
    ledger(&store).await;
    let teams: Vec<String> = TEAM.map(str::to_owned).into();
    let of = ServiceOf { month: "2026-01", teams: Some(&teams) };

    let listed: Vec<Value> = store.service_uploads(of).await.unwrap();
    let text = |row: &Value, name: &str| row[name].as_str().unwrap_or("-").to_owned();
    let found: BTreeMap<String, (String, bool, String)> = listed
        .iter()
        .map(|row| {
            let billed = row["billed"].as_bool().unwrap();
            (text(row, "upload_id"), (text(row, "verdict"), billed, text(row, "held")))
        })
        .collect();
    let expected = [
        ("u1", "counted", true, "-"),
        ("u2", "too_short", false, "review_too_short"),
        ("u3", "burst", false, "-"),
        ("u4", "not_reviewed", false, "no_review"),
        ("u5", "counted", false, "-"),
        ("u6", "too_late", false, "review_too_late"),
        ("u7", "too_shallow", false, "-"),
        ("u8", "waiting", false, "awaiting_review"),
    ];
    let expected =
        expected.map(|(id, verdict, billed, held)| (id.into(), (verdict.into(), billed, held.into())));
    assert_eq!(found, BTreeMap::from(expected), "neither the other team's nor the other month's");
    let burst = listed.iter().find(|row| text(row, "upload_id") == "u3").unwrap();
    assert_eq!((&burst["reviewer_id"], &burst["burst_patients"]), (&"c1".into(), &7.into()));
    assert_eq!(
        (&burst["ended_at"], &burst["duration_ms"]),
        (&(NEW_YEAR + 2 * DAY_MS).into(), &45_000.into())
    );
    let alone = listed.iter().find(|row| text(row, "upload_id") == "u4").unwrap();
    assert_eq!((&alone["reviews"], &alone["ended_at"]), (&0.into(), &Value::Null));

    let counts: Vec<Value> = store.service_counts(of).await.unwrap();
    let counted = counts.iter().find(|row| row["verdict"] == "counted").unwrap();
    assert_eq!((&counted["clinician_id"], &counted["uploads"]), (&"c1".into(), &2.into()));
    assert_eq!(counted["billed"], 1);
    let bursts: Vec<Value> = store.service_bursts(of).await.unwrap();
    assert_eq!((bursts.len(), &bursts[0]["sessions"], &bursts[0]["patients_max"]), (1, &1.into(), &7.into()));
    assert_eq!(store.service_months(of.teams).await.unwrap(), ["2026-02", "2026-01"]);
}

#[tokio::test]
async fn a_team_is_a_value_and_everybody_is_asked_for_by_no_team() {
    let store = migrated("service_teams").await;
    uploads(&store).await;
    for (teams, uploads) in [
        (None, 9),
        (Some(vec!["team-2".to_owned()]), 1),
        (Some(vec![]), 0),
        (Some(vec!["' OR '1".to_owned()]), 0),
    ] {
        let of = ServiceOf { month: "2026-01", teams: teams.as_deref() };
        assert_eq!(store.service_uploads::<Value>(of).await.unwrap().len(), uploads, "{teams:?}");
        assert_eq!(store.service_bursts::<Value>(of).await.unwrap().len(), 0);
    }
    assert!(store.service_months(Some(&[])).await.unwrap().is_empty());
}
