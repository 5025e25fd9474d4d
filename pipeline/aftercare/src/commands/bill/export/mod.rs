//! `aftercare bill export`: the documents of a month as files.

mod books;
mod einvoice;
mod folder;
mod letter;
mod lines;
mod party;
mod tables;

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use aftercare_clickhouse::{BilledContract, Store};
use aftercare_core::money::currency_decimals;
use anyhow::{Context, bail};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};
use serde_json::json;

use super::{Bills, check_month, page};
use crate::Outcome;
use crate::config::Invoice;
use crate::wiring::say;
use folder::Folder;
use party::Party;

const EXPLANATION: &str = "\
Writes what is booked in a month into a folder: tables with a description (datapackage.json), letters, electronic \
invoices, and manifest.json with the digest, rows and sums of every file. The same entries give the same bytes. A month \
that is not closed gives drafts, and no electronic invoices. With one document in one format, FILE or the terminal takes \
it alone. docs/exports.md describes every table.";

/// See [`EXPLANATION`].
#[derive(clap::Args)]
#[command(after_long_help = EXPLANATION)]
pub(super) struct Args {
    /// The month, such as 2026-01.
    #[arg(long)]
    pub(super) month: String,
    /// Which documents.
    #[arg(long, value_enum, default_value_t = Document::All)]
    document: Document,
    /// Only those of this party: payer, payee, patient, or in whose books it is.
    #[arg(long, value_name = "ID")]
    party: Option<String>,
    /// Only a manufacturer's invoice, with totals below its lines; as csv or html.
    #[arg(long, conflicts_with_all = ["document", "party"])]
    pub(super) manufacturer: Option<String>,
    /// In which format. What a document has no such format of is left out.
    #[arg(long, value_enum, default_value_t = Format::Csv)]
    pub(super) format: Format,
    /// A folder for all files, or a file for the only one.
    #[arg(long, value_name = "DIR or FILE")]
    pub(super) out: Option<PathBuf>,
}

#[derive(clap::ValueEnum, Clone, Copy, PartialEq, Eq)]
enum Document {
    /// What each payer owes, but patients.
    Invoice,
    /// What clinicians and other payees are owed; what patients owe and are owed.
    Statement,
    /// Postings, as double entries.
    Journal,
    /// Provisions: opening, accrued, released, variance, suspended, closing.
    Accrual,
    All,
}

#[derive(clap::ValueEnum, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    /// Text, for programs.
    Csv,
    /// A workbook.
    Xlsx,
    /// Apache Parquet.
    Parquet,
    /// A letter for each party and currency.
    Pdf,
    /// Invoices in EUR as UBL 2.1, profile EN 16931.
    Ubl,
    /// Invoices as pages that open to say what each line rests on.
    Html,
    All,
}

/// What is written.
struct Formats {
    tables: Vec<aftercare_export::Format>,
    pdf: bool,
    ubl: bool,
    html: bool,
}

/// What all documents of a month say.
struct Head<'e> {
    month: &'e str,
    config: &'e Invoice,
    zone: TimeZone,
    /// Decimals of amounts in Parquet.
    places: u32,
    tasks: u64,
    contracts: Vec<BilledContract>,
}

/// An export under way.
struct Export<'e> {
    head: Head<'e>,
    store: &'e Store,
    party: Option<&'e str>,
    formats: Formats,
    folder: Folder,
}

