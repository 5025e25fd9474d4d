//! The ledger: against the reference, and against itself.

use std::collections::{BTreeMap, BTreeSet};

use aftercare_schemas::wire::LedgerKind;

use crate::actual::{Actual, ActualEntry, Rows};
use crate::reference::{Amount, Expected};

use super::{Violation, violation};

/// For each episode and month of service, what each payer owes each payee for each component is what the facts say, and what
/// is not billed is held for the reason that they say.
pub const LEDGER_EQUALS_REFERENCE: &str = "LedgerEqualsReference";
/// Of a slot no more than one fee stands.
pub const NO_SLOT_PAID_TWICE: &str = "NoSlotPaidTwice";
/// A reversal takes back exactly one entry, which nothing else takes back.
pub const REVERSALS_SUM_TO_ZERO: &str = "ReversalsSumToZero";
/// What an entry carries as evidence is enough to come to its amount.
pub const ENTRIES_EXPLAIN_THEMSELVES: &str = "EntriesExplainThemselves";
/// What manufacturers have booked as payable is what they owe, and no provision is overdrawn.
pub const JOURNAL_BALANCES: &str = "JournalBalances";

pub(super) fn check_reference(expected: &Expected, actual: &Actual) -> Vec<Violation> {
    let Some(ledger) = &actual.ledger else { return Vec::new() };
    let expected_of = |score_id: &str| actual.scores.get(&score_id.to_owned())?.expected;
    let accruals = accruals(ledger);
    let mut due: BTreeMap<Amount, i64> = BTreeMap::new();
    for account in &expected.accounts {
        let known_on = accruals.get(&*format!("{}/enrolment/accrual", account.id));
        let accrued_on = known_on.map(|day| account.treated.max(*day));
        for amount in account.amounts(&expected_of, accrued_on) {
            *due.entry(Amount { minor: 0, ..amount.clone() }).or_default() += amount.minor;
        }
    }
    let mut stands: BTreeMap<Amount, i64> = BTreeMap::new();
    for (_, entry) in ledger.iter().filter(|(_, entry)| is_money(entry.kind)) {
        *stands.entry(key_of(entry)).or_default() += entry.amount_minor;
    }
    let mut violations = Vec::new();
    for key in due.keys().chain(stands.keys()).collect::<BTreeSet<_>>() {
        let of = |amounts: &BTreeMap<Amount, i64>| amounts.get(key).copied().unwrap_or(0);
        let (due, stands) = (of(&due), of(&stands));
        if due != stands {
            let component = key.component_id.rsplit('/').next().unwrap_or_default();
            let what = format!("a {component} is {stands} instead of {due}");
            violations.push(violation(LEDGER_EQUALS_REFERENCE, what, key));
        }
    }
    violations.extend(held(expected, ledger, &expected_of));
    violations
}

/// What is ever summed as money.
fn is_money(kind: LedgerKind) -> bool {
    matches!(kind, LedgerKind::Line | LedgerKind::Posting)
}

/// By component the day, since 1970, on which the last accrual says that the device was known.
fn accruals(ledger: &Rows<String, ActualEntry>) -> BTreeMap<&str, i64> {
    let known_on = |entry: &ActualEntry| {
        let known: jiff::civil::Date = entry.evidence("device_known_on")?.parse().ok()?;
        let span = known.since(jiff::civil::date(1970, 1, 1)).ok()?;
        Some(i64::from(span.get_days()))
    };
    let entries = ledger.by_version().into_iter().map(|(_, entry)| entry);
    let issued = entries.filter(|entry| entry.component == "accrual" && entry.reverses.is_empty());
    issued.filter_map(|entry| Some((entry.component_id.as_str(), known_on(entry)?))).collect()
}

fn key_of(entry: &ActualEntry) -> Amount {
    let some = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
    Amount {
        component_id: entry.component_id.clone(),
        payer: some(&entry.payer),
        payee: some(&entry.payee),
        service_period: entry.service_period.clone(),
        minor: 0,
    }
}

