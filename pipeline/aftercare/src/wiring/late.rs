//! Windows, hours and days that a reading reached after the task had ended them: computed again from the raw readings,
//! by the same rules.
//!
//! A late reading waits here until the raw readings of all uploads that its task had taken are in ClickHouse. Rows
//! first, then the position: what is interrupted is repeated, and gives the same rows.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use aftercare_clickhouse::Store;
use aftercare_core::documents::Library;
use aftercare_core::time::Instant;
use aftercare_core::window::Micros;
use aftercare_kafka::Cluster;
use aftercare_kafka::drain::{Drain, KafkaBatch};
use aftercare_kafka::ownership::{GroupReader, Ownership};
use aftercare_runtime::late::Reached;
use aftercare_runtime::task::learn;
use aftercare_runtime::topics::{self, CONTRACTS, LATE_READINGS, WEARABLE_READINGS};
use aftercare_schemas::codec;
use aftercare_schemas::wire::LateReading;
use aftercare_stream::log::Batch;
use tokio::runtime::Handle;

use super::documents;
use super::faults::passing;
use super::flow::{FlowStats, Kept};
use super::readings::Raw;

/// At most this many records are taken by one poll.
const POLL_RECORDS: usize = 1_024;
/// Between two looks whether the raw readings are there, and between two tries of a failed call.
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
        let raw = GroupReader::open(&self.cluster, Raw::GROUP)?;
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
            match self.write(&batch, &library, &raw, (&ownership, stop))? {
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
        raw: &GroupReader,
        ends: (&Ownership, &AtomicBool),
    ) -> anyhow::Result<Option<Left>> {
        let name = topics::name(LATE_READINGS);
        let (mut all, mut needed) = (BTreeMap::<Series<'_>, Reached<'_>>::new(), BTreeMap::<i32, i64>::new());
        for i in (0..batch.len()).filter(|i| batch.get(*i).topic == LATE_READINGS) {
            match codec::decode::<LateReading<'_>>(name, batch.get(i).value, None) {
                Ok(late) => {
                    let needed = needed.entry(batch.partition(i)).or_default();
                    *needed = late.taken_before.unwrap_or(0).max(*needed);
                    all.entry((late.patient_id, late.metric, late.device_id)).or_default().add(late);
                }
                // Not one of ours: a task writes only what it can encode.
                Err(error) => tracing::error!(topic = name, %error, "a foreign record in an output topic"),
            }
        }
        let there = || {
            let topic = self.cluster.topic(topics::name(WEARABLE_READINGS));
            let places: Vec<_> = needed.keys().map(|partition| (topic.clone(), *partition)).collect();
            let reached = raw.committed(&places)?;
            Ok(reached.iter().zip(needed.values()).all(|(at, needed)| at.unwrap_or(0) >= *needed))
        };
        if let Some(left) = self.until(there, ends)? {
            return Ok(Some(left));
        }
        for (series, reached) in &all {
            let written = || self.runtime.block_on(self.write_series(*series, reached, library));
            if let Some(left) = self.until(|| written().map(|()| true), ends)? {
                return Ok(Some(left));
            }
            passing("late.written");
        }
        Ok(None)
    }

    /// Tries again and again until it is so.
    fn until(
        &self,
        is_so: impl Fn() -> anyhow::Result<bool>,
        (ownership, stop): (&Ownership, &AtomicBool),
    ) -> anyhow::Result<Option<Left>> {
        loop {
            match is_so() {
                Ok(true) => return Ok(None),
                Ok(false) => {}
                Err(error) => {
                    self.stats.failures.fetch_add(1, Relaxed);
                    tracing::warn!(error = format!("{error:#}"), "late windows not written, trying again");
                }
            }
            if stop.load(Relaxed) {
                return Ok(Some(Left::Stopped));
            }
            if let Some(owned) = ownership.next(RETRY)? {
                return Ok(Some(Left::Moved(owned)));
            }
        }
    }

    /// Computes the windows of one series again and writes them.
    async fn write_series(
        &self,
        series: Series<'_>,
        reached: &Reached<'_>,
        library: &Library,
    ) -> anyhow::Result<()> {
        let spans: Vec<(i64, i64)> = reached.spans().iter().map(|(from, until)| (from.0, until.0)).collect();
        let raw = self.store.raw_readings(series, &spans).await?;
        let readings =
            raw.iter().filter_map(|raw| Some((Instant(raw.measured_at), Micros::from_units(raw.value)?)));
        let rows = reached.rows(readings, library);
        self.store.insert_late_windows(&rows).await?;
        self.stats.inserted(rows.len());
        Ok(())
    }
}

/// Where reading goes on behind the late readings of a batch.
fn places(batch: &KafkaBatch, topic: &str) -> Vec<(String, i32, i64)> {
    let late = (0..batch.len()).filter(|i| batch.get(*i).topic == LATE_READINGS);
    let last: BTreeMap<i32, i64> = late.map(|i| (batch.partition(i), batch.get(i).offset.next().0)).collect();
    last.into_iter().map(|(partition, at)| (topic.to_owned(), partition, at)).collect()
}
