//! What a task keeps about one patient's vital signs beside the live windows: days that are not over yet, the values of
//! the days before, and what was issued about moments that may still change.

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use super::baseline::Deviation;
use super::summary::Summary;
use crate::documents::VitalsDocument;
use crate::metric::Metric;
use crate::time::{Instant, MS_PER_DAY, Millis};
use crate::window::{Micros, Points, WINDOW_MS, micros_to_units, window_start};
use crate::zone::Day;

/// How many quarters of an hour of a series may wait for the patient's enrolment: two days. Of more, the oldest are of
/// no day.
const UNPLACED_MAX: usize = 192;

/// How many days before the newest keep their values: four weeks of baseline for each day of the last week.
const KEPT_DAYS: i64 = 35;

/// The same of doses: a month of which a day changes a month after its end.
const KEPT_DAYS_OF_DOSES: i64 = 62;

/// How many days before the newest are judged again when a value changes: a telephone may have been away for so long
/// while another device went on.
const REJUDGED_DAYS: i64 = 7;

const QUARTER_MS: i64 = 900_000;

/// How many 5-minute windows behind the newest the book knows what was issued about them: more than stay live.
const REMEMBERED_SLOTS: i64 = 60;

/// A series of readings of one patient: the number of the device, and the metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SeriesKey {
    /// Number of the device, of the caller's choice.
    pub device: u32,
    /// What it measures.
    pub metric: Metric,
}

/// A reading that came after its window had ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Late {
    /// When it was measured.
    pub measured_at: Instant,
    /// Millionths of the metric's unit.
    pub value: i64,
    /// The tick at which it came.
    pub stored_at: Instant,
    /// Where it comes from, by the caller's number.
    pub source: u8,
}

/// A day of a series that may still change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct OpenDay {
    device: u32,
    metric: u8,
    day: Day,
    /// The readings of its hours that have ended.
    ended: Summary,
    /// It changed since its row was issued.
    dirty: bool,
    /// A row of it exists.
    issued: bool,
    /// It was over when it was last issued.
    judged: bool,
    /// A reading that came after its window had ended: the first of the day.
    late: Option<Late>,
}

/// Readings that have ended before the patient was enrolled, so that nobody knows in which zone their day is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Unplaced {
    device: u32,
    metric: u8,
    /// Since 1970 UTC: wherever people live, days begin with a quarter of an hour.
    quarter: i64,
    readings: Summary,
    /// A reading that came after its window had ended: the first of the quarter.
    late: Option<Late>,
}

impl Unplaced {
    fn key(&self) -> (u32, u8, i64) {
        (self.device, self.metric, self.quarter)
    }
}

/// The value of one day of one device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct DayValue {
    start: Instant,
    device: u32,
    readings: u32,
    /// Millionths of the metric's unit: the median, or the sum of what adds up.
    value: i64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct MetricDays {
    metric: u8,
    /// By start and device.
    days: Vec<DayValue>,
}

/// What several 5-minute windows say together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Moment {
    /// An early warning score.
    News2,
    /// A steep rise of blood pressure.
    Surge,
}

/// What was issued about one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Issued {
    /// The 5-minute window.
    slot: i64,
    kind: Moment,
    digest: u32,
}

/// The vital signs of one patient. Serialises for the changelog; the layout is part of the state's version.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct VitalBook {
    open: SmallVec<[Box<OpenDay>; 1]>,
    unplaced: Vec<Unplaced>,
    values: Vec<MetricDays>,
    issued: Vec<Issued>,
}

impl VitalBook {
    /// Adds an hour of readings that has ended to its day; `changed` unless the day's row holds all of them.
    pub fn add_ended(&mut self, series: SeriesKey, day: Day, hour: &Summary, changed: bool) {
        let open = self.open_day(series, day);
        open.ended.merge(hour);
        open.dirty |= changed;
    }

