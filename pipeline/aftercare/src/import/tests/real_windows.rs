//! A month of real heart rates through the task, hour by hour as if they came live: every window of 5 minutes, an hour
//! and a day against numbers computed here from the file alone.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::sync::Arc;

use aftercare_core::documents::SHIPPED;
use aftercare_runtime::config::{Limits, TaskConfig, Ticks};
use aftercare_runtime::stats::TaskStats;
use aftercare_runtime::task::Task;
use aftercare_runtime::topics::{CONTRACTS, CONTROL, ENROLMENTS, TASK_STATE, WEARABLE_READINGS, WINDOWS};
use aftercare_schemas::wire;
use aftercare_sim::memory_log::{Faults, LogSettings, MemoryBroker, MemoryLog, Stored};
use aftercare_stream::position::TopicId;
use flate2::read::GzDecoder;

use super::real_files::real_file;
use super::*;

const HOUR_MS: i64 = 3_600_000;

/// Wearer, start (ms), length (s).
type Key = (String, i64, u32);

/// What a window must say: readings, mean, standard deviation, least, greatest, three percentiles, coverage, share in
/// range.
#[derive(Debug)]
struct Numbers {
    readings: u32,
    floats: [f64; 9],
}

/// Days of a patient: (start, length in seconds) of the day that a moment lies in.
type Days = fn(i64) -> (i64, u32);

fn utc(at: i64) -> (i64, u32) {
    (at.div_euclid(24 * HOUR_MS) * 24 * HOUR_MS, 86_400)
}

/// On 2016-05-01 at 07:00 UTC the clocks of Venezuela went from 4½ to 4 hours behind UTC.
fn caracas(at: i64) -> (i64, u32) {
    const CHANGE: i64 = 1_462_086_000_000;
    const MIDNIGHT_BEFORE: i64 = CHANGE - 5 * HOUR_MS / 2;
    if (MIDNIGHT_BEFORE..MIDNIGHT_BEFORE + 47 * HOUR_MS / 2).contains(&at) {
        return (MIDNIGHT_BEFORE, 84_600);
    }
    let behind = if at < CHANGE { 9 * HOUR_MS / 2 } else { 4 * HOUR_MS };
    ((at - behind).div_euclid(24 * HOUR_MS) * 24 * HOUR_MS + behind, 86_400)
}

/// The numbers of all windows, from the file.
fn of_the_file(path: &Path, days: Days) -> BTreeMap<Key, Numbers> {
    let mut text = String::new();
    GzDecoder::new(std::fs::File::open(path).unwrap()).read_to_string(&mut text).unwrap();
    let mut windows: BTreeMap<Key, Vec<(i64, f64)>> = BTreeMap::new();
    for line in text.lines().filter(|line| line.starts_with(|c: char| c.is_ascii_digit())) {
        let cells: Vec<&str> = line.split(',').collect();
        let time: jiff::civil::DateTime = cells[1].parse().unwrap();
        let at = jiff::tz::TimeZone::UTC.to_timestamp(time).unwrap().as_millisecond();
        let (day, day_s) = days(at.div_euclid(300_000) * 300_000);
        let hour = at.div_euclid(HOUR_MS) * HOUR_MS;
        for (start, length) in [(at.div_euclid(300_000) * 300_000, 300), (hour, 3_600), (day, day_s)] {
            let key = (format!("fitbit-{}", cells[0]), start, length);
            windows.entry(key).or_default().push((at, cells[2].parse().unwrap()));
        }
    }
    windows.into_iter().map(|(key, readings)| (key.clone(), numbers(key.2, &readings))).collect()
}

#[allow(clippy::cast_precision_loss, reason = "small numbers")]
fn numbers(length_s: u32, readings: &[(i64, f64)]) -> Numbers {
    let mut values: Vec<f64> = readings.iter().map(|(_, value)| *value).collect();
    values.sort_by(f64::total_cmp);
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let scatter: f64 = values.iter().map(|value| (value - mean) * (value - mean)).sum();
    let sd = if values.len() > 1 { (scatter / (n - 1.0)).sqrt() } else { f64::NAN };
    let quantile = |tenths: usize| values[(values.len() * tenths).div_ceil(10) - 1];
    let slot_s: u32 = if length_s == 300 { 60 } else { 300 };
    let slots: BTreeSet<i64> = readings.iter().map(|(at, _)| at / (i64::from(slot_s) * 1000)).collect();
    let coverage = slots.len() as f64 / f64::from(length_s / slot_s);
    let in_range = values.iter().filter(|value| (51.0..=90.0).contains(*value)).count() as f64 / n;
    let (min, max) = (values[0], values[values.len() - 1]);
    Numbers {
        readings: u32::try_from(values.len()).unwrap(),
        floats: [mean, sd, min, max, quantile(1), quantile(5), quantile(9), coverage, in_range],
    }
}

fn of_the_row(row: &wire::Window<'_>) -> Numbers {
    let number = |value: Option<f64>| value.unwrap_or(f64::NAN);
    let [p10, p50, p90, coverage, in_range, sd] =
        [row.p10, row.p50, row.p90, row.coverage, row.in_range, row.sd].map(number);
    Numbers {
        readings: row.readings,
        floats: [row.mean, sd, row.min, row.max, p10, p50, p90, coverage, in_range],
    }
}

fn equal(want: &Numbers, have: &Numbers) -> bool {
    let near = |(want, have): (&f64, &f64)| (want - have).abs() < 1e-9 || (want.is_nan() && have.is_nan());
    want.readings == have.readings && want.floats.iter().zip(&have.floats).all(near)
}

