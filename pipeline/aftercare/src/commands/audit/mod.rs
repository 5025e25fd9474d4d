//! `aftercare audit`

mod figures;
mod kafka;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use aftercare_clickhouse::{OutputTable, Store, TopicTotals};
use aftercare_kafka::Cluster;
use aftercare_runtime::config::Limits;
use aftercare_runtime::topics;
use aftercare_stream::position::TopicId;
use anyhow::Context;
use figures::{Figures, Input, Output, Readings, Standing, Statement, judge};
use kafka::{Positions, Reader};
use serde::Serialize;

use crate::Outcome;
use crate::config::Config;
use crate::wiring::{print, say};

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(250);
/// With more to take than this (records and markers), waiting does not count records.
const BEHIND_MAX: i64 = 10_000;

/// See [`EXPLANATION`].
#[derive(clap::Args, Default)]
#[command(after_long_help = EXPLANATION)]
pub(crate) struct Args {
    /// Wait up to so many seconds until everything written to the inputs is taken and its outputs are in ClickHouse.
    #[arg(long, value_name = "SECONDS", default_value_t = 0)]
    pub(crate) wait: u64,
    /// Also read every output record, and compare each table with them, id by id.
    #[arg(long)]
    pub(crate) deep: bool,
    /// Output as JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

const EXPLANATION: &str = "\
Reads Kafka and ClickHouse, changes nothing. Exit code 4 when a statement is violated.

It belongs to a pipeline at rest: what the sink has not inserted yet looks like a loss. With --wait it looks again until \
everything is taken and written, or the time is over. Readings are counted at ticks: where ticks come from outside, one \
has to follow the last record.

CommittedImpliesWritten: the last record committed to each output partition in Kafka is the last that a coverage row in \
ClickHouse proves.

CoverageIsGapless: the proven sequences of each output partition are 1 to the highest, and no proof contradicts another.

TablesHoldWhatIsCovered: in each table the newest row is there, no two rows have one version, no row is unproven, and \
there are no more rows than records; dead letters are as many as records.

EveryRecordHasOneOutcome: per input topic, counted by reading it up to where the tasks are,
  records taken = records in receipts + dead letters without a receipt + records forwarded.
A record that came to the wrong partition is in the topic twice: the task that read it sent it on, so it counts as \
forwarded, and its copy has the outcome. Copies carry the header aftercare.forwarded with the place of the original, \
which counts as forwarded when it is taken and has the content of its copy. What waits for its enrolment or its time has a receipt that says held.

ReadingsAreKeptRaw: up to where the tasks are, uploads are raw readings in ClickHouse, and no window of 5 minutes counts \
more readings than there are raw ones in it; with --deep, the raw readings are those of the uploads, each as its first \
copy says.

LateReadingsReachTheirWindows: each window of 5 minutes, hour and day that a late reading belongs to was computed again \
since it came last; windows and hours count the raw readings in them.

FactsAreKept: each enrolment, clinical event and commerce event whose receipt says that it counts is in its table.

RowsEqualRecords (--deep): each id stands in its table as its last record in Kafka says, and no other id does.

Records that a topic's retention has let go of can't be counted any more: there the statements say what is left to say.";

/// All that an audit found.
#[derive(Serialize)]
pub(crate) struct Report {
    /// Whether every statement holds.
    pub(crate) holds: bool,
    /// Records were taken while the audit looked, so that a violation may be none.
    pub(crate) moving: bool,
    pub(crate) statements: Vec<Statement>,
    inputs: Vec<Input>,
    outputs: Vec<OutputFigures>,
}

/// One output partition, for scripts.
#[derive(Serialize)]
struct OutputFigures {
    topic: &'static str,
    partition: i32,
    /// Sequences; 0 where there is none.
    committed: u64,
    covered: u64,
    /// Rows in the table, each id once.
    rows: u64,
}

impl From<&Output> for OutputFigures {
    fn from(output: &Output) -> Self {
        Self {
            topic: output.topic,
            partition: output.partition,
            committed: output.last_version.map_or(0, figures::sequence),
            covered: output.covered.as_ref().map_or(0, |covered| covered.last_sequence),
            rows: output.table.as_ref().map_or(0, |table| table.rows),
        }
    }
}

pub(crate) fn run(config: &Config, args: &Args) -> anyhow::Result<Outcome> {
    let report = audit(config, args)?;
    if args.json {
        print(format_args!("{}", serde_json::to_string_pretty(&report)?));
    } else {
        report.print();
    }
    if report.moving && !report.holds {
        say(format_args!("records were taken meanwhile: a violation may be none; look again with --wait"));
    }
    Ok(if report.holds { Outcome::Done } else { Outcome::Found })
}

/// Looks until everything holds and nothing is left to take, or the time to wait is over.
pub(crate) fn audit(config: &Config, args: &Args) -> anyhow::Result<Report> {
    let deadline = Instant::now() + Duration::from_secs(args.wait);
    let cluster = config.cluster();
    let mut audit = Audit::open(config, &cluster)?;
    loop {
        let over = Instant::now() >= deadline;
        if over || audit.is_at_rest()? {
            let report = audit.look(args.deep)?;
            let left: u64 = report.inputs.iter().map(|input| input.not_yet_taken).sum();
            if over || (report.holds && left == 0) {
                return Ok(report);
            }
        }
        std::thread::sleep(PAUSE.min(deadline.saturating_duration_since(Instant::now())));
    }
}

/// Looks at Kafka and ClickHouse, as often as it is asked.
pub(in crate::commands) struct Audit<'a> {
    reader: Reader<'a>,
    store: Store,
    runtime: tokio::runtime::Runtime,
    /// Those of the tasks.
    limits: Limits,
}

