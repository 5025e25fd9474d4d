//! The documents of a month, over real engines: complete, equal to the ledger, the same twice.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use aftercare_core::money::Minor;
use serde_json::Value;

use crate::support::Stack;
use crate::{bill, sql};

/// By name, what every file of an export holds.
type Files = BTreeMap<String, Vec<u8>>;

/// The configuration that electronic invoices need.
pub(crate) const PARTIES: &str = r#"
[invoice.seller]
name = "Follow-up Example Ltd."
street = "12 Canal Street"
city = "Dublin"
postcode = "D01"
country = "IE"
tax_number = "IE1234567T"
account = "IE29AIBK93115212345678"
[invoice.buyers.maker-a]
name = "Maker A Medical Co., Ltd."
tax_number = "91310000MA1K000001"
[invoice.buyers.maker-b]
name = "Maker B Devices Co., Ltd."
tax_number = "91110000MA1K000002"
[invoice.buyers.maker-e]
name = "Maker E Medical GmbH"
street = "Beispielstrasse 7"
city = "Berlin"
postcode = "10115"
country = "DE"
tax_number = "DE123456789"
[invoice.request.items]
fee = "随访服务费"
"#;

/// Exports into a folder of that name; its files.
fn export(stack: &Stack, name: &str, month: &str, more: &[&str]) -> (PathBuf, Files, String) {
    let folder = stack.folder().join(name);
    let out = folder.to_str().unwrap();
    let (code, said) = bill(stack, &[&["export", "--month", month, "--out", out], more].concat());
    assert_eq!(code, 0, "{said}");
    let files = fs::read_dir(&folder).unwrap().map(|file| file.unwrap().path());
    let name = |path: &Path| path.file_name().unwrap().to_str().unwrap().to_owned();
    (folder.clone(), files.map(|path| (name(&path), fs::read(&path).unwrap())).collect(), said)
}

/// A CSV file as rows by field.
fn rows(files: &Files, name: &str) -> Vec<BTreeMap<String, String>> {
    let file = files.get(name).unwrap_or_else(|| panic!("no {name} in {:?}", files.keys()));
    csv::Reader::from_reader(&file[..]).deserialize().map(|row| row.unwrap()).collect()
}

/// The sum of a field, minor units of a currency with two decimals.
fn sum(rows: &[BTreeMap<String, String>], field: &str) -> i64 {
    let minor =
        |text: &String| if text.is_empty() { 0 } else { text.replace('.', "").parse::<i64>().unwrap() };
    rows.iter().map(|row| minor(&row[field])).sum()
}

fn amount(stack: &Stack, which: &str, month: &str) -> i64 {
    let of = format!("FROM ledger FINAL WHERE booking_period = '{month}' AND kind = 'line' AND {which}");
    sql(stack, &format!("SELECT sum(amount_minor) {of}")).trim().parse().unwrap()
}

/// While a month is open, everything is a draft and no tax office is asked for anything.
pub(crate) fn an_open_month_gives_drafts(stack: &Stack, month: &str) {
    let (_, files, said) = export(stack, "draft", month, &["--format", "all"]);
    assert!(said.contains("the month is not closed: no electronic invoices"), "{said}");
    let documents = files.keys().filter(|name| !matches!(&***name, "manifest.json" | "datapackage.json"));
    assert!(documents.clone().all(|name| name.starts_with("draft-")), "{:?}", files.keys());
    assert!(documents.clone().all(|name| !name.contains("einvoice") && !name.ends_with(".xml")));
    assert!(rows(&files, "draft-invoice-totals.csv").iter().all(|row| row["state"] == "draft"));
}

/// A closed month: what is in the files is what is in the ledger.
pub(crate) fn a_closed_month_is_exported(stack: &Stack, month: &str, manufacturer: &str) {
    let (folder, files, _) = export(stack, "closed", month, &["--format", "all"]);
    let (_, again, _) = export(stack, "again", month, &["--format", "all"]);
    assert_eq!(files.keys().collect::<Vec<_>>(), again.keys().collect::<Vec<_>>());
    for (name, bytes) in &files {
        assert!(bytes == &again[name], "{name} differs the second time");
    }
    // an export into the folder of an earlier one replaces it
    let (_, replaced, _) = export(stack, "again", month, &["--document", "accrual"]);
    let left: Vec<&str> = replaced.keys().map(String::as_str).collect();
    assert_eq!(left, ["accrual.csv", "datapackage.json", "manifest.json"]);

    the_manifest_is_true(&files);
    its_sums_are_those_of_the_ledger(stack, &files, month);
    rows_point_to_rows(&files);
    one_document_goes_to_a_file_or_the_terminal(stack, &files, month, manufacturer);
    if let Some(shots) = std::env::var_os("AFTERCARE_SHOTS") {
        let to = Path::new(&shots).join("export");
        fs::create_dir_all(&to).unwrap();
        for name in files.keys() {
            fs::copy(folder.join(name), to.join(name)).unwrap();
        }
    }
}

