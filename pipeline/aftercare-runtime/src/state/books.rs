//! Books: what the task keeps about a patient (or a clinician, a cohort) beside the scores, each kind in a table of its
//! own, so that a record touches only the books it concerns.

use std::collections::BTreeSet;

use aftercare_core::time::Instant;
use aftercare_stream::changelog::{CorruptState, Key, Transaction};
use serde::{Serialize, de::DeserializeOwned};

use super::{decode_value, encode_value};

/// A kind of book.
pub(crate) trait Book: Serialize + DeserializeOwned + Default {
    /// What it is called where it can't be read.
    const NAME: &'static str;
    /// The table of its kind.
    const TABLE: u8;

    /// The tick at which it wants to be looked at, whatever comes until then.
    fn next_due(&self) -> Option<Instant>;
}

struct Entry<B> {
    book: B,
    /// The transaction that touched it last.
    epoch: u32,
    /// Where it is in the agenda.
    due: Option<Instant>,
}

/// All books of one kind, by number.
pub(crate) struct Books<B> {
    entries: Vec<Option<Entry<B>>>,
    /// By (due, number); follows from the books.
    agenda: BTreeSet<(Instant, u32)>,
}

impl<B> Default for Books<B> {
    fn default() -> Self {
        Self { entries: Vec::new(), agenda: BTreeSet::new() }
    }
}

impl<B: Book> Books<B> {
    fn key(no: u32) -> Key {
        Key { table: B::TABLE, id: u64::from(no) }
    }

    /// The book, if there is one.
    pub(crate) fn get(&self, no: u32) -> Option<&B> {
        Some(&self.entries.get(no as usize)?.as_ref()?.book)
    }

    /// All books, by number.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &B> {
        self.entries.iter().flatten().map(|entry| &entry.book)
    }

    /// The number after the last book.
    #[expect(dead_code, reason = "no kind of book asks for it yet")]
    pub(crate) fn next_no(&self) -> u32 {
        u32::try_from(self.entries.len()).expect("a task holds fewer than 2^32 books of a kind")
    }

    /// Changes the book, an empty one if there is none yet, within the open transaction, and puts it in the agenda
    /// anew.
    pub(crate) fn change<T>(&mut self, tx: &mut Transaction, no: u32, change: impl FnOnce(&mut B) -> T) -> T {
        let (key, epoch) = (Self::key(no), tx.epoch());
        let slot = super::slot(&mut self.entries, no);
        let last = slot.as_ref().map_or(0, |entry| entry.epoch);
        if last != epoch {
            tx.touch(key, last, |out| slot.as_ref().map(|entry| encode_value(&entry.book, out)).is_some());
        }
        let entry = slot.get_or_insert_with(|| Entry { book: B::default(), epoch, due: None });
        entry.epoch = epoch;
        let changed = change(&mut entry.book);
        schedule(&mut self.agenda, no, entry);
        changed
    }

    /// The next book whose time has come, taken out of the agenda; looking at it puts it in again.
    pub(crate) fn pop_due(&mut self, tick: Instant) -> Option<u32> {
        let (_, no) = self.agenda.first().copied().filter(|(due, _)| *due <= tick)?;
        self.agenda.pop_first();
        if let Some(Some(entry)) = self.entries.get_mut(no as usize) {
            entry.due = None;
        }
        Some(no)
    }
}

fn schedule<B: Book>(agenda: &mut BTreeSet<(Instant, u32)>, no: u32, entry: &mut Entry<B>) {
    let due = entry.book.next_due();
    if due == entry.due {
        return;
    }
    if let Some(before) = entry.due {
        agenda.remove(&(before, no));
    }
    agenda.extend(due.map(|due| (due, no)));
    entry.due = due;
}

