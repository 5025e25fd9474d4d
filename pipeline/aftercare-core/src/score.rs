//! From the answers of one form to its score, by the instrument's document.

use std::sync::Arc;

use crate::documents::{
    Case, Decimal, ITEMS_MAX, InstrumentDocument, Item, Points, Rule, Scale, Summary, ValueSet, Values,
    Weighted,
};
use crate::facts::Answer;
use crate::reason::Reason;

/// What became of one form.
#[derive(Clone, Debug, PartialEq)]
pub enum ScoreOutcome {
    /// It has a score.
    Scored {
        /// The score, in the instrument's own units.
        score: f64,
        /// The scales that could be scored, and the score again under the summary's name.
        scales: Vec<(Arc<str>, f64)>,
    },
    /// Too many answers are missing for the instrument's rule.
    Unscored(Reason),
    /// It is no valid form of this instrument.
    Rejected(FormError),
}

/// Why a form is not valid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FormError {
    /// The stable code.
    pub reason: Reason,
    /// Where: the item's code, or the position of an answer whose item is not known. Never an answer.
    pub place: String,
}

impl InstrumentDocument {
    /// Scores one form. `value_set` names a set where the instrument has several; `None`: its default. A set that the
    /// instrument does not have rejects the form as of an unknown instrument.
    pub fn score(&self, answers: &[Answer<'_>], value_set: Option<&str>) -> ScoreOutcome {
        let Some(set) = self.value_set(value_set) else {
            return ScoreOutcome::Rejected(FormError {
                reason: Reason::UnknownInstrument,
                place: String::new(),
            });
        };
        let mut values = Vec::new();
        match self.evaluate(answers, &mut values) {
            Err(error) => ScoreOutcome::Rejected(error),
            Ok(Some(reason)) => ScoreOutcome::Unscored(reason),
            Ok(None) => match values.get(set) {
                Some(score) => {
                    ScoreOutcome::Scored { score: *score, scales: self.scales_of(*score, &values) }
                }
                None => ScoreOutcome::Unscored(Reason::MissingAnswers),
            },
        }
    }

    /// Scores one form under every value set at once: `values` gets one score for each of [`Self::score_count`], then
    /// the other outputs in order, NaN where one has too few answers. `Some(reason)`: unscored, no values.
    ///
    /// # Errors
    /// The form holds an item or a code that the instrument does not have, or an item twice.
    pub fn evaluate(
        &self,
        answers: &[Answer<'_>],
        values: &mut Vec<f64>,
    ) -> Result<Option<Reason>, FormError> {
        let mut codes = [None; ITEMS_MAX];
        self.place_answers(answers, &mut codes)?;
        self.compute(codes.get(..self.items.len()).unwrap_or_default(), values);
        if values.iter().take(self.score_count()).all(|score| !score.is_nan()) {
            return Ok(None);
        }
        values.clear();
        Ok(Some(Reason::MissingAnswers))
    }

    /// Scores one form whose answers stand in the order of the items, `None` where there is none (see
    /// [`Item::answer`]): `outputs` gets each of the outputs under the value set at that position, NaN where one has too
    /// few answers. Whether any output is there.
    pub fn score_codes(&self, codes: &[Option<i32>], value_set: usize, outputs: &mut Vec<f64>) -> bool {
        self.compute(codes, outputs);
        if let Rule::Decrement { .. } = self.rule {
            let value = outputs.get(value_set).copied();
            outputs.clear();
            outputs.push(value.unwrap_or(f64::NAN));
        } else if let Some(first) = outputs.get_mut(..=self.headline) {
            first.rotate_left(1);
        }
        outputs.iter().any(|value| !value.is_nan())
    }

    /// The outputs that an evaluated form has, by name; empty where the instrument gives one number only.
    pub fn scales_of(&self, score: f64, values: &[f64]) -> Vec<(Arc<str>, f64)> {
        if self.outputs.len() < 2 {
            return Vec::new();
        }
        let mut others = values.iter().skip(1).copied();
        let value = |at| if at == self.headline { Some(score) } else { others.next() };
        let mut named = Vec::with_capacity(self.outputs.len());
        named.extend((0..self.outputs.len()).map(value).zip(&self.outputs).filter_map(|(value, name)| {
            value.filter(|value| !value.is_nan()).map(|value| (name.clone(), value))
        }));
        named
    }

    /// One score for each of [`Self::score_count`], then the other outputs in order; NaN where one has too few answers.
    fn compute(&self, codes: &[Option<i32>], values: &mut Vec<f64>) {
        values.clear();
        match &self.rule {
            Rule::Sum { minimum_answered } => values.push(sum(codes, *minimum_answered)),
            Rule::Single { item } => {
                values.push(codes.get(*item).copied().flatten().map_or(f64::NAN, f64::from));
            }
            Rule::Scales { scales, summaries } => {
                values.extend(scales.iter().map(|scale| scale.value(codes)));
                for summary in summaries {
                    let scales = values.get(..scales.len()).unwrap_or_default();
                    values.push(summary.value(scales));
                }
                if let Some(first) = values.get_mut(..=self.headline) {
                    first.rotate_right(1);
                }
            }
            Rule::Table { by_sum } => {
                let at = self.place_of_sum(codes);
                let value = |by_sum: &Vec<Decimal>| at.and_then(|at| by_sum.get(at).copied());
                values.extend(by_sum.iter().map(|by_sum| value(by_sum).map_or(f64::NAN, Decimal::to_f64)));
            }
            Rule::Decrement { value_sets, .. } => {
                let value = |set: &ValueSet| set.value(codes, &self.items).map_or(f64::NAN, Decimal::to_f64);
                values.extend(value_sets.iter().map(value));
            }
            Rule::Weights { weighted, .. } => {
                values.extend(weighted.iter().map(|weighted| weighted.value(codes, &self.items)));
            }
        }
    }

    /// How far the sum of all items is above the lowest possible one; `None` where an answer is missing.
    fn place_of_sum(&self, codes: &[Option<i32>]) -> Option<usize> {
        let above = |(code, item): (&Option<i32>, &Item)| Some(i64::from((*code)?) - i64::from(item.min));
        let sum = codes.iter().zip(&self.items).map(above).try_fold(0, |sum, above| Some(sum + above?));
        usize::try_from(sum?).ok()
    }

    fn place_answers(
        &self,
        answers: &[Answer<'_>],
        codes: &mut [Option<i32>; ITEMS_MAX],
    ) -> Result<(), FormError> {
        let mut seen = 0u64;
        for (position, answer) in answers.iter().enumerate() {
            let named = |item: &Item| *item.code == *answer.item;
            // Most forms have their answers in the order of the items.
            let in_order = self.items.get(position).is_some_and(named);
            let found = if in_order { Some(position) } else { self.items.iter().position(named) };
            let Some((index, item)) = found.and_then(|index| Some((index, self.items.get(index)?))) else {
                return Err(FormError {
                    reason: Reason::UnknownItem,
                    place: format!("answer {}", position + 1),
                });
            };
            if seen & (1 << index) != 0 {
                let place = format!("item {}", item.code);
                return Err(FormError { reason: Reason::ConflictingContent, place });
            }
            seen |= 1 << index;
            let Some(code) = answer.code else { continue };
            match (item.answer(code), codes.get_mut(index)) {
                (Some(answer), Some(slot)) => *slot = answer,
                _ => {
                    return Err(FormError {
                        reason: Reason::AnswerOutOfRange,
                        place: format!("item {}", item.code),
                    });
                }
            }
        }
        Ok(())
    }
}

/// The sum; what is not answered counts as the mean of what is. Whole numbers, divided once.
fn sum(codes: &[Option<i32>], minimum_answered: usize) -> f64 {
    let answered = codes.iter().flatten();
    let (count, sum) = answered.fold((0i64, 0i64), |(count, sum), code| (count + 1, sum + i64::from(*code)));
    let items = i64::try_from(codes.len()).unwrap_or(0);
    if usize::try_from(count).is_ok_and(|count| count >= minimum_answered) {
        (sum * items) as f64 / count as f64
    } else {
        f64::NAN
    }
}

/// How far `code` is above the item's lowest one.
fn level(code: Option<i32>, item: &Item) -> Option<usize> {
    usize::try_from(i64::from(code?) - i64::from(item.min)).ok()
}

impl Scale {
    /// The mean of the answered items' points, as one division of whole numbers, neither of them negative.
    fn value(&self, codes: &[Option<i32>]) -> f64 {
        let (mut count, mut sum) = (0i64, 0i64);
        for (item, points) in &self.items {
            let Some(code) = codes.get(*item).copied().flatten() else { continue };
            count += 1;
            sum += points.parts(code, codes, self.denominator);
        }
        if usize::try_from(count).is_ok_and(|count| count >= self.minimum_answered) {
            sum as f64 / (count * self.denominator) as f64
        } else {
            f64::NAN
        }
    }
}

impl Points {
    /// The points of `code` in parts of 1 / `denominator`.
    fn parts(&self, code: i32, codes: &[Option<i32>], denominator: i64) -> i64 {
        match self {
            Points::Line { zero, hundred } => {
                let span = i64::from(*hundred) - i64::from(*zero);
                100 * (i64::from(code) - i64::from(*zero)) * (denominator / span)
            }
            Points::Table { min, by_code, cases } => {
                let holds = |case: &&Case| codes.get(case.item) == Some(&case.code);
                let by_code = cases.iter().find(holds).map_or(by_code, |case| &case.by_code);
                let at = usize::try_from(i64::from(code) - i64::from(*min)).ok();
                let points = at.and_then(|at| by_code.get(at)).copied().unwrap_or_default();
                points.ten_thousandths() * (denominator / Decimal::ONE.ten_thousandths())
            }
        }
    }
}

impl Summary {
    /// What the scales make, NaN where one that it needs is not there.
    fn value(&self, scales: &[f64]) -> f64 {
        match self {
            Summary::Mean { minimum_scales } => {
                let present = scales.iter().filter(|value| !value.is_nan());
                let (count, sum) = present.fold((0u32, 0.0), |(count, sum), value| (count + 1, sum + value));
                let enough = usize::try_from(count).is_ok_and(|count| count >= *minimum_scales);
                if enough { sum / f64::from(count) } else { f64::NAN }
            }
            Summary::Norm { constant, terms, .. } => terms.iter().fold(*constant, |sum, term| {
                let scale = scales.get(term.scale).copied().unwrap_or(f64::NAN);
                sum + term.weight * (scale - term.mean) / term.sd
            }),
        }
    }
}

impl ValueSet {
    /// What the state of `codes` is worth, exactly; `None` where an answer is missing.
    fn value(&self, codes: &[Option<i32>], items: &[Item]) -> Option<Decimal> {
        match &self.values {
            Values::Decrements { terms, by_item } => {
                let mut value = Decimal::ONE;
                let mut highest = i32::MIN;
                for ((code, item), by_level) in codes.iter().zip(items).zip(by_item) {
                    value = value - *by_level.get(level(*code, item)?)?;
                    highest = highest.max((*code)?);
                }
                let taken = terms.iter().filter(|(level, _)| highest >= *level);
                Some(taken.fold(value, |value, (_, decrement)| value - *decrement))
            }
            Values::States(states) => {
                let state = codes
                    .iter()
                    .zip(items)
                    .try_fold(0, |state, (code, item)| Some(state * item.levels() + level(*code, item)?));
                states.get(state?).copied()
            }
        }
    }
}

impl Weighted {
    /// The constant and the weights of all answers, NaN where one is missing.
    fn value(&self, codes: &[Option<i32>], items: &[Item]) -> f64 {
        codes.iter().zip(items).zip(&self.by_item).fold(self.constant, |sum, ((code, item), by_code)| {
            let weight = level(*code, item).and_then(|level| by_code.get(level)).copied();
            sum + weight.unwrap_or(f64::NAN)
        })
    }
}
