//! A contract as it is after its document was read: constants, values, rules, each expression checked and compiled.

use std::sync::Arc;

use super::lang::{Program, Scope, Slot, Value};
use super::records::Slots;
use crate::time::Instant;
use crate::zone::Zone;

/// Whose facts a contract looks at, one case at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// An episode that names the contract.
    Episode,
    /// A purchase that names the contract.
    Purchase,
}

/// A contract, checked.
#[derive(Clone, Debug)]
pub struct ContractDocument {
    /// The id, such as `warranty-example`.
    pub id: Arc<str>,
    /// The version, from 1.
    pub version: i32,
    /// What people call it.
    pub title: String,
    /// What kind of contract it is, for people.
    pub kind: String,
    /// What is a choice of this contract, in words.
    pub assumptions: Vec<String>,
    /// ISO 4217.
    pub currency: Arc<str>,
    /// Decimals of the currency.
    pub decimals: u32,
    /// In which its days and months run.
    pub zone: Zone,
    /// The first day that it prices, days since 1970-01-01; the next version's ends it.
    pub in_force_from: i64,
    /// Whose facts it looks at.
    pub subject: Subject,
    /// Clauses in words, by name.
    pub clauses: Vec<(Arc<str>, Arc<str>)>,
    /// Names and types of what its expressions see.
    pub(super) scope: Scope,
    /// Where the facts of a case go.
    pub(super) slots: Slots,
    /// The day from which the version in force is chosen.
    pub(super) start: Option<Program>,
    /// Constants of the document.
    pub(super) constants: Vec<(Slot, Value)>,
    pub(super) rules: Vec<Rule>,
    pub(super) pool_rules: Vec<Rule>,
    /// Some rule says for itself on which day the version is chosen.
    pub(super) chooses_by_rule: bool,
}

/// One rule: what is looked at, under which conditions, and what follows.
#[derive(Clone, Debug)]
pub(super) struct Rule {
    pub(super) id: Arc<str>,
    pub(super) clause: Arc<str>,
    /// Values computed once, before the elements are looked at.
    pub(super) once: Vec<Let>,
    pub(super) each: Option<Program>,
    pub(super) it: Slot,
    /// How often each element is looked at, and the name of the count, from 1.
    pub(super) times: Option<(Program, Slot)>,
    pub(super) cause: Option<Program>,
    pub(super) carry: Vec<Carry>,
    pub(super) lets: Vec<Let>,
    pub(super) when: Option<Program>,
    pub(super) holds: Vec<Hold>,
    pub(super) held_cause: Option<Program>,
    pub(super) held_at: Option<Program>,
    pub(super) at: Option<Program>,
    pub(super) priced_on: Option<Program>,
    pub(super) lines: Vec<LineRule>,
    pub(super) postings: Vec<PostingRule>,
    pub(super) measures: Vec<MeasureRule>,
    pub(super) notices: Vec<NoticeRule>,
    pub(super) say: Vec<Sentence>,
    pub(super) evidence: Vec<EvidenceRule>,
    /// It looks at what was made before it.
    pub(super) reads_made: bool,
}

/// A value with a name.
#[derive(Clone, Debug)]
pub(super) struct Let {
    pub(super) slot: Slot,
    pub(super) value: Program,
    /// Why something is held where this value is absent.
    pub(super) absent: Option<Arc<str>>,
}

/// A value that goes from one element to the next.
#[derive(Clone, Debug)]
pub(super) struct Carry {
    pub(super) slot: Slot,
    pub(super) start: Program,
    pub(super) next: Program,
}

#[derive(Clone, Debug)]
pub(super) struct Hold {
    pub(super) when: Program,
    pub(super) reason: Reason,
}

#[derive(Clone, Debug)]
pub(super) enum Reason {
    Code(Arc<str>),
    Of(Program),
}

#[derive(Clone, Debug)]
pub(super) struct LineRule {
    pub(super) component: Arc<str>,
    /// Where it is another than the rule's.
    pub(super) clause: Option<Arc<str>>,
    /// Where it is not the rule's: a rule may have several lines of one component.
    pub(super) cause: Option<Program>,
    pub(super) when: Option<Program>,
    pub(super) amount: Program,
    pub(super) payers: Payers,
    pub(super) payee: Program,
    pub(super) payee_role: Arc<str>,
    pub(super) owed: Option<Program>,
    pub(super) tag: Option<Program>,
    pub(super) at: Option<Program>,
}

#[derive(Clone, Debug)]
pub(super) enum Payers {
    /// By shares of the document.
    Listed(Vec<PayerRule>),
    /// As a list of records says: who, in which role, with which weight.
    Of(Program),
}

#[derive(Clone, Debug)]
pub(super) struct PayerRule {
    pub(super) role: Arc<str>,
    pub(super) payer: Program,
    pub(super) share: Program,
    /// Where it is false, this payer's line is shown and not owed.
    pub(super) owed: Option<Program>,
}

#[derive(Clone, Debug)]
pub(super) struct PostingRule {
    pub(super) component: Arc<str>,
    pub(super) when: Option<Program>,
    pub(super) books: Program,
    pub(super) amount: Program,
    pub(super) debit: Arc<str>,
    pub(super) credit: Arc<str>,
    pub(super) at: Option<Program>,
}

#[derive(Clone, Debug)]
pub(super) struct MeasureRule {
    pub(super) name: Arc<str>,
    pub(super) when: Option<Program>,
    pub(super) pool: Program,
    pub(super) value: Program,
}

#[derive(Clone, Debug)]
pub(super) struct NoticeRule {
    pub(super) when: Option<Program>,
    pub(super) reason: Arc<str>,
}

/// A sentence with values in it; left out where one of them is absent.
#[derive(Clone, Debug)]
pub(super) struct Sentence(pub(super) Vec<Part>);

#[derive(Clone, Debug)]
pub(super) enum Part {
    Text(Box<str>),
    Value(Program),
}

#[derive(Clone, Debug)]
pub(super) struct EvidenceRule {
    pub(super) name: Arc<str>,
    pub(super) value: Program,
    pub(super) unit: Arc<str>,
    pub(super) record: Option<Program>,
}

impl ContractDocument {
    /// Reads and checks the TOML text of a contract.
    ///
    /// # Errors
    /// Every problem found, each with its place.
    pub fn parse(text: &str) -> Result<ContractDocument, Vec<crate::documents::Problem>> {
        super::read::parse(text)
    }

    /// Whether a day lies on or after the first that this version prices.
    pub fn is_in_force(&self, day: i64) -> bool {
        day >= self.in_force_from
    }

    /// Whether cases come together in pools: by measures, or by rules about a pool.
    pub fn has_pools(&self) -> bool {
        !self.pool_rules.is_empty() || self.rules.iter().any(|rule| !rule.measures.is_empty())
    }

    /// The calendar day at `at`, in the contract's zone.
    pub fn day(&self, at: Instant) -> i64 {
        self.zone.day(at)
    }

    /// A rule by its place; those of pools come after the others.
    pub(super) fn rule(&self, place: usize) -> Option<&Rule> {
        self.rules.iter().chain(&self.pool_rules).nth(place)
    }

    /// A clause in words; empty where the document has none of that name.
    pub fn clause(&self, name: &str) -> Arc<str> {
        let found = self.clauses.iter().find(|(known, _)| **known == *name);
        found.map_or_else(|| Arc::from(""), |(_, words)| words.clone())
    }
}
