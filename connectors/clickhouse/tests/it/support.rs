//! A real server, shared by the tests of this program, each with a database of its own.

use std::path::PathBuf;
use std::sync::LazyLock;
use std::time::Duration;

use aftercare_clickhouse::{Config, Store};
use aftercare_embedded::{ClickHouseOptions, ClickHouseServer, Engines};
use aftercare_schemas::{codec, wire};
use clickhouse::{Row, RowOwned, RowRead};
use serde::Serialize;
use tempfile::TempDir;

/// Bits of a version that hold the sequence.
const SEQUENCE_BITS: u32 = 48;

static SHARED: LazyLock<(ClickHouseServer, TempDir)> = LazyLock::new(start);

/// Starts a server in a temporary folder.
pub(crate) fn start() -> (ClickHouseServer, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let engines = Engines::find().unwrap_or_else(|error| panic!("{error}"));
    let options = ClickHouseOptions {
        child_exe: Some(program()),
        ..ClickHouseOptions::new(folder.path().join("data"))
    };
    let server = ClickHouseServer::start(&engines, options).unwrap_or_else(|error| panic!("{error}"));
    (server, folder)
}

/// `target/debug/examples/clickhouse-server`, beside `target/debug/deps` where this program is.
fn program() -> PathBuf {
    let this = std::env::current_exe().unwrap();
    let program = this.ancestors().nth(2).unwrap().join("examples/clickhouse-server");
    assert!(program.exists(), "build it first: cargo build -p aftercare-clickhouse --examples");
    program
}

/// The database `aftercare_{name}` of the shared server.
pub(crate) fn store(name: &str) -> Store {
    store_at(&SHARED.0, name)
}

/// A store of the shared server whose inserts may take long: a million rows are made by a build for tests, and the machine
/// may have others to serve.
pub(crate) fn patient_store(name: &str) -> Store {
    let mut config = config_at(&SHARED.0, name);
    config.insert_timeout = Duration::from_secs(300);
    Store::connect(config)
}

pub(crate) fn store_at(server: &ClickHouseServer, name: &str) -> Store {
    Store::connect(config_at(server, name))
}

pub(crate) fn config_at(server: &ClickHouseServer, name: &str) -> Config {
    let mut config = Config::new(&server.http_url())
        .unwrap()
        .with_user(server.user(), server.password())
        .with_database(&format!("aftercare_{name}"))
        .unwrap();
    config.insert_timeout = Duration::from_secs(20);
    config.query_timeout = Duration::from_secs(20);
    config
}

/// The shared server's reader, who may only look.
pub(crate) fn reader_of_shared() -> (String, String, String) {
    let server = &SHARED.0;
    (server.http_url(), server.reader_user().to_owned(), server.reader_password().to_owned())
}

/// The same database with the tables in it.
pub(crate) async fn migrated(name: &str) -> Store {
    let store = store(name);
    let report = store.migrate(true).await.unwrap();
    assert!(report.is_clean(), "{report:?}");
    store
}

/// A plain client on the database of a store of the shared server, to look past the store or to do damage.
pub(crate) fn client(name: &str) -> clickhouse::Client {
    let server = &SHARED.0;
    clickhouse::Client::default()
        .with_url(server.http_url())
        .with_user(server.user())
        .with_password(server.password())
        .with_database(format!("aftercare_{name}"))
}

pub(crate) async fn run(client: &clickhouse::Client, sql: &str) {
    client.query_raw(sql).execute().await.unwrap_or_else(|error| panic!("{sql}: {error}"));
}

pub(crate) async fn one<T: RowOwned + RowRead>(client: &clickhouse::Client, sql: &str) -> T {
    client.query_raw(sql).fetch_one().await.unwrap_or_else(|error| panic!("{sql}: {error}"))
}

pub(crate) async fn all<T: Row + RowOwned + RowRead>(client: &clickhouse::Client, sql: &str) -> Vec<T> {
    client.query_raw(sql).fetch_all().await.unwrap_or_else(|error| panic!("{sql}: {error}"))
}

pub(crate) fn version(incarnation: u64, sequence: u64) -> u64 {
    incarnation << SEQUENCE_BITS | sequence
}

/// A record's value as it is in Kafka.
pub(crate) fn framed<T: Serialize>(subject: &'static str, row: &T) -> Vec<u8> {
    let mut out = Vec::new();
    codec::encode(subject, row, &mut out).unwrap();
    out
}

/// The golden examples of a stream, in the order of their names.
pub(crate) fn examples(topic: &str) -> Vec<Vec<u8>> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../schemas/examples").join(topic);
    let files = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    let mut files: Vec<_> = files.filter(|file| file.extension().is_some_and(|e| e == "bin")).collect();
    files.sort();
    files.iter().map(|file| std::fs::read(file).unwrap()).collect()
}

