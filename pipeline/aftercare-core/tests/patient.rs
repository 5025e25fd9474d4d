//! The state of one patient, case by case.
#![allow(clippy::unwrap_used, reason = "tests")]

mod kit;

use aftercare_core::documents::PLAN;
use aftercare_core::facts::{Body, ClinicalFact, EnrolmentFact, InputKind};
use aftercare_core::patient::{Patient, ScoreStatus, Verdict};
use aftercare_core::reason::Reason;
use aftercare_core::time::Instant;
use kit::*;

fn rejected(reason: Reason, place: &str) -> Verdict {
    Verdict::Rejected { reason, place: place.to_owned() }
}

/// An enrolment under a plan that scores the VAS and EQ-5D-3L.
fn nhs(treated: Option<Instant>) -> Record {
    enrolment_of("n", EnrolmentFact { treated_at: treated, plan: Some("nhs-eq5d"), ..fact("e") })
}

#[test]
fn the_baseline_is_the_last_valid_score_before_the_treatment_within_the_window() {
    let incomplete = form("eq-vas", &[]);
    let desk = Desk::with(&[
        nhs(Some(DAY_0)),
        upload("too-early", -181, vec![vas(10)]),
        upload("first", -180, vec![vas(40)]),
        upload("last", -2, vec![vas(50)]),
        upload("incomplete", -1, vec![incomplete]),
        upload("at-treatment", 0, vec![vas(20)]),
        upload("after", 182, vec![vas(80)]),
    ]);
    let row = desk.score("after", "eq-vas");
    assert_eq!((row.baseline, row.baseline_upload_id.as_deref()), (Some(50.0), Some("last")));
    assert_eq!((row.index, row.index_rule), (Some(160.0), Some("percent")));
    assert_eq!(desk.score("last", "eq-vas").index, Some(100.0));
    assert_eq!(desk.score("first", "eq-vas").index, Some(80.0));
    assert_eq!(desk.score("at-treatment", "eq-vas").index, Some(40.0));
    assert_eq!(desk.score("incomplete", "eq-vas").index, None);
}

#[test]
fn without_a_baseline_the_score_is_kept_and_the_index_absent() {
    let desk = Desk::with(&[nhs(Some(DAY_0)), upload("u", 10, vec![vas(80)])]);
    let row = desk.score("u", "eq-vas");
    assert_eq!((row.status, row.score, row.index), (ScoreStatus::Scored, Some(80.0), None));
    assert_eq!(row.days_since_treatment, Some(10.0));
}

#[test]
fn a_baseline_below_the_floor_is_judged_in_points() {
    let pain = form("eq-5d-3l", &[("mo", 2), ("sc", 2), ("ua", 3), ("pd", 3), ("ad", 1)]);
    let desk = Desk::with(&[
        nhs(Some(DAY_0)),
        upload("before", -1, vec![pain]),
        upload("after", 180, vec![eq_5d("eq-5d-3l", 1)]),
    ]);
    let row = desk.score("after", "eq-5d-3l");
    assert_eq!((row.baseline, row.score), (Some(-0.003), Some(1.0)));
    assert_eq!(&*row.value_set, "mvh-a1", "the plan's set, not the instrument's default");
    assert_eq!(row.index_rule, Some("points"));
    assert!((row.index.unwrap() - 601.5).abs() < 1e-9, "{row:?}");
}

#[test]
fn without_a_plan_the_instruments_own_value_set_judges() {
    let bare = enrolment_of("n", EnrolmentFact { treated_at: Some(DAY_0), ..fact("e") });
    let desk = Desk::with(&[bare, upload("u", -1, vec![eq_5d("eq-5d-3l", 3)])]);
    let row = desk.score("u", "eq-5d-3l");
    assert_eq!((&*row.value_set, row.score), ("liu-2014", Some(-0.149)));
    assert_eq!((row.index, row.ewma, row.uploads_due), (None, None, 0));
}

