//! What is released, and the rules that every schema keeps.

use crate::support::authority_value;
use aftercare_schemas::codec::Registry;
use aftercare_schemas::registry::{FIRST_ID, RELEASED_JSON, format_guid};
use apache_avro::Schema;
use apache_avro::schema::{RecordField, RecordSchema};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::path::Path;

/// Units that are no UCUM code: what they mean is said here and in the field's doc.
const UNITS_IN_WORDS: [&str; 10] = [
    "none",
    "ms since 1970-01-01 UTC",
    "h since 1970-01-01 UTC",
    "d since 1970-01-01 UTC",
    "calendar year",
    "as named in the field unit",
    "instrument points",
    "minor unit of currency",
    "hundredths of a point",
    "hundredths of a point, squared",
];

/// UCUM codes in use; what is counted stands in braces.
const UNITS_IN_UCUM: [&str; 8] = ["1", "%", "d", "s", "ms", "By", "/min", "{instrument points}/d"];

/// Streams that the clinician, the runtime or the operator writes and that are about no patient.
const WITHOUT_PATIENT: [&str; 7] = [
    "contracts",
    "control",
    "dead-letters",
    "dead-letter-decisions",
    "curve-contributions",
    "curve-editions",
    "receipts",
];

fn records(schema: &Schema) -> Vec<&RecordSchema> {
    match schema {
        Schema::Record(record) => std::iter::once(record)
            .chain(record.fields.iter().flat_map(|field| records(&field.schema)))
            .collect(),
        Schema::Array(array) => records(&array.items),
        Schema::Map(map) => records(&map.types),
        Schema::Union(union) => union.variants().iter().flat_map(records).collect(),
        _ => Vec::new(),
    }
}

fn root(schema: &Schema) -> &RecordSchema {
    let Schema::Record(record) = schema else { panic!("a stream carries records") };
    record
}

fn field<'a>(record: &'a RecordSchema, name: &str) -> Option<&'a RecordField> {
    record.fields.iter().find(|field| field.name == name)
}

/// A GUID that stands for a content: the first 16 bytes of its SHA-256, marked as version 8 (RFC 9562).
fn guid_of(sum: &[u8]) -> String {
    let mut guid: [u8; 16] = sum[..16].try_into().unwrap();
    guid[6] = guid[6] & 0x0f | 0x80;
    guid[8] = guid[8] & 0x3f | 0x80;
    format_guid(&guid)
}

#[test]
fn a_released_file_never_changes_and_every_file_is_released() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("avro");
    let list: Vec<serde_json::Value> = serde_json::from_str(RELEASED_JSON).unwrap();
    let mut listed = BTreeSet::new();
    for entry in &list {
        let path = format!("{}/v{}.avsc", entry["subject"].as_str().unwrap(), entry["version"]);
        let sum = Sha256::digest(std::fs::read(folder.join(&path)).unwrap());
        let digits: String = sum.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(entry["sha256"], digits, "{path} is released: add a new version beside it");
        assert_eq!(entry["guid"], guid_of(&sum), "{path}");
        assert!(listed.insert(path));
    }
    let mut found = BTreeSet::new();
    for subject in std::fs::read_dir(&folder).unwrap().map(Result::unwrap).filter(|e| e.path().is_dir()) {
        for file in std::fs::read_dir(subject.path()).unwrap().map(Result::unwrap) {
            found.insert(format!(
                "{}/{}",
                subject.file_name().to_str().unwrap(),
                file.file_name().to_str().unwrap()
            ));
        }
    }
    assert_eq!(found, listed);
    assert_eq!(Registry::released().all().len(), list.len(), "a file is not compiled in");
}

#[test]
fn ids_guids_and_versions_are_unique_and_without_gaps() {
    let all = Registry::released().all();
    assert!(all.iter().map(|schema| schema.id).eq(FIRST_ID..FIRST_ID + u32::try_from(all.len()).unwrap()));
    let guids: BTreeSet<_> = all.iter().map(|schema| schema.guid).collect();
    assert_eq!(guids.len(), all.len());
    for subject in Registry::released().subjects() {
        let versions: Vec<u32> =
            Registry::released().versions(subject).map(|schema| schema.version).collect();
        assert!(versions.iter().copied().eq(1..=u32::try_from(versions.len()).unwrap()), "{subject}");
    }
}

