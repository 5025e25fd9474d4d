//! Numbers in packed bytes.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, Visitor};
use serde::ser::{Serialize, Serializer};

const TEN_THOUSANDTHS: f64 = 10_000.0;
/// Magnitudes up to here are tried as ten-thousandths; whole doubles below it are exact.
const PACKED_MAX: f64 = 1e14;

/// Most bytes of a varint.
pub(super) const VARINT_MAX: usize = 10;

pub(super) fn write_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    out.push(value.to_le_bytes()[0]);
}

pub(super) fn write_signed(out: &mut Vec<u8>, value: i64) {
    write_varint(out, zigzag(value));
}

/// A double: a varint where it is a whole number of ten-thousandths, else its eight bytes; it comes back bit by bit.
pub(super) fn write_double(out: &mut Vec<u8>, value: f64) {
    match ten_thousandths(value) {
        Some(whole) => write_varint(out, zigzag(whole) << 1),
        None => {
            write_varint(out, 1);
            out.extend_from_slice(&value.to_bits().to_le_bytes());
        }
    }
}

/// Reads from the front. `None` where the bytes end early.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader<'b>(pub(super) &'b [u8]);

impl<'b> Reader<'b> {
    #[inline]
    pub(super) fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    #[inline]
    pub(super) fn bytes(&mut self, count: usize) -> Option<&'b [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    #[inline]
    pub(super) fn eight(&mut self) -> Option<u64> {
        let (bytes, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(u64::from_le_bytes(*bytes))
    }

    #[inline]
    pub(super) fn varint(&mut self) -> Option<u64> {
        let first = self.byte()?;
        let mut value = u64::from(first & 0x7f);
        if first & 0x80 == 0 {
            return Some(value);
        }
        for shift in (7..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    #[inline]
    pub(super) fn signed(&mut self) -> Option<i64> {
        self.varint().map(unzigzag)
    }

    #[inline]
    pub(super) fn small(&mut self) -> Option<u32> {
        u32::try_from(self.varint()?).ok()
    }

    #[inline]
    pub(super) fn double(&mut self) -> Option<f64> {
        let head = self.varint()?;
        if head & 1 == 0 {
            return Some(unzigzag(head >> 1) as f64 / TEN_THOUSANDTHS);
        }
        self.eight().map(f64::from_bits)
    }

    #[inline]
    pub(super) fn skip_double(&mut self) -> Option<()> {
        if self.varint()? & 1 == 1 { self.eight().map(|_| ()) } else { Some(()) }
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

const fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)).cast_unsigned()
}

const fn unzigzag(value: u64) -> i64 {
    (value >> 1).cast_signed() ^ -(value & 1).cast_signed()
}

/// Packed bytes that are written and read in one piece.
#[derive(Clone, Default, PartialEq, Eq)]
pub(super) struct Packed(pub(super) Vec<u8>);

impl fmt::Debug for Packed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} bytes", self.0.len())
    }
}

impl Serialize for Packed {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for Packed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Packed, D::Error> {
        struct Bytes;
        impl Visitor<'_> for Bytes {
            type Value = Packed;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("packed bytes")
            }

            fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Packed, E> {
                Ok(Packed(bytes.to_vec()))
            }
        }
        deserializer.deserialize_bytes(Bytes)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn numbers_come_back_bit_by_bit(whole in any::<u64>(), signed in any::<i64>(), double in any::<f64>()) {
            let mut out = Vec::new();
            write_varint(&mut out, whole);
            write_signed(&mut out, signed);
            write_double(&mut out, double);
            write_double(&mut out, f64::from(i32::try_from(signed >> 32).unwrap()) / 10_000.0);
            let mut reader = Reader(&out);
            prop_assert_eq!(reader.varint(), Some(whole));
            prop_assert_eq!(reader.signed(), Some(signed));
            prop_assert_eq!(reader.double().map(f64::to_bits), Some(double.to_bits()));
            prop_assert_eq!(reader.skip_double(), Some(()));
            prop_assert!(reader.0.is_empty());
        }
    }

    #[test]
    fn scores_pack_small() {
        for (value, bytes) in [
            (0.0, 1),
            (3.0, 3),
            (0.869, 3),
            (-0.391, 2),
            (62.5, 4),
            (100.0 / 3.0, 9),
            (f64::NAN, 9),
            (-0.0, 9),
        ] {
            let mut out = Vec::new();
            write_double(&mut out, value);
            assert_eq!(out.len(), bytes, "{value}");
            assert_eq!(Reader(&out).double().map(f64::to_bits), Some(value.to_bits()), "{value}");
        }
    }
}
