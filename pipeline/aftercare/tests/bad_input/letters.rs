//! The dead letters: each is the record that it says it is, to the last byte, with the headers that Connect's tools
//! look for.

use std::collections::BTreeMap;
use std::time::Duration;

use aftercare_kafka::drain::{Assigned, Drain, Range};
use aftercare_runtime::output::headers;
use aftercare_runtime::topics::{self, DEAD_LETTERS, Role};
use aftercare_schemas::{codec, wire};
use aftercare_stream::log::Batch;
use aftercare_stream::position::TopicId;

use crate::PARTITIONS;
use crate::case::Sent;
use crate::records::MARK;
use crate::sql::sql;
use crate::support::{Stack, wait_until};

/// The largest record that a dead letter carries.
const CARRIED_BYTES_MAX: usize = 20 << 20;

#[derive(Debug, PartialEq, Eq)]
struct Record {
    key: Option<Vec<u8>>,
    value: Option<Vec<u8>>,
    headers: Vec<(String, Vec<u8>)>,
}

impl Record {
    fn bytes(&self) -> usize {
        let headers: usize = self.headers.iter().map(|(name, value)| name.len() + value.len()).sum();
        self.key.as_ref().map_or(0, Vec::len) + self.value.as_ref().map_or(0, Vec::len) + headers
    }
}

/// Every committed record of these topics by place.
fn read(stack: &Stack, ids: impl Iterator<Item = TopicId>) -> BTreeMap<(TopicId, i32, i64), Record> {
    let cluster = stack.cluster();
    let mut drain = Drain::open_for_ranges(&cluster).unwrap();
    let mut ranges = Vec::new();
    for id in ids {
        let topic = cluster.topic(topics::name(id));
        for partition in 0..PARTITIONS {
            let (from, until) = drain.watermarks(&topic, partition).unwrap();
            ranges.push(Range { from: Assigned { id, topic: topic.clone(), partition, from }, until });
        }
    }
    let mut found = BTreeMap::new();
    drain
        .read_ranges(&ranges, &mut |batch, i| {
            let record = batch.get(i);
            let whole = Record {
                key: record.key.map(<[u8]>::to_vec),
                value: record.value.map(<[u8]>::to_vec),
                headers: batch.headers(i),
            };
            found.insert((record.topic, batch.partition(i), record.offset.0), whole);
        })
        .unwrap();
    found
}

/// All dead letters are those that are expected, and each holds the record that it names.
pub(crate) fn check(stack: &Stack, sent: &[Sent], mut expected: Vec<(&'static str, &'static str)>) {
    let inputs = topics::TOPICS.iter().filter(|topic| matches!(topic.role, Role::Input | Role::Control));
    let inputs = read(stack, inputs.map(|topic| topic.id));
    let letters = read(stack, std::iter::once(DEAD_LETTERS));
    let mut found = Vec::new();
    let mut rows = Vec::new();
    for letter in letters.values() {
        let (stage, reason, row) = holds_its_record(letter, &inputs, sent);
        found.push((stage, reason));
        rows.push(row);
    }
    found.sort_unstable();
    expected.sort_unstable();
    let expected: Vec<(String, String)> =
        expected.into_iter().map(|(stage, reason)| (stage.to_owned(), reason.to_owned())).collect();
    assert_eq!(found, expected);
    rows.sort_unstable();
    let table =
        "SELECT concat(topic, ' ', partition, ' ', offset) AS place FROM dead_letters FINAL ORDER BY place";
    let in_table = || Some(sql(stack, table)).filter(|places| places.lines().eq(&rows));
    wait_until("the dead letters in ClickHouse", Duration::from_secs(60), in_table);
}

/// Its stage, its reason, and the place of its record.
fn holds_its_record(
    letter: &Record,
    inputs: &BTreeMap<(TopicId, i32, i64), Record>,
    sent: &[Sent],
) -> (String, String, String) {
    let (ours, theirs): (Vec<_>, Vec<_>) = letter
        .headers
        .iter()
        .cloned()
        .partition(|(name, _)| name.starts_with("__connect.errors.") || *name == *headers::DEAD_LETTER);
    let header = |name: &str| ours.iter().find(|(n, _)| n == name).map(|(_, value)| &**value).unwrap();
    let text = |name: &str| std::str::from_utf8(header(name)).unwrap().to_owned();
    let row: wire::DeadLetter<'_> =
        codec::decode("dead-letters", Some(header(headers::DEAD_LETTER)), None).unwrap();
    assert_eq!(ours.len(), 6, "each of our headers once");
    assert_eq!(text(headers::TOPIC), row.topic);
    assert_eq!(text(headers::PARTITION), row.partition.to_string());
    assert_eq!(text(headers::OFFSET), row.offset.to_string());
    assert_eq!(text(headers::STAGE), row.stage);
    assert_eq!(text(headers::MESSAGE), row.message);
    assert!(!row.message.contains(MARK) && !row.message.contains("71"), "{}", row.message);

    let topic = topics::by_name(row.topic).unwrap();
    let input = &inputs[&(topic.id, row.partition, row.offset)];
    let length = |part: &Option<Vec<u8>>| u32::try_from(part.as_ref().map_or(0, Vec::len)).unwrap();
    assert_eq!((row.key_bytes, row.value_bytes), (length(&input.key), length(&input.value)));
    if input.bytes() > CARRIED_BYTES_MAX {
        assert_eq!((&letter.key, &letter.value, theirs.len()), (&None, &None, 0), "{}", row.reason);
    } else {
        let carried = Record { key: letter.key.clone(), value: letter.value.clone(), headers: theirs };
        assert!(carried == *input, "{} {}: not the record that it names", row.reason, row.offset);
        let same = |sent: &&Sent| {
            let headers = sent.headers.iter().map(|(name, value)| (*name, &**value));
            let carried_headers = carried.headers.iter().map(|(name, value)| (&**name, &**value));
            (sent.topic, &sent.key, &sent.value) == (row.topic, &carried.key, &carried.value)
                && headers.eq(carried_headers)
        };
        assert!(sent.iter().any(|sent| same(&sent)), "{} {}: nobody sent it", row.reason, row.offset);
    }
    let place = format!("{} {} {}", row.topic, row.partition, row.offset);
    (row.stage.to_owned(), row.reason.to_owned(), place)
}
