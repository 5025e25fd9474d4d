//! Inserts: every table, repeated, out of order, withdrawn, bad.

use std::time::Duration;

use aftercare_clickhouse::{Config, Fault, OutputTable, Retry, Store, StoreError};
use aftercare_schemas::wire::Score;

use crate::support::{
    NEW_YEAR, all, client, examples, framed, late_reading, migrated, one, patient_store, reading_receipt,
    receipt, run, score, slices, store, version, window,
};

#[tokio::test]
async fn a_score_comes_out_as_it_went_in() {
    let store = migrated("round_trip").await;
    let row = score(version(1, 1), "e1/u1/saq-7", "p1");
    let inserted = store.insert(OutputTable::Scores, &[&framed("scores", &row)]).await.unwrap();
    assert_eq!((inserted.rows(), inserted.runs().len()), (1, 1));

    let client = client("round_trip");
    let mut cursor = client.query("SELECT ?fields FROM scores").fetch::<Score<'_>>().unwrap();
    assert_eq!(cursor.next().await.unwrap().as_ref(), Some(&row));
    assert_eq!(cursor.next().await.unwrap(), None);
    let seen: (String, f64, String) = one(
        &client,
        "SELECT toString(answered_at), scales['quality_of_life'], formatRowNoNewline('CSV', reason) FROM scores",
    )
    .await;
    assert_eq!(seen, ("2026-01-01 00:00:00.000".to_owned(), 75.0, "\\N".to_owned()));
}

/// The golden examples of every output go in and come out as the newest schema writes them.
#[tokio::test]
async fn every_table_takes_its_topic() {
    let store = migrated("every_table").await;
    let client = client("every_table");
    for output in OutputTable::ALL {
        assert_eq!(OutputTable::from_topic(output.topic()), Some(output));
        for example in examples(output.topic()) {
            run(&client, &format!("TRUNCATE TABLE {}", output.table())).await;
            let inserted =
                store.insert(output, &[&example]).await.unwrap_or_else(|e| panic!("{output:?}: {e}"));
            assert_eq!((inserted.output(), inserted.rows()), (output, 1));
            store.insert_coverage(&inserted.coverage(3, NEW_YEAR)).await.unwrap();
            let back = store.read_back(output).await.unwrap();
            // written by an older schema, the example comes back in the newest
            let [back] = back.as_slice() else { panic!("{output:?}: {} rows", back.len()) };
            if back[1..5] == example[1..5] {
                assert!(*back == example, "{output:?}");
            }
        }
        let view = format!("SELECT count() FROM {}_current", output.table());
        assert!(one::<u64>(&client, &view).await <= 1, "{output:?}");
    }
    for count in store.row_counts().await.unwrap() {
        assert_eq!(count.rows, 1, "{count:?}");
    }
}

#[tokio::test]
async fn records_of_several_partitions_are_one_insert() {
    let store = migrated("partitions").await;
    let rows = [(0, 1, "a"), (0, 2, "b"), (3, 7, "c"), (3, 9, "d")];
    let records: Vec<(i32, Vec<u8>)> = rows
        .iter()
        .map(|(partition, n, id)| (*partition, framed("scores", &score(version(1, *n), id, "p1"))))
        .collect();
    let records: Vec<(i32, &[u8])> =
        records.iter().map(|(partition, value)| (*partition, value.as_slice())).collect();
    let inserted = store.insert_partitions(OutputTable::Scores, &records).await.unwrap();
    assert_eq!(inserted.rows(), 4);
    let coverage = inserted.coverage(NEW_YEAR);
    let runs: Vec<_> =
        coverage.iter().map(|row| (row.partition, row.first_sequence, row.last_sequence)).collect();
    assert_eq!(runs, [(0, 1, 2), (3, 7, 7), (3, 9, 9)]);
    // the same proof as by itself
    let alone = store.insert(OutputTable::Scores, &[records[0].1, records[1].1]).await.unwrap();
    assert_eq!(alone.coverage(0, NEW_YEAR), coverage[..1]);
    assert_eq!(one::<u64>(&client("partitions"), "SELECT count() FROM scores FINAL").await, 4);

    let error =
        store.insert_partitions(OutputTable::Scores, &[records[0], (3, b"not avro")]).await.unwrap_err();
    assert!(matches!(error, StoreError::Record { index: 1, records: 2, .. }), "{error}");
}

