//! State that can be taken back and found again.
//!
//! A task's state is a set of entries (table, id) -> value. Within a transaction the first touch of an entry keeps its
//! old value, encoded, in an undo log; the commit writes the new values of all touched entries to the changelog; an
//! abort applies the undo log backwards. Restore applies the changelog forwards. All three go through one pair of
//! functions, `State::encode` and `State::apply`, so that each tests the others.
//!
//! The changelog is packed (many entries in one record) and not compacted by the broker: one record per touched entry
//! would cost as much as the reading that touched it. Instead the task writes its whole state again in rolling
//! rounds, a little with each commit; when a round is complete, everything before its first record can go.

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

    /// The first entry after `key` in key order, or the first at all; `None` at the end.
    fn next_key(&self, after: Option<Key>) -> Option<Key>;
}

/// How many entries are warmed before they are encoded.
const WARM_AHEAD: usize = 16;

/// Version of the packing (not of the values in it, which carry their own).
const PACKING: u8 = 1;

fn put_entry(out: &mut Vec<u8>, key: Key, encode: impl FnOnce(&mut Vec<u8>) -> bool) {
    out.push(key.table);
    out.extend_from_slice(&key.id.to_le_bytes());
    let at = out.len();
    out.extend_from_slice(&u32::MAX.to_le_bytes());
    if encode(out) {
        let len = u32::try_from(out.len() - at - 4).expect("an entry is far below 4 GiB");
        out[at..at + 4].copy_from_slice(&len.to_le_bytes());
    }
}

struct Entries<'a>(&'a [u8]);

impl<'a> Iterator for Entries<'a> {
    type Item = Result<(Key, Option<&'a [u8]>), CorruptState>;

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
    fn parse(&mut self) -> Option<(Key, Option<&'a [u8]>)> {
        let (&table, rest) = self.0.split_first()?;
        let (id, rest) = rest.split_first_chunk::<8>()?;
        let (len, rest) = rest.split_first_chunk::<4>()?;
        let key = Key { table, id: u64::from_le_bytes(*id) };
        let len = u32::from_le_bytes(*len);
        if len == u32::MAX {
            self.0 = rest;
            return Some((key, None));
        }
        let (value, rest) = rest.split_at_checked(len as usize)?;
        self.0 = rest;
        Some((key, Some(value)))
    }
}

/// Applies one changelog record to `state`.
///
/// # Errors
/// When the record is of a packing or holds a value that this build does not know.
pub fn replay<S: State>(state: &mut S, record: &[u8]) -> Result<(), CorruptState> {
    match record.split_first() {
        Some((&PACKING, entries)) => {
            for entry in Entries(entries) {
                let (key, value) = entry?;
                state.apply(key, value)?;
            }
            Ok(())
        }
        Some((other, _)) => {
            Err(CorruptState(format!("changelog packing {other} is not known to this build")))
        }
        None => Err(CorruptState("an empty changelog record".into())),
    }
}

/// The open transaction's memory of what it touched.
#[derive(Debug, Default)]
pub struct Transaction {
    epoch: u32,
    touched: Vec<Key>,
    /// Old values, one entry after another, and where each begins.
    undo: Vec<u8>,
    undo_at: Vec<usize>,
    /// The operations, one entry after another, in the order of their keys in `touched`.
    operations: Vec<u8>,
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
    pub fn touch(&mut self, key: Key, encode: impl FnOnce(&mut Vec<u8>) -> bool) {
        self.undo_at.push(self.undo.len());
        put_entry(&mut self.undo, key, encode);
        self.touched.push(key);
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
        self.undo_at.push(self.undo.len());
        put(&mut self.undo, undoes, undoes_with);
        put(&mut self.operations, does, with);
        self.touched.push(does);
    }

    /// Hands the new values to `send` as changelog records of about `size` bytes each; returns the bytes written.
    ///
    /// # Errors
    /// The first error of `send`.
    pub fn write<S: State, E>(
        &self,
        state: &S,
        scratch: &mut Vec<u8>,
        size: usize,
        mut send: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<usize, E> {
        pack(&self.touched, &self.operations, state, scratch, size, &mut send)
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
        for &at in self.undo_at.iter().rev() {
            let (key, value) =
                Entries(&undo[at..]).parse().ok_or_else(|| CorruptState("the undo log is cut off".into()))?;
            state.apply(key, value)?;
        }
        self.undo = undo;
        self.forget();
        Ok(())
    }

    fn forget(&mut self) {
        self.touched.clear();
        self.undo.clear();
        self.undo_at.clear();
        self.operations.clear();
        // 0 means "never touched", so the counter skips it when it wraps.
        self.epoch = self.epoch.wrapping_add(1).max(1);
    }
}

fn pack<S: State, E>(
    keys: &[Key],
    mut operations: &[u8],
    state: &S,
    scratch: &mut Vec<u8>,
    size: usize,
    send: &mut impl FnMut(&[u8]) -> Result<(), E>,
) -> Result<usize, E> {
    let mut written = 0;
    scratch.clear();
    scratch.push(PACKING);
    for ahead in keys.chunks(WARM_AHEAD) {
        ahead.iter().for_each(|key| state.warm(*key));
        for &key in ahead {
            if key.table < OPERATIONS {
                put_entry(scratch, key, |out| state.encode(key, out));
            } else {
                let mut rest = Entries(operations);
                rest.parse().expect("each key of an operation has one");
                let (operation, rest) = operations.split_at(operations.len() - rest.0.len());
                scratch.extend_from_slice(operation);
                operations = rest;
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

    /// Runs random transactions, some aborted, with rounds, and truncates as allowed: what is left restores the state.
    #[test]
    fn restore_equals_state_after_commits_aborts_and_truncation() {
        let mut seed = 7u64;
        let mut random = move |n: u64| {
            seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (seed >> 33) % n
        };
        let policy = RoundPolicy { changes_bytes_min: 400, changes_per_state: 1, bytes_per_commit_min: 40 };
        let (mut state, mut tx) = (Map::default(), Transaction::new());
        let mut rounds = Rounds::new(policy, 0);
        let (mut log, mut scratch): (BTreeMap<i64, Vec<u8>>, _) = (BTreeMap::new(), Vec::new());
        let (mut end, mut truncations) = (0i64, 0);
        for _ in 0..5000 {
            if rounds.is_due() {
                rounds.begin(end);
            }
            let before = state.clone();
            let mut touched = std::collections::BTreeSet::new();
            for _ in 0..random(5) {
                let key = Key { table: u8::try_from(random(3)).unwrap(), id: random(20) };
                if touched.insert(key) {
                    tx.touch(key, |out| state.encode(key, out));
                }
                let from = random(200);
                let value: Vec<u8> = (from..from + random(30)).map(|b| u8::try_from(b).unwrap()).collect();
                let value = (random(4) > 0).then_some(value);
                state.apply(key, value.as_deref()).unwrap();
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
            } else {
                for record in sent {
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
            let mut restored = Map::default();
            for record in log.values() {
                replay(&mut restored, record).unwrap();
            }
            assert_eq!(restored, state);
        }
        assert!(truncations > 5, "rounds never completed");
    }

    #[test]
    fn cut_or_foreign_records_are_errors() {
        let mut state = Map::default();
        assert!(replay(&mut state, &[]).is_err());
        assert!(replay(&mut state, &[9, 1]).is_err());
        assert!(replay(&mut state, &[PACKING, 1, 2]).is_err());
    }
}
