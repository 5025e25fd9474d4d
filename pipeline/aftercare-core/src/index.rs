//! The health index: a score oriented so that higher is better, against the patient's own baseline.

use crate::documents::{InstrumentDocument, MissingPart};

/// How an index was formed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IndexRule {
    /// 100 x oriented / baseline.
    Percent,
    /// 100 + 100 x (oriented - baseline) / floor: the baseline lies below the plan's floor, where a percentage of it
    /// means nothing (an EQ-5D value can be zero or negative). Both rules agree at the floor.
    Points,
}

impl IndexRule {
    /// The word that outputs carry.
    pub const fn as_str(self) -> &'static str {
        match self {
            IndexRule::Percent => "percent",
            IndexRule::Points => "points",
        }
    }
}

/// The index of `score` against `baseline`, both in the instrument's own units; `floor` is the plan's, above 0.
pub fn health_index(
    instrument: &InstrumentDocument,
    score: f64,
    baseline: f64,
    floor: f64,
) -> (f64, IndexRule) {
    let oriented = instrument.oriented(score);
    let baseline = instrument.oriented(baseline);
    if baseline < floor {
        (100.0 + 100.0 * (oriented - baseline) / floor, IndexRule::Points)
    } else {
        (100.0 * oriented / baseline, IndexRule::Percent)
    }
}

/// The composite of one upload: the weighted mean of its parts' indices. `parts` are (weight in ten-thousandths, index
/// where the upload has one) in the plan's order.
pub fn composite(rule: MissingPart, parts: impl Iterator<Item = (i64, Option<f64>)>) -> Option<f64> {
    let mut sum = 0.0;
    let mut weights = 0;
    for (weight, index) in parts.filter(|(weight, _)| *weight > 0) {
        match (index, rule) {
            (Some(index), _) => {
                sum += weight as f64 * index;
                weights += weight;
            }
            (None, MissingPart::Absent) => return None,
            (None, MissingPart::Renormalise) => {}
        }
    }
    (weights > 0).then(|| sum / weights as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::documents::Library;

    fn index(instrument: &str, score: f64, baseline: f64, floor: f64) -> (f64, IndexRule) {
        health_index(Library::builtin().instrument(instrument, None).unwrap(), score, baseline, floor)
    }

    #[test]
    fn percent_of_baseline() {
        assert_eq!(index("eq-vas", 90.0, 60.0, 20.0), (150.0, IndexRule::Percent));
        assert_eq!(index("eq-vas", 60.0, 60.0, 20.0), (100.0, IndexRule::Percent));
    }

    #[test]
    fn lower_is_better_is_turned_round() {
        // PHQ-2 from 4 to 1: 2 of 6 to 5 of 6
        assert_eq!(index("phq-2", 1.0, 4.0, 2.0), (250.0, IndexRule::Percent));
        assert!(index("phq-9", 20.0, 10.0, 4.0).0 < 100.0);
    }

    #[test]
    fn a_baseline_of_zero_or_below_is_judged_in_points() {
        let (at_zero, rule) = index("eq-5d-3l", 0.1, 0.0, 0.2);
        assert_eq!((at_zero, rule), (150.0, IndexRule::Points));
        let (better, _) = index("eq-5d-3l", 0.3, -0.1, 0.2);
        assert!((better - 300.0).abs() < 1e-9);
        // a percentage of a negative baseline would call this an improvement
        assert!(index("eq-5d-3l", -0.2, -0.1, 0.2).0 < 100.0);
        // the worst PHQ-2 leaves nothing to divide by
        assert_eq!(index("phq-2", 6.0, 6.0, 2.0), (100.0, IndexRule::Points));
    }

    #[test]
    fn the_rules_agree_at_the_floor() {
        let just_below = 0.2 - 1e-12;
        for score in [-0.1, 0.0, 0.2, 0.9] {
            let (percent, _) = index("eq-5d-3l", score, 0.2, 0.2);
            let (points, rule) = index("eq-5d-3l", score, just_below, 0.2);
            assert_eq!(rule, IndexRule::Points);
            assert!((percent - points).abs() < 1e-6, "{percent} {points}");
        }
    }

    #[test]
    fn composites_weigh_their_parts() {
        let whole = [(4_000, Some(100.0)), (3_000, Some(50.0)), (3_000, Some(200.0))];
        assert_eq!(composite(MissingPart::Absent, whole.into_iter()), Some(115.0));
        let part = [(4_000, Some(100.0)), (3_000, None), (0, None), (3_000, Some(200.0))];
        assert_eq!(composite(MissingPart::Absent, part.into_iter()), None);
        assert_eq!(composite(MissingPart::Renormalise, part.into_iter()), Some(1_000_000.0 / 7_000.0));
        assert_eq!(composite(MissingPart::Renormalise, [(1, None)].into_iter()), None);
    }

    #[test]
    fn a_composite_of_baselines_is_exactly_100() {
        let weights = [3_333, 3_333, 3_334];
        assert_eq!(
            composite(MissingPart::Absent, weights.map(|weight| (weight, Some(100.0))).into_iter()),
            Some(100.0)
        );
    }
}
