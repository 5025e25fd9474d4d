//! Real engines in a temporary folder, a configuration, and the real binary as children of a test.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output};
use std::time::{Duration, Instant};

use aftercare_clickhouse::{DEFAULT_DATABASE, Store};
use aftercare_embedded::{ClickHouseOptions, ClickHouseServer, Engines, KafkaOptions, KafkaServer};
use aftercare_kafka::Cluster;
use rustix::process::{Pid, Signal, kill_process, set_parent_process_death_signal};
use tempfile::TempDir;

/// The binary under test.
const AFTERCARE: &str = env!("CARGO_BIN_EXE_aftercare");

/// A Kafka, a ClickHouse, and a configuration that names them. All of it goes when it is dropped; after a failed test
/// the folder stays and is named.
pub(crate) struct Stack {
    pub(crate) kafka: KafkaServer,
    pub(crate) clickhouse: ClickHouseServer,
    /// The binary under test as it was at the start: a build in the meantime does not change what runs.
    program: PathBuf,
    config: PathBuf,
    folder: Option<TempDir>,
}

impl Stack {
    /// Starts the engines, writes the configuration (`settings`: more of its `[task]`, then further sections), and
    /// brings topics, tables and documents into being.
    pub(crate) fn start(partitions: i32, settings: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("aftercare");
        if fs::hard_link(AFTERCARE, &program).is_err() {
            fs::copy(AFTERCARE, &program).unwrap();
        }
        let engines = Engines::find().unwrap_or_else(|error| panic!("{error}"));
        let kafka = KafkaServer::start(&engines, KafkaOptions::new(folder.path().join("kafka"))).unwrap();
        let options = ClickHouseOptions {
            child_exe: Some(program.clone()),
            ..ClickHouseOptions::new(folder.path().join("clickhouse"))
        };
        let clickhouse = ClickHouseServer::start(&engines, options).unwrap();
        let text = format!(
            "[kafka]\nbootstrap = {:?}\npartitions = {partitions}\n\
             [clickhouse]\nurl = {:?}\nuser = {:?}\npassword = {:?}\ndatabase = {DEFAULT_DATABASE:?}\n\
             [http]\nlisten = \"127.0.0.1:0\"\n[task]\n{settings}\n",
            kafka.bootstrap(),
            clickhouse.http_url(),
            clickhouse.user(),
            clickhouse.password(),
        );
        let config = folder.path().join("aftercare.toml");
        fs::write(&config, text).unwrap();
        let stack = Self { kafka, clickhouse, program, config, folder: Some(folder) };
        let migrated = stack.run(&["migrate"]);
        assert!(migrated.status.success(), "migrate: {}", String::from_utf8_lossy(&migrated.stderr));
        stack
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.as_ref().unwrap().path()
    }

    /// The cluster, with the application's name as it is when nothing is said.
    pub(crate) fn cluster(&self) -> Cluster {
        Cluster { bootstrap: self.kafka.bootstrap().to_owned(), extra: Vec::new(), app: "aftercare".into() }
    }

    pub(crate) fn store(&self) -> Store {
        let config = aftercare_clickhouse::Config::new(&self.clickhouse.http_url()).unwrap();
        Store::connect(config.with_user(self.clickhouse.user(), self.clickhouse.password()))
    }

    /// `aftercare ARGS` with the configuration. It ends with the thread that starts it, however that one ends.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.arg("--config").arg(&self.config).args(args);
        // SAFETY: one system call, which may be made between fork and exec.
        unsafe {
            command.pre_exec(|| Ok(set_parent_process_death_signal(Some(Signal::KILL))?));
        }
        command
    }

    /// Runs `aftercare ARGS` to its end.
    pub(crate) fn run(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    /// Starts `aftercare serve` with all roles; its log goes to NAME.log in the folder.
    pub(crate) fn serve(&self, name: &str, environment: &[(&str, &str)]) -> Instance {
        let log = self.folder().join(name).with_extension("log");
        let file = File::options().create(true).append(true).open(&log).unwrap();
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
        let http = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let mut command = self.command(&["serve"]);
        command.env("AFTERCARE__HTTP__LISTEN", http.to_string());
        // So that no test waits for the rows of hours and days.
        command.env("AFTERCARE__TASK__LONG_WINDOWS_MS", "1000").envs(environment.iter().copied());
        let child = command.stdout(file.try_clone().unwrap()).stderr(file).spawn().unwrap();
        Instance { child, http, log }
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        // Nothing of theirs is needed any more; a graceful end takes seconds.
        self.kafka.kill();
        self.clickhouse.kill();
        if std::thread::panicking()
            && let Some(folder) = self.folder.take()
        {
            eprintln!("logs and data are left in {}", folder.keep().display());
        }
    }
}

/// A running `aftercare serve`, killed when it is dropped.
pub(crate) struct Instance {
    child: Child,
    pub(crate) http: SocketAddr,
    log: PathBuf,
}

impl Instance {
    /// How it ended, if it has.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap()
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).unwrap()).unwrap();
        kill_process(pid, signal).unwrap();
    }

    /// `kill -9`; returns when it is gone.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Asks it to stop and waits until it has.
    pub(crate) fn stop(&mut self, within: Duration) -> ExitStatus {
        self.signal(Signal::TERM);
        wait_until("the end after SIGTERM", within, || self.ended())
    }

    /// The reply to `GET path`: status and body. `None` while nobody listens or it does not answer.
    pub(crate) fn get(&self, path: &str) -> Option<(u16, String)> {
        let mut stream = TcpStream::connect_timeout(&self.http, Duration::from_secs(1)).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(2))).ok()?;
        write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").ok()?;
        let mut reply = String::new();
        stream.read_to_string(&mut reply).ok()?;
        let (head, body) = reply.split_once("\r\n\r\n")?;
        Some((head.split(' ').nth(1)?.parse().ok()?, body.to_owned()))
    }

    /// How many of its tasks run, and how many it has.
    pub(crate) fn tasks(&self) -> Option<(usize, usize)> {
        let (_, body) = self.get("/readyz")?;
        let report: serde_json::Value = serde_json::from_str(&body).ok()?;
        let checks = report["checks"].as_array()?;
        let detail = checks.iter().find(|check| check["name"] == "tasks")?["detail"].as_str()?;
        let mut words = detail.split(' ');
        Some((words.next()?.parse().ok()?, words.nth(1)?.parse().ok()?))
    }

    /// The end of its log.
    pub(crate) fn log_tail(&self) -> String {
        let text = fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<_> = text.lines().collect();
        lines[lines.len().saturating_sub(30)..].join("\n")
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Asks again and again until there is an answer; panics after `limit`.
pub(crate) fn wait_until<T>(what: &str, limit: Duration, mut ask: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(start.elapsed() < limit, "waited {limit:?} in vain for {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
