//! Clinicians' sessions: taken by the task of the clinician, judged there, told to the tasks of the patients. And what
//! the task of a patient makes of that.

use aftercare_core::clinician::{Offer, SessionChanges, SessionFact, Terms, VerdictChange};
use aftercare_core::facts::{RecordHead, VerdictFact};
use aftercare_core::patient::Verdict;
use aftercare_core::reason::Reason;
use aftercare_core::time::{Instant, Millis};
use aftercare_schemas::codec;
use aftercare_schemas::wire;
use aftercare_stream::log::{Outgoing, TaskLog};
use aftercare_stream::partitioner::partition_of;
use xxhash_rust::xxh3::xxh3_64;

use crate::decode::decode_session;
use crate::error::TaskError;
use crate::input::{Input, TEXT_TOO_LONG};
use crate::state::{ClinicianNo, HeldFor, PatientNo};
use crate::task::Task;
use crate::topics::SESSION_VERDICTS;

const TOO_OLD: &str = "the session began too long before the clinician's newest one";

impl<L: TaskLog> Task<L> {
    /// Takes a session.
    pub(crate) fn session(&mut self, input: &Input<'_>, retry: bool) -> Result<(), TaskError> {
        let mut scratch = std::mem::take(&mut self.scratch);
        scratch.clear();
        let decoded = decode_session(input, &mut scratch);
        let digest = xxh3_64(&scratch);
        self.scratch = scratch;
        let mut decoded = match decoded {
            Ok(decoded) => decoded,
            Err(error) => return self.undecodable(input, error.reason(), &error.to_string()),
        };
        let (fact, clinician_id) = (&decoded.fact, decoded.clinician_id);
        if [decoded.head.id, fact.patient_id, clinician_id].iter().any(|id| id.is_empty()) {
            return self.undecodable(
                input,
                "missing_id",
                "the record has no id, or names no patient or clinician",
            );
        }
        if decoded.kept_bytes() > self.config.limits.text_bytes_max {
            return self.undecodable(input, Reason::TextTooLong.code(), TEXT_TOO_LONG);
        }
        (decoded.head.digest, decoded.head.retry) = (digest, retry);
        let known = self.state.clinicians.find(clinician_id);
        let partition = partition_of(clinician_id.as_bytes(), self.config.partitions);
        if known.is_none() && partition != self.config.partition {
            return self.forward(input, clinician_id, partition);
        }
        let no = known.unwrap_or_else(|| self.state.clinicians.add(&mut self.tx, clinician_id));
        match self.offer_session(input, no, &decoded.head, fact)? {
            Some(verdict) => self.settle(input, &verdict),
            None => self.undecodable(input, Reason::SessionTooOld.code(), TOO_OLD),
        }
    }

    fn offer_session(
        &mut self,
        input: &Input<'_>,
        no: ClinicianNo,
        head: &RecordHead<'_>,
        fact: &SessionFact<'_>,
    ) -> Result<Option<Verdict>, TaskError> {
        let ends_at = fact.ended_at.map_or(head.event_at, |ended_at| ended_at.max(head.event_at));
        let reaches_at = ends_at.0.saturating_sub(self.config.limits.future_ms_max);
        let (ahead, far_future) = (reaches_at > self.state.meta.tick, Offer::GiveUp(Reason::FarFuture));
        let offer = match ahead {
            false => Offer::Take,
            true if head.retry => far_future,
            true => Offer::Hold,
        };
        let verdict = self.offer_to_book(no, head, fact, offer)?;
        let held_for = HeldFor::Tick { taken_to: i64::MIN, reaches_at };
        if verdict == Some(Verdict::Hold) && !self.hold(input, PatientNo(no.0), held_for) {
            return self.offer_to_book(no, &RecordHead { retry: true, ..*head }, fact, far_future);
        }
        Ok(verdict)
    }

    fn offer_to_book(
        &mut self,
        no: ClinicianNo,
        head: &RecordHead<'_>,
        fact: &SessionFact<'_>,
        offer: Offer,
    ) -> Result<Option<Verdict>, TaskError> {
        let terms = Terms {
            stored_at: Instant(self.state.meta.tick),
            library: &self.library,
            remembered: Millis(self.config.limits.session_age_ms_max),
        };
        let mut changes = SessionChanges::default();
        let clinicians = &mut self.state.clinicians;
        let verdict = clinicians.change(&mut self.tx, no, &mut changes, |book, changes| {
            book.offer(head, fact, offer, &terms, changes)
        });
        for session in &mut changes.receipts {
            // The patient's episode is not known here; who held the session is.
            session.receipt.attribution.clinician_id = Some(self.state.clinicians.id(no).into());
            self.pen.receipt(&mut self.log, &mut self.counted, &session.patient_id, &session.receipt)?;
        }
        Ok(verdict)
    }

