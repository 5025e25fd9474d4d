//! Named statements about what came out of a run. Each answers with its violations; none means that it holds.

mod alerts;
mod curves;
mod ledger;
mod readings;
mod reviews;
mod scores;
mod vitals;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::actual::{Actual, Run};
use crate::reference::{Expected, READINGS};

pub use alerts::{CRITICAL_IS_ANSWERED_OR_ESCALATED, NO_ALERT_TWICE_PER_ONSET, NO_ANSWER_GOES_UNHEARD};
pub use curves::{CONTRIBUTIONS_EQUAL_SCORES, EDITIONS_EQUAL_CONTRIBUTIONS};
pub use ledger::{
    ENTRIES_EXPLAIN_THEMSELVES, JOURNAL_BALANCES, LEDGER_EQUALS_REFERENCE, NO_SLOT_PAID_TWICE,
    REVERSALS_SUM_TO_ZERO,
};
pub use readings::{
    EVERY_WINDOW_EQUALS_REFERENCE, LATE_READINGS_REACH_THEIR_WINDOWS, NO_READING_COUNTED_TWICE,
};
pub use reviews::EVERY_VERDICT_EQUALS_REFERENCE;
pub use scores::EVERY_SCORE_EQUALS_REFERENCE;
pub use vitals::EVERY_VITAL_EQUALS_REFERENCE;

/// One violation. `{}` says what is wrong without naming anyone, `{:#}` also where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The statement that does not hold.
    pub invariant: &'static str,
    /// In which way.
    pub what: String,
    /// Of which row: its id, which may contain a patient's.
    pub at: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.invariant, self.what)?;
        if f.alternate() { write!(f, " ({})", self.at) } else { Ok(()) }
    }
}

/// A statement about a run.
pub type Invariant = fn(&Expected, &Actual) -> Vec<Violation>;

/// All statements about a single run, by name.
pub const ALL: [(&str, Invariant); 20] = [
    (COMMITTED_IMPLIES_WRITTEN, committed_implies_written),
    (EVERY_RECORD_HAS_ONE_OUTCOME, every_record_has_one_outcome),
    (EVERY_RECEIPT_EQUALS_REFERENCE, every_receipt_equals_reference),
    (EVERY_SCORE_EQUALS_REFERENCE, scores::check),
    (CONTRIBUTIONS_EQUAL_SCORES, curves::check_contributions),
    (EDITIONS_EQUAL_CONTRIBUTIONS, curves::check_editions),
    (EVERY_VERDICT_EQUALS_REFERENCE, reviews::check),
    (EVERY_WINDOW_EQUALS_REFERENCE, readings::check_windows),
    (LATE_READINGS_REACH_THEIR_WINDOWS, readings::check_late),
    (NO_READING_COUNTED_TWICE, readings::check_counts),
    (EVERY_VITAL_EQUALS_REFERENCE, vitals::check),
    (NO_ALERT_TWICE_PER_ONSET, |_, actual| alerts::check_onsets(actual)),
    (NO_ANSWER_GOES_UNHEARD, alerts::check_answered),
    (CRITICAL_IS_ANSWERED_OR_ESCALATED, |_, actual| alerts::check_answers(actual)),
    (LEDGER_EQUALS_REFERENCE, ledger::check_reference),
    (NO_SLOT_PAID_TWICE, ledger::check_slots),
    (REVERSALS_SUM_TO_ZERO, ledger::check_reversals),
    (ENTRIES_EXPLAIN_THEMSELVES, ledger::check_evidence),
    (JOURNAL_BALANCES, ledger::check_journal),
    (COVERAGE_IS_GAPLESS, |_, actual| coverage_is_gapless(&actual.coverage)),
];

/// What was acknowledged has left its receipt, its scores and its windows.
pub const COMMITTED_IMPLIES_WRITTEN: &str = "CommittedImpliesWritten";
/// Records in = copies in receipts + dead letters without a receipt, by topic, and the latter by reason.
pub const EVERY_RECORD_HAS_ONE_OUTCOME: &str = "EveryRecordHasOneOutcome";
/// Each receipt says what the reference says, and there is no other.
pub const EVERY_RECEIPT_EQUALS_REFERENCE: &str = "EveryReceiptEqualsReference";
/// The confirmed sequences of each output partition are 1 to the highest, and each run holds as many rows.
pub const COVERAGE_IS_GAPLESS: &str = "CoverageIsGapless";
/// What must hold of alerts of which every row was read, beside what holds of their last states: an alert has one row for
/// each of its states, the first to the last.
#[must_use]
pub fn alerts_are_sound(actual: &Actual) -> Vec<Violation> {
    let mut violations = alerts::check_onsets(actual);
    violations.extend(alerts::check_revisions(actual));
    violations
}

