//! One episode as one plan sees it: uploads are fed in their order, and for each instrument it keeps what the next row
//! needs. What it keeps after the last upload stays in the state as a tail, from which the next upload goes on: the
//! same steps as from the first upload, hence the same bits.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Patient;
use super::forms::{self, FormState};
use super::names::Sym;
use super::record::View;
use super::series::{EARLIER_MAX, Series, SeriesTail, Step};
use crate::curve::{COMPOSITE, Cohort};
use crate::documents::{InstrumentDocument, Library, MissingPart, PlanDocument, PlanInstrument};
use crate::index::{IndexRule, composite, health_index};
use crate::rolling::{Point, SLOPE_DAYS};
use crate::time::{Instant, Millis};
use crate::zone::Zones;

/// The last valid score before the treatment, within the plan's window.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Baseline {
    pub(super) score: f64,
    /// Of its upload, among the uploads in force.
    pub(super) ordinal: u32,
}

/// One instrument of an episode.
#[derive(Debug)]
pub(super) struct Track<'a> {
    pub(super) instrument: Sym,
    /// Any version: all share what an index needs.
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

    /// The change from the previous score to the one of the upload fed last, in units of the smallest change that
    /// matters; improvement is positive.
    pub(super) fn change_mcid(&self, document: &InstrumentDocument) -> Option<f64> {
        let (current, previous) = (self.series.current?, self.series.previous?);
        let stated = self.part.and_then(|part| part.mcid);
        let mcid = stated.or_else(|| document.mcid.as_ref().map(|mcid| mcid.value.to_f64()))?;
        Some((document.oriented(current) - document.oriented(previous)) / mcid)
    }
}

/// Where forms of one instrument and version go.
#[derive(Clone, Copy, Debug)]
pub(super) struct Route<'a> {
    instrument: Sym,
    version: i32,
    pub(super) document: Option<&'a InstrumentDocument>,
    /// The position of the score under the plan's value set.
    pub(super) value_set: Option<usize>,
    track: Option<usize>,
}

/// Where the uploads in force are, and from which on rows are due.
#[derive(Clone, Copy, Debug)]
pub(super) struct Places<'a> {
    pub(super) uploads: &'a [usize],
    pub(super) first_due: usize,
}

/// An episode as a plan sees it.
#[derive(Debug)]
pub(super) struct Course<'a> {
    patient: &'a Patient,
    library: &'a Library,
    uploads: &'a [usize],
    pub(super) episode: Sym,
    pub(super) plan_id: Option<Sym>,
    pub(super) plan: Option<&'a PlanDocument>,
    pub(super) treated_at: Option<Instant>,
    /// Who the patient is compared with, where the plan has a curve.
    pub(super) cohort: Option<Arc<Cohort>>,
    treated_day: Option<i64>,
    /// Uploads fed so far.
    fed: usize,
    /// The number of the upload fed last among those that count for the episode; only the distance of two says anything.
    upload: u32,
    /// Slots begun by the upload fed last.
    pub(super) slots_begun: u32,
    routes: Vec<Route<'a>>,
    tracks: Vec<Track<'a>>,
    pub(super) composite: Series,
    /// Room for the scores of one upload, by track.
    scores: Vec<(usize, f64)>,
}

