//! The ledger of a task in memory: the same money in any order of arrival, through aborted transactions and crashes; and
//! what a closing does.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use aftercare_core::documents::{Library, SHIPPED};
use aftercare_core::time::Instant;
use aftercare_runtime::config::{self, TaskConfig, Ticks};
use aftercare_runtime::stats::TaskStats;
use aftercare_runtime::task::Task;
use aftercare_runtime::topics::{self, CONTRACTS, CONTROL, LEDGER, RECEIPTS, SCORES, TASK_STATE};
use aftercare_schemas::{codec, wire};
use aftercare_sim::actual::{Actual, ActualEntry, Rows};
use aftercare_sim::invariants::{self, Violation};
use aftercare_sim::memory_log::{Faults, LogSettings, MemoryBroker, MemoryLog, Stored};
use aftercare_sim::reference::{Expected, Limits, Reference};
use aftercare_sim::rng::Rng;
use aftercare_sim::world::{Settings, SimRecord, World};

const DAY_MS: i64 = 86_400_000;
const NO_FAULTS: Faults = Faults { abort_permille: 0, send_permille: 0 };

/// One entry as the log has it, in words of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Row {
    version: u64,
    entry_id: String,
    kind: wire::LedgerKind,
    component: String,
    payer: String,
    payee: String,
    accounts: Option<(String, String)>,
    amount: i64,
    service: String,
    booking: String,
    reason: String,
    reverses: Option<String>,
}

fn row(record: &Stored) -> Row {
    let entry: wire::LedgerEntry<'_> = codec::decode("ledger", record.value.as_deref(), None).unwrap();
    let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
    Row {
        version: entry.version,
        entry_id: entry.entry_id.to_owned(),
        kind: entry.kind,
        component: text(entry.component),
        payer: text(entry.payer),
        payee: text(entry.payee),
        accounts: entry.debit_account.map(|debit| (debit.to_owned(), text(entry.credit_account))),
        amount: entry.amount_minor,
        service: text(entry.service_period),
        booking: text(entry.booking_period),
        reason: text(entry.reason),
        reverses: entry.reverses.map(str::to_owned),
    }
}

fn control(kind: wire::ControlKind, at: i64, id: Option<&str>) -> Stored {
    let mut value = Vec::new();
    codec::encode("control", &wire::Control { kind, at, id, body: None }, &mut value).unwrap();
    Stored { value: Some(value), ..Stored::default() }
}

fn settings(seed: u64) -> Settings {
    Settings { seed, patients: 40, days: 200, wearers_permille: 0, home_permille: 0, ..Settings::default() }
}

/// What a world writes, without readings, a review of every upload one day after it, and months of extended therapy for
/// every patient.
fn records(seed: u64) -> Vec<SimRecord> {
    let mut records: Vec<SimRecord> = World::new(settings(seed)).collect();
    let mut clinicians: BTreeMap<String, String> = BTreeMap::new();
    for record in records.iter().filter(|record| record.topic == "enrolments") {
        let said: wire::Enrolment<'_> = codec::decode("enrolments", Some(&record.value), None).unwrap();
        if let Some(clinician) = said.clinician_id {
            clinicians.entry(said.patient_id.to_owned()).or_insert(clinician.to_owned());
        }
    }
    let mut reviews = BTreeMap::new();
    for record in records.iter().filter(|record| record.topic == "prom-responses") {
        let said: wire::PromResponse<'_> =
            codec::decode("prom-responses", Some(&record.value), None).unwrap();
        if let Some(clinician_id) = clinicians.get(said.patient_id) {
            let verdict = review(&said, clinician_id, record.at + DAY_MS);
            reviews.entry(said.id.to_owned()).or_insert(verdict);
        }
    }
    let began_at = settings(seed).start.0 + 60 * DAY_MS;
    let therapies = clinicians.keys().map(|patient_id| therapy(patient_id, began_at)).collect::<Vec<_>>();
    records.extend(reviews.into_values().chain(therapies));
    records.sort_by_key(|record| record.at);
    records
}

