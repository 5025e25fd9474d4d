//! Reading an instrument and checking what it says.

use std::collections::BTreeSet;

use super::decimal::Decimal;
use super::instrument::{
    CutOff, Direction, ITEMS_MAX, InstrumentDocument, Item, Mcid, Rule, Scale, ValueSet,
};
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
        check_scale_names(fields, rule, &scale_mcids, &cut_offs);
    }
    Some(InstrumentDocument {
        id: id?.into(),
        version: version?,
        title: title?,
        source: source?,
        direction: direction?,
        range: range?,
        assumptions,
        items,
        rule: rule?,
        mcid,
        scale_mcids,
        cut_offs,
    })
}

fn read_items(fields: &mut Fields<'_>) -> Vec<Item> {
    let groups = fields.tables("items", |fields| {
        let codes = fields.required::<Vec<String>>("codes");
        let min = fields.required::<i32>("min");
        let max = fields.required::<i32>("max");
        let missing = fields.optional::<Vec<i32>>("missing").unwrap_or_default();
        let (codes, min, max) = (codes?, min?, max?);
        fields.demand(min <= max, "max", "is below min");
        fields.demand(
            missing.iter().all(|code| !(min..=max).contains(code)),
            "missing",
            "holds a code within min and max",
        );
        let item = |code: String| Item { code: code.into(), min, max, missing: missing.clone() };
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

fn read_rule(fields: &mut Fields<'_>, items: &[Item]) -> Option<Rule> {
    #[derive(Clone, Copy)]
    enum Kind {
        Sum,
        Single,
        MeanRescale,
        Decrement,
    }
    let kinds = [
        ("sum", Kind::Sum),
        ("single", Kind::Single),
        ("mean-rescale", Kind::MeanRescale),
        ("decrement", Kind::Decrement),
    ];
    match fields.choice("kind", &kinds)? {
        Kind::Sum => Some(Rule::Sum),
        Kind::Single => {
            let code = fields.required::<String>("item")?;
            Some(Rule::Single { item: position(fields, "item", &code, items)? })
        }
        Kind::MeanRescale => read_mean_rescale(fields, items),
        Kind::Decrement => read_decrement(fields, items),
    }
}

fn position(fields: &mut Fields<'_>, key: &str, code: &str, items: &[Item]) -> Option<usize> {
    let found = items.iter().position(|item| &*item.code == code);
    fields.demand(found.is_some(), key, &format!("names {code}, which is no item"));
    found
}

fn read_mean_rescale(fields: &mut Fields<'_>, items: &[Item]) -> Option<Rule> {
    let summary = fields.required::<String>("summary");
    let minimum_scales = fields.required::<i32>("minimum_scales");
    let scales = fields.tables("scales", |fields| read_scale(fields, items));
    fields.demand(!scales.is_empty(), "scales", "are missing");
    let minimum_scales = count(fields, "minimum_scales", minimum_scales?, scales.len())?;
    Some(Rule::MeanRescale { scales, summary: summary?.into(), minimum_scales })
}

/// `number` as a count in 1..=most.
fn count(fields: &mut Fields<'_>, key: &str, number: i32, most: usize) -> Option<usize> {
    let count = usize::try_from(number).ok().filter(|count| (1..=most).contains(count));
    fields.demand(count.is_some(), key, &format!("is not within 1 and {most}"));
    count
}

fn read_scale(fields: &mut Fields<'_>, items: &[Item]) -> Option<Scale> {
    let name = fields.required::<String>("name");
    let codes = fields.required::<Vec<String>>("items");
    let low = fields.required::<i32>("low");
    let high = fields.required::<i32>("high");
    let minimum = fields.required::<i32>("minimum_answered");
    let (codes, low, high) = (codes?, low?, high?);
    fields.demand(low != high, "high", "is low");
    let positions: Vec<usize> =
        codes.iter().filter_map(|code| position(fields, "items", code, items)).collect();
    for item in positions.iter().filter_map(|position| items.get(*position)) {
        let fits = (low.min(high), low.max(high)) == (item.min, item.max);
        fields.demand(
            fits,
            "items",
            &format!("hold {}, whose codes do not end at {low} and {high}", item.code),
        );
    }
    let minimum_answered = count(fields, "minimum_answered", minimum?, positions.len())?;
    Some(Scale { name: name?.into(), items: positions, low, high, minimum_answered })
}

fn read_decrement(fields: &mut Fields<'_>, items: &[Item]) -> Option<Rule> {
    let default = fields.required::<String>("default_value_set");
    let value_sets = fields.tables("value_sets", |fields| read_value_set(fields, items));
    let default = default?;
    let default_value_set = value_sets.iter().position(|set| *set.id == *default);
    fields.demand(default_value_set.is_some(), "default_value_set", "names none of the value sets");
    let mut ids = BTreeSet::new();
    fields.demand(value_sets.iter().all(|set| ids.insert(&set.id)), "value_sets", "have an id twice");
    Some(Rule::Decrement { default_value_set: default_value_set?, value_sets })
}

fn read_value_set(fields: &mut Fields<'_>, items: &[Item]) -> Option<ValueSet> {
    let id = fields.required::<String>("id");
    let source = fields.required::<String>("source");
    let terms = fields.tables("any", |fields| {
        let level = fields.required::<i32>("at_least");
        let decrement = fields.required::<Decimal>("decrement");
        Some((level?, decrement?))
    });
    let rows = fields.tables("decrements", |fields| {
        let item = fields.required::<String>("item");
        let by_level = fields.required::<Vec<Decimal>>("by_level");
        Some((item?, by_level?))
    });
    let mut decrements = Vec::with_capacity(items.len());
    for item in items {
        let mut named = rows.iter().filter(|(code, _)| **code == *item.code);
        let row = named.next();
        fields.demand(row.is_some(), "decrements", &format!("say nothing about {}", item.code));
        fields.demand(named.next().is_none(), "decrements", &format!("name {} twice", item.code));
        let levels = usize::try_from(i64::from(item.max) - i64::from(item.min) + 1).unwrap_or(0);
        let by_level = row.map(|(_, by_level)| by_level.clone()).unwrap_or_default();
        let fits = row.is_none() || by_level.len() == levels;
        fields.demand(fits, "decrements", &format!("of {} are not {levels}", item.code));
        decrements.push(by_level);
    }
    for (code, _) in rows.iter().filter(|(code, _)| items.iter().all(|item| *item.code != **code)) {
        fields.problem("decrements", &format!("name {code}, which is no item"));
    }
    Some(ValueSet { id: id?.into(), source: source?, terms, decrements })
}

/// The stated range; where the value sets imply it, the widest of theirs.
fn read_range(fields: &mut Fields<'_>, rule: Option<&Rule>, items: &[Item]) -> Option<(Decimal, Decimal)> {
    if let Some(Rule::Decrement { value_sets, .. }) = rule {
        fields.demand(!fields.has("range"), "range", "follows from the value sets; leave it out");
        let lowest = value_sets.iter().map(|set| worst_value(set, items)).min()?;
        return Some((lowest, Decimal::ONE));
    }
    let Some(rule) = rule else {
        fields.optional::<Vec<Decimal>>("range");
        return None;
    };
    let ends = fields.required::<Vec<Decimal>>("range")?;
    let range = match ends[..] {
        [low, high] if low < high => Some((low, high)),
        _ => None,
    };
    fields.demand(range.is_some(), "range", "is not two numbers, the lower first");
    let implied = match rule {
        Rule::Sum => Some((total(items, |item| item.min), total(items, |item| item.max))),
        Rule::Single { item } => {
            items.get(*item).map(|item| (Decimal::whole(item.min), Decimal::whole(item.max)))
        }
        Rule::MeanRescale { .. } => Some((Decimal::ZERO, Decimal::whole(100))),
        Rule::Decrement { .. } => None,
    };
    fields.demand(range.is_none() || range == implied, "range", "is not the range of the rule");
    range
}

fn total(items: &[Item], of: impl Fn(&Item) -> i32) -> Decimal {
    items.iter().fold(Decimal::ZERO, |sum, item| sum + Decimal::whole(of(item)))
}

fn worst_value(set: &ValueSet, items: &[Item]) -> Decimal {
    let highest = items.iter().map(|item| item.max).max().unwrap_or(0);
    let terms = set.terms.iter().filter(|(level, _)| *level <= highest).map(|(_, decrement)| *decrement);
    let worst = set.decrements.iter().filter_map(|by_level| by_level.iter().max().copied());
    terms.chain(worst).fold(Decimal::ONE, |value, decrement| value - decrement)
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

fn check_scale_names(fields: &mut Fields<'_>, rule: &Rule, mcids: &[(String, Mcid)], cut_offs: &[CutOff]) {
    let names: Vec<&str> = match rule {
        Rule::MeanRescale { scales, summary, .. } => {
            scales.iter().map(|scale| &*scale.name).chain([&**summary]).collect()
        }
        _ => Vec::new(),
    };
    let distinct: BTreeSet<&&str> = names.iter().collect();
    fields.demand(distinct.len() == names.len(), "score.scales", "have a name twice");
    for scale in mcids.iter().map(|(scale, _)| scale) {
        fields.demand(
            names.contains(&scale.as_str()),
            "scale_mcids",
            &format!("name {scale}, which is no scale"),
        );
    }
    for scale in cut_offs.iter().filter_map(|cut_off| cut_off.scale.as_deref()) {
        fields.demand(names.contains(&scale), "cut_offs", &format!("name {scale}, which is no scale"));
    }
}
