//! `aftercare monitor`

use std::collections::BTreeMap;

use aftercare_clickhouse::{Judged, Monitored, Store};
use aftercare_core::monitor::{
    Cusum, Limits, Place, Point, calibrate, funnel_limits, funnel_place, risk_below,
};
use aftercare_core::month::Month;
use anyhow::Context;

use crate::Outcome;
use crate::config::Config;
use crate::wiring::print;

const EXPLANATION: &str = "\
Of each patient one answer counts: the first from --from-day on. It is below the expected if the index is under 90 % of \
what the patient's own cohort had at that time. The share of such patients of each group stands beside that of all, with \
the limits that chance alone passes with 2.5 % on each side (exact binomial limits, Spiegelhalter 2005); a group is above or \
below where the exact probability of so many, or so few, is at most that. `worse` and \
`better` are risk-adjusted CUSUMs (Steiner and others 2000) over the patients in the order of their answers: each patient's \
risk is that of their own cohort's spread, all risks together being those that happened. A chart notices odds twice as \
high, or half as high, and signals where it reaches --limit; it begins anew then. Both say that chance does not explain a \
difference, not what does. Exit code 4: a group is beyond its limits, or its chart has signalled.";

/// Which clinicians, care teams, organisations or manufacturers have patients who do worse, or better, than expected of
/// them, beyond chance.
#[derive(clap::Args)]
#[command(after_long_help = EXPLANATION)]
pub(crate) struct Args {
    /// The procedure, such as pci-des.
    #[arg(long)]
    procedure: String,
    /// The instrument, or composite.
    #[arg(long, default_value = "composite")]
    instrument: String,
    /// Whose patients are looked at together.
    #[arg(long, value_enum, default_value = "clinician")]
    by: By,
    /// First month of answers, such as 2026-01.
    #[arg(long, value_name = "MONTH", value_parser = month)]
    from: Month,
    /// Last month of answers.
    #[arg(long, value_name = "MONTH", value_parser = month)]
    to: Month,
    /// Of each patient, the first answer so many days after the treatment or later.
    #[arg(long, default_value_t = 30, value_name = "DAYS")]
    from_day: u32,
    /// Where a chart signals: the higher, the later, and the seldomer by chance.
    #[arg(long, default_value_t = 4.5)]
    limit: f64,
    /// Smaller groups are left out.
    #[arg(long, default_value_t = 10, value_name = "PATIENTS")]
    patients_min: usize,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum By {
    Clinician,
    CareTeam,
    Organisation,
    Manufacturer,
}

impl By {
    fn column(self) -> &'static str {
        match self {
            By::Clinician => "clinician_id",
            By::CareTeam => "care_team",
            By::Organisation => "organisation",
            By::Manufacturer => "manufacturer",
        }
    }
}

fn month(text: &str) -> Result<Month, String> {
    Month::parse(text).ok_or_else(|| String::from("is no month such as 2026-01"))
}

/// Below this share of the expected an answer is bad.
const BELOW: f64 = 0.9;
/// What chance passes on each side of the limits.
const TAIL: f64 = 0.025;

