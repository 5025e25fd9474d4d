//! What must hold of alerts, whatever raised them.

use std::collections::BTreeMap;

use crate::actual::{Actual, ActualAlert};
use crate::reference::Expected;

use super::{Violation, violation};

/// An alert is raised once: no later row counts a state again. And of what is not critical, no rule has two unresolved
/// alerts about one thing of an episode.
pub const NO_ALERT_TWICE_PER_ONSET: &str = "NoAlertTwicePerOnset";
/// A live critical alert is answered, or it was escalated, or there is still time.
pub const CRITICAL_IS_ANSWERED_OR_ESCALATED: &str = "CriticalIsAnsweredOrEscalated";

/// Each answer that can't wait has its alert.
pub const NO_ANSWER_GOES_UNHEARD: &str = "NoAnswerGoesUnheard";

pub(super) fn check_answered(expected: &Expected, actual: &Actual) -> Vec<Violation> {
    let missing = expected.alerts.iter().filter(|id| actual.alerts.get(id).is_none());
    let missing = missing.filter(|_| actual.has_all_alerts);
    missing
        .map(|id| violation(NO_ANSWER_GOES_UNHEARD, "an answer that can't wait has no alert", id))
        .collect()
}

pub(super) fn check_onsets(actual: &Actual) -> Vec<Violation> {
    let wrong = |what: &str, id: &String| violation(NO_ALERT_TWICE_PER_ONSET, what, id);
    let mut violations = Vec::new();
    let mut open: BTreeMap<_, &String> = BTreeMap::new();
    for (id, alert) in actual.alerts.iter() {
        let thing = alert.is_unresolved().then(|| about(alert)).flatten();
        if let Some(other) = thing.and_then(|thing| open.insert(thing, id)) {
            violations.push(wrong("a rule has two unresolved alerts about one thing", other));
        }
    }
    for (id, rows) in &actual.alert_rows {
        // A state that is begun anew raises them anew.
        let begins_anew = |version: u64, next: u64| version >> 48 < next >> 48;
        if !rows.is_sorted_by(|(at, revision), (then, next)| revision < next || begins_anew(*at, *then)) {
            violations.push(wrong("an alert has a state twice", id));
        }
    }
    violations
}

/// The rows of an alert are its revisions from 1 to the last, which is how it stands.
pub(super) fn check_revisions(actual: &Actual) -> Vec<Violation> {
    let wrong = |what: &str, id: &String| violation(NO_ALERT_TWICE_PER_ONSET, what, id);
    let mut violations = Vec::new();
    for (id, rows) in &actual.alert_rows {
        if (1..).zip(rows).any(|(want, (_, revision))| want != *revision) {
            violations.push(wrong("an alert lacks one of its states", id));
        }
        let stands = actual.alerts.get(id).map(|alert| alert.revision);
        if stands != rows.last().map(|(_, revision)| *revision) {
            violations.push(wrong("an alert does not stand as its last row says", id));
        }
    }
    violations
}

/// What an alert is about, of which there may be one unresolved alert: rule and device, where it is about one. `None`:
/// each cause is a matter of its own.
fn about(alert: &ActualAlert) -> Option<(&str, &str, &str)> {
    let device = match alert.cause_kind.as_str() {
        "silence" => alert.cause_id.split_once('@').map_or("", |(device, _)| device),
        "score" | "window" => "",
        _ => return None,
    };
    (alert.severity != "critical").then_some((&*alert.episode_id, &*alert.rule, device))
}

pub(super) fn check_answers(actual: &Actual) -> Vec<Violation> {
    let last_tick = actual.alerts.iter().map(|(_, alert)| alert.stored_at).max().unwrap_or(0);
    let is_late = |alert: &ActualAlert| {
        let waits = alert.severity == "critical" && !alert.historic && alert.status == "open";
        waits && alert.escalations == 0 && alert.answer_due_at.is_none_or(|due| due < last_tick)
    };
    let late = actual.alerts.iter().filter(|(_, alert)| is_late(alert));
    let what = "a critical alert is late, and nobody was asked next";
    late.map(|(id, _)| violation(CRITICAL_IS_ANSWERED_OR_ESCALATED, what, id)).collect()
}
