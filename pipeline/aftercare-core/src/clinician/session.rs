//! One session: every revision's receipt, what is in force, which verdict was issued.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::judge::{Judgement, Start, judge};
use super::{Offer, SessionFact, SessionReceipt, VerdictChange};
use crate::documents::{Library, ReviewRule};
use crate::facts::{InputKind, RecordHead, RecordStatus, Source};
use crate::patient::{OwnedAttribution, ReceiptChange, Verdict};
use crate::reason::Reason;
use crate::time::Instant;

/// What is known of one session. Serialises for the changelog; the layout is part of the state's version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    pub(super) id: Box<str>,
    /// Ascending.
    revisions: Vec<Revision>,
    issued: Option<Issued>,
    /// Starts around which sessions may be judged otherwise since this one came, changed or went, and when to look.
    around: Vec<Instant>,
    due: Option<Instant>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Revision {
    revision: i32,
    outcome: Outcome,
    source: Source,
    digest: u64,
    duplicates: u32,
    conflicts: u32,
    patient_id: Box<str>,
    began_at: Instant,
    stored_at: Instant,
    /// Of the revision in force, unless it withdraws the session.
    content: Option<Content>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Content {
    episode_id: Option<Box<str>>,
    upload_id: Option<Box<str>>,
    ended_at: Option<Instant>,
    interactions: i32,
    sections_read: i32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Outcome {
    Accepted,
    Superseded,
    Held,
    Rejected(Reason),
}

/// The verdict issued last, by what it rests on: the content of a revision never changes once it was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Issued {
    revision: i32,
    withdrawn: bool,
    session_revision: i32,
    burst_patients: i32,
    rule_version: i32,
}

impl Session {
    pub(super) fn new(id: &str) -> Session {
        Session { id: id.into(), revisions: Vec::new(), issued: None, around: Vec::new(), due: None }
    }

    /// Takes a record of this session; answers what became of it and the receipts that changed.
    pub(super) fn offer(
        &mut self,
        head: &RecordHead<'_>,
        fact: &SessionFact<'_>,
        offer: Offer,
        stored_at: Instant,
    ) -> (Verdict, Vec<SessionReceipt>) {
        let place = self.revisions.binary_search_by_key(&head.revision, |known| known.revision);
        let mut before = None;
        if let Some(known) = place.ok().and_then(|at| self.revisions.get_mut(at)) {
            if let Some(verdict) = known.recognise(head) {
                let receipt = known.receipt(&self.id);
                return (verdict, if head.retry { Vec::new() } else { vec![receipt] });
            }
            before = Some((known.duplicates, known.conflicts, known.outcome, known.stored_at));
        }
        let higher_taken =
            self.revisions.iter().any(|known| known.revision > head.revision && known.outcome.counts());
        let outcome = match offer {
            Offer::Hold => Outcome::Held,
            Offer::GiveUp(reason) => Outcome::Rejected(reason),
            Offer::Take if higher_taken => Outcome::Superseded,
            Offer::Take => Outcome::Accepted,
        };
        let mut changed = vec![head.revision];
        if outcome == Outcome::Accepted {
            for earlier in self.revisions.iter_mut().filter(|known| known.outcome == Outcome::Accepted) {
                (earlier.outcome, earlier.content) = (Outcome::Superseded, None);
                changed.push(earlier.revision);
            }
        }
        let (duplicates, conflicts) =
            before.map_or((0, 0), |(duplicates, conflicts, ..)| (duplicates, conflicts));
        let since = before.filter(|(.., earlier, _)| *earlier == outcome).map(|(.., since)| since);
        let counts = outcome == Outcome::Accepted && head.status != RecordStatus::EnteredInError;
        let revision = Revision {
            revision: head.revision,
            outcome,
            source: head.source,
            digest: head.digest,
            duplicates,
            conflicts,
            patient_id: fact.patient_id.into(),
            began_at: head.event_at,
            stored_at: since.unwrap_or(stored_at),
            content: counts.then(|| Content::new(fact)),
        };
        match place {
            Ok(at) => self.revisions.splice(at..=at, [revision]).for_each(drop),
            Err(at) => self.revisions.insert(at, revision),
        }
        let receipts = self.revisions.iter().filter(|known| changed.contains(&known.revision));
        (outcome.verdict(), receipts.map(|known| known.receipt(&self.id)).collect())
    }

    fn in_force(&self) -> Option<&Revision> {
        self.revisions.iter().rfind(|known| known.outcome == Outcome::Accepted)
    }

    /// When it began, if it counts.
    pub(super) fn start(&self) -> Option<Instant> {
        self.start_and_patient().map(|(start, _)| start)
    }

    /// When it began, and in whose record, if it counts.
    pub(super) fn start_and_patient(&self) -> Option<Start<'_>> {
        let revision = self.in_force().filter(|revision| revision.content.is_some())?;
        Some((revision.began_at, &revision.patient_id))
    }

    /// When it began and ended, if it is to be judged.
    pub(super) fn span(&self) -> Option<(Instant, Instant)> {
        let revision = self.in_force()?;
        Some((revision.began_at, revision.content.as_ref()?.ended_at?))
    }

    /// Its place among the others: its start, of what is in force if anything is.
    pub(super) fn orders_at(&self) -> Instant {
        let newest = || self.revisions.iter().map(|known| known.began_at).max();
        self.in_force().map(|revision| revision.began_at).or_else(newest).unwrap_or_default()
    }

    /// Whether every revision began before `at`, and none waits.
    pub(super) fn is_over(&self, at: Instant) -> bool {
        self.revisions.iter().all(|known| known.began_at < at && known.outcome != Outcome::Held)
    }

    /// Has the sessions around these starts judged once no more of them can begin.
    pub(super) fn judge_around(&mut self, starts: impl Iterator<Item = Instant>, library: &Library) {
        for start in starts {
            if !self.around.contains(&start) {
                self.around.push(start);
            }
            self.due = self.due.max(Some(start.saturating_add(library.burst_length_max())));
        }
    }

    pub(super) fn take_judge_around(&mut self) -> Vec<Instant> {
        self.due = None;
        std::mem::take(&mut self.around)
    }

    pub(super) fn due(&self) -> Option<Instant> {
        self.due
    }

    /// Judges it, and issues what differs from the verdict issued last.
    pub(super) fn judge(&mut self, rule: &ReviewRule, burst_patients: i32, out: &mut Vec<VerdictChange>) {
        let Some(revision) = self.in_force() else { return };
        let Some((content, ended_at)) = revision.content.as_ref().and_then(|c| Some((c, c.ended_at?))) else {
            return;
        };
        let (sections_read, interactions) = (content.sections_read, content.interactions);
        let length = ended_at.since(revision.began_at);
        let judgement = judge(length, sections_read, interactions, burst_patients, rule);
        let mut now = Issued {
            revision: self.issued.map_or(0, |issued| issued.revision),
            withdrawn: false,
            session_revision: revision.revision,
            burst_patients,
            rule_version: rule.version,
        };
        if self.issued == Some(now) {
            return;
        }
        if let Some(moved) = self.issued_to_another(&revision.patient_id) {
            now.revision += 1;
            out.push(moved);
        }
        now.revision += 1;
        out.push(self.verdict(revision, now, ended_at, judgement, &rule.name));
        self.issued = Some(now);
    }

    /// Takes back the verdict issued last, if one stands.
    pub(super) fn withdraw(&mut self, out: &mut Vec<VerdictChange>) {
        let Some(issued) = self.issued.filter(|issued| !issued.withdrawn) else { return };
        out.extend(self.withdrawal(issued));
        self.issued = Some(Issued { revision: issued.revision + 1, withdrawn: true, ..issued });
    }

    /// The withdrawal of a verdict that stands for another patient.
    fn issued_to_another(&self, patient_id: &str) -> Option<VerdictChange> {
        let issued = self.issued.filter(|issued| !issued.withdrawn)?;
        self.withdrawal(issued).filter(|verdict| *verdict.patient_id != *patient_id)
    }

    fn withdrawal(&self, issued: Issued) -> Option<VerdictChange> {
        let judged = self.revisions.iter().find(|known| known.revision == issued.session_revision)?;
        let now = Issued { revision: issued.revision + 1, withdrawn: true, ..issued };
        let nothing = Judgement {
            too_short: false,
            too_few_sections: false,
            too_few_interactions: false,
            burst: false,
            burst_patients: issued.burst_patients,
        };
        Some(self.verdict(judged, now, judged.began_at, nothing, ""))
    }

    fn verdict(
        &self,
        revision: &Revision,
        issued: Issued,
        ended_at: Instant,
        judgement: Judgement,
        rule: &str,
    ) -> VerdictChange {
        let content = revision.content.as_ref();
        let shared = |text: &Option<Box<str>>| text.as_deref().map(Arc::from);
        VerdictChange {
            id: (&*self.id).into(),
            revision: issued.revision,
            withdrawn: issued.withdrawn,
            source: revision.source,
            patient_id: (&*revision.patient_id).into(),
            began_at: revision.began_at,
            ended_at,
            session_revision: revision.revision,
            episode_id: content.and_then(|content| shared(&content.episode_id)),
            upload_id: content.and_then(|content| shared(&content.upload_id)),
            interactions: content.map_or(0, |content| content.interactions),
            sections_read: content.map_or(0, |content| content.sections_read),
            judgement,
            rule: rule.into(),
        }
    }
}

