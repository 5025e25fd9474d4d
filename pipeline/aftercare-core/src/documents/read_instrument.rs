//! Reading an instrument and checking what it says.

use std::collections::BTreeSet;

use super::decimal::Decimal;
use super::instrument::{CutOff, Direction, ITEMS_MAX, InstrumentDocument, Item, Mcid, Outline};
use super::read_rule::{ReadRule, implied_range, read_rule};
use super::reader::Fields;

pub(super) fn read(fields: &mut Fields<'_>) -> Option<InstrumentDocument> {
    let id = fields.required::<String>("id");
    let version = fields.required::<i32>("version");
    let title = fields.required::<String>("title");
    let source = fields.required::<String>("source");
    let direction = fields.choice("direction", &[("up", Direction::Up), ("down", Direction::Down)]);
    let assumptions = fields.optional::<Vec<String>>("assumptions").unwrap_or_default();
    let items = read_items(fields);
    let rule = fields.table("score", |fields| read_rule(fields, &items));
    fields.demand(rule.is_some() || fields.has("score"), "score", "is missing");
    let range = read_range(fields, rule.as_ref(), &items);
    let loinc = read_loinc(fields);
    let mcid = fields.table("mcid", read_mcid);
    let scale_mcids = fields.tables("scale_mcids", |fields| {
        let scale = fields.required::<String>("scale");
        let mcid = read_mcid(fields);
        Some((scale?, mcid?))
    });
    let cut_offs = fields.tables("cut_offs", read_cut_off);
    if id.as_deref() == Some("composite") {
        fields.problem("id", "is reserved for the composite of a plan");
    }
    fields.demand(version.is_none_or(|version| version > 0), "version", "is not above 0");
    if let Some(rule) = &rule {
        check_names(fields, rule, &scale_mcids, &cut_offs);
    }
    let ReadRule { rule, outputs, headline } = rule?;
    Some(InstrumentDocument {
        id: id?.into(),
        version: version?,
        title: title?,
        source: source?,
        direction: direction?,
        range: range?,
        loinc,
        assumptions,
        items,
        rule,
        outputs,
        headline,
        mcid,
        scale_mcids,
        cut_offs,
    })
}

pub(super) fn outline(fields: &mut Fields<'_>) -> Option<Outline> {
    fields.required::<String>("id");
    fields.required::<i32>("version");
    fields.required::<String>("direction");
    let title = fields.required::<String>("title");
    let source = fields.required::<String>("source");
    let items = read_items(fields);
    Some(Outline { title: title?, source: source?, items })
}

fn read_items(fields: &mut Fields<'_>) -> Vec<Item> {
    let groups = fields.tables("items", |fields| {
        let codes = fields.required::<Vec<String>>("codes");
        let min = fields.required::<i32>("min");
        let max = fields.required::<i32>("max");
        let missing = fields.optional::<Vec<i32>>("missing").unwrap_or_default();
        let loinc = fields.optional::<Vec<String>>("loinc").unwrap_or_default();
        let (codes, min, max) = (codes?, min?, max?);
        fields.demand(loinc.iter().all(|code| is_loinc(code)), "loinc", "holds what is no LOINC code");
        let named = loinc.is_empty() || loinc.len() == codes.len();
        fields.demand(named, "loinc", "are not as many as codes");
        fields.demand(min <= max, "max", "is below min");
        fields.demand(
            missing.iter().all(|code| !(min..=max).contains(code)),
            "missing",
            "holds a code within min and max",
        );
        let mut loinc = loinc.into_iter().map(Box::from);
        let item = |code: String| Item {
            code: code.into(),
            min,
            max,
            missing: missing.clone(),
            loinc: loinc.next(),
        };
        Some(codes.into_iter().map(item).collect::<Vec<_>>())
    });
    let items: Vec<Item> = groups.into_iter().flatten().collect();
    let mut seen = BTreeSet::new();
    for item in &items {
        if !seen.insert(&item.code) {
            fields.problem("items", &format!("name {} twice", item.code));
        }
    }
    fields.demand(!items.is_empty(), "items", "are missing");
    fields.demand(items.len() <= ITEMS_MAX, "items", "are more than 64");
    items
}

/// The range that the rule implies; it is stated in the document unless it follows from published tables.
fn read_range(
    fields: &mut Fields<'_>,
    rule: Option<&ReadRule>,
    items: &[Item],
) -> Option<(Decimal, Decimal)> {
    let Some(rule) = rule else {
        fields.optional::<Vec<Decimal>>("range");
        return None;
    };
    let implied = implied_range(rule, items);
    if implied.of_tables {
        fields.demand(!fields.has("range"), "range", "follows from the tables of the rule; leave it out");
        return Some(implied.range);
    }
    let ends = fields.required::<Vec<Decimal>>("range")?;
    let range = match ends[..] {
        [low, high] if low < high => Some((low, high)),
        _ => None,
    };
    fields.demand(range.is_some(), "range", "is not two numbers, the lower first");
    fields.demand(range.is_none_or(|range| range == implied.range), "range", "is not the range of the rule");
    range
}

fn read_loinc(fields: &mut Fields<'_>) -> Option<String> {
    let code = fields.optional::<String>("loinc")?;
    fields.demand(is_loinc(&code), "loinc", "is no LOINC code");
    Some(code)
}

/// Digits, a hyphen, and the check digit (modulus 10, every second digit doubled from the right on).
fn is_loinc(code: &str) -> bool {
    let Some((number, check)) = code.split_once('-') else { return false };
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if !(1..=7).contains(&number.len()) || check.len() != 1 || !digits(number) || !digits(check) {
        return false;
    }
    let weigh = |(at, byte): (usize, u8)| match (byte - b'0', at % 2) {
        (digit, 0) => digit * 2 / 10 + digit * 2 % 10,
        (digit, _) => digit,
    };
    let sum: u8 = number.bytes().rev().enumerate().map(weigh).sum();
    check.bytes().all(|byte| byte - b'0' == (10 - sum % 10) % 10)
}

fn read_mcid(fields: &mut Fields<'_>) -> Option<Mcid> {
    let value = fields.required::<Decimal>("value");
    let source = fields.required::<String>("source");
    fields.demand(value.is_none_or(|value| value > Decimal::ZERO), "value", "is not above 0");
    Some(Mcid { value: value?, source: source? })
}

fn read_cut_off(fields: &mut Fields<'_>) -> Option<CutOff> {
    let name = fields.required::<String>("name");
    let scale = fields.optional::<String>("scale");
    let from = fields.required::<Decimal>("from");
    let to = fields.required::<Decimal>("to");
    let source = fields.required::<String>("source");
    let (from, to) = (from?, to?);
    fields.demand(from <= to, "to", "is below from");
    Some(CutOff { name: name?, scale, from, to, source: source? })
}

fn check_names(fields: &mut Fields<'_>, rule: &ReadRule, mcids: &[(String, Mcid)], cut_offs: &[CutOff]) {
    let is_output = |name: &str| rule.outputs.len() > 1 && rule.outputs.iter().any(|known| **known == *name);
    for scale in mcids.iter().map(|(scale, _)| scale).filter(|scale| !is_output(scale)) {
        fields.problem("scale_mcids", &format!("name {scale}, which is no scale"));
    }
    for scale in cut_offs.iter().filter_map(|cut_off| cut_off.scale.as_deref()) {
        fields.demand(is_output(scale), "cut_offs", &format!("name {scale}, which is no scale"));
    }
}
