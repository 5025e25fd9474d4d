//! `aftercare curve`: files in, files out.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

fn curve(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_aftercare")).arg("curve").args(args).output().unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

fn file(folder: &TempDir, name: &str, content: &str) -> PathBuf {
    let path = folder.path().join(name);
    std::fs::write(&path, content).unwrap();
    path
}

fn fit(file: &Path, curve_file: &Path, more: &[&str]) -> Output {
    let mut args = vec!["fit", file.to_str().unwrap(), "--subject=who", "--time=week", "--value=score"];
    args.extend(["--output", curve_file.to_str().unwrap()]);
    args.extend(more);
    curve(&args)
}

/// Forty patients, three visits; a name with a comma; one value not measured.
fn registry() -> String {
    let mut csv = String::from("# made up\nwho,sex,week,score\n");
    for patient in 0..40 {
        for week in [0, 6, 12] {
            let sex = if patient % 2 == 0 { "f" } else { "m" };
            let score = 20.0
                + f64::from(patient % 10)
                + f64::from(week) * 0.5
                + f64::from((patient * week) % 7) * 0.1;
            writeln!(csv, "\"no, {patient}\",{sex},{week},{score:.1}").unwrap();
        }
    }
    csv.push_str("\"no, 40\",f,6,\n");
    csv
}

fn cells(csv: &[u8]) -> Vec<Vec<String>> {
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(csv);
    reader.records().map(|record| record.unwrap().iter().map(String::from).collect()).collect()
}

#[test]
fn a_curve_is_fitted_and_asked() {
    let folder = TempDir::new().unwrap();
    let (file, json) = (file(&folder, "all.csv", &registry()), folder.path().join("curve.json"));
    let fitted = fit(&file, &json, &["--covariates=sex", "--quantiles=0.25,0.75"]);
    assert!(fitted.status.success(), "{}", text(&fitted.stderr));
    assert!(text(&fitted.stderr).contains("1 lines without a value are left out: line 123, column score"));

    let asked = curve(&["eval", json.to_str().unwrap(), file.to_str().unwrap()]);
    assert!(asked.status.success(), "{}", text(&asked.stderr));
    let asked = cells(&asked.stdout);
    assert_eq!(asked[0], ["who", "sex", "week", "score", "expected", "sd", "q0.25", "q0.75"]);
    assert_eq!((asked.len(), &*asked[1][0], &*asked[121][0]), (122, "no, 0", "no, 40"));
    let number = |row: &[String], at: usize| row[at].parse::<f64>().unwrap();
    for row in &asked[1..] {
        // Also where nothing was measured.
        assert!(number(row, 6) < number(row, 4) && number(row, 4) < number(row, 7) && number(row, 5) > 0.0);
    }

    let personal = curve(&["eval", json.to_str().unwrap(), file.to_str().unwrap(), "--personal"]);
    let personal = cells(&personal.stdout);
    assert_eq!(personal[0], asked[0]);
    for (row, all) in personal[1..].iter().zip(&asked[1..]) {
        if row[2] == "0" || row[0] == "no, 40" {
            assert_eq!(row[4..], ["", "", "", ""], "nothing is earlier");
        } else {
            assert!(number(row, 5) < number(all, 5), "{row:?} is surer than {all:?}");
        }
    }
}

#[test]
fn the_same_lines_in_another_order_give_the_same_bytes() {
    let folder = TempDir::new().unwrap();
    let lines = registry();
    let mut lines: Vec<&str> = lines.lines().collect();
    let one = file(&folder, "one.csv", &lines.join("\n"));
    lines[2..].reverse();
    let other = file(&folder, "other.csv", &(lines.join("\r\n") + "\r\n"));
    let [one, other] = [one, other].map(|csv| {
        let json = csv.with_extension("json");
        assert!(fit(&csv, &json, &["--covariates=sex"]).status.success());
        std::fs::read_to_string(json).unwrap()
    });
    assert_eq!(one, other);
    assert!(one.contains(r#""name": "sex f""#), "{one}");
}

#[test]
fn what_cannot_be_read_is_named_by_line_and_column() {
    let folder = TempDir::new().unwrap();
    for (lines, complaint) in [
        ("a,f,-1,2\n", "line 2, column week: -1 is negative"),
        ("a,f,1,two\n", "line 2, column score: \"two\" is no number"),
        ("a,f,1,inf\n", "line 2, column score: \"inf\" is no number"),
        ("a,f,soon,2\n", "line 2, column week: \"soon\" is no number"),
        ("a,f,,2\n", "line 2, column week: is blank"),
        (",f,1,2\n", "line 2, column who: is blank"),
        ("a,f,1\n", "line 2: has 3 cells, not 4"),
        ("a,f,1,2\nb,f,1,2\na,f,1.0,3\n", "line 4, column week: subject a has time 1 already in line 2"),
        ("\"a\nb\",f,1,2\n\"a\nb\",f,2,x\n", "line 4, column score: \"x\" is no number"),
        ("a,f,1,\n", "has no line with a score"),
    ] {
        let csv = file(&folder, "bad.csv", &format!("who,sex,week,score\n{lines}"));
        let json = folder.path().join("none.json");
        let refused = fit(&csv, &json, &[]);
        assert_eq!(refused.status.code(), Some(1), "{lines}");
        assert!(text(&refused.stderr).contains(complaint), "{lines}: {}", text(&refused.stderr));
        assert!(!json.exists(), "{lines}");
    }
    let csv = file(&folder, "bad.csv", "who,sex,week\na,f,1\n");
    let refused = fit(&csv, &folder.path().join("none.json"), &[]);
    assert!(text(&refused.stderr).contains("has no column score; its columns are who, sex, week"));
}

#[test]
fn a_curve_that_was_edited_badly_is_refused() {
    let folder = TempDir::new().unwrap();
    let (csv, json) = (file(&folder, "all.csv", &registry()), folder.path().join("curve.json"));
    assert!(fit(&csv, &json, &[]).status.success());
    let good = std::fs::read_to_string(&json).unwrap();
    for (from, to, complaint) in [
        ("\"n\":40", "\"n\":41", "n is 41, but 40 are counted"),
        ("\"version\": 1", "\"version\": 2", "not aftercare-curve version 1"),
        ("\"lasting\": ", "\"lasting\": 9", "coherence"),
        ("\"from\":6.0", "\"from\":60.0", "do not ascend"),
        ("\"levels\": [],", "\"levels\": [1],", "the cohort of all is missing"),
    ] {
        assert!(good.contains(from), "{from}");
        std::fs::write(&json, good.replacen(from, to, 1)).unwrap();
        let refused = curve(&["eval", json.to_str().unwrap(), csv.to_str().unwrap()]);
        assert_eq!(refused.status.code(), Some(1), "{to}");
        assert!(text(&refused.stderr).contains(complaint), "{to}: {}", text(&refused.stderr));
    }
}

#[test]
fn calibration_says_what_lay_outside() {
    let folder = TempDir::new().unwrap();
    let csv = file(&folder, "all.csv", &registry());
    let file = csv.to_str().unwrap();
    let said = curve(&["calibrate", file, "--subject=who", "--time=week", "--value=score", "--folds=4"]);
    let lines: Vec<&str> = text(&said.stdout).lines().collect();
    assert_eq!(lines.len(), 3, "{}", text(&said.stderr));
    assert!(
        lines[0].contains("<q0.1")
            && lines[1].contains("population     120")
            && lines[2].contains("personal        80")
    );
}
