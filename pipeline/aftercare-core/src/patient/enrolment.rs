//! What is known about a patient's episodes: statements, and what holds at a time.

use serde::{Deserialize, Serialize};

use super::Patient;
use super::names::{Names, Shared, Sym};
use super::rows::{Attribution, OwnedAttribution, ScoreChange};
use crate::curve::{COMPOSITE, Cohort};
use crate::documents::{CohortLevel, CurveRules, Library};
use crate::facts::EnrolmentFact;
use crate::time::Instant;

/// One statement, as kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Statement {
    /// The record's id.
    pub(super) id: Sym,
    pub(super) episode: Sym,
    recorded_at: Instant,
    effective_at: Instant,
    procedure: Option<Sym>,
    treated_at: Option<Instant>,
    device: Option<Sym>,
    manufacturer: Option<Sym>,
    birth_year: Option<i32>,
    sex: Option<Sym>,
    comorbidities: Option<Box<[Sym]>>,
    organisation: Option<Sym>,
    care_team: Option<Sym>,
    clinician_id: Option<Sym>,
    plan: Option<Sym>,
    contract: Option<Sym>,
    vip: Option<bool>,
    self_pay_consent: Option<bool>,
    spo2_scale: Option<i32>,
    time_zone: Option<Sym>,
    episode_status: Option<Sym>,
}

impl Statement {
    pub(super) fn new(id: &str, fact: &EnrolmentFact<'_>, names: &mut Names) -> Statement {
        let id = names.intern(id);
        let episode = names.intern(fact.episode_id);
        let mut intern = |text: Option<&str>| text.map(|text| names.intern(text));
        Statement {
            id,
            episode,
            recorded_at: fact.recorded_at,
            effective_at: fact.effective_at,
            procedure: intern(fact.procedure),
            treated_at: fact.treated_at,
            device: intern(fact.device),
            manufacturer: intern(fact.manufacturer),
            birth_year: fact.birth_year,
            sex: intern(fact.sex),
            organisation: intern(fact.organisation),
            care_team: intern(fact.care_team),
            clinician_id: intern(fact.clinician_id),
            plan: intern(fact.plan),
            contract: intern(fact.contract),
            vip: fact.vip,
            self_pay_consent: fact.self_pay_consent,
            spo2_scale: fact.spo2_scale,
            time_zone: intern(fact.time_zone),
            episode_status: intern(fact.episode_status),
            comorbidities: fact
                .comorbidities
                .as_ref()
                .map(|codes| codes.iter().map(|code| names.intern(code)).collect()),
        }
    }
}

/// One episode as of a time.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are those of `EnrolmentFact`, resolved")]
pub struct Episode<'p> {
    pub id: &'p str,
    pub procedure: Option<&'p str>,
    pub treated_at: Option<Instant>,
    pub device: Option<&'p str>,
    pub manufacturer: Option<&'p str>,
    pub birth_year: Option<i32>,
    pub sex: Option<&'p str>,
    pub comorbidities: Vec<&'p str>,
    pub organisation: Option<&'p str>,
    pub care_team: Option<&'p str>,
    pub clinician_id: Option<&'p str>,
    pub plan: Option<&'p str>,
    pub contract: Option<&'p str>,
    pub vip: Option<bool>,
    pub self_pay_consent: Option<bool>,
    pub spo2_scale: Option<i32>,
    pub time_zone: Option<&'p str>,
    pub episode_status: Option<&'p str>,
}

/// The five attributes by number, to tell whether they changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct AttributionSyms {
    organisation: Option<Sym>,
    care_team: Option<Sym>,
    clinician_id: Option<Sym>,
    manufacturer: Option<Sym>,
    procedure: Option<Sym>,
}

impl Patient {
    /// Whether an enrolment of the patient was accepted, even if it was withdrawn since. (Whether a record waits must
    /// not depend on the order of the enrolments.)
    pub fn is_enrolled(&self) -> bool {
        !self.known_episodes.is_empty()
    }

