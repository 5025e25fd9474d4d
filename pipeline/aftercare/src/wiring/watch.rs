//! What only ClickHouse can tell of a running installation: rows that are missing, alerts that nobody answers. Asked
//! again and again, for the metrics; while ClickHouse does not answer they are absent.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use aftercare_clickhouse::{Named, Store, StoreError};
use aftercare_gateway::metrics::{Metric, MetricsSource, Sample};

use super::wall_clock;

/// Between two questions.
const PAUSE: Duration = Duration::from_secs(30);

/// What was found out last.
#[derive(Default)]
pub(crate) struct Watched {
    missing: Vec<Named>,
    overdue: Vec<Named>,
}

/// Asks until `stop` is set.
pub(crate) async fn run(store: Store, watched: Arc<Mutex<Watched>>, stop: Arc<AtomicBool>) {
    while !stop.load(Relaxed) {
        let found = ask(&store).await.unwrap_or_else(|error| {
            tracing::warn!(%error, "not watched for now");
            Watched::default()
        });
        *watched.lock().expect("no holder panics") = found;
        let began = Instant::now();
        while began.elapsed() < PAUSE && !stop.load(Relaxed) {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }
}

async fn ask(store: &Store) -> Result<Watched, StoreError> {
    Ok(Watched {
        missing: store.coverage_missing().await?,
        overdue: store.overdue_alerts(wall_clock()).await?,
    })
}

/// The metrics of it.
pub(crate) fn metrics(watched: Arc<Mutex<Watched>>) -> impl MetricsSource {
    move |out: &mut Vec<Sample>| {
        let watched = watched.lock().expect("no holder panics");
        for (metric, label, found) in [
            (Metric::CoverageMissing, "topic", &watched.missing),
            (Metric::OverdueAlerts, "severity", &watched.overdue),
        ] {
            for Named { name, count } in found {
                #[allow(clippy::cast_precision_loss, reason = "counts far below 2^53")]
                out.push(Sample::gauge(metric, &[(label, name)], *count as f64));
            }
        }
    }
}
