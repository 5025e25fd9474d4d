//! NEWS2, the National Early Warning Score of the Royal College of Physicians (2017): seven vital signs, each 0 to 3
//! points. Without one of the seven there is no score; absence is never 0.

use crate::metric::Metric;

/// The seven vital signs in the order of the chart, by the names of their metrics.
pub const VITALS: [&str; 7] = [
    "respiration_rate",
    "oxygen_saturation",
    "supplemental_oxygen",
    "systolic_pressure",
    "heart_rate",
    "consciousness",
    "body_temperature",
];

/// Which oxygen saturations are the patient's target. Scale 2 is for hypercapnic respiratory failure, by prescription.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spo2Scale {
    /// 96 % and more.
    One,
    /// 88 to 92 %.
    Two,
}

/// Seven vital signs, rounded to the chart's resolution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Vitals {
    /// Breaths a minute.
    pub respiration_rate: i64,
    /// Per cent.
    pub oxygen_saturation: i64,
    /// Whether the patient breathes more than air.
    pub on_oxygen: bool,
    /// mmHg.
    pub systolic_pressure: i64,
    /// Beats a minute.
    pub pulse: i64,
    /// 0 alert; 1 new confusion, 2 voice, 3 pain, 4 unresponsive.
    pub consciousness: i64,
    /// Tenths of a degree Celsius.
    pub temperature_tenths: i64,
}

/// A score.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct News2 {
    /// 0 to 20.
    pub score: u8,
    /// Points in the order of [`VITALS`].
    pub points: [u8; 7],
}

/// Upper ends (included) of bands in ascending order, with their points; the last band has no end.
type Bands<const N: usize> = ([(i64, u8); N], u8);

const RESPIRATION_RATE: Bands<4> = ([(8, 3), (11, 1), (20, 0), (24, 2)], 3);
const SPO2_SCALE_1: Bands<3> = ([(91, 3), (93, 2), (95, 1)], 0);
const SPO2_SCALE_2_ON_AIR: Bands<3> = ([(83, 3), (85, 2), (87, 1)], 0);
const SPO2_SCALE_2_ON_OXYGEN: Bands<6> = ([(83, 3), (85, 2), (87, 1), (92, 0), (94, 1), (96, 2)], 3);
const SYSTOLIC_PRESSURE: Bands<4> = ([(90, 3), (100, 2), (110, 1), (219, 0)], 3);
const PULSE: Bands<5> = ([(40, 3), (50, 1), (90, 0), (110, 1), (130, 2)], 3);
const TEMPERATURE_TENTHS: Bands<4> = ([(350, 3), (360, 1), (380, 0), (390, 1)], 2);

fn points<const N: usize>((bands, above): &Bands<N>, value: i64) -> u8 {
    bands.iter().find(|(upto, _)| value <= *upto).map_or(*above, |(_, points)| *points)
}

impl News2 {
    /// The score of these vital signs.
    #[must_use]
    pub fn of(vitals: &Vitals, scale: Spo2Scale) -> Self {
        let spo2 = match (scale, vitals.on_oxygen) {
            (Spo2Scale::One, _) => points(&SPO2_SCALE_1, vitals.oxygen_saturation),
            (Spo2Scale::Two, false) => points(&SPO2_SCALE_2_ON_AIR, vitals.oxygen_saturation),
            (Spo2Scale::Two, true) => points(&SPO2_SCALE_2_ON_OXYGEN, vitals.oxygen_saturation),
        };
        let points = [
            points(&RESPIRATION_RATE, vitals.respiration_rate),
            spo2,
            if vitals.on_oxygen { 2 } else { 0 },
            points(&SYSTOLIC_PRESSURE, vitals.systolic_pressure),
            points(&PULSE, vitals.pulse),
            if vitals.consciousness == 0 { 0 } else { 3 },
            points(&TEMPERATURE_TENTHS, vitals.temperature_tenths),
        ];
        Self { score: points.iter().sum(), points }
    }

    /// Whether a single vital sign has 3 points.
    #[must_use]
    pub fn any_three(&self) -> bool {
        self.points.contains(&3)
    }

    /// The clinical risk: low, low_medium (below 5 with a 3 in a single sign), medium (5 and 6), high (7 and more).
    #[must_use]
    pub fn band(&self) -> &'static str {
        match self.score {
            7.. => "high",
            5.. => "medium",
            _ if self.any_three() => "low_medium",
            _ => "low",
        }
    }
}

/// The place of a metric among the seven.
#[must_use]
pub fn place_of(metric: Metric) -> Option<usize> {
    VITALS.iter().position(|name| *name == metric.name())
}

#[cfg(test)]
mod tests {
    use super::*;

    const WELL: Vitals = Vitals {
        respiration_rate: 16,
        oxygen_saturation: 98,
        on_oxygen: false,
        systolic_pressure: 120,
        pulse: 70,
        consciousness: 0,
        temperature_tenths: 368,
    };

    fn spo2(value: i64, on_oxygen: bool, scale: Spo2Scale) -> u8 {
        News2::of(&Vitals { oxygen_saturation: value, on_oxygen, ..WELL }, scale).points[1]
    }

    #[test]
    fn someone_well_scores_nothing() {
        let score = News2::of(&WELL, Spo2Scale::One);
        assert_eq!((score.score, score.any_three(), score.band()), (0, false, "low"));
    }

    #[test]
    fn scale_two_fears_too_much_oxygen_only_on_oxygen() {
        let values = [83, 84, 86, 88, 92, 93, 95, 97];
        assert_eq!(values.map(|v| spo2(v, false, Spo2Scale::Two)), [3, 2, 1, 0, 0, 0, 0, 0]);
        assert_eq!(values.map(|v| spo2(v, true, Spo2Scale::Two)), [3, 2, 1, 0, 0, 1, 2, 3]);
        assert_eq!(values.map(|v| spo2(v, true, Spo2Scale::One)), [3, 3, 3, 3, 2, 2, 1, 0]);
    }

    #[test]
    fn each_band_ends_where_the_chart_says() {
        let rr = |v| News2::of(&Vitals { respiration_rate: v, ..WELL }, Spo2Scale::One).points[0];
        assert_eq!([8, 9, 11, 12, 20, 21, 24, 25].map(rr), [3, 1, 1, 0, 0, 2, 2, 3]);
        let sbp = |v| News2::of(&Vitals { systolic_pressure: v, ..WELL }, Spo2Scale::One).points[3];
        assert_eq!([90, 91, 100, 101, 110, 111, 219, 220].map(sbp), [3, 2, 2, 1, 1, 0, 0, 3]);
        let pulse = |v| News2::of(&Vitals { pulse: v, ..WELL }, Spo2Scale::One).points[4];
        assert_eq!([40, 41, 50, 51, 90, 91, 110, 111, 130, 131].map(pulse), [3, 1, 1, 0, 0, 1, 1, 2, 2, 3]);
        let temperature = |v| News2::of(&Vitals { temperature_tenths: v, ..WELL }, Spo2Scale::One).points[6];
        assert_eq!([350, 351, 360, 361, 380, 381, 390, 391].map(temperature), [3, 1, 1, 0, 0, 1, 1, 2]);
        let mind = |v| News2::of(&Vitals { consciousness: v, ..WELL }, Spo2Scale::One).points[5];
        assert_eq!([0, 1, 2, 3, 4].map(mind), [0, 3, 3, 3, 3]);
    }

    #[test]
    fn one_three_alone_is_low_medium() {
        let score = News2::of(&Vitals { consciousness: 1, ..WELL }, Spo2Scale::One);
        assert_eq!((score.score, score.band()), (3, "low_medium"));
    }
}
