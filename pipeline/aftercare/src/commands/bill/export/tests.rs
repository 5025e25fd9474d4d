use aftercare_clickhouse::DocumentLine;
use aftercare_export::pdf;

use super::letter::Kind;
use super::*;

fn line(amount_minor: i64, change: impl FnOnce(&mut DocumentLine<'static>)) -> DocumentLine<'static> {
    let mut line = DocumentLine {
        party: "maker-a",
        role: "manufacturer",
        entry_id: "warranty-example/e-1/slot-02/fee/maker-a/0",
        kind: "line",
        contract: "warranty-example",
        contract_version: Some(1),
        component: "fee",
        case_id: Some("e-1"),
        patient_id: Some("p-1"),
        payer: Some("maker-a"),
        payer_role: Some("manufacturer"),
        payee: Some("c-1"),
        payee_role: Some("clinician"),
        debit_account: None,
        credit_account: None,
        amount_minor,
        currency: "CNY",
        triggered_at: Some(1_767_340_800_000),
        service_period: Some("2026-01"),
        reason: None,
        reverses: None,
        evidence: vec![
            ("slot", "2", "", None, None),
            ("index", "129.84", "%", Some("u-1"), Some(1)),
            ("share", "0.8", "1", None, None),
        ],
    };
    change(&mut line);
    line
}

fn party(id: &str, role: &str, lines: &[DocumentLine<'_>]) -> Party {
    let mut party = Party { id: id.to_owned(), role: role.to_owned(), ..Party::default() };
    for line in lines {
        party.add(line, line.amount_minor, line.payee.unwrap_or_default(), true).unwrap();
    }
    party
}

fn contract(name: &str, answers: u64) -> BilledContract {
    // 2026-02-05T17:00 UTC is the 6th in Shanghai
    let (currencies, answered_at) = (vec!["CNY".to_owned()], 1_770_310_800_000);
    BilledContract { contract: name.to_owned(), currencies, answers, answered_at }
}

fn head(config: &Invoice, contracts: Vec<BilledContract>) -> Head<'_> {
    Head { month: "2026-01", config, zone: config.zone().unwrap(), places: 2, tasks: 2, contracts }
}

fn letter(kind: Kind, head: &Head<'_>, party: &Party) -> aftercare_export::Letter {
    letter::of(kind, head, party, "CNY", &party.accounts["CNY"])
}

#[test]
fn a_letter_is_a_draft_until_every_contract_of_its_party_is_closed() {
    let config = Invoice::default();
    let contracts = |other| vec![contract("other", other), contract("warranty-example", 2)];
    let one = party("maker-a", "manufacturer", &[line(6_400, |_| {})]);
    let both =
        party("maker-a", "manufacturer", &[line(6_400, |_| {}), line(100, |line| line.contract = "other")]);
    let open = head(&config, contracts(1));
    assert_eq!(
        (open.closed_at(&one).map(|day| day.to_string()), open.closed_at(&both)),
        (Some("2026-02-06".to_owned()), None)
    );
    assert_eq!(
        (&*letter(Kind::Invoice, &open, &one).mark, &*letter(Kind::Invoice, &open, &both).mark),
        ("", "DRAFT 草稿")
    );
    assert!(open.is_draft() && !head(&config, contracts(2)).is_draft());
    // a month in which nothing is booked is not known to be closed
    assert!(head(&config, Vec::new()).is_draft());
    assert_eq!(
        head(&config, contracts(2)).due(jiff::civil::date(2026, 2, 6)).unwrap().to_string(),
        "2026-03-08"
    );
}

#[test]
fn people_are_called_by_their_pseudonym_whatever_is_configured() {
    let address = vec!["Maker A Medical Co., Ltd.".to_owned()];
    let recipients = ["maker-a", "c-1", "p-1"].map(|id| (id.to_owned(), address.clone())).into();
    let config = Invoice { recipients, ..Invoice::default() };
    let head = head(&config, vec![contract("warranty-example", 2)]);
    let to = |kind, id: &str, role: &str| letter(kind, &head, &party(id, role, &[line(1, |_| {})])).to;
    assert_eq!(to(Kind::Invoice, "maker-a", "manufacturer"), address);
    assert_eq!(to(Kind::Payee, "c-1", "clinician"), ["c-1"]);
    assert_eq!(to(Kind::Patient, "p-1", "patient"), ["p-1"]);
}

#[test]
fn what_is_shown_is_listed_and_not_summed() {
    let config = Invoice::default();
    let shown = line(5_000, |line| line.kind = "shown");
    let party = party(
        "maker-a",
        "manufacturer",
        &[line(6_400, |_| {}), shown, line(-1_600, |line| line.reverses = Some("x"))],
    );
    let account = &party.accounts["CNY"];
    assert_eq!((account.lines, account.shown, account.sum), (2, 1, 4_800));
    let letter = letter(Kind::Invoice, &head(&config, vec![contract("warranty-example", 2)]), &party);
    assert_eq!(letter.summary.rows.iter().map(|row| row.minor).sum::<i64>(), 4_800);
    let rows: Vec<(i64, bool)> = letter.groups[0].rows.iter().map(|row| (row.minor, row.counted)).collect();
    assert_eq!(rows, [(6_400, true), (5_000, false), (-1_600, true)]);
    assert!(letter.notes.iter().any(|note| note.contains("paid in advance")));
    assert_eq!(letter.groups[0].rows[2].cells.last().unwrap(), "fee, 80 %, reversal 冲销");
    assert!(pdf(&letter).is_ok());
}

#[test]
fn a_statement_names_what_a_line_rests_on_and_leaves_the_clause_to_the_explanation() {
    let config = Invoice::default();
    let head = head(&config, vec![contract("warranty-example", 2)]);
    let told =
        line(6_400, |line| line.evidence.push(("clause", "For the first questionnaire ...", "", None, None)));
    let rows = letter(Kind::Payee, &head, &party("c-1", "clinician", &[told])).groups.remove(0).rows;
    assert_eq!(rows[0].cells, ["2026-01", "fee, 80 %", "c-1", "slot 2; index 129.84 %"]);
}

#[test]
fn too_many_lines_leave_a_letter_of_sums() {
    let lines = vec![line(100, |_| {}); party::LETTER_LINES_MAX + 1];
    let party = party("maker-a", "manufacturer", &lines);
    let config = Invoice::default();
    let letter = letter(Kind::Invoice, &head(&config, vec![contract("warranty-example", 2)]), &party);
    assert!(
        letter.groups.is_empty() && letter.notes.iter().any(|note| note.contains("More than 20000 lines"))
    );
    assert_eq!(letter.summary.rows.iter().map(|row| row.minor).sum::<i64>(), 2_000_100);
}

#[test]
fn the_request_sheet_parts_red_from_blue() {
    let mut config = Invoice::default();
    let buyer =
        crate::config::Organisation { name: "甲".into(), tax_number: "9131".into(), ..Default::default() };
    config.buyers.insert("maker-a".to_owned(), buyer);
    let head = head(&config, vec![contract("warranty-example", 2)]);
    let lines = [line(6_400, |_| {}), line(6_400, |_| {}), line(-6_400, |_| {}), line(0, |_| {})];
    let of = party("maker-a", "manufacturer", &lines);
    let rows = einvoice::request(&head, &of, &of.accounts["CNY"]).unwrap();
    let number = "AC-2026-01-maker-a-CNY";
    let found: Vec<String> = rows
        .iter()
        .map(|row| {
            format!("{:?}", [row.cells("")[0], row.cells("")[1], row.cells("")[10], row.cells("")[12]])
        })
        .collect();
    let expected = |serial: &str, colour: &str, quantity: i64, minor: i64| {
        let amount = aftercare_export::Cell::Amount { minor, places: 2 };
        format!(
            "{:?}",
            [
                aftercare_export::Cell::Text(serial),
                aftercare_export::Cell::Text(colour),
                aftercare_export::Cell::Integer(quantity),
                amount
            ]
        )
    };
    assert_eq!(
        found,
        [expected(number, "蓝字", 2, 12_800), expected(&format!("{number}-R"), "红字", -1, -6_400)]
    );
    assert!(
        einvoice::request(&head, &party("maker-b", "manufacturer", &lines), &of.accounts["CNY"]).is_none()
    );
}

#[test]
fn another_id_is_another_file() {
    let ids = ["maker-a", "maker_a", "maker/a", "maker%2Fa", "../maker", "甲", "a.b"];
    let parts: std::collections::BTreeSet<String> = ids.iter().map(|id| file_part(id)).collect();
    assert_eq!(parts.len(), ids.len());
    assert!(parts.iter().all(|part| part.chars().all(|c| c.is_ascii_alphanumeric() || "-_%".contains(c))));
    assert!(is_file_of(Path::new("a/b.xml"), Format::Ubl) && !is_file_of(Path::new("a/b.xml"), Format::Pdf));
    assert!(!is_file_of(Path::new("a/b"), Format::Csv) && !is_file_of(Path::new("b.csv"), Format::All));
}

#[test]
fn every_table_points_to_fields_that_there_are() {
    use super::tables::*;
    let all = [
        &INVOICE,
        &PAYEES,
        &PATIENTS,
        &INVOICE_TOTALS,
        &PAYEES_TOTALS,
        &PATIENTS_TOTALS,
        &JOURNAL,
        &ACCRUAL,
        &REQUEST,
    ];
    for table in all {
        let fields = table.key.iter().chain(table.foreign.iter().flat_map(|key| key.fields));
        assert!(fields.into_iter().all(|field| table.position(field).is_some()), "{}", table.name);
        for key in table.foreign {
            let other = all.iter().find(|other| other.name == key.table).unwrap();
            assert!(
                key.of.iter().all(|field| other.position(field).is_some()) && other.key == key.of,
                "{}",
                table.name
            );
        }
    }
}
