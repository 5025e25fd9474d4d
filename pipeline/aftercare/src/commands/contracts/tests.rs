//! Contracts checked, shown and compared.

use aftercare_core::contract::ContractDocument;
use toml::{Table, Value};

use super::check::check;
use super::described::Described;
use super::difference::diff;
use super::show;
use super::source::{Source, all, one, shipped};

const WARRANTY: &str = "warranty-example";

fn warranty() -> String {
    shipped().find(|(id, _)| *id == WARRANTY).unwrap().1.to_owned()
}

fn described(text: &str) -> Described {
    Described::new(ContractDocument::parse(text).unwrap(), &text.parse().unwrap())
}

/// Line and column, from 1, of what stands behind `@` in the text, which is taken away.
fn marked(text: &str) -> (String, String) {
    let at = text.find('@').unwrap();
    let before = &text[..at];
    let column = before.chars().rev().take_while(|char| *char != '\n').count() + 1;
    (text.replacen('@', "", 1), format!("{}:{column}", before.matches('\n').count() + 1))
}

#[test]
fn what_comes_with_the_program_has_no_problems() {
    for (id, text) in shipped() {
        let document = check(text).unwrap_or_else(|problems| panic!("{id}: {problems:?}"));
        assert_eq!(&*document.id, id);
    }
}

#[test]
fn every_problem_has_its_line_and_column() {
    for (part, with, problem) in [
        // a name in an expression
        (
            "div(every_days, 2)\"\n",
            "div(@evry_days, 2)\"\n",
            "there is no `evry_days` here; is `every_days` meant?",
        ),
        // in a text of several lines, after a quote of the other kind
        ("!r.service ?", "!r.@servise ?", "review has no field `servise`; is `service` meant?"),
        // an amount, a word, a place that is missing
        ("fee = \"80\"", "fee = @\"80.001\"", "is no amount of the currency"),
        ("payee_role = \"clinician\"", "payee_role = @\"doctor\"", "is none of patient, manufacturer"),
        ("currency = \"CNY\"", "currency = @\"XYZ\"", "is no currency that is known here"),
    ] {
        let text = warranty().replacen(part, with, 1);
        assert!(text.contains('@'), "{part}");
        let (text, place) = marked(&text);
        let found = check(&text).unwrap_err();
        let named =
            found.iter().any(|found| found.starts_with(&format!("{place}: ")) && found.contains(problem));
        assert!(named, "{place} {problem}: {found:#?}");
    }
}

#[test]
fn characters_of_an_expression_are_found_however_it_is_written() {
    for value in [
        r#""start + @oops""#,
        "'start + @oops'",
        r#""st\u0061rt + @oops""#,
        "\"\"\"\nstart +\n  @oops\"\"\"",
        "'''\nstart +\n  @oops'''",
        "\"\"\"start \\\n     + @oops\"\"\"",
        "\"\"\"start + \\\n   @oops\"\"\"",
        r#""start + size(\"é\") + @oops""#,
    ] {
        let text = warranty().replacen("\"start + every_days * slot - div(every_days, 2)\"", value, 1);
        let (text, place) = marked(&text);
        let found = check(&text).unwrap_err();
        let wanted = format!("{place}: define[1].value at character");
        assert!(found.iter().any(|found| found.starts_with(&wanted)), "{value}: {found:#?}");
    }
}

#[test]
fn what_is_missing_is_named_where_it_should_be() {
    let text = warranty().replacen("at = \"review.ended_at\"\n", "", 1);
    let found = check(&text).unwrap_err();
    let rule = text.find("[[rule]]").unwrap();
    let line = text[..rule].matches('\n').count() + 1;
    assert_eq!(found, [format!("{line}:1: rule[0].at is missing: what is issued belongs to a day")]);
}

#[test]
fn what_is_no_toml_is_named_by_its_line() {
    let found = check("id = \"a\"\nversion = = 1\n").unwrap_err();
    assert!(found[0].starts_with("2:1: line 2 is no TOML"), "{found:?}");
}

#[test]
fn a_version_that_is_published_cannot_be_another() {
    let text = warranty().replacen("fee = \"80\"", "fee = \"85\"", 1);
    let found = check(&text).unwrap_err();
    assert!(found[0].contains("differs from what was published before"), "{found:?}");
    assert!(check(&text.replacen("version = 1", "version = 2", 1)).is_ok());
}

#[test]
fn the_list_names_every_version() {
    let folder = tempfile::tempdir().unwrap();
    let second = warranty().replacen("version = 1", "version = 2", 1).replacen("2020-01-01", "2026-07-01", 1);
    std::fs::write(folder.path().join("second.toml"), &second).unwrap();
    let all = all(Some(folder.path())).unwrap();
    let list = show::list(&all);
    assert_eq!(list.lines().count(), shipped().count() + 2, "a heading, and one line each");
    let line = list.lines().find(|line| line.contains("2026-07-01")).unwrap();
    let words: Vec<&str> = line.split_whitespace().take(5).collect();
    assert_eq!(words, [WARRANTY, "2", "2026-07-01", "CNY", "warranty"]);
    let version = |wanted| one(WARRANTY, wanted, Some(folder.path())).map(|source| source.document.version);
    assert_eq!((version(None).unwrap(), version(Some(1)).unwrap()), (2, 1));
    assert_eq!(version(Some(3)).unwrap_err().to_string(), "of warranty-example there is version 1, 2");
    let unknown = one("warranty", None, None).err().unwrap().to_string();
    assert!(
        unknown.starts_with("there is no contract warranty, but ") && unknown.contains(WARRANTY),
        "{unknown}"
    );
    std::fs::write(folder.path().join("third.toml"), second.replacen("\"80\"", "\"81\"", 1)).unwrap();
    assert!(super::source::all(Some(folder.path())).err().unwrap().to_string().contains("there is another"));
}

