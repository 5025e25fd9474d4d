//! What instruments there are, in words.

use aftercare_core::documents::{
    Decimal, Direction, InstrumentDocument, Item, Outline, Points, Rule, SCORE, Scale, Summary, ValueSet,
};

use super::scorer::Chart;

/// One line of the list.
struct Row {
    id: String,
    version: String,
    items: String,
    better: &'static str,
    range: String,
    columns: String,
    assumptions: String,
}

/// A table of instruments: those with a document, those that lack their licence holder's table, and NEWS2.
pub(crate) fn list(documents: &[&InstrumentDocument], outlines: &[(&str, Outline)]) -> String {
    let mut rows: Vec<Row> = documents.iter().map(|document| row_of(document)).collect();
    rows.extend(outlines.iter().map(|(id, outline)| Row {
        id: (*id).to_owned(),
        items: outline.items.len().to_string(),
        columns: "as the licence holder's table says".to_owned(),
        ..nothing()
    }));
    rows.push(Row {
        id: Chart::ID.to_owned(),
        items: Chart::columns().len().to_string(),
        better: "lower",
        range: "0 to 20".to_owned(),
        columns: "score".to_owned(),
        assumptions: "1".to_owned(),
        ..nothing()
    });
    rows.sort_by(|one, other| one.id.cmp(&other.id));
    let mut text = line(
        "instrument",
        "version",
        "items",
        "better",
        "range",
        "assumptions",
        "columns of the score, [value sets]",
    );
    for row in &rows {
        let Row { id, version, items, better, range, assumptions, columns } = row;
        text += &line(id, version, items, better, range, assumptions, columns);
    }
    text
}

fn line(
    id: &str,
    version: &str,
    items: &str,
    better: &str,
    range: &str,
    assumptions: &str,
    columns: &str,
) -> String {
    format!("{id:<13} {version:>7} {items:>5}  {better:<6}  {range:<11} {assumptions:>11}  {columns}\n")
}

fn nothing() -> Row {
    let dash = || "–".to_owned();
    Row {
        id: String::new(),
        version: dash(),
        items: dash(),
        better: "–",
        range: dash(),
        columns: dash(),
        assumptions: dash(),
    }
}

fn row_of(document: &InstrumentDocument) -> Row {
    let mut columns = document.outputs.join(", ");
    if let Rule::Decrement { value_sets, .. } = &document.rule {
        let ids: Vec<&str> = value_sets.iter().map(|set| &*set.id).collect();
        columns += &format!(" [{}]", ids.join(", "));
    }
    Row {
        id: document.id.to_string(),
        version: document.version.to_string(),
        items: document.items.len().to_string(),
        better: better(document.direction),
        range: range(document.range),
        columns,
        assumptions: document.assumptions.len().to_string(),
    }
}

fn better(direction: Direction) -> &'static str {
    match direction {
        Direction::Up => "higher",
        Direction::Down => "lower",
    }
}

fn range((low, high): (Decimal, Decimal)) -> String {
    format!("{} to {}", low.to_f64(), high.to_f64())
}

/// One instrument in words.
pub(crate) fn show(document: &InstrumentDocument) -> String {
    let mut text = format!("{}, version {}: {}\n", document.id, document.version, document.title);
    let mut add = |name: &str, what: &str| text += &format!("  {name:<14}{what}\n");
    add("source", &document.source);
    add("score", &format!("{}, {} is better", range(document.range), better(document.direction)));
    if let Some(code) = &document.loinc {
        add("LOINC", code);
    }
    for (at, items) in grouped(&document.items).iter().enumerate() {
        add(if at == 0 { "items" } else { "" }, items);
    }
    for (at, rule) in rules(document).iter().enumerate() {
        add(if at == 0 { "rule" } else { "" }, rule);
    }
    let whole = document.mcid.iter().map(|mcid| (SCORE, mcid));
    let of_scales = document.scale_mcids.iter().map(|(scale, mcid)| (scale.as_str(), mcid));
    for (scale, mcid) in whole.chain(of_scales) {
        add("change", &format!("{scale} {}: {}", mcid.value.to_f64(), mcid.source));
    }
    for band in &document.cut_offs {
        let (scale, ends) = (band.scale.as_deref().unwrap_or(SCORE), range((band.from, band.to)));
        add("band", &format!("{scale} {ends}, {}: {}", band.name, band.source));
    }
    for assumption in &document.assumptions {
        add("assumption", assumption);
    }
    text
}

/// An instrument that lacks its licence holder's table, in words.
pub(crate) fn show_outline(id: &str, outline: &Outline) -> String {
    let mut text = format!("{id}: {}\n  {:<14}{}\n", outline.title, "source", outline.source);
    for (at, items) in grouped(&outline.items).iter().enumerate() {
        text += &format!("  {:<14}{items}\n", if at == 0 { "items" } else { "" });
    }
    text + "  rule          the licence holder's table: --table FILE\n"
}

