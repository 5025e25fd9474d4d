//! Where contracts come from: those that come with the program, files, and the files of a folder.

use std::path::{Path, PathBuf};

use aftercare_core::contract::ContractDocument;
use aftercare_core::documents::{CONTRACT, Problem, SHIPPED};
use anyhow::{Context, anyhow, bail};

use super::described::Described;

/// A contract's document and its text.
pub(super) struct Source {
    pub(super) document: ContractDocument,
    pub(super) text: String,
}

/// The contracts that come with the program and those of a folder, by id and version.
///
/// # Errors
/// A file can't be read, or every problem of its document.
pub(super) fn all(folder: Option<&Path>) -> anyhow::Result<Vec<Source>> {
    let mut all: Vec<Source> =
        shipped().map(|(id, text)| Source::new(id, text.to_owned())).collect::<anyhow::Result<_>>()?;
    for path in folder.map_or_else(|| Ok(Vec::new()), toml_files)? {
        let source = Source::read(&path)?;
        let same = |known: &Source| known.key() == source.key() && known.text != source.text;
        if all.iter().any(same) {
            let (id, version) = source.key();
            bail!("{}: there is another {id} version {version}", path.display());
        }
        all.push(source);
    }
    all.sort_by(|one, other| one.key().cmp(&other.key()));
    all.dedup_by(|one, other| one.key() == other.key());
    Ok(all)
}

/// The contract of that id in that version, the newest without one; or the contract of a file.
///
/// # Errors
/// There is none, it can't be read, or every problem of its document.
pub(super) fn one(contract: &str, version: Option<i32>, folder: Option<&Path>) -> anyhow::Result<Source> {
    if contract.ends_with(".toml") {
        return Source::read(Path::new(contract));
    }
    let all = all(folder)?;
    let versions: Vec<i32> =
        all.iter().filter(|known| *known.document.id == *contract).map(|known| known.key().1).collect();
    let ids = all.iter().map(|known| known.document.id.to_string());
    let mut ids: Vec<String> = ids.collect();
    ids.dedup();
    let is_it = |known: &Source| {
        *known.document.id == *contract && version.is_none_or(|version| known.document.version == version)
    };
    match all.into_iter().rev().find(is_it) {
        Some(found) => Ok(found),
        None if versions.is_empty() => bail!("there is no contract {contract}, but {}", ids.join(", ")),
        None => {
            let versions: Vec<String> = versions.iter().map(i32::to_string).collect();
            bail!("of {contract} there is version {}", versions.join(", "))
        }
    }
}

/// Id and text of the contracts that come with the program.
pub(super) fn shipped() -> impl Iterator<Item = (&'static str, &'static str)> {
    SHIPPED.iter().filter(|(kind, ..)| *kind == CONTRACT).map(|(_, id, text)| (*id, *text))
}

/// The text of a file.
pub(super) fn read(path: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("read {}", path.display()))
}

impl Source {
    fn new(named: &str, text: String) -> anyhow::Result<Source> {
        match ContractDocument::parse(&text) {
            Ok(document) => Ok(Source { document, text }),
            Err(problems) => Err(problems_of(named, &problems)),
        }
    }

    fn read(path: &Path) -> anyhow::Result<Source> {
        Source::new(&path.display().to_string(), read(path)?)
    }

    fn key(&self) -> (&str, i32) {
        (&self.document.id, self.document.version)
    }

    /// What it says, in words.
    pub(super) fn described(self) -> anyhow::Result<Described> {
        let table = self.text.parse()?;
        Ok(Described::new(self.document, &table))
    }
}

/// The TOML files of a folder, by name.
fn toml_files(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(folder).with_context(|| format!("read {}", folder.display()))?;
    let mut files = entries.map(|entry| Ok(entry?.path())).collect::<std::io::Result<Vec<PathBuf>>>()?;
    files.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
    files.sort();
    Ok(files)
}

fn problems_of(named: &str, problems: &[Problem]) -> anyhow::Error {
    let all: Vec<String> = problems.iter().map(|problem| format!("\n  {problem}")).collect();
    anyhow!("{named} is no contract that can be used:{}", all.concat())
}
