//! Python, where the tests need it.

use std::path::PathBuf;

/// The interpreter: as `deploy/test` says, else where `deploy/install` puts it. Where `deploy/install` was not run there
/// may be none, and who needs it is passed over, with a word on stderr; never in CI (`CI` is set).
pub(crate) fn python() -> Option<PathBuf> {
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let cache = || set("XDG_CACHE_HOME").or_else(|| Some(set("HOME")?.join(".cache")));
    let engines = || set("AFTERCARE_ENGINES").or_else(|| Some(cache()?.join("aftercare/engines")));
    let found = set("AFTERCARE_PYTHON").or_else(|| Some(engines()?.join("python/bin/python")));
    or_passed_over(found.filter(|path| path.is_file()), "Python")
}

/// `program`, unless it may be missing and is.
pub(crate) fn or_passed_over(program: Option<PathBuf>, name: &str) -> Option<PathBuf> {
    if program.is_none() {
        assert!(std::env::var_os("CI").is_none(), "{name} is missing: run deploy/install");
        eprintln!("passed over: {name} is missing; deploy/install installs it");
    }
    program
}
