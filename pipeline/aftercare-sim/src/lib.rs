//! Seeded worlds, the reference that a run is compared with, and the invariants that must hold.
//!
//! - [`world`]: patients after four treatments, as the records that their hospitals, phones, devices and clinicians send.
//!   Same settings, same bytes. It keeps the truth that no record says: who will do badly, and when.
//! - [`carers`]: what care managers do about an alert.
//! - [`measure`]: alerts against that truth: precision, recall, lead time.
//! - [`reference`]: what must come out of a set of records, computed in one batch from all of them, by other code than
//!   the pipeline's.
//! - [`actual`]: what came out, gathered from the rows.
//! - [`invariants`]: named statements about what came out, each with its violations in words.
//!
//! - [`memory_log`]: a log in memory whose interleavings and faults come from a seed.
//!
//! Nothing here reads a clock, a file or the network.

pub mod actual;
pub mod carers;
pub mod invariants;
pub mod measure;
pub mod memory_log;
pub mod reference;
pub mod rng;
pub mod world;
