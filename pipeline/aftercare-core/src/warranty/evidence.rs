//! What an entry rests on, written into it, so that an old bill explains itself when its inputs are gone.

use std::sync::Arc;

use super::entry::Evidence;
use super::evaluate::Case;
use super::facts::{Review, Therapy, Upload};
use super::target::{Component, Cover, Outcome, Target};
use crate::patient::names::Sym;
use crate::zone::date_of_day;

type Record = Option<(Arc<str>, i32)>;

/// Evidence being gathered.
#[derive(Default)]
struct Gathered(Vec<Evidence>);

impl Gathered {
    fn add(&mut self, name: &'static str, value: impl ToString, unit: &'static str, record: &Record) {
        self.0.push(Evidence {
            name: Arc::from(name),
            value: value.to_string(),
            unit,
            record: record.clone(),
        });
    }
}

impl Case<'_> {
    pub(super) fn evidence(&self, target: &Target) -> Vec<Evidence> {
        let (book, basis, mut all) = (self.book, &target.basis, Gathered::default());
        self.clause(target, &mut all);
        all.add("treated_on", date_of_day(self.treated), "", &None);
        for (name, known) in [("device", self.episode.device), ("manufacturer", self.episode.manufacturer)] {
            if let Some(sym) = known {
                all.add(name, book.names.text(sym), "", &None);
            }
        }
        if let Some(since) = self.episode.known_since {
            all.add("device_known_on", date_of_day(self.day(since)), "", &None);
        }
        if let Some(slot) = basis.slot {
            self.slot(slot, &mut all);
        }
        if let Some(upload) = basis.upload.and_then(|at| book.uploads.get(at)) {
            self.upload(upload, &mut all);
        }
        if let Some(outcome) = basis.outcome {
            self.step(outcome, &mut all);
        }
        if let Some(review) = basis.review.and_then(|at| book.reviews.get(at)) {
            self.review(review, &mut all);
        } else if let Some(upload) =
            basis.upload.and_then(|at| book.uploads.get(at)).filter(|_| target.why.is_some())
        {
            self.reviews_that_failed(upload.id, &mut all);
        }
        if let Some(therapy) = basis.therapy.and_then(|at| book.therapies.get(at)) {
            self.therapy(therapy, target, &mut all);
        }
        self.amounts(target, &mut all);
        all.0
    }

    fn record(&self, id: Sym, revision: i32) -> Record {
        Some((self.book.text(id), revision))
    }

    fn clause(&self, target: &Target, all: &mut Gathered) {
        let clauses = &self.contract.clauses;
        let clause = match target.component {
            Component::Fee | Component::Held => &clauses.fee,
            Component::Adjustment => &clauses.adjustment,
            Component::Compensation => &clauses.compensation,
            Component::Accrual | Component::Claim | Component::Variance | Component::Lapse => {
                &clauses.accrual
            }
        };
        all.add("clause", clause, "", &None);
    }

    fn slot(&self, slot: u32, all: &mut Gathered) {
        let every = i64::from(self.contract.slots.every_days);
        let from = self.treated + every * i64::from(slot) - every / 2;
        all.add("slot", slot, "", &None);
        all.add("slot_from", date_of_day(from), "", &None);
        all.add("slot_to", date_of_day(from + every - 1), "", &None);
    }

    fn upload(&self, upload: &Upload, all: &mut Gathered) {
        let record = self.record(upload.id, upload.revision);
        all.add("answered_on", date_of_day(self.day(upload.answered_at)), "", &record);
        all.add("uploaded_on", date_of_day(self.day(upload.uploaded_at)), "", &record);
        let numbers =
            [("score", upload.score, ""), ("baseline", upload.baseline, ""), ("index", upload.index, "%")];
        for (name, number, unit) in numbers {
            if let Some(number) = number {
                all.add(name, number, unit, &record);
            }
        }
        if let Some(expected) = upload.expected {
            let edition = upload.edition.map(|edition| (self.book.text(edition), 1));
            all.add("expected", expected, "%", &edition);
        }
        if let Some(n) = upload.expected_n {
            all.add("n", n, "", &None);
        }
        if let Some(edition) = upload.edition {
            all.add("edition", self.book.names.text(edition), "", &None);
        }
    }

    fn step(&self, outcome: Outcome, all: &mut Gathered) {
        if let Some(ratio) = outcome.ratio {
            all.add("ratio", ratio, "1", &None);
        }
        let step = self.contract.step;
        all.add("step_from", step.from, "1", &None);
        all.add("step_to", step.to, "1", &None);
        all.add("step", outcome.band, "", &None);
        all.add("factor", outcome.factor, "1", &None);
    }

    fn review(&self, review: &Review, all: &mut Gathered) {
        let (record, terms) = (self.record(review.id, review.revision), self.contract.review);
        all.add("verdict", if review.service { "service" } else { "superficial" }, "", &record);
        all.add("review_rule", self.book.names.text(review.rule), "", &record);
        all.add("reviewer", self.book.names.text(review.clinician), "", &record);
        all.add("reviewed_on", date_of_day(self.day(review.ended_at)), "", &record);
        all.add("review_within", terms.within_days, "d", &None);
        all.add("duration", duration_text(review.duration_ms), "s", &record);
        all.add("duration_least", terms.seconds, "s", &None);
        all.add("sections", review.sections, "", &record);
        all.add("sections_least", terms.sections, "", &None);
        all.add("interactions", review.interactions, "", &record);
        all.add("interactions_least", terms.interactions, "", &None);
        all.add("burst_patients", review.burst_patients, "", &record);
        all.add("burst_patients_most", terms.burst_patients_max, "", &None);
    }

    /// Of an upload that is not billed: the reviews there were.
    fn reviews_that_failed(&self, upload: Sym, all: &mut Gathered) {
        for (_, review) in self.book.reviews_of(upload) {
            let record = self.record(review.id, review.revision);
            let reason = review.reason.filter(|_| !review.service);
            all.add("verdict", reason.map_or("service", |reason| self.book.names.text(reason)), "", &record);
            all.add("reviewer", self.book.names.text(review.clinician), "", &record);
            all.add("reviewed_on", date_of_day(self.day(review.ended_at)), "", &record);
        }
    }

    fn therapy(&self, therapy: &Therapy, target: &Target, all: &mut Gathered) {
        let record = self.record(therapy.id, therapy.revision);
        all.add("therapy_from", date_of_day(self.day(therapy.began_at)), "", &record);
        if let Some(ended_at) = therapy.ended_at {
            all.add("therapy_to", date_of_day(self.day(ended_at) - 1), "", &record);
        }
        all.add("week_to", date_of_day(self.day(target.triggered_at)), "", &record);
        all.add("ratio_to", self.contract.compensation.ratio_to, "1", &None);
    }

    fn amounts(&self, target: &Target, all: &mut Gathered) {
        let (contract, basis) = (self.contract, &target.basis);
        let text = |amount: crate::money::Minor| amount.text(contract.decimals);
        match target.component {
            Component::Fee | Component::Adjustment => all.add("fee", text(contract.fee), "", &None),
            Component::Accrual => {
                all.add("slots", contract.slots.slots, "", &None);
                all.add("fee", text(contract.fee), "", &None);
                all.add("expected_factor", contract.accrual.expected_factor, "1", &None);
                all.add("take_up", contract.accrual.take_up, "1", &None);
                all.add("share", contract.manufacturer_share(), "1", &None);
            }
            _ => {}
        }
        match basis.cover {
            Some(Cover::Covered) => all.add("cover", "warranty", "", &None),
            Some(Cover::SelfPay) => all.add("cover", "self_pay_consent", "", &None),
            None => {}
        }
        if let Some(total) = basis.total {
            all.add("component", text(total), "", &None);
        }
        if let Some(part) = basis.part {
            all.add("slot_part", text(part), "", &None);
        }
        if let Some(share) = basis.share {
            all.add("share", share, "1", &None);
        }
    }
}

/// Milliseconds as seconds, exactly.
fn duration_text(ms: i64) -> String {
    let text = crate::money::Minor(ms).text(3);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}
