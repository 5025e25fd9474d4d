//! One party's month: what is kept of it until its last line has been read.

use std::collections::{BTreeMap, BTreeSet};

use aftercare_clickhouse::DocumentLine;
use aftercare_export::ExportError;

/// A letter lists at most so many lines; beyond it gives sums alone.
pub(super) const LETTER_LINES_MAX: usize = 20_000;

/// The month of a party.
#[derive(Debug, Default)]
pub(super) struct Party {
    pub(super) id: String,
    pub(super) role: String,
    pub(super) contracts: BTreeSet<String>,
    /// By currency.
    pub(super) accounts: BTreeMap<String, Account>,
}

/// Its lines in one currency.
#[derive(Debug, Default)]
pub(super) struct Account {
    pub(super) lines: u64,
    pub(super) shown: u64,
    /// Minor units.
    pub(super) sum: i64,
    /// Equal lines, and how many they are.
    pub(super) items: BTreeMap<Item, i64>,
    /// The lines, unless they are too many or there is no letter.
    pub(super) listed: Vec<Listed>,
    pub(super) is_listed: bool,
}

/// What equal lines have in common.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Item {
    /// Whether it is negative: takes back.
    pub(super) back: bool,
    pub(super) contract: String,
    pub(super) component: String,
    pub(super) service_period: String,
    /// Of one, minor units, never negative.
    pub(super) price: i64,
}

/// A line of a letter.
#[derive(Clone, Debug)]
pub(super) struct Listed {
    pub(super) patient: String,
    /// Device and day of treatment, if it says so.
    pub(super) about: String,
    pub(super) service_period: String,
    pub(super) item: String,
    pub(super) other: String,
    /// Slot, answered on, index, expected, ratio, reviewed on; empty where there is no slot.
    pub(super) follow_up: Option<[String; 6]>,
    pub(super) basis: String,
    pub(super) minor: i64,
    pub(super) counted: bool,
}

/// What a line says of its evidence.
pub(super) struct Evidence<'l>(pub(super) &'l DocumentLine<'l>);

impl<'l> Evidence<'l> {
    /// The first piece of that name: its value.
    pub(super) fn value(&self, name: &str) -> Option<&'l str> {
        self.0.evidence.iter().find(|(known, ..)| *known == name).map(|(_, value, ..)| *value)
    }

    /// The record that it comes from.
    pub(super) fn record(&self, name: &str) -> Option<&'l str> {
        self.0.evidence.iter().find(|(known, ..)| *known == name)?.3
    }
}

impl Party {
    /// Adds a line: `minor` as this party's document counts it, `other` the other side.
    pub(super) fn add(
        &mut self,
        line: &DocumentLine<'_>,
        minor: i64,
        other: &str,
        with_letter: bool,
    ) -> Result<(), ExportError> {
        if !self.contracts.contains(line.contract) {
            self.contracts.insert(line.contract.to_owned());
        }
        if !self.accounts.contains_key(line.currency) {
            let account = Account { is_listed: with_letter, ..Account::default() };
            self.accounts.insert(line.currency.to_owned(), account);
        }
        let Some(account) = self.accounts.get_mut(line.currency) else { return Ok(()) };
        let counted = line.kind == "line";
        if counted {
            account.lines += 1;
            let too_large = || ExportError::TooLarge { what: "the lines of a party" };
            account.sum = account.sum.checked_add(minor).ok_or_else(too_large)?;
            *account.items.entry(Item::of(line, minor)).or_default() += 1;
        } else {
            account.shown += 1;
        }
        if account.is_listed {
            account.listed.push(listed(line, minor, other, counted));
            if account.listed.len() > LETTER_LINES_MAX {
                (account.is_listed, account.listed) = (false, Vec::new());
            }
        }
        Ok(())
    }
}

impl Item {
    fn of(line: &DocumentLine<'_>, minor: i64) -> Item {
        Item {
            back: minor < 0,
            contract: line.contract.to_owned(),
            component: line.component.to_owned(),
            service_period: line.service_period.unwrap_or_default().to_owned(),
            price: minor.saturating_abs(),
        }
    }
}

fn listed(line: &DocumentLine<'_>, minor: i64, other: &str, counted: bool) -> Listed {
    let evidence = Evidence(line);
    let text = |name: &str| evidence.value(name).unwrap_or_default().to_owned();
    // a figure to look at; to the last digit it stands in the table and in the explanation
    let figure = |name: &str| {
        let value = evidence.value(name).and_then(|value| value.parse::<f64>().ok());
        value.map_or_else(String::new, |value| format!("{value:.1}"))
    };
    let about = match (evidence.value("device"), evidence.value("treated_on")) {
        (Some(device), Some(day)) => format!("  {device}, treated 治疗 {day}"),
        (Some(device), None) => format!("  {device}"),
        _ => String::new(),
    };
    let share = evidence.value("share").and_then(|share| share.parse::<f64>().ok());
    let share = share
        .filter(|share| *share < 1.0)
        .map_or_else(String::new, |share| format!(", {:.0} %", share * 100.0));
    let reversal = if line.reverses.is_some() { ", reversal 冲销" } else { "" };
    Listed {
        patient: line.patient_id.unwrap_or_default().to_owned(),
        about,
        service_period: line.service_period.unwrap_or_default().to_owned(),
        item: format!("{}{share}{reversal}", line.component),
        other: other.to_owned(),
        follow_up: evidence.value("slot").map(|slot| {
            let ratio = text("ratio").chars().take(5).collect();
            [
                slot.to_owned(),
                text("answered_on"),
                figure("index"),
                figure("expected"),
                ratio,
                text("reviewed_on"),
            ]
        }),
        basis: basis(line),
        minor,
        counted,
    }
}

/// Evidence that stands elsewhere in a letter, or is for the explanation.
const ELSEWHERE: [&str; 10] = [
    "clause",
    "device",
    "device_known_on",
    "manufacturer",
    "share",
    "slot_from",
    "slot_to",
    "step_from",
    "step_to",
    "treated_on",
];
/// Pieces of evidence that a line of a letter names.
const BASIS_MAX: usize = 10;

/// What it rests on, in the words of the contract; records by their number are for the table.
fn basis(line: &DocumentLine<'_>) -> String {
    let here = line.evidence.iter().filter(|(name, ..)| !ELSEWHERE.contains(name));
    let said = here.take(BASIS_MAX).map(|(name, value, unit, ..)| {
        let unit = if matches!(*unit, "" | "1" | "none") { String::new() } else { format!(" {unit}") };
        format!("{} {value}{unit}", name.replace('_', " "))
    });
    said.collect::<Vec<_>>().join("; ")
}
