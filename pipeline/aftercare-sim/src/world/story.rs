//! What happens to one patient, and when the records of it arrive.

use crate::rng::Rng;

use super::laboratory::{self, Sample};
use super::profile::{Profile, purpose};
use super::sessions::{self, Session};
use super::{DAY_MS, HOUR_MS, MINUTE_MS, Settings};

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
    /// The hospital's record of the adverse event.
    Struck { since: i64 },
    /// Treatment goes on at home; first without its end.
    Therapy { since: i64, until: i64, ended: bool },
    /// A laboratory value.
    Sample(Sample),
    /// The clinician's choice that data flows and nothing is billed.
    FreeMonitoring { chosen: bool },
    /// An upload; slot 0 is the baseline.
    Upload(Upload),
    /// Somebody looks at one.
    Session(Session),
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

/// Who follows a patient whose clinician hands over.
pub(super) const SUCCESSOR: &str = "doctor-99";

/// A patient's story, in order of arrival.
#[derive(Clone, Debug)]
pub(super) struct Story {
    pub(super) profile: Profile,
    pub(super) events: Vec<Event>,
    /// By how much the second enrolment revision moves the treatment, ms.
    pub(super) moved_by: i64,
    pub(super) second_treated_at: Option<i64>,
    /// From when on the successor follows the patient.
    hands_over_at: Option<i64>,
}

impl Story {
    pub(super) fn new(settings: &Settings, patient: u32) -> Self {
        let profile = Profile::new(settings, patient);
        let rng = &mut Rng::new(settings.seed, &[purpose::STORY, u64::from(profile.number)]);
        let slots = profile.treatment.facts().slots;
        let events = Vec::with_capacity(64);
        let mut story = Self { profile, events, moved_by: 0, second_treated_at: None, hands_over_at: None };
        story.enrol(rng);
        story.clinical_events(rng);
        story.laboratory(rng);
        for slot in 0..=slots {
            story.questionnaire(slot, rng, settings);
        }
        story.events.sort_unstable();
        story
    }

