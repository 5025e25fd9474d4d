//! What changed from one encoding of a value to the next, in few bytes.
//!
//! A patch is a check of what comes out, and a list of hunks: copy so many bytes of the old value, leave out so many, put
//! these in. What is left of the old value after the last hunk is copied.

use xxhash_rust::xxh3::xxh3_64;

/// How many bytes must agree for the search to look closer.
const BLOCK: usize = 8;
/// Agreement shorter than this, found away from where it was expected, is taken for chance.
const FOUND_MIN: usize = 16;
/// How many bytes in place may differ before the search looks elsewhere.
const NEAR: usize = 24;
/// How many equal blocks are tried.
const TRIES: usize = 8;
/// How many bytes are compared at once.
const STRIDE: usize = 32;
/// No block.
const NONE: u32 = u32::MAX;

/// Makes patches; keeps its memory.
#[derive(Debug, Default)]
pub(crate) struct Differ {
    /// By hash of its bytes, the first block of the old value, and for each block the next of the same hash.
    first: Vec<u32>,
    next: Vec<u32>,
}

impl Differ {
    /// Appends to `out` the patch that makes `new` of `old`. `false`: it would not be shorter than `new`; what is in
    /// `out` then is of no use.
    pub(crate) fn diff(&mut self, old: &[u8], new: &[u8], out: &mut Vec<u8>) -> bool {
        let begin = out.len();
        out.extend_from_slice(&check(new).to_le_bytes());
        let end = suffix(old, new);
        let (old, new_end) = (&old[..old.len() - end], new.len() - end);
        let (mut from, mut to) = (0, 0);
        self.first.clear();
        loop {
            let same = prefix(&old[from..], &new[to..new_end]);
            (from, to) = (from + same, to + same);
            if from == old.len() && to == new_end {
                return out.len() - begin < new.len();
            }
            let (less, more) = self.next_match(old, from, &new[to..new_end]);
            put_varint(out, same);
            put_varint(out, less);
            put_varint(out, more);
            out.extend_from_slice(&new[to..to + more]);
            (from, to) = (from + less, to + more);
            if out.len() - begin >= new.len() {
                return false;
            }
        }
    }

    /// How much of `whole` after `from`, and of `new`, is to be passed over until they agree again. They begin with
    /// different bytes.
    fn next_match(&mut self, whole: &[u8], from: usize, new: &[u8]) -> (usize, usize) {
        let old = &whole[from..];
        let agrees = |n: &usize| block(old, *n).is_some_and(|here| block(new, *n) == Some(here));
        if let Some(near) = (1..=NEAR).find(agrees) {
            return (near, near);
        }
        let nothing = (old.len(), new.len());
        if old.is_empty() || new.is_empty() {
            return nothing;
        }
        if self.first.is_empty() {
            self.index(whole);
        }
        (0..new.len()).find_map(|more| self.elsewhere(whole, from, new, more)).unwrap_or(nothing)
    }

    /// The same where the block of `new` at `more` is found in `whole` after `from`, and enough around it.
    fn elsewhere(&self, whole: &[u8], from: usize, new: &[u8], more: usize) -> Option<(usize, usize)> {
        let (old, wanted) = (&whole[from..], block(new, more)?);
        let found = |no: &u32| Some(self.next[*no as usize]).filter(|next| *next != NONE);
        let first = Some(self.first[self.bucket(wanted)]).filter(|no| *no != NONE);
        let places = std::iter::successors(first, found).take(TRIES).map(|no| no as usize * BLOCK);
        let same = places.filter(|place| *place >= from && block(whole, *place) == Some(wanted));
        same.map(|place| place - from).find_map(|less| {
            let before = suffix(&old[..less], &new[..more]);
            let enough = before + prefix(&old[less..], &new[more..]) >= FOUND_MIN;
            enough.then_some((less - before, more - before))
        })
    }

    fn index(&mut self, whole: &[u8]) {
        let blocks = whole.len() / BLOCK;
        self.first.clear();
        self.first.resize((blocks * 2).next_power_of_two(), NONE);
        self.next.clear();
        self.next.resize(blocks, NONE);
        for no in (0..blocks).rev() {
            let block = block(whole, no * BLOCK).expect("it is within");
            let bucket = self.bucket(block);
            self.next[no] = self.first[bucket];
            self.first[bucket] = u32::try_from(no).expect("a value is far below 4 GiB");
        }
    }

    fn bucket(&self, block: u64) -> usize {
        let hash = block.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32;
        usize::try_from(hash).expect("32 bits") & (self.first.len() - 1)
    }
}

/// What the patch makes of `old`; `None`: it was not made for it.
pub(crate) fn patched(old: &[u8], patch: &[u8]) -> Option<Vec<u8>> {
    let (expected, mut rest) = patch.split_first_chunk::<4>()?;
    let (mut old, mut new) = (old, Vec::with_capacity(old.len() + patch.len()));
    while !rest.is_empty() {
        let [same, less, more] = [take_varint(&mut rest)?, take_varint(&mut rest)?, take_varint(&mut rest)?];
        new.extend_from_slice(old.get(..same)?);
        old = old.get(same.checked_add(less)?..)?;
        let (put, after) = rest.split_at_checked(more)?;
        new.extend_from_slice(put);
        rest = after;
    }
    new.extend_from_slice(old);
    (check(&new) == u32::from_le_bytes(*expected)).then_some(new)
}

