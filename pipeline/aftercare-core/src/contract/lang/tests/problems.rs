//! What the check refuses, and where.

use super::*;
use crate::contract::lang::compile_as;

#[track_caller]
fn problems(text: &str) -> Vec<String> {
    let (scope, _) = scope();
    let problems = compile(text, &scope, "rule[1].when").expect_err(text);
    assert!(problems.iter().all(|problem| problem.place == "rule[1].when"));
    problems.into_iter().map(|problem| problem.message).collect()
}

#[test]
fn every_problem_names_its_character() {
    for (text, wanted) in [
        (
            "slots + 0.9",
            "at character 9: numbers with a point are written as text: decimal(\"0.9\") or money(\"0.90\")",
        ),
        (
            "fee / 2",
            "at character 5: there is no /: write quotient(a, b), div(a, b) or prorated(money, a, b)",
        ),
        ("fee + 1", "at character 5: there is no money + int"),
        ("fee * fee", "at character 5: there is no money * money"),
        ("rate % 2", "at character 6: there is no decimal % int"),
        ("fee > 1", "at character 5: the two sides are money and int"),
        ("'é' == 1", "at character 5: the two sides are text and int"),
        ("slot + 1", "at character 1: there is no `slot` here; is `slots` meant?"),
        ("whatever", "at character 1: there is no `whatever` here"),
        ("u.indx > 1", "at character 3: upload has no field `indx`; is `index` meant?"),
        ("slots.index", "at character 7: int has no fields"),
        ("uploads.frist()", "at character 9: there is no function `frist`; is `first` meant?"),
        ("1 + first(slots)", "at character 5: first(int) is not first(list(T)) -> T"),
        ("padded('a', 2)", "at character 1: padded(text, int) is not padded(int, int) -> text"),
        (
            "quotient(fee, 2)",
            "at character 1: quotient(money, int) is not quotient(decimal, decimal) -> decimal, nor quotient(money, money) -> decimal",
        ),
        ("distinct(uploads)", "at character 1: distinct(list(upload)) is not distinct(list(S)) -> list(S)"),
        ("lowest([true])", "at character 1: lowest(list(bool)) is not lowest(list(O)) -> O"),
        ("slots && true", "at character 1: this is int, it must be bool"),
        ("!slots", "at character 2: this is int, it must be bool"),
        ("slots ? 1 : 2", "at character 1: this is int, it must be bool"),
        ("true ? 1 : 'a'", "at character 6: the two sides are int and text"),
        ("uploads.filter(x, x.n)", "at character 21: this is int, it must be bool"),
        ("[].filter(x, true)", "at character 4: nothing says of which type the elements are"),
        ("slots.filter(x, true)", "at character 7: filter needs a list, not int"),
        ("uploads.map(x, x.parts)", "at character 9: map needs values of one type that are no lists"),
        ("uploads.map(size, 1)", "at character 9: `size` is a word of the language, no name for an element"),
        ("[1, 'a']", "at character 1: the elements are not all of one type"),
        ("[[1]]", "at character 1: a list can't hold lists"),
        ("{'a': 1}", "at character 1: maps and messages are not part of the language"),
        ("1u", "at character 1: whole numbers are written without u"),
        ("b'a'", "at character 1: bytes are not part of the language"),
        ("u == u", "at character 3: upload can't be compared by =="),
        ("true < false", "at character 6: bool can't be compared by <"),
        ("u in uploads", "at character 3: upload can't be in list(upload)"),
        ("1 in name", "at character 3: in needs a list on its right, not text"),
        ("-name", "at character 1: text has no sign"),
        ("name[0]", "at character 5: text has no elements"),
        ("uploads['a']", "at character 9: this is text, it must be int"),
        ("today", "at character 1: today may only be one side of a comparison: today >= date"),
        ("today + 1 > start", "at character 1: today may only be one side of a comparison: today >= date"),
        ("month(today)", "at character 7: today may only be one side of a comparison: today >= date"),
        ("today == today", "at character 7: today is today"),
        ("today > slots", "at character 9: this is int, it must be date"),
        ("decimal('0,9')", "at character 1: this is no decimal, such as decimal(\"0.90\")"),
        ("decimal(name)", "at character 1: decimal takes a text written down, such as decimal(\"0.90\")"),
        ("money('80.001')", "at character 1: this is no amount with at most 2 decimals"),
        ("date('2026-02-30')", "at character 1: this is no date, such as date(\"2026-01-31\")"),
        ("null", "at character 1: nothing here says of which type this is"),
        ("[]", "at character 1: nothing here says of which type this is"),
        ("null + 1", "at character 6: there is no null + int"),
        ("slots == null", "at character 7: a comparison with null is always absent; write known(...)"),
        ("twice(1, 2)", "at character 1: twice takes 1 arguments, not 2"),
        ("twice('a')", "at character 7: this is text, it must be int"),
        ("echo('a')", "at character 6: this is text, it must be int"),
        ("twice", "at character 1: `twice` is a function: twice(...)"),
        ("fee()", "at character 1: `fee` is no function"),
        ("slots +", "at character 8: something is missing at the end"),
        ("", "at character 1: something is missing at the end"),
        ("slots slots", "at character 7: 'slots' is not expected here"),
        ("slots # 1", "at character 7: '#' is no part of the language"),
        ("99999999999999999999", "at character 1: invalid int literal"),
        ("let + 1", "at character 1: reserved identifier: let"),
    ] {
        assert_eq!(problems(text), [wanted], "{text}");
    }
}

