//! What people and ticks do to an alert.

use aftercare_core::alert::AlertStatus::{Acknowledged, Open, Resolved, Snoozed};
use aftercare_core::documents::Role;
use aftercare_core::facts::{InputKind, RecordHead, RecordStatus, Source};
use aftercare_core::time::Instant;

use crate::desk::{DAY, Desk, HOUR, MINUTE, T};
use crate::rules::{below, evidence, self_harm};

const CRISIS: &str = "e-1/self-harm-answer/u-1";
const BELOW: &str = "e-1/below-expected/u-1";

fn crisis() -> Desk {
    let mut desk = Desk::new(&self_harm());
    desk.answer("u-1", T, 2);
    desk
}

fn warning() -> Desk {
    let mut desk = Desk::new(&below(""));
    desk.score("u-1", T, 80.0, Some(100.0), -1.0);
    desk
}

#[test]
fn a_critical_alert_that_nobody_answers_escalates_after_10_minutes() {
    let mut desk = crisis();
    assert_eq!(desk.last().answer_due_at, Some(Instant(T + 10 * MINUTE)));
    assert_eq!(desk.tick_to(T + 7 * MINUTE - 1), 0);
    assert_eq!(desk.tick_to(T + 7 * MINUTE), 1, "most of the time is over");
    assert_eq!((desk.last().escalations, evidence(&desk, "answer_time_used")), (0, Some(70.0)));
    assert_eq!(desk.tick_to(T + 10 * MINUTE - 1), 0);
    assert_eq!(desk.tick_to(T + 10 * MINUTE), 1);
    let row = desk.last();
    assert_eq!((row.escalations, row.status), (1, Open));
    assert_eq!(row.routed_to, [Role::CareManager, Role::Clinician, Role::LocalDoctor]);
    assert_eq!(row.answer_due_at, Some(Instant(T + 20 * MINUTE)));
    desk.tick_to(T + DAY);
    let row = desk.last();
    assert_eq!(
        (row.escalations, row.routed_to.last()),
        (2, Some(&Role::SocialWorker)),
        "then nobody is left"
    );
    assert_eq!(row.answer_due_at, Some(Instant(T + 30 * MINUTE)), "and it stays late");
    assert_eq!(desk.book.next_due(), None);
}

#[test]
fn a_vip_is_answered_sooner() {
    let mut desk = Desk::new(&self_harm());
    desk.vip = true;
    desk.answer("u-1", T, 1);
    assert!(desk.last().vip);
    desk.tick_to(T + 5 * MINUTE);
    assert_eq!(desk.last().escalations, 1);
}

#[test]
fn a_tick_far_ahead_escalates_once_and_not_for_each_time_that_passed() {
    let mut desk = crisis();
    desk.tick = T + DAY;
    desk.with(|book, now, out| book.tick(now, out));
    assert_eq!(desk.last().escalations, 1);
    assert_eq!(desk.last().answer_due_at, Some(Instant(T + DAY + 10 * MINUTE)));
}

#[test]
fn who_acknowledges_has_it_and_nothing_escalates() {
    let mut desk = crisis();
    desk.tick = T + MINUTE;
    assert_eq!(desk.act("a-1", CRISIS, "acknowledge"), 1);
    let row = desk.last();
    assert_eq!((row.status, row.assignee_id.as_deref()), (Acknowledged, Some("n-1")));
    assert_eq!((row.acknowledged_at, row.answer_due_at), (Some(Instant(T + MINUTE)), None));
    assert_eq!(desk.act("a-1", CRISIS, "acknowledge"), 0, "a repetition");
    assert_eq!(desk.tick_to(T + DAY), 0);
    assert_eq!(desk.act("a-2", CRISIS, "resolve"), 1);
    let row = desk.last();
    assert_eq!((row.status, row.outcome, row.revision), (Resolved, Some("appointment"), 3));
}

#[test]
fn a_snooze_ends_and_the_time_to_answer_begins_anew() {
    let mut desk = warning();
    assert_eq!(desk.act("a-1", BELOW, "snooze"), 1);
    assert_eq!((desk.last().status, desk.last().snoozed_until), (Snoozed, Some(Instant(T + HOUR))));
    assert_eq!(desk.last().answer_due_at, None);
    assert_eq!(desk.tick_to(T + HOUR - 1), 0);
    assert_eq!(desk.tick_to(T + HOUR), 1);
    assert_eq!((desk.last().status, desk.last().snoozed_until), (Open, None));
    assert_eq!(desk.last().answer_due_at, Some(Instant(T + 2 * HOUR)));
}

