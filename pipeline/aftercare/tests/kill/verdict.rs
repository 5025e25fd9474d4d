//! What must be there, what is there, and how they differ.
//!
//! What must be there is computed from the acknowledged records alone, in one batch. What is there is read from
//! ClickHouse, and once more from the output topics, so that a difference says on which side of the sink it arose.

use std::collections::{BTreeMap, BTreeSet};

use aftercare_clickhouse::{OutputTable, PartitionCoverage, Store};
use aftercare_core::documents::Library;
use aftercare_core::metric::Metric;
use aftercare_core::time::Instant;
use aftercare_kafka::Cluster;
use aftercare_kafka::drain::{Assigned, Drain, Range};
use aftercare_runtime::topics;
use aftercare_schemas::{codec, wire};
use aftercare_sim::actual::{Actual, Rows, Run};
use aftercare_sim::invariants::{self, Violation};
use aftercare_sim::reference::{Expected, Reference, WindowKey};
use aftercare_sim::world::SimRecord;
use aftercare_stream::log::{Batch, RecordRef};
use aftercare_stream::position::TopicId;
use serde::Deserialize;

const WINDOW_MS: i64 = 300_000;
/// Windows behind the newest of its series that still take readings.
const LIVE_WINDOWS: i64 = 36;
/// The windows of an hour end together.
const WINDOWS_PER_HOUR: i64 = 12;
const WINDOW_S: u32 = 300;

