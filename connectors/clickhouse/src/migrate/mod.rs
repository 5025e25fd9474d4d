//! Creates the tables that are missing and verifies those that are there.
//!
//! A migration is a file of statements, each of which can be run again. ClickHouse has no transactions for them, so one
//! that was interrupted, or that two processes run at once, is simply run again; it is recorded when its last statement
//! has succeeded. What all of them give is kept beside them (`expected.json`, written by a test from a real server) and
//! compared with what is there.

mod difference;
mod live;
mod shape;

use std::collections::BTreeMap;
use std::time::Duration;

use clickhouse::{Client, Row};
use serde::Deserialize;
use xxhash_rust::xxh3::xxh3_64;

pub use difference::Difference;
use shape::Shape;

use crate::{Store, StoreError};

/// A file of statements.
struct Migration {
    number: u32,
    name: &'static str,
    sql: &'static str,
}

macro_rules! migrations {
    ($($number:literal $name:literal)*) => {
        &[$(Migration {
            number: $number,
            name: $name,
            sql: include_str!(concat!("../../../../schemas/clickhouse/", $name, ".sql")),
        }),*]
    };
}

/// In the order in which they are applied. A released one never changes; what is to be changed is a new one.
const MIGRATIONS: &[Migration] = migrations! {
    1 "0001_outputs"
    2 "0002_views"
    3 "0003_care"
    4 "0004_raw_readings"
    5 "0005_analysts"
    6 "0006_page_views"
    7 "0007_late_days"
    8 "0008_monitoring"
    9 "0009_forecast"
    10 "0010_ledger"
    11 "0011_reading_months"
    12 "0012_facts"
};
const BOOKKEEPING: &str = include_str!("../../../../schemas/clickhouse/schema_migrations.sql");
const EXPECTED: &str = include_str!("../../../../schemas/clickhouse/expected.json");

/// What [`Store::migrate`] found and did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Migrations that this call applied, by name.
    pub applied: Vec<String>,
    /// Migrations that the database lacks, by name; empty after applying.
    pub pending: Vec<String>,
    /// What differs from what the migrations give, one by one. While migrations are pending, a missing table is not
    /// named as well.
    pub differences: Vec<Difference>,
}

impl Report {
    /// Whether the tables are as this build wants them.
    pub fn is_clean(&self) -> bool {
        self.pending.is_empty() && self.differences.is_empty()
    }
}

impl Store {
    /// Compares the database with this build. With `apply` it creates the database and whatever the migrations that it
    /// lacks give; without, it changes nothing. What already exists is never altered beyond what a migration says: a
    /// difference is named, and a person decides.
    ///
    /// May run any number of times, and at once from several places.
    ///
    /// # Errors
    /// [`StoreError::Edited`] when a migration was changed after this database saw it (then nothing is applied); else
    /// what the server said.
    pub async fn migrate(&self, apply: bool) -> Result<Report, StoreError> {
        if apply {
            self.create_database().await?;
        }
        let seen = self.seen().await?;
        edited(&seen)?;
        let mut report = Report::default();
        for migration in MIGRATIONS.iter().filter(|migration| !seen.contains_key(&migration.number)) {
            if apply {
                self.apply(migration).await?;
                report.applied.push(migration.name.to_owned());
            } else {
                report.pending.push(migration.name.to_owned());
            }
        }
        let known = |number: &u32| MIGRATIONS.iter().any(|migration| migration.number == *number);
        let newer = seen.into_iter().filter(|(number, _)| !known(number));
        report.differences.extend(newer.flat_map(|(_, rows)| rows).map(|row| Difference::Newer(row.name)));
        let mut differences = difference::between(&expected(), &self.live().await?);
        if !report.pending.is_empty() {
            differences.retain(|difference| !matches!(difference, Difference::TableMissing(_)));
        }
        report.differences.extend(differences);
        Ok(report)
    }

    /// The tables and views of the database as they are, in the form of `expected.json`.
    ///
    /// # Errors
    /// What the server said.
    pub async fn describe(&self) -> Result<String, StoreError> {
        let bug = |error: serde_json::Error| StoreError::Bug {
            action: "describe the tables".to_owned(),
            message: error.to_string(),
        };
        serde_json::to_string_pretty(&self.live().await?).map_err(bug)
    }

    async fn create_database(&self) -> Result<(), StoreError> {
        let database = self.config.database();
        let client = self.config.client();
        let count = client.query_raw("SELECT count() FROM system.databases WHERE name = {name: String}");
        let count = count.param("name", database).fetch_one::<u64>();
        if self.timed("look for the database", count).await? == 0 {
            let create = format!("CREATE DATABASE IF NOT EXISTS `{database}`");
            self.statement(&client, format!("create database {database}"), &create).await?;
        }
        self.statement(&self.client, "create table schema_migrations".to_owned(), BOOKKEEPING).await
    }

    async fn apply(&self, migration: &Migration) -> Result<(), StoreError> {
        for (index, statement) in statements(migration.sql).enumerate() {
            let action = format!("apply migration {}, statement {}", migration.name, index + 1);
            self.statement(&self.client, action, statement).await?;
        }
        let record = self
            .client
            .query_raw(
                "INSERT INTO schema_migrations \
                 SELECT {number: UInt32}, {name: String}, {checksum: UInt64}, now64(3)",
            )
            .param("number", migration.number)
            .param("name", migration.name)
            .param("checksum", xxh3_64(migration.sql.as_bytes()));
        self.timed(format!("record migration {}", migration.name), record.execute()).await
    }

