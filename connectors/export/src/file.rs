//! Files that know what was written to them.

use std::fs::File;
use std::io::{self, BufWriter, Read, Write};
use std::path::Path;

use sha2::{Digest, Sha256};

use crate::ExportError;

/// What a finished file holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// Rows, without heading and totals; `None` for what is no table.
    pub rows: Option<u64>,
    /// Length.
    pub bytes: u64,
    /// SHA-256 of the bytes, in hexadecimal.
    pub sha256: String,
}

/// Writes a whole file.
///
/// # Errors
/// What the disk said.
pub fn write_file(path: &Path, bytes: &[u8]) -> Result<Written, ExportError> {
    std::fs::write(path, bytes).map_err(ExportError::io(format!("write {}", path.display())))?;
    let digest = hex(&Sha256::digest(bytes));
    Ok(Written { rows: None, bytes: u64::try_from(bytes.len()).unwrap_or(u64::MAX), sha256: digest })
}

/// Counts and digests what goes through.
pub(crate) struct Counting<W: Write> {
    inner: BufWriter<W>,
    digest: Sha256,
    bytes: u64,
}

impl Counting<File> {
    pub(crate) fn create(path: &Path) -> Result<Counting<File>, ExportError> {
        let file = File::create(path).map_err(ExportError::io(format!("create {}", path.display())))?;
        Ok(Counting::new(file))
    }
}

impl<W: Write> Counting<W> {
    pub(crate) fn new(inner: W) -> Counting<W> {
        Counting { inner: BufWriter::with_capacity(1 << 16, inner), digest: Sha256::new(), bytes: 0 }
    }

    pub(crate) fn finish(mut self, rows: u64) -> Result<Written, ExportError> {
        self.inner.flush().map_err(ExportError::io("write"))?;
        Ok(Written { rows: Some(rows), bytes: self.bytes, sha256: hex(&self.digest.finalize()) })
    }
}

impl<W: Write> Write for Counting<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.inner.write(bytes)?;
        self.digest.update(bytes.get(..count).unwrap_or(bytes));
        self.bytes += u64::try_from(count).unwrap_or(0);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// Digests a file that was not written front to back.
pub(crate) fn digest(path: &Path, rows: u64) -> Result<Written, ExportError> {
    let failed = || ExportError::io(format!("read {}", path.display()));
    let (mut file, mut digest, mut bytes) = (File::open(path).map_err(failed())?, Sha256::new(), 0);
    let mut buffer = vec![0; 1 << 16];
    loop {
        let count = file.read(&mut buffer).map_err(failed())?;
        let Some(read) = buffer.get(..count).filter(|read| !read.is_empty()) else { break };
        digest.update(read);
        bytes += u64::try_from(count).unwrap_or(0);
    }
    Ok(Written { rows: Some(rows), bytes, sha256: hex(&digest.finalize()) })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
