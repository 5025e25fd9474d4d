//! ClickHouse: this binary started again, with ClickHouse's library loaded into it.

use std::env;
use std::fs::{self, File};
use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use crate::child::{Supervised, path_option};
use crate::clickhouse_child::CLICKHOUSE_CHILD;
use crate::clickhouse_config::{ANALYST, DATABASE, READER, USER, config_xml, users_xml};
use crate::engines::Engines;
use crate::error::{EmbeddedError, Result};
use crate::{folder, http, net, random};

const ENGINE: &str = "ClickHouse";
const START_LIMIT: Duration = Duration::from_secs(60);
const STOP_LIMIT: Duration = Duration::from_secs(4);

/// How to run the server.
#[derive(Clone, Debug)]
pub struct ClickHouseOptions {
    /// Where everything of this server is kept; made if missing. A server started there later finds its tables and
    /// passwords again.
    pub data_dir: PathBuf,
    /// The program whose hidden subcommand [`CLICKHOUSE_CHILD`] is [`clickhouse_child`](crate::clickhouse_child); the
    /// running one if absent. Tests, whose own program has no such subcommand, name another.
    pub child_exe: Option<PathBuf>,
    /// Once it is set, a start that is under way is given up at once.
    pub stop: Arc<AtomicBool>,
}

impl ClickHouseOptions {
    /// The defaults.
    pub fn new(data_dir: impl Into<PathBuf>) -> ClickHouseOptions {
        ClickHouseOptions { data_dir: data_dir.into(), child_exe: None, stop: Arc::default() }
    }
}

/// A running server. Dropping it stops it.
pub struct ClickHouseServer {
    launch: Launch,
    child: Supervised,
    reader_password: String,
    analyst_password: String,
    _lock: File,
}

struct Launch {
    chdb: PathBuf,
    child_exe: Option<PathBuf>,
    data_dir: PathBuf,
    http_port: u16,
    tcp_port: u16,
    password: String,
    stop: Arc<AtomicBool>,
}

impl ClickHouseServer {
    /// Starts a server on free ports, waits until it answers, 0.1-0.6 s, and creates the database [`DATABASE`].
    ///
    /// # Errors
    /// When the folder is in use or not writable, or the server doesn't come up; the text says what to do. `Stopped` when
    /// it was asked to stop before.
    pub fn start(engines: &Engines, options: ClickHouseOptions) -> Result<ClickHouseServer> {
        let data_dir = folder::absolute(&options.data_dir)?;
        let lock = folder::prepare(ENGINE, &data_dir)?;
        let password = kept_password(&data_dir.join("password"))?;
        let reader_password = kept_password(&data_dir.join("reader_password"))?;
        let analyst_password = kept_password(&data_dir.join("analyst_password"))?;
        let users = users_xml(&password, &reader_password, &analyst_password);
        folder::write(&data_dir.join("users.xml"), &users)?;
        folder::write(&data_dir.join("config.xml"), &config_xml(&data_dir))?;
        let (launch, child) = folder::until_free(|| {
            let [http_port, tcp_port] = net::free_ports()?;
            let launch = Launch {
                chdb: engines.chdb.clone(),
                child_exe: options.child_exe.clone(),
                data_dir: data_dir.clone(),
                http_port,
                tcp_port,
                password: password.clone(),
                stop: Arc::clone(&options.stop),
            };
            let child = launch.go()?;
            Ok((launch, child))
        })?;
        let server = ClickHouseServer { launch, child, reader_password, analyst_password, _lock: lock };
        server.create_database()?;
        Ok(server)
    }

    fn create_database(&self) -> Result<()> {
        let action = "create the database";
        let reply = self
            .launch
            .statement(&format!("CREATE DATABASE IF NOT EXISTS {DATABASE}"))
            .map_err(|error| EmbeddedError::Refused { engine: ENGINE, action, reply: error.to_string() })?;
        if reply.status == 200 {
            return Ok(());
        }
        Err(EmbeddedError::Refused { engine: ENGINE, action, reply: reply.body })
    }

