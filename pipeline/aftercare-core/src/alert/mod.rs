//! Alerts about one patient: what was raised, what became of it, and as much of the facts as it takes to tell an onset
//! from what goes on.
//!
//! - A condition that lasts raises one alert, at its onset. It raises again only after it was over (the policy says at
//!   which limit), or so long after somebody resolved the alert as the policy says.
//! - While an alert of a rule is unresolved, another onset of the same condition is added to it as evidence. What is
//!   critical is never held back so: each onset has its own alert, and a single answer that can't wait each upload.
//! - An alert's id is made of its cause, so that a repetition or a correction of the cause finds the same alert.
//! - What arrives late or corrected is judged in its place in time. Which alert was raised when depends on arrival; what
//!   a rule says about a fact does not.

mod fall;
mod levels;
mod life;
mod moments;
mod score_rules;
mod series;
mod silence;
mod vital_rules;
mod words;

use serde::{Deserialize, Serialize};

pub use words::{AlertChange, AlertStatus, Evidence, Happening, OUTCOMES};

use crate::documents::{AlertPolicyDocument, AlertRule, Library, PlanDocument, RULE_KINDS, Severity};
use crate::facts::{ActionFact, RecordHead, RecordStatus, Source};
use crate::patient::Episode;
use crate::time::{Instant, Millis};
use life::{Act, Alert, Birth, Cause, EVIDENCE_MAX};
use series::{Point, Series};
use silence::{Device, Watch};
use words::{CauseKind, hash};

/// Alerts that are done and still kept whole, so that a correction can add to them.
const CLOSED_MAX: usize = 6;
/// Alerts that are done and only recognised.
const PAST_MAX: usize = 128;
/// Actions that wait for their alert: after a rebuilt state, an action may be read before what raised its alert.
const PENDING_MAX: usize = 32;
/// How long they wait.
const PENDING_DAYS: i64 = 30;

/// What rules judge by beside the facts.
#[derive(Clone, Copy, Debug)]
pub struct Now<'a> {
    /// The tick.
    pub tick: Instant,
    /// Policies and plans.
    pub library: &'a Library,
    /// The patient's episodes as of the tick.
    pub episodes: &'a [Episode<'a>],
}

/// An episode and what watches it.
#[derive(Clone, Copy)]
struct Place<'a> {
    episode: &'a Episode<'a>,
    policy: &'a AlertPolicyDocument,
    plan: &'a PlanDocument,
}

impl<'a> Now<'a> {
    /// Whether a policy watches the patient.
    pub fn is_watched(&self) -> bool {
        self.episodes.iter().any(|episode| self.place(episode.id).is_some())
    }

    /// Whether the episode is over: nothing more is expected of it.
    fn has_ended(&self, episode_id: &str) -> bool {
        let own = self.episodes.iter().find(|episode| episode.id == episode_id);
        own.is_some_and(|episode| matches!(episode.episode_status, Some("ended" | "erased")))
    }

    /// What watches the episode; `None`: it has ended, or nothing does.
    fn place(&self, episode_id: &str) -> Option<Place<'a>> {
        let episode = self.episodes.iter().find(|episode| episode.id == episode_id)?;
        if self.has_ended(episode_id) {
            return None;
        }
        let plan = self.library.plan(episode.plan?)?;
        let policy = self.library.alert_policy(plan.alert_policy.as_deref()?)?;
        Some(Place { episode, policy, plan })
    }

    /// The same for the episode that a record names, else for the one treated most recently at or before `at`, else for
    /// the earliest.
    fn place_at(&self, episode_id: Option<&str>, at: Instant) -> Option<Place<'a>> {
        if let Some(named) = episode_id {
            return self.place(named);
        }
        let rank = |episode: &&Episode<'_>| match episode.treated_at {
            Some(treated) if treated <= at => (2, treated.0),
            Some(treated) => (1, treated.0.saturating_neg()),
            None => (0, 0),
        };
        let best = self.episodes.iter().max_by_key(rank)?;
        self.place(best.id)
    }
}

