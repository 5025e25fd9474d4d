//! Tumbling windows over the readings of one metric of one device.
//!
//! A window keeps its readings, and its statistics ([`crate::vital::Summary`]) are computed from them, over fixed-point integers: neither the order
//! of arrival nor the machine can change a bit of the result.

use std::collections::BTreeMap;

use smallvec::SmallVec;

use crate::time::Instant;

/// Length of a window, milliseconds: 5 minutes. Windows begin at multiples of it since 1970 UTC.
pub const WINDOW_MS: i64 = 300_000;

/// Greatest magnitude of a reading, in the metric's unit. Beyond it nothing that a wearable measures is plausible, and
/// below it the sums of a full window cannot overflow.
pub const VALUE_MAX: f64 = 10_000_000.0;

const MICROS_PER_UNIT: f64 = 1e6;

/// A reading's value in millionths of the metric's unit.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Micros(i64);

impl Micros {
    /// From a count of millionths, as [`Micros::millionths`] gives it.
    #[must_use]
    pub const fn from_millionths(count: i64) -> Self {
        Self(count)
    }

    /// The count of millionths of the unit.
    #[must_use]
    pub const fn millionths(self) -> i64 {
        self.0
    }

    /// `value` rounded to millionths, ties to even. `None` when it is not finite or beyond `VALUE_MAX`.
    #[must_use]
    pub fn from_units(value: f64) -> Option<Self> {
        #[allow(clippy::cast_possible_truncation, reason = "the range was checked and the value is integral")]
        (value.abs() <= VALUE_MAX).then(|| Self((value * MICROS_PER_UNIT).round_ties_even() as i64))
    }

    /// Whether its magnitude is at most `VALUE_MAX`.
    #[must_use]
    pub fn is_in_range(self) -> bool {
        self.to_units().abs() <= VALUE_MAX
    }

    /// Back in the metric's unit.
    #[must_use]
    pub fn to_units(self) -> f64 {
        micros_to_units(self.0)
    }
}

/// Millionths in whole units.
#[must_use]
#[allow(clippy::cast_precision_loss, reason = "10^13 fits a double exactly")]
pub fn micros_to_units(micros: i64) -> f64 {
    micros as f64 / MICROS_PER_UNIT
}

/// Which window a moment belongs to: windows since 1970, and milliseconds within the window.
#[must_use]
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the remainder is in 0..300000")]
pub fn window_of(at: Instant) -> (i64, u32) {
    (at.0.div_euclid(WINDOW_MS), at.0.rem_euclid(WINDOW_MS) as u32)
}

/// When the window begins.
#[must_use]
pub fn window_start(index: i64) -> Instant {
    Instant(index.saturating_mul(WINDOW_MS))
}

/// One reading in a window, 12 bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(Rust, packed(4))]
pub struct Point {
    /// Milliseconds since the window's start.
    pub offset_ms: u32,
    /// The value.
    pub value: Micros,
}

/// Bytes of an encoded point.
const POINT_BYTES: usize = 12;

impl Point {
    fn to_bytes(self) -> [u8; POINT_BYTES] {
        let (offset, value) = (self.offset_ms, self.value);
        let mut bytes = [0; POINT_BYTES];
        bytes[..4].copy_from_slice(&offset.to_le_bytes());
        bytes[4..].copy_from_slice(&value.0.to_le_bytes());
        bytes
    }
}

/// What became of a reading.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ReadingVerdict {
    /// It is in the window now.
    Accepted,
    /// The window holds the same reading.
    Duplicate,
    /// The window holds another value of the same moment; the first one stays.
    Conflicting,
}

/// More readings of a window than this are kept in a tree: in a row, each that comes early moves all later ones.
const ROW_MAX: usize = 512;

/// The readings of one window, by time. As many as one a minute gives lie in the window itself, without a jump.
#[derive(Clone, Debug)]
pub struct Points(Kept);

#[derive(Clone, Debug)]
enum Kept {
    Row(SmallVec<[Point; 5]>),
    /// By milliseconds since the window's start.
    Tree(BTreeMap<u32, Micros>),
}

impl Default for Points {
    fn default() -> Self {
        Self(Kept::Row(SmallVec::new()))
    }
}

