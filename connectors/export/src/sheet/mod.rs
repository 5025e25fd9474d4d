//! A table, row by row, into a file.

mod csv;
mod parquet;
mod xlsx;

use std::path::Path;

pub use self::csv::Csv;
pub use self::parquet::Parquet;
pub use self::xlsx::Xlsx;
use crate::table::{Cell, Table};
use crate::{ExportError, Written};

/// A file of a table that is being written.
pub trait Sheet {
    /// Appends a row: a cell for each field.
    ///
    /// # Errors
    /// When a cell doesn't fit its field, or it can't be written.
    fn row(&mut self, cells: &[Cell<'_>]) -> Result<(), ExportError>;

    /// Writes what is left, totals included.
    ///
    /// # Errors
    /// When it can't be written.
    fn finish(self: Box<Self>) -> Result<Written, ExportError>;
}

/// The formats of tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Format {
    /// Text: comma, quotes where needed, UTF-8, a heading, lines end with LF.
    Csv,
    /// A workbook of Excel and others.
    Xlsx,
    /// Apache Parquet.
    Parquet,
}

impl Format {
    /// How names of its files end.
    pub const fn extension(self) -> &'static str {
        match self {
            Format::Csv => "csv",
            Format::Xlsx => "xlsx",
            Format::Parquet => "parquet",
        }
    }

    /// Begins a file.
    ///
    /// `places`: decimals of all amounts of a Parquet file, at least those of any currency in it.
    ///
    /// # Errors
    /// When it can't be created.
    pub fn create(
        self,
        path: &Path,
        table: &'static Table,
        places: u32,
    ) -> Result<Box<dyn Sheet>, ExportError> {
        Ok(match self {
            Format::Csv => Box::new(Csv::create(path, table)?),
            Format::Xlsx => Box::new(Xlsx::create(path, table)?),
            Format::Parquet => Box::new(Parquet::create(path, table, places)?),
        })
    }
}

/// Whether the cells are as many and of the kind that the table says.
fn check(table: &'static Table, cells: &[Cell<'_>]) -> Result<(), ExportError> {
    let wrong = |field, problem| Err(ExportError::Cell { table: table.name, field, problem });
    if cells.len() != table.fields.len() {
        return wrong("all", "the row has not one cell for each field");
    }
    for (cell, field) in cells.iter().zip(table.fields) {
        if !cell.fits(field.kind) {
            return wrong(field.name, "the cell is of another kind");
        }
        if field.required && *cell == Cell::Empty {
            return wrong(field.name, "it is empty");
        }
        let is_known = |text| field.one_of.is_empty() || field.one_of.contains(&text);
        if matches!(cell, Cell::Text(text) if !is_known(*text)) {
            return wrong(field.name, "it is none of the values that are allowed");
        }
    }
    Ok(())
}
