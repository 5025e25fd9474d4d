//! The state of one patient: every receipt, the facts in force, what was issued.
//!
//! Scores are never incremented, always recomputed from the facts in force, so that any order of the same facts ends
//! with the same scores. What depends on arrival is only `stored_at`, which copies were the duplicates, and which rows
//! had to be withdrawn because they had been issued.

mod bytes;
mod compare;
mod course;
mod enrolment;
mod evaluate;
mod forms;
mod id;
mod issue;
mod judge;
pub(crate) mod names;
mod own;
mod record;
mod rows;
mod series;
mod store;

use serde::{Deserialize, Serialize};

pub use enrolment::Episode;
pub use rows::{
    Attribution, Changes, Judges, OwnedAttribution, ReceiptChange, ScoreChange, ScoreStatus, Verdict,
};

use crate::documents::Library;
use crate::facts::{Body, EnrolmentFact, InputKind, RecordHead, RecordStatus};
use crate::reason::Reason;
use crate::time::Instant;
use course::Tail;
use enrolment::{AttributionSyms, Statement};
use evaluate::Evaluation;
use forms::Forms;
use id::Id;
use names::{Names, Sym};
use own::OwnPart;
use record::{Outcome, Record, Upload, View};
use store::{Seen, Store};

/// The state of one patient. The default is a patient of whom nothing is known.
///
/// Serialises for the changelog; the layout is part of the state's version.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Patient {
    names: Names,
    /// Every record's receipt, and the uploads in force.
    store: Store,
    /// The enrolments in force.
    statements: Vec<Statement>,
    /// Every episode of which an enrolment was ever accepted.
    known_episodes: Vec<Sym>,
    /// Where the scores of each episode stand after the last upload.
    tails: Box<[Tail]>,
    due: Due,
    own: OwnPart,
}

/// Which scores may differ from what was issued.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
enum Due {
    #[default]
    Nothing,
    /// Those answered at or after it.
    From(Instant),
    All,
}

impl Due {
    fn or_from(self, at: Instant) -> Due {
        match self {
            Due::All => Due::All,
            Due::Nothing => Due::From(at),
            Due::From(earlier) => Due::From(earlier.min(at)),
        }
    }
}

/// What becomes of an offered record.
struct Taken {
    outcome: Outcome,
    stored_at: Instant,
    forms: Forms,
}

impl Patient {
    /// Offers a record. Its receipt is always kept (except for a record without an id, which can have none).
    ///
    /// - The highest accepted revision of an id is in force; a lower one is superseded, whichever came first.
    /// - The same revision again is a duplicate where the digest is equal, else a conflict: counted, not applied.
    /// - A rejected record is evaluated anew whenever its (id, revision) comes again, and counted as a duplicate.
    /// - Uploads and events wait for the first enrolment, an upload that names its episode for one of that episode.
    /// - With `retry`, a held record is evaluated anew, and not counted again.
    ///
    /// `stored_at` is the tick at which this happens.
    pub fn offer(
        &mut self,
        head: &RecordHead<'_>,
        body: &Body<'_>,
        stored_at: Instant,
        library: &Library,
    ) -> Verdict {
        if head.id.is_empty() {
            return Verdict::Rejected { reason: Reason::MissingId, place: String::new() };
        }
        let seen = self.store.look_up(head.kind, Id::new(head.id), head.revision);
        if let Some(verdict) = self.recognise(head, &seen) {
            return verdict;
        }
        let evaluation = self.evaluate(head, body, &seen, library);
        let (outcome, verdict, forms) = match evaluation {
            Evaluation::Rejected(reason, place) => {
                (Outcome::Rejected(reason), Verdict::Rejected { reason, place }, Forms::default())
            }
            Evaluation::Held => (Outcome::Held, Verdict::Hold, Forms::default()),
            Evaluation::Superseded => (Outcome::Superseded, Verdict::Superseded, Forms::default()),
            Evaluation::Taken(Outcome::Unscored(reason), forms) => {
                (Outcome::Unscored(reason), Verdict::Unscored(reason), forms)
            }
            Evaluation::Taken(outcome, forms) => (outcome, Verdict::Accepted, forms),
        };
        self.take(head, body, &seen, Taken { outcome, stored_at, forms });
        verdict
    }

