//! Expressions: how one value is made from the cells of a line, and conditions on them.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, TimeZone, TimeZoneDatabase};
use jiff::{Span, Timestamp, ZonedDateTime};
use serde::Deserialize;

use super::mapping::{Compiler, Problem};
use super::template::{Slot, Template};

/// The cells and values of one line.
pub(super) struct Line<'a> {
    /// By column of the mapping, `None` where missing.
    pub(super) cells: Vec<Option<&'a str>>,
    /// The `[[value]]`s evaluated so far.
    pub(super) values: Vec<Option<String>>,
}

impl Line<'_> {
    fn get(&self, slot: Slot) -> Option<&str> {
        match slot {
            Slot::Column(at) => self.cells.get(at).copied().flatten(),
            Slot::Value(at) => self.values.get(at)?.as_deref(),
        }
    }

    pub(super) fn render(&self, template: &Template) -> Option<String> {
        template.render(|slot| self.get(slot))
    }
}

/// Why a line is refused: the place in the mapping, and what about it. Never a value of the line.
pub(super) type Refusal = Problem;

/// A zone of the time-zone database that is compiled in, never the machine's.
pub(super) fn zone_named(name: &str) -> Option<TimeZone> {
    TimeZoneDatabase::bundled().get(name).ok()
}

/// An expression as written. A string alone stands for `{ from = "..." }`.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawExpression {
    /// A template over columns and earlier values; missing when one of them is.
    from: String,
    /// Used instead where `from` is missing.
    default: Option<String>,
    /// Only the first so many characters.
    first: Option<usize>,
    /// Replaces the text; a text without entry refuses the line, unless `otherwise` is given.
    map: Option<BTreeMap<String, String>>,
    otherwise: Option<String>,
    /// A whole number to take away; missing when it is.
    minus: Option<String>,
    /// The text is a date and time of this strptime form.
    time: Option<String>,
    /// Zone of that time, where it is not the mapping's.
    zone: Option<String>,
    /// Calendar days to add to the time, in its zone: a number, or an expression that gives one.
    add_days: Option<toml::Value>,
}

impl RawExpression {
    pub(super) fn plain(from: String) -> Self {
        Self { from, ..Self::default() }
    }
}

/// A checked expression.
pub(super) struct Expression {
    place: String,
    from: Template,
    default: Option<String>,
    first: Option<usize>,
    map: Option<BTreeMap<String, String>>,
    otherwise: Option<String>,
    minus: Option<Template>,
    time: Option<String>,
    zone: TimeZone,
    add_days: Option<Box<Expression>>,
}

impl Expression {
    pub(super) fn compile(raw: RawExpression, place: &str, c: &mut Compiler) -> Option<Self> {
        let before = c.problems.len();
        let template = |text: &str, c: &mut Compiler| match Template::parse(text, &mut c.names, place) {
            Ok(template) => Some(template),
            Err(what) => {
                c.problem(place, what);
                None
            }
        };
        let from = template(&raw.from, c);
        let minus = raw.minus.as_deref().and_then(|text| template(text, c));
        let zone = raw.zone.as_deref().map_or_else(|| Some(c.zone.clone()), zone_named);
        if zone.is_none() {
            c.problem(place, "`zone` is not a name of the IANA time-zone database");
        }
        if raw.zone.is_some() && raw.time.is_none() {
            c.problem(place, "`zone` says nothing without `time`");
        }
        if raw.otherwise.is_some() && raw.map.is_none() {
            c.problem(place, "`otherwise` says nothing without `map`");
        }
        if raw.minus.is_some() && (raw.time.is_some() || raw.add_days.is_some()) {
            c.problem(place, "`minus` is for whole numbers; a time has `add_days`");
        }
        let add_days = raw.add_days.and_then(|days| c.expression(&format!("{place}.add_days"), days));
        if c.problems.len() > before {
            return None;
        }
        Some(Self {
            place: place.to_owned(),
            from: from?,
            default: raw.default,
            first: raw.first,
            map: raw.map,
            otherwise: raw.otherwise,
            minus,
            time: raw.time,
            zone: zone?,
            add_days: add_days.map(Box::new),
        })
    }

    pub(super) fn refuse(&self, what: impl Into<String>) -> Refusal {
        Refusal { place: self.place.clone(), what: what.into() }
    }

    /// The value as text; a time in the form of RFC 9557, with its zone.
    pub(super) fn text(&self, line: &Line) -> Result<Option<String>, Refusal> {
        if self.time.is_some() || self.add_days.is_some() {
            return Ok(self.time(line)?.map(|time| time.to_string()));
        }
        let Some(text) = self.source(line)? else { return Ok(None) };
        let Some(minus) = &self.minus else { return Ok(Some(text)) };
        let Some(minus) = line.render(minus) else { return Ok(None) };
        let difference = self.number(&text)?.checked_sub(self.number(&minus)?);
        Ok(Some(difference.ok_or_else(|| self.refuse("the difference is out of range"))?.to_string()))
    }

    /// The value as a whole number.
    pub(super) fn integer(&self, line: &Line) -> Result<Option<i32>, Refusal> {
        let Some(text) = self.text(line)? else { return Ok(None) };
        self.known(i32::try_from(self.number(&text)?), "the number is out of range").map(Some)
    }

