//! What was read and is not yet told to everybody, and how far the position may move.

use std::collections::BTreeMap;

/// By partition: where reading goes on, and what is open before it.
#[derive(Debug, Default)]
pub(super) struct Pending {
    partitions: BTreeMap<i32, Partition>,
}

#[derive(Debug)]
struct Partition {
    /// Behind the last record read.
    next: i64,
    /// What the group knows.
    moved: i64,
    /// By offset: (deliveries not ended, when the record was written, ms since 1970 UTC).
    open: BTreeMap<i64, (usize, i64)>,
}

impl Pending {
    /// Begins with these partitions and positions; whatever was open is forgotten.
    pub(super) fn begin(&mut self, positions: impl IntoIterator<Item = (i32, i64)>) {
        let partition = |at| Partition { next: at, moved: at, open: BTreeMap::new() };
        self.partitions = positions.into_iter().map(|(number, at)| (number, partition(at))).collect();
    }

    /// A record was read, from which so many deliveries come.
    pub(super) fn read(&mut self, partition: i32, offset: i64, deliveries: usize, written_at: i64) {
        if let Some(known) = self.partitions.get_mut(&partition) {
            known.next = offset + 1;
            if deliveries > 0 {
                known.open.insert(offset, (deliveries, written_at));
            }
        }
    }

    /// One delivery of that record ended.
    pub(super) fn ended(&mut self, partition: i32, offset: i64) {
        let Some(known) = self.partitions.get_mut(&partition) else { return };
        if let Some((deliveries, _)) = known.open.get_mut(&offset) {
            *deliveries -= 1;
            if *deliveries == 0 {
                known.open.remove(&offset);
            }
        }
    }

    /// Records with deliveries that have not ended.
    pub(super) fn len(&self) -> usize {
        self.partitions.values().map(|partition| partition.open.len()).sum()
    }

    /// When the oldest of them was written, ms since 1970 UTC.
    pub(super) fn oldest_at(&self) -> Option<i64> {
        self.partitions.values().filter_map(|p| p.open.first_key_value()).map(|(_, (_, at))| *at).min()
    }

    /// Positions that may move: everything before them is told or given up.
    pub(super) fn to_move(&self) -> Vec<(i32, i64)> {
        let at = |p: &Partition| p.open.first_key_value().map_or(p.next, |(offset, _)| *offset);
        self.partitions.iter().filter(|(_, p)| at(p) > p.moved).map(|(n, p)| (*n, at(p))).collect()
    }

    /// The group knows these.
    pub(super) fn moved(&mut self, positions: &[(i32, i64)]) {
        for (partition, at) in positions {
            if let Some(known) = self.partitions.get_mut(partition) {
                known.moved = *at;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_waits_for_the_slowest_delivery_before_it() {
        let mut pending = Pending::default();
        pending.begin([(0, 10), (1, 5)]);
        pending.read(0, 10, 0, 100);
        pending.read(0, 11, 2, 101);
        pending.read(0, 12, 1, 102);
        pending.read(1, 7, 0, 103);
        assert_eq!(pending.to_move(), [(0, 11), (1, 8)]);
        pending.moved(&[(0, 11), (1, 8)]);
        pending.ended(0, 12);
        pending.ended(0, 11);
        assert_eq!((pending.to_move(), pending.len(), pending.oldest_at()), (vec![], 1, Some(101)));
        pending.ended(0, 11);
        assert_eq!((pending.to_move(), pending.len(), pending.oldest_at()), (vec![(0, 13)], 0, None));
    }

    #[test]
    fn what_belongs_to_another_is_ignored() {
        let mut pending = Pending::default();
        pending.begin([(0, 0)]);
        pending.read(3, 0, 1, 0);
        pending.ended(3, 0);
        pending.ended(0, 99);
        assert_eq!((pending.to_move(), pending.len()), (vec![], 0));
    }
}
