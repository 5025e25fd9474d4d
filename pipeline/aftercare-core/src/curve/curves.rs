//! The editions that a task knows, and what they expect of a score.

use std::collections::BTreeMap;
use std::sync::Arc;

use smallvec::SmallVec;

use super::cohort::Cohort;
use super::counts::Moments;
use super::edition::{Bin, CohortCurve, Edition};
use super::prior::{self, Priors};
use super::says::Says;
use crate::documents::{COHORT_LEVELS, PriorDocument};
use crate::time::{Instant, Millis};

/// All editions that are known, and the curves from elsewhere.
#[derive(Clone, Debug, Default)]
pub struct Curves {
    /// By procedure; the curves of one procedure are few.
    procedures: BTreeMap<Box<str>, Vec<Series>>,
    /// By procedure.
    priors: BTreeMap<Box<str>, Priors>,
}

/// The editions of one instrument's (or composite's) curve.
#[derive(Clone, Debug)]
struct Series {
    instrument: Arc<str>,
    plan: Option<Arc<str>>,
    /// By `effective_from`.
    editions: Vec<Known>,
}

#[derive(Clone, Debug)]
struct Known {
    edition: Edition,
    effective_from: Instant,
    prior_n: u32,
    /// The curve of the procedure itself, which comes last, is there: all are.
    complete: bool,
    cohorts: BTreeMap<Arc<str>, Vec<Bin>>,
}

/// What became of a curve that was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Learned {
    /// It is known, and more of its edition is to come.
    Part,
    /// It was the last of its instrument in that edition: what was answered from `effective_from` on is judged by it.
    Complete,
    /// It was known already.
    Known,
    /// Another one of the same edition and cohort is known. An edition never changes: that one stands.
    Differs,
}

/// What is asked of a curve.
#[derive(Clone, Copy, Debug)]
pub struct Question<'q> {
    /// Who answered.
    pub cohort: &'q Cohort,
    /// The instrument, or `composite`.
    pub instrument: &'q str,
    /// The plan of a composite.
    pub plan: Option<&'q str>,
    /// When it was answered.
    pub answered_at: Instant,
    /// The time from treatment to answer.
    pub since_treatment: Millis,
    /// The partition of the patient's task.
    pub partition: i32,
}

/// A contribution of the patient that asks, to the same instrument's (or composite's) curve.
#[derive(Clone, Copy, Debug)]
pub struct Own<'o> {
    /// Its cohort.
    pub cohort: &'o Cohort,
    /// Its bin.
    pub bin: u16,
    /// Its index.
    pub index_hundredths: i64,
    /// The sequence at which it was added.
    pub added: u64,
    /// The sequence at which it was taken out again; `u64::MAX`: it stands.
    pub taken: u64,
}

/// What comparable patients report.
#[derive(Clone, Debug, PartialEq)]
pub struct Expected {
    /// The index, %.
    pub index: f64,
    /// Its standard deviation among them, %; `None` where fewer than two responses speak.
    pub sd: Option<f64>,
    /// Responses of the cohort in the bin of the answer, without the patient's own; where nobody else answered, those of
    /// the curve from elsewhere at that time.
    pub n: u32,
    /// The narrowest cohort that has any there.
    pub cohort: Arc<str>,
    /// The edition, `{edition}+prior:{id}@{version}` where it borrowed from a curve from elsewhere, and
    /// `prior:{id}@{version}` where that alone speaks.
    pub edition: Arc<str>,
}

impl Curves {
    /// Takes a curve in.
    pub fn learn(&mut self, curve: CohortCurve) -> Learned {
        let series = self.procedures.entry(Box::from(&*curve.procedure)).or_default();
        let of = |series: &&mut Series| series.is_of(&curve.instrument, curve.plan.as_deref());
        let series = match series.iter_mut().position(|series| of(&series)) {
            Some(known) => series.get_mut(known),
            None => {
                let (instrument, plan) = (curve.instrument.clone(), curve.plan.clone());
                series.push(Series { instrument, plan, editions: Vec::new() });
                series.last_mut()
            }
        };
        series.map_or(Learned::Known, |series| series.learn(curve))
    }

