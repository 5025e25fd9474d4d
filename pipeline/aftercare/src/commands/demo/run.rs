//! The demo, step by step.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

use aftercare_clickhouse::Store;
use aftercare_runtime::topics;
use aftercare_sim::world::Settings;
use anyhow::{Context, ensure};

use super::report::Report;
use super::ticker::Ticker;
use super::{Args, Files, heart, latency, play, text};
use crate::Outcome;
use crate::commands::serve::{Role, Service};
use crate::commands::{audit, import, migrate};
use crate::config::Config;
use crate::import::{ImportArgs, Summary};
use crate::wiring::engines::Running;
use crate::wiring::sink::TABLES;
use crate::wiring::{say, wall_clock};

/// The world's time goes in steps of so many minutes.
const TICK_MINUTES: u32 = 720;
/// For so long the world goes on by the wall when the demo is kept.
const KEPT_DAYS: u32 = 30;
/// So many of 1000 patients wear a device.
const WEARERS_PERMILLE: u32 = 50;
/// A step between two ticks takes some hundredths of a second.
pub(super) const STEP_MAX: Duration = Duration::from_secs(60);
/// Between two looks at what the tasks have taken of a step, and of everything.
const LOOK: Duration = Duration::from_millis(1);
const LOOK_AT_ALL: Duration = Duration::from_millis(50);
/// Everything that is written should be in ClickHouse long before this is over.
const SETTLE_MAX: Duration = Duration::from_secs(180);
/// By then the rows of the latency measurement are in ClickHouse too.
const AUDIT_WAIT_S: u64 = 30;

/// Tells on stderr what is being done and how long it took, and does nothing more after a signal.
pub(super) struct Steps<'a> {
    pub(super) began: Instant,
    pub(super) stop: &'a Arc<AtomicBool>,
}

impl Steps<'_> {
    pub(super) fn run<T>(&self, what: &str, work: impl FnOnce() -> anyhow::Result<T>) -> anyhow::Result<T> {
        ensure!(!self.stop.load(Relaxed), "stopped before: {what}");
        let began = Instant::now();
        let mut stderr = std::io::stderr();
        drop(write!(stderr, "  {what:<60}").and_then(|()| stderr.flush()));
        let result = work().with_context(|| what.to_owned());
        match &result {
            Ok(_) => say(format_args!("{:>7.1} s", began.elapsed().as_secs_f64())),
            Err(_) => say(format_args!("  not done")),
        }
        result
    }
}

/// The pipeline while it runs, and what to ask it by.
pub(super) struct Pipeline<'a> {
    pub(super) config: &'a Config,
    pub(super) service: Service,
    pub(super) store: Store,
    pub(super) runtime: tokio::runtime::Runtime,
    stop: &'a AtomicBool,
}

/// What was written, by topic.
pub(super) struct Written {
    pub(super) world: BTreeMap<&'static str, u64>,
    pub(super) nhs: Option<Summary>,
    /// And how long it took, s.
    pub(super) heart: Option<(Summary, f64)>,
}

impl Written {
    pub(super) fn of_files(&self, topic: &str) -> u64 {
        let files = self.nhs.iter().chain(self.heart.iter().map(|(summary, _)| summary));
        files.filter_map(|file| file.records.get(topic)).sum()
    }

    pub(super) fn records(&self, topic: &str) -> u64 {
        self.world.get(topic).copied().unwrap_or(0) + self.of_files(topic)
    }
}

