//! `aftercare bill explain`: how an entry came about, in words and figures, from what was stored with it.

mod by_evidence;
mod chain;
mod share;

use aftercare_clickhouse::BillEntry;
use aftercare_core::month::Month;
use anyhow::bail;

use super::{Bills, evidence, money, parse_month};
use crate::Outcome;
use crate::wiring::print;

/// What is to be explained.
#[derive(clap::Args)]
pub(super) struct Args {
    /// The id of the entry, as export and --patient list it.
    #[arg(required_unless_present = "patient")]
    entry: Option<String>,
    /// List a patient's entries that are booked in --month, a sentence each.
    #[arg(long, requires = "month", conflicts_with = "entry", value_name = "PSEUDONYM")]
    patient: Option<String>,
    /// The month, such as 2026-01.
    #[arg(long, requires = "patient", value_parser = parse_month)]
    month: Option<Month>,
}

/// Explains one entry, or lists a patient's.
pub(super) fn run(bills: &Bills<'_>, args: &Args) -> anyhow::Result<Outcome> {
    let lines = match args {
        Args { entry: Some(id), .. } => {
            let Some(entry) = bills.runtime.block_on(bills.store.ledger_entry(id))? else {
                bail!("there is no such entry in the ledger");
            };
            let component = entry.component_id.as_deref().unwrap_or_default();
            chain::lines(&entry, &bills.runtime.block_on(bills.store.component_entries(component))?)
        }
        Args { patient: Some(patient), month: Some(month), .. } => {
            let month = month.to_string();
            listed(&bills.runtime.block_on(bills.store.patient_month(patient, &month))?)
        }
        _ => Vec::new(),
    };
    for line in lines {
        print(format_args!("{line}"));
    }
    Ok(Outcome::Done)
}

/// The explanation that an entry carries itself, line by line.
pub(super) fn lines(entry: &BillEntry) -> Vec<String> {
    let mut out = vec![entry.entry_id.clone(), headline(entry)];
    if let Some(contract) = &entry.contract {
        let version = entry.contract_version.unwrap_or(0);
        out.push(format!("Contract {contract}, version {version}."));
    }
    if let Some(clause) = evidence(entry, "clause") {
        out.push(format!("  \"{clause}\""));
    }
    out.extend(reason(entry));
    let said = if entry.said.is_empty() { by_evidence::sentences(entry) } else { entry.said.clone() };
    let steps = said.into_iter().chain(share::sentence(entry));
    out.extend(steps.enumerate().map(|(n, step)| format!("{:>3}. {step}", n + 1)));
    out
}

/// A patient's entries, each in a sentence and with its id.
fn listed(entries: &[BillEntry]) -> Vec<String> {
    if entries.is_empty() {
        return vec!["Nothing of this patient is booked in this month.".to_owned()];
    }
    let told = |entry: &BillEntry| {
        let cause = cause(entry).map(|cause| format!("{cause}: ")).unwrap_or_default();
        let reason = entry.reason.as_deref().map(|reason| format!(" Because: {}.", words(reason)));
        [
            format!("{cause}{}{}", headline(entry), reason.unwrap_or_default()),
            format!("    {}", entry.entry_id),
        ]
    };
    entries.iter().flat_map(told).collect()
}

/// What in the case the entry follows from, such as `slot-02`; `None` where its id does not say.
fn cause(entry: &BillEntry) -> Option<&str> {
    let case = entry.case_id.as_ref().or(entry.episode_id.as_ref())?;
    let id = entry.component_id.as_deref()?.strip_prefix(entry.contract.as_deref()?)?.strip_prefix('/')?;
    id.strip_prefix(case.as_str())?
        .strip_prefix('/')?
        .strip_suffix(entry.component.as_deref()?)?
        .strip_suffix('/')
}

