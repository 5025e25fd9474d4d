//! Where in a log: what was read, and where to go on. Two types, so that one can't be committed as the other.

/// A topic of the flow, as a small number that the wiring maps to a name.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct TopicId(pub u8);

/// A partition of a topic. Task `p` reads and writes partition `p` of every topic that is keyed alike.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Partition(pub i32);

/// The offset of a record that was read.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Offset(pub i64);

/// The offset at which reading goes on: one past the last record whose effects are in the state.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct ResumeAt(pub i64);

impl Offset {
    /// The position after this record.
    #[must_use]
    pub fn next(self) -> ResumeAt {
        ResumeAt(self.0 + 1)
    }
}

/// How far each input topic of one task has been taken into the state.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Positions(Vec<(TopicId, ResumeAt)>);

impl Positions {
    /// Where reading of `topic` goes on; the beginning if it was never read.
    #[must_use]
    pub fn get(&self, topic: TopicId) -> ResumeAt {
        self.0.iter().find(|(t, _)| *t == topic).map_or(ResumeAt(0), |(_, at)| *at)
    }

    /// Moves `topic` to `at`. Positions only move forward; an older one changes nothing.
    pub fn advance(&mut self, topic: TopicId, at: ResumeAt) {
        match self.0.iter_mut().find(|(t, _)| *t == topic) {
            Some((_, known)) => *known = (*known).max(at),
            None => self.0.push((topic, at)),
        }
    }

    /// All positions, in the order in which the topics were first read.
    pub fn iter(&self) -> impl Iterator<Item = (TopicId, ResumeAt)> + '_ {
        self.0.iter().copied()
    }
}

impl FromIterator<(TopicId, ResumeAt)> for Positions {
    fn from_iter<I: IntoIterator<Item = (TopicId, ResumeAt)>>(iter: I) -> Self {
        let mut positions = Self::default();
        for (topic, at) in iter {
            positions.advance(topic, at);
        }
        positions
    }
}
