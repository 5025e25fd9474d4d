//! A patient's own normal: the median of the days before, and how far a day lies from it.

use crate::window::micros_to_units;

/// A day against the days before it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Deviation {
    /// The day's value, in the metric's unit.
    pub value: f64,
    /// The median of the days before.
    pub median: f64,
    /// `0.6745 * (value - median) / MAD`: in standard deviations, were the days normally distributed. `None` where at
    /// least half of the days before have the same value, so that there is no spread to measure by.
    pub robust_z: Option<f64>,
}

/// 0.6745 is the third quartile of the standard normal distribution: MAD / 0.6745 estimates its standard deviation
/// (Iglewicz and Hoaglin 1993, the modified z-score).
const NORMAL_QUARTILE: f64 = 0.6745;

impl Deviation {
    /// `value` against `before`, all in millionths of the metric's unit. `None` for no days before. The order of
    /// `before` does not matter.
    #[must_use]
    pub fn of(value: i64, before: &mut [i64]) -> Option<Self> {
        let twice_median = twice_median(before)?;
        for day in before.iter_mut() {
            *day = day.saturating_mul(2).saturating_sub(twice_median).saturating_abs();
        }
        // Twice the deviations have been sorted, so this is four times their median.
        let four_mad = self::twice_median(before)?;
        let twice_distance = value.saturating_mul(2).saturating_sub(twice_median);
        let robust_z = (four_mad > 0)
            .then(|| NORMAL_QUARTILE * (2.0 * micros_to_units(twice_distance)) / micros_to_units(four_mad));
        Some(Self { value: micros_to_units(value), median: micros_to_units(twice_median) / 2.0, robust_z })
    }
}

/// Sorts, and gives the sum of the two middle values (of an odd number: twice the middle one).
fn twice_median(values: &mut [i64]) -> Option<i64> {
    values.sort_unstable();
    let (low, high) = (values.get(values.len().checked_sub(1)? / 2)?, values.get(values.len() / 2)?);
    Some(low.saturating_add(*high))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deviation(value: i64, before: &[i64]) -> (f64, Option<f64>) {
        let mut before = before.to_vec();
        let found = Deviation::of(
            value * 1_000_000,
            before
                .iter_mut()
                .map(|v| {
                    *v *= 1_000_000;
                    *v
                })
                .collect::<Vec<_>>()
                .as_mut_slice(),
        )
        .unwrap();
        (found.median, found.robust_z)
    }

    #[test]
    #[allow(clippy::float_cmp, reason = "exact by construction")]
    fn distance_is_measured_in_robust_standard_deviations() {
        // median 62, deviations 2 1 0 1 3: MAD 1
        assert_eq!(deviation(70, &[60, 61, 62, 63, 65]), (62.0, Some(0.6745 * 8.0)));
        // median 61.5, deviations 1.5 .5 .5 1.5: MAD 1
        assert_eq!(deviation(60, &[60, 61, 62, 63]), (61.5, Some(0.6745 * -1.5)));
    }

    #[test]
    fn one_odd_day_does_not_move_the_normal() {
        let usual = deviation(70, &[60, 61, 62, 63, 64]);
        assert_eq!(deviation(70, &[60, 61, 62, 63, 900]), usual);
    }

    #[test]
    fn without_spread_there_is_no_distance() {
        assert_eq!(deviation(70, &[60, 60, 60, 99]).1, None);
        assert_eq!(Deviation::of(1, &mut []), None);
        assert!(Deviation::of(i64::MAX, &mut [i64::MIN, 0, i64::MAX]).is_some());
    }
}
