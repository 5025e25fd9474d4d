//! What the task says about vital signs beyond their windows: NEWS2, surges, adherence, own baselines; and days of
//! patients whose enrolment, or zone, is known late.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use aftercare_core::documents::{Library, SHIPPED};
use aftercare_core::time::Instant;
use aftercare_runtime::config::{Limits, TaskConfig, Ticks};
use aftercare_runtime::stats::TaskStats;
use aftercare_runtime::task::Task;
use aftercare_runtime::topics::{
    self, ALERTS, CONTRACTS, CONTROL, ENROLMENTS, LATE_READINGS, READING_RECEIPTS, TASK_STATE, VITAL_SCORES,
    WEARABLE_READINGS, WINDOWS,
};
use aftercare_schemas::codec;
use aftercare_schemas::wire::{self, Metric};
use aftercare_sim::actual::{Actual, Rows};
use aftercare_sim::invariants;
use aftercare_sim::memory_log::{Faults, LogSettings, MemoryBroker, MemoryLog, Stored};
use aftercare_sim::reference::Reference;
use aftercare_sim::world::{Settings, World};
use aftercare_stream::position::TopicId;

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
/// 2025-06-01 in Shanghai: eight hours before UTC's.
const MIDNIGHT: i64 = 1_748_707_200_000;

/// Metric, when measured, value.
type Measured = (Metric, i64, f64);

/// When an upload arrives, and what it holds.
type Arrival = (i64, Vec<Measured>);

/// A task, what is put before it, and what it wrote.
struct Desk {
    broker: MemoryBroker,
    task: Task<MemoryLog>,
}

fn stored<T: serde::Serialize>(subject: &'static str, record: &T) -> Stored {
    let mut value = Vec::new();
    codec::encode(subject, record, &mut value).unwrap();
    Stored { key: Some(b"p".to_vec()), value: Some(value), headers: Vec::new() }
}

/// A clock that only knows that time passes.
fn clock() -> i64 {
    thread_local!(static CALLS: Cell<i64> = const { Cell::new(0) });
    CALLS.replace(CALLS.get() + 1)
}

fn task(broker: &MemoryBroker, seed: u64) -> Task<MemoryLog> {
    let (changelog, broadcast, faults) = (TASK_STATE, vec![CONTRACTS], Faults::default());
    let settings = LogSettings { partition: 0, changelog, broadcast, batch_max: 100, faults };
    let limits = Limits { long_windows_ms: MINUTE, ..Limits::default() };
    let config = TaskConfig { ticks: Ticks::External, limits, ..TaskConfig::new(0, 1) };
    let mut task = Task::new(broker.log(settings, seed), config, Arc::new(TaskStats::default()), clock);
    task.start().unwrap();
    task
}

impl Desk {
    fn new() -> Self {
        let broker = MemoryBroker::default();
        for (kind, id, body) in SHIPPED {
            let document = wire::Document { kind, id, version: 1, format: "toml", body, published_at: 0 };
            broker.append(CONTRACTS, 0, stored("contracts", &document));
        }
        let task = task(&broker, 0);
        Self { broker, task }
    }

    /// Another task takes over; what was not committed is done again.
    fn crash(&mut self) {
        self.task = task(&self.broker, 1);
    }

    fn put<T: serde::Serialize>(&mut self, topic: TopicId, subject: &'static str, record: &T) {
        self.broker.append(topic, 0, stored(subject, record));
        (0..4).for_each(|_| self.task.step().unwrap());
    }

    fn tick(&mut self, at: i64) {
        let tick = wire::Control { kind: wire::ControlKind::Tick, at, id: None, body: None };
        self.put(CONTROL, "control", &tick);
    }

    fn enrol(&mut self, revision: i32, time_zone: &str, spo2_scale: i32) {
        let enrolment = wire::Enrolment {
            id: "e",
            revision,
            status: wire::RecordStatus::Final,
            source: wire::Source::Live,
            patient_id: "p",
            episode_id: "episode",
            recorded_at: 0,
            effective_at: 0,
            plan: Some("coronary-stent"),
            spo2_scale: Some(spo2_scale),
            time_zone: Some(time_zone),
            ..wire::Enrolment::default()
        };
        self.put(ENROLMENTS, "enrolments", &enrolment);
    }

