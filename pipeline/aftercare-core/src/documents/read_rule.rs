//! Reading the rule of an instrument, whichever form it has, and checking it against the items.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::decimal::Decimal;
use super::instrument::{Item, SCORE};
use super::read_scales::read_scales;
use super::reader::{Fields, FromToml};
use super::rule::{NormTerm, Rule, Summary, ValueSet, Values, Weighted};

/// Most states of health that a value set may list.
const STATES_MAX: usize = 100_000;

/// A rule, what it gives, and which of that is the score.
pub(super) struct ReadRule {
    pub(super) rule: Rule,
    pub(super) outputs: Vec<Arc<str>>,
    pub(super) headline: usize,
}

/// A number that only has to be near: a weight, a mean.
#[derive(Clone, Copy)]
pub(super) struct Number(pub(super) f64);

impl FromToml for Number {
    fn from_toml(value: &toml::Value) -> Result<Number, String> {
        let plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit() || b"-.".contains(&byte));
        let read = match value {
            toml::Value::String(text) if plain(text) => {
                text.parse::<f64>().ok().filter(|number| number.is_finite())
            }
            toml::Value::Integer(_) => return i32::from_toml(value).map(|whole| Number(f64::from(whole))),
            toml::Value::Float(_) => return Err("is a floating number; write it in quotes".to_owned()),
            _ => None,
        };
        read.map(Number).ok_or_else(|| "is no number such as \"-1.23456\"".to_owned())
    }
}

#[derive(Clone, Copy)]
enum Kind {
    Sum,
    Single,
    MeanRescale,
    Table,
    Decrement,
    Weights,
}

const KINDS: [(&str, Kind); 6] = [
    ("sum", Kind::Sum),
    ("single", Kind::Single),
    ("mean-rescale", Kind::MeanRescale),
    ("table", Kind::Table),
    ("decrement", Kind::Decrement),
    ("weights", Kind::Weights),
];

pub(super) fn read_rule(fields: &mut Fields<'_>, items: &[Item]) -> Option<ReadRule> {
    let one = |rule: Rule| ReadRule { rule, outputs: vec![SCORE.into()], headline: 0 };
    let read = match fields.choice("kind", &KINDS)? {
        Kind::Sum => one(read_sum(fields, items)?),
        Kind::Single => {
            let code = fields.required::<String>("item")?;
            one(Rule::Single { item: position(fields, "item", &code, items)? })
        }
        Kind::MeanRescale => read_scales(fields, items)?,
        Kind::Table => read_table(fields, items)?,
        Kind::Decrement => one(read_decrement(fields, items)?),
        Kind::Weights => read_weights(fields, items)?,
    };
    let distinct: BTreeSet<&Arc<str>> = read.outputs.iter().collect();
    fields.demand(distinct.len() == read.outputs.len(), "", "has two outputs of one name");
    let only = match &read.outputs[..] {
        [only] => &**only,
        _ => SCORE,
    };
    fields.demand(only == SCORE, "", &format!("has one output, which is called score and not {only}"));
    Some(read)
}

pub(super) fn position(fields: &mut Fields<'_>, key: &str, code: &str, items: &[Item]) -> Option<usize> {
    let found = items.iter().position(|item| &*item.code == code);
    fields.demand(found.is_some(), key, &format!("names {code}, which is no item"));
    found
}

/// `number` as a count in 1..=most.
pub(super) fn count(fields: &mut Fields<'_>, key: &str, number: i32, most: usize) -> Option<usize> {
    let count = usize::try_from(number).ok().filter(|count| (1..=most).contains(count));
    fields.demand(count.is_some(), key, &format!("is not within 1 and {most}"));
    count
}

fn read_sum(fields: &mut Fields<'_>, items: &[Item]) -> Option<Rule> {
    let Some(minimum) = fields.optional::<i32>("minimum_answered") else {
        return Some(Rule::Sum { minimum_answered: items.len() });
    };
    let minimum_answered = count(fields, "minimum_answered", minimum, items.len())?;
    let ends = |item: &Item| (item.min, item.max);
    let alike = items.first().is_none_or(|first| items.iter().all(|item| ends(item) == ends(first)));
    let fits = minimum_answered == items.len() || alike;
    fields.demand(fits, "minimum_answered", "lets answers be missing, but the items have different codes");
    Some(Rule::Sum { minimum_answered })
}

