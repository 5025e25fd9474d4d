//! Readings that come after their windows have ended for good. The task names each of them in `late-readings`; whoever
//! has all raw readings computes the windows that they belong to again, by the same rules.
//!
//! A day may still be live when one of its hours has ended: the task goes on issuing its row, without the late reading.
//! So it names that reading again after each such row. What is computed for the last of these records holds all there
//! is, and stands before what the task says.

use std::collections::BTreeMap;

use aftercare_core::documents::Library;
use aftercare_core::metric::Metric;
use aftercare_core::time::Instant;
use aftercare_core::vital::{HOUR_MS, Late, LivedDay, SeriesKey, WindowRow, hour_of, hour_start, windows_of};
use aftercare_core::window::{Micros, WINDOW_MS, window_of, window_start};
use aftercare_core::zone::Day;
use aftercare_schemas::wire::{LateReading, Window};
use aftercare_stream::log::TaskLog;

use crate::error::TaskError;
use crate::readings::source_word;
use crate::state::{DeviceNo, PatientNo};
use crate::task::Task;
use crate::topics::{LATE_READINGS, WEARABLE_READINGS};

/// No day is longer, with time to spare.
const DAY_MS_MAX: i64 = 26 * HOUR_MS;

/// The windows of one series that late readings belong to.
#[derive(Default)]
pub struct Reached<'b> {
    late: Vec<LateReading<'b>>,
    /// By begin and length, ms: the newest record about each.
    windows: BTreeMap<(i64, i64), usize>,
    days: BTreeMap<Day, LivedDay>,
}

impl<'b> Reached<'b> {
    /// Takes a record of the series.
    pub fn add(&mut self, late: LateReading<'b>) {
        let (index, _) = window_of(Instant(late.measured_at));
        let lived = lived_day(&late);
        let day = lived.as_ref().map(|lived| (lived.day.start.0, lived.day.end.since(lived.day.start).0));
        let short = [(window_start(index).0, WINDOW_MS), (hour_start(hour_of(index)).0, HOUR_MS)];
        let at = self.late.len();
        for window in short.into_iter().chain(day) {
            let newest = self.windows.entry(window).or_insert(at);
            if late.version >= self.late.get(*newest).map_or(0, |known| known.version) {
                *newest = at;
            }
        }
        // Of two words about one day the newer one counts.
        if day.is_some_and(|day| self.windows.get(&day) == Some(&at)) {
            self.days.extend(lived.map(|lived| (lived.day, lived)));
        }
        self.late.push(late);
    }

    /// From when until when (exclusive) readings are needed: in ascending order, none touches another.
    #[must_use]
    pub fn spans(&self) -> Vec<(Instant, Instant)> {
        let of_hour = |&(start, length): &(i64, i64)| {
            (length == HOUR_MS).then(|| (Instant(start), Instant(start.saturating_add(HOUR_MS))))
        };
        let mut all: Vec<(Instant, Instant)> = self.windows.keys().filter_map(of_hour).collect();
        all.extend(self.days.values().map(LivedDay::span));
        all.sort_unstable();
        let mut spans: Vec<(Instant, Instant)> = Vec::new();
        for (from, until) in all {
            match spans.last_mut() {
                Some((_, end)) if from <= *end => *end = until.max(*end),
                _ => spans.push((from, until)),
            }
        }
        spans
    }

    /// The rows of these windows, given all readings of the series within the spans, each once. A row belongs to whom the
    /// newest record about its window belongs to.
    pub fn rows(
        &self,
        readings: impl IntoIterator<Item = (Instant, Micros)>,
        library: &Library,
    ) -> Vec<Window<'_>> {
        let Some(metric) = self.late.first().and_then(|late| Metric::named(late.metric)) else {
            return Vec::new();
        };
        let target = library.vitals().and_then(|rules| rules.target(metric));
        let rows = windows_of(readings, |index| self.day_of(index), target);
        let reached = rows.iter().filter_map(|row| {
            let late = self.windows.get(&(row.start.0, i64::from(row.length_s) * 1000))?;
            Some(window(self.late.get(*late)?, row))
        });
        reached.collect()
    }

    fn day_of(&self, index: i64) -> Option<Day> {
        let start = window_start(index);
        let begun = self.days.range(..=Day { start, end: Instant::MAX }).rev();
        let mut near = begun.take_while(|(day, _)| start.since(day.start).0 <= DAY_MS_MAX);
        near.find(|(_, lived)| lived.holds(index)).map(|(day, _)| *day)
    }
}

