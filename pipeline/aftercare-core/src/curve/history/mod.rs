//! Curves of a registry's history: from the responses of past patients, with any time and any score, to what is expected
//! of the next one. They are made as the editions of the running system are: exact counts per cohort and bin of time,
//! each cohort borrowing from the one above it, straight lines between the bins.

mod calibration;
mod coherence;
mod cut;
mod evaluate;
mod fit;
mod lattice;
mod surprise;

use std::collections::BTreeMap;

use super::counts::Counts;
use super::personal::Coherence;

pub use calibration::{Calibration, Errors, Tail, calibrate, fold_of};
pub use evaluate::{AtTime, Evaluator};
pub use fit::fit;
pub use lattice::{Lattice, LatticeError};
pub use surprise::Surprises;

/// How many responses of the parent are mixed into a cohort: with ten times as many of its own, it stands alone.
pub const PRIOR_N: u32 = 30;

/// One response of a past patient.
#[derive(Clone, Debug, PartialEq)]
pub struct Response {
    /// The number of the patient.
    pub subject: u32,
    /// The time since treatment, in the unit of the file, from 0.
    pub time: f64,
    /// The score.
    pub value: f64,
    /// What is known of the patient, one for each covariate.
    pub characteristics: Vec<Option<Box<str>>>,
}

/// A characteristic that narrows the cohort; each further one narrows it by one level more.
#[derive(Clone, Debug, PartialEq)]
pub struct Covariate {
    /// The name of its column.
    pub name: String,
    /// How its values make levels.
    pub levels: Levels,
}

/// The levels of a covariate.
#[derive(Clone, Debug, PartialEq)]
pub enum Levels {
    /// Bands of a number, from one of these edges to the next; the first and the last are open.
    Bands(Vec<f64>),
    /// The values themselves.
    Names(Vec<String>),
}

/// A bin of time since treatment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TimeBin {
    /// From here on,
    pub from: f64,
    /// up to here, included: the time of its last response.
    pub to: f64,
    /// The mean time of its responses, at which what it says holds exactly.
    pub centre: f64,
    /// Points per unit of time along which its responses were moved to the centre before they were counted; 0 where the
    /// score moves little within the bin, or many report the same.
    pub slope: f64,
}

/// The curve of a registry's history.
#[derive(Clone, Debug, PartialEq)]
pub struct HistoryCurve {
    /// How scores are counted.
    pub lattice: Lattice,
    /// What narrows cohorts, from the widest level down.
    pub covariates: Vec<Covariate>,
    /// The bins of time, the same for all cohorts.
    pub bins: Vec<TimeBin>,
    /// By levels (their number in each covariate, as far down as the cohort goes), counts per bin. The cohort of all
    /// has no levels.
    pub cohorts: BTreeMap<Vec<u16>, Vec<Counts>>,
    /// How many responses of its parent are mixed into a cohort.
    pub prior_n: u32,
    /// How the deviations of one patient hang together; times in the unit of the curve.
    pub coherence: Coherence,
    /// How responses come out beside what the patient's own earlier ones let expect.
    pub surprises: Surprises,
}

impl Covariate {
    /// The level of a value; `None` where it is missing, or none that the curve knows.
    pub fn level_of(&self, value: Option<&str>) -> Option<u16> {
        let value = value?;
        let level = match &self.levels {
            Levels::Bands(edges) => {
                let number = value.parse::<f64>().ok().filter(|number| number.is_finite())?;
                edges.partition_point(|edge| *edge <= number)
            }
            Levels::Names(names) => names.iter().position(|name| name == value)?,
        };
        u16::try_from(level).ok()
    }

    /// A level in words.
    fn name_of(&self, level: u16) -> String {
        let level = usize::from(level);
        match &self.levels {
            Levels::Names(names) => names.get(level).cloned().unwrap_or_default(),
            Levels::Bands(edges) => {
                let from = level.checked_sub(1).and_then(|at| edges.get(at));
                match (from, edges.get(level)) {
                    (None, Some(to)) => format!("below {to}"),
                    (Some(from), Some(to)) => format!("{from} to below {to}"),
                    (Some(from), None) => format!("{from} and above"),
                    (None, None) => String::from("any"),
                }
            }
        }
    }
}

impl HistoryCurve {
    /// The path of a patient's cohort, down to the first characteristic that is not known.
    pub fn levels_of<'c>(&self, characteristics: impl Iterator<Item = Option<&'c str>>) -> Vec<u16> {
        self.covariates.iter().zip(characteristics).map_while(|(one, value)| one.level_of(value)).collect()
    }

    /// The name of a cohort: its levels in words.
    pub fn name_of(&self, levels: &[u16]) -> String {
        let names = self.covariates.iter().zip(levels);
        let names: Vec<String> =
            names.map(|(one, level)| format!("{} {}", one.name, one.name_of(*level))).collect();
        if names.is_empty() { String::from("all") } else { names.join(", ") }
    }
}
