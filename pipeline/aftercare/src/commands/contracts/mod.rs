//! `aftercare contracts`

mod trial;

use crate::Outcome;

/// Look at contracts: try them on facts.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Run a contract over a file of facts: its lines as CSV, what they add up to on stderr.
    Try(trial::Args),
}

pub(crate) fn run(args: &Args) -> anyhow::Result<Outcome> {
    match &args.command {
        Command::Try(args) => trial::run(args),
    }
}
