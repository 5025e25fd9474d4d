//! What the console asks of the rest of the program. All times are ms since 1970-01-01 UTC.

use std::collections::BTreeMap;
use std::pin::Pin;

use serde::{Deserialize, Serialize};

use super::service::ServicePage;
use crate::access::Viewer;

/// An answer that takes a while.
pub type Reply<'a, T> = Pin<Box<dyn Future<Output = Result<T, DeskError>> + Send + 'a>>;

/// Reads pages and records actions.
pub trait Desk: Send + Sync {
    /// Everything known of one patient; `None` when there is no such patient.
    fn patient(&self, patient_id: String) -> Reply<'_, Option<PatientPage>>;
    /// The patients, services and money of one clinician; `None` when there is no such clinician.
    fn clinician(&self, clinician_id: String) -> Reply<'_, Option<ClinicianPage>>;
    /// What became of the uploads of a month (as `2026-01`; `None`: the newest) of these care teams (`None`: of all).
    fn service(&self, month: Option<String>, teams: Option<Vec<String>>) -> Reply<'_, ServicePage>;
    /// Records an action; done when it is durable.
    fn act(&self, action: Action) -> Reply<'_, ()>;
    /// Notes who asked for whose page; done when it is durable. Without it no page is shown.
    fn note(&self, view: View) -> Reply<'_, ()>;
}

/// A request for a page about one person, or about the service of care teams.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct View {
    /// When it was asked for.
    pub viewed_at: i64,
    /// Who asked.
    pub actor_id: String,
    /// Role of who asked.
    pub role: &'static str,
    /// `patient`, `clinician` or `service`.
    pub page: &'static str,
    /// Whose page, or which month of service, as it was asked for.
    pub subject_id: String,
    /// Whether there is one, and in scope.
    pub shown: bool,
}

/// Why the desk cannot answer now.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct DeskError(pub String);

/// What a person does about an alert.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Action {
    /// Built from alert, its revision, kind, choice and actor, so that the same click twice is one action.
    pub id: String,
    /// Alert that it is about.
    pub alert_id: String,
    /// Its patient, pseudonymous.
    pub patient_id: String,
    /// The alert's source: live, import or simulated.
    pub source: String,
    /// Who acts.
    pub actor_id: String,
    /// `care_manager` or `clinician`.
    pub actor_role: &'static str,
    /// What is done.
    pub choice: Choice,
}

/// Codes of a resolution.
pub const OUTCOMES: [&str; 7] =
    ["reminded_of_medication", "refill", "lifestyle_advice", "comment", "appointment", "recall", "no_action"];

/// What can be done about an alert.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Choice {
    /// Somebody has seen it and takes care.
    Acknowledge,
    /// Somebody has it now.
    Assign {
        /// Who.
        assignee_id: String,
    },
    /// It shows again later.
    Snooze {
        /// After so many minutes, 1 to 10,080.
        minutes: u32,
    },
    /// It goes one step further.
    Escalate,
    /// It is done.
    Resolve {
        /// One of [`OUTCOMES`].
        outcome: String,
    },
}

impl Choice {
    /// What makes it another action than one of the same kind; empty where nothing does.
    pub(super) fn distinction(&self) -> String {
        match self {
            Self::Acknowledge | Self::Escalate => String::new(),
            Self::Assign { assignee_id } => assignee_id.clone(),
            Self::Snooze { minutes } => minutes.to_string(),
            Self::Resolve { outcome } => outcome.clone(),
        }
    }

    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Acknowledge => "acknowledge",
            Self::Assign { .. } => "assign",
            Self::Snooze { .. } => "snooze",
            Self::Escalate => "escalate",
            Self::Resolve { .. } => "resolve",
        }
    }

    /// What is wrong with it, in words.
    pub(super) fn problem(&self) -> Option<&'static str> {
        match self {
            Self::Assign { assignee_id } if assignee_id.is_empty() || assignee_id.len() > 100 => {
                Some("an assignee's id has 1 to 100 characters")
            }
            Self::Snooze { minutes } if !(1..=10_080).contains(minutes) => {
                Some("an alert can be snoozed for 1 minute to 7 days")
            }
            Self::Resolve { outcome } if !OUTCOMES.contains(&outcome.as_str()) => {
                Some("there is no such outcome")
            }
            _ => None,
        }
    }
}

