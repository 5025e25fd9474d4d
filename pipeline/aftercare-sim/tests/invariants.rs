//! Each invariant holds for what should come out, and is violated by each fault that it is there to find.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::sync::LazyLock;

use aftercare_core::documents::Library;
use aftercare_core::vital::Summary;
use aftercare_core::window::{Micros, Points};
use aftercare_schemas::codec;
use aftercare_schemas::wire::{
    DeadLetter, LateReading, Metric, Reading, ReadingReceipt, Receipt, Scale, Score, Source, WearableUpload,
    Window,
};
use aftercare_sim::actual::{Actual, Run};
use aftercare_sim::invariants::{self, Violation};
use aftercare_sim::reference::{Expected, ExpectedScore, ExpectedWindow, Reference, WindowKey};
use aftercare_sim::world::{Settings, World};

static EXPECTED: LazyLock<Expected> = LazyLock::new(|| {
    let settings =
        Settings { patients: 20, wearers_permille: 150, wear_days: 1, bad_records: 1, ..Settings::default() };
    let mut reference = Reference::default();
    for record in World::new(settings) {
        reference.add(record.topic, &record.key, Some(&record.value), None);
    }
    reference.finish(&Library::builtin())
});

/// What comes out when everything is right, after `change` of each row.
fn run(change: &mut dyn FnMut(&mut Row)) -> Actual {
    let expected = &*EXPECTED;
    let mut actual = Actual::default();
    let mut add = |mut row: Row| {
        change(&mut row);
        add_row(&mut actual, &row);
    };
    for ((patient_id, topic, id, revision), r) in &expected.receipts {
        let (duplicates, conflicts) = (r.duplicates.unwrap_or(r.copies - 1), r.conflicts.unwrap_or(0));
        add(Row::Receipt(Receipt {
            version: 1,
            topic,
            id,
            revision: *revision,
            patient_id,
            outcome: r.outcomes[0],
            reason: r.reason,
            copies: r.copies,
            duplicates,
            conflicts,
            stored_at: 0,
            organisation: None,
            care_team: None,
            clinician_id: None,
            manufacturer: None,
            procedure: None,
            source: "simulated",
        }));
    }
    for (score_id, s) in &expected.scores {
        add(Row::Score(Box::new(score_row(score_id, s))));
    }
    for (key, w) in &expected.windows {
        add(Row::Window(window_row(key, w)));
    }
    for ((patient_id, device_id), c) in &expected.readings {
        let counted = [
            ("accepted", "", c.accepted),
            ("duplicate", "", c.duplicate),
            ("conflicting", "", c.conflicting),
        ];
        let rejected = c.rejected.iter().map(|(reason, n)| ("rejected", *reason, *n));
        for (n, (outcome, reason, readings)) in counted.into_iter().chain(rejected).enumerate() {
            let records = if n == 0 { c.records } else { 0 };
            add(Row::Counts(count_row(patient_id, device_id, outcome, reason, records, readings)));
        }
    }
    let letters = expected.undecodable.iter().flat_map(|(key, n)| (0..*n).map(move |i| (key, i)));
    for (offset, ((topic, reason), _)) in (0..).zip(letters) {
        add(Row::DeadLetter(dead_letter_row(topic, offset, reason)));
    }
    for partition in 0..2 {
        for (first, last) in [(1, 10), (5, 12), (13, 20)] {
            let run = Run { topic: "scores".into(), partition, first, last, rows: last - first + 1 };
            add(Row::Run(run));
        }
    }
    actual
}

fn window_row<'a>(
    (patient_id, device_id, metric, start, length_s): &'a WindowKey,
    w: &ExpectedWindow,
) -> Window<'a> {
    Window {
        version: 1,
        patient_id,
        device_id,
        metric,
        unit: "",
        window_start: *start,
        length_s: *length_s,
        readings: w.readings,
        mean: w.mean,
        sd: w.sd,
        min: w.min,
        max: w.max,
        stored_at: 0,
        organisation: None,
        care_team: None,
        clinician_id: None,
        manufacturer: None,
        procedure: None,
        source: "simulated",
        p10: Some(w.quantiles[0]),
        p50: Some(w.quantiles[1]),
        p90: Some(w.quantiles[2]),
        coverage: Some(w.coverage),
        in_range: w.in_range,
    }
}

