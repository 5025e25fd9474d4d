//! What a patient's own earlier responses say of the next one.
//!
//! Every response is first put beside what comparable patients report at its time: its standardised deviation z, whose
//! distribution among them is the standard normal one. Of one patient such deviations hang together, in three parts: a
//! part that lasts (one patient is always a little better off than another), a part that fades (a bad month is followed
//! by another bad month, seldom by a bad year), and the noise of a single response. Given the earlier ones, the next is
//! again normal, with a mean drawn towards them and a smaller spread: the conditional centile of growth charts, in the
//! model for serial measurements that separates these three parts.
//!
//! Sources: T. J. Cole, Conditional reference charts to assess weight gain in British infants, Archives of Disease in
//! Childhood 73 (1995), for one earlier measurement; A. M. Wade and A. E. Ades, Incorporating correlations between
//! measurements into the estimation of age-related reference ranges, Statistics in Medicine 17 (1998), for several;
//! P. J. Diggle, An approach to the analysis of repeated measurements, Biometrics 44 (1988), for the three parts. Since
//! the fading part is a Markov process, the conditional mean and variance come from one pass over the earlier responses
//! (the Kalman filter of two states) instead of a system of equations in all of them.

use serde::{Deserialize, Serialize};

/// How strongly one patient's deviations from the expected hang together: the correlation of two standardised deviations
/// that lie d days apart is lasting + fading * exp(-d / fading_days); the rest (1 - lasting - fading) is the noise of a
/// single response.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Coherence {
    /// The share of the variance that never changes, 0 to 1.
    pub lasting: f64,
    /// The share that fades, 0 to 1; at most 1 together with what lasts.
    pub fading: f64,
    /// The time in which the fading part falls to 1/e, in days (or whatever unit the times are given in); above 0.
    pub fading_days: f64,
}

/// A standardised deviation as it is expected: normal with this mean and standard deviation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Deviation {
    /// Its mean, in standard deviations of the population.
    pub mean: f64,
    /// Its standard deviation, in standard deviations of the population: 1 where nothing is known, never more.
    pub sd: f64,
}

impl Coherence {
    /// Whether all three are within their ranges.
    pub fn is_sound(&self) -> bool {
        let is_share = |share: f64| (0.0..=1.0).contains(&share);
        is_share(self.lasting)
            && is_share(self.fading)
            && self.lasting + self.fading <= 1.0
            && self.fading_days.is_finite()
            && self.fading_days > 0.0
    }

    fn noise(&self) -> f64 {
        (1.0 - self.lasting - self.fading).max(0.0)
    }
}

/// What earlier standardised deviations (days since treatment, z) say of the one at `at_days`. Their order is of no
/// matter, to the last bit; what lies after `at_days` or is no number is passed over. Several of one time are several
/// responses.
pub fn given(coherence: &Coherence, earlier: &[(f64, f64)], at_days: f64) -> Deviation {
    let is_earlier = |(days, z): &(f64, f64)| z.is_finite() && *days <= at_days;
    let mut earlier: Vec<(f64, f64)> = earlier.iter().copied().filter(is_earlier).collect();
    earlier.sort_unstable_by(|(one, z), (other, other_z)| one.total_cmp(other).then(z.total_cmp(other_z)));
    let mut course = Course::of(coherence);
    earlier.into_iter().for_each(|(days, z)| course.observe(days, z));
    course.expect(at_days)
}

/// One patient's course, response by response in order of time: [`given`] without going through the earlier ones again.
#[derive(Clone, Debug)]
pub struct Course<'c> {
    coherence: &'c Coherence,
    known: Known,
    now_days: Option<f64>,
}

