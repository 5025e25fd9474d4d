//! Where time is cut into bins: by quantiles of the responses' times, and finer where the score moves fast.

use super::TimeBin;
use crate::curve::counts::Counts;

/// A bin has at least so many responses, where the score does not move fast.
const ROWS: usize = 40;
/// Where it does, so many; more where a smaller tail is asked for, but no more than the most.
const ROWS_MIN: (usize, usize) = (20, 60);
/// More than a share of all, within these limits, are cut in two where their times allow.
const BINS: usize = 32;
const ROWS_MAX: (usize, usize) = (60, 1_000);
/// A score moves fast where the means of two halves lie apart by more than so many standard deviations within them, and
/// by more than chance (two standard errors) would have it.
const APART: f64 = 0.4;
/// Responses are moved to the centre of a bin where the score moves by more than so many standard deviations in it.
const MOVES: f64 = 0.25;

/// Responses (time, step of the score) in order of time.
type Part<'r> = &'r [(f64, i64)];

/// The bins of responses (time, step of the score), which are in ascending order of time. A fixed visit with enough
/// responses is a bin of its own. `least_tail` is the smallest tail that is asked for.
pub(super) fn cut(responses: Part<'_>, least_tail: f64) -> Vec<TimeBin> {
    // One response stands for 1 / (n + 1): fewer could not say where so small a tail begins.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates, and is clamped")]
    let for_tail = (1.0 / least_tail).ceil() as usize;
    let least = for_tail.clamp(ROWS_MIN.0, ROWS_MIN.1);
    let most = (responses.len() / BINS).clamp(ROWS_MAX.0, ROWS_MAX.1);
    let mut bins = Vec::new();
    let mut open = vec![responses];
    while let Some(part) = open.pop() {
        let moves_fast = || halves(part, least).filter(|(one, other)| lie_apart(one, other));
        let halves = halves(part, least.max(ROWS)).filter(|_| part.len() > most);
        match halves.or_else(moves_fast) {
            Some((earlier, later)) => open.extend([later, earlier]),
            None => bins.extend(bin_of(part)),
        }
    }
    bins
}

/// Cut between two times, as near to the middle as may be.
fn halves(part: Part<'_>, least: usize) -> Option<(Part<'_>, Part<'_>)> {
    let middle = part.len() / 2;
    let is_edge = |at: &usize| {
        let times = at.checked_sub(1).and_then(|before| Some((part.get(before)?.0, part.get(*at)?.0)));
        times.is_some_and(|(before, after)| before < after)
    };
    let last = part.len().checked_sub(least)?;
    let before = (least..=middle.min(last)).rev().find(is_edge);
    let after = (middle.max(least)..=last).find(is_edge);
    let at = match (before, after) {
        (Some(before), Some(after)) if after - middle < middle - before => after,
        (Some(before), _) => before,
        (None, after) => after?,
    };
    Some(part.split_at(at))
}

fn lie_apart(one: Part<'_>, other: Part<'_>) -> bool {
    let ((one_mean, one_squares), (other_mean, other_squares)) = (moments(one), moments(other));
    let n = (one.len() + other.len()) as f64;
    let within = (one_squares + other_squares) / n;
    let apart = one_mean - other_mean;
    apart * apart > (APART * APART).max(16.0 / n) * within
}

/// The slopes of the bins of these responses, in steps per unit of time: from the means of both neighbours (of the one,
/// at the ends). 0 where the score would move by less than [`MOVES`] standard deviations from one end of the bin to the
/// other, and where many report the same: they would not, if they were moved.
pub(super) fn slopes(responses: Part<'_>, bins: &[TimeBin]) -> Vec<f64> {
    let mut left = responses;
    let parts = bins.iter().map(|bin| {
        let (part, later) = left.split_at(left.partition_point(|(time, _)| *time <= bin.to));
        left = later;
        part
    });
    let parts: Vec<Part<'_>> = parts.collect();
    let point = |at: usize| Some((bins.get(at)?.centre, moments(parts.get(at)?).0));
    let slope = |at: usize, bin: &TimeBin, part: Part<'_>| {
        let (before, after) = (point(at.saturating_sub(1))?, point(at + 1).or_else(|| point(at))?);
        let slope = (after.1 - before.1) / (after.0 - before.0);
        let sd = libm::sqrt(moments(part).1 / part.len() as f64);
        let moves = (slope * (bin.to - bin.from)).abs() > MOVES * sd;
        (moves && !is_crowded(part)).then_some(slope)
    };
    (0..).zip(bins).zip(&parts).map(|((at, bin), part)| slope(at, bin, part).unwrap_or(0.0)).collect()
}

fn is_crowded(part: Part<'_>) -> bool {
    let mut counts = Counts::default();
    part.iter().for_each(|(_, step)| counts.add(*step));
    counts.is_crowded()
}

/// Mean, and sum of squared distances from it.
fn moments(part: Part<'_>) -> (f64, f64) {
    let mean = part.iter().map(|(_, step)| *step as f64).sum::<f64>() / part.len() as f64;
    (mean, part.iter().map(|(_, step)| (*step as f64 - mean) * (*step as f64 - mean)).sum())
}

fn bin_of(part: Part<'_>) -> Option<TimeBin> {
    let (from, to) = (part.first()?.0, part.last()?.0);
    let centre = part.iter().map(|(time, _)| *time).sum::<f64>() / part.len() as f64;
    Some(TimeBin { from, to, centre: centre.clamp(from, to), slope: 0.0 })
}