#[test]
fn all_problems_are_listed() {
    assert_eq!(
        problems("known(slot) && u.indx > decimal(0.9) || uploads.exists(x, x.nn == 1)"),
        [
            "at character 7: there is no `slot` here; is `slots` meant?",
            "at character 18: upload has no field `indx`; is `index` meant?",
            "at character 25: decimal takes a text written down, such as decimal(\"0.90\")",
            "at character 61: upload has no field `nn`",
        ]
    );
}

#[test]
fn places_on_later_lines_are_counted_through() {
    assert_eq!(problems("slots +\n  1 +\n  fee"), ["at character 13: there is no int + money"]);
    assert_eq!(problems("slots +\n  # 1"), ["at character 11: '#' is no part of the language"]);
}

#[test]
fn what_is_too_long_or_too_deep_is_refused() {
    let long = format!("1{}", " + 1".repeat(1_000));
    assert_eq!(problems(&long), ["at character 1: the expression has more than 4000 bytes; name its parts"]);
    let deep = format!("1{}", " + 1".repeat(101));
    assert_eq!(
        problems(&deep),
        ["at character 1: the expression is nested more than 100 deep; name its parts"]
    );
    let nested = format!("{}1{}", "(".repeat(200), ")".repeat(200));
    assert_eq!(problems(&nested)[0], "at character 97: the expression is nested too deeply");
    // what is just not too deep can be evaluated
    let plus = format!("1{}", " + 1".repeat(100));
    assert_eq!(evaluated(&plus), Ok(Value::Int(101)));
    let calls = format!("{}1{}", "max(2, ".repeat(90), ")".repeat(90));
    assert_eq!(evaluated(&calls), Ok(Value::Int(2)));
    let choices = format!("{}1{}", "(unknown > 1 || slots > 1 ? ".repeat(45), " : 2)".repeat(45));
    assert_eq!(evaluated(&choices), Ok(Value::Int(1)));
    // functions that call functions are as deep as what they call
    let (mut scope, _) = scope();
    let mut called = "twice".to_owned();
    let refused = (0..120).find_map(|n| {
        let name = format!("f{n}");
        let of = vec![("n".to_owned(), Type::Int)];
        let refused = scope.define(&name, of, &format!("{called}(n)"), &name).err();
        called = name;
        refused
    });
    let refused = refused.unwrap();
    assert!(refused[0].message.ends_with("nested more than 100 deep; name its parts"), "{refused:?}");
}

#[test]
fn a_type_may_be_wanted() {
    let (scope, set) = scope();
    let value = |text: &str, wanted: &Type| {
        let program = compile_as(text, &scope, "", wanted).map_err(|problems| problems[0].message.clone())?;
        let mut frame = Frame::new(scope.slots(), TODAY_DAY, &Echo);
        set.iter().for_each(|(slot, value)| frame.set(*slot, value.clone()));
        assert_eq!(program.ty(), wanted);
        Ok::<_, String>(program.eval(&mut frame).unwrap())
    };
    assert_eq!(value("slots", &Type::Decimal), Ok(decimal("26")));
    assert_eq!(value("3", &Type::Decimal), Ok(decimal("3")));
    assert_eq!(value("0", &Type::Money), Ok(money("0")));
    assert_eq!(value("null", &Type::Date), Ok(Value::Absent));
    assert_eq!(value("[]", &Type::Text.list()), Ok(Value::list([])));
    let refused = |text, wanted| value(text, wanted).unwrap_err();
    assert_eq!(refused("1", &Type::Money), "at character 1: this is int, it must be money");
    assert_eq!(refused("rate", &Type::Int), "at character 1: this is decimal, it must be int");
    assert_eq!(
        refused("[1]", &Type::Decimal.list()),
        "at character 1: this is list(int), it must be list(decimal)"
    );
}

#[test]
fn names_go_out_of_scope() {
    let (mut scope, _) = scope();
    let mark = scope.mark();
    let slot = scope.declare("review", Type::Int);
    assert!(compile("review + 1", &scope, "").is_ok());
    scope.release(mark);
    let problems = compile("review + 1", &scope, "").unwrap_err();
    assert_eq!(problems[0].message, "at character 1: there is no `review` here");
    assert_ne!(scope.declare("other", Type::Int), slot, "programs compiled before keep their slots");
}

#[test]
fn a_name_may_be_refused() {
    let (scope, _) = scope();
    for name in ["a", "slot_of", "s2"] {
        assert_eq!(scope.objection(name), None);
    }
    for name in
        ["", "A", "2s", "_a", "a-b", "today", "first", "let", "null", "known", "filter", "slots", "twice"]
    {
        assert!(scope.objection(name).is_some(), "{name}");
    }
}

#[test]
fn a_parameter_is_no_word_of_the_language() {
    let (mut scope, _) = scope();
    let of = ["today", "size", "day"].map(|name| (name.to_owned(), Type::Date)).to_vec();
    let refused = scope.define("f", of, "month(day)", "define[0].of").unwrap_err();
    let messages: Vec<String> = refused.iter().map(ToString::to_string).collect();
    assert_eq!(
        messages,
        [
            "define[0].of has a parameter `today`, which is a word of the language",
            "define[0].of has a parameter `size`, which is a word of the language",
        ]
    );
}

#[test]
fn types_are_read_from_text() {
    let (scope, _) = scope();
    for text in
        ["bool", "int", "decimal", "money", "date", "time", "text", "upload", "list(upload)", "list(int)"]
    {
        assert_eq!(scope.parse_type(text).unwrap().to_string(), text);
    }
    for text in ["", "float", "list", "list()", "list(list(int))", "reviews", "List(int)"] {
        assert_eq!(scope.parse_type(text), None, "{text}");
    }
}
