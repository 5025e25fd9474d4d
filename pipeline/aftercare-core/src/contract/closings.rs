//! Which months are closed.

use serde::{Deserialize, Serialize};

use crate::month::Month;

/// A month of a contract that closes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Closing<'a> {
    /// The contract's id.
    pub contract: &'a str,
    /// The month.
    pub month: Month,
}

impl<'a> Closing<'a> {
    /// Reads the id of a closing, `closing/{contract}/{month}`.
    pub fn parse(id: &'a str) -> Option<Closing<'a>> {
        let (contract, month) = id.strip_prefix("closing/")?.rsplit_once('/')?;
        let month = Month::parse(month)?;
        (!contract.is_empty()).then_some(Closing { contract, month })
    }
}

/// The last closed month of each contract. A closing closes all months before it too.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Closings(Vec<(Box<str>, Month)>);

impl Closings {
    /// Closes a month; `false` where it was closed before.
    pub fn close(&mut self, closing: Closing<'_>) -> bool {
        match self.0.iter_mut().find(|(contract, _)| **contract == *closing.contract) {
            Some((_, last)) if *last >= closing.month => false,
            Some((_, last)) => {
                *last = closing.month;
                true
            }
            None => {
                self.0.push((closing.contract.into(), closing.month));
                true
            }
        }
    }

    /// The month in which something of `month` is booked: that month, or the open one where it is closed.
    pub fn booking(&self, contract: &str, month: Month) -> Month {
        let last = self.0.iter().find(|(known, _)| **known == *contract);
        last.map_or(month, |(_, last)| month.max(last.next()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_closing_is_named_by_its_id() {
        let closing = Closing::parse("closing/warranty-example/2026-01").unwrap();
        assert_eq!((closing.contract, closing.month.to_string().as_str()), ("warranty-example", "2026-01"));
        for id in ["closing/2026-01", "closing//2026-01", "closing/a/2026-13", "settlement/a/2026-01", ""] {
            assert_eq!(Closing::parse(id), None, "{id}");
        }
    }

    #[test]
    fn the_open_month_is_the_earliest_not_closed() {
        let mut closings = Closings::default();
        let month = |text: &str| Month::parse(text).unwrap();
        assert_eq!(closings.booking("a", month("2025-01")), month("2025-01"));
        assert!(closings.close(Closing { contract: "a", month: month("2025-12") }));
        assert!(!closings.close(Closing { contract: "a", month: month("2025-12") }));
        assert!(!closings.close(Closing { contract: "a", month: month("2025-03") }));
        assert_eq!(closings.booking("a", month("2025-01")), month("2026-01"));
        assert_eq!(closings.booking("a", month("2026-02")), month("2026-02"));
        assert_eq!(closings.booking("b", month("2025-01")), month("2025-01"));
    }
}
