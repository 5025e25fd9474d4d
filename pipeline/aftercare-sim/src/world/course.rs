//! How a patient fares, and what that patient answers.

use aftercare_schemas::wire::{Answer, Form};

use crate::rng::Rng;

/// Health over time, 0 worst to 1 best.
#[derive(Clone, Copy, Debug)]
pub(super) struct Course {
    before: f64,
    gain: f64,
    /// Days until 63 % of the gain.
    pace_days: f64,
    /// When a relapse begins, how deep it goes and how many days it takes.
    relapse: Option<(f64, f64, f64)>,
    /// How much mood lies above or below the body's state.
    mood: f64,
}

impl Course {
    /// `frailty` of 0 is an average patient, 1 a frail one.
    pub(super) fn draw(rng: &mut Rng, frailty: f64) -> Self {
        let before = (0.48 - 0.04 * frailty + 0.13 * rng.normal()).clamp(0.1, 0.85);
        let no_benefit = rng.permille(70);
        let share = (0.62 - 0.06 * frailty + 0.14 * rng.normal()).clamp(0.1, 0.95);
        let gain = if no_benefit { 0.05 * rng.normal() } else { (1.0 - before) * share };
        let pace_days = 20.0 + 40.0 * rng.unit();
        let relapses = rng.permille(110);
        let relapse = (40.0 + 200.0 * rng.unit(), 0.2 + 0.25 * rng.unit(), 20.0 + 40.0 * rng.unit());
        Self { before, gain, pace_days, relapse: relapses.then_some(relapse), mood: 0.08 * rng.normal() }
    }

    /// Health so many days after the treatment (negative: before), 0 to 1.
    pub(super) fn health(&self, days: f64) -> f64 {
        if days < 0.0 {
            return self.before;
        }
        let mut health = self.before + self.gain * (1.0 - libm::exp(-days / self.pace_days));
        if let Some((begins, depth, takes)) = self.relapse {
            health -= depth * ((days - begins) / takes).clamp(0.0, 1.0);
        }
        health.clamp(0.02, 1.0)
    }

    /// How many days after the treatment a relapse begins, if one does.
    pub(super) fn relapse_day(&self) -> Option<f64> {
        self.relapse.map(|(begins, ..)| begins)
    }

    /// The forms of one upload: SAQ-7, EQ-5D-5L, PHQ-2 and Rose Dyspnea.
    pub(super) fn forms(&self, days: f64, rng: &mut Rng) -> Vec<Form<'static>> {
        let today = (self.health(days) + 0.05 * rng.normal()).clamp(0.0, 1.0);
        let mood = (today + self.mood).clamp(0.0, 1.0);
        let better = |rng: &mut Rng, health: f64, top: i32| 1 + level(rng, health, top - 1);
        let worse = |rng: &mut Rng, health: f64, top: i32| 1 + level(rng, 1.0 - health, top - 1);
        let mut saq = Vec::with_capacity(7);
        saq.extend(["pl_a", "pl_b", "pl_c"].map(|item| answer(item, better(rng, today, 5))));
        saq.extend(["af_2", "af_3"].map(|item| answer(item, better(rng, today + 0.1, 6))));
        saq.extend(["ql_4", "ql_5"].map(|item| answer(item, better(rng, today - 0.05, 5))));
        if rng.permille(40) {
            // Limited for other reasons.
            saq[2].code = Some(6);
        }
        let mut eq: Vec<_> =
            ["mo", "sc", "ua", "pd"].map(|item| answer(item, worse(rng, today + 0.12, 5))).into();
        eq.push(answer("ad", worse(rng, mood + 0.1, 5)));
        let phq = ["phq2_1", "phq2_2"].map(|item| answer(item, level(rng, 0.9 - mood, 3)));
        let rose = [("rose_1", 0.75), ("rose_2", 0.6), ("rose_3", 0.45), ("rose_4", 0.3)];
        let rose = rose.map(|(item, enough)| answer(item, i32::from(today + 0.08 * rng.normal() < enough)));
        let mut forms = vec![
            form("saq-7", saq),
            form("eq-5d-5l", eq),
            form("phq-2", phq.into()),
            form("rose-dyspnea", rose.into()),
        ];
        leave_gaps(&mut forms, rng);
        forms
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
    (f64::from(top) * share + 0.45 * rng.normal()).round().clamp(0.0, f64::from(top)) as i32
}

fn answer(item: &'static str, code: i32) -> Answer<'static> {
    Answer { item, code: Some(code) }
}

fn form(instrument: &'static str, answers: Vec<Answer<'static>>) -> Form<'static> {
    Form { instrument, instrument_version: None, answers }
}
