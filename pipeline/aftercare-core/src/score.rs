//! From the answers of one form to its score, by the instrument's document.

use std::sync::Arc;

use crate::documents::{ITEMS_MAX, InstrumentDocument, Rule, Scale, ValueSet};
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
    /// one value for each scale, NaN where the scale has too few answers. `Some(reason)`: unscored, no values.
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
        values.clear();
        let codes = codes.get(..self.items.len()).unwrap_or_default();
        let complete = match &self.rule {
            Rule::Sum => sum(codes).map(|sum| values.push(sum)),
            Rule::Single { item } => {
                codes.get(*item).copied().flatten().map(|code| values.push(f64::from(code)))
            }
            Rule::MeanRescale { scales, minimum_scales, .. } => {
                rescale(scales, *minimum_scales, codes, values)
            }
            Rule::Decrement { value_sets, .. } => {
                value_sets.iter().try_for_each(|set| self.utility(set, codes).map(|value| values.push(value)))
            }
        };
        Ok(if complete.is_some() { None } else { Some(Reason::MissingAnswers) })
    }

    /// The named scales of an evaluated form; empty where the instrument has none.
    pub fn scales_of(&self, score: f64, values: &[f64]) -> Vec<(Arc<str>, f64)> {
        let Rule::MeanRescale { scales, summary, .. } = &self.rule else { return Vec::new() };
        let present = values.iter().skip(1).zip(scales).filter(|(value, _)| !value.is_nan());
        let mut named: Vec<_> = Vec::with_capacity(scales.len() + 1);
        named.extend(present.map(|(value, scale)| (scale.name.clone(), *value)));
        named.push((summary.clone(), score));
        named
    }

    fn place_answers(
        &self,
        answers: &[Answer<'_>],
        codes: &mut [Option<i32>; ITEMS_MAX],
    ) -> Result<(), FormError> {
        let mut seen = 0u64;
        for (position, answer) in answers.iter().enumerate() {
            let found = self.items.iter().enumerate().find(|(_, item)| *item.code == *answer.item);
            let Some((index, item)) = found else {
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
            if (item.min..=item.max).contains(&code) {
                if let Some(slot) = codes.get_mut(index) {
                    *slot = Some(code);
                }
            } else if !item.missing.contains(&code) {
                return Err(FormError {
                    reason: Reason::AnswerOutOfRange,
                    place: format!("item {}", item.code),
                });
            }
        }
        Ok(())
    }

    /// 1 less the decrements of `codes`, summed exactly and divided once.
    fn utility(&self, set: &ValueSet, codes: &[Option<i32>]) -> Option<f64> {
        let mut value = crate::documents::Decimal::ONE;
        let mut highest = i32::MIN;
        for ((code, item), by_level) in codes.iter().zip(&self.items).zip(&set.decrements) {
            let code = (*code)?;
            let level = usize::try_from(i64::from(code) - i64::from(item.min)).ok()?;
            value = value - *by_level.get(level)?;
            highest = highest.max(code);
        }
        for (level, decrement) in &set.terms {
            if highest >= *level {
                value = value - *decrement;
            }
        }
        Some(value.to_f64())
    }
}

fn sum(codes: &[Option<i32>]) -> Option<f64> {
    let mut sum = 0.0;
    for code in codes {
        sum += f64::from((*code)?);
    }
    Some(sum)
}

/// Pushes the summary, then each scale.
fn rescale(
    scales: &[Scale],
    minimum_scales: usize,
    codes: &[Option<i32>],
    values: &mut Vec<f64>,
) -> Option<()> {
    values.push(f64::NAN);
    let mut sum = 0.0;
    let mut present = 0u32;
    for scale in scales {
        let value = scale_value(scale, codes);
        values.push(value.unwrap_or(f64::NAN));
        if let Some(value) = value {
            sum += value;
            present += 1;
        }
    }
    let enough = usize::try_from(present).is_ok_and(|present| present >= minimum_scales);
    if !enough {
        values.clear();
        return None;
    }
    if let Some(summary) = values.first_mut() {
        *summary = sum / f64::from(present);
    }
    Some(())
}

/// 100 (mean - low) / (high - low), as one division of whole numbers, neither of them negative.
fn scale_value(scale: &Scale, codes: &[Option<i32>]) -> Option<f64> {
    let answered = scale.items.iter().filter_map(|item| codes.get(*item).copied().flatten());
    let (count, sum) = answered.fold((0i64, 0i64), |(count, sum), code| (count + 1, sum + i64::from(code)));
    let enough = usize::try_from(count).is_ok_and(|count| count >= scale.minimum_answered);
    let numerator = 100 * (sum - count * i64::from(scale.low)).abs();
    let denominator = count * (i64::from(scale.high) - i64::from(scale.low)).abs();
    enough.then(|| numerator as f64 / denominator as f64)
}
