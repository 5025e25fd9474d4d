//! Exact decimal numbers: nothing is rounded unless it is asked for.

use std::cmp::Ordering;
use std::fmt;

use crate::money::{Millionths, Minor};

/// Places after the point that a number may have.
pub const PLACES_MAX: u8 = 18;
/// Places of [`Millionths`].
const SIX: u8 = 6;

/// A number `digits / 10^places`, exact. Arithmetic is exact or `None`: never rounded. Numbers are equal by value: 1.0 is
/// 1.00.
#[derive(Clone, Copy, Debug, Default)]
pub struct Exact {
    digits: i128,
    /// 0 to [`PLACES_MAX`].
    places: u8,
}

/// To which side a number that lies between two is brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rounding {
    HalfAway,
    HalfEven,
    Down,
}

impl Exact {
    /// Zero.
    pub const ZERO: Exact = Exact { digits: 0, places: 0 };

    /// A whole number.
    pub const fn whole(number: i64) -> Exact {
        Exact { digits: number as i128, places: 0 }
    }

    /// An amount, in minor units.
    pub const fn from_minor(amount: Minor) -> Exact {
        Exact::whole(amount.0)
    }

    /// A decimal of six places.
    pub const fn of(decimal: Millionths) -> Exact {
        Exact { digits: decimal.0 as i128, places: SIX }
    }

    /// Reads "0.90", "-12", "80": an optional sign, up to 18 digits, a point with up to 18 places.
    pub fn parse(text: &str) -> Option<Exact> {
        let (negative, number) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (whole, rest) = match number.split_once('.') {
            Some((_, "")) => return None,
            Some((whole, rest)) => (whole, rest),
            None => (number, ""),
        };
        let is_number = |part: &str| part.len() <= 18 && part.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || !is_number(whole) || !is_number(rest) {
            return None;
        }
        let digits = format!("{whole}{rest}").parse::<i128>().ok()?;
        let places = u8::try_from(rest.len()).ok()?;
        Some(Exact { digits: if negative { -digits } else { digits }, places })
    }

    /// Reads an amount in units of a currency with that many decimals, "80.00", as minor units; `None` also where it is
    /// finer than the minor unit.
    pub(super) fn parse_money(text: &str, decimals: u8) -> Option<Exact> {
        let units = Exact::parse(text).filter(|units| units.places <= decimals)?;
        let digits = units.digits.checked_mul(power(decimals - units.places)?)?;
        Some(Exact { digits, places: 0 })
    }

    /// The whole minor units, half away from zero; `None` beyond the range of amounts.
    pub fn to_minor(self) -> Option<Minor> {
        self.to_whole().map(Minor)
    }

    /// The nearest whole number, half away from zero; `None` beyond the range of whole numbers.
    pub fn to_whole(self) -> Option<i64> {
        i64::try_from(self.rounded(0, Rounding::HalfAway).digits).ok()
    }

    /// The greatest whole number that isn't above it; `None` beyond the range of whole numbers.
    pub fn to_floor(self) -> Option<i64> {
        i64::try_from(self.rounded(0, Rounding::Down).digits).ok()
    }

    /// Six places, half to even; `None` beyond their range.
    pub fn to_millionths(self) -> Option<Millionths> {
        let six = self.rounded(SIX, Rounding::HalfEven);
        let scale = power(SIX - six.places.min(SIX))?;
        i64::try_from(six.digits.checked_mul(scale)?).ok().map(Millionths)
    }

    /// The sum, `None` beyond the range.
    pub fn plus(self, other: Exact) -> Option<Exact> {
        let (left, right, places) = aligned(self, other)?;
        Some(Exact { digits: left.checked_add(right)?, places })
    }

    /// The difference, `None` beyond the range.
    pub fn minus(self, other: Exact) -> Option<Exact> {
        self.plus(other.negated()?)
    }

    /// The product, `None` beyond the range or with more than 18 places.
    pub fn times(self, other: Exact) -> Option<Exact> {
        let places = self.places + other.places;
        if places <= PLACES_MAX
            && let Some(digits) = self.digits.checked_mul(other.digits)
        {
            return Some(Exact { digits, places });
        }
        let (left, right) = (self.short(), other.short());
        let product =
            Exact { digits: left.digits.checked_mul(right.digits)?, places: left.places + right.places };
        let product = if product.places > PLACES_MAX { product.short() } else { product };
        (product.places <= PLACES_MAX).then_some(product)
    }

    /// The number with its sign turned round.
    pub fn negated(self) -> Option<Exact> {
        Some(Exact { digits: self.digits.checked_neg()?, places: self.places })
    }

    /// `self / divisor` to six places, half to even; `None` beyond the range. The divisor must be above zero.
    pub fn quotient(self, divisor: Exact) -> Option<Exact> {
        let (dividend, divisor, _) = aligned(self, divisor)?;
        let digits = divided(dividend.checked_mul(power(SIX)?)?, divisor, Rounding::HalfEven)?;
        Some(Exact { digits, places: SIX })
    }

