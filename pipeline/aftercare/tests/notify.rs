//! `serve --roles notify` on a real Kafka: who is told what, through a receiver that does not answer and a `kill -9`.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

#[allow(dead_code, reason = "each test uses its part")]
mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Child;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use aftercare_kafka::ownership::committed;
use aftercare_schemas::{codec, wire};
use rustix::process::{Pid, Signal, kill_process};
use support::{Stack, wait_until};

const LIMIT: Duration = Duration::from_secs(60);
const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// A receiver of webhooks that answers when it is told to.
struct Hook {
    url: String,
    answers: Arc<AtomicBool>,
    /// (message id, body) of what it took.
    taken: Arc<Mutex<Vec<(String, serde_json::Value)>>>,
    /// Requests that it left without an answer.
    ignored: Arc<Mutex<Vec<TcpStream>>>,
}

impl Hook {
    fn start(answers: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let hook = Self {
            url: format!("http://{}/", listener.local_addr().unwrap()),
            answers: Arc::new(AtomicBool::new(answers)),
            taken: Arc::default(),
            ignored: Arc::default(),
        };
        let (answers, taken, ignored) =
            (Arc::clone(&hook.answers), Arc::clone(&hook.taken), Arc::clone(&hook.ignored));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let Some(message) = read(&mut stream) else { continue };
                if answers.load(Relaxed) {
                    taken.lock().unwrap().push(message);
                    // The sender may be dead by now.
                    drop(stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n"));
                } else {
                    ignored.lock().unwrap().push(stream);
                }
            }
        });
        hook
    }

    fn ids(&self) -> BTreeSet<String> {
        self.taken.lock().unwrap().iter().map(|(id, _)| id.clone()).collect()
    }
}

/// One request: its message id and body. `None` when the sender hung up.
fn read(stream: &mut TcpStream) -> Option<(String, serde_json::Value)> {
    let mut bytes = Vec::new();
    loop {
        let mut some = [0; 4096];
        let n = stream.read(&mut some).ok().filter(|n| *n > 0)?;
        bytes.extend_from_slice(&some[..n]);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let headers: BTreeMap<String, &str> = head
            .lines()
            .filter_map(|line| line.split_once(": "))
            .map(|(n, v)| (n.to_lowercase(), v))
            .collect();
        if body.len() >= headers["content-length"].parse().unwrap() {
            return Some((headers["webhook-id"].to_owned(), serde_json::from_str(body).unwrap()));
        }
    }
}

fn now() -> i64 {
    i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap()
}

fn alert<'a>(id: &'a str, revision: i32, status: &'a str, escalations: i32) -> wire::Alert<'a> {
    wire::Alert {
        version: 1,
        alert_id: id,
        revision,
        status,
        rule: "single-answer",
        policy: "stent-alerts@1",
        severity: "critical",
        audience: "patient_care",
        routed_to: vec!["care_manager", "crisis_line"],
        patient_id: "p-secret-person",
        episode_id: Some("e-1"),
        cause_kind: "answer",
        cause_id: "u-1",
        caused_at: now(),
        uploaded_at: Some(now()),
        raised_at: now(),
        historic: false,
        vip: false,
        answer_due_at: Some(now() + 600_000),
        escalations,
        assignee_id: None,
        acknowledged_at: None,
        snoozed_until: None,
        resolved_at: None,
        outcome: None,
        evidence: vec![wire::AlertEvidence {
            name: "answer",
            value: Some(3.0),
            text: None,
            unit: "",
            record_id: Some("u-1"),
            at: Some(now()),
        }],
        stored_at: now(),
        organisation: None,
        care_team: Some("team-2"),
        clinician_id: None,
        manufacturer: None,
        procedure: None,
        source: "live",
    }
}

