//! `aftercare curve import`

use std::fmt::Write;
use std::path::PathBuf;

use aftercare_core::curve::COMPOSITE;
use aftercare_core::curve::history::{Evaluator, HistoryCurve};
use aftercare_core::documents::CURVE;
use anyhow::{Context, bail};

use super::document;
use crate::Outcome;
use crate::config::Config;
use crate::wiring::documents::{self, Offered};
use crate::wiring::{print, wall_clock};

/// Units of time that need no telling, and how many days (of 24 h) one is.
const UNITS: [(&[&str], f64); 5] = [
    (&["h", "hour", "hours"], 1.0 / 24.0),
    (&["d", "day", "days"], 1.0),
    (&["wk", "week", "weeks"], 7.0),
    (&["mo", "month", "months"], 30.4375),
    (&["a", "year", "years"], 365.25),
];

/// Seeds a running system: publishes a curve as what is expected of a procedure's patients until they have answered
/// themselves, and as what their own curve borrows from then on.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// What `curve fit` wrote, of health indices (per cent of the patient's own baseline).
    curve: PathBuf,
    /// The procedure whose patients are compared with it.
    #[arg(long)]
    procedure: String,
    /// The instrument whose index it is, or composite.
    #[arg(long)]
    instrument: String,
    /// The plan of a composite.
    #[arg(long)]
    plan: Option<String>,
    /// The id that the document gets. [default: PROCEDURE-INSTRUMENT]
    #[arg(long)]
    id: Option<String>,
    /// Its version. [default: one more than the newest that is published]
    #[arg(long)]
    version: Option<i32>,
    /// What it is, for people. [default: what the file says]
    #[arg(long)]
    title: Option<String>,
    /// It judges what is answered from this day (UTC) on, such as 2026-01-31. [default: today]
    #[arg(long, value_name = "DAY")]
    effective_from: Option<String>,
    /// How many days one unit of the curve's time is, where the unit is none of hours, days, weeks, months and years.
    #[arg(long, value_name = "DAYS")]
    days_per_unit: Option<f64>,
    /// The first day after the treatment of which it says anything. [default: where the curve begins to hold]
    #[arg(long, value_name = "DAY")]
    from_day: Option<f64>,
    /// The day from which it says nothing any more. [default: where the curve ends to hold]
    #[arg(long, value_name = "DAY")]
    to_day: Option<f64>,
    /// Only print the document.
    #[arg(long)]
    dry_run: bool,
}

pub(super) fn run(config: &Config, args: &Args) -> anyhow::Result<Outcome> {
    let (head, curve) = document::read(&args.curve)?;
    let known = UNITS.iter().find(|(names, _)| names.contains(&&*head.time_unit)).map(|(_, days)| *days);
    let days = args
        .days_per_unit
        .or(known)
        .filter(|days| *days > 0.0)
        .with_context(|| format!("its time is in {}: say --days-per-unit, above 0", head.time_unit))?;
    if (args.instrument == COMPOSITE) != args.plan.is_some() {
        bail!("a composite needs --plan, and nothing else has one");
    }
    let id = args.id.clone().unwrap_or_else(|| format!("{}-{}", args.procedure, args.instrument));
    let version = match args.version {
        Some(version) => version,
        None if args.dry_run => 1,
        None => next_version(config, &id)?,
    };
    let title = args.title.clone().unwrap_or_else(|| {
        format!("{}: {} responses of {} subjects", head.value, head.responses, head.subjects)
    });
    let today = || Ok(jiff::Timestamp::from_millisecond(wall_clock())?.strftime("%Y-%m-%d").to_string());
    let effective_from = args.effective_from.clone().map_or_else(today, anyhow::Ok)?;
    let named = Named { args, id, version, title, effective_from };
    let text = named.document(&curve, days)?;
    if args.dry_run {
        print(format_args!("{}", text.trim_end()));
        return Ok(Outcome::Done);
    }
    let offered = Offered::new(CURVE, text)?;
    documents::offer(&config.cluster(), vec![offered], wall_clock())?;
    print(format_args!(
        "published curve {} {}: what is answered from {} on is judged by it",
        named.id, named.version, named.effective_from
    ));
    Ok(Outcome::Done)
}

fn next_version(config: &Config, id: &str) -> anyhow::Result<i32> {
    let published = documents::published(&config.cluster())?;
    let own = published.iter().filter(|(kind, known, _)| kind == CURVE && known == id);
    Ok(own.map(|(.., version)| *version).max().unwrap_or(0).saturating_add(1))
}

/// What the document says beside the curve.
struct Named<'a> {
    args: &'a Args,
    id: String,
    version: i32,
    title: String,
    effective_from: String,
}

impl Named<'_> {
    /// The curve of all its subjects, at the centres of its bins, as far as it holds.
    fn document(&self, curve: &HistoryCurve, days_per_unit: f64) -> anyhow::Result<String> {
        let evaluator = Evaluator::new(curve);
        let counts = curve.cohorts.get(&Vec::new()).context("the cohort of all is missing")?;
        let mut points = String::new();
        for (bin, counts) in curve.bins.iter().zip(counts) {
            let said = evaluator.at(&[], bin.centre).and_then(|at| Some((at.mean(), at.sd()?)));
            let Some((mean, sd)) = said else { continue };
            let n: u64 = counts.iter().map(|(_, times)| times).sum();
            let day = decimal(bin.centre * days_per_unit);
            write!(
                points,
                "\n[[points]]\nday = {day}\nn = {n}\nmean = {}\nsd = {}\n",
                decimal(mean),
                decimal(sd)
            )?;
        }
        let (from, to) = evaluator.holds().context("it has no response")?;
        let quoted = |text: &str| toml::Value::from(text).to_string();
        let mut text = format!(
            "id = {}\nversion = {}\ntitle = {}\nprocedure = {}\ninstrument = {}\n",
            quoted(&self.id),
            self.version,
            quoted(&self.title),
            quoted(&self.args.procedure),
            quoted(&self.args.instrument)
        );
        if let Some(plan) = &self.args.plan {
            writeln!(text, "plan = {}", quoted(plan))?;
        }
        writeln!(text, "effective_from = {}", quoted(&self.effective_from))?;
        let from_day = self.args.from_day.unwrap_or((from * days_per_unit).max(0.0));
        let to_day = self.args.to_day.unwrap_or(to * days_per_unit + 1.0);
        writeln!(text, "from_day = {}\nto_day = {}", decimal(from_day), decimal(to_day))?;
        Ok(text + &points)
    }
}

/// As documents write numbers: exact, with four places.
fn decimal(number: f64) -> String {
    format!("\"{number:.4}\"")
}
