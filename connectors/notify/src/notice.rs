//! What a receiver is told.

use jiff::Timestamp;
use url::Url;
use xxhash_rust::xxh3::xxh3_64;

/// What happened to the alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It was raised, or shows again: somebody must look.
    Open,
    /// Nobody answered in time, and it was routed one step further.
    Escalated,
    /// Somebody has it, or it is over: nobody else needs to look.
    Answered,
}

/// One state of one alert, without anything that says how the patient is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// The alert's id.
    pub alert_id: String,
    /// Its revision; states of one alert are told in this order.
    pub revision: i32,
    /// How often it was escalated.
    pub escalations: i32,
    /// What happened.
    pub change: Change,
    /// Rule that raised it.
    pub rule: String,
    /// `critical`, `warning` or `info`.
    pub severity: String,
    /// Roles that see it.
    pub routed_to: Vec<String>,
    /// Care team, where one is known.
    pub team: Option<String>,
    /// When it was raised, ms since 1970 UTC.
    pub raised_at: i64,
    /// When it came into this state, ms since 1970 UTC.
    pub changed_at: i64,
    /// Until when a person must have answered, ms since 1970 UTC.
    pub answer_due_at: Option<i64>,
    /// Where a person can see it.
    pub link: Option<Url>,
}

impl Notice {
    /// The id under which this is delivered: the alert's, and its revision. A repetition has the same one.
    #[must_use]
    pub fn message_id(&self) -> String {
        format!("{}/{}", self.alert_id, self.revision)
    }

    /// A short name of the alert that says nothing by itself: 16 hexadecimal digits.
    pub(crate) fn digest(&self) -> String {
        format!("{:016x}", xxh3_64(self.alert_id.as_bytes()))
    }
}

/// ms since 1970 UTC as RFC 3339 in UTC; the end of time for what lies beyond it.
pub(crate) fn rfc3339(ms: i64) -> String {
    Timestamp::from_millisecond(ms).unwrap_or(Timestamp::MAX).to_string()
}
