//! Expected outcome curves: what comparable patients report at the same time since treatment.
//!
//! What a score adds to its cohort never depends on a curve ([`Contribution`]). All contributions up to the end of a
//! period, as exact counts, make an edition ([`build`]), which never changes. A score is judged by the newest edition
//! in force when it was answered, with what its own patient had contributed to that edition taken out exactly
//! ([`Curves::expected`]). A curve from elsewhere ([`Curves::learn_prior`]) is what a procedure borrows from, and what
//! speaks before there is an edition. What the patient's own earlier responses say beyond that: [`personal`].

mod cohort;
mod counts;
mod curves;
mod distribution;
mod edition;
pub mod history;
mod normal;
pub mod personal;
mod prior;
mod says;

use std::sync::Arc;

use crate::time::Instant;

pub use cohort::Cohort;
pub use counts::{Counts, Moments, NotThere};
pub use curves::{Curves, Expected, Learned, Own, Question};
pub use edition::{Bin, CohortCurve, Edition, Leaf, build};

/// The instrument of a composite's row and curve.
pub const COMPOSITE: &str = "composite";

/// Indices beyond it (in hundredths of a point) are no part of a curve: their squares would not stay exact in sums.
const INDEX_HUNDREDTHS_MAX: f64 = 1e7;

/// An index in whole hundredths of a point, half to even; `None` where it is no number or beyond 100,000 points.
pub fn hundredths(index: f64) -> Option<i64> {
    let rounded = libm::rint(index * 100.0);
    #[allow(clippy::cast_possible_truncation, reason = "a whole number of at most seven digits")]
    (rounded.abs() <= INDEX_HUNDREDTHS_MAX).then_some(rounded as i64)
}

/// What one score adds to its cohort or takes from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contribution {
    /// Its number among those of the patient task.
    pub sequence: u64,
    /// It takes out what was added before.
    pub take: bool,
    /// The cohort.
    pub cohort: Arc<Cohort>,
    /// The instrument, or `composite`.
    pub instrument: Arc<str>,
    /// The plan of a composite.
    pub plan: Option<Arc<str>>,
    /// The bin of the time since treatment.
    pub bin: u16,
    /// The index.
    pub index_hundredths: i64,
    /// When the patient answered.
    pub answered_at: Instant,
    /// The episode of the score.
    pub episode_id: Arc<str>,
    /// The upload of the score.
    pub upload_id: Arc<str>,
    /// The tick at which the upload's revision was first accepted.
    pub stored_at: Instant,
}

impl Contribution {
    /// The score's id, `{episode}/{upload}/{instrument}`.
    pub fn score_id(&self) -> String {
        [&*self.episode_id, &*self.upload_id, &*self.instrument].join("/")
    }
}

#[cfg(test)]
mod tests {
    use super::hundredths;

    #[test]
    fn halves_go_to_the_even_hundredth() {
        for (index, expected) in [(129.8, 12_980), (0.125, 12), (0.375, 38), (-0.125, -12), (-3.0, -300)] {
            assert_eq!(hundredths(index), Some(expected), "{index}");
        }
        for index in [f64::NAN, f64::INFINITY, 100_000.1, -1e300] {
            assert_eq!(hundredths(index), None, "{index}");
        }
    }
}
