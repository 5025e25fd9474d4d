//! The reference against the pipeline's rules: the patient's state machine, driven record by record in several orders,
//! must end where the reference ends that sees all records at once.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::collections::BTreeMap;

use aftercare_core::curve::Curves;
use aftercare_core::documents::Library;
use aftercare_core::facts::{self, Answer, Body, EnrolmentFact, FormFact, InputKind, RecordHead, UploadFact};
use aftercare_core::patient::{Changes, Judges, Patient, Verdict};
use aftercare_core::time::Instant;
use aftercare_schemas::codec;
use aftercare_schemas::wire::{self, ClinicalEvent, CommerceEvent, Enrolment, PromResponse};
use aftercare_sim::actual::Actual;
use aftercare_sim::invariants::{self, Violation};
use aftercare_sim::reference::{Limits, Reference};
use aftercare_sim::rng::Rng;
use aftercare_sim::world::{Settings, SimRecord, World};

/// Just enough of a pipeline to drive the rules: no topics, no partitions, no transactions.
#[derive(Default)]
struct Drive {
    patients: BTreeMap<String, (Patient, Vec<SimRecord>)>,
    actual: Actual,
    version: u64,
}

impl Drive {
    fn take(&mut self, record: &SimRecord, retry: bool, library: &Library) {
        let patient = match record.topic {
            "enrolments" => {
                let Ok(r) = codec::decode::<Enrolment>(record.topic, Some(&record.value), None) else {
                    return self.undecodable(record);
                };
                let head = head(InputKind::Enrolment, r.id, r.revision, r.status, r.effective_at, &r, retry);
                let patient = r.patient_id.to_owned();
                self.offer(record, &patient, &head, &Body::Enrolment(enrolment(&r)), library);
                patient
            }
            "prom-responses" => {
                let decoded = codec::decode::<PromResponse>(record.topic, Some(&record.value), None);
                let Some(r) = decoded.ok().filter(|r| !r.id.is_empty()) else {
                    return self.undecodable(record);
                };
                let head =
                    head(InputKind::PromResponse, r.id, r.revision, r.status, r.answered_at, &r, retry);
                let patient = r.patient_id.to_owned();
                self.offer(record, &patient, &head, &Body::Upload(upload(&r)), library);
                patient
            }
            "clinical-events" => {
                let r: ClinicalEvent = codec::decode(record.topic, Some(&record.value), None).unwrap();
                let head =
                    head(InputKind::ClinicalEvent, r.id, r.revision, r.status, r.happened_at, &r, retry);
                let patient = r.patient_id.to_owned();
                self.offer(record, &patient, &head, &Body::Event, library);
                patient
            }
            "commerce-events" => {
                let r: CommerceEvent = codec::decode(record.topic, Some(&record.value), None).unwrap();
                let head =
                    head(InputKind::CommerceEvent, r.id, r.revision, r.status, r.happened_at, &r, retry);
                let patient = r.patient_id.to_owned();
                self.offer(record, &patient, &head, &Body::Event, library);
                patient
            }
            _ => return,
        };
        self.issue(&patient, library);
        if record.topic == "enrolments" {
            let waiting = std::mem::take(&mut self.patients.get_mut(&patient).unwrap().1);
            for held in waiting {
                self.take(&held, true, library);
            }
        }
    }

    fn offer(
        &mut self,
        record: &SimRecord,
        patient: &str,
        head: &RecordHead,
        body: &Body,
        library: &Library,
    ) {
        let (state, held) = self.patients.entry(patient.to_owned()).or_default();
        if state.offer(head, body, Instant(record.at), library) == Verdict::Hold {
            held.push(record.clone());
        }
    }

    fn undecodable(&mut self, record: &SimRecord) {
        let reason = match record.topic {
            "enrolments" => codec::decode::<Enrolment>(record.topic, Some(&record.value), None).err(),
            _ => codec::decode::<PromResponse>(record.topic, Some(&record.value), None).err(),
        };
        self.version += 1;
        self.actual.add_dead_letter(&wire::DeadLetter {
            version: self.version,
            topic: record.topic,
            partition: 0,
            offset: i64::try_from(self.version).unwrap(),
            record_at: record.at,
            stage: "DESERIALIZE",
            reason: reason.map_or("missing_id", |e| e.reason()),
            message: "",
            receipt: false,
            key_bytes: 0,
            value_bytes: 0,
            stored_at: record.at,
        });
    }

