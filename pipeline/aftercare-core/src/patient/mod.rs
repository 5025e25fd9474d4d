//! The state of one patient: every receipt, the facts in force, what was issued.
//!
//! Scores are never incremented, always recomputed from the facts in force, so that any order of the same facts ends
//! with the same scores. What depends on arrival is only `stored_at`, which copies were the duplicates, and which rows
//! had to be withdrawn because they had been issued.

mod course;
mod enrolment;
mod forms;
mod issue;
mod judge;
mod names;
mod record;
mod rows;

use serde::{Deserialize, Serialize};

pub use enrolment::Episode;
pub use rows::{Attribution, Changes, OwnedAttribution, ReceiptChange, ScoreChange, ScoreStatus, Verdict};

use crate::documents::Library;
use crate::facts::{Body, EnrolmentFact, InputKind, RecordHead, RecordStatus, UploadFact};
use crate::reason::Reason;
use crate::time::Instant;
use crate::zone::Zone;
use enrolment::{AttributionSyms, Statement};
use forms::{FormHead, FormState, Forms, Packer};
use names::Names;
use record::{Content, Outcome, Record, Upload};

/// The state of one patient. The default is a patient of whom nothing is known.
///
/// Serialises for the changelog; the layout is part of the state's version.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Patient {
    names: Names,
    /// By kind, id, revision.
    records: Vec<Record>,
    /// Positions of the uploads in force, by (answered, uploaded, id).
    timeline: Vec<u32>,
    due: Due,
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

/// What an offered record would become.
enum Evaluation {
    Rejected(Reason, String),
    Held,
    Superseded,
    Taken(Outcome, Forms),
}

