//! A day of a patient with what it takes to find its readings again once only raw ones are left.

use super::window::{SLOTS_PER_HOUR, hour_of, hour_start};
use crate::time::Instant;
use crate::window::{WINDOW_MS, window_start};
use crate::zone::{Day, Zones};

/// A day, and which of its 5-minute windows lie in another day nevertheless.
///
/// A window belongs to the day, in the zone where the patient is at the beginning of its hour, in which it begins. Of
/// somebody who travels days overlap, or leave a gap: so begin and end alone do not say what is in a day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LivedDay {
    /// Begin and end.
    pub day: Day,
    /// Hours since 1970 UTC that reach into the day and belong to another one, in ascending order.
    pub elsewhere: Vec<i64>,
}

impl LivedDay {
    /// The day of a 5-minute window. `zone_at` names the zone in which the patient is at the beginning of an hour.
    #[must_use]
    pub fn of<'n>(index: i64, zone_at: impl Fn(Instant) -> Option<&'n str>, zones: &mut Zones) -> Self {
        let zone = zone_at(hour_start(hour_of(index)));
        let day = zones.of(zone).day_span(window_start(index));
        let slots = slots(day);
        let is_elsewhere = |hour: &i64| {
            let other = zone_at(hour_start(*hour));
            let first = slots.start.max(hour * SLOTS_PER_HOUR);
            other != zone && zones.of(other).day_span(window_start(first)) != day
        };
        let hours = hour_of(slots.start)..=hour_of(slots.end - 1);
        Self { day, elsewhere: hours.filter(is_elsewhere).collect() }
    }

    /// Whether the 5-minute window lies in the day.
    #[must_use]
    pub fn holds(&self, index: i64) -> bool {
        slots(self.day).contains(&index) && self.elsewhere.binary_search(&hour_of(index)).is_err()
    }

    /// From when until when (exclusive) its windows last; nearly always begin and end of the day.
    #[must_use]
    pub fn span(&self) -> (Instant, Instant) {
        let slots = slots(self.day);
        (window_start(slots.start), window_start(slots.end))
    }
}

/// The 5-minute windows that begin in the day.
fn slots(day: Day) -> std::ops::Range<i64> {
    let from = |at: Instant| at.0.saturating_add(WINDOW_MS - 1).div_euclid(WINDOW_MS);
    from(day.start)..from(day.end)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::window::window_of;

    /// 2025-01-01T00:00Z.
    const NEW_YEAR: i64 = 1_735_689_600_000;
    const HOUR_MS: i64 = 3_600_000;

    fn index(hours: i64) -> i64 {
        window_of(Instant(NEW_YEAR + hours * HOUR_MS)).0
    }

    #[test]
    fn at_home_a_day_holds_what_lies_between_its_begin_and_its_end() {
        let lived = LivedDay::of(index(5), |_| Some("Asia/Kathmandu"), &mut Zones::default());
        // Midnight there is 18:15 UTC.
        assert_eq!(lived.day.start, Instant(NEW_YEAR - 345 * 60_000));
        assert_eq!(lived.span(), (lived.day.start, lived.day.end));
        assert_eq!(lived.elsewhere, []);
        let first = window_of(lived.day.start).0;
        let held = [first - 1, first, first + 287, first + 288].map(|index| lived.holds(index));
        assert_eq!(held, [false, true, true, false]);
    }

    #[test]
    fn of_a_traveller_every_window_lies_in_one_day() {
        // From Shanghai (UTC+8) to London at noon UTC, and back two days later at 3 o'clock.
        let zone_at = |at: Instant| match (at.0 - NEW_YEAR).div_euclid(HOUR_MS) {
            12..=50 => Some("Europe/London"),
            _ => Some("Asia/Shanghai"),
        };
        let mut zones = Zones::default();
        let days: Vec<LivedDay> =
            (-30..80).map(|hour| LivedDay::of(index(hour), zone_at, &mut zones)).collect();
        for hour in -30..80 {
            let mut holding: Vec<_> = days.iter().filter(|lived| lived.holds(index(hour))).collect();
            holding.dedup();
            assert_eq!(holding.len(), 1, "hour {hour}");
        }
        // The first day in London is the calendar day there, without the hours before the arrival.
        let first = LivedDay::of(index(12), zone_at, &mut zones);
        assert_eq!(first.day.start, Instant(NEW_YEAR));
        assert_eq!(first.elsewhere, (0..12).map(|hour| hour_of(index(hour))).collect::<Vec<_>>());
        // In two zones with the same clocks the day is the same.
        let moved = |at: Instant| Some(if at.0 < NEW_YEAR { "Asia/Shanghai" } else { "Asia/Singapore" });
        assert_eq!(LivedDay::of(index(1), moved, &mut zones).elsewhere, []);
    }
}