fn therapy(patient_id: &str, began_at: i64) -> SimRecord {
    let id = format!("th-{patient_id}");
    let event = wire::ClinicalEvent {
        id: &id,
        revision: 1,
        status: wire::RecordStatus::Final,
        source: wire::Source::Simulated,
        patient_id,
        happened_at: began_at,
        episode_id: None,
        ended_at: Some(began_at + 75 * DAY_MS),
        kind: wire::ClinicalKind::ExtendedTherapy,
        coding: None,
        code: None,
        result: None,
        value: None,
        unit: None,
        comparator: None,
        related_id: None,
        provider: None,
        amount_minor: None,
        currency: None,
        cost_category: None,
        cost_nature: None,
        payers: Vec::new(),
    };
    let mut value = Vec::new();
    codec::encode("clinical-events", &event, &mut value).unwrap();
    SimRecord { at: began_at + 80 * DAY_MS, topic: "clinical-events", key: patient_id.into(), value }
}

fn review(upload: &wire::PromResponse<'_>, clinician_id: &str, ended_at: i64) -> SimRecord {
    let id = format!("se-{}", upload.id);
    let verdict = wire::SessionVerdict {
        id: &id,
        revision: 1,
        status: wire::RecordStatus::Final,
        source: upload.source,
        patient_id: upload.patient_id,
        happened_at: ended_at - 45_000,
        clinician_id,
        session_revision: 1,
        episode_id: None,
        upload_id: Some(upload.id),
        ended_at,
        verdict: wire::Verdict::Service,
        reasons: Vec::new(),
        duration_ms: 45_000,
        interactions: 5,
        sections_read: 2,
        burst_patients: 1,
        rule: "default@1",
    };
    let mut value = Vec::new();
    codec::encode("session-verdicts", &verdict, &mut value).unwrap();
    SimRecord { at: ended_at, topic: "session-verdicts", key: upload.patient_id.into(), value }
}

/// One partition that has everything.
struct Desk {
    broker: MemoryBroker,
    task: Task<MemoryLog>,
    seed: u64,
    faults: Faults,
}

impl Desk {
    fn new(seed: u64, faults: Faults) -> Desk {
        Desk::with_documents(seed, faults, &SHIPPED)
    }

    fn with_documents(seed: u64, faults: Faults, documents: &[(&str, &str, &str)]) -> Desk {
        let broker = MemoryBroker::default();
        for &(kind, id, body) in documents {
            let document = wire::Document { kind, id, version: 1, format: "toml", body, published_at: 0 };
            let mut value = Vec::new();
            codec::encode("contracts", &document, &mut value).unwrap();
            broker.append(
                CONTRACTS,
                0,
                Stored { key: Some(id.into()), value: Some(value), headers: Vec::new() },
            );
        }
        let task = task(&broker, seed, faults);
        Desk { broker, task, seed, faults }
    }

    /// Takes the records as they come, with a tick every so many days.
    fn live(&mut self, records: &[SimRecord], from: i64, until: i64, every_days: i64) {
        let (mut rest, mut at) = (records, from);
        while at < until {
            at += every_days * DAY_MS;
            let (now, later) = rest.split_at(rest.partition_point(|record| record.at < at));
            now.iter().for_each(|record| self.append(record));
            self.tick(at);
            rest = later;
        }
    }

    fn tick(&mut self, at: i64) {
        self.broker.append(CONTROL, 0, control(wire::ControlKind::Tick, at, None));
        self.settle(0);
    }

    fn settlement(&mut self, revision: i64, treated: i64) {
        let body = format!(
            "{{\"revision\":{revision},\"measures\":{{\"treated\":{treated}}},\"as_of_month\":\"2025-03\"}}"
        );
        let settlement = wire::Control {
            kind: wire::ControlKind::Settlement,
            at: 0,
            id: Some("settlement/warranty-example/east/2025"),
            body: Some(&body),
        };
        let mut value = Vec::new();
        codec::encode("control", &settlement, &mut value).unwrap();
        self.broker.append(CONTROL, 0, Stored { value: Some(value), ..Stored::default() });
    }

