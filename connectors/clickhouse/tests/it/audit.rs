//! Coverage and what can be checked against it.

use aftercare_clickhouse::{CoverageRow, Gap, OutputTable, PartitionCoverage, Store, TopicTotals};

use crate::support::{
    NEW_YEAR, client, dead_letter, framed, migrated, one, reading_receipt, receipt, run, score, slices,
    version,
};

fn run_of(partition: i32, incarnation: u16, first_sequence: u64, last_sequence: u64) -> CoverageRow {
    CoverageRow {
        topic: "scores".to_owned(),
        partition,
        incarnation,
        first_sequence,
        last_sequence,
        rows: last_sequence - first_sequence + 1,
        checksum: first_sequence * 1_000 + last_sequence,
        written_at: NEW_YEAR,
    }
}

async fn coverage(store: &Store, rows: &[CoverageRow]) -> Vec<PartitionCoverage> {
    store.insert_coverage(rows).await.unwrap();
    store.coverage().await.unwrap()
}

#[tokio::test]
async fn overlapping_runs_are_united() {
    let store = migrated("overlap").await;
    // a zombie sink ran on; a third started over; one run lies within another; the takeover is at 21
    let runs = [(1, 1, 10), (1, 5, 14), (1, 15, 20), (1, 12, 18), (1, 2, 3), (2, 21, 21), (2, 22, 30)];
    let rows: Vec<CoverageRow> = runs.into_iter().map(|(i, first, last)| run_of(0, i, first, last)).collect();
    let all = coverage(&store, &rows).await;
    assert_eq!(all.len(), 1);
    assert!(all[0].is_gapless(), "{all:?}");
    assert_eq!((all[0].last_sequence, all[0].last_version), (30, version(2, 30)));
    assert_eq!((all[0].topic.as_str(), all[0].written_at), ("scores", NEW_YEAR));
    // again, as after an answer that was lost
    assert_eq!(coverage(&store, &rows).await, all);
}

#[tokio::test]
async fn gaps_are_found_where_they_are() {
    let store = migrated("gaps").await;
    let rows = [
        run_of(0, 1, 3, 5),
        run_of(0, 1, 4, 8),
        run_of(0, 1, 10, 10),
        // within an earlier, longer run: no gap before 31
        run_of(1, 1, 1, 30),
        run_of(1, 1, 5, 6),
        run_of(1, 1, 31, 40),
    ];
    let all = coverage(&store, &rows).await;
    assert_eq!(all.len(), 2);
    assert_eq!(all[0].gaps, [Gap { first: 1, last: 2 }, Gap { first: 9, last: 9 }]);
    assert_eq!((all[0].missing, all[0].last_sequence), (3, 10));
    assert!(!all[0].is_gapless() && all[1].is_gapless());
    assert_eq!((all[1].last_sequence, all[1].gaps.len()), (40, 0));
}

#[tokio::test]
async fn contradicting_runs_are_counted() {
    let store = migrated("contradictions").await;
    let mut other_content = run_of(0, 1, 1, 5);
    other_content.checksum = 7;
    let mut other_count = run_of(1, 1, 1, 5);
    other_count.rows = 4;
    let rows = [run_of(0, 1, 1, 5), other_content, other_count, run_of(2, 1, 1, 5), run_of(2, 1, 1, 5)];
    let all = coverage(&store, &rows).await;
    let contradictions: Vec<u64> = all.iter().map(|one| one.contradictions).collect();
    assert_eq!(contradictions, [1, 1, 0]);
    assert!(all.iter().all(|one| one.missing == 0), "{all:?}");
}

#[tokio::test]
async fn kafkas_partitioner_is_the_servers() {
    // from the tests of Kafka's own clients
    let known =
        [("21", -973_932_308_i32), ("foobar", -790_332_482), ("a-little-bit-long-string", -985_981_536)];
    for (key, hash) in known {
        let _store = migrated("partitioner").await;
        let sql = format!("SELECT toInt64(kafkaMurmurHash('{key}'))");
        let found: i64 = one(&client("partitioner"), &sql).await;
        assert_eq!(found, i64::from(hash & i32::MAX), "{key}");
    }
}

/// Two partitions, a takeover, an id issued twice: everything that must hold does.
#[tokio::test]
async fn a_sound_table_passes() {
    let store = migrated("sound").await;
    let partitions = fill(&store).await;
    let checks = store.check_table(OutputTable::Scores, 2).await.unwrap();
    let all = store.coverage().await.unwrap();
    assert_eq!((checks.len(), all.len()), (2, 2));
    for (check, covered) in checks.iter().zip(&all) {
        assert_eq!(check.partition, covered.partition);
        assert!(covered.is_gapless(), "{covered:?}");
        assert_eq!(check.max_version, covered.last_version);
        assert_eq!((check.rows, check.versions, check.uncovered), (3, 3, 0), "{partitions:?}");
    }
}

#[tokio::test]
async fn a_row_that_no_run_covers_is_counted() {
    let store = migrated("uncovered").await;
    let [even, _] = fill(&store).await;
    // one in a gap between incarnations, one past the end, and the insert whose coverage row was never written
    for (incarnation, sequence) in [(1, 4), (2, 5)] {
        let row = score(version(incarnation, sequence), "planted", &even);
        assert!(store.insert(OutputTable::Scores, &[&framed("scores", &row)]).await.is_ok());
    }
    let checks = store.check_table(OutputTable::Scores, 2).await.unwrap();
    assert_eq!(checks.iter().map(|check| check.uncovered).collect::<Vec<_>>(), [2, 0]);
}

