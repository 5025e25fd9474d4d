//! Compiled expressions and what they are evaluated in.

use std::fmt;
use std::sync::Arc;

use super::check::{compile_body, compile_body_as};
use super::eval::Node;
use super::scope::{HostFn, Scope, Slot};
use super::types::{Type, Value};
use crate::documents::Problem;
use crate::time::Instant;

/// Steps of one evaluation: one for each part of an expression that is evaluated, one for each element that a function
/// looks at. A second of one core at most.
pub const STEPS_MAX: u32 = 10_000_000;
/// Elements of a list that an expression makes.
pub const LIST_MAX: usize = 10_000;
/// Bytes of a text that an expression makes.
pub const TEXT_MAX: usize = 10_000;

/// A compiled expression.
#[derive(Clone, Debug)]
pub struct Program(Arc<Compiled>);

#[derive(Debug)]
struct Compiled {
    body: Body,
    source: Box<str>,
    decimals: u32,
}

/// What is evaluated, of which type, and how deeply it is nested.
#[derive(Debug)]
pub(super) struct Body {
    pub(super) node: Node,
    pub(super) ty: Type,
    pub(super) depth: usize,
}

/// Why an expression has no value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// A number is beyond the range or has too many places.
    Overflow,
    /// A list, a text or the evaluation is too long.
    TooLong,
    /// A value of the host isn't of the type that was declared: a fault of the program.
    Mistyped,
}

/// What expressions ask the host for.
pub trait Host {
    /// The answer of a declared function. No argument is absent.
    fn call(&self, function: HostFn, arguments: &[Value]) -> Value;
    /// The calendar day of a time in the contract's zone, days since 1970-01-01.
    fn day_of(&self, time: Instant) -> i64;
    /// When a calendar day begins in the contract's zone.
    fn start_of(&self, day: i64) -> Instant;
}

/// The values that expressions of one scope are evaluated with.
pub struct Frame<'h> {
    /// `None`: not set, or a value not yet asked for.
    pub(super) values: Vec<Option<Value>>,
    /// Arguments of functions and elements of lists that are being walked; `base`: where those of the body begin.
    pub(super) locals: Vec<Value>,
    pub(super) base: usize,
    pub(super) today: i64,
    pub(super) due: Option<i64>,
    pub(super) steps: u32,
    pub(super) decimals: u32,
    pub(super) host: &'h dyn Host,
}

/// Compiles an expression. Each problem has the `place` and the character, counted from 1.
pub fn compile(source: &str, scope: &Scope, place: &str) -> Result<Program, Vec<Problem>> {
    compile_body(source, scope, place, &[]).map(|body| Program::new(body, source, scope))
}

/// Compiles an expression whose value must be of the type `wanted`: an int stands for a decimal, 0 for money, null for
/// what is absent of any type.
pub fn compile_as(source: &str, scope: &Scope, place: &str, wanted: &Type) -> Result<Program, Vec<Problem>> {
    compile_body_as(source, scope, place, wanted).map(|body| Program::new(body, source, scope))
}

impl Program {
    fn new(body: Body, source: &str, scope: &Scope) -> Program {
        Program(Arc::new(Compiled { body, source: source.into(), decimals: scope.decimals() }))
    }

    /// The type of its value.
    pub fn ty(&self) -> &Type {
        &self.0.body.ty
    }

    /// The text it was compiled from.
    pub fn source(&self) -> &str {
        &self.0.source
    }

    /// Its value with the values of `frame`.
    pub fn eval(&self, frame: &mut Frame<'_>) -> Result<Value, Fault> {
        frame.locals.clear();
        frame.base = 0;
        frame.steps = STEPS_MAX;
        frame.decimals = self.0.decimals;
        self.0.body.node.eval(frame)
    }
}

impl<'h> Frame<'h> {
    /// A frame with that many slots ([`Scope::slots`]), none of them set, on the calendar day `today`.
    pub fn new(slots: usize, today: i64, host: &'h dyn Host) -> Frame<'h> {
        Frame {
            values: vec![None; slots],
            locals: Vec::new(),
            base: 0,
            today,
            due: None,
            steps: STEPS_MAX,
            decimals: 0,
            host,
        }
    }

    /// Sets a variable.
    pub fn set(&mut self, slot: Slot, value: Value) {
        if self.values.len() <= slot.0 {
            self.values.resize(slot.0 + 1, None);
        }
        if let Some(place) = self.values.get_mut(slot.0) {
            *place = Some(value);
        }
    }

    /// What a variable was set to, or what a value was computed to be; absent before.
    pub fn get(&self, slot: Slot) -> &Value {
        self.values.get(slot.0).and_then(Option::as_ref).unwrap_or(&Value::Absent)
    }

    /// A variable is not set any more; a value is computed again when it is next asked for.
    pub fn forget(&mut self, slot: Slot) {
        if let Some(place) = self.values.get_mut(slot.0) {
            *place = None;
        }
    }

    /// The calendar day of the evaluation.
    pub fn today(&self) -> i64 {
        self.today
    }

    /// The earliest day after today on which a comparison with `today` that was evaluated in this frame turns out
    /// differently, if there is one.
    pub fn due(&self) -> Option<i64> {
        self.due
    }

    /// Notes that something changes on `day`, if that is after today.
    pub fn note_due(&mut self, day: i64) {
        if day > self.today {
            self.due = Some(self.due.map_or(day, |due| due.min(day)));
        }
    }

    /// Takes `count` steps.
    pub(super) fn spend(&mut self, count: usize) -> Result<(), Fault> {
        let count = u32::try_from(count).ok();
        match count.and_then(|count| self.steps.checked_sub(count)) {
            Some(left) => {
                self.steps = left;
                Ok(())
            }
            None => Err(Fault::TooLong),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Fault::Overflow => "a number is beyond the range",
            Fault::TooLong => "a list, a text or the computation is too long",
            Fault::Mistyped => "a fact is not of the type that was declared",
        })
    }
}

impl std::error::Error for Fault {}
