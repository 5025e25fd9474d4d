//! Reading a file of responses.

use std::collections::BTreeMap;
use std::path::Path;

use aftercare_core::curve::history::{Lattice, Response};
use anyhow::{Context, bail};
use csv::StringRecord;

/// Problems of a file that are listed; more are counted.
const PROBLEMS_MAX: usize = 20;

/// The columns that are read.
pub(super) struct Wanted<'c> {
    pub(super) subject: &'c str,
    pub(super) time: &'c str,
    /// `None`: values are of no matter.
    pub(super) value: Option<&'c str>,
    pub(super) covariates: &'c [String],
}

/// A file, line by line.
pub(super) struct Table {
    pub(super) header: StringRecord,
    pub(super) rows: Vec<Row>,
    /// The subjects; their places are their numbers.
    pub(super) subjects: Vec<String>,
}

/// A line.
pub(super) struct Row {
    pub(super) cells: StringRecord,
    pub(super) line: u64,
    pub(super) subject: u32,
    pub(super) time: f64,
    /// `None`: blank.
    pub(super) value: Option<f64>,
    pub(super) characteristics: Vec<Option<Box<str>>>,
}

impl Table {
    /// What was measured.
    pub(super) fn responses(&self) -> Vec<Response> {
        let response = |row: &Row| {
            Some(Response {
                subject: row.subject,
                time: row.time,
                value: row.value?,
                characteristics: row.characteristics.clone(),
            })
        };
        self.rows.iter().filter_map(response).collect()
    }

    /// The lines without a value.
    pub(super) fn blank_lines(&self) -> Vec<u64> {
        self.rows.iter().filter(|row| row.value.is_none()).map(|row| row.line).collect()
    }
}

/// Reads a file. Subjects are numbered in the order of their names, so that the order of lines is of no matter.
pub(super) fn read(path: &Path, wanted: &Wanted<'_>) -> anyhow::Result<Table> {
    let name = path.display();
    let bytes = std::fs::read(path).with_context(|| format!("read {name}"))?;
    let (bytes, lines_before) = without_comments(&bytes);
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(bytes);
    let header = reader.headers().with_context(|| format!("{name}, header"))?.clone();
    let column = |column: &str| {
        let found = header.iter().position(|cell| cell.trim() == column);
        found.with_context(|| {
            format!(
                "{name} has no column {column}; its columns are {}",
                header.iter().collect::<Vec<_>>().join(", ")
            )
        })
    };
    let columns = Columns {
        subject: column(wanted.subject)?,
        time: column(wanted.time)?,
        value: wanted.value.map(column).transpose()?,
        covariates: wanted.covariates.iter().map(|name| column(name)).collect::<Result<_, _>>()?,
    };
    let mut problems = Problems::default();
    let mut rows = Vec::new();
    for record in reader.records() {
        let cells = record.map_err(|error| {
            let line = error.position().map_or(0, csv::Position::line) + lines_before;
            anyhow::Error::new(error).context(format!("{name}, line {line}"))
        })?;
        let line = cells.position().map_or(0, csv::Position::line) + lines_before;
        if cells.len() != header.len() {
            problems.add(line, None, &format!("has {} cells, not {}", cells.len(), header.len()));
            continue;
        }
        rows.extend(row(cells, line, &columns, &header, &mut problems));
    }
    let subjects = number(&mut rows, columns.subject);
    find_doubles(&rows, &subjects, &header, &columns, &mut problems);
    problems.none(path)?;
    Ok(Table { header, rows, subjects })
}

struct Columns {
    subject: usize,
    time: usize,
    value: Option<usize>,
    covariates: Vec<usize>,
}

#[derive(Default)]
struct Problems {
    /// By line.
    listed: Vec<(u64, String)>,
    more: usize,
}

