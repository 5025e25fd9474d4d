//! Kafka: batch reading, transactional writing, ownership by consumer group, topics.
//!
//! Three places go below rust-rdkafka to librdkafka itself, each because the safe call is missing or slow:
//! draining a queue in batches, producing without a header list, and committing a transaction.

pub mod cluster;
pub mod drain;
mod error;
pub mod ownership;
pub mod task_log;
pub mod topics;
mod unreadable;
pub mod writer;

pub use cluster::Cluster;
pub use error::KafkaFault;
