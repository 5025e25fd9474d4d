//! Who may see what.
//!
//! Without tokens the pages are for whoever sits at the machine: they listen on loopback, and a request must be
//! addressed to it. With tokens every page but health and sign-in wants one, as bearer or, from the sign-in page, as a
//! cookie that no script can read and no other site can have sent. Only the SHA-256 of a token is configured.

use std::net::IpAddr;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State as Shared};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::State;
use crate::console::Refusal;

const COOKIE: &str = "aftercare";
/// A sign-in lasts as long as a long shift, in seconds.
const COOKIE_S_MAX: u32 = 12 * 3600;

/// What a person is here for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Answers alerts of the own care teams.
    CareManager,
    /// Leads the own care teams: as a care manager, and sees which of the clinicians' reviews counted.
    CareLead,
    /// Follows the own patients.
    Clinician,
    /// Looks at figures over many patients, never at one.
    Analyst,
    /// Closes months and explains lines; no views of patients.
    Billing,
    /// Sees all.
    Admin,
}

impl Role {
    /// Its name in configuration and log.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::CareManager => "care_manager",
            Self::CareLead => "care_lead",
            Self::Clinician => "clinician",
            Self::Analyst => "analyst",
            Self::Billing => "billing",
            Self::Admin => "admin",
        }
    }

    pub(crate) fn sees_patients(self) -> bool {
        matches!(self, Self::CareManager | Self::CareLead | Self::Clinician | Self::Admin)
    }
}

/// Who looks, and at whose patients.
#[derive(Clone, Debug)]
pub struct Viewer {
    /// Pseudonym of the person.
    pub actor: Arc<str>,
    /// The person's role.
    pub role: Role,
    /// Care teams of a care manager or lead; `*` is all.
    pub teams: Vec<String>,
    /// Id of a clinician.
    pub clinician: Option<String>,
}

impl Viewer {
    /// Whether a patient of this care team and clinician is in scope.
    #[must_use]
    pub fn may_see(&self, care_team: Option<&str>, clinician: Option<&str>) -> bool {
        match self.role {
            Role::Admin => true,
            Role::CareManager | Role::CareLead => {
                self.teams.iter().any(|team| team == "*" || Some(team.as_str()) == care_team)
            }
            Role::Clinician => self.clinician.is_some() && self.clinician.as_deref() == clinician,
            Role::Analyst | Role::Billing => false,
        }
    }

    /// The care teams whose clinicians' service the viewer looks after; `Some(None)`: all; `None`: nobody's.
    pub(crate) fn leads(&self) -> Option<Option<Vec<String>>> {
        match self.role {
            Role::Admin => Some(None),
            Role::CareLead if self.teams.iter().any(|team| team == "*") => Some(None),
            Role::CareLead => Some(Some(self.teams.clone())),
            Role::CareManager | Role::Clinician | Role::Analyst | Role::Billing => None,
        }
    }
}

/// A token and who has it.
#[derive(Clone, Debug)]
pub struct Token {
    /// SHA-256 of the token.
    pub sha256: [u8; 32],
    /// Its holder.
    pub viewer: Viewer,
}

/// All tokens; none: whoever sits at the machine.
#[derive(Clone, Debug, Default)]
pub struct Access {
    tokens: Vec<Token>,
}

impl Access {
    /// Access by these tokens.
    #[must_use]
    pub fn new(tokens: Vec<Token>) -> Self {
        Self { tokens }
    }

    /// Whether there are no tokens.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.tokens.is_empty()
    }

    /// The care managers that share a team with the viewer, to whom an alert can be assigned.
    pub(crate) fn care_managers(&self, viewer: &Viewer) -> Vec<String> {
        let shared = |of: &Viewer| of.teams.iter().any(|team| viewer.may_see(Some(team), None));
        let all = self.tokens.iter().map(|token| &token.viewer);
        let some = all.filter(|of| {
            of.role == Role::CareManager && (shared(of) || of.teams.iter().any(|team| team == "*"))
        });
        some.map(|of| of.actor.to_string()).collect()
    }

    fn holder(&self, token: &str) -> Option<&Viewer> {
        let digest: [u8; 32] = Sha256::digest(token.as_bytes()).into();
        // without a shortcut, so that time tells nothing
        let same =
            |known: &[u8; 32]| known.iter().zip(&digest).fold(0, |unlike, (a, b)| unlike | (a ^ b)) == 0;
        self.tokens.iter().fold(
            None,
            |found, token| {
                if same(&token.sha256) { Some(&token.viewer) } else { found }
            },
        )
    }

    fn viewer(&self, headers: &HeaderMap) -> Option<Viewer> {
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
        let bearer = text(header::AUTHORIZATION).and_then(|value| value.strip_prefix("Bearer "));
        let cookies = text(header::COOKIE).unwrap_or_default().split("; ");
        let cookie = cookies.filter_map(|pair| pair.split_once('=')).find(|(name, _)| *name == COOKIE);
        self.holder(bearer.or(cookie.map(|(_, value)| value))?).cloned()
    }
}

