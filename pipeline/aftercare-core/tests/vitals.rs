//! Vital signs: what a patient's book says of days, in any order.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "tests")]

use std::collections::BTreeMap;

use aftercare_core::documents::Library;
use aftercare_core::metric::Metric;
use aftercare_core::time::{Instant, Millis};
use aftercare_core::vital::{Moment, SeriesKey, Summary, VitalBook};
use aftercare_core::window::{Micros, Points};
use aftercare_core::zone::{Day, Zone};

const WRIST: SeriesKey = SeriesKey { device: 3, metric: HEART_RATE };
const HEART_RATE: Metric = Metric::HEART_RATE;

fn summary(values: &[f64]) -> Summary {
    let mut points = Points::default();
    for (offset, value) in (0..).zip(values) {
        points.insert(offset, Micros::from_units(*value).unwrap());
    }
    Summary::of([&points])
}

/// Day `n` of a patient in Berlin, from 2024-10-01 on: the clocks go back on day 26.
fn day(n: i64) -> Day {
    let noon = Instant(1_727_776_800_000).saturating_add(Millis::days(n));
    Zone::named("Europe/Berlin").unwrap().day_span(noon)
}

fn value_of_day(n: i64) -> f64 {
    60.0 + f64::from(i32::try_from(n * 7 % 5).unwrap())
}

fn deviations(book: &VitalBook) -> BTreeMap<i64, (f64, f64, Option<f64>)> {
    let library = Library::builtin();
    let found = (0..60).filter_map(|n| {
        let d = book.deviation(HEART_RATE, day(n).start, library.vitals().unwrap())?;
        Some((n, (d.value, d.median, d.robust_z)))
    });
    found.collect()
}

#[test]
fn a_day_is_judged_by_the_28_days_before_it() {
    let mut book = VitalBook::default();
    for n in 0..40 {
        let judged = book.set_value(WRIST, day(n), Some(&summary(&[value_of_day(n)])));
        assert_eq!(judged, [day(n).start], "day {n}");
    }
    let judged = deviations(&book);
    assert_eq!(
        (judged.first_key_value().unwrap().0, judged.len()),
        (&(4 + 7), 40 - 4 - 7),
        "35 days are kept"
    );
    let (value, median, robust_z) = judged[&39];
    assert!((value - 63.0).abs() < 1e-9 && (median - 62.0).abs() < 1e-9, "{judged:?}");
    assert!((robust_z.unwrap() - 0.6745).abs() < 1e-9);
    // A late reading changes day 36: the days from it on are judged anew.
    let judged = book.set_value(WRIST, day(36), Some(&summary(&[99.0])));
    assert_eq!(judged, [36, 37, 38, 39].map(|n| day(n).start));
    assert_eq!(book.set_value(WRIST, day(36), Some(&summary(&[99.0]))), []);
}

#[test]
fn the_order_of_days_does_not_matter() {
    let other = SeriesKey { device: 9, ..WRIST };
    let mut facts: Vec<(SeriesKey, i64, Vec<f64>)> =
        (0..30).map(|n| (WRIST, n, vec![value_of_day(n); 5])).collect();
    facts.extend((10..20).map(|n| (other, n, vec![80.0; if n % 2 == 0 { 4 } else { 6 }])));
    let book = |facts: &[(SeriesKey, i64, Vec<f64>)]| {
        let mut book = VitalBook::default();
        for (series, n, values) in facts {
            book.set_value(*series, day(*n), Some(&summary(values)));
        }
        book
    };
    let forward = book(&facts);
    facts.reverse();
    assert_eq!(deviations(&book(&facts)), deviations(&forward));
    facts.sort_by_key(|(_, n, _)| n * 17 % 31);
    assert_eq!(deviations(&book(&facts)), deviations(&forward));
    // The device with the most readings of the day counts.
    let judged = deviations(&forward);
    assert!((judged[&11].0 - 80.0).abs() < 1e-9 && judged[&12].0 < 70.0, "{judged:?}");
}

#[test]
fn adherence_is_doses_taken_of_doses_due_of_a_day() {
    let of = |name| SeriesKey { device: 1, metric: Metric::named(name).unwrap() };
    let mut book = VitalBook::default();
    assert_eq!(book.adherence(day(0).start), None);
    book.set_value(of("doses_due"), day(0), Some(&summary(&[1.0, 2.0])));
    assert_eq!(book.adherence(day(0).start), Some((0, 3)), "not a word of any taken");
    book.set_value(of("doses_taken"), day(0), Some(&summary(&[1.0, 1.0])));
    assert_eq!(book.adherence(day(0).start), Some((2, 3)));
    book.set_value(of("doses_taken"), day(1), Some(&summary(&[1.0])));
    assert_eq!(book.adherence(day(1).start), None, "none was due");
}

