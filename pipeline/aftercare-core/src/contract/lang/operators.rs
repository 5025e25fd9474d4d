//! What the operators compute, and of which type that is.

use std::cmp::Ordering;
use std::sync::Arc;

use super::exact::Exact;
use super::program::{Fault, LIST_MAX, TEXT_MAX};
use super::types::{Type, Value};
use crate::time::{Instant, Millis};

/// `+`, `-`, `*` and `%`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Arithmetic {
    Add,
    Subtract,
    Multiply,
    Remainder,
}

/// The comparisons.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal,
    Different,
    Less,
    AtMost,
    Greater,
    AtLeast,
}

impl Arithmetic {
    /// The sign that is written for it.
    pub(super) fn sign(self) -> &'static str {
        match self {
            Arithmetic::Add => "+",
            Arithmetic::Subtract => "-",
            Arithmetic::Multiply => "*",
            Arithmetic::Remainder => "%",
        }
    }

    /// The type of the result, where it takes these operands.
    pub(super) fn result(self, left: &Type, right: &Type) -> Option<Type> {
        use Type::{Date, Decimal, Int, Money, Text, Time};
        match (self, left, right) {
            (_, Int, Int) => Some(Int),
            (Arithmetic::Remainder, _, _) => None,
            (_, Int | Decimal, Int | Decimal) => Some(Decimal),
            (Arithmetic::Multiply, Money, Int | Decimal) | (Arithmetic::Multiply, Int | Decimal, Money) => {
                Some(Money)
            }
            (Arithmetic::Multiply, _, _) => None,
            (_, Money, Money) => Some(Money),
            (_, Date, Int) => Some(Date),
            (_, Time, Int) => Some(Time),
            (Arithmetic::Subtract, Date, Date) | (Arithmetic::Subtract, Time, Time) => Some(Int),
            (Arithmetic::Add, Text, Text) => Some(Text),
            (Arithmetic::Add, Type::List(left), Type::List(right)) if left == right => {
                Some(left.as_ref().clone().list())
            }
            _ => None,
        }
    }
}

impl Comparison {
    /// The sign that is written for it.
    pub(super) fn sign(self) -> &'static str {
        match self {
            Comparison::Equal => "==",
            Comparison::Different => "!=",
            Comparison::Less => "<",
            Comparison::AtMost => "<=",
            Comparison::Greater => ">",
            Comparison::AtLeast => ">=",
        }
    }

    /// The comparison with its sides exchanged.
    pub(super) fn turned(self) -> Comparison {
        match self {
            Comparison::Less => Comparison::Greater,
            Comparison::AtMost => Comparison::AtLeast,
            Comparison::Greater => Comparison::Less,
            Comparison::AtLeast => Comparison::AtMost,
            same => same,
        }
    }

    /// Whether it needs an order, not only equality.
    pub(super) fn needs_order(self) -> bool {
        !matches!(self, Comparison::Equal | Comparison::Different)
    }

    /// Whether it holds between two that stand in `order`.
    pub(super) fn holds(self, order: Ordering) -> bool {
        match self {
            Comparison::Equal => order.is_eq(),
            Comparison::Different => order.is_ne(),
            Comparison::Less => order.is_lt(),
            Comparison::AtMost => order.is_le(),
            Comparison::Greater => order.is_gt(),
            Comparison::AtLeast => order.is_ge(),
        }
    }

    /// The earliest day after `today` on which the comparison of the day with `day` turns out differently than today.
    pub(super) fn turns(self, today: i64, day: i64) -> Option<i64> {
        let after = day.saturating_add(1);
        let turn = match self {
            Comparison::Less | Comparison::AtLeast => day,
            Comparison::AtMost | Comparison::Greater => after,
            Comparison::Equal | Comparison::Different if today < day => day,
            Comparison::Equal | Comparison::Different => after,
        };
        (turn > today).then_some(turn)
    }
}

