//! What an audit compares, and the statements it makes. Pure: the figures were gathered elsewhere.

use aftercare_clickhouse::{FactCheck, LateCheck, PartitionCoverage, RawCheck, TableCheck};
use aftercare_sim::invariants::{
    COMMITTED_IMPLIES_WRITTEN, COVERAGE_IS_GAPLESS, EVERY_RECORD_HAS_ONE_OUTCOME,
    LATE_READINGS_REACH_THEIR_WINDOWS,
};
use aftercare_stream::sequence::Version;
use serde::Serialize;

/// The tables hold the rows that coverage proves: the newest is there, no two rows have one version, no row is unproven.
pub(super) const TABLES_HOLD_WHAT_IS_COVERED: &str = "TablesHoldWhatIsCovered";
/// Each id stands in its table as its last record in Kafka says, and nothing else does.
pub(super) const ROWS_EQUAL_RECORDS: &str = "RowsEqualRecords";

/// Every reading that a task took is a raw reading, once, as its first copy says.
pub(super) const READINGS_ARE_KEPT_RAW: &str = "ReadingsAreKeptRaw";

/// Every enrolment and event that a task took, and that counts, is kept.
pub(super) const FACTS_ARE_KEPT: &str = "FactsAreKept";

/// The sequence in a row version.
pub(super) fn sequence(version: u64) -> u64 {
    Version(version).sequence()
}

/// One partition of an output topic.
#[derive(Clone, Debug)]
pub(super) struct Output {
    pub(super) topic: &'static str,
    pub(super) partition: i32,
    /// The version of the last committed record; `None`: Kafka holds none.
    pub(super) last_version: Option<u64>,
    /// Records were there once, and the topic's retention let go of them.
    pub(super) let_go: bool,
    /// Coverage in ClickHouse; `None`: there is none.
    pub(super) covered: Option<PartitionCoverage>,
    /// What the table holds; `None`: no row.
    pub(super) table: Option<TableCheck>,
    /// Every record is one row for good, so that rows can be counted against sequences.
    pub(super) one_row_each: bool,
    /// What all records in Kafka come to, if they were read.
    pub(super) records: Option<Standing>,
}

impl Output {
    fn table(&self) -> TableCheck {
        let partition = self.partition;
        let none =
            TableCheck { partition, rows: 0, versions: 0, max_version: 0, version_sum: 0, uncovered: 0 };
        self.table.clone().unwrap_or(none)
    }
}

/// How many ids there are and the sum of their newest versions modulo 2^64.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Standing {
    pub(super) ids: u64,
    pub(super) versions: u64,
}

/// One input topic, all partitions.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Input {
    pub(super) topic: &'static str,
    /// Records before the committed positions of the tasks.
    pub(super) taken: u64,
    /// Records after them.
    pub(super) not_yet_taken: u64,
    /// Records of those taken that were sent on to the partition they belong to.
    pub(super) forwarded: u64,
    /// Records that receipts account for.
    pub(super) in_receipts: u64,
    /// Dead letters without a receipt.
    pub(super) undecodable: u64,
    /// Records (for wearable readings: none) whose receipt says that they wait.
    pub(super) held: u64,
    /// The topic's retention let go of records, so that they can't be counted any more.
    pub(super) let_go: bool,
}

/// The raw readings of one partition of the topic of uploads.
#[derive(Clone, Debug, Default)]
pub(super) struct Raw {
    pub(super) partition: i32,
    /// Before this offset the task has taken all uploads.
    pub(super) taken: i64,
    /// Before this one they are raw readings.
    pub(super) reached: i64,
    /// The topic's retention let go of uploads, so that they can't be compared any more.
    pub(super) let_go: bool,
    /// What the uploads come to, if they were read.
    pub(super) uploads: Option<Standing>,
    /// What the table holds of them.
    pub(super) rows: Standing,
}

/// What is known of raw readings and of windows computed again from them.
#[derive(Clone, Debug, Default)]
pub(super) struct Readings {
    pub(super) raw: Vec<Raw>,
    pub(super) windows: RawCheck,
    pub(super) late: LateCheck,
}

/// All that was gathered.
#[derive(Clone, Debug, Default)]
pub(super) struct Figures {
    pub(super) outputs: Vec<Output>,
    pub(super) inputs: Vec<Input>,
    pub(super) readings: Readings,
    /// By topic.
    pub(super) facts: Vec<FactCheck>,
}

/// A named statement about the figures.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Statement {
    pub(crate) name: &'static str,
    pub(crate) holds: bool,
    /// What it rests on, in words.
    pub(crate) figures: String,
    /// Where it does not hold.
    pub(crate) places: Vec<String>,
}

