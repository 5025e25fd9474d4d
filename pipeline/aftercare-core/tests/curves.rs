//! Expected outcome curves: editions from contributions, and what they expect.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeMap;
use std::sync::Arc;

use aftercare_core::curve::{
    Cohort, CohortCurve, Counts, Curves, Edition, Expected, Leaf, Learned, Moments, Own, Question, build,
};
use aftercare_core::documents::{CURVE, CohortLevel, CurveRules, Library, PLAN, PlanDocument, PriorDocument};
use aftercare_core::time::{Instant, Millis};
use proptest::prelude::*;

/// 2026-02-01 in UTC.
const PERIOD_END: Instant = Instant(1_769_904_000_000);
const AFTER: Instant = Instant(PERIOD_END.0 + 86_400_000);

fn rules() -> CurveRules {
    Library::builtin().plan("coronary-stent").unwrap().curve.clone().unwrap()
}

fn cohort(levels: &[&str]) -> Cohort {
    let level = |at: usize| levels.get(at).copied();
    Cohort::new("pci-des", [level(0), level(1), level(2)]).unwrap()
}

/// A contribution as a test states it: cohort, bin, index in hundredths, sequence.
type Given = (Cohort, u16, i64, u64);

/// Sequences divisible by three are taken out two later.
fn taken(added: u64) -> u64 {
    if added.is_multiple_of(3) { added + 2 } else { u64::MAX }
}

fn curves_of(given: &[Given], last_sequence: u64) -> Vec<CohortCurve> {
    let mut counts: BTreeMap<(Leaf, u16), Counts> = BTreeMap::new();
    for (cohort, bin, index, _) in
        given.iter().filter(|(.., added)| (*added..taken(*added)).contains(&last_sequence))
    {
        let leaf = Leaf { cohort: cohort.clone(), instrument: "saq-7".into(), plan: None };
        counts.entry((leaf, *bin)).or_default().add(*index);
    }
    let edition = Edition {
        name: Edition::name_of("pci-des", PERIOD_END).into(),
        period_end: PERIOD_END,
        sources: Arc::from([(0, last_sequence)]),
    };
    let rules = rules();
    build(
        "pci-des",
        &edition,
        |_, _| Some(&rules),
        counts.iter().map(|((leaf, bin), counts)| (leaf, *bin, counts)),
    )
}

fn learn(curves: Vec<CohortCurve>) -> Curves {
    let mut known = Curves::default();
    for curve in curves {
        let last = curve.parent.is_none();
        assert_eq!(known.learn(curve), if last { Learned::Complete } else { Learned::Part });
    }
    known
}

fn ask(curves: &Curves, cohort: &Cohort, hours: i64, own: &[Given]) -> Option<Expected> {
    let question = Question {
        cohort,
        instrument: "saq-7",
        plan: None,
        answered_at: AFTER,
        since_treatment: Millis(hours * 3_600_000),
        partition: 0,
    };
    let own = own.iter().map(|(cohort, bin, index, added)| Own {
        cohort,
        bin: *bin,
        index_hundredths: *index,
        added: *added,
        taken: taken(*added),
    });
    curves.expected(&question, own)
}

fn near(one: f64, other: f64) -> bool {
    (one - other).abs() < 1e-9
}

/// Bin 2 is days 21 to 35; its middle is day 28.
const MIDDLE: i64 = 28 * 24;

