//! Exact decimal numbers of documents.

use super::reader::FromToml;

/// Ten-thousandths per unit.
const SCALE: i64 = 10_000;

/// An exact decimal with at most four places, kept as ten-thousandths. Sums of it are exact in any order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Decimal(i64);

impl Decimal {
    /// Zero.
    pub const ZERO: Decimal = Decimal(0);
    /// One.
    pub const ONE: Decimal = Decimal(SCALE);

    /// The whole number `units`.
    pub const fn whole(units: i32) -> Decimal {
        Decimal(units as i64 * SCALE)
    }

    /// The number of `thousandths`.
    pub const fn thousandths(thousandths: i32) -> Decimal {
        Decimal(thousandths as i64 * (SCALE / 1000))
    }

    /// Reads "0.099", "-12", "3.5": an optional sign, digits, at most four places. Magnitude below 10^12.
    pub fn parse(text: &str) -> Option<Decimal> {
        let (negative, digits) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (whole, places) = digits.split_once('.').unwrap_or((digits, ""));
        let is_number = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        let has_bare_point = digits.contains('.') && places.is_empty();
        if whole.is_empty() || whole.len() > 12 || places.len() > 4 || has_bare_point {
            return None;
        }
        if !is_number(whole) || !is_number(places) {
            return None;
        }
        let padded = format!("{places:0<4}");
        let magnitude = whole.parse::<i64>().ok()? * SCALE + padded.parse::<i64>().ok()?;
        Some(Decimal(if negative { -magnitude } else { magnitude }))
    }

    /// The number in ten-thousandths.
    pub const fn ten_thousandths(self) -> i64 {
        self.0
    }

    /// The nearest double: exact ten-thousandths divided once.
    pub fn to_f64(self) -> f64 {
        self.0 as f64 / SCALE as f64
    }
}

impl std::ops::Add for Decimal {
    type Output = Decimal;
    fn add(self, other: Decimal) -> Decimal {
        Decimal(self.0.saturating_add(other.0))
    }
}

impl std::ops::Sub for Decimal {
    type Output = Decimal;
    fn sub(self, other: Decimal) -> Decimal {
        Decimal(self.0.saturating_sub(other.0))
    }
}

impl FromToml for Decimal {
    fn from_toml(value: &toml::Value) -> Result<Decimal, String> {
        match value {
            toml::Value::String(text) => Decimal::parse(text)
                .ok_or_else(|| "is no decimal of at most four places, such as \"0.099\"".to_owned()),
            toml::Value::Integer(_) => i32::from_toml(value).map(Decimal::whole),
            toml::Value::Float(_) => {
                Err("is a floating number; write it in quotes, it is read exactly".to_owned())
            }
            _ => Err("is no number".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Decimal;

    #[test]
    fn reads_exactly() {
        for (text, ten_thousandths) in
            [("0.099", 990), ("1", 10_000), ("-0.594", -5_940), ("12.3456", 123_456), ("0", 0), ("-0", 0)]
        {
            assert_eq!(Decimal::parse(text).map(Decimal::ten_thousandths), Some(ten_thousandths), "{text}");
        }
    }

    #[test]
    fn refuses_what_is_no_decimal() {
        for text in
            ["", "-", ".5", "1.", "1e3", "+1", "1.23456", "--1", " 1", "1234567890123", "0,5", "1.2.3"]
        {
            assert_eq!(Decimal::parse(text), None, "{text}");
        }
    }

    #[test]
    fn sums_have_no_residue() {
        let tenth = Decimal::parse("0.1").unwrap();
        let sum = (0..10).fold(Decimal::ZERO, |sum, _| sum + tenth);
        assert_eq!(sum, Decimal::ONE);
    }
}
