//! Who a simulated patient is: drawn once from the seed and the patient's number.

use crate::rng::Rng;

use super::course::Course;
use super::{DAY_MS, HOUR_MS, Settings};

/// Purposes of generators, so that no draw shifts another.
pub(super) mod purpose {
    pub(in crate::world) const PROFILE: u64 = 1;
    pub(in crate::world) const STORY: u64 = 2;
    pub(in crate::world) const ANSWERS: u64 = 3;
    pub(in crate::world) const WEAR: u64 = 4;
    pub(in crate::world) const BAD: u64 = 5;
}

/// A patient after a coronary stent.
#[derive(Clone, Debug)]
pub(super) struct Profile {
    pub(super) number: u32,
    pub(super) patient_id: String,
    pub(super) birth_year: i32,
    pub(super) sex: &'static str,
    pub(super) comorbidities: Vec<&'static str>,
    pub(super) organisation: &'static str,
    pub(super) care_team: &'static str,
    pub(super) clinician: &'static str,
    pub(super) device: &'static str,
    pub(super) manufacturer: &'static str,
    pub(super) time_zone: &'static str,
    /// When the enrolment was recorded.
    pub(super) enrolled_at: i64,
    pub(super) treated_at: i64,
    /// Every how many of 1000 questionnaires that are due get answered.
    pub(super) answers_permille: u32,
    pub(super) answers_by_proxy: bool,
    pub(super) wears: bool,
    pub(super) course: Course,
}

const DEVICES: [(&str, &str); 4] =
    [("stent-a1", "maker-a"), ("stent-a2", "maker-a"), ("stent-b1", "maker-b"), ("balloon-c1", "maker-c")];
const SITES: [(&str, &str, [&str; 3]); 3] = [
    ("hospital-1", "team-1", ["doctor-11", "doctor-12", "doctor-13"]),
    ("hospital-2", "team-2", ["doctor-21", "doctor-22", "doctor-23"]),
    ("hospital-3", "team-3", ["doctor-31", "doctor-32", "doctor-33"]),
];
const COMORBIDITIES: [(&str, u32); 4] = [("I10", 550), ("E11.9", 300), ("E78.5", 400), ("N18.3", 90)];
const ZONES: [&str; 8] = [
    "Asia/Shanghai",
    "Asia/Shanghai",
    "Asia/Shanghai",
    "Asia/Shanghai",
    "Asia/Shanghai",
    "Asia/Urumqi",
    "Europe/Berlin",
    "America/New_York",
];

impl Profile {
    pub(super) fn new(settings: &Settings, number: u32) -> Self {
        let rng = &mut Rng::new(settings.seed, &[purpose::PROFILE, u64::from(number)]);
        let patient_id = format!("p{:016x}", rng.bits());
        // Patients are treated over the first two thirds, so that most are followed for long.
        let admission = rng.between(0, (i64::from(settings.days) * 2 / 3).max(1));
        let enrolled_at = settings.start.0 + admission * DAY_MS + rng.between(0, 10 * HOUR_MS);
        let treated_at = enrolled_at + rng.between(3 * DAY_MS, 14 * DAY_MS);
        let age = (65.0 + 10.0 * rng.normal()).clamp(35.0, 90.0);
        let sex = if rng.permille(720) { "male" } else { "female" };
        let mut comorbidities = Vec::new();
        for (code, permille) in COMORBIDITIES {
            if rng.permille(permille) {
                comorbidities.push(code);
            }
        }
        let (device, manufacturer) = rng.pick(&DEVICES);
        let (organisation, care_team, clinicians) = rng.pick(&SITES);
        let frailty = (age - 65.0) / 10.0 + if comorbidities.len() > 1 { 1.0 } else { 0.0 };
        Self {
            number,
            patient_id,
            birth_year: birth_year(enrolled_at, age),
            sex,
            comorbidities,
            organisation,
            care_team,
            clinician: rng.pick(&clinicians),
            device,
            manufacturer,
            time_zone: rng.pick(&ZONES),
            enrolled_at,
            treated_at,
            answers_permille: rng.pick(&[960, 900, 850, 700, 450]),
            answers_by_proxy: rng.permille(60),
            wears: rng.permille(settings.wearers_permille),
            course: Course::draw(rng, frailty),
        }
    }

    pub(super) fn episode_id(&self, episode: u32) -> String {
        format!("{}-e{episode}", self.patient_id)
    }
}

#[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "a year, and well in range")]
fn birth_year(at: i64, age: f64) -> i32 {
    (1970.0 + at as f64 / (365.25 * DAY_MS as f64) - age).floor() as i32
}
