//! Server-sent events: the list as it is, then every change.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::extract::State as Shared;
use axum::http::HeaderMap;
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use tokio::sync::watch;

use super::api::{Refusal, now};
use super::board::{Row, Seen};
use super::{Board, Console};
use crate::State;
use crate::access::Viewer;
use crate::server::Stopping;

/// Without changes the time is sent so often: clocks agree, and silence means that the connection is gone.
const PULSE: Duration = Duration::from_secs(5);
/// Changes this close together go out as one event.
const GATHER: Duration = Duration::from_millis(2);

struct Reader {
    console: Arc<Console>,
    viewer: Viewer,
    changed: watch::Receiver<u64>,
    seen: Option<Seen>,
    begun: bool,
    stopping: Stopping,
}

/// `GET /api/alerts/stream`: first `snapshot` (or, to who names the last event of this process, what changed since),
/// then `alerts` with each change, and `pulse`.
pub(super) async fn stream(
    Shared(state): Shared<State>,
    Extension(viewer): Extension<Viewer>,
    Extension(stopping): Extension<Stopping>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let console = super::api::console_for(&state, &viewer, "alerts")?;
    let last = headers.get("last-event-id").and_then(|id| id.to_str().ok());
    let seen = last.and_then(Seen::parse).filter(|seen| console.board.knows(*seen));
    let changed = console.board.watch();
    let reader = Reader { console, viewer, changed, seen, begun: false, stopping };
    Ok(Sse::new(stream::unfold(reader, next)).into_response())
}

async fn next(mut reader: Reader) -> Option<(Result<Event, Infallible>, Reader)> {
    if reader.begun {
        let stopping = reader.stopping.0.wait_for(|stopping| *stopping);
        let wait = async {
            tokio::select! {
                changed = tokio::time::timeout(PULSE, reader.changed.changed()) => Some(changed),
                _ = stopping => None,
            }
        };
        match wait.await {
            Some(Ok(Ok(()))) => tokio::time::sleep(GATHER).await,
            // the board or the server ends
            None | Some(Ok(Err(_))) => return None,
            Some(Err(_elapsed)) => {
                let pulse = Event::default().event("pulse").data(format!("{{\"now\":{}}}", now()));
                return Some((Ok(pulse), reader));
            }
        }
    }
    reader.begun = true;
    reader.changed.mark_unchanged();
    let name = if reader.seen.is_none() { "snapshot" } else { "alerts" };
    let (json, seen) = list(&reader.console.board, &reader.viewer, reader.seen);
    reader.seen = Some(seen);
    Some((Ok(Event::default().event(name).id(seen.to_string()).data(json)), reader))
}

/// What changed after `seen` and is in the viewer's scope, as JSON; and what has then been seen.
pub(super) fn list(board: &Board, viewer: &Viewer, seen: Option<Seen>) -> (String, Seen) {
    let (rows, seen) = board.since(seen);
    let visible: Vec<&Row> = rows.iter().filter(|row| row.owner.is_in_scope_of(viewer)).collect();
    let mut json = format!("{{\"now\":{},\"alerts\":[", now());
    json.reserve(2 + visible.iter().map(|row| row.json.len() + 1).sum::<usize>());
    for (at, row) in visible.iter().enumerate() {
        if at > 0 {
            json.push(',');
        }
        json.push_str(&row.json);
    }
    json.push_str("]}");
    (json, seen)
}
