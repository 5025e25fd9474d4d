//! The hot path: wearable readings into windows.

use aftercare_core::facts::Source;
use aftercare_core::metric::Metric;
use aftercare_core::reason::Reason;
use aftercare_core::time::Instant;
use aftercare_core::vital::{Late, SLOTS_PER_HOUR, VitalFact, WindowRow, hour_of};
use aftercare_core::window::{ReadingVerdict, window_of};
use aftercare_schemas::codec;
use aftercare_schemas::wire;
use aftercare_stream::changelog::State;
use aftercare_stream::log::TaskLog;

use crate::error::TaskError;
use crate::input::{Input, Placed};
use crate::raw;
use crate::state::{
    Device, DeviceNo, HeldFor, Issue, LIVE_WINDOWS, PatientNo, ReadingOutcome, Series, WARM_WEARERS, Window,
    WindowKey, key, operation,
};
use crate::task::Task;
use crate::topics::{READING_RECEIPTS, WINDOWS};

/// What one upload asks for beyond its windows.
#[derive(Default)]
struct Afterwards {
    /// The record waited already: what is still in the future is refused.
    waited: bool,
    /// How many readings lie in the future, and the tick that makes all of them count.
    future: u32,
    reaches_at: i64,
    /// Why the record is a dead letter too, if some reading of it was refused.
    refused: Option<ReadingOutcome>,
}

impl Afterwards {
    fn refuse(&mut self, outcome: ReadingOutcome) -> ReadingOutcome {
        self.refused.get_or_insert(outcome);
        outcome
    }
}

impl<L: TaskLog> Task<L> {
    /// Takes one upload of readings. `taken_to` is set when the record waited: readings up to there were taken then.
    pub(crate) fn wearable(&mut self, input: &Input<'_>, taken_to: Option<i64>) -> Result<(), TaskError> {
        let mut readings = std::mem::take(&mut self.readings);
        let head = codec::each_reading(input.value, input.schema_header().as_deref(), &mut readings);
        let result = match head {
            Err(error) => self.undecodable(input, error.reason(), &error.to_string()),
            Ok(head) => self.upload(input, &head, &readings, taken_to),
        };
        self.readings = codec::recycle(readings);
        result
    }

