//! Readings: sorted, counted, and summed up by window.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

use aftercare_core::documents::VitalsDocument;
use aftercare_core::metric::Metric;
use aftercare_schemas::codec;
use aftercare_schemas::wire::{Reading, WearableUpload};

use super::{Expected, ExpectedWindow, Limits, ReadingCounts};

const MINUTE_MS: i64 = 60_000;
const WINDOW_MS: i64 = 5 * MINUTE_MS;
const HOUR_MS: i64 = 12 * WINDOW_MS;
const MICROS: f64 = 1e6;
/// Beyond it, in the metric's unit, nothing is plausible.
const VALUE_MAX: f64 = 1e7;

/// All readings so far.
#[derive(Default)]
pub(super) struct Readings {
    counts: BTreeMap<(String, String), ReadingCounts>,
    /// By patient, device, metric and time: the value in millionths that came first.
    values: BTreeMap<(String, String, &'static str), BTreeMap<i64, i64>>,
}

impl Readings {
    pub(super) fn add(
        &mut self,
        value: Option<&[u8]>,
        header: Option<&[u8]>,
        limits: &Limits,
    ) -> Result<(), &'static str> {
        let upload: WearableUpload =
            codec::decode("wearable-readings", value, header).map_err(|error| error.reason())?;
        if upload.patient_id.is_empty() || upload.device_id.is_empty() {
            return Err("missing_id");
        }
        if upload.readings.is_empty() {
            return Err("empty_upload");
        }
        let owner = (upload.patient_id.to_owned(), upload.device_id.to_owned());
        let counts = self.counts.entry(owner.clone()).or_default();
        counts.records += 1;
        for reading in &upload.readings {
            match check(reading) {
                Err(reason) => *counts.rejected.entry(reason).or_default() += 1,
                Ok(_) if limits.lies_ahead(reading.measured_at) => counts.ahead += 1,
                Ok((metric, micros)) => {
                    let series = self.values.entry((owner.0.clone(), owner.1.clone(), metric)).or_default();
                    match series.get(&reading.measured_at) {
                        None => {
                            series.insert(reading.measured_at, micros);
                            counts.accepted += 1;
                        }
                        Some(first) if *first == micros => counts.duplicate += 1,
                        Some(_) => counts.conflicting += 1,
                    }
                }
            }
        }
        Ok(())
    }

    /// `day_of`: begin and end of the day that a moment of a patient lies in, both ms since 1970; `None` for someone who
    /// is not enrolled.
    pub(super) fn finish(
        &self,
        rules: Option<&VitalsDocument>,
        mut day_of: impl FnMut(&str, i64) -> Option<(i64, i64)>,
        expected: &mut Expected,
    ) {
        expected.readings = self.counts.clone();
        for ((patient, device, metric), series) in &self.values {
            let mut windows: BTreeMap<(i64, i64), Vec<(i64, i64)>> = BTreeMap::new();
            for (at, micros) in series {
                let start = at.div_euclid(WINDOW_MS) * WINDOW_MS;
                let hour = at.div_euclid(HOUR_MS) * HOUR_MS;
                let spans =
                    [Some((start, start + WINDOW_MS)), Some((hour, hour + HOUR_MS)), day_of(patient, start)];
                for span in spans.into_iter().flatten() {
                    windows.entry(span).or_default().push((*at, *micros));
                }
            }
            let target = Metric::named(metric).and_then(|metric| rules?.target(metric));
            let target = target.map(|(low, high)| low.millionths()..=high.millionths());
            for ((start, end), readings) in windows {
                let length_s = u32::try_from((end - start) / 1000).unwrap_or(u32::MAX);
                let key = (patient.clone(), device.clone(), (*metric).to_owned(), start, length_s);
                expected.windows.insert(key, window((start, end), &readings, target.as_ref()));
            }
        }
    }
}

/// The metric's name, and the value in millionths, ties to even.
#[allow(clippy::cast_possible_truncation, reason = "whole, and its magnitude was checked")]
fn check(reading: &Reading) -> Result<(&'static str, i64), &'static str> {
    let known = (1..).map_while(Metric::at).find(|metric| metric.name() == reading.metric.as_str());
    let metric = known.ok_or("unknown_metric")?;
    if reading.unit != metric.unit() {
        return Err("unsupported_unit");
    }
    let plausible = reading.value.abs() <= VALUE_MAX && reading.measured_at >= 0;
    if plausible {
        Ok((metric.name(), libm::rint(reading.value * MICROS) as i64))
    } else {
        Err("implausible_value")
    }
}

/// `readings` (when, millionths) are never empty.
#[allow(clippy::cast_precision_loss, reason = "exact integers, each rounded once")]
fn window(
    (start, end): (i64, i64),
    readings: &[(i64, i64)],
    target: Option<&RangeInclusive<i64>>,
) -> ExpectedWindow {
    let mut values: Vec<i64> = readings.iter().map(|(_, micros)| *micros).collect();
    values.sort_unstable();
    let n = values.len() as i128;
    let sum: i128 = values.iter().map(|v| i128::from(*v)).sum();
    let squares: i128 = values.iter().map(|v| i128::from(*v) * i128::from(*v)).sum();
    let units = |micros: Option<&i64>| micros.map_or(f64::NAN, |m| *m as f64 / MICROS);
    // The least value that so many percent do not exceed.
    let quantile = |percent: usize| units(values.get((values.len() * percent).div_ceil(100).max(1) - 1));
    let slot = if end - start == WINDOW_MS { MINUTE_MS } else { WINDOW_MS };
    let covered: BTreeSet<i64> = readings.iter().map(|(at, _)| at.div_euclid(slot)).collect();
    let within = |range: &RangeInclusive<i64>| values.iter().filter(|v| range.contains(v)).count() as f64;
    let distinct: BTreeSet<&i64> = values.iter().collect();
    ExpectedWindow {
        readings: u32::try_from(n).unwrap_or(u32::MAX),
        mean: sum as f64 / n as f64 / MICROS,
        sd: (n > 1).then(|| ((n * squares - sum * sum) as f64 / (n * (n - 1)) as f64).sqrt() / MICROS),
        min: units(values.first()),
        max: units(values.last()),
        quantiles: [10, 50, 90].map(quantile),
        coverage: covered.len() as f64 / ((end - start) / slot) as f64,
        in_range: target.map(|range| within(range) / n as f64),
        values: distinct.len(),
    }
}
