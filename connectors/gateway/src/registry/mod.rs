//! The released schemas by the API of Confluent's schema registry, so that its clients work unchanged.
//!
//! Look-ups only. A POST of a schema that is released answers with its id, as clients with
//! `auto.register.schemas` expect; any other is refused. The form of requests, answers and error codes is
//! that of the registry's published API.

mod error;

use aftercare_schemas::registry::{Registry, Released, format_guid, parse_guid, subject_of_client};
use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, Query, State as Shared};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde::{Deserialize, Serialize};

use crate::State;
use error::Refusal;

const CONTENT_TYPE: &str = "application/vnd.schemaregistry.v1+json";

type Answer<T> = Result<RegistryJson<T>, Refusal>;

pub(crate) fn routes() -> Router<State> {
    Router::new()
        .route("/subjects", get(list_subjects))
        .route("/subjects/{subject}", post(look_up))
        .route("/subjects/{subject}/versions", get(list_versions).post(register))
        .route("/subjects/{subject}/versions/{version}", get(by_version))
        .route("/subjects/{subject}/versions/{version}/schema", get(text_by_version))
        .route("/schemas/ids/{id}", get(by_id))
        .route("/schemas/ids/{id}/schema", get(text_by_id))
        .route("/schemas/ids/{id}/versions", get(versions_by_id))
        .route("/schemas/ids/{id}/subjects", get(subjects_by_id))
        .route("/schemas/guids/{guid}", get(by_guid))
        .route("/schemas/types", get(async || RegistryJson(["AVRO"])))
        .route("/config", get(async || RegistryJson(Level { level: "BACKWARD_TRANSITIVE" })))
        .route("/config/{subject}", get(level))
        .route("/mode", get(mode))
        .route("/mode/{subject}", get(mode))
}

/// What Confluent's registry answers at its root.
pub(crate) fn root() -> impl IntoResponse {
    RegistryJson(serde_json::Map::new())
}

pub(crate) async fn not_found() -> Refusal {
    Refusal::no_such_page()
}

pub(crate) async fn method_not_allowed() -> Refusal {
    Refusal::method()
}

/// JSON with the registry's own content type.
struct RegistryJson<T>(T);

impl<T: Serialize> IntoResponse for RegistryJson<T> {
    fn into_response(self) -> Response {
        ([(header::CONTENT_TYPE, CONTENT_TYPE)], axum::Json(self.0)).into_response()
    }
}

/// A schema as the registry shows it. The type is left out: it is Avro, the API's default.
#[derive(Serialize)]
struct Shown {
    subject: String,
    version: u32,
    id: u32,
    guid: String,
    schema: &'static str,
}

impl Shown {
    fn new(app: &str, released: &'static Released) -> Self {
        Self {
            subject: subject_for_client(app, released.subject),
            version: released.version,
            id: released.id,
            guid: format_guid(&released.guid),
            schema: released.text,
        }
    }
}

#[derive(Deserialize)]
struct Listing {
    #[serde(rename = "subjectPrefix", default)]
    prefix: String,
}

async fn list_subjects(Shared(state): Shared<State>, Query(listing): Query<Listing>) -> impl IntoResponse {
    let mut names: Vec<_> =
        Registry::released().subjects().map(|subject| subject_for_client(&state.app, subject)).collect();
    names.retain(|name| name.starts_with(&listing.prefix));
    names.sort_unstable();
    RegistryJson(names)
}

async fn list_versions(Shared(state): Shared<State>, Path(subject): Path<String>) -> Answer<Vec<u32>> {
    let stream = known(&state, &subject)?;
    Ok(RegistryJson(Registry::released().versions(stream).map(|released| released.version).collect()))
}

async fn by_version(Shared(state): Shared<State>, Path(path): Path<(String, String)>) -> Answer<Shown> {
    let released = at_version(&state, &path)?;
    Ok(RegistryJson(Shown::new(&state.app, released)))
}

async fn text_by_version(
    Shared(state): Shared<State>,
    Path(path): Path<(String, String)>,
) -> Result<Response, Refusal> {
    at_version(&state, &path).map(text)
}

async fn by_id(Shared(state): Shared<State>, Path(id): Path<String>) -> Answer<Shown> {
    Ok(RegistryJson(Shown::new(&state.app, at_id(&id)?)))
}

async fn text_by_id(Path(id): Path<String>) -> Result<Response, Refusal> {
    at_id(&id).map(text)
}

async fn by_guid(Shared(state): Shared<State>, Path(guid): Path<String>) -> Answer<Shown> {
    let released = parse_guid(&guid).and_then(|guid| Registry::released().by_guid(&guid));
    Ok(RegistryJson(Shown::new(&state.app, released.ok_or_else(Refusal::no_such_schema)?)))
}