    /// Keeps 5-minute windows (index, readings; in ascending order) that have ended while nobody knows in which day they
    /// lie.
    pub fn add_unplaced<'p>(&mut self, series: SeriesKey, windows: impl Iterator<Item = (i64, &'p Points)>) {
        for (index, points) in windows {
            self.unplaced(series, window_start(index)).readings.add([points]);
        }
        self.limit_unplaced(series);
    }

    /// Keeps a reading that came late while nobody knows in which day it lies.
    pub fn add_late_unplaced(&mut self, series: SeriesKey, late: Late) {
        self.unplaced(series, late.measured_at).late.get_or_insert(late);
        self.limit_unplaced(series);
    }

    fn unplaced(&mut self, series: SeriesKey, at: Instant) -> &mut Unplaced {
        let (device, metric) = (series.device, series.metric.position());
        let quarter = at.0.div_euclid(QUARTER_MS);
        let place = match self.unplaced.binary_search_by_key(&(device, metric, quarter), Unplaced::key) {
            Ok(place) => place,
            Err(place) => {
                let new = Unplaced { device, metric, quarter, readings: Summary::default(), late: None };
                self.unplaced.insert(place, new);
                place
            }
        };
        &mut self.unplaced[place]
    }

    fn limit_unplaced(&mut self, series: SeriesKey) {
        let key = (series.device, series.metric.position());
        let own = |known: &Unplaced| (known.device, known.metric) == key;
        if self.unplaced.iter().filter(|known| own(known)).count() > UNPLACED_MAX
            && let Some(oldest) = self.unplaced.iter().position(own)
        {
            self.unplaced.remove(oldest);
        }
    }

    /// Whether there are readings that wait to be placed.
    #[must_use]
    pub fn has_unplaced(&self) -> bool {
        !self.unplaced.is_empty()
    }

    /// Puts what waited into days, by `day_of` (of the beginning of a quarter of an hour). Answers the series, each once,
    /// and the late readings among it.
    pub fn place(
        &mut self,
        mut day_of: impl FnMut(Instant) -> Day,
    ) -> (Vec<SeriesKey>, Vec<(SeriesKey, Late)>) {
        let (mut placed, mut late) = (Vec::new(), Vec::new());
        for waited in std::mem::take(&mut self.unplaced) {
            let Some(metric) = Metric::at(waited.metric) else { continue };
            let series = SeriesKey { device: waited.device, metric };
            let day = day_of(Instant(waited.quarter * QUARTER_MS));
            if waited.readings.readings() > 0 {
                self.add_ended(series, day, &waited.readings, true);
            }
            if let Some(reading) = waited.late {
                self.add_late(series, day, reading);
                late.push((series, reading));
            }
            placed.push(series);
        }
        placed.dedup();
        (placed, late)
    }

    /// A reading came late for a day that may still change. Whenever a row of the day is issued from now on, that
    /// reading is missing in it.
    pub fn add_late(&mut self, series: SeriesKey, day: Day, late: Late) {
        let is_known = self.find(series, day).is_some();
        let open = self.open_day(series, day);
        open.late.get_or_insert(late);
        open.dirty &= is_known;
    }

    /// A reading that came late for the day, if there is one.
    #[must_use]
    pub fn late_in(&self, series: SeriesKey, day: Day) -> Option<Late> {
        self.find(series, day)?.late
    }

    fn open_day(&mut self, series: SeriesKey, day: Day) -> &mut OpenDay {
        let key = (series.device, series.metric.position(), day);
        let at = match self.open.binary_search_by_key(&key, |open| (open.device, open.metric, open.day)) {
            Ok(at) => at,
            Err(at) => {
                let (device, metric, day) = key;
                let ended = Summary::default();
                let (dirty, issued, judged, late) = (true, false, false, None);
                let new = OpenDay { device, metric, day, ended, dirty, issued, judged, late };
                self.open.insert(at, Box::new(new));
                at
            }
        };
        &mut self.open[at]
    }

    fn find(&self, series: SeriesKey, day: Day) -> Option<&OpenDay> {
        self.of(series).find(|open| open.day == day)
    }

    fn of(&self, series: SeriesKey) -> impl Iterator<Item = &OpenDay> {
        let key = (series.device, series.metric.position());
        self.open.iter().map(|open| &**open).filter(move |open| (open.device, open.metric) == key)
    }

    /// The readings of the day's hours that have ended.
    #[must_use]
    pub fn ended(&self, series: SeriesKey, day: Day) -> Summary {
        self.find(series, day).map(|open| open.ended.clone()).unwrap_or_default()
    }

    /// Days of the series that changed since their rows were issued.
    pub fn dirty_days(&self, series: SeriesKey) -> impl Iterator<Item = Day> + '_ {
        self.of(series).filter(|open| open.dirty).map(|open| open.day)
    }

    /// Days of the series of which rows were issued, and which have no hour that ended.
    pub fn days_of_live_hours(&self, series: SeriesKey) -> impl Iterator<Item = Day> + '_ {
        self.of(series).filter(|open| open.issued && open.ended.readings() == 0).map(|open| open.day)
    }

    /// Days of the series that end at or before `until`, and whether all was said about each.
    pub fn days_until(&self, series: SeriesKey, until: Instant) -> impl Iterator<Item = (Day, bool)> + '_ {
        let ended = self.of(series).filter(move |open| open.day.end <= until);
        ended.map(|open| (open.day, open.judged && !open.dirty))
    }

    /// Days that are over at `tick` and have not been judged since.
    pub fn days_over(&self, tick: Instant) -> impl Iterator<Item = (SeriesKey, Day)> + '_ {
        let over = self.open.iter().filter(move |open| !open.judged && open.day.end <= tick);
        over.filter_map(|open| Some((Metric::at(open.metric)?, open)))
            .map(|(metric, open)| (SeriesKey { device: open.device, metric }, open.day))
    }

    /// When the next day ends that has not been judged.
    #[must_use]
    pub fn next_due(&self) -> Option<Instant> {
        self.open.iter().filter(|open| !open.judged).map(|open| open.day.end).min()
    }

    /// Whether the book says already that the row of the day is issued, with `over` after its end.
    #[must_use]
    pub fn is_issued(&self, series: SeriesKey, day: Day, over: bool) -> bool {
        self.find(series, day).is_some_and(|open| !open.dirty && open.issued && open.judged == over)
    }

    /// The row of the day is issued, with `over` after its end.
    pub fn issued(&mut self, series: SeriesKey, day: Day, over: bool) {
        let open = self.open_day(series, day);
        (open.dirty, open.issued, open.judged) = (false, true, over);
    }

    /// The day is judged after its end.
    pub fn judged(&mut self, series: SeriesKey, day: Day) {
        self.open_day(series, day).judged = true;
    }

    /// Nothing can change the day any more, or it turned out to be none.
    pub fn close(&mut self, series: SeriesKey, day: Day) {
        let key = (series.device, series.metric.position(), day);
        self.open.retain(|open| (open.device, open.metric, open.day) != key);
    }

    /// Takes the day's value, of all of its readings; `None`: it has none. Answers which days of the metric have to be
    /// judged (again): none if nothing changed.
    pub fn set_value(&mut self, series: SeriesKey, day: Day, summary: Option<&Summary>) -> Vec<Instant> {
        let new = summary.and_then(|summary| {
            let adds_up = series.metric.adds_up();
            let value = if adds_up { Some(summary.sum_micros()) } else { summary.quantile_micros(500) };
            let readings = summary.readings();
            Some(DayValue { start: day.start, device: series.device, readings, value: value? })
        });
        let days = self.days_mut(series.metric);
        let known = days.iter().position(|v| (v.start, v.device) == (day.start, series.device));
        if known.map(|at| days[at]) == new {
            return Vec::new();
        }
        if let Some(at) = known {
            days.remove(at);
        }
        if let Some(new) = new {
            let at = days.partition_point(|v| (v.start, v.device) < (new.start, new.device));
            days.insert(at, new);
        }
        let Some(newest) = days.last().map(|v| v.start) else { return Vec::new() };
        days.retain(|v| v.start >= days_before(newest, kept_days(series.metric)));
        let from = day.start.max(days_before(newest, REJUDGED_DAYS));
        let mut judged: Vec<Instant> = days.iter().map(|v| v.start).filter(|start| *start >= from).collect();
        judged.dedup();
        judged
    }

    fn days_mut(&mut self, metric: Metric) -> &mut Vec<DayValue> {
        let position = metric.position();
        let at = match self.values.binary_search_by_key(&position, |m| m.metric) {
            Ok(at) => at,
            Err(at) => {
                self.values.insert(at, MetricDays { metric: position, days: Vec::new() });
                at
            }
        };
        &mut self.values[at].days
    }

    fn days(&self, metric: Metric) -> &[DayValue] {
        let found = self.values.iter().find(|m| m.metric == metric.position());
        found.map(|m| m.days.as_slice()).unwrap_or_default()
    }

    /// The metric's value of the day: that of the device with the most readings, of several the least value.
    fn value(&self, metric: Metric, start: Instant) -> Option<i64> {
        let of_day = self.days(metric).iter().filter(|v| v.start == start);
        let best = of_day.max_by_key(|v| (v.readings, std::cmp::Reverse(v.value)))?;
        Some(best.value)
    }

    /// The day against the days before it; `None` where it has no value, or too few of those have one.
    #[must_use]
    pub fn deviation(&self, metric: Metric, start: Instant, rules: &VitalsDocument) -> Option<Deviation> {
        let value = self.value(metric, start)?;
        let earliest = days_before(start, rules.baseline_days.into());
        let mut starts: Vec<Instant> = self.days(metric).iter().map(|v| v.start).collect();
        starts.dedup();
        let before = starts.into_iter().filter(|day| (earliest..start).contains(day));
        let mut before: Vec<i64> = before.filter_map(|day| self.value(metric, day)).collect();
        if before.len() < usize::try_from(rules.baseline_days_min).unwrap_or(usize::MAX) {
            return None;
        }
        let sd_min = rules.metric(metric).and_then(|known| known.sd_min).map_or(0, Micros::millionths);
        Deviation::of(value, &mut before, sd_min)
    }

    /// Doses taken and due of the day; `None` where none was due. Without a word of any taken, none was.
    #[must_use]
    pub fn adherence(&self, start: Instant) -> Option<(u32, u32)> {
        let doses = |name| {
            let micros = self.value(Metric::named(name)?, start)?;
            #[allow(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "clamped to the range"
            )]
            Some(micros_to_units(micros).round().clamp(0.0, f64::from(u32::MAX)) as u32)
        };
        let due = doses("doses_due").filter(|due| *due > 0)?;
        Some((doses("doses_taken").unwrap_or(0), due))
    }

    /// Doses taken and due of the days from `first` until before `next`, which are the starts of a month and of the month
    /// after it, and on how many days some were due. `None` where none was due, or where days of the month are no longer
    /// kept: what was said of it before stands.
    #[must_use]
    pub fn adherence_of_month(&self, first: Instant, next: Instant) -> Option<(u32, u32, u32)> {
        let due = self.days(Metric::named("doses_due")?);
        let kept_from = days_before(due.last()?.start, KEPT_DAYS_OF_DOSES);
        // A day of another zone belongs to the month of its noon.
        let noon = Millis(MS_PER_DAY / 2);
        let mut days: Vec<Instant> = due.iter().map(|v| v.start).collect();
        days.retain(|start| (first..next).contains(&start.saturating_add(noon)));
        days.dedup();
        let doses = days.iter().filter_map(|start| self.adherence(*start));
        let (taken, due, days) = doses.fold((0u32, 0u32, 0), |(taken, due, days), of_day| {
            (taken.saturating_add(of_day.0), due.saturating_add(of_day.1), days + 1)
        });
        (days > 0 && kept_from <= first).then_some((taken, due, days))
    }

    /// What was last issued about the 5-minute window, as its digest.
    #[must_use]
    pub fn issued_about(&self, kind: Moment, slot: i64) -> Option<u32> {
        let known = self.issued.iter().find(|issued| (issued.kind, issued.slot) == (kind, slot));
        known.map(|issued| issued.digest)
    }

    /// Remembers what is issued about the 5-minute window; `None`: that nothing holds any more.
    pub fn renew(&mut self, kind: Moment, slot: i64, digest: Option<u32>) {
        self.issued.retain(|issued| {
            (issued.kind, issued.slot) != (kind, slot) && issued.slot > slot - REMEMBERED_SLOTS
        });
        self.issued.extend(digest.map(|digest| Issued { slot, kind, digest }));
    }
}

fn kept_days(metric: Metric) -> i64 {
    if metric.counts_doses() { KEPT_DAYS_OF_DOSES } else { KEPT_DAYS }
}

/// A moment no later than the start of the day so many days before, and later than that of the day before it: days have
/// 23 to 25 hours.
fn days_before(start: Instant, days: i64) -> Instant {
    start.saturating_sub(Millis(days * MS_PER_DAY + MS_PER_DAY / 2))
}

/// How many 5-minute windows cover so many minutes, at least one.
#[must_use]
pub fn slots_in(minutes: u32) -> i64 {
    (i64::from(minutes) * 60_000 / WINDOW_MS).max(1)
}
