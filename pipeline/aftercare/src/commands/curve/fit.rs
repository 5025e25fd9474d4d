//! `aftercare curve fit`

use std::path::PathBuf;

use aftercare_core::curve::history::fit;
use anyhow::Context;

use super::document::{self, Head};
use super::table::{self, Table, Wanted};
use super::{Columns, least_tail};
use crate::Outcome;
use crate::wiring::say;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The responses, as CSV.
    file: PathBuf,
    #[command(flatten)]
    pub(super) columns: Columns,
    /// The column of the score.
    #[arg(long, value_name = "COLUMN")]
    pub(super) value: String,
    /// The unit of time, for whoever reads the curve. [default: the name of the column]
    #[arg(long, value_name = "UNIT")]
    pub(super) unit: Option<String>,
    /// Where the curve goes.
    #[arg(long, short, value_name = "CURVE.json")]
    output: PathBuf,
}

pub(super) fn run(args: &Args) -> anyhow::Result<Outcome> {
    let columns = &args.columns;
    let table = table::read(
        &args.file,
        &Wanted {
            subject: &columns.subject,
            time: &columns.time,
            value: Some(&args.value),
            covariates: &columns.covariates,
        },
    )?;
    let responses = table.responses();
    let curve = fit(&responses, &columns.covariates, least_tail(&columns.quantiles));
    let nothing = || format!("{} has no line with a {}", args.file.display(), args.value);
    // Whether a value can be counted was seen when it was read.
    let curve = curve.ok().flatten().with_context(nothing)?;
    let subjects = subjects(&table);
    let head = Head::of(&curve, args, subjects, responses.len() as u64);
    let text = document::write(&head, &curve)?;
    std::fs::write(&args.output, text).with_context(|| format!("write {}", args.output.display()))?;
    let ends = curve.bins.first().zip(curve.bins.last());
    let (first, last) = ends.map_or((0.0, 0.0), |(first, last)| (first.from, last.to));
    say(format_args!(
        "{}: {} by {} from {first} to {last}, {subjects} subjects, {} responses, {} bins, {} cohorts",
        args.output.display(),
        args.value,
        columns.time,
        responses.len(),
        curve.bins.len(),
        curve.cohorts.len()
    ));
    say_blanks(&table, &args.value);
    Ok(Outcome::Done)
}

/// Subjects with a value.
fn subjects(table: &Table) -> u64 {
    let mut with_value: Vec<u32> =
        table.rows.iter().filter(|row| row.value.is_some()).map(|row| row.subject).collect();
    with_value.sort_unstable();
    with_value.dedup();
    with_value.len() as u64
}

/// Says which lines are left out because nothing was measured.
pub(super) fn say_blanks(table: &Table, column: &str) {
    let blank = table.blank_lines();
    if let Some(first) = blank.first() {
        say(format_args!(
            "{} lines without a value are left out: line {first}, column {column}",
            blank.len()
        ));
    }
}
