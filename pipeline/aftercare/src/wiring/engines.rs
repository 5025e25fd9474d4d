//! The real Kafka and ClickHouse beside us, for the demo, the bench and tests; or one's own.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use aftercare_embedded::{ClickHouseOptions, ClickHouseServer, Engines, KafkaOptions, KafkaServer};
use anyhow::Context;

use crate::config::{Config, Secret};

/// Which engines to start, and which are there already.
#[derive(clap::Args, Clone, Debug, Default)]
pub(crate) struct EngineArgs {
    /// Use this Kafka (host:port,...) instead of starting one.
    #[arg(long, value_name = "SERVERS")]
    pub(crate) kafka: Option<String>,
    /// Use this ClickHouse (http://host:port; user and password from the configuration) instead of starting one.
    #[arg(long, value_name = "URL")]
    pub(crate) clickhouse: Option<String>,
    /// Keep the engines' files here instead of in a temporary folder.
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
}

/// Engines that run as long as this lives.
pub(crate) struct Running {
    kafka: Option<KafkaServer>,
    clickhouse: Option<ClickHouseServer>,
    dir: Option<PathBuf>,
    // Dropped last: the engines write into it.
    _temporary: Option<tempfile::TempDir>,
}

/// What to start.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Load {
    /// Quick to start.
    Light,
    /// Set up for measurement; without ClickHouse.
    KafkaBench,
}

/// Starts what is not given and sets the configuration to what runs. Fails at once when `stop` is set meanwhile.
pub(crate) fn start(
    config: &mut Config,
    args: &EngineArgs,
    load: Load,
    stop: &Arc<AtomicBool>,
) -> anyhow::Result<Running> {
    let needs_clickhouse = load == Load::Light && args.clickhouse.is_none();
    let mut running = Running { kafka: None, clickhouse: None, dir: None, _temporary: None };
    if args.kafka.is_none() || needs_clickhouse {
        let dir = match &args.data_dir {
            Some(dir) => dir.clone(),
            None => {
                let temporary =
                    tempfile::Builder::new().prefix("aftercare-").tempdir().context("make a folder")?;
                let path = temporary.path().to_owned();
                running._temporary = Some(temporary);
                path
            }
        };
        running.dir = Some(dir.clone());
        let engines = Engines::find()?;
        if args.kafka.is_none() {
            let mut options = KafkaOptions::new(dir.join("kafka"));
            options.load_test = load == Load::KafkaBench;
            options.stop = Arc::clone(stop);
            running.kafka = Some(KafkaServer::start(&engines, options)?);
        }
        if needs_clickhouse {
            let mut options = ClickHouseOptions::new(dir.join("clickhouse"));
            options.stop = Arc::clone(stop);
            running.clickhouse = Some(ClickHouseServer::start(&engines, options)?);
        }
    }
    if let Some(kafka) =
        args.kafka.clone().or_else(|| running.kafka.as_ref().map(|k| k.bootstrap().to_owned()))
    {
        config.kafka.bootstrap = kafka;
    }
    if let Some(url) = &args.clickhouse {
        config.clickhouse.url.clone_from(url);
    }
    if let Some(server) = &running.clickhouse {
        config.clickhouse.url = server.http_url();
        config.clickhouse.user = server.user().to_owned();
        config.clickhouse.password = Secret(server.password().to_owned());
    }
    Ok(running)
}

impl Running {
    /// The embedded ClickHouse, if it is ours.
    pub(crate) fn clickhouse(&self) -> Option<&ClickHouseServer> {
        self.clickhouse.as_ref()
    }

    /// Where the engines that are ours keep their files: `kafka` and `clickhouse` in it.
    pub(crate) fn dir(&self) -> Option<&std::path::Path> {
        self.dir.as_deref()
    }

    /// Stops the engines in order.
    pub(crate) fn stop(self) {
        if let Some(clickhouse) = self.clickhouse {
            clickhouse.stop();
        }
        if let Some(kafka) = self.kafka {
            kafka.stop();
        }
    }
}
