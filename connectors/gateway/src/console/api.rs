//! The JSON API. Every answer about a patient passes the viewer's scope here.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use axum::extract::{Path, State as Shared};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use serde::{Deserialize, Serialize};

use super::desk::{Action, Choice, OUTCOMES, View};
use super::{Console, DeskError, live};
use crate::State;
use crate::access::{Role, Viewer};

/// Why a request is not answered: status and a sentence for the person who sees it.
#[derive(Debug)]
pub(crate) struct Refusal(pub(crate) StatusCode, pub(crate) String);

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        #[derive(Serialize)]
        struct Body {
            message: String,
        }
        (self.0, [(header::CACHE_CONTROL, "no-store")], Json(Body { message: self.1 })).into_response()
    }
}

fn refuse<T>(status: StatusCode, message: &str) -> Result<T, Refusal> {
    Err(Refusal(status, message.to_owned()))
}

fn unavailable(error: DeskError) -> Refusal {
    tracing::warn!(%error, "the console cannot answer");
    Refusal(StatusCode::SERVICE_UNAVAILABLE, "The data cannot be read at the moment.".into())
}

/// The wall clock, ms since 1970-01-01 UTC.
pub(super) fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// The console, for those whose role looks at patients; the view leaves its line in the log.
pub(super) fn console_for(
    state: &State,
    viewer: &Viewer,
    view: &'static str,
) -> Result<Arc<Console>, Refusal> {
    let Some(console) = &state.console else {
        return refuse(StatusCode::NOT_FOUND, "This process has no console.");
    };
    if !viewer.role.sees_patients() {
        return refuse(StatusCode::FORBIDDEN, "Your role does not include views of single patients.");
    }
    tracing::info!(target: "audit", actor = &*viewer.actor, role = viewer.role.name(), view, "viewed");
    Ok(Arc::clone(console))
}

