//! The load: simulated patients without end, written as a device or a hospital would, and remembered once acknowledged.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use aftercare_core::time::Instant as Moment;
use aftercare_kafka::Cluster;
use aftercare_sim::rng::Rng;
use aftercare_sim::world::{Settings, SimRecord, World};
use aftercare_stream::partitioner::partition_of;

/// Records written together, and acknowledged together.
const BATCH: usize = 10;
/// One batch in this time.
const PACE: Duration = Duration::from_millis(50);
const DAYS: u32 = 120;

/// A load that runs until it is stopped.
pub(crate) struct Load {
    thread: JoinHandle<Vec<SimRecord>>,
    acknowledged: Arc<AtomicUsize>,
    stop: Arc<AtomicBool>,
}

impl Load {
    /// Begins to write. The worlds end at `now`, so that the wall clock's ticks find nothing ahead of time but what is
    /// meant to be.
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

    /// Stops writing; every record that was acknowledged, in the order of its partition's log.
    pub(crate) fn stop(self) -> Vec<SimRecord> {
        self.stop.store(true, Relaxed);
        self.thread.join().unwrap()
    }
}

/// World after world, each with other patients.
fn records(seed: u64, now: i64) -> impl Iterator<Item = SimRecord> {
    (0..).flat_map(move |number| {
        World::new(Settings {
            seed: seed.wrapping_mul(1_000) + number,
            patients: 24,
            start: Moment(now - i64::from(DAYS) * 86_400_000),
            days: DAYS,
            wearers_permille: 250,
            wear_days: 1,
            bad_records: 1,
            // one world of them: a clinician of many worlds would have sessions from all over the time at once
            sessions: number == 0,
            ..Settings::default()
        })
    })
}

fn write(
    cluster: &Cluster,
    seed: u64,
    now: i64,
    partitions: i32,
    acknowledged: &AtomicUsize,
    stop: &AtomicBool,
) -> Vec<SimRecord> {
    let writer = cluster.writer().unwrap();
    let mut rng = Rng::new(seed, &[2]);
    let mut records = records(seed, now);
    let mut written = Vec::new();
    let mut due = Instant::now();
    while !stop.load(Relaxed) {
        for record in records.by_ref().take(BATCH) {
            // A sender that finds partitions in its own way. (Only where no other record could overtake it and change
            // what counts: of two readings for one time the first does.)
            let lost = record.topic == "clinical-events" && rng.permille(250);
            let partition = (partition_of(&record.key, partitions) + i32::from(lost)) % partitions;
            writer.write_to(record.topic, partition, Some(&record.key), Some(&record.value), &[]).unwrap();
            written.push(record);
        }
        // What was not acknowledged ends the load, and the test.
        writer.flush().unwrap();
        acknowledged.store(written.len(), Relaxed);
        due += PACE;
        // After a broker's death the pace is taken up again, not caught up with.
        due = due.max(Instant::now());
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
    }
    written
}
