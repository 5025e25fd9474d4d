//! The warranty ledger, to the cent: golden cases with their arithmetic, edges, changes after a closing, any order.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod changes;
mod cover;
mod journal;
mod orders;
mod slots;
mod therapy;
mod world;