impl PartialEq for Points {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for Points {}

impl Points {
    /// Adds a reading, unless the window has one of that moment.
    pub fn insert(&mut self, offset_ms: u32, value: Micros) -> ReadingVerdict {
        let verdict = self.judge(offset_ms, value);
        if verdict != ReadingVerdict::Accepted {
            return verdict;
        }
        match &mut self.0 {
            Kept::Tree(tree) => {
                tree.insert(offset_ms, value);
            }
            Kept::Row(row) => {
                if let Err(at) = position(row, offset_ms) {
                    row.insert(at, Point { offset_ms, value });
                }
                if row.len() > ROW_MAX {
                    self.0 = Kept::Tree(row.iter().map(|point| (point.offset_ms, point.value)).collect());
                }
            }
        }
        verdict
    }

    /// Takes the reading of that moment out again, if there is one.
    pub fn remove(&mut self, offset_ms: u32) {
        match &mut self.0 {
            Kept::Tree(tree) => drop(tree.remove(&offset_ms)),
            Kept::Row(row) => {
                if let Ok(at) = position(row, offset_ms) {
                    row.remove(at);
                }
            }
        }
    }

    /// What `insert` would answer, without inserting.
    #[must_use]
    pub fn judge(&self, offset_ms: u32, value: Micros) -> ReadingVerdict {
        let known = match &self.0 {
            Kept::Row(row) => position(row, offset_ms).ok().map(|at| row[at].value),
            Kept::Tree(tree) => tree.get(&offset_ms).copied(),
        };
        match known {
            Some(known) if known == value => ReadingVerdict::Duplicate,
            Some(_) => ReadingVerdict::Conflicting,
            None => ReadingVerdict::Accepted,
        }
    }

    fn iter(&self) -> impl Iterator<Item = Point> + '_ {
        let (row, tree) = match &self.0 {
            Kept::Row(row) => (row.as_slice(), None),
            Kept::Tree(tree) => (&[][..], Some(tree)),
        };
        let of_tree = tree
            .into_iter()
            .flatten()
            .map(|(offset_ms, value)| Point { offset_ms: *offset_ms, value: *value });
        row.iter().copied().chain(of_tree)
    }

    /// Appends the points' bytes to `out`.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.reserve(self.len() * POINT_BYTES);
        for point in self.iter() {
            out.extend_from_slice(&point.to_bytes());
        }
    }

    /// The points of what `encode` wrote; `None` if it did not.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let (points, rest) = bytes.as_chunks::<POINT_BYTES>();
        let point = |b: &[u8; POINT_BYTES]| Point {
            offset_ms: u32::from_le_bytes([b[0], b[1], b[2], b[3]]),
            value: Micros(i64::from_le_bytes([b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11]])),
        };
        let points = points.iter().map(point);
        let kept = if points.len() > ROW_MAX {
            Kept::Tree(points.map(|point| (point.offset_ms, point.value)).collect())
        } else {
            Kept::Row(points.collect())
        };
        rest.is_empty().then_some(Self(kept))
    }

    fn len(&self) -> usize {
        match &self.0 {
            Kept::Row(row) => row.len(),
            Kept::Tree(tree) => tree.len(),
        }
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The values in millionths of the metric's unit, by time.
    pub fn values(&self) -> impl Iterator<Item = i64> + '_ {
        self.iter().map(|point| { point.value }.0)
    }

    /// When the last of them was measured, milliseconds since the window's start.
    #[must_use]
    pub fn last_offset_ms(&self) -> Option<u32> {
        match &self.0 {
            Kept::Row(row) => row.last().map(|point| point.offset_ms),
            Kept::Tree(tree) => tree.last_key_value().map(|(offset_ms, _)| *offset_ms),
        }
    }

    /// In how many of the window's 5 minutes there is a reading.
    #[must_use]
    pub fn minutes(&self) -> u32 {
        let mut minutes = [false; 5];
        for point in self.iter() {
            if let Some(minute) = minutes.get_mut(point.offset_ms as usize / 60_000) {
                *minute = true;
            }
        }
        minutes.iter().map(|minute| u32::from(*minute)).sum()
    }
}

/// The place of the point of that moment, or where it would be.
fn position(row: &[Point], offset_ms: u32) -> Result<usize, usize> {
    match row.last() {
        Some(last) if last.offset_ms < offset_ms => Err(row.len()),
        None => Err(0),
        Some(_) => row.binary_search_by_key(&offset_ms, |point| point.offset_ms),
    }
}