#[test]
fn a_narrow_cohort_borrows_from_the_one_above() {
    let (women, men) = (cohort(&["60-69", "female"]), cohort(&["60-69", "male"]));
    let old = cohort(&["80-89", "male"]);
    // Procedure: 10,000 12,000 14,000 9,000; band: the first three; women: the first two.
    let given: Vec<Given> = vec![
        (women.clone(), 2, 10_000, 1),
        (women.clone(), 2, 12_000, 2),
        (men.clone(), 2, 14_000, 5),
        (old.clone(), 2, 9_000, 4),
    ];
    let curves = learn(curves_of(&given, 9));
    let expected = ask(&curves, &women, MIDDLE, &[]).unwrap();
    // procedure: mean 45,000 / 4 = 11,250; band: (36,000 + 30 x 11,250) / 33 = 373,500 / 33
    let band = 373_500.0 / 33.0;
    let mean = (22_000.0 + 30.0 * band) / 32.0;
    assert!(near(expected.index, mean / 100.0), "{expected:?}");
    assert_eq!(
        (expected.n, &*expected.cohort, &*expected.edition),
        (2, "pci-des/60-69/female", "pci-des@2026-01")
    );
    // variance of the procedure: squared distances 1,562,500 + 562,500 + 7,562,500 + 5,062,500 = 14,750,000, over 3
    let procedure = 14_750_000.0 / 3.0;
    let band_variance = (8_000_000.0 + 30.0 * procedure) / 33.0 + 3.0 * 30.0 * 750.0 * 750.0 / (33.0 * 33.0);
    let apart: f64 = 11_000.0 - band;
    let variance = (2_000_000.0 + 30.0 * band_variance) / 32.0 + 2.0 * 30.0 * apart * apart / (32.0 * 32.0);
    assert!(near(expected.sd.unwrap(), variance.sqrt() / 100.0), "{expected:?}");
    // A cohort of which nobody answered is the one above it.
    let nobody = ask(&curves, &cohort(&["60-69", "female", "diabetes"]), MIDDLE, &[]).unwrap();
    assert_eq!((nobody.n, &*nobody.cohort), (2, "pci-des/60-69/female"));
    let unknown = ask(&curves, &cohort(&[]), MIDDLE, &[]).unwrap();
    assert!(near(unknown.index, 112.5) && unknown.n == 4, "{unknown:?}");
}

#[test]
fn a_patient_is_not_compared_with_itself() {
    let women = cohort(&["60-69", "female"]);
    let given: Vec<Given> = vec![(women.clone(), 2, 10_000, 1), (women.clone(), 2, 12_000, 2)];
    let curves = learn(curves_of(&given, 9));
    let expected = ask(&curves, &women, MIDDLE, &given[..1]).unwrap();
    assert!(near(expected.index, 120.0), "{expected:?}");
    assert_eq!((expected.n, expected.sd), (1, None), "one response has no spread");
    assert_eq!(ask(&curves, &women, MIDDLE, &given), None, "nobody else");
    // What came after the edition is not in it, and not taken out of it.
    let later = [(women.clone(), 2, 10_000, 10)];
    assert!(near(ask(&curves, &women, MIDDLE, &later).unwrap().index, 110.0));
}

#[test]
fn between_the_middles_of_bins_the_curve_runs_straight() {
    let all = cohort(&[]);
    // Bins 1, 2, 3: days 7-21, 21-35, 35-49. Bin 5 stands alone: days 63-77.
    let given: Vec<Given> = [(1, 10_000), (2, 12_000), (3, 11_000), (5, 9_000)]
        .map(|(bin, index)| (all.clone(), bin, index, 1))
        .into();
    let curves = learn(curves_of(&given, 9));
    for (day, index) in [
        (7, Some(100.0)),
        (14, Some(100.0)),
        (21, Some(110.0)),
        (28, Some(120.0)),
        (35, Some(115.0)),
        (42, Some(110.0)),
        (48, Some(110.0)),
        (49, None),
        (63, Some(90.0)),
        (76, Some(90.0)),
        (77, None),
        (3, None),
    ] {
        let expected = ask(&curves, &all, day * 24, &[]).map(|expected| expected.index);
        assert_eq!(expected.map(|index| (index * 1e6).round()), index.map(|index| index * 1e6), "day {day}");
    }
}

#[test]
fn the_newest_edition_in_force_at_the_answer_judges_once_it_is_whole() {
    let women = cohort(&["60-69", "female"]);
    let january = curves_of(&[(women.clone(), 2, 10_000, 1)], 9);
    let mut february = curves_of(&[(women.clone(), 2, 10_000, 1), (women.clone(), 2, 11_000, 13)], 20);
    for curve in &mut february {
        curve.edition.name = "pci-des@2026-02".into();
        curve.effective_from = AFTER;
    }
    let mut curves = learn(january.clone());
    let index = |curves: &Curves| ask(curves, &women, MIDDLE, &[]).unwrap().index;
    assert!(near(index(&curves), 100.0));
    let root = february.pop().unwrap();
    for curve in february {
        assert_eq!(curves.learn(curve), Learned::Part);
    }
    assert!(near(index(&curves), 100.0), "half an edition judges nobody");
    assert_eq!(curves.learn(root.clone()), Learned::Complete);
    assert!(near(index(&curves), 105.0));
    assert_eq!(curves.learn(root.clone()), Learned::Known);
    let mut other = root;
    other.bins[0].moments.sum += 1;
    assert_eq!(curves.learn(other), Learned::Differs, "an edition never changes");
    assert!(near(index(&curves), 105.0));
    let mut more = january[0].clone();
    more.cohort = "pci-des/50-59".into();
    assert_eq!(curves.learn(more), Learned::Differs);
}

