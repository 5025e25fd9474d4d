//! Windows that a reading reached after the task had ended them: computed again from the raw readings, by the same rules.
//!
//! A late reading waits here until its raw reading is in ClickHouse; all that came before it in its partition is there
//! then too. Rows first, then the position: what is interrupted is repeated, and gives the same rows.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use aftercare_clickhouse::{RawReading, Store, StoreError};
use aftercare_core::documents::Library;
use aftercare_core::metric::Metric;
use aftercare_core::time::Instant;
use aftercare_core::vital::WindowRow;
use aftercare_core::window::{Micros, Points, WINDOW_MS, window_of, window_start};
use aftercare_kafka::Cluster;
use aftercare_kafka::drain::{Drain, KafkaBatch};
use aftercare_kafka::ownership::Ownership;
use aftercare_runtime::task::learn;
use aftercare_runtime::topics::{self, CONTRACTS, LATE_READINGS};
use aftercare_schemas::codec;
use aftercare_schemas::wire::{LateReading, Window};
use aftercare_stream::log::Batch;
use tokio::runtime::Handle;

use super::documents;
use super::faults::passing;
use super::readings::FlowStats;

/// At most this many records are taken by one poll.
const POLL_RECORDS: usize = 1_024;
/// Between two looks whether a raw reading is there, and between two tries of a failed call.
const RETRY: Duration = Duration::from_millis(200);

/// What it needs.
pub(crate) struct Late {
    pub(crate) cluster: Cluster,
    pub(crate) store: Store,
    pub(crate) runtime: Handle,
    pub(crate) stats: Arc<FlowStats>,
}

/// Patient, metric, device.
type Series<'b> = (&'b str, &'b str, &'b str);

/// The late readings of one series, by the index of their window; in each window by version.
type Touched<'b> = BTreeMap<i64, BTreeMap<u64, LateReading<'b>>>;

/// Why a batch was left before it was written.
enum Left {
    /// Partitions moved; these are owned now.
    Moved(BTreeSet<i32>),
    Stopped,
}

impl Late {
    /// Runs until `stop` is set.
    pub(crate) fn run(&self, stop: &AtomicBool) -> anyhow::Result<()> {
        let name = topics::name(LATE_READINGS);
        let (topic, ownership) = (self.cluster.topic(name), Ownership::join(&self.cluster, "late", name)?);
        let (mut drain, positions) = (Drain::open(&self.cluster, &[])?, ownership.positions());
        let (mut library, mut moved_here) = (Library::default(), None);
        while !stop.load(Relaxed) {
            if let Some(owned) =
                moved_here.take().map_or_else(|| ownership.next(Duration::ZERO), |o| Ok(Some(o)))?
            {
                let mut assigned = positions.assigned(LATE_READINGS, &topic, &owned)?;
                assigned.push(documents::learn_all(&self.cluster, &mut drain, &mut library)?);
                drain.assign(&assigned)?;
            }
            let batch = drain.poll(Duration::from_millis(50), POLL_RECORDS)?;
            for record in (0..batch.len()).map(|i| batch.get(i)).filter(|record| record.topic == CONTRACTS) {
                learn(&mut library, &record);
            }
            let places = places(&batch, &topic);
            if places.is_empty() {
                continue;
            }
            self.stats.wait(&batch);
            passing("late.read");
            match self.write(&batch, &library, &ownership, stop)? {
                None => {}
                Some(Left::Moved(owned)) => {
                    moved_here = Some(owned);
                    continue;
                }
                Some(Left::Stopped) => break,
            }
            if let Err(error) = positions.commit(&places) {
                tracing::warn!(%error, "positions not moved; these windows will be computed again to the same rows");
            }
            self.stats.oldest_waiting_at.store(0, Relaxed);
            passing("late.moved");
        }
        Ok(())
    }

