//! How far the months of contracts are: open, in their grace, closing, closed.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use aftercare_clickhouse::{BookedMonths, ContractMonth};
use aftercare_core::contract::Closing;
use aftercare_core::documents::{CONTRACT, Library};
use aftercare_core::month::Month;
use aftercare_core::time::{Instant, Millis};
use aftercare_core::zone::Zone;

use super::tasks::Told;

/// How far a month of a contract is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Period {
    /// It goes on.
    Open,
    /// It is over; what is stored until its grace has passed is in it. It may be closed after that day.
    Grace {
        /// The last day of grace, as text.
        until: String,
    },
    /// It may be closed.
    Due,
    /// The closing is written, and not every task has answered.
    Closing { answers: u64, tasks: u64 },
    /// Every task has answered the closing: nothing is booked in it any more.
    Closed { tasks: u64 },
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Period::Open => f.write_str("open"),
            Period::Grace { until } => write!(f, "closing, in grace until the end of {until}"),
            Period::Due => f.write_str("open, can be closed: it is over, and so is its grace"),
            Period::Closing { answers, tasks } => {
                write!(f, "closing, {answers} of {tasks} tasks have answered")
            }
            Period::Closed { tasks } => write!(f, "closed, all {tasks} tasks have answered"),
        }
    }
}

/// All that decides how far a month is.
#[derive(Debug)]
pub(super) struct Calendar {
    /// The newest tick that every task was told.
    pub(super) tick: Option<Instant>,
    /// How many tasks there are.
    pub(super) tasks: u64,
    /// A month may be closed so many days after its end.
    pub(super) grace_days: u16,
    /// Sessions of clinicians are judged so long after their begin.
    pub(super) burst: Millis,
    contracts: BTreeMap<String, Months>,
}

#[derive(Debug)]
struct Months {
    zone: Zone,
    first: Month,
    /// Tasks that have answered a closing, count.
    answers: BTreeMap<Month, u64>,
    /// Closings that are written.
    written: BTreeSet<Month>,
}

impl Calendar {
    /// `booked`, `answers`: what the ledger says. The library has the contracts' zones.
    pub(super) fn new(
        booked: &[BookedMonths],
        answers: &BTreeMap<String, u64>,
        library: &Library,
        tasks: u64,
    ) -> Self {
        let months = |booked: &BookedMonths| {
            let answers = answers.iter();
            let answers = answers.filter_map(|(id, n)| Some((month_of_closing(id, &booked.contract)?, *n)));
            let months = Months {
                zone: zone_of(library, &booked.contract),
                first: Month::parse(&booked.first)?,
                answers: answers.collect(),
                written: BTreeSet::new(),
            };
            Some((booked.contract.clone(), months))
        };
        let contracts = booked.iter().filter_map(months).collect();
        Self { tick: None, tasks, grace_days: 0, burst: library.burst_length_max(), contracts }
    }

    /// Learns what the tasks were told, and how long months wait.
    pub(super) fn know(&mut self, told: &Told, grace_days: u16) {
        (self.tick, self.grace_days) = (told.tick, grace_days);
        for (contract, months) in &mut self.contracts {
            months.written = told.closings.iter().filter_map(|id| month_of_closing(id, contract)).collect();
        }
    }

    /// Contracts with entries booked in a month or before; only that one, if one is named.
    pub(super) fn chosen(&self, month: Month, only: Option<&str>) -> Vec<&str> {
        let contracts = self.contracts.iter().filter(|(_, months)| months.first <= month);
        contracts.map(|(id, _)| &**id).filter(|id| only.is_none_or(|only| only == *id)).collect()
    }

    /// How far a month is. A closing closes the months before it too.
    pub(super) fn period(&self, contract: &str, month: Month) -> Period {
        let Some(months) = self.contracts.get(contract) else { return Period::Open };
        let answers = months.answers.range(month..).map(|(_, answers)| *answers).max();
        match answers {
            Some(answers) if answers >= self.tasks => return Period::Closed { tasks: self.tasks },
            None if months.written.range(month..).next().is_none() => {}
            _ => return Period::Closing { answers: answers.unwrap_or_default(), tasks: self.tasks },
        }
        let first_after = month.next().first_day();
        let until = first_after.saturating_add(i64::from(self.grace_days));
        let begins = |day: i64| months.zone.start_of(day);
        // A session that began in the month's last minutes is judged some minutes later.
        let due = begins(until).max(begins(first_after).saturating_add(self.burst));
        match self.tick {
            Some(tick) if tick >= due => Period::Due,
            Some(tick) if tick >= begins(first_after) => {
                Period::Grace { until: day_text(until.saturating_sub(1)) }
            }
            _ => Period::Open,
        }
    }

    /// The months before it, from the first with an entry on, that are not closed.
    pub(super) fn open_before(&self, contract: &str, month: Month) -> Vec<Month> {
        let Some(months) = self.contracts.get(contract) else { return Vec::new() };
        let closed = |month: &Month| matches!(self.period(contract, *month), Period::Closed { .. });
        let all = std::iter::successors(Some(months.first), |month| Some(month.next()));
        all.take_while(|earlier| *earlier < month).filter(|earlier| !closed(earlier)).collect()
    }