    /// `number / of` of it, rounded once to a whole number, half away from zero; `None` beyond the range. `of` must be
    /// above zero.
    pub fn prorated(self, number: Exact, of: Exact) -> Option<Exact> {
        // (a / 10^p) (b / 10^q) / (c / 10^r)
        let product = self.short().digits.checked_mul(number.short().digits)?;
        let places = self.short().places + number.short().places;
        let dividend = product.checked_mul(power(of.places)?)?;
        let divisor = of.digits.checked_mul(power(places)?)?;
        Some(Exact { digits: divided(dividend, divisor, Rounding::HalfAway)?, places: 0 })
    }

    /// The nearest whole number, half away from zero.
    #[must_use]
    pub fn nearest(self) -> Exact {
        self.rounded(0, Rounding::HalfAway)
    }

    /// The greatest whole number that isn't above it.
    #[must_use]
    pub fn floor(self) -> Exact {
        self.rounded(0, Rounding::Down)
    }

    /// Without the places that are not needed: 1.50 becomes 1.5.
    fn short(self) -> Exact {
        let mut short = self;
        while short.places > 0 && short.digits % 10 == 0 {
            short = Exact { digits: short.digits / 10, places: short.places - 1 };
        }
        short
    }

    fn rounded(self, places: u8, rounding: Rounding) -> Exact {
        if self.places <= places {
            return self;
        }
        let digits = power(self.places - places).and_then(|scale| divided(self.digits, scale, rounding));
        // the divisor is a power of ten above zero, and the quotient is smaller than what is divided
        Exact { digits: digits.unwrap_or(0), places }
    }

    /// The sign: -1, 0 or 1.
    pub fn signum(self) -> i64 {
        match self.digits.cmp(&0) {
            Ordering::Less => -1,
            Ordering::Equal => 0,
            Ordering::Greater => 1,
        }
    }

    /// An amount in minor units as text in units of the currency, with at least `decimals` places: 6400 is "64.00".
    pub fn money_text(self, decimals: u32) -> String {
        let decimals = u8::try_from(decimals).unwrap_or(PLACES_MAX).min(PLACES_MAX);
        let short = self.short();
        text_of(short.digits, short.places.saturating_add(decimals))
    }
}

impl Exact {
    /// The digits of all numbers at the same number of places, so that they relate as the numbers do.
    pub(in crate::contract) fn at_one_scale(numbers: &[Exact]) -> Option<Vec<i128>> {
        let places = numbers.iter().map(|number| number.places).max()?;
        numbers.iter().map(|number| number.digits.checked_mul(power(places - number.places)?)).collect()
    }
}

fn power(places: u8) -> Option<i128> {
    10_i128.checked_pow(u32::from(places))
}

fn aligned(left: Exact, right: Exact) -> Option<(i128, i128, u8)> {
    match left.places.cmp(&right.places) {
        Ordering::Equal => Some((left.digits, right.digits, left.places)),
        Ordering::Less => {
            let digits = left.digits.checked_mul(power(right.places - left.places)?)?;
            Some((digits, right.digits, right.places))
        }
        Ordering::Greater => {
            let digits = right.digits.checked_mul(power(left.places - right.places)?)?;
            Some((left.digits, digits, left.places))
        }
    }
}

/// `None` unless the divisor is above zero.
fn divided(dividend: i128, divisor: i128, rounding: Rounding) -> Option<i128> {
    if divisor <= 0 {
        return None;
    }
    let (floor, rest) = (dividend.div_euclid(divisor), dividend.rem_euclid(divisor));
    let up = match (rest.cmp(&(divisor - rest)), rounding) {
        (_, Rounding::Down) | (Ordering::Less, _) => false,
        (Ordering::Greater, _) => true,
        (Ordering::Equal, Rounding::HalfEven) => floor % 2 != 0,
        (Ordering::Equal, Rounding::HalfAway) => dividend > 0,
    };
    floor.checked_add(i128::from(up))
}

fn text_of(digits: i128, places: u8) -> String {
    let places = usize::from(places);
    let text = format!("{:0>width$}", digits.unsigned_abs(), width = places + 1);
    let (whole, rest) = text.split_at(text.len() - places);
    let sign = if digits < 0 { "-" } else { "" };
    if rest.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{rest}") }
}

impl Ord for Exact {
    fn cmp(&self, other: &Exact) -> Ordering {
        if let Some((left, right, _)) = aligned(*self, *other) {
            return left.cmp(&right);
        }
        // too far apart to be brought to the same places: whole parts first, then what is left of both
        let parts = |number: &Exact| {
            let scale = power(number.places).unwrap_or(1);
            let fine = power(PLACES_MAX - number.places).unwrap_or(1);
            (number.digits.div_euclid(scale), number.digits.rem_euclid(scale) * fine)
        };
        parts(self).cmp(&parts(other))
    }
}

impl PartialOrd for Exact {
    fn partial_cmp(&self, other: &Exact) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Exact {
    fn eq(&self, other: &Exact) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Exact {}

impl fmt::Display for Exact {
    /// The shortest text that is exact: `0.9`, `-3`.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let short = self.short();
        formatter.write_str(&text_of(short.digits, short.places))
    }
}
