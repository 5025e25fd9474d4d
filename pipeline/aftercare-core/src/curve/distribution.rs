//! How a score is spread among comparable patients at one time: from exact counts to quantiles.
//!
//! A distribution is the share of responses at or below each value that was counted. Of n responses the r-th stands for
//! the share r / (n + 1), which is where a further response of the same kind falls on average: so that as many patients
//! lie outside a band as it says, not only among those of whom it was made. Shares are kept as deviations of the normal
//! distribution, in which neighbouring bins of time are mixed: where a score only moves or widens from one bin to the
//! next, what lies between is exactly the distribution moved or widened by so much, and where many report the same value
//! (the ceiling of a scale), they stay there.

use super::counts::Counts;
use super::normal::{share, z_of};

/// Values in ascending order, each with the share at or below it, as a normal deviation. Values are lattice steps.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Distribution {
    points: Vec<(f64, f64)>,
    /// The share of one response.
    one: f64,
    /// The standard deviation, in lattice steps: how the share goes on beyond the values that were counted.
    scale: f64,
    mean: f64,
    /// Many have one and the same value.
    is_crowded: bool,
}

/// Means farther apart than so many standard deviations are far apart.
const FAR: f64 = 0.5;

impl Distribution {
    /// The distribution of a cohort that borrows from nobody; `None` where nothing is counted.
    pub(super) fn of(counts: &Counts) -> Option<Distribution> {
        let n: u64 = counts.iter().map(|(_, times)| times).sum();
        let one = 1.0 / (n as f64 + 1.0);
        let mut below = 0;
        let points = counts.iter().map(|(value, times)| {
            below += times;
            (value as f64, z_of(below as f64 * one))
        });
        let points: Vec<(f64, f64)> = points.collect();
        let moments = counts.moments();
        let squares = moments.n * moments.squares - moments.sum * moments.sum;
        let scale = libm::sqrt(squares as f64) / n as f64;
        let mean = moments.sum as f64 / n as f64;
        (n > 0).then_some(Distribution { points, one, scale, mean, is_crowded: counts.is_crowded() })
    }

    /// The distribution of a cohort within this one, of which `prior_n` responses are mixed in.
    #[must_use]
    pub(super) fn narrowed(&self, counts: &Counts, prior_n: u32) -> Distribution {
        let prior = f64::from(prior_n);
        let n: u64 = counts.iter().map(|(_, times)| times).sum();
        // Where nothing is borrowed, it is the positions r / (n + 1) of its own.
        let one = 1.0 / (n as f64 + prior.max(1.0));
        let mut own = counts.iter().peekable();
        let mut below = 0;
        let points = self.points.iter().map(|(value, z)| {
            while let Some((_, times)) = own.next_if(|(own, _)| *own as f64 <= *value) {
                below += times;
            }
            (*value, z_of((below as f64 + prior * share(*z)) * one))
        });
        let points = points.collect();
        let mean = (counts.moments().sum as f64 + prior * self.mean) / (n as f64 + prior);
        Distribution { points, one, scale: self.scale, mean, is_crowded: self.is_crowded }
    }

    /// What lies between this one and another, `way` (0 to 1) of the way. Where their means lie far apart, both are
    /// first moved to the mean between them; but not where many have one and the same value, which would be moved too.
    #[must_use]
    pub(super) fn towards(&self, other: &Distribution, way: f64) -> Distribution {
        let mix = |one: f64, other: f64| one + way * (other - one);
        let mean = mix(self.mean, other.mean);
        let is_far = (self.mean - other.mean).abs() > FAR * self.scale.min(other.scale);
        let is_moved = is_far && !self.is_crowded && !other.is_crowded;
        let moved = |one: &Distribution| if is_moved { mean - one.mean } else { 0.0 };
        let (here, there) = (moved(self), moved(other));
        let (mut own, mut others) = (self.points.as_slice(), other.points.as_slice());
        let mut points = Vec::with_capacity(own.len() + others.len());
        loop {
            let next = |points: &[(f64, f64)], moved: f64| points.first().map(|(value, _)| value + moved);
            let (one, another) = (next(own, here), next(others, there));
            let Some(value) = one.into_iter().chain(another).reduce(f64::min) else { break };
            own = past(own, here, value);
            others = past(others, there, value);
            let z = mix(self.z_after(own, value - here), other.z_after(others, value - there));
            points.push((value, z));
        }
        Distribution {
            points,
            one: mix(self.one, other.one),
            scale: mix(self.scale, other.scale),
            mean,
            is_crowded: self.is_crowded || other.is_crowded,
        }
    }

    /// The share at or below a value, as a normal deviation; `later` are the points after it.
    fn z_after(&self, later: &[(f64, f64)], value: f64) -> f64 {
        let Some((last, z)) =
            self.points.len().checked_sub(later.len() + 1).and_then(|at| self.points.get(at))
        else {
            let first = self.points.first().map_or(value, |(first, _)| *first);
            return self.beyond(z_of(self.one / 2.0), value - first);
        };
        if later.is_empty() { self.beyond(*z, value - last) } else { *z }
    }

