//! Kafka: batch consumer, transactional producer, ownership by group, topics.
