//! The server is killed in the middle of inserts; what was in doubt is repeated.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use aftercare_clickhouse::{OutputTable, Retry};

use crate::support::{NEW_YEAR, framed, score, slices, start, store_at, version};

const BATCH: u64 = 2_000;
const BATCHES: u64 = 60;
const KILLS: u64 = 3;

/// A sink as it should be: a batch is repeated until it is acknowledged, its coverage rows after it, then the next.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_in_the_middle_nothing_is_lost_and_nothing_double() {
    let (mut server, _folder) = start();
    let store = store_at(&server, "crash");
    assert!(store.migrate(true).await.unwrap().is_clean());
    let done = Arc::new(AtomicU64::new(0));

    let sink = tokio::spawn({
        let (store, done) = (store.clone(), Arc::clone(&done));
        async move {
            let mut doubts = 0_u64;
            for batch in 0..BATCHES {
                let records: Vec<Vec<u8>> = (batch * BATCH + 1..=(batch + 1) * BATCH)
                    .map(|n| framed("scores", &score(version(1, n), &format!("e/u{}/x", n % 50_000), "p1")))
                    .collect();
                let records = slices(&records);
                let covered = loop {
                    let result = store.insert(OutputTable::Scores, &records).await;
                    match result {
                        Ok(inserted) => break inserted.coverage(0, NEW_YEAR),
                        Err(error) => {
                            assert_eq!(error.retry(), Retry::Later, "{error}");
                            doubts += 1;
                            tokio::time::sleep(Duration::from_millis(20)).await;
                        }
                    }
                };
                while let Err(error) = store.insert_coverage(&covered).await {
                    assert_eq!(error.retry(), Retry::Later, "{error}");
                    doubts += 1;
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                done.fetch_add(1, Ordering::SeqCst);
            }
            doubts
        }
    });

    for kill in 1..=KILLS {
        while done.load(Ordering::SeqCst) < kill * BATCHES / (KILLS + 2) && !sink.is_finished() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        server.kill();
        tokio::time::sleep(Duration::from_millis(100)).await;
        server.restart().unwrap();
    }
    let doubts = sink.await.unwrap();
    assert!(doubts >= KILLS, "the kills met no insert: {doubts}");

    let coverage = store.coverage().await.unwrap();
    assert_eq!(coverage.len(), 1);
    assert!(coverage[0].is_gapless() && coverage[0].last_sequence == BATCH * BATCHES, "{coverage:?}");
    let check = &store.check_table(OutputTable::Scores, 1).await.unwrap()[0];
    assert_eq!(
        (check.rows, check.versions, check.max_version, check.uncovered),
        (50_000, 50_000, version(1, BATCH * BATCHES), 0)
    );
}