enum Row<'a> {
    Receipt(Receipt<'a>),
    Score(Box<Score<'a>>),
    Window(Window<'a>),
    Counts(ReadingReceipt<'a>),
    DeadLetter(DeadLetter<'a>),
    Run(Run),
    Lost,
}

fn add_row(actual: &mut Actual, row: &Row) {
    match row {
        Row::Receipt(row) => actual.add_receipt(row),
        Row::Score(row) => actual.add_score(row),
        Row::Window(row) => actual.add_window(row),
        Row::Counts(row) => actual.add_reading_receipt(row),
        Row::DeadLetter(row) => actual.add_dead_letter(row),
        Row::Run(run) => actual.add_run(run.clone()),
        Row::Lost => {}
    }
}

fn score_row<'a>(score_id: &'a str, s: &'a ExpectedScore) -> Score<'a> {
    let parts: Vec<&str> = score_id.split('/').collect();
    let [organisation, care_team, clinician_id, manufacturer, procedure] =
        s.attribution.each_ref().map(Option::as_deref);
    Score {
        version: 1,
        score_id,
        episode_id: parts[0],
        patient_id: &s.patient_id,
        upload_id: parts[1],
        upload_revision: s.upload_revision,
        instrument: parts[2],
        instrument_version: 1,
        value_set: &s.value_set,
        status: &s.status,
        reason: s.reason.as_deref(),
        answered_at: s.answered_at,
        uploaded_at: 0,
        stored_at: 0,
        days_since_treatment: s.days_since_treatment,
        respondent: "patient",
        score: s.score,
        scales: s.scales.iter().map(|(name, value)| Scale { name, value: *value }).collect(),
        baseline: s.baseline,
        baseline_upload_id: s.baseline_upload_id.as_deref(),
        index: s.index,
        index_rule: s.index_rule.as_deref(),
        change_mcid: s.change_mcid,
        ewma: s.ewma,
        mean_28d: s.mean_28d,
        slope_56d: s.slope_56d,
        uploads_done: s.uploads_done,
        uploads_due: s.uploads_due,
        expected: None,
        curve_edition: None,
        organisation,
        care_team,
        clinician_id,
        manufacturer,
        procedure,
        source: "simulated",
        expected_sd: None,
        expected_n: None,
        cohort: None,
        forecast: None,
        forecast_sd: None,
        level: s.level,
        change_errors: s.change_errors,
        trend_errors: s.trend_errors,
    }
}

fn count_row<'a>(
    patient_id: &'a str,
    device_id: &'a str,
    outcome: &'a str,
    reason: &'a str,
    records: u64,
    readings: u64,
) -> ReadingReceipt<'a> {
    ReadingReceipt {
        version: 1,
        patient_id,
        device_id,
        day: 0,
        outcome,
        reason,
        records,
        readings,
        stored_at: 0,
        organisation: None,
        care_team: None,
        clinician_id: None,
        manufacturer: None,
        procedure: None,
        source: "simulated",
    }
}

fn dead_letter_row<'a>(topic: &'a str, offset: i64, reason: &'a str) -> DeadLetter<'a> {
    DeadLetter {
        version: 1,
        topic,
        partition: 0,
        offset,
        record_at: 0,
        stage: "DESERIALIZE",
        reason,
        message: "",
        receipt: false,
        key_bytes: 0,
        value_bytes: 0,
        stored_at: 0,
    }
}

/// The invariants that a fault violates, each once.
fn violated(fault: &mut dyn FnMut(&mut Row) -> bool) -> Vec<&'static str> {
    let mut done = false;
    let actual = run(&mut |row| done = done || fault(row));
    assert!(done, "the fault found no row");
    names(&invariants::check_all(&EXPECTED, &actual))
}

fn names(violations: &[Violation]) -> Vec<&'static str> {
    let mut names: Vec<&str> = violations.iter().map(|v| v.invariant).collect();
    names.dedup();
    names
}

