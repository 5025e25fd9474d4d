//! From input topics into ClickHouse, past the tasks: rows first, then the position, so that whatever is interrupted is
//! repeated; a repeated row replaces itself.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use aftercare_clickhouse::{Store, StoreError};
use aftercare_core::documents::Library;
use aftercare_kafka::Cluster;
use aftercare_kafka::drain::{Drain, KafkaBatch};
use aftercare_kafka::ownership::{GroupPositions, Ownership};
use aftercare_runtime::config::Limits;
use aftercare_runtime::task::learn;
use aftercare_runtime::topics::{self, CONTRACTS};
use aftercare_stream::log::Batch;
use aftercare_stream::position::TopicId;
use tokio::runtime::Handle;

use super::documents;
use super::faults::passing;
use crate::config;

/// At most this many records are taken by one poll.
const POLL_RECORDS: usize = 2_048;
/// With this many bytes read, they are inserted at once.
const BYTES_MAX: usize = 8 << 20;
/// Between two tries of a failed insert.
const RETRY: Duration = Duration::from_millis(500);

/// What becomes of some input topics in ClickHouse.
pub(crate) trait Kept {
    /// The group that keeps up to where their records are in ClickHouse.
    const GROUP: &'static str;
    /// The topics. Who owns a partition of the first owns it of all.
    const TOPICS: &'static [TopicId];
    /// Where faults are planted: before an insert, and after it.
    const PASSING: [&'static str; 2];

    /// Inserts the rows of those records of the batches that are of its topics (between them come documents), and says how
    /// many rows there are. It is called again where it fails.
    ///
    /// # Errors
    /// What the server or the network said.
    fn insert(&self, batches: &[KafkaBatch], library: &Library, flow: &Flow) -> Result<usize, StoreError>;
}

/// What is counted for observers of a flow into ClickHouse.
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
pub(crate) struct Flow {
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
    positions: BTreeMap<(TopicId, i32), i64>,
}

impl Flow {
    /// Runs until `stop` is set.
    pub(crate) fn run<K: Kept>(&self, kept: &K, stop: &AtomicBool) -> anyhow::Result<()> {
        let ownership = Ownership::join(&self.cluster, K::GROUP, topics::name(K::TOPICS[0]))?;
        let (mut drain, positions) = (Drain::open(&self.cluster, &[])?, ownership.positions());
        let (mut library, mut waiting) = (Library::default(), Waiting::default());
        let flush = Duration::from_millis(self.settings.flush_ms);
        while !stop.load(Relaxed) {
            if let Some(owned) = ownership.next(Duration::ZERO)? {
                waiting = Waiting::default();
                self.stats.oldest_waiting_at.store(0, Relaxed);
                let mut assigned = Vec::new();
                for id in K::TOPICS {
                    assigned.extend(positions.assigned(*id, &self.topic(*id), &owned)?);
                }
                assigned.push(documents::learn_all(&self.cluster, &mut drain, &mut library)?);
                drain.assign(&assigned)?;
            }
            let left = waiting.since.map_or(flush, |since| flush.saturating_sub(since.elapsed()));
            // Of what can't be read the task writes the dead letter.
            let batch = drain.poll_past(&self.cluster, left.min(Duration::from_millis(50)), POLL_RECORDS)?;
            for record in (0..batch.len()).map(|i| batch.get(i)).filter(|record| record.topic == CONTRACTS) {
                learn(&mut library, &record);
            }
            waiting.add(batch, K::TOPICS, &self.stats);
            if waiting.bytes >= BYTES_MAX || waiting.since.is_some_and(|since| since.elapsed() >= flush) {
                waiting = self.flush(kept, &positions, waiting, &library, stop);
            }
        }
        Ok(())
    }

    /// Inserts rows, no more at a time than the settings say.
    ///
    /// # Errors
    /// What the server or the network said.
    pub(crate) fn in_chunks<R>(
        &self,
        rows: &[R],
        mut insert: impl FnMut(&[R]) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        rows.chunks(self.settings.rows_max.max(1)).try_for_each(&mut insert)
    }

    fn topic(&self, id: TopicId) -> String {
        self.cluster.topic(topics::name(id))
    }

    /// Inserts everything that waits, then moves the positions. While ClickHouse does not answer, nothing more is read.
    /// Answers what waits still: positions that could not be moved, which others wait for.
    fn flush<K: Kept>(
        &self,
        kept: &K,
        positions: &GroupPositions,
        waiting: Waiting,
        library: &Library,
        stop: &AtomicBool,
    ) -> Waiting {
        let [inserting, inserted] = K::PASSING;
        passing(inserting);
        let rows = loop {
            match kept.insert(&waiting.batches, library, self) {
                Ok(rows) => break rows,
                Err(error) => {
                    self.stats.failures.fetch_add(1, Relaxed);
                    tracing::warn!(group = K::GROUP, %error, "rows not inserted, trying again");
                    if stop.load(Relaxed) {
                        return Waiting::default();
                    }
                    std::thread::park_timeout(RETRY);
                }
            }
        };
        self.stats.inserted(rows);
        self.stats.oldest_waiting_at.store(0, Relaxed);
        passing(inserted);
        let moved: Vec<_> = waiting
            .positions
            .iter()
            .map(|((topic, partition), at)| (self.topic(*topic), *partition, *at))
            .collect();
        let Err(error) = positions.commit(&moved) else { return Waiting::default() };
        tracing::warn!(group = K::GROUP, %error, "positions not moved, trying again");
        Waiting { positions: waiting.positions, since: Some(Instant::now()), ..Waiting::default() }
    }
}

/// Which records of the batch are of these topics.
pub(crate) fn records_of<'b>(
    batch: &'b KafkaBatch,
    topics: &'b [TopicId],
) -> impl Iterator<Item = usize> + 'b {
    (0..batch.len()).filter(|i| topics.contains(&batch.get(*i).topic))
}

impl Waiting {
    fn add(&mut self, batch: KafkaBatch, topics: &[TopicId], stats: &FlowStats) {
        for i in records_of(&batch, topics) {
            let record = batch.get(i);
            self.positions.insert((record.topic, batch.partition(i)), record.offset.next().0);
            self.bytes += record.value.map_or(0, <[u8]>::len);
        }
        let passed = batch.passed_over().filter(|(_, passed)| topics.contains(&passed.topic));
        let passed: Vec<_> =
            passed.map(|(partition, passed)| ((passed.topic, partition), passed.until.0)).collect();
        let (has_records, has_passed) = (records_of(&batch, topics).next().is_some(), !passed.is_empty());
        self.positions.extend(passed);
        if has_records {
            stats.wait(&batch);
        }
        if has_records || has_passed {
            self.since.get_or_insert_with(Instant::now);
            self.batches.push(batch);
        }
    }
}
