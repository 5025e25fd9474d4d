//! Operators and functions with their edges.

use super::*;
use crate::contract::lang::described;

/// 2024-02-29, a leap day.
const LEAP_DAY: i64 = 19_782;

fn yes() -> Value {
    Value::Bool(true)
}

fn no() -> Value {
    Value::Bool(false)
}

fn text(text: &str) -> Value {
    Value::text(text)
}

fn int(number: i64) -> Value {
    Value::Int(number)
}

#[test]
fn numbers_are_exact() {
    expect(&[
        ("1 + 2 * 3 - -4", int(11)),
        ("7 % 3", int(1)),
        // as div: -7 = 3 * -3 + 2
        ("-7 % 3", int(2)),
        ("7 % 0", Value::Absent),
        ("7 % -3", Value::Absent),
        ("decimal('0.1') + decimal('0.2')", decimal("0.3")),
        ("decimal('0.1') + 1", decimal("1.1")),
        ("2 * decimal('0.35')", decimal("0.7")),
        ("decimal('0.000001') * decimal('0.000001')", decimal("0.000000000001")),
        ("-decimal('0.5')", decimal("-0.5")),
        ("decimal('1.50') == decimal('1.5')", yes()),
        ("fee * rate", money("5600")),
        ("rate * fee * decimal('0.333')", money("1864.8")),
        ("fee * 26", money("208000")),
        ("fee - money('100.00')", money("-2000")),
        ("fee + 0", money("8000")),
        ("-fee", money("-8000")),
        ("dear", money("800000")),
    ]);
}

#[test]
fn what_is_beyond_the_range_is_a_fault() {
    for text in [
        "9223372036854775807 + 1",
        "-9223372036854775807 - 2",
        "9223372036854775807 * 2",
        "decimal('0.000000000000000001') * decimal('0.1')",
        "start + 9223372036854775807",
        "at + 9223372036854775807",
        "money('999999999999999.99') * 999999999999999999 * 999999999999999999",
        "minutes(9223372036854775807)",
        "hours(9223372036854775807)",
        "months_after(start, 9223372036854775807)",
        "floor(decimal('999999999999999999') * 999999)",
    ] {
        assert_eq!(evaluated(text), Err(Fault::Overflow), "{text}");
    }
    // trailing zeros are no places: 18 places times 10^-1 * 10
    expect(&[("decimal('0.000000000000000010') * decimal('0.1')", decimal("0.000000000000000001"))]);
}

#[test]
fn days_and_times_count_in_days_and_milliseconds() {
    expect(&[
        ("date('2024-02-29')", Value::Date(LEAP_DAY)),
        ("date('2024-02-29') + 1 == date('2024-03-01')", yes()),
        ("date('2024-03-01') - 1", Value::Date(LEAP_DAY)),
        ("date('2025-03-01') - date('2024-03-01')", int(365)),
        ("at - start_of(day_of(at))", int(1_800_000)),
        ("at + minutes(30) - at", int(1_800_000)),
        ("day_of(at - minutes(31)) == day_of(at) - 1", yes()),
        ("hours(72)", int(259_200_000)),
        ("hours(decimal('0.5'))", int(1_800_000)),
        ("at - hours(1) < at", yes()),
    ]);
}

#[test]
fn comparisons_are_of_one_type() {
    expect(&[
        ("1 < 2 && 2 <= 2 && 3 > 2 && 2 >= 2 && 2 == 2 && 1 != 2", yes()),
        ("2 < 2 || 2 > 2 || 2 != 2 || 1 == 2", no()),
        ("decimal('0.90') >= decimal('0.9')", yes()),
        ("1 < decimal('1.000000000000000001')", yes()),
        ("decimal('1.0') == 1", yes()),
        ("fee > 0 && 0 < fee && fee != 0", yes()),
        ("name == 'acme' && name < 'b' && name != ''", yes()),
        ("true == true && true != false", yes()),
        ("start < start + 1", yes()),
        ("2 in [1, 2]", yes()),
        ("3 in [1, 2]", no()),
        ("'x' in []", no()),
        ("1 in [decimal('1'), decimal('2')]", yes()),
        ("decimal('1.0') in [1, 2]", yes()),
        ("name in ['zeta', 'acme']", yes()),
    ]);
}

