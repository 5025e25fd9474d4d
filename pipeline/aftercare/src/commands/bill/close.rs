//! `aftercare bill close`: ends a month, so that nothing more is booked in it.
//!
//! What the closing rests on is in Kafka and ClickHouse alone, and every record that is written here may be written again:
//! a settlement or closing that a task knows changes nothing. So it may be ended at any moment and run again, and two may
//! run at once.
//!
//! A task answers a closing as soon as it reads it, so that it is written only when all that belongs to the month has come
//! to where it is billed. A clinician's session is judged by one task and its verdict is read by another. Both are watched
//! by their committed positions, which move in the same transaction as what was written: first every record written to an
//! input is taken (twice over, for records that are sent on to another partition); then every task has done with a tick
//! after that, at which it judges the sessions that are due; then the verdicts, written by then, are taken too. A month is
//! over only when the sessions of its last minutes are due. What comes after that was stored after the closing, and is
//! booked in the open month.

use std::time::Duration;

use aftercare_core::month::Month;
use aftercare_kafka::Cluster;
use aftercare_runtime::topics::{LEDGER, RECEIPTS};

use super::patience::Patience;
use super::period::{Calendar, Period};
use super::settle::{self, Settlement};
use super::tasks::Tasks;
use super::{Bills, parse_month};
use crate::Outcome;
use crate::commands::audit::Audit;
use crate::wiring::{print, say, ticks};

/// Facts may come between the sums and their settlement; after so many times they wait for the next closing.
const SETTLEMENTS_MAX: usize = 3;

#[derive(clap::Args)]
pub(super) struct Args {
    /// The month, such as 2026-01.
    #[arg(long, value_parser = parse_month)]
    month: Month,
    /// Only this contract; else every contract with entries.
    #[arg(long)]
    contract: Option<String>,
    /// Close it so many days after its end, by the tasks' time, instead of [billing] grace_days.
    #[arg(long, value_name = "DAYS")]
    grace: Option<u16>,
    /// Close the open months before it first, in their order.
    #[arg(long)]
    earlier: bool,
    /// Print what would be closed and billed, and write nothing.
    #[arg(long)]
    dry_run: bool,
    /// Wait up to so many seconds in all, for tasks and ClickHouse.
    #[arg(long, value_name = "SECONDS", default_value_t = 300)]
    wait: u64,
}

/// A month of a contract that is to be closed.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Step {
    month: Month,
    contract: String,
}

pub(super) fn close(bills: &Bills<'_>, args: &Args) -> anyhow::Result<Outcome> {
    let cluster = bills.config.cluster();
    let mut clerk = Clerk::open(bills, &cluster, Patience::of(Duration::from_secs(args.wait)))?;
    let calendar = bills.calendar_by(&mut clerk.tasks, args.grace)?;
    let steps = match plan(&calendar, args) {
        Ok(steps) => steps,
        Err(refusals) => return Ok(refuse(&refusals)),
    };
    if args.dry_run {
        return clerk.rehearse(&calendar, &steps, args);
    }
    if !steps.is_empty() {
        let left = clerk.take_in()?;
        if !left.is_empty() {
            return Ok(refuse(&left));
        }
    }
    for step in &steps {
        let refusals = clerk.close(&calendar, step)?;
        if !refusals.is_empty() {
            return Ok(refuse(&refusals));
        }
    }
    let closed = bills.calendar_by(&mut clerk.tasks, args.grace)?;
    bills.sum_up(args.month, &states(&closed, args), args.contract.as_deref(), None)?;
    bills.coverage()
}

/// What is to be closed, in its order; or why nothing is.
fn plan(calendar: &Calendar, args: &Args) -> Result<Vec<Step>, Vec<String>> {
    let (mut steps, mut refusals) = (Vec::new(), Vec::new());
    let contracts = calendar.chosen(args.month, args.contract.as_deref());
    if contracts.is_empty() {
        refusals.push(format!("nothing is booked in {} or before", args.month));
    }
    for contract in contracts {
        let month = args.month;
        let earlier = calendar.open_before(contract, month);
        match calendar.period(contract, month) {
            Period::Closed { .. } => continue,
            Period::Closing { .. } | Period::Due => {}
            Period::Grace { until } => refusals.push(format!(
                "{contract}: {month} is in grace until the end of {until}; --grace DAYS shortens it"
            )),
            Period::Open if calendar.tick.is_none() => {
                refusals.push(format!("{contract}: no task was told what time it is"));
            }
            Period::Open => refusals.push(format!("{contract}: {month} is not over")),
        }
        if let (Some(first), false) = (earlier.first(), args.earlier) {
            refusals.push(format!(
                "{contract}: {first} is open, and months are closed in their order: close it first (aftercare bill close \
                 --month {first} --contract {contract}), or all before {month} with --earlier"
            ));
        }
        let months = earlier.into_iter().chain([month]);
        steps.extend(months.map(|month| Step { month, contract: contract.to_owned() }));
    }
    steps.sort();
    if refusals.is_empty() { Ok(steps) } else { Err(refusals) }
}

