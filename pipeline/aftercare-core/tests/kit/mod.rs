//! A desk that offers records to one patient and keeps the rows as a replacing table would.
#![allow(dead_code, clippy::unwrap_used, clippy::panic, reason = "a tool of several test programs")]

use std::collections::BTreeMap;

use aftercare_core::curve::{CohortCurve, Contribution, Counts, Curves, Edition, Leaf, build};
use aftercare_core::documents::Library;
use aftercare_core::facts::{
    Answer, Body, EnrolmentFact, FormFact, InputKind, RecordHead, RecordStatus, Source, UploadFact,
};
use aftercare_core::patient::{Changes, Judges, Patient, ReceiptChange, ScoreChange, ScoreStatus, Verdict};
use aftercare_core::time::{Instant, Millis};

/// Day 0 of the tests: 2024-03-01T08:00:00Z.
pub(crate) const DAY_0: Instant = Instant(1_709_280_000_000);

/// `days` days of 24 h after day 0.
pub(crate) fn day(days: i64) -> Instant {
    DAY_0.saturating_add(Millis::days(days))
}

/// A record to offer.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    pub(crate) id: &'static str,
    pub(crate) revision: i32,
    pub(crate) status: RecordStatus,
    pub(crate) body: Body<'static>,
}

impl Record {
    pub(crate) fn kind(&self) -> InputKind {
        match self.body {
            Body::Enrolment(_) => InputKind::Enrolment,
            Body::Upload(_) => InputKind::PromResponse,
            _ => InputKind::ClinicalEvent,
        }
    }

    pub(crate) fn head(&self, retry: bool) -> RecordHead<'static> {
        let event_at = match &self.body {
            Body::Enrolment(fact) => fact.effective_at,
            Body::Upload(fact) => fact.answered_at,
            _ => day(1),
        };
        let digest = xxhash_rust::xxh3::xxh3_64(format!("{self:?}").as_bytes());
        let (id, revision, status) = (self.id, self.revision, self.status);
        RecordHead { kind: self.kind(), id, revision, status, source: Source::Live, event_at, digest, retry }
    }

    pub(crate) fn revised(mut self, revision: i32) -> Record {
        self.revision = revision;
        self.status = RecordStatus::Amended;
        self
    }

    pub(crate) fn withdrawn(mut self, revision: i32) -> Record {
        self.revision = revision;
        self.status = RecordStatus::EnteredInError;
        self
    }
}

/// An enrolment of episode `e` under the plan `coronary-stent`, treated on day 0.
pub(crate) fn enrolment(id: &'static str) -> Record {
    enrolment_of(id, EnrolmentFact { treated_at: Some(DAY_0), plan: Some("coronary-stent"), ..fact("e") })
}

/// A statement about `episode` that says nothing yet.
pub(crate) fn fact(episode: &'static str) -> EnrolmentFact<'static> {
    EnrolmentFact {
        episode_id: episode,
        recorded_at: day(-30),
        effective_at: day(-30),
        ..EnrolmentFact::default()
    }
}

pub(crate) fn enrolment_of(id: &'static str, fact: EnrolmentFact<'static>) -> Record {
    Record { id, revision: 1, status: RecordStatus::Final, body: Body::Enrolment(fact) }
}

pub(crate) fn event(id: &'static str) -> Record {
    Record { id, revision: 1, status: RecordStatus::Final, body: Body::Event }
}

/// An upload of episode `e`, answered on `on`.
pub(crate) fn upload(id: &'static str, on: i64, forms: Vec<FormFact<'static>>) -> Record {
    upload_of(id, Some("e"), on, forms)
}

pub(crate) fn upload_of(
    id: &'static str,
    episode_id: Option<&'static str>,
    on: i64,
    forms: Vec<FormFact<'static>>,
) -> Record {
    let uploaded_at = day(on).saturating_add(Millis::seconds(60));
    let body = Body::Upload(UploadFact {
        episode_id,
        answered_at: day(on),
        uploaded_at,
        respondent: "patient",
        forms,
    });
    Record { id, revision: 1, status: RecordStatus::Final, body }
}

pub(crate) fn form(instrument: &'static str, answers: &[(&'static str, i32)]) -> FormFact<'static> {
    let answers = answers.iter().map(|(item, code)| Answer { item, code: Some(*code) }).collect();
    FormFact { instrument, instrument_version: None, answers }
}

