//! The console of a running `serve`, on a real Kafka and a real ClickHouse: alerts as they are committed, actions to
//! their topic, pages from the tables, and nobody without a token.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

#[path = "support/sql.rs"]
mod sql;
#[allow(dead_code, reason = "each test uses its part")]
mod support;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::time::{Duration, Instant};

use aftercare_clickhouse::OutputTable;
use aftercare_kafka::drain::{Assigned, Drain};
use aftercare_schemas::{codec, wire};
use aftercare_stream::position::TopicId;
use serde_json::{Value, json};
use sql::sql;
use support::{Stack, wait_until};

const LIMIT: Duration = Duration::from_secs(60);
/// Tokens `nurse`, `lead`, `doctor`, `analyst` and `admin`, as their digests.
const TOKENS: &str = r#"
[http.tokens.n-0002]
sha256 = "781e5116a1e14a34eada50159d589e690c81ec4c5063115ea1f10b99441d5b94"
role = "care_manager"
teams = ["team-2"]
[http.tokens.l-2]
sha256 = "e3456bc1f4d270f4a97933758645fdc21e39642b31ca343c1818f7972ac27906"
role = "care_lead"
teams = ["team-2"]
[http.tokens.dr-9]
sha256 = "72f4be89d6ebab1496e21e38bcd7c8ca0a68928af3081ad7dff87e772eb350c2"
role = "clinician"
clinician = "c-0009"
[http.tokens.a-1]
sha256 = "f44ceb062e35dfeea6ed7f8524d53bb0bff19f553e25cae7ef4850e4185ccbba"
role = "analyst"
[http.tokens.root]
sha256 = "8c6976e5b5410415bde908bd4dee15dfb167a9c873fc4bb8a81f6f2ab448a918"
role = "admin"
"#;

/// Status and body of a request; `token` as bearer.
fn send(http: SocketAddr, method: &str, path: &str, token: &str, body: &str) -> (u16, Value) {
    let mut stream = TcpStream::connect(http).unwrap();
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nHost: {http}\r\nConnection: close\r\nAuthorization: Bearer {token}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    let mut reply = String::new();
    stream.read_to_string(&mut reply).unwrap();
    let (head, body) = reply.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), serde_json::from_str(body).unwrap_or(Value::Null))
}

fn get(http: SocketAddr, path: &str, token: &str) -> (u16, Value) {
    send(http, "GET", path, token, "")
}

/// The golden example `alerts/acknowledged`, as another alert.
fn with_alert(id: &str, version: u64, then: impl FnOnce(wire::Alert<'_>)) {
    let bytes = example(Path::new("alerts/acknowledged.bin"));
    let alert: wire::Alert<'_> = codec::decode("alerts", Some(&bytes), None).unwrap();
    then(wire::Alert { alert_id: id, version, status: "open", revision: 1, assignee_id: None, ..alert });
}

fn example(path: &Path) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../schemas/examples").join(path)).unwrap()
}

fn encoded(alert: &wire::Alert<'_>) -> Vec<u8> {
    let mut value = Vec::new();
    codec::encode("alerts", alert, &mut value).unwrap();
    value
}

/// Puts golden examples into ClickHouse; all are about one patient.
fn fill(stack: &Stack) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let store = stack.store();
    let examples = [
        (OutputTable::Scores, "forecast"),
        (OutputTable::Windows, "five-minutes"),
        (OutputTable::VitalScores, "news2"),
        (OutputTable::Alerts, "acknowledged"),
        (OutputTable::Reviews, "superficial"),
        (OutputTable::Ledger, "fee"),
    ];
    for (table, name) in examples {
        let record = example(&Path::new(table.topic()).join(name).with_extension("bin"));
        // The test needs no proof that they are there, it reads them.
        drop(runtime.block_on(store.insert(table, &[&record])).unwrap());
    }
}

