//! `aftercare simulate`

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::PathBuf;

use aftercare_core::time::Instant;
use aftercare_kafka::writer::RecordWriter;
use aftercare_schemas::{codec, wire};
use aftercare_sim::world::{Settings, World};
use anyhow::Context;

use crate::Outcome;
use crate::config::Config;
use crate::wiring::{print, say, wall_clock};

const DAY_MS: i64 = 86_400_000;

/// Writes a seeded world of coronary stent patients: enrolments, questionnaires every two weeks, wearable readings, with
/// what real life does to them (late, missing, amended, double, out of order). The same seed and start give the same
/// bytes.
#[derive(clap::Args, Clone, Debug)]
pub(crate) struct Args {
    /// Another seed, another world.
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// Number of patients.
    #[arg(long, default_value_t = 100)]
    pub(crate) patients: u32,
    /// Length of the world, days.
    #[arg(long, default_value_t = 365)]
    pub(crate) days: u32,
    /// The world's first moment, RFC 3339 [default: so that the world ends now].
    #[arg(long, value_name = "TIME")]
    pub(crate) start: Option<String>,
    /// Patients with a wearable, per thousand.
    #[arg(long, default_value_t = 20)]
    pub(crate) wearers_permille: u32,
    /// How many bad records of each kind are strewn in.
    #[arg(long, default_value_t = 0)]
    pub(crate) bad_records: u32,
    /// Write to this file instead of Kafka: one line per record, `arrival-ms topic key value`, key and value in hex.
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// Also write ticks of the world's own time to control (for `task.ticks = "external"`).
    #[arg(long)]
    pub(crate) ticks: bool,
}

impl Args {
    fn settings(&self) -> anyhow::Result<Settings> {
        let start = match &self.start {
            Some(text) => {
                let at: jiff::Timestamp = text.parse().with_context(|| format!("--start {text:?}"))?;
                at.as_millisecond()
            }
            None => wall_clock() - i64::from(self.days) * DAY_MS,
        };
        Ok(Settings {
            seed: self.seed,
            patients: self.patients,
            start: Instant(start),
            days: self.days,
            wearers_permille: self.wearers_permille,
            bad_records: self.bad_records,
            ..Settings::default()
        })
    }
}

pub(crate) fn run(config: &Config, args: &Args) -> anyhow::Result<Outcome> {
    let written = match &args.out {
        Some(path) => to_file(args, path)?,
        None => to_kafka(config, args)?.values().sum(),
    };
    print(format_args!("{written} records written"));
    Ok(Outcome::Done)
}

fn to_file(args: &Args, path: &PathBuf) -> anyhow::Result<u64> {
    let mut out = BufWriter::new(File::create(path).with_context(|| format!("create {}", path.display()))?);
    let mut written = 0;
    for record in World::new(args.settings()?) {
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

/// Writes the world's records in their order of arrival; with `ticks`, each hour's tick before that hour's records.
/// Returns how many were written, by topic.
pub(crate) fn to_kafka(config: &Config, args: &Args) -> anyhow::Result<BTreeMap<&'static str, u64>> {
    let writer = config.cluster().writer()?;
    let (mut written, mut by_topic, mut ticked) = (0u64, BTreeMap::new(), i64::MIN);
    for record in World::new(args.settings()?) {
        let hour = record.at - record.at.rem_euclid(3_600_000) + 3_600_000;
        if args.ticks && hour > ticked {
            ticked = hour;
            tick(&writer, hour)?;
        }
        writer.write(record.topic, &record.key, &record.value, &[])?;
        *by_topic.entry(record.topic).or_default() += 1;
        written += 1;
        if written.is_multiple_of(500_000) {
            say(format_args!("{written} records"));
        }
    }
    writer.flush()?;
    Ok(by_topic)
}

fn tick(writer: &RecordWriter, at: i64) -> anyhow::Result<()> {
    let mut value = Vec::new();
    codec::encode(
        "control",
        &wire::Control { kind: wire::ControlKind::Tick, at, id: None, body: None },
        &mut value,
    )?;
    for partition in 0..writer.partitions("control")? {
        writer.write_to("control", partition, None, Some(&value), &[])?;
    }
    Ok(())
}
