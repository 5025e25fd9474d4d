//! From the output topics into ClickHouse: read committed rows, insert them, write their coverage, move the position.
//! In this order, so that whatever is interrupted is repeated, and a repeated row replaces itself.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use aftercare_clickhouse::{OutputTable, Store, StoreError};
use aftercare_kafka::Cluster;
use aftercare_kafka::drain::{Assigned, Drain, KafkaBatch};
use aftercare_kafka::ownership::{GroupPositions, Ownership};
use aftercare_runtime::output::headers;
use aftercare_runtime::topics;
use aftercare_stream::log::Batch;
use aftercare_stream::position::TopicId;
use tokio::runtime::Handle;

use super::faults::passing;
use super::wall_clock;
use crate::config;

/// The topic whose partitions decide which sink reads which partition of all outputs.
const WATCHED: &str = "receipts";
/// Between two tries of a failed insert.
const RETRY: Duration = Duration::from_millis(500);
/// How long a sink that is asked to stop waits for ClickHouse.
const STOPPING: Duration = Duration::from_secs(3);
/// At most this many records are taken by one poll.
const POLL_RECORDS: usize = 8_192;

/// What the sink counts for its observers, by table.
#[derive(Debug, Default)]
pub(crate) struct SinkStats {
    pub(crate) rows: [AtomicU64; TABLES.len()],
    pub(crate) inserts: [AtomicU64; TABLES.len()],
    pub(crate) failures: [AtomicU64; TABLES.len()],
    /// Produce time of the oldest row read and not yet inserted, ms since 1970 UTC; 0 when there is none.
    pub(crate) oldest_waiting_at: [AtomicI64; TABLES.len()],
}

/// The tables, in the order of all arrays here.
pub(crate) const TABLES: [OutputTable; OutputTable::ALL.len()] = OutputTable::ALL;

pub(crate) struct Sink<'a> {
    cluster: &'a Cluster,
    store: Store,
    runtime: Handle,
    settings: config::Sink,
    stats: Arc<SinkStats>,
    positions: GroupPositions,
    // Before the client whose memory its records are, so that it is dropped first.
    waiting: Waiting,
    drain: Drain,
}

/// Records read and not yet inserted. The batches own the bytes.
#[derive(Default)]
struct Waiting {
    batches: Vec<KafkaBatch>,
    /// By table: (batch, record, partition).
    records: [Vec<(usize, usize, i32)>; TABLES.len()],
    rows: usize,
    since: Option<Instant>,
    /// Where reading goes on once all of it is inserted.
    positions: std::collections::BTreeMap<(usize, i32), i64>,
}

/// Runs the sink until `stop` is set.
pub(crate) fn run(
    cluster: &Cluster,
    store: Store,
    runtime: Handle,
    settings: config::Sink,
    stats: Arc<SinkStats>,
    stop: &AtomicBool,
) -> anyhow::Result<()> {
    let ownership = Ownership::join(cluster, "sink", WATCHED)?;
    let drain = Drain::open(cluster, &[])?;
    let positions = ownership.positions();
    let waiting = Waiting::default();
    let mut sink = Sink { cluster, store, runtime, settings, stats, drain, positions, waiting };
    while !stop.load(Relaxed) {
        if let Some(owned) = ownership.next(Duration::ZERO)? {
            tracing::info!(partitions = ?owned, "output partitions owned here");
            sink.own(&owned)?;
        }
        sink.turn(stop)?;
    }
    sink.flush(stop);
    Ok(())
}

