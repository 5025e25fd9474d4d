//! What a curve of history expects at a time.

use std::collections::BTreeMap;

use super::{HistoryCurve, Lattice, Surprises};
use crate::curve::counts::Counts;
use crate::curve::distribution::Distribution;
use crate::curve::personal::Deviation;
use crate::curve::says::Says;

/// A curve, ready to be asked: what each cohort says in each bin, having borrowed.
#[derive(Clone, Debug)]
pub struct Evaluator<'c> {
    curve: &'c HistoryCurve,
    /// The least and the greatest step that was ever counted.
    range: (f64, f64),
    cohorts: BTreeMap<&'c [u16], Vec<InBin>>,
}

/// What a cohort says in a bin; `None` where neither it nor one above it has a response there.
type InBin = Option<(Says, Distribution)>;

/// What comparable patients report at one time.
#[derive(Clone, Debug)]
pub struct AtTime<'c> {
    lattice: Lattice,
    surprises: &'c Surprises,
    range: (f64, f64),
    mean: f64,
    variance: Option<f64>,
    distribution: Distribution,
}

/// Beyond its first and last response a curve holds for this share of the time between them; farther out it says nothing.
const HOLDS: f64 = 0.25;

impl<'c> Evaluator<'c> {
    /// Makes a curve ready.
    pub fn new(curve: &'c HistoryCurve) -> Evaluator<'c> {
        let mut cohorts: BTreeMap<&[u16], Vec<InBin>> = BTreeMap::new();
        // In ascending order, so that what a cohort borrows from comes before it.
        for (levels, counts) in &curve.cohorts {
            let above = levels.split_last().and_then(|(_, above)| cohorts.get(above));
            let bins = counts.iter().enumerate().map(|(bin, counts)| {
                let above = above.and_then(|bins| bins.get(bin)).and_then(Option::as_ref);
                match above {
                    _ if counts.is_empty() => above.cloned(),
                    None => Some((Says::of_root(counts.moments()), Distribution::of(counts)?)),
                    Some((says, distribution)) => Some((
                        says.narrowed(counts.moments(), levels.len(), curve.prior_n),
                        distribution.narrowed(counts, curve.prior_n),
                    )),
                }
            });
            let bins = bins.collect();
            cohorts.insert(levels, bins);
        }
        let steps = curve.cohorts.values().flatten().flat_map(Counts::iter).map(|(step, _)| step as f64);
        let range = steps.fold((f64::INFINITY, f64::NEG_INFINITY), |(least, most), step| {
            (least.min(step), most.max(step))
        });
        Evaluator { curve, range, cohorts }
    }

    /// From which time to which it says anything; `None` of a curve without bins.
    pub fn holds(&self) -> Option<(f64, f64)> {
        let (first, last) = (self.curve.bins.first()?, self.curve.bins.last()?);
        let reach = HOLDS * (last.to - first.from);
        Some((first.from - reach, last.to + reach))
    }

    /// What the narrowest known cohort of these levels reports at a time. Between the centres of two bins mean, standard
    /// deviation and distribution run straight; before the first and after the last they stay, for a quarter of the time
    /// that the curve spans. `None` farther out.
    pub fn at(&self, levels: &[u16], time: f64) -> Option<AtTime<'c>> {
        let (from, to) = self.holds()?;
        if !(from..=to).contains(&time) {
            return None;
        }
        let known = (0..=levels.len()).rev().find_map(|depth| self.cohorts.get(levels.get(..depth)?))?;
        let after = self.curve.bins.partition_point(|bin| bin.centre <= time);
        let before = after.saturating_sub(1);
        let (says, distribution) = known.get(before)?.as_ref()?;
        let here = AtTime {
            lattice: self.curve.lattice,
            surprises: &self.curve.surprises,
            range: self.range,
            mean: says.mean,
            variance: says.variance,
            distribution: distribution.clone(),
        };
        let (Some(bin), Some(next)) = (self.curve.bins.get(before), self.curve.bins.get(after)) else {
            return Some(here);
        };
        let Some((next_says, next_distribution)) = known.get(after)?.as_ref() else { return Some(here) };
        if after == before || time <= bin.centre {
            return Some(here);
        }
        let way = (time - bin.centre) / (next.centre - bin.centre);
        let both = here.variance.zip(next_says.variance).map(|(one, other)| {
            let sd = libm::sqrt(one) + way * (libm::sqrt(other) - libm::sqrt(one));
            sd * sd
        });
        Some(AtTime {
            mean: here.mean + way * (next_says.mean - here.mean),
            variance: both.or(here.variance),
            distribution: here.distribution.towards(next_distribution, way),
            ..here
        })
    }
}

impl AtTime<'_> {
    /// The expected score.
    pub fn mean(&self) -> f64 {
        self.lattice.value_of(self.mean)
    }

    /// Its standard deviation among comparable patients; `None` where fewer than two responses speak.
    pub fn sd(&self) -> Option<f64> {
        self.variance.map(|variance| self.lattice.value_of(libm::sqrt(variance)))
    }

    /// The score below which a share of them lies; none beyond those that were ever reported.
    pub fn quantile(&self, share: f64) -> f64 {
        let (least, most) = self.range;
        self.lattice.value_of(self.distribution.quantile(share).max(least).min(most))
    }

    /// How far a score deviates, in standard deviations of the normal distribution; the mean of those who report the
    /// same. `None` where it is no score.
    pub fn deviation_of(&self, value: f64) -> Option<f64> {
        let step = self.lattice.step_of(value).ok()?;
        Some(self.distribution.deviation_of(step as f64))
    }

    /// The expected score and its standard deviation of a patient of whom this deviation is expected.
    pub fn moments_given(&self, deviation: &Deviation) -> (f64, f64) {
        let (mean, sd) = self.distribution.moments_given(|z| self.surprises.share_below(deviation, z));
        (self.lattice.value_of(mean), self.lattice.value_of(sd))
    }

    /// The score below which such a patient lies with this probability.
    pub fn quantile_given(&self, deviation: &Deviation, share: f64) -> f64 {
        self.quantile(self.surprises.share_given(deviation, share))
    }
}