fn the_manifest_is_true(files: &Files) {
    let manifest: Value = serde_json::from_slice(&files["manifest.json"]).unwrap();
    assert_eq!(manifest["about"]["state"], "closed");
    let listed = manifest["files"].as_array().unwrap();
    assert_eq!(listed.len() + 1, files.len());
    for file in listed {
        let name = file["path"].as_str().unwrap();
        let bytes = &files[name];
        assert_eq!(file["bytes"].as_u64(), u64::try_from(bytes.len()).ok());
        assert_eq!(file["sha256"].as_str().unwrap(), sha256(bytes), "{name}");
        if name.ends_with(".csv") {
            let count = rows(files, name).len();
            assert_eq!(file["rows"].as_u64(), u64::try_from(count).ok(), "{name}");
        }
    }
    let of = |name: &str| listed.iter().find(|file| file["path"] == name).unwrap();
    assert_eq!(of("invoice.csv")["totals"], of("invoice.parquet")["totals"]);
    assert_eq!(of("invoice.csv")["totals"], of("invoice.xlsx")["totals"]);
}

fn sha256(bytes: &[u8]) -> String {
    use std::io::Write as _;
    let mut child = std::process::Command::new("sha256sum")
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(bytes).unwrap();
    let out = child.wait_with_output().unwrap().stdout;
    String::from_utf8(out).unwrap().split_whitespace().next().unwrap().to_owned()
}

fn its_sums_are_those_of_the_ledger(stack: &Stack, files: &Files, month: &str) {
    let invoices = rows(files, "invoice.csv");
    assert_eq!(sum(&invoices, "amount"), amount(stack, "payer != 'patient'", month));
    assert_eq!(sum(&rows(files, "invoice-totals.csv"), "amount"), sum(&invoices, "amount"));
    // no line that is owed is missing, none of another kind is there
    let ids = format!(
        "SELECT entry_id FROM ledger FINAL WHERE booking_period = '{month}' AND kind = 'line' AND payer != 'patient'"
    );
    let ids: BTreeSet<String> = sql(stack, &ids).lines().map(str::to_owned).collect();
    assert_eq!(invoices.iter().map(|row| row["entry"].clone()).collect::<BTreeSet<_>>(), ids);
    let payees = rows(files, "statement-payees.csv");
    assert_eq!(sum(&payees, "amount"), amount(stack, "payee != 'patient'", month));
    let patients = rows(files, "statement-patients.csv");
    assert_eq!(sum(&patients, "owes"), amount(stack, "payer = 'patient'", month));
    assert_eq!(sum(&patients, "is_owed"), amount(stack, "payee = 'patient'", month));
    let totals = sum(&rows(files, "statement-patients-totals.csv"), "amount");
    assert_eq!(totals, sum(&patients, "owes") - sum(&patients, "is_owed"));
    // what the tax platform is asked for is what is owed
    let requests = rows(files, "einvoice-request.csv");
    let known: Vec<_> = invoices.iter().filter(|row| row["party"] != "maker-c").cloned().collect();
    assert_eq!(sum(&requests, "金额"), sum(&known, "amount"));
    assert!(requests.iter().any(|row| row["项目名称"] == "随访服务费" && row["税率"] == "免税"));
    // a letter for each party
    for (document, party) in invoices
        .iter()
        .map(|row| ("invoice", &row["party"]))
        .chain(payees.iter().map(|row| ("statement-payees", &row["party"])))
    {
        let name = format!("{document}-{party}-CNY.pdf");
        assert!(files.get(&name).is_some_and(|file| file.starts_with(b"%PDF-")), "{name}");
    }
}

/// The description is of the files: every field, every key, every pointer.
fn rows_point_to_rows(files: &Files) {
    let package: Value = serde_json::from_slice(&files["datapackage.json"]).unwrap();
    let resources = package["resources"].as_array().unwrap();
    let texts = |value: &Value| -> Vec<String> {
        value.as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned()).collect()
    };
    let keys = |resource: &str, fields: &[String]| -> Vec<Vec<String>> {
        let rows = rows(files, &format!("{resource}.csv"));
        rows.iter().map(|row| fields.iter().map(|field| row[field].clone()).collect()).collect()
    };
    let mut pointers = 0;
    for resource in resources {
        let name = resource["name"].as_str().unwrap();
        let fields = resource["schema"]["fields"].as_array().unwrap();
        let head = String::from_utf8(files[resource["path"].as_str().unwrap()].clone()).unwrap();
        let named: Vec<&str> = fields.iter().map(|field| field["name"].as_str().unwrap()).collect();
        assert_eq!(head.lines().next().unwrap(), named.join(","), "{name}");
        let own = keys(name, &texts(&resource["schema"]["primaryKey"]));
        assert_eq!(own.iter().collect::<BTreeSet<_>>().len(), own.len(), "keys of {name}");
        for foreign in resource["schema"]["foreignKeys"].as_array().into_iter().flatten() {
            let of = &foreign["reference"];
            let there: BTreeSet<_> =
                keys(of["resource"].as_str().unwrap(), &texts(&of["fields"])).into_iter().collect();
            assert!(keys(name, &texts(&foreign["fields"])).iter().all(|key| there.contains(key)), "{name}");
            pointers += 1;
        }
    }
    assert_eq!((resources.len(), pointers), (9, 4));
}

