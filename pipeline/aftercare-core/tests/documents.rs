//! Documents: what is shipped loads, what is wrong is named, all at once.

use aftercare_core::contract::{ContractDocument, Subject};
use aftercare_core::documents::{
    ALERT_POLICY, AlertPolicyDocument, CONTRACT, INSTRUMENT, InstrumentDocument, Library, PLAN, PlanDocument,
    Problem, ReviewRule, SHIPPED,
};
use aftercare_core::time::Instant;

#[test]
fn every_shipped_document_loads_and_fits_the_others() {
    let mut library = Library::default();
    for (kind, id, text) in SHIPPED {
        assert_eq!(library.add(kind, id, 1, text), Ok(()), "{kind} {id}");
    }
    assert_eq!(library.check(), []);
}

fn listed(problems: Vec<Problem>) -> Vec<String> {
    problems.iter().map(ToString::to_string).collect()
}

#[test]
fn all_problems_of_an_instrument_are_listed() {
    let text = r#"
        id = "composite"
        version = 0
        direction = "sideways"
        range = [0, 7]
        colour = "red"

        [[items]]
        codes = ["a", "b"]
        min = 0
        max = 3

        [[items]]
        codes = ["b"]
        min = 3
        max = 0.5

        [score]
        kind = "sum"
        item = "a"

        [mcid]
        value = 0.08
        source = ""
    "#;
    let problems = listed(InstrumentDocument::parse(text).unwrap_err());
    for expected in [
        "title is missing",
        "source is missing",
        "direction is none of up, down",
        "items[1].max is no whole number",
        "score.item is not a field of this document",
        "range is not the range of the rule",
        "mcid.value is a floating number; write it in quotes, it is read exactly",
        "mcid.source is empty",
        "id is reserved for the composite of a plan",
        "version is not above 0",
        "colour is not a field of this document",
    ] {
        assert!(problems.iter().any(|problem| problem == expected), "{expected}\nis not in\n{problems:#?}");
    }
}

#[test]
fn rules_that_do_not_fit_their_items_are_named() {
    let text = r#"
        id = "x"
        version = 1
        title = "X"
        source = "nobody"
        direction = "up"
        [[items]]
        codes = ["a", "b"]
        min = 1
        max = 3
        [score]
        kind = "decrement"
        default_value_set = "other"
        [[score.value_sets]]
        id = "set"
        source = "paper"
        decrements = [{ item = "a", by_level = [0, "0.1"] }, { item = "c", by_level = [0, 0, 0] }]
    "#;
    let problems = listed(InstrumentDocument::parse(text).unwrap_err());
    assert_eq!(
        problems,
        [
            "score.value_sets[0].decrements of a are not 3",
            "score.value_sets[0].decrements say nothing about b",
            "score.value_sets[0].decrements name c, which is no item",
            "score.default_value_set names none of the value sets",
        ]
    );
}

#[test]
fn all_problems_of_a_plan_are_listed() {
    let text = r#"
        id = "p"
        version = 1
        title = "P"
        baseline_window_days = 0
        ewma_half_life_days = 28
        [schedule]
        every_days = 14
        slots = 0
        [composite]
        missing_part = "absent"
        [[instruments]]
        id = "saq-7"
        baseline_floor = 0
        weight = "0.9"
        [[instruments]]
        id = "saq-7"
        baseline_floor = 20
    "#;
    let problems = listed(PlanDocument::parse(text).unwrap_err());
    assert_eq!(
        problems,
        [
            "schedule.slots is not within 1 and 10000",
            "instruments[0].baseline_floor is not above 0",
            "baseline_window_days is not above 0",
            "instruments have an id twice",
            "instruments have weights whose sum is not 1",
        ]
    );
}

#[test]
fn text_that_is_no_toml_names_its_line() {
    let problems = listed(PlanDocument::parse("id = \"p\"\nversion = = 1\n").unwrap_err());
    assert_eq!(problems.len(), 1);
    assert!(problems[0].starts_with("line 2 is no TOML"), "{problems:?}");
}

#[test]
fn a_published_version_never_changes() {
    let mut library = Library::builtin();
    let (_, _, text) = SHIPPED.into_iter().find(|(_, id, _)| *id == "saq-7").unwrap();
    assert_eq!(library.add(INSTRUMENT, "saq-7", 1, text), Ok(()));
    assert!(library.add(INSTRUMENT, "saq-7", 1, &format!("{text}\n")).is_err());
    assert!(library.add(INSTRUMENT, "saq-7", 2, text).is_err(), "says that it is version 1");
    assert!(library.add(INSTRUMENT, "saq-8", 1, text).is_err(), "says that it is saq-7");
    let second = text.replace("version = 1\n", "version = 2\n");
    assert_eq!(library.add(INSTRUMENT, "saq-7", 2, &second), Ok(()));
    assert_eq!(library.instrument("saq-7", None).unwrap().version, 2);
    assert_eq!(library.instrument("saq-7", Some(1)).unwrap().version, 1);
    let turned =
        text.replace("version = 1\n", "version = 3\n").replace("direction = \"up\"", "direction = \"down\"");
    assert!(library.add(INSTRUMENT, "saq-7", 3, &turned).is_err(), "its scores would not compare");
}

