//! Bytes that no one should have sent: every answer is an error or a value that the authority reads too,
//! never a panic, never more memory than the bytes can fill.

use crate::support::{TYPED, Typed, authority_reads, authority_writes};
use aftercare_schemas::codec::{MAX_ELEMENTS, Registry, WireError, decode, each_reading, encode};
use aftercare_schemas::wire::{Enrolment, PromResponse, WearableUpload};
use proptest::prelude::*;
use proptest::sample::Index;
use std::path::Path;
use std::sync::LazyLock;

const TOO_LONG: WireError = WireError::Invalid("a number is longer than its type allows");
const OUT_OF_RANGE: WireError = WireError::Invalid("a value does not fit its field");

static GOLDEN: LazyLock<Vec<(String, Vec<u8>)>> = LazyLock::new(|| {
    // the authority reserves what a forged length asks for, up to this
    apache_avro::util::max_allocation_bytes(1 << 20);
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    TYPED
        .iter()
        .flat_map(|typed| {
            std::fs::read_dir(folder.join(typed.subject)).unwrap().map(move |file| (typed, file))
        })
        .map(|(typed, file)| (typed.subject.to_owned(), file.unwrap().path()))
        .filter(|(_, path)| path.extension().is_some_and(|extension| extension == "bin"))
        .map(|(subject, path)| (subject, std::fs::read(path).unwrap()))
        .collect()
});

#[derive(Debug, Clone)]
enum Damage {
    Cut(Index),
    Flip(Index, u8),
    Insert(Index, Vec<u8>),
    Remove(Index),
}

fn damage() -> impl Strategy<Value = Damage> {
    prop_oneof![
        any::<Index>().prop_map(Damage::Cut),
        (any::<Index>(), 1..=255_u8).prop_map(|(at, bits)| Damage::Flip(at, bits)),
        (any::<Index>(), prop::collection::vec(any::<u8>(), 1..12)).prop_map(|(at, b)| Damage::Insert(at, b)),
        any::<Index>().prop_map(Damage::Remove),
    ]
}

