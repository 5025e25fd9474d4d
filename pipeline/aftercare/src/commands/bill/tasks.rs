//! What the tasks were told and how far they have come, as Kafka says it.

use std::collections::{BTreeMap, BTreeSet};

use aftercare_core::documents::Library;
use aftercare_core::time::Instant;
use aftercare_kafka::Cluster;
use aftercare_kafka::drain::{Assigned, Drain, Range};
use aftercare_kafka::ownership::GroupReader;
use aftercare_runtime::topics::{self, CONTROL, Role};
use aftercare_schemas::{codec, wire};
use aftercare_stream::log::Batch;
use aftercare_stream::position::TopicId;

use crate::wiring::documents;

/// Reads what was written to the tasks, again and again.
pub(super) struct Tasks<'a> {
    cluster: &'a Cluster,
    drain: Drain,
    group: GroupReader,
    partitions: i32,
    /// Up to where `control` was read, by partition.
    read_to: BTreeMap<i32, i64>,
    told: Told,
}

/// What `control` says.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// By partition, the newest tick.
    ticks: BTreeMap<i32, i64>,
    /// By partition, the newest tick when [`Tasks::mark`] was called, and the offset of the first that is newer.
    marks: BTreeMap<i32, (i64, Option<i64>)>,
    /// The newest tick that every task was told; `None` where one was told none.
    pub(super) tick: Option<Instant>,
    /// Ids of closings.
    pub(super) closings: BTreeSet<String>,
}

/// Offsets before which every record is to be taken.
pub(super) type Targets = Vec<((TopicId, i32), i64)>;

impl<'a> Tasks<'a> {
    pub(super) fn open(cluster: &'a Cluster) -> anyhow::Result<Self> {
        let partitions = cluster.partitions(topics::name(CONTROL))?;
        Ok(Self {
            cluster,
            drain: Drain::open_for_ranges(cluster)?,
            group: GroupReader::open(cluster, "tasks")?,
            partitions,
            read_to: BTreeMap::new(),
            told: Told::default(),
        })
    }

    /// The documents that the tasks know.
    pub(super) fn library(&mut self) -> anyhow::Result<Library> {
        let mut library = Library::default();
        documents::learn_all(self.cluster, &mut self.drain, &mut library)?;
        Ok(library)
    }

    /// What `control` says by now.
    pub(super) fn told(&mut self) -> anyhow::Result<&Told> {
        let topic = self.cluster.topic(topics::name(CONTROL));
        let mut ranges = Vec::new();
        for partition in 0..self.partitions {
            let (first, end) = self.drain.watermarks(&topic, partition)?;
            let from = self.read_to.insert(partition, end).unwrap_or_default().max(first);
            let from = Assigned { id: CONTROL, topic: topic.clone(), partition, from };
            ranges.push(Range { from, until: end });
        }
        let told = &mut self.told;
        self.drain.read_ranges(&ranges, &mut |batch, i| {
            let header = batch.header(i, codec::GUID_HEADER);
            let record = batch.get(i);
            // The tasks put what can't be read among the dead letters.
            let control = codec::decode::<wire::Control<'_>>("control", record.value, header.as_deref());
            if let Ok(control) = control {
                told.take(batch.partition(i), record.offset.0, &control);
            }
        })?;
        let ticks = (0..self.partitions).map(|partition| told.ticks.get(&partition).copied());
        told.tick = ticks.collect::<Option<Vec<_>>>().and_then(|ticks| ticks.into_iter().min()).map(Instant);
        Ok(&self.told)
    }

    /// From now on [`Tasks::without_tick`] asks for a later tick than the newest.
    pub(super) fn mark(&mut self) -> anyhow::Result<()> {
        self.told()?;
        self.told.marks = self.told.ticks.iter().map(|(partition, at)| (*partition, (*at, None))).collect();
        Ok(())
    }

    /// Tasks that have not done with a tick since the mark.
    pub(super) fn without_tick(&mut self) -> anyhow::Result<Vec<String>> {
        self.told()?;
        let topic = self.cluster.topic(topics::name(CONTROL));
        let places: Vec<_> = (0..self.partitions).map(|partition| (topic.clone(), partition)).collect();
        let committed = self.group.committed(&places)?;
        let mut left = Vec::new();
        for (partition, at) in (0..self.partitions).zip(committed) {
            match self.told.marks.get(&partition).and_then(|(_, newer)| *newer) {
                Some(newer) if at.unwrap_or_default() > newer => {}
                Some(_) => left.push(format!("task {partition} has not taken its last tick")),
                None => left.push(format!("task {partition} is told no time: no tick came")),
            }
        }
        Ok(left)
    }

    /// All that is written to the inputs by now.
    pub(super) fn written(&mut self) -> anyhow::Result<Targets> {
        let inputs = topics::with_role(Role::Input)
            .flat_map(|topic| Assigned::whole(topic.id, &self.cluster.topic(topic.name), self.partitions));
        let inputs: Vec<Assigned> = inputs.collect();
        let ends = self.drain.ends_of_records(&inputs)?;
        Ok(inputs.iter().map(|place| (place.id, place.partition)).zip(ends).collect())
    }

    /// Inputs that the tasks have not taken up to there.
    pub(super) fn not_taken(&self, targets: &Targets) -> anyhow::Result<Vec<String>> {
        let name = |((topic, partition), _): &((TopicId, i32), i64)| {
            (self.cluster.topic(topics::name(*topic)), *partition)
        };
        let places: Vec<_> = targets.iter().map(name).collect();
        let committed = self.group.committed(&places)?;
        let mut left = Vec::new();
        for (((topic, partition), end), at) in targets.iter().zip(committed) {
            let at = at.unwrap_or_default();
            if at < *end {
                left.push(format!("{} {partition}: taken to {at} of {end}", topics::name(*topic)));
            }
        }
        Ok(left)
    }
}

impl Told {
    #[cfg(test)]
    pub(super) fn of(tick: i64, closings: BTreeSet<String>) -> Self {
        Self { tick: Some(Instant(tick)), closings, ..Self::default() }
    }

    fn take(&mut self, partition: i32, offset: i64, control: &wire::Control<'_>) {
        match (control.kind, control.id) {
            (wire::ControlKind::Tick, _) => {
                let newest = self.ticks.entry(partition).or_insert(control.at);
                *newest = control.at.max(*newest);
                if let Some((mark, newer @ None)) = self.marks.get_mut(&partition)
                    && control.at > *mark
                {
                    *newer = Some(offset);
                }
            }
            (wire::ControlKind::Closing, Some(id)) => {
                self.closings.insert(id.to_owned());
            }
            _ => {}
        }
    }
}
