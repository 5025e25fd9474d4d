//! What a patient's state answers and issues.

use std::sync::Arc;

use super::names::Shared;
use super::own::Entry;
use crate::curve::{Contribution, Curves};
use crate::documents::Library;
use crate::facts::{InputKind, Source};
use crate::reason::Reason;
use crate::time::Instant;
use crate::zone::Zones;

/// What became of one offered record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It counts.
    Accepted,
    /// It is kept, and none of its forms could be scored.
    Unscored(Reason),
    /// A copy of what is known; counted.
    Duplicate,
    /// The same revision with other content; counted, not applied.
    Conflict,
    /// A higher revision is known already.
    Superseded,
    /// It waits (for an enrolment, for a tick): keep the record and offer it again with `retry`.
    Hold,
    /// It doesn't count. `place` says where in the record, without any value of it; empty for the whole record.
    Rejected {
        /// Why.
        reason: Reason,
        /// Where, e.g. "form 2 (saq-7), item af_2".
        place: String,
    },
}

/// Who a fact belongs to at the time of its event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Attribution<'a> {
    /// Who treats.
    pub organisation: Option<&'a str>,
    /// Who answers alerts.
    pub care_team: Option<&'a str>,
    /// Who follows the patient.
    pub clinician_id: Option<&'a str>,
    /// Who made the device.
    pub manufacturer: Option<&'a str>,
    /// The treatment.
    pub procedure: Option<&'a str>,
}

/// [`Attribution`], owned; rows share their texts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OwnedAttribution {
    /// Who treats.
    pub organisation: Option<Arc<str>>,
    /// Who answers alerts.
    pub care_team: Option<Arc<str>>,
    /// Who follows the patient.
    pub clinician_id: Option<Arc<str>>,
    /// Who made the device.
    pub manufacturer: Option<Arc<str>>,
    /// The treatment.
    pub procedure: Option<Arc<str>>,
}

impl OwnedAttribution {
    /// The same, borrowed.
    pub fn borrow(&self) -> Attribution<'_> {
        Attribution {
            organisation: self.organisation.as_deref(),
            care_team: self.care_team.as_deref(),
            clinician_id: self.clinician_id.as_deref(),
            manufacturer: self.manufacturer.as_deref(),
            procedure: self.procedure.as_deref(),
        }
    }
}

/// The state of one receipt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceiptChange {
    /// The stream; [`InputKind::topic`] names it.
    pub kind: InputKind,
    /// The record's id.
    pub id: Arc<str>,
    /// The record's revision.
    pub revision: i32,
    /// accepted, held, unscored, rejected.
    pub outcome: &'static str,
    /// A stable code, where the outcome needs one.
    pub reason: Option<&'static str>,
    /// Records of this id and revision: the first, its duplicates, its conflicts.
    pub copies: u32,
    /// Copies with the same content, or offered again after a rejection.
    pub duplicates: u32,
    /// Copies with other content.
    pub conflicts: u32,
    /// The tick at which it got this outcome first.
    pub stored_at: Instant,
    /// Who it belongs to at the time of its event.
    pub attribution: OwnedAttribution,
    /// Where the record came from.
    pub source: Source,
}

/// Whether a score row stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum ScoreStatus {
    /// It has a score (a composite: an index).
    Scored,
    /// It has none; the reason says why.
    #[default]
    Unscored,
    /// It was issued and no longer stands.
    Withdrawn,
}

impl ScoreStatus {
    /// The word that outputs carry.
    pub const fn as_str(self) -> &'static str {
        match self {
            ScoreStatus::Scored => "scored",
            ScoreStatus::Unscored => "unscored",
            ScoreStatus::Withdrawn => "withdrawn",
        }
    }
}

