//! Scores against the reference.

use std::collections::BTreeSet;

use crate::actual::Actual;
use crate::reference::{Expected, ExpectedScore};

use super::curves::Judge;
use super::{Violation, violation};

/// Each score that stands says what the reference says, and no other stands.
pub const EVERY_SCORE_EQUALS_REFERENCE: &str = "EveryScoreEqualsReference";

pub(super) fn check(expected: &Expected, actual: &Actual) -> Vec<Violation> {
    let mut violations = Vec::new();
    let judge = actual.contributions.is_some().then(|| Judge::new(expected, actual));
    for (id, have) in actual.scores.iter() {
        let wrong = |what: String| violation(EVERY_SCORE_EQUALS_REFERENCE, what, id);
        match expected.scores.get(id) {
            None if have.status == "withdrawn" => {}
            None => violations.push(wrong("a score stands that should not".to_owned())),
            Some(want) => {
                let judged =
                    judge.as_ref().map(|judge| judge.differences(id, want, have)).unwrap_or_default();
                let all = differences(want, have).into_iter().chain(judged);
                violations.extend(all.map(|what| wrong(what.to_owned())));
            }
        }
    }
    violations
}

/// The fields in which two scores differ, by name.
fn differences(want: &ExpectedScore, have: &ExpectedScore) -> Vec<&'static str> {
    let texts = [
        ("patient_id differs", want.patient_id == have.patient_id),
        ("status differs", want.status == have.status),
        ("reason differs", want.reason == have.reason),
        ("upload_revision differs", want.upload_revision == have.upload_revision),
        ("answered_at differs", want.answered_at == have.answered_at),
        ("value_set differs", want.value_set == have.value_set),
        ("baseline_upload_id differs", want.baseline_upload_id == have.baseline_upload_id),
        ("index_rule differs", want.index_rule == have.index_rule),
        ("uploads_done differs", want.uploads_done == have.uploads_done),
        ("uploads_due differs", want.uploads_due == have.uploads_due),
        ("attribution differs", want.attribution == have.attribution),
        ("scales differ", same_scales(want, have)),
    ];
    let numbers = [
        ("score differs", want.score, have.score),
        ("baseline differs", want.baseline, have.baseline),
        ("index differs", want.index, have.index),
        ("days_since_treatment differs", want.days_since_treatment, have.days_since_treatment),
        ("change_mcid differs", want.change_mcid, have.change_mcid),
        ("level differs", want.level, have.level),
        ("change_errors differs", want.change_errors, have.change_errors),
        ("trend_errors differs", want.trend_errors, have.trend_errors),
        ("ewma differs", want.ewma, have.ewma),
        ("mean_28d differs", want.mean_28d, have.mean_28d),
        ("slope_56d differs", want.slope_56d, have.slope_56d),
    ];
    let of_texts = texts.into_iter().filter(|(_, same)| !same).map(|(what, _)| what);
    let of_numbers = numbers.into_iter().filter(|(_, a, b)| !same(*a, *b)).map(|(what, ..)| what);
    of_texts.chain(of_numbers).collect()
}

fn same_scales(want: &ExpectedScore, have: &ExpectedScore) -> bool {
    let names: BTreeSet<&String> = want.scales.keys().chain(have.scales.keys()).collect();
    names.into_iter().all(|name| same(want.scales.get(name).copied(), have.scales.get(name).copied()))
}

/// Equal but for the rounding of another order of the same operations.
pub(super) fn same(want: Option<f64>, have: Option<f64>) -> bool {
    const RELATIVE: f64 = 1e-9;
    match (want, have) {
        (Some(want), Some(have)) => (want - have).abs() <= RELATIVE * want.abs().max(1.0),
        (want, have) => want.is_none() && have.is_none(),
    }
}
