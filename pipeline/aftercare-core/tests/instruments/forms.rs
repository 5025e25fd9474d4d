//! The general forms, by made-up instruments: what fits them needs no code.

use aftercare_core::documents::{INSTRUMENT, InstrumentDocument, Item, Library, Problem, Rule, SHIPPED};
use aftercare_core::facts::Answer;
use aftercare_core::reason::Reason;
use aftercare_core::score::ScoreOutcome;
use proptest::prelude::*;

use crate::kit::{scale, scored};

const HEAD: &str = r#"
    id = "made-up"
    version = 1
    title = "Made up"
    source = "nobody"
    direction = "up"
"#;

fn document(text: &str) -> Result<InstrumentDocument, Vec<String>> {
    let problems = |problems: Vec<Problem>| problems.iter().map(ToString::to_string).collect();
    InstrumentDocument::parse(&format!("{HEAD}{text}")).map_err(problems)
}

fn score(document: &InstrumentDocument, codes: &[(&str, i32)]) -> ScoreOutcome {
    let answers: Vec<_> = codes.iter().map(|(item, code)| Answer { item, code: Some(*code) }).collect();
    document.score(&answers, None)
}

#[test]
fn a_sum_may_take_missing_answers_for_the_mean_of_the_others() {
    let text = r#"
        range = [0, 16]
        [[items]]
        codes = ["a", "b", "c", "d"]
        min = 0
        max = 4
        [score]
        kind = "sum"
        minimum_answered = 3
    "#;
    let document = document(text).unwrap();
    assert_eq!(scored(&score(&document, &[("a", 1), ("b", 2), ("c", 4)])), Some(28.0 / 3.0));
    assert_eq!(scored(&score(&document, &[("a", 1), ("b", 2), ("c", 4), ("d", 0)])), Some(7.0));
    let two = score(&document, &[("a", 1), ("b", 2)]);
    assert_eq!(two, ScoreOutcome::Unscored(Reason::MissingAnswers));
}

/// Two scales whose points come from tables, one with cases, and two norm-based summaries.
const NORMS: &str = r#"
    [[items]]
    codes = ["a", "b"]
    min = 1
    max = 3
    [[items]]
    codes = ["c"]
    min = 0
    max = 1
    [score]
    kind = "mean-rescale"
    headline = "second"
    [[score.scales]]
    name = "x"
    items = ["a", "b"]
    minimum_answered = 1
    [[score.scales.points]]
    item = "a"
    by_code = [100, "32.5", 0]
    cases = [{ item = "b", code = 3, by_code = [80, 40, 0] }, { item = "b", by_code = [90, 45, 0] }]
    [[score.scales]]
    name = "y"
    items = ["c"]
    minimum_answered = 1
    [[score.norms]]
    name = "first"
    source = "made up"
    constant = 50
    terms = [{ scale = "x", mean = "50.5", sd = 20, weight = "4.25" }]
    [[score.norms]]
    name = "second"
    source = "made up"
    constant = 50
    terms = [
      { scale = "x", mean = 40, sd = 20, weight = "-2.5" },
      { scale = "y", mean = 60, sd = 25, weight = 10 },
    ]
"#;

#[test]
fn points_may_depend_on_another_answer() {
    let document = document(NORMS).unwrap();
    let x = |codes: &[(&str, i32)]| scale(&score(&document, &[codes, &[("c", 1)]].concat()), "x");
    assert_eq!(x(&[("a", 2), ("b", 2)]), Some((32.5 + 50.0) / 2.0));
    assert_eq!(x(&[("a", 2), ("b", 3)]), Some(70.0));
    assert_eq!(x(&[("a", 2)]), Some(45.0));
    assert_eq!(x(&[("b", 1)]), Some(0.0));
}

#[test]
fn norms_need_each_of_their_scales() {
    let document = document(NORMS).unwrap();
    let outcome = score(&document, &[("a", 1), ("b", 3), ("c", 1)]);
    // x is (80 + 100) / 2
    assert_eq!(scale(&outcome, "first"), Some(50.0 + 4.25 * 39.5 / 20.0));
    assert_eq!(scale(&outcome, "second"), Some(50.0 - 2.5 * 50.0 / 20.0 + 10.0 * 40.0 / 25.0));
    assert_eq!(scored(&outcome), scale(&outcome, "second"));
    let names: Vec<_> = document.outputs.iter().map(|name| &**name).collect();
    assert_eq!(names, ["x", "y", "first", "second"]);
    // without y there is no score, and what there is stands in its place
    let mut outputs = Vec::new();
    assert!(document.score_codes(&[Some(1), Some(3), None], 0, &mut outputs));
    assert_eq!(outputs[0], 90.0);
    assert!(outputs[1].is_nan() && outputs[3].is_nan() && !outputs[2].is_nan(), "{outputs:?}");
    assert!(matches!(score(&document, &[("a", 1), ("b", 3)]), ScoreOutcome::Unscored(_)));
}

