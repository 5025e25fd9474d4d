//! Every kind of rule at its edges.

use aftercare_core::alert::AlertStatus::{Open, Withdrawn};
use aftercare_core::documents::Role;
use aftercare_core::facts::{InputKind, RecordHead, RecordStatus};
use aftercare_core::patient::{ScoreChange, ScoreStatus};
use aftercare_core::time::Instant;
use aftercare_core::vital::VitalFact;

use crate::desk::{DAY, Desk, HOUR, MINUTE, T, metric};

pub(crate) fn rule(id: &str, kind: &str, severity: &str, parameters: &str) -> String {
    let head = format!("[[rules]]\nid = \"{id}\"\nkind = \"{kind}\"\nseverity = \"{severity}\"");
    format!("{head}\nroutes = [\"care_manager\"]\n{parameters}\n")
}

pub(crate) fn below(more: &str) -> String {
    let limits = format!("below_percent = 90\nclear_percent = 93\ntrend = \"down\"\n{more}");
    rule("below-expected", "below-expected", "warning", &limits)
}

pub(crate) fn self_harm() -> String {
    let answer = "instrument = \"phq-9\"\nitem = \"phq9_9\"\ncode_at_least = 1";
    rule("self-harm-answer", "single-answer", "critical", answer)
}

pub(crate) fn fast_pulse(severity: &str) -> String {
    let limits = "metric = \"heart_rate\"\nabove = 130\nclear = 115\nminutes = 30\ngap_minutes = 10";
    rule("fast-pulse", "sustained-vital", severity, limits)
}

pub(crate) fn evidence(desk: &Desk, name: &str) -> Option<f64> {
    desk.last().evidence.iter().find(|fact| &*fact.name == name)?.value
}

fn quiet_device() -> String {
    rule("quiet", "quiet-device", "info", "hours = 24\ngiven_back_days = 14")
}

#[test]
fn below_expected_means_under_90_percent_and_going_down() {
    let mut desk = Desk::new(&below(""));
    assert_eq!(desk.score("u-1", T + DAY, 90.0, Some(100.0), -1.0), 0, "90 % is not below");
    assert_eq!(desk.score("u-2", T + 2 * DAY, 89.9, Some(100.0), 0.0), 0, "does not go down");
    assert_eq!(desk.score("u-3", T + 3 * DAY, 89.9, None, -1.0), 0, "nothing is expected");
    assert_eq!(desk.score("u-4", T - DAY, 50.0, Some(100.0), -1.0), 0, "before the treatment");
    assert_eq!(desk.score("u-5", T + 5 * DAY, 89.9, Some(100.0), -0.1), 1);
    let row = desk.last();
    assert_eq!(row.alert_id, "e-1/below-expected/u-5");
    assert_eq!((row.revision, row.status, &*row.policy), (1, Open, "policy@3"));
    assert_eq!(row.routed_to, [Role::CareManager, Role::Clinician], "the clinician sees every alert");
    assert_eq!((row.audience, row.cause_kind, row.historic), ("patient_care", "score", false));
    assert_eq!((row.caused_at, row.raised_at), (Instant(T + 5 * DAY), Instant(T + 5 * DAY)));
    assert_eq!(row.answer_due_at, Some(Instant(T + 5 * DAY + HOUR)));
    assert_eq!(evidence(&desk, "index"), Some(89.9));
    assert_eq!(evidence(&desk, "expected"), Some(100.0));
    let edition = row.evidence.iter().find(|fact| &*fact.name == "curve_edition").unwrap();
    assert_eq!(edition.text.as_deref(), Some("pci-des@2026-01"));
}

