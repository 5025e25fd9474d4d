//! Import of CSV files: a mapping says which column is what, lines become records of the input streams.

mod expression;
mod fields;
mod mapping;
mod reading;
mod refused;
mod source;
mod stream;
mod template;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use serde::Serialize;

use expression::{Line, Refusal};
use mapping::Problem;
pub(crate) use mapping::{Mapping, SHIPPED};
use reading::Pack;
use refused::Refused;
use source::Source;
use stream::Piece;

/// Where records go.
pub(crate) trait RecordOut {
    /// Writes a record to a topic (named without the installation's prefix).
    fn write(&mut self, topic: &str, key: &[u8], value: &[u8]) -> anyhow::Result<()>;
}

/// Import a CSV file, plain or gzip, through a mapping.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Importing a file again changes nothing: its records are recognised as duplicates.\n\n\
    Exit codes: 0 every line was imported or left out by the mapping's filters; 4 some lines were refused \
    (see the file of refused lines); 1 the import could not go on; 2 wrong usage."
)]
pub(crate) struct ImportArgs {
    /// The file; lines that begin with # at its top are skipped, then a header line is expected.
    pub(crate) file: PathBuf,
    /// The mapping: a TOML file, or the name of one that comes with the program
    /// (nhs-eq5d3l, fitbit-heart-rate).
    #[arg(long)]
    pub(crate) mapping: PathBuf,
    /// Where refused lines go, with line number and reason [default: FILE.refused.csv].
    #[arg(long)]
    pub(crate) refused: Option<PathBuf>,
}

/// What an import did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Summary {
    /// Data lines read.
    pub(crate) lines: u64,
    /// Lines left out by the mapping's `only`.
    pub(crate) left_out: u64,
    /// Lines refused.
    pub(crate) refused: u64,
    /// Why, and how many.
    pub(crate) refused_because: BTreeMap<String, u64>,
    /// The file of refused lines, when there are any.
    pub(crate) refused_file: Option<PathBuf>,
    /// Records written, by topic.
    pub(crate) records: BTreeMap<&'static str, u64>,
    /// Distinct patients among them.
    pub(crate) patients: u64,
    /// Questionnaire forms among them.
    pub(crate) forms: u64,
    /// Readings among them.
    pub(crate) readings: u64,
}

impl Summary {
    /// 0, or 4 when lines were refused.
    pub(crate) fn exit_code(&self) -> u8 {
        if self.refused == 0 { 0 } else { 4 }
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:>10}  lines read", self.lines)?;
        writeln!(f, "{:>10}  left out by the mapping", self.left_out)?;
        writeln!(f, "{:>10}  refused", self.refused)?;
        for (why, lines) in &self.refused_because {
            writeln!(f, "{lines:>12}  {why}")?;
        }
        for (topic, records) in &self.records {
            writeln!(f, "{records:>10}  records to {topic}")?;
        }
        writeln!(f, "{:>10}  patients", self.patients)?;
        writeln!(f, "{:>10}  forms", self.forms)?;
        write!(f, "{:>10}  readings", self.readings)?;
        match &self.refused_file {
            Some(path) => write!(f, "\nrefused lines, with reasons: {}", path.display()),
            None => Ok(()),
        }
    }
}

/// Reads a mapping: a file, or one of those that come with the program.
///
/// # Errors
/// When it can't be read, or with every problem in it.
pub(crate) fn load_mapping(path: &Path) -> anyhow::Result<Mapping> {
    let shipped = SHIPPED.iter().find(|(name, _)| path == Path::new(name));
    let text = match shipped {
        Some((_, text)) => (*text).to_owned(),
        None => std::fs::read_to_string(path).with_context(|| format!("read mapping {}", path.display()))?,
    };
    Mapping::parse(&text).map_err(|problems| {
        let list: Vec<String> = problems.iter().map(Problem::to_string).collect();
        anyhow::anyhow!("mapping {}:\n  {}", path.display(), list.join("\n  "))
    })
}

/// Imports the file. `progress` is called now and then with what was done so far.
///
/// # Errors
/// When a file can't be read or written, the mapping is wrong or does not fit the file, or `out` fails. A line that
/// can't be used is no error: it is refused, and counted.
pub(crate) fn run(
    args: &ImportArgs,
    out: &mut dyn RecordOut,
    progress: &mut dyn FnMut(&Summary),
) -> anyhow::Result<Summary> {
    let mapping = load_mapping(&args.mapping)?;
    let mut source = Source::open(&args.file, &mapping)?;
    let path = args.refused.clone().unwrap_or_else(|| {
        let mut name = args.file.clone().into_os_string();
        name.push(".refused.csv");
        name.into()
    });
    if path == args.file {
        bail!("the file of refused lines must be another than the file itself");
    }
    let mut refused = Refused::new(&path, &source.header, mapping.delimiter);
    let positions = std::mem::take(&mut source.positions);
    let mut import = Import::new(&mapping, &positions, out);
    let mut record = csv::ByteRecord::new();
    while let Some(number) = source.next(&mut record)? {
        import.summary.lines += 1;
        match import.line(&record, source.header.len())? {
            Ok(()) => {}
            Err(why) => {
                import.summary.refused += 1;
                *import.summary.refused_because.entry(why.to_string()).or_default() += 1;
                refused.write(number, &why, &record)?;
            }
        }
        if import.summary.lines.is_multiple_of(PROGRESS_LINES) {
            progress(&import.summary);
        }
    }
    let mut summary = import.finish()?;
    summary.refused_file = refused.finish()?;
    Ok(summary)
}

