//! A month in sums.

use std::collections::BTreeMap;

use aftercare_clickhouse::BillEntry;

use super::money;

/// Lines and sum, minor units.
type Sum = (u64, i64);

/// The report of a month, line by line.
pub(super) fn lines(
    month: &str,
    booked: &[BillEntry],
    held: &[BillEntry],
    closings: &BTreeMap<String, (u64, u64)>,
) -> Vec<String> {
    let mut out = vec![format!("Ledger of {month}")];
    out.extend(super::said(closings).map(|line| format!("  {line}")));
    let lines = booked.iter().filter(|entry| entry.kind == "line");
    sums(&mut out, "Owed", lines, |entry| {
        (text(&entry.payer), format!("{} to {}", text(&entry.component), party(&entry.payee)))
    });
    let postings = booked.iter().filter(|entry| entry.kind == "posting");
    sums(&mut out, "Books of the manufacturer", postings, |entry| {
        let accounts = format!("{} > {}", text(&entry.debit_account), text(&entry.credit_account));
        (text(&entry.payer), format!("{}, {accounts}", text(&entry.component)))
    });
    let mut reasons: BTreeMap<&str, u64> = BTreeMap::new();
    for entry in held {
        *reasons.entry(entry.reason.as_deref().unwrap_or("held")).or_default() += 1;
    }
    heading(&mut out, "Not billed, or not yet, up to this month", "uploads");
    out.extend(reasons.iter().map(|(reason, count)| format!("  {reason:<52}{count:>8}")));
    out
}

/// A table of sums by group and what is summed, with a total for each group and currency.
fn sums<'e>(
    out: &mut Vec<String>,
    title: &str,
    entries: impl Iterator<Item = &'e BillEntry>,
    place: impl Fn(&BillEntry) -> (String, String),
) {
    let mut all: BTreeMap<(String, String), BTreeMap<String, Sum>> = BTreeMap::new();
    for entry in entries {
        let (group, what) = place(entry);
        let sum = all.entry((group, entry.currency.clone())).or_default().entry(what).or_default();
        *sum = (sum.0 + 1, sum.1 + entry.amount_minor);
    }
    heading(out, title, "entries");
    for ((group, currency), sums) in &all {
        for (what, (count, sum)) in sums {
            out.push(format!("  {group:<14} {what:<37}{count:>8} {:>14} {currency}", money(*sum, currency)));
        }
        let (count, sum) = sums.values().fold((0, 0), |total, sum| (total.0 + sum.0, total.1 + sum.1));
        out.push(format!("  {group:<14} {:<37}{count:>8} {:>14} {currency}", "total", money(sum, currency)));
    }
}

fn heading(out: &mut Vec<String>, title: &str, counted: &str) {
    out.push(String::new());
    out.push(format!("{title:<54}{counted:>8}"));
}

fn text(text: &Option<String>) -> String {
    text.clone().unwrap_or_else(|| "-".to_owned())
}

/// Clinicians are many; the invoice names them.
fn party(payee: &Option<String>) -> &'static str {
    match payee.as_deref() {
        Some("patient") => "patients",
        _ => "clinicians",
    }
}