    fn close(&mut self, id: &str) {
        self.broker.append(CONTROL, 0, control(wire::ControlKind::Closing, 0, Some(id)));
        self.settle(0);
    }

    fn append(&mut self, record: &SimRecord) {
        let topic = topics::by_name(record.topic).unwrap().id;
        let (key, value) = (Some(record.key.clone()), Some(record.value.clone()));
        self.broker.append(topic, 0, Stored { key, value, headers: Vec::new() });
    }

    /// Takes what was appended; with `crashes_permille`, a task dies now and then in mid-transaction.
    fn settle(&mut self, crashes_permille: u32) {
        let mut rng = Rng::new(self.seed, &[7]);
        for step in 0..400 {
            self.task.step().unwrap();
            if step < 300 && rng.permille(crashes_permille) {
                self.task = task(&self.broker, self.seed ^ step, self.faults);
            }
        }
    }

    fn actual(&self) -> Actual {
        let mut actual = Actual::of_all_topics();
        for (topic, name) in [(SCORES, "scores"), (LEDGER, "ledger")] {
            for (_, record) in self.broker.records(topic, 0) {
                actual.add(name, record.value.as_deref()).unwrap();
            }
        }
        actual
    }

    fn rows(&self) -> Vec<Row> {
        self.broker.records(LEDGER, 0).iter().map(|(_, record)| row(record)).collect()
    }
}

fn task(broker: &MemoryBroker, seed: u64, faults: Faults) -> Task<MemoryLog> {
    let settings = LogSettings {
        partition: 0,
        changelog: TASK_STATE,
        broadcast: vec![CONTRACTS],
        batch_max: 40,
        faults,
    };
    // Ticks may lie further apart than an upload waits for its enrolment.
    let limits = config::Limits { hold_ms_max: 400 * DAY_MS, ..config::Limits::default() };
    let config = TaskConfig { ticks: Ticks::External, limits, ..TaskConfig::new(0, 1) };
    let mut task = Task::new(broker.log(settings, seed), config, Arc::new(TaskStats::default()), clock);
    task.start().unwrap();
    task
}

/// A clock that only knows that time passes.
fn clock() -> i64 {
    thread_local!(static CALLS: Cell<i64> = const { Cell::new(0) });
    CALLS.replace(CALLS.get() + 1)
}

/// Amounts by service period, component, payer and payee; zeros left out.
fn net(rows: &[Row]) -> BTreeMap<[&str; 4], i64> {
    let mut net = BTreeMap::new();
    for row in rows {
        *net.entry([&*row.service, &row.component, &row.payer, &row.payee]).or_insert(0) += row.amount;
    }
    net.retain(|_, amount| *amount != 0);
    net
}

/// The statements about money.
const OF_MONEY: [&str; 5] = [
    invariants::LEDGER_EQUALS_REFERENCE,
    invariants::NO_SLOT_PAID_TWICE,
    invariants::REVERSALS_SUM_TO_ZERO,
    invariants::ENTRIES_EXPLAIN_THEMSELVES,
    invariants::JOURNAL_BALANCES,
];

/// What must come of the records until a tick.
fn expected<'r>(records: impl IntoIterator<Item = &'r SimRecord>, last_tick: i64) -> Expected {
    let mut reference = Reference::new(Limits { last_tick: Instant(last_tick), ..Limits::default() });
    for record in records {
        reference.add(record.topic, &record.key, Some(&record.value), None);
    }
    reference.finish(&Library::builtin())
}

fn violations(expected: &Expected, actual: &Actual) -> Vec<Violation> {
    let mut violations = invariants::check_all(expected, actual);
    violations.retain(|violation| OF_MONEY.contains(&violation.invariant));
    violations
}