impl<'c> Course<'c> {
    /// The course of a patient of whom nothing is known.
    pub fn of(coherence: &'c Coherence) -> Course<'c> {
        Course { coherence, known: Known::nothing(coherence), now_days: None }
    }

    /// Takes a response in, which is not earlier than the last one.
    pub fn observe(&mut self, days: f64, z: f64) {
        self.known.pass(self.coherence, self.days_to(days));
        self.known.observe(z, self.coherence.noise());
        self.now_days = Some(days);
    }

    /// What all responses so far say of the one at `at_days`, which is not before the last.
    pub fn expect(&self, at_days: f64) -> Deviation {
        let mut known = self.known.clone();
        known.pass(self.coherence, self.days_to(at_days));
        let variance = known.variance() + self.coherence.noise();
        Deviation { mean: known.lasting + known.fading, sd: libm::sqrt(variance.clamp(0.0, 1.0)) }
    }

    fn days_to(&self, days: f64) -> f64 {
        self.now_days.map_or(0.0, |now| days - now)
    }
}

/// What is known of the two parts that responses share: their means and covariances.
#[derive(Clone, Debug)]
struct Known {
    lasting: f64,
    fading: f64,
    lasting_variance: f64,
    covariance: f64,
    fading_variance: f64,
}

/// A response whose variance, given the earlier ones, is below this says nothing that is not known.
const VARIANCE_MIN: f64 = 1e-12;

impl Known {
    fn nothing(coherence: &Coherence) -> Known {
        Known {
            lasting: 0.0,
            fading: 0.0,
            lasting_variance: coherence.lasting,
            covariance: 0.0,
            fading_variance: coherence.fading,
        }
    }

    /// Of both parts together.
    fn variance(&self) -> f64 {
        self.lasting_variance + 2.0 * self.covariance + self.fading_variance
    }

    /// Lets the fading part fade; what is not known of it any more returns to its share of the population.
    fn pass(&mut self, coherence: &Coherence, days: f64) {
        let stays = libm::exp(-days / coherence.fading_days);
        self.fading *= stays;
        self.covariance *= stays;
        self.fading_variance = coherence.fading + stays * stays * (self.fading_variance - coherence.fading);
    }

