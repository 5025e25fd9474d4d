//! Editions: what all contributions up to the end of a period say, cohort by cohort.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::cohort::Cohort;
use super::counts::{Counts, Moments};
use crate::documents::CurveRules;
use crate::time::{Instant, Millis};

/// The quantiles that are published, in per cent.
const QUANTILES_PERCENT: [u32; 5] = [5, 25, 50, 75, 95];

/// The narrowest cohort of a contribution, and of what it is an index. Every cohort above it follows.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Leaf {
    /// The cohort.
    pub cohort: Cohort,
    /// The instrument, or `composite`.
    pub instrument: Box<str>,
    /// The plan of a composite.
    pub plan: Option<Box<str>>,
}

/// The responses of one cohort in one bin of time since treatment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bin {
    /// Its number.
    pub bin: u16,
    /// Days (of 24 h) since treatment from which it goes.
    pub from_day: i32,
    /// Days to which it goes, excluded.
    pub to_day: i32,
    /// n, sum and sum of squares.
    pub moments: Moments,
    /// Quantiles 5, 25, 50, 75 and 95 % in hundredths of a point; empty where n does not allow.
    pub quantiles_hundredths: Vec<i64>,
}

/// What the curves of one edition have in common.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edition {
    /// Its name, `{procedure}@{month}`.
    pub name: Arc<str>,
    /// The end of the period whose contributions it holds, excluded.
    pub period_end: Instant,
    /// By source partition the last sequence that it holds.
    pub sources: Arc<[(i32, u64)]>,
}

/// One cohort's curve of one instrument (or plan's composite) in one edition. It never changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CohortCurve {
    /// The edition.
    pub edition: Edition,
    /// The procedure.
    pub procedure: Arc<str>,
    /// The cohort's name.
    pub cohort: Arc<str>,
    /// The cohort from which it borrows; `None`: it is the procedure itself.
    pub parent: Option<Arc<str>>,
    /// The instrument, or `composite`.
    pub instrument: Arc<str>,
    /// The plan of a composite.
    pub plan: Option<Arc<str>>,
    /// Answers from here on are judged by it.
    pub effective_from: Instant,
    /// How many responses of the parent's mean are mixed in.
    pub prior_n: u32,
    /// The bins that have responses, in order.
    pub bins: Vec<Bin>,
}

impl Edition {
    /// The name of a procedure's edition of the period that ends at `period_end`.
    pub fn name_of(procedure: &str, period_end: Instant) -> String {
        let last_day = period_end.saturating_sub(Millis(1)).day_utc();
        format!("{procedure}@{}", crate::month::Month::of_day(i64::from(last_day)))
    }
}

/// By instrument and plan, by depth (deepest first) and cohort, by bin.
type Tree<'c> = BTreeMap<(&'c str, Option<&'c str>), BTreeMap<(std::cmp::Reverse<usize>, &'c str), Bins>>;
type Bins = BTreeMap<u16, Counts>;

/// The curves of one procedure's edition from its counts, each given with its leaf and bin, in any order. Of one
/// instrument every cohort comes before the one it borrows from, the procedure itself last: whoever has read that one
/// has read all. Instruments without rules, and bins that the rules do not have, are left out.
pub fn build<'c, 'r>(
    procedure: &str,
    edition: &Edition,
    rules: impl Fn(&str, Option<&str>) -> Option<&'r CurveRules>,
    counts: impl Iterator<Item = (&'c Leaf, u16, &'c Counts)>,
) -> Vec<CohortCurve> {
    let mut tree = Tree::new();
    for (leaf, bin, counts) in counts {
        let cohorts = tree.entry((&leaf.instrument, leaf.plan.as_deref())).or_default();
        for depth in 0..=leaf.cohort.depth() {
            let bins = cohorts.entry((std::cmp::Reverse(depth), leaf.cohort.name(depth))).or_default();
            bins.entry(bin).or_default().merge(counts);
        }
    }
    let procedure: Arc<str> = procedure.into();
    let mut curves = Vec::new();
    for ((instrument, plan), cohorts) in tree {
        let Some(rules) = rules(instrument, plan) else { continue };
        let (instrument, plan): (Arc<str>, Option<Arc<str>>) = (instrument.into(), plan.map(Arc::from));
        for ((std::cmp::Reverse(depth), cohort), bins) in cohorts {
            let parent = cohort.rfind('/').filter(|_| depth > 0).and_then(|end| cohort.get(..end));
            curves.push(CohortCurve {
                edition: edition.clone(),
                procedure: procedure.clone(),
                cohort: cohort.into(),
                parent: parent.map(Arc::from),
                instrument: instrument.clone(),
                plan: plan.clone(),
                effective_from: edition.period_end.saturating_add(Millis::days(i64::from(rules.lead_days))),
                prior_n: u32::try_from(rules.prior_n).unwrap_or(0),
                bins: bins.iter().filter_map(|(bin, counts)| bin_of(*bin, counts, rules)).collect(),
            });
        }
    }
    curves
}

fn bin_of(bin: u16, counts: &Counts, rules: &CurveRules) -> Option<Bin> {
    let (from_day, to_day) = rules.days_of(bin)?;
    let moments = counts.moments();
    if moments.n <= 0 {
        return None;
    }
    let enough = moments.n >= i128::from(rules.quantile_n_min);
    let quantiles = QUANTILES_PERCENT.iter().filter(|_| enough);
    let quantiles_hundredths = quantiles.filter_map(|percent| counts.quantile(*percent)).collect();
    Some(Bin { bin, from_day, to_day, moments, quantiles_hundredths })
}
