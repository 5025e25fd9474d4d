//! Exact counts of indices, and the sums that follow from them.
//!
//! Indices are integers (hundredths of a point), so that a count can be added and taken out again and any order of
//! both ends with the same bits.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// How often each index occurs, in hundredths of a point.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts(BTreeMap<i64, u64>);

/// One of so many is a crowd.
const CROWD: u64 = 10;

/// What was to be taken out is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotThere;

impl Counts {
    /// Counts one index.
    pub fn add(&mut self, index_hundredths: i64) {
        self.add_many(index_hundredths, 1);
    }

    /// Counts one index so many times.
    pub fn add_many(&mut self, index_hundredths: i64, times: u64) {
        if times > 0 {
            *self.0.entry(index_hundredths).or_default() += times;
        }
    }

    /// Takes one index out.
    ///
    /// # Errors
    /// When it was not counted; nothing changes then.
    pub fn take(&mut self, index_hundredths: i64) -> Result<(), NotThere> {
        let count = self.0.get_mut(&index_hundredths).ok_or(NotThere)?;
        *count -= 1;
        if *count == 0 {
            self.0.remove(&index_hundredths);
        }
        Ok(())
    }

    /// Counts what `other` counts.
    pub fn merge(&mut self, other: &Counts) {
        for (index, times) in &other.0 {
            self.add_many(*index, *times);
        }
    }

    /// Whether nothing is counted.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Each index that is counted, in ascending order, and how often.
    pub fn iter(&self) -> impl Iterator<Item = (i64, u64)> {
        self.0.iter().map(|(index, times)| (*index, *times))
    }

    /// Whether a tenth or more have one and the same index.
    pub fn is_crowded(&self) -> bool {
        let n: u64 = self.0.values().sum();
        self.0.values().any(|times| *times > 1 && times.saturating_mul(CROWD) >= n)
    }

    /// n, sum and sum of squares.
    pub fn moments(&self) -> Moments {
        self.0
            .iter()
            .fold(Moments::default(), |moments, (index, times)| moments.plus(*index, i128::from(*times)))
    }

    /// The least index that at least `percent` % of all do not exceed (nearest rank); `None` where nothing is counted.
    pub fn quantile(&self, percent: u32) -> Option<i64> {
        let n: u128 = self.0.values().map(|times| u128::from(*times)).sum();
        let rank = (n * u128::from(percent)).div_ceil(100).max(1);
        let mut below = 0;
        let reached = self.0.iter().find(|(_, times)| {
            below += u128::from(**times);
            below >= rank
        });
        reached.map(|(index, _)| *index)
    }
}

/// n, sum and sum of squares of indices in hundredths of a point, exact.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Moments {
    /// How many.
    pub n: i128,
    /// Their sum.
    pub sum: i128,
    /// The sum of their squares.
    pub squares: i128,
}

impl Moments {
    /// With `times` more of an index; negative: with so many fewer.
    #[must_use]
    pub fn plus(self, index_hundredths: i64, times: i128) -> Moments {
        let index = i128::from(index_hundredths);
        Moments {
            n: self.n + times,
            sum: self.sum + times * index,
            squares: self.squares + times * index * index,
        }
    }

    /// Without those of another, which it holds.
    #[must_use]
    pub fn minus(self, other: Moments) -> Moments {
        Moments { n: self.n - other.n, sum: self.sum - other.sum, squares: self.squares - other.squares }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn counts(indices: &[i64]) -> Counts {
        let mut counts = Counts::default();
        indices.iter().for_each(|index| counts.add(*index));
        counts
    }

    #[test]
    fn quantiles_are_nearest_ranks() {
        let ten = counts(&[10, 20, 30, 40, 50, 60, 70, 80, 90, 100]);
        assert_eq!([5, 25, 50, 75, 95].map(|percent| ten.quantile(percent)), [10, 30, 50, 80, 100].map(Some));
        assert_eq!(counts(&[7]).quantile(5), Some(7));
        assert_eq!(counts(&[]).quantile(50), None);
        // ties: three of four are 100
        assert_eq!(counts(&[-5, 100, 100, 100]).quantile(25), Some(-5));
        assert_eq!(counts(&[-5, 100, 100, 100]).quantile(26), Some(100));
    }

    #[test]
    fn what_is_not_there_cannot_be_taken() {
        let mut some = counts(&[5]);
        assert_eq!(some.take(6), Err(NotThere));
        assert_eq!(some.take(5), Ok(()));
        assert_eq!(some.take(5), Err(NotThere));
        assert!(some.is_empty());
    }

    proptest! {
        #[test]
        fn adding_and_taking_in_any_order_is_the_batch(
            stays in prop::collection::vec(-20_000_i64..60_000, 0..40),
            goes in prop::collection::vec(-20_000_i64..60_000, 0..40),
            seed in any::<u64>(),
        ) {
            let mut steps: Vec<(u64, i64)> = Vec::new();
            for (at, index) in (0_u64..).zip(stays.iter().chain(&goes)) {
                steps.push((xxhash_rust::xxh3::xxh3_64_with_seed(&at.to_le_bytes(), seed), *index));
            }
            steps.sort_unstable();
            let mut one_by_one = Counts::default();
            steps.iter().for_each(|(_, index)| one_by_one.add(*index));
            for index in &goes {
                prop_assert_eq!(one_by_one.take(*index), Ok(()));
            }
            let batch = counts(&stays);
            prop_assert_eq!(&one_by_one, &batch);
            let n = i128::try_from(stays.len()).unwrap();
            let sum: i128 = stays.iter().map(|index| i128::from(*index)).sum();
            let squares: i128 = stays.iter().map(|index| i128::from(*index).pow(2)).sum();
            prop_assert_eq!(batch.moments(), Moments { n, sum, squares });
        }

        #[test]
        fn merging_parts_in_any_order_is_the_whole(
            parts in prop::collection::vec(prop::collection::vec(-500_i64..500, 0..10), 0..6)
        ) {
            let whole = counts(&parts.concat());
            let merged = |parts: &mut dyn Iterator<Item = &Vec<i64>>| {
                let mut merged = Counts::default();
                parts.for_each(|part| merged.merge(&counts(part)));
                merged
            };
            prop_assert_eq!(&merged(&mut parts.iter()), &whole);
            prop_assert_eq!(&merged(&mut parts.iter().rev()), &whole);
        }
    }
}
