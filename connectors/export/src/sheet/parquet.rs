//! Parquet.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use jiff::civil::{Date, date};
use parquet::basic::{Compression, LogicalType, Repetition, Type as Physical, ZstdLevel};
use parquet::data_type::{ByteArray, ByteArrayType, DataType, DoubleType, Int32Type, Int64Type};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::types::{Type, TypePtr};

use super::{Sheet, check};
use crate::file::Counting;
use crate::table::{Cell, Field, Kind, Table};
use crate::{ExportError, Written};

/// Rows that are in memory at a time.
const GROUP_ROWS: usize = 16_384;
/// Digits of an amount.
const PRECISION: i32 = 18;
const EPOCH: Date = date(1970, 1, 1);

/// A Parquet file: text as strings, amounts as decimals of one number of places, days as dates; zstd.
pub struct Parquet<W: Write + Send> {
    table: &'static Table,
    places: u32,
    out: SerializedFileWriter<Counting<W>>,
    columns: Vec<Values>,
    held: usize,
    rows: u64,
}

/// What a column holds of the rows in memory, with whether there is a value for each.
struct Values {
    present: Vec<i16>,
    values: Of,
}

enum Of {
    Text(Vec<ByteArray>),
    Whole(Vec<i64>),
    Day(Vec<i32>),
    Number(Vec<f64>),
}

fn refused<E: std::fmt::Display>(error: E) -> ExportError {
    ExportError::format("Parquet")(error)
}

impl Parquet<File> {
    /// Begins a file; `places` as for [`Format::create`](super::Format::create).
    ///
    /// # Errors
    /// When it can't be created.
    pub fn create(path: &Path, table: &'static Table, places: u32) -> Result<Parquet<File>, ExportError> {
        let level = ZstdLevel::try_new(3).map_err(refused)?;
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(level))
            .set_created_by("aftercare".to_owned())
            .build();
        let out = Counting::create(path)?;
        let out =
            SerializedFileWriter::new(out, schema(table, places)?, Arc::new(properties)).map_err(refused)?;
        let columns = table.fields.iter().map(Values::of).collect();
        Ok(Parquet { table, places, out, columns, held: 0, rows: 0 })
    }
}

impl<W: Write + Send> Parquet<W> {
    fn flush(&mut self) -> Result<(), ExportError> {
        if self.held == 0 {
            return Ok(());
        }
        let mut group = self.out.next_row_group().map_err(refused)?;
        for (column, field) in self.columns.iter_mut().zip(self.table.fields) {
            column.write(&mut group, field.required)?;
        }
        group.close().map_err(refused)?;
        self.held = 0;
        Ok(())
    }
}

impl<W: Write + Send> Sheet for Parquet<W> {
    fn row(&mut self, cells: &[Cell<'_>]) -> Result<(), ExportError> {
        check(self.table, cells)?;
        for (column, cell) in self.columns.iter_mut().zip(cells) {
            column.push(cell, self.places)?;
        }
        (self.held, self.rows) = (self.held + 1, self.rows + 1);
        if self.held == GROUP_ROWS { self.flush() } else { Ok(()) }
    }

    fn finish(mut self: Box<Self>) -> Result<Written, ExportError> {
        self.flush()?;
        self.out.into_inner().map_err(refused)?.finish(self.rows)
    }
}

fn schema(table: &Table, places: u32) -> Result<TypePtr, ExportError> {
    let fields = table.fields.iter().map(|field| column(field, places)).collect::<Result<_, _>>()?;
    Type::group_type_builder(table.name).with_fields(fields).build().map(Arc::new).map_err(refused)
}

fn column(field: &Field, places: u32) -> Result<TypePtr, ExportError> {
    let (physical, logical) = match field.kind {
        Kind::Text | Kind::Month => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
        Kind::Integer => (Physical::INT64, None),
        Kind::Number => (Physical::DOUBLE, None),
        Kind::Date => (Physical::INT32, Some(LogicalType::Date)),
        Kind::Amount => {
            let scale = i32::try_from(places).map_err(refused)?;
            (Physical::INT64, Some(LogicalType::decimal(scale, PRECISION)))
        }
    };
    let repetition = if field.required { Repetition::REQUIRED } else { Repetition::OPTIONAL };
    let mut column = Type::primitive_type_builder(field.name, physical).with_repetition(repetition);
    column = column.with_logical_type(logical);
    if field.kind == Kind::Amount {
        column = column.with_precision(PRECISION).with_scale(i32::try_from(places).map_err(refused)?);
    }
    column.build().map(Arc::new).map_err(refused)
}

impl Values {
    fn of(field: &Field) -> Values {
        let values = match field.kind {
            Kind::Text | Kind::Month => Of::Text(Vec::new()),
            Kind::Integer | Kind::Amount => Of::Whole(Vec::new()),
            Kind::Date => Of::Day(Vec::new()),
            Kind::Number => Of::Number(Vec::new()),
        };
        Values { present: Vec::new(), values }
    }

    fn push(&mut self, cell: &Cell<'_>, places: u32) -> Result<(), ExportError> {
        match (cell, &mut self.values) {
            (Cell::Text(text), Of::Text(values)) => values.push(ByteArray::from(text.as_bytes().to_vec())),
            (Cell::Integer(whole), Of::Whole(values)) => values.push(*whole),
            (Cell::Amount { minor, places: own }, Of::Whole(values)) => {
                values.push(scaled(*minor, *own, places)?)
            }
            (Cell::Number(text), Of::Number(values)) => values.push(text.parse().map_err(refused)?),
            (Cell::Date(day), Of::Day(values)) => {
                let days = (*day - EPOCH).get_days();
                values.push(days);
            }
            _ => {
                self.present.push(0);
                return Ok(());
            }
        }
        self.present.push(1);
        Ok(())
    }

    fn write<W: Write + Send>(
        &mut self,
        group: &mut SerializedRowGroupWriter<'_, W>,
        required: bool,
    ) -> Result<(), ExportError> {
        let levels = (!required).then_some(&*self.present);
        match &mut self.values {
            Of::Text(values) => write_column::<ByteArrayType, W>(group, values, levels)?,
            Of::Whole(values) => write_column::<Int64Type, W>(group, values, levels)?,
            Of::Day(values) => write_column::<Int32Type, W>(group, values, levels)?,
            Of::Number(values) => write_column::<DoubleType, W>(group, values, levels)?,
        }
        self.present.clear();
        Ok(())
    }
}

fn write_column<T: DataType, W: Write + Send>(
    group: &mut SerializedRowGroupWriter<'_, W>,
    values: &mut Vec<T::T>,
    levels: Option<&[i16]>,
) -> Result<(), ExportError> {
    let Some(mut column) = group.next_column().map_err(refused)? else {
        return Err(refused("there are more columns than the schema has"));
    };
    column.typed::<T>().write_batch(values, levels, None).map_err(refused)?;
    column.close().map_err(refused)?;
    values.clear();
    Ok(())
}

/// Minor units of a currency of few places as those of one of more.
fn scaled(minor: i64, own: u32, places: u32) -> Result<i64, ExportError> {
    let factor = places.checked_sub(own).and_then(|more| 10_i64.checked_pow(more));
    let scaled = factor.and_then(|factor| minor.checked_mul(factor));
    scaled
        .filter(|scaled| scaled.unsigned_abs() < 10_u64.pow(18))
        .ok_or(ExportError::TooLarge { what: "an amount" })
}
