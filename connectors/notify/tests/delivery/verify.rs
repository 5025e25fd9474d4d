//! The signature, checked by another language's own cryptography, as a receiver would.

use std::io::Write;
use std::process::{Command, Stdio};

use aftercare_notify::{Change, Outcome};

use crate::support::{SECRET, Server, notice, now_ms, webhook};

const VERIFY: &str = r#"
import base64, hashlib, hmac, json, sys
said = json.load(sys.stdin)
key = base64.b64decode(said["secret"].removeprefix("whsec_"))
signed = f'{said["id"]}.{said["timestamp"]}.'.encode() + said["body"].encode()
expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
schemes = dict(part.split(",", 1) for part in said["signature"].split(" "))
print("good" if hmac.compare_digest(schemes["v1"], expected) else "bad")
"#;

fn verdict(id: &str, timestamp: &str, body: &str, signature: &str) -> String {
    let said = serde_json::json!({
        "secret": SECRET, "id": id, "timestamp": timestamp, "body": body, "signature": signature,
    });
    let mut child = Command::new("python3")
        .args(["-c", VERIFY])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(said.to_string().as_bytes()).unwrap();
    String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap().trim().to_owned()
}

#[tokio::test]
async fn the_signature_is_good_in_python_and_only_for_what_was_sent() {
    let server = Server::start(&["200 OK"]).await;
    assert_eq!(webhook(&server.url).deliver(&notice(1, Change::Open)).await, Outcome::Delivered);
    let received = server.received.lock().unwrap();
    let header = |name: &str| &*received[0].headers[name];
    let [id, timestamp, signature] = ["webhook-id", "webhook-timestamp", "webhook-signature"].map(header);
    let body = &received[0].body;
    assert_eq!(verdict(id, timestamp, body, signature), "good");
    assert_eq!(verdict(id, timestamp, &body.replace("critical", "info"), signature), "bad");
    assert_eq!(verdict("another", timestamp, body, signature), "bad");
    assert_eq!(verdict(id, "1", body, signature), "bad");
    assert!((now_ms() / 1000 - timestamp.parse::<i64>().unwrap()).abs() <= 60);
    assert_eq!(header("content-type"), "application/json");
}
