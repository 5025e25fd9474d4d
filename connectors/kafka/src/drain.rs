//! Reading assigned partitions in batches, straight from librdkafka's queue.
//!
//! rust-rdkafka hands out one message per call; `rd_kafka_consume_batch_queue` drains 1.5 times as fast with one
//! allocation per batch.

use std::collections::BTreeMap;
use std::ffi::CStr;
use std::time::{Duration, Instant};

use aftercare_stream::log::{Batch, LogError, RecordRef, Unreadable};
use aftercare_stream::position::{Offset, ResumeAt, TopicId};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::topic_partition_list::TopicPartitionList;
use rdkafka_sys as sys;
use rdkafka_sys::types::RDKafkaMessage;

use crate::Cluster;
use crate::unreadable::{self, Refused};

/// Most records of one batch.
pub const BATCH_RECORDS_MAX: usize = 16_384;

/// How long going to another offset may take.
const SEEK: Duration = Duration::from_secs(10);

/// Offsets from a partition's end at which its last record is looked for first.
const TAIL_OFFSETS: i64 = 16;

/// How long a partition may be without a leader.
const WATERMARKS_GIVE_UP: Duration = Duration::from_secs(15);

/// A topic and partition to read, the number that its records get, and the offset to begin with.
#[derive(Clone, Debug)]
pub struct Assigned {
    /// The number that `RecordRef::topic` will carry.
    pub id: TopicId,
    /// The topic's full name.
    pub topic: String,
    /// The partition.
    pub partition: i32,
    /// The first offset.
    pub from: i64,
}

impl Assigned {
    /// The first so many partitions of a topic, each from its beginning.
    #[must_use]
    pub fn whole(id: TopicId, topic: &str, partitions: i32) -> Vec<Self> {
        let whole = |partition| Self { id, topic: topic.to_owned(), partition, from: 0 };
        (0..partitions).map(whole).collect()
    }
}

/// A part of a partition: from `from.from` up to `until`, exclusive.
#[derive(Clone, Debug)]
pub struct Range {
    /// Where it begins, and the number that its records get.
    pub from: Assigned,
    /// Where it ends; not beyond the partition's end.
    pub until: i64,
}

/// A reader of assigned partitions.
pub struct Drain {
    // Before the consumer, so that it is dropped first.
    queue: Queue,
    consumer: BaseConsumer,
    assigned: Vec<Assigned>,
    /// Topic handle -> number, for the assignment in force: asking librdkafka for a name per message is slow.
    handles: Vec<(*mut sys::rd_kafka_topic_t, TopicId)>,
}

// SAFETY: librdkafka's consumer, queue and topic handles may be used from any thread; `Drain` gives access only
// through `&mut self`.
unsafe impl Send for Drain {}

struct Queue(*mut sys::rd_kafka_queue_t);

impl Drop for Queue {
    fn drop(&mut self) {
        // SAFETY: the pointer came from rd_kafka_queue_get_consumer and is destroyed once.
        unsafe { sys::rd_kafka_queue_destroy(self.0) };
    }
}

impl Drain {
    /// A reader with nothing assigned. `settings` go over the defaults.
    ///
    /// # Errors
    /// When a setting is refused.
    pub fn open(cluster: &Cluster, settings: &[(&str, &str)]) -> Result<Self, LogError> {
        let mut config = cluster.reader();
        for (key, value) in settings {
            config.set(*key, *value);
        }
        let consumer: BaseConsumer = config.create().map_err(|e| LogError::Fatal(e.to_string()))?;
        // SAFETY: the consumer lives; it has a group.id, so it has a consumer queue.
        let queue = unsafe { sys::rd_kafka_queue_get_consumer(consumer.client().native_ptr()) };
        if queue.is_null() {
            return Err(LogError::Fatal("the client has no consumer queue".into()));
        }
        Ok(Self { queue: Queue(queue), consumer, assigned: Vec::new(), handles: Vec::new() })
    }

    /// Reads exactly these partitions from now on. What was fetched for an earlier assignment is dropped.
    ///
    /// # Errors
    /// When the client refuses.
    pub fn assign(&mut self, partitions: &[Assigned]) -> Result<(), LogError> {
        let mut list = TopicPartitionList::new();
        for p in partitions {
            let offset = rdkafka::Offset::Offset(p.from);
            list.add_partition_offset(&p.topic, p.partition, offset)
                .map_err(|e| LogError::Fatal(e.to_string()))?;
        }
        let failed = |e| LogError::Unavailable(format!("assign partitions: {e}"));
        self.consumer.assign(&list).map_err(failed)?;
        // What was assigned before is stopped by two messages of the client to itself, behind which these questions queue.
        // A client that is given another assignment (or is closed) between the two stops such a partition twice, which
        // ends the process: librdkafka asserts `rktp_started`.
        for _ in 0..2 {
            self.consumer.assignment().map_err(failed)?;
        }
        self.assigned = partitions.to_vec();
        self.handles.clear();
        Ok(())
    }