/// Who follows a patient.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owner {
    /// Care team; `None` while unknown.
    pub care_team: Option<String>,
    /// Clinician; `None` while unknown.
    pub clinician_id: Option<String>,
}

impl Owner {
    /// Whether the patient is in the viewer's scope.
    #[must_use]
    pub(super) fn is_in_scope_of(&self, viewer: &Viewer) -> bool {
        viewer.may_see(self.care_team.as_deref(), self.clinician_id.as_deref())
    }
}

/// A patient's page.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PatientPage {
    /// Patient, pseudonymous.
    pub patient_id: String,
    /// Who follows the patient now.
    pub owner: Owner,
    /// Scores by time of the answer, withdrawn ones left out.
    pub scores: Vec<ScorePoint>,
    /// Vitals by metric and day.
    pub vitals: Vec<VitalDay>,
    /// What the vitals add up to, newest first.
    pub vital_scores: Vec<VitalScore>,
    /// Alerts as on the stream `alerts`, newest first.
    pub alerts: Vec<serde_json::Value>,
    /// Reviews of the uploads, newest first.
    pub reviews: Vec<Review>,
    /// Money lines and held lines, newest first.
    pub entries: Vec<Entry>,
}

/// One score of one upload.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[allow(missing_docs, reason = "named and documented as in the stream `scores`")]
pub struct ScorePoint {
    pub episode_id: String,
    pub upload_id: String,
    pub instrument: String,
    pub status: String,
    pub reason: Option<String>,
    pub answered_at: i64,
    pub uploaded_at: i64,
    pub days_since_treatment: Option<f64>,
    pub respondent: String,
    pub score: Option<f64>,
    pub scales: BTreeMap<String, f64>,
    pub baseline: Option<f64>,
    pub index: Option<f64>,
    pub change_mcid: Option<f64>,
    pub expected: Option<f64>,
    pub expected_sd: Option<f64>,
    pub expected_n: Option<u32>,
    pub curve_edition: Option<String>,
    pub forecast: Option<f64>,
    pub forecast_sd: Option<f64>,
    pub uploads_done: u32,
    pub uploads_due: u32,
    pub procedure: Option<String>,
    pub manufacturer: Option<String>,
    pub care_team: Option<String>,
    pub clinician_id: Option<String>,
}

/// One day of one vital sign.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct VitalDay {
    /// What was measured.
    pub metric: String,
    /// UCUM unit of mean, min and max.
    pub unit: String,
    /// Begin of the day.
    pub day_start: i64,
    /// Readings, count.
    pub readings: u64,
    /// Mean, in the unit.
    pub mean: f64,
    /// Smallest value, in the unit.
    pub min: f64,
    /// Largest value, in the unit.
    pub max: f64,
}

/// What vitals add up to.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[allow(missing_docs, reason = "named and documented as in the stream `vital-scores`")]
pub struct VitalScore {
    pub kind: String,
    pub metric: Option<String>,
    pub measured_at: i64,
    pub value: Option<f64>,
    pub unit: String,
    pub band: Option<String>,
    pub median: Option<f64>,
    pub robust_z: Option<f64>,
    pub parts: BTreeMap<String, f64>,
}

/// One session of a clinician.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[allow(missing_docs, reason = "named and documented as in the stream `reviews`")]
pub struct Review {
    pub review_id: String,
    pub patient_id: String,
    pub upload_id: Option<String>,
    pub reviewer_id: String,
    pub ended_at: i64,
    pub duration_ms: i64,
    pub interactions: i32,
    pub sections_read: i32,
    pub burst_patients: i32,
    pub verdict: String,
    pub reasons: Vec<String>,
}

