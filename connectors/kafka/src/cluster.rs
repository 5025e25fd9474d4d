//! Which cluster, and how its clients are set up.

use std::fmt;
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};

use crate::error::KafkaFault;

/// A Kafka cluster and the application's names in it.
#[derive(Clone)]
pub struct Cluster {
    /// Bootstrap servers, `host:port,...`.
    pub bootstrap: String,
    /// librdkafka settings that are passed through to every client: SASL, TLS, and whatever a site needs.
    pub extra: Vec<(String, String)>,
    /// Prefix of topics, groups and transactional ids.
    pub app: String,
}

impl fmt::Debug for Cluster {
    /// Without the values of the settings: passwords are among them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let extra: Vec<_> = self.extra.iter().map(|(key, _)| key).collect();
        f.debug_struct("Cluster")
            .field("bootstrap", &self.bootstrap)
            .field("extra", &extra)
            .field("app", &self.app)
            .finish()
    }
}

impl Cluster {
    /// The topic's name in this cluster.
    #[must_use]
    pub fn topic(&self, name: &str) -> String {
        format!("{}.{name}", self.app)
    }

    /// Settings that every client shares.
    pub(crate) fn client(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config
            .set("bootstrap.servers", &self.bootstrap)
            .set("client.id", format!("{}-{}", self.app, std::process::id()))
            .set("socket.nagle.disable", "true")
            // The default lets a client sleep for seconds after a broker's restart.
            .set("reconnect.backoff.max.ms", "1000")
            .set("topic.metadata.refresh.fast.interval.ms", "100");
        for (key, value) in &self.extra {
            config.set(key, value);
        }
        config
    }

    /// A reader of assigned partitions that belongs to no group. `group.id` is only a name: it never joins.
    pub(crate) fn reader(&self) -> ClientConfig {
        let mut config = self.client();
        config
            .set("group.id", format!("{}.reader", self.app))
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            .set("enable.partition.eof", "true")
            .set("isolation.level", "read_committed")
            .set("auto.offset.reset", "earliest")
            // The default stops fetching for a second whenever the local queue is full.
            .set("fetch.queue.backoff.ms", "1")
            .set("fetch.error.backoff.ms", "20")
            // A reader that turns to another partition waits for the answer to its last question first, which the broker
            // gives after this long when it has nothing; a takeover does so four times.
            .set("fetch.wait.max.ms", "50")
            .set("fetch.max.bytes", "52428800")
            .set("max.partition.fetch.bytes", "4194304")
            .set("receive.message.max.bytes", "104857600")
            .set("queued.max.messages.kbytes", "131072");
        config
    }

    /// How many partitions a topic has.
    ///
    /// # Errors
    /// When the cluster can't be reached for 10 s, or has no such topic.
    pub fn partitions(&self, name: &str) -> Result<i32, KafkaFault> {
        self.partitions_within(name, Duration::from_secs(10))
    }

    /// As [`Cluster::partitions`], waiting no longer than `timeout` for the cluster.
    ///
    /// # Errors
    /// When the cluster can't be reached, or has no such topic.
    pub fn partitions_within(&self, name: &str, timeout: Duration) -> Result<i32, KafkaFault> {
        let topic = self.topic(name);
        let consumer: BaseConsumer = self.reader().create().map_err(KafkaFault::doing("create a client"))?;
        let metadata = consumer
            .fetch_metadata(Some(&topic), timeout)
            .map_err(KafkaFault::doing("read a topic's metadata"))?;
        let found = metadata.topics().first().filter(|t| t.error().is_none() && !t.partitions().is_empty());
        match found {
            Some(found) => i32::try_from(found.partitions().len())
                .map_err(|error| KafkaFault::Other(format!("count the partitions of {topic}: {error}"))),
            None => Err(KafkaFault::Other(format!(
                "topic {topic} does not exist; `aftercare migrate` creates it"
            ))),
        }
    }
}