/// Statistics of a window, in the metric's unit.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct WindowStats {
    /// How many readings, without duplicates.
    pub readings: u32,
    /// Their mean.
    pub mean: f64,
    /// Their standard deviation (n - 1); absent for a single reading.
    pub sd: Option<f64>,
    /// The least.
    pub min: f64,
    /// The greatest.
    pub max: f64,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vital::Summary;

    fn micros(value: f64) -> Micros {
        Micros::from_units(value).unwrap()
    }

    #[test]
    fn statistics_do_not_depend_on_order() {
        let readings = [(0, 61.25), (5_000, 60.1), (299_999, 180.333_333_4), (7, 59.0)];
        let (mut forward, mut backward) = (Points::default(), Points::default());
        for &(at, v) in &readings {
            assert_eq!(forward.insert(at, micros(v)), ReadingVerdict::Accepted);
        }
        for &(at, v) in readings.iter().rev() {
            assert_eq!(backward.insert(at, micros(v)), ReadingVerdict::Accepted);
        }
        assert_eq!(forward, backward);
        let stats = Summary::of([&forward]).stats().unwrap();
        let exact = (stats.readings, stats.min.to_bits(), stats.max.to_bits());
        assert_eq!(exact, (4, 59.0f64.to_bits(), 180.333_333f64.to_bits()));
        assert!((stats.mean - 90.170_833_25).abs() < 1e-9);
        assert!((stats.sd.unwrap() - 60.115_352).abs() < 1e-4, "{:?}", stats.sd);
        assert_eq!(
            Points::decode(&{
                let mut b = Vec::new();
                forward.encode(&mut b);
                b
            })
            .unwrap(),
            forward
        );
    }

    #[test]
    fn same_moment_is_duplicate_or_conflict_and_the_first_value_stays() {
        let mut points = Points::default();
        points.insert(10, micros(60.0));
        assert_eq!(points.insert(10, micros(60.000_000_4)), ReadingVerdict::Duplicate);
        assert_eq!(points.insert(10, micros(61.0)), ReadingVerdict::Conflicting);
        assert_eq!(
            Summary::of([&points]).stats().map(|s| (s.readings, s.max.to_bits())),
            Some((1, 60.0f64.to_bits()))
        );
        assert_eq!(Summary::of([&points]).stats().unwrap().sd, None);
        points.remove(11);
        points.remove(10);
        assert_eq!(points, Points::default());
    }

    #[test]
    fn in_whatever_order_many_readings_come_the_window_is_the_same() {
        let n = u32::try_from(ROW_MAX).unwrap() * 3;
        let value = |at: u32| micros(f64::from(at % 97));
        let mut upward = Points::default();
        (0..n).for_each(|at| assert_eq!(upward.insert(at, value(at)), ReadingVerdict::Accepted));
        for order in [(0..n).rev().collect::<Vec<_>>(), (0..n).map(|at| at * 1_000_003 % n).collect()] {
            let mut other = Points::default();
            order.iter().for_each(|at| assert_eq!(other.insert(*at, value(*at)), ReadingVerdict::Accepted));
            assert_eq!(other.insert(7, value(7)), ReadingVerdict::Duplicate);
            assert_eq!(other.insert(7, micros(98.0)), ReadingVerdict::Conflicting);
            assert_eq!(other, upward);
        }
        let bytes = |points: &Points| {
            let mut bytes = Vec::new();
            points.encode(&mut bytes);
            bytes
        };
        let mut few = Points::decode(&bytes(&upward)).unwrap();
        assert_eq!(few, upward);
        assert_eq!((few.last_offset_ms(), few.minutes(), few.values().count()), (Some(n - 1), 1, n as usize));
        (5..n).for_each(|at| few.remove(at));
        // What has had many readings is equal to what never had.
        assert_eq!(Points::decode(&bytes(&few)).unwrap(), few);
        assert_eq!(few.values().count(), 5);
    }

    #[test]
    fn values_out_of_range_or_not_numbers_are_refused() {
        for bad in [f64::NAN, f64::INFINITY, -1e8] {
            assert_eq!(Micros::from_units(bad), None);
        }
    }

    #[test]
    fn windows_before_1970_begin_at_multiples_too() {
        assert_eq!(window_of(Instant(-1)), (-1, 299_999));
        assert_eq!(window_start(-1), Instant(-300_000));
    }
}
