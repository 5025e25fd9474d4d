//! `aftercare check`

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use aftercare_clickhouse::Store;
use aftercare_core::documents::{
    ALERT_POLICY, CONTRACT, CURVE, INSTRUMENT, Library, PLAN, Problem, REVIEW_RULE, VITALS,
};
use anyhow::Context;
use serde::Serialize;

use super::migrate;
use crate::Outcome;
use crate::config::Config;
use crate::wiring::print;

/// Checks the configuration, Kafka and ClickHouse, or a folder of documents, and lists all problems at once. Changes
/// nothing. Exit code 4 when there are problems.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Output as JSON.
    #[arg(long)]
    json: bool,
    /// Check the TOML files of this folder instead: documents of your own, beside those that come with the program. They
    /// are in instruments, plans, vitals, review-rules, alert-policies, contracts, curves.
    #[arg(long, value_name = "FOLDER")]
    documents: Option<PathBuf>,
}

/// Folders, and the kind of document in each.
const FOLDERS: [(&str, &str); 7] = [
    ("alert-policies", ALERT_POLICY),
    ("contracts", CONTRACT),
    ("curves", CURVE),
    ("instruments", INSTRUMENT),
    ("plans", PLAN),
    ("review-rules", REVIEW_RULE),
    ("vitals", VITALS),
];

#[derive(Serialize)]
struct Report {
    kafka: String,
    clickhouse: String,
    problems: Vec<String>,
}

pub(crate) fn run(config: &Config, args: &Args) -> anyhow::Result<Outcome> {
    if let Some(folder) = &args.documents {
        return check_documents(folder, args.json);
    }
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

#[derive(Serialize)]
struct Documents {
    /// Files that were read.
    documents: usize,
    problems: Vec<String>,
}

fn check_documents(folder: &Path, json: bool) -> anyhow::Result<Outcome> {
    let mut library = Library::builtin();
    let before: BTreeSet<Problem> = library.check().into_iter().collect();
    let mut report = Documents { documents: 0, problems: Vec::new() };
    for (name, kind) in FOLDERS {
        for file in toml_files(&folder.join(name))? {
            report.documents += 1;
            let text = std::fs::read_to_string(&file).with_context(|| format!("read {}", file.display()))?;
            let found = add(&mut library, kind, &text).err().unwrap_or_default();
            report.problems.extend(found.iter().map(|problem| format!("{}: {problem}", file.display())));
        }
    }
    let unfit = library.check().into_iter().filter(|problem| !before.contains(problem));
    report.problems.extend(unfit.map(|problem| problem.to_string()));
    if report.documents == 0 {
        let folders = FOLDERS.map(|(name, _)| name).join(", ");
        report.problems.push(format!("{} has no TOML file in any of {folders}", folder.display()));
    }
    if json {
        print(format_args!("{}", serde_json::to_string_pretty(&report)?));
    } else {
        for problem in &report.problems {
            print(format_args!("problem: {problem}"));
        }
        print(format_args!("{} documents, {} problems", report.documents, report.problems.len()));
    }
    Ok(if report.problems.is_empty() { Outcome::Done } else { Outcome::Found })
}

/// The TOML files of a folder by name; none where there is no such folder.
fn toml_files(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).with_context(|| format!("read {}", folder.display()))? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// Adds a document under the id and the version that it states.
fn add(library: &mut Library, kind: &str, text: &str) -> Result<(), Vec<Problem>> {
    // What is no TOML, or states neither, is a problem that reading it names.
    let table = text.parse::<toml::Table>().unwrap_or_default();
    let id = table.get("id").and_then(toml::Value::as_str).unwrap_or_default();
    let version = table.get("version").and_then(toml::Value::as_integer);
    let version = version.and_then(|version| i32::try_from(version).ok()).unwrap_or_default();
    library.add(kind, id, version, text)
}
