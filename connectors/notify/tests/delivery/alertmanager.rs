//! Alertmanager: a scripted one for the order of states, and the real one.

use std::fs;
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use aftercare_notify::{Change, Outcome, Receiver, Retry};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use url::Url;

use crate::support::{QUICK, Server, notice, sending};

#[tokio::test]
async fn an_older_state_never_follows_a_newer_one() {
    let server = Server::start(&["500 Oops", "200 OK"]).await;
    let receiver = Arc::new(Receiver::alertmanager("test", server.url.clone(), sending(QUICK)));
    let (open, answered) = (notice(1, Change::Open), notice(2, Change::Answered));
    receiver.expect(&open);
    let first = tokio::spawn({
        let receiver = Arc::clone(&receiver);
        async move { receiver.deliver(&open).await }
    });
    while server.count() == 0 {
        tokio::task::yield_now().await;
    }
    receiver.expect(&answered);
    assert_eq!(receiver.deliver(&answered).await, Outcome::Delivered);
    assert_eq!(first.await.unwrap(), Outcome::Superseded);
    assert_eq!(server.count(), 2);
    assert_eq!(server.received.lock().unwrap()[1].path, "/hook/api/v2/alerts");
}

struct Alertmanager(Child);

impl Drop for Alertmanager {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

/// What the real one says of its alerts.
async fn alerts(url: &Url) -> Option<Vec<Value>> {
    let mut stream = TcpStream::connect((url.host_str()?, url.port()?)).await.ok()?;
    stream.write_all(b"GET /api/v2/alerts HTTP/1.0\r\n\r\n").await.ok()?;
    let mut reply = String::new();
    stream.read_to_string(&mut reply).await.ok()?;
    serde_json::from_str(reply.split_once("\r\n\r\n")?.1).ok()
}

async fn until(url: &Url, what: &str, holds: impl Fn(&[Value]) -> bool) -> Vec<Value> {
    let began = Instant::now();
    loop {
        let found = alerts(url).await;
        if let Some(found) = found.filter(|found| holds(found)) {
            return found;
        }
        assert!(began.elapsed() < Duration::from_secs(60), "{what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn the_real_one_fires_and_resolves_an_alert() {
    let told = Server::start(&["200 OK"]).await;
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("alertmanager.yml");
    let text = format!(
        "route:\n  receiver: team\n  group_by: [severity, rule, team]\n  group_wait: 10ms\n  group_interval: 100ms\n\
         receivers:\n  - name: team\n    webhook_configs:\n      - url: {}\n        send_resolved: true\n",
        told.url
    );
    fs::write(&config, text).unwrap();
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let url: Url = format!("http://127.0.0.1:{port}/").parse().unwrap();
    let child = Command::new("prometheus-alertmanager")
        .arg(format!("--config.file={}", config.display()))
        .arg(format!("--storage.path={}", folder.path().display()))
        .arg(format!("--web.listen-address=127.0.0.1:{port}"))
        .arg("--cluster.listen-address=")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let _running = Alertmanager(child);
    until(&url, "it answers", <[Value]>::is_empty).await;

    let retry = Retry { give_up_ms: 30_000, ..QUICK };
    let receiver = Receiver::alertmanager("test", url.clone(), sending(retry));
    for (revision, change, other) in
        [(1, Change::Open, "u-1"), (2, Change::Escalated, "u-1"), (1, Change::Open, "u-2")]
    {
        let mut notice = notice(revision, change);
        notice.alert_id = format!("e-1/below-expected/{other}");
        assert_eq!(receiver.deliver(&notice).await, Outcome::Delivered);
    }
    let found = until(&url, "two alerts fire", |found| found.len() == 2).await;
    let first = found.iter().find(|alert| alert["annotations"]["escalations"] == "1").unwrap();
    let labels = first["labels"].as_object().unwrap();
    let names: Vec<_> = labels.keys().map(String::as_str).collect();
    assert_eq!(names, ["alert", "alertname", "rule", "severity", "team"]);
    assert_eq!(labels["team"], "team-2");
    assert_eq!(first["status"]["state"], "active");
    assert_eq!(first["generatorURL"], "https://care.example.org/?alert=e-1%2Fbelow-expected%2Fu-1");
    assert!(!labels.values().any(|value| value.as_str().unwrap().contains("u-1")), "{labels:?}");

    assert_eq!(receiver.deliver(&notice(3, Change::Answered)).await, Outcome::Delivered);
    until(&url, "one is resolved, the other fires", |found| found.len() == 1).await;
    let began = Instant::now();
    let resolved = || {
        let told = told.received.lock().unwrap();
        let said: Vec<Value> =
            told.iter().map(|request| serde_json::from_str(&request.body).unwrap()).collect();
        let alerts = said.iter().flat_map(|group| group["alerts"].as_array().unwrap());
        alerts.filter(|alert| alert["status"] == "resolved").cloned().collect::<Vec<_>>()
    };
    while resolved().is_empty() {
        assert!(began.elapsed() < Duration::from_secs(60), "the team is told that it is over");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(resolved()[0]["labels"], first["labels"]);
}
