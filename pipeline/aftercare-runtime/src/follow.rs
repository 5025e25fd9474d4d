//! What follows from a record that was taken, beyond its receipt and its scores: each book takes what concerns it, in the
//! order in which they stand here. And what follows from time alone.

use aftercare_core::facts::Body;
use aftercare_core::patient::Verdict;
use aftercare_core::vital::VitalFact;
use aftercare_stream::log::TaskLog;

use crate::decode::Decoded;
use crate::error::TaskError;
use crate::state::{DeviceNo, PatientNo};
use crate::task::Task;

impl<L: TaskLog> Task<L> {
    /// Hands a record to the books of its patient. `self.changes` holds the receipts and scores that it changed.
    ///
    /// Books look at what is in force now, whatever the verdict: a duplicate changes nothing, a superseded revision
    /// neither, and an enrolment may change the scores of uploads that came long before.
    pub(crate) fn follow(
        &mut self,
        patient: PatientNo,
        decoded: &Decoded<'_>,
        verdict: &Verdict,
    ) -> Result<(), TaskError> {
        match (&decoded.body, verdict) {
            (Body::Verdict(fact), Verdict::Accepted) => self.take_verdict(patient, &decoded.head, fact)?,
            (Body::Enrolment(_), Verdict::Accepted) => self.reattribute_reviews(patient)?,
            _ => {}
        }
        self.follow_alerts(patient, decoded, verdict)?;
        self.follow_ledger(patient, Some((decoded, verdict)))
    }

    /// New editions of curves judged scores of a patient anew: `self.changes` holds those that changed.
    pub(crate) fn follow_judged(&mut self, patient: PatientNo) -> Result<(), TaskError> {
        self.alert_scores(patient)?;
        self.follow_ledger(patient, None)
    }

    /// Hands on what the vital signs of a device's patient say: when a 5-minute window is issued, and when a day is over.
    pub(crate) fn follow_vital(&mut self, device: DeviceNo, fact: &VitalFact) -> Result<(), TaskError> {
        self.alert_vital(device, fact)
    }

    /// At a tick, after what waited was taken and windows were issued: books whose time has come.
    pub(crate) fn follow_tick(&mut self) -> Result<(), TaskError> {
        self.sessions_tick()?;
        self.alerts_tick()?;
        self.ledger_tick()
    }
}