#[test]
fn a_condition_that_lasts_raises_nothing_new() {
    let mut desk = Desk::new(&below(""));
    for (day, index, rows) in [
        (10, 80.0, 1),
        (11, 70.0, 0),
        (12, 92.9, 0), // between: not over yet
        (13, 80.0, 0),
        (14, 93.0, 0), // over
    ] {
        let id = format!("u-{day}");
        assert_eq!(desk.score(&id, T + day * DAY, index, Some(100.0), -1.0), rows, "day {day}");
    }
    assert_eq!(desk.score("u-15", T + 15 * DAY, 80.0, Some(100.0), -1.0), 1);
    assert_eq!(desk.last().alert_id, "e-1/below-expected/u-10", "still unresolved: it is added to it");
    assert!(desk.last().evidence.iter().any(|fact| &*fact.name == "again"));
    desk.act("a-1", "e-1/below-expected/u-10", "resolve");
    assert_eq!(desk.score("u-16", T + 16 * DAY, 80.0, Some(100.0), -1.0), 0, "it goes on");
    assert_eq!(desk.score("u-17", T + 17 * DAY, 95.0, Some(100.0), -1.0), 0);
    assert_eq!(desk.score("u-18", T + 18 * DAY, 80.0, Some(100.0), -1.0), 1);
    assert_eq!(desk.last().alert_id, "e-1/below-expected/u-18");
    assert_eq!(desk.alerts().len(), 2);
}

#[test]
fn what_goes_on_long_after_it_was_resolved_is_raised_again_where_the_policy_says_so() {
    let mut desk = Desk::new(&below("quiet_hours = 48"));
    desk.score("u-1", T + DAY, 80.0, Some(100.0), -1.0);
    desk.act("a-1", "e-1/below-expected/u-1", "resolve");
    assert_eq!(desk.score("u-2", T + 3 * DAY - 1, 80.0, Some(100.0), -1.0), 0);
    assert_eq!(desk.score("u-3", T + 3 * DAY, 80.0, Some(100.0), -1.0), 1);
    assert_eq!(desk.last().alert_id, "e-1/below-expected/u-3");
}

#[test]
fn a_correction_withdraws_what_nobody_touched_and_adds_to_what_somebody_did() {
    let mut desk = Desk::new(&below(""));
    desk.score("u-1", T + DAY, 80.0, Some(100.0), -1.0);
    assert_eq!(desk.score("u-1", T + DAY, 80.0, Some(100.0), -1.0), 0, "a repetition");
    assert_eq!(desk.score("u-1", T + DAY, 81.0, Some(100.0), -1.0), 1, "other evidence");
    assert_eq!((desk.last().revision, desk.last().status, evidence(&desk, "index")), (2, Open, Some(81.0)));
    assert_eq!(desk.score("u-1", T + DAY, 99.0, Some(100.0), -1.0), 1);
    assert_eq!((desk.last().revision, desk.last().status), (3, Withdrawn));
    assert_eq!(desk.score("u-1", T + DAY, 80.0, Some(100.0), -1.0), 1, "corrected back");
    assert_eq!((desk.last().revision, desk.last().status), (4, Open));
    desk.act("a-1", "e-1/below-expected/u-1", "acknowledge");
    let gone = ScoreChange { status: ScoreStatus::Withdrawn, ..desk.row("u-1", T + DAY) };
    assert_eq!(desk.rows_of(&[gone]), 1);
    assert_eq!((desk.last().revision, desk.last().status.as_str()), (6, "acknowledged"));
    assert_eq!(desk.last().evidence.last().unwrap().text.as_deref(), Some("corrected"));
    assert_eq!(desk.alerts().len(), 1);
}

/// A PHQ-9 (up is worse, 5 points matter) beside the patient's own level.
fn beside(desk: &Desk, id: &str, day: i64, (level, score): (f64, f64), errors: f64) -> ScoreChange {
    ScoreChange {
        score: Some(score),
        level: Some(level),
        change_errors: Some(errors),
        trend_errors: Some(errors),
        ..desk.row(id, T + day * DAY)
    }
}

