//! The data folder of an engine: private, locked, and with a place for logs.

use std::fs::{self, File, Permissions, TryLockError};
use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use crate::child::PORT_TAKEN;
use crate::error::{EmbeddedError, Result};

const START_ATTEMPTS: u32 = 4;

/// The engines run in their own folder, so a relative path would mean another place to them.
pub(crate) fn absolute(path: &Path) -> Result<PathBuf> {
    std::path::absolute(path).map_err(EmbeddedError::folder("resolve", path))
}

/// Makes the folder, for its owner only, and locks it for as long as the returned file is open.
pub(crate) fn prepare(engine: &'static str, data_dir: &Path) -> Result<File> {
    fs::create_dir_all(data_dir.join("logs")).map_err(EmbeddedError::folder("create", data_dir))?;
    fs::set_permissions(data_dir, Permissions::from_mode(0o700))
        .map_err(EmbeddedError::folder("protect", data_dir))?;
    let path = data_dir.join("lock");
    let lock = File::options()
        .create(true)
        .append(true)
        .open(&path)
        .map_err(EmbeddedError::folder("open", &path))?;
    // A process that another thread is just starting holds the files of this one until it runs.
    for _ in 1..START_ATTEMPTS {
        if !matches!(lock.try_lock(), Err(TryLockError::WouldBlock)) {
            break;
        }
        thread::sleep(Duration::from_millis(100));
    }
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => {
            Err(EmbeddedError::FolderInUse { engine, path: data_dir.to_owned() })
        }
        Err(TryLockError::Error(source)) => Err(EmbeddedError::Folder { action: "lock", path, source }),
    }
}

/// Where the log of that name is.
pub(crate) fn log(data_dir: &Path, name: &str) -> PathBuf {
    data_dir.join("logs").join(name)
}

/// Writes a file that only its owner reads.
pub(crate) fn write(path: &Path, text: &str) -> Result<()> {
    File::options()
        .create(true)
        .write(true)
        .truncate(true)
        .mode(0o600)
        .open(path)
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .map_err(EmbeddedError::folder("write", path))
}

/// An empty folder at that path.
pub(crate) fn make_empty(path: &Path) -> Result<()> {
    if path.exists() {
        fs::remove_dir_all(path).map_err(EmbeddedError::folder("empty", path))?;
    }
    fs::create_dir_all(path).map_err(EmbeddedError::folder("create", path))
}

/// Starts an engine, again and on other ports when somebody else took a port in between, or when an engine whose
/// parent was killed a moment ago is still about to leave the folder.
pub(crate) fn until_free<T>(mut start: impl FnMut() -> Result<T>) -> Result<T> {
    for _ in 1..START_ATTEMPTS {
        match start() {
            Err(EmbeddedError::Ended { engine, tail, .. }) if is_passing(&tail) => {
                tracing::debug!(engine, "a port or the folder is taken, trying again");
                thread::sleep(Duration::from_millis(300));
            }
            result => return result,
        }
    }
    start()
}

fn is_passing(tail: &str) -> bool {
    [PORT_TAKEN, "Failed to acquire lock on file", "Cannot lock file"].iter().any(|text| tail.contains(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ended(tail: &str) -> EmbeddedError {
        EmbeddedError::Ended {
            engine: "Kafka",
            status: "exit code 1".to_owned(),
            hint: String::new(),
            log: PathBuf::new(),
            tail: tail.to_owned(),
        }
    }

    #[test]
    fn a_taken_port_is_tried_again_and_anything_else_is_not() {
        let mut starts = 0;
        let result = until_free(|| {
            starts += 1;
            if starts == 3 {
                Ok(starts)
            } else {
                Err(ended("java.net.BindException: Address already in use"))
            }
        });
        assert_eq!(result.unwrap(), 3);

        let mut starts = 0;
        let result: Result<()> = until_free(|| {
            starts += 1;
            Err(ended("Address already in use"))
        });
        assert!(result.is_err());
        assert_eq!(starts, START_ATTEMPTS);

        let mut starts = 0;
        let result: Result<()> = until_free(|| {
            starts += 1;
            Err(ended("No space left on device"))
        });
        assert!(result.is_err());
        assert_eq!(starts, 1);
    }

    #[test]
    fn a_folder_has_one_owner() {
        let folder = tempfile::tempdir().unwrap();
        let lock = prepare("Kafka", folder.path()).unwrap();
        let second = prepare("Kafka", folder.path());
        assert!(matches!(second, Err(EmbeddedError::FolderInUse { engine: "Kafka", .. })));
        drop(lock);
        prepare("Kafka", folder.path()).unwrap();
        let mode = fs::metadata(folder.path()).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "passwords lie in there");
    }
}
