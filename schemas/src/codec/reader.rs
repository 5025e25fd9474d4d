//! Reads a datum by the schema that it was written with, into a wire type.
//!
//! apache-avro is the authority but takes about a microsecond for the smallest record and cannot borrow;
//! serde_avro_fast links a crate under the LGPL. Fields are matched by name; where a wire type has the
//! fields of the schema in its order, which is so for all but older versions, by position.

use super::WireError;
use super::cursor::{BEYOND_SCHEMA, Cursor};
use super::schema::{Node, Record};
use serde::de::value::StrDeserializer;
use serde::de::{self, DeserializeSeed, MapAccess, SeqAccess, Visitor};
use serde::forward_to_deserialize_any;

/// A fault as serde carries it. What serde itself finds (a number out of range, a symbol without a value)
/// is one fault, without its words, for they contain the value.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Fault(pub(super) WireError);

impl de::Error for Fault {
    fn custom<T: std::fmt::Display>(_: T) -> Self {
        Self(WireError::Invalid("a value does not fit its field"))
    }
}

impl From<WireError> for Fault {
    fn from(error: WireError) -> Self {
        Self(error)
    }
}

/// One value at the cursor.
pub(super) struct Reader<'c, 's, 'de> {
    pub(super) cursor: &'c mut Cursor<'de>,
    pub(super) node: &'s Node,
}

impl<'de> de::Deserializer<'de> for Reader<'_, '_, 'de> {
    type Error = Fault;

    #[inline]
    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.node {
            Node::Boolean => visitor.visit_bool(self.cursor.boolean()?),
            Node::Int => visitor.visit_i32(self.cursor.int()?),
            Node::Long => visitor.visit_i64(self.cursor.long()?),
            Node::Double => visitor.visit_f64(self.cursor.double()?),
            Node::Text => visitor.visit_borrowed_str(self.cursor.text()?),
            Node::Optional(_) => self.deserialize_option(visitor),
            Node::Array(node) => visitor.visit_seq(Elements::new(self.cursor, node)),
            Node::Map(node) => visitor.visit_map(Elements::new(self.cursor, node)),
            Node::Enum(symbols) => visitor.visit_str(symbol(self.cursor, symbols)?),
            Node::Record(record) => visitor.visit_map(Fields::new(self.cursor, record)),
        }
    }

    #[inline]
    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        let Node::Optional(node) = self.node else { return visitor.visit_some(self) };
        match self.cursor.choice()? {
            0 => visitor.visit_none(),
            1 => visitor.visit_some(Reader { cursor: self.cursor, node }),
            _ => Err(BEYOND_SCHEMA.into()),
        }
    }

    #[inline]
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        names: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        match self.node {
            Node::Record(record) if record.has_fields(names) => {
                visitor.visit_seq(Fields::new(self.cursor, record))
            }
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        let Node::Enum(symbols) = self.node else { return self.deserialize_any(visitor) };
        visitor.visit_enum(StrDeserializer::new(symbol(self.cursor, symbols)?))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf unit unit_struct
        newtype_struct seq tuple tuple_struct map identifier ignored_any
    }
}

fn symbol<'s>(cursor: &mut Cursor<'_>, symbols: &'s [String]) -> Result<&'s str, Fault> {
    Ok(symbols.get(cursor.choice()?).ok_or(BEYOND_SCHEMA)?)
}

/// The fields of a record, with their names or without.
struct Fields<'c, 's, 'de> {
    cursor: &'c mut Cursor<'de>,
    fields: std::slice::Iter<'s, (String, Node)>,
    /// The field whose name was read, and whose value comes.
    next: Option<&'s Node>,
}

impl<'c, 's, 'de> Fields<'c, 's, 'de> {
    fn new(cursor: &'c mut Cursor<'de>, record: &'s Record) -> Self {
        Self { cursor, fields: record.fields.iter(), next: None }
    }
}

impl<'de> SeqAccess<'de> for Fields<'_, '_, 'de> {
    type Error = Fault;

    #[inline]
    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Fault> {
        let Some((_, node)) = self.fields.next() else { return Ok(None) };
        seed.deserialize(Reader { cursor: self.cursor, node }).map(Some)
    }
}

