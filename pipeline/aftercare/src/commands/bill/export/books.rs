//! Documents of books: the journal, and what is in provision.

use aftercare_clickhouse::{DocumentLine, Side};
use aftercare_export::Cell;
use jiff::Timestamp;
use jiff::civil::Date;

use super::{Export, places, tables};

/// Writes the journal: two rows a posting.
pub(super) async fn write_journal(export: &mut Export<'_>) -> anyhow::Result<()> {
    let head = &export.head;
    let mut out =
        export.folder.begin(&tables::JOURNAL, &export.formats.tables, head.prefix(), head.places)?;
    let mut lines = export.store.document_lines(head.month, Side::Books, export.party).await?;
    while let Some(line) = lines.next().await? {
        let day = line.triggered_at.and_then(|at| Timestamp::from_millisecond(at).ok());
        let day = day.map(|at| head.zone.to_datetime(at).date());
        for (side, account) in [("debit", line.debit_account), ("credit", line.credit_account)] {
            out.row(
                &posting(head.month, (side, account), day, &line),
                line.currency,
                &[(side, line.amount_minor)],
            )?;
        }
    }
    Ok(export.folder.end(out, true)?)
}

fn posting<'l>(
    month: &'l str,
    (side, account): (&'l str, Option<&'l str>),
    day: Option<Date>,
    line: &'l DocumentLine<'_>,
) -> [Cell<'l>; 17] {
    let amount = Cell::Amount { minor: line.amount_minor, places: places(line.currency) };
    let (debit, credit) = if side == "debit" { (amount, Cell::Empty) } else { (Cell::Empty, amount) };
    [
        Cell::Text(month),
        Cell::Text(line.party),
        Cell::Text(line.entry_id),
        Cell::Text(side),
        day.map_or(Cell::Empty, Cell::Date),
        Cell::text(line.service_period),
        Cell::text(account),
        debit,
        credit,
        Cell::Text(line.currency),
        Cell::Text(line.component),
        Cell::text(line.patient_id),
        Cell::text(line.case_id),
        Cell::text(line.reason),
        Cell::text(line.reverses),
        Cell::Text(line.contract),
        line.contract_version.map_or(Cell::Empty, |version| Cell::Integer(i64::from(version))),
    ]
}

/// Writes what every party holds in provision.
pub(super) async fn write_accrual(export: &mut Export<'_>) -> anyhow::Result<()> {
    let head = &export.head;
    let mut out =
        export.folder.begin(&tables::ACCRUAL, &export.formats.tables, head.prefix(), head.places)?;
    for reserve in export.store.reserves(head.month, export.party).await? {
        let amount = |minor| Cell::Amount { minor, places: places(&reserve.currency) };
        let cells = [
            Cell::Text(head.month),
            Cell::Text(&reserve.party),
            Cell::Text(&reserve.contract),
            Cell::Text(&reserve.currency),
            amount(reserve.opening),
            amount(reserve.accrued),
            amount(reserve.released),
            amount(reserve.variance),
            amount(reserve.suspended),
            amount(reserve.closing),
        ];
        let sums = [("opening", reserve.opening), ("closing", reserve.closing)];
        out.row(&cells, &reserve.currency, &sums)?;
    }
    Ok(export.folder.end(out, true)?)
}
