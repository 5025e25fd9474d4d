//! Silence: a slot of the plan's schedule that ended without an upload, a device that is heard no more. Only ticks find it.

use serde::{Deserialize, Serialize};

use super::life::{Alert, Cause};
use super::score_rules::uploads_of;
use super::words::{AlertChange, CauseKind, Evidence, hash, stamp};
use super::{AlertBook, Now, Place, Work};
use crate::documents::{AlertRule, RuleKind};
use crate::facts::{EnrolmentFact, Source};
use crate::time::{Instant, Millis};
use crate::zone::Zone;

/// Devices of which the book knows when they were heard; the one heard longest ago is forgotten first.
const DEVICES_MAX: usize = 12;
/// A device's time is kept this coarsely, so that not every window changes the book.
const HEARD_EVERY: Millis = Millis::seconds(3_600);

/// The schedule of an episode, watched.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Watch {
    episode: Box<str>,
    /// The tick at which it was first seen: what was due before is not missed.
    since: Instant,
    /// The last slot that was judged.
    judged: u32,
    /// It was missed, and nothing came since.
    is_silent: bool,
    source: Source,
    pub(super) due_at: Option<Instant>,
}

/// A device, listened to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Device {
    id: Box<str>,
    /// The end of its newest window.
    heard_at: Instant,
    is_silent: bool,
    source: Source,
    /// When its silence is told, and after that when it is taken for given back.
    pub(super) due_at: Option<Instant>,
}

fn slots_of(episode_id: &str) -> u64 {
    hash(&format!("slots/{episode_id}"))
}

fn device_series(id: &str) -> u64 {
    hash(&format!("device/{id}"))
}

impl<'a> Place<'a> {
    /// The rule that looks for uploads that did not come.
    fn overdue(&self) -> Option<(&'a AlertRule, i32)> {
        self.policy.rules.iter().find_map(|rule| match rule.kind {
            RuleKind::OverdueUpload { grace_days } => Some((rule, grace_days)),
            _ => None,
        })
    }

    /// The rule that looks for devices that are heard no more: after how many hours it says so, and after which time
    /// without a word a device is taken for given back.
    fn quiet_devices(&self) -> Option<(&'a AlertRule, i32, Millis)> {
        self.policy.rules.iter().find_map(|rule| match rule.kind {
            RuleKind::QuietDevice { hours, given_back_days } => {
                Some((rule, hours, Millis::days(i64::from(given_back_days))))
            }
            _ => None,
        })
    }

    /// When slot `slot` (from 1) of the schedule begins and ends, by days of the episode's zone; `None`: before the
    /// treatment is known, and after the last.
    fn slot(&self, slot: u32) -> Option<(Instant, Instant)> {
        let schedule = self.plan.schedule;
        let slot = i64::from(slot);
        if !(1..=i64::from(schedule.slots)).contains(&slot) {
            return None;
        }
        let zone = self.episode.time_zone.and_then(Zone::named).unwrap_or(Zone::UTC);
        let every = i64::from(schedule.every_days);
        let first = zone.day(self.episode.treated_at?) + slot * every - every / 2;
        Some((zone.start_of(first), zone.start_of(first + every)))
    }

    /// When a slot that ended is overdue.
    fn overdue_at(&self, slot: u32) -> Option<Instant> {
        let (_, grace_days) = self.overdue()?;
        Some(self.slot(slot)?.1.saturating_add(Millis::days(i64::from(grace_days))))
    }
}

impl AlertBook {
    /// An enrolment was accepted: from now on the episode's schedule is watched.
    /// If it says that the episode has ended, no silence of it is waited for any more.
    pub fn take_enrolment(
        &mut self,
        now: &Now<'_>,
        fact: &EnrolmentFact<'_>,
        source: Source,
        out: &mut Vec<AlertChange>,
    ) {
        let known = self.episodes.iter().position(|watch| *watch.episode == *fact.episode_id);
        let at = known.unwrap_or_else(|| {
            self.episodes.push(Watch {
                episode: fact.episode_id.into(),
                since: now.tick,
                judged: 0,
                is_silent: false,
                source,
                due_at: None,
            });
            self.episodes.len() - 1
        });
        if let Some(watch) = self.episodes.get_mut(at) {
            watch.source = source;
            watch.schedule(now);
        }
        self.end_with_episodes(now, out);
        self.finish(now.tick);
    }

    /// Nobody waits for what an ended episode owes.
    pub(super) fn end_with_episodes(&mut self, now: &Now<'_>, out: &mut Vec<AlertChange>) {
        self.end_silence("episode_ended", |alert| now.has_ended(&alert.episode), now.tick, out);
    }

    /// Something was uploaded for the episode.
    pub(super) fn heard(
        &mut self,
        place: Place<'_>,
        answered_at: Instant,
        tick: Instant,
        out: &mut Vec<AlertChange>,
    ) {
        let Some(watch) = self.episodes.iter_mut().find(|watch| *watch.episode == *place.episode.id) else {
            return;
        };
        if !watch.is_silent {
            return;
        }
        let began = place.slot(watch.judged).map(|(start, _)| start);
        watch.is_silent = began.is_some_and(|began| answered_at < began);
        // The slot whose end raised it is over, or was filled late.
        let length = Millis::days(i64::from(place.plan.schedule.every_days));
        let series = slots_of(place.episode.id);
        let is_over =
            |alert: &Alert| alert.series == series && answered_at >= alert.caused_at.saturating_sub(length);
        self.end_silence("ended", is_over, tick, out);
    }

