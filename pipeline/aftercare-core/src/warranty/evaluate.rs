//! What should stand in the ledger for one episode, by all its facts. A pure function of them and of the day.

use std::collections::BTreeMap;

use super::book::LedgerBook;
use super::episode::EpisodeView;
use super::facts::{Review, Upload};
use super::journal::SlotState;
use super::target::{Basis, Cause, Component, Cover, Outcome, Target, Why};
use crate::documents::{MANUFACTURER, PATIENT, Schedule, WarrantyContract};
use crate::facts::Source;
use crate::money::{Millionths, Minor};
use crate::patient::names::{Names, Sym};
use crate::time::Instant;

/// Who a contract's names stand for, by number.
pub(super) struct Parties {
    pub(super) patient: Sym,
    /// In the contract's order; `None`: the manufacturer of the episode's device.
    shares: Vec<(Option<Sym>, Millionths)>,
}

impl Parties {
    pub(super) fn new(contract: &WarrantyContract, names: &mut Names) -> Parties {
        let mut named = |payer: &str| (payer != MANUFACTURER).then(|| names.intern(payer));
        let shares = contract.shares.iter().map(|share| (named(&share.payer), share.share)).collect();
        Parties { shares, patient: names.intern(PATIENT) }
    }
}

/// An episode under its contract, on one day.
pub(super) struct Case<'b> {
    pub(super) book: &'b LedgerBook,
    pub(super) episode: &'b EpisodeView<'b>,
    pub(super) contract: &'b WarrantyContract,
    pub(super) parties: &'b Parties,
    /// The day of treatment.
    pub(super) treated: i64,
    pub(super) today: i64,
    /// What should stand.
    pub(super) targets: Vec<Target>,
    /// The next day on which something else may follow from the same facts.
    pub(super) due: Option<i64>,
}

/// What is known about the cover of a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Warranty {
    Covered,
    /// It may still become known in time.
    Unknown,
    NotCovered,
    Over,
}

