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

/// Where a UUID has its dashes.
const DASHES: [usize; 4] = [8, 13, 18, 23];
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
            Id::Uuid(bytes) => out.extend(bytes),
            Id::Text(text) => {
                write_varint(out, text.len() as u64);
                out.extend(text.as_bytes());
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

fn uuid(text: &[u8]) -> Option<[u8; 16]> {
    if text.len() != UUID_LENGTH {
        return None;
    }
    let mut bytes = [0u8; 16];
    let mut digits = 0usize;
    for (position, letter) in text.iter().enumerate() {
        if DASHES.contains(&position) {
            if *letter != b'-' {
                return None;
            }
            continue;
        }
        let digit = match letter {
            b'0'..=b'9' => letter - b'0',
            b'a'..=b'f' => letter - b'a' + 10,
            _ => return None,
        };
        let byte = bytes.get_mut(digits / 2)?;
        *byte = *byte << 4 | digit;
        digits += 1;
    }
    Some(bytes)
}

fn letters(bytes: [u8; 16]) -> [u8; UUID_LENGTH] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut letters = [b'-'; UUID_LENGTH];
    let places = letters.iter_mut().enumerate().filter(|(position, _)| !DASHES.contains(position));
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    for ((_, letter), digit) in places.zip(digits) {
        *letter = DIGITS.get(usize::from(digit)).copied().unwrap_or(b'?');
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
