//! Who owns which partition: a consumer group over one topic, whose owner of partition p owns task p.
//!
//! The group only decides; what a task reads it assigns itself. During an eager rebalance running tasks go on:
//! whoever gets a partition fences its predecessor, so only partitions that move are interrupted.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use aftercare_stream::position::TopicId;
use rdkafka::ClientContext;
use rdkafka::config::FromClientConfigAndContext;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer, ConsumerContext, Rebalance, RebalanceProtocol};
use rdkafka::topic_partition_list::TopicPartitionList;

use crate::Cluster;
use crate::drain::Assigned;
use crate::error::KafkaFault;
use crate::task_log::GroupMetadata;

/// A consumer that belongs to the group and reads nothing.
pub struct Ownership {
    consumer: Arc<BaseConsumer<Watch>>,
    changes: Receiver<()>,
}

struct Watch(Sender<()>);

impl ClientContext for Watch {}

impl ConsumerContext for Watch {
    fn post_rebalance(&self, consumer: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        let told = match rebalance {
            Rebalance::Assign(_) => true,
            // In an eager rebalance the new assignment follows at once: what is revoked may well come back.
            Rebalance::Revoke(_) => matches!(consumer.rebalance_protocol(), RebalanceProtocol::Cooperative),
            Rebalance::Error(error) => {
                tracing::warn!(%error, "rebalance failed, the group tries again");
                false
            }
        };
        if told && self.0.send(()).is_err() {
            tracing::debug!("rebalance after the owner is gone");
        }
    }
}

impl Ownership {
    /// Joins group `{app}.{group}` over the topic.
    ///
    /// # Errors
    /// When a setting is refused.
    pub fn join(cluster: &Cluster, group: &str, topic: &str) -> Result<Self, KafkaFault> {
        let (sender, changes) = channel();
        let mut config = cluster.client();
        config
            .set("group.id", format!("{}.{group}", cluster.app))
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            .set("auto.offset.reset", "latest");
        let site_decides = |key: &str| cluster.extra.iter().any(|(k, _)| k == key);
        if !site_decides("group.protocol") {
            config.set("session.timeout.ms", "6000").set("heartbeat.interval.ms", "500");
        }
        for key in ["group.protocol", "session.timeout.ms", "heartbeat.interval.ms"] {
            if let Some((_, value)) = cluster.extra.iter().find(|(k, _)| k == key) {
                config.set(key, value);
            }
        }
        let consumer = BaseConsumer::from_config_and_context(&config, Watch(sender))
            .map_err(KafkaFault::doing("join the group"))?;
        consumer.subscribe(&[&cluster.topic(topic)]).map_err(KafkaFault::doing("join the group"))?;
        Ok(Self { consumer: Arc::new(consumer), changes })
    }

    /// Serves the group for up to `wait`; the new set of partitions when it changed.
    ///
    /// # Errors
    /// When the assignment can't be read.
    pub fn next(&self, wait: Duration) -> Result<Option<BTreeSet<i32>>, KafkaFault> {
        let consumer = &self.consumer;
        // Messages of the watched topic are not for us; the partitions are paused as soon as they are assigned.
        if let Some(Err(error)) = consumer.poll(wait) {
            tracing::debug!(%error, "group client");
        }
        if self.changes.try_iter().count() == 0 {
            return Ok(None);
        }
        let assignment = consumer.assignment().map_err(KafkaFault::doing("read the assignment"))?;
        if assignment.count() > 0 {
            consumer.pause(&assignment).map_err(KafkaFault::doing("pause the watched topic"))?;
        }
        Ok(Some(assignment.elements().iter().map(|e| e.partition()).collect()))
    }

    /// A handle on the group's metadata as of now.
    #[must_use]
    pub fn metadata(&self) -> GroupMetadata {
        let consumer = Arc::clone(&self.consumer);
        Arc::new(move || consumer.group_metadata())
    }

