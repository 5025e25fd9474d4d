//! State that can be taken back and found again.
//!
//! A task's state is a set of entries (table, id) -> value. Within a transaction the first touch of an entry keeps its
//! old value, encoded, in an undo log; the commit writes the new values of all touched entries to the changelog; an
//! abort applies the undo log backwards. Restore applies the changelog forwards. All three go through one pair of
//! functions, `State::encode` and `State::apply`, so that each tests the others.
//!
//! A value whose last encoding is in the changelog already is written as a patch of it, when that is shorter, and not at
//! all when nothing changed. That encoding is what the undo log has. So a restore keeps the newest bytes of each entry and
//! applies them once it has read all. What follows a patch whose base was cut off waits, as it does anyway, for the
//! entry's whole value.
//!
//! The changelog is packed (many entries in one record) and not compacted by the broker: one record per touched entry
//! would cost as much as the reading that touched it. Instead the task writes its whole state again in rolling
//! rounds, a little with each commit; when a round is complete, everything before its first record can go.

use std::collections::BTreeMap;

use crate::patch::{Differ, patched};

/// An entry's place: a table, and a number within it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Key {
    /// The table.
    pub table: u8,
    /// The entry in it.
    pub id: u64,
}

/// Tables from here on hold no entries. What is written under them are operations: small changes of an entry that would
/// be long to write whole. They are applied in the order in which they were written.
pub const OPERATIONS: u8 = 0x80;

/// The changelog or the undo log holds bytes that this build does not understand.
#[derive(Debug, thiserror::Error)]
#[error("the task's state can't be read: {0}")]
pub struct CorruptState(pub String);

/// What the changelog needs of a state.
pub trait State {
    /// Appends the current value of `key` to `out`. `false`, and nothing appended, when there is no such entry.
    fn encode(&self, key: Key, out: &mut Vec<u8>) -> bool;

    /// Touches the memory of an entry that will be asked for soon, so that several such waits overlap. Changes nothing.
    fn warm(&self, key: Key) {
        let _ = key;
    }

    /// Puts (`Some`) or removes (`None`) the entry; for a table of operations, carries out the one that `value` says.
    ///
    /// An operation may come before its entry's own value, or repeat what that value holds already: after the changelog
    /// was cut, the value comes again later, and is the last word.
    ///
    /// # Errors
    /// When the bytes are not a value of that table.
    fn apply(&mut self, key: Key, value: Option<&[u8]>) -> Result<(), CorruptState>;

    /// Whether there are operations on the entries of a table. Such entries are always written whole, and applied as they
    /// are read, so that they and their operations come in order.
    fn has_operations(table: u8) -> bool;

    /// The first entry after `key` in key order, or the first at all; `None` at the end.
    fn next_key(&self, after: Option<Key>) -> Option<Key>;
}

/// How many entries are warmed before they are encoded.
const WARM_AHEAD: usize = 16;

/// Version of the packing (not of the values in it, which carry their own). Version 1 had no patches.
const PACKING: u8 = 2;
/// Instead of a length: there is no value.
const NO_VALUE: u32 = u32::MAX;
/// Of a length: what follows is a patch of the value before.
const IS_PATCH: u32 = 1 << 31;

/// What an entry of a record says.
#[derive(Clone, Copy)]
enum Said<'a> {
    Nothing,
    Value(&'a [u8]),
    Patch(&'a [u8]),
}

impl<'a> Said<'a> {
    /// The value, where it is whole.
    fn whole(self) -> Result<Option<&'a [u8]>, CorruptState> {
        match self {
            Self::Nothing => Ok(None),
            Self::Value(value) => Ok(Some(value)),
            Self::Patch(_) => Err(CorruptState("a patch where none can be".into())),
        }
    }
}

fn put_head(out: &mut Vec<u8>, key: Key) -> usize {
    out.push(key.table);
    out.extend_from_slice(&key.id.to_le_bytes());
    out.extend_from_slice(&NO_VALUE.to_le_bytes());
    out.len()
}

/// Writes the length of what was appended since `at`, which `put_head` gave.
fn put_length(out: &mut [u8], at: usize, mark: u32) {
    let len = u32::try_from(out.len() - at).ok().filter(|len| *len < IS_PATCH - 1);
    let len = len.expect("an entry is far below 2 GiB") | mark;
    out[at - 4..at].copy_from_slice(&len.to_le_bytes());
}