    /// Runs a statement that can be run again. Two processes that create the same thing at the same time can see each
    /// other's half, in spite of IF NOT EXISTS.
    async fn statement(&self, client: &Client, action: String, sql: &str) -> Result<(), StoreError> {
        // TABLE_ALREADY_EXISTS, DATABASE_ALREADY_EXISTS
        const RACES: [i32; 2] = [57, 82];
        let mut attempts_left = 4;
        loop {
            let result = self.timed(action.clone(), client.query_raw(sql).execute()).await;
            match result {
                Err(error) if attempts_left > 0 && error.code().is_some_and(|code| RACES.contains(&code)) => {
                    attempts_left -= 1;
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
                result => return result,
            }
        }
    }

    /// The migrations that the database has seen, by number.
    async fn seen(&self) -> Result<BTreeMap<u32, Vec<Seen>>, StoreError> {
        let mut seen: BTreeMap<u32, Vec<Seen>> = BTreeMap::new();
        if self.live_tables().await?.iter().any(|table| table == "schema_migrations") {
            let query = self.client.query_raw(
                "SELECT DISTINCT number, name, checksum FROM schema_migrations ORDER BY number, checksum",
            );
            for row in self.timed("read the migrations applied", query.fetch_all::<Seen>()).await? {
                seen.entry(row.number).or_default().push(row);
            }
        }
        Ok(seen)
    }
}

#[derive(Row, Deserialize)]
struct Seen {
    number: u32,
    name: String,
    checksum: u64,
}

/// Refuses to go on where the text of a migration is not what the database has seen.
fn edited(seen: &BTreeMap<u32, Vec<Seen>>) -> Result<(), StoreError> {
    let differs = |migration: &&Migration| {
        let checksum = xxh3_64(migration.sql.as_bytes());
        seen.get(&migration.number).is_some_and(|rows| rows.iter().any(|row| row.checksum != checksum))
    };
    let edited: Vec<String> =
        MIGRATIONS.iter().filter(differs).map(|migration| migration.name.into()).collect();
    if edited.is_empty() { Ok(()) } else { Err(StoreError::Edited(edited)) }
}

/// The statements of a file: each ends with a semicolon at the end of a line.
fn statements(sql: &str) -> impl Iterator<Item = &str> {
    let has_code = |statement: &&str| {
        statement.lines().any(|line| !line.trim().is_empty() && !line.trim_start().starts_with("--"))
    };
    sql.split(";\n").filter(has_code)
}

fn expected() -> Shape {
    serde_json::from_str(EXPECTED).expect("a test keeps the file as this type writes it")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn migrations_are_numbered_without_a_gap_and_named_so() {
        for (index, migration) in MIGRATIONS.iter().enumerate() {
            assert_eq!(usize::try_from(migration.number).unwrap(), index + 1);
            assert!(migration.name.starts_with(&format!("{:04}_", migration.number)), "{}", migration.name);
        }
    }

    #[test]
    fn every_file_of_the_folder_is_a_migration() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../schemas/clickhouse");
        let names = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
        let mut files: Vec<String> = names
            .filter_map(|name| name.into_string().unwrap().strip_suffix(".sql").map(str::to_owned))
            .filter(|name| name != "schema_migrations")
            .collect();
        files.sort();
        let migrations: Vec<&str> = MIGRATIONS.iter().map(|migration| migration.name).collect();
        assert_eq!(files, migrations);
    }

    #[test]
    fn every_statement_can_be_run_again() {
        let again = ["CREATE TABLE IF NOT EXISTS ", "CREATE VIEW IF NOT EXISTS ", "CREATE OR REPLACE VIEW "];
        for statement in
            MIGRATIONS.iter().flat_map(|migration| statements(migration.sql)).chain([BOOKKEEPING])
        {
            let code = statement.lines().find(|line| !line.is_empty() && !line.starts_with("--")).unwrap();
            let added = statement.matches("ADD COLUMN ").count();
            let column = code.starts_with("ALTER TABLE ")
                && added > 0
                && added == statement.matches("ADD COLUMN IF NOT EXISTS ").count();
            assert!(column || again.iter().any(|start| code.starts_with(start)), "{code}");
        }
    }

    #[test]
    fn a_semicolon_inside_a_line_ends_no_statement() {
        let sql = "-- one; two\nSELECT ';'\n, 1;\n\n-- only a comment;\n-- and another\n";
        assert_eq!(statements(sql).collect::<Vec<_>>(), ["-- one; two\nSELECT ';'\n, 1"]);
    }

    #[test]
    fn a_migration_that_was_edited_is_named() {
        let seen = |checksum| {
            let first = &MIGRATIONS[0];
            BTreeMap::from([(1, vec![Seen { number: 1, name: first.name.to_owned(), checksum }])])
        };
        assert!(edited(&seen(xxh3_64(MIGRATIONS[0].sql.as_bytes()))).is_ok());
        let error = edited(&seen(1)).unwrap_err();
        assert!(error.to_string().contains("0001_outputs"), "{error}");
    }
}
