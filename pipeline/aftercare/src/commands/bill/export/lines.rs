//! Documents of lines: invoices and statements. The month streams by, party by party.

use aftercare_clickhouse::{DocumentLine, Side};
use aftercare_export::{Cell, ExportError, Table, is_credit_note, pdf, ubl};

use super::folder::Tables;
use super::letter::{self, Kind};
use super::party::{Account, Evidence, Party};
use super::{Export, einvoice, file_part, places, tables};
use crate::wiring::say;

/// A document of lines.
pub(super) struct Lines {
    pub(super) kind: Kind,
    pub(super) side: Side,
    table: &'static Table,
    totals: &'static Table,
}

pub(super) const INVOICES: Lines = Lines {
    kind: Kind::Invoice,
    side: Side::Payers,
    table: &tables::INVOICE,
    totals: &tables::INVOICE_TOTALS,
};
pub(super) const PAYEES: Lines =
    Lines { kind: Kind::Payee, side: Side::Payees, table: &tables::PAYEES, totals: &tables::PAYEES_TOTALS };
pub(super) const PATIENTS: Lines = Lines {
    kind: Kind::Patient,
    side: Side::Patients,
    table: &tables::PATIENTS,
    totals: &tables::PATIENTS_TOTALS,
};

/// The files of a document while its lines stream by.
struct Open {
    lines: Tables,
    totals: Tables,
    requests: Option<Tables>,
}

impl Lines {
    /// Writes all files of the document; the parties that were in it.
    pub(super) async fn write(&self, export: &mut Export<'_>) -> anyhow::Result<Vec<String>> {
        let head = &export.head;
        let (prefix, formats) = (head.prefix(), export.formats.tables.clone());
        let begin = |table| export.folder.begin(table, &formats, prefix, head.places);
        let with_requests = self.kind == Kind::Invoice && !head.is_draft();
        let mut open = Open {
            lines: begin(self.table)?,
            totals: begin(self.totals)?,
            requests: if with_requests { Some(begin(&tables::REQUEST)?) } else { None },
        };
        let with_letter = export.formats.pdf;
        let (mut party, mut parties) = (Party::default(), Vec::new());
        let mut lines = export.store.document_lines(head.month, self.side, export.party).await?;
        while let Some(line) = lines.next().await? {
            let id = if line.party.is_empty() { "erased" } else { line.party };
            if party.id != id {
                let done = std::mem::take(&mut party);
                self.end_party(export, &mut open, &done)?;
                (party.id, party.role) = (id.to_owned(), line.role.to_owned());
                parties.push(id.to_owned());
            }
            let (minor, other) = self.view(&line);
            if open.lines.is_wanted() {
                self.row(&mut open.lines, export.head.month, id, &line)?;
            }
            party.add(&line, minor, other, with_letter)?;
        }
        self.end_party(export, &mut open, &party)?;
        export.folder.end(open.lines, true)?;
        export.folder.end(open.totals, false)?;
        if let Some(requests) = open.requests {
            export.folder.end(requests, false)?;
        }
        Ok(parties)
    }

    /// The amount as the party's document counts it, and who is on the other side.
    fn view<'l>(&self, line: &DocumentLine<'l>) -> (i64, &'l str) {
        let (payer, payee) = (line.payer.unwrap_or_default(), line.payee.unwrap_or_default());
        match self.kind {
            Kind::Invoice => (line.amount_minor, payee),
            Kind::Payee => (line.amount_minor, payer),
            Kind::Patient if owes(line) => (line.amount_minor, payee),
            Kind::Patient => (line.amount_minor.saturating_neg(), payer),
        }
    }

    fn row(
        &self,
        out: &mut Tables,
        month: &str,
        id: &str,
        line: &DocumentLine<'_>,
    ) -> Result<(), ExportError> {
        let kind = if line.kind == "line" { "line" } else { "shown" };
        let sums = [(kind, self.view(line).0)];
        match self.kind {
            Kind::Invoice => out.row(&invoice_cells(month, id, line), line.currency, &sums),
            Kind::Payee => out.row(&payee_cells(month, id, line), line.currency, &sums),
            Kind::Patient => out.row(&patient_cells(month, id, line), line.currency, &sums),
        }
    }

    /// Totals, letters and electronic invoices of a party whose lines are all read.
    fn end_party(&self, export: &mut Export<'_>, open: &mut Open, party: &Party) -> anyhow::Result<()> {
        let closed_at = export.head.closed_at(party);
        for (currency, account) in &party.accounts {
            if open.totals.is_wanted() {
                totals_row(&mut open.totals, export, party, currency, account)?;
            }
            if export.formats.pdf {
                let letter = letter::of(self.kind, &export.head, party, currency, account);
                let name = self.file_name(export, party, currency, "pdf");
                export.folder.add(
                    (name, self.table.name),
                    &pdf(&letter)?,
                    (currency, account.lines, account.sum),
                )?;
            }
            if let (Kind::Invoice, Some(issued)) = (self.kind, closed_at) {
                if export.formats.ubl && currency == einvoice::UBL_CURRENCY {
                    self.write_ubl(export, party, account, issued)?;
                }
                if let (Some(requests), einvoice::REQUEST_CURRENCY) = (&mut open.requests, &**currency) {
                    write_request(requests, export, party, account)?;
                }
            }
        }
        Ok(())
    }

    fn write_ubl(
        &self,
        export: &mut Export<'_>,
        party: &Party,
        account: &Account,
        issued: jiff::civil::Date,
    ) -> anyhow::Result<()> {
        let Some(bill) = einvoice::ubl(&export.head, party, account, issued) else {
            say(format_args!(
                "{}: no UBL, because [invoice.seller] or [invoice.buyers.{0}] has no name",
                party.id
            ));
            return Ok(());
        };
        let document = if is_credit_note(&bill)? { "credit note" } else { "invoice" };
        let name = self.file_name(export, party, einvoice::UBL_CURRENCY, "xml");
        let sum = (einvoice::UBL_CURRENCY, account.lines, account.sum);
        export.folder.add((name, document), &ubl(&bill)?, sum)?;
        Ok(())
    }

    fn file_name(&self, export: &Export<'_>, party: &Party, currency: &str, extension: &str) -> String {
        let draft = if export.head.closed_at(party).is_none() { "draft-" } else { "" };
        format!("{draft}{}-{}-{currency}.{extension}", self.table.name, file_part(&party.id))
    }
}

