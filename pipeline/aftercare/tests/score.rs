//! `aftercare score` and `aftercare instruments`: the command over every file of vectors, and what it does with bad lines.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "a test may panic")]

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// Runs the command; `input` is its stdin.
fn aftercare(args: &[&str], input: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_aftercare"));
    command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_owned();
    let writer = std::thread::spawn(move || {
        // The command may end without having read everything.
        drop(stdin.write_all(input.as_bytes()));
    });
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    output
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

type Row = BTreeMap<String, String>;

/// Header and rows of CSV text.
fn rows(text: &str) -> (Vec<String>, Vec<Row>) {
    let mut reader = csv::ReaderBuilder::new().comment(Some(b'#')).from_reader(text.as_bytes());
    let header: Vec<String> = reader.headers().unwrap().iter().map(str::to_owned).collect();
    let row = |record: Result<csv::StringRecord, _>| {
        header.iter().cloned().zip(record.unwrap().iter().map(str::to_owned)).collect()
    };
    let rows = reader.records().map(row).collect();
    (header, rows)
}

/// A file of test data beside the checkout; `None`, with a message, where it is not there.
fn data(file: &str) -> Option<String> {
    let beside = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let folder = std::env::var_os("AFTERCARE_DATA").map_or_else(beside, PathBuf::from);
    let path = folder.join("prom_vectors").join(file);
    if !path.exists() {
        println!("skipped: {file} is not beside the checkout; set AFTERCARE_DATA to its folder");
        return None;
    }
    Some(std::fs::read_to_string(path).unwrap())
}

/// A file of vectors: which instrument scores its first columns, and which columns the results are to equal.
struct Vectors<'v> {
    file: &'v str,
    args: &'v [&'v str],
    /// Columns with answers (and a leading id); columns before them are dropped.
    columns: std::ops::Range<usize>,
    /// Column of the result, column of the file.
    expected: &'v [(&'v str, &'v str)],
    /// Half a unit of the last printed place.
    within: f64,
    /// Which of the file's rows are meant.
    only: fn(&Row) -> bool,
}

impl Vectors<'_> {
    const PLAIN: Self =
        Self { file: "", args: &[], columns: 0..0, expected: &[], within: 0.0, only: |_| true };

    fn check(&self) {
        let Some(text) = data(self.file) else { return };
        let (header, rows_of_file) = rows(&text);
        let meant: Vec<&Row> = rows_of_file.iter().filter(|row| (self.only)(row)).collect();
        assert!(!meant.is_empty(), "{}", self.file);
        let names = &header[self.columns.clone()];
        let mut input = format!("# without what is expected\n{}\n", names.join(","));
        for row in &meant {
            let cells: Vec<&str> = names.iter().map(|name| row[name].as_str()).collect();
            input += &format!("{}\n", cells.join(","));
        }
        self.compare(&input, &meant);
    }

    fn compare(&self, input: &str, meant: &[&Row]) {
        let args = [&["score"], self.args, &["-"]].concat();
        let output = aftercare(&args, input);
        let told = stderr(&output);
        assert!(output.status.success(), "{}: {told}", self.file);
        let (_, scored) = rows(&stdout(&output));
        assert_eq!(scored.len(), meant.len(), "{}", self.file);
        for (row, expected) in scored.iter().zip(meant) {
            let mut any = false;
            for (column, printed) in self.expected {
                let (value, printed) = (number(&row[*column]), number(&expected[*printed]));
                any |= value.is_some();
                let equal = match (value, printed) {
                    (Some(value), Some(printed)) => (value - printed).abs() <= self.within,
                    (value, printed) => value.is_none() && printed.is_none(),
                };
                assert!(equal, "{} {:?} {column}: {row:?} is not {expected:?}", self.file, self.args);
            }
            let status = if any { ["scored", ""] } else { ["unscored", "missing_answers"] };
            assert_eq!([row["status"].as_str(), &row["reason"]], status, "{row:?}");
        }
        println!("{} {:?}: {} lines equal", self.file, self.args, meant.len());
    }
}

fn number(text: &str) -> Option<f64> {
    (!text.is_empty()).then(|| text.parse().unwrap())
}