impl<'b> Case<'b> {
    pub(super) fn new(
        book: &'b LedgerBook,
        episode: &'b EpisodeView<'b>,
        contract: &'b WarrantyContract,
        parties: &'b Parties,
        treated_at: Instant,
        now: Instant,
    ) -> Case<'b> {
        let (treated, today) = (contract.zone.day(treated_at), contract.zone.day(now));
        Case { book, episode, contract, parties, treated, today, targets: Vec::new(), due: None }
    }

    /// Everything that follows from the facts.
    pub(super) fn evaluate(&mut self) {
        let uploads = self.book.uploads_of(self.episode.id);
        let slots = self.slots(&uploads);
        self.journal(&slots);
        self.therapies(&uploads);
    }

    pub(super) fn day(&self, at: Instant) -> i64 {
        self.contract.zone.day(at)
    }

    /// Something may follow on `day`.
    pub(super) fn wake_on(&mut self, day: i64) {
        if day > self.today {
            self.due = Some(self.due.map_or(day, |due| due.min(day)));
        }
    }

    /// The lines of the slots, and what becomes of every other upload.
    fn slots(&mut self, uploads: &[(usize, &Upload)]) -> BTreeMap<u32, SlotState> {
        let mut states: BTreeMap<u32, SlotState> = BTreeMap::new();
        for (at, upload) in uploads {
            let basis = Basis { upload: Some(*at), ..Basis::default() };
            let slot = match self.slot_of(upload) {
                Ok(slot) if states.contains_key(&slot) => {
                    self.hold(upload, Basis { slot: Some(slot), ..basis }, Why::NotFirstInSlot);
                    continue;
                }
                Ok(slot) => slot,
                Err(why) => {
                    self.hold(upload, basis, why);
                    continue;
                }
            };
            let basis = Basis { slot: Some(slot), outcome: Some(self.outcome(upload)), ..basis };
            let state = match self.decide(slot, upload) {
                Ok((review, cover)) => {
                    let basis = Basis { review: Some(review), cover: Some(cover), ..basis };
                    self.bill(slot, upload, basis)
                }
                Err(why) => {
                    self.hold(upload, basis, why);
                    let deadline =
                        self.day(upload.uploaded_at).saturating_add(self.contract.review.within_days);
                    SlotState::Unbilled { deadline }
                }
            };
            states.insert(slot, state);
        }
        states
    }

    /// The slot of an upload that may be billed, by the day of its answers; the slots go on after the last.
    fn slot_of(&self, upload: &Upload) -> Result<u32, Why> {
        if upload.source == Source::Import {
            return Err(Why::Imported);
        }
        if let Some(reason) = upload.missing {
            return Err(Why::NoIndex(reason));
        }
        let endless = Schedule { slots: i32::MAX, ..self.contract.slots };
        endless.slot(self.treated, self.day(upload.answered_at)).ok_or(Why::BeforeFirstSlot)
    }

    /// The review that makes a slot's upload due, and who bears it; or why it is not due.
    fn decide(&mut self, slot: u32, upload: &Upload) -> Result<(usize, Cover), Why> {
        let cover = match self.warranty(slot) {
            Warranty::Covered => Some(Cover::Covered),
            Warranty::Unknown => None,
            Warranty::NotCovered => Some(self.without_warranty(upload, Why::NotCoveredNoConsent)?),
            Warranty::Over => Some(self.without_warranty(upload, Why::BeyondWarrantyNoConsent)?),
        };
        let review = self.review_of(upload)?;
        Ok((review, cover.ok_or(Why::CoverUnknown)?))
    }

    pub(super) fn warranty(&mut self, slot: u32) -> Warranty {
        if i64::from(slot) > i64::from(self.contract.slots.slots) {
            return Warranty::Over;
        }
        self.cover()
    }

    pub(super) fn cover(&mut self) -> Warranty {
        let first_uncovered = self.treated.saturating_add(self.contract.known_within_days).saturating_add(1);
        match (self.episode.device, self.episode.manufacturer) {
            (Some(_), Some(_)) => Warranty::Covered,
            _ if self.today >= first_uncovered => Warranty::NotCovered,
            _ => {
                self.wake_on(first_uncovered);
                Warranty::Unknown
            }
        }
    }

    /// The patient pays by consent, on the day of the answer; else nobody does.
    fn without_warranty(&self, upload: &Upload, why: Why) -> Result<Cover, Why> {
        let end = self.end_of(self.day(upload.answered_at));
        if self.episode.in_effect(end, |statement| statement.consent) == Some(true) {
            return Ok(Cover::SelfPay);
        }
        let own = self.book.choices.iter().filter(|choice| choice.at <= end);
        let own = own.filter(|choice| self.book.belongs(choice.episode, choice.at, self.episode.id));
        let last = own.max_by_key(|choice| (choice.at, self.book.names.text(choice.id)));
        Err(if last.is_some_and(|choice| choice.chosen) { Why::FreeMonitoring } else { why })
    }

    /// The first review that counts; else why none does.
    fn review_of(&mut self, upload: &Upload) -> Result<usize, Why> {
        let first = self.day(upload.uploaded_at);
        let deadline = first.saturating_add(self.contract.review.within_days);
        let mut failed = None;
        for (at, review) in self.book.reviews_of(upload.id) {
            let day = self.day(review.ended_at);
            let verdict = match self.clinician_on(day) {
                _ if day < first => continue,
                _ if day >= deadline => Err(Why::ReviewTooLate),
                clinician if clinician != Some(review.clinician) => Err(Why::ReviewByOther),
                _ => self.judge(review),
            };
            match verdict {
                Ok(()) => return Ok(at),
                Err(why) => failed = failed.or(Some(why)),
            }
        }
        if self.today < deadline {
            self.wake_on(deadline);
            return Err(Why::AwaitingReview);
        }
        Err(failed.unwrap_or(Why::NoReview))
    }

    /// Whether a review was real service.
    fn judge(&self, review: &Review) -> Result<(), Why> {
        let terms = self.contract.review;
        match review.reason {
            Some(reason) if !review.service => Err(Why::Superficial(reason)),
            None if !review.service => Err(Why::NoReview),
            _ if review.duration_ms < terms.seconds.saturating_mul(1_000) => Err(Why::ReviewTooShort),
            _ if review.sections < terms.sections => Err(Why::ReviewTooFewSections),
            _ if review.interactions < terms.interactions => Err(Why::ReviewTooFewInteractions),
            _ if review.burst_patients > terms.burst_patients_max => Err(Why::ReviewBurst),
            _ => Ok(()),
        }
    }

    fn clinician_on(&self, day: i64) -> Option<Sym> {
        self.episode.dated(self.end_of(day), |statement| statement.clinician)
    }

    /// The last millisecond of a day.
    fn end_of(&self, day: i64) -> Instant {
        Instant(self.contract.zone.start_of(day.saturating_add(1)).0.saturating_sub(1))
    }

    /// Where the upload's index lies between what was expected.
    pub(super) fn outcome(&self, upload: &Upload) -> Outcome {
        let step = self.contract.step;
        let decimals = upload.index.and_then(Millionths::of).zip(upload.expected.and_then(Millionths::of));
        let ratio = decimals.and_then(|(index, expected)| index.quotient(expected));
        let (band, factor) = match ratio {
            None => ("no_curve", Millionths::ONE),
            Some(ratio) if ratio < step.from => ("below", step.below),
            Some(ratio) if ratio > step.to => ("above", step.above),
            Some(_) => ("within", step.within),
        };
        Outcome { ratio, band, factor }
    }

    /// Fee and adjustment of a slot, each split over the payers.
    fn bill(&mut self, slot: u32, upload: &Upload, basis: Basis) -> SlotState {
        let review = basis.review.and_then(|at| self.book.reviews.get(at));
        let Some((review, outcome)) = review.zip(basis.outcome) else {
            return SlotState::Unbilled { deadline: self.today };
        };
        let alone = [(Some(self.parties.patient), Millionths::ONE)];
        let shares = if basis.cover == Some(Cover::Covered) { &*self.parties.shares } else { &alone };
        let rates: Vec<Millionths> = shares.iter().map(|(_, share)| *share).collect();
        let change = Millionths(outcome.factor.0 - Millionths::ONE.0);
        let fee = self.contract.fee;
        let mut actual = Minor(0);
        for (component, total) in [(Component::Fee, fee), (Component::Adjustment, fee.times(1, &[change]))] {
            for ((payer, share), amount) in shares.iter().zip(total.split(&rates)) {
                if payer.is_none() {
                    actual = actual + amount;
                }
                self.push(Target {
                    cause: Cause::Slot(slot),
                    component,
                    payer: payer.or(self.episode.manufacturer),
                    payee: Some(review.clinician),
                    amount,
                    triggered_at: review.ended_at,
                    why: None,
                    basis: Basis { total: Some(total), share: Some(*share), ..basis },
                    source: upload.source,
                });
            }
        }
        SlotState::Claimed { at: review.ended_at, actual, upload: basis.upload }
    }

    fn hold(&mut self, upload: &Upload, basis: Basis, why: Why) {
        self.targets.push(Target {
            cause: Cause::Upload(upload.id),
            component: Component::Held,
            payer: None,
            payee: None,
            amount: Minor(0),
            triggered_at: upload.uploaded_at,
            why: Some(why),
            basis,
            source: upload.source,
        });
    }

    /// Adds what has an amount.
    pub(super) fn push(&mut self, target: Target) {
        if target.amount != Minor(0) {
            self.targets.push(target);
        }
    }
}
