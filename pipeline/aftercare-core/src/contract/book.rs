//! The ledger's book of one patient: facts in force, and what was issued.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::episode::EpisodeView;
use super::facts::{Event, Review, Statement, Trade, Upload, in_force, put};
use super::issue::{Issued, Terms};
use crate::facts::{Body, EnrolmentFact, RecordHead, RecordStatus, VerdictFact};
use crate::patient::names::{Names, Sym};
use crate::patient::{ScoreChange, ScoreStatus, Verdict};
use crate::time::Instant;

/// The word that begins the patient id of a pool, `pool:{contract}/{key}`: a population's book.
const POOL: &str = "pool:";

/// The book of one patient, or of a pool. The default is that of a patient of whom nothing is known.
///
/// Serialises for the changelog; the layout is part of the state's version.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct LedgerBook {
    pub(super) names: Names,
    /// Contract and key, where the book is a pool's.
    pub(super) pool: Option<(Sym, Sym)>,
    /// In the order of id and revision, as all that is revised.
    pub(super) statements: Vec<Statement>,
    pub(super) uploads: Vec<Upload>,
    pub(super) reviews: Vec<Review>,
    pub(super) events: Vec<Event>,
    pub(super) trades: Vec<Trade>,
    /// By what something was issued.
    pub(super) terms: Vec<Terms>,
    /// What was issued, by its key.
    pub(super) issued: Vec<Issued>,
    pub(super) due: Option<Instant>,
}

impl LedgerBook {
    /// Takes what a record says, after the patient's state judged it. Answers whether the ledger may differ.
    ///
    /// A revision that comes after a higher one says no more than that it knew a device, at `stored_at`.
    pub fn take(
        &mut self,
        head: &RecordHead<'_>,
        body: &Body<'_>,
        verdict: &Verdict,
        stored_at: Instant,
    ) -> bool {
        let names = &mut self.names;
        match (body, verdict) {
            (Body::Enrolment(fact), Verdict::Accepted) => self.enrol(head, fact, stored_at),
            (Body::Enrolment(fact), Verdict::Superseded) => return self.knew(head, fact, stored_at),
            (Body::Verdict(fact), Verdict::Accepted) => return self.review(head, fact),
            (Body::Commerce(fact), Verdict::Accepted) => {
                put(&mut self.trades, Trade::new(head, fact, stored_at, names));
            }
            (Body::Clinical(fact), Verdict::Accepted | Verdict::Unscored(_)) => {
                put(&mut self.events, Event::new(head, fact, stored_at, names));
            }
            _ => return false,
        }
        true
    }

    /// Takes the row of the upload that an episode is judged by: the composite, or the plan's first instrument where it
    /// has none. A withdrawn one is forgotten.
    pub fn judge(&mut self, row: &ScoreChange) {
        let (episode, id) = (self.names.intern(&row.episode_id), self.names.intern(&row.upload_id));
        self.uploads.retain(|known| (known.episode, known.id) != (episode, id));
        if row.status != ScoreStatus::Withdrawn {
            self.uploads.reserve_exact(1);
            self.uploads.push(Upload::new(row, &mut self.names));
        }
    }

    /// Makes the book that of a pool, if the patient id is one, `pool:{contract}/{key}`.
    pub fn open_pool(&mut self, patient_id: &str) {
        let named = patient_id.strip_prefix(POOL).and_then(|pool| pool.split_once('/'));
        if let Some((contract, key)) = named {
            self.pool = Some((self.names.intern(contract), self.names.intern(key)));
        }
    }

    /// The patient id of a pool.
    pub fn pool_id(contract: &str, key: &str) -> String {
        format!("{POOL}{contract}/{key}")
    }

    /// Whether a patient id is that of a pool.
    pub fn is_pool_id(patient_id: &str) -> bool {
        patient_id.starts_with(POOL)
    }

    /// Whether there is a contract, so that there is anything to be issued.
    pub fn has_contract(&self) -> bool {
        self.pool.is_some()
            || self.statements.iter().any(|statement| statement.contract.is_some())
            || self.trades.iter().any(|trade| trade.contract.is_some())
            || !self.issued.is_empty()
    }

