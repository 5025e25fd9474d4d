//! The fast codec equals apache-avro on arbitrary values of every stream that has a wire type.

use crate::support::{TYPED, authority_reads, authority_writes};
use aftercare_schemas::codec::{Registry, decode, each_reading, encode};
use aftercare_schemas::wire::WearableUpload;
use apache_avro::Schema;
use apache_avro::types::Value;
use proptest::collection::{hash_map, vec};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

/// Any value of a schema. Longs that are no time count something, so they are within the range of `u32`.
fn any_value(schema: &Schema) -> BoxedStrategy<Value> {
    match schema {
        Schema::Null => Just(Value::Null).boxed(),
        Schema::Boolean => any::<bool>().prop_map(Value::Boolean).boxed(),
        Schema::Int => any::<i32>().prop_map(Value::Int).boxed(),
        Schema::Date => any::<i32>().prop_map(Value::Date).boxed(),
        Schema::Long => any::<u32>().prop_map(|count| Value::Long(count.into())).boxed(),
        Schema::TimestampMillis => any::<i64>().prop_map(Value::TimestampMillis).boxed(),
        Schema::Double => {
            use proptest::num::f64;
            (f64::NORMAL | f64::SUBNORMAL | f64::ZERO | f64::INFINITE).prop_map(Value::Double).boxed()
        }
        Schema::String => "\\PC{0,12}".prop_map(Value::String).boxed(),
        Schema::Enum(known) => proptest::sample::select(known.symbols.clone())
            .prop_map({
                let symbols = known.symbols.clone();
                move |symbol| {
                    let at = symbols.iter().position(|known| *known == symbol).unwrap();
                    Value::Enum(u32::try_from(at).unwrap(), symbol)
                }
            })
            .boxed(),
        Schema::Array(array) => vec(any_value(&array.items), 0..5).prop_map(Value::Array).boxed(),
        Schema::Map(map) => hash_map("[a-z_]{1,8}", any_value(&map.types), 0..5).prop_map(Value::Map).boxed(),
        Schema::Union(union) => {
            let branches: Vec<_> = union.variants().iter().map(any_value).collect();
            (0..branches.len())
                .prop_flat_map(move |at| {
                    let tag = u32::try_from(at).unwrap();
                    branches[at].clone().prop_map(move |value| Value::Union(tag, Box::new(value)))
                })
                .boxed()
        }
        Schema::Record(record) => {
            let names: Vec<String> = record.fields.iter().map(|field| field.name.clone()).collect();
            let values: Vec<_> = record.fields.iter().map(|field| any_value(&field.schema)).collect();
            values.prop_map(move |values| Value::Record(names.iter().cloned().zip(values).collect())).boxed()
        }
        other => panic!("no schema uses {other:?}"),
    }
}

#[test]
fn what_the_authority_writes_we_read_and_write_alike() {
    let mut runner = TestRunner::new(Config { cases: 128, failure_persistence: None, ..Config::default() });
    for schema in Registry::released().all() {
        let Some(typed) = TYPED.iter().find(|typed| typed.subject == schema.subject) else { continue };
        let newest = Registry::released().subject(schema.subject).unwrap();
        let result = runner.run(&any_value(schema.authority()), |value| {
            let mut bytes = vec![0];
            bytes.extend(schema.id.to_be_bytes());
            bytes.extend(authority_writes(schema.authority(), value.clone()).unwrap());
            let rewritten =
                (typed.rewrite)(&bytes).map_err(|error| TestCaseError::fail(error.to_string()))?;
            let read = authority_reads(newest.authority(), &rewritten[5..]);
            if schema.id == newest.id {
                prop_assert_eq!(read, Some(value));
            } else {
                prop_assert!(read.is_some());
            }
            Ok(())
        });
        result.unwrap_or_else(|error| panic!("{schema:?}: {error}"));
    }
}

#[test]
fn readings_are_the_same_by_hand_as_by_the_codec() {
    let schema = Registry::released().subject("wearable-readings").unwrap();
    let mut runner = TestRunner::new(Config { cases: 512, failure_persistence: None, ..Config::default() });
    let strategy = (any_value(schema.authority()), any::<bool>());
    let result = runner.run(&strategy, |(value, in_header)| {
        let body = authority_writes(schema.authority(), value).unwrap();
        let mut framed = vec![0];
        framed.extend(schema.id.to_be_bytes());
        framed.extend(&body);
        let mut header = vec![1];
        header.extend(schema.guid);
        let (bytes, header) = if in_header { (&body, Some(&header[..])) } else { (&framed, None) };

        let upload: WearableUpload<'_> = decode("wearable-readings", Some(bytes), header).unwrap();
        let mut readings = Vec::new();
        let head = each_reading(Some(bytes), header, &mut readings).unwrap();
        let by_hand = WearableUpload {
            patient_id: head.patient_id,
            device_id: head.device_id,
            source: head.source,
            readings,
        };
        prop_assert_eq!(&by_hand, &upload);

        let mut rewritten = Vec::new();
        encode("wearable-readings", &by_hand, &mut rewritten).unwrap();
        prop_assert_eq!(rewritten, framed);
        Ok(())
    });
    result.unwrap_or_else(|error| panic!("{error}"));
}
