//! What one line says, in the words of the domain: the fields of the input streams, and scores that are given.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use aftercare_core::contract::LedgerBook;
use aftercare_core::documents::Library;
use aftercare_core::facts::{
    Answer, Body, ClinicalFact, CommerceFact, EnrolmentFact, FormFact, InputKind, PayerPart, RecordHead,
    RecordStatus, SessionFact, Source, UploadFact, VerdictFact,
};
use aftercare_core::metric::Metric;
use aftercare_core::month::Month;
use aftercare_core::reason::Reason;
use aftercare_core::time::Instant;
use aftercare_core::window::Micros;
use aftercare_core::zone::Zone;
use aftercare_schemas::wire;

use super::fields::{Fields, Found, digest};
use super::json::Object;

/// For which contract a file is read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct For<'c> {
    /// Its id; facts that name no contract are meant for it.
    pub(crate) contract: &'c str,
    /// The contract that the file names where it means this one.
    pub(crate) named: &'c str,
    /// In which its days run.
    pub(crate) zone: &'c Zone,
    /// By which readings are admitted.
    pub(crate) library: &'c Library,
}

impl<'c> For<'c> {
    /// The contract that is meant where the file names this one.
    pub(crate) fn contract<'f>(&self, named: &'f str) -> &'f str
    where
        'c: 'f,
    {
        if named == self.named { self.contract } else { named }
    }

    /// The id of the pool that is meant, where a patient id is one.
    pub(crate) fn pool(&self, patient_id: &str) -> Option<String> {
        let (contract, key) = patient_id.strip_prefix("pool:")?.split_once('/')?;
        Some(LedgerBook::pool_id(self.contract(contract), key))
    }
}

/// What one line says.
#[derive(Debug)]
pub(crate) struct Fact<'f> {
    /// When it became known.
    pub(crate) stored_at: Instant,
    /// What.
    pub(crate) says: Says<'f>,
}

/// The kinds of lines.
#[derive(Debug)]
pub(crate) enum Says<'f> {
    /// A record of a patient.
    Record { patient_id: &'f str, head: RecordHead<'f>, body: Box<Body<'f>>, given: Option<Given<'f>> },
    /// A session of a clinician.
    Session { clinician_id: &'f str, head: RecordHead<'f>, fact: SessionFact<'f> },
    /// A reading of a wearable.
    Reading { patient_id: &'f str, reading: Reading<'f> },
    /// A month closes.
    Closing { contract: &'f str, month: Month },
}

/// What is given of an upload, in place of its forms or (expected index) beside them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Given<'f> {
    pub(crate) score: Option<f64>,
    pub(crate) baseline: Option<f64>,
    pub(crate) index: Option<f64>,
    /// Why there is none.
    pub(crate) missing: Option<&'static str>,
    pub(crate) expected: Option<f64>,
    pub(crate) n: Option<u32>,
    pub(crate) edition: Option<&'f str>,
}

/// One reading.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reading<'f> {
    pub(crate) device: &'f str,
    pub(crate) metric: Metric,
    /// In the metric's unit.
    pub(crate) value: Micros,
    pub(crate) measured_at: Instant,
}

/// Why an upload has no index.
const MISSING: [&str; 4] = ["no_baseline", "no_value", "missing_answers", "unsupported_unit"];

const NATURES: [&str; 3] = ["direct_medical", "indirect", "social"];
const SEXES: [&str; 4] = ["female", "male", "other", "unknown"];
const SIDES: [&str; 4] = ["patient", "provider", "staff", "payer"];

static METRICS: LazyLock<Vec<Metric>> = LazyLock::new(|| (1..).map_while(Metric::at).collect());

fn as_it_is(word: &'static str) -> &'static str {
    word
}

/// Reads the fields of a line. `None`: something is wrong, `found` says what.
pub(super) fn read<'f>(object: &'f Object<'_>, reading: &For<'f>, found: &mut Found) -> Option<Fact<'f>> {
    let mut fields = Fields::new(object, reading.zone, found);
    let stream = fields.word("stream", &STREAMS, as_it_is);
    if fields.needed("stream", stream).is_empty() {
        // which fields it may have is not known
        return None;
    }
    let stored_at = fields.needed_time("stored_at");
    let says = match stream? {
        CLOSINGS => closing(&mut fields, reading),
        READINGS => wearable(&mut fields, reading),
        stream => {
            let patient_id = fields.needed_text("patient_id");
            let head = Head::read(&mut fields, digest(object), stored_at);
            match stream {
                ENROLMENTS => enrolment(&mut fields, &head, patient_id, reading),
                PROM_RESPONSES => upload(&mut fields, &head, patient_id),
                ACTIVITY => session(&mut fields, &head, patient_id),
                VERDICTS => verdict(&mut fields, &head, patient_id),
                CLINICAL => clinical(&mut fields, &head, patient_id),
                _ => commerce(&mut fields, &head, patient_id, reading),
            }
        }
    };
    fields.finish().then_some(Fact { stored_at, says })
}

