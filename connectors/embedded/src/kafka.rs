//! Apache Kafka: a Java child process.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use crate::child::{self, Supervised, path_option};
use crate::engines::Engines;
use crate::error::Result;
use crate::folder;
use crate::kafka_config::{LOG4J2, STARTED, server_properties};
use crate::{net, random};

const ENGINE: &str = "Kafka";
const START_LIMIT: Duration = Duration::from_secs(90);
const STOP_LIMIT: Duration = Duration::from_secs(6);

/// How to run the broker.
#[derive(Clone, Debug)]
pub struct KafkaOptions {
    /// Where everything of this broker is kept; made if missing. A broker started there later finds its topics again.
    pub data_dir: PathBuf,
    /// Give it the memory and the compiler that a load test needs, at the price of a slower start.
    pub load_test: bool,
    /// Once it is set, a start that is under way is given up at once.
    pub stop: Arc<AtomicBool>,
}

impl KafkaOptions {
    /// The defaults: small and quick to start.
    pub fn new(data_dir: impl Into<PathBuf>) -> KafkaOptions {
        KafkaOptions { data_dir: data_dir.into(), load_test: false, stop: Arc::default() }
    }
}

/// A running broker. Dropping it stops it.
pub struct KafkaServer {
    launch: Launch,
    child: Supervised,
    bootstrap: String,
    _lock: File,
}

struct Launch {
    engines: Engines,
    options: KafkaOptions,
    port: u16,
    controller_port: u16,
}

impl KafkaServer {
    /// Starts a broker on free ports and waits until it accepts connections, 1-2 s.
    ///
    /// # Errors
    /// When the folder is in use or not writable, or the broker doesn't come up; the text says what to do. `Stopped` when
    /// it was asked to stop before.
    pub fn start(engines: &Engines, options: KafkaOptions) -> Result<KafkaServer> {
        let data_dir = folder::absolute(&options.data_dir)?;
        let lock = folder::prepare(ENGINE, &data_dir)?;
        let options = KafkaOptions { data_dir, ..options };
        let (launch, child) = folder::until_free(|| {
            let [port, controller_port] = net::free_ports()?;
            let launch = Launch { engines: engines.clone(), options: options.clone(), port, controller_port };
            let child = launch.go()?;
            Ok((launch, child))
        })?;
        let bootstrap = format!("127.0.0.1:{}", launch.port);
        Ok(KafkaServer { launch, child, bootstrap, _lock: lock })
    }

    /// What a client's `bootstrap.servers` is set to.
    pub fn bootstrap(&self) -> &str {
        &self.bootstrap
    }

    /// The process.
    pub fn pid(&self) -> u32 {
        self.child.pid()
    }

    /// Whether the process still runs.
    pub fn is_running(&mut self) -> bool {
        self.child.is_running()
    }

    /// Stops it gracefully; kills it when that takes longer than 6 s.
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

impl Drop for KafkaServer {
    fn drop(&mut self) {
        self.child.stop(STOP_LIMIT);
    }
}

impl Launch {
    fn go(&self) -> Result<Supervised> {
        let dir = &self.options.data_dir;
        let data = dir.join("data");
        let properties = dir.join("server.properties");
        let log = folder::log(dir, "kafka.log");
        folder::write(&properties, &server_properties(&data, self.port, self.controller_port))?;
        folder::write(&dir.join("log4j2.xml"), LOG4J2)?;
        // native libraries are unpacked here; a killed broker leaves them behind
        folder::make_empty(&dir.join("tmp"))?;
        if !data.join("meta.properties").exists() {
            self.format(&properties, &log)?;
        }
        let mut command = self.java();
        command.arg("kafka.Kafka").arg(&properties);
        let mut child = Supervised::spawn(ENGINE, command, &log)?;
        let stop = &self.options.stop;
        child.wait_ready(START_LIMIT, stop, |child| child.logged(STARTED) && net::accepts(self.port))?;
        Ok(child)
    }

    // --ignore-formatted: a format that was interrupted is done again
    fn format(&self, properties: &Path, log: &Path) -> Result<()> {
        let mut command = self.java();
        command.args(["kafka.tools.StorageTool", "format", "--ignore-formatted", "-t"]);
        command.arg(random::cluster_id()?).arg("-c").arg(properties);
        child::run(ENGINE, command, log, &self.options.stop)
    }

    fn java(&self) -> Command {
        let dir = &self.options.data_dir;
        let mut command = Command::new(&self.engines.java);
        command.args(if self.options.load_test {
            &["-Xmx1g", "-XX:+UseSerialGC"][..]
        } else {
            &["-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"][..]
        });
        // no files outside the folder, not even for a moment
        command.args(["-XX:-UsePerfData", "-XX:+ExitOnOutOfMemoryError", "-Djava.awt.headless=true"]);
        command.arg(path_option("-Djava.io.tmpdir=", &dir.join("tmp")));
        command.arg(path_option("-XX:ErrorFile=", &folder::log(dir, "kafka-crash.log")));
        command.arg(path_option("-Dlog4j2.configurationFile=", &dir.join("log4j2.xml")));
        command.arg("-cp").arg(self.engines.kafka_lib.join("*"));
        // options of the surrounding shell are not for this process
        for name in ["JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "_JAVA_OPTIONS", "CLASSPATH"] {
            command.env_remove(name);
        }
        command.current_dir(dir);
        command
    }
}
