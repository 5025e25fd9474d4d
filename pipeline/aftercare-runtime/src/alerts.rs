//! Alerts in the flow: what records, vital signs and ticks make of a patient's alert book, and the rows of it.

use aftercare_core::alert::{AlertBook, AlertChange, Happening, Now};
use aftercare_core::documents::{Role, Severity};
use aftercare_core::facts::{Body, Source};
use aftercare_core::patient::{Changes, Verdict};
use aftercare_core::time::Instant;
use aftercare_core::vital::VitalFact;
use aftercare_schemas::wire::{Alert, AlertEvidence};
use aftercare_stream::log::TaskLog;

use crate::decode::Decoded;
use crate::error::TaskError;
use crate::output::Pen;
use crate::readings::source_of;
use crate::state::{DeviceNo, PatientEntry, PatientNo};
use crate::stats::Counted;
use crate::task::Task;
use crate::topics::ALERTS;

impl Pen {
    fn alert<L: TaskLog>(
        &mut self,
        log: &mut L,
        counted: &mut Counted,
        patient: &PatientEntry,
        change: &AlertChange,
    ) -> Result<(), TaskError> {
        let who = patient.patient.attribution_for(Some(&change.episode_id), change.caused_at);
        let evidence = change.evidence.iter().map(|fact| AlertEvidence {
            name: &fact.name,
            value: fact.value,
            text: fact.text.as_deref(),
            unit: &fact.unit,
            record_id: fact.record_id.as_deref(),
            at: fact.at.map(|at| at.0),
        });
        let ms = |at: Option<Instant>| at.map(|at| at.0);
        self.row(log, counted, ALERTS, &patient.id, |version| Alert {
            version,
            alert_id: &change.alert_id,
            revision: change.revision,
            status: change.status.as_str(),
            rule: &change.rule,
            policy: &change.policy,
            severity: change.severity.as_str(),
            audience: change.audience,
            routed_to: change.routed_to.iter().map(|role| Role::as_str(*role)).collect(),
            patient_id: &patient.id,
            episode_id: Some(&change.episode_id),
            cause_kind: change.cause_kind,
            cause_id: &change.cause_id,
            caused_at: change.caused_at.0,
            uploaded_at: ms(change.uploaded_at),
            raised_at: change.raised_at.0,
            historic: change.historic,
            vip: change.vip,
            answer_due_at: ms(change.answer_due_at),
            escalations: change.escalations,
            assignee_id: change.assignee_id.as_deref(),
            acknowledged_at: ms(change.acknowledged_at),
            snoozed_until: ms(change.snoozed_until),
            resolved_at: ms(change.resolved_at),
            outcome: change.outcome,
            evidence: evidence.collect(),
            stored_at: change.stored_at.0,
            organisation: who.organisation,
            care_team: who.care_team,
            clinician_id: who.clinician_id,
            manufacturer: who.manufacturer,
            procedure: who.procedure,
            source: change.source.as_str(),
        })
    }
}

impl<L: TaskLog> Task<L> {
    /// Hands the patient's alerts what a record says, where it was accepted, and the scores that changed with it.
    pub(crate) fn follow_alerts(
        &mut self,
        no: PatientNo,
        decoded: &Decoded<'_>,
        verdict: &Verdict,
    ) -> Result<(), TaskError> {
        let accepted = matches!(verdict, Verdict::Accepted | Verdict::Unscored(_));
        let is_watched = !matches!(decoded.body, Body::Commerce(_) | Body::Event);
        if accepted && is_watched {
            self.alert(no, |book, now, out| take(book, now, decoded, out))?;
        }
        self.alert_scores(no)
    }

    /// Hands the patient's alerts the scores in `self.changes`.
    pub(crate) fn alert_scores(&mut self, no: PatientNo) -> Result<(), TaskError> {
        if self.changes.scores.is_empty() {
            return Ok(());
        }
        let changes = std::mem::take(&mut self.changes);
        let Changes { scores, .. } = &changes;
        let done = self.alert(no, |book, now, out| book.take_scores(now, scores, out));
        self.changes = changes;
        done
    }

    /// Hands the alerts of the device's patient what the vitals say. Most of it concerns no rule and touches nothing.
    pub(crate) fn alert_vital(&mut self, device: DeviceNo, fact: &VitalFact) -> Result<(), TaskError> {
        let device = self.state.device(device);
        let (no, series) = (device.patient, device.series.first());
        let source = series.map_or(Source::Live, |series| source_of(series.source));
        let (nothing, is_enrolled) = (AlertBook::default(), self.state.patient(no).patient.is_enrolled());
        let may_concern = |book: &AlertBook| book.may_concern(&self.library, fact);
        if !is_enrolled || !may_concern(self.state.alerts.get(no.0).unwrap_or(&nothing)) {
            return Ok(());
        }
        let concerns = |book: Option<&AlertBook>, now: &Now<'_>| {
            is_followed(book, now) && book.unwrap_or(&nothing).concerns(now, fact)
        };
        self.alert_where(no, concerns, |book, now, out| book.take_vital(now, fact, source, out))
    }

    /// At a tick: alerts that wait for a time which has come, silences that lasted too long.
    pub(crate) fn alerts_tick(&mut self) -> Result<(), TaskError> {
        let tick = Instant(self.state.meta.tick);
        while let Some(no) = self.state.alerts.pop_due(tick) {
            self.alert(PatientNo(no), AlertBook::tick)?;
        }
        Ok(())
    }

    /// Lets `change` change the alert book of a patient whom a policy watches, or who has alerts, and issues what came
    /// of it.
    fn alert(
        &mut self,
        no: PatientNo,
        change: impl FnOnce(&mut AlertBook, &Now<'_>, &mut Vec<AlertChange>),
    ) -> Result<(), TaskError> {
        self.alert_where(no, is_followed, change)
    }

    /// The same where `concerns` says so.
    fn alert_where(
        &mut self,
        no: PatientNo,
        concerns: impl FnOnce(Option<&AlertBook>, &Now<'_>) -> bool,
        change: impl FnOnce(&mut AlertBook, &Now<'_>, &mut Vec<AlertChange>),
    ) -> Result<(), TaskError> {
        let tick = Instant(self.state.meta.tick);
        let (books, entry) = self.state.alerts_and_patient(no);
        let episodes = entry.patient.episodes(tick);
        let now = Now { tick, library: &self.library, episodes: &episodes };
        if !concerns(books.get(no.0), &now) {
            return Ok(());
        }
        let mut rows = Vec::new();
        books.change(&mut self.tx, no.0, |book| change(book, &now, &mut rows));
        for row in &rows {
            self.pen.alert(&mut self.log, &mut self.counted, entry, row)?;
            self.counted.alert(row);
            self.is_urgent |= row.happening == Happening::Raised && row.severity == Severity::Critical;
        }
        Ok(())
    }
}

fn is_followed(book: Option<&AlertBook>, now: &Now<'_>) -> bool {
    now.is_watched() || book.is_some()
}

fn take(book: &mut AlertBook, now: &Now<'_>, decoded: &Decoded<'_>, out: &mut Vec<AlertChange>) {
    let head = &decoded.head;
    match &decoded.body {
        Body::Enrolment(fact) => book.take_enrolment(now, fact, head.source, out),
        Body::Upload(fact) => book.take_answers(now, head, fact, out),
        Body::Clinical(fact) => book.take_clinical(now, head, fact, out),
        Body::Verdict(fact) => book.take_verdict(now, head, fact, out),
        Body::Action(fact) => book.take_action(now, head, fact, out),
        Body::Commerce(_) | Body::Event => {}
    }
}
