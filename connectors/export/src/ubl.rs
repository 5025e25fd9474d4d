//! UBL 2.1 invoices and credit notes in the profile of EN 16931.

use std::fmt::Write;

use jiff::civil::Date;

use crate::ExportError;
use crate::table::decimal;

/// A bill as EN 16931 sees it. Amounts are minor units without tax.
#[derive(Clone, Debug)]
pub struct Bill {
    /// Its number.
    pub number: String,
    /// Day on which it is issued.
    pub issued: Date,
    /// Day until which it is to be paid.
    pub due: Option<Date>,
    /// First and last day of what it is about.
    pub period: (Date, Date),
    /// What else is to be said.
    pub note: String,
    /// ISO 4217.
    pub currency: String,
    /// Decimals of the currency.
    pub places: u32,
    /// What the buyer wants to read on it.
    pub buyer_reference: Option<String>,
    /// Who is owed.
    pub seller: Party,
    /// Who owes.
    pub buyer: Party,
    /// How to pay.
    pub payment: Option<Payment>,
    /// Tax of all lines.
    pub vat: Vat,
    /// Its lines.
    pub items: Vec<Item>,
}

/// One side of a bill.
#[derive(Clone, Debug, Default)]
pub struct Party {
    /// Full name.
    pub name: String,
    /// Street and number.
    pub street: String,
    /// Town.
    pub city: String,
    /// Postal code.
    pub postcode: String,
    /// ISO 3166-1, two letters.
    pub country: String,
    /// VAT identifier with the country's letters.
    pub vat_id: Option<String>,
    /// Number in the register of companies.
    pub registration: Option<String>,
    /// Electronic address, and the scheme that it is one of.
    pub endpoint: Option<(String, String)>,
}

/// How to pay: by credit transfer.
#[derive(Clone, Debug, Default)]
pub struct Payment {
    /// Account number (IBAN).
    pub account: String,
    /// The bank (BIC).
    pub bank: Option<String>,
}

/// The tax of a bill: one category for all lines.
#[derive(Clone, Debug)]
pub struct Vat {
    /// Code of UNTDID 5305: S, Z, E, AE, O ...
    pub category: String,
    /// Percent in hundredths: 1900 is 19 %.
    pub percent_hundredths: i64,
    /// Why there is none, in words.
    pub reason: Option<String>,
    /// The same as a code of the VATEX list.
    pub reason_code: Option<String>,
}

/// One line: so many of a kind at a price. A negative quantity takes back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// What it is.
    pub name: String,
    /// More about it.
    pub description: String,
    /// How many; negative: taken back.
    pub quantity: i64,
    /// Price of one, minor units, never negative.
    pub price: i64,
}

impl Item {
    fn amount(&self) -> Result<i64, ExportError> {
        self.quantity.checked_mul(self.price).ok_or(ExportError::TooLarge { what: "a line of a bill" })
    }
}

struct Sums {
    net: i64,
    tax: i64,
    total: i64,
}

/// Whether the bill is a credit note: its lines together are owed to the buyer.
///
/// # Errors
/// When the sum can't be counted.
pub fn is_credit_note(bill: &Bill) -> Result<bool, ExportError> {
    Ok(net(bill)? < 0)
}

/// The document: an `Invoice`, or a `CreditNote` with all signs turned where the lines together are negative.
///
/// # Errors
/// When a sum can't be counted.
pub fn xml(bill: &Bill) -> Result<Vec<u8>, ExportError> {
    let credit = is_credit_note(bill)?;
    let sign = if credit { -1 } else { 1 };
    let net = net(bill)? * sign;
    let tax = tax(net, bill.vat.percent_hundredths);
    let total = net.checked_add(tax).ok_or(ExportError::TooLarge { what: "a bill" })?;
    let mut out = String::new();
    // writing to a string can't fail
    write(&mut out, bill, &Sums { net, tax, total }, credit, sign).map_err(ExportError::format("UBL"))?;
    Ok(out.into_bytes())
}

fn net(bill: &Bill) -> Result<i64, ExportError> {
    let too_large = || ExportError::TooLarge { what: "a bill" };
    bill.items.iter().try_fold(0_i64, |sum, item| sum.checked_add(item.amount()?).ok_or_else(too_large))
}

/// Rounded once, half away from zero.
fn tax(net: i64, percent_hundredths: i64) -> i64 {
    let exact = i128::from(net) * i128::from(percent_hundredths);
    let rounded = (exact.abs() + 5_000) / 10_000 * exact.signum();
    i64::try_from(rounded).unwrap_or(i64::MAX)
}

