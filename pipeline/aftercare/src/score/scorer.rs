//! What scores the cells of a line: an instrument's document, or NEWS2.

use std::sync::Arc;

use aftercare_core::documents::InstrumentDocument;
use aftercare_core::vital::news2::{News2, Spo2Scale, Vitals};

/// Why a cell can't be used: a stable code, and the rest of a sentence that begins with the cell's place.
pub(crate) struct BadCell {
    pub(crate) reason: &'static str,
    pub(crate) message: String,
}

pub(crate) const NOT_A_NUMBER: &str = "not_a_number";
pub(crate) const OUT_OF_RANGE: &str = "answer_out_of_range";

/// Reads the cells of a line one by one, then scores them.
pub(crate) trait Scorer {
    /// What people call it.
    fn name(&self) -> &str;
    /// How many cells a line has.
    fn inputs(&self) -> usize;
    /// The columns of the result.
    fn outputs(&self) -> Vec<Arc<str>>;
    /// Takes the cell at `at`. An empty one is a missing answer.
    fn take(&mut self, at: usize, cell: &[u8]) -> Result<(), BadCell>;
    /// Scores what was taken: `values` gets one for each of the outputs, NaN where there is none.
    fn score(&mut self, values: &mut Vec<f64>);
}

/// A questionnaire.
pub(crate) struct Questionnaire {
    document: Arc<InstrumentDocument>,
    value_set: usize,
    codes: Vec<Option<i32>>,
}

impl Questionnaire {
    pub(crate) fn new(document: Arc<InstrumentDocument>, value_set: usize) -> Self {
        let codes = vec![None; document.items.len()];
        Self { document, value_set, codes }
    }
}

impl Scorer for Questionnaire {
    fn name(&self) -> &str {
        &self.document.id
    }

    fn inputs(&self) -> usize {
        self.codes.len()
    }

    fn outputs(&self) -> Vec<Arc<str>> {
        self.document.outputs.clone()
    }

    fn take(&mut self, at: usize, cell: &[u8]) -> Result<(), BadCell> {
        let (Some(code), Some(item)) = (self.codes.get_mut(at), self.document.items.get(at)) else {
            return Ok(());
        };
        *code = None;
        if cell.is_empty() {
            return Ok(());
        }
        let Some(number) = whole(cell) else {
            return Err(BadCell { reason: NOT_A_NUMBER, message: "is no whole number".to_owned() });
        };
        *code = item.answer(number).ok_or_else(|| {
            let or_missing: String =
                item.missing.iter().map(|code| format!(", or {code} for missing")).collect();
            let message = format!("is no answer of {} ({} to {}{or_missing})", item.code, item.min, item.max);
            BadCell { reason: OUT_OF_RANGE, message }
        })?;
        Ok(())
    }

    fn score(&mut self, values: &mut Vec<f64>) {
        self.document.score_codes(&self.codes, self.value_set, values);
    }
}

/// NEWS2 of the seven vital signs, in this order of columns.
pub(crate) struct Chart {
    scale: Spo2Scale,
    signs: [Option<i64>; 7],
}

/// A sign's column, its decimals on the chart, and what it can be at all, in the chart's units.
const SIGNS: [(&str, u32, i64, i64); 7] = [
    ("rr", 0, 0, 100),
    ("spo2", 0, 20, 100), // per cent: 0.97 is none
    ("on_o2", 0, 0, 1),
    ("temp_c", 1, 200, 500),
    ("sbp", 0, 0, 400),
    ("pulse", 0, 0, 400),
    ("acvpu", 0, 0, 4),
];

/// Alert, new confusion, voice, pain, unresponsive.
const ACVPU: [&[u8]; 5] = [b"a", b"c", b"v", b"p", b"u"];
const NO_AND_YES: [[&[u8]; 2]; 3] = [[b"no", b"yes"], [b"n", b"y"], [b"false", b"true"]];

impl Chart {
    pub(crate) const ID: &'static str = "news2";

    pub(crate) fn new(scale: Spo2Scale) -> Self {
        Self { scale, signs: [None; 7] }
    }

    pub(crate) fn columns() -> [&'static str; 7] {
        SIGNS.map(|(column, ..)| column)
    }
}

impl Scorer for Chart {
    fn name(&self) -> &str {
        Self::ID
    }

    fn inputs(&self) -> usize {
        SIGNS.len()
    }

    fn outputs(&self) -> Vec<Arc<str>> {
        vec![aftercare_core::documents::SCORE.into()]
    }

