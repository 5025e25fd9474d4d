//! What task 0 keeps of all patients' contributions to curves: exact counts, in entries so small that one contribution
//! rewrites little.

use std::collections::BTreeMap;

use aftercare_core::curve::{Cohort, Counts, Leaf, NotThere};
use aftercare_stream::changelog::{CorruptState, Key, Transaction};
use aftercare_stream::sequence::Version;
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
    /// The end of the last period of which there are editions; 0: there is none.
    ended: i64,
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

/// The leaves by source, and their numbers. What a source has contributed is kept apart, so that it can be taken out
/// when the source begins again.
struct Leaves {
    leaves: Table<(i32, Leaf)>,
    /// Follows from the leaves.
    numbers: BTreeMap<(i32, Leaf), u64>,
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
        let leaf = self.leaves.number(tx, counted.source, &counted.leaf);
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

    /// How many contributions wait for an edition of the period before theirs.
    pub(crate) fn ahead(&self) -> usize {
        self.ahead.len()
    }

    /// Takes a boundary. That of a period which has its editions already says nothing.
    pub(crate) fn end(&mut self, tx: &mut Transaction, source: u64, period_end: i64, sequence: u64) {
        let ended = self.sources.from(0).map(|(_, source)| source.ended).max();
        if ended.is_none_or(|ended| ended < period_end) {
            self.sources.change(tx, source, |source| source.boundaries.push((period_end, sequence)));
        }
    }

    /// The source's state was begun anew, and it contributes everything again: what it had contributed is taken out.
    pub(crate) fn restart(&mut self, tx: &mut Transaction, source: u64) {
        let own = |known: i32| u64::try_from(known).is_ok_and(|known| known == source);
        let leaves = self.leaves.leaves.from(0).filter(|(_, (known, _))| own(*known));
        let cells = leaves.flat_map(|(leaf, _)| {
            let first = leaf << (CELL_BITS + BIN_BITS);
            let cells = self.cells.from(first).map(|(id, _)| id);
            cells.take_while(move |id| id >> (CELL_BITS + BIN_BITS) == leaf)
        });
        for cell in cells.collect::<Vec<_>>() {
            self.cells.remove(tx, cell);
        }
        let ahead = self.ahead.from(0).filter(|(_, counted)| own(counted.source)).map(|(id, _)| id);
        for id in ahead.collect::<Vec<_>>() {
            self.ahead.remove(tx, id);
        }
        self.sources.change(tx, source, |source| source.boundaries.clear());
    }

    /// The end of the next period that every one of `sources` sources has ended, with the sequence of each one's
    /// boundary. Where not all are waited for, one that has not ended it is taken as far as it has come.
    pub(crate) fn ended_period(&self, sources: i32, wait_for_all: bool) -> Option<(i64, Vec<(i32, u64)>)> {
        let reached = |source: i32| {
            let state = u64::try_from(source).ok().and_then(|source| self.sources.get(source));
            match state.and_then(|state| state.boundaries.first()) {
                Some((period_end, sequence)) => Some((source, Some(*period_end), *sequence)),
                None if wait_for_all => None,
                None => Some((source, None, state.map_or(0, |state| Version(state.last_version).sequence()))),
            }
        };
        let reached: Vec<_> = (0..sources).map(reached).collect::<Option<_>>()?;
        let period_end = reached.iter().filter_map(|(_, period_end, _)| *period_end).min()?;
        Some((period_end, reached.into_iter().map(|(source, _, sequence)| (source, sequence)).collect()))
    }

    /// The counts of every procedure, by leaf and bin; of one leaf and bin there may be several.
    pub(crate) fn by_procedure(&self) -> BTreeMap<&str, Vec<(&Leaf, u16, &Counts)>> {
        let mut found: BTreeMap<&str, Vec<_>> = BTreeMap::new();
        for (id, counts) in self.cells.from(0) {
            let Some((_, leaf)) = self.leaves.leaves.get(id >> (CELL_BITS + BIN_BITS)) else { continue };
            let bin = u16::try_from(id >> CELL_BITS & ((1 << BIN_BITS) - 1)).unwrap_or(u16::MAX);
            found.entry(leaf.cohort.procedure()).or_default().push((leaf, bin, counts));
        }
        found
    }