fn read_table(fields: &mut Fields<'_>, items: &[Item]) -> Option<ReadRule> {
    let (least, most) = sums(items);
    let sums = usize::try_from(most - least + 1).unwrap_or(0);
    let columns = fields.tables("columns", |fields| {
        let name = fields.required::<String>("name");
        let by_sum = fields.required::<Vec<Decimal>>("by_sum")?;
        fields.demand(by_sum.len() == sums, "by_sum", &format!("is not of {sums} values, one for each sum"));
        Some((name?.into(), by_sum))
    });
    fields.demand(!columns.is_empty(), "columns", "are missing");
    let (outputs, by_sum) = columns.into_iter().unzip();
    Some(ReadRule { rule: Rule::Table { by_sum }, outputs, headline: 0 })
}

fn sums(items: &[Item]) -> (i64, i64) {
    let total = |of: fn(&Item) -> i32| items.iter().map(|item| i64::from(of(item))).sum();
    (total(|item| item.min), total(|item| item.max))
}

/// One row of figures for each item, in the order of the items; nothing for an item that no row names.
fn by_item<T: FromToml + Clone>(
    fields: &mut Fields<'_>,
    key: &'static str,
    figures: &'static str,
    items: &[Item],
) -> Vec<Vec<T>> {
    let rows = fields.tables(key, |fields| {
        let item = fields.required::<String>("item");
        let figures = fields.required::<Vec<T>>(figures);
        Some((item?, figures?))
    });
    let mut by_item = Vec::with_capacity(items.len());
    for item in items {
        let mut named = rows.iter().filter(|(code, _)| **code == *item.code);
        let row = named.next();
        fields.demand(row.is_some(), key, &format!("say nothing about {}", item.code));
        fields.demand(named.next().is_none(), key, &format!("name {} twice", item.code));
        let figures = row.map(|(_, figures)| figures.clone()).unwrap_or_default();
        let fits = row.is_none() || figures.len() == item.levels();
        fields.demand(fits, key, &format!("of {} are not {}", item.code, item.levels()));
        by_item.push(figures);
    }
    for (code, _) in rows.iter().filter(|(code, _)| items.iter().all(|item| *item.code != **code)) {
        fields.problem(key, &format!("name {code}, which is no item"));
    }
    by_item
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
    let values = if fields.has("thousandths") {
        read_states(fields, items)?
    } else {
        let terms = fields.tables("any", |fields| {
            let level = fields.required::<i32>("at_least");
            let decrement = fields.required::<Decimal>("decrement");
            Some((level?, decrement?))
        });
        Values::Decrements { terms, by_item: by_item(fields, "decrements", "by_level", items) }
    };
    Some(ValueSet { id: id?.into(), source: source?, values })
}

fn read_states(fields: &mut Fields<'_>, items: &[Item]) -> Option<Values> {
    let thousandths = fields.required::<Vec<i32>>("thousandths")?;
    let states = items.iter().try_fold(1usize, |states, item| states.checked_mul(item.levels()));
    let states = states.filter(|states| *states <= STATES_MAX);
    fields.demand(states.is_some(), "thousandths", "would be more than 100000");
    let states = states?;
    let fits = thousandths.len() == states;
    fields.demand(fits, "thousandths", &format!("are not {states}, one for each state"));
    let best = thousandths.iter().max() == Some(&1000);
    fields.demand(best, "thousandths", "do not end at 1000, full health");
    Some(Values::States(thousandths.into_iter().map(Decimal::thousandths).collect()))
}

