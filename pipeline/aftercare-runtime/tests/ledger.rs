//! The ledger of a task in memory: the same money in any order of arrival, through aborted transactions and crashes; and
//! what a closing does.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use aftercare_core::documents::SHIPPED;
use aftercare_runtime::config::{TaskConfig, Ticks};
use aftercare_runtime::stats::TaskStats;
use aftercare_runtime::task::Task;
use aftercare_runtime::topics::{self, CONTRACTS, CONTROL, LEDGER, TASK_STATE};
use aftercare_schemas::{codec, wire};
use aftercare_sim::memory_log::{Faults, LogSettings, MemoryBroker, MemoryLog, Stored};
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

/// What a world writes, without readings, and a review of every upload one day after it.
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
    records.extend(reviews.into_values());
    records.sort_by_key(|record| record.at);
    records
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
        let broker = MemoryBroker::default();
        for (kind, id, body) in SHIPPED {
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

    fn tick(&mut self, at: i64) {
        self.broker.append(CONTROL, 0, control(wire::ControlKind::Tick, at, None));
        self.settle(0);
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
        for step in 0..600 {
            self.task.step().unwrap();
            if step < 400 && rng.permille(crashes_permille) {
                self.task = task(&self.broker, self.seed ^ step, self.faults);
            }
        }
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
    let config = TaskConfig { ticks: Ticks::External, ..TaskConfig::new(0, 1) };
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

/// What holds whatever happened: numbers without a gap, ids once, reversals of what stands, a journal that balances.
fn assert_sound(rows: &[Row]) {
    let mut known = BTreeMap::new();
    let mut reversed = BTreeSet::new();
    for (sequence, row) in (1..).zip(rows) {
        assert_eq!(row.version, 1 << 48 | sequence);
        if let Some(earlier) = &row.reverses {
            assert_eq!(known[earlier] + row.amount, 0, "{earlier}");
            assert!(reversed.insert(earlier.clone()), "{earlier} is reversed twice");
        }
        assert!(known.insert(row.entry_id.clone(), row.amount).is_none(), "{}", row.entry_id);
    }
    let payable: i64 = rows
        .iter()
        .filter(|row| row.component == "claim" || row.component == "variance")
        .map(|row| row.amount)
        .sum();
    let lines = rows.iter().filter(|row| row.kind == wire::LedgerKind::Line && row.payer != "patient");
    let billed: i64 = lines.filter(|row| row.component != "compensation").map(|row| row.amount).sum();
    assert_eq!(payable, billed);
}

#[test]
fn any_order_with_aborts_and_crashes_comes_to_the_same_money() {
    for seed in 1..4 {
        let (records, end) = (records(seed), settings(seed).end().0);
        let run = |records: &[SimRecord], faults, crashes| {
            let mut desk = Desk::new(seed, faults);
            desk.tick(end);
            records.iter().for_each(|record| desk.append(record));
            desk.settle(crashes);
            desk.tick(end + 40 * DAY_MS);
            desk.rows()
        };
        let orderly = run(&records, NO_FAULTS, 0);
        assert_sound(&orderly);
        let fees = orderly.iter().filter(|row| row.component == "fee").count();
        assert!(fees > 20, "seed {seed}: {fees} lines of fees");
        let mut shuffled = records;
        let mut rng = Rng::new(seed, &[2]);
        for i in (1..shuffled.len()).rev() {
            let j = usize::try_from(rng.between(0, i64::try_from(i).unwrap() + 1)).unwrap();
            shuffled.swap(i, j);
        }
        let other = run(&shuffled, Faults { abort_permille: 100, send_permille: 2 }, 20);
        assert_sound(&other);
        assert_eq!(net(&other), net(&orderly), "seed {seed}");
    }
}

#[test]
fn a_closing_has_its_marker_and_later_facts_are_booked_in_the_open_month() {
    let records = records(5);
    let mut desk = Desk::new(5, NO_FAULTS);
    let first = settings(5).start.0;
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
    assert_sound(
        &rows.iter().filter(|row| row.kind != wire::LedgerKind::Unknown).cloned().collect::<Vec<_>>(),
    );
}
