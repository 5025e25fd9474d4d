//! What a task counts for its observers. Only written here; nothing decides by it.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};

use aftercare_core::alert::{AlertChange, Happening};
use aftercare_core::documents::{RULE_KINDS, Severity};
use aftercare_core::patient::Verdict;

use crate::topics::COUNT;

/// Room for reasons.
const REASONS_MAX: usize = 32;

/// Upper bounds of the latency histogram's buckets, milliseconds.
pub const LATENCY_MS: [u64; 16] = [1, 2, 3, 5, 7, 10, 15, 20, 30, 50, 75, 100, 200, 500, 1_000, 10_000];

/// A histogram of milliseconds.
#[derive(Debug, Default)]
pub struct Histogram {
    /// Counts by bucket of `LATENCY_MS`; the last is what lies above.
    pub buckets: [AtomicU64; LATENCY_MS.len() + 1],
    /// Sum of all values, ms.
    pub sum_ms: AtomicU64,
}

impl Histogram {
    /// Counts one value.
    pub fn observe(&self, ms: u64) {
        let bucket = LATENCY_MS.partition_point(|bound| *bound < ms);
        self.buckets[bucket].fetch_add(1, Relaxed);
        self.sum_ms.fetch_add(ms, Relaxed);
    }
}

/// Counters of one task, since it was started.
#[derive(Debug, Default)]
#[expect(missing_docs, reason = "the names say it; each becomes one metric with a help text")]
pub struct TaskStats {
    /// As committed, since the state began. (All others: since the task was started.)
    pub records_in: [AtomicU64; COUNT],
    pub outputs: [AtomicU64; COUNT],
    /// Records with an id that were judged, by verdict, as in `VERDICTS`.
    pub verdicts: [AtomicU64; VERDICTS.len()],
    /// By outcome, as in `reading_outcomes`.
    pub readings: [AtomicU64; 9],
    /// By position of `Reason::ALL`.
    pub dead_letters: [AtomicU64; REASONS_MAX],
    pub forwarded: AtomicU64,
    pub committed: AtomicU64,
    pub aborted: AtomicU64,
    pub commit_ms: Histogram,
    pub append_to_output_ms: Histogram,
    pub changelog_bytes: AtomicU64,
    pub rounds_completed: AtomicU64,
    pub stalls: AtomicU64,
    pub restore_ms: AtomicU64,
    pub restore_bytes: AtomicU64,
    pub patients: AtomicU64,
    pub devices: AtomicU64,
    pub held: AtomicU64,
    pub held_bytes: AtomicU64,
    pub held_limit_hits: AtomicU64,
    /// Contributions to curves that came out of order, twice, or made no sense, and were left out.
    pub curve_violations: AtomicU64,
    /// Contributions to curves that wait until every task has ended the month before theirs.
    pub curve_ahead: AtomicU64,
    pub curve_ahead_limit_hits: AtomicU64,
    /// By topic: when the newest record taken was written, ms since 1970 UTC, while more of them wait; 0 when none do.
    pub behind_from: [AtomicI64; COUNT],
    /// Alerts by what happened (`ALERTS`), severity (as in `Severity::ALL`) and kind of rule (as in `RULE_KINDS`).
    pub alerts: [[[AtomicU64; RULE_KINDS.len()]; Severity::ALL.len()]; ALERTS.len()],
    /// Alerts that are open, by severity and kind of rule.
    pub alerts_open: [[AtomicI64; RULE_KINDS.len()]; Severity::ALL.len()],
    pub tick: AtomicI64,
    /// 0 starting, 1 restoring, 2 waiting for a tick, 3 running, 4 ended.
    pub phase: AtomicU64,
}

impl TaskStats {
    pub(crate) fn add(counter: &AtomicU64, n: u64) {
        counter.fetch_add(n, Relaxed);
    }

    /// The state was read: these alerts are open.
    pub(crate) fn set_open_alerts(&self, open: impl Iterator<Item = (Severity, u8)>) {
        self.alerts_open.iter().flatten().for_each(|counter| counter.store(0, Relaxed));
        for (severity, kind) in open {
            let severity = Severity::ALL.iter().position(|own| *own == severity).unwrap_or(0);
            let counter = self.alerts_open.get(severity).and_then(|by| by.get(usize::from(kind)));
            counter.into_iter().for_each(|counter| {
                counter.fetch_add(1, Relaxed);
            });
        }
    }

    /// The transaction that counted this is committed.
    pub(crate) fn count(&self, counted: &Counted) {
        let Counted { outputs, verdicts, readings, dead_letters, forwarded, alerts } = counted;
        for (happening, severity, kind) in alerts {
            let counter = self.alerts.get(*happening).and_then(|by| by.get(*severity)?.get(*kind));
            counter.into_iter().for_each(|counter| Self::add(counter, 1));
            let change = match ALERTS.get(*happening) {
                Some(&"raised") => 1,
                Some(&"closed") => -1,
                _ => 0,
            };
            let open = self.alerts_open.get(*severity).and_then(|by| by.get(*kind));
            open.into_iter().for_each(|open| {
                open.fetch_add(change, Relaxed);
            });
        }
        let pairs = self.outputs.iter().zip(outputs).chain(self.verdicts.iter().zip(verdicts));
        let pairs = pairs.chain(self.readings.iter().zip(readings));
        let pairs = pairs.chain(self.dead_letters.iter().zip(dead_letters));
        for (counter, n) in pairs.chain([(&self.forwarded, forwarded)]) {
            Self::add(counter, *n);
        }
    }
}

/// What the open transaction counted. Whoever watches sees it once it is committed, and never what was aborted.
#[derive(Debug, Default)]
pub(crate) struct Counted {
    pub(crate) outputs: [u64; COUNT],
    pub(crate) verdicts: [u64; VERDICTS.len()],
    pub(crate) readings: [u64; 9],
    pub(crate) dead_letters: [u64; REASONS_MAX],
    pub(crate) forwarded: u64,
    /// Positions of what happened, of the severity, of the rule's kind.
    pub(crate) alerts: Vec<(usize, usize, usize)>,
}

impl Counted {
    /// Counts what happened to an alert.
    pub(crate) fn alert(&mut self, change: &AlertChange) {
        let happening = match change.happening {
            Happening::Raised => 0,
            Happening::Escalated => 1,
            Happening::Closed => 2,
            Happening::Changed => return,
        };
        let severity = Severity::ALL.iter().position(|own| *own == change.severity);
        self.alerts.push((happening, severity.unwrap_or(0), usize::from(change.kind)));
    }
}

/// What happens to alerts, in the order of `TaskStats::alerts`.
pub const ALERTS: [&str; 3] = ["raised", "escalated", "closed"];

/// Words of `TaskStats::verdicts`, in order.
pub const VERDICTS: [&str; 7] =
    ["accepted", "unscored", "duplicate", "conflict", "superseded", "held", "rejected"];

/// The place of a verdict in `VERDICTS`.
pub(crate) fn position_of(verdict: &Verdict) -> usize {
    match verdict {
        Verdict::Accepted => 0,
        Verdict::Unscored(_) => 1,
        Verdict::Duplicate => 2,
        Verdict::Conflict => 3,
        Verdict::Superseded => 4,
        Verdict::Hold => 5,
        Verdict::Rejected { .. } => 6,
    }
}

/// Outcome words of `TaskStats::readings`, in order: (outcome, reason).
#[must_use]
pub fn reading_outcomes() -> [(&'static str, &'static str); 9] {
    crate::state::ReadingOutcome::ALL.map(crate::state::ReadingOutcome::words)
}
