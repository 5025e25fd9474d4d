//! The risk-adjusted CUSUM of Steiner, Cook, Farewell and Treasure (Biostatistics 2000;1:441-452): each outcome is
//! weighed by how much likelier it would be if the odds of the event were another multiple of what they are for such a
//! patient.

/// The weight of one outcome, in natural logarithms: W = ln(R) of an event, 0 of none, less ln(1 - p + R p), where p is
/// the patient's `risk` of the event (0 to 1) and R the `odds_ratio` that the chart is to notice (above 1: worse; below
/// 1: better). `None` where either is outside its range.
pub fn weight(risk: f64, odds_ratio: f64, event: bool) -> Option<f64> {
    let usable = (0.0..=1.0).contains(&risk) && odds_ratio.is_finite() && odds_ratio > 0.0;
    let observed = if event { libm::log(odds_ratio) } else { 0.0 };
    usable.then(|| observed - libm::log1p((odds_ratio - 1.0) * risk))
}

/// A chart that adds up weights, never below zero, and signals where the sum reaches its limit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cusum {
    odds_ratio: f64,
    limit: f64,
}

/// The chart after one outcome.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// The sum, from 0 on.
    pub value: f64,
    /// It reached the limit; the next outcome begins at 0 again.
    pub signals: bool,
}

impl Cusum {
    /// A chart that is to notice odds of `odds_ratio` times the expected, and signals at `limit` (above 0; the higher,
    /// the later and the seldomer by chance). `None` where either is outside its range.
    pub fn new(odds_ratio: f64, limit: f64) -> Option<Cusum> {
        let usable = odds_ratio.is_finite() && odds_ratio > 0.0 && limit.is_finite() && limit > 0.0;
        usable.then_some(Cusum { odds_ratio, limit })
    }

    /// The chart over outcomes in the order in which they happened, each with the patient's risk of the event. An outcome
    /// whose risk is no probability changes nothing and has no point.
    pub fn chart(&self, outcomes: impl IntoIterator<Item = (f64, bool)>) -> Vec<Point> {
        let weights = outcomes.into_iter().filter_map(|(risk, event)| weight(risk, self.odds_ratio, event));
        let mut sum = 0.0;
        weights
            .map(|weight| {
                let value = f64::max(0.0, sum + weight);
                let signals = value >= self.limit;
                sum = if signals { 0.0 } else { value };
                Point { value, signals }
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The risk of death after heart surgery by the Parsonnet score, as Steiner and others fitted it.
    fn risk(intercept: f64, parsonnet: f64) -> f64 {
        1.0 / (1.0 + (-(intercept + 0.077 * parsonnet)).exp())
    }

    fn rounded(number: f64, places: i32) -> f64 {
        let scale = 10_f64.powi(places);
        (number * scale).round() / scale
    }

    #[test]
    fn the_weights_are_those_that_were_published() {
        // Steiner et al. 2000, p. 446: -0.024, 0.67, -0.43, 0.26; Steiner 2014 (Statistics in Action, p. 234) has three
        // places, and the weights of an improvement. Parsonnet scores 0 and 50.
        for (parsonnet, died, doubled, halved) in [
            (0.0, false, -0.024, 0.012),
            (0.0, true, 0.669, -0.681),
            (50.0, false, -0.433, 0.316),
            (50.0, true, 0.260, -0.377),
        ] {
            for (odds_ratio, published) in [(2.0, doubled), (0.5, halved)] {
                let weight = weight(risk(-3.68, parsonnet), odds_ratio, died).unwrap();
                assert!(
                    (rounded(weight, 3) - published).abs() < 1e-9,
                    "{parsonnet} {died} {odds_ratio}: {weight}"
                );
            }
        }
    }

    #[test]
    fn the_first_patient_of_the_published_chart_moves_it_as_printed() {
        // Rigdon and Fricker 2015, p. 225: a patient of Parsonnet score 19 survives; the chart for worse stays at 0, the
        // one for better rises to 0.05083.
        let survives = [(risk(-3.67, 19.0), false)];
        let chart = |odds_ratio| Cusum::new(odds_ratio, 4.5).unwrap().chart(survives);
        assert_eq!(chart(2.0), [Point { value: 0.0, signals: false }]);
        assert!((rounded(chart(0.5)[0].value, 5) - 0.05083).abs() < 1e-9, "{:?}", chart(0.5));
    }

    #[test]
    fn it_signals_at_the_limit_and_begins_anew() {
        // Of a risk of one half, odds twice as high: an event weighs ln(4/3), none ln(2/3).
        let (event, none) = ((4.0_f64 / 3.0).ln(), (2.0_f64 / 3.0).ln());
        let chart = Cusum::new(2.0, 0.5).unwrap().chart([
            (0.5, false),
            (0.5, true),
            (0.5, true),
            (0.5, true),
            (f64::NAN, true),
            (0.5, false),
        ]);
        let sums: Vec<f64> = chart.iter().map(|point| rounded(point.value, 9)).collect();
        assert_eq!(sums, [0.0, event, 2.0 * event, event, 0.0].map(|sum| rounded(sum, 9)));
        assert_eq!(
            chart.iter().map(|point| point.signals).collect::<Vec<_>>(),
            [false, false, true, false, false]
        );
        assert!(event + none < 0.0);
    }

    #[test]
    fn what_is_no_probability_or_no_ratio_has_no_weight() {
        for (risk, odds_ratio) in
            [(-0.1, 2.0), (1.1, 2.0), (f64::NAN, 2.0), (0.5, 0.0), (0.5, -1.0), (0.5, f64::NAN)]
        {
            assert_eq!(weight(risk, odds_ratio, true), None, "{risk} {odds_ratio}");
        }
        assert_eq!(Cusum::new(2.0, 0.0), None);
        assert_eq!(Cusum::new(f64::INFINITY, 1.0), None);
    }

    proptest! {
        #[test]
        fn weights_are_the_log_of_the_ratio_of_likelihoods(risk in 0.001..0.999_f64, odds_ratio in 0.1..10.0_f64) {
            let odds = odds_ratio * risk / (1.0 - risk);
            let other = odds / (1.0 + odds);
            let event = (other / risk).ln();
            let none = ((1.0 - other) / (1.0 - risk)).ln();
            prop_assert!((weight(risk, odds_ratio, true).unwrap() - event).abs() < 1e-9);
            prop_assert!((weight(risk, odds_ratio, false).unwrap() - none).abs() < 1e-9);
            // where patients do as expected, a weight is below zero on average
            prop_assert!(risk * event + (1.0 - risk) * none <= 1e-12);
        }
    }
}
