//! Which entries are due: the difference between what should stand and what was issued.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::book::LedgerBook;
use super::closings::Closings;
use super::entry::{Entry, EntryKind, Evidence};
use super::episode::EpisodeView;
use super::evaluate::{Case, Parties};
use super::target::{Cause, Component, Target, Why};
use crate::documents::{Library, WarrantyContract};
use crate::facts::Source;
use crate::money::Minor;
use crate::month::Month;
use crate::patient::names::Sym;
use crate::time::Instant;

/// A version of a contract by which something was issued.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Terms {
    contract: Sym,
    version: i32,
    currency: Sym,
    decimals: u32,
}

/// What entries are about; those of one key are numbered from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Key {
    episode: Sym,
    contract: Sym,
    cause: Cause,
    component: Component,
    payer: Option<Sym>,
}

/// The last entry of a key.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Issued {
    key: Key,
    /// Place in the book's terms.
    terms: usize,
    payee: Option<Sym>,
    amount: Minor,
    triggered_at: Instant,
    service: Month,
    booking: Month,
    why: Option<Why>,
    source: Source,
    /// Entries of the key so far.
    count: u32,
    /// It is in force: neither reversed nor settled.
    stands: bool,
    /// The facts still say so.
    #[serde(skip)]
    seen: bool,
}

impl Issued {
    pub(super) fn episode(&self) -> Sym {
        self.key.episode
    }

    /// What is held is the same as long as the reason is; a line as long as payee, amount and service period are.
    fn is(&self, target: &Target, service: Month) -> bool {
        let same = (self.payee, self.amount, self.service) == (target.payee, target.amount, service);
        self.stands && self.why == target.why && (target.why.is_some() || same)
    }
}

impl LedgerBook {
    /// Adds to `out` the entries that bring what was issued to what the facts in force say at `now`, the tick.
    pub fn issue(&mut self, now: Instant, library: &Library, closings: &Closings, out: &mut Vec<Entry>) {
        self.due = None;
        for episode in self.episodes() {
            self.issue_episode(episode, now, library, closings, out);
        }
    }

    fn issue_episode(
        &mut self,
        episode: Sym,
        now: Instant,
        library: &Library,
        closings: &Closings,
        out: &mut Vec<Entry>,
    ) {
        let priced = self.priced(episode, library);
        let parties = priced.as_ref().map(|(_, _, contract)| Parties::new(contract, &mut self.names));
        let terms = priced.as_ref().map(|(_, sym, contract)| self.terms_of(*sym, contract));
        // apart from the book, so that it can change while the facts are looked at
        let mut issued = std::mem::take(&mut self.issued);
        let view = EpisodeView::new(self, episode);
        let mut desk = Desk { book: self, view: &view, closings, tick: now, out };
        let mut due = None;
        if let (Some((treated_at, _, contract)), Some(parties), Some(terms)) = (&priced, &parties, terms) {
            let mut case = Case::new(self, &view, contract, parties, *treated_at, now);
            case.evaluate();
            // at the end of the calendar there is no later day
            due = case.due.map(|day| contract.zone.start_of(day)).filter(|due| *due > now);
            desk.bring_in(&mut issued, &case, terms);
        }
        for was in issued.iter_mut().filter(|was| was.key.episode == episode) {
            if was.stands && !was.seen {
                desk.take_back(was);
            }
            was.seen = false;
        }
        self.issued = issued;
        self.due = [self.due, due].into_iter().flatten().min();
    }

    /// The treatment, and the contract version that prices the episode.
    fn priced(&self, episode: Sym, library: &Library) -> Option<(Instant, Sym, Arc<WarrantyContract>)> {
        let view = EpisodeView::new(self, episode);
        let treated_at = view.treated_at?;
        let contract = view.dated(treated_at, |statement| statement.contract)?;
        Some((treated_at, contract, library.contract_at(self.names.text(contract), treated_at)?.clone()))
    }

    fn terms_of(&mut self, contract: Sym, document: &WarrantyContract) -> usize {
        let currency = self.names.intern(&document.currency);
        let terms = Terms { contract, version: document.version, currency, decimals: document.decimals };
        self.terms.iter().position(|known| *known == terms).unwrap_or_else(|| {
            self.terms.push(terms);
            self.terms.len() - 1
        })
    }
}

/// Writes the entries of one episode.
struct Desk<'a> {
    book: &'a LedgerBook,
    view: &'a EpisodeView<'a>,
    closings: &'a Closings,
    tick: Instant,
    out: &'a mut Vec<Entry>,
}

