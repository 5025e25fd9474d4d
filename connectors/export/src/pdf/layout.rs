//! What stands where on which page. Points, from the upper left corner of an A4 page.

use super::font::{Fonts, Weight};
use super::{Column, Letter, Row, amount_text};
use crate::ExportError;

pub(super) const WIDTH: f32 = 595.28;
pub(super) const HEIGHT: f32 = 841.89;
const LEFT: f32 = 48.0;
const RIGHT: f32 = WIDTH - 48.0;
const TOP: f32 = 52.0;
/// Lines end here; below it the page's total, then its number.
const BOTTOM: f32 = HEIGHT - 84.0;
const BODY: f32 = 7.5;
const SMALL: f32 = 6.5;
/// Of a line of text, by its size.
const LEADING: f32 = 1.35;
const GAP: f32 = 4.0;
const AMOUNT_WIDTH: f32 = 78.0;

/// What is drawn.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Mark {
    Text { x: f32, y: f32, size: f32, weight: Weight, grey: f32, text: String },
    Rule { from: f32, to: f32, y: f32, width: f32 },
    Band { x: f32, y: f32, width: f32, height: f32 },
}

/// The marks of a page, in the order in which they are drawn.
pub(super) type Page = Vec<Mark>;

/// A table's columns, as places.
struct Places {
    /// Left and right edge.
    edges: Vec<(f32, f32)>,
    right: Vec<bool>,
}

struct Flow<'l> {
    letter: &'l Letter,
    fonts: &'l Fonts,
    lines: Places,
    pages: Vec<Page>,
    page: Page,
    y: f32,
    /// Sum of the lines on this page, and of those on all pages so far.
    on_page: i64,
    so_far: i64,
}

/// All pages of the letter.
pub(super) fn pages(letter: &Letter, fonts: &Fonts) -> Result<Vec<Page>, ExportError> {
    check(letter, fonts)?;
    let lines = Places::of(&letter.columns);
    let (page, pages) = (Page::new(), Vec::new());
    let mut flow = Flow { letter, fonts, lines, pages, page, y: TOP, on_page: 0, so_far: 0 };
    flow.letterhead();
    flow.summary();
    flow.headings();
    for group in &letter.groups {
        flow.group(&group.title, &group.rows)?;
    }
    flow.end();
    let mut pages = flow.pages;
    let count = pages.len();
    for (at, page) in pages.iter_mut().enumerate() {
        footer(page, letter, fonts, &format!("Page {} of {count}  第 {0} 页，共 {count} 页", at + 1));
    }
    Ok(pages)
}

fn check(letter: &Letter, fonts: &Fonts) -> Result<(), ExportError> {
    let all = |place, texts: &mut dyn Iterator<Item = &String>| {
        for text in texts {
            fonts.check(place, &text.replace('\n', ""))?;
        }
        Ok(())
    };
    all("the title", &mut [&letter.title, &letter.number, &letter.mark].into_iter())?;
    all("the sender", &mut letter.from.iter())?;
    all("the recipient", &mut letter.to.iter())?;
    all("the facts", &mut letter.facts.iter().flat_map(|(label, value)| [label, value]))?;
    all(
        "the headings",
        &mut letter.columns.iter().chain(&letter.summary.columns).map(|column| &column.title),
    )?;
    all("the summary", &mut letter.summary.rows.iter().flat_map(|row| &row.cells))?;
    all("a heading of lines", &mut letter.groups.iter().map(|group| &group.title))?;
    all("a line", &mut letter.groups.iter().flat_map(|group| &group.rows).flat_map(|row| &row.cells))?;
    all("the notes", &mut letter.notes.iter())
}

impl Places {
    fn of(columns: &[Column]) -> Places {
        let shares: f32 = columns.iter().map(|column| column.share).sum();
        let room = RIGHT - LEFT - AMOUNT_WIDTH;
        let (mut edges, mut x) = (Vec::new(), LEFT);
        for column in columns {
            let end = x + room * column.share / shares;
            edges.push((x, end - GAP));
            x = end;
        }
        Places { edges, right: columns.iter().map(|column| column.right).collect() }
    }
}

