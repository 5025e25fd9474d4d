//! Readings of wearables become what contracts look at: monthly summaries, as clinical events of the patient.

use std::collections::{BTreeMap, BTreeSet};

use aftercare_core::facts::{Body, ClinicalFact, InputKind, RecordHead, RecordStatus, Source};
use aftercare_core::metric::Metric;
use aftercare_core::money::Millionths;
use aftercare_core::month::Month;
use aftercare_core::time::Instant;
use aftercare_core::zone::Zone;

use crate::facts_file::{Line, StoredReading};

/// What is said of one month of a patient, and the reading with which it became known.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct MonthSaid {
    pub(super) line: Line,
    /// Such as `month-mean/systolic_pressure`.
    code: String,
    first_day: Instant,
    revision: i32,
    value: Millionths,
    unit: &'static str,
}

/// The readings of a month so far.
#[derive(Default)]
struct OneMonth {
    count: i64,
    sum: i64,
    days: BTreeSet<i64>,
    /// The one that became known last.
    newest: Option<Line>,
}

/// What the readings say before each of these moments (ascending), where it is not what was said before. A summary
/// becomes known with the newest of its readings.
pub(super) fn said(readings: &[StoredReading], moments: &[Line], zone: &Zone) -> Vec<MonthSaid> {
    let mut months: BTreeMap<(Month, Metric), OneMonth> = BTreeMap::new();
    let mut known: BTreeSet<(&str, Metric, Instant)> = BTreeSet::new();
    let mut last: BTreeMap<(Month, String), (i32, Millionths)> = BTreeMap::new();
    let (mut out, mut rest) = (Vec::new(), readings);
    for moment in moments {
        let (now, later) = rest.split_at(rest.partition_point(|reading| reading.line < *moment));
        rest = later;
        let mut touched = BTreeSet::new();
        for reading in now {
            // the same reading again is a copy
            if known.insert((&reading.device, reading.metric, reading.measured_at)) {
                let day = zone.day(reading.measured_at);
                let month = Month::of_day(day);
                months.entry((month, reading.metric)).or_default().add(reading, day);
                touched.insert(month);
            }
        }
        for month in touched {
            for (line, code, unit, value) in of_month(&months, month) {
                let (revision, was) = last.get(&(month, code.clone())).copied().unzip();
                if was == Some(value) {
                    continue;
                }
                let revision = revision.unwrap_or(0) + 1;
                last.insert((month, code.clone()), (revision, value));
                let first_day = zone.start_of(month.first_day());
                out.push(MonthSaid { line, code, first_day, revision, value, unit });
            }
        }
    }
    out.sort_by_key(|said| said.line);
    out
}

impl OneMonth {
    fn add(&mut self, reading: &StoredReading, day: i64) {
        self.count += 1;
        self.sum = self.sum.saturating_add(reading.value.millionths());
        self.days.insert(day);
        self.newest = self.newest.max(Some(reading.line));
    }
}