fn write(out: &mut String, bill: &Bill, sums: &Sums, credit: bool, sign: i64) -> std::fmt::Result {
    let root = if credit { "CreditNote" } else { "Invoice" };
    writeln!(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>")?;
    writeln!(
        out,
        "<{root} xmlns=\"urn:oasis:names:specification:ubl:schema:xsd:{root}-2\" \
         xmlns:cac=\"urn:oasis:names:specification:ubl:schema:xsd:CommonAggregateComponents-2\" \
         xmlns:cbc=\"urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2\">"
    )?;
    head(out, bill, credit)?;
    writeln!(out, "<cac:AccountingSupplierParty>")?;
    party(out, &bill.seller, &bill.vat)?;
    writeln!(out, "</cac:AccountingSupplierParty>\n<cac:AccountingCustomerParty>")?;
    party(out, &bill.buyer, &bill.vat)?;
    writeln!(out, "</cac:AccountingCustomerParty>")?;
    payment(out, bill, credit)?;
    totals(out, bill, sums)?;
    for (n, item) in (1..).zip(&bill.items) {
        line(out, bill, n, item, credit, sign)?;
    }
    writeln!(out, "</{root}>")
}

fn head(out: &mut String, bill: &Bill, credit: bool) -> std::fmt::Result {
    text(out, "cbc:CustomizationID", "urn:cen.eu:en16931:2017")?;
    text(out, "cbc:ID", &bill.number)?;
    text(out, "cbc:IssueDate", &bill.issued.to_string())?;
    if credit {
        text(out, "cbc:CreditNoteTypeCode", "381")?;
    } else {
        if let Some(due) = bill.due {
            text(out, "cbc:DueDate", &due.to_string())?;
        }
        text(out, "cbc:InvoiceTypeCode", "380")?;
    }
    if !bill.note.is_empty() {
        text(out, "cbc:Note", &bill.note)?;
    }
    text(out, "cbc:DocumentCurrencyCode", &bill.currency)?;
    if let Some(reference) = &bill.buyer_reference {
        text(out, "cbc:BuyerReference", reference)?;
    }
    writeln!(out, "<cac:InvoicePeriod>")?;
    text(out, "cbc:StartDate", &bill.period.0.to_string())?;
    text(out, "cbc:EndDate", &bill.period.1.to_string())?;
    writeln!(out, "</cac:InvoicePeriod>")
}

fn party(out: &mut String, party: &Party, vat: &Vat) -> std::fmt::Result {
    writeln!(out, "<cac:Party>")?;
    if let Some((scheme, address)) = &party.endpoint {
        let (scheme, address) = (escaped(scheme), escaped(address));
        writeln!(out, "<cbc:EndpointID schemeID=\"{scheme}\">{address}</cbc:EndpointID>")?;
    }
    writeln!(out, "<cac:PostalAddress>")?;
    for (name, value) in
        [("StreetName", &party.street), ("CityName", &party.city), ("PostalZone", &party.postcode)]
    {
        if !value.is_empty() {
            text(out, &format!("cbc:{name}"), value)?;
        }
    }
    writeln!(out, "<cac:Country>")?;
    text(out, "cbc:IdentificationCode", &party.country)?;
    writeln!(out, "</cac:Country>\n</cac:PostalAddress>")?;
    // what is outside the scope of the tax names no identifier of it
    if let Some(id) = party.vat_id.as_deref().filter(|_| vat.category != "O") {
        writeln!(out, "<cac:PartyTaxScheme>")?;
        text(out, "cbc:CompanyID", id)?;
        writeln!(out, "<cac:TaxScheme>")?;
        text(out, "cbc:ID", "VAT")?;
        writeln!(out, "</cac:TaxScheme>\n</cac:PartyTaxScheme>")?;
    }
    writeln!(out, "<cac:PartyLegalEntity>")?;
    text(out, "cbc:RegistrationName", &party.name)?;
    if let Some(registration) = &party.registration {
        text(out, "cbc:CompanyID", registration)?;
    }
    writeln!(out, "</cac:PartyLegalEntity>\n</cac:Party>")
}

fn payment(out: &mut String, bill: &Bill, credit: bool) -> std::fmt::Result {
    let Some(payment) = &bill.payment else { return Ok(()) };
    writeln!(out, "<cac:PaymentMeans>")?;
    // 58: SEPA credit transfer, 30: any credit transfer
    text(out, "cbc:PaymentMeansCode", if bill.currency == "EUR" { "58" } else { "30" })?;
    if let (true, Some(due)) = (credit, bill.due) {
        text(out, "cbc:PaymentDueDate", &due.to_string())?;
    }
    text(out, "cbc:PaymentID", &bill.number)?;
    writeln!(out, "<cac:PayeeFinancialAccount>")?;
    text(out, "cbc:ID", &payment.account)?;
    if let Some(bank) = &payment.bank {
        writeln!(out, "<cac:FinancialInstitutionBranch>")?;
        text(out, "cbc:ID", bank)?;
        writeln!(out, "</cac:FinancialInstitutionBranch>")?;
    }
    writeln!(out, "</cac:PayeeFinancialAccount>\n</cac:PaymentMeans>")
}

fn totals(out: &mut String, bill: &Bill, sums: &Sums) -> std::fmt::Result {
    writeln!(out, "<cac:TaxTotal>")?;
    amount(out, bill, "cbc:TaxAmount", sums.tax)?;
    writeln!(out, "<cac:TaxSubtotal>")?;
    amount(out, bill, "cbc:TaxableAmount", sums.net)?;
    amount(out, bill, "cbc:TaxAmount", sums.tax)?;
    category(out, bill, "TaxCategory", true)?;
    writeln!(out, "</cac:TaxSubtotal>\n</cac:TaxTotal>\n<cac:LegalMonetaryTotal>")?;
    amount(out, bill, "cbc:LineExtensionAmount", sums.net)?;
    amount(out, bill, "cbc:TaxExclusiveAmount", sums.net)?;
    amount(out, bill, "cbc:TaxInclusiveAmount", sums.total)?;
    amount(out, bill, "cbc:PayableAmount", sums.total)?;
    writeln!(out, "</cac:LegalMonetaryTotal>")
}

fn category(out: &mut String, bill: &Bill, element: &str, with_reason: bool) -> std::fmt::Result {
    let vat = &bill.vat;
    writeln!(out, "<cac:{element}>")?;
    text(out, "cbc:ID", &vat.category)?;
    if vat.category != "O" {
        text(out, "cbc:Percent", &decimal(vat.percent_hundredths, 2))?;
    }
    if with_reason {
        for (name, reason) in [("Code", &vat.reason_code), ("", &vat.reason)] {
            if let Some(reason) = reason {
                text(out, &format!("cbc:TaxExemptionReason{name}"), reason)?;
            }
        }
    }
    writeln!(out, "<cac:TaxScheme>")?;
    text(out, "cbc:ID", "VAT")?;
    writeln!(out, "</cac:TaxScheme>\n</cac:{element}>")
}

fn line(out: &mut String, bill: &Bill, n: u64, item: &Item, credit: bool, sign: i64) -> std::fmt::Result {
    let (kind, counted) = if credit { ("CreditNote", "Credited") } else { ("Invoice", "Invoiced") };
    let quantity = item.quantity.saturating_mul(sign);
    writeln!(out, "<cac:{kind}Line>")?;
    text(out, "cbc:ID", &n.to_string())?;
    // C62: one, a unit without a name of its own
    writeln!(out, "<cbc:{counted}Quantity unitCode=\"C62\">{quantity}</cbc:{counted}Quantity>")?;
    amount(out, bill, "cbc:LineExtensionAmount", quantity.saturating_mul(item.price))?;
    writeln!(out, "<cac:Item>")?;
    if !item.description.is_empty() {
        text(out, "cbc:Description", &item.description)?;
    }
    text(out, "cbc:Name", &item.name)?;
    category(out, bill, "ClassifiedTaxCategory", false)?;
    writeln!(out, "</cac:Item>\n<cac:Price>")?;
    amount(out, bill, "cbc:PriceAmount", item.price)?;
    writeln!(out, "</cac:Price>\n</cac:{kind}Line>")
}

fn text(out: &mut String, element: &str, text: &str) -> std::fmt::Result {
    writeln!(out, "<{element}>{}</{element}>", escaped(text))
}

fn amount(out: &mut String, bill: &Bill, element: &str, minor: i64) -> std::fmt::Result {
    let amount = decimal(minor, bill.places);
    writeln!(out, "<{element} currencyID=\"{}\">{amount}</{element}>", escaped(&bill.currency))
}

/// Text that is nothing but text in XML; characters that XML has no place for are left out.
pub(crate) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\t' | '\n' | '\r' => out.push(' '),
            c if c < ' ' || matches!(c, '\u{fffe}' | '\u{ffff}') => {}
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests;
