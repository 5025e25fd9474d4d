//! A signal ends `aftercare serve` with success, also one that comes before it is up.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, TcpListener};
use std::process::{Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};

#[test]
fn a_signal_while_kafka_is_away_ends_it_with_success() {
    // A port that nobody listens on.
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
    let mut serve = Command::new(env!("CARGO_BIN_EXE_aftercare"))
        .arg("serve")
        .env("AFTERCARE__KAFKA__BOOTSTRAP", format!("127.0.0.1:{port}"))
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut log = BufReader::new(serve.stderr.take().unwrap()).lines().map(Result::unwrap);
    assert!(log.any(|line| line.contains("Kafka does not answer")), "it ended by itself");
    let pid = Pid::from_raw(i32::try_from(serve.id()).unwrap()).unwrap();
    kill_process(pid, Signal::TERM).unwrap();
    let rest: Vec<String> = log.collect();
    let ended = serve.wait().unwrap();
    assert!(ended.success(), "{ended}\n{}", rest.join("\n"));
}
