//! Devices, their series (one per metric) and the series' live windows.

use std::cmp::Ordering;
use std::collections::VecDeque;
use std::sync::Arc;

use aftercare_core::vital::hour_of;
use aftercare_core::window::{Points, WINDOW_MS};
use aftercare_stream::changelog::CorruptState;
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use super::codec::ENCODING;
use super::{DeviceNo, PatientNo};

/// How many windows of a series stay live behind its newest, and for how many window lengths by tick: 3 hours, and then
/// until their whole hour ends. (An hour's windows end together, so that what is left of it can be summed up at once.)
pub(crate) const LIVE_WINDOWS: i64 = 36;

const METRIC_BITS: u32 = 6;
const INDEX_BITS: u32 = 26;

/// Device number, metric and window index in one word, so that windows order by device, metric and time.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct WindowKey(pub(crate) u64);

impl WindowKey {
    /// `None` when the window lies before 1970 or after 2600.
    pub(crate) fn new(device: DeviceNo, metric: u8, index: i64) -> Option<Self> {
        let index = u64::try_from(index).ok().filter(|i| i >> INDEX_BITS == 0)?;
        debug_assert!(metric >> METRIC_BITS == 0);
        Some(Self(
            u64::from(device.0) << (METRIC_BITS + INDEX_BITS) | u64::from(metric) << INDEX_BITS | index,
        ))
    }

    #[allow(clippy::cast_possible_truncation, reason = "the upper 32 bits")]
    pub(crate) fn device(self) -> DeviceNo {
        DeviceNo((self.0 >> (METRIC_BITS + INDEX_BITS)) as u32)
    }

    #[allow(clippy::cast_possible_truncation, reason = "masked to 6 bits")]
    pub(crate) fn metric(self) -> u8 {
        (self.0 >> INDEX_BITS & ((1 << METRIC_BITS) - 1)) as u8
    }

    #[allow(clippy::cast_possible_wrap, reason = "masked to 26 bits")]
    pub(crate) fn index(self) -> i64 {
        (self.0 & ((1 << INDEX_BITS) - 1)) as i64
    }
}

/// What became of a reading, as it is counted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum ReadingOutcome {
    Accepted,
    Duplicate,
    Conflicting,
    Late,
    HeldFuture,
    UnknownMetric,
    UnsupportedUnit,
    ImplausibleValue,
    FarFuture,
}

pub(crate) const READING_OUTCOMES: usize = 9;

impl ReadingOutcome {
    pub(crate) const ALL: [Self; READING_OUTCOMES] = [
        Self::Accepted,
        Self::Duplicate,
        Self::Conflicting,
        Self::Late,
        Self::HeldFuture,
        Self::UnknownMetric,
        Self::UnsupportedUnit,
        Self::ImplausibleValue,
        Self::FarFuture,
    ];

    /// Outcome and reason as they are written.
    pub(crate) fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Accepted => ("accepted", ""),
            Self::Duplicate => ("duplicate", ""),
            Self::Conflicting => ("conflicting", "conflicting_content"),
            Self::Late => ("late", ""),
            Self::HeldFuture => ("held", "far_future"),
            Self::UnknownMetric => ("rejected", "unknown_metric"),
            Self::UnsupportedUnit => ("rejected", "unsupported_unit"),
            Self::ImplausibleValue => ("rejected", "implausible_value"),
            Self::FarFuture => ("rejected", "far_future"),
        }
    }
}

/// Counts of one device and one day (of the tick), by outcome.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Tally {
    /// UTC day of the tick.
    pub(crate) day: i32,
    pub(crate) readings: [u32; READING_OUTCOMES],
    pub(crate) records: [u32; READING_OUTCOMES],
    /// Outcomes whose counts changed since they were last issued, one bit each.
    pub(crate) dirty: u16,
}

impl Tally {
    pub(crate) fn is_dirty(&self) -> bool {
        self.dirty != 0
    }

    pub(crate) fn add(&mut self, outcome: ReadingOutcome, records: u32, readings: u32) {
        let at = outcome as usize;
        self.readings[at] += readings;
        self.records[at] += records;
        self.dirty |= 1 << at;
    }

    /// Takes back what was added, and the marks as they were before.
    pub(crate) fn take_back(&mut self, outcome: ReadingOutcome, records: u32, readings: u32, dirty: u16) {
        let at = outcome as usize;
        self.readings[at] -= readings;
        self.records[at] -= records;
        self.dirty = dirty;
    }
}