fn refuse(refusals: &[String]) -> Outcome {
    for refusal in refusals {
        say(format_args!("not closed: {refusal}"));
    }
    Outcome::Found
}

fn states(calendar: &Calendar, args: &Args) -> Vec<String> {
    let contracts = calendar.chosen(args.month, args.contract.as_deref());
    contracts
        .iter()
        .map(|contract| format!("{contract}: {}", calendar.period(contract, args.month)))
        .collect()
}

/// Who settles and closes.
pub(super) struct Clerk<'a> {
    bills: &'a Bills<'a>,
    cluster: &'a Cluster,
    pub(super) tasks: Tasks<'a>,
    audit: Audit<'a>,
    patience: Patience,
}

impl<'a> Clerk<'a> {
    pub(super) fn open(
        bills: &'a Bills<'a>,
        cluster: &'a Cluster,
        patience: Patience,
    ) -> anyhow::Result<Self> {
        let (tasks, audit) = (Tasks::open(cluster)?, Audit::open(bills.config, cluster)?);
        Ok(Self { bills, cluster, tasks, audit, patience })
    }

    /// Prints what would be closed and billed.
    fn rehearse(&mut self, calendar: &Calendar, steps: &[Step], args: &Args) -> anyhow::Result<Outcome> {
        let mut outcome = Outcome::Done;
        for Step { month, contract } in steps {
            print(format_args!("{month} of {contract} would be closed"));
            for settlement in self.due(contract, *month)? {
                print(format_args!("  settled first: {}", settlement.text(contract)));
            }
            for fault in self.bills.judge(&calendar.month_of(contract, *month))?.faults {
                say(format_args!("not closed: {month} of {contract}: {fault}"));
                outcome = Outcome::Found;
            }
        }
        if !steps.is_empty() {
            print(format_args!(""));
        }
        self.bills.sum_up(args.month, &states(calendar, args), args.contract.as_deref(), None)?;
        let unproven = self.audit.unproven(&[LEDGER, RECEIPTS])?;
        Ok(if unproven.is_empty() { outcome } else { refuse(&unproven) })
    }

    /// Waits until everything written by now is taken, judged, and in ClickHouse; what is left when patience ends.
    fn take_in(&mut self) -> anyhow::Result<Vec<String>> {
        let what = "until the tasks have taken what is written";
        // A record sent on to its partition is written when the first is taken.
        for _ in 0..2 {
            let written = self.tasks.written()?;
            let left = self.patience.wait(what, || self.tasks.not_taken(&written))?;
            if !left.is_empty() {
                return Ok(left);
            }
        }
        self.tasks.mark()?;
        let left = self.patience.wait("until sessions are judged", || self.tasks.without_tick())?;
        if !left.is_empty() {
            return Ok(left);
        }
        let verdicts = self.tasks.written()?;
        let left = self.patience.wait(what, || self.tasks.not_taken(&verdicts))?;
        if !left.is_empty() {
            return Ok(left);
        }
        self.proven()
    }

    /// Waits until ClickHouse holds everything that the tasks wrote to the ledger and of receipts.
    fn proven(&mut self) -> anyhow::Result<Vec<String>> {
        let audit = &mut self.audit;
        self.patience.wait("until ClickHouse has it", || audit.unproven(&[LEDGER, RECEIPTS]))
    }

    /// What is to be settled of a contract as of a month.
    pub(super) fn due(&self, contract: &str, month: Month) -> anyhow::Result<Vec<Settlement>> {
        let (store, runtime) = (&self.bills.store, &self.bills.runtime);
        let sums = runtime.block_on(store.measure_sums(contract, &month.to_string()))?;
        if sums.is_empty() {
            return Ok(Vec::new());
        }
        let settled = runtime.block_on(store.settlements(contract))?;
        Ok(settle::due(sums, &settled, self.bills.partitions))
    }

    /// Tells the tasks what is due, and waits until all have answered and what they wrote is in ClickHouse; what is left
    /// when patience ends.
    pub(super) fn settle(
        &mut self,
        contract: &str,
        month: Month,
        mut due: Vec<Settlement>,
    ) -> anyhow::Result<Option<String>> {
        for _ in 0..SETTLEMENTS_MAX {
            if due.is_empty() {
                return Ok(None);
            }
            for settlement in &due {
                let at = self.now()?;
                self.tell(&settlement.record(contract, &month.to_string(), at)?)?;
            }
            let left = self.answered(contract, &due)?;
            let left = if left.is_empty() { self.proven()? } else { left };
            if let Some(first) = left.into_iter().next() {
                return Ok(Some(first));
            }
            due = self.due(contract, month)?;
        }
        Ok(None)
    }

    fn answered(&mut self, contract: &str, due: &[Settlement]) -> anyhow::Result<Vec<String>> {
        let (bills, tasks) = (self.bills, self.bills.partitions);
        self.patience.wait("until all tasks answer the settlement", || {
            let settled = bills.runtime.block_on(bills.store.settlements(contract))?;
            let missing = due.iter().filter_map(|told| {
                let last = settled.get(&told.pool);
                let answers = match last {
                    Some(last) if last.revision > told.revision => tasks,
                    Some(last) if last.revision == told.revision => last.answers,
                    _ => 0,
                };
                (answers < tasks).then(|| {
                    let Settlement { pool, revision, .. } = told;
                    format!("settlement {revision} of pool {pool}: {answers} of {tasks} tasks have answered")
                })
            });
            Ok(missing.collect())
        })
    }