    fn issue(&mut self, patient_id: &str, library: &Library) {
        let mut changes = Changes::default();
        let curves = Curves::default();
        let judges = Judges { library, curves: &curves, partition: 0, last_sequence: self.version };
        self.patients.get_mut(patient_id).unwrap().0.changes(&judges, &mut changes);
        for r in &changes.receipts {
            self.version += 1;
            let who = r.attribution.borrow();
            self.actual.add_receipt(&wire::Receipt {
                version: self.version,
                topic: r.kind.topic(),
                id: &r.id,
                revision: r.revision,
                patient_id,
                outcome: r.outcome,
                reason: r.reason,
                copies: r.copies,
                duplicates: r.duplicates,
                conflicts: r.conflicts,
                stored_at: r.stored_at.0,
                organisation: who.organisation,
                care_team: who.care_team,
                clinician_id: who.clinician_id,
                manufacturer: who.manufacturer,
                procedure: who.procedure,
                source: r.source.as_str(),
            });
        }
        for s in &changes.scores {
            self.version += 1;
            let who = s.attribution.borrow();
            self.actual.add_score(&wire::Score {
                version: self.version,
                score_id: &s.score_id(),
                episode_id: &s.episode_id,
                patient_id,
                upload_id: &s.upload_id,
                upload_revision: s.upload_revision,
                instrument: &s.instrument,
                instrument_version: s.instrument_version,
                value_set: &s.value_set,
                status: s.status.as_str(),
                reason: s.reason,
                answered_at: s.answered_at.0,
                uploaded_at: s.uploaded_at.0,
                stored_at: s.stored_at.0,
                days_since_treatment: s.days_since_treatment,
                respondent: &s.respondent,
                score: s.score,
                scales: s.scales.iter().map(|(name, value)| wire::Scale { name, value: *value }).collect(),
                baseline: s.baseline,
                baseline_upload_id: s.baseline_upload_id.as_deref(),
                index: s.index,
                index_rule: s.index_rule,
                change_mcid: s.change_mcid,
                ewma: s.ewma,
                mean_28d: s.mean_28d,
                slope_56d: s.slope_56d,
                uploads_done: s.uploads_done,
                uploads_due: s.uploads_due,
                expected: None,
                curve_edition: None,
                organisation: who.organisation,
                care_team: who.care_team,
                clinician_id: who.clinician_id,
                manufacturer: who.manufacturer,
                procedure: who.procedure,
                source: s.source.as_str(),
                expected_sd: None,
                expected_n: None,
                cohort: None,
                forecast: None,
                forecast_sd: None,
                level: s.level,
                change_errors: s.change_errors,
                trend_errors: s.trend_errors,
            });
        }
    }
}

fn head<'a, T: serde::Serialize>(
    kind: InputKind,
    id: &'a str,
    revision: i32,
    status: wire::RecordStatus,
    event_at: i64,
    record: &T,
    retry: bool,
) -> RecordHead<'a> {
    let mut bytes = Vec::new();
    codec::encode(kind.topic(), record, &mut bytes).unwrap();
    let fold = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3);
    let status = match status {
        wire::RecordStatus::Final => facts::RecordStatus::Final,
        wire::RecordStatus::Amended => facts::RecordStatus::Amended,
        wire::RecordStatus::EnteredInError => facts::RecordStatus::EnteredInError,
    };
    let (source, digest) = (facts::Source::Simulated, bytes.iter().fold(0xcbf2_9ce4_8422_2325, fold));
    RecordHead { kind, id, revision, status, source, event_at: Instant(event_at), digest, retry }
}

