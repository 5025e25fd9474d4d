//! What becomes of late readings, in memory: the way from the task's records to windows computed again.

use std::collections::BTreeMap;

use aftercare_core::documents::Library;
use aftercare_core::time::Instant;
use aftercare_core::window::Micros;
use aftercare_runtime::config::Limits;
use aftercare_runtime::late::Reached;
use aftercare_runtime::raw;
use aftercare_runtime::topics::{LATE_READINGS, WEARABLE_READINGS};
use aftercare_schemas::{codec, wire};
use aftercare_sim::actual::Actual;
use aftercare_sim::memory_log::MemoryBroker;

/// Patient, device, metric.
type Series = (String, String, String);

/// The first copy of each raw reading of a partition, and the offset of its upload.
fn raw_readings(
    broker: &MemoryBroker,
    partition: i32,
    library: &Library,
) -> BTreeMap<Series, BTreeMap<Instant, (i64, Micros)>> {
    let mut found: BTreeMap<Series, BTreeMap<Instant, (i64, Micros)>> = BTreeMap::new();
    for (offset, record) in broker.records(WEARABLE_READINGS, partition) {
        let mut scratch = Vec::new();
        let Ok(head) = codec::each_reading(record.value.as_deref(), None, &mut scratch) else { continue };
        if raw::refusal(&head, &scratch, &Limits::default()).is_some() {
            continue;
        }
        for reading in raw::admitted(library, &scratch) {
            let series = (head.patient_id.into(), head.device_id.into(), reading.metric.name().into());
            let known = found.entry(series).or_default();
            known.entry(reading.measured_at).or_insert((offset, reading.value));
        }
    }
    found
}

/// Computes the windows of late readings again: each record by itself, from the raw readings that it says must be there,
/// and all of a series together from all there are. Both must end with the same rows.
pub(crate) fn compute_again(broker: &MemoryBroker, partition: i32, library: &Library, actual: &mut Actual) {
    let raw = raw_readings(broker, partition, library);
    let records = broker.records(LATE_READINGS, partition);
    let mut together: BTreeMap<Series, Reached<'_>> = BTreeMap::new();
    let mut alone: BTreeMap<(Series, i64, u32), String> = BTreeMap::new();
    for (_, record) in &records {
        let late: wire::LateReading<'_> =
            codec::decode("late-readings", record.value.as_deref(), None).unwrap();
        let series: Series = (late.patient_id.into(), late.device_id.into(), late.metric.into());
        let there = late.taken_before.unwrap();
        let known = |(from, until): (Instant, Instant)| {
            raw[&series].range(from..until).filter(|(_, (offset, _))| *offset < there)
        };
        let mut reached = Reached::default();
        reached.add(late.clone());
        let readings = reached.spans().into_iter().flat_map(known).map(|(at, (_, value))| (*at, *value));
        for row in reached.rows(readings, library) {
            actual.add_late_window(&row);
            alone.insert((series.clone(), row.window_start, row.length_s), format!("{row:?}"));
        }
        together.entry(series).or_default().add(late);
    }
    let mut windows = 0;
    for (series, reached) in &together {
        let of_series = |(from, until): (Instant, Instant)| raw[series].range(from..until);
        let readings = reached.spans().into_iter().flat_map(of_series).map(|(at, (_, value))| (*at, *value));
        for row in reached.rows(readings, library) {
            let alone = alone.get(&(series.clone(), row.window_start, row.length_s));
            assert_eq!(alone.map(String::as_str), Some(&*format!("{row:?}")));
            windows += 1;
        }
    }
    assert_eq!(windows, alone.len());
}
