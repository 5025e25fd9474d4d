//! The log of one task on Kafka: one reader, one transactional producer.

use std::collections::HashMap;
use std::ffi::CString;
use std::sync::Arc;
use std::time::{Duration, Instant};

use aftercare_stream::log::{Batch, LogError, Outgoing, RecordRef, TaskLog};
use aftercare_stream::position::{Offset, Positions, ResumeAt, TopicId};
use rdkafka::config::FromClientConfig;
use rdkafka::consumer::ConsumerGroupMetadata;
use rdkafka::error::KafkaError;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer, ThreadedProducer};
use rdkafka::topic_partition_list::TopicPartitionList;
use rdkafka_sys as sys;

use crate::Cluster;
use crate::drain::{Assigned, Drain, KafkaBatch};
use crate::error::TransactionError;
use crate::topics;

/// How long one call waits for the cluster before it is asked again.
const CALL: Duration = Duration::from_secs(10);
/// Records of one poll. Few enough that a message is still in the processor's cache when it is let go.
const POLL_RECORDS: usize = 1024;
/// How long a commit is asked again before the task gives up; the successor settles what is left.
const COMMIT_GIVE_UP: Duration = Duration::from_secs(60);

/// Hands out the group's metadata as of the last rebalance: the second fence of a transaction.
pub type GroupMetadata = Arc<dyn Fn() -> Option<ConsumerGroupMetadata> + Send + Sync>;

/// What a task's log has to know.
pub struct TaskLogSettings {
    /// The task's partition.
    pub partition: i32,
    /// Names of topics, by `TopicId`.
    pub topics: Vec<&'static str>,
    /// The changelog.
    pub changelog: TopicId,
    /// Topics that have one partition, whatever the task's is.
    pub broadcast: Vec<TopicId>,
    /// The group's metadata; `None` in a bench without a group.
    pub group: Option<GroupMetadata>,
    /// Settings that go over the reader's defaults.
    pub reader: Vec<(&'static str, &'static str)>,
    /// Called with the name of each step as it is passed, for tests that end the process there. See [`steps`].
    pub probe: fn(&'static str),
}

/// The steps of a task's log that a probe is told of.
pub mod steps {
    /// The predecessor is fenced, its transaction settled.
    pub const TAKEN_OVER: &str = "task.taken-over";
    /// One more record of the changelog was read.
    pub const RESTORING: &str = "task.restoring";
    /// The changelog was read to its end.
    pub const RESTORED: &str = "task.restored";
    /// Reading from known positions has begun.
    pub const RESUMED: &str = "task.resumed";
    /// Records were read.
    pub const POLLED: &str = "task.polled";
    /// One more record, not of the changelog, was written in the open transaction.
    pub const SENT: &str = "task.sent";
    /// One more record of the changelog was written in the open transaction.
    pub const CHANGELOG_SENT: &str = "task.changelog-sent";
    /// All records of the transaction were written, its positions were not.
    pub const COMMIT_CALLED: &str = "task.commit-called";
    /// The positions were sent in the transaction; the commit follows at once.
    pub const COMMITTING: &str = "task.committing";
    /// The cluster has confirmed the commit.
    pub const COMMITTED: &str = "task.committed";
    /// The transaction was aborted.
    pub const ABORTED: &str = "task.aborted";
    /// The changelog is about to be cut.
    pub const CUTTING: &str = "task.cutting";
    /// The changelog was cut.
    pub const CUT: &str = "task.cut";
}

/// The log of one task.
pub struct KafkaTaskLog {
    cluster: Cluster,
    settings: TaskLogSettings,
    names: Vec<String>,
    drain: Drain,
    producer: ThreadedProducer<DefaultProducerContext>,
    /// Topic handles of the producer, made when first needed.
    handles: HashMap<TopicId, *mut sys::rd_kafka_topic_t>,
    open: bool,
}

// SAFETY: librdkafka's handles may be used from any thread; the log is used through `&mut self` only.
unsafe impl Send for KafkaTaskLog {}

impl Drop for KafkaTaskLog {
    fn drop(&mut self) {
        for handle in self.handles.values() {
            // SAFETY: each handle was made by rd_kafka_topic_new and is destroyed once, before the producer.
            unsafe { sys::rd_kafka_topic_destroy(*handle) };
        }
    }
}

impl KafkaTaskLog {
    /// Clients for the task `{app}-{partition}`; nothing is fenced before `take_over`.
    ///
    /// # Errors
    /// When a setting is refused.
    pub fn open(cluster: &Cluster, settings: TaskLogSettings) -> Result<Self, LogError> {
        let mut config = cluster.client();
        config
            .set("transactional.id", format!("{}-{}", cluster.app, settings.partition))
            .set("transaction.timeout.ms", "60000")
            // Reports of what went well would fill a queue that nobody needs and make each commit wait for it.
            .set("delivery.report.only.error", "true")
            // Nobody sees a row before its transaction ends, which sends what is left at once: until then a batch may
            // fill, or the client would look after each of a dozen topics every millisecond.
            .set("linger.ms", "20")
            // The default makes a transaction that is begun right after a commit wait 100 ms.
            .set("retry.backoff.ms", "2")
            .set("retry.backoff.max.ms", "50")
            .set("queue.buffering.max.messages", "2000000")
            .set("queue.buffering.max.kbytes", "524288")
            .set("batch.size", "1000000")
            .set("batch.num.messages", "50000")
            .set("message.max.bytes", topics::RECORD_BYTES_MAX.to_string());
        let producer = ThreadedProducer::from_config(&config).map_err(|e| LogError::Fatal(e.to_string()))?;
        let names = settings.topics.iter().map(|name| cluster.topic(name)).collect();
        let drain = Drain::open(cluster, &settings.reader)?;
        let cluster = cluster.clone();
        Ok(Self { cluster, settings, names, drain, producer, handles: HashMap::new(), open: false })
    }

