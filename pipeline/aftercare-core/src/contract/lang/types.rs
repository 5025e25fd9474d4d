//! Types and values of expressions.

use std::fmt;
use std::sync::Arc;

use super::exact::Exact;
use crate::time::Instant;
use crate::zone::date_of_day;

/// What an expression may be of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Type {
    /// True or false.
    Bool,
    /// A whole number.
    Int,
    /// An exact decimal.
    Decimal,
    /// An exact amount in minor units of the contract's currency.
    Money,
    /// A calendar day of the contract's zone.
    Date,
    /// A point in time.
    Time,
    /// Text.
    Text,
    /// A record with fields.
    Record(Arc<RecordType>),
    /// A list of anything but lists.
    List(Box<Type>),
}

/// The fields of a record, in the order of its values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordType {
    /// What the type is called: `upload`.
    pub name: Box<str>,
    /// Names and types of the fields.
    pub fields: Vec<(Box<str>, Type)>,
}

/// A value of an expression. What is absent may stand for a value of every type.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Value {
    /// Not known.
    #[default]
    Absent,
    /// True or false.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// An exact decimal.
    Decimal(Exact),
    /// An exact amount in minor units.
    Money(Exact),
    /// A calendar day, days since 1970-01-01.
    Date(i64),
    /// A point in time.
    Time(Instant),
    /// Text.
    Text(Arc<str>),
    /// A record.
    Record(Arc<Record>),
    /// A list.
    List(Arc<[Value]>),
}

/// A record: one value for each field of its type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Its type.
    pub of: Arc<RecordType>,
    /// The values, in the order of the type's fields.
    pub fields: Box<[Value]>,
}

/// Reads a type: `date`, `upload`, `list(event)`; `records` finds record types by name.
pub fn parse_type(text: &str, records: &dyn Fn(&str) -> Option<Arc<RecordType>>) -> Option<Type> {
    let text = text.trim();
    if let Some(inner) = text.strip_prefix("list(").and_then(|rest| rest.strip_suffix(')')) {
        return match parse_type(inner, records)? {
            Type::List(_) => None,
            element => Some(Type::List(Box::new(element))),
        };
    }
    let scalar = [Type::Bool, Type::Int, Type::Decimal, Type::Money, Type::Date, Type::Time, Type::Text];
    let found = scalar.into_iter().find(|scalar| scalar.word() == text);
    found.or_else(|| records(text).map(Type::Record))
}

impl Type {
    /// The type's word, of a list the word `list`.
    fn word(&self) -> &str {
        match self {
            Type::Bool => "bool",
            Type::Int => "int",
            Type::Decimal => "decimal",
            Type::Money => "money",
            Type::Date => "date",
            Type::Time => "time",
            Type::Text => "text",
            Type::Record(record) => &record.name,
            Type::List(_) => "list",
        }
    }

    /// A list of these.
    #[must_use]
    pub fn list(self) -> Type {
        Type::List(Box::new(self))
    }

    /// Whether values of it can be equal or not: everything but records and lists.
    pub(super) fn is_scalar(&self) -> bool {
        !matches!(self, Type::Record(_) | Type::List(_))
    }

    /// Whether its values stand in an order.
    pub(super) fn is_ordered(&self) -> bool {
        self.is_scalar() && *self != Type::Bool
    }

    /// Whether it is int, decimal or money.
    pub(super) fn is_number(&self) -> bool {
        matches!(self, Type::Int | Type::Decimal | Type::Money)
    }
}

impl fmt::Display for Type {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Type::List(element) => write!(formatter, "list({element})"),
            other => formatter.write_str(other.word()),
        }
    }
}

impl RecordType {
    /// A record type of these fields.
    pub fn new(name: &str, fields: impl IntoIterator<Item = (&'static str, Type)>) -> RecordType {
        let fields = fields.into_iter().map(|(field, ty)| (Box::from(field), ty)).collect();
        RecordType { name: name.into(), fields }
    }

    /// Position and type of a field.
    pub fn field(&self, name: &str) -> Option<(usize, &Type)> {
        let at = self.fields.iter().position(|(field, _)| **field == *name)?;
        self.fields.get(at).map(|(_, ty)| (at, ty))
    }
}

impl Record {
    /// The value of a field; absent where the type has none of that name.
    pub fn get(&self, name: &str) -> &Value {
        self.of.field(name).map_or(&Value::Absent, |(at, _)| self.at(at))
    }

    /// The value of the field at that position.
    pub(super) fn at(&self, position: usize) -> &Value {
        self.fields.get(position).unwrap_or(&Value::Absent)
    }
}

impl Value {
    /// Text as a value.
    pub fn text(text: &str) -> Value {
        Value::Text(Arc::from(text))
    }

    /// A list as a value.
    pub fn list(elements: impl IntoIterator<Item = Value>) -> Value {
        Value::List(elements.into_iter().collect())
    }

    /// Whether it is absent.
    pub fn is_absent(&self) -> bool {
        matches!(self, Value::Absent)
    }

    /// What is printed of it: decimals as short as they are exact, money with the `decimals` of the currency (more where
    /// it is finer than the minor unit), days as 2026-01-31. `None` for what is absent, a time, a record or a list.
    pub fn shown(&self, decimals: u32) -> Option<String> {
        match self {
            Value::Bool(value) => Some(value.to_string()),
            Value::Int(value) => Some(value.to_string()),
            Value::Decimal(value) => Some(value.to_string()),
            Value::Money(value) => Some(value.money_text(decimals)),
            Value::Date(day) => Some(date_of_day(*day).to_string()),
            Value::Text(text) => Some(text.to_string()),
            Value::Absent | Value::Time(_) | Value::Record(_) | Value::List(_) => None,
        }
    }
}
