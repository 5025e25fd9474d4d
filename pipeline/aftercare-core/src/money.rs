//! Money, exactly: whole minor units, and decimals of six places. No floating point gets past [`Millionths::of`].

use std::fmt;

use serde::{Deserialize, Serialize};

/// Places of a decimal.
const PLACES: usize = 6;
/// Millionths per unit.
const SCALE: i128 = 1_000_000;

/// An amount in minor units of a currency that the context knows; negative: a refund or a reversal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Minor(pub i64);

/// An exact decimal with six places, in millionths: a rate (1 is 100 %), a factor, a share, an index, a quotient.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Millionths(pub i64);

impl Millionths {
    /// One, 100 %.
    pub const ONE: Millionths = Millionths(1_000_000);

    /// A double by its shortest decimal text, rounded to six places, half to even. `None` for what is no finite number
    /// or has a magnitude of 10^12 or more.
    pub fn of(value: f64) -> Option<Millionths> {
        if !value.is_finite() {
            return None;
        }
        let text = value.to_string();
        let (negative, digits) = match text.strip_prefix('-') {
            Some(digits) => (true, digits),
            None => (false, &*text),
        };
        let (whole, places) = digits.split_once('.').unwrap_or((digits, ""));
        if whole.len() > 12 {
            return None;
        }
        let (kept, rest) = places.split_at(places.len().min(PLACES));
        let magnitude = format!("{whole}{kept:0<PLACES$}").parse::<i64>().ok()?;
        let up = match rest.as_bytes() {
            [b'5', further @ ..] => further.iter().any(|digit| *digit != b'0') || magnitude % 2 == 1,
            [first, ..] => *first > b'5',
            [] => false,
        };
        let magnitude = magnitude + i64::from(up);
        Some(Millionths(if negative { -magnitude } else { magnitude }))
    }

    /// `self / divisor`, rounded to six places, half to even; `None` where the divisor is not above 0.
    pub fn quotient(self, divisor: Millionths) -> Option<Millionths> {
        let divisor = i128::from(divisor.0);
        if divisor <= 0 {
            return None;
        }
        let scaled = i128::from(self.0) * SCALE;
        let (floor, rest) = (scaled.div_euclid(divisor), scaled.rem_euclid(divisor));
        let up = match (2 * rest).cmp(&divisor) {
            std::cmp::Ordering::Less => false,
            std::cmp::Ordering::Equal => floor % 2 != 0,
            std::cmp::Ordering::Greater => true,
        };
        i64::try_from(floor + i128::from(up)).ok().map(Millionths)
    }
}

impl fmt::Display for Millionths {
    /// The shortest decimal text: `0.8`, `129.8`, `-3`.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = decimal_text(self.0, PLACES);
        formatter.write_str(text.trim_end_matches('0').trim_end_matches('.'))
    }
}

impl Minor {
    /// `self * count * rates`, rounded once to the minor unit, half away from zero. Stays at the limits of the range
    /// where it would lie outside; with amounts below 10^10, counts below 10^4, a factor below 100 and two rates of at
    /// most 100 % it never does.
    pub fn times(self, count: i64, rates: &[Millionths]) -> Minor {
        let mut product = i128::from(self.0).saturating_mul(i128::from(count));
        let mut divisor: i128 = 1;
        for rate in rates {
            product = product.saturating_mul(i128::from(rate.0));
            divisor = divisor.saturating_mul(SCALE);
        }
        let half_up = |magnitude: u128, divisor: u128| magnitude.saturating_add(divisor / 2) / divisor;
        let magnitude = half_up(product.unsigned_abs(), divisor.unsigned_abs());
        let magnitude = i64::try_from(magnitude).unwrap_or(i64::MAX);
        Minor(if product < 0 { -magnitude } else { magnitude })
    }

    /// Splits by shares that add up to one, as [`Minor::split_by`].
    pub fn split(self, shares: &[Millionths]) -> Vec<Minor> {
        let weights: Vec<i128> = shares.iter().map(|share| i128::from(share.0)).collect();
        self.split_by(&weights).unwrap_or_default()
    }

