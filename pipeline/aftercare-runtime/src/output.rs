//! What a task writes: numbered rows in the wire's terms, dead letters, forwarded records.

use aftercare_core::clinician::Review;
use aftercare_core::patient::{ReceiptChange, ScoreChange};
use aftercare_schemas::codec;
use aftercare_schemas::wire;
use aftercare_stream::log::{Header, Outgoing, TaskLog};
use aftercare_stream::position::TopicId;
use aftercare_stream::sequence::Sequence;
use serde::Serialize;

use crate::error::TaskError;
use crate::state::{Meta, PatientEntry};
use crate::stats::Counted;
use crate::topics::{self, DEAD_LETTERS, RECEIPTS, REVIEWS, SCORES};

/// Names of the headers of dead letters; the first five are Kafka Connect's.
pub mod headers {
    /// The topic that the record came from.
    pub const TOPIC: &str = "__connect.errors.topic";
    /// Its partition there.
    pub const PARTITION: &str = "__connect.errors.partition";
    /// Its offset there.
    pub const OFFSET: &str = "__connect.errors.offset";
    /// Where it failed.
    pub const STAGE: &str = "__connect.errors.stage";
    /// Why, in words, without any value of the record.
    pub const MESSAGE: &str = "__connect.errors.exception.message";
    /// The framed `DeadLetter`.
    pub const DEAD_LETTER: &str = "aftercare.dead-letter";
    /// On a record sent on to the partition it belongs to: where it was read.
    pub const FORWARDED: &str = "aftercare.forwarded";
}

/// The task's pen: encodes rows, numbers them, hands them to the open transaction.
pub(crate) struct Pen {
    pub(crate) partition: i32,
    incarnation: u16,
    /// The last sequence given out, by topic; the state's copy is renewed at each commit.
    pub(crate) sequences: Vec<u64>,
    buf: Vec<u8>,
    id: String,
}

impl Pen {
    pub(crate) fn new(partition: i32) -> Self {
        let sequences = vec![0; topics::COUNT];
        Self { partition, incarnation: 0, sequences, buf: Vec::new(), id: String::new() }
    }

    /// Goes on numbering where the state says.
    pub(crate) fn resume(&mut self, meta: &Meta) {
        self.incarnation = meta.incarnation;
        self.sequences.clone_from(&meta.sequences);
    }

    /// The sequence of the topic's last row.
    pub(crate) fn last_sequence(&self, topic: TopicId) -> u64 {
        self.sequences[topics::index(topic)]
    }

    fn next_version(&mut self, topic: TopicId) -> u64 {
        let last = &mut self.sequences[topics::index(topic)];
        let mut sequence = Sequence(*last);
        let version = sequence.next(self.incarnation);
        *last = sequence.0;
        version.0
    }

    /// Writes one numbered row.
    pub(crate) fn row<L: TaskLog, T: Serialize>(
        &mut self,
        log: &mut L,
        counted: &mut Counted,
        topic: TopicId,
        key: &str,
        row: impl FnOnce(u64) -> T,
    ) -> Result<(), TaskError> {
        let row = row(self.next_version(topic));
        self.buf.clear();
        codec::encode(topics::name(topic), &row, &mut self.buf)?;
        counted.outputs[topics::index(topic)] += 1;
        let alone = topics::TOPICS[topics::index(topic)].role.has_one_partition();
        Ok(log.send(&Outgoing {
            topic,
            partition: if alone { 0 } else { self.partition },
            key: Some(key.as_bytes()),
            value: Some(&self.buf),
            headers: &[],
        })?)
    }

    pub(crate) fn receipt<L: TaskLog>(
        &mut self,
        log: &mut L,
        counted: &mut Counted,
        patient_id: &str,
        change: &ReceiptChange,
    ) -> Result<(), TaskError> {
        let who = change.attribution.borrow();
        self.row(log, counted, RECEIPTS, patient_id, |version| wire::Receipt {
            version,
            topic: change.kind.topic(),
            id: &change.id,
            revision: change.revision,
            patient_id,
            outcome: change.outcome,
            reason: change.reason,
            copies: change.copies,
            duplicates: change.duplicates,
            conflicts: change.conflicts,
            stored_at: change.stored_at.0,
            organisation: who.organisation,
            care_team: who.care_team,
            clinician_id: who.clinician_id,
            manufacturer: who.manufacturer,
            procedure: who.procedure,
            source: change.source.as_str(),
        })
    }

