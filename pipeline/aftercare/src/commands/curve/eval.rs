//! `aftercare curve eval`

use std::path::PathBuf;

use aftercare_core::curve::history::{AtTime, Evaluator, HistoryCurve};
use aftercare_core::curve::personal::Course;

use super::document;
use super::table::{self, Row, Table, Wanted};
use crate::Outcome;
use crate::wiring::say;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The curve.
    #[arg(value_name = "CURVE.json")]
    curve: PathBuf,
    /// The lines to be judged, as CSV with the columns of which the curve was made.
    file: PathBuf,
    /// Judge each line by the subject's earlier ones; blank where there are none.
    #[arg(long)]
    personal: bool,
}

/// What is appended to a line; `None`: blank.
type Appended = Option<Vec<f64>>;

pub(super) fn run(args: &Args) -> anyhow::Result<Outcome> {
    let (head, curve) = document::read(&args.curve)?;
    let covariates = head.covariates();
    let value = args.personal.then_some(&*head.value);
    let wanted = Wanted { subject: &head.subject, time: &head.time, value, covariates: &covariates };
    let table = table::read(&args.file, &wanted)?;
    let evaluator = Evaluator::new(&curve);
    let judged = if args.personal {
        personal(&evaluator, &curve, &table, &head.quantiles)
    } else {
        table.rows.iter().map(|row| population(&at(&evaluator, &curve, row)?, &head.quantiles)).collect()
    };
    write(&table, &judged, &head.quantiles)?;
    let (from, to) = evaluator.holds().unwrap_or_default();
    let beyond = table.rows.iter().filter(|row| !(from..=to).contains(&row.time)).count();
    if beyond > 0 {
        say(format_args!("{beyond} lines are blank: their times are too far from those of the curve"));
    }
    Ok(Outcome::Done)
}

fn at<'c>(evaluator: &Evaluator<'c>, curve: &HistoryCurve, row: &Row) -> Option<AtTime<'c>> {
    let levels = curve.levels_of(row.characteristics.iter().map(Option::as_deref));
    evaluator.at(&levels, row.time)
}

fn population(there: &AtTime<'_>, quantiles: &[f64]) -> Appended {
    let quantiles = quantiles.iter().map(|share| there.quantile(*share));
    // One response alone has no spread.
    Some([there.mean(), there.sd().unwrap_or(f64::NAN)].into_iter().chain(quantiles).collect())
}

/// Each line by those of its subject that are earlier in time, wherever they stand in the file.
fn personal(
    evaluator: &Evaluator<'_>,
    curve: &HistoryCurve,
    table: &Table,
    quantiles: &[f64],
) -> Vec<Appended> {
    let mut order: Vec<(usize, &Row)> = table.rows.iter().enumerate().collect();
    order.sort_by(|(_, one), (_, other)| {
        one.subject.cmp(&other.subject).then(one.time.total_cmp(&other.time))
    });
    let mut judged: Vec<Appended> = vec![None; table.rows.len()];
    for rows in order.chunk_by(|(_, one), (_, other)| one.subject == other.subject) {
        let mut course = Course::of(&curve.coherence);
        let mut has_earlier = false;
        for (line, row) in rows {
            let Some(there) = at(evaluator, curve, row) else { continue };
            if let Some(judged) = judged.get_mut(*line).filter(|_| has_earlier) {
                let deviation = course.expect(row.time);
                let (mean, sd) = there.moments_given(&deviation);
                let quantiles = quantiles.iter().map(|share| there.quantile_given(&deviation, *share));
                *judged = Some([mean, sd].into_iter().chain(quantiles).collect());
            }
            if let Some(z) = row.value.and_then(|value| there.deviation_of(value)) {
                course.observe(row.time, z);
                has_earlier = true;
            }
        }
    }
    judged
}

fn write(table: &Table, judged: &[Appended], quantiles: &[f64]) -> anyhow::Result<()> {
    let mut writer = csv::Writer::from_writer(std::io::stdout().lock());
    let names = quantiles.iter().map(|share| format!("q{share}"));
    let names = ["expected", "sd"].map(String::from).into_iter().chain(names);
    let mut done = writer.write_record(table.header.iter().map(String::from).chain(names));
    for (row, appended) in table.rows.iter().zip(judged) {
        let cell = |at: usize| {
            let number = appended.as_ref().and_then(|numbers| numbers.get(at));
            number.filter(|number| number.is_finite()).map(ToString::to_string).unwrap_or_default()
        };
        let cells = row.cells.iter().map(String::from).chain((0..quantiles.len() + 2).map(cell));
        done = done.and_then(|()| writer.write_record(cells));
    }
    let done = done.and_then(|()| writer.flush().map_err(csv::Error::from));
    match done.map_err(csv::Error::into_kind) {
        // Whoever read it has seen enough.
        Err(csv::ErrorKind::Io(error)) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        Err(kind) => Err(anyhow::anyhow!("write: {kind:?}")),
        Ok(()) => Ok(()),
    }
}
