//! Facts in, lines out: in the order of their arrival, with closings among them.

use std::collections::BTreeMap;

use super::*;

/// Runs a file; the lines without their evidence.
fn lines(text: &str, until: &str, every_change: bool) -> Vec<String> {
    let csv = csv_of(text, until, every_change);
    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    let shown = |record: Result<csv::StringRecord, _>| {
        let record = record.unwrap();
        let fields: Vec<&str> =
            record.iter().enumerate().filter(|(at, _)| *at != 10).map(|(_, it)| it).collect();
        fields.join(" ").trim_end().to_owned()
    };
    reader.records().map(shown).collect()
}

fn csv_of(text: &str, until: &str, every_change: bool) -> String {
    let tried = Tried::load("warranty-example", &[]).unwrap();
    let file = FactsFile::read(text.as_bytes().to_vec(), &tried.reading(&tried.id)).unwrap();
    let until = super::until(Some(until), &file, &tried).unwrap();
    let trial = Trial { file: &file, tried: &tried, until, every_change };
    let mut lines = Lines::new(&tried);
    trial.run(&tried.id, &mut |patient, entry| lines.take(patient, entry));
    let mut out = Vec::new();
    lines.write(&mut out).unwrap();
    String::from_utf8(out).unwrap()
}

/// What each payer owes for each month, in minor units.
fn nets(text: &str, until: &str, every_change: bool) -> BTreeMap<[String; 6], i64> {
    let csv = csv_of(text, until, every_change);
    let mut nets = BTreeMap::new();
    for record in csv::Reader::from_reader(csv.as_bytes()).records() {
        let record = record.unwrap();
        let key = [1, 2, 3, 4, 5, 6].map(|at| record[at].to_owned());
        let amount: i64 = record[7].replace('.', "").parse().unwrap();
        *nets.entry(key).or_insert(0) += amount;
    }
    nets.retain(|_, net| *net != 0);
    nets
}

/// A patient with a known device, treated on 1 January 2026.
const ENROLMENT: &str = r#"{"stream":"enrolments","stored_at":"2026-01-01","id":"en-1","patient_id":"p-1","episode_id":"e-1","treated_at":"2026-01-01","device":"stent-a","manufacturer":"m-alpha","clinician_id":"c-1","organisation":"org-east"}
"#;

fn upload(id: &str, day: &str, index: f64) -> String {
    format!(
        "{{\"stream\":\"prom-responses\",\"stored_at\":\"{day}\",\"id\":\"{id}\",\"patient_id\":\"p-1\",\"index\":{index},\"expected\":100,\"n\":200,\"edition\":\"2026-01\"}}\n"
    )
}

fn session(id: &str, patient: &str, upload: &str, start: &str, seconds: u32) -> String {
    format!(
        "{{\"stream\":\"clinician-activity\",\"stored_at\":\"{start}:{seconds:02}+08:00\",\"id\":\"{id}\",\"clinician_id\":\"c-1\",\"patient_id\":\"{patient}\",\"upload_id\":\"{upload}\",\"happened_at\":\"{start}:00+08:00\",\"ended_at\":\"{start}:{seconds:02}+08:00\",\"interactions\":3,\"sections_read\":[\"index\",\"curve\"]}}\n"
    )
}

#[test]
fn a_reviewed_upload_is_owed_by_patient_and_manufacturer() {
    let facts = [
        ENROLMENT,
        &upload("u-1", "2026-01-12", 115.0),
        &session("s-1", "p-1", "u-1", "2026-01-13T09:00", 30),
    ];
    // 80 = 16.00 + 64.00; 115 % of what is expected: a fifth more, 16 = 3.20 + 12.80
    assert_eq!(
        lines(&facts.concat(), "2026-01-31", false),
        [
            "2026-01-13 2026-01 2026-01 p-1 adjustment m-alpha c-1 12.80 CNY",
            "2026-01-13 2026-01 2026-01 p-1 adjustment patient c-1 3.20 CNY",
            "2026-01-13 2026-01 2026-01 p-1 fee m-alpha c-1 64.00 CNY",
            "2026-01-13 2026-01 2026-01 p-1 fee patient c-1 16.00 CNY",
        ]
    );
}

