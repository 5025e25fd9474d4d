//! The functions of the language: their signatures, which the check goes by and the documentation shows.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use super::builtins as run;
use super::program::{Fault, Frame};
use super::scope::TODAY;
use super::signature::Signature;
use super::types::Value;

/// A function in words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Described {
    /// Name, parameters and result: `first(list(T)) -> T`.
    pub signature: &'static str,
    /// What it is.
    pub says: &'static str,
}

/// Computes a function; no argument is absent.
pub(super) type Run = fn(&mut Frame<'_>, &[Value]) -> Result<Value, Fault>;

/// A function that only depends on its arguments' values.
pub(super) struct Builtin {
    pub(super) signature: Signature,
    pub(super) text: &'static str,
    pub(super) run: Run,
}

/// Every function, in the order of the documentation.
pub fn described() -> impl Iterator<Item = Described> {
    let functions = FUNCTIONS.iter().map(|(signature, says, _)| Described { signature, says });
    FORMS.iter().map(|(signature, says)| Described { signature, says }).chain(functions)
}

/// The functions of that name with their signatures.
pub(super) fn named(name: &str) -> &'static [Builtin] {
    BY_NAME.get(name).map_or(&[], Vec::as_slice)
}

/// Whether names of a document can't be this word.
pub(super) fn is_word(name: &str) -> bool {
    name == TODAY || WORDS.contains(&name) || names().any(|known| known == name)
}

/// The names of all functions.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    let forms = FORMS.iter().filter_map(|(signature, _)| signature.split('(').next());
    forms.map(|name| name.rsplit('.').next().unwrap_or(name)).chain(BY_NAME.keys().copied())
}

/// Words of CEL that are no names.
const WORDS: [&str; 21] = [
    "as",
    "break",
    "const",
    "continue",
    "else",
    "false",
    "for",
    "function",
    "if",
    "import",
    "in",
    "let",
    "loop",
    "namespace",
    "null",
    "package",
    "return",
    "true",
    "var",
    "void",
    "while",
];

/// What is more than a function of its arguments' values.
const FORMS: &[(&str, &str)] = &[
    (r#"decimal("0.90") -> decimal"#, "a decimal written down, at most 18 places"),
    (
        r#"money("80.00") -> money"#,
        "an amount written down in units of the currency, no finer than its minor unit",
    ),
    (r#"date("2026-01-31") -> date"#, "a day written down"),
    ("known(T) -> bool", "whether the value is there; never absent itself; also of a list"),
    ("has(record.field) -> bool", "the same as known(record.field)"),
    ("or(T, T) -> T", "the first value, or the second where the first is absent"),
    ("list.filter(x, bool) -> list(T)", "the elements for which the condition holds; absent counts as false"),
    ("list.map(x, value) -> list(T)", "the values for all elements; no lists of lists"),
    ("list.map(x, bool, value) -> list(T)", "the values for the elements for which the condition holds"),
    ("list.exists(x, bool) -> bool", "whether the condition holds for an element; absent counts as false"),
    ("list.all(x, bool) -> bool", "whether the condition holds for every element; absent counts as false"),
    ("list.exists_one(x, bool) -> bool", "whether the condition holds for exactly one element"),
];

static BY_NAME: LazyLock<BTreeMap<&'static str, Vec<Builtin>>> = LazyLock::new(|| {
    let mut by_name: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for (text, _, run) in FUNCTIONS {
        if let Some((name, signature)) = Signature::read(text) {
            by_name.entry(name).or_default().push(Builtin { signature, text, run: *run });
        }
    }
    by_name
});

