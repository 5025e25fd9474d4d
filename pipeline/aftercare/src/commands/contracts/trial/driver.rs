//! Facts in the order in which they became known, closings among them, and the entries that follow.
//!
//! Between two closings it is all the same to a ledger when it is looked at: what follows from the facts is computed
//! anew each time, and what is booked in an open month and taken back there adds up to nothing. So each patient's ledger
//! is looked at before each closing and at the end, unless every change is asked for.

use std::collections::{BTreeMap, BTreeSet};

use aftercare_core::contract::{
    Closing, Closings, Entry, EntryKind, LedgerBook, Outside, Settlement, Settlements,
};
use aftercare_core::facts::{InputKind, RecordHead};
use aftercare_core::patient::Verdict;
use aftercare_core::time::Instant;

use super::case::{Case, Reader};
use super::sessions::verdicts;
use super::tried::Tried;
use crate::facts_file::{FactsFile, Line, PatientFacts};

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

/// Takes each entry with its patient, or pool.
pub(super) type Take<'t> = dyn FnMut(&str, &Entry) + 't;

impl<'t> Trial<'t> {
    /// Runs the contract over a file that means it where it says `named`. Patients come one after the other, unless the
    /// contract has pools: then all are kept, and are settled together before each closing and at the end.
    pub(super) fn run(&self, named: &str, take: &mut Take<'_>) -> Counts {
        let reader = Reader { file: self.file, tried: self.tried, reading: self.tried.reading(named) };
        let moments = self.moments(&reader);
        let looked_at: Vec<Line> = moments.iter().map(|moment| moment.at).collect();
        let judged = verdicts(self.file, self.tried, &looked_at);
        let case = |patient: &'t PatientFacts, judged| Case::new(patient, judged, &looked_at, &reader);
        let judged = |patient: &PatientFacts| judged.get(&patient.id).map_or(&[][..], Vec::as_slice);
        let mut run = Run { trial: self, reader, counts: Counts::default(), pools: Pools::default(), take };
        if self.tried.has_pools {
            let mut cases: Vec<Case<'_>> =
                self.file.patients.iter().map(|patient| case(patient, judged(patient))).collect();
            for moment in &moments {
                cases.iter_mut().for_each(|case| run.advance(case, moment));
                run.settle(&mut cases, moment);
            }
        } else {
            for patient in &self.file.patients {
                let mut case = case(patient, judged(patient));
                moments.iter().for_each(|moment| run.advance(&mut case, moment));
            }
        }
        run.counts
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
}

/// A trial that is under way.
struct Run<'r, 't> {
    trial: &'r Trial<'t>,
    reader: Reader<'r>,
    counts: Counts,
    pools: Pools,
    take: &'r mut Take<'r>,
}

impl Run<'_, '_> {
    /// Takes the facts that became known before a moment, and looks at the ledger then.
    fn advance(&mut self, case: &mut Case<'_>, moment: &Moment) {
        let mut entries = Vec::new();
        while let Some(now) = case.next_before(moment.at) {
            if self.trial.every_change {
                self.wait(case, Instant(now.0.saturating_sub(1)), moment, &mut entries);
            }
            case.take_next(&self.reader, &mut self.counts);
            // facts of one moment are known together
            if self.trial.every_change && case.next_before(moment.at) != Some(now) {
                self.issue(case, now, moment, &mut entries);
            }
        }
        if self.trial.every_change {
            self.wait(case, moment.at.stored_at, moment, &mut entries);
        }
        // a pool is looked at once it is settled
        if self.trial.every_change || !LedgerBook::is_pool_id(&case.id) {
            self.issue(case, moment.at.stored_at, moment, &mut entries);
        }
        self.hand_on(case, &entries);
    }

    /// What follows from time alone, until then.
    fn wait(&self, case: &mut Case<'_>, until: Instant, moment: &Moment, entries: &mut Vec<Entry>) {
        while let Some(due) = case.next_due().filter(|due| *due <= until) {
            self.issue(case, due, moment, entries);
        }
    }

    fn issue(&self, case: &mut Case<'_>, now: Instant, moment: &Moment, entries: &mut Vec<Entry>) {
        let library = &self.trial.tried.library;
        let outside = Outside { library, closings: &moment.closed, settlements: &self.pools.settlements };
        case.issue(now, &outside, entries);
    }

    fn hand_on(&mut self, case: &Case<'_>, entries: &[Entry]) {
        for entry in entries {
            self.pools.add(entry);
            (self.take)(&case.id, entry);
        }
    }

    /// Settles the pools by what the cases add to them, as a billing run does before it closes a month, and looks at all
    /// cases again.
    fn settle(&mut self, cases: &mut Vec<Case<'_>>, moment: &Moment) {
        let contract = &self.trial.tried.id;
        let pools = cases.iter().filter(|case| LedgerBook::is_pool_id(&case.id));
        let opened: BTreeSet<Box<str>> = pools.map(|case| case.id.clone()).collect();
        for key in self.pools.settle(contract) {
            let id = LedgerBook::pool_id(contract, &key);
            if !opened.contains(&*id) {
                cases.push(Case::pool(id));
            }
        }
        for case in cases {
            let mut entries = Vec::new();
            self.issue(case, moment.at.stored_at, moment, &mut entries);
            self.hand_on(case, &entries);
        }
    }
}

/// What cases add to pools, and what pools came to when they were settled last.
#[derive(Default)]
struct Pools {
    /// By the pool's key: sums of measures by name.
    sums: BTreeMap<Box<str>, BTreeMap<Box<str>, i64>>,
    settlements: Settlements,
    revision: i64,
}

impl Pools {
    fn add(&mut self, entry: &Entry) {
        if let (EntryKind::Measure, Some(key)) = (entry.kind, &entry.payer) {
            let sums = self.sums.entry((**key).into()).or_default();
            let sum = sums.entry((*entry.component).into()).or_default();
            *sum = sum.saturating_add(entry.amount.0);
        }
    }

    /// Settles all pools. Answers their keys.
    fn settle(&mut self, contract: &str) -> Vec<Box<str>> {
        self.revision += 1;
        for (key, sums) in &self.sums {
            let measures = sums.iter().map(|(name, sum)| (&**name, *sum)).collect();
            self.settlements.settle(&Settlement { contract, key, revision: self.revision, measures });
        }
        self.sums.keys().cloned().collect()
    }
}
