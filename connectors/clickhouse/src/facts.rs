//! Enrolments, clinical events and commerce events as they came in, each copy a row.

use aftercare_schemas::wire::{ClinicalEvent, CommerceEvent, Enrolment};
use clickhouse::Row;
use serde::{Deserialize, Serialize};

use crate::{Store, StoreError};

/// Where a record lies in its topic: a row for each place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Partition.
    pub partition: i32,
    /// Offset there.
    pub offset: i64,
}

macro_rules! fact {
    (
        $(#[$doc:meta])* $row:ident of $wire:ident:
        $($field:ident: $type:ty),*; with $record:ident: $($made:ident: $made_type:ty = $value:expr,)*
    ) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Row, Serialize, Deserialize)]
        #[allow(missing_docs, reason = "the fields are those of the record, which its schema explains")]
        pub struct $row<'a> {
            pub patient_id: &'a str,
            pub id: &'a str,
            pub revision: i32,
            pub partition: i32,
            pub offset: i64,
            pub status: &'a str,
            pub source: &'a str,
            $(pub $field: $type,)*
            $(pub $made: $made_type,)*
        }

        impl<'a> $row<'a> {
            /// The row of a record.
            #[must_use]
            pub fn new($record: $wire<'a>, at: Place) -> Self {
                Self {
                    patient_id: $record.patient_id,
                    id: $record.id,
                    revision: $record.revision,
                    partition: at.partition,
                    offset: at.offset,
                    status: $record.status.as_str(),
                    source: $record.source.as_str(),
                    $($field: $record.$field,)*
                    $($made: $value,)*
                }
            }
        }
    };
}

fact! {
    /// What was stated about an episode. Times are ms since 1970-01-01 UTC. Comorbidities: none where nothing was said.
    EnrolmentRow of Enrolment:
    episode_id: &'a str,
    recorded_at: i64,
    effective_at: i64,
    procedure: Option<&'a str>,
    treated_at: Option<i64>,
    device: Option<&'a str>,
    manufacturer: Option<&'a str>,
    birth_year: Option<i32>,
    sex: Option<&'a str>,
    organisation: Option<&'a str>,
    care_team: Option<&'a str>,
    clinician_id: Option<&'a str>,
    plan: Option<&'a str>,
    contract: Option<&'a str>,
    vip: Option<bool>,
    self_pay_consent: Option<bool>,
    spo2_scale: Option<i32>,
    time_zone: Option<&'a str>,
    episode_status: Option<&'a str>;
    with record:
    comorbidities_said: bool = record.comorbidities.is_some(),
    comorbidities: Vec<&'a str> = record.comorbidities.unwrap_or_default(),
}

fact! {
    /// What happened to a patient. Times are ms since 1970-01-01 UTC, amounts minor units of the currency; payers are kind,
    /// name and part of the amount.
    ClinicalEventRow of ClinicalEvent:
    happened_at: i64,
    ended_at: Option<i64>,
    episode_id: Option<&'a str>,
    coding: Option<&'a str>,
    code: Option<&'a str>,
    result: Option<&'a str>,
    value: Option<f64>,
    unit: Option<&'a str>,
    comparator: Option<&'a str>,
    related_id: Option<&'a str>,
    provider: Option<&'a str>,
    amount_minor: Option<i64>,
    currency: Option<&'a str>,
    cost_category: Option<&'a str>,
    cost_nature: Option<&'a str>;
    with record:
    kind: &'a str = record.kind.as_str(),
    payers: Vec<(&'a str, Option<&'a str>, i64)> =
        record.payers.into_iter().map(|part| (part.payer_kind, part.payer, part.amount_minor)).collect(),
}

fact! {
    /// What was bought, used, refunded or chosen. Times are ms since 1970-01-01 UTC, amounts minor units of the currency.
    CommerceEventRow of CommerceEvent:
    happened_at: i64,
    episode_id: Option<&'a str>,
    purchase_id: Option<&'a str>,
    contract: Option<&'a str>,
    product: Option<&'a str>,
    product_version: Option<i32>,
    item: Option<&'a str>,
    quantity: Option<i32>,
    buyer_id: Option<&'a str>,
    side: Option<&'a str>,
    actor_id: Option<&'a str>,
    decision: Option<&'a str>,
    reason: Option<&'a str>,
    amount_minor: Option<i64>,
    currency: Option<&'a str>,
    points: Option<i64>;
    with record:
    kind: &'a str = record.kind.as_str(),
}

/// Receipts that say accepted beside the records that they are of.
#[derive(Clone, Debug, Default, PartialEq, Eq, Row, Deserialize)]
pub struct FactCheck {
    /// Input topic, without the prefix of the application.
    pub topic: String,
    /// Records that count, each id once.
    pub facts: u64,
    /// Receipts of records that count and are not kept. Count.
    pub missing: u64,
}

impl Store {
    /// Writes enrolments. Repeating it, in whole or in part, changes nothing.
    ///
    /// # Errors
    /// What the server or the network said; then the caller repeats it.
    pub async fn insert_enrolments(&self, rows: &[EnrolmentRow<'_>]) -> Result<(), StoreError> {
        self.insert_rows::<EnrolmentRow<'static>>("enrolments", rows).await
    }

    /// As [`insert_enrolments`](Self::insert_enrolments), clinical events.
    ///
    /// # Errors
    /// What the server or the network said; then the caller repeats it.
    pub async fn insert_clinical_events(&self, rows: &[ClinicalEventRow<'_>]) -> Result<(), StoreError> {
        self.insert_rows::<ClinicalEventRow<'static>>("clinical_events", rows).await
    }

    /// As [`insert_enrolments`](Self::insert_enrolments), commerce events.
    ///
    /// # Errors
    /// What the server or the network said; then the caller repeats it.
    pub async fn insert_commerce_events(&self, rows: &[CommerceEventRow<'_>]) -> Result<(), StoreError> {
        self.insert_rows::<CommerceEventRow<'static>>("commerce_events", rows).await
    }

    /// Compares receipts with the records that are kept, by topic.
    ///
    /// # Errors
    /// What the server said.
    pub async fn check_facts(&self) -> Result<Vec<FactCheck>, StoreError> {
        let query = self.client.query_raw(include_str!("sql/check_facts.sql")).fetch_all::<FactCheck>();
        self.timed("compare receipts with the records kept", query).await
    }
}
