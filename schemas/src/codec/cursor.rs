//! Avro's primitive forms, read from the front of a slice.

use super::WireError;

const MALFORMED_NUMBER: WireError = WireError::Invalid("a number is longer than its type allows");
const NEGATIVE_LENGTH: WireError = WireError::Invalid("a length is negative");
const TOO_MANY: WireError = WireError::Invalid("too many elements in a list");
pub(super) const BEYOND_SCHEMA: WireError = WireError::Invalid("a choice is not in the schema");

/// What is left of a body.
pub(super) struct Cursor<'a> {
    pub(super) rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8], WireError> {
        let (taken, rest) = self.rest.split_at_checked(length).ok_or(WireError::Truncated)?;
        self.rest = rest;
        Ok(taken)
    }

    /// Most numbers of a record (lengths, choices) are one byte.
    #[inline]
    pub(super) fn long(&mut self) -> Result<i64, WireError> {
        match self.rest {
            [byte @ 0..0x80, rest @ ..] => {
                self.rest = rest;
                Ok(unzigzag(u64::from(*byte)))
            }
            _ => self.longer(),
        }
    }

    fn longer(&mut self) -> Result<i64, WireError> {
        let mut raw = 0_u64;
        for (at, byte) in self.rest.iter().take(10).enumerate() {
            raw |= u64::from(byte & 0x7f) << (7 * at);
            // the tenth byte carries the last of 64 bits
            if at == 9 && *byte > 1 {
                return Err(MALFORMED_NUMBER);
            }
            if byte & 0x80 == 0 {
                self.rest = &self.rest[at + 1..];
                return Ok(unzigzag(raw));
            }
        }
        Err(WireError::Truncated)
    }

    pub(super) fn int(&mut self) -> Result<i32, WireError> {
        i32::try_from(self.long()?).ok().ok_or(MALFORMED_NUMBER)
    }

    pub(super) fn boolean(&mut self) -> Result<bool, WireError> {
        match self.take(1)? {
            [0] => Ok(false),
            [1] => Ok(true),
            _ => Err(BEYOND_SCHEMA),
        }
    }

    pub(super) fn double(&mut self) -> Result<f64, WireError> {
        let (bytes, rest) = self.rest.split_first_chunk().ok_or(WireError::Truncated)?;
        self.rest = rest;
        Ok(f64::from_le_bytes(*bytes))
    }

    /// The index of an enum's symbol or a union's branch.
    pub(super) fn choice(&mut self) -> Result<usize, WireError> {
        usize::try_from(self.long()?).ok().ok_or(BEYOND_SCHEMA)
    }

    pub(super) fn bytes(&mut self) -> Result<&'a [u8], WireError> {
        let length = usize::try_from(self.long()?).ok().ok_or(NEGATIVE_LENGTH)?;
        self.take(length)
    }

    pub(super) fn text(&mut self) -> Result<&'a str, WireError> {
        std::str::from_utf8(self.bytes()?).ok().ok_or(WireError::Invalid("a text is not UTF-8"))
    }

    /// The number of elements in the next block of a list, 0 at its end. `left` is how many more the list
    /// may have. The block's size in bytes, where it is given, is passed over.
    pub(super) fn block(&mut self, left: &mut usize) -> Result<usize, WireError> {
        let count = self.long()?;
        if count < 0 {
            self.long()?;
        }
        let count = usize::try_from(count.unsigned_abs()).unwrap_or(usize::MAX);
        *left = left.checked_sub(count).ok_or(TOO_MANY)?;
        Ok(count)
    }
}

fn unzigzag(raw: u64) -> i64 {
    (raw >> 1).cast_signed() ^ -(raw & 1).cast_signed()
}