impl Sink<'_> {
    /// Reads these partitions of every output from the positions that the group keeps. What was read and not
    /// inserted is read again, by whoever owns it now.
    fn own(&mut self, owned: &BTreeSet<i32>) -> anyhow::Result<()> {
        self.waiting = Waiting::default();
        let mut assigned = Vec::new();
        for &partition in owned {
            let (tables, names): (Vec<usize>, Vec<String>) = (0..)
                .zip(TABLES)
                .filter(|(_, table)| partition == 0 || !has_one_partition(*table))
                .map(|(at, table)| (at, self.cluster.topic(table.topic())))
                .unzip();
            let committed = self.positions.committed(&names, partition)?;
            for ((table, topic), from) in tables.into_iter().zip(&names).zip(committed) {
                let id = TopicId(u8::try_from(table).expect("a handful of tables"));
                assigned.push(Assigned { id, topic: topic.clone(), partition, from });
            }
        }
        self.drain.assign(&assigned)?;
        passing("sink.assigned");
        Ok(())
    }

    fn turn(&mut self, stop: &AtomicBool) -> anyhow::Result<()> {
        let flush = Duration::from_millis(self.settings.flush_ms);
        let left = self.waiting.since.map_or(flush, |since| flush.saturating_sub(since.elapsed()));
        let batch = self.drain.poll(left.min(Duration::from_millis(50)), POLL_RECORDS)?;
        if !batch.is_empty() {
            passing("sink.read");
        }
        self.waiting.add(batch, &self.stats);
        let due = self.waiting.since.is_some_and(|since| since.elapsed() >= flush);
        if due || self.waiting.rows >= self.settings.rows_max {
            self.flush(stop);
        }
        Ok(())
    }

    /// Inserts everything that waits, then moves the positions. While ClickHouse does not answer, nothing more is
    /// read.
    fn flush(&mut self, stop: &AtomicBool) {
        let waiting = std::mem::take(&mut self.waiting);
        for (at, table) in TABLES.iter().enumerate() {
            if !waiting.records[at].is_empty() && !self.insert(at, *table, &waiting, stop) {
                return;
            }
            self.stats.oldest_waiting_at[at].store(0, Relaxed);
        }
        let positions: Vec<_> = waiting
            .positions
            .iter()
            .map(|((table, partition), at)| (self.cluster.topic(TABLES[*table].topic()), *partition, *at))
            .collect();
        if positions.is_empty() {
            return;
        }
        passing("sink.moving");
        match self.positions.commit(&positions) {
            Ok(()) => passing("sink.moved"),
            Err(error) => {
                tracing::warn!(%error, "positions not moved; these rows will be inserted again and replace themselves");
            }
        }
    }

    /// Inserts one table's rows and their coverage, again until it is done; when asked to stop, once more at most.
    /// `false`: stopped before it was done.
    fn insert(&self, at: usize, table: OutputTable, waiting: &Waiting, stop: &AtomicBool) -> bool {
        let headers: Vec<(i32, Vec<u8>)>;
        let mut records: Vec<(i32, &[u8])> = if table == OutputTable::DeadLetters {
            headers = waiting.headers(at);
            headers.iter().map(|(partition, value)| (*partition, &**value)).collect()
        } else {
            waiting.values(at)
        };
        records.sort_by_key(|(partition, _)| *partition);
        loop {
            let done = self.runtime.block_on(async {
                tokio::select! {
                    done = self.insert_once(table, &records) => Some(done),
                    () = overdue(stop) => None,
                }
            });
            match done {
                None => return false,
                Some(Ok(())) => {
                    self.stats.rows[at].fetch_add(records.len() as u64, Relaxed);
                    self.stats.inserts[at].fetch_add(1, Relaxed);
                    return true;
                }
                Some(Err(StoreError::Record { index, source, .. })) => {
                    // Not one of ours: a task writes only what it can encode. The audit will show a gap if it was.
                    tracing::error!(topic = table.topic(), error = %source, "a foreign record in an output topic");
                    records.remove(index);
                }
                Some(Err(error)) => {
                    self.stats.failures[at].fetch_add(1, Relaxed);
                    if stop.load(Relaxed) {
                        tracing::warn!(table = table.table(), %error, "insert failed, left to the next sink");
                        return false;
                    }
                    tracing::warn!(table = table.table(), %error, "insert failed, trying again");
                    std::thread::park_timeout(RETRY);
                }
            }
        }
    }

    async fn insert_once(&self, table: OutputTable, records: &[(i32, &[u8])]) -> Result<(), StoreError> {
        passing("sink.inserting");
        let inserted = self.store.insert_partitions(table, records).await?;
        passing("sink.inserted");
        self.store.insert_coverage(&inserted.coverage(wall_clock())).await?;
        passing("sink.covered");
        Ok(())
    }
}

/// Whether the table's topic has one partition, however many tasks there are.
fn has_one_partition(table: OutputTable) -> bool {
    topics::by_name(table.topic()).is_some_and(|topic| topic.role.has_one_partition())
}

/// Returns a while after `stop` was set.
async fn overdue(stop: &AtomicBool) {
    while !stop.load(Relaxed) {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    tokio::time::sleep(STOPPING).await;
}

impl Waiting {
    fn add(&mut self, batch: KafkaBatch, stats: &SinkStats) {
        let number = self.batches.len();
        for i in 0..batch.len() {
            let record = batch.get(i);
            let table = usize::from(record.topic.0);
            let partition = batch.partition(i);
            self.positions.insert((table, partition), record.offset.next().0);
            self.records[table].push((number, i, partition));
            self.rows += 1;
            let oldest = &stats.oldest_waiting_at[table];
            if oldest.load(Relaxed) == 0 {
                oldest.store(record.produced_at, Relaxed);
            }
        }
        if !batch.is_empty() {
            self.since.get_or_insert_with(Instant::now);
            self.batches.push(batch);
        }
    }

    fn values(&self, table: usize) -> Vec<(i32, &[u8])> {
        let value = |&(batch, i, partition): &(usize, usize, i32)| {
            (partition, self.batches[batch].get(i).value.unwrap_or_default())
        };
        self.records[table].iter().map(value).collect()
    }

    /// A dead letter's value is the refused record; its row is in a header.
    fn headers(&self, table: usize) -> Vec<(i32, Vec<u8>)> {
        let row = |&(batch, i, partition): &(usize, usize, i32)| {
            (partition, self.batches[batch].header(i, headers::DEAD_LETTER).unwrap_or_default())
        };
        self.records[table].iter().map(row).collect()
    }
}