#[test]
fn adherence_of_a_month_is_that_of_all_its_days_as_long_as_they_are_known() {
    let of = |name: &str| SeriesKey { device: 1, metric: Metric::named(name).unwrap() };
    // October 2024, of which day 0 is the first: its last day is day 30, and the clocks go back on day 26.
    let (first, next) = (day(0).start, day(31).start);
    let mut book = VitalBook::default();
    assert_eq!(book.adherence_of_month(first, next), None);
    let mut doses: Vec<(&str, i64, f64)> = (0..40).map(|n| ("doses_due", n, 2.0)).collect();
    doses.extend((0..40).filter(|n| n % 10 != 3).map(|n| ("doses_taken", n, if n == 7 { 1.0 } else { 2.0 })));
    let fill = |doses: &[(&str, i64, f64)]| {
        let mut book = VitalBook::default();
        for (name, n, count) in doses {
            book.set_value(of(name), day(*n), Some(&summary(&[*count])));
        }
        book
    };
    let whole = fill(&doses);
    // Nothing was taken on days 3, 13 and 23, one of two on day 7.
    assert_eq!(whole.adherence_of_month(first, next), Some((31 * 2 - 3 * 2 - 1, 31 * 2, 31)));
    assert_eq!(whole.adherence_of_month(next, day(61).start), Some((9 * 2 - 2, 9 * 2, 9)), "so far");
    doses.sort_by_key(|(name, n, _)| (n * 17 % 41, *name));
    assert_eq!(fill(&doses).adherence_of_month(first, next), whole.adherence_of_month(first, next));
    // A month after its end a day may change still; later what was said of it stands.
    book = whole;
    book.set_value(of("doses_due"), day(62), Some(&summary(&[2.0])));
    book.set_value(of("doses_taken"), day(3), Some(&summary(&[2.0])));
    assert_eq!(book.adherence_of_month(first, next), Some((31 * 2 - 2 * 2 - 1, 31 * 2, 31)));
    book.set_value(of("doses_due"), day(63), Some(&summary(&[2.0])));
    assert_eq!(book.adherence_of_month(first, next), None);
}

#[test]
fn a_day_is_put_together_from_its_hours_and_waits_for_its_end() {
    let mut book = VitalBook::default();
    let hours = [summary(&[60.0, 61.0]), summary(&[62.0]), summary(&[70.0, 71.5])];
    hours.iter().for_each(|hour| book.add_ended(WRIST, day(26), hour, true));
    assert_eq!(book.ended(WRIST, day(26)), summary(&[60.0, 61.0]).tap_merge(&hours[1..]));
    assert_eq!(book.next_due(), Some(day(26).end));
    assert_eq!((day(26).end.0 - day(26).start.0) / 3_600_000, 25);
    let over = |book: &VitalBook, at: Instant| book.days_over(at).collect::<Vec<_>>();
    assert_eq!(over(&book, Instant(day(26).end.0 - 1)), []);
    assert_eq!(over(&book, day(26).end), [(WRIST, day(26))]);
    book.issued(WRIST, day(26), true);
    assert_eq!((over(&book, day(26).end), book.next_due()), (vec![], None));
    book.close(WRIST, day(26));
    assert_eq!(book, VitalBook::default());
}

trait TapMerge {
    fn tap_merge(self, others: &[Summary]) -> Self;
}

impl TapMerge for Summary {
    fn tap_merge(mut self, others: &[Summary]) -> Self {
        others.iter().for_each(|other| self.merge(other));
        self
    }
}

#[test]
fn what_was_issued_about_a_moment_is_remembered_while_it_may_change() {
    let mut book = VitalBook::default();
    assert_eq!(book.issued_about(Moment::News2, 100), None);
    book.renew(Moment::News2, 100, Some(7));
    book.renew(Moment::Surge, 100, Some(8));
    book.renew(Moment::News2, 99, Some(9));
    assert_eq!([Moment::News2, Moment::Surge].map(|kind| book.issued_about(kind, 100)), [Some(7), Some(8)]);
    book.renew(Moment::News2, 100, None);
    assert_eq!([Moment::News2, Moment::Surge].map(|kind| book.issued_about(kind, 100)), [None, Some(8)]);
    book.renew(Moment::News2, 300, Some(1));
    assert_eq!(book.issued_about(Moment::Surge, 100), None, "so old a window does not change any more");
}

#[test]
fn a_year_of_six_vital_signs_stays_small() {
    let mut book = VitalBook::default();
    let mut largest = 0;
    for n in 0..365 {
        for metric in (1..=6).map(|position| Metric::at(position).unwrap()) {
            let series = SeriesKey { device: 0, metric };
            // A day's worth of readings with 70 distinct values.
            let minutes: Vec<f64> = (0..1440).map(|i| 55.0 + f64::from((i * 13 + n) % 70)).collect();
            let hour = summary(&minutes);
            book.add_ended(series, day(i64::from(n)), &hour, true);
            largest = largest.max(postcard::to_allocvec(&book).unwrap().len());
            book.issued(series, day(i64::from(n)), true);
            book.set_value(series, day(i64::from(n)), Some(&hour));
            if metric.position() == 6 {
                let done: Vec<_> = book.days_until(series, day(i64::from(n)).end).collect();
                assert!(done.iter().all(|(_, done)| *done));
                for (day, _) in done {
                    (1..=6).for_each(|p| {
                        book.close(SeriesKey { device: 0, metric: Metric::at(p).unwrap() }, day)
                    });
                }
            }
        }
    }
    println!("the book of six vital signs, each minute, for a year: at most {largest} bytes");
    assert!(largest < 7_000, "{largest} bytes");
    let bytes = postcard::to_allocvec(&book).unwrap();
    assert_eq!(postcard::from_bytes::<VitalBook>(&bytes).unwrap(), book);
}