/// An EQ VAS of `mark`.
pub(crate) fn vas(mark: i32) -> FormFact<'static> {
    form("eq-vas", &[("vas", mark)])
}

/// A PHQ-2 of two equal answers.
pub(crate) fn phq_2(code: i32) -> FormFact<'static> {
    form("phq-2", &[("phq2_1", code), ("phq2_2", code)])
}

/// A SAQ-7 whose quality of life is `code`, the rest in the middle.
pub(crate) fn saq_7(code: i32) -> FormFact<'static> {
    let answers =
        [("pl_a", 3), ("pl_b", 3), ("pl_c", 3), ("af_2", 3), ("af_3", 4), ("ql_4", code), ("ql_5", code)];
    form("saq-7", &answers)
}

/// An EQ-5D of one level throughout.
pub(crate) fn eq_5d(instrument: &'static str, level: i32) -> FormFact<'static> {
    form(instrument, &["mo", "sc", "ua", "pd", "ad"].map(|item| (item, level)))
}

/// A Rose of `yes` times yes.
pub(crate) fn rose(yes: i32) -> FormFact<'static> {
    let answers = [("rose_1", 1), ("rose_2", 2), ("rose_3", 3), ("rose_4", 4)];
    form("rose-dyspnea", &answers.map(|(item, from)| (item, i32::from(yes >= from))))
}

/// The four forms of the stent plan.
pub(crate) fn stent_forms(code: i32) -> Vec<FormFact<'static>> {
    vec![saq_7(code), eq_5d("eq-5d-5l", 6 - code), phq_2((5 - code).min(3)), rose(5 - code)]
}

pub(crate) type ReceiptKey = (InputKind, String, i32);

/// One patient, and what was issued.
pub(crate) struct Desk {
    pub(crate) patient: Patient,
    pub(crate) library: Library,
    pub(crate) tick: Instant,
    pub(crate) held: Vec<Record>,
    pub(crate) scores: BTreeMap<String, ScoreChange>,
    pub(crate) receipts: BTreeMap<ReceiptKey, ReceiptChange>,
    pub(crate) curves: Curves,
    /// By sequence, from 1.
    pub(crate) contributions: Vec<Contribution>,
    changes: Changes,
}

impl Desk {
    pub(crate) fn new() -> Desk {
        Desk {
            patient: Patient::default(),
            library: Library::builtin(),
            tick: day(400),
            held: Vec::new(),
            scores: BTreeMap::new(),
            receipts: BTreeMap::new(),
            curves: Curves::default(),
            contributions: Vec::new(),
            changes: Changes::default(),
        }
    }

    pub(crate) fn with(records: &[Record]) -> Desk {
        let mut desk = Desk::new();
        for record in records {
            desk.offer(record);
        }
        desk
    }

    /// Offers a record, offers held ones again after an enrolment, issues what changed.
    pub(crate) fn offer(&mut self, record: &Record) -> Verdict {
        let verdict = self.offer_only(record);
        self.issue();
        verdict
    }

    pub(crate) fn offer_only(&mut self, record: &Record) -> Verdict {
        self.tick = self.tick.saturating_add(Millis(1));
        let verdict = self.patient.offer(&record.head(false), &record.body, self.tick, &self.library);
        if verdict == Verdict::Hold {
            self.held.push(record.clone());
        }
        if record.kind() == InputKind::Enrolment {
            self.retry();
        }
        verdict
    }

    fn retry(&mut self) {
        for record in std::mem::take(&mut self.held) {
            let verdict = self.patient.offer(&record.head(true), &record.body, self.tick, &self.library);
            if verdict == Verdict::Hold {
                self.held.push(record);
            }
        }
    }

