//! A warranty contract as data: who pays whom how much for which service.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::civil::Date;

use super::decimal::Decimal;
use super::plan::Schedule;
use super::reader::{Fields, Problem, read_document};
use crate::money::{Millionths, Minor, currency_decimals};
use crate::time::Instant;
use crate::zone::{Zone, day_of_date};

/// A payer's name in [`Share`] that stands for the patient of the episode.
pub const PATIENT: &str = "patient";
/// A payer's name in [`Share`] that stands for the manufacturer of the episode's device.
pub const MANUFACTURER: &str = "manufacturer";

/// Ten-thousandths of a document's decimal in millionths.
const MILLIONTHS: i64 = 100;
/// Amounts lie below it, minor units: products of amounts, counts and rates then stay exact.
const AMOUNT_MAX: i64 = 10_000_000_000;

/// A warranty contract, checked.
#[derive(Clone, Debug)]
pub struct WarrantyContract {
    /// The id, such as `warranty-example`.
    pub id: Arc<str>,
    /// The version, from 1.
    pub version: i32,
    /// What people call it.
    pub title: String,
    /// What is a choice of this contract, in words.
    pub assumptions: Vec<String>,
    /// ISO 4217.
    pub currency: Arc<str>,
    /// Decimals of the currency.
    pub decimals: u32,
    /// In which its days and months run.
    pub zone: Zone,
    /// The first day of treatment that it prices, days since 1970-01-01.
    pub in_force_from: i64,
    /// The slots of the warranty; those that the patient pays alone go on after them.
    pub slots: Schedule,
    /// The fee of one reviewed slot.
    pub fee: Minor,
    /// How the outcome changes the fee.
    pub step: Step,
    /// Who bears a line; the shares add up to one.
    pub shares: Vec<Share>,
    /// What makes a review count.
    pub review: ReviewTerms,
    /// Device and manufacturer count from the start if stored on this day after the treatment or before, days.
    pub known_within_days: i64,
    /// What the manufacturer owes for a bad outcome.
    pub compensation: Compensation,
    /// What the manufacturer sets aside.
    pub accrual: AccrualTerms,
    /// The clauses in words, for the evidence of lines.
    pub clauses: Clauses,
}

/// Factor of the fee by the ratio of index to expected index. Both edges belong to the middle step. Where there is no
/// expected index yet the fee stays as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// Lowest ratio of the middle step.
    pub from: Millionths,
    /// Highest ratio of the middle step.
    pub to: Millionths,
    /// Factor below `from`.
    pub below: Millionths,
    /// Factor of the middle step.
    pub within: Millionths,
    /// Factor above `to`.
    pub above: Millionths,
}

/// One payer's share of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Share {
    /// [`PATIENT`], [`MANUFACTURER`], or the id of somebody else.
    pub payer: Arc<str>,
    /// The share, 0 to 1.
    pub share: Millionths,
}

/// What makes a review count. A verdict of service is needed too; a contract may ask for more, never for less.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReviewTerms {
    /// It ends on one of so many days from the day of the upload on.
    pub within_days: i64,
    /// At least so long, seconds.
    pub seconds: i64,
    /// At least so many sections read.
    pub sections: i32,
    /// At least so many interactions.
    pub interactions: i32,
    /// Sessions of the clinician for more patients than this within five minutes are no service.
    pub burst_patients_max: i32,
}

/// What the manufacturer owes the patient for weeks of extended therapy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Compensation {
    /// The highest ratio of index to expected index that is compensated.
    pub ratio_to: Millionths,
    /// For one completed week.
    pub week: Minor,
    /// Weeks count that begin before this day after the treatment, days.
    pub begins_before_day: i64,
}

/// What the manufacturer expects to pay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccrualTerms {
    /// Mean factor of the fee.
    pub expected_factor: Millionths,
    /// Share of the slots that will be billed, 0 to 1.
    pub take_up: Millionths,
}

