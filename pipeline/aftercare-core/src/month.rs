//! Calendar months.

use std::fmt;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::time::{Instant, Millis};
use crate::zone::{date_of_day, day_of_date};

/// A calendar month: months since January of the year 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Month(i32);

impl Month {
    /// The month of a calendar day, as days since 1970-01-01.
    pub fn of_day(day: i64) -> Month {
        let date = date_of_day(day);
        Month(i32::from(date.year()) * 12 + i32::from(date.month()) - 1)
    }

    /// Reads "2026-01".
    pub fn parse(text: &str) -> Option<Month> {
        let (year, month) = text.split_once('-')?;
        let is_number = |part: &str, length| part.len() == length && part.bytes().all(|b| b.is_ascii_digit());
        if !is_number(year, 4) || !is_number(month, 2) {
            return None;
        }
        let date = Date::new(year.parse().ok()?, month.parse().ok()?, 1).ok()?;
        Some(Month::of_day(day_of_date(date)))
    }

    /// The month of a point in time, in UTC.
    pub fn of_utc(at: Instant) -> Month {
        Month::of_day(i64::from(at.day_utc()))
    }

    /// When the month begins in UTC.
    pub fn start_utc(self) -> Instant {
        Instant(Millis::days(self.first_day()).0)
    }

    /// Its first calendar day, as days since 1970-01-01.
    pub fn first_day(self) -> i64 {
        let year = i16::try_from(self.0.div_euclid(12)).ok();
        let month = i8::try_from(self.0.rem_euclid(12) + 1).ok();
        let first = year.zip(month).and_then(|(year, month)| Date::new(year, month, 1).ok());
        first.map_or(if self.0 < 0 { i64::MIN } else { i64::MAX }, day_of_date)
    }

    /// The month `months` before.
    pub fn before(self, months: i32) -> Month {
        Month(self.0.saturating_sub(months))
    }

    /// The month after.
    pub const fn next(self) -> Month {
        Month(self.0.saturating_add(1))
    }
}

impl fmt::Display for Month {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:04}-{:02}", self.0.div_euclid(12), self.0.rem_euclid(12) + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_know_their_days() {
        // 2024-02-29 and 2024-03-01; 1969-12-31
        for (day, text) in [(19_782, "2024-02"), (19_783, "2024-03"), (-1, "1969-12"), (0, "1970-01")] {
            assert_eq!(Month::of_day(day).to_string(), text, "{day}");
            assert_eq!(Month::parse(text), Some(Month::of_day(day)));
        }
        assert_eq!(Month::parse("2025-12").map(Month::next), Month::parse("2026-01"));
        let february = Month::parse("2026-02").unwrap();
        assert_eq!(february.start_utc(), Instant(1_769_904_000_000));
        assert_eq!(Month::of_utc(Instant(1_769_904_000_000)), february);
        assert_eq!(Month::of_utc(Instant(1_769_903_999_999)).next(), february);
    }

    #[test]
    fn what_is_no_month_is_none() {
        for text in ["", "2026", "2026-13", "2026-00", "26-01", "2026-1", "+026-01", "2026-01-01"] {
            assert_eq!(Month::parse(text), None, "{text}");
        }
    }
}
