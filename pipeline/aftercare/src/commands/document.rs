//! `aftercare document`

use std::path::PathBuf;

use anyhow::Context;

use crate::Outcome;
use crate::config::Config;
use crate::wiring::documents::{self, Offered};
use crate::wiring::{print, wall_clock};

/// Look at the documents of a running system (instruments, plans, alert policies, contracts, curves), and publish new
/// versions. They hold for what comes after them, without a build or a restart; what was judged before stays, until what
/// it rests on changes.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(clap::Subcommand)]
enum Action {
    /// Name all that are published: kind, id, version.
    List,
    /// Publish documents of one kind. All problems are listed; if there is any, none is published.
    Publish {
        /// instrument, plan, vitals, review-rule, alert-policy, contract or curve.
        kind: String,
        /// TOML files. A published version never changes: what is corrected gets the next one.
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
    },
}

pub(crate) fn run(config: &Config, args: &Args) -> anyhow::Result<Outcome> {
    let cluster = config.cluster();
    let (kind, files) = match &args.action {
        Action::List => {
            for (kind, id, version) in documents::published(&cluster)? {
                print(format_args!("{kind} {id} {version}"));
            }
            return Ok(Outcome::Done);
        }
        Action::Publish { kind, files } => (kind, files),
    };
    let read = |file: &PathBuf| {
        let text = std::fs::read_to_string(file).with_context(|| format!("read {}", file.display()))?;
        Offered::new(kind, text).with_context(|| format!("read {}", file.display()))
    };
    let offered: Vec<Offered> = files.iter().map(read).collect::<anyhow::Result<_>>()?;
    for (kind, id, version) in documents::offer(&cluster, offered, wall_clock())? {
        print(format_args!("published {kind} {id} {version}"));
    }
    Ok(Outcome::Done)
}
