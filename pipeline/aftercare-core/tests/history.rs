//! Curves of a registry's history: on invented registries, whose truth is known, and on real ones where they are at hand.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::path::PathBuf;

use aftercare_core::curve::history::{
    Calibration, Evaluator, HistoryCurve, Levels, Response, calibrate, fit, fold_of,
};
use aftercare_core::curve::personal::given;
use proptest::prelude::*;

const SHARES: [f64; 5] = [0.05, 0.1, 0.5, 0.9, 0.95];

/// Chance without a generator: the same everywhere.
struct Chance {
    seed: u64,
    drawn: u64,
}

impl Chance {
    fn uniform(&mut self) -> f64 {
        self.drawn += 1;
        let bits = xxhash_rust::xxh3::xxh3_64_with_seed(&self.drawn.to_le_bytes(), self.seed);
        (bits >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Box and Muller.
    fn normal(&mut self) -> f64 {
        let (one, other) = (1.0 - self.uniform(), self.uniform());
        libm::sqrt(-2.0 * libm::log(one)) * libm::cos(std::f64::consts::TAU * other)
    }
}

/// A registry of patients with a part of their deviation in common (0.8 of a standard deviation), seen `visits` times
/// within `longest`, with the score that `score` makes of time and deviation.
fn registry(
    seed: u64,
    patients: u32,
    visits: u32,
    longest: f64,
    score: impl Fn(f64, f64) -> f64,
) -> Vec<Response> {
    let mut chance = Chance { seed, drawn: 0 };
    let mut responses = Vec::new();
    for subject in 0..patients {
        let own = chance.normal();
        for _ in 0..visits {
            let time = libm::rint(chance.uniform() * longest * 1e4) / 1e4;
            let z = 0.8 * own + 0.6 * chance.normal();
            responses.push(Response { subject, time, value: score(time, z), characteristics: Vec::new() });
        }
    }
    responses
}

fn calibrated(responses: &[Response], names: &[String]) -> Calibration {
    calibrate(responses, names, &SHARES, 5, |subject| fold_of(&subject.to_string(), 5)).unwrap()
}

/// Each tail is within 0.02 of what it says, with ties on the right side, those of forecasts (of which there are fewer)
/// within 0.03; and forecasts err less than what is expected of all by `gain`.
fn assert_right(what: &str, found: &Calibration, gain: f64) {
    for (band, tails, off) in [("all", &found.tails, 0.02), ("personal", &found.personal_tails, 0.03)] {
        for tail in tails {
            let share = |count: u64| count as f64 / tail.n as f64;
            let (less, not_more) = (share(tail.less), share(tail.not_more));
            assert!(less <= tail.share + off, "{what}, {band}: {less} below {}", tail.share);
            assert!(not_more >= tail.share - off, "{what}, {band}: {not_more} up to {}", tail.share);
        }
    }
    let errors = found.personal.mean_absolute() / found.population.mean_absolute();
    assert!(errors <= 1.0 - gain, "{what}: {errors} of the error");
}

#[test]
fn a_registry_that_grows_widens_and_is_skewed() {
    let score =
        |time: f64, z: f64| 60.0 + 30.0 * libm::sqrt(time) + (2.0 + 0.6 * time) * (libm::exp(0.5 * z) - 1.0);
    assert_right("growth", &calibrated(&registry(1, 250, 5, 18.0, score), &[]), 0.14);
}

#[test]
fn a_steep_recovery() {
    let score = |time: f64, z: f64| 80.0 - 50.0 * libm::exp(-time / 14.0) + 10.0 * z;
    let responses = registry(2, 250, 5, 365.0, score);
    assert_right("recovery", &calibrated(&responses, &[]), 0.14);
    // What is expected follows it, though half of it is over within 3 % of the time.
    let curve = fit(&responses, &[], 0.1).unwrap().unwrap();
    let evaluator = Evaluator::new(&curve);
    for time in [5.0, 10.0, 20.0, 40.0, 100.0, 300.0] {
        let (expected, truth) = (evaluator.at(&[], time).unwrap().mean(), score(time, 0.0));
        assert!((expected - truth).abs() < 5.0, "{time}: {expected}, {truth}");
    }
}

#[test]
fn a_scale_with_a_ceiling() {
    let score = |time: f64, z: f64| {
        let score = 0.5 + 0.45 * (1.0 - libm::exp(-time / 30.0)) + 0.25 * z;
        libm::rint(score.min(1.0) * 1e3) / 1e3
    };
    let responses = registry(3, 250, 5, 365.0, score);
    let at_ceiling = responses.iter().filter(|response| response.value >= 1.0).count();
    assert!(at_ceiling * 10 > responses.len() * 3, "{at_ceiling}");
    assert_right("ceiling", &calibrated(&responses, &[]), 0.14);
    let curve = fit(&responses, &[], 0.1).unwrap().unwrap();
    let late = Evaluator::new(&curve).at(&[], 300.0).unwrap();
    for share in [0.75, 0.9, 0.99] {
        assert!((late.quantile(share) - 1.0).abs() < 1e-12, "{share}");
    }
}

/// A real registry: its responses, one column as the score. `None` where the file is not at hand.
fn real(file: &str, [subject, time, value]: [&str; 3]) -> Option<Vec<Response>> {
    let beside = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let folder = std::env::var_os("AFTERCARE_DATA").map_or_else(beside, PathBuf::from);
    let Ok(text) = std::fs::read_to_string(folder.join(file)) else {
        eprintln!("skipped: {file} is not there");
        return None;
    };
    let mut reader = csv::ReaderBuilder::new().comment(Some(b'#')).from_reader(text.as_bytes());
    let header = reader.headers().unwrap().clone();
    let column = |name: &str| header.iter().position(|cell| cell == name).unwrap();
    let (subject, time, value) = (column(subject), column(time), column(value));
    let records = reader.records().map(Result::unwrap).filter(|record| !record[value].is_empty());
    let responses = records.map(|record| Response {
        subject: record[subject].parse().unwrap(),
        time: record[time].parse().unwrap(),
        value: record[value].parse().unwrap(),
        characteristics: Vec::new(),
    });
    Some(responses.collect())
}

#[test]
fn real_registries() {
    for (file, columns) in [("pbcseq.csv", ["id", "day", "bili"]), ("btheb_bdi.csv", ["id", "month", "bdi"])]
    {
        if let Some(responses) = real(file, columns) {
            assert_right(columns[2], &calibrated(&responses, &[]), 0.14);
        }
    }
}

fn with(
    mut responses: Vec<Response>,
    characteristics: impl Fn(u32) -> Vec<Option<&'static str>>,
) -> Vec<Response> {
    for response in &mut responses {
        let known = characteristics(response.subject);
        response.characteristics = known.into_iter().map(|level| level.map(Box::from)).collect();
    }
    responses
}

#[test]
fn cohorts_are_told_apart_as_they_grow_and_unknown_ones_are_all() {
    let score = |_: f64, z: f64| libm::rint(50.0 + 10.0 * z);
    let mut responses = with(registry(4, 300, 4, 100.0, score), |subject| {
        vec![if subject % 5 == 0 { None } else { Some(if subject % 2 == 0 { "f" } else { "m" }) }]
    });
    for response in
        responses.iter_mut().filter(|response| response.characteristics[0].as_deref() == Some("f"))
    {
        response.value += 15.0;
    }
    let curve = fit(&responses, &[String::from("sex")], 0.1).unwrap().unwrap();
    assert_eq!(curve.covariates[0].levels, Levels::Names(vec!["f".into(), "m".into()]));
    let evaluator = Evaluator::new(&curve);
    let expected =
        |level: Option<&str>| evaluator.at(&curve.levels_of([level].into_iter()), 50.0).unwrap().mean();
    assert!(expected(Some("f")) > expected(None) + 2.0 && expected(None) > expected(Some("m")) + 2.0);
    assert!((expected(Some("x")) - expected(None)).abs() < 1e-12, "a level that nobody had");
}

#[test]
fn numbers_are_parted_by_their_quantiles() {
    let ages: Vec<String> = (0..80).map(|age| (20 + age).to_string()).collect();
    let responses: Vec<Response> = (0..80)
        .zip(&ages)
        .map(|(subject, age)| Response {
            subject,
            time: 0.0,
            value: f64::from(subject),
            characteristics: vec![Some(age.as_str().into())],
        })
        .collect();
    let curve = fit(&responses, &[String::from("age")], 0.1).unwrap().unwrap();
    assert_eq!(curve.covariates[0].levels, Levels::Bands(vec![40.0, 60.0, 80.0]));
    assert_eq!(curve.name_of(&[0]), "age below 40");
    assert_eq!(curve.name_of(&[2]), "age 60 to below 80");
    assert_eq!(curve.name_of(&[]), "all");
    let level = |age| curve.covariates[0].level_of(Some(age));
    assert_eq!(["39.9", "40", "99", "x"].map(level), [Some(0), Some(1), Some(3), None]);
}

#[test]
fn fixed_visits_are_bins_and_far_out_nothing_is_said() {
    let responses: Vec<Response> = (0..120)
        .map(|at: u32| Response {
            subject: at / 3,
            time: f64::from(at % 3) * 6.0,
            value: f64::from(at % 3) * 10.0 + f64::from(at % 7),
            characteristics: Vec::new(),
        })
        .collect();
    let curve = fit(&responses, &[], 0.1).unwrap().unwrap();
    let centres: Vec<f64> = curve.bins.iter().map(|bin| bin.centre).collect();
    assert_eq!(centres, [0.0, 6.0, 12.0]);
    let evaluator = Evaluator::new(&curve);
    let mean = |time| evaluator.at(&[], time).map(|there| there.mean());
    let middle = (mean(0.0).unwrap() + mean(6.0).unwrap()) / 2.0;
    assert!((mean(3.0).unwrap() - middle).abs() < 1e-9, "straight between");
    assert_eq!(mean(12.0), mean(15.0), "stays for a quarter of the span");
    assert_eq!(mean(15.1), None);
}

/// Mean, standard deviation and the quantile of type 6, of values in ascending order.
fn simply(values: &[f64], share: f64) -> (f64, f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let squares: f64 = values.iter().map(|value| (value - mean) * (value - mean)).sum();
    let place = share * (n + 1.0) - 1.0;
    let below = place.floor();
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a rank")]
    let [one, next] = [below, below + 1.0].map(|at| values[at as usize]);
    (mean, libm::sqrt(squares / (n - 1.0)), one + (place - below) * (next - one))
}

#[test]
fn at_a_fixed_visit_it_is_what_a_simple_computation_says() {
    let mut chance = Chance { seed: 6, drawn: 0 };
    let mut responses = Vec::new();
    for subject in 0..90 {
        for time in [0.0, 6.0] {
            let value = libm::rint(1e4 * (50.0 + 10.0 * chance.normal() + time)) / 1e4;
            let characteristics = vec![Some(Box::from(if subject % 3 == 0 { "f" } else { "m" }))];
            responses.push(Response { subject, time, value, characteristics });
        }
    }
    let curve = fit(&responses, &[String::from("sex")], 0.1).unwrap().unwrap();
    let evaluator = Evaluator::new(&curve);
    let near = |one: f64, other: f64| (one - other).abs() < 1e-6;
    for time in [0.0, 6.0] {
        let at_visit = responses.iter().filter(|response| response.time.total_cmp(&time).is_eq());
        let mut all: Vec<f64> = at_visit.clone().map(|response| response.value).collect();
        all.sort_unstable_by(f64::total_cmp);
        let there = evaluator.at(&[], time).unwrap();
        for share in SHARES {
            let (mean, sd, quantile) = simply(&all, share);
            assert!(near(there.mean(), mean) && near(there.sd().unwrap(), sd), "{time}");
            assert!(
                near(there.quantile(share), quantile),
                "{time} {share}: {} {quantile}",
                there.quantile(share)
            );
        }
        let women = at_visit.filter(|response| response.characteristics[0].as_deref() == Some("f"));
        let mut women: Vec<f64> = women.map(|response| response.value).collect();
        women.sort_unstable_by(f64::total_cmp);
        let (own, parent) = (simply(&women, 0.5).0, simply(&all, 0.5).0);
        let mean = (30.0 * own + 30.0 * parent) / 60.0;
        let narrowed = evaluator.at(&[0], time).unwrap();
        assert!(near(narrowed.mean(), mean), "{} {mean}", narrowed.mean());
    }
}

#[test]
fn the_smallest_registries() {
    assert_eq!(fit(&[], &[], 0.1).unwrap(), None);
    let one = Response { subject: 7, time: 3.0, value: 5.5, characteristics: Vec::new() };
    let curve = fit(std::slice::from_ref(&one), &[], 0.1).unwrap().unwrap();
    let there = Evaluator::new(&curve).at(&[], 3.0).unwrap();
    assert!((there.mean() - 5.5).abs() < 1e-12 && (there.quantile(0.9) - 5.5).abs() < 1e-12);
    assert_eq!(there.sd(), None, "one response has no spread");
    // All the same, over time.
    let same: Vec<Response> = (0..200)
        .map(|at: u32| Response {
            subject: at % 20,
            time: f64::from(at),
            value: 3.0,
            characteristics: Vec::new(),
        })
        .collect();
    let curve = fit(&same, &[], 0.1).unwrap().unwrap();
    let evaluator = Evaluator::new(&curve);
    let there = evaluator.at(&[], 77.7).unwrap();
    assert!((there.quantile(0.1) - 3.0).abs() < 1e-12 && there.sd().unwrap().abs() < 1e-12);
    let deviation = given(&curve.coherence, &[(1.0, there.deviation_of(3.0).unwrap())], 77.7);
    assert!((there.moments_given(&deviation).0 - 3.0).abs() < 1e-12);
}

fn small() -> impl Strategy<Value = Vec<Response>> {
    let response = (0_u32..12, 0_u32..40, -30_i32..30, prop::option::of(0_usize..3));
    prop::collection::vec(response, 1..120).prop_map(|responses| {
        let response = |(subject, time, value, level): (u32, u32, i32, Option<usize>)| Response {
            subject,
            time: f64::from(time) / 4.0,
            value: f64::from(value) / 2.0,
            characteristics: vec![level.map(|level| Box::from(["a", "b", "c"][level]))],
        };
        responses.into_iter().map(response).collect()
    })
}

fn of(responses: &[Response]) -> HistoryCurve {
    fit(responses, &[String::from("group")], 0.1).unwrap().unwrap()
}

proptest! {
    #[test]
    fn the_order_of_lines_is_of_no_matter(responses in small(), seed in any::<u64>()) {
        let mut other: Vec<(u64, Response)> = (0_u64..)
            .zip(responses.clone())
            .map(|(at, one)| (xxhash_rust::xxh3::xxh3_64_with_seed(&at.to_le_bytes(), seed), one))
            .collect();
        other.sort_unstable_by_key(|(key, _)| *key);
        let other: Vec<Response> = other.into_iter().map(|(_, one)| one).collect();
        let (one, other) = (of(&responses), of(&other));
        prop_assert_eq!(format!("{one:?}"), format!("{other:?}"));
    }

    #[test]
    fn quantiles_ascend_within_what_was_reported(responses in small(), time in 0.0..10.0_f64) {
        let curve = of(&responses);
        let least = responses.iter().map(|response| response.value).fold(f64::INFINITY, f64::min);
        let most = responses.iter().map(|response| response.value).fold(f64::NEG_INFINITY, f64::max);
        let evaluator = Evaluator::new(&curve);
        for levels in [vec![], vec![0], vec![1]] {
            let Some(there) = evaluator.at(&levels, time) else { continue };
            let quantiles = [0.01, 0.1, 0.4, 0.5, 0.9, 0.99].map(|share| there.quantile(share));
            prop_assert!(quantiles.is_sorted(), "{quantiles:?}");
            prop_assert!(quantiles[0] >= least - 1e-9 && quantiles[5] <= most + 1e-9);
            prop_assert!((least - 1e-9..=most + 1e-9).contains(&there.mean()));
            let deviation = given(&curve.coherence, &[(0.0, 1.0)], time);
            let (mean, sd) = there.moments_given(&deviation);
            prop_assert!(mean.is_finite() && sd.is_finite());
        }
    }
}
