//! What holds for every contract that comes with the program, whatever the facts: those of its worked example, changed,
//! delayed, revised, withdrawn and repeated at random, with closings at random among them.

use std::collections::{BTreeMap, BTreeSet};

use aftercare_core::contract::{Entry, EntryKind};
use aftercare_core::documents::{CONTRACT, SHIPPED};
use aftercare_core::month::Month;
use aftercare_core::zone::Zone;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::*;
use crate::facts_file::day;

const DAY_MS: i64 = 86_400_000;
/// When every file was read to its end.
const UNTIL: Instant = Instant(2_100_000_000_000);

type Line = Map<String, Value>;

/// What happens to one line of the example.
#[derive(Debug, Clone)]
struct Change {
    leaves_out: bool,
    delayed_days: i64,
    /// Its numbers are this many tenths of what they were.
    tenths: i64,
    /// A second revision comes after so many days: amended by that many tenths, or (`None`) withdrawn.
    revised: Option<(i64, Option<i64>)>,
    /// A copy comes after so many days.
    copied: Option<i64>,
}

fn change() -> impl Strategy<Value = Change> {
    let tenths = || prop_oneof![4 => Just(10_i64), 1 => 5..16_i64];
    let days = || prop_oneof![3 => Just(0_i64), 2 => 0..60_i64, 1 => 0..400_i64];
    let revised = proptest::option::weighted(0.2, (1..200_i64, proptest::option::weighted(0.7, 5..16_i64)));
    let copied = proptest::option::weighted(0.2, 0..200_i64);
    (proptest::bool::weighted(0.1), days(), tenths(), revised, copied).prop_map(
        |(leaves_out, delayed_days, tenths, revised, copied)| Change {
            leaves_out,
            delayed_days,
            tenths,
            revised,
            copied,
        },
    )
}

/// A file of facts: lines, and closings apart.
#[derive(Debug, Clone)]
struct Facts {
    lines: Vec<Line>,
    copies: Vec<Line>,
    closings: Vec<Line>,
}

fn stored(line: &Line) -> i64 {
    line["stored_at"].as_i64().unwrap()
}

/// The lines of a contract's worked example; their arrival in ms.
fn example(id: &str) -> Vec<Line> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../aftercare-core/documents/contracts/examples");
    let text = std::fs::read_to_string(format!("{folder}/{id}.jsonl")).unwrap();
    let zone = Zone::named("Asia/Shanghai").unwrap();
    let parsed = text.lines().map(|line| {
        let mut line: Line = serde_json::from_str(line).unwrap();
        let at = line["stored_at"].as_str().unwrap();
        let ms = day(at).map_or_else(
            || at.parse::<jiff::Timestamp>().unwrap().as_millisecond(),
            |day| zone.start_of(day).0,
        );
        line.insert("stored_at".to_owned(), json!(ms));
        line
    });
    parsed.filter(|line| line["stream"] != "closings").collect()
}

/// Some number of the line is other than it was.
fn scale(line: &mut Line, tenths: i64) {
    if line.get("payers").is_some() || line["stream"] == "wearable-readings" {
        return;
    }
    if let Some(minor) = line.get("amount_minor").and_then(Value::as_i64) {
        line.insert("amount_minor".to_owned(), json!(minor * tenths / 10));
    }
    for field in ["value", "index"] {
        if let Some(hundredths) = line.get(field).and_then(Value::as_f64) {
            let scaled = format!("{:.2}", hundredths * f64::from(i32::try_from(tenths).unwrap()) / 10.0);
            line.insert(field.to_owned(), serde_json::from_str(&scaled).unwrap());
        }
    }
}

/// Every line became known at a moment of its own.
fn facts(lines: &[Line], changes: &[Change], closings: &[(i64, i64)]) -> Facts {
    let mut facts = Facts { lines: Vec::new(), copies: Vec::new(), closings: Vec::new() };
    let mut number = 0;
    let mut place = |days: i64, at: i64| {
        number += 1;
        json!(at + days * DAY_MS + number)
    };
    for (line, change) in lines.iter().zip(changes.iter().cycle()) {
        if change.leaves_out {
            continue;
        }
        let mut first = line.clone();
        scale(&mut first, change.tenths);
        let at = stored(line) + change.delayed_days * DAY_MS;
        first.insert("stored_at".to_owned(), place(0, at));
        if let Some(days) = change.copied {
            let mut copy = first.clone();
            copy.insert("stored_at".to_owned(), place(days, at));
            facts.copies.push(copy);
        }
        if let Some((days, tenths)) = change.revised.filter(|_| line.contains_key("id")) {
            let mut second = first.clone();
            scale(&mut second, tenths.unwrap_or(10));
            let status = if tenths.is_some() { "amended" } else { "entered_in_error" };
            second.insert("revision".to_owned(), json!(9));
            second.insert("status".to_owned(), json!(status));
            second.insert("stored_at".to_owned(), place(days, at));
            facts.lines.push(second);
        }
        facts.lines.push(first);
    }
    let first = lines.iter().map(stored).min().unwrap_or(0);
    for (months, grace_days) in closings {
        let at = first + (months + 1) * 31 * DAY_MS + grace_days * DAY_MS;
        let month = Month::of_utc(Instant(first)).before(-i32::try_from(*months).unwrap());
        let mut closing = Line::new();
        closing.insert("stream".to_owned(), json!("closings"));
        closing.insert("stored_at".to_owned(), place(0, at));
        closing.insert("month".to_owned(), json!(month.to_string()));
        facts.closings.push(closing);
    }
    facts
}

