//! One receipt with what its record left in the state, and how both are packed.
//!
//! Packed: tag, id, event time; of an upload also the delay to its delivery; outcome, source, reason; episode; forms;
//! revision, digest, delay to storing, copies; respondent and what was issued. About 100 bytes for an upload of four
//! forms.

use super::bytes::{Reader, write_signed, write_varint};
use super::id::Id;
use super::names::Sym;
use super::own::Group;
use crate::facts::{InputKind, Source};
use crate::reason::Reason;
use crate::time::Instant;

/// What became of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Accepted,
    /// Accepted, and a higher revision is in force.
    Superseded,
    Held,
    Unscored(Reason),
    Rejected(Reason),
}

impl Outcome {
    /// Outcome and reason as outputs carry them.
    pub(super) fn words(self) -> (&'static str, Option<&'static str>) {
        match self {
            Outcome::Accepted => ("accepted", None),
            Outcome::Superseded => ("accepted", Some("superseded")),
            Outcome::Held => ("held", None),
            Outcome::Unscored(reason) => ("unscored", Some(reason.code())),
            Outcome::Rejected(reason) => ("rejected", Some(reason.code())),
        }
    }

    /// Whether the record was taken.
    pub(super) fn counts(self) -> bool {
        matches!(self, Outcome::Accepted | Outcome::Superseded | Outcome::Unscored(_))
    }

    /// Whether the record is in force.
    pub(super) fn in_force(self) -> bool {
        matches!(self, Outcome::Accepted | Outcome::Unscored(_))
    }

    fn split(self) -> (u8, Option<Reason>) {
        match self {
            Outcome::Accepted => (0, None),
            Outcome::Superseded => (1, None),
            Outcome::Held => (2, None),
            Outcome::Unscored(reason) => (3, Some(reason)),
            Outcome::Rejected(reason) => (4, Some(reason)),
        }
    }
}

/// One (kind, id, revision).
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Record<'b> {
    pub(super) kind: InputKind,
    pub(super) id: Id<'b>,
    pub(super) revision: i32,
    pub(super) source: Source,
    pub(super) outcome: Outcome,
    /// The receipt differs from what was last issued.
    pub(super) receipt_due: bool,
    pub(super) duplicates: u32,
    pub(super) conflicts: u32,
    /// The episode that the record names.
    pub(super) episode: Option<Sym>,
    pub(super) digest: u64,
    pub(super) event_at: Instant,
    pub(super) stored_at: Instant,
    /// Of an upload in force.
    pub(super) upload: Option<Upload<'b>>,
}

/// The facts of an upload in force, and what was issued for it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Upload<'b> {
    pub(super) uploaded_at: Instant,
    pub(super) respondent: Sym,
    /// Entered in error: no form stands.
    pub(super) withdrawn: bool,
    /// Packed, see `forms`.
    pub(super) forms: &'b [u8],
    /// By episode, in the order in which they were first issued.
    pub(super) issued: Vec<Issued>,
}

/// What was issued for one upload and one episode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Issued {
    pub(super) episode: Sym,
    /// A composite was issued.
    pub(super) composite: bool,
    /// Of its contributions to curves; 0: it never had any.
    pub(super) group: Group,
    /// Digest of the rows as last issued.
    pub(super) digest: u64,
}

/// A clinician's sessions are no part of a patient's records.
const KINDS: [InputKind; 6] = [
    InputKind::Enrolment,
    InputKind::PromResponse,
    InputKind::ClinicalEvent,
    InputKind::CommerceEvent,
    InputKind::AlertAction,
    InputKind::SessionVerdict,
];
const SOURCES: [Source; 3] = [Source::Live, Source::Import, Source::Simulated];

// of the tag: three bits of kind, then
const UUID: u8 = 1 << 3;
pub(super) const UPLOAD: u8 = 1 << 4;
pub(super) const RECEIPT_DUE: u8 = 1 << 5;
const COPIES: u8 = 1 << 6;
const EPISODE: u8 = 1 << 7;
/// The part of the tag that belongs to the key.
const KEY: u8 = UUID | 0b111;

// of the outcome's byte: three bits of outcome, two of source, then
const WITHDRAWN: u8 = 1 << 5;

/// Whether packed bytes are of a record of that kind and id.
pub(super) fn is_of(bytes: &[u8], kind: InputKind, id: Id<'_>) -> bool {
    let key = kind as u8 | if id.is_uuid() { UUID } else { 0 };
    bytes.split_first().is_some_and(|(tag, rest)| tag & KEY == key && id.leads(rest))
}

