//! A manufacturer's invoice as one page to read, print and file: no other file, no script. The same entries give the same
//! bytes.

use std::collections::BTreeMap;
use std::fmt::{self, Display, Write};

use aftercare_clickhouse::BillEntry;

use super::{evidence, explain, money, said};
use crate::config::Invoice;

const STYLE: &str = include_str!("page.css");
const COLUMNS: [(&str, &str); 8] = [
    ("Slot", ""),
    ("Answered", ""),
    ("Index", "n"),
    ("Expected", "n"),
    ("Ratio", "n"),
    ("Reviewed", ""),
    ("What", ""),
    ("Amount", "n"),
];

/// What stands above and beside the lines.
pub(super) struct Head<'h> {
    pub(super) month: &'h str,
    pub(super) manufacturer: &'h str,
    pub(super) letter: &'h Invoice,
    /// By contract how many tasks have answered the month's closing, of how many.
    pub(super) closings: &'h BTreeMap<String, (u64, u64)>,
}

/// The page: every line by patient, a sum for each, the sums of components, totals by currency.
pub(super) fn html(head: &Head<'_>, booked: &[BillEntry]) -> String {
    let lines: Vec<&BillEntry> = booked.iter().filter(|entry| entry.kind == "line").collect();
    let mut page = String::new();
    // writing to a string can't fail
    write(&mut page, head, &lines).unwrap_or_default();
    page
}

fn write(page: &mut String, head: &Head<'_>, lines: &[&BillEntry]) -> fmt::Result {
    let title = format!("Invoice {} {}", head.manufacturer, head.month);
    write!(page, "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n")?;
    write!(
        page,
        "<meta name=\"viewport\" content=\"width=device-width\">\n<title>{}</title>\n",
        Text(&title)
    )?;
    write!(page, "<style>\n{STYLE}</style>\n</head>\n<body>\n")?;
    letterhead(page, head)?;
    summary(page, lines)?;
    write!(page, "<h2>Lines</h2>\n<table class=\"lines\">\n<thead><tr>")?;
    for (name, class) in COLUMNS {
        write!(page, "<th class=\"{class}\">{name}</th>")?;
    }
    writeln!(page, "</tr></thead>")?;
    for of_one in lines.chunk_by(|one, other| one.patient_id == other.patient_id) {
        patient(page, of_one)?;
    }
    write!(
        page,
        "</table>\n<footer><p>Amounts were computed once and are never changed: what proves wrong is reversed by \
                  a line of its own. Patients appear under pseudonyms. Each line opens to say what it rests on; "
    )?;
    writeln!(page, "<code>aftercare bill explain ENTRY</code> says the same.</p></footer>\n</body>\n</html>")
}

fn letterhead(page: &mut String, head: &Head<'_>) -> fmt::Result {
    let address = |page: &mut String, class: &str, lines: &[String]| -> fmt::Result {
        write!(page, "<address class=\"{class}\">")?;
        for (n, line) in lines.iter().enumerate() {
            write!(page, "{}{}", if n == 0 { "" } else { "<br>" }, Text(line))?;
        }
        writeln!(page, "</address>")
    };
    writeln!(page, "<header>")?;
    address(page, "from", &head.letter.issuer)?;
    let own_name = [head.manufacturer.to_owned()];
    address(page, "to", head.letter.recipients.get(head.manufacturer).map_or(&own_name[..], Vec::as_slice))?;
    let is_closed = head.closings.values().all(|(answers, tasks)| answers >= tasks);
    let kind = if is_closed { "Invoice" } else { "Draft of the invoice" };
    write!(page, "<h1>{kind} for {}</h1>\n<p>Follow-up of patients under warranty. ", Text(head.month))?;
    for closing in said(head.closings) {
        write!(page, "Contract {}. ", Text(&closing))?;
    }
    writeln!(page, "</p>\n</header>")
}

