//! The language of contracts: CEL's syntax, typed, exact, without side effects.
//!
//! The text is read by the parser of the crate `cel`; checking and evaluation are ours. Its interpreter is not used: it
//! knows numbers with a floating point, treats what is missing as an error, and looks names up in a tree by their text
//! each time they are read. Here every name is a slot before the first evaluation, numbers are exact, and a value may be
//! absent.
//!
//! An expression can't loop without end or grow without limit: lists are walked, never built by recursion, functions
//! don't call themselves, and an evaluation has a budget of steps ([`STEPS_MAX`]).

mod builtins;
mod calendar;
mod calls;
mod check;
mod eval;
mod exact;
mod functions;
mod meant;
mod operations;
mod operators;
mod parse;
mod program;
mod scope;
mod signature;
#[cfg(test)]
mod tests;
mod typed;
mod types;

pub use exact::{Exact, PLACES_MAX};
pub use functions::{Described, described};
pub use program::{Fault, Frame, Host, LIST_MAX, Program, STEPS_MAX, TEXT_MAX, compile, compile_as};
pub use scope::{HostFn, Mark, Scope, Slot, TODAY};
pub use types::{Record, RecordType, Type, Value, parse_type};
