//! Vital signs beyond the 5-minute window: its hour and its day, and what they say about the patient.

use aftercare_core::metric::Metric;
use aftercare_core::month::Month;
use aftercare_core::time::{Instant, Millis};
use aftercare_core::vital::news2::{Spo2Scale, VITALS, place_of};
use aftercare_core::vital::{
    HOUR_MS, Moment, News2At, SeriesKey, Summary, Surge, VitalBook, VitalFact, WindowRow, by_day, hour_start,
    news2_at, slots_in, surge_at,
};
use aftercare_core::window::{Points, window_start};
use aftercare_core::zone::Day;
use aftercare_schemas::wire;
use aftercare_stream::log::TaskLog;

use crate::error::TaskError;
use crate::readings::source_word;
use crate::state::{DeviceNo, Issue, PatientNo, WindowKey, operation};
use crate::task::Task;
use crate::topics::VITAL_SCORES;

/// A day of live windows.
struct LiveDay {
    day: Day,
    summary: Summary,
    /// It changed since its row was issued.
    changed: bool,
}

/// A row of `vital-scores`, but for whose it is.
struct VitalRow<'a> {
    kind: &'static str,
    metric: Option<Metric>,
    /// What tells it from others of its kind: a day's or a window's start.
    id_at: Instant,
    measured_at: Instant,
    value: Option<f64>,
    unit: &'static str,
    band: Option<&'a str>,
    median: Option<f64>,
    robust_z: Option<f64>,
    parts: Vec<wire::Scale<'a>>,
}

impl<L: TaskLog> Task<L> {
    /// The rows of the window's hour and day are to follow.
    pub(crate) fn longer_is_due(&mut self, no: DeviceNo) {
        let at = self.state.meta.tick.saturating_add(self.config.limits.long_windows_ms);
        let device = self.state.device_mut(no);
        if device.longer_at.is_none() {
            device.longer_at = Some(at);
            self.state.sweep_by(no, at);
        }
    }

    /// Days that are over at the tick are to be looked at.
    pub(crate) fn queue_days_over(&mut self) {
        while let Some(no) = self.state.vitals.pop_due(Instant(self.state.meta.tick)) {
            self.state.issuing.push(Issue::Days(PatientNo(no)));
        }
    }

    /// Issues the hours and days of the device whose 5-minute windows changed.
    pub(crate) fn issue_longer(&mut self, no: DeviceNo) -> Result<(), TaskError> {
        let Some(device) = self.state.device_get(no) else { return Ok(()) };
        let metrics: Vec<Metric> =
            device.series.iter().filter_map(|series| Metric::at(series.metric)).collect();
        for metric in metrics {
            let series = self.state.device(no).series_of(metric.position()).expect("it was just listed");
            let hours: Vec<i64> = series.hours().map(|(hour, _)| hour).collect();
            for hour in hours {
                self.issue_hour(no, metric, hour)?;
            }
            self.issue_days(no, metric)?;
            let series = self.state.device_mut(no).series_mut(metric.position()).expect("it was just listed");
            series.windows.iter_mut().for_each(|window| window.longer_due = false);
        }
        Ok(())
    }

    /// Issues the hour if one of its windows changed.
    fn issue_hour(&mut self, no: DeviceNo, metric: Metric, hour: i64) -> Result<(), TaskError> {
        let series = self.state.device(no).series_of(metric.position()).expect("the series exists");
        if !series.windows_of(hour).any(|window| window.longer_due) {
            return Ok(());
        }
        let summary = Summary::of(series.windows_of(hour).map(|window| &window.points));
        let target = self.library.vitals().and_then(|rules| rules.target(metric));
        match WindowRow::of_summary(hour_start(hour), Millis(HOUR_MS), &summary, target) {
            Some(row) => self.write_window(no, metric, &row),
            None => Ok(()),
        }
    }

