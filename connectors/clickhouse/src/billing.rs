//! Months of the ledger in sums: what a billing run reads, however many entries there are.

use std::collections::BTreeMap;

use clickhouse::Row;
use serde::Deserialize;

use crate::{BillEvidence, Store, StoreError};

/// Entries of a month that differ in nothing but patient, cause and amount.
#[derive(Clone, Debug, Default, PartialEq, Eq, Row, Deserialize)]
pub struct MonthSum {
    /// line, shown, posting or notice.
    pub kind: String,
    /// Contract document.
    pub contract: String,
    /// Line: who owes. Posting: in whose books it is.
    pub payer: String,
    /// Whether the payee is the patient.
    pub to_patient: bool,
    /// Component; of a notice its reason.
    pub component: String,
    /// Posting: account that is debited.
    pub debit_account: String,
    /// Posting: account that is credited.
    pub credit_account: String,
    /// ISO 4217.
    pub currency: String,
    /// Entries, count.
    pub entries: u64,
    /// Their sum, minor units of the currency.
    pub amount_minor: i64,
}

/// The months of a contract that something is booked in.
#[derive(Clone, Debug, PartialEq, Eq, Row, Deserialize)]
pub struct BookedMonths {
    /// Contract document.
    pub contract: String,
    /// The earliest, as `2026-01`.
    pub first: String,
    /// The latest.
    pub last: String,
}

/// A pool of a contract: its key.
pub type PoolKey = String;

/// Sums of measures by name.
pub type Measures = BTreeMap<String, i64>;

/// What the tasks have answered to the last settlement of a pool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settled {
    /// Its revision.
    pub revision: i64,
    /// Tasks that have answered it, count.
    pub answers: u64,
    /// What it says; `None`: the answers differ, because two runs gave two settlements one revision.
    pub measures: Option<Measures>,
}

#[derive(Row, Deserialize)]
struct Answers {
    closing_id: String,
    answers: u64,
}

#[derive(Row, Deserialize)]
struct MeasureSum {
    pool: String,
    name: String,
    sum: i64,
}

#[derive(Row, Deserialize)]
struct SettlementMarker {
    entry_id: String,
    evidence: Vec<BillEvidence>,
}

impl Store {
    /// What is booked in a month (as `2026-01`), of one contract or of all: lines, what is shown, postings and notices.
    ///
    /// # Errors
    /// As [`Store::booked`].
    pub async fn month_sums(&self, month: &str, contract: Option<&str>) -> Result<Vec<MonthSum>, StoreError> {
        self.knows_every_kind().await?;
        let query = self.client.query_raw(include_str!("sql/month_sums.sql")).param("month", month);
        let query = query.param("contract", contract.unwrap_or_default());
        self.timed("sum up a month of the ledger", query.fetch_all::<MonthSum>()).await
    }

    /// How many are held for which reason of services up to a month, of one contract or of all, of one manufacturer's
    /// devices (and of devices that are not known) or of all: neither settled nor replaced by a later entry.
    ///
    /// # Errors
    /// What the server said.
    pub async fn held_sums(
        &self,
        month: &str,
        contract: Option<&str>,
        manufacturer: Option<&str>,
    ) -> Result<Vec<(String, u64)>, StoreError> {
        let query = self.client.query_raw(include_str!("sql/held_sums.sql")).param("month", month);
        let query = query.param("contract", contract.unwrap_or_default());
        let query = query.param("manufacturer", manufacturer.unwrap_or_default());
        self.timed("count what is held", query.fetch_all::<(String, u64)>()).await
    }

    /// In which months each contract has entries.
    ///
    /// # Errors
    /// What the server said.
    pub async fn booked_months(&self) -> Result<Vec<BookedMonths>, StoreError> {
        let sql = "SELECT toString(assumeNotNull(contract)) AS contract, \
             toString(min(assumeNotNull(booking_period))) AS first, toString(max(assumeNotNull(booking_period))) AS last \
             FROM ledger WHERE contract IS NOT NULL AND booking_period IS NOT NULL GROUP BY contract ORDER BY contract";
        let query = self.client.query_raw(sql).fetch_all::<BookedMonths>();
        self.timed("list the months of the ledger", query).await
    }