const PROGRESS_LINES: u64 = 10_000;

struct Import<'a> {
    mapping: &'a Mapping,
    positions: &'a [usize],
    out: &'a mut dyn RecordOut,
    summary: Summary,
    patients: BTreeSet<Box<str>>,
    /// Per stream: what `once_per` has seen, and the upload being filled.
    seen: Vec<BTreeSet<String>>,
    packs: Vec<Pack>,
}

/// What a line gives to the stream of that number, and what its `once_per` must remember.
type Pieces = Vec<(usize, Option<String>, Piece)>;

impl<'a> Import<'a> {
    fn new(mapping: &'a Mapping, positions: &'a [usize], out: &'a mut dyn RecordOut) -> Self {
        let streams = mapping.streams.len();
        Self {
            mapping,
            positions,
            out,
            summary: Summary::default(),
            patients: BTreeSet::new(),
            seen: vec![BTreeSet::new(); streams],
            packs: (0..streams).map(|_| Pack::default()).collect(),
        }
    }

    /// All that the line gives is written, or nothing of it.
    fn line(&mut self, record: &csv::ByteRecord, columns: usize) -> anyhow::Result<Result<(), Refusal>> {
        let pieces = match cells(record, columns, self.positions, self.mapping).and_then(|c| self.pieces(c)) {
            Ok(Some(pieces)) => pieces,
            Ok(None) => {
                self.summary.left_out += 1;
                return Ok(Ok(()));
            }
            Err(why) => return Ok(Err(why)),
        };
        for (stream, key, piece) in pieces {
            self.emit(stream, piece)?;
            if let Some(key) = key {
                self.seen[stream].insert(key);
            }
        }
        Ok(Ok(()))
    }

    /// `None` when a filter leaves the line out.
    fn pieces(&self, cells: Vec<Option<&str>>) -> Result<Option<Pieces>, Refusal> {
        let mut line = Line { cells, values: Vec::with_capacity(self.mapping.values.len()) };
        for value in &self.mapping.values {
            let text = value.text(&line)?;
            line.values.push(text);
        }
        for only in &self.mapping.only {
            if !only.holds(&line)? {
                return Ok(None);
            }
        }
        for check in &self.mapping.checks {
            check.require(&line)?;
        }
        let mut pieces = Pieces::new();
        for (n, stream) in self.mapping.streams.iter().enumerate() {
            if !stream.takes(&line)? {
                continue;
            }
            let key = stream.once_per.as_ref().and_then(|template| line.render(template));
            if key.as_ref().is_none_or(|key| !self.seen[n].contains(key)) {
                pieces.push((n, key, stream.piece(&line)?));
            }
        }
        Ok(Some(pieces))
    }

    fn emit(&mut self, stream: usize, piece: Piece) -> anyhow::Result<()> {
        match piece {
            Piece::Record { patient_id, value, forms } => {
                self.summary.forms += forms;
                self.patient(&patient_id);
                self.write(stream, &patient_id, &value)
            }
            Piece::Reading(reading) => {
                self.patient(reading.patient_id());
                if self.packs[stream].is_closed_to(&reading, self.mapping.streams[stream].pack()) {
                    self.flush(stream)?;
                }
                self.summary.readings += 1;
                self.packs[stream].push(reading);
                Ok(())
            }
        }
    }

    fn patient(&mut self, id: &str) {
        if !self.patients.contains(id) {
            self.patients.insert(id.into());
        }
    }

    fn write(&mut self, stream: usize, key: &str, value: &[u8]) -> anyhow::Result<()> {
        let topic = self.mapping.streams[stream].topic;
        *self.summary.records.entry(topic).or_default() += 1;
        self.out.write(topic, key.as_bytes(), value).with_context(|| format!("write to {topic}"))
    }

    fn flush(&mut self, stream: usize) -> anyhow::Result<()> {
        match self.packs[stream].take()? {
            Some((patient_id, value)) => self.write(stream, &patient_id, &value),
            None => Ok(()),
        }
    }

    fn finish(mut self) -> anyhow::Result<Summary> {
        for stream in 0..self.packs.len() {
            self.flush(stream)?;
        }
        self.summary.patients = self.patients.len() as u64;
        Ok(self.summary)
    }
}

/// The cells that the mapping uses.
fn cells<'r>(
    record: &'r csv::ByteRecord,
    columns: usize,
    positions: &[usize],
    mapping: &Mapping,
) -> Result<Vec<Option<&'r str>>, Refusal> {
    let refuse = |what: String| Problem { place: "line".to_owned(), what };
    if record.len() != columns {
        return Err(refuse(format!("it has {} fields where the header has {columns}", record.len())));
    }
    let mut cells = Vec::with_capacity(positions.len());
    for &at in positions {
        let text =
            std::str::from_utf8(&record[at]).ok().ok_or_else(|| refuse("not UTF-8".to_owned()))?.trim();
        cells.push((!mapping.missing.contains(text)).then_some(text));
    }
    Ok(cells)
}
