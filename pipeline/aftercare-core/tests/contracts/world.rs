//! People under a contract and its pools, fact by fact, and the entries that come of them.
#![allow(dead_code, reason = "each kind of contract uses what it needs")]

use std::collections::BTreeMap;
use std::sync::Arc;

use aftercare_core::contract::{
    Closing, Closings, Entry, EntryKind, LedgerBook, Outside, Settlement, Settlements,
};
use aftercare_core::documents::{CONTRACT, Library};
use aftercare_core::facts::{Body, InputKind, RecordHead};
use aftercare_core::money::Minor;
use aftercare_core::patient::Verdict;
use aftercare_core::time::Instant;

pub(crate) use crate::told::*;

/// The person of whom facts are told unless another is named.
pub(crate) const PATIENT: &str = "p-1";

pub(crate) struct World {
    contract: String,
    person: String,
    books: BTreeMap<String, LedgerBook>,
    library: Library,
    closings: Closings,
    settlements: Settlements,
    settled: i64,
    pub(crate) entries: Vec<Entry>,
}

impl World {
    /// Nothing is known yet.
    pub(crate) fn new(contract: &str) -> World {
        World {
            contract: contract.to_owned(),
            person: PATIENT.to_owned(),
            books: BTreeMap::new(),
            library: Library::builtin(),
            closings: Closings::default(),
            settlements: Settlements::default(),
            settled: 0,
            entries: Vec::new(),
        }
    }

    /// Enrolled on the day of treatment, which is when it is told.
    pub(crate) fn treated(contract: &str, on: &str) -> World {
        let mut world = World::new(contract);
        world.tell(&enrolment(contract, on), on);
        world
    }

    /// The shipped document with one text in the place of another (which is there), as another version.
    pub(crate) fn publish(&mut self, version: i32, changes: &[(&str, &str)]) {
        let mut text = self.library.text(CONTRACT, &self.contract, Some(1)).unwrap().to_owned();
        let number = ("version = 1\n".to_owned(), format!("version = {version}\n"));
        let changes = changes.iter().map(|(from, to)| ((*from).to_owned(), (*to).to_owned()));
        for (from, to) in changes.chain([number]) {
            assert!(text.contains(&from), "no {from} in {}", self.contract);
            text = text.replacen(&from, &to, 1);
        }
        self.library.add(CONTRACT, &self.contract, version, &text).unwrap();
    }

    /// Version 1 of the contract, as this document.
    pub(crate) fn add(&mut self, text: &str) {
        self.library.add(CONTRACT, &self.contract, 1, text).unwrap();
    }

    /// Facts told from now on are of this person (or of a pool's book).
    pub(crate) fn of(&mut self, person: &str) -> &mut World {
        person.clone_into(&mut self.person);
        self
    }

    /// Hands over a fact without asking what follows.
    pub(crate) fn hear(&mut self, fact: &Fact, stored: &str) {
        let book = self.books.entry(self.person.clone()).or_default();
        book.open_pool(&self.person);
        let (kind, body) = match fact.body.clone() {
            Said::Enrolment(said) => (InputKind::Enrolment, Body::Enrolment(said)),
            Said::Clinical(said) => (InputKind::ClinicalEvent, Body::Clinical(said)),
            Said::Commerce(said) => (InputKind::CommerceEvent, Body::Commerce(said)),
            Said::Review(said) => (InputKind::SessionVerdict, Body::Verdict(said)),
            Said::Upload(row) => return book.judge(&row),
        };
        let head = RecordHead {
            kind,
            id: &fact.id,
            revision: fact.revision,
            status: fact.status,
            source: fact.source,
            event_at: fact.at,
            digest: 0,
            retry: false,
        };
        book.take(&head, &body, &Verdict::Accepted, at(stored));
    }

    /// Hands over a fact and issues what follows for the person; answers the new entries.
    pub(crate) fn tell(&mut self, fact: &Fact, stored: &str) -> &[Entry] {
        self.hear(fact, stored);
        let had = self.entries.len();
        self.issue(&self.person.clone(), at(stored));
        &self.entries[had..]
    }

    /// Issues what follows for everybody by `now`; answers the new entries.
    pub(crate) fn tick(&mut self, now: &str) -> &[Entry] {
        let had = self.entries.len();
        let everybody: Vec<String> = self.books.keys().cloned().collect();
        for person in everybody {
            self.issue(&person, at(now));
        }
        &self.entries[had..]
    }