const FUNCTIONS: &[(&str, &str, Run)] = &[
    // lists
    ("size(list(T)) -> int", "how many elements", run::size),
    ("size(text) -> int", "how many characters", run::size),
    ("count(list(T)) -> int", "how many elements, as size", run::size),
    ("first(list(T)) -> T", "the first element; absent of an empty list", run::first),
    ("last(list(T)) -> T", "the last element; absent of an empty list", run::last),
    ("sum(list(int)) -> int", "the sum; 0 of an empty list; absent with an absent element", run::sum),
    ("sum(list(decimal)) -> decimal", "the same of decimals", run::sum_of_decimals),
    ("sum(list(money)) -> money", "the same of amounts", run::sum_of_money),
    ("lowest(list(O)) -> O", "the lowest; absent of an empty list or with an absent element", run::lowest),
    ("highest(list(O)) -> O", "the highest; absent of an empty list or with an absent element", run::highest),
    ("mean(list(int)) -> decimal", "the mean to 6 places, half to even; absent as lowest", run::mean),
    ("mean(list(decimal)) -> decimal", "the mean to 6 places, half to even; absent as lowest", run::mean),
    ("mean(list(money)) -> money", "the mean to 6 places of the minor unit, half to even", run::mean),
    ("distinct(list(S)) -> list(S)", "each value once, where it first stands", run::distinct),
    (
        "sorted(list(T), list(O)) -> list(T)",
        "the elements in the rising order of their keys, which stand in the second list; equal keys keep their order; absent with an absent key, or where not every element has a key",
        run::sorted,
    ),
    ("range(int, int) -> list(int)", "the whole numbers from the first on, below the second", run::range),
    // numbers
    ("min(O, O) -> O", "the lower of two", run::min),
    ("max(O, O) -> O", "the higher of two", run::max),
    ("abs(N) -> N", "without its sign", run::abs),
    ("clamp(O, O, O) -> O", "the first, no lower than the second and no higher than the third", run::clamp),
    (
        "quotient(decimal, decimal) -> decimal",
        "a / b to 6 places, half to even; absent unless b > 0",
        run::quotient,
    ),
    (
        "quotient(money, money) -> decimal",
        "a / b to 6 places, half to even; absent unless b > 0",
        run::quotient,
    ),
    ("div(int, int) -> int", "a / b, the whole number below; absent unless b > 0", run::div),
    ("floor(decimal) -> int", "the greatest whole number that isn't above it", run::floor),
    ("decimal_of(int) -> decimal", "the same number as a decimal", run::decimal_of),
    // money
    (
        "prorated(money, decimal, decimal) -> money",
        "a * n / d, rounded once to the minor unit, half away from zero; absent unless d > 0",
        run::prorated,
    ),
    (
        "prorated(money, money, money) -> money",
        "a * n / d, rounded once to the minor unit, half away from zero; absent unless d > 0",
        run::prorated,
    ),
    ("rounded(money) -> money", "to the minor unit, half away from zero", run::rounded),
    ("floored(money) -> money", "to the minor unit below", run::floored),
    ("minor(int) -> money", "that many minor units", run::minor),
    ("units(money) -> int", "how many minor units, half away from zero", run::units),
    // text
    ("text(int) -> text", "the number", run::text),
    ("text(decimal) -> text", "the number, as short as it is exact", run::text),
    ("text(money) -> text", "the amount with the decimals of the currency", run::text),
    ("text(date) -> text", "the day: 2026-01-31", run::text),
    ("text(bool) -> text", "true or false", run::text),
    ("text(text) -> text", "the text itself", run::text),
    ("padded(int, int) -> text", "the number with zeros in front, that wide", run::padded),
    ("starts_with(text, text) -> bool", "whether the first begins with the second", run::starts_with),
    ("split(text, text) -> list(text)", "the parts of the first between the second", run::split),
    ("int(text) -> int", "the whole number that the text is; absent if it is none", run::int),
    // the calendar
    ("month(date) -> text", "the calendar month: 2026-01", run::month),
    ("year(date) -> int", "the calendar year", run::year),
    ("month_number(date) -> int", "1 to 12", run::month_number),
    ("day_of_month(date) -> int", "1 to 31", run::day_of_month),
    ("first_of_month(date) -> date", "the first day of the month", run::first_of_month),
    ("last_of_month(date) -> date", "the last day of the month", run::last_of_month),
    (
        "months_after(date, int) -> date",
        "the same day of the month that many months later, or that month's last day",
        run::months_after,
    ),
    ("first_of_year(date) -> date", "the first of January", run::first_of_year),
    (
        "date_of(int, int, int) -> date",
        "the day of year, month and day; absent if there is none",
        run::date_of,
    ),
    ("days_of_year(date) -> int", "365 or 366", run::days_of_year),
    (
        "months_between(date, date) -> list(date)",
        "the first days of the months that begin on the first day or later and before the second",
        run::months_between,
    ),
    ("day_of(time) -> date", "the calendar day in the contract's zone", run::day_of),
    ("start_of(date) -> time", "when the day begins in the contract's zone", run::start_of),
    ("minutes(int) -> int", "that many minutes in milliseconds", run::minutes),
    ("hours(decimal) -> int", "that many hours in milliseconds", run::hours),
];