    /// Issues the days of a series that changed, and takes back those that turned out to be none, because the patient
    /// is in another zone than was known.
    fn issue_days(&mut self, no: DeviceNo, metric: Metric) -> Result<(), TaskError> {
        let patient = self.state.device(no).patient;
        let key = SeriesKey { device: no.0, metric };
        let live = self.live_days(no, metric);
        let book = self.state.vitals.get(patient.0);
        let mut changed: Vec<Day> = live.iter().filter(|live| live.changed).map(|live| live.day).collect();
        changed.extend(book.into_iter().flat_map(|book| book.dirty_days(key)));
        changed.sort_unstable();
        changed.dedup();
        let gone = book.into_iter().flat_map(|book| book.days_of_live_hours(key));
        let gone: Vec<Day> = gone.filter(|day| live.iter().all(|live| live.day != *day)).collect();
        for day in changed {
            self.issue_day(no, metric, day, &live, false)?;
        }
        for day in gone {
            self.write_window(no, metric, &WindowRow::withdrawn(day))?;
            self.state.vitals.change(&mut self.tx, patient.0, |book| book.close(key, day));
            self.judge_day(no, metric, day, &Summary::default())?;
        }
        Ok(())
    }

    /// The days of a series' live windows.
    fn live_days(&mut self, no: DeviceNo, metric: Metric) -> Vec<LiveDay> {
        let device = self.state.device(no);
        let patient = &self.state.patient(device.patient).patient;
        let mut days: Vec<LiveDay> = Vec::with_capacity(2);
        let Some(series) = device.series_of(metric.position()).filter(|_| patient.is_enrolled()) else {
            return days;
        };
        for (hour, _) in series.hours() {
            let windows = || series.windows_of(hour).filter(|window| !window.points.is_empty());
            let zone = self.zones.of(patient.time_zone_at(hour_start(hour)));
            let changed = windows().any(|window| window.longer_due);
            for (day, summary) in by_day(zone, windows().map(|window| (window.index, &window.points))) {
                match days.iter_mut().find(|known| known.day == day) {
                    Some(known) => {
                        known.summary.merge(&summary);
                        known.changed |= changed;
                    }
                    None => days.push(LiveDay { day, summary, changed }),
                }
            }
        }
        days
    }

    fn issue_day(
        &mut self,
        no: DeviceNo,
        metric: Metric,
        day: Day,
        live: &[LiveDay],
        ended: bool,
    ) -> Result<(), TaskError> {
        let patient = self.state.device(no).patient;
        let key = SeriesKey { device: no.0, metric };
        let summary = self.day_summary(patient, key, day, live);
        let target = self.library.vitals().and_then(|rules| rules.target(metric));
        let Some(row) = WindowRow::of_summary(day.start, day.end.since(day.start), &summary, target) else {
            return Ok(());
        };
        self.write_window(no, metric, &row)?;
        if let Some(late) = self.state.vitals.get(patient.0).and_then(|book| book.late_in(key, day)) {
            self.late_again(no, metric, &late)?;
        }
        let over = ended || day.end <= Instant(self.state.meta.tick);
        if !self.state.vitals.get(patient.0).is_some_and(|book| book.is_issued(key, day, over)) {
            self.state.vitals.change(&mut self.tx, patient.0, |book| book.issued(key, day, over));
        }
        if over { self.judge_day(no, metric, day, &summary) } else { Ok(()) }
    }

    /// All readings of the day: those of its hours that have ended, and the live ones.
    fn day_summary(&self, patient: PatientNo, key: SeriesKey, day: Day, live: &[LiveDay]) -> Summary {
        let book = self.state.vitals.get(patient.0);
        let mut summary = book.map(|book| book.ended(key, day)).unwrap_or_default();
        live.iter().filter(|live| live.day == day).for_each(|live| summary.merge(&live.summary));
        summary
    }

    /// Days of the patient that are over: whatever their rows said last was said before the end.
    pub(crate) fn issue_days_over(&mut self, patient: PatientNo) -> Result<(), TaskError> {
        let tick = Instant(self.state.meta.tick);
        let Some(book) = self.state.vitals.get(patient.0) else { return Ok(()) };
        let over: Vec<(SeriesKey, Day)> = book.days_over(tick).collect();
        for (key, day) in over {
            let no = DeviceNo(key.device);
            if self.state.device_get(no).is_none() {
                continue;
            }
            let live = self.live_days(no, key.metric);
            let summary = self.day_summary(patient, key, day, &live);
            self.state.vitals.change(&mut self.tx, patient.0, |book| book.judged(key, day));
            self.judge_day(no, key.metric, day, &summary)?;
        }
        Ok(())
    }

