//! How a patient fares.

use crate::rng::Rng;

use super::adverse::Adverse;
use super::treatment::Facts;

/// Days until the operation itself is mostly forgotten.
const DIP_DAYS: f64 = 12.0;

/// Health over time, 0 worst to 1 best.
#[derive(Clone, Copy, Debug)]
pub(super) struct Course {
    before: f64,
    gain: f64,
    /// Days until 63 % of the gain.
    pace_days: f64,
    dip: f64,
    /// The treatment helped.
    pub(super) benefit: bool,
    pub(super) adverse: Option<Adverse>,
    /// How much mood lies above or below the body's state.
    mood: f64,
}

impl Course {
    /// `frailty` of 0 is an average patient, 1 a frail one.
    pub(super) fn draw(facts: &Facts, adverse: Option<Adverse>, rng: &mut Rng, frailty: f64) -> Self {
        let before = (facts.before - 0.03 * frailty + 0.065 * rng.normal()).clamp(0.15, 0.8);
        let benefit = !rng.permille(70);
        let share = (facts.gain_share - 0.04 * frailty + 0.09 * rng.normal()).clamp(0.1, 0.95);
        let gain = if benefit { (1.0 - before) * share } else { 0.05 * rng.normal() };
        let pace_days = facts.pace_days.0 + facts.pace_days.1 * rng.unit();
        Self { before, gain, pace_days, dip: facts.dip, benefit, adverse, mood: 0.08 * rng.normal() }
    }

    /// Health so many days after the treatment (negative: before), 0 to 1.
    pub(super) fn health(&self, days: f64) -> f64 {
        if days < 0.0 {
            return self.before;
        }
        let gained = self.gain * (1.0 - libm::exp(-days / self.pace_days));
        let dip = self.dip * libm::exp(-days / DIP_DAYS);
        let harm = self.adverse.map_or(0.0, |adverse| adverse.harm(days));
        (self.before + gained - dip - harm).clamp(0.02, 1.0)
    }

    /// Mood of a patient who feels `health`, 0 to 1.
    pub(super) fn mood(&self, health: f64, days: f64) -> f64 {
        let gloom = self.adverse.map_or(0.0, |adverse| adverse.gloom(days));
        (health + self.mood - gloom).clamp(0.0, 1.0)
    }
}