    /// Takes a curve from elsewhere in. Once known, it stays.
    pub fn learn_prior(&mut self, document: &Arc<PriorDocument>) {
        self.priors.entry(Box::from(&*document.procedure)).or_default().learn(document);
    }

    /// What the newest edition in force at the answer expects, `own` being all that the patient ever contributed to the
    /// same curve. Where there is no edition, or nobody else answered in that bin, what the newest curve from elsewhere in
    /// force says alone; `None` where there is none either.
    ///
    /// In each of the cohort's bins the mean is (n x own mean + prior n x the parent's) / (n + prior n), from the
    /// procedure downwards; the variance is that of the same mixture. The procedure borrows from the curve from elsewhere
    /// as it is at the mid-point of the bin; without one, its mean is its own, and its variance with n - 1. Between the
    /// mid-points of neighbouring bins mean and standard deviation run straight; before the first mid-point, after the
    /// last, and where the neighbour has no responses, they are those of the answer's bin.
    pub fn expected<'o>(
        &self,
        question: &Question<'_>,
        own: impl Iterator<Item = Own<'o>>,
    ) -> Option<Expected> {
        let procedure = question.cohort.procedure();
        let prior = self.priors.get(procedure);
        let prior =
            prior.and_then(|known| known.in_force(question.instrument, question.plan, question.answered_at));
        let series = self.procedures.get(procedure).into_iter().flatten();
        let series = series.into_iter().find(|series| series.is_of(question.instrument, question.plan));
        let known = series.and_then(|series| series.in_force(question.answered_at));
        known.and_then(|known| known.expected(question, prior, own)).or_else(|| expected_by(prior?, question))
    }
}

/// What a curve from elsewhere alone expects.
fn expected_by(prior: &PriorDocument, question: &Question<'_>) -> Option<Expected> {
    let says = prior::says(prior, question.days())?;
    let sd = says.variance.map(libm::sqrt);
    Some(Expected::of(says, says.mean, sd, question.cohort, prior.name.clone()))
}

impl Question<'_> {
    /// Days from treatment to answer.
    fn days(&self) -> f64 {
        self.since_treatment.0 as f64 / Millis::days(1).0 as f64
    }
}

impl Expected {
    /// Mean and standard deviation are in hundredths of a point.
    fn of(says: Says, mean: f64, sd: Option<f64>, cohort: &Cohort, edition: Arc<str>) -> Expected {
        Expected {
            index: mean / 100.0,
            sd: sd.map(|sd| sd / 100.0),
            n: u32::try_from(says.n).unwrap_or(u32::MAX),
            cohort: cohort.name(says.depth).into(),
            edition,
        }
    }
}

impl Series {
    fn is_of(&self, instrument: &str, plan: Option<&str>) -> bool {
        *self.instrument == *instrument && self.plan.as_deref() == plan
    }

    fn learn(&mut self, curve: CohortCurve) -> Learned {
        let at = self.editions.iter().position(|known| known.edition.name == curve.edition.name);
        let position = at.unwrap_or_else(|| {
            let position =
                self.editions.partition_point(|known| known.effective_from <= curve.effective_from);
            self.editions.insert(position, Known::of(&curve));
            position
        });
        let Some(known) = self.editions.get_mut(position) else { return Learned::Known };
        if let Some(bins) = known.cohorts.get(&curve.cohort) {
            let same = *bins == curve.bins
                && (known.prior_n, known.effective_from) == (curve.prior_n, curve.effective_from)
                && known.edition == curve.edition;
            return if same { Learned::Known } else { Learned::Differs };
        }
        if known.complete {
            return Learned::Differs;
        }
        known.complete |= curve.parent.is_none();
        known.cohorts.insert(curve.cohort, curve.bins);
        if known.complete { Learned::Complete } else { Learned::Part }
    }

    fn in_force(&self, at: Instant) -> Option<&Known> {
        self.editions.iter().rfind(|known| known.complete && known.effective_from <= at)
    }
}

impl Known {
    fn of(curve: &CohortCurve) -> Known {
        Known {
            edition: curve.edition.clone(),
            effective_from: curve.effective_from,
            prior_n: curve.prior_n,
            complete: false,
            cohorts: BTreeMap::new(),
        }
    }