    /// Ends an hour of a series for good: what was not issued is, and what is left of it is added to its day.
    pub(crate) fn end_hour(&mut self, no: DeviceNo, metric: Metric, hour: i64) -> Result<(), TaskError> {
        let series = self.state.device(no).series_of(metric.position()).expect("the series exists");
        let windows: Vec<WindowKey> = series
            .windows_of(hour)
            .filter_map(|window| WindowKey::new(no, metric.position(), window.index))
            .collect();
        for window in &windows {
            self.issue_window(*window)?;
        }
        self.issue_hour(no, metric, hour)?;
        let device = self.state.device(no);
        let patient = device.patient;
        let series = device.series_of(metric.position()).expect("the series exists");
        let changed = series.windows_of(hour).any(|window| window.longer_due);
        let filled = series.windows_of(hour).filter(|window| !window.points.is_empty());
        let who = &self.state.patient(patient).patient;
        let key = SeriesKey { device: no.0, metric };
        if who.is_enrolled() {
            let zone = self.zones.of(who.time_zone_at(hour_start(hour)));
            let days = by_day(zone, filled.map(|window| (window.index, &window.points)));
            self.state.vitals.change(&mut self.tx, patient.0, |book| {
                days.iter().for_each(|(day, summary)| book.add_ended(key, *day, summary, changed));
            });
        } else {
            let filled: Vec<(i64, Points)> =
                filled.map(|window| (window.index, window.points.clone())).collect();
            self.state.vitals.change(&mut self.tx, patient.0, |book| {
                book.add_unplaced(key, filled.iter().map(|(index, points)| (*index, points)));
            });
        }
        for window in windows {
            let device = self.state.device_mut(no);
            if let Some(entry) = device.window_mut(window) {
                operation::touch_window(&mut self.tx, window, entry);
            }
            device.set_window(window, None);
        }
        if changed {
            self.longer_is_due(no);
        }
        Ok(())
    }

    /// The patient has an episode now: readings that ended before lie in days.
    pub(crate) fn place_readings(&mut self, patient: PatientNo) -> Result<(), TaskError> {
        if !self.state.vitals.get(patient.0).is_some_and(VitalBook::has_unplaced) {
            return Ok(());
        }
        let who = self.state.patient(patient).patient.clone();
        let zones = &mut self.zones;
        let (placed, late) = self.state.vitals.change(&mut self.tx, patient.0, |book| {
            book.place(|quarter| {
                let hour = quarter.floor_to(Millis(HOUR_MS));
                zones.of(who.time_zone_at(hour)).day_span(quarter)
            })
        });
        for (series, late) in late {
            self.late_again(DeviceNo(series.device), series.metric, &late)?;
        }
        for series in placed {
            self.longer_is_due(DeviceNo(series.device));
            self.end_days(DeviceNo(series.device), series.metric)?;
        }
        Ok(())
    }

    /// Up to when all hours of the series have ended for good.
    pub(crate) fn ended_until(&self, no: DeviceNo, metric: Metric) -> Instant {
        let series = self.state.device(no).series_of(metric.position()).expect("the series exists");
        let live = series.windows.front().map_or(series.closed_through + 1, |first| first.index);
        window_start(live.min(series.closed_through.saturating_add(1)))
    }

    /// After hours of a series ended: issues the days that ended with them for the last time.
    pub(crate) fn end_days(&mut self, no: DeviceNo, metric: Metric) -> Result<(), TaskError> {
        let (patient, key) = (self.state.device(no).patient, SeriesKey { device: no.0, metric });
        let until = self.ended_until(no, metric);
        let Some(book) = self.state.vitals.get(patient.0) else { return Ok(()) };
        let ended: Vec<(Day, bool)> = book.days_until(key, until).collect();
        for (day, done) in ended {
            if !done {
                self.issue_day(no, metric, day, &[], true)?;
            }
            self.state.vitals.change(&mut self.tx, patient.0, |book| book.close(key, day));
        }
        Ok(())
    }