#[test]
fn a_decline_is_a_slope_beyond_its_error_that_matters() {
    let mut desk =
        Desk::new(&rule("decline", "rapid-decline", "warning", "errors = 4\nclear_errors = 2\nmcid = 1"));
    for (day, scores, errors, rows) in [
        (1, (5.0, 12.0), -3.99, 0),
        (2, (5.0, 9.9), -6.0, 0),
        (3, (5.0, 10.0), -4.0, 1),
        (4, (5.0, 10.0), -2.0, 0),
        (5, (5.0, 10.0), -4.0, 0),
        (6, (5.0, 10.0), -1.9, 0),
        (7, (5.0, 10.0), -4.0, 1),
    ] {
        let row = beside(&desk, &format!("u-{day}"), day, scores, errors);
        assert_eq!(desk.rows_of(&[row]), rows, "day {day}");
    }
    assert_eq!(evidence(&desk, "again"), None);
    let first = &desk.rows[0];
    let of = |name: &str| first.evidence.iter().find(|fact| &*fact.name == name).and_then(|fact| fact.value);
    assert_eq!((of("trend_errors"), of("level"), of("score")), (Some(-4.0), Some(5.0), Some(10.0)));
    assert_eq!(desk.alerts().len(), 1, "the second joined the first");
}

fn fall() -> String {
    rule("fall", "below-expected", "warning", "forecast_sds = 1\nerrors = 3.5\nclear_errors = 1\nmcid = 1")
        .replace("3.5", "\"3.5\"")
}

#[test]
fn instruments_of_an_upload_are_taken_together() {
    let together = |phq: f64, gad: f64| {
        let mut desk = Desk::new(&fall());
        let one = beside(&desk, "u-1", 9, (5.0, 10.0), phq);
        let other = ScoreChange { instrument: "gad-7".into(), ..beside(&desk, "u-1", 9, (5.0, 5.5), gad) };
        desk.rows_of(&[one, other])
    };
    // each within its error, both together not: -5 / sqrt(2)
    assert_eq!(together(-2.5, -2.5), 1);
    assert_eq!(together(-2.4, -2.5), 0);
    assert_eq!(together(-5.0, 0.1), 0, "the other one speaks against it");
    assert_eq!(together(-60.0, 2.0), 0, "none says more than 6 errors");
}

#[test]
fn a_fall_that_was_forecast_is_none() {
    for (forecast, rows) in [(90.0, 0), (89.9, 0), (90.1, 1)] {
        let mut desk = Desk::new(&fall());
        let fallen = beside(&desk, "u-1", 9, (5.0, 15.0), -5.0);
        let composite = ScoreChange {
            instrument: "composite".into(),
            index: Some(80.0),
            expected: Some(120.0),
            expected_sd: Some(1.0),
            forecast: Some(forecast),
            forecast_sd: Some(10.05),
            ..desk.row("u-1", T + 9 * DAY)
        };
        assert_eq!(desk.rows_of(&[fallen, composite]), rows, "{forecast}");
    }
}

#[test]
fn several_in_a_row_whatever_the_order_in_which_they_come() {
    let limits = "below_percent = 70\nclear_percent = 80\nresponses = 3";
    let days = [(0, None), (1, Some(60.0)), (2, Some(75.0)), (3, Some(69.0)), (4, Some(60.0)), (5, None)];
    for order in [[0, 1, 2, 3, 4, 5], [5, 4, 3, 2, 1, 0], [2, 4, 0, 3, 5, 1]] {
        let mut desk = Desk::new(&rule("far", "below-expected", "info", limits));
        for nth in order {
            let (day, index) = days[nth];
            let expected = index.map(|_| 100.0);
            desk.score(&format!("u-{day}"), T + day * DAY, index.unwrap_or(0.0), expected, 0.0);
        }
        let standing: Vec<_> = desk.alerts().into_iter().filter(|(_, status)| *status == Open).collect();
        assert_eq!(standing.len(), 1, "{order:?}");
        // the third was better after all
        desk.score("u-3", T + 3 * DAY, 85.0, Some(100.0), 0.0);
        assert!(
            desk.alerts().iter().all(|(_, status)| *status == Withdrawn),
            "{order:?}: {:?}",
            desk.alerts()
        );
    }
}