fn stored<T: serde::Serialize>(subject: &'static str, record: &T) -> Stored {
    let mut value = Vec::new();
    codec::encode(subject, record, &mut value).unwrap();
    Stored { value: Some(value), ..Stored::default() }
}

/// A clock that only knows that time passes.
fn clock() -> i64 {
    thread_local!(static CALLS: Cell<i64> = const { Cell::new(0) });
    CALLS.replace(CALLS.get() + 1)
}

/// Enrolments (hour 0), and what each wearer measured in each hour, by the hour's end.
fn by_hour(records: &Kept) -> BTreeMap<i64, Vec<(TopicId, Stored)>> {
    let enrolments = records.enrolments();
    let enrolments = enrolments.iter().map(|enrolment| (ENROLMENTS, stored("enrolments", enrolment)));
    let mut hours: BTreeMap<i64, Vec<(TopicId, Stored)>> = BTreeMap::from([(0, enrolments.collect())]);
    let uploads = records.uploads();
    let mut measured: BTreeMap<(i64, &str), WearableUpload<'_>> = BTreeMap::new();
    for upload in &uploads {
        for reading in &upload.readings {
            let hour = reading.measured_at.div_euclid(HOUR_MS) + 1;
            let empty = || WearableUpload { readings: Vec::new(), ..upload.clone() };
            measured.entry((hour, upload.patient_id)).or_insert_with(empty).readings.push(*reading);
        }
    }
    for ((hour, _), upload) in measured {
        hours.entry(hour).or_default().push((WEARABLE_READINGS, stored("wearable-readings", &upload)));
    }
    hours
}

/// Lets the task take the records hour by hour, each hour's uploads before the tick that ends it. Every hundredth hour
/// it is dropped in the middle of its work, and another takes over.
fn flow(records: &Kept) -> MemoryBroker {
    let broker = MemoryBroker::default();
    for (kind, id, body) in SHIPPED {
        let document = wire::Document { kind, id, version: 1, format: "toml", body, published_at: 0 };
        broker.append(CONTRACTS, 0, stored("contracts", &document));
    }
    let mut hours = by_hour(records);
    let task = |seed: u64| -> Task<MemoryLog> {
        let (changelog, broadcast, faults) = (TASK_STATE, vec![CONTRACTS], Faults::default());
        let settings = LogSettings { partition: 0, changelog, broadcast, batch_max: 1_000, faults };
        let limits = Limits { issued_per_turn_max: 100_000, ..Limits::default() };
        let config = TaskConfig { ticks: Ticks::External, limits, ..TaskConfig::new(0, 1) };
        let mut task = Task::new(broker.log(settings, seed), config, Arc::new(TaskStats::default()), clock);
        task.start().unwrap();
        task
    };
    let mut current = task(0);
    let end = hours.keys().next_back().copied().unwrap() + 12;
    let first = hours.keys().find(|hour| **hour > 0).copied().unwrap();
    for (n, hour) in (0u64..).zip(std::iter::once(0).chain(first..=end)) {
        for (topic, record) in hours.remove(&hour).unwrap_or_default() {
            broker.append(topic, 0, record);
        }
        if n % 100 == 99 {
            current.step().unwrap();
            current = task(n);
        }
        let at = hour.max(1) * HOUR_MS;
        let tick = wire::Control { kind: wire::ControlKind::Tick, at, id: None, body: None };
        broker.append(CONTROL, 0, stored("control", &tick));
        (0..6).for_each(|_| current.step().unwrap());
    }
    broker
}

fn windows_equal_the_file(zone: &str, days: Days) {
    let Some(path) = real_file("heart_rate_fitbit.csv.gz") else { return };
    let folder = tempfile::tempdir().unwrap();
    let mapping = include_str!("../../../../../deploy/mappings/fitbit-heart-rate.toml");
    // The second one is the patient's; the first one is how the file is read.
    let (head, tail) = mapping.rsplit_once("time_zone = \"UTC\"").unwrap();
    let own = folder.path().join("mapping.toml");
    std::fs::write(&own, format!("{head}time_zone = \"{zone}\"{tail}")).unwrap();
    let (_, records) = import(&path, &own, Some(folder.path().join("refused.csv"))).unwrap();
    let mut want = of_the_file(&path, days);
    let broker = flow(&records);
    let rows = broker.records(WINDOWS, 0);
    let mut have: BTreeMap<Key, (u64, Numbers)> = BTreeMap::new();
    for (_, record) in &rows {
        let row: wire::Window<'_> = codec::decode("windows", record.value.as_deref(), None).unwrap();
        let key = (row.patient_id.to_owned(), row.window_start, row.length_s);
        have.entry(key)
            .and_modify(|(version, _)| assert!(*version < row.version))
            .insert_entry((row.version, of_the_row(&row)));
    }
    let mut equals: BTreeMap<u32, usize> = BTreeMap::new();
    for (key, (_, have)) in have {
        let want = want.remove(&key).unwrap_or_else(|| panic!("no such window in the file: {key:?}"));
        assert!(equal(&want, &have), "{key:?}: the file says {want:?}, the task {have:?}");
        *equals.entry(key.2).or_default() += 1;
    }
    assert!(want.is_empty(), "{} windows of the file are missing: {:?}", want.len(), want.first_key_value());
    println!("{zone}: windows equal to the file, by length in seconds: {equals:?}; {} rows", rows.len());
    assert!(equals.values().sum::<usize>() > 15_000, "{equals:?}");
}

#[test]
fn every_window_of_a_real_month_equals_the_file() {
    windows_equal_the_file("UTC", utc);
}

#[test]
fn every_day_of_a_real_month_is_the_wearers_own() {
    windows_equal_the_file("America/Caracas", caracas);
}