    /// What a device measured, in the units in which it is kept.
    fn measure(&mut self, device_id: &str, readings: &[Measured]) {
        let unit = |(metric, _, _): &Measured| {
            aftercare_core::metric::Metric::named(metric.as_str()).unwrap().unit()
        };
        let readings: Vec<_> = readings.iter().map(|measured| (*measured, unit(measured))).collect();
        self.measure_in(device_id, &readings);
    }

    /// What a device measured, each with its unit.
    fn measure_in(&mut self, device_id: &str, readings: &[(Measured, &str)]) {
        let reading =
            |&((metric, measured_at, value), unit)| wire::Reading { metric, value, unit, measured_at };
        let readings = readings.iter().map(reading).collect();
        let source = wire::Source::Live;
        let upload = wire::WearableUpload { patient_id: "p", device_id, source, readings };
        self.put(WEARABLE_READINGS, "wearable-readings", &upload);
    }

    /// The newest row of each id: value, median, robust z, band, parts.
    fn vitals(&self) -> BTreeMap<String, String> {
        let mut rows = BTreeMap::new();
        for (_, record) in self.broker.records(VITAL_SCORES, 0) {
            let row: wire::VitalScore<'_> =
                codec::decode("vital-scores", record.value.as_deref(), None).unwrap();
            let parts: Vec<_> =
                row.parts.iter().map(|part| format!("{} {}", part.name, part.value)).collect();
            let numbers = (row.value, row.median, row.robust_z.map(|z| (z * 1000.0).round() / 1000.0));
            let text = format!("{numbers:?} {} {}", row.band.unwrap_or("-"), parts.join(", "));
            rows.insert(row.vital_id.to_owned(), text);
        }
        rows
    }

    /// The alerts of these rules as they stand: revision and status by id.
    fn alerts(&self, rules: &[&str]) -> BTreeMap<String, String> {
        let mut rows = BTreeMap::new();
        for (_, record) in self.broker.records(ALERTS, 0) {
            let row: wire::Alert<'_> = codec::decode("alerts", record.value.as_deref(), None).unwrap();
            if rules.contains(&row.rule) {
                rows.insert(row.alert_id.to_owned(), format!("{} {}", row.revision, row.status));
            }
        }
        rows
    }

    /// How many readings of a device became what, as it stands.
    fn outcomes(&self, device_id: &str) -> BTreeMap<String, u64> {
        let mut counts = BTreeMap::new();
        for (_, record) in self.broker.records(READING_RECEIPTS, 0) {
            let row: wire::ReadingReceipt<'_> =
                codec::decode("reading-receipts", record.value.as_deref(), None).unwrap();
            if row.device_id == device_id {
                counts.insert(format!("{} {}", row.outcome, row.reason).trim().to_owned(), row.readings);
            }
        }
        counts
    }

    /// Windows of 5 minutes as they stand: readings and mean by device, metric and minutes from `MIDNIGHT`.
    fn short_windows(&self) -> BTreeMap<(String, String, i64), (u32, f64)> {
        let mut rows = BTreeMap::new();
        for (_, record) in self.broker.records(WINDOWS, 0) {
            let row: wire::Window<'_> = codec::decode("windows", record.value.as_deref(), None).unwrap();
            if row.length_s == 300 {
                let minute = (row.window_start - MIDNIGHT) / MINUTE;
                rows.insert(
                    (row.device_id.to_owned(), row.metric.to_owned(), minute),
                    (row.readings, row.mean),
                );
            }
        }
        rows
    }

    /// Days of heart rates as they stand: hours from `MIDNIGHT`, length in hours, readings.
    fn days(&self) -> BTreeMap<i64, (u32, u32)> {
        let mut rows = BTreeMap::new();
        for (_, record) in self.broker.records(WINDOWS, 0) {
            let row: wire::Window<'_> = codec::decode("windows", record.value.as_deref(), None).unwrap();
            if row.length_s > 3_600 {
                rows.insert((row.window_start - MIDNIGHT) / HOUR, (row.length_s / 3_600, row.readings));
            }
        }
        rows.retain(|_, (_, readings)| *readings > 0);
        rows
    }
}

