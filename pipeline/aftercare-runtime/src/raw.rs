//! Which raw readings are readings, and which records can be read: asked by the task that counts them, and by whoever keeps
//! them.

use std::collections::BTreeSet;

use aftercare_core::documents::Library;
use aftercare_core::metric::Metric;
use aftercare_core::reason::Reason;
use aftercare_core::time::Instant;
use aftercare_core::window::{Micros, window_of};
use aftercare_schemas::wire::{Reading, WearableHead};
use aftercare_stream::log::Batch;

use crate::config::Limits;
use crate::decode::decode;
use crate::input::{Input, TEXT_TOO_LONG};
use crate::state::{DeviceNo, WindowKey};
use crate::topics;

/// Why no reading of the upload can be taken: a stable code, and words.
#[must_use]
pub fn refusal(
    head: &WearableHead<'_>,
    readings: &[Reading<'_>],
    limits: &Limits,
) -> Option<(&'static str, &'static str)> {
    if head.patient_id.is_empty() || head.device_id.is_empty() {
        return Some(("missing_id", "the upload names no patient or no device"));
    }
    if head.patient_id.len() + head.device_id.len() > limits.text_bytes_max {
        return Some((Reason::TextTooLong.code(), TEXT_TOO_LONG));
    }
    readings.is_empty().then_some(("empty_upload", "the upload has no readings"))
}

/// A reading that can be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Admitted {
    /// What it measures.
    pub metric: Metric,
    /// Its value, in the metric's unit.
    pub value: Micros,
    /// When it was measured.
    pub measured_at: Instant,
}

/// The readings that can be taken by what they say, the first of each metric and time. Whether their time has come only
/// the task knows.
pub fn admitted<'r>(
    library: &'r Library,
    readings: &'r [Reading<'_>],
) -> impl Iterator<Item = Admitted> + 'r {
    let mut seen = BTreeSet::new();
    readings.iter().filter_map(move |reading| {
        let (metric, measured_at) = (Metric::at(reading.metric as u8)?, Instant(reading.measured_at));
        let (index, _) = window_of(measured_at);
        WindowKey::new(DeviceNo(0), metric.position(), index)?;
        let value = library.admit(metric, reading.unit, reading.value, measured_at).ok()?;
        seen.insert((metric, measured_at)).then_some(Admitted { metric, value, measured_at })
    })
}

/// Whose a record with an id is, if a task can read it: then it leaves a receipt. `None`: it becomes a dead letter.
#[must_use]
pub fn patient_of<'a>(batch: &'a dyn Batch, i: usize, limits: &Limits) -> Option<&'a str> {
    let input = Input::of_record(batch, i);
    let kind = topics::kind_of(input.topic)?;
    let decoded = decode(&input, kind, &mut Vec::new()).ok()?;
    (input.bytes() <= limits.record_bytes_max
        && decoded.is_named()
        && decoded.kept_bytes() <= limits.text_bytes_max)
        .then_some(decoded.patient_id)
}
