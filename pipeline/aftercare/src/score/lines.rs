//! Lines of a CSV file as they stand there, with their numbers: memory for one line, whatever the file's size.

use std::borrow::Cow;
use std::io::BufRead;
use std::ops::Range;

use anyhow::{Context, bail};

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
/// A quoted cell may go on over lines, up to here.
const LINE_BYTES_MAX: usize = 1 << 20;

/// One line, and where its cells are.
#[derive(Default)]
pub(super) struct Line {
    bytes: Vec<u8>,
    /// Where its text ends and the line's end begins.
    end: usize,
    cells: Vec<Range<usize>>,
    /// Its number in the file, from 1.
    pub(super) number: u64,
}

impl Line {
    /// The text as it stands there, without the line's end.
    pub(super) fn text(&self) -> &[u8] {
        self.bytes.get(..self.end).unwrap_or_default()
    }

    pub(super) fn len(&self) -> usize {
        self.cells.len()
    }

    /// The text of the first `cells` cells, as it stands there.
    pub(super) fn first(&self, cells: usize) -> &[u8] {
        let last = self.cells.get(..cells).and_then(<[_]>::last);
        self.text().get(..last.map_or(0, |cell| cell.end)).unwrap_or_default()
    }

    /// What the cell at `at` says: without its quotes and the blanks around it.
    pub(super) fn cell(&self, at: usize) -> Cow<'_, [u8]> {
        let raw = self.cells.get(at).and_then(|cell| self.text().get(cell.clone())).unwrap_or_default();
        match raw {
            [b'"', inner @ .., b'"'] if inner.contains(&b'"') => {
                let text = inner.iter().enumerate();
                // Of two quotes one is meant.
                let mut skip = false;
                let kept = text.filter(|(_, byte)| {
                    skip = **byte == b'"' && !skip;
                    !skip
                });
                Cow::Owned(kept.map(|(_, byte)| *byte).collect::<Vec<u8>>().trim_ascii().to_vec())
            }
            [b'"', inner @ .., b'"'] => Cow::Borrowed(inner.trim_ascii()),
            _ => Cow::Borrowed(raw.trim_ascii()),
        }
    }

    /// Finds the cells; false where a quote is not closed.
    fn split(&mut self) -> bool {
        self.cells.clear();
        let text = self.bytes.get(..self.end).unwrap_or_default();
        let mut start = 0;
        loop {
            let mut at = start;
            if text.get(start) == Some(&b'"') {
                at += 1;
                loop {
                    match (text.get(at), text.get(at + 1)) {
                        (Some(b'"'), Some(b'"')) => at += 2,
                        (Some(b'"'), _) => break,
                        (Some(_), _) => at += 1,
                        (None, _) => return false,
                    }
                }
            }
            while text.get(at).is_some_and(|byte| *byte != b',') {
                at += 1;
            }
            self.cells.push(start..at);
            if at >= text.len() {
                return true;
            }
            start = at + 1;
        }
    }
}

/// The lines of a file.
pub(super) struct Lines<R> {
    reader: R,
    /// Lines read so far.
    read: u64,
}

impl<R: BufRead> Lines<R> {
    pub(super) fn new(reader: R) -> Self {
        Self { reader, read: 0 }
    }

    /// The header: the first line that is neither empty nor a comment. False where there is none.
    pub(super) fn header(&mut self, line: &mut Line) -> anyhow::Result<bool> {
        if self.reader.fill_buf().context("read the file")?.starts_with(BYTE_ORDER_MARK) {
            self.reader.consume(BYTE_ORDER_MARK.len());
        }
        loop {
            // A comment may hold a quote that nothing closes.
            if self.reader.fill_buf().context("read the file")?.first() == Some(&b'#') {
                self.reader.skip_until(b'\n').context("read the file")?;
                self.read += 1;
            } else if !self.next(line)? {
                return Ok(false);
            } else if !line.text().trim_ascii().is_empty() {
                return Ok(true);
            }
        }
    }

