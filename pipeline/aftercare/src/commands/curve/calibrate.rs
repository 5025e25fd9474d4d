//! `aftercare curve calibrate`

use std::path::PathBuf;

use aftercare_core::curve::history::{Calibration, Errors, Tail, calibrate, fold_of};
use anyhow::Context;

use super::Columns;
use super::table::{self, Wanted};
use crate::Outcome;
use crate::wiring::print;

/// A tail may be off by so much.
const OFF_MAX: f64 = 0.02;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The responses, as CSV.
    file: PathBuf,
    #[command(flatten)]
    columns: Columns,
    /// The columns of the scores, each judged by itself.
    #[arg(long, value_delimiter = ',', required = true, value_name = "COLUMNS")]
    value: Vec<String>,
    /// Into so many parts the subjects are divided; each is judged by the curve of the others.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(2..=1_000))]
    folds: u32,
}

pub(super) fn run(args: &Args) -> anyhow::Result<Outcome> {
    let columns = &args.columns;
    print(format_args!("{}", heading(&columns.quantiles)));
    let mut all_right = true;
    for value in &args.value {
        let wanted = Wanted {
            subject: &columns.subject,
            time: &columns.time,
            value: Some(value),
            covariates: &columns.covariates,
        };
        let table = table::read(&args.file, &wanted)?;
        let responses = table.responses();
        let fold = |subject: u32| {
            let name = usize::try_from(subject).ok().and_then(|at| table.subjects.get(at));
            fold_of(name.map_or("", String::as_str), args.folds)
        };
        let found = calibrate(&responses, &columns.covariates, &columns.quantiles, args.folds, fold);
        // Whether a value can be counted was seen when it was read.
        let found = found.ok().context("a value can't be counted")?;
        all_right &= found.tails.iter().all(is_right);
        for line in lines(value, &found) {
            print(format_args!("{line}"));
        }
    }
    Ok(if all_right { Outcome::Done } else { Outcome::Found })
}

fn heading(quantiles: &[f64]) -> String {
    let tails: String =
        quantiles.iter().map(|share| format!("  {:>6} {:>6}", format!("<q{share}"), "<=")).collect();
    format!(
        "{:<12} {:<10} {:>7}{tails}      {:>9} {:>6}  {:>9} {:>6}",
        "value", "band", "n", "MAE", "less", "RMSE", "less"
    )
}

fn is_right(tail: &Tail) -> bool {
    let n = tail.n as f64;
    tail.less as f64 / n <= tail.share + OFF_MAX && tail.not_more as f64 / n >= tail.share - OFF_MAX
}

fn lines(value: &str, found: &Calibration) -> [String; 2] {
    let tails = |tails: &[Tail]| -> String {
        let share = |count: u64, tail: &Tail| count as f64 / tail.n as f64;
        let one =
            |tail: &Tail| format!("  {:>6.3} {:>6.3}", share(tail.less, tail), share(tail.not_more, tail));
        let mark = if tails.iter().all(is_right) { "✓" } else { "✗" };
        tails.iter().map(one).collect::<String>() + "  " + mark
    };
    let digits = |error: f64| format!("{error:.*}", if error < 10.0 { 3 } else { 1 });
    let less = |own: f64, all: f64| format!("{:.0} %", 100.0 * (1.0 - own / all));
    let errors = |errors: &Errors, beside: Option<&Errors>| {
        let (absolute, square) = (errors.mean_absolute(), errors.root_mean_square());
        let less_absolute = beside.map(|all| less(absolute, all.mean_absolute())).unwrap_or_default();
        let less_square = beside.map(|all| less(square, all.root_mean_square())).unwrap_or_default();
        format!("   {:>9} {less_absolute:>6}  {:>9} {less_square:>6}", digits(absolute), digits(square))
    };
    let n = |tails: &[Tail]| tails.first().map_or(0, |tail| tail.n);
    [
        format!(
            "{value:<12} population {:>7}{}{}",
            n(&found.tails),
            tails(&found.tails),
            errors(&found.population, None)
        ),
        format!(
            "{:<12} personal   {:>7}{}{}",
            "",
            n(&found.personal_tails),
            tails(&found.personal_tails),
            errors(&found.personal, Some(&found.population))
        ),
    ]
}
