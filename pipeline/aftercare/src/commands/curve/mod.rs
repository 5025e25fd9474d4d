//! `aftercare curve`: what is expected of patients, from a registry's history.

mod calibrate;
mod document;
mod eval;
mod fit;
mod import;
mod table;

use crate::Outcome;
use crate::config::Config;

const EXPLANATION: &str = "\
Files are CSV with a header, one response a line; lines before the header that begin with # are passed over. The subject \
is any text, the time any number from 0 in a unit of your own, the value any score or measurement. A blank value (or NA) \
was not measured. What can't be read is named by line and column, and nothing is done then: exit code 1.";

/// Expected outcome curves from the history of a registry: fit one, ask it, see whether it is right.
#[derive(clap::Args)]
#[command(after_help = EXPLANATION)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(clap::Subcommand)]
enum Action {
    /// Make a curve of past patients' responses.
    Fit(fit::Args),
    /// Append to each line what a curve expects: expected, sd, and a column for each quantile.
    Eval(eval::Args),
    /// See whether curves of some patients are right about others: cross-validation by subject. Exit code 4 where a tail
    /// is off by more than 0.02.
    Calibrate(calibrate::Args),
    /// Seed a running system: what is expected of a procedure's patients before they have answered.
    Import(import::Args),
}

pub(crate) fn run(config: &Config, args: &Args) -> anyhow::Result<Outcome> {
    match &args.action {
        Action::Fit(args) => fit::run(args),
        Action::Eval(args) => eval::run(args),
        Action::Calibrate(args) => calibrate::run(args),
        Action::Import(args) => import::run(config, args),
    }
}

/// The columns of a file.
#[derive(clap::Args)]
struct Columns {
    /// The column that says whose response it is.
    #[arg(long, value_name = "COLUMN")]
    subject: String,
    /// The column of the time since treatment, from 0, in any unit.
    #[arg(long, value_name = "COLUMN")]
    time: String,
    /// Columns that narrow the cohort, each one level further. Numbers are parted into four bands.
    #[arg(long, value_delimiter = ',', value_name = "COLUMNS")]
    covariates: Vec<String>,
    /// The quantiles, each between 0 and 1.
    #[arg(long, value_delimiter = ',', default_value = "0.1,0.5,0.9", value_parser = probability)]
    quantiles: Vec<f64>,
}

fn probability(text: &str) -> Result<f64, String> {
    match text.trim().parse::<f64>() {
        Ok(share) if share > 0.0 && share < 1.0 => Ok(share),
        _ => Err(String::from("is no number between 0 and 1")),
    }
}

/// The smallest tail that is asked for.
fn least_tail(quantiles: &[f64]) -> f64 {
    quantiles.iter().map(|share| share.min(1.0 - share)).fold(0.5, f64::min)
}
