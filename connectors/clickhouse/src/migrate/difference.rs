//! What is not as the migrations give it, one thing at a time.

use super::shape::{Shape, Table};

/// One thing that is not as the migrations give it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Difference {
    /// The database has seen a migration that this build does not know.
    #[error("migration {0} is newer than this build")]
    Newer(String),
    /// A table or view is missing though its migration was applied.
    #[error("table {0} is missing")]
    TableMissing(String),
    /// A column is missing.
    #[error("column {table}.{column} is missing")]
    ColumnMissing {
        /// The table.
        table: String,
        /// The column.
        column: String,
    },
    /// There is a column that no migration gives.
    #[error("column {table}.{column} is not ours")]
    ColumnUnknown {
        /// The table.
        table: String,
        /// The column.
        column: String,
    },
    /// A column, or the table itself, is defined otherwise.
    #[error("{what} of {of} is {found}, expected {expected}")]
    Defined {
        /// The table, or `table.column`.
        of: String,
        /// `type`, `engine`, `sorting key` or `partition key`.
        what: &'static str,
        /// What it should be.
        expected: String,
        /// What it is.
        found: String,
    },
}

/// Everything that differs, by table, then column. Tables that no migration gives are not ours to judge.
pub(super) fn between(expected: &Shape, live: &Shape) -> Vec<Difference> {
    let mut differences = Vec::new();
    for (name, table) in &expected.tables {
        match live.tables.get(name) {
            Some(found) => tables(name, table, found, &mut differences),
            None => differences.push(Difference::TableMissing(name.clone())),
        }
    }
    differences
}

fn tables(name: &str, expected: &Table, found: &Table, differences: &mut Vec<Difference>) {
    let mut compare = |of: String, what: &'static str, expected: &str, found: &str| {
        if expected != found {
            let quoted = |text: &str| if text.is_empty() { "none".to_owned() } else { text.to_owned() };
            let (expected, found) = (quoted(expected), quoted(found));
            differences.push(Difference::Defined { of, what, expected, found });
        }
    };
    compare(name.to_owned(), "engine", &expected.engine, &found.engine);
    compare(name.to_owned(), "sorting key", &expected.sorting_key, &found.sorting_key);
    compare(name.to_owned(), "partition key", &expected.partition_key, &found.partition_key);
    for column in &expected.columns {
        if let Some(found) = found.columns.iter().find(|found| found.name == column.name) {
            compare(format!("{name}.{}", column.name), "type", &column.kind, &found.kind);
        }
    }
    let lacks = |table: &Table, column: &str| !table.columns.iter().any(|other| other.name == column);
    for column in expected.columns.iter().filter(|column| lacks(found, &column.name)) {
        let (table, column) = (name.to_owned(), column.name.clone());
        differences.push(Difference::ColumnMissing { table, column });
    }
    for column in found.columns.iter().filter(|column| lacks(expected, &column.name)) {
        let (table, column) = (name.to_owned(), column.name.clone());
        differences.push(Difference::ColumnUnknown { table, column });
    }
}

#[cfg(test)]
mod tests {
    use super::super::shape::Column;
    use super::*;

    fn table(engine: &str, sorting_key: &str, columns: &[(&str, &str)]) -> Table {
        let column =
            |(name, kind): &(&str, &str)| Column { name: (*name).to_owned(), kind: (*kind).to_owned() };
        Table {
            engine: engine.to_owned(),
            partition_key: String::new(),
            sorting_key: sorting_key.to_owned(),
            columns: columns.iter().map(column).collect(),
        }
    }

    fn shape(tables: &[(&str, Table)]) -> Shape {
        Shape { tables: tables.iter().map(|(name, table)| ((*name).to_owned(), table.clone())).collect() }
    }

    #[test]
    fn every_difference_is_named() {
        let expected = shape(&[
            (
                "a",
                table("ReplacingMergeTree(version)", "x", &[("x", "String"), ("y", "Int32"), ("z", "Int8")]),
            ),
            ("b", table("MergeTree", "x", &[("x", "String")])),
        ]);
        let mut found = table("MergeTree", "x, y", &[("x", "String"), ("y", "Int64"), ("w", "Int8")]);
        found.partition_key = "x".to_owned();
        let words: Vec<String> =
            between(&expected, &shape(&[("a", found), ("other", table("Log", "", &[]))]))
                .iter()
                .map(ToString::to_string)
                .collect();
        assert_eq!(
            words,
            [
                "engine of a is MergeTree, expected ReplacingMergeTree(version)",
                "sorting key of a is x, y, expected x",
                "partition key of a is x, expected none",
                "type of a.y is Int64, expected Int32",
                "column a.z is missing",
                "column a.w is not ours",
                "table b is missing",
            ]
        );
    }

    #[test]
    fn the_order_of_columns_does_not_matter() {
        let a = shape(&[("a", table("MergeTree", "x", &[("x", "String"), ("y", "Int32")]))]);
        let b = shape(&[("a", table("MergeTree", "x", &[("y", "Int32"), ("x", "String")]))]);
        assert_eq!(between(&a, &b), []);
    }
}
