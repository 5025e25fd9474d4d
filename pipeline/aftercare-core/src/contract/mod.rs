//! Contracts: what follows from all facts of a patient (or of a pool) by a document, in lines, postings and measures, and
//! what of it is to be issued.
//!
//! A contract is data: constants, values, and rules whose conditions and amounts are expressions ([`lang`]). The lines of
//! a case are computed anew from its facts after each of them, never counted on, so that they do not depend on the order
//! of arrival. What is issued is the difference to what was issued: a changed line is reversed and issued again, an
//! unchanged one stays. An entry, once issued, never changes.

mod book;
mod closings;
mod document;
mod entry;
mod episode;
mod evaluate;
mod evidence;
mod facts;
mod files;
mod issue;
pub mod lang;
mod read;
mod records;
mod settlements;
mod target;

pub use book::LedgerBook;
pub use closings::{Closing, Closings};
pub use document::{ContractDocument, Subject};
pub use entry::{Entry, EntryKind, Evidence};
pub use issue::Outside;
pub use read::ROLES;
pub use settlements::{Settlement, Settlements};
