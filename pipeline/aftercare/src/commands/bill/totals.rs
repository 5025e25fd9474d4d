//! A month in sums.

use std::collections::BTreeMap;

use aftercare_clickhouse::MonthSum;

use super::money;

/// Lines and sum, minor units.
type Sum = (u64, i64);

/// The report of a month, line by line. `states`: how far each contract's month is; `held`: how many for which reason.
pub(super) fn lines(
    month: &str,
    states: &[String],
    booked: &[MonthSum],
    held: &[(String, u64)],
) -> Vec<String> {
    let mut out = vec![format!("Ledger of {month}")];
    out.extend(states.iter().map(|line| format!("  {line}")));
    let of = |kind: &'static str| booked.iter().filter(move |sum| sum.kind == kind);
    let to = |sum: &MonthSum| {
        let payee = if sum.to_patient { "patients" } else { "clinicians" };
        (text(&sum.payer), format!("{} to {payee}", text(&sum.component)))
    };
    sums(&mut out, "Owed", of("line"), to);
    if of("shown").next().is_some() {
        sums(&mut out, "Shown, not owed", of("shown"), to);
    }
    sums(&mut out, "Books of the manufacturer", of("posting"), |sum| {
        let accounts = format!("{} > {}", text(&sum.debit_account), text(&sum.credit_account));
        (text(&sum.payer), format!("{}, {accounts}", text(&sum.component)))
    });
    if of("notice").next().is_some() {
        heading(&mut out, "To be done", "notices");
        out.extend(of("notice").map(|sum| format!("  {:<52}{:>8}", sum.component, sum.entries)));
    }
    heading(&mut out, "Not billed, or not yet, up to this month", "uploads");
    out.extend(held.iter().map(|(reason, count)| format!("  {reason:<52}{count:>8}")));
    out
}

/// A table of sums by group and what is summed, with a total for each group and currency.
fn sums<'e>(
    out: &mut Vec<String>,
    title: &str,
    entries: impl Iterator<Item = &'e MonthSum>,
    place: impl Fn(&MonthSum) -> (String, String),
) {
    let mut all: BTreeMap<(String, String), BTreeMap<String, Sum>> = BTreeMap::new();
    for entry in entries {
        let (group, what) = place(entry);
        let sum = all.entry((group, entry.currency.clone())).or_default().entry(what).or_default();
        *sum = (sum.0 + entry.entries, sum.1 + entry.amount_minor);
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

fn text(text: &str) -> String {
    if text.is_empty() { "-".to_owned() } else { text.to_owned() }
}
