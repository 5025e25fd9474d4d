//! The file: plain or gzip, comment lines at its top, then a header and lines.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use anyhow::{Context, bail, ensure};
use flate2::bufread::MultiGzDecoder;

use super::mapping::Mapping;

/// An open file, after its header.
pub(super) struct Source {
    reader: csv::Reader<Box<dyn BufRead>>,
    /// Lines before the header.
    lines_before: u64,
    pub(super) header: csv::ByteRecord,
    /// Where each column of the mapping stands in the file.
    pub(super) positions: Vec<usize>,
}

const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

impl Source {
    /// Opens the file and finds the mapping's columns in its header.
    pub(super) fn open(path: &Path, mapping: &Mapping) -> anyhow::Result<Self> {
        let file = File::open(path).with_context(|| format!("open {}", path.display()))?;
        let mut file = BufReader::with_capacity(1 << 16, file);
        let packed = file.fill_buf().context("read the file")?.starts_with(&GZIP_MAGIC);
        let text: Box<dyn BufRead> =
            if packed { Box::new(BufReader::new(MultiGzDecoder::new(file))) } else { Box::new(file) };
        Self::read(text, mapping).with_context(|| format!("read {}", path.display()))
    }

    fn read(mut text: Box<dyn BufRead>, mapping: &Mapping) -> anyhow::Result<Self> {
        if text.fill_buf()?.starts_with(BYTE_ORDER_MARK) {
            text.consume(BYTE_ORDER_MARK.len());
        }
        let mut lines_before = 0;
        while text.fill_buf()?.first() == Some(&b'#') {
            text.by_ref().skip_until(b'\n')?;
            lines_before += 1;
        }
        let mut reader =
            csv::ReaderBuilder::new().delimiter(mapping.delimiter).flexible(true).from_reader(text);
        let header = reader.byte_headers()?.clone();
        ensure!(!header.is_empty(), "the file has no header line");
        let positions = positions(&header, mapping)?;
        Ok(Self { reader, lines_before, header, positions })
    }

    /// Reads the next line; its number in the file (from 1), or `None` at the end.
    pub(super) fn next(&mut self, record: &mut csv::ByteRecord) -> anyhow::Result<Option<u64>> {
        let more = self.reader.read_byte_record(record).context("read the next line")?;
        let line = record.position().map_or(0, csv::Position::line);
        Ok(more.then_some(self.lines_before + line))
    }
}

/// Finds every column, or says which are missing or stand there twice.
fn positions(header: &csv::ByteRecord, mapping: &Mapping) -> anyhow::Result<Vec<usize>> {
    let mut positions = Vec::new();
    let mut problems = Vec::new();
    for (column, place) in mapping.names.columns() {
        let mut found = header.iter().enumerate().filter(|(_, name)| name.trim_ascii() == column.as_bytes());
        match (found.next(), found.next()) {
            (Some((at, _)), None) => positions.push(at),
            (None, _) => problems.push(format!("{place}: the file has no column `{column}`")),
            (Some(_), Some(_)) => problems.push(format!("{place}: the file has two columns `{column}`")),
        }
    }
    if problems.is_empty() {
        return Ok(positions);
    }
    bail!("the mapping does not fit the file:\n  {}", problems.join("\n  "))
}
