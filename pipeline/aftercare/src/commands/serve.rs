//! `aftercare serve`

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use aftercare_clickhouse::Store;
use aftercare_gateway::console::{Board, Console};
use aftercare_gateway::health::Check;
use aftercare_gateway::metrics::{Metrics, Registration};
use aftercare_gateway::{Gateway, State};
use aftercare_kafka::{Cluster, KafkaFault};
use anyhow::Context;
use clap::ValueEnum;

use crate::Outcome;
use crate::config::Config;
use crate::wiring::desk::{self, InstalledDesk};
use crate::wiring::late::Late;
use crate::wiring::readings::{FlowStats, Raw};
use crate::wiring::sink::SinkStats;
use crate::wiring::tasks::RunningTasks;
use crate::wiring::{metrics, notify, sink, stop_flag, tasks, watch};

/// Parts of the pipeline that can run apart.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum Role {
    /// Patient tasks: inputs to outputs.
    Task,
    /// Outputs and raw readings to ClickHouse.
    Sink,
    /// Windows that readings reached late, computed again from the raw readings in ClickHouse.
    Late,
    /// Alerts to those who must look, where any are configured.
    Notify,
    /// Console, schema registry, health, metrics.
    Http,
}

/// Runs until SIGINT or SIGTERM; then everything taken is committed and it ends within 10 seconds.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Which parts run here.
    #[arg(long, value_delimiter = ',', default_values = ["task", "sink", "late", "notify", "http"])]
    roles: Vec<Role>,
}

pub(crate) fn run(config: &Config, args: &Args) -> anyhow::Result<Outcome> {
    let stop = stop_flag()?;
    let service = Service::start(config, &args.roles, &stop)?;
    while !stop.load(Relaxed) && !service.has_failed() {
        std::thread::sleep(Duration::from_millis(50));
    }
    tracing::info!("stopping");
    stop.store(true, Relaxed);
    service.join()?;
    Ok(Outcome::Done)
}

/// The running parts.
pub(crate) struct Service {
    parts: Vec<(&'static str, JoinHandle<anyhow::Result<()>>)>,
    /// Where HTTP listens, if it does.
    pub(crate) http: Option<std::net::SocketAddr>,
    /// The tasks that run here.
    pub(crate) tasks: RunningTasks,
    /// What the sink counts.
    pub(crate) sink: Arc<SinkStats>,
    _metrics: Vec<Registration>,
    runtime: tokio::runtime::Runtime,
}

impl Service {
    /// Starts the parts; they run until `stop` is set.
    pub(crate) fn start(config: &Config, roles: &[Role], stop: &Arc<AtomicBool>) -> anyhow::Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .context("start the asynchronous runtime")?;
        let metrics = Metrics::new();
        let tasks: RunningTasks = Arc::new(Mutex::default());
        let sink = Arc::new(SinkStats::default());
        let mut registrations = vec![metrics.register(metrics::of_sink(Arc::clone(&sink)))];
        let cluster = config.cluster();
        check_partitions(config, &cluster, stop)?;
        let mut parts = Vec::new();
        if roles.contains(&Role::Task) {
            let (config, cluster, metrics) = (config.clone(), cluster.clone(), metrics.clone());
            let (running, stop) = (Arc::clone(&tasks), Arc::clone(stop));
            let body = move || tasks::run(&cluster, &|p| config.task(p), &metrics, &running, &stop);
            parts.push(part("tasks", body)?);
        }
        if roles.contains(&Role::Sink) {
            let (settings, cluster, handle) =
                (config.sink.clone(), cluster.clone(), runtime.handle().clone());
            let (stats, stop, store) = (Arc::clone(&sink), Arc::clone(stop), Store::connect(config.store()?));
            let watched = Arc::default();
            registrations.push(metrics.register(watch::metrics(Arc::clone(&watched))));
            runtime.spawn(watch::run(Store::connect(config.store()?), watched, Arc::clone(&stop)));
            let body = move || sink::run(&cluster, store, handle, settings, stats, &stop);
            parts.push(part("sink", body)?);
        }
        if roles.contains(&Role::Sink) {
            let (settings, cluster, runtime) =
                (config.sink.clone(), cluster.clone(), runtime.handle().clone());
            let (limits, partitions) = (config.task(0).limits, config.kafka.partitions);
            let (stop, store) = (Arc::clone(stop), Store::connect(config.store()?));
            let stats = Arc::new(FlowStats::default());
            registrations.push(metrics.register(metrics::of_flow("wearable-readings", Arc::clone(&stats))));
            let body = move || {
                Raw { cluster: &cluster, store, runtime, settings, limits, partitions, stats }.run(&stop)
            };
            parts.push(part("readings", body)?);
        }
        if roles.contains(&Role::Late) {
            let (cluster, runtime) = (cluster.clone(), runtime.handle().clone());
            let (stop, store) = (Arc::clone(stop), Store::connect(config.store()?));
            let stats = Arc::new(FlowStats::default());
            registrations.push(metrics.register(metrics::of_flow("late-windows", Arc::clone(&stats))));
            let body = move || Late { cluster: &cluster, store, runtime, stats }.run(&stop);
            parts.push(part("late", body)?);
        }
        if roles.contains(&Role::Notify) && config.notify.has_receivers() {
            let receivers = notify::Receivers::open(&config.notify)?;
            let stats = receivers.stats();
            registrations.push(metrics.register(metrics::of_notify(Arc::clone(&stats))));
            let (settings, cluster, handle) =
                (config.notify.clone(), cluster.clone(), runtime.handle().clone());
            let stop = Arc::clone(stop);
            let body = move || notify::run(&cluster, &settings, receivers, stats, handle, &stop);
            parts.push(part("notify", body)?);
        }
        let mut http = None;
        if roles.contains(&Role::Http) {
            let board = Arc::new(Board::new());
            let desk = InstalledDesk::new(cluster.clone(), Store::connect(config.store()?));
            let console = Console::new(Arc::clone(&board), Arc::new(desk));
            let state = State {
                app: config.kafka.app.clone().into(),
                metrics,
                access: Arc::new(config.http.access()),
                console: Some(Arc::new(console)),
                readiness: Arc::new(readiness(Arc::clone(&tasks), roles.contains(&Role::Task))),
            };
            let gateway = runtime.block_on(Gateway::bind(config.http.listen, state))?;
            http = Some(gateway.address());
            let (handle, stop) = (runtime.handle().clone(), Arc::clone(stop));
            let (until, partitions) = (Arc::clone(&stop), config.kafka.partitions);
            let body = move || {
                desk::feed(&cluster, partitions, &board, &until);
                Ok(())
            };
            parts.push(part("board", body)?);
            let body = move || Ok(handle.block_on(gateway.serve(stopped(stop)))?);
            parts.push(part("http", body)?);
        }
        Ok(Self { parts, http, tasks, sink, _metrics: registrations, runtime })
    }