    /// Who follows the patient at a time.
    pub(super) fn clinician(&self, at: i64) -> &'static str {
        if self.hands_over_at.is_some_and(|from| from <= at) { SUCCESSOR } else { self.profile.clinician }
    }

    fn enrol(&mut self, rng: &mut Rng) {
        let (enrolled_at, treated_at) = (self.profile.enrolled_at, self.profile.treated_at);
        // A few hospitals send their lists days later: the first upload comes before its enrolment.
        let late = if rng.permille(50) { rng.between(DAY_MS, 6 * DAY_MS) } else { rng.between(200, 5_000) };
        let device_known = self.profile.device.is_none() || !rng.permille(300);
        self.push(enrolled_at + late, What::Enrolled { device_known });
        if !device_known {
            // Mostly from the operation's report, some from an invoice weeks later.
            let days = if rng.permille(150) { rng.between(20, 60) } else { 0 };
            let learned_after = days * DAY_MS + rng.between(HOUR_MS, 3 * DAY_MS);
            let at = treated_at.max(enrolled_at + late) + learned_after;
            self.push(at, What::Learned(Learned::Device));
        }
        if rng.permille(60) {
            self.moved_by = rng.between(-2, 4) * DAY_MS;
            let at = treated_at.max(enrolled_at + late) + rng.between(4 * DAY_MS, 40 * DAY_MS);
            self.push(at, What::Learned(Learned::OtherDay));
        }
        if rng.permille(80) {
            let at = treated_at + rng.between(30 * DAY_MS, 200 * DAY_MS);
            self.hands_over_at = Some(at);
            self.push(at, What::Learned(Learned::Clinician));
        }
        if rng.permille(30) {
            let again_at = treated_at + rng.between(80 * DAY_MS, 200 * DAY_MS);
            self.second_treated_at = Some(again_at);
            self.push(again_at + rng.between(HOUR_MS, DAY_MS), What::Learned(Learned::SecondEpisode));
        }
        let contract = self.profile.treatment.facts().contract;
        if contract.is_some() && !self.profile.pays_self && rng.permille(250) {
            let at = treated_at + rng.between(DAY_MS, 60 * DAY_MS);
            self.push(at, What::FreeMonitoring { chosen: true });
            if rng.permille(200) {
                self.push(
                    at + rng.between(30 * DAY_MS, 120 * DAY_MS),
                    What::FreeMonitoring { chosen: false },
                );
            }
        }
    }

    fn clinical_events(&mut self, rng: &mut Rng) {
        let treated_at = self.profile.treated_at;
        let reported_at = treated_at + rng.between(HOUR_MS, 2 * DAY_MS);
        self.push(reported_at, What::Treated);
        if rng.permille(40) {
            self.push(reported_at + rng.between(HOUR_MS, DAY_MS), What::Treated);
        }
        let Some((adverse, since)) = self.profile.course.adverse.zip(self.profile.onset_at()) else { return };
        let left_at = since + adverse.stay_days * DAY_MS;
        if adverse.recorded {
            self.push(left_at + rng.between(HOUR_MS, DAY_MS), What::Struck { since });
        }
        if adverse.kind.needs_therapy() && rng.permille(700) {
            let until = left_at + rng.between(15, 50) * DAY_MS;
            let known_at = left_at + rng.between(HOUR_MS, 3 * DAY_MS);
            let ended_at = until + rng.between(HOUR_MS, 5 * DAY_MS);
            self.push(known_at, What::Therapy { since: left_at, until, ended: false });
            self.push(ended_at, What::Therapy { since: left_at, until, ended: true });
        }
    }

    fn laboratory(&mut self, rng: &mut Rng) {
        let samples: Vec<Sample> = laboratory::samples(&self.profile).collect();
        for sample in samples {
            let (skipped, copied) = (rng.permille(80), rng.permille(30));
            let at = sample.sampled_at + rng.between(3 * HOUR_MS, 3 * DAY_MS);
            let again_at = at + rng.between(HOUR_MS, DAY_MS);
            if !skipped {
                self.push(at, What::Sample(sample));
                if copied {
                    self.push(again_at, What::Sample(sample));
                }
            }
        }
    }

    fn questionnaire(&mut self, slot: u32, rng: &mut Rng, settings: &Settings) {
        let p = &self.profile;
        let (enrolled_at, treated_at) = (p.enrolled_at, p.treated_at);
        let answers = rng.permille(p.answers_permille.max(if slot == 0 { 930 } else { 0 }));
        let answered_at = if slot == 0 {
            rng.between(enrolled_at + HOUR_MS, treated_at - 6 * HOUR_MS)
        } else {
            let due = treated_at + i64::from(slot) * p.treatment.facts().slot_days * DAY_MS;
            due + rng.between(-3 * DAY_MS, 5 * DAY_MS)
        };
        let uploaded_at = answered_at + offline(rng);
        let upload = Upload { slot, answered_at, uploaded_at, revision: 1, withdrawn: false };
        let at = uploaded_at + rng.between(30, 3_000);
        let (copies, fate) = (rng.permille(40), rng.between(0, 1000));
        let (again, later) = (rng.between(1_000, 2 * DAY_MS), rng.between(MINUTE_MS, 20 * DAY_MS));
        let gave_up = p.gives_up_days.is_some_and(|days| answered_at > treated_at + days * DAY_MS);
        if !answers || gave_up || p.is_in_hospital(answered_at) {
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
        if settings.sessions {
            self.review(upload, settings.seed);
        }
    }

    /// Draws of its own: a world with sessions has the same other records as one without.
    fn review(&mut self, upload: Upload, seed: u64) {
        let labels = [purpose::SESSION, u64::from(self.profile.number), u64::from(upload.slot)];
        let rng = &mut Rng::new(seed, &labels);
        let Some(session) = sessions::about(upload, self.clinician(upload.uploaded_at), rng) else { return };
        let (open_first, copied) = (rng.permille(40), rng.permille(30));
        let at = session.ended_at + rng.between(300, 20_000);
        if open_first {
            self.push(session.started_at + 500, What::Session(Session { open: true, ..session }));
        }
        let closed = Session { revision: if open_first { 2 } else { 1 }, ..session };
        self.push(at, What::Session(closed));
        if copied {
            self.push(at + rng.between(1_000, DAY_MS), What::Session(closed));
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
