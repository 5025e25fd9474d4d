//! `aftercare migrate`

use aftercare_clickhouse::Store;
use aftercare_kafka::topics::{self as kafka_topics, TopicSpec};
use aftercare_runtime::topics::{Role, TOPICS};
use serde::Serialize;

use crate::Outcome;
use crate::config::Config;
use crate::wiring::{documents, print, wall_clock};

/// Inputs are kept 400 days, so that a year can be replayed.
const KEEP_MS: i64 = 400 * 86_400_000;

/// Creates topics, tables and documents that are missing, checks those that exist, and names every difference. Never
/// changes or deletes what it finds. Exit code 4 when there are differences.
#[derive(clap::Args, Default)]
pub(crate) struct Args {
    /// Only say what would be created.
    #[arg(long)]
    dry_run: bool,
    /// Output as JSON.
    #[arg(long)]
    json: bool,
}

/// What was found and done.
#[derive(Serialize, Default)]
pub(crate) struct Report {
    pub(crate) topics_created: Vec<String>,
    pub(crate) topics_unchanged: usize,
    pub(crate) migrations_applied: Vec<String>,
    pub(crate) documents_published: Vec<String>,
    pub(crate) differences: Vec<String>,
}

pub(crate) fn run(config: &Config, args: &Args) -> anyhow::Result<Outcome> {
    let report = migrate(config, !args.dry_run)?;
    if args.json {
        print(format_args!("{}", serde_json::to_string_pretty(&report)?));
    } else {
        let done = if args.dry_run { "missing" } else { "created" };
        for (what, all) in [
            ("topic", &report.topics_created),
            ("migration", &report.migrations_applied),
            ("document", &report.documents_published),
        ] {
            for one in all {
                print(format_args!("{done} {what} {one}"));
            }
        }
        print(format_args!("{} topics are as they should be", report.topics_unchanged));
        for difference in &report.differences {
            print(format_args!("difference: {difference}"));
        }
    }
    Ok(if report.differences.is_empty() { Outcome::Done } else { Outcome::Found })
}

/// Brings Kafka and ClickHouse to what this build needs, or only looks.
pub(crate) fn migrate(config: &Config, apply: bool) -> anyhow::Result<Report> {
    let cluster = config.cluster();
    let topics =
        kafka_topics::migrate(&cluster, &specs(config.kafka.partitions), config.kafka.replication, apply)?;
    let mut report = Report {
        topics_created: topics.created,
        topics_unchanged: topics.unchanged.len(),
        differences: topics.differences,
        ..Report::default()
    };
    let contracts = cluster.topic("contracts");
    if apply || !report.topics_created.contains(&contracts) {
        let missing = documents::missing(&cluster)?;
        if apply {
            documents::publish(&cluster, &missing, wall_clock())?;
        }
        let name =
            |((kind, id, version), _): &(documents::DocumentKey, String)| format!("{kind} {id} {version}");
        report.documents_published = missing.iter().map(name).collect();
        report.differences.extend(documents::differing(&cluster)?.into_iter().map(|(kind, id, version)| {
            format!(
                "document {kind} {id} {version} was published with another text than this build has: that one holds, \
                 a correction needs a version of its own"
            )
        }));
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let tables = runtime.block_on(Store::connect(config.store()?).migrate(apply))?;
    report.migrations_applied = if apply { tables.applied } else { tables.pending };
    report.differences.extend(tables.differences.iter().map(ToString::to_string));
    Ok(report)
}

/// Every topic as it should be.
pub(crate) fn specs(partitions: i32) -> Vec<TopicSpec> {
    let record_bytes = kafka_topics::RECORD_BYTES_MAX.to_string();
    TOPICS
        .iter()
        .map(|topic| {
            let (cleanup, keep) = match topic.role {
                Role::Broadcast | Role::Decisions | Role::Editions => ("compact", None),
                // Cut by the tasks themselves.
                Role::Changelog => ("delete", Some(-1)),
                // Ticks are of no use once they are old; closings are found again in the state.
                Role::Control => ("delete", Some(7 * 86_400_000)),
                _ => ("delete", Some(KEEP_MS)),
            };
            let mut settings =
                vec![("cleanup.policy", cleanup.to_owned()), ("max.message.bytes", record_bytes.clone())];
            if let Some(keep) = keep {
                settings.push(("retention.ms", keep.to_string()));
                settings.push(("retention.bytes", "-1".to_owned()));
            }
            let partitions = if topic.role.has_one_partition() { 1 } else { partitions };
            TopicSpec { name: topic.name, partitions, settings }
        })
        .collect()
}