    /// Keeps a receipt `held` for a record that the caller holds for a reason of its own (its time lies ahead of the
    /// tick). Copies are recognised as by [`Patient::offer`]; otherwise the verdict is `Hold`.
    pub fn hold(&mut self, head: &RecordHead<'_>, stored_at: Instant) -> Verdict {
        self.decide(head, Outcome::Held, stored_at, Verdict::Hold)
    }

    /// Keeps a receipt `rejected` for a record that the caller rejects for a reason of its own. Copies are recognised
    /// as by [`Patient::offer`]; otherwise the verdict is `Rejected`.
    pub fn reject(&mut self, head: &RecordHead<'_>, reason: Reason, stored_at: Instant) -> Verdict {
        let verdict = Verdict::Rejected { reason, place: String::new() };
        self.decide(head, Outcome::Rejected(reason), stored_at, verdict)
    }

    /// The wait of a held record ended: its receipt becomes rejected. Nothing happens where no such record is held.
    pub fn give_up(&mut self, kind: InputKind, id: &str, revision: i32, reason: Reason, stored_at: Instant) {
        let Some(at) = self.store.look_up(kind, Id::new(id), revision).exact else { return };
        self.store.change(at, |record| {
            if record.outcome == Outcome::Held {
                record.outcome = Outcome::Rejected(reason);
                record.stored_at = stored_at;
                record.receipt_due = true;
            }
        });
    }

    /// The receipts and scores that differ from what was last issued, and what the scores add to curves and take from
    /// them, over `out`, and marks them issued. Scores that no longer stand are issued as withdrawn. Receipts come by
    /// stream, id and revision, scores by answer time, upload, episode and form, each upload's composite last.
    ///
    /// The rows of one upload and episode are issued together. The caller writes the contributions under the sequences
    /// that they carry.
    pub fn changes(&mut self, judges: &Judges<'_>, out: &mut Changes) {
        out.clear();
        self.issue_receipts(out);
        self.issue_scores(judges, out);
    }

    /// Whether an edition of a procedure's curves that is in force from `effective_from` on may judge any score.
    pub fn is_judged_by(&self, procedure: &str, effective_from: Instant) -> bool {
        let known = self.names.find(procedure);
        known.is_some_and(|procedure| self.has_procedure(procedure))
            && self.store.last_upload_at() >= Some(effective_from)
    }

    /// What was answered from `effective_from` on is to be judged anew by the next [`Patient::changes`].
    pub fn judge_anew(&mut self, effective_from: Instant) {
        self.due = self.due.or_from(effective_from);
    }

    fn decide(
        &mut self,
        head: &RecordHead<'_>,
        outcome: Outcome,
        stored_at: Instant,
        verdict: Verdict,
    ) -> Verdict {
        if head.id.is_empty() {
            return Verdict::Rejected { reason: Reason::MissingId, place: String::new() };
        }
        let seen = self.store.look_up(head.kind, Id::new(head.id), head.revision);
        if let Some(known) = self.recognise(head, &seen) {
            return known;
        }
        self.take(head, &Body::Event, &seen, Taken { outcome, stored_at, forms: Forms::default() });
        verdict
    }

    /// Counts a copy. `None`: the record is new, or is to be evaluated anew.
    fn recognise(&mut self, head: &RecordHead<'_>, seen: &Seen) -> Option<Verdict> {
        let mut verdict = None;
        self.store.change(seen.exact?, |record| {
            let rejected = matches!(record.outcome, Outcome::Rejected(_));
            if head.retry {
                verdict =
                    if rejected || record.outcome == Outcome::Held { None } else { Some(Verdict::Duplicate) };
                return;
            }
            record.receipt_due = true;
            if rejected || record.digest == head.digest {
                record.duplicates = record.duplicates.saturating_add(1);
                verdict = (!rejected).then_some(Verdict::Duplicate);
            } else {
                record.conflicts = record.conflicts.saturating_add(1);
                verdict = Some(Verdict::Conflict);
            }
        });
        verdict
    }

