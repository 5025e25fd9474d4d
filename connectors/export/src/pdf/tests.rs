use super::font::{Fonts, Weight};
use super::layout::{Mark, Page, WIDTH, pages};
use super::*;

fn column(title: &str, share: f32, right: bool) -> Column {
    Column { title: title.to_owned(), share, right }
}

fn row(cells: &[&str], minor: i64) -> Row {
    Row { cells: cells.iter().map(|&cell| cell.to_owned()).collect(), minor, counted: true }
}

/// So many patients with five lines each, one of which is shown and not counted.
fn letter(patients: usize) -> Letter {
    let lines = |patient: usize| {
        let mut rows: Vec<Row> = (1..=5)
            .map(|slot| {
                let (slot, day) = (format!("{slot}"), format!("2026-01-{:02}", 3 + slot));
                row(
                    &[&slot, &day, "129.8", "120.5", "fee 基本费", "warranty-example@1"],
                    6_400 + i64::try_from(patient).unwrap(),
                )
            })
            .collect();
        rows[4].counted = false;
        rows
    };
    let groups: Vec<Group> =
        (0..patients).map(|n| Group { title: format!("Patient 患者 p-{n:06}"), rows: lines(n) }).collect();
    let total =
        groups.iter().flat_map(|group| &group.rows).filter(|row| row.counted).map(|row| row.minor).sum();
    Letter {
        title: "Invoice 账单".to_owned(),
        number: "AC-2026-01-maker-a-CNY".to_owned(),
        mark: String::new(),
        from: [
            "Follow-up Example Ltd. 随访示例有限公司",
            "上海市静安区运河街 12 号",
            "12 Canal Street, 200040 Shanghai",
        ]
        .map(str::to_owned)
        .to_vec(),
        to: [
            "Maker A Medical Co., Ltd. 甲医疗器械有限公司",
            "Accounts payable",
            "88 Example Road",
            "200120 Shanghai",
        ]
        .map(str::to_owned)
        .to_vec(),
        facts: [("Period 账期", "2026-01"), ("Issued 开具日期", "2026-02-06"), ("Currency 币种", "CNY")]
            .map(|(label, value)| (label.to_owned(), value.to_owned()))
            .to_vec(),
        summary: Summary {
            columns: vec![column("Component\n项目", 3.0, false), column("Lines\n笔数", 1.0, true)],
            rows: vec![row(&["fee 基本费", "5"], total)],
        },
        columns: vec![
            column("Slot\n期次", 0.8, true),
            column("Answered\n填答日期", 1.4, false),
            column("Index\n指数", 1.0, true),
            column("Expected\n预期", 1.0, true),
            column("Component\n项目", 2.0, false),
            column("Contract\n合同", 2.4, false),
        ],
        amount: "Amount\n金额".to_owned(),
        groups,
        notes: vec!["Amounts were computed once and are never changed. 金额一经计算不再更改。".to_owned()],
        currency: "CNY".to_owned(),
        places: 2,
    }
}

fn texts(page: &Page) -> Vec<&str> {
    page.iter()
        .filter_map(|mark| match mark {
            Mark::Text { text, .. } => Some(&**text),
            _ => None,
        })
        .collect()
}

/// The amount that stands right behind this label.
fn after<'p>(page: &'p Page, label: &str) -> Option<&'p str> {
    let texts = texts(page);
    let at = texts.iter().position(|text| text.starts_with(label))?;
    let own = texts[at].strip_prefix(label)?.trim();
    Some(if own.is_empty() { texts[at + 1] } else { own })
}

#[test]
fn pages_carry_their_totals_on() {
    let letter = letter(60);
    let pages = pages(&letter, &Fonts::load().unwrap()).unwrap();
    assert!(pages.len() > 5, "{}", pages.len());
    let mut on_pages = 0;
    let minor = |text: &str| text.replace([',', '.'], "").parse::<i64>().unwrap();
    for (n, page) in pages.iter().enumerate() {
        on_pages += after(page, "Total of this page 本页合计").map_or(0, minor);
        if let Some(next) = pages.get(n + 1) {
            let forward = after(page, "Carried forward 转下页").unwrap().strip_prefix("CNY ").unwrap();
            assert_eq!(after(next, "Brought forward 承前页"), Some(forward));
            assert_eq!(minor(forward), on_pages);
        }
        assert!(texts(page).contains(&&*format!("Page {} of {}  第 {0} 页，共 {1} 页", n + 1, pages.len())));
    }
    // 60 patients with four lines that count: 4 x (60 x 6,400 + 0 + 1 + ... + 59)
    let total = 4 * (60 * 6_400 + 59 * 60 / 2);
    assert_eq!(on_pages, total);
    let (first, last) = (pages.first().unwrap(), pages.last().unwrap());
    let expected = format!("CNY {}", amount_text(total, 2));
    assert_eq!((after(first, "Total 合计"), after(last, "Total 合计")), (Some(&*expected), Some(&*expected)));
}

#[test]
fn every_line_stands_once_and_inside_the_margins() {
    let (mut letter, fonts) = (letter(60), Fonts::load().unwrap());
    letter.groups[7].rows[2].cells[5] = "a-contract-with-a-name-that-is-longer-than-any-column@12".to_owned();
    letter.groups[8].title = "Patient 患者 3b0f8a52-7d0c-4d6e-9a3e-0a3f2f1f9c11".to_owned();
    let pages = pages(&letter, &fonts).unwrap();
    let days = pages.iter().flat_map(texts).filter(|text| text.starts_with("2026-01-")).count();
    assert_eq!(days, 300);
    for mark in pages.iter().flatten() {
        if let Mark::Text { x, size, weight, text, .. } = mark {
            let end = x + fonts.width(*weight, *size, text);
            assert!(*x >= 47.0 && end <= WIDTH - 47.0, "{text} ends at {end}");
        }
    }
}

#[test]
fn headings_are_bold_in_both_languages() {
    let fonts = Fonts::load().unwrap();
    let letter = letter(1);
    let headings = letter.columns.iter().chain(&letter.summary.columns).map(|column| &column.title);
    for text in headings.chain([&letter.title, &letter.amount]).flat_map(|text| text.lines()) {
        assert_eq!(fonts.weight(Weight::Bold, text), Weight::Bold, "{text}");
    }
    assert_eq!(fonts.weight(Weight::Bold, "鑫"), Weight::Regular);
}

#[test]
fn a_character_without_a_glyph_is_refused_by_its_place() {
    let mut letter = letter(1);
    letter.to[0] = "Maker \u{1F600}".to_owned();
    assert_eq!(render(&letter).unwrap_err().to_string(), "the recipient: the font has no character U+1F600");
}

#[test]
fn the_same_letter_gives_the_same_bytes() {
    let bytes = render(&letter(30)).unwrap();
    assert_eq!(bytes, render(&letter(30)).unwrap());
    assert_ne!(bytes, render(&letter(31)).unwrap());
    // fonts of 2 MB are there by the part that is used
    assert!(bytes.starts_with(b"%PDF-1.7") && bytes.len() < 100_000, "{}", bytes.len());
    if let Some(shots) = std::env::var_os("AFTERCARE_SHOTS") {
        std::fs::write(std::path::Path::new(&shots).join("letter.pdf"), bytes).unwrap();
    }
}

#[test]
fn amounts_are_grouped() {
    let texts = [(116_480, 2), (-1_600, 2), (123_456_789, 0), (5, 3), (99_999, 2)]
        .map(|(minor, places)| amount_text(minor, places));
    assert_eq!(texts, ["1,164.80", "-16.00", "123,456,789", "0.005", "999.99"]);
}
