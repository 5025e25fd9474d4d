//! What happens to a record, first to last: it is placed, decoded, judged by the rules, and leaves a receipt,
//! a dead letter or a forwarded copy. Nothing else can become of it.

use aftercare_core::facts::{Body, InputKind, RecordHead};
use aftercare_core::patient::{Judges, Patient, Verdict};
use aftercare_core::reason::Reason;
use aftercare_core::time::Instant;
use aftercare_schemas::codec;
use aftercare_stream::log::{Batch, Header, Outgoing, TaskLog, Unreadable};
use aftercare_stream::partitioner::partition_of;
use aftercare_stream::position::TopicId;
use xxhash_rust::xxh3::xxh3_64;

use crate::decode::{Decoded, decode};
use crate::error::TaskError;
use crate::output::{Letter, bytes, headers};
use crate::state::{Held, HeldFor, PatientEntry, PatientNo, key};
use crate::stats::{TaskStats, position_of};
use crate::task::Task;
use crate::topics::{self, CURVE_CONTRIBUTIONS, WEARABLE_READINGS};

/// A record to take: from the log, or one that waited.
pub(crate) struct Input<'a> {
    pub(crate) topic: TopicId,
    pub(crate) offset: i64,
    pub(crate) produced_at: i64,
    pub(crate) key: Option<&'a [u8]>,
    pub(crate) value: Option<&'a [u8]>,
    pub(crate) headers: Headers<'a>,
}