    pub(super) fn tick_slots(&mut self, now: &Now<'_>, out: &mut Vec<AlertChange>) {
        let mut episodes = std::mem::take(&mut self.episodes);
        for watch in &mut episodes {
            while watch.due_at.is_some_and(|due| due <= now.tick) {
                watch.judged += 1;
                if let Some(place) = now.place(&watch.episode) {
                    self.judge_slot(now, place, watch, out);
                }
                watch.schedule(now);
            }
        }
        self.episodes = episodes;
    }

    fn judge_slot(&mut self, now: &Now<'_>, place: Place<'_>, watch: &mut Watch, out: &mut Vec<AlertChange>) {
        let (Some((start, end)), Some((rule, _))) = (place.slot(watch.judged), place.overdue()) else {
            return;
        };
        let uploads = uploads_of(place.episode.id);
        let series = self.series.binary_search_by_key(&uploads, |(key, _)| *key).map(|at| &self.series[at].1);
        // What came after the slot says that the patient is not silent, even if this slot stays empty.
        let came = series.is_ok_and(|series| series.points().iter().any(|point| point.at >= start));
        if came || place.overdue_at(watch.judged).is_some_and(|due| due <= watch.since) {
            watch.is_silent = false;
            return;
        }
        let work = Work::new(now, place, rule, slots_of(place.episode.id));
        let goes_on = std::mem::replace(&mut watch.is_silent, true);
        if goes_on && !self.is_long_resolved(&work, now.tick) {
            return;
        }
        let cause = Cause {
            kind: CauseKind::Silence,
            id: format!("slot-{}", watch.judged).into(),
            at: end,
            uploaded_at: None,
            source: watch.source,
            evidence: vec![
                Evidence::number("slot", f64::from(watch.judged), ""),
                Evidence::text("slot_began", &stamp(start)).at(start),
                Evidence::text("slot_ended", &stamp(end)).at(end),
            ],
        };
        self.onset(&work, 0, cause, out);
    }

    /// Whether hearing the device at `at` is news.
    pub(super) fn hears_anew(&self, place: Place<'_>, device: &str, at: Instant) -> bool {
        place.quiet_devices().is_some() && self.is_heard_anew(device, at)
    }

    /// The same, if the policy listens to devices.
    pub(super) fn is_heard_anew(&self, device: &str, at: Instant) -> bool {
        let known = self.devices.iter().find(|known| *known.id == *device);
        known.is_none_or(|known| known.is_heard_anew(at))
    }

    pub(super) fn hear(
        &mut self,
        now: &Now<'_>,
        place: Place<'_>,
        device: &str,
        at: Instant,
        source: Source,
        out: &mut Vec<AlertChange>,
    ) {
        let Some((_, hours, _)) = place.quiet_devices().filter(|_| self.hears_anew(place, device, at)) else {
            return;
        };
        let wait = Millis::seconds(i64::from(hours) * 3_600).0 + HEARD_EVERY.0;
        self.devices.retain(|known| *known.id != *device);
        let due_at = Some(at.saturating_add(Millis(wait)));
        self.devices.push(Device { id: device.into(), heard_at: at, is_silent: false, source, due_at });
        if self.devices.len() > DEVICES_MAX {
            self.devices.remove(0);
        }
        let series = device_series(device);
        self.end_silence("ended", |alert| alert.series == series, now.tick, out);
    }

    pub(super) fn tick_devices(&mut self, now: &Now<'_>, out: &mut Vec<AlertChange>) {
        let mut devices = std::mem::take(&mut self.devices);
        devices.retain_mut(|device| {
            let Some(due_at) = device.due_at.filter(|due| *due <= now.tick) else { return true };
            if device.is_silent {
                let series = device_series(&device.id);
                self.end_silence("given_back", |alert| alert.series == series, now.tick, out);
                return false;
            }
            device.due_at = None;
            let Some(place) = now.place_at(None, due_at) else { return true };
            let Some((rule, hours, given_back_after)) = place.quiet_devices() else { return true };
            device.is_silent = true;
            device.due_at = Some(device.heard_at.saturating_add(given_back_after));
            let work = Work::new(now, place, rule, device_series(&device.id));
            let cause = Cause {
                kind: CauseKind::Silence,
                id: format!("{}@{}", device.id, stamp(device.heard_at)).into(),
                at: due_at,
                uploaded_at: None,
                source: device.source,
                evidence: vec![
                    Evidence::text("device", &device.id),
                    Evidence::text("heard_at", &stamp(device.heard_at)).at(device.heard_at),
                    Evidence::number("silent_for", f64::from(hours), "h"),
                ],
            };
            self.onset(&work, 0, cause, out);
            true
        });
        self.devices = devices;
    }
}

impl Watch {
    /// Finds when the next slot is due that was not judged.
    fn schedule(&mut self, now: &Now<'_>) {
        self.due_at = now.place(&self.episode).and_then(|place| place.overdue_at(self.judged + 1));
    }
}

impl Device {
    fn is_heard_anew(&self, at: Instant) -> bool {
        at > self.heard_at
            && (self.is_silent || self.due_at.is_none() || at.since(self.heard_at) >= HEARD_EVERY)
    }
}
