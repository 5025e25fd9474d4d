//! A patient's own normal: the median of the days before, and how far a day lies from it.

use crate::window::micros_to_units;

/// A day against the days before it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Deviation {
    /// The day's value, in the metric's unit.
    pub value: f64,
    /// The median of the days before.
    pub median: f64,
    /// `0.6745 * (value - median) / MAD`: in standard deviations, were the days normally distributed. The spread
    /// `MAD / 0.6745` counts as no less than what a measurement varies by itself, so that days that hardly differ neither
    /// hide a change nor make one of nothing. `None` where at least half of the days before have the same value and
    /// nothing is known of the measurement: there is no spread to measure by.
    pub robust_z: Option<f64>,
}

/// 0.6745 is the third quartile of the standard normal distribution: MAD / 0.6745 estimates its standard deviation
/// (Iglewicz and Hoaglin 1993, the modified z-score).
const NORMAL_QUARTILE: f64 = 0.6745;

impl Deviation {
    /// `value` against `before`, all in millionths of the metric's unit; `sd_min`: the standard deviation of a day's value
    /// by measurement alone, 0 where it is not known. `None` for no days before. The order of `before` does not matter.
    #[must_use]
    pub fn of(value: i64, before: &mut [i64], sd_min: i64) -> Option<Self> {
        let twice_median = twice_median(before)?;
        for day in before.iter_mut() {
            *day = day.saturating_mul(2).saturating_sub(twice_median).saturating_abs();
        }
        // Twice the deviations have been sorted, so this is four times their median.
        let four_mad = self::twice_median(before)?;
        let twice_distance = value.saturating_mul(2).saturating_sub(twice_median);
        let (mad, sd_min) = (micros_to_units(four_mad) / 4.0, micros_to_units(sd_min));
        let distance = micros_to_units(twice_distance) / 2.0;
        let robust_z = match () {
            () if mad > NORMAL_QUARTILE * sd_min => Some(NORMAL_QUARTILE * distance / mad),
            () if sd_min > 0.0 => Some(distance / sd_min),
            () => None,
        };
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

    const UNIT: i64 = 1_000_000;

    fn deviation(value: i64, before: &[i64], sd_min: i64) -> (f64, Option<f64>) {
        let mut before: Vec<i64> = before.iter().map(|day| day * UNIT).collect();
        let found = Deviation::of(value * UNIT, &mut before, sd_min).unwrap();
        (found.median, found.robust_z)
    }

    #[test]
    #[allow(clippy::float_cmp, reason = "exact by construction")]
    fn distance_is_measured_in_robust_standard_deviations() {
        // median 62, deviations 2 1 0 1 3: MAD 1
        assert_eq!(deviation(70, &[60, 61, 62, 63, 65], 0), (62.0, Some(0.6745 * 8.0)));
        // median 61.5, deviations 1.5 .5 .5 1.5: MAD 1
        assert_eq!(deviation(60, &[60, 61, 62, 63], 0), (61.5, Some(0.6745 * -1.5)));
        // MAD 1 is a standard deviation of 1.48; what a measurement varies by is less, then more
        assert_eq!(deviation(70, &[60, 61, 62, 63, 65], UNIT).1, Some(0.6745 * 8.0));
        assert_eq!(deviation(70, &[60, 61, 62, 63, 65], 2 * UNIT).1, Some(4.0));
    }

    #[test]
    fn one_odd_day_does_not_move_the_normal() {
        let usual = deviation(70, &[60, 61, 62, 63, 64], UNIT);
        assert_eq!(deviation(70, &[60, 61, 62, 63, 900], UNIT), usual);
    }

    #[test]
    fn days_that_never_differ_are_measured_by_the_measurement() {
        for constant in [&[60, 60, 60, 60][..], &[60, 60, 60, 99], &[60]] {
            assert_eq!(deviation(70, constant, 0), (60.0, None), "{constant:?}");
            assert_eq!(deviation(70, constant, 2 * UNIT), (60.0, Some(5.0)), "{constant:?}");
            assert_eq!(deviation(60, constant, 2 * UNIT), (60.0, Some(0.0)), "{constant:?}");
        }
    }

    #[test]
    fn no_days_and_hostile_values_neither_panic() {
        assert_eq!(Deviation::of(1, &mut [], UNIT), None);
        assert!(Deviation::of(i64::MAX, &mut [i64::MIN, 0, i64::MAX], 0).is_some());
    }
}