#[test]
fn without_a_total_one_scale_is_the_score_and_all_stand_beside_it() {
    let rand_36 = form("rand-36", &[("q3", 2), ("q20", 1), ("q32", 5)]);
    let items = ["hoos_stairs", "hoos_bath_shower", "hoos_sit", "hoos_run", "hoos_twist"];
    let hoos_ps = form("hoos-ps", &items.map(|item| (item, 2)));
    let social_only = form("rand-36", &[("q20", 1)]);
    let desk = Desk::with(&[
        nhs(Some(DAY_0)),
        upload("both", 10, vec![rand_36, hoos_ps]),
        upload("social", 20, vec![social_only]),
    ]);
    let scales = |instrument: &str| -> Vec<(String, f64)> {
        let row = desk.score("both", instrument);
        row.scales.iter().map(|(name, value)| (name.to_string(), *value)).collect()
    };
    let named = |scales: [(&str, f64); 2]| scales.map(|(name, value)| (name.to_owned(), value)).to_vec();
    assert_eq!(scales("rand-36"), named([("physical_functioning", 50.0), ("social_functioning", 100.0)]));
    assert_eq!(scales("hoos-ps"), named([("score", 62.3), ("score_reversed", 37.7)]));
    assert_eq!(desk.score("both", "rand-36").score, Some(50.0));
    assert_eq!(desk.score("both", "hoos-ps").score, Some(62.3));
    let row = desk.score("social", "rand-36");
    assert_eq!((row.status, row.reason, row.score), (ScoreStatus::Unscored, Some("missing_answers"), None));
}

#[test]
fn copies_are_counted_and_change_nothing_else() {
    let first = upload("u", 10, vec![vas(80)]);
    let mut desk = Desk::with(&[nhs(Some(DAY_0)), first.clone()]);
    assert_eq!(desk.offer(&first), Verdict::Duplicate);
    assert_eq!((desk.changes().receipts.len(), desk.changes().scores.len()), (1, 0));
    let other = upload("u", 10, vec![vas(20)]);
    assert_eq!(desk.offer(&other), Verdict::Conflict);
    let receipt = desk.receipt(&first);
    assert_eq!((receipt.copies, receipt.duplicates, receipt.conflicts), (3, 1, 1));
    assert_eq!(receipt.outcome, "accepted");
    assert_eq!(desk.score("u", "eq-vas").score, Some(80.0));
    assert_eq!(desk.issue(), (0, 0));
}

#[test]
fn the_highest_revision_is_in_force_in_any_order() {
    let first = upload("u", 10, vec![vas(80)]);
    let second = upload("u", 11, vec![vas(60)]).revised(2);
    for order in [[&first, &second], [&second, &first]] {
        let mut desk = Desk::with(&[nhs(Some(DAY_0)), order[0].clone()]);
        let verdict = desk.offer(order[1]);
        assert_eq!(verdict == Verdict::Superseded, order[1].revision == 1);
        let row = desk.score("u", "eq-vas");
        assert_eq!((row.score, row.upload_revision, row.answered_at), (Some(60.0), 2, day(11)));
        assert_eq!(desk.outcome(&first), ("accepted", Some("superseded")));
        assert_eq!(desk.outcome(&second), ("accepted", None));
    }
}

#[test]
fn an_amended_answer_re_issues_what_rests_on_it() {
    let before = upload("before", -1, vec![vas(50)]);
    let mut desk = Desk::with(&[nhs(Some(DAY_0)), before, upload("after", 100, vec![vas(80)])]);
    desk.offer(&upload("before", -1, vec![vas(40)]).revised(2));
    let row = desk.score("after", "eq-vas");
    assert_eq!((row.baseline, row.index), (Some(40.0), Some(200.0)));
    assert_eq!(desk.changes().scores.len(), 2);
}

#[test]
fn entered_in_error_withdraws() {
    let before = upload("before", -1, vec![vas(50)]);
    let after = upload("after", 100, vec![vas(80)]);
    let mut desk = Desk::with(&[nhs(Some(DAY_0)), before.clone(), after]);
    assert_eq!(desk.offer(&before.clone().withdrawn(2)), Verdict::Accepted);
    let row = desk.score("before", "eq-vas");
    assert_eq!((row.status, row.reason, row.score), (ScoreStatus::Withdrawn, Some("entered_in_error"), None));
    assert_eq!(desk.score("after", "eq-vas").index, None, "its baseline is gone");
    // a later revision may stand again
    desk.offer(&upload("before", -1, vec![vas(40)]).revised(3));
    assert_eq!(desk.score("before", "eq-vas").status, ScoreStatus::Scored);
    assert_eq!(desk.score("after", "eq-vas").index, Some(200.0));
}

