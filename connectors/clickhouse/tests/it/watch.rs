//! What a running installation asks about itself.

use aftercare_clickhouse::Named;

use crate::support::{NEW_YEAR, client, migrated, run};

fn named(found: &[Named]) -> Vec<(&str, u64)> {
    found.iter().map(|row| (&*row.name, row.count)).collect()
}

#[tokio::test]
async fn holes_of_the_last_hour_are_counted_by_topic() {
    let store = migrated("watch_coverage").await;
    assert_eq!(store.coverage_missing().await.unwrap(), []);
    let rows = "INSERT INTO coverage SELECT 'scores', 0, 1, from, to, to - from + 1, 1, now64(3) - toIntervalMinute(ago) \
                FROM VALUES('from UInt64, to UInt64, ago Int32', (1, 5, 200), (90, 99, 30), (95, 100, 20), (104, 110, 1)) \
                UNION ALL SELECT 'scores', 1, 1, 7, 9, 3, 1, now64(3) \
                UNION ALL SELECT 'alerts', 0, 1, 1, 9, 9, 1, now64(3)";
    run(&client("watch_coverage"), rows).await;
    assert_eq!(named(&store.coverage_missing().await.unwrap()), [("alerts", 0), ("scores", 3)]);
}

#[tokio::test]
async fn alerts_are_overdue_until_somebody_answers() {
    let store = migrated("watch_alerts").await;
    let rows = format!(
        "INSERT INTO alerts (version, alert_id, status, severity, patient_id, historic, raised_at, answer_due_at) \
         SELECT version, id, status, severity, 'p', historic, at, if(due = 0, NULL, at + toIntervalSecond(due)) FROM \
         (SELECT *, fromUnixTimestamp64Milli({NEW_YEAR}) AS at FROM VALUES('version UInt64, id String, status String, \
          severity String, historic Bool, due Int32', (1, 'a', 'open', 'critical', false, 600), \
          (2, 'b', 'open', 'critical', false, 600), (3, 'b', 'acknowledged', 'critical', false, 600), \
          (4, 'c', 'open', 'critical', true, 600), (5, 'd', 'open', 'warning', false, 0), \
          (6, 'e', 'open', 'critical', false, 900)))"
    );
    run(&client("watch_alerts"), &rows).await;
    for (seconds, critical) in [(600, 0), (601, 1), (901, 2), (8 * 86_400, 0)] {
        let found = store.overdue_alerts(NEW_YEAR + seconds * 1000).await.unwrap();
        assert_eq!(named(&found), [("critical", critical), ("warning", 0)], "after {seconds} s");
    }
}
