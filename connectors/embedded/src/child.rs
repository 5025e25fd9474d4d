//! One supervised child process: how it is started, watched, stopped, and why it never outlives us.
//!
//! Three things tie a child to its parent:
//!
//! - The kernel kills it when we die (`PR_SET_PDEATHSIG`), even by SIGKILL. That signal is tied to the *thread* that
//!   forked, not to the process: a child started from a worker of some pool would be killed when the pool shrinks.
//!   All children are therefore forked by one thread that lives as long as the process, [`spawner`].
//! - Between our fork and the child's request for that signal we may already be dead; the child looks who its parent
//!   is and gives up if it isn't us.
//! - Each child leads a process group of its own, so a Ctrl-C at the terminal reaches us alone and the children are
//!   stopped in order, not all at once under our hands.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{OnceLock, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal};

use crate::error::{EmbeddedError, Result};

const POLL: Duration = Duration::from_millis(10);
const TAIL_BYTES: u64 = 4 * 1024;
const LOG_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// What both engines say when somebody else has their port.
pub(crate) const PORT_TAKEN: &str = "Address already in use";

/// A child process with its log.
pub(crate) struct Supervised {
    engine: &'static str,
    child: Child,
    stdin: Option<ChildStdin>,
    log: PathBuf,
    log_start: u64,
}

impl Supervised {
    /// Starts the command with both its outputs appended to `log`.
    pub(crate) fn spawn(engine: &'static str, mut command: Command, log: &Path) -> Result<Supervised> {
        let (out, log_start) = open_log(log)?;
        let err = out.try_clone().map_err(EmbeddedError::folder("open", log))?;
        command.stdin(Stdio::piped()).stdout(out).stderr(err);
        let program = PathBuf::from(command.get_program());
        let mut child =
            spawn_tied(command).map_err(|source| EmbeddedError::Spawn { engine, program, source })?;
        let stdin = child.stdin.take();
        tracing::debug!(engine, pid = child.id(), "started");
        Ok(Supervised { engine, child, stdin, log: log.to_owned(), log_start })
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Whether the child still runs.
    pub(crate) fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// What the child wrote since this start, the last few kilobytes of it.
    pub(crate) fn tail(&self) -> String {
        read_last(&self.log, self.log_start, TAIL_BYTES).unwrap_or_default()
    }

    /// Whether the child wrote this since this start.
    pub(crate) fn logged(&self, text: &str) -> bool {
        read_last(&self.log, self.log_start, LOG_BYTES_MAX).is_ok_and(|log| log.contains(text))
    }

    /// Waits until `ready` holds; ends the child when `stop` is set before.
    pub(crate) fn wait_ready(
        &mut self,
        limit: Duration,
        stop: &AtomicBool,
        ready: impl Fn(&Supervised) -> bool,
    ) -> Result<()> {
        let start = Instant::now();
        loop {
            self.give_up_at(stop)?;
            if let Ok(Some(status)) = self.child.try_wait() {
                return Err(self.ended(describe(status)));
            }
            if ready(self) {
                tracing::debug!(engine = self.engine, elapsed = ?start.elapsed(), "ready");
                return Ok(());
            }
            // ClickHouse says so and goes on without the port
            if self.logged(PORT_TAKEN) {
                self.kill();
                return Err(self.ended("it could not have its port".to_owned()));
            }
            if start.elapsed() > limit {
                return Err(EmbeddedError::TimedOut {
                    engine: self.engine,
                    seconds: limit.as_secs(),
                    log: self.log.clone(),
                    tail: self.tail(),
                });
            }
            thread::sleep(POLL);
        }
    }

    /// Nobody waits for a child that is only starting: it has nothing to lose.
    fn give_up_at(&mut self, stop: &AtomicBool) -> Result<()> {
        if !stop.load(Relaxed) {
            return Ok(());
        }
        self.kill();
        Err(EmbeddedError::Stopped { engine: self.engine })
    }

    fn ended(&self, status: String) -> EmbeddedError {
        let tail = self.tail();
        let hint = if tail.contains("UnsupportedClassVersionError") {
            "Java 17 or newer is needed: run deploy/install."
        } else if tail.contains(PORT_TAKEN) {
            "Another process took its port; end that one, or start anew on another."
        } else if tail.contains("No space left") {
            "The disk is full."
        } else {
            "That should not happen; the log says why."
        };
        EmbeddedError::Ended {
            engine: self.engine,
            status,
            hint: hint.to_owned(),
            log: self.log.clone(),
            tail,
        }
    }

    /// Asks the child to end, by SIGTERM and by the end of its standard input; kills it when it takes too long.
    pub(crate) fn stop(&mut self, limit: Duration) {
        drop(self.stdin.take());
        let start = Instant::now();
        if self.is_running() {
            self.signal(Signal::TERM);
        }
        while self.is_running() {
            if start.elapsed() > limit {
                tracing::warn!(engine = self.engine, ?limit, "did not stop when asked and is killed");
                return self.kill();
            }
            thread::sleep(POLL);
        }
        tracing::debug!(engine = self.engine, elapsed = ?start.elapsed(), "stopped");
    }

    /// Ends the child at once, with whatever it has started, and waits until it is gone.
    pub(crate) fn kill(&mut self) {
        if self.is_running() {
            self.signal(Signal::KILL);
            if let Err(error) = self.child.wait() {
                tracing::warn!(engine = self.engine, %error, "cannot wait for its end");
            }
        }
    }

    // The whole group. The child has not been waited for (is_running said so), so its number is still its own.
    fn signal(&self, signal: Signal) {
        let Some(pid) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) else { return };
        if let Err(error) = rustix::process::kill_process_group(pid, signal) {
            tracing::warn!(engine = self.engine, %error, "cannot send a signal");
        }
    }
}

