//! Control limits of a funnel plot of proportions, after Spiegelhalter (Statistics in Medicine 2005;24:1185-1202,
//! appendix A.1.1): exact binomial limits, with a straight line between the steps so that they form a funnel.

/// Between these a share lies, if its true value is the target, but for the tail on either side.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limits {
    /// The lower one, 0 to 1.
    pub lower: f64,
    /// The upper one, 0 to 1.
    pub upper: f64,
}

/// The limits around `target` (0 to 1, both excluded) of a share of `n` patients (at least 1) that chance passes with
/// probability `tail` on each side (above 0, at most 0.5): 0.025 for the usual "95 %" limits, 0.001 for "99.8 %".
/// `None` where any is outside its range.
///
/// With R binomial of n and the target, and r the least number for which P(R <= r) exceeds a probability p, the limit at
/// p is (r - (P(R <= r) - p) / P(R = r)) / n, cut off at 0 and 1. Shares come in steps of 1 / n: the first step beyond the
/// upper limit may have a little more than `tail`, whole steps beyond it have less.
pub fn funnel_limits(target: f64, n: u32, tail: f64) -> Option<Limits> {
    let usable = target > 0.0 && target < 1.0 && n > 0 && tail > 0.0 && tail <= 0.5;
    usable.then(|| Limits { lower: limit(target, n, tail), upper: limit(target, n, 1.0 - tail) })
}

/// Where a group lies against what chance alone gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// So few are rarer than the tail.
    Below,
    /// Chance explains it.
    Within,
    /// So many are rarer than the tail.
    Above,
}

/// Whether chance alone gives as few as `events` of `n` patients, or as many, with a probability of at most `tail`. Near
/// the limits this is stricter than the line between the steps, and never calls out more than the tail. `None` as for
/// [`funnel_limits`], and where there are more events than patients.
pub fn funnel_place(target: f64, n: u32, events: u32, tail: f64) -> Option<Place> {
    funnel_limits(target, n, tail).filter(|_| events <= n)?;
    let mass = masses(target, n);
    let as_few: f64 = (0..=events).map(&mass).sum();
    let as_many: f64 = (events..=n).map(&mass).sum();
    Some(match (as_few <= tail, as_many <= tail) {
        (true, _) => Place::Below,
        (_, true) => Place::Above,
        _ => Place::Within,
    })
}

/// The probability of so many events among `n`.
fn masses(target: f64, n: u32) -> impl Fn(u32) -> f64 {
    let (size, odds) = (f64::from(n), libm::log(target) - libm::log1p(-target));
    let whole = libm::lgamma(size + 1.0) + size * libm::log1p(-target);
    move |r| {
        let (events, others) = (f64::from(r), size - f64::from(r));
        libm::exp(whole - libm::lgamma(events + 1.0) - libm::lgamma(others + 1.0) + events * odds)
    }
}