    /// The next line; false at the end.
    pub(super) fn next(&mut self, line: &mut Line) -> anyhow::Result<bool> {
        line.bytes.clear();
        line.number = self.read + 1;
        loop {
            let before = line.bytes.len();
            if self.reader.read_until(b'\n', &mut line.bytes).context("read the file")? == 0 {
                if before == 0 {
                    return Ok(false);
                }
                bail!("line {}: a quote is not closed", line.number);
            }
            self.read += 1;
            let added = line.bytes.get(before..).unwrap_or_default();
            // Only a quote closes a quote.
            let may_end = before == 0 || added.contains(&b'"');
            line.end = before + added.strip_suffix(b"\n").map_or(added.len(), <[_]>::len);
            if line.text().ends_with(b"\r") {
                line.end -= 1;
            }
            if may_end && line.split() {
                return Ok(true);
            }
            if line.bytes.len() > LINE_BYTES_MAX {
                bail!("line {}: a quote is not closed", line.number);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Number, cells and text of each line after the header.
    fn read(text: &[u8]) -> anyhow::Result<Vec<(u64, Vec<String>, String)>> {
        let (mut lines, mut line) = (Lines::new(text), Line::default());
        assert!(lines.header(&mut line)?);
        let string = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let mut found = Vec::new();
        while lines.next(&mut line)? {
            let cells = (0..line.len()).map(|at| string(&line.cell(at))).collect();
            found.push((line.number, cells, string(line.text())));
        }
        Ok(found)
    }

    fn cells(text: &str) -> Vec<String> {
        read(format!("h\n{text}\n").as_bytes()).unwrap().remove(0).1
    }

    #[test]
    fn cells_are_without_quotes_and_blanks() {
        assert_eq!(cells("1, 2 ,,\" 3 \",\"a,\"\"b\"\"\""), ["1", "2", "", "3", "a,\"b\""]);
        assert_eq!(cells("\"\",\"\"\"\""), ["", "\""]);
        assert_eq!(cells("5\" x,\"3\"4,"), ["5\" x", "\"3\"4", ""]);
    }

    #[test]
    fn comments_a_byte_order_mark_and_both_line_ends_are_taken() {
        let text = b"\xef\xbb\xbf# it's \"open\r\n\r\na,b\r\n1,2\r\n\n#3,4";
        let found = read(text).unwrap();
        let lines: Vec<_> = found.iter().map(|(number, _, text)| (*number, text.as_str())).collect();
        assert_eq!(lines, [(4, "1,2"), (5, ""), (6, "#3,4")]);
    }

    #[test]
    fn a_quoted_cell_may_go_on_over_lines() {
        let found = read(b"a,b\n\"x\n\"\"\ny\",2\n3,4\n").unwrap();
        assert_eq!(found[0], (2, vec!["x\n\"\ny".to_owned(), "2".to_owned()], "\"x\n\"\"\ny\",2".to_owned()));
        assert_eq!((found[1].0, &found[1].2[..]), (5, "3,4"));
    }

    #[test]
    fn what_a_csv_writer_writes_is_read_as_it_was() {
        let pieces = ["", "1", "a,b", "say \"no\"", "\"", "two\nlines", "\r\n", "#1", "\u{e9}\u{6f22}"];
        let all: Vec<[&str; 3]> = pieces
            .iter()
            .flat_map(|one| pieces.map(|two| pieces.map(|three| [*one, two, three])))
            .flatten()
            .collect();
        let mut writer = csv::Writer::from_writer(Vec::new());
        writer.write_record(["x", "y", "z"]).unwrap();
        for row in &all {
            writer.write_record(row).unwrap();
        }
        let found = read(&writer.into_inner().unwrap()).unwrap();
        assert_eq!(found.len(), 729);
        for ((_, cells, _), row) in found.iter().zip(&all) {
            assert_eq!(cells[..], row.map(str::trim), "{row:?}");
        }
    }

    #[test]
    fn a_quote_that_is_not_closed_is_named() {
        let error = read(b"a,b\n1,2\n\"3,4\n5,6\n").unwrap_err();
        assert_eq!(error.to_string(), "line 3: a quote is not closed");
    }
}
