//! Clinical rules of Aftercare, pure: instruments, index, windows, facts of a patient.
//!
//! Nothing here reads a clock, a random number, a file or the network, and no result depends on the order of a
//! hash table or on the platform's mathematics: the same facts give the same bits everywhere.

pub mod alert;
pub mod clinician;
pub mod contract;
pub mod curve;
pub mod documents;
pub mod facts;
pub mod index;
pub mod metric;
pub mod money;
pub mod monitor;
pub mod month;
pub mod patient;
pub mod reason;
pub mod rolling;
pub mod score;
pub mod time;
mod unit;
pub mod vital;
pub mod window;
pub mod zone;
