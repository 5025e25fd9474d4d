//! Every vector and table at hand, at the precision it is printed in.

use aftercare_core::documents::Library;
use aftercare_core::reason::Reason;
use aftercare_core::score::ScoreOutcome;

use crate::kit::{EQ_5D, field, number, rows, scale, score_codes, score_row, score_state, scored};
use crate::kit::{Row, SAQ_7};

#[test]
fn eq_5d_equals_the_published_tables_exactly() {
    let tables = [
        ("prom_vectors/eq5d3l_all_states.csv", "eq-5d-3l", "liu-2014", "cn_liu2014"),
        ("prom_vectors/eq5d3l_all_states.csv", "eq-5d-3l", "zhuo-2018", "cn_zhuo2018"),
        ("prom_vectors/eq5d3l_all_states.csv", "eq-5d-3l", "mvh-a1", "uk_mvh_a1_dolan1997"),
        ("prom_vectors/eq5d5l_all_states.csv", "eq-5d-5l", "luo-2017", "cn_luo2017"),
        ("prom_vectors/eq5d5l_all_states.csv", "eq-5d-5l", "devlin-2018", "england_devlin2018"),
        ("prom_vectors/eq5d5l_all_states.csv", "eq-5d-5l", "rowen-2026", "uk_rowen2026"),
        ("prom_vectors/eq5d5l_all_states.csv", "eq-5d-5l", "van-hout-2012", "uk_crosswalk_vanhout2012"),
        ("prom_tables/eq5d5l_van_hout_2012.csv", "eq-5d-5l", "van-hout-2012", "value"),
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
            ("5L_VT", "England") => ("eq-5d-5l", "devlin-2018"),
            ("5L_VT", "UK") => ("eq-5d-5l", "rowen-2026"),
            ("3L_TTO", "China") => ("eq-5d-3l", "liu-2014"),
            ("3L_TTO", "UK") => ("eq-5d-3l", "mvh-a1"),
            ("CW", "UK") => ("eq-5d-5l", "van-hout-2012"),
            other => panic!("no value set for {other:?}"),
        };
        let value = score_state(instrument, set, field(&row, "state"));
        assert_eq!(value, number(&row, "expected").unwrap(), "{set} {}", field(&row, "state"));
    }
}

#[test]
fn eq_5d_of_every_level_alone_equals_its_coefficient() {
    for (file, instrument, set, column, constants) in [
        ("prom_tables/eq5d5l_coefficients.csv", "eq-5d-5l", "luo-2017", "China", [0.0, 0.0]),
        ("prom_tables/eq5d5l_coefficients.csv", "eq-5d-5l", "devlin-2018", "England", [0.0, 0.0]),
        ("prom_tables/eq5d5l_coefficients.csv", "eq-5d-5l", "rowen-2026", "UK", [0.0, 0.0]),
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
    equals_its_vectors("phq-2", "prom_vectors/phq2.csv", "PHQ2_Q", "phq2_", 2, "exp_PHQ2_SCORE");
}

#[test]
fn gad_2_equals_its_vectors() {
    equals_its_vectors("gad-2", "prom_vectors/gad2.csv", "GAD2_Q", "gad2_", 2, "exp_GAD2_SCORE");
}

/// The answers of a row whose first columns are those of the instrument's items, in order.
fn score_in_order(instrument: &str, row: &Row, skipped: usize) -> ScoreOutcome {
    let library = Library::builtin();
    let items: Vec<&str> =
        library.instrument(instrument, None).unwrap().items.iter().map(|item| &*item.code).collect();
    let columns: Vec<&str> = row.iter().skip(skipped).map(|(name, _)| name.as_str()).collect();
    score_row(instrument, row, &columns[..items.len()], &items)
}

/// Whether `value` is what was printed, `within` half a unit of its last place; nothing is what is printed as nothing.
fn near(value: Option<f64>, printed: Option<f64>, within: f64) -> bool {
    match (value, printed) {
        (Some(value), Some(printed)) => (value - printed).abs() <= within,
        (value, printed) => value == printed,
    }
}

#[test]
fn kccq_12_equals_its_vectors() {
    let scales =
        ["physical_limitation", "symptom_frequency", "quality_of_life", "social_limitation", "overall"];
    let files = [
        (
            "prom_vectors/kccq12_engagehf.csv",
            1,
            ["exp_pl", "exp_sf", "exp_ql", "exp_sl", "exp_overall"],
            1e-5,
        ),
        (
            "prom_vectors/kccq12_awell.csv",
            0,
            ["exp_KCCQ12-PL", "exp_KCCQ12-SF", "exp_KCCQ12-QL", "exp_KCCQ12-SL", "exp_KCCQ12"],
            0.00501,
        ),
    ];
    for (file, skipped, columns, within) in files {
        for row in rows(file).unwrap_or_default().iter().filter(|row| field(row, "conforms") != "0") {
            let outcome = score_in_order("kccq-12", row, skipped);
            for (name, column) in scales.into_iter().zip(columns) {
                let value = if scored(&outcome).is_some() { scale(&outcome, name) } else { None };
                assert!(near(value, number(row, column), within), "{name} {value:?} {row:?}");
            }
        }
    }
}

#[test]
fn odi_equals_its_vectors() {
    for row in rows("prom_vectors/odi.csv").unwrap_or_default() {
        let score = scored(&score_in_order("odi", &row, 0));
        assert!(near(score, number(&row, "exp_OSWESTRY"), 0.5), "{score:?} {row:?}");
    }
}

#[test]
fn hoos_ps_equals_its_vectors_and_its_nomogram_in_both_directions() {
    for row in rows("prom_vectors/hoosps.csv").unwrap_or_default() {
        let outcome = score_in_order("hoos-ps", &row, 0);
        assert_eq!(scored(&outcome), number(&row, "exp_HOOS_PS"), "{row:?}");
    }
    for row in rows("prom_tables/hoosps_nomogram.csv").unwrap_or_default() {
        let raw: i32 = field(&row, "raw").parse().unwrap();
        let items = ["hoos_stairs", "hoos_bath_shower", "hoos_sit", "hoos_run", "hoos_twist"];
        let codes: Vec<_> =
            (0..).zip(items).map(|(at, item)| (item, Some(raw / 5 + i32::from(at < raw % 5)))).collect();
        let outcome = score_codes("hoos-ps", None, &codes);
        assert_eq!(scale(&outcome, "score"), number(&row, "score_100best"), "{raw}");
        assert_eq!(scale(&outcome, "score_reversed"), number(&row, "score_0best"), "{raw}");
    }
}

#[test]
fn rand_36_equals_its_vectors() {
    let scales = [
        ("physical_functioning", "exp_PHYSICAL_FUNCTIONING"),
        ("role_physical", "exp_ROLE_LIMITATIONS_PHYSICAL_HEALTH"),
        ("role_emotional", "exp_ROLE_LIMITATIONS_EMOTIONAL_PROBLEMS"),
        ("energy", "exp_ENERGY_FATIGUE"),
        ("emotional_wellbeing", "exp_EMOTIONAL_WELLBEING"),
        ("social_functioning", "exp_SOCIAL_FUNCTIONING"),
        ("pain", "exp_PAIN"),
        ("general_health", "exp_GENERAL_HEALTH"),
    ];
    for row in rows("prom_vectors/rand36_awell.csv").unwrap_or_default() {
        let outcome = score_in_order("rand-36", &row, 0);
        for (name, column) in scales {
            let value = scale(&outcome, name);
            assert!(near(value, number(&row, column), 0.00501), "{name} {value:?} {row:?}");
        }
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
