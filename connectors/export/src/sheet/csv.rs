//! CSV.

use std::fs::File;
use std::io::Write;
use std::path::Path;

use super::{Sheet, check};
use crate::file::Counting;
use crate::table::{Cell, Table, decimal};
use crate::{ExportError, Written};

/// A CSV file: a heading, then rows; no totals, so that every line is a row.
pub struct Csv<W: Write> {
    table: &'static Table,
    out: csv::Writer<Counting<W>>,
    rows: u64,
}

impl Csv<File> {
    /// Begins a file.
    ///
    /// # Errors
    /// When it can't be created.
    pub fn create(path: &Path, table: &'static Table) -> Result<Csv<File>, ExportError> {
        Csv::begin(Counting::create(path)?, table)
    }
}

impl<W: Write> Csv<W> {
    /// Begins a table on whatever takes bytes, such as the terminal.
    ///
    /// # Errors
    /// When it can't be written.
    pub fn to(out: W, table: &'static Table) -> Result<Csv<W>, ExportError> {
        Csv::begin(Counting::new(out), table)
    }

    fn begin(out: Counting<W>, table: &'static Table) -> Result<Csv<W>, ExportError> {
        let mut out = csv::Writer::from_writer(out);
        out.write_record(table.fields.iter().map(|field| field.name)).map_err(ExportError::format("CSV"))?;
        Ok(Csv { table, out, rows: 0 })
    }
}

impl<W: Write> Sheet for Csv<W> {
    fn row(&mut self, cells: &[Cell<'_>]) -> Result<(), ExportError> {
        check(self.table, cells)?;
        for cell in cells {
            match cell {
                Cell::Empty => self.out.write_field(""),
                Cell::Text(text) | Cell::Number(text) => self.out.write_field(text),
                Cell::Integer(number) => self.out.write_field(number.to_string()),
                Cell::Amount { minor, places } => self.out.write_field(decimal(*minor, *places)),
                Cell::Date(day) => self.out.write_field(day.to_string()),
            }
            .map_err(ExportError::format("CSV"))?;
        }
        self.out.write_record(None::<&[u8]>).map_err(ExportError::format("CSV"))?;
        self.rows += 1;
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<Written, ExportError> {
        let out = self.out.into_inner().map_err(|error| ExportError::io("write")(error.into_error()))?;
        out.finish(self.rows)
    }
}