fn held(
    expected: &Expected,
    ledger: &Rows<String, ActualEntry>,
    expected_of: &dyn Fn(&str) -> Option<f64>,
) -> Vec<Violation> {
    let mut due: BTreeMap<String, &str> = BTreeMap::new();
    for account in &expected.accounts {
        let uploads = account.held.iter().map(|(cause, why)| (cause.clone(), why.as_str()));
        let weeks = account.held_weeks(expected_of).into_iter().map(|cause| (cause, "cover_unknown"));
        due.extend(uploads.chain(weeks).map(|(cause, why)| (format!("{}/{cause}/held", account.id), why)));
    }
    let mut stands: BTreeMap<String, &str> = BTreeMap::new();
    for (_, entry) in ledger.by_version().into_iter().filter(|(_, entry)| entry.kind == LedgerKind::Held) {
        stands.insert(entry.component_id.clone(), &entry.reason);
    }
    stands.retain(|_, why| !["settled", "withdrawn"].contains(why));
    let mut violations = Vec::new();
    for id in due.keys().chain(stands.keys()).collect::<BTreeSet<_>>() {
        let (due, stands) = (due.get(id), stands.get(id));
        if due != stands {
            let what = format!("held is {stands:?} instead of {due:?}");
            violations.push(violation(LEDGER_EQUALS_REFERENCE, what, id));
        }
    }
    violations
}

pub(super) fn check_slots(expected: &Expected, actual: &Actual) -> Vec<Violation> {
    let mut fees: BTreeMap<&str, i64> = BTreeMap::new();
    let entries = actual.ledger.iter().flat_map(Rows::iter).map(|(_, entry)| entry);
    for entry in entries.filter(|entry| is_money(entry.kind) && entry.component == "fee") {
        *fees.entry(&entry.component_id).or_default() += entry.amount_minor;
    }
    let fee_of = |id: &str| {
        let account = expected
            .accounts
            .iter()
            .find(|account| id.strip_prefix(account.id.as_str()).is_some_and(|rest| rest.starts_with('/')));
        account.map(|_| crate::reference::WARRANTY_FEE_MINOR)
    };
    let mut violations = Vec::new();
    for (id, stands) in fees.into_iter().filter(|(_, stands)| *stands != 0) {
        if fee_of(id).is_some_and(|fee| fee != stands) {
            let what = format!("of a slot's fee {stands} stands, which is not the fee");
            violations.push(violation(NO_SLOT_PAID_TWICE, what, id));
        }
    }
    violations
}

pub(super) fn check_reversals(_: &Expected, actual: &Actual) -> Vec<Violation> {
    let Some(ledger) = &actual.ledger else { return Vec::new() };
    let mut violations = Vec::new();
    let mut wrong = |what: &str, id: &String| {
        violations.push(violation(REVERSALS_SUM_TO_ZERO, what, id));
    };
    let mut taken_back = BTreeSet::new();
    let mut known: BTreeMap<&String, &ActualEntry> = BTreeMap::new();
    let mut counts: BTreeMap<&str, u32> = BTreeMap::new();
    for (id, entry) in ledger.by_version() {
        let (key, number) = id.rsplit_once('/').unwrap_or((id, ""));
        let count = counts.entry(key).or_default();
        if number.parse() != Ok(*count) {
            wrong("the entries of a component are not numbered without a gap", id);
        }
        *count += 1;
        if !entry.reverses.is_empty() {
            match known.get(&entry.reverses) {
                None => wrong("an entry reverses one that did not stand before it", id),
                Some(_) if !taken_back.insert(&entry.reverses) => wrong("an entry is reversed twice", id),
                Some(other) if key_of(other) != key_of(entry) && entry.kind != LedgerKind::Held => {
                    wrong("a reversal is between others, or of another month, than what it reverses", id);
                }
                Some(other) if other.amount_minor + entry.amount_minor != 0 => {
                    wrong("a reversal and what it reverses are not zero together", id);
                }
                Some(_) => {}
            }
        }
        known.insert(id, entry);
    }
    violations
}

pub(super) fn check_evidence(_: &Expected, actual: &Actual) -> Vec<Violation> {
    let entries = actual.ledger.iter().flat_map(Rows::iter);
    let explained = |(id, entry): (&String, &ActualEntry)| {
        let lacks = lacking(entry)?;
        let what = format!("a {} does not follow from its evidence: {lacks}", entry.component);
        Some(violation(ENTRIES_EXPLAIN_THEMSELVES, what, id))
    };
    entries.filter_map(explained).collect()
}

