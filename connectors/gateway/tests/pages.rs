//! Every page over a real connection.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use aftercare_gateway::health::Check;
use aftercare_gateway::metrics::{Metric, Metrics, Sample};
use aftercare_gateway::{DRAIN_MAX, Gateway, GatewayError, State};
use aftercare_schemas::registry::Registry;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::oneshot;

struct Server {
    address: SocketAddr,
    ready: Arc<AtomicBool>,
    metrics: Metrics,
    stop: oneshot::Sender<()>,
    done: tokio::task::JoinHandle<Result<(), GatewayError>>,
}

async fn server() -> Server {
    let ready = Arc::new(AtomicBool::new(false));
    let metrics = Metrics::new();
    let gateway = Gateway::bind("127.0.0.1:0".parse().unwrap(), state(&ready, &metrics)).await.unwrap();
    let address = gateway.address();
    let (stop, stopped) = oneshot::channel::<()>();
    let done = tokio::spawn(gateway.serve(async move { drop(stopped.await) }));
    Server { address, ready, metrics, stop, done }
}

fn state(ready: &Arc<AtomicBool>, metrics: &Metrics) -> State {
    let ready = Arc::clone(ready);
    let readiness = move || {
        let ok = ready.load(Ordering::Relaxed);
        vec![Check { name: "kafka", ok, detail: "metadata answered".to_owned() }]
    };
    State {
        app: "clinic".into(),
        metrics: metrics.clone(),
        readiness: Arc::new(readiness),
        access: Arc::default(),
        console: None,
    }
}

struct Reply {
    status: u16,
    head: String,
    body: String,
}

impl Reply {
    fn json(&self) -> Value {
        assert!(self.head.contains("content-type: application/vnd.schemaregistry.v1+json"), "{}", self.head);
        serde_json::from_str(&self.body).unwrap()
    }

    fn refused(&self) -> (u16, u64) {
        let body = self.json();
        assert!(!body["message"].as_str().unwrap().is_empty());
        (self.status, body["error_code"].as_u64().unwrap())
    }
}

async fn send(address: SocketAddr, request: &str) -> Reply {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut reply = String::new();
    stream.read_to_string(&mut reply).await.unwrap();
    let (head, body) = reply.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Reply { status, head: head.to_owned(), body: body.to_owned() }
}

