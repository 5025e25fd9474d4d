//! The records of a story, as its hospital and phone send them.

use aftercare_schemas::wire::{ClinicalEvent, ClinicalKind, Enrolment, PromResponse, RecordStatus, Source};

use crate::rng::Rng;

use super::profile::purpose;
use super::story::{Event, Learned, Story, Upload, What};
use super::{DAY_MS, SimRecord, framed};

impl Story {
    /// The record of an event.
    pub(super) fn record(&self, event: Event, seed: u64) -> SimRecord {
        let (topic, value) = match event.what {
            What::Enrolled { device_known } => ("enrolments", self.enrolment(device_known, 1)),
            What::Learned(Learned::OtherDay) => ("enrolments", self.enrolment(false, 2)),
            What::Learned(learned) => ("enrolments", self.learned(event.at, learned)),
            What::Treated => ("clinical-events", self.treated()),
            What::Readmitted { since, days } => ("clinical-events", self.readmitted(since, days)),
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

    fn treated(&self) -> Vec<u8> {
        let p = &self.profile;
        let (id, episode) = (format!("{}-treatment", p.patient_id), p.episode_id(1));
        let kind = ClinicalKind::Surgery;
        framed("clinical-events", &self.clinical_event(&id, &episode, p.treated_at, kind, "coronary-stent"))
    }

    fn readmitted(&self, since: i64, days: i64) -> Vec<u8> {
        let (id, episode) = (format!("{}-stay", self.profile.patient_id), self.profile.episode_id(1));
        let event = self.clinical_event(&id, &episode, since, ClinicalKind::Stay, "I20.0");
        framed("clinical-events", &ClinicalEvent { ended_at: Some(since + days * DAY_MS), ..event })
    }

    fn clinical_event<'a>(
        &'a self,
        id: &'a str,
        episode_id: &'a str,
        happened_at: i64,
        kind: ClinicalKind,
        code: &'a str,
    ) -> ClinicalEvent<'a> {
        ClinicalEvent {
            id,
            revision: 1,
            status: RecordStatus::Final,
            source: Source::Simulated,
            patient_id: &self.profile.patient_id,
            happened_at,
            episode_id: Some(episode_id),
            ended_at: None,
            kind,
            coding: Some(if kind == ClinicalKind::Stay { "icd-10" } else { "aftercare" }),
            code: Some(code),
            result: None,
            value: None,
            unit: None,
            comparator: None,
            related_id: None,
            provider: Some(self.profile.organisation),
            amount_minor: None,
            currency: None,
            cost_category: None,
            cost_nature: None,
            payers: Vec::new(),
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

#[allow(clippy::cast_precision_loss, reason = "a few hundred days in ms are exact")]
fn days_between(from: i64, to: i64) -> f64 {
    (to - from) as f64 / DAY_MS as f64
}
