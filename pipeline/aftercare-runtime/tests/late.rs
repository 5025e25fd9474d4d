//! A month of readings that come in any order, days late: the windows of the task together with those that are computed
//! again are the windows of all readings at once.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[path = "support/late.rs"]
mod late;

use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::Arc;

use aftercare_core::documents::{Library, SHIPPED};
use aftercare_core::time::Instant;
use aftercare_runtime::config::{Limits, TaskConfig, Ticks};
use aftercare_runtime::stats::TaskStats;
use aftercare_runtime::task::Task;
use aftercare_runtime::topics::{
    CONTRACTS, CONTROL, CURVE_EDITIONS, LATE_READINGS, TASK_STATE, WINDOWS, by_name,
};
use aftercare_schemas::codec;
use aftercare_schemas::wire::{self, Metric};
use aftercare_sim::actual::Actual;
use aftercare_sim::invariants;
use aftercare_sim::memory_log::{Faults, LogSettings, MemoryBroker, MemoryLog, Stored};
use aftercare_sim::reference::{self, Reference};
use aftercare_sim::rng::Rng;

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
/// 2025-03-10T00:00Z: clocks go forward on the 30th in Europe.
const MARCH: i64 = 1_741_564_800_000;
/// 2025-10-06T00:00Z: they go back on the 26th.
const OCTOBER: i64 = 1_759_708_800_000;
const DAYS: i64 = 30;

/// A record and when it arrives.
struct Arrival {
    at: i64,
    topic: &'static str,
    key: &'static str,
    value: Vec<u8>,
}

fn arrival<T: serde::Serialize>(at: i64, topic: &'static str, key: &'static str, record: &T) -> Arrival {
    let mut value = Vec::new();
    codec::encode(topic, record, &mut value).unwrap();
    Arrival { at, topic, key, value }
}

/// The patient is in that zone from then on.
fn enrolment(at: i64, revision_of: &'static str, patient: &'static str, from: i64, zone: &str) -> Arrival {
    let record = wire::Enrolment {
        id: revision_of,
        status: wire::RecordStatus::Final,
        source: wire::Source::Live,
        patient_id: patient,
        episode_id: patient,
        recorded_at: at,
        effective_at: from,
        time_zone: Some(zone),
        ..wire::Enrolment::default()
    };
    arrival(at, "enrolments", patient, &record)
}

/// A month of one device: most of it in order, some of it hours or days late, some twice, some with another value.
fn month(
    rng: &mut Rng,
    start: i64,
    patient: &'static str,
    metric: Metric,
    unit: &'static str,
) -> Vec<Arrival> {
    let (mut arrivals, mut at) = (Vec::new(), start);
    while at < start + DAYS * DAY {
        let mut readings = Vec::new();
        for _ in 0..rng.between(1, 12) {
            at += rng.between(1_000, 70 * MINUTE);
            let value = 50.0 + f64::from(i32::try_from(rng.between(0, 90)).unwrap());
            readings.push(wire::Reading { metric, value, unit, measured_at: at });
        }
        let sent_at = at
            + match rng.between(0, 20) {
                0..12 => rng.between(1_000, 5 * MINUTE),
                12..17 => rng.between(HOUR, 12 * HOUR),
                _ => rng.between(DAY, 6 * DAY),
            };
        let mut upload = wire::WearableUpload {
            patient_id: patient,
            device_id: "watch",
            source: wire::Source::Live,
            readings,
        };
        arrivals.push(arrival(sent_at, "wearable-readings", patient, &upload));
        if rng.permille(150) {
            if rng.permille(300) {
                upload.readings.iter_mut().for_each(|reading| reading.value += 1.0);
            }
            let again_at = sent_at + rng.between(0, 2 * DAY);
            arrivals.push(arrival(again_at, "wearable-readings", patient, &upload));
        }
    }
    arrivals
}

/// Somebody in each of several places, one of them on a journey, one enrolled a day after the first reading.
fn arrivals(seed: u64) -> Vec<Arrival> {
    let mut rng = Rng::new(seed, &[7]);
    let mut all = vec![
        enrolment(MARCH, "e-1", "p-berlin", MARCH, "Europe/Berlin"),
        enrolment(OCTOBER, "e-2", "p-paris", OCTOBER, "Europe/Paris"),
        enrolment(MARCH + DAY, "e-3", "p-kathmandu", MARCH, "Asia/Kathmandu"),
        enrolment(MARCH, "e-4", "p-away", MARCH, "Asia/Shanghai"),
        enrolment(MARCH + HOUR, "e-5", "p-away", MARCH + 9 * DAY + 5 * HOUR, "Europe/London"),
        enrolment(MARCH + 2 * HOUR, "e-6", "p-away", MARCH + 12 * DAY + 22 * HOUR, "Asia/Shanghai"),
    ];
    for (start, patient) in
        [(MARCH, "p-berlin"), (OCTOBER, "p-paris"), (MARCH, "p-kathmandu"), (MARCH, "p-away")]
    {
        all.extend(month(&mut rng, start, patient, Metric::HeartRate, "/min"));
    }
    all.extend(month(&mut rng, MARCH, "p-away", Metric::SystolicPressure, "mm[Hg]"));
    all.sort_by_key(|arrival| arrival.at);
    all
}

