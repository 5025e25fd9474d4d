//! A review rule as data: when a clinician's session is service.

use std::sync::Arc;

use super::reader::{Fields, Problem, day_start, read_document};
use crate::time::{Instant, Millis};

/// A review rule, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReviewRule {
    /// The rule's id.
    pub id: Arc<str>,
    /// Its version.
    pub version: i32,
    /// What people call it.
    pub title: String,
    /// Which parts are assumptions, in words.
    pub assumptions: Vec<String>,
    /// It judges sessions that end at or after this day's start, in UTC, and before that of the next version.
    pub valid_from: Instant,
    /// A session that lasts less is too short.
    pub length_min: Millis,
    /// Fewer distinct sections read are too few.
    pub sections_min: i32,
    /// Fewer interactions are too few.
    pub interactions_min: i32,
    /// How long a burst's span [t, t + length) is. Above 0.
    pub burst_length: Millis,
    /// Where some span holds starts of sessions for more patients, they are a burst.
    pub burst_patients_max: i32,
    /// Id and version, as verdicts name them: `default@1`.
    pub name: Arc<str>,
}

impl ReviewRule {
    /// Reads and checks the TOML text of a review rule.
    ///
    /// # Errors
    /// Every problem found, each with its place.
    pub fn parse(text: &str) -> Result<ReviewRule, Vec<Problem>> {
        read_document(text, read)
    }
}

fn read(fields: &mut Fields<'_>) -> Option<ReviewRule> {
    let id = fields.required::<String>("id");
    let version = fields.required::<i32>("version");
    let title = fields.required::<String>("title");
    let assumptions = fields.optional::<Vec<String>>("assumptions").unwrap_or_default();
    let valid_from = fields.required::<String>("valid_from");
    let seconds_min = fields.required::<i32>("seconds_min");
    let sections_min = fields.required::<i32>("sections_min");
    let interactions_min = fields.required::<i32>("interactions_min");
    let burst = fields.table("burst", read_burst);
    fields.demand(fields.has("burst"), "burst", "is missing");
    fields.demand(version.is_none_or(|version| version > 0), "version", "is not above 0");
    for (key, number) in
        [("seconds_min", seconds_min), ("sections_min", sections_min), ("interactions_min", interactions_min)]
    {
        fields.demand(number.is_none_or(|number| number >= 0), key, "is below 0");
    }
    let day = valid_from.and_then(|day| {
        let read = day_start(&day);
        fields.demand(read.is_some(), "valid_from", "is no day such as 2026-01-31");
        read
    });
    let (id, version) = (id?, version?);
    let (burst_length, burst_patients_max) = burst?;
    Some(ReviewRule {
        name: format!("{id}@{version}").into(),
        id: id.into(),
        version,
        title: title?,
        assumptions,
        valid_from: day?,
        length_min: Millis::seconds(seconds_min?.into()),
        sections_min: sections_min?,
        interactions_min: interactions_min?,
        burst_length,
        burst_patients_max,
    })
}

fn read_burst(fields: &mut Fields<'_>) -> Option<(Millis, i32)> {
    let seconds = fields.required::<i32>("seconds");
    let patients_max = fields.required::<i32>("patients_max");
    fields.demand(
        seconds.is_none_or(|seconds| (1..=86_400).contains(&seconds)),
        "seconds",
        "is not within 1 and 86400",
    );
    fields.demand(patients_max.is_none_or(|patients| patients > 0), "patients_max", "is not above 0");
    Some((Millis::seconds(seconds?.into()), patients_max?))
}