    /// Splits by weights: by largest remainder, ties to the weight listed first; a negative amount by its magnitude,
    /// with the sign put back. The parts add up to `self`. `None` where a weight is negative, all are 0, or a product is
    /// beyond the range.
    pub fn split_by(self, weights: &[i128]) -> Option<Vec<Minor>> {
        let whole = weights.iter().try_fold(0_i128, |sum, weight| sum.checked_add(*weight))?;
        if whole <= 0 || weights.iter().any(|weight| *weight < 0) {
            return None;
        }
        let magnitude = i128::from(self.0).abs();
        let exact: Option<Vec<i128>> = weights.iter().map(|weight| magnitude.checked_mul(*weight)).collect();
        let exact = exact?;
        let mut parts: Vec<i128> = exact.iter().map(|exact| exact / whole).collect();
        let mut order: Vec<usize> = (0..weights.len()).collect();
        order.sort_by_key(|at| exact.get(*at).map(|exact| -(exact % whole)));
        let left = magnitude - parts.iter().sum::<i128>();
        for at in order.into_iter().take(usize::try_from(left).unwrap_or(0)) {
            if let Some(part) = parts.get_mut(at) {
                *part += 1;
            }
        }
        let sign = i128::from(self.0.signum());
        parts.into_iter().map(|part| i64::try_from(sign * part).ok().map(Minor)).collect()
    }

    /// The amount as text with that many decimals: `-16.00`.
    pub fn text(self, decimals: u32) -> String {
        decimal_text(self.0, usize::try_from(decimals).unwrap_or(0))
    }
}

impl std::ops::Add for Minor {
    type Output = Minor;
    fn add(self, other: Minor) -> Minor {
        Minor(self.0.saturating_add(other.0))
    }
}

impl std::ops::Sub for Minor {
    type Output = Minor;
    fn sub(self, other: Minor) -> Minor {
        Minor(self.0.saturating_sub(other.0))
    }
}

impl std::ops::Neg for Minor {
    type Output = Minor;
    fn neg(self) -> Minor {
        Minor(self.0.saturating_neg())
    }
}

impl std::iter::Sum for Minor {
    fn sum<I: Iterator<Item = Minor>>(amounts: I) -> Minor {
        amounts.fold(Minor(0), |sum, amount| sum + amount)
    }
}

/// How many decimals the currency of an ISO 4217 code has; `None` for codes that are not known here.
pub fn currency_decimals(code: &str) -> Option<u32> {
    match code {
        "JPY" | "KRW" | "VND" | "CLP" => Some(0),
        "CNY" | "EUR" | "GBP" | "USD" | "CHF" | "HKD" | "SGD" | "INR" => Some(2),
        "KWD" | "BHD" | "JOD" | "OMR" | "TND" => Some(3),
        _ => None,
    }
}

