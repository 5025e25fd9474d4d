//! The lattice on which scores are counted.

/// Scores as whole steps of a power of ten, so that counts are exact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lattice {
    /// The step is 10^-decimals, 0 to 12.
    decimals: u8,
}

/// A score that can't be counted: no number, or beyond 1e12.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LatticeError;

const VALUE_MAX: f64 = 1e12;
/// Digits of a step number: squares of so many stay exact in sums of a hundred million.
const DIGITS_MAX: usize = 14;
const DECIMALS_MAX: usize = 12;
/// Scores are told apart down to this part of their range, 1 in a million.
const RANGE_DIGITS: usize = 6;

impl Lattice {
    /// A lattice with a step of 10^-decimals; `None` where it would be finer than 12 decimals.
    pub fn new(decimals: u8) -> Option<Lattice> {
        (usize::from(decimals) <= DECIMALS_MAX).then_some(Lattice { decimals })
    }

    /// The coarsest lattice on which each of these values lies. Where they have more digits than a score has (means of
    /// items, measured values), one with a million steps from the least to the greatest, onto which they are rounded.
    pub fn of(values: impl Iterator<Item = f64> + Clone) -> Lattice {
        let least = values.clone().fold(f64::INFINITY, f64::min);
        let greatest = values.clone().fold(f64::NEG_INFINITY, f64::max);
        let digits = |number: f64| {
            // The digits in front of the point.
            let whole = format!("{:.0}", number.abs().trunc());
            if whole == "0" { 0 } else { whole.len() }
        };
        let span = greatest - least;
        let leading_zeros = if span > 0.0 && span < 1.0 {
            let text = format!("{span}");
            let decimals = text.strip_prefix("0.").unwrap_or_default();
            decimals.bytes().take_while(|digit| *digit == b'0').count()
        } else {
            0
        };
        let fine_enough = (RANGE_DIGITS + leading_zeros).saturating_sub(digits(span));
        let exact_in_sums = DIGITS_MAX.saturating_sub(digits(least).max(digits(greatest)));
        let needed = values.map(decimals_of).max().unwrap_or(0);
        let decimals = needed.min(fine_enough).min(exact_in_sums).min(DECIMALS_MAX);
        Lattice { decimals: u8::try_from(decimals).unwrap_or(0) }
    }

    /// The step is 10 to minus this.
    pub fn decimals(self) -> u8 {
        self.decimals
    }

    /// Whether a value can be counted: a number within -1e12 and 1e12.
    pub fn holds(value: f64) -> bool {
        (-VALUE_MAX..=VALUE_MAX).contains(&value)
    }

    /// Steps in one point.
    fn per_point(self) -> f64 {
        libm::pow(10.0, f64::from(self.decimals))
    }

    /// The step of a value, the nearest.
    ///
    /// # Errors
    /// Where it is no number, or beyond 1e12.
    pub fn step_of(self, value: f64) -> Result<i64, LatticeError> {
        if !Lattice::holds(value) {
            return Err(LatticeError);
        }
        let step = libm::rint(value * self.per_point());
        #[allow(clippy::cast_possible_truncation, reason = "a whole number, and beyond i64 it saturates")]
        Ok(step as i64)
    }

    /// The value of a step, or of a place between two.
    pub fn value_of(self, step: f64) -> f64 {
        step / self.per_point()
    }
}

/// Decimals with which a number is written in full.
fn decimals_of(value: f64) -> usize {
    let text = format!("{value}");
    text.split_once('.').map_or(0, |(_, decimals)| decimals.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: &[f64]) -> u8 {
        Lattice::of(values.iter().copied()).decimals()
    }

    #[test]
    fn the_coarsest_lattice_that_holds_them() {
        assert_eq!(of(&[3.0, 27.0]), 0);
        assert_eq!(of(&[0.3, 28.0]), 1);
        assert_eq!(of(&[-0.594, 1.0]), 3);
        assert_eq!(of(&[20.0, 1e9]), 0);
        assert_eq!(of(&[5.0, 5.0]), 0);
        assert_eq!(of(&[]), 0);
    }

    #[test]
    fn more_digits_than_a_score_has_are_rounded() {
        assert_eq!(of(&[0.0, 72.916_666_666_666_67]), 4);
        assert_eq!(of(&[0.001_234_567_890_123, 0.001_9]), 9);
        assert_eq!(of(&[123_456_789_012.25, 0.0]), 0);
        let lattice = Lattice::new(4).unwrap();
        assert_eq!(lattice.step_of(72.916_666_666_666_67), Ok(729_167));
        assert!((lattice.value_of(729_167.0) - 72.916_7).abs() < 1e-12);
    }

    #[test]
    fn what_is_no_number_is_not_counted() {
        let lattice = Lattice::new(1).unwrap();
        for value in [f64::NAN, f64::INFINITY, 1e13, -1e13] {
            assert_eq!(lattice.step_of(value), Err(LatticeError), "{value}");
        }
        assert_eq!(Lattice::new(13), None);
    }
}
