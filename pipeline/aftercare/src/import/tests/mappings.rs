//! What mappings say, and every way to say it wrong.

use super::super::{Mapping, SHIPPED};
use super::*;

const FORM: &str = r#"
about = "a questionnaire"
time_zone = "Europe/Berlin"
delimiter = ";"

[[value]]
name = "treated"
from = "{year}-10-01"
time = "%Y-%m-%d"

[[stream]]
topic = "enrolments"
[stream.fields]
id = "e{n}"
patient_id = "p{n}"
episode_id = "e{n}"
recorded_at = "{treated}"
treated_at = { from = "{treated}", add_days = 30 }
birth_year = { from = "{year}", minus = "{age}" }
sex = { from = "{sex}", map = { m = "male" }, otherwise = "unknown", default = "other" }
comorbidities = { from = "{icd}", default = "" }
vip = { from = "{vip}", map = { y = "true" }, otherwise = "false" }

[[stream]]
topic = "prom-responses"
when = [{ value = "{phase}", one_of = ["pre"] }]
[stream.fields]
id = "u{n}"
patient_id = "p{n}"
answered_at = { from = "{treated}", add_days = { from = "{phase}", map = { pre = "-14" } } }
[[stream.form]]
instrument = "eq-vas"
version = 1
answers = { vas = "{vas}" }
"#;

fn form(line: &str) -> (Summary, Kept) {
    Trial::new(FORM).run(format!("n;year;age;sex;icd;vip;phase;vas\n{line}\n").as_bytes()).unwrap()
}

#[test]
fn values_are_made_as_the_mapping_says() {
    let (_, kept) = form("7;2024;70;m;I10 E11.9;y;pre;80");
    let enrolments = kept.enrolments();
    let e = &enrolments[0];
    assert_eq!((e.id, e.patient_id, e.episode_id, e.revision), ("e7", "p7", "e7", 1));
    // Midnight in Berlin; 30 calendar days later the clocks have been set back.
    assert_eq!((e.recorded_at, e.effective_at), (1_727_733_600_000, 1_727_733_600_000));
    assert_eq!(e.treated_at, Some(1_727_733_600_000 + 30 * 86_400_000 + 3_600_000));
    assert_eq!((e.birth_year, e.sex, e.vip), (Some(1954), Some("male"), Some(true)));
    assert_eq!(e.comorbidities.as_deref(), Some(&["I10", "E11.9"][..]));
    let responses = kept.responses();
    assert_eq!(responses[0].answered_at, 1_727_733_600_000 - 14 * 86_400_000);
    assert_eq!(responses[0].uploaded_at, responses[0].answered_at);
    assert_eq!((responses[0].episode_id, responses[0].respondent), (None, "patient"));
    assert_eq!(responses[0].forms[0].answers[0].code, Some(80));
}

#[test]
fn missing_cells_become_missing_values() {
    let (summary, kept) = form("7;2024;;;;;pre;");
    assert_eq!(summary.refused, 0);
    let enrolments = kept.enrolments();
    let e = &enrolments[0];
    assert_eq!((e.birth_year, e.sex, e.vip), (None, Some("unknown"), None));
    assert_eq!(e.comorbidities.as_deref(), Some(&[][..]));
    assert_eq!(kept.responses()[0].forms[0].answers[0].code, None);
    assert_eq!(summary.forms, 1);
}

#[test]
fn a_condition_chooses_the_stream_and_a_refused_line_writes_nothing() {
    let (summary, kept) = form("7;2024;70;x;;;post;80");
    assert_eq!((summary.refused, kept.enrolments().len(), kept.responses().len()), (0, 1, 0));
    for line in
        ["7;2024;70;m;;;pre;8o", "7;2024;70;m;;;pre;99999999999", ";2024;70;m;;;pre;80", "7;;70;m;;;pre;80"]
    {
        let (summary, kept) = form(line);
        assert_eq!((summary.refused, kept.0.len()), (1, 0), "{line}");
    }
}

#[test]
fn reasons_name_the_place_and_never_a_value() {
    let (summary, _) = form("7;2024;70;m;;;pre;8o");
    let reasons: Vec<&String> = summary.refused_because.keys().collect();
    assert_eq!(reasons, ["stream[1].form[0].answers.vas: not a whole number"]);
}

#[test]
fn every_problem_of_a_mapping_is_listed_with_its_place() {
    let wrong = r#"
about = ""
time_zone = "Mars/Olympus"

[[value]]
name = "a"
from = "{open"
colour = "red"

[[check]]
value = "{n}"
between = [2, 1]

[[stream]]
topic = "letters"
fields = {}

[[stream]]
topic = "wearable-readings"
pack = 0
[stream.fields]
patient_id = "p{n}"
device_id = { from = "d", zone = "UTC" }
nonsense = "1"
metric = "heart_rate"
value = { from = "{v}", otherwise = "0" }
unit = "}"
"#;
    let problems = Mapping::parse(wrong).err().unwrap();
    let places: Vec<&str> = problems.iter().map(|p| p.place.as_str()).collect();
    for place in [
        "time_zone",
        "about",
        "value.a",
        "check[0]",
        "stream[0]",
        "stream[1]",
        "stream[1].fields",
        "stream[1].fields.device_id",
        "stream[1].fields.nonsense",
        "stream[1].fields.value",
        "stream[1].fields.unit",
    ] {
        assert!(places.contains(&place), "no problem at {place} in {problems:#?}");
    }
    assert_eq!(places.len(), 11, "{problems:#?}");
}

#[test]
fn values_are_declared_before_use_and_once() {
    let mapping = |values: &str| format!("about = \"x\"\ntime_zone = \"UTC\"\nstream = []\n{values}");
    let problem = |values: &str| Mapping::parse(&mapping(values)).err().unwrap()[0].to_string();
    let late = "[[value]]\nname = \"a\"\nfrom = \"{b}\"\n[[value]]\nname = \"b\"\nfrom = \"1\"\n";
    assert!(problem(late).contains("declare values before use"), "{}", problem(late));
    let twice = "[[value]]\nname = \"a\"\nfrom = \"1\"\n[[value]]\nname = \"a\"\nfrom = \"2\"\n";
    assert!(problem(twice).contains("declared twice"), "{}", problem(twice));
    assert!(problem("").contains("imports nothing"));
}

#[test]
fn the_shipped_mappings_are_without_problem() {
    for (name, text) in SHIPPED {
        if let Err(problems) = Mapping::parse(text) {
            panic!("{name}: {problems:?}");
        }
    }
}