#[test]
fn a_withdrawal_that_comes_first_leaves_no_row() {
    let first = upload("u", 10, vec![vas(80)]);
    let mut desk = Desk::with(&[nhs(Some(DAY_0)), first.clone().withdrawn(2)]);
    assert_eq!(desk.offer(&first), Verdict::Superseded);
    assert!(desk.scores.is_empty());
}

#[test]
fn a_form_that_an_amendment_drops_is_withdrawn() {
    let mut desk = Desk::with(&[nhs(Some(DAY_0)), upload("u", 10, vec![vas(80), phq_2(1)])]);
    desk.offer(&upload("u", 10, vec![vas(80)]).revised(2));
    let row = desk.score("u", "phq-2");
    assert_eq!((row.status, row.reason, row.score), (ScoreStatus::Withdrawn, Some("form_removed"), None));
    assert_eq!(desk.score("u", "eq-vas").status, ScoreStatus::Scored);
    desk.offer(&upload("u", 10, vec![vas(80), phq_2(2)]).revised(3));
    assert_eq!(desk.score("u", "phq-2").score, Some(4.0));
}

#[test]
fn uploads_and_events_wait_for_an_enrolment() {
    let (first, happening) = (upload("u", 10, vec![vas(80)]), event("c"));
    let mut desk = Desk::with(&[]);
    assert_eq!(desk.offer(&first), Verdict::Hold);
    assert_eq!(desk.offer(&first), Verdict::Duplicate);
    assert_eq!(desk.offer(&happening), Verdict::Hold);
    assert_eq!(desk.outcome(&first), ("held", None));
    assert!(desk.scores.is_empty());
    desk.offer(&nhs(Some(DAY_0)));
    assert_eq!((desk.outcome(&first), desk.outcome(&happening)), (("accepted", None), ("accepted", None)));
    let receipt = desk.receipt(&first);
    assert_eq!((receipt.copies, receipt.duplicates), (2, 1), "offering it again is no copy");
    assert_eq!(desk.score("u", "eq-vas").score, Some(80.0));
}

#[test]
fn an_upload_waits_for_its_episode() {
    let other = upload_of("u", Some("other"), 10, vec![vas(80)]);
    let mut desk = Desk::with(&[nhs(Some(DAY_0)), other.clone()]);
    assert_eq!(desk.outcome(&other), ("held", None));
    desk.offer(&enrolment_of("m", fact("other")));
    assert_eq!(desk.score_of("other", "u", "eq-vas").score, Some(80.0));
}

#[test]
fn a_wait_that_ends_is_a_rejection_that_can_be_repaired() {
    let first = upload("u", 10, vec![vas(80)]);
    let mut desk = Desk::with(std::slice::from_ref(&first));
    desk.held.clear();
    desk.patient.give_up(InputKind::PromResponse, "u", 1, Reason::UnknownPatient, day(500));
    desk.issue();
    assert_eq!(desk.outcome(&first), ("rejected", Some("unknown_patient")));
    assert_eq!(desk.receipt(&first).stored_at, day(500));
    desk.patient.give_up(InputKind::PromResponse, "u", 1, Reason::UnknownPatient, day(501));
    assert_eq!(desk.issue(), (0, 0), "it waits no more");
    desk.offer(&nhs(Some(DAY_0)));
    assert_eq!(desk.offer(&first), Verdict::Accepted);
    assert_eq!(desk.receipt(&first).copies, 2);
    assert_eq!(desk.score("u", "eq-vas").score, Some(80.0));
}