/// All of it, on engines that run.
pub(super) fn demonstrate(
    config: &Config,
    args: &Args,
    files: &Files,
    running: &Running,
    steps: &Steps<'_>,
) -> anyhow::Result<Outcome> {
    steps.run("create topics, tables and documents", || {
        let report = migrate::migrate(config, true)?;
        ensure!(report.differences.is_empty(), "{}", report.differences.join("; "));
        Ok(())
    })?;
    let stop_service = Arc::new(AtomicBool::new(false));
    let pipeline = steps.run("start the pipeline", || {
        let service =
            Service::start(config, &[Role::Task, Role::Sink, Role::Late, Role::Http], &stop_service)?;
        let pipeline = Pipeline {
            config,
            service,
            store: Store::connect(config.store()?),
            runtime: tokio::runtime::Builder::new_current_thread().enable_all().build()?,
            stop: steps.stop,
        };
        Ok(pipeline)
    })?;
    let done = show(&pipeline, args, files, running, steps);
    stop_service.store(true, Relaxed);
    let joined = pipeline.service.join();
    joined.and(done)
}

fn show(
    pipeline: &Pipeline<'_>,
    args: &Args,
    files: &Files,
    running: &Running,
    steps: &Steps<'_>,
) -> anyhow::Result<Outcome> {
    pipeline.wait(Duration::from_secs(60), "the tasks", || Ok(pipeline.tasks_wait()))?;
    let heart = match &files.heart {
        None => None,
        Some(file) => Some(steps.run("play a month of real heart rates", || heart::play(pipeline, file))?),
    };
    let start = wall_clock() - i64::from(args.days) * 86_400_000;
    let settings = Settings {
        seed: args.seed,
        patients: args.patients,
        start: aftercare_core::time::Instant(start),
        days: args.days,
        wearers_permille: WEARERS_PERMILLE,
        bad_records: args.bad_records,
        sessions: true,
        tick_minutes: TICK_MINUTES,
        days_after: if args.keep { KEPT_DAYS } else { 0 },
        ..Settings::default()
    };
    let what = format!("play {} days of {} patients", args.days, args.patients);
    let mut play = steps.run(&what, || play::play(pipeline, settings.clone(), steps.began))?;
    let _ticker = Ticker::start(pipeline.config)?;
    let nhs = match &files.nhs {
        None => None,
        Some(file) => Some(steps.run("import the NHS PROMs file", || import_nhs(pipeline.config, file))?),
    };
    let written = Written { world: play.played.written.clone(), nhs, heart };
    steps.run("wait until all of it is in ClickHouse", || pipeline.settle(&written))?;
    let mut report = steps
        .run("read what came out", || Report::read(pipeline, &written, &settings, &play.played, running))?;
    if args.probes > 0 {
        let what = format!("time {} questionnaires, one by one, into ClickHouse", text::grouped(args.probes));
        report.latency = Some(steps.run(&what, || latency::measure(pipeline, args.probes))?);
    }
    let sound = steps.run("audit: every record, every row", || {
        let args = audit::Args { wait: AUDIT_WAIT_S, deep: true, json: false };
        let found = audit::audit(pipeline.config, &args)?;
        Ok(report.audit.insert(found).holds)
    })?;
    report.seconds = steps.began.elapsed().as_secs_f64();
    let text = if args.json {
        serde_json::to_string_pretty(&report)? + "\n"
    } else {
        text::render(&report, args, running.dir().is_some())
    };
    // Nobody may be reading any more; everything still has to be stopped.
    let mut stdout = std::io::stdout();
    drop(stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()));
    while args.keep && !steps.stop.load(Relaxed) {
        ensure!(!pipeline.service.has_failed(), "a part of the pipeline ended");
        play.go_on(wall_clock())?;
        std::thread::sleep(Duration::from_millis(50));
    }
    Ok(if sound { Outcome::Done } else { Outcome::Found })
}

fn import_nhs(config: &Config, file: &Path) -> anyhow::Result<Summary> {
    let refused = tempfile::Builder::new().prefix("aftercare-refused-").tempdir()?;
    let args = ImportArgs {
        file: file.to_owned(),
        mapping: "nhs-eq5d3l".into(),
        refused: Some(refused.path().join("refused.csv")),
    };
    import::import_file(config, &args)
}

