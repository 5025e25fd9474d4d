//! What the database looks like now.

use clickhouse::Row;
use serde::Deserialize;

use super::shape::{Column, Shape, Table, engine};
use crate::{Store, StoreError};

#[derive(Row, Deserialize)]
struct TableRow {
    name: String,
    engine: String,
    engine_full: String,
    partition_key: String,
    sorting_key: String,
}

#[derive(Row, Deserialize)]
struct ColumnRow {
    table: String,
    name: String,
    r#type: String,
}

impl Store {
    pub(super) async fn live_tables(&self) -> Result<Vec<String>, StoreError> {
        let query = "SELECT name FROM system.tables WHERE database = {database: String} ORDER BY name";
        // not in the database, which may not exist yet
        let query = self.config.client().query_raw(query).param("database", self.config.database());
        self.timed("list the tables", query.fetch_all::<String>()).await
    }

    pub(super) async fn live(&self) -> Result<Shape, StoreError> {
        let client = self.config.client();
        let database = self.config.database();
        let tables = client
            .query_raw(
                "SELECT name, engine, engine_full, partition_key, sorting_key FROM system.tables \
                 WHERE database = {database: String}",
            )
            .param("database", database);
        let columns = client
            .query_raw(
                "SELECT table, name, type FROM system.columns WHERE database = {database: String} \
                 ORDER BY table, position",
            )
            .param("database", database);
        let mut shape = Shape::default();
        for row in self.timed("read the tables", tables.fetch_all::<TableRow>()).await? {
            let table = Table {
                engine: engine(&row.engine, &row.engine_full),
                partition_key: row.partition_key,
                sorting_key: row.sorting_key,
                columns: Vec::new(),
            };
            shape.tables.insert(row.name, table);
        }
        for row in self.timed("read the columns", columns.fetch_all::<ColumnRow>()).await? {
            // a table may have come between the two queries
            if let Some(table) = shape.tables.get_mut(&row.table) {
                table.columns.push(Column { name: row.name, kind: row.r#type });
            }
        }
        Ok(shape)
    }
}
