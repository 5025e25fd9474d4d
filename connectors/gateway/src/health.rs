//! `/livez` and `/readyz`.

use axum::Json;
use axum::Router;
use axum::extract::State as Shared;
use axum::http::StatusCode;
use axum::routing::get;
use serde::Serialize;

use crate::State;

/// One thing that must hold before the process can do its work.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    /// Short fixed name: `kafka`, `clickhouse`, `tasks`.
    pub name: &'static str,
    /// Whether it holds.
    pub ok: bool,
    /// One sentence for the operator; nothing personal, no secret.
    pub detail: String,
}

/// Says what the process still waits for. It is asked often and must not wait itself: it reports what was
/// last found out.
pub trait Readiness: Send + Sync {
    /// All checks, those that hold included.
    fn checks(&self) -> Vec<Check>;
}

impl<F: Fn() -> Vec<Check> + Send + Sync> Readiness for F {
    fn checks(&self) -> Vec<Check> {
        self()
    }
}

#[derive(Serialize)]
struct Report {
    ready: bool,
    checks: Vec<Check>,
}

pub(crate) fn routes() -> Router<State> {
    Router::new().route("/livez", get(async || "ok\n")).route("/readyz", get(readyz))
}

async fn readyz(Shared(state): Shared<State>) -> (StatusCode, Json<Report>) {
    let checks = state.readiness.checks();
    let ready = checks.iter().all(|check| check.ok);
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(Report { ready, checks }))
}