/// A rule at work on a series.
#[derive(Clone, Copy)]
struct Work<'a> {
    tick: Instant,
    place: Place<'a>,
    rule: &'a AlertRule,
    /// The rule's number in marks.
    key: u32,
    series: u64,
}

impl<'a> Work<'a> {
    fn new(now: &Now<'_>, place: Place<'a>, rule: &'a AlertRule, series: u64) -> Work<'a> {
        Work { tick: now.tick, place, rule, key: mark_key(rule), series }
    }
}

fn mark_key(rule: &AlertRule) -> u32 {
    let hash = hash(&rule.id);
    u32::try_from(hash & u64::from(u32::MAX)).unwrap_or(0)
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Pending {
    alert: u64,
    act: Act,
    since: Instant,
}

/// The alerts of one patient. Serialises for the changelog; the layout is part of the state's version.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct AlertBook {
    /// Those that are open, and the newest of those that are done; by when they were raised.
    alerts: Vec<Alert>,
    /// Hashes of rule and cause of those that were forgotten.
    past: Vec<u64>,
    /// By what they are about.
    series: Vec<(u64, Series)>,
    pending: Vec<Pending>,
    episodes: Vec<Watch>,
    devices: Vec<Device>,
    /// Doses by day.
    doses: Vec<(Instant, u32, u32)>,
    due: Option<Instant>,
}

impl AlertBook {
    /// The tick at which it wants to be looked at, whatever comes until then.
    pub fn next_due(&self) -> Option<Instant> {
        self.due
    }

    /// Alerts by severity and kind of rule that are open at `tick`, for those who count.
    pub fn open(&self, tick: Instant) -> impl Iterator<Item = (Severity, u8)> {
        let open = self.alerts.iter().filter(move |alert| alert.status(tick).is_open());
        open.map(|alert| (alert.severity, alert.kind))
    }

    /// What a person did about an alert. An action about an alert that is not known waits for it, for 30 days.
    pub fn take_action(
        &mut self,
        now: &Now<'_>,
        head: &RecordHead<'_>,
        fact: &ActionFact<'_>,
        out: &mut Vec<AlertChange>,
    ) {
        let withdrawn = head.status == RecordStatus::EnteredInError;
        let act = Act::new(head.id, head.event_at, fact).filter(|_| !withdrawn);
        let (id, tick) = (hash(head.id), now.tick);
        self.pending.retain(|pending| pending.act.id != id);
        let mut found = false;
        for alert in &mut self.alerts {
            let own = alert.id() == fact.alert_id;
            found |= own;
            let happening = alert.act(id, act.clone().filter(|_| own), tick);
            out.extend(happening.map(|happening| alert.row(happening, tick)));
        }
        if let Some(act) = act.filter(|_| !found) {
            let alert = hash(fact.alert_id);
            self.pending.retain(|pending| tick.since(pending.since) < Millis::days(PENDING_DAYS));
            if self.pending.len() >= PENDING_MAX {
                self.pending.remove(0);
            }
            self.pending.push(Pending { alert, act, since: tick });
        }
        self.finish(tick);
    }

    /// What time alone does: nobody answered, a snooze ended, nothing was uploaded, a device is not heard.
    pub fn tick(&mut self, now: &Now<'_>, out: &mut Vec<AlertChange>) {
        for alert in &mut self.alerts {
            while let Some(happening) = alert.tick(now.tick) {
                out.push(alert.row(happening, now.tick));
            }
        }
        self.tick_slots(now, out);
        self.tick_devices(now, out);
        self.end_with_episodes(now, out);
        self.finish(now.tick);
        // whatever is wrong with a document, a tick is looked at once
        self.due = self.due.map(|due| due.max(Instant(now.tick.0.saturating_add(1))));
    }

    /// Raises alerts for what meets the rule and was not told, and follows up on those whose cause changed.
    ///
    /// `changed` is the point that came or changed just now; `cause_of` says what a point is as a cause.
    fn weigh(
        &mut self,
        work: &Work<'_>,
        series: &mut Series,
        changed: u64,
        cause_of: &dyn Fn(&Point) -> Cause,
        out: &mut Vec<AlertChange>,
    ) {
        let gap = work.rule.kind.gap();
        for position in series.untold(work.key) {
            let is_each = work.rule.kind.is_each();
            let goes_on = !is_each && series.is_told(work.key, position, gap);
            if let Some(point) = series.points().get(position)
                && (!goes_on || self.is_long_resolved(work, point.at))
            {
                self.onset(work, point.id, cause_of(point), out);
            }
            series.tell(work.key, position);
        }
        self.follow_up(work, series, changed, cause_of, out);
    }

