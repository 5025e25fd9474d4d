//! The alerts in memory: of each its newest row, and what changed since.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use aftercare_schemas::wire::Alert;
use tokio::sync::watch;

use super::Owner;

/// At most this many alerts are held; beyond it the longest unchanged that are not critical are let go.
pub const ROWS_MAX: usize = 50_000;
/// At most this many of them are resolved or withdrawn.
pub const FINISHED_MAX: usize = 2_000;

/// The alerts that are open, and those resolved of late.
pub struct Board {
    /// Tells changes of this board from those of an earlier process.
    epoch: u64,
    rows: Mutex<Rows>,
    changed: watch::Sender<u64>,
}

#[derive(Default)]
struct Rows {
    by_id: BTreeMap<Arc<str>, Row>,
    /// The last change of each alert, so that what changed since any number is at hand.
    by_change: BTreeMap<u64, Arc<str>>,
    change: u64,
    finished: usize,
}

/// One alert as it is now.
#[derive(Clone)]
pub(super) struct Row {
    version: u64,
    change: u64,
    pub(super) revision: i32,
    pub(super) finished: bool,
    critical: bool,
    pub(super) patient_id: Arc<str>,
    pub(super) owner: Owner,
    pub(super) source: Arc<str>,
    /// The row as on the stream `alerts`, as JSON.
    pub(super) json: Arc<str>,
}

/// What a reader has seen of a board.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Seen {
    epoch: u64,
    pub(super) change: u64,
}

impl Seen {
    /// From the text that [`Display`](std::fmt::Display) gave.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (epoch, change) = text.split_once('-')?;
        Some(Self { epoch: epoch.parse().ok()?, change: change.parse().ok()? })
    }
}

impl std::fmt::Display for Seen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}-{}", self.epoch, self.change)
    }
}

impl Default for Board {
    fn default() -> Self {
        Self::new()
    }
}

impl Board {
    /// An empty board.
    #[must_use]
    pub fn new() -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let epoch = u64::try_from(since.as_micros()).unwrap_or(u64::MAX);
        Self { epoch, rows: Mutex::default(), changed: watch::Sender::new(0) }
    }

    /// Takes a row of the stream `alerts`. One that is not newer than what is known changes nothing.
    ///
    /// # Errors
    /// When a number in it is none, which JSON cannot hold.
    pub fn put(&self, alert: &Alert<'_>) -> Result<(), serde_json::Error> {
        let json: Arc<str> = serde_json::to_string(alert)?.into();
        let change = self.lock().put(alert, json);
        if let Some(change) = change {
            self.changed.send_replace(change);
        }
        Ok(())
    }

    /// How many alerts are held, count.
    #[must_use]
    pub fn len(&self) -> usize {
        self.lock().by_id.len()
    }

    /// Whether none is held.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(super) fn find(&self, alert_id: &str) -> Option<Row> {
        self.lock().by_id.get(alert_id).cloned()
    }

    /// The alerts that changed after `seen`, or all when that is none or of another process; and what has then been
    /// seen.
    pub(super) fn since(&self, seen: Option<Seen>) -> (Vec<Row>, Seen) {
        let rows = self.lock();
        let from = seen.filter(|seen| seen.epoch == self.epoch).map_or(0, |seen| seen.change);
        let changed = rows.by_change.range(from.saturating_add(1)..).map(|(_, id)| rows.by_id[id].clone());
        (changed.collect(), Seen { epoch: self.epoch, change: rows.change })
    }

    /// Whether `seen` is of this board, so that changes since are enough.
    pub(super) fn knows(&self, seen: Seen) -> bool {
        seen.epoch == self.epoch
    }

    pub(super) fn watch(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    fn lock(&self) -> MutexGuard<'_, Rows> {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Rows {
    fn put(&mut self, alert: &Alert<'_>, json: Arc<str>) -> Option<u64> {
        if self.by_id.get(alert.alert_id).is_some_and(|known| known.version >= alert.version) {
            return None;
        }
        self.remove(alert.alert_id);
        self.change += 1;
        let id: Arc<str> = alert.alert_id.into();
        let row = Row {
            version: alert.version,
            change: self.change,
            revision: alert.revision,
            finished: matches!(alert.status, "resolved" | "withdrawn"),
            critical: alert.severity == "critical",
            patient_id: alert.patient_id.into(),
            owner: Owner {
                care_team: alert.care_team.map(str::to_owned),
                clinician_id: alert.clinician_id.map(str::to_owned),
            },
            source: alert.source.into(),
            json,
        };
        self.finished += usize::from(row.finished);
        self.by_change.insert(self.change, Arc::clone(&id));
        self.by_id.insert(id, row);
        if self.finished > FINISHED_MAX {
            self.let_go(|row| row.finished);
        }
        if self.by_id.len() > ROWS_MAX {
            self.let_go(|row| !row.critical);
        }
        Some(self.change)
    }

    fn remove(&mut self, id: &str) {
        if let Some(row) = self.by_id.remove(id) {
            self.by_change.remove(&row.change);
            self.finished -= usize::from(row.finished);
        }
    }

    fn let_go(&mut self, such: impl Fn(&Row) -> bool) {
        if let Some(id) = self.by_change.values().find(|id| such(&self.by_id[*id])).cloned() {
            self.remove(&id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::console::desk::tests::alert;

    fn ids(rows: &[Row]) -> Vec<&str> {
        rows.iter().map(|row| &*row.patient_id).collect()
    }

    #[test]
    fn the_newest_row_of_each_alert_counts_and_changes_are_found_from_any_moment() {
        let board = Board::new();
        board.put(&alert("a", 1, "open")).unwrap();
        board.put(&alert("b", 2, "open")).unwrap();
        let (all, seen) = board.since(None);
        assert_eq!(ids(&all), ["a", "b"]);
        board.put(&alert("a", 1, "resolved")).unwrap();
        assert!(board.since(Some(seen)).0.is_empty(), "a repetition changes nothing");
        board.put(&alert("a", 3, "resolved")).unwrap();
        let (changed, _) = board.since(Seen::parse(&seen.to_string()));
        assert_eq!((ids(&changed), changed[0].finished), (vec!["a"], true));
        let other = Seen { epoch: seen.epoch + 1, ..seen };
        assert_eq!((board.knows(other), board.since(Some(other)).0.len()), (false, 2));
    }

    #[test]
    fn resolved_alerts_are_let_go_first_and_open_ones_stay() {
        let board = Board::new();
        board.put(&alert("open", 1, "open")).unwrap();
        for version in 2..u64::try_from(FINISHED_MAX).unwrap() + 12 {
            board.put(&alert(&format!("r{version}"), version, "resolved")).unwrap();
        }
        assert_eq!(board.len(), FINISHED_MAX + 1);
        assert!(board.find("open").is_some() && board.find("r2").is_none() && board.find("r12").is_some());
    }
}
