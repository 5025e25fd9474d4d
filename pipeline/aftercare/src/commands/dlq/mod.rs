//! `aftercare dlq`

mod letters;
mod replay;

use std::collections::BTreeMap;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use aftercare_kafka::Cluster;
use aftercare_stream::log::Batch;
use anyhow::Context;
use letters::{Decision, Letter, Place};

use crate::Outcome;
use crate::config::Config;
use crate::wiring::{print, say, wall_clock};

const EXPLANATION: &str = "\
Dead letters are records that were refused, kept as they came, with the reason. Each has a place, partition:offset in \
the topic dead-letters. What is decided about one is a record too, in the compacted topic dead-letter-decisions; a dead \
letter is open as long as there is none. Nothing is deleted.";

/// See [`EXPLANATION`].
#[derive(clap::Args)]
#[command(after_long_help = EXPLANATION)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(clap::Subcommand)]
enum Action {
    /// List those that are open: place, when, where from, why, sizes. Never a value of a record.
    List(List),
    /// Show one: where from, why, header names, sizes, what was decided.
    Show(Show),
    /// Write the original records to their topics once more, so that they are judged again.
    #[command(after_long_help = replay::EXPLANATION)]
    Replay(replay::Args),
    /// Decide that nothing more is to be done about them.
    Discard(Discard),
}

#[derive(clap::Args)]
struct List {
    #[command(flatten)]
    filter: Filter,
    /// Also those about which something was decided.
    #[arg(long)]
    all: bool,
    /// At most so many, the oldest first.
    #[arg(long, default_value_t = 100, value_name = "N")]
    limit: usize,
    /// Output as JSON: a list of objects, times in ms since 1970 UTC.
    #[arg(long)]
    json: bool,
}

/// Which dead letters.
#[derive(clap::Args)]
pub(crate) struct Filter {
    /// Only those refused for this reason, such as unknown_instrument.
    #[arg(long, value_name = "CODE")]
    reason: Option<String>,
    /// Only those of this input topic, without the application's prefix.
    #[arg(long, value_name = "TOPIC")]
    topic: Option<String>,
}

impl Filter {
    fn takes(&self, letter: &Letter) -> bool {
        self.reason.as_ref().is_none_or(|reason| *reason == letter.reason)
            && self.topic.as_ref().is_none_or(|topic| *topic == letter.topic)
    }
}

#[derive(clap::Args)]
struct Show {
    /// partition:offset, as list shows it.
    place: Place,
    /// Write the record's value to this new file, readable by its owner only: it is a patient's data.
    #[arg(long, value_name = "FILE")]
    bytes_to: Option<PathBuf>,
}

#[derive(clap::Args)]
struct Discard {
    /// partition:offset, as list shows it.
    #[arg(required = true, value_name = "PLACE")]
    places: Vec<Place>,
    /// Why; kept with the decision. No value of the record belongs here.
    #[arg(long)]
    note: String,
}

pub(crate) fn run(config: &Config, args: &Args) -> anyhow::Result<Outcome> {
    let cluster = config.cluster();
    match &args.action {
        Action::List(args) => list(&cluster, args)?,
        Action::Show(args) => show(&cluster, args)?,
        Action::Replay(args) => replay::run(&cluster, args)?,
        Action::Discard(args) => discard(&cluster, args)?,
    }
    Ok(Outcome::Done)
}

