//! Electronic invoices: UBL for payers in EUR, the request sheet of China's tax platform for those in CNY. Both are sums of
//! equal lines: what patients they are about is nobody's business there.

use aftercare_core::month::Month;
use aftercare_export::{Bill, Cell, Item as UblItem, Party as UblParty, Payment, Vat};
use jiff::civil::Date;

use super::Head;
use super::party::{Account, Item, Party};
use crate::config::Organisation;

/// Currency of invoices in UBL.
pub(super) const UBL_CURRENCY: &str = "EUR";
/// Currency of the request sheet.
pub(super) const REQUEST_CURRENCY: &str = "CNY";

/// The bill in UBL; `None` where nothing is known of the seller or the buyer.
pub(super) fn ubl(head: &Head<'_>, party: &Party, account: &Account, issued: Date) -> Option<Bill> {
    let config = head.config;
    let buyer = config.buyers.get(&party.id).filter(|buyer| !buyer.name.is_empty())?;
    let seller = Some(&config.seller).filter(|seller| !seller.name.is_empty())?;
    let text = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    let vat = &config.vat;
    Some(Bill {
        number: head.number(party, UBL_CURRENCY),
        issued,
        due: head.due(issued),
        period: (head.first_day()?, head.first_day()?.last_of_month()),
        note: config.notes.join(" "),
        currency: UBL_CURRENCY.to_owned(),
        places: super::places(UBL_CURRENCY),
        buyer_reference: text(&buyer.reference).or_else(|| text(&party.id)),
        seller: organisation(seller),
        buyer: organisation(buyer),
        payment: text(&seller.account).map(|account| Payment { account, bank: text(&seller.bank) }),
        vat: Vat {
            category: vat.category.clone(),
            percent_hundredths: vat.percent_hundredths().unwrap_or(0),
            // a rate of its own, zero included, needs no reason
            reason: text(&vat.reason).filter(|_| !matches!(&*vat.category, "S" | "Z")),
            reason_code: text(&vat.reason_code).filter(|_| !matches!(&*vat.category, "S" | "Z")),
        },
        items: account.items.iter().map(|(item, count)| ubl_item(item, *count)).collect(),
    })
}

fn ubl_item(item: &Item, count: i64) -> UblItem {
    UblItem {
        name: item.component.clone(),
        description: format!("{}, {}", item.contract, item.service_period),
        quantity: if item.back { -count } else { count },
        price: item.price,
    }
}

fn organisation(of: &Organisation) -> UblParty {
    let text = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    UblParty {
        name: of.name.clone(),
        street: of.street.clone(),
        city: of.city.clone(),
        postcode: of.postcode.clone(),
        country: of.country.clone(),
        vat_id: text(&of.tax_number),
        registration: text(&of.registration),
        endpoint: text(&of.endpoint_scheme).zip(text(&of.endpoint)),
    }
}

/// A row of the request sheet as texts: what is empty is an empty cell.
pub(super) struct RequestRow {
    serial: String,
    red: bool,
    buyer: Organisation,
    item: String,
    code: String,
    unit: String,
    quantity: i64,
    price: i64,
    amount: i64,
    rate: String,
    remark: String,
}

/// The rows of a party, blue ones first; `None` where the buyer has no name or tax number.
pub(super) fn request(head: &Head<'_>, party: &Party, account: &Account) -> Option<Vec<RequestRow>> {
    let has_number = |buyer: &&Organisation| !buyer.name.is_empty() && !buyer.tax_number.is_empty();
    let buyer = head.config.buyers.get(&party.id).filter(has_number)?;
    let (number, request) = (head.number(party, REQUEST_CURRENCY), &head.config.request);
    let row = |(item, count): (&Item, &i64)| {
        let quantity = if item.back { -count } else { *count };
        RequestRow {
            serial: if item.back { format!("{number}-R") } else { number.clone() },
            red: item.back,
            buyer: buyer.clone(),
            item: request.items.get(&item.component).unwrap_or(&item.component).clone(),
            code: request.code.clone(),
            unit: request.unit.clone(),
            quantity,
            price: item.price,
            amount: quantity.saturating_mul(item.price),
            rate: request.tax_rate.clone(),
            remark: format!("{} {} {}", head.month, item.contract, item.service_period),
        }
    };
    Some(account.items.iter().filter(|(item, _)| item.price != 0).map(row).collect())
}

impl RequestRow {
    /// Minor units.
    pub(super) fn amount(&self) -> i64 {
        self.amount
    }

    pub(super) fn address(&self) -> String {
        let Organisation { street, city, postcode, .. } = &self.buyer;
        let parts = [postcode, city, street].into_iter().filter(|part| !part.is_empty());
        parts.cloned().collect::<Vec<_>>().join(" ")
    }

    /// As [`REQUEST`](super::tables::REQUEST) has them; `address` as [`address`](Self::address) gives it.
    pub(super) fn cells<'r>(&'r self, address: &'r str) -> [Cell<'r>; 16] {
        let places = super::places(REQUEST_CURRENCY);
        let text = |text: &'r str| Cell::text(Some(text));
        [
            text(&self.serial),
            text(if self.red { "红字" } else { "蓝字" }),
            text(&self.buyer.name),
            text(&self.buyer.tax_number),
            text(address),
            text(&self.buyer.bank),
            text(&self.buyer.account),
            text(&self.item),
            text(&self.code),
            text(&self.unit),
            Cell::Integer(self.quantity),
            Cell::Amount { minor: self.price, places },
            Cell::Amount { minor: self.amount, places },
            text(REQUEST_CURRENCY),
            text(&self.rate),
            text(&self.remark),
        ]
    }
}

/// The first day of a month written as 2026-01.
pub(super) fn first_day(month: &str) -> Option<Date> {
    Month::parse(month)?;
    format!("{month}-01").parse().ok()
}
