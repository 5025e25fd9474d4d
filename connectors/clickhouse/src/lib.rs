//! ClickHouse: migrations, versioned inserts, coverage, audit queries.
//!
//! What this crate promises:
//!
//! - every row is the state of an id as of a version, and rows with lower versions never win, so any call may be
//!   repeated, by anyone, at any time, whole or in part;
//! - [`Store::insert`] returns [`Inserted`] only when the server has acknowledged every row, and coverage rows come from
//!   nothing else;
//! - each call ends within its limit, and its error says whose fault it is and whether to repeat it;
//! - no error text holds a secret or a value of a record.
//!
//! Nothing in here knows Kafka or medicine.

mod audit;
mod billing;
mod care_report;
mod config;
mod console;
mod coverage;
mod documents;
mod error;
mod facts;
mod ledger;
mod migrate;
mod monitor;
mod output;
mod read_back;
mod readings;
mod reconcile;
mod report;
mod service;
mod store;
mod watch;

pub use audit::{Gap, PartitionCoverage, RowCount, TableCheck, TopicTotals};
pub use billing::{BookedMonths, Measures, MonthSum, PoolKey, Settled};
pub use care_report::{AlertState, Curve, CurvePoint};
pub use config::{Config, DEFAULT_DATABASE};
pub use console::{PageView, PatientOwner};
pub use coverage::{CoverageRow, Inserted, InsertedPartitions, Run};
pub use documents::{BilledContract, DocumentEvidence, DocumentLine, DocumentLines, Reserve, Side};
pub use error::{Fault, Retry, StoreError};
pub use facts::{ClinicalEventRow, CommerceEventRow, EnrolmentRow, FactCheck, Place};
pub use ledger::{BillEntry, BillEvidence};
pub use migrate::{Difference, Report};
pub use monitor::{Judged, Monitored};
pub use output::OutputTable;
pub use readings::{LateCheck, RawCheck, RawReading, RawStanding, ReadingRow, WindowsOfLength};
pub use reconcile::{AccountSum, ContractMonth, Fate, LedgerFault, PartySum, Reconciliation};
pub use report::{DeadLetterReason, Freshness, IndexPoint, InstrumentScores, Outcomes, PatientIndices};
pub use secrecy::SecretString;
pub use service::ServiceOf;
pub use store::Store;
pub use watch::Named;
