//! What the file says of one patient, fact by fact, and the ledger that follows from it.

use std::collections::BTreeMap;

use aftercare_core::contract::{Entry, LedgerBook, Outside};
use aftercare_core::facts::{Body, InputKind, RecordHead};
use aftercare_core::patient::Verdict;
use aftercare_core::time::Instant;

use super::driver::Counts;
use super::months::{self, MonthSaid};
use super::scored::{Scored, given_row};
use super::sessions::StoredVerdict;
use super::tried::Tried;
use crate::facts_file::{FactsFile, For, Given, Line, PatientFacts, Says};

/// One patient.
pub(super) struct Case<'t> {
    /// The patient's, or the pool's.
    pub(super) id: Box<str>,
    /// Those that the patient's enrolments name.
    episodes: Vec<&'t str>,
    verdicts: &'t [StoredVerdict],
    months: Vec<MonthSaid>,
    /// What is to be taken, in this order.
    steps: Vec<(Line, Step)>,
    taken: usize,
    book: LedgerBook,
    revisions: Revisions,
    /// Where some upload has forms.
    scored: Option<Scored>,
}

#[derive(Clone, Copy)]
enum Step {
    Line,
    Verdict(usize),
    Month(usize),
}

/// What a file is read by.
#[derive(Clone, Copy)]
pub(super) struct Reader<'t> {
    pub(super) file: &'t FactsFile,
    pub(super) tried: &'t Tried,
    pub(super) reading: For<'t>,
}

impl<'t> Case<'t> {
    /// Everything of the patient that becomes known before the last of `moments`, those at which it is looked at.
    pub(super) fn new(
        patient: &'t PatientFacts,
        verdicts: &'t [StoredVerdict],
        moments: &[Line],
        reader: &Reader<'_>,
    ) -> Case<'t> {
        let months = months::said(&patient.readings, moments, &reader.tried.zone);
        let last = moments.last().copied();
        let lines = patient.lines.iter().map(|line| (*line, Step::Line));
        let lines = lines.filter(|(line, _)| Some(*line) < last);
        let mut steps: Vec<(Line, Step)> = lines.collect();
        let judged = verdicts.iter().enumerate();
        steps.extend(judged.map(|(at, verdict)| (verdict.line, Step::Verdict(at))));
        steps.extend(months.iter().enumerate().map(|(at, said)| (said.line, Step::Month(at))));
        steps.sort_by_key(|(line, _)| *line);
        let id = reader.reading.pool(&patient.id).map_or_else(|| patient.id.clone(), String::into_boxed_str);
        Case {
            episodes: patient.episodes.iter().map(|episode| &**episode).collect(),
            verdicts,
            months,
            steps,
            scored: patient.has_forms.then(Scored::default),
            ..Case::pool(id)
        }
    }

    /// A case of which the file says nothing: a pool's.
    pub(super) fn pool(id: impl Into<Box<str>>) -> Case<'t> {
        let (id, mut book) = (id.into(), LedgerBook::default());
        book.open_pool(&id);
        Case {
            id,
            episodes: Vec::new(),
            verdicts: &[],
            months: Vec::new(),
            steps: Vec::new(),
            taken: 0,
            book,
            revisions: Revisions::default(),
            scored: None,
        }
    }

    /// When the next fact becomes known, before `moment`.
    pub(super) fn next_before(&self, moment: Line) -> Option<Instant> {
        self.steps
            .get(self.taken)
            .map(|(line, _)| *line)
            .filter(|line| *line < moment)
            .map(|line| line.stored_at)
    }

    /// Takes the next fact.
    pub(super) fn take_next(&mut self, reader: &Reader<'_>, counts: &mut Counts) {
        let Some((line, step)) = self.steps.get(self.taken).copied() else { return };
        self.taken += 1;
        match step {
            Step::Line => self.take_line(line, reader, counts),
            Step::Verdict(at) => {
                let Some(verdict) = self.verdicts.get(at) else { return };
                let Case { book, revisions, .. } = self;
                verdict.record(|head, body| {
                    let known = revisions.judge(head);
                    book.take(head, body, &known, line.stored_at);
                });
            }
            Step::Month(at) => {
                let Case { book, months, .. } = self;
                let Some(said) = months.get(at) else { return };
                said.record(|head, body| book.take(head, body, &Verdict::Accepted, line.stored_at));
            }
        }
    }

    fn take_line(&mut self, line: Line, reader: &Reader<'_>, counts: &mut Counts) {
        let library = &reader.tried.library;
        let enrolled = reader.file.fact(line, &reader.reading, |fact| {
            let Says::Record { head, body, given, .. } = &fact.says else { return false };
            let verdict = self.revisions.judge(head);
            counts.count(&verdict, head, line.stored_at);
            self.book.take(head, body, &verdict, line.stored_at);
            if let Some(scored) = &mut self.scored {
                counts.refuse(line, &scored.offer(line, (head, body), given.as_ref(), library));
                scored.rows(library, |row| self.book.judge(row));
            }
            if let (Body::Upload(upload), Some(given), Verdict::Accepted) = (&**body, given, &verdict)
                && upload.forms.is_empty()
            {
                let times = (upload.answered_at, upload.uploaded_at, line.stored_at);
                self.take_given(head, times, upload.episode_id, given);
            }
            head.kind == InputKind::Enrolment
        });
        if enrolled == Some(true) {
            self.take_waiting(reader, counts);
        }
    }

    /// Uploads with forms that came before the enrolment that they wait for.
    fn take_waiting(&mut self, reader: &Reader<'_>, counts: &mut Counts) {
        let Some(scored) = &mut self.scored else { return };
        let library = &reader.tried.library;
        for line in scored.take_waiting() {
            reader.file.fact(line, &reader.reading, |fact| {
                if let Says::Record { head, body, given, .. } = &fact.says {
                    let again = RecordHead { retry: true, ..*head };
                    counts.refuse(line, &scored.offer(line, (&again, body), given.as_ref(), library));
                }
            });
        }
        scored.rows(library, |row| self.book.judge(row));
    }

    fn take_given(
        &mut self,
        head: &RecordHead<'_>,
        times: (Instant, Instant, Instant),
        episode: Option<&str>,
        given: &Given<'_>,
    ) {
        match episode {
            Some(episode) => self.book.judge(&given_row(head, times, episode, given)),
            // the patient's: it counts for each episode
            None => {
                for episode in &self.episodes {
                    self.book.judge(&given_row(head, times, episode, given));
                }
            }
        }
    }

    /// When something may follow from time alone.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.book.next_due()
    }

    /// Brings what was issued to what the facts so far say at `now`.
    pub(super) fn issue(&mut self, now: Instant, outside: &Outside<'_>, out: &mut Vec<Entry>) {
        self.book.issue(now, outside, out);
    }
}

/// Which revision of each record is in force: the highest, whatever the order.
#[derive(Default)]
struct Revisions(BTreeMap<(InputKind, Box<str>), (i32, u64)>);

impl Revisions {
    fn judge(&mut self, head: &RecordHead<'_>) -> Verdict {
        let known = self.0.entry((head.kind, head.id.into())).or_insert((0, 0));
        if head.revision < known.0 {
            return Verdict::Superseded;
        }
        if head.revision == known.0 {
            return if head.digest == known.1 { Verdict::Duplicate } else { Verdict::Conflict };
        }
        *known = (head.revision, head.digest);
        Verdict::Accepted
    }
}
