//! The warranty of a device, from all facts at once: who owes whom how much for what.
//!
//! An [`Account`] is what the facts decide without any curve: which slot is due by which review, what is held and why, which
//! weeks of therapy are complete. [`Account::amounts`] turns it into money once it is known what was expected of each score.

use aftercare_core::documents::Library;
use aftercare_core::time::Instant;
use aftercare_core::zone::Zone;
use aftercare_schemas::wire::{
    ClinicalEvent, ClinicalKind, CommerceEvent, CommerceKind, SessionVerdict, Source, Verdict,
};
use jiff::ToSpan;
use jiff::civil::date;
use std::collections::{BTreeMap, BTreeSet};

use super::decimals::{millionths, product, ratio, split};
use super::enrolments::Episodes;
use super::intake::{Upload, reread};
use super::{Copy, Expected, Limits};

/// The contract `warranty-example`, version 1, told once more: amounts in minor units, rates in millionths.
const CONTRACT: &str = "warranty-example";
const ZONE: &str = "Asia/Shanghai";
/// A slot's fee.
pub const WARRANTY_FEE_MINOR: i64 = 8_000;
const FEE: i128 = WARRANTY_FEE_MINOR as i128;
const WEEK: i128 = 100_000;
const SHARES: [(&str, i128); 2] = [("patient", 200_000), ("manufacturer", 800_000)];
const STEP: (i128, i128) = (900_000, 1_100_000);
const CHANGE_BELOW: i128 = -200_000;
const CHANGE_ABOVE: i128 = 200_000;
const COMPENSATED_TO: i128 = 700_000;
const TAKE_UP: i128 = 700_000;
const EVERY_DAYS: i64 = 14;
const SLOTS: i64 = 26;
const REVIEW_DAYS: i64 = 7;
const KNOWN_WITHIN_DAYS: i64 = 30;
const BEGINS_BEFORE_DAY: i64 = 371;

/// Facts beside enrolments and uploads, those in force.
#[derive(Default)]
pub(super) struct Facts<'a> {
    verdicts: Vec<SessionVerdict<'a>>,
    choices: Vec<CommerceEvent<'a>>,
    therapies: Vec<ClinicalEvent<'a>>,
}

/// One episode under a contract.
#[derive(Clone, Debug)]
pub struct Account {
    /// Contract and episode, as the components of entries begin.
    pub id: String,
    zone: Zone,
    /// The day of treatment, since 1970.
    pub treated: i64,
    today: i64,
    /// Who bears the warranty, once device and manufacturer are known.
    manufacturer: Option<String>,
    slots: BTreeMap<i64, Slot>,
    /// Why uploads and weeks of therapy are not billed, or not yet: by the cause, as entries name it.
    pub held: BTreeMap<String, String>,
    weeks: Vec<Week>,
}

/// A slot that has an upload.
#[derive(Clone, Debug, PartialEq)]
struct Slot {
    score_id: String,
    index: f64,
    /// When the review ended that makes it due, whose it was, and whether the patient bears it alone.
    due: Option<(i64, String, bool)>,
    /// The first day on which a review comes too late.
    deadline: i64,
}

/// A complete week of extended therapy.
#[derive(Clone, Debug, PartialEq)]
struct Week {
    cause: String,
    begins: i64,
    /// The score that judges it, and its index.
    judged_by: Option<(String, f64)>,
}

/// One amount that must stand.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Amount {
    /// Contract, episode, cause and component.
    pub component_id: String,
    /// Who owes; of a posting: in whose books it is.
    pub payer: Option<String>,
    /// Who is owed.
    pub payee: Option<String>,
    /// The month in which its trigger happened.
    pub service_period: String,
    /// Minor units.
    pub minor: i64,
}

