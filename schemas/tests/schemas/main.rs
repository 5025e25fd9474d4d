//! The schemas and their codec, held to their rules and to apache-avro, the authority.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod authority;
mod compatibility;
mod examples;
mod hostile;
mod registry;
mod released;
mod round_trip;
mod support;