fn write(stack: &Stack, alerts: &[wire::Alert<'_>]) {
    let writer = stack.cluster().writer().unwrap();
    for alert in alerts {
        let mut value = Vec::new();
        codec::encode("alerts", alert, &mut value).unwrap();
        writer.write("alerts", alert.patient_id.as_bytes(), &value, &[]).unwrap();
    }
    writer.flush().unwrap();
}

/// `serve --roles notify`, killed when it is dropped.
struct Notifier(Child);

impl Notifier {
    fn start(stack: &Stack) -> Self {
        let log = File::options().create(true).append(true).open(stack.folder().join("notify.log")).unwrap();
        let mut command = stack.command(&["serve", "--roles", "notify"]);
        Self(command.stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap())
    }

    fn stop(&mut self) {
        let pid = Pid::from_raw(i32::try_from(self.0.id()).unwrap()).unwrap();
        kill_process(pid, Signal::TERM).unwrap();
        wait_until("the end after SIGTERM", LIMIT, || self.0.try_wait().unwrap());
    }
}

impl Drop for Notifier {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// How far the group has moved, over all partitions.
fn position(stack: &Stack) -> i64 {
    let cluster = stack.cluster();
    let places: Vec<_> = (0..2).map(|p| (cluster.topic("alerts"), p)).collect();
    committed(&cluster, "notify", &places).unwrap().into_iter().flatten().sum()
}

#[test]
fn everybody_is_told_in_the_end_and_nobody_waits_for_another() {
    let (prompt, silent) = (Hook::start(true), Hook::start(false));
    let settings = format!(
        "[notify]\nallowed_networks = [\"127.0.0.0/8\"]\ntimeout_ms = 500\nretry_ms_first = 50\nretry_ms_max = 200\n\
         console_url = \"https://care.example.org/\"\n\
         [notify.webhooks.prompt]\nurl = {:?}\nsecret = {SECRET:?}\n\
         [notify.webhooks.silent]\nurl = {:?}\nsecret = {SECRET:?}\n",
        prompt.url, silent.url
    );
    let stack = Stack::start(2, &settings);
    let mut notifier = Notifier::start(&stack);
    let settled = || fs::read_to_string(stack.folder().join("notify.log")).ok()?.find("told from here");
    wait_until("the notifier to own its partitions", LIMIT, settled);
    let historic = wire::Alert { historic: true, ..alert("e-1/single-answer/u-0", 1, "open", 0) };
    let imported = wire::Alert { source: "import", ..alert("e-1/single-answer/u-9", 1, "open", 0) };
    let info = wire::Alert { severity: "info", ..alert("e-1/single-answer/u-8", 1, "open", 0) };
    let raised = alert("e-1/single-answer/u-1", 1, "open", 0);
    let escalated = alert("e-1/single-answer/u-1", 2, "open", 1);
    let answered = alert("e-1/single-answer/u-1", 3, "acknowledged", 1);
    write(&stack, &[historic, imported, info, raised, escalated, answered]);

    let told = ["e-1/single-answer/u-1/1", "e-1/single-answer/u-1/2"].map(str::to_owned);
    let first = BTreeSet::from(told.clone());
    wait_until("the prompt receiver to be told", LIMIT, || (prompt.ids() == first).then_some(()));
    let written = Instant::now();
    write(&stack, &[alert("e-1/single-answer/u-3", 1, "open", 0)]);
    let first = &first | &BTreeSet::from(["e-1/single-answer/u-3/1".to_owned()]);
    wait_until("the prompt receiver to be told once more", LIMIT, || (prompt.ids() == first).then_some(()));
    eprintln!(
        "from being written until told, the client's start included: {} ms",
        written.elapsed().as_millis()
    );
    wait_until("the silent one to be asked again and again", LIMIT, || {
        (silent.ignored.lock().unwrap().len() >= 6).then_some(())
    });
    check_what_was_told(&prompt);
    wait_until("the position to wait before what the silent receiver lacks", LIMIT, || {
        (position(&stack) == 3).then_some(())
    });

    notifier.0.kill().unwrap();
    notifier.0.wait().unwrap();
    silent.answers.store(true, Relaxed);
    let mut notifier = Notifier::start(&stack);
    wait_until("the silent receiver to be told", LIMIT, || (silent.ids() == first).then_some(()));
    wait_until("the position to move", LIMIT, || (position(&stack) == 7).then_some(()));
    notifier.stop();
    assert_eq!(prompt.ids(), first, "what was told again has the same message id");

    let before = prompt.taken.lock().unwrap().len();
    let mut notifier = Notifier::start(&stack);
    write(&stack, &[alert("e-1/single-answer/u-2", 1, "open", 0)]);
    wait_until("the next alert", LIMIT, || (position(&stack) == 8).then_some(()));
    notifier.stop();
    let last: Vec<_> = prompt.taken.lock().unwrap()[before..].iter().map(|(id, _)| id.clone()).collect();
    assert_eq!(last, ["e-1/single-answer/u-2/1"], "what every receiver has is not told again");

    let log = fs::read_to_string(stack.folder().join("notify.log")).unwrap();
    assert!(log.contains("notice not delivered"), "{log}");
    for secret in ["p-secret-person", "u-1", SECRET] {
        assert!(!log.contains(secret), "{secret} in the log");
    }
}

fn check_what_was_told(hook: &Hook) {
    let taken = hook.taken.lock().unwrap();
    let (_, body) = &taken[0];
    let keys: Vec<_> = body["data"].as_object().unwrap().keys().map(String::as_str).collect();
    let expected = [
        "alert_id",
        "answer_due_at",
        "escalations",
        "link",
        "raised_at",
        "revision",
        "routed_to",
        "rule",
        "severity",
    ];
    assert_eq!(keys, expected);
    assert_eq!(body["data"]["link"], "https://care.example.org/#/patient/p-secret-person");
    let kinds: BTreeSet<_> = taken.iter().map(|(_, body)| body["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, BTreeSet::from(["alert.escalated", "alert.raised"]));
}
