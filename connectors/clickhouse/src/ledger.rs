//! The ledger as bills are made of it.

use aftercare_schemas::wire::LedgerKind;
use clickhouse::Row;
use serde::{Deserialize, Serialize};

use crate::{Store, StoreError};

/// One entry, as the table `ledger` has it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Row, Deserialize, Serialize)]
pub struct BillEntry {
    /// Id.
    pub entry_id: String,
    /// line, held, posting, marker, shown, measure or notice.
    pub kind: String,
    /// Contract document.
    pub contract: Option<String>,
    /// Version that prices it.
    pub contract_version: Option<i32>,
    /// Clause of the contract.
    pub clause: Option<String>,
    /// Component.
    pub component: Option<String>,
    /// What was rounded once and split.
    pub component_id: Option<String>,
    /// Case: episode, purchase or key of a population; absent in entries of version 1.
    pub case_id: Option<String>,
    /// Patient, pseudonymous.
    pub patient_id: Option<String>,
    /// Episode of care.
    pub episode_id: Option<String>,
    /// Line, shown: who owes. Posting: in whose books it is. Measure: the key of the population.
    pub payer: Option<String>,
    /// Line, shown: as what it pays, such as `manufacturer`; absent in entries of version 1.
    pub payer_role: Option<String>,
    /// Line, shown: who is owed.
    pub payee: Option<String>,
    /// Line, shown: as what it is paid.
    pub payee_role: Option<String>,
    /// Posting: account that is debited.
    pub debit_account: Option<String>,
    /// Posting: account that is credited.
    pub credit_account: Option<String>,
    /// Signed, minor units of the currency. Measure: the number, whatever it counts.
    pub amount_minor: i64,
    /// ISO 4217.
    pub currency: String,
    /// Month in which the trigger happened.
    pub service_period: Option<String>,
    /// Month in which it is booked.
    pub booking_period: Option<String>,
    /// Why it is held, reversed or booked later.
    pub reason: Option<String>,
    /// Entry that it reverses or replaces.
    pub reverses: Option<String>,
    /// Manufacturer of the episode's device.
    pub manufacturer: Option<String>,
    /// What it rests on.
    pub evidence: Vec<BillEvidence>,
    /// How it came about, a sentence each; none in entries of version 1.
    pub said: Vec<String>,
}

/// Name, value, unit, record id, record revision.
pub type BillEvidence = (String, String, String, Option<String>, Option<i32>);

const COLUMNS: &str = "SELECT entry_id, toString(kind) AS kind, contract, contract_version, clause, component, component_id, \
     case_id, patient_id, episode_id, payer, payer_role, payee, payee_role, debit_account, credit_account, amount_minor, toString(currency) AS currency, \
     service_period, booking_period, reason, reverses, manufacturer, evidence, said FROM ledger AS l FINAL";

impl Store {
    /// The lines and postings booked in a month (as `2026-01`), of one payer or of all, by patient, component and id:
    /// all of its money.
    ///
    /// # Errors
    /// What the server said; or that the ledger has entries of a kind that this version does not know, whose amounts
    /// might belong to it.
    pub async fn booked(&self, month: &str, payer: Option<&str>) -> Result<Vec<BillEntry>, StoreError> {
        self.knows_every_kind().await?;
        let sql = format!(
            "{COLUMNS} WHERE booking_period = {{month: String}} AND l.kind IN ('line', 'posting') \
             AND (payer = {{payer: String}} OR {{payer: String}} = '') \
             ORDER BY patient_id, component_id, entry_id"
        );
        let query =
            self.client.query_raw(&sql).param("month", month).param("payer", payer.unwrap_or_default());
        self.timed("read a month of the ledger", query.fetch_all::<BillEntry>()).await
    }

    /// Fails where the ledger has entries of a kind that this version does not know: no bill may leave them out.
    ///
    /// # Errors
    /// Which kinds, and how many entries; or what the server said.
    pub async fn knows_every_kind(&self) -> Result<(), StoreError> {
        let known = LedgerKind::ALL.map(LedgerKind::as_str);
        let known = known.into_iter().filter(|kind| *kind != LedgerKind::Unknown.as_str());
        let sql = "SELECT toString(kind) AS name, uniqExact(entry_id) AS entries FROM ledger \
             WHERE NOT has({known: Array(String)}, toString(kind)) GROUP BY name ORDER BY name";
        let query = self.client.query_raw(sql).param("known", known.collect::<Vec<_>>());
        let work = query.fetch_all::<(String, u64)>();
        let others = self.timed("look for entries of unknown kinds", work).await?;
        if others.is_empty() {
            return Ok(());
        }
        let named = others.iter().map(|(name, entries)| format!("{entries} of the kind {name}"));
        Err(StoreError::UnknownKinds(named.collect::<Vec<_>>().join(", ")))
    }

