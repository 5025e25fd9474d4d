//! What Kafka says: records in, where the tasks are, and the last record of each output partition.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};

use aftercare_clickhouse::OutputTable;
use aftercare_core::documents::Library;
use aftercare_kafka::Cluster;
use aftercare_kafka::drain::{Assigned, Drain, KafkaBatch, Range};
use aftercare_kafka::ownership;
use aftercare_runtime::config::Limits;
use aftercare_runtime::output::headers;
use aftercare_runtime::topics::{self, Role, WEARABLE_READINGS};
use aftercare_schemas::{codec, wire};
use aftercare_stream::log::{Batch, LogError};
use aftercare_stream::position::TopicId;
use serde::Deserialize;

use super::figures::{Input, Raw, Standing};
use crate::wiring::documents;
use crate::wiring::flow::Kept;
use crate::wiring::readings::{self, Admission};

/// Offsets from a partition's end at which its last record is looked for; transaction markers have offsets too.
const TAIL_OFFSETS: i64 = 16;

/// A topic and partition.
type Part = (TopicId, i32);

/// Reads for one audit, which may look several times: what was counted once is not read again.
pub(super) struct Reader<'a> {
    cluster: &'a Cluster,
    drain: Drain,
    pub(super) partitions: i32,
    counted: BTreeMap<Part, Counted>,
    /// Records of which it is certain that they were sent on.
    sent_on: BTreeSet<(Part, i64)>,
}

/// The records of one input partition before an offset.
#[derive(Clone, Default)]
struct Counted {
    until: i64,
    records: u64,
    copies: Vec<Copy>,
}

/// A record that says to be a copy. Anybody can write that header, so that the original is looked at.
#[derive(Clone, Debug)]
struct Copy {
    /// Partition and offset of the original.
    original: (i32, i64),
    content: u64,
}

fn content(batch: &KafkaBatch, i: usize) -> u64 {
    let mut hasher = DefaultHasher::new();
    batch.get(i).value.hash(&mut hasher);
    hasher.finish()
}

impl Counted {
    fn add(&mut self, batch: &KafkaBatch, i: usize) {
        self.records += 1;
        // What no task wrote there means nothing.
        if let Some(from) = batch.header(i, headers::FORWARDED).and_then(|from| place(&from)) {
            self.copies.push(Copy { original: from, content: content(batch, i) });
        }
    }
}

/// One end of a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ends {
    pub(super) first: i64,
    pub(super) end: i64,
}

/// Where each task is in each input topic.
pub(super) type Positions = BTreeMap<Part, i64>;

/// Counts the records of these parts. What nobody can read is one, as it is for the tasks.
fn count(
    drain: &mut Drain,
    cluster: &Cluster,
    ranges: &[Range],
    counted: &mut BTreeMap<Part, Counted>,
) -> Result<(), LogError> {
    let mut unreadable: BTreeMap<Part, u64> = BTreeMap::new();
    drain.read_ranges_past(
        cluster,
        ranges,
        &mut |batch, i| counted.entry((batch.get(i).topic, batch.partition(i))).or_default().add(batch, i),
        &mut |partition, passed| *unreadable.entry((passed.topic, partition)).or_default() += 1,
    )?;
    for (part, n) in unreadable {
        counted.entry(part).or_default().records += n;
    }
    Ok(())
}

impl<'a> Reader<'a> {
    pub(super) fn open(cluster: &'a Cluster) -> anyhow::Result<Self> {
        let partitions = cluster.partitions("control")?;
        let drain = Drain::open_for_ranges(cluster)?;
        Ok(Self { cluster, drain, partitions, counted: BTreeMap::new(), sent_on: BTreeSet::new() })
    }

    fn ends(&self, (topic, partition): Part) -> anyhow::Result<Ends> {
        let (first, end) = self.drain.watermarks(&self.cluster.topic(topics::name(topic)), partition)?;
        Ok(Ends { first, end })
    }

    fn range(&self, (id, partition): Part, from: i64, until: i64) -> Range {
        let topic = self.cluster.topic(topics::name(id));
        Range { from: Assigned { id, topic, partition, from }, until }
    }

    fn parts(&self, role: Role) -> Vec<Part> {
        let partitions = if role.has_one_partition() { 1 } else { self.partitions };
        topics::with_role(role).flat_map(|topic| (0..partitions).map(move |p| (topic.id, p))).collect()
    }

    /// The partitions whose records have a table.
    fn outputs(&self) -> Vec<Part> {
        [Role::Output, Role::Editions].into_iter().flat_map(|role| self.parts(role)).collect()
    }

