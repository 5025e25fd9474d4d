//! A curve from elsewhere as data: what a registry's patients reported, with which a system begins before its own
//! patients have answered.

use std::sync::Arc;

use super::decimal::Decimal;
use super::reader::{Fields, Problem, day_start, read_document};
use crate::time::Instant;

/// What was reported at one time since treatment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PriorPoint {
    /// Days (of 24 h) since treatment.
    pub day: f64,
    /// Responses behind it, at least 1.
    pub n: i32,
    /// Their mean index, %.
    pub mean: f64,
    /// Its standard deviation among them, %; at least 0.
    pub sd: f64,
}

/// A curve from elsewhere, checked.
#[derive(Clone, Debug, PartialEq)]
pub struct PriorDocument {
    /// The curve's id.
    pub id: Arc<str>,
    /// Its version.
    pub version: i32,
    /// What people call it, and where it comes from.
    pub title: String,
    /// Which parts are assumptions, in words.
    pub assumptions: Vec<String>,
    /// The procedure whose curve borrows from it.
    pub procedure: Arc<str>,
    /// Of which instrument, or `composite`.
    pub instrument: Arc<str>,
    /// The plan of a composite.
    pub plan: Option<Arc<str>>,
    /// It judges what is answered at or after this day's start, in UTC, until that of another one.
    pub effective_from: Instant,
    /// Days since treatment from which and to which (excluded) it says anything.
    pub days: (f64, f64),
    /// At least one, in ascending order of their days, all within `days`.
    pub points: Vec<PriorPoint>,
    /// The edition that scores judged by it alone name: `prior:{id}@{version}`.
    pub name: Arc<str>,
}

impl PriorDocument {
    /// Reads and checks the TOML text of a curve.
    ///
    /// # Errors
    /// Every problem found, each with its place.
    pub fn parse(text: &str) -> Result<PriorDocument, Vec<Problem>> {
        read_document(text, read)
    }
}

fn read(fields: &mut Fields<'_>) -> Option<PriorDocument> {
    let id = fields.required::<String>("id");
    let version = fields.required::<i32>("version");
    let title = fields.required::<String>("title");
    let assumptions = fields.optional::<Vec<String>>("assumptions").unwrap_or_default();
    let procedure = fields.required::<String>("procedure");
    let instrument = fields.required::<String>("instrument");
    let plan = fields.optional::<String>("plan");
    let effective_from = fields.required::<String>("effective_from");
    let from_day = fields.required::<Decimal>("from_day");
    let to_day = fields.required::<Decimal>("to_day");
    let points = fields.tables("points", read_point);
    fields.demand(version.is_none_or(|version| version > 0), "version", "is not above 0");
    let is_composite = instrument.as_deref() == Some(crate::curve::COMPOSITE);
    fields.demand(plan.is_some() == is_composite, "plan", "is there with a composite, and only then");
    let effective_from = effective_from.and_then(|day| {
        let read = day_start(&day);
        fields.demand(read.is_some(), "effective_from", "is no day such as 2026-01-31");
        read
    });
    fields.demand(from_day.is_none_or(|from| from >= Decimal::ZERO), "from_day", "is below 0");
    fields.demand(!points.is_empty(), "points", "are missing");
    fields.demand(points.is_sorted_by(|one, next| one.day < next.day), "points", "do not ascend by day");
    let days = (from_day?.to_f64(), to_day?.to_f64());
    let within = points.iter().all(|point| days.0 <= point.day && point.day < days.1);
    fields.demand(within, "points", "are not all within from_day and to_day");
    let (id, version) = (id?, version?);
    Some(PriorDocument {
        name: format!("prior:{id}@{version}").into(),
        id: id.into(),
        version,
        title: title?,
        assumptions,
        procedure: procedure?.into(),
        instrument: instrument?.into(),
        plan: plan.map(Arc::from),
        effective_from: effective_from?,
        days,
        points,
    })
}

fn read_point(fields: &mut Fields<'_>) -> Option<PriorPoint> {
    let day = fields.required::<Decimal>("day");
    let n = fields.required::<i32>("n");
    let mean = fields.required::<Decimal>("mean");
    let sd = fields.required::<Decimal>("sd");
    fields.demand(n.is_none_or(|n| n > 0), "n", "is not above 0");
    fields.demand(sd.is_none_or(|sd| sd >= Decimal::ZERO), "sd", "is below 0");
    Some(PriorPoint { day: day?.to_f64(), n: n?, mean: mean?.to_f64(), sd: sd?.to_f64() })
}
