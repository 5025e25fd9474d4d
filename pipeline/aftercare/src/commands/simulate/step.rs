//! Going in step with the tasks: waiting until they have taken what was written.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use aftercare_kafka::Cluster;
use aftercare_kafka::drain::Drain;
use aftercare_kafka::ownership::GroupReader;
use aftercare_runtime::topics::{self, Role};
use anyhow::ensure;

const ASK_EVERY: Duration = Duration::from_millis(1);
/// Without any progress for so long nobody takes anything.
const GIVE_UP: Duration = Duration::from_secs(60);

/// Full name of a topic, and a partition.
type Place = (String, i32);

/// What the tasks' positions must reach.
pub(super) struct Step {
    cluster: Cluster,
    tasks: GroupReader,
    ends: BTreeMap<Place, i64>,
    /// Where something was written since the tasks had taken all.
    waiting: BTreeMap<Place, i64>,
}

impl Step {
    pub(super) fn new(cluster: &Cluster) -> anyhow::Result<Self> {
        let drain = Drain::open(cluster, &[])?;
        let mut ends = BTreeMap::new();
        for topic in topics::with_role(Role::Control).chain(topics::with_role(Role::Input)) {
            let name = cluster.topic(topic.name);
            for partition in 0..cluster.partitions(topic.name)? {
                let (_, end) = drain.watermarks(&name, partition)?;
                ends.insert((name.clone(), partition), end);
            }
        }
        let (cluster, tasks) = (cluster.clone(), GroupReader::open(cluster, "tasks")?);
        Ok(Self { cluster, tasks, ends, waiting: BTreeMap::new() })
    }

    /// One more record was written there. (What no task reads is not waited for.)
    pub(super) fn wrote(&mut self, topic: &str, partition: i32) {
        let place = (self.cluster.topic(topic), partition);
        if let Some(end) = self.ends.get_mut(&place) {
            *end += 1;
            self.waiting.insert(place, *end);
        }
    }

    /// Waits until the tasks have committed that they took all of it. All of it must be acknowledged.
    pub(super) fn wait(&mut self) -> anyhow::Result<()> {
        let mut progress = Instant::now();
        while !self.waiting.is_empty() {
            let places: Vec<Place> = self.waiting.keys().cloned().collect();
            let taken = self.tasks.committed(&places)?;
            for (place, at) in places.iter().zip(taken) {
                if at.is_some_and(|at| self.waiting.get(place).is_none_or(|end| at >= *end)) {
                    self.waiting.remove(place);
                    progress = Instant::now();
                }
            }
            ensure!(
                progress.elapsed() < GIVE_UP,
                "no task takes what is written: is serve running, with task.ticks = \"external\"?"
            );
            std::thread::sleep(ASK_EVERY);
        }
        Ok(())
    }
}
