//! Sessions of clinicians become verdicts of their patients, as in the running system: each clinician's sessions are
//! judged together, at the first moment at which a burst around them is over.

use std::collections::BTreeMap;

use aftercare_core::clinician::{ClinicianBook, Offer, SessionChanges, Terms, VerdictChange};
use aftercare_core::facts::{Body, InputKind, RecordHead, RecordStatus, VerdictFact};
use aftercare_core::time::{Instant, Millis};

use super::tried::Tried;
use crate::facts_file::{FactsFile, Line, Says};

/// A verdict, and its place among the lines of the file.
pub(super) struct StoredVerdict {
    pub(super) line: Line,
    clinician_id: Box<str>,
    change: VerdictChange,
}

/// The verdicts of each patient, as they become known. Moments are closings, and the last one the end: each waits for the
/// verdicts of all sessions that became known before it.
pub(super) fn verdicts(
    file: &FactsFile,
    tried: &Tried,
    moments: &[Line],
) -> BTreeMap<Box<str>, Vec<StoredVerdict>> {
    let mut all: BTreeMap<Box<str>, Vec<StoredVerdict>> = BTreeMap::new();
    for (clinician_id, lines) in &file.clinicians {
        let mut desk = Desk {
            tried,
            book: ClinicianBook::default(),
            changes: SessionChanges::default(),
            taken_at: Instant::MIN,
        };
        let mut judged = |line, changes: &mut SessionChanges| {
            for change in changes.verdicts.drain(..) {
                let clinician_id = clinician_id.clone();
                let verdict = StoredVerdict { line, clinician_id, change };
                all.entry((*verdict.change.patient_id).into()).or_default().push(verdict);
            }
            changes.clear();
        };
        let mut lines = lines.iter().copied().peekable();
        for moment in moments {
            while let Some(line) = lines.next_if(|line| line < moment) {
                desk.judge_until(line.stored_at, &mut judged);
                desk.take(file, line);
            }
            desk.judge_until(moment.stored_at, &mut judged);
            desk.judge_all(moment.before(), &mut judged);
        }
    }
    for verdicts in all.values_mut() {
        verdicts.sort_by_key(|verdict| verdict.line);
    }
    all
}

/// The sessions of one clinician.
struct Desk<'t> {
    tried: &'t Tried,
    book: ClinicianBook,
    changes: SessionChanges,
    /// When the last session became known.
    taken_at: Instant,
}

impl Desk<'_> {
    /// Judges what is due before then, each when it is.
    fn judge_until(&mut self, until: Instant, judged: &mut impl FnMut(Line, &mut SessionChanges)) {
        while let Some(due) = self.book.next_due() {
            // what came late is judged when it came
            let tick = due.max(self.taken_at);
            if tick >= until {
                return;
            }
            self.book.judge(tick, &self.tried.library, &mut self.changes);
            judged(Line::after(tick), &mut self.changes);
            if self.book.next_due() == Some(due) {
                // no rule is known by which it could be judged
                return;
            }
        }
    }

    /// Judges what came so far, before the bursts around it are over.
    fn judge_all(&mut self, line: Line, judged: &mut impl FnMut(Line, &mut SessionChanges)) {
        self.book.judge(Instant::MAX, &self.tried.library, &mut self.changes);
        judged(line, &mut self.changes);
    }

    fn take(&mut self, file: &FactsFile, line: Line) {
        // a file is judged as a whole: no session is too old to be taken
        let remembered = Millis(i64::MAX);
        let terms = Terms { stored_at: line.stored_at, library: &self.tried.library, remembered };
        self.taken_at = line.stored_at;
        let Desk { tried, book, changes, .. } = self;
        file.fact(line, &tried.reading(&tried.id), |fact| {
            if let Says::Session { head, fact, .. } = &fact.says {
                book.offer(head, fact, Offer::Take, &terms, changes);
            }
        });
    }
}

impl StoredVerdict {
    /// Hands the verdict on as the record that it is to its patient.
    pub(super) fn record<T>(&self, take: impl FnOnce(&RecordHead<'_>, &Body<'_>) -> T) -> T {
        let change = &self.change;
        let judgement = &change.judgement;
        let head = RecordHead {
            kind: InputKind::SessionVerdict,
            id: &change.id,
            revision: change.revision,
            status: match change.revision {
                _ if change.withdrawn => RecordStatus::EnteredInError,
                1 => RecordStatus::Final,
                _ => RecordStatus::Amended,
            },
            source: change.source,
            event_at: change.began_at,
            digest: 0,
            retry: false,
        };
        let fact = VerdictFact {
            clinician_id: &self.clinician_id,
            session_revision: change.session_revision,
            episode_id: change.episode_id.as_deref(),
            upload_id: change.upload_id.as_deref(),
            ended_at: change.ended_at,
            service: judgement.is_service() && !change.withdrawn,
            reasons: judgement.reasons().collect(),
            duration_ms: change.ended_at.since(change.began_at).0,
            interactions: change.interactions,
            sections_read: change.sections_read,
            burst_patients: judgement.burst_patients,
            rule: &change.rule,
        };
        take(&head, &Body::Verdict(fact))
    }
}
