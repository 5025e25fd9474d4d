//! Batches that librdkafka can't read: above all those that decompress to more than `receive.message.max.bytes`. It reports
//! such a batch by its first offset, asks for it again, and never gets past it. Where it ends nobody says; a fetch from any
//! of its offsets brings the whole of it, so the end is found by asking.

use std::time::{Duration, Instant};

use aftercare_stream::log::LogError;
use rdkafka_sys::rd_kafka_resp_err_t as code;

use crate::Cluster;
use crate::drain::{Assigned, BATCH_RECORDS_MAX, Drain};

/// How long an offset may give no answer.
const SILENCE_MAX: Duration = Duration::from_secs(60);

/// A batch that was reported: its partition, and the first offset of the batch.
pub(crate) type Refused = (i32, i64);

/// Whether an error means that the batch will never be read, whoever asks.
pub(crate) fn is_final(error: code) -> bool {
    matches!(error, code::RD_KAFKA_RESP_ERR__BAD_COMPRESSION | code::RD_KAFKA_RESP_ERR__NOT_IMPLEMENTED)
}

/// The first offset behind the batch that begins at `first`, in the partition of `place`.
pub(crate) fn end_of(cluster: &Cluster, place: &Assigned, first: i64) -> Result<i64, LogError> {
    let mut probe = Drain::open_for_ranges(cluster)?;
    let (_, end) = probe.watermarks(&place.topic, place.partition)?;
    let (mut within, mut step) = (first, 1);
    let mut behind = loop {
        let at = first.saturating_add(step);
        if at >= end {
            break end;
        }
        if !is_within(&mut probe, place, at, first)? {
            break at;
        }
        within = at;
        step = step.saturating_mul(2);
    };
    while within + 1 < behind {
        let middle = within + (behind - within) / 2;
        if is_within(&mut probe, place, middle, first)? {
            within = middle;
        } else {
            behind = middle;
        }
    }
    Ok(behind)
}

/// Whether what is read from `at` on begins with the batch that begins at `first`.
fn is_within(probe: &mut Drain, place: &Assigned, at: i64, first: i64) -> Result<bool, LogError> {
    probe.assign(&[Assigned { from: at, ..place.clone() }])?;
    let began = Instant::now();
    while began.elapsed() < SILENCE_MAX {
        let (batch, refused) = probe.take(Duration::from_millis(500), BATCH_RECORDS_MAX)?;
        if let Some((_, (_, reported))) = refused.first() {
            return Ok(*reported == first);
        }
        if !batch.is_nothing() {
            return Ok(false);
        }
    }
    Err(LogError::Unavailable("a partition was silent for 60 s at a batch that can't be read".into()))
}
