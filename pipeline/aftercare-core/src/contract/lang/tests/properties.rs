//! Properties of numbers and of the compiler.

use proptest::prelude::*;

use super::*;
use crate::money::{Millionths, Minor};

/// Digits and places.
fn number() -> impl Strategy<Value = (i128, u8)> {
    ((-1_000_000_000_i128..1_000_000_000), 0_u8..=6)
}

fn exact((digits, places): (i128, u8)) -> Exact {
    let text = format!("{:0>width$}", digits.abs(), width = usize::from(places) + 1);
    let (whole, rest) = text.split_at(text.len() - usize::from(places));
    let sign = if digits < 0 { "-" } else { "" };
    let point = if rest.is_empty() { "" } else { "." };
    Exact::parse(&format!("{sign}{whole}{point}{rest}")).unwrap()
}

fn ten(places: u8) -> i128 {
    10_i128.pow(u32::from(places))
}

/// A fraction of whole numbers, the denominator above zero.
type Fraction = (i128, i128);

fn same(found: Option<Exact>, (numerator, denominator): Fraction) -> bool {
    // found * denominator == numerator, both as whole numbers of 10^-12
    let Some(found) = found else { return false };
    let scaled = found.times(exact((denominator, 0))).unwrap();
    scaled == exact((numerator, 0))
}

/// Random text made of pieces of the language, so that much of it parses.
fn pieces() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "slots",
        "fee",
        "rate",
        "u",
        "uploads",
        "today",
        "start",
        "name",
        "nobody",
        ".index",
        ".parts",
        ".or(",
        "known(",
        "first(",
        "sum(",
        ".filter(x, ",
        ".map(x, ",
        "x",
        "(",
        ")",
        "[",
        "]",
        ",",
        "+",
        "-",
        "*",
        "/",
        "%",
        "&&",
        "||",
        "!",
        "?",
        ":",
        "==",
        "<",
        ">=",
        " in ",
        "1",
        "0",
        "0.5",
        "'a'",
        "\"",
        "decimal('0.9')",
        "money('1')",
        "null",
        "has(",
        "twice(",
        "@",
        "#",
        "é",
        "\n",
        "{",
        "}",
        "1u",
        "b'x'",
        "`a`",
        "max(",
        "range(",
        "true",
    ]);
    prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn sums_products_and_order_are_those_of_fractions(a in number(), b in number()) {
        let (x, y) = (exact(a), exact(b));
        let ((a, p), (b, q)) = (a, b);
        prop_assert!(same(x.plus(y), (a * ten(q) + b * ten(p), ten(p) * ten(q))));
        prop_assert!(same(x.minus(y), (a * ten(q) - b * ten(p), ten(p) * ten(q))));
        prop_assert!(same(x.times(y), (a * b, ten(p) * ten(q))));
        prop_assert_eq!(x.cmp(&y), (a * ten(q)).cmp(&(b * ten(p))));
        prop_assert_eq!(Exact::parse(&x.to_string()), Some(x));
    }

    #[test]
    fn roundings_are_the_nearest(a in number(), b in number()) {
        let x = exact(a);
        let (a, p) = a;
        // |10^p whole - a| is at most half of 10^p, and at the half the magnitude is the larger one
        let whole = i128::from(x.to_whole().unwrap());
        let off = (whole * ten(p) - a).abs() * 2;
        prop_assert!(off < ten(p) || (off == ten(p) && whole.abs() * ten(p) > a.abs()) , "{whole}");
        let floor = i128::from(x.to_floor().unwrap());
        prop_assert!(floor * ten(p) <= a && a < (floor + 1) * ten(p));
        // with at most six places both are millionths, and divide as millionths do
        let (b, q) = b;
        let millionths = |number: i128, places: u8| Millionths(i64::try_from(number * ten(6 - places)).unwrap());
        let (left, right) = (millionths(a, p), millionths(b, q));
        prop_assert_eq!(x.to_millionths(), Some(left));
        prop_assert_eq!(Exact::of(left), x);
        if b > 0 {
            let quotient = x.quotient(exact((b, q)));
            prop_assert_eq!(quotient.and_then(Exact::to_millionths), left.quotient(right));
        }
    }

    #[test]
    fn prorated_is_rounded_once(amount in -1_000_000_i64..1_000_000, n in 0_i64..400, d in 1_i64..400) {
        let exactly = Exact::from_minor(Minor(amount));
        let found = exactly.prorated(Exact::whole(n), Exact::whole(d)).unwrap().to_minor().unwrap();
        let (found, product, d) = (i128::from(found.0), i128::from(amount) * i128::from(n), i128::from(d));
        let off = (found * d - product).abs() * 2;
        prop_assert!(off < d || (off == d && (found * d).abs() > product.abs()));
    }

    #[test]
    fn far_apart_numbers_have_their_order(digits in any::<i64>(), exponent in 0_u8..18) {
        let fine = exact((1, 18));
        let large = Exact::whole(digits).times(Exact::whole(i64::MAX)).unwrap();
        prop_assert_eq!(large.cmp(&fine), if digits > 0 { std::cmp::Ordering::Greater } else { std::cmp::Ordering::Less });
        prop_assert_eq!(exact((1, exponent)).cmp(&fine), std::cmp::Ordering::Greater);
    }

    #[test]
    fn whatever_the_text_it_is_compiled_or_refused_in_a_place(text in prop_oneof![any::<String>(), pieces()]) {
        let (scope, set) = scope();
        match compile(&text, &scope, "place") {
            Ok(program) => {
                let mut frame = Frame::new(scope.slots(), TODAY_DAY, &Echo);
                for (slot, value) in set {
                    frame.set(slot, value);
                }
                match program.eval(&mut frame) {
                    Ok(value) => prop_assert!(is_of(&value, program.ty()), "{text}: {value:?}"),
                    Err(fault) => prop_assert_ne!(fault, Fault::Mistyped, "{}", text),
                }
            }
            Err(problems) => {
                prop_assert!(!problems.is_empty());
                for problem in problems {
                    let at = problem.message.strip_prefix("at character ").and_then(|rest| rest.split_once(':'));
                    let at = at.and_then(|(at, _)| at.parse::<usize>().ok());
                    prop_assert!(at.is_some_and(|at| (1..=text.chars().count() + 1).contains(&at)), "{text}: {problem}");
                }
            }
        }
    }
}

#[test]
fn no_floating_point_is_in_the_language() {
    let files = [
        include_str!("../builtins.rs"),
        include_str!("../calendar.rs"),
        include_str!("../calls.rs"),
        include_str!("../check.rs"),
        include_str!("../eval.rs"),
        include_str!("../exact.rs"),
        include_str!("../functions.rs"),
        include_str!("../meant.rs"),
        include_str!("../operations.rs"),
        include_str!("../operators.rs"),
        include_str!("../parse.rs"),
        include_str!("../program.rs"),
        include_str!("../scope.rs"),
        include_str!("../signature.rs"),
        include_str!("../typed.rs"),
        include_str!("../types.rs"),
    ];
    for file in files {
        assert!(!file.contains("f64") && !file.contains("f32"), "{}", file.lines().next().unwrap());
    }
}
