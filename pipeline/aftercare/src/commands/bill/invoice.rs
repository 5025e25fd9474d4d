//! A manufacturer's invoice as CSV. The same entries give the same bytes.

use std::collections::BTreeMap;

use aftercare_clickhouse::BillEntry;

use super::{evidence, money, record};

const COLUMNS: [&str; 24] = [
    "month",
    "manufacturer",
    "patient",
    "episode",
    "device",
    "slot",
    "upload",
    "answered_on",
    "index",
    "expected",
    "ratio",
    "step",
    "review",
    "reviewed_on",
    "component",
    "payee",
    "service_period",
    "share",
    "amount",
    "currency",
    "reason",
    "reverses",
    "contract",
    "entry",
];

/// Every line by patient, component and entry, then a total for each currency.
pub(super) fn csv(month: &str, manufacturer: &str, booked: &[BillEntry]) -> anyhow::Result<Vec<u8>> {
    let mut out = csv::Writer::from_writer(Vec::new());
    out.write_record(COLUMNS)?;
    let mut totals: BTreeMap<&str, i64> = BTreeMap::new();
    for entry in booked.iter().filter(|entry| entry.kind == "line") {
        *totals.entry(&entry.currency).or_default() += entry.amount_minor;
        out.write_record(line(month, manufacturer, entry))?;
    }
    for (currency, total) in totals {
        let mut row = [""; COLUMNS.len()].map(str::to_owned);
        (row[0], row[1], row[14]) = (month.to_owned(), manufacturer.to_owned(), "total".to_owned());
        (row[18], row[19]) = (money(total, currency), currency.to_owned());
        out.write_record(row)?;
    }
    Ok(out.into_inner()?)
}

fn line(month: &str, manufacturer: &str, entry: &BillEntry) -> [String; COLUMNS.len()] {
    let said = |name: &str| evidence(entry, name).unwrap_or_default().to_owned();
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let contract = match (&entry.contract, entry.contract_version) {
        (Some(contract), Some(version)) => format!("{contract}@{version}"),
        _ => String::new(),
    };
    [
        month.to_owned(),
        manufacturer.to_owned(),
        text(&entry.patient_id),
        text(&entry.episode_id),
        said("device"),
        said("slot"),
        record(entry, "index").unwrap_or_default().to_owned(),
        said("answered_on"),
        said("index"),
        said("expected"),
        said("ratio"),
        said("step"),
        record(entry, "verdict").unwrap_or_default().to_owned(),
        said("reviewed_on"),
        text(&entry.component),
        text(&entry.payee),
        text(&entry.service_period),
        said("share"),
        money(entry.amount_minor, &entry.currency),
        entry.currency.clone(),
        text(&entry.reason),
        text(&entry.reverses),
        contract,
        entry.entry_id.clone(),
    ]
}
