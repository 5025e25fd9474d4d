//! Reviews against the reference.

use std::collections::BTreeSet;

use crate::actual::Actual;
use crate::reference::Expected;

use super::{Violation, violation};

/// Each session is the review, or none, that the reference says, and no other review stands.
pub const EVERY_VERDICT_EQUALS_REFERENCE: &str = "EveryVerdictEqualsReference";

pub(super) fn check(expected: &Expected, actual: &Actual) -> Vec<Violation> {
    let keys: BTreeSet<_> =
        expected.reviews.keys().chain(actual.reviews.iter().map(|(key, _)| key)).collect();
    let wrong = |key| {
        let what = match (expected.reviews.get(key), actual.reviews.get(key)) {
            (None, Some(have)) if have.status == "withdrawn" => return None,
            (None, _) => "a review stands that should not".to_owned(),
            (Some(_), None) => "a review is missing".to_owned(),
            (Some(want), Some(have)) if want == have => return None,
            (Some(want), Some(have)) if (&want.verdict, &want.reasons) != (&have.verdict, &have.reasons) => {
                format!(
                    "a session is {} {:?} instead of {} {:?}",
                    have.verdict, have.reasons, want.verdict, want.reasons
                )
            }
            (Some(_), Some(_)) => "a review says something else about its session".to_owned(),
        };
        Some(violation(EVERY_VERDICT_EQUALS_REFERENCE, what, key))
    };
    keys.into_iter().filter_map(wrong).collect()
}