fn read_weights(fields: &mut Fields<'_>, items: &[Item]) -> Option<ReadRule> {
    let source = fields.required::<String>("source");
    let scales = fields.tables("scales", |fields| {
        let name = fields.required::<String>("name");
        let constant = fields.required::<Number>("constant");
        let weights = by_item::<Number>(fields, "weights", "by_code", items);
        let by_item = weights.iter().map(|by_code| by_code.iter().map(|number| number.0).collect());
        Some((name?.into(), Weighted { constant: constant?.0, by_item: by_item.collect() }))
    });
    fields.demand(!scales.is_empty(), "scales", "are missing");
    let (outputs, weighted) = scales.into_iter().unzip();
    Some(ReadRule { rule: Rule::Weights { source: source?, weighted }, outputs, headline: 0 })
}

/// What scores a rule can give.
pub(super) struct Implied {
    pub(super) range: (Decimal, Decimal),
    /// Whether published tables decide it, and not the form of the rule.
    pub(super) of_tables: bool,
}

pub(super) fn implied_range(read: &ReadRule, items: &[Item]) -> Implied {
    let stated = |low, high| Implied { range: (low, high), of_tables: false };
    let found = |low, high| Implied { range: (low, high), of_tables: true };
    let wide = |ends: (f64, f64)| found(whole_beyond(ends.0, libm::floor), whole_beyond(ends.1, libm::ceil));
    match &read.rule {
        Rule::Sum { .. } => stated(total(items, |item| item.min), total(items, |item| item.max)),
        Rule::Single { item } => {
            let item = items.get(*item);
            let end = |of: fn(&Item) -> i32| item.map(of).map_or(Decimal::ZERO, Decimal::whole);
            stated(end(|item| item.min), end(|item| item.max))
        }
        Rule::Scales { scales, summaries } => {
            match read.headline.checked_sub(scales.len()).and_then(|at| summaries.get(at)) {
                Some(Summary::Norm { constant, terms, .. }) => {
                    let ends = |term: &NormTerm| {
                        [0.0, 100.0].map(|scale| term.weight * (scale - term.mean) / term.sd)
                    };
                    wide(extremes(*constant, terms.iter().map(|term| ends(term).to_vec())))
                }
                _ => stated(Decimal::ZERO, Decimal::whole(100)),
            }
        }
        Rule::Table { by_sum } => {
            let values = || by_sum.first().into_iter().flatten().copied();
            stated(values().min().unwrap_or_default(), values().max().unwrap_or_default())
        }
        Rule::Decrement { value_sets, .. } => {
            let lowest = value_sets.iter().map(|set| worst_value(set, items)).min();
            found(lowest.unwrap_or_default(), Decimal::ONE)
        }
        Rule::Weights { weighted, .. } => {
            let ends = |weighted: &Weighted| extremes(weighted.constant, weighted.by_item.iter().cloned());
            wide(weighted.first().map_or((0.0, 1.0), ends))
        }
    }
}

/// The least and the greatest of `constant` and one of each of `parts`.
fn extremes(constant: f64, parts: impl Iterator<Item = Vec<f64>>) -> (f64, f64) {
    parts.fold((constant, constant), |(low, high), part| {
        let least = part.iter().copied().fold(f64::INFINITY, f64::min);
        let greatest = part.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        (low + least, high + greatest)
    })
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "the cast of a double stops at the ends of the whole numbers"
)]
fn whole_beyond(end: f64, to_whole: fn(f64) -> f64) -> Decimal {
    Decimal::whole(to_whole(end) as i32)
}

fn total(items: &[Item], of: impl Fn(&Item) -> i32) -> Decimal {
    items.iter().fold(Decimal::ZERO, |sum, item| sum + Decimal::whole(of(item)))
}

fn worst_value(set: &ValueSet, items: &[Item]) -> Decimal {
    match &set.values {
        Values::States(states) => states.iter().min().copied().unwrap_or_default(),
        Values::Decrements { terms, by_item } => {
            let highest = items.iter().map(|item| item.max).max().unwrap_or(0);
            let terms = terms.iter().filter(|(level, _)| *level <= highest).map(|(_, decrement)| *decrement);
            let worst = by_item.iter().filter_map(|by_level| by_level.iter().max().copied());
            terms.chain(worst).fold(Decimal::ONE, |value, decrement| value - decrement)
        }
    }
}