impl<'a> Course<'a> {
    /// A course to which no upload was fed. Where the patient's tail ends where rows are due, it goes on
    /// there.
    pub(super) fn new(
        patient: &'a Patient,
        library: &'a Library,
        (episode, plan_id): (Sym, Option<Sym>),
        places: Places<'a>,
        zones: &mut Zones,
    ) -> Course<'a> {
        let plan = plan_id.and_then(|plan| library.plan(patient.names.text(plan))).map(|plan| &**plan);
        let treated_at = patient.treated_at(episode);
        let rules = plan.and_then(|plan| plan.curve.as_ref()).zip(treated_at);
        let mut course = Course {
            patient,
            library,
            uploads: places.uploads,
            episode,
            plan_id,
            plan,
            treated_at,
            cohort: rules.and_then(|(rules, treated)| patient.cohort(episode, treated, rules)).map(Arc::new),
            treated_day: None,
            fed: 0,
            upload: 0,
            slots_begun: 0,
            routes: Vec::with_capacity(4),
            tracks: Vec::with_capacity(4),
            composite: Series::default(),
            scores: Vec::with_capacity(8),
        };
        match patient.tails.iter().find(|tail| tail.is_of(&course) && tail.fed == places.first_due) {
            Some(tail) => course.resume(tail),
            None => {
                course.treated_day = treated_at.map(|treated| course.calendar_day(treated, zones));
                course.find_baselines();
            }
        }
        course
    }

    /// Feeds the uploads up to and with the one of that ordinal.
    pub(super) fn advance(&mut self, ordinal: usize, zones: &mut Zones) {
        let (patient, uploads) = (self.patient, self.uploads);
        for at in uploads.iter().take(ordinal + 1).skip(self.fed) {
            if let Some(view) = patient.store.view(*at) {
                self.feed(&view, zones);
            }
        }
        self.fed = self.fed.max(ordinal + 1);
    }

    pub(super) fn track(&self, instrument: Sym) -> Option<&Track<'a>> {
        self.tracks.iter().find(|track| track.instrument == instrument)
    }

    /// The scores of the uploads before the one fed last, in the order of time.
    pub(super) fn earlier<'t>(&self, track: &'t Track<'_>) -> impl Iterator<Item = Point> + 't {
        track.series.earlier(self.upload)
    }

    /// The indices of the uploads before the one fed last, of an instrument or the composite, in the order of time.
    pub(super) fn earlier_indices(&self, instrument: &str) -> impl Iterator<Item = Point> + '_ {
        let track = self.tracks.iter().find(|track| self.patient.names.text(track.instrument) == instrument);
        let of_track = track.into_iter().flat_map(|track| {
            let index = |point: Point| Some(Point { value: track.index(point.value)?.0, ..point });
            track.series.earlier(self.upload).filter_map(index)
        });
        let is_composite = instrument == COMPOSITE;
        of_track.chain(self.composite.earlier(self.upload).filter(move |_| is_composite))
    }

    /// Where a form that was fed went.
    pub(super) fn route(&self, instrument: Sym, version: i32) -> Option<&Route<'a>> {
        self.routes.iter().find(|route| (route.instrument, route.version) == (instrument, version))
    }

    /// Whether `instrument` has a weight in the plan's composite.
    pub(super) fn is_part(&self, instrument: Sym) -> bool {
        let has_composite = self.plan.is_some_and(|plan| plan.composite.is_some());
        has_composite
            && self.track(instrument).and_then(|track| track.part).is_some_and(|part| part.weight > 0)
    }

    /// Whether the upload fed last has the scores that its composite needs.
    pub(super) fn has_parts(&self) -> bool {
        let Some((plan, rule)) = self.composite_rule() else { return false };
        let mut present =
            parts(plan).map(|part| self.of(part).is_some_and(|track| track.series.current.is_some()));
        match rule {
            MissingPart::Absent => present.all(|present| present),
            MissingPart::Renormalise => present.any(|present| present),
        }
    }

    fn composite_rule(&self) -> Option<(&'a PlanDocument, MissingPart)> {
        self.plan.and_then(|plan| Some((plan, plan.composite?)))
    }

    fn of(&self, part: &PlanInstrument) -> Option<&Track<'a>> {
        self.tracks.iter().find(|track| track.part.is_some_and(|own| std::ptr::eq(own, part)))
    }

    fn feed(&mut self, view: &View<'_>, zones: &mut Zones) {
        self.tracks.iter_mut().for_each(|track| track.series.next());
        self.composite.next();
        if !self.read_scores(view) {
            return;
        }
        self.upload += 1;
        let at = view.event_at;
        let day = self.treated_day.map(|treated| self.calendar_day(at, zones).saturating_sub(treated));
        let schedule = self.plan.zip(day).map(|(plan, day)| (plan.schedule, day));
        self.slots_begun = schedule.map_or(0, |(schedule, day)| schedule.slots_begun(0, day));
        let slot = schedule.and_then(|(schedule, day)| schedule.slot(0, day));
        let step = Step { plan: self.plan, slot, upload: self.upload };
        for (track, score) in &self.scores {
            if let Some(track) = self.tracks.get_mut(*track) {
                track.series.push(at, *score, &step);
            }
        }
        if let Some(index) = self.composite_index() {
            self.composite.push(at, index, &step);
        }
    }

    /// Reads the scores of an upload and their tracks; answers whether it counts.
    fn read_scores(&mut self, view: &View<'_>) -> bool {
        self.scores.clear();
        let Some(facts) = view.facts().filter(|_| self.counts(view)) else { return false };
        for form in forms::read(facts.forms) {
            let (value_set, track) = self.find_route(form.head.instrument, form.head.version);
            let scored = track.zip(value_set).filter(|_| form.head.state == FormState::Scored);
            if let Some((track, score)) = scored.and_then(|(track, set)| Some((track, form.value(set)?))) {
                self.scores.push((track, score));
            }
        }
        true
    }

    /// Whether the upload is one of the episode.
    fn counts(&self, view: &View<'_>) -> bool {
        let own = |episode: Option<Sym>| episode.is_none_or(|episode| episode == self.episode);
        view.facts().is_some_and(|facts| !facts.withdrawn && own(facts.episode))
    }

    fn composite_index(&self) -> Option<f64> {
        let (plan, rule) = self.composite_rule()?;
        let index = |part: &PlanInstrument| {
            let track = self.of(part)?;
            track.index(track.series.current?).map(|(index, _)| index)
        };
        composite(rule, parts(plan).map(|part| (part.weight, index(part))))
    }

    /// Every row rests on the baselines, also that of an upload before them.
    fn find_baselines(&mut self) {
        let Some((plan, treated)) = self.plan.zip(self.treated_at) else { return };
        let from = treated.saturating_sub(Millis::days(i64::from(plan.baseline_window_days)));
        let (patient, uploads) = (self.patient, self.uploads);
        for (ordinal, at) in uploads.iter().enumerate() {
            let Some(view) = patient.store.view(*at).filter(|view| view.event_at >= from) else { continue };
            if view.event_at >= treated {
                break;
            }
            self.read_scores(&view);
            let ordinal = u32::try_from(ordinal).unwrap_or(u32::MAX);
            for (track, score) in &self.scores {
                if let Some(track) = self.tracks.get_mut(*track) {
                    track.baseline = Some(Baseline { score: *score, ordinal });
                }
            }
        }
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
        self.tracks.push(Track { instrument, document, part, series: Series::default(), baseline: None });
        self.tracks.len() - 1
    }

    /// The calendar day at `at` in the episode's zone then in force.
    fn calendar_day(&self, at: Instant, zones: &mut Zones) -> i64 {
        let zone = self.patient.zone_at(self.episode, at);
        zones.day(zone, at)
    }
}