impl Flow<'_> {
    fn text(&mut self, (x, y): (f32, f32), size: f32, weight: Weight, text: &str) {
        let weight = self.fonts.weight(weight, text);
        self.page.push(Mark::Text { x, y, size, weight, grey: 0.0, text: text.to_owned() });
    }

    fn right(&mut self, (x, y): (f32, f32), size: f32, weight: Weight, text: &str) {
        let width = self.fonts.width(self.fonts.weight(weight, text), size, text);
        self.text((x - width, y), size, weight, text);
    }

    fn rule(&mut self, y: f32, width: f32) {
        self.page.push(Mark::Rule { from: LEFT, to: RIGHT, y, width });
    }

    /// Sender above the recipient; title, mark and facts beside them.
    fn letterhead(&mut self) {
        let letter = self.letter;
        let middle = LEFT + (RIGHT - LEFT) * 0.52;
        let mut y = TOP;
        for (n, line) in letter.from.iter().enumerate() {
            let weight = if n == 0 { Weight::Bold } else { Weight::Regular };
            for line in wrap(self.fonts, line, BODY, middle - LEFT - GAP) {
                self.text((LEFT, y), BODY, weight, &line);
                y += BODY * LEADING;
            }
        }
        y = (y + 18.0).max(TOP + 78.0);
        self.text((LEFT, y), SMALL, Weight::Regular, "To 致");
        y += 14.0;
        for line in &letter.to {
            for line in wrap(self.fonts, line, 9.5, middle - LEFT - GAP) {
                self.text((LEFT, y), 9.5, Weight::Regular, &line);
                y += 9.5 * LEADING;
            }
        }
        let mut beside = TOP + 6.0;
        self.text((middle, beside), 15.0, Weight::Bold, &letter.title);
        if !letter.mark.is_empty() {
            beside += 18.0;
            self.text((middle, beside), 11.0, Weight::Bold, &letter.mark);
        }
        beside += 20.0;
        for (label, value) in &letter.facts {
            self.text((middle, beside), BODY, Weight::Regular, label);
            let at = middle + 108.0;
            for line in wrap(self.fonts, value, BODY, RIGHT - at) {
                self.text((at, beside), BODY, Weight::Bold, &line);
                beside += BODY * LEADING;
            }
        }
        self.y = y.max(beside) + 16.0;
    }

    fn summary(&mut self) {
        let letter = self.letter;
        if letter.summary.rows.is_empty() {
            return;
        }
        let places = Places::of(&letter.summary.columns);
        let titles: Vec<String> = letter.summary.columns.iter().map(|column| column.title.clone()).collect();
        self.head_row(&titles, &places);
        let mut total = 0_i64;
        for row in &letter.summary.rows {
            if self.y + self.height(&row.cells, &places) > BOTTOM - 30.0 {
                self.turn(false);
                self.head_row(&titles, &places);
            }
            self.cells(&row.cells, &places, &amount(row, letter.places));
            total = total.saturating_add(if row.counted { row.minor } else { 0 });
        }
        self.rule(self.y - 7.0, 0.8);
        let text = format!("{} {}", letter.currency, amount_text(total, letter.places));
        self.y += 4.0;
        self.text((LEFT, self.y), 9.0, Weight::Bold, "Total 合计");
        self.right((RIGHT, self.y), 9.0, Weight::Bold, &text);
        self.y += 26.0;
    }

    fn headings(&mut self) {
        if self.letter.groups.is_empty() {
            return;
        }
        if self.y > BOTTOM - 80.0 {
            self.turn(false);
        }
        let titles: Vec<String> = self.letter.columns.iter().map(|column| column.title.clone()).collect();
        let places = Places { edges: self.lines.edges.clone(), right: self.lines.right.clone() };
        self.head_row(&titles, &places);
    }

    fn head_row(&mut self, titles: &[String], places: &Places) {
        let letter = self.letter;
        let lines =
            titles.iter().chain([&letter.amount]).map(|title| title.lines().count()).max().unwrap_or(1);
        let height = (0..lines).map(|_| SMALL * LEADING).sum::<f32>() + 5.0;
        self.page.push(Mark::Band {
            x: LEFT - 3.0,
            y: self.y - SMALL - 2.0,
            width: RIGHT - LEFT + 6.0,
            height,
        });
        let amount = ((RIGHT - AMOUNT_WIDTH, RIGHT), true, &letter.amount);
        let texts = places.edges.iter().zip(&places.right).zip(titles);
        for ((from, to), right, title) in
            texts.map(|((edges, right), title)| (*edges, *right, title)).chain([amount])
        {
            let mut y = self.y;
            for line in title.lines() {
                if right {
                    self.right((to, y), SMALL, Weight::Bold, line);
                } else {
                    self.text((from, y), SMALL, Weight::Bold, line);
                }
                y += SMALL * LEADING;
            }
        }
        self.y += height + 6.0;
    }

    fn height(&self, cells: &[String], places: &Places) -> f32 {
        let lines = cells.iter().zip(&places.edges);
        let lines = lines.map(|(cell, (from, to))| wrap(self.fonts, cell, BODY, to - from).len()).max();
        (0..lines.unwrap_or(1)).map(|_| BODY * LEADING).sum()
    }

    fn cells(&mut self, cells: &[String], places: &Places, amount: &str) {
        let height = self.height(cells, places);
        for ((cell, (from, to)), right) in cells.iter().zip(&places.edges).zip(&places.right) {
            let mut y = self.y;
            for line in wrap(self.fonts, cell, BODY, to - from) {
                if *right {
                    self.right((*to, y), BODY, Weight::Regular, &line);
                } else {
                    self.text((*from, y), BODY, Weight::Regular, &line);
                }
                y += BODY * LEADING;
            }
        }
        self.right((RIGHT, self.y), BODY, Weight::Regular, amount);
        self.y += height + 1.5;
    }

    fn group(&mut self, title: &str, rows: &[Row]) -> Result<(), ExportError> {
        let places = Places { edges: self.lines.edges.clone(), right: self.lines.right.clone() };
        let first = rows.first().map_or(0.0, |row| self.height(&row.cells, &places));
        if self.y + 16.0 + first > BOTTOM {
            self.turn(true);
        }
        self.group_title(title);
        let mut sum = 0_i64;
        for row in rows {
            if self.y + self.height(&row.cells, &places) > BOTTOM {
                self.turn(true);
                self.group_title(&format!("{title}  (continued 续)"));
            }
            self.cells(&row.cells, &places, &amount(row, self.letter.places));
            let minor = if row.counted { row.minor } else { 0 };
            let too_large = ExportError::TooLarge { what: "a letter" };
            let (Some(of_group), Some(of_page), Some(of_all)) =
                (sum.checked_add(minor), self.on_page.checked_add(minor), self.so_far.checked_add(minor))
            else {
                return Err(too_large);
            };
            (sum, self.on_page, self.so_far) = (of_group, of_page, of_all);
        }
        self.rule(self.y - BODY, 0.3);
        let text = amount_text(sum, self.letter.places);
        self.y += 2.0;
        self.right((RIGHT - AMOUNT_WIDTH, self.y), SMALL, Weight::Regular, "Subtotal 小计");
        self.right((RIGHT, self.y), BODY, Weight::Bold, &text);
        self.y += BODY * LEADING + 5.0;
        Ok(())
    }

    fn group_title(&mut self, title: &str) {
        self.text((LEFT, self.y), BODY, Weight::Bold, title);
        self.y += BODY * LEADING + 1.5;
    }

    /// Ends a page and begins the next; amid lines with the page's total, carried forward.
    fn turn(&mut self, amid_lines: bool) {
        if amid_lines {
            self.page_total(true);
        }
        self.pages.push(std::mem::take(&mut self.page));
        (self.y, self.on_page) = (TOP, 0);
        let letter = self.letter;
        let recipient = letter.to.first().map_or("", |name| &**name);
        self.text((LEFT, self.y), BODY, Weight::Bold, &letter.title);
        self.right((RIGHT, self.y), BODY, Weight::Regular, recipient);
        if !letter.mark.is_empty() {
            self.text((LEFT + 200.0, self.y), BODY, Weight::Bold, &letter.mark);
        }
        self.rule(self.y + 5.0, 0.3);
        self.y += 24.0;
        if amid_lines {
            self.headings();
            self.text((LEFT, self.y), BODY, Weight::Regular, "Brought forward 承前页");
            let text = amount_text(self.so_far, letter.places);
            self.right((RIGHT, self.y), BODY, Weight::Regular, &text);
            self.y += BODY * LEADING + 5.0;
        }
    }

    fn page_total(&mut self, goes_on: bool) {
        let places = self.letter.places;
        let y = BOTTOM + 14.0;
        self.rule(y - 10.0, 0.5);
        let of_page = format!("Total of this page 本页合计  {}", amount_text(self.on_page, places));
        self.text((LEFT, y), BODY, Weight::Regular, &of_page);
        let label = if goes_on { "Carried forward 转下页" } else { "Total 合计" };
        let text = format!("{label}  {} {}", self.letter.currency, amount_text(self.so_far, places));
        self.right((RIGHT, y), BODY, Weight::Bold, &text);
    }

    /// The last page's total, and the notes.
    fn end(&mut self) {
        if !self.letter.groups.is_empty() {
            self.page_total(false);
        }
        self.y += 8.0;
        for note in &self.letter.notes {
            let lines = wrap(self.fonts, note, SMALL, RIGHT - LEFT);
            let height = lines.iter().map(|_| SMALL * LEADING).sum::<f32>();
            if self.y + height > BOTTOM {
                self.turn(false);
            }
            for line in lines {
                self.text((LEFT, self.y), SMALL, Weight::Regular, &line);
                self.y += SMALL * LEADING;
            }
            self.y += 3.0;
        }
        self.pages.push(std::mem::take(&mut self.page));
    }
}

