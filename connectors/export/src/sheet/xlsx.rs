//! XLSX.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};

use rust_xlsxwriter::{
    DocProperties, ExcelDateTime, Format as Look, FormatAlign, Formula, Workbook, Worksheet, XlsxError,
    utility,
};

use super::{Sheet, check};
use crate::table::{Cell, Field, Kind, Table, decimal};
use crate::{ExportError, Written, file};

/// Rows of a sheet, its heading among them; what is more goes on in another sheet.
const SHEET_ROWS_MAX: u32 = 1_000_000;
/// Digits that a number of a workbook keeps.
const DIGITS_MAX: u64 = 1_000_000_000_000_000;

/// A workbook: amounts are numbers in the format of their currency, the heading stays in sight, and below the last row a
/// total of every amount for each currency, as a formula and as its value. Rows wait in a temporary file.
///
/// A workbook has no numbers but doubles. An amount enters as its decimal text; up to fifteen digits the nearest double
/// has that text again, and a larger amount is refused.
pub struct Xlsx {
    table: &'static Table,
    path: PathBuf,
    book: Workbook,
    looks: Looks,
    currency: Option<usize>,
    counted: Option<(usize, &'static str)>,
    /// Rows written to the last sheet, its heading among them.
    used: u32,
    sheets: u32,
    rows: u64,
    totals: BTreeMap<String, Total>,
}

struct Looks {
    head: Look,
    text: Look,
    day: Look,
    /// By currency.
    amounts: BTreeMap<String, (Look, Look)>,
}

/// Of one currency: its decimals, and a sum for each field of amounts.
struct Total {
    places: u32,
    sums: BTreeMap<usize, i64>,
}

fn refused(error: XlsxError) -> ExportError {
    ExportError::format("XLSX")(error)
}

impl Xlsx {
    /// Begins a file. Totals by currency go by the field `currency`; a table with amounts has one.
    ///
    /// # Errors
    /// When the temporary file can't be created.
    pub fn create(path: &Path, table: &'static Table) -> Result<Xlsx, ExportError> {
        let mut book = Workbook::new();
        // no clock, and no name of whoever runs it
        let made = ExcelDateTime::from_ymd(2000, 1, 1).map_err(refused)?;
        let about = DocProperties::new().set_title(table.title).set_comment(table.about);
        book.set_properties(&about.set_author("Aftercare").set_creation_datetime(&made));
        let head = Look::new().set_bold().set_background_color("E8EDF2").set_text_wrap();
        let mut xlsx = Xlsx {
            table,
            path: path.to_owned(),
            book,
            looks: Looks {
                head: head.set_align(FormatAlign::Top),
                text: Look::new(),
                day: Look::new().set_num_format("yyyy-mm-dd"),
                amounts: BTreeMap::new(),
            },
            currency: table.position("currency"),
            counted: table.counted.and_then(|(name, value)| Some((table.position(name)?, value))),
            used: 0,
            sheets: 0,
            rows: 0,
            totals: BTreeMap::new(),
        };
        xlsx.next_sheet()?;
        Ok(xlsx)
    }

    fn next_sheet(&mut self) -> Result<(), ExportError> {
        self.sheets += 1;
        let sheet = self.book.add_worksheet_with_constant_memory().map_err(refused)?;
        sheet.set_name(sheet_name(self.table, self.sheets)).map_err(refused)?;
        sheet.set_landscape().set_print_fit_to_pages(1, 0).set_footer("&L&A&R&P / &N");
        sheet.set_freeze_panes(1, 0).and_then(|sheet| sheet.set_repeat_rows(0, 0)).map_err(refused)?;
        for (at, field) in (0..).zip(self.table.fields) {
            sheet.set_column_width(at, width(field)).map_err(refused)?;
        }
        for (at, field) in (0..).zip(self.table.fields) {
            sheet.write_string_with_format(0, at, field.title, &self.looks.head).map_err(refused)?;
        }
        self.used = 1;
        Ok(())
    }

