//! A log in memory that behaves as the broker does where it matters: records become visible with their transaction,
//! a new owner fences the old one, topics are read in any interleaving. Everything it decides comes from a seed.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use aftercare_stream::log::{Batch, LogError, Outgoing, RecordRef, TaskLog};
use aftercare_stream::position::{Offset, Positions, ResumeAt, TopicId};

use crate::rng::Rng;

/// A record at rest.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stored {
    /// Its key.
    pub key: Option<Vec<u8>>,
    /// Its value.
    pub value: Option<Vec<u8>>,
    /// Its headers.
    pub headers: Vec<(String, Vec<u8>)>,
}

/// What may go wrong, each in so many of 1000 cases.
#[derive(Clone, Copy, Debug, Default)]
pub struct Faults {
    /// A commit is refused: nothing of the transaction happened.
    pub abort_permille: u32,
    /// Sending a record fails in mid-transaction.
    pub send_permille: u32,
}

#[derive(Default)]
struct Partition {
    /// By offset; offsets may have gaps, as markers leave them.
    records: BTreeMap<i64, Stored>,
    end: i64,
}

#[derive(Default)]
struct Inner {
    partitions: BTreeMap<(TopicId, i32), Partition>,
    /// The owner in force of each task.
    epochs: BTreeMap<i32, u64>,
}

/// All topics. Clones share them.
#[derive(Clone, Default)]
pub struct MemoryBroker(Arc<Mutex<Inner>>);

impl MemoryBroker {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().expect("no holder panics")
    }

    /// Appends a committed record.
    pub fn append(&self, topic: TopicId, partition: i32, record: Stored) {
        let mut inner = self.lock();
        let p = inner.partitions.entry((topic, partition)).or_default();
        p.records.insert(p.end, record);
        p.end += 1;
    }

    /// Every committed record of a partition, by offset.
    #[must_use]
    pub fn records(&self, topic: TopicId, partition: i32) -> Vec<(i64, Stored)> {
        self.records_from(topic, partition, 0)
    }

    /// Those from an offset on.
    #[must_use]
    pub fn records_from(&self, topic: TopicId, partition: i32, from: i64) -> Vec<(i64, Stored)> {
        let inner = self.lock();
        let found = inner.partitions.get(&(topic, partition));
        found.map_or_else(Vec::new, |p| p.records.range(from..).map(|(at, r)| (*at, r.clone())).collect())
    }

    /// The log of one task. What is read in which order, and what fails, comes from `seed`.
    #[must_use]
    pub fn log(&self, settings: LogSettings, seed: u64) -> MemoryLog {
        MemoryLog {
            broker: self.clone(),
            settings,
            rng: Rng::new(seed, &[]),
            epoch: 0,
            reading: BTreeMap::new(),
            pending: Vec::new(),
        }
    }
}

/// What a log has to know.
#[derive(Clone, Debug)]
pub struct LogSettings {
    /// The task's partition.
    pub partition: i32,
    /// The changelog.
    pub changelog: TopicId,
    /// Topics with one partition.
    pub broadcast: Vec<TopicId>,
    /// Most records of one poll.
    pub batch_max: usize,
    /// What may go wrong.
    pub faults: Faults,
}

/// The log of one task, in memory.
pub struct MemoryLog {
    broker: MemoryBroker,
    settings: LogSettings,
    rng: Rng,
    epoch: u64,
    reading: BTreeMap<TopicId, i64>,
    pending: Vec<(TopicId, i32, Stored)>,
}

/// Records of one poll.
pub struct MemoryBatch {
    records: Vec<(TopicId, i64, Stored)>,
}

impl Batch for MemoryBatch {
    fn len(&self) -> usize {
        self.records.len()
    }
    fn get(&self, i: usize) -> RecordRef<'_> {
        let (topic, offset, record) = &self.records[i];
        let (key, value) = (record.key.as_deref(), record.value.as_deref());
        RecordRef { topic: *topic, offset: Offset(*offset), produced_at: 0, key, value }
    }
    fn headers(&self, i: usize) -> Vec<(String, Vec<u8>)> {
        self.records[i].2.headers.clone()
    }
    fn header(&self, i: usize, name: &str) -> Option<Vec<u8>> {
        self.records[i].2.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.clone())
    }
}

impl MemoryLog {
    fn partition_of(&self, topic: TopicId) -> i32 {
        if self.settings.broadcast.contains(&topic) { 0 } else { self.settings.partition }
    }

    /// Evenly from 1 to `max`.
    fn up_to(&mut self, max: usize) -> usize {
        let max = i64::try_from(max).expect("a small number");
        usize::try_from(self.rng.between(1, max + 1)).expect("at least 1")
    }

    fn fails(&mut self, permille: u32) -> bool {
        permille > 0 && self.rng.permille(permille)
    }