    /// The offsets (first, end) of a partition, asked of the broker.
    ///
    /// # Errors
    /// When the broker can't be reached.
    pub fn watermarks(&self, topic: &str, partition: i32) -> Result<(i64, i64), LogError> {
        let deadline = Instant::now() + WATERMARKS_GIVE_UP;
        loop {
            match self.consumer.fetch_watermarks(topic, partition, Duration::from_secs(10)) {
                Ok(found) => return Ok(found),
                // A topic that was just created has no leader yet.
                Err(_) if Instant::now() < deadline => std::thread::sleep(Duration::from_millis(50)),
                Err(e) => return Err(LogError::Unavailable(format!("ask for the end of a partition: {e}"))),
            }
        }
    }

    /// Waits at most `wait` for records; takes at most `max`.
    ///
    /// # Errors
    /// `Unavailable` when the broker refuses a partition; passing faults only show as an empty batch.
    pub fn poll(&mut self, wait: Duration, max: usize) -> Result<KafkaBatch, LogError> {
        let (batch, refused) = self.take(wait, max)?;
        match refused.first() {
            None => Ok(batch),
            Some((_, (partition, first))) => Err(cannot_read(*partition, *first)),
        }
    }

    /// As [`Drain::poll`], for input that others write: a batch that nobody can read is passed over, and
    /// [`KafkaBatch::passed_over`] says which.
    ///
    /// # Errors
    /// As [`Drain::poll`], and when the end of such a batch is not to be found.
    pub fn poll_past(
        &mut self,
        cluster: &Cluster,
        wait: Duration,
        max: usize,
    ) -> Result<KafkaBatch, LogError> {
        let (mut batch, mut refused) = self.take(wait, max)?;
        refused.sort_unstable();
        refused.dedup();
        for (topic, refused) in refused {
            let passed = self.pass_over(cluster, topic, refused)?;
            batch.unreadable.push(passed);
            batch.unreadable_in.push(refused.0);
        }
        Ok(batch)
    }

    /// Goes on behind a batch that nobody can read.
    fn pass_over(
        &mut self,
        cluster: &Cluster,
        topic: TopicId,
        (partition, first): Refused,
    ) -> Result<Unreadable, LogError> {
        let place = self.assigned.iter().find(|at| (at.id, at.partition) == (topic, partition));
        let Some(place) = place else { return Err(cannot_read(partition, first)) };
        let behind = unreadable::end_of(cluster, place, first)?;
        tracing::error!(
            topic = place.topic,
            partition,
            from = first,
            until = behind,
            "a batch that can't be decompressed is passed over"
        );
        self.consumer
            .seek(&place.topic, partition, rdkafka::Offset::Offset(behind), SEEK)
            .map_err(|error| LogError::Unavailable(format!("go on behind an unreadable batch: {error}")))?;
        Ok(Unreadable { topic, from: Offset(first), until: ResumeAt(behind) })
    }

    /// As `poll`; batches that can't be read are only named.
    pub(crate) fn take(
        &mut self,
        wait: Duration,
        max: usize,
    ) -> Result<(KafkaBatch, Vec<(TopicId, Refused)>), LogError> {
        let max = max.min(BATCH_RECORDS_MAX);
        let mut messages: Vec<*mut RDKafkaMessage> = Vec::with_capacity(max);
        self.take_queued(&mut messages, max);
        if messages.is_empty() {
            // The batch call waits until the batch is full or the time is over; this one for the first message only.
            let wait = i32::try_from(wait.as_millis()).unwrap_or(i32::MAX);
            // SAFETY: the queue lives; the message, if any, is ours.
            let first = unsafe { sys::rd_kafka_consume_queue(self.queue.0, wait) };
            if !first.is_null() {
                messages.push(first);
                self.take_queued(&mut messages, max);
            }
        }
        let n = messages.len();
        let mut batch = KafkaBatch::default();
        batch.messages.reserve_exact(n);
        let (mut fault, mut refused) = (None, Vec::new());
        for message in messages {
            // SAFETY: each pointer is a message that we own until it is destroyed.
            let m = unsafe { &*message };
            match m.err {
                sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR => {
                    let topic = self.topic_of(m);
                    batch.messages.push((message, topic));
                    continue;
                }
                sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR__PARTITION_EOF => {
                    let topic = self.topic_of(m);
                    batch.ends.push((topic, m.partition, m.offset));
                }
                error if is_passing(error) => {}
                error if unreadable::is_final(error) && m.offset >= 0 => {
                    refused.push((self.topic_of(m), (m.partition, m.offset)));
                }
                error => fault = Some(error_text(error)),
            }
            // SAFETY: not kept in the batch, destroyed once.
            unsafe { sys::rd_kafka_message_destroy(message) };
        }
        match fault {
            Some(fault) => Err(LogError::Unavailable(fault)),
            None => Ok((batch, refused)),
        }
    }

