//! What task 0 keeps of all patients' contributions to curves: exact counts, in entries so small that one contribution
//! rewrites little.

use std::collections::BTreeMap;

use aftercare_core::curve::{Cohort, Counts, Leaf, NotThere};
use aftercare_stream::changelog::{CorruptState, Key, Transaction};
use serde::{Deserialize, Serialize};

use super::COHORTS;
use super::books::Shelf;
use super::table::Table;

/// Indices that share an entry: ten points.
const CELL_HUNDREDTHS: i64 = 1_000;
const CELL_BITS: u32 = 24;
const BIN_BITS: u32 = 16;

/// One contribution, with the sequence that its source gave it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Contributed {
    pub(crate) source: i32,
    pub(crate) sequence: u64,
    pub(crate) take: bool,
    pub(crate) leaf: Leaf,
    pub(crate) bin: u16,
    pub(crate) index_hundredths: i64,
}

/// How far a source partition has come.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct SourceState {
    /// The version of its last record.
    pub(crate) last_version: u64,
    /// Its boundaries whose periods have no edition yet: the period's end, the boundary's sequence.
    pub(crate) boundaries: Vec<(i64, u64)>,
}

/// All counts.
pub(crate) struct Cohorts {
    /// By partition.
    pub(crate) sources: Table<SourceState>,
    /// What was written after a boundary whose period has no edition yet, in order.
    ahead: Table<Contributed>,
    leaves: Leaves,
    /// By leaf, bin and range of indices.
    cells: Table<Counts>,
}

/// The leaves, and their numbers.
struct Leaves {
    leaves: Table<Leaf>,
    /// Follows from the leaves.
    numbers: BTreeMap<Leaf, u64>,
}

impl Default for Cohorts {
    fn default() -> Self {
        let leaves = Table::new(COHORTS[2], "leaf of a cohort");
        Self {
            sources: Table::new(COHORTS[0], "source of contributions"),
            ahead: Table::new(COHORTS[1], "contribution"),
            leaves: Leaves { leaves, numbers: BTreeMap::new() },
            cells: Table::new(COHORTS[3], "counts"),
        }
    }
}

impl Cohorts {
    pub(crate) fn shelves(&self) -> [&dyn Shelf; 4] {
        [&self.sources, &self.ahead, &self.leaves, &self.cells]
    }

    pub(crate) fn shelves_mut(&mut self) -> [&mut dyn Shelf; 4] {
        [&mut self.sources, &mut self.ahead, &mut self.leaves, &mut self.cells]
    }

    /// Counts a contribution, or keeps it for the period after the edition that its source waits for.
    pub(crate) fn take(&mut self, tx: &mut Transaction, counted: Contributed) -> Result<(), NotThere> {
        let source = u64::try_from(counted.source).unwrap_or(u64::MAX);
        if self.sources.get(source).is_some_and(|source| !source.boundaries.is_empty()) {
            let id = self.ahead.next_id();
            self.ahead.insert(tx, id, counted);
            return Ok(());
        }
        self.count(tx, &counted)
    }

    fn count(&mut self, tx: &mut Transaction, counted: &Contributed) -> Result<(), NotThere> {
        let leaf = self.leaves.number(tx, &counted.leaf);
        let range = counted.index_hundredths.div_euclid(CELL_HUNDREDTHS) + (1 << (CELL_BITS - 1));
        let range = u64::try_from(range).unwrap_or(0) & ((1 << CELL_BITS) - 1);
        let id = (leaf << BIN_BITS | u64::from(counted.bin)) << CELL_BITS | range;
        if !counted.take {
            self.cells.change(tx, id, |cell| cell.add(counted.index_hundredths));
            return Ok(());
        }
        if self.cells.get(id).is_none() {
            return Err(NotThere);
        }
        let is_empty = self.cells.change(tx, id, |cell| {
            cell.take(counted.index_hundredths)?;
            Ok(cell.is_empty())
        })?;
        if is_empty {
            self.cells.remove(tx, id);
        }
        Ok(())
    }

    /// The end of the next period that every one of `sources` sources has ended, with the sequence of each one's
    /// boundary.
    pub(crate) fn ended_period(&self, sources: i32) -> Option<(i64, Vec<(i32, u64)>)> {
        let firsts = (0..sources).map(|source| {
            let state = self.sources.get(u64::try_from(source).ok()?)?;
            state.boundaries.first().map(|(period_end, sequence)| (source, *period_end, *sequence))
        });
        let firsts: Option<Vec<_>> = firsts.collect();
        let firsts = firsts?;
        let period_end = firsts.iter().map(|(_, period_end, _)| *period_end).min()?;
        Some((period_end, firsts.into_iter().map(|(source, _, sequence)| (source, sequence)).collect()))
    }

    /// The counts of every procedure, by leaf and bin; of one leaf and bin there may be several.
    pub(crate) fn by_procedure(&self) -> BTreeMap<&str, Vec<(&Leaf, u16, &Counts)>> {
        let mut found: BTreeMap<&str, Vec<_>> = BTreeMap::new();
        for (id, counts) in self.cells.from(0) {
            let Some(leaf) = self.leaves.leaves.get(id >> (CELL_BITS + BIN_BITS)) else { continue };
            let bin = u16::try_from(id >> CELL_BITS & ((1 << BIN_BITS) - 1)).unwrap_or(u16::MAX);
            found.entry(leaf.cohort.procedure()).or_default().push((leaf, bin, counts));
        }
        found
    }

