//! A schema as the decoder walks it.

use apache_avro::Schema;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The types that the released schemas use; a test refuses others. Two are equal when any datum means the
/// same under both, names of inner types aside.
#[derive(PartialEq)]
pub(crate) enum Node {
    Boolean,
    Int,
    Long,
    Double,
    Text,
    /// A union with null first.
    Optional(Box<Node>),
    Array(Box<Node>),
    Map(Box<Node>),
    Enum(Vec<String>),
    Record(Record),
}

/// A record's fields in their order.
pub(crate) struct Record {
    pub(crate) fields: Vec<(String, Node)>,
    /// Address of a list of names that was found to be that of `fields`.
    same: AtomicUsize,
}

impl Node {
    /// `None` where the schema uses a type that the codec does not know.
    pub(crate) fn new(schema: &Schema) -> Option<Self> {
        Some(match schema {
            Schema::Boolean => Self::Boolean,
            Schema::Int | Schema::Date => Self::Int,
            Schema::Long | Schema::TimestampMillis => Self::Long,
            Schema::Double => Self::Double,
            Schema::String => Self::Text,
            Schema::Union(union) => match union.variants() {
                [Schema::Null, some] => Self::Optional(Box::new(Self::new(some)?)),
                _ => return None,
            },
            Schema::Array(array) => Self::Array(Box::new(Self::new(&array.items)?)),
            Schema::Map(map) => Self::Map(Box::new(Self::new(&map.types)?)),
            Schema::Enum(known) => Self::Enum(known.symbols.clone()),
            Schema::Record(record) => {
                let field = |field: &apache_avro::schema::RecordField| {
                    Some((field.name.clone(), Self::new(&field.schema)?))
                };
                let fields = record.fields.iter().map(field).collect::<Option<_>>()?;
                Self::Record(Record { fields, same: AtomicUsize::new(0) })
            }
            _ => return None,
        })
    }
}

impl PartialEq for Record {
    fn eq(&self, other: &Self) -> bool {
        self.fields == other.fields
    }
}

impl Record {
    /// Whether the fields have exactly these names in this order, so that no name need be looked at.
    /// The answer is remembered by the list's address: what is static never changes.
    pub(crate) fn has_fields(&self, names: &'static [&'static str]) -> bool {
        if names.len() != self.fields.len() {
            return false;
        }
        let address = names.as_ptr().addr();
        if self.same.load(Ordering::Relaxed) == address {
            return true;
        }
        let same = names.iter().zip(&self.fields).all(|(name, (field, _))| name == field);
        if same {
            self.same.store(address, Ordering::Relaxed);
        }
        same
    }
}
