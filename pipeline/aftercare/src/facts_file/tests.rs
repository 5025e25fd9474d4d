//! What lines are read as, and what is said of lines that can't be.

use aftercare_core::documents::Library;
use aftercare_core::facts::{Body, RecordStatus};
use aftercare_core::zone::Zone;

use super::*;

fn with_reading<T>(test: impl FnOnce(&For<'_>) -> T) -> T {
    let (zone, library) = (Zone::named("Asia/Shanghai").unwrap(), Library::builtin());
    test(&For { contract: "c-1", named: "c-1", zone: &zone, library: &library })
}

fn problems(text: &str) -> Vec<String> {
    let refused = with_reading(|reading| FactsFile::read(text.as_bytes().to_vec(), reading).unwrap_err());
    refused.into_iter().map(|it| format!("{}: {} {}", it.line, it.field, it.message)).collect()
}

/// The facts of one line.
fn said<T>(line: &str, look: impl FnOnce(&Fact<'_>) -> T) -> T {
    with_reading(|reading| {
        let file = FactsFile::read(line.as_bytes().to_vec(), reading).unwrap();
        let line = file.patients[0].lines[0];
        file.fact(line, reading, |fact| look(&fact)).unwrap()
    })
}

#[test]
fn every_problem_is_named_by_line_and_field_and_no_value_is_repeated() {
    let text = r#"
{"stream": "enrolments", "stored_at": "2026-01-05", "id": "secret-1", "patient_id": 7, "consent": true}
not json
["a", "list"]
{"stream": "secret-stream", "stored_at": "2026-01-05"}
{"stored_at": "5 Jan", "stream": "closings", "month": "2026-1"}
{"stream": "prom-responses", "stored_at": "2026-01-05", "id": "u-1", "patient_id": "p-1"}
{"stream": "clinical-events", "stored_at": "2026-01-05", "id": "e-1", "patient_id": "p-1", "kind": "secret-kind", "value": "6.4", "happened_at": 1, "payers": [{"payer": "x", "amount_minor": 1.5}, 3]}
{"stream": "clinical-events", "stored_at": "2026-01-05", "id": "e-2", "patient_id": "p-1", "kind": "death", "happened_at": 1, "id": "e-3", "revision": 0}
{"stream": "wearable-readings", "stored_at": "2026-01-05", "patient_id": "p-1", "metric": "systolic_pressure", "value": 1e9, "measured_at": 1}
{"stream": "clinical-events", "stored_at": "2026-01-05", "id": "e-2", "patient_id": "p-1", "kind": "cost", "happened_at": 1, "amount_minor": 3, "payers": [{"payer_kind": "patient", "amount_minor": 2}], "Secret Name": 1}
"#;
    let found = problems(text);
    let kinds = "is none of measurement, rejection, graft_failure, stay,";
    let expected = [
        "2: patient_id is no text, or an empty one",
        "2: consent is not known here",
        "3:  is no JSON from character 2 on",
        "4:  is no JSON object",
        "5: stream is none of enrolments, prom-responses, clinician-activity, session-verdicts, clinical-events, \
         commerce-events, wearable-readings, closings",
        "6: stored_at is no time: one is 2026-01-05T09:00:00+08:00, 2026-01-05, or ms since 1970",
        "6: month is no month such as 2026-01",
        "7: index is missing: give it, or why it is missing, or forms",
        kinds,
        "8: value is no number",
        "8: payers[1].payer_kind is missing",
        "8: payers[1].amount_minor is no whole number",
        "8: payers[2] is no object",
        "8: payers do not add up to amount_minor",
        "9: revision is not above 0",
        "9: id is there twice",
        "10: value is not plausible as systolic_pressure",
        "11: payers do not add up to amount_minor",
        "11: field 9 is not known here",
    ];
    assert_eq!(found.len(), expected.len(), "{found:#?}");
    for (found, expected) in found.iter().zip(expected) {
        assert!(found.contains(expected), "{found:?} is not {expected:?}");
        assert!(!found.to_lowercase().contains("secret"), "{found}");
    }
}

#[test]
fn a_time_is_rfc_3339_or_a_number_or_the_start_of_a_day_in_the_contract_s_zone() {
    let at = |time: &str| {
        let line = format!(
            r#"{{"stream":"clinical-events","stored_at":{time},"id":"e","patient_id":"p","kind":"death","happened_at":1}}"#
        );
        said(&line, |fact| fact.stored_at.0)
    };
    // 2026-01-05T00:00 in Shanghai is 16:00 of the day before in UTC
    let start = 1_767_542_400_000;
    assert_eq!(at("\"2026-01-05\""), start);
    assert_eq!(at("\"2026-01-05T00:00:00+08:00\""), start);
    assert_eq!(at("\"2026-01-04T16:00:00Z\""), start);
    assert_eq!(at("1767542400000"), start);
}

#[test]
fn what_a_line_leaves_out_has_its_default() {
    said(r#"{"stream":"enrolments","stored_at":1000,"id":"e","patient_id":"p","treated_at":500}"#, |fact| {
        let Says::Record { head, body, .. } = &fact.says else { panic!("no record") };
        assert_eq!((head.revision, head.status), (1, RecordStatus::Final));
        let Body::Enrolment(fact) = &**body else { panic!("no enrolment") };
        assert_eq!((fact.episode_id, fact.contract), ("p", Some("c-1")));
        assert_eq!((fact.recorded_at, fact.effective_at), (Instant(1_000), Instant(500)));
    });
    said(r#"{"stream":"prom-responses","stored_at":1000,"id":"u","patient_id":"p","index":100}"#, |fact| {
        let Says::Record { body, given, .. } = &fact.says else { panic!("no record") };
        let Body::Upload(fact) = &**body else { panic!("no upload") };
        assert_eq!(
            (fact.answered_at, fact.uploaded_at, fact.episode_id),
            (Instant(1_000), Instant(1_000), None)
        );
        assert_eq!(given.unwrap().index.map(|index| index.to_string()).as_deref(), Some("100"));
    });
    // what withdraws a record need say no more than which
    said(
        r#"{"stream":"clinical-events","stored_at":1000,"id":"e","patient_id":"p","revision":2,"status":"entered_in_error"}"#,
        |fact| {
            let Says::Record { head, .. } = &fact.says else { panic!("no record") };
            assert_eq!((head.status, head.event_at), (RecordStatus::EnteredInError, Instant(1_000)));
        },
    );
}

