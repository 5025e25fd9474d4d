//! The traps that others fell into, and the edges of every rule.

use aftercare_core::documents::{INSTRUMENT, Library, SHIPPED};
use aftercare_core::reason::Reason;
use aftercare_core::score::ScoreOutcome;

use crate::kit::{SAQ_7, scale, score_codes, score_state, scored};

fn saq_7(codes: [i32; 7]) -> ScoreOutcome {
    let codes: Vec<_> = SAQ_7.into_iter().zip(codes.map(Some)).collect();
    score_codes("saq-7", None, &codes)
}

#[test]
fn the_worst_saq_7_is_0_and_not_17() {
    assert_eq!(scored(&saq_7([1; 7])), Some(0.0));
    assert_eq!(scored(&saq_7([5, 5, 5, 6, 6, 5, 5])), Some(100.0));
}

#[test]
fn saq_7_code_6_is_missing_neither_worst_nor_best() {
    let outcome = saq_7([6, 3, 3, 3, 3, 3, 3]);
    assert_eq!(scale(&outcome, "physical_limitation"), Some(50.0));
    // one answer of three is not enough
    let outcome = saq_7([6, 6, 3, 3, 3, 3, 3]);
    assert_eq!(scale(&outcome, "physical_limitation"), None);
    assert_eq!(scored(&outcome), Some(45.0));
}

#[test]
fn scales_are_not_rounded_before_they_are_averaged() {
    let outcome = saq_7([1, 1, 2, 2, 1, 1, 2]);
    // (8.33.. + 10 + 12.5) / 3
    assert!((scored(&outcome).unwrap() - 10.277_777_777_777_779).abs() < 1e-12);
}

fn afeqt(codes: impl Fn(usize) -> Option<i32>) -> ScoreOutcome {
    let items: Vec<String> = (1..=20).map(|n| format!("afeqt_{n}")).collect();
    let codes: Vec<_> = items.iter().enumerate().map(|(n, item)| (item.as_str(), codes(n + 1))).collect();
    score_codes("afeqt", None, &codes)
}

#[test]
fn afeqt_runs_from_its_worst_code_to_its_best() {
    assert_eq!(scored(&afeqt(|_| Some(1))), Some(100.0));
    let worst = scored(&afeqt(|_| Some(7))).unwrap();
    assert!(worst == 0.0 && worst.is_sign_positive(), "{worst}");
    // 17 answers of 1, one of 7: the mean is 4/3, and 100 (7 - 4/3) / 6 = 94.44...
    let one = scored(&afeqt(|n| Some(if n == 3 { 7 } else { 1 }))).unwrap();
    assert!((one - 850.0 / 9.0).abs() < 1e-12, "{one}");
}

#[test]
fn afeqt_leaves_satisfaction_out_and_asks_for_half_of_the_others() {
    assert_eq!(scored(&afeqt(|n| Some(if n > 18 { 7 } else { 2 }))), scored(&afeqt(|_| Some(2))));
    assert_eq!(scored(&afeqt(|n| (n <= 9).then_some(4))), Some(50.0));
    // Items 19 and 20 do not make up for the ninth.
    let eight = afeqt(|n| (n <= 8 || n > 18).then_some(4));
    assert_eq!(eight, ScoreOutcome::Unscored(Reason::MissingAnswers));
}

#[test]
fn a_form_without_answers_is_unscored_and_not_0() {
    for (_, instrument, _) in SHIPPED.iter().filter(|(kind, ..)| *kind == INSTRUMENT) {
        let unscored = ScoreOutcome::Unscored(Reason::MissingAnswers);
        assert_eq!(score_codes(instrument, None, &[]), unscored, "{instrument}");
    }
    let all_six = score_codes("saq-7", None, &[("pl_a", Some(6)), ("pl_b", Some(6)), ("pl_c", Some(6))]);
    assert_eq!(all_six, ScoreOutcome::Unscored(Reason::MissingAnswers));
}

#[test]
fn an_incomplete_eq_5d_is_unscored() {
    let codes = [("mo", Some(1)), ("sc", Some(1)), ("ua", Some(1)), ("pd", Some(1)), ("ad", None)];
    assert_eq!(score_codes("eq-5d-3l", None, &codes), ScoreOutcome::Unscored(Reason::MissingAnswers));
}

const KCCQ_12: [&str; 12] = ["q1a", "q1b", "q1c", "q2", "q3", "q4", "q5", "q6", "q7", "q8a", "q8b", "q8c"];

/// A KCCQ-12 form; 0 stands for no answer.
fn kccq_12(codes: [i32; 12]) -> ScoreOutcome {
    let codes: Vec<_> = KCCQ_12.into_iter().zip(codes.map(|code| (code != 0).then_some(code))).collect();
    score_codes("kccq-12", None, &codes)
}

