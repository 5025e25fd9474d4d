//! What a patient's scores add to curves, and what they are compared with.
#![allow(clippy::unwrap_used, reason = "tests")]

mod kit;

use aftercare_core::curve::CohortCurve;
use aftercare_core::facts::EnrolmentFact;
use kit::*;

/// A woman of 63 with diabetes, treated on day 0.
fn woman() -> EnrolmentFact<'static> {
    EnrolmentFact {
        treated_at: Some(DAY_0),
        plan: Some("coronary-stent"),
        procedure: Some("pci-des"),
        birth_year: Some(1961),
        sex: Some("female"),
        comorbidities: Some(vec!["E11.9"]),
        ..fact("e")
    }
}

fn desk(records: &[Record]) -> Desk {
    let mut all = vec![enrolment_of("n", woman())];
    all.extend(records.iter().cloned());
    Desk::with(&all)
}

fn learn(desk: &mut Desk, curves: Vec<CohortCurve>) {
    let from = curves[0].effective_from;
    for curve in curves {
        desk.curves.learn(curve);
    }
    desk.patient.judge_anew(from);
    desk.issue();
}

#[test]
fn every_index_of_the_plan_since_the_treatment_is_contributed_once() {
    let mut forms = stent_forms(3);
    forms.push(vas(70)); // which the plan does not name
    let desk = desk(&[
        upload("before", -3, stent_forms(2)),
        upload("u", 28, forms.clone()),
        upload("late", 731, forms),
    ]);
    let net = desk.net();
    let ids: Vec<&str> = net.iter().map(|(id, ..)| id.as_str()).collect();
    assert_eq!(ids, ["e/u/composite", "e/u/eq-5d-5l", "e/u/phq-2", "e/u/rose-dyspnea", "e/u/saq-7"]);
    for (id, cohort, plan, bin, hundredths) in &net {
        assert_eq!((cohort.as_str(), *bin), ("pci-des/60-69/female/diabetes", 2), "{id}");
        assert_eq!(plan.as_deref(), id.ends_with("composite").then_some("coronary-stent"), "{id}");
        let index = desk.scores[id].index.unwrap();
        assert!((index * 100.0 - f64::from(i32::try_from(*hundredths).unwrap())).abs() <= 0.5, "{id}");
    }
}

#[test]
fn without_a_baseline_a_procedure_or_a_plan_with_a_curve_nothing_is_contributed() {
    assert!(desk(&[upload("u", 28, stent_forms(3))]).net().is_empty(), "no baseline");
    let uploads = [upload("before", -3, stent_forms(2)), upload("u", 28, stent_forms(3))];
    for statement in [
        EnrolmentFact { procedure: None, ..woman() },
        EnrolmentFact { plan: None, ..woman() },
        EnrolmentFact { treated_at: None, ..woman() },
    ] {
        let mut all = vec![enrolment_of("n", statement)];
        all.extend(uploads.iter().cloned());
        assert!(Desk::with(&all).net().is_empty());
    }
}

#[test]
fn what_changes_is_taken_and_added_anew_and_only_that() {
    let mut desk = desk(&[upload("before", -3, stent_forms(2)), upload("u", 28, stent_forms(3))]);
    assert_eq!(desk.contributions.len(), 5);
    // The quality of life of the SAQ-7 alone: its index and the composite.
    let mut amended = stent_forms(3);
    amended[0] = saq_7(5);
    desk.offer(&upload("u", 28, amended).revised(2));
    let steps: Vec<_> = desk.contributions[5..].iter().map(|step| (step.take, &*step.instrument)).collect();
    assert_eq!(steps, [(true, "saq-7"), (true, "composite"), (false, "saq-7"), (false, "composite")]);
    // A later statement about sex moves all of them to another cohort.
    desk.offer(&enrolment_of("m", EnrolmentFact { sex: Some("male"), recorded_at: day(40), ..fact("e") }));
    assert_eq!(desk.contributions.len(), 9 + 10);
    assert!(desk.net().iter().all(|(_, cohort, ..)| cohort == "pci-des/60-69/male/diabetes"));
    desk.offer(&upload("u", 28, vec![]).withdrawn(3));
    assert_eq!(desk.net(), []);
}

#[test]
fn a_score_is_compared_with_the_others_of_the_edition_in_force_when_it_was_answered() {
    let mut desk = desk(&[upload("before", -3, stent_forms(2)), upload("u", 28, stent_forms(3))]);
    assert_eq!(desk.score("u", "saq-7").expected, None, "no curve yet");
    let first = edition(&desk, "2024-03", day(20), |bin| bin == 2);
    learn(&mut desk, first);
    let row = desk.score("u", "composite");
    // Five others at 100, the patient's own index left out.
    assert_eq!((row.expected, row.expected_sd, row.expected_n), (Some(100.0), Some(0.0), Some(5)));
    assert_eq!(row.cohort.as_deref(), Some("pci-des/60-69/female/diabetes"));
    assert_eq!(row.curve_edition.as_deref(), Some("pci-des@2024-03"));
    assert_eq!(desk.score("before", "saq-7").expected, None, "before the treatment");
    // What the patient says now changes neither the edition nor what it held of the patient.
    let mut amended = stent_forms(3);
    amended[0] = saq_7(5);
    desk.offer(&upload("u", 28, amended).revised(2));
    assert_eq!(desk.score("u", "saq-7").expected, Some(100.0));
    // An edition that judges later answers only does not touch this one; one that judges it does.
    let second = edition(&desk, "2024-04", day(29), |bin| bin == 2);
    learn(&mut desk, second);
    assert_eq!(desk.score("u", "saq-7").curve_edition.as_deref(), Some("pci-des@2024-03"));
    let third = edition(&desk, "2024-05", day(28), |bin| bin == 2);
    learn(&mut desk, third);
    assert_eq!(desk.score("u", "saq-7").curve_edition.as_deref(), Some("pci-des@2024-05"));
    let row = desk.score("u", "saq-7");
    assert_eq!((row.expected, row.expected_n), (Some(100.0), Some(5)), "the amended index alone is left out");
}

#[test]
fn an_edition_concerns_patients_of_its_procedure_who_answered_since() {
    let mut desk = desk(&[upload("u", 28, stent_forms(3))]);
    for (procedure, from, concerned) in
        [("pci-des", 28, true), ("pci-des", 29, false), ("hip-replacement", 1, false), ("pci-des", -9, true)]
    {
        assert_eq!(desk.patient.is_judged_by(procedure, day(from)), concerned, "{procedure} {from}");
    }
    desk.patient.judge_anew(day(-9));
    assert_eq!(desk.issue(), (0, 0), "without an edition nothing changes");
}

#[test]
fn a_year_of_contributions_stays_small() {
    let mut desk = desk(&[upload("before", -3, stent_forms(2))]);
    let before = postcard::to_allocvec(&desk.patient).unwrap().len();
    let ids: Vec<&'static str> = (0..26).map(|slot| &*format!("upload-{slot:02}").leak()).collect();
    for (slot, id) in (1..).zip(ids) {
        desk.offer(&upload(id, 14 * slot, stent_forms(1 + i32::try_from(slot % 5).unwrap())));
    }
    let encoded = postcard::to_allocvec(&desk.patient).unwrap().len();
    assert_eq!(desk.contributions.len(), 130);
    assert!(encoded - before < 26 * 122, "{} bytes for each upload", (encoded - before) / 26);
}
