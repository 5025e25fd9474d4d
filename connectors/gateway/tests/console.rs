//! The console in a real browser: Debian's chromium, driven by `dashboards/console/tests/console.mjs`, against a desk in
//! memory. Needs `deploy/install` to have been run. `AFTERCARE_SHOTS` names a folder for screenshots.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[path = "console/desk.rs"]
mod desk;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;

use aftercare_gateway::access::{Access, Role, Token, Viewer};
use aftercare_gateway::console::{Board, Console};
use aftercare_gateway::metrics::Metrics;
use aftercare_gateway::{Gateway, State};
use aftercare_schemas::wire::Alert;
use serde::Deserialize;
use serde_json::json;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::Command;
use tokio::sync::oneshot;

use desk::FixedDesk;

/// The folder with the browser's driver: as `deploy/test` says, else where `deploy/install` puts it.
fn driver() -> PathBuf {
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let cache = || set("XDG_CACHE_HOME").or_else(|| Some(set("HOME")?.join(".cache")));
    let engines = || set("AFTERCARE_ENGINES").or_else(|| Some(cache()?.join("aftercare/engines")));
    set("AFTERCARE_BROWSER").or_else(|| Some(engines()?.join("browser"))).unwrap()
}

/// What the script asks of the server, one JSON object a line; each is answered by one line.
#[derive(Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
enum Asked {
    /// Rows for the board, as JSON texts.
    Put { alerts: Vec<String> },
    /// Pages for the desk.
    Pages(desk::Pages),
    /// Whether actions are refused from now on.
    Refuse { on: bool },
    /// The actions so far.
    Actions,
    /// The server ends, with all its connections.
    Stop,
    /// It is back on the same port.
    Start,
    /// Another server of the same board wants a token; answered by its address.
    Guard {
        /// SHA-256 of the token of a care manager of `team-1`.
        sha256: [u8; 32],
    },
}

struct Site {
    board: Arc<Board>,
    desk: Arc<FixedDesk>,
    address: SocketAddr,
    running: Option<(oneshot::Sender<()>, tokio::task::JoinHandle<()>)>,
}

impl Site {
    async fn bind(&self, address: SocketAddr, access: Access) -> Gateway {
        let desk = Arc::clone(&self.desk);
        let state = State {
            app: "clinic".into(),
            metrics: Metrics::new(),
            readiness: Arc::new(Vec::new),
            access: Arc::new(access),
            console: Some(Arc::new(Console::new(Arc::clone(&self.board), desk))),
        };
        Gateway::bind(address, state).await.unwrap()
    }

    /// Serves until the test ends, to a care manager of `team-1` only.
    async fn guard(&self, sha256: [u8; 32]) -> SocketAddr {
        let viewer = Viewer {
            actor: "n-0002".into(),
            role: Role::CareManager,
            teams: vec!["team-1".into()],
            clinician: None,
        };
        let gateway =
            self.bind("127.0.0.1:0".parse().unwrap(), Access::new(vec![Token { sha256, viewer }])).await;
        let address = gateway.address();
        tokio::spawn(gateway.serve(std::future::pending()));
        address
    }

    async fn start(&mut self) {
        let gateway = self.bind(self.address, Access::default()).await;
        self.address = gateway.address();
        let (stop, stopped) = oneshot::channel::<()>();
        let done =
            tokio::spawn(async move { gateway.serve(async move { drop(stopped.await) }).await.unwrap() });
        self.running = Some((stop, done));
    }

    async fn stop(&mut self) {
        let (stop, done) = self.running.take().unwrap();
        stop.send(()).unwrap();
        done.await.unwrap();
    }

    async fn answer(&mut self, asked: Asked) -> serde_json::Value {
        match asked {
            Asked::Put { alerts } => {
                for alert in alerts {
                    let alert: Alert<'_> = serde_json::from_str(&alert).unwrap();
                    self.board.put(&alert).unwrap();
                }
            }
            Asked::Pages(pages) => self.desk.take(pages),
            Asked::Refuse { on } => self.desk.refuse(on),
            Asked::Actions => return self.desk.actions(),
            Asked::Stop => self.stop().await,
            Asked::Start => self.start().await,
            Asked::Guard { sha256 } => return json!(self.guard(sha256).await),
        }
        json!(true)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_console_works_in_a_browser() {
    let mut site = Site {
        board: Arc::new(Board::new()),
        desk: Arc::default(),
        address: "127.0.0.1:0".parse().unwrap(),
        running: None,
    };
    site.start().await;
    let driver = driver();
    assert!(driver.join("node_modules/playwright-core").is_dir(), "{}: run deploy/install", driver.display());
    let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../dashboards/console/tests/console.mjs");
    let mut node = Command::new("node")
        .arg(script)
        .arg(format!("http://{}", site.address))
        .env("AFTERCARE_BROWSER", &driver)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut answers = node.stdin.take().unwrap();
    let mut lines = BufReader::new(node.stdout.take().unwrap()).lines();
    while let Some(line) = lines.next_line().await.unwrap() {
        let answer = site.answer(serde_json::from_str(&line).unwrap()).await;
        answers.write_all(format!("{answer}\n").as_bytes()).await.unwrap();
    }
    // what did not hold is on stderr
    assert!(node.wait().await.unwrap().success());
}
