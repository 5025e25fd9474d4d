//! `aftercare contracts try`: every worked example, and what the command does with files and contracts that it can't use.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use aftercare_core::documents::{CONTRACT, SHIPPED};

fn contracts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../aftercare-core/documents/contracts")
}

fn example(id: &str) -> String {
    contracts().join(format!("examples/{id}.jsonl")).display().to_string()
}

fn tried(contract: &str, facts: &str, more: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_aftercare"));
    command.args(["contracts", "try", contract, "--facts", facts]).args(more).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// The rows of CSV text, by column.
fn rows(csv: &[u8]) -> Vec<BTreeMap<String, String>> {
    let mut reader = csv::Reader::from_reader(csv);
    let header: Vec<String> = reader.headers().unwrap().iter().map(str::to_owned).collect();
    let row = |record: Result<csv::StringRecord, csv::Error>| {
        header.iter().cloned().zip(record.unwrap().iter().map(str::to_owned)).collect()
    };
    reader.records().map(row).collect()
}

/// The examples by their ids.
fn examples() -> BTreeSet<String> {
    let files = std::fs::read_dir(contracts().join("examples")).unwrap();
    let facts = files
        .map(|file| file.unwrap().path())
        .filter(|path| path.extension().is_some_and(|it| it == "jsonl"));
    facts.map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned()).collect()
}

#[test]
fn every_contract_that_comes_with_the_program_has_a_worked_example() {
    let shipped = SHIPPED.iter().filter(|(kind, ..)| *kind == CONTRACT).map(|(_, id, _)| (*id).to_owned());
    assert_eq!(shipped.collect::<BTreeSet<_>>(), examples());
}

#[test]
fn every_worked_example_has_the_lines_that_stand_beside_it() {
    for id in examples() {
        let output = tried(&id, &example(&id), &[]);
        assert!(output.status.success(), "{id}: {}", text(&output.stderr));
        let expected = rows(&std::fs::read(contracts().join(format!("examples/{id}.csv"))).unwrap());
        let is_notice = text(&output.stderr).contains("to be done:");
        assert!(!expected.is_empty() || is_notice, "{id} has neither lines nor anything to be done");
        // the columns that the expected lines have: evidence is left out there
        let columns: BTreeSet<&String> = expected.iter().flat_map(BTreeMap::keys).collect();
        let mut found = rows(&output.stdout);
        for row in &mut found {
            row.retain(|column, _| columns.contains(column));
        }
        assert_eq!(found, expected, "{id}");
        // looked at after each fact, it adds up to the same
        let often = tried(&id, &example(&id), &["--every-change"]);
        assert_eq!(nets(&output.stdout), nets(&often.stdout), "{id}");
        assert_eq!(tried(&id, &example(&id), &[]).stdout, output.stdout, "{id}: repeated, the same bytes");
    }
}

#[test]
fn the_example_of_the_documentation_is_as_printed() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/contract-facts.md");
    let page = std::fs::read_to_string(page).unwrap();
    let block = |begin: &str| page.split(begin).nth(1).unwrap().split("```").next().unwrap().to_owned();
    let folder = tempfile::tempdir().unwrap();
    let facts = folder.path().join("facts.jsonl");
    std::fs::write(&facts, block("```json\n")).unwrap();
    let mut found = rows(&tried("warranty-example", facts.to_str().unwrap(), &[]).stdout);
    found.iter_mut().for_each(|row| drop(row.remove("evidence")));
    assert_eq!(found, rows(block("```\ndate,").replacen("service", "date,service", 1).as_bytes()));
}

/// What is owed of each component between two parties, by month of service and of booking, in minor units.
fn nets(csv: &[u8]) -> BTreeMap<Vec<String>, i64> {
    let key = ["service_period", "booking_period", "patient", "component", "payer", "payee", "currency"];
    let mut nets = BTreeMap::new();
    for row in rows(csv) {
        let amount: i64 = row["amount"].replace('.', "").parse().unwrap();
        *nets.entry(key.iter().map(|column| row[*column].clone()).collect()).or_insert(0) += amount;
    }
    nets.retain(|_, net| *net != 0);
    nets
}

