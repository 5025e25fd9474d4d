//! From the alerts topic to those who must look: webhooks and Alertmanager. The position moves behind an alert when
//! every receiver has it or was given up on, so that nothing is forgotten when the process dies; what is then told again
//! carries the same message id.

mod choose;
mod pending;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::{Receiver as Inbox, Sender, channel};
use std::time::{Duration, Instant};

use aftercare_kafka::Cluster;
use aftercare_kafka::drain::{Drain, KafkaBatch};
use aftercare_kafka::ownership::{GroupPositions, Ownership};
use aftercare_notify::{Poster, Receiver, Retry, Secret, Sending};
use aftercare_runtime::topics;
use aftercare_schemas::{codec, wire};
use aftercare_stream::log::Batch;
use anyhow::Context;
use choose::{Choice, Chooser, Filter};
use pending::Pending;
use tokio::runtime::Handle;
use url::Url;

use super::wall_clock;
use crate::config;

/// At most this many records are taken by one poll.
const POLL_RECORDS: usize = 256;
/// Positions are moved no more often than this.
const MOVE: Duration = Duration::from_millis(200);
/// How long deliveries under way may take to end when the notifier is asked to stop.
const STOPPING: Duration = Duration::from_secs(3);

/// What the notifier counts for its observers.
pub(crate) struct NotifyStats {
    pub(crate) receivers: Vec<Arc<Receiver>>,
    /// Alerts read that are not yet told to everybody.
    pub(crate) waiting: AtomicU64,
    /// When the oldest of them was written, ms since 1970 UTC; 0 when there is none.
    pub(crate) oldest_at: AtomicI64,
    /// States not told because they are too old.
    pub(crate) stale: AtomicU64,
}

/// Everybody who is told, as configured.
#[derive(Clone)]
pub(crate) struct Receivers {
    all: Vec<(Arc<Receiver>, Filter)>,
    console: Option<Url>,
}

impl Receivers {
    /// # Errors
    /// What [`config::Notify`] would have named when it was checked; or there is no list of certificates.
    pub(crate) fn open(settings: &config::Notify) -> anyhow::Result<Self> {
        let poster = Poster::new(settings.allowed()?, Duration::from_millis(settings.timeout_ms))
            .context("prepare TLS")?;
        let retry = Retry {
            delay_ms_first: settings.retry_ms_first,
            delay_ms_max: settings.retry_ms_max,
            give_up_ms: settings.give_up_s.saturating_mul(1000),
        };
        let seed = u64::from(std::process::id());
        let sending = || Sending { poster: poster.clone(), retry, seed, now_ms: wall_clock };
        let filter = |severities: &[String], roles: &[String]| Filter {
            severities: severities.to_vec(),
            roles: roles.to_vec(),
        };
        let mut all = Vec::new();
        for (name, to) in &settings.webhooks {
            let receiver = Receiver::webhook(name, to.url.parse()?, Secret::parse(&to.secret.0)?, sending());
            all.push((Arc::new(receiver), filter(&to.severities, &to.roles)));
        }
        for (name, to) in &settings.alertmanagers {
            let receiver = Receiver::alertmanager(name, to.url.parse()?, sending());
            all.push((Arc::new(receiver), filter(&to.severities, &to.roles)));
        }
        let console = settings.console_url.parse().ok();
        Ok(Self { all, console })
    }

    pub(crate) fn stats(&self) -> Arc<NotifyStats> {
        Arc::new(NotifyStats {
            receivers: self.all.iter().map(|(receiver, _)| Arc::clone(receiver)).collect(),
            waiting: AtomicU64::new(0),
            oldest_at: AtomicI64::new(0),
            stale: AtomicU64::new(0),
        })
    }
}

/// A delivery that ended: (which assignment it belongs to, partition, offset).
type Ended = (u64, i32, i64);

struct Notifier {
    receivers: Receivers,
    chooser: Chooser,
    stats: Arc<NotifyStats>,
    runtime: Handle,
    pending: Pending,
    /// Counts assignments: what ends for an earlier one moves no position.
    assignment: u64,
    ended: (Sender<Ended>, Inbox<Ended>),
}

