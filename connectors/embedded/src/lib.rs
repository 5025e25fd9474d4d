//! The real Kafka and the real ClickHouse, as child processes of this one.
//!
//! Both listen on 127.0.0.1 only, on ports that were free, and keep everything in one folder each, so that any number
//! of copies live side by side. The engines' files come from a per-user cache that `deploy/install` fills.
//!
//! What this crate promises:
//!
//! - a server that [`KafkaServer::start`] or [`ClickHouseServer::start`] returns answers on its port;
//! - a child never outlives its parent, however the parent ends (see `child.rs`);
//! - Ctrl-C at the terminal reaches the parent only, which stops the children in the order it chooses;
//! - what was confirmed before a [`KafkaServer::kill`] is there after the [`KafkaServer::restart`].
//!
//! Nothing in here knows what flows through the servers.

mod child;
mod clickhouse;
mod clickhouse_child;
mod clickhouse_config;
mod engines;
mod error;
mod folder;
mod http;
mod kafka;
mod kafka_config;
mod net;
mod random;

pub use clickhouse::{ClickHouseOptions, ClickHouseServer};
pub use clickhouse_child::{CLICKHOUSE_CHILD, clickhouse_child};
pub use clickhouse_config::DATABASE;
pub use engines::Engines;
pub use error::{EmbeddedError, Result};
pub use kafka::{KafkaOptions, KafkaServer};
