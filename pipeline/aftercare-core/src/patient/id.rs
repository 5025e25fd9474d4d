//! Record ids, packed: a UUID in its usual form takes 16 bytes instead of 36.

use std::cmp::Ordering;
use std::sync::Arc;

use super::bytes::{Reader, write_varint};

/// An id as kept. The same text is always kept the same way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Id<'b> {
    Text(&'b str),
    Uuid([u8; 16]),
}

const UUID_LENGTH: usize = 36;

impl<'b> Id<'b> {
    pub(super) fn new(text: &'b str) -> Id<'b> {
        uuid(text.as_bytes()).map_or(Id::Text(text), Id::Uuid)
    }

    pub(super) fn is_uuid(self) -> bool {
        matches!(self, Id::Uuid(_))
    }

    pub(super) fn write(self, out: &mut Vec<u8>) {
        match self {
            Id::Uuid(bytes) => out.extend_from_slice(&bytes),
            Id::Text(text) => {
                write_varint(out, text.len() as u64);
                out.extend_from_slice(text.as_bytes());
            }
        }
    }

    /// Whether packed bytes begin with this id; it must be known that they begin with one of its form.
    pub(super) fn leads(self, bytes: &[u8]) -> bool {
        match self {
            Id::Uuid(own) => bytes.first_chunk() == Some(&own),
            Id::Text(text) => {
                let mut rest = Reader(bytes);
                let length = rest.varint().and_then(|length| usize::try_from(length).ok());
                length == Some(text.len()) && rest.0.starts_with(text.as_bytes())
            }
        }
    }

    pub(super) fn read(is_uuid: bool, from: &mut Reader<'b>) -> Option<Id<'b>> {
        if is_uuid {
            return from.bytes(16)?.try_into().ok().map(Id::Uuid);
        }
        let length = usize::try_from(from.varint()?).ok()?;
        std::str::from_utf8(from.bytes(length)?).ok().map(Id::Text)
    }

    /// Calls `with` with the text.
    pub(super) fn with<T>(self, with: impl FnOnce(&str) -> T) -> T {
        match self {
            Id::Text(text) => with(text),
            Id::Uuid(bytes) => with(std::str::from_utf8(&letters(bytes)).unwrap_or_default()),
        }
    }

    /// The text, to be shared.
    pub(super) fn shared(self) -> Arc<str> {
        self.with(|text| Arc::from(text))
    }

    /// In the order of the texts.
    pub(super) fn order(self, other: Id<'_>) -> Ordering {
        match (self, other) {
            // the digits of a UUID are in the order of what they count
            (Id::Uuid(own), Id::Uuid(other)) => own.cmp(&other),
            (own, other) => own.with(|own| other.with(|other| own.cmp(other))),
        }
    }
}

/// The value of each letter; 255: none of a UUID's digits.
const VALUES: [u8; 256] = {
    let mut values = [255; 256];
    let mut digit = 0;
    while digit < 16u8 {
        values[DIGITS[digit as usize] as usize] = digit;
        digit += 1;
    }
    values
};
const DIGITS: &[u8; 16] = b"0123456789abcdef";
/// Where the first of the two digits of each byte is.
const PLACES: [usize; 16] = [0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34];

fn uuid(text: &[u8]) -> Option<[u8; 16]> {
    let text: &[u8; UUID_LENGTH] = text.try_into().ok()?;
    let mut bytes = [0u8; 16];
    let mut seen = 0;
    for (byte, place) in bytes.iter_mut().zip(PLACES) {
        let high = VALUES[usize::from(text[place])];
        let low = VALUES[usize::from(text[place + 1])];
        seen |= high | low;
        *byte = high << 4 | low & 15;
    }
    let dashed = text[8] == b'-' && text[13] == b'-' && text[18] == b'-' && text[23] == b'-';
    (dashed && seen < 16).then_some(bytes)
}

fn letters(bytes: [u8; 16]) -> [u8; UUID_LENGTH] {
    let mut letters = [b'-'; UUID_LENGTH];
    for (byte, place) in bytes.into_iter().zip(PLACES) {
        letters[place] = DIGITS[usize::from(byte >> 4)];
        letters[place + 1] = DIGITS[usize::from(byte & 15)];
    }
    letters
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ids() -> impl Strategy<Value = String> {
        prop_oneof![
            "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
            "[0-9A-Fa-f-]{36}",
            ".{1,40}",
        ]
    }

    proptest! {
        #[test]
        fn ids_come_back_and_keep_their_order(one in ids(), other in ids()) {
            let (id, second) = (Id::new(&one), Id::new(&other));
            let mut out = Vec::new();
            id.write(&mut out);
            let back = Id::read(id.is_uuid(), &mut Reader(&out)).unwrap();
            prop_assert_eq!(back, id);
            prop_assert_eq!(back.with(str::to_owned), one.clone());
            prop_assert_eq!(id.order(second), one.cmp(&other));
            prop_assert_eq!(id == second, one == other);
        }
    }

    #[test]
    fn a_uuid_packs() {
        assert!(Id::new("123e4567-e89b-12d3-a456-426614174000").is_uuid());
        for other in ["123E4567-e89b-12d3-a456-426614174000", "123e4567e89b-12d3-a456-4266141740000", "u"] {
            assert!(!Id::new(other).is_uuid(), "{other}");
        }
    }
}
