//! Raw readings into ClickHouse, from the topic of uploads itself: what a task would count, the first copy of each. Rows
//! first, then the position, so that whatever is interrupted is repeated; a repeated row replaces itself.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use aftercare_clickhouse::{ReadingRow, Store, StoreError};
use aftercare_core::documents::Library;
use aftercare_kafka::Cluster;
use aftercare_kafka::drain::{Drain, KafkaBatch};
use aftercare_kafka::ownership::{GroupPositions, Ownership};
use aftercare_runtime::config::Limits;
use aftercare_runtime::raw;
use aftercare_runtime::task::learn;
use aftercare_runtime::topics::{self, CONTRACTS, WEARABLE_READINGS};
use aftercare_schemas::codec;
use aftercare_schemas::wire::Reading;
use aftercare_stream::log::Batch;
use aftercare_stream::partitioner::partition_of;
use tokio::runtime::Handle;

use super::documents;
use super::faults::passing;
use crate::config;

/// The group that keeps up to where uploads are raw readings in ClickHouse.
pub(crate) const GROUP: &str = "readings";
/// At most this many records are taken by one poll.
const POLL_RECORDS: usize = 2_048;
/// With this many bytes read, they are inserted at once.
const BYTES_MAX: usize = 8 << 20;
/// Between two tries of a failed insert.
const RETRY: Duration = Duration::from_millis(500);

/// What is counted for observers of a flow from one topic into ClickHouse.
#[derive(Debug, Default)]
pub(crate) struct FlowStats {
    pub(crate) rows: AtomicU64,
    pub(crate) inserts: AtomicU64,
    pub(crate) failures: AtomicU64,
    /// Produce time of the oldest record read whose rows are not written, ms since 1970 UTC; 0 when there is none.
    pub(crate) oldest_waiting_at: AtomicI64,
}

impl FlowStats {
    pub(crate) fn inserted(&self, rows: usize) {
        self.rows.fetch_add(rows as u64, Relaxed);
        self.inserts.fetch_add(1, Relaxed);
    }

    /// These records wait now, besides those that did already.
    pub(crate) fn wait(&self, batch: &KafkaBatch) {
        if !batch.is_empty() && self.oldest_waiting_at.load(Relaxed) == 0 {
            self.oldest_waiting_at.store(batch.get(0).produced_at, Relaxed);
        }
    }
}

/// What it needs.
pub(crate) struct Raw {
    pub(crate) cluster: Cluster,
    pub(crate) store: Store,
    pub(crate) runtime: Handle,
    pub(crate) settings: config::Sink,
    /// Those of the tasks.
    pub(crate) limits: Limits,
    pub(crate) partitions: i32,
    pub(crate) stats: Arc<FlowStats>,
}

/// Records read and not yet inserted.
#[derive(Default)]
struct Waiting {
    batches: Vec<KafkaBatch>,
    bytes: usize,
    since: Option<Instant>,
    /// Where reading goes on once all of it is inserted.
    positions: BTreeMap<i32, i64>,
}

impl Raw {
    /// Runs until `stop` is set.
    pub(crate) fn run(&self, stop: &AtomicBool) -> anyhow::Result<()> {
        let name = topics::name(WEARABLE_READINGS);
        let (topic, ownership) = (self.cluster.topic(name), Ownership::join(&self.cluster, GROUP, name)?);
        let (mut drain, positions) = (Drain::open(&self.cluster, &[])?, ownership.positions());
        let (mut library, mut waiting) = (Library::default(), Waiting::default());
        let flush = Duration::from_millis(self.settings.flush_ms);
        while !stop.load(Relaxed) {
            if let Some(owned) = ownership.next(Duration::ZERO)? {
                waiting = Waiting::default();
                self.stats.oldest_waiting_at.store(0, Relaxed);
                let mut assigned = positions.assigned(WEARABLE_READINGS, &topic, &owned)?;
                assigned.push(documents::learn_all(&self.cluster, &mut drain, &mut library)?);
                drain.assign(&assigned)?;
            }
            let left = waiting.since.map_or(flush, |since| flush.saturating_sub(since.elapsed()));
            // Of what can't be read the task writes the dead letter.
            let batch = drain.poll_past(&self.cluster, left.min(Duration::from_millis(50)), POLL_RECORDS)?;
            for record in (0..batch.len()).map(|i| batch.get(i)).filter(|record| record.topic == CONTRACTS) {
                learn(&mut library, &record);
            }
            waiting.add(batch, &self.stats);
            if waiting.bytes >= BYTES_MAX || waiting.since.is_some_and(|since| since.elapsed() >= flush) {
                waiting = self.flush((&topic, &positions), waiting, &library, stop);
            }
        }
        Ok(())
    }