/// Applies the fault to the first row of its kind.
macro_rules! fault {
    ($row:pat if $guard:expr => $fault:expr) => {
        violated(&mut |row: &mut Row| match row {
            $row if $guard => {
                $fault;
                true
            }
            _ => false,
        })
    };
    (lose $row:pat) => {
        violated(&mut |row: &mut Row| {
            let hit = matches!(row, $row);
            if hit {
                *row = Row::Lost;
            }
            hit
        })
    };
}

#[test]
fn nothing_is_violated_by_what_should_come_out() {
    let violations = invariants::check_all(&EXPECTED, &run(&mut |_| {}));
    assert!(violations.is_empty(), "{:#?}", &violations[..violations.len().min(5)]);
    assert!(EXPECTED.windows.len() > 100 && EXPECTED.scores.len() > 500);
}

#[test]
fn every_lost_row_is_found() {
    let lost = invariants::COMMITTED_IMPLIES_WRITTEN;
    assert_eq!(fault!(lose Row::Receipt(_)), [lost, invariants::EVERY_RECORD_HAS_ONE_OUTCOME]);
    assert_eq!(fault!(lose Row::Score(_)), [lost]);
    assert_eq!(fault!(lose Row::Window(_)), [lost]);
    assert_eq!(fault!(lose Row::DeadLetter(_)), [invariants::EVERY_RECORD_HAS_ONE_OUTCOME]);
    let counts = [invariants::EVERY_RECORD_HAS_ONE_OUTCOME, invariants::NO_READING_COUNTED_TWICE];
    assert_eq!(fault!(lose Row::Counts(_)), counts);
}

#[test]
fn every_wrong_score_is_found() {
    let wrong = [invariants::EVERY_SCORE_EQUALS_REFERENCE];
    assert_eq!(fault!(Row::Score(s) if s.index.is_some() => s.index = s.index.map(|i| i + 0.001)), wrong);
    assert_eq!(fault!(Row::Score(s) if s.baseline.is_some() => s.baseline = None), wrong);
    assert_eq!(fault!(Row::Score(s) if s.slope_56d.is_some() => s.slope_56d = Some(0.123)), wrong);
    assert_eq!(fault!(Row::Score(s) if s.status == "scored" => s.status = "withdrawn"), wrong);
    assert_eq!(fault!(Row::Score(s) if !s.scales.is_empty() => s.scales.clear()), wrong);
    assert_eq!(fault!(Row::Score(s) if s.clinician_id.is_some() => s.clinician_id = Some("another")), wrong);
    assert_eq!(fault!(Row::Score(s) if true => s.uploads_done += 1), wrong);
}

#[test]
fn a_score_that_should_not_stand_is_found_and_a_withdrawn_one_is_fine() {
    let mut actual = run(&mut |_| {});
    let (_, any) = EXPECTED.scores.iter().next().unwrap();
    let mut row = score_row("e/u/saq-7", any);
    row.status = "withdrawn";
    actual.add_score(&row);
    assert!(invariants::check_all(&EXPECTED, &actual).is_empty());
    (row.status, row.version) = ("scored", 2);
    actual.add_score(&row);
    assert_eq!(names(&invariants::check_all(&EXPECTED, &actual)), [invariants::EVERY_SCORE_EQUALS_REFERENCE]);
}

#[test]
fn every_wrong_receipt_is_found() {
    let wrong = invariants::EVERY_RECEIPT_EQUALS_REFERENCE;
    let sum = invariants::EVERY_RECORD_HAS_ONE_OUTCOME;
    assert_eq!(fault!(Row::Receipt(r) if r.outcome == "accepted" => r.outcome = "rejected"), [wrong]);
    assert_eq!(fault!(Row::Receipt(r) if r.reason.is_some() => r.reason = Some("other")), [wrong]);
    let counted_again = fault!(Row::Receipt(r) if true => { r.copies += 1; r.duplicates += 1 });
    assert_eq!(counted_again, [sum, wrong]);
    assert_eq!(
        fault!(Row::Receipt(r) if r.duplicates > 0 => { r.duplicates -= 1; r.conflicts += 1 }),
        [wrong]
    );
}

