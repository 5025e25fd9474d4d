//! Random numbers that are the same everywhere: xoshiro256** seeded through SplitMix64, both fixed algorithms.

/// A generator. Each purpose has its own, named by its labels, so that no draw can shift another.
#[derive(Clone, Debug)]
pub struct Rng([u64; 4]);

fn split_mix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

impl Rng {
    /// The generator of a seed for the purpose that `labels` name.
    #[must_use]
    pub fn new(seed: u64, labels: &[u64]) -> Self {
        let mut state = seed;
        for label in labels {
            state = split_mix(&mut state) ^ label.wrapping_mul(0xd6e8_feb8_6659_fd93);
        }
        Self(std::array::from_fn(|_| split_mix(&mut state)))
    }

    /// The next 64 bits.
    pub fn bits(&mut self) -> u64 {
        let s = &mut self.0;
        let out = s[1].wrapping_mul(5).rotate_left(7).wrapping_mul(9);
        let t = s[1] << 17;
        s[2] ^= s[0];
        s[3] ^= s[1];
        s[1] ^= s[2];
        s[0] ^= s[3];
        s[2] ^= t;
        s[3] = s[3].rotate_left(45);
        out
    }

    /// Evenly from 0 to below 1, in steps of 2^-53.
    #[allow(clippy::cast_precision_loss, reason = "53 bits fit a double exactly")]
    pub fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 * (1.0 / 9_007_199_254_740_992.0)
    }

    /// Evenly from `low` to below `high`; `low` where that is empty.
    pub fn between(&mut self, low: i64, high: i64) -> i64 {
        let width = u128::from(high.saturating_sub(low).max(0).unsigned_abs());
        let step = (u128::from(self.bits()) * width) >> 64;
        low + i64::try_from(step).expect("it is below a width that is an i64")
    }

    /// True in so many of 1000 cases.
    pub fn permille(&mut self, cases: u32) -> bool {
        self.between(0, 1000) < i64::from(cases)
    }

    /// One of `choices`, which must not be empty.
    pub fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        let at = (u128::from(self.bits()) * choices.len() as u128) >> 64;
        choices[usize::try_from(at).expect("it is below a length")]
    }

    /// Normal with mean 0 and standard deviation 1 (Box and Muller).
    pub fn normal(&mut self) -> f64 {
        let radius = (-2.0 * libm::log(1.0 - self.unit())).sqrt();
        radius * libm::cos(std::f64::consts::TAU * self.unit())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_are_those_of_the_published_algorithm() {
        // First outputs of SplitMix64 for seed 0, and of xoshiro256** for the state 1, 2, 3, 4.
        let mut state = 0;
        assert_eq!(
            [split_mix(&mut state), split_mix(&mut state)],
            [0xe220_a839_7b1d_cdaf, 0x6e78_9e6a_a1b9_65f4]
        );
        let mut rng = Rng([1, 2, 3, 4]);
        assert_eq!([rng.bits(), rng.bits(), rng.bits()], [11520, 0, 1_509_978_240]);
    }

    #[test]
    fn draws_stay_in_their_bounds_and_spread() {
        let mut rng = Rng::new(7, &[1]);
        let draws: Vec<i64> = (0..1000).map(|_| rng.between(-3, 3)).collect();
        assert!((-3..3).all(|n| draws.contains(&n)) && draws.iter().all(|n| (-3..3).contains(n)));
        assert_eq!(rng.between(5, 5), 5);
        let normals: Vec<f64> = (0..10_000).map(|_| rng.normal()).collect();
        let mean = normals.iter().sum::<f64>() / 10_000.0;
        let variance = normals.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / 9_999.0;
        assert!(mean.abs() < 0.05 && (variance - 1.0).abs() < 0.05);
    }

    #[test]
    fn labels_tell_generators_apart() {
        let first = |seed, labels: &[u64]| Rng::new(seed, labels).bits();
        let all = [
            first(1, &[]),
            first(1, &[0]),
            first(1, &[0, 0]),
            first(1, &[1, 0]),
            first(1, &[0, 1]),
            first(2, &[0]),
        ];
        let distinct: std::collections::BTreeSet<u64> = all.into_iter().collect();
        assert_eq!(distinct.len(), all.len());
    }
}