#[test]
fn each_upload_with_an_answer_that_cannot_wait_is_an_alert_of_its_own() {
    let mut desk = Desk::new(&self_harm());
    assert_eq!(desk.answer("u-1", T, 0), 0);
    assert_eq!(desk.answer("u-2", T + 1, 1), 1);
    assert_eq!(desk.last().alert_id, "e-1/self-harm-answer/u-2");
    assert_eq!((desk.last().cause_kind, evidence(&desk, "answer")), ("answer", Some(1.0)));
    assert_eq!(desk.answer("u-2", T + 1, 1), 0, "a repetition");
    assert_eq!(desk.act("a-1", "e-1/self-harm-answer/u-2", "snooze"), 0, "can't be put off unanswered");
    assert_eq!(desk.answer("u-3", T + 2, 3), 1);
    assert_eq!(desk.last().alert_id, "e-1/self-harm-answer/u-3");
    let amended = RecordHead {
        revision: 2,
        status: RecordStatus::Amended,
        ..desk.head(InputKind::PromResponse, "u-3", T + 2)
    };
    assert_eq!(desk.answer_as(&amended, T + 2, 0), 1);
    assert_eq!(desk.last().status, Withdrawn);
    let alerts = desk.alerts();
    assert_eq!(alerts.iter().map(|(_, status)| *status).collect::<Vec<_>>(), [Open, Withdrawn]);
}

#[test]
fn a_severe_score_is_at_its_cut_off() {
    let limits = "instrument = \"phq-9\"\nabove = 20\nclear = 17";
    let mut desk = Desk::new(&rule("severe-depression", "severe-score", "critical", limits));
    for (day, score, rows) in
        [(1, 19.0, 0), (2, 20.0, 1), (3, 24.0, 0), (4, 17.0, 0), (5, 20.0, 0), (6, 16.0, 0)]
    {
        let row = ScoreChange { score: Some(score), ..desk.row(&format!("u-{day}"), T + day * DAY) };
        assert_eq!(desk.rows_of(&[row]), rows, "day {day}");
    }
    let row = ScoreChange { score: Some(21.0), ..desk.row("u-7", T + 7 * DAY) };
    assert_eq!(desk.rows_of(&[row]), 1);
    assert_eq!(
        desk.last().alert_id,
        "e-1/severe-depression/u-7",
        "a critical onset never joins another alert"
    );
}

#[test]
fn a_threshold_counts_once_it_was_sustained() {
    let mut desk = Desk::new(&fast_pulse("warning"));
    for window in 0..5 {
        assert_eq!(desk.window(T + window * 5 * MINUTE, 130.0), 0, "window {window}");
    }
    assert_eq!(desk.window(T + 25 * MINUTE, 140.0), 1, "30 minutes");
    assert_eq!(desk.last().alert_id, "e-1/fast-pulse/heart_rate@2026-01-01T00:25:00Z@watch-1");
    assert_eq!(evidence(&desk, "mean"), Some(140.0));
    assert_eq!(desk.window(T + 25 * MINUTE, 141.0), 1, "a late reading changed the window");
    assert_eq!((desk.last().revision, evidence(&desk, "mean")), (2, Some(141.0)));
    for window in 6..60 {
        assert_eq!(desk.window(T + window * 5 * MINUTE, 150.0), 0, "window {window}");
    }
    assert_eq!(desk.alerts().len(), 1);
    desk.act("a-1", &desk.last().alert_id.clone(), "resolve");
    desk.window(T + 60 * 5 * MINUTE, 120.0);
    for window in 61..67 {
        assert_eq!(desk.window(T + window * 5 * MINUTE, 150.0), 0, "it was not over");
    }
    desk.window(T + 67 * 5 * MINUTE, 114.0);
    let rows: usize = (68..74).map(|window| desk.window(T + window * 5 * MINUTE, 150.0)).sum();
    assert_eq!((rows, desk.alerts().len()), (1, 2));
}

#[test]
fn an_alert_stands_when_what_raised_it_is_forgotten() {
    let mut desk = Desk::new(&fast_pulse("warning"));
    for window in 0..100 {
        desk.window(T + window * 5 * MINUTE, if window < 6 { 150.0 } else { 100.0 });
    }
    assert_eq!(desk.window(T + 100 * 5 * MINUTE, 120.0), 0);
    assert_eq!(desk.alerts().iter().map(|(_, status)| *status).collect::<Vec<_>>(), [Open]);
}

