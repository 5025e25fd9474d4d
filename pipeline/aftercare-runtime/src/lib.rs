//! One event loop per partition: drives the rules of `aftercare-core` over a log.
//!
//! Read `task.rs` for the turn of the loop, `input.rs` for what happens to a record, first to last, and `follow.rs` for what
//! follows from it.

mod alerts;
mod backlog;
pub mod config;
mod curves;
mod decode;
pub mod error;
mod follow;
mod input;
pub mod late;
mod ledger;
pub mod output;
pub mod raw;
mod readings;
mod sessions;
mod state;
pub mod stats;
pub mod task;
pub mod topics;
mod vitals;
