//! What should stand in the ledger, before it is compared with what does.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::facts::Source;
use crate::money::{Millionths, Minor};
use crate::patient::names::{Names, Sym};
use crate::time::Instant;

/// What an amount is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) enum Cause {
    /// The enrolment as a whole.
    Enrolment,
    /// A slot.
    Slot(u32),
    /// An upload that is not billed, or not yet.
    Upload(Sym),
    /// A week of extended therapy, counted from 1.
    Week(Sym, i64),
}

impl Cause {
    /// As a part of ids.
    pub(super) fn text(self, names: &Names) -> String {
        match self {
            Cause::Enrolment => "enrolment".to_owned(),
            Cause::Slot(slot) => format!("slot-{slot:02}"),
            Cause::Upload(upload) => names.text(upload).to_owned(),
            Cause::Week(therapy, week) => format!("{}/week-{week:02}", names.text(therapy)),
        }
    }
}

/// What is rounded once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) enum Component {
    Fee,
    Adjustment,
    Compensation,
    Held,
    Accrual,
    Claim,
    Variance,
    Lapse,
}

const EXPENSE: &str = "warranty-expense";
const PROVISION: &str = "warranty-provision";
const PAYABLE: &str = "warranty-payable";

impl Component {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Component::Fee => "fee",
            Component::Adjustment => "adjustment",
            Component::Compensation => "compensation",
            Component::Held => "held",
            Component::Accrual => "accrual",
            Component::Claim => "claim",
            Component::Variance => "variance",
            Component::Lapse => "lapse",
        }
    }

    /// The clause of the contract that it follows from.
    pub(super) const fn clause(self) -> &'static str {
        match self {
            Component::Fee | Component::Held => "fee",
            Component::Adjustment => "adjustment",
            Component::Compensation => "compensation",
            Component::Accrual | Component::Claim | Component::Variance | Component::Lapse => "accrual",
        }
    }

    /// The accounts that a posting debits and credits.
    pub(super) const fn accounts(self) -> Option<(&'static str, &'static str)> {
        match self {
            Component::Accrual => Some((EXPENSE, PROVISION)),
            Component::Claim => Some((PROVISION, PAYABLE)),
            Component::Variance => Some((EXPENSE, PAYABLE)),
            Component::Lapse => Some((PROVISION, EXPENSE)),
            _ => None,
        }
    }
}

/// Why an upload, or a week of therapy, is not billed, or not yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Why {
    /// It is history.
    Imported,
    /// It has no index, for the reason that its score gives.
    NoIndex(Sym),
    BeforeFirstSlot,
    NotFirstInSlot,
    AwaitingReview,
    NoReview,
    ReviewTooLate,
    ReviewByOther,
    /// too_short, too_few_sections, too_few_interactions, burst, or what else the verdict says.
    Superficial(Sym),
    ReviewTooShort,
    ReviewTooFewSections,
    ReviewTooFewInteractions,
    ReviewBurst,
    /// The device or its manufacturer is not known, and may still become known in time.
    CoverUnknown,
    NotCoveredNoConsent,
    BeyondWarrantyNoConsent,
    FreeMonitoring,
}

impl Why {
    /// The stable code.
    pub(super) fn code(self, names: &Names) -> Code<'_> {
        Code(match self {
            Why::Imported => ("", "imported"),
            Why::NoIndex(reason) => ("", names.text(reason)),
            Why::BeforeFirstSlot => ("", "before_first_slot"),
            Why::NotFirstInSlot => ("", "not_first_in_slot"),
            Why::AwaitingReview => ("", "awaiting_review"),
            Why::NoReview => ("", "no_review"),
            Why::ReviewTooLate => ("", "review_too_late"),
            Why::ReviewByOther => ("", "review_by_other"),
            Why::Superficial(reason) => ("review_", names.text(reason)),
            Why::ReviewTooShort => ("", "review_too_short"),
            Why::ReviewTooFewSections => ("", "review_too_few_sections"),
            Why::ReviewTooFewInteractions => ("", "review_too_few_interactions"),
            Why::ReviewBurst => ("", "review_burst"),
            Why::CoverUnknown => ("", "cover_unknown"),
            Why::NotCoveredNoConsent => ("", "not_covered_no_consent"),
            Why::BeyondWarrantyNoConsent => ("", "beyond_warranty_no_consent"),
            Why::FreeMonitoring => ("", "free_monitoring"),
        })
    }
}

/// A stable code in two parts.
pub(super) struct Code<'n>((&'static str, &'n str));

impl fmt::Display for Code<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (lead, rest) = self.0;
        write!(formatter, "{lead}{rest}")
    }
}

/// Who bears a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cover {
    /// The warranty.
    Covered,
    /// The patient alone, by consent.
    SelfPay,
}

/// Where the ratio of index to expected index lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Outcome {
    /// `None`: there is no curve yet.
    pub(super) ratio: Option<Millionths>,
    /// below, within, above or no_curve.
    pub(super) band: &'static str,
    pub(super) factor: Millionths,
}

/// What a target rests on: places in the facts, and what was found on the way.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Basis {
    pub(super) slot: Option<u32>,
    pub(super) upload: Option<usize>,
    pub(super) review: Option<usize>,
    pub(super) therapy: Option<usize>,
    pub(super) outcome: Option<Outcome>,
    pub(super) cover: Option<Cover>,
    /// The component before it was split.
    pub(super) total: Option<Minor>,
    pub(super) share: Option<Millionths>,
    /// A slot's part of the accrual.
    pub(super) part: Option<Minor>,
}

/// One entry that should stand.
#[derive(Clone, Copy, Debug)]
pub(super) struct Target {
    pub(super) cause: Cause,
    pub(super) component: Component,
    /// Who owes; of a posting: in whose books it is.
    pub(super) payer: Option<Sym>,
    pub(super) payee: Option<Sym>,
    pub(super) amount: Minor,
    pub(super) triggered_at: Instant,
    pub(super) why: Option<Why>,
    pub(super) basis: Basis,
    pub(super) source: Source,
}