#[tokio::test]
async fn a_repeated_insert_changes_nothing() {
    let store = migrated("repeated").await;
    let records: Vec<Vec<u8>> = (1..=500_u64)
        .map(|n| framed("scores", &score(version(1, n), &format!("e/u{n}/saq-7"), &format!("p{}", n % 7))))
        .collect();
    let records = slices(&records);
    let client = client("repeated");
    let content = "SELECT groupBitXor(cityHash64(formatRow('TSV', *))), count() FROM scores FINAL";
    let first = store.insert(OutputTable::Scores, &records).await.unwrap();
    let before: (u64, u64) = one(&client, content).await;
    assert_eq!(before.1, 500);
    assert_eq!(store.insert(OutputTable::Scores, &records).await.unwrap(), first);
    // as a sink would that took over in between
    assert!(store.insert(OutputTable::Scores, &records[100..300]).await.is_ok());
    assert_eq!(one::<(u64, u64)>(&client, content).await, before);
    run(&client, "OPTIMIZE TABLE scores FINAL").await;
    assert_eq!(one::<(u64, u64)>(&client, content).await, before);
}

#[tokio::test]
async fn a_lower_version_never_wins() {
    let store = migrated("versions").await;
    let client = client("versions");
    let insert = async |versions: &[(u64, f64)]| {
        let record = |(version, value): &(u64, f64)| {
            let mut row = score(*version, "e1/u1/saq-7", "p1");
            row.score = Some(*value);
            // amended upload: the answers were given half a year earlier
            row.answered_at = NEW_YEAR - i64::try_from(*version % 2).unwrap() * 180 * 86_400_000;
            framed("scores", &row)
        };
        let records: Vec<Vec<u8>> = versions.iter().map(record).collect();
        assert!(store.insert(OutputTable::Scores, &slices(&records)).await.is_ok());
    };
    let current =
        async || one::<(u64, f64)>(&client, "SELECT version, assumeNotNull(score) FROM scores_current").await;
    insert(&[(version(1, 5), 5.0)]).await;
    insert(&[(version(1, 4), 4.0)]).await;
    assert_eq!(current().await, (version(1, 5), 5.0));
    // in one batch, in any order
    insert(&[(version(1, 7), 7.0), (version(1, 6), 6.0)]).await;
    assert_eq!(current().await, (version(1, 7), 7.0));
    // an incarnation outranks any sequence
    insert(&[(version(2, 1), 8.0)]).await;
    insert(&[(version(1, 9), 9.0)]).await;
    assert_eq!(current().await, (version(2, 1), 8.0));
    run(&client, "OPTIMIZE TABLE scores FINAL").await;
    assert_eq!(
        all::<(u64, f64)>(&client, "SELECT version, assumeNotNull(score) FROM scores").await,
        [(version(2, 1), 8.0)]
    );
}

#[tokio::test]
async fn two_patients_with_one_score_id_do_not_touch_each_other() {
    let store = migrated("two_patients").await;
    let records = [
        framed("scores", &score(version(9, 9), "x", "p1")),
        framed("scores", &score(version(1, 1), "x", "p2")),
    ];
    assert!(store.insert(OutputTable::Scores, &slices(&records)).await.is_ok());
    assert_eq!(one::<u64>(&client("two_patients"), "SELECT count() FROM scores FINAL").await, 2);
}

#[tokio::test]
async fn a_withdrawn_score_is_gone_for_readers_only() {
    let store = migrated("withdrawn").await;
    let mut row = score(version(1, 1), "e1/u1/saq-7", "p1");
    assert!(store.insert(OutputTable::Scores, &[&framed("scores", &row)]).await.is_ok());
    (row.version, row.status, row.score, row.index) = (version(1, 2), "withdrawn", None, None);
    assert!(store.insert(OutputTable::Scores, &[&framed("scores", &row)]).await.is_ok());
    let client = client("withdrawn");
    assert_eq!(one::<u64>(&client, "SELECT count() FROM scores_current").await, 0);
    assert_eq!(
        one::<(String, u64)>(&client, "SELECT any(status), count() FROM scores FINAL").await,
        ("withdrawn".to_owned(), 1)
    );
    // the older row again, by a sink that starts over
    row = score(version(1, 1), "e1/u1/saq-7", "p1");
    assert!(store.insert(OutputTable::Scores, &[&framed("scores", &row)]).await.is_ok());
    assert_eq!(one::<u64>(&client, "SELECT count() FROM scores_current").await, 0);
}

