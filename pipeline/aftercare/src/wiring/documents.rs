//! The documents that come with this build, and the topic that carries them.

use aftercare_core::documents::{Library, SHIPPED};
use aftercare_kafka::Cluster;
use aftercare_kafka::drain::{Assigned, Drain};
use aftercare_runtime::task::learn;
use aftercare_runtime::topics::CONTRACTS;
use aftercare_schemas::{codec, wire};
use aftercare_stream::position::TopicId;
use anyhow::Context;
use std::collections::BTreeSet;

/// (kind, id, version) of a document.
pub(crate) type DocumentKey = (String, String, i32);

/// Documents of this build that the cluster does not have yet.
pub(crate) fn missing(cluster: &Cluster) -> anyhow::Result<Vec<(DocumentKey, String)>> {
    let known = published(cluster)?;
    Ok(SHIPPED
        .iter()
        .map(|(kind, id, text)| (((*kind).to_owned(), (*id).to_owned(), 1), (*text).to_owned()))
        .filter(|(key, _)| !known.contains(key))
        .collect())
}

/// Documents that the cluster has.
pub(crate) fn published(cluster: &Cluster) -> anyhow::Result<BTreeSet<DocumentKey>> {
    let mut drain = Drain::open(cluster, &[])?;
    let from = Assigned { id: TopicId(0), topic: cluster.topic(name()), partition: 0, from: 0 };
    let mut known = BTreeSet::new();
    drain.read_through(from, None, &mut |record| {
        if let Ok(document) = codec::decode::<wire::Document<'_>>(name(), record.value, None) {
            known.insert((document.kind.to_owned(), document.id.to_owned(), document.version));
        }
    })?;
    Ok(known)
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
