//! `aftercare import`

use aftercare_kafka::writer::RecordWriter;

use crate::Outcome;
use crate::config::Config;
use crate::import::{ImportArgs, RecordOut};
use crate::wiring::{print, say};

/// Arguments of the import, and how to print what it did.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    import: ImportArgs,
    /// The summary as JSON.
    #[arg(long)]
    json: bool,
}

struct ToKafka(RecordWriter);

impl RecordOut for ToKafka {
    fn write(&mut self, topic: &str, key: &[u8], value: &[u8]) -> anyhow::Result<()> {
        Ok(self.0.write(topic, key, value, &[])?)
    }
}

pub(crate) fn run(config: &Config, args: &Args) -> anyhow::Result<Outcome> {
    let summary = import_file(config, &args.import)?;
    if args.json {
        print(format_args!("{}", serde_json::to_string_pretty(&summary)?));
    } else {
        print(format_args!("{summary}"));
    }
    Ok(if summary.exit_code() == 0 { Outcome::Done } else { Outcome::Found })
}

/// Imports a file into the cluster; returns when everything is confirmed.
pub(crate) fn import_file(config: &Config, args: &ImportArgs) -> anyhow::Result<crate::import::Summary> {
    let mut out = ToKafka(config.cluster().writer()?);
    let summary = crate::import::run(args, &mut out, &mut |so_far| {
        say(format_args!("{} lines, {} refused", so_far.lines, so_far.refused));
    })?;
    out.0.flush()?;
    Ok(summary)
}
