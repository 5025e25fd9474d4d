//! Curves against what they are made of: contributions, editions, what scores are expected to be.

use std::collections::{BTreeMap, BTreeSet};

use aftercare_core::documents::CurveRules;

use crate::actual::{Actual, ActualContribution, ActualEdition, Point, Step};
use crate::reference::{Comparison, Expected, ExpectedScore, Series, days};

use super::{Violation, violation};

/// Each edition is published once, says what a batch over the contributions before the boundaries says, and there is no
/// other.
pub const EDITIONS_EQUAL_CONTRIBUTIONS: &str = "EditionsEqualContributions";
/// What was added to curves and not taken out again is the index of each score that stands, once.
pub const CONTRIBUTIONS_EQUAL_SCORES: &str = "ContributionsEqualScores";

const DAY_MS: i64 = 86_400_000;

/// What of one curve was added and not taken out, up to some sequence of each source.
type Points<'a> = BTreeMap<&'a Series, Vec<&'a Point>>;

/// By source the last sequence that counts.
type Sources = BTreeMap<i32, u64>;

fn points<'a>(contributions: &'a [ActualContribution], until: &dyn Fn(i32) -> u64) -> Points<'a> {
    let mut counts: BTreeMap<&Point, i64> = BTreeMap::new();
    for contribution in contributions.iter().filter(|c| c.sequence <= until(c.source)) {
        match &contribution.step {
            Step::Add(point) => *counts.entry(point).or_default() += 1,
            Step::Take(point) => *counts.entry(point).or_default() -= 1,
            Step::Boundary(_) => {}
        }
    }
    let mut points = Points::new();
    for (point, count) in counts {
        for _ in 0..count {
            points.entry(&point.series).or_default().push(point);
        }
    }
    points
}

pub(super) fn check_contributions(expected: &Expected, actual: &Actual) -> Vec<Violation> {
    let Some(contributions) = &actual.contributions else { return Vec::new() };
    let wrong = |what: &str, at: &str| violation(CONTRIBUTIONS_EQUAL_SCORES, what, at);
    let mut violations = Vec::new();
    let mut last: Sources = BTreeMap::new();
    for contribution in contributions {
        let before = last.insert(contribution.source, contribution.sequence).unwrap_or(0);
        if contribution.sequence != before + 1 {
            violations.push(wrong("a source's sequence has a gap or a repeat", "contribution"));
        }
    }
    let points = points(contributions, &|_| u64::MAX);
    let mut standing: BTreeMap<&str, Vec<&Point>> = BTreeMap::new();
    for point in points.values().flatten() {
        standing.entry(&point.score_id).or_default().push(point);
    }
    for (id, comparison) in expected.comparisons.iter().filter(|(_, comparison)| comparison.bin.is_some()) {
        let index = expected.scores.get(id).and_then(|score| score.index).unwrap_or(f64::NAN);
        let same = |point: &&Point| {
            let hundredths = f64::from(i32::try_from(point.index_hundredths).unwrap_or(i32::MAX));
            point.series == comparison.series
                && point.levels == comparison.levels
                && Some(point.bin) == comparison.bin
                && (index * 100.0 - hundredths).abs() < 0.500_001
        };
        match standing.remove(id.as_str()).as_deref() {
            Some([point]) if same(point) => {}
            Some([_]) => violations.push(wrong("a contribution differs from its score", id)),
            Some(_) => violations.push(wrong("a score is contributed more than once", id)),
            None => violations.push(wrong("a score is not contributed", id)),
        }
    }
    for id in standing.keys() {
        violations.push(wrong("a contribution stands without its score", id));
    }
    violations
}

/// The periods that every source has ended, each with what of each source precedes its boundary.
fn ended(contributions: &[ActualContribution]) -> Vec<(i64, Sources)> {
    let mut boundaries: BTreeMap<i32, Vec<(i64, u64)>> = BTreeMap::new();
    for contribution in contributions {
        let of_source = boundaries.entry(contribution.source).or_default();
        if let Step::Boundary(end) = contribution.step {
            of_source.push((end, contribution.sequence));
        }
    }
    let ends: BTreeSet<i64> = boundaries.values().flatten().map(|(end, _)| *end).collect();
    let mut periods = Vec::new();
    for end in ends {
        let cut = |(source, of_source): (&i32, &Vec<(i64, u64)>)| {
            of_source.iter().find(|(later, _)| *later >= end).map(|(_, sequence)| (*source, *sequence))
        };
        let cuts: Option<Sources> = boundaries.iter().map(cut).collect();
        periods.extend(cuts.map(|cuts| (end, cuts)));
    }
    periods
}

