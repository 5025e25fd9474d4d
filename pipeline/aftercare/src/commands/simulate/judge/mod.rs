//! `aftercare simulate --judge`: how well alerts foretell what really happens to simulated patients.

mod flow;
mod table;

use std::path::{Path, PathBuf};

use aftercare_core::documents::{Library, SHIPPED};
use aftercare_core::time::Instant;
use aftercare_sim::measure::{Measured, RaisedAlert, measure};
use aftercare_sim::world::{Settings, Truth, World};
use anyhow::{Context, bail, ensure};

use crate::wiring::print;
use flow::Published;

const DAY_MS: f64 = 86_400_000.0;

/// Some worlds, and the alerts in them.
pub(super) struct Judged {
    /// By rule, and over all.
    pub(super) measured: Measured,
    /// Those that are critical or a warning.
    pub(super) urgent: Measured,
    pub(super) uploads: u64,
    /// Of follow-up, over all patients.
    pub(super) patient_days: f64,
    pub(super) patients: usize,
    pub(super) days: u32,
    pub(super) seeds: (u64, u64),
}

/// Plays `worlds` worlds from the settings' seed on, and prints the judgement.
pub(super) fn run(settings: &Settings, worlds: u32, replaced: &[PathBuf]) -> anyhow::Result<()> {
    let documents = documents(replaced)?;
    let (mut alerts, mut truth, mut uploads) = (Vec::new(), Vec::new(), 0);
    for nth in 0..u64::from(worlds) {
        let settings = Settings { seed: settings.seed + nth, ..settings.clone() };
        truth.extend(World::new(settings.clone()).truth());
        let seen = flow::play(settings, &documents)?;
        alerts.extend(seen.alerts);
        uploads += seen.uploads;
    }
    let judged = judge(settings, worlds, &alerts, &truth, uploads);
    print(format_args!("{}", table::render(&judged)));
    Ok(())
}

fn judge(settings: &Settings, worlds: u32, alerts: &[RaisedAlert], truth: &[Truth], uploads: u64) -> Judged {
    let end = settings.end();
    let urgent: Vec<RaisedAlert> =
        alerts.iter().filter(|alert| matches!(&*alert.severity, "critical" | "warning")).cloned().collect();
    Judged {
        measured: measure(alerts, truth, end),
        urgent: measure(&urgent, truth, end),
        uploads,
        patient_days: truth.iter().map(|one| followed_days(one.treated_at, end)).sum(),
        patients: truth.len(),
        days: settings.days,
        seeds: (settings.seed, settings.seed + u64::from(worlds.max(1) - 1)),
    }
}

#[allow(clippy::cast_precision_loss, reason = "days of some years")]
fn followed_days(from: Instant, end: Instant) -> f64 {
    (end.0 - from.0).max(0) as f64 / DAY_MS
}

/// The documents that come with the program, some of them replaced by files.
fn documents(replaced: &[PathBuf]) -> anyhow::Result<Vec<Published>> {
    let mut documents: Vec<Published> = SHIPPED
        .iter()
        .map(|(kind, id, text)| ((*kind).to_owned(), (*id).to_owned(), 1, (*text).to_owned()))
        .collect();
    for path in replaced {
        let (id, version, text) = read(path).with_context(|| format!("read {}", path.display()))?;
        let Some(known) = documents.iter_mut().find(|(_, known, _, _)| *known == id) else {
            bail!("{}: no document {id} comes with the program", path.display());
        };
        (known.2, known.3) = (version, text);
    }
    let mut library = Library::default();
    let mut problems = Vec::new();
    for (kind, id, version, text) in &documents {
        let found = library.add(kind, id, *version, text).err().into_iter().flatten();
        problems.extend(found.map(|problem| format!("{kind} {id}: {problem}")));
    }
    ensure!(problems.is_empty(), "{}", problems.join("\n"));
    Ok(documents)
}

fn read(path: &Path) -> anyhow::Result<(String, i32, String)> {
    let text = std::fs::read_to_string(path)?;
    let head: Head = toml::from_str(&text)?;
    Ok((head.id, head.version, text))
}

/// What every document begins with.
#[derive(serde::Deserialize)]
struct Head {
    id: String,
    version: i32,
}

#[cfg(test)]
mod tests;
