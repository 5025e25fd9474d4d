//! `aftercare bill`

mod explain;
mod invoice;
mod page;
mod totals;

use std::collections::BTreeMap;
use std::fs::File;
use std::path::PathBuf;

use aftercare_clickhouse::{BillEntry, Store};
use aftercare_core::money::{Minor, currency_decimals};
use aftercare_core::month::Month;
use aftercare_runtime::topics;
use anyhow::{Context, bail};

use crate::Outcome;
use crate::config::{Config, Invoice};
use crate::wiring::{print, say};

const EXPLANATION: &str = "\
Reads the ledger in ClickHouse, changes nothing. A month is that in which entries are booked, in the zone of their \
contract; once every task has answered its closing, nothing more is booked in it, and the same command gives the same \
bytes. Exit code 4: the proof that everything committed is in ClickHouse has a gap, so that a bill might lack lines.";

/// See [`EXPLANATION`].
#[derive(clap::Args)]
#[command(after_long_help = EXPLANATION)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(clap::Subcommand)]
enum Action {
    /// Sum up a month: what each payer owes, by component; what the manufacturer's books say; what is held, and why.
    Run(Which),
    /// Write a manufacturer's invoice of a month: every line with what it rests on, and totals.
    Export(Export),
    /// Say in words and figures how an entry came about, from what is stored with it; or list a patient's month.
    Explain(explain::Args),
}

#[derive(clap::Args)]
struct Which {
    /// The month, such as 2026-01.
    #[arg(long)]
    month: String,
    /// Only what this manufacturer owes.
    #[arg(long)]
    manufacturer: Option<String>,
}

#[derive(clap::Args)]
struct Export {
    /// The month, such as 2026-01.
    #[arg(long)]
    month: String,
    /// The manufacturer.
    #[arg(long)]
    manufacturer: String,
    /// csv for a program, html for a reader (one page, to print and to file).
    #[arg(long, value_enum, default_value_t = Format::Csv)]
    format: Format,
    /// Write to this file instead of the terminal.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

#[derive(clap::ValueEnum, Clone, Copy)]
enum Format {
    Csv,
    Html,
}

pub(crate) fn run(config: &Config, args: &Args) -> anyhow::Result<Outcome> {
    let bills = Bills::open(config)?;
    match &args.action {
        Action::Run(which) => bills.run(which),
        Action::Export(export) => bills.export(export, &config.invoice),
        Action::Explain(args) => explain::run(&bills, args),
    }
}

struct Bills {
    store: Store,
    partitions: u64,
    runtime: tokio::runtime::Runtime,
}

impl Bills {
    fn open(config: &Config) -> anyhow::Result<Bills> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        Ok(Bills {
            store: Store::connect(config.store()?),
            partitions: u64::try_from(config.kafka.partitions).unwrap_or(0),
            runtime: runtime.context("start the asynchronous runtime")?,
        })
    }

    fn run(&self, which: &Which) -> anyhow::Result<Outcome> {
        check_month(&which.month)?;
        let manufacturer = which.manufacturer.as_deref();
        let booked = self.runtime.block_on(self.store.booked(&which.month, manufacturer))?;
        let held = self.runtime.block_on(self.store.held(&which.month, manufacturer))?;
        let closings = self.closings(&which.month, &booked)?;
        for line in totals::lines(&which.month, &booked, &held, &closings) {
            print(format_args!("{line}"));
        }
        self.coverage()
    }

    fn export(&self, export: &Export, letter: &Invoice) -> anyhow::Result<Outcome> {
        check_month(&export.month)?;
        let (month, manufacturer) = (&*export.month, &*export.manufacturer);
        let booked = self.runtime.block_on(self.store.booked(month, Some(manufacturer)))?;
        let bytes = match export.format {
            Format::Csv => invoice::csv(month, manufacturer, &booked)?,
            Format::Html => {
                let closings = &self.closings(month, &booked)?;
                page::html(&page::Head { month, manufacturer, letter, closings }, &booked).into_bytes()
            }
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
