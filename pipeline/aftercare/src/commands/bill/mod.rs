//! `aftercare bill`

mod close;
mod explain;
mod export;
mod invoice;
mod page;
mod patience;
mod period;
mod reconcile;
mod run;
mod settle;
mod tasks;
mod totals;

use std::collections::BTreeMap;
use std::fs::File;

use aftercare_clickhouse::{BillEntry, ContractMonth, Store};
use aftercare_core::documents::Library;
use aftercare_core::money::{Minor, currency_decimals};
use aftercare_core::month::Month;
use aftercare_runtime::topics;
use anyhow::{Context, bail};
use period::Calendar;
use tasks::Tasks;

use crate::Outcome;
use crate::config::{Config, Invoice};
use crate::wiring::{print, say};

const EXPLANATION: &str = "\
A month is that in which entries are booked, in the zone of their contract. It is open until it is closed: close tells \
every task, and once all have answered, nothing more is booked in it and the same command gives the same bytes; what \
comes to light later is booked in the open month.

A clerk's month: run (what it comes to, what is held and why), reconcile (whether it adds up), close, export. export, \
explain and reconcile read ClickHouse and change nothing. run tells the tasks what populations add up to, where a \
contract has any, and close does too and then closes; with --dry-run neither writes anything.

Every command may be ended at any moment and run again, and two may run at once.

Exit code 4: something is to be looked at: the month does not add up, the proof that everything committed is in \
ClickHouse has a gap (a bill might lack lines), or the closing is refused; what and where is said on stderr.";

/// See [`EXPLANATION`].
#[derive(clap::Args)]
#[command(after_long_help = EXPLANATION)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(clap::Subcommand)]
enum Action {
    /// Sum up a month: how far it is; what each payer owes, by component; the books; what is held, and why.
    Run(run::Args),
    /// Close a month: check that it is over and adds up, settle, tell every task, wait for all answers.
    Close(close::Args),
    /// Show whether a month adds up: received = billed + refused + copies; lines = what stands; debits = credits.
    Reconcile(Which),
    /// Write the documents of a month: invoices, statements, the journal, provisions.
    Export(export::Args),
    /// Say in words and figures how an entry came about, from what is stored with it; or list a patient's month.
    Explain(explain::Args),
}

#[derive(clap::Args)]
struct Which {
    /// The month, such as 2026-01.
    #[arg(long, value_parser = parse_month)]
    month: Month,
    /// Only this contract.
    #[arg(long)]
    contract: Option<String>,
}

pub(crate) fn run(config: &Config, args: &Args) -> anyhow::Result<Outcome> {
    let bills = Bills::open(config)?;
    match &args.action {
        Action::Run(args) => run::run(&bills, args),
        Action::Close(args) => close::close(&bills, args),
        Action::Reconcile(which) => bills.reconcile(which),
        Action::Export(export) => bills.export(export, &config.invoice),
        Action::Explain(args) => explain::run(&bills, args),
    }
}

struct Bills<'a> {
    config: &'a Config,
    store: Store,
    partitions: u64,
    runtime: tokio::runtime::Runtime,
}

