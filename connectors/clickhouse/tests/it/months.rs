//! Readings by calendar month of a zone.

use aftercare_clickhouse::ReadingRow;
use clickhouse::Row;
use serde::{Deserialize, Serialize};

use crate::support::{all, client, migrated};

/// 2026-02-01 00:00 in Shanghai, ms since 1970 UTC.
const FEBRUARY: i64 = 1_769_875_200_000;
const DAY_MS: i64 = 86_400_000;

#[derive(Debug, PartialEq, Row, Serialize, Deserialize)]
struct Month {
    metric: String,
    month: String,
    readings: u64,
    days: u64,
    mean_millionths: i64,
}

fn reading(offset: i64, metric: &'static str, measured_at: i64, value: f64) -> ReadingRow<'static> {
    let unit = if metric.starts_with("doses") { "{dose}" } else { "mm[Hg]" };
    ReadingRow {
        version: ReadingRow::version_of(offset),
        patient_id: "p1",
        device_id: "d1",
        metric,
        unit,
        value,
        measured_at,
        partition: 0,
        offset,
        source: "live",
    }
}

#[tokio::test]
async fn months_are_those_of_the_zone_and_means_are_exact() {
    let store = migrated("months").await;
    let pressure = |offset, at, value| reading(offset, "systolic_pressure", at, value);
    let rows = [
        // The last moments of January there, and a copy that came later: 139.999999 and 140 are 139.9999995 on average,
        // a tie that goes to the even millionth.
        pressure(1, FEBRUARY - 1, 139.999_999),
        pressure(9, FEBRUARY - 1, 99.0),
        pressure(2, FEBRUARY - 2, 140.0),
        // 0.000002 and 0.000003 likewise: 0.0000025, down to 0.000002; 1 of 3 and 2 of 3 as usual.
        pressure(3, FEBRUARY, 0.000_002),
        pressure(4, FEBRUARY + DAY_MS, 0.000_003),
        reading(5, "diastolic_pressure", FEBRUARY, 80.0),
        reading(6, "diastolic_pressure", FEBRUARY + 1, 80.0),
        reading(7, "diastolic_pressure", FEBRUARY + DAY_MS, 81.0),
        // March does not belong to the range.
        pressure(8, FEBRUARY + 28 * DAY_MS, 120.0),
    ];
    store.insert_readings(&rows).await.unwrap();
    let sql = "SELECT metric, month, readings, days, mean_millionths \
               FROM reading_months(zone = 'Asia/Shanghai', from = '2026-01-15', to = '2026-03-31') ORDER BY metric, month";
    let month = |metric: &str, month: &str, readings, days, mean_millionths| Month {
        metric: metric.into(),
        month: month.into(),
        readings,
        days,
        mean_millionths,
    };
    let expected = [
        month("diastolic_pressure", "2026-02", 3, 2, 80_333_333),
        month("systolic_pressure", "2026-01", 2, 1, 140_000_000),
        month("systolic_pressure", "2026-02", 2, 2, 2),
    ];
    assert_eq!(all::<Month>(&client("months"), sql).await, expected);
    // In UTC the last moments of that January are of the same day, and the first of that February too.
    let in_utc = sql.replace("Asia/Shanghai", "UTC");
    let found = all::<Month>(&client("months"), &in_utc).await;
    assert_eq!(
        found.iter().map(|m| (&*m.month, m.readings)).collect::<Vec<_>>(),
        [("2026-01", 2), ("2026-02", 1), ("2026-01", 3), ("2026-02", 2),]
    );
}

#[tokio::test]
async fn adherence_is_absent_without_a_dose_due_and_never_above_all() {
    let store = migrated("dose_months").await;
    let rows = [
        reading(1, "doses_due", FEBRUARY - DAY_MS, 3.0),
        reading(2, "doses_taken", FEBRUARY - DAY_MS, 2.0),
        reading(3, "doses_due", FEBRUARY, 1.0),
        reading(4, "doses_taken", FEBRUARY, 2.0),
        reading(5, "doses_taken", FEBRUARY + 30 * DAY_MS, 1.0),
    ];
    store.insert_readings(&rows).await.unwrap();
    let sql = "SELECT month, adherence_percent_millionths \
               FROM dose_months(zone = 'Asia/Shanghai', from = '2026-01-01', to = '2026-04-01') ORDER BY month";
    let found = all::<(String, Option<i64>)>(&client("dose_months"), sql).await;
    let expected = [("2026-01", Some(66_666_667)), ("2026-02", Some(100_000_000)), ("2026-03", None)];
    assert_eq!(found, expected.map(|(month, adherence)| (month.to_owned(), adherence)));
}
