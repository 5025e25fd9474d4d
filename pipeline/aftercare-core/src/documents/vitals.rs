//! How vital signs are looked at, as data: what is plausible, target ranges, the own baseline, steep rises of blood
//! pressure.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::decimal::Decimal;
use super::reader::{Fields, Problem, day_start, read_document};
use crate::metric::{Metric, POSITIONS};
use crate::time::Instant;
use crate::window::Micros;

/// What the document says about one metric.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VitalMetric {
    /// The metric.
    pub metric: Metric,
    /// The target range, both ends included; `None`: it has none.
    pub target: Option<(Micros, Micros)>,
    /// What a reading may say, both ends included; `None`: whatever can be kept.
    pub plausible: Option<(Micros, Micros)>,
    /// A day has a value if it has at least so many readings, 1 or more; `None`: days are not compared.
    pub readings_min: Option<u32>,
    /// The standard deviation that a day's value has by measurement alone; `None`: it is not known.
    pub sd_min: Option<Micros>,
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
    /// Readings measured at or after this day's start, in UTC, and before that of the next version, are held against its
    /// limits of what is plausible. So a reading is judged alike by everyone and whenever it comes.
    pub plausible_from: Instant,
    /// Metrics with limits, a target range or a baseline.
    pub metrics: Vec<VitalMetric>,
    /// What is plausible, by the metric's position.
    plausible: [Option<(Micros, Micros)>; POSITIONS],
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

    /// Whether a reading of the metric may say that.
    #[must_use]
    #[inline]
    pub fn is_plausible(&self, metric: Metric, value: Micros) -> bool {
        let limits = self.plausible.get(usize::from(metric.position())).copied().flatten();
        limits.is_none_or(|(low, high)| low <= value && value <= high)
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
    let plausible_from = match fields.optional::<String>("plausible_from").map(|day| day_start(&day)) {
        None => Some(Instant::MIN),
        Some(day) => {
            fields.demand(day.is_some(), "plausible_from", "is no day such as 2026-01-31");
            day
        }
    };
    for key in ["baseline", "surge"] {
        fields.demand(fields.has(key), key, "is missing");
    }
    fields.demand(version.is_none_or(|version| version > 0), "version", "is not above 0");
    let metrics = fields.tables("metrics", read_metric);
    let mut known = BTreeSet::new();
    fields.demand(metrics.iter().all(|each| known.insert(each.metric)), "metrics", "have a name twice");
    let mut plausible = [None; POSITIONS];
    for each in &metrics {
        if let Some(own) = plausible.get_mut(usize::from(each.metric.position())) {
            *own = each.plausible;
        }
    }
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
        plausible_from: plausible_from?,
        metrics,
        plausible,
    })
}

fn read_metric(fields: &mut Fields<'_>) -> Option<VitalMetric> {
    let name = fields.required::<String>("name");
    let metric = name.as_deref().and_then(Metric::named);
    fields.demand(name.is_none() || metric.is_some(), "name", "is no metric");
    let has_days = fields.has("readings_min");
    let readings_min = has_days.then(|| whole(fields, "readings_min", 1, 100_000)).flatten();
    let target = range(fields, "low", "high", "and high are not both there, the lower one first");
    let both = "and plausible_high are not both there, the lower one first";
    let plausible = range(fields, "plausible_low", "plausible_high", both);
    let lies_within = target.zip(plausible).is_none_or(|(own, all)| all.0 <= own.0 && own.1 <= all.1);
    fields.demand(lies_within, "low", "and high do not lie within plausible_low and plausible_high");
    let sd_min = fields.optional::<Decimal>("sd_min");
    fields.demand(sd_min.is_none_or(|sd| sd > Decimal::ZERO), "sd_min", "is not above 0");
    let sd_min = sd_min.and_then(|sd| Micros::from_units(sd.to_f64()));
    Some(VitalMetric { metric: metric?, target, plausible, readings_min, sd_min })
}

/// Two decimals that are both there or both absent, in ascending order.
fn range<'d>(
    fields: &mut Fields<'d>,
    low: &'d str,
    high: &'d str,
    otherwise: &str,
) -> Option<(Micros, Micros)> {
    let (first, last) = (fields.optional::<Decimal>(low), fields.optional::<Decimal>(high));
    let both = first.is_some() == last.is_some() && first.zip(last).is_none_or(|(low, high)| low < high);
    fields.demand(both, low, otherwise);
    let micros = |decimal: Option<Decimal>| decimal.and_then(|d| Micros::from_units(d.to_f64()));
    micros(first).zip(micros(last))
}

fn whole<'d>(fields: &mut Fields<'d>, key: &'d str, least: u32, most: u32) -> Option<u32> {
    let number = fields.required::<i32>(key)?;
    let found = u32::try_from(number).ok().filter(|number| (least..=most).contains(number));
    fields.demand(found.is_some(), key, &format!("is not within {least} and {most}"));
    found
}
