//! A line of points over a band, drawn in characters: braille dots for the line, a mark for each point.

/// Columns and rows of the plot itself, axes apart; with them it fits 80 columns.
const COLUMNS: usize = 62;
const ROWS: usize = 14;
/// Dots of a braille character.
const DOTS_X: usize = 2;
const DOTS_Y: usize = 4;
/// Bits of the dots of a braille character, by row and column.
const BRAILLE: [[u32; DOTS_X]; DOTS_Y] = [[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]];
const BASELINE: f64 = 100.0;

/// A range of values, spread over so many dots.
struct Axis {
    low: f64,
    high: f64,
    step: f64,
    dots: usize,
}

impl Axis {
    /// Wide enough for all values, beginning and ending at a multiple of one of the `steps`, with six marks at most.
    fn over(values: impl Iterator<Item = f64> + Clone, steps: &[f64], dots: usize) -> Self {
        let low = values.clone().fold(f64::INFINITY, f64::min);
        let high = values.fold(f64::NEG_INFINITY, f64::max);
        let fits = |step: &&f64| (high / **step).ceil() - (low / **step).floor() <= 6.0;
        let step = steps.iter().find(fits).copied().unwrap_or_else(|| ((high - low) / 5.0).ceil());
        Self { low: (low / step).floor() * step, high: (high / step).ceil() * step, step, dots }
    }

    #[allow(clippy::cast_precision_loss, reason = "a few hundred dots")]
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to the dots")]
    fn dot(&self, value: f64) -> usize {
        let last = (self.dots - 1) as f64;
        let share = (value - self.low) / (self.high - self.low).max(f64::MIN_POSITIVE);
        (share * last).round().clamp(0.0, last) as usize
    }

    /// The value in the middle of a dot.
    #[allow(clippy::cast_precision_loss, reason = "a few hundred dots")]
    fn value(&self, dot: usize) -> f64 {
        self.low + (self.high - self.low) * dot as f64 / (self.dots - 1) as f64
    }

    fn marks(&self) -> impl Iterator<Item = f64> + '_ {
        std::iter::successors(Some(self.low), |mark| Some(mark + self.step))
            .take_while(|mark| *mark <= self.high + self.step / 2.0)
    }
}

/// What is drawn: over days since treatment, index in % of the baseline, all in the order of the days.
#[derive(Default)]
pub(super) struct Chart {
    /// Day and value.
    pub(super) line: Vec<(f64, f64)>,
    /// Whether each point of the line is marked.
    pub(super) marked: bool,
    /// Day, lower and upper end.
    pub(super) band: Vec<(f64, f64, f64)>,
}

/// Draws it.
pub(super) fn draw(chart: &Chart) -> Vec<String> {
    let Chart { line: points, marked, band } = chart;
    let days = points.iter().map(|p| p.0).chain(band.iter().map(|b| b.0)).chain([0.0]);
    let ends = band.iter().flat_map(|b| [b.1, b.2]);
    let values = points.iter().map(|p| p.1).chain(ends).chain([BASELINE - 10.0, BASELINE + 10.0]);
    let x = Axis::over(days, &[7.0, 14.0, 28.0, 56.0, 84.0, 182.0, 364.0], COLUMNS * DOTS_X);
    let y = Axis::over(values, &[5.0, 10.0, 20.0, 25.0, 50.0, 100.0, 200.0, 500.0], ROWS * DOTS_Y);
    let row_of = |value: f64| ROWS - 1 - y.dot(value) / DOTS_Y;
    let mut cells = vec![[' '; COLUMNS]; ROWS];
    for row in &mut cells {
        row[x.dot(0.0) / DOTS_X] = '┊';
    }
    cells[row_of(BASELINE)] = ['┄'; COLUMNS];
    shade(band, &x, &y, &mut cells);
    line(points, &x, &y, &mut cells);
    for (day, value) in points.iter().filter(|_| *marked) {
        cells[row_of(*value)][x.dot(*day) / DOTS_X] = '●';
    }
    let mut lines: Vec<String> = Vec::with_capacity(ROWS + 2);
    let marks: Vec<(usize, f64)> = y.marks().map(|mark| (row_of(mark), mark)).collect();
    for (at, row) in cells.iter().enumerate() {
        let mark = marks.iter().find(|(row, _)| *row == at);
        let label = mark.map_or_else(|| "      │".to_owned(), |(_, mark)| format!("{mark:>5.0} ┤"));
        let end = if at == row_of(BASELINE) { " baseline" } else { "" };
        lines.push(format!("{label}{}{end}", row.iter().collect::<String>()).trim_end().to_owned());
    }
    lines.extend(days_axis(&x));
    lines
}

/// The band, between its ends at each column.
fn shade(band: &[(f64, f64, f64)], x: &Axis, y: &Axis, cells: &mut [[char; COLUMNS]]) {
    for column in 0..COLUMNS {
        let day = x.value(column * DOTS_X);
        let Some(pair) = band.windows(2).find(|pair| pair[0].0 <= day && day <= pair[1].0) else { continue };
        let share = (day - pair[0].0) / (pair[1].0 - pair[0].0).max(f64::MIN_POSITIVE);
        let between = |from: f64, to: f64| from + (to - from) * share;
        let (low, high) = (between(pair[0].1, pair[1].1), between(pair[0].2, pair[1].2));
        let row = |value: f64| ROWS - 1 - y.dot(value) / DOTS_Y;
        for cells in &mut cells[row(high)..=row(low)] {
            if cells[column] == ' ' {
                cells[column] = '░';
            }
        }
    }
}

