//! What is left of readings once their single values are gone: exact sums, and how often each value occurred.
//!
//! Merging summaries gives the same bits in any order and grouping, so an hour or a day may be put together from its
//! 5-minute windows as they come.

use serde::{Deserialize, Serialize};

use crate::window::{Points, WindowStats, micros_to_units};

/// Most distinct values that are told apart whatever they are. Beyond it neighbours are taken together.
const VALUES_MAX: usize = 256;

/// Leading binary digits that are always kept: half a step of 2^-6 is less than 1 % of any value.
const BITS_MIN: u32 = 7;

/// Binary digits of the largest magnitude that a reading may have, in millionths: with as many, every value is exact.
const EXACT_BITS: u32 = 44;

/// How often each value occurred, by value.
///
/// Up to 256 distinct values are exact. Beyond that, values keep as many leading binary digits as leave at most 256
/// distinct ones, but never fewer than seven: a DDSketch (Masson, Rim and Lee 2019) whose buckets are an octave's 64 equal
/// parts instead of powers, so that no logarithm is needed. A quantile then lies within 1/128 of the exact one, and there
/// are at most 64 buckets per octave. How many digits are kept depends on the values alone, never on the order in which
/// they came: a coarser value is always a truncation of the finer one, and a part never needs to be coarser than the whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Counts {
    bits: u32,
    /// Value in millionths, truncated toward zero; and how often. By value.
    values: Vec<(i64, u32)>,
}

impl Default for Counts {
    fn default() -> Self {
        Self { bits: EXACT_BITS, values: Vec::new() }
    }
}

impl Counts {
    /// Adds values, given in ascending order with how often each occurred, kept to `bits` digits.
    fn add(&mut self, bits: u32, ascending: impl Iterator<Item = (i64, u32)>) {
        if bits < self.bits {
            self.coarsen(bits);
        }
        let (own, digits) = (std::mem::take(&mut self.values), self.bits);
        self.values.reserve(own.len());
        let mut own = own.into_iter().peekable();
        for (value, n) in ascending.map(|(value, n)| (truncated(value, digits), n)) {
            while let Some(earlier) = own.next_if(|(known, _)| *known <= value) {
                push(&mut self.values, earlier);
            }
            push(&mut self.values, (value, n));
        }
        own.for_each(|rest| push(&mut self.values, rest));
        while self.values.len() > VALUES_MAX && self.bits > BITS_MIN {
            self.coarsen(self.bits - 1);
        }
    }

    fn coarsen(&mut self, bits: u32) {
        self.bits = bits;
        let finer = std::mem::take(&mut self.values);
        self.values.reserve_exact(finer.len().min(VALUES_MAX));
        finer.into_iter().for_each(|(value, n)| push(&mut self.values, (truncated(value, bits), n)));
    }

    /// The value that stands for all that were truncated to this one: the middle of them.
    fn middle(&self, value: i64) -> i64 {
        let width = i64::from(
            (value.unsigned_abs().checked_ilog2().map_or(0, |top| top + 1)).saturating_sub(self.bits),
        );
        value + value.signum() * (((1 << width) - 1) / 2)
    }
}

/// Appends, taking equal values together.
fn push(values: &mut Vec<(i64, u32)>, (value, n): (i64, u32)) {
    match values.last_mut() {
        Some((last, count)) if *last == value => *count = count.saturating_add(n),
        _ => values.push((value, n)),
    }
}

/// `value` with all but its leading `bits` binary digits set to 0.
fn truncated(value: i64, bits: u32) -> i64 {
    let digits = value.unsigned_abs().checked_ilog2().map_or(0, |top| top + 1);
    let dropped = digits.saturating_sub(bits);
    value.signum() * i64::try_from(value.unsigned_abs() >> dropped << dropped).unwrap_or(i64::MAX)
}

/// A summary of readings of one metric.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    readings: u32,
    slots: u32,
    sum: i128,
    squares: i128,
    min: i64,
    max: i64,
    counts: Counts,
}