#[test]
fn what_the_caller_holds_or_rejects_has_a_receipt_too() {
    let first = upload("u", 10, vec![vas(80)]);
    let mut desk = Desk::with(&[nhs(Some(DAY_0))]);
    assert_eq!(desk.patient.hold(&first.head(false), day(5)), Verdict::Hold);
    assert_eq!(desk.patient.hold(&first.head(false), day(5)), Verdict::Duplicate);
    assert_eq!(desk.patient.hold(&first.head(true), day(5)), Verdict::Hold);
    desk.issue();
    assert_eq!((desk.outcome(&first), desk.receipt(&first).copies), (("held", None), 2));
    let verdict = desk.patient.offer(&first.head(true), &first.body, day(10), &desk.library);
    assert_eq!(verdict, Verdict::Accepted);
    let far = event("far");
    assert_eq!(
        desk.patient.reject(&far.head(false), Reason::FarFuture, day(10)),
        rejected(Reason::FarFuture, "")
    );
    desk.issue();
    assert_eq!(desk.outcome(&far), ("rejected", Some("far_future")));
}

#[test]
fn one_bad_form_rejects_the_whole_upload_and_says_where() {
    let cases = [
        (form("nobody-knows", &[]), Reason::UnknownInstrument, "form 2"),
        (form("phq-2", &[("vas", 1)]), Reason::UnknownItem, "form 2 (phq-2), answer 1"),
        (form("phq-2", &[("phq2_2", 4)]), Reason::AnswerOutOfRange, "form 2 (phq-2), item phq2_2"),
        (vas(70), Reason::ConflictingContent, "form 2 (eq-vas), instrument repeated"),
    ];
    for (bad, reason, place) in cases {
        let record = upload("u", 10, vec![vas(80), bad]);
        let mut desk = Desk::with(&[nhs(Some(DAY_0))]);
        assert_eq!(desk.offer(&record), rejected(reason, place));
        assert_eq!(desk.outcome(&record), ("rejected", Some(reason.code())));
        assert!(desk.scores.is_empty());
        // repaired at its source, same revision
        assert_eq!(desk.offer(&upload("u", 10, vec![vas(80)])), Verdict::Accepted);
        assert_eq!((desk.outcome(&record), desk.receipt(&record).copies), (("accepted", None), 2));
    }
    let mut desk = Desk::with(&[nhs(Some(DAY_0))]);
    assert_eq!(desk.offer(&upload("u", 10, vec![])), rejected(Reason::NoForms, "forms"));
    assert_eq!(desk.offer(&upload("", 10, vec![vas(1)])), rejected(Reason::MissingId, ""));
}

#[test]
fn a_rejected_revision_leaves_the_one_before_in_force() {
    let good = upload("u", 10, vec![vas(80)]);
    let bad = upload("u", 10, vec![vas(101)]).revised(2);
    for order in [[&good, &bad], [&bad, &good]] {
        let desk = Desk::with(&[nhs(Some(DAY_0)), order[0].clone(), order[1].clone()]);
        assert_eq!(desk.score("u", "eq-vas").score, Some(80.0));
        assert_eq!(desk.outcome(&good), ("accepted", None));
    }
}

#[test]
fn incomplete_forms_are_unscored_beside_scored_ones() {
    let both = upload("both", 10, vec![vas(80), form("phq-2", &[("phq2_1", 1)])]);
    let none = upload("none", 11, vec![form("phq-2", &[])]);
    let mut desk = Desk::with(&[nhs(Some(DAY_0))]);
    assert_eq!(desk.offer(&both), Verdict::Accepted);
    assert_eq!(desk.offer(&none), Verdict::Unscored(Reason::MissingAnswers));
    let row = desk.score("both", "phq-2");
    assert_eq!((row.status, row.reason, row.score), (ScoreStatus::Unscored, Some("missing_answers"), None));
    assert_eq!(desk.score("both", "eq-vas").score, Some(80.0));
    assert_eq!(desk.outcome(&none), ("unscored", Some("missing_answers")));
}

#[test]
fn a_treatment_known_later_re_issues_every_score() {
    let mut desk =
        Desk::with(&[nhs(None), upload("before", -1, vec![vas(50)]), upload("after", 100, vec![vas(80)])]);
    assert_eq!(desk.score("after", "eq-vas").days_since_treatment, None);
    let known =
        enrolment_of("n2", EnrolmentFact { treated_at: Some(DAY_0), recorded_at: day(3), ..fact("e") });
    desk.offer(&known);
    assert_eq!(desk.score("after", "eq-vas").index, Some(160.0));
    // corrected: the first upload was after the treatment
    desk.offer(&enrolment_of(
        "n3",
        EnrolmentFact { treated_at: Some(day(-2)), recorded_at: day(9), ..fact("e") },
    ));
    let row = desk.score("after", "eq-vas");
    assert_eq!((row.index, row.days_since_treatment), (None, Some(102.0)));
    // an older statement that arrives late changes nothing
    desk.offer(&enrolment_of(
        "n4",
        EnrolmentFact { treated_at: Some(DAY_0), recorded_at: day(4), ..fact("e") },
    ));
    assert_eq!(desk.changes().scores.len(), 0);
}

