//! The three lengths of windows: 5 minutes, an hour (12 of them), a day of the patient.

use std::collections::BTreeMap;

use super::summary::Summary;
use crate::time::{Instant, Millis};
use crate::window::{Micros, Points, WINDOW_MS, WindowStats, window_of, window_start};
use crate::zone::{Day, Zone};

/// Windows of 5 minutes in an hour.
pub const SLOTS_PER_HOUR: i64 = 12;

/// An hour's length, milliseconds. Hours begin at full hours since 1970 UTC.
pub const HOUR_MS: i64 = SLOTS_PER_HOUR * WINDOW_MS;

/// Everything about one window but whose it is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WindowRow {
    /// Its first moment.
    pub start: Instant,
    /// Its length, seconds: 300, 3600, or that of the day.
    pub length_s: u32,
    /// Mean, standard deviation and extremes.
    pub stats: WindowStats,
    /// Tenth percentile (nearest rank).
    pub p10: f64,
    /// Median (nearest rank: the lower one of two).
    pub p50: f64,
    /// Ninetieth percentile (nearest rank).
    pub p90: f64,
    /// Share of the minutes (in 5 minutes) or of the 5-minute windows (in longer ones) that hold a reading.
    pub coverage: f64,
    /// Share of the readings within the target range; `None`: the metric has none.
    pub in_range: Option<f64>,
}

/// A target range, both ends included.
pub type Target = Option<(Micros, Micros)>;

impl WindowRow {
    /// The row of a 5-minute window; `None` for no readings.
    #[must_use]
    pub fn of_points(index: i64, points: &Points, target: Target) -> Option<Self> {
        let summary = Summary::of([points]);
        Self::new(window_start(index), Millis(WINDOW_MS), &summary, (points.minutes(), 5), target)
    }

    /// The row of an hour (since 1970) or a day, given all of its readings; `None` for no readings.
    #[must_use]
    pub fn of_summary(start: Instant, length: Millis, summary: &Summary, target: Target) -> Option<Self> {
        let slots = u32::try_from(length.0 / WINDOW_MS).unwrap_or(u32::MAX);
        Self::new(start, length, summary, (summary.slots(), slots), target)
    }

    /// The row that takes the row of a day back: no reading lies in it.
    #[must_use]
    pub fn withdrawn(day: Day) -> Self {
        Self {
            start: day.start,
            length_s: u32::try_from(day.end.since(day.start).0 / 1000).unwrap_or(u32::MAX),
            stats: WindowStats { readings: 0, mean: 0.0, sd: None, min: 0.0, max: 0.0 },
            p10: 0.0,
            p50: 0.0,
            p90: 0.0,
            coverage: 0.0,
            in_range: None,
        }
    }

    fn new(
        start: Instant,
        length: Millis,
        summary: &Summary,
        (covered, slots): (u32, u32),
        target: Target,
    ) -> Option<Self> {
        let readings = f64::from(summary.readings());
        let within =
            |(low, high): (Micros, Micros)| summary.readings_within(low.millionths(), high.millionths());
        Some(Self {
            start,
            length_s: u32::try_from(length.0 / 1000).ok()?,
            stats: summary.stats()?,
            p10: summary.quantile(100)?,
            p50: summary.quantile(500)?,
            p90: summary.quantile(900)?,
            coverage: f64::from(covered) / f64::from(slots.max(1)),
            in_range: target.map(|target| f64::from(within(target)) / readings),
        })
    }
}

/// Which hour since 1970 UTC a 5-minute window lies in.
#[must_use]
pub fn hour_of(index: i64) -> i64 {
    index.div_euclid(SLOTS_PER_HOUR)
}

/// When the hour begins.
#[must_use]
pub fn hour_start(hour: i64) -> Instant {
    Instant(hour.saturating_mul(HOUR_MS))
}

/// Sums up 5-minute windows (index, readings), in ascending order and of one hour, by day. A window belongs to the day
/// in which it begins.
#[must_use]
pub fn by_day<'p>(zone: &Zone, windows: impl Iterator<Item = (i64, &'p Points)>) -> Vec<(Day, Summary)> {
    let mut days: Vec<(Day, Vec<&Points>)> = Vec::with_capacity(1);
    for (index, points) in windows {
        let start = window_start(index);
        match days.last_mut() {
            Some((day, of_day)) if day.contains(start) => of_day.push(points),
            _ => days.push((zone.day_span(start), vec![points])),
        }
    }
    days.into_iter().map(|(day, points)| (day, Summary::of(points))).collect()
}