impl Pipeline<'_> {
    /// Waits for a condition; ends early when a signal came or a part of the pipeline failed.
    pub(super) fn wait(
        &self,
        limit: Duration,
        what: &str,
        holds: impl FnMut() -> anyhow::Result<bool>,
    ) -> anyhow::Result<()> {
        self.look(LOOK_AT_ALL, limit, what, holds)
    }

    /// Waits until a step between two ticks is taken.
    pub(super) fn wait_step(&self, what: &str, holds: impl Fn() -> bool) -> anyhow::Result<()> {
        self.look(LOOK, STEP_MAX, what, || Ok(holds()))
    }

    fn look(
        &self,
        every: Duration,
        limit: Duration,
        what: &str,
        mut holds: impl FnMut() -> anyhow::Result<bool>,
    ) -> anyhow::Result<()> {
        let began = Instant::now();
        while !holds()? {
            self.goes_on()?;
            ensure!(began.elapsed() < limit, "waited {} s for {what}", limit.as_secs());
            std::thread::sleep(every);
        }
        Ok(())
    }

    /// An error when a signal came or a part of the pipeline failed.
    pub(super) fn goes_on(&self) -> anyhow::Result<()> {
        ensure!(!self.stop.load(Relaxed), "stopped");
        ensure!(!self.service.has_failed(), "a part of the pipeline ended");
        Ok(())
    }

    /// Whether every task waits for its first tick.
    fn tasks_wait(&self) -> bool {
        let tasks = self.service.tasks.lock().expect("no holder panics");
        let running = tasks.values().filter(|t| t.phase.load(Relaxed) == 2).count();
        i32::try_from(running).is_ok_and(|n| n == self.config.kafka.partitions)
    }

    /// Records of an input topic that the tasks took.
    pub(super) fn taken(&self, topic: &str) -> u64 {
        let at = topics::by_name(topic).map_or(0, |t| topics::index(t.id));
        let tasks = self.service.tasks.lock().expect("no holder panics");
        tasks.values().map(|stats| stats.records_in[at].load(Relaxed)).sum()
    }

    /// The tick that every task has done with, ms since 1970 UTC.
    pub(super) fn ticked(&self) -> i64 {
        let tasks = self.service.tasks.lock().expect("no holder panics");
        tasks.values().map(|stats| stats.tick.load(Relaxed)).min().unwrap_or(0)
    }

    /// Waits until everything was taken, every task saw a tick after that (at which it issues its windows and counts),
    /// and everything it issued is in ClickHouse.
    pub(super) fn settle(&self, written: &Written) -> anyhow::Result<()> {
        self.wait(SETTLE_MAX, "the tasks to take all records", || {
            Ok(topics::with_role(topics::Role::Input).all(|t| self.taken(t.name) >= written.records(t.name)))
        })?;
        let taken_at = wall_clock();
        self.wait(SETTLE_MAX, "a tick", || Ok(self.ticked() > taken_at))?;
        self.wait(SETTLE_MAX, "the sink", || self.is_caught_up())
    }

    /// Whether ClickHouse covers all that the tasks wrote.
    fn is_caught_up(&self) -> anyhow::Result<bool> {
        let issued: Vec<u64> = TABLES.iter().map(|table| self.issued(table.topic())).collect();
        let coverage = self.runtime.block_on(self.store.coverage())?;
        let covered = |topic: &str| -> u64 {
            coverage.iter().filter(|c| c.topic == topic).map(|c| c.last_sequence - c.missing).sum()
        };
        Ok(TABLES.iter().zip(issued).all(|(table, issued)| covered(table.topic()) >= issued))
    }

    pub(super) fn issued(&self, topic: &str) -> u64 {
        let at = topics::by_name(topic).map_or(0, |t| topics::index(t.id));
        let tasks = self.service.tasks.lock().expect("no holder panics");
        tasks.values().map(|stats| stats.outputs[at].load(Relaxed)).sum()
    }
}