    fn last_sequence(&self, partition: i32) -> u64 {
        let source = self.edition.sources.iter().find(|(source, _)| *source == partition);
        source.map_or(0, |(_, last)| *last)
    }

    /// The procedure's bin at the time of the answer, and the one on the other side of its mid-point.
    fn bins_at(&self, question: &Question<'_>) -> Option<(&Bin, Option<&Bin>)> {
        let bins = self.cohorts.get(question.cohort.procedure())?;
        let since = question.since_treatment;
        let position = bins.partition_point(|bin| Millis::days(i64::from(bin.to_day)) <= since);
        let here = bins.get(position).filter(|bin| Millis::days(i64::from(bin.from_day)) <= since)?;
        let is_late = 2 * since.0 >= Millis::days(i64::from(here.from_day) + i64::from(here.to_day)).0;
        let neighbour = if is_late {
            bins.get(position + 1).filter(|bin| bin.from_day == here.to_day)
        } else {
            position
                .checked_sub(1)
                .and_then(|before| bins.get(before))
                .filter(|bin| bin.to_day == here.from_day)
        };
        Some((here, neighbour))
    }

    fn expected<'o>(
        &self,
        question: &Question<'_>,
        prior: Option<&PriorDocument>,
        own: impl Iterator<Item = Own<'o>>,
    ) -> Option<Expected> {
        let held = self.last_sequence(question.partition);
        let (here, neighbour) = self.bins_at(question)?;
        let near = |bin| bin == here.bin || neighbour.is_some_and(|neighbour| bin == neighbour.bin);
        let own = own.filter(|own| near(own.bin) && own.added <= held && held < own.taken);
        let own: SmallVec<[Own<'o>; 8]> = own.collect();
        let from_elsewhere = |bin: &Bin| prior.and_then(|prior| prior::says(prior, bin.middle()));
        let borrowed = from_elsewhere(here);
        let here_says = self.says(question.cohort, here, borrowed, &own)?;
        let mut index = here_says.mean;
        let mut sd = here_says.variance.map(libm::sqrt);
        let there = neighbour
            .and_then(|bin| Some((bin, self.says(question.cohort, bin, from_elsewhere(bin), &own)?)));
        if let Some((bin, there)) = there {
            let span = bin.middle() - here.middle();
            let share = (question.days() - here.middle()) / span;
            index += share * (there.mean - index);
            let both = sd.zip(there.variance.map(libm::sqrt));
            sd = both.map_or(sd, |(here, there)| Some(here + share * (there - here)));
        }
        let edition = match prior.filter(|_| borrowed.is_some()) {
            Some(prior) => format!("{}+{}", self.edition.name, prior.name).into(),
            None => self.edition.name.clone(),
        };
        Some(Expected::of(here_says, index, sd, question.cohort, edition))
    }

    /// What the cohort says in a bin, each level borrowing from the one above, the procedure from what is `borrowed`; `own`
    /// is left out. `None` where nobody else answered.
    fn says(&self, cohort: &Cohort, bin: &Bin, borrowed: Option<Says>, own: &[Own<'_>]) -> Option<Says> {
        let mut own_within = [Moments::default(); COHORT_LEVELS + 1];
        for own in own.iter().filter(|own| own.bin == bin.bin) {
            let levels = cohort.shared_depth(own.cohort).map_or(0, |shared| shared + 1);
            for moments in own_within.iter_mut().take(levels) {
                *moments = moments.plus(own.index_hundredths, 1);
            }
        }
        let mut says: Option<Says> = None;
        for (depth, own) in own_within.into_iter().enumerate().take(cohort.depth() + 1) {
            let Some(bins) = self.cohorts.get(cohort.name(depth)) else { break };
            let found = bins.binary_search_by_key(&bin.bin, |known| known.bin).ok();
            let all = found.and_then(|at| bins.get(at)).map(|known| known.moments).unwrap_or_default();
            let others = all.minus(own);
            if others.n <= 0 {
                break;
            }
            says = Some(match says.or(borrowed) {
                None => Says::of_root(others),
                Some(parent) => parent.narrowed(others, depth, self.prior_n),
            });
        }
        says
    }
}

impl Bin {
    fn middle(&self) -> f64 {
        (f64::from(self.from_day) + f64::from(self.to_day)) / 2.0
    }
}
