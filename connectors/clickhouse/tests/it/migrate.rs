//! Migrations: from nothing, again, at once, and every difference.

use std::path::Path;

use aftercare_clickhouse::{Difference, Retry, Store, StoreError};

use crate::support::{client, migrated, one, reader_of_shared, run, store};

const ALL: [&str; 12] = [
    "0001_outputs",
    "0002_views",
    "0003_care",
    "0004_raw_readings",
    "0005_analysts",
    "0006_page_views",
    "0007_late_days",
    "0008_monitoring",
    "0009_forecast",
    "0010_ledger",
    "0011_reading_months",
    "0012_facts",
];

/// What the migrations give is written down in `expected.json`, as this server prints it. After a new migration:
/// `UPDATE_EXPECTED=1 cargo test -p aftercare-clickhouse --test it`.
#[tokio::test]
async fn what_the_migrations_give_is_written_down() {
    let store = store("expected");
    store.migrate(true).await.unwrap();
    let live = store.describe().await.unwrap() + "\n";
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../schemas/clickhouse/expected.json");
    if std::env::var_os("UPDATE_EXPECTED").is_some() {
        std::fs::write(&path, &live).unwrap();
    }
    assert_eq!(live, std::fs::read_to_string(&path).unwrap(), "UPDATE_EXPECTED=1 writes it anew");
}

#[tokio::test]
async fn looking_changes_nothing_and_applying_twice_is_applying_once() {
    let store = store("twice");
    let look = store.migrate(false).await.unwrap();
    assert_eq!(look.pending, ALL);
    assert!(look.differences.is_empty() && look.applied.is_empty() && !look.is_clean(), "{look:?}");
    assert_eq!(store.migrate(false).await.unwrap(), look, "nothing was created");

    let first = store.migrate(true).await.unwrap();
    assert_eq!(first.applied, look.pending);
    assert!(first.is_clean(), "{first:?}");
    for apply in [true, false] {
        let again = store.migrate(apply).await.unwrap();
        assert!(again.is_clean() && again.applied.is_empty(), "{again:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_at_once_do_no_harm() {
    let stores: Vec<Store> = (0..8).map(|_| store("at_once")).collect();
    let tasks: Vec<_> =
        stores.into_iter().map(|s| tokio::spawn(async move { s.migrate(true).await })).collect();
    for task in tasks {
        let report = task.await.unwrap().unwrap();
        assert!(report.is_clean(), "{report:?}");
    }
    let rows: u64 = one(&client("at_once"), "SELECT count() FROM schema_migrations FINAL").await;
    assert_eq!(rows, ALL.len() as u64);
}

#[tokio::test]
async fn every_difference_is_named() {
    let store = migrated("differences").await;
    let client = client("differences");
    for sql in [
        "ALTER TABLE scores MODIFY COLUMN score Nullable(Float32)",
        "ALTER TABLE scores DROP COLUMN slope_56d",
        "ALTER TABLE scores ADD COLUMN extra String",
        "DROP TABLE coverage",
        "CREATE TABLE coverage (topic String, partition Int32) ENGINE = MergeTree PARTITION BY topic ORDER BY partition",
        "DROP VIEW windows_current",
    ] {
        run(&client, sql).await;
    }
    let report = store.migrate(true).await.unwrap();
    assert!(!report.is_clean());
    let words: Vec<String> = report.differences.iter().map(ToString::to_string).collect();
    for expected in [
        "type of scores.score is Nullable(Float32), expected Nullable(Float64)",
        "column scores.slope_56d is missing",
        "column scores.extra is not ours",
        "engine of coverage is MergeTree, expected ReplacingMergeTree(written_at)",
        "partition key of coverage is topic, expected none",
        "sorting key of coverage is partition, expected \
         topic, partition, first_sequence, last_sequence, incarnation, rows, checksum",
        "type of coverage.topic is String, expected LowCardinality(String)",
        "column coverage.rows is missing",
        "table windows_current is missing",
    ] {
        assert!(words.iter().any(|word| word == expected), "{expected}: not in {words:#?}");
    }
    // five more columns of coverage, nothing else
    assert_eq!(words.len(), 9 + 5, "{words:#?}");
}

#[tokio::test]
async fn a_foreign_table_of_the_same_name_is_named_before_anything_is_applied() {
    let store = store("foreign");
    let client = client("foreign");
    run(&client.clone().with_database("system"), "CREATE DATABASE aftercare_foreign").await;
    run(&client, "CREATE TABLE receipts (id String) ENGINE = MergeTree ORDER BY id").await;
    let look = store.migrate(false).await.unwrap();
    assert_eq!(look.pending, ALL);
    let engine =
        |difference: &Difference| difference.to_string().starts_with("engine of receipts is MergeTree");
    assert!(look.differences.iter().any(engine), "{look:?}");
}

#[tokio::test]
async fn an_edited_migration_is_an_error_and_nothing_is_applied() {
    let store = migrated("edited").await;
    let client = client("edited");
    run(&client, "INSERT INTO schema_migrations VALUES (1, '0001_outputs', 42, now64(3))").await;
    run(&client, "DROP TABLE scores").await;
    let error = store.migrate(true).await.unwrap_err();
    assert!(matches!(&error, StoreError::Edited(names) if names == &["0001_outputs"]), "{error}");
    assert_eq!(error.retry(), Retry::AfterRepair);
    let tables: u64 = one(
        &client,
        "SELECT count() FROM system.tables WHERE database = currentDatabase() AND name = 'scores'",
    )
    .await;
    assert_eq!(tables, 0);
}

#[tokio::test]
async fn a_migration_of_a_newer_build_is_named() {
    let store = migrated("newer").await;
    run(&client("newer"), "INSERT INTO schema_migrations VALUES (9999, '9999_future', 42, now64(3))").await;
    let report = store.migrate(false).await.unwrap();
    assert_eq!(report.differences, [Difference::Newer("9999_future".to_owned())]);
}

#[tokio::test]
async fn an_interrupted_migration_is_taken_up_again() {
    let store = migrated("interrupted").await;
    let client = client("interrupted");
    // as after a crash between two statements: some tables are there, the migration is not recorded
    run(&client, "TRUNCATE TABLE schema_migrations").await;
    run(&client, "DROP TABLE dead_letters").await;
    let report = store.migrate(true).await.unwrap();
    assert_eq!(report.applied, ALL);
    assert!(report.is_clean(), "{report:?}");
}

#[tokio::test]
async fn every_column_says_what_it_is() {
    let _store = migrated("comments").await;
    let sql = "SELECT count() FROM system.columns WHERE database = currentDatabase() AND comment = '' \
               AND table NOT IN (SELECT name FROM system.tables WHERE database = currentDatabase() AND engine = 'View')";
    assert_eq!(one::<u64>(&client("comments"), sql).await, 0);
}

#[tokio::test]
async fn who_may_not_create_is_told_so() {
    let _store = migrated("rights").await;
    let (url, user, password) = reader_of_shared();
    let config = aftercare_clickhouse::Config::new(&url)
        .unwrap()
        .with_user(user, password.clone())
        .with_database("aftercare_rights_of_reader")
        .unwrap();
    let error = Store::connect(config).migrate(true).await.unwrap_err();
    assert_eq!(error.retry(), Retry::AfterRepair, "{error}");
    assert!(!error.to_string().contains(&password));
}
