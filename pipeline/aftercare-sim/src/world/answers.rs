//! What a patient in some state of health answers.

use aftercare_schemas::wire::{Answer, Form};

use crate::rng::Rng;

use super::course::Course;
use super::treatment::Treatment;

const PHQ_9: [&str; 9] =
    ["phq9_1", "phq9_2", "phq9_3", "phq9_4", "phq9_5", "phq9_6", "phq9_7", "phq9_8", "phq9_9"];
const GAD_7: [&str; 7] = ["gad7_1", "gad7_2", "gad7_3", "gad7_4", "gad7_5", "gad7_6", "gad7_7"];
const OXFORD_HIP: [&str; 12] = [
    "ohs_1", "ohs_2", "ohs_3", "ohs_4", "ohs_5", "ohs_6", "ohs_7", "ohs_8", "ohs_9", "ohs_10", "ohs_11",
    "ohs_12",
];
const AFEQT: [&str; 20] = [
    "afeqt_1", "afeqt_2", "afeqt_3", "afeqt_4", "afeqt_5", "afeqt_6", "afeqt_7", "afeqt_8", "afeqt_9",
    "afeqt_10", "afeqt_11", "afeqt_12", "afeqt_13", "afeqt_14", "afeqt_15", "afeqt_16", "afeqt_17",
    "afeqt_18", "afeqt_19", "afeqt_20",
];
/// Below this mood thoughts of death come up.
const DARK_MOOD: f64 = 0.3;

/// A patient on the day of the answers.
struct Today<'a> {
    health: f64,
    mood: f64,
    rng: &'a mut Rng,
}

/// The forms of one upload.
pub(super) fn forms(treatment: Treatment, course: &Course, days: f64, rng: &mut Rng) -> Vec<Form<'static>> {
    let health = (course.health(days) + 0.035 * rng.normal()).clamp(0.0, 1.0);
    let mut today = Today { health, mood: course.mood(health, days), rng };
    let mut forms = match treatment {
        Treatment::Stent => vec![today.saq_7(), today.eq_5d(), today.phq_2(), today.rose_dyspnea()],
        Treatment::Ablation => vec![today.afeqt(), today.eq_5d(), today.phq_2()],
        Treatment::Hip => vec![today.oxford_hip(), today.eq_5d(), today.eq_vas()],
        Treatment::Transplant => vec![today.eq_5d(), today.phq_9(), today.gad_7()],
    };
    leave_gaps(&mut forms, rng);
    forms
}

impl Today<'_> {
    /// Codes from 1 to `top`, the highest the best.
    fn better(&mut self, health: f64, top: i32) -> i32 {
        1 + level(self.rng, health, top - 1)
    }

    /// Codes from 1 to `top`, the highest the worst.
    fn worse(&mut self, health: f64, top: i32) -> i32 {
        1 + level(self.rng, 1.0 - health, top - 1)
    }

    fn saq_7(&mut self) -> Form<'static> {
        let health = self.health;
        let mut answers = Vec::with_capacity(7);
        answers.extend(["pl_a", "pl_b", "pl_c"].map(|item| answer(item, self.better(health, 5))));
        answers.extend(["af_2", "af_3"].map(|item| answer(item, self.better(health + 0.1, 6))));
        answers.extend(["ql_4", "ql_5"].map(|item| answer(item, self.better(health - 0.05, 5))));
        if self.rng.permille(40) {
            // Limited for other reasons.
            answers[2].code = Some(6);
        }
        form("saq-7", answers)
    }

    fn eq_5d(&mut self) -> Form<'static> {
        let health = self.health;
        let mut answers: Vec<_> =
            ["mo", "sc", "ua", "pd"].map(|item| answer(item, self.worse(health + 0.12, 5))).into();
        answers.push(answer("ad", self.worse(self.mood + 0.1, 5)));
        form("eq-5d-5l", answers)
    }

    #[allow(clippy::cast_possible_truncation, reason = "clamped to 0 to 100")]
    fn eq_vas(&mut self) -> Form<'static> {
        let mark = 15.0 + 80.0 * self.health + 6.0 * self.rng.normal();
        form("eq-vas", vec![answer("vas", mark.round().clamp(0.0, 100.0) as i32)])
    }

    fn phq_2(&mut self) -> Form<'static> {
        let gloom = 0.8 - self.mood;
        form("phq-2", ["phq2_1", "phq2_2"].map(|item| answer(item, level(self.rng, gloom, 3))).into())
    }

    fn phq_9(&mut self) -> Form<'static> {
        let gloom = 0.85 - self.mood;
        let mut answers: Vec<_> = PHQ_9.map(|item| answer(item, level(self.rng, gloom, 3))).into();
        let dark = self.rng.unit() < 0.001 + 4.0 * (DARK_MOOD - self.mood).max(0.0);
        let often = i32::from(self.rng.permille(300));
        answers[8].code = Some(if dark { 1 + often } else { 0 });
        form("phq-9", answers)
    }

    fn gad_7(&mut self) -> Form<'static> {
        let worry = 0.8 - self.mood;
        form("gad-7", GAD_7.map(|item| answer(item, level(self.rng, worry, 3))).into())
    }

    fn oxford_hip(&mut self) -> Form<'static> {
        let health = self.health;
        form("oxford-hip", OXFORD_HIP.map(|item| answer(item, level(self.rng, health + 0.03, 4))).into())
    }

    fn afeqt(&mut self) -> Form<'static> {
        let health = self.health;
        form("afeqt", AFEQT.map(|item| answer(item, self.worse(health + 0.05, 7))).into())
    }

    fn rose_dyspnea(&mut self) -> Form<'static> {
        let items = [("rose_1", 0.75), ("rose_2", 0.6), ("rose_3", 0.45), ("rose_4", 0.3)];
        let answers = items
            .map(|(item, enough)| answer(item, i32::from(self.health + 0.08 * self.rng.normal() < enough)));
        form("rose-dyspnea", answers.into())
    }
}

/// Some answers are left out: not sent, or sent without a code.
fn leave_gaps(forms: &mut [Form<'static>], rng: &mut Rng) {
    for form in forms {
        if rng.permille(25) {
            let answers = i64::try_from(form.answers.len()).expect("a handful");
            let at = usize::try_from(rng.between(0, answers)).expect("not negative");
            if rng.permille(500) {
                form.answers.remove(at);
            } else {
                form.answers[at].code = None;
            }
        }
    }
}

/// A level from 0 to `top`, around `top * share`.
#[allow(clippy::cast_possible_truncation, reason = "clamped to a few levels")]
fn level(rng: &mut Rng, share: f64, top: i32) -> i32 {
    (f64::from(top) * share + 0.35 * rng.normal()).round().clamp(0.0, f64::from(top)) as i32
}

fn answer(item: &'static str, code: i32) -> Answer<'static> {
    Answer { item, code: Some(code) }
}

fn form(instrument: &'static str, answers: Vec<Answer<'static>>) -> Form<'static> {
    Form { instrument, instrument_version: None, answers }
}
