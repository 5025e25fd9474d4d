//! Laboratory values: which are taken when, and what they show.

use crate::rng::Rng;

use super::profile::{Profile, purpose};
use super::treatment::Treatment;
use super::{DAY_MS, HOUR_MS};

/// What is measured in blood or urine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Assay {
    /// Level of the drug that protects a transplant, before the next dose.
    Tacrolimus,
    /// Albumin by creatinine in urine: diabetes and weak kidneys.
    UrineAlbumin,
    /// Transcript of chronic myeloid leukaemia, international scale.
    BcrAbl,
}

/// One sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Sample {
    pub(super) assay: Assay,
    pub(super) number: u32,
    pub(super) sampled_at: i64,
}

impl Assay {
    /// Code system, code, UCUM unit.
    pub(super) fn coded(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Tacrolimus => ("loinc", "11253-2", "ng/mL"),
            Self::UrineAlbumin => ("loinc", "9318-7", "mg/g"),
            Self::BcrAbl => ("aftercare", "bcr-abl", "%"),
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Tacrolimus => "tacrolimus",
            Self::UrineAlbumin => "urine-acr",
            Self::BcrAbl => "bcr-abl",
        }
    }

    /// Days after the treatment on which it is taken.
    fn days(self) -> impl Iterator<Item = i64> {
        let (weekly, then) = match self {
            Self::Tacrolimus => (3, 28),
            Self::UrineAlbumin | Self::BcrAbl => (0, 90),
        };
        let first = (0..weekly * 4).map(|week| 3 + 7 * week);
        let later = (0..).map(move |n| 5 + weekly * 28 + then * n).take_while(|day| *day < 366);
        first.chain(later)
    }
}

/// All samples of a patient.
pub(super) fn samples(profile: &Profile) -> impl Iterator<Item = Sample> {
    let taken = [
        (Assay::Tacrolimus, profile.treatment == Treatment::Transplant),
        (Assay::UrineAlbumin, profile.has("E11.9") || profile.has("N18.3")),
        (Assay::BcrAbl, profile.has("C92.1")),
    ];
    let morning = profile.midnight(profile.treated_at) + 8 * HOUR_MS;
    taken.into_iter().filter(|(_, needed)| *needed).flat_map(move |(assay, _)| {
        (0..).zip(assay.days()).map(move |(number, day)| {
            let sampled_at = morning + day * DAY_MS;
            Sample { assay, number, sampled_at }
        })
    })
}

/// What a sample shows, to two digits after the point.
pub(super) fn value(profile: &Profile, sample: Sample, seed: u64) -> f64 {
    let of_patient = |number: u64| {
        let labels = [purpose::LABORATORY, u64::from(profile.number), sample.assay as u64, number];
        Rng::new(seed, &labels)
    };
    let (patient, rng) = (&mut of_patient(0), &mut of_patient(u64::from(sample.number) + 1));
    let later = f64::from(sample.number);
    let value = match sample.assay {
        Assay::Tacrolimus => {
            let days = profile.days_at(sample.sampled_at);
            let missed = profile.course.adverse.is_some_and(|adverse| adverse.comes_of_missed_doses(days));
            let usual = if days < 90.0 { 8.5 } else { 6.8 };
            let level = if missed || rng.permille(15) { 2.6 } else { usual };
            (level + 0.9 * rng.normal()).max(0.8)
        }
        Assay::UrineAlbumin => {
            let (rises, start) = (patient.permille(180), 18.0 + 30.0 * patient.unit());
            let growth = if rises { libm::pow(1.7, later) } else { 1.0 };
            start * growth * libm::exp(0.12 * rng.normal())
        }
        Assay::BcrAbl => {
            let relapses = patient.permille(300);
            let level = if relapses && sample.number >= 3 { 0.5 } else { 0.03 };
            level * libm::exp(0.25 * rng.normal())
        }
    };
    (value * 100.0).round() / 100.0
}
