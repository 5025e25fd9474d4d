//! `aftercare instruments`

use std::path::{Path, PathBuf};
use std::sync::Arc;

use aftercare_core::documents::{
    INSTRUMENT, InstrumentDocument, LICENSED, Library, Outline, Problem, SHIPPED,
};
use anyhow::{Context, anyhow, bail};

use crate::Outcome;
use crate::score::{self, Chart};
use crate::wiring::print;

/// Look at the instruments: questionnaires and scores as documents.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// All instruments: items, range, columns of the score, how many parts of the rule are assumptions.
    List,
    /// One instrument in words: items and their codes, the rule, what is missing when, bands, sources, assumptions.
    Show {
        /// An instrument of the list, or the TOML file of one of your own.
        instrument: String,
        /// The table of the licence holder, where the instrument needs one: a TOML file with its [score].
        #[arg(long, value_name = "FILE")]
        table: Option<PathBuf>,
        /// Print the document itself, the table included.
        #[arg(long)]
        toml: bool,
    },
}

pub(crate) fn run(args: &Args) -> anyhow::Result<Outcome> {
    let text = match &args.command {
        Command::List => list()?,
        Command::Show { instrument, .. } if instrument == Chart::ID => score::show_chart(),
        Command::Show { instrument, table, toml } => match (table, toml) {
            (None, false) if licensed(instrument).is_some() => show_outline(instrument)?,
            (table, true) => text(instrument, table.as_deref())?,
            (table, false) => score::show(&*document(instrument, table.as_deref())?),
        },
    };
    print(format_args!("{}", text.trim_end()));
    Ok(Outcome::Done)
}

fn list() -> anyhow::Result<String> {
    let library = Library::builtin();
    let shipped = SHIPPED.iter().filter(|(kind, ..)| *kind == INSTRUMENT);
    let documents: Vec<_> =
        shipped.filter_map(|(_, id, _)| library.instrument(id, None)).map(|document| &**document).collect();
    let outline = |(id, text)| Ok((id, Outline::parse(text).map_err(|problems| named(id, &problems))?));
    let outlines: Vec<(&str, Outline)> = LICENSED.into_iter().map(outline).collect::<anyhow::Result<_>>()?;
    Ok(score::list(&documents, &outlines))
}

fn show_outline(id: &str) -> anyhow::Result<String> {
    let outline =
        Outline::parse(licensed(id).unwrap_or_default()).map_err(|problems| named(id, &problems))?;
    Ok(score::show_outline(id, &outline))
}

fn licensed(id: &str) -> Option<&'static str> {
    LICENSED.iter().find(|(known, _)| *known == id).map(|(_, text)| *text)
}

/// The instrument `name`: one that comes with the program, a licensed one with its table, or a TOML file.
///
/// # Errors
/// There is none of that name, a table is missing or one too many, a file can't be read; or every problem in it.
pub(crate) fn document(name: &str, table: Option<&Path>) -> anyhow::Result<Arc<InstrumentDocument>> {
    if let (Some(document), None) = (Library::builtin().instrument(name, None), table) {
        return Ok(Arc::clone(document));
    }
    let text = text(name, table)?;
    Ok(Arc::new(InstrumentDocument::parse(&text).map_err(|problems| named(name, &problems))?))
}

/// The text of its document.
fn text(name: &str, table: Option<&Path>) -> anyhow::Result<String> {
    let shipped = SHIPPED.iter().find(|(kind, id, _)| (*kind, *id) == (INSTRUMENT, name));
    let read =
        |path: &Path| std::fs::read_to_string(path).with_context(|| format!("read {}", path.display()));
    match (licensed(name), table) {
        (Some(outline), Some(table)) => Ok(format!("{outline}\n{}", read(table)?)),
        (Some(_), None) => bail!(
            "{name} is scored by a table of its licence holder: give it with --table (how it is written: \
             pipeline/aftercare/docs/instruments.md)"
        ),
        (None, Some(_)) => bail!("only {} need a table", LICENSED.map(|(id, _)| id).join(" and ")),
        (None, None) => match shipped {
            Some((.., text)) => Ok((*text).to_owned()),
            None if name.ends_with(".toml") => read(Path::new(name)),
            None => bail!("there is no instrument {name}; aftercare instruments list names them"),
        },
    }
}

fn named(name: &str, problems: &[Problem]) -> anyhow::Error {
    let list: Vec<String> = problems.iter().map(ToString::to_string).collect();
    anyhow!("instrument {name}:\n  {}", list.join("\n  "))
}
