//! Clinical and commerce events, and clinicians' sessions, as hospital, shop and app send them.

use aftercare_schemas::wire::{
    ClinicalEvent, ClinicalKind, ClinicianActivity, CommerceEvent, CommerceKind, RecordStatus, Source,
};

use super::laboratory::{self, Sample};
use super::sessions::{SECTIONS, Session};
use super::story::Story;
use super::{DAY_MS, framed};

impl Story {
    pub(super) fn treated(&self) -> Vec<u8> {
        let p = &self.profile;
        let (id, episode) = (format!("{}-treatment", p.patient_id), p.episode_id(1));
        let event = self.clinical_event(&id, &episode, p.treated_at, ClinicalKind::Surgery);
        let code = Some(p.treatment.facts().procedure);
        framed("clinical-events", &ClinicalEvent { coding: Some("aftercare"), code, ..event })
    }

    /// The hospital's record of the adverse event.
    pub(super) fn struck(&self, since: i64) -> Vec<u8> {
        let (id, episode) = (format!("{}-stay", self.profile.patient_id), self.profile.episode_id(1));
        let adverse = self.profile.course.adverse.as_ref();
        let (kind, code) = adverse.map_or((ClinicalKind::Unknown, None), |adverse| {
            (adverse.kind.recorded, Some(adverse.kind.code))
        });
        let ended_at = adverse
            .filter(|adverse| adverse.kind.recorded == ClinicalKind::Stay)
            .map(|adverse| since + adverse.stay_days * DAY_MS);
        let event = self.clinical_event(&id, &episode, since, kind);
        framed("clinical-events", &ClinicalEvent { ended_at, coding: Some("icd-10"), code, ..event })
    }

    pub(super) fn therapy(&self, since: i64, ended_at: Option<i64>) -> Vec<u8> {
        let (id, episode) = (format!("{}-therapy", self.profile.patient_id), self.profile.episode_id(1));
        let (revision, status) = revised(ended_at.is_some());
        let event = self.clinical_event(&id, &episode, since, ClinicalKind::ExtendedTherapy);
        framed("clinical-events", &ClinicalEvent { revision, status, ended_at, ..event })
    }

    pub(super) fn sample(&self, sample: Sample, seed: u64) -> Vec<u8> {
        let p = &self.profile;
        let (coding, code, unit) = sample.assay.coded();
        let id = format!("{}-{}-{}", p.patient_id, sample.assay.name(), sample.number);
        let episode = p.episode_id(1);
        let event = self.clinical_event(&id, &episode, sample.sampled_at, ClinicalKind::Measurement);
        let value = Some(laboratory::value(p, sample, seed));
        framed(
            "clinical-events",
            &ClinicalEvent { coding: Some(coding), code: Some(code), value, unit: Some(unit), ..event },
        )
    }

    fn clinical_event<'a>(
        &'a self,
        id: &'a str,
        episode_id: &'a str,
        happened_at: i64,
        kind: ClinicalKind,
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
            coding: None,
            code: None,
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

    pub(super) fn free_monitoring(&self, at: i64, chosen: bool) -> Vec<u8> {
        let p = &self.profile;
        let decision = if chosen { "chosen" } else { "ended" };
        let (id, episode) = (format!("{}-free-{decision}", p.patient_id), p.episode_id(1));
        framed(
            "commerce-events",
            &CommerceEvent {
                id: &id,
                revision: 1,
                status: RecordStatus::Final,
                source: Source::Simulated,
                patient_id: &p.patient_id,
                happened_at: at,
                episode_id: Some(&episode),
                kind: CommerceKind::FreeMonitoring,
                purchase_id: None,
                contract: p.treatment.facts().contract,
                product: None,
                product_version: None,
                item: None,
                quantity: None,
                buyer_id: None,
                side: Some("provider"),
                actor_id: Some(self.clinician(at)),
                decision: Some(decision),
                reason: None,
                amount_minor: None,
                currency: None,
                points: None,
            },
        )
    }

    pub(super) fn session(&self, session: Session) -> Vec<u8> {
        let p = &self.profile;
        let (id, episode) = (format!("{}-s{}", p.patient_id, session.slot), p.episode_id(1));
        let upload_id = self.upload_id(session.slot);
        let (_, status) = revised(session.revision > 1);
        let read = if session.open { 0 } else { session.sections };
        framed(
            "clinician-activity",
            &ClinicianActivity {
                id: &id,
                revision: session.revision,
                status,
                source: Source::Simulated,
                patient_id: &p.patient_id,
                happened_at: session.started_at,
                clinician_id: self.clinician(session.started_at),
                episode_id: Some(&episode),
                upload_id: Some(&upload_id),
                ended_at: (!session.open).then_some(session.ended_at),
                interactions: if session.open { 0 } else { session.interactions },
                sections_read: SECTIONS.into_iter().take(read).collect(),
                messages: if session.open { 0 } else { session.messages },
                consults: 0,
            },
        )
    }
}

/// Revision and status of a record as first sent, or as completed later.
fn revised(again: bool) -> (i32, RecordStatus) {
    if again { (2, RecordStatus::Amended) } else { (1, RecordStatus::Final) }
}