#[test]
fn sums_equal_their_vectors() {
    for (file, args, items, column) in [
        ("phq2.csv", &["phq-2"], 2, "exp_PHQ2_SCORE"),
        ("phq9.csv", &["phq-9"], 9, "exp_PHQ9_SCORE"),
        ("gad2.csv", &["gad-2"], 2, "exp_GAD2_SCORE"),
        ("gad7.csv", &["gad-7"], 7, "exp_GAD7_SCORE"),
        ("ohs.csv", &["oxford-hip"], 12, "exp_OXFORD_HIP_SCORE"),
        ("hoosps.csv", &["hoos-ps"], 5, "exp_HOOS_PS"),
    ] {
        let expected = &[("score", column)];
        Vectors { file, args, columns: 0..items, expected, ..Vectors::PLAIN }.check();
    }
}

#[test]
fn scales_equal_their_vectors() {
    let saq_7 = [
        ("physical_limitation", "exp_pl"),
        ("angina_frequency", "exp_af"),
        ("quality_of_life", "exp_ql"),
        ("summary", "exp_summary"),
    ];
    let kccq_12 = [
        ("physical_limitation", "exp_pl"),
        ("symptom_frequency", "exp_sf"),
        ("quality_of_life", "exp_ql"),
        ("social_limitation", "exp_sl"),
        ("overall", "exp_overall"),
    ];
    let kccq_12_awell = [
        ("physical_limitation", "exp_KCCQ12-PL"),
        ("symptom_frequency", "exp_KCCQ12-SF"),
        ("quality_of_life", "exp_KCCQ12-QL"),
        ("social_limitation", "exp_KCCQ12-SL"),
        ("overall", "exp_KCCQ12"),
    ];
    let rand_36 = [
        ("physical_functioning", "exp_PHYSICAL_FUNCTIONING"),
        ("role_physical", "exp_ROLE_LIMITATIONS_PHYSICAL_HEALTH"),
        ("role_emotional", "exp_ROLE_LIMITATIONS_EMOTIONAL_PROBLEMS"),
        ("energy", "exp_ENERGY_FATIGUE"),
        ("emotional_wellbeing", "exp_EMOTIONAL_WELLBEING"),
        ("social_functioning", "exp_SOCIAL_FUNCTIONING"),
        ("pain", "exp_PAIN"),
        ("general_health", "exp_GENERAL_HEALTH"),
    ];
    let plain = Vectors::PLAIN;
    let saq = Vectors { file: "saq7_derived.csv", args: &["saq-7"], columns: 0..7, ..plain };
    Vectors { expected: &saq_7, within: 5.1e-7, ..saq }.check();
    let kccq = Vectors { file: "kccq12_engagehf.csv", args: &["kccq-12"], columns: 0..13, ..Vectors::PLAIN };
    // Their figures come of single precision.
    Vectors { expected: &kccq_12, within: 1e-5, ..kccq }.check();
    let kccq = Vectors { file: "kccq12_awell.csv", args: &["kccq-12"], columns: 0..12, ..Vectors::PLAIN };
    let only = |row: &Row| row["conforms"] == "1";
    Vectors { expected: &kccq_12_awell, within: 0.00501, only, ..kccq }.check();
    let rand = Vectors { file: "rand36_awell.csv", args: &["rand-36"], columns: 0..36, ..Vectors::PLAIN };
    Vectors { expected: &rand_36, within: 0.00501, ..rand }.check();
    let odi = Vectors { file: "odi.csv", args: &["odi"], columns: 0..10, ..Vectors::PLAIN };
    Vectors { expected: &[("score", "exp_OSWESTRY")], within: 0.5, ..odi }.check();
}

#[test]
fn every_value_set_equals_its_vectors() {
    let files = ["eq5d5l_all_states.csv", "eq5d3l_all_states.csv"];
    for (file, args, column) in [
        (files[0], ["eq-5d-5l", "--value-set", "luo-2017"], "cn_luo2017"),
        (files[0], ["eq-5d-5l", "--value-set", "devlin-2018"], "england_devlin2018"),
        (files[0], ["eq-5d-5l", "--value-set", "rowen-2026"], "uk_rowen2026"),
        (files[0], ["eq-5d-5l", "--value-set", "van-hout-2012"], "uk_crosswalk_vanhout2012"),
        (files[1], ["eq-5d-3l", "--value-set", "liu-2014"], "cn_liu2014"),
        (files[1], ["eq-5d-3l", "--value-set", "zhuo-2018"], "cn_zhuo2018"),
        (files[1], ["eq-5d-3l", "--value-set", "mvh-a1"], "uk_mvh_a1_dolan1997"),
    ] {
        let Some(text) = data(file) else { return };
        let (_, all) = rows(&text);
        let all: Vec<&Row> = all.iter().collect();
        let expected = &[("score", column)];
        let vectors = Vectors { file, args: &args, expected, ..Vectors::PLAIN };
        vectors.compare(&states(&all), &all);
    }
}

