//! NEWS2 against its chart at every value, and against scored vectors; what readings between two values of the chart count
//! as.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "tests")]

use std::collections::BTreeMap;
use std::path::PathBuf;

use aftercare_core::metric::Metric;
use aftercare_core::time::Millis;
use aftercare_core::vital::news2::{News2, Spo2Scale, VITALS, Vitals};
use aftercare_core::vital::{News2At, news2_at};
use aftercare_core::window::{Micros, Points};

/// The rows of a file beside the checkout; `None`, with a message, where it is not there.
fn rows(name: &str) -> Option<Vec<csv::StringRecord>> {
    let beside = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let path = std::env::var_os("AFTERCARE_DATA").map_or_else(beside, PathBuf::from).join(name);
    if !path.exists() {
        println!("skipped: {name} is not at hand; set AFTERCARE_DATA to its folder");
        return None;
    }
    let mut reader = csv::ReaderBuilder::new().comment(Some(b'#')).from_path(path).unwrap();
    Some(reader.records().map(Result::unwrap).collect())
}

/// What a chart says of one sign.
#[derive(Default)]
struct Chart(Vec<(i64, i64, u8)>);

impl Chart {
    fn points(&self, value: i64) -> u8 {
        let mut bands = self.0.iter().filter(|(low, high, _)| (*low..=*high).contains(&value));
        let (_, _, points) = bands.next().unwrap();
        assert!(bands.next().is_none(), "{value} lies in two bands");
        *points
    }

    /// All values of the chart's resolution from before its first edge to behind its last one.
    fn values(&self) -> Vec<i64> {
        let inner = self.0.iter().flat_map(|(low, high, _)| [*low, *high]);
        let edges: Vec<i64> = inner.filter(|edge| ![i64::MIN, i64::MAX].contains(edge)).collect();
        (edges.iter().min().unwrap() - 3..=edges.iter().max().unwrap() + 3).collect()
    }
}

/// The published bands by parameter; temperatures in tenths.
fn charts() -> Option<BTreeMap<String, Chart>> {
    let mut charts: BTreeMap<String, Chart> = BTreeMap::new();
    for row in rows("prom_tables/news2_thresholds.csv")? {
        let edge = |text: &str, open: i64| {
            if text.is_empty() { open } else { text.replace('.', "").parse().unwrap() }
        };
        if !["supplemental_oxygen", "acvpu"].contains(&&row[0]) {
            let band = (edge(&row[1], i64::MIN), edge(&row[2], i64::MAX), row[3].parse().unwrap());
            charts.entry(row[0].to_owned()).or_default().0.push(band);
        }
    }
    Some(charts)
}

const WELL: [i64; 7] = [16, 98, 0, 120, 70, 0, 368];

fn vitals(values: [i64; 7]) -> Vitals {
    let [respiration_rate, oxygen_saturation, oxygen, systolic_pressure, pulse, consciousness, tenths] =
        values;
    Vitals {
        respiration_rate,
        oxygen_saturation,
        on_oxygen: oxygen > 0,
        systolic_pressure,
        pulse,
        consciousness,
        temperature_tenths: tenths,
    }
}

#[test]
fn every_value_of_the_chart_has_its_points() {
    use Spo2Scale::{One, Two};
    let Some(charts) = charts() else { return };
    // Chart, place among the seven, scale, on oxygen; the same chart where scale and oxygen say nothing about it.
    let mut cases = Vec::new();
    for (name, place) in [("respiration_rate", 0), ("systolic_bp", 3), ("pulse", 4), ("temperature_c", 6)] {
        for (scale, oxygen) in [(One, 0), (One, 1), (Two, 0), (Two, 1)] {
            cases.push((name, place, scale, oxygen));
        }
    }
    cases.extend([("spo2_scale1", 1, One, 0), ("spo2_scale1", 1, One, 1)]);
    cases.extend([("spo2_scale2_on_air", 1, Two, 0), ("spo2_scale2_on_oxygen", 1, Two, 1)]);
    let mut looked_at = 0;
    for (name, place, scale, oxygen) in cases {
        for value in charts[name].values() {
            let mut values = WELL;
            // On oxygen by scale 2 the saturation of someone well is too high; its points are not asked for here.
            (values[2], values[place]) = (oxygen, value);
            let found = News2::of(&vitals(values), scale);
            assert_eq!(found.points[place], charts[name].points(value), "{name} {value} {scale:?} {oxygen}");
            assert_eq!(found.points[2], if oxygen > 0 { 2 } else { 0 });
            assert_eq!(found.score, found.points.iter().sum::<u8>());
            looked_at += 1;
        }
    }
    for consciousness in 0..=4 {
        let mut values = WELL;
        values[5] = consciousness;
        assert_eq!(News2::of(&vitals(values), One).points[5], if consciousness == 0 { 0 } else { 3 });
    }
    println!("NEWS2: {looked_at} values of the chart have their points");
    assert_eq!(charts.len(), 7);
}