#[derive(Serialize)]
struct Me {
    actor_id: String,
    role: &'static str,
    teams: Vec<String>,
    clinician_id: Option<String>,
    /// Whether the page of service is for this person.
    leads: bool,
    /// Whether there is something to sign out of.
    signed_in: bool,
    outcomes: [&'static str; 7],
    people: Vec<String>,
    now: i64,
}

pub(super) async fn me(Shared(state): Shared<State>, Extension(viewer): Extension<Viewer>) -> Response {
    let me = Me {
        actor_id: viewer.actor.to_string(),
        role: viewer.role.name(),
        teams: viewer.teams.clone(),
        clinician_id: viewer.clinician.clone(),
        leads: viewer.leads().is_some(),
        signed_in: !state.access.is_open(),
        outcomes: OUTCOMES,
        people: state.access.care_managers(&viewer),
        now: now(),
    };
    ([(header::CACHE_CONTROL, "no-store")], Json(me)).into_response()
}

pub(super) async fn alerts(
    Shared(state): Shared<State>,
    Extension(viewer): Extension<Viewer>,
) -> Result<Response, Refusal> {
    let console = console_for(&state, &viewer, "alerts")?;
    let (json, _) = live::list(&console.board, &viewer, None);
    Ok(([(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-store")], json)
        .into_response())
}

pub(super) async fn patient(
    Shared(state): Shared<State>,
    Extension(viewer): Extension<Viewer>,
    Path(id): Path<String>,
) -> Result<Response, Refusal> {
    let console = console_for(&state, &viewer, "patient")?;
    let page = console.desk.patient(id.clone()).await.map_err(unavailable)?;
    // Who may not see a patient is not told whether there is one.
    let page = page.filter(|page| page.owner.is_in_scope_of(&viewer));
    note(&console, &viewer, "patient", id, page.is_some()).await?;
    match page {
        Some(page) => Ok(([(header::CACHE_CONTROL, "no-store")], Json(page)).into_response()),
        None => refuse(StatusCode::NOT_FOUND, "There is no such patient among those you follow."),
    }
}

pub(super) async fn clinician(
    Shared(state): Shared<State>,
    Extension(viewer): Extension<Viewer>,
    Path(id): Path<String>,
) -> Result<Response, Refusal> {
    let console = console_for(&state, &viewer, "clinician")?;
    let own = viewer.role == Role::Admin || viewer.clinician.as_deref() == Some(&*id);
    let page = if own { console.desk.clinician(id.clone()).await.map_err(unavailable)? } else { None };
    note(&console, &viewer, "clinician", id, page.is_some()).await?;
    match page {
        Some(page) => Ok(([(header::CACHE_CONTROL, "no-store")], Json(page)).into_response()),
        None => refuse(StatusCode::NOT_FOUND, "There is no such clinician, or the page is not yours."),
    }
}

pub(super) async fn service(
    Shared(state): Shared<State>,
    Extension(viewer): Extension<Viewer>,
    Path(month): Path<String>,
) -> Result<Response, Refusal> {
    let console = console_for(&state, &viewer, "service")?;
    let is_one = month == "newest" || is_month(&month);
    let teams = viewer.leads();
    note(&console, &viewer, "service", month.clone(), teams.is_some() && is_one).await?;
    let Some(teams) = teams else {
        return refuse(StatusCode::FORBIDDEN, "This page is for those who lead a care team.");
    };
    if !is_one {
        return refuse(StatusCode::NOT_FOUND, "There is no such month.");
    }
    let asked = Some(month).filter(|month| month != "newest");
    let page = console.desk.service(asked, teams).await.map_err(unavailable)?;
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(page)).into_response())
}

/// Whether a text is a month such as `2026-01`.
fn is_month(text: &str) -> bool {
    let Some((year, month)) = text.split_once('-') else { return false };
    let digits = |text: &str, count| text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit());
    digits(year, 4) && digits(month, 2) && ("01"..="12").contains(&month) && ("1970"..).contains(&year)
}

/// What can't be noted is not shown.
async fn note(
    console: &Console,
    viewer: &Viewer,
    page: &'static str,
    subject_id: String,
    shown: bool,
) -> Result<(), Refusal> {
    let (actor_id, role) = (viewer.actor.to_string(), viewer.role.name());
    let view = View { viewed_at: now(), actor_id, role, page, subject_id, shown };
    console.desk.note(view).await.map_err(unavailable)
}

#[derive(Deserialize)]
pub(super) struct Asked {
    alert_id: String,
    /// The revision that the person saw.
    revision: i32,
    #[serde(flatten)]
    choice: Choice,
}

#[derive(Serialize)]
struct Recorded {
    id: String,
}

pub(super) async fn act(
    Shared(state): Shared<State>,
    Extension(viewer): Extension<Viewer>,
    Json(asked): Json<Asked>,
) -> Result<Response, Refusal> {
    let console = console_for(&state, &viewer, "act")?;
    let row = console.board.find(&asked.alert_id).filter(|row| row.owner.is_in_scope_of(&viewer));
    let Some(row) = row else {
        return refuse(StatusCode::NOT_FOUND, "There is no such alert among those you follow.");
    };
    if let Some(problem) = asked.choice.problem() {
        return refuse(StatusCode::UNPROCESSABLE_ENTITY, problem);
    }
    let (kind, distinction, revision) = (asked.choice.kind(), asked.choice.distinction(), asked.revision);
    let id = format!("{}/{revision}/{kind}/{distinction}/{}", asked.alert_id, viewer.actor);
    let recorded = |id| {
        let header = [(header::CACHE_CONTROL, "no-store")];
        Ok((StatusCode::ACCEPTED, header, Json(Recorded { id })).into_response())
    };
    if console.has_sent(&id) {
        return recorded(id);
    }
    if row.finished || row.revision != revision {
        return refuse(StatusCode::CONFLICT, "Someone has changed this alert meanwhile.");
    }
    let action = Action {
        id: id.clone(),
        alert_id: asked.alert_id,
        patient_id: row.patient_id.to_string(),
        source: row.source.to_string(),
        actor_id: viewer.actor.to_string(),
        actor_role: if viewer.role == Role::Clinician { "clinician" } else { "care_manager" },
        choice: asked.choice,
    };
    // noted first: of two requests at once only one goes on
    if console.remember(&id)
        && let Err(error) = console.desk.act(action).await
    {
        console.forget(&id);
        return Err(unavailable(error));
    }
    recorded(id)
}

#[cfg(test)]
mod tests {
    use super::is_month;

    #[test]
    fn only_months_are_asked_for() {
        assert!(is_month("2026-01") && is_month("2026-12") && is_month("1970-01"));
        for text in
            ["", "2026", "2026-00", "2026-13", "2026-1", "26-01", "2026-01-01", "2026-01' OR '1", "1969-12"]
        {
            assert!(!is_month(text), "{text}");
        }
    }
}
