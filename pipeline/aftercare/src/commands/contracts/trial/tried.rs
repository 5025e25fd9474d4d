//! The contract that is tried.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use aftercare_core::contract::ContractDocument;
use aftercare_core::documents::{CONTRACT, Library, Problem, SHIPPED};
use aftercare_core::zone::Zone;
use anyhow::{Context, anyhow, bail};

use crate::facts_file::For;

/// A contract, and what it is judged by.
pub(super) struct Tried {
    /// The contract's id.
    pub(super) id: Arc<str>,
    /// What people call it: id and version.
    pub(super) name: String,
    /// In which its days and months run.
    pub(super) zone: Zone,
    /// All other documents that come with the program, and of contracts this one alone.
    pub(super) library: Library,
    /// What one case comes to may depend on all others, by a pool.
    pub(super) has_pools: bool,
}

impl Tried {
    /// The contract of that id or file, and further versions of it.
    ///
    /// # Errors
    /// There is none, a file can't be read; or every problem of the documents.
    pub(super) fn load(contract: &str, versions: &[PathBuf]) -> anyhow::Result<Tried> {
        let read = |path: &PathBuf| Ok((path.display().to_string(), read(path)?));
        let versions: Vec<(String, String)> = versions.iter().map(read).collect::<anyhow::Result<_>>()?;
        Tried::of(contract, &text(contract)?, &versions)
    }

    /// The contract of that text, and further versions of it, each with its name for messages.
    ///
    /// # Errors
    /// Every problem of the documents.
    pub(super) fn of(named: &str, text: &str, versions: &[(String, String)]) -> anyhow::Result<Tried> {
        let mut library = Library::default();
        for (kind, id, text) in SHIPPED.iter().filter(|(kind, ..)| *kind != CONTRACT) {
            add(&mut library, kind, id, 1, text).context("a document that comes with the program")?;
        }
        let first = add_contract(&mut library, named, text)?;
        let (mut numbers, mut has_pools) = (vec![first.version], first.has_pools());
        for (named, text) in versions {
            let further = add_contract(&mut library, named, text)?;
            if further.id != first.id {
                bail!("{named} is no version of {}, but of {}", first.id, further.id);
            }
            numbers.push(further.version);
            has_pools |= further.has_pools();
        }
        numbers.sort_unstable();
        let numbers: Vec<String> = numbers.iter().map(i32::to_string).collect();
        let plural = if numbers.len() == 1 { "version" } else { "versions" };
        let name = format!("{} {plural} {}", first.id, numbers.join(", "));
        Ok(Tried { id: first.id, name, zone: first.zone, library, has_pools })
    }

    /// How a file is read that means this contract where it says `named`.
    pub(super) fn reading<'t>(&'t self, named: &'t str) -> For<'t> {
        For { contract: &self.id, named, zone: &self.zone, library: &self.library }
    }
}

fn add_contract(library: &mut Library, named: &str, text: &str) -> anyhow::Result<ContractDocument> {
    let contract = ContractDocument::parse(text).map_err(|problems| problems_of(named, &problems))?;
    add(library, CONTRACT, &contract.id, contract.version, text).context(named.to_owned())?;
    Ok(contract)
}

fn add(library: &mut Library, kind: &str, id: &str, version: i32, text: &str) -> anyhow::Result<()> {
    library.add(kind, id, version, text).map_err(|problems| problems_of(id, &problems))
}

/// A contract that comes with the program, or a file's.
fn text(contract: &str) -> anyhow::Result<String> {
    match SHIPPED.iter().find(|(kind, id, _)| (*kind, *id) == (CONTRACT, contract)) {
        Some((.., text)) => Ok((*text).to_owned()),
        None if contract.ends_with(".toml") || Path::new(contract).exists() => read(Path::new(contract)),
        None => {
            let shipped = SHIPPED.iter().filter(|(kind, ..)| *kind == CONTRACT);
            let ids: Vec<&str> = shipped.map(|(_, id, _)| *id).collect();
            bail!(
                "there is no contract {contract} and no such file; those that come with the program are {}",
                ids.join(", ")
            )
        }
    }
}

fn read(path: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("read {}", path.display()))
}

fn problems_of(named: &str, problems: &[Problem]) -> anyhow::Error {
    let all: Vec<String> = problems.iter().map(|problem| format!("\n  {problem}")).collect();
    anyhow!("{named} is no contract that can be used:{}", all.concat())
}
