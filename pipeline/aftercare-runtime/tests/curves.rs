//! Curves from end to end in memory: tasks contribute, end their months, count, publish and judge, side by side through
//! aborted transactions and crashes; what came out is what batch computations over the same records, contributions and
//! editions say.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use aftercare_core::documents::{Library, SHIPPED};
use aftercare_core::time::Instant;
use aftercare_runtime::config::{self, TaskConfig, Ticks};
use aftercare_runtime::stats::TaskStats;
use aftercare_runtime::task::Task;
use aftercare_runtime::topics::{
    self, CONTRACTS, CONTROL, CURVE_CONTRIBUTIONS, CURVE_EDITIONS, SCORES, TASK_STATE,
};
use aftercare_schemas::{codec, wire};
use aftercare_sim::actual::{Actual, Step};
use aftercare_sim::invariants::{self, CONTRIBUTIONS_EQUAL_SCORES, EDITIONS_EQUAL_CONTRIBUTIONS, Violation};
use aftercare_sim::memory_log::{Faults, LogSettings, MemoryBroker, MemoryLog, Stored};
use aftercare_sim::reference::{Expected, Limits, Reference};
use aftercare_sim::rng::Rng;
use aftercare_sim::world::{Settings, SimRecord, World};
use aftercare_stream::changelog::RoundPolicy;
use aftercare_stream::log::TaskLog;
use aftercare_stream::partitioner::partition_of;
use aftercare_stream::position::Offset;

const PARTITIONS: i32 = 3;
const DAY_MS: i64 = 86_400_000;

fn settings(seed: u64) -> Settings {
    Settings {
        seed,
        patients: 30,
        days: 240,
        wearers_permille: 0,
        home_permille: 0,
        tick_minutes: 12 * 60,
        ..Settings::default()
    }
}

/// The documents of this build, with other levels of cohorts in plans.
fn documents(levels: Option<&str>) -> impl Iterator<Item = (&'static str, &'static str, String)> {
    SHIPPED.into_iter().map(move |(kind, id, body)| {
        let stated = levels.map(|levels| format!("period = \"month\"\nlevels = {levels}"));
        (kind, id, stated.map_or(body.to_owned(), |stated| body.replace("period = \"month\"", &stated)))
    })
}

fn library(levels: Option<&str>) -> Library {
    let mut library = Library::default();
    documents(levels).for_each(|(kind, id, body)| library.add(kind, id, 1, &body).unwrap());
    library
}

fn publish(broker: &MemoryBroker, levels: Option<&str>) {
    for (kind, id, body) in documents(levels) {
        let body = &*body;
        let document = wire::Document { kind, id, version: 1, format: "toml", body, published_at: 0 };
        let mut value = Vec::new();
        codec::encode("contracts", &document, &mut value).unwrap();
        broker.append(CONTRACTS, 0, Stored { key: Some(id.into()), value: Some(value), headers: Vec::new() });
    }
}

fn append(broker: &MemoryBroker, record: &SimRecord) {
    let topic = topics::by_name(record.topic).unwrap().id;
    let stored = |key| Stored { key, value: Some(record.value.clone()), headers: Vec::new() };
    if topic == CONTROL {
        (0..PARTITIONS).for_each(|partition| broker.append(CONTROL, partition, stored(None)));
    } else {
        broker.append(topic, partition_of(&record.key, PARTITIONS), stored(Some(record.key.clone())));
    }
}

/// The tasks, and what becomes of them.
struct Flow {
    broker: MemoryBroker,
    tasks: Vec<Task<MemoryLog>>,
    stats: Arc<TaskStats>,
    faults: Faults,
    rng: Rng,
    /// Offsets of contributions that no task wrote, or one whose state was given up.
    strays: Vec<i64>,
    limits: config::Limits,
}

impl Flow {
    fn new(seed: u64, faults: Faults) -> Self {
        Self::of_levels(seed, faults, None)
    }

    fn of_levels(seed: u64, faults: Faults, levels: Option<&str>) -> Self {
        let broker = MemoryBroker::default();
        publish(&broker, levels);
        let stats = Arc::new(TaskStats::default());
        // A task that fell behind meets records from days ahead of its tick.
        let limits = config::Limits { future_wait_ms_max: i64::MAX, ..config::Limits::default() };
        let (tasks, rng, strays) = (Vec::new(), Rng::new(seed, &[7]), Vec::new());
        let mut flow = Self { broker, tasks, stats, faults, rng, strays, limits };
        flow.tasks = (0..PARTITIONS).map(|partition| flow.started(partition, seed)).collect();
        flow
    }