/// Seven vital signs at these minutes.
fn seven(at: i64, temperature: f64) -> Vec<Measured> {
    vec![
        (Metric::RespirationRate, at, 22.0),
        (Metric::OxygenSaturation, at + MINUTE, 91.0),
        (Metric::SupplementalOxygen, at + MINUTE, 1.0),
        (Metric::SystolicPressure, at + 2 * MINUTE, 100.0),
        (Metric::HeartRate, at + 3 * MINUTE, 112.0),
        (Metric::Consciousness, at + 3 * MINUTE, 0.0),
        (Metric::BodyTemperature, at + 4 * MINUTE, temperature),
    ]
}

#[test]
fn seven_vital_signs_of_two_devices_make_a_news2_by_the_patients_scale() {
    for (scale, points, total) in [(1, 3, 12), (2, 0, 9)] {
        let mut desk = Desk::new();
        desk.tick(MIDNIGHT);
        desk.enrol(1, "Asia/Shanghai", scale);
        let all = seven(MIDNIGHT, 39.0);
        desk.measure("cuff", &all[..4]);
        desk.tick(MIDNIGHT + 5 * MINUTE);
        assert_eq!(desk.vitals(), BTreeMap::new(), "four are no NEWS2");
        desk.measure("watch", &all[4..]);
        desk.tick(MIDNIGHT + 6 * MINUTE);
        let parts = format!(
            "(Some({total}.0), None, None) high body_temperature 1, consciousness 0, heart_rate 2, \
             oxygen_saturation {points}, respiration_rate 2, supplemental_oxygen 2, systolic_pressure 2"
        );
        let id = format!("p/news2/{MIDNIGHT}");
        assert_eq!(desk.vitals(), BTreeMap::from([(id.clone(), parts.clone())]));
        // A reading from before changes the mean of its window, so that the pulse has another band.
        desk.crash();
        desk.measure("watch", &[(Metric::HeartRate, MIDNIGHT, 90.0)]);
        desk.tick(MIDNIGHT + 7 * MINUTE);
        let fewer = parts
            .replace("heart_rate 2", "heart_rate 1")
            .replace(&format!("Some({total}.0)"), &format!("Some({}.0)", total - 1));
        assert_eq!(desk.vitals(), BTreeMap::from([(id, fewer)]));
    }
}

#[test]
fn a_steep_rise_is_a_surge_until_a_late_reading_denies_it() {
    let mut desk = Desk::new();
    desk.tick(MIDNIGHT + HOUR);
    let pressure = |minute, value| (Metric::SystolicPressure, MIDNIGHT + minute * MINUTE, value);
    desk.measure("cuff", &[pressure(0, 122.0), pressure(40, 158.0)]);
    desk.tick(MIDNIGHT + HOUR + MINUTE);
    let id = format!("p/surge/systolic_pressure/{}", MIDNIGHT + 40 * MINUTE);
    assert_eq!(desk.vitals()[&id], "(Some(158.0), Some(122.0), None) - ");
    desk.measure("cuff", &[pressure(41, 140.0)]);
    desk.tick(MIDNIGHT + HOUR + 2 * MINUTE);
    assert_eq!(desk.vitals(), BTreeMap::from([(id, "(None, None, None) - ".to_owned())]));
}

