//! Compensation for weeks of extended therapy after a bad outcome.

use super::evaluate::{Case, Warranty};
use super::facts::{Therapy, Upload};
use super::target::{Basis, Cause, Component, Target, Why};
use crate::money::Minor;

const DAYS: i64 = 7;

impl Case<'_> {
    /// A line for each completed week that is compensated.
    pub(super) fn therapies(&mut self, uploads: &[(usize, &Upload)]) {
        let book = self.book;
        for (at, therapy) in book.therapies.iter().enumerate() {
            if book.belongs(therapy.episode, therapy.began_at, self.episode.id) {
                self.weeks(at, therapy, uploads);
            }
        }
    }

    fn weeks(&mut self, at: usize, therapy: &Therapy, uploads: &[(usize, &Upload)]) {
        let terms = self.contract.compensation;
        // weeks count once the end is recorded
        let Some(ended_at) = therapy.ended_at else { return };
        let end = self.day(ended_at).min(self.treated + terms.begins_before_day + DAYS - 1);
        // weeks before the first outcome are nothing, however many there are
        let Some(first) = uploads.iter().find(|(_, upload)| self.outcome(upload).ratio.is_some()) else {
            return;
        };
        let (first_day, began) = (self.day(first.1.answered_at), self.day(therapy.began_at));
        let skipped = if first_day < began { 0 } else { (first_day - began) / DAYS + 1 };
        let mut begins = began + skipped * DAYS;
        for week in skipped + 1.. {
            if begins + DAYS > end {
                return;
            }
            if begins + DAYS > self.today {
                return self.wake_on(begins + DAYS);
            }
            self.week(at, therapy, (week, begins), uploads);
            begins += DAYS;
        }
    }

    fn week(
        &mut self,
        at: usize,
        therapy: &Therapy,
        (week, begins): (i64, i64),
        uploads: &[(usize, &Upload)],
    ) {
        let terms = self.contract.compensation;
        let mut before = uploads.iter().rev().filter(|(_, upload)| upload.index.is_some());
        let Some((judged_by, upload)) = before.find(|(_, upload)| self.day(upload.answered_at) < begins)
        else {
            return;
        };
        let outcome = self.outcome(upload);
        if outcome.ratio.is_none_or(|ratio| ratio > terms.ratio_to) {
            return;
        }
        let mut target = Target {
            cause: Cause::Week(therapy.id, week),
            component: Component::Compensation,
            payer: self.episode.manufacturer,
            payee: Some(self.parties.patient),
            amount: terms.week,
            triggered_at: self.contract.zone.start_of(begins + DAYS - 1),
            why: None,
            basis: Basis {
                upload: Some(*judged_by),
                therapy: Some(at),
                outcome: Some(outcome),
                total: Some(terms.week),
                ..Basis::default()
            },
            source: therapy.source,
        };
        match self.cover() {
            Warranty::Covered => self.push(target),
            Warranty::Unknown => {
                (target.component, target.why) = (Component::Held, Some(Why::CoverUnknown));
                (target.payer, target.payee, target.amount) = (None, None, Minor(0));
                self.targets.push(target);
            }
            Warranty::NotCovered | Warranty::Over => {}
        }
    }
}
