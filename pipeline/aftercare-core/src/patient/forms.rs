//! The scored forms of one upload, packed: about 40 bytes for four forms.
//!
//! Each form: instrument, version, state and count of values (varints), values.

use super::bytes::{Reader, write_double, write_signed, write_varint};
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

/// One form.
#[derive(Clone, Copy, Debug)]
pub(super) struct FormHead {
    pub(super) instrument: Sym,
    pub(super) version: i32,
    pub(super) state: FormState,
}

/// Packed forms.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Forms(pub(super) Vec<u8>);

const REMOVED: u64 = 0;
const SCORED: u64 = 1;
/// And above: unscored, by the reason's number.
const UNSCORED: u64 = 2;
/// States take this many bits of what they share with the count.
const STATE_BITS: u32 = 6;

impl Forms {
    pub(super) fn push(&mut self, head: FormHead, values: &[f64]) {
        write_varint(&mut self.0, u64::from(head.instrument.number()));
        write_signed(&mut self.0, i64::from(head.version));
        let state = match head.state {
            FormState::Removed => REMOVED,
            FormState::Scored => SCORED,
            FormState::Unscored(reason) => UNSCORED + reason as u64,
        };
        write_varint(&mut self.0, state | (values.len() as u64) << STATE_BITS);
        for value in values {
            write_double(&mut self.0, *value);
        }
    }

    /// Adds, as removed, those instruments of `earlier` that these lack.
    pub(super) fn replace(&mut self, earlier: &[u8]) {
        for form in read(earlier) {
            if read(&self.0).all(|own| own.head.instrument != form.head.instrument) {
                self.push(FormHead { state: FormState::Removed, ..form.head }, &[]);
            }
        }
    }
}

/// One form and its packed values.
#[derive(Clone, Copy, Debug)]
pub(super) struct Form<'f> {
    pub(super) head: FormHead,
    values: Reader<'f>,
    count: u64,
}

impl Form<'_> {
    /// The values, over `values`.
    pub(super) fn values(&self, values: &mut Vec<f64>) {
        let mut rest = self.values;
        values.clear();
        for _ in 0..self.count {
            let Some(value) = rest.double() else { return };
            values.push(value);
        }
    }

    /// The value at `position`.
    pub(super) fn value(&self, position: usize) -> Option<f64> {
        let mut rest = self.values;
        for _ in 0..position {
            rest.skip_double()?;
        }
        if (position as u64) < self.count { rest.double() } else { None }
    }
}

/// The forms in packed bytes.
pub(super) fn read(bytes: &[u8]) -> impl Iterator<Item = Form<'_>> {
    let mut rest = Reader(bytes);
    std::iter::from_fn(move || {
        let instrument = Sym::from_number(rest.small()?)?;
        let version = i32::try_from(rest.signed()?).ok()?;
        let shared = rest.varint()?;
        let state = match shared & ((1 << STATE_BITS) - 1) {
            REMOVED => FormState::Removed,
            SCORED => FormState::Scored,
            number => FormState::Unscored(*Reason::ALL.get(usize::try_from(number - UNSCORED).ok()?)?),
        };
        let (values, count) = (rest, shared >> STATE_BITS);
        for _ in 0..count {
            rest.skip_double()?;
        }
        Some(Form { head: FormHead { instrument, version, state }, values, count })
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn unpack(bytes: &[u8]) -> Vec<(u32, i32, FormState, Vec<u64>)> {
        let mut values = Vec::new();
        let unpacked = read(bytes).map(|form| {
            form.values(&mut values);
            let bits = values.iter().map(|value| value.to_bits()).collect();
            (form.head.instrument.number(), form.head.version, form.head.state, bits)
        });
        unpacked.collect()
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
            let mut packed = Forms::default();
            let mut expected = Vec::new();
            for (number, version, state, values) in &forms {
                let instrument = Sym::from_number(*number).unwrap();
                packed.push(FormHead { instrument, version: *version, state: *state }, values);
                let bits: Vec<u64> = values.iter().map(|value| value.to_bits()).collect();
                let last = read(&packed.0).last().unwrap();
                prop_assert_eq!(last.value(values.len()), None);
                for (position, bits) in bits.iter().enumerate() {
                    prop_assert_eq!(last.value(position).map(f64::to_bits), Some(*bits));
                }
                expected.push((*number, *version, *state, bits));
            }
            prop_assert_eq!(unpack(&packed.0), expected);
        }

        #[test]
        fn any_bytes_end(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            unpack(&bytes);
        }
    }
}
