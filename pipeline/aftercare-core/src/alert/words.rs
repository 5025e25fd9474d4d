//! What an alert is made of, in few bytes, and the words that its row carries.

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use crate::documents::{Role, Severity};
use crate::facts::Source;
use crate::time::Instant;

/// Where an alert stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum AlertStatus {
    /// Nobody has answered.
    Open,
    /// Somebody has it.
    Acknowledged,
    /// It shows again later.
    Snoozed,
    /// It is done, with a code.
    Resolved,
    /// Its cause was corrected, or a silence ended, before anyone acted.
    Withdrawn,
}

impl AlertStatus {
    /// The word that outputs carry.
    pub const fn as_str(self) -> &'static str {
        match self {
            AlertStatus::Open => "open",
            AlertStatus::Acknowledged => "acknowledged",
            AlertStatus::Snoozed => "snoozed",
            AlertStatus::Resolved => "resolved",
            AlertStatus::Withdrawn => "withdrawn",
        }
    }

    /// Whether somebody still has to do something, now or later.
    pub const fn is_open(self) -> bool {
        !matches!(self, AlertStatus::Resolved | AlertStatus::Withdrawn)
    }
}

/// What kind of thing raised it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum CauseKind {
    Score,
    Answer,
    Window,
    Event,
    Silence,
    Session,
}

impl CauseKind {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            CauseKind::Score => "score",
            CauseKind::Answer => "answer",
            CauseKind::Window => "window",
            CauseKind::Event => "event",
            CauseKind::Silence => "silence",
            CauseKind::Session => "session",
        }
    }
}

/// Codes with which a person resolves an alert. The position is kept in state: append, never reorder.
pub const OUTCOMES: [&str; 7] =
    ["reminded_of_medication", "refill", "lifestyle_advice", "comment", "appointment", "recall", "no_action"];

/// One fact that a rule looked at.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// What it is.
    pub name: Box<str>,
    /// Its value; `None` where the text says it.
    pub value: Option<f64>,
    /// Its value where it is no number.
    pub text: Option<Box<str>>,
    /// UCUM code of the value's unit; empty where it has none.
    pub unit: Box<str>,
    /// The record or output that it comes from.
    pub record_id: Option<Box<str>>,
    /// Event time of the fact.
    pub at: Option<Instant>,
}

impl Evidence {
    pub(super) fn number(name: &str, value: f64, unit: &str) -> Evidence {
        let (name, unit) = (name.into(), unit.into());
        Evidence { name, value: Some(value), text: None, unit, record_id: None, at: None }
    }

    pub(super) fn text(name: &str, text: &str) -> Evidence {
        let (name, text) = (name.into(), Some(text.into()));
        Evidence { name, value: None, text, unit: "".into(), record_id: None, at: None }
    }

    pub(super) fn of(mut self, record_id: &str) -> Evidence {
        self.record_id = (!record_id.is_empty()).then(|| record_id.into());
        self
    }

    pub(super) fn at(mut self, at: Instant) -> Evidence {
        self.at = Some(at);
        self
    }
}

/// What a row of an alert tells beyond the state itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Happening {
    /// It is new, or came back after it was withdrawn.
    Raised,
    /// Nobody answered in time, or a person passed it on.
    Escalated,
    /// It is done, or was withdrawn.
    Closed,
    /// Anything else.
    Changed,
}

/// The state of one alert.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "the fields are those of the schema `alerts`")]
pub struct AlertChange {
    pub alert_id: String,
    pub revision: i32,
    pub status: AlertStatus,
    pub rule: Box<str>,
    pub policy: Box<str>,
    pub severity: Severity,
    pub audience: &'static str,
    pub routed_to: Vec<Role>,
    pub episode_id: Box<str>,
    pub cause_kind: &'static str,
    pub cause_id: Box<str>,
    pub caused_at: Instant,
    pub uploaded_at: Option<Instant>,
    pub raised_at: Instant,
    pub historic: bool,
    pub vip: bool,
    pub answer_due_at: Option<Instant>,
    pub escalations: i32,
    pub assignee_id: Option<Box<str>>,
    pub acknowledged_at: Option<Instant>,
    pub snoozed_until: Option<Instant>,
    pub resolved_at: Option<Instant>,
    pub outcome: Option<&'static str>,
    pub evidence: Vec<Evidence>,
    pub stored_at: Instant,
    pub source: Source,
    /// What happened just now.
    pub happening: Happening,
    /// The position of the rule's kind in [`crate::documents::RULE_KINDS`].
    pub kind: u8,
}

/// A number for a text, the same everywhere and always.
pub(super) fn hash(text: &str) -> u64 {
    xxh3_64(text.as_bytes())
}

/// A time as part of an id: RFC 3339 in UTC.
pub(super) fn stamp(at: Instant) -> String {
    jiff::Timestamp::from_millisecond(at.0).map_or_else(|_| at.0.to_string(), |at| at.to_string())
}