const ENROLMENTS: &str = "enrolments";
const PROM_RESPONSES: &str = "prom-responses";
const ACTIVITY: &str = "clinician-activity";
const VERDICTS: &str = "session-verdicts";
const CLINICAL: &str = "clinical-events";
const COMMERCE: &str = "commerce-events";
const READINGS: &str = "wearable-readings";
const CLOSINGS: &str = "closings";

/// The streams that a file may have.
const STREAMS: [&str; 8] =
    [ENROLMENTS, PROM_RESPONSES, ACTIVITY, VERDICTS, CLINICAL, COMMERCE, READINGS, CLOSINGS];

/// What every record has.
struct Head<'f> {
    id: &'f str,
    revision: i32,
    status: RecordStatus,
    source: Source,
    digest: u64,
    stored_at: Instant,
}

impl<'f> Head<'f> {
    fn read(fields: &mut Fields<'_, 'f, '_>, digest: u64, stored_at: Instant) -> Head<'f> {
        let id = fields.needed_text("id");
        let revision = fields.int("revision").unwrap_or(1);
        if revision < 1 {
            fields.wrong("revision", "is not above 0");
        }
        let statuses = [RecordStatus::Final, RecordStatus::Amended, RecordStatus::EnteredInError];
        let status = fields.word("status", &statuses, status_word).unwrap_or(RecordStatus::Final);
        let sources = [Source::Live, Source::Import, Source::Simulated];
        let source = fields.word("source", &sources, Source::as_str).unwrap_or(Source::Live);
        Head { id, revision, status, source, digest, stored_at }
    }

    fn is_withdrawn(&self) -> bool {
        self.status == RecordStatus::EnteredInError
    }

    fn at(&self, kind: InputKind, event_at: Instant) -> RecordHead<'f> {
        let Head { id, revision, status, source, digest, .. } = *self;
        RecordHead { kind, id, revision, status, source, event_at, digest, retry: false }
    }

    /// When it happened. What withdraws a record need not say it.
    fn happened_at(&self, fields: &mut Fields<'_, 'f, '_>) -> Instant {
        let at = fields.time("happened_at").or(self.is_withdrawn().then_some(self.stored_at));
        fields.needed("happened_at", at)
    }
}

fn status_word(status: RecordStatus) -> &'static str {
    match status {
        RecordStatus::Final => "final",
        RecordStatus::Amended => "amended",
        RecordStatus::EnteredInError => "entered_in_error",
    }
}

fn closing<'f>(fields: &mut Fields<'_, 'f, '_>, reading: &For<'f>) -> Says<'f> {
    let contract = fields.text("contract").unwrap_or(reading.named);
    let text = fields.needed_text("month");
    let month = Month::parse(text).unwrap_or_else(|| {
        if !text.is_empty() {
            fields.wrong("month", "is no month such as 2026-01");
        }
        Month::of_utc(Instant(0))
    });
    Says::Closing { contract, month }
}

fn wearable<'f>(fields: &mut Fields<'_, 'f, '_>, reading: &For<'f>) -> Says<'f> {
    let patient_id = fields.needed_text("patient_id");
    let device = fields.text("device").unwrap_or("");
    let metric = fields.word("metric", &METRICS, Metric::name);
    let metric = fields.needed("metric", metric.map(Some));
    let value = fields.number("value");
    let value = fields.needed("value", value);
    let unit = fields.text("unit");
    let measured_at = fields.needed_time("measured_at");
    let metric = metric.unwrap_or(Metric::HEART_RATE);
    let unit = unit.unwrap_or(metric.unit());
    let admitted = if fields.is_sound() {
        reading.library.admit(metric, unit, value, measured_at)
    } else {
        Ok(Micros::from_millionths(0))
    };
    let value = admitted.unwrap_or_else(|reason| {
        match reason {
            Reason::UnsupportedUnit => fields.wrong("unit", format!("is none of {}", metric.name())),
            _ => fields.wrong("value", format!("is not plausible as {}", metric.name())),
        }
        Micros::from_millionths(0)
    });
    Says::Reading { patient_id, reading: Reading { device, metric, value, measured_at } }
}