pub(super) fn check_editions(expected: &Expected, actual: &Actual) -> Vec<Violation> {
    let Some(contributions) = &actual.contributions else { return Vec::new() };
    let wrong = |what: &str, at: &str| violation(EDITIONS_EQUAL_CONTRIBUTIONS, what, at);
    let (mut violations, mut due) = (Vec::new(), BTreeMap::new());
    for (end, sources) in ended(contributions) {
        for (series, points) in points(contributions, &|source| sources.get(&source).copied().unwrap_or(0)) {
            let Some(rules) = expected.curve_rules.get(&(series.1.clone(), series.2.clone())) else {
                continue;
            };
            for edition in editions_of(series, &points, rules, end, &sources) {
                due.insert((edition.edition.clone(), edition.cohort.clone(), series.clone()), edition);
            }
        }
    }
    for have in &actual.editions {
        let at = format!("{} {} {}", have.edition, have.cohort, have.series.1);
        match due.remove(&(have.edition.clone(), have.cohort.clone(), have.series.clone())) {
            None => violations.push(wrong("an edition is published twice, or holds what it should not", &at)),
            Some(want) if want != *have => violations.push(wrong("an edition differs from its batch", &at)),
            Some(_) => {}
        }
    }
    for (edition, cohort, series) in due.keys() {
        violations.push(wrong("an edition is missing", &format!("{edition} {cohort} {}", series.1)));
    }
    violations
}

fn editions_of(
    series: &Series,
    points: &[&Point],
    rules: &CurveRules,
    period_end: i64,
    sources: &Sources,
) -> Vec<ActualEdition> {
    let mut cohorts: BTreeMap<Vec<&str>, BTreeMap<i32, Vec<i64>>> = BTreeMap::new();
    for point in points {
        for depth in 0..=point.levels.len() {
            let levels = point.levels[..depth].iter().map(String::as_str).collect();
            cohorts.entry(levels).or_default().entry(point.bin).or_default().push(point.index_hundredths);
        }
    }
    let name = |levels: &[&str]| [&[series.0.as_str()], levels].concat().join("/");
    let last_day = jiff::Timestamp::from_millisecond(period_end - 1).expect("a time of this age");
    let month = last_day.to_zoned_datetime(jiff::tz::TimeZone::UTC).strftime("%Y-%m").to_string();
    let edition = |(levels, bins): (Vec<&str>, BTreeMap<i32, Vec<i64>>)| ActualEdition {
        edition: format!("{}@{month}", series.0),
        cohort: name(&levels),
        parent: levels.split_last().map(|(_, above)| name(above)),
        series: series.clone(),
        effective_from: period_end + i64::from(rules.lead_days) * DAY_MS,
        period_end,
        prior_n: rules.prior_n,
        bins: bins.into_iter().map(|(bin, indices)| bin_of(bin, indices, rules)).collect(),
        sources: sources
            .iter()
            .map(|(source, last)| (*source, i64::try_from(*last).expect("small")))
            .collect(),
    };
    cohorts.into_iter().map(edition).collect()
}

fn bin_of(bin: i32, mut indices: Vec<i64>, rules: &CurveRules) -> aftercare_schemas::wire::CurveBin {
    indices.sort_unstable();
    let at = usize::try_from(bin).expect("bins are counted from 0");
    let enough = indices.len() >= usize::try_from(rules.quantile_n_min).expect("at least 1");
    let rank = |percent: usize| indices[(indices.len() * percent).div_ceil(100).max(1) - 1];
    let quantiles_hundredths = if enough { [5, 25, 50, 75, 95].map(rank).to_vec() } else { Vec::new() };
    aftercare_schemas::wire::CurveBin {
        bin,
        from_day: rules.bin_edges_days[at],
        to_day: rules.bin_edges_days[at + 1],
        n: i64::try_from(indices.len()).expect("few"),
        sum_hundredths: indices.iter().sum(),
        sum_squares: indices.iter().map(|index| index * index).sum(),
        quantiles_hundredths,
    }
}

/// What scores must be compared with, from the published editions' names and sources and from all contributions.
pub(super) struct Judge<'a> {
    expected: &'a Expected,
    actual: &'a Actual,
    /// By edition: what it holds.
    held: BTreeMap<&'a str, Points<'a>>,
}