fn apply(bytes: &mut Vec<u8>, damage: &Damage) {
    if bytes.is_empty() {
        return;
    }
    match damage {
        Damage::Cut(at) => bytes.truncate(at.index(bytes.len())),
        Damage::Flip(at, bits) => {
            let at = at.index(bytes.len());
            bytes[at] ^= bits;
        }
        Damage::Insert(at, more) => {
            let at = at.index(bytes.len());
            bytes.splice(at..at, more.iter().copied());
        }
        Damage::Remove(at) => {
            bytes.remove(at.index(bytes.len()));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4096, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn damaged_records_are_refused_where_the_authority_refuses_them(
        which: Index,
        damages in prop::collection::vec(damage(), 1..4),
    ) {
        let (subject, golden) = which.get(&GOLDEN);
        let typed = TYPED.iter().find(|typed| typed.subject == subject).unwrap();
        let mut body = golden[5..].to_vec();
        damages.iter().for_each(|damage| apply(&mut body, damage));
        agree(typed, &body)?;
    }

    #[test]
    fn readings_by_hand_fail_alike(
        which in 0..3_usize,
        damages in prop::collection::vec(damage(), 1..4),
    ) {
        let uploads: Vec<_> = GOLDEN.iter().filter(|(subject, _)| subject == "wearable-readings").collect();
        let mut bytes = uploads[which % uploads.len()].1.clone();
        damages.iter().for_each(|damage| apply(&mut bytes, damage));
        let mut readings = Vec::new();
        let by_hand = each_reading(Some(&bytes), None, &mut readings);
        let by_codec = decode::<WearableUpload<'_>>("wearable-readings", Some(&bytes), None);
        prop_assert_eq!(by_hand.err(), by_codec.as_ref().err().copied());
        match (by_hand, by_codec) {
            (Ok(head), Ok(upload)) => {
                let by_hand = WearableUpload {
                    patient_id: head.patient_id, device_id: head.device_id, source: head.source, readings,
                };
                // as bytes, for a damaged value may be no number, which equals nothing
                let (mut one, mut other) = (Vec::new(), Vec::new());
                encode("wearable-readings", &by_hand, &mut one).unwrap();
                encode("wearable-readings", &upload, &mut other).unwrap();
                prop_assert_eq!(one, other);
            }
            _ => prop_assert!(readings.is_empty()),
        }
    }

    #[test]
    fn noise_is_refused(bytes in prop::collection::vec(any::<u8>(), 0..64), header: Option<Vec<u8>>) {
        for typed in &TYPED {
            prop_assert!((typed.rewrite)(&bytes).is_err());
            agree(typed, &bytes)?;
        }
        let read = decode::<PromResponse<'_>>("prom-responses", Some(&bytes), header.as_deref());
        prop_assert!(read.is_err());
    }
}

/// Our answer to a body, framed as it should be, is the authority's.
fn agree(typed: &Typed, body: &[u8]) -> Result<(), TestCaseError> {
    let subject = typed.subject;
    let schema = Registry::released().subject(subject).unwrap();
    let authority = authority_reads(schema.authority(), body);
    match (typed.rewrite)(&framed(subject, body)) {
        Ok(_) => prop_assert!(authority.is_some(), "{subject}: read what the authority refuses"),
        Err(OUT_OF_RANGE) => {}
        // the authority is milder: where the bytes end it makes up a null, and it drops what is beyond 64
        // bits; but what it then writes is not what was there, or does not even fit the schema
        Err(fault @ (WireError::Truncated | TOO_LONG)) => {
            let written = authority.and_then(|value| authority_writes(schema.authority(), value).ok());
            prop_assert!(written.is_none_or(|written| written != body), "{subject}: {fault}?");
        }
        Err(error) => prop_assert!(authority.is_none(), "{subject}: {error}, but the authority reads it"),
    }
    Ok(())
}

fn framed(subject: &str, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0];
    bytes.extend(Registry::released().subject(subject).unwrap().id.to_be_bytes());
    bytes.extend(body);
    bytes
}

/// A long as Avro writes it.
fn long(value: i64) -> Vec<u8> {
    let mut raw = (value.cast_unsigned() << 1) ^ (value >> 63).cast_unsigned();
    let mut bytes = Vec::new();
    while raw >= 0x80 {
        bytes.push(raw.to_le_bytes()[0] | 0x80);
        raw >>= 7;
    }
    bytes.push(raw.to_le_bytes()[0]);
    bytes
}

#[test]
fn a_forged_number_of_elements_asks_for_no_memory() {
    let too_many = WireError::Invalid("too many elements in a list");
    let most = i64::try_from(MAX_ELEMENTS).unwrap();
    let cases =
        [(i64::MAX, too_many), (most + 1, too_many), (most, WireError::Truncated), (1, WireError::Truncated)];
    for (count, expected) in cases {
        // no patient, no device, live, then the readings
        let upload = framed("wearable-readings", &[&[0, 0, 0][..], &long(count)].concat());
        let mut readings = Vec::new();
        assert_eq!(each_reading(Some(&upload), None, &mut readings), Err(expected));
        assert!(readings.capacity() < 16);
        let read = decode::<WearableUpload<'_>>("wearable-readings", Some(&upload), None);
        assert_eq!(read, Err(expected));
    }
    for negative in [i64::MIN, -most - 1] {
        let body = [&[0, 0, 0][..], &long(negative), &[0]].concat();
        let upload = framed("wearable-readings", &body);
        assert_eq!(each_reading(Some(&upload), None, &mut Vec::new()), Err(too_many));
        let read = decode::<WearableUpload<'_>>("wearable-readings", Some(&upload), None);
        assert_eq!(read, Err(too_many));
    }
}

/// Empty texts cost a byte each on the wire and sixteen in memory.
#[test]
fn a_list_of_millions_of_empty_texts_is_refused() {
    // the first eight fields: texts, revision, status, source, times; then five of six absent, one list
    let mut body = vec![0, 2, 0, 0, 0, 0, 0, 0];
    body.extend([0, 0, 0, 0, 0, 0, 2]);
    body.extend(long(15 << 20));
    body.resize(body.len() + (15 << 20), 0);
    let enrolment = framed("enrolments", &body);
    assert_eq!(
        decode::<Enrolment<'_>>("enrolments", Some(&enrolment), None),
        Err(WireError::Invalid("too many elements in a list"))
    );
}

#[test]
fn an_error_says_nothing_of_the_record() {
    let secret = "p-secret-000017";
    let mut upload = WearableUpload {
        patient_id: secret,
        device_id: secret,
        source: aftercare_schemas::wire::Source::Live,
        readings: Vec::new(),
    };
    let mut bytes = Vec::new();
    encode("wearable-readings", &upload, &mut bytes).unwrap();
    bytes.push(7);
    let error = decode::<WearableUpload<'_>>("wearable-readings", Some(&bytes), None).unwrap_err();
    assert!(!format!("{error} {error:?}").contains("secret"));
    upload.patient_id = "";
    // what fits no field of the schema
    let error = encode("control", &upload, &mut bytes).unwrap_err();
    assert!(!format!("{error} {error:?}").contains("secret"));
    assert_eq!(bytes.last(), Some(&7), "a failed encode leaves the output as it was");
}
