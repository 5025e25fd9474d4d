//! One patient with a warranty, fact by fact, and the entries that come of them.

use std::collections::BTreeMap;
use std::sync::Arc;

use aftercare_core::contract::{Closing, Closings, Entry, EntryKind, LedgerBook, Outside, Settlements};
use aftercare_core::documents::Library;
use aftercare_core::facts::{
    Body, ClinicalFact, CommerceFact, EnrolmentFact, InputKind, RecordHead, RecordStatus, Source, VerdictFact,
};
use aftercare_core::money::Minor;
use aftercare_core::patient::{OwnedAttribution, ScoreChange, ScoreStatus, Verdict};
use aftercare_core::time::Instant;

/// The contract of the tests.
pub(crate) const CONTRACT: &str = "warranty-example";
pub(crate) const EPISODE: &str = "e-1";
pub(crate) const DAY_MS: i64 = 86_400_000;

/// Milliseconds of an hour.
pub(crate) const HOUR_MS: i64 = 3_600_000;
/// 2025-01-01T00:00 in Shanghai, where the contract's days run; the day of treatment.
const TREATED: i64 = 1_735_660_800_000;

/// Ten o'clock of day `day` after the treatment.
pub(crate) fn day(day: i64) -> Instant {
    Instant(TREATED + day * DAY_MS + 10 * HOUR_MS)
}

/// The first moment of that day.
pub(crate) fn midnight(day: i64) -> Instant {
    Instant(TREATED + day * DAY_MS)
}

/// A fact to tell the ledger.
#[derive(Clone, Debug)]
pub(crate) enum Fact {
    Enrolment(&'static str, EnrolmentFact<'static>),
    Score(Box<ScoreChange>),
    Review(String, VerdictFact<'static>),
    Choice(&'static str, Instant, &'static str),
    Therapy(&'static str, Instant, Option<Instant>),
}

/// Nothing but whose episode it is.
pub(crate) fn statement(effective: i64) -> EnrolmentFact<'static> {
    let at = Instant(TREATED + effective * DAY_MS);
    EnrolmentFact { episode_id: EPISODE, recorded_at: at, effective_at: at, ..EnrolmentFact::default() }
}

pub(crate) fn enrolment() -> Fact {
    Fact::Enrolment(
        "enr-1",
        EnrolmentFact {
            treated_at: Some(day(0)),
            contract: Some(CONTRACT),
            clinician_id: Some("c-1"),
            care_team: Some("team-1"),
            procedure: Some("pci-des"),
            ..statement(-5)
        },
    )
}

pub(crate) fn device() -> Fact {
    let said = EnrolmentFact { device: Some("stent-a"), manufacturer: Some("m-alpha"), ..statement(-5) };
    Fact::Enrolment("enr-2", said)
}

pub(crate) fn consent(id: &'static str, from: i64, given: bool) -> Fact {
    Fact::Enrolment(id, EnrolmentFact { self_pay_consent: Some(given), ..statement(from) })
}

/// An upload answered and uploaded at ten o'clock of `on`, with its index and what was expected, per cent.
pub(crate) fn score(upload: &str, on: i64, index: Option<f64>, expected: Option<f64>) -> ScoreChange {
    ScoreChange {
        episode_id: EPISODE.into(),
        upload_id: upload.into(),
        upload_revision: 1,
        instrument: "composite".into(),
        instrument_version: 1,
        value_set: "".into(),
        status: if index.is_some() { ScoreStatus::Scored } else { ScoreStatus::Unscored },
        reason: if index.is_some() { None } else { Some("no_baseline") },
        answered_at: day(on),
        uploaded_at: day(on),
        stored_at: day(on),
        days_since_treatment: None,
        respondent: "patient".into(),
        score: None,
        scales: Vec::new(),
        baseline: None,
        baseline_upload_id: None,
        index,
        index_rule: None,
        expected,
        expected_sd: None,
        expected_n: expected.map(|_| 212),
        forecast: None,
        forecast_sd: None,
        level: None,
        change_errors: None,
        trend_errors: None,
        cohort: None,
        curve_edition: expected.map(|_| Arc::from("coronary-stent/2025-01")),
        change_mcid: None,
        ewma: None,
        mean_28d: None,
        slope_56d: None,
        uploads_done: 0,
        uploads_due: 0,
        attribution: OwnedAttribution::default(),
        source: Source::Live,
    }
}

pub(crate) fn upload(id: &str, on: i64, index: f64, expected: f64) -> Fact {
    Fact::Score(Box::new(score(id, on, Some(index), Some(expected))))
}

/// A session that is just enough: 30 s, 2 sections, 3 interactions, ended at `ended_at`.
pub(crate) fn verdict(upload: &str, ended_at: Instant) -> VerdictFact<'static> {
    VerdictFact {
        clinician_id: "c-1",
        session_revision: 1,
        episode_id: Some(EPISODE),
        upload_id: Some(Box::leak(upload.to_owned().into_boxed_str())),
        ended_at,
        service: true,
        reasons: Vec::new(),
        duration_ms: 30_000,
        interactions: 3,
        sections_read: 2,
        burst_patients: 1,
        rule: "default@1",
    }
}

pub(crate) fn review(upload: &str, on: i64) -> Fact {
    Fact::Review(format!("se-{upload}"), verdict(upload, day(on)))
}

pub(crate) struct World {
    pub(crate) book: LedgerBook,
    pub(crate) library: Library,
    pub(crate) closings: Closings,
    pub(crate) entries: Vec<Entry>,
}

impl World {
    /// Nothing is known yet.
    pub(crate) fn new() -> World {
        let (book, library) = (LedgerBook::default(), Library::builtin());
        World { book, library, closings: Closings::default(), entries: Vec::new() }
    }

