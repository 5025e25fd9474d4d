//! Readings in whatever unit they come: what is kept of them, and what is refused.
#![allow(clippy::unwrap_used, reason = "tests")]

use aftercare_core::documents::{HOME_VITALS, Library, SHIPPED, VITALS};
use aftercare_core::metric::Metric;
use aftercare_core::reason::Reason;
use aftercare_core::time::Instant;
use aftercare_core::vital::Summary;
use aftercare_core::window::{Micros, Points};
use proptest::prelude::*;

const NOW: Instant = Instant(1_767_340_800_000);

fn every_metric() -> impl Iterator<Item = Metric> {
    (1..).map_while(Metric::at)
}

fn kept(metric: &str, unit: &str, value: f64) -> Result<i64, Reason> {
    let library = Library::builtin();
    library.admit(Metric::named(metric).unwrap(), unit, value, NOW).map(Micros::millionths)
}

#[test]
fn what_is_kept_is_exact_to_a_millionth() {
    for (metric, unit, value, micros) in [
        ("body_temperature", "[degF]", 98.6, 37_000_000),
        ("body_temperature", "F", 100.4, 38_000_000),
        // 37.8333...: rounded once
        ("body_temperature", "°F", 100.1, 37_833_333),
        ("body_temperature", "K", 310.15, 37_000_000),
        ("body_temperature", "C", 36.6, 36_600_000),
        // 0.45359237 kg exactly; 81.6466266
        ("body_weight", "[lb_av]", 1.0 * 100.0, 45_359_237),
        ("body_weight", "lb", 180.0, 81_646_627),
        ("body_weight", "g", 72_350.0, 72_350_000),
        // 180.156 mg/dL are 10 mmol/L
        ("blood_glucose", "mg/dL", 180.156, 10_000_000),
        ("blood_glucose", "mg/dl", 99.0, 5_495_237),
        ("blood_glucose", "mmol/l", 5.5, 5_500_000),
        // 133.322 Pa are 1 mmHg
        ("systolic_pressure", "kPa", 13.3322, 100_000_000),
        ("systolic_pressure", "kPa", 16.0, 120_010_201),
        ("diastolic_pressure", "mmHg", 80.0, 80_000_000),
        ("oxygen_saturation", "1", 0.975, 97_500_000),
        ("heart_rate", "bpm", 61.0, 61_000_000),
        ("respiration_rate", "{breaths}/min", 16.0, 16_000_000),
        ("sleep_duration", "h", 7.25, 435_000_000),
        ("sleep_duration", "s", 100.0, 1_666_667),
        ("supplemental_oxygen", "l/min", 2.0, 2_000_000),
        ("doses_taken", "1", 1.0, 1_000_000),
        ("steps", "steps", 4_321.0, 4_321_000_000),
    ] {
        assert_eq!(kept(metric, unit, value), Ok(micros), "{value} {unit} of {metric}");
    }
}

#[test]
fn a_unit_that_the_metric_does_not_have_is_refused() {
    for (metric, unit) in [
        ("body_temperature", "cel"),
        ("heart_rate", "Cel"),
        ("heart_rate", "{breaths}/min"),
        ("respiration_rate", "bpm"),
        ("systolic_pressure", "Pa"),
        ("blood_glucose", "mg"),
        ("body_weight", "st"),
        ("body_weight", ""),
        ("oxygen_saturation", "percent"),
        ("consciousness", "1"),
    ] {
        assert_eq!(kept(metric, unit, 40.0), Err(Reason::UnsupportedUnit), "{metric} in {unit}");
    }
}

#[test]
fn every_metric_keeps_its_own_unit_untouched() {
    for metric in every_metric() {
        assert_eq!(metric.in_own_unit(metric.unit(), 41.25).map(Micros::millionths), Ok(41_250_000));
    }
}

#[test]
fn every_metric_has_limits_and_both_ends_are_plausible() {
    let library = Library::builtin();
    let rules = library.vitals().unwrap();
    for metric in every_metric() {
        let (low, high) = rules.metric(metric).and_then(|known| known.plausible).unwrap();
        let says = |micros: i64| {
            let value = Micros::from_millionths(micros).to_units();
            library.admit(metric, metric.unit(), value, NOW).map(Micros::millionths)
        };
        for end in [low.millionths(), high.millionths()] {
            assert_eq!(says(end), Ok(end), "{}", metric.name());
        }
        for beyond in [low.millionths() - 1, high.millionths() + 1] {
            assert_eq!(says(beyond), Err(Reason::ImplausibleValue), "{}", metric.name());
        }
    }
}

