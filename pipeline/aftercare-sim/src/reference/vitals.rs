//! What vital signs add up to, from all readings at once: NEWS2 of each five minutes, doses taken of doses due of each day,
//! and each day against the days before it.

use std::collections::{BTreeMap, BTreeSet};

use aftercare_core::documents::{Library, VitalsDocument};
use aftercare_core::metric::Metric;

use super::Expected;
use super::enrolments::Episodes;
use super::readings::{Values, WINDOW_MS};

/// One row of `vital-scores`. (What came out is read into the same type, so that the two can be compared.)
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ExpectedVital {
    /// When it was measured, ms since 1970 UTC.
    pub measured_at: i64,
    /// Its value; what came out has none where it was taken back.
    pub value: Option<f64>,
    /// The median of the days before.
    pub median: Option<f64>,
    /// The robust distance from it.
    pub robust_z: Option<f64>,
    /// Points by vital sign, or doses.
    pub parts: BTreeMap<String, f64>,
    /// Which readings it is made of, ms since 1970 UTC: from, to. Of what came out nobody knows.
    pub span: (i64, i64),
}

/// The chart of the Royal College of Physicians (2017): vital sign, then lowest value and points of each of its rows, from
/// the lowest row up. Temperature in tenths.
const CHART: [(&str, &[(i64, u8)]); 4] = [
    ("respiration_rate", &[(i64::MIN, 3), (9, 1), (12, 0), (21, 2), (25, 3)]),
    ("systolic_pressure", &[(i64::MIN, 3), (91, 2), (101, 1), (111, 0), (220, 3)]),
    ("heart_rate", &[(i64::MIN, 3), (41, 1), (51, 0), (91, 1), (111, 2), (131, 3)]),
    ("body_temperature", &[(i64::MIN, 3), (351, 1), (361, 0), (381, 1), (391, 2)]),
];
const SATURATION: &[(i64, u8)] = &[(i64::MIN, 3), (92, 2), (94, 1), (96, 0)];
const SATURATION_2: &[(i64, u8)] = &[(i64::MIN, 3), (84, 2), (86, 1), (88, 0)];
const SATURATION_2_ON_OXYGEN: &[(i64, u8)] = &[(93, 1), (95, 2), (97, 3)];

const OXYGEN: &str = "supplemental_oxygen";
const MIND: &str = "consciousness";
const SPO2: &str = "oxygen_saturation";

fn points(rows: &[(i64, u8)], value: i64) -> u8 {
    rows.iter().rfind(|(from, _)| *from <= value).map_or(0, |(_, points)| *points)
}

fn points_of(sign: &str, value: i64, on_oxygen: bool, scale: i32) -> u8 {
    match (sign, scale) {
        (OXYGEN, _) => u8::from(value > 0) * 2,
        (MIND, _) => u8::from(value != 0) * 3,
        (SPO2, 2) if on_oxygen && value > 92 => points(SATURATION_2_ON_OXYGEN, value),
        (SPO2, 2) => points(SATURATION_2, value),
        (SPO2, _) => points(SATURATION, value),
        _ => CHART.iter().find(|(known, _)| *known == sign).map_or(0, |(_, rows)| points(rows, value)),
    }
}

/// Begin and end of the day that a moment lies in.
type DayOf<'d> = dyn FnMut(i64) -> Option<(i64, i64)> + 'd;

/// By metric, five minutes (counted since 1970) and device: when measured, value in millionths.
type Windows<'v> = BTreeMap<(&'v str, i64, &'v str), Vec<(i64, i64)>>;

/// By metric and day: its value in millionths.
type DayValues<'v> = BTreeMap<(&'v str, i64), i64>;

/// The series of one patient: device, metric, values by time.
type Series<'v> = Vec<(&'v str, &'v str, &'v BTreeMap<i64, i64>)>;

