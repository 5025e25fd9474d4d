//! Values on their way to the page, and how several sources become one.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use super::names::{Kind, Metric};

/// One value of one metric at the moment of asking.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// Which metric.
    pub metric: Metric,
    /// Label names and values; the names and their order are those of the metric's definition.
    pub labels: Vec<(&'static str, String)>,
    /// The value, of the metric's kind.
    pub value: SampleValue,
}

/// The value of a sample. Nothing that Aftercare measures is negative.
#[derive(Clone, Debug, PartialEq)]
pub enum SampleValue {
    /// Sum since the source began.
    Counter(f64),
    /// Present state.
    Gauge(f64),
    /// Distribution since the source began.
    Histogram(Histogram),
}

/// A distribution as Prometheus counts it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Histogram {
    /// Upper bounds (rising, in the metric's unit, without infinity) and how many values were at or
    /// below each, the lower buckets included.
    pub buckets: Vec<(f64, u64)>,
    /// Sum of all values.
    pub sum: f64,
    /// Number of all values.
    pub count: u64,
}

impl Sample {
    /// A counter's sample.
    #[must_use]
    pub fn counter(metric: Metric, labels: &[(&'static str, &str)], value: f64) -> Self {
        Self::new(metric, labels, SampleValue::Counter(value))
    }

    /// A gauge's sample.
    #[must_use]
    pub fn gauge(metric: Metric, labels: &[(&'static str, &str)], value: f64) -> Self {
        Self::new(metric, labels, SampleValue::Gauge(value))
    }

    /// A histogram's sample.
    #[must_use]
    pub fn histogram(metric: Metric, labels: &[(&'static str, &str)], value: Histogram) -> Self {
        Self::new(metric, labels, SampleValue::Histogram(value))
    }

    fn new(metric: Metric, labels: &[(&'static str, &str)], value: SampleValue) -> Self {
        let labels = labels.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        Self { metric, labels, value }
    }

    fn check(&self) -> Result<(), &'static str> {
        let definition = self.metric.definition();
        if !self.labels.iter().map(|(name, _)| *name).eq(definition.labels.iter().copied()) {
            return Err("labels");
        }
        let sound = match (&self.value, definition.kind) {
            (SampleValue::Counter(value), Kind::Counter)
            | (SampleValue::Gauge(value), Kind::GaugeSum | Kind::GaugeMax) => sound(*value),
            (SampleValue::Histogram(histogram), Kind::Histogram) => histogram.is_sound(),
            _ => return Err("kind"),
        };
        if sound { Ok(()) } else { Err("value") }
    }
}

fn sound(value: f64) -> bool {
    value.is_finite() && value >= 0.0
}

impl Histogram {
    fn is_sound(&self) -> bool {
        let rising = self.buckets.windows(2).all(|pair| pair[0].0 < pair[1].0 && pair[0].1 <= pair[1].1);
        let bounded = self.buckets.last().is_none_or(|(bound, below)| sound(*bound) && *below <= self.count);
        rising && bounded && sound(self.sum)
    }

    fn has_bounds_of(&self, other: &Self) -> bool {
        let bounds = |histogram: &Self| histogram.buckets.iter().map(|b| b.0.to_bits()).collect::<Vec<_>>();
        bounds(self) == bounds(other)
    }
}

/// At most this many series of one metric; the rest is refused and counted.
pub const SERIES_PER_METRIC_MAX: usize = 10_000;

type Labels = Vec<(&'static str, String)>;

/// Samples of several sources, brought together.
#[derive(Clone, Debug, Default)]
pub(super) struct Tally {
    series: BTreeMap<Metric, BTreeMap<Labels, SampleValue>>,
    refused: BTreeMap<&'static str, f64>,
}

impl Tally {
    pub(super) fn add(&mut self, sample: Sample) {
        if let Err(reason) = sample.check().and_then(|()| self.merge(sample)) {
            *self.refused.entry(reason).or_default() += 1.0;
        }
    }

    /// Keeps of a source that ends what must not go back: its counters and histograms.
    pub(super) fn retain(&mut self, sample: Sample) {
        if !matches!(sample.value, SampleValue::Gauge(_)) {
            self.add(sample);
        }
    }

    /// Every metric that has values, with them, in the order of [`Metric`] and of the labels.
    pub(super) fn into_series(mut self) -> impl Iterator<Item = (Metric, Vec<(Labels, SampleValue)>)> {
        let refused = self
            .refused
            .into_iter()
            .map(|(reason, count)| (vec![("reason", reason.to_owned())], SampleValue::Counter(count)));
        self.series.entry(Metric::SamplesRefused).or_default().extend(refused);
        self.series
            .into_iter()
            .filter(|(_, series)| !series.is_empty())
            .map(|(metric, series)| (metric, series.into_iter().collect()))
    }

    fn merge(&mut self, sample: Sample) -> Result<(), &'static str> {
        let kind = sample.metric.definition().kind;
        let series = self.series.entry(sample.metric).or_default();
        let full = series.len() >= SERIES_PER_METRIC_MAX;
        match series.entry(sample.labels) {
            Entry::Vacant(_) if full => return Err("series"),
            Entry::Vacant(place) => {
                place.insert(sample.value);
            }
            Entry::Occupied(mut place) => match (place.get_mut(), sample.value) {
                (SampleValue::Counter(sum), SampleValue::Counter(value)) => *sum += value,
                (SampleValue::Gauge(known), SampleValue::Gauge(value)) if kind == Kind::GaugeMax => {
                    *known = known.max(value);
                }
                (SampleValue::Gauge(sum), SampleValue::Gauge(value)) => *sum += value,
                (SampleValue::Histogram(sum), SampleValue::Histogram(value)) => {
                    if !sum.has_bounds_of(&value) {
                        return Err("bounds");
                    }
                    for (into, (_, below)) in sum.buckets.iter_mut().zip(value.buckets) {
                        into.1 += below;
                    }
                    sum.sum += value.sum;
                    sum.count += value.count;
                }
                _ => return Err("kind"),
            },
        }
        Ok(())
    }
}