#[test]
fn other_kinds_are_kept_as_text() {
    let mut library = Library::default();
    assert_eq!(library.add("drug-list", "pacs", 1, "anything"), Ok(()));
    assert_eq!(library.add("drug-list", "pacs", 2, "newer"), Ok(()));
    assert_eq!(library.text("drug-list", "pacs", None), Some("newer"));
    assert_eq!(library.text("drug-list", "pacs", Some(1)), Some("anything"));
    assert_eq!(library.text("drug-list", "none", None), None);
}

#[test]
fn a_plan_without_its_instrument_is_named() {
    let mut library = Library::default();
    let (_, _, plan) = SHIPPED.iter().find(|(kind, id, _)| (*kind, *id) == (PLAN, "nhs-eq5d")).unwrap();
    assert_eq!(library.add(PLAN, "nhs-eq5d", 1, plan), Ok(()));
    let problems = listed(library.check());
    assert_eq!(problems.len(), 2);
    assert!(problems[0].contains("eq-5d-3l, which is not known"), "{problems:?}");
}

#[test]
fn all_problems_of_a_review_rule_are_listed() {
    let text = r#"
        id = "default"
        version = 1
        title = "Review"
        valid_from = "2026-02-30"
        seconds_min = -1
        sections_min = 2
        [burst]
        seconds = 0
        patients_max = 0
    "#;
    let problems = listed(ReviewRule::parse(text).unwrap_err());
    for expected in [
        "valid_from is no day such as 2026-01-31",
        "seconds_min is below 0",
        "interactions_min is missing",
        "burst.seconds is not within 1 and 86400",
        "burst.patients_max is not above 0",
    ] {
        assert!(problems.iter().any(|problem| problem == expected), "{expected}\nis not in\n{problems:#?}");
    }
}

const POLICY: &str = r#"
    id = "p"
    version = 1
    title = "P"
    historic_hours = 48
    historic_event_hours = 336
    nearing_percent = 100
    [critical]
    answer_minutes = 5
    vip_answer_minutes = 10
    [[rules]]
    id = "Self harm"
    kind = "single-answer"
    severity = "critical"
    routes = ["crisis_line", "nobody"]
    instrument = "phq-9"
    item = "phq9_10"
    code_at_least = 1
    [[rules]]
    id = "pulse"
    kind = "sustained-vital"
    severity = "warning"
    routes = ["care_manager"]
    metric = "pulse"
    above = 120
    clear = 125
    minutes = 0
    [[rules]]
    id = "trough"
    kind = "laboratory-limits"
    severity = "warning"
    routes = []
    codes = []
    hours_since_dose = 12
    bands = [{ until_month = 6, at_least = 5, at_most = 4 }, { until_month = 3, at_least = 1, at_most = 2 }]
    [[rules]]
    id = "x"
    kind = "weather"
    severity = "loud"
    routes = ["care_manager"]
"#;