/// Clauses in words.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is the clause of its name")]
pub struct Clauses {
    pub fee: Arc<str>,
    pub adjustment: Arc<str>,
    pub compensation: Arc<str>,
    pub accrual: Arc<str>,
}

impl WarrantyContract {
    /// Reads and checks the TOML text of a contract.
    ///
    /// # Errors
    /// Every problem found, each with its place.
    pub fn parse(text: &str) -> Result<WarrantyContract, Vec<Problem>> {
        read_document(text, read)
    }

    /// The share of the manufacturer, 0 to 1.
    pub fn manufacturer_share(&self) -> Millionths {
        let own = self.shares.iter().filter(|share| &*share.payer == MANUFACTURER);
        Millionths(own.map(|share| share.share.0).sum())
    }

    /// Whether this version prices what began at `treated_at`.
    pub fn is_in_force(&self, treated_at: Instant) -> bool {
        self.zone.day(treated_at) >= self.in_force_from
    }
}

fn read(fields: &mut Fields<'_>) -> Option<WarrantyContract> {
    let id = fields.required::<String>("id");
    let version = fields.required::<i32>("version");
    fields.demand(version.is_none_or(|version| version > 0), "version", "is not above 0");
    let title = fields.required::<String>("title");
    let assumptions = fields.optional::<Vec<String>>("assumptions").unwrap_or_default();
    fields.choice("kind", &[("warranty", ())]);
    let currency = fields.required::<String>("currency");
    let decimals = currency.as_deref().and_then(currency_decimals);
    fields.demand(currency.is_none() || decimals.is_some(), "currency", "is no currency that is known here");
    let zone_name = fields.required::<String>("time_zone");
    let zone = zone_name.as_deref().and_then(Zone::named);
    fields.demand(zone_name.is_none() || zone.is_some(), "time_zone", "is no time zone");
    let from = fields.required::<String>("in_force_from");
    let in_force_from = from.as_deref().and_then(|from| from.parse::<Date>().ok()).map(day_of_date);
    fields.demand(
        from.is_none() || in_force_from.is_some(),
        "in_force_from",
        "is no date such as 2026-01-31",
    );
    let scale = decimals.unwrap_or(0);
    let slots = part(fields, "slots", read_slots);
    let fee = part(fields, "fee", |fields| amount(fields, "amount", scale));
    let step = part(fields, "step", read_step);
    let shares = fields.tables("shares", read_share);
    let sum: i64 = shares.iter().map(|share| share.share.0).sum();
    fields.demand(sum == Millionths::ONE.0, "shares", "do not add up to 1");
    let mut payers = BTreeSet::new();
    fields.demand(shares.iter().all(|share| payers.insert(&share.payer)), "shares", "name a payer twice");
    let review = part(fields, "review", read_review);
    let known_within_days = part(fields, "cover", |fields| count(fields, "known_within_days", 0));
    let compensation = part(fields, "compensation", |fields| {
        let ratio_to = rate(fields, "ratio_to", Millionths(100_000_000));
        let week = amount(fields, "week", scale);
        let begins_before_day = count(fields, "begins_before_day", 0);
        Some(Compensation { ratio_to: ratio_to?, week: week?, begins_before_day: begins_before_day? })
    });
    let accrual = part(fields, "accrual", |fields| {
        let expected_factor = rate(fields, "expected_factor", Millionths(100_000_000));
        let take_up = rate(fields, "take_up", Millionths::ONE);
        Some(AccrualTerms { expected_factor: expected_factor?, take_up: take_up? })
    });
    let clauses = part(fields, "clauses", read_clauses);
    Some(WarrantyContract {
        id: id?.into(),
        version: version?,
        title: title?,
        assumptions,
        currency: currency?.into(),
        decimals: decimals?,
        zone: zone?,
        in_force_from: in_force_from?,
        slots: slots?,
        fee: fee?,
        step: step?,
        shares,
        review: review?,
        known_within_days: known_within_days?,
        compensation: compensation?,
        accrual: accrual?,
        clauses: clauses?,
    })
}