#[test]
fn readings_counted_twice_or_lost_are_found() {
    let counts = [invariants::NO_READING_COUNTED_TWICE];
    assert_eq!(fault!(Row::Counts(c) if c.outcome == "accepted" => c.readings += 1), counts);
    assert_eq!(fault!(Row::Counts(c) if c.outcome == "rejected" => c.readings -= 1), counts);
    let windows = [invariants::EVERY_WINDOW_EQUALS_REFERENCE];
    assert_eq!(fault!(Row::Window(w) if true => w.readings += 1), windows);
    assert_eq!(fault!(Row::Window(w) if true => w.mean += 0.01), windows);
    assert_eq!(fault!(Row::Window(w) if w.sd.is_some() => w.sd = None), windows);
    assert_eq!(fault!(Row::Window(w) if w.length_s == 3_600 => w.readings -= 1), windows);
    assert_eq!(fault!(Row::Window(w) if w.length_s == 86_400 => w.p50 = w.p50.map(|p| p * 1.02)), windows);
    assert_eq!(fault!(Row::Window(w) if w.length_s == 86_400 => w.coverage = None), windows);
    assert_eq!(fault!(Row::Window(w) if w.in_range.is_some() => w.in_range = None), windows);
}

#[test]
fn late_readings_excuse_their_window_only() {
    let ((patient_id, device_id, metric, start, _), want) =
        EXPECTED.windows.iter().find(|(key, w)| w.readings > 3 && key.4 == 300).unwrap();
    let less = |w: &mut Window| w.readings -= 1;
    let mut actual = run(&mut |row| match row {
        // of 5 minutes, their hour and their day
        Row::Window(w)
            if (w.window_start..w.window_start + i64::from(w.length_s) * 1000).contains(start)
                && w.device_id == device_id
                && w.metric == metric =>
        {
            less(w)
        }
        Row::Counts(c) if c.device_id == device_id && c.outcome == "accepted" => c.readings -= 1,
        _ => {}
    });
    let violated = names(&invariants::check_all(&EXPECTED, &actual));
    assert_eq!(violated, [invariants::EVERY_WINDOW_EQUALS_REFERENCE, invariants::NO_READING_COUNTED_TWICE]);
    actual.add_late_reading(&LateReading {
        version: 1,
        patient_id,
        device_id,
        metric,
        unit: "",
        value: want.mean,
        measured_at: start + 1,
        stored_at: 0,
        source: "simulated",
        organisation: None,
        care_team: None,
        clinician_id: None,
        manufacturer: None,
        procedure: None,
        time_zone: None,
        day_from: None,
        day_until: None,
        elsewhere_hours: Vec::new(),
        taken_before: None,
    });
    actual.add_reading_receipt(&count_row(patient_id, device_id, "late", "", 0, 1));
    assert!(invariants::check_all(&EXPECTED, &actual).is_empty());

    // Computed again, its windows hold it: all three of them, and no other reading.
    let reached: Vec<_> = EXPECTED
        .windows
        .iter()
        .filter(|((patient, device, of, from, length_s), _)| {
            (patient, device, of) == (patient_id, device_id, metric)
                && (*from..*from + i64::from(*length_s) * 1000).contains(start)
        })
        .map(|(key, want)| window_row(key, want))
        .collect();
    assert_eq!(reached.len(), 3);
    let late = [invariants::LATE_READINGS_REACH_THEIR_WINDOWS];
    for window in &reached {
        actual.add_late_window(window);
        let violated = names(&invariants::check_all(&EXPECTED, &actual));
        let is_last = window == &reached[2];
        assert_eq!(violated, if is_last { &[][..] } else { &late[..] });
    }
    let damages: [fn(&mut Window); 3] = [|w| w.readings -= 1, |w| w.mean += 0.01, |w| w.window_start += 1];
    for damage in damages {
        let mut damaged = Window { version: 2, ..reached[0].clone() };
        damage(&mut damaged);
        actual.add_late_window(&damaged);
        assert_eq!(names(&invariants::check_all(&EXPECTED, &actual)), late);
        actual.add_late_window(&Window { version: 2, ..reached[0].clone() });
    }
}

#[test]
fn gaps_in_coverage_are_found_and_overlaps_are_fine() {
    let gap = [invariants::COVERAGE_IS_GAPLESS];
    assert_eq!(fault!(Row::Run(r) if r.first == 13 => *r = Run { first: 14, rows: 7, ..r.clone() }), gap);
    assert_eq!(fault!(Row::Run(r) if r.first == 1 => *r = Run { first: 2, rows: 9, ..r.clone() }), gap);
    assert_eq!(fault!(Row::Run(r) if true => r.rows -= 1), gap);
    assert_eq!(fault!(Row::Run(r) if r.first == 13 => *r = Run { first: 20, last: 13, ..r.clone() }), gap);
}