#[tokio::test]
async fn a_bad_record_is_pointed_at_and_nothing_is_sent() {
    let store = migrated("bad_record").await;
    let good = framed("scores", &score(version(1, 1), "s", "p1"));
    let other_topic = framed("windows", &window(version(1, 1), NEW_YEAR, "p1"));
    for bad in [&good[..good.len() - 1], b"not avro", &other_topic, b""] {
        let error = store.insert(OutputTable::Scores, &[&good, bad]).await.unwrap_err();
        assert!(matches!(error, StoreError::Record { index: 1, records: 2, table: "scores", .. }), "{error}");
        assert_eq!((error.fault(), error.retry()), (Fault::Data, Retry::Never));
    }
    assert_eq!(one::<u64>(&client("bad_record"), "SELECT count() FROM scores").await, 0);
}

#[tokio::test]
async fn a_batch_of_wild_clocks_is_one_insert() {
    let store = migrated("wild_clocks").await;
    // one window a month for 40 years: more partitions than a server allows by default
    let records: Vec<Vec<u8>> = (0..480_u64)
        .map(|n| {
            let start = NEW_YEAR - i64::try_from(n).unwrap() * 31 * 86_400_000;
            framed("windows", &window(version(1, n + 1), start, "p1"))
        })
        .collect();
    let inserted = store.insert(OutputTable::Windows, &slices(&records)).await.unwrap();
    assert_eq!((inserted.rows(), inserted.runs().len()), (480, 1));
    assert_eq!(one::<u64>(&client("wild_clocks"), "SELECT count() FROM windows FINAL").await, 480);
}

#[tokio::test]
async fn a_large_batch_without_partition_key_is_one_part() {
    migrated("one_part").await;
    let (store, client) = (patient_store("one_part"), client("one_part"));
    run(&client, "SYSTEM STOP MERGES receipts").await;
    // past the server's default block of about a million rows
    let records: Vec<Vec<u8>> = (1..=1_200_000_u64)
        .map(|n| framed("receipts", &receipt(version(1, n), "prom-responses", &n.to_string(), "p1")))
        .collect();
    let inserted = store.insert(OutputTable::Receipts, &slices(&records)).await.unwrap();
    assert_eq!(inserted.rows(), 1_200_000);
    let parts = "SELECT count(), sum(rows) FROM system.parts WHERE database = currentDatabase() AND table = 'receipts'";
    assert_eq!(one::<(u64, u64)>(&client, parts).await, (1, 1_200_000));
}

#[tokio::test]
async fn no_records_are_no_insert() {
    let store = migrated("nothing").await;
    let inserted = store.insert(OutputTable::Scores, &[]).await.unwrap();
    assert!(inserted.coverage(0, NEW_YEAR).is_empty());
    store.insert_coverage(&[]).await.unwrap();
}

#[tokio::test]
async fn a_missing_or_changed_table_wants_a_person() {
    let record = framed("scores", &score(version(1, 1), "s", "p1"));
    let error = store("never_made").insert(OutputTable::Scores, &[&record]).await.unwrap_err();
    assert_eq!((error.fault(), error.retry()), (Fault::Dependency, Retry::AfterRepair), "{error}");

    let store = migrated("changed").await;
    run(&client("changed"), "ALTER TABLE scores MODIFY COLUMN score Nullable(String)").await;
    let error = store.insert(OutputTable::Scores, &[&record]).await.unwrap_err();
    assert!(matches!(error, StoreError::Mismatch { .. }), "{error}");
    // repaired while we run: the same store goes on
    run(&client("changed"), "ALTER TABLE scores MODIFY COLUMN score Nullable(Float64)").await;
    assert!(store.insert(OutputTable::Scores, &[&record]).await.is_ok());
}