#[test]
fn nothing_that_a_contract_says_is_left_out() {
    for (id, text) in shipped() {
        let source = Source { document: ContractDocument::parse(text).unwrap(), text: text.to_owned() };
        let shown = words(&show::show(&source.described().unwrap()));
        for (path, leaf) in leaves(&Value::Table(text.parse().unwrap()), "") {
            let leaf = words(&leaf);
            assert!(shown.contains(&leaf), "{id} {path}: {leaf}");
        }
    }
}

#[test]
fn whatever_is_changed_is_a_difference() {
    for (id, text) in shipped() {
        let table: Table = text.parse().unwrap();
        let parse = || ContractDocument::parse(text).unwrap();
        let before = Described::new(parse(), &table);
        assert!(diff(&before, &before).ends_with("Both say the same.\n"));
        for (path, _) in leaves(&Value::Table(table.clone()), "") {
            if path == "id" || path == "version" {
                continue;
            }
            let mut value = Value::Table(table.clone());
            change(&mut value, &path);
            let Value::Table(changed) = value else { unreachable!() };
            let found = diff(&before, &Described::new(parse(), &changed));
            assert!(!found.contains("Both say the same."), "{id} {path}");
        }
    }
}

#[test]
fn differences_are_told_in_words() {
    let before = warranty();
    let now = before
        .replacen("version = 1", "version = 2", 1)
        .replacen("2020-01-01", "2026-07-01", 1)
        .replacen("fee = \"80\"", "fee = \"85\"", 1)
        .replacen("step_from = \"0.90\"", "step_from = \"0.85\"", 1)
        .replacen("amount = \"fee * (factor - 1)\"", "amount = \"fee * (factor - 1) * 2\"", 1)
        .replacen("review_days = 7", "review_days = 10\ngrace_days = 3", 1)
        .replacen("fee = \"For the first", "fee = \"FOR the first", 1)
        .replacen("reason = \"not_first_in_slot\"", "reason = \"second_in_slot\"", 1);
    let told = diff(&described(&before), &described(&now));
    let (told, clauses) = told.split_once("\nClauses\n").unwrap();
    assert!(clauses.starts_with("  fee: now FOR the first") && !clauses.contains("counts in"), "{clauses}");
    assert_eq!(
        told,
        "\
warranty-example version 2, compared with warranty-example version 1

The contract
  the version: now 2, was 1.
  the first day in force: now 2026-07-01, was 2020-01-01.

Parameters
  fee: now 85.00 CNY (+5.00 CNY, +6.25 %), was 80.00 CNY. It counts in slot, enrolment, release.
  step_from: now 0.85 (-0.05, -5.555556 %), was 0.90. It counts in slot.
  New: grace_days: 3.
  review_days: now 10 (+3, +42.857143 %), was 7. It counts in slot, release.

Rule slot
  New: held for second_in_slot: when slot == taken.
  the amount of line adjustment: now fee * (factor - 1) * 2, was fee * (factor - 1).
  Gone: held for not_first_in_slot, was when slot == taken.
"
    );
}

#[test]
fn a_row_of_a_list_counts_where_the_list_does() {
    let with = |value: &str| {
        let list =
            format!("[[lists.levels]]\nname = \"low\"\npart = {{ money = \"{value}\" }}\n\n[[define]]");
        warranty().replacen("[[define]]", &list, 1).replacen(
            "amount = \"week_fee\"",
            "amount = \"levels[0].part\"",
            1,
        )
    };
    let told = diff(&described(&with("20")), &described(&with("30.5")));
    let wanted = "\nList levels\n  low: now part 30.50 CNY, was part 20.00 CNY. It counts in compensation.\n";
    assert!(told.ends_with(wanted), "{told}");
}

#[test]
fn rules_that_come_and_go_are_told() {
    let before = warranty();
    let gone = before.find("# Completed weeks").unwrap();
    let clauses = before.find("[clauses]").unwrap();
    let now = format!("{}{}", &before[..gone], &before[clauses..]);
    let told = diff(&described(&before), &described(&now));
    assert!(told.contains("\nRule compensation\n  It is gone.\n"), "{told}");
    let told = diff(&described(&now), &described(&before));
    assert!(
        told.contains("\nRule compensation\n  It is new.\n  New: what is looked at, one by one: "),
        "{told}"
    );
}

fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Every text and number of a document with its path.
fn leaves(value: &Value, path: &str) -> Vec<(String, String)> {
    let under = |step: &str| if path.is_empty() { step.to_owned() } else { format!("{path}.{step}") };
    match value {
        Value::Table(table) => table.iter().flat_map(|(key, value)| leaves(value, &under(key))).collect(),
        Value::Array(values) => {
            values.iter().enumerate().flat_map(|(at, value)| leaves(value, &under(&at.to_string()))).collect()
        }
        Value::String(text) => vec![(path.to_owned(), text.clone())],
        other => vec![(path.to_owned(), other.to_string())],
    }
}

/// Says something else at a path.
fn change(value: &mut Value, path: &str) {
    let mut at = value;
    for step in path.split('.') {
        at = match at {
            Value::Table(table) => &mut table[step],
            Value::Array(values) => &mut values[step.parse::<usize>().unwrap()],
            _ => unreachable!(),
        };
    }
    *at = match at {
        Value::String(text) => Value::String(format!("{text}1")),
        Value::Integer(number) => Value::Integer(*number + 1),
        Value::Boolean(bool) => Value::Boolean(!*bool),
        _ => unreachable!(),
    };
}