    /// Enrolled and with a device known, all on the day of treatment.
    pub(crate) fn covered() -> World {
        let mut world = World::new();
        world.tell(&enrolment(), day(0));
        world.tell(&device(), day(0));
        world
    }

    /// Hands over a fact without asking what follows.
    pub(crate) fn hear(&mut self, fact: &Fact, stored_at: Instant) {
        self.hear_as(fact, stored_at, RecordStatus::Final);
    }

    pub(crate) fn hear_as(&mut self, fact: &Fact, stored_at: Instant, status: RecordStatus) {
        let (kind, id, event_at, body) = match fact {
            Fact::Score(row) => return self.book.judge(row),
            Fact::Enrolment(id, said) => {
                (InputKind::Enrolment, *id, said.effective_at, Body::Enrolment(said.clone()))
            }
            Fact::Review(id, said) => {
                (InputKind::SessionVerdict, id.as_str(), said.ended_at, Body::Verdict(said.clone()))
            }
            Fact::Choice(id, at, decision) => {
                let decision = Some(*decision);
                let said = CommerceFact { kind: "free_monitoring", decision, ..CommerceFact::default() };
                (InputKind::CommerceEvent, *id, *at, Body::Commerce(said))
            }
            Fact::Therapy(id, at, ended_at) => {
                let said =
                    ClinicalFact { kind: "extended_therapy", ended_at: *ended_at, ..ClinicalFact::default() };
                (InputKind::ClinicalEvent, *id, *at, Body::Clinical(said))
            }
        };
        let head = RecordHead {
            kind,
            id,
            revision: 1,
            status,
            source: Source::Live,
            event_at,
            digest: 0,
            retry: false,
        };
        self.book.take(&head, &body, &Verdict::Accepted, stored_at);
    }

    /// Hands over a fact and issues what follows; answers the new entries.
    pub(crate) fn tell(&mut self, fact: &Fact, now: Instant) -> &[Entry] {
        self.hear(fact, now);
        self.tick(now)
    }

    /// Issues what follows by `now`.
    pub(crate) fn tick(&mut self, now: Instant) -> &[Entry] {
        let had = self.entries.len();
        let settlements = &Settlements::default();
        let outside = Outside { library: &self.library, closings: &self.closings, settlements };
        self.book.issue(now, &outside, &mut self.entries);
        &self.entries[had..]
    }

    pub(crate) fn close(&mut self, month: &str) {
        let id = format!("closing/{CONTRACT}/{month}");
        assert!(self.closings.close(Closing::parse(&id).unwrap()));
    }

    /// An upload in slot 1, reviewed two days later.
    pub(crate) fn billed(&mut self, index: f64, expected: f64) {
        self.tell(&upload("u-1", 14, index, expected), day(14));
        self.tell(&review("u-1", 16), day(16));
    }

    /// What lines say in total, by component and payer, in major units; what adds up to nothing is left out.
    pub(crate) fn lines(&self) -> Vec<(String, String, String)> {
        let mut sums: BTreeMap<(String, String), Minor> = BTreeMap::new();
        for entry in self.entries.iter().filter(|entry| entry.kind == EntryKind::Line) {
            let key = (entry.component.to_string(), entry.payer.as_deref().unwrap().to_owned());
            let sum = sums.entry(key).or_default();
            *sum = *sum + entry.amount;
        }
        let owed = sums.into_iter().filter(|(_, sum)| *sum != Minor(0));
        owed.map(|((component, payer), sum)| (component, payer, sum.text(2))).collect()
    }

    /// Total of the lines of a payer.
    pub(crate) fn owes(&self, payer: &str) -> String {
        let own = self.entries.iter().filter(|entry| entry.kind == EntryKind::Line);
        own.filter(|entry| entry.payer.as_deref() == Some(payer))
            .map(|entry| entry.amount)
            .sum::<Minor>()
            .text(2)
    }

    /// Balance of an account, debits less credits, by postings.
    pub(crate) fn balance(&self, account: &str) -> Minor {
        let mut balance = Minor(0);
        for entry in &self.entries {
            if let Some((debit, credit)) = &entry.accounts {
                balance = if **debit == *account { balance + entry.amount } else { balance };
                balance = if **credit == *account { balance - entry.amount } else { balance };
            }
        }
        balance
    }

    /// Why the upload is held now; `None`: it is not, or no more.
    pub(crate) fn held(&self, upload: &str) -> Option<&str> {
        let id = format!("{CONTRACT}/{EPISODE}/{upload}/held");
        let last = self.entries.iter().rev().find(|entry| entry.component_id == id)?;
        last.reason.as_deref().filter(|reason| !["settled", "withdrawn"].contains(reason))
    }

    /// Net amounts by service period, component, payer and payee; zeros left out.
    pub(crate) fn net(&self) -> BTreeMap<(String, String, String, String), i64> {
        let mut net = BTreeMap::new();
        for entry in &self.entries {
            let text = |text: &Option<Arc<str>>| text.as_deref().unwrap_or("").to_owned();
            let period = entry.service_period.to_string();
            let key = (period, entry.component.to_string(), text(&entry.payer), text(&entry.payee));
            *net.entry(key).or_insert(0) += entry.amount.0;
        }
        net.retain(|_, amount| *amount != 0);
        net
    }
}

pub(crate) fn owed(lines: &[(&str, &str, &str)]) -> Vec<(String, String, String)> {
    lines.iter().map(|(a, b, c)| ((*a).to_owned(), (*b).to_owned(), (*c).to_owned())).collect()
}