    /// How many tasks have answered each closing, by its id.
    ///
    /// # Errors
    /// What the server said.
    pub async fn closing_answers(&self) -> Result<BTreeMap<String, u64>, StoreError> {
        let sql = "SELECT assumeNotNull(closing_id) AS closing_id, uniqExact(entry_id) AS answers FROM ledger \
             WHERE kind = 'marker' AND startsWith(assumeNotNull(closing_id), 'closing/') GROUP BY closing_id";
        let query = self.client.query_raw(sql).fetch_all::<Answers>();
        let rows = self.timed("count the answers to closings", query).await?;
        Ok(rows.into_iter().map(|row| (row.closing_id, row.answers)).collect())
    }

    /// The sums of a contract's measures, by pool and name, of what is booked up to a month.
    ///
    /// # Errors
    /// What the server said.
    pub async fn measure_sums(
        &self,
        contract: &str,
        month: &str,
    ) -> Result<BTreeMap<PoolKey, Measures>, StoreError> {
        let sql = "SELECT toString(assumeNotNull(payer)) AS pool, toString(assumeNotNull(component)) AS name, \
             sum(amount_minor) AS sum FROM ledger AS l FINAL \
             WHERE l.kind = 'measure' AND contract = {contract: String} AND booking_period <= {month: String} \
             GROUP BY pool, name";
        let query = self.client.query_raw(sql).param("contract", contract).param("month", month);
        let rows = self.timed("sum up measures", query.fetch_all::<MeasureSum>()).await?;
        let mut pools: BTreeMap<PoolKey, Measures> = BTreeMap::new();
        for row in rows {
            pools.entry(row.pool).or_default().insert(row.name, row.sum);
        }
        Ok(pools)
    }

    /// The last settlement of each pool of a contract, as the tasks have answered it.
    ///
    /// # Errors
    /// What the server said.
    pub async fn settlements(&self, contract: &str) -> Result<BTreeMap<PoolKey, Settled>, StoreError> {
        let prefix = format!("settlement/{contract}/");
        let sql = "SELECT entry_id, evidence FROM ledger AS l FINAL \
             WHERE l.kind = 'marker' AND startsWith(entry_id, {prefix: String})";
        let query = self.client.query_raw(sql).param("prefix", &prefix);
        let rows = self.timed("read the settlements", query.fetch_all::<SettlementMarker>()).await?;
        let mut pools = BTreeMap::new();
        for SettlementMarker { entry_id, evidence } in rows {
            let Some((key, revision)) = entry_id.strip_prefix(&prefix).and_then(pool_of_marker) else {
                continue;
            };
            take_answer(&mut pools, key, revision, evidence);
        }
        Ok(pools)
    }
}

/// Pool and revision of a marker, `{key}/{revision}/{partition}`; a key may have slashes.
fn pool_of_marker(rest: &str) -> Option<(&str, i64)> {
    let (rest, _partition) = rest.rsplit_once('/')?;
    let (key, revision) = rest.rsplit_once('/')?;
    Some((key, revision.parse().ok()?))
}

fn take_answer(
    pools: &mut BTreeMap<PoolKey, Settled>,
    key: &str,
    revision: i64,
    evidence: Vec<BillEvidence>,
) {
    let measures: Option<Measures> =
        evidence.into_iter().map(|(name, value, ..)| Some((name, value.parse().ok()?))).collect();
    match pools.get_mut(key) {
        Some(known) if known.revision > revision => {}
        Some(known) if known.revision == revision => {
            known.answers += 1;
            if known.measures != measures {
                known.measures = None;
            }
        }
        _ => {
            pools.insert(key.to_owned(), Settled { revision, answers: 1, measures });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_settlement_of_a_pool_is_what_all_its_answers_say() {
        let sum = |sum: &str| vec![("known".to_owned(), sum.to_owned(), String::new(), None, None)];
        let mut pools = BTreeMap::new();
        let mut answer = |marker: &str, said: &str| {
            let (key, revision) = pool_of_marker(marker).unwrap();
            take_answer(&mut pools, key, revision, sum(said));
        };
        answer("east/2025/2/0", "7");
        answer("east/2025/1/0", "3");
        answer("east/2025/2/1", "7");
        answer("west/2025/1/0", "1");
        answer("west/2025/1/1", "2");
        let measures = Some(BTreeMap::from([("known".to_owned(), 7)]));
        assert_eq!(pools["east/2025"], Settled { revision: 2, answers: 2, measures });
        assert_eq!(pools["west/2025"], Settled { revision: 1, answers: 2, measures: None });
        assert_eq!(pool_of_marker("east/x/0"), None);
    }
}
