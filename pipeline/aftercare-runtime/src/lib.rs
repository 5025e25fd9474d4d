//! One event loop per partition: drives the rules of `aftercare-core` over a log.
//!
//! Read `task.rs` for the turn of the loop and `input.rs` for what happens to a record, first to last.

pub mod config;
pub mod error;
mod input;
pub mod output;
mod readings;
mod state;
pub mod stats;
pub mod task;
pub mod topics;