fn put_entry(out: &mut Vec<u8>, key: Key, encode: impl FnOnce(&mut Vec<u8>) -> bool) {
    let at = put_head(out, key);
    if encode(out) {
        put_length(out, at, 0);
    }
}

struct Entries<'a>(&'a [u8]);

impl<'a> Iterator for Entries<'a> {
    type Item = Result<(Key, Said<'a>), CorruptState>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let entry = self.parse();
        if entry.is_none() {
            self.0 = &[];
        }
        Some(entry.ok_or_else(|| CorruptState("an entry is cut off".into())))
    }
}

impl<'a> Entries<'a> {
    fn parse(&mut self) -> Option<(Key, Said<'a>)> {
        let (&table, rest) = self.0.split_first()?;
        let (id, rest) = rest.split_first_chunk::<8>()?;
        let (len, rest) = rest.split_first_chunk::<4>()?;
        let key = Key { table, id: u64::from_le_bytes(*id) };
        let len = u32::from_le_bytes(*len);
        if len == NO_VALUE {
            self.0 = rest;
            return Some((key, Said::Nothing));
        }
        let (value, rest) = rest.split_at_checked((len & !IS_PATCH) as usize)?;
        self.0 = rest;
        Some((key, if len & IS_PATCH == 0 { Said::Value(value) } else { Said::Patch(value) }))
    }
}

/// A state that is being read from its changelog.
///
/// It begins empty.
#[derive(Debug, Default)]
pub struct Restore<S> {
    state: S,
    /// The newest bytes of what is applied at the end.
    newest: BTreeMap<Key, Vec<u8>>,
}

impl<S: State> Restore<S> {
    /// Takes the next record of the changelog.
    ///
    /// # Errors
    /// When the record is of a packing, or holds a value, that this build does not know.
    pub fn take(&mut self, record: &[u8]) -> Result<(), CorruptState> {
        match record.split_first() {
            Some((&(1 | PACKING), entries)) => Entries(entries).try_for_each(|entry| {
                let (key, said) = entry?;
                self.take_entry(key, said)
            }),
            Some((other, _)) => {
                Err(CorruptState(format!("changelog packing {other} is not known to this build")))
            }
            None => Err(CorruptState("an empty changelog record".into())),
        }
    }

    fn take_entry(&mut self, key: Key, said: Said<'_>) -> Result<(), CorruptState> {
        if key.table >= OPERATIONS || S::has_operations(key.table) {
            return self.state.apply(key, said.whole()?);
        }
        match said {
            Said::Nothing => drop(self.newest.remove(&key)),
            Said::Value(value) => {
                let bytes = self.newest.entry(key).or_default();
                bytes.clear();
                bytes.extend_from_slice(value);
            }
            Said::Patch(patch) => {
                // Without a base: it was cut off, and the whole value comes later.
                if let Some(bytes) = self.newest.get_mut(&key) {
                    *bytes = patched(bytes, patch).ok_or_else(|| {
                        CorruptState(format!("a patch of table {} does not fit its entry", key.table))
                    })?;
                }
            }
        }
        Ok(())
    }

    /// The state, when all records are taken.
    ///
    /// # Errors
    /// When an entry holds a value that this build does not know.
    pub fn finish(mut self) -> Result<S, CorruptState> {
        for (key, value) in self.newest {
            self.state.apply(key, Some(&value))?;
        }
        Ok(self.state)
    }
}

/// What the open transaction noted: an entry, or an operation.
#[derive(Clone, Copy, Debug)]
struct Noted {
    key: Key,
    /// Where its old value begins among those.
    undo_at: usize,
    /// The old value is what the changelog has.
    follows: bool,
}

/// The open transaction's memory of what it touched.
#[derive(Debug, Default)]
pub struct Transaction {
    epoch: u32,
    noted: Vec<Noted>,
    /// Old values, one entry after another.
    undo: Vec<u8>,
    /// The operations, one entry after another, in the order of their keys in `noted`.
    operations: Vec<u8>,
    differ: Differ,
    patch: Vec<u8>,
}

