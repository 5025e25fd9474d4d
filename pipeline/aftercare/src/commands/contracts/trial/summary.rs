//! What a run adds up to, for the person at the terminal.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use aftercare_core::contract::{Entry, EntryKind};

use super::driver::{Counts, Trial};
use crate::commands::bill::money;

/// Lines whose forms can't be used that are named; more are counted.
const REFUSED_SHOWN: usize = 20;

/// A component and its payer, or books and an account of theirs; and the currency.
type Account = (Arc<str>, Arc<str>, Arc<str>);

/// Sums over all entries.
#[derive(Default)]
pub(super) struct Summary {
    /// By component, payer and currency: amount, and lines.
    owed: BTreeMap<Account, (i64, u64)>,
    /// What is held, by component id, with its reason.
    held: BTreeMap<Box<str>, Box<str>>,
    /// By books, account and currency: debit less credit.
    accounts: BTreeMap<Account, i64>,
    /// What is to be done, by component id, with its reason.
    notices: BTreeMap<Box<str>, Box<str>>,
    /// What patients add to populations: by the population's key and what is counted.
    measures: BTreeMap<(Arc<str>, Arc<str>), i64>,
    /// Patients by whom or for whom something is owed.
    patients: BTreeSet<Box<str>>,
}

impl Summary {
    pub(super) fn take(&mut self, patient: &str, entry: &Entry) {
        let currency = || Arc::clone(&entry.currency);
        let payer = || entry.payer.clone().unwrap_or_default();
        match entry.kind {
            EntryKind::Line => {
                let key = (Arc::clone(&entry.component), payer(), currency());
                let (sum, lines) = self.owed.entry(key).or_default();
                *sum = sum.saturating_add(entry.amount.0);
                *lines += 1;
                if !self.patients.contains(patient) {
                    self.patients.insert(patient.into());
                }
            }
            EntryKind::Shown => {}
            EntryKind::Held => replace(&mut self.held, entry),
            EntryKind::Notice => replace(&mut self.notices, entry),
            EntryKind::Measure => {
                let sum = self.measures.entry((payer(), Arc::clone(&entry.component))).or_default();
                *sum = sum.saturating_add(entry.amount.0);
            }
            EntryKind::Posting => {
                let Some((debit, credit)) = &entry.accounts else { return };
                for (account, amount) in [(debit, entry.amount.0), (credit, -entry.amount.0)] {
                    let key = (payer(), Arc::clone(account), currency());
                    let sum = self.accounts.entry(key).or_default();
                    *sum = sum.saturating_add(amount);
                }
            }
        }
    }

    /// In words.
    pub(super) fn said(&self, trial: &Trial<'_>, counts: &Counts) -> Vec<String> {
        let mut said = vec![format!(
            "{}: {} of {} patients of the file have lines ({} lines of facts)",
            trial.tried.name,
            self.patients.len(),
            trial.file.patients.len(),
            trial.file.lines
        )];
        for ((component, payer, currency), (sum, lines)) in &self.owed {
            let sum = money(*sum, currency);
            said.push(format!("  {component:<24} {payer:<24} {sum:>16} {currency}  {lines} lines"));
        }
        say_reasons("held", &self.held, &mut said);
        say_reasons("to be done", &self.notices, &mut said);
        let measures = self.measures.iter().filter(|(_, sum)| **sum != 0);
        said.extend(measures.map(|((pool, name), sum)| format!("of {pool}: {name} {sum}")));
        self.say_journal(&mut said);
        for (what, count) in [
            ("copies of lines that came before", counts.duplicates),
            ("lines that say otherwise what the same revision said before: not taken", counts.conflicts),
            ("lines that became known before they happened", counts.ahead),
        ] {
            if count > 0 {
                said.push(format!("{count} {what}"));
            }
        }
        for (line, why) in counts.refused.iter().take(REFUSED_SHOWN) {
            said.push(format!("line {line}: its forms can't be scored: {why}"));
        }
        if let Some(more @ 1..) = counts.refused.len().checked_sub(REFUSED_SHOWN) {
            said.push(format!("and {more} more whose forms can't be scored"));
        }
        said
    }

    fn say_journal(&self, said: &mut Vec<String>) {
        let mut balances: BTreeMap<(&str, &str), i64> = BTreeMap::new();
        for ((books, _, currency), sum) in &self.accounts {
            let balance = balances.entry((books, currency)).or_default();
            *balance = balance.saturating_add(*sum);
        }
        for ((books, currency), balance) in balances {
            let state = if balance == 0 { "it balances".to_owned() } else { format!("off by {balance}") };
            said.push(format!("journal of {books}, {currency}: {state}"));
            let own = self
                .accounts
                .iter()
                .filter(|((of, _, in_currency), _)| (&**of, &**in_currency) == (books, currency));
            for ((_, account, _), sum) in own {
                said.push(format!("  {account:<40} {:>16}", money(*sum, currency)));
            }
        }
    }
}

/// What is said of a component now, in place of what was said before.
fn replace(reasons: &mut BTreeMap<Box<str>, Box<str>>, entry: &Entry) {
    match entry.reason.as_deref() {
        None | Some("settled" | "withdrawn") => drop(reasons.remove(&*entry.component_id)),
        Some(reason) => drop(reasons.insert((*entry.component_id).into(), reason.into())),
    }
}

/// How many there are of each reason.
fn say_reasons(what: &str, reasons: &BTreeMap<Box<str>, Box<str>>, said: &mut Vec<String>) {
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    for reason in reasons.values() {
        *counts.entry(reason).or_default() += 1;
    }
    if !counts.is_empty() {
        said.push(format!("{what}:"));
        said.extend(counts.iter().map(|(reason, count)| format!("  {reason:<40} {count}")));
    }
}