    /// The committed positions of the tasks.
    pub(super) fn positions(&self) -> anyhow::Result<Positions> {
        let parts = self.parts(Role::Input);
        let name = |part: &Part| (self.cluster.topic(topics::name(part.0)), part.1);
        let places: Vec<_> = parts.iter().map(name).collect();
        let found = ownership::committed(self.cluster, "tasks", &places)?;
        Ok(parts.into_iter().zip(found.into_iter().map(Option::unwrap_or_default)).collect())
    }

    /// How many offsets (records and transaction markers) lie after the positions.
    pub(super) fn behind(&self, positions: &Positions) -> anyhow::Result<i64> {
        let mut behind = 0;
        for (part, at) in positions {
            behind += (self.ends(*part)?.end - at).max(0);
        }
        Ok(behind)
    }

    /// Counts the input topics, by really reading them. Receipts are not in yet.
    pub(super) fn inputs(&mut self, positions: &Positions) -> anyhow::Result<Vec<Input>> {
        let (mut taken, mut beyond, mut let_go) = (Vec::new(), Vec::new(), Vec::new());
        for (&part, &at) in positions {
            let ends = self.ends(part)?;
            if ends.first > 0 {
                let_go.push(part.0);
            }
            let from = self.counted.entry(part).or_default().until.max(ends.first);
            taken.push(self.range(part, from, at));
            beyond.push(self.range(part, at.max(ends.first), ends.end));
        }
        let counted = &mut self.counted;
        count(&mut self.drain, self.cluster, &taken, counted)?;
        for range in taken {
            let counted = counted.entry((range.from.id, range.from.partition)).or_default();
            counted.until = counted.until.max(range.until);
        }
        let mut after: BTreeMap<Part, Counted> = BTreeMap::new();
        count(&mut self.drain, self.cluster, &beyond, &mut after)?;
        self.confirm_sent_on(positions, &after)?;
        let (counted, sent_on) = (&self.counted, &self.sent_on);
        let sum = |topic: TopicId, of: &BTreeMap<Part, Counted>| -> u64 {
            of.iter().filter(|((t, _), _)| *t == topic).map(|(_, counted)| counted.records).sum()
        };
        let input = |topic: &topics::Topic| Input {
            topic: topic.name,
            taken: sum(topic.id, counted),
            not_yet_taken: sum(topic.id, &after),
            forwarded: sent_on.iter().filter(|((t, _), _)| *t == topic.id).count() as u64,
            let_go: let_go.contains(&topic.id),
            ..Input::default()
        };
        Ok(topics::with_role(Role::Input).map(input).collect())
    }

    /// Looks at the originals of copies: those that were taken, and have the content of a copy elsewhere, were sent on.
    fn confirm_sent_on(
        &mut self,
        positions: &Positions,
        after: &BTreeMap<Part, Counted>,
    ) -> anyhow::Result<()> {
        let mut open = claims(positions, self.counted.iter().chain(after));
        open.retain(|place, _| !self.sent_on.contains(place));
        let mut parts: BTreeMap<Part, (i64, i64)> = BTreeMap::new();
        for &(part, offset) in open.keys() {
            let (_, until) = parts.entry(part).or_insert((offset, offset));
            *until = offset + 1;
        }
        let mut ranges = Vec::new();
        for (part, (from, until)) in parts {
            let first = self.ends(part)?.first;
            // What the topic has let go of can't be looked at.
            self.sent_on.extend(
                open.range((part, from)..(part, until.min(first).max(from))).map(|(place, _)| *place),
            );
            ranges.push(self.range(part, from.max(first), until));
        }
        let sent_on = &mut self.sent_on;
        self.drain.read_ranges(&ranges, &mut |batch, i| {
            let place = ((batch.get(i).topic, batch.partition(i)), batch.get(i).offset.0);
            if open.get(&place).is_some_and(|contents| contents.contains(&content(batch, i))) {
                sent_on.insert(place);
            }
        })?;
        Ok(())
    }