impl Statement {
    fn new(name: &'static str, figures: String, places: Vec<String>) -> Self {
        Self { name, holds: places.is_empty(), figures, places }
    }
}

/// All statements.
pub(super) fn judge(figures: &Figures) -> Vec<Statement> {
    let Figures { outputs, inputs, readings, facts } = figures;
    let mut all = vec![
        committed_implies_written(outputs),
        coverage_is_gapless(outputs),
        tables_hold_what_is_covered(outputs),
        every_record_has_one_outcome(inputs),
        readings_are_kept_raw(readings),
        late_readings_reach_their_windows(&readings.late),
        facts_are_kept(facts),
    ];
    if outputs.iter().any(|output| output.records.is_some()) {
        all.push(rows_equal_records(outputs));
    }
    all
}

/// The last committed record of each output partition is the last that ClickHouse has covered.
pub(super) fn committed_implies_written(outputs: &[Output]) -> Statement {
    let (mut committed, mut covered, mut places) = (0, 0, Vec::new());
    for output in outputs {
        let have = output.covered.as_ref().map_or(0, |c| c.last_version);
        let want = match output.last_version {
            Some(version) => version,
            // What Kafka let go of can't be compared.
            None if output.let_go => have,
            None => 0,
        };
        committed += sequence(want);
        covered += sequence(have);
        if want != have {
            let (want, have) = (in_words(want), in_words(have));
            places.push(format!(
                "{} {}: committed to {want}, covered to {have}",
                output.topic, output.partition
            ));
        }
    }
    let figures = format!(
        "{committed} records committed to {} output partitions, {covered} covered in ClickHouse",
        outputs.len()
    );
    Statement::new(COMMITTED_IMPLIES_WRITTEN, figures, places)
}

/// The covered sequences of each output partition are 1 to the highest, and no run contradicts another.
pub(super) fn coverage_is_gapless(outputs: &[Output]) -> Statement {
    let (mut missing, mut contradictions, mut places) = (0, 0, Vec::new());
    for output in outputs {
        let Some(covered) = &output.covered else { continue };
        let at = format!("{} {}", output.topic, output.partition);
        for gap in &covered.gaps {
            places.push(format!("{at}: lacks {} to {}", gap.first, gap.last));
        }
        let listed: u64 = covered.gaps.iter().map(|gap| gap.last - gap.first + 1).sum();
        if covered.missing > listed {
            places.push(format!("{at}: lacks {} more", covered.missing - listed));
        }
        if covered.contradictions > 0 {
            places.push(format!("{at}: {} runs contradict others", covered.contradictions));
        }
        missing += covered.missing;
        contradictions += covered.contradictions;
    }
    let figures = format!("{missing} sequences missing, {contradictions} runs contradict others");
    Statement::new(COVERAGE_IS_GAPLESS, figures, places)
}

/// See [`TABLES_HOLD_WHAT_IS_COVERED`].
pub(super) fn tables_hold_what_is_covered(outputs: &[Output]) -> Statement {
    let (mut rows, mut places) = (0, Vec::new());
    for output in outputs {
        let table = output.table();
        let last = output.covered.as_ref().map_or(0, |c| c.last_version);
        rows += table.rows;
        let mut wrong = |what: String| places.push(format!("{} {}: {what}", output.topic, output.partition));
        if table.uncovered > 0 {
            wrong(format!("{} rows that no coverage proves", table.uncovered));
        }
        if table.versions != table.rows {
            wrong(format!("{} rows share {} versions", table.rows, table.versions));
        }
        if table.max_version != last {
            let (found, last) = (in_words(table.max_version), in_words(last));
            wrong(format!("the newest row is {found}, covered is {last}"));
        }
        if table.rows > sequence(last) {
            wrong(format!("{} rows of {} records", table.rows, sequence(last)));
        } else if output.one_row_each && table.rows != sequence(last) {
            wrong(format!("{} rows instead of {}", table.rows, sequence(last)));
        }
    }
    Statement::new(TABLES_HOLD_WHAT_IS_COVERED, format!("{rows} rows, each id once"), places)
}