type Said = (Line, String, &'static str, Millionths);

fn of_month(months: &BTreeMap<(Month, Metric), OneMonth>, month: Month) -> Vec<Said> {
    let own: Vec<(Metric, &OneMonth)> =
        months.iter().filter(|((of, _), _)| *of == month).map(|((_, metric), one)| (*metric, one)).collect();
    let mut said = Vec::new();
    for (metric, one) in own.iter().filter(|(metric, _)| !metric.counts_doses()) {
        let Some(newest) = one.newest else { continue };
        let mean = Millionths(one.sum).quotient(Millionths(one.count.saturating_mul(Millionths::ONE.0)));
        said.extend(mean.map(|mean| (newest, format!("month-mean/{}", metric.name()), metric.unit(), mean)));
        let days = i64::try_from(one.days.len()).unwrap_or(i64::MAX).saturating_mul(Millionths::ONE.0);
        said.push((newest, format!("month-days/{}", metric.name()), "d", Millionths(days)));
    }
    let doses = |name: &str| own.iter().find(|(metric, _)| metric.name() == name).map(|(_, one)| *one);
    if let Some(due) = doses("doses_due") {
        let taken = doses("doses_taken");
        let hundred = 100_i64.saturating_mul(taken.map_or(0, |taken| taken.sum));
        let most = Millionths(100 * Millionths::ONE.0);
        let newest = due.newest.max(taken.and_then(|taken| taken.newest));
        let adherence = Millionths(hundred).quotient(Millionths(due.sum)).zip(newest);
        said.extend(
            adherence.map(|(rate, newest)| (newest, "month-adherence".to_owned(), "%", rate.min(most))),
        );
    }
    said
}

impl MonthSaid {
    /// Hands the summary on as the clinical event that it is to its patient.
    pub(super) fn record<T>(&self, take: impl FnOnce(&RecordHead<'_>, &Body<'_>) -> T) -> T {
        let id = format!("{}/{}", self.code, self.first_day.0);
        let head = RecordHead {
            kind: InputKind::ClinicalEvent,
            id: &id,
            revision: self.revision,
            status: if self.revision == 1 { RecordStatus::Final } else { RecordStatus::Amended },
            source: Source::Live,
            event_at: self.first_day,
            digest: 0,
            retry: false,
        };
        let fact = ClinicalFact {
            kind: "measurement",
            coding: Some("aftercare"),
            code: Some(&self.code),
            value: self.value.to_string().parse().ok(),
            unit: Some(self.unit),
            ..ClinicalFact::default()
        };
        take(&head, &Body::Clinical(fact))
    }
}

#[cfg(test)]
mod tests {
    use aftercare_core::window::Micros;

    use super::*;

    const DAY: i64 = 86_400_000;

    fn reading(metric: &str, value: i64, day: i64, stored: i64) -> StoredReading {
        let metric = Metric::named(metric).unwrap();
        let (value, measured_at) = (Micros::from_millionths(value * 1_000_000), Instant(day * DAY));
        let line = Line::after(Instant(stored * DAY));
        StoredReading { line, device: "w-1".into(), metric, value, measured_at }
    }

    fn told(readings: &[StoredReading], moments: &[i64]) -> Vec<(i64, String, i32, String)> {
        let moments: Vec<Line> = moments.iter().map(|day| Line::after(Instant(day * DAY))).collect();
        let said = said(readings, &moments, &Zone::UTC);
        said.into_iter()
            .map(|said| (said.line.stored_at.0 / DAY, said.code, said.revision, said.value.to_string()))
            .collect()
    }

    #[test]
    fn a_month_s_mean_and_days_are_known_with_its_newest_reading_and_revised_by_a_late_one() {
        let readings = [
            reading("systolic_pressure", 130, 0, 1),
            reading("systolic_pressure", 135, 0, 2),
            // a copy: same device, metric and time
            reading("systolic_pressure", 999, 0, 3),
            reading("systolic_pressure", 140, 30, 33),
        ];
        let (mean, days) = ("month-mean/systolic_pressure", "month-days/systolic_pressure");
        // 130 alone, since the second reading has the same time; then (130 + 140) / 2 = 135 on two days
        assert_eq!(
            told(&readings, &[10, 40, 50]),
            [
                (1, mean.to_owned(), 1, "130".to_owned()),
                (1, days.to_owned(), 1, "1".to_owned()),
                (33, mean.to_owned(), 2, "135".to_owned()),
                (33, days.to_owned(), 2, "2".to_owned()),
            ]
        );
    }

    #[test]
    fn adherence_is_doses_taken_of_doses_due_and_absent_without_due_doses() {
        let readings = [
            reading("doses_taken", 1, 0, 1),
            reading("doses_due", 2, 0, 2),
            reading("doses_taken", 1, 40, 41),
            reading("doses_due", 2, 70, 71),
            reading("doses_taken", 3, 71, 71),
        ];
        let adherence = |stored, value: &str| (stored, "month-adherence".to_owned(), 1, value.to_owned());
        // January 1 of 2; none due in February; in March 3 of 2, which is all
        assert_eq!(told(&readings, &[100]), [adherence(2, "50"), adherence(71, "100")]);
    }
}
