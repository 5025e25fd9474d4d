//! Which entries are due: the difference between what should stand and what was issued.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::book::LedgerBook;
use super::closings::Closings;
use super::document::{ContractDocument, Subject};
use super::entry::{Entry, EntryKind, Evidence};
use super::episode::EpisodeView;
use super::evaluate::Case;
use super::evidence;
use super::facts::in_force;
use super::files::Files;
use super::settlements::Settlements;
use super::target::{Party, Target};
use crate::documents::Library;
use crate::facts::Source;
use crate::money::Minor;
use crate::month::Month;
use crate::patient::OwnedAttribution;
use crate::patient::names::{Names, Sym};
use crate::time::Instant;

/// What entries have in common.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Terms {
    contract: Sym,
    version: i32,
    currency: Sym,
    decimals: u32,
    kind: EntryKind,
    clause: Sym,
    accounts: Option<(Sym, Sym)>,
    payer_role: Option<Sym>,
    payee_role: Option<Sym>,
}

/// What entries are about; those of one key are numbered from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Key {
    /// The episode, the purchase or the pool's key.
    case: Sym,
    contract: Sym,
    cause: Sym,
    component: Sym,
    payer: Option<Sym>,
}

/// The last entry of a key.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Issued {
    key: Key,
    /// Place in the book's terms.
    terms: u32,
    payee: Option<Sym>,
    amount: Minor,
    triggered_at: Instant,
    service: Month,
    booking: Month,
    why: Option<Sym>,
    source: Source,
    /// Entries of the key so far.
    count: u32,
    /// It is in force: neither reversed nor settled.
    stands: bool,
    /// The facts still say so.
    #[serde(skip)]
    seen: bool,
}

/// What the ledger of a patient has from outside it.
#[derive(Clone, Copy)]
pub struct Outside<'a> {
    /// The documents.
    pub library: &'a Library,
    /// Which months are closed.
    pub closings: &'a Closings,
    /// What populations came to.
    pub settlements: &'a Settlements,
}

/// Whose facts, under which contract.
#[derive(Clone, Copy)]
struct Subjected {
    case: Sym,
    contract: Sym,
    episode: Option<Sym>,
    purchase: Option<usize>,
    is_pool: bool,
}

impl LedgerBook {
    /// Adds to `out` the entries that bring what was issued to what the facts in force say at `now`, the tick.
    pub fn issue(&mut self, now: Instant, outside: &Outside<'_>, out: &mut Vec<Entry>) {
        self.due = None;
        // apart from the book, so that they can change while the facts are looked at
        let (mut issued, mut terms) = (std::mem::take(&mut self.issued), std::mem::take(&mut self.terms));
        let mut names = self.names.clone();
        let (mut due, mut looked_at) = (None, BTreeSet::new());
        for subject in self.subjects(outside.library) {
            let contract = self.text(subject.contract);
            for (document, until) in outside.library.contracts_in_force(&contract) {
                let view = subject.episode.map(|episode| EpisodeView::new(self, episode));
                let files = Files {
                    book: self,
                    document: &document,
                    settlements: outside.settlements,
                    view: view.as_ref(),
                    key: subject.is_pool.then_some(subject.case),
                };
                let Some(mut case) = self.case(&files, &subject, now, until) else { continue };
                case.evaluate();
                let day = case.due().map(|day| document.zone.start_of(day)).filter(|due| *due > now);
                due = [due, day].into_iter().flatten().min();
                let mut desk = Desk {
                    book: self,
                    names: &mut names,
                    terms: &mut terms,
                    closings: outside.closings,
                    tick: now,
                    out,
                };
                desk.bring_in(&mut issued, &mut case, &subject, &document);
                let causes = case.looked_at.iter().map(|cause| names.intern(cause));
                looked_at.extend(causes.map(|cause| (subject.case, subject.contract, cause)));
            }
        }
        let mut desk = Desk {
            book: self,
            names: &mut names,
            terms: &mut terms,
            closings: outside.closings,
            tick: now,
            out,
        };
        for was in &mut issued {
            if was.stands && !was.seen {
                let is_known = looked_at.contains(&(was.key.case, was.key.contract, was.key.cause));
                desk.take_back(was, if is_known { "settled" } else { "withdrawn" });
            }
            was.seen = false;
        }
        (self.issued, self.terms, self.names, self.due) = (issued, terms, names, due);
    }