/// The line from point to point, as braille dots.
#[allow(clippy::cast_precision_loss, reason = "a few hundred dots")]
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between two dots")]
fn line(points: &[(f64, f64)], x: &Axis, y: &Axis, cells: &mut [[char; COLUMNS]]) {
    let mut bits = vec![[0u32; COLUMNS]; ROWS];
    for pair in points.windows(2) {
        let [(x0, y0), (x1, y1)] = [pair[0], pair[1]].map(|(day, value)| (x.dot(day), y.dot(value)));
        let steps = x0.abs_diff(x1).max(y0.abs_diff(y1)).max(1);
        for step in 0..=steps {
            let at = |from: usize, to: usize| {
                (from as f64 + (to as f64 - from as f64) * step as f64 / steps as f64).round() as usize
            };
            let (dot_x, dot_y) = (at(x0, x1), ROWS * DOTS_Y - 1 - at(y0, y1));
            bits[dot_y / DOTS_Y][dot_x / DOTS_X] |= BRAILLE[dot_y % DOTS_Y][dot_x % DOTS_X];
        }
    }
    for (row, bits) in cells.iter_mut().zip(bits) {
        for (cell, bits) in row.iter_mut().zip(bits) {
            if bits != 0 {
                *cell = char::from_u32(0x2800 + bits).unwrap_or('·');
            }
        }
    }
}

/// The axis of days with its marks, and their numbers below it.
fn days_axis(x: &Axis) -> [String; 2] {
    let mut axis = ['─'; COLUMNS];
    let mut numbers = vec![' '; COLUMNS + 16];
    for mark in x.marks() {
        let column = x.dot(mark) / DOTS_X;
        axis[column] = '┬';
        let text = format!("{mark:.0}");
        // Centred below its mark; the plot itself begins seven columns further right.
        let first = column + 7 - text.len() / 2;
        for (at, c) in text.chars().enumerate() {
            if let Some(place) = numbers.get_mut(first + at) {
                *place = c;
            }
        }
    }
    let axis: String = axis.iter().collect();
    [format!("      └{axis}"), numbers.iter().collect::<String>().trim_end().to_owned()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(lines: &[String], what: char) -> Vec<(usize, usize)> {
        let chars = |line: &String| line.chars().collect::<Vec<_>>();
        let places = |(row, line)| {
            let line: Vec<char> = chars(line);
            (0..line.len()).filter(|at| line[*at] == what).map(|at| (row, at)).collect::<Vec<_>>()
        };
        lines.iter().enumerate().flat_map(places).collect()
    }

    #[test]
    fn points_lie_where_their_values_are() {
        let line = vec![(-7.0, 100.0), (0.0, 80.0), (28.0, 140.0)];
        let lines = draw(&Chart { line, marked: true, band: Vec::new() });
        assert!(lines.iter().all(|line| line.chars().count() <= 80), "{lines:#?}");
        let points = find(&lines, '●');
        assert_eq!(points.len(), 3, "{lines:#?}");
        // From top to bottom: the last, the first, the middle one; further right is later.
        assert!(points[0].1 > points[1].1 && points[2].1 > points[1].1, "{lines:#?}");
        let baseline = find(&lines, '┄')[0].0;
        assert_eq!(points[1].0, baseline, "100 % lies on the line\n{lines:#?}");
        assert!(lines[baseline].trim_start().starts_with("100 ┤") && lines[baseline].ends_with("baseline"));
        // The number of a mark is below it.
        let zero = lines[ROWS + 1].chars().position(|c| c == '0').unwrap();
        assert_eq!(lines[ROWS].chars().nth(zero), Some('┬'), "{lines:#?}");
        assert_eq!(points[2].1, zero, "day 0 stands above the 0\n{lines:#?}");
    }

    #[test]
    fn a_band_lies_between_its_ends_and_under_the_line() {
        let band = vec![(0.0, 100.0, 120.0), (28.0, 120.0, 160.0)];
        let lines = draw(&Chart { line: vec![(0.0, 110.0), (28.0, 140.0)], marked: false, band });
        let shaded = find(&lines, '░');
        assert!(shaded.len() > 20 && find(&lines, '●').is_empty(), "{lines:#?}");
        let rows_at = |at: usize| shaded.iter().filter(move |(_, column)| *column == at).map(|(row, _)| *row);
        let (first, last) =
            (shaded.iter().map(|s| s.1).min().unwrap(), shaded.iter().map(|s| s.1).max().unwrap());
        assert!(rows_at(first).max() > rows_at(last).max(), "it rises\n{lines:#?}");
        assert!(rows_at(last).count() > rows_at(first).count(), "and widens\n{lines:#?}");
    }

    #[test]
    fn few_and_wild_values_are_drawn_too() {
        for points in [&[][..], &[(3.0, 100.0)][..], &[(0.0, -2000.0), (1.0, 9000.0), (9000.0, 0.0)][..]] {
            let lines = draw(&Chart { line: points.to_vec(), marked: true, band: Vec::new() });
            assert_eq!(lines.len(), ROWS + 2);
            assert!(lines.iter().all(|line| line.chars().count() <= 80), "{lines:#?}");
        }
    }
}
