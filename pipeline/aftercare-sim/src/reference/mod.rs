//! The reference: what must come out of a set of records, computed in one batch from all of them.
//!
//! It is written as simply as possible (collect, sort, loop) and shares no flow logic with the pipeline: of the core it
//! uses the documents, and the scoring of a single form. Where the pipeline keeps state and issues what changed, this
//! starts from all facts at once.
//!
//! Records may be added in any order, with one exception: of several records with the same identity and other content
//! the first one counts, so those must be added in the order in which the log has them.

mod alerts;
mod curves;
mod days;
mod decimals;
mod enrolments;
mod expected;
mod intake;
mod ledger;
mod readings;
mod rolling;
mod scores;
mod sessions;
mod vitals;

use std::collections::{BTreeMap, BTreeSet};

use aftercare_core::documents::Library;
use aftercare_core::time::Instant;
use aftercare_schemas::codec::{self, WireError};
use aftercare_schemas::wire::{
    AlertAction, ClinicalEvent, ClinicianActivity, CommerceEvent, Enrolment, PromResponse, RecordStatus,
    SessionVerdict,
};
use serde::{Deserialize, Serialize};
use sessions::SESSIONS;

pub(crate) use curves::days;
pub use curves::{Comparison, Earlier, Series};
use days::Days;
pub use expected::{
    Attribution, Expected, ExpectedReceipt, ExpectedReview, ExpectedScore, ExpectedWindow, ReadingCounts,
    ReceiptKey, ReviewKey, WindowKey,
};
pub use ledger::{Account, Amount, WARRANTY_FEE_MINOR};
pub use vitals::ExpectedVital;

/// The topics whose records have an id and a revision.
pub const IDENTIFIED: [&str; 6] = [
    "enrolments",
    "prom-responses",
    "clinical-events",
    "commerce-events",
    "alert-actions",
    "session-verdicts",
];

/// The topic of readings.
pub const READINGS: &str = "wearable-readings";

/// Limits that decide what becomes of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The last tick that the run has seen: what lies further ahead still waits, or has been given up.
    pub last_tick: Instant,
    /// How far ahead of a tick an event may lie, ms.
    pub future_ms_max: i64,
    /// The largest key and value, bytes.
    pub record_bytes_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { last_tick: Instant::MAX, future_ms_max: 600_000, record_bytes_max: 16 << 20 }
    }
}

impl Limits {
    fn lies_ahead(&self, at: i64) -> bool {
        at.saturating_sub(self.future_ms_max) > self.last_tick.0
    }
}

/// One record with an id, in our newest schema: equal content, equal bytes.
struct Copy {
    canonical: Vec<u8>,
    event_at: i64,
    withdrawn: bool,
}

