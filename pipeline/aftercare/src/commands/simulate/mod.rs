//! `aftercare simulate`

mod judge;
mod step;
mod write;

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use aftercare_core::time::Instant;
use aftercare_sim::world::{Settings, Truth, World};
use anyhow::{Context, ensure};

use crate::Outcome;
use crate::config::Config;
use crate::wiring::{print, say, stop_flag, wall_clock};
use write::Simulation;

const DAY_MS: i64 = 86_400_000;
/// For so many days a world that is followed goes on.
const FOLLOWED_DAYS: u32 = 3650;

/// Writes a seeded world of patients after coronary stents, ablations of atrial fibrillation, hip replacements and kidney
/// transplants: enrolments, questionnaires, wearable readings, clinical events, clinicians' sessions, with what real life
/// does to them (late, missing, amended, double, out of order). The same seed and start give the same bytes.
#[derive(clap::Args, Clone, Debug)]
pub(crate) struct Args {
    /// Another seed, another world.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Number of patients.
    #[arg(long, default_value_t = 100)]
    patients: u32,
    /// Length of the world, days.
    #[arg(long, default_value_t = 365)]
    days: u32,
    /// The world's first moment, RFC 3339 [default: so that the world ends now].
    #[arg(long, value_name = "TIME")]
    start: Option<String>,
    /// Patients with a watch, per thousand.
    #[arg(long, default_value_t = 20)]
    wearers_permille: u32,
    /// Patients who measure at home every day, per thousand (after a transplant four times as many).
    #[arg(long, default_value_t = 20)]
    home_permille: u32,
    /// How many bad records of each kind are strewn in.
    #[arg(long, default_value_t = 0)]
    bad_records: u32,
    /// Write to this file instead of Kafka: one line per record, `arrival-ms topic key value`, key and value in hex.
    #[arg(long, value_name = "FILE", conflicts_with = "follow")]
    out: Option<PathBuf>,
    /// Write what no record says to this file, as CSV: who does badly, and when.
    #[arg(long, value_name = "FILE", conflicts_with = "judge")]
    truth: Option<PathBuf>,
    /// Write nothing: play the world in memory through the rules, with care managers who answer, and print how well alerts
    /// foretold what really happened. Such a world begins with 2025 unless --start says otherwise.
    #[arg(long, conflicts_with_all = ["out", "ticks", "follow"])]
    judge: bool,
    /// So many worlds, from the seed on.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..), requires = "judge")]
    worlds: u32,
    /// A document (a policy, a plan, an instrument) in place of the one of that id that comes with the program.
    #[arg(long, value_name = "FILE", requires = "judge")]
    document: Vec<PathBuf>,
    /// Also write ticks of the world's own time to control (for `task.ticks = "external"`): each before the records up to
    /// it, and after those before it are acknowledged.
    #[arg(long)]
    ticks: bool,
    /// Wait before and after each tick until the tasks have taken all that was written: a year then lasts as long as they
    /// need, and nothing is decided at a later tick than where it belongs.
    #[arg(long, requires = "ticks")]
    in_step: bool,
    /// Minutes from tick to tick.
    #[arg(long, default_value_t = 360, value_parser = clap::value_parser!(u32).range(1..))]
    tick_minutes: u32,
    /// Go on from where the world ends, by the wall clock, until Ctrl-C.
    #[arg(long)]
    follow: bool,
    /// So many times as fast as the wall clock; more than 1 needs --ticks, as nothing may lie ahead of the tasks' time.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..), requires = "follow")]
    speed: u32,
}

impl Args {
    fn settings(&self) -> anyhow::Result<Settings> {
        let start = match &self.start {
            Some(text) => {
                let at: jiff::Timestamp = text.parse().with_context(|| format!("--start {text:?}"))?;
                at.as_millisecond()
            }
            None if self.judge => Settings::default().start.0,
            None => wall_clock() - i64::from(self.days) * DAY_MS,
        };
        Ok(Settings {
            seed: self.seed,
            patients: self.patients,
            start: Instant(start),
            days: self.days,
            days_after: if self.follow { FOLLOWED_DAYS } else { 0 },
            wearers_permille: self.wearers_permille,
            home_permille: self.home_permille,
            bad_records: self.bad_records,
            // what clinicians do says nothing about patients
            sessions: !self.judge,
            tick_minutes: if self.ticks || self.judge { self.tick_minutes } else { 0 },
            ..Settings::default()
        })
    }
}

pub(crate) fn run(config: &Config, args: &Args) -> anyhow::Result<Outcome> {
    ensure!(args.speed == 1 || args.ticks, "--speed {} needs --ticks", args.speed);
    let settings = args.settings()?;
    if args.judge {
        judge::run(&settings, args.worlds, &args.document)?;
        return Ok(Outcome::Done);
    }
    let world = World::new(settings);
    if let Some(path) = &args.truth {
        write_truth(&world, path).with_context(|| format!("write {}", path.display()))?;
    }
    let written = match &args.out {
        Some(path) => to_file(world, path).with_context(|| format!("write {}", path.display()))?,
        None => {
            let mut simulation = Simulation::new(config, args, world)?;
            simulation.write_history()?;
            if args.follow {
                say(format_args!("{} records written; going on until Ctrl-C", simulation.total()));
                simulation.follow(&*stop_flag()?)?;
            }
            simulation.total()
        }
    };
    print(format_args!("{written} records written"));
    Ok(Outcome::Done)
}

fn to_file(world: World, path: &Path) -> anyhow::Result<u64> {
    let mut out = BufWriter::new(File::create(path)?);
    let mut written = 0;
    for record in world {
        write!(out, "{} {} ", record.at, record.topic)?;
        for part in [&record.key, &record.value] {
            for byte in part {
                write!(out, "{byte:02x}")?;
            }
            out.write_all(b" ")?;
        }
        out.write_all(b"\n")?;
        written += 1;
    }
    out.flush()?;
    Ok(written)
}

fn write_truth(world: &World, path: &Path) -> anyhow::Result<()> {
    let mut out = BufWriter::new(File::create(path)?);
    writeln!(out, "{TRUTH_COLUMNS}")?;
    for truth in world.truth() {
        writeln!(out, "{}", truth_line(&truth)?)?;
    }
    Ok(out.flush()?)
}

const TRUTH_COLUMNS: &str =
    "patient_id,episode_id,procedure,treated_at,benefit,event,onset_at,in_answers,in_vitals,recorded";

fn truth_line(truth: &Truth) -> anyhow::Result<String> {
    let time = |at: Instant| jiff::Timestamp::from_millisecond(at.0);
    let Truth { patient_id, episode_id, procedure, benefit, .. } = truth;
    let treated_at = time(truth.treated_at)?;
    let event = match truth.event {
        None => ",,,,".to_owned(),
        Some(event) => {
            let (kind, onset_at) = (event.kind, time(event.onset_at)?);
            format!("{kind},{onset_at},{},{},{}", event.in_answers, event.in_vitals, event.recorded)
        }
    };
    Ok(format!("{patient_id},{episode_id},{procedure},{treated_at},{benefit},{event}"))
}