    fn upload(
        &mut self,
        input: &Input<'_>,
        head: &wire::WearableHead<'_>,
        readings: &[wire::Reading<'_>],
        taken_to: Option<i64>,
    ) -> Result<(), TaskError> {
        if let Some((reason, message)) = raw::refusal(head, readings, &self.config.limits) {
            return self.undecodable(input, reason, message);
        }
        let device = match self.state.find_device(head.patient_id, head.device_id) {
            Some(known) => known,
            None => {
                let Placed::Here(patient) = self.place(input, head.patient_id)? else { return Ok(()) };
                self.add_device(patient, head)
            }
        };
        self.roll_tally(device)?;
        let mut afterwards = Afterwards { waited: taken_to.is_some(), ..Afterwards::default() };
        for (i, reading) in readings.iter().enumerate() {
            if taken_to.is_some_and(|to| reading.measured_at <= to) {
                continue;
            }
            let outcome = self.reading(device, head, reading, &mut afterwards)?;
            let records = u32::from(i == 0 && taken_to.is_none());
            operation::count(&mut self.tx, device, self.state.device_mut(device), outcome, (records, 1));
            self.counted.readings[outcome as usize] += 1;
        }
        self.afterwards(input, device, &afterwards)
    }

    /// Holds what lies in the future, dead-letters what was refused.
    fn afterwards(
        &mut self,
        input: &Input<'_>,
        device: DeviceNo,
        afterwards: &Afterwards,
    ) -> Result<(), TaskError> {
        if afterwards.future > 0 {
            let taken_to = self.state.meta.tick.saturating_add(self.config.limits.future_ms_max);
            let held_for = HeldFor::Tick { taken_to, reaches_at: afterwards.reaches_at };
            let patient = self.state.device(device).patient;
            if !self.hold(input, patient, held_for) {
                let counts = (0, afterwards.future);
                let entry = self.state.device_mut(device);
                operation::count(&mut self.tx, device, entry, ReadingOutcome::FarFuture, counts);
                self.refuse(input, "HOLD", "far_future", "readings lie too far in the future")?;
            }
        }
        match afterwards.refused {
            Some(outcome) => {
                let (_, reason) = outcome.words();
                let stage = if outcome == ReadingOutcome::FarFuture { "HOLD" } else { "VALIDATE" };
                self.refuse(input, stage, reason, "the upload has readings that can't be kept")
            }
            None => Ok(()),
        }
    }

    fn reading(
        &mut self,
        device_no: DeviceNo,
        head: &wire::WearableHead<'_>,
        reading: &wire::Reading<'_>,
        afterwards: &mut Afterwards,
    ) -> Result<ReadingOutcome, TaskError> {
        let Some(metric) = Metric::at(reading.metric as u8) else {
            return Ok(afterwards.refuse(ReadingOutcome::UnknownMetric));
        };
        let measured_at = Instant(reading.measured_at);
        let value = match self.library.admit(metric, reading.unit, reading.value, measured_at) {
            Ok(value) => value,
            Err(Reason::UnsupportedUnit) => return Ok(afterwards.refuse(ReadingOutcome::UnsupportedUnit)),
            Err(_) => return Ok(afterwards.refuse(ReadingOutcome::ImplausibleValue)),
        };
        let reaches_at = reading.measured_at.saturating_sub(self.config.limits.future_ms_max);
        if reaches_at > self.state.meta.tick {
            if afterwards.waited {
                return Ok(afterwards.refuse(ReadingOutcome::FarFuture));
            }
            afterwards.future += 1;
            afterwards.reaches_at = afterwards.reaches_at.max(reaches_at);
            return Ok(ReadingOutcome::HeldFuture);
        }
        let (index, offset) = window_of(measured_at);
        let Some(window) = WindowKey::new(device_no, metric.position(), index) else {
            return Ok(afterwards.refuse(ReadingOutcome::ImplausibleValue));
        };
        let newest = self.state.device(device_no).series_of(metric.position()).and_then(|s| s.windows.back());
        let in_newest = newest.is_some_and(|w| w.index == index);
        if !in_newest && !self.make_live(device_no, window, head.source as u8)? {
            let late = Late {
                measured_at: Instant(reading.measured_at),
                value: value.millionths(),
                stored_at: Instant(self.state.meta.tick),
                source: head.source as u8,
            };
            self.late(device_no, metric, late)?;
            return Ok(ReadingOutcome::Late);
        }
        let (state, tx) = (&mut self.state, &mut self.tx);
        let tick = state.meta.tick;
        let series = state.device_mut(device_no).series_mut(metric.position()).expect("its window is live");
        let entry = series.window_mut(index).expect("its window is live");
        let verdict = entry.points.judge(offset, value);
        if verdict == ReadingVerdict::Accepted {
            let was_dirty = entry.dirty;
            operation::add_point(tx, window, entry, (offset, value), tick);
            if !was_dirty {
                state.dirty_windows.push(window);
            }
        }
        Ok(match verdict {
            ReadingVerdict::Accepted => ReadingOutcome::Accepted,
            ReadingVerdict::Duplicate => ReadingOutcome::Duplicate,
            ReadingVerdict::Conflicting => afterwards.refuse(ReadingOutcome::Conflicting),
        })
    }

    /// Makes sure that the window is among its series' live ones. `false`: it has ended for good.
    fn make_live(&mut self, no: DeviceNo, window: WindowKey, source: u8) -> Result<bool, TaskError> {
        let (metric, index) = (window.metric(), window.index());
        let device = self.state.device_mut(no);
        let newest = match device.series_mut(metric) {
            Some(series) => match series.windows.back() {
                _ if series.window(index).is_some() => return Ok(true),
                _ if index <= series.closed_through => return Ok(false),
                last => last.map_or(i64::MIN, |w| w.index),
            },
            None => i64::MIN,
        };
        // The device's own entry changes with its series: its old value must be kept before.
        operation::touch_device(&mut self.tx, no, device);
        if device.series_of(metric).is_none() {
            device.add_series(metric);
        }
        if index > newest {
            self.end_windows(no, metric, hour_of(index - LIVE_WINDOWS) * SLOTS_PER_HOUR - 1)?;
        }
        let tick = self.state.meta.tick;
        let device = self.state.device_mut(no);
        device.series_mut(metric).expect("it was just added").source = source;
        let new = Window::new(index, tick, self.tx.epoch());
        self.tx.touch(key::window(window), 0, |_| false);
        let due = new.ends_at();
        device.set_window(window, Some(new));
        self.state.sweep_by(no, due);
        Ok(true)
    }

    /// Ends the hours of a series up to window `through` for good.
    fn end_windows(&mut self, no: DeviceNo, metric: u8, through: i64) -> Result<(), TaskError> {
        let series = self.state.device_mut(no).series_mut(metric).expect("the series exists");
        series.closed_through = series.closed_through.max(through);
        let hours: Vec<i64> =
            series.hours().map(|(hour, _)| hour).take_while(|hour| *hour <= hour_of(through)).collect();
        self.end_hours(no, metric, &hours)
    }

    fn end_hours(&mut self, no: DeviceNo, metric: u8, hours: &[i64]) -> Result<(), TaskError> {
        if hours.is_empty() {
            return Ok(());
        }
        let metric = Metric::at(metric).expect("only known metrics have series");
        for hour in hours {
            self.end_hour(no, metric, *hour)?;
        }
        self.end_days(no, metric)
    }

    /// Writes the window's row if it changed since the last one.
    pub(crate) fn issue_window(&mut self, window: WindowKey) -> Result<(), TaskError> {
        let Some(device) = self.state.device_get(window.device()) else { return Ok(()) };
        let (Some(entry), Some(series)) = (device.window(window), device.series_of(window.metric())) else {
            return Ok(());
        };
        if !entry.dirty {
            return Ok(());
        }
        let metric = Metric::at(series.metric).expect("only known metrics have series");
        let target = self.library.vitals().and_then(|rules| rules.target(metric));
        let Some(row) = WindowRow::of_points(entry.index, &entry.points, target) else { return Ok(()) };
        self.write_window(window.device(), metric, &row)?;
        let device = self.state.device_mut(window.device());
        let entry = device.window_mut(window).expect("it was just read");
        operation::mark_issued(&mut self.tx, window, entry);
        entry.longer_due = true;
        let (start, stats) = (row.start, row.stats);
        let (readings, mean, min, max) = (stats.readings, stats.mean, stats.min, stats.max);
        let fact = VitalFact::Window { metric, device: device.shared_id(), start, readings, mean, min, max };
        self.longer_is_due(window.device());
        self.follow_vital(window.device(), &fact)?;
        self.issue_moments(window.device(), metric, window.index())
    }

    /// Writes the row of a window of any length.
    pub(crate) fn write_window(
        &mut self,
        no: DeviceNo,
        metric: Metric,
        row: &WindowRow,
    ) -> Result<(), TaskError> {
        let device = self.state.device(no);
        let patient = self.state.patient(device.patient);
        let who = patient.patient.attribution_at(row.start);
        let source = device.series_of(metric.position()).map_or("live", |series| source_word(series.source));
        let (tick, any) = (self.state.meta.tick, row.stats.readings > 0);
        self.pen.row(&mut self.log, &mut self.counted, WINDOWS, &patient.id, |version| wire::Window {
            version,
            patient_id: &patient.id,
            device_id: device.ids().1,
            metric: metric.name(),
            unit: metric.unit(),
            window_start: row.start.0,
            length_s: row.length_s,
            readings: row.stats.readings,
            mean: row.stats.mean,
            sd: row.stats.sd,
            min: row.stats.min,
            max: row.stats.max,
            stored_at: tick,
            organisation: who.organisation,
            care_team: who.care_team,
            clinician_id: who.clinician_id,
            manufacturer: who.manufacturer,
            procedure: who.procedure,
            source,
            p10: any.then_some(row.p10),
            p50: any.then_some(row.p50),
            p90: any.then_some(row.p90),
            coverage: Some(row.coverage),
            in_range: row.in_range,
        })
    }

    /// At a tick: every window and count that changed is to be issued, windows whose time has come end.
    pub(crate) fn readings_tick(&mut self) -> Result<(), TaskError> {
        self.sweep()?;
        self.queue_days_over();
        self.state.queue_dirty();
        Ok(())
    }

    /// Issues some of what a tick queued, so that no record waits for all of it; answers how much.
    pub(crate) fn issue_some(&mut self) -> Result<usize, TaskError> {
        let mut issued = 0;
        while issued < self.config.limits.issued_per_turn_max && !self.state.issuing.is_empty() {
            self.begin();
            let rest = self.state.issuing.len().saturating_sub(WARM_WEARERS);
            for due in self.state.issuing.get(rest..).unwrap_or_default() {
                if let Issue::Window(window) = due {
                    self.state.warm(key::window(*window));
                }
            }
            for due in self.state.issuing.split_off(rest).into_iter().rev() {
                match due {
                    Issue::Window(window) => self.issue_window(window)?,
                    Issue::Tally(no) => self.issue_tally(no)?,
                    Issue::Longer(no) => self.issue_longer(no)?,
                    Issue::Days(patient) => self.issue_days_over(patient)?,
                }
                issued += 1;
            }
        }
        Ok(issued)
    }

    fn sweep(&mut self) -> Result<(), TaskError> {
        let tick = self.state.meta.tick;
        while let Some(&(due, no)) = self.state.sweeps.first()
            && due <= tick
        {
            self.state.sweeps.pop_first();
            let device = self.state.device_mut(no);
            device.sweep_at = None;
            if device.longer_at.take_if(|at| *at <= tick).is_some() {
                self.state.issuing.push(Issue::Longer(no));
            }
            let ended = |series: &Series| {
                let hours = series.hours().filter(|(_, ends_at)| *ends_at <= tick).map(|(hour, _)| hour);
                (series.metric, hours.collect::<Vec<_>>())
            };
            let ended: Vec<_> = self.state.device(no).series.iter().map(ended).collect();
            for (metric, hours) in ended {
                let Some(last) = hours.last() else { continue };
                self.touch_device(no);
                let series = self.state.device_mut(no).series_mut(metric).expect("it was just listed");
                series.closed_through = series.closed_through.max((last + 1) * SLOTS_PER_HOUR - 1);
                self.end_hours(no, metric, &hours)?;
            }
            if let Some(due) = self.state.device(no).next_sweep() {
                self.state.sweep_by(no, due);
            }
        }
        Ok(())
    }

    /// The patient's enrolment changed: rows of live windows carry who they belong to, so they are issued again.
    pub(crate) fn reattribute_windows(&mut self, patient: PatientNo) {
        for no in self.state.patient(patient).devices.clone() {
            let mut windows = Vec::new();
            let mut after = None;
            while let Some(window) = self.state.device(no).next_window(no, after) {
                windows.push(window);
                after = Some(window);
            }
            for window in windows {
                let entry = self.state.device_mut(no).window_mut(window).expect("it was just listed");
                if !entry.dirty {
                    operation::touch_window(&mut self.tx, window, entry);
                    entry.dirty = true;
                    self.state.dirty_windows.push(window);
                }
            }
        }
    }

    /// A device that is seen for the first time gets a number.
    fn add_device(&mut self, patient: PatientNo, head: &wire::WearableHead<'_>) -> DeviceNo {
        let no = self.state.next_device();
        self.tx.touch(key::device(no), 0, |_| false);
        let mut device = Device::new(patient, head.patient_id, head.device_id);
        device.epoch = self.tx.epoch();
        self.state.insert_device(no, device);
        self.touch_patient(patient);
        self.state.patient_mut(patient).devices.push(no);
        no
    }

    fn touch_device(&mut self, no: DeviceNo) {
        operation::touch_device(&mut self.tx, no, self.state.device_mut(no));
    }

    /// Counts are by day of the tick: on a new day the old ones are issued for the last time.
    fn roll_tally(&mut self, no: DeviceNo) -> Result<(), TaskError> {
        let day = Instant(self.state.meta.tick).day_utc();
        if self.state.device(no).tally.day != day {
            self.issue_tally(no)?;
            self.touch_device(no);
            let tally = &mut self.state.device_mut(no).tally;
            *tally = crate::state::Tally { day, ..Default::default() };
        }
        if !self.state.device(no).tally.is_dirty() {
            self.state.dirty_devices.push(no);
        }
        Ok(())
    }

    fn issue_tally(&mut self, no: DeviceNo) -> Result<(), TaskError> {
        if !self.state.device_get(no).is_some_and(|d| d.tally.is_dirty()) {
            return Ok(());
        }
        let device = self.state.device(no);
        let patient = self.state.patient(device.patient);
        let who = patient.patient.attribution_at(Instant(self.state.meta.tick));
        let source = device.series.first().map_or("live", |s| source_word(s.source));
        for outcome in ReadingOutcome::ALL {
            let at = outcome as usize;
            if device.tally.dirty & 1 << at == 0 {
                continue;
            }
            let (words, tally, tick) = (outcome.words(), &device.tally, self.state.meta.tick);
            self.pen.row(&mut self.log, &mut self.counted, READING_RECEIPTS, &patient.id, |version| {
                wire::ReadingReceipt {
                    version,
                    patient_id: &patient.id,
                    device_id: device.ids().1,
                    day: tally.day,
                    outcome: words.0,
                    reason: words.1,
                    records: tally.records[at].into(),
                    readings: tally.readings[at].into(),
                    stored_at: tick,
                    organisation: who.organisation,
                    care_team: who.care_team,
                    clinician_id: who.clinician_id,
                    manufacturer: who.manufacturer,
                    procedure: who.procedure,
                    source,
                }
            })?;
        }
        self.touch_device(no);
        self.state.device_mut(no).tally.dirty = 0;
        Ok(())
    }
}

pub(crate) fn source_of(source: u8) -> Source {
    match source {
        1 => Source::Import,
        2 => Source::Simulated,
        _ => Source::Live,
    }
}

pub(crate) fn source_word(source: u8) -> &'static str {
    source_of(source).as_str()
}
