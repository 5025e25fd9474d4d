//! Against a real ClickHouse. Needs `deploy/install` to have been run.

mod audit;
mod crash;
mod insert;
mod migrate;
mod report;
mod support;