/// What a receipt is written with.
struct Settled<'a> {
    event_at: Instant,
    episode: Option<&'a str>,
    outcome: Outcome,
    stored_at: Instant,
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
        if let Some(verdict) = self.recognise(head) {
            return verdict;
        }
        let evaluation = self.evaluate(head, body, library);
        let (event_at, episode) = match body {
            Body::Upload(upload) => (upload.answered_at, upload.episode_id),
            Body::Enrolment(fact) => (head.event_at, Some(fact.episode_id)),
            Body::Event => (head.event_at, None),
        };
        let settled = |outcome| Settled { event_at, episode, outcome, stored_at };
        match evaluation {
            Evaluation::Rejected(reason, place) => {
                self.settle(head, settled(Outcome::Rejected(reason)));
                Verdict::Rejected { reason, place }
            }
            Evaluation::Held => {
                self.settle(head, settled(Outcome::Held));
                Verdict::Hold
            }
            Evaluation::Superseded => {
                self.settle(head, settled(Outcome::Superseded));
                Verdict::Superseded
            }
            Evaluation::Taken(outcome, forms) => {
                let position = self.settle(head, settled(outcome));
                self.apply(position, head, body, forms);
                match outcome {
                    Outcome::Unscored(reason) => Verdict::Unscored(reason),
                    _ => Verdict::Accepted,
                }
            }
        }
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
        let Ok(position) = self.find(kind, id, revision) else { return };
        let Some(record) = self.records.get_mut(position).filter(|record| record.outcome == Outcome::Held)
        else {
            return;
        };
        record.outcome = Outcome::Rejected(reason);
        record.stored_at = stored_at;
        record.receipt_due = true;
    }

    /// The receipts and scores that differ from what was last issued, over `out`, and marks them issued. Scores that
    /// no longer stand are issued as withdrawn. Receipts come by stream, id and revision, scores by answer time,
    /// upload, episode and form, each upload's composite last.
    ///
    /// The rows of one upload and episode are issued together.
    pub fn changes(&mut self, library: &Library, out: &mut Changes) {
        out.clear();
        self.issue_receipts(out);
        self.issue_scores(library, out);
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
        if let Some(known) = self.recognise(head) {
            return known;
        }
        self.settle(head, Settled { event_at: head.event_at, episode: None, outcome, stored_at });
        verdict
    }

    fn find(&self, kind: InputKind, id: &str, revision: i32) -> Result<usize, usize> {
        self.records.binary_search_by(|record| record.key().cmp(&(kind, id, revision)))
    }

    fn enrolments(&self) -> &[Record] {
        let end = self.records.partition_point(|record| record.kind <= InputKind::Enrolment);
        self.records.get(..end).unwrap_or_default()
    }

    /// Counts a copy. `None`: the record is new, or is to be evaluated anew.
    fn recognise(&mut self, head: &RecordHead<'_>) -> Option<Verdict> {
        let position = self.find(head.kind, head.id, head.revision).ok()?;
        let record = self.records.get_mut(position)?;
        if matches!(record.outcome, Outcome::Rejected(_)) {
            if !head.retry {
                record.duplicates = record.duplicates.saturating_add(1);
                record.receipt_due = true;
            }
            return None;
        }
        if head.retry {
            return if record.outcome == Outcome::Held { None } else { Some(Verdict::Duplicate) };
        }
        record.receipt_due = true;
        if record.digest == head.digest {
            record.duplicates = record.duplicates.saturating_add(1);
            Some(Verdict::Duplicate)
        } else {
            record.conflicts = record.conflicts.saturating_add(1);
            Some(Verdict::Conflict)
        }
    }

    fn evaluate(&mut self, head: &RecordHead<'_>, body: &Body<'_>, library: &Library) -> Evaluation {
        let withdrawn = head.status == RecordStatus::EnteredInError;
        let mut taken = (Outcome::Accepted, Forms::default());
        let checked = match body {
            Body::Enrolment(fact) if !withdrawn => check_enrolment(fact),
            Body::Upload(upload) if !withdrawn => {
                score_forms(&mut self.names, upload, library).map(|scored| taken = scored)
            }
            Body::Enrolment(_) | Body::Upload(_) | Body::Event => Ok(()),
        };
        if let Err((reason, place)) = checked {
            return Evaluation::Rejected(reason, place);
        }
        let waits = match body {
            Body::Enrolment(_) => false,
            Body::Upload(UploadFact { episode_id: Some(episode), .. }) => !self.knows_episode(episode),
            Body::Upload(_) | Body::Event => !self.is_enrolled(),
        };
        if waits {
            return Evaluation::Held;
        }
        let revisions = self.revisions(head.kind, head.id);
        let known = self.records.get(revisions).unwrap_or_default();
        if known.iter().any(|record| record.revision > head.revision && record.outcome.counts()) {
            return Evaluation::Superseded;
        }
        let (outcome, forms) = taken;
        Evaluation::Taken(outcome, forms)
    }

    /// Positions of all revisions of one id.
    fn revisions(&self, kind: InputKind, id: &str) -> std::ops::Range<usize> {
        let start = self.records.partition_point(|record| (record.kind, &*record.id) < (kind, id));
        let rest = self.records.get(start..).unwrap_or_default();
        start..start + rest.iter().take_while(|record| (record.kind, &*record.id) == (kind, id)).count()
    }

    /// Writes the record's receipt; answers its position.
    fn settle(&mut self, head: &RecordHead<'_>, settled: Settled<'_>) -> usize {
        let mut record = Record {
            kind: head.kind,
            id: head.id.into(),
            revision: head.revision,
            source: head.source,
            outcome: settled.outcome,
            receipt_due: true,
            duplicates: 0,
            conflicts: 0,
            episode: settled.episode.map(|episode| self.names.intern(episode)),
            digest: head.digest,
            event_at: settled.event_at,
            stored_at: settled.stored_at,
            content: Content::Nothing,
        };
        match self.find(head.kind, head.id, head.revision) {
            Ok(position) => {
                if let Some(known) = self.records.get_mut(position) {
                    record.succeed(known);
                    *known = record;
                }
                position
            }
            Err(position) => {
                self.records.insert(position, record);
                for entry in &mut self.timeline {
                    *entry += u32::from(usize_of(*entry) >= position);
                }
                position
            }
        }
    }

    /// Puts an accepted record in force, in place of the revision that was.
    fn apply(&mut self, position: usize, head: &RecordHead<'_>, body: &Body<'_>, forms: Forms) {
        match body {
            Body::Enrolment(fact) => {
                let before = self.attributions();
                self.supersede(position);
                if head.status != RecordStatus::EnteredInError {
                    let statement = Statement::new(fact, &mut self.names);
                    self.put(position, Content::Statement(Box::new(statement)));
                }
                self.mark_receipts(&before);
                self.due = Due::All;
            }
            Body::Upload(fact) => self.apply_upload(position, head, fact, forms),
            Body::Event => {
                self.supersede(position);
            }
        }
    }

    fn apply_upload(&mut self, position: usize, head: &RecordHead<'_>, fact: &UploadFact<'_>, forms: Forms) {
        let earlier = self.supersede(position);
        let (forms, issued) = match earlier {
            Content::Upload(earlier) if !earlier.issued.is_empty() => {
                (forms.replacing(&earlier.forms), earlier.issued)
            }
            _ => (forms, Box::default()),
        };
        let upload = Upload {
            uploaded_at: fact.uploaded_at,
            respondent: self.names.intern(fact.respondent),
            withdrawn: head.status == RecordStatus::EnteredInError,
            forms,
            issued,
        };
        self.put(position, Content::Upload(Box::new(upload)));
        self.enter_timeline(position);
        self.touch(fact.answered_at);
    }

    fn put(&mut self, position: usize, content: Content) {
        if let Some(record) = self.records.get_mut(position) {
            record.content = content;
        }
    }

    /// Takes the revision in force before `position` out of force; answers what it said.
    fn supersede(&mut self, position: usize) -> Content {
        let Some(record) = self.records.get(position) else { return Content::Nothing };
        let revisions = self.revisions(record.kind, &record.id);
        let mut said = Content::Nothing;
        for earlier in revisions.start..position {
            let Some(record) = self.records.get_mut(earlier) else { continue };
            if !matches!(record.outcome, Outcome::Accepted | Outcome::Unscored(_)) {
                continue;
            }
            record.outcome = Outcome::Superseded;
            record.receipt_due = true;
            said = std::mem::replace(&mut record.content, Content::Nothing);
            if matches!(said, Content::Upload(_)) {
                let answered_at = record.event_at;
                self.timeline.retain(|entry| usize_of(*entry) != earlier);
                self.touch(answered_at);
            }
        }
        said
    }

    fn enter_timeline(&mut self, position: usize) {
        let order = |position: usize| {
            let record = self.records.get(position)?;
            Some((record.event_at, record.upload()?.uploaded_at, &*record.id))
        };
        let own = order(position);
        let at = self.timeline.partition_point(|entry| order(usize_of(*entry)) < own);
        let entry =
            u32::try_from(position).expect("a patient's records fill memory before they fill 32 bits");
        self.timeline.insert(at, entry);
    }

    /// An upload answered at `answered_at` came, changed or went: what was answered later may differ, and everything
    /// where it could be a baseline.
    fn touch(&mut self, answered_at: Instant) {
        let before_a_treatment = || {
            let episodes = self.episode_syms();
            episodes
                .into_iter()
                .filter_map(|episode| self.treated_at(episode))
                .any(|treated| answered_at < treated)
        };
        self.due = match self.due {
            Due::All => Due::All,
            _ if before_a_treatment() => Due::All,
            Due::Nothing => Due::From(answered_at),
            Due::From(earlier) => Due::From(earlier.min(answered_at)),
        };
    }

    fn attributions(&self) -> Vec<AttributionSyms> {
        self.records.iter().map(|record| self.attribution_of(record)).collect()
    }

    /// Marks the receipts whose attribution is not that of `before`.
    fn mark_receipts(&mut self, before: &[AttributionSyms]) {
        let after = self.attributions();
        for ((record, before), after) in self.records.iter_mut().zip(before).zip(&after) {
            record.receipt_due |= before != after;
        }
    }

    fn issue_receipts(&mut self, out: &mut Changes) {
        for position in 0..self.records.len() {
            let Some(record) = self.records.get_mut(position) else { continue };
            if !std::mem::take(&mut record.receipt_due) {
                continue;
            }
            let Some(record) = self.records.get(position) else { continue };
            let (outcome, reason) = record.outcome.words();
            out.receipts.push(ReceiptChange {
                kind: record.kind,
                id: record.id.as_ref().into(),
                revision: record.revision,
                outcome,
                reason,
                copies: record.copies(),
                duplicates: record.duplicates,
                conflicts: record.conflicts,
                stored_at: record.stored_at,
                attribution: self.owned(self.attribution_of(record)),
                source: record.source,
            });
        }
    }
}

