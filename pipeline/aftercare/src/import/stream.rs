//! Streams: the records that one line of the file becomes.

use std::collections::BTreeMap;

use aftercare_schemas::codec;
use aftercare_schemas::wire::{Answer, Enrolment, Form, PromResponse, RecordStatus, Source};
use serde::Deserialize;
use serde::Serialize;

use super::expression::{Condition, Expression, Line, RawCondition, Refusal};
use super::fields::{ENROLMENT, Fields, PROM, WEARABLE};
use super::mapping::{Compiler, Problem};
use super::reading::{Reading, ReadingFields};
use super::template::Template;

/// A stream as written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawStream {
    topic: String,
    /// Only lines that meet all of these feed the stream.
    #[serde(default)]
    when: Vec<RawCondition>,
    /// A template: the first line with each text feeds the stream, the others don't.
    once_per: Option<String>,
    fields: BTreeMap<String, toml::Value>,
    #[serde(default)]
    form: Vec<RawForm>,
    /// Readings per upload, at most; consecutive lines of one patient and device share one.
    pack: Option<usize>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawForm {
    instrument: String,
    version: Option<i32>,
    answers: BTreeMap<String, toml::Value>,
}

/// A checked stream.
pub(super) struct Stream {
    pub(super) topic: &'static str,
    when: Vec<Condition>,
    pub(super) once_per: Option<Template>,
    body: Body,
}

enum Body {
    Enrolment(Fields),
    Prom(Fields, Vec<FormSpec>),
    Wearable(ReadingFields),
}

struct FormSpec {
    instrument: String,
    version: Option<i32>,
    answers: Vec<(String, Expression)>,
}

/// What one line gives to one stream.
pub(super) enum Piece {
    /// A record ready to write, and how many forms it carries.
    Record { patient_id: String, value: Vec<u8>, forms: u64 },
    /// A reading, to be packed into an upload with its neighbours.
    Reading(Reading),
}

const PACK_MAX: usize = 10_000;

impl Stream {
    pub(super) fn compile(raw: RawStream, place: &str, c: &mut Compiler) -> Option<Self> {
        let (topic, known) = match raw.topic.as_str() {
            "enrolments" => ("enrolments", ENROLMENT),
            "prom-responses" => ("prom-responses", PROM),
            "wearable-readings" => ("wearable-readings", WEARABLE),
            _ => {
                c.problem(place, "`topic` must be enrolments, prom-responses or wearable-readings");
                return None;
            }
        };
        if (topic == "prom-responses") == raw.form.is_empty() {
            c.problem(place, "`form` belongs to prom-responses, which needs at least one");
        }
        if raw.pack.is_some_and(|n| topic != "wearable-readings" || n == 0 || n > PACK_MAX) {
            c.problem(place, format!("`pack` belongs to wearable-readings, from 1 to {PACK_MAX}"));
        }
        let once_per = raw.once_per.and_then(|text| match Template::parse(&text, &mut c.names, place) {
            Ok(template) => Some(template),
            Err(what) => {
                c.problem(place, format!("`once_per`: {what}"));
                None
            }
        });
        let mut when = Vec::new();
        for (n, condition) in raw.when.into_iter().enumerate() {
            when.extend(Condition::compile(condition, &format!("{place}.when[{n}]"), c));
        }
        let fields = Fields::compile(raw.fields, known, place, c);
        let body = match topic {
            "enrolments" => Body::Enrolment(fields),
            "prom-responses" => Body::Prom(fields, FormSpec::compile(raw.form, place, c)),
            _ => Body::Wearable(ReadingFields { fields, pack: raw.pack.unwrap_or(1) }),
        };
        Some(Self { topic, when, once_per, body })
    }

