//! The arithmetic of money, digit by digit: no floating point behind [`millionths`].

/// A number by its shortest decimal text, in millionths, half to even.
pub(super) fn millionths(value: f64) -> Option<i128> {
    let text = value.to_string();
    let (sign, text) = text.strip_prefix('-').map_or((1, text.as_str()), |rest| (-1, rest));
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = format!("{whole}{fraction:0<7}");
    let (kept, cut) = digits.split_at(whole.len() + 6);
    let kept: i128 = kept.parse().ok()?;
    let half = format!("{:0<width$}", "5", width = cut.len());
    // Digits of one length are in the order of their numbers.
    let up = cut > half.as_str() || (cut == half && kept % 2 == 1);
    Some(sign * (kept + i128::from(up)))
}

/// The ratio of two such numbers, in millionths, half to even; `None` unless the divisor is above 0.
pub(super) fn ratio(numerator: i128, divisor: i128) -> Option<i128> {
    let scaled = numerator * 1_000_000;
    (divisor > 0).then(|| {
        let below = scaled.div_euclid(divisor);
        let twice_rest = 2 * scaled.rem_euclid(divisor);
        below + i128::from(twice_rest > divisor || (twice_rest == divisor && below % 2 != 0))
    })
}

/// An amount times rates in millionths, rounded once, half away from zero.
pub(super) fn product(amount: i128, rates: &[i128]) -> i128 {
    let exact = rates.iter().fold(amount, |exact, rate| exact * rate);
    let scale = 1_000_000_i128.pow(u32::try_from(rates.len()).expect("few"));
    exact.signum() * ((2 * exact.abs() + scale) / (2 * scale))
}

/// An amount split by shares in millionths that add up to one: each gets its part rounded down, and what is left goes, unit
/// by unit, to the largest rests, of equal ones to the first. Negative amounts by their magnitude.
pub(super) fn split(amount: i128, shares: &[i128]) -> Vec<i128> {
    let exact: Vec<i128> = shares.iter().map(|share| amount.abs() * share).collect();
    let mut parts: Vec<i128> = exact.iter().map(|part| part / 1_000_000).collect();
    let mut by_rest: Vec<usize> = (0..parts.len()).collect();
    by_rest.sort_by_key(|at| std::cmp::Reverse(exact[*at] % 1_000_000));
    let left = usize::try_from(amount.abs() - parts.iter().sum::<i128>()).unwrap_or(0);
    by_rest.into_iter().take(left).for_each(|at| parts[at] += 1);
    parts.into_iter().map(|part| part * amount.signum()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_rounded_by_their_digits() {
        let cases = [
            (1.0, 1_000_000),
            (-3.25, -3_250_000),
            (0.000_000_5, 0),
            (0.000_001_5, 2),
            (0.000_002_5, 2),
            (0.000_002_500_1, 3),
            (129.8, 129_800_000),
            (1e-7, 0),
        ];
        for (value, expected) in cases {
            assert_eq!(millionths(value), Some(expected), "{value}");
        }
        assert_eq!([f64::NAN, f64::INFINITY].map(millionths), [None, None]);
    }

    #[test]
    fn quotients_products_and_parts_are_rounded_once() {
        assert_eq!(ratio(108_000_000, 120_000_000), Some(900_000));
        assert_eq!([ratio(25, 10_000_000), ratio(35, 10_000_000), ratio(1, 0)], [Some(2), Some(4), None]);
        assert_eq!(product(8_000 * 26, &[1_000_000, 700_000, 800_000]), 116_480);
        assert_eq!([product(1, &[500_000]), product(-3, &[500_000])], [1, -2]);
        assert_eq!(split(8_000, &[200_000, 800_000]), [1_600, 6_400]);
        assert_eq!(split(101, &[700_000, 100_000, 200_000]), [71, 10, 20]);
        assert_eq!(split(-1, &[500_000, 500_000]), [-1, 0]);
    }
}