#[test]
fn a_window_below_the_limit_or_a_gap_breaks_the_stretch() {
    let mut desk = Desk::new(&fast_pulse("warning"));
    for window in [0, 1, 2, 3, 4, 6, 7, 8, 9, 10, 14, 15, 16, 17, 18] {
        let mean = if window == 6 { 129.9 } else { 131.0 };
        assert_eq!(desk.window(T + window * 5 * MINUTE, mean), 0, "window {window}");
    }
    assert_eq!(desk.window(T + 19 * 5 * MINUTE, 131.0), 1);
    // a late reading shows that window 16 was none
    assert_eq!(desk.window(T + 16 * 5 * MINUTE, 100.0), 1);
    assert_eq!(desk.last().status, Withdrawn);
}

#[test]
fn windows_that_are_well_leave_nothing_behind() {
    let mut desk = Desk::new(&fast_pulse("warning"));
    for window in 0..500 {
        desk.window(T + window * 5 * MINUTE, 80.0);
    }
    assert_eq!(desk.book, Default::default());
}

#[test]
fn a_window_is_passed_over_that_is_well_and_of_a_device_heard_within_the_hour() {
    let mut desk = Desk::new(&(quiet_device() + &fast_pulse("warning")));
    assert!(!desk.passes_over(T, 80.0), "the device is new");
    desk.window(T, 80.0);
    assert!(desk.passes_over(T + 5 * MINUTE, 80.0));
    assert!(!desk.passes_over(T + 5 * MINUTE, 131.0), "it is beyond a limit");
    assert!(!desk.passes_over(T + 65 * MINUTE, 80.0), "the device was not heard for an hour");
    desk.window(T + 5 * MINUTE, 131.0);
    assert!(!desk.passes_over(T + 10 * MINUTE, 80.0), "the one before was beyond a limit");
}

#[test]
fn far_from_the_own_baseline() {
    let limits = "metric = \"body_weight\"\naway = \"up\"\nz = 4\nclear_z = 2";
    let mut desk = Desk::new(&rule("weight-gain", "own-baseline", "warning", limits));
    for (day, z, rows) in [(1, -9.0, 0), (2, 3.9, 0), (3, 4.0, 1), (4, 2.0, 0), (5, 6.0, 0)] {
        let fact = VitalFact::Deviation {
            metric: metric("body_weight"),
            at: Instant(T + day * DAY),
            value: 80.0,
            median: 78.0,
            robust_z: z,
        };
        assert_eq!(desk.vital(&fact), rows, "day {day}");
    }
}

#[test]
fn an_upload_is_overdue_some_days_after_its_slot() {
    let mut desk = Desk::new(&rule("overdue", "overdue-upload", "warning", "grace_days = 3"));
    desk.enrol();
    // slot 1 is days 7 to 20, slot 2 days 21 to 34
    assert_eq!(desk.tick_to(T + 24 * DAY - 1), 0);
    assert_eq!(desk.tick_to(T + 24 * DAY), 1);
    assert_eq!(desk.last().alert_id, "e-1/overdue/slot-1");
    assert_eq!((desk.last().cause_kind, desk.last().caused_at), ("silence", Instant(T + 21 * DAY)));
    assert!(!desk.last().historic, "it could not be known before");
    desk.tick_to(T + 40 * DAY);
    assert_eq!(desk.alerts().len(), 1, "the silence lasts");
    desk.act("a-1", "e-1/overdue/slot-1", "resolve");
    assert_eq!(desk.score("u-1", T + 41 * DAY, 100.0, None, 0.0), 0);
    desk.tick_to(T + 66 * DAY);
    assert_eq!(desk.alerts().len(), 2, "slot 4 was missed");
    assert_eq!(desk.last().alert_id, "e-1/overdue/slot-4");
    // the phone was offline: slot 4 was answered in time
    assert_eq!(desk.score("u-2", T + 60 * DAY, 100.0, None, 0.0), 1);
    assert_eq!((&*desk.last().rule, desk.last().status), ("overdue", Withdrawn));
}