impl<'a> Audit<'a> {
    pub(in crate::commands) fn open(config: &Config, cluster: &'a Cluster) -> anyhow::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        Ok(Self {
            reader: Reader::open(cluster)?,
            store: Store::connect(config.store()?),
            runtime: runtime.context("start the asynchronous runtime")?,
            limits: config.task(0).limits,
        })
    }

    /// What is missing of the proof that all the tasks have committed to these output topics is in ClickHouse: topic,
    /// partition and sequences. Nothing where it is whole.
    pub(in crate::commands) fn unproven(&mut self, topics: &[TopicId]) -> anyhow::Result<Vec<String>> {
        let mut outputs = self.proven()?;
        outputs.retain(|output| topics.iter().any(|topic| topics::name(*topic) == output.topic));
        let statements =
            [figures::committed_implies_written(&outputs), figures::coverage_is_gapless(&outputs)];
        Ok(statements.into_iter().flat_map(|statement| statement.places).collect())
    }

    /// Whether little is left to take and everything committed is covered: cheap to ask.
    fn is_at_rest(&mut self) -> anyhow::Result<bool> {
        let positions = self.reader.positions()?;
        if self.reader.behind(&positions)? > BEHIND_MAX {
            return Ok(false);
        }
        Ok(figures::committed_implies_written(&self.proven()?).holds)
    }

    fn look(&mut self, deep: bool) -> anyhow::Result<Report> {
        let positions = self.reader.positions()?;
        let mut inputs = self.reader.inputs(&positions)?;
        let totals = self.runtime.block_on(self.store.totals())?;
        let outcomes = self.runtime.block_on(self.store.outcomes())?;
        for input in &mut inputs {
            let total = totals.iter().find(|total| total.topic == input.topic).cloned().unwrap_or_default();
            (input.in_receipts, input.undecodable) = (total.copies, total.undecodable);
            // Held readings are counted as such for good, held records only while they wait.
            let held = outcomes.iter().filter(|o| o.topic == input.topic && o.outcome == "held");
            if input.topic != topics::name(topics::WEARABLE_READINGS) {
                input.held = held.map(|outcome| outcome.count).sum();
            }
        }
        let outputs = self.outputs(deep, &totals)?;
        let readings = self.readings(&positions, deep)?;
        let facts = self.runtime.block_on(self.store.check_facts())?;
        let moving = self.reader.positions()? != positions;
        let figures = Figures { outputs, inputs, readings, facts };
        let statements = judge(&figures);
        let holds = statements.iter().all(|statement| statement.holds);
        let outputs = figures.outputs.iter().map(OutputFigures::from).collect();
        Ok(Report { holds, moving, statements, inputs: figures.inputs, outputs })
    }

    fn readings(&mut self, positions: &Positions, deep: bool) -> anyhow::Result<Readings> {
        let mut raw = self.reader.raw(positions, &self.limits, deep)?;
        for raw in raw.iter_mut().filter(|raw| raw.uploads.is_some()) {
            let found = self.runtime.block_on(self.store.raw_standing(raw.partition, raw.reached))?;
            raw.rows = Standing { ids: found.rows, versions: found.version_sum };
        }
        let windows = self.runtime.block_on(self.store.check_raw())?;
        let late = self.runtime.block_on(self.store.check_late())?;
        Ok(Readings { raw, windows, late })
    }

    /// The output partitions as Kafka has them, beside their coverage. Kafka is asked first: what it had then must be in
    /// ClickHouse afterwards.
    fn proven(&mut self) -> anyhow::Result<Vec<Output>> {
        let last = self.reader.last_versions()?;
        let covered = self.runtime.block_on(self.store.coverage())?;
        let output = |((topic, partition), (last_version, let_go))| {
            let topic = topics::name(topic);
            let covered = covered.iter().find(|c| c.topic == topic && c.partition == partition).cloned();
            Output {
                topic,
                partition,
                last_version,
                let_go,
                covered,
                table: None,
                one_row_each: false,
                records: None,
            }
        };
        Ok(last.into_iter().map(output).collect())
    }

    /// The same with what the tables hold and, with `deep`, what the records come to.
    fn outputs(&mut self, deep: bool, totals: &[TopicTotals]) -> anyhow::Result<Vec<Output>> {
        let mut outputs = self.proven()?;
        let standings = if deep { self.reader.standings()? } else { BTreeMap::new() };
        let partitions = u32::try_from(self.reader.partitions).context("count the partitions")?;
        let mut tables = BTreeMap::new();
        for table in OutputTable::ALL {
            for check in self.runtime.block_on(self.store.check_table(table, partitions))? {
                tables.insert((table.topic(), check.partition), check);
            }
        }
        // Every task judges the documents: their dead letters are many records and one row.
        let of_documents = totals.iter().any(|t| t.topic == "contracts" && t.dead_letters > 0);
        for output in &mut outputs {
            let place = (output.topic, output.partition);
            let first_incarnation = output.last_version.is_some_and(|version| version >> 48 == 1);
            output.table = tables.remove(&place);
            output.one_row_each = place.0 == topics::name(topics::DEAD_LETTERS)
                && first_incarnation
                && !of_documents
                && !output.let_go;
            output.records = standings.get(&place).copied();
        }
        Ok(outputs)
    }
}

impl Report {
    fn print(&self) {
        print(format_args!(
            "{:<18} {:>11} {:>11} {:>11} {:>11} {:>11} {:>11}",
            "input topic", "taken", "in receipts", "undecodable", "forwarded", "held now", "not yet"
        ));
        for input in &self.inputs {
            print(format_args!(
                "{:<18} {:>11} {:>11} {:>11} {:>11} {:>11} {:>11}",
                input.topic,
                input.taken,
                input.in_receipts,
                input.undecodable,
                input.forwarded,
                input.held,
                input.not_yet_taken
            ));
        }
        for Statement { name, holds, figures, places } in &self.statements {
            let word = if *holds { "ok" } else { "VIOLATED" };
            print(format_args!("{word:<9} {name:<25} {figures}"));
            for place in places {
                print(format_args!("          {place}"));
            }
        }
    }
}