    /// The month as questions to the ledger name it.
    pub(super) fn month_of(&self, contract: &str, month: Month) -> ContractMonth {
        let utc = Zone::UTC;
        let zone = self.contracts.get(contract).map_or(&utc, |months| &months.zone);
        ContractMonth {
            contract: contract.to_owned(),
            month: month.to_string(),
            from: zone.start_of(month.first_day()).0,
            to: zone.start_of(month.next().first_day()).0,
        }
    }
}

fn month_of_closing(id: &str, contract: &str) -> Option<Month> {
    Closing::parse(id).filter(|closing| closing.contract == contract).map(|closing| closing.month)
}

/// The zone of the newest version of a contract; UTC where the contract is not known.
fn zone_of(library: &Library, contract: &str) -> Zone {
    let document = library.text(CONTRACT, contract, None).and_then(|text| text.parse::<toml::Table>().ok());
    let name = document.as_ref().and_then(|table| table.get("time_zone")).and_then(toml::Value::as_str);
    name.and_then(Zone::named).unwrap_or(Zone::UTC)
}

/// A day counted since 1970-01-01, as text.
fn day_text(day: i64) -> String {
    let month = Month::of_day(day);
    format!("{month}-{:02}", day.saturating_sub(month.first_day()).saturating_add(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    const WARRANTY: &str = "warranty-example";

    fn month(text: &str) -> Month {
        Month::parse(text).unwrap()
    }

    /// Of a contract in Shanghai, booked from November on.
    fn calendar(tick: i64, answers: &[(&str, u64)], written: &[&str]) -> Calendar {
        let booked = [BookedMonths {
            contract: WARRANTY.to_owned(),
            first: "2025-11".to_owned(),
            last: "2026-02".to_owned(),
        }];
        let id = |month: &str| format!("closing/{WARRANTY}/{month}");
        let answers = answers.iter().map(|(month, n)| (id(month), *n)).collect();
        let closings = written.iter().map(|month| id(month)).collect();
        let mut calendar = Calendar::new(&booked, &answers, &Library::builtin(), 2);
        calendar.know(&Told::of(tick, closings), 5);
        calendar
    }

    #[test]
    fn a_month_is_open_then_in_grace_then_due_by_the_contract_s_days() {
        // 2026-01-31T16:00Z is midnight of 1 February in Shanghai
        let end = 1_769_875_200_000;
        let day = 86_400_000;
        let at = |tick: i64| calendar(tick, &[], &[]).period(WARRANTY, month("2026-01"));
        assert_eq!(at(end - 1), Period::Open);
        assert_eq!(at(end), Period::Grace { until: "2026-02-05".to_owned() });
        assert_eq!(at(end + 5 * day - 1), Period::Grace { until: "2026-02-05".to_owned() });
        assert_eq!(at(end + 5 * day), Period::Due);
    }

    #[test]
    fn without_grace_the_sessions_of_the_last_minutes_are_still_waited_for() {
        let end = 1_769_875_200_000;
        let mut calendar = calendar(end, &[], &[]);
        calendar.grace_days = 0;
        assert_ne!(calendar.period(WARRANTY, month("2026-01")), Period::Due);
        calendar.tick = Some(Instant(end).saturating_add(calendar.burst));
        assert!(calendar.burst > Millis(0));
        assert_eq!(calendar.period(WARRANTY, month("2026-01")), Period::Due);
        calendar.tick = None;
        assert_eq!(calendar.period(WARRANTY, month("2026-01")), Period::Open);
    }

    #[test]
    fn a_closing_closes_the_months_before_it_once_all_have_answered() {
        let state = |answers: &[(&str, u64)], written: &[&str], of: &str| {
            calendar(0, answers, written).period(WARRANTY, month(of))
        };
        assert_eq!(state(&[], &["2025-12"], "2025-12"), Period::Closing { answers: 0, tasks: 2 });
        assert_eq!(
            state(&[("2025-12", 1)], &["2025-12"], "2025-11"),
            Period::Closing { answers: 1, tasks: 2 }
        );
        assert_eq!(state(&[("2025-12", 2)], &[], "2025-11"), Period::Closed { tasks: 2 });
        assert_eq!(state(&[("2025-12", 2)], &["2025-12"], "2026-01"), Period::Open);
        let known = calendar(0, &[("2025-11", 2)], &[]);
        assert_eq!(known.open_before(WARRANTY, month("2026-02")), [month("2025-12"), month("2026-01")]);
        assert!(known.open_before(WARRANTY, month("2025-12")).is_empty());
        assert_eq!(known.chosen(month("2025-11"), None), [WARRANTY]);
        assert!(known.chosen(month("2025-10"), None).is_empty());
        assert!(known.chosen(month("2025-11"), Some("another")).is_empty());
    }
}
