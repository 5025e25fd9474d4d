//! Calendar arithmetic on days since 1970-01-01.

use jiff::civil::Date;

use crate::month::Month;
use crate::zone::{date_of_day, day_of_date};

/// Reads a day such as "2026-01-31".
pub(super) fn parse_day(text: &str) -> Option<i64> {
    let is_day = text.len() == 10 && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
    is_day.then(|| text.parse::<Date>().ok())?.map(day_of_date)
}

pub(super) fn year(day: i64) -> i64 {
    i64::from(date_of_day(day).year())
}

pub(super) fn month_number(day: i64) -> i64 {
    i64::from(date_of_day(day).month())
}

pub(super) fn day_of_month(day: i64) -> i64 {
    i64::from(date_of_day(day).day())
}

pub(super) fn first_of_month(day: i64) -> i64 {
    day_of_date(date_of_day(day).first_of_month())
}

pub(super) fn last_of_month(day: i64) -> i64 {
    day_of_date(date_of_day(day).last_of_month())
}

pub(super) fn first_of_year(day: i64) -> i64 {
    day_of_date(date_of_day(day).first_of_year())
}

pub(super) fn days_of_year(day: i64) -> i64 {
    i64::from(date_of_day(day).days_in_year())
}

pub(super) fn month(day: i64) -> String {
    Month::of_day(day).to_string()
}

/// The day of that year, month and day of the month, if there is one.
pub(super) fn day_of(year: i64, month: i64, day: i64) -> Option<i64> {
    let date = Date::new(i16::try_from(year).ok()?, i8::try_from(month).ok()?, i8::try_from(day).ok()?);
    date.ok().map(day_of_date)
}

/// The same day of the month `months` later, or that month's last day; `None` beyond the calendar.
pub(super) fn months_after(day: i64, months: i64) -> Option<i64> {
    let span = jiff::Span::new().try_months(months).ok()?;
    date_of_day(day).checked_add(span).ok().map(day_of_date)
}

/// The first days of the calendar months that begin in `[from, to)`.
pub(super) fn months_between(from: i64, to: i64) -> impl Iterator<Item = i64> {
    let first = first_of_month(from);
    let start = if first < from { months_after(first, 1) } else { Some(first) };
    std::iter::successors(start, |day| months_after(*day, 1)).take_while(move |day| *day < to)
}
