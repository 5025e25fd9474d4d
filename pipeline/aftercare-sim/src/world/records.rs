//! The records of a story, as its hospital and phone send them.

use aftercare_schemas::wire::{Enrolment, PromResponse, RecordStatus, Source};

use crate::rng::Rng;

use super::answers;
use super::profile::purpose;
use super::story::{Event, Learned, SUCCESSOR, Story, Upload, What};
use super::{SimRecord, framed};

impl Story {
    /// The record of an event.
    pub(super) fn record(&self, event: Event, seed: u64) -> SimRecord {
        let (topic, value) = match event.what {
            What::Enrolled { device_known } => ("enrolments", self.enrolment(device_known, 1)),
            What::Learned(Learned::OtherDay) => ("enrolments", self.enrolment(false, 2)),
            What::Learned(learned) => ("enrolments", self.learned(event.at, learned)),
            What::Treated => ("clinical-events", self.treated()),
            What::Struck { since } => ("clinical-events", self.struck(since)),
            What::Therapy { since, until, ended } => {
                ("clinical-events", self.therapy(since, ended.then_some(until)))
            }
            What::Sample(sample) => ("clinical-events", self.sample(sample, seed)),
            What::FreeMonitoring { chosen } => ("commerce-events", self.free_monitoring(event.at, chosen)),
            What::Upload(upload) => ("prom-responses", self.upload(upload, seed)),
            What::Session(session) => ("clinician-activity", self.session(session)),
        };
        let key = match event.what {
            What::Session(session) => self.clinician(session.started_at),
            _ => &self.profile.patient_id,
        };
        SimRecord { at: event.at, topic, key: key.as_bytes().to_vec(), value }
    }

    pub(super) fn enrolment(&self, device_known: bool, revision: i32) -> Vec<u8> {
        let p = &self.profile;
        let (id, episode) = (format!("{}-enrolment", p.patient_id), p.episode_id(1));
        let (amended, facts) = (revision > 1, p.treatment.facts());
        let device = p.device.filter(|_| device_known);
        framed(
            "enrolments",
            &Enrolment {
                revision,
                status: if amended { RecordStatus::Amended } else { RecordStatus::Final },
                procedure: Some(facts.procedure),
                treated_at: Some(p.treated_at + if amended { self.moved_by } else { 0 }),
                device: device.map(|(device, _)| device),
                manufacturer: device.map(|(_, manufacturer)| manufacturer),
                birth_year: Some(p.birth_year),
                sex: Some(p.sex),
                comorbidities: Some(p.comorbidities.clone()),
                organisation: Some(p.organisation),
                care_team: Some(p.care_team),
                clinician_id: Some(p.clinician),
                plan: Some(facts.plan),
                contract: facts.contract,
                vip: Some(p.vip),
                self_pay_consent: Some(p.pays_self),
                spo2_scale: Some(if p.has_copd() { 2 } else { 1 }),
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
        let (facts, device, manufacturer) =
            (p.treatment.facts(), p.device.map(|d| d.0), p.device.map(|d| d.1));
        let statement = match learned {
            Learned::Clinician => Enrolment { clinician_id: Some(SUCCESSOR), ..nothing },
            Learned::Device | Learned::OtherDay => Enrolment { device, manufacturer, ..nothing },
            Learned::SecondEpisode => Enrolment {
                procedure: Some(facts.procedure),
                treated_at: self.second_treated_at,
                device,
                manufacturer,
                birth_year: Some(p.birth_year),
                sex: Some(p.sex),
                comorbidities: Some(p.comorbidities.clone()),
                organisation: Some(p.organisation),
                care_team: Some(p.care_team),
                clinician_id: Some(self.clinician(at)),
                plan: Some(facts.plan),
                contract: facts.contract,
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
            status: RecordStatus::Final,
            source: Source::Simulated,
            patient_id: &self.profile.patient_id,
            episode_id,
            recorded_at: at,
            effective_at: at,
            ..Enrolment::default()
        }
    }

    pub(super) fn upload_id(&self, slot: u32) -> String {
        format!("{}-u{slot}", self.profile.patient_id)
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
        let (id, episode) = (self.upload_id(upload.slot), p.episode_id(1));
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
            forms: answers::forms(p.treatment, &p.course, p.days_at(upload.answered_at), rng),
        };
        change(&mut response);
        framed("prom-responses", &response)
    }
}
