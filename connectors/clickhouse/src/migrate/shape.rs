//! What a database looks like: its tables, their keys and columns, as the server prints them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Tables and views by name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Shape {
    pub(super) tables: BTreeMap<String, Table>,
}

/// A table or view.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Table {
    /// With its parameters, `ReplacingMergeTree(version)`; `View` for a view.
    pub(super) engine: String,
    pub(super) partition_key: String,
    pub(super) sorting_key: String,
    pub(super) columns: Vec<Column>,
}

/// A column.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Column {
    pub(super) name: String,
    #[serde(rename = "type")]
    pub(super) kind: String,
}

/// The engine with its parameters, out of the whole clause of `system.tables.engine_full`. Replication is the
/// cluster's affair: `ReplicatedX('/path', '{replica}', p)` and `SharedX('/path', '{replica}', p)` count as `X(p)`.
pub(super) fn engine(engine: &str, engine_full: &str) -> String {
    let plain = ["Replicated", "Shared"].iter().find_map(|prefix| engine.strip_prefix(prefix));
    let parameters = engine_full
        .strip_prefix(engine)
        .and_then(|rest| rest.strip_prefix('('))
        .and_then(|rest| rest.split_once(')'))
        .map_or("", |(parameters, _)| parameters);
    let mut parameters: Vec<&str> =
        parameters.split(", ").filter(|parameter| !parameter.is_empty()).collect();
    if plain.is_some() {
        parameters.retain(|parameter| !parameter.starts_with('\''));
    }
    let name = plain.unwrap_or(engine);
    if parameters.is_empty() { name.to_owned() } else { format!("{name}({})", parameters.join(", ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_engine_is_its_name_and_parameters() {
        let table = [
            (
                "ReplacingMergeTree",
                "ReplacingMergeTree(version) ORDER BY (a, b) SETTINGS x = 1",
                "ReplacingMergeTree(version)",
            ),
            ("ReplacingMergeTree", "ReplacingMergeTree ORDER BY (a, b)", "ReplacingMergeTree"),
            ("MergeTree", "MergeTree PARTITION BY toYYYYMM(t) ORDER BY a", "MergeTree"),
            (
                "ReplicatedReplacingMergeTree",
                "ReplicatedReplacingMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}', version) ORDER BY a",
                "ReplacingMergeTree(version)",
            ),
            ("SharedMergeTree", "SharedMergeTree('/a', '{replica}') ORDER BY a", "MergeTree"),
            ("View", "", "View"),
        ];
        for (name, full, expected) in table {
            assert_eq!(engine(name, full), expected, "{full}");
        }
    }
}
