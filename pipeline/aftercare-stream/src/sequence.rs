//! Gapless numbers for what a task writes, and the row version made of them.

/// Version of a row: the incarnation (which deployment of the state wrote it) above the sequence (which row of it).
/// A later row of the same id always has the greater version, so it replaces the earlier one wherever it is read.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Version(pub u64);

/// Bits of a version that hold the sequence.
pub const SEQUENCE_BITS: u32 = 48;

impl Version {
    /// Which deployment of the state wrote the row.
    #[must_use]
    pub fn incarnation(self) -> u64 {
        self.0 >> SEQUENCE_BITS
    }

    /// The row's number within its topic and partition, from 1 without a gap.
    #[must_use]
    pub fn sequence(self) -> u64 {
        self.0 & ((1 << SEQUENCE_BITS) - 1)
    }
}

/// The counter of one output topic and partition.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Sequence(pub u64);

impl Sequence {
    /// Takes the next number.
    pub fn next(&mut self, incarnation: u16) -> Version {
        self.0 += 1;
        debug_assert!(self.0 >> SEQUENCE_BITS == 0, "2^48 rows of one partition");
        Version(u64::from(incarnation) << SEQUENCE_BITS | self.0)
    }
}
