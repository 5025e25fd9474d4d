//! One episode as one plan sees it: for each instrument the series of its scores, its baseline, and the composite.

use super::Patient;
use super::forms::FormState;
use super::names::Sym;
use super::record::Record;
use crate::documents::{InstrumentDocument, Library, MissingPart, PlanDocument, PlanInstrument};
use crate::index::{IndexRule, composite, health_index};
use crate::rolling::Point;
use crate::time::{Instant, Millis};
use crate::zone::Zone;

/// A series in the order of the timeline.
#[derive(Debug, Default)]
pub(super) struct Series {
    points: Vec<Point>,
    /// For each point its position in the timeline, and how many slots have a point so far.
    marks: Vec<(usize, u32)>,
    last_slot: u32,
}

impl Series {
    fn with_capacity(points: usize) -> Series {
        Series { points: Vec::with_capacity(points), marks: Vec::with_capacity(points), last_slot: 0 }
    }

    fn push(&mut self, position: usize, at: Instant, value: f64, slot: Option<u32>) {
        let done = self.marks.last().map_or(0, |(_, done)| *done);
        let fresh = slot.is_some_and(|slot| slot > self.last_slot);
        self.last_slot = slot.map_or(self.last_slot, |slot| slot.max(self.last_slot));
        self.points.push(Point { at, value });
        self.marks.push((position, done + u32::from(fresh)));
    }

    /// The points up to and with that of the timeline's `position`; `None` where it has none.
    pub(super) fn up_to(&self, position: usize) -> Option<&[Point]> {
        let own = self.marks.binary_search_by_key(&position, |(position, _)| *position).ok()?;
        self.points.get(..=own)
    }

    /// Slots that have a point at or before the timeline's `position`.
    pub(super) fn done(&self, position: usize) -> u32 {
        let until = self.marks.partition_point(|(at, _)| *at <= position);
        until.checked_sub(1).and_then(|last| self.marks.get(last)).map_or(0, |(_, done)| *done)
    }
}

/// The last valid score before the treatment, within the plan's window.
#[derive(Clone, Copy, Debug)]
pub(super) struct Baseline {
    pub(super) score: f64,
    /// Of its upload, in the timeline.
    pub(super) position: usize,
}

/// One instrument of an episode.
#[derive(Debug)]
pub(super) struct Track<'a> {
    pub(super) instrument: Sym,
    document: &'a InstrumentDocument,
    pub(super) part: Option<&'a PlanInstrument>,
    pub(super) series: Series,
    pub(super) baseline: Option<Baseline>,
}

impl Track<'_> {
    /// The index of `score`; `None` without a baseline or where the plan doesn't name the instrument.
    pub(super) fn index(&self, score: f64) -> Option<(f64, IndexRule)> {
        Some(health_index(self.document, score, self.baseline?.score, self.part?.baseline_floor))
    }

    fn is_of(&self, part: &PlanInstrument) -> bool {
        self.part.is_some_and(|own| own.id == part.id)
    }

    fn index_at(&self, position: usize) -> Option<f64> {
        self.baseline?;
        let points = self.series.up_to(position)?;
        self.index(points.last()?.value).map(|(index, _)| index)
    }

    /// The change from the point before the last of `points`, in units of the smallest change that matters;
    /// improvement is positive.
    pub(super) fn change_mcid(&self, points: &[Point]) -> Option<f64> {
        let [.., previous, last] = points else { return None };
        let stated = self.part.and_then(|part| part.mcid);
        let mcid = stated.or_else(|| self.document.mcid.as_ref().map(|mcid| mcid.value.to_f64()))?;
        Some((self.document.oriented(last.value) - self.document.oriented(previous.value)) / mcid)
    }
}

/// Where a form of one instrument and version goes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Route<'a> {
    instrument: Sym,
    version: i32,
    pub(super) document: Option<&'a InstrumentDocument>,
    /// The position of the score under the plan's value set.
    pub(super) value_set: Option<usize>,
    track: Option<usize>,
}