fn enrolment<'a>(r: &Enrolment<'a>) -> EnrolmentFact<'a> {
    EnrolmentFact {
        episode_id: r.episode_id,
        recorded_at: Instant(r.recorded_at),
        effective_at: Instant(r.effective_at),
        procedure: r.procedure,
        treated_at: r.treated_at.map(Instant),
        device: r.device,
        manufacturer: r.manufacturer,
        birth_year: r.birth_year,
        sex: r.sex,
        comorbidities: r.comorbidities.clone(),
        organisation: r.organisation,
        care_team: r.care_team,
        clinician_id: r.clinician_id,
        plan: r.plan,
        contract: r.contract,
        vip: r.vip,
        self_pay_consent: r.self_pay_consent,
        spo2_scale: r.spo2_scale,
        time_zone: r.time_zone,
        episode_status: r.episode_status,
    }
}

fn upload<'a>(r: &PromResponse<'a>) -> UploadFact<'a> {
    let form = |form: &wire::Form<'a>| FormFact {
        instrument: form.instrument,
        instrument_version: form.instrument_version,
        answers: form.answers.iter().map(|a| Answer { item: a.item, code: a.code }).collect(),
    };
    UploadFact {
        episode_id: r.episode_id,
        answered_at: Instant(r.answered_at),
        uploaded_at: Instant(r.uploaded_at),
        respondent: r.respondent,
        forms: r.forms.iter().map(form).collect(),
    }
}

fn world(seed: u64) -> Vec<SimRecord> {
    let settings =
        Settings { seed, patients: 50, wearers_permille: 0, bad_records: 2, ..Settings::default() };
    World::new(settings).collect()
}

/// What the rules make of the records in this order, and what the reference makes of them.
fn violations(records: &[SimRecord]) -> Vec<Violation> {
    let library = Library::builtin();
    let mut drive = Drive::default();
    // The drive holds nothing back for its time, so neither must the reference.
    let mut reference = Reference::new(Limits::default());
    for record in records {
        drive.take(record, false, &library);
        reference.add(record.topic, &record.key, Some(&record.value), None);
    }
    let expected = reference.finish(&library);
    assert!(expected.scores.len() > 2000, "{}", expected.scores.len());
    invariants::check_all(&expected, &drive.actual)
}

fn assert_none(violations: &[Violation]) {
    let first: Vec<String> = violations.iter().take(10).map(|v| format!("{v:#}")).collect();
    assert!(violations.is_empty(), "{} violations: {first:#?}", violations.len());
}

fn shuffled(records: &[SimRecord], seed: u64) -> Vec<SimRecord> {
    let mut rng = Rng::new(seed, &[]);
    let mut keyed: Vec<(u64, &SimRecord)> =
        records.iter().filter(|r| r.topic != "wearable-readings").map(|r| (rng.bits(), r)).collect();
    keyed.sort_by_key(|(key, _)| *key);
    keyed.into_iter().map(|(_, record)| record.clone()).collect()
}

fn without_readings(seed: u64) -> Vec<SimRecord> {
    world(seed).into_iter().filter(|r| r.topic != "wearable-readings").collect()
}

#[test]
fn in_order_of_arrival() {
    for seed in 1..=3 {
        assert_none(&violations(&without_readings(seed)));
    }
}

#[test]
fn in_any_order() {
    for seed in 4..=8 {
        assert_none(&violations(&shuffled(&world(seed), seed)));
    }
}

#[test]
fn everything_twice() {
    let records = without_readings(9);
    let twice: Vec<SimRecord> = records.iter().chain(&records).cloned().collect();
    assert_none(&violations(&twice));
}

#[test]
fn a_lost_record_is_found() {
    let records = without_readings(10);
    let library = Library::builtin();
    let (mut drive, mut reference) = (Drive::default(), Reference::default());
    let lost = records.iter().rposition(|r| r.topic == "prom-responses").unwrap();
    for (n, record) in records.iter().enumerate() {
        reference.add(record.topic, &record.key, Some(&record.value), None);
        if n != lost {
            drive.take(record, false, &library);
        }
    }
    let found = invariants::check_all(&reference.finish(&library), &drive.actual);
    let names: Vec<&str> = found.iter().map(|v| v.invariant).collect();
    assert!(names.contains(&invariants::EVERY_RECORD_HAS_ONE_OUTCOME), "{found:?}");
}