/// A table of books, whatever their kind, as the changelog sees it.
pub(crate) trait Shelf {
    fn table(&self) -> u8;
    /// Appends the entry; `false` when there is none.
    fn encode(&self, id: u64, out: &mut Vec<u8>) -> bool;
    fn apply(&mut self, id: u64, value: Option<&[u8]>) -> Result<(), CorruptState>;
    /// The first entry at or after `from`.
    fn next(&self, from: u64) -> Option<Key>;
    /// Finds the agenda again, which an abort may have left half done.
    fn reschedule(&mut self);
}

impl<B: Book> Shelf for Books<B> {
    fn table(&self) -> u8 {
        B::TABLE
    }

    fn encode(&self, id: u64, out: &mut Vec<u8>) -> bool {
        let book = u32::try_from(id).ok().and_then(|no| self.get(no));
        book.map(|book| encode_value(book, out)).is_some()
    }

    fn apply(&mut self, id: u64, value: Option<&[u8]>) -> Result<(), CorruptState> {
        let no = u32::try_from(id).map_err(|error| CorruptState(format!("{}'s number: {error}", B::NAME)))?;
        if let Some(Some(Entry { due: Some(due), .. })) = self.entries.get(no as usize) {
            self.agenda.remove(&(*due, no));
        }
        match value {
            Some(value) => {
                let mut entry = Entry { book: decode_value(value, B::NAME)?, epoch: 0, due: None };
                schedule(&mut self.agenda, no, &mut entry);
                *super::slot(&mut self.entries, no) = Some(entry);
            }
            None => {
                super::remove(&mut self.entries, id);
            }
        }
        Ok(())
    }

    fn next(&self, from: u64) -> Option<Key> {
        super::next_occupied(&self.entries, from).map(|id| Key { table: B::TABLE, id })
    }

    fn reschedule(&mut self) {
        self.agenda.clear();
        for (no, entry) in (0u32..).zip(&mut self.entries) {
            if let Some(entry) = entry {
                entry.due = None;
                schedule(&mut self.agenda, no, entry);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Default, Serialize, Deserialize)]
    struct Note {
        due: Option<i64>,
        text: String,
    }

    impl Book for Note {
        const NAME: &'static str = "note";
        const TABLE: u8 = 9;

        fn next_due(&self) -> Option<Instant> {
            self.due.map(Instant)
        }
    }

    fn write(books: &mut Books<Note>, tx: &mut Transaction, no: u32, due: i64) {
        books.change(tx, no, |note| {
            note.due = Some(due);
            note.text.push('x');
        });
    }

    #[test]
    fn books_come_due_in_order_and_once() {
        let (mut books, mut tx) = (Books::<Note>::default(), Transaction::new());
        write(&mut books, &mut tx, 3, 50);
        write(&mut books, &mut tx, 1, 40);
        write(&mut books, &mut tx, 3, 30);
        assert_eq!(books.pop_due(Instant(29)), None);
        assert_eq!(books.pop_due(Instant(99)), Some(3));
        assert_eq!(books.pop_due(Instant(99)), Some(1));
        assert_eq!(books.pop_due(Instant(99)), None);
        books.reschedule();
        assert_eq!(books.pop_due(Instant(99)), Some(3));
    }

    #[test]
    fn an_entry_is_kept_once_a_transaction_as_it_was_before() {
        let (mut books, mut tx) = (Books::<Note>::default(), Transaction::new());
        write(&mut books, &mut tx, 0, 10);
        tx.committed();
        write(&mut books, &mut tx, 0, 20);
        write(&mut books, &mut tx, 0, 30);
        write(&mut books, &mut tx, 1, 5);
        let mut state = super::super::tests::Shelves(vec![Box::new(books)]);
        tx.aborted(&mut state).unwrap();
        let mut bytes = Vec::new();
        assert!(state.0[0].encode(0, &mut bytes));
        let note: Note = decode_value(&bytes, "note").unwrap();
        assert_eq!((note.due, &*note.text), (Some(10), "x"));
        assert_eq!(state.0[0].next(0), Some(Key { table: 9, id: 0 }));
        assert_eq!(state.0[0].next(1), None);
    }
}
