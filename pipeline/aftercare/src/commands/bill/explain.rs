//! How one entry came about, in words and figures, from the entry alone.

use aftercare_clickhouse::BillEntry;

use super::{evidence, money, record};

/// The explanation, line by line.
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
    let steps = [treatment, slot, upload, step, review, failed, therapy, accrual, amount];
    let steps = steps.into_iter().filter_map(|step| step(entry));
    out.extend(steps.enumerate().map(|(n, step)| format!("{:>3}. {step}", n + 1)));
    out
}

fn headline(entry: &BillEntry) -> String {
    let amount = format!("{} {}", money(entry.amount_minor, &entry.currency), entry.currency);
    let who = |party: &Option<String>| match party.as_deref() {
        Some("patient") => "the patient".to_owned(),
        Some(party) => party.to_owned(),
        None => "nobody".to_owned(),
    };
    let component = entry.component.as_deref().unwrap_or("amount");
    let months = match (&entry.service_period, &entry.booking_period) {
        (Some(service), Some(booking)) if service == booking => format!("for {service}"),
        (Some(service), Some(booking)) => format!("for {service}, booked in {booking}"),
        _ => "without a month".to_owned(),
    };
    match entry.kind.as_str() {
        "line" => {
            format!("{amount}: {} owes {} ({component}), {months}.", who(&entry.payer), who(&entry.payee))
        }
        "posting" => {
            let (debit, credit) = (who(&entry.debit_account), who(&entry.credit_account));
            format!(
                "{amount}: {component} in the books of {}, from {debit} to {credit}, {months}.",
                who(&entry.payer)
            )
        }
        "held" if entry.reason.as_deref() == Some("settled") => format!("Held until now; billed {months}."),
        "held" => format!("Not billed, {months}."),
        "marker" => "Everything that this task wrote before belongs to the closing.".to_owned(),
        other => format!("{amount}: an entry of the kind {other}."),
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
fn words(reason: &str) -> &str {
    match reason {
        "recomputed" => "a fact changed before the month was closed",
        "corrected" => "a fact changed after the month was closed",
        "late_fact" => "it became known after its month was closed",
        "settled" => "what it waited for has come",
        "withdrawn" => "the upload was withdrawn",
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
        other => other,
    }
}

fn treatment(entry: &BillEntry) -> Option<String> {
    let treated_on = evidence(entry, "treated_on")?;
    let device = match (
        evidence(entry, "device"),
        evidence(entry, "manufacturer"),
        evidence(entry, "device_known_on"),
    ) {
        (Some(device), Some(maker), Some(since)) => {
            format!("device {device} of {maker}, known since {since}")
        }
        _ => "no device is known".to_owned(),
    };
    let cover = match evidence(entry, "cover") {
        Some("warranty") => ": the warranty holds",
        Some("self_pay_consent") => ": no warranty holds, the patient agreed to pay",
        _ => "",
    };
    Some(format!("Treated on {treated_on}; {device}{cover}."))
}

fn slot(entry: &BillEntry) -> Option<String> {
    let (slot, from, to) =
        (evidence(entry, "slot")?, evidence(entry, "slot_from")?, evidence(entry, "slot_to")?);
    Some(format!("Slot {slot}: {from} to {to}."))
}

fn upload(entry: &BillEntry) -> Option<String> {
    let (answered, uploaded) = (evidence(entry, "answered_on")?, evidence(entry, "uploaded_on")?);
    let id = record(entry, "answered_on").unwrap_or("unknown");
    let index = match evidence(entry, "index") {
        Some(index) => format!("index {index} %"),
        None => "no index".to_owned(),
    };
    Some(format!("Upload {id}, answered on {answered}, arrived on {uploaded}: {index}."))
}

fn step(entry: &BillEntry) -> Option<String> {
    let (band, factor) = (evidence(entry, "step")?, evidence(entry, "factor")?);
    let Some(ratio) = evidence(entry, "ratio") else {
        return Some("There is no curve for the patient's cohort yet: factor 1.".to_owned());
    };
    let (index, expected) = (evidence(entry, "index")?, evidence(entry, "expected")?);
    let n = evidence(entry, "n").unwrap_or("0");
    let edition = evidence(entry, "edition").unwrap_or("unknown");
    let step = match (evidence(entry, "step_from"), evidence(entry, "step_to")) {
        (Some(from), Some(to)) => format!("{band} {from} to {to}"),
        _ => band.to_owned(),
    };
    Some(format!(
        "Expected {expected} % (n {n} in the narrowest cohort, which borrows from the wider ones; edition {edition}): {index} / {expected} = {ratio}, {step}: factor {factor}."
    ))
}

fn review(entry: &BillEntry) -> Option<String> {
    let said = |name: &str| evidence(entry, name);
    let (seconds, within) = (said("duration")?, said("review_within")?);
    Some(format!(
        "Review {} by {} on {}, within {within} days of the upload: {seconds} s (at least {}), {} sections (at least {}), \
         {} interactions (at least {}), patients within five minutes: {} (at most {}); {} by {}.",
        record(entry, "verdict")?,
        said("reviewer")?,
        said("reviewed_on")?,
        said("duration_least")?,
        said("sections")?,
        said("sections_least")?,
        said("interactions")?,
        said("interactions_least")?,
        said("burst_patients")?,
        said("burst_patients_most")?,
        said("verdict")?,
        said("review_rule")?,
    ))
}

/// Of what is not billed: the reviews there were.
fn failed(entry: &BillEntry) -> Option<String> {
    if entry.kind != "held" || evidence(entry, "duration").is_some() {
        return None;
    }
    let named = |name: &'static str| {
        entry.evidence.iter().filter(move |(known, ..)| known == name).map(|(_, value, _, id, _)| (value, id))
    };
    let reviews = named("verdict").zip(named("reviewer")).zip(named("reviewed_on"));
    let told: Vec<String> = reviews
        .map(|(((verdict, id), (reviewer, _)), (on, _))| {
            format!("{} by {reviewer} on {on}: {verdict}", id.as_deref().unwrap_or("unknown"))
        })
        .collect();
    if told.is_empty() { None } else { Some(format!("Reviews: {}.", told.join("; "))) }
}

fn therapy(entry: &BillEntry) -> Option<String> {
    let (from, week, limit) =
        (evidence(entry, "therapy_from")?, evidence(entry, "week_to")?, evidence(entry, "ratio_to")?);
    let to = evidence(entry, "therapy_to").unwrap_or("now");
    let id = record(entry, "therapy_from").unwrap_or("unknown");
    Some(format!(
        "Extended therapy {id} from {from} to {to}; its week that ended on {week} follows an outcome of {limit} or less."
    ))
}

fn accrual(entry: &BillEntry) -> Option<String> {
    let part = evidence(entry, "slot_part")?;
    let total = evidence(entry, "component")?;
    Some(match evidence(entry, "slots") {
        Some(slots) => format!(
            "{slots} slots x {} x {} (expected factor) x {} (take-up) x {} (share) = {total}, {part} for each slot.",
            evidence(entry, "fee")?,
            evidence(entry, "expected_factor")?,
            evidence(entry, "take_up")?,
            evidence(entry, "share")?,
        ),
        None => format!("Of {total} set aside, {part} is this slot's part."),
    })
}

fn amount(entry: &BillEntry) -> Option<String> {
    if entry.kind != "line" {
        return None;
    }
    let total = evidence(entry, "component")?;
    let amount = money(entry.amount_minor, &entry.currency);
    let Some(share) = evidence(entry, "share") else {
        return Some(format!("For each completed week {total}."));
    };
    let payer = entry.payer.as_deref().unwrap_or("the payer");
    Some(match (entry.component.as_deref(), evidence(entry, "fee"), evidence(entry, "factor")) {
        (Some("adjustment"), Some(fee), Some(factor)) => {
            format!("Adjustment {fee} x ({factor} - 1) = {total}; share of {payer} {share}: {amount}.")
        }
        _ => format!("Fee {total}; share of {payer} {share}: {amount}."),
    })
}