    fn count(&mut self, currency: &str, cells: &[Cell<'_>]) -> Result<(), ExportError> {
        let is_counted = self.counted.is_none_or(|(at, value)| cells.get(at) == Some(&Cell::Text(value)));
        for (at, cell) in cells.iter().enumerate() {
            if let (Cell::Amount { minor, places }, true) = (cell, is_counted) {
                let total = self.totals.entry(currency.to_owned());
                let total = total.or_insert_with(|| Total { places: *places, sums: BTreeMap::new() });
                let sum = total.sums.entry(at).or_default();
                *sum = sum.checked_add(*minor).ok_or(ExportError::TooLarge { what: self.table.name })?;
            }
        }
        Ok(())
    }

    /// A row for each currency: every amount of all sheets, and its value.
    fn write_totals(&mut self) -> Result<(), ExportError> {
        let Some(currency_at) = self.currency else { return Ok(()) };
        let rows = self.used;
        for (currency, total) in std::mem::take(&mut self.totals) {
            let look = self.looks.amount(&currency, total.places).1.clone();
            let row = self.used;
            let sheet = self.book.worksheet_from_index(last(self.sheets)).map_err(refused)?;
            let label_at = u16::from(currency_at == 0);
            let label = format!("Total 合计 {currency}");
            sheet.write_string_with_format(row, label_at, label, &self.looks.head).map_err(refused)?;
            for (at, sum) in &total.sums {
                let formula =
                    sum_formula(self.table, self.sheets, rows, (*at, currency_at), &currency, self.counted);
                let formula = Formula::new(formula).set_result(decimal(*sum, total.places));
                let at = u16::try_from(*at).unwrap_or(u16::MAX);
                sheet.write_formula_with_format(row, at, formula, &look).map_err(refused)?;
            }
            let at = u16::try_from(currency_at).unwrap_or(u16::MAX);
            sheet.write_string_with_format(row, at, &currency, &self.looks.head).map_err(refused)?;
            self.used += 1;
        }
        Ok(())
    }
}

impl Sheet for Xlsx {
    fn row(&mut self, cells: &[Cell<'_>]) -> Result<(), ExportError> {
        check(self.table, cells)?;
        if self.used == SHEET_ROWS_MAX {
            self.next_sheet()?;
        }
        let currency = match self.currency.and_then(|at| cells.get(at)) {
            Some(Cell::Text(currency)) => *currency,
            _ => "",
        };
        self.count(currency, cells)?;
        let sheet = self.book.worksheet_from_index(last(self.sheets)).map_err(refused)?;
        for (at, cell) in (0..).zip(cells) {
            write_cell(sheet, (self.used, at), cell, currency, &mut self.looks)?;
        }
        (self.used, self.rows) = (self.used + 1, self.rows + 1);
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<Written, ExportError> {
        // the filter is about rows, not about totals
        let columns = u16::try_from(self.table.fields.len().saturating_sub(1)).unwrap_or(u16::MAX);
        let sheet = self.book.worksheet_from_index(last(self.sheets)).map_err(refused)?;
        sheet.autofilter(0, 0, self.used - 1, columns).map_err(refused)?;
        self.write_totals()?;
        let path = &self.path;
        let file = File::create(path).map_err(ExportError::io(format!("create {}", path.display())))?;
        self.book.save_to_writer(file).map_err(refused)?;
        file::digest(path, self.rows)
    }
}

impl Looks {
    /// Of an amount, and of a total.
    fn amount(&mut self, currency: &str, places: u32) -> &(Look, Look) {
        if !self.amounts.contains_key(currency) {
            let zeros = "0".repeat(usize::try_from(places).unwrap_or(0));
            let point = if zeros.is_empty() { "" } else { "." };
            let number = format!("#,##0{point}{zeros} [${currency}];[Red]-#,##0{point}{zeros} [${currency}]");
            let look = Look::new().set_num_format(&number);
            let total = look.clone().set_bold().set_background_color("E8EDF2");
            self.amounts.insert(currency.to_owned(), (look, total));
        }
        &self.amounts[currency]
    }
}

fn write_cell(
    sheet: &mut Worksheet,
    (row, at): (u32, u16),
    cell: &Cell<'_>,
    currency: &str,
    looks: &mut Looks,
) -> Result<(), ExportError> {
    let number = |text: &str| text.parse::<f64>().map_err(ExportError::format("XLSX"));
    match cell {
        Cell::Empty => return Ok(()),
        Cell::Text(text) => sheet.write_string_with_format(row, at, *text, &looks.text),
        Cell::Number(text) => sheet.write_number(row, at, number(text)?),
        Cell::Integer(whole) => sheet.write_number(row, at, number(&whole.to_string())?),
        Cell::Amount { minor, places } => {
            if minor.unsigned_abs() >= DIGITS_MAX {
                return Err(ExportError::TooLarge { what: "an amount of a workbook" });
            }
            let value = number(&decimal(*minor, *places))?;
            sheet.write_number_with_format(row, at, value, &looks.amount(currency, *places).0)
        }
        Cell::Date(day) => {
            let parts = (u16::try_from(day.year()), u8::try_from(day.month()), u8::try_from(day.day()));
            let (Ok(year), Ok(month), Ok(of_month)) = parts else {
                return Err(ExportError::TooLarge { what: "a date of a workbook" });
            };
            let value = ExcelDateTime::from_ymd(year, month, of_month).map_err(refused)?;
            sheet.write_datetime_with_format(row, at, &value, &looks.day)
        }
    }
    .map_err(refused)?;
    Ok(())
}

/// `SUMIFS` of an amount over the rows of a currency, and over those that count, in every sheet.
fn sum_formula(
    table: &Table,
    sheets: u32,
    used: u32,
    (amount, currency_at): (usize, usize),
    currency: &str,
    counted: Option<(usize, &str)>,
) -> String {
    let column = |at: usize| utility::column_number_to_name(u16::try_from(at).unwrap_or(u16::MAX));
    let of_sheet = |sheet: u32| {
        let rows = if sheet == sheets { used } else { SHEET_ROWS_MAX };
        let range = |at: usize| format!("'{}'!{1}$2:{1}${rows}", sheet_name(table, sheet), column(at));
        let mut formula = format!("SUMIFS({},{},\"{currency}\"", range(amount), range(currency_at));
        if let Some((at, value)) = counted {
            formula += &format!(",{},\"{value}\"", range(at));
        }
        formula + ")"
    };
    let parts: Vec<String> = (1..=sheets).map(of_sheet).collect();
    format!("={}", parts.join("+"))
}

fn sheet_name(table: &Table, sheet: u32) -> String {
    if sheet == 1 { table.name.to_owned() } else { format!("{} {sheet}", table.name) }
}

fn last(sheets: u32) -> usize {
    usize::try_from(sheets.saturating_sub(1)).unwrap_or(0)
}

/// In characters.
fn width(field: &Field) -> f64 {
    match field.kind {
        Kind::Text if field.name.ends_with("entry") || field.name == "reverses" => 44.0,
        Kind::Text => 16.0,
        Kind::Amount => 18.0,
        Kind::Integer | Kind::Number | Kind::Month => 10.0,
        Kind::Date => 12.0,
    }
}
