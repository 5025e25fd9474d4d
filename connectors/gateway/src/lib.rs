//! HTTP: console, schema registry API, health, metrics.
//!
//! Without access tokens it listens on loopback addresses only, and answers only requests that were addressed to one;
//! with tokens every page but health and sign-in wants one, see [`access`].

pub mod access;
pub mod console;
pub mod health;
pub mod metrics;
mod registry;
mod server;

pub use server::{BODY_BYTES_MAX, DRAIN_MAX, Gateway, GatewayError, State};