impl Bills<'_> {
    /// Writes the documents that are asked for.
    pub(super) fn export_documents(&self, args: &Args, config: &Invoice) -> anyhow::Result<Outcome> {
        check_month(&args.month)?;
        let contracts = self.runtime.block_on(self.store.billed_contracts(&args.month))?;
        let currencies = contracts.iter().flat_map(|contract| &contract.currencies);
        let head = Head {
            month: &args.month,
            config,
            zone: config.zone()?,
            places: currencies.map(|currency| places(currency)).max().unwrap_or(2).max(2),
            tasks: self.partitions,
            contracts,
        };
        let only = args.out.as_deref().filter(|out| is_file_of(out, args.format));
        match (&args.out, only) {
            (Some(folder), None) => {
                self.write_folder(args, head, folder)?;
            }
            (_, only) => self.write_only(args, head, only)?,
        }
        self.coverage()
    }

    /// Into a folder that goes away again; the only document that comes of it goes to the file or the terminal.
    fn write_only(&self, args: &Args, head: Head<'_>, file: Option<&Path>) -> anyhow::Result<()> {
        let beside = file.and_then(Path::parent).filter(|folder| !folder.as_os_str().is_empty());
        let folder = match beside {
            Some(folder) => tempfile::tempdir_in(folder),
            None if file.is_some() => tempfile::tempdir_in("."),
            None => tempfile::tempdir(),
        };
        let folder = folder.context("create a folder for a moment")?;
        let documents = self.write_folder(args, head, &folder.path().join("export"))?;
        let [document] = &documents[..] else {
            bail!("{} documents come of it: give a folder with --out, or ask for one", documents.len());
        };
        match file {
            Some(file) => fs::rename(document, file).with_context(|| format!("write {}", file.display())),
            None => {
                let mut from = fs::File::open(document).context("read the document")?;
                let mut stdout = std::io::stdout().lock();
                // a closed pipe is the reader's business
                drop(std::io::copy(&mut from, &mut stdout).and_then(|_| stdout.flush()));
                Ok(())
            }
        }
    }

    /// All files; the documents among them.
    fn write_folder(&self, args: &Args, head: Head<'_>, path: &Path) -> anyhow::Result<Vec<PathBuf>> {
        let (about, prefix, closed) = (head.about(args), head.prefix(), !head.is_draft());
        let title = format!("Aftercare, {}{}", head.month, if closed { "" } else { ", draft" });
        let formats = Formats::of(args.format);
        if formats.ubl && !closed {
            say(format_args!("the month is not closed: no electronic invoices"));
        }
        let mut export = Export {
            head,
            store: &self.store,
            party: args.party.as_deref(),
            formats,
            folder: Folder::open(path)?,
        };
        let payers = self.runtime.block_on(export.write(args.document))?;
        if export.formats.html {
            for party in payers {
                self.write_page(&mut export, &party)?;
            }
        }
        Ok(export.folder.finish(&format!("{prefix}aftercare-{}", args.month), &title, about)?)
    }

    fn write_page(&self, export: &mut Export<'_>, party: &str) -> anyhow::Result<()> {
        let month = export.head.month;
        let booked = self.runtime.block_on(self.store.booked(month, Some(party)))?;
        let closings = &self.closings(month, &booked)?;
        let head = page::Head { month, manufacturer: party, letter: export.head.config, closings };
        let lines = || booked.iter().filter(|entry| entry.kind == "line");
        let currency = lines().next().map_or("", |entry| &*entry.currency);
        let (count, sum) = lines()
            .filter(|entry| entry.currency == currency)
            .fold((0, 0_i64), |(count, sum), entry| (count + 1, sum.saturating_add(entry.amount_minor)));
        let is_closed = closings.values().all(|(answers, tasks)| answers >= tasks);
        let name = format!("{}invoice-{}.html", if is_closed { "" } else { "draft-" }, file_part(party));
        export.folder.add(
            (name, "invoice"),
            page::html(&head, &booked).as_bytes(),
            (currency, count, sum),
        )?;
        Ok(())
    }
}

impl Export<'_> {
    /// Writes documents; the payers of invoices.
    async fn write(&mut self, document: Document) -> anyhow::Result<Vec<String>> {
        let wants = |one| document == one || document == Document::All;
        let mut payers = Vec::new();
        if wants(Document::Invoice) {
            payers = lines::INVOICES.write(self).await?;
        }
        let has_tables = !self.formats.tables.is_empty();
        if wants(Document::Statement) && (has_tables || self.formats.pdf) {
            lines::PAYEES.write(self).await?;
            lines::PATIENTS.write(self).await?;
        }
        if wants(Document::Journal) && has_tables {
            books::write_journal(self).await?;
        }
        if wants(Document::Accrual) && has_tables {
            books::write_accrual(self).await?;
        }
        Ok(payers)
    }
}

