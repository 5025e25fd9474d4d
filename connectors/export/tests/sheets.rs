//! Tables as files: exact, complete, the same twice.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::fs;
use std::io::Read;
use std::path::Path;

use aftercare_export::{Cell, Field, Format, Kind, Table, Written};
use parquet::file::reader::{FileReader, SerializedFileReader};

static TABLE: Table = Table {
    name: "lines",
    title: "Lines",
    about: "One row per line",
    fields: &[
        Field::new("party", Kind::Text, "Party 当事方", "Who owes").required(),
        Field::new("day", Kind::Date, "Day", "When"),
        Field::new("slot", Kind::Integer, "Slot", "Number"),
        Field::new("ratio", Kind::Number, "Ratio", "1"),
        Field::new("kind", Kind::Text, "Kind", "line or shown").required().one_of(&["line", "shown"]),
        Field::new("amount", Kind::Amount, "Amount", "Owed").required(),
        Field::new("currency", Kind::Text, "Currency", "ISO 4217").required(),
    ],
    key: &["party", "slot"],
    foreign: &[],
    counted: Some(("kind", "line")),
};

/// Party, slot, kind, minor units, currency, decimals.
const ROWS: [(&str, i64, &str, i64, &str, u32); 6] = [
    ("maker-a", 1, "line", 6_400, "CNY", 2),
    ("maker-a", 2, "line", -6_401, "CNY", 2),
    ("甲公司", 3, "line", 999_999_999_999, "CNY", 2),
    ("maker, \"b\"", 4, "shown", 5_000, "CNY", 2),
    ("maker-e", 5, "line", 1_005, "EUR", 2),
    ("maker-k", 6, "line", 1_005, "KWD", 3),
];

fn write(format: Format, path: &Path, rows: usize) -> Written {
    let mut sheet = format.create(path, &TABLE, 3).unwrap();
    for (party, slot, kind, minor, currency, places) in ROWS.iter().cycle().take(rows) {
        let day = if *slot == 2 { Cell::Empty } else { Cell::date(Some("2026-01-31")) };
        let (amount, ratio) =
            (Cell::Amount { minor: *minor, places: *places }, Cell::number(Some("1.077178")));
        let cells = [
            Cell::Text(party),
            day,
            Cell::Integer(*slot),
            ratio,
            Cell::Text(kind),
            amount,
            Cell::Text(currency),
        ];
        sheet.row(&cells).unwrap();
    }
    sheet.finish().unwrap()
}

#[test]
fn the_same_rows_give_the_same_bytes_and_their_digest() {
    let folder = tempfile::tempdir().unwrap();
    for format in [Format::Csv, Format::Xlsx, Format::Parquet] {
        // more than a group of rows of a Parquet file
        let [one, other] = ["one", "other"].map(|name| folder.path().join(name));
        let (written, again) = (write(format, &one, 20_000), write(format, &other, 20_000));
        assert_eq!((&written, written.rows), (&again, Some(20_000)));
        let bytes = fs::read(&one).unwrap();
        assert!(bytes == fs::read(&other).unwrap(), "{format:?}");
        assert_eq!(written.bytes, u64::try_from(bytes.len()).unwrap());
        let out = std::process::Command::new("sha256sum").arg(&one).output().unwrap().stdout;
        assert!(String::from_utf8(out).unwrap().starts_with(&written.sha256), "{format:?}");
    }
}

#[test]
fn csv_is_a_heading_and_rows() {
    let file = tempfile::NamedTempFile::new().unwrap();
    write(Format::Csv, file.path(), 6);
    let expected = "party,day,slot,ratio,kind,amount,currency\n\
        maker-a,2026-01-31,1,1.077178,line,64.00,CNY\n\
        maker-a,,2,1.077178,line,-64.01,CNY\n\
        甲公司,2026-01-31,3,1.077178,line,9999999999.99,CNY\n\
        \"maker, \"\"b\"\"\",2026-01-31,4,1.077178,shown,50.00,CNY\n\
        maker-e,2026-01-31,5,1.077178,line,10.05,EUR\n\
        maker-k,2026-01-31,6,1.077178,line,1.005,KWD\n";
    assert_eq!(fs::read_to_string(file.path()).unwrap(), expected);
}

