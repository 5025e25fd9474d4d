//! A month of real heart rates through the task, hour by hour as if they came live: every window of 5 minutes, an hour
//! and a day, and every day's distance from the days before it, against what `real_windows.py` says of the file alone.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::process::Command;
use std::sync::Arc;

use aftercare_core::documents::{Library, SHIPPED};
use aftercare_core::metric::Metric as CoreMetric;
use aftercare_core::time::Instant;
use aftercare_core::vital::{WindowRow, windows_of};
use aftercare_core::window::{Micros, window_start};
use aftercare_core::zone::Zone;
use aftercare_runtime::config::{Limits, TaskConfig, Ticks};
use aftercare_runtime::stats::TaskStats;
use aftercare_runtime::task::Task;
use aftercare_runtime::topics::{
    CONTRACTS, CONTROL, ENROLMENTS, TASK_STATE, VITAL_SCORES, WEARABLE_READINGS, WINDOWS,
};
use aftercare_schemas::wire;
use aftercare_sim::memory_log::{Faults, LogSettings, MemoryBroker, MemoryLog, Stored};
use aftercare_stream::position::TopicId;

use super::real_files::real_file;
use super::*;
use crate::commands::demo::heart::in_steps;

const HOUR_MS: i64 = 3_600_000;

/// Wearer, start (ms), length (s); of a baseline 0.
type Key = (String, i64, u32);

/// What a window must say: readings, mean, standard deviation, least, greatest, three percentiles, coverage, share in
/// range. Of a baseline: the day's value, the median of the days before, the distance.
type Numbers = Vec<Option<f64>>;

/// The numbers of all windows and baselines of the file, by another program in another language. `None`, with a message,
/// where there is no Python.
fn of_the_file(path: &Path, how: &[&str]) -> Option<BTreeMap<Key, Numbers>> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/import/tests/real_windows.py");
    let Ok(out) = Command::new("python3").arg("-B").arg(script).arg(path).args(how).output() else {
        println!("skipped: there is no python3");
        return None;
    };
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let line = |line: &str| {
        let cells: Vec<&str> = line.split(',').collect();
        let (length, numbers) = match cells[0] {
            "window" => (cells[3].parse().unwrap(), &cells[4..]),
            _ => (0, &cells[3..]),
        };
        let number = |cell: &&str| (!cell.is_empty()).then(|| cell.parse().unwrap());
        (
            (format!("fitbit-{}", cells[1]), cells[2].parse().unwrap(), length),
            numbers.iter().map(number).collect(),
        )
    };
    Some(String::from_utf8(out.stdout).unwrap().lines().map(line).collect())
}

/// Readings of each wearer with their seconds on top: few of them are equal.
fn spread(records: &Kept) -> BTreeMap<String, Vec<(Instant, Micros)>> {
    let mut wearers: BTreeMap<String, Vec<(Instant, Micros)>> = BTreeMap::new();
    for upload in records.uploads() {
        let readings = upload.readings.iter().map(|reading| {
            let rate = Micros::from_units(reading.value).unwrap().millionths();
            let thousandths = reading.measured_at.div_euclid(1_000).rem_euclid(1_000);
            (Instant(reading.measured_at), Micros::from_millionths(rate + thousandths * 1_000))
        });
        wearers.entry(upload.patient_id.to_owned()).or_default().extend(readings);
    }
    wearers
}

fn of_the_core(row: &WindowRow) -> Numbers {
    let stats = row.stats;
    let all = [f64::from(stats.readings), stats.mean, stats.sd.unwrap_or(f64::NAN), stats.min, stats.max];
    let all = all.into_iter().chain([row.p10, row.p50, row.p90, row.coverage]);
    all.map(|number| (!number.is_nan()).then_some(number)).chain([row.in_range]).collect()
}

/// With thousands of distinct values in a window percentiles are no longer exact, but within what is stated of them.
#[test]
fn percentiles_of_thousands_of_values_lie_within_a_128th() {
    const PERCENTILES: std::ops::Range<usize> = 5..8;
    let Some(path) = real_file("heart_rate_fitbit.csv.gz") else { return };
    let Some(want) = of_the_file(&path, &["UTC", "spread"]) else { return };
    let mapping = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/mappings/fitbit-heart-rate.toml");
    let folder = tempfile::tempdir().unwrap();
    let (_, records) = import(&path, &mapping, Some(folder.path().join("refused.csv"))).unwrap();
    let library = Library::builtin();
    let target = library.vitals().unwrap().target(CoreMetric::HEART_RATE);
    let (mut exact, mut within, mut furthest) = (0, 0, 0.0f64);
    for (wearer, readings) in spread(&records) {
        let day_of = |index| Some(Zone::UTC.day_span(window_start(index)));
        for row in windows_of(readings, day_of, target) {
            let have = of_the_core(&row);
            let want = &want[&(wearer.clone(), row.start.0, row.length_s)];
            if row.stats.readings <= 256 {
                assert!(equal(want, &have), "{want:?} {have:?}");
                exact += 1;
                continue;
            }
            let rest = |numbers: &Numbers| [&numbers[..PERCENTILES.start], &numbers[8..9]].concat();
            assert!(equal(&rest(want), &rest(&have)), "{want:?} {have:?}");
            for (want, have) in want[PERCENTILES].iter().zip(&have[PERCENTILES]) {
                let (want, have) = (want.unwrap(), have.unwrap());
                furthest = furthest.max((have / want - 1.0).abs());
            }
            within += 1;
        }
    }
    println!("{exact} windows equal, percentiles of {within} with more values off by {furthest:.5} at most");
    assert!(furthest < 1.0 / 128.0 && furthest > 0.0 && within > 500, "{furthest} {within}");
}

