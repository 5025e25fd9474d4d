//! The documents that come with this build, and the topic that carries them.

use aftercare_core::documents::{Library, SHIPPED};
use aftercare_kafka::Cluster;
use aftercare_kafka::drain::{Assigned, Drain};
use aftercare_runtime::task::learn;
use aftercare_runtime::topics::CONTRACTS;
use aftercare_schemas::{codec, wire};
use aftercare_stream::position::TopicId;
use anyhow::Context;
use std::collections::{BTreeMap, BTreeSet};

/// (kind, id, version) of a document.
pub(crate) type DocumentKey = (String, String, i32);

/// The version of every document that comes with the program.
const SHIPPED_VERSION: i32 = 1;

/// Documents of this build that the cluster does not have yet.
pub(crate) fn missing(cluster: &Cluster) -> anyhow::Result<Vec<(DocumentKey, String)>> {
    let known = published(cluster)?;
    Ok(SHIPPED
        .iter()
        .map(|(kind, id, text)| (((*kind).to_owned(), (*id).to_owned(), SHIPPED_VERSION), (*text).to_owned()))
        .filter(|(key, _)| !known.contains(key))
        .collect())
}

/// Documents that the cluster has.
pub(crate) fn published(cluster: &Cluster) -> anyhow::Result<BTreeSet<DocumentKey>> {
    let mut known = BTreeSet::new();
    each(cluster, &mut |document| {
        known.insert((document.kind.to_owned(), document.id.to_owned(), document.version));
    })?;
    Ok(known)
}

/// Documents of this build that the cluster has with another text: what was published first stays in force.
pub(crate) fn differing(cluster: &Cluster) -> anyhow::Result<Vec<DocumentKey>> {
    let mut same = BTreeMap::new();
    each(cluster, &mut |document| compare(document, &mut same))?;
    let other = same.into_iter().filter(|(_, same)| !same);
    Ok(other.map(|((kind, id), _)| (kind.to_owned(), id.to_owned(), SHIPPED_VERSION)).collect())
}

/// Notes of a document of this build (kind, id) whether it is published with the same text.
fn compare(document: &wire::Document<'_>, same: &mut BTreeMap<(&'static str, &'static str), bool>) {
    let shipped = SHIPPED.iter().find(|(kind, id, _)| {
        (*kind, *id, SHIPPED_VERSION) == (document.kind, document.id, document.version)
    });
    if let Some((kind, id, text)) = shipped {
        same.entry((*kind, *id)).or_insert(*text == document.body);
    }
}

fn each(cluster: &Cluster, take: &mut dyn FnMut(&wire::Document<'_>)) -> anyhow::Result<()> {
    let mut drain = Drain::open(cluster, &[])?;
    let from = Assigned { id: TopicId(0), topic: cluster.topic(name()), partition: 0, from: 0 };
    drain.read_through(from, None, &mut |record| {
        if let Ok(document) = codec::decode::<wire::Document<'_>>(name(), record.value, None) {
            take(&document);
        }
    })?;
    Ok(())
}

/// Reads all documents that there are into the library; where to read on.
pub(crate) fn learn_all(
    cluster: &Cluster,
    drain: &mut Drain,
    library: &mut Library,
) -> anyhow::Result<Assigned> {
    let mut at = Assigned { id: CONTRACTS, topic: cluster.topic(name()), partition: 0, from: 0 };
    at.from = drain.read_through(at.clone(), None, &mut |record| learn(library, &record))?;
    Ok(at)
}

/// Writes the documents.
pub(crate) fn publish(
    cluster: &Cluster,
    documents: &[(DocumentKey, String)],
    now: i64,
) -> anyhow::Result<()> {
    let writer = cluster.writer()?;
    for ((kind, id, version), body) in documents {
        let document =
            wire::Document { kind, id, version: *version, format: "toml", body, published_at: now };
        let mut value = Vec::new();
        codec::encode("contracts", &document, &mut value).with_context(|| format!("write {kind} {id}"))?;
        let key = format!("{kind}/{id}/{version}");
        writer.write_to(name(), 0, Some(key.as_bytes()), Some(&value), &[])?;
    }
    writer.flush()?;
    Ok(())
}

fn name() -> &'static str {
    aftercare_runtime::topics::name(CONTRACTS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_published_first_is_the_one_compared() {
        let (kind, id, text) = SHIPPED[0];
        let document =
            |version, body| wire::Document { kind, id, version, format: "toml", body, published_at: 0 };
        let found = |documents: &[wire::Document<'_>]| {
            let mut same = BTreeMap::new();
            documents.iter().for_each(|document| compare(document, &mut same));
            same
        };
        assert_eq!(found(&[document(1, "older"), document(1, text)]), BTreeMap::from([((kind, id), false)]));
        assert_eq!(found(&[document(1, text), document(2, "newer")]), BTreeMap::from([((kind, id), true)]));
        assert!(found(&[document(2, text)]).is_empty(), "another version is another document");
    }
}
