//! `aftercare contracts list` and `aftercare contracts show`

use aftercare_core::contract::lang::Value;

use super::described::{Described, Section};
use super::source::Source;

/// Width of a statement's name; what is longer has its words on the next line.
const NAME_WIDTH: usize = 30;
/// Characters of a line.
const LINE_WIDTH: usize = 118;

/// A table of contracts, one version a line.
pub(super) fn list(all: &[Source]) -> String {
    let longest = |text: fn(&Source) -> &str| all.iter().map(|source| text(source).len()).max().unwrap_or(0);
    let id = longest(|source| &source.document.id).max("contract".len());
    let kind = longest(|source| &source.document.kind).max("kind".len());
    let mut text = format!("{:id$}  version  in force from  currency  {:kind$}  title\n", "contract", "kind");
    for Source { document, .. } in all {
        let from = Value::Date(document.in_force_from).shown(0).unwrap_or_default();
        let (version, currency) = (document.version, &*document.currency);
        text += &format!(
            "{:id$}  {version:>7}  {from:<13}  {currency:<8}  {:kind$}  {}\n",
            &*document.id, document.kind, document.title
        );
    }
    text
}

/// One contract in words.
pub(super) fn show(described: &Described) -> String {
    let mut text = format!("{}\n", described.name());
    for section in &described.sections {
        text += &shown(section);
    }
    text
}

fn shown(section: &Section) -> String {
    let mut text = format!("\n{}\n", section.title);
    for statement in &section.statements {
        if statement.says.is_empty() {
            text += &indented(&statement.about, 2);
        } else if statement.about.chars().count() <= NAME_WIDTH {
            let rest = indented(&statement.says, 2 + NAME_WIDTH + 2);
            text += &format!("  {:NAME_WIDTH$}  {}", statement.about, rest.trim_start());
        } else {
            text += &format!("  {}\n", statement.about);
            text += &indented(&statement.says, 2 + NAME_WIDTH + 2);
        }
    }
    text
}

/// Lines of at most [`LINE_WIDTH`] characters, broken between words, each that far from the left.
fn indented(words: &str, left: usize) -> String {
    let mut text = String::new();
    let mut width = 0;
    for word in words.split_whitespace() {
        let length = word.chars().count();
        if width > 0 && left + width + 1 + length <= LINE_WIDTH {
            text.push(' ');
            width += 1 + length;
        } else {
            if width > 0 {
                text.push('\n');
            }
            text += &" ".repeat(left);
            width = length;
        }
        text += word;
    }
    text.push('\n');
    text
}