    /// Inserts everything that waits, then moves the positions. While ClickHouse does not answer, nothing more is read.
    /// Answers what waits still: positions that could not be moved, which others wait for.
    fn flush(
        &self,
        (topic, positions): (&str, &GroupPositions),
        waiting: Waiting,
        library: &Library,
        stop: &AtomicBool,
    ) -> Waiting {
        let rows = self.rows(&waiting.batches, library);
        passing("readings.inserting");
        while let Err(error) = self.insert(&rows) {
            self.stats.failures.fetch_add(1, Relaxed);
            tracing::warn!(%error, "raw readings not inserted, trying again");
            if stop.load(Relaxed) {
                return Waiting::default();
            }
            std::thread::park_timeout(RETRY);
        }
        self.stats.inserted(rows.len());
        self.stats.oldest_waiting_at.store(0, Relaxed);
        passing("readings.inserted");
        let moved: Vec<_> =
            waiting.positions.iter().map(|(partition, at)| (topic.to_owned(), *partition, *at)).collect();
        let Err(error) = positions.commit(&moved) else { return Waiting::default() };
        tracing::warn!(%error, "positions not moved, trying again");
        Waiting { positions: waiting.positions, since: Some(Instant::now()), ..Waiting::default() }
    }

    fn insert(&self, rows: &[ReadingRow<'_>]) -> Result<(), StoreError> {
        let mut chunks = rows.chunks(self.settings.rows_max.max(1));
        chunks.try_for_each(|rows| self.runtime.block_on(self.store.insert_readings(rows)))
    }

    fn rows<'b>(&self, batches: &'b [KafkaBatch], library: &Library) -> Vec<ReadingRow<'b>> {
        let admission = Admission { library, limits: &self.limits, partitions: self.partitions };
        let (mut rows, mut scratch) = (Vec::new(), Vec::new());
        for (batch, i) in batches.iter().flat_map(|batch| uploads(batch).map(move |i| (batch, i))) {
            admission.rows(batch, i, &mut scratch, &mut rows);
        }
        rows
    }
}

/// Which readings are raw readings.
pub(crate) struct Admission<'a> {
    pub(crate) library: &'a Library,
    pub(crate) limits: &'a Limits,
    pub(crate) partitions: i32,
}

impl Admission<'_> {
    /// Appends the readings of an upload that a task takes by what they say. One that is not at home in its partition was
    /// sent on by the task there; its copy is the one that counts.
    pub(crate) fn rows<'b>(
        &self,
        batch: &'b KafkaBatch,
        i: usize,
        scratch: &mut Vec<Reading<'b>>,
        rows: &mut Vec<ReadingRow<'b>>,
    ) {
        let (record, partition) = (batch.get(i), batch.partition(i));
        let header = batch.header(i, codec::GUID_HEADER);
        let size = record.value.map_or(0, <[u8]>::len) + record.key.map_or(0, <[u8]>::len);
        let Ok(head) = codec::each_reading(record.value, header.as_deref(), scratch) else { return };
        let is_home = partition_of(head.patient_id.as_bytes(), self.partitions) == partition;
        if !is_home
            || size > self.limits.record_bytes_max
            || raw::refusal(&head, scratch, self.limits).is_some()
        {
            return;
        }
        rows.extend(raw::admitted(self.library, scratch).map(|reading| ReadingRow {
            version: ReadingRow::version_of(record.offset.0),
            patient_id: head.patient_id,
            device_id: head.device_id,
            metric: reading.metric.name(),
            unit: reading.metric.unit(),
            value: reading.value.to_units(),
            measured_at: reading.measured_at.0,
            partition,
            offset: record.offset.0,
            source: head.source.as_str(),
        }));
    }
}

/// Which records of the batch are uploads: between them come documents.
fn uploads(batch: &KafkaBatch) -> impl Iterator<Item = usize> + '_ {
    (0..batch.len()).filter(|i| batch.get(*i).topic == WEARABLE_READINGS)
}

impl Waiting {
    fn add(&mut self, batch: KafkaBatch, stats: &FlowStats) {
        for i in uploads(&batch) {
            self.positions.insert(batch.partition(i), batch.get(i).offset.next().0);
            self.bytes += batch.get(i).value.map_or(0, <[u8]>::len);
        }
        let passed = batch.passed_over().filter(|(_, passed)| passed.topic == WEARABLE_READINGS);
        let passed: Vec<_> = passed.map(|(partition, passed)| (partition, passed.until.0)).collect();
        let (has_uploads, has_passed) = (uploads(&batch).next().is_some(), !passed.is_empty());
        self.positions.extend(passed);
        if has_uploads {
            stats.wait(&batch);
        }
        if has_uploads || has_passed {
            self.since.get_or_insert_with(Instant::now);
            self.batches.push(batch);
        }
    }
}
