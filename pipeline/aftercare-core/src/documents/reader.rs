//! Reading a TOML document so that every problem is listed, each with its place.

use std::fmt;

use crate::time::{Instant, MS_PER_DAY};

/// One thing wrong with a document.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// Where: a path such as `items[2].codes`; empty for the whole document.
    pub place: String,
    /// What, as the rest of a sentence that begins with the place.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = if self.place.is_empty() { "the document" } else { &self.place };
        write!(formatter, "{place} {}", self.message)
    }
}

/// Types that a document's field may have.
pub(crate) trait FromToml: Sized {
    /// The value, or what is wrong with it as the rest of a sentence.
    fn from_toml(value: &toml::Value) -> Result<Self, String>;
}

impl FromToml for String {
    fn from_toml(value: &toml::Value) -> Result<String, String> {
        match value.as_str() {
            Some("") => Err("is empty".to_owned()),
            Some(text) => Ok(text.to_owned()),
            None => Err("is no text".to_owned()),
        }
    }
}

impl FromToml for i32 {
    fn from_toml(value: &toml::Value) -> Result<i32, String> {
        let whole = value.as_integer().ok_or_else(|| "is no whole number".to_owned())?;
        i32::try_from(whole).ok().ok_or_else(|| "is beyond the range of whole numbers".to_owned())
    }
}

impl<T: FromToml> FromToml for Vec<T> {
    fn from_toml(value: &toml::Value) -> Result<Vec<T>, String> {
        let list = value.as_array().ok_or_else(|| "is no list".to_owned())?;
        let read = |(position, value)| T::from_toml(value).map_err(|what| format!("[{position}] {what}"));
        list.iter().enumerate().map(read).collect()
    }
}

/// A table being read. Fields that nobody asked for are problems.
pub(crate) struct Fields<'d> {
    table: &'d toml::Table,
    place: String,
    asked: Vec<&'d str>,
    problems: &'d mut Vec<Problem>,
}

/// Parses `text` and reads its top table with `read`; `Err` holds every problem found.
pub(crate) fn read_document<T>(
    text: &str,
    read: impl FnOnce(&mut Fields<'_>) -> Option<T>,
) -> Result<T, Vec<Problem>> {
    let table = match text.parse::<toml::Table>() {
        Ok(table) => table,
        Err(error) => {
            let message = format!("is no TOML: {}", error.message());
            return Err(vec![Problem { place: line_of(text, error.span()), message }]);
        }
    };
    let mut problems = Vec::new();
    let mut fields =
        Fields { table: &table, place: String::new(), asked: Vec::new(), problems: &mut problems };
    let document = read(&mut fields);
    fields.finish();
    match document {
        Some(document) if problems.is_empty() => Ok(document),
        _ => Err(problems),
    }
}

fn line_of(text: &str, span: Option<std::ops::Range<usize>>) -> String {
    let start = span.map_or(0, |span| span.start);
    let lines = text.get(..start).map_or(0, |before| before.matches('\n').count());
    format!("line {}", lines + 1)
}

impl<'d> Fields<'d> {
    /// A field that must be there.
    pub(crate) fn required<T: FromToml>(&mut self, key: &'d str) -> Option<T> {
        if !self.table.contains_key(key) {
            self.asked.push(key);
            self.problem(key, "is missing");
            return None;
        }
        self.optional(key)
    }

    /// A field that may be absent.
    pub(crate) fn optional<T: FromToml>(&mut self, key: &'d str) -> Option<T> {
        self.asked.push(key);
        match T::from_toml(self.table.get(key)?) {
            Ok(value) => Some(value),
            Err(what) => {
                self.problem(key, &what);
                None
            }
        }
    }

    /// Whether the field is there at all.
    pub(crate) fn has(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    /// One of `choices`, which must be there.
    pub(crate) fn choice<T: Copy>(&mut self, key: &'d str, choices: &[(&str, T)]) -> Option<T> {
        let word: String = self.required(key)?;
        let found = choices.iter().find(|(name, _)| *name == word).map(|(_, value)| *value);
        if found.is_none() {
            let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
            self.problem(key, &format!("is none of {}", names.join(", ")));
        }
        found
    }

    /// A table that may be absent.
    pub(crate) fn table<T>(
        &mut self,
        key: &'d str,
        read: impl FnOnce(&mut Fields<'_>) -> Option<T>,
    ) -> Option<T> {
        self.asked.push(key);
        let place = self.place_of(key);
        match self.table.get(key)? {
            toml::Value::Table(table) => self.child(table, place, read),
            _ => {
                self.problem(key, "is no table");
                None
            }
        }
    }

    /// Every field of this table, by name.
    pub(crate) fn each<T: FromToml>(&mut self) -> Vec<(String, T)> {
        let table = self.table;
        table.keys().filter_map(|key| Some((key.clone(), self.optional(key)?))).collect()
    }

    /// A list of tables, empty where absent; those with problems are left out.
    pub(crate) fn tables<T>(
        &mut self,
        key: &'d str,
        mut read: impl FnMut(&mut Fields<'_>) -> Option<T>,
    ) -> Vec<T> {
        self.asked.push(key);
        let Some(value) = self.table.get(key) else { return Vec::new() };
        let Some(list) = value.as_array() else {
            self.problem(key, "is no list of tables");
            return Vec::new();
        };
        let mut found = Vec::with_capacity(list.len());
        for (position, value) in list.iter().enumerate() {
            let place = self.place_of(&format!("{key}[{position}]"));
            match value.as_table() {
                Some(table) => found.extend(self.child(table, place, &mut read)),
                None => self.problems.push(Problem { place, message: "is no table".to_owned() }),
            }
        }
        found
    }

    /// Notes what is wrong with `key` (empty: with this table).
    pub(crate) fn problem(&mut self, key: &str, what: &str) {
        let place = self.place_of(key);
        self.problems.push(Problem { place, message: what.to_owned() });
    }

    /// Notes what is wrong with `key` unless `holds`.
    pub(crate) fn demand(&mut self, holds: bool, key: &str, what: &str) {
        if !holds {
            self.problem(key, what);
        }
    }

    /// Notes problems that already have their places.
    pub(crate) fn extend(&mut self, problems: Vec<Problem>) {
        self.problems.extend(problems);
    }

    fn child<T>(
        &mut self,
        table: &toml::Table,
        place: String,
        read: impl FnOnce(&mut Fields<'_>) -> Option<T>,
    ) -> Option<T> {
        let mut fields = Fields { table, place, asked: Vec::new(), problems: self.problems };
        let value = read(&mut fields);
        fields.finish();
        value
    }

    fn finish(self) {
        for key in self.table.keys().filter(|key| !self.asked.contains(&key.as_str())) {
            let place = if self.place.is_empty() { key.clone() } else { format!("{}.{key}", self.place) };
            self.problems.push(Problem { place, message: "is not a field of this document".to_owned() });
        }
    }

    /// The path of a field of this table.
    pub(crate) fn place_of(&self, key: &str) -> String {
        match (self.place.is_empty(), key.is_empty()) {
            (true, _) => key.to_owned(),
            (false, true) => self.place.clone(),
            (false, false) => format!("{}.{key}", self.place),
        }
    }
}

/// The start in UTC of a day such as 2026-01-31.
pub(crate) fn day_start(text: &str) -> Option<Instant> {
    let day: jiff::civil::Date = text.parse().ok()?;
    let epoch = jiff::civil::date(1970, 1, 1);
    let days = day.since(epoch).ok()?.get_days();
    Some(Instant(i64::from(days) * MS_PER_DAY))
}
