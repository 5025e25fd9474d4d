//! Delivery to one receiver, until it is done or given up.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use hyper::StatusCode;
use tokio::sync::{Mutex as Turn, Semaphore};
use url::Url;

use crate::notice::Notice;
use crate::post::{PostError, Poster};
use crate::retry::Retry;
use crate::sign::Secret;
use crate::{alertmanager, webhook};

/// Requests under way to one receiver at once. One that waits to be repeated is not under way.
const REQUESTS_MAX: usize = 8;
/// States of one alert take turns; alerts share so many turns.
const TURNS: usize = 16;

/// How a delivery ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The receiver took it.
    Delivered,
    /// A newer state of the alert is on its way, and the receiver only keeps the newest.
    Superseded,
    /// Every try failed, or the receiver wants no more.
    GivenUp,
}

/// What a receiver counts for its observers.
#[derive(Debug, Default)]
#[expect(missing_docs, reason = "the names say it; each becomes one metric with a help text")]
pub struct ReceiverStats {
    pub delivered: AtomicU64,
    pub superseded: AtomicU64,
    pub given_up: AtomicU64,
    /// Failed tries, by `PostError::reason`.
    failures: [AtomicU64; PostError::REASONS.len()],
}

impl ReceiverStats {
    /// Failed tries by reason.
    pub fn failures(&self) -> impl Iterator<Item = (&'static str, &AtomicU64)> {
        PostError::REASONS.into_iter().zip(&self.failures)
    }

    fn fail(&self, error: &PostError) {
        let known = PostError::REASONS.iter().zip(&self.failures);
        for (_, counter) in known.filter(|(reason, _)| **reason == error.reason()) {
            counter.fetch_add(1, Relaxed);
        }
    }
}

/// How things are sent.
#[derive(Clone, Debug)]
pub struct Sending {
    /// Makes the requests.
    pub poster: Poster,
    /// How failed ones are repeated.
    pub retry: Retry,
    /// Scatters the repetitions of several instances; any number.
    pub seed: u64,
    /// The wall clock, ms since 1970 UTC.
    pub now_ms: fn() -> i64,
}

enum Kind {
    Webhook(Secret),
    Alertmanager,
}

/// One place that is told.
pub struct Receiver {
    name: String,
    url: Url,
    kind: Kind,
    sending: Sending,
    /// What it counts.
    pub stats: ReceiverStats,
    requests: Semaphore,
    turns: [Turn<()>; TURNS],
    /// By alert that is being told: (newest revision, deliveries not ended).
    newest: Mutex<HashMap<String, (i32, usize)>>,
}

impl Receiver {
    /// A webhook: its URL as it is, and the secret shared with it.
    #[must_use]
    pub fn webhook(name: &str, url: Url, secret: Secret, sending: Sending) -> Self {
        Self::new(name, url, Kind::Webhook(secret), sending)
    }

    /// An Alertmanager, by the URL under which its pages are.
    #[must_use]
    pub fn alertmanager(name: &str, mut url: Url, sending: Sending) -> Self {
        let path = format!("{}/api/v2/alerts", url.path().trim_end_matches('/'));
        url.set_path(&path);
        Self::new(name, url, Kind::Alertmanager, sending)
    }

    fn new(name: &str, url: Url, kind: Kind, sending: Sending) -> Self {
        Self {
            name: name.to_owned(),
            url,
            kind,
            sending,
            stats: ReceiverStats::default(),
            requests: Semaphore::new(REQUESTS_MAX),
            turns: Default::default(),
            newest: Mutex::default(),
        }
    }

    /// Its name in logs and metrics.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether each state replaces the one before, the end of the alert among them. If not, it only wants to be told that
    /// somebody must look, once.
    #[must_use]
    pub fn keeps_newest(&self) -> bool {
        matches!(self.kind, Kind::Alertmanager)
    }

    /// Says that a delivery will come, in the order of the states; each is followed by one [`Receiver::deliver`].
    pub fn expect(&self, notice: &Notice) {
        if self.keeps_newest() {
            let mut newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
            let known = newest.entry(notice.alert_id.clone()).or_insert((notice.revision, 0));
            *known = (known.0.max(notice.revision), known.1 + 1);
        }
    }

