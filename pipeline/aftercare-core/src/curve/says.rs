//! Mean and spread of a cohort in one bin of time, each level borrowing from the one above.

use super::counts::Moments;

/// What a cohort says in one bin, in steps of the lattice (hundredths of a point for an index).
#[derive(Clone, Copy, Debug)]
pub(super) struct Says {
    pub(super) mean: f64,
    pub(super) variance: Option<f64>,
    /// Of the narrowest cohort that has responses.
    pub(super) n: i128,
    pub(super) depth: usize,
}

impl Says {
    pub(super) fn of_root(moments: Moments) -> Says {
        let Moments { n, sum, squares } = moments;
        let variance = (n > 1).then(|| (n * squares - sum * sum) as f64 / (n * (n - 1)) as f64);
        Says { mean: sum as f64 / n as f64, variance, n, depth: 0 }
    }

    /// The child with these moments, mixed with its parent.
    pub(super) fn narrowed(self, moments: Moments, depth: usize, prior_n: u32) -> Says {
        let Moments { n, sum, squares } = moments;
        let (weight, prior) = (n as f64, f64::from(prior_n));
        let own_mean = sum as f64 / weight;
        let mean = (weight * own_mean + prior * self.mean) / (weight + prior);
        let own_variance = (n * squares - sum * sum) as f64 / (n * n) as f64;
        let apart = own_mean - self.mean;
        let variance = self.variance.map(|parent| {
            let within = (weight * own_variance + prior * parent) / (weight + prior);
            within + weight * prior * apart * apart / ((weight + prior) * (weight + prior))
        });
        Says { mean, variance, n, depth }
    }
}
