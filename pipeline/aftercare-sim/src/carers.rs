//! Care managers: what they do about an alert, as the records that their console would write.

use aftercare_core::time::Instant;
use aftercare_schemas::wire::{AlertAction, AlertActionKind, RecordStatus, Source};

use crate::rng::Rng;
use crate::world::{SimRecord, framed};

/// An alert as a care manager sees it.
#[derive(Clone, Copy, Debug)]
pub struct SeenAlert<'a> {
    /// Its id.
    pub alert_id: &'a str,
    /// The patient.
    pub patient_id: &'a str,
    /// critical, warning or info.
    pub severity: &'a str,
    /// When it was raised.
    pub raised_at: Instant,
    /// Until when a person must have answered; `None`: no limit.
    pub answer_due_at: Option<Instant>,
}

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;
const DAY_MS: i64 = 24 * HOUR_MS;

/// How long people take for an alert without a limit.
const UNHURRIED_MS: i64 = 3 * DAY_MS;
/// From the screen into the log.
const SENT_MS: i64 = 200;

const NURSES: [&str; 6] = ["nurse-1", "nurse-2", "nurse-3", "nurse-4", "nurse-5", "nurse-6"];
/// How an alert ends, the usual more often.
const OUTCOMES: [&str; 12] = [
    "comment",
    "comment",
    "comment",
    "appointment",
    "appointment",
    "lifestyle_advice",
    "lifestyle_advice",
    "reminded_of_medication",
    "reminded_of_medication",
    "refill",
    "recall",
    "no_action",
];

/// What becomes of an alert, in order of time: the same for the same alert and seed. Most are acknowledged within their
/// time and resolved with a code; some are answered late, handed on, put off, or by no one.
#[must_use]
pub fn answers(alert: &SeenAlert<'_>, seed: u64) -> Vec<SimRecord> {
    let rng = &mut Rng::new(seed, &[digest(alert.alert_id)]);
    let urgent = alert.severity == "critical";
    let (draw, share) = (rng.between(0, 1000), rng.unit());
    let (on_time, late) = match alert.severity {
        "critical" => (900, 70),
        "warning" => (780, 130),
        _ => (550, 0),
    };
    let limit_ms = alert.answer_due_at.map_or(UNHURRIED_MS, |due| due.0 - alert.raised_at.0).max(MINUTE_MS);
    let takes = match draw {
        _ if draw < on_time => part(limit_ms, 0.05 + 0.7 * share),
        _ if draw < on_time + late => part(limit_ms, 1.1 + 3.0 * share),
        _ => return Vec::new(),
    };
    let mut desk = Desk { alert, nurse: rng.pick(&NURSES), actions: Vec::new() };
    let mut at = alert.raised_at.0 + takes;
    desk.act(at, AlertActionKind::Acknowledge, |action| action);
    if rng.permille(40) {
        desk.repeat(rng.between(1_000, MINUTE_MS));
    }
    let colleague = rng.pick(&NURSES);
    match rng.between(0, 1000) {
        0..120 => {
            at += rng.between(MINUTE_MS, 20 * MINUTE_MS);
            let assignee_id = Some(colleague);
            desk.act(at, AlertActionKind::Assign, |action| AlertAction { assignee_id, ..action });
            desk.nurse = colleague;
        }
        120..200 if !urgent => {
            at += rng.between(MINUTE_MS, HOUR_MS);
            let until = at + rng.between(4, 49) * HOUR_MS;
            let snoozed_until = Some(until);
            desk.act(at, AlertActionKind::Snooze, |action| AlertAction { snoozed_until, ..action });
            at = until;
        }
        200..280 if urgent => {
            at += rng.between(MINUTE_MS, 10 * MINUTE_MS);
            let assignee_id = Some("doctor-on-call");
            desk.act(at, AlertActionKind::Escalate, |action| AlertAction { assignee_id, ..action });
        }
        _ => {}
    }
    if !rng.permille(60) {
        at += rng.between(5 * MINUTE_MS, if urgent { 6 * HOUR_MS } else { 2 * DAY_MS });
        let outcome = Some(rng.pick(&OUTCOMES));
        desk.act(at, AlertActionKind::Resolve, |action| AlertAction { outcome, ..action });
    }
    desk.actions.sort_by_key(|action| action.at);
    desk.actions
}

/// Where one alert is worked on.
struct Desk<'a> {
    alert: &'a SeenAlert<'a>,
    nurse: &'static str,
    actions: Vec<SimRecord>,
}

impl Desk<'_> {
    fn act(
        &mut self,
        at: i64,
        kind: AlertActionKind,
        with: impl for<'b> FnOnce(AlertAction<'b>) -> AlertAction<'b>,
    ) {
        let id = format!("{}/{}", self.alert.alert_id, kind.as_str());
        let action = with(AlertAction {
            id: &id,
            revision: 1,
            status: RecordStatus::Final,
            source: Source::Simulated,
            patient_id: self.alert.patient_id,
            happened_at: at,
            alert_id: self.alert.alert_id,
            kind,
            actor_id: self.nurse,
            actor_role: "care_manager",
            assignee_id: None,
            snoozed_until: None,
            outcome: None,
            note: None,
        });
        let (key, value) = (self.alert.patient_id.as_bytes().to_vec(), framed("alert-actions", &action));
        self.actions.push(SimRecord { at: at + SENT_MS, topic: "alert-actions", key, value });
    }

    /// The newest action is sent again.
    fn repeat(&mut self, after_ms: i64) {
        if let Some(last) = self.actions.last().cloned() {
            self.actions.push(SimRecord { at: last.at + after_ms, ..last });
        }
    }
}

#[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "some days in ms")]
fn part(of_ms: i64, share: f64) -> i64 {
    (of_ms as f64 * share) as i64
}

/// FNV-1a.
fn digest(text: &str) -> u64 {
    text.bytes()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3))
}
