//! The year's alerts, and how well they foretold what really happened.

use std::collections::BTreeMap;
use std::time::Duration;

use aftercare_clickhouse::AlertState;
use aftercare_core::time::Instant;
use aftercare_sim::measure::{Measured, RaisedAlert, measure};
use aftercare_sim::world::Settings;
use serde::Serialize;

use super::play::Played;
use super::run::Pipeline;

/// What the demo says about alerts.
#[derive(Debug, Serialize)]
pub(super) struct Alerts {
    /// By severity (critical first) and rule.
    pub(super) kinds: Vec<Kind>,
    /// Events that really struck; of these, foretold by an alert; and those with signs before them, likewise.
    pub(super) events: u64,
    pub(super) foretold: u64,
    pub(super) events_with_signs: u64,
    pub(super) foretold_with_signs: u64,
    /// Days from the first alert to the event: median.
    pub(super) lead_days_median: Option<f64>,
    /// The precision that alerts have which know nothing.
    pub(super) chance: Option<f64>,
    /// Alerts for a person to see, per patient and day of follow-up.
    pub(super) per_patient_day: f64,
    /// From the start of the demo until the first alert.
    pub(super) first_after_s: Option<f64>,
}

/// Alerts of one rule and severity.
#[derive(Debug, Serialize)]
pub(super) struct Kind {
    pub(super) rule: String,
    pub(super) severity: String,
    pub(super) alerts: u64,
    pub(super) open: u64,
    pub(super) escalated: u64,
    /// The share that foretold or accompanied an event, where the rule is about the patient.
    pub(super) precision: Option<f64>,
}

impl Alerts {
    pub(super) fn read(
        pipeline: &Pipeline<'_>,
        settings: &Settings,
        played: &Played,
    ) -> anyhow::Result<Self> {
        let mut alerts = pipeline.runtime.block_on(pipeline.store.alerts())?;
        alerts.retain(|alert| !alert.historic);
        let of_patients = alerts.iter().filter(|alert| alert.audience == "patient_care");
        let raised: Vec<RaisedAlert> = of_patients.map(raised).collect();
        let measured = measure(&raised, &played.truth, settings.end());
        let followed_days: f64 =
            played.truth.iter().map(|one| days(settings.end().0 - one.treated_at.0)).sum();
        Ok(Self {
            kinds: kinds(&alerts, &measured),
            events: measured.events.events,
            foretold: measured.events.foretold,
            events_with_signs: measured.events.with_signs,
            foretold_with_signs: measured.events.foretold_with_signs,
            lead_days_median: measured.events.lead_quantile(0.5),
            chance: measured.chance,
            per_patient_day: count(raised.len()) / followed_days.max(1.0),
            first_after_s: played.first_alert.as_ref().map(Duration::as_secs_f64),
        })
    }
}

fn raised(alert: &AlertState) -> RaisedAlert {
    RaisedAlert {
        patient_id: alert.patient_id.clone(),
        rule: alert.rule.clone(),
        severity: alert.severity.clone(),
        raised_at: Instant(alert.raised_at),
    }
}

fn kinds(alerts: &[AlertState], measured: &Measured) -> Vec<Kind> {
    let rank = |severity: &str| match severity {
        "critical" => 0,
        "warning" => 1,
        _ => 2,
    };
    let mut kinds: BTreeMap<(u8, &str, &str), Kind> = BTreeMap::new();
    for alert in alerts {
        let kind =
            kinds.entry((rank(&alert.severity), &alert.severity, &alert.rule)).or_insert_with(|| Kind {
                rule: alert.rule.clone(),
                severity: alert.severity.clone(),
                alerts: 0,
                open: 0,
                escalated: 0,
                precision: measured
                    .by_rule
                    .get(&(alert.rule.clone(), alert.severity.clone()))
                    .and_then(aftercare_sim::measure::Precision::share),
            });
        kind.alerts += 1;
        kind.open += u64::from(alert.status == "open");
        kind.escalated += u64::from(alert.escalations > 0);
    }
    kinds.into_values().collect()
}

#[allow(clippy::cast_precision_loss, reason = "days of some years")]
fn days(ms: i64) -> f64 {
    ms.max(0) as f64 / 86_400_000.0
}

#[allow(clippy::cast_precision_loss, reason = "a count of alerts")]
fn count(n: usize) -> f64 {
    n as f64
}
