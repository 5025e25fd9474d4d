//! A month of real heart rates, as if its wearers had been connected then: every stretch of the month is written once the
//! time has come to its end, before the simulated year begins.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;

use aftercare_clickhouse::WindowsOfLength;
use aftercare_runtime::topics::{self, ENROLMENTS, WEARABLE_READINGS};
use aftercare_schemas::{codec, wire};
use serde::Serialize;

use super::run::Pipeline;
use crate::import::{self, ImportArgs, RecordOut, Summary};
use crate::wiring::ticks;

/// Shorter than windows stay live, so that no reading is late.
const STEP_MS: i64 = 7_200_000;
/// How the ids of its wearers begin.
const WEARERS: &str = "fitbit-";

/// What came of the file.
#[derive(Debug, Serialize)]
pub(super) struct HeartRates {
    pub(super) summary: Summary,
    /// Raw readings of its wearers, each once.
    pub(super) raw: u64,
    /// From the first readings to the last taken, s.
    pub(super) seconds: f64,
    /// By length: the windows, and those that equal what ClickHouse computes from the raw readings.
    pub(super) windows: Vec<WindowsOfLength>,
}

/// The file's records, in memory.
#[derive(Default)]
struct Kept {
    enrolments: Vec<(Vec<u8>, Vec<u8>)>,
    uploads: Vec<Vec<u8>>,
}

impl RecordOut for Kept {
    fn write(&mut self, topic: &str, key: &[u8], value: &[u8]) -> anyhow::Result<()> {
        if topic == topics::name(ENROLMENTS) {
            self.enrolments.push((key.to_owned(), value.to_owned()));
        } else {
            self.uploads.push(value.to_owned());
        }
        Ok(())
    }
}

/// What each device measured in each step of time, by the step's end (ms since 1970 UTC), as one upload.
pub(crate) fn in_steps<'u>(
    uploads: &[wire::WearableUpload<'u>],
    step_ms: i64,
) -> BTreeMap<i64, Vec<wire::WearableUpload<'u>>> {
    let mut measured: BTreeMap<(i64, &str), wire::WearableUpload<'u>> = BTreeMap::new();
    for upload in uploads {
        for reading in &upload.readings {
            let end = (reading.measured_at.div_euclid(step_ms) + 1) * step_ms;
            let empty = || wire::WearableUpload { readings: Vec::new(), ..upload.clone() };
            measured.entry((end, upload.patient_id)).or_insert_with(empty).readings.push(*reading);
        }
    }
    let mut steps: BTreeMap<i64, Vec<wire::WearableUpload<'u>>> = BTreeMap::new();
    for ((end, _), upload) in measured {
        steps.entry(end).or_default().push(upload);
    }
    steps
}

/// Lets the pipeline take the file step by step; what was written, and how long it took.
pub(super) fn play(pipeline: &Pipeline<'_>, file: &Path) -> anyhow::Result<(Summary, f64)> {
    let refused = tempfile::Builder::new().prefix("aftercare-refused-").tempdir()?;
    let args = ImportArgs {
        file: file.to_owned(),
        mapping: "fitbit-heart-rate".into(),
        refused: Some(refused.path().join("refused.csv")),
    };
    let mut kept = Kept::default();
    let mut summary = import::run(&args, &mut kept, &mut |_| {})?;
    let uploads = kept.uploads.iter();
    let uploads = uploads.map(|value| codec::decode(topics::name(WEARABLE_READINGS), Some(value), None));
    let uploads = uploads.collect::<Result<Vec<wire::WearableUpload<'_>>, _>>()?;
    let writer = pipeline.config.cluster().writer()?;
    let began = Instant::now();
    let mut written = 0;
    for (at, (end, uploads)) in in_steps(&uploads, STEP_MS).into_iter().enumerate() {
        ticks::tell(&writer, &ticks::tick(end)?)?;
        pipeline.wait_step("a tick", || pipeline.ticked() >= end)?;
        if at == 0 {
            for (key, value) in &kept.enrolments {
                writer.write(topics::name(ENROLMENTS), key, value, &[])?;
            }
            let enrolled = kept.enrolments.len() as u64;
            writer.flush()?;
            pipeline.wait_step("the tasks", || pipeline.taken(topics::name(ENROLMENTS)) >= enrolled)?;
        }
        for upload in uploads {
            let mut value = Vec::new();
            codec::encode(topics::name(WEARABLE_READINGS), &upload, &mut value)?;
            writer.write(topics::name(WEARABLE_READINGS), upload.patient_id.as_bytes(), &value, &[])?;
            written += 1;
        }
        writer.flush()?;
        pipeline.wait_step("the tasks", || pipeline.taken(topics::name(WEARABLE_READINGS)) >= written)?;
    }
    summary.records.insert(topics::name(WEARABLE_READINGS), written);
    Ok((summary, began.elapsed().as_secs_f64()))
}

impl HeartRates {
    /// What ClickHouse holds of it.
    pub(super) fn read(pipeline: &Pipeline<'_>, (summary, seconds): &(Summary, f64)) -> anyhow::Result<Self> {
        let (store, runtime) = (&pipeline.store, &pipeline.runtime);
        Ok(Self {
            summary: summary.clone(),
            raw: runtime.block_on(store.count_readings(WEARERS))?,
            seconds: *seconds,
            windows: runtime.block_on(store.windows_against_readings(WEARERS))?,
        })
    }
}
