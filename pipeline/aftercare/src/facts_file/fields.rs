//! Reading the fields of an object so that every problem is listed with its place, and no value is ever repeated.

use std::hash::{DefaultHasher, Hash, Hasher};

use aftercare_core::time::Instant;
use aftercare_core::zone::{Zone, day_of_date};

use super::json::{Json, Object};

/// What is wrong with a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    /// The line, from 1.
    pub(crate) line: u32,
    /// Its field, such as `payers[1].amount_minor`; empty for the whole line.
    pub(crate) field: String,
    /// The rest of a sentence that begins with the field.
    pub(crate) message: String,
}

/// Problems of one line as they are found: field and message.
pub(super) type Found = Vec<(String, String)>;

/// The longest name of a field that is repeated in a message: longer ones are no names.
const NAME_MAX: usize = 40;

/// An object that is being read. Fields that nobody asked for are problems.
pub(super) struct Fields<'p, 'f, 'a> {
    object: &'f Object<'a>,
    zone: &'p Zone,
    place: String,
    /// By position: it was asked for. Further fields than these are unknown anyway.
    asked: u64,
    found: &'p mut Found,
    /// How many problems there were before.
    before: usize,
}

impl<'p, 'f, 'a> Fields<'p, 'f, 'a> {
    pub(super) fn new(object: &'f Object<'a>, zone: &'p Zone, found: &'p mut Found) -> Fields<'p, 'f, 'a> {
        let before = found.len();
        Fields { object, zone, place: String::new(), asked: 0, found, before }
    }

    /// Says what is wrong with a field, or with the whole line where it has no name.
    pub(super) fn wrong(&mut self, field: &str, message: impl Into<String>) {
        self.found.push((format!("{}{field}", self.place), message.into()));
    }

    /// The value of a field; `None` where it is absent or null.
    fn ask(&mut self, name: &str) -> Option<&'f Json<'a>> {
        let at = self.object.iter().position(|(known, _)| known.0 == name)?;
        self.asked |= u32::try_from(at).ok().and_then(|at| 1_u64.checked_shl(at)).unwrap_or(0);
        let (_, value) = self.object.get(at)?;
        (*value != Json::Null).then_some(value)
    }

    fn read<T>(&mut self, name: &str, what: &str, read: impl Fn(&'f Json<'a>) -> Option<T>) -> Option<T> {
        let value = read(self.ask(name)?);
        if value.is_none() {
            self.wrong(name, what);
        }
        value
    }

    /// Says so where a value that is needed is missing; what is wrong otherwise was said before. There is nothing to be
    /// read further then, but for what else is wrong with the line.
    pub(super) fn needed<T: Default>(&mut self, name: &str, value: Option<T>) -> T {
        if value.is_none() && self.ask(name).is_none() {
            self.wrong(name, "is missing");
        }
        value.unwrap_or_default()
    }

    pub(super) fn needed_text(&mut self, name: &str) -> &'f str {
        let text = self.text(name);
        self.needed(name, text)
    }

    pub(super) fn needed_time(&mut self, name: &str) -> Instant {
        let time = self.time(name);
        self.needed(name, time)
    }

    pub(super) fn text(&mut self, name: &str) -> Option<&'f str> {
        self.read(name, "is no text, or an empty one", |value| match value {
            Json::Text(text) if !text.is_empty() => Some(&**text),
            _ => None,
        })
    }

    pub(super) fn bool(&mut self, name: &str) -> Option<bool> {
        self.read(name, "is neither true nor false", |value| match value {
            Json::Bool(value) => Some(*value),
            _ => None,
        })
    }

    pub(super) fn long(&mut self, name: &str) -> Option<i64> {
        self.read(name, "is no whole number", |value| match value {
            Json::Int(value) => Some(*value),
            _ => None,
        })
    }

    pub(super) fn int(&mut self, name: &str) -> Option<i32> {
        self.read(name, "is no whole number of at most nine digits", |value| match value {
            Json::Int(value) => i32::try_from(*value).ok(),
            _ => None,
        })
    }

    /// How many; not negative.
    pub(super) fn count(&mut self, name: &str) -> Option<u32> {
        self.read(name, "is no count", |value| match value {
            Json::Int(value) => u32::try_from(*value).ok(),
            _ => None,
        })
    }

    #[allow(clippy::cast_precision_loss, reason = "checked to be exact")]
    pub(super) fn number(&mut self, name: &str) -> Option<f64> {
        self.read(name, "is no number", |value| match value {
            Json::Number(value) => Some(*value),
            Json::Int(value) if value.unsigned_abs() <= 1 << 53 => Some(*value as f64),
            _ => None,
        })
    }

    /// A moment: RFC 3339 with an offset, ms since 1970, or a date, whose day begins in the contract's zone.
    pub(super) fn time(&mut self, name: &str) -> Option<Instant> {
        let zone = self.zone;
        let what = "is no time: one is 2026-01-05T09:00:00+08:00, 2026-01-05, or ms since 1970";
        self.read(name, what, |value| match value {
            Json::Int(ms) => Some(Instant(*ms)),
            Json::Text(text) => moment(text, zone),
            _ => None,
        })
    }

    /// One of `all`, by its word.
    pub(super) fn word<T: Copy>(
        &mut self,
        name: &str,
        all: &[T],
        word: impl Fn(T) -> &'static str,
    ) -> Option<T> {
        let text = self.text(name)?;
        let known = all.iter().copied().find(|one| word(*one) == text);
        if known.is_none() {
            let all: Vec<&str> = all.iter().map(|one| word(*one)).collect();
            self.wrong(name, format!("is none of {}", all.join(", ")));
        }
        known
    }

    pub(super) fn has(&mut self, name: &str) -> bool {
        self.ask(name).is_some()
    }

    /// Each text of a list; `None` where there is no list.
    pub(super) fn texts(&mut self, name: &str) -> Option<Vec<&'f str>> {
        self.read(name, "is no list of texts", |value| match value {
            Json::List(values) => values
                .iter()
                .map(|value| match value {
                    Json::Text(text) => Some(&**text),
                    _ => None,
                })
                .collect(),
            _ => None,
        })
    }

    /// What `read` makes of each object of a list; empty where there is none.
    pub(super) fn objects<T>(&mut self, name: &str, read: impl Fn(&mut Fields<'_, 'f, 'a>) -> T) -> Vec<T> {
        let Some(list) = self.read(name, "is no list", |value| match value {
            Json::List(values) => Some(values),
            _ => None,
        }) else {
            return Vec::new();
        };
        let mut all = Vec::with_capacity(list.len());
        for (at, value) in list.iter().enumerate() {
            let place = format!("{}{name}[{}]", self.place, at + 1);
            let Json::Object(object) = value else {
                self.found.push((place, "is no object".to_owned()));
                continue;
            };
            let place = format!("{place}.");
            let before = self.found.len();
            let mut fields =
                Fields { object, zone: self.zone, place, asked: 0, found: &mut *self.found, before };
            all.push(read(&mut fields));
            fields.finish();
        }
        all
    }

    /// Whether nothing is wrong so far.
    pub(super) fn is_sound(&self) -> bool {
        self.found.len() == self.before
    }

    /// Says which fields nobody asked for, and which are there twice. Answers whether all is sound.
    pub(super) fn finish(mut self) -> bool {
        for (at, (name, _)) in self.object.iter().enumerate() {
            let name = &*name.0;
            let asked =
                u32::try_from(at).ok().and_then(|at| self.asked.checked_shr(at)).unwrap_or(0) & 1 == 1;
            if asked {
                continue;
            }
            let first = self.object.iter().position(|(known, _)| known.0 == name);
            let message = if first == Some(at) { "is not known here" } else { "is there twice" };
            let is_name = name.len() <= NAME_MAX
                && name
                    .bytes()
                    .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
            let shown = if is_name { name.to_owned() } else { format!("field {}", at + 1) };
            self.wrong(&shown, message);
        }
        self.is_sound()
    }
}