#[test]
fn what_a_late_reading_denies_takes_its_alert_back() {
    let (rules, at) = (["pressure-surge", "news2-emergency"], MIDNIGHT + HOUR);
    let mut desk = Desk::new();
    desk.tick(at);
    desk.enrol(1, "Asia/Shanghai", 1);
    // All seven within the hour: the temperature is from its beginning. The pressure rose by 90.
    let mut signs = seven(at, 39.0);
    signs[3].2 = 190.0;
    signs[4].1 = at;
    signs[5].1 = at;
    signs[6].1 = at - 57 * MINUTE;
    signs.push((Metric::SystolicPressure, at - 30 * MINUTE, 100.0));
    desk.measure("hub", &signs);
    desk.tick(at + 6 * MINUTE);
    let id = |name: &str| format!("episode/{name}@2025-05-31T17:00:00Z");
    let [surge, score] = [id("pressure-surge/surge"), id("news2-emergency/news2")];
    let open = [(surge.clone(), "1 open".to_owned()), (score.clone(), "1 open".to_owned())];
    assert_eq!(desk.alerts(&rules), BTreeMap::from(open));
    // What was measured later makes the temperature too old, and the rise too small for the policy.
    let late =
        [(Metric::HeartRate, at + 4 * MINUTE, 112.0), (Metric::SystolicPressure, at + 3 * MINUTE, 150.0)];
    desk.crash();
    desk.measure("hub", &late);
    desk.tick(at + 7 * MINUTE);
    let value = |kind: &str| desk.vitals()[&format!("p/{kind}/{at}")].clone();
    assert_eq!(value("news2"), "(None, None, None) - ");
    assert_eq!(value("surge/systolic_pressure"), "(Some(170.0), Some(100.0), None) - ");
    let withdrawn = [(surge, "2 withdrawn".to_owned()), (score, "2 withdrawn".to_owned())];
    assert_eq!(desk.alerts(&rules), BTreeMap::from(withdrawn));
}

/// Twelve days: pulse around 60, the last one at 75; three doses a day, one of them forgotten on day 3.
fn twelve_days() -> Vec<Arrival> {
    let mut uploads = Vec::new();
    for day in 0..12 {
        let at = MIDNIGHT + day * DAY + 9 * HOUR;
        let usual = 60.0 + [0.0, 2.0, 1.0, 4.0, 3.0][usize::try_from(day % 5).unwrap()];
        let value = if day == 11 { 75.0 } else { usual };
        uploads.push((at, (0..20).map(|n| (Metric::HeartRate, at + n * MINUTE, value)).collect()));
        let taken = if day == 3 { 2.0 } else { 3.0 };
        let evening = at + 10 * HOUR;
        uploads.push((evening, vec![(Metric::DosesDue, evening, 3.0), (Metric::DosesTaken, evening, taken)]));
    }
    uploads
}

fn after_twelve_days(arrivals: &[Arrival], crash_every: usize) -> Desk {
    let mut desk = Desk::new();
    desk.tick(MIDNIGHT);
    desk.enrol(1, "Asia/Shanghai", 1);
    for (n, (at, readings)) in arrivals.iter().enumerate() {
        // Each kind of reading has a device of its own.
        desk.measure(readings[0].0.as_str(), readings);
        desk.tick(at + HOUR);
        if n % crash_every == crash_every - 1 {
            desk.crash();
        }
    }
    desk.tick(MIDNIGHT + 12 * DAY);
    desk.tick(MIDNIGHT + 12 * DAY + HOUR);
    desk
}

#[test]
fn days_are_compared_with_the_patients_own_and_doses_are_counted() {
    let desk = after_twelve_days(&twelve_days(), usize::MAX);
    let vitals = desk.vitals();
    let of = |kind: &str, day: i64| vitals.get(&format!("p/{kind}/{}", MIDNIGHT + day * DAY)).cloned();
    assert_eq!(of("adherence", 2).as_deref(), Some("(Some(1.0), None, None) - due 3, taken 3"));
    let missed = format!("(Some({}), None, None) - due 3, taken 2", 2.0 / 3.0);
    assert_eq!(of("adherence", 3), Some(missed));
    assert_eq!((0..12).filter(|day| of("adherence", *day).is_some()).count(), 12);
    // The month so far, as its newest day says.
    let june = format!("p/adherence_month/{}", MIDNIGHT + 8 * HOUR);
    let month = format!("(Some({}), None, None) - days 12, due 36, taken 35", 35.0 / 36.0);
    assert_eq!(vitals.get(&june), Some(&month));
    assert_eq!(vitals.keys().filter(|id| id.starts_with("p/adherence_month")).count(), 1);
    // Seven days must have gone before. Median 62, median distance 1.
    assert_eq!((0..12).filter(|day| of("baseline/heart_rate", *day).is_some()).count(), 5);
    assert_eq!(of("baseline/heart_rate", 11).as_deref(), Some("(Some(75.0), Some(62.0), Some(8.769)) - "));
    assert_eq!(desk.days().len(), 12);
}