/// Records taken = records in receipts + dead letters without a receipt + records sent on.
///
/// A record that came to the wrong partition is in the topic twice: where it was read (there it has no outcome; the task
/// sent it on) and where it belongs (there it has one). Of the original and its copy the first counts as forwarded, the
/// second in its outcome. Which records were sent on is read from the copies: the header `aftercare.forwarded` says where
/// the original is, and copies and positions are committed together.
pub(super) fn every_record_has_one_outcome(inputs: &[Input]) -> Statement {
    let (mut taken, mut outcomes, mut forwarded, mut places) = (0, 0, 0, Vec::new());
    for input in inputs {
        let accounted = input.in_receipts + input.undecodable;
        // Of a topic that let records go only so much is known: what is still there has its outcome.
        let holds = if input.let_go {
            input.taken <= accounted + input.forwarded
        } else {
            input.taken == accounted + input.forwarded
        };
        if !holds {
            places.push(format!(
                "{}: {} taken, {} in receipts + {} undecodable + {} forwarded = {}",
                input.topic,
                input.taken,
                input.in_receipts,
                input.undecodable,
                input.forwarded,
                accounted + input.forwarded
            ));
        }
        taken += input.taken;
        outcomes += accounted;
        forwarded += input.forwarded;
    }
    let figures = format!("{taken} records taken, {outcomes} have an outcome, {forwarded} were forwarded");
    Statement::new(EVERY_RECORD_HAS_ONE_OUTCOME, figures, places)
}

/// See [`ROWS_EQUAL_RECORDS`].
pub(super) fn rows_equal_records(outputs: &[Output]) -> Statement {
    let (mut ids, mut places) = (0, Vec::new());
    for output in outputs {
        let Some(records) = output.records else { continue };
        let table = output.table();
        let rows = Standing { ids: table.rows, versions: table.version_sum };
        ids += records.ids;
        let at = format!("{} {}", output.topic, output.partition);
        // Rows of records that Kafka let go of can't be compared.
        if output.let_go {
            if rows.ids < records.ids {
                places.push(format!("{at}: {} rows of {} ids", rows.ids, records.ids));
            }
        } else if rows.ids != records.ids {
            places.push(format!("{at}: {} rows of {} ids", rows.ids, records.ids));
        } else if rows.versions != records.versions {
            places.push(format!("{at}: rows are not the newest of their ids"));
        }
    }
    Statement::new(ROWS_EQUAL_RECORDS, format!("{ids} ids in Kafka, each with its newest row"), places)
}

/// See [`READINGS_ARE_KEPT_RAW`].
pub(super) fn readings_are_kept_raw(readings: &Readings) -> Statement {
    let RawCheck { windows, readings: count, short } = readings.windows;
    let mut places = Vec::new();
    if short > 0 {
        places.push(format!("{short} windows of 5 minutes count more readings than there are raw ones"));
    }
    for raw in &readings.raw {
        let mut wrong = |what: String| places.push(format!("wearable-readings {}: {what}", raw.partition));
        if raw.reached < raw.taken {
            wrong(format!("taken to {}, raw readings to {}", raw.taken, raw.reached));
        }
        let Some(uploads) = raw.uploads else { continue };
        // Raw readings of uploads that Kafka let go of are more than those that are left.
        if raw.rows.ids < uploads.ids || (raw.rows.ids > uploads.ids && !raw.let_go) {
            wrong(format!("{} raw readings of {}", raw.rows.ids, uploads.ids));
        } else if raw.rows.versions != uploads.versions && !raw.let_go {
            wrong("raw readings are not the first of their copies".to_owned());
        }
    }
    let figures = format!("{count} raw readings, {windows} windows of 5 minutes count no more");
    Statement::new(READINGS_ARE_KEPT_RAW, figures, places)
}

/// Every window, hour and day that a late reading belongs to was computed again since it came, and counts the raw readings
/// there are. (A day that is not over counts them when its row is issued next.)
pub(super) fn late_readings_reach_their_windows(late: &LateCheck) -> Statement {
    let mut places = Vec::new();
    if late.missing > 0 {
        places.push(format!("{} windows were not computed again after a late reading", late.missing));
    }
    if late.wrong > 0 {
        places.push(format!("{} windows computed again do not count the raw readings in them", late.wrong));
    }
    let figures = format!("{} windows, hours and days with late readings", late.windows);
    Statement::new(LATE_READINGS_REACH_THEIR_WINDOWS, figures, places)
}

/// See [`FACTS_ARE_KEPT`].
pub(super) fn facts_are_kept(facts: &[FactCheck]) -> Statement {
    let missing = facts.iter().filter(|topic| topic.missing > 0);
    let places =
        missing.map(|topic| format!("{}: {} records are not kept", topic.topic, topic.missing)).collect();
    let kept: u64 = facts.iter().map(|topic| topic.facts).sum();
    Statement::new(FACTS_ARE_KEPT, format!("{kept} enrolments and events, each with its content"), places)
}

