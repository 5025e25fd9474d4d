//! Records that are wrong, a few of each kind, so that a report has something to show and a test something to find.

use aftercare_schemas::wire::{
    Answer, Form, Metric, PromResponse, Reading, RecordStatus, Source, WearableUpload,
};

use crate::rng::Rng;

use super::profile::purpose;
use super::story::{Story, Upload, What};
use super::{DAY_MS, HOUR_MS, MINUTE_MS, Settings, SimRecord, framed};

/// In which way a record is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum BadKind {
    /// The bytes end in the middle.
    Truncated,
    /// No Avro at all.
    Foreign,
    /// Framed with an id that nobody released.
    UnknownSchema,
    /// A good enrolment on the questionnaires' topic.
    OtherStream,
    /// An instrument that no document describes.
    UnknownInstrument,
    /// An item that the instrument does not have.
    UnknownItem,
    /// An answer that the item does not allow.
    AnswerOutOfRange,
    /// Forms without any answer: no error, but no score.
    MissingAnswers,
    /// An upload without forms.
    NoForms,
    /// Answered a year after it arrived.
    FarFuture,
    /// Of a patient whom nobody enrols.
    UnknownPatient,
    /// Without an id.
    MissingId,
    /// A known id and revision with other answers.
    OtherContent,
    /// An upload of a device without readings.
    EmptyUpload,
    /// A heart rate in degrees.
    UnsupportedUnit,
    /// A heart rate of a thousand million.
    ImplausibleValue,
}

impl BadKind {
    /// All kinds.
    pub const ALL: [Self; 16] = [
        Self::Truncated,
        Self::Foreign,
        Self::UnknownSchema,
        Self::OtherStream,
        Self::UnknownInstrument,
        Self::UnknownItem,
        Self::AnswerOutOfRange,
        Self::MissingAnswers,
        Self::NoForms,
        Self::FarFuture,
        Self::UnknownPatient,
        Self::MissingId,
        Self::OtherContent,
        Self::EmptyUpload,
        Self::UnsupportedUnit,
        Self::ImplausibleValue,
    ];
}

/// One bad record to come.
#[derive(Clone, Debug)]
pub(super) struct Bad {
    pub(super) at: i64,
    kind: BadKind,
    number: u32,
    pub(super) patient: u32,
    /// The upload that a record with other content repeats.
    original: Option<Upload>,
}

/// Strews them over the world's time.
pub(super) fn strew(settings: &Settings) -> Vec<Bad> {
    let mut strewn = Vec::new();
    if settings.patients == 0 {
        return strewn;
    }
    for number in 0..settings.bad_records {
        for (k, kind) in (0..).zip(BadKind::ALL) {
            let rng = &mut Rng::new(settings.seed, &[purpose::BAD, k, u64::from(number)]);
            let length = i64::from(settings.days) * DAY_MS;
            let at = settings.start.0 + rng.between(length / 3, length.max(1));
            strewn.extend(place(settings, kind, number, at, rng));
        }
    }
    strewn
}

/// Finds a patient for it who is enrolled by then; `None` where the world has none.
fn place(settings: &Settings, kind: BadKind, number: u32, at: i64, rng: &mut Rng) -> Option<Bad> {
    const TRIES: u32 = 100;
    for _ in 0..TRIES {
        let patient =
            u32::try_from(rng.between(0, i64::from(settings.patients))).expect("a patient's number");
        let story = Story::new(settings, patient);
        if story.profile.enrolled_at + 10 * DAY_MS > at {
            continue;
        }
        if kind != BadKind::OtherContent {
            return Some(Bad { at, kind, number, patient, original: None });
        }
        let original = story.events.iter().rev().find_map(|event| match event.what {
            What::Upload(upload) if event.at + HOUR_MS < at => Some(upload),
            _ => None,
        });
        if original.is_some() {
            return Some(Bad { at, kind, number, patient, original });
        }
    }
    None
}

impl Bad {
    pub(super) fn record(&self, story: &Story, seed: u64) -> SimRecord {
        let patient = match self.kind {
            BadKind::UnknownPatient => format!("nobody-{}-{}", story.profile.patient_id, self.number),
            _ => story.profile.patient_id.clone(),
        };
        let (topic, value) = match self.kind {
            BadKind::EmptyUpload | BadKind::UnsupportedUnit | BadKind::ImplausibleValue => {
                ("wearable-readings", self.readings(&patient))
            }
            _ => ("prom-responses", self.response(story, &patient, seed)),
        };
        SimRecord { at: self.at, topic, key: patient.into_bytes(), value }
    }

    fn readings(&self, patient_id: &str) -> Vec<u8> {
        let (value, unit) = match self.kind {
            BadKind::ImplausibleValue => (1e9, "/min"),
            _ => (72.0, "Cel"),
        };
        let one = Reading { metric: Metric::HeartRate, value, unit, measured_at: self.at - MINUTE_MS };
        let readings = if self.kind == BadKind::EmptyUpload { Vec::new() } else { vec![one] };
        let upload = WearableUpload { patient_id, device_id: "w-bad", source: Source::Simulated, readings };
        framed("wearable-readings", &upload)
    }

    fn response(&self, story: &Story, patient_id: &str, seed: u64) -> Vec<u8> {
        if let Some(original) = self.original {
            return story.response(original, seed, |r| r.forms.truncate(1));
        }
        let id = format!("{patient_id}-bad-{:?}-{}", self.kind, self.number);
        let mut response = PromResponse {
            id: &id,
            revision: 1,
            status: RecordStatus::Final,
            source: Source::Simulated,
            patient_id,
            episode_id: None,
            answered_at: self.at - MINUTE_MS,
            uploaded_at: self.at,
            respondent: "patient",
            forms: vec![phq_2([("phq2_1", Some(1)), ("phq2_2", Some(0))])],
        };
        match self.kind {
            BadKind::UnknownInstrument => response.forms[0].instrument = "no-such-instrument",
            BadKind::UnknownItem => response.forms[0].answers[1].item = "phq2_9",
            BadKind::AnswerOutOfRange => response.forms[0].answers[1].code = Some(4),
            BadKind::MissingAnswers => response.forms = vec![phq_2([("phq2_1", None), ("phq2_2", None)])],
            BadKind::NoForms => response.forms.clear(),
            BadKind::FarFuture => response.answered_at = self.at + 365 * DAY_MS,
            BadKind::MissingId => response.id = "",
            _ => {}
        }
        let mut value = framed("prom-responses", &response);
        match self.kind {
            BadKind::Truncated => value.truncate(value.len() / 2),
            BadKind::Foreign => return format!("{{\"number\": {}}}", self.number).into_bytes(),
            BadKind::UnknownSchema => value[1..5].copy_from_slice(&u32::MAX.to_be_bytes()),
            BadKind::OtherStream => return story.enrolment(true, 1),
            _ => {}
        }
        value
    }
}

fn phq_2(answers: [(&'static str, Option<i32>); 2]) -> Form<'static> {
    let answers = answers.map(|(item, code)| Answer { item, code }).into();
    Form { instrument: "phq-2", instrument_version: None, answers }
}
