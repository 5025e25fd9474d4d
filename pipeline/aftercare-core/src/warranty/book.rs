//! The ledger's book of one patient: facts in force, and what was issued.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::episode::EpisodeView;
use super::facts::{Choice, Review, Statement, Therapy, Upload};
use super::issue::{Issued, Terms};
use crate::facts::{Body, ClinicalFact, CommerceFact, EnrolmentFact, RecordHead, RecordStatus, VerdictFact};
use crate::patient::names::{Names, Sym};
use crate::patient::{ScoreChange, ScoreStatus, Verdict};
use crate::time::Instant;

/// The book of one patient. The default is that of a patient of whom nothing is known.
///
/// Serialises for the changelog; the layout is part of the state's version.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct LedgerBook {
    pub(super) names: Names,
    pub(super) statements: Vec<Statement>,
    pub(super) uploads: Vec<Upload>,
    pub(super) reviews: Vec<Review>,
    pub(super) choices: Vec<Choice>,
    pub(super) therapies: Vec<Therapy>,
    /// Contracts by which something was issued.
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
        match (body, verdict) {
            (Body::Enrolment(fact), Verdict::Accepted) => self.enrol(head, fact, stored_at),
            (Body::Enrolment(fact), Verdict::Superseded) => self.knew(head, fact, stored_at),
            (Body::Verdict(fact), Verdict::Accepted) => self.review(head, fact),
            (Body::Commerce(fact), Verdict::Accepted) => self.choose(head, fact),
            (Body::Clinical(fact), Verdict::Accepted | Verdict::Unscored(_)) => self.therapy(head, fact),
            _ => false,
        }
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

    /// Whether an episode of the patient has a contract, so that there is anything to be kept.
    pub fn has_contract(&self) -> bool {
        self.statements.iter().any(|statement| statement.contract.is_some()) || !self.issued.is_empty()
    }

    /// When something may follow from time alone.
    pub fn next_due(&self) -> Option<Instant> {
        self.due
    }

    fn enrol(&mut self, head: &RecordHead<'_>, fact: &EnrolmentFact<'_>, stored_at: Instant) -> bool {
        let mut statement = Statement::new(head, fact, stored_at, &mut self.names);
        let known = self.statements.iter().position(|known| known.id == statement.id);
        if let Some(known) = known {
            statement.known_from(&self.statements.swap_remove(known));
        }
        if head.status != RecordStatus::EnteredInError {
            self.statements.reserve_exact(1);
            self.statements.push(statement);
        }
        true
    }

    fn knew(&mut self, head: &RecordHead<'_>, fact: &EnrolmentFact<'_>, stored_at: Instant) -> bool {
        let earlier = Statement::new(head, fact, stored_at, &mut self.names);
        let known = self.statements.iter_mut().find(|known| known.id == earlier.id);
        known.is_some_and(|known| {
            let before = known.clone();
            known.known_from(&earlier);
            *known != before
        })
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

    fn choose(&mut self, head: &RecordHead<'_>, fact: &CommerceFact<'_>) -> bool {
        let known = self.names.find(head.id);
        let had = self.choices.len();
        self.choices.retain(|choice| Some(choice.id) != known);
        let stands = head.status != RecordStatus::EnteredInError && fact.kind == "free_monitoring";
        if stands {
            self.choices.push(Choice {
                id: self.names.intern(head.id),
                episode: fact.episode_id.map(|episode| self.names.intern(episode)),
                at: head.event_at,
                chosen: fact.decision == Some("chosen"),
            });
        }
        stands || self.choices.len() != had
    }

    fn therapy(&mut self, head: &RecordHead<'_>, fact: &ClinicalFact<'_>) -> bool {
        let known = self.names.find(head.id);
        let had = self.therapies.len();
        self.therapies.retain(|therapy| Some(therapy.id) != known);
        let stands = head.status != RecordStatus::EnteredInError && fact.kind == "extended_therapy";
        if stands {
            self.therapies.push(Therapy {
                id: self.names.intern(head.id),
                revision: head.revision,
                source: head.source,
                episode: fact.episode_id.map(|episode| self.names.intern(episode)),
                began_at: head.event_at,
                ended_at: fact.ended_at,
            });
        }
        stands || self.therapies.len() != had
    }

    pub(super) fn text(&self, sym: Sym) -> Arc<str> {
        Arc::from(self.names.text(sym))
    }

    /// The uploads of an episode with their places, by answered and uploaded time, then id.
    pub(super) fn uploads_of(&self, episode: Sym) -> Vec<(usize, &Upload)> {
        let own = self.uploads.iter().enumerate().filter(|(_, upload)| upload.episode == episode);
        let mut uploads: Vec<_> = own.collect();
        uploads
            .sort_by_key(|(_, upload)| (upload.answered_at, upload.uploaded_at, self.names.text(upload.id)));
        uploads
    }

    /// The reviews of an upload with their places, by their end, then id.
    pub(super) fn reviews_of(&self, upload: Sym) -> Vec<(usize, &Review)> {
        let own = self.reviews.iter().enumerate().filter(|(_, review)| review.upload == upload);
        let mut reviews: Vec<_> = own.collect();
        reviews.sort_by_key(|(_, review)| (review.ended_at, self.names.text(review.id)));
        reviews
    }

    /// The episodes of which anything is known or issued, by id.
    pub(super) fn episodes(&self) -> Vec<Sym> {
        let mut episodes: Vec<Sym> = self.statements.iter().map(|statement| statement.episode).collect();
        episodes.extend(self.issued.iter().map(Issued::episode));
        episodes.sort_unstable_by_key(|episode| self.names.text(*episode));
        episodes.dedup();
        episodes
    }

    /// Whether a fact of `at` that names `episode`, or none, belongs to `own`. One that names none belongs to the
    /// episode treated most recently at or before `at`, else to the earliest.
    pub(super) fn belongs(&self, episode: Option<Sym>, at: Instant, own: Sym) -> bool {
        episode.or_else(|| self.episode_at(at)) == Some(own)
    }

    fn episode_at(&self, at: Instant) -> Option<Sym> {
        let treated = |episode: Sym| Some((EpisodeView::new(self, episode).treated_at?, episode));
        let mut episodes: Vec<(Instant, Sym)> = self.episodes().into_iter().filter_map(treated).collect();
        episodes.sort_by_key(|(treated_at, _)| *treated_at);
        let before = episodes.iter().rev().find(|(treated_at, _)| *treated_at <= at);
        before.or_else(|| episodes.first()).map(|(_, episode)| *episode)
    }
}
