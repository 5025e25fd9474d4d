//! The scored forms of one upload, packed: memory holds what the changelog holds, about 40 bytes for four forms.
//!
//! Each form: instrument and version (varints), state (one byte), count of values, values. A value that is a whole
//! number of ten-thousandths is a varint, any other its eight bytes, so that it comes back bit by bit.

use serde::{Deserialize, Serialize};

use super::names::Sym;
use crate::reason::Reason;

/// What became of one form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FormState {
    /// It has values: a score for each value set, then its scales (NaN: too few answers).
    Scored,
    /// Too many answers are missing.
    Unscored(Reason),
    /// An earlier revision had it; the one in force does not.
    Removed,
}

/// One form, unpacked by [`Forms::next`].
#[derive(Clone, Copy, Debug)]
pub(super) struct FormHead {
    pub(super) instrument: Sym,
    pub(super) version: i32,
    pub(super) state: FormState,
}

/// The packed forms.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Forms(Box<[u8]>);

/// Collects forms.
#[derive(Debug, Default)]
pub(super) struct Packer(Vec<u8>);

const REMOVED: u8 = 0;
const SCORED: u8 = 1;
const UNSCORED: u8 = 2;

const TEN_THOUSANDTHS: f64 = 10_000.0;
/// Magnitudes up to here are tried as ten-thousandths; whole doubles below it are exact.
const PACKED_MAX: f64 = 1e14;

impl Packer {
    pub(super) fn push(&mut self, head: FormHead, values: &[f64]) {
        write_varint(&mut self.0, u64::from(head.instrument.number()));
        write_varint(&mut self.0, zigzag(i64::from(head.version)));
        match head.state {
            FormState::Removed => self.0.push(REMOVED),
            FormState::Scored => self.0.push(SCORED),
            FormState::Unscored(reason) => self.0.extend([UNSCORED, reason as u8]),
        }
        write_varint(&mut self.0, u64::try_from(values.len()).unwrap_or(0));
        for value in values {
            write_value(&mut self.0, *value);
        }
    }

    pub(super) fn finish(self) -> Forms {
        Forms(self.0.into_boxed_slice())
    }
}

impl Forms {
    /// Reads the forms one by one.
    pub(super) fn read(&self) -> Unpacker<'_> {
        Unpacker(&self.0)
    }

    /// These forms, and as removed those instruments of `earlier` that these lack.
    pub(super) fn replacing(&self, earlier: &Forms) -> Forms {
        let mut packed = Packer(self.0.to_vec());
        let mut rest = earlier.read();
        while let Some(head) = rest.next_head() {
            rest.skip_values();
            if !self.has(head.instrument) {
                packed.push(FormHead { state: FormState::Removed, ..head }, &[]);
            }
        }
        packed.finish()
    }

    fn has(&self, instrument: Sym) -> bool {
        let mut rest = self.read();
        while let Some(head) = rest.next_head() {
            if head.instrument == instrument {
                return true;
            }
            rest.skip_values();
        }
        false
    }
}

/// A place in packed forms. After each head its values must be read or skipped.
#[derive(Clone, Copy, Debug)]
pub(super) struct Unpacker<'f>(&'f [u8]);

