//! What must come out of a run.

use std::collections::{BTreeMap, BTreeSet};

use aftercare_core::documents::CurveRules;

use super::curves::Comparison;
use super::ledger::Account;
use super::vitals::ExpectedVital;

/// Who something belongs to: organisation, care team, clinician, manufacturer, procedure.
pub type Attribution = [Option<String>; 5];

/// Patient, topic, id, revision.
pub type ReceiptKey = (String, String, String, i32);

/// Patient, device, metric, start (ms since 1970 UTC), length (seconds).
pub type WindowKey = (String, String, String, i64, u32);

/// Patient, session.
pub type ReviewKey = (String, String);

/// All that must come out.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Expected {
    /// Records by topic.
    pub records_in: BTreeMap<String, u64>,
    /// Records that get a dead letter and no receipt, by topic and reason.
    pub undecodable: BTreeMap<(String, &'static str), u64>,
    /// Receipts.
    pub receipts: BTreeMap<ReceiptKey, ExpectedReceipt>,
    /// Scores that stand, by score id. Any other score must be withdrawn where it exists.
    pub scores: BTreeMap<String, ExpectedScore>,
    /// Reviews that stand: sessions, as what they were judged. Any other must be withdrawn where it exists.
    pub reviews: BTreeMap<ReviewKey, ExpectedReview>,
    /// What their indices are compared with, by score id; of those without, nothing is expected.
    pub comparisons: BTreeMap<String, Comparison>,
    /// How curves are made, by instrument and plan of a composite.
    pub curve_rules: BTreeMap<(String, Option<String>), CurveRules>,
    /// Windows, as if no reading had come too late.
    pub windows: BTreeMap<WindowKey, ExpectedWindow>,
    /// Episodes under a contract, as far as facts decide without curves.
    pub accounts: Vec<Account>,
    /// Alerts that must have been raised: those of single answers, by alert id.
    pub alerts: BTreeSet<String>,
    /// What vital signs add up to, by id, as if no reading had come too late.
    pub vitals: BTreeMap<String, ExpectedVital>,
    /// Counts of readings, by patient and device.
    pub readings: BTreeMap<(String, String), ReadingCounts>,
}

/// One receipt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExpectedReceipt {
    /// The outcomes that it may have. There are two where arrival decides: a record that waits may have been given up.
    pub outcomes: Vec<&'static str>,
    /// The reason, where there is one outcome.
    pub reason: Option<&'static str>,
    /// Records of this identity.
    pub copies: u32,
    /// Of those, how many repeat the content that counts; absent where arrival decides.
    pub duplicates: Option<u32>,
    /// Of those, how many have other content; absent where arrival decides.
    pub conflicts: Option<u32>,
}

/// One score that stands. (What came out is read into the same type, so that the two can be compared.)
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ExpectedScore {
    /// The patient.
    pub patient_id: String,
    /// The revision of the upload.
    pub upload_revision: i32,
    /// scored or unscored.
    pub status: String,
    /// Why it is unscored.
    pub reason: Option<String>,
    /// When it was answered, ms since 1970 UTC.
    pub answered_at: i64,
    /// The value set's id; empty for none.
    pub value_set: String,
    /// The score, in the instrument's units.
    pub score: Option<f64>,
    /// Its scales.
    pub scales: BTreeMap<String, f64>,
    /// The baseline score.
    pub baseline: Option<f64>,
    /// The upload that the baseline comes from.
    pub baseline_upload_id: Option<String>,
    /// Per cent of the baseline.
    pub index: Option<f64>,
    /// percent or points.
    pub index_rule: Option<String>,
    /// Days of 24 h since the treatment.
    pub days_since_treatment: Option<f64>,
    /// Change since the score before, in smallest changes that matter.
    pub change_mcid: Option<f64>,
    /// Mean of the own last scores.
    pub level: Option<f64>,
    /// Distance from it, in standard errors.
    pub change_errors: Option<f64>,
    /// Slope over 84 days, in standard errors.
    pub trend_errors: Option<f64>,
    /// Exponentially weighted mean.
    pub ewma: Option<f64>,
    /// Mean over 28 days.
    pub mean_28d: Option<f64>,
    /// Median slope over 56 days, per day.
    pub slope_56d: Option<f64>,
    /// Slots with a score so far.
    pub uploads_done: u32,
    /// Slots begun so far.
    pub uploads_due: u32,
    /// Who it belongs to at the time of the answer.
    pub attribution: Attribution,
    /// The index expected of it, as it came out. (What must come out follows from the editions that were published.)
    pub expected: Option<f64>,
    /// Its standard deviation.
    pub expected_sd: Option<f64>,
    /// The index that earlier responses let expect, as it came out.
    pub forecast: Option<f64>,
    /// Its standard deviation.
    pub forecast_sd: Option<f64>,
    /// The responses behind it.
    pub expected_n: Option<u32>,
    /// The cohort that it was compared with.
    pub cohort: Option<String>,
    /// The edition.
    pub curve_edition: Option<String>,
}

/// One review. (What came out is read into the same type, so that the two can be compared.)
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExpectedReview {
    /// final; what came out may also be withdrawn.
    pub status: String,
    /// The clinician of the session.
    pub reviewer_id: String,
    /// The episode that was looked at.
    pub episode_id: Option<String>,
    /// The upload that was opened.
    pub upload_id: Option<String>,
    /// Begin, ms since 1970 UTC.
    pub began_at: i64,
    /// End, ms since 1970 UTC.
    pub ended_at: i64,
    /// Length, ms.
    pub duration_ms: i64,
    /// Taps, scrolls and entries.
    pub interactions: i32,
    /// Distinct sections read.
    pub sections_read: i32,
    /// Most patients of a span that holds its begin.
    pub burst_patients: i32,
    /// service or superficial.
    pub verdict: String,
    /// Why it is no service.
    pub reasons: Vec<String>,
    /// Document and version of the rule that judged.
    pub rule: String,
    /// Where the session came from.
    pub source: String,
    /// Who it belongs to at its begin.
    pub attribution: Attribution,
}

/// One window.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ExpectedWindow {
    /// Readings at different times.
    pub readings: u32,
    /// Their mean, in the metric's unit.
    pub mean: f64,
    /// Their standard deviation (n - 1).
    pub sd: Option<f64>,
    /// The least.
    pub min: f64,
    /// The greatest.
    pub max: f64,
    /// Tenth, fiftieth and ninetieth percentile, by nearest rank.
    pub quantiles: [f64; 3],
    /// Share of the minutes (in 5 minutes) or 5-minute windows (in longer ones) that hold a reading.
    pub coverage: f64,
    /// Share within the target range.
    pub in_range: Option<f64>,
    /// How many different values; 0 where that is not known.
    pub values: usize,
}

/// How many readings of a device became what. A reading that came too late is counted here as if it had not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReadingCounts {
    /// Uploads.
    pub records: u64,
    /// The first of each metric and time.
    pub accepted: u64,
    /// The same value of the same metric and time again.
    pub duplicate: u64,
    /// Another value of the same metric and time.
    pub conflicting: u64,
    /// Ahead of the last tick: held, or given up as `far_future`.
    pub ahead: u64,
    /// Refused, by reason.
    pub rejected: BTreeMap<&'static str, u64>,
}

impl ReadingCounts {
    /// Readings in all.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.accepted + self.duplicate + self.conflicting + self.ahead + self.rejected.values().sum::<u64>()
    }
}