    fn log(&self, partition: i32, seed: u64) -> MemoryLog {
        let alone = topics::TOPICS.iter().filter(|topic| topic.role.has_one_partition());
        let broadcast = alone.map(|topic| topic.id).collect();
        let settings =
            LogSettings { partition, changelog: TASK_STATE, broadcast, batch_max: 40, faults: self.faults };
        self.broker.log(settings, seed)
    }

    fn started(&self, partition: i32, seed: u64) -> Task<MemoryLog> {
        self.incarnated(partition, seed, 1)
    }

    fn incarnated(&self, partition: i32, seed: u64, incarnation: u16) -> Task<MemoryLog> {
        let config = TaskConfig {
            incarnation,
            ticks: Ticks::External,
            rounds: RoundPolicy {
                changes_bytes_min: 50_000,
                changes_per_state: 1,
                bytes_per_commit_min: 4_000,
            },
            limits: self.limits,
            ..TaskConfig::new(partition, PARTITIONS)
        };
        let mut task = Task::new(self.log(partition, seed), config, Arc::clone(&self.stats), clock);
        task.start().unwrap();
        task
    }

    /// Each task takes up to `most` steps; now and then one is dropped in mid-transaction and another takes over.
    fn steps(&mut self, most: i64, crash_permille: u32) {
        for (at, partition) in (0..self.tasks.len()).zip(0..) {
            for _ in 0..self.rng.between(0, most + 1) {
                self.tasks[at].step().unwrap();
            }
            if self.rng.permille(crash_permille) {
                let seed = u64::try_from(self.rng.between(0, 1 << 40)).unwrap();
                self.tasks[at] = self.started(partition, seed);
            }
        }
    }

    /// Until nothing more is written.
    fn drain(&mut self) {
        let mut quiet = 0;
        let mut written = 0;
        while quiet < 20 {
            self.steps(8, 0);
            let all: i64 = self.stats.outputs.iter().map(|n| i64::try_from(n.load(Relaxed)).unwrap()).sum();
            quiet = if all == written { quiet + 1 } else { 0 };
            written = all;
        }
    }

    fn actual(&self) -> Actual {
        let mut actual = Actual::of_all_topics();
        for topic in topics::TOPICS {
            let partitions = match topic.role {
                topics::Role::Output => PARTITIONS,
                topics::Role::Contributions | topics::Role::Editions => 1,
                _ => continue,
            };
            for (offset, record) in
                (0..partitions).flat_map(|partition| self.broker.records(topic.id, partition))
            {
                if topic.id == CURVE_CONTRIBUTIONS && self.strays.contains(&offset) {
                    continue;
                }
                let row = record.headers.iter().find(|(name, _)| name == "aftercare.dead-letter");
                actual.add(topic.name, row.map(|(_, row)| &**row).or(record.value.as_deref())).unwrap();
            }
        }
        actual
    }
}

/// A clock that only knows that time passes.
fn clock() -> i64 {
    thread_local!(static CALLS: Cell<i64> = const { Cell::new(0) });
    CALLS.replace(CALLS.get() + 1)
}

fn reference(records: &[SimRecord]) -> Expected {
    reference_by(records, &Library::builtin())
}

fn reference_by(records: &[SimRecord], library: &Library) -> Expected {
    let last_tick = records.iter().rfind(|record| record.topic == "control").unwrap().at;
    let mut reference = Reference::new(Limits { last_tick: Instant(last_tick), ..Limits::default() });
    for record in records.iter().filter(|record| record.topic != "control") {
        reference.add(record.topic, &record.key, Some(&record.value), None);
    }
    reference.finish(library)
}

