//! What makes a session service.

use std::collections::BTreeMap;

use crate::documents::ReviewRule;
use crate::time::{Instant, Millis};

/// What was found about a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Judgement {
    /// It lasted less than the rule asks for.
    pub too_short: bool,
    /// Fewer distinct sections were read.
    pub too_few_sections: bool,
    /// There were fewer interactions.
    pub too_few_interactions: bool,
    /// It is part of a burst.
    pub burst: bool,
    /// Most patients whose sessions of this clinician began within one span around this one's start.
    pub burst_patients: i32,
}

impl Judgement {
    /// Whether it counts as service.
    pub fn is_service(&self) -> bool {
        self.reasons().next().is_none()
    }

    /// Why it does not.
    pub fn reasons(&self) -> impl Iterator<Item = &'static str> {
        let all = [
            (self.too_short, "too_short"),
            (self.too_few_sections, "too_few_sections"),
            (self.too_few_interactions, "too_few_interactions"),
            (self.burst, "burst"),
        ];
        all.into_iter().filter(|(holds, _)| *holds).map(|(_, code)| code)
    }
}

pub(super) fn judge(
    length: Millis,
    sections_read: i32,
    interactions: i32,
    burst_patients: i32,
    rule: &ReviewRule,
) -> Judgement {
    Judgement {
        too_short: length < rule.length_min,
        too_few_sections: sections_read < rule.sections_min,
        too_few_interactions: interactions < rule.interactions_min,
        burst: burst_patients > rule.burst_patients_max,
        burst_patients,
    }
}

/// When a session began, and in whose record.
pub(super) type Start<'a> = (Instant, &'a str);

/// The most patients that a span [t, t + `length`) which holds `at` has starts for. `starts` are in their order; those
/// `length` or further from `at` do not matter. A span that begins with a start holds no less than any other.
pub(super) fn burst_patients(starts: &[Start<'_>], at: Instant, length: Millis) -> i32 {
    let mut most = 0;
    let mut sessions_of: BTreeMap<&str, u32> = BTreeMap::new();
    let mut ahead = starts.iter().peekable();
    for (first, patient) in starts.iter().take_while(|(first, _)| *first <= at) {
        while let Some((_, patient)) = ahead.next_if(|(start, _)| start.since(*first) < length) {
            *sessions_of.entry(patient).or_default() += 1;
        }
        if at.since(*first) < length {
            most = most.max(sessions_of.len());
        }
        if let Some(sessions) = sessions_of.get_mut(patient) {
            *sessions -= 1;
            if *sessions == 0 {
                sessions_of.remove(patient);
            }
        }
    }
    i32::try_from(most).unwrap_or(i32::MAX)
}
