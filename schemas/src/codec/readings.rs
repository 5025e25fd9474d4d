//! Readings by the hundred thousand: the newest schema of `wearable-readings`, decoded by hand.

use super::cursor::{BEYOND_SCHEMA, Cursor};
use super::{MAX_ELEMENTS, WireError, decode};
use crate::wire::{Metric, Reading, Source, WearableHead, WearableUpload};

/// The subject of [`each_reading`].
const SUBJECT: &str = "wearable-readings";

/// The framing of version 1, the one that this decoder was written for; a test compares it with the registry.
const FRAME_V1: [u8; 5] = [0, 0x41, 0x43, 0, 3];

/// Reads an upload of readings as [`decode`] does, its readings into `scratch`, which is cleared first: who
/// keeps it (see [`recycle`]) reads on without allocating. After an error it is empty.
///
/// # Errors
/// As [`decode`].
pub fn each_reading<'a>(
    value: Option<&'a [u8]>,
    schema_header: Option<&[u8]>,
    scratch: &mut Vec<Reading<'a>>,
) -> Result<WearableHead<'a>, WireError> {
    scratch.clear();
    if let (Some(value), None) = (value, schema_header)
        && let Some(body) = value.strip_prefix(&FRAME_V1)
    {
        return version_1(body, scratch).inspect_err(|_| scratch.clear());
    }
    let upload: WearableUpload<'a> = decode(SUBJECT, value, schema_header)?;
    scratch.extend_from_slice(&upload.readings);
    Ok(WearableHead { patient_id: upload.patient_id, device_id: upload.device_id, source: upload.source })
}

/// Who an upload is from, as [`each_reading`] would say it, without reading on; `None` where that takes more than a
/// look. A hint, to look things up ahead of time: the rest of the record may still be unreadable.
#[must_use]
pub fn peek_wearer(value: Option<&[u8]>) -> Option<(&str, &str)> {
    let mut cursor = Cursor { rest: value?.strip_prefix(&FRAME_V1)? };
    Some((cursor.text().ok()?, cursor.text().ok()?))
}

/// Empties a scratch vector and frees it from the record that it borrowed from, keeping its memory.
#[must_use]
pub fn recycle<'b>(mut scratch: Vec<Reading<'_>>) -> Vec<Reading<'b>> {
    scratch.clear();
    // collecting in place keeps the allocation; there is nothing to map
    scratch.into_iter().map(|reading| Reading { unit: "", ..reading }).collect()
}

fn version_1<'a>(body: &'a [u8], scratch: &mut Vec<Reading<'a>>) -> Result<WearableHead<'a>, WireError> {
    const SOURCES: [Source; 3] = [Source::Live, Source::Import, Source::Simulated];
    let mut cursor = Cursor { rest: body };
    let head = WearableHead {
        patient_id: cursor.text()?,
        device_id: cursor.text()?,
        source: *SOURCES.get(cursor.choice()?).ok_or(BEYOND_SCHEMA)?,
    };
    let mut left = MAX_ELEMENTS;
    loop {
        match cursor.block(&mut left)? {
            0 => break,
            count => {
                for _ in 0..count {
                    scratch.push(reading(&mut cursor)?);
                }
            }
        }
    }
    if cursor.rest.is_empty() { Ok(head) } else { Err(WireError::TrailingBytes) }
}

#[inline]
fn reading<'a>(cursor: &mut Cursor<'a>) -> Result<Reading<'a>, WireError> {
    Ok(Reading {
        metric: *Metric::ALL.get(cursor.choice()?).ok_or(BEYOND_SCHEMA)?,
        value: cursor.double()?,
        unit: cursor.text()?,
        measured_at: cursor.long()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::Registry;

    #[test]
    fn the_frame_is_that_of_version_1() {
        let released = Registry::released().all();
        let first = released.iter().find(|schema| schema.subject == SUBJECT && schema.version == 1).unwrap();
        assert_eq!(FRAME_V1[1..], first.id.to_be_bytes());
    }

    #[test]
    fn recycling_keeps_the_memory() {
        let unit = String::from("/min");
        let reading = Reading { metric: Metric::HeartRate, value: 1.0, unit: &unit, measured_at: 0 };
        let scratch = vec![reading; 100];
        let (memory, capacity) = (scratch.as_ptr() as usize, scratch.capacity());
        let recycled: Vec<Reading<'static>> = recycle(scratch);
        assert_eq!((recycled.len(), recycled.as_ptr() as usize, recycled.capacity()), (0, memory, capacity));
    }
}
