//! Facts in the order in which they became known, closings among them, and the entries that follow.
//!
//! Between two closings it is all the same to a ledger when it is looked at: what follows from the facts is computed
//! anew each time, and what is booked in an open month and taken back there adds up to nothing. So each patient's ledger
//! is looked at before each closing and at the end, unless every change is asked for.

use aftercare_core::contract::{Closing, Closings, Entry};
use aftercare_core::facts::{InputKind, RecordHead};
use aftercare_core::patient::Verdict;
use aftercare_core::time::Instant;

use super::case::{Case, Reader};
use super::sessions::{StoredVerdict, verdicts};
use super::tried::Tried;
use crate::facts_file::{FactsFile, Line};

/// A contract and the facts that it is tried on.
pub(super) struct Trial<'t> {
    pub(super) file: &'t FactsFile,
    pub(super) tried: &'t Tried,
    /// The last moment that is looked at.
    pub(super) until: Instant,
    pub(super) every_change: bool,
}

/// What became of the lines of a file, where a person should know.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Counts {
    /// Copies of what was known.
    pub(super) duplicates: u32,
    /// The same revision with other content: not taken.
    pub(super) conflicts: u32,
    /// They became known before they happened.
    pub(super) ahead: u32,
    /// Uploads whose forms can't be used: the line, and why.
    pub(super) refused: Vec<(u32, String)>,
}

impl Counts {
    pub(super) fn count(&mut self, verdict: &Verdict, head: &RecordHead<'_>, stored_at: Instant) {
        match verdict {
            Verdict::Duplicate => self.duplicates += 1,
            Verdict::Conflict => self.conflicts += 1,
            _ => {}
        }
        if head.event_at > stored_at && head.kind != InputKind::Enrolment {
            self.ahead += 1;
        }
    }

    pub(super) fn refuse(&mut self, line: Line, verdict: &Verdict) {
        if let Verdict::Rejected { reason, place } = verdict {
            let code = reason.code();
            let why = if place.is_empty() { code.to_owned() } else { format!("{code} at {place}") };
            self.refused.push((line.number, why));
        }
    }
}

/// When ledgers are looked at: before each closing, and at the end; and what is closed by then.
struct Moment {
    at: Line,
    closed: Closings,
}

/// Takes each entry with its patient.
pub(super) type Take<'t> = dyn FnMut(&str, &Entry) + 't;

impl Trial<'_> {
    /// Runs the contract over a file that means it where it says `named`.
    pub(super) fn run(&self, named: &str, take: &mut Take<'_>) -> Counts {
        let reader = Reader { file: self.file, tried: self.tried, reading: self.tried.reading(named) };
        let moments = self.moments(&reader);
        let looked_at: Vec<Line> = moments.iter().map(|moment| moment.at).collect();
        let judged = verdicts(self.file, self.tried, &looked_at);
        let mut counts = Counts::default();
        for patient in &self.file.patients {
            let judged: &[StoredVerdict] = judged.get(&patient.id).map_or(&[], Vec::as_slice);
            let mut case = Case::new(patient, judged, &looked_at, self.tried);
            for moment in &moments {
                self.advance(&mut case, moment, &reader, &mut counts, take);
            }
        }
        counts
    }

    fn moments(&self, reader: &Reader<'_>) -> Vec<Moment> {
        let mut closed = Closings::default();
        let mut moments = Vec::new();
        for closing in self.file.closings.iter().filter(|closing| closing.line.stored_at <= self.until) {
            moments.push(Moment { at: closing.line, closed: closed.clone() });
            let contract = reader.reading.contract(&closing.contract);
            closed.close(Closing { contract, month: closing.month });
        }
        moments.push(Moment { at: Line::after(self.until), closed });
        moments
    }

    /// Takes the facts that became known before a moment, and looks at the ledger then.
    fn advance(
        &self,
        case: &mut Case<'_>,
        moment: &Moment,
        reader: &Reader<'_>,
        counts: &mut Counts,
        take: &mut Take<'_>,
    ) {
        let mut entries = Vec::new();
        while let Some(now) = case.next_before(moment.at) {
            if self.every_change {
                self.wait(case, Instant(now.0.saturating_sub(1)), moment, &mut entries);
            }
            case.take_next(reader, counts);
            // facts of one moment are known together
            if self.every_change && case.next_before(moment.at) != Some(now) {
                case.issue(now, &self.tried.library, &moment.closed, &mut entries);
            }
        }
        if self.every_change {
            self.wait(case, moment.at.stored_at, moment, &mut entries);
        }
        case.issue(moment.at.stored_at, &self.tried.library, &moment.closed, &mut entries);
        for entry in &entries {
            take(&case.patient.id, entry);
        }
    }

    /// What follows from time alone, until then.
    fn wait(&self, case: &mut Case<'_>, until: Instant, moment: &Moment, entries: &mut Vec<Entry>) {
        while let Some(due) = case.next_due().filter(|due| *due <= until) {
            case.issue(due, &self.tried.library, &moment.closed, entries);
        }
    }
}
