//! Who a simulated patient is: drawn once from the seed and the patient's number.

use crate::rng::Rng;

use super::adverse::Adverse;
use super::course::Course;
use super::treatment::{Facts, Treatment};
use super::{DAY_MS, HOUR_MS, Settings};

/// Purposes of generators, so that no draw shifts another.
pub(super) mod purpose {
    pub(in crate::world) const PROFILE: u64 = 1;
    pub(in crate::world) const STORY: u64 = 2;
    pub(in crate::world) const ANSWERS: u64 = 3;
    pub(in crate::world) const DEVICE: u64 = 4;
    pub(in crate::world) const BAD: u64 = 5;
    pub(in crate::world) const ADVERSE: u64 = 6;
    pub(in crate::world) const LABORATORY: u64 = 7;
    pub(in crate::world) const SESSION: u64 = 8;
}

/// A patient.
#[derive(Clone, Debug)]
pub(super) struct Profile {
    pub(super) number: u32,
    pub(super) patient_id: String,
    pub(super) treatment: Treatment,
    pub(super) birth_year: i32,
    pub(super) sex: &'static str,
    pub(super) comorbidities: Vec<&'static str>,
    pub(super) organisation: &'static str,
    pub(super) care_team: &'static str,
    pub(super) clinician: &'static str,
    /// Device and manufacturer, where something stays in the body.
    pub(super) device: Option<(&'static str, &'static str)>,
    pub(super) vip: bool,
    pub(super) pays_self: bool,
    pub(super) time_zone: &'static str,
    /// The zone's standard time ahead of UTC, ms: good enough for habits.
    pub(super) zone_ms: i64,
    /// When the enrolment was recorded.
    pub(super) enrolled_at: i64,
    pub(super) treated_at: i64,
    /// Every how many of 1000 questionnaires that are due get answered.
    pub(super) answers_permille: u32,
    /// Days after the treatment from which on the patient answers no more.
    pub(super) gives_up_days: Option<i64>,
    pub(super) answers_by_proxy: bool,
    pub(super) wears: bool,
    pub(super) measures_at_home: bool,
    pub(super) course: Course,
}

const ZONES: [(&str, i64); 8] = [
    ("Asia/Shanghai", 8),
    ("Asia/Shanghai", 8),
    ("Asia/Shanghai", 8),
    ("Asia/Shanghai", 8),
    ("Asia/Shanghai", 8),
    ("Asia/Urumqi", 6),
    ("Europe/Berlin", 1),
    ("America/New_York", -5),
];
/// A lung disease with which less oxygen in the blood is normal.
const COPD: &str = "J44.9";

impl Profile {
    pub(super) fn new(settings: &Settings, number: u32) -> Self {
        let rng = &mut Rng::new(settings.seed, &[purpose::PROFILE, u64::from(number)]);
        let patient_id = format!("p{:016x}", rng.bits());
        // Patients are treated over the first two thirds, so that most are followed for long.
        let admission = rng.between(0, (i64::from(settings.days) * 2 / 3).max(1));
        let enrolled_at = settings.start.0 + admission * DAY_MS + rng.between(0, 10 * HOUR_MS);
        let treated_at = enrolled_at + rng.between(3 * DAY_MS, 14 * DAY_MS);
        let treatment = Treatment::of(u32::try_from(rng.between(0, 1000)).expect("below 1000"));
        let facts = treatment.facts();
        let age = (facts.age.0 + facts.age.1 * rng.normal()).clamp(19.0, 90.0);
        let sex = if rng.permille(facts.male_permille) { "male" } else { "female" };
        let comorbidities = comorbidities(facts, rng);
        let device = (!facts.devices.is_empty()).then(|| rng.pick(facts.devices));
        let (organisation, care_team, clinicians) = rng.pick(facts.sites);
        let (time_zone, zone_hours) = rng.pick(&ZONES);
        let frailty = (age - facts.age.0) / facts.age.1 + if comorbidities.len() > 1 { 1.0 } else { 0.0 };
        let adverse = Rng::new(settings.seed, &[purpose::ADVERSE, u64::from(number)]);
        let adverse = Adverse::draw(treatment, &mut { adverse });
        // Whoever takes drugs for life is asked about them.
        let at_home = settings.home_permille * if treatment == Treatment::Transplant { 4 } else { 1 };
        Self {
            number,
            patient_id,
            treatment,
            birth_year: birth_year(enrolled_at, age),
            sex,
            comorbidities,
            organisation,
            care_team,
            clinician: rng.pick(clinicians),
            device,
            vip: rng.permille(45),
            pays_self: rng.permille(400),
            time_zone,
            zone_ms: zone_hours * HOUR_MS,
            enrolled_at,
            treated_at,
            answers_permille: rng.pick(&[960, 900, 850, 700, 450]),
            gives_up_days: rng.permille(80).then(|| rng.between(40, 300)),
            answers_by_proxy: rng.permille(60),
            wears: rng.permille(settings.wearers_permille),
            measures_at_home: rng.permille(at_home),
            course: Course::draw(facts, adverse, rng, frailty),
        }
    }

    pub(super) fn episode_id(&self, episode: u32) -> String {
        format!("{}-e{episode}", self.patient_id)
    }

    /// Days from the treatment to a moment; negative before it.
    #[allow(clippy::cast_precision_loss, reason = "a few hundred days in ms are exact")]
    pub(super) fn days_at(&self, at: i64) -> f64 {
        (at - self.treated_at) as f64 / DAY_MS as f64
    }

    /// When the adverse event strikes, if there will be one.
    #[allow(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        reason = "a few hundred days in ms"
    )]
    pub(super) fn onset_at(&self) -> Option<i64> {
        let adverse = self.course.adverse?;
        Some(self.treated_at + (adverse.onset_days * DAY_MS as f64) as i64)
    }

    /// Whether the patient lies in hospital for the adverse event.
    pub(super) fn is_in_hospital(&self, at: i64) -> bool {
        self.course.adverse.zip(self.onset_at()).is_some_and(|(adverse, onset)| {
            adverse.kind.is_stay() && (onset..onset + adverse.stay_days * DAY_MS).contains(&at)
        })
    }

    pub(super) fn has_copd(&self) -> bool {
        self.has(COPD)
    }

    pub(super) fn has(&self, comorbidity: &str) -> bool {
        self.comorbidities.contains(&comorbidity)
    }

    /// The local midnight at or before a moment.
    pub(super) fn midnight(&self, at: i64) -> i64 {
        (at + self.zone_ms).div_euclid(DAY_MS) * DAY_MS - self.zone_ms
    }
}

fn comorbidities(facts: &Facts, rng: &mut Rng) -> Vec<&'static str> {
    let mut drawn = Vec::new();
    for (code, permille) in facts.comorbidities {
        if rng.permille(*permille) {
            drawn.push(*code);
        }
    }
    drawn
}

#[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "a year, and well in range")]
fn birth_year(at: i64, age: f64) -> i32 {
    (1970.0 + at as f64 / (365.25 * DAY_MS as f64) - age).floor() as i32
}
