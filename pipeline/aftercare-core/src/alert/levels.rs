//! What a rule says about the points of a series whose values are kept: windows, early warning scores, days, laboratory
//! values. (What it says about an upload is written when its scores are judged: `scores.rs`.)

use super::series::{Level, Point};
use super::vital_rules::ANY_THREE;
use crate::documents::{Away, LevelBand, RuleKind, Side};
use crate::time::{Instant, MS_PER_DAY, Millis};
use crate::window::WINDOW_MS;

/// Days of a month in limits by months since treatment.
const DAYS_PER_MONTH: i64 = 30;

/// How `points` meet the condition, one level for each.
pub(super) fn levels(rule: &RuleKind, points: &[Point], treated_at: Option<Instant>) -> Vec<Level> {
    let values: Vec<f64> = points.iter().map(|point| point.value.unwrap_or(0.0)).collect();
    match rule {
        RuleKind::SustainedVital { side, limit, clear, minutes, gap_minutes, .. } => {
            let sustained = Sustained {
                side: *side,
                limit: *limit,
                clear: *clear,
                length: Millis::seconds(i64::from(*minutes) * 60),
                gap: Millis::seconds(i64::from(*gap_minutes) * 60),
            };
            sustained.levels(points)
        }
        RuleKind::News2 { at_least, any_three, clear_below, .. } => {
            let level = |(point, value): (&Point, &f64)| {
                let three = *any_three && point.label.as_ref() == ANY_THREE;
                let limit = at_least.map_or(f64::INFINITY, f64::from);
                if three { Level::Met } else { above(*value, limit, f64::from(*clear_below)) }
            };
            points.iter().zip(&values).map(level).collect()
        }
        RuleKind::OwnBaseline { away, z, clear_z, .. } => {
            let far = |value: &f64| match away {
                Away::Up => *value,
                Away::Down => -*value,
                Away::Either => value.abs(),
            };
            values.iter().map(|value| above(far(value), *z, *clear_z)).collect()
        }
        RuleKind::LaboratoryRise { after_at_most, at_least, .. } => {
            let mut was_low = false;
            let level = |value: &f64| {
                was_low |= *value <= *after_at_most;
                match () {
                    () if *value <= *after_at_most => Level::Clear,
                    () if was_low && *value >= *at_least => Level::Met,
                    () => Level::Between,
                }
            };
            values.iter().map(level).collect()
        }
        RuleKind::LaboratoryHeld { at_most, days, values_min, .. } => {
            let mut since: Option<(Instant, i32)> = None;
            let level = |(point, value): (&Point, &f64)| {
                if *value > *at_most {
                    since = None;
                    return Level::Clear;
                }
                let (from, count) = since.map_or((point.at, 1), |(from, count)| (from, count + 1));
                since = Some((from, count));
                let long = point.at.since(from) >= Millis::days(i64::from(*days));
                if long && count >= *values_min { Level::Met } else { Level::Between }
            };
            points.iter().zip(&values).map(level).collect()
        }
        RuleKind::LaboratoryIncrease { factor, at_least, .. } => {
            let before = std::iter::once(None).chain(values.iter().copied().map(Some));
            let level = |(value, before): (&f64, Option<f64>)| match before {
                None => Level::Clear,
                Some(before) if *value < before => Level::Clear,
                Some(before) if *value >= before * factor && *value >= *at_least => Level::Met,
                Some(_) => Level::Between,
            };
            values.iter().zip(before).map(level).collect()
        }
        RuleKind::LaboratoryLimits { bands, .. } => {
            let level = |(point, value): (&Point, &f64)| {
                let band = band_at(bands, treated_at, point.at);
                let well = band.is_none_or(|band| (band.at_least..=band.at_most).contains(value));
                if well { Level::Clear } else { Level::Met }
            };
            points.iter().zip(&values).map(level).collect()
        }
        _ => values.iter().map(|_| Level::Met).collect(),
    }
}

/// Met from `limit` on, over below `clear`.
pub(super) fn above(value: f64, limit: f64, clear: f64) -> Level {
    match () {
        () if value >= limit => Level::Met,
        () if value < clear => Level::Clear,
        () => Level::Between,
    }
}

/// Met below `limit`, over from `clear` on.
pub(super) fn under(value: f64, limit: f64, clear: f64) -> Level {
    match () {
        () if value < limit => Level::Met,
        () if value >= clear => Level::Clear,
        () => Level::Between,
    }
}

/// Met on that side of `limit`, over beyond `clear`.
pub(super) fn beyond(side: Side, value: f64, limit: f64, clear: f64) -> Level {
    let over = match side {
        Side::Above => value < clear,
        Side::Below => value > clear,
    };
    match () {
        () if side.holds(value, limit) => Level::Met,
        () if over || clear.total_cmp(&limit).is_eq() => Level::Clear,
        () => Level::Between,
    }
}

/// The band in force at `at`; `None` before the treatment, or without one.
pub(super) fn band_at(bands: &[LevelBand], treated_at: Option<Instant>, at: Instant) -> Option<&LevelBand> {
    let since = at.since(treated_at?).0;
    if since < 0 {
        return None;
    }
    let month = since / (DAYS_PER_MONTH * MS_PER_DAY);
    bands.iter().find(|band| month < i64::from(band.until_month)).or(bands.last())
}

struct Sustained {
    side: Side,
    limit: f64,
    clear: f64,
    length: Millis,
    gap: Millis,
}

impl Sustained {
    /// A window is beyond the limit for as long as it and all windows right before it are.
    fn levels(&self, points: &[Point]) -> Vec<Level> {
        let mut since: Option<(Instant, Instant)> = None;
        let level = |point: &Point| {
            let level = beyond(self.side, point.value.unwrap_or(0.0), self.limit, self.clear);
            if level != Level::Met {
                since = None;
                return level;
            }
            let goes_on = since.filter(|(_, last)| point.at.since(*last) <= self.gap);
            let from = goes_on.map_or(point.at, |(from, _)| from);
            since = Some((from, point.at));
            let end = point.at.saturating_add(Millis(WINDOW_MS));
            if end.since(from) >= self.length { Level::Met } else { Level::Between }
        };
        points.iter().map(level).collect()
    }
}