    /// What is held of services up to a month, of one manufacturer's devices (and of devices that are not known) or of
    /// all: neither settled nor replaced by a later entry.
    ///
    /// # Errors
    /// What the server said.
    pub async fn held(&self, month: &str, manufacturer: Option<&str>) -> Result<Vec<BillEntry>, StoreError> {
        let sql = format!(
            "{COLUMNS} WHERE l.kind = 'held' AND booking_period <= {{month: String}} \
             AND reason NOT IN ('settled', 'withdrawn') \
             AND (ifNull(manufacturer, {{manufacturer: String}}) = {{manufacturer: String}} \
             OR {{manufacturer: String}} = '') \
             AND entry_id NOT IN (SELECT assumeNotNull(reverses) FROM ledger WHERE kind = 'held' AND reverses IS NOT NULL) \
             ORDER BY patient_id, component_id, entry_id"
        );
        let query = self.client.query_raw(&sql).param("month", month);
        let query = query.param("manufacturer", manufacturer.unwrap_or_default());
        self.timed("read what is held", query.fetch_all::<BillEntry>()).await
    }

    /// One entry by its id.
    ///
    /// # Errors
    /// What the server said.
    pub async fn ledger_entry(&self, entry_id: &str) -> Result<Option<BillEntry>, StoreError> {
        let sql = format!("{COLUMNS} WHERE entry_id = {{entry: String}}");
        let query = self.client.query_raw(&sql).param("entry", entry_id);
        self.timed("look for an entry of the ledger", query.fetch_optional::<BillEntry>()).await
    }

    /// All entries of one component (of all its payers), as issued, by id.
    ///
    /// # Errors
    /// What the server said.
    pub async fn component_entries(&self, component_id: &str) -> Result<Vec<BillEntry>, StoreError> {
        // the table is in the order of ids, which begin with the component's
        let sql = format!(
            "{COLUMNS} WHERE startsWith(entry_id, concat({{component: String}}, '/')) \
             AND component_id = {{component: String}} ORDER BY entry_id"
        );
        let query = self.client.query_raw(&sql).param("component", component_id);
        self.timed("read a component of the ledger", query.fetch_all::<BillEntry>()).await
    }

    /// What of a patient is booked in a month (as `2026-01`), but postings and what is only counted: lines, what is
    /// shown or to be done, and what is held as it stands; by the time of what triggered it, then id.
    ///
    /// # Errors
    /// What the server said.
    pub async fn patient_month(&self, patient_id: &str, month: &str) -> Result<Vec<BillEntry>, StoreError> {
        let own = "patient_id = {patient: String} AND booking_period = {month: String}";
        let sql = format!(
            "{COLUMNS} WHERE {own} AND (l.kind IN ('line', 'shown', 'notice') \
             OR l.kind = 'held' AND reason NOT IN ('settled', 'withdrawn') AND entry_id NOT IN \
             (SELECT assumeNotNull(reverses) FROM ledger \
             WHERE patient_id = {{patient: String}} AND kind = 'held' AND reverses IS NOT NULL)) \
             ORDER BY triggered_at, entry_id"
        );
        let query = self.client.query_raw(&sql).param("patient", patient_id).param("month", month);
        self.timed("read a patient's month", query.fetch_all::<BillEntry>()).await
    }

    /// How many tasks have answered a closing.
    ///
    /// # Errors
    /// What the server said.
    pub async fn closing_markers(&self, closing_id: &str) -> Result<u64, StoreError> {
        let sql =
            "SELECT uniqExact(entry_id) FROM ledger WHERE kind = 'marker' AND closing_id = {closing: String}";
        let query = self.client.query_raw(sql).param("closing", closing_id);
        self.timed("count the answers to a closing", query.fetch_one::<u64>()).await
    }
}
