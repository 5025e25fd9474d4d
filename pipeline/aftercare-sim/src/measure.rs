//! How well alerts foretold what happened: alerts against the truth of a simulated world.
//!
//! - An alert **foretells** an event of its patient when the event strikes within [`AHEAD_DAYS`] days after it was
//!   raised; it **accompanies** one that struck at most [`AFTER_DAYS`] days before. An alert is *true* when it does
//!   either. **Precision** is the share of true alerts. An alert about a patient whom the treatment did not help, without
//!   an event near, is not true, but counted apart: it says something real.
//! - **Recall** is the share of events that at least one alert foretold, of all events that struck while the world
//!   lasted. Some have no sign at all, so that it can't reach 1; it is given for those with signs too.
//! - The **lead** of an event is the time from the first alert that foretold it until it struck.
//!
//! By chance alone some alerts are true: precision is to be read beside [`Measured::chance`], the precision of alerts
//! strewn evenly over all patients and days of follow-up.

use std::collections::BTreeMap;

use aftercare_core::time::Instant;

use crate::world::{AdverseEvent, Truth};

/// An alert foretells what strikes within so many days.
pub const AHEAD_DAYS: i64 = 60;
/// An alert accompanies what struck at most so many days ago.
pub const AFTER_DAYS: i64 = 30;

const DAY_MS: i64 = 86_400_000;

/// An alert about a patient. Those toward the service itself, withdrawn and historic ones are not to be measured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RaisedAlert {
    /// The patient.
    pub patient_id: String,
    /// The rule that raised it.
    pub rule: String,
    /// critical, warning or info.
    pub severity: String,
    /// When it was raised.
    pub raised_at: Instant,
}

/// Alerts of one kind.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Precision {
    /// All of them.
    pub alerts: u64,
    /// Those that foretell an event.
    pub foretell: u64,
    /// Those that accompany an event and foretell none.
    pub accompany: u64,
    /// Those without an event near, about a patient whom the treatment did not help.
    pub no_benefit: u64,
    /// For each event that they foretold, days from the first of them until it struck, ascending.
    pub lead_days: Vec<f64>,
}

impl Precision {
    /// The share of true alerts; `None` without alerts.
    #[must_use]
    pub fn share(&self) -> Option<f64> {
        share(self.foretell + self.accompany, self.alerts)
    }

    /// The lead that this share of the events that they foretold have at most, in days, by nearest rank.
    #[must_use]
    pub fn lead_quantile(&self, share: f64) -> Option<f64> {
        quantile(&self.lead_days, share)
    }
}

/// Events of one kind.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Recall {
    /// Those that struck while the world lasted.
    pub events: u64,
    /// Of these, those that showed beforehand.
    pub with_signs: u64,
    /// Those that an alert foretold.
    pub foretold: u64,
    /// Of these, those that showed beforehand.
    pub foretold_with_signs: u64,
    /// Those that no alert foretold and one accompanied.
    pub accompanied: u64,
    /// Days from the first alert that foretold each until it struck, ascending.
    pub lead_days: Vec<f64>,
}

impl Recall {
    /// The share of events foretold; `None` without events.
    #[must_use]
    pub fn share(&self) -> Option<f64> {
        share(self.foretold, self.events)
    }

    /// The same of the events that showed beforehand.
    #[must_use]
    pub fn share_with_signs(&self) -> Option<f64> {
        share(self.foretold_with_signs, self.with_signs)
    }

    /// The lead that this share of the foretold events have at most, in days, by nearest rank.
    #[must_use]
    pub fn lead_quantile(&self, share: f64) -> Option<f64> {
        quantile(&self.lead_days, share)
    }

    fn add(&mut self, event: &AdverseEvent, lead_ms: Option<i64>, accompanied: bool) {
        let signs = event.in_answers || event.in_vitals;
        self.events += 1;
        self.with_signs += u64::from(signs);
        self.foretold += u64::from(lead_ms.is_some());
        self.foretold_with_signs += u64::from(signs && lead_ms.is_some());
        self.accompanied += u64::from(lead_ms.is_none() && accompanied);
        self.lead_days.extend(lead_ms.map(days));
    }
}

/// What came of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Measured {
    /// All alerts.
    pub all: Precision,
    /// By rule and severity.
    pub by_rule: BTreeMap<(String, String), Precision>,
    /// All events.
    pub events: Recall,
    /// By the event's kind.
    pub by_event: BTreeMap<&'static str, Recall>,
    /// The precision that alerts would have which know nothing.
    pub chance: Option<f64>,
}