/// Everything about one patient's vital signs.
pub(super) fn rows(
    patient: &str,
    episodes: &Episodes<'_>,
    values: &Values,
    (library, last_tick): (&Library, i64),
    day_of: &mut DayOf<'_>,
    expected: &mut Expected,
) {
    let Some(rules) = library.vitals() else { return };
    let own = values.iter().filter(|((of, ..), _)| of == patient);
    let own: Series<'_> = own.map(|((_, device, metric), series)| (&**device, *metric, series)).collect();
    let mut windows = Windows::new();
    for (device, metric, series) in &own {
        for (at, micros) in *series {
            windows.entry((metric, at.div_euclid(WINDOW_MS), device)).or_default().push((*at, *micros));
        }
    }
    let is_sign =
        |metric: &str| [OXYGEN, MIND, SPO2].contains(&metric) || CHART.iter().any(|(s, _)| *s == metric);
    let slots: BTreeSet<i64> =
        windows.keys().filter(|(metric, ..)| is_sign(metric)).map(|(_, slot, _)| *slot).collect();
    let within = i64::from(rules.news2_within_minutes) * 60_000;
    for slot in slots {
        let episode = episodes.at(slot * WINDOW_MS);
        let scale = episode.and_then(|episode| episodes.dated(episode, slot * WINDOW_MS, |s| s.spo2_scale));
        if let Some(row) = news2(&windows, slot, within, scale.unwrap_or(1)) {
            expected.vitals.insert(format!("{patient}/news2/{}", slot * WINDOW_MS), row);
        }
    }
    let days = day_values(&own, rules, last_tick, day_of);
    for ((metric, start), value) in &days {
        let first = start - i64::from(rules.baseline_days) * DAY_MS - DAY_MS / 2;
        let span = (first, day_of(*start).map_or(*start, |(_, end)| end));
        let (id, row) = match *metric {
            "doses_taken" => continue,
            "doses_due" => (format!("{patient}/adherence/{start}"), adherence(&days, *start, *value)),
            metric => {
                let before: Vec<i64> =
                    days.range((metric, first)..(metric, *start)).map(|(_, v)| *v).collect();
                let enough = before.len() >= rules.baseline_days_min as usize;
                let sd_min = Metric::named(metric).and_then(|metric| rules.metric(metric)?.sd_min);
                let sd_min = sd_min.map_or(0.0, |sd| sd.to_units());
                let row = enough.then(|| against(*value, before, *start, sd_min));
                (format!("{patient}/baseline/{metric}/{start}"), row)
            }
        };
        expected.vitals.extend(row.map(|row| (id, ExpectedVital { span, ..row })));
    }
}

/// The value of each day that is over and has readings enough: the sum of what adds up, else the median. Of several devices
/// the one with the most readings counts, of equal ones the lower value.
fn day_values<'v>(
    own: &Series<'v>,
    rules: &VitalsDocument,
    last_tick: i64,
    day_of: &mut DayOf<'_>,
) -> DayValues<'v> {
    let mut days: BTreeMap<(&str, i64), Vec<(usize, i64)>> = BTreeMap::new();
    for (_, metric, series) in own {
        let mut by_day: BTreeMap<(i64, i64), Vec<i64>> = BTreeMap::new();
        for (at, micros) in *series {
            let day = day_of(at.div_euclid(WINDOW_MS) * WINDOW_MS);
            by_day.entry(day.unwrap_or((0, i64::MAX))).or_default().push(*micros);
        }
        let Some(known) = Metric::named(metric) else { continue };
        let enough = rules.metric(known).and_then(|metric| metric.readings_min);
        let least = if metric.starts_with("doses_") { 1 } else { enough.unwrap_or(u32::MAX) };
        for ((start, end), mut readings) in by_day {
            if end <= last_tick && readings.len() >= least as usize {
                readings.sort_unstable();
                let median = readings[readings.len().div_ceil(2) - 1];
                let value = if known.adds_up() { readings.iter().sum() } else { median };
                days.entry((metric, start)).or_default().push((readings.len(), value));
            }
        }
    }
    let value_of = |devices: &[(usize, i64)]| {
        devices.iter().max_by_key(|(n, value)| (*n, std::cmp::Reverse(*value))).map(|(_, value)| *value)
    };
    days.into_iter().filter_map(|(day, devices)| Some((day, value_of(&devices)?))).collect()
}