#[test]
fn a_withdrawn_enrolment_withdraws_its_scores() {
    let enrolled = nhs(Some(DAY_0));
    let mut desk = Desk::with(&[enrolled.clone(), upload("u", 10, vec![vas(80)])]);
    desk.offer(&enrolled.clone().withdrawn(2));
    let row = desk.score("u", "eq-vas");
    assert_eq!((row.status, row.reason), (ScoreStatus::Withdrawn, Some("episode_removed")));
    assert!(desk.patient.episodes(day(1)).is_empty());
    desk.offer(&enrolled.revised(3));
    assert_eq!(desk.score("u", "eq-vas").status, ScoreStatus::Scored);
}

#[test]
fn an_upload_without_episode_counts_for_each() {
    let second = EnrolmentFact { treated_at: Some(day(100)), plan: Some("nhs-eq5d"), ..fact("f") };
    let mut desk = Desk::with(&[
        nhs(Some(DAY_0)),
        upload_of("a", None, -10, vec![vas(50)]),
        upload_of("b", None, 90, vec![vas(80)]),
        upload_of("c", None, 200, vec![vas(40)]),
    ]);
    assert!(desk.scores.keys().all(|id| id.starts_with("e/")));
    desk.offer(&enrolment_of("m", second));
    assert_eq!(desk.score_of("e", "c", "eq-vas").index, Some(80.0));
    assert_eq!(desk.score_of("f", "c", "eq-vas").index, Some(50.0));
    assert_eq!(desk.score_of("f", "a", "eq-vas").days_since_treatment, Some(-110.0));
}

#[test]
fn an_amendment_may_move_an_upload_to_another_episode() {
    let mut desk =
        Desk::with(&[nhs(Some(DAY_0)), enrolment_of("m", fact("f")), upload("u", 10, vec![vas(80)])]);
    desk.offer(&upload_of("u", Some("f"), 10, vec![vas(80)]).revised(2));
    assert_eq!(desk.score_of("e", "u", "eq-vas").status, ScoreStatus::Withdrawn);
    assert_eq!(desk.score_of("f", "u", "eq-vas").status, ScoreStatus::Scored);
}

#[test]
fn dated_fields_hold_from_their_day_on() {
    let clinician = |id, name, from| {
        enrolment_of(id, EnrolmentFact { clinician_id: Some(name), effective_at: day(from), ..fact("e") })
    };
    let early = upload("early", 10, vec![vas(80)]);
    let late = upload("late", 50, vec![vas(80)]);
    let mut desk = Desk::with(&[nhs(Some(DAY_0)), clinician("a", "first", 5), early.clone(), late.clone()]);
    desk.offer(&clinician("b", "second", 40));
    assert_eq!(desk.changes().scores.len(), 1, "only what was answered since");
    let of = |desk: &Desk, upload: &str| desk.score(upload, "eq-vas").attribution.clinician_id.clone();
    assert_eq!(of(&desk, "early").as_deref(), Some("first"));
    assert_eq!(of(&desk, "late").as_deref(), Some("second"));
    assert_eq!(desk.receipt(&late).attribution.clinician_id.as_deref(), Some("second"));
    assert_eq!(desk.receipt(&early).attribution.clinician_id.as_deref(), Some("first"));
    // before the first statement takes effect, the earliest counts
    assert_eq!(desk.patient.attribution_at(day(-100)).clinician_id, Some("first"));
    assert_eq!(desk.patient.attribution_at(day(39)).clinician_id, Some("first"));
    assert_eq!(desk.patient.attribution_at(day(40)).clinician_id, Some("second"));
}