pub(crate) fn slices(records: &[Vec<u8>]) -> Vec<&[u8]> {
    records.iter().map(Vec::as_slice).collect()
}

/// 2026-01-01 00:00 UTC, ms.
pub(crate) const NEW_YEAR: i64 = 1_767_225_600_000;

pub(crate) fn score<'a>(version: u64, score_id: &'a str, patient_id: &'a str) -> wire::Score<'a> {
    wire::Score {
        version,
        score_id,
        episode_id: "e1",
        patient_id,
        upload_id: "u1",
        upload_revision: 1,
        instrument: "saq-7",
        instrument_version: 1,
        value_set: "",
        status: "scored",
        reason: None,
        answered_at: NEW_YEAR,
        uploaded_at: NEW_YEAR + 1,
        stored_at: NEW_YEAR + 2,
        days_since_treatment: Some(-1.5),
        respondent: "patient",
        score: Some(62.5),
        scales: vec![
            wire::Scale { name: "physical_limitation", value: 50.0 },
            wire::Scale { name: "quality_of_life", value: 75.0 },
        ],
        baseline: Some(50.0),
        baseline_upload_id: Some("u0"),
        index: Some(125.0),
        index_rule: Some("percent"),
        change_mcid: None,
        ewma: Some(60.0),
        mean_28d: Some(61.0),
        slope_56d: None,
        uploads_done: 3,
        uploads_due: 4,
        expected: None,
        curve_edition: None,
        organisation: Some("o1"),
        care_team: None,
        clinician_id: Some("c1"),
        manufacturer: None,
        procedure: Some("coronary-stent"),
        source: "live",
        expected_sd: None,
        expected_n: None,
        cohort: None,
        forecast: None,
        forecast_sd: None,
        level: None,
        change_errors: None,
        trend_errors: None,
    }
}

pub(crate) fn receipt<'a>(
    version: u64,
    topic: &'a str,
    id: &'a str,
    patient_id: &'a str,
) -> wire::Receipt<'a> {
    wire::Receipt {
        version,
        topic,
        id,
        revision: 1,
        patient_id,
        outcome: "accepted",
        reason: None,
        copies: 1,
        duplicates: 0,
        conflicts: 0,
        stored_at: NEW_YEAR,
        organisation: None,
        care_team: None,
        clinician_id: None,
        manufacturer: None,
        procedure: None,
        source: "live",
    }
}

pub(crate) fn reading_receipt(version: u64, day: i32) -> wire::ReadingReceipt<'static> {
    wire::ReadingReceipt {
        version,
        patient_id: "p1",
        device_id: "d1",
        day,
        outcome: "accepted",
        reason: "",
        records: 10,
        readings: 600,
        stored_at: NEW_YEAR,
        organisation: None,
        care_team: None,
        clinician_id: None,
        manufacturer: None,
        procedure: None,
        source: "live",
    }
}

pub(crate) fn window(version: u64, window_start: i64, patient_id: &str) -> wire::Window<'_> {
    wire::Window {
        version,
        patient_id,
        device_id: "d1",
        metric: "heart_rate",
        unit: "/min",
        window_start,
        length_s: 300,
        readings: 5,
        mean: 61.2,
        sd: Some(1.5),
        min: 60.0,
        max: 64.0,
        stored_at: NEW_YEAR,
        organisation: None,
        care_team: None,
        clinician_id: None,
        manufacturer: None,
        procedure: None,
        source: "live",
        p10: None,
        p50: None,
        p90: None,
        coverage: None,
        in_range: None,
    }
}

pub(crate) fn late_reading(version: u64, measured_at: i64) -> wire::LateReading<'static> {
    wire::LateReading {
        version,
        patient_id: "p1",
        device_id: "d1",
        metric: "heart_rate",
        unit: "/min",
        value: 61.0,
        measured_at,
        stored_at: NEW_YEAR,
        source: "live",
        organisation: None,
        care_team: None,
        clinician_id: None,
        manufacturer: None,
        procedure: None,
        time_zone: None,
        day_from: None,
        day_until: None,
        elsewhere_hours: Vec::new(),
        taken_before: None,
    }
}

pub(crate) fn dead_letter(version: u64, partition: i32, offset: i64) -> wire::DeadLetter<'static> {
    wire::DeadLetter {
        version,
        topic: "prom-responses",
        partition,
        offset,
        record_at: NEW_YEAR,
        stage: "DESERIALIZE",
        reason: "truncated_avro",
        message: "the value ends early",
        receipt: false,
        key_bytes: 8,
        value_bytes: 100,
        stored_at: NEW_YEAR,
    }
}
