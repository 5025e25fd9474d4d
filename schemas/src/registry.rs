//! The released schemas.
//!
//! Ids begin far above those that a registry of the operator's own hands out (they count from 1), so that
//! bytes written under the one are not mistaken for the other's.

use crate::codec::schema::Node;
use serde::Deserialize;
use std::sync::LazyLock;

/// The id of the first released schema; the others follow without a gap.
pub const FIRST_ID: u32 = 0x4143_0001;

macro_rules! files {
    ($($subject:literal $version:literal),* $(,)?) => {
        &[$(($subject, $version, include_str!(concat!(
            env!("CARGO_MANIFEST_DIR"), "/avro/", $subject, "/v", $version, ".avsc"
        )))),*]
    };
}

/// Every released file: subject, version, text.
const FILES: &[(&str, u32, &str)] = files![
    "enrolments" 1,
    "prom-responses" 1,
    "wearable-readings" 1,
    "clinical-events" 1,
    "commerce-events" 1,
    "clinician-activity" 1,
    "session-verdicts" 1,
    "alert-actions" 1,
    "contracts" 1,
    "control" 1,
    "receipts" 1,
    "reading-receipts" 1,
    "scores" 1,
    "windows" 1,
    "late-readings" 1,
    "dead-letters" 1,
    "alerts" 1,
    "curve-contributions" 1,
    "curve-editions" 1,
    "ledger" 1,
    "dead-letter-decisions" 1,
    "scores" 2,
    "windows" 2,
    "vital-scores" 1,
    "reviews" 1,
    "late-readings" 2,
    "late-readings" 3,
    "curve-contributions" 2,
    "scores" 3,
    "ledger" 2,
];

/// The list of released schemas as committed, with ids, GUIDs and checksums.
pub const RELEASED_JSON: &str = include_str!("../avro/released.json");

/// One released schema.
pub struct Released {
    /// The stream, without a topic prefix: `prom-responses`.
    pub subject: &'static str,
    /// Counts the subject's versions from 1.
    pub version: u32,
    /// The id in Confluent's framing.
    pub id: u32,
    /// The id in Confluent's header form.
    pub guid: [u8; 16],
    /// The schema as released.
    pub text: &'static str,
    authority: apache_avro::Schema,
    node: Node,
}

impl Released {
    /// The schema as apache-avro reads it, which decides what a schema means.
    pub fn authority(&self) -> &apache_avro::Schema {
        &self.authority
    }

    pub(crate) fn node(&self) -> &Node {
        &self.node
    }

    /// The name and the number of fields of the record that the schema is.
    pub(crate) fn record(&self) -> (&str, usize) {
        match &self.authority {
            apache_avro::Schema::Record(record) => (record.name.name(), record.fields.len()),
            _ => ("", 0),
        }
    }
}

impl std::fmt::Debug for Released {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} v{} (id {})", self.subject, self.version, self.id)
    }
}

/// All released schemas, parsed once.
#[derive(Debug)]
pub struct Registry {
    /// In the order of their ids.
    schemas: Vec<Released>,
}

#[derive(Deserialize)]
struct Listed<'a> {
    subject: &'a str,
    version: u32,
    id: u32,
    guid: &'a str,
}

impl Registry {
    /// The schemas that this build was released with.
    pub fn released() -> &'static Self {
        static RELEASED: LazyLock<Registry> = LazyLock::new(Registry::load);
        &RELEASED
    }

    fn load() -> Self {
        let list: Vec<Listed<'_>> =
            serde_json::from_str(RELEASED_JSON).expect("a test reads the list of released schemas");
        let mut schemas: Vec<Released> = FILES
            .iter()
            .map(|&(subject, version, text)| {
                let listed = list
                    .iter()
                    .find(|listed| listed.subject == subject && listed.version == version)
                    .expect("a test compares files and list");
                let authority =
                    apache_avro::Schema::parse_str(text).expect("a test parses every released schema");
                let node = Node::new(&authority).expect("a test lists the types that schemas may use");
                Released {
                    subject,
                    version,
                    id: listed.id,
                    guid: parse_guid(listed.guid).expect("a test reads every GUID"),
                    text,
                    authority,
                    node,
                }
            })
            .collect();
        schemas.sort_by_key(|released| released.id);
        Self { schemas }
    }

    /// The schema with an id, as Confluent's framing names it.
    pub fn by_id(&self, id: u32) -> Option<&Released> {
        self.schemas.binary_search_by_key(&id, |released| released.id).ok().map(|at| &self.schemas[at])
    }

    /// The schema with a GUID, as Confluent's header form names it.
    pub fn by_guid(&self, guid: &[u8; 16]) -> Option<&Released> {
        self.schemas.iter().find(|released| released.guid == *guid)
    }

    /// The newest schema of a subject.
    pub fn subject(&self, subject: &str) -> Option<&Released> {
        self.schemas.iter().rev().find(|released| released.subject == subject)
    }

    /// A certain version of a subject.
    pub fn version(&self, subject: &str, version: u32) -> Option<&Released> {
        self.schemas.iter().find(|released| released.subject == subject && released.version == version)
    }

    /// The versions of a subject, oldest first.
    pub fn versions(&self, subject: &str) -> impl Iterator<Item = &Released> {
        self.schemas.iter().filter(move |released| released.subject == subject)
    }

    /// The subjects, each once, in the order of their first ids.
    pub fn subjects(&self) -> impl Iterator<Item = &'static str> {
        self.schemas.iter().filter(|released| released.version == 1).map(|released| released.subject)
    }

    /// The schema that a client posted as `text`: the same record by name, field names, types and symbols,
    /// whatever its layout, documentation, defaults and logical types, which mean nothing for the bytes.
    /// Newest first; only among versions of `subject` where one is given.
    pub fn find(&self, subject: Option<&str>, text: &str) -> Option<&Released> {
        let posted = apache_avro::Schema::parse_str(text).ok()?;
        let node = Node::new(&posted)?;
        self.schemas
            .iter()
            .rev()
            .filter(|released| subject.is_none_or(|subject| released.subject == subject))
            .find(|released| posted.name() == released.authority.name() && node == released.node)
    }

    /// Every schema, in the order of ids.
    pub fn all(&self) -> &[Released] {
        &self.schemas
    }
}

/// The subject that a Confluent client means, for the values of topics named `{app}.{subject}`:
/// `aftercare.scores-value` is `scores`. `None` where the name is not of that form.
#[must_use]
pub fn subject_of_client<'a>(name: &'a str, app: &str) -> Option<&'a str> {
    name.strip_prefix(app)?.strip_prefix('.')?.strip_suffix("-value")
}

/// A GUID in its usual form of 32 hexadecimal digits with hyphens.
#[must_use]
pub fn format_guid(guid: &[u8; 16]) -> String {
    let digits = format!("{:032x}", u128::from_be_bytes(*guid));
    [&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]].join("-")
}

/// Reads a GUID in its usual form of 32 hexadecimal digits with hyphens.
#[must_use]
pub fn parse_guid(text: &str) -> Option<[u8; 16]> {
    let digits: String = text.chars().filter(|c| *c != '-').collect();
    if digits.len() != 32 {
        return None;
    }
    u128::from_str_radix(&digits, 16).ok().map(u128::to_be_bytes)
}
