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
    /// A line that is not owed: it was prepaid.
    Shown,
    /// A whole number, no money, that the case adds to a population.
    Measure,
    /// Something is to be done; the reason says what.
    Notice,
}

/// One thing that an amount rests on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// What it is.
    pub name: Arc<str>,
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
    pub clause: Arc<str>,
    /// The component.
    pub component: Arc<str>,
    /// `{contract}/{case}/{cause}/{component}`.
    pub component_id: String,
    /// The case: an episode, a purchase or the key of a population.
    pub case_id: Arc<str>,
    /// The episode; `None` of a population.
    pub episode_id: Option<Arc<str>>,
    /// Line, shown: who owes. Posting: in whose books it is. Measure: the key of the population.
    pub payer: Option<Arc<str>>,
    /// Line, shown: as what it pays.
    pub payer_role: Option<Arc<str>>,
    /// Line, shown: who is owed.
    pub payee: Option<Arc<str>>,
    /// Line, shown: as what it is paid.
    pub payee_role: Option<Arc<str>>,
    /// Posting: the accounts that are debited and credited.
    pub accounts: Option<(Arc<str>, Arc<str>)>,
    /// Signed, minor units of the currency. Measure: the number.
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
    /// How it came about, a sentence each.
    pub said: Vec<String>,
    /// The tick at which it was issued.
    pub stored_at: Instant,
    /// Who it belongs to at the time of the trigger.
    pub attribution: OwnedAttribution,
    /// Where the fact behind it came from.
    pub source: Source,
}