fn check(value: &[u8]) -> u32 {
    let low = xxh3_64(value) & u64::from(u32::MAX);
    u32::try_from(low).expect("32 bits")
}

/// How many bytes of both agree at their beginning.
fn prefix(one: &[u8], other: &[u8]) -> usize {
    let (strides, others) = (one.as_chunks::<STRIDE>().0, other.as_chunks::<STRIDE>().0);
    let whole = STRIDE * strides.iter().zip(others).take_while(|(one, other)| one == other).count();
    whole + one[whole..].iter().zip(&other[whole..]).take_while(|(one, other)| one == other).count()
}

/// How many bytes of both agree at their end.
fn suffix(one: &[u8], other: &[u8]) -> usize {
    let (strides, others) = (one.as_rchunks::<STRIDE>().1, other.as_rchunks::<STRIDE>().1);
    let strides = strides.iter().rev().zip(others.iter().rev());
    let whole = STRIDE * strides.take_while(|(one, other)| one == other).count();
    let (one, other) = (&one[..one.len() - whole], &other[..other.len() - whole]);
    whole + one.iter().rev().zip(other.iter().rev()).take_while(|(one, other)| one == other).count()
}

fn block(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn put_varint(out: &mut Vec<u8>, value: usize) {
    let mut rest = value;
    while rest >= 0x80 {
        out.push(u8::try_from(rest & 0x7f).expect("7 bits") | 0x80);
        rest >>= 7;
    }
    out.push(u8::try_from(rest).expect("7 bits"));
}

fn take_varint(bytes: &mut &[u8]) -> Option<usize> {
    let mut value = 0u32;
    for shift in [0, 7, 14, 21, 28] {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u32::from(byte & 0x7f).checked_shl(shift)?;
        if byte & 0x80 == 0 {
            return usize::try_from(value).ok();
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patch(old: &[u8], new: &[u8]) -> Option<Vec<u8>> {
        let mut out = Vec::new();
        Differ::default().diff(old, new, &mut out).then_some(out)
    }

    /// Numbers that follow from a seed.
    fn random(seed: &mut u64, below: usize) -> usize {
        *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(*seed >> 33).unwrap() % below
    }

    #[test]
    fn a_patched_value_is_the_new_one_after_any_edits() {
        let (mut seed, mut differ, mut saved) = (3u64, Differ::default(), 0usize);
        for round in 0..4_000 {
            // few different bytes, so that much agrees by chance
            let letters = [2, 5, 256][round % 3];
            let byte = |seed: &mut u64| u8::try_from(random(seed, letters)).unwrap();
            let length = random(&mut seed, 3_000);
            let old: Vec<u8> = (0..length).map(|_| byte(&mut seed)).collect();
            let mut new = old.clone();
            for _ in 0..random(&mut seed, 6) {
                let at = random(&mut seed, new.len() + 1);
                let until = (at + random(&mut seed, 40)).min(new.len());
                let put: Vec<u8> = (0..random(&mut seed, 40)).map(|_| byte(&mut seed)).collect();
                new.splice(at..until, put);
            }
            let mut out = Vec::new();
            if differ.diff(&old, &new, &mut out) {
                assert_eq!(patched(&old, &out).as_ref(), Some(&new));
                assert!(out.len() < new.len());
                saved += 1;
            }
        }
        assert!(saved > 3_000, "only {saved} patches were shorter");
    }

    #[test]
    fn what_moved_is_not_written_again() {
        let old: Vec<u8> = (0..4_000u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
        let mut new = old.clone();
        new.splice(15_000..15_040, []);
        new.splice(9_000..9_003, [1; 70]);
        new.splice(100..108, [7; 8]);
        let patch = patch(&old, &new).unwrap();
        assert!(patch.len() < 130, "{} bytes", patch.len());
        assert_eq!(patched(&old, &patch), Some(new));
    }

    #[test]
    fn a_patch_fits_only_what_it_was_made_for() {
        let (old, new) = ([5u8; 100], [[5u8; 50], [6; 50]].concat());
        let patch = patch(&old, &new).unwrap();
        assert_eq!(patched(&[4; 100], &patch), None);
        assert_eq!(patched(&old[..20], &patch), None);
        for cut in 0..patch.len() {
            assert_eq!(patched(&old, &patch[..cut]), None, "cut at {cut}");
        }
    }

    #[test]
    fn what_would_be_longer_is_none() {
        assert_eq!(patch(b"", b""), None);
        assert_eq!(patch(b"abc", b"xyz"), None);
        assert_eq!(patch(&[1; 64], &[2; 64]), None);
    }
}