/// What holds whatever happened: numbers without a gap, ids once, and the statements about money.
fn assert_sound(expected: &Expected, desk: &Desk) {
    let (rows, mut known) = (desk.rows(), BTreeSet::new());
    for (sequence, row) in (1..).zip(&rows) {
        assert_eq!(row.version, 1 << 48 | sequence);
        assert!(known.insert(&row.entry_id), "{}", row.entry_id);
    }
    let found = violations(expected, &desk.actual());
    assert!(found.is_empty(), "seed {}: {} violations, the first: {:#}", desk.seed, found.len(), found[0]);
}

#[test]
fn any_order_with_aborts_and_crashes_comes_to_the_same_money() {
    for seed in 1..3 {
        let (records, end) = (records(seed), settings(seed).end().0);
        let run = |records: &[SimRecord], faults, crashes| {
            let mut desk = Desk::new(seed, faults);
            desk.tick(end);
            records.iter().for_each(|record| desk.append(record));
            desk.settle(crashes);
            desk.tick(end + 40 * DAY_MS);
            desk
        };
        let expected = expected(&records, end + 40 * DAY_MS);
        let orderly = run(&records, NO_FAULTS, 0);
        assert_sound(&expected, &orderly);
        let orderly = orderly.rows();
        let fees = orderly.iter().filter(|row| row.component == "fee").count();
        assert!(fees > 20, "seed {seed}: {fees} lines of fees");
        let mut shuffled = records;
        let mut rng = Rng::new(seed, &[2]);
        for i in (1..shuffled.len()).rev() {
            let j = usize::try_from(rng.between(0, i64::try_from(i).unwrap() + 1)).unwrap();
            shuffled.swap(i, j);
        }
        let other = run(&shuffled, Faults { abort_permille: 100, send_permille: 2 }, 20);
        assert_sound(&expected, &other);
        assert_eq!(net(&other.rows()), net(&orderly), "seed {seed}");
    }
}

#[test]
fn a_closing_has_its_marker_and_later_facts_are_booked_in_the_open_month() {
    let records = records(5);
    let mut desk = Desk::new(5, NO_FAULTS);
    let first = settings(5).start.0;
    let until_then = |record: &&SimRecord| record.at < first + 90 * DAY_MS;
    // the verdicts of the first three months come after these are closed
    let closing = first + 90 * DAY_MS;
    let (late, in_time): (Vec<_>, Vec<_>) = records
        .iter()
        .filter(|record| record.at < closing)
        .partition(|record| record.topic == "session-verdicts");
    desk.tick(closing);
    in_time.into_iter().for_each(|record| desk.append(record));
    desk.settle(0);
    desk.close("closing/warranty-example/2025-03");
    let closed = desk.rows();
    let marker = closed.last().unwrap();
    assert_eq!(marker.entry_id, "closing/warranty-example/2025-03/0");
    assert_eq!((marker.kind, marker.amount), (wire::LedgerKind::Marker, 0));

    // a repetition, an earlier month and what is no closing change nothing
    for id in ["closing/warranty-example/2025-03", "closing/warranty-example/2025-01", "closing/2025-01"] {
        desk.close(id);
    }
    assert_eq!(desk.rows(), closed);

    late.into_iter().for_each(|record| desk.append(record));
    desk.settle(0);
    let rows = desk.rows();
    let after: Vec<&Row> = rows[closed.len()..].iter().filter(|row| row.component == "fee").collect();
    assert!(!after.is_empty());
    for row in after {
        assert!(
            row.service < row.booking && row.booking == "2025-04" && row.reason == "late_fact",
            "{row:?}"
        );
    }
    assert_sound(&expected(records.iter().filter(until_then), closing), &desk);
}

/// Every patient counts for a population; when the last settlement says that it is large enough each has a bonus, and the
/// population itself what it was settled at.
const POPULATION: &str = r#"
id = "warranty-example"
version = 1
title = "A population"
kind = "population"
currency = "CNY"
time_zone = "Asia/Shanghai"
in_force_from = "2020-01-01"
subject = "episode"

[money]
bonus = "50"

[[rule]]
id = "count"
clause = "all"
when = "today >= start"
  [[rule.measure]]
  name = "treated"
  pool = "'east/2025'"
  value = "1"

