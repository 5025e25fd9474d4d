//! How long one record takes to read and to write: `cargo bench -p aftercare-schemas`.
//! The golden examples are the input; each line is the best of several rounds.

#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a benchmark prints, and fails by panicking")]

use aftercare_schemas::codec::{Registry, decode, each_reading, encode};
use aftercare_schemas::wire::{PromResponse, Reading, Score, WearableUpload};
use apache_avro::reader::datum::GenericDatumReader;
use std::hint::black_box;
use std::time::Instant;

const ROUNDS: u32 = 10;
const TIMES: u32 = 20_000;

fn best(what: &str, mut once: impl FnMut()) {
    let round = |once: &mut dyn FnMut()| {
        let start = Instant::now();
        (0..TIMES).for_each(|_| once());
        start.elapsed().as_nanos() / u128::from(TIMES)
    };
    let nanos = (0..ROUNDS).map(|_| round(&mut once)).min().unwrap();
    println!("{what:55} {nanos:>6} ns");
}

fn golden(path: &str) -> Vec<u8> {
    std::fs::read(format!("{}/examples/{path}.bin", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

fn main() {
    let single = golden("wearable-readings/single");
    let vitals = golden("wearable-readings/vitals");
    let upload = golden("prom-responses/stent-follow-up");
    let scored = golden("scores/scored");
    let mut scratch: Vec<Reading<'_>> = Vec::new();
    let mut out = Vec::new();

    best("each_reading, one reading", || {
        black_box(each_reading(Some(black_box(&single)), None, &mut scratch).unwrap());
    });
    best("each_reading, 14 readings", || {
        black_box(each_reading(Some(black_box(&vitals)), None, &mut scratch).unwrap());
    });
    best("decode, wearable upload of one reading", || {
        black_box(decode::<WearableUpload<'_>>("wearable-readings", Some(black_box(&single)), None).unwrap());
    });
    best("decode, PROM upload of 4 forms and 18 answers", || {
        black_box(decode::<PromResponse<'_>>("prom-responses", Some(black_box(&upload)), None).unwrap());
    });
    best("decode, score", || {
        black_box(decode::<Score<'_>>("scores", Some(black_box(&scored)), None).unwrap());
    });
    let score: Score<'_> = decode("scores", Some(&scored), None).unwrap();
    best("encode, score", || {
        out.clear();
        encode("scores", black_box(&score), &mut out).unwrap();
    });
    let answers: PromResponse<'_> = decode("prom-responses", Some(&upload), None).unwrap();
    best("encode, PROM upload of 4 forms and 18 answers", || {
        out.clear();
        encode("prom-responses", black_box(&answers), &mut out).unwrap();
    });
    let schema = Registry::released().subject("wearable-readings").unwrap().authority();
    let authority = GenericDatumReader::builder(schema).build().unwrap();
    best("apache-avro, wearable upload of one reading", || {
        black_box(authority.read_value(&mut black_box(&single[5..])).unwrap());
    });
}