impl<'a> Bills<'a> {
    fn open(config: &'a Config) -> anyhow::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        Ok(Bills {
            config,
            store: Store::connect(config.store()?),
            partitions: u64::try_from(config.kafka.partitions).unwrap_or(0),
            runtime: runtime.context("start the asynchronous runtime")?,
        })
    }

    /// Prints what a month comes to. `states`: how far it is.
    fn sum_up(
        &self,
        month: Month,
        states: &[String],
        contract: Option<&str>,
        manufacturer: Option<&str>,
    ) -> anyhow::Result<()> {
        let month = month.to_string();
        let mut booked = self.runtime.block_on(self.store.month_sums(&month, contract))?;
        booked.retain(|sum| manufacturer.is_none_or(|manufacturer| sum.payer == manufacturer));
        let held = self.runtime.block_on(self.store.held_sums(&month, contract, manufacturer))?;
        for line in totals::lines(&month, states, &booked, &held) {
            print(format_args!("{line}"));
        }
        Ok(())
    }

    /// Whether a month of a contract adds up.
    fn judge(&self, of: &ContractMonth) -> anyhow::Result<reconcile::Judged> {
        let partitions = u32::try_from(self.partitions).unwrap_or(u32::MAX);
        let read = self.runtime.block_on(self.store.reconciliation(of, partitions))?;
        Ok(reconcile::judge(of, &read))
    }

    fn reconcile(&self, which: &Which) -> anyhow::Result<Outcome> {
        let cluster = self.config.cluster();
        let calendar = self.calendar(&Tasks::open(&cluster)?.library()?)?;
        let mut outcome = Outcome::Done;
        for (at, contract) in calendar.chosen(which.month, which.contract.as_deref()).into_iter().enumerate()
        {
            let judged = self.judge(&calendar.month_of(contract, which.month))?;
            if at > 0 {
                print(format_args!(""));
            }
            for line in &judged.table {
                print(format_args!("{line}"));
            }
            for fault in &judged.faults {
                say(format_args!("{contract}: {fault}"));
                outcome = Outcome::Found;
            }
        }
        Ok(match self.coverage()? {
            Outcome::Done => outcome,
            found => found,
        })
    }

    /// How far the months are, by the ledger alone.
    fn calendar(&self, library: &Library) -> anyhow::Result<Calendar> {
        let booked = self.runtime.block_on(self.store.booked_months())?;
        let answers = self.runtime.block_on(self.store.closing_answers())?;
        Ok(Calendar::new(&booked, &answers, library, self.partitions))
    }

    /// How far the months are, by the ledger and by what the tasks were told.
    fn calendar_by(&self, tasks: &mut Tasks<'_>, grace_days: Option<u16>) -> anyhow::Result<Calendar> {
        let mut calendar = self.calendar(&tasks.library()?)?;
        calendar.know(tasks.told()?, grace_days.unwrap_or(self.config.billing.grace_days));
        Ok(calendar)
    }

    fn export(&self, export: &export::Args, letter: &Invoice) -> anyhow::Result<Outcome> {
        let Some(manufacturer) = export.manufacturer.as_deref() else {
            return self.export_documents(export, letter);
        };
        check_month(&export.month)?;
        let month = &*export.month;
        let booked = self.runtime.block_on(self.store.booked(month, Some(manufacturer)))?;
        let bytes = match export.format {
            export::Format::Csv => invoice::csv(month, manufacturer, &booked)?,
            export::Format::Html => {
                let closings = &self.closings(month, &booked)?;
                page::html(&page::Head { month, manufacturer, letter, closings }, &booked).into_bytes()
            }
            _ => bail!("--manufacturer goes with csv or html; --party with every format"),
        };
        match &export.out {
            None => print(format_args!("{}", String::from_utf8(bytes)?.trim_end())),
            Some(path) => {
                let mut file = File::create(path).with_context(|| format!("create {}", path.display()))?;
                std::io::Write::write_all(&mut file, &bytes)
                    .with_context(|| format!("write {}", path.display()))?;
            }
        }
        self.coverage()
    }

    /// How many tasks have answered the closing of the month, by contract.
    fn closings(&self, month: &str, booked: &[BillEntry]) -> anyhow::Result<BTreeMap<String, (u64, u64)>> {
        let mut closings = BTreeMap::new();
        for contract in booked.iter().filter_map(|entry| entry.contract.as_deref()) {
            if !closings.contains_key(contract) {
                let id = format!("closing/{contract}/{month}");
                let answers = self.runtime.block_on(self.store.closing_markers(&id))?;
                closings.insert(contract.to_owned(), (answers, self.partitions));
            }
        }
        Ok(closings)
    }

    /// Whether all entries up to the highest are proven to be in ClickHouse.
    fn coverage(&self) -> anyhow::Result<Outcome> {
        let all = self.runtime.block_on(self.store.coverage())?;
        let ledger = all.iter().filter(|one| one.topic == topics::name(topics::LEDGER));
        let mut outcome = Outcome::Done;
        for one in ledger.filter(|one| !one.is_gapless()) {
            say(format_args!(
                "coverage of ledger, partition {}: {} entries missing, {} contradictions; a bill may lack lines",
                one.partition, one.missing, one.contradictions
            ));
            outcome = Outcome::Found;
        }
        Ok(outcome)
    }
}

/// How far the closing of each contract has come, in words.
fn said(closings: &BTreeMap<String, (u64, u64)>) -> impl Iterator<Item = String> + '_ {
    closings.iter().map(|(contract, (answers, tasks))| match answers {
        answers if answers >= tasks => format!("{contract}: closed, all {tasks} tasks have answered"),
        0 => format!("{contract}: open"),
        answers => format!("{contract}: closing, {answers} of {tasks} tasks have answered"),
    })
}

fn parse_month(text: &str) -> Result<Month, String> {
    Month::parse(text).ok_or_else(|| "no month such as 2026-01".to_owned())
}

fn check_month(month: &str) -> anyhow::Result<()> {
    if Month::parse(month).is_none() {
        bail!("{month} is no month such as 2026-01");
    }
    Ok(())
}

/// An amount as text, with the decimals of its currency.
pub(in crate::commands) fn money(minor: i64, currency: &str) -> String {
    Minor(minor).text(currency_decimals(currency).unwrap_or(2))
}

/// How one entry came about, line by line.
pub(in crate::commands) fn explained(entry: &BillEntry) -> Vec<String> {
    explain::lines(entry)
}

/// The first piece of evidence of that name: its value.
fn evidence<'e>(entry: &'e BillEntry, name: &str) -> Option<&'e str> {
    entry.evidence.iter().find(|(known, ..)| known == name).map(|(_, value, ..)| value.as_str())
}

/// The record that this piece of evidence comes from.
fn record<'e>(entry: &'e BillEntry, name: &str) -> Option<&'e str> {
    entry.evidence.iter().find(|(known, ..)| known == name)?.3.as_deref()
}

#[cfg(test)]
mod tests;
