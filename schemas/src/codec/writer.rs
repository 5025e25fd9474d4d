//! Writes a wire type by its shape alone.
//!
//! The wire types have the fields of their newest schema in its order, so that writing them needs no look
//! into the schema: an `Option` is a union with null first, a sequence is an array, a map a map. Tests hold it
//! to the schema: whatever apache-avro writes is read and written again to the same bytes.

use serde::Serialize;
use serde::ser::{self, Impossible};

/// Has no place in a wire type, or is out of its range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no wire type")]
pub(super) struct NoWireType;

impl ser::Error for NoWireType {
    fn custom<T: std::fmt::Display>(_: T) -> Self {
        Self
    }
}

/// Appends to a buffer.
pub(super) struct Writer<'o> {
    pub(super) out: &'o mut Vec<u8>,
    /// The name and the number of fields that the struct to be written must have; `None` inside it.
    pub(super) record: Option<(&'o str, usize)>,
}

impl Writer<'_> {
    #[inline]
    fn long(&mut self, value: i64) {
        let mut raw = (value.cast_unsigned() << 1) ^ (value >> 63).cast_unsigned();
        if raw < 0x80 {
            return self.out.push(raw.to_le_bytes()[0]);
        }
        let mut bytes = [0; 10];
        let mut length = 0;
        while raw >= 0x80 {
            bytes[length] = raw.to_le_bytes()[0] | 0x80;
            raw >>= 7;
            length += 1;
        }
        bytes[length] = raw.to_le_bytes()[0];
        self.out.extend_from_slice(&bytes[..=length]);
    }

    fn count(&mut self, count: usize) -> Result<(), NoWireType> {
        self.long(i64::try_from(count).ok().ok_or(NoWireType)?);
        Ok(())
    }

    /// Begins an array or map: one block with all its elements, unless it is empty.
    fn block(self, length: Option<usize>) -> Result<Self, NoWireType> {
        let mut writer = self;
        match length.ok_or(NoWireType)? {
            0 => {}
            count => writer.count(count)?,
        }
        Ok(writer)
    }

    #[inline]
    fn inner<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), NoWireType> {
        value.serialize(Writer { out: self.out, record: None })
    }
}

impl ser::Serializer for Writer<'_> {
    type Ok = ();
    type Error = NoWireType;
    type SerializeSeq = Self;
    type SerializeMap = Self;
    type SerializeStruct = Self;
    type SerializeTuple = Impossible<(), NoWireType>;
    type SerializeTupleStruct = Impossible<(), NoWireType>;
    type SerializeTupleVariant = Impossible<(), NoWireType>;
    type SerializeStructVariant = Impossible<(), NoWireType>;

    fn serialize_bool(self, value: bool) -> Result<(), NoWireType> {
        self.out.push(u8::from(value));
        Ok(())
    }

    fn serialize_i32(mut self, value: i32) -> Result<(), NoWireType> {
        self.long(value.into());
        Ok(())
    }

    fn serialize_i64(mut self, value: i64) -> Result<(), NoWireType> {
        self.long(value);
        Ok(())
    }

    fn serialize_u32(mut self, value: u32) -> Result<(), NoWireType> {
        self.long(value.into());
        Ok(())
    }

    fn serialize_u64(mut self, value: u64) -> Result<(), NoWireType> {
        self.long(i64::try_from(value).ok().ok_or(NoWireType)?);
        Ok(())
    }

    fn serialize_f64(self, value: f64) -> Result<(), NoWireType> {
        self.out.extend_from_slice(&value.to_le_bytes());
        Ok(())
    }

    fn serialize_str(mut self, value: &str) -> Result<(), NoWireType> {
        self.count(value.len())?;
        self.out.extend_from_slice(value.as_bytes());
        Ok(())
    }

    fn serialize_none(self) -> Result<(), NoWireType> {
        self.out.push(0);
        Ok(())
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), NoWireType> {
        self.out.push(2);
        value.serialize(self)
    }

    /// The index is that of the symbol in the schema (see `wire::symbols`).
    fn serialize_unit_variant(mut self, _: &str, index: u32, _: &str) -> Result<(), NoWireType> {
        self.long(index.into());
        Ok(())
    }

    fn serialize_seq(self, length: Option<usize>) -> Result<Self, NoWireType> {
        self.block(length)
    }

    fn serialize_map(self, length: Option<usize>) -> Result<Self, NoWireType> {
        self.block(length)
    }

    fn serialize_struct(self, name: &str, fields: usize) -> Result<Self, NoWireType> {
        if self.record.is_none_or(|record| record == (name, fields)) { Ok(self) } else { Err(NoWireType) }
    }

    fn serialize_i8(self, _: i8) -> Result<(), NoWireType> {
        Err(NoWireType)
    }

    fn serialize_i16(self, _: i16) -> Result<(), NoWireType> {
        Err(NoWireType)
    }

    fn serialize_u8(self, _: u8) -> Result<(), NoWireType> {
        Err(NoWireType)
    }

    fn serialize_u16(self, _: u16) -> Result<(), NoWireType> {
        Err(NoWireType)
    }

    fn serialize_f32(self, _: f32) -> Result<(), NoWireType> {
        Err(NoWireType)
    }

    fn serialize_char(self, _: char) -> Result<(), NoWireType> {
        Err(NoWireType)
    }

    fn serialize_bytes(self, _: &[u8]) -> Result<(), NoWireType> {
        Err(NoWireType)
    }

    fn serialize_unit(self) -> Result<(), NoWireType> {
        Err(NoWireType)
    }

    fn serialize_unit_struct(self, _: &str) -> Result<(), NoWireType> {
        Err(NoWireType)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &str, _: &T) -> Result<(), NoWireType> {
        Err(NoWireType)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &str,
        _: u32,
        _: &str,
        _: &T,
    ) -> Result<(), NoWireType> {
        Err(NoWireType)
    }

    fn serialize_tuple(self, _: usize) -> Result<Self::SerializeTuple, NoWireType> {
        Err(NoWireType)
    }

    fn serialize_tuple_struct(self, _: &str, _: usize) -> Result<Self::SerializeTupleStruct, NoWireType> {
        Err(NoWireType)
    }

    fn serialize_tuple_variant(
        self,
        _: &str,
        _: u32,
        _: &str,
        _: usize,
    ) -> Result<Self::SerializeTupleVariant, NoWireType> {
        Err(NoWireType)
    }

    fn serialize_struct_variant(
        self,
        _: &str,
        _: u32,
        _: &str,
        _: usize,
    ) -> Result<Self::SerializeStructVariant, NoWireType> {
        Err(NoWireType)
    }
}

impl ser::SerializeStruct for Writer<'_> {
    type Ok = ();
    type Error = NoWireType;

    #[inline]
    fn serialize_field<T: Serialize + ?Sized>(
        &mut self,
        _: &'static str,
        value: &T,
    ) -> Result<(), NoWireType> {
        self.inner(value)
    }

    fn end(self) -> Result<(), NoWireType> {
        Ok(())
    }
}

impl ser::SerializeSeq for Writer<'_> {
    type Ok = ();
    type Error = NoWireType;

    #[inline]
    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), NoWireType> {
        self.inner(value)
    }

    fn end(self) -> Result<(), NoWireType> {
        self.out.push(0);
        Ok(())
    }
}

impl ser::SerializeMap for Writer<'_> {
    type Ok = ();
    type Error = NoWireType;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), NoWireType> {
        self.inner(key)
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), NoWireType> {
        self.inner(value)
    }

    fn end(self) -> Result<(), NoWireType> {
        self.out.push(0);
        Ok(())
    }
}