    /// The value as a finite number.
    pub(super) fn decimal(&self, line: &Line) -> Result<Option<f64>, Refusal> {
        let Some(text) = self.text(line)? else { return Ok(None) };
        let number: Option<f64> = text.parse().ok().filter(|n: &f64| n.is_finite());
        number.map(Some).ok_or_else(|| self.refuse("not a number"))
    }

    /// The value as a moment, ms since 1970-01-01 UTC.
    pub(super) fn millis(&self, line: &Line) -> Result<Option<i64>, Refusal> {
        Ok(self.time(line)?.map(|time| time.timestamp().as_millisecond()))
    }

    fn number(&self, text: &str) -> Result<i64, Refusal> {
        self.known(text.trim().parse(), "not a whole number")
    }

    fn source(&self, line: &Line) -> Result<Option<String>, Refusal> {
        let text = line.render(&self.from).or_else(|| self.default.clone());
        let Some(mut text) = text else { return Ok(None) };
        if let Some(first) = self.first {
            text = text.chars().take(first).collect();
        }
        let Some(map) = &self.map else { return Ok(Some(text)) };
        let entry = map.get(&text).or(self.otherwise.as_ref());
        entry
            .map(|entry| Some(entry.clone()))
            .ok_or_else(|| self.refuse("its `map` has no entry for this text"))
    }

    fn time(&self, line: &Line) -> Result<Option<ZonedDateTime>, Refusal> {
        let Some(text) = self.source(line)? else { return Ok(None) };
        let time = match &self.time {
            Some(form) => self.local(form, &text)?,
            None => {
                let zoned = text.parse::<ZonedDateTime>();
                let zoned = zoned.or_else(|_| text.parse().map(|t: Timestamp| self.zoned(t)));
                self.known(zoned, "not a time with its zone; state its form by `time`")?
            }
        };
        let Some(days) = &self.add_days else { return Ok(Some(time)) };
        let Some(days) = days.integer(line)? else { return Ok(None) };
        let later = Span::new().try_days(days).and_then(|days| time.checked_add(days));
        self.known(later, "the day is out of range").map(Some)
    }

    /// A local time that occurs twice (clocks set back) is taken as the earlier; one that never occurs is refused.
    fn local(&self, form: &str, text: &str) -> Result<ZonedDateTime, Refusal> {
        let wrong = format!("not a time of the form {form}");
        let parsed = self.known(jiff::fmt::strtime::parse(form, text), &wrong)?;
        if let Ok(moment) = parsed.to_timestamp() {
            return Ok(self.zoned(moment));
        }
        let local = parsed.to_datetime().or_else(|_| parsed.to_date().map(DateTime::from));
        let ambiguous = self.zone.to_ambiguous_zoned_datetime(self.known(local, &wrong)?);
        if matches!(ambiguous.offset(), AmbiguousOffset::Gap { .. }) {
            return Err(self.refuse("clocks were set forward: this local time does not exist in its zone"));
        }
        self.known(ambiguous.earlier(), &wrong)
    }

    fn zoned(&self, moment: Timestamp) -> ZonedDateTime {
        moment.to_zoned_datetime(self.zone.clone())
    }

    /// The value, or why the line is refused: errors of parsers may quote it, ours don't.
    fn known<T, E>(&self, value: Result<T, E>, otherwise: &str) -> Result<T, Refusal> {
        value.ok().ok_or_else(|| self.refuse(otherwise))
    }
}

/// A condition as written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawCondition {
    value: toml::Value,
    /// The value is one of these texts.
    one_of: Option<BTreeSet<String>>,
    /// The value is a number within these bounds, both included.
    between: Option<[f64; 2]>,
}

/// A checked condition. A missing value fails it; with neither bound it asks only that the value is there.
pub(super) struct Condition {
    value: Expression,
    one_of: Option<BTreeSet<String>>,
    between: Option<[f64; 2]>,
}

impl Condition {
    pub(super) fn compile(raw: RawCondition, place: &str, c: &mut Compiler) -> Option<Self> {
        if raw.between.is_some_and(|[low, high]| low.is_nan() || high.is_nan() || low > high) {
            c.problem(place, "`between` needs its lower bound first");
        }
        let value = c.expression(&format!("{place}.value"), raw.value)?;
        Some(Self { value, one_of: raw.one_of, between: raw.between })
    }

    /// Whether the line meets it; `Err` when the value can't be made.
    pub(super) fn holds(&self, line: &Line) -> Result<bool, Refusal> {
        let Some(text) = self.value.text(line)? else { return Ok(false) };
        if let Some([low, high]) = self.between {
            let number = self.value.decimal(line)?.unwrap_or(f64::NAN);
            if !(low..=high).contains(&number) {
                return Ok(false);
            }
        }
        Ok(self.one_of.as_ref().is_none_or(|texts| texts.contains(&text)))
    }

    /// Refuses the line unless it meets the condition.
    pub(super) fn require(&self, line: &Line) -> Result<(), Refusal> {
        if self.holds(line)? { Ok(()) } else { Err(self.value.refuse("the line fails this check")) }
    }
}
