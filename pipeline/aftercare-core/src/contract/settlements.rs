//! What populations came to, as the billing run settled it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// A settlement of one pool: what its cases' measures add up to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settlement<'a> {
    /// The contract's id.
    pub contract: &'a str,
    /// The pool's key.
    pub key: &'a str,
    /// The highest revision counts.
    pub revision: i64,
    /// Sums of the measures by name.
    pub measures: BTreeMap<&'a str, i64>,
}

impl<'a> Settlement<'a> {
    /// Contract and key of the id of a settlement, `settlement/{contract}/{key}`.
    pub fn parse_id(id: &'a str) -> Option<(&'a str, &'a str)> {
        let (contract, key) = id.strip_prefix("settlement/")?.split_once('/')?;
        (!contract.is_empty() && !key.is_empty()).then_some((contract, key))
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Pool {
    contract: Box<str>,
    key: Box<str>,
    revision: i64,
    measures: BTreeMap<Box<str>, i64>,
}

/// The last settlement of each pool.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settlements(Vec<Pool>);

impl Settlements {
    /// Takes a settlement; `false` where one of this or a higher revision is known.
    pub fn settle(&mut self, settlement: &Settlement<'_>) -> bool {
        let measures = settlement.measures.iter().map(|(name, sum)| (Box::from(*name), *sum)).collect();
        let pool = Pool {
            contract: settlement.contract.into(),
            key: settlement.key.into(),
            revision: settlement.revision,
            measures,
        };
        match self.0.binary_search_by(|known| (&known.contract, &known.key).cmp(&(&pool.contract, &pool.key)))
        {
            Ok(at) if self.0.get(at).is_some_and(|known| known.revision >= pool.revision) => return false,
            Ok(at) => {
                if let Some(known) = self.0.get_mut(at) {
                    *known = pool;
                }
            }
            Err(at) => self.0.insert(at, pool),
        }
        true
    }

    /// The sum of a measure; `None` before the pool's first settlement. A measure that no case made is 0.
    pub fn get(&self, contract: &str, key: &str, name: &str) -> Option<i64> {
        let at =
            self.0.binary_search_by(|known| (&*known.contract, &*known.key).cmp(&(contract, key))).ok()?;
        Some(self.0.get(at)?.measures.get(name).copied().unwrap_or(0))
    }
}
