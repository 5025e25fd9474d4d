//! Facts to tell, built word by word.
#![allow(dead_code, reason = "each kind of contract uses what it needs")]

use std::sync::Arc;

use aftercare_core::facts::{
    ClinicalFact, CommerceFact, EnrolmentFact, PayerPart, RecordStatus, Source, VerdictFact,
};
use aftercare_core::patient::{OwnedAttribution, ScoreChange, ScoreStatus};
use aftercare_core::time::Instant;
use aftercare_core::zone::{Zone, day_of_date};

const HOUR_MS: i64 = 3_600_000;

/// Of `2026-01-31` ten o'clock in the contracts' zone, of `2026-01-31T09:30` that time.
pub(crate) fn at(text: &str) -> Instant {
    let zone = Zone::named("Asia/Shanghai").unwrap();
    let (date, time) = text.split_once('T').unwrap_or((text, "10:00"));
    let (hour, minute) = time.split_once(':').unwrap();
    let minutes = hour.parse::<i64>().unwrap() * 60 + minute.parse::<i64>().unwrap();
    Instant(zone.start_of(day_of_date(date.parse().unwrap())).0 + minutes * HOUR_MS / 60)
}

/// An amount such as `-12.50` in minor units of a currency with two decimals.
pub(crate) fn minor(text: &str) -> i64 {
    let (sign, digits) = text.strip_prefix('-').map_or((1, text), |digits| (-1, digits));
    let (whole, parts) = digits.split_once('.').unwrap_or((digits, "00"));
    assert_eq!(parts.len(), 2, "{text}");
    sign * (whole.replace('_', "").parse::<i64>().unwrap() * 100 + parts.parse::<i64>().unwrap())
}

fn kept(text: &str) -> &'static str {
    Box::leak(text.to_owned().into_boxed_str())
}

/// A record: what is told, of which revision.
#[derive(Clone, Debug)]
pub(crate) struct Fact {
    pub(crate) id: String,
    pub(crate) revision: i32,
    pub(crate) status: RecordStatus,
    pub(crate) source: Source,
    pub(crate) at: Instant,
    pub(crate) body: Said,
}