    /// Whether a part ended by itself.
    pub(crate) fn has_failed(&self) -> bool {
        self.parts.iter().any(|(_, thread)| thread.is_finished())
    }

    /// Waits for all parts to end after `stop` was set.
    pub(crate) fn join(self) -> anyhow::Result<()> {
        let mut failed = Ok(());
        for (name, thread) in self.parts {
            let ended =
                thread.join().map_err(|_panic| anyhow::anyhow!("the thread panicked")).and_then(|r| r);
            if let Err(error) = ended {
                tracing::error!(part = name, error = format!("{error:#}"), "part ended");
                failed = Err(error.context(name));
            }
        }
        self.runtime.shutdown_timeout(Duration::from_secs(1));
        failed
    }
}

fn part(
    name: &'static str,
    body: impl FnOnce() -> anyhow::Result<()> + Send + 'static,
) -> anyhow::Result<(&'static str, JoinHandle<anyhow::Result<()>>)> {
    Ok((name, std::thread::Builder::new().name(name.into()).spawn(body).context("start a thread")?))
}

/// Keys would be looked for in the wrong place if the topics had other counts than the tasks believe. Waits for a Kafka
/// that does not answer yet: the two are often started together.
fn check_partitions(config: &Config, cluster: &Cluster, stop: &AtomicBool) -> anyhow::Result<()> {
    for topic in ["control", "prom-responses", "receipts", "task-state"] {
        let found = loop {
            match cluster.partitions(topic) {
                Err(KafkaFault::Kafka { doing, source }) if !stop.load(Relaxed) => {
                    tracing::warn!(
                        bootstrap = cluster.bootstrap,
                        "Kafka does not answer, waiting: {doing}: {source}"
                    );
                    std::thread::sleep(Duration::from_secs(1));
                }
                found => break found?,
            }
        };
        anyhow::ensure!(
            found == config.kafka.partitions,
            "topic {} has {found} partitions, kafka.partitions says {}",
            cluster.topic(topic),
            config.kafka.partitions
        );
    }
    Ok(())
}

fn readiness(tasks: RunningTasks, expected: bool) -> impl Fn() -> Vec<Check> + Send + Sync {
    move || {
        let tasks = tasks.lock().expect("no holder panics");
        let running = tasks.values().filter(|t| t.phase.load(Relaxed) == 3).count();
        let ok = !expected || (!tasks.is_empty() && running == tasks.len());
        vec![Check { name: "tasks", ok, detail: format!("{running} of {} tasks run", tasks.len()) }]
    }
}

async fn stopped(stop: Arc<AtomicBool>) {
    while !stop.load(Relaxed) {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