#[test]
fn value_sets_equal_the_tests_of_a_package() {
    let Some(text) = data("eq5d_package_tests.csv") else { return };
    let (_, tests) = rows(&text);
    for ((set, country), args) in [
        (("5L_VT", "China"), ["eq-5d-5l", "--value-set", "luo-2017"]),
        (("5L_VT", "England"), ["eq-5d-5l", "--value-set", "devlin-2018"]),
        (("5L_VT", "UK"), ["eq-5d-5l", "--value-set", "rowen-2026"]),
        (("3L_TTO", "UK"), ["eq-5d-3l", "--value-set", "mvh-a1"]),
    ] {
        let of_set: Vec<&Row> = tests
            .iter()
            .filter(|row| (row["set"].as_str(), row["country"].as_str()) == (set, country))
            .collect();
        assert!(!of_set.is_empty(), "{set} {country}");
        let expected = &[("score", "expected")];
        let vectors = Vectors { file: "eq5d_package_tests.csv", args: &args, expected, ..Vectors::PLAIN };
        vectors.compare(&states(&of_set), &of_set);
    }
}

/// A file of the states of health, a column for each digit.
fn states(rows: &[&Row]) -> String {
    let mut text = "mobility,self-care,activities,pain,anxiety\n".to_owned();
    for row in rows {
        let levels: Vec<String> = row["state"].chars().map(String::from).collect();
        text += &format!("{}\n", levels.join(","));
    }
    text
}

#[test]
fn news2_equals_its_vectors_on_both_scales() {
    let first: fn(&Row) -> bool = |row| row["spo2_scale"] == "1";
    for (scale, only) in [("1", first), ("2", |row| row["spo2_scale"] == "2")] {
        let args = &["news2", "--spo2-scale", scale];
        let expected = &[("score", "exp_total")];
        Vectors { file: "news2.csv", args, columns: 1..8, expected, only, ..Vectors::PLAIN }.check();
    }
}

#[test]
fn a_licence_holders_table_completes_its_instrument() {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs");
    let table = |name: &str| docs.join(name).to_str().unwrap().to_owned();
    let sf_12 = table("made-up-sf-12.toml");
    let input = "id,a,b,c,d,e,f,g,h,i,j,k,l\nx,1,3,3,2,2,2,2,1,1,1,6,5\ny,2,3,3,2,2,1,2,1,1,1,6,5\nz,1,3,3,2,2,2,2,1,1,1,6,\n";
    let output = aftercare(&["score", "sf-12", "--table", &sf_12, "-"], input);
    assert!(output.status.success(), "{}", stderr(&output));
    let (header, lines) = rows(&stdout(&output));
    assert_eq!(header[13..], ["physical", "mental", "status", "reason"]);
    let scores: Vec<[&str; 2]> = lines.iter().map(|row| [&*row["physical"], &row["mental"]]).collect();
    assert_eq!(scores, [["56.5", "60"], ["58.3125", "53"], ["", ""]]);

    let sf_36 = table("made-up-sf-36.toml");
    let names: Vec<String> = (1..=36).map(|n| format!("q{n}")).collect();
    let mut cells = vec![""; 36];
    // Half of the first scale at its best, social life at its worst, pain by its case.
    cells[2..7].fill("3");
    (cells[19], cells[31], cells[20], cells[21]) = ("5", "1", "1", "1");
    let input = format!("{}\n{}\n", names.join(","), cells.join(","));
    let output = aftercare(&["score", "sf-36", "--table", &sf_36, "-"], &input);
    let (_, lines) = rows(&stdout(&output));
    // 50 + 4.5 * 20/25 - 0.5 * -75/20 + 3.25 * 30/25
    let columns = ["functioning", "social", "pain", "physical", "status"];
    assert_eq!(columns.map(|name| lines[0][name].as_str()), ["100", "0", "100", "59.375", "scored"]);

    let output = aftercare(&["score", "sf-36", "-"], &input);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("give it with --table"), "{}", stderr(&output));
    // What is shown with a table is a document of its own.
    let folder = tempfile::tempdir().unwrap();
    let own = folder.path().join("own.toml");
    let shown = aftercare(&["instruments", "show", "sf-12", "--table", &sf_12, "--toml"], "");
    std::fs::write(&own, stdout(&shown)).unwrap();
    let input = "a,b,c,d,e,f,g,h,i,j,k,l\n1,3,3,2,2,2,2,1,1,1,6,5\n";
    let output = aftercare(&["score", own.to_str().unwrap(), "-"], input);
    assert!(stdout(&output).ends_with(",56.5,60,scored,\n"), "{}", stderr(&output));
}

