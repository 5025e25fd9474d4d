//! The load: patients, readings and questionnaires as fast as they can be written, the same bytes in every run.

use aftercare_kafka::writer::RecordWriter;
use aftercare_schemas::codec;
use aftercare_schemas::wire::{self, Metric, RecordStatus, Source};

const DAY_MS: i64 = 86_400_000;

/// Patients of a kind, all treated 200 days before now.
pub(in crate::commands) struct Patients {
    /// What their ids begin with.
    pub(in crate::commands) prefix: &'static str,
    procedure: &'static str,
    plan: &'static str,
}

/// Those who send readings and questionnaires in numbers.
pub(in crate::commands) const MANY: Patients =
    Patients { prefix: "bench-", procedure: "coronary-stent", plan: "coronary-stent" };
/// Those of whom each sends one questionnaire that can't wait.
pub(in crate::commands) const PROBES: Patients =
    Patients { prefix: "probe-", procedure: "kidney-transplant", plan: "kidney-transplant" };

impl Patients {
    pub(in crate::commands) fn id(&self, number: u64) -> String {
        format!("{}{number:08}", self.prefix)
    }
}

/// Enrols every patient.
pub(in crate::commands) fn enrol(
    writer: &RecordWriter,
    who: &Patients,
    patients: u64,
    now: i64,
) -> anyhow::Result<()> {
    let mut value = Vec::new();
    for number in 0..patients {
        let patient = who.id(number);
        let treated_at = now - 200 * DAY_MS;
        value.clear();
        codec::encode(
            "enrolments",
            &wire::Enrolment {
                id: &patient,
                status: RecordStatus::Final,
                source: Source::Simulated,
                patient_id: &patient,
                episode_id: &patient,
                recorded_at: treated_at,
                effective_at: treated_at,
                procedure: Some(who.procedure),
                treated_at: Some(treated_at),
                birth_year: Some(1960),
                organisation: Some("bench"),
                plan: Some(who.plan),
                time_zone: Some("Asia/Shanghai"),
                ..wire::Enrolment::default()
            },
            &mut value,
        )?;
        writer.write("enrolments", patient.as_bytes(), &value, &[])?;
    }
    writer.flush()?;
    Ok(())
}

/// Writes heart rates, one every `every_ms` per patient, `batch` in one upload, patients in turn; the last lies before
/// `now`.
pub(super) struct Readings {
    pub(super) patients: u64,
    pub(super) batch: u64,
    every_ms: i64,
    first_at: i64,
    value: Vec<u8>,
}

impl Readings {
    pub(super) fn new(patients: u64, batch: u64, readings: u64, every_ms: i64, now: i64) -> Self {
        let each = i64::try_from(readings.div_ceil(patients)).unwrap_or(i64::MAX / DAY_MS);
        Self { patients, batch, every_ms, first_at: now - (each + 2) * every_ms, value: Vec::new() }
    }

    /// Writes the upload of that number; returns how many readings it holds.
    pub(super) fn write(&mut self, writer: &RecordWriter, upload: u64) -> anyhow::Result<u64> {
        let patient = MANY.id(upload % self.patients);
        let first = i64::try_from(upload / self.patients * self.batch)?;
        let reading = |i: u64| {
            let nth = first + i64::try_from(i).unwrap_or(0);
            wire::Reading {
                metric: Metric::HeartRate,
                value: f64::from(u32::try_from((upload * 7 + i * 13) % 60).unwrap_or(0)) + 50.0,
                unit: "/min",
                measured_at: self.first_at + nth * self.every_ms,
            }
        };
        let upload = wire::WearableUpload {
            patient_id: &patient,
            device_id: "watch",
            source: Source::Simulated,
            readings: (0..self.batch).map(reading).collect(),
        };
        self.value.clear();
        codec::encode("wearable-readings", &upload, &mut self.value)?;
        writer.write("wearable-readings", patient.as_bytes(), &self.value, &[])?;
        Ok(self.batch)
    }
}