#[test]
fn what_was_due_before_the_enrolment_came_is_not_overdue() {
    let mut desk = Desk::new(&rule("overdue", "overdue-upload", "warning", "grace_days = 3"));
    desk.tick = T + 100 * DAY;
    desk.enrol();
    // slot 6 ends on day 91, slot 7 on day 105
    assert_eq!(desk.tick_to(T + 108 * DAY - 1), 0);
    assert_eq!(desk.tick_to(T + 108 * DAY), 1);
    assert_eq!(desk.last().cause_id, "slot-7".into());
}

#[test]
fn a_device_is_quiet_until_it_is_heard_again() {
    let mut desk = Desk::new(&quiet_device());
    for window in 0..30 {
        desk.window(T + window * 5 * MINUTE, 80.0);
    }
    // heard to the hour: at most an hour early, never late by more than one
    assert_eq!(desk.tick_to(T + 26 * HOUR), 0);
    assert_eq!(desk.tick_to(T + 28 * HOUR), 1);
    assert!(desk.last().alert_id.starts_with("e-1/quiet/watch-1@2026-01-01T02:"), "{}", desk.last().alert_id);
    assert_eq!(desk.tick_to(T + 200 * HOUR), 0);
    assert_eq!(desk.window(T + 200 * HOUR, 80.0), 1);
    assert_eq!(desk.last().status, Withdrawn);
}

#[test]
fn a_device_that_stays_quiet_was_given_back() {
    for acted in [false, true] {
        let mut desk = Desk::new(&quiet_device());
        desk.window(T, 80.0);
        assert_eq!(desk.tick_to(T + 2 * DAY), 1);
        if acted {
            desk.act("a-1", &desk.last().alert_id.clone(), "acknowledge");
        }
        assert_eq!(desk.tick_to(T + 14 * DAY), 0);
        assert_eq!(desk.tick_to(T + 15 * DAY), 1);
        assert_eq!(desk.last().status.as_str(), if acted { "acknowledged" } else { "withdrawn" });
        let why = desk.last().evidence.last().and_then(|fact| fact.text.as_deref());
        assert_eq!(why == Some("given_back"), acted);
        assert_eq!(desk.book.next_due().filter(|_| !acted), None, "nothing is waited for");
        // lent again
        desk.window(T + 40 * DAY, 80.0);
        assert_eq!(desk.tick_to(T + 42 * DAY), 1);
        assert_eq!(desk.alerts().len(), if acted { 1 } else { 2 });
    }
}

#[test]
fn an_episode_that_ended_owes_nothing() {
    let mut desk =
        Desk::new(&(quiet_device() + &rule("overdue", "overdue-upload", "info", "grace_days = 3")));
    desk.enrol();
    desk.window(T + 23 * DAY, 80.0);
    desk.tick_to(T + 25 * DAY);
    assert_eq!(desk.alerts().iter().map(|(_, status)| *status).collect::<Vec<_>>(), [Open, Open]);
    desk.episode_status = Some("ended");
    assert_eq!(desk.enrol(), 2);
    assert_eq!(desk.alerts().iter().map(|(_, status)| *status).collect::<Vec<_>>(), [Withdrawn, Withdrawn]);
    assert_eq!(desk.tick_to(T + 60 * DAY), 0);
}

#[test]
fn adherence_is_judged_over_days() {
    let limits = "below_percent = 90\nclear_percent = 95\ndays = 7\ndue_min = 14";
    let mut desk = Desk::new(&rule("adherence", "adherence", "warning", limits));
    let mut day = |day: i64, taken: u32| {
        desk.vital(&VitalFact::Adherence { day_start: Instant(T + day * DAY), taken, due: 2 })
    };
    for (at, taken) in [(0, 2), (1, 2), (2, 2), (3, 2), (4, 1), (5, 1), (6, 2)] {
        assert_eq!(day(at, taken), 0, "12 of 14 only once there are 14");
        if at == 5 {
            break;
        }
    }
    assert_eq!(day(6, 2), 1, "12 of 14 is 85.7 %");
    assert_eq!(day(5, 2), 1, "13 of 14 is 92.9 %: other evidence");
    assert_eq!(desk.last().evidence[0].value, Some(100.0 * 13.0 / 14.0));
}

