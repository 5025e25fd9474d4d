//! A table of entries that have no time of their own.

use std::collections::BTreeMap;

use aftercare_stream::changelog::{CorruptState, Key, Transaction};
use serde::{Serialize, de::DeserializeOwned};

use super::books::Shelf;
use super::{decode_value, encode_value};

/// Entries by number.
pub(crate) struct Table<V> {
    table: u8,
    /// What an entry is called where it can't be read.
    name: &'static str,
    /// With the transaction that touched it last.
    entries: BTreeMap<u64, (V, u32)>,
}

impl<V: Serialize + DeserializeOwned> Table<V> {
    pub(crate) const fn new(table: u8, name: &'static str) -> Self {
        Self { table, name, entries: BTreeMap::new() }
    }

    pub(crate) fn get(&self, id: u64) -> Option<&V> {
        self.entries.get(&id).map(|(value, _)| value)
    }

    /// How many entries there are.
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// All entries from `from` on, by number.
    pub(crate) fn from(&self, from: u64) -> impl Iterator<Item = (u64, &V)> {
        self.entries.range(from..).map(|(id, (value, _))| (*id, value))
    }

    /// The number after the last entry's.
    pub(crate) fn next_id(&self) -> u64 {
        self.entries.last_key_value().map_or(0, |(id, _)| id + 1)
    }

    /// Puts an entry where there is one, or none, within the open transaction.
    pub(crate) fn insert(&mut self, tx: &mut Transaction, id: u64, value: V) {
        self.touch(tx, id);
        self.entries.insert(id, (value, tx.epoch()));
    }

    /// Takes an entry out within the open transaction.
    pub(crate) fn remove(&mut self, tx: &mut Transaction, id: u64) -> Option<V> {
        // Once it is gone nothing tells whether it was touched: a second note of an older value does no harm, the
        // first one is applied last.
        self.touch(tx, id);
        self.entries.remove(&id).map(|(value, _)| value)
    }

    /// Changes an entry, an empty one if there is none, within the open transaction.
    pub(crate) fn change<T>(&mut self, tx: &mut Transaction, id: u64, change: impl FnOnce(&mut V) -> T) -> T
    where
        V: Default,
    {
        self.touch(tx, id);
        let (value, epoch) = self.entries.entry(id).or_insert_with(|| (V::default(), 0));
        *epoch = tx.epoch();
        change(value)
    }

    fn touch(&self, tx: &mut Transaction, id: u64) {
        let entry = self.entries.get(&id);
        let last = entry.map_or(0, |(_, epoch)| *epoch);
        if last != tx.epoch() {
            let key = Key { table: self.table, id };
            tx.touch(key, last, |out| entry.map(|(value, _)| encode_value(value, out)).is_some());
        }
    }
}

impl<V: Serialize + DeserializeOwned> Shelf for Table<V> {
    fn table(&self) -> u8 {
        self.table
    }

    fn encode(&self, id: u64, out: &mut Vec<u8>) -> bool {
        self.get(id).map(|value| encode_value(value, out)).is_some()
    }

    fn apply(&mut self, id: u64, value: Option<&[u8]>) -> Result<(), CorruptState> {
        match value {
            Some(value) => drop(self.entries.insert(id, (decode_value(value, self.name)?, 0))),
            None => drop(self.entries.remove(&id)),
        }
        Ok(())
    }

    fn next(&self, from: u64) -> Option<Key> {
        self.entries.range(from..).next().map(|(id, _)| Key { table: self.table, id: *id })
    }

    fn reschedule(&mut self) {}
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::tests::Shelves;

    #[test]
    fn an_abort_brings_back_what_was() {
        let (mut table, mut tx) = (Table::<Vec<u32>>::new(9, "list"), Transaction::new());
        table.insert(&mut tx, 1, vec![1]);
        table.insert(&mut tx, 2, vec![2]);
        tx.committed();
        table.change(&mut tx, 1, |list| list.push(10));
        assert_eq!(table.remove(&mut tx, 1), Some(vec![1, 10]));
        table.change(&mut tx, 1, |list| list.push(11));
        table.remove(&mut tx, 2);
        table.insert(&mut tx, 3, vec![3]);
        assert_eq!(table.next_id(), 4);
        let mut state = Shelves(vec![Box::new(table)]);
        tx.aborted(&mut state).unwrap();
        let read = |id| {
            let mut bytes = Vec::new();
            state.0[0].encode(id, &mut bytes).then(|| decode_value::<Vec<u32>>(&bytes, "list").unwrap())
        };
        assert_eq!([1, 2, 3].map(read), [Some(vec![1]), Some(vec![2]), None]);
    }
}