impl Drop for Supervised {
    fn drop(&mut self) {
        self.kill();
    }
}

/// An option and its path as one argument, `-Dname=PATH`, whatever bytes the path holds.
pub(crate) fn path_option(name: &str, path: &Path) -> OsString {
    let mut option = OsString::from(name);
    option.push(path);
    option
}

/// Runs a command to its end, tied to us like the others, unless `stop` is set before. Its outputs go to `log`.
pub(crate) fn run(engine: &'static str, command: Command, log: &Path, stop: &AtomicBool) -> Result<()> {
    let mut child = Supervised::spawn(engine, command, log)?;
    loop {
        match child.child.try_wait() {
            Ok(None) => {
                child.give_up_at(stop)?;
                thread::sleep(POLL);
            }
            Ok(Some(status)) if status.success() => return Ok(()),
            Ok(Some(status)) => return Err(child.ended(describe(status))),
            Err(source) => {
                return Err(EmbeddedError::Folder { action: "wait for", path: log.to_owned(), source });
            }
        }
    }
}

fn describe(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit code {code}"),
        (None, Some(signal)) => format!("signal {signal}"),
        (None, None) => "unknown status".to_owned(),
    }
}

// One older log is kept: a log that only grows would fill a disk in the end.
fn open_log(path: &Path) -> Result<(File, u64)> {
    if fs::metadata(path).is_ok_and(|meta| meta.len() > LOG_BYTES_MAX) {
        fs::rename(path, path.with_extension("log.old")).map_err(EmbeddedError::folder("rename", path))?;
    }
    let file =
        File::options().create(true).append(true).open(path).map_err(EmbeddedError::folder("open", path))?;
    let start = file.metadata().map_err(EmbeddedError::folder("open", path))?.len();
    Ok((file, start))
}

fn read_last(path: &Path, start: u64, bytes_max: u64) -> io::Result<String> {
    let mut file = File::open(path)?;
    let from = start.max(file.metadata()?.len().saturating_sub(bytes_max));
    file.seek(SeekFrom::Start(from))?;
    let mut bytes = Vec::new();
    file.take(bytes_max).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

type SpawnJob = (Command, mpsc::Sender<io::Result<Child>>);

fn spawn_tied(mut command: Command) -> io::Result<Child> {
    let parent = rustix::process::getpid();
    command.process_group(0);
    // SAFETY: between fork and exec only the async-signal-safe prctl and getppid are called; nothing allocates or locks.
    unsafe {
        command.pre_exec(move || {
            rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
            if rustix::process::getppid() != Some(parent) {
                return Err(io::Error::from_raw_os_error(rustix::io::Errno::SRCH.raw_os_error()));
            }
            Ok(())
        });
    }
    let (reply, answer) = mpsc::channel();
    spawner()?.send((command, reply)).map_err(io::Error::other)?;
    answer.recv().map_err(io::Error::other)?
}

/// The thread that forks. It waits on its channel for as long as the process lives, since the sender is never dropped.
fn spawner() -> io::Result<&'static mpsc::Sender<SpawnJob>> {
    static SPAWNER: OnceLock<mpsc::Sender<SpawnJob>> = OnceLock::new();
    if let Some(jobs) = SPAWNER.get() {
        return Ok(jobs);
    }
    let (jobs, inbox) = mpsc::channel::<SpawnJob>();
    thread::Builder::new().name("engine-spawner".to_owned()).spawn(move || {
        while let Ok((mut command, reply)) = inbox.recv() {
            if let Err(mpsc::SendError(Ok(mut orphan))) = reply.send(command.spawn()) {
                drop(orphan.kill());
            }
        }
    })?;
    // of two threads that come here at once one loses: its sender is dropped and its thread ends, unused
    Ok(SPAWNER.get_or_init(|| jobs))
}
