//! A world through one task in memory: no engine, no clock, the same every time. Care managers answer what they see.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use aftercare_core::time::Instant;
use aftercare_runtime::config::{TaskConfig, Ticks};
use aftercare_runtime::stats::TaskStats;
use aftercare_runtime::task::Task;
use aftercare_runtime::topics::{self, ALERTS, CONTRACTS, CONTROL, TASK_STATE};
use aftercare_schemas::{codec, wire};
use aftercare_sim::carers::{self, SeenAlert};
use aftercare_sim::measure::RaisedAlert;
use aftercare_sim::memory_log::{Faults, LogSettings, MemoryBroker, MemoryLog, Stored};
use aftercare_sim::world::{Settings, SimRecord, World};
use anyhow::Context;

use crate::wiring::ticks::tick;

/// Most records of one poll.
const BATCH_MAX: usize = 400;

/// A document: kind, id, version, text.
pub(super) type Published = (String, String, i32, String);

/// What came of a world.
#[derive(Default)]
pub(super) struct Seen {
    /// Every alert about a patient that was raised for people to see, once.
    pub(super) alerts: Vec<RaisedAlert>,
    /// Questionnaires that arrived, each once.
    pub(super) uploads: u64,
}

struct Flow {
    broker: MemoryBroker,
    task: Task<MemoryLog>,
    stats: Arc<TaskStats>,
    /// Where the reader of alerts is.
    alerts_from: i64,
    seed: u64,
    /// Care managers' actions to come, by arrival.
    actions: BTreeMap<(i64, u64), SimRecord>,
    seen: Seen,
}

/// Plays the world to its end.
pub(super) fn play(settings: Settings, documents: &[Published]) -> anyhow::Result<Seen> {
    let (end, seed) = (settings.end().0, settings.seed);
    let mut flow = Flow::new(documents, seed)?;
    let mut uploads = BTreeSet::new();
    for record in World::new(settings).take_while(|record| record.at <= end) {
        if record.topic == topics::name(CONTROL) {
            let now: wire::Control<'_> = codec::decode(record.topic, Some(&record.value), None)?;
            flow.tick(now.at)?;
            continue;
        }
        if record.topic == "prom-responses" {
            let upload: wire::PromResponse<'_> = codec::decode(record.topic, Some(&record.value), None)?;
            uploads.insert(upload.id.to_owned());
        }
        flow.append(&record)?;
    }
    flow.tick(end + 1)?;
    flow.seen.uploads = uploads.len() as u64;
    Ok(flow.seen)
}

impl Flow {
    fn new(documents: &[Published], seed: u64) -> anyhow::Result<Self> {
        let broker = MemoryBroker::default();
        for (kind, id, version, body) in documents {
            let document =
                wire::Document { kind, id, version: *version, format: "toml", body, published_at: 0 };
            let mut value = Vec::new();
            codec::encode(topics::name(CONTRACTS), &document, &mut value)?;
            let key = Some(id.clone().into_bytes());
            broker.append(CONTRACTS, 0, Stored { key, value: Some(value), headers: Vec::new() });
        }
        let alone = topics::TOPICS.iter().filter(|topic| topic.role.has_one_partition());
        let log = LogSettings {
            partition: 0,
            changelog: TASK_STATE,
            broadcast: alone.map(|topic| topic.id).collect(),
            batch_max: BATCH_MAX,
            faults: Faults::default(),
        };
        let config = TaskConfig {
            ticks: Ticks::External,
            // every turn commits what it took
            commit_ms_min: 0,
            commit_ms_busy: 0,
            ..TaskConfig::new(0, 1)
        };
        let stats = Arc::new(TaskStats::default());
        let mut task = Task::new(broker.log(log, seed), config, Arc::clone(&stats), turns);
        task.start()?;
        let (actions, seen) = (BTreeMap::new(), Seen::default());
        Ok(Self { broker, task, stats, alerts_from: 0, seed, actions, seen })
    }

    fn append(&mut self, record: &SimRecord) -> anyhow::Result<()> {
        let topic = topics::by_name(record.topic).context("a topic of the world is none of ours")?.id;
        let (key, value) = (Some(record.key.clone()), Some(record.value.clone()));
        self.broker.append(topic, 0, Stored { key, value, headers: Vec::new() });
        Ok(())
    }

    /// Time goes on, once everything before has its effect and people did what they do until then.
    fn tick(&mut self, at: i64) -> anyhow::Result<()> {
        self.settle()?;
        self.see()?;
        let later = self.actions.split_off(&(at, 0));
        for (_, action) in std::mem::replace(&mut self.actions, later) {
            self.append(&action)?;
        }
        self.settle()?;
        self.broker.append(CONTROL, 0, Stored { value: Some(tick(at)?), ..Stored::default() });
        self.settle()?;
        self.see()
    }

    /// Turns until one has nothing more to commit.
    fn settle(&mut self) -> anyhow::Result<()> {
        loop {
            let before = self.stats.committed.load(Relaxed);
            self.task.step()?;
            if self.stats.committed.load(Relaxed) == before {
                return Ok(());
            }
        }
    }

    fn see(&mut self) -> anyhow::Result<()> {
        for (offset, record) in self.broker.records_from(ALERTS, 0, self.alerts_from) {
            self.alerts_from = offset + 1;
            let alert: wire::Alert<'_> = codec::decode(topics::name(ALERTS), record.value.as_deref(), None)?;
            if alert.revision != 1 || alert.historic || alert.audience != "patient_care" {
                continue;
            }
            self.seen.alerts.push(RaisedAlert {
                patient_id: alert.patient_id.to_owned(),
                rule: alert.rule.to_owned(),
                severity: alert.severity.to_owned(),
                raised_at: Instant(alert.raised_at),
            });
            let seen = SeenAlert {
                alert_id: alert.alert_id,
                patient_id: alert.patient_id,
                severity: alert.severity,
                raised_at: Instant(alert.raised_at),
                answer_due_at: alert.answer_due_at.map(Instant),
            };
            for action in carers::answers(&seen, self.seed) {
                let same_time = self.actions.range((action.at, 0)..=(action.at, u64::MAX)).count() as u64;
                self.actions.insert((action.at, same_time), action);
            }
        }
        Ok(())
    }
}

/// A clock that only knows how often it was asked: nothing is decided by it.
fn turns() -> i64 {
    static TURNS: AtomicU64 = AtomicU64::new(0);
    i64::try_from(TURNS.fetch_add(1, Relaxed)).unwrap_or(i64::MAX)
}
