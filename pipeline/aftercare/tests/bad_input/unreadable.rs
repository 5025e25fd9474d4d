//! Records that no Kafka client of ours can read: a batch that decompresses to more than its receive buffer may hold.

use std::time::Duration;

use aftercare_kafka::Cluster;

use crate::records::{DAY_MS, answered, enrolled, enrolment, reading, upload, worn};
use crate::support::wait_until;
use crate::{LIMIT, Receipt, Stack, World, partition_of, serve, sql};

const PATIENT: &str = "qx7-behind";
/// Zeros, so that what the broker gets is small.
const BYTES: usize = 120_000_000;

/// A writer of one batch with so many records that are as large together.
fn write_giant(stack: &Stack, topic: &str, partition: i32, records: usize) {
    let text = |text: &str| text.to_owned();
    let extra = vec![
        (text("compression.type"), text("zstd")),
        (text("message.max.bytes"), text("250000000")),
        (text("batch.size"), text("250000000")),
        // Until it is flushed.
        (text("linger.ms"), text("60000")),
    ];
    let writer = Cluster { extra, ..stack.cluster() }.writer().unwrap();
    let value = vec![0; BYTES / records];
    for _ in 0..records {
        writer.write_to(topic, partition, Some(b"giant"), Some(&value), &[]).unwrap();
    }
    writer.flush().unwrap();
}

#[test]
fn a_batch_that_nobody_can_read_is_passed_over_and_named() {
    let stack = Stack::start(crate::PARTITIONS, "");
    let mut instance = serve(&stack);
    let start = crate::now();
    let writer = stack.cluster().writer().unwrap();
    let mut world = World::new(&stack, &instance, writer);
    world.tick(start);
    let home = partition_of(PATIENT.as_bytes(), crate::PARTITIONS);
    let at = start - DAY_MS;
    world.send(enrolled(&enrolment("qx7-enrolment", PATIENT, at - 30 * DAY_MS)));
    world.writer.flush().unwrap();
    for (topic, records) in [("prom-responses", 1), ("prom-responses", 5), ("wearable-readings", 3)] {
        write_giant(&stack, topic, home, records);
    }
    world.send(answered(&upload("qx7-after", PATIENT, at)));
    world.send(worn(PATIENT, vec![reading(at)]));
    world.writer.flush().unwrap();
    world.stands("behind them", &Receipt::of("qx7-after").question(), "\"accepted\",\\N,1,0,0");
    world.stands("behind them", "SELECT count() FROM readings FINAL FORMAT CSV", "1");
    let letters = "SELECT topic, partition, offset, reason, message FROM dead_letters FINAL ORDER BY topic, offset \
                   FORMAT TSV";
    let expected = [("prom-responses", 0, 0), ("prom-responses", 1, 5), ("wearable-readings", 0, 2)].map(
        |(topic, from, to)| {
            format!("{topic}\t{home}\t{from}\tunreadable_batch\toffsets {from} to {to}: a batch that cannot be decompressed")
        },
    );
    world.stands("their dead letters", letters, &expected.join("\n"));
    let metric = "aftercare_dead_letters_total{reason=\"unreadable_batch\"} 3";
    wait_until(metric, LIMIT, || instance.get("/metrics")?.1.contains(metric).then_some(()));

    // Readings are counted at ticks.
    world.tick(start + 1_000);
    world.writer.flush().unwrap();
    world.stands("counted", "SELECT sum(records) FROM reading_receipts FINAL FORMAT CSV", "1");

    // They can't be replayed from the letter, and nothing is missing.
    let replayed = stack.run(&["dlq", "replay", "--reason", "unreadable_batch"]);
    assert!(!replayed.status.success(), "{}", String::from_utf8_lossy(&replayed.stdout));
    let audit = stack.run(&["audit", "--wait", "60", "--deep"]);
    assert!(audit.status.success(), "{}", String::from_utf8_lossy(&audit.stdout));
    assert!(instance.stop(Duration::from_secs(15)).success(), "{}", instance.log_tail());
    assert!(!sql(&stack, "SELECT count() FROM scores FINAL FORMAT CSV").starts_with('0'));
}