fn run(tried: &Tried, lines: &[&Line], every_change: bool) -> Vec<(String, Entry)> {
    let text: Vec<String> =
        lines.iter().map(|line| format!("{}\n", Value::Object((*line).clone()))).collect();
    let file = FactsFile::read(text.concat().into_bytes(), &tried.reading(&tried.id)).unwrap();
    let mut entries = Vec::new();
    let trial = Trial { file: &file, tried, until: UNTIL, every_change };
    trial.run(&tried.id, &mut |patient, entry| entries.push((patient.to_owned(), entry.clone())));
    entries
}

/// What each component comes to, by its id, payer and month of service; also by month of booking, if asked.
fn nets(entries: &[(String, Entry)], by_booking: bool) -> BTreeMap<String, i64> {
    let mut nets = BTreeMap::new();
    for (patient, entry) in entries.iter().filter(|(_, entry)| entry.kind != EntryKind::Held) {
        let booking = if by_booking { entry.booking_period.to_string() } else { String::new() };
        let [payer, payee] = [&entry.payer, &entry.payee].map(|party| party.as_deref().unwrap_or_default());
        let key = format!(
            "{patient} {} {payer} {payee} {} {booking} {:?}",
            entry.component_id, entry.service_period, entry.accounts
        );
        *nets.entry(key).or_insert(0) += entry.amount.0;
    }
    nets.retain(|_, net| *net != 0);
    nets
}

/// Of each component and payer no more than one entry stands at any time, in the order in which they were issued.
fn stands_once(entries: &[(String, Entry)]) -> Result<(), String> {
    let mut standing: BTreeMap<(&str, Option<&str>), i64> = BTreeMap::new();
    for (_, entry) in entries.iter().filter(|(_, entry)| entry.kind == EntryKind::Line) {
        let stands = standing.entry((&entry.component_id, entry.payer.as_deref())).or_default();
        if entry.reverses.is_some() {
            *stands += entry.amount.0;
            if *stands != 0 {
                return Err(format!("{} takes back another amount", entry.entry_id));
            }
        } else if *stands != 0 {
            return Err(format!("{} is owed twice", entry.entry_id));
        } else {
            *stands = entry.amount.0;
        }
    }
    Ok(())
}

/// What no facts may lead to: by contract, accounts that are overdrawn and sums that are exceeded.
fn overdraws(id: &str, entries: &[(String, Entry)]) -> Result<(), String> {
    let mut accounts: BTreeMap<(String, String), i64> = BTreeMap::new();
    let mut sums: BTreeMap<(String, String), i64> = BTreeMap::new();
    for (patient, entry) in entries {
        if let Some((debit, credit)) = &entry.accounts {
            let case = format!("{patient} {} {}", entry.case_id, entry.payer.as_deref().unwrap_or_default());
            *accounts.entry((case.clone(), debit.to_string())).or_default() += entry.amount.0;
            *accounts.entry((case, credit.to_string())).or_default() -= entry.amount.0;
        }
        if entry.kind == EntryKind::Line {
            let key = (entry.case_id.to_string(), entry.component.to_string());
            *sums.entry(key).or_default() += entry.amount.0;
        }
    }
    for ((case, account), balance) in &accounts {
        // what is set aside, or suspended, is on the credit side: no more is released than was put there
        if matches!(account.as_str(), "warranty-provision" | "treatment-suspended") && *balance > 0 {
            return Err(format!("{account} of {case}: {balance}"));
        }
    }
    let cases: BTreeSet<&String> = sums.keys().map(|(case, _)| case).collect();
    for case in cases {
        let sum = |component: &str| sums.get(&(case.clone(), component.to_owned())).copied().unwrap_or(0);
        let (limit, spent) = match id {
            "service-package-example" => (sum("price"), -sum("refund") - sum("intake_refund")),
            "car-t-example" => {
                (132_000_000, sum("first_instalment") + sum("second_instalment") + sum("sustained_bonus"))
            }
            "ltop-sma-example" => (200_000_000, sum("year_payment") + sum("final_payment")),
            "ltop-colon-example" => (20_000_000, sum("start_payment") + sum("outcome_bonus")),
            "lung-early-example" => (22_000_000, sum("stage_payment") + sum("mrd_bonus")),
            "lung-stage-3-example" => (28_000_000, sum("stage_payment") + sum("conversion_bonus")),
            _ => continue,
        };
        if spent > limit {
            return Err(format!("{case}: {spent} of {limit}"));
        }
    }
    Ok(())
}

