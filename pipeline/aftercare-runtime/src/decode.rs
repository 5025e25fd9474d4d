//! From the wire into the words of the domain: what an identified record says.

use std::collections::BTreeSet;

use aftercare_core::facts::{
    self, ActionFact, Answer, Body, ClinicalFact, CommerceFact, EnrolmentFact, FormFact, InputKind,
    PayerPart, RecordHead, SessionFact, UploadFact, VerdictFact,
};
use aftercare_core::time::{self, Instant};
use aftercare_schemas::codec::{self, WireError};
use aftercare_schemas::wire;

use crate::input::Input;
use crate::topics::{self, ENROLMENTS, PROM_RESPONSES};

/// A decoded identified record: its head without the digest, its patient, its content.
pub(crate) struct Decoded<'a> {
    pub(crate) head: RecordHead<'a>,
    pub(crate) patient_id: &'a str,
    pub(crate) body: Body<'a>,
}

impl Decoded<'_> {
    /// Whether it names itself and a patient.
    pub(crate) fn is_named(&self) -> bool {
        !self.patient_id.is_empty() && !self.head.id.is_empty()
    }

    /// Bytes of the texts that the state would keep. (Of forms it keeps numbers only.)
    pub(crate) fn kept_bytes(&self) -> usize {
        let of_body = match &self.body {
            Body::Upload(upload) => upload.episode_id.map_or(0, str::len) + upload.respondent.len(),
            Body::Enrolment(fact) => enrolment_bytes(fact),
            Body::Clinical(fact) => {
                texts(&[fact.episode_id, fact.code, fact.result, fact.related_id, fact.provider])
            }
            Body::Commerce(fact) => {
                texts(&[fact.episode_id, fact.purchase_id, fact.item, fact.buyer_id, fact.actor_id])
            }
            Body::Action(fact) => {
                texts(&[Some(fact.alert_id), Some(fact.actor_id), fact.assignee_id, fact.outcome])
            }
            Body::Verdict(fact) => {
                texts(&[Some(fact.clinician_id), fact.episode_id, fact.upload_id, Some(fact.rule)])
            }
            Body::Event => 0,
        };
        self.patient_id.len() + self.head.id.len() + of_body
    }
}

fn texts(all: &[Option<&str>]) -> usize {
    all.iter().flatten().map(|text| text.len()).sum()
}

fn enrolment_bytes(fact: &EnrolmentFact<'_>) -> usize {
    let texts = [
        fact.procedure,
        fact.device,
        fact.manufacturer,
        fact.sex,
        fact.organisation,
        fact.care_team,
        fact.clinician_id,
        fact.plan,
        fact.contract,
        fact.time_zone,
        fact.episode_status,
    ];
    let codes = fact.comorbidities.iter().flatten().map(|code| code.len() + 1);
    fact.episode_id.len()
        + texts.iter().flatten().map(|text| text.len()).sum::<usize>()
        + codes.sum::<usize>()
}

/// Reads the record and writes it again, in our newest schema, to `canonical`: equal content gives equal bytes
/// whatever client wrote it.
pub(crate) fn decode<'a>(
    input: &Input<'a>,
    kind: InputKind,
    canonical: &mut Vec<u8>,
) -> Result<Decoded<'a>, WireError> {
    let header = input.schema_header();
    let (subject, header) = (topics::name(input.topic), header.as_deref());
    match input.topic {
        ENROLMENTS => {
            let wire: wire::Enrolment<'a> = codec::decode(subject, input.value, header)?;
            canonicalise("enrolments", &wire, canonical)?;
            let head = head(kind, wire.id, wire.revision, wire.status, wire.source, wire.effective_at);
            Ok(Decoded { head, patient_id: wire.patient_id, body: Body::Enrolment(enrolment(wire)) })
        }
        PROM_RESPONSES => {
            let wire: wire::PromResponse<'a> = codec::decode(subject, input.value, header)?;
            canonicalise("prom-responses", &wire, canonical)?;
            let head = head(kind, wire.id, wire.revision, wire.status, wire.source, wire.answered_at);
            Ok(Decoded { head, patient_id: wire.patient_id, body: Body::Upload(upload(wire)) })
        }
        _ => event(input, kind, header, canonical),
    }
}