fn headline(entry: &BillEntry) -> String {
    let amount = format!("{} {}", money(entry.amount_minor, &entry.currency), entry.currency);
    let months = match (&entry.service_period, &entry.booking_period) {
        (Some(service), Some(booking)) if service == booking => format!("for {service}"),
        (Some(service), Some(booking)) => format!("for {service}, booked in {booking}"),
        _ => "without a month".to_owned(),
    };
    let component = entry.component.as_deref().unwrap_or("amount");
    let payer = party(entry.payer.as_deref(), entry.payer_role.as_deref());
    let payee = party(entry.payee.as_deref(), entry.payee_role.as_deref());
    match entry.kind.as_str() {
        "line" => format!("{amount}: {payer} owes {payee} ({component}), {months}."),
        "shown" => format!("{amount}: shown, not owed, by {payer} to {payee} ({component}), {months}."),
        "posting" => {
            let [debit, credit] =
                [&entry.debit_account, &entry.credit_account].map(|account| party(account.as_deref(), None));
            format!("{amount}: {component} in the books of {payer}, from {debit} to {credit}, {months}.")
        }
        "measure" => format!("{} {component} counted for {payer}, {months}.", entry.amount_minor),
        "notice" => format!("To be done: {component}, {months}."),
        "held" if entry.reason.as_deref() == Some("settled") => format!("Held until now; billed {months}."),
        "held" => format!("Not billed, {months}."),
        "marker" => "Everything that this task wrote before belongs to the closing.".to_owned(),
        other => format!("{amount}: an entry of the kind {other}."),
    }
}

/// A party with what it acts as, where its id does not say that already.
fn party(id: Option<&str>, role: Option<&str>) -> String {
    match (id, role) {
        (Some("patient"), _) => "the patient".to_owned(),
        (Some(id), Some(role)) if id != role => format!("{id} ({})", role.replace('_', " ")),
        (Some(id), _) => id.to_owned(),
        (None, _) => "nobody".to_owned(),
    }
}

fn reason(entry: &BillEntry) -> Vec<String> {
    let mut out = Vec::new();
    if let Some(reason) = entry.reason.as_deref() {
        out.push(format!("Because: {}.", words(reason)));
    }
    match (&entry.reverses, evidence(entry, "reversed_amount")) {
        (Some(earlier), Some(amount)) => out.push(format!("It takes back {earlier} of {amount}.")),
        (Some(earlier), None) => out.push(format!("It replaces {earlier}.")),
        (None, _) => {}
    }
    out
}

/// A stable reason in words.
fn words(reason: &str) -> String {
    let known = match reason {
        "recomputed" => "a fact changed before the month was closed",
        "corrected" => "a fact changed after the month was closed",
        "late_fact" => "it became known after its month was closed",
        "settled" => "what it waited for has come",
        "withdrawn" => "the upload was withdrawn",
        "prepaid" => "it was prepaid",
        "imported" => "the answers are history, which is not billed",
        "no_baseline" => "there is no baseline, and so no index",
        "before_first_slot" => "the answers were given before the first slot",
        "not_first_in_slot" => "another upload of the slot came first",
        "awaiting_review" => "it waits for a review",
        "no_review" => "nobody reviewed it in time",
        "review_too_late" => "it was reviewed too late",
        "review_by_other" => "it was reviewed by somebody who does not follow the patient",
        "review_too_short" => "the review was too short",
        "review_too_few_sections" => "the review read too few sections",
        "review_too_few_interactions" => "the review had too few interactions",
        "review_burst" => "the review was one of too many within five minutes",
        "cover_unknown" => "the device or its manufacturer is not known yet",
        "not_covered_no_consent" => "no device became known in time, and the patient has not agreed to pay",
        "beyond_warranty_no_consent" => "the warranty is over, and the patient has not agreed to pay",
        "free_monitoring" => "the clinician chose free monitoring",
        other => return other.replace('_', " "),
    };
    known.to_owned()
}

#[cfg(test)]
mod tests;
