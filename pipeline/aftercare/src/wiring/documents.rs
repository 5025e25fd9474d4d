//! The documents that come with this build, and the topic that carries them.

use aftercare_core::documents::{
    ALERT_POLICY, CONTRACT, CURVE, INSTRUMENT, Library, PLAN, REVIEW_RULE, SHIPPED, VITALS,
};
use aftercare_kafka::Cluster;
use aftercare_kafka::drain::{Assigned, Drain};
use aftercare_runtime::task::learn;
use aftercare_runtime::topics::CONTRACTS;
use aftercare_schemas::{codec, wire};
use aftercare_stream::position::TopicId;
use anyhow::{Context, bail};
use std::collections::{BTreeMap, BTreeSet};

use crate::wiring::say;

/// The kinds of documents that are read; what is of another kind is kept by nobody.
const KINDS: [&str; 7] = [ALERT_POLICY, CONTRACT, CURVE, INSTRUMENT, PLAN, REVIEW_RULE, VITALS];

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
    at.from = drain.read_through(at.clone(), None, &mut |record| {
        learn(library, &record);
    })?;
    Ok(at)
}

/// A document that somebody wants to publish.
pub(crate) struct Offered {
    key: DocumentKey,
    text: String,
}

impl Offered {
    /// Id and version are those that the text states.
    pub(crate) fn new(kind: &str, text: String) -> anyhow::Result<Offered> {
        if !KINDS.contains(&kind) {
            bail!("there is no kind {kind}, but {}", KINDS.join(", "));
        }
        let table: toml::Table = text.parse()?;
        let id = table.get("id").and_then(toml::Value::as_str).context("it states no id")?.to_owned();
        let version = table.get("version").and_then(toml::Value::as_integer);
        let version =
            version.and_then(|version| i32::try_from(version).ok()).context("it states no version")?;
        Ok(Offered { key: (kind.to_owned(), id, version), text })
    }
}

/// Publishes documents if each is without fault and fits those that the cluster has, and names those that were new. Else
/// says what is wrong with them, and publishes nothing.
pub(crate) fn offer(cluster: &Cluster, offered: Vec<Offered>, now: i64) -> anyhow::Result<Vec<DocumentKey>> {
    let known = published(cluster)?;
    let mut library = Library::default();
    learn_all(cluster, &mut Drain::open(cluster, &[])?, &mut library)?;
    let before: BTreeSet<_> = library.check().into_iter().collect();
    let mut problems = Vec::new();
    for Offered { key: (kind, id, version), text } in &offered {
        let found = library.add(kind, id, *version, text).err().unwrap_or_default();
        problems.extend(found.iter().map(|problem| format!("{kind} {id} {version}: {problem}")));
    }
    let unfit = library.check().into_iter().filter(|problem| !before.contains(problem));
    problems.extend(unfit.map(|problem| problem.to_string()));
    if !problems.is_empty() {
        problems.iter().for_each(|problem| say(format_args!("{problem}")));
        bail!("nothing is published: {} problems", problems.len());
    }
    let new = offered.into_iter().filter(|offered| !known.contains(&offered.key));
    let new: Vec<_> = new.map(|offered| (offered.key, offered.text)).collect();
    publish(cluster, &new, now)?;
    Ok(new.into_iter().map(|(key, _)| key).collect())
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
