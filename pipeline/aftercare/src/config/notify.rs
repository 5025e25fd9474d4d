//! `[notify]`: who is told of alerts.

use std::collections::BTreeMap;

use aftercare_notify::{Allowed, NetError, Secret as WebhookSecret};
use serde::Deserialize;
use url::Url;

use super::Secret;

/// Alerts by webhook and to Alertmanager.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(default)]
pub(crate) struct Notify {
    /// Where people open the console; notices link there. Empty: no link.
    pub(crate) console_url: String,
    /// Networks that may be connected to although they are not the public internet, and without TLS.
    pub(crate) allowed_networks: Vec<String>,
    /// One request: look-up, connection, TLS and answer.
    pub(crate) timeout_ms: u64,
    /// The wait after the first failure; it doubles.
    pub(crate) retry_ms_first: u64,
    pub(crate) retry_ms_max: u64,
    /// A notice is given up when it could not be delivered for this long.
    pub(crate) give_up_s: u64,
    /// Alerts read that some receiver still lacks; at this many, reading waits. So much, and no more, can a receiver
    /// that does not answer keep from the others, and no longer than `give_up_s`.
    pub(crate) waiting_max: usize,
    /// States written longer ago than this are not told any more.
    pub(crate) stale_h: i64,
    /// Whether alerts of simulated patients are told too.
    pub(crate) simulated: bool,
    /// By name, which is a label of metrics.
    pub(crate) webhooks: BTreeMap<String, Webhook>,
    pub(crate) alertmanagers: BTreeMap<String, Alertmanager>,
}

impl Default for Notify {
    fn default() -> Self {
        Self {
            console_url: String::new(),
            allowed_networks: Vec::new(),
            timeout_ms: 10_000,
            retry_ms_first: 500,
            retry_ms_max: 60_000,
            give_up_s: 900,
            waiting_max: 1_000,
            stale_h: 48,
            simulated: false,
            webhooks: BTreeMap::new(),
            alertmanagers: BTreeMap::new(),
        }
    }
}

/// `[notify.webhooks.NAME]`
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
pub(crate) struct Webhook {
    pub(crate) url: String,
    /// `whsec_` and base64, as Standard Webhooks has it.
    pub(crate) secret: Secret,
    #[serde(default = "pressing")]
    pub(crate) severities: Vec<String>,
    /// Only alerts that are routed to one of these; empty: all.
    #[serde(default)]
    pub(crate) roles: Vec<String>,
}

/// `[notify.alertmanagers.NAME]`
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
pub(crate) struct Alertmanager {
    pub(crate) url: String,
    #[serde(default = "pressing")]
    pub(crate) severities: Vec<String>,
    #[serde(default)]
    pub(crate) roles: Vec<String>,
}

fn pressing() -> Vec<String> {
    ["critical", "warning"].map(str::to_owned).to_vec()
}

impl Notify {
    /// Whether anybody is told at all.
    pub(crate) fn has_receivers(&self) -> bool {
        !self.webhooks.is_empty() || !self.alertmanagers.is_empty()
    }

    /// The networks of `allowed_networks`.
    pub(crate) fn allowed(&self) -> Result<Allowed, NetError> {
        self.allowed_networks.iter().map(|net| net.parse()).collect::<Result<_, _>>().map(Allowed)
    }

    pub(super) fn validate(&self, demand: &mut dyn FnMut(bool, String)) {
        if let Err(error) = self.allowed() {
            demand(false, format!("notify.allowed_networks: {error}"));
        }
        let console = &self.console_url;
        demand(console.is_empty() || console.parse::<Url>().is_ok(), "notify.console_url is no URL".into());
        demand((1..=60_000).contains(&self.timeout_ms), "notify.timeout_ms is not in 1..=60000".into());
        demand(self.retry_ms_first > 0, "notify.retry_ms_first must be above 0".into());
        demand(self.waiting_max > 0, "notify.waiting_max must be above 0".into());
        let webhooks = self.webhooks.iter().map(|(name, to)| (name, "webhooks", &to.url, &to.severities));
        let others =
            self.alertmanagers.iter().map(|(name, to)| (name, "alertmanagers", &to.url, &to.severities));
        for (name, kind, url, severities) in webhooks.chain(others) {
            let place = format!("notify.{kind}.{name}");
            let known = url.parse::<Url>().is_ok_and(|url| matches!(url.scheme(), "https" | "http"));
            demand(known, format!("{place}.url is neither https nor http"));
            for severity in severities {
                let known = matches!(&**severity, "critical" | "warning" | "info");
                demand(known, format!("{place}.severities: {severity:?} is not critical, warning or info"));
            }
        }
        for (name, to) in &self.webhooks {
            if let Err(error) = WebhookSecret::parse(&to.secret.0) {
                demand(false, format!("notify.webhooks.{name}.secret: {error}"));
            }
        }
    }
}
