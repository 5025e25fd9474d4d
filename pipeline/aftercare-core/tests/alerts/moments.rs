//! Early warning scores and surges of blood pressure: what raises an alert, and what takes it back.

use aftercare_core::alert::AlertStatus::{Acknowledged, Open, Withdrawn};
use aftercare_core::time::{Instant, Millis};
use aftercare_core::vital::{Moment, VitalFact};

use crate::desk::{Desk, HOUR, MINUTE, T};
use crate::rules::rule;

/// A surge into the window that begins this hour.
fn surge(hour: i64, from: f64, to: f64) -> VitalFact {
    let slot_start = Instant(T + hour * HOUR);
    VitalFact::Surge { slot_start, at: slot_start.saturating_add(Millis(5 * MINUTE)), from, to, minutes: 20 }
}

/// An early warning score of the window that begins so many minutes after the treatment, measured in its second minute
/// or later.
fn score_at(minute: i64, measured: i64, score: u8) -> VitalFact {
    let slot_start = Instant(T + minute * MINUTE);
    let at = slot_start.saturating_add(Millis(measured * MINUTE));
    let parts = [("pulse", score), ("a", 0), ("b", 0), ("c", 0), ("d", 0), ("e", 0), ("f", 0)];
    VitalFact::News2 { slot_start, at, score, any_three: false, parts }
}

fn gone(moment: Moment, minute: i64) -> VitalFact {
    VitalFact::Gone { moment, slot_start: Instant(T + minute * MINUTE) }
}

const EMERGENCY: &str = "at_least = 7\nany_three = \"no\"\nclear_below = 6\ngap_hours = 12";

#[test]
fn early_warning_scores_of_5_and_7_and_any_3() {
    let urgent = "at_least = 5\nany_three = \"yes\"\nclear_below = 4\ngap_hours = 12";
    let emergency = "at_least = 7\nany_three = \"no\"\nclear_below = 6\ngap_hours = 12";
    let rules =
        rule("urgent", "news2", "warning", urgent) + &rule("emergency", "news2", "critical", emergency);
    for (score, any_three, expected) in [
        (4, false, vec![]),
        (5, false, vec!["urgent"]),
        (3, true, vec!["urgent"]),
        (6, true, vec!["urgent"]),
        (7, false, vec!["urgent", "emergency"]),
    ] {
        let mut desk = Desk::new(&rules);
        let parts = [("pulse", 3), ("a", 0), ("b", 0), ("c", 0), ("d", 0), ("e", 0), ("f", 0)];
        desk.vital(&VitalFact::News2 { slot_start: Instant(T), at: Instant(T), score, any_three, parts });
        let raised: Vec<&str> = desk.rows.iter().map(|row| &*row.rule).collect();
        assert_eq!(raised, expected, "{score} {any_three}");
        let later = Instant(T + 12 * HOUR);
        let again = VitalFact::News2 { slot_start: later, at: later, score, any_three, parts };
        assert_eq!(desk.vital(&again), 0, "it goes on");
    }
}

#[test]
fn surges_close_to_each_other_are_one() {
    let limits = "rise = 40\nto_at_least = 160\ngap_hours = 24";
    let mut desk = Desk::new(&rule("surge", "pressure-surge", "warning", limits));
    let mut take = |hour: i64, from: f64, to: f64| desk.vital(&surge(hour, from, to));
    assert_eq!(take(0, 121.0, 160.0), 0);
    assert_eq!(take(1, 100.0, 159.0), 0);
    assert_eq!(take(2, 120.0, 160.0), 1);
    assert_eq!(take(26, 120.0, 170.0), 0, "24 hours later");
    assert_eq!(take(51, 120.0, 170.0), 1, "the alert is still open: again");
    assert_eq!(desk.alerts().len(), 1);
}

