//! What the task knows of itself.

use aftercare_core::month::Month;
use aftercare_stream::position::{Positions, ResumeAt, TopicId};
use serde::{Deserialize, Serialize};

use crate::topics::COUNT;

/// Positions, sequences, the tick and the counters, committed with everything else.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Meta {
    /// Which deployment of the state this is; the upper part of every row version.
    pub(crate) incarnation: u16,
    /// The highest tick applied, ms since 1970 UTC; 0 before the first.
    pub(crate) tick: i64,
    positions: Vec<(u8, i64)>,
    /// The last sequence given out, by topic.
    pub(crate) sequences: Vec<u64>,
    /// Records read, by topic.
    pub(crate) records_in: Vec<u64>,
    /// Dead letters without a receipt, by the topic they came from.
    pub(crate) undecodable: Vec<u64>,
    /// Records sent on to the partition they belong to, by topic.
    pub(crate) forwarded: Vec<u64>,
    /// The next held record's number.
    pub(crate) next_held: u64,
    /// The month up to whose beginning contributions to curves have their boundaries.
    pub(crate) curves_ended: Option<Month>,
}

impl Default for Meta {
    fn default() -> Self {
        Self {
            incarnation: 1,
            tick: 0,
            positions: Vec::new(),
            sequences: vec![0; COUNT],
            records_in: vec![0; COUNT],
            undecodable: vec![0; COUNT],
            forwarded: vec![0; COUNT],
            next_held: 0,
            curves_ended: None,
        }
    }
}

impl Meta {
    /// Room for topics that the build which wrote it did not know.
    pub(crate) fn with_all_topics(mut self) -> Self {
        for by_topic in
            [&mut self.sequences, &mut self.records_in, &mut self.undecodable, &mut self.forwarded]
        {
            by_topic.resize(COUNT.max(by_topic.len()), 0);
        }
        self
    }

    pub(crate) fn positions(&self) -> Positions {
        self.positions.iter().map(|&(topic, at)| (TopicId(topic), ResumeAt(at))).collect()
    }

    /// Where reading of the topic goes on.
    pub(crate) fn position(&self, topic: TopicId) -> ResumeAt {
        ResumeAt(self.positions.iter().find(|(known, _)| *known == topic.0).map_or(0, |(_, at)| *at))
    }

    pub(crate) fn advance(&mut self, topic: TopicId, at: ResumeAt) {
        match self.positions.iter_mut().find(|(t, _)| *t == topic.0) {
            Some((_, known)) => *known = (*known).max(at.0),
            None => self.positions.push((topic.0, at.0)),
        }
    }
}