/// Two runs over the same records and ticks end with the same rows.
pub const REPLAY_IS_IDENTICAL: &str = "ReplayIsIdentical";

/// Checks all statements about a single run.
#[must_use]
pub fn check_all(expected: &Expected, actual: &Actual) -> Vec<Violation> {
    ALL.iter().flat_map(|(_, check)| check(expected, actual)).collect()
}

fn violation(invariant: &'static str, what: impl Into<String>, at: impl fmt::Debug) -> Violation {
    Violation { invariant, what: what.into(), at: format!("{at:?}") }
}

fn committed_implies_written(expected: &Expected, actual: &Actual) -> Vec<Violation> {
    let missing = |what: &str, at: &dyn fmt::Debug| violation(COMMITTED_IMPLIES_WRITTEN, what, at);
    let mut violations = Vec::new();
    for key in expected.receipts.keys().filter(|key| actual.receipts.get(key).is_none()) {
        violations.push(missing("a record has no receipt", key));
    }
    for key in expected.scores.keys().filter(|key| actual.scores.get(key).is_none()) {
        violations.push(missing("a score is missing", key));
    }
    for key in expected.windows.keys() {
        if actual.windows.get(key).is_none() && readings::late_in(actual, key) == 0 {
            violations.push(missing("a window is missing", key));
        }
    }
    violations
}

fn every_record_has_one_outcome(expected: &Expected, actual: &Actual) -> Vec<Violation> {
    let mut accounted: BTreeMap<&str, u64> = BTreeMap::new();
    for ((_, topic, ..), receipt) in actual.receipts.iter() {
        *accounted.entry(topic).or_default() += u64::from(receipt.copies);
        if receipt.copies != 1 + receipt.duplicates + receipt.conflicts {
            let what = format!("a receipt of {topic} has other copies than 1 + duplicates + conflicts");
            return vec![violation(EVERY_RECORD_HAS_ONE_OUTCOME, what, receipt)];
        }
    }
    for (_, (records, _)) in actual.counts.iter() {
        *accounted.entry(READINGS).or_default() += records;
    }
    let mut undecodable: BTreeMap<(&str, &str), u64> = BTreeMap::new();
    for ((topic, ..), (reason, _)) in actual.dead_letters.iter().filter(|(_, (_, receipt))| !receipt) {
        *accounted.entry(topic).or_default() += 1;
        *undecodable.entry((topic, reason)).or_default() += 1;
    }
    let mut violations = Vec::new();
    for (topic, records) in &expected.records_in {
        let outcomes = accounted.get(topic.as_str()).copied().unwrap_or(0);
        if outcomes != *records {
            let what = format!("{records} records of {topic} have {outcomes} outcomes");
            violations.push(violation(EVERY_RECORD_HAS_ONE_OUTCOME, what, topic));
        }
    }
    let known = expected.undecodable.iter().map(|((topic, reason), n)| ((topic.as_str(), *reason), *n));
    let known: BTreeMap<(&str, &str), u64> = known.collect();
    let keys: BTreeSet<_> = known.keys().chain(undecodable.keys()).collect();
    for key in keys {
        let (want, have) = (known.get(key).unwrap_or(&0), undecodable.get(key).unwrap_or(&0));
        if want != have {
            let what = format!("{have} dead letters of {} are {} instead of {want}", key.0, key.1);
            violations.push(violation(EVERY_RECORD_HAS_ONE_OUTCOME, what, key));
        }
    }
    violations
}