    /// Whether some fact names that contract.
    pub fn is_under(&self, contract: &str) -> bool {
        let Some(contract) = self.names.find(contract).map(Some) else { return false };
        self.pool.map(|(own, _)| own) == contract
            || self.statements.iter().any(|statement| statement.contract == contract)
            || self.trades.iter().any(|trade| trade.contract == contract)
    }

    /// When something may follow from time alone.
    pub fn next_due(&self) -> Option<Instant> {
        self.due
    }

    fn enrol(&mut self, head: &RecordHead<'_>, fact: &EnrolmentFact<'_>, stored_at: Instant) {
        let mut statement = Statement::new(head, fact, stored_at, &mut self.names);
        let id = statement.id;
        for known in self.statements.iter_mut().filter(|known| known.id == id) {
            statement.known_from(known);
            known.known_from(&statement);
        }
        put(&mut self.statements, statement);
    }

    fn knew(&mut self, head: &RecordHead<'_>, fact: &EnrolmentFact<'_>, stored_at: Instant) -> bool {
        let earlier = Statement::new(head, fact, stored_at, &mut self.names);
        let mut changed = false;
        for known in self.statements.iter_mut().filter(|known| known.id == earlier.id) {
            let before = (known.device, known.manufacturer);
            known.known_from(&earlier);
            changed |= before != (known.device, known.manufacturer);
        }
        changed
    }

    fn review(&mut self, head: &RecordHead<'_>, fact: &VerdictFact<'_>) -> bool {
        let known = self.names.find(head.id);
        let had = self.reviews.len();
        self.reviews.retain(|review| Some(review.id) != known);
        let stands = head.status != RecordStatus::EnteredInError;
        let review = if stands { Review::new(head, fact, &mut self.names) } else { None };
        let has_review = review.is_some();
        self.reviews.extend(review);
        has_review || self.reviews.len() != had
    }

    pub(super) fn text(&self, sym: Sym) -> Arc<str> {
        Arc::from(self.names.text(sym))
    }

    /// The uploads of an episode, by answered and uploaded time, then id.
    pub(super) fn uploads_of(&self, episode: Sym) -> Vec<&Upload> {
        let mut uploads: Vec<_> = self.uploads.iter().filter(|upload| upload.episode == episode).collect();
        uploads.sort_by_key(|upload| (upload.answered_at, upload.uploaded_at, self.names.text(upload.id)));
        uploads
    }

    /// The reviews of any of these uploads, by their end, then id.
    pub(super) fn reviews_of(&self, uploads: &[&Upload]) -> Vec<&Review> {
        let own = |review: &&Review| uploads.iter().any(|upload| upload.id == review.upload);
        let mut reviews: Vec<_> = self.reviews.iter().filter(own).collect();
        reviews.sort_by_key(|review| (review.ended_at, self.names.text(review.id)));
        reviews
    }

    /// The episodes of which anything is known, by id.
    pub(super) fn episodes(&self) -> Vec<Sym> {
        let known = in_force(&self.statements, None);
        let mut episodes: Vec<Sym> = known.map(|statement| statement.episode).collect();
        episodes.sort_unstable_by_key(|episode| self.names.text(*episode));
        episodes.dedup();
        episodes
    }

    /// Whether a fact of `at` that names `episode`, or none, belongs to `own`. One that names none belongs to the
    /// episode treated most recently at or before `at`, else to the earliest.
    pub(super) fn belongs(&self, episode: Option<Sym>, at: Instant, own: Sym) -> bool {
        episode.or_else(|| self.episode_at(at)) == Some(own)
    }

    pub(super) fn episode_at(&self, at: Instant) -> Option<Sym> {
        let episodes = self.episodes();
        if episodes.len() < 2 {
            return episodes.first().copied();
        }
        let treated = |episode: Sym| Some((EpisodeView::new(self, episode).treated_at?, episode));
        let mut treated: Vec<(Instant, Sym)> = episodes.iter().copied().filter_map(treated).collect();
        treated.sort_by_key(|(treated_at, _)| *treated_at);
        let before = treated.iter().rev().find(|(treated_at, _)| *treated_at <= at);
        before.or_else(|| treated.first()).map(|(_, episode)| *episode).or_else(|| episodes.first().copied())
    }
}
