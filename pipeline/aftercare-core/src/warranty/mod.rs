//! The warranty of a device: what follows from all facts of a patient's episodes, in lines and postings, and what of it
//! is to be issued.
//!
//! The lines of an episode are computed anew from its facts after each of them, never counted on, so that they do not
//! depend on the order of arrival. What is issued is the difference to what was issued: a changed line is reversed and
//! issued again, an unchanged one stays. An entry, once issued, never changes.

mod book;
mod closings;
mod entry;
mod episode;
mod evaluate;
mod evidence;
mod facts;
mod issue;
mod journal;
mod target;
mod therapy;

pub use book::LedgerBook;
pub use closings::{Closing, Closings};
pub use entry::{Entry, EntryKind, Evidence};