[[rule]]
id = "bonus"
clause = "all"
when = "or(settled('east/2025', 'treated') >= 3, false)"
at = "start"
  [[rule.line]]
  component = "bonus"
  amount = "bonus"
  payee = "'patient'"
  payee_role = "patient"
    [[rule.line.payers]]
    role = "payer"
    payer = "'fund'"
    share = "1"

[[pool_rule]]
id = "whole"
clause = "all"
at = "date('2025-03-31')"
  [[pool_rule.line]]
  component = "whole"
  amount = "minor(measured('treated'))"
  payee = "key"
  payee_role = "pool"
    [[pool_rule.line.payers]]
    role = "payer"
    payer = "'fund'"
    share = "1"

[clauses]
all = "Whoever is treated counts."
"#;

#[test]
fn a_settlement_is_answered_once_after_all_that_follows_from_it() {
    let records = records(5);
    let documents: Vec<_> = SHIPPED.iter().filter(|(kind, ..)| *kind != "contract").copied().collect();
    let documents = [&documents[..], &[("contract", "warranty-example", POPULATION)]].concat();
    let mut desk = Desk::with_documents(5, NO_FAULTS, &documents);
    desk.tick(settings(5).start.0 + 90 * DAY_MS);
    records.iter().filter(|record| record.topic == "enrolments").for_each(|record| desk.append(record));
    desk.settle(0);
    let of = |rows: &[Row], component: &str| {
        let own = rows.iter().filter(|row| row.component == component);
        (own.clone().count(), own.map(|row| row.amount).sum::<i64>())
    };
    let (treated, sum) = of(&desk.rows(), "treated");
    assert!(treated > 3 && i64::try_from(treated).unwrap() == sum, "{treated} {sum}");
    assert_eq!(of(&desk.rows(), "bonus"), (0, 0));

    // too few; repeated; enough, all in one batch before a closing; an older one; another one of the same revision
    desk.settlement(1, 2);
    desk.settlement(1, 2);
    desk.settle(0);
    assert_eq!(of(&desk.rows(), "bonus"), (0, 0));
    assert_eq!(of(&desk.rows(), "whole"), (1, 2));
    desk.settlement(2, sum);
    desk.close("closing/warranty-example/2025-03");
    desk.settlement(1, 7);
    desk.settlement(2, 7);
    desk.settle(0);
    let rows = desk.rows();
    assert_eq!(of(&rows, "bonus"), (treated, sum * 5_000));
    // 0.02, taken back, and what it is now
    assert_eq!(of(&rows, "whole"), (3, sum));
    let markers = rows.iter().filter(|row| row.kind == wire::LedgerKind::Marker);
    let ids: Vec<&str> = markers.map(|row| &*row.entry_id).collect();
    assert_eq!(
        ids,
        [
            "settlement/warranty-example/east/2025/1/0",
            "settlement/warranty-example/east/2025/2/0",
            "closing/warranty-example/2025-03/0"
        ]
    );
    // all that follows stands before the answers, and in the closed month
    assert!(rows.last().unwrap().entry_id.starts_with("closing/"));
    assert_eq!(rows[rows.len() - 2].entry_id, ids[1]);
    assert!(rows.iter().filter(|row| row.component == "whole").all(|row| row.booking == "2025-03"));

    // known after a crash
    desk.task = task(&desk.broker, 5, NO_FAULTS);
    desk.settlement(2, sum);
    desk.settle(0);
    assert_eq!(desk.rows(), rows);
}

/// A verdict of another clinician, who numbered a session of their own in the same way.
fn of_another(verdict: &SimRecord, revision: i32) -> SimRecord {
    let said: wire::SessionVerdict<'_> =
        codec::decode("session-verdicts", Some(&verdict.value), None).unwrap();
    let other = wire::SessionVerdict {
        revision,
        clinician_id: "doctor-of-the-same-numbers",
        verdict: wire::Verdict::Superficial,
        reasons: vec!["too_short"],
        ..said
    };
    let mut value = Vec::new();
    codec::encode("session-verdicts", &other, &mut value).unwrap();
    SimRecord { value, ..verdict.clone() }
}