#[test]
fn bad_lines_are_named_stay_in_the_output_and_show_in_the_exit_code() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("answers.csv");
    std::fs::write(&file, "\u{feff}id,\"one\",two\r\np-1,\"2\",1\r\np-2,confidential,1\r\np-3,,3\r\n")
        .unwrap();
    let output = aftercare(&["score", "gad-2", file.to_str().unwrap()], "");
    assert_eq!(output.status.code(), Some(4));
    assert_eq!(
        stdout(&output),
        "id,\"one\",two,score,status,reason\np-1,\"2\",1,3,scored,\np-2,confidential,1,,unscored,not_a_number\n\
         p-3,,3,,unscored,missing_answers\n"
    );
    assert_eq!(
        stderr(&output),
        "line 3, column 2 (one): is no whole number\n3 lines: 1 scored, 1 unscored, 1 refused\n"
    );
}

#[test]
fn what_can_not_be_scored_at_all_says_why() {
    let failed = |args: &[&str], input: &str| {
        let output = aftercare(args, input);
        assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0), "{args:?}");
        stderr(&output)
    };
    assert!(failed(&["score", "phq-3", "-"], "a\n1\n").contains("there is no instrument phq-3"));
    let message = failed(&["score", "eq-5d-3l", "--value-set", "china", "-"], "a,b,c,d,e\n1,1,1,1,1\n");
    assert!(message.contains("no such value set, but liu-2014, mvh-a1, zhuo-2018"), "{message}");
    let message = failed(&["score", "phq-2", "-"], "a,b,c\n1,1,1\n");
    assert!(message.contains("line 1: 3 columns of items, but phq-2 has 2"), "{message}");
    assert!(failed(&["score", "phq-2", "--spo2-scale", "1", "-"], "").contains("only news2"));
    assert!(failed(&["score", "phq-2", "/nowhere.csv"], "").contains("open /nowhere.csv"));
}

#[test]
fn instruments_are_listed_and_shown() {
    let listed = stdout(&aftercare(&["instruments", "list"], ""));
    let ids: Vec<&str> = listed.lines().skip(1).filter_map(|line| line.split(' ').next()).collect();
    let all = [
        "afeqt",
        "eq-5d-3l",
        "eq-5d-5l",
        "eq-vas",
        "gad-2",
        "gad-7",
        "hoos-ps",
        "kccq-12",
        "news2",
        "nyha",
        "odi",
        "oxford-hip",
        "phq-2",
        "phq-9",
        "rand-36",
        "rose-dyspnea",
        "saq-7",
        "sf-12",
        "sf-36",
    ];
    assert_eq!(ids, all);
    for id in all {
        let output = aftercare(&["instruments", "show", id], "");
        assert!(output.status.success() && stdout(&output).starts_with(id), "{id}: {}", stderr(&output));
    }
    assert_eq!(aftercare(&["instruments", "show", "phq-3"], "").status.code(), Some(1));
}

/// The list in the documentation is what the command prints.
#[test]
fn the_list_in_the_documentation_is_the_commands() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/instruments.md");
    let text = std::fs::read_to_string(path).unwrap();
    let listed = stdout(&aftercare(&["instruments", "list"], ""));
    assert!(text.contains(&listed), "docs/instruments.md does not hold what the command prints:\n{listed}");
}
