//! Units in which readings may arrive, and how they become the unit in which their metric is kept.
//!
//! All arithmetic is over whole millionths. A value in another unit is first rounded to millionths of that unit, as any
//! value is, then converted by an exact ratio and rounded once more, ties to even. What comes out depends on the value and
//! its unit alone and lies on the same lattice as what never was converted: sums, extremes and counts of a window are the
//! same in any order of arrival, and a copy in another unit is a copy if it denotes the same millionth.
//!
//! Codes are UCUM's (case-sensitive), and besides them spellings that common devices write, where they can mean one thing
//! only for that metric.

/// Kept = (value + `shift_micros`) * `numerator` / `denominator`, in millionths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Conversion {
    shift_micros: i64,
    numerator: i64,
    denominator: i64,
}

/// A unit's spellings, and what makes the kept unit of it.
type Spelled = (&'static [&'static str], Conversion);

const fn ratio(numerator: i64, denominator: i64) -> Conversion {
    Conversion { shift_micros: 0, numerator, denominator }
}

const SAME: Conversion = ratio(1, 1);

const PER_MINUTE: &[Spelled] = &[(&["1/min", "min-1", "{beats}/min", "beats/min", "bpm"], SAME)];
const BREATHS: &[Spelled] = &[(&["1/min", "min-1", "{breaths}/min", "breaths/min"], SAME)];
/// UCUM: 1 m[Hg] is 133.322 kPa.
const PRESSURE: &[Spelled] = &[(&["mmHg"], SAME), (&["kPa"], ratio(1_000_000, 133_322))];
const SATURATION: &[Spelled] = &[(&["1"], ratio(100, 1))];
const TEMPERATURE: &[Spelled] = &[
    (&["C", "°C", "degC"], SAME),
    (&["[degF]", "F", "°F", "degF"], Conversion { shift_micros: -32_000_000, numerator: 5, denominator: 9 }),
    (&["K"], Conversion { shift_micros: -273_150_000, numerator: 1, denominator: 1 }),
];
/// UCUM: 1 [lb_av] is 7000 grains of 64.79891 mg.
const WEIGHT: &[Spelled] =
    &[(&["[lb_av]", "lb", "lbs"], ratio(45_359_237, 100_000_000)), (&["g"], ratio(1, 1_000))];
/// Glucose, C6H12O6, has 180.156 g/mol.
const GLUCOSE: &[Spelled] = &[(&["mmol/l"], SAME), (&["mg/dL", "mg/dl"], ratio(10_000, 180_156))];
const STEPS: &[Spelled] = &[(&["1", "steps"], SAME)];
const DURATION: &[Spelled] = &[(&["h"], ratio(60, 1)), (&["s"], ratio(1, 60))];
const FLOW: &[Spelled] = &[(&["l/min"], SAME)];
const DOSES: &[Spelled] = &[(&["1", "{doses}"], SAME)];

/// What makes the kept unit of `unit`, for the metric of this name; `None` where it does not have that unit. The kept
/// unit itself is not asked for.
pub(crate) fn conversion(metric: &str, unit: &str) -> Option<Conversion> {
    let units = match metric {
        "heart_rate" => PER_MINUTE,
        "respiration_rate" => BREATHS,
        "systolic_pressure" | "diastolic_pressure" => PRESSURE,
        "oxygen_saturation" => SATURATION,
        "body_temperature" => TEMPERATURE,
        "body_weight" => WEIGHT,
        "blood_glucose" => GLUCOSE,
        "steps" => STEPS,
        "sleep_duration" => DURATION,
        "supplemental_oxygen" => FLOW,
        "doses_taken" | "doses_due" => DOSES,
        _ => return None,
    };
    let found = units.iter().find(|(spellings, _)| spellings.contains(&unit));
    found.map(|(_, conversion)| *conversion)
}

impl Conversion {
    /// Millionths of the kept unit, rounded, ties to even; `None` where they do not fit.
    pub(crate) fn apply(self, micros: i64) -> Option<i64> {
        let exact = (i128::from(micros) + i128::from(self.shift_micros)) * i128::from(self.numerator);
        let denominator = i128::from(self.denominator);
        let (whole, twice_rest) = (exact.div_euclid(denominator), 2 * exact.rem_euclid(denominator));
        let up = twice_rest > denominator || (twice_rest == denominator && whole % 2 != 0);
        i64::try_from(whole + i128::from(up)).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ties_go_to_the_even_neighbour() {
        let half = ratio(1, 2);
        assert_eq!([-3, -1, 1, 3, 5, 4].map(|micros| half.apply(micros)), [-2, 0, 0, 2, 2, 2].map(Some));
        assert_eq!(ratio(100, 1).apply(i64::MAX), None);
    }
}