    fn take(&mut self, at: usize, cell: &[u8]) -> Result<(), BadCell> {
        let (Some(sign), Some((column, places, low, high))) = (self.signs.get_mut(at), SIGNS.get(at)) else {
            return Ok(());
        };
        *sign = None;
        if cell.is_empty() {
            return Ok(());
        }
        let word = |words: &[&[u8]]| words.iter().position(|word| word.eq_ignore_ascii_case(cell));
        let read = match *column {
            "acvpu" => word(&ACVPU).and_then(|at| i64::try_from(at).ok()),
            "on_o2" => {
                let said =
                    NO_AND_YES.iter().find_map(|words| word(words)).and_then(|at| i64::try_from(at).ok());
                said.or_else(|| whole(cell).map(i64::from))
            }
            _ => charted(cell, *places),
        };
        let Some(value) = read else {
            let message = match *column {
                "acvpu" => "is none of A, C, V, P, U".to_owned(),
                "on_o2" => "is neither 0 nor 1".to_owned(),
                _ => "is no number".to_owned(),
            };
            return Err(BadCell { reason: NOT_A_NUMBER, message });
        };
        if !(*low..=*high).contains(&value) {
            let unit = 10_i64.pow(*places);
            let message = format!("is no {column} (from {} to {})", low / unit, high / unit);
            return Err(BadCell { reason: OUT_OF_RANGE, message });
        }
        *sign = Some(value);
        Ok(())
    }

    fn score(&mut self, values: &mut Vec<f64>) {
        values.clear();
        let [Some(rr), Some(spo2), Some(o2), Some(temperature), Some(sbp), Some(pulse), Some(acvpu)] =
            self.signs
        else {
            values.push(f64::NAN);
            return;
        };
        let vitals = Vitals {
            respiration_rate: rr,
            oxygen_saturation: spo2,
            on_oxygen: o2 == 1,
            systolic_pressure: sbp,
            pulse,
            consciousness: acvpu,
            temperature_tenths: temperature,
        };
        values.push(f64::from(News2::of(&vitals, self.scale).score));
    }
}

/// A whole number; zeros after a point say nothing else ("3.0").
fn whole(cell: &[u8]) -> Option<i32> {
    let text = std::str::from_utf8(cell).ok()?;
    let (number, places) = text.split_once('.').unwrap_or((text, "0"));
    if places.is_empty() || places.bytes().any(|byte| byte != b'0') || number.starts_with('+') {
        return None;
    }
    number.parse().ok()
}

/// A number that is not negative, in units of its last of `places` decimals, halves upward.
fn charted(cell: &[u8], places: u32) -> Option<i64> {
    let text = std::str::from_utf8(cell).ok()?;
    let (number, decimals) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(number) || !digits(decimals) || number.len() > 6 {
        return None;
    }
    let mut decimals = decimals.bytes().map(|byte| i64::from(byte - b'0')).chain(std::iter::repeat(0));
    let mut value = number.parse::<i64>().ok()?;
    for _ in 0..places {
        value = value * 10 + decimals.next()?;
    }
    Some(if decimals.next()? >= 5 { value + 1 } else { value })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_are_digits_with_a_sign_and_zeros_after_a_point() {
        for (text, number) in [("3", 3), ("03", 3), ("-2", -2), ("3.0", 3), ("3.000", 3), ("-0", 0)] {
            assert_eq!(whole(text.as_bytes()), Some(number), "{text}");
        }
        for text in ["", "x", "3.5", "3.", ".0", "+3", "3 0", "1e0", "3,0", "99999999999", "٣", "0x3"] {
            assert_eq!(whole(text.as_bytes()), None, "{text}");
        }
        assert_eq!(whole(b"\xff"), None);
    }

    #[test]
    fn vital_signs_are_rounded_to_the_chart_halves_upward() {
        for (text, places, value) in [
            ("8.4", 0, 8),
            ("8.5", 0, 9),
            ("35.04", 1, 350),
            ("35.05", 1, 351),
            ("36.999999", 1, 370),
            ("38", 1, 380),
            ("0", 0, 0),
        ] {
            assert_eq!(charted(text.as_bytes(), places), Some(value), "{text}");
        }
        for text in ["-1", "", ".", "1.", "x", "1e2", "36,8", "1234567"] {
            assert_eq!(charted(text.as_bytes(), 1), None, "{text}");
        }
    }
}