/// One live window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Window {
    pub(crate) index: i64,
    /// The tick at which a reading last reached it.
    pub(crate) touched_at: i64,
    /// Changed since it was last issued.
    pub(crate) dirty: bool,
    /// Issued since its hour and its day were. Not kept: after a restore and after an abort they are issued again.
    pub(crate) longer_due: bool,
    pub(crate) points: Points,
    /// The transaction that touched it last.
    pub(crate) epoch: u32,
    /// The transaction that last wrote a reading of it as an operation.
    pub(crate) noted: u32,
}

impl Window {
    /// A window without readings.
    pub(crate) fn new(index: i64, touched_at: i64, epoch: u32) -> Self {
        Self {
            index,
            touched_at,
            dirty: false,
            longer_due: false,
            points: Points::default(),
            epoch,
            noted: 0,
        }
    }

    /// The tick at which it ends for good, if nothing reaches it before.
    pub(crate) fn ends_at(&self) -> i64 {
        self.touched_at.max((self.index + 1) * WINDOW_MS) + LIVE_WINDOWS * WINDOW_MS
    }

    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        out.push(ENCODING);
        out.extend_from_slice(&self.index.to_le_bytes());
        out.extend_from_slice(&self.touched_at.to_le_bytes());
        out.push(u8::from(self.dirty));
        self.points.encode(out);
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, CorruptState> {
        let parse = || {
            let (index, rest) = bytes.split_first_chunk::<8>()?;
            let (touched_at, rest) = rest.split_first_chunk::<8>()?;
            let (&dirty, rest) = rest.split_first()?;
            Some(Self {
                index: i64::from_le_bytes(*index),
                touched_at: i64::from_le_bytes(*touched_at),
                dirty: dirty != 0,
                longer_due: true,
                points: Points::decode(rest)?,
                epoch: 0,
                noted: 0,
            })
        };
        parse().ok_or_else(|| CorruptState("window: cut off".into()))
    }
}

/// The readings of one metric of a device.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Series {
    pub(crate) metric: u8,
    /// Where its readings come from (live, import, simulated), of the newest record.
    pub(crate) source: u8,
    /// Windows up to this index have ended for good.
    pub(crate) closed_through: i64,
    /// Live windows by time.
    #[serde(skip)]
    pub(crate) windows: VecDeque<Window>,
}

impl Series {
    /// The place of the live window of that index, or where it would be. Looked for from the ends: the newest are
    /// written, the oldest end.
    fn place_of(&self, index: i64) -> Result<usize, usize> {
        let n = self.windows.len();
        for at in (n.saturating_sub(4)..n).rev() {
            match self.windows[at].index.cmp(&index) {
                Ordering::Equal => return Ok(at),
                Ordering::Less => return Err(at + 1),
                Ordering::Greater => {}
            }
        }
        match self.windows.front() {
            Some(first) if first.index == index => Ok(0),
            _ => self.windows.binary_search_by_key(&index, |w| w.index),
        }
    }

    /// Hours with live windows (in ascending order), and the tick at which each ends for good.
    pub(crate) fn hours(&self) -> impl Iterator<Item = (i64, i64)> + '_ {
        let by_hour = self.windows.iter().map(|w| (hour_of(w.index), w.ends_at()));
        let mut by_hour = by_hour.peekable();
        std::iter::from_fn(move || {
            let (hour, mut ends_at) = by_hour.next()?;
            while let Some((_, later)) = by_hour.next_if(|(next, _)| *next == hour) {
                ends_at = ends_at.max(later);
            }
            Some((hour, ends_at))
        })
    }

    /// The live windows of an hour.
    pub(crate) fn windows_of(&self, hour: i64) -> impl Iterator<Item = &Window> {
        let from = self.windows.partition_point(|w| hour_of(w.index) < hour);
        self.windows.range(from..).take_while(move |w| hour_of(w.index) == hour)
    }

    /// The live window of that index.
    pub(crate) fn window(&self, index: i64) -> Option<&Window> {
        self.windows.get(self.place_of(index).ok()?)
    }

    /// The same, to change.
    pub(crate) fn window_mut(&mut self, index: i64) -> Option<&mut Window> {
        let at = self.place_of(index).ok()?;
        self.windows.get_mut(at)
    }
}

/// A patient's id and a device's, in one piece of memory: they are only ever compared together.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Ids {
    both: Box<str>,
    patient_len: u32,
}

/// One device of one patient.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Device {
    pub(crate) patient: PatientNo,
    ids: Ids,
    pub(crate) tally: Tally,
    /// By metric.
    pub(crate) series: SmallVec<[Series; 1]>,
    /// When it will be looked at for windows that ended.
    #[serde(skip)]
    pub(crate) sweep_at: Option<i64>,
    /// When its hours and days will be issued that changed.
    #[serde(skip)]
    pub(crate) longer_at: Option<i64>,
    /// Its id, shared with the facts that name it.
    #[serde(skip)]
    pub(crate) shared_id: Option<Arc<str>>,
    /// The transaction that touched it last.
    #[serde(skip)]
    pub(crate) epoch: u32,
    /// The transaction that last wrote a count of it as an operation.
    #[serde(skip)]
    pub(crate) noted: u32,
}