#[derive(Serialize)]
struct SubjectVersion {
    subject: String,
    version: u32,
}

async fn versions_by_id(Shared(state): Shared<State>, Path(id): Path<String>) -> Answer<[SubjectVersion; 1]> {
    let released = at_id(&id)?;
    let subject = subject_for_client(&state.app, released.subject);
    Ok(RegistryJson([SubjectVersion { subject, version: released.version }]))
}

async fn subjects_by_id(Shared(state): Shared<State>, Path(id): Path<String>) -> Answer<[String; 1]> {
    Ok(RegistryJson([subject_for_client(&state.app, at_id(&id)?.subject)]))
}

#[derive(Serialize)]
struct Mode {
    mode: &'static str,
}

async fn mode() -> RegistryJson<Mode> {
    RegistryJson(Mode { mode: "READONLY" })
}

/// How versions of a subject agree, which the repository's tests prove. What holds for all is `BACKWARD_TRANSITIVE`.
#[derive(Serialize)]
struct Level {
    #[serde(rename = "compatibilityLevel")]
    level: &'static str,
}

/// Others read outputs with whatever version they have; a schema's documentation says what it is.
async fn level(Shared(state): Shared<State>, Path(subject): Path<String>) -> Answer<Level> {
    #[derive(Deserialize)]
    struct Documented {
        doc: String,
    }
    let released = at_version(&state, &(subject, "latest".to_owned()))?;
    let is_output =
        serde_json::from_str(released.text).is_ok_and(|schema: Documented| schema.doc.starts_with("Output"));
    let level = if is_output { "FULL_TRANSITIVE" } else { "BACKWARD_TRANSITIVE" };
    Ok(RegistryJson(Level { level }))
}

/// Is this schema a released version of the subject?
async fn look_up(Shared(state): Shared<State>, Path(subject): Path<String>, body: Bytes) -> Answer<Shown> {
    let released = posted(&state, &subject, &body)?.ok_or_else(Refusal::no_such_schema)?;
    Ok(RegistryJson(Shown::new(&state.app, released)))
}

/// As [`look_up`], for clients that register what they are about to use.
async fn register(Shared(state): Shared<State>, Path(subject): Path<String>, body: Bytes) -> Answer<Shown> {
    let released = posted(&state, &subject, &body)?.ok_or_else(|| Refusal::read_only(&subject))?;
    Ok(RegistryJson(Shown::new(&state.app, released)))
}

#[derive(Deserialize)]
struct Posted {
    schema: String,
    #[serde(rename = "schemaType")]
    schema_type: Option<String>,
}

fn posted(state: &State, subject: &str, body: &[u8]) -> Result<Option<&'static Released>, Refusal> {
    let stream = known(state, subject)?;
    let posted: Posted = serde_json::from_slice(body)
        .map_err(|error| Refusal::invalid_schema(&format!("the request is not understood: {error}")))?;
    if posted.schema_type.is_some_and(|schema_type| schema_type != "AVRO") {
        return Err(Refusal::invalid_schema("only schemaType AVRO is known here"));
    }
    if serde_json::from_str::<serde_json::Value>(&posted.schema).is_err() {
        return Err(Refusal::invalid_schema("the schema is not JSON"));
    }
    Ok(Registry::released().find(Some(stream), &posted.schema))
}

/// The stream that a client's subject stands for.
fn known<'a>(state: &State, subject: &'a str) -> Result<&'a str, Refusal> {
    let stream = subject_of_client(subject, &state.app);
    let released = stream.filter(|stream| Registry::released().subject(stream).is_some());
    released.ok_or_else(|| Refusal::no_such_subject(subject))
}

fn at_version(state: &State, (subject, version): &(String, String)) -> Result<&'static Released, Refusal> {
    let stream = known(state, subject)?;
    let number = match version.as_str() {
        "latest" | "-1" => Registry::released().subject(stream).map(|newest| newest.version),
        digits => digits.parse().ok().filter(|number| (1..=i32::MAX.unsigned_abs()).contains(number)),
    };
    let number = number.ok_or_else(|| Refusal::invalid_version(version))?;
    Registry::released().version(stream, number).ok_or_else(|| Refusal::no_such_version(number))
}

fn at_id(id: &str) -> Result<&'static Released, Refusal> {
    let released = id.parse().ok().and_then(|id| Registry::released().by_id(id));
    released.ok_or_else(Refusal::no_such_schema)
}

fn text(released: &'static Released) -> Response {
    ([(header::CONTENT_TYPE, CONTENT_TYPE)], released.text).into_response()
}

/// The registry's name for a stream's values, by the usual rule of topic name and `-value`.
fn subject_for_client(app: &str, stream: &str) -> String {
    format!("{app}.{stream}-value")
}
