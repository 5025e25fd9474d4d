//! Readings: packed into uploads with their neighbours in the file.

use aftercare_schemas::codec;
use aftercare_schemas::wire::{self, Metric, Source, WearableUpload};
use anyhow::Context;

use super::expression::{Line, Refusal};
use super::fields::Fields;

/// How readings are made.
pub(super) struct ReadingFields {
    pub(super) fields: Fields,
    pub(super) pack: usize,
}

/// One reading of one line.
pub(super) struct Reading {
    patient_id: String,
    device_id: String,
    metric: Metric,
    value: f64,
    unit: String,
    measured_at: i64,
}

impl Reading {
    /// Whom it belongs to.
    pub(super) fn patient_id(&self) -> &str {
        &self.patient_id
    }
}

impl ReadingFields {
    pub(super) fn reading(&self, line: &Line) -> Result<Reading, Refusal> {
        let f = &self.fields;
        let metric = metric(&f.id("metric", line)?);
        Ok(Reading {
            patient_id: f.id("patient_id", line)?,
            device_id: f.id("device_id", line)?,
            metric: metric.ok_or_else(|| f.refuse("metric", "not a metric that readings may have"))?,
            value: f.needed("value", f.decimal("value", line)?)?,
            unit: f.id("unit", line)?,
            measured_at: f.needed("measured_at", f.millis("measured_at", line)?)?,
        })
    }
}

fn metric(name: &str) -> Option<Metric> {
    Metric::ALL.into_iter().find(|m| *m != Metric::Unknown && m.as_str() == name)
}

/// The readings of the upload that is being filled.
#[derive(Default)]
pub(super) struct Pack {
    readings: Vec<Reading>,
}

impl Pack {
    /// Whether `next` can't join: the upload is full, or of another patient or device.
    pub(super) fn is_closed_to(&self, next: &Reading, pack: usize) -> bool {
        self.readings.first().is_some_and(|first| {
            self.readings.len() >= pack
                || (&first.patient_id, &first.device_id) != (&next.patient_id, &next.device_id)
        })
    }

    pub(super) fn push(&mut self, reading: Reading) {
        self.readings.push(reading);
    }

    /// Takes the upload out: its key and value. `None` when there is none.
    pub(super) fn take(&mut self) -> anyhow::Result<Option<(String, Vec<u8>)>> {
        let readings = std::mem::take(&mut self.readings);
        let Some(first) = readings.first() else { return Ok(None) };
        let upload = WearableUpload {
            patient_id: &first.patient_id,
            device_id: &first.device_id,
            source: Source::Import,
            readings: readings.iter().map(wire_reading).collect(),
        };
        let mut value = Vec::new();
        codec::encode("wearable-readings", &upload, &mut value).context("encode an upload of readings")?;
        Ok(Some((first.patient_id.clone(), value)))
    }
}

fn wire_reading(r: &Reading) -> wire::Reading<'_> {
    wire::Reading { metric: r.metric, value: r.value, unit: &r.unit, measured_at: r.measured_at }
}