#[test]
fn late_uploads_and_crashes_end_with_the_same() {
    let straight = after_twelve_days(&twelve_days(), usize::MAX);
    // The telephone was away for four days: everything comes at once, then goes on.
    let mut arrivals = twelve_days();
    for (at, _) in arrivals.iter_mut().take(8) {
        *at = MIDNIGHT + 4 * DAY;
    }
    let late = after_twelve_days(&arrivals, 3);
    assert_eq!(late.vitals(), straight.vitals());
    assert_eq!(late.days(), straight.days());
}

#[test]
fn readings_from_before_the_enrolment_lie_in_days_of_the_patients_zone() {
    let mut desk = Desk::new();
    desk.tick(MIDNIGHT + 30 * HOUR);
    let pulse: Vec<_> = (0..30).map(|hour| (Metric::HeartRate, MIDNIGHT + hour * HOUR, 60.0)).collect();
    desk.measure("watch", &pulse);
    desk.tick(MIDNIGHT + 31 * HOUR);
    assert_eq!(desk.days(), BTreeMap::new(), "nobody knows where the patient lives");
    desk.crash();
    desk.enrol(1, "Asia/Shanghai", 1);
    desk.tick(MIDNIGHT + 31 * HOUR + 5 * MINUTE);
    desk.tick(MIDNIGHT + 31 * HOUR + 9 * MINUTE);
    assert_eq!(desk.days(), BTreeMap::from([(0, (24, 24)), (24, (24, 6))]));
}

#[test]
fn a_day_of_another_zone_is_taken_back_while_its_readings_are_live() {
    let mut desk = Desk::new();
    desk.tick(MIDNIGHT + 2 * HOUR);
    desk.enrol(1, "UTC", 1);
    desk.measure("watch", &[(Metric::HeartRate, MIDNIGHT, 60.0), (Metric::HeartRate, MIDNIGHT + HOUR, 60.0)]);
    desk.tick(MIDNIGHT + 2 * HOUR + 5 * MINUTE);
    desk.tick(MIDNIGHT + 2 * HOUR + 9 * MINUTE);
    assert_eq!(desk.days(), BTreeMap::from([(-16, (24, 2))]));
    desk.enrol(2, "Asia/Shanghai", 1);
    desk.tick(MIDNIGHT + 2 * HOUR + 20 * MINUTE);
    desk.tick(MIDNIGHT + 2 * HOUR + 29 * MINUTE);
    assert_eq!(desk.days(), BTreeMap::from([(0, (24, 2))]));
}

#[test]
fn a_reading_is_its_device_metric_and_time_whatever_its_unit() {
    let mut desk = Desk::new();
    desk.tick(MIDNIGHT + HOUR);
    let at = MIDNIGHT + 5 * MINUTE;
    let warm = |value: f64, unit| ((Metric::BodyTemperature, at, value), unit);
    desk.measure_in("ear", &[warm(37.0, "Cel")]);
    // The same, from a telephone that was set to Fahrenheit since; then something else of that moment.
    desk.measure_in("ear", &[warm(98.6, "[degF]"), warm(37.0, "C")]);
    desk.crash();
    desk.measure_in("ear", &[warm(100.4, "F"), warm(98.6, "F")]);
    // Another device, and another metric of the same device: readings of their own.
    desk.measure_in("skin", &[warm(100.4, "F")]);
    desk.measure_in("ear", &[((Metric::HeartRate, at, 37.0), "bpm")]);
    // What no thermometer says, and what no temperature is measured in.
    desk.measure_in("ear", &[warm(98.6, "Cel"), warm(37.0, "kg")]);
    desk.tick(MIDNIGHT + HOUR + MINUTE);
    let counts = |list: &[(&str, u64)]| -> BTreeMap<String, u64> {
        list.iter().map(|(outcome, n)| ((*outcome).to_owned(), *n)).collect()
    };
    let ear = [
        ("accepted", 2),
        ("conflicting conflicting_content", 1),
        ("duplicate", 3),
        ("rejected implausible_value", 1),
        ("rejected unsupported_unit", 1),
    ];
    assert_eq!(desk.outcomes("ear"), counts(&ear));
    assert_eq!(desk.outcomes("skin"), counts(&[("accepted", 1)]));
    let window = |device: &str, metric: &str, mean| ((device.to_owned(), metric.to_owned(), 5), (1, mean));
    let windows = [
        window("ear", "body_temperature", 37.0),
        window("ear", "heart_rate", 37.0),
        window("skin", "body_temperature", 38.0),
    ];
    assert_eq!(desk.short_windows(), BTreeMap::from(windows));
}