/// NEWS2 in words.
pub(crate) fn show_chart() -> String {
    format!(
        "news2: National Early Warning Score 2\n\
         \x20 source        Royal College of Physicians 2017\n\
         \x20 score         0 to 20, lower is better\n\
         \x20 items         {}\n\
         \x20 rule          sum of 0 to 3 points for each; on_o2: 0 or 1, acvpu: A, C, V, P or U; each rounded to the \
         chart first (temp_c: 0.1, the others: 1), all 7 needed\n\
         \x20               --spo2-scale 1: aims at 96 % and more; 2: at 88 to 92 %\n\
         \x20 band          score 5 and more, urgent; 7 and more, emergency; a single sign with 3 points, urgent\n\
         \x20 assumption    A value half way between two of the chart's is rounded upward: the chart does not say.\n",
        Chart::columns().join(", "),
    )
}

/// Items that have the same codes, in one line.
fn grouped(items: &[Item]) -> Vec<String> {
    let alike =
        |one: &Item, other: &Item| (one.min, one.max, &one.missing) == (other.min, other.max, &other.missing);
    let lines = items.chunk_by(alike).map(|group| {
        let codes: Vec<String> = group
            .iter()
            .map(|item| match &item.loinc {
                Some(loinc) => format!("{} (LOINC {loinc})", item.code),
                None => item.code.to_string(),
            })
            .collect();
        let mut line = codes.join(", ");
        if let Some(item) = group.first() {
            let missing: String = item.missing.iter().map(|code| format!(", {code} is missing")).collect();
            line += &format!(": {} to {}{missing}", item.min, item.max);
        }
        line
    });
    lines.collect()
}

/// The items of a scale; of one that is reversed, the lowest code has 100 points.
fn points(document: &InstrumentDocument, scale: &Scale) -> String {
    let marked = |(item, points): &(usize, Points)| {
        let mark = match points {
            Points::Line { zero, hundred } if zero > hundred => " (reversed)",
            Points::Line { .. } => "",
            Points::Table { .. } => " (by table)",
        };
        document.items.get(*item).map(|item| format!("{}{mark}", item.code))
    };
    scale.items.iter().filter_map(marked).collect::<Vec<_>>().join(", ")
}

/// The rule, a line for each of its parts.
fn rules(document: &InstrumentDocument) -> Vec<String> {
    let items = document.items.len();
    let named = |at: usize| document.outputs.get(at).map_or("", |name| name);
    match &document.rule {
        Rule::Sum { minimum_answered } if *minimum_answered < items => {
            vec![format!("sum x {items} / answered, at least {minimum_answered} of {items} answered")]
        }
        Rule::Sum { .. } => vec![format!("sum, all {items} answered")],
        Rule::Single { .. } => vec!["the answer itself".to_owned()],
        Rule::Table { .. } => vec![format!("the sum looked up in a table, all {items} answered")],
        Rule::Weights { source, .. } => {
            vec![format!("a constant and a weight of each answer, all {items} answered: {source}")]
        }
        Rule::Decrement { value_sets, default_value_set } => {
            let line = |(at, set): (usize, &ValueSet)| {
                let default = if at == *default_value_set { " (where none is named)" } else { "" };
                format!("value set {}{default}: {}", set.id, set.source)
            };
            let mut lines = vec![format!("what the state of health is worth, all {items} answered")];
            lines.extend(value_sets.iter().enumerate().map(line));
            lines
        }
        Rule::Scales { scales, summaries } => {
            let mut lines = Vec::new();
            for (at, scale) in scales.iter().enumerate() {
                let (name, codes, least) = (named(at), points(document, scale), scale.minimum_answered);
                lines.push(format!("{name}: mean of {codes} from 0 to 100, at least {least} answered"));
            }
            for (at, summary) in summaries.iter().enumerate() {
                lines.push(match summary {
                    Summary::Mean { minimum_scales } => format!(
                        "{}: mean of the scales present, at least {minimum_scales}",
                        named(scales.len() + at)
                    ),
                    Summary::Norm { source, .. } => {
                        format!("{}: norm-based, every scale needed: {source}", named(scales.len() + at))
                    }
                });
            }
            if document.outputs.len() > 1 {
                lines.push(format!("{} is the score", named(document.headline)));
            }
            lines
        }
    }
}

#[cfg(test)]
mod tests {
    use aftercare_core::documents::Library;

    use super::*;

    #[test]
    fn a_rule_is_shown_with_its_scales_bands_and_assumptions() {
        let library = Library::builtin();
        let text = show(library.instrument("saq-7", None).unwrap());
        for line in [
            "saq-7, version 1: Seattle Angina Questionnaire, 7 items\n",
            "  score         0 to 100, higher is better\n",
            "  items         pl_a, pl_b, pl_c: 1 to 5, 6 is missing\n",
            "                af_2, af_3: 1 to 6\n",
            "  rule          physical_limitation: mean of pl_a, pl_b, pl_c from 0 to 100, at least 2 answered\n",
            "                summary: mean of the scales present, at least 1\n",
            "                summary is the score\n",
            "  change        angina_frequency 20: secondary source\n",
            "  band          angina_frequency 0 to 30, daily: published bands of angina frequency\n",
        ] {
            assert!(text.contains(line), "{line}\nis not in\n{text}");
        }
        assert!(text.contains("  assumption    How many items of a scale"), "{text}");
        let text = show(library.instrument("rand-36", None).unwrap());
        assert!(
            text.contains("energy: mean of q23 (reversed), q27 (reversed), q29, q31 from 0 to 100"),
            "{text}"
        );
        let text = show(library.instrument("eq-5d-3l", None).unwrap());
        assert!(text.contains("value set liu-2014 (where none is named): Liu 2014, doi"), "{text}");
    }
}