/// Lets a request pass with its [`Viewer`], or not at all.
pub(crate) async fn guard(Shared(state): Shared<State>, mut request: Request, next: Next) -> Response {
    let headers = request.headers();
    let viewer = if state.access.is_open() {
        if !headers.get(header::HOST).is_none_or(|host| host.to_str().is_ok_and(names_loopback)) {
            let answer = "this server answers only to localhost\n";
            return (StatusCode::MISDIRECTED_REQUEST, answer).into_response();
        }
        Some(Viewer { actor: "local".into(), role: Role::Admin, teams: Vec::new(), clinician: None })
    } else {
        state.access.viewer(headers)
    };
    let path = request.uri().path().to_owned();
    let public = matches!(&*path, "/livez" | "/readyz" | "/login") || path.starts_with("/console/");
    match viewer {
        Some(viewer) => {
            request.extensions_mut().insert(viewer);
        }
        None if public => {}
        None if wants_page(headers) => return secured(Redirect::to("/login").into_response()),
        None => return secured(Refusal(StatusCode::UNAUTHORIZED, "Please sign in.".into()).into_response()),
    }
    let ours = path.starts_with("/api/") || matches!(&*path, "/login" | "/logout");
    if ours && request.method() == Method::POST && !is_from_our_page(request.headers()) {
        let why = "Actions are taken only from this console's own pages.";
        return secured(Refusal(StatusCode::FORBIDDEN, why.into()).into_response());
    }
    secured(next.run(request).await)
}

/// Whether a browser asks for something to show.
pub(crate) fn wants_page(headers: &HeaderMap) -> bool {
    headers
        .get(header::ACCEPT)
        .and_then(|accept| accept.to_str().ok())
        .is_some_and(|accept| accept.contains("text/html"))
}

/// A form of another site can send neither JSON nor our origin.
fn is_from_our_page(headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let json = text("content-type").is_some_and(|kind| {
        kind.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"))
    });
    let host = text("host");
    let same_origin = text("origin")
        .is_none_or(|origin| origin.split_once("://").is_some_and(|(_, authority)| Some(authority) == host));
    json && same_origin && text("sec-fetch-site").is_none_or(|site| site == "same-origin" || site == "none")
}

fn secured(mut response: Response) -> Response {
    const ALL: [(&str, &str); 5] = [
        (
            "content-security-policy",
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
             base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
        ),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
    ];
    for (name, value) in ALL {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

#[derive(Deserialize)]
pub(crate) struct SignIn {
    token: String,
}

/// `POST /login`: the token becomes a cookie.
pub(crate) async fn sign_in(
    Shared(state): Shared<State>,
    headers: HeaderMap,
    Json(asked): Json<SignIn>,
) -> Response {
    let token = asked.token.trim();
    match state.access.holder(token) {
        Some(viewer) if token.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte)) => {
            tracing::info!(target: "audit", actor = &*viewer.actor, role = viewer.role.name(), "signed in");
            with_cookie(&headers, token, COOKIE_S_MAX)
        }
        _ => Refusal(StatusCode::UNAUTHORIZED, "This token is not known.".into()).into_response(),
    }
}

/// `POST /logout`
pub(crate) async fn sign_out(headers: HeaderMap) -> Response {
    with_cookie(&headers, "", 0)
}

/// Beyond the own machine the cookie travels by TLS only.
fn with_cookie(headers: &HeaderMap, value: &str, seconds: u32) -> Response {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let secure = if names_loopback(host) { "" } else { "; Secure" };
    let cookie = format!("{COOKIE}={value}; Path=/; HttpOnly; SameSite=Strict; Max-Age={seconds}{secure}");
    (StatusCode::NO_CONTENT, [(header::SET_COOKIE, cookie), (header::CACHE_CONTROL, "no-store".into())])
        .into_response()
}