impl Revision {
    /// Counts a copy. `None`: it is to be taken anew.
    fn recognise(&mut self, head: &RecordHead<'_>) -> Option<Verdict> {
        let rejected = matches!(self.outcome, Outcome::Rejected(_));
        if head.retry {
            let anew = rejected || self.outcome == Outcome::Held;
            return (!anew).then_some(Verdict::Duplicate);
        }
        if rejected || self.digest == head.digest {
            self.duplicates = self.duplicates.saturating_add(1);
            return (!rejected).then_some(Verdict::Duplicate);
        }
        self.conflicts = self.conflicts.saturating_add(1);
        Some(Verdict::Conflict)
    }

    fn receipt(&self, id: &str) -> SessionReceipt {
        let (outcome, reason) = self.outcome.words();
        let receipt = ReceiptChange {
            kind: InputKind::ClinicianActivity,
            id: id.into(),
            revision: self.revision,
            outcome,
            reason,
            copies: 1u32.saturating_add(self.duplicates).saturating_add(self.conflicts),
            duplicates: self.duplicates,
            conflicts: self.conflicts,
            stored_at: self.stored_at,
            attribution: OwnedAttribution::default(),
            source: self.source,
        };
        SessionReceipt { patient_id: (&*self.patient_id).into(), receipt }
    }
}

impl Content {
    fn new(fact: &SessionFact<'_>) -> Content {
        Content {
            episode_id: fact.episode_id.map(Box::from),
            upload_id: fact.upload_id.map(Box::from),
            ended_at: fact.ended_at,
            interactions: fact.interactions,
            sections_read: fact.sections_read,
        }
    }
}

impl Outcome {
    fn words(self) -> (&'static str, Option<&'static str>) {
        match self {
            Outcome::Accepted => ("accepted", None),
            Outcome::Superseded => ("accepted", Some("superseded")),
            Outcome::Held => ("held", None),
            Outcome::Rejected(reason) => ("rejected", Some(reason.code())),
        }
    }

    fn counts(self) -> bool {
        matches!(self, Outcome::Accepted | Outcome::Superseded)
    }

    fn verdict(self) -> Verdict {
        match self {
            Outcome::Accepted => Verdict::Accepted,
            Outcome::Superseded => Verdict::Superseded,
            Outcome::Held => Verdict::Hold,
            Outcome::Rejected(reason) => Verdict::Rejected { reason, place: String::new() },
        }
    }
}