    /// The period up to `period_end` has its edition: what was written after it, up to each source's next boundary, is
    /// counted now. Answers how many could not be taken out.
    pub(crate) fn begin_next(&mut self, tx: &mut Transaction, period_end: i64) -> u64 {
        for id in self.sources.from(0).map(|(id, _)| id).collect::<Vec<_>>() {
            self.sources.change(tx, id, |source| {
                source.boundaries.retain(|(end, _)| *end > period_end);
                source.ended = period_end;
            });
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
    fn number(&mut self, tx: &mut Transaction, source: i32, leaf: &Leaf) -> u64 {
        let key = (source, leaf.clone());
        if let Some(number) = self.numbers.get(&key) {
            return *number;
        }
        let number = self.leaves.next_id();
        self.leaves.insert(tx, number, key.clone());
        self.numbers.insert(key, number);
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
        self.numbers = self.leaves.from(0).map(|(number, key)| (key.clone(), number)).collect();
    }
}

/// The leaf that a contribution names.
pub(crate) fn leaf(cohort: Cohort, instrument: &str, plan: Option<&str>) -> Leaf {
    Leaf { cohort, instrument: instrument.into(), plan: plan.map(Box::from) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(source: i32, sequence: u64, take: bool, index_hundredths: i64) -> Contributed {
        let cohort = Cohort::new("pci-des", [Some("60-69"), None, None]).unwrap();
        let leaf = leaf(cohort, "saq-7", None);
        Contributed { source, sequence, take, leaf, bin: 2, index_hundredths }
    }

    fn boundary(cohorts: &mut Cohorts, tx: &mut Transaction, source: u64, period_end: i64, sequence: u64) {
        cohorts.sources.change(tx, source, |state| state.last_version = sequence);
        cohorts.end(tx, source, period_end, sequence);
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
        assert_eq!(cohorts.ended_period(2, true), None);
        cohorts.take(&mut tx, counted(1, 1, false, 11_000)).unwrap();
        boundary(&mut cohorts, &mut tx, 1, 100, 2);
        assert_eq!(cohorts.ended_period(2, true), Some((100, vec![(0, 2), (1, 2)])));
        assert_eq!(n(&cohorts), 2, "10,000 and 11,000");
        assert_eq!(cohorts.begin_next(&mut tx, 100), 0);
        assert_eq!(n(&cohorts), 2, "-12,345 and 11,000; 9,000 is ahead");
        assert_eq!(cohorts.ended_period(2, true), None, "the second source has not ended the next period");
        boundary(&mut cohorts, &mut tx, 1, 200, 3);
        assert_eq!(cohorts.ended_period(2, true), Some((200, vec![(0, 5), (1, 3)])));
        assert_eq!(cohorts.begin_next(&mut tx, 200), 0);
        assert_eq!(n(&cohorts), 3);
        assert_eq!(cohorts.take(&mut tx, counted(0, 7, true, 5)), Err(NotThere));
        assert_eq!(n(&cohorts), 3);
    }

    #[test]
    fn a_source_that_begins_again_has_contributed_nothing_and_ends_no_period_twice() {
        let (mut cohorts, mut tx) = (Cohorts::default(), Transaction::new());
        for source in [0, 1] {
            cohorts.take(&mut tx, counted(source, 1, false, 10_000)).unwrap();
            boundary(&mut cohorts, &mut tx, source.unsigned_abs().into(), 100, 2);
            cohorts.take(&mut tx, counted(source, 3, false, 11_000)).unwrap();
        }
        assert_eq!(cohorts.ahead(), 2);
        assert_eq!(cohorts.ended_period(2, true), Some((100, vec![(0, 2), (1, 2)])));
        cohorts.begin_next(&mut tx, 100);
        boundary(&mut cohorts, &mut tx, 1, 200, 4);
        cohorts.take(&mut tx, counted(1, 5, false, 12_000)).unwrap();
        cohorts.restart(&mut tx, 1);
        assert_eq!((n(&cohorts), cohorts.ahead()), (2, 0), "those of source 0");
        boundary(&mut cohorts, &mut tx, 1, 100, 1);
        cohorts.take(&mut tx, counted(1, 2, false, 10_000)).unwrap();
        assert_eq!((n(&cohorts), cohorts.ended_period(2, true)), (3, None), "that period has its edition");
        for (source, sequence) in [(0, 4), (1, 3)] {
            boundary(&mut cohorts, &mut tx, source, 200, sequence);
        }
        assert_eq!(cohorts.ended_period(2, true), Some((200, vec![(0, 4), (1, 3)])));
    }

    #[test]
    fn a_source_that_is_not_waited_for_is_taken_as_far_as_it_has_come() {
        let (mut cohorts, mut tx) = (Cohorts::default(), Transaction::new());
        assert_eq!(cohorts.ended_period(2, false), None, "nobody has ended a period");
        cohorts.sources.change(&mut tx, 1, |state| state.last_version = 1 << 48 | 7);
        boundary(&mut cohorts, &mut tx, 0, 100, 2);
        assert_eq!(cohorts.ended_period(2, true), None);
        assert_eq!(cohorts.ended_period(2, false), Some((100, vec![(0, 2), (1, 7)])));
        assert_eq!(cohorts.ended_period(3, false), Some((100, vec![(0, 2), (1, 7), (2, 0)])));
        cohorts.begin_next(&mut tx, 100);
        boundary(&mut cohorts, &mut tx, 1, 100, 8);
        boundary(&mut cohorts, &mut tx, 0, 200, 3);
        assert_eq!(cohorts.ended_period(2, true), None, "it has not ended the next");
    }

    #[test]
    fn a_source_that_came_later_holds_up_nothing() {
        let (mut cohorts, mut tx) = (Cohorts::default(), Transaction::new());
        for end in [100, 200] {
            boundary(&mut cohorts, &mut tx, 0, end, u64::try_from(end).unwrap());
        }
        boundary(&mut cohorts, &mut tx, 1, 200, 1);
        assert_eq!(cohorts.ended_period(2, true), Some((100, vec![(0, 100), (1, 1)])));
        cohorts.begin_next(&mut tx, 100);
        assert_eq!(cohorts.ended_period(2, true), Some((200, vec![(0, 200), (1, 1)])));
        cohorts.begin_next(&mut tx, 200);
        assert_eq!(cohorts.ended_period(2, true), None);
    }
}
