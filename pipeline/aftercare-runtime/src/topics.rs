//! Every topic of the flow, in one table. A task reads the inputs, writes the outputs, and knows no other names.

use aftercare_core::facts::InputKind;
use aftercare_stream::position::TopicId;

/// What a topic is to a patient task.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    /// Ticks and closings; who owns its partition p owns task p.
    Control,
    /// Documents, one partition, read by every task.
    Broadcast,
    /// Keyed by patient or clinician, read by the task of the partition.
    Input,
    /// Written by the task into its own partition, numbered without a gap.
    Output,
    /// The task's changelog.
    Changelog,
    /// Written by every task, numbered by each, in one partition, which task 0 reads.
    Contributions,
    /// Written by task 0 into one partition, numbered without a gap; the last word on each key is kept for good and
    /// read by every task.
    Editions,
    /// What people decided, in one partition, the last word on each key kept for good.
    Decisions,
}

impl Role {
    /// Whether topics of this role have one partition, however many tasks there are.
    #[must_use]
    pub fn has_one_partition(self) -> bool {
        matches!(self, Self::Broadcast | Self::Decisions | Self::Contributions | Self::Editions)
    }
}

/// One topic.
#[derive(Clone, Copy, Debug)]
pub struct Topic {
    /// Its number.
    pub id: TopicId,
    /// Its name, without the application's prefix; also the schema's subject.
    pub name: &'static str,
    /// What it is to a patient task.
    pub role: Role,
}

macro_rules! topics {
    ($($constant:ident $id:literal $name:literal $role:ident;)*) => {
        $(#[doc = concat!("`", $name, "`")] pub const $constant: TopicId = TopicId($id);)*
        /// All topics, by number.
        pub const TOPICS: &[Topic] = &[$(Topic { id: $constant, name: $name, role: Role::$role }),*];
    };
}

topics! {
    CONTROL 0 "control" Control;
    CONTRACTS 1 "contracts" Broadcast;
    ENROLMENTS 2 "enrolments" Input;
    PROM_RESPONSES 3 "prom-responses" Input;
    WEARABLE_READINGS 4 "wearable-readings" Input;
    CLINICAL_EVENTS 5 "clinical-events" Input;
    COMMERCE_EVENTS 6 "commerce-events" Input;
    ALERT_ACTIONS 7 "alert-actions" Input;
    SESSION_VERDICTS 8 "session-verdicts" Input;
    RECEIPTS 9 "receipts" Output;
    READING_RECEIPTS 10 "reading-receipts" Output;
    SCORES 11 "scores" Output;
    WINDOWS 12 "windows" Output;
    LATE_READINGS 13 "late-readings" Output;
    DEAD_LETTERS 14 "dead-letters" Output;
    TASK_STATE 15 "task-state" Changelog;
    CLINICIAN_ACTIVITY 16 "clinician-activity" Input;
    DEAD_LETTER_DECISIONS 17 "dead-letter-decisions" Decisions;
    ALERTS 18 "alerts" Output;
    LEDGER 19 "ledger" Output;
    VITAL_SCORES 20 "vital-scores" Output;
    REVIEWS 21 "reviews" Output;
    CURVE_CONTRIBUTIONS 22 "curve-contributions" Contributions;
    CURVE_EDITIONS 23 "curve-editions" Editions;
}

/// How many topics there are.
pub const COUNT: usize = TOPICS.len();

/// The topic's place in arrays by topic.
#[must_use]
pub fn index(topic: TopicId) -> usize {
    usize::from(topic.0)
}

/// The topic's name.
#[must_use]
pub fn name(topic: TopicId) -> &'static str {
    TOPICS[index(topic)].name
}

/// The topics with this role.
pub fn with_role(role: Role) -> impl Iterator<Item = &'static Topic> {
    TOPICS.iter().filter(move |t| t.role == role)
}

/// The topic of this name.
#[must_use]
pub fn by_name(name: &str) -> Option<&'static Topic> {
    TOPICS.iter().find(|t| t.name == name)
}

/// Which kind of identified record a topic carries; `None` for readings and for what is no input.
#[must_use]
pub fn kind_of(topic: TopicId) -> Option<InputKind> {
    match topic {
        ENROLMENTS => Some(InputKind::Enrolment),
        PROM_RESPONSES => Some(InputKind::PromResponse),
        CLINICAL_EVENTS => Some(InputKind::ClinicalEvent),
        COMMERCE_EVENTS => Some(InputKind::CommerceEvent),
        ALERT_ACTIONS => Some(InputKind::AlertAction),
        SESSION_VERDICTS => Some(InputKind::SessionVerdict),
        CLINICIAN_ACTIVITY => Some(InputKind::ClinicianActivity),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_places_in_the_table() {
        for (i, topic) in TOPICS.iter().enumerate() {
            assert_eq!(index(topic.id), i, "{}", topic.name);
        }
    }
}
