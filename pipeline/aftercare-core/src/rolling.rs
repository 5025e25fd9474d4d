//! Rolling values of a series of scores. Each is computed from the series, in its order, so that the bits depend on
//! nothing else.

use serde::{Deserialize, Serialize};

use crate::time::{Instant, Millis};

/// At most this many points, the latest, enter a slope: its cost grows with their square.
pub const SLOPE_POINTS_MAX: usize = 64;

const MS_PER_DAY_F64: f64 = 86_400_000.0;

/// Days that a slope looks at.
pub const SLOPE_DAYS: i64 = 56;

/// One point of a series, which is in ascending order of time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// When it was answered.
    pub at: Instant,
    /// The score, or a composite's index.
    pub value: f64,
}

/// An exponentially weighted mean, fed in ascending order of time: sum(w x) / sum(w) over all points so far, the weight
/// of each 2^(-age / half-life), its age that at the last point. Kept as the two sums, both of which fall by
/// 2^(-gap / half-life) before a point comes in with weight 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Running {
    sum: f64,
    weights: f64,
    at: Instant,
}

impl Running {
    /// Adds a point that is not before the last. `half_life_days` of less than one counts as one.
    pub fn push(&mut self, at: Instant, value: f64, half_life_days: i32) {
        if self.weights > 0.0 && at > self.at {
            let fall = libm::exp2(-days_between(self.at, at) / f64::from(half_life_days.max(1)));
            self.sum *= fall;
            self.weights *= fall;
        }
        self.sum += value;
        self.weights += 1.0;
        self.at = at;
    }

    /// The mean as of the last point; `None` before the first.
    pub fn mean(&self) -> Option<f64> {
        (self.weights > 0.0).then(|| self.sum / self.weights)
    }
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
    let points = recent(series, SLOPE_DAYS);
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

/// How many of a patient's own last scores make the level that a new one is held against.
pub const LEVEL_SCORES_MAX: usize = 4;
/// Scores of the first days after a treatment tell of the treatment itself: they are no level, and no part of a trend.
pub const SETTLING_DAYS: i64 = 7;
/// Days that a trend looks at.
pub const TREND_DAYS: i64 = 84;
/// Scores that a trend needs.
const TREND_SCORES_MIN: usize = 3;

/// The mean of the last [`LEVEL_SCORES_MAX`] points of `earlier`, and how far `value` lies from it in standard errors:
/// the difference between one score and the mean of n has the standard error `error` * sqrt(1 + 1/n), `error` being that
/// of measurement of one score. `None` without points.
pub fn change_in_errors(earlier: &[Point], value: f64, error: f64) -> Option<(f64, f64)> {
    let last = earlier.get(earlier.len().saturating_sub(LEVEL_SCORES_MAX)..)?;
    let n = f64::from(u32::try_from(last.len()).ok().filter(|n| *n > 0)?);
    let level = last.iter().map(|point| point.value).sum::<f64>() / n;
    Some((level, (value - level) / (error * libm::sqrt(1.0 + 1.0 / n))))
}

/// The slope of a straight line through the points of the [`TREND_DAYS`] days up to the last, by least squares, in its
/// standard errors: the slope of scores with the standard error of measurement `error` has `error` / sqrt(Sxx), Sxx being
/// the sum of the squared distances of their times from the mean of those. `None` for fewer than three points, or all at
/// one time.
pub fn trend_in_errors(series: &[Point], error: f64) -> Option<f64> {
    let points = recent(series, TREND_DAYS);
    let last = points.last().filter(|_| points.len() >= TREND_SCORES_MIN)?;
    let n = f64::from(u32::try_from(points.len()).ok()?);
    let days = |point: &Point| days_between(last.at, point.at);
    let middle = points.iter().map(days).sum::<f64>() / n;
    let level = points.iter().map(|point| point.value).sum::<f64>() / n;
    let spread: f64 = points.iter().map(|point| (days(point) - middle) * (days(point) - middle)).sum();
    let shared: f64 = points.iter().map(|point| (days(point) - middle) * (point.value - level)).sum();
    (spread > 0.0).then(|| shared / libm::sqrt(spread) / error)
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

    fn ewma(half_life_days: i32, points: &[(f64, f64)]) -> Option<f64> {
        let mut running = Running::default();
        for point in series(points) {
            running.push(point.at, point.value, half_life_days);
        }
        running.mean()
    }

    #[test]
    fn a_half_life_halves() {
        // 28 days old: half the weight, so (0.5 * 40 + 70) / 1.5
        assert_eq!(ewma(28, &[(0.0, 40.0), (28.0, 70.0)]), Some(60.0));
        assert_eq!(ewma(28, &[(3.0, 40.0)]), Some(40.0));
        assert_eq!(ewma(28, &[]), None);
        assert_eq!(ewma(28, &[(3.0, 40.0), (3.0, 50.0)]), Some(45.0));
    }

    #[test]
    fn a_running_mean_is_the_weighted_mean() {
        let points = [(0.0, 10.0), (13.25, 30.0), (14.0, 5.0), (400.5, 80.0), (431.0, 70.0)];
        let weight = |at: f64| (-(431.0 - at) / 30.0).exp2();
        let weights: f64 = points.iter().map(|(at, _)| weight(*at)).sum();
        let sum: f64 = points.iter().map(|(at, value)| weight(*at) * value).sum();
        assert!((ewma(30, &points).unwrap() - sum / weights).abs() < 1e-9);
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
    fn a_score_is_held_against_the_last_four() {
        let earlier = series(&[(0.0, 900.0), (14.0, 50.0), (28.0, 60.0), (42.0, 50.0), (56.0, 60.0)]);
        // 55 - 5 * sqrt(1 + 1/4) * 2
        let (level, change) = change_in_errors(&earlier, 55.0 - 10.0 * libm::sqrt(1.25), 5.0).unwrap();
        assert!((level - 55.0).abs() < 1e-12 && (change + 2.0).abs() < 1e-12, "{level} {change}");
        let (level, change) = change_in_errors(&earlier[4..], 50.0, 5.0).unwrap();
        assert!((level - 60.0).abs() < 1e-12 && (change + libm::sqrt(2.0)).abs() < 1e-12, "{level} {change}");
        assert_eq!(change_in_errors(&[], 50.0, 5.0), None);
    }

    #[test]
    fn a_trend_is_a_slope_in_its_standard_errors() {
        // 14 days apart: Sxx = 2 * 14^2 for three points, slope -1/d, error 7: -sqrt(392) / 7
        let falling = series(&[(-90.0, 0.0), (0.0, 60.0), (14.0, 46.0), (28.0, 32.0)]);
        let trend = trend_in_errors(&falling, 7.0).unwrap();
        assert!((trend + libm::sqrt(392.0) / 7.0).abs() < 1e-12, "{trend}");
        assert_eq!(trend_in_errors(&falling[2..], 7.0), None);
        assert_eq!(trend_in_errors(&series(&[(0.0, 1.0), (0.0, 2.0), (0.0, 3.0)]), 7.0), None);
    }

    #[test]
    fn an_even_count_of_pairs_takes_the_middle() {
        assert_eq!(median(&mut [4.0, 1.0, 3.0, 2.0]), Some(2.5));
        assert_eq!(median(&mut []), None);
    }
}
