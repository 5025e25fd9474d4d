//! The listener and what holds for every request.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State as Shared};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::sync::Notify;

use crate::health::{self, Readiness};
use crate::metrics::{self, Metrics};
use crate::registry;

/// The largest request body that is read, in bytes; schemas are small.
pub const BODY_BYTES_MAX: usize = 1 << 20;

/// After the signal to stop, requests under way get this long to end.
pub const DRAIN_MAX: Duration = Duration::from_secs(3);

/// What the pages show. Cheap to clone.
#[derive(Clone)]
pub struct State {
    /// Prefix of the topic names: the subject of `prom-responses` is `{app}.prom-responses-value`.
    pub app: Arc<str>,
    /// The sources of `/metrics`.
    pub metrics: Metrics,
    /// The checks of `/readyz`.
    pub readiness: Arc<dyn Readiness>,
}

/// Why the pages cannot be served. None of these is worth a retry with the same settings.
#[derive(Debug, thiserror::Error)]
pub enum GatewayError {
    /// The address can be reached from other machines.
    #[error(
        "refuse to listen on {0}: everyone who reaches it could read these pages, and access tokens do not \
         exist yet; use a loopback address such as 127.0.0.1:{port}", port = .0.port()
    )]
    NotLoopback(SocketAddr),
    /// The operating system refused.
    #[error("listen on {address}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// The listener broke while serving.
    #[error("serve HTTP")]
    Serve(#[source] io::Error),
}

/// A bound listener, not yet serving.
#[derive(Debug)]
pub struct Gateway {
    listener: TcpListener,
    address: SocketAddr,
    router: Router,
}

impl Gateway {
    /// Binds `address`; with port 0 the system chooses one, see [`Gateway::address`].
    ///
    /// # Errors
    /// The address is not a loopback address, or the operating system refuses it.
    pub async fn bind(address: SocketAddr, state: State) -> Result<Self, GatewayError> {
        if !address.ip().is_loopback() {
            return Err(GatewayError::NotLoopback(address));
        }
        let listen = |source| GatewayError::Listen { address, source };
        let listener = TcpListener::bind(address).await.map_err(listen)?;
        let address = listener.local_addr().map_err(listen)?;
        Ok(Self { listener, address, router: router(state) })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `shutdown` completes and, for at most [`DRAIN_MAX`] more, the requests under way end.
    ///
    /// # Errors
    /// The listener broke.
    pub async fn serve(
        self,
        shutdown: impl Future<Output = ()> + Send + 'static,
    ) -> Result<(), GatewayError> {
        let stopping = Arc::new(Notify::new());
        let begin = Arc::clone(&stopping);
        let stop = async move {
            shutdown.await;
            begin.notify_one();
        };
        let cut = async move {
            stopping.notified().await;
            tokio::time::sleep(DRAIN_MAX).await;
        };
        tracing::info!(address = %self.address, "HTTP is up");
        tokio::select! {
            served = axum::serve(self.listener, self.router).with_graceful_shutdown(stop).into_future() => {
                served.map_err(GatewayError::Serve)
            }
            () = cut => {
                tracing::info!("HTTP connections cut off that did not end in time");
                Ok(())
            }
        }
    }
}

fn router(state: State) -> Router {
    Router::new()
        .route("/metrics", get(metrics_page))
        .merge(health::routes())
        .merge(registry::routes())
        .fallback(registry::not_found)
        .method_not_allowed_fallback(registry::method_not_allowed)
        .layer(middleware::from_fn(addressed_to_loopback))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .with_state(state)
}

async fn metrics_page(Shared(state): Shared<State>) -> Response {
    match state.metrics.render() {
        Ok(page) => ([(header::CONTENT_TYPE, metrics::CONTENT_TYPE)], page).into_response(),
        Err(error) => {
            tracing::error!(%error, "render the metrics page");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// A page on the web can point a name of its own at 127.0.0.1 and so have a visitor's browser read what
/// listens there. Such a request still names that host.
async fn addressed_to_loopback(headers: HeaderMap, request: Request, next: Next) -> Response {
    if headers.get(header::HOST).is_none_or(|host| host.to_str().is_ok_and(names_loopback)) {
        next.run(request).await
    } else {
        (StatusCode::MISDIRECTED_REQUEST, "this server answers only to localhost\n").into_response()
    }
}

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
}
