//! What crosses a wire: the Avro schemas of every stream, the Rust types that read and write them,
//! and the registry of all released versions.
//!
//! - [`wire`]: one struct per stream, borrowing its text from the record's bytes.
//! - [`codec`]: bytes to struct and back, with an error that says which kind of bad a record is.
//! - [`registry`]: the released schemas, by id, GUID, subject or text.
//!
//! The schemas themselves are the files under `avro/{subject}/v{version}.avsc`; `avro/released.json`
//! lists them with their ids. A released file never changes; a change is a new version.

pub mod codec;
pub mod registry;
pub mod wire;
