//! Whether a curve is right about patients whom it never saw.

use super::{Evaluator, HistoryCurve, LatticeError, Response, fit};
use crate::curve::personal::Course;

/// The figures of a cross-validation.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Calibration {
    /// Responses that were judged.
    pub judged: u64,
    /// Responses of which the curve says nothing.
    pub unjudged: u64,
    /// For each share asked, what lay below.
    pub tails: Vec<Tail>,
    /// The same of the forecasts from the patient's own earlier responses.
    pub personal_tails: Vec<Tail>,
    /// Of what is expected of all, over the responses that have earlier ones.
    pub population: Errors,
    /// Of what is expected given the patient's earlier responses, over the same.
    pub personal: Errors,
}

/// How many responses lay below a quantile.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Tail {
    /// The share asked for.
    pub share: f64,
    /// Responses less than the quantile.
    pub less: u64,
    /// Responses not more than it.
    pub not_more: u64,
    /// All.
    pub n: u64,
}

/// How far expectations were from what came.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Errors {
    n: u64,
    absolute: f64,
    squares: f64,
}

impl Errors {
    fn take(&mut self, error: f64) {
        self.n += 1;
        self.absolute += error.abs();
        self.squares += error * error;
    }

    /// Responses.
    pub fn n(&self) -> u64 {
        self.n
    }

    /// The mean absolute error.
    pub fn mean_absolute(&self) -> f64 {
        self.absolute / self.n as f64
    }

    /// The root of the mean squared error.
    pub fn root_mean_square(&self) -> f64 {
        libm::sqrt(self.squares / self.n as f64)
    }
}

impl Tail {
    fn take(&mut self, value: f64, quantile: f64) {
        self.n += 1;
        self.less += u64::from(value < quantile);
        self.not_more += u64::from(value <= quantile);
    }
}

/// The fold of a patient, from the name alone.
pub fn fold_of(subject: &str, folds: u32) -> u32 {
    u32::try_from(xxhash_rust::xxh3::xxh3_64(subject.as_bytes()) % u64::from(folds.max(1))).unwrap_or(0)
}

/// Judges each response by the curve of those whose patient is in another of the folds. `fold` says in which fold a
/// patient is.
///
/// # Errors
/// Where a score can't be counted.
pub fn calibrate(
    responses: &[Response],
    names: &[String],
    shares: &[f64],
    folds: u32,
    fold: impl Fn(u32) -> u32,
) -> Result<Calibration, LatticeError> {
    let tails = || shares.iter().map(|share| Tail { share: *share, ..Tail::default() }).collect();
    let mut found = Calibration { tails: tails(), personal_tails: tails(), ..Calibration::default() };
    let least_tail = shares.iter().map(|share| share.min(1.0 - share)).fold(0.5, f64::min);
    for part in 0..folds {
        let (held, seen): (Vec<Response>, Vec<Response>) =
            responses.iter().cloned().partition(|response| fold(response.subject) == part);
        match fit(&seen, names, least_tail)? {
            Some(curve) => judge(&mut found, &curve, held),
            None => found.unjudged += held.len() as u64,
        }
    }
    Ok(found)
}

fn judge(found: &mut Calibration, curve: &HistoryCurve, mut held: Vec<Response>) {
    let evaluator = Evaluator::new(curve);
    held.sort_by(|one, other| one.subject.cmp(&other.subject).then(one.time.total_cmp(&other.time)));
    for responses in held.chunk_by(|one, other| one.subject == other.subject) {
        let mut course = Course::of(&curve.coherence);
        let mut has_earlier = false;
        for response in responses {
            let levels = curve.levels_of(response.characteristics.iter().map(Option::as_deref));
            let Some(there) = evaluator.at(&levels, response.time) else {
                found.unjudged += 1;
                continue;
            };
            found.judged += 1;
            for tail in &mut found.tails {
                tail.take(response.value, there.quantile(tail.share));
            }
            if has_earlier {
                let deviation = course.expect(response.time);
                found.population.take(response.value - there.mean());
                found.personal.take(response.value - there.moments_given(&deviation).0);
                for tail in &mut found.personal_tails {
                    tail.take(response.value, there.quantile_given(&deviation, tail.share));
                }
            }
            if let Some(z) = there.deviation_of(response.value) {
                course.observe(response.time, z);
                has_earlier = true;
            }
        }
    }
}
