//! Why could a body not be read? A plain walk over the bytes by the schema, only after reading failed, so
//! that the answer does not hang on another library's wording and never contains a value.

use super::WireError;
use apache_avro::Schema;
use apache_avro::schema::{NamesRef, ResolvedSchema};

const MALFORMED_NUMBER: WireError = WireError::Invalid("a number is longer than its type allows");
const NEGATIVE_LENGTH: WireError = WireError::Invalid("a length is negative");
const BEYOND_SCHEMA: WireError = WireError::Invalid("a choice is not in the schema");

/// Names the first fault in `body`.
pub(super) fn fault(schema: &Schema, body: &[u8]) -> WireError {
    let resolved = ResolvedSchema::new(schema).expect("a test resolves every released schema");
    let mut walk = Walk { rest: body, named: resolved.get_names() };
    match walk.value(schema) {
        Err(fault) => fault,
        Ok(()) if !walk.rest.is_empty() => WireError::TrailingBytes,
        Ok(()) => WireError::Invalid("a value is out of its field's range"),
    }
}

struct Walk<'s, 'b> {
    rest: &'b [u8],
    named: &'s NamesRef<'s>,
}

impl<'s> Walk<'s, '_> {
    fn value(&mut self, schema: &'s Schema) -> Result<(), WireError> {
        match schema {
            Schema::Null => Ok(()),
            Schema::Boolean => match self.take(1)? {
                [0 | 1] => Ok(()),
                _ => Err(BEYOND_SCHEMA),
            },
            Schema::Int | Schema::Date | Schema::TimeMillis => self.int(),
            Schema::Float => self.take(4).map(drop),
            Schema::Double => self.take(8).map(drop),
            Schema::Bytes | Schema::Decimal(_) => self.bytes().map(drop),
            Schema::String => match std::str::from_utf8(self.bytes()?) {
                Ok(_) => Ok(()),
                Err(_) => Err(WireError::Invalid("a text is not UTF-8")),
            },
            Schema::Array(array) => self.blocks(None, &array.items),
            Schema::Map(map) => self.blocks(Some(&Schema::String), &map.types),
            Schema::Union(union) => {
                let at = self.choice()?;
                self.value(union.variants().get(at).ok_or(BEYOND_SCHEMA)?)
            }
            Schema::Record(record) => record.fields.iter().try_for_each(|field| self.value(&field.schema)),
            Schema::Enum(known) if self.choice()? < known.symbols.len() => Ok(()),
            Schema::Enum(_) => Err(BEYOND_SCHEMA),
            Schema::Fixed(fixed) => self.take(fixed.size).map(drop),
            Schema::Ref { name } => self.value(self.named.get(name).ok_or(BEYOND_SCHEMA)?),
            // every other type is a long on the wire, or is not used (a test lists what is)
            _ => self.long().map(drop),
        }
    }

    fn blocks(&mut self, key: Option<&'s Schema>, item: &'s Schema) -> Result<(), WireError> {
        let mut left = super::MAX_ELEMENTS;
        loop {
            let count = self.long()?;
            if count == 0 {
                return Ok(());
            }
            if count < 0 {
                self.long()?;
            }
            let count = usize::try_from(count.unsigned_abs()).unwrap_or(usize::MAX);
            left = left.checked_sub(count).ok_or(WireError::Invalid("too many elements in a list"))?;
            for _ in 0..count {
                if let Some(key) = key {
                    self.value(key)?;
                }
                self.value(item)?;
            }
        }
    }

    fn long(&mut self) -> Result<i64, WireError> {
        let mut raw: u64 = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.take(1)?[0];
            raw |= u64::from(byte & 0x7f).checked_shl(shift).unwrap_or(0);
            if byte & 0x80 == 0 {
                return Ok((raw >> 1).cast_signed() ^ -(raw & 1).cast_signed());
            }
        }
        Err(MALFORMED_NUMBER)
    }

    fn int(&mut self) -> Result<(), WireError> {
        i32::try_from(self.long()?).map_or(Err(MALFORMED_NUMBER), |_| Ok(()))
    }

    fn choice(&mut self) -> Result<usize, WireError> {
        usize::try_from(self.long()?).ok().ok_or(BEYOND_SCHEMA)
    }

    fn bytes(&mut self) -> Result<&[u8], WireError> {
        let length = usize::try_from(self.long()?).ok().ok_or(NEGATIVE_LENGTH)?;
        self.take(length)
    }

    fn take(&mut self, length: usize) -> Result<&[u8], WireError> {
        let (taken, rest) = self.rest.split_at_checked(length).ok_or(WireError::Truncated)?;
        self.rest = rest;
        Ok(taken)
    }
}
