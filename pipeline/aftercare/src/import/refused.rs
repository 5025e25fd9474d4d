//! The file of refused lines: line number, reason, and the line itself, so that it can be repaired and imported.

use std::fs::File;
use std::path::{Path, PathBuf};

use anyhow::Context;

use super::expression::Refusal;

/// Created with the first refused line, in place of that of an earlier import.
pub(super) struct Refused {
    path: PathBuf,
    header: csv::ByteRecord,
    delimiter: u8,
    writer: Option<csv::Writer<File>>,
}

impl Refused {
    pub(super) fn new(path: &Path, header: &csv::ByteRecord, delimiter: u8) -> Self {
        Self { path: path.to_owned(), header: header.clone(), delimiter, writer: None }
    }

    pub(super) fn write(&mut self, line: u64, why: &Refusal, record: &csv::ByteRecord) -> anyhow::Result<()> {
        let writer = match &mut self.writer {
            Some(writer) => writer,
            none => none.insert(create(&self.path, &self.header, self.delimiter)?),
        };
        let (line, why) = (line.to_string(), why.to_string());
        let head = [line.as_bytes(), why.as_bytes()];
        let cells = head.into_iter().chain(record.iter());
        writer.write_record(cells).with_context(|| format!("write {}", self.path.display()))
    }

    /// Writes out what is left. The path, when there were refused lines.
    pub(super) fn finish(self) -> anyhow::Result<Option<PathBuf>> {
        let Some(mut writer) = self.writer else { return Ok(None) };
        writer.flush().with_context(|| format!("write {}", self.path.display()))?;
        Ok(Some(self.path))
    }
}

fn create(path: &Path, header: &csv::ByteRecord, delimiter: u8) -> anyhow::Result<csv::Writer<File>> {
    let file = File::create(path).with_context(|| format!("create {}", path.display()))?;
    let mut writer = csv::WriterBuilder::new().delimiter(delimiter).flexible(true).from_writer(file);
    writer.write_record([&b"refused_line"[..], b"refused_because"].into_iter().chain(header.iter()))?;
    Ok(writer)
}
