//! What several 5-minute windows say together about one moment: NEWS2, a surge of blood pressure.

use super::news2::{News2, Spo2Scale, VITALS, Vitals, place_of};
use super::summary::Summary;
use crate::metric::Metric;
use crate::time::{Instant, Millis};
use crate::window::{Points, window_start};
use xxhash_rust::xxh3::xxh3_64;

/// A NEWS2 and when the newest of its vital signs was measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct News2At {
    /// When the newest of the seven was measured.
    pub measured_at: Instant,
    /// The score.
    pub news2: News2,
}

impl News2At {
    /// Tells it from another one.
    #[must_use]
    pub fn digest(&self) -> u32 {
        digest(&[&self.measured_at.0.to_le_bytes(), &self.news2.points])
    }
}

#[allow(clippy::cast_possible_truncation, reason = "half of a hash is a hash")]
fn digest(parts: &[&[u8]]) -> u32 {
    xxh3_64(&parts.concat()) as u32
}

/// The value of a vital sign in a window, rounded to the chart: the mean (halves upward); of oxygen and consciousness the
/// worst, upward, for half a litre a minute is not air.
fn charted(place: usize, points: &Points) -> i64 {
    let summary = Summary::of([points]);
    match VITALS[place] {
        "supplemental_oxygen" | "consciousness" => -(-summary.max_micros()).div_euclid(1_000_000),
        "body_temperature" => summary.mean_rounded(100_000) / 100_000,
        _ => summary.mean_rounded(1_000_000) / 1_000_000,
    }
}

/// The NEWS2 of 5-minute window `slot`: of each vital sign the newest window up to it. `None` unless a sign was measured
/// in the slot itself, all seven are there, and the newest readings of all seven lie at most `within` apart.
///
/// `windows` are windows (metric, index, readings) of all devices, in any order; others than of the seven signs are left
/// aside. Of two devices whose newest readings are of the same moment the higher value counts.
pub fn news2_at<'p>(
    windows: impl Iterator<Item = (Metric, i64, &'p Points)>,
    slot: i64,
    within: Millis,
    scale: Spo2Scale,
) -> Option<News2At> {
    let mut newest: [Option<(Instant, i64)>; 7] = [None; 7];
    let mut in_slot = false;
    for (metric, index, points) in windows.filter(|(_, index, _)| *index <= slot) {
        let (Some(place), Some(offset)) = (place_of(metric), points.last_offset_ms()) else { continue };
        in_slot |= index == slot;
        let measured_at = window_start(index).saturating_add(Millis(i64::from(offset)));
        if newest[place].is_none_or(|(known, _)| known <= measured_at) {
            newest[place] = newest[place].max(Some((measured_at, charted(place, points))));
        }
    }
    let mut values = [0; 7];
    let (mut first, mut last) = (Instant::MAX, Instant::MIN);
    for (value, found) in values.iter_mut().zip(newest) {
        let (measured_at, charted) = found?;
        (first, last) = (first.min(measured_at), last.max(measured_at));
        *value = charted;
    }
    if !in_slot || last.since(first) > within {
        return None;
    }
    let vitals = Vitals {
        respiration_rate: values[0],
        oxygen_saturation: values[1],
        on_oxygen: values[2] > 0,
        systolic_pressure: values[3],
        pulse: values[4],
        consciousness: values[5],
        temperature_tenths: values[6],
    };
    Some(News2At { measured_at: last, news2: News2::of(&vitals, scale) })
}

/// A steep rise of the mean of 5 minutes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Surge {
    /// The mean risen from, in the metric's unit.
    pub from: f64,
    /// The mean risen to.
    pub to: f64,
    /// Minutes from the beginning of the lower window to that of the higher one.
    pub minutes: u32,
}

impl Surge {
    /// Tells it from another one.
    #[must_use]
    pub fn digest(&self) -> u32 {
        digest(&[&self.from.to_le_bytes(), &self.to.to_le_bytes(), &self.minutes.to_le_bytes()])
    }
}

