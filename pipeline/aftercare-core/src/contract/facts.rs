//! Facts as the ledger keeps them: only what money may rest on, texts by number.

use serde::{Deserialize, Serialize};

use crate::facts::{
    ClinicalFact, CommerceFact, EnrolmentFact, RecordHead, RecordStatus, Source, VerdictFact,
};
use crate::patient::ScoreChange;
use crate::patient::names::{Names, Sym};
use crate::time::Instant;

/// What an enrolment says that money may rest on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Statement {
    pub(super) id: Sym,
    pub(super) revision: i32,
    pub(super) stored_at: Instant,
    pub(super) withdrawn: bool,
    pub(super) episode: Sym,
    pub(super) source: Source,
    pub(super) recorded_at: Instant,
    pub(super) effective_at: Instant,
    pub(super) treated_at: Option<Instant>,
    pub(super) device: Option<Known>,
    pub(super) manufacturer: Option<Known>,
    pub(super) procedure: Option<Sym>,
    pub(super) contract: Option<Sym>,
    pub(super) plan: Option<Sym>,
    pub(super) clinician: Option<Sym>,
    pub(super) consent: Option<bool>,
    pub(super) vip: Option<bool>,
    pub(super) status: Option<Sym>,
    pub(super) organisation: Option<Sym>,
    pub(super) care_team: Option<Sym>,
}

/// A value, and when a record that says it was first stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Known {
    pub(super) value: Sym,
    pub(super) since: Instant,
}

impl Statement {
    pub(super) fn new(
        head: &RecordHead<'_>,
        fact: &EnrolmentFact<'_>,
        stored_at: Instant,
        names: &mut Names,
    ) -> Statement {
        let (id, episode) = (names.intern(head.id), names.intern(fact.episode_id));
        let mut intern = |text: Option<&str>| text.map(|text| names.intern(text));
        let known = |value: Option<Sym>| value.map(|value| Known { value, since: stored_at });
        Statement {
            id,
            revision: head.revision,
            stored_at,
            withdrawn: head.status == RecordStatus::EnteredInError,
            episode,
            source: head.source,
            recorded_at: fact.recorded_at,
            effective_at: fact.effective_at,
            treated_at: fact.treated_at,
            device: known(intern(fact.device)),
            manufacturer: known(intern(fact.manufacturer)),
            procedure: intern(fact.procedure),
            contract: intern(fact.contract),
            plan: intern(fact.plan),
            clinician: intern(fact.clinician_id),
            consent: fact.self_pay_consent,
            vip: fact.vip,
            status: intern(fact.episode_status),
            organisation: intern(fact.organisation),
            care_team: intern(fact.care_team),
        }
    }

    /// Another revision of the same record said it too, perhaps earlier.
    pub(super) fn known_from(&mut self, other: &Statement) {
        for (own, other) in [(&mut self.device, other.device), (&mut self.manufacturer, other.manufacturer)] {
            if let Some((own, other)) = own.as_mut().zip(other) {
                own.since = own.since.min(other.since);
            }
        }
    }
}

/// An upload as it was judged for an episode.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Upload {
    pub(super) episode: Sym,
    pub(super) id: Sym,
    pub(super) revision: i32,
    pub(super) source: Source,
    pub(super) answered_at: Instant,
    pub(super) uploaded_at: Instant,
    pub(super) score: Option<f64>,
    pub(super) baseline: Option<f64>,
    pub(super) index: Option<f64>,
    /// Why there is no index.
    pub(super) missing: Option<Sym>,
    pub(super) expected: Option<f64>,
    pub(super) expected_n: Option<u32>,
    pub(super) edition: Option<Sym>,
}

impl Upload {
    pub(super) fn new(row: &ScoreChange, names: &mut Names) -> Upload {
        let missing = if row.index.is_some() { None } else { Some(row.reason.unwrap_or("no_baseline")) };
        Upload {
            episode: names.intern(&row.episode_id),
            id: names.intern(&row.upload_id),
            revision: row.upload_revision,
            source: row.source,
            answered_at: row.answered_at,
            uploaded_at: row.uploaded_at,
            score: row.score,
            baseline: row.baseline,
            index: row.index,
            missing: missing.map(|reason| names.intern(reason)),
            expected: row.expected,
            expected_n: row.expected_n,
            edition: row.curve_edition.as_deref().map(|edition| names.intern(edition)),
        }
    }
}

