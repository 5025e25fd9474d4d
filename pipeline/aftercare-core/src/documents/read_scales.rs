//! Reading a rule of the form `mean-rescale`: scales from 0 to 100, and what is made of them.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::decimal::Decimal;
use super::instrument::Item;
use super::read_rule::{Number, ReadRule, count, position};
use super::reader::Fields;
use super::rule::{Case, NormTerm, Points, Rule, Scale, Summary};

/// Parts of a point that points in tables are counted in.
const TABLE_PARTS: i64 = 10_000;
/// Most parts of a point in which the points of a scale can be counted.
const DENOMINATOR_MAX: i64 = 1_000_000_000;

pub(super) fn read_scales(fields: &mut Fields<'_>, items: &[Item]) -> Option<ReadRule> {
    let scales = fields.tables("scales", |fields| read_scale(fields, items));
    fields.demand(!scales.is_empty(), "scales", "are missing");
    let (mut outputs, scales): (Vec<Arc<str>>, Vec<Scale>) = scales.into_iter().unzip();
    let mut summaries = Vec::new();
    let norms = fields.tables("norms", |fields| read_norm(fields, &outputs));
    if let Some(name) = fields.optional::<String>("summary") {
        let minimum = fields.required::<i32>("minimum_scales")?;
        let minimum_scales = count(fields, "minimum_scales", minimum, scales.len())?;
        outputs.push(name.into());
        summaries.push(Summary::Mean { minimum_scales });
    }
    for (name, norm) in norms {
        outputs.push(name);
        summaries.push(norm);
    }
    let headline = match fields.optional::<String>("headline") {
        Some(name) => outputs.iter().position(|output| **output == *name),
        None if summaries.is_empty() && scales.len() > 1 => None,
        None => Some(if summaries.is_empty() { 0 } else { scales.len() }),
    };
    fields.demand(
        headline.is_some(),
        "headline",
        "names no output, and there is no summary to stand for the whole",
    );
    Some(ReadRule { rule: Rule::Scales { scales, summaries }, outputs, headline: headline? })
}

fn read_scale(fields: &mut Fields<'_>, items: &[Item]) -> Option<(Arc<str>, Scale)> {
    let name = fields.required::<String>("name");
    let codes = fields.required::<Vec<String>>("items");
    let minimum = fields.required::<i32>("minimum_answered");
    let low = fields.optional::<i32>("low");
    let high = fields.optional::<i32>("high");
    let reversed = fields.optional::<Vec<String>>("reversed").unwrap_or_default();
    let tables = fields.tables("points", |fields| read_points(fields, items));
    let codes = codes?;
    for code in reversed.iter().chain(tables.iter().map(|(code, _)| code)) {
        fields.demand(codes.contains(code), "items", &format!("lack {code}"));
    }
    let ends = low.zip(high);
    fields.demand(ends.is_some() || (low, high) == (None, None), "high", "and low are stated together");
    fields.demand(ends.is_none_or(|(low, high)| low != high), "high", "is low");
    let mut seen = BTreeSet::new();
    fields.demand(codes.iter().all(|code| seen.insert(code)), "items", "name one twice");
    let mut of_scale = Vec::with_capacity(codes.len());
    for code in &codes {
        let Some(at) = position(fields, "items", code, items) else { continue };
        let Some(item) = items.get(at) else { continue };
        let table = tables.iter().find(|(named, _)| named == code).map(|(_, points)| points.clone());
        let points = table.unwrap_or_else(|| {
            let (low, high) = ends.unwrap_or((item.min, item.max));
            let fits = (low.min(high), low.max(high)) == (item.min, item.max);
            let message = format!("hold {code}, whose codes do not end at {low} and {high}");
            fields.demand(fits, "items", &message);
            fields.demand(item.min < item.max, "items", &format!("hold {code}, which has one code only"));
            match reversed.contains(code) {
                true => Points::Line { zero: high, hundred: low },
                false => Points::Line { zero: low, hundred: high },
            }
        });
        of_scale.push((at, points));
    }
    let minimum_answered = count(fields, "minimum_answered", minimum?, of_scale.len())?;
    let denominator = common_denominator(&of_scale);
    fields.demand(denominator.is_some(), "items", "have too many kinds of codes to be averaged exactly");
    Some((name?.into(), Scale { items: of_scale, minimum_answered, denominator: denominator? }))
}

fn read_points(fields: &mut Fields<'_>, items: &[Item]) -> Option<(String, Points)> {
    let code = fields.required::<String>("item")?;
    let of_item = position(fields, "item", &code, items);
    let of_item = of_item.and_then(|at| items.get(at))?;
    let (levels, min) = (of_item.levels(), of_item.min);
    let by_code = read_by_code(fields, levels);
    let cases = fields.tables("cases", |fields| {
        let other = fields.required::<String>("item")?;
        let item = position(fields, "item", &other, items)?;
        let code = fields.optional::<i32>("code");
        let known =
            code.zip(items.get(item)).is_none_or(|(code, item)| (item.min..=item.max).contains(&code));
        fields.demand(known, "code", &format!("is no answer of {other}"));
        Some(Case { item, code, by_code: read_by_code(fields, levels)? })
    });
    Some((code, Points::Table { min, by_code: by_code?, cases }))
}

fn read_by_code(fields: &mut Fields<'_>, levels: usize) -> Option<Vec<Decimal>> {
    let by_code = fields.required::<Vec<Decimal>>("by_code")?;
    fields.demand(by_code.len() == levels, "by_code", &format!("is not of {levels} values"));
    let within = by_code.iter().all(|points| (Decimal::ZERO..=Decimal::whole(100)).contains(points));
    fields.demand(within, "by_code", "is not within 0 and 100");
    Some(by_code)
}

/// The least number of parts of a point in which every item's points are whole.
fn common_denominator(items: &[(usize, Points)]) -> Option<i64> {
    items.iter().try_fold(1i64, |denominator, (_, points)| {
        let parts = match points {
            Points::Line { zero, hundred } => (i64::from(*hundred) - i64::from(*zero)).abs(),
            Points::Table { .. } => TABLE_PARTS,
        };
        let common = denominator.checked_mul(parts)? / greatest_divisor(denominator, parts).max(1);
        (common <= DENOMINATOR_MAX).then_some(common)
    })
}

fn greatest_divisor(a: i64, b: i64) -> i64 {
    if b == 0 { a } else { greatest_divisor(b, a % b) }
}

fn read_norm(fields: &mut Fields<'_>, scales: &[Arc<str>]) -> Option<(Arc<str>, Summary)> {
    let name = fields.required::<String>("name");
    let source = fields.required::<String>("source");
    let constant = fields.required::<Number>("constant");
    let terms = fields.tables("terms", |fields| {
        let scale = fields.required::<String>("scale")?;
        let mean = fields.required::<Number>("mean");
        let sd = fields.required::<Number>("sd");
        let weight = fields.required::<Number>("weight");
        let at = scales.iter().position(|known| **known == *scale);
        fields.demand(at.is_some(), "scale", &format!("names {scale}, which is no scale"));
        let (mean, sd, weight) = (mean?.0, sd?.0, weight?.0);
        fields.demand(sd > 0.0, "sd", "is not above 0");
        Some(NormTerm { scale: at?, mean, sd, weight })
    });
    fields.demand(!terms.is_empty(), "terms", "are missing");
    Some((name?.into(), Summary::Norm { source: source?, constant: constant?.0, terms }))
}