/// A decoded session of a clinician: its head without the digest, whose it is, its content.
pub(crate) struct DecodedSession<'a> {
    pub(crate) head: RecordHead<'a>,
    pub(crate) clinician_id: &'a str,
    pub(crate) fact: SessionFact<'a>,
}

impl DecodedSession<'_> {
    /// Bytes of the texts that the state would keep.
    pub(crate) fn kept_bytes(&self) -> usize {
        let own = [self.head.id, self.clinician_id, self.fact.patient_id].map(Some);
        texts(&own) + texts(&[self.fact.episode_id, self.fact.upload_id])
    }
}

/// As [`decode`], for a session of a clinician.
pub(crate) fn decode_session<'a>(
    input: &Input<'a>,
    canonical: &mut Vec<u8>,
) -> Result<DecodedSession<'a>, WireError> {
    let subject = topics::name(input.topic);
    let wire: wire::ClinicianActivity<'a> =
        codec::decode(subject, input.value, input.schema_header().as_deref())?;
    canonicalise("clinician-activity", &wire, canonical)?;
    let kind = InputKind::ClinicianActivity;
    let head = head(kind, wire.id, wire.revision, wire.status, wire.source, wire.happened_at);
    let sections: BTreeSet<&str> = wire.sections_read.iter().copied().collect();
    let fact = SessionFact {
        patient_id: wire.patient_id,
        episode_id: wire.episode_id,
        upload_id: wire.upload_id,
        ended_at: wire.ended_at.map(Instant),
        interactions: wire.interactions,
        sections_read: i32::try_from(sections.len()).unwrap_or(i32::MAX),
    };
    Ok(DecodedSession { head, clinician_id: wire.clinician_id, fact })
}

/// As [`decode`], for what happened around a patient.
fn event<'a>(
    input: &Input<'a>,
    kind: InputKind,
    header: Option<&[u8]>,
    canonical: &mut Vec<u8>,
) -> Result<Decoded<'a>, WireError> {
    macro_rules! event {
        ($subject:literal $type:ident $content:expr) => {{
            let wire: wire::$type<'a> = codec::decode($subject, input.value, header)?;
            canonicalise($subject, &wire, canonical)?;
            let head = head(kind, wire.id, wire.revision, wire.status, wire.source, wire.happened_at);
            Ok(Decoded { head, patient_id: wire.patient_id, body: $content(wire) })
        }};
    }
    match kind {
        InputKind::CommerceEvent => event!("commerce-events" CommerceEvent commerce),
        InputKind::AlertAction => event!("alert-actions" AlertAction action),
        InputKind::SessionVerdict => event!("session-verdicts" SessionVerdict verdict),
        _ => event!("clinical-events" ClinicalEvent clinical),
    }
}

fn canonicalise<T: serde::Serialize>(
    subject: &'static str,
    wire: &T,
    canonical: &mut Vec<u8>,
) -> Result<(), WireError> {
    let written = codec::encode(subject, wire, canonical);
    written
        .map_err(|_may_quote_a_value| WireError::Invalid("the record can't be written in the newest schema"))
}

fn head(
    kind: InputKind,
    id: &str,
    revision: i32,
    status: wire::RecordStatus,
    source: wire::Source,
    event_at: i64,
) -> RecordHead<'_> {
    let status = match status {
        wire::RecordStatus::Final => facts::RecordStatus::Final,
        wire::RecordStatus::Amended => facts::RecordStatus::Amended,
        wire::RecordStatus::EnteredInError => facts::RecordStatus::EnteredInError,
    };
    let source = match source {
        wire::Source::Live => facts::Source::Live,
        wire::Source::Import => facts::Source::Import,
        wire::Source::Simulated => facts::Source::Simulated,
    };
    RecordHead { kind, id, revision, status, source, event_at: Instant(event_at), digest: 0, retry: false }
}

