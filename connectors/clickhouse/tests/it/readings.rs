//! Raw readings: the first copy wins, however often and in whatever order they are written.

use aftercare_clickhouse::{RawReading, ReadingRow};

use crate::support::{NEW_YEAR, client, migrated, one};

const WINDOW_MS: i64 = 300_000;

fn reading(offset: i64, measured_at: i64, value: f64) -> ReadingRow<'static> {
    ReadingRow {
        version: ReadingRow::version_of(offset),
        patient_id: "p1",
        device_id: "d1",
        metric: "heart_rate",
        unit: "/min",
        value,
        measured_at,
        partition: 0,
        offset,
        source: "live",
    }
}

#[tokio::test]
async fn the_first_copy_wins_in_any_order_of_writing() {
    let store = migrated("readings").await;
    let first = reading(7, NEW_YEAR + 1, 61.0);
    let (copy, conflict) = (reading(8, NEW_YEAR + 1, 61.0), reading(9, NEW_YEAR + 1, 99.0));
    let before = reading(9, NEW_YEAR - 1, 50.0);
    let next = reading(9, NEW_YEAR + WINDOW_MS, 70.0);
    let other = ReadingRow { device_id: "d2", ..first.clone() };
    let before_1970 = reading(9, -1, 55.0);
    store.insert_readings(&[conflict.clone(), before, next, other, before_1970]).await.unwrap();
    store.insert_readings(&[first.clone(), copy.clone()]).await.unwrap();
    store.insert_readings(&[copy, conflict]).await.unwrap();
    let of = ("p1", "heart_rate", "d1");
    let found = store.raw_readings(of, &[NEW_YEAR], WINDOW_MS).await.unwrap();
    assert_eq!(found, [RawReading { measured_at: NEW_YEAR + 1, value: 61.0 }]);
    let found =
        store.raw_readings(of, &[NEW_YEAR, NEW_YEAR + WINDOW_MS, -WINDOW_MS], WINDOW_MS).await.unwrap();
    assert_eq!(
        found.iter().map(|r| r.measured_at).collect::<Vec<_>>(),
        [-1, NEW_YEAR + 1, NEW_YEAR + WINDOW_MS]
    );
    assert_eq!(store.raw_readings(of, &[], WINDOW_MS).await.unwrap(), []);
    assert_eq!(one::<u64>(&client("readings"), "SELECT count() FROM readings FINAL").await, 5);
}