#[test]
fn attribution_is_that_of_the_latest_treatment() {
    let episode = |id, treated, maker| {
        enrolment_of(
            id,
            EnrolmentFact {
                treated_at: Some(day(treated)),
                manufacturer: Some(maker),
                episode_id: id,
                ..fact("")
            },
        )
    };
    let desk = Desk::with(&[episode("a", 100, "later"), episode("b", 0, "earlier")]);
    let maker = |at| desk.patient.attribution_at(day(at)).manufacturer;
    assert_eq!(
        [-5, 0, 99, 100, 900].map(maker),
        ["earlier", "earlier", "earlier", "later", "later"].map(Some)
    );
    assert_eq!(Patient::default().attribution_at(day(0)).manufacturer, None);
}

#[test]
fn an_unknown_time_zone_rejects_the_enrolment() {
    let mut desk = Desk::new();
    let record = enrolment_of("n", EnrolmentFact { time_zone: Some("Mars/Olympus"), ..fact("e") });
    assert_eq!(desk.offer(&record), rejected(Reason::UnknownTimeZone, "time_zone"));
    assert!(!desk.patient.is_enrolled());
    let nameless = enrolment_of("n", EnrolmentFact { time_zone: Some("Asia/Shanghai"), ..fact("") });
    assert_eq!(desk.offer(&nameless), rejected(Reason::MissingId, "episode_id"));
}

#[test]
fn changes_are_in_units_that_matter_and_improvement_is_positive() {
    let desk = Desk::with(&[
        nhs(Some(DAY_0)),
        upload("a", 1, vec![vas(40), eq_5d("eq-5d-3l", 1), phq_2(0)]),
        upload("b", 2, vec![vas(63), eq_5d("eq-5d-3l", 2), phq_2(1)]),
    ]);
    assert_eq!(desk.score("a", "eq-vas").change_mcid, None);
    assert_eq!(desk.score("b", "eq-vas").change_mcid, Some(1.0));
    assert!(desk.score("b", "eq-5d-3l").change_mcid.unwrap() < -6.0);
    assert_eq!(desk.score("b", "phq-2").change_mcid, None, "no figure was found");
}

#[test]
fn rolling_values_follow_the_scores() {
    let desk = Desk::with(&[
        enrolment("n"),
        upload("a", 0, vec![saq_7(1)]),
        upload("b", 28, vec![saq_7(5)]),
        upload("unscored", 29, vec![form("saq-7", &[])]),
        upload("c", 56, vec![saq_7(5)]),
    ]);
    let [a, b] = ["a", "b"].map(|upload| desk.score(upload, "saq-7").score.unwrap());
    let row = desk.score("b", "saq-7");
    assert_eq!((row.ewma, row.mean_28d), (Some((0.5 * a + b) / 1.5), Some(b)));
    assert_eq!(row.slope_56d, Some((b - a) / 28.0));
    let row = desk.score("c", "saq-7");
    assert_eq!((row.slope_56d, row.change_mcid), (Some(0.0), Some(0.0)), "day 0 is 56 days ago");
    let row = desk.score("unscored", "saq-7");
    assert_eq!((row.ewma, row.mean_28d, row.slope_56d), (None, None, None));
}

#[test]
fn uploads_done_and_due_count_slots_begun() {
    let desk = Desk::with(&[
        enrolment("n"),
        upload("before", -3, vec![saq_7(3)]),
        upload("day-6", 6, vec![saq_7(3)]),
        upload("slot-1", 7, vec![saq_7(3)]),
        upload("slot-1-again", 20, vec![saq_7(3)]),
        upload("slot-3", 40, vec![saq_7(3)]),
        upload("other", 41, vec![phq_2(1)]),
        upload("beyond", 900, vec![saq_7(3)]),
    ]);
    let counts = |upload, instrument| {
        let row = desk.score(upload, instrument);
        (row.uploads_done, row.uploads_due)
    };
    for (upload, expected) in [
        ("before", (0, 0)),
        ("day-6", (0, 0)),
        ("slot-1", (1, 1)),
        ("slot-1-again", (1, 1)),
        ("slot-3", (2, 3)),
        ("beyond", (2, 26)),
    ] {
        assert_eq!(counts(upload, "saq-7"), expected, "{upload}");
    }
    assert_eq!(counts("other", "phq-2"), (1, 3));
}

