//! Scoring a CSV file: its lines as they are, and beside them what an instrument makes of them.

mod describe;
mod lines;
mod scorer;

use std::fmt;
use std::io::{self, BufRead, Write};

use anyhow::{Context, bail};

pub(crate) use describe::{list, show, show_chart, show_outline};
use lines::{Line, Lines};
pub(crate) use scorer::{Chart, Questionnaire, Scorer};

const MISSING: &str = "missing_answers";
const CELLS: &str = "wrong_number_of_cells";

/// How many lines there were, and what became of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) lines: u64,
    pub(crate) scored: u64,
    /// With a cell that can't be used, or too many or too few of them.
    pub(crate) refused: u64,
}

impl fmt::Display for Counts {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Counts { lines, scored, refused } = self;
        write!(
            formatter,
            "{lines} lines: {scored} scored, {} unscored, {refused} refused",
            lines - scored - refused
        )
    }
}

/// Scores the lines of `input` into `output`. `tell` hears of each bad cell, by line and column, never what it holds.
///
/// # Errors
/// The file can't be read, its header does not fit, a quote is not closed, or the output can't be written.
pub(crate) fn score(
    input: impl BufRead,
    output: &mut impl Write,
    scorer: &mut dyn Scorer,
    tell: &mut dyn FnMut(fmt::Arguments<'_>),
) -> anyhow::Result<Counts> {
    let (mut lines, mut line) = (Lines::new(input), Line::default());
    if !lines.header(&mut line)? {
        bail!("the file has no header line");
    }
    let table = Table::of(&line, scorer)?;
    table.write(output, &line, |output| {
        for name in scorer.outputs() {
            write!(output, ",{name}")?;
        }
        output.write_all(b",status,reason")
    })?;
    let mut counts = Counts::default();
    let mut values = Vec::new();
    let none = vec![f64::NAN; scorer.outputs().len()];
    while lines.next(&mut line)? {
        // What programs write at a file's end, but with one column it is an empty cell.
        if line.text().is_empty() && table.names.len() > 1 {
            continue;
        }
        counts.lines += 1;
        let refused = table.take(&line, scorer, tell);
        if refused.is_none() {
            scorer.score(&mut values);
        } else {
            values.clone_from(&none);
        }
        let scored = values.iter().any(|value| !value.is_nan());
        counts.scored += u64::from(scored);
        counts.refused += u64::from(refused.is_some());
        table.write(output, &line, |output| {
            for value in &values {
                match value.is_nan() {
                    true => output.write_all(b",")?,
                    // Without a sign of zero.
                    false => write!(output, ",{}", value + 0.0)?,
                }
            }
            match (scored, refused) {
                (true, _) => output.write_all(b",scored,"),
                (false, reason) => write!(output, ",unscored,{}", reason.unwrap_or(MISSING)),
            }
        })?;
    }
    output.flush().context("write the output")?;
    Ok(counts)
}

/// What the header says of the columns.
struct Table {
    names: Vec<String>,
    /// The first column of an item.
    first: usize,
}

impl Table {
    fn of(header: &Line, scorer: &dyn Scorer) -> anyhow::Result<Self> {
        let name = |at| String::from_utf8_lossy(&header.cell(at)).into_owned();
        let names: Vec<String> = (0..header.len()).map(name).collect();
        let first = usize::from(names.first().is_some_and(|name| name.eq_ignore_ascii_case("id")));
        let (found, needed) = (names.len() - first, scorer.inputs());
        if found != needed {
            bail!(
                "line {}: {found} columns of items, but {} has {needed} (in its published order; a first column \
                 called id may stand before them)",
                header.number,
                scorer.name(),
            );
        }
        Ok(Self { names, first })
    }

    /// Reads the cells of a line. The first reason for which it is refused.
    fn take(
        &self,
        line: &Line,
        scorer: &mut dyn Scorer,
        tell: &mut dyn FnMut(fmt::Arguments<'_>),
    ) -> Option<&'static str> {
        if line.len() != self.names.len() {
            tell(format_args!(
                "line {}: {} cells, and the header has {}",
                line.number,
                line.len(),
                self.names.len()
            ));
            return Some(CELLS);
        }
        let mut refused = None;
        for (at, name) in self.names.iter().enumerate().skip(self.first) {
            if let Err(bad) = scorer.take(at - self.first, &line.cell(at)) {
                tell(format_args!("line {}, column {} ({name}): {}", line.number, at + 1, bad.message));
                refused = refused.or(Some(bad.reason));
            }
        }
        refused
    }

    /// Writes a line with as many cells as the header has, and more beside it.
    fn write<W: Write>(
        &self,
        output: &mut W,
        line: &Line,
        more: impl FnOnce(&mut W) -> io::Result<()>,
    ) -> anyhow::Result<()> {
        let text = if line.len() > self.names.len() { line.first(self.names.len()) } else { line.text() };
        let write = || {
            output.write_all(text)?;
            for _ in line.len()..self.names.len() {
                output.write_all(b",")?;
            }
            more(output)?;
            output.write_all(b"\n")
        };
        write().context("write the output")
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use aftercare_core::documents::Library;
    use aftercare_core::vital::news2::Spo2Scale;

    use super::*;

    fn questionnaire(id: &str) -> Questionnaire {
        Questionnaire::new(Arc::clone(Library::builtin().instrument(id, None).unwrap()), 0)
    }

    /// Lines of the output, lines of what was told, counts.
    fn run(scorer: &mut dyn Scorer, text: &str) -> (Vec<String>, Vec<String>, Counts) {
        let (mut output, mut told) = (Vec::new(), Vec::new());
        let counts =
            score(text.as_bytes(), &mut output, scorer, &mut |line| told.push(line.to_string())).unwrap();
        let output = String::from_utf8(output).unwrap().lines().map(str::to_owned).collect();
        (output, told, counts)
    }

    #[test]
    fn a_line_stays_as_it_is_and_gets_its_score() {
        let text = "# from a hospital\r\nID,first,second\r\n\"a, \"\"b\"\"\",\"1\", 2 \r\nc,3.0,\r\n";
        let (output, told, counts) = run(&mut questionnaire("phq-2"), text);
        assert_eq!(
            output,
            [
                "ID,first,second,score,status,reason",
                "\"a, \"\"b\"\"\",\"1\", 2 ,3,scored,",
                "c,3.0,,,unscored,missing_answers",
            ]
        );
        assert!(told.is_empty(), "{told:?}");
        assert_eq!(counts, Counts { lines: 2, scored: 1, refused: 0 });
    }

    #[test]
    fn bad_cells_are_named_by_line_and_column_and_never_shown() {
        let text = "id,a,b\n1,secret,4\n2,1,1\n3,1\n\n4,1,1,1\n";
        let (output, told, counts) = run(&mut questionnaire("phq-2"), text);
        assert_eq!(
            output[1..],
            [
                "1,secret,4,,unscored,not_a_number",
                "2,1,1,2,scored,",
                "3,1,,,unscored,wrong_number_of_cells",
                "4,1,1,,unscored,wrong_number_of_cells",
            ]
        );
        assert_eq!(
            told,
            [
                "line 2, column 2 (a): is no whole number",
                "line 2, column 3 (b): is no answer of phq2_2 (0 to 3)",
                "line 4: 2 cells, and the header has 3",
                "line 6: 4 cells, and the header has 3",
            ]
        );
        assert_eq!(counts.to_string(), "4 lines: 1 scored, 0 unscored, 3 refused");
    }

    #[test]
    fn an_empty_line_of_one_column_is_a_missing_answer() {
        let (output, _, counts) = run(&mut questionnaire("eq-vas"), "vas\n40\n\n\"\"\n100\n");
        let rows = [
            "40,40,scored,",
            ",,unscored,missing_answers",
            "\"\",,unscored,missing_answers",
            "100,100,scored,",
        ];
        assert_eq!(output[1..], rows);
        assert_eq!((counts.lines, counts.scored), (4, 2));
    }

    #[test]
    fn scales_that_are_there_are_scored_beside_those_that_are_not() {
        let header = "a,b,c,d,e,f,g\n";
        let (output, ..) = run(&mut questionnaire("saq-7"), &format!("{header}6,6,3,1,2,,\n"));
        let columns = "physical_limitation,angina_frequency,quality_of_life,summary,status,reason";
        assert_eq!(output[0], format!("a,b,c,d,e,f,g,{columns}"));
        assert_eq!(output[1], "6,6,3,1,2,,,,10,,10,scored,");
    }

    #[test]
    fn a_header_that_does_not_fit_is_refused_as_a_whole() {
        for text in ["", "# nothing\n", "a\n1\n", "a,b,c\n1,1,1\n", "id,a\n1,1\n"] {
            let mut output = Vec::new();
            let scorer: &mut dyn Scorer = &mut questionnaire("phq-2");
            assert!(score(text.as_bytes(), &mut output, scorer, &mut |_| ()).is_err(), "{text:?}");
            assert!(output.is_empty());
        }
    }

    const SIGNS: &str = "rr,spo2,on_o2,temp_c,sbp,pulse,acvpu\n";

    #[test]
    fn news2_misses_a_sign_and_never_takes_it_for_0() {
        let row = ["16", "98", "0", "36.8", "120", "70", "A"];
        let mut text = SIGNS.to_owned();
        for missing in 0..8 {
            let mut row = row;
            if let Some(cell) = row.get_mut(missing) {
                *cell = "";
            }
            text += &format!("{}\n", row.join(","));
        }
        let (output, ..) = run(&mut Chart::new(Spo2Scale::One), &text);
        assert!(output[1..8].iter().all(|line| line.ends_with(",,unscored,missing_answers")), "{output:?}");
        assert!(output[8].ends_with("A,0,scored,"));
    }

    #[test]
    fn news2_rounds_to_the_chart_and_knows_both_scales() {
        let text = format!("{SIGNS}20.5,93,yes,35.04,120,90.4,A\n16,93,TRUE,36.8,120,70,v\n");
        let scores = |scale| {
            let (output, ..) = run(&mut Chart::new(scale), &text);
            [1, 2].map(|at| output[at].trim_end_matches(",scored,").rsplit(',').next().unwrap().to_owned())
        };
        // 21 breaths 2, 93 % 2 or 1, oxygen 2, 35.0 C 3; and 93 % 2 or 1, oxygen 2, voice 3
        assert_eq!(scores(Spo2Scale::One), ["9", "7"]);
        assert_eq!(scores(Spo2Scale::Two), ["8", "6"]);
    }

    #[test]
    fn news2_refuses_what_is_no_vital_sign() {
        let text = format!("{SIGNS}16,0.97,2,98.6,-1,x,B\n");
        let (output, told, _) = run(&mut Chart::new(Spo2Scale::One), &text);
        assert!(output[1].ends_with(",,unscored,answer_out_of_range"));
        assert_eq!(
            told,
            [
                "line 2, column 2 (spo2): is no spo2 (from 20 to 100)",
                "line 2, column 3 (on_o2): is no on_o2 (from 0 to 1)",
                "line 2, column 4 (temp_c): is no temp_c (from 20 to 50)",
                "line 2, column 5 (sbp): is no number",
                "line 2, column 6 (pulse): is no number",
                "line 2, column 7 (acvpu): is none of A, C, V, P, U",
            ]
        );
    }
}