fn amount(row: &Row, places: u32) -> String {
    let text = amount_text(row.minor, places);
    if row.counted { text } else { format!("({text})") }
}

fn footer(page: &mut Page, letter: &Letter, fonts: &Fonts, number: &str) {
    let y = HEIGHT - 40.0;
    let mut text = |x: f32, text: &str| {
        let text = text.to_owned();
        page.push(Mark::Text { x, y, size: SMALL, weight: Weight::Regular, grey: 0.35, text });
    };
    text(LEFT, &letter.number);
    text(RIGHT - fonts.width(Weight::Regular, SMALL, number), number);
}

/// The text in lines of at most that many points: broken after a space or `-`, `/`, between Chinese characters, and
/// anywhere where a word alone is longer.
fn wrap(fonts: &Fonts, text: &str, size: f32, room: f32) -> Vec<String> {
    let mut lines = Vec::new();
    for paragraph in text.split('\n') {
        let (mut line, mut width) = (String::new(), 0.0);
        for word in words(paragraph) {
            let needed = fonts.width(Weight::Bold, size, word).max(fonts.width(Weight::Regular, size, word));
            if width + needed > room && !line.is_empty() {
                lines.push(std::mem::take(&mut line).trim_end().to_owned());
                width = 0.0;
            }
            if needed <= room {
                line.push_str(word);
                width += needed;
                continue;
            }
            for c in word.chars() {
                let needed = fonts.regular.advance(c).max(fonts.bold.advance(c)) * size;
                if width + needed > room && !line.is_empty() {
                    lines.push(std::mem::take(&mut line));
                    width = 0.0;
                }
                line.push(c);
                width += needed;
            }
        }
        lines.push(line.trim_end().to_owned());
    }
    lines
}

/// Pieces that stay together.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split_inclusive(|c: char| matches!(c, ' ' | '-' | '/' | '_') || u32::from(c) >= 0x2E80)
}
