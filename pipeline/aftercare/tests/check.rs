//! `aftercare check --documents`: a folder of somebody's own documents, without any server.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

use std::fs;
use std::path::Path;
use std::process::Command;

/// Exit code and output of the check of a folder.
fn check(folder: &Path) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_aftercare"));
    let output = command.args(["check", "--documents"]).arg(folder).output().unwrap();
    (output.status.code(), String::from_utf8(output.stdout).unwrap())
}

const OWN: &str = r#"
id = "steps"
version = 1
title = "Steps that hurt"
source = "our clinic"
direction = "down"
range = [0, 8]
[[items]]
codes = ["up", "down"]
min = 0
max = 4
[score]
kind = "sum"
"#;

const PLAN: &str = r#"
id = "our-hips"
version = 1
title = "Our hips"
baseline_window_days = 180
ewma_half_life_days = 28
[schedule]
every_days = 14
slots = 26
[[instruments]]
id = "steps"
baseline_floor = 2
"#;

#[test]
fn documents_of_a_folder_are_checked_with_those_of_the_program() {
    let folder = tempfile::tempdir().unwrap();
    let write = |path: &str, text: &str| {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    assert_eq!(check(folder.path()).0, Some(4), "there is nothing to check");
    write("plans/our-hips.toml", PLAN);
    let (code, output) = check(folder.path());
    assert_eq!(code, Some(4));
    assert!(
        output.contains("plan our-hips version 1, instruments[0] names the instrument steps"),
        "{output}"
    );
    write("instruments/steps.toml", OWN);
    assert_eq!(check(folder.path()), (Some(0), "2 documents, 0 problems\n".to_owned()));

    write("instruments/steps.toml", &OWN.replace("[0, 8]", "[0, 9]"));
    write("instruments/broken.toml", "id = ");
    write("instruments/gad-2.toml", &OWN.replace("steps", "gad-2"));
    write("instruments/readme.md", "no document");
    let (code, output) = check(folder.path());
    assert_eq!(code, Some(4));
    for expected in [
        "instruments/broken.toml: line 1 is no TOML",
        "instruments/gad-2.toml: the document of instrument gad-2 version 1 differs from what was published before",
        "instruments/steps.toml: range is not the range of the rule",
        "instruments[0] names the instrument steps",
        "4 documents, 4 problems",
    ] {
        assert!(output.contains(expected), "{expected}\nis not in\n{output}");
    }
}

/// What comes with the program is in the same folders.
#[test]
fn the_programs_own_documents_are_without_a_problem() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../aftercare-core/documents");
    let (code, output) = check(&folder);
    assert_eq!(code, Some(0), "{output}");
}