#[test]
fn lists_are_walked() {
    expect(&[
        ("uploads.filter(x, x.n >= 2).map(x, x.id)", Value::list([text("u2"), text("u3")])),
        ("uploads.map(x, x.n >= 2, x.n * 10)", ints(&[20, 30])),
        ("uploads.exists(x, x.n == 3)", yes()),
        ("uploads.exists(x, x.n == 4)", no()),
        ("uploads.all(x, x.n > 0)", yes()),
        ("uploads.all(x, x.n > 1)", no()),
        ("uploads.exists_one(x, x.n == 1)", yes()),
        ("uploads.exists_one(x, x.n < 3)", no()),
        ("[1].filter(x, false).all(x, x == 1)", yes()),
        // an element is seen from within: of each upload, how many have no higher number
        ("uploads.map(x, size(uploads.filter(y, y.n <= x.n)))", ints(&[1, 2, 3])),
        ("[1, 2, 3].filter(x, [1, 3].exists(y, y == x))", ints(&[1, 3])),
        ("uploads[0].id", text("u1")),
        ("uploads[3].id", Value::Absent),
        ("uploads[-1].id", Value::Absent),
        ("[1] + [2, 3]", ints(&[1, 2, 3])),
        ("[] + [1]", ints(&[1])),
        ("[1, decimal('0.5')]", Value::list([decimal("1"), decimal("0.5")])),
        ("true ? [] : [1]", ints(&[])),
        ("size(uploads)", int(3)),
        ("count([])", int(0)),
        ("'grün'.size()", int(4)),
        ("first(uploads).id", text("u1")),
        ("uploads.last().id", text("u3")),
        ("first([1].filter(x, x > 1))", Value::Absent),
        ("last([1].filter(x, x > 1))", Value::Absent),
        ("uploads[0].parts.size()", int(0)),
        ("distinct([3, 1, 3, 1])", ints(&[3, 1])),
        ("distinct(['b', 'a', 'b'])", Value::list([text("b"), text("a")])),
        ("sorted(['c', 'a', 'b'], [2, 1, 2])", Value::list([text("a"), text("c"), text("b")])),
        ("sorted([1, 2], [date('2024-03-01'), date('2024-02-29')])", ints(&[2, 1])),
        ("sorted([1, 2, 3].map(x, -x), ['b', 'a', 'c'])", ints(&[-2, -1, -3])),
        ("sorted([1, 2], [1])", Value::Absent),
        ("sorted(uploads, uploads.map(u, u.id)).size() == uploads.size()", yes()),
        ("range(1, 4)", ints(&[1, 2, 3])),
        ("range(4, 1)", ints(&[])),
        ("size(range(0, 10000))", int(10_000)),
    ]);
}

#[test]
fn sums_and_extremes() {
    expect(&[
        ("sum([1, 2, 3])", int(6)),
        ("sum([1, decimal('0.5')])", decimal("1.5")),
        ("sum([fee, fee])", money("16000")),
        ("sum(uploads.map(x, x.paid))", money("24000")),
        ("sum([1].filter(x, false))", int(0)),
        ("sum([rate].filter(x, false))", decimal("0")),
        ("sum([fee].filter(x, false))", money("0")),
        ("lowest([3, 1, 2])", int(1)),
        ("highest([start, start + 1])", Value::Date(TODAY_DAY - 29)),
        ("highest(['a', 'c', 'b'])", text("c")),
        ("lowest([1].filter(x, false))", Value::Absent),
        ("highest([1].filter(x, false))", Value::Absent),
        ("mean([1, 2])", decimal("1.5")),
        // 2 / 3 to six places
        ("mean([0, 1, 1])", decimal("0.666667")),
        ("mean([decimal('0.5'), decimal('1')])", decimal("0.75")),
        ("mean([fee, money('0.01')])", money("4000.5")),
        ("mean([1].filter(x, false))", Value::Absent),
        ("min(1, 2)", int(1)),
        ("max(1, decimal('0.5'))", decimal("1")),
        ("max(fee - money('90.00'), 0)", money("0")),
        ("min(0, fee)", money("0")),
        ("abs(-3)", int(3)),
        ("abs(decimal('-0.5'))", decimal("0.5")),
        ("(-fee).abs()", money("8000")),
        ("clamp(5, 1, 3)", int(3)),
        ("clamp(0, 1, 3)", int(1)),
        ("clamp(2, 1, 3)", int(2)),
        // where the bounds cross the upper one holds
        ("clamp(2, 5, 3)", int(3)),
        ("clamp(fee, 0, money('50'))", money("5000")),
    ]);
}

