//! The golden examples: `examples/{subject}/{name}.json`, to be read by people, and `.bin`, the framed bytes
//! of the same, to be sent by anyone. With `AFTERCARE_WRITE_EXAMPLES=1` missing `.bin` files are written.

use crate::support::{authority_reads, authority_value, authority_writes, typed};
use aftercare_schemas::codec::{Registry, Released};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

struct Example {
    subject: String,
    json: serde_json::Value,
    bin: PathBuf,
}

fn examples() -> Vec<Example> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let mut found = Vec::new();
    for subject in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        for file in fs::read_dir(subject.path()).unwrap().map(|file| file.unwrap().path()) {
            match file.extension().and_then(|extension| extension.to_str()) {
                Some("json") => found.push(Example {
                    subject: subject.file_name().into_string().unwrap(),
                    json: serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap(),
                    bin: file.with_extension("bin"),
                }),
                Some("bin") => assert!(file.with_extension("json").exists(), "{file:?} has no .json"),
                _ => panic!("{file:?} is no example"),
            }
        }
    }
    found.sort_by(|a, b| a.bin.cmp(&b.bin));
    found
}

impl Example {
    fn schema(&self) -> &'static Released {
        Registry::released().subject(&self.subject).unwrap_or_else(|| panic!("{:?}", self.bin))
    }

    fn write(&self) -> Vec<u8> {
        match typed(&self.subject) {
            Some(typed) => (typed.from_json)(&self.json),
            None => {
                let schema = self.schema();
                let value = authority_value(schema.authority(), self.json.clone());
                let mut bytes = vec![0];
                bytes.extend(schema.id.to_be_bytes());
                bytes.extend(authority_writes(schema.authority(), value.unwrap()).unwrap());
                bytes
            }
        }
    }

    /// The bytes in the repository, and the schema that they were written with.
    fn golden(&self) -> (Vec<u8>, &'static Released) {
        if !self.bin.exists() && std::env::var_os("AFTERCARE_WRITE_EXAMPLES").is_some() {
            fs::write(&self.bin, self.write()).unwrap();
        }
        let bytes = fs::read(&self.bin).unwrap_or_else(|error| panic!("{:?}: {error}", self.bin));
        let id = u32::from_be_bytes(bytes[1..5].try_into().unwrap());
        let schema = Registry::released().by_id(id).unwrap_or_else(|| panic!("{:?}: id", self.bin));
        assert_eq!((bytes[0], schema.subject), (0, self.subject.as_str()), "{:?}", self.bin);
        (bytes, schema)
    }
}

#[test]
fn every_subject_has_an_example() {
    let with: BTreeSet<String> = examples().into_iter().map(|example| example.subject).collect();
    let all: BTreeSet<String> = Registry::released().subjects().map(str::to_owned).collect();
    assert_eq!(with, all);
}

#[test]
fn the_authority_reads_what_the_json_says() {
    for example in examples() {
        let (bytes, schema) = example.golden();
        let read =
            authority_reads(schema.authority(), &bytes[5..]).unwrap_or_else(|| panic!("{:?}", example.bin));
        assert_eq!(
            read,
            authority_value(schema.authority(), example.json.clone()).unwrap(),
            "{:?}",
            example.bin
        );
        assert_covered(&example.json, &serde_json::Value::try_from(read).unwrap(), &example.bin);
    }
}

#[test]
fn our_codec_reads_every_example_and_writes_the_same_bytes() {
    for example in examples() {
        let (bytes, schema) = example.golden();
        let Some(typed) = typed(&example.subject) else { continue };
        let rewritten = (typed.rewrite)(&bytes).unwrap_or_else(|error| panic!("{:?}: {error}", example.bin));
        // an example of an older version is written anew by the newest
        if schema.id == example.schema().id {
            assert_eq!(rewritten, bytes, "{:?}", example.bin);
            assert_eq!(example.write(), bytes, "{:?}", example.bin);
        }
    }
}

/// Every name in the example means something: a misspelt optional field would be passed over in silence.
fn assert_covered(json: &serde_json::Value, read: &serde_json::Value, place: &Path) {
    match (json, read) {
        (serde_json::Value::Object(json), serde_json::Value::Object(read)) => {
            for (name, value) in json {
                assert_covered(value, read.get(name).unwrap_or_else(|| panic!("{place:?}: {name}")), place);
            }
        }
        (serde_json::Value::Array(json), serde_json::Value::Array(read)) => {
            json.iter().zip(read).for_each(|(json, read)| assert_covered(json, read, place));
        }
        _ => {}
    }
}