fn enrolment<'f>(
    fields: &mut Fields<'_, 'f, '_>,
    head: &Head<'f>,
    patient_id: &'f str,
    reading: &For<'f>,
) -> Says<'f> {
    let recorded_at = fields.time("recorded_at").unwrap_or(head.stored_at);
    let treated_at = fields.time("treated_at");
    let effective_at = fields.time("effective_at").or(treated_at).unwrap_or(recorded_at);
    let time_zone = fields.text("time_zone");
    if time_zone.is_some_and(|zone| Zone::named(zone).is_none()) {
        fields.wrong("time_zone", "is no time zone");
    }
    let fact = EnrolmentFact {
        episode_id: fields.text("episode_id").unwrap_or(patient_id),
        recorded_at,
        effective_at,
        procedure: fields.text("procedure"),
        treated_at,
        device: fields.text("device"),
        manufacturer: fields.text("manufacturer"),
        birth_year: fields.int("birth_year"),
        sex: fields.word("sex", &SEXES, as_it_is),
        comorbidities: fields.texts("comorbidities"),
        organisation: fields.text("organisation"),
        care_team: fields.text("care_team"),
        clinician_id: fields.text("clinician_id"),
        plan: fields.text("plan"),
        contract: Some(fields.text("contract").map_or(reading.contract, |named| reading.contract(named))),
        vip: fields.bool("vip"),
        self_pay_consent: fields.bool("self_pay_consent"),
        spo2_scale: fields.int("spo2_scale"),
        time_zone,
        episode_status: fields.word("episode_status", &["active", "ended", "erased"], as_it_is),
    };
    let head = head.at(InputKind::Enrolment, effective_at);
    Says::Record { patient_id, head, body: Box::new(Body::Enrolment(fact)), given: None }
}

fn upload<'f>(fields: &mut Fields<'_, 'f, '_>, head: &Head<'f>, patient_id: &'f str) -> Says<'f> {
    let uploaded_at = fields.time("uploaded_at").unwrap_or(head.stored_at);
    let answered_at = fields.time("answered_at").unwrap_or(uploaded_at);
    let fact = UploadFact {
        episode_id: fields.text("episode_id"),
        answered_at,
        uploaded_at,
        respondent: fields.word("respondent", &["patient", "proxy"], as_it_is).unwrap_or("patient"),
        forms: fields.objects("forms", form),
    };
    let given = Given {
        score: fields.number("score"),
        baseline: fields.number("baseline"),
        index: fields.number("index"),
        missing: fields.word("missing", &MISSING, as_it_is),
        expected: fields.number("expected"),
        n: fields.count("n"),
        edition: fields.text("edition"),
    };
    let answered = !fact.forms.is_empty();
    for name in ["score", "baseline", "index", "missing"] {
        if answered && fields.has(name) {
            fields.wrong(name, "is given beside forms, which are scored");
        }
    }
    match (given.index, given.missing) {
        (Some(_), Some(_)) => fields.wrong("missing", "is given beside an index"),
        (None, None) if !answered && !head.is_withdrawn() => {
            fields.wrong("index", "is missing: give it, or why it is missing, or forms");
        }
        _ => {}
    }
    let head = head.at(InputKind::PromResponse, answered_at);
    Says::Record { patient_id, head, body: Box::new(Body::Upload(fact)), given: Some(given) }
}

fn form<'f>(fields: &mut Fields<'_, 'f, '_>) -> FormFact<'f> {
    let instrument = fields.needed_text("instrument");
    let instrument_version = fields.int("instrument_version");
    let answers = fields.objects("answers", |fields| {
        let item = fields.needed_text("item");
        let code = fields.int("code");
        Answer { item, code }
    });
    FormFact { instrument, instrument_version, answers }
}

fn distinct(sections: &[&str]) -> i32 {
    let sections: BTreeSet<&str> = sections.iter().copied().collect();
    i32::try_from(sections.len()).unwrap_or(i32::MAX)
}

fn session<'f>(fields: &mut Fields<'_, 'f, '_>, head: &Head<'f>, patient_id: &'f str) -> Says<'f> {
    let clinician_id = fields.needed_text("clinician_id");
    let happened_at = head.happened_at(fields);
    let fact = SessionFact {
        patient_id,
        episode_id: fields.text("episode_id"),
        upload_id: fields.text("upload_id"),
        ended_at: fields.time("ended_at"),
        interactions: fields.int("interactions").unwrap_or(0),
        sections_read: distinct(&fields.texts("sections_read").unwrap_or_default()),
    };
    for of_no_matter_here in ["messages", "consults"] {
        fields.int(of_no_matter_here);
    }
    let head = head.at(InputKind::ClinicianActivity, happened_at);
    Says::Session { clinician_id, head, fact }
}