    fn observe(&mut self, z: f64, noise: f64) {
        let lasting_with = self.lasting_variance + self.covariance;
        let fading_with = self.covariance + self.fading_variance;
        let variance = lasting_with + fading_with + noise;
        if variance < VARIANCE_MIN {
            return;
        }
        let surprise = (z - self.lasting - self.fading) / variance;
        self.lasting += lasting_with * surprise;
        self.fading += fading_with * surprise;
        self.lasting_variance -= lasting_with * lasting_with / variance;
        self.covariance -= lasting_with * fading_with / variance;
        self.fading_variance -= fading_with * fading_with / variance;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SOME: Coherence = Coherence { lasting: 0.4, fading: 0.3, fading_days: 60.0 };

    fn near(one: f64, other: f64) -> bool {
        (one - other).abs() < 1e-9
    }

    /// The same by solving the equations of all covariances (Gauss: positive definite, so that no pivot is looked for).
    fn solved(coherence: &Coherence, earlier: &[(f64, f64)], at_days: f64) -> Deviation {
        let shared = |one: f64, other: f64| {
            coherence.lasting + coherence.fading * (-(one - other).abs() / coherence.fading_days).exp()
        };
        let size = earlier.len();
        let mut rows: Vec<Vec<f64>> = earlier
            .iter()
            .enumerate()
            .map(|(at, (days, z))| {
                let mut row: Vec<f64> = earlier.iter().map(|(other, _)| shared(*days, *other)).collect();
                row[at] = 1.0;
                row.extend([shared(*days, at_days), *z]);
                row
            })
            .collect();
        for column in 0..size {
            let (above, below) = rows.split_at_mut(column + 1);
            for row in below {
                let factor = row[column] / above[column][column];
                row.iter_mut().zip(&above[column]).for_each(|(cell, pivot)| *cell -= factor * pivot);
            }
        }
        // With L D L' the matrix, rows hold D L', and both right sides are L^-1 of theirs.
        let (mut mean, mut variance) = (0.0, 1.0);
        for (at, row) in rows.iter().enumerate() {
            mean += row[size] * row[size + 1] / row[at];
            variance -= row[size] * row[size] / row[at];
        }
        Deviation { mean, sd: variance.sqrt() }
    }

    #[test]
    fn without_earlier_responses_it_is_the_population() {
        assert_eq!(given(&SOME, &[], 90.0), Deviation { mean: 0.0, sd: 1.0 });
        let later_or_none = [(100.0, 2.0), (10.0, f64::NAN)];
        assert_eq!(given(&SOME, &later_or_none, 90.0), Deviation { mean: 0.0, sd: 1.0 });
    }

    #[test]
    fn what_fades_is_forgotten_and_what_lasts_is_not() {
        let soon = given(&SOME, &[(0.0, 2.0)], 0.0);
        assert!(near(soon.mean, 2.0 * 0.7) && near(soon.sd, (1.0_f64 - 0.49).sqrt()), "{soon:?}");
        let years_later = given(&SOME, &[(0.0, 2.0)], 10_000.0);
        assert!(near(years_later.mean, 2.0 * 0.4) && near(years_later.sd, (1.0_f64 - 0.16).sqrt()));
    }

    #[test]
    fn without_noise_a_response_repeats_itself() {
        let exact = Coherence { lasting: 0.5, fading: 0.5, fading_days: 10.0 };
        let again = given(&exact, &[(5.0, -1.5), (5.0, -1.5)], 5.0);
        assert!(near(again.mean, -1.5) && again.sd < 1e-6, "{again:?}");
    }

    #[test]
    fn shares_beyond_their_range_are_not_sound() {
        assert!(SOME.is_sound());
        for (lasting, fading, fading_days) in [
            (0.6, 0.5, 1.0),
            (-0.1, 0.5, 1.0),
            (0.1, 0.1, 0.0),
            (f64::NAN, 0.1, 1.0),
            (0.1, 0.1, f64::INFINITY),
        ] {
            assert!(!Coherence { lasting, fading, fading_days }.is_sound());
        }
    }

    prop_compose! {
        fn coherence()(shared in 0.0..0.95_f64, lasts in 0.0..1.0_f64, fading_days in 1.0..1_000.0_f64)
            -> Coherence
        {
            Coherence { lasting: shared * lasts, fading: shared * (1.0 - lasts), fading_days }
        }
    }

    fn earlier() -> impl Strategy<Value = Vec<(f64, f64)>> {
        prop::collection::vec((0.0..400.0_f64, -3.0..3.0_f64), 1..9)
    }

    proptest! {
        #[test]
        fn it_is_what_the_equations_of_all_covariances_say(
            coherence in coherence(), earlier in earlier(), later in 0.0..400.0_f64,
        ) {
            let (got, want) = (given(&coherence, &earlier, 400.0 + later), solved(&coherence, &earlier, 400.0 + later));
            prop_assert!((got.mean - want.mean).abs() < 1e-6 && (got.sd - want.sd).abs() < 1e-6, "{got:?} {want:?}");
        }

        #[test]
        fn where_nothing_fades_only_number_and_mean_count(lasting in 0.0..0.99_f64, earlier in earlier()) {
            let coherence = Coherence { lasting, fading: 0.0, fading_days: 1.0 };
            let n = earlier.len() as f64;
            let sum: f64 = earlier.iter().map(|(_, z)| z).sum();
            let got = given(&coherence, &earlier, 500.0);
            // The closed form of equally correlated normal deviations.
            let share = lasting / (1.0 + (n - 1.0) * lasting);
            prop_assert!((got.mean - share * sum).abs() < 1e-9, "{got:?}");
            prop_assert!((got.sd * got.sd - (1.0 - n * lasting * share)).abs() < 1e-9, "{got:?}");
        }

        #[test]
        fn the_order_is_of_no_matter(coherence in coherence(), earlier in earlier(), seed in any::<u64>()) {
            let mut other: Vec<(u64, (f64, f64))> = (0_u64..)
                .zip(&earlier)
                .map(|(at, one)| (xxhash_rust::xxh3::xxh3_64_with_seed(&at.to_le_bytes(), seed), *one))
                .collect();
            other.sort_unstable_by_key(|(key, _)| *key);
            let other: Vec<(f64, f64)> = other.into_iter().map(|(_, one)| one).collect();
            let (one, other) = (given(&coherence, &earlier, 400.0), given(&coherence, &other, 400.0));
            prop_assert_eq!(one.mean.to_bits(), other.mean.to_bits());
            prop_assert_eq!(one.sd.to_bits(), other.sd.to_bits());
        }

        #[test]
        fn a_better_response_never_lowers_it_and_another_one_never_widens_it(
            coherence in coherence(), earlier in earlier(), which in any::<prop::sample::Index>(), by in 0.0..3.0_f64,
            at in 0.0..400.0_f64,
        ) {
            let before = given(&coherence, &earlier, 400.0);
            let mut better = earlier.clone();
            better[which.index(earlier.len())].1 += by;
            let after = given(&coherence, &better, 400.0);
            prop_assert!(after.mean >= before.mean - 1e-9, "{before:?} {after:?}");
            prop_assert!((after.sd - before.sd).abs() < 1e-9);
            let more = [&*earlier, &[(at, 0.0)]].concat();
            prop_assert!(given(&coherence, &more, 400.0).sd <= before.sd + 1e-9);
        }
    }
}
