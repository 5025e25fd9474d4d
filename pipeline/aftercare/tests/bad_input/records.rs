//! Records, good ones, for cases to spoil.

use aftercare_schemas::codec;
use aftercare_schemas::wire::{
    Answer, Enrolment, Form, Metric, PromResponse, Reading, RecordStatus, Source, WearableUpload,
};
use serde::Serialize;

use crate::case::Sent;

/// In every id and free text, so that it can be looked for where it must not be.
pub(crate) const MARK: &str = "qx7";
/// In every reading's value.
pub(crate) const READING_MARK: &str = "71.4142";
pub(crate) const READING: f64 = 71.4142;
pub(crate) const DAY_MS: i64 = 86_400_000;

pub(crate) fn framed<T: Serialize>(topic: &'static str, record: &T) -> Vec<u8> {
    let mut value = Vec::new();
    codec::encode(topic, record, &mut value).unwrap();
    value
}

pub(crate) fn enrolment<'a>(id: &'a str, patient_id: &'a str, at: i64) -> Enrolment<'a> {
    Enrolment {
        id,
        status: RecordStatus::Final,
        source: Source::Live,
        patient_id,
        episode_id: "qx7-episode",
        recorded_at: at,
        effective_at: at,
        procedure: Some("qx7-procedure"),
        treated_at: Some(at),
        organisation: Some("qx7-organisation"),
        plan: Some("coronary-stent"),
        episode_status: Some("active"),
        ..Enrolment::default()
    }
}

/// A PHQ-2 of 3 points.
pub(crate) fn upload<'a>(id: &'a str, patient_id: &'a str, at: i64) -> PromResponse<'a> {
    PromResponse {
        id,
        revision: 1,
        status: RecordStatus::Final,
        source: Source::Live,
        patient_id,
        episode_id: None,
        answered_at: at,
        uploaded_at: at,
        respondent: "qx7-respondent",
        forms: vec![phq_2(Some(1), Some(2))],
    }
}

pub(crate) fn phq_2(one: Option<i32>, two: Option<i32>) -> Form<'static> {
    let answers = vec![Answer { item: "phq2_1", code: one }, Answer { item: "phq2_2", code: two }];
    Form { instrument: "phq-2", instrument_version: None, answers }
}

pub(crate) fn reading(measured_at: i64) -> Reading<'static> {
    Reading { metric: Metric::HeartRate, value: READING, unit: "/min", measured_at }
}

/// An upload of readings, to be sent.
pub(crate) fn worn(patient_id: &str, readings: Vec<Reading<'_>>) -> Sent {
    let upload = WearableUpload { patient_id, device_id: "qx7-device", source: Source::Live, readings };
    Sent::new("wearable-readings", patient_id, framed("wearable-readings", &upload))
}

pub(crate) fn answered(upload: &PromResponse<'_>) -> Sent {
    Sent::new("prom-responses", upload.patient_id, framed("prom-responses", upload))
}

pub(crate) fn enrolled(enrolment: &Enrolment<'_>) -> Sent {
    Sent::new("enrolments", enrolment.patient_id, framed("enrolments", enrolment))
}
