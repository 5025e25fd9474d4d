//! Which tasks run here: whoever owns `control[p]` runs task p, on a thread of its own.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use aftercare_gateway::metrics::{Metrics, Registration};
use aftercare_kafka::Cluster;
use aftercare_kafka::ownership::Ownership;
use aftercare_kafka::task_log::{GroupMetadata, KafkaTaskLog, TaskLogSettings};
use aftercare_runtime::config::TaskConfig;
use aftercare_runtime::stats::TaskStats;
use aftercare_runtime::task::{Ended, Task};
use aftercare_runtime::topics::{self, TASK_STATE};

use super::{faults, metrics, wall_clock};

/// After a failure a task is started again, no more often than this.
const RESTART: Duration = Duration::from_secs(1);

/// The counters of the tasks that run here now.
pub(crate) type RunningTasks = Arc<Mutex<BTreeMap<i32, Arc<TaskStats>>>>;

struct Running {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<()>,
    // Its metrics leave the page with it.
    _registration: Registration,
}

/// Runs the tasks that the group gives us until `stop` is set.
pub(crate) fn run(
    cluster: &Cluster,
    task: &dyn Fn(i32) -> TaskConfig,
    metrics: &Metrics,
    running_tasks: &RunningTasks,
    stop: &AtomicBool,
) -> anyhow::Result<()> {
    let ownership = Ownership::join(cluster, "tasks", "control")?;
    let mut running: BTreeMap<i32, Running> = BTreeMap::new();
    let started = |partition| {
        let stats = Arc::new(TaskStats::default());
        running_tasks.lock().expect("no holder panics").insert(partition, Arc::clone(&stats));
        start(cluster, task(partition), ownership.metadata(), stats, metrics)
    };
    let mut ended = Ok(());
    while !stop.load(Relaxed) {
        match ownership.next(Duration::from_millis(20)) {
            Ok(None) => {}
            Ok(Some(owned)) => {
                tracing::info!(partitions = ?owned, "tasks owned here");
                let gone: Vec<i32> = running.keys().copied().filter(|p| !owned.contains(p)).collect();
                finish(gone.into_iter().filter_map(|p| running.remove_entry(&p)).collect(), running_tasks);
                for partition in owned {
                    running.entry(partition).or_insert_with(|| started(partition));
                }
            }
            Err(error) => {
                ended = Err(error);
                break;
            }
        }
    }
    finish(running, running_tasks);
    Ok(ended?)
}

/// Stops these tasks, all together.
fn finish(tasks: BTreeMap<i32, Running>, running_tasks: &RunningTasks) {
    for task in tasks.values() {
        task.stop.store(true, Relaxed);
    }
    for (partition, task) in tasks {
        if task.thread.join().is_err() {
            tracing::error!(partition, "the task's thread panicked");
        }
        running_tasks.lock().expect("no holder panics").remove(&partition);
    }
}

fn start(
    cluster: &Cluster,
    config: TaskConfig,
    group: GroupMetadata,
    stats: Arc<TaskStats>,
    metrics: &Metrics,
) -> Running {
    let stop = Arc::new(AtomicBool::new(false));
    let registration = metrics.register(metrics::of_task(config.partition, Arc::clone(&stats)));
    let (cluster, stopped) = (cluster.clone(), Arc::clone(&stop));
    let thread = std::thread::Builder::new()
        .name(format!("task-{}", config.partition))
        .spawn(move || keep_running(&cluster, &config, &group, &stats, &stopped))
        .expect("the system can start a thread");
    Running { stop, thread, _registration: registration }
}

/// Runs one task, again after a failure, until it is stopped or fenced.
fn keep_running(
    cluster: &Cluster,
    config: &TaskConfig,
    group: &GroupMetadata,
    stats: &Arc<TaskStats>,
    stop: &AtomicBool,
) {
    let partition = config.partition;
    while !stop.load(Relaxed) {
        let ended = KafkaTaskLog::open(cluster, settings(partition, Some(Arc::clone(group))))
            .map_err(aftercare_runtime::error::TaskError::from)
            .and_then(|log| Task::new(log, config.clone(), Arc::clone(stats), wall_clock).run(stop));
        match ended {
            Ok(Ended::Stopped) => return,
            Ok(Ended::Fenced) => {
                tracing::info!(partition, "another instance took over this task");
                // The group may give it back, or has not told us yet that it is gone.
            }
            Err(error) => tracing::error!(partition, %error, "task failed, starting it again"),
        }
        std::thread::park_timeout(RESTART);
    }
}

/// What a patient task's log has to know.
pub(crate) fn settings(partition: i32, group: Option<GroupMetadata>) -> TaskLogSettings {
    TaskLogSettings {
        partition,
        topics: topics::TOPICS.iter().map(|t| t.name).collect(),
        changelog: TASK_STATE,
        broadcast: topics::TOPICS.iter().filter(|t| t.role.has_one_partition()).map(|t| t.id).collect(),
        group,
        reader: Vec::new(),
        probe: faults::passing,
    }
}