fn limit(target: f64, n: u32, p: f64) -> f64 {
    let (size, mass) = (f64::from(n), masses(target, n));
    let mut below = 0.0;
    for r in 0..n {
        let here = mass(r);
        if below + here > p {
            return ((f64::from(r) - (below + here - p) / here) / size).max(0.0);
        }
        below += here;
    }
    // All that is left of the probability is that of n events.
    let here = mass(n);
    ((size - (1.0 - p).min(here) / here) / size).clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn near(one: f64, other: f64) -> bool {
        (one - other).abs() < 1e-9
    }

    #[test]
    fn small_groups_can_be_reckoned_by_hand() {
        // Two patients, target one half: P(R <= 0, 1, 2) = 1/4, 3/4, 1. At 0.975: r = 2, (1 - 0.975) / 0.5^2 = 0.1.
        let two = funnel_limits(0.5, 2, 0.025).unwrap();
        assert!(near(two.upper, (2.0 - 0.1) / 2.0) && near(two.lower, 0.0), "{two:?}");
        // Five, target 0.2: P(R = 0..) = 0.32768, 0.4096, 0.2048, 0.0512, 0.0064, 0.00032. At 0.9: r = 2 with
        // P(R <= 2) = 0.94208; at 0.1 nothing is below r = 0.
        let five = funnel_limits(0.2, 5, 0.1).unwrap();
        assert!(
            near(five.upper, (2.0 - (0.94208 - 0.9) / 0.2048) / 5.0) && near(five.lower, 0.0),
            "{five:?}"
        );
        // Ten, target one half: P(R <= 1) = 11/1024, P(R <= 2) = 56/1024; at 0.025: r = 2.
        let ten = funnel_limits(0.5, 10, 0.025).unwrap();
        let step = (56.0 / 1024.0 - 0.025) / (45.0 / 1024.0);
        assert!(near(ten.lower, (2.0 - step) / 10.0), "{ten:?}");
    }

    #[test]
    fn who_is_called_out_is_rarer_than_the_tail() {
        // One of one, where four in ten are: the line between the steps lies below it, chance does not.
        assert!(funnel_limits(0.4, 1, 0.025).unwrap().upper < 1.0);
        assert_eq!(funnel_place(0.4, 1, 1, 0.025), Some(Place::Within));
        // Ten, target one half: P(R <= 1) = P(R >= 9) = 11 / 1024, P(R <= 2) = 56 / 1024.
        let places = [1, 2, 8, 9].map(|events| funnel_place(0.5, 10, events, 0.025).unwrap());
        assert_eq!(places, [Place::Below, Place::Within, Place::Within, Place::Above]);
        assert_eq!(funnel_place(0.5, 10, 11, 0.025), None);
        assert_eq!(funnel_place(0.0, 10, 1, 0.025), None);
    }

    #[test]
    fn large_groups_come_near_the_normal_limits() {
        let limits = funnel_limits(0.1, 40_000, 0.025).unwrap();
        let half_width = 1.959_963_985 * (0.1_f64 * 0.9 / 40_000.0).sqrt();
        assert!((limits.upper - 0.1 - half_width).abs() < 2e-5, "{limits:?}");
        assert!((0.1 - limits.lower - half_width).abs() < 2e-5, "{limits:?}");
    }

    #[test]
    fn what_is_outside_its_range_has_no_limits() {
        for (target, n, tail) in
            [(0.0, 9, 0.1), (1.0, 9, 0.1), (f64::NAN, 9, 0.1), (0.3, 0, 0.1), (0.3, 9, 0.0), (0.3, 9, 0.6)]
        {
            assert_eq!(funnel_limits(target, n, tail), None, "{target} {n} {tail}");
        }
    }

    proptest! {
        #[test]
        fn the_limits_hold_the_target_and_their_tails(target in 0.02..0.98_f64, n in 1..400_u32, tail in 0.001..0.4_f64) {
            let limits = funnel_limits(target, n, tail).unwrap();
            prop_assert!(0.0 <= limits.lower && limits.lower <= limits.upper && limits.upper <= 1.0, "{limits:?}");
            // Below the lower limit, and a step beyond the upper one, lies no more than the tail. The binomial by its
            // recurrence.
            let mut here = (1.0 - target).powi(i32::try_from(n).unwrap());
            prop_assume!(here > 0.0);
            let (mut low, mut high) = (0.0, 0.0);
            for r in 0..=n {
                let share = f64::from(r) / f64::from(n);
                low += if share < limits.lower { here } else { 0.0 };
                high += if share - 1.0 / f64::from(n) > limits.upper { here } else { 0.0 };
                here *= f64::from(n - r) / f64::from(r + 1) * target / (1.0 - target);
            }
            prop_assert!(low <= tail + 1e-9 && high <= tail + 1e-9, "{low} {high} {limits:?}");
            let places: Vec<_> = (0..=n).map(|r| funnel_place(target, n, r, tail).unwrap()).collect();
            let within = |r: u32| {
                let share = f64::from(r) / f64::from(n);
                limits.lower <= share && share <= limits.upper
            };
            prop_assert!((0..=n).zip(&places).all(|(r, place)| *place == Place::Within || !within(r)));
        }
    }
}
