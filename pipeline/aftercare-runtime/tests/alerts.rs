//! Alerts of a task in memory: the same records and ticks in the same order give the same alerts, through aborted
//! transactions and crashes; care managers answer them; what is critical does not wait for a transaction to fill.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use aftercare_core::documents::SHIPPED;
use aftercare_core::time::Instant;
use aftercare_runtime::config::{TaskConfig, Ticks};
use aftercare_runtime::stats::TaskStats;
use aftercare_runtime::task::Task;
use aftercare_runtime::topics::{
    self, ALERT_ACTIONS, ALERTS, CONTRACTS, RECEIPTS, SESSION_VERDICTS, TASK_STATE,
};
use aftercare_schemas::{codec, wire};
use aftercare_sim::actual::Actual;
use aftercare_sim::carers::{SeenAlert, answers};
use aftercare_sim::invariants;
use aftercare_sim::memory_log::{Faults, LogSettings, MemoryBroker, MemoryLog, Stored};
use aftercare_sim::reference::Expected;
use aftercare_sim::rng::Rng;
use aftercare_sim::world::{Settings, SimRecord, World};
use aftercare_stream::position::TopicId;

const NO_FAULTS: Faults = Faults { abort_permille: 0, send_permille: 0 };
const START: i64 = 1_735_689_600_000;

fn settings(seed: u64, wearers: bool) -> Settings {
    let permille = if wearers { 700 } else { 0 };
    Settings {
        seed,
        patients: if wearers { 3 } else { 20 },
        start: Instant(START),
        days: if wearers { 45 } else { 120 },
        wearers_permille: permille,
        wear_days: 1,
        home_permille: permille,
        sessions: true,
        tick_minutes: 360,
        ..Settings::default()
    }
}

/// A clock that only knows that time passes.
fn clock() -> i64 {
    thread_local!(static CALLS: Cell<i64> = const { Cell::new(0) });
    CALLS.replace(CALLS.get() + 1)
}

fn append(broker: &MemoryBroker, record: &SimRecord) {
    let topic = topics::by_name(record.topic).unwrap().id;
    let stored =
        Stored { key: Some(record.key.clone()), value: Some(record.value.clone()), headers: Vec::new() };
    broker.append(topic, 0, stored);
}

fn broker() -> MemoryBroker {
    let broker = MemoryBroker::default();
    for (kind, id, body) in SHIPPED {
        let document = wire::Document { kind, id, version: 1, format: "toml", body, published_at: 0 };
        let mut value = Vec::new();
        codec::encode("contracts", &document, &mut value).unwrap();
        broker.append(CONTRACTS, 0, Stored { value: Some(value), ..Stored::default() });
    }
    broker
}

fn tick(at: i64) -> SimRecord {
    let mut value = Vec::new();
    let control = wire::Control { kind: wire::ControlKind::Tick, at, id: None, body: None };
    codec::encode("control", &control, &mut value).unwrap();
    SimRecord { at, topic: "control", key: Vec::new(), value }
}

/// One task that has everything, and how it is watched.
struct Ward {
    broker: MemoryBroker,
    task: Task<MemoryLog>,
    stats: Arc<TaskStats>,
    config: TaskConfig,
    faults: Faults,
    seed: u64,
    appended: usize,
}

impl Ward {
    fn new(config: TaskConfig, faults: Faults, seed: u64) -> Ward {
        let broker = broker();
        let (task, stats) = started(&broker, &config, faults, seed);
        Ward { broker, task, stats, config, faults, seed, appended: 0 }
    }

    fn crash(&mut self) {
        self.seed += 1;
        (self.task, self.stats) = started(&self.broker, &self.config, self.faults, self.seed);
    }

    fn append(&mut self, record: &SimRecord) {
        append(&self.broker, record);
        self.appended += 1;
    }

    /// Whether something lies there that the task did not take: what was appended, and what it told itself.
    fn waiting(&self) -> bool {
        let taken: u64 = self.stats.records_in.iter().map(|counter| counter.load(Relaxed)).sum();
        let told = self.broker.records(SESSION_VERDICTS, 0).len();
        taken < u64::try_from(self.appended + told).unwrap()
    }