    pub(crate) fn score<L: TaskLog>(
        &mut self,
        log: &mut L,
        counted: &mut Counted,
        patient_id: &str,
        change: &ScoreChange,
    ) -> Result<(), TaskError> {
        let who = change.attribution.borrow();
        let mut id = std::mem::take(&mut self.id);
        change.write_score_id(&mut id);
        let scales = change.scales.iter().map(|(name, value)| wire::Scale { name, value: *value }).collect();
        let written = self.row(log, counted, SCORES, patient_id, |version| wire::Score {
            version,
            score_id: &id,
            episode_id: &change.episode_id,
            patient_id,
            upload_id: &change.upload_id,
            upload_revision: change.upload_revision,
            instrument: &change.instrument,
            instrument_version: change.instrument_version,
            value_set: &change.value_set,
            status: change.status.as_str(),
            reason: change.reason,
            answered_at: change.answered_at.0,
            uploaded_at: change.uploaded_at.0,
            stored_at: change.stored_at.0,
            days_since_treatment: change.days_since_treatment,
            respondent: &change.respondent,
            score: change.score,
            scales,
            baseline: change.baseline,
            baseline_upload_id: change.baseline_upload_id.as_deref(),
            index: change.index,
            index_rule: change.index_rule,
            change_mcid: change.change_mcid,
            ewma: change.ewma,
            mean_28d: change.mean_28d,
            slope_56d: change.slope_56d,
            uploads_done: change.uploads_done,
            uploads_due: change.uploads_due,
            expected: change.expected,
            curve_edition: change.curve_edition.as_deref(),
            organisation: who.organisation,
            care_team: who.care_team,
            clinician_id: who.clinician_id,
            manufacturer: who.manufacturer,
            procedure: who.procedure,
            source: change.source.as_str(),
            expected_sd: change.expected_sd,
            expected_n: change.expected_n,
            cohort: change.cohort.as_deref(),
            forecast: change.forecast,
            forecast_sd: change.forecast_sd,
            level: change.level,
            change_errors: change.change_errors,
            trend_errors: change.trend_errors,
        });
        self.id = id;
        written
    }

    pub(crate) fn review<L: TaskLog>(
        &mut self,
        log: &mut L,
        counted: &mut Counted,
        patient: &PatientEntry,
        id: &str,
        review: &Review,
    ) -> Result<(), TaskError> {
        let who = patient.patient.attribution_for(review.episode_id.as_deref(), review.began_at);
        self.row(log, counted, REVIEWS, &patient.id, |version| wire::Review {
            version,
            review_id: id,
            revision: review.revision,
            status: if review.withdrawn { "withdrawn" } else { "final" },
            patient_id: &patient.id,
            episode_id: review.episode_id.as_deref(),
            upload_id: review.upload_id.as_deref(),
            reviewer_id: &review.reviewer_id,
            began_at: review.began_at.0,
            ended_at: review.ended_at.0,
            duration_ms: review.duration_ms,
            interactions: review.interactions,
            sections_read: review.sections_read,
            burst_patients: review.burst_patients,
            verdict: if review.service { "service" } else { "superficial" },
            reasons: review.reasons.iter().map(|reason| &**reason).collect(),
            rule: &review.rule,
            stored_at: review.stored_at.0,
            organisation: who.organisation,
            care_team: who.care_team,
            clinician_id: who.clinician_id,
            manufacturer: who.manufacturer,
            procedure: who.procedure,
            source: review.source.as_str(),
        })
    }

    pub(crate) fn dead_letter<L: TaskLog>(
        &mut self,
        log: &mut L,
        counted: &mut Counted,
        letter: &Letter<'_>,
    ) -> Result<(), TaskError> {
        let version = self.next_version(DEAD_LETTERS);
        let (partition, offset) = (self.partition.to_string(), letter.offset.to_string());
        let topic = topics::name(letter.topic);
        self.buf.clear();
        codec::encode(
            topics::name(DEAD_LETTERS),
            &wire::DeadLetter {
                version,
                topic,
                partition: self.partition,
                offset: letter.offset,
                record_at: letter.produced_at,
                stage: letter.stage,
                reason: letter.reason,
                message: letter.message,
                receipt: letter.receipt,
                key_bytes: letter.key_bytes,
                value_bytes: letter.value_bytes,
                stored_at: letter.stored_at,
            },
            &mut self.buf,
        )?;
        let mut all: Vec<Header<'_>> =
            letter.headers.iter().map(|(k, v)| (k.as_str(), v.as_slice())).collect();
        all.retain(|(name, _)| !name.starts_with("__connect.errors.") && *name != headers::DEAD_LETTER);
        all.extend([
            (headers::TOPIC, topic.as_bytes()),
            (headers::PARTITION, partition.as_bytes()),
            (headers::OFFSET, offset.as_bytes()),
            (headers::STAGE, letter.stage.as_bytes()),
            (headers::MESSAGE, letter.message.as_bytes()),
            (headers::DEAD_LETTER, &self.buf),
        ]);
        counted.outputs[topics::index(DEAD_LETTERS)] += 1;
        Ok(log.send(&Outgoing {
            topic: DEAD_LETTERS,
            partition: self.partition,
            key: letter.key,
            value: letter.value,
            headers: &all,
        })?)
    }
}

/// How many bytes a key or value has.
pub(crate) fn bytes(part: Option<&[u8]>) -> u32 {
    part.map_or(0, |b| u32::try_from(b.len()).unwrap_or(u32::MAX))
}

/// A record that is not taken, as it was read, and why. What is too large to be carried is left out.
pub(crate) struct Letter<'a> {
    pub(crate) topic: TopicId,
    pub(crate) offset: i64,
    pub(crate) produced_at: i64,
    pub(crate) key: Option<&'a [u8]>,
    pub(crate) value: Option<&'a [u8]>,
    pub(crate) headers: &'a [(String, Vec<u8>)],
    /// Of the record.
    pub(crate) key_bytes: u32,
    /// Of the record.
    pub(crate) value_bytes: u32,
    /// DESERIALIZE (the bytes are not ours), VALIDATE (they are, and don't make sense), ROUTE, HOLD.
    pub(crate) stage: &'static str,
    pub(crate) reason: &'static str,
    pub(crate) message: &'a str,
    /// The record also has a receipt.
    pub(crate) receipt: bool,
    /// The tick.
    pub(crate) stored_at: i64,
}