#[test]
fn every_field_has_doc_unit_and_an_example_of_its_type() {
    for schema in Registry::released().all() {
        for record in records(schema.authority()) {
            assert!(record.doc.as_ref().is_some_and(|doc| doc.ends_with('.')), "{schema:?} {}", record.name);
            for field in &record.fields {
                let place = format!("{schema:?} {}.{}", record.name, field.name);
                assert!(field.doc.as_ref().is_some_and(|doc| doc.ends_with('.')), "{place}: doc");
                let unit = field.custom_attributes.get("unit").and_then(serde_json::Value::as_str);
                let unit = unit.unwrap_or_else(|| panic!("{place}: unit"));
                let counted = unit.starts_with('{') && unit.ends_with('}');
                assert!(
                    counted || UNITS_IN_WORDS.contains(&unit) || UNITS_IN_UCUM.contains(&unit),
                    "{place}: unit {unit}"
                );
                let example =
                    field.custom_attributes.get("example").unwrap_or_else(|| panic!("{place}: example"));
                assert!(!example.is_null(), "{place}: example");
                authority_value(&field.schema, example.clone())
                    .unwrap_or_else(|error| panic!("{place}: example: {error}"));
            }
        }
    }
}

#[test]
fn a_time_is_a_timestamp_and_an_optional_field_is_null_by_default() {
    for schema in Registry::released().all() {
        for field in records(schema.authority()).iter().flat_map(|record| &record.fields) {
            let place = format!("{schema:?} {}", field.name);
            let inner = match &field.schema {
                Schema::Union(union) => {
                    assert!(matches!(union.variants(), [Schema::Null, _]), "{place}: null comes first");
                    assert_eq!(field.default, Some(serde_json::Value::Null), "{place}");
                    &union.variants()[1]
                }
                plain => plain,
            };
            let is_time = field.custom_attributes["unit"] == "ms since 1970-01-01 UTC";
            assert_eq!(matches!(inner, Schema::TimestampMillis), is_time, "{place}");
            assert_eq!(
                field.name.ends_with("_at") || inner == &Schema::TimestampMillis,
                is_time || field.name == "at",
                "{place}: a time is named _at"
            );
        }
    }
}

/// What the codec's own walk knows, and no element of a list without bytes, of which a forged length could
/// ask for any number.
#[test]
fn only_known_types_are_used_and_money_is_no_floating_point() {
    fn check(schema: &Schema, place: &str) {
        match schema {
            Schema::Boolean | Schema::Int | Schema::Long | Schema::Double | Schema::String => {}
            Schema::Date | Schema::TimestampMillis => {}
            Schema::Enum(symbols) => assert!(symbols.default.is_some(), "{place}: default"),
            Schema::Array(array) => check(&array.items, place),
            Schema::Map(map) => check(&map.types, place),
            Schema::Union(union) => union.variants()[1..].iter().for_each(|branch| check(branch, place)),
            Schema::Record(record) => {
                assert!(!record.fields.is_empty(), "{place}");
                for field in &record.fields {
                    let place = format!("{place}.{}", field.name);
                    check(&field.schema, &place);
                    let money = field.custom_attributes["unit"] == "minor unit of currency";
                    assert_eq!(money, field.name.ends_with("_minor"), "{place}");
                    let long = match &field.schema {
                        Schema::Union(union) => &union.variants()[1],
                        plain => plain,
                    };
                    assert!(!money || matches!(long, Schema::Long), "{place}: money");
                }
            }
            other => panic!("{place}: {other:?}"),
        }
    }
    for schema in Registry::released().all() {
        check(schema.authority(), schema.subject);
    }
}

#[test]
fn inputs_say_who_and_which_revision_outputs_say_which_version_and_whose() {
    for schema in Registry::released().all() {
        let record = root(schema.authority());
        let output = record.doc.as_ref().unwrap().starts_with("Output");
        assert!(output || record.doc.as_ref().unwrap().starts_with("Input"), "{schema:?}");
        let must: &[&str] = match schema.subject {
            "wearable-readings" => &["patient_id", "source"],
            "contracts" => &["id", "version"],
            "control" => &["kind", "at"],
            "dead-letter-decisions" => &["partition", "offset", "action", "decided_at"],
            "dead-letters" | "curve-contributions" => &["version", "stored_at"],
            "curve-editions" => &["version", "published_at"],
            "late-readings" => &["version", "patient_id", "stored_at", "source"],
            _ if output => &[
                "version",
                "patient_id",
                "stored_at",
                "source",
                "organisation",
                "care_team",
                "clinician_id",
                "manufacturer",
                "procedure",
            ],
            _ => &["id", "revision", "status", "source", "patient_id"],
        };
        for name in must {
            assert!(field(record, name).is_some(), "{schema:?}: {name}");
        }
        if WITHOUT_PATIENT.contains(&schema.subject) && schema.subject != "receipts" {
            assert!(field(record, "patient_id").is_none(), "{schema:?}");
        }
    }
}
