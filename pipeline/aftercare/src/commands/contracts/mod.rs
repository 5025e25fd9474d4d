//! `aftercare contracts`

mod check;
mod described;
mod difference;
mod show;
mod source;
#[cfg(test)]
mod tests;
mod trial;

use std::path::PathBuf;

use crate::Outcome;
use crate::wiring::print;

/// Look at contracts: check documents, read them in words, compare versions, try them on facts.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Check documents: every problem with its line and column, the part of the document, and the character of an
    /// expression. Exit code 4 where there are problems.
    Check {
        /// TOML files.
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
    },
    /// All contracts that come with the program, one version a line.
    List {
        /// Also those of the TOML files of a folder.
        #[arg(long, value_name = "FOLDER")]
        documents: Option<PathBuf>,
    },
    /// One contract in words: parameters, rules, lines and who bears them, clauses.
    Show {
        /// A contract of the list, or a TOML file.
        contract: String,
        /// Which version; the newest without it.
        #[arg(long, value_name = "N")]
        version: Option<i32>,
        /// Also look in the TOML files of a folder.
        #[arg(long, value_name = "FOLDER")]
        documents: Option<PathBuf>,
    },
    /// What the second contract says differently than the first, parameter by parameter and rule by rule, in words.
    Diff {
        /// A contract of the list, or a TOML file.
        before: String,
        /// The one that is compared with it.
        now: String,
    },
    /// Run a contract over a file of facts: its lines as CSV, what they add up to on stderr.
    Try(trial::Args),
}

pub(crate) fn run(args: &Args) -> anyhow::Result<Outcome> {
    let text = match &args.command {
        Command::Try(args) => return trial::run(args),
        Command::Check { files } => return check_all(files),
        Command::List { documents } => show::list(&source::all(documents.as_deref())?),
        Command::Show { contract, version, documents } => {
            show::show(&source::one(contract, *version, documents.as_deref())?.described()?)
        }
        Command::Diff { before, now } => {
            let described = |contract| source::one(contract, None, None)?.described();
            difference::diff(&described(before)?, &described(now)?)
        }
    };
    print(format_args!("{}", text.trim_end()));
    Ok(Outcome::Done)
}

fn check_all(files: &[PathBuf]) -> anyhow::Result<Outcome> {
    let mut outcome = Outcome::Done;
    for file in files {
        match check::check(&source::read(file)?) {
            Ok(document) => print(format_args!(
                "{}: {} version {} has no problems",
                file.display(),
                document.id,
                document.version
            )),
            Err(problems) => {
                outcome = Outcome::Found;
                problems.iter().for_each(|problem| print(format_args!("{}:{problem}", file.display())));
            }
        }
    }
    Ok(outcome)
}