    /// Lets the task take everything that is there, and what comes of it.
    fn drain(&mut self, rng: &mut Rng, crashes_permille: u32) {
        for _ in 0..1_000 {
            if !self.waiting() {
                break;
            }
            if rng.permille(crashes_permille) {
                self.crash();
            }
            self.task.step().unwrap();
        }
        assert!(!self.waiting(), "the task does not get on");
        // What is left to issue, and editions, which nothing counts.
        for _ in 0..8 {
            self.task.step().unwrap();
        }
    }

    fn alerts(&self) -> Vec<Vec<u8>> {
        self.broker.records(ALERTS, 0).into_iter().filter_map(|(_, record)| record.value).collect()
    }
}

fn started(
    broker: &MemoryBroker,
    config: &TaskConfig,
    faults: Faults,
    seed: u64,
) -> (Task<MemoryLog>, Arc<TaskStats>) {
    let broadcast: Vec<TopicId> =
        topics::TOPICS.iter().filter(|topic| topic.role.has_one_partition()).map(|topic| topic.id).collect();
    let settings = LogSettings { partition: 0, changelog: TASK_STATE, broadcast, batch_max: 40, faults };
    let stats = Arc::new(TaskStats::default());
    let mut task = Task::new(broker.log(settings, seed), config.clone(), Arc::clone(&stats), clock);
    task.start().unwrap();
    (task, stats)
}

/// Plays a world record by record; people answer each alert that they see. Answers all alert rows, in their order.
fn played(seed: u64, wearers: bool, faults: Faults, crashes_permille: u32) -> (Vec<Vec<u8>>, usize) {
    let config = TaskConfig { ticks: Ticks::External, ..TaskConfig::new(0, 1) };
    let (mut ward, mut rng) = (Ward::new(config, faults, seed), Rng::new(seed, &[7]));
    let mut coming: BTreeMap<(i64, usize), SimRecord> = BTreeMap::new();
    coming.insert((START, 0), tick(START));
    for (number, record) in World::new(settings(seed, wearers)).enumerate() {
        coming.insert((record.at, number + 1), record);
    }
    let (mut seen, mut acted) = (0, 0);
    while let Some((_, record)) = coming.pop_first() {
        ward.append(&record);
        ward.drain(&mut rng, crashes_permille);
        for row in ward.alerts().split_off(seen) {
            seen += 1;
            let alert: wire::Alert<'_> = codec::decode("alerts", Some(&row), None).unwrap();
            if alert.revision > 1 {
                continue;
            }
            let seen_alert = SeenAlert {
                alert_id: alert.alert_id,
                patient_id: alert.patient_id,
                severity: alert.severity,
                raised_at: Instant(alert.raised_at),
                answer_due_at: alert.answer_due_at.map(Instant),
            };
            for action in answers(&seen_alert, seed) {
                acted += 1;
                coming.insert((action.at.max(record.at), 1_000_000 + acted), action);
            }
        }
    }
    let open: i64 = ward.stats.alerts_open.iter().flatten().map(|counter| counter.load(Relaxed)).sum();
    let actual = actual(&ward.alerts());
    let unresolved = actual.alerts.iter().filter(|(_, alert)| alert.is_unresolved()).count();
    assert_eq!(usize::try_from(open), Ok(unresolved), "the metric says how many are open");
    (ward.alerts(), ward.broker.records(ALERT_ACTIONS, 0).len())
}

fn actual(rows: &[Vec<u8>]) -> Actual {
    let mut actual = Actual::default();
    rows.iter().for_each(|row| actual.add("alerts", Some(row)).unwrap());
    actual
}

/// The named statements hold; answers which rules raised something.
fn assert_statements(rows: &[Vec<u8>], seed: u64) -> BTreeSet<String> {
    let actual = actual(rows);
    let statements = [invariants::NO_ALERT_TWICE_PER_ONSET, invariants::CRITICAL_IS_ANSWERED_OR_ESCALATED];
    for (name, check) in invariants::ALL.iter().filter(|(name, _)| statements.contains(name)) {
        assert_eq!(check(&Expected::default(), &actual), [], "seed {seed}: {name}");
    }
    for (id, rows) in &actual.alert_rows {
        let revisions: Vec<i32> = rows.iter().map(|(_, revision)| *revision).collect();
        assert_eq!(revisions, (1..).take(rows.len()).collect::<Vec<_>>(), "{id}");
    }
    actual.alerts.iter().map(|(_, alert)| alert.rule.clone()).collect()
}

