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
use aftercare_runtime::topics::{self, CONTRACTS, CONTROL, LEDGER, RECEIPTS, SCORES, TASK_STATE};
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
    for seed in 1..3 {
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
    desk.tick(settings(5).end().0);
    records.iter().for_each(|record| desk.append(record));
    desk.settle(0);
    let before = desk.rows();
    let verdicts = records.iter().filter(|record| record.topic == "session-verdicts");
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

/// Days in Shanghai, which is eight hours ahead of UTC all year, since 1970.
fn day(at: i64) -> i64 {
    (at + 8 * 3_600_000).div_euclid(DAY_MS)
}

/// Episode, slot, payer: minor units of fee and adjustment together.
type Bills = BTreeMap<(String, i64, String), i64>;

/// What the records in force say, each id once, by its highest revision.
fn in_force<'r, T>(
    records: &'r [SimRecord],
    topic: &str,
    read: impl Fn(&'r [u8]) -> (String, i32, T),
) -> Vec<T> {
    let mut newest: BTreeMap<String, (i32, T)> = BTreeMap::new();
    for record in records.iter().filter(|record| record.topic == topic) {
        let (id, revision, said) = read(&record.value);
        if newest.get(&id).is_none_or(|(known, _)| *known < revision) {
            newest.insert(id, (revision, said));
        }
    }
    newest.into_values().map(|(_, said)| said).collect()
}

/// Minor units.
fn price(row: &wire::Score<'_>) -> i64 {
    match row.index.zip(row.expected).map(|(index, expected)| index / expected) {
        Some(ratio) if ratio < 0.9 => 6_400,
        Some(ratio) if ratio > 1.1 => 9_600,
        _ => 8_000,
    }
}

/// The bills by another way: all records and the final scores at once, each slot by itself, in floating numbers.
fn batch(records: &[SimRecord], scores: &[Stored], today: i64) -> Bills {
    let statements = in_force(records, "enrolments", |value| {
        let said: wire::Enrolment<'_> = codec::decode("enrolments", Some(value), None).unwrap();
        (said.id.to_owned(), said.revision, said)
    });
    let verdicts = in_force(records, "session-verdicts", |value| {
        let said: wire::SessionVerdict<'_> = codec::decode("session-verdicts", Some(value), None).unwrap();
        (said.id.to_owned(), said.revision, said)
    });
    let mut rows: BTreeMap<&str, wire::Score<'_>> = BTreeMap::new();
    for record in scores {
        let row: wire::Score<'_> = codec::decode("scores", record.value.as_deref(), None).unwrap();
        rows.insert(row.score_id, row);
    }
    let indexed = rows.into_values().filter(|row| row.instrument == "composite" && row.status == "scored");
    let mut uploads: Vec<wire::Score<'_>> = indexed.filter(|row| row.index.is_some()).collect();
    uploads.sort_by_key(|row| (row.answered_at, row.uploaded_at, row.upload_id));
    let (mut bills, mut taken) = (Bills::new(), BTreeSet::new());
    for row in &uploads {
        let own: Vec<_> = statements.iter().filter(|said| said.episode_id == row.episode_id).collect();
        let newest = |field: fn(&wire::Enrolment<'_>) -> bool| {
            own.iter().filter(|said| field(said)).max_by_key(|said| (said.recorded_at, said.id))
        };
        let (Some(treated), Some(_)) =
            (newest(|said| said.treated_at.is_some()), newest(|said| said.contract.is_some()))
        else {
            continue;
        };
        let slot = (day(row.answered_at) - day(treated.treated_at.unwrap()) + 7).div_euclid(14);
        if slot < 1 || !taken.insert((row.episode_id, slot)) {
            continue;
        }
        let first = day(row.uploaded_at);
        let reviewed =
            verdicts.iter().filter(|verdict| verdict.upload_id == Some(row.upload_id)).any(|verdict| {
                let on = day(verdict.ended_at);
                let known =
                    own.iter().filter(|said| said.clinician_id.is_some() && day(said.effective_at) <= on);
                let clinician = known.max_by_key(|said| (said.effective_at, said.recorded_at, said.id));
                (first..first + 7).contains(&on)
                    && clinician.and_then(|said| said.clinician_id) == Some(verdict.clinician_id)
            });
        let maker = newest(|said| said.manufacturer.is_some()).and_then(|said| said.manufacturer);
        let covered = maker.filter(|_| newest(|said| said.device.is_some()).is_some() && slot <= 26);
        let end = day(row.answered_at);
        let consent =
            own.iter().filter(|said| said.self_pay_consent.is_some() && day(said.effective_at) <= end);
        let consent = consent.max_by_key(|said| (said.effective_at, said.recorded_at, said.id));
        let pays = consent.and_then(|said| said.self_pay_consent) == Some(true);
        let held = covered.is_none() && slot <= 26 && today <= day(treated.treated_at.unwrap()) + 30;
        if !reviewed || held {
            continue;
        }
        let total = price(row);
        let mut owe = |payer: &str, amount| {
            bills.insert((row.episode_id.to_owned(), slot, payer.to_owned()), amount);
        };
        match covered {
            Some(maker) => {
                owe(maker, total / 5 * 4);
                owe("patient", total / 5);
            }
            None if pays => owe("patient", total),
            None => {}
        }
    }
    bills
}

#[test]
fn every_slot_is_billed_as_a_batch_over_all_records_says() {
    let seed = 11;
    let (records, from) = (records(seed), settings(seed).start.0);
    let (mut desk, until) = (Desk::new(seed, NO_FAULTS), settings(seed).end().0 + 40 * DAY_MS);
    desk.live(&records, from, until, 10);
    let scores: Vec<Stored> = desk.broker.records(SCORES, 0).into_iter().map(|(_, record)| record).collect();
    let rows = desk.rows();
    assert_sound(&rows);
    let mut billed = Bills::new();
    for row in rows.iter().filter(|row| ["fee", "adjustment"].contains(&&*row.component)) {
        let parts: Vec<&str> = row.entry_id.split('/').collect();
        let slot = parts[2].strip_prefix("slot-").unwrap().parse().unwrap();
        *billed.entry((parts[1].to_owned(), slot, row.payer.clone())).or_insert(0) += row.amount;
    }
    billed.retain(|_, amount| *amount != 0);
    let expected = batch(&records, &scores, day(until));
    assert_eq!(billed, expected, "seed {seed}");
    // the steps are all there
    let totals: BTreeSet<i64> = expected.values().copied().collect();
    assert!([1_280, 1_600, 1_920].iter().all(|amount| totals.contains(amount)), "seed {seed}: {totals:?}");
}
