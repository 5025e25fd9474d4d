//! Alerts: each rule at its edges, one alert per onset, what people and ticks do to it.
#![allow(clippy::unwrap_used, clippy::panic, clippy::cast_precision_loss, reason = "tests")]

mod desk;
mod life;
mod moments;
mod orders;
mod rules;
mod sustained;