    /// Issues what changed; answers how many receipts and scores that were.
    pub(crate) fn issue(&mut self) -> (usize, usize) {
        let last_sequence = u64::try_from(self.contributions.len()).unwrap();
        let judges = Judges { library: &self.library, curves: &self.curves, partition: 0, last_sequence };
        self.patient.changes(&judges, &mut self.changes);
        self.contributions.extend(self.changes.contributions.iter().cloned());
        for row in &self.changes.receipts {
            self.receipts.insert((row.kind, row.id.to_string(), row.revision), row.clone());
        }
        for row in &self.changes.scores {
            self.scores.insert(row.score_id(), row.clone());
        }
        (self.changes.receipts.len(), self.changes.scores.len())
    }

    pub(crate) fn changes(&self) -> &Changes {
        &self.changes
    }

    /// What stands on curves: score, cohort, plan, bin, index in hundredths.
    pub(crate) fn net(&self) -> Vec<(String, String, Option<String>, u16, i64)> {
        let mut net = BTreeMap::new();
        for (sequence, contribution) in (1..).zip(&self.contributions) {
            assert_eq!(contribution.sequence, sequence, "numbered without a gap");
            let Contribution { cohort, plan, bin, index_hundredths, take, .. } = contribution;
            let (cohort, plan) = (cohort.name(3).to_owned(), plan.as_deref().map(str::to_owned));
            let count =
                net.entry((contribution.score_id(), cohort, plan, *bin, *index_hundredths)).or_insert(0);
            *count += if *take { -1 } else { 1 };
            assert!((0..=1).contains(count), "{contribution:?}");
        }
        net.into_iter().filter(|(_, count)| *count == 1).map(|(key, _)| key).collect()
    }

    /// The row of an upload and instrument of episode `e`.
    pub(crate) fn score(&self, upload: &str, instrument: &str) -> &ScoreChange {
        self.score_of("e", upload, instrument)
    }

    pub(crate) fn score_of(&self, episode: &str, upload: &str, instrument: &str) -> &ScoreChange {
        let id = format!("{episode}/{upload}/{instrument}");
        self.scores.get(&id).unwrap_or_else(|| panic!("no row {id}"))
    }

    pub(crate) fn receipt(&self, record: &Record) -> &ReceiptChange {
        self.receipts.get(&(record.kind(), record.id.to_owned(), record.revision)).unwrap()
    }

    /// Outcome and reason of a record's receipt.
    pub(crate) fn outcome(&self, record: &Record) -> (&'static str, Option<&'static str>) {
        let receipt = self.receipt(record);
        (receipt.outcome, receipt.reason)
    }

    /// The rows that stand, without what depends on arrival.
    pub(crate) fn standing(&self) -> BTreeMap<String, ScoreChange> {
        let rows = self.scores.iter().filter(|(_, row)| row.status != ScoreStatus::Withdrawn);
        rows.map(|(id, row)| (id.clone(), ScoreChange { stored_at: Instant(0), ..row.clone() })).collect()
    }
}

/// An edition of everything that the desk contributed and of five others in these bins of every instrument, each at 100.
pub(crate) fn edition(
    desk: &Desk,
    month: &str,
    effective_from: Instant,
    others_answered: impl Fn(u16) -> bool,
) -> Vec<CohortCurve> {
    let mut counts: BTreeMap<(Leaf, u16), Counts> = BTreeMap::new();
    for contribution in &desk.contributions {
        let leaf = Leaf {
            cohort: (*contribution.cohort).clone(),
            instrument: (*contribution.instrument).into(),
            plan: contribution.plan.as_deref().map(Into::into),
        };
        let counts = counts.entry((leaf, contribution.bin)).or_default();
        if contribution.take {
            counts.take(contribution.index_hundredths).unwrap();
        } else {
            counts.add(contribution.index_hundredths);
        }
    }
    for ((_, bin), counts) in &mut counts {
        (0..5).filter(|_| others_answered(*bin)).for_each(|_| counts.add(10_000));
    }
    let edition = Edition {
        name: format!("pci-des@{month}").into(),
        period_end: effective_from,
        sources: [(0, u64::try_from(desk.contributions.len()).unwrap())].into(),
    };
    let plan = desk.library.plan("coronary-stent").unwrap();
    let mut curves = build(
        "pci-des",
        &edition,
        |_, _| plan.curve.as_ref(),
        counts.iter().map(|((leaf, bin), counts)| (leaf, *bin, counts)),
    );
    curves.iter_mut().for_each(|curve| curve.effective_from = effective_from);
    curves
}