#[test]
fn a_replay_that_differs_is_found() {
    let (first, again) = (run(&mut |_| {}), run(&mut |_| {}));
    assert!(invariants::replay_is_identical(&first, &again).is_empty());
    let mut other = 0;
    let changed = run(&mut |row| match row {
        Row::Score(s) if s.ewma.is_some() && other == 0 => {
            other = 1;
            s.ewma = s.ewma.map(|e| f64::from_bits(e.to_bits() + 1));
        }
        _ => {}
    });
    assert_eq!(invariants::replay_is_identical(&first, &changed).len(), 1);
}

#[test]
fn violations_name_nobody_unless_asked() {
    let key = EXPECTED.receipts.keys().next().unwrap();
    let mut lose = |row: &mut Row| {
        if matches!(row, Row::Receipt(r) if r.id == key.2) {
            *row = Row::Lost;
        }
    };
    for violation in invariants::check_all(&EXPECTED, &run(&mut lose)) {
        assert!(!violation.to_string().contains(&key.0), "{violation}");
    }
}

#[test]
fn windows_are_those_of_the_rules() {
    let readings: Vec<(i64, f64)> =
        (0..200_i32).map(|n| (i64::from(n * 7_919 % 1_200_000), 60.0 + f64::from(n % 37) / 7.0)).collect();
    let wire = |(measured_at, value): &(i64, f64)| Reading {
        metric: Metric::HeartRate,
        value: *value,
        unit: "/min",
        measured_at: *measured_at,
    };
    let upload = WearableUpload {
        patient_id: "p",
        device_id: "d",
        source: Source::Simulated,
        readings: readings.iter().map(wire).collect(),
    };
    let (mut reference, mut value) = (Reference::default(), Vec::new());
    codec::encode("wearable-readings", &upload, &mut value).unwrap();
    for _ in 0..2 {
        reference.add("wearable-readings", b"p", Some(&value), None);
    }
    let expected = reference.finish(&Library::builtin());
    let counts = &expected.readings[&("p".to_owned(), "d".to_owned())];
    assert_eq!((counts.records, counts.accepted, counts.duplicate), (2, 200, 200));
    // 20 minutes of someone who is not enrolled
    assert_eq!(expected.windows.len(), 4 + 1);
    for ((_, _, _, start, length_s), window) in &expected.windows {
        if *length_s != 300 {
            assert_eq!((*length_s, window.readings, window.coverage), (3_600, 200, 4.0 / 12.0));
            continue;
        }
        let mut points = Points::default();
        for (at, value) in readings.iter().filter(|(at, _)| at.div_euclid(300_000) * 300_000 == *start) {
            points.insert(u32::try_from(at - start).unwrap(), Micros::from_units(*value).unwrap());
        }
        let stats = Summary::of([&points]).stats().unwrap();
        assert_eq!((window.readings, window.mean, window.sd), (stats.readings, stats.mean, stats.sd));
        assert_eq!((window.min, window.max), (stats.min, stats.max));
    }
}

#[test]
fn an_answer_that_is_not_heard_is_found() {
    // In which worlds somebody answers so is a matter of the seed.
    let mut reference = Reference::default();
    let settings = Settings { patients: 400, wearers_permille: 0, home_permille: 0, ..Settings::default() };
    for record in World::new(settings) {
        reference.add(record.topic, &record.key, Some(&record.value), None);
    }
    let expected = reference.finish(&Library::builtin());
    let heard = expected.alerts.len();
    assert!(
        heard > 0 && expected.alerts.iter().all(|id| id.contains("/self-harm-answer/")),
        "{:?}",
        expected.alerts
    );
    let unheard = invariants::check_all(&expected, &Actual::of_all_topics());
    let unheard = unheard.iter().filter(|v| v.invariant == invariants::NO_ANSWER_GOES_UNHEARD).count();
    assert_eq!(unheard, heard);
}