fn parts(plan: &PlanDocument) -> impl Iterator<Item = &PlanInstrument> {
    plan.instruments.iter().filter(|part| part.weight > 0)
}

/// Where a course stands after the last upload.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Tail {
    episode: Sym,
    plan: Option<Sym>,
    plan_version: Option<i32>,
    treated_day: Option<i64>,
    fed: usize,
    tracks: Box<[TrackTail]>,
    composite: SeriesTail,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct TrackTail {
    instrument: Sym,
    baseline: Option<Baseline>,
    series: SeriesTail,
}

impl Tail {
    fn is_of(&self, course: &Course<'_>) -> bool {
        let plan_version = course.plan.map(|plan| plan.version);
        (self.episode, self.plan, self.plan_version) == (course.episode, course.plan_id, plan_version)
    }
}

impl Course<'_> {
    /// Where the course stands, if all uploads were fed.
    pub(super) fn tail(&self) -> Option<Tail> {
        let track = |track: &Track<'_>| TrackTail {
            instrument: track.instrument,
            baseline: track.baseline,
            series: track.series.tail(),
        };
        (self.fed == self.uploads.len()).then(|| Tail {
            episode: self.episode,
            plan: self.plan_id,
            plan_version: self.plan.map(|plan| plan.version),
            treated_day: self.treated_day,
            fed: self.fed,
            tracks: self.tracks.iter().map(track).collect(),
            composite: self.composite.tail(),
        })
    }

    fn resume(&mut self, tail: &Tail) {
        self.treated_day = tail.treated_day;
        for track in &tail.tracks {
            let id = self.patient.names.text(track.instrument);
            let Some(document) = self.library.instrument(id, None) else { continue };
            let part = self.plan.and_then(|plan| plan.instrument(id));
            let position = self.find_track(track.instrument, document, part);
            if let Some(own) = self.tracks.get_mut(position) {
                own.baseline = track.baseline;
                own.series = Series::resume(&track.series);
            }
        }
        self.composite = Series::resume(&tail.composite);
        self.remember_recent(tail.fed);
        self.fed = tail.fed;
    }

    /// Reads again the points of the last days and of the last uploads, which a tail doesn't hold.
    fn remember_recent(&mut self, fed: usize) {
        let (patient, uploads) = (self.patient, self.uploads);
        let next = uploads.get(fed).and_then(|at| patient.store.view(*at));
        let Some(gone) = next.map(|next| next.event_at.saturating_sub(Millis::days(SLOPE_DAYS))) else {
            return;
        };
        let (before, _) = uploads.split_at(fed.min(uploads.len()));
        let is_gone = |at: &usize| patient.store.view(*at).is_none_or(|view| view.event_at <= gone);
        let recent = before.iter().rposition(is_gone).map_or(0, |position| position + 1);
        let counts = |at: &usize| patient.store.view(*at).is_some_and(|view| self.counts(&view));
        let uploads_max = usize::try_from(EARLIER_MAX).unwrap_or(usize::MAX);
        let of_last = before.iter().enumerate().rev().filter(|(_, at)| counts(at)).take(uploads_max).last();
        let first = recent.min(of_last.map_or(0, |(position, _)| position));
        for view in before.iter().skip(first).filter_map(|at| patient.store.view(*at)) {
            self.tracks.iter_mut().for_each(|track| track.series.next());
            self.upload += u32::from(self.read_scores(&view));
            for (track, score) in &self.scores {
                if let Some(track) = self.tracks.get_mut(*track) {
                    track.series.current = Some(*score);
                    track.series.remember(self.upload, view.event_at, *score);
                }
            }
            if let Some(index) = self.composite_index() {
                self.composite.remember(self.upload, view.event_at, index);
            }
        }
    }
}
