//! Confluent's Python client against the registry API. Needs `deploy/install` to have been run.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::path::PathBuf;
use std::sync::Arc;

use aftercare_gateway::metrics::Metrics;
use aftercare_gateway::{Gateway, State};
use aftercare_schemas::codec;
use aftercare_schemas::wire::PromResponse;
use serde_json::Value;
use tokio::process::Command;

/// The interpreter that has the client: as `deploy/test` says, else where `deploy/install` puts it.
fn python() -> PathBuf {
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let cache = || set("XDG_CACHE_HOME").or_else(|| Some(set("HOME")?.join(".cache")));
    let engines = || set("AFTERCARE_ENGINES").or_else(|| Some(cache()?.join("aftercare/engines")));
    set("AFTERCARE_PYTHON").or_else(|| Some(engines()?.join("python/bin/python"))).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_way_of_the_python_client_works_and_we_read_what_it_wrote() {
    let state = State {
        app: "clinic".into(),
        metrics: Metrics::new(),
        readiness: Arc::new(Vec::new),
        access: Arc::default(),
        console: None,
    };
    let gateway = Gateway::bind("127.0.0.1:0".parse().unwrap(), state).await.unwrap();
    let url = format!("http://{}", gateway.address());
    let serving = tokio::spawn(gateway.serve(std::future::pending()));

    let python = python();
    assert!(python.is_file(), "{}: run deploy/install", python.display());
    let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../deploy/clients/check_registry.py");
    let output = Command::new(python)
        .arg("-B")
        .arg(script)
        .env("AFTERCARE_REGISTRY_URL", url)
        .env("AFTERCARE_APP", "clinic")
        .output()
        .await
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serving.abort();

    let lines = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 6);
    for line in &lines {
        let (value, header) = (bytes(&line["value"]).unwrap(), bytes(&line["header"]));
        let response: PromResponse<'_> =
            codec::decode("prom-responses", Some(&value), header.as_deref()).unwrap();
        assert_eq!(response.id, "registry-check-1");
        assert_eq!(response.answered_at, 1_767_341_040_000);
        assert_eq!(response.forms[0].answers[3].code, Some(2));
    }
}

fn bytes(hexadecimal: &Value) -> Option<Vec<u8>> {
    let digits = hexadecimal.as_str()?.as_bytes();
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    Some(digits.chunks(2).map(byte).collect())
}
