//! Whether an amount is its share of what was split: computed again from the entry, exactly.

use aftercare_clickhouse::BillEntry;
use aftercare_core::money::currency_decimals;

use super::super::{evidence, money};

/// What was split and which part of it an entry is.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Share {
    /// The whole, minor units.
    total: i64,
    /// What its exact part lies at or just above, by magnitude, minor units.
    floor: i128,
    /// What is left of the exact part above that, of [`Share::unit`].
    rest: i128,
    unit: i128,
}

impl Share {
    /// `None` where the entry does not say what was split, or by which share.
    pub(super) fn of(entry: &BillEntry) -> Option<Share> {
        let decimals = currency_decimals(&entry.currency).unwrap_or(2);
        let (total, places) = exact(evidence(entry, "component")?)?;
        let up = decimals.checked_sub(places)?;
        let total = i64::try_from(total.checked_mul(10_i128.checked_pow(up)?)?).ok()?;
        let (share, share_places) = exact(evidence(entry, "share")?)?;
        let (whole, whole_places) = exact(evidence(entry, "share_of").unwrap_or("1"))?;
        let part =
            i128::from(total).abs().checked_mul(share)?.checked_mul(10_i128.checked_pow(whole_places)?)?;
        let unit = whole.checked_mul(10_i128.checked_pow(share_places)?)?;
        if unit <= 0 || part < 0 {
            return None;
        }
        Some(Share { total, floor: part / unit, rest: part % unit, unit })
    }

    /// Whether `amount` is the exact part, rounded up or down to the minor unit.
    fn fits(&self, amount: i64) -> bool {
        let up = self.floor + i128::from(self.rest > 0);
        let signed = i128::from(amount) * i128::from(if self.total < 0 { -1 } else { 1 });
        signed == self.floor || signed == up
    }
}

/// A decimal in figures, and how many places it has.
fn exact(text: &str) -> Option<(i128, u32)> {
    let (whole, places) = text.split_once('.').unwrap_or((text, ""));
    Some((format!("{whole}{places}").parse().ok()?, u32::try_from(places.len()).ok()?))
}

/// How the amount of a line follows from what was split.
pub(super) fn sentence(entry: &BillEntry) -> Option<String> {
    if !matches!(&*entry.kind, "line" | "shown") {
        return None;
    }
    let total = evidence(entry, "component")?;
    let amount = money(entry.amount_minor, &entry.currency);
    let component = entry.component.as_deref().unwrap_or("amount");
    let Some(share) = evidence(entry, "share") else {
        return Some(format!("For each completed week {total}.")).filter(|_| component == "compensation");
    };
    let of = evidence(entry, "share_of").map(|of| format!(" of {of}")).unwrap_or_default();
    let payer = entry.payer.as_deref().unwrap_or("the payer");
    let how = match (component, evidence(entry, "fee"), evidence(entry, "factor")) {
        ("adjustment", Some(fee), Some(factor)) => format!("Adjustment {fee} x ({factor} - 1) = {total}"),
        _ => {
            format!("{}{} {total}", component.get(..1)?.to_uppercase(), component.get(1..)?.replace('_', " "))
        }
    };
    let misfit = match Share::of(entry) {
        Some(share) if !share.fits(entry.amount_minor) => " THIS DOES NOT FIT: it is no such share.",
        _ => "",
    };
    Some(format!("{how}; share of {payer} {share}{of}: {amount}.{misfit}"))
}

/// Whether all that stands of one component is its split by largest remainder: what does not fit, in words.
pub(super) fn misfits(standing: &[&BillEntry]) -> Option<String> {
    let parts: Option<Vec<(Share, &BillEntry)>> =
        standing.iter().map(|entry| Some((Share::of(entry)?, *entry))).collect();
    let parts = parts?;
    let (first, _) = parts.first()?;
    let sum: i64 = standing.iter().map(|entry| entry.amount_minor).sum();
    if parts.iter().any(|(share, _)| share.total != first.total) {
        return Some("its parts do not agree on what was split".to_owned());
    }
    if sum != first.total {
        let currency = &standing.first()?.currency;
        return Some(format!(
            "its parts come to {}, not to {}",
            money(sum, currency),
            money(first.total, currency)
        ));
    }
    // of two parts, the one that was rounded up has no smaller remainder
    let was_raised =
        |(share, entry): &&(Share, &BillEntry)| i128::from(entry.amount_minor.abs()) > share.floor;
    let raised =
        parts.iter().filter(was_raised).map(|(share, _)| (share.rest, share.unit)).collect::<Vec<_>>();
    let lowered = parts.iter().filter(|part| !was_raised(part)).map(|(share, _)| (share.rest, share.unit));
    let larger = |one: (i128, i128), other: (i128, i128)| {
        one.0.checked_mul(other.1).zip(other.0.checked_mul(one.1)).is_some_and(|(one, other)| one > other)
    };
    let unfair = lowered.into_iter().any(|low| raised.iter().any(|up| larger(low, *up)));
    let outside = parts.iter().any(|(share, entry)| !share.fits(entry.amount_minor));
    (unfair || outside).then(|| "its parts are no split by largest remainder".to_owned())
}