fn every_receipt_equals_reference(expected: &Expected, actual: &Actual) -> Vec<Violation> {
    let mut violations = Vec::new();
    for (key, have) in actual.receipts.iter() {
        let topic = &key.1;
        let mut wrong = |what: String| violations.push(violation(EVERY_RECEIPT_EQUALS_REFERENCE, what, key));
        let Some(want) = expected.receipts.get(key) else {
            wrong(format!("a receipt of {topic} for no record"));
            continue;
        };
        if !want.outcomes.contains(&have.outcome.as_str()) {
            wrong(format!(
                "a receipt of {topic} is {} instead of {}",
                have.outcome,
                want.outcomes.join(" or ")
            ));
        } else if want.outcomes.len() == 1 && want.reason != have.reason.as_deref() {
            wrong(format!(
                "a receipt of {topic} has the reason {:?} instead of {:?}",
                have.reason, want.reason
            ));
        }
        if want.copies != have.copies {
            wrong(format!("a receipt of {topic} counts {} copies instead of {}", have.copies, want.copies));
        }
        let counted = (have.duplicates, have.conflicts);
        let split = (want.duplicates.unwrap_or(counted.0), want.conflicts.unwrap_or(counted.1));
        if split != counted {
            wrong(format!(
                "a receipt of {topic} has duplicates and conflicts {counted:?} instead of {split:?}"
            ));
        }
    }
    violations
}

/// The confirmed sequences of each output partition are 1 to the highest, and each run holds as many rows.
#[must_use]
pub fn coverage_is_gapless(runs: &BTreeSet<Run>) -> Vec<Violation> {
    let mut violations = Vec::new();
    let mut reached: BTreeMap<(&str, i32), u64> = BTreeMap::new();
    // The set is in order of topic, partition and first sequence.
    for run in runs {
        let at = format!("{} {}", run.topic, run.partition);
        let reached = reached.entry((&run.topic, run.partition)).or_default();
        if run.first > *reached + 1 {
            let what = format!("{at} lacks {} to {}", *reached + 1, run.first - 1);
            violations.push(violation(COVERAGE_IS_GAPLESS, what, run));
        }
        if run.last < run.first || run.rows != run.last - run.first + 1 {
            let what = format!("{at} has a run of {} rows from {} to {}", run.rows, run.first, run.last);
            violations.push(violation(COVERAGE_IS_GAPLESS, what, run));
        }
        *reached = (*reached).max(run.last);
    }
    violations
}

/// Two runs over the same records and ticks end with the same rows, whatever their versions.
#[must_use]
pub fn replay_is_identical(first: &Actual, second: &Actual) -> Vec<Violation> {
    fn differing<'a, K: Ord + fmt::Debug + 'a, V: PartialEq + 'a>(
        what: &str,
        first: impl Iterator<Item = (&'a K, &'a V)>,
        second: impl Iterator<Item = (&'a K, &'a V)>,
        violations: &mut Vec<Violation>,
    ) {
        let (first, second): (BTreeMap<_, _>, BTreeMap<_, _>) = (first.collect(), second.collect());
        let keys: BTreeSet<_> = first.keys().chain(second.keys()).copied().collect();
        for key in keys.into_iter().filter(|key| first.get(key) != second.get(key)) {
            violations.push(violation(REPLAY_IS_IDENTICAL, format!("a {what} differs"), key));
        }
    }
    let mut violations = Vec::new();
    differing("score", first.scores.iter(), second.scores.iter(), &mut violations);
    differing("receipt", first.receipts.iter(), second.receipts.iter(), &mut violations);
    differing("review", first.reviews.iter(), second.reviews.iter(), &mut violations);
    differing("alert", first.alerts.iter(), second.alerts.iter(), &mut violations);
    if let Some((first, second)) = first.ledger.as_ref().zip(second.ledger.as_ref()) {
        differing("ledger entry", first.iter(), second.iter(), &mut violations);
    }
    if let Some((first, second)) = first.vitals.as_ref().zip(second.vitals.as_ref()) {
        differing("vital score", first.iter(), second.iter(), &mut violations);
    }
    differing("window", first.windows.iter(), second.windows.iter(), &mut violations);
    differing("count of readings", first.counts.iter(), second.counts.iter(), &mut violations);
    let (letters, again) = (first.dead_letters.iter(), second.dead_letters.iter());
    differing("dead letter", letters, again, &mut violations);
    for reading in first.late.symmetric_difference(&second.late) {
        violations.push(violation(REPLAY_IS_IDENTICAL, "a late reading differs", reading));
    }
    violations
}