const FAULTS: Faults = Faults { abort_permille: 60, send_permille: 2 };

#[test]
fn crashes_and_aborts_change_no_alert() {
    let (mut rules, mut all_actions) = (BTreeSet::new(), 0);
    for seed in [3, 4, 5] {
        let (rows, actions) = played(seed, false, NO_FAULTS, 0);
        let (again, _) = played(seed, false, FAULTS, 60);
        assert!(rows == again, "seed {seed}: other alerts after crashes and aborts");
        all_actions += actions;
        rules.extend(assert_statements(&rows, seed));
    }
    assert!(all_actions > 20, "only {all_actions} actions");
    assert!(rules.len() >= 4, "only these rules raised anything: {rules:?}");
}

/// Windows that changed are issued at once after a crash, without waiting for a tick: which of their states the rules
/// see depends on it, what must hold of alerts does not.
#[test]
fn wearers_alerts_hold_what_alerts_must_hold_through_crashes() {
    let mut rules = BTreeSet::new();
    for seed in [5, 6] {
        rules.extend(assert_statements(&played(seed, true, FAULTS, 60).0, seed));
    }
    assert!(rules.contains("quiet-device"), "only these rules raised anything: {rules:?}");
}

/// An upload of PHQ-9 with this answer to its last item.
fn upload(id: &str, at: i64, code: i32) -> SimRecord {
    let mut items = Vec::new();
    for number in 1..=9 {
        items.push((format!("phq9_{number}"), if number == 9 { code } else { 0 }));
    }
    let answers = items.iter().map(|(item, code)| wire::Answer { item, code: Some(*code) }).collect();
    let response = wire::PromResponse {
        id,
        revision: 1,
        status: wire::RecordStatus::Final,
        source: wire::Source::Live,
        patient_id: "p-1",
        episode_id: None,
        answered_at: at,
        uploaded_at: at,
        respondent: "patient",
        forms: vec![wire::Form { instrument: "phq-9", instrument_version: None, answers }],
    };
    let mut value = Vec::new();
    codec::encode("prom-responses", &response, &mut value).unwrap();
    SimRecord { at, topic: "prom-responses", key: b"p-1".to_vec(), value }
}

#[test]
fn what_is_critical_commits_with_its_batch() {
    for (code, committed) in [(0, false), (1, true)] {
        // Nothing else ever ends a transaction.
        let config = TaskConfig {
            ticks: Ticks::External,
            commit_ms_busy: i64::MAX,
            commit_ms_min: i64::MAX,
            commit_records_small: 0,
            ..TaskConfig::new(0, 1)
        };
        let mut ward = Ward::new(config, NO_FAULTS, 1);
        ward.append(&tick(START));
        (0..20).for_each(|_| ward.task.step().unwrap());
        let enrolment = wire::Enrolment {
            id: "en-1",
            status: wire::RecordStatus::Final,
            source: wire::Source::Live,
            patient_id: "p-1",
            episode_id: "e-1",
            recorded_at: START,
            effective_at: START,
            treated_at: Some(START),
            plan: Some("kidney-transplant"),
            ..wire::Enrolment::default()
        };
        let mut value = Vec::new();
        codec::encode("enrolments", &enrolment, &mut value).unwrap();
        ward.append(&SimRecord { at: START, topic: "enrolments", key: b"p-1".to_vec(), value });
        (0..20).for_each(|_| ward.task.step().unwrap());
        assert_eq!(ward.broker.records(RECEIPTS, 0).len(), 0, "the transaction stays open");
        ward.append(&upload("u-1", START, code));
        (0..20).for_each(|_| ward.task.step().unwrap());
        assert_eq!(ward.alerts().len(), usize::from(committed), "code {code}");
        assert_eq!(ward.broker.records(RECEIPTS, 0).is_empty(), !committed, "code {code}");
    }
}