/// The world, and for every fourth upload a correction some days later.
fn corrected(settings: Settings) -> Vec<SimRecord> {
    let mut rng = Rng::new(settings.seed, &[8]);
    let mut records: Vec<_> = World::new(settings).collect();
    let last = records.last().unwrap().at;
    let mut corrections = Vec::new();
    for record in records.iter().filter(|record| record.topic == "prom-responses") {
        let mut response: wire::PromResponse<'_> =
            codec::decode(record.topic, Some(&record.value), None).unwrap();
        let at = record.at + rng.between(1, 20) * DAY_MS;
        if !rng.permille(250) || at > last {
            continue;
        }
        response.revision += 10;
        response.status = wire::RecordStatus::Amended;
        for form in &mut response.forms {
            let codes = match form.instrument {
                "phq-2" => 4,
                "eq-vas" => 101,
                _ => continue,
            };
            if let Some(answer) = form.answers.first_mut() {
                answer.code = answer.code.map(|code| (code + 1) % codes);
            }
        }
        let mut value = Vec::new();
        codec::encode(record.topic, &response, &mut value).unwrap();
        corrections.push(SimRecord { at, value, ..record.clone() });
    }
    records.extend(corrections);
    records.sort_by_key(|record| record.at);
    records
}

/// Plays the records day by day; a task may fall days behind.
fn play(records: &[SimRecord], flow: &mut Flow, crash_permille: u32) {
    let mut day = 0;
    for record in records {
        if record.at >= day {
            day = record.at + DAY_MS;
            flow.steps(5, crash_permille);
        }
        append(&flow.broker, record);
    }
    flow.drain();
}

/// How many score rows by which an edition replaced what another, or none, had said of the same revision.
fn judged_anew(broker: &MemoryBroker) -> usize {
    let mut known: BTreeMap<(String, i32), Option<String>> = BTreeMap::new();
    let mut again = 0;
    for (_, record) in (0..PARTITIONS).flat_map(|partition| broker.records(SCORES, partition)) {
        let row: wire::Score<'_> = codec::decode("scores", record.value.as_deref(), None).unwrap();
        let edition = row.curve_edition.map(str::to_owned);
        let before = known.insert((row.score_id.to_owned(), row.upload_revision), edition.clone());
        again += usize::from(before.is_some_and(|before| before != edition));
    }
    again
}

fn names(expected: &Expected, actual: &Actual) -> BTreeSet<&'static str> {
    invariants::check_all(expected, actual).into_iter().map(|violation| violation.invariant).collect()
}

#[test]
fn each_score_is_judged_by_the_edition_in_force_when_it_was_answered() {
    for seed in 0..6 {
        let records = corrected(settings(seed));
        let mut flow = Flow::new(seed, Faults { abort_permille: 50, send_permille: 1 });
        play(&records, &mut flow, 20);
        let (expected, actual) = (reference(&records), flow.actual());
        let violations = invariants::check_all(&expected, &actual);
        let first: Vec<_> = violations.iter().take(3).map(|violation| format!("{violation:#}")).collect();
        assert!(violations.is_empty(), "seed {seed}: {} violations, the first: {first:#?}", violations.len());
        assert_eq!(flow.stats.curve_violations.load(Relaxed), 0);

        let months: BTreeSet<_> = actual.editions.iter().map(|edition| edition.period_end).collect();
        let judged = actual.scores.iter().filter(|(_, score)| score.expected.is_some()).count();
        assert!(months.len() >= 5, "seed {seed}: {} months have editions", months.len());
        assert!(judged > 300, "seed {seed}: {judged} scores are judged");
        assert!(judged_anew(&flow.broker) > 0, "seed {seed}: every edition came before its first answer");
    }
}