#[tokio::test]
async fn a_lost_newest_row_and_a_version_used_twice_are_seen() {
    let store = migrated("lost_row").await;
    let [even, odd] = fill(&store).await;
    let client = client("lost_row");
    let last = version(2, 4);
    run(&client, &format!("DELETE FROM scores WHERE patient_id = '{even}' AND version = {last}")).await;
    let twice = score(version(2, 4), "another id", &odd);
    assert!(store.insert(OutputTable::Scores, &[&framed("scores", &twice)]).await.is_ok());
    let checks = store.check_table(OutputTable::Scores, 2).await.unwrap();
    let all = store.coverage().await.unwrap();
    assert!(checks[0].max_version < all[0].last_version);
    assert_eq!((checks[1].rows, checks[1].versions), (4, 3));
}

/// In each of two partitions: three ids in four records, the last two by the next incarnation, all covered.
async fn fill(store: &Store) -> [String; 2] {
    let mut patients = [String::new(), String::new()];
    let client = store_client(store);
    for n in 0..20 {
        let name = format!("p{n}");
        let sql = format!("SELECT toUInt64(kafkaMurmurHash('{name}') % 2)");
        let partition: u64 = one(&client, &sql).await;
        patients[usize::try_from(partition).unwrap()] = name;
    }
    for (partition, patient) in (0..).zip(&patients) {
        let rows = [(1, 1, "a"), (1, 2, "b"), (2, 3, "a"), (2, 4, "c")];
        let records: Vec<Vec<u8>> = rows
            .iter()
            .map(|(incarnation, sequence, id)| {
                framed("scores", &score(version(*incarnation, *sequence), id, patient))
            })
            .collect();
        let inserted = store.insert(OutputTable::Scores, &slices(&records)).await.unwrap();
        store.insert_coverage(&inserted.coverage(partition, NEW_YEAR)).await.unwrap();
    }
    patients
}

fn store_client(store: &Store) -> clickhouse::Client {
    client(store.config().database().strip_prefix("aftercare_").unwrap())
}

#[tokio::test]
async fn dead_letters_are_counted_exactly() {
    let store = migrated("dead_letters").await;
    let mut records: Vec<Vec<u8>> = (1..=5)
        .map(|n| framed("dead-letters", &dead_letter(version(1, n), 3, 100 + i64::try_from(n).unwrap())))
        .collect();
    let mut document = dead_letter(version(1, 6), 0, 0);
    document.topic = "contracts";
    records.push(framed("dead-letters", &document));
    for _ in 0..2 {
        let inserted = store.insert(OutputTable::DeadLetters, &slices(&records)).await.unwrap();
        store.insert_coverage(&inserted.coverage(3, NEW_YEAR)).await.unwrap();
    }
    let checks = store.check_table(OutputTable::DeadLetters, 8).await.unwrap();
    assert_eq!(checks.len(), 1);
    assert_eq!((checks[0].partition, checks[0].rows, checks[0].versions, checks[0].uncovered), (3, 5, 5, 0));
}

#[tokio::test]
async fn totals_add_up_by_topic() {
    let store = migrated("totals").await;
    let mut copied = receipt(version(1, 1), "prom-responses", "u1", "p1");
    (copied.copies, copied.duplicates, copied.conflicts) = (4, 2, 1);
    // an older state of the same receipt does not count
    let mut older = receipt(version(1, 0), "prom-responses", "u1", "p1");
    older.copies = 1;
    let mut rejected = receipt(version(1, 2), "prom-responses", "u2", "p1");
    (rejected.outcome, rejected.reason) = ("rejected", Some("unknown_item"));
    let enrolment = receipt(version(1, 3), "enrolments", "n1", "p1");
    let receipts: Vec<Vec<u8>> =
        [older, copied, rejected, enrolment].iter().map(|r| framed("receipts", r)).collect();
    assert!(store.insert(OutputTable::Receipts, &slices(&receipts)).await.is_ok());

    let readings = framed("reading-receipts", &reading_receipt(version(1, 1), 20_454));
    assert!(store.insert(OutputTable::ReadingReceipts, &[&readings]).await.is_ok());

    let mut with_receipt = dead_letter(version(1, 2), 0, 8);
    (with_receipt.receipt, with_receipt.reason) = (true, "unknown_item");
    let letters =
        [framed("dead-letters", &dead_letter(version(1, 1), 0, 7)), framed("dead-letters", &with_receipt)];
    assert!(store.insert(OutputTable::DeadLetters, &slices(&letters)).await.is_ok());

    let totals = store.totals().await.unwrap();
    let topic =
        |topic: &str, receipts, copies, duplicates, conflicts, dead_letters, undecodable| TopicTotals {
            topic: topic.to_owned(),
            receipts,
            copies,
            duplicates,
            conflicts,
            dead_letters,
            undecodable,
        };
    let expected = [
        topic("enrolments", 1, 1, 0, 0, 0, 0),
        topic("prom-responses", 2, 5, 2, 1, 2, 1),
        topic("wearable-readings", 1, 10, 0, 0, 0, 0),
    ];
    assert_eq!(totals, expected);
    assert_eq!(totals[1].accounted(), 6);
}

#[tokio::test]
async fn an_empty_database_has_nothing_to_report() {
    let store = migrated("empty").await;
    assert!(store.coverage().await.unwrap().is_empty());
    assert!(store.totals().await.unwrap().is_empty());
    assert!(store.check_table(OutputTable::Windows, 4).await.unwrap().is_empty());
    assert!(store.row_counts().await.unwrap().iter().all(|count| count.rows == 0));
}