/// Where a record's headers are; most records have none, and looking must cost nothing then.
pub(crate) enum Headers<'a> {
    InBatch(&'a dyn Batch, usize),
    Kept(&'a [(String, Vec<u8>)]),
}

impl<'a> Input<'a> {
    pub(crate) fn of_record(batch: &'a dyn Batch, i: usize) -> Self {
        let record = batch.get(i);
        Self {
            topic: record.topic,
            offset: record.offset.0,
            produced_at: record.produced_at,
            key: record.key,
            value: record.value,
            headers: Headers::InBatch(batch, i),
        }
    }

    pub(crate) fn of_held(held: &'a Held) -> Self {
        Self {
            topic: TopicId(held.topic),
            offset: held.offset,
            produced_at: held.produced_at,
            key: held.key.as_deref(),
            value: Some(&held.value),
            headers: Headers::Kept(&held.headers),
        }
    }

    fn header(&self, name: &str) -> Option<Vec<u8>> {
        match self.headers {
            Headers::InBatch(batch, i) => batch.header(i, name),
            Headers::Kept(all) => all.iter().find(|(n, _)| n == name).map(|(_, value)| value.clone()),
        }
    }

    fn all_headers(&self) -> Vec<(String, Vec<u8>)> {
        match self.headers {
            Headers::InBatch(batch, i) => batch.headers(i),
            Headers::Kept(all) => all.to_vec(),
        }
    }

    pub(crate) fn schema_header(&self) -> Option<Vec<u8>> {
        self.header(codec::GUID_HEADER)
    }

    /// Key, value and headers.
    pub(crate) fn bytes(&self) -> usize {
        let headers: usize = self.all_headers().iter().map(|(name, value)| name.len() + value.len()).sum();
        self.value.map_or(0, <[u8]>::len) + self.key.map_or(0, <[u8]>::len) + headers
    }
}

/// Where a record's patient is.
pub(crate) enum Placed {
    /// Here, under this number.
    Here(PatientNo),
    /// Elsewhere: the record was sent on, or dead-lettered because it had been sent on before.
    Elsewhere,
}

/// Said of records of which more text would be kept than `text_bytes_max`.
pub(crate) const TEXT_TOO_LONG: &str = "its ids, names and codes are longer than text_bytes_max";

impl<L: TaskLog> Task<L> {
    /// Takes one record from the log.
    pub(crate) fn take(&mut self, input: &Input<'_>) -> Result<(), TaskError> {
        self.state.meta.records_in[topics::index(input.topic)] += 1;
        if input.bytes() > self.config.limits.record_bytes_max {
            return self.undecodable(input, "record_too_large", "the record is larger than record_bytes_max");
        }
        match topics::kind_of(input.topic) {
            None if input.topic == WEARABLE_READINGS => self.wearable(input, None),
            None => Ok(()),
            Some(InputKind::ClinicianActivity) => self.session(input, false),
            Some(kind) => self.identified(input, kind, false),
        }
    }

    /// Takes a record that waited once more.
    fn retake(&mut self, held: &Held) -> Result<(), TaskError> {
        let input = Input::of_held(held);
        match (topics::kind_of(input.topic), held.held_for) {
            (None, HeldFor::Tick { taken_to, .. }) => self.wearable(&input, Some(taken_to)),
            (None, HeldFor::Enrolment) => Ok(()),
            (Some(InputKind::ClinicianActivity), _) => self.session(&input, true),
            (Some(kind), _) => self.identified(&input, kind, true),
        }
    }

    /// Takes a record that has an id and a revision.
    fn identified(&mut self, input: &Input<'_>, kind: InputKind, retry: bool) -> Result<(), TaskError> {
        let mut scratch = std::mem::take(&mut self.scratch);
        scratch.clear();
        let decoded = decode(input, kind, &mut scratch);
        let digest = xxh3_64(&scratch);
        self.scratch = scratch;
        let mut decoded = match decoded {
            Ok(decoded) => decoded,
            Err(error) => return self.undecodable(input, error.reason(), &error.to_string()),
        };
        if !decoded.is_named() {
            return self.undecodable(input, "missing_id", "the record has no id or names no patient");
        }
        if decoded.kept_bytes() > self.config.limits.text_bytes_max {
            return self.undecodable(input, Reason::TextTooLong.code(), TEXT_TOO_LONG);
        }
        decoded.head.digest = digest;
        decoded.head.retry = retry;
        let Placed::Here(patient) = self.place(input, decoded.patient_id)? else { return Ok(()) };
        self.touch_patient(patient);
        let verdict = self.judge(input, patient, &decoded)?;
        self.settle(input, &verdict)?;
        self.issue_changes(patient)?;
        self.follow(patient, &decoded, &verdict)?;
        if kind == InputKind::Enrolment && verdict == Verdict::Accepted {
            self.reattribute_windows(patient);
            self.place_readings(patient)?;
            self.release_enrolled(patient)?;
        }
        Ok(())
    }

    fn judge(
        &mut self,
        input: &Input<'_>,
        no: PatientNo,
        decoded: &Decoded<'_>,
    ) -> Result<Verdict, TaskError> {
        let tick = Instant(self.state.meta.tick);
        let limits = &self.config.limits;
        let reaches_at = decoded.head.event_at.0.saturating_sub(limits.future_ms_max);
        // What an enrolment says may hold from a later day on.
        let future = decoded.head.kind != InputKind::Enrolment && reaches_at > tick.0;
        let head = &decoded.head;
        if let Body::Verdict(fact) = &decoded.body
            && self.state.reviews.get(no.0).is_some_and(|book| book.is_of_other(head.id, fact.clinician_id))
        {
            let patient = &mut self.state.patient_mut(no).patient;
            return Ok(patient.reject(head, Reason::ConflictingContent, tick));
        }
        if !future {
            let verdict = self.state.patient_mut(no).patient.offer(head, &decoded.body, tick, &self.library);
            if verdict == Verdict::Hold && !self.hold(input, no, HeldFor::Enrolment) {
                return Ok(self.give_up(no, head, Reason::UnknownPatient));
            }
            return Ok(verdict);
        }
        if head.retry {
            return Ok(self.give_up(no, head, Reason::FarFuture));
        }
        let verdict = self.state.patient_mut(no).patient.hold(head, tick);
        let held_for = HeldFor::Tick { taken_to: i64::MIN, reaches_at };
        if verdict == Verdict::Hold && !self.hold(input, no, held_for) {
            return Ok(self.give_up(no, head, Reason::FarFuture));
        }
        Ok(verdict)
    }

    fn give_up(&mut self, no: PatientNo, head: &RecordHead<'_>, reason: Reason) -> Verdict {
        let tick = Instant(self.state.meta.tick);
        self.state.patient_mut(no).patient.give_up(head.kind, head.id, head.revision, reason, tick);
        Verdict::Rejected { reason, place: String::new() }
    }

    /// Counts the verdict. A refused record keeps its bytes as a dead letter, beside its receipt.
    pub(crate) fn settle(&mut self, input: &Input<'_>, verdict: &Verdict) -> Result<(), TaskError> {
        self.counted.verdicts[position_of(verdict)] += 1;
        match verdict {
            Verdict::Rejected { reason, place } => {
                let message = if place.is_empty() {
                    format!("refused: {}", reason.code())
                } else {
                    format!("refused: {} at {place}", reason.code())
                };
                let stage = match reason {
                    Reason::UnknownPatient | Reason::FarFuture => "HOLD",
                    _ => "VALIDATE",
                };
                self.refuse(input, stage, reason.code(), &message)
            }
            Verdict::Conflict => {
                let reason = Reason::ConflictingContent.code();
                self.refuse(input, "VALIDATE", reason, "this revision is known with other content")
            }
            _ => Ok(()),
        }
    }

    /// Issues the patient's receipts and scores that differ from what was last issued.
    pub(crate) fn issue_changes(&mut self, no: PatientNo) -> Result<(), TaskError> {
        let mut changes = std::mem::take(&mut self.changes);
        changes.clear();
        let entry = self.state.patient_mut(no);
        let judges = Judges {
            library: &self.library,
            curves: &self.curves,
            partition: self.config.partition,
            last_sequence: self.pen.last_sequence(CURVE_CONTRIBUTIONS),
        };
        entry.patient.changes(&judges, &mut changes);
        for receipt in &changes.receipts {
            self.pen.receipt(&mut self.log, &mut self.counted, &entry.id, receipt)?;
        }
        for score in &changes.scores {
            self.pen.score(&mut self.log, &mut self.counted, &entry.id, score)?;
        }
        for contribution in &changes.contributions {
            self.pen.contribution(&mut self.log, &mut self.counted, contribution)?;
        }
        self.changes = changes;
        Ok(())
    }

    /// Finds the record's patient here, or sends the record on to the partition that the patient belongs to.
    pub(crate) fn place(&mut self, input: &Input<'_>, patient_id: &str) -> Result<Placed, TaskError> {
        // Who is known here was checked when first seen.
        if let Some(no) = self.state.find_patient(patient_id) {
            return Ok(Placed::Here(no));
        }
        let partition = partition_of(patient_id.as_bytes(), self.config.partitions);
        if partition != self.config.partition {
            self.forward(input, patient_id, partition)?;
            return Ok(Placed::Elsewhere);
        }
        Ok(Placed::Here(self.patient_no(patient_id)))
    }

    /// The number of a patient of this partition, given now if there is none yet.
    pub(crate) fn patient_no(&mut self, patient_id: &str) -> PatientNo {
        if let Some(no) = self.state.find_patient(patient_id) {
            return no;
        }
        let no = self.state.next_patient();
        self.tx.touch(key::patient(no), 0, |_| false);
        let entry = PatientEntry {
            id: patient_id.into(),
            patient: Patient::default(),
            devices: Vec::new(),
            epoch: self.tx.epoch(),
        };
        self.state.insert_patient(no, entry);
        no
    }

    /// Sends the record on to the partition that its patient (or clinician) belongs to.
    pub(crate) fn forward(&mut self, input: &Input<'_>, key: &str, partition: i32) -> Result<(), TaskError> {
        if input.header(headers::FORWARDED).is_some() {
            let message = "the record was sent on once and is not at home here either";
            return self.undecodable(input, "wrong_partition_loop", message);
        }
        let from = format!("{}:{}", self.config.partition, input.offset);
        let kept = input.all_headers();
        let mut all: Vec<Header<'_>> = kept.iter().map(|(k, v)| (k.as_str(), v.as_slice())).collect();
        all.push((headers::FORWARDED, from.as_bytes()));
        self.log.send(&Outgoing {
            topic: input.topic,
            partition,
            key: Some(key.as_bytes()),
            value: input.value,
            headers: &all,
        })?;
        self.state.meta.forwarded[topics::index(input.topic)] += 1;
        self.counted.forwarded += 1;
        Ok(())
    }

    /// Keeps the record until it can be taken. `false`: a limit is reached, it can't be kept.
    pub(crate) fn hold(&mut self, input: &Input<'_>, patient: PatientNo, held_for: HeldFor) -> bool {
        let (tick, limits) = (self.state.meta.tick, &self.config.limits);
        let room = self.state.held.len() < limits.held_records_max
            && self.state.held_bytes + input.bytes() as u64 <= limits.held_bytes_max;
        let Some(value) = input.value.filter(|_| room) else {
            TaskStats::add(&self.stats.held_limit_hits, 1);
            return false;
        };
        let due = match held_for {
            HeldFor::Enrolment => tick.saturating_add(limits.hold_ms_max),
            HeldFor::Tick { reaches_at, .. } => {
                reaches_at.min(tick.saturating_add(limits.future_wait_ms_max))
            }
        };
        let held = Held {
            patient,
            held_for,
            due,
            topic: input.topic.0,
            offset: input.offset,
            produced_at: input.produced_at,
            key: input.key.map(<[u8]>::to_vec),
            value: value.to_vec(),
            headers: input.all_headers(),
        };
        let no = self.state.meta.next_held;
        self.state.meta.next_held += 1;
        self.tx.touch(key::held(no), 0, |_| false);
        self.state.insert_held(no, held);
        true
    }

    fn unhold(&mut self, no: u64) -> Option<Held> {
        let state = &self.state;
        self.tx.touch(key::held(no), 0, |out| {
            aftercare_stream::changelog::State::encode(state, key::held(no), out)
        });
        self.state.remove_held(no)
    }

    /// The patient has an episode now: uploads that waited for it are taken.
    fn release_enrolled(&mut self, patient: PatientNo) -> Result<(), TaskError> {
        let waiting: Vec<u64> = self
            .state
            .held
            .iter()
            .filter(|(_, held)| held.patient == patient && held.held_for == HeldFor::Enrolment)
            .map(|(no, _)| *no)
            .collect();
        for no in waiting {
            if let Some(held) = self.unhold(no) {
                self.retake(&held)?;
            }
        }
        Ok(())
    }

    /// At a tick: what waited long enough is taken, or given up.
    pub(crate) fn held_tick(&mut self) -> Result<(), TaskError> {
        while let Some(&(due, no)) = self.state.held_due.first()
            && due <= self.state.meta.tick
        {
            let held = self.unhold(no).expect("held_due names what is held");
            match (topics::kind_of(TopicId(held.topic)), held.held_for) {
                (Some(kind), HeldFor::Enrolment) => self.expire(&held, kind)?,
                _ => self.retake(&held)?,
            }
        }
        Ok(())
    }

    /// The wait for an enrolment is over without one.
    fn expire(&mut self, held: &Held, kind: InputKind) -> Result<(), TaskError> {
        let input = Input::of_held(held);
        let mut scratch = Vec::new();
        let Ok(decoded) = decode(&input, kind, &mut scratch) else { return Ok(()) };
        self.touch_patient(held.patient);
        let verdict = self.give_up(held.patient, &decoded.head, Reason::UnknownPatient);
        self.settle(&input, &verdict)?;
        self.issue_changes(held.patient)
    }

    pub(crate) fn touch_patient(&mut self, no: PatientNo) {
        let entry = self.state.patient_mut(no);
        if entry.epoch != self.tx.epoch() {
            let last = std::mem::replace(&mut entry.epoch, self.tx.epoch());
            let entry = &*entry;
            self.tx.touch(key::patient(no), last, |out| {
                entry.encode(out);
                true
            });
        }
    }

    /// A record that has no receipt: its bytes are not ours, it names no one, or whether it is a copy is not known any more.
    pub(crate) fn undecodable(
        &mut self,
        input: &Input<'_>,
        reason: &'static str,
        message: &str,
    ) -> Result<(), TaskError> {
        self.state.meta.undecodable[topics::index(input.topic)] += 1;
        let stage = match reason {
            "wrong_partition_loop" => "ROUTE",
            "session_too_old" => "VALIDATE",
            _ => "DESERIALIZE",
        };
        self.dead_letter(input, stage, reason, message, false)
    }

    /// Records that nobody can read: one dead letter names them all, and they are counted as one.
    pub(crate) fn pass_over(&mut self, passed: &Unreadable) -> Result<(), TaskError> {
        if self.state.meta.positions().get(passed.topic) >= passed.until {
            return Ok(());
        }
        let (topic, reason) = (topics::index(passed.topic), Reason::UnreadableBatch.code());
        self.state.meta.records_in[topic] += 1;
        self.state.meta.undecodable[topic] += 1;
        self.state.meta.advance(passed.topic, passed.until);
        let last = passed.until.0.saturating_sub(1);
        let message = format!("offsets {} to {last}: a batch that cannot be decompressed", passed.from.0);
        self.count_letter(reason);
        let letter = Letter {
            topic: passed.topic,
            offset: passed.from.0,
            produced_at: 0,
            key: None,
            value: None,
            headers: &[],
            key_bytes: 0,
            // Nobody knows; not what the letter carries.
            value_bytes: u32::MAX,
            stage: "DESERIALIZE",
            reason,
            message: &message,
            receipt: false,
            stored_at: self.state.meta.tick,
        };
        self.pen.dead_letter(&mut self.log, &mut self.counted, &letter)
    }

    fn count_letter(&mut self, reason: &str) {
        if let Some(at) = Reason::ALL.iter().position(|r| r.code() == reason) {
            self.counted.dead_letters[at] += 1;
        }
    }

    /// A record that has a receipt and is refused, whole or in part.
    pub(crate) fn refuse(
        &mut self,
        input: &Input<'_>,
        stage: &'static str,
        reason: &'static str,
        message: &str,
    ) -> Result<(), TaskError> {
        self.dead_letter(input, stage, reason, message, true)
    }

    fn dead_letter(
        &mut self,
        input: &Input<'_>,
        stage: &'static str,
        reason: &'static str,
        message: &str,
        receipt: bool,
    ) -> Result<(), TaskError> {
        self.count_letter(reason);
        let fits = input.bytes() <= self.config.limits.dead_letter_bytes_max;
        let kept = if fits { input.all_headers() } else { Vec::new() };
        let letter = Letter {
            topic: input.topic,
            offset: input.offset,
            produced_at: input.produced_at,
            key: input.key.filter(|_| fits),
            value: input.value.filter(|_| fits),
            headers: &kept,
            key_bytes: bytes(input.key),
            value_bytes: bytes(input.value),
            stage,
            reason,
            message,
            receipt,
            stored_at: self.state.meta.tick,
        };
        self.pen.dead_letter(&mut self.log, &mut self.counted, &letter)
    }
}