#[test]
fn units_of_laboratory_values_fit_each_other() {
    let problems = |units: [&str; 2]| {
        let rule = |id: &str, unit: &str| {
            let limits = "kind = \"laboratory-increase\"\ncodes = [\"c\"]\nfactor = 2\nat_least = 1";
            format!(
                "[[rules]]\nid = \"{id}\"\nseverity = \"info\"\nroutes = [\"clinician\"]\n{limits}\n{unit}\n"
            )
        };
        let head = "id = \"p\"\nversion = 1\ntitle = \"P\"\nhistoric_hours = 1\nhistoric_event_hours = 1\nnearing_percent = 70\n";
        let text = format!("{head}{}{}", rule("one", units[0]), rule("other", units[1]));
        let found = AlertPolicyDocument::parse(&text).err().unwrap_or_default();
        found.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    let percent = "unit = \"%\"\nunits = { \"1\" = 100 }";
    assert!(problems([percent, percent]).is_empty());
    assert!(problems(["", ""]).is_empty(), "values are taken as they come");
    assert_eq!(problems([percent, ""]), ["rules judge one laboratory value in different units"]);
    assert_eq!(
        problems(["unit = \"%\"\nunits = { \"%\" = 1 }", "units = { \"1\" = 100 }"]),
        [
            "rules[0].units hold the unit itself, or a factor that is not above 0",
            "rules[1].unit is missing, and other units are converted to it",
            "rules judge one laboratory value in different units",
        ]
    );
}

#[test]
fn all_problems_of_an_alert_policy_are_listed() {
    let problems = listed(AlertPolicyDocument::parse(POLICY).unwrap_err());
    for expected in [
        "nearing_percent is not within 1 and 99",
        "rules[0].id is not of small letters, digits and hyphens",
        "rules[0].escalate_to is missing, and a critical alert needs one",
        "rules[0].vip_answer_minutes is above answer_minutes",
        "rules[1].metric is no metric",
        "rules[1].clear lies beyond the limit",
        "rules[1].minutes is not above 0",
        "rules[1].gap_minutes is missing",
        "rules[2].routes are missing",
        "rules[2].codes are missing",
        "rules[2].bands[0].at_most is not above at_least",
        "rules[2].bands are not in the order of months",
        "rules[3].severity is none of info, warning, critical",
    ] {
        assert!(problems.iter().any(|problem| problem == expected), "{expected}\nis not in\n{problems:#?}");
    }
    for expected in ["rules[0].routes [1] is none of care_manager", "rules[3].kind is none of below-expected"]
    {
        assert!(
            problems.iter().any(|problem| problem.starts_with(expected)),
            "{expected}\nis not in\n{problems:#?}"
        );
    }
}

#[test]
fn a_policy_is_checked_against_the_instruments_and_a_plan_against_the_policies() {
    let mut library = Library::default();
    let item = POLICY.split("[[rules]]").nth(1).unwrap();
    let item = item.replace("Self harm", "self-harm").replace(", \"nobody\"", "");
    let head = POLICY.split("[[rules]]").next().unwrap();
    let head =
        head.replace("= 100", "= 70").replace("vip_answer_minutes = 10", "escalate_to = [\"clinician\"]");
    library.add(ALERT_POLICY, "p", 1, &format!("{head}[[rules]]{item}")).unwrap();
    let stent = SHIPPED.iter().find(|(_, id, _)| *id == "coronary-stent").unwrap().2;
    library.add(PLAN, "coronary-stent", 1, stent).unwrap();
    let problems = listed(library.check());
    let starts = [
        "alert policy p version 1, rule self-harm names the item phq9_10 of phq-9, which is not known",
        "plan coronary-stent version 1, alert_policy names stent-alerts, which is not known",
    ];
    assert_eq!(problems[..2], starts);
}

fn contract(changes: &[(&str, &str)]) -> Result<ContractDocument, Vec<String>> {
    let (_, _, text) = SHIPPED.iter().find(|(_, id, _)| *id == "warranty-example").expect("it is shipped");
    let changed = changes.iter().fold((*text).to_owned(), |text, (from, to)| {
        assert!(text.contains(from), "{from}");
        text.replace(from, to)
    });
    ContractDocument::parse(&changed).map_err(listed)
}

#[test]
fn a_contract_says_which_days_it_prices() {
    let contract = contract(&[]).unwrap();
    assert_eq!((&*contract.currency, contract.decimals, contract.subject), ("CNY", 2, Subject::Episode));
    // 2020-01-01 begins at 16:00 UTC of the day before in Shanghai
    let first = contract.day(Instant(1_577_808_000_000));
    assert!(contract.is_in_force(first) && !contract.is_in_force(first - 1));
}

#[test]
fn all_problems_of_a_contract_are_listed() {
    let problems = contract(&[
        ("subject = \"episode\"", "subject = \"weather\""),
        ("\"CNY\"", "\"XXX\""),
        ("Asia/Shanghai", "Asia/Nowhere"),
        ("2020-01-01", "2020-02-30"),
        ("take_up = \"0.7\"", "take_up = \"much\""),
        ("fee = \"80\"", "fee = \"80.001\""),
        ("payee_role = \"clinician\"", "payee_role = \"king\""),
        ("amount = \"week_fee\"", "amount = \"week_fee * 1.5\"\ncolour = \"red\""),
        ("when = \"slot < 1\"", "when = \"slot\""),
        ("compensation = \"Where", "recompense = \"Where"),
    ])
    .unwrap_err();
    for expected in [
        "subject is none of episode, purchase",
        "currency is no currency that is known here",
        "time_zone is no time zone",
        "in_force_from is no date such as 2026-01-31",
        "rates.take_up is no decimal in quotes, such as \"0.90\"",
        "money.fee is no amount of the currency, such as \"80.00\"",
        "rule[3].line[0].colour is not a field of this document",
        "clauses has no words for compensation",
    ] {
        assert!(problems.iter().any(|problem| problem == expected), "{expected} in {problems:#?}");
    }
    for begins in [
        "rule[0].line[0].payee_role is none of patient, manufacturer",
        "rule[0].hold[2].when at character 1",
        "rule[3].line[0].amount at character 12",
    ] {
        assert!(problems.iter().any(|problem| problem.starts_with(begins)), "{begins} in {problems:#?}");
    }
}

#[test]
fn a_version_prices_until_the_next_does() {
    let mut library = Library::builtin();
    let text = library.text(CONTRACT, "warranty-example", None).unwrap().to_owned();
    let second = text.replace("version = 1\n", "version = 2\n").replace("2020-01-01", "2025-01-01");
    assert_eq!(library.add(CONTRACT, "warranty-example", 2, &second), Ok(()));
    let versions = library.contracts_in_force("warranty-example");
    let days: Vec<(i32, i64, i64)> =
        versions.iter().map(|(contract, until)| (contract.version, contract.in_force_from, *until)).collect();
    // days since 1970: 2020-01-01 and 2025-01-01
    assert_eq!(days, [(1, 18_262, 20_089), (2, 20_089, i64::MAX)]);
    assert!(library.contracts_in_force("none").is_empty());
}