    fn issue(&mut self, person: &str, now: Instant) {
        let (library, closings, settlements) = (&self.library, &self.closings, &self.settlements);
        let outside = Outside { library, closings, settlements };
        self.books.get_mut(person).unwrap().issue(now, &outside, &mut self.entries);
    }

    /// When something may follow for the person from time alone.
    pub(crate) fn next_due(&self) -> Option<Instant> {
        self.books.get(&self.person)?.next_due()
    }

    /// Closes a month of the contract, and those before.
    pub(crate) fn close(&mut self, month: &str) {
        let id = format!("closing/{}/{month}", self.contract);
        assert!(self.closings.close(Closing::parse(&id).unwrap()));
    }

    /// The sums of all measures, by the pool's key and the measure's name.
    pub(crate) fn measures(&self) -> BTreeMap<String, BTreeMap<String, i64>> {
        let mut sums: BTreeMap<String, BTreeMap<String, i64>> = BTreeMap::new();
        for entry in self.entries.iter().filter(|entry| entry.kind == EntryKind::Measure) {
            let pool = sums.entry(entry.payer.as_deref().unwrap().to_owned()).or_default();
            *pool.entry(entry.component.to_string()).or_default() += entry.amount.0;
        }
        sums
    }

    /// Settles every pool that has measures with their sums, as the billing run does, and issues what follows.
    pub(crate) fn settle(&mut self, now: &str) {
        self.settled += 1;
        let contract = self.contract.clone();
        for (key, measures) in self.measures() {
            let measures = measures.iter().map(|(name, sum)| (name.as_str(), *sum)).collect();
            let settlement = Settlement { contract: &contract, key: &key, revision: self.settled, measures };
            assert!(self.settlements.settle(&settlement));
            let pool = LedgerBook::pool_id(&contract, &key);
            self.books.entry(pool.clone()).or_default().open_pool(&pool);
        }
        self.tick(now);
    }

    fn of_kind(&self, kind: EntryKind) -> impl Iterator<Item = &Entry> {
        self.entries.iter().filter(move |entry| entry.kind == kind)
    }

    /// What lines say in total, by component, payer and payee, in major units; what adds up to nothing is left out.
    pub(crate) fn lines(&self) -> Vec<(String, String, String, String)> {
        let mut sums: BTreeMap<(String, String, String), Minor> = BTreeMap::new();
        for entry in self.of_kind(EntryKind::Line) {
            let (payer, payee) = (entry.payer.as_deref().unwrap(), entry.payee.as_deref().unwrap());
            let key = (entry.component.to_string(), payer.to_owned(), payee.to_owned());
            let sum = sums.entry(key).or_default();
            *sum = *sum + entry.amount;
        }
        let owed = sums.into_iter().filter(|(_, sum)| *sum != Minor(0));
        owed.map(|((component, payer, payee), sum)| (component, payer, payee, sum.text(2))).collect()
    }

    /// Total of a component's lines, in major units.
    pub(crate) fn total(&self, component: &str) -> String {
        self.sum(|entry| &*entry.component == component)
    }

    /// Total of a component's lines under one cause.
    pub(crate) fn of_cause(&self, cause: &str, component: &str) -> String {
        let end = format!("/{cause}/{component}");
        self.sum(|entry| entry.component_id.ends_with(&end))
    }

    /// Total of a component's lines by the month of their service, zeros left out.
    pub(crate) fn by_month(&self, component: &str) -> Vec<(String, String)> {
        let mut sums: BTreeMap<String, Minor> = BTreeMap::new();
        for entry in self.of_kind(EntryKind::Line).filter(|entry| &*entry.component == component) {
            let sum = sums.entry(entry.service_period.to_string()).or_default();
            *sum = *sum + entry.amount;
        }
        sums.into_iter()
            .filter(|(_, sum)| *sum != Minor(0))
            .map(|(month, sum)| (month, sum.text(2)))
            .collect()
    }

    /// Total of what is shown and not owed, of a payer.
    pub(crate) fn shown(&self, payer: &str) -> String {
        let own = self.of_kind(EntryKind::Shown).filter(|entry| entry.payer.as_deref() == Some(payer));
        own.map(|entry| entry.amount).sum::<Minor>().text(2)
    }