/// A version as people read it: its sequence, with the incarnation where it is not the first.
fn in_words(version: u64) -> String {
    match Version(version).incarnation() {
        0 | 1 => sequence(version).to_string(),
        incarnation => format!("{} (incarnation {incarnation})", sequence(version)),
    }
}

#[cfg(test)]
mod tests {
    use aftercare_clickhouse::Gap;

    use super::*;

    fn version(sequence: u64) -> u64 {
        1 << 48 | sequence
    }

    /// A partition with `n` records, all of them rows.
    fn sound(n: u64) -> Output {
        let versions = (1..=n).map(version).fold(0, u64::wrapping_add);
        let standing = Standing { ids: n, versions };
        Output {
            topic: "receipts",
            partition: 1,
            last_version: Some(version(n)),
            let_go: false,
            covered: Some(PartitionCoverage {
                topic: "receipts".into(),
                partition: 1,
                last_sequence: n,
                last_version: version(n),
                missing: 0,
                gaps: Vec::new(),
                contradictions: 0,
                written_at: 0,
            }),
            table: Some(TableCheck {
                partition: 1,
                rows: n,
                versions: n,
                max_version: version(n),
                version_sum: standing.versions,
                uncovered: 0,
            }),
            one_row_each: false,
            records: Some(standing),
        }
    }

    fn broken(statement: &Statement) -> bool {
        assert_eq!(statement.holds, statement.places.is_empty());
        !statement.holds
    }