/// The actions that stand in their topic.
fn actions(stack: &Stack) -> Vec<(String, String, Option<String>)> {
    let cluster = stack.cluster();
    let mut drain = Drain::open(&cluster, &[]).unwrap();
    let mut found = Vec::new();
    for partition in 0..2 {
        let from = Assigned { id: TopicId(0), topic: cluster.topic("alert-actions"), partition, from: 0 };
        drain
            .read_through(from, None, &mut |record| {
                let action: wire::AlertAction<'_> =
                    codec::decode("alert-actions", record.value, None).unwrap();
                assert_eq!(record.key, Some(action.patient_id.as_bytes()));
                assert_eq!((action.actor_id, action.actor_role), ("n-0002", "care_manager"));
                let outcome = action.outcome.map(str::to_owned);
                found.push((action.alert_id.to_owned(), format!("{:?}", action.kind), outcome));
            })
            .unwrap();
    }
    found
}

#[test]
fn alerts_actions_and_pages_of_a_running_installation() {
    let stack = Stack::start(2, TOKENS);
    fill(&stack);
    let serve = stack.serve("console", &[]);
    let http = serve.http;
    wait_until("HTTP", LIMIT, || serve.get("/livez"));

    let writer = stack.cluster().writer().unwrap();
    let put = |id: &str, version: u64| {
        with_alert(id, version, |alert| {
            writer.write("alerts", alert.patient_id.as_bytes(), &encoded(&alert), &[]).unwrap();
        });
        writer.flush().unwrap();
    };
    put("e-000017-1/below-expected/u-000017-09", 1);
    let listed = || get(http, "/api/alerts", "nurse").1["alerts"].as_array().cloned().unwrap_or_default();
    let alerts = wait_until("the alert in the list", LIMIT, || Some(listed()).filter(|all| !all.is_empty()));
    assert_eq!((&alerts[0]["status"], &alerts[0]["evidence"][0]["name"]), (&json!("open"), &json!("index")));

    let act = |choice: &str, token: &str| {
        let asked =
            format!("{{\"alert_id\":\"e-000017-1/below-expected/u-000017-09\",\"revision\":1,{choice}}}");
        send(http, "POST", "/api/alerts/actions", token, &asked).0
    };
    let resolve = "\"kind\":\"resolve\",\"outcome\":\"appointment\"";
    assert_eq!([act(resolve, "nurse"), act(resolve, "nurse")], [202, 202]);
    assert_eq!((act(resolve, "doctor"), act(resolve, "nobody")), (404, 401));
    let written =
        ("e-000017-1/below-expected/u-000017-09".into(), "Resolve".into(), Some("appointment".into()));
    assert_eq!(actions(&stack), [written], "two clicks are one action, and nobody else's is one");

    check_pages(http);
    check_service(http);
    check_views(&stack, http);
    measure(http, &put);
}

fn check_pages(http: SocketAddr) {
    let (status, page) = get(http, "/api/patients/p-000017", "nurse");
    assert_eq!(status, 200, "{page}");
    let count = |list: &str| page[list].as_array().unwrap().len();
    for list in ["scores", "vitals", "vital_scores", "alerts", "reviews", "entries"] {
        assert!(count(list) > 0, "{list}: {page}");
    }
    let judged =
        page["scores"].as_array().unwrap().iter().find(|row| row["expected_n"] == json!(212)).unwrap();
    assert_eq!((&judged["expected"], &judged["curve_edition"]), (&json!(118.2), &json!("pci-des@2025-12")));
    assert_eq!((&judged["forecast"], &judged["forecast_sd"]), (&json!(131.5), &json!(9.7)));
    let fee =
        page["entries"].as_array().unwrap().iter().find(|row| row["amount_minor"] == json!(6400)).unwrap();
    assert_eq!((&fee["payer"], &fee["evidence"][0]["record_id"]), (&json!("m-alpha"), &json!("u-000017-03")));
    assert_eq!(page["alerts"][0]["evidence"][0]["name"], json!("index"));

    assert_eq!(get(http, "/api/patients/p-000017", "doctor").0, 404, "another clinician's patient");
    assert_eq!(get(http, "/api/patients/p'%20OR%201=1", "nurse").0, 404);
    assert_eq!(get(http, "/api/clinicians/c-0004", "doctor").0, 404, "another clinician's page");
    let (status, page) = get(http, "/api/clinicians/c-0004", "admin");
    assert_eq!(status, 200, "{page}");
    assert_eq!(page["patients"][0]["patient_id"], json!("p-000017"), "{page}");
    for list in ["uploads", "reviews", "entries"] {
        assert!(!page[list].as_array().unwrap().is_empty(), "{list}: {page}");
    }
    assert_eq!(get(http, "/api/patients/p-000017", "analyst").0, 403);
    assert_eq!(get(http, "/metrics", "analyst").0, 200);
    for path in ["/api/patients/p-000017", "/api/alerts", "/metrics", "/subjects"] {
        assert_eq!(get(http, path, "nobody").0, 401, "{path}");
    }
}

