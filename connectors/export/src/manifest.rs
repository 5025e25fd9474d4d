//! What an export consists of: files, digests, rows, sums.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::{ExportError, Written};

/// `manifest.json`, written last: an export without it is not complete.
#[derive(Debug, Serialize)]
pub struct Manifest {
    /// What it is an export of, in order.
    pub about: BTreeMap<String, serde_json::Value>,
    /// Every other file, in the order of their names.
    pub files: Vec<FileEntry>,
}

/// One file.
#[derive(Debug, Serialize)]
pub struct FileEntry {
    /// Its name beside the manifest.
    pub path: String,
    /// What it is.
    pub document: String,
    /// SHA-256 of its bytes.
    pub sha256: String,
    /// Length.
    pub bytes: u64,
    /// Rows, where it is a table.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rows: Option<u64>,
    /// By kind of row and currency.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub totals: Sums,
}

/// Rows and their amount.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Sum {
    /// How many.
    pub rows: u64,
    /// Their sum as a decimal text.
    pub amount: String,
}

/// By kind of row, then by currency.
pub type Sums = BTreeMap<String, BTreeMap<String, Sum>>;

impl FileEntry {
    /// Of a file that has been written.
    pub fn new(path: String, document: &str, written: Written, totals: Sums) -> FileEntry {
        let Written { rows, bytes, sha256 } = written;
        FileEntry { path, document: document.to_owned(), sha256, bytes, rows, totals }
    }
}

impl Manifest {
    /// The file's bytes.
    ///
    /// # Errors
    /// None that is known.
    pub fn to_json(&self) -> Result<Vec<u8>, ExportError> {
        let mut bytes = serde_json::to_vec_pretty(self).map_err(ExportError::format("manifest.json"))?;
        bytes.push(b'\n');
        Ok(bytes)
    }
}