#[test]
fn editions_hold_sums_and_quantiles_where_there_are_enough() {
    let given: Vec<Given> =
        (0..20).map(|at| (cohort(&["60-69"]), if at < 19 { 4 } else { 5 }, 10_000 + 100 * at, 1)).collect();
    let curves = curves_of(&given, 9);
    let names: Vec<_> = curves.iter().map(|curve| (&*curve.cohort, curve.parent.as_deref())).collect();
    assert_eq!(names, [("pci-des/60-69", Some("pci-des")), ("pci-des", None)]);
    let bins: Vec<_> =
        curves[1].bins.iter().map(|bin| (bin.bin, bin.from_day, bin.to_day, bin.moments.n)).collect();
    assert_eq!(bins, [(4, 49, 63, 19), (5, 63, 77, 1)]);
    assert_eq!(curves[1].bins[0].quantiles_hundredths, [] as [i64; 0], "19 are one too few");
    let mut more = given.clone();
    more.push((cohort(&[]), 4, 50_000, 1));
    let curves = curves_of(&more, 9);
    // 20 values: the first, the 5th, the 10th, the 15th, the 19th
    assert_eq!(curves[1].bins[0].quantiles_hundredths, [10_000, 10_400, 10_900, 11_400, 11_800]);
    assert_eq!(curves[0].bins[0].quantiles_hundredths, [] as [i64; 0]);
    assert_eq!(curves[1].effective_from, AFTER);
}

#[test]
fn rules_say_band_group_and_bin() {
    let rules = rules();
    for (birth_year, band) in [(1966, Some("50-59")), (1965, Some("60-69")), (2030, None), (1900, None)] {
        assert_eq!(rules.age_band(birth_year, 2025).as_deref(), band, "{birth_year}");
    }
    for (codes, group) in [
        (&["I10", "E11.9"][..], "diabetes"),
        (&["E11.9", "N18.3"], "kidney-disease"),
        (&["E78.5"], "none"),
        (&[], "none"),
    ] {
        assert_eq!(rules.comorbidity(codes.iter().copied()), group, "{codes:?}");
    }
    let day = Millis::days(1).0;
    for (since, bin) in [
        (-1, None),
        (0, Some(0)),
        (7 * day - 1, Some(0)),
        (7 * day, Some(1)),
        (730 * day - 1, Some(19)),
        (730 * day, None),
    ] {
        assert_eq!(rules.bin_of(Millis(since)), bin, "{since}");
    }
    assert_eq!(
        (rules.days_of(2), rules.days_of(19), rules.days_of(20)),
        (Some((21, 35)), Some((545, 730)), None)
    );
}

