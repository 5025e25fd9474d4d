//! What Prometheus is given: its configuration and rules pass `promtool`, the rules fire where their tests say so and name
//! metrics that exist, and a real Prometheus scrapes the page and evaluates the rules on it.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

#[path = "support/metrics.rs"]
mod metrics;

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use aftercare_gateway::health::Check;
use aftercare_gateway::metrics::{Metric, Metrics, Sample};
use aftercare_gateway::{Gateway, State};
use serde_json::Value;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/prometheus")
}

fn rules() -> String {
    fs::read_to_string(folder().join("rules.yml")).unwrap()
}

#[test]
fn configuration_and_rules_are_sound_and_fire_where_they_should() {
    for arguments in [
        ["check", "config", "prometheus.yml"],
        ["check", "rules", "rules.yml"],
        ["test", "rules", "rules_test.yml"],
    ] {
        let ran = Command::new("promtool").args(arguments).current_dir(folder()).output().unwrap();
        let said = String::from_utf8_lossy(&ran.stdout) + String::from_utf8_lossy(&ran.stderr);
        assert!(ran.status.success(), "promtool {}: {said}", arguments.join(" "));
    }
}

#[test]
fn compose_mounts_what_is_there_and_gives_everybody_a_sound_configuration() {
    let deploy = folder().join("..");
    let compose = fs::read_to_string(deploy.join("compose.yaml")).unwrap();
    let mounts = compose.lines().filter_map(|line| line.trim().strip_prefix("- ."));
    let mounts: Vec<_> = mounts.map(|mount| format!(".{}", mount.split(':').next().unwrap())).collect();
    assert!(mounts.len() > 5);
    for mount in mounts {
        assert!(deploy.join(&mount).exists(), "{mount}");
    }
    let sources =
        fs::read_to_string(deploy.join("../dashboards/provisioning/datasources/aftercare.yaml")).unwrap();
    for name in sources.split("${").skip(1).map(|rest| rest.split('}').next().unwrap()) {
        assert!(compose.contains(&format!("      {name}: ")), "{name} is not set for Grafana");
    }
    for (tool, arguments) in [
        ("promtool", &["check", "config", "--syntax-only", "compose/prometheus.yml"][..]),
        ("amtool", &["check-config", "compose/alertmanager.yml"][..]),
    ] {
        let ran = Command::new(tool).args(arguments).current_dir(&deploy).output().unwrap();
        assert!(ran.status.success(), "{tool}: {}", String::from_utf8_lossy(&ran.stderr));
    }
}

#[test]
fn rules_name_metrics_that_exist_and_each_has_a_test() {
    let (rules, tests) = (rules(), fs::read_to_string(folder().join("rules_test.yml")).unwrap());
    let names: Vec<_> = rules.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")).collect();
    assert!(names.len() > 8);
    for name in names {
        assert!(tests.contains(name), "{name} has no test");
    }
    // in the actions too: what a person is told to look at is there
    assert_eq!(metrics::unknown_in(&rules), [""; 0]);
    assert!(metrics::metrics_in(&rules).len() > 8);
}

/// A Prometheus, killed when it is dropped.
struct Prometheus(Child);

impl Drop for Prometheus {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// The result of an instant query; `None` while nobody answers.
fn query(port: u16, question: &str) -> Option<Vec<Value>> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    write!(stream, "GET /api/v1/query?query={question} HTTP/1.0\r\nHost: localhost\r\n\r\n").ok()?;
    let mut reply = String::new();
    stream.read_to_string(&mut reply).ok()?;
    let reply: Value = serde_json::from_str(reply.split_once("\r\n\r\n")?.1).ok()?;
    reply["data"]["result"].as_array().cloned()
}

fn until<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(began.elapsed() < Duration::from_secs(60), "{what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_real_one_scrapes_the_page_and_its_rules_see_it() {
    let metrics = Metrics::new();
    let _values = metrics.register(|out: &mut Vec<Sample>| {
        out.push(Sample::gauge(
            Metric::EventTimeLag,
            &[("topic", "prom-responses"), ("partition", "0")],
            301.0,
        ));
        out.push(Sample::gauge(Metric::OverdueAlerts, &[("severity", "critical")], 2.0));
    });
    let readiness = Arc::new(|| vec![Check { name: "tasks", ok: true, detail: String::new() }]);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let state = State { app: "aftercare".into(), metrics, readiness, access: Arc::default(), console: None };
    let gateway = runtime.block_on(Gateway::bind("127.0.0.1:0".parse().unwrap(), state)).unwrap();
    let target = gateway.address();
    runtime.spawn(gateway.serve(std::future::pending()));

    let folder = tempfile::tempdir().unwrap();
    let text = fs::read_to_string(self::folder().join("prometheus.yml")).unwrap();
    let text = text.replace("localhost:8080", &target.to_string()).replace("15s", "1s");
    fs::write(folder.path().join("prometheus.yml"), text.replace("localhost:9093", "127.0.0.1:1")).unwrap();
    // at once, so that the test need not wait for minutes
    let hasty: String = rules()
        .lines()
        .filter(|line| !line.trim().starts_with("for: "))
        .map(|line| format!("{line}\n"))
        .collect();
    fs::write(folder.path().join("rules.yml"), hasty).unwrap();
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let child = Command::new("prometheus")
        .arg(format!("--config.file={}", folder.path().join("prometheus.yml").display()))
        .arg(format!("--storage.tsdb.path={}", folder.path().join("data").display()))
        .arg(format!("--web.listen-address=127.0.0.1:{port}"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let _running = Prometheus(child);
    let lag = until("the lag is scraped", || {
        query(port, "aftercare_event_time_lag_seconds").filter(|found| !found.is_empty())
    });
    assert_eq!(
        (lag[0]["metric"]["topic"].as_str(), lag[0]["value"][1].as_str()),
        (Some("prom-responses"), Some("301"))
    );
    assert_eq!(query(port, "up").unwrap()[0]["value"][1], "1");
    for name in ["AftercareBehind", "AftercareCriticalAlertsUnanswered", "AftercareTasksDown"] {
        let question = format!("ALERTS%7Balertname%3D%22{name}%22,alertstate%3D%22firing%22%7D");
        until(name, || query(port, &question).filter(|found| found.len() == 1));
    }
    assert_eq!(query(port, "ALERTS%7Balertname%3D%22AftercareInstanceDown%22%7D"), Some(Vec::new()));
}
