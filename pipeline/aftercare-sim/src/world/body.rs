//! A patient's body as devices see it: each vital sign with its day's rhythm, and what an adverse event does to it.

use aftercare_schemas::wire::Metric;

use crate::rng::Rng;

use super::adverse::Shift;
use super::profile::{Profile, purpose};
use super::treatment::Treatment;
use super::{DAY_MS, Settings};

/// Resting values of one patient.
pub(super) struct Body<'a> {
    profile: &'a Profile,
    heart_rate: f64,
    systolic: f64,
    oxygen: f64,
    weight: f64,
    /// How many of 1000 doses are taken.
    takes_permille: u32,
}

/// Sensors fail in their ways.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    None,
    /// One value again and again.
    Stuck,
    /// Single values far out.
    Spikes,
    /// A cold finger: too little oxygen.
    Cold,
}

impl<'a> Body<'a> {
    pub(super) fn new(profile: &'a Profile, settings: &Settings) -> Self {
        let rng = &mut Rng::new(settings.seed, &[purpose::DEVICE, u64::from(profile.number)]);
        let pressed = if profile.has("I10") { 8.0 } else { 0.0 };
        Self {
            profile,
            heart_rate: 66.0 + 7.0 * rng.normal(),
            systolic: 120.0 + pressed + 7.0 * rng.normal(),
            oxygen: if profile.has_copd() { 90.5 } else { 97.0 } + 0.5 * rng.normal(),
            weight: if profile.sex == "male" { 74.0 } else { 64.0 } + 9.0 * rng.normal(),
            takes_permille: rng.pick(&[995, 990, 980, 965, 850]),
        }
    }

    /// The local time of day, 0 at midnight to below 1.
    #[allow(clippy::cast_precision_loss, reason = "days in ms are exact")]
    pub(super) fn time_of_day(&self, at: i64) -> f64 {
        (at - self.profile.midnight(at)) as f64 / DAY_MS as f64
    }

    fn strain(&self, at: i64) -> f64 {
        self.profile.course.adverse.map_or(0.0, |adverse| adverse.strain(self.profile.days_at(at)))
    }

    /// A value as it would be measured now, at the device's resolution.
    pub(super) fn measure(&self, metric: Metric, at: i64, fault: Fault, rng: &mut Rng) -> f64 {
        let strain = self.strain(at);
        let shift = self.profile.course.adverse.map(|adverse| adverse.vitals());
        let moved = |of: fn(&Shift) -> f64| shift.as_ref().map_or(0.0, |s| of(s) * strain);
        // Lowest at four in the morning, highest at four in the afternoon.
        let rhythm = libm::sin(std::f64::consts::TAU * (self.time_of_day(at) - 5.0 / 12.0));
        match metric {
            Metric::HeartRate => {
                let effort = if rng.permille(60) { 35.0 * rng.unit() } else { 0.0 };
                let spike = if fault == Fault::Spikes && rng.permille(80) { 110.0 } else { 0.0 };
                let noise =
                    if fault == Fault::Stuck { 0.0 } else { effort + 2.5 * rng.normal() + 7.0 * rhythm };
                (self.heart_rate + noise + moved(|s| s.heart_rate) + spike).round().clamp(32.0, 240.0)
            }
            Metric::OxygenSaturation => {
                let cold = if fault == Fault::Cold { -18.0 * rng.unit() } else { 0.0 };
                (self.oxygen + 0.9 * rng.normal() + moved(|s| s.oxygen) + cold).round().clamp(60.0, 100.0)
            }
            Metric::RespirationRate => {
                (14.5 + rhythm + 1.2 * rng.normal() + moved(|s| s.respiration)).round()
            }
            Metric::BodyTemperature => {
                tenths(36.6 + 0.25 * rhythm + 0.12 * rng.normal() + moved(|s| s.temperature))
            }
            Metric::SystolicPressure => {
                let surge = if rng.permille(10) { 52.0 } else { 0.0 };
                (self.systolic + 4.0 * rhythm + 5.0 * rng.normal() + moved(|s| s.systolic) + surge).round()
            }
            Metric::DiastolicPressure => {
                let moved = 0.4 * moved(|s| s.systolic);
                (0.62 * self.systolic + 2.0 * rhythm + 3.5 * rng.normal() + moved).round()
            }
            Metric::BodyWeight => tenths(self.weight + 0.3 * rng.normal() + moved(|s| s.weight)),
            Metric::BloodGlucose => tenths(7.6 + 1.3 * rng.normal().abs()),
            Metric::SupplementalOxygen => 2.0 * one_if(moved(|s| s.oxygen) < -2.0),
            Metric::Consciousness => {
                one_if(strain > 0.85 && moved(|s| s.temperature) > 1.0 && rng.permille(200))
            }
            _ => self.count(metric, at, strain, rng),
        }
    }

    /// What is counted over a time: steps, minutes of sleep, doses.
    fn count(&self, metric: Metric, at: i64, strain: f64, rng: &mut Rng) -> f64 {
        let days = self.profile.days_at(at);
        match metric {
            Metric::Steps => {
                let awake = one_if((0.25..0.92).contains(&self.time_of_day(at)));
                (awake * 260.0 * self.profile.course.health(days) * rng.unit() * (1.0 - 0.6 * strain)).round()
            }
            Metric::SleepDuration => (415.0 + 45.0 * rng.normal() - 90.0 * strain).round().clamp(60.0, 720.0),
            Metric::DosesTaken => {
                let adverse = self.profile.course.adverse;
                let missing = adverse.is_some_and(|adverse| adverse.comes_of_missed_doses(days));
                one_if(rng.permille(if missing { 550 } else { self.takes_permille }))
            }
            _ => 1.0,
        }
    }

    /// Drugs for life are counted.
    pub(super) fn counts_doses(&self) -> bool {
        self.profile.treatment == Treatment::Transplant
    }
}

fn one_if(holds: bool) -> f64 {
    if holds { 1.0 } else { 0.0 }
}

fn tenths(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}
