//! The listener and what holds for every request.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{DefaultBodyLimit, State as Shared};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Router};
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::access::{self, Access};
use crate::console::{self, Console};
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
    /// Who may see what.
    pub access: Arc<Access>,
    /// The console, where this process has one.
    pub console: Option<Arc<Console>>,
}

/// Why the pages cannot be served. None of these is worth a retry with the same settings.
#[derive(Debug, thiserror::Error)]
pub enum GatewayError {
    /// The address can be reached from other machines, and there are no tokens.
    #[error(
        "refuse to listen on {0}: everyone who reaches it could read these pages; configure access tokens \
         (http.tokens), or use a loopback address such as 127.0.0.1:{port}", port = .0.port()
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
    stopping: watch::Sender<bool>,
}

/// Turns true when streams that have no end of their own should end.
#[derive(Clone)]
pub(crate) struct Stopping(pub(crate) watch::Receiver<bool>);

impl Gateway {
    /// Binds `address`; with port 0 the system chooses one, see [`Gateway::address`].
    ///
    /// # Errors
    /// The address is not a loopback address although there are no tokens, or the operating system refuses it.
    pub async fn bind(address: SocketAddr, state: State) -> Result<Self, GatewayError> {
        if !address.ip().is_loopback() && state.access.is_open() {
            return Err(GatewayError::NotLoopback(address));
        }
        let listen = |source| GatewayError::Listen { address, source };
        let listener = TcpListener::bind(address).await.map_err(listen)?;
        let address = listener.local_addr().map_err(listen)?;
        let (stopping, stopped) = watch::channel(false);
        let router = router(state).layer(Extension(Stopping(stopped)));
        Ok(Self { listener, address, router, stopping })
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
        let mut stopped = self.stopping.subscribe();
        let stop = async move {
            shutdown.await;
            self.stopping.send_replace(true);
        };
        let cut = async move {
            // an error would mean that the sender is gone, which also says that it stops
            drop(stopped.wait_for(|stopping| *stopping).await);
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
        .route("/", get(root))
        .route("/login", get(console::login_page).post(access::sign_in))
        .route("/logout", post(access::sign_out))
        .route("/metrics", get(metrics_page))
        .merge(console::routes())
        .merge(health::routes())
        .merge(registry::routes())
        .fallback(registry::not_found)
        .method_not_allowed_fallback(registry::method_not_allowed)
        .layer(middleware::from_fn_with_state(state.clone(), access::guard))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .with_state(state)
}

/// People get the console, clients of the registry its empty root.
async fn root(Shared(state): Shared<State>, headers: HeaderMap) -> Response {
    if state.console.is_some() && access::wants_page(&headers) {
        console::page()
    } else {
        registry::root().into_response()
    }
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
