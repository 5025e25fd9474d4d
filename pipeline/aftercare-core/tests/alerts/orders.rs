//! Any sequence of facts, actions and ticks.

use std::collections::BTreeMap;

use aftercare_core::alert::AlertStatus;
use aftercare_core::documents::Severity;
use aftercare_core::facts::{InputKind, RecordHead, RecordStatus};
use aftercare_core::time::Instant;
use proptest::prelude::*;

use crate::desk::{DAY, Desk, HOUR, MINUTE, T};
use crate::rules::{below, fast_pulse, rule, self_harm};

/// Something that happens.
#[derive(Clone, Debug)]
enum Event {
    /// Upload, day of its answer, percent of what is expected, answer to the item that can't wait.
    Upload(usize, i64, f64, i32),
    Window(i64, f64),
    /// Which alert, of those raised so far; what. Each is a new action.
    Act(usize, &'static str),
    Wait(i64),
}

const IDS: [&str; 12] = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11"];

fn event() -> impl Strategy<Value = Event> {
    let kinds = ["acknowledge", "assign", "snooze", "escalate", "resolve"];
    prop_oneof![
        (0..IDS.len(), 0..30i64, prop::sample::select(vec![60.0, 80.0, 91.0, 99.0]), 0..2)
            .prop_map(|(id, day, percent, code)| Event::Upload(id, day, percent, code)),
        (0..40i64, prop::sample::select(vec![100.0, 120.0, 140.0]))
            .prop_map(|(window, mean)| Event::Window(window, mean)),
        (0..8usize, prop::sample::select(kinds.to_vec())).prop_map(|(alert, kind)| Event::Act(alert, kind)),
        prop::sample::select(vec![MINUTE, 11 * MINUTE, 2 * HOUR, DAY]).prop_map(Event::Wait),
    ]
}

fn policy() -> String {
    let far = "below_percent = 70\nclear_percent = 75\ntrend = \"any\"";
    below("quiet_hours = 24")
        + &rule("far-below", "below-expected", "critical", far)
        + &self_harm()
        + &fast_pulse("warning")
        + &rule("overdue", "overdue-upload", "warning", "grace_days = 3")
}

fn happen(desk: &mut Desk, event: &Event) {
    match *event {
        Event::Upload(id, day, percent, code) => {
            let at = T + day * DAY;
            desk.tick_to(desk.tick.max(at));
            desk.score(IDS[id], at, percent, Some(100.0), -1.0);
            desk.answer(IDS[id], at, code);
        }
        Event::Window(window, mean) => {
            desk.tick_to(desk.tick.max(T + (window + 1) * 5 * MINUTE));
            desk.window(T + window * 5 * MINUTE, mean);
        }
        Event::Act(alert, kind) => {
            let known = desk.alerts();
            if let Some((alert, _)) = known.get(alert % known.len().max(1)) {
                let id: &'static str = Box::leak(format!("{alert}/{}", desk.rows.len()).into_boxed_str());
                desk.act(id, alert, kind);
            }
        }
        Event::Wait(ms) => {
            desk.tick_to(desk.tick + ms);
        }
    }
}

fn played(events: &[Event]) -> Desk {
    let mut desk = Desk::new(&policy());
    desk.enrol();
    for event in events {
        happen(&mut desk, event);
    }
    desk
}

proptest! {
    #[test]
    fn rows_are_states_of_alerts_and_no_rule_has_two_open_for_one_thing(
        events in prop::collection::vec(event(), 1..60),
    ) {
        let mut desk = Desk::new(&policy());
        desk.enrol();
        for event in &events {
            happen(&mut desk, event);
            let mut open: BTreeMap<&str, usize> = BTreeMap::new();
            let mut newest = BTreeMap::new();
            for row in &desk.rows {
                let before = newest.insert(&*row.alert_id, row).map_or(0, |row| row.revision);
                prop_assert_eq!(row.revision, before + 1, "{}", row.alert_id);
            }
            for row in newest.values().filter(|row| row.status.is_open()) {
                *open.entry(&*row.rule).or_default() += 1;
                if row.severity == Severity::Critical && row.status == AlertStatus::Open && !row.historic {
                    let late = row.answer_due_at.is_none_or(|due| due <= Instant(desk.tick));
                    prop_assert!(!late || row.escalations > 0, "{} is neither answered nor escalated", row.alert_id);
                }
            }
            for (rule, open) in open {
                let is_single = matches!(rule, "self-harm-answer" | "far-below");
                prop_assert!(open == 1 || is_single, "{rule}: {open} open");
            }
        }
    }

    #[test]
    fn the_same_events_give_the_same_rows_and_a_repetition_none(
        events in prop::collection::vec(event(), 1..40),
    ) {
        let (mut one, other) = (played(&events), played(&events));
        prop_assert_eq!(&one.rows, &other.rows);
        prop_assert_eq!(&one.book, &other.book);
        let mut uploads = BTreeMap::new();
        for event in &events {
            if let Event::Upload(id, ..) = event {
                uploads.insert(*id, event);
            }
        }
        let answers = one.rows.iter().filter(|row| row.cause_kind == "answer").count();
        for event in uploads.values() {
            happen(&mut one, event);
        }
        let after = one.rows.iter().filter(|row| row.cause_kind == "answer").count();
        prop_assert_eq!(answers, after, "the uploads in force were offered again");
    }

    #[test]
    fn what_people_did_comes_to_the_same_in_any_order(
        acts in prop::collection::btree_map(0..IDS.len(), 0..5usize, 1..8).prop_shuffle_acts(),
    ) {
        let kinds = ["acknowledge", "assign", "snooze", "escalate", "resolve"];
        let mut ends = Vec::new();
        for order in &acts {
            let mut desk = Desk::new(&below(""));
            desk.score("u-1", T, 80.0, Some(100.0), -1.0);
            desk.tick = T + MINUTE;
            for (id, kind) in order {
                let at = T + i64::try_from(*id).unwrap();
                let head = RecordHead { status: RecordStatus::Final, ..desk.head(InputKind::AlertAction, IDS[*id], at) };
                desk.act_as(&head, "e-1/below-expected/u-1", kinds[*kind], Some(Instant(T + HOUR)));
            }
            let last = desk.last().clone();
            ends.push((last.status, last.assignee_id, last.acknowledged_at, last.snoozed_until, last.resolved_at, last.escalations));
        }
        prop_assert_eq!(&ends[0], &ends[1]);
    }
}

/// The same actions in two orders.
trait Shuffled: Strategy<Value = BTreeMap<usize, usize>> + Sized {
    fn prop_shuffle_acts(self) -> impl Strategy<Value = [Vec<(usize, usize)>; 2]> {
        self.prop_flat_map(|acts| {
            let acts: Vec<(usize, usize)> = acts.into_iter().collect();
            (Just(acts.clone()).prop_shuffle(), Just(acts)).prop_map(|(one, other)| [one, other])
        })
    }
}

impl<S: Strategy<Value = BTreeMap<usize, usize>>> Shuffled for S {}