/// Devices become known in the month in which everything arrives, and that is when provisions are made.
pub(crate) fn the_books_of_the_open_month_balance(stack: &Stack) {
    let month = sql(stack, "SELECT max(booking_period) FROM ledger WHERE kind = 'posting'");
    let (_, files, _) = export(stack, "books", &month, &["--party", "maker-a"]);
    let journal = rows(&files, "draft-journal.csv");
    assert!(!journal.is_empty() && sum(&journal, "debit") == sum(&journal, "credit"));
    let provisions = rows(&files, "draft-accrual.csv");
    for row in &provisions {
        let of = |field: &str| sum(std::slice::from_ref(row), field);
        assert_eq!(of("opening") + of("accrued") - of("released"), of("closing"), "{row:?}");
        let turnover = |side: &str| -> i64 {
            let own = |posting: &&BTreeMap<String, String>| {
                posting["party"] == row["party"]
                    && posting["contract"] == row["contract"]
                    && posting["account"].ends_with("-provision")
            };
            journal.iter().filter(own).map(|posting| sum(std::slice::from_ref(posting), side)).sum()
        };
        assert_eq!((turnover("credit"), turnover("debit")), (of("accrued"), of("released")));
    }
    let accrued = "kind = 'posting' AND payer = 'maker-a' AND credit_account = 'warranty-provision'";
    let of = format!("FROM ledger FINAL WHERE booking_period = '{month}' AND {accrued}");
    let accrued: i64 = sql(stack, &format!("SELECT sum(amount_minor) {of}")).trim().parse().unwrap();
    assert!(accrued > 0 && sum(&provisions, "accrued") == accrued, "{accrued}");
}

fn one_document_goes_to_a_file_or_the_terminal(
    stack: &Stack,
    files: &Files,
    month: &str,
    manufacturer: &str,
) {
    let (code, printed) = bill(stack, &["export", "--month", month, "--document", "journal"]);
    assert!(code == 0 && printed.as_bytes() == files["journal.csv"]);
    let path = stack.folder().join("alone.pdf");
    let which = ["--document", "invoice", "--party", manufacturer, "--format", "pdf"];
    let out = ["export", "--month", month, "--out", path.to_str().unwrap()];
    let (code, said) = bill(stack, &[&out[..], &which].concat());
    assert_eq!(code, 0, "{said}");
    assert!(fs::read(&path).unwrap() == files[&format!("invoice-{manufacturer}-CNY.pdf")]);
    let (code, said) = bill(stack, &["export", "--month", month]);
    assert!(code == 1 && said.contains("documents come of it: give a folder with --out"), "{said}");
    // nothing of somebody else is overwritten
    let (code, said) = bill(stack, &["export", "--month", month, "--out", stack.folder().to_str().unwrap()]);
    assert!(code == 1 && said.contains("holds other files"), "{said}");
}

/// A payer in the EU gets its invoice in UBL; what takes back more than it bills is a credit note.
pub(crate) fn a_payer_in_the_eu_gets_ubl(stack: &Stack, month: &str, manufacturer: &str) {
    let copy = |change: &str| {
        sql(
            stack,
            &format!(
                "INSERT INTO ledger SELECT * REPLACE ({change}, concat('eu/', entry_id) AS entry_id, 'EUR' AS currency, \
                 'eu-example' AS contract) FROM ledger AS l FINAL WHERE l.booking_period = '{month}' \
                 AND l.payer = '{manufacturer}' AND l.kind = 'line'"
            ),
        )
    };
    copy("'maker-e' AS payer");
    sql(
        stack,
        "INSERT INTO ledger SELECT * REPLACE (concat('eu/', entry_id) AS entry_id, \
         replaceOne(assumeNotNull(closing_id), 'warranty-example', 'eu-example') AS closing_id) FROM ledger AS l FINAL \
         WHERE l.kind = 'marker'",
    );
    let which = ["--format", "ubl", "--party", "maker-e"];
    let (_, files, said) = export(stack, "ubl", month, &which);
    let xml = String::from_utf8(files["invoice-maker-e-EUR.xml"].clone()).unwrap();
    let total = Minor(amount(stack, "payer = 'maker-e'", month)).text(2);
    assert!(
        xml.contains(&format!("<cbc:PayableAmount currencyID=\"EUR\">{total}</cbc:PayableAmount>")),
        "{xml}"
    );
    assert!(
        xml.contains("<cbc:RegistrationName>Maker E Medical GmbH</cbc:RegistrationName>"),
        "{said}\n{xml}"
    );
    if let Some(shots) = std::env::var_os("AFTERCARE_SHOTS") {
        fs::write(Path::new(&shots).join("invoice.xml"), &xml).unwrap();
    }
    // nobody's pseudonym is in it
    let patients = format!("SELECT DISTINCT patient_id FROM ledger WHERE payer = '{manufacturer}'");
    for patient in sql(stack, &patients).lines() {
        assert!(!xml.contains(patient));
    }
}