    /// Appends what the client has fetched already, up to `max` in all.
    fn take_queued(&self, messages: &mut Vec<*mut RDKafkaMessage>, max: usize) {
        let room = max - messages.len();
        // SAFETY: the vector has room for `max` pointers; the call fills at most `room` after those that are there and
        // says how many.
        unsafe {
            let at = messages.as_mut_ptr().add(messages.len());
            let n = sys::rd_kafka_consume_batch_queue(self.queue.0, 0, at, room);
            messages.set_len(messages.len() + usize::try_from(n).unwrap_or(0));
        }
    }

    fn topic_of(&mut self, message: &RDKafkaMessage) -> TopicId {
        if let Some((_, id)) = self.handles.iter().find(|(handle, _)| *handle == message.rkt) {
            return *id;
        }
        // SAFETY: the message's topic handle is valid while the message is, and its name is NUL-terminated.
        let name = unsafe { CStr::from_ptr(sys::rd_kafka_topic_name(message.rkt)) }.to_string_lossy();
        let known = self.assigned.iter().find(|a| a.topic == name);
        let id = known.map_or(TopicId(u8::MAX), |a| a.id);
        self.handles.push((message.rkt, id));
        id
    }

    /// Hands every record of one partition from `from` up to its end (as of now, or `until`) to `each`; returns the
    /// position reached. Leaves the reader assigned to that partition only.
    ///
    /// # Errors
    /// When the broker can't be reached for 60 s.
    pub fn read_through(
        &mut self,
        from: Assigned,
        until: Option<i64>,
        each: &mut dyn FnMut(RecordRef<'_>),
    ) -> Result<i64, LogError> {
        let (first, end) = self.watermarks(&from.topic, from.partition)?;
        let until = until.unwrap_or(end).min(end);
        let mut at = from.from.max(first);
        if at >= until {
            return Ok(until);
        }
        self.assign(&[Assigned { from: at, ..from }])?;
        let mut idle = 0;
        while at < until {
            let batch = self.poll(Duration::from_millis(500), BATCH_RECORDS_MAX)?;
            for i in 0..batch.len() {
                let record = batch.get(i);
                if record.offset.0 >= until {
                    return Ok(until);
                }
                each(record);
                at = record.offset.next().0;
            }
            // The end may be transaction markers, which are not handed out.
            at = batch.ends.iter().map(|(_, _, offset)| *offset).fold(at, i64::max);
            idle = if batch.is_nothing() { idle + 1 } else { 0 };
            if idle > 120 {
                return Err(LogError::Unavailable("a partition was silent for 60 s before its end".into()));
            }
        }
        Ok(at)
    }
}

impl Drain {
    /// A reader for `read_ranges` and `read_through`: it learns at once that an end is reached, where others let the
    /// broker wait for more.
    ///
    /// # Errors
    /// When a setting is refused.
    pub fn open_for_ranges(cluster: &Cluster) -> Result<Self, LogError> {
        Self::open(cluster, &[("fetch.wait.max.ms", "5")])
    }