/// An episode as a plan sees it.
#[derive(Debug)]
pub(super) struct Course<'a> {
    patient: &'a Patient,
    library: &'a Library,
    pub(super) episode: Sym,
    pub(super) plan_id: Option<&'a str>,
    pub(super) plan: Option<&'a PlanDocument>,
    pub(super) treated_at: Option<Instant>,
    /// By position in the timeline: calendar days from treatment to answer.
    days: Vec<Option<i32>>,
    routes: Vec<Route<'a>>,
    tracks: Vec<Track<'a>>,
    pub(super) composite: Series,
}

impl<'a> Course<'a> {
    /// Reads every upload in force that counts for `episode`. The days of those before timeline position `first_due`
    /// are known from when they were issued.
    pub(super) fn read(
        patient: &'a Patient,
        library: &'a Library,
        episode: Sym,
        plan_id: Option<&'a str>,
        first_due: usize,
    ) -> Course<'a> {
        let plan = plan_id.and_then(|plan| library.plan(plan)).map(|plan| &**plan);
        let treated_at = patient.treated_at(episode);
        let mut course = Course {
            patient,
            library,
            episode,
            plan_id,
            plan,
            treated_at,
            days: Vec::with_capacity(patient.timeline.len()),
            routes: Vec::new(),
            tracks: Vec::new(),
            composite: Series::default(),
        };
        let mut calendar = Calendar::new(patient, episode, treated_at);
        for (position, record) in patient.in_order().enumerate() {
            let known = if position < first_due { record.issued_day(episode) } else { None };
            course.days.push(known.or_else(|| calendar.day(record.event_at)));
            if record.counts_for(episode) {
                course.read_upload(position, record);
            }
        }
        course.form_composite();
        course
    }

    /// Calendar days from treatment to the answer of the upload at `position`.
    pub(super) fn day(&self, position: usize) -> Option<i32> {
        self.days.get(position).copied().flatten()
    }

    /// Slots begun by the answer of the upload at `position`.
    pub(super) fn slots_begun(&self, position: usize) -> u32 {
        match (self.plan, self.day(position)) {
            (Some(plan), Some(day)) => plan.schedule.slots_begun(0, i64::from(day)),
            _ => 0,
        }
    }

    pub(super) fn track(&self, instrument: Sym) -> Option<&Track<'a>> {
        self.tracks.iter().find(|track| track.instrument == instrument)
    }

    /// The document of a form that was read, and where its values hold the score under the plan's value set.
    pub(super) fn route(&self, instrument: Sym, version: i32) -> Option<&Route<'a>> {
        self.routes.iter().find(|route| (route.instrument, route.version) == (instrument, version))
    }

    /// Whether `instrument` has a weight in the plan's composite.
    pub(super) fn is_part(&self, instrument: &str) -> bool {
        self.plan.is_some_and(|plan| {
            plan.composite.is_some() && plan.instrument(instrument).is_some_and(|part| part.weight > 0)
        })
    }

    /// Whether the upload at `position` has the scores that its composite needs.
    pub(super) fn has_parts(&self, position: usize) -> bool {
        let Some((plan, rule)) = self.plan.and_then(|plan| Some((plan, plan.composite?))) else {
            return false;
        };
        let mut parts = plan.instruments.iter().filter(|part| part.weight > 0).map(|part| {
            let track = self.tracks.iter().find(|track| track.is_of(part));
            track.is_some_and(|track| track.series.up_to(position).is_some())
        });
        match rule {
            MissingPart::Absent => parts.all(|present| present),
            MissingPart::Renormalise => parts.any(|present| present),
        }
    }

    fn read_upload(&mut self, position: usize, record: &Record) {
        let Some(upload) = record.upload() else { return };
        let mut rest = upload.forms.read();
        while let Some(head) = rest.next_head() {
            let (value_set, track) = self.find_route(head.instrument, head.version);
            let score = match (head.state, value_set) {
                (FormState::Scored, Some(set)) => rest.value_at(set),
                _ => {
                    rest.skip_values();
                    None
                }
            };
            if let (Some(score), Some(track)) = (score, track) {
                self.add_score(track, position, record.event_at, score);
            }
        }
    }

    fn add_score(&mut self, track: usize, position: usize, at: Instant, score: f64) {
        let slot = self.slot(position);
        let may_be_baseline = self.plan.zip(self.treated_at).is_some_and(|(plan, treated)| {
            let window = Millis::days(i64::from(plan.baseline_window_days));
            at < treated && at >= treated.saturating_sub(window)
        });
        let Some(track) = self.tracks.get_mut(track) else { return };
        track.series.push(position, at, score, slot);
        if may_be_baseline {
            track.baseline = Some(Baseline { score, position });
        }
    }

    fn slot(&self, position: usize) -> Option<u32> {
        self.plan?.schedule.slot(0, i64::from(self.day(position)?))
    }

    /// The position of a form's score under the plan's value set, and its track.
    fn find_route(&mut self, instrument: Sym, version: i32) -> (Option<usize>, Option<usize>) {
        if let Some(known) = self.route(instrument, version) {
            return (known.value_set, known.track);
        }
        let id = self.patient.names.text(instrument);
        let part = self.plan.and_then(|plan| plan.instrument(id));
        let document = self.library.instrument(id, Some(version)).map(|document| &**document);
        let value_set =
            document.and_then(|document| document.value_set(part.and_then(|part| part.value_set.as_deref())));
        let track = document.map(|document| self.find_track(instrument, document, part));
        self.routes.push(Route { instrument, version, document, value_set, track });
        (value_set, track)
    }

    fn find_track(
        &mut self,
        instrument: Sym,
        document: &'a InstrumentDocument,
        part: Option<&'a PlanInstrument>,
    ) -> usize {
        if let Some(known) = self.tracks.iter().position(|track| track.instrument == instrument) {
            return known;
        }
        let series = Series::with_capacity(self.patient.timeline.len());
        self.tracks.push(Track { instrument, document, part, series, baseline: None });
        self.tracks.len() - 1
    }

    /// The composite of each upload that has the parts for it.
    fn form_composite(&mut self) {
        let Some((plan, rule)) = self.plan.and_then(|plan| Some((plan, plan.composite?))) else { return };
        let part_tracks: Vec<(i64, Option<&Track<'_>>)> = plan
            .instruments
            .iter()
            .filter(|part| part.weight > 0)
            .map(|part| (part.weight, self.tracks.iter().find(|track| track.is_of(part))))
            .collect();
        let mut series = Series::with_capacity(self.patient.timeline.len());
        for (position, record) in self.patient.in_order().enumerate() {
            let indices = part_tracks
                .iter()
                .map(|(weight, track)| (*weight, track.and_then(|track| track.index_at(position))));
            if let Some(index) = composite(rule, indices) {
                series.push(position, record.event_at, index, self.slot(position));
            }
        }
        self.composite = series;
    }
}

