//! The records of one patient, packed one after the other in the order of their time: memory holds what the changelog
//! holds, and a year of questionnaires is read front to back in one sweep.

use std::cmp::Ordering;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, Visitor};
use serde::ser::{Serialize, Serializer};

use super::bytes::{Reader, VARINT_MAX, write_varint};
use super::id::Id;
use super::record::{Issued, RECEIPT_DUE, Record, UPLOAD, View, is_of};
use crate::facts::InputKind;
use crate::time::Instant;

/// Room is made for this many bytes beyond what is needed.
const ROOM: usize = 224;

/// Most records are no longer.
const ENTRY: usize = 192;

/// Packed records by (event, delivery, id, kind, revision), each behind its length.
#[derive(Clone, Default, PartialEq, Eq)]
pub(super) struct Store(Vec<u8>);

/// What is known of one id.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Seen {
    /// Where the revision asked for is.
    pub(super) exact: Option<usize>,
    /// Where a lower revision in force is.
    pub(super) lower_in_force: Option<usize>,
    /// A higher revision was taken.
    pub(super) higher_taken: bool,
}

impl Store {
    /// All records, in order.
    pub(super) fn views(&self) -> impl Iterator<Item = View<'_>> {
        self.entries(0).filter_map(|(at, bytes)| View::read(at, bytes))
    }

    /// Where the uploads in force are, in order, over `places`; for [`Store::view`].
    pub(super) fn uploads(&self, places: &mut Vec<usize>) {
        places.clear();
        places.extend(self.flagged(UPLOAD));
    }

    /// When the last upload in force was answered.
    pub(super) fn last_upload_at(&self) -> Option<Instant> {
        Some(self.view(self.flagged(UPLOAD).last()?)?.event_at)
    }

    /// Where the records with a flag are, in order.
    pub(super) fn flagged(&self, flag: u8) -> impl Iterator<Item = usize> {
        let flagged =
            self.entries(0).filter(move |(_, bytes)| bytes.first().is_some_and(|tag| tag & flag != 0));
        flagged.map(|(at, _)| at)
    }

    /// The record that begins at `at`, its front read.
    pub(super) fn view(&self, at: usize) -> Option<View<'_>> {
        let (at, bytes) = self.entries(at).next()?;
        View::read(at, bytes)
    }

    /// The record that begins at `at`.
    pub(super) fn record(&self, at: usize) -> Option<Record<'_>> {
        self.view(at)?.record()
    }

    pub(super) fn look_up(&self, kind: InputKind, id: Id<'_>, revision: i32) -> Seen {
        let mut seen = Seen::default();
        for (at, bytes) in self.entries(0).filter(|(_, bytes)| is_of(bytes, kind, id)) {
            let Some(record) = View::read(at, bytes).and_then(|view| view.record()) else { continue };
            match record.revision.cmp(&revision) {
                Ordering::Equal => seen.exact = Some(at),
                Ordering::Less if record.outcome.in_force() => seen.lower_in_force = Some(at),
                Ordering::Less => {}
                Ordering::Greater => seen.higher_taken |= record.outcome.counts(),
            }
        }
        seen
    }

    /// Puts a record in its place.
    pub(super) fn insert(&mut self, record: &Record<'_>) {
        let mut entry = Vec::with_capacity(ENTRY);
        record.write(&mut entry);
        let at = self.place_of(&entry);
        self.splice(at..at, &entry);
    }

    /// Takes a record out; answers its bytes, for [`View::read`].
    pub(super) fn cut(&mut self, at: usize) -> Vec<u8> {
        let Some((_, bytes)) = self.entries(at).next() else { return Vec::new() };
        let bytes = bytes.to_vec();
        let end = self.end(at);
        self.0.drain(at..end);
        bytes
    }

    /// Changes the record at `at`, whose order stays.
    pub(super) fn change(&mut self, at: usize, change: impl FnOnce(&mut Record<'_>)) {
        let end = self.end(at);
        let Some(mut record) = self.record(at) else { return };
        change(&mut record);
        let mut entry = Vec::with_capacity(ENTRY);
        record.write(&mut entry);
        self.splice(at..end, &entry);
    }

    /// Notes what was issued for the upload at `at`.
    pub(super) fn set_issued(&mut self, at: usize, issued: Vec<Issued>) {
        self.change(at, |record| {
            if let Some(upload) = &mut record.upload {
                upload.issued = issued;
            }
        });
    }

    /// Marks every receipt as issued.
    pub(super) fn receipts_issued(&mut self) {
        let mut at = 0;
        while at < self.0.len() {
            let end = self.end(at);
            let mut rest = Reader(self.0.get(at..end).unwrap_or_default());
            rest.varint();
            let tag = end - rest.0.len();
            if let Some(tag) = self.0.get_mut(tag) {
                *tag &= !RECEIPT_DUE;
            }
            at = end.max(at + 1);
        }
    }

    /// Each entry from `at` on: where it begins, and its bytes behind the length.
    fn entries(&self, at: usize) -> impl Iterator<Item = (usize, &[u8])> {
        let mut rest = Reader(self.0.get(at..).unwrap_or_default());
        let end = self.0.len();
        std::iter::from_fn(move || {
            let at = end - rest.0.len();
            let length = usize::try_from(rest.varint()?).ok()?;
            Some((at, rest.bytes(length)?))
        })
    }

    fn end(&self, at: usize) -> usize {
        let mut entries = self.entries(at);
        entries.next();
        entries.next().map_or(self.0.len(), |(next, _)| next)
    }

    fn place_of(&self, entry: &[u8]) -> usize {
        let Some(own) = View::read(0, entry) else { return self.0.len() };
        let comes_first = |(at, bytes)| View::read(at, bytes).is_none_or(|other| order(&other, &own).is_le());
        if self.entries(0).last().is_none_or(comes_first) {
            return self.0.len();
        }
        let mut entries = self.entries(0);
        entries.find(|entry| !comes_first(*entry)).map_or(self.0.len(), |(at, _)| at)
    }

    fn splice(&mut self, range: std::ops::Range<usize>, entry: &[u8]) {
        let needed = self.0.len() + entry.len() + VARINT_MAX;
        if needed > self.0.capacity() {
            self.0.reserve_exact(needed + ROOM - self.0.len());
        }
        if range.end == self.0.len() {
            self.0.truncate(range.start);
            write_varint(&mut self.0, entry.len() as u64);
            self.0.extend_from_slice(entry);
        } else {
            let mut framed = Vec::with_capacity(entry.len() + VARINT_MAX);
            write_varint(&mut framed, entry.len() as u64);
            framed.extend_from_slice(entry);
            self.0.splice(range, framed);
        }
    }
}

fn order(one: &View<'_>, other: &View<'_>) -> Ordering {
    let times = (one.event_at, one.uploaded_at).cmp(&(other.event_at, other.uploaded_at));
    times.then_with(|| one.id.order(other.id)).then_with(|| one.kind.cmp(&other.kind))
}

impl fmt::Debug for Store {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} records", self.entries(0).count())
    }
}

impl Serialize for Store {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for Store {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Store, D::Error> {
        struct Bytes;
        impl Visitor<'_> for Bytes {
            type Value = Store;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("packed records")
            }

            fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Store, E> {
                let store = Store(bytes.to_vec());
                let read: usize = store
                    .entries(0)
                    .filter_map(|(at, bytes)| View::read(at, bytes)?.record().map(|_| store.end(at) - at))
                    .sum();
                if read == bytes.len() { Ok(store) } else { Err(E::custom("these are no packed records")) }
            }
        }
        deserializer.deserialize_bytes(Bytes)
    }
}