#[test]
fn divisions_say_how_they_round() {
    expect(&[
        // 108 / 120 is exactly 0.9
        ("quotient(108, 120)", decimal("0.9")),
        ("quotient(decimal('108'), decimal('120')) >= decimal('0.90')", yes()),
        ("quotient(2, 3)", decimal("0.666667")),
        // 0.0000025 and 0.0000035: to the even neighbour
        ("quotient(decimal('0.0000025'), 1)", decimal("0.000002")),
        ("quotient(decimal('0.0000035'), 1)", decimal("0.000004")),
        ("quotient(decimal('-0.0000025'), 1)", decimal("-0.000002")),
        ("quotient(fee, money('160.00'))", decimal("0.5")),
        ("quotient(fee, 0)", Value::Absent),
        ("quotient(1, 0)", Value::Absent),
        ("quotient(1, -1)", Value::Absent),
        ("div(7, 2)", int(3)),
        ("div(-7, 2)", int(-4)),
        ("div(7, 0)", Value::Absent),
        ("div(7, -2)", Value::Absent),
        ("floor(decimal('2.999'))", int(2)),
        ("floor(decimal('-2.1'))", int(-3)),
        ("decimal_of(3)", decimal("3")),
        // 0.05 / 2: half a minor unit away from zero
        ("prorated(money('0.05'), 1, 2)", money("3")),
        ("prorated(-money('0.05'), 1, 2)", money("-3")),
        // 80.00 for 19 of 31 days is 49.032...
        ("prorated(fee, 19, 31)", money("4903")),
        ("prorated(fee, decimal('0.7'), decimal('2.1'))", money("2667")),
        ("prorated(fee, money('30.00'), money('90.00'))", money("2667")),
        ("prorated(fee, 1, 0)", Value::Absent),
        ("rounded(fee * decimal('0.0000625'))", money("1")),
        ("rounded(-fee * decimal('0.0000625'))", money("-1")),
        ("floored(fee * decimal('0.00019'))", money("1")),
        ("floored(-fee * decimal('0.0000625'))", money("-1")),
        ("minor(250)", money("250")),
        ("units(fee)", int(8_000)),
        ("units(fee * decimal('0.0000625'))", int(1)),
    ]);
}

#[test]
fn texts() {
    expect(&[
        ("'slot-' + padded(7, 2)", text("slot-07")),
        ("padded(123, 2)", text("123")),
        ("padded(-7, 3)", text("-07")),
        ("padded(7, 0)", text("7")),
        ("text(26)", text("26")),
        ("text(decimal('0.90'))", text("0.9")),
        ("text(fee)", text("80.00")),
        ("text(-fee)", text("-80.00")),
        ("text(fee * decimal('0.0000625'))", text("0.005")),
        ("text(start)", text("2026-01-01")),
        ("text(true)", text("true")),
        ("name.text()", text("acme")),
        ("starts_with('month-mean/pulse', 'month-mean/')", yes()),
        ("name.starts_with('me')", no()),
        ("split('a/b/', '/')", Value::list([text("a"), text("b"), text("")])),
        ("split('ab', '')", Value::list([text("ab")])),
        ("int('042')", int(42)),
        ("int('-7')", int(-7)),
        ("int('4.2')", Value::Absent),
        ("int('+4')", Value::Absent),
        ("int('')", Value::Absent),
        ("int('99999999999999999999')", Value::Absent),
        ("\"both\" + ' quotes'", text("both quotes")),
    ]);
}