#[test]
fn what_is_critical_is_not_put_off_unanswered() {
    let mut desk = crisis();
    assert_eq!(desk.act("a-1", CRISIS, "snooze"), 0);
    desk.tick_to(T + 10 * MINUTE);
    assert_eq!((desk.last().status, desk.last().escalations), (Open, 1));
    desk.act("a-2", CRISIS, "acknowledge");
    desk.tick += MINUTE;
    assert_eq!(desk.act("a-3", CRISIS, "snooze"), 1);
    assert_eq!(desk.last().status, Snoozed, "somebody has it");
}

#[test]
fn a_person_passes_it_on() {
    let mut desk = warning();
    desk.act("a-1", BELOW, "assign");
    assert_eq!((desk.last().status, desk.last().assignee_id.as_deref()), (Open, Some("n-2")));
    desk.tick = T + 30 * MINUTE;
    desk.act("a-2", BELOW, "escalate");
    assert_eq!((desk.last().escalations, desk.last().routed_to.last()), (1, Some(&Role::LocalDoctor)));
    assert_eq!(desk.last().answer_due_at, Some(Instant(T + 90 * MINUTE)));
}

#[test]
fn an_action_waits_for_its_alert() {
    let mut desk = Desk::new(&self_harm());
    assert_eq!(desk.act("a-1", CRISIS, "acknowledge"), 0);
    assert_eq!(desk.answer("u-1", T, 2), 2);
    assert_eq!((desk.last().status, desk.last().revision), (Acknowledged, 2));
}

#[test]
fn an_action_entered_in_error_is_taken_back() {
    let mut desk = warning();
    desk.act("a-1", BELOW, "resolve");
    let head = RecordHead {
        revision: 2,
        status: RecordStatus::EnteredInError,
        ..desk.head(InputKind::AlertAction, "a-1", T)
    };
    assert_eq!(desk.act_as(&head, BELOW, "resolve", None), 1);
    assert_eq!((desk.last().status, desk.last().answer_due_at), (Open, Some(Instant(T + HOUR))));
}

#[test]
fn what_was_uploaded_more_than_two_days_ago_is_history_unless_it_is_critical() {
    for (age, historic) in [(48 * HOUR, false), (48 * HOUR + 1, true)] {
        let mut desk = Desk::new(&(below("") + &self_harm()));
        desk.tick = T + DAY + age;
        desk.score("u-1", T + DAY, 80.0, Some(100.0), -1.0);
        assert_eq!(desk.last().historic, historic, "{age}");
        assert_eq!(desk.last().answer_due_at.is_none(), historic);
        desk.answer("u-2", T + DAY, 1);
        assert!(!desk.last().historic, "what is critical always notifies");
    }
}

#[test]
fn an_import_is_history_whatever_it_says() {
    let mut desk = Desk::new(&self_harm());
    desk.source = Source::Import;
    desk.answer("u-1", T, 3);
    assert!(desk.last().historic);
    assert_eq!(desk.tick_to(T + DAY), 0, "nothing escalates");
}

#[test]
fn the_state_stays_small() {
    let policy = below("quiet_hours = 24") + &self_harm();
    let mut desk = Desk::new(&policy);
    for upload in 0..52 {
        let id: &'static str = Box::leak(format!("u-2026-{upload:04}").into_boxed_str());
        let at = T + (1 + 7 * upload) * DAY;
        desk.tick_to(at);
        desk.score(id, at, 70.0, Some(100.0), -1.0);
        desk.answer(id, at, i32::from(upload % 4 == 0));
        let open: Vec<String> = desk.rows.iter().map(|row| row.alert_id.clone()).collect();
        for (nr, alert) in open.into_iter().enumerate() {
            let action: &'static str = Box::leak(format!("a-{upload}-{nr}").into_boxed_str());
            desk.act(action, &alert, "resolve");
        }
        desk.rows.clear();
    }
    let bytes = postcard::to_allocvec(&desk.book).unwrap().len();
    assert!(bytes < 6_000, "{bytes} bytes after a year of weekly uploads, all of them far below");
    assert_eq!(
        postcard::from_bytes::<aftercare_core::alert::AlertBook>(&postcard::to_allocvec(&desk.book).unwrap())
            .unwrap(),
        desk.book
    );
}
