//! Calendar days in a time zone, from the time-zone database that is compiled in (never the machine's).

use jiff::civil::Date;
use jiff::tz::{TimeZone, TimeZoneDatabase};
use jiff::{Timestamp, ToSpan};
use serde::{Deserialize, Serialize};

use crate::documents::Schedule;
use crate::time::Instant;

const SECONDS_PER_DAY: i64 = 86_400;
const EPOCH: Date = jiff::civil::date(1970, 1, 1);
/// Further than any date.
const DAYS_MAX: i32 = 5_000_000;

/// A time zone.
#[derive(Clone, Debug)]
pub struct Zone(TimeZone);

impl Zone {
    /// Coordinated universal time, used where no zone is stated.
    pub const UTC: Zone = Zone(TimeZone::UTC);

    /// The zone of an IANA name such as `Asia/Shanghai`; `None` where the database has none of that name.
    pub fn named(name: &str) -> Option<Zone> {
        TimeZoneDatabase::bundled().get(name).ok().map(Zone)
    }

    /// The calendar day at `at`, as days since 1970-01-01.
    pub fn day(&self, at: Instant) -> i64 {
        let seconds = at.0.div_euclid(1_000);
        let nearest = Timestamp::from_second(seconds).unwrap_or(if seconds < 0 {
            Timestamp::MIN
        } else {
            Timestamp::MAX
        });
        seconds.saturating_add(i64::from(self.0.to_offset(nearest).seconds())).div_euclid(SECONDS_PER_DAY)
    }

    /// When calendar day `day`, counted since 1970-01-01, begins: at midnight, or at the first moment after it where
    /// the clocks skip it.
    pub fn start_of(&self, day: i64) -> Instant {
        let date = date_of_day(day);
        match self.0.to_timestamp(date.at(0, 0, 0, 0)) {
            Ok(start) => Instant(start.as_millisecond()),
            Err(_) => Instant(day_of_date(date).saturating_mul(SECONDS_PER_DAY * 1_000)),
        }
    }
}

/// The calendar date of a day, counted since 1970-01-01; the nearest date there is where it lies outside the calendar.
pub fn date_of_day(day: i64) -> Date {
    let since = i32::try_from(day).unwrap_or(if day < 0 { i32::MIN } else { i32::MAX });
    EPOCH.saturating_add(since.clamp(-DAYS_MAX, DAYS_MAX).days())
}

/// Days since 1970-01-01.
pub fn day_of_date(date: Date) -> i64 {
    i64::from(EPOCH.until(date).map_or(0, |span| span.get_days()))
}

/// A calendar day in a time zone. Most have 24 hours, some 23 or 25.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Day {
    /// Its first moment.
    pub start: Instant,
    /// The first moment of the next day.
    pub end: Instant,
}

impl Day {
    /// Whether `at` lies in the day.
    #[must_use]
    pub fn contains(&self, at: Instant) -> bool {
        self.start <= at && at < self.end
    }
}

impl Zone {
    /// The calendar day that `at` lies in.
    #[must_use]
    pub fn day_span(&self, at: Instant) -> Day {
        let day = self.day(at);
        Day { start: self.start_of(day), end: self.start_of(day.saturating_add(1)) }
    }
}

/// Zones by name, the one used last at hand.
#[derive(Clone, Debug, Default)]
pub struct Zones(Option<(String, Zone)>);

impl Zones {
    /// The calendar day at `at` in the zone of that name, as days since 1970-01-01; in UTC without a name or where the
    /// database has none of that name.
    pub fn day(&mut self, name: Option<&str>, at: Instant) -> i64 {
        self.of(name).day(at)
    }

    /// The zone of that name; UTC without a name or where the database has none of that name.
    pub fn of(&mut self, name: Option<&str>) -> &Zone {
        static UTC: Zone = Zone::UTC;
        let Some(name) = name else { return &UTC };
        let (_, zone) = match self.0.take() {
            Some(known) if known.0 == name => self.0.insert(known),
            _ => self.0.insert((name.to_owned(), Zone::named(name).unwrap_or(Zone::UTC))),
        };
        zone
    }
}

impl Schedule {
    /// How many slots have begun on calendar day `day` for a treatment on `treated_day`: 0 before the first. Days of
    /// both are of the episode's zone. On a day within the schedule this is also the slot that the day lies in.
    pub fn slots_begun(&self, treated_day: i64, day: i64) -> u32 {
        let since_first_start =
            day.saturating_sub(treated_day).saturating_sub(i64::from(self.every_days - self.every_days / 2));
        let begun = since_first_start.div_euclid(i64::from(self.every_days.max(1))) + 1;
        u32::try_from(begun.clamp(0, i64::from(self.slots))).unwrap_or(0)
    }

