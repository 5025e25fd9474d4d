//! The ledger.

use super::nested::nested;
use super::symbols::symbols;
use serde::{Deserialize, Serialize};

symbols! {
    /// What a ledger entry is.
    LedgerKind {
        1 Line "line",
        2 Held "held",
        3 Posting "posting",
        4 Marker "marker",
        5 Shown "shown",
        6 Measure "measure",
        7 Notice "notice",
        else 0 Unknown "unknown",
    }
}

/// Stream `ledger`: an enum on the wire and a word in the table, so the row has a type of its own.
macro_rules! ledger {
    ($($(#[$serde:meta])* $field:ident: $type:ty,)*) => {
        /// Stream `ledger`.
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        pub struct LedgerEntry<'a> {
            pub version: u64,
            pub entry_id: &'a str,
            pub kind: LedgerKind,
            $($(#[$serde])* pub $field: $type,)*
        }

        /// A [`LedgerEntry`] as ClickHouse has it.
        #[cfg(feature = "clickhouse")]
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize, clickhouse::Row)]
        pub struct LedgerRow<'a> {
            pub version: u64,
            pub entry_id: &'a str,
            pub kind: &'a str,
            $($(#[$serde])* pub $field: $type,)*
        }

        #[cfg(feature = "clickhouse")]
        impl<'a> From<LedgerEntry<'a>> for LedgerRow<'a> {
            fn from(entry: LedgerEntry<'a>) -> Self {
                Self {
                    version: entry.version,
                    entry_id: entry.entry_id,
                    kind: entry.kind.as_str(),
                    $($field: entry.$field,)*
                }
            }
        }

        #[cfg(feature = "clickhouse")]
        impl<'a> From<LedgerRow<'a>> for LedgerEntry<'a> {
            fn from(row: LedgerRow<'a>) -> Self {
                let kind = LedgerKind::ALL.into_iter().find(|kind| kind.as_str() == row.kind);
                Self {
                    version: row.version,
                    entry_id: row.entry_id,
                    kind: kind.unwrap_or(LedgerKind::Unknown),
                    $($field: row.$field,)*
                }
            }
        }
    };
}

ledger! {
    #[serde(borrow)]
    closing_id: Option<&'a str>,
    #[serde(borrow)]
    contract: Option<&'a str>,
    contract_version: Option<i32>,
    #[serde(borrow)]
    clause: Option<&'a str>,
    #[serde(borrow)]
    component: Option<&'a str>,
    #[serde(borrow)]
    component_id: Option<&'a str>,
    #[serde(borrow, default)]
    case_id: Option<&'a str>,
    #[serde(borrow)]
    patient_id: Option<&'a str>,
    #[serde(borrow)]
    episode_id: Option<&'a str>,
    #[serde(borrow)]
    payer: Option<&'a str>,
    #[serde(borrow, default)]
    payer_role: Option<&'a str>,
    #[serde(borrow)]
    payee: Option<&'a str>,
    #[serde(borrow, default)]
    payee_role: Option<&'a str>,
    #[serde(borrow)]
    debit_account: Option<&'a str>,
    #[serde(borrow)]
    credit_account: Option<&'a str>,
    amount_minor: i64,
    currency: &'a str,
    triggered_at: Option<i64>,
    #[serde(borrow)]
    service_period: Option<&'a str>,
    #[serde(borrow)]
    booking_period: Option<&'a str>,
    #[serde(borrow)]
    reason: Option<&'a str>,
    #[serde(borrow)]
    reverses: Option<&'a str>,
    #[serde(borrow, with = "super::nested")]
    evidence: Vec<LedgerEvidence<'a>>,
    #[serde(borrow, default)]
    said: Vec<&'a str>,
    stored_at: i64,
    #[serde(borrow)]
    organisation: Option<&'a str>,
    #[serde(borrow)]
    care_team: Option<&'a str>,
    #[serde(borrow)]
    clinician_id: Option<&'a str>,
    #[serde(borrow)]
    manufacturer: Option<&'a str>,
    #[serde(borrow)]
    procedure: Option<&'a str>,
    source: &'a str,
}

nested! {
    /// One thing that an amount rests on.
    LedgerEvidence <'a> {
        name: &'a str,
        value: &'a str,
        unit: &'a str,
        #[serde(borrow)]
        record_id: Option<&'a str>,
        record_revision: Option<i32>,
    }
}
