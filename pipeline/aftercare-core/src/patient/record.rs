//! One receipt with what its record left in the state.

use serde::{Deserialize, Serialize};

use super::enrolment::Statement;
use super::forms::Forms;
use super::names::Sym;
use crate::facts::{InputKind, Source};
use crate::reason::Reason;
use crate::time::Instant;

/// What became of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Outcome {
    Accepted,
    /// Accepted, and a higher revision is in force.
    Superseded,
    Unscored(Reason),
    Held,
    Rejected(Reason),
}

impl Outcome {
    /// Outcome and reason as outputs carry them.
    pub(super) fn words(self) -> (&'static str, Option<&'static str>) {
        match self {
            Outcome::Accepted => ("accepted", None),
            Outcome::Superseded => ("accepted", Some("superseded")),
            Outcome::Unscored(reason) => ("unscored", Some(reason.code())),
            Outcome::Held => ("held", None),
            Outcome::Rejected(reason) => ("rejected", Some(reason.code())),
        }
    }

    /// Whether the record was taken.
    pub(super) fn counts(self) -> bool {
        matches!(self, Outcome::Accepted | Outcome::Superseded | Outcome::Unscored(_))
    }
}

/// What the revision in force says; superseded, held and rejected records say nothing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum Content {
    Nothing,
    Statement(Box<Statement>),
    Upload(Box<Upload>),
}

/// The facts of an upload in force, and what was issued for it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Upload {
    pub(super) uploaded_at: Instant,
    pub(super) respondent: Sym,
    /// Entered in error: no form stands.
    pub(super) withdrawn: bool,
    pub(super) forms: Forms,
    /// By episode, in the order in which they were first issued.
    pub(super) issued: Box<[Issued]>,
}

/// What was issued for one upload and one episode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Issued {
    pub(super) episode: Sym,
    /// Calendar days from treatment to answer in the episode's zone; absent without a treatment.
    pub(super) day: Option<i32>,
    /// A composite was issued.
    pub(super) composite: bool,
    /// Digest of the rows as last issued.
    pub(super) digest: u64,
}

/// One (kind, id, revision).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Record {
    pub(super) kind: InputKind,
    pub(super) id: Box<str>,
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
    pub(super) content: Content,
}

impl Record {
    pub(super) fn key(&self) -> (InputKind, &str, i32) {
        (self.kind, &self.id, self.revision)
    }

    /// The upload in force that this record is.
    pub(super) fn upload(&self) -> Option<&Upload> {
        match &self.content {
            Content::Upload(upload) => Some(upload),
            _ => None,
        }
    }

    /// Takes over from the same record as it was judged before: its copies, and since when the outcome is what it is.
    pub(super) fn succeed(&mut self, before: &Record) {
        (self.duplicates, self.conflicts) = (before.duplicates, before.conflicts);
        if self.outcome == before.outcome {
            self.stored_at = before.stored_at;
            self.receipt_due =
                before.receipt_due || (self.episode, self.event_at) != (before.episode, before.event_at);
        }
    }

    /// Whether the record is an upload in force that counts for `episode`.
    pub(super) fn counts_for(&self, episode: Sym) -> bool {
        let stands = self.upload().is_some_and(|upload| !upload.withdrawn);
        stands && self.episode.is_none_or(|own| own == episode)
    }

    /// The calendar days from treatment to answer that were issued for `episode`.
    pub(super) fn issued_day(&self, episode: Sym) -> Option<i32> {
        self.upload()?.issued.iter().find(|issued| issued.episode == episode)?.day
    }

    pub(super) fn copies(&self) -> u32 {
        1u32.saturating_add(self.duplicates).saturating_add(self.conflicts)
    }
}
