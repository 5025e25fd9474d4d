//! Look-ups as a registry's clients make them.

use aftercare_schemas::codec::{Registry, WireError, decode};
use aftercare_schemas::registry::{format_guid, parse_guid, subject_of_client};
use aftercare_schemas::wire::PromResponse;

#[test]
fn each_schema_is_found_by_id_guid_version_and_subject() {
    let registry = Registry::released();
    for schema in registry.all() {
        let is = |found: Option<&aftercare_schemas::codec::Released>| {
            found.map(|found| found.id) == Some(schema.id)
        };
        assert!(is(registry.by_id(schema.id)));
        assert!(is(registry.by_guid(&schema.guid)));
        assert!(is(registry.version(schema.subject, schema.version)));
        assert_eq!(parse_guid(&format_guid(&schema.guid)), Some(schema.guid));
        assert_eq!(registry.subjects().filter(|subject| *subject == schema.subject).count(), 1);
    }
    assert!(registry.by_id(1).is_none());
    assert!(registry.by_guid(&[0; 16]).is_none());
    assert!(registry.subject("prom-response").is_none());
    assert_eq!(parse_guid("not-a-guid"), None);
    assert_eq!(parse_guid(&"+".repeat(32)), None);
    assert_eq!(parse_guid("é9b4a6877-5604-8117-8827-8ba979423f9"), None);
}

/// A client posts the text that it parsed: reordered, without what means nothing for the bytes, in one line.
#[test]
fn a_posted_schema_is_found_whatever_its_layout() {
    fn bare(json: &serde_json::Value) -> serde_json::Value {
        match json {
            serde_json::Value::Object(object) => object
                .iter()
                .rev()
                .filter(|(name, _)| {
                    !matches!(name.as_str(), "doc" | "unit" | "example" | "default" | "logicalType")
                })
                .map(|(name, value)| (name.clone(), bare(value)))
                .collect(),
            serde_json::Value::Array(array) => array.iter().map(bare).collect(),
            plain => plain.clone(),
        }
    }
    let registry = Registry::released();
    for schema in registry.all() {
        let posted = bare(&serde_json::from_str(schema.text).unwrap()).to_string();
        assert_eq!(registry.find(Some(schema.subject), &posted).map(|found| found.id), Some(schema.id));
        assert_eq!(registry.find(None, &posted).map(|found| found.id), Some(schema.id));
        let other = if schema.subject == "scores" { "windows" } else { "scores" };
        assert!(registry.find(Some(other), &posted).is_none());
        let renamed = posted.replacen("\"name\":\"", "\"name\":\"Not", 1);
        assert!(registry.find(Some(schema.subject), &renamed).is_none());
        let unknown = posted.replacen("\"string\"", "\"bytes\"", 1);
        assert!(registry.find(Some(schema.subject), &unknown).is_none());
    }
    assert!(registry.find(None, "{\"type\":").is_none());
    assert!(registry.find(None, "\"string\"").is_none());
    // one that refers to itself, and one that is a decimal of nonsense
    let itself = r#"{"type":"record","name":"R","fields":[{"name":"r","type":["null","R"]}]}"#;
    assert!(registry.find(None, itself).is_none());
    let nonsense = r#"{"type":"fixed","name":"F","size":"1","logicalType":"decimal","precision":"x"}"#;
    assert!(registry.find(None, nonsense).is_none());
}

#[test]
fn a_client_names_subjects_by_topic() {
    assert_eq!(subject_of_client("aftercare.prom-responses-value", "aftercare"), Some("prom-responses"));
    assert_eq!(subject_of_client("a.b.scores-value", "a.b"), Some("scores"));
    for other in ["aftercare.scores-key", "scores-value", "aftercare-scores-value", "x.scores-value"] {
        assert_eq!(subject_of_client(other, "aftercare"), None, "{other}");
    }
}

#[test]
fn the_header_form_is_read() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/prom-responses");
    let framed = std::fs::read(folder.join("stent-follow-up.bin")).unwrap();
    let schema = Registry::released().subject("prom-responses").unwrap();
    let by_frame: PromResponse<'_> = decode("prom-responses", Some(&framed), None).unwrap();
    let guid = [&[1][..], &schema.guid].concat();
    let id = [&[0][..], &schema.id.to_be_bytes()].concat();
    for header in [&guid, &id] {
        let by_header = decode::<PromResponse<'_>>("prom-responses", Some(&framed[5..]), Some(header));
        assert_eq!(by_header.as_ref(), Ok(&by_frame));
    }
    let read = |header: &[u8]| {
        decode::<PromResponse<'_>>("prom-responses", Some(&framed[5..]), Some(header)).map(drop).unwrap_err()
    };
    assert_eq!(read(&[&[1][..], &[9; 16]].concat()), WireError::UnknownGuid);
    assert_eq!(read(&[0, 0, 0, 0, 1]), WireError::UnknownSchema(1));
    for malformed in [&[][..], &[1], &guid[..16], &[2; 17]] {
        assert_eq!(read(malformed).reason(), "foreign_avro");
    }
}