    /// What the contracts look at, in a fixed order: episodes, purchases, the pool.
    fn subjects(&self, library: &Library) -> Vec<Subjected> {
        let mut all = Vec::new();
        if let Some((contract, key)) = self.pool {
            all.push(Subjected { case: key, contract, episode: None, purchase: None, is_pool: true });
            return all;
        }
        let is_of = |contract: Sym, subject: Subject| {
            library.contract(self.names.text(contract)).is_some_and(|known| known.subject == subject)
        };
        for episode in self.episodes() {
            let view = EpisodeView::new(self, episode);
            let named = view.statements().filter(|statement| statement.contract.is_some());
            let first = named.map(|statement| statement.effective_at).min();
            let at = view.treated_at.or(first);
            let contract = at.and_then(|at| view.dated(at, |statement| statement.contract));
            if let Some(contract) = contract.filter(|contract| is_of(*contract, Subject::Episode)) {
                let own = Subjected {
                    case: episode,
                    contract,
                    episode: Some(episode),
                    purchase: None,
                    is_pool: false,
                };
                all.push(own);
            }
        }
        let trades = self.trades.iter().enumerate();
        for (at, trade) in trades.filter(|(_, trade)| self.names.text(trade.told.kind) == "purchase") {
            let stands = in_force(&self.trades, None).any(|known| known == trade);
            if let Some(contract) = trade.contract.filter(|of| stands && is_of(*of, Subject::Purchase)) {
                let case = trade.told.id;
                all.push(Subjected { case, contract, episode: None, purchase: Some(at), is_pool: false });
            }
        }
        all
    }

    /// The case under a version that may price it; `None` where this version has nothing to say.
    fn case<'c>(
        &self,
        files: &'c Files<'c>,
        subject: &Subjected,
        now: Instant,
        until: i64,
    ) -> Option<Case<'c>> {
        let document = files.document;
        let today = document.zone.day(now);
        let purchase = subject.purchase.and_then(|at| files.book.trades.get(at));
        let usual = match (files.view, purchase) {
            (Some(view), _) => view.treated_at.map(|at| document.zone.day(at)),
            (None, Some(trade)) => Some(document.zone.day(trade.told.at)),
            (None, None) => pool_day(self.names.text(subject.case)),
        };
        let statement = files.view.and_then(|view| view.statements().next());
        let source = purchase.map(|trade| trade.told.source);
        let source = source.or_else(|| statement.map(|statement| statement.source)).unwrap_or(Source::Live);
        let validity = (document.in_force_from, until);
        let mut case = Case::new(files, today, usual.unwrap_or(0), validity, source);
        case.open(purchase.map(|trade| files.trade(trade)));
        let start = if subject.is_pool { usual } else { case.start(usual) };
        let prices = |day: i64| validity.0 <= day && day < validity.1;
        match start {
            Some(start) if document.chooses_by_rule || prices(start) => {
                case.begin(start);
                Some(case)
            }
            _ => None,
        }
    }
}

/// The day from which the version for a pool is chosen: the year's first, of a key that ends with a year.
fn pool_day(key: &str) -> Option<i64> {
    let year = key.rsplit('/').next()?;
    Some(Month::parse(&format!("{year}-01"))?.first_day())
}

/// Writes entries.
struct Desk<'a> {
    book: &'a LedgerBook,
    names: &'a mut Names,
    terms: &'a mut Vec<Terms>,
    closings: &'a Closings,
    tick: Instant,
    out: &'a mut Vec<Entry>,
}

