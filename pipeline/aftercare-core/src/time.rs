//! Points in time and spans of time. Nothing here reads a clock: a time is always handed in.

use serde::{Deserialize, Serialize};

/// Milliseconds of one UTC day (leap seconds are not counted, as in Unix time).
pub const MS_PER_DAY: i64 = 86_400_000;

/// A point in time: milliseconds since 1970-01-01T00:00:00Z, negative before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Instant(pub i64);

/// A span of time in milliseconds; may be negative.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Millis(pub i64);

impl Millis {
    /// `days` spans of 24 hours, at the limits of the range where they would lie outside it.
    pub const fn days(days: i64) -> Millis {
        Millis(days.saturating_mul(MS_PER_DAY))
    }

    /// `seconds` seconds, at the limits of the range where they would lie outside it.
    pub const fn seconds(seconds: i64) -> Millis {
        Millis(seconds.saturating_mul(1_000))
    }
}

impl Instant {
    /// The earliest instant that can be written.
    pub const MIN: Instant = Instant(i64::MIN);
    /// The latest instant that can be written.
    pub const MAX: Instant = Instant(i64::MAX);

    /// `self + span`, or `None` where that lies outside the range.
    pub const fn checked_add(self, span: Millis) -> Option<Instant> {
        match self.0.checked_add(span.0) {
            Some(ms) => Some(Instant(ms)),
            None => None,
        }
    }

    /// `self + span`, at the limits of the range where it would lie outside it.
    pub const fn saturating_add(self, span: Millis) -> Instant {
        Instant(self.0.saturating_add(span.0))
    }

    /// `self - span`, at the limits of the range where it would lie outside it.
    pub const fn saturating_sub(self, span: Millis) -> Instant {
        Instant(self.0.saturating_sub(span.0))
    }

    /// The span from `earlier` to `self`; negative where `self` comes first.
    pub const fn since(self, earlier: Instant) -> Millis {
        Millis(self.0.saturating_sub(earlier.0))
    }

    /// The start of the span of `length` that contains `self`, spans being counted from 1970 in UTC
    /// (so that five-minute windows start at full five minutes). `length` of zero or less counts as one ms.
    pub const fn floor_to(self, length: Millis) -> Instant {
        let length = if length.0 < 1 { 1 } else { length.0 };
        Instant(self.0.saturating_sub(self.0.rem_euclid(length)))
    }

    /// The calendar year in UTC.
    pub fn year_utc(self) -> i32 {
        i32::from(crate::zone::date_of_day(self.0.div_euclid(MS_PER_DAY)).year())
    }

    /// The UTC day as days since 1970-01-01 (Avro's `date`), at the limits of `i32` where outside it.
    pub fn day_utc(self) -> i32 {
        let days = self.0.div_euclid(MS_PER_DAY);
        i32::try_from(days).unwrap_or(if days < 0 { i32::MIN } else { i32::MAX })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_floored_on_both_sides_of_the_epoch() {
        for (ms, day) in [(0, 0), (-1, -1), (MS_PER_DAY - 1, 0), (MS_PER_DAY, 1), (-MS_PER_DAY, -1)] {
            assert_eq!(Instant(ms).day_utc(), day, "{ms}");
        }
        assert_eq!(Instant::MAX.day_utc(), i32::MAX);
        assert_eq!(Instant::MIN.day_utc(), i32::MIN);
    }

    #[test]
    fn arithmetic_stops_at_the_limits() {
        assert_eq!(Instant::MAX.checked_add(Millis(1)), None);
        assert_eq!(Instant::MAX.saturating_add(Millis(1)), Instant::MAX);
        assert_eq!(Instant(5).since(Instant(7)), Millis(-2));
        assert_eq!(Instant(-1).floor_to(Millis::seconds(300)), Instant(-300_000));
        assert_eq!(Instant(299_999).floor_to(Millis::seconds(300)), Instant(0));
        assert_eq!(Instant::MIN.floor_to(Millis(300_000)), Instant::MIN);
    }
}