fn verdict<'f>(fields: &mut Fields<'_, 'f, '_>, head: &Head<'f>, patient_id: &'f str) -> Says<'f> {
    let clinician_id = fields.needed_text("clinician_id");
    let happened_at = head.happened_at(fields);
    let ended_at = fields.time("ended_at").unwrap_or(happened_at);
    let service = fields.bool("service").or(head.is_withdrawn().then_some(false));
    let fact = VerdictFact {
        clinician_id,
        session_revision: fields.int("session_revision").unwrap_or(1),
        episode_id: fields.text("episode_id"),
        upload_id: fields.text("upload_id"),
        ended_at,
        service: fields.needed("service", service),
        reasons: fields.texts("reasons").unwrap_or_default(),
        duration_ms: fields.long("duration_ms").unwrap_or(ended_at.since(happened_at).0),
        interactions: fields.int("interactions").unwrap_or(0),
        sections_read: fields.int("sections_read").unwrap_or(0),
        burst_patients: fields.int("burst_patients").unwrap_or(1),
        rule: fields.text("rule").unwrap_or("given"),
    };
    let head = head.at(InputKind::SessionVerdict, happened_at);
    Says::Record { patient_id, head, body: Box::new(Body::Verdict(fact)), given: None }
}

/// What kind of event. What withdraws a record need not say it.
fn kind<T: Copy>(
    fields: &mut Fields<'_, '_, '_>,
    head: &Head<'_>,
    known: &[T],
    word: fn(T) -> &'static str,
) -> &'static str {
    let kind = fields.word("kind", known, word).map(word).or(head.is_withdrawn().then_some(""));
    fields.needed("kind", kind)
}

fn clinical<'f>(fields: &mut Fields<'_, 'f, '_>, head: &Head<'f>, patient_id: &'f str) -> Says<'f> {
    let happened_at = head.happened_at(fields);
    let [_unknown, known @ ..] = &wire::ClinicalKind::ALL;
    let fact = ClinicalFact {
        episode_id: fields.text("episode_id"),
        ended_at: fields.time("ended_at"),
        kind: kind(fields, head, known, wire::ClinicalKind::as_str),
        coding: fields.text("coding"),
        code: fields.text("code"),
        result: fields.text("result"),
        value: fields.number("value"),
        unit: fields.text("unit"),
        comparator: fields.word("comparator", &["<", "<=", ">=", ">"], as_it_is),
        related_id: fields.text("related_id"),
        provider: fields.text("provider"),
        amount_minor: fields.long("amount_minor"),
        currency: fields.text("currency"),
        cost_category: fields.text("cost_category"),
        cost_nature: fields.word("cost_nature", &NATURES, as_it_is),
        payers: fields.objects("payers", payer),
    };
    let total: i128 = fact.payers.iter().map(|part| i128::from(part.amount_minor)).sum();
    if !fact.payers.is_empty() && fact.amount_minor.map(i128::from) != Some(total) {
        fields.wrong("payers", "do not add up to amount_minor");
    }
    let head = head.at(InputKind::ClinicalEvent, happened_at);
    Says::Record { patient_id, head, body: Box::new(Body::Clinical(fact)), given: None }
}

fn payer<'f>(fields: &mut Fields<'_, 'f, '_>) -> PayerPart<'f> {
    let payer_kind = fields.needed_text("payer_kind");
    let payer = fields.text("payer");
    let amount_minor = fields.long("amount_minor");
    let amount_minor = fields.needed("amount_minor", amount_minor);
    PayerPart { payer_kind, payer, amount_minor }
}

fn commerce<'f>(
    fields: &mut Fields<'_, 'f, '_>,
    head: &Head<'f>,
    patient_id: &'f str,
    reading: &For<'f>,
) -> Says<'f> {
    let happened_at = head.happened_at(fields);
    let [_unknown, known @ ..] = &wire::CommerceKind::ALL;
    let fact = CommerceFact {
        episode_id: fields.text("episode_id"),
        kind: kind(fields, head, known, wire::CommerceKind::as_str),
        purchase_id: fields.text("purchase_id"),
        contract: fields.text("contract").map(|named| reading.contract(named)),
        product: fields.text("product"),
        product_version: fields.int("product_version"),
        item: fields.text("item"),
        quantity: fields.int("quantity"),
        buyer_id: fields.text("buyer_id"),
        side: fields.word("side", &SIDES, as_it_is),
        actor_id: fields.text("actor_id"),
        decision: fields.text("decision"),
        reason: fields.text("reason"),
        amount_minor: fields.long("amount_minor"),
        currency: fields.text("currency"),
        points: fields.long("points"),
    };
    let head = head.at(InputKind::CommerceEvent, happened_at);
    Says::Record { patient_id, head, body: Box::new(Body::Commerce(fact)), given: None }
}