fn usize_of(entry: u32) -> usize {
    usize::try_from(entry).unwrap_or(usize::MAX)
}

fn check_enrolment(fact: &EnrolmentFact<'_>) -> Result<(), (Reason, String)> {
    if fact.episode_id.is_empty() {
        return Err((Reason::MissingId, "episode_id".to_owned()));
    }
    match fact.time_zone {
        Some(zone) if Zone::named(zone).is_none() => Err((Reason::UnknownTimeZone, "time_zone".to_owned())),
        _ => Ok(()),
    }
}

/// Scores every form; the whole upload is rejected where one of them is not valid.
fn score_forms(
    names: &mut Names,
    upload: &UploadFact<'_>,
    library: &Library,
) -> Result<(Outcome, Forms), (Reason, String)> {
    if upload.forms.is_empty() {
        return Err((Reason::NoForms, "forms".to_owned()));
    }
    let mut packer = Packer::default();
    let mut values = Vec::new();
    let mut unscored = None;
    let mut any_scored = false;
    for (position, form) in upload.forms.iter().enumerate() {
        let place = |inner: &str| match inner {
            "" => format!("form {}", position + 1),
            _ => format!("form {} ({}), {inner}", position + 1, form.instrument),
        };
        let Some(document) = library.instrument(form.instrument, form.instrument_version) else {
            return Err((Reason::UnknownInstrument, place("")));
        };
        let earlier = upload.forms.get(..position).unwrap_or_default();
        if earlier.iter().any(|earlier| earlier.instrument == form.instrument) {
            return Err((Reason::ConflictingContent, place("instrument repeated")));
        }
        let missing = document
            .evaluate(&form.answers, &mut values)
            .map_err(|error| (error.reason, place(&error.place)))?;
        let state = missing.map_or(FormState::Scored, FormState::Unscored);
        any_scored |= missing.is_none();
        unscored = unscored.or(missing);
        let head = FormHead { instrument: names.intern(&document.id), version: document.version, state };
        packer.push(head, if missing.is_none() { &values } else { &[] });
    }
    let outcome = match unscored {
        Some(reason) if !any_scored => Outcome::Unscored(reason),
        _ => Outcome::Accepted,
    };
    Ok((outcome, packer.finish()))
}