#[test]
fn a_session_of_another_clinician_with_the_same_id_is_a_conflict_and_changes_no_money() {
    let records = records(5);
    let mut desk = Desk::new(5, NO_FAULTS);
    desk.tick(settings(5).end().0 + 40 * DAY_MS);
    records.iter().for_each(|record| desk.append(record));
    desk.settle(0);
    let before = desk.rows();
    // one that began before the world's end and ended after it waits
    let has_ended = |record: &&SimRecord| {
        let said = codec::decode::<wire::SessionVerdict<'_>>("session-verdicts", Some(&record.value), None);
        said.unwrap().ended_at <= settings(5).end().0
    };
    let verdicts = records.iter().filter(|record| record.topic == "session-verdicts").filter(has_ended);
    for verdict in verdicts.clone() {
        for revision in [1, 2] {
            desk.append(&of_another(verdict, revision));
        }
    }
    desk.settle(0);
    assert_eq!(desk.rows(), before);
    let mut receipts = BTreeMap::new();
    for (_, record) in desk.broker.records(RECEIPTS, 0) {
        let row: wire::Receipt<'_> = codec::decode("receipts", record.value.as_deref(), None).unwrap();
        if row.topic == "session-verdicts" {
            let outcome = (row.outcome.to_owned(), row.reason.map(str::to_owned), row.conflicts);
            receipts.insert((row.id.to_owned(), row.revision), outcome);
        }
    }
    let rejected = ("rejected".to_owned(), Some("conflicting_content".to_owned()), 0);
    for verdict in verdicts {
        let said: wire::SessionVerdict<'_> =
            codec::decode("session-verdicts", Some(&verdict.value), None).unwrap();
        assert_eq!(receipts[&(said.id.to_owned(), 1)], ("accepted".to_owned(), None, 1));
        assert_eq!(receipts[&(said.id.to_owned(), 2)], rejected);
    }
    assert!(receipts.len() > 100);
}

#[test]
fn every_slot_is_billed_as_a_batch_over_all_records_says() {
    for seed in [12, 14] {
        let (records, from) = (records(seed), settings(seed).start.0);
        let (mut desk, until) = (Desk::new(seed, NO_FAULTS), settings(seed).end().0 + 40 * DAY_MS);
        desk.live(&records, from, until, 10);
        assert_sound(&expected(&records, until), &desk);
        // everything occurs
        let rows = desk.rows();
        for component in ["fee", "compensation", "held", "accrual", "claim", "variance", "lapse"] {
            assert!(rows.iter().any(|row| row.component == component), "seed {seed}: no {component}");
        }
        let adjusted = |up: bool| move |row: &Row| row.component == "adjustment" && (row.amount > 0) == up;
        assert!(rows.iter().any(adjusted(true)) && rows.iter().any(adjusted(false)), "seed {seed}");
        assert!(rows.iter().any(|row| row.reverses.is_some() && row.kind == wire::LedgerKind::Line));
    }
}

/// The statements that are violated after something has happened to the first entry of a kind.
fn violated(
    expected: &Expected,
    actual: &Actual,
    kind: impl Fn(&ActualEntry) -> bool,
    fault: impl Fn(&mut Rows<String, ActualEntry>, &String),
) -> BTreeSet<&'static str> {
    let mut actual = actual.clone();
    let ledger = actual.ledger.as_mut().unwrap();
    let (id, _) = ledger.iter().find(|(_, entry)| kind(entry)).unwrap();
    let id = id.clone();
    fault(ledger, &id);
    violations(expected, &actual).into_iter().map(|violation| violation.invariant).collect()
}

