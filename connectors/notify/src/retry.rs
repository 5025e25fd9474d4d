//! When a failed delivery is tried again.

use xxhash_rust::xxh3::xxh3_64_with_seed;

/// How a delivery is repeated. All times in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retry {
    /// The wait after the first failure is between half of this and this; it doubles with each further one ...
    pub delay_ms_first: u64,
    /// ... up to this, which also bounds a wait that the receiver asks for.
    pub delay_ms_max: u64,
    /// No try begins later than this after the first.
    pub give_up_ms: u64,
}

impl Default for Retry {
    fn default() -> Self {
        Self { delay_ms_first: 500, delay_ms_max: 60_000, give_up_ms: 15 * 60_000 }
    }
}

impl Retry {
    /// The wait before the next try after `failures` of them (from 1), `elapsed_ms` after the first began; `None`: give
    /// up. The receiver's own wish counts where it is longer. What seems random is a function of `seed` and `message`,
    /// so that many deliveries that failed together do not come back together.
    #[must_use]
    pub fn delay_ms(
        &self,
        failures: u32,
        elapsed_ms: u64,
        asked_ms: Option<u64>,
        seed: u64,
        message: &str,
    ) -> Option<u64> {
        let doubled = self.delay_ms_first.saturating_mul(1 << failures.saturating_sub(1).min(32));
        let most = doubled.min(self.delay_ms_max);
        let chance = xxh3_64_with_seed(message.as_bytes(), seed.wrapping_add(u64::from(failures)));
        let own = most - chance % (most / 2 + 1);
        let delay = own.max(asked_ms.unwrap_or(0).min(self.delay_ms_max));
        (elapsed_ms.saturating_add(delay) <= self.give_up_ms).then_some(delay)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RETRY: Retry = Retry { delay_ms_first: 100, delay_ms_max: 1_000, give_up_ms: 5_000 };

    #[test]
    fn waits_double_up_to_a_bound_and_scatter() {
        for (failures, most) in [(1, 100), (2, 200), (3, 400), (4, 800), (5, 1_000), (40, 1_000)] {
            let delays: Vec<_> =
                (0..64).map(|seed| RETRY.delay_ms(failures, 0, None, seed, "a/0").unwrap()).collect();
            assert!(delays.iter().all(|delay| (most / 2..=most).contains(delay)), "{failures}: {delays:?}");
            assert!(delays.iter().collect::<std::collections::BTreeSet<_>>().len() > 16, "{delays:?}");
        }
        assert_eq!(RETRY.delay_ms(3, 0, None, 7, "a/0"), RETRY.delay_ms(3, 0, None, 7, "a/0"));
    }

    #[test]
    fn the_receivers_wish_counts_within_the_bound() {
        assert_eq!(RETRY.delay_ms(1, 0, Some(700), 1, "a/0"), Some(700));
        assert_eq!(RETRY.delay_ms(1, 0, Some(99_999), 1, "a/0"), Some(1_000));
        assert!(RETRY.delay_ms(1, 0, Some(1), 1, "a/0").unwrap() >= 50);
    }

    #[test]
    fn it_ends() {
        assert_eq!(RETRY.delay_ms(9, 4_500, None, 1, "a/0"), None);
        assert!(RETRY.delay_ms(9, 4_000, None, 1, "a/0").is_some());
    }
}
