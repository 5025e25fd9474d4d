//! What came out, read from ClickHouse.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use aftercare_clickhouse::{Curve, DeadLetterReason, IndexPoint, InstrumentScores, Outcomes};
use aftercare_runtime::topics;
use aftercare_sim::world::Settings;
use serde::Serialize;

use super::alerts;
use super::heart::HeartRates;
use super::invoice::Invoice;
use super::latency::Latency;
use super::play::Played;
use super::run::{Pipeline, Written};
use crate::commands::audit;
use crate::import::Summary;
use crate::wiring::engines::Running;
use crate::wiring::sink::SinkStats;

/// The cohort whose curve is shown: all patients after a coronary stent.
const STENT: &str = "pci-des";

/// So many patients are looked at to find one to show.
const CANDIDATES: u32 = 30;

/// What the demo shows; its JSON form is for scripts.
#[derive(Serialize)]
pub(super) struct Report {
    /// From the start to the end of the last measurement, engines included.
    pub(super) seconds: f64,
    pub(super) world: World,
    pub(super) alerts: alerts::Alerts,
    pub(super) nhs: Option<Summary>,
    pub(super) heart: Option<HeartRates>,
    pub(super) records: Vec<Records>,
    pub(super) sink: Sink,
    pub(super) outcomes: Vec<Outcomes>,
    pub(super) dead_letters: Vec<DeadLetterReason>,
    pub(super) scores: Vec<InstrumentScores>,
    /// What comparable patients report after a coronary stent.
    pub(super) curve: Option<Curve>,
    pub(super) patient: Option<Patient>,
    pub(super) invoice: Option<Invoice>,
    pub(super) latency: Option<Latency>,
    pub(super) audit: Option<audit::Report>,
    pub(super) places: Places,
}

/// What `aftercare simulate` needs to write the same records again.
#[derive(Debug, Serialize)]
pub(super) struct World {
    pub(super) seed: u64,
    pub(super) patients: u32,
    pub(super) days: u32,
    pub(super) wearers_permille: u32,
    pub(super) home_permille: u32,
    pub(super) bad_records: u32,
    pub(super) tick_minutes: u32,
    /// Whether it has clinicians' sessions.
    pub(super) sessions: bool,
    /// Its first moment, ms since 1970 UTC.
    pub(super) start: i64,
}

impl From<&Settings> for World {
    fn from(settings: &Settings) -> Self {
        Self {
            seed: settings.seed,
            patients: settings.patients,
            days: settings.days,
            wearers_permille: settings.wearers_permille,
            home_permille: settings.home_permille,
            bad_records: settings.bad_records,
            tick_minutes: settings.tick_minutes,
            sessions: settings.sessions,
            start: settings.start.0,
        }
    }
}

/// The records of one input topic.
#[derive(Debug, Serialize)]
pub(super) struct Records {
    pub(super) topic: &'static str,
    /// Of the world, written.
    pub(super) world: u64,
    /// Of the real files, written.
    pub(super) files: u64,
    /// As counted by the tasks.
    pub(super) taken: u64,
    /// Copies in receipts, in ClickHouse.
    pub(super) receipts: u64,
    /// Dead letters without a receipt, in ClickHouse.
    pub(super) undecodable: u64,
}

/// What the sink wrote to ClickHouse until the report was read.
#[derive(Debug, Serialize)]
pub(super) struct Sink {
    pub(super) rows: u64,
    pub(super) inserts: u64,
}

impl Records {
    /// Whether every record written has its one outcome.
    pub(super) fn adds_up(&self) -> bool {
        self.world + self.files == self.receipts + self.undecodable
    }
}

/// One patient's composite index.
#[derive(Debug, Serialize)]
pub(super) struct Patient {
    pub(super) patient_id: String,
    pub(super) points: Vec<IndexPoint>,
}

/// Where everything is, while it runs.
#[derive(Debug, Serialize)]
pub(super) struct Places {
    pub(super) kafka: String,
    /// Prefix of the topics.
    pub(super) app: String,
    pub(super) clickhouse: String,
    pub(super) database: String,
    pub(super) user: String,
    /// The file that holds the user's password, where the server is ours.
    pub(super) password_file: Option<PathBuf>,
    /// Schema registry, health, metrics.
    pub(super) http: Option<String>,
    /// The engines' files.
    pub(super) data_dir: Option<PathBuf>,
}

