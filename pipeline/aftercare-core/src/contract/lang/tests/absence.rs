//! What is absent, and what is made of it.

use super::*;

#[test]
fn what_is_computed_from_absence_is_absent() {
    for text in [
        "unknown",
        "unknown + 1",
        "1 - unknown",
        "-unknown",
        "unknown == 1",
        "unknown != 1",
        "1 < unknown",
        "!unsure",
        "nobody.index",
        "nobody.parts.size()",
        "nobody.answered + 1",
        "unknown in [1, 2]",
        "1 in [unknown, 2]",
        "text(unknown)",
        "max(1, unknown)",
        "echo(unknown)",
        "twice(unknown)",
        "ratio(nobody)",
        "range(0, unknown)",
        "uploads[unknown].id",
        "sum(gone)",
        "lowest(gone)",
        "highest(gone)",
        "mean(gone)",
        "unsure ? 1 : 2",
        "true ? unknown : 2",
        "false ? 1 : null",
        "nobody.parts.filter(p, true).size()",
        "decimal_of(unknown)",
        "unknown * decimal('0.5')",
        "today > nobody.answered",
    ] {
        assert_eq!(evaluated(text), Ok(Value::Absent), "{text}");
    }
}

#[test]
fn a_list_may_hold_absence() {
    expect(&[
        ("size([1, unknown])", Value::Int(2)),
        ("first([unknown, 1])", Value::Absent),
        ("2 in [unknown, 2]", Value::Bool(true)),
        ("distinct([unknown, 1, unknown]).size()", Value::Int(2)),
        ("gone.filter(x, known(x)).sum()", money("100")),
    ]);
}

#[test]
fn absence_is_asked_for() {
    expect(&[
        ("known(unknown)", Value::Bool(false)),
        ("known(slots)", Value::Bool(true)),
        ("known(nobody)", Value::Bool(false)),
        ("known(first(uploads))", Value::Bool(true)),
        ("known(nobody.parts)", Value::Bool(false)),
        ("has(u.index)", Value::Bool(true)),
        ("has(nobody.index)", Value::Bool(false)),
        ("uploads.map(x, has(x.index))", Value::list([true, false, true].map(Value::Bool))),
        ("or(unknown, 7)", Value::Int(7)),
        ("unknown.or(slots)", Value::Int(26)),
        ("slots.or(7)", Value::Int(26)),
        ("nobody.index.or(1)", decimal("1")),
        ("nobody.paid.or(0)", money("0")),
        ("nobody.parts.or([]).size()", Value::Int(0)),
        ("or(unknown, unknown)", Value::Absent),
        ("unsure.or(false)", Value::Bool(false)),
    ]);
}

#[test]
fn and_and_or_have_three_values() {
    expect(&[
        ("false && unsure", Value::Bool(false)),
        ("unsure && false", Value::Bool(false)),
        ("true && unsure", Value::Absent),
        ("unsure && true", Value::Absent),
        ("unsure && unsure", Value::Absent),
        ("true || unsure", Value::Bool(true)),
        ("unsure || true", Value::Bool(true)),
        ("false || unsure", Value::Absent),
        ("unsure || false", Value::Absent),
        ("unsure || unsure", Value::Absent),
        ("unsure || unsure || true", Value::Bool(true)),
    ]);
}

#[test]
fn a_condition_that_is_absent_does_not_hold() {
    expect(&[
        // of the second the index is absent, of the third what was expected
        ("uploads.filter(x, x.index > 100).size()", Value::Int(1)),
        ("uploads.filter(x, !(x.index > 100)).size()", Value::Int(1)),
        ("uploads.exists(x, x.n == 2 && x.index > 0)", Value::Bool(false)),
        ("uploads.all(x, x.index > 0)", Value::Bool(false)),
        ("uploads.exists_one(x, ratio(x) == decimal('0.9'))", Value::Bool(true)),
        ("uploads.map(x, x.expected > 0, x.n)", ints(&[1, 2])),
    ]);
}

#[test]
fn what_is_not_chosen_is_not_evaluated() {
    let overflow = "9223372036854775807 + slots";
    assert_eq!(evaluated(overflow), Err(Fault::Overflow));
    for text in [
        format!("true ? 1 : {overflow}"),
        format!("false ? {overflow} : 1"),
        format!("or(1, {overflow})"),
        format!("false && {overflow} > 0 ? 2 : 1"),
        format!("true || {overflow} > 0 ? 1 : 2"),
    ] {
        assert_eq!(evaluated(&text), Ok(Value::Int(1)), "{text}");
    }
}

#[test]
fn a_value_is_computed_once_until_it_is_forgotten() {
    let mut scope = Scope::new(2);
    let base = scope.declare("base", Type::Int);
    let kept = scope.value("kept", "base * 2", "").unwrap();
    let (both, before) = (compile("kept + base", &scope, "").unwrap(), scope.slots());
    let mut frame = Frame::new(before, 0, &Echo);
    assert!(frame.get(kept).is_absent(), "not asked for yet");
    frame.set(base, Value::Int(1));
    assert_eq!(both.eval(&mut frame), Ok(Value::Int(3)));
    frame.set(base, Value::Int(10));
    assert_eq!((both.eval(&mut frame), frame.get(kept)), (Ok(Value::Int(12)), &Value::Int(2)));
    frame.forget(kept);
    assert_eq!(both.eval(&mut frame), Ok(Value::Int(30)));
}

#[test]
fn a_value_of_another_type_than_declared_is_a_fault() {
    let mut scope = Scope::new(2);
    let number = scope.declare("number", Type::Int);
    for text in ["number + 1", "number == 1", "number in [1]", "range(number, 3)", "-number"] {
        let program = compile(text, &scope, "").unwrap();
        let mut frame = Frame::new(scope.slots(), 0, &Echo);
        frame.set(number, Value::text("1"));
        assert_eq!(program.eval(&mut frame), Err(Fault::Mistyped), "{text}");
    }
}