#[test]
fn a_session_that_was_no_service_is_told_once_an_upload_and_clinician() {
    let mut desk = Desk::new(&rule("superficial", "superficial-use", "info", ""));
    assert_eq!(desk.session("s-1", T, "u-1", true), 0);
    assert_eq!(desk.session("s-2", T + HOUR, "u-2", false), 1);
    let row = desk.last();
    assert_eq!(
        (&*row.alert_id, row.audience, row.cause_kind),
        ("e-1/superficial/c-1/u-2", "service", "session")
    );
    assert_eq!(row.routed_to, [Role::CareManager], "toward the service: the clinician is not asked");
    assert_eq!(desk.session("s-2", T + HOUR, "u-2", false), 0, "a repetition");
    assert_eq!(desk.session("s-3", T + 2 * HOUR, "u-3", false), 1, "another upload");
    assert_eq!(desk.session("s-4", T + 3 * HOUR, "u-2", true), 1, "read properly after all");
    assert_eq!((&*desk.last().cause_id, desk.last().status), ("c-1/u-2", Withdrawn));
    assert_eq!(desk.session("s-5", T + 2 * HOUR, "u-2", false), 0, "an older session");
}

#[test]
fn a_marker_that_rises_again_after_a_response() {
    let limits = "codes = [\"bcr-abl\"]\nafter_at_most = \"0.1\"\nat_least = \"0.1001\"";
    let mut desk = Desk::new(&rule("relapse", "laboratory-rise", "warning", limits));
    assert_eq!(desk.value("l-1", T + DAY, "bcr-abl", 5.0), 0, "never low yet");
    assert_eq!(desk.value("l-2", T + 90 * DAY, "bcr-abl", 0.1), 0);
    assert_eq!(desk.value("l-3", T + 180 * DAY, "other", 9.0), 0);
    assert_eq!(desk.value("l-4", T + 180 * DAY, "bcr-abl", 0.11), 1);
    assert_eq!(desk.last().alert_id, "e-1/relapse/l-4");
    let corrected = RecordHead {
        revision: 2,
        status: RecordStatus::Amended,
        ..desk.head(InputKind::ClinicalEvent, "l-2", T + 90 * DAY)
    };
    assert_eq!(desk.value_as(&corrected, "bcr-abl", 1.0), 1, "there was no response before it");
    assert_eq!(desk.last().status, Withdrawn);
    let withdrawn = RecordHead { revision: 3, status: RecordStatus::EnteredInError, ..corrected };
    assert_eq!(desk.value_as(&withdrawn, "bcr-abl", 1.0), 0);
    assert_eq!(desk.value("l-5", T + 91 * DAY, "bcr-abl", 0.05), 1, "late: there was one after all");
    assert_eq!((&*desk.last().alert_id, desk.last().status), ("e-1/relapse/l-4", Open));
}

#[test]
fn urine_albumin_from_30_to_100() {
    let limits = "codes = [\"9318-7\"]\nafter_at_most = 30\nat_least = 100";
    let mut desk = Desk::new(&rule("acr", "laboratory-rise", "warning", limits));
    for (day, value, rows) in [(1, 120.0, 0), (2, 30.0, 0), (3, 99.9, 0), (4, 100.0, 1), (5, 300.0, 0)] {
        let id: &'static str = Box::leak(format!("l-{day}").into_boxed_str());
        assert_eq!(desk.value(id, T + day * DAY, "9318-7", value), rows, "day {day}");
    }
}