#[test]
fn what_is_wrong_with_a_ledger_is_found() {
    use invariants::*;
    let (records, from, until) = (records(14), settings(14).start.0, settings(14).end().0 + 40 * DAY_MS);
    let mut desk = Desk::new(14, NO_FAULTS);
    desk.live(&records, from, until, 10);
    let (expected, actual) = (expected(&records, until), desk.actual());
    assert_eq!(violations(&expected, &actual), []);
    let all = actual.ledger.as_ref().unwrap();
    let taken_back: BTreeSet<&String> = all.iter().map(|(_, entry)| &entry.reverses).collect();
    let of = |component: &'static str| move |entry: &ActualEntry| entry.component == component;
    let stands = |component: &'static str| {
        let standing = all.iter().filter(|(id, entry)| {
            let is_held = entry.kind == wire::LedgerKind::Held && entry.reason != "settled";
            (entry.reverses.is_empty() || is_held) && !taken_back.contains(id)
        });
        let (_, found) = standing.into_iter().find(|(_, entry)| of(component)(entry)).unwrap();
        move |entry: &ActualEntry| entry == found
    };
    let broken = |kind: &dyn Fn(&ActualEntry) -> bool, fault: &dyn Fn(&mut ActualEntry)| {
        violated(&expected, &actual, kind, |ledger, id| fault(ledger.get_mut(id).unwrap()))
    };
    let lost = |component| violated(&expected, &actual, stands(component), |ledger, id| ledger.remove(id));

    assert_eq!(lost("fee"), BTreeSet::from([LEDGER_EQUALS_REFERENCE, NO_SLOT_PAID_TWICE, JOURNAL_BALANCES]));
    assert_eq!(lost("compensation"), BTreeSet::from([LEDGER_EQUALS_REFERENCE]));
    assert_eq!(lost("variance"), BTreeSet::from([LEDGER_EQUALS_REFERENCE, JOURNAL_BALANCES]));
    assert_eq!(lost("lapse"), BTreeSet::from([LEDGER_EQUALS_REFERENCE]));
    assert!(lost("held").contains(LEDGER_EQUALS_REFERENCE));
    // a slot is billed once more
    let twice = broken(&stands("fee"), &|entry| entry.amount_minor *= 2);
    assert!(
        twice.is_superset(&BTreeSet::from([NO_SLOT_PAID_TWICE, ENTRIES_EXPLAIN_THEMSELVES])),
        "{twice:?}"
    );
    // another month of service, another payee
    let moved = broken(&stands("fee"), &|entry| entry.service_period = "2031-01".to_owned());
    assert_eq!(moved, BTreeSet::from([LEDGER_EQUALS_REFERENCE]));
    let other = broken(&stands("adjustment"), &|entry| entry.payee.push('x'));
    assert_eq!(other, BTreeSet::from([LEDGER_EQUALS_REFERENCE]));
    // a reason that is none
    let reason = broken(&stands("held"), &|entry| entry.reason = "free_monitoring".to_owned());
    assert_eq!(reason, BTreeSet::from([LEDGER_EQUALS_REFERENCE]));
    // a reversal of something else
    let reversal = |entry: &ActualEntry| entry.component == "fee" && !entry.reverses.is_empty();
    let half = broken(&reversal, &|entry| entry.amount_minor /= 2);
    assert!(half.contains(REVERSALS_SUM_TO_ZERO), "{half:?}");
    let stray = broken(&reversal, &|entry| entry.reverses.push('x'));
    assert_eq!(stray, BTreeSet::from([REVERSALS_SUM_TO_ZERO]));
    // evidence that does not lead to the amount
    for name in ["clause", "factor", "share", "component", "reviewed_on"] {
        let cut = broken(&stands("fee"), &|entry| entry.evidence.retain(|(known, _)| known != name));
        assert_eq!(cut, BTreeSet::from([ENTRIES_EXPLAIN_THEMSELVES]), "{name}");
    }
    let index = broken(&stands("adjustment"), &|entry| {
        entry
            .evidence
            .iter_mut()
            .filter(|(name, _)| name == "index")
            .for_each(|(_, value)| value.insert(0, '9'));
    });
    assert_eq!(index, BTreeSet::from([ENTRIES_EXPLAIN_THEMSELVES]));
}