/// Sums by component, and the totals.
fn summary(page: &mut String, lines: &[&BillEntry]) -> fmt::Result {
    let mut components: BTreeMap<(&str, &str), (u64, i64)> = BTreeMap::new();
    let mut totals: BTreeMap<&str, i64> = BTreeMap::new();
    for line in lines {
        let component = line.component.as_deref().unwrap_or("amount");
        let sum = components.entry((component, &line.currency)).or_default();
        *sum = (sum.0 + 1, sum.1 + line.amount_minor);
        *totals.entry(&line.currency).or_default() += line.amount_minor;
    }
    writeln!(page, "<table class=\"summary\">\n<tbody>")?;
    for ((component, currency), (count, sum)) in components {
        let amount = money(sum, currency);
        writeln!(
            page,
            "<tr><td>{}</td><td class=\"n\">{count} lines</td><td class=\"n\">{amount} {}</td></tr>",
            Text(component),
            Text(currency)
        )?;
    }
    writeln!(page, "</tbody>\n<tfoot>")?;
    for (currency, total) in totals {
        let (total, currency) = (money(total, currency), Text(currency));
        writeln!(page, "<tr><th>Total</th><td></td><th class=\"n\">{total} {currency}</th></tr>")?;
    }
    writeln!(page, "</tfoot>\n</table>")
}

/// One patient's lines, with their sum.
fn patient(page: &mut String, lines: &[&BillEntry]) -> fmt::Result {
    let Some(first) = lines.first() else { return Ok(()) };
    let mut sums: BTreeMap<&str, i64> = BTreeMap::new();
    for line in lines {
        *sums.entry(&line.currency).or_default() += line.amount_minor;
    }
    let sums: Vec<String> =
        sums.into_iter().map(|(currency, sum)| format!("{} {currency}", money(sum, currency))).collect();
    let about = match (evidence(first, "treated_on"), evidence(first, "device")) {
        (Some(day), Some(device)) => format!(", treated on {day} with {device}"),
        (Some(day), None) => format!(", treated on {day}"),
        _ => String::new(),
    };
    write!(page, "<tbody>\n<tr class=\"patient\"><th colspan=\"7\">Patient ")?;
    write!(page, "{}{}</th>", Text(first.patient_id.as_deref().unwrap_or("none")), Text(&about))?;
    writeln!(page, "<th class=\"n\">{}</th></tr>", Text(&sums.join(", ")))?;
    for line in lines {
        self::line(page, line)?;
    }
    writeln!(page, "</tbody>")
}

fn line(page: &mut String, line: &BillEntry) -> fmt::Result {
    let text = |name| evidence(line, name).unwrap_or("").to_owned();
    // A figure to look at; to the last digit it stands in the explanation.
    let figure = |name: &str| evidence(line, name)?.parse::<f64>().ok().map(|it| format!("{it:.1} %"));
    let number = |name| evidence(line, name).and_then(|share| share.parse::<f64>().ok());
    let share = number("share").map(|share| share / number("share_of").unwrap_or(1.0));
    let what = match (line.component.as_deref().unwrap_or("amount"), share) {
        (component, Some(share)) => format!("{component}, share {:.0} %", share * 100.0),
        (component, None) => component.to_owned(),
    };
    let cells = [
        text("slot"),
        text("answered_on"),
        figure("index").unwrap_or_default(),
        figure("expected").unwrap_or_default(),
        evidence(line, "ratio").map_or_else(String::new, |ratio| ratio.chars().take(5).collect()),
        text("reviewed_on"),
        what,
        money(line.amount_minor, &line.currency),
    ];
    write!(page, "<tr>")?;
    for ((_, class), cell) in COLUMNS.iter().zip(&cells) {
        write!(page, "<td class=\"{class}\">{}</td>", Text(cell))?;
    }
    write!(page, "</tr>\n<tr class=\"why\"><td colspan=\"8\"><details><summary>why</summary><div>")?;
    for step in explain::lines(line) {
        write!(page, "<p>{}</p>", Text(&step))?;
    }
    writeln!(page, "</div></details></td></tr>")
}

/// Text that is nothing but text to a browser.
struct Text<'t>(&'t str);

impl Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            match c {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                c => f.write_char(c)?,
            }
        }
        Ok(())
    }
}
