//! A party's month as a letter.

use std::collections::BTreeMap;

use aftercare_export::{Column, Group, Letter, Row, Summary};

use super::Head;
use super::party::{Account, LETTER_LINES_MAX, Listed, Party};

/// What a letter is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Invoice,
    Payee,
    Patient,
}

/// The letter about a party's lines in one currency.
pub(super) fn of(kind: Kind, head: &Head<'_>, party: &Party, currency: &str, account: &Account) -> Letter {
    let closed = head.closed_at(party);
    let is_draft = closed.is_none();
    let title = match kind {
        Kind::Invoice if account.sum < 0 => "Credit note 贷项通知单",
        Kind::Invoice => "Invoice 账单",
        Kind::Payee => "Statement 对账单",
        Kind::Patient => "Patient statement 患者对账单",
    };
    Letter {
        title: title.to_owned(),
        number: head.number(party, currency),
        mark: if is_draft { "DRAFT 草稿".to_owned() } else { String::new() },
        from: head.config.issuer.clone(),
        to: recipient(kind, head, party),
        facts: facts(kind, head, party, currency),
        summary: summary(account),
        columns: columns(kind, account),
        amount: "Amount\n金额".to_owned(),
        groups: groups(kind, account),
        notes: notes(head, account, is_draft),
        currency: currency.to_owned(),
        places: super::places(currency),
    }
}

/// Organisations by their address; people never but by their pseudonym.
fn recipient(kind: Kind, head: &Head<'_>, party: &Party) -> Vec<String> {
    let by_id = || vec![party.id.clone()];
    let is_person = kind == Kind::Patient || matches!(&*party.role, "clinician" | "patient");
    if is_person { by_id() } else { head.config.recipients.get(&party.id).cloned().unwrap_or_else(by_id) }
}

fn facts(kind: Kind, head: &Head<'_>, party: &Party, currency: &str) -> Vec<(String, String)> {
    let mut facts = vec![
        ("Number 编号".to_owned(), head.number(party, currency)),
        ("Month 账期".to_owned(), head.month.to_owned()),
    ];
    if let Some(day) = head.closed_at(party) {
        facts.push(("Issued 开具日期".to_owned(), day.to_string()));
        if let (Kind::Invoice, Some(due)) = (kind, head.due(day)) {
            facts.push(("Payable until 付款期限".to_owned(), due.to_string()));
        }
    }
    let contracts = party.contracts.iter().cloned().collect::<Vec<_>>();
    facts.push(("Contract 合同".to_owned(), contracts.join(", ")));
    facts.push(("Party 当事方".to_owned(), format!("{}{}", party.id, role(party))));
    facts.push(("Currency 币种".to_owned(), currency.to_owned()));
    facts
}

fn role(party: &Party) -> String {
    if party.role.is_empty() { String::new() } else { format!(" ({})", party.role.replace('_', " ")) }
}

fn column(title: &str, share: f32, right: bool) -> Column {
    Column { title: title.to_owned(), share, right }
}

/// Sums by contract, component and service month.
fn summary(account: &Account) -> Summary {
    let mut sums: BTreeMap<(&str, &str, &str), (i64, i64)> = BTreeMap::new();
    for (item, count) in &account.items {
        let sum = sums.entry((&item.contract, &item.component, &item.service_period)).or_default();
        let sign = if item.back { -1 } else { 1 };
        *sum = (sum.0 + count, sum.1 + sign * item.price * count);
    }
    let rows = sums.into_iter().map(|((contract, component, month), (count, minor))| Row {
        cells: vec![component.to_owned(), contract.to_owned(), month.to_owned(), count.to_string()],
        minor,
        counted: true,
    });
    Summary {
        columns: vec![
            column("Component\n项目", 2.4, false),
            column("Contract\n合同", 2.4, false),
            column("Service month\n服务月", 1.2, false),
            column("Lines\n笔数", 0.8, true),
        ],
        rows: rows.collect(),
    }
}

/// Follow-ups have columns of their own, where there is nothing else.
fn is_follow_up(kind: Kind, account: &Account) -> bool {
    kind == Kind::Invoice && account.listed.iter().all(|line| line.follow_up.is_some())
}

fn columns(kind: Kind, account: &Account) -> Vec<Column> {
    if is_follow_up(kind, account) {
        return vec![
            column("Slot\n期次", 0.6, true),
            column("Answered\n填答日期", 1.25, false),
            column("Index %\n指数", 0.9, true),
            column("Expected %\n预期", 1.1, true),
            column("Ratio\n比值", 0.8, true),
            column("Reviewed\n审阅日期", 1.25, false),
            column("Component\n项目", 3.2, false),
        ];
    }
    let other = if kind == Kind::Invoice { "Payee\n收款方" } else { "Other side\n对方" };
    vec![
        column("Service\n服务月", 0.9, false),
        column("Component\n项目", 2.0, false),
        column(other, 1.4, false),
        column("Basis\n依据", 4.7, false),
    ]
}

fn groups(kind: Kind, account: &Account) -> Vec<Group> {
    let follow_up = is_follow_up(kind, account);
    let group = |lines: &[Listed]| {
        let first = lines.first();
        let patient = first.map_or("", |line| &*line.patient);
        let about = first.map_or("", |line| &*line.about);
        let title = if patient.is_empty() {
            "No patient 无患者".to_owned()
        } else {
            format!("Patient 患者 {patient}{about}")
        };
        Group { title, rows: lines.iter().map(|line| row(line, follow_up)).collect() }
    };
    account.listed.chunk_by(|one, other| one.patient == other.patient).map(group).collect()
}

fn row(line: &Listed, follow_up: bool) -> Row {
    let cells = match (&line.follow_up, follow_up) {
        (Some(cells), true) => cells.iter().cloned().chain([line.item.clone()]).collect(),
        _ => vec![line.service_period.clone(), line.item.clone(), line.other.clone(), line.basis.clone()],
    };
    Row { cells, minor: line.minor, counted: line.counted }
}

fn notes(head: &Head<'_>, account: &Account, is_draft: bool) -> Vec<String> {
    let mut notes = Vec::new();
    if is_draft {
        notes.push(
            "The month is not closed; amounts may still change. 本账期尚未关闭，金额可能变动。".to_owned(),
        );
    }
    if !account.is_listed {
        notes.push(format!(
            "More than {LETTER_LINES_MAX} lines: they are in the table of this export. 明细超过 {LETTER_LINES_MAX} 笔，见本次导出的明细表。"
        ));
    }
    if account.shown > 0 {
        notes.push(
            "Amounts in parentheses were paid in advance; they are listed only. 括号内金额已预付，仅列示。"
                .to_owned(),
        );
    }
    notes.push(
        "Amounts were computed once and are never changed; what proves wrong is reversed by a line of its own. Patients appear under pseudonyms. \
         金额一经计算不再更改，差错以冲销行更正。患者均以化名显示。"
            .to_owned(),
    );
    notes.extend(head.config.notes.iter().cloned());
    notes
}