    /// Where HTTP clients connect, as `http://127.0.0.1:PORT`.
    pub fn http_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.launch.http_port)
    }

    /// The port of ClickHouse's native protocol on 127.0.0.1.
    pub fn tcp_port(&self) -> u16 {
        self.launch.tcp_port
    }

    /// The user that owns the application's database.
    pub fn user(&self) -> &str {
        USER
    }

    /// Its password.
    pub fn password(&self) -> &str {
        &self.launch.password
    }

    /// The user that may only read the application's database.
    pub fn reader_user(&self) -> &str {
        READER
    }

    /// Its password.
    pub fn reader_password(&self) -> &str {
        &self.reader_password
    }

    /// The user that may only read the views for analysts, whose groups have at least 10 patients.
    pub fn analyst_user(&self) -> &str {
        ANALYST
    }

    /// Its password.
    pub fn analyst_password(&self) -> &str {
        &self.analyst_password
    }

    /// The process.
    pub fn pid(&self) -> u32 {
        self.child.pid()
    }

    /// Whether the process still runs.
    pub fn is_running(&mut self) -> bool {
        self.child.is_running()
    }

    /// Stops it gracefully; kills it when that takes longer than 4 s.
    pub fn stop(mut self) {
        self.child.stop(STOP_LIMIT);
    }

    /// Ends it with SIGKILL, as a crash would.
    pub fn kill(&mut self) {
        self.child.kill();
    }

    /// Starts it again with the same folder and ports, after a [`kill`](Self::kill) or a crash; one that still runs is
    /// stopped first.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub fn restart(&mut self) -> Result<()> {
        self.child.stop(STOP_LIMIT);
        self.child = self.launch.go()?;
        Ok(())
    }
}

impl Drop for ClickHouseServer {
    fn drop(&mut self) {
        self.child.stop(STOP_LIMIT);
    }
}

/// Not by its path: a build or an upgrade may have put another program there since this one was started.
fn this_program() -> Command {
    let mut command = Command::new("/proc/self/exe");
    if let Some(name) = env::args_os().next() {
        command.arg0(name);
    }
    command
}

impl Launch {
    fn go(&self) -> Result<Supervised> {
        let mut command = match &self.child_exe {
            Some(program) => Command::new(program),
            None => this_program(),
        };
        command.arg(CLICKHOUSE_CHILD).arg(&self.chdb);
        command.arg(path_option("--path=", &self.data_dir.join("data")));
        command.arg(path_option("--config-file=", &self.data_dir.join("config.xml")));
        command.arg(format!("--http_port={}", self.http_port));
        command.arg(format!("--tcp_port={}", self.tcp_port));
        command.args(["--listen_host=127.0.0.1", "--interactive"]);
        command.arg("--query=SYSTEM START LISTEN HTTP; SYSTEM START LISTEN TCP");
        command.current_dir(&self.data_dir);
        let mut child = Supervised::spawn(ENGINE, command, &folder::log(&self.data_dir, "clickhouse.log"))?;
        child.wait_ready(START_LIMIT, &self.stop, |_| self.answers())?;
        Ok(child)
    }

    // more than /ping: only our own server knows the password, not some other that has the port
    fn answers(&self) -> bool {
        self.statement("SELECT 1").is_ok_and(|reply| reply.status == 200) && net::accepts(self.tcp_port)
    }

    fn statement(&self, sql: &str) -> io::Result<http::Reply> {
        http::statement(self.http_port, USER, &self.password, sql)
    }
}

/// The password in that file, or a new one that is kept there.
fn kept_password(path: &Path) -> Result<String> {
    match fs::read_to_string(path) {
        Ok(password) if !password.is_empty() => Ok(password),
        _ => {
            let password = random::password()?;
            folder::write(path, &password)?;
            Ok(password)
        }
    }
}