#[test]
fn a_plan_says_what_narrows_its_cohorts() {
    for (levels, cohorts) in [
        (r#"["sex", "age_band"]"#, ["pci-des", "pci-des/female", "pci-des/male/60-69"].as_slice()),
        (r#"["comorbidity"]"#, &["pci-des", "pci-des/diabetes"]),
        ("[]", &["pci-des"]),
    ] {
        let records: Vec<_> = World::new(settings(4)).collect();
        let mut flow = Flow::of_levels(4, Faults { abort_permille: 50, send_permille: 1 }, Some(levels));
        play(&records, &mut flow, 20);
        let (expected, actual) = (reference_by(&records, &library(Some(levels))), flow.actual());
        let violations = invariants::check_all(&expected, &actual);
        assert!(violations.is_empty(), "{levels}: {} violations: {:#}", violations.len(), violations[0]);
        let known: BTreeSet<&str> = actual.editions.iter().map(|edition| &*edition.cohort).collect();
        assert!(cohorts.iter().all(|cohort| known.contains(cohort)), "{levels}: {known:?}");
        let depth = levels.matches('"').count() / 2;
        assert!(known.iter().all(|cohort| cohort.matches('/').count() <= depth), "{levels}: {known:?}");
    }
}

#[test]
fn what_is_wrong_with_a_curve_is_found() {
    let records: Vec<_> = World::new(settings(3)).collect();
    let mut flow = Flow::new(3, Faults::default());
    play(&records, &mut flow, 0);
    let (expected, actual) = (reference(&records), flow.actual());
    assert_eq!(names(&expected, &actual), BTreeSet::new());

    let mut lost = actual.clone();
    lost.editions.remove(0);
    assert_eq!(names(&expected, &lost), BTreeSet::from([EDITIONS_EQUAL_CONTRIBUTIONS]));
    let mut twice = actual.clone();
    twice.editions.push(twice.editions[0].clone());
    assert_eq!(names(&expected, &twice), BTreeSet::from([EDITIONS_EQUAL_CONTRIBUTIONS]));
    let mut changed = actual.clone();
    changed.editions[0].bins[0].sum_hundredths += 1;
    assert_eq!(names(&expected, &changed), BTreeSet::from([EDITIONS_EQUAL_CONTRIBUTIONS]));
    let mut later = actual.clone();
    later.editions.iter_mut().for_each(|edition| edition.effective_from += 30 * DAY_MS);
    assert!(names(&expected, &later).contains(invariants::EVERY_SCORE_EQUALS_REFERENCE));
    let mut unsaid = actual.clone();
    let contributions = unsaid.contributions.as_mut().unwrap();
    let last =
        contributions.iter().rposition(|contribution| matches!(contribution.step, Step::Add(_))).unwrap();
    contributions.remove(last);
    assert!(names(&expected, &unsaid).contains(CONTRIBUTIONS_EQUAL_SCORES));
}

/// The state of one task is lost, and it begins anew from its inputs as the next incarnation.
fn rebuild(flow: &mut Flow, partition: i32) {
    let mut log = flow.log(partition, 1);
    log.take_over().unwrap();
    log.truncate_changelog(Offset(i64::MAX)).unwrap();
    flow.tasks[usize::try_from(partition).unwrap()] = flow.incarnated(partition, 1, 2);
}

#[test]
fn a_task_that_is_rebuilt_alone_contributes_once() {
    for rebuilt in [1, 0] {
        let records: Vec<_> = World::new(settings(9)).collect();
        let mut flow = Flow::new(9, Faults { abort_permille: 50, send_permille: 1 });
        play(&records[..records.len() / 2], &mut flow, 20);
        let before = flow.actual().editions.iter().map(|edition| edition.edition.clone()).collect();
        let given_up = flow.broker.records(CURVE_CONTRIBUTIONS, 0);
        rebuild(&mut flow, rebuilt);
        play(&records[records.len() / 2..], &mut flow, 0);
        let (published, mut actual) = (flow.broker.records(CURVE_EDITIONS, 0).len(), flow.actual());
        assert_eq!(actual.editions.len(), published);
        assert_eq!(flow.stats.curve_violations.load(Relaxed), 0);

        // what the lost state had contributed counts no more, and editions that held it stay as they are
        let is_given_up = |record: &Stored| {
            let row: wire::CurveContribution<'_> =
                codec::decode("curve-contributions", record.value.as_deref(), None).unwrap();
            row.source_partition == rebuilt && row.version >> 48 == 1
        };
        flow.strays = given_up.iter().filter(|(_, record)| is_given_up(record)).map(|(at, _)| *at).collect();
        actual = flow.actual();
        // entries of the lost state stand beside those of the new one
        actual.ledger = None;
        let (old, new): (BTreeSet<String>, BTreeSet<String>) =
            (before, actual.editions.iter().map(|edition| edition.edition.clone()).collect());
        let new: Vec<_> = new.difference(&old).collect();
        assert!(old.len() > 3 && new.len() > 3, "{old:?} {new:?}");
        let of_new = |violation: &Violation| match violation.invariant {
            EDITIONS_EQUAL_CONTRIBUTIONS => new.iter().any(|edition| violation.at.contains(edition.as_str())),
            invariants::EVERY_SCORE_EQUALS_REFERENCE => {
                let score = actual.scores.get(&violation.at.trim_matches('"').to_owned()).unwrap();
                score.curve_edition.as_ref().is_some_and(|edition| new.contains(&edition))
            }
            _ => true,
        };
        let found: Vec<_> = invariants::check_all(&reference(&records), &actual);
        let found: Vec<_> = found.into_iter().filter(of_new).collect();
        assert!(found.is_empty(), "task {rebuilt}: {} violations: {:#}", found.len(), found[0]);
        let judged = actual
            .scores
            .iter()
            .filter(|(_, score)| score.curve_edition.as_ref().is_some_and(|edition| new.contains(&edition)));
        assert!(judged.count() > 50);
    }
}

#[test]
fn no_more_than_the_limit_waits_for_a_task_that_is_absent() {
    let records: Vec<_> = World::new(settings(4)).collect();
    let mut flow = Flow::new(4, Faults::default());
    flow.limits.contributions_ahead_max = 40;
    flow.tasks = (0..PARTITIONS).map(|partition| flow.started(partition, 4)).collect();
    let (early, late) = records.split_at(records.len() / 3);
    play(early, &mut flow, 0);
    let published = flow.actual().editions.len();
    // nobody runs the last task
    let absent = flow.tasks.pop().unwrap();
    let (middle, late) = late.split_at(late.len() / 2);
    play(middle, &mut flow, 0);
    let actual = flow.actual();
    assert!(flow.stats.curve_ahead_limit_hits.load(Relaxed) > 0);
    assert!(flow.stats.curve_ahead.load(Relaxed) <= 41);
    assert!(actual.editions.len() > published, "editions do not wait for ever");
    flow.tasks.push(absent);
    play(late, &mut flow, 0);

    let actual = flow.actual();
    assert_eq!(flow.stats.curve_violations.load(Relaxed), 0);
    let contributions = actual.contributions.as_ref().unwrap();
    for edition in actual.editions.iter().filter(|edition| edition.parent.is_none()) {
        let sources: BTreeMap<i32, i64> = edition.sources.iter().copied().collect();
        let held = contributions.iter().filter(|c| i64::try_from(c.sequence).unwrap() <= sources[&c.source]);
        let n: i64 = held
            .map(|contribution| match &contribution.step {
                Step::Add(point) if point.series == edition.series => 1,
                Step::Take(point) if point.series == edition.series => -1,
                _ => 0,
            })
            .sum();
        assert_eq!(edition.bins.iter().map(|bin| bin.n).sum::<i64>(), n, "{}", edition.edition);
    }
    // an edition that did not wait was not cut at a boundary of the absent task
    let found = invariants::check_all(&reference(&records), &actual);
    let other = found.iter().find(|violation| violation.invariant != EDITIONS_EQUAL_CONTRIBUTIONS);
    assert!(other.is_none(), "{:#}", other.unwrap());
}

#[test]
fn a_contribution_out_of_order_is_left_out_and_counted() {
    let records: Vec<_> = World::new(Settings { patients: 12, days: 90, ..settings(5) }).collect();
    let mut flow = Flow::new(5, Faults::default());
    let half = records.len() / 2;
    play(&records[..half], &mut flow, 0);
    // No task writes these: one again, and one that is none.
    let (_, again) = flow.broker.records(CURVE_CONTRIBUTIONS, 0).into_iter().nth(4).unwrap();
    flow.broker.append(CURVE_CONTRIBUTIONS, 0, again.clone());
    flow.broker.append(CURVE_CONTRIBUTIONS, 0, Stored { value: Some(b"no contribution".to_vec()), ..again });
    flow.strays =
        flow.broker.records(CURVE_CONTRIBUTIONS, 0).iter().rev().take(2).map(|(at, _)| *at).collect();
    play(&records[half..], &mut flow, 0);
    assert_eq!(flow.stats.curve_violations.load(Relaxed), 2);
    let actual = flow.actual();
    let found: Vec<_> = invariants::check_all(&reference(&records), &actual);
    assert!(found.is_empty(), "{:#}", found[0]);
    assert!(!flow.broker.records(CURVE_EDITIONS, 0).is_empty());
}
