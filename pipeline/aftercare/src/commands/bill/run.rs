//! `aftercare bill run`: what a month comes to.

use std::time::Duration;

use aftercare_core::month::Month;

use super::close::Clerk;
use super::patience::Patience;
use super::period::Period;
use super::{Bills, parse_month};
use crate::Outcome;
use crate::wiring::say;

#[derive(clap::Args)]
pub(super) struct Args {
    /// The month, such as 2026-01.
    #[arg(long, value_parser = parse_month)]
    month: Month,
    /// Only this contract.
    #[arg(long)]
    contract: Option<String>,
    /// Only what this manufacturer owes.
    #[arg(long)]
    manufacturer: Option<String>,
    /// Tell the tasks nothing: what populations add up to stays as it was settled last.
    #[arg(long)]
    dry_run: bool,
    /// Wait up to so many seconds for the tasks to answer a settlement.
    #[arg(long, value_name = "SECONDS", default_value_t = 120)]
    wait: u64,
}

pub(super) fn run(bills: &Bills<'_>, args: &Args) -> anyhow::Result<Outcome> {
    let cluster = bills.config.cluster();
    let mut clerk = Clerk::open(bills, &cluster, Patience::of(Duration::from_secs(args.wait)))?;
    let calendar = bills.calendar_by(&mut clerk.tasks, None)?;
    let (mut outcome, mut states) = (Outcome::Done, Vec::new());
    for contract in calendar.chosen(args.month, args.contract.as_deref()) {
        let period = calendar.period(contract, args.month);
        states.push(format!("{contract}: {period}"));
        let is_first_open = calendar.open_before(contract, args.month).is_empty();
        if matches!(period, Period::Closing { .. } | Period::Closed { .. }) || !is_first_open {
            continue;
        }
        let due = clerk.due(contract, args.month)?;
        if args.dry_run {
            for settlement in &due {
                say(format_args!("not settled yet: {}", settlement.text(contract)));
            }
        } else if let Some(left) = clerk.settle(contract, args.month, due)? {
            say(format_args!("{contract}: {left}"));
            outcome = Outcome::Found;
        }
    }
    bills.sum_up(args.month, &states, args.contract.as_deref(), args.manufacturer.as_deref())?;
    Ok(match bills.coverage()? {
        Outcome::Done => outcome,
        found => found,
    })
}