impl Unpacker<'_> {
    /// The next form's head.
    pub(super) fn next_head(&mut self) -> Option<FormHead> {
        let instrument = Sym::from_number(u32::try_from(self.varint()?).ok()?)?;
        let version = i32::try_from(unzigzag(self.varint()?)).ok()?;
        let state = match self.byte()? {
            REMOVED => FormState::Removed,
            SCORED => FormState::Scored,
            _ => FormState::Unscored(*Reason::ALL.get(usize::from(self.byte()?))?),
        };
        Some(FormHead { instrument, version, state })
    }

    /// The values after a head, over `values`.
    pub(super) fn values(&mut self, values: &mut Vec<f64>) {
        values.clear();
        let count = self.varint().unwrap_or(0);
        values.extend((0..count).map_while(|_| self.value()));
    }

    /// The value at `position` after a head; passes all of them.
    pub(super) fn value_at(&mut self, position: usize) -> Option<f64> {
        let mut found = None;
        let count = usize::try_from(self.varint().unwrap_or(0)).unwrap_or(0);
        for at in 0..count {
            let value = self.value()?;
            if at == position {
                found = Some(value);
            }
        }
        found
    }

    /// Passes the values after a head.
    pub(super) fn skip_values(&mut self) {
        self.value_at(usize::MAX);
    }

    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    #[inline]
    fn varint(&mut self) -> Option<u64> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    #[inline]
    fn value(&mut self) -> Option<f64> {
        let head = self.varint()?;
        if head & 1 == 0 {
            return Some(unzigzag(head >> 1) as f64 / TEN_THOUSANDTHS);
        }
        let (bytes, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(f64::from_bits(u64::from_le_bytes(*bytes)))
    }
}

fn write_value(out: &mut Vec<u8>, value: f64) {
    match ten_thousandths(value) {
        Some(whole) => write_varint(out, zigzag(whole) << 1),
        None => {
            write_varint(out, 1);
            out.extend(value.to_bits().to_le_bytes());
        }
    }
}

/// `value` in ten-thousandths, where that gives the same bits back.
fn ten_thousandths(value: f64) -> Option<i64> {
    let scaled = (value * TEN_THOUSANDTHS).round_ties_even();
    if !(-PACKED_MAX..PACKED_MAX).contains(&scaled) {
        return None;
    }
    #[allow(clippy::cast_possible_truncation, reason = "whole and below 10^14")]
    let whole = scaled as i64;
    (whole as f64 / TEN_THOUSANDTHS).to_bits().eq(&value.to_bits()).then_some(whole)
}

fn write_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    out.push(value.to_le_bytes()[0]);
}

fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)).cast_unsigned()
}

fn unzigzag(value: u64) -> i64 {
    (value >> 1).cast_signed() ^ -(value & 1).cast_signed()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn unpack(forms: &Forms) -> Vec<(u32, i32, FormState, Vec<u64>)> {
        let mut found = Vec::new();
        let mut rest = forms.read();
        let mut values = Vec::new();
        while let Some(head) = rest.next_head() {
            rest.values(&mut values);
            let bits = values.iter().map(|value| value.to_bits()).collect();
            found.push((head.instrument.number(), head.version, head.state, bits));
        }
        found
    }

    fn state() -> impl Strategy<Value = FormState> {
        prop_oneof![
            Just(FormState::Scored),
            Just(FormState::Removed),
            (0..Reason::ALL.len()).prop_map(|position| FormState::Unscored(Reason::ALL[position])),
        ]
    }

    proptest! {
        #[test]
        fn what_was_packed_comes_back_bit_by_bit(
            forms in prop::collection::vec(
                (1..u32::MAX, any::<i32>(), state(), prop::collection::vec(any::<f64>(), 0..6)), 0..6
            ),
        ) {
            let mut packer = Packer::default();
            let mut expected = Vec::new();
            for (instrument, version, state, values) in &forms {
                let instrument = Sym::from_number(*instrument).unwrap();
                packer.push(FormHead { instrument, version: *version, state: *state }, values);
                let bits = values.iter().map(|value| value.to_bits()).collect();
                expected.push((instrument.number(), *version, *state, bits));
            }
            prop_assert_eq!(unpack(&packer.finish()), expected);
        }

        #[test]
        fn any_bytes_end(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            unpack(&Forms(bytes.into()));
        }
    }

    #[test]
    fn scores_pack_small() {
        for (value, bytes) in
            [(0.0, 1), (3.0, 3), (0.869, 3), (-0.391, 2), (62.5, 4), (100.0 / 3.0, 9), (f64::NAN, 9)]
        {
            let mut out = Vec::new();
            write_value(&mut out, value);
            assert_eq!(out.len(), bytes, "{value}");
        }
    }
}