/// What keeps an entry's evidence from explaining it.
fn lacking(entry: &ActualEntry) -> Option<&'static str> {
    if entry.kind != LedgerKind::Held && !entry.reverses.is_empty() {
        return entry.evidence("reversed_amount").is_none().then_some("what is reversed");
    }
    if entry.kind == LedgerKind::Held {
        let settled = ["settled", "withdrawn"].contains(&&*entry.reason);
        return (!settled && entry.evidence.is_empty()).then_some("why it is held");
    }
    match entry.kind {
        LedgerKind::Measure | LedgerKind::Notice => return None,
        LedgerKind::Unknown => return Some("a kind that nobody knows"),
        _ => {}
    }
    let decimal = |name: &str| entry.evidence(name).and_then(|value| value.parse::<f64>().ok());
    let amount = f64::from(i32::try_from(entry.amount_minor).unwrap_or(i32::MAX)) / 100.0;
    let is = |name: &str, value: f64| decimal(name).is_some_and(|known| (known - value).abs() < 0.005);
    match &*entry.component {
        "fee" | "adjustment" => {
            let named = ["clause", "answered_on", "reviewed_on", "reviewer", "verdict", "slot", "cover"];
            if named.iter().any(|name| entry.evidence(name).is_none()) {
                return Some("upload, review, slot or cover");
            }
            let (Some(fee), Some(factor), Some(share)) =
                (decimal("fee"), decimal("factor"), decimal("share"))
            else {
                return Some("fee, factor and share");
            };
            if let Some((index, expected)) = decimal("index").zip(decimal("expected"))
                && expected > 0.0
                && !is("ratio", index / expected)
            {
                return Some("the ratio of its index to the expected one");
            }
            let whole = if entry.component == "fee" { fee } else { fee * (factor - 1.0) };
            let part = decimal("component").map(|component| (component - whole).abs() < 0.005);
            // A part is its share, rounded up or down.
            (part != Some(true) || (amount - whole * share).abs() > 0.01 + 1e-9)
                .then_some("share of component")
        }
        "compensation" => (!is("component", amount)).then_some("the amount of a week"),
        "accrual" => {
            let factors = ["slots", "fee", "expected_factor", "take_up", "share"].map(decimal);
            let product = factors.into_iter().try_fold(1.0, |product, factor| Some(product * factor?));
            (product.is_none_or(|product| (product - amount).abs() > 0.005 + 1e-9)).then_some("its factors")
        }
        "claim" | "lapse" => (!is("slot_part", amount)).then_some("the slot's part"),
        "variance" => entry.evidence("slot_part").is_none().then_some("the slot's part"),
        _ => Some("a component that nobody knows"),
    }
}

pub(super) fn check_journal(_: &Expected, actual: &Actual) -> Vec<Violation> {
    let mut balances: BTreeMap<(&str, &str, &str), i64> = BTreeMap::new();
    let mut owed: BTreeMap<(&str, &str), i64> = BTreeMap::new();
    let mut manufacturers = BTreeSet::new();
    for (_, entry) in actual.ledger.iter().flat_map(Rows::iter) {
        let account = (entry.episode_id.as_str(), entry.payer.as_str());
        match entry.kind {
            LedgerKind::Posting => {
                manufacturers.insert(account);
                *balances.entry((account.0, account.1, &entry.accounts.0)).or_default() += entry.amount_minor;
                *balances.entry((account.0, account.1, &entry.accounts.1)).or_default() -= entry.amount_minor;
            }
            LedgerKind::Line if entry.component != "compensation" => {
                *owed.entry(account).or_default() += entry.amount_minor;
            }
            _ => {}
        }
    }
    let mut violations = Vec::new();
    for account in manufacturers {
        let balance = |name: &str| balances.get(&(account.0, account.1, name)).copied().unwrap_or_default();
        let (payable, owed) = (-balance("warranty-payable"), owed.get(&account).copied().unwrap_or(0));
        if payable != owed {
            let what = format!("payable is {payable}, and {owed} is owed");
            violations.push(violation(JOURNAL_BALANCES, what, account));
        }
        if balance("warranty-provision") > 0 {
            violations.push(violation(JOURNAL_BALANCES, "a provision is overdrawn", account));
        }
        let sum: i64 =
            ["warranty-expense", "warranty-provision", "warranty-payable"].map(balance).iter().sum();
        if sum != 0 {
            violations.push(violation(JOURNAL_BALANCES, "debits are not credits", account));
        }
    }
    violations
}