impl Default for Device {
    fn default() -> Self {
        Self {
            patient: PatientNo(0),
            ids: Ids::default(),
            tally: Tally::default(),
            series: SmallVec::new(),
            sweep_at: None,
            longer_at: None,
            shared_id: None,
            epoch: 0,
            noted: 0,
        }
    }
}

impl Device {
    pub(crate) fn new(patient: PatientNo, patient_id: &str, device_id: &str) -> Self {
        let patient_len = u32::try_from(patient_id.len()).expect("a record is far below 4 GiB");
        let ids = Ids { both: format!("{patient_id}{device_id}").into(), patient_len };
        Self { patient, ids, ..Self::default() }
    }

    /// Reads a little of everything that a reading of this device needs.
    pub(crate) fn warmth(&self) -> i64 {
        let newest = self.series.first().and_then(|s| s.windows.back());
        i64::from(self.ids.both.as_bytes().first().copied().unwrap_or(0)) + newest.map_or(0, |w| w.index)
    }

    /// The patient's id and the device's. Empty before the changelog brought them.
    pub(crate) fn ids(&self) -> (&str, &str) {
        self.ids.both.split_at(self.ids.patient_len as usize)
    }

    /// The device's id, to be kept.
    pub(crate) fn shared_id(&mut self) -> Arc<str> {
        let (_, id) = self.ids.both.split_at(self.ids.patient_len as usize);
        Arc::clone(self.shared_id.get_or_insert_with(|| id.into()))
    }

    pub(crate) fn series_mut(&mut self, metric: u8) -> Option<&mut Series> {
        self.series.iter_mut().find(|s| s.metric == metric)
    }

    pub(crate) fn series_of(&self, metric: u8) -> Option<&Series> {
        self.series.iter().find(|s| s.metric == metric)
    }

    pub(crate) fn add_series(&mut self, metric: u8) {
        let at = self.series.partition_point(|s| s.metric < metric);
        self.series.insert(at, Series { metric, closed_through: i64::MIN, ..Series::default() });
    }

    pub(crate) fn window(&self, key: WindowKey) -> Option<&Window> {
        self.series_of(key.metric())?.window(key.index())
    }

    pub(crate) fn window_mut(&mut self, key: WindowKey) -> Option<&mut Window> {
        self.series_mut(key.metric())?.window_mut(key.index())
    }

    /// Puts or removes a window.
    pub(crate) fn set_window(&mut self, key: WindowKey, window: Option<Window>) {
        if self.series_of(key.metric()).is_none() {
            self.add_series(key.metric());
        }
        let series = self.series_mut(key.metric()).expect("it was just added");
        match (series.place_of(key.index()), window) {
            (Ok(at), Some(window)) => series.windows[at] = window,
            (Ok(at), None) => drop(series.windows.remove(at)),
            (Err(at), Some(window)) => series.windows.insert(at, window),
            (Err(_), None) => {}
        }
    }

    /// Takes the live windows out of the entry that this one replaces.
    pub(crate) fn adopt_windows(&mut self, known: &mut Device) {
        for old in &mut known.series {
            if old.windows.is_empty() {
                continue;
            }
            if self.series_of(old.metric).is_none() {
                self.add_series(old.metric);
            }
            self.series_mut(old.metric).expect("it was just added").windows =
                std::mem::take(&mut old.windows);
        }
    }

    /// When the first of its live windows ends, or its longer windows are to be issued, if it has any.
    pub(crate) fn next_sweep(&self) -> Option<i64> {
        let ends = self.series.iter().flat_map(Series::hours).map(|(_, ends_at)| ends_at);
        ends.chain(self.longer_at).min()
    }

    /// The first window after `after`, or its first at all.
    pub(crate) fn next_window(&self, no: DeviceNo, after: Option<WindowKey>) -> Option<WindowKey> {
        for series in &self.series {
            let from = match after.filter(|k| k.device() == no) {
                Some(k) if k.metric() > series.metric => continue,
                Some(k) if k.metric() == series.metric => k.index() + 1,
                _ => i64::MIN,
            };
            let at = series.windows.partition_point(|w| w.index < from);
            if let Some(window) = series.windows.get(at) {
                return WindowKey::new(no, series.metric, window.index);
            }
        }
        None
    }
}