impl Desk<'_> {
    /// Issues what is not there yet, or no longer as it should be.
    fn bring_in(&mut self, issued: &mut Vec<Issued>, case: &Case<'_>, terms: usize) {
        let Some(contract) = self.book.terms.get(terms).map(|terms| terms.contract) else { return };
        let episode = self.view.id;
        for target in &case.targets {
            let Target { cause, component, payer, .. } = *target;
            let key = Key { episode, contract, cause, component, payer };
            let service = Month::of_day(case.day(target.triggered_at));
            let at = match issued.binary_search_by_key(&key, |was| was.key) {
                Ok(at) => at,
                Err(at) => {
                    issued.insert(at, self.unissued(key, terms, target, service));
                    at
                }
            };
            let Some(was) = issued.get_mut(at) else { continue };
            was.seen = true;
            if was.is(target, service) {
                continue;
            }
            let replaces = was.stands.then(|| self.entry_id(was, was.count.saturating_sub(1)));
            if was.stands && target.why.is_none() {
                self.take_back(was);
            }
            let count = was.count;
            *was = Issued { count, stands: true, ..self.unissued(key, terms, target, service) };
            let late = was.booking > service;
            let reason = match target.why {
                Some(why) => Some(why.code(&self.book.names).to_string()),
                None => late.then(|| "late_fact".to_owned()),
            };
            let reverses = replaces.filter(|_| target.why.is_some());
            self.write(was, was.amount, was.booking, reason, reverses, case.evidence(target));
        }
    }

    fn unissued(&self, key: Key, terms: usize, target: &Target, service: Month) -> Issued {
        let contract = self.book.names.text(key.contract);
        Issued {
            key,
            terms,
            payee: target.payee,
            amount: target.amount,
            triggered_at: target.triggered_at,
            service,
            booking: self.closings.booking(contract, service),
            why: target.why,
            source: target.source,
            count: 0,
            stands: false,
            seen: true,
        }
    }

    /// Reverses what stands; of what is held, says that it is settled or gone.
    fn take_back(&mut self, was: &mut Issued) {
        let reversed = self.entry_id(was, was.count.saturating_sub(1));
        let open = self.closings.booking(self.book.names.text(was.key.contract), was.booking);
        let reason = match was.why {
            Some(_) if self.is_known(was.key.cause) => "settled",
            Some(_) => "withdrawn",
            None if open > was.booking => "corrected",
            None => "recomputed",
        };
        let decimals = self.book.terms.get(was.terms).map_or(2, |terms| terms.decimals);
        let evidence = was.why.is_none().then(|| Evidence {
            name: Arc::from("reversed_amount"),
            value: was.amount.text(decimals),
            unit: "",
            record: Some((Arc::from(&*reversed), 1)),
        });
        let evidence = evidence.into_iter().collect();
        self.write(was, -was.amount, open, Some(reason.to_owned()), Some(reversed), evidence);
        was.stands = false;
    }

    fn is_known(&self, cause: Cause) -> bool {
        match cause {
            Cause::Upload(id) => {
                let own = self.book.uploads.iter().filter(|upload| upload.episode == self.view.id);
                own.into_iter().any(|upload| upload.id == id)
            }
            Cause::Week(id, _) => self.book.therapies.iter().any(|therapy| therapy.id == id),
            Cause::Enrolment | Cause::Slot(_) => true,
        }
    }

    fn component_id(&self, key: Key) -> String {
        let names = &self.book.names;
        let (contract, episode) = (names.text(key.contract), names.text(key.episode));
        format!("{contract}/{episode}/{}/{}", key.cause.text(names), key.component.as_str())
    }

    fn entry_id(&self, was: &Issued, count: u32) -> String {
        let component_id = self.component_id(was.key);
        match was.key.payer {
            Some(payer) => format!("{component_id}/{}/{count}", self.book.names.text(payer)),
            None => format!("{component_id}/{count}"),
        }
    }

    /// Writes the next entry of a key.
    fn write(
        &mut self,
        was: &mut Issued,
        amount: Minor,
        booking_period: Month,
        reason: Option<String>,
        reverses: Option<String>,
        evidence: Vec<Evidence>,
    ) {
        let (names, key) = (&self.book.names, was.key);
        let accounts = key.component.accounts();
        let kind = match (accounts, key.component) {
            (Some(_), _) => EntryKind::Posting,
            (None, Component::Held) => EntryKind::Held,
            (None, _) => EntryKind::Line,
        };
        let Some(terms) = self.book.terms.get(was.terms) else { return };
        let episode_id: Arc<str> = Arc::from(names.text(key.episode));
        let entry = Entry {
            entry_id: self.entry_id(was, was.count),
            kind,
            contract: Arc::from(names.text(key.contract)),
            contract_version: terms.version,
            clause: Arc::from(key.component.clause()),
            component: Arc::from(key.component.as_str()),
            component_id: self.component_id(key),
            case_id: episode_id.clone(),
            episode_id: Some(episode_id),
            payer: key.payer.map(|payer| self.book.text(payer)),
            payer_role: None,
            payee: was.payee.map(|payee| self.book.text(payee)),
            payee_role: None,
            accounts: accounts.map(|(debit, credit)| (Arc::from(debit), Arc::from(credit))),
            amount,
            currency: Arc::from(names.text(terms.currency)),
            triggered_at: was.triggered_at,
            service_period: was.service,
            booking_period,
            reason,
            reverses,
            evidence,
            said: Vec::new(),
            stored_at: self.tick,
            attribution: self.view.attribution(was.triggered_at),
            source: was.source,
        };
        was.count = was.count.saturating_add(1);
        self.out.push(entry);
    }
}
