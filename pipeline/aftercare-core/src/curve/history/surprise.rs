//! How responses come out beside what the patient's own earlier ones let expect.

use crate::curve::normal::{share, z_of};
use crate::curve::personal::Deviation;

/// Fewer surprises than this have no shape of their own.
const SURPRISES_MIN: usize = 40;
/// The shares whose quantiles make the shape.
pub(super) const SHARES: [f64; 15] =
    [0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.975, 0.99];

/// The shape of surprises: (deviation - its expected mean) / its expected standard deviation. Were they normal, as the
/// model has it, their quantiles would be the normal ones. Real ones are narrower in the middle with longer tails, and
/// move to one side where patients leave the registry because they do badly.
#[derive(Clone, Debug, PartialEq)]
pub struct Surprises {
    /// Normal deviations, ascending, each with the surprise of the same share.
    knots: Vec<(f64, f64)>,
}

impl Surprises {
    /// Surprises of which nothing is known: normal ones.
    pub fn normal() -> Surprises {
        Surprises { knots: Vec::new() }
    }

    /// The shape with these quantiles of the shares 0.01, 0.025, 0.05, 0.1, 0.2 and so on to 0.9, 0.95, 0.975, 0.99;
    /// none: normal. `None` where it is another number of them, or they do not ascend.
    pub fn new(quantiles: &[f64]) -> Option<Surprises> {
        let is_shape = quantiles.len() == SHARES.len()
            && quantiles.is_sorted()
            && quantiles.iter().all(|quantile| quantile.is_finite());
        let knots = SHARES.iter().map(|at| z_of(*at)).zip(quantiles.iter().copied());
        (quantiles.is_empty() || is_shape).then(|| Surprises { knots: knots.collect() })
    }

    /// The quantiles that make the shape; none: normal.
    pub fn quantiles(&self) -> impl Iterator<Item = f64> {
        self.knots.iter().map(|(_, surprise)| *surprise)
    }

    /// The shape of these.
    pub(super) fn of(mut surprises: Vec<f64>) -> Surprises {
        if surprises.len() < SURPRISES_MIN {
            return Surprises::normal();
        }
        surprises.sort_unstable_by(f64::total_cmp);
        let last = surprises.len() - 1;
        let quantiles = SHARES.map(|at| {
            let rank = (at * (surprises.len() as f64 + 1.0) - 1.0).clamp(0.0, last as f64);
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a rank, clamped")]
            let below = rank as usize;
            let pair = surprises.get(below).zip(surprises.get((below + 1).min(last)));
            pair.map_or(0.0, |(one, next)| one + (rank - below as f64) * (next - one))
        });
        Surprises::new(&quantiles).unwrap_or_else(Surprises::normal)
    }

    /// The share of all patients that lies below the share `at` of those who deviate as given.
    pub(super) fn share_given(&self, deviation: &Deviation, at: f64) -> f64 {
        let surprise = along(z_of(at), self.knots.iter().copied());
        share(deviation.mean + deviation.sd * surprise)
    }

    /// The share of those who deviate as given that lies below a deviation.
    pub(super) fn share_below(&self, deviation: &Deviation, z: f64) -> f64 {
        let surprise = (z - deviation.mean) / deviation.sd.max(1e-9);
        share(along(surprise, self.knots.iter().map(|(normal, surprise)| (*surprise, *normal))))
    }
}

/// Straight lines through the knots, beyond them with a slope of 1.
fn along(at: f64, knots: impl Iterator<Item = (f64, f64)>) -> f64 {
    let mut before: Option<(f64, f64)> = None;
    for (x, y) in knots {
        if at <= x {
            return match before {
                Some((x0, y0)) if x > x0 => y0 + (at - x0) / (x - x0) * (y - y0),
                Some((_, y0)) => y0,
                None => y + (at - x),
            };
        }
        before = Some((x, y));
    }
    before.map_or(at, |(x, y)| y + (at - x))
}
