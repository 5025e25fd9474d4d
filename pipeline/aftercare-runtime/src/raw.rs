//! Which raw readings are readings: asked by the task that counts them, and by whoever keeps them.

use std::collections::BTreeSet;

use aftercare_core::metric::Metric;
use aftercare_core::reason::Reason;
use aftercare_core::time::Instant;
use aftercare_core::window::window_of;
use aftercare_schemas::wire::{Reading, WearableHead};

use crate::config::Limits;
use crate::input::TEXT_TOO_LONG;
use crate::state::{DeviceNo, WindowKey};

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

/// The readings that can be taken by what they say, the first of each metric and time. Whether their time has come only
/// the task knows.
pub fn admitted<'r, 'a>(readings: &'r [Reading<'a>]) -> impl Iterator<Item = (Metric, &'r Reading<'a>)> {
    let mut seen = BTreeSet::new();
    readings.iter().filter_map(move |reading| {
        let metric = Metric::at(reading.metric as u8)?;
        let (index, _) = window_of(Instant(reading.measured_at));
        WindowKey::new(DeviceNo(0), metric.position(), index)?;
        metric.admit(reading.unit, reading.value).ok()?;
        seen.insert((metric, reading.measured_at)).then_some((metric, reading))
    })
}