impl Record<'_> {
    /// Takes over from the same record as it was judged before: its copies, and since when the outcome is what it is.
    pub(super) fn succeed(&mut self, before: &Record<'_>) {
        (self.duplicates, self.conflicts) = (before.duplicates, before.conflicts);
        if self.outcome == before.outcome {
            self.stored_at = before.stored_at;
            self.receipt_due =
                before.receipt_due || (self.episode, self.event_at) != (before.episode, before.event_at);
        }
    }

    pub(super) fn copies(&self) -> u32 {
        1u32.saturating_add(self.duplicates).saturating_add(self.conflicts)
    }

    pub(super) fn write(&self, out: &mut Vec<u8>) {
        let flags = [
            (UUID, self.id.is_uuid()),
            (UPLOAD, self.upload.is_some()),
            (RECEIPT_DUE, self.receipt_due),
            (COPIES, self.duplicates > 0 || self.conflicts > 0),
            (EPISODE, self.episode.is_some()),
        ];
        let tag = |tag, (flag, set): (u8, bool)| if set { tag | flag } else { tag };
        out.push(flags.into_iter().fold(self.kind as u8, tag));
        self.id.write(out);
        write_signed(out, self.event_at.0);
        if let Some(upload) = &self.upload {
            write_signed(out, upload.uploaded_at.0.wrapping_sub(self.event_at.0));
        }
        let (outcome, reason) = self.outcome.split();
        let withdrawn = self.upload.as_ref().is_some_and(|upload| upload.withdrawn);
        out.push(outcome | (self.source as u8) << 3 | if withdrawn { WITHDRAWN } else { 0 });
        if let Some(reason) = reason {
            out.push(reason as u8);
        }
        if let Some(episode) = self.episode {
            write_varint(out, u64::from(episode.number()));
        }
        if let Some(upload) = &self.upload {
            write_varint(out, upload.forms.len() as u64);
            out.extend_from_slice(upload.forms);
        }
        write_signed(out, i64::from(self.revision));
        out.extend_from_slice(&self.digest.to_le_bytes());
        write_signed(out, self.stored_at.0.wrapping_sub(self.event_at.0));
        if self.duplicates > 0 || self.conflicts > 0 {
            write_varint(out, u64::from(self.duplicates));
            write_varint(out, u64::from(self.conflicts));
        }
        if let Some(upload) = &self.upload {
            write_varint(out, u64::from(upload.respondent.number()));
            write_issued(&upload.issued, out);
        }
    }
}

fn write_issued(issued: &[Issued], out: &mut Vec<u8>) {
    for entry in issued {
        write_varint(out, u64::from(entry.episode.number()) << 1 | u64::from(entry.composite));
        write_varint(out, u64::from(entry.group));
        out.extend_from_slice(&entry.digest.to_le_bytes());
    }
}

/// The front of a packed record: what orders it and what it says. The rest is read on demand.
#[derive(Clone, Copy, Debug)]
pub(super) struct View<'b> {
    /// Where the packed record begins in the store.
    pub(super) at: usize,
    tag: u8,
    pub(super) kind: InputKind,
    pub(super) id: Id<'b>,
    pub(super) event_at: Instant,
    /// Of an upload in force; else the event's time.
    pub(super) uploaded_at: Instant,
    rest: Reader<'b>,
}

/// The middle of a packed record.
#[derive(Clone, Copy, Debug)]
pub(super) struct Facts<'b> {
    pub(super) source: Source,
    pub(super) outcome: Outcome,
    pub(super) withdrawn: bool,
    pub(super) episode: Option<Sym>,
    pub(super) forms: &'b [u8],
    rest: Reader<'b>,
}

impl<'b> View<'b> {
    /// `None` where the bytes are no packed record.
    #[inline]
    pub(super) fn read(at: usize, bytes: &'b [u8]) -> Option<View<'b>> {
        let mut rest = Reader(bytes);
        let tag = rest.byte()?;
        let kind = *KINDS.get(usize::from(tag & 0b111))?;
        let id = Id::read(tag & UUID != 0, &mut rest)?;
        let event_at = Instant(rest.signed()?);
        let delay = if tag & UPLOAD != 0 { rest.signed()? } else { 0 };
        let uploaded_at = Instant(event_at.0.wrapping_add(delay));
        Some(View { at, tag, kind, id, event_at, uploaded_at, rest })
    }

    fn is_upload(&self) -> bool {
        self.tag & UPLOAD != 0
    }

    #[inline]
    pub(super) fn facts(&self) -> Option<Facts<'b>> {
        let mut rest = self.rest;
        let byte = rest.byte()?;
        let mut reason = || Reason::ALL.get(usize::from(rest.byte()?)).copied();
        let outcome = match byte & 0b111 {
            0 => Outcome::Accepted,
            1 => Outcome::Superseded,
            2 => Outcome::Held,
            3 => Outcome::Unscored(reason()?),
            _ => Outcome::Rejected(reason()?),
        };
        let source = *SOURCES.get(usize::from(byte >> 3 & 0b11))?;
        let episode = if self.tag & EPISODE != 0 { Some(Sym::from_number(rest.small()?)?) } else { None };
        let forms = if self.is_upload() {
            let length = usize::try_from(rest.varint()?).ok()?;
            rest.bytes(length)?
        } else {
            &[]
        };
        Some(Facts { source, outcome, withdrawn: byte & WITHDRAWN != 0, episode, forms, rest })
    }

    pub(super) fn record(&self) -> Option<Record<'b>> {
        let Facts { source, outcome, withdrawn, episode, forms, mut rest } = self.facts()?;
        let revision = i32::try_from(rest.signed()?).ok()?;
        let digest = rest.eight()?;
        let stored_at = Instant(self.event_at.0.wrapping_add(rest.signed()?));
        let copies = self.tag & COPIES != 0;
        let (duplicates, conflicts) = if copies { (rest.small()?, rest.small()?) } else { (0, 0) };
        let upload = if self.is_upload() {
            let respondent = Sym::from_number(rest.small()?)?;
            let issued = read_issued(rest);
            Some(Upload { uploaded_at: self.uploaded_at, respondent, withdrawn, forms, issued })
        } else {
            None
        };
        Some(Record {
            kind: self.kind,
            id: self.id,
            revision,
            source,
            outcome,
            receipt_due: self.tag & RECEIPT_DUE != 0,
            duplicates,
            conflicts,
            episode,
            digest,
            event_at: self.event_at,
            stored_at,
            upload,
        })
    }
}

fn read_issued(mut rest: Reader<'_>) -> Vec<Issued> {
    let next = || {
        let shared = rest.varint()?;
        let episode = Sym::from_number(u32::try_from(shared >> 1).ok()?)?;
        Some(Issued { episode, composite: shared & 1 == 1, group: rest.small()?, digest: rest.eight()? })
    };
    std::iter::from_fn(next).collect()
}
