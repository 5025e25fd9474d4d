//! Whether an upload says that a patient fell: its scores beside the patient's own, in standard errors of measurement.
//!
//! One index alone lies within the error of its instrument. The instruments of one upload are therefore taken together
//! (Stouffer's method: the sum of n independent standard normal deviations, divided by the square root of n, is again
//! one), and beside what chance makes unlikely the fall must be large enough to matter in at least one of them.

use crate::documents::{Fall, Library, PlanDocument};
use crate::patient::{ScoreChange, ScoreStatus};

use super::series::Level;

/// No instrument says more than this: what it measures in a few steps is not normal far from its mean.
const ERRORS_MAX: f64 = 6.0;

/// What of a score is looked at.
pub(super) type Of = fn(&ScoreChange) -> Option<f64>;

/// What the instruments of an upload say together, in standard errors; `None`: nothing is known of any.
pub(super) fn together<'r>(rows: impl Iterator<Item = &'r ScoreChange>, of: Of) -> Option<f64> {
    let (mut sum, mut n) = (0.0, 0.0);
    for errors in rows.filter(|row| row.status == ScoreStatus::Scored).filter_map(of) {
        sum += errors.clamp(-ERRORS_MAX, ERRORS_MAX);
        n += 1.0;
    }
    (n > 0.0).then(|| sum / libm::sqrt(n))
}

/// How far the score lies below the patient's own level, in smallest changes that matter.
pub(super) fn below_level(library: &Library, plan: &PlanDocument, row: &ScoreChange) -> Option<f64> {
    let document = library.instrument(&row.instrument, Some(row.instrument_version))?;
    let stated = plan.instrument(&row.instrument).and_then(|part| part.mcid);
    let mcid = stated.or_else(|| document.mcid.as_ref().map(|mcid| mcid.value.to_f64()))?;
    Some((document.oriented(row.level?) - document.oriented(row.score?)) / mcid)
}

impl Fall {
    /// Met from so many errors down on, if the fall matters in an instrument; over less than the clear limit down.
    pub(super) fn level(&self, errors: Option<f64>, matters: bool) -> Level {
        match errors {
            Some(errors) if errors <= -self.errors && matters => Level::Met,
            Some(errors) if errors > -self.clear_errors => Level::Clear,
            _ => Level::Between,
        }
    }
}