    /// Whether the line feeds this stream.
    pub(super) fn takes(&self, line: &Line) -> Result<bool, Refusal> {
        for condition in &self.when {
            if !condition.holds(line)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// What the line gives.
    pub(super) fn piece(&self, line: &Line) -> Result<Piece, Refusal> {
        match &self.body {
            Body::Enrolment(fields) => enrolment(fields, line),
            Body::Prom(fields, forms) => prom(fields, forms, line),
            Body::Wearable(readings) => Ok(Piece::Reading(readings.reading(line)?)),
        }
    }

    /// Readings per upload.
    pub(super) fn pack(&self) -> usize {
        match &self.body {
            Body::Wearable(readings) => readings.pack,
            _ => 1,
        }
    }
}

impl FormSpec {
    fn compile(raw: Vec<RawForm>, place: &str, c: &mut Compiler) -> Vec<Self> {
        let mut forms = Vec::new();
        for (n, form) in raw.into_iter().enumerate() {
            let place = format!("{place}.form[{n}]");
            if form.answers.is_empty() {
                c.problem(&place, "a form without answers says nothing");
            }
            let mut answers = Vec::new();
            for (item, value) in form.answers {
                let expression = c.expression(&format!("{place}.answers.{item}"), value);
                answers.extend(expression.map(|e| (item, e)));
            }
            forms.push(Self { instrument: form.instrument, version: form.version, answers });
        }
        forms
    }
}

fn framed<T: Serialize>(topic: &'static str, record: &T) -> Result<Vec<u8>, Refusal> {
    let mut value = Vec::new();
    match codec::encode(topic, record, &mut value) {
        Ok(()) => Ok(value),
        Err(_) => {
            Err(Problem { place: topic.to_owned(), what: "the record does not fit its schema".to_owned() })
        }
    }
}

fn enrolment(f: &Fields, line: &Line) -> Result<Piece, Refusal> {
    let (id, patient_id, episode_id) =
        (f.id("id", line)?, f.id("patient_id", line)?, f.id("episode_id", line)?);
    let recorded_at = f.needed("recorded_at", f.millis("recorded_at", line)?)?;
    let comorbidities = f.text("comorbidities", line)?;
    let text = |name: &str| f.text(name, line);
    let (procedure, device, manufacturer) = (text("procedure")?, text("device")?, text("manufacturer")?);
    let (sex, organisation, care_team) = (text("sex")?, text("organisation")?, text("care_team")?);
    let (clinician_id, plan, contract) = (text("clinician_id")?, text("plan")?, text("contract")?);
    let (time_zone, episode_status) = (text("time_zone")?, text("episode_status")?);
    let record = Enrolment {
        id: &id,
        revision: f.integer("revision", line)?.unwrap_or(1),
        status: RecordStatus::Final,
        source: Source::Import,
        patient_id: &patient_id,
        episode_id: &episode_id,
        recorded_at,
        effective_at: f.millis("effective_at", line)?.unwrap_or(recorded_at),
        procedure: procedure.as_deref(),
        treated_at: f.millis("treated_at", line)?,
        device: device.as_deref(),
        manufacturer: manufacturer.as_deref(),
        birth_year: f.integer("birth_year", line)?,
        sex: sex.as_deref(),
        comorbidities: comorbidities.as_deref().map(|codes| codes.split_whitespace().collect()),
        organisation: organisation.as_deref(),
        care_team: care_team.as_deref(),
        clinician_id: clinician_id.as_deref(),
        plan: plan.as_deref(),
        contract: contract.as_deref(),
        vip: f.truth("vip", line)?,
        self_pay_consent: f.truth("self_pay_consent", line)?,
        spo2_scale: f.integer("spo2_scale", line)?,
        time_zone: time_zone.as_deref(),
        episode_status: episode_status.as_deref(),
    };
    let value = framed("enrolments", &record)?;
    Ok(Piece::Record { patient_id, value, forms: 0 })
}

fn prom(f: &Fields, specs: &[FormSpec], line: &Line) -> Result<Piece, Refusal> {
    let (id, patient_id) = (f.id("id", line)?, f.id("patient_id", line)?);
    let episode_id = f.text("episode_id", line)?;
    let answered_at = f.needed("answered_at", f.millis("answered_at", line)?)?;
    let respondent = f.text("respondent", line)?;
    let mut forms = Vec::with_capacity(specs.len());
    for spec in specs {
        let mut answers = Vec::with_capacity(spec.answers.len());
        for (item, expression) in &spec.answers {
            answers.push(Answer { item, code: expression.integer(line)? });
        }
        forms.push(Form { instrument: &spec.instrument, instrument_version: spec.version, answers });
    }
    let record = PromResponse {
        id: &id,
        revision: f.integer("revision", line)?.unwrap_or(1),
        status: RecordStatus::Final,
        source: Source::Import,
        patient_id: &patient_id,
        episode_id: episode_id.as_deref(),
        answered_at,
        uploaded_at: f.millis("uploaded_at", line)?.unwrap_or(answered_at),
        respondent: respondent.as_deref().unwrap_or("patient"),
        forms,
    };
    let value = framed("prom-responses", &record)?;
    let forms = record.forms.len() as u64;
    Ok(Piece::Record { patient_id, value, forms })
}