#[test]
fn a_score_that_holds_no_more_takes_its_alert_back() {
    let id = "e-1/emergency/news2@2026-01-01T00:00:00Z";
    let mut desk = Desk::new(&rule("emergency", "news2", "critical", EMERGENCY));
    assert_eq!(desk.vital(&score_at(0, 2, 8)), 1);
    assert_eq!((&*desk.last().alert_id, desk.last().status), (id, Open));
    // a reading came late: the newest of the seven is another one, the score is the same one
    assert_eq!(desk.vital(&score_at(0, 4, 9)), 1);
    assert_eq!((&*desk.last().alert_id, desk.last().caused_at), (id, Instant(T + 4 * MINUTE)));
    assert_eq!(desk.vital(&gone(Moment::Surge, 0)), 0, "of a surge nothing was said");
    assert_eq!(desk.vital(&gone(Moment::News2, 5)), 0, "neither of another window");
    assert_eq!(desk.vital(&gone(Moment::News2, 0)), 1);
    assert_eq!(desk.alerts(), [(id.to_owned(), Withdrawn)]);
    assert_eq!(desk.vital(&gone(Moment::News2, 0)), 0, "it is gone");
    assert_eq!(desk.vital(&score_at(0, 2, 8)), 1, "it holds again");
    assert_eq!(desk.alerts(), [(id.to_owned(), Open)]);
    assert_eq!(desk.vital(&score_at(0, 2, 3)), 1, "it is lower");
    assert_eq!(desk.alerts(), [(id.to_owned(), Withdrawn)]);
}

#[test]
fn an_alert_that_somebody_answered_says_that_its_score_holds_no_more() {
    let id = "e-1/emergency/news2@2026-01-01T00:00:00Z";
    let mut desk = Desk::new(&rule("emergency", "news2", "critical", EMERGENCY));
    desk.vital(&score_at(0, 2, 8));
    desk.act("a-1", id, "acknowledge");
    assert_eq!(desk.vital(&gone(Moment::News2, 0)), 1);
    assert_eq!(desk.last().status, Acknowledged);
    assert!(desk.last().evidence.iter().any(|evidence| *evidence.name == *"cause"));
    assert_eq!(desk.vital(&gone(Moment::News2, 0)), 0);
}

#[test]
fn an_alert_stays_while_scores_after_its_own_hold_and_goes_with_the_last_of_them() {
    let mut desk = Desk::new(&rule("emergency", "news2", "critical", EMERGENCY));
    for minute in [0, 5, 10] {
        desk.vital(&score_at(minute, 2, 8));
    }
    assert_eq!(desk.alerts().len(), 1);
    assert_eq!(desk.vital(&gone(Moment::News2, 0)), 1, "it lasts; its onset was corrected");
    assert_eq!(desk.last().status, Open);
    assert_eq!(desk.vital(&gone(Moment::News2, 5)), 0);
    assert_eq!(desk.vital(&gone(Moment::News2, 10)), 1);
    assert_eq!(desk.last().status, Withdrawn);
}

#[test]
fn a_surge_that_shrinks_or_is_denied_takes_its_alert_back() {
    let limits = |rise: i32| format!("rise = {rise}\nto_at_least = 160\ngap_hours = 24");
    let rules = rule("steep", "pressure-surge", "warning", &limits(60))
        + &rule("surge", "pressure-surge", "warning", &limits(40));
    let id = |rule: &str| format!("e-1/{rule}/surge@2026-01-01T02:00:00Z");
    let mut desk = Desk::new(&rules);
    assert_eq!(desk.vital(&surge(2, 110.0, 175.0)), 2);
    assert_eq!(desk.vital(&surge(2, 115.0, 170.0)), 2);
    assert_eq!(desk.alerts(), [(id("steep"), Withdrawn), (id("surge"), Open)], "too little for one of them");
    assert_eq!(desk.vital(&surge(2, 120.0, 159.0)), 1);
    assert_eq!(desk.alerts(), [(id("steep"), Withdrawn), (id("surge"), Withdrawn)]);
    assert_eq!(desk.vital(&surge(2, 115.0, 170.0)), 1);
    assert_eq!(desk.vital(&gone(Moment::Surge, 120)), 1);
    assert_eq!(desk.alerts(), [(id("steep"), Withdrawn), (id("surge"), Withdrawn)]);
    assert_eq!(desk.vital(&surge(3, 115.0, 170.0)), 1, "the next one is an onset");
}
