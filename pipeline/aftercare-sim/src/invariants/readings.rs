//! Windows and counts of readings against the reference.

use std::collections::BTreeMap;

use crate::actual::Actual;
use crate::reference::{Expected, ExpectedWindow, ReadingCounts, WindowKey};

use super::scores::same;
use super::{Violation, violation};

/// Each window holds what the reference holds, without those readings that came too late for it.
pub const EVERY_WINDOW_EQUALS_REFERENCE: &str = "EveryWindowEqualsReference";
/// What was computed again after late readings, and where nothing was what the task said last, holds all readings.
pub const LATE_READINGS_REACH_THEIR_WINDOWS: &str = "LateReadingsReachTheirWindows";
/// A reading is accepted once; every other copy of it is a duplicate, conflicting or late; none is lost.
pub const NO_READING_COUNTED_TWICE: &str = "NoReadingCountedTwice";

/// Up to so many different values, quantiles are exact.
const VALUES_EXACT: usize = 256;

/// How many moments of the window have a late reading.
pub(super) fn late_in(actual: &Actual, window: &WindowKey) -> u32 {
    let (patient, device, metric, start, length_s) = window;
    let from = (patient.clone(), device.clone(), metric.clone(), *start);
    let to = (patient.clone(), device.clone(), metric.clone(), *start + i64::from(*length_s) * 1000);
    u32::try_from(actual.late.range(from..to).count()).unwrap_or(u32::MAX)
}

pub(super) fn check_windows(expected: &Expected, actual: &Actual) -> Vec<Violation> {
    let mut violations = Vec::new();
    // A row without readings takes a row back that turned out to be none.
    let taken_back =
        |key: &WindowKey, have: &ExpectedWindow| have.readings == 0 && !expected.windows.contains_key(key);
    for (key, have) in actual.windows.iter().filter(|(key, have)| !taken_back(key, have)) {
        let mut wrong = |what: &str| violations.push(violation(EVERY_WINDOW_EQUALS_REFERENCE, what, key));
        let Some(want) = expected.windows.get(key) else {
            wrong("a window of no reading");
            continue;
        };
        let least = want.readings.saturating_sub(late_in(actual, key));
        if !(least..=want.readings).contains(&have.readings) {
            wrong(&format!(
                "a window has {} readings, should have {least} to {}",
                have.readings, want.readings
            ));
        } else if have.readings == want.readings {
            if !statistics_are_equal(want, have) {
                wrong("a window with the right number of readings has other statistics");
            }
        } else if have.min < want.min || have.max > want.max {
            wrong("a window without its late readings has a wider range");
        }
    }
    violations
}

pub(super) fn check_late(expected: &Expected, actual: &Actual) -> Vec<Violation> {
    let Some(late) = &actual.late_windows else { return Vec::new() };
    let wrong = |what: &str, key: &WindowKey| violation(LATE_READINGS_REACH_THEIR_WINDOWS, what, key);
    let mut violations = Vec::new();
    for (key, want) in &expected.windows {
        match late.get(key).or_else(|| actual.windows.get(key)) {
            None => violations.push(wrong("a window is missing", key)),
            Some(have) if have.readings != want.readings => {
                let what = format!("a window has {} readings of {}", have.readings, want.readings);
                violations.push(wrong(&what, key));
            }
            Some(have) if !statistics_are_equal(want, have) => {
                violations.push(wrong("a window has other statistics", key));
            }
            Some(_) => {}
        }
    }
    let of_none = late.iter().filter(|(key, _)| !expected.windows.contains_key(*key));
    violations.extend(of_none.map(|(key, _)| wrong("a window of no reading", key)));
    violations
}

fn statistics_are_equal(want: &ExpectedWindow, have: &ExpectedWindow) -> bool {
    let both = |of: fn(&ExpectedWindow) -> f64| same(Some(of(want)), Some(of(have)));
    let exact = want.values <= VALUES_EXACT;
    let near = |(want, have): (&f64, &f64)| {
        same(Some(*want), Some(*have)) || (!exact && (have - want).abs() <= 0.01 * want.abs())
    };
    let share = |window: &ExpectedWindow| window.in_range.unwrap_or(f64::NAN);
    both(|w| w.mean)
        && same(want.sd, have.sd)
        && both(|w| w.min)
        && both(|w| w.max)
        && both(|w| w.coverage)
        && want.quantiles.iter().zip(&have.quantiles).all(near)
        && want.in_range.is_some() == have.in_range.is_some()
        && (!exact || want.in_range.is_none() || same(Some(share(want)), Some(share(have))))
}

/// (outcome, reason) to readings; and records.
type Counted<'a> = (BTreeMap<(&'a str, &'a str), u64>, u64);

pub(super) fn check_counts(expected: &Expected, actual: &Actual) -> Vec<Violation> {
    let mut devices: BTreeMap<(&str, &str), Counted> = BTreeMap::new();
    for ((patient, device, _, outcome, reason), (records, readings)) in actual.counts.iter() {
        let counted = devices.entry((patient, device)).or_default();
        *counted.0.entry((outcome, reason)).or_default() += readings;
        counted.1 += records;
    }
    let mut violations = Vec::new();
    for ((patient, device), want) in &expected.readings {
        let at = (patient.as_str(), device.as_str());
        let (have, records) = devices.remove(&at).unwrap_or_default();
        for what in differences(want, &have, records) {
            violations.push(violation(NO_READING_COUNTED_TWICE, what, at));
        }
    }
    for at in devices.keys() {
        violations.push(violation(NO_READING_COUNTED_TWICE, "counts of a device without readings", at));
    }
    violations
}

fn differences(want: &ReadingCounts, have: &BTreeMap<(&str, &str), u64>, records: u64) -> Vec<String> {
    let sum = |outcome: &str| have.iter().filter(|((o, _), _)| *o == outcome).map(|(_, n)| n).sum::<u64>();
    let (accepted, late) = (sum("accepted"), sum("late"));
    let copies = (sum("duplicate"), sum("conflicting"));
    let mut wrong = Vec::new();
    if records != want.records {
        wrong.push(format!("{records} uploads counted instead of {}", want.records));
    }
    let valid = want.accepted + want.duplicate + want.conflicting;
    let counted = accepted + copies.0 + copies.1 + late;
    if counted != valid {
        wrong.push(format!("{counted} valid readings counted instead of {valid}"));
    }
    if accepted > want.accepted {
        wrong.push(format!("{accepted} readings accepted, there are {}", want.accepted));
    }
    if late == 0 && (accepted, copies.0, copies.1) != (want.accepted, want.duplicate, want.conflicting) {
        let want = (want.accepted, want.duplicate, want.conflicting);
        wrong.push(format!(
            "accepted, duplicate, conflicting are {:?}, not {want:?}",
            (accepted, copies.0, copies.1)
        ));
    }
    let far = have.get(&("rejected", "far_future")).copied().unwrap_or(0);
    if sum("held") + far < want.ahead {
        wrong.push("a reading from ahead of time is neither held nor refused".to_owned());
    }
    let rejected: BTreeMap<&str, u64> = have
        .iter()
        .filter(|((outcome, reason), n)| *outcome == "rejected" && *reason != "far_future" && **n > 0)
        .map(|((_, reason), n)| (*reason, *n))
        .collect();
    if rejected != want.rejected {
        wrong.push(format!("rejected are {rejected:?}, not {:?}", want.rejected));
    }
    wrong
}
