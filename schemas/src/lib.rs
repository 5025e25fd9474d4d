//! Avro schemas, wire types, ClickHouse tables.
