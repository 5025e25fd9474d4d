//! One module per command.

pub(crate) mod audit;
pub(crate) mod bench;
pub(crate) mod bill;
pub(crate) mod check;
pub(crate) mod contracts;
pub(crate) mod curve;
pub(crate) mod demo;
pub(crate) mod dlq;
pub(crate) mod document;
pub(crate) mod import;
pub(crate) mod instruments;
pub(crate) mod migrate;
pub(crate) mod monitor;
pub(crate) mod score;
pub(crate) mod serve;
pub(crate) mod simulate;
