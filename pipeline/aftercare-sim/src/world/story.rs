//! What happens to one patient: every enrolment and upload record, with its arrival.

use aftercare_schemas::wire::{Enrolment, PromResponse, RecordStatus, Source};

use crate::rng::Rng;

use super::profile::{Profile, purpose};
use super::{DAY_MS, HOUR_MS, MINUTE_MS, SimRecord, framed};

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
    moved_by: i64,
    second_treated_at: Option<i64>,
}

impl Story {
    pub(super) fn new(profile: Profile, seed: u64) -> Self {
        let rng = &mut Rng::new(seed, &[purpose::STORY, u64::from(profile.number)]);
        let mut story =
            Self { profile, events: Vec::with_capacity(48), moved_by: 0, second_treated_at: None };
        story.enrol(rng);
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

    /// The record of an event.
    pub(super) fn record(&self, event: Event, seed: u64) -> SimRecord {
        let (topic, value) = match event.what {
            What::Enrolled { device_known } => ("enrolments", self.enrolment(device_known, 1)),
            What::Learned(Learned::OtherDay) => ("enrolments", self.enrolment(false, 2)),
            What::Learned(learned) => ("enrolments", self.learned(event.at, learned)),
            What::Upload(upload) => ("prom-responses", self.upload(upload, seed)),
        };
        SimRecord { at: event.at, topic, key: self.profile.patient_id.clone().into_bytes(), value }
    }

    pub(super) fn enrolment(&self, device_known: bool, revision: i32) -> Vec<u8> {
        let p = &self.profile;
        let (id, episode) = (format!("{}-enrolment", p.patient_id), p.episode_id(1));
        let amended = revision > 1;
        framed(
            "enrolments",
            &Enrolment {
                revision,
                status: if amended { RecordStatus::Amended } else { RecordStatus::Final },
                procedure: Some("coronary-stent"),
                treated_at: Some(p.treated_at + if amended { self.moved_by } else { 0 }),
                device: device_known.then_some(p.device),
                manufacturer: device_known.then_some(p.manufacturer),
                birth_year: Some(p.birth_year),
                sex: Some(p.sex),
                comorbidities: Some(p.comorbidities.clone()),
                organisation: Some(p.organisation),
                care_team: Some(p.care_team),
                clinician_id: Some(p.clinician),
                plan: Some("coronary-stent"),
                vip: Some(p.number.is_multiple_of(23)),
                self_pay_consent: Some(false),
                spo2_scale: Some(1),
                time_zone: Some(p.time_zone),
                episode_status: Some("active"),
                ..self.says_nothing(&id, &episode, p.enrolled_at)
            },
        )
    }

    fn learned(&self, at: i64, learned: Learned) -> Vec<u8> {
        let p = &self.profile;
        let second = learned == Learned::SecondEpisode;
        let episode = p.episode_id(if second { 2 } else { 1 });
        let id = match learned {
            Learned::Device => format!("{}-device", p.patient_id),
            Learned::Clinician => format!("{}-clinician", p.patient_id),
            Learned::OtherDay | Learned::SecondEpisode => format!("{episode}-enrolment"),
        };
        let nothing = self.says_nothing(&id, &episode, at);
        let statement = match learned {
            Learned::Clinician => Enrolment { clinician_id: Some("doctor-99"), ..nothing },
            Learned::Device | Learned::OtherDay => {
                Enrolment { device: Some(p.device), manufacturer: Some(p.manufacturer), ..nothing }
            }
            Learned::SecondEpisode => Enrolment {
                procedure: Some("coronary-stent"),
                treated_at: self.second_treated_at,
                device: Some(p.device),
                manufacturer: Some(p.manufacturer),
                birth_year: Some(p.birth_year),
                sex: Some(p.sex),
                organisation: Some(p.organisation),
                care_team: Some(p.care_team),
                clinician_id: Some(p.clinician),
                plan: Some("coronary-stent"),
                time_zone: Some(p.time_zone),
                episode_status: Some("active"),
                ..nothing
            },
        };
        framed("enrolments", &statement)
    }

    fn says_nothing<'a>(&'a self, id: &'a str, episode_id: &'a str, at: i64) -> Enrolment<'a> {
        Enrolment {
            id,
            revision: 1,
            status: RecordStatus::Final,
            source: Source::Simulated,
            patient_id: &self.profile.patient_id,
            episode_id,
            recorded_at: at,
            effective_at: at,
            procedure: None,
            treated_at: None,
            device: None,
            manufacturer: None,
            birth_year: None,
            sex: None,
            comorbidities: None,
            organisation: None,
            care_team: None,
            clinician_id: None,
            plan: None,
            contract: None,
            vip: None,
            self_pay_consent: None,
            spo2_scale: None,
            time_zone: None,
            episode_status: None,
        }
    }

    fn upload(&self, upload: Upload, seed: u64) -> Vec<u8> {
        self.response(upload, seed, |_| {})
    }

    /// The upload, after `change`.
    pub(super) fn response(
        &self,
        upload: Upload,
        seed: u64,
        change: impl FnOnce(&mut PromResponse),
    ) -> Vec<u8> {
        let p = &self.profile;
        let revision = u64::from(upload.revision.unsigned_abs());
        let labels = [purpose::ANSWERS, u64::from(p.number), u64::from(upload.slot), revision];
        let rng = &mut Rng::new(seed, &labels);
        let (id, episode) = (format!("{}-u{}", p.patient_id, upload.slot), p.episode_id(1));
        // Whoever has two episodes answers for both.
        let names_episode = self.second_treated_at.is_none() && !p.number.is_multiple_of(10);
        let mut response = PromResponse {
            id: &id,
            revision: upload.revision,
            status: match (upload.withdrawn, upload.revision) {
                (true, _) => RecordStatus::EnteredInError,
                (false, 1) => RecordStatus::Final,
                (false, _) => RecordStatus::Amended,
            },
            source: Source::Simulated,
            patient_id: &p.patient_id,
            episode_id: names_episode.then_some(&episode),
            answered_at: upload.answered_at,
            uploaded_at: upload.uploaded_at,
            respondent: if p.answers_by_proxy { "proxy" } else { "patient" },
            forms: p.course.forms(days_between(p.treated_at, upload.answered_at), rng),
        };
        change(&mut response);
        framed("prom-responses", &response)
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

#[allow(clippy::cast_precision_loss, reason = "a few hundred days in ms are exact")]
fn days_between(from: i64, to: i64) -> f64 {
    (to - from) as f64 / DAY_MS as f64
}