    /// Writes the windows that the readings of the batch belong to.
    fn write(
        &self,
        batch: &KafkaBatch,
        library: &Library,
        ownership: &Ownership,
        stop: &AtomicBool,
    ) -> anyhow::Result<Option<Left>> {
        let mut all: BTreeMap<Series<'_>, Touched<'_>> = BTreeMap::new();
        for record in (0..batch.len()).map(|i| batch.get(i)).filter(|record| record.topic == LATE_READINGS) {
            let name = topics::name(LATE_READINGS);
            match codec::decode::<LateReading<'_>>(name, record.value, None) {
                Ok(late) => {
                    let series = all.entry((late.patient_id, late.metric, late.device_id)).or_default();
                    let (index, _) = window_of(Instant(late.measured_at));
                    series.entry(index).or_default().insert(late.version, late);
                }
                // Not one of ours: a task writes only what it can encode.
                Err(error) => tracing::error!(topic = name, %error, "a foreign record in an output topic"),
            }
        }
        for (series, touched) in &all {
            loop {
                match self.runtime.block_on(self.write_series(*series, touched, library)) {
                    Ok(true) => break,
                    Ok(false) => {}
                    Err(error) => {
                        self.stats.failures.fetch_add(1, Relaxed);
                        tracing::warn!(%error, "late windows not written, trying again");
                    }
                }
                if stop.load(Relaxed) {
                    return Ok(Some(Left::Stopped));
                }
                if let Some(owned) = ownership.next(RETRY)? {
                    return Ok(Some(Left::Moved(owned)));
                }
            }
            passing("late.written");
        }
        Ok(None)
    }

    /// Computes windows of one series again and writes them. `false`: a raw reading is not there yet.
    async fn write_series(
        &self,
        series: Series<'_>,
        touched: &Touched<'_>,
        library: &Library,
    ) -> Result<bool, StoreError> {
        let starts: Vec<i64> = touched.keys().map(|index| window_start(*index).0).collect();
        let raw = self.store.raw_readings(series, &starts, WINDOW_MS).await?;
        let known: BTreeSet<i64> = raw.iter().map(|reading| reading.measured_at).collect();
        if touched.values().flat_map(BTreeMap::values).any(|late| !known.contains(&late.measured_at)) {
            return Ok(false);
        }
        let points = points(&raw);
        let rows = touched.iter().filter_map(|(index, late)| {
            let (_, late) = late.last_key_value()?;
            let metric = Metric::named(late.metric)?;
            let target = library.vitals().and_then(|rules| rules.target(metric));
            Some(row(late, &WindowRow::of_points(*index, points.get(index)?, target)?))
        });
        let rows: Vec<Window<'_>> = rows.collect();
        self.store.insert_late_windows(&rows).await?;
        self.stats.inserted(rows.len());
        Ok(true)
    }
}

/// Where reading goes on behind the late readings of a batch.
fn places(batch: &KafkaBatch, topic: &str) -> Vec<(String, i32, i64)> {
    let late = (0..batch.len()).filter(|i| batch.get(*i).topic == LATE_READINGS);
    let last: BTreeMap<i32, i64> = late.map(|i| (batch.partition(i), batch.get(i).offset.next().0)).collect();
    last.into_iter().map(|(partition, at)| (topic.to_owned(), partition, at)).collect()
}

/// Raw readings by window.
fn points(raw: &[RawReading]) -> BTreeMap<i64, Points> {
    let mut windows: BTreeMap<i64, Points> = BTreeMap::new();
    for reading in raw {
        let (index, offset_ms) = window_of(Instant(reading.measured_at));
        if let Some(value) = Micros::from_units(reading.value) {
            windows.entry(index).or_default().insert(offset_ms, value);
        }
    }
    windows
}

/// The row of a window, for the last late reading in it.
fn row<'b>(late: &LateReading<'b>, row: &WindowRow) -> Window<'b> {
    Window {
        version: late.version,
        patient_id: late.patient_id,
        device_id: late.device_id,
        metric: late.metric,
        unit: late.unit,
        window_start: row.start.0,
        length_s: row.length_s,
        readings: row.stats.readings,
        mean: row.stats.mean,
        sd: row.stats.sd,
        min: row.stats.min,
        max: row.stats.max,
        stored_at: late.stored_at,
        organisation: late.organisation,
        care_team: late.care_team,
        clinician_id: late.clinician_id,
        manufacturer: late.manufacturer,
        procedure: late.procedure,
        source: late.source,
        p10: Some(row.p10),
        p50: Some(row.p50),
        p90: Some(row.p90),
        coverage: Some(row.coverage),
        in_range: row.in_range,
    }
}