    /// The period up to `period_end` has its edition: what was written after it, up to each source's next boundary, is
    /// counted now. Answers how many could not be taken out.
    pub(crate) fn begin_next(&mut self, tx: &mut Transaction, period_end: i64) -> u64 {
        let waiting: Vec<u64> = self
            .sources
            .from(0)
            .filter(|(_, source)| source.boundaries.first().is_some_and(|(end, _)| *end <= period_end))
            .map(|(id, _)| id)
            .collect();
        for id in waiting {
            self.sources.change(tx, id, |source| source.boundaries.retain(|(end, _)| *end > period_end));
        }
        let free = |counted: &Contributed| {
            let source = u64::try_from(counted.source).ok().and_then(|source| self.sources.get(source));
            let next = source.and_then(|source| source.boundaries.first());
            next.is_none_or(|(_, sequence)| counted.sequence < *sequence)
        };
        let free: Vec<u64> =
            self.ahead.from(0).filter(|(_, counted)| free(counted)).map(|(id, _)| id).collect();
        let mut not_there = 0;
        for id in free {
            if let Some(counted) = self.ahead.remove(tx, id) {
                not_there += u64::from(self.count(tx, &counted).is_err());
            }
        }
        not_there
    }
}

impl Leaves {
    fn number(&mut self, tx: &mut Transaction, leaf: &Leaf) -> u64 {
        if let Some(number) = self.numbers.get(leaf) {
            return *number;
        }
        let number = self.leaves.next_id();
        self.leaves.insert(tx, number, leaf.clone());
        self.numbers.insert(leaf.clone(), number);
        number
    }
}

impl Shelf for Leaves {
    fn table(&self) -> u8 {
        self.leaves.table()
    }

    fn encode(&self, id: u64, out: &mut Vec<u8>) -> bool {
        self.leaves.encode(id, out)
    }

    fn apply(&mut self, id: u64, value: Option<&[u8]>) -> Result<(), CorruptState> {
        self.leaves.apply(id, value)
    }

    fn next(&self, from: u64) -> Option<Key> {
        self.leaves.next(from)
    }

    fn reschedule(&mut self) {
        self.numbers = self.leaves.from(0).map(|(number, leaf)| (leaf.clone(), number)).collect();
    }
}

/// The leaf that a contribution names.
pub(crate) fn leaf(
    procedure: &str,
    characteristics: [Option<&str>; 3],
    instrument: &str,
    plan: Option<&str>,
) -> Option<Leaf> {
    let cohort = Cohort::new(procedure, characteristics)?;
    Some(Leaf { cohort, instrument: instrument.into(), plan: plan.map(Box::from) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(source: i32, sequence: u64, take: bool, index_hundredths: i64) -> Contributed {
        let leaf = leaf("pci-des", [Some("60-69"), None, None], "saq-7", None).unwrap();
        Contributed { source, sequence, take, leaf, bin: 2, index_hundredths }
    }

    fn boundary(cohorts: &mut Cohorts, tx: &mut Transaction, source: u64, period_end: i64, sequence: u64) {
        cohorts.sources.change(tx, source, |state| state.boundaries.push((period_end, sequence)));
    }

    fn n(cohorts: &Cohorts) -> i128 {
        let by_procedure = cohorts.by_procedure();
        by_procedure.values().flatten().map(|(_, _, counts)| counts.moments().n).sum()
    }

    #[test]
    fn an_edition_waits_for_every_source_and_holds_what_precedes_the_boundaries() {
        let (mut cohorts, mut tx) = (Cohorts::default(), Transaction::new());
        cohorts.take(&mut tx, counted(0, 1, false, 10_000)).unwrap();
        boundary(&mut cohorts, &mut tx, 0, 100, 2);
        cohorts.take(&mut tx, counted(0, 3, true, 10_000)).unwrap();
        cohorts.take(&mut tx, counted(0, 4, false, -12_345)).unwrap();
        boundary(&mut cohorts, &mut tx, 0, 200, 5);
        cohorts.take(&mut tx, counted(0, 6, false, 9_000)).unwrap();
        assert_eq!(cohorts.ended_period(2), None);
        cohorts.take(&mut tx, counted(1, 1, false, 11_000)).unwrap();
        boundary(&mut cohorts, &mut tx, 1, 100, 2);
        assert_eq!(cohorts.ended_period(2), Some((100, vec![(0, 2), (1, 2)])));
        assert_eq!(n(&cohorts), 2, "10,000 and 11,000");
        assert_eq!(cohorts.begin_next(&mut tx, 100), 0);
        assert_eq!(n(&cohorts), 2, "-12,345 and 11,000; 9,000 is ahead");
        assert_eq!(cohorts.ended_period(2), None, "the second source has not ended the next period");
        boundary(&mut cohorts, &mut tx, 1, 200, 3);
        assert_eq!(cohorts.ended_period(2), Some((200, vec![(0, 5), (1, 3)])));
        assert_eq!(cohorts.begin_next(&mut tx, 200), 0);
        assert_eq!(n(&cohorts), 3);
        assert_eq!(cohorts.take(&mut tx, counted(0, 7, true, 5)), Err(NotThere));
        assert_eq!(n(&cohorts), 3);
    }

    #[test]
    fn a_source_that_came_later_holds_up_nothing() {
        let (mut cohorts, mut tx) = (Cohorts::default(), Transaction::new());
        for end in [100, 200] {
            boundary(&mut cohorts, &mut tx, 0, end, u64::try_from(end).unwrap());
        }
        boundary(&mut cohorts, &mut tx, 1, 200, 1);
        assert_eq!(cohorts.ended_period(2), Some((100, vec![(0, 100), (1, 1)])));
        cohorts.begin_next(&mut tx, 100);
        assert_eq!(cohorts.ended_period(2), Some((200, vec![(0, 200), (1, 1)])));
        cohorts.begin_next(&mut tx, 200);
        assert_eq!(cohorts.ended_period(2), None);
    }
}