pub(crate) fn run(config: &Config, args: &Args) -> anyhow::Result<Outcome> {
    let charts = [2.0, 0.5].map(|odds| Cusum::new(odds, args.limit));
    let [Some(worse), Some(better)] = charts else { anyhow::bail!("--limit is not above 0") };
    let asked = Monitored {
        by: args.by.column(),
        procedure: &args.procedure,
        instrument: &args.instrument,
        from_day: args.from_day,
        from: args.from.start_utc().0,
        to: args.to.next().start_utc().0,
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.context("start the asynchronous runtime")?;
    let answers = runtime.block_on(Store::connect(config.store()?).judged(&asked))?;
    let groups = groups(&answers, worse, better);
    let mut found = false;
    print(format_args!(
        "{:<16}{:>9}{:>9}{:>9}{:>9}   {:<15}{:<8}{:>8}{:>8}{:>9}",
        "group",
        "patients",
        "below",
        "expected",
        "share",
        "95 % limits",
        "place",
        "worse",
        "better",
        "signals"
    ));
    for (name, group) in groups.iter().filter(|(_, group)| group.patients >= args.patients_min) {
        found |= group.is_out();
        print(format_args!("{}", group.line(name)));
    }
    Ok(if found { Outcome::Found } else { Outcome::Done })
}

/// What is found of one group.
#[derive(Debug, PartialEq)]
struct Group {
    patients: usize,
    below: u32,
    /// Patients below the expected if theirs were no worse than all.
    expected: f64,
    limits: Option<Limits>,
    place: Place,
    worse: Vec<Point>,
    better: Vec<Point>,
}

fn groups(answers: &[Judged], worse: Cusum, better: Cusum) -> BTreeMap<&str, Group> {
    let is_below = |answer: &Judged| answer.index < BELOW * answer.expected;
    let count =
        |answers: &mut dyn Iterator<Item = &Judged>| answers.filter(|answer| is_below(answer)).count();
    let events = u32::try_from(count(&mut answers.iter())).unwrap_or(u32::MAX);
    let share = f64::from(events) / (answers.len().max(1)) as f64;
    let risk = |answer: &Judged| {
        let spread = answer.expected_sd.and_then(|sd| risk_below(BELOW, answer.expected, sd));
        spread.unwrap_or(share)
    };
    let risks = calibrate(&answers.iter().map(risk).collect::<Vec<_>>(), events);
    let mut outcomes: BTreeMap<&str, Vec<(f64, bool)>> = BTreeMap::new();
    for (answer, risk) in answers.iter().zip(risks) {
        outcomes.entry(&answer.group).or_default().push((risk, is_below(answer)));
    }
    let group = |outcomes: Vec<(f64, bool)>| {
        let patients = outcomes.len();
        let n = u32::try_from(patients).unwrap_or(u32::MAX);
        let below = outcomes.iter().map(|(_, below)| u32::from(*below)).sum();
        Group {
            patients,
            below,
            expected: outcomes.iter().map(|(risk, _)| risk).sum(),
            limits: funnel_limits(share, n, TAIL),
            place: funnel_place(share, n, below, TAIL).unwrap_or(Place::Within),
            worse: worse.chart(outcomes.iter().copied()),
            better: better.chart(outcomes),
        }
    };
    outcomes.into_iter().map(|(name, outcomes)| (name, group(outcomes))).collect()
}

impl Group {
    fn share(&self) -> f64 {
        f64::from(self.below) / self.patients as f64
    }

    fn place(&self) -> &'static str {
        match self.place {
            Place::Above => "above",
            Place::Below => "below",
            Place::Within => "within",
        }
    }

    fn signals(&self) -> usize {
        self.worse.iter().chain(&self.better).filter(|point| point.signals).count()
    }

    fn is_out(&self) -> bool {
        self.place != Place::Within || self.signals() > 0
    }

    fn line(&self, name: &str) -> String {
        let limits = self.limits.map_or(String::from("–"), |limits| {
            format!("{:.1} – {:.1} %", 100.0 * limits.lower, 100.0 * limits.upper)
        });
        let last = |chart: &[Point]| chart.last().map_or(0.0, |point| point.value);
        format!(
            "{name:<16}{:>9}{:>9}{:>9.1}{:>7.1} %   {limits:<15}{:<8}{:>8.2}{:>8.2}{:>9}",
            self.patients,
            self.below,
            self.expected,
            100.0 * self.share(),
            self.place(),
            last(&self.worse),
            last(&self.better),
            self.signals()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answers(group: &str, patients: u32, below: u32) -> impl Iterator<Item = Judged> {
        (0..patients).map(move |at| Judged {
            group: group.to_owned(),
            index: if at % 4 == 0 && at / 4 < below { 80.0 } else { 110.0 },
            expected: 100.0,
            expected_sd: (at % 3 > 0).then_some(10.0),
        })
    }

    #[test]
    fn a_group_is_compared_with_all_and_with_chance() {
        let all: Vec<Judged> =
            answers("c-1", 60, 15).chain(answers("c-2", 200, 5)).chain(answers("c-few", 3, 0)).collect();
        let [worse, better] = [2.0, 0.5].map(|odds| Cusum::new(odds, 2.0).unwrap());
        let groups = groups(&all, worse, better);
        let (one, two) = (&groups["c-1"], &groups["c-2"]);
        assert_eq!((one.patients, one.below, two.patients, two.below), (60, 15, 200, 5));
        let expected: f64 = groups.values().map(|group| group.expected).sum();
        assert!((expected - 20.0).abs() < 1e-9, "as many as happened: {expected}");
        assert_eq!(one.limits, funnel_limits(20.0 / 263.0, 60, 0.025));
        assert_eq!((one.place(), two.place(), groups["c-few"].place()), ("above", "below", "within"));
        assert!(one.worse.iter().any(|point| point.signals) && !one.better.iter().any(|point| point.signals));
        assert!(two.better.iter().any(|point| point.signals) && two.is_out());
        assert!(one.line("c-1").starts_with("c-1                    60       15"), "{}", one.line("c-1"));
    }
}