impl Formats {
    fn of(format: Format) -> Formats {
        use aftercare_export::Format as Table;
        let is = |one| format == one || format == Format::All;
        let all = [(Format::Csv, Table::Csv), (Format::Xlsx, Table::Xlsx), (Format::Parquet, Table::Parquet)];
        Formats {
            tables: all.into_iter().filter(|(one, _)| is(*one)).map(|(_, table)| table).collect(),
            pdf: is(Format::Pdf),
            ubl: is(Format::Ubl),
            html: is(Format::Html),
        }
    }
}

impl Head<'_> {
    fn is_closed(&self, contract: &BilledContract) -> bool {
        contract.answers >= self.tasks
    }

    /// Whether some contract of the month is still open.
    fn is_draft(&self) -> bool {
        self.contracts.is_empty() || !self.contracts.iter().all(|contract| self.is_closed(contract))
    }

    /// Before the name of files about all parties.
    fn prefix(&self) -> &'static str {
        if self.is_draft() { "draft-" } else { "" }
    }

    /// The day on which the last contract of a party was closed; `None` while one is open.
    fn closed_at(&self, party: &Party) -> Option<Date> {
        let of_party = |contract: &&BilledContract| party.contracts.contains(&contract.contract);
        let contracts: Vec<&BilledContract> = self.contracts.iter().filter(of_party).collect();
        if contracts.is_empty() || !contracts.iter().all(|contract| self.is_closed(contract)) {
            return None;
        }
        let at = contracts.iter().map(|contract| contract.answered_at).max()?;
        Some(self.zone.to_datetime(Timestamp::from_millisecond(at).ok()?).date())
    }

    fn due(&self, issued: Date) -> Option<Date> {
        issued.checked_add(Span::new().days(self.config.payment_days)).ok()
    }

    /// The same for the same party, month and currency.
    fn number(&self, party: &Party, currency: &str) -> String {
        format!("{}-{}-{}-{currency}", self.config.number_prefix, self.month, party.id)
    }

    fn first_day(&self) -> Option<Date> {
        einvoice::first_day(self.month)
    }

    fn about(&self, args: &Args) -> BTreeMap<String, serde_json::Value> {
        let contracts = self.contracts.iter().map(|contract| {
            let closed_at = Timestamp::from_millisecond(contract.answered_at).ok();
            json!({
                "contract": contract.contract,
                "state": if self.is_closed(contract) { "closed" } else { "open" },
                "tasks_answered": contract.answers,
                "tasks": self.tasks,
                "closed_at": closed_at.filter(|_| self.is_closed(contract)).map(|at| at.to_string()),
            })
        });
        BTreeMap::from([
            ("month".to_owned(), json!(self.month)),
            ("state".to_owned(), json!(if self.is_draft() { "draft" } else { "closed" })),
            ("contracts".to_owned(), contracts.collect()),
            ("party".to_owned(), json!(args.party)),
        ])
    }
}

/// Decimals of a currency.
fn places(currency: &str) -> u32 {
    currency_decimals(currency).unwrap_or(2)
}

/// An id as part of a file's name: another id, another part.
fn file_part(id: &str) -> String {
    let mut part = String::new();
    for byte in id.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_') {
            part.push(char::from(byte));
        } else {
            part.push_str(&format!("%{byte:02X}"));
        }
    }
    part
}

/// Whether a path is a file of that format; else it is a folder.
fn is_file_of(path: &Path, format: Format) -> bool {
    let extension = match format {
        Format::Csv => "csv",
        Format::Xlsx => "xlsx",
        Format::Parquet => "parquet",
        Format::Pdf => "pdf",
        Format::Ubl => "xml",
        Format::Html => "html",
        Format::All => return false,
    };
    !path.is_dir() && path.extension().is_some_and(|found| found == extension)
}

#[cfg(test)]
mod tests;