    fn beyond(&self, z: f64, distance: f64) -> f64 {
        let moved = if distance.abs() > 0.0 { z + distance / self.scale } else { z };
        moved.clamp(-8.0, 8.0)
    }

    /// The value below which a share lies: at most that share is less than it, at least that share is not more. Where one
    /// response more or less would make it the next value, it lies between the two. Nearer to 0 or 1 than one response
    /// it goes on as a normal distribution does, unless several have the least or the greatest value counted.
    pub(super) fn quantile(&self, at: f64) -> f64 {
        let found = self.points.partition_point(|(_, z)| share(*z) < at);
        let Some((value, not_more)) = self.point(Some(found)) else { return self.last_quantile(at) };
        let before = found.checked_sub(1);
        let less = self.up_to(before);
        let first = self.one.min(not_more - less);
        match self.point(before) {
            Some((below, _)) if at < less + first => {
                // Several responses with one value end in the middle of the way to the next one.
                let lower = self.up_to(before.and_then(|at| at.checked_sub(1)));
                let passed = if self.are_several(lower, less) { 0.5 } else { 0.0 };
                return below + (passed + (1.0 - passed) * (at - less) / first) * (value - below);
            }
            None if !self.are_several(less, not_more) => return self.beyond_point(value, not_more, at),
            _ => {}
        }
        let last = self.one.min((not_more - less) / 2.0);
        match self.point(Some(found + 1)) {
            Some((next, _)) if self.are_several(less, not_more) && at > not_more - last => {
                value + 0.5 * (at - not_more + last) / last * (next - value)
            }
            _ => value,
        }
    }

    /// The value of a share beyond the last point.
    fn last_quantile(&self, at: f64) -> f64 {
        let last = self.points.len().checked_sub(1);
        let Some((value, not_more)) = self.point(last) else { return f64::NAN };
        let less = self.up_to(last.and_then(|at| at.checked_sub(1)));
        if self.are_several(less, not_more) { value } else { self.beyond_point(value, not_more, at) }
    }

    /// The value of a share beyond a point at the end.
    fn beyond_point(&self, value: f64, to_there: f64, at: f64) -> f64 {
        value + self.scale * (z_of(at) - z_of(to_there))
    }

    /// A point with its share.
    fn point(&self, at: Option<usize>) -> Option<(f64, f64)> {
        self.points.get(at?).map(|(value, z)| (*value, share(*z)))
    }

    /// The share up to a point.
    fn up_to(&self, at: Option<usize>) -> f64 {
        self.point(at).map_or(0.0, |(_, share)| share)
    }

    fn are_several(&self, less: f64, not_more: f64) -> bool {
        not_more - less > 1.5 * self.one
    }

    /// How far a value deviates: the normal deviation of its mid-rank, so that those who report the same deviate by the
    /// same and the mean of all is 0.
    pub(super) fn deviation_of(&self, value: f64) -> f64 {
        let less = self.points.partition_point(|(point, _)| *point < value);
        let not_more = self.points.partition_point(|(point, _)| *point <= value);
        let [less, not_more] = [less, not_more].map(|end| self.up_to(end.checked_sub(1)));
        z_of(((less + not_more + self.one) / 2.0).clamp(self.one / 2.0, 1.0 - self.one / 2.0))
    }

    /// Mean and standard deviation of those of whose deviations `share_below` lie below one.
    pub(super) fn moments_given(&self, share_below: impl Fn(f64) -> f64) -> (f64, f64) {
        let first = self.points.first().map_or(0.0, |(value, _)| *value);
        let (mut before, mut mean, mut squares) = (0.0, 0.0, 0.0);
        for (at, (value, z)) in self.points.iter().enumerate() {
            let is_last = at + 1 == self.points.len();
            let up_to = if is_last { 1.0 } else { share_below(z_of(share(*z) + self.one / 2.0)) };
            let (weight, apart) = (up_to - before, value - first);
            mean += weight * apart;
            squares += weight * apart * apart;
            before = up_to;
        }
        (first + mean, libm::sqrt((squares - mean * mean).max(0.0)))
    }
}