impl Summary {
    /// The summary of these 5-minute windows.
    pub fn of<'p>(windows: impl IntoIterator<Item = &'p Points>) -> Self {
        let mut summary = Self::default();
        summary.add(windows);
        summary
    }

    /// Adds 5-minute windows, none of which it holds already.
    pub fn add<'p>(&mut self, windows: impl IntoIterator<Item = &'p Points>) {
        let mut values: Vec<i64> = Vec::new();
        let mut slots = 0;
        for points in windows {
            let before = values.len();
            values.extend(points.values());
            slots += u32::from(values.len() > before);
        }
        values.sort_unstable();
        let (Some(&min), Some(&max)) = (values.first(), values.last()) else { return };
        let wide = || values.iter().map(|value| i128::from(*value));
        self.add_exact(&Summary {
            readings: u32::try_from(values.len()).unwrap_or(u32::MAX),
            slots,
            sum: wide().sum(),
            squares: wide().map(|value| value * value).sum(),
            min,
            max,
            counts: Counts::default(),
        });
        self.counts.add(EXACT_BITS, values.iter().map(|value| (*value, 1)));
    }

    /// Adds another summary, of other readings.
    pub fn merge(&mut self, other: &Summary) {
        self.add_exact(other);
        self.counts.add(other.counts.bits, other.counts.values.iter().copied());
    }

    fn add_exact(&mut self, other: &Summary) {
        if other.readings == 0 {
            return;
        }
        let first = self.readings == 0;
        self.min = if first { other.min } else { self.min.min(other.min) };
        self.max = if first { other.max } else { self.max.max(other.max) };
        self.readings = self.readings.saturating_add(other.readings);
        self.slots = self.slots.saturating_add(other.slots);
        self.sum = self.sum.saturating_add(other.sum);
        self.squares = self.squares.saturating_add(other.squares);
    }

    /// How many readings.
    #[must_use]
    pub fn readings(&self) -> u32 {
        self.readings
    }

    /// How many 5-minute windows with a reading.
    #[must_use]
    pub fn slots(&self) -> u32 {
        self.slots
    }

    /// Their sum, millionths of the metric's unit, at the limits of the range where it lies outside.
    #[must_use]
    pub fn sum_micros(&self) -> i64 {
        i64::try_from(self.sum).unwrap_or(if self.sum < 0 { i64::MIN } else { i64::MAX })
    }

    /// Their mean, rounded to a whole multiple of `step_micros` (1 or more), halves upward; 0 for no readings.
    #[must_use]
    pub fn mean_rounded(&self, step_micros: i64) -> i64 {
        let whole = i128::from(self.readings.max(1)) * i128::from(step_micros.max(1));
        let steps = (2 * self.sum + whole).div_euclid(2 * whole);
        i64::try_from(steps).unwrap_or(i64::MAX).saturating_mul(step_micros)
    }

    /// The greatest reading, millionths of the metric's unit.
    #[must_use]
    pub fn max_micros(&self) -> i64 {
        self.max
    }

    /// The least value that at least `permille` of 1000 readings do not exceed (nearest rank), in millionths of the
    /// metric's unit. Exact for up to 256 distinct values, within 1/128 of the exact one beyond. `None` for no readings.
    #[must_use]
    pub fn quantile_micros(&self, permille: u32) -> Option<i64> {
        let rank = (u64::from(self.readings) * u64::from(permille)).div_ceil(1000).max(1);
        let mut seen = 0u64;
        let at = |(_, n): &&(i64, u32)| {
            seen += u64::from(*n);
            seen >= rank
        };
        let (value, _) = self.counts.values.iter().find(at)?;
        Some(self.counts.middle(*value).clamp(self.min, self.max))
    }

    /// The same in the metric's unit.
    #[must_use]
    pub fn quantile(&self, permille: u32) -> Option<f64> {
        self.quantile_micros(permille).map(micros_to_units)
    }

    /// How many readings lie within `low` and `high`, both included, in millionths of the metric's unit. As exact as a
    /// quantile.
    #[must_use]
    pub fn readings_within(&self, low: i64, high: i64) -> u32 {
        let within = |value: i64| (low..=high).contains(&self.counts.middle(value).clamp(self.min, self.max));
        self.counts.values.iter().filter(|(value, _)| within(*value)).map(|(_, n)| n).sum()
    }

    /// Mean, standard deviation and extremes; `None` for no readings.
    #[must_use]
    #[allow(clippy::cast_precision_loss, reason = "correctly rounded conversions of exact integers")]
    pub fn stats(&self) -> Option<WindowStats> {
        let n = i128::from(self.readings);
        let sd = (n > 1).then(|| {
            let exact = n.checked_mul(self.squares).zip(self.sum.checked_mul(self.sum));
            let variance = match exact {
                Some((squares, square)) => (squares - square) as f64 / (n * (n - 1)) as f64,
                None => self.variance_of_huge(n),
            };
            micros_f64_to_units(variance.max(0.0).sqrt())
        });
        (n > 0).then(|| WindowStats {
            readings: self.readings,
            mean: micros_f64_to_units(self.sum as f64 / n as f64),
            sd,
            min: micros_to_units(self.min),
            max: micros_to_units(self.max),
        })
    }

    /// The variance where the products of the usual formula do not fit (thousands of readings a second, each beyond
    /// what a body shows): around a whole number near the mean.
    #[allow(clippy::cast_precision_loss, reason = "correctly rounded conversions of exact integers")]
    fn variance_of_huge(&self, n: i128) -> f64 {
        let near = self.sum / n;
        let scatter = self.squares.saturating_sub(near.saturating_mul(2 * self.sum - n * near));
        let rest = self.sum - n * near;
        (scatter as f64 - (rest * rest) as f64 / n as f64) / (n - 1) as f64
    }
}

fn micros_f64_to_units(micros: f64) -> f64 {
    micros / 1e6
}

#[cfg(test)]
#[allow(clippy::cast_precision_loss, reason = "small numbers")]
mod tests {
    use super::*;
    use crate::window::Micros;

    fn points(values: &[f64]) -> Points {
        let mut points = Points::default();
        for (offset, value) in (0..).zip(values) {
            points.insert(offset, Micros::from_units(*value).unwrap());
        }
        points
    }

