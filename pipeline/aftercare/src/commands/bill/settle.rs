//! Settlements: what the cases of a population add up to, told to every task.

use std::collections::BTreeMap;

use aftercare_clickhouse::{Measures, PoolKey, Settled};
use aftercare_schemas::{codec, wire};
use anyhow::Context;

/// A settlement to be told.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Settlement {
    pub(super) pool: PoolKey,
    pub(super) revision: i64,
    pub(super) measures: Measures,
}

/// What is to be settled: pools whose sums are not what the last settlement says, and pools whose last settlement some task
/// has not answered, which is then told again as it was. A conflict, which two runs at once can make by giving two
/// settlements one revision, is settled by the next revision.
pub(super) fn due(
    sums: BTreeMap<PoolKey, Measures>,
    settled: &BTreeMap<PoolKey, Settled>,
    tasks: u64,
) -> Vec<Settlement> {
    let due = |(pool, measures): (PoolKey, Measures)| {
        let revision = match settled.get(&pool) {
            None => 1,
            Some(last) if last.measures.as_ref() != Some(&measures) => last.revision.saturating_add(1),
            Some(last) if last.answers < tasks => last.revision,
            Some(_) => return None,
        };
        Some(Settlement { pool, revision, measures })
    };
    sums.into_iter().filter_map(due).collect()
}

impl Settlement {
    /// The record of it. `at`: the tick, ms since 1970-01-01 UTC.
    pub(super) fn record(&self, contract: &str, month: &str, at: i64) -> anyhow::Result<Vec<u8>> {
        let id = format!("settlement/{contract}/{}", self.pool);
        let body = serde_json::json!({
            "revision": self.revision,
            "measures": self.measures,
            "as_of_month": month,
        })
        .to_string();
        control(wire::ControlKind::Settlement, &id, Some(&body), at)
    }

    /// In words, for a person.
    pub(super) fn text(&self, contract: &str) -> String {
        let sums: Vec<String> = self.measures.iter().map(|(name, sum)| format!("{name} {sum}")).collect();
        format!("{contract}, pool {}, settlement {}: {}", self.pool, self.revision, sums.join(", "))
    }
}

/// The record that closes a month. `at`: the tick, ms since 1970-01-01 UTC.
pub(super) fn closing(id: &str, at: i64) -> anyhow::Result<Vec<u8>> {
    control(wire::ControlKind::Closing, id, None, at)
}

fn control(kind: wire::ControlKind, id: &str, body: Option<&str>, at: i64) -> anyhow::Result<Vec<u8>> {
    let mut value = Vec::new();
    codec::encode("control", &wire::Control { kind, at, id: Some(id), body }, &mut value)
        .with_context(|| format!("write {id}"))?;
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sums(known: i64) -> Measures {
        Measures::from([("free".to_owned(), 9), ("known".to_owned(), known)])
    }

    #[test]
    fn only_what_changed_or_was_not_answered_is_settled() {
        let pools = || BTreeMap::from([("2025".to_owned(), sums(10))]);
        let last = |revision, answers, measures| {
            BTreeMap::from([("2025".to_owned(), Settled { revision, answers, measures })])
        };
        let revisions = |settled| -> Vec<i64> {
            due(pools(), &settled, 2).iter().map(|settlement| settlement.revision).collect()
        };
        assert_eq!(revisions(BTreeMap::new()), [1]);
        assert_eq!(revisions(last(3, 2, Some(sums(10)))), [0_i64; 0]);
        assert_eq!(revisions(last(3, 1, Some(sums(10)))), [3]);
        assert_eq!(revisions(last(3, 2, Some(sums(9)))), [4]);
        assert_eq!(revisions(last(3, 2, None)), [4]);
    }

    #[test]
    fn a_settlement_says_what_it_is_in_json() {
        let settlement = Settlement { pool: "east/2025".to_owned(), revision: 2, measures: sums(10) };
        let record = settlement.record("colon", "2026-01", 7).unwrap();
        let read = codec::decode::<wire::Control<'_>>("control", Some(&record), None).unwrap();
        assert_eq!((read.kind, read.at), (wire::ControlKind::Settlement, 7));
        assert_eq!(read.id, Some("settlement/colon/east/2025"));
        assert_eq!(
            read.body,
            Some(r#"{"as_of_month":"2026-01","measures":{"free":9,"known":10},"revision":2}"#)
        );
    }
}
