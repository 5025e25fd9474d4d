//! How an entry of version 1 came about: its sentences, made from its evidence. Later entries carry their own.

use aftercare_clickhouse::BillEntry;

use super::super::{evidence, record};

/// The sentences, in the order of what happened.
pub(super) fn sentences(entry: &BillEntry) -> Vec<String> {
    let steps = [treatment, slot, upload, step, review, failed, therapy, accrual];
    steps.into_iter().filter_map(|step| step(entry)).collect()
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