#[test]
fn a_laboratory_value_is_judged_in_the_unit_of_the_rule() {
    let limits = "codes = [\"9318-7\"]\nafter_at_most = 30\nat_least = 100\nunit = \"mg/g\"\n\
                  units = { \"mg/mmol\" = \"8.8402\" }";
    let mut desk = Desk::new(&rule("acr", "laboratory-rise", "warning", limits));
    let head = |desk: &Desk, id, day| desk.head(InputKind::ClinicalEvent, id, T + day * DAY);
    let low = head(&desk, "l-1", 1);
    desk.value_in(&low, "9318-7", 3.0, Some("mg/mmol"));
    let high = head(&desk, "l-2", 2);
    assert_eq!(desk.value_in(&high, "9318-7", 11.3, Some("mg/mmol")), 0, "99.9 mg/g");
    let higher = RecordHead { revision: 2, ..high };
    assert_eq!(desk.value_in(&higher, "9318-7", 11.4, Some("mg/mmol")), 1, "100.8 mg/g");
    assert_eq!((evidence(&desk, "value"), evidence(&desk, "reported")), (Some(11.4 * 8.8402), Some(11.4)));
    let unread = RecordHead { revision: 3, ..high };
    assert_eq!(desk.value_in(&unread, "9318-7", 300.0, Some("g/L")), 1, "it counts as none");
    assert_eq!(desk.last().status, Withdrawn);
    let bare = RecordHead { revision: 4, ..high };
    assert_eq!(desk.value_in(&bare, "9318-7", 100.0, None), 1);
    let assumed = desk.last().evidence.iter().find(|fact| &*fact.name == "assumed_unit");
    assert_eq!(assumed.and_then(|fact| fact.text.as_deref()), Some("mg/g"));
}

#[test]
fn a_response_held_for_two_years() {
    let limits = "codes = [\"bcr-abl\"]\nat_most = \"0.1\"\ndays = 730\nvalues_min = 4";
    let mut desk = Desk::new(&rule("held", "laboratory-held", "info", limits));
    desk.value("l-0", T, "bcr-abl", 0.2);
    for (id, day) in [("l-1", 10), ("l-2", 300), ("l-3", 600), ("l-4", 739)] {
        assert_eq!(desk.value(id, T + day * DAY, "bcr-abl", 0.1), 0, "{id}");
    }
    assert_eq!(desk.value("l-5", T + 740 * DAY, "bcr-abl", 0.1), 1);
}

#[test]
fn ctdna_higher_than_before() {
    let limits = "codes = [\"ctdna\"]\nfactor = \"1.5\"\nat_least = \"0.1\"";
    let mut desk = Desk::new(&rule("ctdna", "laboratory-increase", "warning", limits));
    assert_eq!(desk.value("l-1", T + DAY, "ctdna", 0.2), 0, "the first");
    assert_eq!(desk.value("l-2", T + 2 * DAY, "ctdna", 0.29), 0);
    assert_eq!(desk.value("l-3", T + 3 * DAY, "ctdna", 0.435), 1);
    assert_eq!(desk.value("l-4", T + 4 * DAY, "ctdna", 0.9), 0, "it goes on");
}

#[test]
fn a_drug_level_outside_its_limits_by_month() {
    let bands =
        "{ until_month = 3, at_least = 7, at_most = 20 }, { until_month = 12, at_least = 5, at_most = 15 }";
    let limits = format!("codes = [\"11253-2\"]\nhours_since_dose = 12\nbands = [{bands}]");
    for (day, value, rows) in [
        (89, 6.9, 1),
        (89, 7.0, 0),
        (89, 20.0, 0),
        (90, 5.0, 0),
        (90, 4.9, 1),
        (90, 15.1, 1),
        (400, 4.9, 1), // the last band holds for good
        (-1, 1.0, 0),  // before the treatment
    ] {
        let mut desk = Desk::new(&rule("trough", "laboratory-limits", "warning", &limits));
        assert_eq!(desk.value("l-1", T + day * DAY, "11253-2", value), rows, "{value} on day {day}");
        if rows == 1 {
            assert_eq!(evidence(&desk, "assumed_hours_since_dose"), Some(12.0));
        }
    }
}
