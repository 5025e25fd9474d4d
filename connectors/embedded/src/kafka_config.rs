//! What the broker is told: one node that is broker and controller at once, durable against its own crash, and with
//! limits wide enough for the largest input (16 MiB) and the largest dead letter (20 MiB).

use std::fmt::Write;
use std::path::Path;

/// The line that the broker logs when it is up.
pub(crate) const STARTED: &str = "Kafka Server started";

const NODE_ID: u32 = 1;
/// 20 MiB of dead letter, and room for headers and framing.
const RECORD_BYTES_MAX: u32 = 21 * 1024 * 1024;

/// `server.properties`.
pub(crate) fn server_properties(log_dir: &Path, port: u16, controller_port: u16) -> String {
    let log_dir = log_dir.display().to_string();
    let mut text = String::new();
    let mut set = |key: &str, value: &dyn std::fmt::Display| {
        writeln!(text, "{key}={value}").expect("writing to a string does not fail");
    };
    set("process.roles", &"broker,controller");
    set("node.id", &NODE_ID);
    set("controller.quorum.voters", &format_args!("{NODE_ID}@127.0.0.1:{controller_port}"));
    set("listeners", &format_args!("PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}"));
    set("advertised.listeners", &format_args!("PLAINTEXT://127.0.0.1:{port}"));
    set("controller.listener.names", &"CONTROLLER");
    set("listener.security.protocol.map", &"PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT");
    set("log.dirs", &log_dir.replace('\\', "\\\\"));

    // a misspelled topic must be an error, not a new topic
    set("auto.create.topics.enable", &false);
    set("default.replication.factor", &1);
    set("min.insync.replicas", &1);
    for topic in ["offsets.topic", "transaction.state.log", "share.coordinator.state.topic"] {
        set(&format!("{topic}.replication.factor"), &1);
        set(&format!("{topic}.num.partitions"), &4);
    }
    set("transaction.state.log.min.isr", &1);
    set("share.coordinator.state.topic.min.isr", &1);

    // back within seconds after a kill: the predecessor counts as alive until its session ends
    set("broker.session.timeout.ms", &2000);
    set("broker.heartbeat.interval.ms", &500);
    set("group.initial.rebalance.delay.ms", &0);
    // a test may want a dead member noticed sooner than after 6 s
    set("group.min.session.timeout.ms", &1000);

    set("message.max.bytes", &RECORD_BYTES_MAX);
    set("replica.fetch.max.bytes", &RECORD_BYTES_MAX);
    // nothing is deleted unless a topic says so, nor is the place of a reader that was away for long (10 years)
    set("log.retention.ms", &-1);
    set("offsets.retention.minutes", &(10 * 365 * 24 * 60));
    // 32 MiB of the small heap instead of 128 for compaction
    set("log.cleaner.dedupe.buffer.size", &(32 * 1024 * 1024));
    text
}

/// The logging configuration: warnings, and the one line that says that the broker is up.
pub(crate) const LOG4J2: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<Configuration status="WARN" shutdownHook="disable">
  <Appenders>
    <Console name="console" target="SYSTEM_OUT">
      <PatternLayout pattern="%d{yyyy-MM-dd'T'HH:mm:ss.SSS} %p %c{1} %m%n"/>
    </Console>
  </Appenders>
  <Loggers>
    <Logger name="kafka.server.KafkaRaftServer" level="INFO"/>
    <Root level="WARN"><AppenderRef ref="console"/></Root>
  </Loggers>
</Configuration>
"#;
