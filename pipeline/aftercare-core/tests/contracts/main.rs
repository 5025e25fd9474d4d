//! The shipped contracts, to the cent: golden figures with their arithmetic, edges, late, amended and withdrawn facts.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod capitation;
mod outcome;
mod package;
mod prepaid;
mod shared;
mod shares;
mod stage;
mod told;
mod transplant;
mod transplant_steps;
mod world;