/// The points, `moved`, that come after a value.
fn past(points: &[(f64, f64)], moved: f64, value: f64) -> &[(f64, f64)] {
    let past = points.iter().take_while(|(point, _)| point + moved <= value).count();
    points.get(past..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(steps: &[i64]) -> Distribution {
        let mut counts = Counts::default();
        steps.iter().for_each(|step| counts.add(*step));
        Distribution::of(&counts).unwrap()
    }

    fn near(one: f64, other: f64) -> bool {
        (one - other).abs() < 1e-9
    }

    #[test]
    fn of_nine_responses_the_first_stands_for_a_tenth() {
        let nine = of(&[10, 20, 30, 40, 50, 60, 70, 80, 90]);
        for (at, value) in [(0.1, 10.0), (0.25, 25.0), (0.5, 50.0), (0.9, 90.0)] {
            assert!(near(nine.quantile(at), value), "{at}: {}", nine.quantile(at));
        }
        // Beyond it goes on as the normal distribution with their standard deviation does.
        let sd = libm::sqrt(6_000.0 / 9.0);
        assert!(near(nine.quantile(0.025), 10.0 + sd * (z_of(0.025) - z_of(0.1))));
        assert!(near(nine.quantile(0.975), 90.0 + sd * (z_of(0.975) - z_of(0.9))));
        assert!(near(share(nine.deviation_of(50.0)), 0.5));
        assert!(near(share(nine.deviation_of(55.0)), 0.55));
        assert!(near(share(nine.deviation_of(-1e9)), 0.05) && near(share(nine.deviation_of(1e9)), 0.95));
    }

    #[test]
    fn what_many_report_stays_their_value() {
        // 40 of 99 are at the ceiling of 100.
        let steps: Vec<i64> = (41..100).chain(std::iter::repeat_n(100, 40)).collect();
        let ceiling = of(&steps);
        for at in [0.62, 0.75, 0.9, 0.99] {
            assert!(near(ceiling.quantile(at), 100.0), "{at}");
        }
        // Mid-rank: 59 below, 40 the same.
        assert!(near(share(ceiling.deviation_of(100.0)), (59.0 + 99.0 + 1.0) / 200.0));
        // Where one response more or less decides, it lies between.
        let two = of(&[1, 1, 1, 1, 2, 2, 2, 2, 2]);
        assert!(near(two.quantile(0.4), 1.5) && near(two.quantile(0.3), 1.0) && near(two.quantile(0.5), 2.0));
    }

    #[test]
    fn a_narrow_cohort_borrows_responses_of_the_one_above() {
        let above = of(&[1, 2, 3, 4]);
        let mut own = Counts::default();
        own.add(2);
        own.add(2);
        let narrowed = above.narrowed(&own, 3);
        // Of 2 own and 3 borrowed ones: (0 + 3/5)/5, (2 + 6/5)/5, (2 + 9/5)/5, (2 + 12/5)/5.
        let shares: Vec<f64> = narrowed.points.iter().map(|(_, z)| share(*z)).collect();
        for (got, want) in shares.iter().zip([0.12, 0.64, 0.76, 0.88]) {
            assert!(near(*got, want), "{shares:?}");
        }
    }

    #[test]
    fn half_way_to_a_moved_one_it_has_moved_by_half() {
        let here: Vec<i64> = (0..200).map(|at| at * at).collect();
        let there: Vec<i64> = here.iter().map(|step| step + 30_000).collect();
        let (here, there) = (of(&here), of(&there));
        let between = here.towards(&there, 0.5);
        for at in [0.1, 0.3, 0.5, 0.9] {
            let moved = between.quantile(at) - here.quantile(at);
            assert!((moved - 15_000.0).abs() < 1e-6, "{at}: {moved}");
        }
        assert!(near(here.towards(&there, 0.0).quantile(0.3), here.quantile(0.3)));
    }

    proptest! {
        #[test]
        fn quantiles_ascend_and_part_the_responses(
            steps in prop::collection::vec(-50..50_i64, 1..80), at in 0.01..0.99_f64, by in 0.0..0.2_f64,
        ) {
            let some = of(&steps);
            let quantile = some.quantile(at);
            prop_assert!(quantile <= some.quantile((at + by).min(0.995)) + 1e-9);
            let n = steps.len() as f64;
            let less = steps.iter().filter(|step| (**step as f64) < quantile - 1e-9).count() as f64;
            let not_more = steps.iter().filter(|step| (**step as f64) <= quantile + 1e-9).count() as f64;
            // One response more or less may decide.
            prop_assert!(less <= at * (n + 1.0) + 1.0 + 1e-9, "{less} of {n} below {at}");
            prop_assert!(not_more >= (at * (n + 1.0)).min(n) - 1.0 - 1e-9, "{not_more} of {n} up to {at}");
        }

        #[test]
        fn between_two_everything_ascends(
            here in prop::collection::vec(-50..50_i64, 1..40), there in prop::collection::vec(0..200_i64, 1..40),
            way in 0.0..1.0_f64,
        ) {
            let between = of(&here).towards(&of(&there), way);
            prop_assert!(between.points.is_sorted_by(|one, next| one.0 < next.0 && one.1 <= next.1));
            let (mean, sd) = between.moments_given(share);
            prop_assert!(mean.is_finite() && sd >= 0.0);
        }
    }
}
