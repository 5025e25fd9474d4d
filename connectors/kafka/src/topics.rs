//! Topics: create what is missing, name every difference in what is there.

use std::time::Duration;

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, ResourceSpecifier, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::topic_partition_list::TopicPartitionList;

use crate::Cluster;
use crate::error::KafkaFault;

/// Largest record of our topics: a dead letter of 20 MiB and what the log adds to it.
pub const RECORD_BYTES_MAX: usize = (20 << 20) + (1 << 20);

/// What a topic should be.
#[derive(Clone, Debug)]
pub struct TopicSpec {
    /// Without the application's prefix.
    pub name: &'static str,
    /// Fixed at creation: keys would move.
    pub partitions: i32,
    /// Settings that matter for correctness, as the broker writes them.
    pub settings: Vec<(&'static str, String)>,
}

/// What was found and done.
#[derive(Clone, Debug, Default)]
pub struct TopicReport {
    /// Topics that were created (or would be).
    pub created: Vec<String>,
    /// Topics that are as they should be.
    pub unchanged: Vec<String>,
    /// Every difference, in words.
    pub differences: Vec<String>,
}

fn admin(cluster: &Cluster) -> Result<AdminClient<DefaultClientContext>, KafkaFault> {
    cluster.client().create().map_err(KafkaFault::doing("create an admin client"))
}

fn options() -> AdminOptions {
    AdminOptions::new()
        .operation_timeout(Some(Duration::from_secs(15)))
        .request_timeout(Some(Duration::from_secs(20)))
}

/// Compares the cluster's topics with `specs`; creates missing ones when `apply` is set. Never changes or deletes.
///
/// # Errors
/// When the cluster can't be reached or refuses.
pub fn migrate(
    cluster: &Cluster,
    specs: &[TopicSpec],
    replication: i32,
    apply: bool,
) -> Result<TopicReport, KafkaFault> {
    let consumer: BaseConsumer = cluster.reader().create().map_err(KafkaFault::doing("create a client"))?;
    let metadata =
        consumer.fetch_metadata(None, Duration::from_secs(15)).map_err(KafkaFault::doing("list topics"))?;
    let mut report = TopicReport::default();
    let (mut missing, mut present) = (Vec::new(), Vec::new());
    for spec in specs {
        let name = cluster.topic(spec.name);
        match metadata.topics().iter().find(|t| t.name() == name && !t.partitions().is_empty()) {
            None => missing.push((name, spec)),
            Some(found) => {
                let n = found.partitions().len();
                if usize::try_from(spec.partitions).ok() != Some(n) {
                    report.differences.push(format!(
                        "topic {name} has {n} partitions, expected {} (fixed at creation)",
                        spec.partitions
                    ));
                }
                present.push((name, spec));
            }
        }
    }
    let admin = admin(cluster)?;
    verify(&admin, &present, &mut report)?;
    if apply && !missing.is_empty() {
        create(&admin, &missing, replication)?;
    }
    report.created = missing.into_iter().map(|(name, _)| name).collect();
    Ok(report)
}

fn create(
    admin: &AdminClient<DefaultClientContext>,
    missing: &[(String, &TopicSpec)],
    replication: i32,
) -> Result<(), KafkaFault> {
    let topics: Vec<_> = missing
        .iter()
        .map(|(name, spec)| {
            let topic = NewTopic::new(name, spec.partitions, TopicReplication::Fixed(replication));
            spec.settings.iter().fold(topic, |topic, (key, value)| topic.set(key, value))
        })
        .collect();
    let results = pollster::block_on(admin.create_topics(&topics, &options()))
        .map_err(KafkaFault::doing("create topics"))?;
    for result in results {
        match result {
            Ok(_) | Err((_, rdkafka::error::RDKafkaErrorCode::TopicAlreadyExists)) => {}
            Err((name, code)) => return Err(KafkaFault::Other(format!("create topic {name}: {code}"))),
        }
    }
    Ok(())
}

fn verify(
    admin: &AdminClient<DefaultClientContext>,
    present: &[(String, &TopicSpec)],
    report: &mut TopicReport,
) -> Result<(), KafkaFault> {
    if present.is_empty() {
        return Ok(());
    }
    let specifiers: Vec<_> = present.iter().map(|(name, _)| ResourceSpecifier::Topic(name)).collect();
    let results = pollster::block_on(admin.describe_configs(&specifiers, &options()))
        .map_err(KafkaFault::doing("read topics' settings"))?;
    for ((name, spec), result) in present.iter().zip(results) {
        let config = result.map_err(|code| KafkaFault::Other(format!("read settings of {name}: {code}")))?;
        let before = report.differences.len();
        for (key, expected) in &spec.settings {
            let found = config.get(key).and_then(|entry| entry.value.as_deref());
            if found != Some(expected) {
                report.differences.push(format!(
                    "topic {name}: {key} is {}, expected {expected}",
                    found.unwrap_or("not set")
                ));
            }
        }
        if report.differences.len() == before {
            report.unchanged.push(name.clone());
        }
    }
    Ok(())
}

/// Lets go of a partition's records before `before`.
pub(crate) fn delete_before(
    cluster: &Cluster,
    topic: &str,
    partition: i32,
    before: i64,
) -> Result<(), KafkaFault> {
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(topic, partition, rdkafka::Offset::Offset(before))
        .map_err(KafkaFault::doing("cut the changelog"))?;
    pollster::block_on(admin(cluster)?.delete_records(&list, &options()))
        .map_err(KafkaFault::doing("cut the changelog"))?;
    Ok(())
}