/// Every episode of a patient that has a contract.
pub(super) fn accounts(
    episodes: &Episodes<'_>,
    uploads: &[Upload<'_>],
    facts: &Facts<'_>,
    library: &Library,
    limits: &Limits,
    expected: &Expected,
) -> Vec<Account> {
    let account = |episode| {
        let treated_at = episodes.treated_at(episode)?;
        episodes.dated(episode, treated_at, |s| s.contract).filter(|contract| *contract == CONTRACT)?;
        let zone = Zone::named(ZONE)?;
        let case = Case { episode, episodes, uploads, facts, library, expected, zone };
        Some(case.account(treated_at, limits.last_tick.0))
    };
    episodes.ids().into_iter().filter_map(account).collect()
}

struct Case<'c, 'a> {
    episode: &'a str,
    episodes: &'c Episodes<'a>,
    uploads: &'c [Upload<'a>],
    facts: &'c Facts<'a>,
    library: &'c Library,
    expected: &'c Expected,
    zone: Zone,
}

/// An upload, and the row that its episode is judged by.
struct Judged<'c> {
    upload: &'c Upload<'c>,
    score_id: String,
    /// The index, or why there is none.
    index: Result<f64, String>,
}

impl<'c> Case<'c, '_> {
    fn day(&self, at: i64) -> i64 {
        self.zone.day(Instant(at))
    }

    /// The last millisecond of a day.
    fn end_of(&self, day: i64) -> i64 {
        self.zone.start_of(day + 1).0 - 1
    }

    fn account(&self, treated_at: i64, now: i64) -> Account {
        let known = self.episodes.whole(self.episode, |s| s.device);
        let manufacturer = known.and_then(|_| self.episodes.whole(self.episode, |s| s.manufacturer));
        let mut account = Account {
            id: format!("{CONTRACT}/{}", self.episode),
            zone: self.zone.clone(),
            treated: self.day(treated_at),
            today: self.day(now),
            manufacturer: manufacturer.map(str::to_owned),
            slots: BTreeMap::new(),
            held: BTreeMap::new(),
            weeks: Vec::new(),
        };
        let judged = self.judged();
        for upload in &judged {
            if let Err(why) = self.bill(upload, &mut account) {
                account.held.insert(upload.upload.response.id.to_owned(), why);
            }
        }
        self.weeks(&judged, &mut account);
        account
    }

    /// The uploads of the episode that have a deciding row: the composite, or the plan's first instrument without one.
    fn judged(&self) -> Vec<Judged<'_>> {
        let row = |upload: &'c Upload<'_>| {
            let response = &upload.response;
            let plan = self.episodes.dated(self.episode, response.answered_at, |s| s.plan);
            let plan = plan.and_then(|plan| self.library.plan(plan))?;
            let deciding = match plan.composite {
                Some(_) => "composite",
                None => &plan.instruments.first()?.id,
            };
            let score_id = format!("{}/{}/{deciding}", self.episode, response.id);
            let score = self.expected.scores.get(&score_id)?;
            let why = || score.reason.clone().unwrap_or_else(|| "no_baseline".to_owned());
            Some(Judged { upload, score_id, index: score.index.ok_or_else(why) })
        };
        self.uploads.iter().filter_map(row).collect()
    }

    /// Puts an upload into its slot, due or not; `Err`: why it is not due.
    fn bill(&self, judged: &Judged<'_>, account: &mut Account) -> Result<(), String> {
        let response = &judged.upload.response;
        if response.source == Source::Import {
            return Err("imported".to_owned());
        }
        let index = judged.index.clone()?;
        let since = self.day(response.answered_at) - account.treated;
        let slot = (since + EVERY_DAYS / 2).div_euclid(EVERY_DAYS);
        if slot < 1 {
            return Err("before_first_slot".to_owned());
        }
        if account.slots.contains_key(&slot) {
            return Err("not_first_in_slot".to_owned());
        }
        let (score_id, deadline) = (judged.score_id.clone(), self.day(response.uploaded_at) + REVIEW_DAYS);
        let due = self.decide(slot, judged, account);
        let (due, why) = due.map_or_else(|why| (None, Some(why)), |due| (Some(due), None));
        account.slots.insert(slot, Slot { score_id, index, due, deadline });
        why.map_or(Ok(()), Err)
    }

    /// When and by whom it was reviewed, and whether the patient bears it alone; `Err`: why it is not due.
    fn decide(
        &self,
        slot: i64,
        judged: &Judged<'_>,
        account: &Account,
    ) -> Result<(i64, String, bool), String> {
        let response = &judged.upload.response;
        let over = slot > SLOTS;
        let alone = over || (account.manufacturer.is_none() && account.is_known_too_late());
        if alone {
            let why = if over { "beyond_warranty_no_consent" } else { "not_covered_no_consent" };
            self.pays_alone(self.day(response.answered_at), why)?;
        }
        let (ended_at, clinician) = self.review_of(judged.upload, account)?;
        if !alone && account.manufacturer.is_none() {
            return Err("cover_unknown".to_owned());
        }
        Ok((ended_at, clinician, alone))
    }

    fn pays_alone(&self, day: i64, why: &str) -> Result<(), String> {
        let end = self.end_of(day);
        if self.episodes.in_effect(self.episode, end, |s| s.self_pay_consent) == Some(true) {
            return Ok(());
        }
        let own = |choice: &&CommerceEvent<'_>| {
            let episode = choice.episode_id.or_else(|| self.episodes.at(choice.happened_at));
            choice.happened_at <= end && episode == Some(self.episode)
        };
        let last = self.facts.choices.iter().filter(own).max_by_key(|c| (c.happened_at, c.id));
        let free = last.is_some_and(|choice| choice.decision == Some("chosen"));
        Err(if free { "free_monitoring" } else { why }.to_owned())
    }

    /// The first review that qualifies; `Err`: why none does.
    fn review_of(&self, upload: &Upload<'_>, account: &Account) -> Result<(i64, String), String> {
        let first = self.day(upload.response.uploaded_at);
        let deadline = first + REVIEW_DAYS;
        let of_upload = |v: &&SessionVerdict<'_>| v.upload_id == Some(upload.response.id);
        let mut verdicts: Vec<_> = self.facts.verdicts.iter().filter(of_upload).collect();
        verdicts.sort_by_key(|verdict| (verdict.ended_at, verdict.id));
        let mut failed = Vec::new();
        for verdict in verdicts.into_iter().filter(|verdict| self.day(verdict.ended_at) >= first) {
            let day = self.day(verdict.ended_at);
            let clinician = self.episodes.dated(self.episode, self.end_of(day), |s| s.clinician_id);
            let wrong = if day >= deadline {
                Some("review_too_late".to_owned())
            } else if clinician != Some(verdict.clinician_id) {
                Some("review_by_other".to_owned())
            } else {
                shortcoming(verdict)
            };
            match wrong {
                None => return Ok((verdict.ended_at, verdict.clinician_id.to_owned())),
                Some(wrong) => failed.push(wrong),
            }
        }
        if account.today < deadline {
            return Err("awaiting_review".to_owned());
        }
        Err(failed.into_iter().next().unwrap_or_else(|| "no_review".to_owned()))
    }

    fn weeks(&self, judged: &[Judged<'_>], account: &mut Account) {
        for therapy in &self.facts.therapies {
            let episode = therapy.episode_id.or_else(|| self.episodes.at(therapy.happened_at));
            let (Some(ended_at), true) = (therapy.ended_at, episode == Some(self.episode)) else { continue };
            let last = account.treated + BEGINS_BEFORE_DAY;
            let mut begins = self.day(therapy.happened_at);
            for n in 1.. {
                if begins >= last || begins + 7 > self.day(ended_at).min(account.today) {
                    break;
                }
                let before = |judged: &&Judged<'_>| self.day(judged.upload.response.answered_at) < begins;
                let mut indexed = judged.iter().filter(before).filter_map(|judged| {
                    judged.index.as_ref().ok().map(|index| (judged.score_id.clone(), *index))
                });
                let cause = format!("{}/week-{n:02}", therapy.id);
                account.weeks.push(Week { cause, begins, judged_by: indexed.next_back() });
                begins += 7;
            }
        }
    }
}

