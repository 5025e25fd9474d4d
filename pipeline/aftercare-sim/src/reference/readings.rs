//! Readings: sorted, counted, and summed up by window.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

use aftercare_core::documents::Library;
use aftercare_core::metric::Metric;
use aftercare_schemas::codec;
use aftercare_schemas::wire::{Reading, WearableUpload};

use super::{Expected, ExpectedWindow, Limits, ReadingCounts};

const MINUTE_MS: i64 = 60_000;
pub(super) const WINDOW_MS: i64 = 5 * MINUTE_MS;
const HOUR_MS: i64 = 12 * WINDOW_MS;
const MICROS: f64 = 1e6;
/// Beyond it, in the metric's unit, nothing is plausible.
const VALUE_MAX: f64 = 1e7;

/// One reading as it came: metric, when measured, value in millionths; or why it is none.
type Taken = Result<(Metric, i64, i64), &'static str>;

/// By patient, device and metric, then by time.
pub(super) type Values = BTreeMap<(String, String, &'static str), BTreeMap<i64, i64>>;

/// Patient and device.
type Owner = (String, String);

/// All readings so far.
#[derive(Default)]
pub(super) struct Readings {
    /// How many records, and all their readings in the order in which they came.
    uploads: BTreeMap<Owner, (u64, Vec<Taken>)>,
}

impl Readings {
    pub(super) fn add(&mut self, value: Option<&[u8]>, header: Option<&[u8]>) -> Result<(), &'static str> {
        let upload: WearableUpload =
            codec::decode("wearable-readings", value, header).map_err(|error| error.reason())?;
        if upload.patient_id.is_empty() || upload.device_id.is_empty() {
            return Err("missing_id");
        }
        if upload.readings.is_empty() {
            return Err("empty_upload");
        }
        let owner = (upload.patient_id.to_owned(), upload.device_id.to_owned());
        let (records, readings) = self.uploads.entry(owner).or_default();
        *records += 1;
        readings.extend(upload.readings.iter().map(check));
        Ok(())
    }

    /// What became of all readings, and by patient, device, metric and time the value in millionths that came first.
    fn judge(&self, limits: &Limits, library: &Library) -> (BTreeMap<Owner, ReadingCounts>, Values) {
        let (mut all, mut values) = (BTreeMap::new(), Values::new());
        for (owner, (records, readings)) in &self.uploads {
            let mut counts = ReadingCounts { records: *records, ..ReadingCounts::default() };
            for taken in readings {
                let (metric, at, micros) = match taken {
                    Ok(reading) => *reading,
                    Err(reason) => {
                        *counts.rejected.entry(reason).or_default() += 1;
                        continue;
                    }
                };
                if !plausible(library, metric, at, micros) {
                    *counts.rejected.entry("implausible_value").or_default() += 1;
                } else if limits.lies_ahead(at) {
                    counts.ahead += 1;
                } else {
                    let key = (owner.0.clone(), owner.1.clone(), metric.name());
                    match values.entry(key).or_default().entry(at) {
                        Entry::Vacant(first) => {
                            first.insert(micros);
                            counts.accepted += 1;
                        }
                        Entry::Occupied(first) if *first.get() == micros => counts.duplicate += 1,
                        Entry::Occupied(_) => counts.conflicting += 1,
                    }
                }
            }
            all.insert(owner.clone(), counts);
        }
        (all, values)
    }

    /// Adds counts and windows; answers the values that count.
    ///
    /// `day_of`: begin and end of the day that a moment of a patient lies in, both ms since 1970; `None` for someone who
    /// is not enrolled.
    pub(super) fn finish(
        &self,
        limits: &Limits,
        library: &Library,
        mut day_of: impl FnMut(&str, i64) -> Option<(i64, i64)>,
        expected: &mut Expected,
    ) -> Values {
        let (counts, values) = self.judge(limits, library);
        expected.readings = counts;
        let rules = library.vitals();
        for ((patient, device, metric), series) in &values {
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
        values
    }
}

/// The reading with its value in millionths, ties to even. Devices of a world name each metric's own unit.
#[allow(clippy::cast_possible_truncation, reason = "whole, and its magnitude was checked")]
fn check(reading: &Reading) -> Taken {
    let known = (1..).map_while(Metric::at).find(|metric| metric.name() == reading.metric.as_str());
    let metric = known.ok_or("unknown_metric")?;
    if reading.unit != metric.unit() {
        return Err("unsupported_unit");
    }
    let can_be_kept = reading.value.abs() <= VALUE_MAX && reading.measured_at >= 0;
    if can_be_kept {
        Ok((metric, reading.measured_at, libm::rint(reading.value * MICROS) as i64))
    } else {
        Err("implausible_value")
    }
}

/// By the limits of the newest document of vital signs: a world has one.
fn plausible(library: &Library, metric: Metric, at: i64, micros: i64) -> bool {
    let rules = library.vitals().filter(|rules| rules.plausible_from.0 <= at);
    let limits = rules.and_then(|rules| rules.metric(metric)?.plausible);
    limits.is_none_or(|(low, high)| (low.millionths()..=high.millionths()).contains(&micros))
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