#[derive(Clone, Debug)]
pub(crate) enum Said {
    Enrolment(EnrolmentFact<'static>),
    Clinical(ClinicalFact<'static>),
    Commerce(CommerceFact<'static>),
    Review(VerdictFact<'static>),
    Upload(Box<ScoreChange>),
}

impl Fact {
    fn new(id: &str, at: Instant, body: Said) -> Fact {
        let (status, source) = (RecordStatus::Final, Source::Live);
        Fact { id: id.to_owned(), revision: 1, status, source, at, body }
    }

    /// Replaces lower revisions.
    pub(crate) fn revision(mut self, revision: i32) -> Fact {
        (self.revision, self.status) = (revision, RecordStatus::Amended);
        self
    }

    /// Withdraws the record, as this revision.
    pub(crate) fn withdrawn(mut self, revision: i32) -> Fact {
        (self.revision, self.status) = (revision, RecordStatus::EnteredInError);
        self
    }

    pub(crate) fn source(mut self, source: Source) -> Fact {
        self.source = source;
        self
    }

    fn clinical(mut self, change: impl FnOnce(&mut ClinicalFact<'static>)) -> Fact {
        match &mut self.body {
            Said::Clinical(fact) => change(fact),
            _ => panic!("no clinical event"),
        }
        self
    }

    fn commerce(mut self, change: impl FnOnce(&mut CommerceFact<'static>)) -> Fact {
        match &mut self.body {
            Said::Commerce(fact) => change(fact),
            _ => panic!("no commerce event"),
        }
        self
    }

    /// Says something else about the episode: `|said| said.vip = Some(true)`.
    pub(crate) fn says(mut self, change: impl FnOnce(&mut EnrolmentFact<'static>)) -> Fact {
        match &mut self.body {
            Said::Enrolment(fact) => change(fact),
            _ => panic!("no enrolment"),
        }
        self
    }

    pub(crate) fn code(self, code: &str) -> Fact {
        self.clinical(|fact| fact.code = Some(kept(code)))
    }

    pub(crate) fn coding(self, coding: &str) -> Fact {
        self.clinical(|fact| fact.coding = Some(kept(coding)))
    }

    pub(crate) fn result(self, result: &str) -> Fact {
        self.clinical(|fact| fact.result = Some(kept(result)))
    }

    pub(crate) fn value(self, value: f64, unit: &str) -> Fact {
        self.clinical(|fact| (fact.value, fact.unit) = (Some(value), Some(kept(unit))))
    }

    pub(crate) fn comparator(self, comparator: &str) -> Fact {
        self.clinical(|fact| fact.comparator = Some(kept(comparator)))
    }

    /// The end of what lasts, excluded.
    pub(crate) fn until(self, end: &str) -> Fact {
        self.clinical(|fact| fact.ended_at = Some(at(end)))
    }

    pub(crate) fn related(self, id: &str) -> Fact {
        self.clinical(|fact| fact.related_id = Some(kept(id)))
    }

    pub(crate) fn provider(self, provider: &str) -> Fact {
        self.clinical(|fact| fact.provider = Some(kept(provider)))
    }

    pub(crate) fn category(self, category: &str) -> Fact {
        self.clinical(|fact| fact.cost_category = Some(kept(category)))
    }

    pub(crate) fn nature(self, nature: &str) -> Fact {
        self.clinical(|fact| fact.cost_nature = Some(kept(nature)))
    }

    /// Adds what one payer carries of the amount; an empty payer names nobody.
    pub(crate) fn part(self, payer_kind: &str, payer: &str, amount: &str) -> Fact {
        let payer = Some(payer).filter(|payer| !payer.is_empty()).map(kept);
        let part = PayerPart { payer_kind: kept(payer_kind), payer, amount_minor: minor(amount) };
        self.clinical(|fact| fact.payers.push(part))
    }

    /// An amount in CNY, of a clinical or commerce event.
    pub(crate) fn amount(mut self, amount: &str) -> Fact {
        let (amount, currency) = (Some(minor(amount)), Some("CNY"));
        match &mut self.body {
            Said::Clinical(fact) => (fact.amount_minor, fact.currency) = (amount, currency),
            Said::Commerce(fact) => (fact.amount_minor, fact.currency) = (amount, currency),
            _ => panic!("it has no amount"),
        }
        self
    }

    pub(crate) fn episode(mut self, episode: &str) -> Fact {
        let episode = kept(episode);
        match &mut self.body {
            Said::Clinical(fact) => fact.episode_id = Some(episode),
            Said::Commerce(fact) => fact.episode_id = Some(episode),
            Said::Enrolment(fact) => fact.episode_id = episode,
            Said::Review(fact) => fact.episode_id = Some(episode),
            Said::Upload(row) => row.episode_id = episode.into(),
        }
        self
    }

    pub(crate) fn contract(self, contract: &str) -> Fact {
        self.commerce(|fact| fact.contract = Some(kept(contract)))
    }

    pub(crate) fn purchase(self, id: &str) -> Fact {
        self.commerce(|fact| fact.purchase_id = Some(kept(id)))
    }

    pub(crate) fn product(self, product: &str, version: i32) -> Fact {
        self.commerce(|fact| (fact.product, fact.product_version) = (Some(kept(product)), Some(version)))
    }

    pub(crate) fn item(self, item: &str) -> Fact {
        self.commerce(|fact| fact.item = Some(kept(item)))
    }

    pub(crate) fn quantity(self, quantity: i32) -> Fact {
        self.commerce(|fact| fact.quantity = Some(quantity))
    }

    pub(crate) fn buyer(self, buyer: &str) -> Fact {
        self.commerce(|fact| fact.buyer_id = Some(kept(buyer)))
    }

    pub(crate) fn side(self, side: &str) -> Fact {
        self.commerce(|fact| fact.side = Some(kept(side)))
    }

    pub(crate) fn decision(self, decision: &str) -> Fact {
        self.commerce(|fact| fact.decision = Some(kept(decision)))
    }

    pub(crate) fn reason(self, reason: &str) -> Fact {
        self.commerce(|fact| fact.reason = Some(kept(reason)))
    }

    pub(crate) fn points(self, points: i64) -> Fact {
        self.commerce(|fact| fact.points = Some(points))
    }
}

/// What an enrolment says from a day on; no more than whose episode it is, until it says more.
pub(crate) fn statement(id: &str, from: &str) -> Fact {
    let from = at(from);
    let said = EnrolmentFact {
        episode_id: "e-1",
        recorded_at: from,
        effective_at: from,
        ..EnrolmentFact::default()
    };
    Fact::new(id, from, Said::Enrolment(said))
}

/// Enrolled under a contract and treated on the day: episode e-1 at org-east, clinician c-1.
pub(crate) fn enrolment(contract: &str, treated: &str) -> Fact {
    let (contract, treated_at) = (kept(contract), at(treated));
    statement("enr-1", treated).says(|said| {
        said.contract = Some(contract);
        said.treated_at = Some(treated_at);
        said.clinician_id = Some("c-1");
        said.organisation = Some("org-east");
    })
}

/// A clinical event.
pub(crate) fn event(id: &str, on: &str, kind: &str) -> Fact {
    let said = ClinicalFact { kind: kept(kind), ..ClinicalFact::default() };
    Fact::new(id, at(on), Said::Clinical(said))
}

/// The summary of a month's readings, such as `month-mean/systolic_pressure`; known once the month's last reading is.
pub(crate) fn month_event(month: &str, code: &str, value: f64, unit: &str) -> Fact {
    let first = format!("{month}-01T00:00");
    event(&format!("{code}/{month}"), &first, "measurement").coding("aftercare").code(code).value(value, unit)
}

/// A commerce event.
pub(crate) fn trade(id: &str, on: &str, kind: &str) -> Fact {
    let said = CommerceFact { kind: kept(kind), ..CommerceFact::default() };
    Fact::new(id, at(on), Said::Commerce(said))
}

/// An upload of the day with its index and what was expected, per cent.
pub(crate) fn upload(id: &str, on: &str, index: f64, expected: f64) -> Fact {
    let row = ScoreChange {
        episode_id: "e-1".into(),
        upload_id: id.into(),
        upload_revision: 1,
        instrument: "composite".into(),
        instrument_version: 1,
        value_set: "".into(),
        status: ScoreStatus::Scored,
        reason: None,
        answered_at: at(on),
        uploaded_at: at(on),
        stored_at: at(on),
        days_since_treatment: None,
        respondent: "patient".into(),
        score: None,
        scales: Vec::new(),
        baseline: None,
        baseline_upload_id: None,
        index: Some(index),
        index_rule: None,
        expected: Some(expected),
        expected_sd: None,
        expected_n: Some(212),
        forecast: None,
        forecast_sd: None,
        level: None,
        change_errors: None,
        trend_errors: None,
        cohort: None,
        curve_edition: Some(Arc::from("coronary-stent/2025-01")),
        change_mcid: None,
        ewma: None,
        mean_28d: None,
        slope_56d: None,
        uploads_done: 0,
        uploads_due: 0,
        attribution: OwnedAttribution::default(),
        source: Source::Live,
    };
    Fact::new(id, at(on), Said::Upload(Box::new(row)))
}

/// A review of an upload by c-1 that is just service, ended on the day.
pub(crate) fn review(upload: &str, on: &str) -> Fact {
    let said = VerdictFact {
        clinician_id: "c-1",
        session_revision: 1,
        episode_id: Some("e-1"),
        upload_id: Some(kept(upload)),
        ended_at: at(on),
        service: true,
        reasons: Vec::new(),
        duration_ms: 30_000,
        interactions: 3,
        sections_read: 2,
        burst_patients: 1,
        rule: "default@1",
    };
    Fact::new(&format!("se-{upload}"), at(on), Said::Review(said))
}
