//! Facts of one kind in the order of their event time, and for each what the rules say about it. From this follows what
//! is an onset: a point that meets the condition, with none before it that does since the condition was last over.

use serde::{Deserialize, Serialize};

use crate::time::{Instant, Millis};

/// What a rule says about one point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Level {
    /// The condition is over.
    Clear,
    /// Neither met nor over, or not known.
    Between,
    /// The condition is met.
    Met,
}

impl Level {
    /// Over, unless it is met.
    pub(super) fn or_clear(self) -> Level {
        if self == Level::Met { Level::Met } else { Level::Clear }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Mark {
    Between,
    Met,
    /// Met, and an alert speaks of it.
    Told,
}

/// One fact.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Point {
    pub(super) at: Instant,
    /// Unique in the series.
    pub(super) id: u64,
    /// The id in words, where it is needed later.
    pub(super) label: Box<str>,
    pub(super) value: Option<f64>,
    /// By rule; a rule without a mark says that the condition is over.
    marks: Vec<(u32, Mark)>,
}

impl Point {
    pub(super) fn new(at: Instant, id: u64, label: &str, value: Option<f64>) -> Point {
        Point { at, id, label: label.into(), value, marks: Vec::new() }
    }

    fn mark(&self, rule: u32) -> Option<Mark> {
        self.marks.iter().find(|(own, _)| *own == rule).map(|(_, mark)| *mark)
    }

    pub(super) fn is_met(&self, rule: u32) -> bool {
        matches!(self.mark(rule), Some(Mark::Met | Mark::Told))
    }

    fn is_told(&self, rule: u32) -> bool {
        self.mark(rule) == Some(Mark::Told)
    }
}

/// Facts by time, the newest last. How many is bounded: the oldest leave, and only what holds there is kept.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Series {
    points: Vec<Point>,
    /// When the newest was that left.
    left_at: Option<Instant>,
    /// Rules whose condition was met, and not over, where the oldest left.
    lasting: Vec<u32>,
}

impl Series {
    pub(super) fn points(&self) -> &[Point] {
        &self.points
    }

    pub(super) fn position(&self, id: u64) -> Option<usize> {
        self.points.iter().position(|point| point.id == id)
    }

    pub(super) fn has_left(&self, at: Instant) -> bool {
        self.left_at.is_some_and(|left| at <= left)
    }

    /// Whether what a rule said about the point rests on points that left, where that lies within `horizon` before it: it
    /// cannot be said anew. (Of an endless horizon what is kept says the most there is to say.)
    pub(super) fn rests_on_what_left(&self, position: usize, horizon: Millis) -> bool {
        let at = self.points.get(position).map(|point| point.at);
        horizon < Millis(i64::MAX) && at.is_some_and(|at| self.has_left(at.saturating_sub(horizon)))
    }

    /// Adds the point, or gives it another time and value; what rules said about it stays. `false`: it is older than
    /// what left.
    pub(super) fn put(&mut self, mut point: Point) -> bool {
        if self.has_left(point.at) {
            return false;
        }
        if let Some(known) = self.position(point.id) {
            point.marks = std::mem::take(&mut self.points[known].marks);
            self.points.remove(known);
        }
        let place = self.points.partition_point(|known| (known.at, known.id) < (point.at, point.id));
        self.points.insert(place, point);
        true
    }

    pub(super) fn remove(&mut self, id: u64) -> Option<Point> {
        let known = self.position(id)?;
        Some(self.points.remove(known))
    }

    /// The oldest leave until `most` are left.
    pub(super) fn trim(&mut self, most: usize) {
        while self.points.len() > most {
            let gone = self.points.remove(0);
            self.left_at = Some(gone.at);
            self.lasting.retain(|rule| gone.mark(*rule).is_some());
            for (rule, _) in gone.marks.iter().filter(|(rule, _)| gone.is_met(*rule)) {
                if !self.lasting.contains(rule) {
                    self.lasting.push(*rule);
                }
            }
        }
    }

    /// Drops what came before anything that a rule has to say: it says nothing about what comes after it.
    pub(super) fn drop_clear(&mut self) {
        if self.lasting.is_empty() {
            let telling = self.points.iter().position(|point| !point.marks.is_empty());
            self.points.drain(..telling.unwrap_or(self.points.len()));
        }
        if self.points.is_empty() && self.lasting.is_empty() {
            self.left_at = None;
        }
    }