#[test]
fn kccq_12_has_no_scale_of_one_item_but_quality_of_life() {
    let outcome = kccq_12([5, 0, 6, 3, 0, 0, 0, 4, 0, 0, 6, 2]);
    let present = ["physical_limitation", "symptom_frequency", "quality_of_life", "social_limitation"]
        .map(|name| scale(&outcome, name));
    assert_eq!(present, [None, None, Some(75.0), None]);
    assert_eq!(scored(&outcome), Some(75.0));
    let two = kccq_12([5, 0, 3, 3, 4, 0, 0, 0, 0, 1, 0, 2]);
    let present = ["physical_limitation", "symptom_frequency", "quality_of_life", "social_limitation"]
        .map(|name| scale(&two, name));
    assert_eq!(present, [Some(75.0), Some(50.0), None, Some(12.5)]);
}

#[test]
fn kccq_12_averages_symptoms_item_by_item() {
    // 100 (2 - 1)/4 = 25 and 100 (6 - 1)/6 = 83.33: the codes themselves have no common scale
    let outcome = kccq_12([0, 0, 0, 2, 6, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!(scale(&outcome, "symptom_frequency"), Some(325.0 / 6.0));
}

#[test]
fn kccq_12_without_an_answer_has_no_overall_and_not_0() {
    let unscored = ScoreOutcome::Unscored(Reason::MissingAnswers);
    assert_eq!(kccq_12([0; 12]), unscored);
    assert_eq!(kccq_12([6, 6, 6, 0, 0, 0, 0, 0, 0, 6, 6, 6]), unscored);
    assert_eq!(scored(&kccq_12([1; 12])), Some(0.0));
    assert_eq!(scored(&kccq_12([5, 5, 5, 5, 7, 7, 5, 5, 5, 5, 5, 5])), Some(100.0));
}

#[test]
fn kccq_12_takes_6_where_it_means_missing_only() {
    for (at, item) in KCCQ_12.iter().enumerate() {
        let mut codes = [3; 12];
        codes[at] = 6;
        let rejected = matches!(kccq_12(codes), ScoreOutcome::Rejected(_));
        assert_eq!(rejected, ["q2", "q5", "q6", "q7"].contains(item), "{item}");
    }
}

fn numbered(instrument: &str, item: &str, codes: &[Option<i32>]) -> ScoreOutcome {
    let items: Vec<String> = (1..=codes.len()).map(|n| format!("{item}{n}")).collect();
    let codes: Vec<_> = items.iter().zip(codes).map(|(item, code)| (item.as_str(), *code)).collect();
    score_codes(instrument, None, &codes)
}

#[test]
fn odi_divides_by_what_was_answered_and_lets_one_be_missing() {
    let mut codes = [Some(3); 10];
    codes[7] = None;
    assert_eq!(scored(&numbered("odi", "odi_", &codes)), Some(60.0));
    codes[0] = Some(2);
    assert_eq!(scored(&numbered("odi", "odi_", &codes)), Some(100.0 * 26.0 / 45.0));
    codes[1] = None;
    assert_eq!(numbered("odi", "odi_", &codes), ScoreOutcome::Unscored(Reason::MissingAnswers));
}

#[test]
fn hoos_ps_is_no_straight_line_and_says_its_direction() {
    let outcome = |code| {
        let items = ["hoos_stairs", "hoos_bath_shower", "hoos_sit", "hoos_run", "hoos_twist"];
        score_codes("hoos-ps", None, &items.map(|item| (item, Some(code))))
    };
    let both = |code| (scale(&outcome(code), "score"), scale(&outcome(code), "score_reversed"));
    assert_eq!(both(0), (Some(100.0), Some(0.0)));
    assert_eq!(both(2), (Some(62.3), Some(37.7)), "half of the raw sum is not half of the score");
    assert_eq!(both(4), (Some(0.0), Some(100.0)));
}

#[test]
fn rand_36_is_not_sf_36() {
    let of = |answers: &[(&str, i32)]| {
        let codes: Vec<_> = answers.iter().map(|(item, code)| (*item, Some(*code))).collect();
        score_codes("rand-36", None, &[&codes[..], &[("q3", Some(1))]].concat())
    };
    // SF-36 counts that answer as 85, and gives 40 for the pain
    assert_eq!(scale(&of(&[("q1", 2)]), "general_health"), Some(75.0));
    assert_eq!(scale(&of(&[("q21", 6), ("q22", 1)]), "pain"), Some(50.0));
}

#[test]
fn rand_36_has_scales_and_no_total() {
    let outcome = score_codes("rand-36", None, &[("q20", Some(1)), ("q32", Some(5)), ("q3", Some(2))]);
    assert_eq!(scale(&outcome, "social_functioning"), Some(100.0));
    assert_eq!(scored(&outcome), scale(&outcome, "physical_functioning"));
    // what a plan would judge is not there
    let outcome = score_codes("rand-36", None, &[("q20", Some(1))]);
    assert_eq!(outcome, ScoreOutcome::Unscored(Reason::MissingAnswers));
}

#[test]
fn nyha_is_the_class_from_1_to_4() {
    let of = |class| score_codes("nyha", None, &[("nyha_class", Some(class))]);
    assert_eq!([1, 4].map(|class| scored(&of(class))), [Some(1.0), Some(4.0)]);
    for class in [0, 5] {
        assert_eq!(rejection(of(class)).0, Reason::AnswerOutOfRange);
    }
}

#[test]
fn sums_let_no_answer_be_missing() {
    for (instrument, item, items) in [
        ("phq-2", "phq2_", 2),
        ("phq-9", "phq9_", 9),
        ("gad-2", "gad2_", 2),
        ("gad-7", "gad7_", 7),
        ("oxford-hip", "ohs_", 12),
    ] {
        let mut codes = vec![Some(0); items];
        assert_eq!(scored(&numbered(instrument, item, &codes)), Some(0.0), "{instrument}");
        codes[items / 2] = None;
        let unscored = ScoreOutcome::Unscored(Reason::MissingAnswers);
        assert_eq!(numbered(instrument, item, &codes), unscored, "{instrument}");
    }
}

#[test]
fn every_code_beside_an_items_range_is_refused_unless_it_means_missing() {
    let library = Library::builtin();
    for (_, id, _) in SHIPPED.iter().filter(|(kind, ..)| *kind == INSTRUMENT) {
        for item in &library.instrument(id, None).unwrap().items {
            for code in item.min - 3..=item.max + 3 {
                let outcome = score_codes(id, None, &[(&item.code, Some(code))]);
                let refused = matches!(outcome, ScoreOutcome::Rejected(_));
                let known = (item.min..=item.max).contains(&code) || item.missing.contains(&code);
                assert_eq!(refused, !known, "{id} {} {code}", item.code);
            }
        }
    }
}

#[test]
fn van_houts_crosswalk_is_the_published_table() {
    let value = |state| score_state("eq-5d-5l", "van-hout-2012", state);
    assert_eq!([value("11111"), value("11112"), value("55555")], [1.0, 0.879, -0.594]);
}

#[test]
fn chinas_three_levels_are_lius_numbers_and_not_zhuos() {
    // Zhuo 2018 has 0.9641 here, under Liu's DOI in one public package
    assert_eq!(score_state("eq-5d-3l", "liu-2014", "11112"), 0.875);
    assert_eq!(score_state("eq-5d-3l", "zhuo-2018", "11112"), 0.9641);
    assert_eq!(score_state("eq-5d-3l", "mvh-a1", "33333"), -0.594);
    assert_eq!(score_state("eq-5d-5l", "luo-2017", "55555"), -0.391);
}

#[test]
fn values_are_exact_decimals() {
    // a sum of doubles gives 0.5549999999999999 for the like
    for (state, value) in [("12213", 0.555), ("21323", 0.35), ("11121", 0.869)] {
        assert_eq!(score_state("eq-5d-3l", "liu-2014", state), value, "{state}");
    }
}

#[test]
fn rose_counts_yes() {
    let codes = |yes: [i32; 4]| {
        let codes: Vec<_> = ["rose_1", "rose_2", "rose_3", "rose_4"].into_iter().zip(yes.map(Some)).collect();
        scored(&score_codes("rose-dyspnea", None, &codes))
    };
    assert_eq!(codes([1, 0, 1, 1]), Some(3.0));
    assert_eq!(codes([0; 4]), Some(0.0));
}

fn rejection(outcome: ScoreOutcome) -> (Reason, String) {
    let ScoreOutcome::Rejected(error) = outcome else { panic!("not rejected: {outcome:?}") };
    (error.reason, error.place)
}

#[test]
fn invalid_forms_say_where_and_never_what() {
    let out_of_range = score_codes("eq-vas", None, &[("vas", Some(101))]);
    assert_eq!(rejection(out_of_range), (Reason::AnswerOutOfRange, "item vas".to_owned()));
    let code_6 = score_codes("saq-7", None, &[("ql_4", Some(6))]);
    assert_eq!(rejection(code_6).0, Reason::AnswerOutOfRange);
    let unknown = score_codes("phq-2", None, &[("phq2_1", Some(0)), ("secret", Some(1))]);
    assert_eq!(rejection(unknown), (Reason::UnknownItem, "answer 2".to_owned()));
    let twice = score_codes("phq-2", None, &[("phq2_1", Some(0)), ("phq2_1", Some(0))]);
    assert_eq!(rejection(twice), (Reason::ConflictingContent, "item phq2_1".to_owned()));
    for extreme in [i32::MIN, i32::MAX, -1] {
        let outcome = score_codes("eq-5d-3l", None, &[("mo", Some(extreme))]);
        assert_eq!(rejection(outcome).0, Reason::AnswerOutOfRange);
    }
}