/// What an entry says beside its amount.
#[derive(Default)]
struct Said {
    reason: Option<Arc<str>>,
    reverses: Option<String>,
    evidence: Vec<Evidence>,
    sentences: Vec<String>,
}

impl Desk<'_> {
    /// Issues what is not there yet, or no longer as it should be.
    fn bring_in(
        &mut self,
        issued: &mut Vec<Issued>,
        case: &mut Case<'_>,
        subject: &Subjected,
        document: &ContractDocument,
    ) {
        let targets = std::mem::take(&mut case.targets);
        let mut taken = BTreeSet::new();
        for target in &targets {
            let rule = document.rule(target.rule);
            let mut key = self.key(subject, target);
            // a cause that is not unique within its document is told apart by its order
            for number in 2.. {
                if taken.insert(key) {
                    break;
                }
                key.cause = self.names.intern(&format!("{}~{number}", target.cause));
            }
            let service = Month::of_day(document.zone.day(target.triggered_at));
            let new = self.unissued(key, target, document, service);
            let at = match issued.binary_search_by_key(&key, |was| was.key) {
                Ok(at) => at,
                Err(at) => {
                    issued.insert(at, Issued { stands: false, ..new.clone() });
                    at
                }
            };
            let Some(was) = issued.get_mut(at) else { continue };
            was.seen = true;
            if self.is(was, &new) {
                continue;
            }
            let replaces = was.stands.then(|| self.entry_id(was, was.count.saturating_sub(1)));
            if was.stands && new.why.is_none() {
                self.take_back(was, "");
            }
            *was = Issued { count: was.count, ..new };
            let late = was.booking > was.service;
            let reason = match &target.why {
                Some(why) => Some(why.clone()),
                None => late.then(|| Arc::from("late_fact")),
            };
            let reverses = replaces.filter(|_| target.why.is_some());
            let (evidence, sentences) = match rule {
                Some(rule) => evidence::of(case, target, rule, document),
                None => Default::default(),
            };
            let said = Said { reason, reverses, evidence, sentences };
            self.write(was, was.amount, was.booking, subject.episode, said);
        }
    }

    fn key(&mut self, subject: &Subjected, target: &Target) -> Key {
        Key {
            case: subject.case,
            contract: subject.contract,
            cause: self.names.intern(&target.cause),
            component: self.names.intern(&target.component),
            payer: target.payer.as_ref().map(|payer| self.names.intern(&payer.id)),
        }
    }

    fn unissued(&mut self, key: Key, target: &Target, document: &ContractDocument, service: Month) -> Issued {
        let names = &mut *self.names;
        let mut role = |party: &Option<Party>| {
            party.as_ref().and_then(|party| party.role.as_ref()).map(|role| names.intern(role))
        };
        let (payer_role, payee_role) = (role(&target.payer), role(&target.payee));
        let terms = Terms {
            contract: key.contract,
            version: document.version,
            currency: names.intern(&document.currency),
            decimals: document.decimals,
            kind: target.kind,
            clause: names.intern(&target.clause),
            accounts: target
                .accounts
                .as_ref()
                .map(|(debit, credit)| (names.intern(debit), names.intern(credit))),
            payer_role,
            payee_role,
        };
        let payee = target.payee.as_ref().map(|payee| names.intern(&payee.id));
        let why = target.why.as_ref().map(|why| names.intern(why));
        let at = self.terms.iter().position(|known| *known == terms).unwrap_or_else(|| {
            self.terms.push(terms);
            self.terms.len() - 1
        });
        Issued {
            key,
            terms: u32::try_from(at).unwrap_or(u32::MAX),
            payee,
            amount: target.amount,
            triggered_at: target.triggered_at,
            service,
            booking: self.closings.booking(self.names.text(key.contract), service),
            why,
            source: target.source,
            count: 0,
            stands: true,
            seen: true,
        }
    }

    /// What is held is the same as long as the reason is; a line as long as payee, amount, service period, and what it
    /// is, are.
    fn is(&self, was: &Issued, new: &Issued) -> bool {
        let facets = |one: &Issued| self.terms_of(one).map(|terms| (terms.kind, terms.accounts));
        let same = (was.payee, was.amount, was.service) == (new.payee, new.amount, new.service);
        was.stands
            && was.why == new.why
            && facets(was) == facets(new)
            && (facets(new).is_some_and(|(kind, _)| kind == EntryKind::Held) || same)
    }

    fn terms_of(&self, one: &Issued) -> Option<&Terms> {
        self.terms.get(usize::try_from(one.terms).unwrap_or(usize::MAX))
    }

    /// Reverses what stands; of what is held or asked for, says that it is `gone`: settled or withdrawn.
    fn take_back(&mut self, was: &mut Issued, gone: &str) {
        let Some(terms) = self.terms_of(was).cloned() else { return };
        let reversed = self.entry_id(was, was.count.saturating_sub(1));
        let open = self.closings.booking(self.names.text(was.key.contract), was.booking);
        let reason = match was.why {
            Some(_) => gone,
            None if open > was.booking => "corrected",
            None => "recomputed",
        };
        let amount = match terms.kind {
            EntryKind::Measure => was.amount.0.to_string(),
            _ => was.amount.text(terms.decimals),
        };
        let evidence = was.why.is_none().then(|| Evidence {
            name: Arc::from("reversed_amount"),
            value: amount,
            unit: Arc::from(""),
            record: Some((Arc::from(&*reversed), 1)),
        });
        let said = Said {
            reason: Some(Arc::from(reason)),
            reverses: Some(reversed),
            evidence: evidence.into_iter().collect(),
            sentences: Vec::new(),
        };
        let episode = self.book.episodes().into_iter().find(|episode| *episode == was.key.case);
        self.write(was, -was.amount, open, episode, said);
        was.stands = false;
    }

    fn component_id(&self, key: Key) -> String {
        let [contract, case, cause, component] =
            [key.contract, key.case, key.cause, key.component].map(|sym| self.names.text(sym));
        format!("{contract}/{case}/{cause}/{component}")
    }

    fn entry_id(&self, was: &Issued, count: u32) -> String {
        let component_id = self.component_id(was.key);
        match was.key.payer {
            Some(payer) => format!("{component_id}/{}/{count}", self.names.text(payer)),
            None => format!("{component_id}/{count}"),
        }
    }

    /// Writes the next entry of a key.
    fn write(&mut self, was: &mut Issued, amount: Minor, booking: Month, episode: Option<Sym>, said: Said) {
        let Some(terms) = self.terms_of(was).cloned() else { return };
        let (names, key) = (&*self.names, was.key);
        let text = |sym: Sym| -> Arc<str> { Arc::from(names.text(sym)) };
        let belongs_to = episode.or_else(|| self.book.episode_at(was.triggered_at));
        let attribution = match belongs_to {
            Some(episode) => EpisodeView::new(self.book, episode).attribution(was.triggered_at),
            None => OwnedAttribution::default(),
        };
        let entry = Entry {
            entry_id: self.entry_id(was, was.count),
            kind: terms.kind,
            contract: text(key.contract),
            contract_version: terms.version,
            clause: text(terms.clause),
            component: text(key.component),
            component_id: self.component_id(key),
            case_id: text(key.case),
            episode_id: belongs_to.map(text),
            payer: key.payer.map(text),
            payer_role: terms.payer_role.map(text),
            payee: was.payee.map(text),
            payee_role: terms.payee_role.map(text),
            accounts: terms.accounts.map(|(debit, credit)| (text(debit), text(credit))),
            amount,
            currency: text(terms.currency),
            triggered_at: was.triggered_at,
            service_period: was.service,
            booking_period: booking,
            reason: said.reason,
            reverses: said.reverses,
            evidence: said.evidence,
            said: said.sentences,
            stored_at: self.tick,
            attribution,
            source: was.source,
        };
        was.count = was.count.saturating_add(1);
        self.out.push(entry);
    }
}