fn decimal_text(scaled: i64, places: usize) -> String {
    let digits = format!("{:0>width$}", scaled.unsigned_abs(), width = places + 1);
    let (whole, rest) = digits.split_at(digits.len() - places);
    let sign = if scaled < 0 { "-" } else { "" };
    if rest.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{rest}") }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_double_enters_by_its_shortest_text() {
        for (value, millionths) in [
            (129.8, Some(129_800_000)),
            // 0.1 + 0.2 is 0.30000000000000004 as shortest text
            (0.1 + 0.2, Some(300_000)),
            // halves go to the even neighbour, by the text and not by the bits
            (0.000_000_5, Some(0)),
            (0.000_001_5, Some(2)),
            (0.000_002_5, Some(2)),
            (-0.000_002_5, Some(-2)),
            (-0.000_003_5, Some(-4)),
            (0.000_002_51, Some(3)),
            (0.999_999_5, Some(1_000_000)),
            (0.899_999_4, Some(899_999)),
            (1e11, Some(100_000_000_000_000_000)),
            (1e12, None),
            (f64::NAN, None),
            (f64::NEG_INFINITY, None),
            (-0.0, Some(0)),
        ] {
            assert_eq!(Millionths::of(value).map(|found| found.0), millionths, "{value}");
        }
    }

    #[test]
    fn quotients_round_half_to_even() {
        let q = |a: i64, b: i64| Millionths(a).quotient(Millionths(b)).map(|found| found.0);
        // 108 / 120 is exactly 0.9, the edge of the step
        assert_eq!(q(108_000_000, 120_000_000), Some(900_000));
        assert_eq!(q(1, 3_000_000), Some(0));
        // 0.0000025 and 0.0000035
        assert_eq!(q(25, 10_000_000), Some(2));
        assert_eq!(q(35, 10_000_000), Some(4));
        assert_eq!(q(-25, 10_000_000), Some(-2));
        assert_eq!(q(2_000_000, 3_000_000), Some(666_667));
        assert_eq!(q(1, 0), None);
        assert_eq!(q(1, -1), None);
    }

    #[test]
    fn components_round_half_away_from_zero() {
        // 0.5 of 1, 3 and -3 minor units
        let half = [Millionths(500_000)];
        assert_eq!([1, 3, -3, 2].map(|amount| Minor(amount).times(1, &half).0), [1, 2, -2, 1]);
        // 26 x 80.00 x 1.0 x 0.7 x 0.8 = 1,164.80
        let rates = [Millionths::ONE, Millionths(700_000), Millionths(800_000)];
        assert_eq!(Minor(8_000).times(26, &rates), Minor(116_480));
    }

    #[test]
    fn splits_go_by_largest_remainder() {
        let split = |amount: i64, shares: &[i64]| -> Vec<i64> {
            let shares: Vec<Millionths> = shares.iter().copied().map(Millionths).collect();
            Minor(amount).split(&shares).into_iter().map(|part| part.0).collect()
        };
        assert_eq!(split(8_000, &[200_000, 800_000]), [1_600, 6_400]);
        // 70 / 10 / 20 % of 1.01: 70.7, 10.1, 20.2 minor units; the unit left over goes to the largest rest
        assert_eq!(split(101, &[700_000, 100_000, 200_000]), [71, 10, 20]);
        // thirds of 2: the rests of the first two are equal and larger
        assert_eq!(split(2, &[333_333, 333_333, 333_334]), [1, 0, 1]);
        // a tie goes to the payer listed first, whatever the sign
        assert_eq!(split(1, &[500_000, 500_000]), [1, 0]);
        assert_eq!(split(-1, &[500_000, 500_000]), [-1, 0]);
        assert_eq!(split(-1_600, &[200_000, 800_000]), [-320, -1_280]);
        assert_eq!(split(0, &[200_000, 800_000]), [0, 0]);
    }

    #[test]
    fn texts_are_exact() {
        assert_eq!(
            [-1_600, 5, -5, 0, 116_480].map(|amount| Minor(amount).text(2)),
            ["-16.00", "0.05", "-0.05", "0.00", "1164.80"]
        );
        assert_eq!(Minor(500).text(0), "500");
        assert_eq!(
            [129_800_000, -3_000_000, 800_000, 1, 0].map(|n| Millionths(n).to_string()),
            ["129.8", "-3", "0.8", "0.000001", "0"]
        );
    }

    proptest! {
        #[test]
        fn parts_add_up_and_are_next_to_exact(
            amount in -1_000_000_000_i64..1_000_000_000,
            cuts in prop::collection::vec(0_i64..=1_000_000, 0..5),
        ) {
            let mut cuts = cuts;
            cuts.extend([0, 1_000_000]);
            cuts.sort_unstable();
            let shares: Vec<Millionths> = cuts.windows(2).map(|pair| Millionths(pair[1] - pair[0])).collect();
            let parts = Minor(amount).split(&shares);
            prop_assert_eq!(parts.iter().copied().sum::<Minor>(), Minor(amount));
            for (part, share) in parts.iter().zip(&shares) {
                let error = i128::from(part.0) * SCALE - i128::from(amount) * i128::from(share.0);
                prop_assert!(error.abs() < SCALE, "{} of {}", share, amount);
            }
        }
    }
}