/// A patient's records by topic, id and revision: all copies, in the order in which they were added.
type Records = BTreeMap<(&'static str, String, i32), Vec<Copy>>;

/// Collects records; [`Reference::finish`] says what must come out.
#[derive(Default)]
pub struct Reference {
    limits: Limits,
    records_in: BTreeMap<String, u64>,
    undecodable: BTreeMap<(String, &'static str), u64>,
    /// By patient.
    patients: BTreeMap<String, Records>,
    /// Sessions by clinician.
    clinicians: BTreeMap<String, Records>,
    readings: readings::Readings,
}

impl Reference {
    /// With other limits than the default.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self { limits, ..Self::default() }
    }

    /// Sets the last tick of the run.
    pub fn set_last_tick(&mut self, tick: Instant) {
        self.limits.last_tick = tick;
    }

    /// Adds an acknowledged record: its topic without prefix, key, value and the header that names its schema.
    pub fn add(&mut self, topic: &str, key: &[u8], value: Option<&[u8]>, schema_header: Option<&[u8]>) {
        *self.records_in.entry(topic.to_owned()).or_default() += 1;
        let bytes = key.len() + value.map_or(0, <[u8]>::len);
        let taken = if bytes > self.limits.record_bytes_max {
            Err("record_too_large")
        } else if topic == READINGS {
            self.readings.add(value, schema_header)
        } else if topic == SESSIONS {
            self.session(value, schema_header)
        } else if let Some(topic) = IDENTIFIED.into_iter().find(|known| *known == topic) {
            self.identified(topic, value, schema_header)
        } else {
            Ok(())
        };
        if let Err(reason) = taken {
            *self.undecodable.entry((topic.to_owned(), reason)).or_default() += 1;
        }
    }

    fn session(&mut self, value: Option<&[u8]>, header: Option<&[u8]>) -> Result<(), &'static str> {
        let (r, canonical) = canonical::<ClinicianActivity>(SESSIONS, value, header)?;
        if [r.patient_id, r.id, r.clinician_id].contains(&"") {
            return Err("missing_id");
        }
        let records = self.clinicians.entry(r.clinician_id.to_owned()).or_default();
        let copies = records.entry((SESSIONS, r.id.to_owned(), r.revision)).or_default();
        copies.push(sessions::copy(&r, canonical));
        Ok(())
    }

    fn identified(
        &mut self,
        topic: &'static str,
        value: Option<&[u8]>,
        header: Option<&[u8]>,
    ) -> Result<(), &'static str> {
        let (patient, id, revision, copy) = match topic {
            "enrolments" => {
                let (r, canonical) = canonical::<Enrolment>(topic, value, header)?;
                (r.patient_id, r.id, r.revision, Copy::new(canonical, r.effective_at, r.status))
            }
            "prom-responses" => {
                let (r, canonical) = canonical::<PromResponse>(topic, value, header)?;
                (r.patient_id, r.id, r.revision, Copy::new(canonical, r.answered_at, r.status))
            }
            _ => event(topic, value, header)?,
        };
        if patient.is_empty() || id.is_empty() {
            return Err("missing_id");
        }
        let records = self.patients.entry(patient.to_owned()).or_default();
        records.entry((topic, id.to_owned(), revision)).or_default().push(copy);
        Ok(())
    }

    /// What must come out, given these documents.
    #[must_use]
    pub fn finish(&self, library: &Library) -> Expected {
        let mut expected = Expected {
            records_in: self.records_in.clone(),
            undecodable: self.undecodable.clone(),
            ..Expected::default()
        };
        let mut reviews = sessions::Reviews::new();
        for (clinician_id, records) in &self.clinicians {
            sessions::judge(clinician_id, records, library, &self.limits, &mut expected, &mut reviews);
        }
        let mut everyone = BTreeMap::new();
        for (patient_id, records) in &self.patients {
            let (episodes, uploads, facts) =
                intake::judge(patient_id, records, library, &self.limits, &mut expected);
            scores::rows(patient_id, &episodes, &uploads, library, &mut expected);
            let accounts = ledger::accounts(&episodes, &uploads, &facts, library, &self.limits, &expected);
            expected.accounts.extend(accounts);
            alerts::of_answers(&episodes, &uploads, library, &mut expected.alerts);
            let reviews = reviews.remove(patient_id).unwrap_or_default();
            sessions::attribute(patient_id, reviews, &episodes, &mut expected);
            everyone.insert(patient_id.as_str(), episodes);
        }
        let mut days = Days::default();
        let day_of = |patient: &str, at| days.of(everyone.get(patient)?.zone_at(at)?, at);
        let values = self.readings.finish(&self.limits, library, day_of, &mut expected);
        let (nobody, context) = (enrolments::Episodes::default(), (library, self.limits.last_tick.0));
        for patient in values.keys().map(|(patient, ..)| patient).collect::<BTreeSet<_>>() {
            let episodes = everyone.get(patient.as_str()).unwrap_or(&nobody);
            let mut day_of = |at| days.of(episodes.zone_at(at)?, at);
            vitals::rows(patient, episodes, &values, context, &mut day_of, &mut expected);
        }
        expected
    }
}

impl Copy {
    fn new(canonical: Vec<u8>, event_at: i64, status: RecordStatus) -> Self {
        Self { canonical, event_at, withdrawn: status == RecordStatus::EnteredInError }
    }
}

/// As the arms of [`Reference::identified`], for the streams of events.
fn event<'a>(
    topic: &'static str,
    value: Option<&'a [u8]>,
    header: Option<&[u8]>,
) -> Result<(&'a str, &'a str, i32, Copy), &'static str> {
    macro_rules! event {
        ($type:ident) => {{
            let (r, canonical) = canonical::<$type>(topic, value, header)?;
            Ok((r.patient_id, r.id, r.revision, Copy::new(canonical, r.happened_at, r.status)))
        }};
    }
    match topic {
        "commerce-events" => event!(CommerceEvent),
        "alert-actions" => event!(AlertAction),
        "session-verdicts" => event!(SessionVerdict),
        _ => event!(ClinicalEvent),
    }
}

fn canonical<'a, T: Serialize + Deserialize<'a>>(
    topic: &'static str,
    value: Option<&'a [u8]>,
    header: Option<&[u8]>,
) -> Result<(T, Vec<u8>), &'static str> {
    let record: T = codec::decode(topic, value, header).map_err(|error| error.reason())?;
    let mut bytes = Vec::new();
    if codec::encode(topic, &record, &mut bytes).is_err() {
        return Err(WireError::Invalid("").reason());
    }
    Ok((record, bytes))
}