#[test]
fn limits_hold_for_the_kept_unit_whatever_came() {
    assert_eq!(kept("body_temperature", "F", 40.0), Err(Reason::ImplausibleValue));
    assert_eq!(kept("blood_glucose", "mmol/L", 99.0), Err(Reason::ImplausibleValue));
    assert_eq!(kept("oxygen_saturation", "1", 97.0), Err(Reason::ImplausibleValue));
    for bad in [f64::NAN, f64::INFINITY, 1e8] {
        assert_eq!(kept("body_weight", "lb", bad), Err(Reason::ImplausibleValue));
    }
    // Without a document whatever has room is kept.
    let none = Library::default();
    let weight = Metric::named("body_weight").unwrap();
    assert!(none.admit(weight, "kg", 9e6, NOW).is_ok());
    assert_eq!(none.admit(weight, "lb", 2e7, NOW), Err(Reason::ImplausibleValue));
    assert_eq!(
        none.admit(Metric::named("sleep_duration").unwrap(), "h", 9e6, NOW),
        Err(Reason::ImplausibleValue)
    );
}

#[test]
fn new_limits_hold_for_what_was_measured_from_their_day_on() {
    let mut library = Library::builtin();
    let (_, _, text) = SHIPPED.iter().find(|(kind, _, _)| *kind == VITALS).unwrap();
    let newer = text
        .replace("version = 1", "version = 2\nplausible_from = \"2026-01-02\"")
        .replace("plausible_high = 300", "plausible_high = 250");
    library.add(VITALS, HOME_VITALS, 2, &newer).unwrap();
    let day = Instant(1_767_312_000_000);
    let at = |moment: i64| library.admit(Metric::HEART_RATE, "/min", 270.0, Instant(moment)).is_ok();
    assert_eq!([at(day.0 - 1), at(day.0), at(0)], [true, false, true]);
}

#[test]
fn a_document_with_odd_limits_is_refused_with_every_problem() {
    let (_, _, text) = SHIPPED.iter().find(|(kind, _, _)| *kind == VITALS).unwrap();
    let odd = text
        .replace("version = 1", "version = 1\nplausible_from = \"soon\"")
        .replace("plausible_low = 20\nplausible_high = 300", "plausible_low = 60\nplausible_high = 300")
        .replace("plausible_low = 30\nplausible_high = 100", "plausible_low = 100\nplausible_high = 30")
        .replace("plausible_low = 0\nplausible_high = 4", "plausible_high = 4");
    let problems = Library::default().add(VITALS, HOME_VITALS, 1, &odd).unwrap_err();
    let found: Vec<String> = problems.iter().map(ToString::to_string).collect();
    let has = |text: &str| assert!(found.iter().any(|problem| problem.contains(text)), "{text}: {found:?}");
    has("plausible_from is no day");
    has("metrics[0].low and high do not lie within");
    has("metrics[3].plausible_low and plausible_high are not both there");
    has("metrics[11].plausible_low and plausible_high are not both there");
}

proptest! {
    /// What a reading says does not depend on what came before, and a greater value stays the greater one.
    #[test]
    fn windows_of_mixed_units_are_the_same_in_any_order(
        values in prop::collection::vec((770u32..1130, any::<bool>()), 1..40),
        turn in 0usize..40,
    ) {
        let temperature = Metric::named("body_temperature").unwrap();
        let mut readings: Vec<(u32, Micros)> = Vec::new();
        for (offset, (tenths, fahrenheit)) in (0..).zip(&values) {
            let degrees = f64::from(*tenths) / 10.0;
            let came = if *fahrenheit { (degrees, "F") } else { (f64::from(*tenths - 700) / 10.0, "Cel") };
            readings.push((offset, temperature.in_own_unit(came.1, came.0).unwrap()));
        }
        let window = |readings: &[(u32, Micros)]| {
            let mut points = Points::default();
            for (offset, value) in readings {
                points.insert(*offset, *value);
            }
            Summary::of([&points])
        };
        let forward = window(&readings);
        readings.rotate_left(turn % values.len());
        readings.reverse();
        prop_assert_eq!(window(&readings), forward);
    }

    /// Rounding never changes an order, and is off by half a millionth at most.
    #[test]
    fn conversions_are_monotone_and_rounded_once(tenths in 0i32..10_000, more in 1i32..100) {
        let pressure = Metric::SYSTOLIC_PRESSURE;
        let of = |tenths: i32| {
            pressure.in_own_unit("kPa", f64::from(tenths) / 100.0).unwrap().millionths()
        };
        prop_assert!(of(tenths) < of(tenths + more));
        // 133322 times the value in millionths of mmHg is 10^12 times the pressure in Pa, but for the rounding.
        let exact = i128::from(tenths) * 10_000 * 1_000_000;
        prop_assert!((i128::from(of(tenths)) * 133_322 - exact).abs() * 2 <= 133_322);
    }
}