#[tokio::test]
async fn a_wrong_password_and_an_absent_server_are_told_apart() {
    let (url, user, password) = crate::support::reader_of_shared();
    let config = Config::new(&url).unwrap().with_user(user.clone(), "hunter2");
    let error = Store::connect(config).ping().await.unwrap_err();
    assert_eq!((error.fault(), error.retry()), (Fault::Dependency, Retry::AfterRepair), "{error}");
    assert!(!format!("{error} {error:?}").contains("hunter2"));

    let store = Store::connect(Config::new(&url).unwrap().with_user(user, password));
    store.ping().await.unwrap();
    assert!(store.server_version().await.unwrap().split('.').count() >= 3);

    let mut config = Config::new("http://127.0.0.1:1").unwrap();
    config.query_timeout = Duration::from_secs(5);
    let error = Store::connect(config).ping().await.unwrap_err();
    assert!(matches!(error, StoreError::Unreachable { .. }), "{error}");
    assert_eq!(error.retry(), Retry::Later);
}

#[tokio::test]
async fn a_server_that_never_answers_is_given_up_in_time() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut config = Config::new(&format!("http://{}", silent.local_addr().unwrap())).unwrap();
    config.insert_timeout = Duration::from_millis(300);
    config.query_timeout = Duration::from_millis(300);
    let store = Store::connect(config);
    let record = framed("scores", &score(version(1, 1), "s", "p1"));
    for error in
        [store.ping().await.unwrap_err(), store.insert(OutputTable::Scores, &[&record]).await.unwrap_err()]
    {
        assert!(matches!(error, StoreError::TimedOut { limit_ms: 300, .. }), "{error}");
        assert_eq!(error.retry(), Retry::Later);
    }
}

#[tokio::test]
async fn impossible_times_stop_no_batch() {
    let store = migrated("impossible_times").await;
    let times = [i64::MIN, -62_135_596_800_000, -1, 0, 9_999_999_999_999, i64::MAX];
    let windows: Vec<Vec<u8>> =
        (1..).zip(times).map(|(n, at)| framed("windows", &window(version(1, n), at, "p1"))).collect();
    let late: Vec<Vec<u8>> =
        (1..).zip(times).map(|(n, at)| framed("late-readings", &late_reading(version(1, n), at))).collect();
    let days = [i32::MIN, -719_162, -1, 0, 2_932_896, i32::MAX];
    let days: Vec<Vec<u8>> = (1..)
        .zip(days)
        .map(|(n, day)| framed("reading-receipts", &reading_receipt(version(1, n), day)))
        .collect();
    for (output, records) in [
        (OutputTable::Windows, windows),
        (OutputTable::LateReadings, late),
        (OutputTable::ReadingReceipts, days),
    ] {
        for _ in 0..2 {
            let inserted = store.insert(output, &slices(&records)).await.unwrap();
            assert_eq!(inserted.rows(), 6, "{output:?}");
        }
    }
    for count in store.row_counts().await.unwrap() {
        let expected = match count.output {
            OutputTable::Windows | OutputTable::LateReadings | OutputTable::ReadingReceipts => 6,
            _ => 0,
        };
        assert_eq!(count.rows, expected, "{count:?}");
    }
}

#[tokio::test]
async fn https_is_spoken_where_it_is_asked_for() {
    // this server speaks plain HTTP only
    let (url, ..) = crate::support::reader_of_shared();
    let mut config = Config::new(&url.replace("http:", "https:")).unwrap();
    config.query_timeout = Duration::from_secs(5);
    let error = Store::connect(config).ping().await.unwrap_err();
    assert!(matches!(error, StoreError::Unreachable { .. }), "{error}");
    assert!(error.to_string().to_lowercase().contains("ssl"), "{error}");
}

#[tokio::test]
async fn no_error_names_a_patient() {
    let store = migrated("private").await;
    let client = client("private");
    // the server's own text ends with the values of the row
    run(&client, "ALTER TABLE scores ADD CONSTRAINT short CHECK length(patient_id) < 10").await;
    let record = framed("scores", &score(version(1, 1), "s", "secret-patient"));
    let refused = store.insert(OutputTable::Scores, &[&record]).await.unwrap_err();
    run(&client, "ALTER TABLE scores DROP COLUMN expected").await;
    let missing_column = store.index_over_time("secret-patient", "saq-7").await.unwrap_err();
    for error in [refused, missing_column] {
        assert_eq!(error.retry(), Retry::AfterRepair, "{error}");
        assert!(!format!("{error} {error:?}").contains("secret-patient"), "{error}");
    }
}