/// The rise into window `slot` from the least of the windows (index, readings) up to `slots` before it, if it is at
/// least `rise`. Of several as low the latest counts.
pub fn surge_at<'p>(
    windows: impl Iterator<Item = (i64, &'p Points)>,
    slot: i64,
    slots: i64,
    rise: f64,
) -> Option<Surge> {
    let (mut to, mut from) = (None, None::<(f64, i64)>);
    for (index, points) in windows.filter(|(index, _)| (slot - slots..=slot).contains(index)) {
        let Some(mean) = Summary::of([points]).stats().map(|stats| stats.mean) else { continue };
        if index == slot {
            to = Some(mean);
        } else if from.is_none_or(|(least, at)| mean < least || (mean <= least && index > at)) {
            from = Some((mean, index));
        }
    }
    let (to, (from, index)) = (to?, from?);
    let minutes = u32::try_from((slot - index) * 5).ok()?;
    (to - from >= rise).then_some(Surge { from, to, minutes })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::window::{Micros, window_of};

    fn reading(name: &str, minute: i64, value: f64) -> (Metric, i64, Points) {
        let (index, offset) = window_of(Instant(minute * 60_000));
        let mut points = Points::default();
        points.insert(offset, Micros::from_units(value).unwrap());
        (Metric::named(name).unwrap(), index, points)
    }

    fn seven(temperature_minute: i64) -> Vec<(Metric, i64, Points)> {
        vec![
            reading("respiration_rate", 61, 22.0),
            reading("oxygen_saturation", 64, 95.0),
            reading("supplemental_oxygen", 62, 0.0),
            reading("systolic_pressure", 61, 120.0),
            reading("heart_rate", 63, 90.5),
            reading("consciousness", 61, 0.0),
            reading("body_temperature", temperature_minute, 36.05),
        ]
    }

    fn score(windows: &[(Metric, i64, Points)], slot: i64) -> Option<News2At> {
        let windows = windows.iter().map(|(metric, index, points)| (*metric, *index, points));
        news2_at(windows, slot, Millis(3_600_000), Spo2Scale::One)
    }

    #[test]
    fn seven_signs_within_the_hour_make_a_score() {
        let found = score(&seven(4), 12).unwrap();
        assert_eq!(found.measured_at, Instant(64 * 60_000));
        // 22 breaths: 2; 95 %: 1; 90.5 beats are 91: 1; 36.05 °C are 36.1: 0
        assert_eq!((found.news2.score, found.news2.points), (4, [2, 1, 0, 0, 1, 0, 0]));
        assert_eq!(score(&seven(3), 12), None, "61 minutes apart");
    }

    #[test]
    fn six_signs_make_no_score_and_neither_does_a_moment_without_any() {
        let all = seven(60);
        for missing in 0..7 {
            let six: Vec<_> =
                all.iter().enumerate().filter(|(i, _)| *i != missing).map(|(_, w)| w.clone()).collect();
            assert_eq!(score(&six, 12), None);
        }
        assert_eq!(score(&all, 13), None);
        assert_eq!(score(&all, 11), None, "what comes later does not count");
    }

    #[test]
    fn order_and_older_windows_do_not_matter() {
        let mut windows = seven(60);
        let expected = score(&windows, 12);
        windows.push(reading("heart_rate", 55, 140.0));
        windows.reverse();
        assert_eq!(score(&windows, 12), expected);
    }

    #[test]
    fn pressure_that_rises_steeply_is_a_surge() {
        let pressures = [(0, 150.0), (20, 118.0), (40, 118.0), (55, 139.0), (60, 150.0)];
        let windows: Vec<_> = pressures.iter().map(|(m, v)| reading("systolic_pressure", *m, *v)).collect();
        let at = |slot, minutes: i64, rise| {
            surge_at(windows.iter().map(|(_, index, points)| (*index, points)), slot, minutes / 5, rise)
        };
        assert_eq!(at(12, 60, 30.0), Some(Surge { from: 118.0, to: 150.0, minutes: 20 }));
        assert_eq!(at(12, 60, 33.0), None);
        assert_eq!(at(12, 15, 30.0), None);
        assert_eq!(at(13, 60, 30.0), None);
    }
}