/// Whether the line is what the patient owes; else it is what the patient is owed.
fn owes(line: &DocumentLine<'_>) -> bool {
    line.payer == Some("patient") || line.payer_role == Some("patient")
}

fn totals_row(
    out: &mut Tables,
    export: &Export<'_>,
    party: &Party,
    currency: &str,
    account: &Account,
) -> Result<(), ExportError> {
    let number = export.head.number(party, currency);
    let count = |count: u64| Cell::Integer(i64::try_from(count).unwrap_or(i64::MAX));
    let cells = [
        Cell::Text(export.head.month),
        Cell::Text(&party.id),
        Cell::Text(&number),
        Cell::Text(if export.head.closed_at(party).is_some() { "closed" } else { "draft" }),
        count(account.lines),
        count(account.shown),
        Cell::Amount { minor: account.sum, places: places(currency) },
        Cell::Text(currency),
    ];
    out.row(&cells, currency, &[("line", account.sum)])
}

fn write_request(
    out: &mut Tables,
    export: &Export<'_>,
    party: &Party,
    account: &Account,
) -> Result<(), ExportError> {
    let Some(rows) = einvoice::request(&export.head, party, account) else {
        let id = &party.id;
        say(format_args!(
            "{id}: no request of an e-invoice, because [invoice.buyers.{id}] has no name or tax number"
        ));
        return Ok(());
    };
    for row in rows {
        let address = row.address();
        out.row(&row.cells(&address), einvoice::REQUEST_CURRENCY, &[("line", row.amount())])?;
    }
    Ok(())
}

fn amount<'c>(line: &DocumentLine<'_>) -> Cell<'c> {
    Cell::Amount { minor: line.amount_minor, places: places(line.currency) }
}

fn version<'c>(line: &DocumentLine<'_>) -> Cell<'c> {
    line.contract_version.map_or(Cell::Empty, |version| Cell::Integer(i64::from(version)))
}

fn invoice_cells<'l>(month: &'l str, party: &'l str, line: &'l DocumentLine<'_>) -> [Cell<'l>; 28] {
    let evidence = Evidence(line);
    [
        Cell::Text(month),
        Cell::Text(party),
        Cell::text(Some(line.role)),
        Cell::text(line.patient_id),
        Cell::text(line.case_id),
        Cell::text(evidence.value("device")),
        evidence.value("slot").and_then(|slot| slot.parse().ok()).map_or(Cell::Empty, Cell::Integer),
        Cell::text(evidence.record("index")),
        Cell::date(evidence.value("answered_on")),
        Cell::number(evidence.value("index")),
        Cell::number(evidence.value("expected")),
        Cell::number(evidence.value("ratio")),
        Cell::text(evidence.value("step")),
        Cell::text(evidence.record("verdict")),
        Cell::date(evidence.value("reviewed_on")),
        Cell::Text(line.component),
        Cell::text(line.payee),
        Cell::text(line.payee_role),
        Cell::text(line.service_period),
        Cell::number(evidence.value("share")),
        Cell::Text(line.kind),
        amount(line),
        Cell::Text(line.currency),
        Cell::text(line.reason),
        Cell::text(line.reverses),
        Cell::Text(line.contract),
        version(line),
        Cell::Text(line.entry_id),
    ]
}

fn payee_cells<'l>(month: &'l str, party: &'l str, line: &'l DocumentLine<'_>) -> [Cell<'l>; 19] {
    let evidence = Evidence(line);
    [
        Cell::Text(month),
        Cell::Text(party),
        Cell::text(Some(line.role)),
        Cell::text(line.patient_id),
        Cell::text(line.case_id),
        Cell::text(evidence.record("index")),
        Cell::text(evidence.record("verdict")),
        Cell::Text(line.component),
        Cell::text(line.payer),
        Cell::text(line.payer_role),
        Cell::text(line.service_period),
        Cell::Text(line.kind),
        amount(line),
        Cell::Text(line.currency),
        Cell::text(line.reason),
        Cell::text(line.reverses),
        Cell::Text(line.contract),
        version(line),
        Cell::Text(line.entry_id),
    ]
}

fn patient_cells<'l>(month: &'l str, party: &'l str, line: &'l DocumentLine<'_>) -> [Cell<'l>; 19] {
    let (owed, is_owed) = if owes(line) { (amount(line), Cell::Empty) } else { (Cell::Empty, amount(line)) };
    [
        Cell::Text(month),
        Cell::Text(party),
        Cell::text(line.case_id),
        Cell::text(Evidence(line).record("index")),
        Cell::Text(line.component),
        Cell::text(line.payer),
        Cell::text(line.payer_role),
        Cell::text(line.payee),
        Cell::text(line.payee_role),
        Cell::text(line.service_period),
        Cell::Text(line.kind),
        owed,
        is_owed,
        Cell::Text(line.currency),
        Cell::text(line.reason),
        Cell::text(line.reverses),
        Cell::Text(line.contract),
        version(line),
        Cell::Text(line.entry_id),
    ]
}