    /// What the day says about the patient, now that it is over (again, if a late reading changed it).
    fn judge_day(
        &mut self,
        no: DeviceNo,
        metric: Metric,
        day: Day,
        summary: &Summary,
    ) -> Result<(), TaskError> {
        let Some(rules) = self.library.vitals().cloned() else { return Ok(()) };
        let patient = self.state.device(no).patient;
        let key = SeriesKey { device: no.0, metric };
        let is_doses = metric.counts_doses();
        let readings_min = match rules.metric(metric).map(|known| known.readings_min) {
            Some(Some(readings_min)) => readings_min,
            _ if is_doses => 1,
            _ => return Ok(()),
        };
        let value = (summary.readings() >= readings_min).then_some(summary);
        let judged =
            self.state.vitals.change(&mut self.tx, patient.0, |book| book.set_value(key, day, value));
        if is_doses {
            return if judged.is_empty() { Ok(()) } else { self.issue_adherence(no, day) };
        }
        for start in judged {
            let book = self.state.vitals.get(patient.0).expect("it was just changed");
            let Some(found) = book.deviation(metric, start, &rules) else { continue };
            let row = VitalRow {
                kind: "baseline",
                metric: Some(metric),
                id_at: start,
                measured_at: start,
                value: Some(found.value),
                unit: metric.unit(),
                band: None,
                median: Some(found.median),
                robust_z: found.robust_z,
                parts: Vec::new(),
            };
            self.write_vital(no, &row)?;
            let at =
                self.zones.of(self.state.patient(patient).patient.time_zone_at(start)).day_span(start).end;
            if let Some(robust_z) = found.robust_z {
                let (value, median) = (found.value, found.median);
                self.follow_vital(no, &VitalFact::Deviation { metric, at, value, median, robust_z })?;
            }
        }
        Ok(())
    }

    /// Doses taken of those due on the day and in its month so far.
    fn issue_adherence(&mut self, no: DeviceNo, day: Day) -> Result<(), TaskError> {
        let patient = self.state.device(no).patient;
        let zone = self.zones.of(self.state.patient(patient).patient.time_zone_at(day.start));
        let month = Month::of_day(zone.day(day.start));
        let [first, next] = [month, month.next()].map(|month| zone.start_of(month.first_day()));
        let Some(book) = self.state.vitals.get(patient.0) else { return Ok(()) };
        let of_month = book.adherence_of_month(first, next);
        let Some((taken, due)) = book.adherence(day.start) else { return Ok(()) };
        self.write_doses(no, "adherence", (day.start, day.start), &[("due", due), ("taken", taken)])?;
        if let Some((taken, due, days)) = of_month {
            let parts = [("days", days), ("due", due), ("taken", taken)];
            self.write_doses(no, "adherence_month", (month.start_utc(), first), &parts)?;
        }
        self.follow_vital(no, &VitalFact::Adherence { day_start: day.start, taken, due })
    }