impl Problems {
    fn add(&mut self, line: u64, column: Option<&str>, message: &str) {
        if self.listed.len() == PROBLEMS_MAX {
            self.more += 1;
            return;
        }
        let column = column.map(|column| format!(", column {column}")).unwrap_or_default();
        self.listed.push((line, format!("line {line}{column}: {message}")));
    }

    fn none(mut self, path: &Path) -> anyhow::Result<()> {
        if self.listed.is_empty() {
            return Ok(());
        }
        let more = if self.more > 0 { format!("\n  and {} more", self.more) } else { String::new() };
        self.listed.sort();
        let listed: Vec<String> = self.listed.into_iter().map(|(_, problem)| problem).collect();
        bail!("{} can't be used:\n  {}{more}", path.display(), listed.join("\n  "));
    }
}

/// The bytes from the header on, and how many lines stand before it.
fn without_comments(bytes: &[u8]) -> (&[u8], u64) {
    let mut left = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut lines = 0;
    while left.first() == Some(&b'#') {
        let end = left.iter().position(|byte| *byte == b'\n').map_or(left.len(), |end| end + 1);
        left = left.get(end..).unwrap_or_default();
        lines += 1;
    }
    (left, lines)
}

fn row(
    cells: StringRecord,
    line: u64,
    columns: &Columns,
    header: &StringRecord,
    problems: &mut Problems,
) -> Option<Row> {
    let cell = |column: usize| cells.get(column).unwrap_or_default().trim();
    let name = |column: usize| header.get(column);
    let is_blank = |text: &str| text.is_empty() || text == "NA";
    let mut number = |column: usize| {
        let text = cell(column);
        let number = text.parse::<f64>().ok().filter(|number| Lattice::holds(*number));
        if number.is_none() {
            problems.add(line, name(column), &format!("{text:?} is no number (within -1e12 and 1e12)"));
        }
        number
    };
    let time = if is_blank(cell(columns.time)) { None } else { Some(number(columns.time)?) };
    let value = columns.value.filter(|column| !is_blank(cell(*column)));
    let value = match value {
        Some(column) => Some(number(column)?),
        None => None,
    };
    if cell(columns.subject).is_empty() {
        problems.add(line, name(columns.subject), "is blank");
        return None;
    }
    let Some(time) = time else {
        problems.add(line, name(columns.time), "is blank");
        return None;
    };
    if time < 0.0 {
        problems.add(line, name(columns.time), &format!("{time} is negative"));
        return None;
    }
    let known = |column: &usize| Some(cell(*column)).filter(|text| !is_blank(text)).map(Box::from);
    let characteristics = columns.covariates.iter().map(known).collect();
    Some(Row { line, subject: 0, time: time + 0.0, value, characteristics, cells })
}

/// Numbers the subjects in the order of their names, which are given back.
fn number(rows: &mut [Row], column: usize) -> Vec<String> {
    let name = |row: &Row| row.cells.get(column).unwrap_or_default().trim().to_owned();
    let mut numbers: BTreeMap<String, u32> = rows.iter().map(|row| (name(row), 0)).collect();
    (0..).zip(numbers.values_mut()).for_each(|(at, number)| *number = at);
    for row in rows {
        row.subject = numbers.get(&name(row)).copied().unwrap_or(0);
    }
    numbers.into_keys().collect()
}

fn find_doubles(
    rows: &[Row],
    subjects: &[String],
    header: &StringRecord,
    columns: &Columns,
    problems: &mut Problems,
) {
    let mut known: BTreeMap<(u32, u64), u64> = BTreeMap::new();
    for row in rows {
        if let Some(first) = known.insert((row.subject, row.time.to_bits()), row.line) {
            let subject = usize::try_from(row.subject).ok().and_then(|at| subjects.get(at));
            let message = format!(
                "subject {} has time {} already in line {first}",
                subject.map_or("?", String::as_str),
                row.time
            );
            problems.add(row.line, header.get(columns.time), &message);
        }
    }
}
