//! `aftercare contracts check`: every problem of a document with its line and column.

use aftercare_core::contract::ContractDocument;
use aftercare_core::documents::{CONTRACT, Library, Problem};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// A document without problems, or all of them: `line:column: place and problem`.
pub(super) fn check(text: &str) -> Result<ContractDocument, Vec<String>> {
    let place = Places::of(text);
    let located = |problems: Vec<Problem>| {
        let mut found: Vec<((usize, usize), String)> =
            problems.iter().map(|problem| (place.line_and_column(problem), problem.to_string())).collect();
        found.sort();
        found
            .into_iter()
            .map(|((line, column), problem)| format!("{line}:{column}: {problem}"))
            .collect::<Vec<_>>()
    };
    let document = ContractDocument::parse(text).map_err(located)?;
    // one that is published already can't be another
    let mut library = Library::builtin();
    library.add(CONTRACT, &document.id, document.version, text).map_err(located)?;
    Ok(document)
}

/// Where the parts of a document stand.
struct Places<'t> {
    text: &'t str,
    table: Option<Spanned<DeTable<'t>>>,
}

impl<'t> Places<'t> {
    fn of(text: &'t str) -> Places<'t> {
        Places { text, table: DeTable::parse(text).ok() }
    }

    /// Line and column, from 1.
    fn line_and_column(&self, problem: &Problem) -> (usize, usize) {
        if let Some(line) = problem.place.strip_prefix("line ").and_then(|line| line.parse().ok()) {
            return (line, 1);
        }
        let value = self.start_of(&problem.place);
        let character = problem.message.strip_prefix("at character ").and_then(|rest| rest.split(':').next());
        let character = character.and_then(|character| character.parse().ok());
        let byte = match (value, character) {
            (Some((start, true)), Some(character)) => start + self.offset_in_text(start, character),
            (Some((start, _)), _) => start,
            (None, _) => 0,
        };
        let before = self.text.get(..byte).unwrap_or(self.text);
        let line_start = before.rfind('\n').map_or(0, |end| end + 1);
        let column = before.get(line_start..).map_or(0, |line| line.chars().count());
        (before.matches('\n').count() + 1, column + 1)
    }

    /// The byte at which what a path names begins, and whether that is the whole path; else what is nearest around it.
    fn start_of(&self, path: &str) -> Option<(usize, bool)> {
        let table = self.table.as_ref()?;
        let mut steps =
            path.split(['.', '[']).map(|step| step.trim_end_matches(']')).filter(|step| !step.is_empty());
        let first = steps.next()?;
        let (_, mut value) = table.get_ref().iter().find(|(key, _)| key.get_ref() == first)?;
        for step in steps {
            let next = match (value.get_ref(), step.parse::<usize>()) {
                (DeValue::Array(array), Ok(number)) => array.get(number),
                (DeValue::Table(table), _) => {
                    table.iter().find(|(key, _)| key.get_ref() == step).map(|(_, value)| value)
                }
                _ => None,
            };
            match next {
                Some(next) => value = next,
                None => return Some((value.span().start, false)),
            }
        }
        Some((value.span().start, value.get_ref().is_str()))
    }

    /// Bytes from the beginning of a text value, its quotes included, to one of its characters, from 1.
    fn offset_in_text(&self, start: usize, character: usize) -> usize {
        let raw = self.text.get(start..).unwrap_or_default();
        let quotes = ["\"\"\"", "'''", "\"", "'"]
            .into_iter()
            .find(|quotes| raw.starts_with(quotes))
            .unwrap_or_default();
        let mut rest = raw.get(quotes.len()..).unwrap_or_default();
        if quotes.len() == 3 {
            rest = rest.strip_prefix("\r\n").or_else(|| rest.strip_prefix('\n')).unwrap_or(rest);
        }
        for _ in 1..character {
            let taken = if quotes.starts_with('"') {
                written_length(rest)
            } else {
                rest.chars().next().map_or(0, char::len_utf8)
            };
            rest = rest.get(taken..).unwrap_or_default();
        }
        // an escaped line end before the character belongs to no character
        raw.len() - rest.get(folded_length(rest, quotes)..).unwrap_or(rest).len()
    }
}

/// Bytes in which the first character of a quoted text is written.
fn written_length(rest: &str) -> usize {
    let folded = folded_length(rest, "\"\"\"");
    let here = rest.get(folded..).unwrap_or_default();
    let own = match here.as_bytes() {
        [b'\\', b'u', ..] => 6,
        [b'\\', b'U', ..] => 10,
        [b'\\', b'x', ..] => 4,
        [b'\\', ..] => 2,
        _ => here.chars().next().map_or(0, char::len_utf8),
    };
    folded + own
}

/// Bytes of a backslash at a line's end and the blanks that it takes away.
fn folded_length(rest: &str, quotes: &str) -> usize {
    let after = rest.strip_prefix('\\').filter(|_| quotes == "\"\"\"");
    let is_fold = after.is_some_and(|after| after.trim_start_matches([' ', '\t', '\r']).starts_with('\n'));
    match after {
        Some(after) if is_fold => rest.len() - after.trim_start().len(),
        _ => 0,
    }
}