/// What counted as service, for who leads the team and for nobody else.
fn check_service(http: SocketAddr) {
    let (status, page) = get(http, "/api/services/newest", "lead");
    assert_eq!(status, 200, "{page}");
    let months = page["months"].as_array().unwrap();
    assert!(months.len() == 1 && page["month"] == months[0], "{page}");
    // the examples: a fee is billed for it, although the one review that is stored here was superficial
    let upload = &page["uploads"][0];
    assert_eq!((&upload["clinician_id"], &upload["patient_id"]), (&json!("c-0004"), &json!("p-000017")));
    assert_eq!((&upload["verdict"], &upload["billed"]), (&json!("counted"), &json!(true)), "{page}");
    assert_eq!(page["counts"][0]["verdict"], upload["verdict"], "{page}");
    for (token, path, status) in [
        ("nurse", "newest", 403),
        ("doctor", "newest", 403),
        ("analyst", "newest", 403),
        ("nobody", "newest", 401),
        ("lead", "2026-13", 404),
    ] {
        assert_eq!(get(http, &format!("/api/services/{path}"), token).0, status, "{token}");
    }
}

/// Who asked for whose page is known, and nobody sees one without that.
fn check_views(stack: &Stack, http: SocketAddr) {
    let known = sql(
        stack,
        "SELECT actor_id, role, page, subject_id, shown FROM page_views ORDER BY viewed_at FORMAT TSV",
    );
    let expected = [
        "n-0002\tcare_manager\tpatient\tp-000017\ttrue",
        "dr-9\tclinician\tpatient\tp-000017\tfalse",
        "n-0002\tcare_manager\tpatient\tp\\' OR 1=1\tfalse",
        "dr-9\tclinician\tclinician\tc-0004\tfalse",
        "root\tadmin\tclinician\tc-0004\ttrue",
        "l-2\tcare_lead\tservice\tnewest\ttrue",
        "n-0002\tcare_manager\tservice\tnewest\tfalse",
        "dr-9\tclinician\tservice\tnewest\tfalse",
        "l-2\tcare_lead\tservice\t2026-13\tfalse",
    ];
    assert_eq!(known.lines().collect::<Vec<_>>(), expected);
    sql(stack, "RENAME TABLE page_views TO page_views_away");
    assert_eq!(get(http, "/api/patients/p-000017", "nurse").0, 503);
    sql(stack, "RENAME TABLE page_views_away TO page_views");
    assert_eq!(get(http, "/api/patients/p-000017", "nurse").0, 200);
}

/// From the acknowledged append of an alert to the screen's stream of events. Printed, not judged.
fn measure(http: SocketAddr, put: &dyn Fn(&str, u64)) {
    let mut stream = TcpStream::connect(http).unwrap();
    write!(stream, "GET /api/alerts/stream HTTP/1.1\r\nHost: {http}\r\nAuthorization: Bearer nurse\r\n\r\n")
        .unwrap();
    let mut lines = BufReader::new(stream).lines();
    let mut until = |text: &str| while !lines.next().unwrap().unwrap().contains(text) {};
    until("u-000017-09");
    let mut taken: Vec<Duration> = (100..200)
        .map(|n| {
            let id = format!("e-000017-1/below-expected/u-{n}");
            put(&id, n);
            let acknowledged = Instant::now();
            until(&id);
            acknowledged.elapsed()
        })
        .collect();
    taken.sort_unstable();
    eprintln!("append acknowledged until on the stream: p50 {:?}, p99 {:?}", taken[50], taken[98]);
}
