//! The load: simulated patients without end, written as a device or a hospital would, and remembered once acknowledged.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use aftercare_core::time::Instant as Moment;
use aftercare_kafka::Cluster;
use aftercare_kafka::drain::{Assigned, Drain, Range};
use aftercare_kafka::ownership::committed;
use aftercare_kafka::writer::RecordWriter;
use aftercare_runtime::topics::{self, Role};
use aftercare_schemas::{codec, wire};
use aftercare_sim::rng::Rng;
use aftercare_sim::world::{Settings, SimRecord, World};
use aftercare_stream::log::{Batch, RecordRef};
use aftercare_stream::partitioner::partition_of;

use crate::wall_clock;

/// Records written together, and acknowledged together.
const BATCH: usize = 10;
/// One batch in this time.
const PACE: Duration = Duration::from_millis(50);
const DAYS: u32 = 120;
const TICKS: Duration = Duration::from_secs(1);

/// Before these worlds time leaps, so that months end: editions of curves are published, and what comes judges by them.
const LEAPS_BEFORE: [u64; 2] = [2, 5];
const LEAP_MS: i64 = 40 * 86_400_000;

/// A load that runs until it is stopped.
pub(crate) struct Load {
    thread: JoinHandle<Written>,
    acknowledged: Arc<AtomicUsize>,
    stop: Arc<AtomicBool>,
}

/// What was acknowledged.
#[derive(Default)]
pub(crate) struct Written {
    /// Every record, in the order of its partition's log.
    pub(crate) records: Vec<SimRecord>,
    /// By how much time has leapt ahead of the wall's, ms.
    pub(crate) ahead_ms: i64,
}

impl Load {
    /// Begins to write. The worlds end at `now`, so that the wall clock's ticks find nothing ahead of time but what is
    /// meant to be; after a leap of time they end at the tick that leapt.
    pub(crate) fn start(cluster: Cluster, seed: u64, now: i64, partitions: i32) -> Self {
        let (acknowledged, stop) = (Arc::default(), Arc::default());
        let (counter, stopped) = (Arc::clone(&acknowledged), Arc::clone(&stop));
        let thread = std::thread::spawn(move || write(&cluster, seed, now, partitions, &counter, &stopped));
        Self { thread, acknowledged, stop }
    }

    /// Records acknowledged so far.
    pub(crate) fn acknowledged(&self) -> usize {
        assert!(!self.thread.is_finished(), "the load generator ended");
        self.acknowledged.load(Relaxed)
    }

    /// Stops writing.
    pub(crate) fn stop(self) -> Written {
        self.stop.store(true, Relaxed);
        self.thread.join().unwrap()
    }
}

/// A world of patients of its own, that ends at `end`.
fn world(seed: u64, number: u64, end: i64) -> World {
    World::new(Settings {
        seed: seed.wrapping_mul(1_000) + number,
        patients: 24,
        start: Moment(end - i64::from(DAYS) * 86_400_000),
        days: DAYS,
        wearers_permille: 250,
        wear_days: 1,
        bad_records: 1,
        sessions: true,
        ..Settings::default()
    })
}

fn write(
    cluster: &Cluster,
    seed: u64,
    now: i64,
    partitions: i32,
    acknowledged: &AtomicUsize,
    stop: &AtomicBool,
) -> Written {
    let writer = cluster.writer().unwrap();
    let mut rng = Rng::new(seed, &[2]);
    let (mut number, mut end, mut records) = (0, now, world(seed, 0, now).peekable());
    let mut written = Written::default();
    let (mut due, mut told) = (Instant::now(), Instant::now());
    while !stop.load(Relaxed) {
        if records.peek().is_none() {
            number += 1;
            if LEAPS_BEFORE.contains(&number) {
                written.ahead_ms += LEAP_MS;
                end = wall_clock() + written.ahead_ms;
                leap(cluster, &writer, partitions, end, stop);
            }
            records = world(seed, number, end).peekable();
        }
        for record in records.by_ref().take(BATCH) {
            // A sender that finds partitions in its own way. (Only where no other record could overtake it and change
            // what counts: of two readings for one time the first does.)
            let lost = record.topic == "clinical-events" && rng.permille(250);
            let partition = (partition_of(&record.key, partitions) + i32::from(lost)) % partitions;
            writer.write_to(record.topic, partition, Some(&record.key), Some(&record.value), &[]).unwrap();
            written.records.push(record);
        }
        // The wall's own ticks are too early to count now.
        if written.ahead_ms > 0 && told.elapsed() > TICKS {
            told = Instant::now();
            tell(&writer, partitions, wall_clock() + written.ahead_ms);
        }
        // What was not acknowledged ends the load, and the test.
        writer.flush().unwrap();
        acknowledged.store(written.records.len(), Relaxed);
        due += PACE;
        // After a broker's death the pace is taken up again, not caught up with.
        due = due.max(Instant::now());
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
    }
    written
}

/// Tells every task that it is `at`, between what was written before and what is written after: which readings are late
/// would else depend on who is faster.
fn leap(cluster: &Cluster, writer: &RecordWriter, partitions: i32, at: i64, stop: &AtomicBool) {
    wait(stop, || is_taken(cluster, partitions, Role::Input, &|_| true));
    let value = tell(writer, partitions, at);
    // The wall's ticks go on beside it.
    let is_leap = |record: RecordRef<'_>| record.value == Some(&value);
    wait(stop, || is_taken(cluster, partitions, Role::Control, &is_leap));
}

/// Tells every task the time; answers the tick.
pub(crate) fn tell(writer: &RecordWriter, partitions: i32, at: i64) -> Vec<u8> {
    let mut value = Vec::new();
    let tick = wire::Control { kind: wire::ControlKind::Tick, at, id: None, body: None };
    codec::encode("control", &tick, &mut value).unwrap();
    for partition in 0..partitions {
        writer.write_to("control", partition, None, Some(&value), &[]).unwrap();
    }
    writer.flush().unwrap();
    value
}

/// Until it holds, or nobody waits for the load any more.
fn wait(stop: &AtomicBool, mut holds: impl FnMut() -> bool) {
    while !stop.load(Relaxed) && !holds() {
        std::thread::sleep(PACE);
    }
}

/// Whether the tasks have committed that they took every record of these topics that matters. `false`, too, where nobody
/// answers.
fn is_taken(cluster: &Cluster, partitions: i32, role: Role, matters: &dyn Fn(RecordRef<'_>) -> bool) -> bool {
    let topics = topics::with_role(role).flat_map(|topic| (0..partitions).map(move |p| (topic, p)));
    let places: Vec<_> =
        topics.map(|(topic, partition)| (topic, cluster.topic(topic.name), partition)).collect();
    let names: Vec<_> = places.iter().map(|(_, name, partition)| (name.clone(), *partition)).collect();
    let Ok(positions) = committed(cluster, "tasks", &names) else { return false };
    let Ok(mut drain) = Drain::open_for_ranges(cluster) else { return false };
    let mut ranges = Vec::new();
    for ((topic, name, partition), at) in places.into_iter().zip(positions) {
        let Ok((first, until)) = drain.watermarks(&name, partition) else { return false };
        let from = at.unwrap_or(first);
        ranges.push(Range { from: Assigned { id: topic.id, topic: name, partition, from }, until });
    }
    // What is left may be marks of transactions.
    let mut left = 0;
    let read = drain.read_ranges(&ranges, &mut |batch, i| left += usize::from(matters(batch.get(i))));
    read.is_ok() && left == 0
}