/// One line of the ledger, or a line that is held.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[allow(missing_docs, reason = "named and documented as in the stream `ledger`")]
pub struct Entry {
    pub entry_id: String,
    pub kind: String,
    pub component: Option<String>,
    pub component_id: Option<String>,
    pub patient_id: Option<String>,
    pub payer: Option<String>,
    pub payee: Option<String>,
    pub amount_minor: i64,
    pub currency: String,
    pub triggered_at: Option<i64>,
    pub service_period: Option<String>,
    pub booking_period: Option<String>,
    pub reason: Option<String>,
    pub reverses: Option<String>,
    pub evidence: Vec<Evidence>,
}

/// What an entry rests on.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[allow(missing_docs, reason = "named and documented as in the stream `ledger`")]
pub struct Evidence {
    pub name: String,
    pub value: String,
    pub unit: String,
    pub record_id: Option<String>,
}

/// A clinician's page.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ClinicianPage {
    /// Clinician, pseudonymous.
    pub clinician_id: String,
    /// Patients that the clinician follows, each with the newest index.
    pub patients: Vec<PatientLine>,
    /// Their latest uploads, newest first.
    pub uploads: Vec<UploadLine>,
    /// The clinician's sessions, newest first.
    pub reviews: Vec<Review>,
    /// Money lines and held lines of these uploads, newest first.
    pub entries: Vec<Entry>,
}

/// One patient in a clinician's list.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PatientLine {
    /// Patient, pseudonymous.
    pub patient_id: String,
    /// Procedure of the episode.
    pub procedure: Option<String>,
    /// When the newest index was answered.
    pub answered_at: i64,
    /// Newest index, percent of the baseline.
    pub index: Option<f64>,
    /// Expected then, percent of the baseline.
    pub expected: Option<f64>,
    /// Change since the upload before, in MCIDs.
    pub change_mcid: Option<f64>,
    /// Alerts about the patient that are not resolved, count.
    pub open_alerts: u64,
    /// Of these critical, count.
    pub critical_alerts: u64,
}

/// One upload in a clinician's list.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct UploadLine {
    /// Patient, pseudonymous.
    pub patient_id: String,
    /// The upload.
    pub upload_id: String,
    /// When it was answered.
    pub answered_at: i64,
    /// Index, percent of the baseline.
    pub index: Option<f64>,
    /// Expected index, percent of the baseline.
    pub expected: Option<f64>,
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use aftercare_schemas::wire::Alert;

    /// An alert that is its own patient.
    pub(crate) fn alert<'a>(id: &'a str, version: u64, status: &'a str) -> Alert<'a> {
        Alert {
            version,
            alert_id: id,
            revision: 1,
            status,
            rule: "below-expected",
            policy: "stent-alerts@1",
            severity: "warning",
            audience: "patient_care",
            routed_to: vec!["care_manager"],
            patient_id: id,
            episode_id: None,
            cause_kind: "score",
            cause_id: "u-1",
            caused_at: 0,
            uploaded_at: None,
            raised_at: 0,
            historic: false,
            vip: false,
            answer_due_at: None,
            escalations: 0,
            assignee_id: None,
            acknowledged_at: None,
            snoozed_until: None,
            resolved_at: None,
            outcome: None,
            evidence: Vec::new(),
            stored_at: 0,
            organisation: None,
            care_team: None,
            clinician_id: None,
            manufacturer: None,
            procedure: None,
            source: "live",
        }
    }

    #[test]
    fn only_sensible_choices_pass() {
        let resolve = |outcome: &str| Choice::Resolve { outcome: outcome.into() };
        assert!(OUTCOMES.iter().all(|code| resolve(code).problem().is_none()));
        let wrong = [
            resolve("prescribe"),
            Choice::Snooze { minutes: 0 },
            Choice::Snooze { minutes: 10_081 },
            Choice::Assign { assignee_id: String::new() },
        ];
        assert!(wrong.iter().all(|choice| choice.problem().is_some()));
    }
}
