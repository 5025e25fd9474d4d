//! Lists of records inside a row: structs on the wire, tuples in ClickHouse, whose client knows no other.
//!
//! Formats that write field names call themselves human-readable to serde; ClickHouse's does not.

use serde::ser::SerializeSeq;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A record that can be seen as the tuple of its fields.
pub(super) trait Nested<'a>: Sized {
    /// The types of its fields.
    type Fields: Deserialize<'a>;

    fn of(fields: Self::Fields) -> Self;
    fn serialize_fields<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error>;
}

/// Declares a record of a list.
macro_rules! nested {
    ($(#[$doc:meta])* $name:ident $(<$life:lifetime>)? {
        $($(#[$attribute:meta])* $field:ident: $type:ty,)*
    }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
        pub struct $name $(<$life>)? {
            $($(#[$attribute])* pub $field: $type,)*
        }

        impl<'de $(: $life, $life)?> super::nested::Nested<'de> for $name $(<$life>)? {
            type Fields = ($($type,)*);

            fn of(($($field,)*): Self::Fields) -> Self {
                Self { $($field,)* }
            }

            fn serialize_fields<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serde::Serialize::serialize(&($(&self.$field,)*), serializer)
            }
        }
    };
}

pub(super) use nested;

struct Fields<'t, T>(&'t T);

impl<'a, T: Nested<'a>> Serialize for Fields<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize_fields(serializer)
    }
}

pub(super) fn serialize<'a, S: Serializer, T: Nested<'a> + Serialize>(
    values: &[T],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    if serializer.is_human_readable() {
        return values.serialize(serializer);
    }
    let mut list = serializer.serialize_seq(Some(values.len()))?;
    for value in values {
        list.serialize_element(&Fields(value))?;
    }
    list.end()
}

pub(super) fn deserialize<'de, D: Deserializer<'de>, T: Nested<'de> + Deserialize<'de>>(
    deserializer: D,
) -> Result<Vec<T>, D::Error> {
    if deserializer.is_human_readable() {
        return Vec::deserialize(deserializer);
    }
    Ok(Vec::<T::Fields>::deserialize(deserializer)?.into_iter().map(T::of).collect())
}