fn of_the_row(row: &wire::Window<'_>) -> Numbers {
    let (readings, mean, min, max) = (f64::from(row.readings), row.mean, row.min, row.max);
    let (whole, rest) =
        ([Some(readings), Some(mean), row.sd, Some(min), Some(max)], [row.p10, row.p50, row.p90]);
    [&whole[..], &rest, &[row.coverage, row.in_range]].concat()
}

/// Equal but for the last bits of a double.
fn equal(want: &Numbers, have: &Numbers) -> bool {
    let near = |pair: (&Option<f64>, &Option<f64>)| match pair {
        (Some(want), Some(have)) => (want - have).abs() <= 4.0 * f64::EPSILON * want.abs(),
        (want, have) => want == have,
    };
    want.len() == have.len() && want.iter().zip(have).all(near)
}

/// The newest row of each key, in the order of the topic.
fn newest(broker: &MemoryBroker) -> BTreeMap<Key, Numbers> {
    let mut rows: BTreeMap<Key, Numbers> = BTreeMap::new();
    for (_, record) in broker.records(WINDOWS, 0) {
        let row: wire::Window<'_> = codec::decode("windows", record.value.as_deref(), None).unwrap();
        rows.insert((row.patient_id.to_owned(), row.window_start, row.length_s), of_the_row(&row));
    }
    for (_, record) in broker.records(VITAL_SCORES, 0) {
        let row: wire::VitalScore<'_> = codec::decode("vital-scores", record.value.as_deref(), None).unwrap();
        let numbers = vec![row.value, row.median, row.robust_z];
        rows.insert((row.patient_id.to_owned(), row.measured_at, 0), numbers);
    }
    rows
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
    for (end, uploads) in in_steps(&uploads, HOUR_MS) {
        let uploads = uploads.iter().map(|upload| (WEARABLE_READINGS, stored("wearable-readings", upload)));
        hours.entry(end / HOUR_MS).or_default().extend(uploads);
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

fn windows_equal_the_file(zone: &str) {
    let Some(path) = real_file("heart_rate_fitbit.csv.gz") else { return };
    let Some(mut want) = of_the_file(&path, &[zone]) else { return };
    let folder = tempfile::tempdir().unwrap();
    let mapping = include_str!("../../../../../deploy/mappings/fitbit-heart-rate.toml");
    // The second one is the patient's; the first one is how the file is read.
    let (head, tail) = mapping.rsplit_once("time_zone = \"UTC\"").unwrap();
    let own = folder.path().join("mapping.toml");
    std::fs::write(&own, format!("{head}time_zone = \"{zone}\"{tail}")).unwrap();
    let (_, records) = import(&path, &own, Some(folder.path().join("refused.csv"))).unwrap();
    let broker = flow(&records);
    let mut equals: BTreeMap<u32, usize> = BTreeMap::new();
    for (key, have) in newest(&broker) {
        let want = want.remove(&key).unwrap_or_else(|| panic!("the file has none of these: {key:?}"));
        assert!(equal(&want, &have), "{key:?}: the file says {want:?}, the task {have:?}");
        *equals.entry(key.2).or_default() += 1;
    }
    assert!(want.is_empty(), "{} of the file are missing: {:?}", want.len(), want.first_key_value());
    println!("{zone}: windows equal to the file, by length in seconds (0: baselines of days): {equals:?}");
    assert!(equals[&300] > 13_000 && equals[&0] > 50, "{equals:?}");
}

#[test]
fn every_window_of_a_real_month_equals_the_file() {
    windows_equal_the_file("UTC");
}

/// On 2016-05-01 the clocks of Venezuela went from 4½ to 4 hours behind UTC.
#[test]
fn every_day_of_a_real_month_is_the_wearers_own() {
    windows_equal_the_file("America/Caracas");
}