    /// Writes what `rule` says about the point.
    pub(super) fn judge(&mut self, rule: u32, position: usize, level: Level) {
        let Some(point) = self.points.get_mut(position) else { return };
        let told = point.is_told(rule);
        point.marks.retain(|(own, _)| *own != rule);
        match level {
            Level::Met => point.marks.push((rule, if told { Mark::Told } else { Mark::Met })),
            Level::Between => point.marks.push((rule, Mark::Between)),
            Level::Clear => {}
        }
    }

    /// Whether the condition was met, or may have been, before the point.
    pub(super) fn may_last(&self, rule: u32, position: usize) -> bool {
        let before = self.points.get(..position).unwrap_or_default();
        self.lasting.contains(&rule) || before.iter().any(|point| point.mark(rule).is_some())
    }

    /// Whether the last `many` points up to `position` all meet `rule`, those between met and over passed over.
    pub(super) fn in_a_row(&self, rule: u32, position: usize, many: i32) -> Level {
        let mut met = 0;
        for point in self.points.iter().take(position + 1).rev() {
            match point.mark(rule) {
                None if met == 0 => return Level::Clear,
                None => return Level::Between,
                Some(Mark::Between) => {}
                Some(Mark::Met | Mark::Told) => met += 1,
            }
            if met >= many {
                return Level::Met;
            }
        }
        Level::Between
    }

    /// The points that meet the condition and of which no alert speaks yet.
    pub(super) fn untold(&self, rule: u32) -> Vec<usize> {
        let untold = |(_, point): &(usize, &Point)| point.mark(rule) == Some(Mark::Met);
        self.points.iter().enumerate().filter(untold).map(|(position, _)| position).collect()
    }

    pub(super) fn tell(&mut self, rule: u32, position: usize) {
        let marks = self.points.get_mut(position).map(|point| &mut point.marks);
        for (own, mark) in marks.into_iter().flatten() {
            if *own == rule {
                *mark = Mark::Told;
            }
        }
    }

    /// Whether an alert speaks of the stretch to which the point belongs: from where the condition was last over to
    /// where it is over next.
    pub(super) fn is_told(&self, rule: u32, position: usize, gap: Option<Millis>) -> bool {
        let (before, from) = self.points.split_at(position.min(self.points.len()));
        let mut last = from.first().map(|point| point.at);
        for point in before.iter().rev() {
            if is_apart(point.at, last, gap) || point.mark(rule).is_none() {
                return self.is_told_after(rule, from, gap);
            }
            if point.is_told(rule) {
                return true;
            }
            last = Some(point.at);
        }
        let reaches_back = self.left_at.is_some_and(|left| !is_apart(left, last, gap));
        (reaches_back && self.lasting.contains(&rule)) || self.is_told_after(rule, from, gap)
    }

    fn is_told_after(&self, rule: u32, from: &[Point], gap: Option<Millis>) -> bool {
        self.stretch(rule, from, gap).any(|point| point.is_told(rule))
    }

    /// Whether, from `at` on, the condition is met before it is over.
    pub(super) fn lasts(&self, rule: u32, at: Instant, gap: Option<Millis>) -> bool {
        let from = self.points.partition_point(|point| point.at < at);
        let from = self.points.get(from..).unwrap_or_default();
        let near = from.first().is_some_and(|first| !is_apart(at, Some(first.at), gap));
        near && self.stretch(rule, from, gap).any(|point| point.is_met(rule))
    }

    /// The points of `from` before the condition is over.
    fn stretch<'s>(
        &self,
        rule: u32,
        from: &'s [Point],
        gap: Option<Millis>,
    ) -> impl Iterator<Item = &'s Point> {
        let mut last = from.first().map(|point| point.at);
        from.iter().take_while(move |point| {
            let belongs = last.is_some_and(|last| !is_apart(last, Some(point.at), gap));
            last = Some(point.at);
            belongs && point.mark(rule).is_some()
        })
    }
}

fn is_apart(earlier: Instant, later: Option<Instant>, gap: Option<Millis>) -> bool {
    gap.zip(later).is_some_and(|(gap, later)| later.since(earlier) > gap)
}