    fn owned(&self) -> Result<MutexGuard<'_, Inner>, LogError> {
        let inner = self.broker.lock();
        if inner.epochs.get(&self.settings.partition) == Some(&self.epoch) {
            Ok(inner)
        } else {
            Err(LogError::Fenced("a newer owner is there".into()))
        }
    }
}

impl TaskLog for MemoryLog {
    type Batch = MemoryBatch;

    fn take_over(&mut self) -> Result<(), LogError> {
        let mut inner = self.broker.lock();
        let epoch = inner.epochs.entry(self.settings.partition).or_default();
        *epoch += 1;
        self.epoch = *epoch;
        Ok(())
    }

    fn read_changelog(&mut self, each: &mut dyn FnMut(&[u8])) -> Result<(), LogError> {
        for (_, record) in self.broker.records(self.settings.changelog, self.settings.partition) {
            each(record.value.as_deref().unwrap_or_default());
        }
        Ok(())
    }

    fn read_broadcast(
        &mut self,
        topic: TopicId,
        until: Option<ResumeAt>,
        each: &mut dyn FnMut(RecordRef<'_>),
    ) -> Result<ResumeAt, LogError> {
        let mut at = 0;
        for (offset, record) in self.broker.records(topic, 0) {
            if until.is_some_and(|until| offset >= until.0) {
                break;
            }
            let (key, value) = (record.key.as_deref(), record.value.as_deref());
            each(RecordRef { topic, offset: Offset(offset), produced_at: 0, key, value });
            at = offset + 1;
        }
        Ok(ResumeAt(at))
    }

    fn resume(&mut self, from: &Positions) -> Result<(), LogError> {
        self.reading = from.iter().map(|(topic, at)| (topic, at.0)).collect();
        Ok(())
    }

    fn poll(&mut self, _wait: Duration) -> Result<MemoryBatch, LogError> {
        let mut records = Vec::new();
        let wanted = self.up_to(self.settings.batch_max);
        let mut topics: Vec<TopicId> = self.reading.keys().copied().collect();
        while records.len() < wanted && !topics.is_empty() {
            let pick = self.up_to(topics.len()) - 1;
            let topic = topics[pick];
            let (at, partition) = (self.reading[&topic], self.partition_of(topic));
            let run = self.up_to(8);
            let inner = self.broker.lock();
            let available = inner.partitions.get(&(topic, partition));
            let found: Vec<_> = available
                .into_iter()
                .flat_map(|p| p.records.range(at..))
                .take(run)
                .map(|(o, r)| (*o, r.clone()))
                .collect();
            drop(inner);
            if found.is_empty() {
                topics.swap_remove(pick);
            }
            for (offset, record) in found {
                self.reading.insert(topic, offset + 1);
                records.push((topic, offset, record));
            }
        }
        Ok(MemoryBatch { records })
    }

    fn send(&mut self, record: &Outgoing<'_>) -> Result<(), LogError> {
        if self.fails(self.settings.faults.send_permille) {
            return Err(LogError::Aborted("a record could not be sent".into()));
        }
        let stored = Stored {
            key: record.key.map(<[u8]>::to_vec),
            value: record.value.map(<[u8]>::to_vec),
            headers: record.headers.iter().map(|(k, v)| ((*k).to_owned(), v.to_vec())).collect(),
        };
        self.pending.push((record.topic, record.partition, stored));
        Ok(())
    }

    fn commit(&mut self, _positions: &Positions) -> Result<(), LogError> {
        if self.fails(self.settings.faults.abort_permille) {
            return Err(LogError::Aborted("the broker aborted".into()));
        }
        let pending = std::mem::take(&mut self.pending);
        let mut inner = self.owned()?;
        for (topic, partition, record) in pending {
            let p = inner.partitions.entry((topic, partition)).or_default();
            p.records.insert(p.end, record);
            p.end += 1;
        }
        // The commit marker takes an offset.
        for p in inner.partitions.values_mut() {
            p.end += 1;
        }
        Ok(())
    }

    fn abort(&mut self) -> Result<(), LogError> {
        self.pending.clear();
        self.owned().map(drop)
    }

    fn changelog_end(&mut self) -> Result<Offset, LogError> {
        let inner = self.broker.lock();
        let p = inner.partitions.get(&(self.settings.changelog, self.settings.partition));
        Ok(Offset(p.map_or(0, |p| p.end)))
    }

    fn truncate_changelog(&mut self, before: Offset) -> Result<(), LogError> {
        let mut inner = self.broker.lock();
        if let Some(p) = inner.partitions.get_mut(&(self.settings.changelog, self.settings.partition)) {
            p.records = p.records.split_off(&before.0);
        }
        Ok(())
    }
}