/// Why a session is no service; `None` where it is.
fn shortcoming(verdict: &SessionVerdict<'_>) -> Option<String> {
    if verdict.verdict != Verdict::Service {
        return Some(verdict.reasons.first().map_or("no_review".to_owned(), |why| format!("review_{why}")));
    }
    let short = [
        ("review_too_short", verdict.duration_ms < 30_000),
        ("review_too_few_sections", verdict.sections_read < 2),
        ("review_too_few_interactions", verdict.interactions < 3),
        ("review_burst", verdict.burst_patients > 5),
    ];
    short.into_iter().find(|(_, short)| *short).map(|(why, _)| why.to_owned())
}

impl<'a> Facts<'a> {
    /// Keeps a record in force that is not withdrawn, if money follows from it.
    pub(super) fn add(&mut self, topic: &str, copy: &'a Copy) {
        match topic {
            "session-verdicts" => self.verdicts.push(reread(topic, copy)),
            "commerce-events" => {
                let event: CommerceEvent<'_> = reread(topic, copy);
                self.choices.extend(Some(event).filter(|event| event.kind == CommerceKind::FreeMonitoring));
            }
            "clinical-events" => {
                let event: ClinicalEvent<'_> = reread(topic, copy);
                self.therapies
                    .extend(Some(event).filter(|event| event.kind == ClinicalKind::ExtendedTherapy));
            }
            _ => {}
        }
    }
}

