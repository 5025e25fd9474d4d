//! Rolling values of a series of scores. Each is computed from the series, in its order, so that the bits depend on
//! nothing else.

use crate::time::{Instant, MS_PER_DAY, Millis};

/// At most this many points, the latest, enter a slope: its cost grows with their square.
pub const SLOPE_POINTS_MAX: usize = 64;

const MS_PER_DAY_F64: f64 = 86_400_000.0;

/// Ages (whole days) whose weights are kept at hand; older ones are computed.
const AGES_AT_HAND: i64 = 512;

/// One point of a series, which is in ascending order of time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// When it was answered.
    pub at: Instant,
    /// The score, or a composite's index.
    pub value: f64,
}

/// How the weight of a score falls with its age: 2^(-age / half-life), age in whole days of 24 h.
#[derive(Clone, Debug, PartialEq)]
pub struct Decay {
    half_life_days: i32,
    weights: Vec<f64>,
}

impl Decay {
    /// Weights halve every `half_life_days` days; less than one counts as one.
    pub fn half_life_days(half_life_days: i32) -> Decay {
        let half_life_days = half_life_days.max(1);
        let weights = (0..AGES_AT_HAND).map(|age| weight(age, half_life_days)).collect();
        Decay { half_life_days, weights }
    }

    fn of_age(&self, age_days: i64) -> f64 {
        let at_hand = usize::try_from(age_days).ok().and_then(|age| self.weights.get(age).copied());
        at_hand.unwrap_or_else(|| weight(age_days.max(0), self.half_life_days))
    }

    /// The exponentially weighted mean as of the last point: sum(w x) / sum(w) over all points, w by the age that each
    /// point has when the last is answered. `None` for an empty series.
    pub fn mean(&self, series: &[Point]) -> Option<f64> {
        let now = series.last()?.at;
        let mut sum = 0.0;
        let mut weights = 0.0;
        for point in series {
            let weight = self.of_age(now.since(point.at).0.div_euclid(MS_PER_DAY));
            sum += weight * point.value;
            weights += weight;
        }
        Some(sum / weights)
    }
}

fn weight(age_days: i64, half_life_days: i32) -> f64 {
    libm::exp2(-(age_days as f64) / f64::from(half_life_days))
}

/// The points of the `days` days of 24 h up to and with the last point: (last - days, last].
fn recent(series: &[Point], days: i64) -> &[Point] {
    let Some(last) = series.last() else { return &[] };
    let after = last.at.saturating_sub(Millis::days(days));
    let first = series.iter().rposition(|point| point.at <= after).map_or(0, |position| position + 1);
    series.get(first..).unwrap_or_default()
}

/// The mean of the 28 days up to and with the last point.
pub fn mean_28d(series: &[Point]) -> Option<f64> {
    let points = recent(series, 28);
    let sum: f64 = points.iter().map(|point| point.value).sum();
    let count = u32::try_from(points.len()).ok().filter(|count| *count > 0)?;
    Some(sum / f64::from(count))
}

/// The Theil-Sen slope per day of the 56 days up to and with the last point: the median of the slopes of all pairs of
/// points at different times. `None` without such a pair. At most the latest [`SLOPE_POINTS_MAX`] points count.
pub fn slope_56d(series: &[Point], scratch: &mut Vec<f64>) -> Option<f64> {
    let points = recent(series, 56);
    let points = points.get(points.len().saturating_sub(SLOPE_POINTS_MAX)..)?;
    scratch.clear();
    for (position, later) in points.iter().enumerate() {
        for earlier in points.iter().take(position).filter(|earlier| earlier.at < later.at) {
            let days = later.at.since(earlier.at).0 as f64 / MS_PER_DAY_F64;
            scratch.push((later.value - earlier.value) / days);
        }
    }
    median(scratch)
}

fn median(values: &mut [f64]) -> Option<f64> {
    values.sort_unstable_by(f64::total_cmp);
    let middle = values.len() / 2;
    let upper = *values.get(middle)?;
    if values.len() % 2 == 1 {
        return Some(upper);
    }
    let lower = *values.get(middle.checked_sub(1)?)?;
    Some((lower + upper) / 2.0)
}

/// Days (of 24 h, with fraction) from `from` to `to`.
pub fn days_between(from: Instant, to: Instant) -> f64 {
    to.since(from).0 as f64 / MS_PER_DAY_F64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(points: &[(f64, f64)]) -> Vec<Point> {
        #[allow(clippy::cast_possible_truncation, reason = "whole milliseconds")]
        let at = |days: f64| Instant((days * MS_PER_DAY_F64) as i64);
        points.iter().map(|(days, value)| Point { at: at(*days), value: *value }).collect()
    }

    #[test]
    fn a_half_life_halves() {
        let decay = Decay::half_life_days(28);
        // 28 days old: half the weight, so (0.5 * 40 + 70) / 1.5
        assert_eq!(decay.mean(&series(&[(0.0, 40.0), (28.0, 70.0)])), Some(60.0));
        assert_eq!(decay.mean(&series(&[(3.0, 40.0)])), Some(40.0));
        assert_eq!(decay.mean(&[]), None);
        // a part of a day does not count
        assert_eq!(decay.mean(&series(&[(0.0, 40.0), (28.9, 70.0)])), Some(60.0));
    }

    #[test]
    fn weights_beyond_those_at_hand_are_the_same_function() {
        let decay = Decay::half_life_days(300);
        let (at_hand, computed) = (decay.of_age(511), decay.of_age(512));
        assert!(computed < at_hand && computed > at_hand * 0.99);
        assert!((decay.of_age(600) - 0.25).abs() < 1e-15);
    }

    #[test]
    fn a_mean_leaves_out_what_is_28_days_old() {
        assert_eq!(mean_28d(&series(&[(0.0, 10.0), (1.0, 20.0), (28.0, 40.0)])), Some(30.0));
        assert_eq!(mean_28d(&[]), None);
    }

    #[test]
    fn a_slope_is_the_median_of_pairs_and_shrugs_off_an_outlier() {
        let mut scratch = Vec::new();
        let line = series(&[(0.0, 10.0), (14.0, 24.0), (28.0, 900.0), (42.0, 52.0), (55.0, 65.0)]);
        assert_eq!(slope_56d(&line, &mut scratch), Some(1.0));
        assert_eq!(slope_56d(&series(&[(0.0, 10.0), (14.0, 24.0)]), &mut scratch), Some(1.0));
        assert_eq!(slope_56d(&series(&[(0.0, 10.0)]), &mut scratch), None);
        assert_eq!(slope_56d(&series(&[(1.0, 10.0), (1.0, 20.0)]), &mut scratch), None);
        // the first is 56 days old
        assert_eq!(slope_56d(&series(&[(0.0, 500.0), (14.0, 24.0), (56.0, 66.0)]), &mut scratch), Some(1.0));
    }

    #[test]
    fn an_even_count_of_pairs_takes_the_middle() {
        assert_eq!(median(&mut [4.0, 1.0, 3.0, 2.0]), Some(2.5));
        assert_eq!(median(&mut []), None);
    }
}
