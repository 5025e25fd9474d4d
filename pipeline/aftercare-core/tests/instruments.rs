//! The shipped instruments against published tables and against the traps that others fell into.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "tests")]
#![allow(clippy::float_cmp, reason = "scores are exact to the bit")]

use std::path::PathBuf;

use aftercare_core::documents::{INSTRUMENT, Library, SHIPPED};
use aftercare_core::facts::Answer;
use aftercare_core::reason::Reason;
use aftercare_core::score::ScoreOutcome;

type Row = Vec<(String, String)>;

/// The rows of a CSV file of test data beside the checkout; `None`, with a message, where it is not there.
fn rows(file: &str) -> Option<Vec<Row>> {
    let beside = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let folder = std::env::var_os("AFTERCARE_DATA").map_or_else(beside, PathBuf::from);
    let path = folder.join(file);
    if !path.exists() {
        println!("skipped: {file} is not beside the checkout");
        return None;
    }
    let mut reader = csv::ReaderBuilder::new().comment(Some(b'#')).from_path(path).unwrap();
    let names: Vec<String> = reader.headers().unwrap().iter().map(str::to_owned).collect();
    let row = |record: Result<csv::StringRecord, _>| {
        names.iter().cloned().zip(record.unwrap().iter().map(str::to_owned)).collect()
    };
    let rows: Vec<Row> = reader.records().map(row).collect();
    assert!(!rows.is_empty(), "{file} has no rows");
    Some(rows)
}

fn field<'r>(row: &'r Row, name: &str) -> &'r str {
    row.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str()).unwrap_or_default()
}

fn number(row: &Row, name: &str) -> Option<f64> {
    Some(field(row, name)).filter(|text| !text.is_empty()).map(|text| text.parse().unwrap())
}

fn score_codes(instrument: &str, set: Option<&str>, codes: &[(&str, Option<i32>)]) -> ScoreOutcome {
    let library = Library::builtin();
    let answers: Vec<Answer<'_>> = codes.iter().map(|(item, code)| Answer { item, code: *code }).collect();
    library.instrument(instrument, None).unwrap().score(&answers, set)
}

fn scored(outcome: &ScoreOutcome) -> Option<f64> {
    match outcome {
        ScoreOutcome::Scored { score, .. } => Some(*score),
        _ => None,
    }
}

fn scale(outcome: &ScoreOutcome, name: &str) -> Option<f64> {
    let ScoreOutcome::Scored { scales, .. } = outcome else { panic!("not scored: {outcome:?}") };
    scales.iter().find(|(scale, _)| **scale == *name).map(|(_, value)| *value)
}

/// Scores a row whose columns `columns` answer `items`.
fn score_row(instrument: &str, row: &Row, columns: &[&str], items: &[&str]) -> ScoreOutcome {
    let codes: Vec<(&str, Option<i32>)> = columns
        .iter()
        .zip(items)
        .map(|(column, item)| {
            let text = field(row, column);
            (*item, (!text.is_empty()).then(|| text.parse().unwrap()))
        })
        .collect();
    score_codes(instrument, None, &codes)
}

const EQ_5D: [&str; 5] = ["mo", "sc", "ua", "pd", "ad"];

fn score_state(instrument: &str, set: &str, state: &str) -> f64 {
    let level = |byte: u8| Some(i32::from(byte - b'0'));
    let codes: Vec<_> = EQ_5D.into_iter().zip(state.bytes().map(level)).collect();
    scored(&score_codes(instrument, Some(set), &codes)).unwrap()
}

#[test]
fn eq_5d_equals_the_published_tables_exactly() {
    let tables = [
        ("prom_vectors/eq5d3l_all_states.csv", "eq-5d-3l", "liu-2014", "cn_liu2014"),
        ("prom_vectors/eq5d3l_all_states.csv", "eq-5d-3l", "mvh-a1", "uk_mvh_a1_dolan1997"),
        ("prom_vectors/eq5d5l_all_states.csv", "eq-5d-5l", "luo-2017", "cn_luo2017"),
    ];
    for (file, instrument, set, column) in tables {
        for row in rows(file).unwrap_or_default() {
            let state = field(&row, "state");
            let value = score_state(instrument, set, state);
            assert_eq!(value, number(&row, column).unwrap(), "{instrument} {set} {state}");
        }
    }
}

#[test]
fn eq_5d_equals_the_package_tests() {
    for row in rows("prom_vectors/eq5d_package_tests.csv").unwrap_or_default() {
        let (instrument, set) = match (field(&row, "set"), field(&row, "country")) {
            ("5L_VT", "China") => ("eq-5d-5l", "luo-2017"),
            ("3L_TTO", "UK") => ("eq-5d-3l", "mvh-a1"),
            _ => continue,
        };
        let value = score_state(instrument, set, field(&row, "state"));
        assert_eq!(value, number(&row, "expected").unwrap(), "{set} {}", field(&row, "state"));
    }
}

