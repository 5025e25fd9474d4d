//! CURVE.json: a curve as a document that a person can read. Everything in it follows from the file it was made of, and
//! the same file gives the same bytes.

use std::collections::BTreeMap;
use std::path::Path;

use aftercare_core::curve::Counts;
use aftercare_core::curve::history::{Covariate, HistoryCurve, Lattice, Levels, Surprises, TimeBin};
use aftercare_core::curve::personal::Coherence;
use anyhow::{Context, bail};
use serde::{Deserialize, Serialize};

const FORMAT: &str = "aftercare-curve";
const VERSION: u32 = 1;

/// All but the cohorts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Head {
    format: String,
    version: u32,
    /// The columns of the file it was made of.
    pub(crate) subject: String,
    pub(crate) time: String,
    /// The unit of all times here.
    pub(crate) time_unit: String,
    pub(crate) value: String,
    /// The quantiles that are asked of it.
    pub(crate) quantiles: Vec<f64>,
    pub(crate) subjects: u64,
    pub(crate) responses: u64,
    /// Values are counted in steps of 10^-decimals.
    decimals: u8,
    /// What narrows cohorts, from the widest level down.
    covariates: Vec<Narrowing>,
    /// How many responses of its parent are mixed into a cohort.
    prior_n: u32,
    /// How the deviations of one subject hang together.
    coherence: Hangs,
    /// Quantiles (0.01, 0.025, 0.05, 0.1, 0.2 to 0.9 by 0.1, 0.95, 0.975, 0.99) of how responses come out beside what
    /// the subject's earlier ones let expect, in standard deviations; none: the normal ones.
    surprises: Vec<f64>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Narrowing {
    name: String,
    /// Edges of the bands of a number, the first and the last of which are open.
    #[serde(skip_serializing_if = "Option::is_none")]
    bands: Option<Vec<f64>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    levels: Option<Vec<String>>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Hangs {
    lasting: f64,
    fading: f64,
    /// In the unit of time of the curve.
    fading_time: f64,
}

#[derive(Deserialize)]
struct Whole {
    #[serde(flatten)]
    head: serde_json::Map<String, serde_json::Value>,
    cohorts: Vec<Cohort>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Cohort {
    /// The number of its level in each covariate, and in words.
    levels: Vec<u16>,
    name: String,
    bins: Vec<Bin>,
}

/// The responses of a cohort in a bin of time. `n`, `mean` and `sd` are for the reader: they follow from the counts.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Bin {
    from: f64,
    to: f64,
    centre: f64,
    slope: f64,
    n: u64,
    mean: f64,
    sd: f64,
    /// Each value and how many reported it.
    counts: Vec<(f64, u64)>,
}

impl Head {
    /// The head of a curve that was made of these columns.
    pub(super) fn of(curve: &HistoryCurve, from: &super::fit::Args, subjects: u64, responses: u64) -> Head {
        let narrowing = |covariate: &Covariate| match &covariate.levels {
            Levels::Bands(edges) => {
                Narrowing { name: covariate.name.clone(), bands: Some(edges.clone()), levels: None }
            }
            Levels::Names(names) => {
                Narrowing { name: covariate.name.clone(), bands: None, levels: Some(names.clone()) }
            }
        };
        Head {
            format: FORMAT.into(),
            version: VERSION,
            subject: from.columns.subject.clone(),
            time: from.columns.time.clone(),
            time_unit: from.unit.clone().unwrap_or_else(|| from.columns.time.clone()),
            value: from.value.clone(),
            quantiles: from.columns.quantiles.clone(),
            subjects,
            responses,
            decimals: curve.lattice.decimals(),
            covariates: curve.covariates.iter().map(narrowing).collect(),
            prior_n: curve.prior_n,
            coherence: Hangs {
                lasting: curve.coherence.lasting,
                fading: curve.coherence.fading,
                fading_time: curve.coherence.fading_days,
            },
            surprises: curve.surprises.quantiles().collect(),
        }
    }

    /// The names of the covariates' columns.
    pub(crate) fn covariates(&self) -> Vec<String> {
        self.covariates.iter().map(|covariate| covariate.name.clone()).collect()
    }
}

/// The document, each bin on a line of its own.
pub(super) fn write(head: &Head, curve: &HistoryCurve) -> anyhow::Result<String> {
    let mut text = serde_json::to_string_pretty(head)?;
    text.truncate(text.trim_end_matches(['\n', '}']).len());
    text.push_str(",\n  \"cohorts\": [");
    let mut cohorts = Vec::new();
    for (levels, counts) in &curve.cohorts {
        let (names, levels) =
            (serde_json::to_string(&curve.name_of(levels))?, serde_json::to_string(levels)?);
        let mut bins = Vec::new();
        for (bin, counts) in curve.bins.iter().zip(counts).filter(|(_, counts)| !counts.is_empty()) {
            bins.push(serde_json::to_string(&bin_of(bin, counts, curve.lattice))?);
        }
        let bins = bins.join(",\n      ");
        cohorts.push(format!(
            "\n    {{\"levels\": {levels}, \"name\": {names}, \"bins\": [\n      {bins}\n    ]}}"
        ));
    }
    text.push_str(&cohorts.join(","));
    text.push_str("\n  ]\n}\n");
    Ok(text)
}

fn bin_of(bin: &TimeBin, counts: &Counts, lattice: Lattice) -> Bin {
    let moments = counts.moments();
    let n = moments.n as f64;
    let squares = (moments.n * moments.squares - moments.sum * moments.sum) as f64;
    Bin {
        from: bin.from,
        to: bin.to,
        centre: bin.centre,
        slope: bin.slope,
        n: counts.iter().map(|(_, times)| times).sum(),
        mean: lattice.value_of(moments.sum as f64 / n),
        sd: lattice.value_of((squares / (n * (n - 1.0).max(1.0))).sqrt()),
        counts: counts.iter().map(|(step, times)| (lattice.value_of(step as f64), times)).collect(),
    }
}

/// Reads a document.
pub(crate) fn read(path: &Path) -> anyhow::Result<(Head, HistoryCurve)> {
    let name = path.display();
    let text = std::fs::read_to_string(path).with_context(|| format!("read {name}"))?;
    parse(&text).with_context(|| format!("{name} is no curve that can be used"))
}

fn parse(text: &str) -> anyhow::Result<(Head, HistoryCurve)> {
    let whole: Whole = serde_json::from_str(text)?;
    let head: Head = serde_json::from_value(serde_json::Value::Object(whole.head))?;
    if head.format != FORMAT || head.version != VERSION {
        bail!("it is {} version {}, not {FORMAT} version {VERSION}", head.format, head.version);
    }
    let lattice = Lattice::new(head.decimals).context("decimals are not 0 to 12")?;
    let coherence = Coherence {
        lasting: head.coherence.lasting,
        fading: head.coherence.fading,
        fading_days: head.coherence.fading_time,
    };
    if !coherence.is_sound() {
        bail!(
            "coherence: shares are not within 0 and 1, or together above 1, or the fading time is not above 0"
        );
    }
    let surprises =
        Surprises::new(&head.surprises).context("surprises are not 15 ascending numbers, or none")?;
    let all = whole
        .cohorts
        .iter()
        .find(|cohort| cohort.levels.is_empty())
        .context("the cohort of all is missing")?;
    let bins: Vec<TimeBin> = all
        .bins
        .iter()
        .map(|bin| TimeBin { from: bin.from, to: bin.to, centre: bin.centre, slope: bin.slope })
        .collect();
    let ascend = bins.iter().all(|bin| bin.from <= bin.centre && bin.centre <= bin.to)
        && bins.is_sorted_by(|one, next| one.to < next.from);
    if bins.is_empty() || !ascend {
        bail!("the bins of time of all do not ascend");
    }
    let mut cohorts = BTreeMap::new();
    for cohort in &whole.cohorts {
        cohorts.insert(cohort.levels.clone(), counts_of(cohort, &bins, lattice)?);
    }
    let covariates = head.covariates.iter().map(covariate_of).collect::<anyhow::Result<_>>()?;
    let curve =
        HistoryCurve { lattice, covariates, bins, cohorts, prior_n: head.prior_n, coherence, surprises };
    Ok((head, curve))
}

fn counts_of(cohort: &Cohort, bins: &[TimeBin], lattice: Lattice) -> anyhow::Result<Vec<Counts>> {
    let mut counts = vec![Counts::default(); bins.len()];
    for bin in &cohort.bins {
        let at = bins.iter().position(|known| known.from.total_cmp(&bin.from).is_eq());
        let counts = at.and_then(|at| counts.get_mut(at));
        let counts = counts
            .with_context(|| format!("{}: the cohort of all has no bin from {}", cohort.name, bin.from))?;
        for (value, times) in &bin.counts {
            let step = lattice.step_of(*value).ok().with_context(|| format!("{value} can't be counted"))?;
            counts.add_many(step, *times);
        }
        let n: u64 = bin.counts.iter().map(|(_, times)| times).sum();
        if n != bin.n || n == 0 {
            bail!("{}, bin from {}: n is {}, but {n} are counted", cohort.name, bin.from, bin.n);
        }
    }
    Ok(counts)
}

fn covariate_of(narrowing: &Narrowing) -> anyhow::Result<Covariate> {
    let levels = match (&narrowing.bands, &narrowing.levels) {
        (Some(edges), None) if edges.is_sorted() => Levels::Bands(edges.clone()),
        (None, Some(names)) => Levels::Names(names.clone()),
        _ => bail!("covariate {}: neither ascending bands nor levels", narrowing.name),
    };
    Ok(Covariate { name: narrowing.name.clone(), levels })
}