const DAY_MS: i64 = 86_400_000;

/// The newest five minutes of each sign up to the slot, if their newest readings lie close enough and one is of the slot.
fn news2(windows: &Windows<'_>, slot: i64, within: i64, scale: i32) -> Option<ExpectedVital> {
    let signs = CHART.iter().map(|(sign, _)| *sign).chain([OXYGEN, MIND, SPO2]);
    let mut charted: BTreeMap<&str, (i64, i64)> = BTreeMap::new();
    for sign in signs {
        let up_to = windows.range((sign, i64::MIN, "")..(sign, slot + 1, ""));
        // Of devices that measured at the same moment the higher value counts.
        let newest =
            up_to.filter_map(|(_, readings)| Some((readings.last()?.0, chart(sign, readings)))).max()?;
        charted.insert(sign, newest);
    }
    let (first, last) =
        (charted.values().map(|(at, _)| *at).min()?, charted.values().map(|(at, _)| *at).max()?);
    if last.div_euclid(WINDOW_MS) != slot || last - first > within {
        return None;
    }
    let on_oxygen = charted.get(OXYGEN)?.1 > 0;
    let parts: BTreeMap<String, f64> = charted
        .iter()
        .map(|(sign, (_, value))| ((*sign).to_owned(), f64::from(points_of(sign, *value, on_oxygen, scale))))
        .collect();
    Some(ExpectedVital {
        measured_at: last,
        value: Some(parts.values().sum()),
        parts,
        span: (first - WINDOW_MS, (slot + 1) * WINDOW_MS),
        ..ExpectedVital::default()
    })
}

/// What is written on the chart for five minutes: the worst where only the worst counts, else the mean, halves upward.
fn chart(sign: &str, readings: &[(i64, i64)]) -> i64 {
    let micros = || readings.iter().map(|(_, micros)| *micros);
    if [OXYGEN, MIND].contains(&sign) {
        return micros().max().unwrap_or(0).div_euclid(1_000_000);
    }
    let unit = if sign == "body_temperature" { 100_000 } else { 1_000_000 };
    let n = i64::try_from(readings.len()).unwrap_or(i64::MAX);
    (2 * micros().sum::<i64>() + unit * n).div_euclid(2 * unit * n)
}

fn adherence(days: &DayValues<'_>, start: i64, due: i64) -> Option<ExpectedVital> {
    let whole = |micros: i64| (micros + 500_000).div_euclid(1_000_000);
    let (taken, due) = (days.get(&("doses_taken", start)).map_or(0, |taken| whole(*taken)), whole(due));
    let number = |n: i64| f64::from(i32::try_from(n).unwrap_or(i32::MAX));
    (due > 0).then(|| ExpectedVital {
        measured_at: start,
        value: Some(number(taken) / number(due)),
        parts: [("due", due), ("taken", taken)].map(|(name, n)| (name.to_owned(), number(n))).into(),
        ..ExpectedVital::default()
    })
}

/// A day's value against the days before it: median, and distance in standard deviations, estimated by the median absolute
/// deviation but no less than `sd_min`.
#[allow(clippy::cast_precision_loss, reason = "values of vital signs are small")]
fn against(value: i64, before: Vec<i64>, start: i64, sd_min: f64) -> ExpectedVital {
    let units = |micros: f64| micros / 1e6;
    let middle = |mut values: Vec<f64>| {
        values.sort_by(f64::total_cmp);
        (values[(values.len() - 1) / 2] + values[values.len() / 2]) / 2.0
    };
    let before: Vec<f64> = before.into_iter().map(|micros| units(micros as f64)).collect();
    let (value, median) = (units(value as f64), middle(before.clone()));
    let sd = (middle(before.into_iter().map(|day| (day - median).abs()).collect()) / 0.6745).max(sd_min);
    ExpectedVital {
        measured_at: start,
        value: Some(value),
        median: Some(median),
        robust_z: (sd > 1e-9).then(|| (value - median) / sd),
        ..ExpectedVital::default()
    }
}