/// A moment as text: RFC 3339, or the day that begins then.
pub(crate) fn moment(text: &str, zone: &Zone) -> Option<Instant> {
    if let Ok(at) = text.parse::<jiff::Timestamp>() {
        return Some(Instant(at.as_millisecond()));
    }
    day(text).map(|day| zone.start_of(day))
}

/// A date such as 2026-01-05, as days since 1970-01-01.
pub(crate) fn day(text: &str) -> Option<i64> {
    let is_date = text.len() == 10;
    is_date.then(|| text.parse::<jiff::civil::Date>().ok()).flatten().map(day_of_date)
}

/// A digest of what a record says beside its arrival, to tell a copy from a conflict.
pub(super) fn digest(object: &Object<'_>) -> u64 {
    let mut hasher = DefaultHasher::new();
    write(object, true, &mut hasher);
    hasher.finish()
}

/// By name, whatever the order in which the fields were written.
fn write(object: &Object<'_>, outermost: bool, hasher: &mut DefaultHasher) {
    let said = |(name, value): &&(super::json::Text<'_>, Json<'_>)| {
        *value != Json::Null && !(outermost && name.0 == "stored_at")
    };
    let mut fields: Vec<_> = object.iter().filter(said).collect();
    fields.sort_by(|(one, _), (other, _)| one.0.cmp(&other.0));
    fields.len().hash(hasher);
    for (name, value) in fields {
        name.0.hash(hasher);
        write_value(value, hasher);
    }
}

fn write_value(value: &Json<'_>, hasher: &mut DefaultHasher) {
    std::mem::discriminant(value).hash(hasher);
    match value {
        Json::Null => {}
        Json::Bool(value) => value.hash(hasher),
        Json::Int(value) => value.hash(hasher),
        Json::Number(value) => value.to_bits().hash(hasher),
        Json::Text(value) => value.hash(hasher),
        Json::List(values) => {
            values.len().hash(hasher);
            values.iter().for_each(|value| write_value(value, hasher));
        }
        Json::Object(object) => write(object, false, hasher),
    }
}
