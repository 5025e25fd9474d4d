//! Entries of the ledger as they are issued.

use std::sync::Arc;

use crate::facts::Source;
use crate::money::Minor;
use crate::month::Month;
use crate::patient::OwnedAttribution;
use crate::time::Instant;
use serde::{Deserialize, Serialize};

/// What an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum EntryKind {
    /// The payer owes the payee.
    Line,
    /// As a line, but paid otherwise (prepaid): it is shown and not owed.
    Shown,
    /// Something is not billed, or not yet; the reason says why. Reason `settled`: it is billed now.
    Held,
    /// From one account to another.
    Posting,
    /// A whole number that a case adds to a population; no money.
    Measure,
    /// Something that the contract asks people to do; amount 0, the reason says what.
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
    pub unit: Arc<str>,
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
    /// `{contract}/{case}/{cause}/{component}`; the case is the episode, the purchase, or the pool's key.
    pub component_id: String,
    /// The case: the episode, the purchase or the key of a population.
    pub case_id: Arc<str>,
    /// The episode; `None`: of a population, or of a patient without one.
    pub episode_id: Option<Arc<str>>,
    /// Line: who owes. Posting: in whose books it is. Measure: the pool's key.
    pub payer: Option<Arc<str>>,
    /// What the payer is: patient, manufacturer, insurer and so on.
    pub payer_role: Option<Arc<str>>,
    /// Line: who is owed.
    pub payee: Option<Arc<str>>,
    /// What the payee is.
    pub payee_role: Option<Arc<str>>,
    /// Posting: the accounts that are debited and credited.
    pub accounts: Option<(Arc<str>, Arc<str>)>,
    /// Signed, minor units of the currency; of a measure its change.
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
    pub reason: Option<Arc<str>>,
    /// The entry that it reverses or, of what is held, replaces.
    pub reverses: Option<String>,
    /// What it rests on.
    pub evidence: Vec<Evidence>,
    /// How it came about, in sentences.
    pub said: Vec<String>,
    /// The tick at which it was issued.
    pub stored_at: Instant,
    /// Who it belongs to at the time of the trigger.
    pub attribution: OwnedAttribution,
    /// Where the fact behind it came from.
    pub source: Source,
}
