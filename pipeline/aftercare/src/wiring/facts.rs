//! Enrolments, clinical and commerce events into ClickHouse, from their topics: every copy that a task can read. Which of
//! them count, the tasks' receipts say there.

use aftercare_clickhouse::{ClinicalEventRow, CommerceEventRow, EnrolmentRow, Place, StoreError};
use aftercare_core::documents::Library;
use aftercare_kafka::drain::KafkaBatch;
use aftercare_runtime::raw;
use aftercare_runtime::topics::{CLINICAL_EVENTS, COMMERCE_EVENTS, ENROLMENTS};
use aftercare_schemas::codec;
use aftercare_stream::log::Batch;
use aftercare_stream::partitioner::partition_of;
use aftercare_stream::position::TopicId;

use super::flow::{Flow, Kept, records_of};

/// The records with an id, apart from questionnaires and what people do.
pub(crate) struct Facts;

#[derive(Default)]
struct Rows<'b> {
    enrolments: Vec<EnrolmentRow<'b>>,
    clinical: Vec<ClinicalEventRow<'b>>,
    commerce: Vec<CommerceEventRow<'b>>,
}

impl Kept for Facts {
    const GROUP: &'static str = "facts";
    const TOPICS: &'static [TopicId] = &[ENROLMENTS, CLINICAL_EVENTS, COMMERCE_EVENTS];
    const PASSING: [&'static str; 2] = ["facts.inserting", "facts.inserted"];

    fn insert(&self, batches: &[KafkaBatch], _: &Library, flow: &Flow) -> Result<usize, StoreError> {
        let mut rows = Rows::default();
        for batch in batches {
            for i in records_of(batch, Self::TOPICS) {
                rows.add(batch, i, flow);
            }
        }
        let Rows { enrolments, clinical, commerce } = &rows;
        let (runtime, store) = (&flow.runtime, &flow.store);
        flow.in_chunks(enrolments, |rows| runtime.block_on(store.insert_enrolments(rows)))?;
        flow.in_chunks(clinical, |rows| runtime.block_on(store.insert_clinical_events(rows)))?;
        flow.in_chunks(commerce, |rows| runtime.block_on(store.insert_commerce_events(rows)))?;
        Ok(enrolments.len() + clinical.len() + commerce.len())
    }
}

impl<'b> Rows<'b> {
    /// Adds a record that a task can read. One that is not at home in its partition was sent on by the task there; its copy
    /// is the one that counts.
    fn add(&mut self, batch: &'b KafkaBatch, i: usize, flow: &Flow) {
        let (record, partition) = (batch.get(i), batch.partition(i));
        let home = |patient_id: &str| partition_of(patient_id.as_bytes(), flow.partitions);
        if raw::patient_of(batch, i, &flow.limits).is_none_or(|patient| home(patient) != partition) {
            return;
        }
        let (value, header) = (record.value, batch.header(i, codec::GUID_HEADER));
        let (header, place) = (header.as_deref(), Place { partition, offset: record.offset.0 });
        // What was read once is read again.
        match record.topic {
            ENROLMENTS => self.enrolments.extend(
                codec::decode("enrolments", value, header).map(|read| EnrolmentRow::new(read, place)),
            ),
            CLINICAL_EVENTS => self.clinical.extend(
                codec::decode("clinical-events", value, header)
                    .map(|read| ClinicalEventRow::new(read, place)),
            ),
            _ => self.commerce.extend(
                codec::decode("commerce-events", value, header)
                    .map(|read| CommerceEventRow::new(read, place)),
            ),
        }
    }
}