/// What an operation makes of two values that are there.
pub(super) fn computed(operation: Arithmetic, left: &Value, right: &Value) -> Result<Value, Fault> {
    let value = match (operation, left, right) {
        (_, Value::Int(left), Value::Int(right)) => return whole(operation, *left, *right),
        (_, Value::Int(_) | Value::Decimal(_), Value::Int(_) | Value::Decimal(_)) => {
            exactly(operation, exact_of(left)?, exact_of(right)?).map(Value::Decimal)
        }
        (_, Value::Money(_), _) | (_, _, Value::Money(_)) => {
            exactly(operation, exact_of(left)?, exact_of(right)?).map(Value::Money)
        }
        (Arithmetic::Add, Value::Date(day), Value::Int(days)) => day.checked_add(*days).map(Value::Date),
        (Arithmetic::Subtract, Value::Date(day), Value::Int(days)) => day.checked_sub(*days).map(Value::Date),
        (Arithmetic::Subtract, Value::Date(left), Value::Date(right)) => {
            left.checked_sub(*right).map(Value::Int)
        }
        (Arithmetic::Add, Value::Time(time), Value::Int(ms)) => {
            time.checked_add(Millis(*ms)).map(Value::Time)
        }
        (Arithmetic::Subtract, Value::Time(time), Value::Int(ms)) => {
            time.0.checked_sub(*ms).map(|ms| Value::Time(Instant(ms)))
        }
        (Arithmetic::Subtract, Value::Time(left), Value::Time(right)) => {
            left.0.checked_sub(right.0).map(Value::Int)
        }
        (Arithmetic::Add, Value::Text(left), Value::Text(right)) => return joined(left, right),
        (Arithmetic::Add, Value::List(left), Value::List(right)) => {
            if left.len() + right.len() > LIST_MAX {
                return Err(Fault::TooLong);
            }
            Some(Value::list(left.iter().chain(right.iter()).cloned()))
        }
        _ => return Err(Fault::Mistyped),
    };
    value.ok_or(Fault::Overflow)
}

/// How two values of one type, or an int and a decimal, stand to each other; both are there.
pub(super) fn compared(left: &Value, right: &Value) -> Result<Ordering, Fault> {
    match (left, right) {
        (Value::Int(left), Value::Int(right)) | (Value::Date(left), Value::Date(right)) => {
            Ok(left.cmp(right))
        }
        (Value::Bool(left), Value::Bool(right)) => Ok(left.cmp(right)),
        (Value::Time(left), Value::Time(right)) => Ok(left.cmp(right)),
        (Value::Text(left), Value::Text(right)) => Ok(left.cmp(right)),
        _ => Ok(exact_of(left)?.cmp(&exact_of(right)?)),
    }
}

/// An int, decimal or amount as an exact number.
pub(super) fn exact_of(value: &Value) -> Result<Exact, Fault> {
    match value {
        Value::Int(number) => Ok(Exact::whole(*number)),
        Value::Decimal(number) | Value::Money(number) => Ok(*number),
        _ => Err(Fault::Mistyped),
    }
}

fn whole(operation: Arithmetic, left: i64, right: i64) -> Result<Value, Fault> {
    let number = match operation {
        Arithmetic::Add => left.checked_add(right),
        Arithmetic::Subtract => left.checked_sub(right),
        Arithmetic::Multiply => left.checked_mul(right),
        // as div: what is left of the whole number below
        Arithmetic::Remainder if right <= 0 => return Ok(Value::Absent),
        Arithmetic::Remainder => Some(left.rem_euclid(right)),
    };
    number.map(Value::Int).ok_or(Fault::Overflow)
}

fn exactly(operation: Arithmetic, left: Exact, right: Exact) -> Option<Exact> {
    match operation {
        Arithmetic::Add => left.plus(right),
        Arithmetic::Subtract => left.minus(right),
        Arithmetic::Multiply => left.times(right),
        Arithmetic::Remainder => None,
    }
}

fn joined(left: &Arc<str>, right: &Arc<str>) -> Result<Value, Fault> {
    if left.len() + right.len() > TEXT_MAX {
        return Err(Fault::TooLong);
    }
    Ok(Value::text(&format!("{left}{right}")))
}