/// The rows of all windows of these readings of one metric of one device: 5 minutes, hours, days, each by time. Of
/// several readings of the same moment the first one counts. `day_of` says in which day a 5-minute window lies, where it
/// is known and asked for.
pub fn windows_of(
    readings: impl IntoIterator<Item = (Instant, Micros)>,
    mut day_of: impl FnMut(i64) -> Option<Day>,
    target: Target,
) -> Vec<WindowRow> {
    let mut windows: BTreeMap<i64, Points> = BTreeMap::new();
    for (measured_at, value) in readings {
        let (index, offset_ms) = window_of(measured_at);
        windows.entry(index).or_default().insert(offset_ms, value);
    }
    let mut hours: BTreeMap<i64, Vec<&Points>> = BTreeMap::new();
    let mut days: BTreeMap<Day, Vec<&Points>> = BTreeMap::new();
    for (index, points) in &windows {
        hours.entry(hour_of(*index)).or_default().push(points);
        if let Some(day) = day_of(*index) {
            days.entry(day).or_default().push(points);
        }
    }
    let of_points = windows.iter().filter_map(|(index, points)| WindowRow::of_points(*index, points, target));
    let of_hours = hours.into_iter().filter_map(|(hour, points)| {
        WindowRow::of_summary(hour_start(hour), Millis(HOUR_MS), &Summary::of(points), target)
    });
    let of_days = days.into_iter().filter_map(|(day, points)| {
        WindowRow::of_summary(day.start, day.end.since(day.start), &Summary::of(points), target)
    });
    of_points.chain(of_hours).chain(of_days).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIDNIGHT_UTC: i64 = 1_735_689_600_000;

    fn at(minutes: i64, value: f64) -> (Instant, Micros) {
        (Instant(MIDNIGHT_UTC + minutes * 60_000), Micros::from_units(value).unwrap())
    }

    fn day_in(zone: &Zone) -> impl Fn(i64) -> Option<Day> {
        |index| Some(zone.day_span(window_start(index)))
    }

    #[test]
    #[allow(clippy::float_cmp, reason = "exact by construction")]
    fn five_minutes_hours_and_days_hold_the_same_readings() {
        let readings: Vec<_> = (0..120)
            .map(|minute| at(15 * minute, 60.0 + f64::from(i32::try_from(minute % 3).unwrap())))
            .collect();
        let target = Micros::from_units(60.5).zip(Micros::from_units(61.0));
        let utc = Zone::UTC;
        let rows = windows_of(readings, day_in(&utc), target);
        let of = |length_s| rows.iter().filter(move |row| row.length_s == length_s);
        assert_eq!([300, 3_600, 86_400].map(|length| of(length).count()), [120, 30, 2]);
        for length in [300, 3_600, 86_400] {
            assert_eq!(of(length).map(|row| row.stats.readings).sum::<u32>(), 120);
        }
        let day = of(86_400).next().unwrap();
        assert_eq!(
            (day.stats.readings, day.stats.mean, day.p10, day.p50, day.p90),
            (96, 61.0, 60.0, 61.0, 62.0)
        );
        assert_eq!((day.coverage, day.in_range), (96.0 / 288.0, Some(32.0 / 96.0)));
        let five = of(300).next().unwrap();
        assert_eq!((five.coverage, five.stats.sd, five.in_range), (0.2, None, Some(0.0)));
    }

    #[test]
    fn a_window_belongs_to_the_day_in_which_it_begins() {
        // Midnight in Kathmandu is 18:15 UTC, within an hour of UTC.
        let kathmandu = Zone::named("Asia/Kathmandu").unwrap();
        let readings = [at(18 * 60 + 14, 1.0), at(18 * 60 + 15, 2.0), at(18 * 60 + 59, 3.0)];
        let rows = windows_of(readings, day_in(&kathmandu), None);
        let days: Vec<_> =
            rows.iter().filter(|row| row.length_s == 86_400).map(|row| row.stats.readings).collect();
        assert_eq!(days, [1, 2]);
        assert_eq!(rows.iter().filter(|row| row.length_s == 3_600).count(), 1);
    }

    #[test]
    fn the_day_on_which_clocks_go_back_has_25_hours() {
        let berlin = Zone::named("Europe/Berlin").unwrap();
        let noon = Instant(1_730_026_800_000);
        let rows = windows_of([(noon, Micros::from_units(1.0).unwrap())], day_in(&berlin), None);
        assert_eq!(rows.last().map(|row| row.length_s), Some(25 * 3_600));
    }
}