/// A page on the web can point a name of its own at 127.0.0.1 and so have a visitor's browser read what
/// listens there. Such a request still names that host.
fn names_loopback(host: &str) -> bool {
    let Ok(authority) = host.parse::<Authority>() else { return false };
    let name = authority.host();
    let address = name.trim_start_matches('[').trim_end_matches(']');
    name.eq_ignore_ascii_case("localhost") || address.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_names_are_ours() {
        for host in ["localhost", "LOCALHOST:80", "127.0.0.1:8081", "127.1.2.3", "[::1]:9", "[::1]"] {
            assert!(names_loopback(host), "{host}");
        }
        for host in ["", "example.org", "localhost.example.org:80", "10.0.0.1", "[::2]:9", "127.0.0.1.nip.io"]
        {
            assert!(!names_loopback(host), "{host}");
        }
    }

    fn viewer(role: Role, teams: &[&str], clinician: Option<&str>) -> Viewer {
        let teams = teams.iter().map(|team| (*team).to_owned()).collect();
        Viewer { actor: "x".into(), role, teams, clinician: clinician.map(str::to_owned) }
    }

    #[test]
    fn scope_is_the_team_or_the_clinician() {
        let patient = (Some("team-1"), Some("c-1"));
        let cases = [
            (viewer(Role::Admin, &[], None), true),
            (viewer(Role::CareManager, &["team-1"], None), true),
            (viewer(Role::CareManager, &["*"], None), true),
            (viewer(Role::CareManager, &["team-2"], Some("c-1")), false),
            (viewer(Role::CareManager, &[], None), false),
            (viewer(Role::CareLead, &["team-1"], None), true),
            (viewer(Role::CareLead, &["team-2"], None), false),
            (viewer(Role::Clinician, &[], Some("c-1")), true),
            (viewer(Role::Clinician, &["team-1"], Some("c-2")), false),
            (viewer(Role::Clinician, &["*"], None), false),
            (viewer(Role::Analyst, &["*"], Some("c-1")), false),
            (viewer(Role::Billing, &["*"], Some("c-1")), false),
        ];
        for (viewer, expected) in cases {
            assert_eq!(viewer.may_see(patient.0, patient.1), expected, "{viewer:?}");
        }
        assert!(!viewer(Role::CareManager, &["team-1"], None).may_see(None, None));
        assert!(!viewer(Role::Clinician, &[], None).may_see(None, None));
    }

    #[test]
    fn service_is_for_who_leads() {
        let teams = Some(Some(vec!["team-1".to_owned()]));
        let cases = [
            (viewer(Role::Admin, &[], None), Some(None)),
            (viewer(Role::CareLead, &["*", "team-1"], None), Some(None)),
            (viewer(Role::CareLead, &["team-1"], None), teams),
            (viewer(Role::CareLead, &[], None), Some(Some(Vec::new()))),
            (viewer(Role::CareManager, &["*"], None), None),
            (viewer(Role::Clinician, &["*"], Some("c-1")), None),
            (viewer(Role::Analyst, &["*"], None), None),
            (viewer(Role::Billing, &["*"], None), None),
        ];
        for (viewer, expected) in cases {
            assert_eq!(viewer.leads(), expected, "{viewer:?}");
        }
    }

    #[test]
    fn a_token_is_known_by_its_digest() {
        let token = Token {
            sha256: Sha256::digest(b"secret").into(),
            viewer: viewer(Role::CareManager, &["team-1"], None),
        };
        let access = Access::new(vec![token]);
        let with = |name, value: &str| HeaderMap::from_iter([(name, HeaderValue::from_str(value).unwrap())]);
        for known in
            [with(header::AUTHORIZATION, "Bearer secret"), with(header::COOKIE, "a=b; aftercare=secret; c=d")]
        {
            assert!(access.viewer(&known).is_some(), "{known:?}");
        }
        for unknown in [
            HeaderMap::new(),
            with(header::AUTHORIZATION, "Bearer Secret"),
            with(header::AUTHORIZATION, "Basic secret"),
            with(header::COOKIE, "aftercare="),
        ] {
            assert!(access.viewer(&unknown).is_none(), "{unknown:?}");
        }
    }

    #[test]
    fn actions_come_from_our_own_pages() {
        let headers = |pairs: &[(&'static str, &'static str)]| {
            let parsed = pairs.iter().map(|(name, value)| {
                (header::HeaderName::from_static(name), HeaderValue::from_static(value))
            });
            parsed.collect::<HeaderMap>()
        };
        let json = ("content-type", "application/json");
        let host = ("host", "127.0.0.1:80");
        assert!(is_from_our_page(&headers(&[json, host])));
        assert!(is_from_our_page(&headers(&[json, host, ("origin", "http://127.0.0.1:80")])));
        assert!(!is_from_our_page(&headers(&[json, host, ("origin", "http://evil.example")])));
        assert!(!is_from_our_page(&headers(&[json, host, ("origin", "null")])));
        assert!(!is_from_our_page(&headers(&[json, host, ("sec-fetch-site", "cross-site")])));
        assert!(!is_from_our_page(&headers(&[host, ("content-type", "text/plain")])));
        assert!(!is_from_our_page(&headers(&[host])));
    }
}
