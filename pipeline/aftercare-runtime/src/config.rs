//! What a task is told when it starts.

use aftercare_stream::changelog::RoundPolicy;

/// Where ticks come from.
#[derive(Clone, Copy, Debug)]
pub enum Ticks {
    /// The task writes the wall clock's time, ms since 1970 UTC, to its control partition, every `every_ms`.
    Wall {
        /// Milliseconds between two ticks.
        every_ms: i64,
    },
    /// A simulation or a replay writes them; the task writes none and waits for the first.
    External,
}

/// The limits of one task. Each has a name that its metric carries, and a behaviour when it is hit.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// How far ahead of the tick an event may lie and still count at once.
    pub future_ms_max: i64,
    /// How long a record from further ahead waits, by tick, before it is dead-lettered as `far_future`.
    pub future_wait_ms_max: i64,
    /// How long an upload waits for its enrolment, by tick, before it is dead-lettered as `unknown_patient`.
    pub hold_ms_max: i64,
    /// How many records may wait; one more is dead-lettered at once.
    pub held_records_max: usize,
    /// How many bytes of records may wait; more is dead-lettered at once.
    pub held_bytes_max: u64,
    /// The largest input record; a larger one is dead-lettered unread.
    pub record_bytes_max: usize,
    /// The largest record that a dead letter carries. Of a larger one it only says where it is: the input topic has it.
    pub dead_letter_bytes_max: usize,
    /// How many bytes the texts of one record that the state keeps (ids, names, codes) may have; with more, the record
    /// is dead-lettered. It keeps a patient's state far below the largest record of the changelog.
    pub text_bytes_max: usize,
    /// How long a change of a 5-minute window may wait, by tick, until the rows of its hour and day say it too.
    pub long_windows_ms: i64,
    /// How many windows and counts that changed are issued between two polls. The rest waits for the next ones.
    pub issued_per_turn_max: usize,
    /// How long before its newest session a clinician's session may have begun and still be taken; one from further
    /// back is dead-lettered as `session_too_old`. So long sessions are remembered, so that copies are known: as long as
    /// the inputs are kept, since in a backlog a record that was sent on comes after all others.
    pub session_age_ms_max: i64,
    /// How many contributions to curves may wait until every task has ended a month. With one more, the month's editions
    /// are published without waiting: what an absent task contributes from then on belongs to the next ones.
    pub contributions_ahead_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            future_ms_max: 10 * 60_000,
            future_wait_ms_max: 60 * 60_000,
            hold_ms_max: 7 * 86_400_000,
            held_records_max: 10_000,
            held_bytes_max: 256 << 20,
            record_bytes_max: 16 << 20,
            dead_letter_bytes_max: 20 << 20,
            text_bytes_max: 4 << 10,
            session_age_ms_max: 400 * 86_400_000,
            contributions_ahead_max: 1_000_000,
            long_windows_ms: 5 * 60_000,
            issued_per_turn_max: 256,
        }
    }
}

/// Everything a task is told.
#[derive(Clone, Debug)]
pub struct TaskConfig {
    /// Its partition.
    pub partition: i32,
    /// How many partitions the patient-keyed topics have.
    pub partitions: i32,
    /// Which deployment of the state this is, for a state that begins empty.
    pub incarnation: u16,
    /// Where ticks come from.
    pub ticks: Ticks,
    /// Limits.
    pub limits: Limits,
    /// While there is a backlog, a transaction stays open this long.
    pub commit_ms_busy: i64,
    /// Once the task has caught up, a transaction ends when it was open this long ...
    pub commit_ms_min: i64,
    /// ... or at once if it took no more records than this. A poll that brings no more means: caught up.
    pub commit_records_small: usize,
    /// With wall ticks: when none of its own ticks has come back for this long, the task begins to read anew.
    pub stall_ms_max: i64,
    /// How long one poll waits for input.
    pub poll_ms: u64,
    /// Size of one changelog record.
    pub changelog_record_bytes: usize,
    /// When the state is written again, so that the changelog can be cut.
    pub rounds: RoundPolicy,
}

impl TaskConfig {
    /// The defaults for task `partition` of `partitions`.
    #[must_use]
    pub fn new(partition: i32, partitions: i32) -> Self {
        Self {
            partition,
            partitions,
            incarnation: 1,
            ticks: Ticks::Wall { every_ms: 1_000 },
            limits: Limits::default(),
            commit_ms_busy: 100,
            commit_ms_min: 10,
            commit_records_small: 200,
            stall_ms_max: 20_000,
            poll_ms: 20,
            changelog_record_bytes: 256 << 10,
            rounds: RoundPolicy::default(),
        }
    }
}