#[test]
fn a_late_fact_becomes_an_adjustment_of_the_open_month() {
    let mut facts = [ENROLMENT, &upload("u-1", "2026-01-12", 115.0)].concat();
    facts += &session("s-1", "p-1", "u-1", "2026-01-13T09:00", 30);
    facts += "{\"stream\":\"closings\",\"month\":\"2026-01\",\"stored_at\":\"2026-02-05\"}\n";
    // the answers were corrected in February: they are 85 % of what is expected
    facts += &upload("u-1", "2026-02-10", 85.0)
        .replace("\"id\":\"u-1\"", "\"id\":\"u-1\",\"revision\":2,\"status\":\"amended\",\"answered_at\":\"2026-01-12\",\"uploaded_at\":\"2026-01-12\"");
    let all = lines(&facts, "2026-02-28", false);
    let adjustments: Vec<&str> =
        all.iter().map(String::as_str).filter(|line| line.contains("adjustment")).collect();
    let id = "warranty-example/e-1/slot-01/adjustment";
    // +16 is taken back, -16 issued: 12.80 + 3.20
    assert_eq!(
        adjustments,
        [
            "2026-01-13 2026-01 2026-01 p-1 adjustment m-alpha c-1 12.80 CNY",
            "2026-01-13 2026-01 2026-01 p-1 adjustment patient c-1 3.20 CNY",
            &format!(
                "2026-01-13 2026-01 2026-02 p-1 adjustment m-alpha c-1 -12.80 CNY corrected {id}/m-alpha/0"
            ),
            "2026-01-13 2026-01 2026-02 p-1 adjustment m-alpha c-1 -12.80 CNY late_fact",
            &format!(
                "2026-01-13 2026-01 2026-02 p-1 adjustment patient c-1 -3.20 CNY corrected {id}/patient/0"
            ),
            "2026-01-13 2026-01 2026-02 p-1 adjustment patient c-1 -3.20 CNY late_fact",
        ]
    );
    assert_eq!(all.len(), 8, "the fees stay: {all:#?}");
}

#[test]
fn sessions_in_a_burst_are_no_service_whosever_they_are() {
    let facts = |patients: u32| {
        let mut facts = [ENROLMENT, &upload("u-1", "2026-01-12", 100.0)].concat();
        facts += &session("s-1", "p-1", "u-1", "2026-01-13T09:00", 30);
        for patient in 2..=patients {
            // within five minutes of the first, each minute one
            let (id, start) = (format!("s-{patient}"), format!("2026-01-13T09:0{}", (patient - 1) % 5));
            facts += &session(&id, &format!("p-{patient}"), "u-x", &start, 10);
        }
        facts
    };
    // five patients are no burst, six are
    assert_eq!(lines(&facts(5), "2026-01-31", false).len(), 2);
    assert_eq!(lines(&facts(6), "2026-01-31", false), Vec::<String>::new());
}

#[test]
fn the_order_of_the_lines_is_that_of_their_arrival() {
    let mut facts: Vec<String> = vec![
        ENROLMENT.to_owned(),
        upload("u-1", "2026-01-12", 115.0),
        session("s-1", "p-1", "u-1", "2026-01-13T09:00", 30),
        "{\"stream\":\"closings\",\"month\":\"2026-01\",\"stored_at\":\"2026-02-05\"}\n".to_owned(),
        upload("u-2", "2026-01-26", 90.0),
        session("s-2", "p-1", "u-2", "2026-02-13T09:00", 30),
    ];
    let written = csv_of(&facts.concat(), "2026-03-31", false);
    facts.reverse();
    assert_eq!(csv_of(&facts.concat(), "2026-03-31", false), written);
}

#[test]
fn looking_after_each_fact_adds_up_to_the_same() {
    let mut facts = [ENROLMENT, &upload("u-1", "2026-01-12", 115.0)].concat();
    facts += &session("s-1", "p-1", "u-1", "2026-01-13T09:00", 30);
    // before the closing, and after it
    for (revision, day, index) in [(2, "2026-01-20", 85.0), (3, "2026-02-10", 100.0)] {
        facts += &upload("u-1", day, index).replace(
            "\"id\":\"u-1\"",
            &format!("\"id\":\"u-1\",\"revision\":{revision},\"answered_at\":\"2026-01-12\",\"uploaded_at\":\"2026-01-12\""),
        );
    }
    facts += "{\"stream\":\"closings\",\"month\":\"2026-01\",\"stored_at\":\"2026-02-05\"}\n";
    let (closings_only, every_change) = (nets(&facts, "2026-02-28", false), nets(&facts, "2026-02-28", true));
    assert_eq!(closings_only, every_change);
    let counted = |every_change| lines(&facts, "2026-02-28", every_change).len();
    assert!(counted(true) > counted(false));
}

