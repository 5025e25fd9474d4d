//! What two contracts pay on the same facts, and where they differ.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::sync::Arc;

use aftercare_core::contract::{Entry, EntryKind};
use aftercare_core::month::Month;

use super::lines::record;
use super::tried::Tried;
use crate::commands::bill::money;

/// Patients that are named with the largest differences.
const NAMED: usize = 10;

/// Which of the two contracts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    One,
    Other,
}

/// What is owed by one contract and by the other, minor units.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Pair {
    one: i64,
    other: i64,
}

impl Pair {
    fn add(&mut self, more: Pair) {
        self.one = self.one.saturating_add(more.one);
        self.other = self.other.saturating_add(more.other);
    }

    fn more(self) -> i64 {
        self.other.saturating_sub(self.one)
    }
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    patient: Arc<str>,
    service: Month,
    component: Arc<str>,
    payer: Arc<str>,
    payee: Arc<str>,
    currency: Arc<str>,
}

/// What is owed in all by both contracts, by patient, month of service, component and parties.
#[derive(Default)]
pub(super) struct Nets(BTreeMap<Key, Pair>);

const COLUMNS: [&str; 10] = [
    "patient",
    "service_period",
    "component",
    "payer",
    "payee",
    "currency",
    "amount",
    "other_amount",
    "difference",
    "in_words",
];

impl Nets {
    pub(super) fn take(&mut self, side: Side, patient: &str, entry: &Entry) {
        if entry.kind != EntryKind::Line {
            return;
        }
        let key = Key {
            patient: patient.into(),
            service: entry.service_period,
            component: Arc::clone(&entry.component),
            payer: entry.payer.clone().unwrap_or_default(),
            payee: entry.payee.clone().unwrap_or_default(),
            currency: Arc::clone(&entry.currency),
        };
        let amount = match side {
            Side::One => Pair { one: entry.amount.0, other: 0 },
            Side::Other => Pair { one: 0, other: entry.amount.0 },
        };
        self.0.entry(key).or_default().add(amount);
    }

    /// The lines that differ.
    pub(super) fn write(&self, one: &Tried, other: &Tried, out: &mut impl Write) -> anyhow::Result<()> {
        let mut text = Vec::new();
        record(&mut text, &COLUMNS.map(str::to_owned));
        for (key, pair) in self.0.iter().filter(|(_, pair)| pair.more() != 0) {
            record(
                &mut text,
                &[
                    key.patient.to_string(),
                    key.service.to_string(),
                    key.component.to_string(),
                    key.payer.to_string(),
                    key.payee.to_string(),
                    key.currency.to_string(),
                    money(pair.one, &key.currency),
                    money(pair.other, &key.currency),
                    money(pair.more(), &key.currency),
                    in_words(key, *pair, one, other),
                ],
            );
            out.write_all(&text)?;
            text.clear();
        }
        out.write_all(&text)?;
        Ok(())
    }

    /// Totals, and whom it concerns, in words.
    pub(super) fn said(&self, one: &Tried, other: &Tried) -> Vec<String> {
        let mut totals: BTreeMap<(&str, &str, &str), Pair> = BTreeMap::new();
        let mut patients: BTreeMap<(&str, &str), Pair> = BTreeMap::new();
        let mut differ = BTreeSet::new();
        for (key, pair) in &self.0 {
            totals.entry((&key.component, &key.payer, &key.currency)).or_default().add(*pair);
            patients.entry((&key.patient, &key.currency)).or_default().add(*pair);
            if pair.more() != 0 {
                differ.insert(&*key.patient);
            }
        }
        let mut said = vec![
            format!("{} against {}, on the same facts", other.name, one.name),
            format!(
                "  {:<24} {:<24} {:>16} {:>16} {:>16}",
                "component", "payer", "first", "other", "difference"
            ),
        ];
        for ((component, payer, currency), pair) in &totals {
            let [first, second, more] = [pair.one, pair.other, pair.more()].map(|sum| money(sum, currency));
            said.push(format!(
                "  {component:<24} {payer:<24} {first:>16} {second:>16} {more:>16} {currency}"
            ));
        }
        let count = |side: fn(i64) -> bool| patients.values().filter(|pair| side(pair.more())).count();
        said.push(format!(
            "for {} of {} patients something differs: in all {} cost more by the other, {} less",
            differ.len(),
            patients.len(),
            count(|more| more > 0),
            count(|more| more < 0)
        ));
        let mut by_difference: Vec<_> = patients.iter().filter(|(_, pair)| pair.more() != 0).collect();
        by_difference.sort_by_key(|(patient, pair)| (std::cmp::Reverse(pair.more().abs()), **patient));
        for ((patient, currency), pair) in by_difference.into_iter().take(NAMED) {
            let more = money(pair.more(), currency);
            said.push(format!("  {patient:<24} {more:>16} {currency}"));
        }
        said
    }
}

/// Such as: in 2025-01 m-alpha owes c-1 76.80 CNY of fee, 12.80 more than by warranty-example version 1.
fn in_words(key: &Key, pair: Pair, one: &Tried, other: &Tried) -> String {
    let Key { service, component, payer, payee, currency, .. } = key;
    let text = |sum: i64| money(sum, currency);
    let difference = text(pair.more().abs());
    let against = if one.name == other.name { "the first" } else { &one.name };
    match (pair.one, pair.other) {
        (0, now) => format!(
            "in {service} {payer} owes {payee} {} {currency} of {component}: nothing by {against}",
            text(now)
        ),
        (was, 0) => {
            format!("in {service} {payer} owes {payee} no {component}: {} {currency} by {against}", text(was))
        }
        (was, now) => {
            let direction = if now > was { "more" } else { "less" };
            format!(
                "in {service} {payer} owes {payee} {} {currency} of {component}: {difference} {direction} than by {against}",
                text(now)
            )
        }
    }
}
