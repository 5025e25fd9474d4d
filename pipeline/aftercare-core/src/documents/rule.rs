//! How answers become a score: the general forms that instruments are made of.

use std::sync::Arc;

use super::decimal::Decimal;

/// How answers become a score. Items are given by their position.
#[derive(Clone, Debug, PartialEq)]
pub enum Rule {
    /// The sum of all items; what is not answered counts as the mean of what is.
    Sum {
        /// How many items must be answered.
        minimum_answered: usize,
    },
    /// The answer itself.
    Single {
        /// The one item.
        item: usize,
    },
    /// Scales, each the mean of its answered items in points from 0 to 100, and what is made of the scales.
    Scales {
        /// The scales, in the order in which they are averaged.
        scales: Vec<Scale>,
        /// What is made of them.
        summaries: Vec<Summary>,
    },
    /// The sum of all items, looked up; every item is needed.
    Table {
        /// One table for each output: its values by sum, from the lowest sum on.
        by_sum: Vec<Vec<Decimal>>,
    },
    /// 1 less exact decrements of a named value set; every item is needed.
    Decrement {
        /// The value sets.
        value_sets: Vec<ValueSet>,
        /// The one that is used where nothing names another.
        default_value_set: usize,
    },
    /// A constant and a weight of each answer, by output; every item is needed.
    Weights {
        /// Where the weights come from.
        source: String,
        /// One for each output.
        weighted: Vec<Weighted>,
    },
}

/// A scale of a questionnaire: the mean of its answered items, each in points from 0 to 100.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scale {
    /// Its items and their points.
    pub items: Vec<(usize, Points)>,
    /// How many items must be answered.
    pub minimum_answered: usize,
    /// The points of every item are whole multiples of 1 / `denominator`, so that their sum is exact.
    pub(crate) denominator: i64,
}

/// The points of an item's answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Points {
    /// On the straight line between two codes.
    Line {
        /// The code of 0 points; it may be above that of 100.
        zero: i32,
        /// The code of 100 points.
        hundred: i32,
    },
    /// By code, from the lowest on.
    Table {
        /// The lowest code.
        min: i32,
        /// Where no case holds.
        by_code: Vec<Decimal>,
        /// The first that holds counts.
        cases: Vec<Case>,
    },
}

/// Points that hold where another item has a certain answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Case {
    /// The other item.
    pub item: usize,
    /// Its answer; `None`: it is not answered.
    pub code: Option<i32>,
    /// By code, from the lowest on.
    pub by_code: Vec<Decimal>,
}

/// What is made of the scales.
#[derive(Clone, Debug, PartialEq)]
pub enum Summary {
    /// The mean of the scales present.
    Mean {
        /// How many scales must be present.
        minimum_scales: usize,
    },
    /// constant + sum of weight (scale - mean) / sd, over scales of which each is needed.
    Norm {
        /// Where the figures come from.
        source: String,
        /// The value where every scale is at its mean.
        constant: f64,
        /// Scales by position.
        terms: Vec<NormTerm>,
    },
}

/// One scale's part in a norm-based summary.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NormTerm {
    /// The scale.
    pub scale: usize,
    /// Its mean in the norm's population.
    pub mean: f64,
    /// Its standard deviation there.
    pub sd: f64,
    /// Its weight.
    pub weight: f64,
}

/// A published table of what states of health are worth.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValueSet {
    /// Its id, named by paper.
    pub id: Arc<str>,
    /// The paper.
    pub source: String,
    /// The values.
    pub values: Values,
}

/// The values of a value set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Values {
    /// 1 less decrements.
    Decrements {
        /// Taken off once if any answer is at least this level.
        terms: Vec<(i32, Decimal)>,
        /// Per item and level, from the lowest code on.
        by_item: Vec<Vec<Decimal>>,
    },
    /// One value for each state, the last item's level changing first.
    States(Vec<Decimal>),
}

/// A constant and the weights of answers.
#[derive(Clone, Debug, PartialEq)]
pub struct Weighted {
    /// The value without any answer.
    pub constant: f64,
    /// Per item and code, from the lowest code on.
    pub by_item: Vec<Vec<f64>>,
}