    /// The offset behind the last record of each of these partitions; their first where there is none. The end of a
    /// partition lies further where transaction markers or aborted records are last, which nobody is handed.
    ///
    /// # Errors
    /// As [`Drain::read_ranges`].
    pub fn ends_of_records(&mut self, partitions: &[Assigned]) -> Result<Vec<i64>, LogError> {
        let mut found = Vec::with_capacity(partitions.len());
        let mut open = Vec::new();
        for place in partitions {
            let (first, end) = self.watermarks(&place.topic, place.partition)?;
            found.push(first);
            open.push((first, end));
        }
        let mut tail = TAIL_OFFSETS;
        loop {
            let unknown = partitions.iter().zip(&open).zip(&found);
            let unknown = unknown.filter(|((_, (first, end)), found)| *found == first && first < end);
            let range = |((place, (first, end)), _): ((&Assigned, &(i64, i64)), _)| Range {
                from: Assigned { from: end.saturating_sub(tail).max(*first), ..place.clone() },
                until: *end,
            };
            let ranges: Vec<Range> = unknown.map(range).collect();
            if ranges.is_empty() {
                return Ok(found);
            }
            self.read_ranges(&ranges, &mut |batch, i| {
                let record = batch.get(i);
                let place = partitions
                    .iter()
                    .position(|place| (place.id, place.partition) == (record.topic, batch.partition(i)));
                if let Some(found) = place.and_then(|at| found.get_mut(at)) {
                    *found = record.offset.next().0.max(*found);
                }
            })?;
            // Where the whole partition was looked at, nothing is left to find.
            for ((first, end), found) in open.iter_mut().zip(&found) {
                if found > first || end.saturating_sub(tail) <= *first {
                    *end = *first;
                }
            }
            tail = tail.saturating_mul(16);
        }
    }

    /// Hands every record of these parts to `each`, as (batch, place in it), each partition in its order. Leaves nothing
    /// assigned.
    ///
    /// # Errors
    /// When the broker can't be reached for 60 s.
    pub fn read_ranges(
        &mut self,
        ranges: &[Range],
        each: &mut dyn FnMut(&KafkaBatch, usize),
    ) -> Result<(), LogError> {
        self.read_parts(None, ranges, each, &mut |_, _| ())
    }

    /// As [`Drain::read_ranges`], of input that others write: batches that nobody can read are handed to `passed`, with
    /// their partition.
    ///
    /// # Errors
    /// As [`Drain::read_ranges`].
    pub fn read_ranges_past(
        &mut self,
        cluster: &Cluster,
        ranges: &[Range],
        each: &mut dyn FnMut(&KafkaBatch, usize),
        passed: &mut dyn FnMut(i32, &Unreadable),
    ) -> Result<(), LogError> {
        self.read_parts(Some(cluster), ranges, each, passed)
    }

    fn read_parts(
        &mut self,
        past: Option<&Cluster>,
        ranges: &[Range],
        each: &mut dyn FnMut(&KafkaBatch, usize),
        passed: &mut dyn FnMut(i32, &Unreadable),
    ) -> Result<(), LogError> {
        let wanted: Vec<&Range> = ranges.iter().filter(|range| range.from.from < range.until).collect();
        let mut open: BTreeMap<(TopicId, i32), i64> =
            wanted.iter().map(|range| ((range.from.id, range.from.partition), range.until)).collect();
        self.assign(&wanted.iter().map(|range| range.from.clone()).collect::<Vec<_>>())?;
        let mut idle = 0;
        while !open.is_empty() {
            let wait = Duration::from_millis(500);
            let batch = match past {
                Some(cluster) => self.poll_past(cluster, wait, BATCH_RECORDS_MAX)?,
                None => self.poll(wait, BATCH_RECORDS_MAX)?,
            };
            for i in 0..batch.len() {
                let record = batch.get(i);
                let part = (record.topic, batch.partition(i));
                let Some(&until) = open.get(&part) else { continue };
                if record.offset.0 < until {
                    each(&batch, i);
                }
                if record.offset.next().0 >= until {
                    open.remove(&part);
                }
            }
            for (partition, unreadable) in batch.passed_over() {
                let part = (unreadable.topic, partition);
                let Some(&until) = open.get(&part) else { continue };
                if unreadable.from.0 < until {
                    passed(partition, unreadable);
                }
                if unreadable.until.0 >= until {
                    open.remove(&part);
                }
            }
            // The end may be transaction markers, which are not handed out.
            for (topic, partition, end) in &batch.ends {
                if open.get(&(*topic, *partition)).is_some_and(|until| end >= until) {
                    open.remove(&(*topic, *partition));
                }
            }
            idle = if batch.is_nothing() { idle + 1 } else { 0 };
            if idle > 120 {
                return Err(LogError::Unavailable(
                    "partitions were silent for 60 s before their ends".into(),
                ));
            }
        }
        self.assign(&[])
    }
}

/// Faults that the client gets over by itself.
fn is_passing(error: sys::rd_kafka_resp_err_t) -> bool {
    use sys::rd_kafka_resp_err_t as e;
    matches!(
        error,
        e::RD_KAFKA_RESP_ERR__TRANSPORT
            | e::RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN
            | e::RD_KAFKA_RESP_ERR__TIMED_OUT
            | e::RD_KAFKA_RESP_ERR__RESOLVE
            | e::RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE
            | e::RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION
            | e::RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET
            | e::RD_KAFKA_RESP_ERR_OFFSET_NOT_AVAILABLE
    )
}

fn cannot_read(partition: i32, first: i64) -> LogError {
    LogError::Unavailable(format!("a batch can't be decompressed: partition {partition}, offset {first}"))
}

fn error_text(error: sys::rd_kafka_resp_err_t) -> String {
    // SAFETY: librdkafka returns a static NUL-terminated string for every code.
    unsafe { CStr::from_ptr(sys::rd_kafka_err2str(error)) }.to_string_lossy().into_owned()
}

/// Records of one poll.
#[derive(Default)]
pub struct KafkaBatch {
    messages: Vec<(*mut RDKafkaMessage, TopicId)>,
    /// Partitions whose end was reached: (topic, partition, offset of the end).
    pub ends: Vec<(TopicId, i32, i64)>,
    unreadable: Vec<Unreadable>,
    /// The partition of each of these.
    unreadable_in: Vec<i32>,
}

impl Drop for KafkaBatch {
    fn drop(&mut self) {
        for (message, _) in &self.messages {
            // SAFETY: each message is owned by the batch and destroyed once.
            unsafe { sys::rd_kafka_message_destroy(*message) };
        }
    }
}

impl KafkaBatch {
    fn message(&self, i: usize) -> &RDKafkaMessage {
        // SAFETY: messages live as long as the batch.
        unsafe { &*self.messages[i].0 }
    }

