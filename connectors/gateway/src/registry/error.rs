//! Refusals in the form that Confluent's clients read.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::RegistryJson;

/// A refusal: HTTP status, Confluent's error code, a sentence.
#[derive(Debug)]
pub(crate) struct Refusal {
    status: StatusCode,
    error_code: u32,
    message: String,
}

impl Refusal {
    fn new(status: StatusCode, error_code: u32, message: impl Into<String>) -> Self {
        Self { status, error_code, message: message.into() }
    }

    pub(crate) fn no_such_subject(subject: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, 40401, format!("Subject '{subject}' not found."))
    }

    pub(crate) fn no_such_version(version: u32) -> Self {
        Self::new(StatusCode::NOT_FOUND, 40402, format!("Version {version} not found."))
    }

    pub(crate) fn no_such_schema() -> Self {
        Self::new(StatusCode::NOT_FOUND, 40403, "Schema not found")
    }

    pub(crate) fn no_such_page() -> Self {
        Self::new(StatusCode::NOT_FOUND, 404, "HTTP 404 Not Found")
    }

    pub(crate) fn method() -> Self {
        Self::new(StatusCode::METHOD_NOT_ALLOWED, 405, "HTTP 405 Method Not Allowed")
    }

    pub(crate) fn invalid_schema(why: &str) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, 42201, format!("Invalid schema: {why}"))
    }

    pub(crate) fn invalid_version(version: &str) -> Self {
        let message = format!(
            "The specified version '{version}' is not a valid version id. Allowed values are between \
             [1, 2^31-1] and the string \"latest\""
        );
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, 42202, message)
    }

    pub(crate) fn read_only(subject: &str) -> Self {
        let message = format!(
            "Subject '{subject}' takes no new schema here: schemas are released through the repository. Use \
             the released one (GET /subjects/{subject}/versions/latest)."
        );
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, 42205, message)
    }
}

#[derive(Serialize)]
struct Body {
    error_code: u32,
    message: String,
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        (self.status, RegistryJson(Body { error_code: self.error_code, message: self.message }))
            .into_response()
    }
}
