//! `aftercare contracts diff`: what another version, or another contract, says differently.

use aftercare_core::contract::lang::Exact;

use super::described::{Described, LIST, Number, PARAMETERS, Section, Statement, VALUES};

/// What `now` says that `before` doesn't, part by part, in words.
pub(super) fn diff(before: &Described, now: &Described) -> String {
    let mut parts = Vec::new();
    for section in &now.sections {
        let title = &*section.title;
        let lines = match before.section(&section.title) {
            Some(old) => differences(before, old, now, section),
            None => {
                let statements = section.statements.iter().map(|statement| new(now, title, statement));
                std::iter::once("It is new.".to_owned()).chain(statements).collect()
            }
        };
        if !lines.is_empty() {
            parts.push(format!("\n{}\n  {}\n", section.title, lines.join("\n  ")));
        }
    }
    for gone in before.sections.iter().filter(|old| now.section(&old.title).is_none()) {
        parts.push(format!("\n{}\n  It is gone.\n", gone.title));
    }
    if parts.is_empty() {
        parts.push("\nBoth say the same.\n".to_owned());
    }
    format!("{}, compared with {}\n{}", now.name(), before.name(), parts.concat())
}

fn differences(before: &Described, old: &Section, now: &Described, section: &Section) -> Vec<String> {
    let (title, mut lines) = (&*section.title, Vec::new());
    for statement in &section.statements {
        match old.statement(&statement.about) {
            None => lines.push(new(now, title, statement)),
            Some(was) if was.says == statement.says => {}
            Some(was) => {
                let by = step(was, statement, now);
                let Statement { about, says, .. } = statement;
                lines.push(format!(
                    "{about}: now {says}{by}, was {}.{}",
                    was.says,
                    counts_in(now, title, about)
                ));
            }
        }
    }
    for gone in old.statements.iter().filter(|was| section.statement(&was.about).is_none()) {
        let was = if gone.says.is_empty() { String::new() } else { format!(", was {}", gone.says) };
        lines.push(format!("Gone: {}{was}.{}", gone.about, counts_in(before, title, &gone.about)));
    }
    lines
}

fn new(document: &Described, title: &str, statement: &Statement) -> String {
    let Statement { about, says, .. } = statement;
    let says = if says.is_empty() { String::new() } else { format!(": {says}") };
    format!("New: {about}{says}.{}", counts_in(document, title, about))
}

/// The rules in which a parameter, a list, a value or a function counts.
fn counts_in(document: &Described, title: &str, about: &str) -> String {
    let name = match title {
        PARAMETERS | VALUES => about.split('(').next(),
        title => title.strip_prefix(LIST),
    };
    match name.map(|name| document.rules_with(name)).as_deref() {
        None | Some([]) => String::new(),
        Some(rules) => format!(" It counts in {}.", rules.join(", ")),
    }
}

/// By how much a number went up or down.
fn step(was: &Statement, now: &Statement, document: &Described) -> String {
    let (before, after) = match (was.number, now.number) {
        (Some(Number::Money(before)), Some(Number::Money(after)))
        | (Some(Number::Plain(before)), Some(Number::Plain(after))) => (before, after),
        _ => return String::new(),
    };
    let Some(by) = after.minus(before) else { return String::new() };
    let sign = if by.signum() > 0 { "+" } else { "" };
    let amount =
        if matches!(now.number, Some(Number::Money(_))) { document.money(by) } else { by.to_string() };
    let percent =
        by.times(Exact::whole(100)).filter(|_| before.signum() > 0).and_then(|by| by.quotient(before));
    let percent = percent.map_or_else(String::new, |percent| format!(", {sign}{percent} %"));
    format!(" ({sign}{amount}{percent})")
}
