//! Deliveries to receivers that behave, that fail, and that are none.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod alertmanager;
mod support;
mod verify;

use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use aftercare_notify::{Allowed, Change, Outcome, Poster, Receiver, Retry, Secret, Sending};
use openssl::asn1::Asn1Time;
use openssl::bn::BigNum;
use openssl::hash::MessageDigest;
use openssl::pkcs12::Pkcs12;
use openssl::pkey::PKey;
use openssl::rsa::Rsa;
use openssl::x509::{X509, X509NameBuilder};
use support::{QUICK, SECRET, Server, notice, now_ms, sending, webhook};
use tokio::net::TcpListener;

fn failures(receiver: &Receiver) -> Vec<(&'static str, u64)> {
    let counts = receiver.stats.failures().map(|(reason, count)| (reason, count.load(Relaxed)));
    counts.filter(|(_, count)| *count > 0).collect()
}

#[tokio::test]
async fn a_failed_delivery_is_tried_again_under_the_same_id() {
    let server = Server::start(&["500 Oops", "503 Busy\r\nretry-after: 0", "204 Done"]).await;
    let receiver = webhook(&server.url);
    assert_eq!(receiver.deliver(&notice(1, Change::Open)).await, Outcome::Delivered);
    let received = server.received.lock().unwrap();
    let ids: Vec<_> = received.iter().map(|request| &*request.headers["webhook-id"]).collect();
    assert_eq!(ids, ["e-1/below-expected/u-1/1"; 3]);
    assert!(received.iter().all(|request| request.path == "/hook" && request.body == received[0].body));
    assert_eq!(failures(&receiver), [("status", 2)]);
}

#[tokio::test]
async fn it_is_given_up_in_the_end_and_at_once_where_the_receiver_is_gone() {
    let server = Server::start(&["500 Oops"]).await;
    let receiver = webhook(&server.url);
    assert_eq!(receiver.deliver(&notice(1, Change::Open)).await, Outcome::GivenUp);
    assert!(server.count() > 3, "{}", server.count());

    let server = Server::start(&["410 Gone"]).await;
    assert_eq!(webhook(&server.url).deliver(&notice(1, Change::Open)).await, Outcome::GivenUp);
    assert_eq!(server.count(), 1);
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let target = Server::start(&["200 OK"]).await;
    let server = Server::start(&[&format!("307 There\r\nlocation: {}", target.url), "200 OK"]).await;
    assert_eq!(webhook(&server.url).deliver(&notice(1, Change::Open)).await, Outcome::Delivered);
    assert_eq!((server.count(), target.count()), (2, 0));
}

#[tokio::test]
async fn silence_and_endless_heads_end() {
    let server =
        Server::start(&["silence", &format!("200 OK\r\nx: {}", "x".repeat(64 << 10)), "200 OK"]).await;
    let receiver = Receiver::webhook(
        "test",
        server.url.clone(),
        Secret::parse(SECRET).unwrap(),
        sending(Retry { give_up_ms: 10_000, ..QUICK }),
    );
    assert_eq!(receiver.deliver(&notice(1, Change::Open)).await, Outcome::Delivered);
    assert_eq!(failures(&receiver), [("http", 1), ("timeout", 1)]);
}

#[tokio::test]
async fn nothing_is_sent_to_this_machine_unless_it_is_allowed() {
    let server = Server::start(&["200 OK"]).await;
    let poster = Poster::new(Allowed::default(), Duration::from_secs(1)).unwrap();
    let sending = Sending { poster, ..sending(QUICK) };
    let receiver = Receiver::webhook("test", server.url.clone(), Secret::parse(SECRET).unwrap(), sending);
    assert_eq!(receiver.deliver(&notice(1, Change::Open)).await, Outcome::GivenUp);
    assert_eq!(server.count(), 0);
    assert!(matches!(failures(&receiver)[..], [("refused", _)]));
}

#[tokio::test]
async fn a_certificate_that_nobody_vouches_for_is_refused() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://localhost:{}/", listener.local_addr().unwrap().port()).parse().unwrap();
    let acceptor = tokio_native_tls::TlsAcceptor::from(native_tls::TlsAcceptor::new(self_signed()).unwrap());
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            // It fails, as it should: the client hangs up.
            drop(acceptor.accept(stream).await);
        }
    });
    let receiver = webhook(&url);
    assert_eq!(receiver.deliver(&notice(1, Change::Open)).await, Outcome::GivenUp);
    assert!(matches!(failures(&receiver)[..], [("tls", _)]), "{:?}", failures(&receiver));
}

fn self_signed() -> native_tls::Identity {
    let key = PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap();
    let mut name = X509NameBuilder::new().unwrap();
    name.append_entry_by_text("CN", "localhost").unwrap();
    let name = name.build();
    let mut builder = X509::builder().unwrap();
    builder.set_serial_number(&BigNum::from_u32(1).unwrap().to_asn1_integer().unwrap()).unwrap();
    builder.set_subject_name(&name).unwrap();
    builder.set_issuer_name(&name).unwrap();
    builder.set_not_before(&Asn1Time::from_unix(now_ms() / 1000 - 3_600).unwrap()).unwrap();
    builder.set_not_after(&Asn1Time::from_unix(now_ms() / 1000 + 3_600).unwrap()).unwrap();
    builder.set_pubkey(&key).unwrap();
    builder.sign(&key, MessageDigest::sha256()).unwrap();
    let archive = Pkcs12::builder().pkey(&key).cert(&builder.build()).build2("").unwrap();
    native_tls::Identity::from_pkcs12(&archive.to_der().unwrap(), "").unwrap()
}
