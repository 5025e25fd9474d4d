//! What the manufacturer sets aside, and how slots release it.

use std::collections::BTreeMap;

use super::evaluate::{Case, Warranty};
use super::target::{Basis, Cause, Component, Target};
use crate::facts::Source;
use crate::money::Minor;
use crate::time::Instant;

/// What became of a slot that has an upload.
#[derive(Clone, Copy, Debug)]
pub(super) enum SlotState {
    /// It is billed.
    Claimed {
        /// The review's end.
        at: Instant,
        /// What the manufacturer owes.
        actual: Minor,
        /// The upload, a place in the facts.
        upload: Option<usize>,
    },
    /// It is not, or not yet.
    Unbilled {
        /// The first day on which it is too late for a review.
        deadline: i64,
    },
}

impl Case<'_> {
    /// Accrual, and the claim or lapse of every slot of the warranty. Nothing where there is no warranty.
    pub(super) fn journal(&mut self, slots: &BTreeMap<u32, SlotState>) {
        let Some(known_since) = self.episode.known_since.filter(|_| self.cover() == Warranty::Covered) else {
            return;
        };
        let accrued_on = self.treated.max(self.day(known_since));
        if accrued_on > self.today {
            return self.wake_on(accrued_on);
        }
        let (contract, count) = (self.contract, i64::from(self.contract.slots.slots));
        let terms = contract.accrual;
        let rates = [terms.expected_factor, terms.take_up, contract.manufacturer_share()];
        let total = contract.fee.times(count, &rates);
        let part = Minor(total.0 / count.max(1));
        let last = total - Minor(part.0 * (count - 1));
        let accrued_at = contract.zone.start_of(accrued_on);
        let basis = Basis { total: Some(total), part: Some(part), ..Basis::default() };
        self.post(Cause::Enrolment, Component::Accrual, total, accrued_at, basis);
        for slot in (1..).take(usize::try_from(count).unwrap_or(0)) {
            let part = if i64::from(slot) == count { last } else { part };
            let basis = Basis { slot: Some(slot), total: Some(total), part: Some(part), ..Basis::default() };
            match self.released(slot, slots.get(&slot)) {
                Released::Not => {}
                Released::Claimed { at, actual, upload } => {
                    let (at, basis) = (at.max(accrued_at), Basis { upload, ..basis });
                    self.post(Cause::Slot(slot), Component::Claim, part, at, basis);
                    self.post(Cause::Slot(slot), Component::Variance, actual - part, at, basis);
                }
                Released::Lapsed { on } => {
                    let at = contract.zone.start_of(on).max(accrued_at);
                    self.post(Cause::Slot(slot), Component::Lapse, part, at, basis);
                }
            }
        }
    }

    /// Whether and when a slot releases its part.
    fn released(&mut self, slot: u32, state: Option<&SlotState>) -> Released {
        let terms = self.contract.slots;
        let lapses_on = match state {
            Some(SlotState::Claimed { at, actual, upload }) => {
                return Released::Claimed { at: *at, actual: *actual, upload: *upload };
            }
            Some(SlotState::Unbilled { deadline }) => *deadline,
            None => {
                let every = i64::from(terms.every_days);
                let end = self.treated + every * i64::from(slot) - every / 2 + every;
                end + self.contract.review.within_days
            }
        };
        if lapses_on > self.today {
            self.wake_on(lapses_on);
            return Released::Not;
        }
        Released::Lapsed { on: lapses_on }
    }

    fn post(
        &mut self,
        cause: Cause,
        component: Component,
        amount: Minor,
        triggered_at: Instant,
        basis: Basis,
    ) {
        let upload = basis.upload.and_then(|at| self.book.uploads.get(at));
        let enrolled = self.episode.statements().map(|statement| statement.source).next();
        let source = upload.map(|upload| upload.source).or(enrolled).unwrap_or(Source::Live);
        let payer = self.episode.manufacturer;
        self.push(Target {
            cause,
            component,
            payer,
            payee: None,
            amount,
            triggered_at,
            why: None,
            basis,
            source,
        });
    }
}

enum Released {
    Not,
    Claimed { at: Instant, actual: Minor, upload: Option<usize> },
    Lapsed { on: i64 },
}