    /// Delivers, trying again until it is done or given up. Never longer than the retry's limit and one request more.
    pub async fn deliver(&self, notice: &Notice) -> Outcome {
        let outcome = self.try_until_done(notice).await;
        let counter = match outcome {
            Outcome::Delivered => &self.stats.delivered,
            Outcome::Superseded => &self.stats.superseded,
            Outcome::GivenUp => &self.stats.given_up,
        };
        counter.fetch_add(1, Relaxed);
        let mut newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, open)) = newest.get_mut(&notice.alert_id) {
            *open -= 1;
            if *open == 0 {
                newest.remove(&notice.alert_id);
            }
        }
        outcome
    }

    async fn try_until_done(&self, notice: &Notice) -> Outcome {
        let (message, began) = (notice.message_id(), Instant::now());
        let mut failures = 0;
        loop {
            let error = match self.try_once(notice, &message).await {
                Ok(outcome) => return outcome,
                Err(error) => error,
            };
            self.stats.fail(&error);
            failures += 1;
            let (gone, asked_ms) = match &error {
                PostError::Status { status, retry_after_ms } => {
                    (*status == StatusCode::GONE, *retry_after_ms)
                }
                _ => (false, None),
            };
            let elapsed_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
            let delay =
                self.sending.retry.delay_ms(failures, elapsed_ms, asked_ms, self.sending.seed, &message);
            let because = std::error::Error::source(&error).map(ToString::to_string);
            match delay.filter(|_| !gone) {
                None => {
                    tracing::error!(receiver = self.name, failures, %error, because, "notice given up");
                    return Outcome::GivenUp;
                }
                Some(delay_ms) => {
                    tracing::warn!(receiver = self.name, failures, delay_ms, %error, because, "notice not delivered, trying again");
                    tokio::time::sleep(std::time::Duration::from_millis(delay_ms)).await;
                }
            }
        }
    }

    async fn try_once(&self, notice: &Notice, message: &str) -> Result<Outcome, PostError> {
        let Ok(_permit) = self.requests.acquire().await else {
            return Err(PostError::Refused("closing"));
        };
        match &self.kind {
            Kind::Webhook(secret) => {
                let body = webhook::body(notice);
                let timestamp_s = (self.sending.now_ms)().div_euclid(1000);
                let headers = webhook::headers(secret, message, timestamp_s, &body)?;
                self.sending.poster.post(&self.url, headers, body).await?;
            }
            Kind::Alertmanager => {
                let turn =
                    notice.alert_id.bytes().fold(0_usize, |sum, byte| sum * 31 % 65_521 + usize::from(byte));
                let _turn = self.turns[turn % TURNS].lock().await;
                let newest =
                    |all: &HashMap<String, (i32, usize)>| all.get(&notice.alert_id).map(|known| known.0);
                let newest = newest(&self.newest.lock().unwrap_or_else(PoisonError::into_inner));
                if newest.is_some_and(|newest| newest > notice.revision) {
                    return Ok(Outcome::Superseded);
                }
                let body = alertmanager::body(notice);
                self.sending.poster.post(&self.url, alertmanager::headers(), body).await?;
            }
        }
        Ok(Outcome::Delivered)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::notice::Change;

    pub(crate) fn notice(alert_id: &str, revision: i32, escalations: i32) -> Notice {
        let mut link: Url = "https://care.example.org/".parse().unwrap();
        link.query_pairs_mut().append_pair("alert", alert_id);
        Notice {
            alert_id: alert_id.into(),
            revision,
            escalations,
            change: if escalations > 0 { Change::Escalated } else { Change::Open },
            rule: "below-expected".into(),
            severity: "critical".into(),
            routed_to: vec!["care_manager".into(), "clinician".into()],
            team: Some("team-2".into()),
            raised_at: 1_767_340_901_000,
            changed_at: 1_767_341_501_000,
            answer_due_at: Some(1_767_342_101_000),
            link: Some(link),
        }
    }
}