    fn follow_up(
        &mut self,
        work: &Work<'_>,
        series: &Series,
        changed: u64,
        cause_of: &dyn Fn(&Point) -> Cause,
        out: &mut Vec<AlertChange>,
    ) {
        let horizon = vital_rules::horizon(&work.rule.kind);
        let rule = &work.rule.kind;
        for alert in self.alerts.iter_mut().filter(|alert| is_of(alert, work) && !alert.withdrawn) {
            let point = series.position(alert.point).and_then(|position| series.points().get(position));
            let happening = match point {
                Some(point) if point.is_met(work.key) && point.id == changed => {
                    alert.confirm(cause_of(point), work.tick)
                }
                Some(point) if point.is_met(work.key) => None,
                // Forgotten, or taken back just now?
                None if alert.point != changed && !alert.corrected => None,
                _ if series.has_left(alert.caused_at.saturating_sub(horizon)) => None,
                _ => {
                    let lasts = !rule.is_each() && series.lasts(work.key, alert.caused_at, rule.gap());
                    alert.correct("corrected", lasts, work.tick)
                }
            };
            out.extend(happening.map(|happening| alert.row(happening, work.tick)));
        }
    }

    /// The alert that spoke last of the condition was resolved so long ago that it is raised again.
    fn is_long_resolved(&self, work: &Work<'_>, at: Instant) -> bool {
        let Some(quiet) = work.rule.quiet else { return false };
        let last = self.alerts.iter().rev().find(|alert| is_of(alert, work) && !alert.withdrawn);
        let resolved_at = last.map(Alert::resolved_at);
        resolved_at.is_none_or(|resolved| {
            resolved.is_some_and(|resolved| at > resolved && work.tick.since(resolved) >= quiet)
        })
    }

    /// A condition is met that was not met before.
    fn onset(&mut self, work: &Work<'_>, point: u64, cause: Cause, out: &mut Vec<AlertChange>) {
        let (rule, tick) = (work.rule, work.tick);
        let same = |alert: &Alert| *alert.rule == *rule.id && *alert.cause_id == *cause.id;
        let known = self.alerts.iter().position(same);
        if known.and_then(|known| self.alerts.get(known)).is_some_and(|known| !known.withdrawn) {
            return;
        }
        if self.past.contains(&recognised(&rule.id, &cause.id)) {
            return;
        }
        let joins = rule.severity != Severity::Critical && !rule.kind.is_each();
        let open = |alert: &&mut Alert| is_of(alert, work) && alert.status(tick).is_open();
        if let Some(known) = self.alerts.iter_mut().find(open).filter(|_| joins) {
            if known.evidence.len() < EVIDENCE_MAX {
                known.evidence.push(Evidence::text("again", &cause.id).at(cause.at));
                known.revision += 1;
                out.push(known.row(Happening::Changed, tick));
            }
            return;
        }
        match known.and_then(|known| self.alerts.get_mut(known)) {
            Some(known) => {
                let happening = known.confirm(cause, tick);
                out.extend(happening.map(|happening| known.row(happening, tick)));
            }
            None => self.raise(work, point, cause, out),
        }
    }

