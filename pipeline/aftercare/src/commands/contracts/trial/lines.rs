//! Entries as CSV, in an order that does not depend on when they were issued. What is kept until then is their text.

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::Arc;

use aftercare_core::contract::{Entry, EntryKind};
use aftercare_core::month::Month;
use aftercare_core::zone::{Zone, date_of_day};

use super::tried::Tried;
use crate::commands::bill::money;

const COLUMNS: [&str; 12] = [
    "date",
    "service_period",
    "booking_period",
    "patient",
    "component",
    "payer",
    "payee",
    "amount",
    "currency",
    "reason",
    "evidence",
    "reverses",
];

const JOURNAL_COLUMNS: [&str; 12] = [
    "date",
    "service_period",
    "booking_period",
    "patient",
    "component",
    "books",
    "debit_account",
    "credit_account",
    "amount",
    "currency",
    "reason",
    "reverses",
];

/// Which entries become lines.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Of {
    Lines,
    Postings,
}

/// The lines of a run.
pub(super) struct Lines {
    of: Of,
    zone: Zone,
    /// Each patient, component and payer once.
    names: Names,
    rows: Vec<Row>,
    text: Vec<u8>,
}

/// Where the text of a line is, and where it belongs among the others.
struct Row {
    booking: Month,
    day: i64,
    patient: Arc<str>,
    component: Arc<str>,
    payer: Arc<str>,
    from: usize,
    to: usize,
}

#[derive(Default)]
struct Names(BTreeMap<Arc<str>, ()>);

impl Names {
    fn share(&mut self, text: &str) -> Arc<str> {
        if let Some((known, ())) = self.0.get_key_value(text) {
            return Arc::clone(known);
        }
        let name: Arc<str> = text.into();
        self.0.insert(Arc::clone(&name), ());
        name
    }
}

impl Lines {
    /// What payers owe.
    pub(super) fn new(tried: &Tried) -> Lines {
        Lines {
            of: Of::Lines,
            zone: tried.zone.clone(),
            names: Names::default(),
            rows: Vec::new(),
            text: Vec::new(),
        }
    }

    /// What is posted in somebody's books.
    pub(super) fn journal(tried: &Tried) -> Lines {
        Lines { of: Of::Postings, ..Lines::new(tried) }
    }

    pub(super) fn take(&mut self, patient: &str, entry: &Entry) {
        let wanted = match entry.kind {
            EntryKind::Line | EntryKind::Shown => Of::Lines,
            EntryKind::Posting => Of::Postings,
            EntryKind::Held | EntryKind::Measure | EntryKind::Notice => return,
        };
        if wanted != self.of {
            return;
        }
        let day = self.zone.day(entry.triggered_at);
        let payer = entry.payer.as_deref().unwrap_or_default();
        let from = self.text.len();
        let fields = match self.of {
            Of::Lines => line(day, patient, entry),
            Of::Postings => posting(day, patient, entry),
        };
        record(&mut self.text, &fields);
        self.rows.push(Row {
            booking: entry.booking_period,
            day,
            patient: self.names.share(patient),
            component: Arc::clone(&entry.component),
            payer: self.names.share(payer),
            from,
            to: self.text.len(),
        });
    }

    /// By booking period, date, patient, component and payer, then as they were issued.
    pub(super) fn write(mut self, out: &mut impl Write) -> anyhow::Result<()> {
        self.rows.sort_by(|one, other| one.key().cmp(&other.key()));
        let mut head = Vec::new();
        record(
            &mut head,
            &match self.of {
                Of::Lines => COLUMNS,
                Of::Postings => JOURNAL_COLUMNS,
            }
            .map(str::to_owned),
        );
        out.write_all(&head)?;
        for row in &self.rows {
            out.write_all(self.text.get(row.from..row.to).unwrap_or_default())?;
        }
        Ok(())
    }
}

impl Row {
    fn key(&self) -> (Month, i64, &str, &str, &str, usize) {
        (self.booking, self.day, &self.patient, &self.component, &self.payer, self.from)
    }
}

fn line(day: i64, patient: &str, entry: &Entry) -> [String; COLUMNS.len()] {
    let evidence = entry.evidence.iter().map(|evidence| format!("{}={}", evidence.name, evidence.value));
    let evidence: Vec<String> = evidence.collect();
    let shown = (entry.kind == EntryKind::Shown).then_some("shown");
    let reason: Vec<&str> = shown.into_iter().chain(entry.reason.as_deref()).collect();
    [
        date_of_day(day).to_string(),
        entry.service_period.to_string(),
        entry.booking_period.to_string(),
        patient.to_owned(),
        entry.component.to_string(),
        entry.payer.as_deref().unwrap_or_default().to_owned(),
        entry.payee.as_deref().unwrap_or_default().to_owned(),
        money(entry.amount.0, &entry.currency),
        entry.currency.to_string(),
        reason.join(";"),
        evidence.join(";"),
        entry.reverses.clone().unwrap_or_default(),
    ]
}

fn posting(day: i64, patient: &str, entry: &Entry) -> [String; JOURNAL_COLUMNS.len()] {
    let (debit, credit) = entry
        .accounts
        .as_ref()
        .map_or_else(Default::default, |(debit, credit)| (debit.to_string(), credit.to_string()));
    [
        date_of_day(day).to_string(),
        entry.service_period.to_string(),
        entry.booking_period.to_string(),
        patient.to_owned(),
        entry.component.to_string(),
        entry.payer.as_deref().unwrap_or_default().to_owned(),
        debit,
        credit,
        money(entry.amount.0, &entry.currency),
        entry.currency.to_string(),
        entry.reason.as_deref().unwrap_or_default().to_owned(),
        entry.reverses.clone().unwrap_or_default(),
    ]
}

/// A record of CSV.
pub(super) fn record(out: &mut Vec<u8>, fields: &[String]) {
    for (at, field) in fields.iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        if field.bytes().any(|byte| matches!(byte, b',' | b'"' | b'\n' | b'\r')) {
            out.push(b'"');
            out.extend(field.replace('"', "\"\"").bytes());
            out.push(b'"');
        } else {
            out.extend(field.bytes());
        }
    }
    out.push(b'\n');
}
