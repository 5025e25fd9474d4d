//! What curves from elsewhere say of a time since treatment.

use std::sync::Arc;

use super::says::Says;
use crate::documents::{PriorDocument, PriorPoint};
use crate::time::Instant;

/// The curves from elsewhere of one procedure, by the day from which they judge; of one day, by id and version.
#[derive(Clone, Debug, Default)]
pub(super) struct Priors(Vec<Arc<PriorDocument>>);

impl Priors {
    pub(super) fn learn(&mut self, document: &Arc<PriorDocument>) {
        let place = |known: &Arc<PriorDocument>| (known.effective_from, known.id.clone(), known.version);
        if let Err(at) = self.0.binary_search_by_key(&place(document), place) {
            self.0.insert(at, Arc::clone(document));
        }
    }

    /// The newest of a series in force at `at`.
    pub(super) fn in_force(
        &self,
        instrument: &str,
        plan: Option<&str>,
        at: Instant,
    ) -> Option<&PriorDocument> {
        let of_series = |known: &&Arc<PriorDocument>| {
            known.effective_from <= at && (&*known.instrument, known.plan.as_deref()) == (instrument, plan)
        };
        self.0.iter().rfind(of_series).map(|known| &**known)
    }
}

/// What it says `days` after the treatment: straight lines between its points, before the first and after the last what
/// these say, nothing outside its days. n is that of the nearer point, the earlier if both are as near.
pub(super) fn says(document: &PriorDocument, days: f64) -> Option<Says> {
    if !(document.days.0 <= days && days < document.days.1) {
        return None;
    }
    let after = document.points.partition_point(|point| point.day <= days);
    let before = after.checked_sub(1).and_then(|before| document.points.get(before));
    let (one, other) = match (before, document.points.get(after)) {
        (Some(one), Some(other)) => (one, other),
        (Some(alone), None) | (None, Some(alone)) => (alone, alone),
        (None, None) => return None,
    };
    let span = other.day - one.day;
    let share = if span > 0.0 { (days - one.day) / span } else { 0.0 };
    let between = |of: fn(&PriorPoint) -> f64| 100.0 * (of(one) + share * (of(other) - of(one)));
    let sd = between(|point| point.sd);
    let nearer = if share > 0.5 { other } else { one };
    Some(Says {
        mean: between(|point| point.mean),
        variance: Some(sd * sd),
        n: i128::from(nearer.n),
        depth: 0,
    })
}
