//! What happens to one patient, and when the records of it arrive.

use crate::rng::Rng;

use super::profile::{Profile, purpose};
use super::{DAY_MS, HOUR_MS, MINUTE_MS};

/// One record of a story.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Event {
    /// Arrival, ms.
    pub(super) at: i64,
    pub(super) what: What,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum What {
    /// The enrolment itself.
    Enrolled { device_known: bool },
    /// What became known, or changed, later.
    Learned(Learned),
    /// The treatment took place.
    Treated,
    /// Back in hospital, for so many days.
    Readmitted { since: i64, days: i64 },
    /// An upload; slot 0 is the baseline.
    Upload(Upload),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Learned {
    /// The device, in a record of its own.
    Device,
    /// The treatment took place on another day: a second revision of the enrolment.
    OtherDay,
    /// Another clinician from then on.
    Clinician,
    /// A second treatment.
    SecondEpisode,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Upload {
    pub(super) slot: u32,
    pub(super) answered_at: i64,
    pub(super) uploaded_at: i64,
    /// 1 as answered, 2 corrected.
    pub(super) revision: i32,
    pub(super) withdrawn: bool,
}

/// Questionnaires are due every so many days after the treatment.
const SLOT_DAYS: i64 = 14;
const SLOTS: u32 = 26;

/// A patient's story, in order of arrival.
#[derive(Clone, Debug)]
pub(super) struct Story {
    pub(super) profile: Profile,
    pub(super) events: Vec<Event>,
    /// By how much the second enrolment revision moves the treatment, ms.
    pub(super) moved_by: i64,
    pub(super) second_treated_at: Option<i64>,
}

impl Story {
    pub(super) fn new(profile: Profile, seed: u64) -> Self {
        let rng = &mut Rng::new(seed, &[purpose::STORY, u64::from(profile.number)]);
        let mut story =
            Self { profile, events: Vec::with_capacity(48), moved_by: 0, second_treated_at: None };
        story.enrol(rng);
        story.clinical_events(rng);
        for slot in 0..=SLOTS {
            story.questionnaire(slot, rng);
        }
        story.events.sort_unstable();
        story
    }

    fn enrol(&mut self, rng: &mut Rng) {
        let (enrolled_at, treated_at) = (self.profile.enrolled_at, self.profile.treated_at);
        // A few hospitals send their lists days later: the first upload comes before its enrolment.
        let late = if rng.permille(50) { rng.between(DAY_MS, 6 * DAY_MS) } else { rng.between(200, 5_000) };
        let device_known = !rng.permille(300);
        self.push(enrolled_at + late, What::Enrolled { device_known });
        if !device_known {
            let at = treated_at.max(enrolled_at + late) + rng.between(HOUR_MS, 3 * DAY_MS);
            self.push(at, What::Learned(Learned::Device));
        }
        if rng.permille(60) {
            self.moved_by = rng.between(-2, 4) * DAY_MS;
            let at = treated_at.max(enrolled_at + late) + rng.between(4 * DAY_MS, 40 * DAY_MS);
            self.push(at, What::Learned(Learned::OtherDay));
        }
        if rng.permille(80) {
            let at = treated_at + rng.between(30 * DAY_MS, 200 * DAY_MS);
            self.push(at, What::Learned(Learned::Clinician));
        }
        if rng.permille(30) {
            let again_at = treated_at + rng.between(80 * DAY_MS, 200 * DAY_MS);
            self.second_treated_at = Some(again_at);
            self.push(again_at + rng.between(HOUR_MS, DAY_MS), What::Learned(Learned::SecondEpisode));
        }
    }

    fn clinical_events(&mut self, rng: &mut Rng) {
        let treated_at = self.profile.treated_at;
        let reported_at = treated_at + rng.between(HOUR_MS, 2 * DAY_MS);
        self.push(reported_at, What::Treated);
        if rng.permille(40) {
            self.push(reported_at + rng.between(HOUR_MS, DAY_MS), What::Treated);
        }
        if let Some(day) = self.profile.course.relapse_day()
            && rng.permille(400)
        {
            let since = treated_at + whole_days(day + 30.0) * DAY_MS;
            let days = rng.between(2, 9);
            self.push(since + days * DAY_MS + rng.between(HOUR_MS, DAY_MS), What::Readmitted { since, days });
        }
    }

    fn questionnaire(&mut self, slot: u32, rng: &mut Rng) {
        let p = &self.profile;
        let (enrolled_at, treated_at) = (p.enrolled_at, p.treated_at);
        let answers = rng.permille(p.answers_permille.max(if slot == 0 { 930 } else { 0 }));
        let answered_at = if slot == 0 {
            rng.between(enrolled_at + HOUR_MS, treated_at - 6 * HOUR_MS)
        } else {
            let due = treated_at + i64::from(slot) * SLOT_DAYS * DAY_MS;
            due + rng.between(-3 * DAY_MS, 5 * DAY_MS)
        };
        let uploaded_at = answered_at + offline(rng);
        let upload = Upload { slot, answered_at, uploaded_at, revision: 1, withdrawn: false };
        let at = uploaded_at + rng.between(30, 3_000);
        let (copies, fate) = (rng.permille(40), rng.between(0, 1000));
        let (again, later) = (rng.between(1_000, 2 * DAY_MS), rng.between(MINUTE_MS, 20 * DAY_MS));
        if !answers {
            return;
        }
        self.push(at, What::Upload(upload));
        if copies {
            self.push(at + again, What::Upload(upload));
        }
        let second = Upload { revision: 2, uploaded_at: uploaded_at + later, ..upload };
        match fate {
            0..30 => self.push(at + later, What::Upload(second)),
            // The correction overtakes what it corrects.
            30..34 => self.push(at - 20, What::Upload(Upload { uploaded_at: uploaded_at - 20, ..second })),
            34..44 => self.push(at + later, What::Upload(Upload { withdrawn: true, ..second })),
            _ => {}
        }
    }

    fn push(&mut self, at: i64, what: What) {
        self.events.push(Event { at, what });
    }
}

/// How long an upload waits on the phone: mostly seconds, sometimes days.
fn offline(rng: &mut Rng) -> i64 {
    match rng.between(0, 1000) {
        0..900 => rng.between(2_000, 3 * MINUTE_MS),
        900..990 => rng.between(2 * HOUR_MS, 6 * DAY_MS),
        _ => rng.between(15 * DAY_MS, 25 * DAY_MS),
    }
}

#[allow(clippy::cast_possible_truncation, reason = "a few hundred days")]
fn whole_days(days: f64) -> i64 {
    days as i64
}