    /// Writes the record's receipt and, where it is in force now, what it says.
    fn take(&mut self, head: &RecordHead<'_>, body: &Body<'_>, seen: &Seen, taken: Taken) {
        let Taken { outcome, stored_at, mut forms } = taken;
        let id = Id::new(head.id);
        let before = seen.exact.map(|at| self.store.cut(at));
        let mut issued = Vec::new();
        if outcome.in_force() && seen.lower_in_force.is_some() {
            let bytes = self.supersede(head, id).unwrap_or_default();
            let earlier = View::read(0, &bytes).and_then(|view| view.record()?.upload);
            if let Some(earlier) = earlier.filter(|earlier| !earlier.issued.is_empty()) {
                forms.replace(earlier.forms);
                issued = earlier.issued;
            }
        }
        let (event_at, episode) = match body {
            Body::Upload(upload) => (upload.answered_at, upload.episode_id),
            Body::Enrolment(fact) => (head.event_at, Some(fact.episode_id)),
            _ => (head.event_at, None),
        };
        let episode = episode.map(|episode| self.names.intern(episode));
        let upload = match body {
            Body::Upload(fact) if outcome.in_force() => Some(Upload {
                uploaded_at: fact.uploaded_at,
                respondent: self.names.intern(fact.respondent),
                withdrawn: head.status == RecordStatus::EnteredInError,
                forms: &forms.0,
                issued,
            }),
            _ => None,
        };
        let has_upload = upload.is_some();
        let mut record = Record {
            kind: head.kind,
            id,
            revision: head.revision,
            source: head.source,
            outcome,
            receipt_due: true,
            duplicates: 0,
            conflicts: 0,
            episode,
            digest: head.digest,
            event_at,
            stored_at,
            upload,
        };
        let before = before.as_deref().and_then(|bytes| View::read(0, bytes)?.record());
        if let Some(before) = before {
            record.succeed(&before);
        }
        self.store.insert(&record);
        if has_upload {
            self.touch(event_at);
        }
        match body {
            Body::Enrolment(fact) if outcome.counts() => self.enrol(head, fact, outcome),
            _ => {}
        }
    }

    /// Takes the revision in force below `head` out of force; answers how it was kept.
    fn supersede(&mut self, head: &RecordHead<'_>, id: Id<'_>) -> Option<Vec<u8>> {
        let at = self.store.look_up(head.kind, id, head.revision).lower_in_force?;
        let bytes = self.store.cut(at);
        let mut record = View::read(0, &bytes)?.record()?;
        record.outcome = Outcome::Superseded;
        record.receipt_due = true;
        let was_upload = record.upload.take().is_some();
        self.store.insert(&record);
        let answered_at = record.event_at;
        if was_upload {
            self.touch(answered_at);
        }
        Some(bytes)
    }

    /// An accepted enrolment: what it says holds if it is in force and no withdrawal; its episode is known either way.
    fn enrol(&mut self, head: &RecordHead<'_>, fact: &EnrolmentFact<'_>, outcome: Outcome) {
        let episode = self.names.intern(fact.episode_id);
        if !self.known_episodes.contains(&episode) {
            self.known_episodes.reserve_exact(1);
            self.known_episodes.push(episode);
        }
        if !outcome.in_force() {
            return;
        }
        let before = self.attributions();
        let statement = Statement::new(head.id, fact, &mut self.names);
        self.statements.retain(|known| known.id != statement.id);
        if head.status != RecordStatus::EnteredInError {
            self.statements.reserve_exact(1);
            self.statements.push(statement);
        }
        self.mark_receipts(&before);
        self.due = Due::All;
    }

    /// An upload answered at `answered_at` came, changed or went: what was answered later may differ, and everything
    /// where it could be a baseline.
    fn touch(&mut self, answered_at: Instant) {
        let mut treatments = self.known_episodes.iter().filter_map(|episode| self.treated_at(*episode));
        let may_be_baseline = treatments.any(|treated| answered_at < treated);
        self.due = if may_be_baseline { Due::All } else { self.due.or_from(answered_at) };
    }

    /// Who each record belongs to, with its place in the store.
    fn attributions(&self) -> Vec<(usize, AttributionSyms)> {
        let of = |view: View<'_>| {
            let episode = view.facts().and_then(|facts| facts.episode);
            (view.at, self.attribution_of(episode, view.event_at))
        };
        self.store.views().map(of).collect()
    }

    /// Marks the receipts whose attribution is not that of `before`.
    fn mark_receipts(&mut self, before: &[(usize, AttributionSyms)]) {
        let after = self.attributions();
        for ((at, before), (_, after)) in before.iter().zip(&after) {
            if before != after {
                self.store.change(*at, |record| record.receipt_due = true);
            }
        }
    }
}
