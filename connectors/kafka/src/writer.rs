//! Writing from outside the flow: imports, simulations, tools. Idempotent, with back-pressure.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use aftercare_stream::partitioner::partition_of;
use rdkafka::ClientContext;
use rdkafka::config::FromClientConfigAndContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{DeliveryResult, Header, OwnedHeaders};
use rdkafka::producer::{BaseRecord, ProducerContext, ThreadedProducer};

use crate::error::KafkaFault;
use crate::{Cluster, topics};

/// How long a flush waits in all, and between two looks.
const FLUSH_MAX: Duration = Duration::from_secs(300);
const FLUSH_LOOK: Duration = Duration::from_micros(500);

#[derive(Default)]
struct Counts {
    queued: AtomicU64,
    acknowledged: AtomicU64,
    failed: AtomicU64,
}

struct Reports(Arc<Counts>);

impl ClientContext for Reports {}

impl ProducerContext for Reports {
    type DeliveryOpaque = ();
    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        match result {
            Ok(_) => self.0.acknowledged.fetch_add(1, Relaxed),
            Err((error, _)) => {
                tracing::error!(%error, "a record was not written");
                self.0.failed.fetch_add(1, Relaxed)
            }
        };
    }
}

/// How many records the cluster has confirmed since the writer was opened.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Written {
    /// Records confirmed by all in-sync replicas.
    pub acknowledged: u64,
}

/// Writes records by their keys.
pub struct RecordWriter {
    cluster: Cluster,
    producer: ThreadedProducer<Reports>,
    counts: Arc<Counts>,
    partitions: std::sync::Mutex<std::collections::BTreeMap<String, i32>>,
}

impl Cluster {
    /// A writer.
    ///
    /// # Errors
    /// When a setting is refused.
    pub fn writer(&self) -> Result<RecordWriter, KafkaFault> {
        let mut config = self.client();
        config
            .set("enable.idempotence", "true")
            .set("linger.ms", "5")
            .set("queue.buffering.max.messages", "500000")
            .set("queue.buffering.max.kbytes", "262144")
            .set("batch.size", "1000000")
            .set("message.max.bytes", topics::RECORD_BYTES_MAX.to_string());
        // What a site asks for goes over it.
        for (key, value) in &self.extra {
            config.set(key, value);
        }
        let counts = Arc::new(Counts::default());
        let producer = ThreadedProducer::from_config_and_context(&config, Reports(Arc::clone(&counts)))
            .map_err(KafkaFault::doing("create a producer"))?;
        Ok(RecordWriter { cluster: self.clone(), producer, counts, partitions: Default::default() })
    }
}

impl RecordWriter {
    /// Writes to the partition that the key belongs to. `topic` is without the application's prefix. Returns when
    /// the record is queued; `flush` says what was confirmed.
    ///
    /// # Errors
    /// When the topic does not exist or the record is refused at once.
    pub fn write(
        &self,
        topic: &str,
        key: &[u8],
        value: &[u8],
        headers: &[(&str, &[u8])],
    ) -> Result<(), KafkaFault> {
        let partition = partition_of(key, self.partitions(topic)?);
        self.write_to(topic, partition, Some(key), Some(value), headers)
    }

    /// Writes to one partition.
    ///
    /// # Errors
    /// When the record is refused at once.
    pub fn write_to(
        &self,
        topic: &str,
        partition: i32,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: &[(&str, &[u8])],
    ) -> Result<(), KafkaFault> {
        let topic = self.cluster.topic(topic);
        loop {
            let mut record: BaseRecord<'_, [u8], [u8]> = BaseRecord::to(&topic).partition(partition);
            record.key = key;
            record.payload = value;
            if !headers.is_empty() {
                let mut all = OwnedHeaders::new_with_capacity(headers.len());
                for (key, value) in headers {
                    all = all.insert(Header { key, value: Some(*value) });
                }
                record = record.headers(all);
            }
            match self.producer.send(record) {
                Ok(()) => {
                    self.counts.queued.fetch_add(1, Relaxed);
                    return Ok(());
                }
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), _)) => {
                    std::thread::sleep(Duration::from_millis(2));
                }
                Err((error, _)) => return Err(KafkaFault::doing("write a record")(error)),
            }
        }
    }

    /// Waits until everything written so far is confirmed.
    ///
    /// # Errors
    /// When something was not, or not within five minutes.
    pub fn flush(&self) -> Result<Written, KafkaFault> {
        // The producer's own flush waits in steps of a tenth of a second; its thread tells us sooner.
        let (counts, began) = (&self.counts, Instant::now());
        let settled = || counts.acknowledged.load(Relaxed) + counts.failed.load(Relaxed);
        while settled() < counts.queued.load(Relaxed) {
            if began.elapsed() > FLUSH_MAX {
                let left = counts.queued.load(Relaxed) - settled();
                return Err(KafkaFault::Other(format!("{left} records were not confirmed")));
            }
            std::thread::sleep(FLUSH_LOOK);
        }
        match counts.failed.load(Relaxed) {
            0 => Ok(Written { acknowledged: counts.acknowledged.load(Relaxed) }),
            n => Err(KafkaFault::Other(format!("{n} records were not written"))),
        }
    }

    /// How many partitions a topic has; asked once.
    ///
    /// # Errors
    /// When the topic does not exist.
    pub fn partitions(&self, topic: &str) -> Result<i32, KafkaFault> {
        let mut known = self.partitions.lock().expect("no holder panics");
        if let Some(n) = known.get(topic) {
            return Ok(*n);
        }
        let n = self.cluster.partitions(topic)?;
        known.insert(topic.to_owned(), n);
        Ok(n)
    }
}
