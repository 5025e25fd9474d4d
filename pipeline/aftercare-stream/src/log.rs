//! The port between a task and its log: what a task needs of a broker, and nothing else.
//!
//! Duties of an implementation:
//! - `take_over` fences every earlier owner and settles its open transaction before it returns;
//! - reads see committed records only, each partition in its own order;
//! - what is sent between two commits becomes visible together with the positions, or not at all;
//! - a commit without an answer is asked again until it has one: `Ok` means committed, `Err` means aborted or fenced.

use std::time::Duration;

use crate::position::{Offset, Positions, ResumeAt, TopicId};

/// One record as it lies in the log. Borrowed: the batch owns the bytes.
#[derive(Clone, Copy, Debug)]
pub struct RecordRef<'a> {
    /// Which topic.
    pub topic: TopicId,
    /// Where in the task's partition of it.
    pub offset: Offset,
    /// The broker's or producer's timestamp, ms since 1970 UTC; provenance and latency only, never a rule's input.
    pub produced_at: i64,
    /// The record's key.
    pub key: Option<&'a [u8]>,
    /// The record's value; `None` is a tombstone.
    pub value: Option<&'a [u8]>,
}

/// A header of a record.
pub type Header<'a> = (&'a str, &'a [u8]);

/// Records that nobody can read, because the batch in which they lie can't be decompressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unreadable {
    /// Which topic.
    pub topic: TopicId,
    /// The first of them.
    pub from: Offset,
    /// Where reading goes on.
    pub until: ResumeAt,
}

/// What one poll brought.
pub trait Batch {
    /// How many records.
    fn len(&self) -> usize;
    /// The i-th record, in log order per topic.
    fn get(&self, i: usize) -> RecordRef<'_>;
    /// Headers of the i-th record; parsed only when asked for.
    fn headers(&self, i: usize) -> Vec<(String, Vec<u8>)>;
    /// The value of one header of the i-th record, if the record has headers at all. Must be cheap for records without.
    fn header(&self, i: usize, name: &str) -> Option<Vec<u8>>;
    /// What was passed over behind its records.
    fn unreadable(&self) -> &[Unreadable] {
        &[]
    }
    /// Whether it brought nothing.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A record to write in the open transaction.
#[derive(Clone, Copy, Debug)]
pub struct Outgoing<'a> {
    /// Which topic.
    pub topic: TopicId,
    /// Which partition of it.
    pub partition: i32,
    /// The key, if any.
    pub key: Option<&'a [u8]>,
    /// The value.
    pub value: Option<&'a [u8]>,
    /// Headers, in order.
    pub headers: &'a [Header<'a>],
}

/// Why the log did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The transaction was aborted or has to be: roll the state back, read the inputs again.
    #[error("the transaction was aborted: {0}")]
    Aborted(String),
    /// Another owner took over: drop the task, its successor goes on from the last commit.
    #[error("another owner took over this partition: {0}")]
    Fenced(String),
    /// The broker can't be reached or refuses for now: the same call may succeed later.
    #[error("the broker is unavailable: {0}")]
    Unavailable(String),
    /// The client can't go on: start it anew, and if it comes again a person must look.
    #[error("the log client failed: {0}")]
    Fatal(String),
}

/// The log of one task.
pub trait TaskLog {
    /// What `poll` returns.
    type Batch: Batch;

    /// Fences predecessors and settles their transactions.
    ///
    /// # Errors
    /// `Unavailable` or `Fatal`.
    fn take_over(&mut self) -> Result<(), LogError>;

    /// Hands every record of the task's changelog to `each`, first to last.
    ///
    /// # Errors
    /// When the log can't be read to its end.
    fn read_changelog(&mut self, each: &mut dyn FnMut(&[u8])) -> Result<(), LogError>;

    /// Hands every record of the broadcast topic before `until` (its end, if `None`) to `each`; returns where it stopped.
    ///
    /// # Errors
    /// When the log can't be read that far.
    fn read_broadcast(
        &mut self,
        topic: TopicId,
        until: Option<ResumeAt>,
        each: &mut dyn FnMut(RecordRef<'_>),
    ) -> Result<ResumeAt, LogError>;

    /// Begins (or begins again) to read exactly these topics from exactly these positions.
    ///
    /// # Errors
    /// `Unavailable` or `Fatal`.
    fn resume(&mut self, from: &Positions) -> Result<(), LogError>;

    /// Waits at most `wait` for records.
    ///
    /// # Errors
    /// `Unavailable` or `Fatal`; never for a bad record.
    fn poll(&mut self, wait: Duration) -> Result<Self::Batch, LogError>;

    /// Writes one record in the open transaction; opens one if none is.
    ///
    /// # Errors
    /// Any; the transaction is then to be aborted.
    fn send(&mut self, record: &Outgoing<'_>) -> Result<(), LogError>;

    /// Commits what was sent together with `positions`.
    ///
    /// # Errors
    /// `Aborted` when nothing of it happened; `Fenced` when another owner is there.
    fn commit(&mut self, positions: &Positions) -> Result<(), LogError>;

    /// Aborts the open transaction, if one is open.
    ///
    /// # Errors
    /// `Fenced` or `Fatal`.
    fn abort(&mut self) -> Result<(), LogError>;

    /// The end of the task's changelog.
    ///
    /// # Errors
    /// `Unavailable`.
    fn changelog_end(&mut self) -> Result<Offset, LogError>;

    /// Lets go of the changelog before `before`. Only space depends on it, so a failure may be ignored after a warning.
    ///
    /// # Errors
    /// `Unavailable`.
    fn truncate_changelog(&mut self, before: Offset) -> Result<(), LogError>;
}