impl PartialEq for Account {
    fn eq(&self, other: &Self) -> bool {
        (&self.id, self.treated, self.today, &self.manufacturer)
            == (&other.id, other.treated, other.today, &other.manufacturer)
            && (&self.slots, &self.held, &self.weeks) == (&other.slots, &other.held, &other.weeks)
    }
}

impl Account {
    fn is_known_too_late(&self) -> bool {
        self.today > self.treated + KNOWN_WITHIN_DAYS
    }

    fn start_of(&self, day: i64) -> i64 {
        self.zone.start_of(day).0
    }

    fn month_of(&self, at: i64) -> String {
        let days = i32::try_from(self.zone.day(Instant(at))).unwrap_or(i32::MAX);
        let day = date(1970, 1, 1).checked_add(days.days()).expect("a day of the calendar");
        format!("{:04}-{:02}", day.year(), day.month())
    }

    fn amount(
        &self,
        cause_and_component: &str,
        payer: &str,
        payee: Option<&str>,
        at: i64,
        minor: i128,
    ) -> Amount {
        Amount {
            component_id: format!("{}/{cause_and_component}", self.id),
            payer: Some(payer.to_owned()),
            payee: payee.map(str::to_owned),
            service_period: self.month_of(at),
            minor: i64::try_from(minor).unwrap_or(i64::MAX),
        }
    }

    /// What must stand, by what was expected of each score, %. Whether and from which day on the manufacturer has set
    /// something aside depends on when the device became known to the system: `accrued_on`, days since 1970.
    pub fn amounts(
        &self,
        expected_of: &dyn Fn(&str) -> Option<f64>,
        accrued_on: Option<i64>,
    ) -> BTreeSet<Amount> {
        let ratio_of = |score_id: &str, index: f64| {
            let expected = expected_of(score_id).and_then(millionths);
            millionths(index).zip(expected).and_then(|(index, expected)| ratio(index, expected))
        };
        let mut all = Vec::new();
        let mut billed: BTreeMap<i64, (i64, i128)> = BTreeMap::new();
        for (number, slot) in &self.slots {
            let Some((ended_at, clinician, alone)) = &slot.due else { continue };
            let owed = self.slot_amounts(ratio_of(&slot.score_id, slot.index), *alone);
            for (component, payer, minor) in owed {
                let what = format!("slot-{number:02}/{component}");
                all.push(self.amount(&what, &payer, Some(clinician), *ended_at, minor));
                if Some(&payer) == self.manufacturer.as_ref() && !alone {
                    billed.entry(*number).or_insert((*ended_at, 0)).1 += minor;
                }
            }
        }
        for week in &self.weeks {
            let judged = week.judged_by.as_ref().and_then(|(score_id, index)| ratio_of(score_id, *index));
            let bad = judged.is_some_and(|ratio| ratio <= COMPENSATED_TO);
            if let Some(manufacturer) = self.manufacturer.as_deref().filter(|_| bad) {
                let (what, at) = (format!("{}/compensation", week.cause), self.start_of(week.begins + 6));
                all.push(self.amount(&what, manufacturer, Some("patient"), at, WEEK));
            }
        }
        if let Some((manufacturer, accrued_on)) = self.manufacturer.as_deref().zip(accrued_on) {
            self.journal(manufacturer, self.start_of(accrued_on), &billed, &mut all);
        }
        all.into_iter().filter(|amount| amount.minor != 0).collect()
    }