/// A later version of a contract, in force from a day on; every amount of its own is larger.
fn version_2(text: &str, in_force_from: &str) -> String {
    let mut document: toml::Table = text.parse().unwrap();
    document.insert("version".to_owned(), toml::Value::Integer(2));
    document.insert("in_force_from".to_owned(), toml::Value::String(in_force_from.to_owned()));
    if let Some(toml::Value::Table(amounts)) = document.get_mut("money") {
        for (_, amount) in amounts.iter_mut() {
            *amount = toml::Value::String(format!("1{}", amount.as_str().unwrap()));
        }
    }
    toml::to_string(&document).unwrap()
}

/// What is to hold of one file of facts.
fn holds(id: &str, text: &str, facts: &Facts, later: i64) -> Result<(), String> {
    let tried = Tried::of(id, text, &[]).unwrap();
    let all: Vec<&Line> = facts.lines.iter().chain(&facts.copies).chain(&facts.closings).collect();
    let entries = run(&tried, &all, false);
    stands_once(&entries)?;
    overdraws(id, &entries)?;
    let is = |what: &str, holds: bool| if holds { Ok(()) } else { Err(what.to_owned()) };

    let mut turned = all.clone();
    turned.reverse();
    is("another order of lines, the same entries", run(&tried, &turned, false) == entries)?;
    let without: Vec<&Line> = facts.lines.iter().chain(&facts.closings).collect();
    is("copies change nothing", nets(&run(&tried, &without, false), true) == nets(&entries, true))?;
    let again: Vec<Line> = facts
        .closings
        .iter()
        .map(|closing| {
            let mut again = closing.clone();
            again.insert("stored_at".to_owned(), json!(stored(closing) + DAY_MS));
            again
        })
        .collect();
    let twice: Vec<&Line> = all.iter().copied().chain(&again).collect();
    is("closed twice, the same bookings", nets(&run(&tried, &twice, false), true) == nets(&entries, true))?;
    let often = run(&tried, &all, true);
    stands_once(&often)?;
    is("looked at after each fact, the same bookings", nets(&often, true) == nets(&entries, true))?;
    let never_closed: Vec<&Line> = facts.lines.iter().chain(&facts.copies).collect();
    let never = run(&tried, &never_closed, false);
    is("closings change no month of service", nets(&never, false) == nets(&entries, false))?;

    let first = facts.lines.iter().map(stored).min().unwrap_or(0);
    let from = Month::of_utc(Instant(first + later * DAY_MS)).to_string();
    let second = version_2(text, &format!("{from}-01"));
    let both = run(&Tried::of(id, text, &[("version 2".to_owned(), second)]).unwrap(), &all, false);
    let by_first = |entries: &[(String, Entry)]| {
        let own = entries.iter().filter(|(_, entry)| entry.contract_version == 1).cloned();
        nets(&own.collect::<Vec<_>>(), true)
    };
    let alone = nets(&entries, true);
    let unaltered = by_first(&both).iter().all(|(key, net)| alone.get(key) == Some(net));
    is("a new version alters nothing that an older one billed", unaltered)
}

#[test]
fn every_contract_s_money_depends_on_its_facts_alone() {
    for (_, id, text) in SHIPPED.iter().filter(|(kind, ..)| *kind == CONTRACT) {
        let lines = example(id);
        let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig {
            cases: 12,
            failure_persistence: None,
            ..ProptestConfig::default()
        });
        let closings = proptest::collection::vec((0..40_i64, 0..40_i64), 0..5);
        let strategy = (proptest::collection::vec(change(), 1..40), closings, 0..800_i64);
        let tested = runner.run(&strategy, |(changes, closings, later)| {
            let facts = facts(&lines, &changes, &closings);
            holds(id, text, &facts, later).map_err(TestCaseError::fail)
        });
        if let Err(error) = tested {
            panic!("{id}: {error}");
        }
    }
}