    fn name(&self, topic: TopicId) -> &str {
        &self.names[usize::from(topic.0)]
    }

    fn assigned(&self, id: TopicId, from: i64) -> Assigned {
        let partition = if self.settings.broadcast.contains(&id) { 0 } else { self.settings.partition };
        Assigned { id, topic: self.name(id).to_owned(), partition, from }
    }

    fn begin(&mut self) -> Result<(), LogError> {
        if !self.open {
            self.producer.begin_transaction().map_err(|e| log_error("begin a transaction", e))?;
            self.open = true;
        }
        Ok(())
    }

    fn handle(&mut self, topic: TopicId) -> Result<*mut sys::rd_kafka_topic_t, LogError> {
        if let Some(handle) = self.handles.get(&topic) {
            return Ok(*handle);
        }
        let name = CString::new(self.name(topic)).map_err(|e| LogError::Fatal(e.to_string()))?;
        let client = self.producer.client().native_ptr();
        // SAFETY: the client lives, the name is NUL-terminated, a null configuration means the default.
        let handle = unsafe { sys::rd_kafka_topic_new(client, name.as_ptr(), std::ptr::null_mut()) };
        if handle.is_null() {
            return Err(LogError::Fatal(format!("no handle for topic {}", self.name(topic))));
        }
        self.handles.insert(topic, handle);
        Ok(handle)
    }

    /// Produces without headers; `false` when the client's queue is full.
    fn produce(&mut self, record: &Outgoing<'_>) -> Result<bool, LogError> {
        let handle = self.handle(record.topic)?;
        let (value, value_len) = raw(record.value);
        let (key, key_len) = raw(record.key);
        let copy = sys::RD_KAFKA_MSG_F_COPY;
        // SAFETY: key and value are valid for their lengths during the call, which copies them.
        let failed = unsafe {
            sys::rd_kafka_produce(
                handle,
                record.partition,
                copy,
                value.cast_mut(),
                value_len,
                key,
                key_len,
                std::ptr::null_mut(),
            )
        };
        if failed == 0 {
            return Ok(true);
        }
        // SAFETY: reads the calling thread's last error.
        match unsafe { sys::rd_kafka_last_error() } {
            sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR__QUEUE_FULL => Ok(false),
            sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR__FENCED => Err(LogError::Fenced("produce".into())),
            other => Err(LogError::Aborted(format!("produce to {}: {other:?}", self.name(record.topic)))),
        }
    }

    fn produce_with_headers(&mut self, record: &Outgoing<'_>) -> Result<bool, LogError> {
        let mut headers = OwnedHeaders::new_with_capacity(record.headers.len());
        for (key, value) in record.headers {
            headers = headers.insert(Header { key, value: Some(*value) });
        }
        let topic = self.names[usize::from(record.topic.0)].clone();
        let mut message: BaseRecord<'_, [u8], [u8]> =
            BaseRecord::to(&topic).partition(record.partition).headers(headers);
        message.key = record.key;
        message.payload = record.value;
        match self.producer.send(message) {
            Ok(()) => Ok(true),
            Err((KafkaError::MessageProduction(rdkafka::error::RDKafkaErrorCode::QueueFull), _)) => Ok(false),
            Err((error, _)) => Err(LogError::Aborted(format!("produce to {topic}: {error}"))),
        }
    }

    fn send_positions(&mut self, positions: &Positions) -> Result<(), LogError> {
        let Some(group) = &self.settings.group else { return Ok(()) };
        let Some(metadata) = group() else {
            return Err(LogError::Aborted("the group has no assignment now".into()));
        };
        let mut list = TopicPartitionList::new();
        for (topic, ResumeAt(at)) in positions.iter() {
            if !self.settings.broadcast.contains(&topic) {
                let offset = rdkafka::Offset::Offset(at);
                list.add_partition_offset(self.name(topic), self.settings.partition, offset)
                    .map_err(|e| LogError::Fatal(e.to_string()))?;
            }
        }
        self.producer.send_offsets_to_transaction(&list, &metadata, CALL).map_err(|e| {
            match log_error("send positions", e) {
                // What can't be sent now is sent with the next try of the same inputs.
                LogError::Unavailable(text) => LogError::Aborted(text),
                other => other,
            }
        })
    }
}

fn raw(bytes: Option<&[u8]>) -> (*const std::ffi::c_void, usize) {
    bytes.map_or((std::ptr::null(), 0), |b| (b.as_ptr().cast(), b.len()))
}

fn log_error(doing: &str, error: KafkaError) -> LogError {
    match error {
        KafkaError::Transaction(error) => TransactionError::from(&error).into_log(doing),
        other => LogError::Unavailable(format!("{doing}: {other}")),
    }
}

impl TaskLog for KafkaTaskLog {
    type Batch = KafkaBatch;