/// Measures alerts raised until `end` against what really happened until then. Alerts about patients of whom there is no
/// truth are passed over.
#[must_use]
pub fn measure(alerts: &[RaisedAlert], truth: &[Truth], end: Instant) -> Measured {
    let by_patient: BTreeMap<&str, &Truth> = truth.iter().map(|one| (&*one.patient_id, one)).collect();
    let mut raised: BTreeMap<&str, Vec<i64>> = BTreeMap::new();
    // By rule and severity, by patient: the first alert that foretold the event.
    let mut first: BTreeMap<((String, String), &str), i64> = BTreeMap::new();
    let mut measured = Measured::default();
    for alert in alerts.iter().filter(|alert| alert.raised_at <= end) {
        let Some(one) = by_patient.get(&*alert.patient_id) else { continue };
        raised.entry(&alert.patient_id).or_default().push(alert.raised_at.0);
        let rule = (alert.rule.clone(), alert.severity.clone());
        if let Some(event) =
            one.event.filter(|event| near(alert.raised_at.0, event.onset_at.0) == Near::Foretells)
            && event.onset_at <= end
        {
            let lead = first.entry((rule.clone(), &one.patient_id)).or_default();
            *lead = (*lead).max(event.onset_at.0 - alert.raised_at.0);
        }
        let of_rule = measured.by_rule.entry(rule).or_default();
        for precision in [&mut measured.all, of_rule] {
            precision.alerts += 1;
            match one.event.map(|event| near(alert.raised_at.0, event.onset_at.0)) {
                Some(Near::Foretells) => precision.foretell += 1,
                Some(Near::Accompanies) => precision.accompany += 1,
                _ => precision.no_benefit += u64::from(!one.benefit),
            }
        }
    }
    for one in truth {
        let Some(event) = one.event.filter(|event| event.onset_at <= end) else { continue };
        let times = raised.get(&*one.patient_id).map_or(&[][..], Vec::as_slice);
        let onset = event.onset_at.0;
        let of = |wanted| times.iter().copied().filter(move |at| near(*at, onset) == wanted);
        let lead_ms = of(Near::Foretells).min().map(|first| onset - first);
        let accompanied = of(Near::Accompanies).next().is_some();
        for recall in [&mut measured.events, measured.by_event.entry(event.kind).or_default()] {
            recall.add(&event, lead_ms, accompanied);
        }
    }
    measured.all.lead_days.clone_from(&measured.events.lead_days);
    for ((rule, _), lead_ms) in first {
        measured.by_rule.entry(rule).or_default().lead_days.push(days(lead_ms));
    }
    let of_events =
        measured.by_event.values_mut().chain([&mut measured.events]).map(|recall| &mut recall.lead_days);
    let of_rules = measured.by_rule.values_mut().chain([&mut measured.all]).map(|rule| &mut rule.lead_days);
    of_events.chain(of_rules).for_each(|leads| leads.sort_by(f64::total_cmp));
    measured.chance = chance(truth, end);
    measured
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Near {
    Foretells,
    Accompanies,
    No,
}

fn near(raised_at: i64, onset_at: i64) -> Near {
    match onset_at - raised_at {
        ahead if (1..=AHEAD_DAYS * DAY_MS).contains(&ahead) => Near::Foretells,
        since if (-AFTER_DAYS * DAY_MS..=0).contains(&since) => Near::Accompanies,
        _ => Near::No,
    }
}

/// Days near an event, of all days of follow-up.
fn chance(truth: &[Truth], end: Instant) -> Option<f64> {
    let (mut near_ms, mut all_ms) = (0, 0);
    for one in truth {
        let from = one.treated_at.0.min(end.0);
        all_ms += end.0 - from;
        if let Some(event) = one.event {
            let first = (event.onset_at.0 - AHEAD_DAYS * DAY_MS).clamp(from, end.0);
            let last = (event.onset_at.0 + AFTER_DAYS * DAY_MS).clamp(from, end.0);
            near_ms += last - first;
        }
    }
    (all_ms > 0).then(|| days(near_ms) / days(all_ms))
}

/// The value that this share of `sorted` have at most, by nearest rank.
#[allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a rank within a list"
)]
fn quantile(sorted: &[f64], share: f64) -> Option<f64> {
    let rank = (share * sorted.len() as f64).ceil().max(1.0) as usize;
    sorted.get(rank - 1).copied()
}

#[allow(clippy::cast_precision_loss, reason = "some years in ms are exact")]
fn days(ms: i64) -> f64 {
    ms as f64 / DAY_MS as f64
}

#[allow(clippy::cast_precision_loss, reason = "counts")]
fn share(part: u64, of: u64) -> Option<f64> {
    (of > 0).then(|| part as f64 / of as f64)
}