    /// A row of doses; `parts` by name, with "due" and "taken" last.
    fn write_doses(
        &mut self,
        no: DeviceNo,
        kind: &'static str,
        (id_at, measured_at): (Instant, Instant),
        parts: &[(&'static str, u32)],
    ) -> Result<(), TaskError> {
        let of = |name| parts.iter().find(|(own, _)| *own == name).map_or(0, |(_, count)| *count);
        let row = VitalRow {
            kind,
            metric: None,
            id_at,
            measured_at,
            value: Some(f64::from(of("taken")) / f64::from(of("due"))),
            unit: "1",
            band: None,
            median: None,
            robust_z: None,
            parts: parts.iter().map(|(name, count)| wire::Scale { name, value: f64::from(*count) }).collect(),
        };
        self.write_vital(no, &row)
    }

    /// What a 5-minute window that was just issued says together with those around it.
    pub(crate) fn issue_moments(
        &mut self,
        no: DeviceNo,
        metric: Metric,
        index: i64,
    ) -> Result<(), TaskError> {
        let Some(rules) = self.library.vitals().cloned() else { return Ok(()) };
        if metric == Metric::SYSTOLIC_PRESSURE {
            let slots = slots_in(rules.surge_minutes);
            for slot in self.slots_of(no, index, index + slots, |each| each == metric) {
                self.issue_surge(no, slot, slots, f64::from(rules.surge_rise_mmhg))?;
            }
        }
        let patient = self.state.device(no).patient;
        if place_of(metric).is_some() && self.measures_all_seven(patient) {
            let slots = slots_in(rules.news2_within_minutes) + 1;
            let within = Millis(i64::from(rules.news2_within_minutes) * 60_000);
            for slot in self.slots_of(no, index, index + slots, |each| place_of(each).is_some()) {
                self.issue_news2(no, slot, slots, within)?;
            }
        }
        Ok(())
    }

    fn measures_all_seven(&self, patient: PatientNo) -> bool {
        let devices = self.state.patient(patient).devices.iter().map(|no| self.state.device(*no));
        let places =
            devices.flat_map(|device| &device.series).filter_map(|s| place_of(Metric::at(s.metric)?));
        places.fold(0u8, |found, place| found | 1 << place).count_ones() == 7
    }

    /// In which 5-minute windows between these the patient of the device has readings of such metrics.
    fn slots_of(&self, no: DeviceNo, from: i64, to: i64, of: impl Fn(Metric) -> bool) -> Vec<i64> {
        let mut slots = Vec::new();
        for no in &self.state.patient(self.state.device(no).patient).devices {
            let series = self.state.device(*no).series.iter();
            for series in series.filter(|series| Metric::at(series.metric).is_some_and(&of)) {
                let indices = series.windows.iter().rev().map(|window| window.index);
                let later = indices.take_while(|index| *index >= from);
                slots.extend(later.filter(|index| *index <= to));
            }
        }
        slots.sort_unstable();
        slots.dedup();
        slots
    }

    fn issue_news2(&mut self, no: DeviceNo, slot: i64, slots: i64, within: Millis) -> Result<(), TaskError> {
        let patient = self.state.device(no).patient;
        let entry = self.state.patient(patient);
        let scale = match entry.patient.spo2_scale_at(window_start(slot)) {
            Some(2) => Spo2Scale::Two,
            _ => Spo2Scale::One,
        };
        let series = entry.devices.iter().flat_map(|no| &self.state.device(*no).series);
        let series = series.filter_map(|series| Some((Metric::at(series.metric)?, series)));
        let windows = series.flat_map(|(metric, series)| {
            let near = series.windows.iter().filter(|window| (slot - slots..=slot).contains(&window.index));
            near.map(move |window| (metric, window.index, &window.points))
        });
        let found = news2_at(windows, slot, within, scale);
        // A device that comes late finds the windows of others ended: what was said with them stands.
        let mut signs = entry.devices.iter().flat_map(|no| &self.state.device(*no).series);
        let may_lack = signs.any(|series| {
            let is_sign = Metric::at(series.metric).is_some_and(|metric| place_of(metric).is_some());
            is_sign && series.closed_through >= slot - slots
        });
        if found.is_none() && may_lack {
            return Ok(());
        }
        if !self.renew(patient, Moment::News2, slot, found.map(|found| found.digest())) {
            return Ok(());
        }
        let parts = found.map(|found| found.news2.points).unwrap_or_default();
        let parts: [(&'static str, u8); 7] = std::array::from_fn(|place| (VITALS[place], parts[place]));
        let scales = parts.iter().map(|(name, points)| wire::Scale { name, value: f64::from(*points) });
        let mut row = VitalRow {
            kind: "news2",
            metric: None,
            id_at: window_start(slot),
            measured_at: found.map_or(window_start(slot), |found| found.measured_at),
            value: found.map(|found| f64::from(found.news2.score)),
            unit: "1",
            band: found.map(|found| found.news2.band()),
            median: None,
            robust_z: None,
            parts: scales.filter(|_| found.is_some()).collect(),
        };
        row.parts.sort_by_key(|part| part.name);
        self.write_vital(no, &row)?;
        let slot_start = window_start(slot);
        let fact = match found {
            Some(News2At { measured_at, news2 }) => {
                let (score, any_three) = (news2.score, news2.any_three());
                VitalFact::News2 { slot_start, at: measured_at, score, any_three, parts }
            }
            None => VitalFact::Gone { moment: Moment::News2, slot_start },
        };
        self.follow_vital(no, &fact)
    }

    fn issue_surge(&mut self, no: DeviceNo, slot: i64, slots: i64, rise: f64) -> Result<(), TaskError> {
        let (patient, metric) = (self.state.device(no).patient, Metric::SYSTOLIC_PRESSURE);
        let devices = self.state.patient(patient).devices.iter();
        let series = devices.filter_map(|no| self.state.device(*no).series_of(metric.position()));
        // A device is compared with itself; of several the steepest rise counts.
        let found = series.filter_map(|series| {
            let windows = series.windows.iter().map(|window| (window.index, &window.points));
            surge_at(windows, slot, slots, rise)
        });
        let found = found.max_by(|one, other| (one.to - one.from).total_cmp(&(other.to - other.from)));
        if !self.renew(patient, Moment::Surge, slot, found.map(|found| found.digest())) {
            return Ok(());
        }
        let row = VitalRow {
            kind: "surge",
            metric: Some(metric),
            id_at: window_start(slot),
            measured_at: window_start(slot),
            value: found.map(|found| found.to),
            unit: metric.unit(),
            band: None,
            median: found.map(|found| found.from),
            robust_z: None,
            parts: Vec::new(),
        };
        self.write_vital(no, &row)?;
        let slot_start = window_start(slot);
        let fact = match found {
            Some(Surge { from, to, minutes }) => {
                VitalFact::Surge { slot_start, at: window_start(slot + 1), from, to, minutes }
            }
            None => VitalFact::Gone { moment: Moment::Surge, slot_start },
        };
        self.follow_vital(no, &fact)
    }

    /// Whether what holds about a moment differs from what was issued about it. A book that would say nothing is not
    /// begun.
    fn renew(&mut self, patient: PatientNo, kind: Moment, slot: i64, digest: Option<u32>) -> bool {
        let known = self.state.vitals.get(patient.0).and_then(|book| book.issued_about(kind, slot));
        if known == digest {
            return false;
        }
        self.state.vitals.change(&mut self.tx, patient.0, |book| book.renew(kind, slot, digest));
        true
    }

    fn write_vital(&mut self, no: DeviceNo, row: &VitalRow<'_>) -> Result<(), TaskError> {
        let device = self.state.device(no);
        let patient = self.state.patient(device.patient);
        let who = patient.patient.attribution_at(row.measured_at);
        let source = device.series.first().map_or("live", |series| source_word(series.source));
        let metric = row.metric.map(Metric::name);
        let id = match metric {
            Some(metric) => format!("{}/{}/{metric}/{}", patient.id, row.kind, row.id_at.0),
            None => format!("{}/{}/{}", patient.id, row.kind, row.id_at.0),
        };
        let tick = self.state.meta.tick;
        self.pen.row(&mut self.log, &mut self.counted, VITAL_SCORES, &patient.id, |version| {
            wire::VitalScore {
                version,
                vital_id: &id,
                patient_id: &patient.id,
                kind: row.kind,
                metric,
                measured_at: row.measured_at.0,
                value: row.value,
                unit: row.unit,
                band: row.band,
                median: row.median,
                robust_z: row.robust_z,
                parts: row.parts.clone(),
                stored_at: tick,
                organisation: who.organisation,
                care_team: who.care_team,
                clinician_id: who.clinician_id,
                manufacturer: who.manufacturer,
                procedure: who.procedure,
                source,
            }
        })
    }
}