    fn take_over(&mut self) -> Result<(), LogError> {
        self.producer.init_transactions(CALL).map_err(|e| log_error("take over", e))?;
        (self.settings.probe)(steps::TAKEN_OVER);
        Ok(())
    }

    fn read_changelog(&mut self, each: &mut dyn FnMut(&[u8])) -> Result<(), LogError> {
        let from = self.assigned(self.settings.changelog, 0);
        let probe = self.settings.probe;
        self.drain.read_through(from, None, &mut |record| {
            if let Some(value) = record.value {
                each(value);
            }
            probe(steps::RESTORING);
        })?;
        probe(steps::RESTORED);
        Ok(())
    }

    fn read_broadcast(
        &mut self,
        topic: TopicId,
        until: Option<ResumeAt>,
        each: &mut dyn FnMut(RecordRef<'_>),
    ) -> Result<ResumeAt, LogError> {
        let from = self.assigned(topic, 0);
        self.drain.read_through(from, until.map(|u| u.0), each).map(ResumeAt)
    }

    fn resume(&mut self, from: &Positions) -> Result<(), LogError> {
        let assigned: Vec<_> = from.iter().map(|(topic, at)| self.assigned(topic, at.0)).collect();
        self.drain.assign(&assigned)?;
        (self.settings.probe)(steps::RESUMED);
        Ok(())
    }

    fn poll(&mut self, wait: Duration) -> Result<KafkaBatch, LogError> {
        let batch = self.drain.poll_past(&self.cluster, wait, POLL_RECORDS)?;
        if !batch.is_empty() {
            (self.settings.probe)(steps::POLLED);
        }
        Ok(batch)
    }

    fn send(&mut self, record: &Outgoing<'_>) -> Result<(), LogError> {
        self.begin()?;
        let deadline = Instant::now() + COMMIT_GIVE_UP;
        loop {
            let sent = if record.headers.is_empty() {
                self.produce(record)?
            } else {
                self.produce_with_headers(record)?
            };
            if sent {
                let changelog = record.topic == self.settings.changelog;
                (self.settings.probe)(if changelog { steps::CHANGELOG_SENT } else { steps::SENT });
                return Ok(());
            }
            // The client's queue is full: the broker sets the pace.
            if Instant::now() > deadline {
                return Err(LogError::Unavailable("the producer's queue stays full".into()));
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    fn commit(&mut self, positions: &Positions) -> Result<(), LogError> {
        self.begin()?;
        (self.settings.probe)(steps::COMMIT_CALLED);
        self.send_positions(positions)?;
        (self.settings.probe)(steps::COMMITTING);
        let deadline = Instant::now() + COMMIT_GIVE_UP;
        loop {
            let wait = i32::try_from(CALL.as_millis()).expect("10 s");
            let client = self.producer.client().native_ptr();
            // SAFETY: the client lives; the returned error object is taken over.
            let error = unsafe { TransactionError::take(sys::rd_kafka_commit_transaction(client, wait)) };
            let Some(error) = error else {
                self.open = false;
                (self.settings.probe)(steps::COMMITTED);
                return Ok(());
            };
            // No answer is not an answer: the same commit is asked again until there is one.
            if !error.retriable || Instant::now() > deadline {
                return Err(error.into_log("commit"));
            }
        }
    }

    fn abort(&mut self) -> Result<(), LogError> {
        if !self.open {
            return Ok(());
        }
        let deadline = Instant::now() + COMMIT_GIVE_UP;
        loop {
            match self.producer.abort_transaction(CALL) {
                Ok(()) => {
                    self.open = false;
                    (self.settings.probe)(steps::ABORTED);
                    return Ok(());
                }
                Err(KafkaError::Transaction(error)) if error.is_retriable() && Instant::now() < deadline => {}
                Err(error) => return Err(log_error("abort", error)),
            }
        }
    }

    fn changelog_end(&mut self) -> Result<Offset, LogError> {
        self.drain
            .watermarks(self.name(self.settings.changelog), self.settings.partition)
            .map(|(_, end)| Offset(end))
    }

    fn truncate_changelog(&mut self, before: Offset) -> Result<(), LogError> {
        let name = self.name(self.settings.changelog);
        (self.settings.probe)(steps::CUTTING);
        topics::delete_before(&self.cluster, name, self.settings.partition, before.0)
            .map_err(|e| LogError::Unavailable(e.to_string()))?;
        (self.settings.probe)(steps::CUT);
        Ok(())
    }
}
