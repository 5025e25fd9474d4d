//! Where the engines' files are.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::error::{EmbeddedError, Result};
use crate::folder;

/// The folder of Kafka's jars inside the cache. `deploy/engines/versions` names the same; a test compares them.
pub(crate) const KAFKA_FOLDER: &str = "kafka-4.3.0";
/// The folder of ClickHouse's library inside the cache.
pub(crate) const CHDB_FOLDER: &str = "chdb-26.7.3-stable.1";

/// Where the engines' files are: a per-user cache that `deploy/install` fills with pinned, checked versions.
#[derive(Clone, Debug)]
pub struct Engines {
    /// The folder of Kafka's jars.
    pub kafka_lib: PathBuf,
    /// The Java runtime, 17 or newer.
    pub java: PathBuf,
    /// ClickHouse as a shared library.
    pub chdb: PathBuf,
}

impl Engines {
    /// Looks in `$AFTERCARE_ENGINES`, else in `aftercare/engines` under `$XDG_CACHE_HOME` or `~/.cache`.
    ///
    /// # Errors
    /// [`EmbeddedError::NotInstalled`] names the first thing that is missing.
    pub fn find() -> Result<Engines> {
        // the engines run in folders of their own, where a relative path would mean another place
        let cache = folder::absolute(&cache_folder(|name| env::var_os(name))?)?;
        Engines::find_in(&cache, find_java(|name| env::var_os(name)))
    }

    fn find_in(cache: &Path, java: Option<PathBuf>) -> Result<Engines> {
        // deploy/install moves whole, checked folders into place: one that exists is complete
        let kafka_lib = present(cache.join(KAFKA_FOLDER), "Kafka's jars")?;
        let chdb = present(cache.join(CHDB_FOLDER).join("libchdb.so"), "ClickHouse's library")?;
        let java = java.ok_or_else(|| EmbeddedError::NotInstalled {
            missing: "no java, neither in $JAVA_HOME/bin nor on $PATH".to_owned(),
        })?;
        Ok(Engines { kafka_lib, java, chdb })
    }
}

fn present(path: PathBuf, what: &str) -> Result<PathBuf> {
    if path.exists() {
        return Ok(path);
    }
    Err(EmbeddedError::NotInstalled { missing: format!("{what} not found at {}", path.display()) })
}

fn cache_folder(env: impl Fn(&str) -> Option<OsString>) -> Result<PathBuf> {
    let set = |name: &str| env(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    if let Some(folder) = set("AFTERCARE_ENGINES") {
        return Ok(folder);
    }
    let cache = set("XDG_CACHE_HOME").or_else(|| set("HOME").map(|home| home.join(".cache")));
    cache.map(|cache| cache.join("aftercare/engines")).ok_or_else(|| EmbeddedError::NotInstalled {
        missing: "no cache folder: none of AFTERCARE_ENGINES, XDG_CACHE_HOME and HOME is set".to_owned(),
    })
}

fn find_java(env: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let home = env("JAVA_HOME").filter(|home| !home.is_empty()).map(|home| PathBuf::from(home).join("bin"));
    let path = env("PATH").unwrap_or_default();
    home.into_iter()
        .chain(env::split_paths(&path))
        .map(|folder| folder.join("java"))
        .find(|java| java.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cache_is_where_the_environment_says() {
        let env = |vars: &'static [(&str, &str)]| {
            move |name: &str| vars.iter().find(|(n, _)| *n == name).map(|(_, value)| OsString::from(value))
        };
        let all = [("AFTERCARE_ENGINES", "/e"), ("XDG_CACHE_HOME", "/x"), ("HOME", "/h")];
        let cases: [(&'static [(&str, &str)], &str); 4] = [
            (Box::leak(Box::new(all)), "/e"),
            (&[("AFTERCARE_ENGINES", ""), ("XDG_CACHE_HOME", "/x"), ("HOME", "/h")], "/x/aftercare/engines"),
            (&[("HOME", "/h")], "/h/.cache/aftercare/engines"),
            (&[("XDG_CACHE_HOME", ""), ("HOME", "/h")], "/h/.cache/aftercare/engines"),
        ];
        for (vars, expected) in cases {
            assert_eq!(cache_folder(env(vars)).unwrap(), Path::new(expected));
        }
        assert!(cache_folder(env(&[])).is_err());
    }

    #[test]
    fn what_is_missing_is_named_with_the_way_out() {
        let cache = tempfile::tempdir().unwrap();
        let missing = || Engines::find_in(cache.path(), None).unwrap_err().to_string();
        assert!(missing().contains("Kafka's jars"), "{}", missing());
        std::fs::create_dir(cache.path().join(KAFKA_FOLDER)).unwrap();
        assert!(missing().contains("libchdb.so"), "{}", missing());
        std::fs::create_dir(cache.path().join(CHDB_FOLDER)).unwrap();
        std::fs::write(cache.path().join(CHDB_FOLDER).join("libchdb.so"), "").unwrap();
        assert!(missing().contains("no java"), "{}", missing());
        assert!(missing().contains("deploy/install"), "{}", missing());
    }

    /// `deploy/install` and this crate must speak of the same versions.
    #[test]
    fn the_folders_are_those_that_install_makes() {
        let versions = include_str!("../../../deploy/engines/versions");
        let version = |name: &str| {
            versions
                .lines()
                .find_map(|line| line.strip_prefix(name)?.strip_prefix('='))
                .unwrap_or_else(|| panic!("no {name} in deploy/engines/versions"))
        };
        assert_eq!(format!("kafka-{}", version("KAFKA_VERSION")), KAFKA_FOLDER);
        assert_eq!(format!("chdb-{}", version("CHDB_VERSION")), CHDB_FOLDER);
    }
}