#[test]
fn news2_equals_its_vectors() {
    let Some(vectors) = rows("prom_vectors/news2.csv") else { return };
    for row in &vectors {
        let whole = |at: usize| row[at].parse::<i64>().unwrap();
        let mind = i64::try_from("ACVPU".find(&row[7]).unwrap()).unwrap();
        let tenths = row[4].replace('.', "").parse().unwrap();
        let values = [whole(1), whole(2), whole(3), whole(5), whole(6), mind, tenths];
        let scale = if &row[0] == "2" { Spo2Scale::Two } else { Spo2Scale::One };
        let news2 = News2::of(&vitals(values), scale);
        let found = (i64::from(news2.score), i64::from(news2.any_three()), news2.band().replace('_', "-"));
        assert_eq!(found, (whole(8), whole(9), row[10].to_owned()), "{row:?}");
    }
    println!("NEWS2: {} vectors equal", vectors.len());
    assert!(vectors.len() > 30);
}

/// The score of one reading of each of these signs, in millionths, all in one window.
fn of_readings(readings: &[(usize, i64)]) -> Option<News2At> {
    let windows: Vec<(Metric, i64, Points)> = readings
        .iter()
        .map(|(place, micros)| {
            let mut points = Points::default();
            points.insert(0, Micros::from_millionths(*micros));
            (Metric::named(VITALS[*place]).unwrap(), 0, points)
        })
        .collect();
    let windows = windows.iter().map(|(metric, index, points)| (*metric, *index, points));
    news2_at(windows, 0, Millis(3_600_000), Spo2Scale::One)
}

/// One of this resolution, in millionths.
fn step(place: usize) -> i64 {
    if VITALS[place] == "body_temperature" { 100_000 } else { 1_000_000 }
}

fn well() -> Vec<(usize, i64)> {
    (0..7).map(|place| (place, WELL[place] * step(place))).collect()
}

/// A reading counts as the nearest value of the chart, halfway as the higher one, to the last millionth of a unit.
#[test]
fn a_reading_between_two_values_of_the_chart_counts_as_the_nearest() {
    let Some(charts) = charts() else { return };
    let signs =
        [(0, "respiration_rate"), (1, "spo2_scale1"), (3, "systolic_bp"), (4, "pulse"), (6, "temperature_c")];
    for (place, name) in signs {
        for value in charts[name].values() {
            let points = |micros: i64| {
                let mut readings = well();
                readings[place].1 = micros;
                of_readings(&readings).unwrap().news2.points[place]
            };
            let (exact, half) = (value * step(place), step(place) / 2);
            let expected = charts[name].points(value);
            assert_eq!([exact - half, exact, exact + half - 1].map(points), [expected; 3], "{name} {value}");
            assert_eq!(points(exact + half), charts[name].points(value + 1), "{name} {value} and a half");
        }
    }
}

#[test]
fn half_a_litre_of_oxygen_is_oxygen() {
    for (micros, points) in [(0, 0), (1, 2), (500_000, 2), (2_000_000, 2)] {
        let mut readings = well();
        readings[2].1 = micros;
        assert_eq!(of_readings(&readings).unwrap().news2.points[2], points, "{micros}");
    }
}

/// Not one of the seven may be absent, whichever and however many others are: absence never counts as 0.
#[test]
fn no_selection_of_fewer_than_seven_signs_is_scored() {
    for selection in 0u32..128 {
        let readings: Vec<_> = well().into_iter().filter(|(place, _)| selection >> place & 1 == 1).collect();
        let found = of_readings(&readings).map(|found| found.news2.score);
        assert_eq!(found, (selection == 127).then_some(0), "{selection:#09b}");
    }
}
