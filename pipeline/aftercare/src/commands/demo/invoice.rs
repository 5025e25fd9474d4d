//! What one manufacturer owes for a month, and how one line of it came about.

use std::collections::{BTreeMap, BTreeSet};

use aftercare_clickhouse::BillEntry;
use serde::Serialize;

use super::run::Pipeline;
use crate::commands::bill;

/// The invoice of a manufacturer for a month.
#[derive(Debug, Serialize)]
pub(super) struct Invoice {
    pub(super) manufacturer: String,
    /// Year and month.
    pub(super) month: String,
    pub(super) patients: usize,
    /// Component, lines, and what they come to.
    pub(super) components: Vec<(String, u64, String)>,
    pub(super) total: String,
    pub(super) currency: String,
    /// One line in words.
    pub(super) explained: Vec<String>,
}

impl Invoice {
    /// The largest of the month; `None` where nobody owes anything.
    pub(super) fn read(pipeline: &Pipeline<'_>, month: &str) -> anyhow::Result<Option<Self>> {
        let booked = pipeline.runtime.block_on(pipeline.store.booked(month, None))?;
        let mut by_payer: BTreeMap<&str, Vec<&BillEntry>> = BTreeMap::new();
        for entry in booked.iter().filter(|entry| entry.kind == "line") {
            if let Some(payer) = entry.payer.as_deref().filter(|payer| *payer != "patient") {
                by_payer.entry(payer).or_default().push(entry);
            }
        }
        let sum = |entries: &[&BillEntry]| entries.iter().map(|entry| entry.amount_minor).sum::<i64>();
        let largest = by_payer.into_iter().max_by_key(|(_, entries)| sum(entries));
        let Some((manufacturer, entries)) = largest else { return Ok(None) };
        let currency = entries.first().map(|entry| entry.currency.clone()).unwrap_or_default();
        let mut components: BTreeMap<&str, Vec<&BillEntry>> = BTreeMap::new();
        for entry in &entries {
            components.entry(entry.component.as_deref().unwrap_or("-")).or_default().push(entry);
        }
        // An adjustment has the most to tell: the index, what was expected, the step.
        let told = entries.iter().find(|entry| entry.component.as_deref() == Some("adjustment"));
        Ok(Some(Self {
            manufacturer: manufacturer.to_owned(),
            month: month.to_owned(),
            patients: entries.iter().map(|entry| &entry.patient_id).collect::<BTreeSet<_>>().len(),
            components: components
                .into_iter()
                .map(|(name, of)| (name.to_owned(), of.len() as u64, bill::money(sum(&of), &currency)))
                .collect(),
            total: bill::money(sum(&entries), &currency),
            explained: told.or(entries.first()).map(|entry| bill::explained(entry)).unwrap_or_default(),
            currency,
        }))
    }
}