impl<'a> Judge<'a> {
    pub(super) fn new(expected: &'a Expected, actual: &'a Actual) -> Self {
        let mut held = BTreeMap::new();
        for edition in &actual.editions {
            held.entry(&*edition.edition).or_insert_with(|| {
                let sources: BTreeMap<i32, i64> = edition.sources.iter().copied().collect();
                let last = |source: i32| sources.get(&source).and_then(|last| u64::try_from(*last).ok());
                points(actual.contributions.as_deref().unwrap_or_default(), &|source| {
                    last(source).unwrap_or(0)
                })
            });
        }
        Self { expected, actual, held }
    }

    /// The fields of a score that say what it is compared with, where they are not what they must be.
    pub(super) fn differences(
        &self,
        id: &str,
        want: &ExpectedScore,
        have: &ExpectedScore,
    ) -> Vec<&'static str> {
        let comparison = self.expected.comparisons.get(id);
        let judged = comparison.and_then(|comparison| self.judge(comparison, want));
        let (mut forecast, mut forecast_sd) = (None, None);
        if let Some((comparison, (says, _, edition))) = comparison.zip(judged.as_ref())
            && let Some((deviation, share)) = self.personal(comparison, want, edition)
        {
            forecast = says.sd.map(|sd| (says.mean + sd * deviation) / 100.0);
            forecast_sd = says.sd.map(|sd| sd * share / 100.0);
        }
        let (index, sd, n, cohort, edition) = match judged {
            Some((says, cohort, edition)) => (
                Some(says.mean / 100.0),
                says.sd.map(|sd| sd / 100.0),
                Some(says.n),
                Some(cohort),
                Some(&*edition.edition),
            ),
            None => (None, None, None, None, None),
        };
        let fields = [
            ("expected differs", super::scores::same(index, have.expected)),
            ("expected_sd differs", super::scores::same(sd, have.expected_sd)),
            ("forecast differs", super::scores::same(forecast, have.forecast)),
            ("forecast_sd differs", super::scores::same(forecast_sd, have.forecast_sd)),
            ("expected_n differs", n == have.expected_n),
            ("cohort differs", cohort == have.cohort),
            ("curve_edition differs", edition == have.curve_edition.as_deref()),
        ];
        fields.into_iter().filter(|(_, same)| !same).map(|(what, _)| what).collect()
    }

    fn judge(
        &self,
        comparison: &Comparison,
        score: &ExpectedScore,
    ) -> Option<(Says, String, &'a ActualEdition)> {
        let in_force = self.actual.editions.iter().filter(|edition| {
            edition.series == comparison.series
                && edition.parent.is_none()
                && edition.effective_from <= score.answered_at
        });
        let edition = in_force.max_by_key(|edition| edition.effective_from)?;
        let blend = self.says_at(comparison, score, edition, (comparison.since_ms, comparison.bin))?;
        let procedure = std::slice::from_ref(&comparison.series.0);
        let cohort = [procedure, &comparison.levels[..blend.depth]].concat().join("/");
        Some((blend, cohort, edition))
    }

    /// What the edition says of the patient's cohort so long after the treatment.
    fn says_at(
        &self,
        comparison: &Comparison,
        score: &ExpectedScore,
        edition: &ActualEdition,
        (since_ms, bin): (i64, Option<i32>),
    ) -> Option<Says> {
        let bin = bin?;
        let key = (comparison.series.1.clone(), comparison.series.2.clone());
        let rules = self.expected.curve_rules.get(&key)?;
        let middle = |bin: i32| {
            let at = usize::try_from(bin).ok()?;
            let (from, to) = (rules.bin_edges_days.get(at)?, rules.bin_edges_days.get(at + 1)?);
            Some((f64::from(*from) + f64::from(*to)) / 2.0)
        };
        let since = days(since_ms);
        let next = if since >= middle(bin)? { bin + 1 } else { bin - 1 };
        let of_others = |point: &&&Point| {
            let patient = || self.actual.scores.get(&point.score_id).map(|score| &score.patient_id);
            [bin, next].contains(&point.bin) && patient() != Some(&score.patient_id)
        };
        let points = self.held.get(&*edition.edition)?.get(&comparison.series)?;
        let others: Vec<&Point> = points.iter().filter(of_others).copied().collect();
        let prior = f64::from(edition.prior_n);
        let here = says(&others, &comparison.levels, bin, prior)?;
        let mut blend = here;
        if let Some((there, at)) = says(&others, &comparison.levels, next, prior).zip(middle(next)) {
            let share = (since - middle(bin)?) / (at - middle(bin)?);
            blend.mean = here.mean * (1.0 - share) + there.mean * share;
            if let Some((one, other)) = here.sd.zip(there.sd) {
                blend.sd = Some(one * (1.0 - share) + other * share);
            }
        }
        Some(blend)
    }

    /// What the patient's earlier indices say: how many standard deviations off the next one is expected, and which
    /// share of the standard deviation stays. By the conditional normal distribution: with R the correlations of the
    /// earlier ones and r theirs with the next, r' R^-1 z and 1 - r' R^-1 r.
    fn personal(
        &self,
        comparison: &Comparison,
        score: &ExpectedScore,
        edition: &ActualEdition,
    ) -> Option<(f64, f64)> {
        let personal = comparison.personal?;
        let mut earlier = Vec::new();
        for one in &comparison.earlier {
            let says = self.says_at(comparison, score, edition, (one.since_ms, one.bin));
            if let Some((mean, sd)) = says.and_then(|says| Some((says.mean, says.sd.filter(|sd| *sd > 0.0)?)))
            {
                earlier.push((days(one.since_ms), (one.index * 100.0 - mean) / sd));
            }
        }
        if earlier.is_empty() {
            return None;
        }
        let shared = |one: f64, other: f64| {
            personal.lasting + personal.fading * (-(one - other).abs() / personal.fading_days).exp()
        };
        let row = |(nth, (at, _)): (usize, &(f64, f64))| {
            let others = earlier.iter().enumerate();
            others.map(|(other, (then, _))| if other == nth { 1.0 } else { shared(*at, *then) }).collect()
        };
        let correlations: Vec<Vec<f64>> = earlier.iter().enumerate().map(row).collect();
        let with_next: Vec<f64> =
            earlier.iter().map(|(at, _)| shared(*at, comparison.since_days())).collect();
        let weights = solved(correlations, with_next.clone());
        let deviation = weights.iter().zip(&earlier).map(|(weight, (_, z))| weight * z).sum();
        let known: f64 = weights.iter().zip(&with_next).map(|(weight, r)| weight * r).sum();
        Some((deviation, (1.0 - known).max(0.0).sqrt()))
    }
}