impl<'de> MapAccess<'de> for Fields<'_, '_, 'de> {
    type Error = Fault;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Fault> {
        let Some((name, node)) = self.fields.next() else { return Ok(None) };
        self.next = Some(node);
        seed.deserialize(StrDeserializer::new(name)).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Fault> {
        let node = self.next.take().expect("serde asks for a value after its key");
        seed.deserialize(Reader { cursor: self.cursor, node })
    }
}

/// The elements of an array or the entries of a map.
struct Elements<'c, 's, 'de> {
    cursor: &'c mut Cursor<'de>,
    node: &'s Node,
    in_block: usize,
    left: usize,
}

impl<'c, 's, 'de> Elements<'c, 's, 'de> {
    fn new(cursor: &'c mut Cursor<'de>, node: &'s Node) -> Self {
        Self { cursor, node, in_block: 0, left: super::MAX_ELEMENTS }
    }

    #[inline]
    fn more(&mut self) -> Result<bool, Fault> {
        if self.in_block == 0 {
            self.in_block = self.cursor.block(&mut self.left)?;
            if self.in_block == 0 {
                return Ok(false);
            }
        }
        self.in_block -= 1;
        Ok(true)
    }
}

impl<'de> SeqAccess<'de> for Elements<'_, '_, 'de> {
    type Error = Fault;

    #[inline]
    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Fault> {
        if !self.more()? {
            return Ok(None);
        }
        seed.deserialize(Reader { cursor: self.cursor, node: self.node }).map(Some)
    }
}

impl<'de> MapAccess<'de> for Elements<'_, '_, 'de> {
    type Error = Fault;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Fault> {
        if !self.more()? {
            return Ok(None);
        }
        seed.deserialize(Reader { cursor: self.cursor, node: &Node::Text }).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Fault> {
        seed.deserialize(Reader { cursor: self.cursor, node: self.node })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    const OLD: &str = r#"{ "type": "record", "name": "Fact", "fields": [
        { "name": "gone", "type": { "type": "array", "items": { "type": "record", "name": "Part", "fields": [
            { "name": "kind", "type": { "type": "enum", "name": "Kind", "symbols": ["small", "odd"] } },
            { "name": "sizes", "type": { "type": "map", "values": "double" } } ] } } },
        { "name": "text", "type": "string" },
        { "name": "count", "type": "long" },
        { "name": "kind", "type": { "type": "enum", "name": "Other", "symbols": ["odd", "small"] } } ] }"#;

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum Kind {
        Small,
        #[serde(other)]
        Unknown,
    }

    /// What today's version of the same stream looks like: fields in another order, one gone, one new.
    #[derive(Debug, PartialEq, Deserialize)]
    struct Fact<'a> {
        kind: Kind,
        count: u32,
        text: &'a str,
        since: Option<i64>,
    }

    fn read(body: &[u8]) -> Result<Fact<'_>, WireError> {
        let node = Node::new(&apache_avro::Schema::parse_str(OLD).unwrap()).unwrap();
        let mut cursor = Cursor { rest: body };
        let fact = Fact::deserialize(Reader { cursor: &mut cursor, node: &node }).map_err(|fault| fault.0)?;
        assert_eq!(cursor.rest.len(), 0);
        Ok(fact)
    }

    #[test]
    fn another_version_is_read_by_name() {
        // two parts in a block that states its size, one of them with a map of one entry
        let mut body = vec![3, 28, 0, 2, 2, b'a'];
        body.extend([0; 8]);
        body.extend([0, 2, 0, 0]);
        let rest = [2, b'x', 14, 2];
        let fact = Fact { kind: Kind::Small, count: 7, text: "x", since: None };
        assert_eq!(read(&[&body[..], &rest].concat()), Ok(fact));
        // what is passed over is read all the same
        body[2] = 6;
        assert_eq!(read(&[&body[..], &rest].concat()), Err(BEYOND_SCHEMA));
    }

    #[test]
    fn what_serde_refuses_is_a_fault_without_its_words() {
        assert_eq!(read(&[0, 2, b'x', 14, 0]).map(|fact| fact.kind), Ok(Kind::Unknown));
        // minus one is no count
        assert_eq!(read(&[0, 2, b'x', 1, 0]), Err(WireError::Invalid("a value does not fit its field")));
        assert_eq!(read(&[0, 2, b'x', 1]), Err(WireError::Invalid("a value does not fit its field")));
    }
}