    /// Values in a fixed, disorderly sequence.
    fn scattered(n: u64, spread: u64) -> Vec<f64> {
        (0..n).map(|i| 40.0 + (i * 7_919 % spread) as f64 / 100.0).collect()
    }

    #[test]
    fn any_grouping_and_order_gives_the_same_bits() {
        let windows: Vec<Points> = scattered(3_000, 9_973).chunks(10).map(points).collect();
        let whole = Summary::of(&windows);
        assert!(whole.counts.bits < EXACT_BITS, "enough distinct values to be taken together");
        for size in [1, 7, 12, 100] {
            let parts: Vec<Summary> = windows.chunks(size).map(Summary::of).collect();
            let mut forward = Summary::default();
            parts.iter().for_each(|part| forward.merge(part));
            let mut backward = Summary::default();
            parts.iter().rev().for_each(|part| backward.merge(part));
            assert_eq!((&forward, &backward), (&whole, &whole), "{size}");
        }
    }

    #[test]
    fn few_distinct_values_give_exact_quantiles() {
        let values: Vec<f64> = (1..=100).map(f64::from).collect();
        let summary = Summary::of([&points(&values)]);
        assert_eq!(
            [0, 100, 500, 900, 1000].map(|q| summary.quantile_micros(q)),
            [1, 10, 50, 90, 100].map(|v| Some(v * 1_000_000))
        );
        assert_eq!(summary.readings_within(10_000_000, 19_999_999), 10);
        assert_eq!(Summary::default().quantile_micros(500), None);
    }

    /// However many octaves they span: 5 of heart rates, 17 of steps, and values on both sides of zero.
    #[test]
    fn many_distinct_values_give_quantiles_within_a_128th() {
        let steps = |n: u64| (0..n).map(|i| libm::exp2((i * 7_919 % n) as f64 * 17.0 / n as f64)).collect();
        let both: Vec<f64> = scattered(9_000, 8_999).iter().map(|value| value - 60.0).collect();
        for mut values in [scattered(20_000, 59_999), steps(9_001), both] {
            let windows: Vec<Points> = values.chunks(70).map(points).collect();
            let summary = Summary::of(&windows);
            let mut backward = Summary::default();
            windows.iter().rev().for_each(|window| backward.merge(&Summary::of([window])));
            assert_eq!(summary, backward);
            assert!(summary.counts.bits >= BITS_MIN && summary.counts.bits < EXACT_BITS);
            values.sort_by(f64::total_cmp);
            for permille in [1, 10, 100, 250, 500, 750, 900, 990, 1000] {
                let exact = values[(values.len() * permille).div_ceil(1000) - 1];
                let kept = summary.quantile(u32::try_from(permille).unwrap()).unwrap();
                assert!(
                    (kept - exact).abs() <= exact.abs() / 128.0 + 1e-6,
                    "p{permille}: {kept} for {exact}"
                );
            }
        }
    }

    /// Far from zero and close together, where the difference of two rounded sums would have no digit left.
    #[test]
    fn a_small_spread_around_a_large_value_keeps_its_digits() {
        let values: Vec<f64> = (0..1_440).map(|i| 9_999_000.0 + f64::from(i % 3) * 0.001).collect();
        let stats = Summary::of([&points(&values)]).stats().unwrap();
        let exact = 0.001 * (1_440.0f64 / 1_439.0 * 2.0 / 3.0).sqrt();
        assert!((stats.sd.unwrap() / exact - 1.0).abs() < 1e-14, "{:?}", stats.sd);
        assert!((stats.mean - 9_999_000.001).abs() < 1e-8);
    }

    #[test]
    fn equal_values_have_no_spread() {
        let stats = Summary::of([&points(&vec![36.6; 1_000])]).stats().unwrap();
        assert_eq!((stats.sd.map(f64::to_bits), stats.mean.to_bits()), (Some(0), 36.6f64.to_bits()));
    }

    #[test]
    fn values_below_zero_and_zero_are_in_order() {
        let summary = Summary::of([&points(&[-3.0, 0.0, 2.0, -1.0, 0.000_001])]);
        assert_eq!(
            [1, 250, 500, 700, 1000].map(|q| summary.quantile_micros(q)),
            [-3_000_000, -1_000_000, 0, 1, 2_000_000].map(Some)
        );
    }

    #[test]
    fn hostile_values_neither_overflow_nor_panic() {
        let huge = points(&vec![1e7; 3_000]);
        let mut day = Summary::default();
        (0..288).for_each(|_| day.add([&huge]));
        (0..20).for_each(|_| day.merge(&day.clone()));
        let stats = day.stats().unwrap();
        assert!(stats.sd.unwrap().is_finite());
        assert!((stats.max - 1e7).abs() < 1e-3);
    }

    #[test]
    fn a_mean_is_rounded_half_upward_to_the_step() {
        let summary = Summary::of([&points(&[36.0, 36.1])]);
        assert_eq!(summary.mean_rounded(100_000), 36_100_000);
        assert_eq!(summary.mean_rounded(1_000_000), 36_000_000);
    }
}