    /// The last committed version of each output partition, and whether records were let go of.
    pub(super) fn last_versions(&mut self) -> anyhow::Result<BTreeMap<Part, (Option<u64>, bool)>> {
        let mut found = BTreeMap::new();
        let mut open: Vec<(Part, Ends)> = Vec::new();
        for part in self.outputs() {
            let ends = self.ends(part)?;
            found.insert(part, (None, ends.first > 0));
            open.push((part, ends));
        }
        let mut tail = TAIL_OFFSETS;
        while !open.is_empty() {
            let range = |(part, ends): &(Part, Ends)| {
                self.range(*part, ends.first.max(ends.end.saturating_sub(tail)), ends.end)
            };
            let ranges: Vec<Range> = open.iter().map(range).collect();
            let mut foreign = Vec::new();
            self.drain.read_ranges(&ranges, &mut |batch, i| {
                let part = (batch.get(i).topic, batch.partition(i));
                match version(batch, i) {
                    Some(version) => {
                        found.entry(part).and_modify(|(last, _)| *last = (*last).max(Some(version)));
                    }
                    None => foreign.push((part, batch.get(i).offset.0)),
                }
            })?;
            if let Some(((topic, partition), offset)) = foreign.first() {
                let topic = topics::name(*topic);
                anyhow::bail!("{topic} {partition}: the record at {offset} is not of this program");
            }
            // Whole tails may be markers and aborted records.
            open.retain(|(part, ends)| found[part].0.is_none() && ends.end - tail > ends.first);
            tail = tail.saturating_mul(16);
        }
        Ok(found)
    }

    /// Up to where uploads are raw readings, by partition; with `deep` also what those uploads come to: each reading with
    /// its first copy.
    pub(super) fn raw(
        &mut self,
        positions: &Positions,
        limits: &Limits,
        deep: bool,
    ) -> anyhow::Result<Vec<Raw>> {
        let topic = self.cluster.topic(topics::name(WEARABLE_READINGS));
        let places: Vec<_> = (0..self.partitions).map(|partition| (topic.clone(), partition)).collect();
        let reached = ownership::committed(self.cluster, readings::Raw::GROUP, &places)?;
        let mut all = Vec::new();
        for (partition, reached) in (0..self.partitions).zip(reached) {
            let part = (WEARABLE_READINGS, partition);
            all.push(Raw {
                partition,
                taken: positions.get(&part).copied().unwrap_or_default(),
                reached: reached.unwrap_or_default(),
                let_go: self.ends(part)?.first > 0,
                ..Raw::default()
            });
        }
        if !deep {
            return Ok(all);
        }
        let mut library = Library::default();
        documents::learn_all(self.cluster, &mut self.drain, &mut library)?;
        let admission = Admission { library: &library, limits, partitions: self.partitions };
        let mut ranges = Vec::new();
        for raw in &all {
            let part = (WEARABLE_READINGS, raw.partition);
            ranges.push(self.range(part, self.ends(part)?.first, raw.reached));
        }
        let mut first: BTreeMap<i32, HashMap<u64, u64>> = BTreeMap::new();
        let mut each = |batch: &KafkaBatch, i: usize| {
            let (mut scratch, mut rows) = (Vec::new(), Vec::new());
            admission.rows(batch, i, &mut scratch, &mut rows);
            let first = first.entry(batch.partition(i)).or_default();
            for row in rows {
                let mut hasher = DefaultHasher::new();
                (row.patient_id, row.metric, row.device_id, row.measured_at).hash(&mut hasher);
                let known = first.entry(hasher.finish()).or_default();
                *known = row.version.max(*known);
            }
        };
        // What nobody can read has no readings.
        self.drain.read_ranges_past(self.cluster, &ranges, &mut each, &mut |_, _| ())?;
        for raw in &mut all {
            raw.uploads = Some(standing(first.get(&raw.partition).unwrap_or(&HashMap::new())));
        }
        Ok(all)
    }

    /// What all records of the outputs come to: each id with its newest version.
    pub(super) fn standings(&mut self) -> anyhow::Result<BTreeMap<(&'static str, i32), Standing>> {
        let mut newest: BTreeMap<Part, HashMap<u64, u64>> = BTreeMap::new();
        let mut ranges = Vec::new();
        for part in self.outputs() {
            let ends = self.ends(part)?;
            newest.insert(part, HashMap::new());
            ranges.push(self.range(part, ends.first, ends.end));
        }
        self.drain.read_ranges(&ranges, &mut |batch, i| {
            let topic = batch.get(i).topic;
            let Some((id, version)) = identity(topics::name(topic), batch, i) else { return };
            let ids = newest.entry((topic, batch.partition(i))).or_default();
            let known = ids.entry(id).or_default();
            *known = version.max(*known);
        })?;
        Ok(newest.iter().map(|((topic, p), ids)| ((topics::name(*topic), *p), standing(ids))).collect())
    }
}

