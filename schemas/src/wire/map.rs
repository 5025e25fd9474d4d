//! `Vec<Scale>` as a map from name to value: an Avro map on the wire, `Map(String, Float64)` in
//! ClickHouse. Both writers see a serde map, in the order of the vector.

use super::Scale;
use serde::de::{MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserializer, Serializer};
use std::fmt;

pub(super) fn serialize<S: Serializer>(scales: &[Scale<'_>], serializer: S) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(Some(scales.len()))?;
    for scale in scales {
        map.serialize_entry(scale.name, &scale.value)?;
    }
    map.end()
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Scale<'de>>, D::Error> {
    struct Entries;
    impl<'de> Visitor<'de> for Entries {
        type Value = Vec<Scale<'de>>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a map from scale to value")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut scales = Vec::new();
            while let Some((name, value)) = map.next_entry()? {
                scales.push(Scale { name, value });
            }
            Ok(scales)
        }
    }
    deserializer.deserialize_map(Entries)
}