#[test]
fn the_range_of_a_norm_follows_from_its_terms() {
    let document = document(NORMS).unwrap();
    // 50 - 2.5 (100 - 40) / 20 + 10 (0 - 60) / 25 = 18.5, and 50 + 2.5 * 2 + 10 * 1.6 = 71
    let (low, high) = document.range;
    assert_eq!((low.to_f64(), high.to_f64()), (18.0, 71.0));
}

const WEIGHTS: &str = r#"
    [[items]]
    codes = ["a"]
    min = 1
    max = 2
    [[items]]
    codes = ["b"]
    min = 0
    max = 2
    [score]
    kind = "weights"
    source = "made up"
    [[score.scales]]
    name = "body"
    constant = "56.5"
    weights = [{ item = "b", by_code = ["-3.25", "-1.5", 0] }, { item = "a", by_code = ["-7.125", 0] }]
    [[score.scales]]
    name = "mind"
    constant = 60
    weights = [{ item = "a", by_code = ["1.5", 0] }, { item = "b", by_code = ["3.25", "-1.5", 0] }]
"#;

#[test]
fn weights_add_to_a_constant_and_need_every_answer() {
    let document = document(WEIGHTS).unwrap();
    let outcome = score(&document, &[("a", 1), ("b", 1)]);
    assert_eq!((scored(&outcome), scale(&outcome, "mind")), (Some(47.875), Some(60.0)));
    assert_eq!((document.range.0.to_f64(), document.range.1.to_f64()), (46.0, 57.0));
    assert_eq!(score(&document, &[("a", 1)]), ScoreOutcome::Unscored(Reason::MissingAnswers));
}

#[test]
fn all_problems_of_scales_are_listed() {
    let text = NORMS
        .replace("by_code = [100, \"32.5\", 0]", "by_code = [101, 0]")
        .replace("code = 3", "code = 4")
        .replace("scale = \"y\"", "scale = \"z\"")
        .replace("weight = \"4.25\"", "weight = 4.25")
        .replace("headline = \"second\"", "headline = \"third\"")
        .replace("items = [\"c\"]\n", "items = [\"c\", \"d\"]\nlow = 1\nhigh = 0\nreversed = [\"a\"]\n")
        .replace("sd = 25", "sd = 0");
    let problems = document(&text).unwrap_err();
    for expected in [
        "score.scales[0].points[0].by_code is not of 3 values",
        "score.scales[0].points[0].by_code is not within 0 and 100",
        "score.scales[0].points[0].cases[0].code is no answer of b",
        "score.scales[1].items names d, which is no item",
        "score.scales[1].items lack a",
        "score.norms[0].terms[0].weight is a floating number; write it in quotes",
        "score.norms[1].terms[1].scale names z, which is no scale",
        "score.norms[1].terms[1].sd is not above 0",
        "score.headline names no output, and there is no summary to stand for the whole",
    ] {
        assert!(problems.iter().any(|problem| problem == expected), "{expected}\nis not in\n{problems:#?}");
    }
}

#[test]
fn all_problems_of_tables_and_weights_are_listed() {
    let table = |score: &str| {
        let items =
            "[[items]]\ncodes = [\"a\", \"b\"]\nmin = 0\nmax = 1\nloinc = [\"44250-9\", \"44250-8\"]\n";
        document(&format!("range = [0, 9]\nloinc = \"4425O-9\"\n{items}[score]\n{score}")).unwrap_err()
    };
    let columns = "columns = [{ name = \"s\", by_sum = [0, 1] }]";
    assert_eq!(
        table(&format!("kind = \"table\"\n{columns}")),
        [
            "items[0].loinc holds what is no LOINC code",
            "score.columns[0].by_sum is not of 3 values, one for each sum",
            "score has one output, which is called score and not s",
            "range is not the range of the rule",
            "loinc is no LOINC code",
        ]
    );
    let set = "value_sets = [{ id = \"p\", source = \"q\", thousandths = [999, 2, 3] }]";
    let problems = table(&format!("kind = \"decrement\"\ndefault_value_set = \"p\"\n{set}"));
    for expected in [
        "score.value_sets[0].thousandths are not 4, one for each state",
        "score.value_sets[0].thousandths do not end at 1000, full health",
        "range follows from the tables of the rule; leave it out",
    ] {
        assert!(problems.iter().any(|problem| problem == expected), "{expected}\nis not in\n{problems:#?}");
    }
    let text = WEIGHTS.replace("{ item = \"a\", by_code = [\"1.5\", 0] }, ", "").replace("60", "\"6O\"");
    let expected = [
        "score.scales[1].constant is no number such as \"-1.23456\"",
        "score.scales[1].weights say nothing about a",
    ];
    assert_eq!(document(&text).unwrap_err()[..2], expected);
}