    /// At a tick: sessions whose bursts are over are judged.
    pub(crate) fn sessions_tick(&mut self) -> Result<(), TaskError> {
        let tick = Instant(self.state.meta.tick);
        for no in self.state.clinicians.due(tick) {
            let mut changes = SessionChanges::default();
            let clinicians = &mut self.state.clinicians;
            clinicians.change(&mut self.tx, no, &mut changes, |book, changes| {
                book.judge(tick, &self.library, changes);
            });
            for verdict in &changes.verdicts {
                self.send_verdict(no, verdict)?;
            }
        }
        Ok(())
    }

    /// Tells the task of the patient.
    fn send_verdict(&mut self, no: ClinicianNo, verdict: &VerdictChange) -> Result<(), TaskError> {
        self.scratch.clear();
        codec::encode(
            "session-verdicts",
            &on_the_wire(self.state.clinicians.id(no), verdict),
            &mut self.scratch,
        )?;
        let patient_id = verdict.patient_id.as_bytes();
        Ok(self.log.send(&Outgoing {
            topic: SESSION_VERDICTS,
            partition: partition_of(patient_id, self.config.partitions),
            key: Some(patient_id),
            value: Some(&self.scratch),
            headers: &[],
        })?)
    }

    /// An accepted verdict is a review of the patient.
    pub(crate) fn take_verdict(
        &mut self,
        no: PatientNo,
        head: &RecordHead<'_>,
        fact: &VerdictFact<'_>,
    ) -> Result<(), TaskError> {
        let tick = Instant(self.state.meta.tick);
        let (reviews, patient) = self.state.reviews_and_patient(no);
        reviews.change(&mut self.tx, no.0, |book| book.take(head, fact, tick, &patient.patient));
        self.issue_review(no, head.id)
    }

    /// What is known of the patient's episodes changed: reviews may belong to others now.
    pub(crate) fn reattribute_reviews(&mut self, no: PatientNo) -> Result<(), TaskError> {
        if self.state.reviews.get(no.0).is_none() {
            return Ok(());
        }
        let (reviews, patient) = self.state.reviews_and_patient(no);
        let changed = reviews.change(&mut self.tx, no.0, |book| book.reattribute(&patient.patient));
        changed.iter().try_for_each(|id| self.issue_review(no, id))
    }

    fn issue_review(&mut self, no: PatientNo, id: &str) -> Result<(), TaskError> {
        let Some(review) = self.state.reviews.get(no.0).and_then(|book| book.get(id)) else { return Ok(()) };
        self.pen.review(&mut self.log, &mut self.counted, self.state.patient(no), id, review)
    }
}

fn on_the_wire<'a>(clinician_id: &'a str, verdict: &'a VerdictChange) -> wire::SessionVerdict<'a> {
    let status = match verdict.revision {
        _ if verdict.withdrawn => wire::RecordStatus::EnteredInError,
        1 => wire::RecordStatus::Final,
        _ => wire::RecordStatus::Amended,
    };
    let source = match verdict.source {
        aftercare_core::facts::Source::Live => wire::Source::Live,
        aftercare_core::facts::Source::Import => wire::Source::Import,
        aftercare_core::facts::Source::Simulated => wire::Source::Simulated,
    };
    let judgement = &verdict.judgement;
    let is_service = judgement.is_service() && !verdict.withdrawn;
    wire::SessionVerdict {
        id: &verdict.id,
        revision: verdict.revision,
        status,
        source,
        patient_id: &verdict.patient_id,
        happened_at: verdict.began_at.0,
        clinician_id,
        session_revision: verdict.session_revision,
        episode_id: verdict.episode_id.as_deref(),
        upload_id: verdict.upload_id.as_deref(),
        ended_at: verdict.ended_at.0,
        verdict: if is_service { wire::Verdict::Service } else { wire::Verdict::Superficial },
        reasons: judgement.reasons().collect(),
        duration_ms: verdict.ended_at.since(verdict.began_at).0,
        interactions: verdict.interactions,
        sections_read: verdict.sections_read,
        burst_patients: judgement.burst_patients,
        rule: &verdict.rule,
    }
}
