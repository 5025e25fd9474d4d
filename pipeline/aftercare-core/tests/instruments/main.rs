//! The shipped instruments against published tables and against the traps that others fell into.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "tests")]
#![allow(clippy::float_cmp, reason = "scores are exact to the bit")]

mod forms;
mod kit;
mod traps;
mod vectors;
