//! The mapping file: what each column means. Read whole, with every problem listed at once with its place.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use jiff::tz::TimeZone;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::expression::{Condition, Expression, RawCondition, RawExpression, zone_named};
use super::stream::{RawStream, Stream};
use super::template::Names;

/// One thing wrong with a mapping, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    /// Such as `stream[1].fields.treated_at`.
    pub(crate) place: String,
    /// What is wrong there.
    pub(crate) what: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.what)
    }
}

/// A checked mapping.
pub(crate) struct Mapping {
    pub(super) delimiter: u8,
    pub(super) missing: BTreeSet<String>,
    pub(super) values: Vec<Expression>,
    /// Lines that fail one of these are left out, and counted.
    pub(super) only: Vec<Condition>,
    /// Lines that fail one of these are refused.
    pub(super) checks: Vec<Condition>,
    pub(super) streams: Vec<Stream>,
    pub(super) names: Names,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawMapping {
    /// For the reader: what the file is, and what was assumed.
    about: String,
    time_zone: String,
    delimiter: Option<char>,
    missing: Option<BTreeSet<String>>,
    #[serde(default)]
    value: Vec<toml::Value>,
    #[serde(default)]
    only: Vec<toml::Value>,
    #[serde(default)]
    check: Vec<toml::Value>,
    stream: Vec<toml::Value>,
}

#[derive(Deserialize)]
struct RawNamed {
    name: String,
    #[serde(flatten)]
    rest: BTreeMap<String, toml::Value>,
}

/// What compiling the parts of a mapping shares.
pub(super) struct Compiler {
    pub(super) names: Names,
    pub(super) problems: Vec<Problem>,
    pub(super) zone: TimeZone,
}

impl Compiler {
    pub(super) fn problem(&mut self, place: &str, what: impl fmt::Display) {
        self.problems.push(Problem { place: place.to_owned(), what: what.to_string() });
    }

    /// Reads one table of the mapping; a problem is noted with its place.
    pub(super) fn table<T: DeserializeOwned>(&mut self, place: &str, value: toml::Value) -> Option<T> {
        match value.try_into() {
            Ok(table) => Some(table),
            Err(error) => {
                self.problem(place, error.to_string().trim());
                None
            }
        }
    }

    /// Reads an expression: a template, or a table with more to say.
    pub(super) fn expression(&mut self, place: &str, value: toml::Value) -> Option<Expression> {
        let raw = match value {
            toml::Value::String(from) => RawExpression::plain(from),
            toml::Value::Integer(number) => RawExpression::plain(number.to_string()),
            toml::Value::Boolean(truth) => RawExpression::plain(truth.to_string()),
            other => self.table(place, other)?,
        };
        Expression::compile(raw, place, self)
    }

    pub(super) fn conditions(&mut self, section: &str, raw: Vec<toml::Value>) -> Vec<Condition> {
        let mut conditions = Vec::new();
        for (n, value) in raw.into_iter().enumerate() {
            let place = format!("{section}[{n}]");
            if let Some(raw) = self.table::<RawCondition>(&place, value) {
                conditions.extend(Condition::compile(raw, &place, self));
            }
        }
        conditions
    }

    fn values(&mut self, raw: Vec<toml::Value>) -> Vec<Expression> {
        let mut values = Vec::new();
        for (n, value) in raw.into_iter().enumerate() {
            let place = format!("value[{n}]");
            let Some(named) = self.table::<RawNamed>(&place, value) else { continue };
            let place = format!("value.{}", named.name);
            values.extend(self.expression(&place, toml::Value::Table(named.rest.into_iter().collect())));
            if let Err(what) = self.names.declare(&named.name) {
                self.problem(&place, what);
            }
        }
        values
    }
}

impl Mapping {
    /// Reads and checks a mapping.
    ///
    /// # Errors
    /// Every problem found, each with its place.
    pub(crate) fn parse(text: &str) -> Result<Self, Vec<Problem>> {
        let raw: RawMapping = toml::from_str(text)
            .map_err(|e| vec![Problem { place: "mapping".into(), what: e.to_string().trim().into() }])?;
        let mut compiler = Compiler { names: Names::default(), problems: Vec::new(), zone: TimeZone::UTC };
        match zone_named(&raw.time_zone) {
            Some(zone) => compiler.zone = zone,
            None => compiler.problem("time_zone", "not a name of the IANA time-zone database"),
        }
        if raw.about.trim().is_empty() {
            compiler.problem("about", "say what the file is and what the mapping assumes");
        }
        let delimiter = u8::try_from(raw.delimiter.unwrap_or(',')).ok().filter(u8::is_ascii);
        if delimiter.is_none() {
            compiler.problem("delimiter", "must be one ASCII character");
        }
        let values = compiler.values(raw.value);
        let only = compiler.conditions("only", raw.only);
        let checks = compiler.conditions("check", raw.check);
        let mut streams = Vec::new();
        if raw.stream.is_empty() {
            compiler.problem("stream", "a mapping without a stream imports nothing");
        }
        for (n, value) in raw.stream.into_iter().enumerate() {
            let place = format!("stream[{n}]");
            if let Some(raw) = compiler.table::<RawStream>(&place, value) {
                streams.extend(Stream::compile(raw, &place, &mut compiler));
            }
        }
        if !compiler.problems.is_empty() {
            return Err(compiler.problems);
        }
        let missing = raw.missing.unwrap_or_else(|| BTreeSet::from([String::new()]));
        let delimiter = delimiter.unwrap_or(b',');
        Ok(Self { delimiter, missing, values, only, checks, streams, names: compiler.names })
    }
}

/// The mappings that come with the program, by name.
pub(crate) const SHIPPED: [(&str, &str); 2] = [
    ("nhs-eq5d3l", include_str!("../../../../deploy/mappings/nhs-eq5d3l.toml")),
    ("fitbit-heart-rate", include_str!("../../../../deploy/mappings/fitbit-heart-rate.toml")),
];