    /// Settles and closes; why not, if not.
    fn close(&mut self, calendar: &Calendar, step: &Step) -> anyhow::Result<Vec<String>> {
        let Step { month, contract } = step;
        let due = self.due(contract, *month)?;
        if let Some(left) = self.settle(contract, *month, due)? {
            return Ok(vec![format!("{month} of {contract}: {left}")]);
        }
        let faults = self.bills.judge(&calendar.month_of(contract, *month))?.faults;
        if !faults.is_empty() {
            return Ok(faults.iter().map(|fault| format!("{month} of {contract}: {fault}")).collect());
        }
        let id = format!("closing/{contract}/{month}");
        let at = self.now()?;
        self.tell(&settle::closing(&id, at)?)?;
        say(format_args!("{month} of {contract}: the closing is written"));
        let (bills, tasks) = (self.bills, self.bills.partitions);
        let left = self.patience.wait("until all tasks answer", || {
            let answers = bills.runtime.block_on(bills.store.closing_markers(&id))?;
            Ok((answers < tasks)
                .then(|| {
                    format!("{month} of {contract}: {answers} of {tasks} tasks have answered the closing")
                })
                .into_iter()
                .collect())
        })?;
        if left.is_empty() { self.proven() } else { Ok(left) }
    }

    /// Writes a record of `control` to every task.
    fn tell(&self, value: &[u8]) -> anyhow::Result<()> {
        ticks::tell(&self.cluster.writer()?, value)
    }

    /// The tasks' time, ms since 1970-01-01 UTC.
    fn now(&mut self) -> anyhow::Result<i64> {
        Ok(self.tasks.told()?.tick.map_or(0, |tick| tick.0))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use aftercare_clickhouse::BookedMonths;
    use aftercare_core::documents::Library;

    use super::super::tasks::Told;
    use super::*;

    /// 2026-02-20 in Shanghai.
    const TICK: i64 = 1_771_516_800_000;

    fn calendar(closed: Option<&str>) -> Calendar {
        let booked = |contract: &str, first: &str| BookedMonths {
            contract: contract.to_owned(),
            first: first.to_owned(),
            last: "2026-02".to_owned(),
        };
        let answers = closed.map(|month| (format!("closing/warranty-example/{month}"), 2));
        let answers: BTreeMap<String, u64> = answers.into_iter().collect();
        let booked = [booked("colon", "2026-01"), booked("warranty-example", "2025-12")];
        let mut calendar = Calendar::new(&booked, &answers, &Library::builtin(), 2);
        calendar.know(&Told::of(TICK, Default::default()), 5);
        calendar
    }

    fn args(month: &str, contract: Option<&str>, earlier: bool) -> Args {
        Args {
            month: Month::parse(month).unwrap(),
            contract: contract.map(str::to_owned),
            grace: None,
            earlier,
            dry_run: false,
            wait: 0,
        }
    }

    fn steps(closed: Option<&str>, args: &Args) -> Vec<String> {
        let steps = plan(&calendar(closed), args).unwrap();
        steps.iter().map(|step| format!("{} {}", step.month, step.contract)).collect()
    }

    #[test]
    fn months_are_closed_in_their_order() {
        let refused = plan(&calendar(None), &args("2026-01", None, false)).unwrap_err();
        assert_eq!(refused.len(), 1);
        assert!(refused[0].contains("--month 2025-12 --contract warranty-example"), "{refused:?}");
        assert_eq!(
            steps(None, &args("2026-01", None, true)),
            ["2025-12 warranty-example", "2026-01 colon", "2026-01 warranty-example"]
        );
        assert_eq!(steps(None, &args("2026-01", Some("colon"), false)), ["2026-01 colon"]);
        let after = steps(Some("2025-12"), &args("2026-01", None, false));
        assert_eq!(after, ["2026-01 colon", "2026-01 warranty-example"]);
    }

    #[test]
    fn what_is_closed_is_left_alone_and_what_is_not_over_is_refused() {
        assert!(steps(Some("2026-01"), &args("2026-01", Some("warranty-example"), false)).is_empty());
        let refused = |args: &Args| plan(&calendar(Some("2026-01")), args).unwrap_err().join("\n");
        assert_eq!(
            refused(&args("2026-02", Some("warranty-example"), false)),
            "warranty-example: 2026-02 is not over"
        );
        let nothing = refused(&args("2025-01", None, false));
        assert_eq!(nothing, "nothing is booked in 2025-01 or before");
        let early = Args { grace: Some(40), ..args("2026-01", Some("colon"), false) };
        let mut calendar = calendar(None);
        calendar.grace_days = 40;
        let refused = plan(&calendar, &early).unwrap_err().join("\n");
        assert!(refused.contains("in grace until the end of 2026-03-12"), "{refused}");
    }
}
