//! The ledger as documents are made of it: one month, party by party, as a stream.

use std::time::Duration;

use clickhouse::Row;
use clickhouse::query::RowCursor;
use serde::{Deserialize, Serialize};

use crate::{Store, StoreError};

/// For one row to arrive: the first one waits until the server has sorted the month.
const ROW_TIMEOUT: Duration = Duration::from_secs(600);

/// Whose documents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Those who owe, but patients.
    Payers,
    /// Those who are owed, but patients.
    Payees,
    /// Patients, who owe or are owed.
    Patients,
    /// Those in whose books postings are.
    Books,
}

/// An entry as a document lists it; texts are parts of the block that was read.
#[derive(Clone, Debug, PartialEq, Eq, Row, Deserialize, Serialize)]
pub struct DocumentLine<'a> {
    /// Whose document it belongs to.
    pub party: &'a str,
    /// As what; empty where the entry doesn't say and it doesn't follow.
    pub role: &'a str,
    /// Id.
    pub entry_id: &'a str,
    /// line, shown or posting.
    pub kind: &'a str,
    /// Contract document.
    pub contract: &'a str,
    /// Version that prices it.
    pub contract_version: Option<i32>,
    /// Component.
    pub component: &'a str,
    /// Case: episode, purchase or key of a population.
    pub case_id: Option<&'a str>,
    /// Patient, pseudonymous; none after erasure and for what is about a population.
    pub patient_id: Option<&'a str>,
    /// Who owes; posting: in whose books it is.
    pub payer: Option<&'a str>,
    /// As what the payer pays.
    pub payer_role: Option<&'a str>,
    /// Who is owed.
    pub payee: Option<&'a str>,
    /// As what the payee is paid.
    pub payee_role: Option<&'a str>,
    /// Posting: account that is debited.
    pub debit_account: Option<&'a str>,
    /// Posting: account that is credited.
    pub credit_account: Option<&'a str>,
    /// Signed, minor units of the currency.
    pub amount_minor: i64,
    /// ISO 4217.
    pub currency: &'a str,
    /// Event time of what triggered it, ms since 1970-01-01 UTC.
    pub triggered_at: Option<i64>,
    /// Month in which the trigger happened.
    pub service_period: Option<&'a str>,
    /// Why it is reversed or booked later.
    pub reason: Option<&'a str>,
    /// Entry that it reverses or replaces.
    pub reverses: Option<&'a str>,
    /// What it rests on.
    pub evidence: Vec<DocumentEvidence<'a>>,
}

/// Name, value, unit, record id, record revision.
pub type DocumentEvidence<'a> = (&'a str, &'a str, &'a str, Option<&'a str>, Option<i32>);

/// Lines one after the other, in the order party, patient, component id, entry id.
pub struct DocumentLines {
    cursor: RowCursor<DocumentLine<'static>>,
}

/// What a party holds in reserve under a contract, minor units.
#[derive(Clone, Debug, PartialEq, Eq, Row, Deserialize)]
pub struct Reserve {
    /// In whose books.
    pub party: String,
    /// Contract document.
    pub contract: String,
    /// ISO 4217.
    pub currency: String,
    /// In the provision before the month.
    pub opening: i64,
    /// Put into the provision in the month.
    pub accrued: i64,
    /// Taken out of the provision in the month.
    pub released: i64,
    /// By how much amounts of the month differ from what was put aside for them.
    pub variance: i64,
    /// Suspended at the end of the month.
    pub suspended: i64,
    /// In the provision at the end of the month.
    pub closing: i64,
}

/// A contract of a month.
#[derive(Clone, Debug, PartialEq, Eq, Row, Deserialize)]
pub struct BilledContract {
    /// Contract document.
    pub contract: String,
    /// Currencies of its entries, in alphabetical order.
    pub currencies: Vec<String>,
    /// Tasks that have answered its closing of the month.
    pub answers: u64,
    /// When the last of them did, ms since 1970-01-01 UTC; 0 where none has.
    pub answered_at: i64,
}

/// Entries of version 1 say no role; then it follows from what else they say.
const PAYER_ROLE: &str = "if(ifNull(payer_role, '') != '', assumeNotNull(payer_role), \
    multiIf(payer = 'patient', 'patient', payer = manufacturer, 'manufacturer', ''))";
const PAYEE_ROLE: &str = "if(ifNull(payee_role, '') != '', assumeNotNull(payee_role), \
    multiIf(payee = 'patient', 'patient', payee = clinician_id, 'clinician', ''))";

impl Side {
    /// Party, role, and which entries.
    fn sql(self) -> (String, String, String) {
        let owed = "l.kind IN ('line', 'shown')";
        match self {
            Side::Payers => (
                "ifNull(payer, '')".to_owned(),
                PAYER_ROLE.to_owned(),
                format!("{owed} AND {PAYER_ROLE} != 'patient'"),
            ),
            Side::Payees => (
                "ifNull(payee, '')".to_owned(),
                PAYEE_ROLE.to_owned(),
                format!("{owed} AND {PAYEE_ROLE} != 'patient'"),
            ),
            Side::Patients => (
                "ifNull(patient_id, '')".to_owned(),
                "'patient'".to_owned(),
                format!("{owed} AND ({PAYER_ROLE} = 'patient' OR {PAYEE_ROLE} = 'patient')"),
            ),
            Side::Books => {
                ("ifNull(payer, '')".to_owned(), PAYER_ROLE.to_owned(), "l.kind = 'posting'".to_owned())
            }
        }
    }
}