/// A review of an upload, with its verdict.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Review {
    pub(super) id: Sym,
    pub(super) revision: i32,
    pub(super) source: Source,
    pub(super) clinician: Sym,
    pub(super) upload: Sym,
    pub(super) ended_at: Instant,
    pub(super) service: bool,
    /// Why it is no service.
    pub(super) reason: Option<Sym>,
    pub(super) duration_ms: i64,
    pub(super) interactions: i32,
    pub(super) sections: i32,
    pub(super) burst_patients: i32,
    pub(super) rule: Sym,
}

impl Review {
    /// `None` for a session that looked at no upload.
    pub(super) fn new(head: &RecordHead<'_>, fact: &VerdictFact<'_>, names: &mut Names) -> Option<Review> {
        Some(Review {
            upload: names.intern(fact.upload_id?),
            id: names.intern(head.id),
            revision: head.revision,
            source: head.source,
            clinician: names.intern(fact.clinician_id),
            ended_at: fact.ended_at,
            service: fact.service,
            reason: fact.reasons.first().map(|reason| names.intern(reason)),
            duration_ms: fact.duration_ms,
            interactions: fact.interactions,
            sections: fact.sections_read,
            burst_patients: fact.burst_patients,
            rule: names.intern(fact.rule),
        })
    }
}

/// What every revision of a clinical or commerce event has.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Told {
    pub(super) id: Sym,
    pub(super) revision: i32,
    /// When this revision was first accepted.
    pub(super) stored_at: Instant,
    pub(super) withdrawn: bool,
    pub(super) source: Source,
    pub(super) episode: Option<Sym>,
    pub(super) at: Instant,
    pub(super) kind: Sym,
}

impl Told {
    fn new(
        head: &RecordHead<'_>,
        episode: Option<&str>,
        kind: &str,
        stored_at: Instant,
        names: &mut Names,
    ) -> Told {
        Told {
            id: names.intern(head.id),
            revision: head.revision,
            stored_at,
            withdrawn: head.status == RecordStatus::EnteredInError,
            source: head.source,
            episode: episode.map(|episode| names.intern(episode)),
            at: head.event_at,
            kind: names.intern(kind),
        }
    }
}

/// A revision of a clinical event.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Event {
    pub(super) told: Told,
    pub(super) ended_at: Option<Instant>,
    pub(super) coding: Option<Sym>,
    pub(super) code: Option<Sym>,
    pub(super) result: Option<Sym>,
    pub(super) value: Option<f64>,
    pub(super) unit: Option<Sym>,
    pub(super) comparator: Option<Sym>,
    pub(super) related: Option<Sym>,
    pub(super) provider: Option<Sym>,
    pub(super) amount_minor: Option<i64>,
    pub(super) currency: Option<Sym>,
    pub(super) category: Option<Sym>,
    pub(super) nature: Option<Sym>,
    /// Role, who, minor units.
    pub(super) parts: Vec<(Sym, Option<Sym>, i64)>,
}

impl Event {
    pub(super) fn new(
        head: &RecordHead<'_>,
        fact: &ClinicalFact<'_>,
        stored_at: Instant,
        names: &mut Names,
    ) -> Event {
        let told = Told::new(head, fact.episode_id, fact.kind, stored_at, names);
        let mut part = |payer: Option<&str>| payer.map(|payer| names.intern(payer));
        let payers: Vec<Option<Sym>> = fact.payers.iter().map(|one| part(one.payer)).collect();
        let roles = fact.payers.iter().map(|one| (names.intern(one.payer_kind), one.amount_minor));
        let parts = roles.zip(payers).map(|((role, amount), payer)| (role, payer, amount)).collect();
        let mut intern = |text: Option<&str>| text.map(|text| names.intern(text));
        Event {
            told,
            ended_at: fact.ended_at,
            coding: intern(fact.coding),
            code: intern(fact.code),
            result: intern(fact.result),
            value: fact.value,
            unit: intern(fact.unit),
            comparator: intern(fact.comparator),
            related: intern(fact.related_id),
            provider: intern(fact.provider),
            amount_minor: fact.amount_minor,
            currency: intern(fact.currency),
            category: intern(fact.cost_category),
            nature: intern(fact.cost_nature),
            parts,
        }
    }
}

