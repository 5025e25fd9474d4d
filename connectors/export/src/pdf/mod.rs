//! Letters as PDF: letterhead, a summary, lines in groups, a total on each page that the next one carries on.

mod font;
mod grey;
mod layout;
mod write;

use crate::ExportError;
use font::Fonts;

/// A letter about amounts of one currency.
#[derive(Clone, Debug, Default)]
pub struct Letter {
    /// What it is: `Invoice 账单`.
    pub title: String,
    /// Its number; stands on every page and names the file.
    pub number: String,
    /// Printed beside the title of every page, such as `DRAFT 草稿`; empty: nothing.
    pub mark: String,
    /// Who sends it, line by line.
    pub from: Vec<String>,
    /// Whom it goes to, line by line.
    pub to: Vec<String>,
    /// What else is to be known: label and value.
    pub facts: Vec<(String, String)>,
    /// Sums before the lines.
    pub summary: Summary,
    /// Headings of the cells of each row. The amount has a column of its own at the end.
    pub columns: Vec<Column>,
    /// Heading of the amounts.
    pub amount: String,
    /// The lines.
    pub groups: Vec<Group>,
    /// Below the total, a paragraph each.
    pub notes: Vec<String>,
    /// ISO 4217.
    pub currency: String,
    /// Decimals of the currency.
    pub places: u32,
}

/// A small table above the lines, which adds up to the same total.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    /// Headings; the amount has a column of its own at the end.
    pub columns: Vec<Column>,
    /// Cells and amount, minor units.
    pub rows: Vec<Row>,
}

/// A column of text.
#[derive(Clone, Debug)]
pub struct Column {
    /// One or more lines, separated by line feeds.
    pub title: String,
    /// Part of the width, beside the others.
    pub share: f32,
    /// Whether its cells end at the same place, as figures do.
    pub right: bool,
}

/// Rows with a heading and a sum of their own.
#[derive(Clone, Debug, Default)]
pub struct Group {
    /// Its heading.
    pub title: String,
    /// Its rows.
    pub rows: Vec<Row>,
}

/// A row.
#[derive(Clone, Debug)]
pub struct Row {
    /// A text for each column.
    pub cells: Vec<String>,
    /// Minor units.
    pub minor: i64,
    /// Whether it is part of sums; else it is shown in parentheses.
    pub counted: bool,
}

/// The letter as PDF/A-2u: fonts embedded, every character can be copied, no colour but grey with a profile.
///
/// # Errors
/// When a character has no glyph, or a sum is beyond an `i64`.
pub fn render(letter: &Letter) -> Result<Vec<u8>, ExportError> {
    let mut fonts = Fonts::load()?;
    let pages = layout::pages(letter, &fonts)?;
    write::document(letter, &pages, &mut fonts)
}

/// An amount for readers: `-1,164.80`.
pub fn amount_text(minor: i64, places: u32) -> String {
    let text = crate::table::decimal(minor, places);
    let (sign, text) = text.strip_prefix('-').map_or(("", &*text), |rest| ("-", rest));
    let (whole, rest) = text.split_once('.').unwrap_or((text, ""));
    let mut grouped = String::new();
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && (whole.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    let point = if rest.is_empty() { "" } else { "." };
    format!("{sign}{grouped}{point}{rest}")
}

#[cfg(test)]
mod tests;