#[test]
fn what_is_owed_held_and_posted_is_summed_on_stderr() {
    let folder = tempfile::tempdir().unwrap();
    let notice = tried("co-insurance-example", &example("co-insurance-example"), &[]);
    assert!(text(&notice.stderr).contains("co_insurance_points"), "{}", text(&notice.stderr));
    let journal = folder.path().join("journal.csv");
    let output =
        tried("warranty-example", &example("warranty-example"), &["--journal", journal.to_str().unwrap()]);
    let said = text(&output.stderr);
    let words: Vec<Vec<&str>> = said.lines().map(|line| line.split_whitespace().collect()).collect();
    // 2 x 64.00; 12.80 taken back and issued again with the other sign; two weeks
    assert!(words.contains(&vec!["fee", "m-alpha", "128.00", "CNY", "2", "lines"]), "{said}");
    assert!(words.contains(&vec!["adjustment", "m-alpha", "-12.80", "CNY", "3", "lines"]), "{said}");
    assert!(words.contains(&vec!["compensation", "m-alpha", "2000.00", "CNY", "2", "lines"]), "{said}");
    assert!(words.contains(&vec!["review_too_short", "1"]), "{said}");
    // 64.00 + 64.00 - 12.80
    assert!(words.contains(&vec!["warranty-payable", "-115.20"]), "{said}");
    assert!(said.contains("journal of m-alpha, CNY: it balances"), "{said}");
    let postings = rows(&std::fs::read(&journal).unwrap());
    assert_eq!(postings[0]["component"], "accrual");
    assert_eq!(postings[0]["amount"], "1164.80");
}

#[test]
fn until_is_a_day_that_is_looked_at() {
    let lines =
        |until| rows(&tried("warranty-example", &example("warranty-example"), &["--until", until]).stdout);
    let count = |until| lines(until).len();
    // the review of 16 January is known on that day
    assert_eq!((count("2026-01-15"), count("2026-01-16")), (0, 4));
    let output = tried("warranty-example", &example("warranty-example"), &["--until", "January"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("is no date such as 2026-12-31"));
}

#[test]
fn two_contracts_are_compared_in_words() {
    let folder = tempfile::tempdir().unwrap();
    let other = folder.path().join("other.toml");
    let document = std::fs::read_to_string(contracts().join("warranty-example.toml")).unwrap();
    // the patient's share is 30 %
    let document = document.replace("patient_share = \"0.2\"", "patient_share = \"0.3\"");
    let document = document.replace("manufacturer_share = \"0.8\"", "manufacturer_share = \"0.7\"");
    std::fs::write(&other, document.replace("version = 1\n", "version = 2\n")).unwrap();
    let output =
        tried("warranty-example", &example("warranty-example"), &["--compare", other.to_str().unwrap()]);
    let said = text(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert!(said.contains("warranty-example version 2 against warranty-example version 1"), "{said}");
    let rows = rows(&output.stdout);
    let fee = rows.iter().find(|row| row["component"] == "fee" && row["payer"] == "m-alpha").unwrap();
    // two fees of 80: 128.00 at 80 %, 112.00 at 70 %
    assert_eq!(
        fee["in_words"],
        "in 2026-01 m-alpha owes c-1 112.00 CNY of fee: 16.00 less than by warranty-example version 1"
    );
    assert!(rows.iter().all(|row| row["component"] != "compensation"), "it is the same by both");
}

#[test]
fn what_can_t_be_used_is_named_and_no_line_is_printed() {
    let folder = tempfile::tempdir().unwrap();
    let facts = folder.path().join("facts.jsonl");
    std::fs::write(&facts, "{\"stream\":\"closings\",\"stored_at\":1}\n{\"stream\":\"visits\"}\n").unwrap();
    let output = tried("warranty-example", facts.to_str().unwrap(), &[]);
    let said = text(&output.stderr);
    assert_eq!((output.status.code(), output.stdout.len()), (Some(4), 0), "{said}");
    assert!(
        said.contains("line 1: month is missing") && said.contains("line 2: stream is none of"),
        "{said}"
    );

    let output = tried("no-such-contract", facts.to_str().unwrap(), &[]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("warranty-example"), "it names those that there are");

    let contract = folder.path().join("contract.toml");
    std::fs::write(&contract, "id = \"x\"\ncurrency = \"XXX\"\n").unwrap();
    let output = tried(contract.to_str().unwrap(), facts.to_str().unwrap(), &[]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("currency"), "every problem of the document is listed");
}