    /// Changes a sound partition; the names of the statements that do not hold any more.
    fn violated(change: impl FnOnce(&mut Output)) -> Vec<&'static str> {
        let mut output = sound(9);
        change(&mut output);
        let figures = Figures { outputs: vec![sound(3), output], ..Figures::default() };
        judge(&figures).iter().filter(|s| broken(s)).map(|s| s.name).collect()
    }

    #[test]
    fn sound_outputs_violate_nothing() {
        assert_eq!(violated(|_| ()), [""; 0]);
        assert_eq!(violated(|o| o.one_row_each = true), [""; 0]);
        let nothing = |o: &mut Output| {
            let none = Some(Standing::default());
            (o.last_version, o.covered, o.table, o.records) = (None, None, None, none);
        };
        assert_eq!(violated(nothing), [""; 0]);
    }

    #[test]
    fn a_gap_is_found() {
        let gap = |o: &mut Output| {
            let covered = o.covered.as_mut().unwrap();
            (covered.missing, covered.gaps) = (2, vec![Gap { first: 4, last: 5 }]);
        };
        assert_eq!(violated(gap), [COVERAGE_IS_GAPLESS]);
        let mut output = sound(9);
        gap(&mut output);
        assert_eq!(coverage_is_gapless(&[output]).places, ["receipts 1: lacks 4 to 5"]);
        assert_eq!(violated(|o| o.covered.as_mut().unwrap().contradictions = 1), [COVERAGE_IS_GAPLESS]);
    }

    #[test]
    fn what_is_not_written_is_found() {
        let ahead = |o: &mut Output| o.last_version = Some(version(10));
        assert_eq!(violated(ahead), [COMMITTED_IMPLIES_WRITTEN]);
        // The same sequence of another incarnation is another record.
        let other = |o: &mut Output| o.last_version = Some(2 << 48 | 9);
        assert_eq!(violated(other), [COMMITTED_IMPLIES_WRITTEN]);
        // What Kafka does not have was not committed; what it let go of may have been.
        assert_eq!(violated(|o| o.last_version = None), [COMMITTED_IMPLIES_WRITTEN]);
        assert_eq!(violated(|o| (o.last_version, o.let_go) = (None, true)), [""; 0]);
        assert_eq!(violated(|o| o.covered = None), [COMMITTED_IMPLIES_WRITTEN, TABLES_HOLD_WHAT_IS_COVERED]);
    }

    #[test]
    fn rows_that_are_missing_double_or_unproven_are_found() {
        let table = |change: fn(&mut TableCheck)| {
            violated(|o| {
                o.records = None;
                change(o.table.as_mut().unwrap());
            })
        };
        let wrong = [TABLES_HOLD_WHAT_IS_COVERED];
        assert_eq!(table(|t| t.uncovered = 1), wrong);
        assert_eq!(table(|t| t.versions = 8), wrong);
        assert_eq!(table(|t| t.max_version = version(8)), wrong);
        assert_eq!(table(|t| (t.rows, t.versions) = (10, 10)), wrong);
        assert_eq!(table(|t| (t.rows, t.versions, t.max_version) = (0, 0, 0)), wrong);
        // Fewer rows than records is how replaced rows look, unless none is ever replaced.
        let fewer = |t: &mut TableCheck| (t.rows, t.versions) = (7, 7);
        assert_eq!(table(fewer), [""; 0]);
        let of_letters = |o: &mut Output| {
            fewer(o.table.as_mut().unwrap());
            (o.records, o.one_row_each) = (None, true);
        };
        assert_eq!(violated(of_letters), wrong);
    }

    #[test]
    fn rows_are_compared_with_the_records_themselves() {
        let records = |change: fn(&mut Standing)| violated(|o| change(o.records.as_mut().unwrap()));
        assert_eq!(records(|r| r.ids -= 1), [ROWS_EQUAL_RECORDS]);
        assert_eq!(records(|r| r.ids += 1), [ROWS_EQUAL_RECORDS]);
        assert_eq!(records(|r| r.versions -= 1), [ROWS_EQUAL_RECORDS]);
    }

    #[test]
    fn records_without_an_outcome_and_outcomes_without_a_record_are_found() {
        let sound = Input {
            topic: "prom-responses",
            taken: 12,
            not_yet_taken: 3,
            forwarded: 2,
            in_receipts: 9,
            undecodable: 1,
            held: 1,
            let_go: false,
        };
        let check = |change: fn(&mut Input)| {
            let mut input = sound.clone();
            change(&mut input);
            broken(&every_record_has_one_outcome(&[sound.clone(), input]))
        };
        assert!(!check(|_| ()));
        assert!(check(|i| i.in_receipts -= 1), "a receipt is lost");
        assert!(check(|i| i.in_receipts += 1), "a record counts twice");
        assert!(check(|i| i.undecodable -= 1), "a dead letter is lost");
        assert!(check(|i| i.forwarded -= 1), "a record sent on was never taken");
        assert!(check(|i| i.taken += 1), "a record vanished");
        // Two faults of two topics do not cancel out.
        let (mut one, mut other) = (sound.clone(), sound.clone());
        (one.taken, other.taken) = (13, 11);
        assert_eq!(every_record_has_one_outcome(&[one, other]).places.len(), 2);
        assert!(!check(|i| (i.let_go, i.taken) = (true, 5)), "records that were let go of had outcomes");
        assert!(check(|i| (i.let_go, i.taken) = (true, 13)));
    }

    #[test]
    fn readings_that_are_not_kept_and_late_ones_without_a_window_are_found() {
        let standing = Standing { ids: 9, versions: 81 };
        let raw = Raw { taken: 7, reached: 7, uploads: Some(standing), rows: standing, ..Raw::default() };
        let sound = Readings { raw: vec![Raw::default(), raw], ..Readings::default() };
        let violated = |change: fn(&mut Readings)| {
            let mut readings = sound.clone();
            change(&mut readings);
            let figures = Figures { readings, ..Figures::default() };
            judge(&figures).iter().filter(|s| broken(s)).map(|s| s.name).collect::<Vec<_>>()
        };
        assert_eq!(violated(|_| ()), [""; 0]);
        let kept = [READINGS_ARE_KEPT_RAW];
        assert_eq!(violated(|r| r.windows.short = 1), kept);
        assert_eq!(violated(|r| r.raw[1].reached = 6), kept);
        assert_eq!(violated(|r| r.raw[1].reached = 8), [""; 0], "the task may be behind");
        assert_eq!(violated(|r| r.raw[1].rows.ids = 8), kept);
        assert_eq!(violated(|r| r.raw[1].rows.versions = 80), kept);
        assert_eq!(violated(|r| (r.raw[1].uploads, r.raw[1].rows.ids) = (None, 8)), [""; 0]);
        assert_eq!(violated(|r| (r.raw[1].let_go, r.raw[1].rows.ids) = (true, 10)), [""; 0]);
        assert_eq!(violated(|r| (r.raw[1].let_go, r.raw[1].rows.ids) = (true, 8)), kept);
        assert_eq!(violated(|r| r.late.missing = 1), [LATE_READINGS_REACH_THEIR_WINDOWS]);
        assert_eq!(violated(|r| r.late.wrong = 1), [LATE_READINGS_REACH_THEIR_WINDOWS]);
    }

    #[test]
    fn a_fact_that_is_not_kept_is_found() {
        let topic = |missing| FactCheck { topic: "clinical-events".into(), facts: 7, missing };
        let sound = facts_are_kept(&[topic(0), topic(0)]);
        assert!(sound.holds && sound.figures.starts_with("14 "), "{sound:?}");
        assert_eq!(facts_are_kept(&[topic(0), topic(2)]).places, ["clinical-events: 2 records are not kept"]);
    }
}
