//! Raw readings: the first copy wins, however often and in whatever order they are written.

use aftercare_clickhouse::{LateCheck, OutputTable, RawCheck, RawReading, RawStanding, ReadingRow};
use aftercare_schemas::wire;

use crate::support::{NEW_YEAR, client, framed, late_reading, migrated, one, version, window};

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
    let window = |start| (start, start + WINDOW_MS);
    let found = store.raw_readings(of, &[window(NEW_YEAR)]).await.unwrap();
    assert_eq!(found, [RawReading { measured_at: NEW_YEAR + 1, value: 61.0 }]);
    let spans = [window(NEW_YEAR), window(NEW_YEAR + WINDOW_MS), window(-WINDOW_MS)];
    let found = store.raw_readings(of, &spans).await.unwrap();
    assert_eq!(
        found.iter().map(|r| r.measured_at).collect::<Vec<_>>(),
        [-1, NEW_YEAR + 1, NEW_YEAR + WINDOW_MS]
    );
    assert_eq!(store.raw_readings(of, &[]).await.unwrap(), []);
    assert_eq!(one::<u64>(&client("readings"), "SELECT count() FROM readings FINAL").await, 5);
}

/// A window of `d1` and heart rates.
fn computed(n: u64, window_start: i64, length_s: u32, readings: u32) -> wire::Window<'static> {
    wire::Window { length_s, readings, ..window(version(1, n), window_start, "p1") }
}

#[tokio::test]
async fn windows_are_held_against_raw_readings() {
    let store = migrated("raw_check").await;
    let raw: Vec<_> = (0..4).map(|n| reading(n, NEW_YEAR + n * 60_000, 60.0)).collect();
    store.insert_readings(&raw).await.unwrap();
    store.insert_readings(&[reading(9, NEW_YEAR + WINDOW_MS, 61.0)]).await.unwrap();
    let of_task = [framed("windows", &computed(1, NEW_YEAR, 300, 4))];
    let rows: Vec<&[u8]> = of_task.iter().map(|row| &**row).collect();
    drop(store.insert(OutputTable::Windows, &rows).await.unwrap());
    let sound = RawCheck { windows: 1, readings: 5, short: 0 };
    assert_eq!(store.check_raw().await.unwrap(), sound);
    let versions =
        |offsets: &[i64]| offsets.iter().map(|at| ReadingRow::version_of(*at)).fold(0, u64::wrapping_add);
    let standing = |rows, offsets: &[i64]| RawStanding { rows, version_sum: versions(offsets) };
    assert_eq!(store.raw_standing(0, 9).await.unwrap(), standing(4, &[0, 1, 2, 3]));
    assert_eq!(store.raw_standing(0, 10).await.unwrap(), standing(5, &[0, 1, 2, 3, 9]));
    assert_eq!(store.raw_standing(1, 10).await.unwrap(), standing(0, &[]));
    // A window computed again stands before the task's, and counts more than there are.
    store.insert_late_windows(&[computed(1, NEW_YEAR, 300, 5)]).await.unwrap();
    assert_eq!(store.check_raw().await.unwrap(), RawCheck { short: 1, ..sound });
}

#[tokio::test]
async fn late_readings_are_held_against_windows_computed_again() {
    let store = migrated("late_check").await;
    assert_eq!(store.check_late().await.unwrap(), LateCheck::default());
    let raw: Vec<_> = (0..3).map(|n| reading(n, NEW_YEAR + n * WINDOW_MS, 60.0)).collect();
    store.insert_readings(&raw).await.unwrap();
    let late = |n, at, has_day: bool| wire::LateReading {
        day_from: has_day.then_some(NEW_YEAR),
        day_until: has_day.then_some(NEW_YEAR + 25 * 3_600_000),
        ..late_reading(version(1, n), at)
    };
    // One reading twice; another, of somebody of whom no day is known, belongs to the same hour.
    let records = [late(1, NEW_YEAR, true), late(2, NEW_YEAR + WINDOW_MS, false), late(3, NEW_YEAR, true)];
    let records: Vec<Vec<u8>> = records.iter().map(|late| framed("late-readings", late)).collect();
    let rows: Vec<&[u8]> = records.iter().map(|row| &**row).collect();
    drop(store.insert(OutputTable::LateReadings, &rows).await.unwrap());
    let wanted = |missing, wrong| LateCheck { windows: 4, missing, wrong };
    assert_eq!(store.check_late().await.unwrap(), wanted(4, 0));
    let again = [
        computed(3, NEW_YEAR, 300, 1),
        computed(2, NEW_YEAR + WINDOW_MS, 300, 1),
        computed(3, NEW_YEAR, 3_600, 3),
        computed(3, NEW_YEAR, 90_000, 3),
    ];
    store.insert_late_windows(&again[..3]).await.unwrap();
    assert_eq!(store.check_late().await.unwrap(), wanted(1, 0));
    // A day computed before the reading came again is not enough.
    store.insert_late_windows(&[computed(1, NEW_YEAR, 90_000, 3)]).await.unwrap();
    assert_eq!(store.check_late().await.unwrap(), wanted(1, 0));
    store.insert_late_windows(&again[3..]).await.unwrap();
    assert_eq!(store.check_late().await.unwrap(), wanted(0, 0));
    store.insert_readings(&[reading(7, NEW_YEAR + 7, 60.0)]).await.unwrap();
    assert_eq!(store.check_late().await.unwrap(), wanted(0, 2));
}