/// The day that the record says its reading lies in.
fn lived_day(late: &LateReading<'_>) -> Option<LivedDay> {
    let day = Day { start: Instant(late.day_from?), end: Instant(late.day_until?) };
    Some(LivedDay { day, elsewhere: late.elsewhere_hours.clone() })
}

fn window<'b>(late: &LateReading<'b>, row: &WindowRow) -> Window<'b> {
    Window {
        version: late.version,
        patient_id: late.patient_id,
        device_id: late.device_id,
        metric: late.metric,
        unit: late.unit,
        window_start: row.start.0,
        length_s: row.length_s,
        readings: row.stats.readings,
        mean: row.stats.mean,
        sd: row.stats.sd,
        min: row.stats.min,
        max: row.stats.max,
        stored_at: late.stored_at,
        organisation: late.organisation,
        care_team: late.care_team,
        clinician_id: late.clinician_id,
        manufacturer: late.manufacturer,
        procedure: late.procedure,
        source: late.source,
        p10: Some(row.p10),
        p50: Some(row.p50),
        p90: Some(row.p90),
        coverage: Some(row.coverage),
        in_range: row.in_range,
    }
}

impl<L: TaskLog> Task<L> {
    /// Names a late reading, and remembers that there is one if its day may still be issued.
    pub(crate) fn late(&mut self, no: DeviceNo, metric: Metric, late: Late) -> Result<(), TaskError> {
        let (patient, key) = (self.state.device(no).patient, SeriesKey { device: no.0, metric });
        let lived = self.lived_day(patient, late.measured_at);
        let book = self.state.vitals.get(patient.0);
        match lived.as_ref().map(|lived| lived.day) {
            None => self.state.vitals.change(&mut self.tx, patient.0, |book| {
                book.add_late_unplaced(key, late);
            }),
            Some(day)
                if day.end > self.ended_until(no, metric)
                    && book.is_none_or(|book| book.late_in(key, day).is_none()) =>
            {
                self.state.vitals.change(&mut self.tx, patient.0, |book| book.add_late(key, day, late));
            }
            Some(_) => {}
        }
        self.write_late(no, metric, &late, lived)
    }

    /// Names a late reading again: its day became known, or was issued without it.
    pub(crate) fn late_again(&mut self, no: DeviceNo, metric: Metric, late: &Late) -> Result<(), TaskError> {
        let lived = self.lived_day(self.state.device(no).patient, late.measured_at);
        self.write_late(no, metric, late, lived)
    }

    /// The day of the patient that a reading lies in; `None` while the patient is not enrolled.
    fn lived_day(&mut self, patient: PatientNo, measured_at: Instant) -> Option<LivedDay> {
        let who = &self.state.patient(patient).patient;
        let (index, _) = window_of(measured_at);
        who.is_enrolled().then(|| LivedDay::of(index, |at| who.time_zone_at(at), &mut self.zones))
    }

    fn write_late(
        &mut self,
        no: DeviceNo,
        metric: Metric,
        late: &Late,
        lived: Option<LivedDay>,
    ) -> Result<(), TaskError> {
        let device = self.state.device(no);
        let patient = self.state.patient(device.patient);
        let (index, _) = window_of(late.measured_at);
        let who = patient.patient.attribution_at(window_start(index));
        let time_zone = patient.patient.time_zone_at(hour_start(hour_of(index)));
        let taken_before = self.state.meta.position(WEARABLE_READINGS).0;
        let day = lived.as_ref().map(|lived| lived.day);
        self.pen.row(&mut self.log, &mut self.counted, LATE_READINGS, &patient.id, |version| LateReading {
            version,
            patient_id: &patient.id,
            device_id: device.ids().1,
            metric: metric.name(),
            unit: metric.unit(),
            value: Micros::from_millionths(late.value).to_units(),
            measured_at: late.measured_at.0,
            stored_at: late.stored_at.0,
            source: source_word(late.source),
            organisation: who.organisation,
            care_team: who.care_team,
            clinician_id: who.clinician_id,
            manufacturer: who.manufacturer,
            procedure: who.procedure,
            time_zone,
            day_from: day.map(|day| day.start.0),
            day_until: day.map(|day| day.end.0),
            elsewhere_hours: lived.map(|lived| lived.elsewhere).unwrap_or_default(),
            taken_before: Some(taken_before),
        })
    }
}