    /// The patient's episodes, by id, as of `at`.
    pub fn episodes(&self, at: Instant) -> Vec<Episode<'_>> {
        self.episode_syms().into_iter().map(|episode| self.episode(episode, at)).collect()
    }

    /// Who a fact of `at` belongs to: by the episode treated most recently at or before `at`, else the earliest.
    pub fn attribution_at(&self, at: Instant) -> Attribution<'_> {
        self.attribution_for(None, at)
    }

    /// As [`Patient::attribution_at`], for a fact that names its episode: if it is known here, by that.
    pub fn attribution_for(&self, episode: Option<&str>, at: Instant) -> Attribution<'_> {
        let named = episode.filter(|id| self.knows_episode(id)).and_then(|id| self.names.find(id));
        let Some(episode) = named.or_else(|| self.episode_at(at)) else { return Attribution::default() };
        let syms = self.attribution_syms(episode, at);
        let text = |sym: Option<Sym>| sym.map(|sym| self.names.text(sym));
        Attribution {
            organisation: text(syms.organisation),
            care_team: text(syms.care_team),
            clinician_id: text(syms.clinician_id),
            manufacturer: text(syms.manufacturer),
            procedure: text(syms.procedure),
        }
    }

    /// The time zone that the patient is in at `at`, by the episode that a fact of `at` belongs to.
    pub fn time_zone_at(&self, at: Instant) -> Option<&str> {
        self.zone_at(self.episode_at(at)?, at)
    }

    /// The scale by which the patient's oxygen saturation is judged at `at` (1 or 2), where one is stated.
    pub fn spo2_scale_at(&self, at: Instant) -> Option<i32> {
        self.dated(self.episode_at(at)?, at, |statement| statement.spo2_scale)
    }

    /// Whether this row of an upload decides what follows for its episode: the composite where the plan of that time
    /// has one, else the row of the plan's first instrument.
    pub fn is_deciding(&self, row: &ScoreChange, library: &Library) -> bool {
        if &*row.instrument == COMPOSITE {
            return true;
        }
        let plan = self.names.find(&row.episode_id);
        let plan = plan.and_then(|episode| self.plan_at(episode, row.answered_at));
        let plan = plan.and_then(|plan| library.plan(self.names.text(plan)));
        let first = plan.filter(|plan| plan.composite.is_none()).and_then(|plan| plan.instruments.first());
        first.is_some_and(|first| first.id == row.instrument)
    }

    /// The episodes of which a statement stands, by id.
    pub(super) fn episode_syms(&self) -> Vec<Sym> {
        let mut episodes: Vec<Sym> = Vec::with_capacity(self.known_episodes.len());
        for statement in &self.statements {
            if !episodes.contains(&statement.episode) {
                episodes.push(statement.episode);
            }
        }
        episodes.sort_unstable_by_key(|episode| self.names.text(*episode));
        episodes
    }

    /// Whether an enrolment of the episode was accepted, even if it was withdrawn since.
    pub(super) fn knows_episode(&self, id: &str) -> bool {
        self.names.find(id).is_some_and(|sym| self.known_episodes.contains(&sym))
    }

    /// The statements about an episode that stand, with their records' ids.
    fn statements_of(&self, episode: Sym) -> impl Iterator<Item = (&str, &Statement)> {
        let own = self.statements.iter().filter(move |statement| statement.episode == episode);
        own.map(|statement| (self.names.text(statement.id), statement))
    }

    /// A field that corrects the whole episode: the newest statement that says it.
    fn whole<'p, T>(&'p self, episode: Sym, field: impl Fn(&'p Statement) -> Option<T>) -> Option<T> {
        let mut best: Option<(Instant, &str, T)> = None;
        for (id, statement) in self.statements_of(episode) {
            let Some(value) = field(statement) else { continue };
            if best.as_ref().is_none_or(|(at, best_id, _)| (*at, *best_id) < (statement.recorded_at, id)) {
                best = Some((statement.recorded_at, id, value));
            }
        }
        best.map(|(_, _, value)| value)
    }

    /// A dated field: the latest statement that says it and is in effect at `at`, else the earliest to take effect.
    /// Of statements that take effect together, the newest.
    fn dated<T>(&self, episode: Sym, at: Instant, field: impl Fn(&Statement) -> Option<T>) -> Option<T> {
        let mut best: Option<(Instant, Instant, &str, T)> = None;
        for (id, statement) in self.statements_of(episode) {
            let Some(value) = field(statement) else { continue };
            let (effective_at, recorded_at) = (statement.effective_at, statement.recorded_at);
            let better = best.as_ref().is_none_or(|(best_effective, best_recorded, best_id, _)| {
                if effective_at == *best_effective {
                    return (*best_recorded, *best_id) < (recorded_at, id);
                }
                match (effective_at <= at, *best_effective <= at) {
                    (true, true) => effective_at > *best_effective,
                    (false, false) => effective_at < *best_effective,
                    (in_effect, _) => in_effect,
                }
            });
            if better {
                best = Some((effective_at, recorded_at, id, value));
            }
        }
        best.map(|(_, _, _, value)| value)
    }

    pub(super) fn treated_at(&self, episode: Sym) -> Option<Instant> {
        self.whole(episode, |statement| statement.treated_at)
    }

    /// Whether some episode is of that procedure.
    pub(super) fn has_procedure(&self, procedure: Sym) -> bool {
        let of = |episode: &Sym| self.whole(*episode, |statement| statement.procedure) == Some(procedure);
        self.known_episodes.iter().any(of)
    }

    /// Who the patient of an episode treated at `treated_at` is compared with; `None` while its procedure is unknown.
    pub(super) fn cohort(&self, episode: Sym, treated_at: Instant, rules: &CurveRules) -> Option<Cohort> {
        let procedure = self.whole(episode, |statement| statement.procedure)?;
        let birth_year = self.whole(episode, |statement| statement.birth_year);
        let band = birth_year.and_then(|year| rules.age_band(year, treated_at.year_utc()));
        let sex = self.whole(episode, |statement| statement.sex).map(|sex| self.names.text(sex));
        let codes = self.whole(episode, |statement| statement.comorbidities.as_deref());
        let group = codes.map(|codes| rules.comorbidity(codes.iter().map(|code| self.names.text(*code))));
        let sex = sex.filter(|sex| matches!(*sex, "female" | "male"));
        let mut levels = rules.levels.iter().map(|level| match level {
            CohortLevel::AgeBand => band.as_deref(),
            CohortLevel::Sex => sex,
            CohortLevel::Comorbidity => group,
        });
        Cohort::new(self.names.text(procedure), std::array::from_fn(|_| levels.next().flatten()))
    }

    pub(super) fn plan_at(&self, episode: Sym, at: Instant) -> Option<Sym> {
        self.dated(episode, at, |statement| statement.plan)
    }

    pub(super) fn zone_at(&self, episode: Sym, at: Instant) -> Option<&str> {
        self.dated(episode, at, |statement| statement.time_zone).map(|zone| self.names.text(zone))
    }

    fn episode(&self, episode: Sym, at: Instant) -> Episode<'_> {
        let whole =
            |field: fn(&Statement) -> Option<Sym>| self.whole(episode, field).map(|sym| self.names.text(sym));
        let dated = |field: fn(&Statement) -> Option<Sym>| {
            self.dated(episode, at, field).map(|sym| self.names.text(sym))
        };
        let codes = self.whole(episode, |statement| statement.comorbidities.as_deref());
        Episode {
            id: self.names.text(episode),
            procedure: whole(|statement| statement.procedure),
            treated_at: self.treated_at(episode),
            device: whole(|statement| statement.device),
            manufacturer: whole(|statement| statement.manufacturer),
            birth_year: self.whole(episode, |statement| statement.birth_year),
            sex: whole(|statement| statement.sex),
            comorbidities: codes.unwrap_or_default().iter().map(|code| self.names.text(*code)).collect(),
            organisation: dated(|statement| statement.organisation),
            care_team: dated(|statement| statement.care_team),
            clinician_id: dated(|statement| statement.clinician_id),
            plan: dated(|statement| statement.plan),
            contract: dated(|statement| statement.contract),
            vip: self.dated(episode, at, |statement| statement.vip),
            self_pay_consent: self.dated(episode, at, |statement| statement.self_pay_consent),
            spo2_scale: self.dated(episode, at, |statement| statement.spo2_scale),
            time_zone: dated(|statement| statement.time_zone),
            episode_status: dated(|statement| statement.episode_status),
        }
    }

    /// The episode treated most recently at or before `at`, else the earliest; those without a treatment come last.
    pub(super) fn episode_at(&self, at: Instant) -> Option<Sym> {
        let mut best: Option<(Option<Instant>, Sym)> = None;
        for episode in self.episode_syms() {
            let treated = self.treated_at(episode);
            let better = best.is_none_or(|(best_treated, _)| match (treated, best_treated) {
                (Some(treated), Some(best)) => match (treated <= at, best <= at) {
                    (true, true) => treated > best,
                    (false, false) => treated < best,
                    (before, _) => before,
                },
                (treated, _) => treated.is_some(),
            });
            if better {
                best = Some((treated, episode));
            }
        }
        best.map(|(_, episode)| episode)
    }

    pub(super) fn attribution_syms(&self, episode: Sym, at: Instant) -> AttributionSyms {
        AttributionSyms {
            organisation: self.dated(episode, at, |statement| statement.organisation),
            care_team: self.dated(episode, at, |statement| statement.care_team),
            clinician_id: self.dated(episode, at, |statement| statement.clinician_id),
            manufacturer: self.whole(episode, |statement| statement.manufacturer),
            procedure: self.whole(episode, |statement| statement.procedure),
        }
    }

    /// Who a record belongs to: by the episode that it names, else by its time.
    pub(super) fn attribution_of(&self, episode: Option<Sym>, at: Instant) -> AttributionSyms {
        let episode = episode.or_else(|| self.episode_at(at));
        episode.map(|episode| self.attribution_syms(episode, at)).unwrap_or_default()
    }

    pub(super) fn owned(&self, syms: AttributionSyms, shared: &mut Shared) -> OwnedAttribution {
        let mut text = |sym: Option<Sym>| sym.map(|sym| shared.text(self.names.text(sym)));
        OwnedAttribution {
            organisation: text(syms.organisation),
            care_team: text(syms.care_team),
            clinician_id: text(syms.clinician_id),
            manufacturer: text(syms.manufacturer),
            procedure: text(syms.procedure),
        }
    }
}