#[test]
fn forms_are_scored_as_in_the_running_system() {
    let upload = |id: &str, day: &str, mobility: i32, given: &str| {
        let items = ["mo", "sc", "ua", "pd", "ad"].map(|item| {
            let code = if item == "mo" { mobility } else { 1 };
            format!("{{\"item\":\"{item}\",\"code\":{code}}}")
        });
        format!(
            "{{\"stream\":\"prom-responses\",\"stored_at\":\"{day}\",\"id\":\"{id}\",\"patient_id\":\"p-1\",\"forms\":[{{\"instrument\":\"eq-5d-3l\",\"answers\":[{}]}}]{given}}}\n",
            items.join(",")
        )
    };
    // the baseline comes before anybody is enrolled, and waits
    let mut facts = upload("base", "2025-12-20", 2, "");
    facts += &ENROLMENT.replace("\"device\"", "\"plan\":\"nhs-eq5d\",\"device\"");
    facts += &upload("u-1", "2026-01-12", 1, ",\"expected\":100,\"n\":200");
    facts += &session("s-1", "p-1", "u-1", "2026-01-13T09:00", 30);
    let tried = Tried::load("warranty-example", &[]).unwrap();
    let file = FactsFile::read(facts.into_bytes(), &tried.reading(&tried.id)).unwrap();
    let until = super::until(Some("2026-01-31"), &file, &tried).unwrap();
    let mut entries = Vec::new();
    let trial = Trial { file: &file, tried: &tried, until, every_change: false };
    let counts = trial.run(&tried.id, &mut |_, entry| entries.push(entry.clone()));
    assert_eq!(counts, driver::Counts::default());
    let fee = entries.iter().find(|entry| &*entry.component == "fee").unwrap();
    let said = |name: &str| {
        fee.evidence.iter().find(|evidence| &*evidence.name == name).map(|evidence| evidence.value.clone())
    };
    // full health is 1; with some problems in walking 1 - 0.081 - 0.069 = 0.85: an index of 1 / 0.85 = 117.647059 %
    assert!(said("index").is_some_and(|index| index.starts_with("117.64705")));
    assert_eq!(said("expected").as_deref(), Some("100"));
    assert_eq!(entries.iter().filter(|entry| &*entry.component == "adjustment").count(), 2);
}

#[test]
fn another_contract_is_compared_on_the_same_facts() {
    let text = std::fs::read_to_string(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../aftercare-core/documents/contracts/warranty-example.toml"
    ))
    .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cheaper.toml");
    std::fs::write(&path, text.replace("\"warranty-example\"", "\"cheaper\"").replace("\"80\"", "\"70\""))
        .unwrap();
    let (one, other) =
        (Tried::load("warranty-example", &[]).unwrap(), Tried::load(path.to_str().unwrap(), &[]).unwrap());
    let mut facts = ENROLMENT.replace("\"treated_at\"", "\"contract\":\"warranty-example\",\"treated_at\"");
    facts += &upload("u-1", "2026-01-12", 115.0);
    facts += &session("s-1", "p-1", "u-1", "2026-01-13T09:00", 30);
    let file = FactsFile::read(facts.into_bytes(), &one.reading(&one.id)).unwrap();
    let until = super::until(Some("2026-01-31"), &file, &one).unwrap();
    let mut nets = compare::Nets::default();
    for (side, tried) in [(compare::Side::One, &one), (compare::Side::Other, &other)] {
        let trial = Trial { file: &file, tried, until, every_change: false };
        trial.run(&one.id, &mut |patient, entry| nets.take(side, patient, entry));
    }
    let mut out = Vec::new();
    nets.write(&one, &other, &mut out).unwrap();
    let out = String::from_utf8(out).unwrap();
    // 70 = 14.00 + 56.00; a fifth of it 14 = 2.80 + 11.20
    let words = |payer: &str, amount: &str, component: &str, less: &str| {
        format!(
            "in 2026-01 {payer} owes c-1 {amount} CNY of {component}: {less} less than by warranty-example version 1"
        )
    };
    let expected = [
        "patient,service_period,component,payer,payee,currency,amount,other_amount,difference,in_words"
            .to_owned(),
        format!(
            "p-1,2026-01,adjustment,m-alpha,c-1,CNY,12.80,11.20,-1.60,{}",
            words("m-alpha", "11.20", "adjustment", "1.60")
        ),
        format!(
            "p-1,2026-01,adjustment,patient,c-1,CNY,3.20,2.80,-0.40,{}",
            words("patient", "2.80", "adjustment", "0.40")
        ),
        format!(
            "p-1,2026-01,fee,m-alpha,c-1,CNY,64.00,56.00,-8.00,{}",
            words("m-alpha", "56.00", "fee", "8.00")
        ),
        format!(
            "p-1,2026-01,fee,patient,c-1,CNY,16.00,14.00,-2.00,{}",
            words("patient", "14.00", "fee", "2.00")
        ),
    ];
    assert_eq!(out.lines().collect::<Vec<_>>(), expected);
    let said = nets.said(&one, &other);
    assert_eq!(said[0], "cheaper version 1 against warranty-example version 1, on the same facts");
    assert!(said.iter().any(|line| line.contains("p-1") && line.contains("-12.00")), "{said:#?}");
}