/// The patients of a world, with watches and instruments at home, and a tick every half hour.
fn wearers(seed: u64) -> Settings {
    Settings {
        seed,
        patients: 6,
        days: 40,
        wearers_permille: 700,
        wear_days: 3,
        home_permille: 400,
        tick_minutes: 30,
        ..Settings::default()
    }
}

/// What is said of vital signs where what must be said is what a batch over all readings says; and how much that was.
fn compared(settings: Settings) -> (Vec<invariants::Violation>, BTreeMap<String, usize>) {
    let (mut desk, mut last_tick) = (Desk::new(), 0);
    let mut reference = Reference::default();
    for record in World::new(settings) {
        let topic = topics::by_name(record.topic).unwrap().id;
        let value = Some(record.value.clone());
        desk.broker.append(topic, 0, Stored { key: Some(record.key.clone()), value, headers: Vec::new() });
        if topic == CONTROL {
            last_tick = record.at;
            (0..20).for_each(|_| desk.task.step().unwrap());
        } else {
            reference.add(record.topic, &record.key, Some(&record.value), None);
        }
    }
    (0..400).for_each(|_| desk.task.step().unwrap());
    reference.set_last_tick(Instant(last_tick));
    let (expected, mut actual) = (reference.finish(&Library::builtin()), Actual::of_all_topics());
    for (topic, name) in [(VITAL_SCORES, "vital-scores"), (LATE_READINGS, "late-readings")] {
        for (_, record) in desk.broker.records(topic, 0) {
            actual.add(name, record.value.as_deref()).unwrap();
        }
    }
    // A device that was away for hours finds that windows of others have ended, which its readings would go with.
    let mut away: BTreeSet<(String, i64)> = BTreeSet::new();
    for (_, record) in desk.broker.records(WINDOWS, 0) {
        let row: wire::Window<'_> = codec::decode("windows", record.value.as_deref(), None).unwrap();
        if row.length_s == 300 && row.stored_at > row.window_start + 2 * HOUR {
            away.insert((row.patient_id.to_owned(), row.window_start));
        }
    }
    let mut kinds = BTreeMap::new();
    for (id, _) in actual.vitals.iter().flat_map(Rows::iter) {
        *kinds.entry(id.split('/').nth(1).unwrap().to_owned()).or_default() += 1;
    }
    let mut violations = invariants::check_all(&expected, &actual);
    violations.retain(|violation| violation.invariant == invariants::EVERY_VITAL_EQUALS_REFERENCE);
    violations.retain(|violation| {
        let id: Vec<&str> = violation.at.trim_matches('"').split('/').collect();
        let after = |hours: i64| (id[0].to_owned(), id[2].parse::<i64>().unwrap_or(0) - hours * HOUR);
        id[1] != "news2" || away.range(after(2)..=after(0)).next().is_none()
    });
    (violations, kinds)
}

#[test]
fn a_world_says_of_its_vital_signs_what_a_batch_over_all_readings_says() {
    let mut all = BTreeMap::new();
    for seed in [1, 2] {
        let (violations, kinds) = compared(wearers(seed));
        let first: Vec<_> = violations.iter().take(3).map(|violation| format!("{violation:#}")).collect();
        assert!(violations.is_empty(), "seed {seed}: {} of {kinds:?}: {first:#?}", violations.len());
        all.extend(kinds);
    }
    for kind in ["news2", "baseline", "adherence"] {
        assert!(all.contains_key(kind), "no {kind} in {all:?}");
    }
}
