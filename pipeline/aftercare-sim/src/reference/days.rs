//! Calendar days of a time zone, found by walking along the clock.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::{TimeZone, TimeZoneDatabase};

/// Wherever people live, days begin with a quarter of an hour.
const QUARTER_MS: i64 = 900_000;

/// Days that were found.
#[derive(Default)]
pub(super) struct Days(BTreeMap<(String, Date), (i64, i64)>);

impl Days {
    /// Begin and end (ms since 1970) of the day that a moment lies in.
    pub(super) fn of(&mut self, zone: &str, at: i64) -> Option<(i64, i64)> {
        let clock = TimeZoneDatabase::bundled().get(zone).ok()?;
        let today = date(&clock, at)?;
        if let Some(known) = self.0.get(&(zone.to_owned(), today)) {
            return Some(*known);
        }
        let quarter = at.div_euclid(QUARTER_MS) * QUARTER_MS;
        let (mut start, mut end) = (quarter, quarter + QUARTER_MS);
        while date(&clock, start - 1)? == today {
            start -= QUARTER_MS;
        }
        while date(&clock, end)? == today {
            end += QUARTER_MS;
        }
        self.0.insert((zone.to_owned(), today), (start, end));
        Some((start, end))
    }
}

fn date(clock: &TimeZone, at: i64) -> Option<Date> {
    Some(clock.to_datetime(Timestamp::from_millisecond(at).ok()?).date())
}