/// The state of one score: one instrument of one upload, judged for one episode. The default says nothing of any.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ScoreChange {
    /// The episode.
    pub episode_id: Arc<str>,
    /// The upload.
    pub upload_id: Arc<str>,
    /// The upload's revision in force.
    pub upload_revision: i32,
    /// The instrument's id, or `composite`.
    pub instrument: Arc<str>,
    /// The instrument's version; of a composite, the plan's.
    pub instrument_version: i32,
    /// The value set's id; empty where the instrument has none.
    pub value_set: Arc<str>,
    /// Whether it stands.
    pub status: ScoreStatus,
    /// Why it is unscored or withdrawn.
    pub reason: Option<&'static str>,
    /// When the patient answered.
    pub answered_at: Instant,
    /// When the phone delivered it.
    pub uploaded_at: Instant,
    /// The tick at which the upload's revision was first accepted.
    pub stored_at: Instant,
    /// Days (of 24 h, with fraction) from treatment to answer; negative before it.
    pub days_since_treatment: Option<f64>,
    /// patient or proxy.
    pub respondent: Arc<str>,
    /// The instrument's score in its own units; absent for a composite.
    pub score: Option<f64>,
    /// The scores of its scales.
    pub scales: Vec<(Arc<str>, f64)>,
    /// The baseline's score, in the instrument's own units.
    pub baseline: Option<f64>,
    /// The upload that the baseline came from.
    pub baseline_upload_id: Option<Arc<str>>,
    /// The health index: 100 at baseline, higher is better.
    pub index: Option<f64>,
    /// percent or points: how the index was formed.
    pub index_rule: Option<&'static str>,
    /// The index that comparable patients report at that time since treatment, %, without the patient's own part.
    pub expected: Option<f64>,
    /// Its standard deviation among them, %.
    pub expected_sd: Option<f64>,
    /// The index that the patient's own earlier responses let expect, beside those of comparable patients, %; `None`
    /// where there are none, or the plan does not look at them.
    pub forecast: Option<f64>,
    /// Its standard deviation, %.
    pub forecast_sd: Option<f64>,
    /// Responses of the cohort that the expected index rests on.
    pub expected_n: Option<u32>,
    /// The cohort.
    pub cohort: Option<Arc<str>>,
    /// The edition of the curve that judged.
    pub curve_edition: Option<Arc<str>>,
    /// Change since the previous scored upload in units of the smallest change that matters; improvement is positive.
    pub change_mcid: Option<f64>,
    /// Mean of the patient's own last scores since the treatment settled (at most four of the last eight uploads).
    pub level: Option<f64>,
    /// How far the score lies from that level in standard errors of measurement; improvement is positive.
    pub change_errors: Option<f64>,
    /// The slope of the scores of 84 days, of the last eight uploads and this one, in its standard errors; improvement is
    /// positive.
    pub trend_errors: Option<f64>,
    /// Exponentially weighted mean of the scores so far (a composite: of the indices).
    pub ewma: Option<f64>,
    /// Mean of the 28 days up to the answer.
    pub mean_28d: Option<f64>,
    /// Theil-Sen slope of the 56 days up to the answer, per day.
    pub slope_56d: Option<f64>,
    /// Slots begun so far that have a score of this instrument.
    pub uploads_done: u32,
    /// Slots begun so far.
    pub uploads_due: u32,
    /// Who it belongs to at the time of the answer.
    pub attribution: OwnedAttribution,
    /// Where the upload came from.
    pub source: Source,
}

impl ScoreChange {
    /// Writes the row's id, `{episode}/{upload}/{instrument}`, over `out`.
    pub fn write_score_id(&self, out: &mut String) {
        out.clear();
        for part in [&self.episode_id, "/", &self.upload_id, "/", &self.instrument] {
            out.push_str(part);
        }
    }

    /// The row's id, `{episode}/{upload}/{instrument}`.
    pub fn score_id(&self) -> String {
        let mut id = String::new();
        self.write_score_id(&mut id);
        id
    }
}

/// By what scores are judged, and from where on contributions are numbered.
#[derive(Clone, Copy, Debug)]
pub struct Judges<'j> {
    /// Instruments and plans.
    pub library: &'j Library,
    /// The editions of curves.
    pub curves: &'j Curves,
    /// The partition of the patient's task.
    pub partition: i32,
    /// The sequence of the task's last contribution.
    pub last_sequence: u64,
}

/// Rows that differ from what was last issued. One of these serves many patients, one after the other.
#[derive(Clone, Debug, Default)]
pub struct Changes {
    /// Receipts, by stream, id and revision.
    pub receipts: Vec<ReceiptChange>,
    /// Scores, by answer time, episode and form.
    pub scores: Vec<ScoreChange>,
    /// What they add to curves and take from them, by sequence.
    pub contributions: Vec<Contribution>,
    pub(super) scratch: Scratch,
}

/// Room that is used again, and what rows of different patients share.
#[derive(Clone, Debug, Default)]
pub(super) struct Scratch {
    pub(super) shared: Shared,
    pub(super) zones: Zones,
    pub(super) slopes: Vec<f64>,
    pub(super) values: Vec<f64>,
    pub(super) bytes: Vec<u8>,
    /// Where the patient's uploads are.
    pub(super) uploads: Vec<usize>,
    /// The patient's contributions.
    pub(super) own: Vec<Entry>,
}

impl Changes {
    /// Forgets the rows, keeps the room.
    pub fn clear(&mut self) {
        self.receipts.clear();
        self.scores.clear();
        self.contributions.clear();
    }
}