/// The x of A x = b, by elimination; A is positive definite.
fn solved(mut a: Vec<Vec<f64>>, mut b: Vec<f64>) -> Vec<f64> {
    for pivot in 0..b.len() {
        let (above, below) = a.split_at_mut(pivot + 1);
        let pivot_row = &above[pivot];
        for (n, row) in below.iter_mut().enumerate() {
            let factor = row[pivot] / pivot_row[pivot];
            row.iter_mut().zip(pivot_row).for_each(|(own, of_pivot)| *own -= factor * of_pivot);
            b[pivot + 1 + n] -= factor * b[pivot];
        }
    }
    for row in (0..b.len()).rev() {
        let rest: f64 = (row + 1..b.len()).map(|column| a[row][column] * b[column]).sum();
        b[row] = (b[row] - rest) / a[row][row];
    }
    b
}

#[derive(Clone, Copy)]
struct Says {
    mean: f64,
    sd: Option<f64>,
    n: u32,
    depth: usize,
}

/// The mean of a bin with its standard deviation, from the procedure down to the narrowest cohort with responses.
fn says(points: &[&Point], levels: &[String], bin: i32, prior: f64) -> Option<Says> {
    let mut found: Option<Says> = None;
    for depth in 0..=levels.len() {
        let within = |point: &&&Point| point.bin == bin && point.levels.starts_with(&levels[..depth]);
        let indices: Vec<f64> = points
            .iter()
            .filter(within)
            .map(|point| f64::from(i32::try_from(point.index_hundredths).unwrap_or(i32::MAX)))
            .collect();
        let count = u32::try_from(indices.len()).ok()?;
        let n = f64::from(count);
        if count == 0 {
            break;
        }
        let own: f64 = indices.iter().sum::<f64>() / n;
        let apart = |mean: f64| indices.iter().map(|index| (index - mean) * (index - mean)).sum::<f64>();
        found = Some(match found {
            None => {
                let sd = (count > 1).then(|| (apart(own) / (n - 1.0)).sqrt());
                Says { mean: own, sd, n: count, depth }
            }
            Some(above) => {
                let mean = (n * own + prior * above.mean) / (n + prior);
                let spread = |sd: f64| sd * sd + (above.mean - mean) * (above.mean - mean);
                let sd = above.sd.map(|sd| ((apart(mean) + prior * spread(sd)) / (n + prior)).sqrt());
                Says { mean, sd, n: count, depth }
            }
        });
    }
    found
}
