//! Clinicians: each one's sessions, kept one by one, so that a session costs its own bytes whatever came before it.

use std::collections::{BTreeMap, BTreeSet};

use aftercare_core::clinician::{ClinicianBook, Session, SessionChanges, SessionNo};
use aftercare_core::time::Instant;
use aftercare_stream::changelog::{CorruptState, Key, Transaction};
use serde::{Deserialize, Serialize};

use super::books::Shelf;
use super::{decode_value, encode_value};

/// Number of a clinician within a task.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct ClinicianNo(pub(crate) u32);

/// All clinicians. A key is the clinician's number << 32 | the session's; the clinician's own entry is under 0.
#[derive(Default)]
pub(crate) struct Clinicians {
    entries: BTreeMap<u32, Clinician>,
    by_id: BTreeMap<Box<str>, ClinicianNo>,
    /// By (due, number); follows from the books.
    agenda: BTreeSet<(Instant, u32)>,
}

#[derive(Default)]
struct Clinician {
    id: Box<str>,
    book: ClinicianBook,
    /// Where it is in the agenda.
    due: Option<Instant>,
    /// The transaction that touched it last, and which of its entries.
    epoch: u32,
    touched: BTreeSet<SessionNo>,
}

/// The clinician's own entry.
#[derive(Serialize, Deserialize)]
struct Head {
    id: Box<str>,
    newest_began_at: Instant,
}

impl Clinician {
    fn head(&self) -> Head {
        Head { id: self.id.clone(), newest_began_at: self.book.newest_began_at() }
    }
}

fn key(no: u32, session: SessionNo) -> Key {
    Key { table: super::CLINICIAN, id: u64::from(no) << 32 | u64::from(session) }
}

fn split(id: u64) -> (u32, SessionNo) {
    let half = |bits: u64| u32::try_from(bits & u64::from(u32::MAX)).unwrap_or_default();
    (half(id >> 32), half(id))
}

impl Clinicians {
    pub(crate) fn find(&self, id: &str) -> Option<ClinicianNo> {
        self.by_id.get(id).copied()
    }

    pub(crate) fn id(&self, no: ClinicianNo) -> &str {
        self.entries.get(&no.0).map_or("", |clinician| &clinician.id)
    }

    /// A clinician who was not seen before.
    pub(crate) fn add(&mut self, tx: &mut Transaction, id: &str) -> ClinicianNo {
        let no = self.entries.last_key_value().map_or(0, |(last, _)| last + 1);
        tx.touch(key(no, 0), 0, |_| false);
        let clinician =
            Clinician { id: id.into(), epoch: tx.epoch(), touched: [0].into(), ..Clinician::default() };
        self.entries.insert(no, clinician);
        self.by_id.insert(id.into(), ClinicianNo(no));
        ClinicianNo(no)
    }

    /// The clinicians of whom sessions are to be judged.
    pub(crate) fn due(&self, tick: Instant) -> Vec<ClinicianNo> {
        self.agenda.range(..=(tick, u32::MAX)).map(|(_, no)| ClinicianNo(*no)).collect()
    }

    /// Changes a clinician's sessions within the open transaction. `change` says in `changes` what was before.
    pub(crate) fn change<T>(
        &mut self,
        tx: &mut Transaction,
        no: ClinicianNo,
        changes: &mut SessionChanges,
        change: impl FnOnce(&mut ClinicianBook, &mut SessionChanges) -> T,
    ) -> T {
        let no = no.0;
        let clinician = self.entries.get_mut(&no).expect("a clinician's number comes from the table");
        if clinician.epoch != tx.epoch() {
            clinician.epoch = tx.epoch();
            clinician.touched.clear();
        }
        let head = clinician.head();
        let changed = change(&mut clinician.book, changes);
        if head.newest_began_at != clinician.book.newest_began_at() && clinician.touched.insert(0) {
            tx.touch(key(no, 0), 0, |out| {
                encode_value(&head, out);
                true
            });
        }
        for (session, before) in &changes.before {
            if clinician.touched.insert(*session) {
                let encode =
                    |out: &mut Vec<u8>| before.as_ref().map(|before| encode_value(before, out)).is_some();
                tx.touch(key(no, *session), 0, encode);
            }
        }
        schedule(&mut self.agenda, no, clinician);
        changed
    }

    fn remove(&mut self, no: u32) {
        if let Some(clinician) = self.entries.remove(&no) {
            self.by_id.remove(&clinician.id);
            clinician.due.map(|due| self.agenda.remove(&(due, no)));
        }
    }
}

fn schedule(agenda: &mut BTreeSet<(Instant, u32)>, no: u32, clinician: &mut Clinician) {
    let due = clinician.book.next_due();
    if due != clinician.due {
        clinician.due.map(|before| agenda.remove(&(before, no)));
        agenda.extend(due.map(|due| (due, no)));
        clinician.due = due;
    }
}

impl Shelf for Clinicians {
    fn table(&self) -> u8 {
        super::CLINICIAN
    }

    fn encode(&self, id: u64, out: &mut Vec<u8>) -> bool {
        let (no, session) = split(id);
        let Some(clinician) = self.entries.get(&no) else { return false };
        if session == 0 {
            encode_value(&clinician.head(), out);
            return true;
        }
        clinician.book.session(session).map(|session| encode_value(session, out)).is_some()
    }

    fn apply(&mut self, id: u64, value: Option<&[u8]>) -> Result<(), CorruptState> {
        let (no, session) = split(id);
        if session > 0 {
            let session_value = value.map(|value| decode_value::<Session>(value, "session")).transpose()?;
            let clinician = self.entries.entry(no).or_default();
            clinician.book.put(session, session_value);
            schedule(&mut self.agenda, no, clinician);
            return Ok(());
        }
        match value {
            Some(value) => {
                let head: Head = decode_value(value, "clinician")?;
                let clinician = self.entries.entry(no).or_default();
                clinician.book.set_newest_began_at(head.newest_began_at);
                clinician.id.clone_from(&head.id);
                self.by_id.insert(head.id, ClinicianNo(no));
            }
            None => self.remove(no),
        }
        Ok(())
    }

    fn next(&self, from: u64) -> Option<Key> {
        let (first, session) = split(from);
        self.entries.range(first..).find_map(|(no, clinician)| {
            let from = if *no == first { session } else { 0 };
            let found = if from == 0 { Some(0) } else { clinician.book.next(from) };
            found.map(|session| key(*no, session))
        })
    }

    fn reschedule(&mut self) {
        self.agenda.clear();
        for (no, clinician) in &mut self.entries {
            clinician.due = None;
            schedule(&mut self.agenda, *no, clinician);
        }
    }
}