impl Server {
    async fn get(&self, path: &str) -> Reply {
        let host = self.address;
        send(self.address, &format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")).await
    }

    async fn send_body(&self, method: &str, path: &str, body: &str) -> Reply {
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
             Content-Type: application/vnd.schemaregistry.v1+json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        send(self.address, &request).await
    }

    async fn post(&self, path: &str, body: &Value) -> Reply {
        self.send_body("POST", path, &body.to_string()).await
    }

    async fn stop(self) {
        self.stop.send(()).unwrap();
        self.done.await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn health_and_metrics() {
    let server = server().await;
    assert_eq!(server.get("/livez").await.status, 200);

    let waiting = server.get("/readyz").await;
    assert_eq!(waiting.status, 503);
    let expected =
        json!({"ready": false, "checks": [{"name": "kafka", "ok": false, "detail": "metadata answered"}]});
    assert_eq!(serde_json::from_str::<Value>(&waiting.body).unwrap(), expected);
    server.ready.store(true, Ordering::Relaxed);
    assert_eq!(server.get("/readyz").await.status, 200);

    let source = |out: &mut Vec<Sample>| out.push(Sample::counter(Metric::ChangelogBytes, &[], 42.0));
    let registration = server.metrics.register(source);
    let page = server.get("/metrics").await;
    assert!(page.head.contains("content-type: text/plain; version=0.0.4"), "{}", page.head);
    assert!(page.body.contains("\naftercare_changelog_bytes_total 42\n"), "{}", page.body);
    drop(registration);
    server.stop().await;
}

#[tokio::test]
async fn every_released_schema_is_found_in_every_way() {
    let server = server().await;
    for released in Registry::released().all() {
        let subject = format!("clinic.{}-value", released.subject);
        let (id, version) = (released.id, released.version);
        let listed = server.get(&format!("/subjects/{subject}/versions/{version}")).await.json();
        assert_eq!(listed["subject"], json!(subject));
        assert_eq!(listed["version"], json!(version));
        assert_eq!(listed["id"], json!(id));
        assert_eq!(listed["schema"], json!(released.text));
        let guid = listed["guid"].as_str().unwrap();
        for path in [format!("/schemas/ids/{id}"), format!("/schemas/guids/{guid}")] {
            assert_eq!(server.get(&path).await.json(), listed, "{path}");
        }
        let place = json!([{"subject": subject, "version": version}]);
        assert_eq!(server.get(&format!("/schemas/ids/{id}/versions")).await.json(), place);
        assert_eq!(server.get(&format!("/schemas/ids/{id}/subjects")).await.json(), json!([subject]));
        for path in
            [format!("/schemas/ids/{id}/schema"), format!("/subjects/{subject}/versions/{version}/schema")]
        {
            assert_eq!(server.get(&path).await.body, released.text, "{path}");
        }
        let versions = server.get(&format!("/subjects/{subject}/versions")).await.json();
        assert!(versions.as_array().unwrap().contains(&json!(version)));
        assert!(server.get("/subjects").await.json().as_array().unwrap().contains(&json!(subject)));

        let parsed: Value = serde_json::from_str(released.text).unwrap();
        let compact = json!({"schema": parsed.to_string(), "references": []});
        assert_eq!(server.post(&format!("/subjects/{subject}"), &compact).await.json(), listed);
        assert_eq!(server.post(&format!("/subjects/{subject}/versions"), &compact).await.json(), listed);
    }
    let newest = Registry::released().subject("prom-responses").unwrap();
    for latest in ["latest", "-1"] {
        let path = format!("/subjects/clinic.prom-responses-value/versions/{latest}");
        assert_eq!(server.get(&path).await.json()["id"], json!(newest.id));
    }
    let some = server.get("/subjects?subjectPrefix=clinic.pro").await.json();
    assert_eq!(some, json!(["clinic.prom-responses-value"]));
    assert_eq!(server.get("/schemas/types").await.json(), json!(["AVRO"]));
    let levels =
        [("", "BACKWARD"), ("/clinic.prom-responses-value", "BACKWARD"), ("/clinic.scores-value", "FULL")];
    for (subject, level) in levels {
        let expected = json!({"compatibilityLevel": format!("{level}_TRANSITIVE")});
        assert_eq!(server.get(&format!("/config{subject}")).await.json(), expected);
    }
    assert_eq!(server.get("/mode").await.json(), json!({"mode": "READONLY"}));
    server.stop().await;
}

#[tokio::test]
async fn what_is_not_released_is_refused_as_clients_expect() {
    let server = server().await;
    let proms = "/subjects/clinic.prom-responses-value";
    let get = [
        ("/subjects/clinic.nothing-value/versions".to_owned(), (404, 40401)),
        ("/subjects/other.prom-responses-value/versions/1".to_owned(), (404, 40401)),
        (format!("{proms}/versions/999"), (404, 40402)),
        (format!("{proms}/versions/0"), (422, 42202)),
        (format!("{proms}/versions/first"), (422, 42202)),
        ("/schemas/ids/1".to_owned(), (404, 40403)),
        ("/schemas/ids/x".to_owned(), (404, 40403)),
        ("/schemas/guids/00000000-0000-0000-0000-000000000000".to_owned(), (404, 40403)),
        ("/nowhere".to_owned(), (404, 404)),
    ];
    for (path, expected) in get {
        assert_eq!(server.get(&path).await.refused(), expected, "{path}");
    }

    let unknown = json!({"schema": r#"{"type": "record", "name": "Mine", "fields": []}"#});
    let foreign = json!({"schema": Registry::released().subject("scores").unwrap().text});
    for body in [&unknown, &foreign] {
        assert_eq!(server.post(proms, body).await.refused(), (404, 40403));
        assert_eq!(server.post(&format!("{proms}/versions"), body).await.refused(), (422, 42205));
    }
    let unreadable =
        [json!({"schema": "{"}), json!({"schema": "{}", "schemaType": "PROTOBUF"}), json!({"text": 1})];
    for body in &unreadable {
        assert_eq!(server.post(&format!("{proms}/versions"), body).await.refused(), (422, 42201));
    }
    let elsewhere = server.post("/subjects/clinic.nothing-value/versions", &unknown).await;
    assert_eq!(elsewhere.refused(), (404, 40401));
    for (method, path) in [("PUT", "/config"), ("DELETE", "/subjects/clinic.prom-responses-value/versions/1")]
    {
        assert_eq!(server.send_body(method, path, "{}").await.refused(), (405, 405), "{method} {path}");
    }
    let huge = json!({"schema": " ".repeat(aftercare_gateway::BODY_BYTES_MAX)});
    assert_eq!(server.post(&format!("{proms}/versions"), &huge).await.status, 413);
    server.stop().await;
}

#[tokio::test]
async fn only_this_machine_gets_in() {
    let state = state(&Arc::default(), &Metrics::new());
    for open in ["0.0.0.0:0", "[::]:0", "192.0.2.1:80"] {
        let refusal = Gateway::bind(open.parse().unwrap(), state.clone()).await.unwrap_err();
        assert!(matches!(refusal, GatewayError::NotLoopback(_)));
        assert!(refusal.to_string().contains("tokens"), "{refusal}");
    }
    let server = server().await;
    let rebound = "GET /metrics HTTP/1.1\r\nHost: pages.example.org\r\nConnection: close\r\n\r\n";
    assert_eq!(send(server.address, rebound).await.status, 421);
    assert_eq!(send(server.address, "GET /livez HTTP/1.0\r\n\r\n").await.status, 200);
    server.stop().await;
}

#[tokio::test]
async fn a_silent_connection_does_not_hold_up_the_stop() {
    let server = server().await;
    let mut silent = TcpStream::connect(server.address).await.unwrap();
    silent.write_all(b"GET /livez HTTP/1.1\r\nHost: loc").await.unwrap();
    assert_eq!(server.get("/livez").await.status, 200);
    tokio::time::timeout(DRAIN_MAX + Duration::from_secs(5), server.stop()).await.unwrap();
}
