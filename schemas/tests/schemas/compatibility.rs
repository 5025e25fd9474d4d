//! Versions of a subject read each other: a newer schema reads what any older one wrote, because inputs
//! and outputs are replayed from their beginning (backward, transitive); and for outputs, which others read
//! with whatever version they have, an older one reads what a newer one wrote (full, transitive).

use aftercare_schemas::codec::Registry;
use apache_avro::Schema;
use apache_avro::schema_compatibility::{Compatibility, SchemaCompatibility};

/// Why `newer` may not follow `older`.
fn problem(older: &Schema, newer: &Schema, others_read_it: bool) -> Option<String> {
    if let Some(gone) = symbols(older).into_iter().find(|symbol| !symbols(newer).contains(symbol)) {
        return Some(format!(
            "symbol {} of {} is gone: old records would read as its default",
            gone.1, gone.0
        ));
    }
    let mut directions = vec![(older, newer, "does not read the older version's records")];
    if others_read_it {
        directions.push((newer, older, "writes what readers of the older version can't read"));
    }
    directions.into_iter().find_map(|(writer, reader, what)| {
        match SchemaCompatibility::can_read(writer, reader) {
            Ok(Compatibility::Full) => None,
            Ok(Compatibility::Partial) => Some(format!("{what}: not in every case")),
            Err(error) => Some(format!("{what}: {error}")),
        }
    })
}

/// Every enum's symbols, with the enum's name.
fn symbols(schema: &Schema) -> Vec<(String, String)> {
    match schema {
        Schema::Enum(known) => {
            known.symbols.iter().map(|symbol| (known.name.to_string(), symbol.clone())).collect()
        }
        Schema::Record(record) => record.fields.iter().flat_map(|field| symbols(&field.schema)).collect(),
        Schema::Array(array) => symbols(&array.items),
        Schema::Map(map) => symbols(&map.types),
        Schema::Union(union) => union.variants().iter().flat_map(symbols).collect(),
        _ => Vec::new(),
    }
}

fn is_output(schema: &Schema) -> bool {
    matches!(schema, Schema::Record(record) if record.doc.as_ref().is_some_and(|doc| doc.starts_with("Output")))
}

#[test]
fn released_versions_are_compatible() {
    let registry = Registry::released();
    for subject in registry.subjects() {
        let versions: Vec<_> = registry.versions(subject).collect();
        for (at, newer) in versions.iter().enumerate() {
            // a version with itself, too: the checker must be able to follow every schema
            for older in &versions[..=at] {
                let found = problem(older.authority(), newer.authority(), is_output(newer.authority()));
                assert_eq!(found, None, "{newer:?} after {older:?}");
            }
        }
    }
}

/// Today's schema with one change to its text.
fn changed(subject: &str, from: &str, to: &str) -> (Schema, Schema) {
    let released = Registry::released().subject(subject).unwrap();
    assert!(released.text.contains(from), "{subject} has no {from}");
    let changed = Schema::parse_str(&released.text.replacen(from, to, 1)).unwrap();
    (released.authority().clone(), changed)
}

#[test]
fn planted_incompatible_schemas_are_caught() {
    let required = r#""fields": [ { "name": "planted", "type": "string" },"#;
    let optional = r#""fields": [ { "name": "planted", "type": ["null", "string"], "default": null },"#;
    let cases = [
        ("receipts", r#""fields": ["#, required, true),
        ("receipts", r#""fields": ["#, optional, false),
        ("prom-responses", r#""fields": ["#, required, true),
        ("prom-responses", r#""fields": ["#, optional, false),
        // a number becomes text
        (
            "scores",
            r#""name": "upload_revision", "type": "int""#,
            r#""name": "upload_revision", "type": "string""#,
            true,
        ),
        // an input may take more than before, an output may not send more than before
        (
            "prom-responses",
            r#""name": "revision", "type": "int""#,
            r#""name": "revision", "type": "long""#,
            false,
        ),
        (
            "scores",
            r#""name": "upload_revision", "type": "int""#,
            r#""name": "upload_revision", "type": "long""#,
            true,
        ),
        // what could be absent must be there
        (
            "enrolments",
            r#""name": "plan", "type": ["null", "string"], "default": null"#,
            r#""name": "plan", "type": "string""#,
            true,
        ),
        // a symbol goes or is renamed; one is added
        ("prom-responses", r#""final", "amended","#, r#""final", "corrected","#, true),
        ("wearable-readings", r#""unknown", "heart_rate","#, r#""unknown", "heart_rate", "vo2_max","#, false),
    ];
    for (subject, from, to, bad) in cases {
        let (older, newer) = changed(subject, from, to);
        assert_eq!(problem(&older, &newer, is_output(&newer)).is_some(), bad, "{subject}: {from} -> {to}");
    }
}