fn list(cluster: &Cluster, args: &List) -> anyhow::Result<()> {
    let mut found: Vec<Letter> = letters::read(cluster)?.into_values().collect();
    found.retain(|letter| (args.all || letter.is_open()) && args.filter.takes(letter));
    found.sort_by_key(|letter| (letter.refused_at, letter.place));
    let more = found.len().saturating_sub(args.limit);
    found.truncate(args.limit);
    if args.json {
        print(format_args!("{}", serde_json::to_string_pretty(&found)?));
    } else {
        print(format_args!(
            "{:<12} {:<24} {:<18} {:<11} {:<20} {:>9} {:<10} message",
            "place", "refused", "topic", "stage", "reason", "bytes", "decision"
        ));
        for letter in &found {
            let decision = letter.decision.as_ref().map_or("open", |decision| &decision.action);
            print(format_args!(
                "{:<12} {:<24} {:<18} {:<11} {:<20} {:>9} {:<10} {}",
                letter.place.to_string(),
                time(letter.refused_at),
                letter.topic,
                letter.stage,
                letter.reason,
                letter.value_bytes,
                decision,
                letter.message
            ));
        }
    }
    if more > 0 {
        say(format_args!("{more} more: --limit"));
    }
    Ok(())
}

fn show(cluster: &Cluster, args: &Show) -> anyhow::Result<()> {
    let letters = find(letters::read(cluster)?, &[args.place])?;
    letters::each(cluster, &letters, &mut |letter, batch, i| {
        let lines = [
            ("place", letter.place.to_string()),
            ("read from", format!("{} {}:{}", letter.topic, letter.partition, letter.offset)),
            ("written", time(letter.record_at)),
            ("refused", time(letter.refused_at)),
            ("stage", letter.stage.clone()),
            ("reason", letter.reason.clone()),
            ("message", letter.message.clone()),
            ("receipt", if letter.has_receipt { "yes" } else { "no" }.to_owned()),
            ("key", format!("{} bytes", letter.key_bytes)),
            ("value", format!("{} bytes", letter.value_bytes)),
        ];
        for (name, value) in lines {
            print(format_args!("{name:<10} {value}"));
        }
        // Values of headers may be a patient's data as well.
        for (name, value) in batch.headers(i) {
            print(format_args!("header     {name} ({} bytes)", value.len()));
        }
        match &letter.decision {
            None => print(format_args!("decision   open")),
            Some(Decision { action, decided_at, note }) => {
                let note = note.as_deref().unwrap_or_default();
                print(format_args!("decision   {action} {} {note}", time(*decided_at)));
            }
        }
        match (&args.bytes_to, batch.get(i).value) {
            (Some(path), Some(value)) => save(path, value),
            (Some(_), None) => anyhow::bail!("the record has no value"),
            (None, _) => Ok(()),
        }
    })
}

fn save(path: &Path, value: &[u8]) -> anyhow::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    let file = options.write(true).create_new(true).mode(0o600).open(path);
    file.and_then(|mut file| file.write_all(value)).with_context(|| format!("write {}", path.display()))
}

fn discard(cluster: &Cluster, args: &Discard) -> anyhow::Result<()> {
    let letters = find(letters::read(cluster)?, &args.places)?;
    let decision =
        Decision { action: "discarded".to_owned(), decided_at: wall_clock(), note: Some(args.note.clone()) };
    letters::decide(cluster, letters.keys().copied(), &decision)?;
    print(format_args!("{} discarded", letters.len()));
    Ok(())
}

/// The letters at these places, all of which must exist.
fn find(mut letters: BTreeMap<Place, Letter>, places: &[Place]) -> anyhow::Result<BTreeMap<Place, Letter>> {
    let missing: Vec<String> =
        places.iter().filter(|place| !letters.contains_key(place)).map(Place::to_string).collect();
    anyhow::ensure!(missing.is_empty(), "no dead letter at {}", missing.join(", "));
    letters.retain(|place, _| places.contains(place));
    Ok(letters)
}

/// RFC 3339; the number itself where it is no time.
fn time(ms: i64) -> String {
    jiff::Timestamp::from_millisecond(ms).map_or_else(|_| ms.to_string(), |at| format!("{at:.3}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_shown_to_the_millisecond() {
        assert_eq!(time(1_767_348_000_007), "2026-01-02T10:00:00.007Z");
        assert_eq!(time(i64::MAX), i64::MAX.to_string());
    }
}
