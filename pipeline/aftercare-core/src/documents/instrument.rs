//! An instrument as data: its items, its scoring rule, its range, what is known about the size of its changes.

use std::sync::Arc;

use super::decimal::Decimal;
use super::read_instrument::{outline, read};
use super::reader::{Problem, read_document};
use super::rule::Rule;

/// Most items that an instrument may have.
pub const ITEMS_MAX: usize = 64;
/// The name of the output of an instrument that gives one number.
pub const SCORE: &str = "score";

/// Which way is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// A higher score is better.
    Up,
    /// A lower score is better.
    Down,
}

/// One question: the codes that its answer may have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// The item's code.
    pub code: Box<str>,
    /// Lowest answer code.
    pub min: i32,
    /// Highest answer code.
    pub max: i32,
    /// Codes beside the range that are valid and count as not answered.
    pub missing: Vec<i32>,
    /// The question's LOINC code, where it is known.
    pub loinc: Option<Box<str>>,
}

impl Item {
    /// What a code says: the answer, or that there is none. `None`: the item has no such code.
    pub fn answer(&self, code: i32) -> Option<Option<i32>> {
        match (self.min..=self.max).contains(&code) {
            true => Some(Some(code)),
            false => self.missing.contains(&code).then_some(None),
        }
    }

    /// How many answer codes there are.
    pub(crate) fn levels(&self) -> usize {
        usize::try_from(i64::from(self.max) - i64::from(self.min) + 1).unwrap_or(0)
    }
}

/// The smallest change of the score that matters to patients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mcid {
    /// In points of the score.
    pub value: Decimal,
    /// Where the figure comes from.
    pub source: String,
}

/// A named band of the score or of a scale.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CutOff {
    /// The band's name.
    pub name: String,
    /// The scale; `None`: the score.
    pub scale: Option<String>,
    /// The band's lowest value.
    pub from: Decimal,
    /// The band's highest value.
    pub to: Decimal,
    /// Where the figure comes from.
    pub source: String,
}

/// An instrument, checked.
#[derive(Clone, Debug, PartialEq)]
pub struct InstrumentDocument {
    /// The instrument's id.
    pub id: Arc<str>,
    /// Its version here.
    pub version: i32,
    /// What people call it.
    pub title: String,
    /// The paper of the rule.
    pub source: String,
    /// Which way is better.
    pub direction: Direction,
    /// Lowest and highest score (of all value sets).
    pub range: (Decimal, Decimal),
    /// The score's LOINC code, where it is known.
    pub loinc: Option<String>,
    /// Which parts of the rule are assumptions, in words.
    pub assumptions: Vec<String>,
    /// The questions.
    pub items: Vec<Item>,
    /// The rule.
    pub rule: Rule,
    /// What the rule gives, in order; one of an instrument that gives one number is called `score`.
    pub outputs: Vec<Arc<str>>,
    /// The output that stands for the whole where one number is asked for: the score.
    pub headline: usize,
    /// The smallest change that matters, where one is known.
    pub mcid: Option<Mcid>,
    /// Changes that matter, by scale.
    pub scale_mcids: Vec<(String, Mcid)>,
    /// Named bands.
    pub cut_offs: Vec<CutOff>,
}

/// An instrument without its rule: another document completes it.
#[derive(Clone, Debug, PartialEq)]
pub struct Outline {
    /// What people call it.
    pub title: String,
    /// The paper of the rule.
    pub source: String,
    /// The questions.
    pub items: Vec<Item>,
}

impl Outline {
    /// Reads and checks the TOML text of an instrument that lacks its `[score]` (see [`super::LICENSED`]).
    ///
    /// # Errors
    /// Every problem found, each with its place.
    pub fn parse(text: &str) -> Result<Outline, Vec<Problem>> {
        read_document(text, outline)
    }
}

impl InstrumentDocument {
    /// Reads and checks the TOML text of an instrument.
    ///
    /// # Errors
    /// Every problem found, each with its place.
    pub fn parse(text: &str) -> Result<InstrumentDocument, Vec<Problem>> {
        read_document(text, read)
    }

    /// The position of the value set `id`; of the default one where `id` is `None`. `None`: there is none of that name.
    pub fn value_set(&self, id: Option<&str>) -> Option<usize> {
        match (&self.rule, id) {
            (Rule::Decrement { value_sets, .. }, Some(id)) => {
                value_sets.iter().position(|set| &*set.id == id)
            }
            (Rule::Decrement { default_value_set, .. }, None) => Some(*default_value_set),
            (_, None) => Some(0),
            (_, Some(_)) => None,
        }
    }

    /// The id of the value set at `position`; `None` where the instrument has none.
    pub fn value_set_id(&self, position: usize) -> Option<&Arc<str>> {
        match &self.rule {
            Rule::Decrement { value_sets, .. } => value_sets.get(position).map(|set| &set.id),
            _ => None,
        }
    }

    /// How many scores one form has: one for each value set.
    pub fn score_count(&self) -> usize {
        match &self.rule {
            Rule::Decrement { value_sets, .. } => value_sets.len(),
            _ => 1,
        }
    }

    /// `score` turned so that higher is better: itself, or its distance from the worst possible score.
    pub fn oriented(&self, score: f64) -> f64 {
        match self.direction {
            Direction::Up => score,
            Direction::Down => self.range.1.to_f64() - score,
        }
    }
}