impl Transaction {
    /// The first transaction. An entry that carries epoch 0 was never touched.
    #[must_use]
    pub fn new() -> Self {
        Self { epoch: 1, ..Self::default() }
    }

    /// The number of the open transaction. An entry that carries it was touched already.
    #[must_use]
    pub fn epoch(&self) -> u32 {
        self.epoch
    }

    /// Notes the first touch of an entry together with its old value, which `encode` appends (`false`: it is new).
    /// `last` is the transaction that touched it before; 0 if none did since the entry was made of bytes, so that the
    /// changelog may have it in another encoding.
    pub fn touch(&mut self, key: Key, last: u32, encode: impl FnOnce(&mut Vec<u8>) -> bool) {
        self.noted.push(Noted { key, undo_at: self.undo.len(), follows: last != 0 });
        put_entry(&mut self.undo, key, encode);
    }

    /// Notes an operation, and the one that takes it back. Never on an entry that the open transaction has touched: that
    /// one is written whole as it is at the end.
    pub fn operate(&mut self, does: Key, with: &[u8], undoes: Key, undoes_with: &[u8]) {
        debug_assert!(
            does.table >= OPERATIONS && undoes.table >= OPERATIONS,
            "operations have tables of their own"
        );
        let put = |out: &mut Vec<u8>, key, value: &[u8]| {
            put_entry(out, key, |out| {
                out.extend_from_slice(value);
                true
            });
        };
        self.noted.push(Noted { key: does, undo_at: self.undo.len(), follows: false });
        put(&mut self.undo, undoes, undoes_with);
        put(&mut self.operations, does, with);
    }

    /// Hands what changed to `send` as changelog records of about `size` bytes each; returns the bytes written.
    ///
    /// # Errors
    /// The first error of `send`.
    pub fn write<S: State, E>(
        &mut self,
        state: &S,
        scratch: &mut Vec<u8>,
        size: usize,
        mut send: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<usize, E> {
        let Self { noted, undo, operations, differ, patch, .. } = self;
        let (mut written, mut operations) = (0, &**operations);
        scratch.clear();
        scratch.push(PACKING);
        for ahead in noted.chunks(WARM_AHEAD) {
            ahead.iter().for_each(|noted| state.warm(noted.key));
            for &Noted { key, undo_at, follows } in ahead {
                if key.table >= OPERATIONS {
                    let mut rest = Entries(operations);
                    rest.parse().expect("each key of an operation has one");
                    let (operation, rest) = operations.split_at(operations.len() - rest.0.len());
                    scratch.extend_from_slice(operation);
                    operations = rest;
                } else if follows && !S::has_operations(key.table) {
                    let (_, old) = Entries(&undo[undo_at..]).parse().expect("each touched entry has one");
                    put_change(scratch, key, old, state, differ, patch);
                } else {
                    put_entry(scratch, key, |out| state.encode(key, out));
                }
                if scratch.len() >= size {
                    written += scratch.len();
                    send(scratch)?;
                    scratch.truncate(1);
                }
            }
        }
        if scratch.len() > 1 {
            written += scratch.len();
            send(scratch)?;
        }
        Ok(written)
    }

    /// The transaction is committed: old values are forgotten.
    pub fn committed(&mut self) {
        self.forget();
    }

    /// The transaction is aborted: every touched entry gets its old value back.
    ///
    /// # Errors
    /// Never, unless `State` can't read what it wrote.
    pub fn aborted<S: State>(&mut self, state: &mut S) -> Result<(), CorruptState> {
        let undo = std::mem::take(&mut self.undo);
        for &Noted { undo_at, .. } in self.noted.iter().rev() {
            let entry = Entries(&undo[undo_at..]).parse();
            let (key, old) = entry.ok_or_else(|| CorruptState("the undo log is cut off".into()))?;
            state.apply(key, old.whole()?)?;
        }
        self.undo = undo;
        self.forget();
        Ok(())
    }

    fn forget(&mut self) {
        self.noted.clear();
        self.undo.clear();
        self.operations.clear();
        // 0 means "never touched", so the counter skips it when it wraps.
        self.epoch = self.epoch.wrapping_add(1).max(1);
    }
}

/// Writes the entry, whose old value the changelog has: as a patch where that is shorter, not at all if it is the same.
fn put_change<S: State>(
    out: &mut Vec<u8>,
    key: Key,
    old: Said<'_>,
    state: &S,
    differ: &mut Differ,
    patch: &mut Vec<u8>,
) {
    let begin = out.len();
    let at = put_head(out, key);
    if !state.encode(key, out) {
        return;
    }
    let Said::Value(old) = old else { return put_length(out, at, 0) };
    if *old == out[at..] {
        return out.truncate(begin);
    }
    patch.clear();
    if !differ.diff(old, &out[at..], patch) {
        return put_length(out, at, 0);
    }
    out.truncate(at);
    out.extend_from_slice(patch);
    put_length(out, at, IS_PATCH);
}

/// When to write the whole state again, and how much of it with each commit.
#[derive(Clone, Copy, Debug)]
pub struct RoundPolicy {
    /// A round begins when the changes since the last one exceed this many bytes ...
    pub changes_bytes_min: u64,
    /// ... and this many times the size of the last complete round.
    pub changes_per_state: u64,
    /// While a round is under way each commit writes at least this much of it.
    pub bytes_per_commit_min: u64,
}

impl Default for RoundPolicy {
    fn default() -> Self {
        Self { changes_bytes_min: 64 << 20, changes_per_state: 2, bytes_per_commit_min: 256 << 10 }
    }
}

/// A round's progress.
#[derive(Clone, Copy, Debug)]
enum Round {
    /// Waiting for enough changes.
    Idle,
    /// Under way from the changelog offset `from`; everything up to `cursor` is written.
    Running { from: i64, cursor: Option<Key>, bytes: u64 },
}

/// Rolling rounds that write the whole state again, so that the changelog's past can be let go.
///
/// Not part of the state: after a takeover a new round simply begins, and the changelog stays longer by that much.
#[derive(Debug)]
pub struct Rounds {
    policy: RoundPolicy,
    round: Round,
    changes_bytes: u64,
    state_bytes: u64,
}

impl Rounds {
    /// No round is under way. `restored_bytes`: what the restore had to read, which counts as changes.
    #[must_use]
    pub fn new(policy: RoundPolicy, restored_bytes: u64) -> Self {
        Self { policy, round: Round::Idle, changes_bytes: restored_bytes, state_bytes: 0 }
    }