    fn raise(&mut self, work: &Work<'_>, point: u64, cause: Cause, out: &mut Vec<AlertChange>) {
        let (place, rule, tick) = (work.place, work.rule, work.tick);
        let vip = place.episode.vip == Some(true);
        let answer = &rule.answer;
        let position = RULE_KINDS.iter().position(|kind| *kind == rule.kind.name()).unwrap_or(0);
        let birth = Birth {
            episode: place.episode.id.into(),
            rule: (&*rule.id).into(),
            policy: format!("{}@{}", place.policy.id, place.policy.version).into(),
            kind: u8::try_from(position).unwrap_or(u8::MAX),
            series: work.series,
            severity: rule.severity,
            of_service: rule.kind.is_of_service(),
            routes: rule.routes.clone(),
            escalate_to: answer.escalate_to.clone(),
            answer_minutes: answer.vip_minutes.filter(|_| vip).or(answer.minutes),
            nearing_percent: place.policy.nearing_percent,
            vip,
            historic: is_historic(work, &cause),
        };
        let mut alert = Alert::new(birth, point, cause, tick);
        out.push(alert.row(Happening::Raised, tick));
        let id = hash(&alert.id());
        for pending in self.pending.extract_if(.., |pending| pending.alert == id) {
            let happening = alert.act(pending.act.id, Some(pending.act), tick);
            out.extend(happening.map(|happening| alert.row(happening, tick)));
        }
        self.alerts.push(alert);
    }

    /// A silence is over: alerts about it that nobody touched are withdrawn, the others say why.
    fn end_silence(
        &mut self,
        why: &str,
        is_over: impl Fn(&Alert) -> bool,
        tick: Instant,
        out: &mut Vec<AlertChange>,
    ) {
        let silent =
            |alert: &&mut Alert| alert.cause_kind == CauseKind::Silence && alert.status(tick).is_open();
        for alert in self.alerts.iter_mut().filter(silent).filter(|alert| is_over(alert)) {
            let happening = alert.correct(why, false, tick);
            out.extend(happening.map(|happening| alert.row(happening, tick)));
        }
    }

    /// Takes a series out, to be put back with `keep`.
    fn open_series(&mut self, key: u64) -> Series {
        match self.series.iter_mut().find(|(own, _)| *own == key) {
            Some((_, series)) => std::mem::take(series),
            None => Series::default(),
        }
    }

    fn keep(&mut self, key: u64, mut series: Series, most: usize) {
        series.trim(most);
        let is_empty = series == Series::default();
        match self.series.binary_search_by_key(&key, |(own, _)| *own) {
            Ok(at) if is_empty => {
                self.series.remove(at);
            }
            Ok(at) => self.series[at].1 = series,
            Err(_) if is_empty => {}
            Err(at) => self.series.insert(at, (key, series)),
        }
    }

    /// Forgets what is done, and finds the next time to look.
    fn finish(&mut self, tick: Instant) {
        let closed = self.alerts.iter().filter(|alert| !alert.status(tick).is_open()).count();
        for _ in CLOSED_MAX..closed {
            let Some(oldest) = self.alerts.iter().position(|alert| !alert.status(tick).is_open()) else {
                break;
            };
            let gone = self.alerts.remove(oldest);
            self.past.push(recognised(&gone.rule, &gone.cause_id));
        }
        let excess = self.past.len().saturating_sub(PAST_MAX);
        self.past.drain(..excess);
        let alerts = self.alerts.iter().filter_map(|alert| alert.next_due(tick));
        let slots = self.episodes.iter().filter_map(|watch| watch.due_at);
        let devices = self.devices.iter().filter_map(|device| device.due_at);
        self.due = alerts.chain(slots).chain(devices).min();
    }
}

fn is_of(alert: &Alert, work: &Work<'_>) -> bool {
    alert.series == work.series && *alert.rule == *work.rule.id
}

/// How an alert is recognised after it was forgotten.
fn recognised(rule: &str, cause_id: &str) -> u64 {
    hash(&format!("{rule}/{cause_id}"))
}

/// An import is history, whatever it says. Else only what is not critical can be: what is critical always notifies,
/// showing its age.
fn is_historic(work: &Work<'_>, cause: &Cause) -> bool {
    let policy = work.place.policy;
    let limit =
        if cause.kind == CauseKind::Event { policy.historic_event_after } else { policy.historic_after };
    // A silence is known only once it was waited for.
    let waited = work.rule.kind.waits();
    let age = work.tick.since(cause.uploaded_at.unwrap_or(cause.at).saturating_add(waited));
    cause.source == Source::Import || (work.rule.severity != Severity::Critical && age > limit)
}
