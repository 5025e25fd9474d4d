//! Expressions in tables: text, and what it is.

mod absence;
mod problems;
mod properties;
mod today;
mod values;

use std::sync::Arc;

use super::{Fault, Frame, Host, HostFn, Program, Record, RecordType, Scope, Type, Value, compile};
use crate::contract::lang::Exact;
use crate::time::Instant;
use crate::zone::Zone;

/// 2026-01-31 in days since 1970-01-01.
pub(super) const TODAY_DAY: i64 = 20_484;

/// A host in Shanghai's zone that answers its one function with its argument, and with absence for 0.
struct Echo;

impl Host for Echo {
    fn call(&self, _: HostFn, arguments: &[Value]) -> Value {
        arguments.first().filter(|value| **value != Value::Int(0)).cloned().unwrap_or_default()
    }

    fn day_of(&self, time: Instant) -> i64 {
        zone().day(time)
    }

    fn start_of(&self, day: i64) -> Instant {
        zone().start_of(day)
    }
}

fn zone() -> Zone {
    Zone::named("Asia/Shanghai").unwrap()
}

fn upload_type() -> Arc<RecordType> {
    let part = Arc::new(RecordType::new("part", [("payer", Type::Text), ("amount", Type::Money)]));
    Arc::new(RecordType::new(
        "upload",
        [
            ("id", Type::Text),
            ("answered", Type::Date),
            ("index", Type::Decimal),
            ("expected", Type::Decimal),
            ("n", Type::Int),
            ("paid", Type::Money),
            ("service", Type::Bool),
            ("parts", Type::Record(part).list()),
        ],
    ))
}

fn decimal(text: &str) -> Value {
    Value::Decimal(Exact::parse(text).unwrap())
}

/// Minor units.
fn money(units: &str) -> Value {
    Value::Money(Exact::parse(units).unwrap())
}

fn dates(days: &[i64]) -> Value {
    Value::list(days.iter().copied().map(Value::Date))
}

fn ints(numbers: &[i64]) -> Value {
    Value::list(numbers.iter().copied().map(Value::Int))
}

fn upload(id: &str, answered: i64, index: Option<&str>, expected: Option<&str>, n: i64) -> Value {
    let optional = |text: Option<&str>| text.map_or(Value::Absent, decimal);
    let fields = [
        Value::text(id),
        Value::Date(answered),
        optional(index),
        optional(expected),
        Value::Int(n),
        money("8000"),
        Value::Bool(n > 1),
        Value::list([]),
    ];
    Value::Record(Arc::new(Record { of: upload_type(), fields: Box::new(fields) }))
}

/// What tests may name.
fn scope() -> (Scope, Vec<(super::Slot, Value)>) {
    let mut scope = Scope::new(2);
    scope.record_type(upload_type());
    let uploads = [
        upload("u1", TODAY_DAY - 30, Some("108"), Some("120"), 1),
        upload("u2", TODAY_DAY - 16, None, Some("120"), 2),
        upload("u3", TODAY_DAY - 2, Some("99.5"), None, 3),
    ];
    let record = Type::Record(upload_type());
    let facts: [(&str, Type, Value); 12] = [
        ("u", record.clone(), uploads[0].clone()),
        ("uploads", record.clone().list(), Value::list(uploads)),
        ("nobody", record.clone(), Value::Absent),
        ("start", Type::Date, Value::Date(TODAY_DAY - 30)),
        ("fee", Type::Money, money("8000")),
        ("rate", Type::Decimal, decimal("0.7")),
        ("slots", Type::Int, Value::Int(26)),
        ("name", Type::Text, Value::text("acme")),
        // 2026-01-31T00:30 in Shanghai
        ("at", Type::Time, Value::Time(Instant(1_769_790_600_000))),
        ("unknown", Type::Int, Value::Absent),
        ("unsure", Type::Bool, Value::Absent),
        ("gone", Type::Money.list(), Value::list([money("100"), Value::Absent])),
    ];
    let set = facts.into_iter().map(|(name, ty, value)| (scope.declare(name, ty), value)).collect();
    scope.host("echo", vec![Type::Int], Type::Int);
    scope.define("twice", vec![("n".to_owned(), Type::Int)], "n + n", "twice").unwrap();
    let ratio = vec![("of".to_owned(), record)];
    scope.define("ratio", ratio, "quotient(of.index, of.expected)", "ratio").unwrap();
    scope.value("dear", "fee * 100", "dear").unwrap();
    (scope, set)
}

fn program(text: &str) -> (Program, Scope, Vec<(super::Slot, Value)>) {
    let (scope, set) = scope();
    match compile(text, &scope, "place") {
        Ok(program) => (program, scope, set),
        Err(problems) => panic!("{text}: {problems:?}"),
    }
}

/// The value, and the day on which it may change.
fn evaluated_on(text: &str, today: i64) -> (Result<Value, Fault>, Option<i64>) {
    let (program, scope, set) = program(text);
    let mut frame = Frame::new(scope.slots(), today, &Echo);
    for (slot, value) in set {
        frame.set(slot, value);
    }
    let value = program.eval(&mut frame);
    if let Ok(value) = &value {
        assert!(is_of(value, program.ty()), "{text}: {value:?} is no {}", program.ty());
    }
    (value, frame.due())
}

fn evaluated(text: &str) -> Result<Value, Fault> {
    evaluated_on(text, TODAY_DAY).0
}

/// Whether a value is of the type that the check found.
fn is_of(value: &Value, ty: &Type) -> bool {
    match (value, ty) {
        (Value::Absent, _)
        | (Value::Bool(_), Type::Bool)
        | (Value::Int(_), Type::Int)
        | (Value::Decimal(_), Type::Decimal)
        | (Value::Money(_), Type::Money)
        | (Value::Date(_), Type::Date)
        | (Value::Time(_), Type::Time)
        | (Value::Text(_), Type::Text) => true,
        (Value::Record(record), Type::Record(of)) => record.of == *of,
        (Value::List(list), Type::List(of)) => list.iter().all(|element| is_of(element, of)),
        _ => false,
    }
}

#[track_caller]
fn expect(cases: &[(&str, Value)]) {
    for (text, wanted) in cases {
        assert_eq!(evaluated(text), Ok(wanted.clone()), "{text}");
    }
}