impl DocumentLines {
    /// The next line; it borrows from what was read.
    ///
    /// # Errors
    /// What the server said.
    pub async fn next(&mut self) -> Result<Option<DocumentLine<'_>>, StoreError> {
        let action = || "read lines of the ledger".to_owned();
        match tokio::time::timeout(ROW_TIMEOUT, self.cursor.next()).await {
            Ok(row) => row.map_err(|error| StoreError::client(action(), error)),
            Err(_elapsed) => {
                Err(StoreError::TimedOut { action: action(), limit_ms: ROW_TIMEOUT.as_millis() })
            }
        }
    }
}

impl Store {
    /// What is booked in a month (as `2026-01`) on one side, of one party or of all, as a stream. Lines that are shown
    /// and not owed are among it.
    ///
    /// # Errors
    /// What the server said; or that the ledger has entries of a kind that this version does not know.
    pub async fn document_lines(
        &self,
        month: &str,
        side: Side,
        party: Option<&str>,
    ) -> Result<DocumentLines, StoreError> {
        self.knows_every_kind().await?;
        let (of, role, which) = side.sql();
        let sql = format!(
            "SELECT toString({of}) AS party, toString({role}) AS role, entry_id, toString(kind) AS kind, ifNull(toString(contract), '') AS contract, \
             contract_version, ifNull(toString(component), '') AS component, \
             ifNull(case_id, episode_id) AS case_id, patient_id, \
             CAST(payer AS Nullable(String)) AS payer, CAST(payer_role AS Nullable(String)) AS payer_role, \
             CAST(payee AS Nullable(String)) AS payee, CAST(payee_role AS Nullable(String)) AS payee_role, \
             CAST(debit_account AS Nullable(String)) AS debit_account, \
             CAST(credit_account AS Nullable(String)) AS credit_account, amount_minor, toString(currency) AS currency, \
             toUnixTimestamp64Milli(triggered_at) AS triggered_at, \
             CAST(service_period AS Nullable(String)) AS service_period, CAST(reason AS Nullable(String)) AS reason, \
             reverses, evidence FROM ledger AS l FINAL \
             WHERE booking_period = {{month: String}} AND {which} AND ({of} = {{party: String}} OR {{party: String}} = '') \
             ORDER BY {of}, ifNull(patient_id, ''), component_id, entry_id"
        );
        // a large month is sorted on the server's disk rather than refused
        let query = self.client.query_raw(&sql).with_setting("max_bytes_before_external_sort", "268435456");
        let query = query.param("month", month).param("party", party.unwrap_or_default());
        let cursor = query.fetch::<DocumentLine<'_>>();
        let cursor = cursor.map_err(|error| StoreError::client("read lines of the ledger", error))?;
        Ok(DocumentLines { cursor })
    }

    /// Provisions of a month, by party, contract and currency. An account whose name ends in `-provision` holds what is put
    /// aside, one whose name ends in `-suspended` what is owed only under a condition; a variance is a posting of that
    /// component.
    ///
    /// # Errors
    /// As [`Store::document_lines`].
    pub async fn reserves(&self, month: &str, party: Option<&str>) -> Result<Vec<Reserve>, StoreError> {
        self.knows_every_kind().await?;
        let sql = "SELECT ifNull(payer, '') AS party, ifNull(toString(contract), '') AS contract, \
             toString(currency) AS currency, \
             sumIf((in_provision - out_of_provision) * amount_minor, is_before) AS opening, \
             sumIf(in_provision * amount_minor, NOT is_before) AS accrued, \
             sumIf(out_of_provision * amount_minor, NOT is_before) AS released, \
             sumIf(amount_minor, component = 'variance' AND NOT is_before) AS variance, \
             sum((endsWith(credit, '-suspended') - endsWith(debit, '-suspended')) * amount_minor) AS suspended, \
             sum((in_provision - out_of_provision) * amount_minor) AS closing \
             FROM (SELECT *, toString(ifNull(debit_account, '')) AS debit, toString(ifNull(credit_account, '')) AS credit, \
             toInt64(endsWith(credit, '-provision')) AS in_provision, \
             toInt64(endsWith(debit, '-provision')) AS out_of_provision, \
             assumeNotNull(booking_period) < {month: String} AS is_before FROM ledger FINAL \
             WHERE kind = 'posting' AND booking_period <= {month: String} \
             AND (payer = {party: String} OR {party: String} = '')) \
             GROUP BY party, contract, currency ORDER BY party, contract, currency";
        let query =
            self.client.query_raw(sql).param("month", month).param("party", party.unwrap_or_default());
        self.timed("read the provisions", query.fetch_all::<Reserve>()).await
    }

    /// The contracts of which something is booked in a month, and how far their closing has come.
    ///
    /// # Errors
    /// As [`Store::document_lines`].
    pub async fn billed_contracts(&self, month: &str) -> Result<Vec<BilledContract>, StoreError> {
        self.knows_every_kind().await?;
        let sql = "SELECT contract, currencies, ifNull(answers, 0) AS answers, ifNull(answered_at, 0) AS answered_at FROM \
             (SELECT ifNull(toString(contract), '') AS contract, arraySort(groupUniqArray(toString(currency))) AS currencies \
             FROM ledger FINAL WHERE booking_period = {month: String} AND kind IN ('line', 'shown', 'posting') \
             GROUP BY contract) AS booked LEFT JOIN \
             (SELECT closing_id, uniqExact(entry_id) AS answers, \
             toUnixTimestamp64Milli(max(stored_at)) AS answered_at FROM ledger FINAL WHERE kind = 'marker' \
             GROUP BY closing_id) AS closed \
             ON closed.closing_id = concat('closing/', booked.contract, '/', {month: String}) ORDER BY contract";
        let query = self.client.query_raw(sql).param("month", month);
        self.timed("read how far the month is closed", query.fetch_all::<BilledContract>()).await
    }
}
