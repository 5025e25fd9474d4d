//! What the patient's scores added to curves and took from them again: so much of it as an edition holds is left out
//! where the patient is judged by that edition.
//!
//! Packed, about 4 bytes for a score. Additions and removals stand in the order of their sequences and are never
//! changed: an edition holds for good what was added and not yet taken when it was made.

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use super::bytes::{Packed, Reader, write_signed, write_varint};
use super::names::{Names, Sym};
use crate::curve::{Cohort, Own};

/// The numbers of one upload's contributions for one episode, from 1.
pub(super) type Group = u32;

/// All that a patient contributed.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct OwnPart {
    cohorts: Vec<Cohort>,
    keys: Vec<OwnKey>,
    pub(super) groups: Group,
    last_sequence: u64,
    log: Packed,
}

/// What curve, and which cohort of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct OwnKey {
    /// Of `cohorts`.
    cohort: u32,
    instrument: Sym,
    plan: Option<Sym>,
}

/// One contribution, as read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    /// Of `keys`.
    pub(super) key: u32,
    pub(super) group: Group,
    pub(super) bin: u16,
    pub(super) index_hundredths: i64,
    added: u64,
    /// `u64::MAX`: it stands.
    taken: u64,
}

impl Entry {
    pub(super) fn stands(&self) -> bool {
        self.taken == u64::MAX
    }
}

/// Most uploads take no more bytes.
const ROOM: usize = 32;

/// Of the first number of each step.
const TAKE: u64 = 1;

impl OwnPart {
    /// All contributions in the order in which they were added, over `entries`.
    pub(super) fn read(&self, entries: &mut Vec<Entry>) {
        entries.clear();
        let mut rest = Reader(&self.log.0);
        let (mut sequence, mut group) = (0u64, 0i64);
        while let Some(step) = read_step(&mut rest) {
            sequence = sequence.wrapping_add(step.after);
            match step.what {
                What::Take(position) => {
                    if let Some(entry) = entries.get_mut(position) {
                        entry.taken = sequence;
                    }
                }
                What::Add { count, group_after, bin } => {
                    group = group.wrapping_add(group_after);
                    let group = Group::try_from(group).unwrap_or(0);
                    for nth in 0..count {
                        sequence = sequence.wrapping_add(u64::from(nth > 0));
                        let Some((key, index_hundredths)) = read_index(&mut rest) else { return };
                        entries.push(Entry {
                            group,
                            bin,
                            key,
                            index_hundredths,
                            added: sequence,
                            taken: u64::MAX,
                        });
                    }
                }
            }
        }
    }

    /// Notes that the scores of a group were added, each a key and an index, the first at `sequence`.
    pub(super) fn add(
        &mut self,
        entries: &mut Vec<Entry>,
        mut sequence: u64,
        (group, bin): (Group, u16),
        indices: &[(u32, i64)],
    ) {
        if indices.is_empty() {
            return;
        }
        let before = entries.last().map_or(0, |last| i64::from(last.group));
        let out = &mut self.log.0;
        if out.capacity() - out.len() < ROOM {
            out.reserve_exact(4 * ROOM);
        }
        write_varint(out, (indices.len() as u64) << 1);
        write_signed(out, i64::from(group) - before);
        write_varint(out, u64::from(bin));
        self.follow(sequence);
        for (key, index_hundredths) in indices {
            write_varint(&mut self.log.0, u64::from(*key));
            write_signed(&mut self.log.0, *index_hundredths);
            let (key, index_hundredths) = (*key, *index_hundredths);
            entries.push(Entry { key, group, bin, index_hundredths, added: sequence, taken: u64::MAX });
            self.last_sequence = sequence;
            sequence += 1;
        }
    }

    /// Notes that the contribution at `position` was taken out.
    pub(super) fn take(&mut self, entries: &mut [Entry], sequence: u64, position: usize) {
        write_varint(&mut self.log.0, (position as u64) << 1 | TAKE);
        self.follow(sequence);
        if let Some(entry) = entries.get_mut(position) {
            entry.taken = sequence;
        }
    }

    /// Writes how far a sequence is after the last one.
    fn follow(&mut self, sequence: u64) {
        write_varint(&mut self.log.0, sequence.wrapping_sub(self.last_sequence));
        self.last_sequence = sequence;
    }

    /// The number of a key, given now if it has none yet.
    pub(super) fn key(
        &mut self,
        names: &mut Names,
        cohort: &Cohort,
        instrument: &str,
        plan: Option<&str>,
    ) -> u32 {
        let at = position_or_push(&mut self.cohorts, |known| known == cohort, || cohort.clone());
        let key = OwnKey {
            cohort: at,
            instrument: names.intern(instrument),
            plan: plan.map(|plan| names.intern(plan)),
        };
        position_or_push(&mut self.keys, |known| *known == key, || key)
    }

