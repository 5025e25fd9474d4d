//! What a table is, whatever file it is written to.

use jiff::civil::Date;

/// A table: its fields in their order, and what holds between rows.
#[derive(Clone, Copy, Debug)]
pub struct Table {
    /// A word, such as `invoice`; also the name of its file.
    pub name: &'static str,
    /// A heading.
    pub title: &'static str,
    /// What a row is.
    pub about: &'static str,
    /// Its fields.
    pub fields: &'static [Field],
    /// Fields that tell one row from another.
    pub key: &'static [&'static str],
    /// What it points to.
    pub foreign: &'static [ForeignKey],
    /// Only rows that have this value in this field count in totals; without it all do.
    pub counted: Option<(&'static str, &'static str)>,
}

/// Fields that are those of a row of another table.
#[derive(Clone, Copy, Debug)]
pub struct ForeignKey {
    /// Fields here.
    pub fields: &'static [&'static str],
    /// The other table.
    pub table: &'static str,
    /// Its fields.
    pub of: &'static [&'static str],
}

/// One field.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// Heading in the file.
    pub name: &'static str,
    /// A heading for people.
    pub title: &'static str,
    /// What it says, with its unit.
    pub about: &'static str,
    /// What its cells are.
    pub kind: Kind,
    /// Whether it is never empty.
    pub required: bool,
    /// If not empty, all it can be.
    pub one_of: &'static [&'static str],
}

/// What the cells of a field are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Text.
    Text,
    /// A whole number.
    Integer,
    /// A decimal number that is no amount.
    Number,
    /// An amount of money, exact.
    Amount,
    /// A calendar day.
    Date,
    /// A calendar month, such as 2026-01.
    Month,
}

/// One value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cell<'c> {
    /// Nothing.
    Empty,
    /// Text, or a month.
    Text(&'c str),
    /// A whole number.
    Integer(i64),
    /// A decimal number as its text.
    Number(&'c str),
    /// An amount.
    Amount {
        /// Minor units.
        minor: i64,
        /// Decimals of the currency.
        places: u32,
    },
    /// A day.
    Date(Date),
}

impl Field {
    /// A field that may be empty.
    pub const fn new(name: &'static str, kind: Kind, title: &'static str, about: &'static str) -> Field {
        Field { name, title, about, kind, required: false, one_of: &[] }
    }

    /// The same, never empty.
    pub const fn required(self) -> Field {
        Field { required: true, ..self }
    }

    /// The same, one of these.
    pub const fn one_of(self, one_of: &'static [&'static str]) -> Field {
        Field { one_of, ..self }
    }
}

impl Table {
    /// The place of a field among the fields.
    pub fn position(&self, name: &str) -> Option<usize> {
        self.fields.iter().position(|field| field.name == name)
    }
}

impl<'c> Cell<'c> {
    /// Text, or nothing for an empty one.
    pub fn text(text: Option<&'c str>) -> Cell<'c> {
        text.filter(|text| !text.is_empty()).map_or(Cell::Empty, Cell::Text)
    }

    /// A day written as 2026-01-31; nothing where it is none.
    pub fn date(text: Option<&str>) -> Cell<'static> {
        text.and_then(|text| text.parse().ok()).map_or(Cell::Empty, Cell::Date)
    }

    /// A decimal number by its text; nothing where it is none.
    pub fn number(text: Option<&'c str>) -> Cell<'c> {
        text.filter(|text| text.parse::<f64>().is_ok_and(f64::is_finite)).map_or(Cell::Empty, Cell::Number)
    }

    /// What this cell is a value of; `None` for an empty one.
    pub(crate) fn fits(&self, kind: Kind) -> bool {
        matches!(
            (self, kind),
            (Cell::Empty, _)
                | (Cell::Text(_), Kind::Text | Kind::Month)
                | (Cell::Integer(_), Kind::Integer)
                | (Cell::Number(_), Kind::Number)
                | (Cell::Amount { .. }, Kind::Amount)
                | (Cell::Date(_), Kind::Date)
        )
    }
}

/// Minor units as a decimal text with that many places: `-16.00`.
pub(crate) fn decimal(minor: i64, places: u32) -> String {
    let places = usize::try_from(places).unwrap_or(0);
    let digits = format!("{:0>width$}", minor.unsigned_abs(), width = places + 1);
    let (whole, rest) = digits.split_at(digits.len() - places);
    let sign = if minor < 0 { "-" } else { "" };
    if rest.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{rest}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_written_exactly() {
        let texts = [(-1_600, 2), (5, 2), (-5, 3), (500, 0), (i64::MIN, 2)]
            .map(|(minor, places)| decimal(minor, places));
        assert_eq!(texts, ["-16.00", "0.05", "-0.005", "500", "-92233720368547758.08"]);
    }

    #[test]
    fn what_is_no_number_or_day_is_nothing() {
        assert_eq!(Cell::number(Some("129.8")), Cell::Number("129.8"));
        assert_eq!(
            [Cell::number(Some("high")), Cell::number(Some("inf")), Cell::number(None)],
            [Cell::Empty; 3]
        );
        assert_eq!(Cell::date(Some("2026-02-30")), Cell::Empty);
        assert!(matches!(Cell::date(Some("2024-02-29")), Cell::Date(_)));
    }
}
