//! `[invoice]`: what documents of a month say of those who send and get them.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use serde::Deserialize;

/// `[invoice]`: letterhead, numbers, taxes.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(default)]
pub(crate) struct Invoice {
    /// Who sends it: name and address, line by line.
    pub(crate) issuer: Vec<String>,
    /// Begins every number of a document.
    pub(crate) number_prefix: String,
    /// Zone of days on documents.
    pub(crate) time_zone: String,
    /// An invoice is to be paid so many days after it was issued.
    pub(crate) payment_days: u16,
    /// Printed below the total, a paragraph each.
    pub(crate) notes: Vec<String>,
    /// By payer name and address; who is not here is called by its id.
    pub(crate) recipients: BTreeMap<String, Vec<String>>,
    /// Who is owed, for electronic invoices.
    pub(crate) seller: Organisation,
    /// By payer, for electronic invoices.
    pub(crate) buyers: BTreeMap<String, Organisation>,
    pub(crate) vat: Vat,
    pub(crate) request: Request,
}

/// An organisation as a tax office knows it.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Organisation {
    pub(crate) name: String,
    pub(crate) street: String,
    pub(crate) city: String,
    pub(crate) postcode: String,
    /// ISO 3166-1, two letters.
    pub(crate) country: String,
    /// VAT identifier in the EU, taxpayer number in China.
    pub(crate) tax_number: String,
    /// In the register of companies.
    pub(crate) registration: String,
    /// Electronic address, and the code of its scheme.
    pub(crate) endpoint: String,
    pub(crate) endpoint_scheme: String,
    /// What the buyer wants to read on every invoice.
    pub(crate) reference: String,
    pub(crate) bank: String,
    pub(crate) account: String,
}

/// `[invoice.vat]`: tax of invoices in UBL.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(default)]
pub(crate) struct Vat {
    pub(crate) category: String,
    pub(crate) percent: String,
    pub(crate) reason: String,
    pub(crate) reason_code: String,
}

/// `[invoice.request]`: China's request sheet.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(default)]
pub(crate) struct Request {
    /// As the platform writes it: 免税, 0.06 ...
    pub(crate) tax_rate: String,
    /// Code of the goods or service.
    pub(crate) code: String,
    pub(crate) unit: String,
    /// By component, what the invoice calls it.
    pub(crate) items: BTreeMap<String, String>,
}

impl Default for Invoice {
    fn default() -> Self {
        Self {
            issuer: Vec::new(),
            number_prefix: "AC".into(),
            time_zone: "Asia/Shanghai".into(),
            payment_days: 30,
            notes: Vec::new(),
            recipients: BTreeMap::new(),
            seller: Organisation::default(),
            buyers: BTreeMap::new(),
            vat: Vat::default(),
            request: Request::default(),
        }
    }
}

impl Default for Vat {
    fn default() -> Self {
        Self {
            category: "E".into(),
            percent: "0".into(),
            reason: "Exempt: medical care".into(),
            reason_code: "VATEX-EU-132-1C".into(),
        }
    }
}

impl Default for Request {
    fn default() -> Self {
        Self { tax_rate: "免税".into(), code: String::new(), unit: "次".into(), items: BTreeMap::new() }
    }
}

impl Invoice {
    pub(super) fn validate(&self, demand: &mut impl FnMut(bool, String)) {
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
        let prefix = &self.number_prefix;
        demand(
            !prefix.is_empty() && prefix.chars().all(plain),
            format!("invoice.number_prefix: {prefix:?} is not letters, digits and -"),
        );
        if let Err(error) = self.zone() {
            demand(false, format!("invoice.time_zone: {error}"));
        }
        demand(
            self.vat.percent_hundredths().is_some(),
            format!("invoice.vat.percent: {:?} is no percentage with at most two decimals", self.vat.percent),
        );
        let category = &*self.vat.category;
        demand(
            matches!(category, "S" | "Z" | "E" | "AE" | "K" | "G" | "O"),
            format!("invoice.vat.category: {category:?} is none of S, Z, E, AE, K, G, O"),
        );
        let untaxed = self.vat.percent_hundredths() == Some(0);
        demand(
            untaxed || category == "S",
            "invoice.vat: a percentage above 0 goes with category S only".into(),
        );
    }

    /// The zone of days.
    pub(crate) fn zone(&self) -> Result<TimeZone, jiff::Error> {
        TimeZone::get(&self.time_zone)
    }
}

impl Vat {
    /// 19 and 19.00 are 1900.
    pub(crate) fn percent_hundredths(&self) -> Option<i64> {
        let (whole, rest) = self.percent.split_once('.').unwrap_or((&self.percent, ""));
        let digits = |text: &str| text.chars().all(|c| c.is_ascii_digit());
        if whole.is_empty() || whole.len() > 2 || rest.len() > 2 || !digits(whole) || !digits(rest) {
            return None;
        }
        format!("{whole}{rest:0<2}").parse().ok()
    }
}