/// Runs the notifier until `stop` is set.
pub(crate) fn run(
    cluster: &Cluster,
    settings: &config::Notify,
    receivers: Receivers,
    stats: Arc<NotifyStats>,
    runtime: Handle,
    stop: &AtomicBool,
) -> anyhow::Result<()> {
    let name = topics::name(topics::ALERTS);
    let ownership = Ownership::join(cluster, "notify", name)?;
    let mut drain = Drain::open(cluster, &[])?;
    let (topic, positions) = (cluster.topic(name), ownership.positions());
    let mut notifier = Notifier {
        receivers,
        chooser: Chooser::new(settings.simulated, settings.stale_h.saturating_mul(3_600_000)),
        stats,
        runtime,
        pending: Pending::default(),
        assignment: 0,
        ended: channel(),
    };
    let mut moved_at = Instant::now();
    while !stop.load(Relaxed) {
        if let Some(owned) = ownership.next(Duration::ZERO)? {
            tracing::info!(partitions = ?owned, "alerts told from here");
            notifier.own(&mut drain, &positions, &topic, &owned)?;
        }
        if notifier.pending.len() < settings.waiting_max {
            notifier.take(&drain.poll(Duration::from_millis(20), POLL_RECORDS)?);
            notifier.drain_ended(Duration::ZERO);
        } else {
            notifier.drain_ended(Duration::from_millis(20));
        }
        if moved_at.elapsed() >= MOVE {
            notifier.move_positions(&positions, &topic);
            moved_at = Instant::now();
        }
    }
    let began = Instant::now();
    while notifier.pending.len() > 0 && began.elapsed() < STOPPING {
        notifier.drain_ended(Duration::from_millis(50));
    }
    notifier.move_positions(&positions, &topic);
    Ok(())
}

impl Notifier {
    /// Reads these partitions from where the group stands.
    fn own(
        &mut self,
        drain: &mut Drain,
        positions: &GroupPositions,
        topic: &str,
        owned: &BTreeSet<i32>,
    ) -> anyhow::Result<()> {
        let assigned = positions.assigned(topics::ALERTS, topic, owned)?;
        drain.assign(&assigned)?;
        self.assignment += 1;
        self.chooser.forget();
        self.pending.begin(assigned.iter().map(|one| (one.partition, one.from)));
        Ok(())
    }

    fn take(&mut self, batch: &KafkaBatch) {
        for i in 0..batch.len() {
            let record = batch.get(i);
            let (partition, offset, written_at) = (batch.partition(i), record.offset.0, record.produced_at);
            let deliveries = match codec::decode::<wire::Alert<'_>>("alerts", record.value, None) {
                Ok(alert) => self.tell(&alert, partition, offset, written_at),
                Err(error) => {
                    tracing::error!(partition, offset, %error, "a foreign record in the alerts topic");
                    0
                }
            };
            self.pending.read(partition, offset, deliveries, written_at);
        }
        self.show();
    }

    /// Begins the deliveries of one state; how many there are.
    fn tell(&mut self, alert: &wire::Alert<'_>, partition: i32, offset: i64, written_at: i64) -> usize {
        let (change, first) = match self.chooser.choose(alert, wall_clock() - written_at) {
            Choice::Nothing => return 0,
            Choice::Stale => {
                self.stats.stale.fetch_add(1, Relaxed);
                return 0;
            }
            Choice::Tell { change, first } => (change, first),
        };
        let notice = Arc::new(choose::notice(alert, change, written_at, self.receivers.console.as_ref()));
        let wanting = self
            .receivers
            .all
            .iter()
            .filter(|(receiver, filter)| filter.admits(alert) && (receiver.keeps_newest() || first));
        let mut deliveries = 0;
        for (receiver, _) in wanting {
            receiver.expect(&notice);
            let (receiver, notice) = (Arc::clone(receiver), Arc::clone(&notice));
            let (ended, assignment) = (self.ended.0.clone(), self.assignment);
            self.runtime.spawn(async move {
                receiver.deliver(&notice).await;
                if ended.send((assignment, partition, offset)).is_err() {
                    tracing::debug!("a delivery ended after the notifier");
                }
            });
            deliveries += 1;
        }
        deliveries
    }

    /// Takes in which deliveries ended, waiting at most this long for the first.
    fn drain_ended(&mut self, wait: Duration) {
        let first = if wait.is_zero() { None } else { self.ended.1.recv_timeout(wait).ok() };
        for (assignment, partition, offset) in first.into_iter().chain(self.ended.1.try_iter()) {
            if assignment == self.assignment {
                self.pending.ended(partition, offset);
            }
        }
        self.show();
    }

    fn show(&self) {
        self.stats.waiting.store(self.pending.len() as u64, Relaxed);
        self.stats.oldest_at.store(self.pending.oldest_at().unwrap_or(0), Relaxed);
    }

    fn move_positions(&mut self, positions: &GroupPositions, topic: &str) {
        let to = self.pending.to_move();
        if to.is_empty() {
            return;
        }
        let named: Vec<_> = to.iter().map(|(partition, at)| (topic.to_owned(), *partition, *at)).collect();
        match positions.commit(&named) {
            Ok(()) => self.pending.moved(&to),
            Err(error) => tracing::warn!(%error, "positions not moved; these alerts may be told again"),
        }
    }
}