#[test]
fn parquet_holds_exact_amounts_and_days() {
    let file = tempfile::NamedTempFile::new().unwrap();
    write(Format::Parquet, file.path(), 6);
    let reader = SerializedFileReader::new(file.reopen().unwrap()).unwrap();
    let rows: Vec<String> = reader.get_row_iter(None).unwrap().map(|row| row.unwrap().to_string()).collect();
    let row = |party: &str, day: &str, slot: i64, kind: &str, amount: &str, currency: &str| {
        format!(
            "{{party: \"{party}\", day: {day}, slot: {slot}, ratio: 1.077178, kind: \"{kind}\", amount: {amount}, \
             currency: \"{currency}\"}}"
        )
    };
    let day = "2026-01-31";
    assert_eq!(
        rows,
        [
            row("maker-a", day, 1, "line", "64.000", "CNY"),
            row("maker-a", "null", 2, "line", "-64.010", "CNY"),
            row("甲公司", day, 3, "line", "9999999999.990", "CNY"),
            row("maker, \"b\"", day, 4, "shown", "50.000", "CNY"),
            row("maker-e", day, 5, "line", "10.050", "EUR"),
            row("maker-k", day, 6, "line", "1.005", "KWD"),
        ]
    );
}

/// A part of a workbook.
fn part(path: &Path, name: &str) -> String {
    let mut archive = zip::ZipArchive::new(fs::File::open(path).unwrap()).unwrap();
    let mut text = String::new();
    archive.by_name(name).unwrap().read_to_string(&mut text).unwrap();
    text
}

/// The formula and the value of a cell.
fn formula<'x>(sheet: &'x str, cell: &str) -> (&'x str, &'x str) {
    let cell =
        sheet.split_once(&format!("<c r=\"{cell}\"")).unwrap_or_else(|| panic!("no {cell} in {sheet}")).1;
    let formula = cell.split_once("<f>").unwrap().1.split_once("</f>").unwrap();
    (formula.0, formula.1.split_once("<v>").unwrap().1.split_once("</v>").unwrap().0)
}

#[test]
fn a_workbook_has_numbers_a_fixed_heading_and_totals_that_are_formulas_with_their_values() {
    let file = tempfile::NamedTempFile::new().unwrap();
    write(Format::Xlsx, file.path(), 6);
    let sheet = part(file.path(), "xl/worksheets/sheet1.xml");
    assert!(sheet.contains("<v>64</v>") && sheet.contains("<v>9999999999.99</v>"), "{sheet}");
    assert!(sheet.contains("state=\"frozen\"") && sheet.contains("ySplit=\"1\""), "{sheet}");
    // 64.00 - 64.01 + 9,999,999,999.99: what is shown does not count
    let sum = |currency: &str| {
        format!("SUMIFS('lines'!F$2:F$7,'lines'!G$2:G$7,\"{currency}\",'lines'!E$2:E$7,\"line\")")
    };
    for (cell, currency, value) in
        [("F8", "CNY", "9999999999.98"), ("F9", "EUR", "10.05"), ("F10", "KWD", "1.005")]
    {
        let (formula, cached) = formula(&sheet, cell);
        assert_eq!((formula.replace("&quot;", "\""), cached), (sum(currency), value), "{cell}");
    }
    let looks = part(file.path(), "xl/styles.xml");
    assert!(looks.contains("#,##0.00 [$CNY]") && looks.contains("#,##0.000 [$KWD]"), "{looks}");
    assert!(part(file.path(), "docProps/core.xml").contains("2000-01-01T00:00:00Z"));
}

#[test]
fn what_does_not_fit_is_refused_by_its_field() {
    let folder = tempfile::tempdir().unwrap();
    for format in [Format::Csv, Format::Xlsx, Format::Parquet] {
        let mut sheet = format.create(&folder.path().join("file"), &TABLE, 2).unwrap();
        let good = [
            Cell::Text("maker-a"),
            Cell::Empty,
            Cell::Empty,
            Cell::Empty,
            Cell::Text("line"),
            Cell::Amount { minor: 1, places: 2 },
            Cell::Text("CNY"),
        ];
        for (at, bad, problem) in [
            (0, Cell::Empty, "table lines, field party: it is empty"),
            (2, Cell::Text("1"), "table lines, field slot: the cell is of another kind"),
            (4, Cell::Text("held"), "table lines, field kind: it is none of the values that are allowed"),
        ] {
            let mut cells = good;
            cells[at] = bad;
            assert_eq!(sheet.row(&cells).unwrap_err().to_string(), problem);
        }
        let too_large = [Cell::Amount { minor: i64::MAX, places: 2 }; 1];
        let mut cells = good;
        cells[5] = too_large[0];
        assert_eq!(sheet.row(&cells).is_err(), format != Format::Csv, "{format:?}");
    }
}
