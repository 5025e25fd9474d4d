//! Episodes, from all statements about them at once.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use aftercare_schemas::wire::Enrolment;
use jiff::Timestamp;
use jiff::tz::TimeZoneDatabase;

use super::Attribution;

/// What is known about a patient's episodes.
#[derive(Default)]
pub(super) struct Episodes<'a> {
    /// The statements in force.
    statements: Vec<Enrolment<'a>>,
    /// Every episode that any statement names, withdrawn ones too.
    known: BTreeSet<&'a str>,
}

impl<'a> Episodes<'a> {
    pub(super) fn add(&mut self, statement: Enrolment<'a>, withdrawn: bool, in_force: bool) {
        self.known.insert(statement.episode_id);
        if in_force && !withdrawn {
            self.statements.push(statement);
        }
    }

    /// The ids of those that stand.
    pub(super) fn ids(&self) -> BTreeSet<&'a str> {
        self.statements.iter().map(|s| s.episode_id).collect()
    }

    /// Whether the episode was ever spoken of; `None`: whether any was.
    pub(super) fn knows(&self, episode: Option<&str>) -> bool {
        episode.map_or(!self.known.is_empty(), |id| self.known.contains(id))
    }

    fn saying<T>(
        &self,
        episode: &str,
        field: impl Fn(&Enrolment<'a>) -> Option<T>,
    ) -> Vec<(&Enrolment<'a>, T)> {
        let of_episode = self.statements.iter().filter(|s| s.episode_id == episode);
        of_episode.filter_map(|s| field(s).map(|value| (s, value))).collect()
    }

    /// A field that corrects the whole episode.
    pub(super) fn whole<T>(&self, episode: &str, field: impl Fn(&Enrolment<'a>) -> Option<T>) -> Option<T> {
        let mut saying = self.saying(episode, field);
        saying.sort_by_key(|(s, _)| (s.recorded_at, s.id));
        saying.pop().map(|(_, value)| value)
    }

    /// A field that holds from a time on; before the first statement, that one's.
    pub(super) fn dated<T>(
        &self,
        episode: &str,
        at: i64,
        field: impl Fn(&Enrolment<'a>) -> Option<T>,
    ) -> Option<T> {
        let mut saying = self.saying(episode, field);
        saying.sort_by_key(|(s, _)| (s.effective_at, s.recorded_at, s.id));
        let first = saying.first().map(|(s, _)| s.effective_at)?;
        saying.retain(|(s, _)| s.effective_at <= at.max(first));
        saying.pop().map(|(_, value)| value)
    }

    /// A field that holds from a time on, once it does.
    pub(super) fn in_effect<T>(
        &self,
        episode: &str,
        at: i64,
        field: impl Fn(&Enrolment<'a>) -> Option<T>,
    ) -> Option<T> {
        let mut saying = self.saying(episode, field);
        saying.retain(|(s, _)| s.effective_at <= at);
        saying.sort_by_key(|(s, _)| (s.effective_at, s.recorded_at, s.id));
        saying.pop().map(|(_, value)| value)
    }

    pub(super) fn treated_at(&self, episode: &str) -> Option<i64> {
        self.whole(episode, |s| s.treated_at)
    }

    /// The episode treated last at or before a moment, else the first to be treated, else any.
    pub(super) fn at(&self, at: i64) -> Option<&'a str> {
        let ids = self.ids();
        let treated: Vec<_> = ids.iter().filter_map(|id| Some((self.treated_at(id)?, *id))).collect();
        let last = treated
            .iter()
            .filter(|(treated, _)| *treated <= at)
            .max_by_key(|(treated, id)| (*treated, Reverse(*id)));
        let found = last.or_else(|| treated.iter().min()).map(|(_, id)| *id);
        found.or_else(|| ids.first().copied())
    }

    pub(super) fn attribution(&self, episode: &str, at: i64) -> Attribution {
        [
            self.dated(episode, at, |s| s.organisation),
            self.dated(episode, at, |s| s.care_team),
            self.dated(episode, at, |s| s.clinician_id),
            self.whole(episode, |s| s.manufacturer),
            self.whole(episode, |s| s.procedure),
        ]
        .map(|text| text.map(str::to_owned))
    }

    /// The zone in which the patient is at the beginning of the hour of a moment: by the episode treated last before it,
    /// else the first. `None` for someone who was never enrolled.
    pub(super) fn zone_at(&self, at: i64) -> Option<&str> {
        let at = at.div_euclid(3_600_000) * 3_600_000;
        let mut by_treatment: Vec<(i64, &str)> = self
            .ids()
            .into_iter()
            .map(|episode| (self.treated_at(episode).unwrap_or(i64::MAX), episode))
            .collect();
        by_treatment.sort_unstable();
        let current = by_treatment.iter().rfind(|(treated, _)| *treated <= at).or(by_treatment.first());
        let zone = current.and_then(|(_, episode)| self.dated(episode, at, |s| s.time_zone));
        (!self.known.is_empty()).then_some(zone.unwrap_or("UTC"))
    }

    /// The calendar day of a moment where the patient then is, in days since 1970.
    pub(super) fn day(&self, episode: &str, at: i64) -> Option<i64> {
        let zone = self.dated(episode, at, |s| s.time_zone).unwrap_or("UTC");
        let zone = TimeZoneDatabase::bundled().get(zone).ok()?;
        let date = Timestamp::from_millisecond(at).ok()?.to_zoned_datetime(zone).date();
        let epoch = jiff::civil::date(1970, 1, 1);
        Some(i64::from(date.since(epoch).ok()?.get_days()))
    }
}

pub(super) fn knows_zone(name: &str) -> bool {
    TimeZoneDatabase::bundled().get(name).is_ok()
}
