//! Which crate may know which, and what the pure ones may not touch.
//!
//! Read from the manifests and sources as they are; each rule is also shown to catch a planted breach.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

#[path = "architecture/manifests.rs"]
mod manifests;
#[path = "architecture/sources.rs"]
mod sources;

use std::fs;
use std::path::{Path, PathBuf};

use manifests::Workspace;
use sources::{Ban, Source};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn assert_none(breaches: &[String]) {
    assert!(breaches.is_empty(), "{}", breaches.join("\n"));
}

#[test]
fn every_crate_knows_only_what_it_may() {
    assert_none(&manifests::breaches(&Workspace::read(&root())));
}

#[test]
fn pure_crates_have_no_clock_chance_surroundings_or_hash_order() {
    for name in ["aftercare-core", "aftercare-stream"] {
        let sources = read_sources(&root().join("pipeline").join(name).join("src"));
        assert!(!sources.is_empty(), "{name} has no sources");
        assert_none(&sources::breaches(&sources, &[Ban::Surroundings, Ban::PlatformMaths, Ban::HashOrder]));
    }
}

#[test]
fn tasks_do_not_depend_on_hash_order() {
    let sources = read_sources(&root().join("pipeline/aftercare-runtime/src"));
    assert!(!sources.is_empty());
    assert_none(&sources::breaches(&sources, &[Ban::HashOrder]));
}

/// Every source file below a folder, in the order of their paths, but those that only tests compile.
fn read_sources(folder: &Path) -> Vec<Source> {
    let (mut folders, mut files) = (vec![folder.to_owned()], Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path);
            }
        }
    }
    files.sort();
    let sources: Vec<_> =
        files.iter().map(|path| Source::parse(path, &fs::read_to_string(path).unwrap())).collect();
    let tests: Vec<_> = sources.iter().flat_map(|source| source.test_modules.clone()).collect();
    sources.into_iter().filter(|source| !tests.iter().any(|test| source.path.starts_with(test))).collect()
}