fn standing(ids: &HashMap<u64, u64>) -> Standing {
    let versions = ids.values().fold(0, |sum: u64, version| sum.wrapping_add(*version));
    Standing { ids: ids.len() as u64, versions }
}

/// The places that copies in other partitions name, as far as they were taken, and the contents of those copies.
fn claims<'c>(
    positions: &Positions,
    counted: impl Iterator<Item = (&'c Part, &'c Counted)>,
) -> BTreeMap<(Part, i64), Vec<u64>> {
    let mut claims: BTreeMap<_, Vec<u64>> = BTreeMap::new();
    for ((topic, lies_in), counted) in counted {
        for Copy { original: (partition, offset), content } in &counted.copies {
            let part = (*topic, *partition);
            if partition != lies_in && positions.get(&part).is_some_and(|at| offset < at) {
                claims.entry((part, *offset)).or_default().push(*content);
            }
        }
    }
    claims
}

/// `partition:offset`
fn place(text: &[u8]) -> Option<(i32, i64)> {
    let (partition, offset) = std::str::from_utf8(text).ok()?.split_once(':')?;
    Some((partition.parse().ok()?, offset.parse().ok()?))
}

#[derive(Deserialize)]
struct Versioned {
    version: u64,
}

/// The row of an output record.
fn row(topic: TopicId, batch: &KafkaBatch, i: usize) -> Option<Vec<u8>> {
    if topic == topics::DEAD_LETTERS {
        batch.header(i, headers::DEAD_LETTER)
    } else {
        batch.get(i).value.map(<[u8]>::to_vec)
    }
}

fn version(batch: &KafkaBatch, i: usize) -> Option<u64> {
    let topic = batch.get(i).topic;
    let row = row(topic, batch, i)?;
    codec::decode::<Versioned>(topics::name(topic), Some(&row), None).ok().map(|row| row.version)
}

/// The id of an output record, as the tables are sorted by it, and its version.
fn identity(topic: &'static str, batch: &KafkaBatch, i: usize) -> Option<(u64, u64)> {
    let bytes = row(batch.get(i).topic, batch, i)?;
    macro_rules! id {
        ($type:ident: $($field:ident)*) => {{
            let row: wire::$type<'_> = codec::decode(topic, Some(&bytes), None).ok()?;
            let mut hasher = DefaultHasher::new();
            ($(&row.$field,)*).hash(&mut hasher);
            Some((hasher.finish(), row.version))
        }};
    }
    match OutputTable::from_topic(topic)? {
        OutputTable::Scores => id!(Score: patient_id score_id),
        OutputTable::Receipts => id!(Receipt: patient_id topic id revision),
        OutputTable::ReadingReceipts => id!(ReadingReceipt: patient_id device_id day outcome reason),
        OutputTable::Windows => id!(Window: patient_id metric device_id length_s window_start),
        OutputTable::LateReadings => id!(LateReading: patient_id metric device_id measured_at),
        OutputTable::DeadLetters => id!(DeadLetter: topic partition offset),
        OutputTable::Alerts => id!(Alert: patient_id alert_id),
        OutputTable::VitalScores => id!(VitalScore: patient_id vital_id),
        OutputTable::Reviews => id!(Review: patient_id review_id),
        OutputTable::CurveEditions => id!(CurveEdition: procedure instrument plan cohort effective_from),
        OutputTable::Ledger => id!(LedgerEntry: entry_id),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_records_that_were_taken_can_have_been_sent_on() {
        let topic = topics::PROM_RESPONSES;
        let positions: Positions = [((topic, 0), 10), ((topic, 1), 0)].into_iter().collect();
        let with = |originals: &[(i32, i64)]| {
            let copies = originals.iter().map(|original| Copy { original: *original, content: 7 }).collect();
            Counted { until: 0, records: 9, copies }
        };
        // What partition 0 took before offset 10 counts, wherever the copy lies, but not beside itself.
        let counted = [
            ((topic, 1), with(&[(0, 3), (0, 9), (0, 9), (0, 10)])),
            ((topic, 0), with(&[(1, 0), (0, 4)])),
            ((topics::ENROLMENTS, 1), with(&[(0, 1)])),
        ];
        let found = claims(&positions, counted.iter().map(|(part, counted)| (part, counted)));
        let expected = [(((topic, 0), 3), vec![7]), (((topic, 0), 9), vec![7, 7])];
        assert_eq!(found, expected.into_iter().collect());
        assert_eq!((place(b"3:17"), place(b"3"), place(b"\xff:1")), (Some((3, 17)), None, None));
    }
}