#[test]
fn slots_are_calendar_days_of_the_episodes_zone() {
    // treated at 2024-03-01T08:00Z; the answer of day 6, 17:00Z is on day 7 in Shanghai
    let mut answer = upload("u", 6, vec![saq_7(3)]);
    if let Body::Upload(upload) = &mut answer.body {
        upload.answered_at = Instant(day(6).0 + 9 * 3_600_000);
    }
    let due = |zone| {
        let stated = EnrolmentFact {
            treated_at: Some(DAY_0),
            plan: Some("coronary-stent"),
            time_zone: zone,
            ..fact("e")
        };
        Desk::with(&[enrolment_of("n", stated), answer.clone()]).score("u", "saq-7").uploads_due
    };
    assert_eq!([None, Some("UTC"), Some("Asia/Shanghai"), Some("America/New_York")].map(due), [0, 0, 1, 0]);
}

#[test]
fn the_composite_weighs_the_indices_of_one_upload() {
    let desk = Desk::with(&[
        enrolment("n"),
        upload("before", -1, stent_forms(2)),
        upload("after", 14, stent_forms(4)),
        upload("part", 28, vec![saq_7(4)]),
        upload("foreign", 29, vec![vas(50)]),
    ]);
    let before = desk.score("before", "composite");
    assert_eq!((before.index, before.score, before.status), (Some(100.0), None, ScoreStatus::Scored));
    let index = |instrument| desk.score("after", instrument).index.unwrap();
    let expected = (4_000.0 * index("saq-7")
        + 3_000.0 * index("eq-5d-5l")
        + 1_500.0 * index("phq-2")
        + 1_500.0 * index("rose-dyspnea"))
        / 10_000.0;
    let after = desk.score("after", "composite");
    assert_eq!(after.index, Some(expected));
    assert!(expected > 100.0);
    assert_eq!(
        (after.mean_28d, after.uploads_done, after.uploads_due),
        (Some((100.0 + expected) / 2.0), 1, 1)
    );
    let part = desk.score("part", "composite");
    assert_eq!((part.status, part.reason, part.index), (ScoreStatus::Unscored, Some("missing_parts"), None));
    assert!(!desk.scores.contains_key("e/foreign/composite"), "the VAS is no part of it");
}

#[test]
fn a_composite_may_be_of_the_parts_that_an_upload_has() {
    let mut desk = Desk::new();
    let stent = desk.library.text(PLAN, "coronary-stent", None).unwrap();
    let next = stent.replace("version = 1\n", "version = 2\n").replace("\"absent\"", "\"renormalise\"");
    desk.library.add(PLAN, "coronary-stent", 2, &next).unwrap();
    for record in [
        enrolment("n"),
        // No baseline of the SAQ-7 and the PHQ-2.
        upload("before", -1, vec![eq_5d("eq-5d-5l", 4), rose(3)]),
        upload("after", 14, stent_forms(4)),
        upload("one", 28, vec![rose(0)]),
        upload("none", 42, vec![saq_7(4)]),
    ] {
        desk.offer(&record);
    }
    let index = |upload, instrument| desk.score(upload, instrument).index.unwrap();
    let two = (3_000.0 * index("after", "eq-5d-5l") + 1_500.0 * index("after", "rose-dyspnea")) / 4_500.0;
    assert_eq!(
        desk.score("after", "composite").index,
        Some(two),
        "weights of the parts with an index, scaled up"
    );
    assert_eq!(index("before", "composite").to_bits(), 100.0f64.to_bits());
    assert_eq!(index("one", "composite").to_bits(), index("one", "rose-dyspnea").to_bits());
    assert_eq!(desk.score("none", "composite").reason, Some("no_baseline"));
}

#[test]
fn a_composite_needs_baselines() {
    let desk = Desk::with(&[enrolment("n"), upload("after", 14, stent_forms(4))]);
    let row = desk.score("after", "composite");
    assert_eq!((row.status, row.reason), (ScoreStatus::Unscored, Some("no_baseline")));
}