proptest! {
    /// Whatever is answered: a score lies within the instrument's range, and by name, by place and in the task it is the
    /// same one.
    #[test]
    fn scores_lie_within_their_range_and_are_the_same_every_way(
        draws in prop::collection::vec(0u32..1_000_000, 64), missing_percent in 0u32..60,
    ) {
        let library = Library::builtin();
        for (_, id, _) in SHIPPED.iter().filter(|(kind, ..)| *kind == INSTRUMENT) {
            let document = library.instrument(id, None).unwrap();
            let code = |(item, draw): (&Item, &u32)| {
                let levels = u32::try_from(item.max - item.min + 1).unwrap();
                let code = item.min + i32::try_from(draw / 100 % levels).unwrap();
                (draw % 100 >= missing_percent).then_some(code)
            };
            let codes: Vec<Option<i32>> = document.items.iter().zip(&draws).map(code).collect();
            let answers: Vec<Answer<'_>> =
                document.items.iter().zip(&codes).map(|(item, code)| Answer { item: &item.code, code: *code }).collect();
            let sets = if let Rule::Decrement { value_sets, .. } = &document.rule { value_sets.len() } else { 1 };
            for set in 0..sets {
                let mut outputs = Vec::new();
                let any = document.score_codes(&codes, set, &mut outputs);
                prop_assert_eq!(outputs.len(), document.outputs.len());
                prop_assert_eq!(any, outputs.iter().any(|value| !value.is_nan()));
                let headline = outputs[document.headline];
                let outcome = document.score(&answers, document.value_set_id(set).map(|id| &**id));
                prop_assert_eq!(scored(&outcome), (!headline.is_nan()).then_some(headline), "{}", id);
                let (low, high) = (document.range.0.to_f64(), document.range.1.to_f64());
                prop_assert!(headline.is_nan() || (low..=high).contains(&headline), "{} {}", id, headline);
                if let ScoreOutcome::Scored { scales, .. } = outcome {
                    let named = document.outputs.iter().zip(&outputs).filter(|(_, value)| !value.is_nan());
                    let named: Vec<_> = named.map(|(name, value)| (name.clone(), *value)).collect();
                    prop_assert_eq!(scales, if outputs.len() > 1 { named } else { Vec::new() });
                }
            }
        }
    }

    /// One answer moves all it counts in one way.
    #[test]
    fn an_answer_moves_what_it_counts_in_one_way(draws in prop::collection::vec(0u32..1_000_000, 64), at in 0usize..64) {
        let library = Library::builtin();
        for id in ["saq-7", "kccq-12", "rand-36", "afeqt", "odi", "hoos-ps"] {
            let document = library.instrument(id, None).unwrap();
            let code = |(item, draw): (&Item, &u32)| {
                item.min + i32::try_from(draw % u32::try_from(item.max - item.min).unwrap()).unwrap()
            };
            let mut codes: Vec<Option<i32>> = document.items.iter().zip(&draws).map(code).map(Some).collect();
            let (mut before, mut after) = (Vec::new(), Vec::new());
            document.score_codes(&codes, 0, &mut before);
            let at = at % codes.len();
            codes[at] = codes[at].map(|code| code + 1);
            document.score_codes(&codes, 0, &mut after);
            let moved: Vec<f64> = before.iter().zip(&after).map(|(before, after)| after - before).collect();
            let one_way = moved.iter().all(|by| *by >= 0.0) || moved.iter().all(|by| *by <= 0.0);
            // The two outputs of HOOS-PS go opposite ways.
            prop_assert!(one_way || (id == "hoos-ps" && moved[0] <= 0.0 && moved[1] >= 0.0), "{} {:?}", id, moved);
        }
    }
}
