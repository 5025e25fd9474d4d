//! Entries of the ledger as they are issued.

use std::sync::Arc;

use crate::facts::Source;
use crate::money::Minor;
use crate::month::Month;
use crate::patient::OwnedAttribution;
use crate::time::Instant;

/// What an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryKind {
    /// The payer owes the payee.
    Line,
    /// Something is not billed, or not yet; the reason says why. Reason `settled`: it is billed now.
    Held,
    /// From one account to another.
    Posting,
}

/// One thing that an amount rests on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// What it is.
    pub name: &'static str,
    /// Its value, exactly.
    pub value: String,
    /// UCUM; empty where it has none.
    pub unit: &'static str,
    /// The record that says it, and its revision.
    pub record: Option<(Arc<str>, i32)>,
}

/// One entry. It never changes; a correction is another entry.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// `{component_id}/{payer}/{count}`; of what is held `{component_id}/{count}`. The count numbers the entries of one
    /// component and payer from 0: the first, its reversal, its reissue and so on.
    pub entry_id: String,
    /// What it is.
    pub kind: EntryKind,
    /// The contract's id.
    pub contract: Arc<str>,
    /// The version that prices it.
    pub contract_version: i32,
    /// The clause.
    pub clause: &'static str,
    /// The component.
    pub component: &'static str,
    /// `{contract}/{episode}/{cause}/{component}`.
    pub component_id: String,
    /// The episode.
    pub episode_id: Arc<str>,
    /// Line: who owes. Posting: in whose books it is.
    pub payer: Option<Arc<str>>,
    /// Line: who is owed.
    pub payee: Option<Arc<str>>,
    /// Posting: the accounts that are debited and credited.
    pub accounts: Option<(&'static str, &'static str)>,
    /// Signed, minor units of the currency.
    pub amount: Minor,
    /// ISO 4217.
    pub currency: Arc<str>,
    /// When what triggered it happened.
    pub triggered_at: Instant,
    /// The month of that, in the contract's zone.
    pub service_period: Month,
    /// The month in which it is booked.
    pub booking_period: Month,
    /// Why it is held (a code of the contract), reversed (`recomputed` before its month was closed, `corrected` after) or
    /// booked later than it happened (`late_fact`).
    pub reason: Option<String>,
    /// The entry that it reverses or, of what is held, replaces.
    pub reverses: Option<String>,
    /// What it rests on.
    pub evidence: Vec<Evidence>,
    /// The tick at which it was issued.
    pub stored_at: Instant,
    /// Who it belongs to at the time of the trigger.
    pub attribution: OwnedAttribution,
    /// Where the fact behind it came from.
    pub source: Source,
}