/// A revision of a commerce event.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Trade {
    pub(super) told: Told,
    pub(super) purchase: Option<Sym>,
    pub(super) contract: Option<Sym>,
    pub(super) product: Option<Sym>,
    pub(super) product_version: Option<i32>,
    pub(super) item: Option<Sym>,
    pub(super) quantity: Option<i32>,
    pub(super) buyer: Option<Sym>,
    pub(super) side: Option<Sym>,
    pub(super) actor: Option<Sym>,
    pub(super) decision: Option<Sym>,
    pub(super) reason: Option<Sym>,
    pub(super) amount_minor: Option<i64>,
    pub(super) currency: Option<Sym>,
    pub(super) points: Option<i64>,
}

impl Trade {
    pub(super) fn new(
        head: &RecordHead<'_>,
        fact: &CommerceFact<'_>,
        stored_at: Instant,
        names: &mut Names,
    ) -> Trade {
        let told = Told::new(head, fact.episode_id, fact.kind, stored_at, names);
        let mut intern = |text: Option<&str>| text.map(|text| names.intern(text));
        Trade {
            told,
            purchase: intern(fact.purchase_id),
            contract: intern(fact.contract),
            product: intern(fact.product),
            product_version: fact.product_version,
            item: intern(fact.item),
            quantity: fact.quantity,
            buyer: intern(fact.buyer_id),
            side: intern(fact.side),
            actor: intern(fact.actor_id),
            decision: intern(fact.decision),
            reason: intern(fact.reason),
            amount_minor: fact.amount_minor,
            currency: intern(fact.currency),
            points: fact.points,
        }
    }
}

/// A record that comes in revisions, the highest of which counts.
pub(super) trait Revised {
    /// Id, revision, when it was stored, whether it withdraws the record.
    fn revision(&self) -> (Sym, i32, Instant, bool);
}

impl Revised for Event {
    fn revision(&self) -> (Sym, i32, Instant, bool) {
        (self.told.id, self.told.revision, self.told.stored_at, self.told.withdrawn)
    }
}

impl Revised for Trade {
    fn revision(&self) -> (Sym, i32, Instant, bool) {
        (self.told.id, self.told.revision, self.told.stored_at, self.told.withdrawn)
    }
}

impl Revised for Statement {
    fn revision(&self) -> (Sym, i32, Instant, bool) {
        (self.id, self.revision, self.stored_at, self.withdrawn)
    }
}

/// Puts a revision among the others, which are in the order of id and revision; it replaces the same revision.
pub(super) fn put<T: Revised>(all: &mut Vec<T>, one: T) {
    let key = |one: &T| {
        let (id, revision, ..) = one.revision();
        (id, revision)
    };
    match all.binary_search_by_key(&key(&one), key) {
        Ok(at) => all[at] = one,
        Err(at) => {
            all.reserve_exact(1);
            all.insert(at, one);
        }
    }
}

/// The records as they were known before `before` (`None`: as they are known now): of each the highest revision that
/// was stored then, unless it withdraws the record.
pub(super) fn in_force<T: Revised>(all: &[T], before: Option<Instant>) -> impl Iterator<Item = &T> {
    let known = move |one: &&T| before.is_none_or(|before| one.revision().2 < before);
    let records = all.chunk_by(|one, other| one.revision().0 == other.revision().0);
    let highest = records.filter_map(move |revisions| revisions.iter().rev().find(known));
    highest.filter(|one| !one.revision().3)
}
