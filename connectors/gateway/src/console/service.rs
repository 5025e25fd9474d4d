//! What a care lead sees: which uploads were really reviewed, and why the others did not count. No amounts.

use serde::{Deserialize, Serialize};

/// The uploads of a month and what became of them.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct ServicePage {
    /// The month, by arrival in UTC, as `2026-01`; empty where there is none.
    pub month: String,
    /// Months that have uploads, newest first.
    pub months: Vec<String>,
    /// How many uploads came to which verdict, by clinician.
    pub counts: Vec<VerdictCount>,
    /// Sessions that were among too many at once, by clinician.
    pub bursts: Vec<Bursts>,
    /// The uploads, those that did not count first; of a large month not all.
    pub uploads: Vec<JudgedUpload>,
}

/// How many uploads of a clinician's patients came to a verdict.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct VerdictCount {
    /// Clinician who followed the patient then; empty while unknown.
    pub clinician_id: String,
    /// As [`JudgedUpload::verdict`].
    pub verdict: String,
    /// Uploads, count.
    pub uploads: u64,
    /// Of these billed, count.
    pub billed: u64,
}

/// A clinician's sessions of the month that were among too many within five minutes.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Bursts {
    /// Clinician, pseudonymous.
    pub clinician_id: String,
    /// Sessions, count.
    pub sessions: u64,
    /// Most patients within five minutes, count.
    pub patients_max: i32,
}

/// One upload and whether its review was real service.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct JudgedUpload {
    /// Clinician who followed the patient then; empty while unknown.
    pub clinician_id: String,
    /// Patient, pseudonymous.
    pub patient_id: String,
    /// The upload.
    pub upload_id: String,
    /// When it was answered, ms since 1970-01-01 UTC.
    pub answered_at: i64,
    /// When it arrived, ms since 1970-01-01 UTC.
    pub uploaded_at: i64,
    /// counted, too_late, too_short, too_shallow, burst, by_other, waiting or not_reviewed.
    pub verdict: String,
    /// Whether a line of the ledger rests on it.
    pub billed: bool,
    /// Why it is not billed, or not yet, a code; `None`: it is, or no contract says anything of it.
    pub held: Option<String>,
    /// Sessions about it, count.
    pub reviews: u64,
    /// Who had the best of them; empty without any.
    pub reviewer_id: String,
    /// When that ended, ms since 1970-01-01 UTC.
    pub ended_at: Option<i64>,
    /// How long it took, ms.
    pub duration_ms: i64,
    /// Sections that were read, count.
    pub sections_read: i32,
    /// Clicks and scrolls, count.
    pub interactions: i32,
    /// Patients that the reviewer opened within five minutes, count.
    pub burst_patients: i32,
    /// Why it was no service, codes.
    pub reasons: Vec<String>,
}