#[test]
fn a_plan_may_narrow_cohorts_in_another_order_or_by_less() {
    let library = Library::builtin();
    let text = library.text(PLAN, "coronary-stent", None).unwrap();
    let levels = |stated: &str| {
        let changed = text.replace("period =", &format!("levels = {stated}\nperiod ="));
        PlanDocument::parse(&changed)
            .map(|plan| plan.curve.unwrap().levels)
            .map_err(|problems| problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))
    };
    let all = [CohortLevel::AgeBand, CohortLevel::Sex, CohortLevel::Comorbidity];
    assert_eq!(rules().levels, all, "unless it says otherwise");
    assert_eq!(levels(r#"["age_band", "sex", "comorbidity"]"#).as_deref(), Ok(&all[..]));
    assert_eq!(levels(r#"["sex", "age_band"]"#), Ok(vec![CohortLevel::Sex, CohortLevel::AgeBand]));
    assert_eq!(levels("[]"), Ok(Vec::new()));
    let unknown = "curve.levels are not all among age_band, sex, comorbidity".to_owned();
    assert_eq!(levels(r#"["clinic"]"#), Err(unknown));
    assert_eq!(levels(r#"["sex", "sex"]"#), Err("curve.levels name one twice".to_owned()));
    // Once stated, they stay, as the other rules of a curve do.
    let mut other = library.clone();
    let next = text.replace("version = 1\n", "version = 2\n").replace("period =", "levels = []\nperiod =");
    other.add(PLAN, "coronary-stent", 2, &next).unwrap_err();
}

#[test]
fn the_rules_of_a_curve_are_checked_and_stay() {
    let library = Library::builtin();
    let text = library.text(PLAN, "coronary-stent", None).unwrap();
    for (from, to, place) in [
        ("  0, 7,", "  1, 7,", "curve.bin_edges_days"),
        ("  0, 7,", "  0, 21,", "curve.bin_edges_days"),
        ("period = \"month\"", "period = \"week\"", "curve.period"),
        ("prior_n = 30", "prior_n = -1", "curve.prior_n"),
        ("name = \"diabetes\"", "name = \"none\"", "curve.comorbidity_groups"),
        ("name = \"diabetes\"", "name = \"a/b\"", "curve.comorbidity_groups[2].name"),
        ("name = \"diabetes\"", "name = \"60-69\"", "curve.comorbidity_groups[2].name"),
        ("name = \"diabetes\"", "name = \"female\"", "curve.comorbidity_groups[2].name"),
    ] {
        let changed = text.replace(from, to);
        assert_ne!(changed, *text, "{from}");
        let places: Vec<String> =
            PlanDocument::parse(&changed).unwrap_err().into_iter().map(|problem| problem.place).collect();
        assert_eq!(places, [place], "{from} -> {to}");
    }
    let next = text.replace("version = 1\n", "version = 2\n");
    let mut same = library.clone();
    same.add(PLAN, "coronary-stent", 2, &next).unwrap();
    let mut other = library.clone();
    other.add(PLAN, "coronary-stent", 2, &next.replace("prior_n = 30", "prior_n = 31")).unwrap_err();
    let renamed = text.replace("\"coronary-stent\"", "\"another\"").replace("prior_n = 30", "prior_n = 31");
    other.add(PLAN, "another", 1, &renamed).unwrap();
    assert!(library.check().is_empty());
    assert!(!other.check().is_empty(), "two curves of one instrument");
}

/// A registry's curve: 100 % at the treatment, 140 % four weeks after it, 150 % from day 100 to 200.
const REGISTRY: &str = r#"
id = "registry"
version = 1
title = "Another country's registry"
procedure = "pci-des"
instrument = "saq-7"
effective_from = "2026-01-01"
from_day = 0
to_day = 200
[[points]]
day = 0
n = 400
mean = 100
sd = 10
[[points]]
day = 28
n = 300
mean = 140
sd = "30.5"
[[points]]
day = 100
n = 200
mean = 150
sd = 20
"#;

fn registry(changes: &[(&str, &str)]) -> Arc<PriorDocument> {
    let changed = changes.iter().fold(REGISTRY.to_owned(), |text, (from, to)| text.replace(from, to));
    Arc::new(PriorDocument::parse(&changed).unwrap())
}

#[test]
fn a_curve_from_elsewhere_speaks_before_anybody_has_answered() {
    let mut curves = Curves::default();
    curves.learn_prior(&registry(&[]));
    let women = cohort(&["60-69", "female"]);
    for (hours, says) in [
        (0, Some((100.0, 10.0, 400))),
        (7 * 24, Some((110.0, 15.125, 400))),
        (21 * 24, Some((130.0, 25.375, 300))),
        (28 * 24, Some((140.0, 30.5, 300))),
        (64 * 24, Some((145.0, 25.25, 300))),
        (199 * 24, Some((150.0, 20.0, 200))),
        (200 * 24, None),
        (-1, None),
    ] {
        let expected = ask(&curves, &women, hours, &[]);
        let found = expected.as_ref().map(|it| (it.index, it.sd.unwrap(), it.n));
        assert!(
            found.zip(says).map_or(found.is_none() && says.is_none(), |(found, says)| {
                near(found.0, says.0) && near(found.1, says.1) && found.2 == says.2
            }),
            "{hours}: {expected:?}"
        );
        if let Some(expected) = expected {
            assert_eq!((&*expected.cohort, &*expected.edition), ("pci-des", "prior:registry@1"));
        }
    }
}

#[test]
fn a_procedure_borrows_from_the_curve_from_elsewhere_and_lends_it_on() {
    let (women, men) = (cohort(&["60-69", "female"]), cohort(&["60-69", "male"]));
    let given: Vec<Given> = vec![(women.clone(), 2, 10_000, 1), (men.clone(), 2, 13_000, 2)];
    let mut curves = learn(curves_of(&given, 9));
    let before = ask(&curves, &women, MIDDLE, &[]).unwrap();
    curves.learn_prior(&registry(&[]));
    let expected = ask(&curves, &women, MIDDLE, &[]).unwrap();
    // procedure and band: two of their own with mean 11,500, thirty of the registry with 14,000; women: one of their own
    let procedure = (23_000.0 + 30.0 * 14_000.0) / 32.0;
    let band = (23_000.0 + 30.0 * procedure) / 32.0;
    assert!(near(expected.index, (10_000.0 + 30.0 * band) / 31.0 / 100.0), "{expected:?}");
    assert_eq!((expected.n, &*expected.cohort), (1, "pci-des/60-69/female"));
    assert_eq!(&*expected.edition, "pci-des@2026-01+prior:registry@1");
    let spread = |own: f64, above: f64, apart: f64, n: f64| {
        (n * own + 30.0 * above) / (n + 30.0) + n * 30.0 * apart * apart / ((n + 30.0) * (n + 30.0))
    };
    let procedure_variance = spread(1_500.0 * 1_500.0, 3_050.0 * 3_050.0, 2_500.0, 2.0);
    let band_variance = spread(1_500.0 * 1_500.0, procedure_variance, 11_500.0 - procedure, 2.0);
    let variance = spread(0.0, band_variance, 10_000.0 - band, 1.0);
    assert!(near(expected.sd.unwrap(), variance.sqrt() / 100.0), "{expected:?}");
    // Who alone answered is compared with the registry alone.
    let alone =
        ask(&learn_with(curves_of(&given[..1], 9), &registry(&[])), &women, MIDDLE, &given[..1]).unwrap();
    assert_eq!((alone.index, &*alone.edition), (140.0, "prior:registry@1"));
    // Where the registry says nothing, nothing is borrowed.
    let silent = learn_with(
        curves_of(&given, 9),
        &registry(&[
            ("from_day = 0", "from_day = 29"),
            ("day = 0\nn", "day = 29\nn"),
            ("day = 28", "day = 30"),
        ]),
    );
    assert_eq!(ask(&silent, &women, MIDDLE, &[]), Some(before));
}

fn learn_with(curves: Vec<CohortCurve>, prior: &Arc<PriorDocument>) -> Curves {
    let mut known = learn(curves);
    known.learn_prior(prior);
    known
}

#[test]
fn the_newest_curve_from_elsewhere_in_force_at_the_answer_speaks_in_whatever_order_they_came() {
    let versions = [
        registry(&[]),
        registry(&[
            ("version = 1", "version = 2"),
            ("mean = 140", "mean = 141"),
            ("2026-01-01", "2026-01-20"),
        ]),
        registry(&[
            ("version = 1", "version = 3"),
            ("mean = 140", "mean = 142"),
            ("2026-01-01", "2026-02-03"),
        ]),
        registry(&[("pci-des", "hip-replacement"), ("mean = 140", "mean = 99")]),
        registry(&[("saq-7", "eq-vas"), ("mean = 140", "mean = 98")]),
    ];
    for order in [[0, 1, 2, 3, 4], [4, 3, 2, 1, 0], [2, 0, 4, 1, 3]] {
        let mut curves = Curves::default();
        order.iter().for_each(|at| curves.learn_prior(&versions[*at]));
        // answered on 2026-02-02
        let expected = ask(&curves, &cohort(&[]), MIDDLE, &[]).unwrap();
        assert_eq!((expected.index, &*expected.edition), (141.0, "prior:registry@2"), "{order:?}");
    }
    let mut late = Curves::default();
    late.learn_prior(&versions[2]);
    assert_eq!(ask(&late, &cohort(&[]), MIDDLE, &[]), None);
}

#[test]
fn a_curve_from_elsewhere_is_checked() {
    for (from, to, problem) in [
        ("day = 28", "day = 0", "points do not ascend by day"),
        ("to_day = 200", "to_day = 100", "points are not all within from_day and to_day"),
        ("sd = 20", "sd = -1", "points[2].sd is below 0"),
        ("n = 300", "n = 0", "points[1].n is not above 0"),
        ("2026-01-01", "soon", "effective_from is no day such as 2026-01-31"),
        ("saq-7", "composite", "plan is there with a composite, and only then"),
        (
            "mean = 140",
            "mean = 140.5",
            "points[1].mean is a floating number; write it in quotes, it is read exactly",
        ),
    ] {
        let problems = PriorDocument::parse(&REGISTRY.replace(from, to)).unwrap_err();
        assert_eq!(problems.iter().map(ToString::to_string).next().as_deref(), Some(problem));
    }
    let mut library = Library::builtin();
    library.add(CURVE, "registry", 1, REGISTRY).unwrap();
    assert_eq!(library.check(), []);
    library.add(CURVE, "registry", 2, REGISTRY).unwrap_err();
    let other = REGISTRY.replace("version = 1", "version = 2");
    library.add(CURVE, "registry", 2, &other.replace("saq-7", "oxford-shoulder")).unwrap();
    let problems: Vec<String> = library.check().iter().map(ToString::to_string).collect();
    assert_eq!(
        problems,
        ["curve registry version 2 names the instrument oxford-shoulder, which is not known"]
    );
}

fn any_cohort() -> impl Strategy<Value = Cohort> {
    let sexes = prop::option::of(prop::sample::select(vec!["female", "male"]));
    let bands = prop::option::of(prop::sample::select(vec!["50-59", "60-69"]));
    let groups = prop::option::of(prop::sample::select(vec!["none", "diabetes"]));
    (bands, sexes, groups).prop_map(|(band, sex, group)| Cohort::new("pci-des", [band, sex, group]).unwrap())
}

fn any_given() -> impl Strategy<Value = Vec<(Given, usize)>> {
    let one = (any_cohort(), 0_u16..5, -5_000_i64..30_000, 1_u64..20).prop_map(|given| given);
    prop::collection::vec((one, 0_usize..4), 1..40)
}

proptest! {
    #[test]
    fn taking_oneself_out_is_a_curve_without_oneself(
        given in any_given(), cohort in any_cohort(), hours in 0_i64..1_500, last in 5_u64..20
    ) {
        let of = |own: bool| -> Vec<Given> {
            given.iter().filter(|(_, patient)| (*patient == 0) == own).map(|(given, _)| given.clone()).collect()
        };
        let (own, others) = (of(true), of(false));
        let all: Vec<Given> = given.iter().map(|(given, _)| given.clone()).collect();
        let with = ask(&learn(curves_of(&all, last)), &cohort, hours, &own);
        let without = ask(&learn(curves_of(&others, last)), &cohort, hours, &[]);
        prop_assert_eq!(with, without, "to the bit");
        let prior = registry(&[]);
        let with = ask(&learn_with(curves_of(&all, last), &prior), &cohort, hours, &own);
        let without = ask(&learn_with(curves_of(&others, last), &prior), &cohort, hours, &[]);
        prop_assert_eq!(with, without, "to the bit, beside a curve from elsewhere");
    }

    #[test]
    fn the_order_of_contributions_does_not_matter(given in any_given(), last in 5_u64..20) {
        let forwards: Vec<Given> = given.iter().map(|(given, _)| given.clone()).collect();
        let backwards: Vec<Given> = forwards.iter().rev().cloned().collect();
        prop_assert_eq!(curves_of(&forwards, last), curves_of(&backwards, last));
        for curve in curves_of(&forwards, last) {
            let depth = curve.cohort.matches('/').count();
            for bin in &curve.bins {
                let within = |(cohort, at, _, sequence): &&Given| {
                    cohort.name(depth) == &*curve.cohort
                        && *at == bin.bin
                        && (*sequence..taken(*sequence)).contains(&last)
                };
                let indices = forwards.iter().filter(within).map(|(_, _, index, _)| *index);
                let moments = indices.fold(Moments::default(), |moments, index| moments.plus(index, 1));
                prop_assert_eq!(bin.moments, moments);
            }
        }
    }
}