    /// Whether a round should begin. The caller then asks the log for the changelog's end and calls `begin`, between
    /// two transactions.
    #[must_use]
    pub fn is_due(&self) -> bool {
        matches!(self.round, Round::Idle)
            && self.changes_bytes
                >= self.policy.changes_bytes_min.max(self.policy.changes_per_state * self.state_bytes)
    }

    /// Begins a round whose first record will lie at or after `changelog_end`.
    pub fn begin(&mut self, changelog_end: i64) {
        self.round = Round::Running { from: changelog_end, cursor: None, bytes: 0 };
        self.changes_bytes = 0;
    }

    /// The transaction was aborted: what this round wrote in it is gone, so the round begins anew when due again.
    pub fn aborted(&mut self) {
        if let Round::Running { .. } = self.round {
            self.round = Round::Idle;
            self.changes_bytes = u64::MAX / 2;
        }
    }

    /// Writes the round's next part into the open transaction, in proportion to its `changed` bytes. Returns the
    /// offset before which the changelog may go once this transaction is committed, when the round became complete.
    ///
    /// # Errors
    /// The first error of `send`.
    pub fn write<S: State, E>(
        &mut self,
        state: &S,
        changed: u64,
        scratch: &mut Vec<u8>,
        size: usize,
        mut send: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<Option<i64>, E> {
        self.changes_bytes = self.changes_bytes.saturating_add(changed);
        let Round::Running { from, cursor, bytes } = self.round else { return Ok(None) };
        let budget = changed.max(self.policy.bytes_per_commit_min);
        let (mut at, mut wrote, mut complete) = (cursor, 0u64, false);
        scratch.clear();
        scratch.push(PACKING);
        while wrote + (scratch.len() as u64) < budget {
            let Some(key) = state.next_key(at) else {
                complete = true;
                break;
            };
            put_entry(scratch, key, |out| state.encode(key, out));
            at = Some(key);
            if scratch.len() >= size {
                wrote += scratch.len() as u64;
                send(scratch)?;
                scratch.truncate(1);
            }
        }
        if scratch.len() > 1 {
            wrote += scratch.len() as u64;
            send(scratch)?;
        }
        if complete {
            self.state_bytes = bytes + wrote;
            self.round = Round::Idle;
            return Ok(Some(from));
        }
        self.round = Round::Running { from, cursor: at, bytes: bytes + wrote };
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[derive(Default, Clone, PartialEq, Debug)]
    struct Map(BTreeMap<Key, Vec<u8>>);

    impl State for Map {
        fn encode(&self, key: Key, out: &mut Vec<u8>) -> bool {
            self.0.get(&key).is_some_and(|value| {
                out.extend_from_slice(value);
                true
            })
        }
        fn apply(&mut self, key: Key, value: Option<&[u8]>) -> Result<(), CorruptState> {
            match value {
                // put a byte in its place, or take it away again
                Some(value) if key.table >= OPERATIONS => {
                    let entry = self.0.entry(Key { table: 0, id: key.id }).or_default();
                    entry.retain(|byte| *byte != value[0]);
                    if key.table == OPERATIONS {
                        entry.push(value[0]);
                        entry.sort_unstable();
                    }
                    return Ok(());
                }
                Some(value) => self.0.insert(key, value.to_vec()),
                None => self.0.remove(&key),
            };
            Ok(())
        }
        fn has_operations(table: u8) -> bool {
            table == 0
        }
        fn next_key(&self, after: Option<Key>) -> Option<Key> {
            match after {
                None => self.0.keys().next().copied(),
                Some(key) => self
                    .0
                    .range((std::ops::Bound::Excluded(key), std::ops::Bound::Unbounded))
                    .next()
                    .map(|(k, _)| *k),
            }
        }
    }

    fn restore(log: &BTreeMap<i64, Vec<u8>>) -> Map {
        let mut restore = Restore::<Map>::default();
        log.values().for_each(|record| restore.take(record).unwrap());
        restore.finish().unwrap()
    }

    /// Some bytes, or those of before with some in the middle replaced.
    fn value(random: &mut impl FnMut(u64) -> u64, before: Option<&Vec<u8>>) -> Vec<u8> {
        let from = random(200);
        let some = (from..from + random(30)).map(|byte| u8::try_from(byte).unwrap());
        let Some(before) = before.filter(|_| random(4) > 0) else { return some.collect() };
        let mut value = before.clone();
        let at = usize::try_from(random(before.len() as u64 + 1)).unwrap();
        let until = (at + usize::try_from(random(9)).unwrap()).min(before.len());
        value.splice(at..until, some);
        value.truncate(300);
        value
    }

    /// Runs random transactions, some aborted, with rounds and restarts, and truncates as allowed: what is left restores
    /// the state.
    #[test]
    fn restore_equals_state_after_commits_aborts_and_truncation() {
        let mut seed = 7u64;
        let mut random = move |n: u64| {
            seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (seed >> 33) % n
        };
        let policy =
            RoundPolicy { changes_bytes_min: 3_000, changes_per_state: 1, bytes_per_commit_min: 200 };
        let (mut state, mut tx) = (Map::default(), Transaction::new());
        // the transaction that touched an entry last, as entries themselves keep it
        let mut last = BTreeMap::<Key, u32>::new();
        let mut rounds = Rounds::new(policy, 0);
        let (mut log, mut scratch): (BTreeMap<i64, Vec<u8>>, _) = (BTreeMap::new(), Vec::new());
        let (mut end, mut truncations, mut patches) = (0i64, 0, 0);
        for _ in 0..2500 {
            if rounds.is_due() {
                rounds.begin(end);
            }
            let before = state.clone();
            let mut touched = std::collections::BTreeSet::new();
            for _ in 0..random(5) {
                let key = Key { table: u8::try_from(random(3)).unwrap(), id: random(20) };
                if touched.insert(key) {
                    let last = last.insert(key, tx.epoch()).unwrap_or(0);
                    tx.touch(key, last, |out| state.encode(key, out));
                }
                let known = state.0.get(&key).filter(|_| !Map::has_operations(key.table));
                let value = (random(6) > 0).then(|| value(&mut random, known));
                state.apply(key, value.as_deref()).unwrap();
                if value.is_none() {
                    last.remove(&key);
                }
                // an operation, on an entry that is perhaps touched later
                let on = Key { table: 0, id: random(20) };
                let byte = u8::try_from(random(256)).unwrap();
                if !touched.contains(&on) && state.0.get(&on).is_some_and(|bytes| !bytes.contains(&byte)) {
                    let (does, undoes) =
                        (Key { table: OPERATIONS, id: on.id }, Key { table: OPERATIONS + 1, id: on.id });
                    tx.operate(does, &[byte], undoes, &[byte]);
                    state.apply(does, Some(&[byte])).unwrap();
                }
            }
            let mut sent = Vec::new();
            let mut send = |r: &[u8]| {
                sent.push(r.to_vec());
                Ok::<_, ()>(())
            };
            let changed = tx.write(&state, &mut scratch, 64, &mut send).unwrap();
            let done = rounds.write(&state, changed as u64, &mut scratch, 64, &mut send).unwrap();
            if random(10) == 0 {
                tx.aborted(&mut state).unwrap();
                rounds.aborted();
                assert_eq!(state, before);
                last.retain(|key, _| !touched.contains(key));
            } else {
                for record in sent {
                    let entries = Entries(&record[1..]).map(Result::unwrap);
                    patches += entries.filter(|(_, said)| matches!(said, Said::Patch(_))).count();
                    log.insert(end, record);
                    end += 1;
                }
                end += 1; // the commit marker takes an offset
                tx.committed();
                if let Some(before) = done {
                    log = log.split_off(&before);
                    truncations += 1;
                }
            }
            let restored = restore(&log);
            assert_eq!(restored, state);
            if random(100) == 0 {
                (state, tx, rounds) = (restored, Transaction::new(), Rounds::new(policy, 0));
                last.clear();
            }
        }
        assert!(truncations > 5, "rounds never completed");
        assert!(patches > 400, "only {patches} patches");
    }

    #[test]
    fn what_is_the_same_again_is_not_written() {
        let (mut state, mut tx) = (Map::default(), Transaction::new());
        let key = Key { table: 1, id: 5 };
        let mut write = |last, value: &[u8], after: &mut Vec<u8>| {
            tx.touch(key, last, |out| state.encode(key, out));
            state.apply(key, Some(value)).unwrap();
            let mut send = |record: &[u8]| {
                after.extend_from_slice(&record[1..]);
                Ok::<_, ()>(())
            };
            let written = tx.write(&state, &mut Vec::new(), 64, &mut send).unwrap();
            tx.committed();
            written
        };
        let mut log = vec![PACKING];
        assert!(write(0, &[7; 50], &mut log) > 50);
        assert_eq!(write(1, &[7; 50], &mut log), 0);
        assert!(write(2, &[7; 51], &mut log) < 30);
        assert!(write(0, &[7; 51], &mut log) > 50, "the changelog may have it in other words");
        assert_eq!(restore(&BTreeMap::from([(0, log)])), state);
    }

    #[test]
    fn cut_or_foreign_records_are_errors() {
        let taken = |record: &[u8]| Restore::<Map>::default().take(record);
        assert!(taken(&[]).is_err());
        assert!(taken(&[9, 1]).is_err());
        assert!(taken(&[PACKING, 1, 2]).is_err());
    }

    #[test]
    fn a_patch_of_another_value_is_an_error_and_one_of_none_waits() {
        let (key, mut patch) = (Key { table: 1, id: 5 }, Vec::new());
        assert!(Differ::default().diff(&[7; 50], &[7; 51], &mut patch));
        let mut record = vec![PACKING];
        let at = put_head(&mut record, key);
        record.extend_from_slice(&patch);
        put_length(&mut record, at, IS_PATCH);
        let whole = |value: &[u8]| {
            let mut record = vec![PACKING];
            put_entry(&mut record, key, |out| {
                out.extend_from_slice(value);
                true
            });
            record
        };
        let mut restore = Restore::<Map>::default();
        restore.take(&record).unwrap();
        restore.take(&whole(&[7; 50])).unwrap();
        restore.take(&record).unwrap();
        assert!(restore.take(&record).is_err());
        restore.take(&whole(&[1])).unwrap();
        assert_eq!(restore.finish().unwrap().0, BTreeMap::from([(key, vec![1])]));
    }
}
