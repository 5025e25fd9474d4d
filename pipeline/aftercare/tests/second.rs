//! A second implementation of contracts, in Python and from the written rules alone (`contracts/README.md`).

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may panic")]

#[path = "support/python.rs"]
mod python;

use std::path::Path;
use std::process::Command;

/// Runs a script of the second implementation, which must succeed, and prints what it prints.
fn script(name: &str, args: &[String]) {
    let Some(python) = python::python() else { return };
    let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/contracts");
    let mut command = Command::new(python);
    command.arg("-B").arg(scripts.join(name)).args(args);
    let output = command.env("AFTERCARE", env!("CARGO_BIN_EXE_aftercare")).output().unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{name}\n{out}\n{err}");
    println!("{out}");
}

#[test]
fn the_second_implementation_gives_the_golden_figures() {
    script("golden.py", &[]);
}

#[test]
fn both_implementations_agree_on_random_files_to_the_cent() {
    let contracts =
        ["warranty", "transplant-cover", "car-t", "drug-refund", "co-insurance", "dynamic", "lifestyle"];
    let named = contracts.iter().flat_map(|name| ["--contract".into(), format!("{name}-example")]);
    let args: Vec<String> = std::iter::once("280".into()).chain(named).collect();
    script("compare.py", &args);
}
