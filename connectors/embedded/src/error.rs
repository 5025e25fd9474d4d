//! What can go wrong, whose fault it is, and what to do about it.

use std::path::PathBuf;

/// A result whose error is an [`EmbeddedError`].
pub type Result<T> = std::result::Result<T, EmbeddedError>;

/// Why an engine could not be found, started or stopped.
#[derive(Debug, thiserror::Error)]
pub enum EmbeddedError {
    /// The engines' files are not on this machine.
    #[error("the engines are not installed: {missing}\nRun deploy/install, which puts them into the cache.")]
    NotInstalled {
        /// What was looked for, and where.
        missing: String,
    },
    /// The operating system refused something on our own files.
    #[error("cannot {action} {path}: {source}\nCheck that the folder exists, is writable, and that its disk has room.", path = path.display())]
    Folder {
        /// What was tried, as a verb in the present tense.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Another process works in the same data folder.
    #[error("{engine}'s folder {path} is in use by another process. Stop that one, or choose another folder.", path = path.display())]
    FolderInUse {
        /// "Kafka" or "ClickHouse".
        engine: &'static str,
        /// The folder.
        path: PathBuf,
    },
    /// The program itself could not be started.
    #[error("cannot start {engine} as {program}: {source}", program = program.display())]
    Spawn {
        /// "Kafka" or "ClickHouse".
        engine: &'static str,
        /// The program.
        program: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The child ended before it was ready.
    #[error("{engine} ended while starting ({status}). {hint}\nThe end of {log}:\n{tail}", log = log.display())]
    Ended {
        /// "Kafka" or "ClickHouse".
        engine: &'static str,
        /// Its exit status in words.
        status: String,
        /// What to do.
        hint: String,
        /// The whole log.
        log: PathBuf,
        /// Its last lines.
        tail: String,
    },
    /// Whoever started it wants to stop before it is ready.
    #[error("{engine} was stopped while it started")]
    Stopped {
        /// "Kafka" or "ClickHouse".
        engine: &'static str,
    },
    /// The child lives but did not become ready.
    #[error("{engine} did not answer within {seconds} s; is the machine overloaded or its disk full?\nThe end of {log}:\n{tail}", log = log.display())]
    TimedOut {
        /// "Kafka" or "ClickHouse".
        engine: &'static str,
        /// How long was waited.
        seconds: u64,
        /// The whole log.
        log: PathBuf,
        /// Its last lines.
        tail: String,
    },
    /// The server answered, but not what was asked for.
    #[error("{engine} refused to {action}: {reply}")]
    Refused {
        /// "Kafka" or "ClickHouse".
        engine: &'static str,
        /// What was asked.
        action: &'static str,
        /// Its answer.
        reply: String,
    },
}

impl EmbeddedError {
    /// For `map_err` on file operations.
    pub(crate) fn folder(
        action: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(std::io::Error) -> EmbeddedError {
        let path = path.into();
        move |source| EmbeddedError::Folder { action, path, source }
    }
}
