//! HTTP: schema registry API, health, metrics.
//!
//! Everything here is read-only and about the process, never about a patient. Until access tokens exist it
//! listens on loopback addresses only, and answers only requests that were addressed to one.

pub mod health;
pub mod metrics;
mod registry;
mod server;

pub use server::{BODY_BYTES_MAX, DRAIN_MAX, Gateway, GatewayError, State};
