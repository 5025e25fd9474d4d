//! What became of an amount: what was issued first, taken back, and issued again, as the ledger has it.

use std::collections::BTreeSet;

use aftercare_clickhouse::BillEntry;

use super::super::money;
use super::{lines as own_lines, party, share, words};

/// Name and value of evidence stand in columns of this width.
const NAME_WIDTH: usize = 22;
const VALUE_WIDTH: usize = 14;

/// The whole explanation. `component`: every entry of the entry's component, of all payers.
pub(super) fn lines(entry: &BillEntry, component: &[BillEntry]) -> Vec<String> {
    let mut out = own_lines(entry);
    out.extend(figures(entry));
    out.extend(split(entry, component));
    let own = siblings(entry, component);
    if own.len() > 1 {
        out.extend(history(entry, &own));
        let others = [
            ("What it takes back:", own.iter().find(|one| Some(&one.entry_id) == entry.reverses.as_ref())),
            ("What was issued then:", entry.reverses.as_ref().and(after(entry, &own))),
        ];
        for (title, other) in others {
            let Some(other) = other else { continue };
            out.extend([String::new(), title.to_owned()]);
            // what was held has no amount to be followed figure by figure
            let figures = if other.kind == "held" { Vec::new() } else { figures(other) };
            out.extend(own_lines(other).iter().chain(&figures).map(|line| format!("  {line}")));
        }
    }
    out
}

/// Every piece of evidence but the clause, which stands above.
fn figures(entry: &BillEntry) -> Vec<String> {
    let told = entry.evidence.iter().filter(|(name, ..)| name != "clause");
    let mut out: Vec<String> = told
        .map(|(name, value, unit, record, revision)| {
            let unit = if unit == "1" { "" } else { unit };
            let value = format!("{value} {unit}");
            let from = match (record, revision) {
                (Some(record), Some(revision)) => format!("  {record}, revision {revision}"),
                (Some(record), None) => format!("  {record}"),
                _ => String::new(),
            };
            let line =
                format!("  {:<NAME_WIDTH$} {:<VALUE_WIDTH$}{from}", name.replace('_', " "), value.trim());
            line.trim_end().to_owned()
        })
        .collect();
    if !out.is_empty() {
        out.insert(0, "Figures:".to_owned());
    }
    out
}

/// How the component that the entry belongs to is split now, and whether that adds up.
fn split(entry: &BillEntry, component: &[BillEntry]) -> Vec<String> {
    let gone: BTreeSet<&String> = component.iter().filter_map(|one| one.reverses.as_ref()).collect();
    let standing: Vec<&BillEntry> = component
        .iter()
        .filter(|one| matches!(&*one.kind, "line" | "shown") && one.kind == entry.kind)
        .filter(|one| one.reverses.is_none() && !gone.contains(&one.entry_id))
        .collect();
    if standing.len() < 2 {
        return Vec::new();
    }
    let parts = standing.iter().map(|one| {
        let payer = party(one.payer.as_deref(), one.payer_role.as_deref());
        format!("{payer} {}", money(one.amount_minor, &one.currency))
    });
    let sum = standing.iter().map(|one| one.amount_minor).sum();
    let parts = parts.collect::<Vec<_>>().join(" + ");
    let mut out = vec![format!("Split now: {parts} = {}.", money(sum, &entry.currency))];
    out.extend(share::misfits(&standing).map(|what| format!("THIS DOES NOT FIT: {what}.")));
    out
}

/// The entries of the same component and payer, in the order in which they were issued.
fn siblings<'e>(entry: &BillEntry, component: &'e [BillEntry]) -> Vec<&'e BillEntry> {
    let mut own: Vec<(u32, &BillEntry)> = component
        .iter()
        .filter(|one| {
            (&one.payer, numbered(one).map(|(key, _)| key))
                == (&entry.payer, numbered(entry).map(|(key, _)| key))
        })
        .filter_map(|one| Some((numbered(one)?.1, one)))
        .collect();
    own.sort_by_key(|(number, _)| *number);
    own.into_iter().map(|(_, one)| one).collect()
}

/// An id without its number, and the number.
fn numbered(entry: &BillEntry) -> Option<(&str, u32)> {
    let (key, number) = entry.entry_id.rsplit_once('/')?;
    Some((key, number.parse().ok()?))
}

fn after<'e, 'o>(entry: &BillEntry, own: &'o [&'e BillEntry]) -> Option<&'o &'e BillEntry> {
    let at = own.iter().position(|one| one.entry_id == entry.entry_id)?;
    own.get(at + 1)
}

/// One line for each entry, and what stands of them.
fn history(entry: &BillEntry, own: &[&BillEntry]) -> Vec<String> {
    let mut out = vec!["Its history:".to_owned()];
    for one in own {
        let number = numbered(one).map_or(0, |(_, number)| number);
        let booked = one.booking_period.as_deref().unwrap_or("-");
        let amount = match &*one.kind {
            "measure" => one.amount_minor.to_string(),
            _ => money(one.amount_minor, &one.currency),
        };
        let what = match (&*one.kind, &one.reverses, one.reason.as_deref()) {
            ("held", _, reason) => words(reason.unwrap_or("held")),
            (_, Some(back), reason) => {
                let number = back.rsplit('/').next().unwrap_or(back);
                format!("takes back {number}: {}", words(reason.unwrap_or("recomputed")))
            }
            (_, None, Some(reason)) => format!("issued: {}", words(reason)),
            (_, None, None) => "issued".to_owned(),
        };
        let this = if one.entry_id == entry.entry_id { "  < this entry" } else { "" };
        out.push(format!("  {number:>3}  {booked:<9}{amount:>14}  {what}{this}"));
    }
    let sum: i64 = own.iter().map(|one| one.amount_minor).sum();
    if matches!(&*entry.kind, "line" | "shown" | "posting") {
        out.push(format!("  Of it stands {} {}.", money(sum, &entry.currency), entry.currency));
    }
    out
}