    /// The slot, 1 to `slots`, that `day` lies in; `None` before the first and after the last.
    pub fn slot(&self, treated_day: i64, day: i64) -> Option<u32> {
        let unbounded = Schedule { slots: i32::MAX, ..*self };
        let slot = unbounded.slots_begun(treated_day, day);
        let last = u32::try_from(self.slots).unwrap_or(0);
        (1..=last).contains(&slot).then_some(slot)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORTNIGHT: Schedule = Schedule { every_days: 14, slots: 26 };

    #[test]
    fn slot_k_covers_seven_days_on_either_side() {
        for (day, begun, slot) in [
            (-300, 0, None),
            (0, 0, None),
            (6, 0, None),
            (7, 1, Some(1)),
            (20, 1, Some(1)),
            (21, 2, Some(2)),
            (14 * 26 - 8, 25, Some(25)),
            (14 * 26 - 7, 26, Some(26)),
            (14 * 26 + 6, 26, Some(26)),
            (14 * 26 + 7, 26, None),
            (9_999_999, 26, None),
        ] {
            assert_eq!(FORTNIGHT.slots_begun(1_000, 1_000 + day), begun, "day {day}");
            assert_eq!(FORTNIGHT.slot(1_000, 1_000 + day), slot, "day {day}");
        }
    }

    #[test]
    fn an_odd_length_puts_the_extra_day_after() {
        let week = Schedule { every_days: 7, slots: 2 };
        // slot 1: [T+7-3, T+11)
        assert_eq!([3, 4, 10, 11].map(|day| week.slot(0, day)), [None, Some(1), Some(1), Some(2)]);
    }

    #[test]
    fn a_day_is_the_calendar_day_of_the_zone() {
        let shanghai = Zone::named("Asia/Shanghai").unwrap();
        // 1970-01-01T16:00Z is midnight of the second in Shanghai
        assert_eq!(shanghai.day(Instant(16 * 3_600_000 - 1)), 0);
        assert_eq!(shanghai.day(Instant(16 * 3_600_000)), 1);
        assert_eq!(Zone::UTC.day(Instant(-1)), -1);
    }

    #[test]
    fn a_day_begins_where_the_day_before_ends() {
        for name in ["UTC", "Asia/Shanghai", "Europe/London", "America/Sao_Paulo", "Pacific/Apia"] {
            let zone = Zone::named(name).unwrap();
            // Apia skipped a whole day, 2011-12-30
            for day in (10_000..20_500).filter(|day| (name, *day) != ("Pacific/Apia", 15_338)) {
                let start = zone.start_of(day);
                assert_eq!(zone.day(start), day, "{name}");
                assert!(zone.day(Instant(start.0 - 1)) < day, "{name} {day}");
            }
        }
    }

    #[test]
    fn summer_time_moves_the_day_boundary() {
        let london = Zone::named("Europe/London").unwrap();
        // 2024-06-30T23:30Z is already July in London; 2024-12-31T23:30Z is not yet 2025
        assert_eq!(london.day(Instant(1_719_790_200_000)), 19_905);
        assert_eq!(london.day(Instant(1_735_687_800_000)), 20_088);
    }

    #[test]
    fn a_day_lasts_until_the_next_begins() {
        let hours = |zone: &str, at: i64| {
            let day = Zone::named(zone).unwrap().day_span(Instant(at));
            assert!(day.contains(Instant(at)) && !day.contains(day.end));
            (day.start.0 / 1000, (day.end.0 - day.start.0) / 3_600_000)
        };
        assert_eq!(hours("Asia/Shanghai", 1_735_700_000_000), (1_735_660_800, 24));
        // 2024-03-31 and 2024-10-27, when the clocks of Berlin move
        assert_eq!(hours("Europe/Berlin", 1_711_875_600_000), (1_711_839_600, 23));
        assert_eq!(hours("Europe/Berlin", 1_730_019_600_000), (1_729_980_000, 25));
        // 2018-11-04 began at 01:00 in São Paulo
        assert_eq!(hours("America/Sao_Paulo", 1_541_350_800_000), (1_541_300_400, 23));
        assert_eq!(hours("Asia/Kathmandu", 1_735_700_000_000), (1_735_668_900, 24));
    }

    #[test]
    fn absurd_times_have_a_day_too() {
        let shanghai = Zone::named("Asia/Shanghai").unwrap();
        assert!(shanghai.day(Instant::MIN) < shanghai.day(Instant(0)));
        assert!(shanghai.day(Instant::MAX) > shanghai.day(Instant(0)));
        assert!(Zone::named("Asia/Nowhere").is_none());
        assert!(Zone::named("").is_none());
    }
}