#[test]
fn another_plan_withdraws_the_composite() {
    let mut desk = Desk::with(&[enrolment("n"), upload("after", 14, stent_forms(4))]);
    let other = EnrolmentFact { plan: Some("nhs-eq5d"), effective_at: day(10), ..fact("e") };
    desk.offer(&enrolment_of("m", other));
    let row = desk.score("after", "composite");
    assert_eq!((row.status, row.reason), (ScoreStatus::Withdrawn, Some("composite_removed")));
    assert_eq!(desk.score("after", "saq-7").index, None);
}

#[test]
fn scales_come_with_the_summary() {
    let desk = Desk::with(&[enrolment("n"), upload("u", 14, vec![saq_7(5)])]);
    let row = desk.score("u", "saq-7");
    let scales: Vec<(&str, f64)> = row.scales.iter().map(|(name, value)| (&**name, *value)).collect();
    let summary = row.score.unwrap();
    assert_eq!(
        scales,
        [
            ("physical_limitation", 50.0),
            ("angina_frequency", 50.0),
            ("quality_of_life", 100.0),
            ("summary", summary)
        ]
    );
}

#[test]
fn the_state_survives_its_encoding() {
    let records = [
        enrolment("n"),
        upload("before", -1, stent_forms(2)),
        upload("after", 14, stent_forms(4)),
        upload("bad", 15, vec![vas(999)]),
        event("c"),
    ];
    let mut desk = Desk::with(&records);
    let bytes = postcard::to_allocvec(&desk.patient).unwrap();
    desk.patient = postcard::from_bytes(&bytes).unwrap();
    assert_eq!(postcard::to_allocvec(&desk.patient).unwrap(), bytes);
    assert_eq!(desk.issue(), (0, 0), "nothing is issued again");
    let mut other = Desk::with(&records);
    for desk in [&mut desk, &mut other] {
        desk.offer(&upload("before", -1, stent_forms(3)).revised(2));
    }
    assert_eq!(desk.standing(), other.standing());
}

#[test]
fn episodes_are_read_as_of_a_time() {
    let stated = EnrolmentFact {
        treated_at: Some(DAY_0),
        birth_year: Some(1950),
        sex: Some("female"),
        comorbidities: Some(vec!["E11", "I10"]),
        vip: Some(false),
        spo2_scale: Some(1),
        ..fact("e")
    };
    let vip = EnrolmentFact { vip: Some(true), effective_at: day(30), ..fact("e") };
    let desk = Desk::with(&[enrolment_of("n", stated), enrolment_of("m", vip)]);
    let vip_on = |at| desk.patient.episodes(day(at)).first().and_then(|episode| episode.vip);
    assert_eq!([0, 29, 30].map(vip_on), [Some(false), Some(false), Some(true)]);
    let episodes = desk.patient.episodes(day(0));
    assert_eq!((episodes.len(), episodes[0].id, episodes[0].birth_year), (1, "e", Some(1950)));
    assert_eq!(episodes[0].comorbidities, ["E11", "I10"]);
}

#[test]
fn a_laboratory_value_in_a_unit_that_no_rule_reads_says_so() {
    let mut desk = Desk::with(&[enrolment("n")]);
    let mut offer = |id, kind, code, unit| {
        let fact = ClinicalFact { kind, code: Some(code), value: Some(5.0), unit, ..ClinicalFact::default() };
        desk.offer(&Record { body: Body::Clinical(fact), ..event(id) })
    };
    assert_eq!(offer("l-1", "measurement", "11253-2", Some("ng/mL")), Verdict::Accepted);
    assert_eq!(offer("l-2", "measurement", "11253-2", Some("nmol/L")), Verdict::Accepted);
    assert_eq!(offer("l-3", "measurement", "11253-2", None), Verdict::Accepted);
    assert_eq!(offer("l-4", "measurement", "4548-4", Some("qx7")), Verdict::Accepted, "no rule looks at it");
    assert_eq!(offer("l-5", "stay", "11253-2", Some("qx7")), Verdict::Accepted, "it is no measurement");
    let unread = Verdict::Unscored(Reason::UnsupportedUnit);
    assert_eq!(offer("l-6", "measurement", "11253-2", Some("qx7")), unread);
    assert_eq!(offer("l-6", "measurement", "11253-2", Some("qx7")), Verdict::Duplicate);
}