#[test]
fn eq_5d_of_every_level_alone_equals_its_coefficient() {
    for (file, instrument, set, column, constants) in [
        ("prom_tables/eq5d5l_coefficients.csv", "eq-5d-5l", "luo-2017", "China", [0.0, 0.0]),
        ("prom_tables/eq5d3l_coefficients.csv", "eq-5d-3l", "liu-2014", "China", [0.039, 0.022]),
        ("prom_tables/eq5d3l_coefficients.csv", "eq-5d-3l", "mvh-a1", "UK", [0.081, 0.269]),
    ] {
        for row in rows(file).unwrap_or_default() {
            let term = field(&row, "term");
            let item = ["MO", "SC", "UA", "PD", "AD"].into_iter().position(|code| term.starts_with(code));
            let level = term
                .get(2..)
                .and_then(|level| level.parse::<i32>().ok())
                .filter(|level| (2..=5).contains(level));
            let (Some(item), Some(level), Some(coefficient)) = (item, level, number(&row, column)) else {
                continue;
            };
            let codes: Vec<_> = EQ_5D
                .into_iter()
                .enumerate()
                .map(|(at, code)| (code, Some(if at == item { level } else { 1 })))
                .collect();
            let value = scored(&score_codes(instrument, Some(set), &codes)).unwrap();
            let any_3 = if level >= 3 { constants[1] } else { 0.0 };
            let expected = 1.0 + coefficient - constants[0] - any_3;
            assert!((value - expected).abs() < 1e-12, "{set} {term}: {value} {expected}");
        }
    }
}

/// Compares a sum of items with the vectors of a file, whose columns are `column` and two digits.
fn equals_its_vectors(instrument: &str, file: &str, column: &str, item: &str, items: u32, score: &str) {
    let columns: Vec<String> = (1..=items).map(|n| format!("{column}{n:02}")).collect();
    let items: Vec<String> = (1..=items).map(|n| format!("{item}{n}")).collect();
    let columns: Vec<&str> = columns.iter().map(String::as_str).collect();
    let items: Vec<&str> = items.iter().map(String::as_str).collect();
    for row in rows(file).unwrap_or_default() {
        let outcome = score_row(instrument, &row, &columns, &items);
        assert_eq!(scored(&outcome), number(&row, score), "{row:?}");
        if !field(&row, "exp_error").is_empty() {
            assert_eq!(outcome, ScoreOutcome::Unscored(Reason::MissingAnswers), "{row:?}");
        }
    }
}

#[test]
fn gad_7_equals_its_vectors() {
    equals_its_vectors("gad-7", "prom_vectors/gad7.csv", "GAD7_Q", "gad7_", 7, "exp_GAD7_SCORE");
}

#[test]
fn oxford_hip_equals_its_vectors() {
    equals_its_vectors("oxford-hip", "prom_vectors/ohs.csv", "ohs_", "ohs_", 12, "exp_OXFORD_HIP_SCORE");
}

#[test]
fn phq_equals_its_vectors() {
    equals_its_vectors("phq-9", "prom_vectors/phq9.csv", "PHQ9_Q", "phq9_", 9, "exp_PHQ9_SCORE");
    for row in rows("prom_vectors/phq2.csv").unwrap_or_default() {
        let outcome = score_row("phq-2", &row, &["PHQ2_Q01", "PHQ2_Q02"], &["phq2_1", "phq2_2"]);
        assert_eq!(scored(&outcome), number(&row, "exp_PHQ2_SCORE"), "{row:?}");
    }
}

#[test]
fn bands_are_those_of_their_vectors() {
    let library = Library::builtin();
    for (instrument, file, column) in [("phq-9", "phq9", "exp_PHQ9"), ("gad-7", "gad7", "exp_GAD7")] {
        let bands = &library.instrument(instrument, None).unwrap().cut_offs;
        for row in rows(&format!("prom_vectors/{file}.csv")).unwrap_or_default() {
            let Some(score) = number(&row, &format!("{column}_SCORE")) else { continue };
            let band =
                bands.iter().find(|band| (band.from.to_f64()..=band.to.to_f64()).contains(&score)).unwrap();
            let published = field(&row, &format!("{column}_INTERPRETATION")).to_lowercase();
            let none = band.name == "minimal" && published == "no anxiety";
            assert!(none || published.contains(&band.name), "{score}: {published} is not {}", band.name);
        }
    }
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

const SAQ_7: [&str; 7] = ["pl_a", "pl_b", "pl_c", "af_2", "af_3", "ql_4", "ql_5"];
const SAQ_7_SCALES: [(&str, &str); 4] = [
    ("physical_limitation", "exp_pl"),
    ("angina_frequency", "exp_af"),
    ("quality_of_life", "exp_ql"),
    ("summary", "exp_summary"),
];

#[test]
fn saq_7_equals_its_vectors() {
    for row in rows("prom_vectors/saq7_derived.csv").unwrap_or_default() {
        let outcome = score_row("saq-7", &row, &SAQ_7, &SAQ_7);
        for (name, column) in SAQ_7_SCALES {
            match (scale(&outcome, name), number(&row, column)) {
                (Some(value), Some(expected)) => {
                    assert!((value - expected).abs() < 1e-6, "{name} {value} {expected}");
                }
                (value, expected) => assert_eq!(value, expected, "{name} {row:?}"),
            }
        }
    }
}

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

#[test]
fn chinas_three_levels_are_lius_numbers_and_not_zhuos() {
    // Zhuo 2018 has 0.9641 here, under Liu's DOI in one public package
    assert_eq!(score_state("eq-5d-3l", "liu-2014", "11112"), 0.875);
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

#[test]
fn the_nhs_file_has_the_published_index_in_every_complete_row() {
    let Some(rows) = rows("nhs_proms_eq5d3l.csv") else { return };
    let mut incomplete = 0;
    for row in &rows {
        let codes: Vec<_> = EQ_5D.into_iter().map(|item| (item, number_of(row, item))).collect();
        let value = scored(&score_codes("eq-5d-3l", Some("mvh-a1"), &codes));
        assert_eq!(value, number(row, "index_uk_mvh"));
        incomplete += usize::from(value.is_none());
    }
    assert_eq!((rows.len(), incomplete), (5_008, 247));
}

fn number_of(row: &Row, item: &str) -> Option<i32> {
    Some(field(row, item)).filter(|text| !text.is_empty()).map(|text| text.parse().unwrap())
}
