//! The values of one instrument as uploads are fed in their order: what the next row needs of them.

use serde::{Deserialize, Serialize};

use crate::documents::PlanDocument;
use crate::rolling::{Point, Running, SLOPE_DAYS};
use crate::time::{Instant, Millis};

/// Uploads before the one that is judged whose values say what is to be expected of the patient: more would hardly
/// change it, and each costs a look at the curve.
pub(super) const EARLIER_MAX: u32 = 8;

/// The values of one instrument, or of the composite.
#[derive(Clone, Debug, Default)]
pub(super) struct Series {
    running: Running,
    /// The points of the days that a slope looks at.
    recent: Vec<Point>,
    /// The points of the last uploads, each with the number of its upload among those that count.
    earlier: Vec<(u32, Point)>,
    done: u32,
    last_slot: u32,
    /// Of the upload fed last, and of the one before that had one.
    pub(super) current: Option<f64>,
    pub(super) previous: Option<f64>,
    last: Option<f64>,
}

impl Series {
    /// A new upload is fed, of which nothing is known yet.
    pub(super) fn next(&mut self) {
        self.current = None;
    }

    pub(super) fn push(&mut self, at: Instant, value: f64, step: &Step<'_>) {
        self.previous = self.last.replace(value);
        self.current = Some(value);
        if let Some(plan) = step.plan {
            self.running.push(at, value, plan.ewma_half_life_days);
        }
        let fresh = step.slot.filter(|slot| *slot > self.last_slot);
        self.done += u32::from(fresh.is_some());
        self.last_slot = fresh.unwrap_or(self.last_slot);
        self.remember(step.upload, at, value);
    }

    pub(super) fn remember(&mut self, upload: u32, at: Instant, value: f64) {
        self.earlier.retain(|(known, _)| known + EARLIER_MAX >= upload);
        self.earlier.push((upload, Point { at, value }));
        let gone = at.saturating_sub(Millis::days(SLOPE_DAYS));
        if self.recent.first().is_some_and(|first| first.at <= gone) {
            self.recent.retain(|point| point.at > gone);
        }
        if self.recent.capacity() == 0 {
            self.recent.reserve(8);
        }
        self.recent.push(Point { at, value });
    }

    pub(super) fn recent(&self) -> &[Point] {
        &self.recent
    }

    /// The points of the [`EARLIER_MAX`] uploads before `upload`, in the order of time.
    pub(super) fn earlier(&self, upload: u32) -> impl Iterator<Item = Point> + '_ {
        let before = move |(known, _): &&(u32, Point)| *known < upload && known + EARLIER_MAX >= upload;
        self.earlier.iter().filter(before).map(|(_, point)| *point)
    }

    pub(super) fn ewma(&self) -> Option<f64> {
        self.running.mean()
    }

    /// Slots that have a value so far.
    pub(super) fn done(&self) -> u32 {
        self.done
    }

    pub(super) fn tail(&self) -> SeriesTail {
        SeriesTail { running: self.running, done: self.done, last_slot: self.last_slot, last: self.last }
    }

    pub(super) fn resume(tail: &SeriesTail) -> Series {
        let SeriesTail { running, done, last_slot, last } = *tail;
        Series { running, done, last_slot, last, ..Series::default() }
    }
}

/// What an upload is judged with.
pub(super) struct Step<'a> {
    pub(super) plan: Option<&'a PlanDocument>,
    pub(super) slot: Option<u32>,
    /// Its number among the uploads that count.
    pub(super) upload: u32,
}

/// What of a series outlives its rows.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct SeriesTail {
    running: Running,
    done: u32,
    last_slot: u32,
    last: Option<f64>,
}