    /// The partition of the i-th record.
    #[must_use]
    pub fn partition(&self, i: usize) -> i32 {
        self.message(i).partition
    }

    /// What was passed over, each with its partition.
    pub fn passed_over(&self) -> impl Iterator<Item = (i32, &Unreadable)> {
        self.unreadable_in.iter().copied().zip(&self.unreadable)
    }

    /// Whether the poll brought no word of any partition.
    pub(crate) fn is_nothing(&self) -> bool {
        self.messages.is_empty() && self.ends.is_empty()
    }

    fn native_headers(&self, i: usize) -> Option<*mut sys::rd_kafka_headers_t> {
        let mut headers = std::ptr::null_mut();
        // SAFETY: the message lives; on success the headers belong to it.
        let found = unsafe { sys::rd_kafka_message_headers(self.messages[i].0, &raw mut headers) };
        (found == sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR).then_some(headers)
    }
}

/// The bytes at `data`; `None` for null.
///
/// # Safety
/// `data` must be null or valid for `len` bytes as long as `'a`.
unsafe fn bytes<'a>(data: *const std::ffi::c_void, len: usize) -> Option<&'a [u8]> {
    // SAFETY: as promised by the caller.
    (!data.is_null()).then(|| unsafe { std::slice::from_raw_parts(data.cast::<u8>(), len) })
}

impl Batch for KafkaBatch {
    fn len(&self) -> usize {
        self.messages.len()
    }

    fn unreadable(&self) -> &[Unreadable] {
        &self.unreadable
    }

    fn get(&self, i: usize) -> RecordRef<'_> {
        let message = self.message(i);
        let mut kind = sys::rd_kafka_timestamp_type_t::RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
        // SAFETY: key and payload belong to the message, which lives as long as the batch.
        unsafe {
            RecordRef {
                topic: self.messages[i].1,
                offset: Offset(message.offset),
                produced_at: sys::rd_kafka_message_timestamp(message, &raw mut kind),
                key: bytes(message.key, message.key_len),
                value: bytes(message.payload, message.len),
            }
        }
    }

    fn headers(&self, i: usize) -> Vec<(String, Vec<u8>)> {
        let Some(headers) = self.native_headers(i) else { return Vec::new() };
        let (mut all, mut at) = (Vec::new(), 0);
        let (mut name, mut value, mut len) = (std::ptr::null(), std::ptr::null(), 0);
        // SAFETY: names are NUL-terminated, values valid for `len`, both as long as the message.
        while unsafe {
            sys::rd_kafka_header_get_all(headers, at, &raw mut name, &raw mut value, &raw mut len)
        } == sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR
        {
            // SAFETY: as above.
            let (name, value) = unsafe { (CStr::from_ptr(name), bytes(value, len)) };
            all.push((name.to_string_lossy().into_owned(), value.unwrap_or_default().to_vec()));
            at += 1;
        }
        all
    }

    fn header(&self, i: usize, name: &str) -> Option<Vec<u8>> {
        self.native_headers(i)?;
        self.headers(i).into_iter().rev().find(|(n, _)| n == name).map(|(_, value)| value)
    }
}
