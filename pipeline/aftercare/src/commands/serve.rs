//! `aftercare serve`

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

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
use crate::wiring::facts::Facts;
use crate::wiring::flow::{Flow, FlowStats};
use crate::wiring::late::Late;
use crate::wiring::readings::Raw;
use crate::wiring::sink::SinkStats;
use crate::wiring::tasks::RunningTasks;
use crate::wiring::{metrics, notify, sink, stop_flag, tasks, watch};

/// After a failure a part is started again, no more often than this.
const RESTART: Duration = Duration::from_secs(1);
/// How long parts may take to end. What has not ended by then is taken over like what a crash leaves.
const STOPPING: Duration = Duration::from_secs(8);
/// How long one question for the topics waits for Kafka.
const ASKING: Duration = Duration::from_secs(1);

/// Parts of the pipeline that can run apart.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum Role {
    /// Patient tasks: inputs to outputs.
    Task,
    /// Outputs, raw readings, enrolments and events to ClickHouse.
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
    let service = match Service::start(config, &args.roles, &stop) {
        // A signal that comes while it starts ends it as any other does.
        Err(error) if stop.load(Relaxed) => {
            tracing::info!(error = format!("{error:#}"), "stopped before it was up");
            return Ok(Outcome::Done);
        }
        started => started?,
    };
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
            let running = Arc::clone(&tasks);
            let body = move |stop: &_| tasks::run(&cluster, &|p| config.task(p), &metrics, &running, stop);
            parts.push(kept("tasks", stop, body)?);
        }
        if roles.contains(&Role::Sink) {
            let (settings, cluster, handle) =
                (config.sink.clone(), cluster.clone(), runtime.handle().clone());
            let (stats, store) = (Arc::clone(&sink), Store::connect(config.store()?));
            let watched = Arc::default();
            registrations.push(metrics.register(watch::metrics(Arc::clone(&watched))));
            runtime.spawn(watch::run(Store::connect(config.store()?), watched, Arc::clone(stop)));
            let body = move |stop: &_| {
                let (store, handle, stats) = (store.clone(), handle.clone(), Arc::clone(&stats));
                sink::run(&cluster, store, handle, settings.clone(), stats, stop)
            };
            parts.push(kept("sink", stop, body)?);
        }
        if roles.contains(&Role::Sink) {
            let flow = |name| -> anyhow::Result<(Flow, Registration)> {
                let stats = Arc::new(FlowStats::default());
                let registration = metrics.register(metrics::of_flow(name, Arc::clone(&stats)));
                let flow = Flow {
                    cluster: cluster.clone(),
                    store: Store::connect(config.store()?),
                    runtime: runtime.handle().clone(),
                    settings: config.sink.clone(),
                    limits: config.task(0).limits,
                    partitions: config.kafka.partitions,
                    stats,
                };
                Ok((flow, registration))
            };
            let (readings, counted) = flow("wearable-readings")?;
            parts.push(kept("readings", stop, move |stop: &_| readings.run(&Raw, stop))?);
            registrations.push(counted);
            let (facts, counted) = flow("facts")?;
            parts.push(kept("facts", stop, move |stop: &_| facts.run(&Facts, stop))?);
            registrations.push(counted);
        }
        if roles.contains(&Role::Late) {
            let (cluster, runtime) = (cluster.clone(), runtime.handle().clone());
            let store = Store::connect(config.store()?);
            let stats = Arc::new(FlowStats::default());
            registrations.push(metrics.register(metrics::of_flow("late-windows", Arc::clone(&stats))));
            let late = Late { cluster, store, runtime, stats };
            parts.push(kept("late", stop, move |stop: &_| late.run(stop))?);
        }
        if roles.contains(&Role::Notify) && config.notify.has_receivers() {
            let receivers = notify::Receivers::open(&config.notify)?;
            let stats = receivers.stats();
            registrations.push(metrics.register(metrics::of_notify(Arc::clone(&stats))));
            let (settings, cluster, handle) =
                (config.notify.clone(), cluster.clone(), runtime.handle().clone());
            let body = move |stop: &_| {
                let (receivers, stats) = (receivers.clone(), Arc::clone(&stats));
                notify::run(&cluster, &settings, receivers, stats, handle.clone(), stop)
            };
            parts.push(kept("notify", stop, body)?);
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

    /// Waits for all parts to end after `stop` was set, and no longer than they may take.
    pub(crate) fn join(self) -> anyhow::Result<()> {
        let (asked, mut failed, mut left) = (Instant::now(), Ok(()), false);
        for (name, thread) in self.parts {
            while !thread.is_finished() && asked.elapsed() < STOPPING {
                std::thread::sleep(Duration::from_millis(10));
            }
            if !thread.is_finished() {
                tracing::warn!(part = name, "did not end in time, left to whoever takes over");
                left = true;
                continue;
            }
            let ended =
                thread.join().map_err(|_panic| anyhow::anyhow!("the thread panicked")).and_then(|r| r);
            if let Err(error) = ended {
                tracing::error!(part = name, error = format!("{error:#}"), "part ended");
                failed = Err(error.context(name));
            }
        }
        if left {
            // A part that is still at work would find its runtime gone.
            std::mem::forget(self.runtime);
        } else {
            self.runtime.shutdown_timeout(Duration::from_secs(1));
        }
        failed
    }
}

/// A part that runs until `stop` is set. When it fails it is started again, as it would be by whoever takes over: what
/// it had not finished is done anew. So a server that is away for a while ends nothing here, and neither does a failure
/// on the way out.
fn kept(
    name: &'static str,
    stop: &Arc<AtomicBool>,
    body: impl Fn(&AtomicBool) -> anyhow::Result<()> + Send + 'static,
) -> anyhow::Result<(&'static str, JoinHandle<anyhow::Result<()>>)> {
    let stop = Arc::clone(stop);
    part(name, move || {
        while !stop.load(Relaxed) {
            let Err(error) = body(&stop) else { continue };
            let error = format!("{error:#}");
            if stop.load(Relaxed) {
                tracing::warn!(part = name, error, "failed while it stopped");
            } else {
                tracing::error!(part = name, error, "part failed, starting it again");
                std::thread::park_timeout(RESTART);
            }
        }
        Ok(())
    })
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
            match cluster.partitions_within(topic, ASKING) {
                Err(KafkaFault::Kafka { doing, source }) if !stop.load(Relaxed) => {
                    tracing::warn!(
                        bootstrap = cluster.bootstrap,
                        "Kafka does not answer, waiting: {doing}: {source}"
                    );
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
