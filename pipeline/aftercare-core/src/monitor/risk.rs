//! What each patient's risk of a bad answer is, given what is expected of them.

/// The chance that an answer lies below `share` of what is expected (in the units of both), if answers scatter around it
/// as a normal distribution. `None` where the standard deviation is not above 0.
pub fn risk_below(share: f64, expected: f64, sd: f64) -> Option<f64> {
    let distance = (1.0 - share) * expected / sd;
    (sd > 0.0 && distance.is_finite()).then(|| 0.5 * libm::erfc(distance / std::f64::consts::SQRT_2))
}

/// The risks with their log odds shifted by one number for all, so that they add up to the `events` that really happened:
/// who is likelier than whom stays, and nobody looks good or bad because all were misjudged together. As they are where
/// no shift can do that.
pub fn calibrate(risks: &[f64], events: u32) -> Vec<f64> {
    let events = f64::from(events);
    let able = risks.iter().filter(|risk| **risk > 0.0 && **risk < 1.0).count();
    let certain = risks.iter().filter(|risk| **risk >= 1.0).count();
    if events <= certain as f64 || events >= (certain + able) as f64 {
        return risks.to_vec();
    }
    let shifted = |factor: f64| risks.iter().map(move |risk| risk * factor / (1.0 + (factor - 1.0) * risk));
    // Halved until nothing lies between: the sum grows with the factor.
    let (mut low, mut high) = (-700.0, 700.0);
    for _ in 0..200 {
        let middle = 0.5 * (low + high);
        let sum: f64 = shifted(libm::exp(middle)).sum();
        if sum < events { low = middle } else { high = middle }
    }
    shifted(libm::exp(0.5 * (low + high))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_risk_is_the_tail_of_a_normal_distribution() {
        // 10 % of 120 is 12: one standard deviation of 12, and 1.959964 of 6.122563.
        for (sd, risk) in [(12.0, 0.158_655_253_9), (6.122_562_9, 0.025)] {
            let found = risk_below(0.9, 120.0, sd).unwrap();
            assert!((found - risk).abs() < 1e-7, "{sd}: {found}");
        }
        assert_eq!(risk_below(0.9, 120.0, 0.0), None);
        assert_eq!(risk_below(0.9, f64::NAN, 1.0), None);
    }

    #[test]
    fn what_no_shift_can_reach_stays() {
        assert_eq!(calibrate(&[0.2, 0.3], 0), [0.2, 0.3]);
        assert_eq!(calibrate(&[0.2, 0.3], 2), [0.2, 0.3]);
        assert_eq!(calibrate(&[1.0, 0.0], 1), [1.0, 0.0]);
    }

    proptest! {
        #[test]
        fn calibrated_risks_add_up_and_keep_their_ratios_of_odds(
            risks in prop::collection::vec(0.001..0.999_f64, 2..60), share in 0.01..0.99_f64
        ) {
            let n = u32::try_from(risks.len()).unwrap();
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 1 and n - 1")]
            let events = ((f64::from(n) * share) as u32).clamp(1, n - 1);
            let found = calibrate(&risks, events);
            prop_assert!((found.iter().sum::<f64>() - f64::from(events)).abs() < 1e-9);
            let odds = |risk: f64| (risk / (1.0 - risk)).ln();
            let shift = odds(found[0]) - odds(risks[0]);
            for (one, other) in risks.iter().zip(&found) {
                prop_assert!((odds(*other) - odds(*one) - shift).abs() < 1e-6);
            }
        }
    }
}
