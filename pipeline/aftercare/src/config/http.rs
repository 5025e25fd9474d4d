//! `[http]`: where the pages listen, and who may see them.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use aftercare_gateway::access::{Access, Role, Token, Viewer};
use serde::Deserialize;

/// Pages, metrics and health.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(default)]
pub(crate) struct Http {
    /// Loopback only, unless there are tokens.
    pub(crate) listen: SocketAddr,
    /// Access tokens by their holders' pseudonyms.
    pub(crate) tokens: BTreeMap<String, Holder>,
}

/// `[http.tokens.NAME]`
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
pub(crate) struct Holder {
    /// SHA-256 of the token, hexadecimal.
    pub(crate) sha256: String,
    /// `care_manager`, `care_lead`, `clinician`, `analyst`, `billing` or `admin`.
    pub(crate) role: String,
    /// Care teams of a care manager or lead; `*` is all.
    #[serde(default)]
    pub(crate) teams: Vec<String>,
    /// Id of a clinician.
    #[serde(default)]
    pub(crate) clinician: Option<String>,
}

impl Default for Http {
    fn default() -> Self {
        Self { listen: SocketAddr::from(([127, 0, 0, 1], 8080)), tokens: BTreeMap::new() }
    }
}

impl Http {
    /// Who may see what; what is wrong goes to [`validate`](Self::validate).
    pub(crate) fn access(&self) -> Access {
        Access::new(self.tokens.iter().filter_map(|(name, holder)| holder.token(name)).collect())
    }

    pub(super) fn validate(&self, demand: &mut dyn FnMut(bool, String)) {
        for (name, holder) in &self.tokens {
            let place = format!("http.tokens.{name}");
            let plain = name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'));
            demand(plain, format!("{place}: the name is a pseudonym of letters, digits, - _ ."));
            demand(
                digest(&holder.sha256).is_some(),
                format!(
                    "{place}.sha256 is not 64 hexadecimal digits; printf %s TOKEN | sha256sum prints them"
                ),
            );
            let role = role(&holder.role);
            let roles = "care_manager, care_lead, clinician, analyst, billing or admin";
            demand(role.is_some(), format!("{place}.role: {:?} is not {roles}", holder.role));
            let wants_teams = matches!(role, Some(Role::CareManager | Role::CareLead));
            let has_teams = !wants_teams || !holder.teams.is_empty();
            demand(has_teams, format!("{place}.teams: a care manager or lead has teams, [\"*\"] for all"));
            let has_id = role != Some(Role::Clinician) || holder.clinician.is_some();
            demand(has_id, format!("{place}.clinician: a clinician has an id"));
        }
        let open = self.tokens.is_empty() && !self.listen.ip().is_loopback();
        demand(!open, "http.listen: only loopback addresses while there are no http.tokens".into());
    }
}

impl Holder {
    fn token(&self, name: &str) -> Option<Token> {
        let viewer = Viewer {
            actor: name.into(),
            role: role(&self.role)?,
            teams: self.teams.clone(),
            clinician: self.clinician.clone(),
        };
        Some(Token { sha256: digest(&self.sha256)?, viewer })
    }
}

fn role(name: &str) -> Option<Role> {
    let all = [Role::CareManager, Role::CareLead, Role::Clinician, Role::Analyst, Role::Billing, Role::Admin];
    all.into_iter().find(|role| role.name() == name)
}

fn digest(hexadecimal: &str) -> Option<[u8; 32]> {
    let digits = hexadecimal.as_bytes();
    if digits.len() != 64 || !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    let mut bytes = [0; 32];
    for (byte, at) in bytes.iter_mut().zip((0..).step_by(2)) {
        *byte = u8::from_str_radix(hexadecimal.get(at..at + 2)?, 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(text: &str) -> Vec<String> {
        let http: Http = toml::from_str(text).unwrap();
        let mut problems = Vec::new();
        http.validate(&mut |holds, problem| {
            if !holds {
                problems.push(problem);
            }
        });
        problems
    }

    #[test]
    fn tokens_are_checked_and_open_the_network() {
        let sha256 = "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b";
        let good = format!(
            "listen = '0.0.0.0:80'\n[tokens.n-0002]\nsha256 = '{sha256}'\nrole = 'care_manager'\nteams = ['*']"
        );
        assert_eq!(problems(&good), [""; 0]);
        let http: Http = toml::from_str(&good).unwrap();
        assert!(!http.access().is_open());
        let lead = good.replace("care_manager", "care_lead");
        assert_eq!(problems(&lead), [""; 0]);
        assert!(problems(&lead.replace("['*']", "[]"))[0].contains("a care manager or lead has teams"));
        assert!(problems("listen = '0.0.0.0:80'")[0].contains("only loopback"));
        let bad =
            "[tokens.'a b']\nsha256 = 'secret'\nrole = 'clinician'\n[tokens.c]\nsha256 = ''\nrole = 'boss'";
        let found = problems(bad);
        for part in ["a b: the name", "a b.sha256", "a b.clinician", "c.sha256", "c.role"] {
            assert!(found.iter().any(|problem| problem.contains(part)), "{part} not in {found:?}");
        }
        assert!(
            !found.iter().any(|problem| problem.contains("secret")),
            "what looks like a token is not shown"
        );
    }
}