/// Days of one episode's calendar.
struct Calendar<'a> {
    patient: &'a Patient,
    episode: Sym,
    treated_day: Option<i64>,
    /// The zone used last, by name.
    zone: Option<(&'a str, Zone)>,
}

impl<'a> Calendar<'a> {
    fn new(patient: &'a Patient, episode: Sym, treated_at: Option<Instant>) -> Calendar<'a> {
        Calendar { patient, episode, treated_day: None, zone: None }.treated(treated_at)
    }

    fn treated(mut self, treated_at: Option<Instant>) -> Calendar<'a> {
        self.treated_day = treated_at.map(|treated| self.calendar_day(treated));
        self
    }

    /// Calendar days from treatment to `at`, each day in the zone then in force.
    fn day(&mut self, at: Instant) -> Option<i32> {
        let treated_day = self.treated_day?;
        let days = self.calendar_day(at).saturating_sub(treated_day);
        Some(i32::try_from(days).unwrap_or(if days < 0 { i32::MIN } else { i32::MAX }))
    }

    fn calendar_day(&mut self, at: Instant) -> i64 {
        let Some(name) = self.patient.zone_name_at(self.episode, at) else { return Zone::UTC.day(at) };
        if self.zone.as_ref().is_none_or(|(known, _)| *known != name) {
            self.zone = Zone::named(name).map(|zone| (name, zone));
        }
        self.zone.as_ref().map_or(Zone::UTC.day(at), |(_, zone)| zone.day(at))
    }
}
