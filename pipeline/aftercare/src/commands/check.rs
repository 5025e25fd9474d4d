//! `aftercare check`

use aftercare_clickhouse::Store;
use serde::Serialize;

use super::migrate;
use crate::Outcome;
use crate::config::Config;
use crate::wiring::print;

/// Checks the configuration, Kafka and ClickHouse, and lists all problems at once. Changes nothing. Exit code 4 when
/// there are problems.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Output as JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Report {
    kafka: String,
    clickhouse: String,
    problems: Vec<String>,
}

pub(crate) fn run(config: &Config, args: &Args) -> anyhow::Result<Outcome> {
    let mut problems = Vec::new();
    let cluster = config.cluster();
    let found = aftercare_kafka::topics::migrate(
        &cluster,
        &migrate::specs(config.kafka.partitions),
        config.kafka.replication,
        false,
    );
    match found {
        Ok(topics) => {
            problems.extend(
                topics.created.iter().map(|t| format!("topic {t} is missing: aftercare migrate creates it")),
            );
            problems.extend(topics.differences);
        }
        Err(error) => problems.push(format!("kafka at {}: {error}", cluster.bootstrap)),
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let store = Store::connect(config.store()?);
    let mut version = String::from("not reached");
    match runtime.block_on(store.server_version()) {
        Ok(found) => {
            version = found;
            match runtime.block_on(store.migrate(false)) {
                Ok(report) => {
                    let pending =
                        |m: &String| format!("migration {m} is missing: aftercare migrate applies it");
                    problems.extend(report.pending.iter().map(pending));
                    problems.extend(report.differences.iter().map(ToString::to_string));
                }
                Err(error) => problems.push(format!("clickhouse: {error}")),
            }
        }
        Err(error) => problems.push(format!("clickhouse at {}: {error}", store.config().origin())),
    }
    let report = Report { kafka: cluster.bootstrap.clone(), clickhouse: version, problems };
    if args.json {
        print(format_args!("{}", serde_json::to_string_pretty(&report)?));
    } else {
        print(format_args!("kafka       {}", report.kafka));
        print(format_args!("clickhouse  {} (version {})", store.config().origin(), report.clickhouse));
        for problem in &report.problems {
            print(format_args!("problem: {problem}"));
        }
        if report.problems.is_empty() {
            print(format_args!("everything is as it should be"));
        }
    }
    Ok(if report.problems.is_empty() { Outcome::Done } else { Outcome::Found })
}
