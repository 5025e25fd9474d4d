//! Dead letters and the decisions about them, as Kafka has them.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use aftercare_kafka::Cluster;
use aftercare_kafka::drain::{Assigned, Drain, KafkaBatch, Range};
use aftercare_runtime::output::headers;
use aftercare_runtime::topics::{self, DEAD_LETTER_DECISIONS, DEAD_LETTERS};
use aftercare_schemas::{codec, wire};
use aftercare_stream::log::Batch;
use aftercare_stream::position::TopicId;
use anyhow::Context;
use serde::{Serialize, Serializer};

/// Where a dead letter is in the topic of dead letters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(super) partition: i32,
    pub(super) offset: i64,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.partition, self.offset)
    }
}

impl FromStr for Place {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parse = || {
            let (partition, offset) = text.split_once(':')?;
            let place = Self { partition: partition.parse().ok()?, offset: offset.parse().ok()? };
            (place.partition >= 0 && place.offset >= 0).then_some(place)
        };
        parse().ok_or_else(|| "a place is partition:offset, as aftercare dlq list shows it".to_owned())
    }
}

impl Serialize for Place {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// What was decided about a dead letter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Decision {
    pub(super) action: String,
    /// ms since 1970 UTC
    pub(super) decided_at: i64,
    pub(super) note: Option<String>,
}

/// What is known of a dead letter without its bytes. Times are ms since 1970 UTC.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Letter {
    pub(super) place: Place,
    pub(super) topic: String,
    pub(super) partition: i32,
    pub(super) offset: i64,
    pub(super) record_at: i64,
    pub(super) refused_at: i64,
    pub(super) stage: String,
    pub(super) reason: String,
    pub(super) message: String,
    pub(super) has_receipt: bool,
    pub(super) key_bytes: u32,
    pub(super) value_bytes: u32,
    pub(super) decision: Option<Decision>,
}

impl Letter {
    fn read(place: Place, header: &[u8]) -> Option<Self> {
        let row: wire::DeadLetter<'_> = codec::decode(topics::name(DEAD_LETTERS), Some(header), None).ok()?;
        Some(Self {
            place,
            topic: row.topic.to_owned(),
            partition: row.partition,
            offset: row.offset,
            record_at: row.record_at,
            refused_at: row.stored_at,
            stage: row.stage.to_owned(),
            reason: row.reason.to_owned(),
            message: row.message.to_owned(),
            has_receipt: row.receipt,
            key_bytes: row.key_bytes,
            value_bytes: row.value_bytes,
            decision: None,
        })
    }

    pub(super) fn is_open(&self) -> bool {
        self.decision.is_none()
    }
}

/// All dead letters that the topic still has, by place, with what was decided about them.
pub(super) fn read(cluster: &Cluster) -> anyhow::Result<BTreeMap<Place, Letter>> {
    let mut drain = Drain::open_for_ranges(cluster)?;
    let mut ranges = Vec::new();
    for partition in 0..cluster.partitions(topics::name(DEAD_LETTERS))? {
        let (first, end) = drain.watermarks(&topic(cluster), partition)?;
        ranges.push(range(cluster, partition, first, end));
    }
    let mut letters = BTreeMap::new();
    drain.read_ranges(&ranges, &mut |batch, i| {
        let place = place_of(batch, i);
        let header = batch.header(i, headers::DEAD_LETTER).unwrap_or_default();
        match Letter::read(place, &header) {
            Some(letter) => {
                letters.insert(place, letter);
            }
            None => tracing::warn!(%place, "a foreign record among the dead letters"),
        }
    })?;
    for (place, decision) in decisions(cluster, &mut drain)? {
        if let Some(letter) = letters.get_mut(&place) {
            letter.decision = Some(decision);
        }
    }
    Ok(letters)
}

/// The last decision about each place.
fn decisions(cluster: &Cluster, drain: &mut Drain) -> anyhow::Result<BTreeMap<Place, Decision>> {
    let name = topics::name(DEAD_LETTER_DECISIONS);
    let from = Assigned { id: DEAD_LETTER_DECISIONS, topic: cluster.topic(name), partition: 0, from: 0 };
    let mut all = BTreeMap::new();
    drain.read_through(from, None, &mut |record| match codec::decode::<wire::DeadLetterDecision<'_>>(
        name,
        record.value,
        None,
    ) {
        Ok(row) => {
            let place = Place { partition: row.partition, offset: row.offset };
            let note = row.note.map(str::to_owned);
            let action = row.action.to_owned();
            all.insert(place, Decision { action, decided_at: row.decided_at, note });
        }
        Err(error) => {
            tracing::warn!(offset = record.offset.0, %error, "a foreign record among the decisions")
        }
    })?;
    Ok(all)
}

/// Writes the same decision about each place.
pub(super) fn decide(
    cluster: &Cluster,
    places: impl Iterator<Item = Place>,
    decision: &Decision,
) -> anyhow::Result<()> {
    let name = topics::name(DEAD_LETTER_DECISIONS);
    let writer = cluster.writer()?;
    for place in places {
        let Place { partition, offset } = place;
        let Decision { action, decided_at, note } = decision;
        let row = wire::DeadLetterDecision {
            partition,
            offset,
            action,
            decided_at: *decided_at,
            note: note.as_deref(),
        };
        let mut value = Vec::new();
        codec::encode(name, &row, &mut value)?;
        writer.write_to(name, 0, Some(place.to_string().as_bytes()), Some(&value), &[])?;
    }
    writer.flush().context("write the decisions")?;
    Ok(())
}

/// Hands the records of these dead letters to `each`, each partition in its order.
pub(super) fn each(
    cluster: &Cluster,
    letters: &BTreeMap<Place, Letter>,
    each: &mut dyn FnMut(&Letter, &KafkaBatch, usize) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let mut parts: BTreeMap<i32, (i64, i64)> = BTreeMap::new();
    for place in letters.keys() {
        let (_, until) = parts.entry(place.partition).or_insert((place.offset, place.offset));
        *until = place.offset + 1;
    }
    let range = |(&partition, &(from, until)): (&i32, &(i64, i64))| range(cluster, partition, from, until);
    let ranges: Vec<Range> = parts.iter().map(range).collect();
    let (mut found, mut failed) = (0, None);
    Drain::open_for_ranges(cluster)?.read_ranges(&ranges, &mut |batch, i| {
        if let Some(letter) = letters.get(&place_of(batch, i))
            && failed.is_none()
        {
            found += 1;
            failed = each(letter, batch, i).err();
        }
    })?;
    match failed {
        Some(error) => Err(error),
        None if found < letters.len() => anyhow::bail!("the topic has let go of some of these dead letters"),
        None => Ok(()),
    }
}

fn topic(cluster: &Cluster) -> String {
    cluster.topic(topics::name(DEAD_LETTERS))
}

fn range(cluster: &Cluster, partition: i32, from: i64, until: i64) -> Range {
    let id: TopicId = DEAD_LETTERS;
    Range { from: Assigned { id, topic: topic(cluster), partition, from }, until }
}

fn place_of(batch: &KafkaBatch, i: usize) -> Place {
    Place { partition: batch.partition(i), offset: batch.get(i).offset.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_read_as_it_is_shown() {
        let place = Place { partition: 3, offset: 4711 };
        assert_eq!(place.to_string().parse(), Ok(place));
        for wrong in ["", "3", "3:", ":1", "3:x", "-1:4", "3:-1", "3:4:5"] {
            assert!(wrong.parse::<Place>().is_err(), "{wrong}");
        }
    }
}