    /// Total of the lines that a payer has.
    pub(crate) fn owes(&self, payer: &str) -> String {
        self.sum(|entry| entry.payer.as_deref() == Some(payer))
    }

    pub(crate) fn sum(&self, counts: impl Fn(&Entry) -> bool) -> String {
        let own = self.of_kind(EntryKind::Line).filter(|entry| counts(entry));
        own.map(|entry| entry.amount).sum::<Minor>().text(2)
    }

    /// Why something of the cause is held now, in whichever case; `None`: nothing is, or no more.
    pub(crate) fn held(&self, cause: &str) -> Option<&str> {
        let end = format!("/{cause}/held");
        let last = self.entries.iter().rev().find(|entry| entry.component_id.ends_with(&end))?;
        last.reason.as_deref().filter(|reason| !["settled", "withdrawn"].contains(reason))
    }

    /// The notices that stand: cause and reason, in the order in which they were issued.
    pub(crate) fn notices(&self) -> Vec<(String, String)> {
        let mut standing: Vec<(String, String)> = Vec::new();
        for entry in self.of_kind(EntryKind::Notice) {
            let (case, reason) = (entry.component_id.clone(), entry.reason.as_deref().unwrap());
            standing.retain(|(known, _)| *known != case);
            if !["settled", "withdrawn"].contains(&reason) {
                standing.push((case, reason.to_owned()));
            }
        }
        let cause = |id: &str| id.splitn(3, '/').nth(2).unwrap().trim_end_matches("/notice").to_owned();
        standing.into_iter().map(|(id, reason)| (cause(&id), reason)).collect()
    }

    /// Balance of an account, debits less credits, by postings.
    pub(crate) fn balance(&self, account: &str) -> String {
        let mut balance = Minor(0);
        for entry in &self.entries {
            if let Some((debit, credit)) = &entry.accounts {
                balance = if **debit == *account { balance + entry.amount } else { balance };
                balance = if **credit == *account { balance - entry.amount } else { balance };
            }
        }
        balance.text(2)
    }

    /// Net of lines by service period, component, payer and payee, in minor units; zeros left out. What must not
    /// depend on the order of the facts.
    pub(crate) fn net(&self) -> BTreeMap<(String, String, String, String), i64> {
        let mut net = BTreeMap::new();
        for entry in self.of_kind(EntryKind::Line) {
            let text = |text: &Option<Arc<str>>| text.as_deref().unwrap_or("").to_owned();
            let period = entry.service_period.to_string();
            let key = (period, entry.component.to_string(), text(&entry.payer), text(&entry.payee));
            *net.entry(key).or_insert(0) += entry.amount.0;
        }
        net.retain(|_, amount| *amount != 0);
        net
    }

    /// The last entry whose id begins so, after `{contract}/`.
    pub(crate) fn entry(&self, start: &str) -> &Entry {
        let start = format!("{}/{start}", self.contract);
        self.entries.iter().rev().find(|entry| entry.entry_id.starts_with(&start)).unwrap()
    }
}

/// A value that an entry rests on.
pub(crate) fn evidence<'e>(entry: &'e Entry, name: &str) -> &'e str {
    entry.evidence.iter().find(|one| &*one.name == name).map_or("", |one| &one.value)
}

/// What `World::lines` answers.
pub(crate) fn owed(lines: &[(&str, &str, &str, &str)]) -> Vec<(String, String, String, String)> {
    let text = |text: &str| text.to_owned();
    lines.iter().map(|(a, b, c, d)| (text(a), text(b), text(c), text(d))).collect()
}

/// The lines among entries: service month, booking month, component, payer, amount, reason.
pub(crate) fn booked(entries: &[Entry]) -> Vec<(String, String, String, String, String, String)> {
    let lines = entries.iter().filter(|entry| entry.kind == EntryKind::Line);
    lines
        .map(|entry| {
            (
                entry.service_period.to_string(),
                entry.booking_period.to_string(),
                entry.component.to_string(),
                entry.payer.as_deref().unwrap().to_owned(),
                entry.amount.text(2),
                entry.reason.as_deref().unwrap_or("").to_owned(),
            )
        })
        .collect()
}