    /// The cohort, instrument and plan of a key.
    pub(super) fn named<'p>(
        &'p self,
        names: &'p Names,
        key: u32,
    ) -> Option<(&'p Cohort, &'p str, Option<&'p str>)> {
        let key = self.keys.get(usize::try_from(key).ok()?)?;
        let cohort = self.cohorts.get(usize::try_from(key.cohort).ok()?)?;
        Some((cohort, names.text(key.instrument), key.plan.map(|plan| names.text(plan))))
    }

    /// Those to one curve, as [`crate::curve::Curves::expected`] wants them.
    pub(super) fn to_curve<'p>(
        &'p self,
        names: &'p Names,
        entries: &'p [Entry],
        instrument: &'p str,
        plan: Option<&'p str>,
    ) -> impl Iterator<Item = Own<'p>> {
        let syms = (names.find(instrument), plan.map(|plan| names.find(plan)));
        let is_of = |key: &OwnKey| (Some(key.instrument), key.plan.map(Some)) == syms;
        let keys: SmallVec<[(u32, &Cohort); 4]> = (0..)
            .zip(&self.keys)
            .filter(|(_, key)| is_of(key))
            .filter_map(|(number, key)| Some((number, self.cohorts.get(usize::try_from(key.cohort).ok()?)?)))
            .collect();
        entries.iter().filter_map(move |entry| {
            let (_, cohort) = keys.iter().find(|(number, _)| *number == entry.key)?;
            Some(Own {
                cohort,
                bin: entry.bin,
                index_hundredths: entry.index_hundredths,
                added: entry.added,
                taken: entry.taken,
            })
        })
    }
}

struct StepRead {
    what: What,
    /// How far its (first) sequence is after the last of the step before.
    after: u64,
}

enum What {
    Take(usize),
    Add { count: u64, group_after: i64, bin: u16 },
}

fn read_step(rest: &mut Reader<'_>) -> Option<StepRead> {
    let first = rest.varint()?;
    let what = if first & TAKE == TAKE {
        What::Take(usize::try_from(first >> 1).ok()?)
    } else {
        What::Add { count: first >> 1, group_after: rest.signed()?, bin: u16::try_from(rest.varint()?).ok()? }
    };
    Some(StepRead { what, after: rest.varint()? })
}

fn read_index(rest: &mut Reader<'_>) -> Option<(u32, i64)> {
    Some((rest.small()?, rest.signed()?))
}

fn position_or_push<T>(list: &mut Vec<T>, is: impl Fn(&T) -> bool, new: impl FnOnce() -> T) -> u32 {
    let position = list.iter().position(is).unwrap_or_else(|| {
        list.reserve_exact(1);
        list.push(new());
        list.len() - 1
    });
    u32::try_from(position).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_added_and_taken_is_read_back() {
        let (mut own, mut names, mut entries) = (OwnPart::default(), Names::default(), Vec::new());
        let cohort = Cohort::new("pci-des", [Some("60-69"), None, None]).unwrap();
        let saq = own.key(&mut names, &cohort, "saq-7", None);
        let whole = own.key(&mut names, &cohort, "composite", Some("coronary-stent"));
        assert_eq!(own.key(&mut names, &cohort, "saq-7", None), saq);
        own.add(&mut entries, 1_000, (1, 2), &[(saq, 12_980), (whole, -40)]);
        own.add(&mut entries, 5_000, (3, 4), &[(saq, 9_000)]);
        own.take(&mut entries, 5_007, 0);
        own.add(&mut entries, 5_008, (1, 2), &[(saq, 13_000)]);
        let bytes = postcard::to_allocvec(&own).unwrap();
        let restored: OwnPart = postcard::from_bytes(&bytes).unwrap();
        let mut read = Vec::new();
        restored.read(&mut read);
        assert_eq!(read, entries);
        assert_eq!(read.iter().map(|entry| entry.added).collect::<Vec<_>>(), [1_000, 1_001, 5_000, 5_008]);
        let times: Vec<_> =
            restored.to_curve(&names, &read, "saq-7", None).map(|own| (own.added, own.taken)).collect();
        assert_eq!(times, [(1_000, 5_007), (5_000, u64::MAX), (5_008, u64::MAX)]);
        assert_eq!(restored.to_curve(&names, &read, "composite", Some("coronary-stent")).count(), 1);
        assert_eq!(restored.to_curve(&names, &read, "composite", Some("other")).count(), 0);
        assert!(restored.log.0.len() <= 35, "{} bytes", restored.log.0.len());
    }
}
