//! Against a real ClickHouse. Needs `deploy/install` to have been run.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod audit;
mod billing;
mod crash;
mod documents;
mod facts;
mod insert;
mod ledger;
mod migrate;
mod months;
mod readings;
mod report;
mod service;
mod support;
mod watch;
