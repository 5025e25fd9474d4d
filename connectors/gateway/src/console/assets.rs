//! The files of the console, part of the program.

use axum::extract::Path;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

macro_rules! asset {
    ($name:literal, $type:literal) => {
        ($name, $type, include_str!(concat!("../../../../dashboards/console/", $name)))
    };
}

const HTML: &str = "text/html; charset=utf-8";
const FILES: &[(&str, &str, &str)] = &[
    asset!("console.css", "text/css; charset=utf-8"),
    asset!("icon.svg", "image/svg+xml"),
    asset!("main.js", "text/javascript; charset=utf-8"),
    asset!("dom.js", "text/javascript; charset=utf-8"),
    asset!("words.js", "text/javascript; charset=utf-8"),
    asset!("live.js", "text/javascript; charset=utf-8"),
    asset!("list.js", "text/javascript; charset=utf-8"),
    asset!("detail.js", "text/javascript; charset=utf-8"),
    asset!("chart.js", "text/javascript; charset=utf-8"),
    asset!("patient.js", "text/javascript; charset=utf-8"),
    asset!("clinician.js", "text/javascript; charset=utf-8"),
    asset!("service.js", "text/javascript; charset=utf-8"),
    asset!("login.js", "text/javascript; charset=utf-8"),
];

/// The one page of the console.
pub(crate) fn page() -> Response {
    asset(HTML, include_str!("../../../../dashboards/console/index.html"))
}

/// The page that asks for an access token.
pub(crate) async fn login_page() -> Response {
    asset(HTML, include_str!("../../../../dashboards/console/login.html"))
}

pub(super) async fn file(Path(name): Path<String>) -> Response {
    match FILES.iter().find(|(known, ..)| *known == name) {
        Some((_, content_type, text)) => asset(content_type, text),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

fn asset(content_type: &'static str, text: &'static str) -> Response {
    ([(header::CONTENT_TYPE, content_type), (header::CACHE_CONTROL, "no-cache")], text).into_response()
}
