//! `aftercare dlq replay`

use std::collections::BTreeMap;

use aftercare_kafka::Cluster;
use aftercare_kafka::drain::KafkaBatch;
use aftercare_kafka::writer::RecordWriter;
use aftercare_runtime::topics::{self, Role};
use aftercare_stream::log::Batch;
use aftercare_stream::partitioner::partition_of;

use super::letters::{self, Decision, Letter, Place};
use super::{Filter, find};
use crate::wiring::{print, wall_clock};

/// Headers that are not of the original.
const OURS: [&str; 2] = ["__connect.errors.", "aftercare."];

pub(super) const EXPLANATION: &str = "\
The record is written with its own key, value and headers to the end of its topic and judged like any other: first \
repair what it was refused for (publish the instrument, enrol the patient). If it is refused again, that is a new dead \
letter. A record with an id that was refused is judged anew and counted as one more copy in its receipt; readings that \
were taken before are recognised.

The records are written first, the decisions after them: when it is interrupted in between, the dead letters stay open, \
and replaying them again does no harm.

Places about which something was decided are refused, and passed over with --reason and --topic, unless --again.";

#[derive(clap::Args)]
pub(super) struct Args {
    /// partition:offset, as list shows it.
    #[arg(
        value_name = "PLACE",
        required_unless_present_any = ["reason", "topic"],
        conflicts_with_all = ["reason", "topic"]
    )]
    places: Vec<Place>,
    #[command(flatten)]
    filter: Filter,
    /// Also those that were replayed or discarded.
    #[arg(long)]
    again: bool,
    /// Only say what would be written.
    #[arg(long)]
    dry_run: bool,
}

pub(super) fn run(cluster: &Cluster, args: &Args) -> anyhow::Result<()> {
    let chosen = choose(letters::read(cluster)?, args)?;
    for letter in chosen.values() {
        let done = if args.dry_run { "would replay" } else { "replaying" };
        print(format_args!("{done} {} to {} ({})", letter.place, letter.topic, letter.reason));
    }
    if !args.dry_run {
        replay(cluster, &chosen)?;
        print(format_args!("{} replayed", chosen.len()));
    }
    Ok(())
}

fn choose(letters: BTreeMap<Place, Letter>, args: &Args) -> anyhow::Result<BTreeMap<Place, Letter>> {
    if args.places.is_empty() {
        let wanted = |letter: &Letter| (args.again || letter.is_open()) && args.filter.takes(letter);
        return Ok(letters.into_iter().filter(|(_, letter)| wanted(letter)).collect());
    }
    let chosen = find(letters, &args.places)?;
    let decided: Vec<String> =
        chosen.values().filter(|letter| !letter.is_open()).map(|letter| letter.place.to_string()).collect();
    anyhow::ensure!(
        args.again || decided.is_empty(),
        "already decided: {}; --again replays them all the same",
        decided.join(", ")
    );
    Ok(chosen)
}

fn replay(cluster: &Cluster, chosen: &BTreeMap<Place, Letter>) -> anyhow::Result<()> {
    let writer = cluster.writer()?;
    letters::each(cluster, chosen, &mut |letter, batch, i| write(&writer, letter, batch, i))?;
    writer.flush()?;
    let decision = Decision { action: "replayed".to_owned(), decided_at: wall_clock(), note: None };
    letters::decide(cluster, chosen.keys().copied(), &decision)
}

fn write(writer: &RecordWriter, letter: &Letter, batch: &KafkaBatch, i: usize) -> anyhow::Result<()> {
    let record = batch.get(i);
    let is_whole = record.value.map_or(0, <[u8]>::len) == usize::try_from(letter.value_bytes)?;
    anyhow::ensure!(is_whole, "{}: the dead letter does not hold the whole record", letter.place);
    let all = batch.headers(i);
    let original = all.iter().filter(|(name, _)| !OURS.iter().any(|ours| name.starts_with(ours)));
    let headers: Vec<(&str, &[u8])> = original.map(|(name, value)| (&**name, &**value)).collect();
    let keyed = topics::by_name(&letter.topic).is_some_and(|topic| topic.role == Role::Input);
    let partition = match record.key {
        Some(key) if keyed => partition_of(key, writer.partitions(&letter.topic)?),
        _ => letter.partition,
    };
    Ok(writer.write_to(&letter.topic, partition, record.key, record.value, &headers)?)
}
