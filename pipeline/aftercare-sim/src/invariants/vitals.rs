//! What vital signs add up to, against the reference.

use std::collections::BTreeSet;

use crate::actual::{Actual, ReadingKey};
use crate::reference::{Expected, ExpectedVital};

use super::scores::same;
use super::{Violation, violation};

/// Each NEWS2, day of doses and day against the days before it is what the reference says, and there is no other. What rests
/// on a reading that came too late for its window is left aside.
pub const EVERY_VITAL_EQUALS_REFERENCE: &str = "EveryVitalEqualsReference";

/// Surges are known to the tasks' live windows only, and months of doses follow from their days.
const CHECKED: [&str; 3] = ["news2", "adherence", "baseline"];

pub(super) fn check(expected: &Expected, actual: &Actual) -> Vec<Violation> {
    let Some(vitals) = &actual.vitals else { return Vec::new() };
    let ids: BTreeSet<_> = expected.vitals.keys().chain(vitals.iter().map(|(id, _)| id)).collect();
    let wrong = |id: &String| {
        let (want, have) = (expected.vitals.get(id), vitals.get(id).filter(|have| have.value.is_some()));
        let kind = id.split('/').nth(1).unwrap_or_default();
        let patient = id.split('/').next().unwrap_or_default();
        let what = match (want, have) {
            _ if !CHECKED.contains(&kind) => return None,
            (None, None) => return None,
            (Some(want), Some(have)) if is_same(want, have) => return None,
            (Some(_), None) => format!("a {kind} is missing"),
            (None, Some(_)) => format!("a {kind} stands that should not"),
            (Some(_), Some(_)) => format!("a {kind} says something else"),
        };
        let is_late = |(of, _, _, at): &ReadingKey| {
            of == patient && want.is_none_or(|want| (want.span.0..want.span.1).contains(at))
        };
        (!actual.late.iter().any(is_late)).then(|| violation(EVERY_VITAL_EQUALS_REFERENCE, what, id))
    };
    ids.into_iter().filter_map(wrong).collect()
}

fn is_same(want: &ExpectedVital, have: &ExpectedVital) -> bool {
    want.measured_at == have.measured_at
        && same(want.value, have.value)
        && same(want.median, have.median)
        && same(want.robust_z, have.robust_z)
        && want.parts == have.parts
}