/// A table that must be there.
fn part<'d, T>(
    fields: &mut Fields<'d>,
    key: &'d str,
    read: impl FnOnce(&mut Fields<'_>) -> Option<T>,
) -> Option<T> {
    fields.demand(fields.has(key), key, "is missing");
    fields.table(key, read)
}

fn read_slots(fields: &mut Fields<'_>) -> Option<Schedule> {
    let every_days = fields.required::<i32>("every_days");
    let slots = fields.required::<i32>("count");
    for (key, number) in [("every_days", every_days), ("count", slots)] {
        let fits = number.is_none_or(|number| (1..=1_000).contains(&number));
        fields.demand(fits, key, "is not within 1 and 1000");
    }
    Some(Schedule { every_days: every_days?, slots: slots? })
}

fn read_step(fields: &mut Fields<'_>) -> Option<Step> {
    let limit = Millionths(100_000_000);
    let [from, to, below, within, above] =
        ["from", "to", "below", "within", "above"].map(|key| rate(fields, key, limit));
    fields.demand(from.zip(to).is_none_or(|(from, to)| from <= to), "to", "lies below from");
    Some(Step { from: from?, to: to?, below: below?, within: within?, above: above? })
}

fn read_share(fields: &mut Fields<'_>) -> Option<Share> {
    let payer = fields.required::<String>("payer");
    let share = rate(fields, "share", Millionths::ONE);
    Some(Share { payer: payer?.into(), share: share? })
}

fn read_review(fields: &mut Fields<'_>) -> Option<ReviewTerms> {
    let within_days = count(fields, "within_days", 1);
    let seconds = count(fields, "seconds", 0);
    let [sections, interactions, burst] =
        ["sections", "interactions", "burst_patients_max"].map(|key| fields.required::<i32>(key));
    Some(ReviewTerms {
        within_days: within_days?,
        seconds: seconds?,
        sections: sections?,
        interactions: interactions?,
        burst_patients_max: burst?,
    })
}

fn read_clauses(fields: &mut Fields<'_>) -> Option<Clauses> {
    let [fee, adjustment, compensation, accrual] =
        ["fee", "adjustment", "compensation", "accrual"].map(|key| fields.required::<String>(key));
    Some(Clauses {
        fee: fee?.into(),
        adjustment: adjustment?.into(),
        compensation: compensation?.into(),
        accrual: accrual?.into(),
    })
}

/// A count of days or seconds.
fn count<'d>(fields: &mut Fields<'d>, key: &'d str, least: i32) -> Option<i64> {
    let number = fields.required::<i32>(key)?;
    fields.demand(number >= least && number <= 100_000, key, "is out of range");
    Some(i64::from(number))
}

/// A rate or factor from 0 to `most`.
fn rate<'d>(fields: &mut Fields<'d>, key: &'d str, most: Millionths) -> Option<Millionths> {
    let rate = Millionths(fields.required::<Decimal>(key)?.ten_thousandths().saturating_mul(MILLIONTHS));
    fields.demand((Millionths(0)..=most).contains(&rate), key, &format!("is not within 0 and {most}"));
    Some(rate)
}

/// An amount in units of the currency, at least 0 and whole in its minor units.
fn amount<'d>(fields: &mut Fields<'d>, key: &'d str, decimals: u32) -> Option<Minor> {
    let scaled =
        fields.required::<Decimal>(key)?.ten_thousandths().saturating_mul(10_i64.pow(decimals.min(4)));
    let minor = scaled / 10_000;
    fields.demand(scaled % 10_000 == 0, key, "has more decimals than the currency");
    fields.demand((0..AMOUNT_MAX).contains(&minor), key, "is out of range");
    Some(Minor(minor))
}