#[test]
fn the_calendar() {
    expect(&[
        ("month(date('2024-02-29'))", text("2024-02")),
        ("year(date('2024-12-31'))", int(2024)),
        ("month_number(date('2024-12-31'))", int(12)),
        ("day_of_month(date('2024-02-29'))", int(29)),
        ("first_of_month(date('2024-02-29')) == date('2024-02-01')", yes()),
        ("last_of_month(date('2024-02-01'))", Value::Date(LEAP_DAY)),
        ("last_of_month(date('2023-02-01')) == date('2023-02-28')", yes()),
        ("months_after(date('2024-01-31'), 1)", Value::Date(LEAP_DAY)),
        ("months_after(date('2024-01-31'), 3) == date('2024-04-30')", yes()),
        ("months_after(date('2024-02-29'), 12) == date('2025-02-28')", yes()),
        ("months_after(date('2024-03-31'), -1)", Value::Date(LEAP_DAY)),
        ("first_of_year(date('2024-02-29')) == date('2024-01-01')", yes()),
        ("date_of(2024, 2, 29)", Value::Date(LEAP_DAY)),
        ("date_of(2023, 2, 29)", Value::Absent),
        ("days_of_year(date('2024-06-01'))", int(366)),
        ("days_of_year(date('2023-06-01'))", int(365)),
        // the first itself belongs to it, the end does not
        ("months_between(date('2024-02-01'), date('2024-03-01')).size()", int(1)),
        ("months_between(date('2024-02-02'), date('2024-03-01')).size()", int(0)),
        ("months_between(date('2024-02-02'), date('2024-03-02'))", dates(&[LEAP_DAY + 1])),
        (
            "months_between(date('2024-12-15'), date('2025-02-02')).map(d, month(d))",
            Value::list([text("2025-01"), text("2025-02")]),
        ),
        ("months_between(date('2025-02-02'), date('2024-12-15')).size()", int(0)),
        ("day_of(at)", Value::Date(TODAY_DAY)),
        ("start_of(day_of(at))", Value::Time(Instant(1_769_788_800_000))),
    ]);
}

#[test]
fn functions_of_the_document_and_of_the_host() {
    expect(&[
        ("twice(3) + 3.twice()", int(12)),
        ("twice(twice(twice(1)))", int(8)),
        ("[1, 2].map(x, twice(x) + x)", ints(&[3, 6])),
        ("u.ratio()", decimal("0.9")),
        ("uploads.map(x, ratio(x)).filter(r, known(r))", Value::list([decimal("0.9")])),
        ("echo(5)", int(5)),
        ("echo(0)", Value::Absent),
        ("dear == fee * 100", yes()),
    ]);
}

#[test]
fn growth_is_bounded() {
    for text in [
        "range(0, 10001)",
        "padded(1, 10001)",
        "range(0, 6000) + range(0, 6000)",
        "months_between(date('0001-01-01'), date('2026-01-01'))",
        "range(0, 10000).map(x, range(0, 10000).all(y, y >= 0))",
    ] {
        assert_eq!(evaluated(text), Err(Fault::TooLong), "{text}");
    }
    let (mut scope, _) = scope();
    scope.define("twofold", vec![("t".to_owned(), Type::Text)], "t + t", "").unwrap();
    let text = format!("{}'ab'{}", "twofold(".repeat(13), ")".repeat(13));
    let program = compile(&text, &scope, "").unwrap();
    assert_eq!(program.eval(&mut Frame::new(scope.slots(), 0, &Echo)), Err(Fault::TooLong));
}

#[test]
fn every_function_has_a_case_here() {
    let cases = concat!(include_str!("values.rs"), include_str!("absence.rs"));
    for function in described() {
        let (call, _) = function.signature.split_once('(').unwrap();
        let name = call.rsplit('.').next().unwrap();
        assert!(cases.contains(&format!("{name}(")), "{}", function.signature);
    }
}
