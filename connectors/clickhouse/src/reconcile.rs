//! Whether a month of a contract adds up: what came in against what was billed, the lines against what stands, the journal
//! against itself.

use clickhouse::Row;
use serde::Deserialize;

use crate::{Store, StoreError};

/// A month of a contract.
#[derive(Clone, Debug)]
pub struct ContractMonth {
    /// Contract document.
    pub contract: String,
    /// The month, as `2026-01`.
    pub month: String,
    /// When it begins in the contract's zone, ms since 1970-01-01 UTC, inclusive.
    pub from: i64,
    /// When it ends, exclusive.
    pub to: i64,
}

/// What became of questionnaire uploads that came in within the month, by reason.
#[derive(Clone, Debug, PartialEq, Eq, Row, Deserialize)]
pub struct Fate {
    /// `billed`: a line of the month rests on it. `billed_before`: a line booked in an earlier month does. `held`: the
    /// ledger says why not, or not yet. `refused`: it never got there. `superseded`: a higher revision is in force.
    /// `taken_back`: what rested on it does not stand any more. `unnamed`: it has a score in an episode under the contract,
    /// and no entry names it. `elsewhere`: it has none there.
    pub fate: String,
    /// held, refused: the reason, a stable code.
    pub why: String,
    /// Uploads and revisions of them, each once. Count.
    pub records: u64,
    /// Further copies of those, with the same or other content. Count.
    pub further_copies: u64,
    /// Ids of unnamed ones, five at most.
    pub examples: Vec<String>,
}

/// The lines of a payer.
#[derive(Clone, Debug, PartialEq, Eq, Row, Deserialize)]
pub struct PartySum {
    /// Who owes.
    pub payer: String,
    /// ISO 4217.
    pub currency: String,
    /// Lines booked in the month, count.
    pub lines: u64,
    /// Their sum, minor units.
    pub booked_minor: i64,
    /// What stood at the end of the month less what stood at its begin, minor units; never looks at a reversal's amount.
    pub stood_minor: i64,
    /// Of the sum: reversals, minor units.
    pub reversed_minor: i64,
    /// Of the sum: lines of earlier months, minor units.
    pub late_minor: i64,
}

/// One account in a party's books.
#[derive(Clone, Debug, PartialEq, Eq, Row, Deserialize)]
pub struct AccountSum {
    /// In whose books.
    pub party: String,
    /// ISO 4217.
    pub currency: String,
    /// The account; empty where a posting names none.
    pub account: String,
    /// Debits less credits before the month, minor units.
    pub opening_minor: i64,
    /// Debits of the month, minor units.
    pub debit_minor: i64,
    /// Credits of the month, minor units.
    pub credit_minor: i64,
}

/// Entries that cannot be.
#[derive(Clone, Debug, PartialEq, Eq, Row, Deserialize)]
pub struct LedgerFault {
    /// What is wrong with them, a stable code.
    pub fault: String,
    /// Entries, count.
    pub entries: u64,
    /// Ids, five at most.
    pub examples: Vec<String>,
}

/// All that is compared of a month of a contract.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reconciliation {
    /// What became of uploads.
    pub fates: Vec<Fate>,
    /// By payer.
    pub parties: Vec<PartySum>,
    /// By party and account.
    pub accounts: Vec<AccountSum>,
    /// What cannot be.
    pub faults: Vec<LedgerFault>,
}

impl Store {
    /// Reads what is to be compared. `partitions`: how many tasks there are.
    ///
    /// # Errors
    /// As [`Store::booked`].
    pub async fn reconciliation(
        &self,
        of: &ContractMonth,
        partitions: u32,
    ) -> Result<Reconciliation, StoreError> {
        self.knows_every_kind().await?;
        let fates = self.asked(of, include_str!("sql/fates.sql"), partitions).fetch_all::<Fate>();
        let fates = self.timed("compare uploads with the ledger", fates).await?;
        let parties = self.asked(of, include_str!("sql/parties.sql"), partitions).fetch_all::<PartySum>();
        let parties = self.timed("compare lines with what stands", parties).await?;
        let accounts = self.asked(of, include_str!("sql/accounts.sql"), partitions).fetch_all::<AccountSum>();
        let accounts = self.timed("read the trial balance", accounts).await?;
        let mut faults = Vec::new();
        for sql in [include_str!("sql/faults.sql"), include_str!("sql/closed_faults.sql")] {
            let found = self.asked(of, sql, partitions).fetch_all::<LedgerFault>();
            faults.extend(self.timed("look for entries that cannot be", found).await?);
        }
        Ok(Reconciliation { fates, parties, accounts, faults })
    }

    fn asked(&self, of: &ContractMonth, sql: &str, partitions: u32) -> clickhouse::query::Query {
        self.client
            .query_raw(sql)
            .param("contract", &of.contract)
            .param("month", &of.month)
            .param("from", of.from)
            .param("to", of.to)
            .param("partitions", partitions)
    }
}
