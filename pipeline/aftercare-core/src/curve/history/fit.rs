//! A curve from a registry's history.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Covariate, Evaluator, HistoryCurve, Lattice, LatticeError, Levels, PRIOR_N, Response, Surprises, TimeBin,
};
use crate::curve::counts::Counts;
use crate::curve::personal::{Coherence, Course};

/// Numbers with at most so many different values are levels of their own, not bands.
const NAMES_MAX: usize = 5;
/// Patients are parted into so many groups; how one group deviates is judged by the curve of the others.
const PARTS: u32 = 5;
/// Bands of a number.
const BANDS: usize = 4;

/// Makes the curve of these responses, which may come in any order. `names` are the covariates, from the widest level
/// down; `least_tail` is the smallest tail that will be asked of it. `None` where there is no response.
///
/// # Errors
/// Where a score can't be counted.
pub fn fit(
    responses: &[Response],
    names: &[String],
    least_tail: f64,
) -> Result<Option<HistoryCurve>, LatticeError> {
    let all: Vec<&Response> = responses.iter().collect();
    let Some(mut curve) = counted(&all, names, least_tail)? else { return Ok(None) };
    let mut courses: BTreeMap<u32, Vec<(f64, f64)>> = BTreeMap::new();
    for part in 0..PARTS {
        let (held, seen): (Vec<&Response>, Vec<&Response>) =
            all.iter().copied().partition(|response| response.subject % PARTS == part);
        // Of the very first patients there are no others.
        let others = counted(&seen, names, least_tail)?;
        add_courses(&mut courses, others.as_ref().unwrap_or(&curve), &held);
    }
    let in_order = |(one, z): &(f64, f64), (other, other_z): &(f64, f64)| {
        one.total_cmp(other).then(z.total_cmp(other_z))
    };
    courses.values_mut().for_each(|course| course.sort_unstable_by(in_order));
    let courses: Vec<Vec<(f64, f64)>> = courses.into_values().collect();
    curve.coherence = super::coherence::of(&courses);
    curve.surprises = Surprises::of(surprises(&curve.coherence, &courses));
    Ok(Some(curve))
}

/// The curve without what hangs together in one patient.
fn counted(
    responses: &[&Response],
    names: &[String],
    least_tail: f64,
) -> Result<Option<HistoryCurve>, LatticeError> {
    let lattice = Lattice::of(responses.iter().map(|response| response.value));
    let covariates: Vec<Covariate> = names
        .iter()
        .enumerate()
        .map(|(at, name)| Covariate {
            name: name.clone(),
            levels: levels_of(
                responses.iter().filter_map(|response| response.characteristics.get(at)?.as_deref()),
            ),
        })
        .collect();
    let mut steps = Vec::with_capacity(responses.len());
    for response in responses {
        steps.push((response.time, lattice.step_of(response.value)?));
    }
    let mut in_order = steps.clone();
    in_order
        .sort_unstable_by(|(one, step), (other, other_step)| one.total_cmp(other).then(step.cmp(other_step)));
    let mut bins = super::cut::cut(&in_order, least_tail);
    let slopes = super::cut::slopes(&in_order, &bins);
    bins.iter_mut().zip(&slopes).for_each(|(bin, slope)| bin.slope = lattice.value_of(*slope));
    let range = in_order
        .iter()
        .fold((i64::MAX, i64::MIN), |(least, most), (_, step)| (least.min(*step), most.max(*step)));
    let mut curve = HistoryCurve {
        lattice,
        covariates,
        bins,
        cohorts: BTreeMap::new(),
        prior_n: PRIOR_N,
        coherence: Coherence { lasting: 0.0, fading: 0.0, fading_days: 1.0 },
        surprises: Surprises::normal(),
    };
    for (response, (time, step)) in responses.iter().zip(&steps) {
        let levels = curve.levels_of(response.characteristics.iter().map(Option::as_deref));
        let bin = bin_at(&curve.bins, *time);
        let slope = slopes.get(bin).copied().unwrap_or(0.0);
        let past_centre = curve.bins.get(bin).map_or(0.0, |bin| time - bin.centre);
        let step = at_centre(*step, slope * past_centre, range);
        for depth in 0..=levels.len() {
            let path = levels.get(..depth).unwrap_or_default().to_vec();
            let counts =
                curve.cohorts.entry(path).or_insert_with(|| vec![Counts::default(); curve.bins.len()]);
            if let Some(counts) = counts.get_mut(bin) {
                counts.add(step);
            }
        }
    }
    Ok((!responses.is_empty()).then_some(curve))
}

/// Adds the deviations of these responses from a curve.
fn add_courses(courses: &mut BTreeMap<u32, Vec<(f64, f64)>>, curve: &HistoryCurve, responses: &[&Response]) {
    let evaluator = Evaluator::new(curve);
    for response in responses {
        let levels = curve.levels_of(response.characteristics.iter().map(Option::as_deref));
        let z = evaluator.at(&levels, response.time).and_then(|there| there.deviation_of(response.value));
        courses.entry(response.subject).or_default().extend(z.map(|z| (response.time, z)));
    }
}

/// How each response that has earlier ones came out beside what they let expect.
fn surprises(coherence: &Coherence, courses: &[Vec<(f64, f64)>]) -> Vec<f64> {
    let mut surprises = Vec::new();
    for responses in courses {
        let mut course = Course::of(coherence);
        for (at, (time, z)) in responses.iter().enumerate() {
            let expected = course.expect(*time);
            surprises.extend((at > 0).then(|| (z - expected.mean) / expected.sd.max(1e-9)));
            course.observe(*time, *z);
        }
    }
    surprises
}

/// The step that a response would have had at the centre of its bin, `moved` before it.
fn at_centre(step: i64, moved: f64, (least, most): (i64, i64)) -> i64 {
    #[allow(clippy::cast_possible_truncation, reason = "a whole number, and beyond i64 it saturates")]
    let moved = libm::rint(moved) as i64;
    step.saturating_sub(moved).clamp(least, most)
}

/// The bin whose responses a time belongs to.
fn bin_at(bins: &[TimeBin], time: f64) -> usize {
    bins.partition_point(|bin| bin.to < time)
}

/// Numbers in bands between their own quantiles, anything else as it is.
fn levels_of<'v>(values: impl Iterator<Item = &'v str>) -> Levels {
    let values: Vec<&str> = values.collect();
    let distinct: BTreeSet<&str> = values.iter().copied().collect();
    let numbers: Option<Vec<f64>> =
        values.iter().map(|value| value.parse().ok().filter(|number: &f64| number.is_finite())).collect();
    match numbers {
        Some(mut numbers) if distinct.len() > NAMES_MAX => {
            numbers.sort_unstable_by(f64::total_cmp);
            let edge = |band: usize| numbers.get(band * numbers.len() / BANDS).copied();
            let mut edges: Vec<f64> = (1..BANDS).filter_map(edge).collect();
            edges.dedup_by(|one, next| one.total_cmp(next).is_eq());
            Levels::Bands(edges)
        }
        _ => Levels::Names(distinct.into_iter().map(String::from).collect()),
    }
}