/// Patient, device, metric.
type SeriesKey = (String, String, &'static str);
/// Patient, device, metric, when measured.
type ReadingKey = (String, String, String, i64);

/// What must come out of the acknowledged records.
pub(crate) struct Oracle {
    expected: Expected,
    /// Readings that came when their window was closed for good.
    late: BTreeSet<ReadingKey>,
    /// Readings in each window, the late ones left out.
    readings: BTreeMap<WindowKey, u32>,
}

impl Oracle {
    /// From records in the order of their partitions' logs, for a run whose last tick is not after `last_tick`.
    pub(crate) fn of(records: &[SimRecord], last_tick: i64) -> Self {
        let mut reference = Reference::default();
        reference.set_last_tick(Instant(last_tick));
        let mut lateness = Lateness::default();
        for record in records {
            reference.add(record.topic, &record.key, Some(&record.value), None);
            if record.topic == "wearable-readings" {
                lateness.add(&record.value);
            }
        }
        let readings =
            lateness.windows.iter().map(|(key, at)| (key.clone(), u32::try_from(at.len()).unwrap()));
        Self {
            expected: reference.finish(&Library::builtin()),
            readings: readings.collect(),
            late: lateness.late,
        }
    }

    /// Everything in which what came out differs from what must come out.
    pub(crate) fn violations(&self, actual: &Actual) -> Vec<Violation> {
        let mut violations = invariants::check_all(&self.expected, actual);
        // A day of readings passes here between two ticks; which windows of several devices are there at once, so that a
        // NEWS2 is made of them, depends on those.
        violations.retain(|violation| {
            violation.invariant != invariants::EVERY_VITAL_EQUALS_REFERENCE
                || !violation.at.contains("/news2/")
        });
        let mut wrong = |invariant, what: &str, at: String| {
            violations.push(Violation { invariant, what: what.to_owned(), at });
        };
        for at in self.late.symmetric_difference(&actual.late) {
            wrong(
                "LateReadingsEqualReference",
                "a reading is late in one and not in the other",
                format!("{at:?}"),
            );
        }
        for (key, window) in actual.windows.iter().filter(|((.., length_s), _)| *length_s == WINDOW_S) {
            if self.readings.get(key) != Some(&window.readings) {
                wrong(
                    invariants::EVERY_WINDOW_EQUALS_REFERENCE,
                    "another number of readings",
                    format!("{key:?}"),
                );
            }
        }
        violations
    }

    /// How much was compared, of what must come out and of what else was there. Fails where there was nothing to compare.
    pub(crate) fn size(&self, found: &Actual) -> String {
        let Expected { receipts, scores, windows, readings, reviews, .. } = &self.expected;
        let entries: Vec<_> = found.ledger.iter().flat_map(Rows::iter).map(|(_, entry)| entry).collect();
        let of = |component: &str| entries.iter().filter(|entry| entry.component == component).count();
        let compared = [
            (receipts.len(), "receipts"),
            (scores.len(), "scores"),
            (
                found.scores.iter().filter(|(_, score)| score.expected.is_some()).count(),
                "of them judged by curves",
            ),
            (found.editions.len(), "cohorts in editions"),
            (windows.len(), "windows"),
            (readings.len(), "devices' counts"),
            (reviews.len(), "reviews"),
            (
                self.expected.vitals.keys().filter(|id| id.contains("/baseline/")).count(),
                "days against those before",
            ),
            (entries.len(), "entries of the ledger"),
            (of("fee"), "fees"),
            (of("claim"), "claims"),
            (found.alerts.iter().count(), "alerts"),
        ];
        let late = self.late.len();
        let nothing = compared.iter().find(|(n, _)| *n == 0);
        assert!(nothing.is_none(), "no {}: {compared:?}", nothing.unwrap().1);
        format!("{}, {late} late readings", compared.map(|(n, what)| format!("{n} {what}")).join(", "))
    }
}

/// Which readings come too late: those more than so many windows behind the newest of their series. (No window is
/// closed by time here: the test is shorter than that takes.)
#[derive(Default)]
struct Lateness {
    newest: BTreeMap<SeriesKey, i64>,
    late: BTreeSet<ReadingKey>,
    windows: BTreeMap<WindowKey, BTreeSet<i64>>,
}

impl Lateness {
    fn add(&mut self, value: &[u8]) {
        let upload: wire::WearableUpload<'_> = codec::decode("wearable-readings", Some(value), None).unwrap();
        for reading in &upload.readings {
            // Of the world's readings only bad ones have another unit, or a value beyond belief.
            let Some(known) = Metric::at(reading.metric as u8) else { continue };
            if reading.unit != known.unit() || reading.value.abs() > 1e7 {
                continue;
            }
            let metric = known.name();
            let (patient, device) = (upload.patient_id.to_owned(), upload.device_id.to_owned());
            let index = reading.measured_at.div_euclid(WINDOW_MS);
            let newest = self.newest.entry((patient.clone(), device.clone(), metric)).or_insert(index);
            *newest = index.max(*newest);
            if index < (*newest - LIVE_WINDOWS).div_euclid(WINDOWS_PER_HOUR) * WINDOWS_PER_HOUR {
                self.late.insert((patient, device, metric.to_owned(), reading.measured_at));
            } else {
                let window = (patient, device, metric.to_owned(), index * WINDOW_MS, WINDOW_S);
                self.windows.entry(window).or_default().insert(reading.measured_at);
            }
        }
    }
}

/// What the tables hold, and what was contributed to curves, which has no table.
pub(crate) async fn in_clickhouse(store: &Store, cluster: &Cluster) -> Actual {
    let mut actual = contributed(cluster);
    for output in OutputTable::ALL {
        for record in store.read_back(output).await.unwrap() {
            actual.add(output.topic(), Some(&record)).unwrap();
        }
    }
    for row in store.read_back_coverage().await.unwrap() {
        actual.add_run(Run {
            topic: row.topic,
            partition: row.partition,
            first: row.first_sequence,
            last: row.last_sequence,
            rows: row.rows,
        });
    }
    actual
}

/// The verdicts on sessions, as the tasks of the clinicians wrote them.
pub(crate) fn session_verdicts(cluster: &Cluster, partitions: i32) -> Vec<SimRecord> {
    let topic = topics::name(topics::SESSION_VERDICTS);
    let mut found = Vec::new();
    read_whole(cluster, topics::SESSION_VERDICTS, partitions, &mut |record| {
        let (key, value) = (record.key.unwrap().to_vec(), record.value.unwrap().to_vec());
        found.push(SimRecord { at: record.produced_at, topic, key, value });
    });
    found
}

/// What the tasks contributed to curves.
fn contributed(cluster: &Cluster) -> Actual {
    let mut actual = Actual::of_all_topics();
    read_whole(cluster, topics::CURVE_CONTRIBUTIONS, 1, &mut |record| {
        actual.add("curve-contributions", record.value).unwrap();
    });
    actual
}

/// Every committed record of a topic.
fn read_whole(cluster: &Cluster, id: TopicId, partitions: i32, each: &mut dyn FnMut(RecordRef<'_>)) {
    let mut drain = Drain::open(cluster, &[]).unwrap();
    let range = |partition| {
        let topic = cluster.topic(topics::name(id));
        let (from, until) = drain.watermarks(&topic, partition).unwrap();
        Range { from: Assigned { id, topic, partition, from }, until }
    };
    let ranges: Vec<Range> = (0..partitions).map(range).collect();
    drain.read_ranges(&ranges, &mut |batch, i| each(batch.get(i))).unwrap();
}

/// What the output topics hold.
pub(crate) struct InKafka {
    pub(crate) actual: Actual,
    /// The sequences of each topic and partition, in the log's order.
    sequences: BTreeMap<(String, i32), Vec<u64>>,
}

#[derive(Deserialize)]
struct Versioned {
    version: u64,
}

/// Reads every committed record of the output topics.
pub(crate) fn in_kafka(cluster: &Cluster, partitions: i32) -> InKafka {
    let mut drain = Drain::open(cluster, &[]).unwrap();
    let mut ranges = Vec::new();
    for (number, output) in (0..).zip(OutputTable::ALL) {
        let one = topics::by_name(output.topic()).is_some_and(|topic| topic.role.has_one_partition());
        for partition in 0..if one { 1 } else { partitions } {
            let topic = cluster.topic(output.topic());
            let (first, until) = drain.watermarks(&topic, partition).unwrap();
            ranges
                .push(Range { from: Assigned { id: TopicId(number), topic, partition, from: first }, until });
        }
    }
    let mut found = InKafka { actual: contributed(cluster), sequences: BTreeMap::new() };
    drain
        .read_ranges(&ranges, &mut |batch, i| {
            let record = batch.get(i);
            let topic = OutputTable::ALL[usize::from(record.topic.0)].topic();
            let letter = batch.header(i, "aftercare.dead-letter");
            let value = if topic == "dead-letters" { letter.as_deref() } else { record.value };
            found.actual.add(topic, value).unwrap();
            let Versioned { version } = codec::decode(topic, value, None).unwrap();
            assert_eq!(version >> 48, 1, "the incarnation");
            let part = (topic.to_owned(), batch.partition(i));
            found.sequences.entry(part).or_default().push(version & ((1 << 48) - 1));
        })
        .unwrap();
    found
}

impl InKafka {
    /// Sequences are 1, 2, 3 ... in each partition's log, and the tables' coverage reaches exactly as far.
    pub(crate) fn sequence_violations(&self, coverage: &[PartitionCoverage]) -> Vec<Violation> {
        let mut violations = Vec::new();
        let mut wrong = |invariant, what: String, at: &(String, i32)| {
            violations.push(Violation { invariant, what, at: format!("{at:?}") });
        };
        for (part, sequences) in &self.sequences {
            if let Some((want, have)) = (1..).zip(sequences).find(|(want, have)| want != *have) {
                wrong("SequencesAreGapless", format!("{have} stands where {want} belongs"), part);
            }
        }
        let covered: BTreeMap<_, _> = coverage.iter().map(|c| ((c.topic.clone(), c.partition), c)).collect();
        for part in self.sequences.keys().chain(covered.keys()).collect::<BTreeSet<_>>() {
            let written = self.sequences.get(part).and_then(|s| s.last().copied()).unwrap_or(0);
            let covered = covered.get(part);
            let reaches = covered.map_or(0, |c| c.last_sequence);
            if reaches != written || covered.is_some_and(|c| !c.is_gapless()) {
                let what = format!("{written} rows written, covered to {reaches}: {covered:?}");
                wrong(invariants::COVERAGE_IS_GAPLESS, what, part);
            }
        }
        violations
    }
}

/// Violations by kind, and some of each with their places.
pub(crate) fn describe(violations: &[Violation]) -> String {
    let mut kinds: BTreeMap<String, Vec<&Violation>> = BTreeMap::new();
    for violation in violations {
        kinds.entry(violation.to_string()).or_default().push(violation);
    }
    let mut text = String::new();
    for (kind, all) in kinds {
        let places: Vec<_> = all.iter().take(3).map(|v| format!("\n      {}", v.at)).collect();
        text.push_str(&format!("  {} x {kind}{}\n", all.len(), places.concat()));
    }
    text
}