/// Writes the questionnaire upload of that number: SAQ-7, EQ-5D-5L, PHQ-2 and Rose Dyspnea, every two weeks.
pub(in crate::commands) fn respond(
    writer: &RecordWriter,
    patients: u64,
    number: u64,
    now: i64,
    value: &mut Vec<u8>,
) -> anyhow::Result<()> {
    let patient = MANY.id(number % patients);
    let id = format!("{number:012}");
    // The first upload of each patient is the baseline, ten days before the treatment.
    let nth = i64::try_from(number / patients)?;
    let answered_at = now - 210 * DAY_MS + nth * 14 * DAY_MS % (205 * DAY_MS) + i64::try_from(number % 1000)?;
    let level = |i: u64, levels: u64| Some(1 + i32::try_from((number * 31 + i * 17) % levels).unwrap_or(0));
    let answers = |items: &[&'static str], levels: u64, from: i32| {
        let code = |i: usize| level(i as u64, levels).map(|l| l - 1 + from);
        items.iter().enumerate().map(|(i, item)| wire::Answer { item, code: code(i) }).collect()
    };
    let form = |instrument, answers| wire::Form { instrument, instrument_version: None, answers };
    let upload = wire::PromResponse {
        id: &id,
        revision: 1,
        status: RecordStatus::Final,
        source: Source::Simulated,
        patient_id: &patient,
        episode_id: None,
        answered_at,
        uploaded_at: answered_at,
        respondent: "patient",
        forms: vec![
            form("saq-7", answers(&["pl_a", "pl_b", "pl_c", "af_2", "af_3", "ql_4", "ql_5"], 5, 1)),
            form("eq-5d-5l", answers(&["mo", "sc", "ua", "pd", "ad"], 5, 1)),
            form("phq-2", answers(&["phq2_1", "phq2_2"], 4, 0)),
            form("rose-dyspnea", answers(&["rose_1", "rose_2", "rose_3", "rose_4"], 2, 0)),
        ],
    };
    value.clear();
    codec::encode("prom-responses", &upload, value)?;
    Ok(writer.write("prom-responses", patient.as_bytes(), value, &[])?)
}

/// Writes the one questionnaire of a probe: a PHQ-9 whose ninth answer can't wait. The upload's id is the number.
pub(in crate::commands) fn crisis(
    writer: &RecordWriter,
    number: u64,
    now: i64,
    value: &mut Vec<u8>,
) -> anyhow::Result<()> {
    let (patient, id) = (PROBES.id(number), format!("{number:012}"));
    let items = ["phq9_1", "phq9_2", "phq9_3", "phq9_4", "phq9_5", "phq9_6", "phq9_7", "phq9_8", "phq9_9"];
    let answers = items.map(|item| wire::Answer { item, code: Some(i32::from(item == "phq9_9")) }).into();
    let upload = wire::PromResponse {
        id: &id,
        revision: 1,
        status: RecordStatus::Final,
        source: Source::Simulated,
        patient_id: &patient,
        episode_id: None,
        answered_at: now,
        uploaded_at: now,
        respondent: "patient",
        forms: vec![wire::Form { instrument: "phq-9", instrument_version: None, answers }],
    };
    value.clear();
    codec::encode("prom-responses", &upload, value)?;
    Ok(writer.write("prom-responses", patient.as_bytes(), value, &[])?)
}

/// The number of the probe whose upload caused this alert; `None` for alerts of others.
pub(in crate::commands) fn probe_of(alert: &wire::Alert<'_>) -> Option<u64> {
    alert.patient_id.strip_prefix(PROBES.prefix)?.parse().ok()
}

/// A person resolves the alert: nothing was to be done.
pub(in crate::commands) fn resolve(
    writer: &RecordWriter,
    alert: &wire::Alert<'_>,
    now: i64,
) -> anyhow::Result<()> {
    let (id, mut value) = (format!("{}/resolve", alert.alert_id), Vec::new());
    let action = wire::AlertAction {
        id: &id,
        revision: 1,
        status: RecordStatus::Final,
        source: Source::Simulated,
        patient_id: alert.patient_id,
        happened_at: now,
        alert_id: alert.alert_id,
        kind: wire::AlertActionKind::Resolve,
        actor_id: "probe",
        actor_role: "care_manager",
        assignee_id: None,
        snoozed_until: None,
        outcome: Some("no_action"),
        note: None,
    };
    codec::encode("alert-actions", &action, &mut value)?;
    Ok(writer.write("alert-actions", alert.patient_id.as_bytes(), &value, &[])?)
}
