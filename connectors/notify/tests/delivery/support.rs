//! A receiver that answers as it is told, and what it was sent.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aftercare_notify::{Allowed, Change, Notice, Poster, Receiver, Retry, Secret, Sending};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use url::Url;

pub(crate) const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
pub(crate) const QUICK: Retry = Retry { delay_ms_first: 20, delay_ms_max: 50, give_up_ms: 400 };

pub(crate) struct Received {
    pub(crate) path: String,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: String,
}

/// Listens on loopback until the test's runtime ends.
pub(crate) struct Server {
    pub(crate) url: Url,
    pub(crate) received: Arc<Mutex<Vec<Received>>>,
}

impl Server {
    /// Answers request number n with the n-th of these, and with the last one from then on.
    pub(crate) async fn start(answers: &[&str]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap()).parse().unwrap();
        let received = Arc::new(Mutex::new(Vec::new()));
        let answers: Vec<String> = answers.iter().map(|answer| (*answer).to_owned()).collect();
        let into = Arc::clone(&received);
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (answers, into) = (answers.clone(), Arc::clone(&into));
                tokio::spawn(async move { serve(stream, &answers, &into).await });
            }
        });
        Self { url, received }
    }

    pub(crate) fn count(&self) -> usize {
        self.received.lock().unwrap().len()
    }
}

async fn serve(mut stream: TcpStream, answers: &[String], received: &Mutex<Vec<Received>>) {
    let mut bytes = Vec::new();
    let (head, length) = loop {
        if stream.read_buf(&mut bytes).await.unwrap() == 0 {
            return;
        }
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let Some((head, _)) = text.split_once("\r\n\r\n") else { continue };
        let length = head
            .to_lowercase()
            .split("content-length: ")
            .nth(1)
            .map_or(0, |rest| rest.split("\r\n").next().unwrap().parse().unwrap());
        if bytes.len() >= head.len() + 4 + length {
            break (head.to_owned(), length);
        }
    };
    let body = String::from_utf8(bytes[bytes.len() - length..].to_vec()).unwrap();
    let mut lines = head.split("\r\n");
    let path = lines.next().unwrap().split(' ').nth(1).unwrap().to_owned();
    let headers =
        lines.filter_map(|line| line.split_once(": ")).map(|(a, b)| (a.to_lowercase(), b.to_owned()));
    let number = {
        let mut received = received.lock().unwrap();
        received.push(Received { path, headers: headers.collect(), body });
        received.len() - 1
    };
    let answer = answers.get(number).or(answers.last()).unwrap();
    if answer == "silence" {
        tokio::time::sleep(Duration::from_secs(3_600)).await;
    }
    let reply = format!("HTTP/1.1 {answer}\r\ncontent-length: 0\r\n\r\n");
    // It may have hung up, having read enough.
    drop(stream.write_all(reply.as_bytes()).await);
}

pub(crate) fn now_ms() -> i64 {
    i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap()
}

pub(crate) fn sending(retry: Retry) -> Sending {
    let allowed = Allowed(vec!["127.0.0.0/8".parse().unwrap()]);
    Sending { poster: Poster::new(allowed, Duration::from_millis(300)).unwrap(), retry, seed: 1, now_ms }
}

pub(crate) fn webhook(url: &Url) -> Receiver {
    Receiver::webhook("test", url.clone(), Secret::parse(SECRET).unwrap(), sending(QUICK))
}

pub(crate) fn notice(revision: i32, change: Change) -> Notice {
    let mut link: Url = "https://care.example.org/".parse().unwrap();
    link.query_pairs_mut().append_pair("alert", "e-1/below-expected/u-1");
    Notice {
        alert_id: "e-1/below-expected/u-1".into(),
        revision,
        escalations: i32::from(change == Change::Escalated),
        change,
        rule: "below-expected".into(),
        severity: "critical".into(),
        routed_to: vec!["care_manager".into(), "clinician".into()],
        team: Some("team-2".into()),
        raised_at: now_ms() - 1_000,
        changed_at: now_ms(),
        answer_due_at: Some(now_ms() + 600_000),
        link: Some(link),
    }
}