/// A clock that only knows that time passes.
fn clock() -> i64 {
    thread_local!(static CALLS: Cell<i64> = const { Cell::new(0) });
    CALLS.replace(CALLS.get() + 1)
}

fn task(broker: &MemoryBroker, seed: u64) -> Task<MemoryLog> {
    let (changelog, broadcast) = (TASK_STATE, vec![CONTRACTS, CURVE_EDITIONS]);
    let faults = Faults { abort_permille: 50, send_permille: 1 };
    let settings = LogSettings { partition: 0, changelog, broadcast, batch_max: 20, faults };
    let limits = Limits { long_windows_ms: 20 * MINUTE, ..Limits::default() };
    let config = TaskConfig { ticks: Ticks::External, limits, ..TaskConfig::new(0, 1) };
    let mut task = Task::new(broker.log(settings, seed), config, Arc::new(TaskStats::default()), clock);
    task.start().unwrap();
    task
}

/// Lets the task live through the arrivals, with a tick every half an hour while there are any, and a day more.
fn live(broker: &MemoryBroker, arrivals: &[Arrival], seed: u64) {
    let mut rng = Rng::new(seed, &[8]);
    let mut current = task(broker, seed);
    let tick = |at: i64| {
        let record = wire::Control { kind: wire::ControlKind::Tick, at, id: None, body: None };
        broker.append(CONTROL, 0, stored("", arrival(at, "control", "", &record).value));
    };
    let mut now = 0;
    let mut step = |current: &mut Task<MemoryLog>, at: i64| {
        while now < at {
            // Between two arrivals that lie far apart, only as long as something can end.
            now = if now + DAY < at { at - DAY } else { at.min(now + 30 * MINUTE) };
            tick(now);
            (0..3).for_each(|_| current.step().unwrap());
        }
    };
    for (n, arrival) in arrivals.iter().enumerate() {
        step(&mut current, arrival.at);
        broker.append(by_name(arrival.topic).unwrap().id, 0, stored(arrival.key, arrival.value.clone()));
        if rng.permille(20) {
            current = task(broker, seed ^ u64::try_from(n).unwrap());
        }
    }
    let end = arrivals.last().unwrap().at;
    // The last day that anybody lived must be over everywhere.
    for hours in 0..40 {
        step(&mut current, end + hours * HOUR);
        (0..20).for_each(|_| current.step().unwrap());
    }
}

fn stored(key: &str, value: Vec<u8>) -> Stored {
    Stored { key: Some(key.as_bytes().to_vec()), value: Some(value), headers: Vec::new() }
}

#[test]
fn windows_of_the_task_and_windows_computed_again_are_those_of_all_readings() {
    let library = Library::builtin();
    let mut lengths: BTreeMap<u32, u32> = BTreeMap::new();
    for seed in 0..3 {
        let broker = MemoryBroker::default();
        for (kind, id, body) in SHIPPED {
            let document = wire::Document { kind, id, version: 1, format: "toml", body, published_at: 0 };
            broker.append(CONTRACTS, 0, stored(id, arrival(0, "contracts", id, &document).value));
        }
        let arrivals = arrivals(seed);
        live(&broker, &arrivals, seed);

        let last_tick = Instant(arrivals.last().unwrap().at + 39 * HOUR);
        let mut reference = Reference::new(reference::Limits { last_tick, ..reference::Limits::default() });
        for arrival in &arrivals {
            reference.add(arrival.topic, arrival.key.as_bytes(), Some(&arrival.value), None);
        }
        let mut actual = Actual::default();
        for topic in [WINDOWS, LATE_READINGS] {
            let name = aftercare_runtime::topics::name(topic);
            for (_, record) in broker.records(topic, 0) {
                actual.add(name, record.value.as_deref()).unwrap();
            }
        }
        assert!(actual.late.len() > 500, "only {} late readings", actual.late.len());
        late::compute_again(&broker, 0, &library, &mut actual);
        let expected = reference.finish(&library);
        let check =
            invariants::ALL.iter().find(|(name, _)| *name == invariants::LATE_READINGS_REACH_THEIR_WINDOWS);
        let violations = check.unwrap().1(&expected, &actual);
        let first: Vec<_> = violations.iter().take(3).map(|v| format!("{v:#}")).collect();
        assert!(violations.is_empty(), "seed {seed}: {} violations, the first: {first:#?}", violations.len());
        for ((.., length_s), _) in actual.late_windows.iter().flat_map(|late| late.iter()) {
            *lengths.entry(*length_s).or_default() += 1;
        }
    }
    // All lengths were put to the test, and days of 23 and of 25 hours among them.
    assert!(lengths[&300] > 1_000 && lengths[&3_600] > 1_000 && lengths[&86_400] > 100, "{lengths:?}");
    assert!(lengths.contains_key(&82_800) && lengths.contains_key(&90_000), "{lengths:?}");
}