fn enrolment(wire: wire::Enrolment<'_>) -> EnrolmentFact<'_> {
    EnrolmentFact {
        episode_id: wire.episode_id,
        recorded_at: Instant(wire.recorded_at),
        effective_at: Instant(wire.effective_at),
        procedure: wire.procedure,
        treated_at: wire.treated_at.map(time::Instant),
        device: wire.device,
        manufacturer: wire.manufacturer,
        birth_year: wire.birth_year,
        sex: wire.sex,
        comorbidities: wire.comorbidities,
        organisation: wire.organisation,
        care_team: wire.care_team,
        clinician_id: wire.clinician_id,
        plan: wire.plan,
        contract: wire.contract,
        vip: wire.vip,
        self_pay_consent: wire.self_pay_consent,
        spo2_scale: wire.spo2_scale,
        time_zone: wire.time_zone,
        episode_status: wire.episode_status,
    }
}

fn upload(wire: wire::PromResponse<'_>) -> UploadFact<'_> {
    UploadFact {
        episode_id: wire.episode_id,
        answered_at: Instant(wire.answered_at),
        uploaded_at: Instant(wire.uploaded_at),
        respondent: wire.respondent,
        forms: wire
            .forms
            .into_iter()
            .map(|form| FormFact {
                instrument: form.instrument,
                instrument_version: form.instrument_version,
                answers: form.answers.iter().map(|a| Answer { item: a.item, code: a.code }).collect(),
            })
            .collect(),
    }
}

fn clinical(wire: wire::ClinicalEvent<'_>) -> Body<'_> {
    Body::Clinical(ClinicalFact {
        episode_id: wire.episode_id,
        ended_at: wire.ended_at.map(Instant),
        kind: wire.kind.as_str(),
        coding: wire.coding,
        code: wire.code,
        result: wire.result,
        value: wire.value,
        unit: wire.unit,
        comparator: wire.comparator,
        related_id: wire.related_id,
        provider: wire.provider,
        amount_minor: wire.amount_minor,
        currency: wire.currency,
        cost_category: wire.cost_category,
        cost_nature: wire.cost_nature,
        payers: wire.payers.into_iter().map(payer).collect(),
    })
}

fn payer(wire: wire::PayerPart<'_>) -> PayerPart<'_> {
    PayerPart { payer_kind: wire.payer_kind, payer: wire.payer, amount_minor: wire.amount_minor }
}

fn commerce(wire: wire::CommerceEvent<'_>) -> Body<'_> {
    Body::Commerce(CommerceFact {
        episode_id: wire.episode_id,
        kind: wire.kind.as_str(),
        purchase_id: wire.purchase_id,
        contract: wire.contract,
        product: wire.product,
        product_version: wire.product_version,
        item: wire.item,
        quantity: wire.quantity,
        buyer_id: wire.buyer_id,
        side: wire.side,
        actor_id: wire.actor_id,
        decision: wire.decision,
        reason: wire.reason,
        amount_minor: wire.amount_minor,
        currency: wire.currency,
        points: wire.points,
    })
}

fn action(wire: wire::AlertAction<'_>) -> Body<'_> {
    Body::Action(ActionFact {
        alert_id: wire.alert_id,
        kind: wire.kind.as_str(),
        actor_id: wire.actor_id,
        actor_role: wire.actor_role,
        assignee_id: wire.assignee_id,
        snoozed_until: wire.snoozed_until.map(Instant),
        outcome: wire.outcome,
    })
}

fn verdict(wire: wire::SessionVerdict<'_>) -> Body<'_> {
    Body::Verdict(VerdictFact {
        clinician_id: wire.clinician_id,
        session_revision: wire.session_revision,
        episode_id: wire.episode_id,
        upload_id: wire.upload_id,
        ended_at: Instant(wire.ended_at),
        service: wire.verdict == wire::Verdict::Service,
        reasons: wire.reasons,
        duration_ms: wire.duration_ms,
        interactions: wire.interactions,
        sections_read: wire.sections_read,
        burst_patients: wire.burst_patients,
        rule: wire.rule,
    })
}