    /// A handle that keeps positions in the group, for readers whose positions live there.
    #[must_use]
    pub fn positions(&self) -> GroupPositions {
        GroupPositions(Arc::clone(&self.consumer))
    }
}

/// What group `{app}.{group}` has committed for these topics (full names) and partitions, asked without joining it;
/// `None` where it has committed nothing.
///
/// # Errors
/// When the group's coordinator can't be reached.
pub fn committed(
    cluster: &Cluster,
    group: &str,
    places: &[(String, i32)],
) -> Result<Vec<Option<i64>>, KafkaFault> {
    GroupReader::open(cluster, group)?.committed(places)
}

/// Asks a group for its positions again and again, without joining it.
pub struct GroupReader(BaseConsumer);

impl GroupReader {
    /// A reader of group `{app}.{group}`.
    ///
    /// # Errors
    /// When a setting is refused.
    pub fn open(cluster: &Cluster, group: &str) -> Result<Self, KafkaFault> {
        let mut config = cluster.reader();
        config.set("group.id", format!("{}.{group}", cluster.app));
        Ok(Self(config.create().map_err(KafkaFault::doing("create a client"))?))
    }

    /// As [`committed`].
    ///
    /// # Errors
    /// When the group's coordinator can't be reached.
    pub fn committed(&self, places: &[(String, i32)]) -> Result<Vec<Option<i64>>, KafkaFault> {
        let mut list = TopicPartitionList::new();
        for (topic, partition) in places {
            list.add_partition(topic, *partition);
        }
        let found = self
            .0
            .committed_offsets(list, Duration::from_secs(10))
            .map_err(KafkaFault::doing("read committed positions"))?;
        let position =
            |(topic, partition): &(String, i32)| match found.find_partition(topic, *partition)?.offset() {
                rdkafka::Offset::Offset(at) => Some(at),
                _ => None,
            };
        Ok(places.iter().map(position).collect())
    }
}

/// Positions kept in the group.
#[derive(Clone)]
pub struct GroupPositions(Arc<BaseConsumer<Watch>>);

impl GroupPositions {
    /// The committed positions of these topics (full names) and partition; absent ones begin at 0.
    ///
    /// # Errors
    /// When the group's coordinator can't be reached.
    pub fn committed(&self, topics: &[String], partition: i32) -> Result<Vec<i64>, KafkaFault> {
        let mut list = TopicPartitionList::new();
        for topic in topics {
            list.add_partition(topic, partition);
        }
        let found = self
            .0
            .committed_offsets(list, Duration::from_secs(10))
            .map_err(KafkaFault::doing("read committed positions"))?;
        Ok(topics
            .iter()
            .map(|topic| match found.find_partition(topic, partition).map(|e| e.offset()) {
                Some(rdkafka::Offset::Offset(at)) => at,
                _ => 0,
            })
            .collect())
    }

    /// These partitions of one topic (its full name), each from its committed position.
    ///
    /// # Errors
    /// When the group's coordinator can't be reached.
    pub fn assigned(
        &self,
        id: TopicId,
        topic: &str,
        partitions: &BTreeSet<i32>,
    ) -> Result<Vec<Assigned>, KafkaFault> {
        let name = [topic.to_owned()];
        let assigned = |partition: &i32| {
            let from = self.committed(&name, *partition)?.first().copied().unwrap_or_default();
            Ok(Assigned { id, topic: topic.to_owned(), partition: *partition, from })
        };
        partitions.iter().map(assigned).collect()
    }

    /// Commits positions.
    ///
    /// # Errors
    /// When the group refuses: the partition may have moved.
    pub fn commit(&self, positions: &[(String, i32, i64)]) -> Result<(), KafkaFault> {
        let mut list = TopicPartitionList::new();
        for (topic, partition, at) in positions {
            list.add_partition_offset(topic, *partition, rdkafka::Offset::Offset(*at))
                .map_err(KafkaFault::doing("commit positions"))?;
        }
        self.0.commit(&list, CommitMode::Sync).map_err(KafkaFault::doing("commit positions"))
    }
}