impl Report {
    pub(super) fn read(
        pipeline: &Pipeline<'_>,
        written: &Written,
        settings: &Settings,
        played: &Played,
        running: &Running,
    ) -> anyhow::Result<Self> {
        let (store, runtime) = (&pipeline.store, &pipeline.runtime);
        let totals = runtime.block_on(store.totals())?;
        let records = |topic: &'static str| {
            let found = totals.iter().find(|t| t.topic == topic);
            Records {
                topic,
                world: written.world.get(topic).copied().unwrap_or(0),
                files: written.of_files(topic),
                taken: pipeline.taken(topic),
                receipts: found.map_or(0, |t| t.copies),
                undecodable: found.map_or(0, |t| t.undecodable),
            }
        };
        let inputs = topics::with_role(topics::Role::Input).map(|t| records(t.name));
        Ok(Self {
            seconds: 0.0,
            world: settings.into(),
            alerts: alerts::Alerts::read(pipeline, settings, played)?,
            nhs: written.nhs.clone(),
            heart: written.heart.as_ref().map(|heart| HeartRates::read(pipeline, heart)).transpose()?,
            records: inputs.filter(|r| r.world + r.files > 0).collect(),
            sink: sink(&pipeline.service.sink),
            outcomes: runtime.block_on(store.outcomes())?,
            dead_letters: runtime.block_on(store.dead_letters_by_reason())?,
            scores: runtime.block_on(store.scores_by_instrument())?,
            curve: runtime.block_on(store.newest_curve(STENT, "composite"))?,
            patient: patient(pipeline)?,
            invoice: Invoice::read(pipeline, &last_month(settings)?)?,
            latency: None,
            audit: None,
            places: places(pipeline, running),
        })
    }
}

fn sink(stats: &SinkStats) -> Sink {
    let sum = |counters: &[AtomicU64]| counters.iter().map(|c| c.load(Relaxed)).sum();
    Sink { rows: sum(&stats.rows), inserts: sum(&stats.inserts) }
}

/// The whole month before the one in which the world ends.
fn last_month(settings: &Settings) -> anyhow::Result<String> {
    let end = jiff::Timestamp::from_millisecond(settings.end().0)?.in_tz("UTC")?;
    Ok(end.first_of_month()?.yesterday()?.strftime("%Y-%m").to_string())
}

/// Of the patients with the longest histories the one of whom most is compared with others.
fn patient(pipeline: &Pipeline<'_>) -> anyhow::Result<Option<Patient>> {
    let (store, runtime) = (&pipeline.store, &pipeline.runtime);
    let mut best: Option<Patient> = None;
    let compared = |points: &[IndexPoint]| points.iter().filter(|p| p.expected.is_some()).count();
    for one in runtime.block_on(store.patients_with_most("composite", CANDIDATES))? {
        let mut points = runtime.block_on(store.index_over_time(&one.patient_id, "composite"))?;
        // Of several episodes the first: each has a day 0 of its own.
        if let Some(first) = points.first().map(|p| p.episode_id.clone()) {
            points.retain(|p| p.episode_id == first);
        }
        if best.as_ref().is_none_or(|best| compared(&points) > compared(&best.points)) {
            best = Some(Patient { patient_id: one.patient_id, points });
        }
    }
    Ok(best)
}

fn places(pipeline: &Pipeline<'_>, running: &Running) -> Places {
    let (kafka, clickhouse) = (&pipeline.config.kafka, &pipeline.config.clickhouse);
    let ours = running.clickhouse();
    let password = |dir: &Path| dir.join("clickhouse/reader_password");
    Places {
        kafka: kafka.bootstrap.clone(),
        app: kafka.app.clone(),
        // Not the URL itself: there may be a password in it.
        clickhouse: pipeline.store.config().origin(),
        database: clickhouse.database.clone(),
        user: ours.map_or_else(|| clickhouse.user.clone(), |server| server.reader_user().to_owned()),
        password_file: ours.and(running.dir()).map(password),
        http: pipeline.service.http.map(|address| format!("http://{address}")),
        data_dir: running.dir().map(Path::to_owned),
    }
}