    /// Weeks of therapy that wait until it is known whether the device is covered: by their causes, as entries name them.
    pub fn held_weeks(&self, expected_of: &dyn Fn(&str) -> Option<f64>) -> Vec<String> {
        let waits = self.manufacturer.is_none() && !self.is_known_too_late();
        let is_bad = |week: &&Week| {
            let (score_id, index) = week.judged_by.as_ref()?;
            let ratio = ratio(millionths(*index)?, millionths(expected_of(score_id)?)?)?;
            Some(ratio <= COMPENSATED_TO)
        };
        let held = self.weeks.iter().filter(|week| waits && is_bad(week) == Some(true));
        held.map(|week| week.cause.clone()).collect()
    }

    /// Component, payer and amount of a slot that is due.
    fn slot_amounts(&self, ratio: Option<i128>, alone: bool) -> Vec<(&'static str, String, i128)> {
        let change = match ratio {
            Some(ratio) if ratio < STEP.0 => CHANGE_BELOW,
            Some(ratio) if ratio > STEP.1 => CHANGE_ABOVE,
            _ => 0,
        };
        let shares: Vec<(String, i128)> = if alone {
            vec![("patient".to_owned(), 1_000_000)]
        } else {
            let payer = |payer: &str| match (payer, &self.manufacturer) {
                ("manufacturer", Some(manufacturer)) => manufacturer.clone(),
                (payer, _) => payer.to_owned(),
            };
            SHARES.iter().map(|(name, share)| (payer(name), *share)).collect()
        };
        let rates: Vec<i128> = shares.iter().map(|(_, share)| *share).collect();
        let components = [("fee", FEE), ("adjustment", product(FEE, &[change]))];
        let parts = components.into_iter().flat_map(|(component, total)| {
            let parts = split(total, &rates);
            shares.iter().zip(parts).map(move |((payer, _), part)| (component, payer.clone(), part))
        });
        parts.collect()
    }

    /// What the manufacturer sets aside, and how each slot releases its part.
    fn journal(
        &self,
        manufacturer: &str,
        accrued_at: i64,
        billed: &BTreeMap<i64, (i64, i128)>,
        all: &mut Vec<Amount>,
    ) {
        let total = product(FEE * i128::from(SLOTS), &[TAKE_UP, SHARES[1].1]);
        let part = total / i128::from(SLOTS);
        let mut post = |what: &str, at: i64, minor| {
            all.push(self.amount(what, manufacturer, None, at.max(accrued_at), minor));
        };
        post("enrolment/accrual", accrued_at, total);
        for slot in 1..=SLOTS {
            let part = if slot == SLOTS { total - part * i128::from(SLOTS - 1) } else { part };
            if let Some((ended_at, actual)) = billed.get(&slot) {
                post(&format!("slot-{slot:02}/claim"), *ended_at, part);
                post(&format!("slot-{slot:02}/variance"), *ended_at, actual - part);
                continue;
            }
            let end = self.treated + EVERY_DAYS * slot - EVERY_DAYS / 2 + EVERY_DAYS;
            let lapses = end + REVIEW_DAYS;
            let lapses = self.slots.get(&slot).map_or(lapses, |slot| slot.deadline);
            if lapses <= self.today {
                post(&format!("slot-{slot:02}/lapse"), self.start_of(lapses), part);
            }
        }
    }
}
