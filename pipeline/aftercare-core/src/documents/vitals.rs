//! How vital signs are looked at, as data: target ranges, the own baseline, steep rises of blood pressure.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::decimal::Decimal;
use super::reader::{Fields, Problem, read_document};
use crate::metric::Metric;
use crate::window::Micros;

/// What the document says about one metric.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VitalMetric {
    /// The metric.
    pub metric: Metric,
    /// The target range, both ends included; `None`: it has none.
    pub target: Option<(Micros, Micros)>,
    /// A day has a value if it has at least so many readings, 1 or more.
    pub readings_min: u32,
}

/// A document of vital signs, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VitalsDocument {
    /// Its id.
    pub id: Arc<str>,
    /// Its version.
    pub version: i32,
    /// What people call it.
    pub title: String,
    /// Which parts are assumptions, in words.
    pub assumptions: Vec<String>,
    /// The seven vital signs of a NEWS2 are measured within so many minutes, 1 to 180.
    pub news2_within_minutes: u32,
    /// How many days before a day are its baseline, 1 to 28.
    pub baseline_days: u32,
    /// How many of them must have a value, 1 to `baseline_days`.
    pub baseline_days_min: u32,
    /// By how much systolic pressure must rise, mmHg, above 0.
    pub surge_rise_mmhg: u32,
    /// Within how many minutes, 5 to 180.
    pub surge_minutes: u32,
    /// Metrics with a target range or a baseline.
    pub metrics: Vec<VitalMetric>,
}

impl VitalsDocument {
    /// Reads and checks the TOML text.
    ///
    /// # Errors
    /// Every problem found, each with its place.
    pub fn parse(text: &str) -> Result<VitalsDocument, Vec<Problem>> {
        read_document(text, read)
    }

    /// What it says about the metric.
    #[must_use]
    pub fn metric(&self, metric: Metric) -> Option<&VitalMetric> {
        self.metrics.iter().find(|known| known.metric == metric)
    }

    /// The metric's target range, both ends included.
    #[must_use]
    pub fn target(&self, metric: Metric) -> Option<(Micros, Micros)> {
        self.metric(metric)?.target
    }
}

fn read(fields: &mut Fields<'_>) -> Option<VitalsDocument> {
    let id = fields.required::<String>("id");
    let version = fields.required::<i32>("version");
    let title = fields.required::<String>("title");
    let assumptions = fields.optional::<Vec<String>>("assumptions").unwrap_or_default();
    let within = whole(fields, "news2_within_minutes", 1, 180);
    let baseline = fields.table("baseline", |fields| {
        let days = whole(fields, "days", 1, 28);
        let days_min = whole(fields, "days_min", 1, days.unwrap_or(28));
        Some((days?, days_min?))
    });
    let surge = fields.table("surge", |fields| {
        Some((whole(fields, "rise_mmhg", 1, 300)?, whole(fields, "minutes", 5, 180)?))
    });
    for key in ["baseline", "surge"] {
        fields.demand(fields.has(key), key, "is missing");
    }
    fields.demand(version.is_none_or(|version| version > 0), "version", "is not above 0");
    let metrics = fields.tables("metrics", read_metric);
    let mut known = BTreeSet::new();
    fields.demand(metrics.iter().all(|each| known.insert(each.metric)), "metrics", "have a name twice");
    let ((baseline_days, baseline_days_min), (surge_rise_mmhg, surge_minutes)) = (baseline?, surge?);
    Some(VitalsDocument {
        id: id?.into(),
        version: version?,
        title: title?,
        assumptions,
        news2_within_minutes: within?,
        baseline_days,
        baseline_days_min,
        surge_rise_mmhg,
        surge_minutes,
        metrics,
    })
}

fn read_metric(fields: &mut Fields<'_>) -> Option<VitalMetric> {
    let name = fields.required::<String>("name");
    let metric = name.as_deref().and_then(Metric::named);
    fields.demand(name.is_none() || metric.is_some(), "name", "is no metric");
    let readings_min = whole(fields, "readings_min", 1, 100_000);
    let low = fields.optional::<Decimal>("low");
    let high = fields.optional::<Decimal>("high");
    let both = low.is_some() == high.is_some() && low.zip(high).is_none_or(|(low, high)| low < high);
    fields.demand(both, "low", "and high are not both there, the lower one first");
    let micros = |decimal: Option<Decimal>| decimal.and_then(|d| Micros::from_units(d.to_f64()));
    Some(VitalMetric { metric: metric?, target: micros(low).zip(micros(high)), readings_min: readings_min? })
}

fn whole<'d>(fields: &mut Fields<'d>, key: &'d str, least: u32, most: u32) -> Option<u32> {
    let number = fields.required::<i32>(key)?;
    let found = u32::try_from(number).ok().filter(|number| (least..=most).contains(number));
    fields.demand(found.is_some(), key, &format!("is not within {least} and {most}"));
    found
}