#[test]
fn a_number_is_the_nearest_double_so_that_its_shortest_text_is_what_was_written() {
    for text in ["0.1234565", "89.123456789012345", "1e-7", "122.416413"] {
        let line = format!(
            r#"{{"stream":"prom-responses","stored_at":1,"id":"u","patient_id":"p","index":{text},"expected":100}}"#
        );
        said(&line, |fact| {
            let Says::Record { given, .. } = &fact.says else { panic!("no record") };
            let read = given.unwrap().index.unwrap();
            assert_eq!(read.to_bits(), text.parse::<f64>().unwrap().to_bits(), "{text}");
        });
    }
}

#[test]
fn a_copy_has_the_same_digest_whatever_the_order_of_its_fields_and_when_it_came() {
    let digest = |line: &str| {
        said(line, |fact| {
            let Says::Record { head, .. } = &fact.says else { panic!("no record") };
            head.digest
        })
    };
    let one = digest(r#"{"stream":"prom-responses","stored_at":1,"id":"u","patient_id":"p","index":100.5}"#);
    assert_eq!(
        one,
        digest(
            r#"{"index":100.5,"id":"u","episode_id":null,"patient_id":"p","stream":"prom-responses","stored_at":9}"#
        )
    );
    assert_ne!(
        one,
        digest(r#"{"stream":"prom-responses","stored_at":1,"id":"u","patient_id":"p","index":100.6}"#)
    );
}

#[test]
fn another_contract_is_read_for_the_one_that_the_file_names() {
    let (zone, library) = (Zone::UTC, Library::builtin());
    let reading = For { contract: "other", named: "first", zone: &zone, library: &library };
    let line = |contract: &str| {
        format!(r#"{{"stream":"enrolments","stored_at":1,"id":"e","patient_id":"p"{contract}}}"#)
    };
    for (contract, read) in
        [("", "other"), (r#","contract":"first""#, "other"), (r#","contract":"third""#, "third")]
    {
        let file = FactsFile::read(line(contract).into_bytes(), &reading).unwrap();
        file.fact(file.patients[0].lines[0], &reading, |fact| {
            let Says::Record { body, .. } = &fact.says else { panic!("no record") };
            let Body::Enrolment(fact) = &**body else { panic!("no enrolment") };
            assert_eq!(fact.contract, Some(read), "{contract}");
        })
        .unwrap();
    }
}
