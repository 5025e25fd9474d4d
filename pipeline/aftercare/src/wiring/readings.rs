//! Raw readings into ClickHouse, from the topic of uploads itself: what a task would count, the first copy of each.

use aftercare_clickhouse::{ReadingRow, StoreError};
use aftercare_core::documents::Library;
use aftercare_kafka::drain::KafkaBatch;
use aftercare_runtime::config::Limits;
use aftercare_runtime::raw;
use aftercare_runtime::topics::WEARABLE_READINGS;
use aftercare_schemas::codec;
use aftercare_schemas::wire::Reading;
use aftercare_stream::log::Batch;
use aftercare_stream::partitioner::partition_of;
use aftercare_stream::position::TopicId;

use super::flow::{Flow, Kept, records_of};

/// The raw readings.
pub(crate) struct Raw;

impl Kept for Raw {
    const GROUP: &'static str = "readings";
    const TOPICS: &'static [TopicId] = &[WEARABLE_READINGS];
    const PASSING: [&'static str; 2] = ["readings.inserting", "readings.inserted"];

    fn insert(&self, batches: &[KafkaBatch], library: &Library, flow: &Flow) -> Result<usize, StoreError> {
        let admission = Admission { library, limits: &flow.limits, partitions: flow.partitions };
        let (mut rows, mut scratch) = (Vec::new(), Vec::new());
        for batch in batches {
            for i in records_of(batch, Self::TOPICS) {
                admission.rows(batch, i, &mut scratch, &mut rows);
            }
        }
        flow.in_chunks(&rows, |rows| flow.runtime.block_on(flow.store.insert_readings(rows)))?;
        Ok(rows.len())
    }
}

/// Which readings are raw readings.
pub(crate) struct Admission<'a> {
    pub(crate) library: &'a Library,
    pub(crate) limits: &'a Limits,
    pub(crate) partitions: i32,
}

impl Admission<'_> {
    /// Appends the readings of an upload that a task takes by what they say. One that is not at home in its partition was
    /// sent on by the task there; its copy is the one that counts.
    pub(crate) fn rows<'b>(
        &self,
        batch: &'b KafkaBatch,
        i: usize,
        scratch: &mut Vec<Reading<'b>>,
        rows: &mut Vec<ReadingRow<'b>>,
    ) {
        let (record, partition) = (batch.get(i), batch.partition(i));
        let header = batch.header(i, codec::GUID_HEADER);
        let size = record.value.map_or(0, <[u8]>::len) + record.key.map_or(0, <[u8]>::len);
        let Ok(head) = codec::each_reading(record.value, header.as_deref(), scratch) else { return };
        let is_home = partition_of(head.patient_id.as_bytes(), self.partitions) == partition;
        if !is_home
            || size > self.limits.record_bytes_max
            || raw::refusal(&head, scratch, self.limits).is_some()
        {
            return;
        }
        rows.extend(raw::admitted(self.library, scratch).map(|reading| ReadingRow {
            version: ReadingRow::version_of(record.offset.0),
            patient_id: head.patient_id,
            device_id: head.device_id,
            metric: reading.metric.name(),
            unit: reading.metric.unit(),
            value: reading.value.to_units(),
            measured_at: reading.measured_at.0,
            partition,
            offset: record.offset.0,
            source: head.source.as_str(),
        }));
    }
}
