//! Tables and letters as files: CSV with a description of its fields, XLSX, Parquet, PDF, UBL.
//!
//! It knows tables, amounts and addresses, nothing of what they are about. Whatever is written is a function of what is
//! given: no clock, no chance, no name of a machine; the same content gives the same bytes. Amounts are whole minor units
//! all the way into the file. Tables are written row by row, so that a file may be larger than memory.

mod file;
mod manifest;
mod package;
mod pdf;
mod sheet;
mod table;
mod ubl;

pub use file::{Written, write_file};
pub use manifest::{FileEntry, Manifest, Sum, Sums};
pub use package::{Resource, data_package};
pub use pdf::{Column, Group, Letter, Row, Summary, amount_text, render as pdf};
pub use sheet::{Csv, Format, Parquet, Sheet, Xlsx};
pub use table::{Cell, Field, ForeignKey, Kind, Table};
pub use ubl::{Bill, Item, Party, Payment, Vat, is_credit_note, xml as ubl};

/// Why a file could not be made.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The disk or the pipe.
    #[error("{action}: {source}")]
    Io {
        /// What was being done, such as "create invoice.csv".
        action: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// A library that writes a format refuses the content.
    #[error("{format}: {problem}")]
    Format {
        /// The format, such as XLSX.
        format: &'static str,
        /// What it said.
        problem: String,
    },
    /// A row that doesn't fit its table.
    #[error("table {table}, field {field}: {problem}")]
    Cell {
        /// The table.
        table: &'static str,
        /// The field.
        field: &'static str,
        /// What is wrong.
        problem: &'static str,
    },
    /// A sum that no longer fits.
    #[error("{what}: the sum is beyond what can be counted")]
    TooLarge {
        /// What was summed.
        what: &'static str,
    },
    /// A letter with characters that its font lacks.
    #[error("{place}: the font has no character U+{character:04X}")]
    Glyph {
        /// Where it stands, such as "the sender".
        place: &'static str,
        /// The code point.
        character: u32,
    },
}

impl ExportError {
    pub(crate) fn io(action: impl Into<String>) -> impl FnOnce(std::io::Error) -> ExportError {
        let action = action.into();
        move |source| ExportError::Io { action, source }
    }

    pub(crate) fn format<E: std::fmt::Display>(format: &'static str) -> impl Fn(E) -> ExportError {
        move |error| ExportError::Format { format, problem: error.to_string() }
    }
}
