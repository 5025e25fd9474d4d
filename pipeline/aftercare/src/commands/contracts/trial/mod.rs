//! `aftercare contracts try`

mod case;
mod compare;
mod driver;
mod lines;
mod months;
#[cfg(test)]
mod properties;
mod scored;
mod sessions;
mod summary;
#[cfg(test)]
mod tests;
mod tried;

use std::io::{self, BufWriter, Read, Write};
use std::path::PathBuf;

use aftercare_core::time::Instant;
use anyhow::{Context, anyhow, bail};

use crate::Outcome;
use crate::facts_file::{FactsFile, Problem, day};
use crate::wiring::say;
use driver::Trial;
use lines::Lines;
use summary::Summary;
use tried::Tried;

/// Problems of a file that are shown; more are counted.
const PROBLEMS_SHOWN: usize = 100;
const BUFFER: usize = 1 << 16;

/// Run a contract over a file of facts.
#[derive(clap::Args)]
#[command(
    after_help = "The file has one JSON object a line: the fields of an input stream, the stream's name, and when it became \
    known (stored_at); closings of months are among them. docs/contract-facts.md has every field.\n\n\
    Exit codes: 0 done; 1 the contract or the file can't be used; 2 wrong usage; 4 the file has problems, each named by \
    line and field."
)]
pub(crate) struct Args {
    /// A contract that comes with the program, by its id, or the TOML file of one.
    contract: String,
    /// The facts; - is stdin.
    #[arg(long, value_name = "FILE")]
    facts: PathBuf,
    /// The last day that is looked at, such as 2026-12-31. [default: the newest stored_at of the file]
    #[arg(long, value_name = "DATE")]
    until: Option<String>,
    /// Further versions of the contract: what is priced by each is what began while it was in force.
    #[arg(long = "with", value_name = "FILE")]
    versions: Vec<PathBuf>,
    /// What another contract, or another version, would have paid on the same facts: the CSV has the differences.
    #[arg(long, value_name = "OTHER")]
    compare: Option<String>,
    /// Write the postings, as CSV.
    #[arg(long, value_name = "FILE")]
    journal: Option<PathBuf>,
    /// Look at the contract after each fact, as the running system does: what was issued and taken back within an open
    /// month is shown too. It adds up to the same.
    #[arg(long)]
    every_change: bool,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<Outcome> {
    let tried = Tried::load(&args.contract, &args.versions)?;
    let other = args.compare.as_ref().map(|other| Tried::load(other, &[])).transpose()?;
    let text = read(&args.facts)?;
    let file = match FactsFile::read(text, &tried.reading(&tried.id)) {
        Ok(file) => file,
        Err(problems) => return Ok(refuse(&problems)),
    };
    let until = until(args.until.as_deref(), &file, &tried)?;
    let trial = |tried| Trial { file: &file, tried, until, every_change: args.every_change };
    let mut stdout = BufWriter::with_capacity(BUFFER, io::stdout().lock());
    let written = match &other {
        None => billed(args, &trial(&tried), &mut stdout),
        Some(other) => compared(args, (&trial(&tried), &trial(other)), &tried.id, &mut stdout),
    };
    match written.and_then(|()| Ok(stdout.flush()?)) {
        Err(error) if error.downcast_ref::<io::Error>().is_some_and(is_gone) => Ok(Outcome::Done),
        written => written.map(|()| Outcome::Done),
    }
}

/// Nobody reads on: as other tools do, it ends.
fn is_gone(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::BrokenPipe
}

fn billed(args: &Args, trial: &Trial<'_>, out: &mut impl Write) -> anyhow::Result<()> {
    let (mut lines, mut summary) = (Lines::new(trial.tried), Summary::default());
    let mut journal = args.journal.as_ref().map(|_| Lines::journal(trial.tried));
    let counts = trial.run(&trial.tried.id, &mut |patient, entry| {
        lines.take(patient, entry);
        if let Some(journal) = &mut journal {
            journal.take(patient, entry);
        }
        summary.take(patient, entry);
    });
    lines.write(out)?;
    if let (Some(path), Some(journal)) = (&args.journal, journal) {
        let file = std::fs::File::create(path).with_context(|| format!("create {}", path.display()))?;
        let mut file = BufWriter::with_capacity(BUFFER, file);
        journal.write(&mut file)?;
        file.flush().with_context(|| format!("write {}", path.display()))?;
    }
    for line in summary.said(trial, &counts) {
        say(format_args!("{line}"));
    }
    Ok(())
}

fn compared(
    args: &Args,
    (one, other): (&Trial<'_>, &Trial<'_>),
    named: &str,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    if args.journal.is_some() {
        bail!("--journal is of one contract: leave --compare away");
    }
    let mut nets = compare::Nets::default();
    one.run(named, &mut |patient, entry| nets.take(compare::Side::One, patient, entry));
    other.run(named, &mut |patient, entry| nets.take(compare::Side::Other, patient, entry));
    nets.write(one.tried, other.tried, out)?;
    for line in nets.said(one.tried, other.tried) {
        say(format_args!("{line}"));
    }
    Ok(())
}

fn read(path: &PathBuf) -> anyhow::Result<Vec<u8>> {
    let mut text = Vec::new();
    if path.as_os_str() == "-" {
        io::stdin().lock().read_to_end(&mut text).context("read stdin")?;
    } else {
        text = std::fs::read(path).with_context(|| format!("read {}", path.display()))?;
    }
    Ok(text)
}

fn refuse(problems: &[Problem]) -> Outcome {
    for problem in problems.iter().take(PROBLEMS_SHOWN) {
        let Problem { line, field, message } = problem;
        let field = if field.is_empty() { "the line" } else { field };
        say(format_args!("line {line}: {field} {message}"));
    }
    if let Some(more @ 1..) = problems.len().checked_sub(PROBLEMS_SHOWN) {
        say(format_args!("and {more} more"));
    }
    Outcome::Found
}

/// The last moment of the last day that is looked at.
fn until(given: Option<&str>, file: &FactsFile, tried: &Tried) -> anyhow::Result<Instant> {
    let Some(text) = given else {
        return file.newest.ok_or_else(|| anyhow!("the file has no facts; name the last day with --until"));
    };
    let day = day(text).ok_or_else(|| anyhow!("--until {text:?} is no date such as 2026-12-31"))?;
    let next = tried.zone.start_of(day.saturating_add(1));
    Ok(Instant(next.0.saturating_sub(1)))
}
