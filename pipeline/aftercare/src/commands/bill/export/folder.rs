//! The files of an export and what is said of them.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use aftercare_export::{
    Cell, ExportError, FileEntry, Format, Manifest, Resource, Sheet, Sum, Sums, Table, Written, data_package,
    write_file,
};
use anyhow::{Context, bail};

use crate::commands::bill::money;

const MANIFEST: &str = "manifest.json";
const PACKAGE: &str = "datapackage.json";

/// A folder that gets all files of one export.
pub(super) struct Folder {
    path: PathBuf,
    files: Vec<FileEntry>,
    /// CSV files, for their description.
    described: Vec<(&'static Table, String, Written)>,
    /// Files that are the document itself, not sums or requests beside it.
    pub(super) main: Vec<PathBuf>,
}

/// A table on its way into files of several formats.
pub(super) struct Tables {
    table: &'static Table,
    sheets: Vec<(Format, String, Box<dyn Sheet>)>,
    sums: Counts,
}

/// Rows and minor units by kind and currency.
#[derive(Default)]
struct Counts(BTreeMap<&'static str, BTreeMap<String, (u64, i64)>>);

impl Folder {
    /// A new or empty folder, or one that holds an earlier export: its files go.
    pub(super) fn open(path: &Path) -> anyhow::Result<Folder> {
        fs::create_dir_all(path).with_context(|| format!("create {}", path.display()))?;
        let manifest = path.join(MANIFEST);
        if let Ok(text) = fs::read_to_string(&manifest) {
            remove_earlier(path, &text)
                .with_context(|| format!("remove the export in {}", path.display()))?;
        }
        let mut rest = fs::read_dir(path).with_context(|| format!("read {}", path.display()))?;
        if rest.next().is_some() {
            bail!("{} holds other files; give a new folder, or one of an earlier export", path.display());
        }
        Ok(Folder { path: path.to_owned(), files: Vec::new(), described: Vec::new(), main: Vec::new() })
    }

    /// Begins a table in every one of these formats.
    pub(super) fn begin(
        &self,
        table: &'static Table,
        formats: &[Format],
        prefix: &str,
        places: u32,
    ) -> Result<Tables, ExportError> {
        let begin = |format: &Format| {
            let name = format!("{prefix}{}.{}", table.name, format.extension());
            let sheet = format.create(&self.path.join(&name), table, places)?;
            Ok((*format, name, sheet))
        };
        Ok(Tables {
            table,
            sheets: formats.iter().map(begin).collect::<Result<_, ExportError>>()?,
            sums: Counts::default(),
        })
    }

    /// Ends a table. `is_main`: it is the document, not something beside it.
    pub(super) fn end(&mut self, tables: Tables, is_main: bool) -> Result<(), ExportError> {
        let sums = tables.sums.sums();
        for (format, name, sheet) in tables.sheets {
            let written = sheet.finish()?;
            if is_main {
                self.main.push(self.path.join(&name));
            }
            if format == Format::Csv {
                self.described.push((tables.table, name.clone(), written.clone()));
            }
            self.files.push(FileEntry::new(name, tables.table.name, written, sums.clone()));
        }
        Ok(())
    }

    /// Adds a document of one party that is a whole file; `sum` of its lines.
    pub(super) fn add(
        &mut self,
        (name, document): (String, &str),
        bytes: &[u8],
        (currency, lines, minor): (&str, u64, i64),
    ) -> Result<(), ExportError> {
        let path = self.path.join(&name);
        let written = write_file(&path, bytes)?;
        let sum = Sum { rows: lines, amount: money(minor, currency) };
        let sums = Sums::from([("line".to_owned(), BTreeMap::from([(currency.to_owned(), sum)]))]);
        self.main.push(path);
        self.files.push(FileEntry::new(name, document, written, sums));
        Ok(())
    }

    /// Describes the CSV files, then lists all.
    pub(super) fn finish(
        mut self,
        name: &str,
        title: &str,
        about: BTreeMap<String, serde_json::Value>,
    ) -> Result<Vec<PathBuf>, ExportError> {
        let resources: Vec<Resource<'_>> =
            self.described.iter().map(|(table, path, written)| Resource { table, path, written }).collect();
        if !resources.is_empty() {
            let bytes = data_package(name, title, &resources)?;
            let written = write_file(&self.path.join(PACKAGE), &bytes)?;
            self.files.push(FileEntry::new(PACKAGE.to_owned(), "description", written, Sums::new()));
        }
        self.files.sort_by(|one, other| one.path.cmp(&other.path));
        let bytes = Manifest { about, files: self.files }.to_json()?;
        write_file(&self.path.join(MANIFEST), &bytes)?;
        Ok(self.main)
    }
}

impl Tables {
    /// Appends a row to all files; `sums`: what the manifest adds up, by kind.
    pub(super) fn row(
        &mut self,
        cells: &[Cell<'_>],
        currency: &str,
        sums: &[(&'static str, i64)],
    ) -> Result<(), ExportError> {
        for (_, _, sheet) in &mut self.sheets {
            sheet.row(cells)?;
        }
        for (kind, minor) in sums {
            self.sums.add(kind, currency, *minor)?;
        }
        Ok(())
    }

    /// Whether there is a file at all.
    pub(super) fn is_wanted(&self) -> bool {
        !self.sheets.is_empty()
    }
}

impl Counts {
    fn add(&mut self, kind: &'static str, currency: &str, minor: i64) -> Result<(), ExportError> {
        let of_kind = self.0.entry(kind).or_default();
        if !of_kind.contains_key(currency) {
            of_kind.insert(currency.to_owned(), (0, 0));
        }
        if let Some((rows, sum)) = of_kind.get_mut(currency) {
            *rows += 1;
            *sum = sum.checked_add(minor).ok_or(ExportError::TooLarge { what: "an export" })?;
        }
        Ok(())
    }

    fn sums(&self) -> Sums {
        let of_currency = |(currency, (rows, minor)): (&String, &(u64, i64))| {
            (currency.clone(), Sum { rows: *rows, amount: money(*minor, currency) })
        };
        self.0
            .iter()
            .map(|(kind, sums)| ((*kind).to_owned(), sums.iter().map(of_currency).collect()))
            .collect()
    }
}

/// Only what the manifest lists, and only beside it.
fn remove_earlier(folder: &Path, manifest: &str) -> anyhow::Result<()> {
    let manifest: serde_json::Value = serde_json::from_str(manifest).context("read its manifest")?;
    let files =
        manifest.get("files").and_then(|files| files.as_array()).context("its manifest lists no files")?;
    for file in files {
        let name = file
            .get("path")
            .and_then(|path| path.as_str())
            .context("its manifest has a file without a name")?;
        if Path::new(name).file_name() != Some(name.as_ref()) {
            bail!("its manifest names a file elsewhere");
        }
        match fs::remove_file(folder.join(name)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
    }
    fs::remove_file(folder.join(MANIFEST))?;
    Ok(())
}
